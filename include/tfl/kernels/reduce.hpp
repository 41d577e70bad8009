#pragma once
// MEAN, SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/reduction.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl {

namespace detail {

struct ReduceOptions {
  bool keep_dims = false;  // reduced axes stay, with one element each
  template <class Table> static constexpr ReduceOptions read(const Table& table) { return {table.keep_dims()}; }
};

/// Bit i stands for the axis that is held at i. Requires axes in range; a scalar has none.
constexpr unsigned reduced_axes(const NodeDescription& node) {
  unsigned axes = 0;
  const Shape& input = node.input(0).shape;
  for (int i = 0; i < node.input(1).integers.size() && input.rank() > 0; ++i) {
    const int axis = held_axis(node.input(1).integers[i], input);
    if (axis >= 0) axes |= 1u << axis;
  }
  return axes;
}
/// How many of the input's leading ones are listed.
constexpr int reduced_ones(const NodeDescription& node) {
  const Shape& input = node.input(0).shape;
  if (input.leading_ones() == 0) return 0;
  bool listed[max_full_rank] = {};
  int count = 0;
  for (int i = 0; i < node.input(1).integers.size(); ++i) {
    const int axis = normalized_axis(node.input(1).integers[i], input.full_rank());
    if (axis >= input.leading_ones() || listed[axis]) continue;
    listed[axis] = true;
    ++count;
  }
  return count;
}

/// What all reductions check: input, axes (int32, any of them twice or negative) -> output of the same type.
constexpr Violation infer_reduction(const ReduceOptions& options, const NodeDescription& node) {
  if (const Violation v = require_same_type(node, 0, 0)) return v;
  if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
  if (const Violation v = require_known(node, 1)) return v;
  const Shape& input = node.input(0).shape;
  for (int i = 0; i < node.input(1).integers.size() && input.rank() > 0; ++i) {
    if (held_axis(node.input(1).integers[i], input) < -1) {
      return input_violation(1, ErrorCode::invalid_value, "lists axis {}, which an input of {} dimensions does not have",
                             node.input(1).integers[i], input.full_rank());
    }
  }
  const unsigned axes = reduced_axes(node);
  Shape output;
  for (int i = 0; i < input.rank(); ++i) {
    if ((axes >> i & 1u) == 0) {
      output.push_back(input[i]);
    } else if (options.keep_dims) {
      output.push_back(1);
    }
  }
  output.add_leading_ones(input.leading_ones() - (options.keep_dims ? 0 : reduced_ones(node)));
  node.output(0).shape = output;
  return {};
}

/// The 16-bit types are symmetric wherever they are quantized.
constexpr Violation require_symmetric_int16(const NodeDescription& node) {
  if (node.input(0).type != TensorType::int16) return {};
  if (node.input(0).quantization.zero_point != 0) {
    return input_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0, not {}", node.input(0).quantization.zero_point);
  }
  if (node.output(0).quantization.zero_point != 0) {
    return output_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0, not {}",
                            node.output(0).quantization.zero_point);
  }
  return {};
}
constexpr bool has_same_quantization(const NodeDescription& node) {
  const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
  return in.scale == out.scale && in.zero_point == out.zero_point;
}
constexpr Violation require_same_quantization(const NodeDescription& node) {
  if (!is_quantized_integer(node.input(0).type) || has_same_quantization(node)) return {};
  return output_violation(0, ErrorCode::invalid_quantization, "must have the scale and zero point of input 0");
}

// ---- What is done to elements: the Op of reduction.hpp.

template <class T, class Acc> struct Adding {
  using Element = T;
  using Accumulator = Acc;
  static constexpr Acc identity() { return Acc(0); }
  template <class B> static TFL_ALWAYS_INLINE B combine(const B& a, const B& x) { return a + x; }
  // Integers wrap round, also one by one.
  static TFL_ALWAYS_INLINE simd::Lane<std::int32_t> combine(simd::Lane<std::int32_t> a, simd::Lane<std::int32_t> x) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.value) + static_cast<std::uint32_t>(x.value));
  }
  static TFL_ALWAYS_INLINE simd::Lane<std::int64_t> combine(simd::Lane<std::int64_t> a, simd::Lane<std::int64_t> x) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a.value) + static_cast<std::uint64_t>(x.value));
  }
};

