#pragma once
// STABLEHLO_REDUCE_WINDOW and REDUCE_WINDOW: every window of a tensor reduced to one element. The first may put gaps between the input's
// elements and a border around them, or cut some off; what lies there is the initial value.

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/long_list.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

enum class WindowFunction : std::uint8_t { none, sum, product, least, most, all, any };

/// f(a, b) as TFLite computes it; integers wrap.
template <class T> constexpr T apply_window_function(WindowFunction f, T a, T b) {
  switch (f) {
    case WindowFunction::sum:
    case WindowFunction::product:
      if constexpr (std::is_integral_v<T>) {
        const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
        return static_cast<T>(f == WindowFunction::sum ? x + y : x * y);
      } else {
        return f == WindowFunction::sum ? a + b : a * b;
      }
    case WindowFunction::least: return a <= b ? a : b;
    case WindowFunction::most: return a >= b ? a : b;
    case WindowFunction::all: return static_cast<T>(a != T{0} && b != T{0});
    case WindowFunction::any: return static_cast<T>(a != T{0} || b != T{0});
    default: return a;
  }
}

/// What n values make of each other, n >= 1. What floats lose by rounding is not what they would lose one by one.
template <class T> constexpr T repeated(WindowFunction f, T value, std::int64_t n) {
  if (f == WindowFunction::sum) {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(n));
    return static_cast<T>(value * static_cast<T>(n));
  }
  if (f != WindowFunction::product) return value;
  T power = value;
  for (--n; n > 0; n /= 2) {
    if (n % 2 != 0) power = apply_window_function<T>(f, power, value);
    value = apply_window_function<T>(f, value, value);
  }
  return power;
}

/// How windows lie along one dimension. All numbers fit 31 bits.
struct ReducedAxis {
  std::int64_t input = 1, output = 1;
  std::int64_t window = 1, stride = 1, dilation = 1;
  std::int64_t spread = 1;  // from one element of the input to the next, where gaps are between them
  std::int64_t before = 0;  // positions in front of the input's first element; negative: cut off

  /// Calls f(element) for the elements of the input in window `o`, in order. Borders and gaps, which take no memory, take no time either.
  template <class F> void each_element(std::int64_t o, F f) const {
    const std::int64_t first = o * stride - before, last = first + (window - 1) * dilation;
    if (last < 0) return;
    if (spread == 1) {
      const std::int64_t begin = first < 0 ? first + (dilation - 1 - first) / dilation * dilation : first;
      for (std::int64_t i = begin; i <= last && i < input; i += dilation) f(i);
    } else {
      for (std::int64_t i = first > 0 ? (first + spread - 1) / spread : 0; i < input && i * spread <= last; ++i) {
        if ((i * spread - first) % dilation == 0) f(i);
      }
    }
  }
};

struct WindowReduction {
  WindowFunction function = WindowFunction::none;
  std::int32_t rank = 0;
  std::array<ReducedAxis, max_rank> axes{};
};

/// What one list of an op's parameters says of a dimension.
struct WindowParameters {
  std::int64_t window = 1, stride = 1, dilation = 1, spread = 1, before = 0, after = 0;
};

/// Checks one dimension and works out its output, and how long the input is with gaps and borders.
constexpr Violation window_axis(const WindowParameters& p, std::int32_t input, int axis, ReducedAxis& to, std::int64_t& padded) {
  constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  for (const std::int64_t n : {p.window, p.stride, p.dilation, p.spread}) {
    if (n < 1 || n > limit) {
      return node_violation(ErrorCode::invalid_option, "has a window, stride or dilation of {} in dimension {}, which must be positive", n,
                            axis);
    }
  }
  if (p.before < -limit || p.before > limit || p.after < -limit || p.after > limit)
    return node_violation(ErrorCode::invalid_option, "has a border in dimension {} that does not fit 32 bits", axis);
  const std::int64_t spread = input > 0 ? (input - 1) * p.spread + 1 : 0;
  padded = spread + p.before + p.after;
  const std::int64_t extent = (p.window - 1) * p.dilation + 1;
  if (spread > limit || padded > limit || extent > limit)
    return node_violation(ErrorCode::invalid_shape, "has gaps, borders or a window in dimension {} that pass 2^31 - 1 elements", axis);
  if ((p.before != 0 || p.after != 0) && padded < 1) return node_violation(ErrorCode::invalid_shape, "cuts off all of dimension {}", axis);
  to = {input, padded < extent ? 0 : (padded - extent) / p.stride + 1, p.window, p.stride, p.dilation, p.spread, p.before};
  return {};
}

/// What both ops have in common: their kernel.
struct WindowReductionOp {
  static constexpr Arity outputs = 1;
  using Prepared = WindowReduction;

