#pragma once
// ARG_MAX and ARG_MIN: where along an axis the largest or smallest element is; the first of equals. NaN loses to every number.

#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/select.hpp"

namespace tfl {

namespace detail {

/// The kernels of one element type. Bytes of bool tensors are compared as 0 and 1.
template <bool Max, class T> struct ArgBest {
  static constexpr bool is_bool = std::is_same_v<T, Boolean>;
  using Element = std::conditional_t<is_bool, std::uint8_t, T>;

  template <class B> static TFL_ALWAYS_INLINE auto better(const B& a, const B& b) {
    return Max ? simd::greater(a, b) : simd::greater(b, a);
  }
  template <class B> static TFL_ALWAYS_INLINE B normalized(const B& x) {
    if constexpr (is_bool) return simd::min(x, B(1));
    return x;
  }
  /// What nothing is worse than.
  static constexpr Element worst() {
    using L = std::numeric_limits<Element>;
    if constexpr (std::is_floating_point_v<T>) return Max ? -L::infinity() : L::infinity();
    return Max ? L::lowest() : L::max();
  }

  /// Along a contiguous axis: the best value first, then its first place.
  template <class A> static std::int64_t in_row(const Element* x, std::int64_t count) {
    using B = simd::Batch<Element, A>;
    constexpr int width = simd::lanes<Element, A>;
    Element best = worst();
    std::int64_t i = 0;
    if (count >= width) {
      B bests(worst());
      for (; i + width <= count; i += width) {
        const B candidate = normalized(simd::load<A>(x + i));
        bests = simd::select(better(candidate, bests), candidate, bests);
      }
      best = simd::fold_lanes<Element>(bests, [](auto a, auto b) { return simd::select(better(a, b), a, b); });
    }
    for (; i < count; ++i) {
      const Element v = normalized(simd::load<simd::Scalar>(x + i)).value;
      if (Max ? v > best : v < best) best = v;
    }
    i = 0;
    for (const B wanted(best); i + width <= count; i += width) {
      if (simd::any(simd::equal(normalized(simd::load<A>(x + i)), wanted))) break;
    }
    for (; i < count; ++i) {
      if (normalized(simd::load<simd::Scalar>(x + i)).value == best) return i;
    }
    return 0;  // nothing but NaN
  }

  /// Along an axis whose elements lie `stride` apart, for as many neighbours at once as there are lanes.
  template <class A, class Index>
  static TFL_ALWAYS_INLINE void in_columns(const Element* x, std::int64_t count, std::int64_t stride, Index* out) {
    using Value = std::conditional_t<std::is_same_v<T, float>, float, std::int32_t>;
    using V = simd::Batch<Value, A>;
    using I = simd::Int32<A>;
    V best = normalized(simd::load_as<A, Value>(x));
    // NaN at the start must lose to what follows.
    if constexpr (std::is_same_v<T, float>) best = simd::select(simd::equal(best, best), best, V(worst()));
    I where(0);
    for (std::int64_t i = 1; i < count; ++i) {
      const V candidate = normalized(simd::load_as<A, Value>(x + i * stride));
      const auto is_better = better(candidate, best);
      best = simd::select(is_better, candidate, best);
      where = simd::select(is_better, I(static_cast<std::int32_t>(i)), where);
    }
    std::int32_t lanes[simd::lanes<std::int32_t, A>];
    simd::store(lanes, where);
    for (int lane = 0; lane < simd::lanes<std::int32_t, A>; ++lane) out[lane] = static_cast<Index>(lanes[lane]);
  }
};

}  // namespace detail

/// input, axis (one int32 or int64) -> output: the input's shape without the axis, int32 or int64.
template <bool Max> struct ArgMinMax {
  static constexpr BuiltinOperator code = Max ? BuiltinOperator::ARG_MAX : BuiltinOperator::ARG_MIN;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 3;
  static constexpr OpTraits traits{.any_rank = true};

  using Options = NoOptions;  // output_type repeats the output's type

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(1).type != TensorType::int32 && node.input(1).type != TensorType::int64) {
      return input_violation(1, ErrorCode::invalid_type, "must be int32 or int64");
    }
    if (node.output(0).type != TensorType::int32 && node.output(0).type != TensorType::int64) {
      return output_violation(0, ErrorCode::invalid_type, "must be int32 or int64");
    }
    if (const Violation v = require_known(node, 1)) return v;
    if (node.input(1).integers.size() != 1) {
      return input_violation(1, ErrorCode::invalid_shape, "must hold one axis, not {}", node.input(1).integers.size());
    }
    const Shape& input = node.input(0).shape;
    // Models may leave an input's shape open, which then reads as a scalar's until the input is resized.
    if (input.rank() == 0) return input_violation(0, ErrorCode::unknown_value, "must have at least one dimension");
    const int axis = axis_of(node);
    if (axis < -1) {
      return input_violation(1, ErrorCode::invalid_value, "is axis {}, which an input of {} dimensions does not have",
                             node.input(1).integers[0], input.full_rank());
    }
    Shape output;
    for (int i = 0; i < input.rank(); ++i) {
      if (i != axis) output.push_back(input[i]);
    }
    output.add_leading_ones(input.leading_ones() - (axis < 0 ? 1 : 0));
    if (axis >= 0 && input[axis] == 0 && output.checked_count() != 0) {
      return input_violation(0, ErrorCode::invalid_shape, "has no elements along axis {} to choose from", axis);
    }
    node.output(0).shape = output;
    return {};
  }

  struct Prepared {
    std::int64_t outer = 0, extent = 0, inner = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& input = node.input(0).shape;
    const int axis = axis_of(node);
    if (axis < 0) return Prepared{1, 1, input.count()};  // one of the leading ones
    return Prepared{input.count(0, axis), input[axis], input.count(axis + 1, input.rank())};
  }

  template <class Run, class In, class Axis, class Out> static void eval(const Run& run, In in, Axis, Out out) { search(run, in, out); }

 private:
  static constexpr int axis_of(const NodeDescription& node) { return held_axis(node.input(1).integers[0], node.input(0).shape); }

  // Apart from eval(), so that both types of the axis share it.
  template <class Run, class In, class Out> static TFL_NOINLINE void search(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    using Best = detail::ArgBest<Max, typename In::value_type>;
    using Index = typename Out::value_type;
    const Prepared& p = run.prepared;
    if (out.count() == 0) return;
    const auto* x = reinterpret_cast<const typename Best::Element*>(in.data());
    Index* to = out.data();
    if (p.inner == 1) {
      run.executor.parallel_for(p.outer, 4 + p.extent / 8, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) to[i] = static_cast<Index>(Best::template in_row<A>(x + i * p.extent, p.extent));
      });
      return;
    }
    constexpr std::int64_t width = simd::lanes<std::int32_t, A>;
    run.executor.parallel_for(p.outer, p.extent * (2 + p.inner / 8), [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        const auto* block = x + i * p.extent * p.inner;
        Index* line = to + i * p.inner;
        std::int64_t c = 0;
        for (; c + width <= p.inner; c += width) Best::template in_columns<A>(block + c, p.extent, p.inner, line + c);
        if (c < p.inner && p.inner >= width) {  // once more over some of the last, rather than one by one
          c = p.inner - width;
          Best::template in_columns<A>(block + c, p.extent, p.inner, line + c);
          c = p.inner;
        }
        for (; c < p.inner; ++c) Best::template in_columns<simd::Scalar>(block + c, p.extent, p.inner, line + c);
      }
    });
  }

  template <class Axis, class Index, class... T> using Typed = Signatures<Signature<Takes<T, Axis>, Gives<Index>>...>;
  template <class... S> static Signatures<S...> joined(Signatures<S...>);
  template <class... S, class... R, class... Rest> static auto joined(Signatures<S...>, Signatures<R...>, Rest... rest) {
    return joined(Signatures<S..., R...>{}, rest...);
  }
  template <class... T>
  using Every = decltype(joined(Typed<std::int32_t, std::int32_t, T...>{}, Typed<std::int32_t, std::int64_t, T...>{},
                                Typed<std::int64_t, std::int32_t, T...>{}, Typed<std::int64_t, std::int64_t, T...>{}));

 public:
  using Types = Every<float, std::int8_t, std::uint8_t, std::int16_t, std::int32_t, Boolean>;
};

/// ARG_MAX: the place of the largest element along an axis.
using ArgMax = ArgMinMax<true>;
/// ARG_MIN: the place of the smallest element along an axis.
using ArgMin = ArgMinMax<false>;

}  // namespace tfl