template <class T> struct Multiplying {
  using Element = T;
  using Accumulator = T;
  static constexpr T identity() { return T(1); }
  template <class B> static TFL_ALWAYS_INLINE B combine(const B& a, const B& x) {
    if constexpr (std::is_same_v<B, simd::Lane<T>> && std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::uint64_t>(a.value) * static_cast<std::uint64_t>(x.value));
    } else {
      return a * x;
    }
  }
};

template <class T, bool Max> struct Choosing {
  using Element = T;
  using Accumulator = T;
  static constexpr T identity() { return Max ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max(); }
  template <class B> static TFL_ALWAYS_INLINE B combine(const B& a, const B& x) {
    if constexpr (std::is_floating_point_v<T>) {
      return simd::select(Max ? simd::greater(x, a) : simd::greater(a, x), x, a);  // NaN is passed over
    } else {
      return Max ? simd::max(a, x) : simd::min(a, x);
    }
  }
};

// ---- What is done to an accumulator: the Finish of reduction.hpp.

struct StoreAsIs {
  template <class A, class T, class B> TFL_ALWAYS_INLINE void store(T* to, const B& acc) const {
    if constexpr (sizeof(T) == sizeof(typename B::value_type)) {
      simd::store(to, acc);
    } else {  // the low bits
      std::int32_t lanes[B::size];
      simd::store(lanes, acc);
      for (std::size_t i = 0; i < B::size; ++i) to[i] = static_cast<T>(lanes[i]);
    }
  }
};

struct StoreTruth {
  template <class A, class B> TFL_ALWAYS_INLINE void store(std::uint8_t* to, const B& acc) const { simd::store(to, simd::min(acc, B(1))); }
};

template <class T> struct StoreQuotient {
  T divisor;
  template <class A, class Out, class B> TFL_ALWAYS_INLINE void store(Out* to, const B& acc) const {
    if constexpr (std::is_floating_point_v<T>) {
      simd::store(to, acc / B(divisor));
    } else {
      static_assert(B::size == 1);
      *to = static_cast<Out>(divisor != 0 ? acc.value / divisor : 0);
    }
  }
};

/// acc -> clamp(round((acc - offset) * multiplier) + zero_point)
struct StoreRequantized {
  Multiplier multiplier;
  std::int32_t offset, zero_point;
  template <class A, class Out, class B> TFL_ALWAYS_INLINE void store(Out* to, const B& acc) const {
    const B shifted = Adding<std::int32_t, std::int32_t>::combine(acc, B(offset));
    const B product = simd::multiply<A>(shifted, simd::LaneMultipliers<A>::broadcast(multiplier));
    simd::store_saturated<A>(to, Adding<std::int32_t, std::int32_t>::combine(product, B(zero_point)));
  }
};

/// acc -> clamp(round(acc * scale + bias) + zero_point), in float32.
struct StoreRescaled {
  float scale, bias;
  std::int32_t zero_point;
  template <class A, class Out, class B> TFL_ALWAYS_INLINE void store(Out* to, const B& acc) const {
    constexpr std::int32_t lowest = std::numeric_limits<Out>::min(), highest = std::numeric_limits<Out>::max();
    std::int32_t lanes[B::size];
    simd::store(lanes, acc);
    for (std::size_t i = 0; i < B::size; ++i) {
      const float real = simd::rounded(simd::Lane<float>(static_cast<float>(lanes[i]) * scale)).value + bias;
      // Scales far apart can make it no number. Half away from zero, without the C library.
      const float bounded = !(real > -1024) ? -1024 : real < 1024 ? real : 1024;
      const auto cut = static_cast<std::int32_t>(bounded);
      const float rest = bounded - static_cast<float>(cut);
      const std::int32_t whole = cut + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0) + zero_point;
      to[i] = static_cast<Out>(whole < lowest ? lowest : whole > highest ? highest : whole);
    }
  }
};