  template <class Run, class In, class Init, class Out> static void eval_windows(const Run& run, In in, Init init, Out out) {
    using Element = typename Out::value_type;
    using T = std::conditional_t<std::is_same_v<Element, Boolean>, std::int8_t, Element>;  // as TFLite reduces booleans
    const Prepared& p = run.prepared;
    const auto last = static_cast<std::size_t>(p.rank - 1);
    if (out.count() == 0) return;
    std::int64_t taps = 1;
    for (int d = 0; d < p.rank; ++d) taps *= p.axes[static_cast<std::size_t>(d)].window;
    run.executor.parallel_for(out.count(), taps * 2, [&](std::int64_t first, std::int64_t end, int) {
      for (std::int64_t i = first; i < end; ++i) {
        std::array<std::int64_t, max_rank> at{};
        std::int64_t rest = i;
        for (std::size_t d = last + 1; d-- > 0;) {
          at[d] = rest % p.axes[d].output;
          rest /= p.axes[d].output;
        }
        const T initial = stored<T>(init[0]);
        T result = initial;
        std::int64_t inside = 0;
        each_element(p, at, 0, 0, [&](std::int64_t element) {
          result = apply_window_function<T>(p.function, result, stored<T>(in[element]));
          ++inside;
        });
        // The others are the initial value.
        if (inside < taps) result = apply_window_function<T>(p.function, result, repeated<T>(p.function, initial, taps - inside));
        if constexpr (std::is_same_v<Element, Boolean>) {
          out[i].byte = static_cast<std::uint8_t>(result);
        } else {
          out[i] = result;
        }
      }
    });
  }

  /// The same over all dimensions from `d` on, below an element of those before.
  template <class F>
  static void each_element(const Prepared& p, const std::array<std::int64_t, max_rank>& at, int d, std::int64_t above, const F& f) {
    const ReducedAxis& axis = p.axes[static_cast<std::size_t>(d)];
    axis.each_element(at[static_cast<std::size_t>(d)], [&](std::int64_t i) {
      const std::int64_t element = above * axis.input + i;
      d + 1 == p.rank ? f(element) : each_element(p, at, d + 1, element, f);
    });
  }

  template <class T, class Element> static T stored(Element e) {
    if constexpr (std::is_same_v<Element, Boolean>) {
      return static_cast<T>(e.byte);
    } else {
      return e;
    }
  }

  template <class Options, class Axis> static constexpr Violation infer_windows(const Options&, const NodeDescription& node, Axis axis) {
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (node.input(1).type != node.input(0).type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    if (node.input(1).count() != 1) return input_violation(1, ErrorCode::invalid_shape, "must have one element");
    Shape out, all;
    for (int d = 0; d < node.input(0).rank(); ++d) {
      ReducedAxis one;
      std::int64_t padded = 0;
      if (const Violation v = window_axis(axis(d), node.input(0).shape[d], d, one, padded)) return v;
      out.push_back(static_cast<std::int32_t>(one.output));
      all.push_back(static_cast<std::int32_t>(padded));
    }
    if (all.checked_count() < 0)
      return input_violation(0, ErrorCode::invalid_shape, "would have more than 2^31 - 1 elements with its gaps and borders");
    node.output(0).shape = out;
    return {};
  }
  template <class Axis> static constexpr WindowReduction reduction(const NodeDescription& node, WindowFunction function, Axis axis) {
    WindowReduction r;
    r.function = function;
    r.rank = node.input(0).rank();
    std::int64_t padded = 0;
    for (int d = 0; d < r.rank; ++d)
      static_cast<void>(window_axis(axis(d), node.input(0).shape[d], d, r.axes[static_cast<std::size_t>(d)], padded));
    return r;
  }
};

/// A list of 64-bit numbers, one a dimension, of an options table.
template <std::size_t N> struct LongList {
  std::array<std::int64_t, N> values{};
  std::int32_t size = 0;

  template <class Vector> constexpr bool read(const Vector* list) {
    if (list == nullptr) return true;
    if (list->size() > N) return false;
    for (unsigned i = 0; i < list->size(); ++i) values[i] = long_at(*list, i);
    size = static_cast<std::int32_t>(list->size());
    return true;
  }
  /// What it says for a dimension; `otherwise` where there is no list.
  constexpr std::int64_t at(int i, std::int64_t otherwise) const { return size == 0 ? otherwise : values[static_cast<std::size_t>(i)]; }
};

}  // namespace detail

/// STABLEHLO_REDUCE_WINDOW: input, initial value -> one element a window, each the reduction of the initial value and the window's
/// elements in order. The function is the op of the subgraph that the options name.
struct StablehloReduceWindow : detail::WindowReductionOp {
  static constexpr BuiltinOperator code = BuiltinOperator::STABLEHLO_REDUCE_WINDOW;
  static constexpr Arity inputs = 2;
  static constexpr int max_version = 1;