template <class... T> using ReduceSignatures = Signatures<Signature<Takes<T, std::int32_t>, Gives<T>>...>;

}  // namespace detail

/// MEAN: input, axes -> the mean over the axes. Quantized: (sum - n * zero_point) * (scale_in / scale_out / n) in fixed point.
struct Mean {
  static constexpr BuiltinOperator code = BuiltinOperator::MEAN;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 3;
  static constexpr OpTraits traits{.any_rank = true};
  using Options = detail::ReduceOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (is_quantized_integer(node.input(0).type)) {
      if (const Violation v = require_quantized_input(node, 0)) return v;
      if (const Violation v = require_quantized_output(node, 0)) return v;
      if (const Violation v = detail::require_symmetric_int16(node)) return v;
    }
    return detail::infer_reduction(options, node);
  }

  struct Prepared {
    detail::ReductionPlan plan;
    Multiplier multiplier;
    std::int32_t offset = 0, zero_point = 0;  // -n * zero_point of the input; zero point of the output
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{detail::plan_reduction(node.input(0).shape, detail::reduced_axes(node)), {}, 0, 0};
    const std::int64_t n = p.plan.elements;
    if (!is_quantized_integer(node.input(0).type) || n == 0) return p;
    const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
    const Multiplier scale = quantize_multiplier(static_cast<double>(in.scale) / static_cast<double>(out.scale));
    // 1 / n joins the multiplier: the mantissa gains as many bits as n takes, so that the division cuts few off.
    int shift = 63 - std::countl_zero(static_cast<std::uint64_t>(n));
    shift = shift > 32 ? 32 : shift;
    shift = shift > 31 + scale.shift ? 31 + scale.shift : shift;
    p.multiplier = {static_cast<std::int32_t>((std::int64_t{scale.mantissa} << shift) / n), scale.shift - shift};
    p.offset = static_cast<std::int32_t>(static_cast<std::uint32_t>(-n * in.zero_point));
    p.zero_point = out.zero_point;
    return p;
  }

  template <class Run, class In, class Axes, class Out> static void eval(const Run& run, In in, Axes, Out out) {
    using T = typename In::value_type;
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    if constexpr (std::is_same_v<T, float>) {
      const detail::StoreQuotient<float> finish{static_cast<float>(p.plan.elements)};
      detail::reduce<A, detail::Adding<float, float>>(run.executor, p.plan, in.data(), out.data(), finish);
    } else if constexpr (sizeof(T) >= 4) {
      const detail::StoreQuotient<std::int64_t> finish{p.plan.elements};
      detail::reduce<simd::Scalar, detail::Adding<T, std::int64_t>>(run.executor, p.plan, in.data(), out.data(), finish);
    } else {
      const detail::StoreRequantized finish{p.multiplier, p.offset, p.zero_point};
      detail::reduce<A, detail::Adding<T, std::int32_t>>(run.executor, p.plan, in.data(), out.data(), finish);
    }
  }

  using Types = detail::ReduceSignatures<float, std::int8_t, std::uint8_t, std::int16_t, std::int32_t, std::int64_t>;
};

/// SUM: input, axes -> the sum over the axes. Quantized tensors of 8 bits are rescaled in float32, as TensorFlow Lite's optimized kernel
/// does it (the reference kernel overflows); integers that are not quantized wrap round.
struct Sum {
  static constexpr BuiltinOperator code = BuiltinOperator::SUM;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 2;
  static constexpr OpTraits traits{.any_rank = true};
  using Options = detail::ReduceOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type == TensorType::int16) {
      if (const Violation v = detail::require_symmetric_int16(node)) return v;
      if (const Violation v = detail::require_same_quantization(node)) return v;
    } else if (rescales(node)) {
      if (const Violation v = require_quantized_input(node, 0)) return v;
      if (const Violation v = require_quantized_output(node, 0)) return v;
    }
    return detail::infer_reduction(options, node);
  }

  struct Prepared {
    detail::ReductionPlan plan;
    bool rescales = false;
    float scale = 1, bias = 0;
    std::int32_t zero_point = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{detail::plan_reduction(node.input(0).shape, detail::reduced_axes(node))};
    if (!rescales(node)) return p;
    const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
    p.rescales = true;
    p.scale = in.scale / out.scale;
    p.bias = static_cast<float>(-in.zero_point) * p.scale * static_cast<float>(p.plan.elements);
    p.zero_point = out.zero_point;
    return p;
  }

  template <class Run, class In, class Axes, class Out> static void eval(const Run& run, In in, Axes, Out out) {
    using T = typename In::value_type;
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    if constexpr (sizeof(T) == 1) {
      if (p.rescales) {
        const detail::StoreRescaled finish{p.scale, p.bias, p.zero_point};
        return detail::reduce<A, detail::Adding<T, std::int32_t>>(run.executor, p.plan, in.data(), out.data(), finish);
      }
    }
    using Acc = std::conditional_t<sizeof(T) < 4, std::int32_t, T>;
    detail::reduce<A, detail::Adding<T, Acc>>(run.executor, p.plan, in.data(), out.data(), detail::StoreAsIs{});
  }

 private:
  static constexpr bool rescales(const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    return (type == TensorType::int8 || type == TensorType::uint8) &&
           (node.input(0).quantization.present() || node.output(0).quantization.present());
  }

 public:
  using Types = detail::ReduceSignatures<float, std::int8_t, std::uint8_t, std::int16_t, std::int32_t, std::int64_t>;
};

/// REDUCE_MAX and REDUCE_MIN: input, axes -> the largest or smallest element over the axes.
template <bool Max> struct ReduceMaxMin {
  static constexpr BuiltinOperator code = Max ? BuiltinOperator::REDUCE_MAX : BuiltinOperator::REDUCE_MIN;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 3;
  static constexpr OpTraits traits{.any_rank = true};
  using Options = detail::ReduceOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_symmetric_int16(node)) return v;
    if (const Violation v = detail::require_same_quantization(node)) return v;
    return detail::infer_reduction(options, node);
  }

  using Prepared = detail::ReductionPlan;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return detail::plan_reduction(node.input(0).shape, detail::reduced_axes(node));
  }

  template <class Run, class In, class Axes, class Out> static void eval(const Run& run, In in, Axes, Out out) {
    using Op = detail::Choosing<typename In::value_type, Max>;
    detail::reduce<typename Run::Arch, Op>(run.executor, run.prepared, in.data(), out.data(), detail::StoreAsIs{});
  }

  using Types = detail::ReduceSignatures<float, std::int8_t, std::uint8_t, std::int16_t, std::int32_t, std::int64_t>;
};
using ReduceMax = ReduceMaxMin<true>;
using ReduceMin = ReduceMaxMin<false>;

/// REDUCE_ANY and REDUCE_ALL: input, axes -> whether any, or every, element over the axes is true.
template <bool Any> struct ReduceTruth {
  static constexpr BuiltinOperator code = Any ? BuiltinOperator::REDUCE_ANY : BuiltinOperator::REDUCE_ALL;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.any_rank = true};
  using Options = detail::ReduceOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) { return detail::infer_reduction(options, node); }

  using Prepared = detail::ReductionPlan;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return detail::plan_reduction(node.input(0).shape, detail::reduced_axes(node));
  }

  template <class Run, class In, class Axes, class Out> static void eval(const Run& run, In in, Axes, Out out) {
    // The largest byte is true where any is, the smallest where all are.
    detail::reduce<typename Run::Arch, detail::Choosing<std::uint8_t, Any>>(
        run.executor, run.prepared, reinterpret_cast<const std::uint8_t*>(in.data()), reinterpret_cast<std::uint8_t*>(out.data()),
        detail::StoreTruth{});
  }

  using Types = detail::ReduceSignatures<Boolean>;
};
using ReduceAny = ReduceTruth<true>;
using ReduceAll = ReduceTruth<false>;