  struct Options {
    detail::LongList<max_rank> window, strides, base_dilations, window_dilations;
    detail::LongList<2 * std::size_t{max_rank}> padding;
    std::int32_t body = -1;
    template <class Table> static constexpr Result<Options, Violation> read(const Table& table) {
      Options o;
      if (!o.window.read(table.window_dimensions()) || !o.strides.read(table.window_strides()) ||
          !o.base_dilations.read(table.base_dilations()) || !o.window_dilations.read(table.window_dilations()) ||
          !o.padding.read(table.padding())) {
        return node_violation(ErrorCode::invalid_option, "has a list in its options that is longer than 8 dimensions");
      }
      o.body = table.body_subgraph_index();
      return o;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (function_of(options, node) == detail::WindowFunction::none) {
      return node_violation(ErrorCode::unsupported_op,
                            "must have a body, not subgraph {}, of one node: an addition, product, minimum, maximum, and or or",
                            options.body);
    }
    return infer_windows(options, node, [&](int d) { return parameters(options, d); });
  }
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return reduction(node, function_of(options, node), [&](int d) { return parameters(options, d); });
  }

  template <class Run, class In, class Init, class Out> static void eval(const Run& run, In in, Init init, Out out) {
    eval_windows(run, in, init, out);
  }

  template <class T> using Of = Signature<Takes<T, T>, Gives<T>>;
  using Types = Signatures<Of<Boolean>, Of<float>, Of<double>, Of<std::int8_t>, Of<std::uint8_t>, Of<std::int16_t>, Of<std::int32_t>,
                           Of<std::int64_t>>;

 private:
  static constexpr detail::WindowFunction function_of(const Options& options, const NodeDescription& node) {
    const Region body = node.region(options.body);
    if (body.nodes != 1) return detail::WindowFunction::none;
    switch (body.op) {
      case BuiltinOperator::ADD:
      case BuiltinOperator::STABLEHLO_ADD: return detail::WindowFunction::sum;
      case BuiltinOperator::MUL:
      case BuiltinOperator::STABLEHLO_MULTIPLY: return detail::WindowFunction::product;
      case BuiltinOperator::MINIMUM:
      case BuiltinOperator::STABLEHLO_MINIMUM: return detail::WindowFunction::least;
      case BuiltinOperator::MAXIMUM:
      case BuiltinOperator::STABLEHLO_MAXIMUM: return detail::WindowFunction::most;
      case BuiltinOperator::LOGICAL_AND:
      case BuiltinOperator::STABLEHLO_AND: return detail::WindowFunction::all;
      case BuiltinOperator::LOGICAL_OR:
      case BuiltinOperator::STABLEHLO_OR: return detail::WindowFunction::any;
      default: return detail::WindowFunction::none;
    }
  }
  static constexpr detail::WindowParameters parameters(const Options& o, int d) {
    return {o.window.at(d, 1),         o.strides.at(d, 1),     o.window_dilations.at(d, 1),
            o.base_dilations.at(d, 1), o.padding.at(2 * d, 0), o.padding.at(2 * d + 1, 0)};
  }
};

/// REDUCE_WINDOW: input, initial value, window shape, strides, dilations (int64, constant) -> one element a window.
struct ReduceWindow : detail::WindowReductionOp {
  static constexpr BuiltinOperator code = BuiltinOperator::REDUCE_WINDOW;
  static constexpr Arity inputs = 5;
  static constexpr int max_version = 1;

  struct Options {
    detail::WindowFunction function = detail::WindowFunction::none;
    template <class Table> static constexpr Options read(const Table& table) {
      using enum detail::WindowFunction;
      constexpr detail::WindowFunction functions[] = {none, sum, product, least, most, all, any};  // in the schema's order
      const auto i = static_cast<std::int64_t>(table.reduce_function());
      return {i >= 0 && i < 7 ? functions[i] : none};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (options.function == detail::WindowFunction::none)
      return node_violation(ErrorCode::invalid_option, "has no function to reduce with");
    for (int i = 2; i < 5; ++i) {
      if (node.input(i).type != TensorType::int64) return input_violation(i, ErrorCode::invalid_type, "must be int64");
      if (const Violation v = require_known(node, i)) return v;
      if (node.input(i).count() != node.input(0).rank())
        return input_violation(i, ErrorCode::invalid_shape, "must have one element for each of the {} dimensions", node.input(0).rank());
    }
    return infer_windows(options, node, [&](int d) { return parameters(node, d); });
  }
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return reduction(node, options.function, [&](int d) { return parameters(node, d); });
  }

  template <class Run, class In, class Init, class Unused, class Out>
  static void eval(const Run& run, In in, Init init, Unused, Unused, Unused, Out out) {
    eval_windows(run, in, init, out);
  }

  template <class T> using Of = Signature<Takes<T, T, Unread, Unread, Unread>, Gives<T>>;
  using Types = Signatures<Of<Boolean>, Of<float>, Of<double>, Of<std::int8_t>, Of<std::uint8_t>, Of<std::int16_t>, Of<std::uint16_t>,
                           Of<std::int32_t>, Of<std::uint32_t>, Of<std::int64_t>, Of<std::uint64_t>>;

 private:
  static constexpr detail::WindowParameters parameters(const NodeDescription& node, int d) {
    return {node.input(2).integers[d], node.input(3).integers[d], node.input(4).integers[d]};
  }
};

}  // namespace tfl