/// REDUCE_PROD: input, axes -> the product over the axes. Quantized: every factor is rescaled as it comes, by scale_in / scale_out^(1/n).
struct ReduceProd {
  static constexpr BuiltinOperator code = BuiltinOperator::REDUCE_PROD;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 2;
  static constexpr OpTraits traits{.any_rank = true};
  using Options = detail::ReduceOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    if (is_quantized_integer(type) && node.input(0).quantization.present()) {
      if (type == TensorType::uint8) return input_violation(0, ErrorCode::unsupported_type, "must not be quantized as uint8");
      if (const Violation v = require_quantized_input(node, 0)) return v;
      if (const Violation v = require_quantized_output(node, 0)) return v;
    }
    if (const Violation v = detail::require_symmetric_int16(node)) return v;
    return detail::infer_reduction(options, node);
  }

  struct Prepared {
    detail::ReductionPlan plan;
    bool rescales = false;
    Multiplier multiplier;
    std::int32_t in_zero_point = 0, zero_point = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{.plan = detail::plan_reduction(node.input(0).shape, detail::reduced_axes(node)), .multiplier = {}};
    const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
    if (!is_quantized_integer(node.input(0).type) || !in.present() || p.plan.elements == 0) return p;
    p.rescales = true;
    p.multiplier = quantize_multiplier(double{in.scale} / root(double{out.scale}, p.plan.elements));
    if (p.multiplier.shift >= 8) {
      return output_violation(0, ErrorCode::invalid_quantization, "has too small a scale for a product of {} elements of input 0",
                              p.plan.elements);
    }
    p.in_zero_point = in.zero_point;
    p.zero_point = out.zero_point;
    return p;
  }

  template <class Run, class In, class Axes, class Out> static void eval(const Run& run, In in, Axes, Out out) {
    using T = typename In::value_type;
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    if constexpr (std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::int16_t>) {
      if (p.rescales) return multiply_quantized<A>(run, in.data(), out.data());
    }
    // Processors multiply lanes of 32 bits; other widths come one by one.
    using Width = std::conditional_t<sizeof(T) == 4, A, simd::Scalar>;
    detail::reduce<Width, detail::Multiplying<T>>(run.executor, p.plan, in.data(), out.data(), detail::StoreAsIs{});
  }

  using Types = detail::ReduceSignatures<float, std::int8_t, std::uint8_t, std::int16_t, std::int32_t, std::int64_t>;

 private:
  static constexpr double root(double x, std::int64_t n) { return n == 1 ? x : std::pow(x, 1.0 / static_cast<double>(n)); }

  // The order of factors decides the rounding: that of memory, one output at a time.
  template <class A, class Run, class T> static void multiply_quantized(const Run& run, const T* in, T* out) {
    const Prepared& p = run.prepared;
    constexpr std::int32_t lowest = std::numeric_limits<T>::min(), highest = std::numeric_limits<T>::max();
    run.executor.parallel_for(p.plan.rows, 4 + p.plan.columns * p.plan.elements * 4, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t row = first; row < last; ++row) {
        const T* start = in + detail::start_of_row<A>(p.plan, row);
        for (std::int64_t column = 0; column < p.plan.columns; ++column) {
          std::int32_t product = 0;
          bool is_first = true;
          detail::for_each_run<A>(p.plan, start + column, [&](const T* x) {
            for (std::int64_t i = 0; i < p.plan.run.extent; ++i, x += p.plan.run.stride) {
              const std::int32_t factor = *x - p.in_zero_point;
              product = is_first ? factor : multiply(std::int64_t{product} * factor, p.multiplier);
              is_first = false;
            }
          });
          const std::int64_t result = std::int64_t{multiply(std::int64_t{product}, p.multiplier)} + p.zero_point;
          out[row * p.plan.columns + column] = static_cast<T>(result < lowest ? lowest : result > highest ? highest : result);
        }
      }
    });
  }
};

}  // namespace tfl
