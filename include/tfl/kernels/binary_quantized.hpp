#pragma once
// Arithmetic of two quantized inputs, to the bit that of TensorFlow Lite's reference kernels.
//
// Every kernel has three parts, so that an input that is one repeated number is prepared once: left(a) and right(b) bring the
// inputs to a common scale, combine(left, right) makes the output's integers.

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tfl/kernels/broadcast.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/fixed_point.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/compare.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl {

/// What the quantized kernels of this file know. Inputs are a and b; each kernel says what it uses.
struct PairQuantization {
  std::int32_t zero_a = 0, zero_b = 0, zero_out = 0;
  std::int32_t left_shift = 0;   // before scaling, for more fraction bits
  bool first_is_larger = false;  // of the inputs' scales; where they are equal, the first one counts as larger
  Multiplier scale_a, scale_b, scale_out;
  Int32Range range{0, 0};  // of the output, with the activation applied
  friend constexpr bool operator==(const PairQuantization&, const PairQuantization&) = default;
};

namespace detail {

/// Loads lanes<int32_t, A> elements from the first n of which the rest are 0.
template <class A, class T> TFL_ALWAYS_INLINE simd::Int32<A> load_some(const T* from, std::int64_t n) {
  T copy[simd::lanes<std::int32_t, A>] = {};
  std::memcpy(copy, from, static_cast<std::size_t>(n) * sizeof(T));
  return simd::load_int32<A>(copy);
}

/// The loop of a kernel on 32-bit lanes: a PairFunction. K<A>::Parameters is what the kernel is made from.
template <class A, class T, class O, class K>
void run_lanes(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  using V = simd::Int32<A>;
  constexpr int lanes = simd::lanes<std::int32_t, A>;
  const K kernel(*static_cast<const typename K::Parameters*>(parameters));
  const T* const x = static_cast<const T*>(a);
  const T* const y = static_cast<const T*>(b);
  O* const z = static_cast<O*>(out);
  const V repeated_x = kernel.left(V(static_cast<std::int32_t>(*x))), repeated_y = kernel.right(V(static_cast<std::int32_t>(*y)));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const V left = step_a != 0 ? kernel.left(simd::load_int32<A>(x + i)) : repeated_x;
    const V right = step_b != 0 ? kernel.right(simd::load_int32<A>(y + i)) : repeated_y;
    simd::store_saturated<A>(z + i, kernel.combine(left, right));
  }
  if constexpr (lanes > 1) {
    if (i == count) return;
    const V left = step_a != 0 ? kernel.left(load_some<A>(x + i, count - i)) : repeated_x;
    const V right = step_b != 0 ? kernel.right(load_some<A>(y + i, count - i)) : repeated_y;
    O some[lanes];
    simd::store_saturated<A>(some, kernel.combine(left, right));
    std::memcpy(z + i, some, static_cast<std::size_t>(count - i) * sizeof(O));
  }
}

/// The multiplier with the shift to the left that comes before it.
template <class A> TFL_ALWAYS_INLINE simd::LaneMultipliers<A> shifted_multiplier(Multiplier m, std::int32_t left_shift) {
  auto lanes = simd::LaneMultipliers<A>::broadcast(m);
  lanes.left = simd::Int32<A>(left_shift + (m.shift > 0 ? m.shift : 0));
  return lanes;
}

/// scale_out * (scale_a * (a - zero_a) +- scale_b * (b - zero_b)) + zero_out. The input of the larger scale is halved, which needs no
/// rounding: a shift one less to the left does it.
template <class A, bool Subtract, bool FirstIsLarger> struct SumLanes {
  using Parameters = PairQuantization;
  using V = simd::Int32<A>;
  V zero_a, zero_b, zero_out, lo, hi, shift;
  simd::LaneMultipliers<A> scale_smaller, scale_out;

  TFL_ALWAYS_INLINE explicit SumLanes(const Parameters& p)
      : zero_a(p.zero_a),
        zero_b(p.zero_b),
        zero_out(p.zero_out),
        lo(p.range.lo),
        hi(p.range.hi),
        shift(p.left_shift - 1),
        scale_smaller(shifted_multiplier<A>(FirstIsLarger ? p.scale_b : p.scale_a, p.left_shift)),
        scale_out(simd::LaneMultipliers<A>::broadcast(p.scale_out)) {}
  template <bool IsLarger> TFL_ALWAYS_INLINE V scaled(V x) const {
    if constexpr (IsLarger) {
      return simd::Int32Ops<A>::shift_left(x, shift);
    } else {
      return simd::multiply<A>(x, scale_smaller);
    }
  }
  TFL_ALWAYS_INLINE V left(V a) const { return scaled<FirstIsLarger>(a - zero_a); }
  TFL_ALWAYS_INLINE V right(V b) const { return scaled<!FirstIsLarger>(b - zero_b); }
  TFL_ALWAYS_INLINE V combine(V a, V b) const {
    const V raw = Subtract ? a - b : a + b;
    return simd::clamp(simd::multiply<A>(raw, scale_out) + zero_out, lo, hi);
  }
};

/// a / 2^-scale_a.shift +- b / 2^-scale_b.shift: symmetric int16 whose scales are powers of two.
template <class A, bool Subtract> struct PowerOfTwoSumLanes {
  using Parameters = PairQuantization;
  using V = simd::Int32<A>;
  V shift_a, shift_b, lo, hi;

  TFL_ALWAYS_INLINE explicit PowerOfTwoSumLanes(const Parameters& p)
      : shift_a(-p.scale_a.shift), shift_b(-p.scale_b.shift), lo(p.range.lo), hi(p.range.hi) {}
  TFL_ALWAYS_INLINE V left(V a) const { return simd::Int32Ops<A>::rounding_shift_right(a, shift_a); }
  TFL_ALWAYS_INLINE V right(V b) const { return simd::Int32Ops<A>::rounding_shift_right(b, shift_b); }
  TFL_ALWAYS_INLINE V combine(V a, V b) const {
    const V raw = Subtract ? a - b : a + b;
    return simd::clamp(raw, lo, hi);
  }
};

/// scale_out * (a - zero_a) * (b - zero_b) + zero_out
template <class A> struct MulLanes {
  using Parameters = PairQuantization;
  using V = simd::Int32<A>;
  V zero_a, zero_b, zero_out, lo, hi;
  simd::LaneMultipliers<A> scale_out;

  TFL_ALWAYS_INLINE explicit MulLanes(const Parameters& p)
      : zero_a(p.zero_a),
        zero_b(p.zero_b),
        zero_out(p.zero_out),
        lo(p.range.lo),
        hi(p.range.hi),
        scale_out(simd::LaneMultipliers<A>::broadcast(p.scale_out)) {}
  TFL_ALWAYS_INLINE V left(V a) const { return a - zero_a; }
  TFL_ALWAYS_INLINE V right(V b) const { return b - zero_b; }
  TFL_ALWAYS_INLINE V combine(V a, V b) const { return simd::clamp(simd::multiply<A>(a * b, scale_out) + zero_out, lo, hi); }
};

/// a * b / 2^8 + zero_out of numbers in [-1, 1): int16 inputs, 8-bit output, scales unused.
template <class A> struct FractionMulLanes {
  using Parameters = PairQuantization;
  using V = simd::Int32<A>;
  V zero_out, lo, hi;

  TFL_ALWAYS_INLINE explicit FractionMulLanes(const Parameters& p)
      : zero_out(p.zero_out), lo(p.range.lo - p.zero_out), hi(p.range.hi - p.zero_out) {}
  TFL_ALWAYS_INLINE V left(V a) const { return simd::Int32Ops<A>::shift_left(a, V(16)); }
  TFL_ALWAYS_INLINE V right(V b) const { return b; }
  TFL_ALWAYS_INLINE V combine(V a, V b) const {
    // (a * 2^16 * b) / 2^31: the product of two 15-bit fractions; only -1 * -1 passes the range.
    const V product = simd::min(simd::Int32Ops<A>::high_mul(a, b), V(32767));
    return simd::clamp(simd::Int32Ops<A>::rounding_shift_right(product, V(8)), lo, hi) + zero_out;
  }
};

/// scale_out * (scale_a * (a - zero_a) - scale_b * (b - zero_b))^2 + zero_out
template <class A> struct SquaredDifferenceLanes {
  using Parameters = PairQuantization;
  using V = simd::Int32<A>;
  V zero_a, zero_b, zero_out, lo, hi;
  simd::LaneMultipliers<A> scale_a, scale_b, scale_out;

  TFL_ALWAYS_INLINE explicit SquaredDifferenceLanes(const Parameters& p)
      : zero_a(p.zero_a),
        zero_b(p.zero_b),
        zero_out(p.zero_out),
        lo(p.range.lo),
        hi(p.range.hi),
        scale_a(shifted_multiplier<A>(p.scale_a, p.left_shift)),
        scale_b(shifted_multiplier<A>(p.scale_b, p.left_shift)),
        scale_out(simd::LaneMultipliers<A>::broadcast(p.scale_out)) {}
  TFL_ALWAYS_INLINE V left(V a) const { return simd::multiply<A>(a - zero_a, scale_a); }
  TFL_ALWAYS_INLINE V right(V b) const { return simd::multiply<A>(b - zero_b, scale_b); }
  TFL_ALWAYS_INLINE V combine(V a, V b) const {
    const V difference = a - b;
    return simd::clamp(simd::multiply<A>(difference * difference, scale_out) + zero_out, lo, hi);
  }
};

/// round(x / 2^exponent) for every exponent: 0 past 31, saturated below 0.
TFL_ALWAYS_INLINE constexpr std::int32_t scale_by_power_of_two(std::int32_t x, int exponent) {
  if (exponent > 31) return 0;
  if (exponent >= 0) return rounding_divide_by_power_of_two(x, exponent);
  if (x == 0 || exponent >= -31) return fixed_point::saturating_shift_left(x, exponent >= -31 ? -exponent : 0);
  return x < 0 ? std::numeric_limits<std::int32_t>::min() : std::numeric_limits<std::int32_t>::max();
}

/// scale_out * (a - zero_a) / (b - zero_b) + zero_out, by the divisor's reciprocal in fixed point. Requires b != zero_b.
TFL_ALWAYS_INLINE constexpr std::int32_t divide_quantized(std::int32_t a, std::int32_t b, const PairQuantization& q) {
  std::int32_t numerator = a - q.zero_a, denominator = b - q.zero_b;
  if (denominator < 0) {
    numerator = -numerator;
    denominator = -denominator;
  }
  const fixed_point::Reciprocal inverse = fixed_point::reciprocal(denominator, 31);
  const int headroom = numerator == 0 ? 31 : std::countl_zero(static_cast<std::uint32_t>(numerator < 0 ? ~numerator : numerator)) - 1;
  const std::int32_t quotient = saturating_rounding_doubling_high_mul(wrapping_shift_left(numerator, headroom), inverse.mantissa);
  const int shift = q.scale_out.shift - inverse.shift - headroom;
  const std::int64_t result =
      std::int64_t{q.zero_out} + scale_by_power_of_two(saturating_rounding_doubling_high_mul(quotient, q.scale_out.mantissa), -shift);
  return static_cast<std::int32_t>(result < q.range.lo ? q.range.lo : result > q.range.hi ? q.range.hi : result);
}

template <class A, class T>
void run_divide_quantized(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  const PairQuantization q = *static_cast<const PairQuantization*>(parameters);
  const T* const x = static_cast<const T*>(a);
  const T* const y = static_cast<const T*>(b);
  T* const z = static_cast<T*>(out);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t dividend = x[i * step_a], divisor = y[i * step_b];
    z[i] = static_cast<T>(divide_quantized(dividend, divisor, q));
  }
}

// ---- What these kernels are made from. Each returns the rule that the node's quantization breaks, or nothing.

/// Two inputs and an output, each with one scale.
constexpr Violation read_pair_quantization(const NodeDescription& node, Activation activation, PairQuantization& q) {
  for (int i = 0; i < 2; ++i) {
    if (const Violation v = require_quantized_input(node, i)) return v;
    if (node.input(i).quantization.per_channel()) {
      return input_violation(i, ErrorCode::invalid_quantization, "must have one scale, not one for each channel");
    }
  }
  if (const Violation v = require_quantized_output(node, 0)) return v;
  const Quantization &a = node.input(0).quantization, &b = node.input(1).quantization, &out = node.output(0).quantization;
  if (out.per_channel()) return output_violation(0, ErrorCode::invalid_quantization, "must have one scale, not one for each channel");
  q.zero_a = a.zero_point;
  q.zero_b = b.zero_point;
  q.zero_out = out.zero_point;
  q.range = quantized_range(activation, node.output(0).type, out);
  return {};
}

constexpr Violation require_no_zero_points(const NodeDescription& node) {
  for (int i = 0; i < 2; ++i) {
    if (const std::int32_t zero = node.input(i).quantization.zero_point; zero != 0) {
      return input_violation(i, ErrorCode::invalid_quantization, "must have zero point 0, as all int16 tensors of this op, not {}", zero);
    }
  }
  if (const std::int32_t zero = node.output(0).quantization.zero_point; zero != 0) {
    return output_violation(0, ErrorCode::invalid_quantization, "must have zero point 0, as all int16 tensors of this op, not {}", zero);
  }
  return {};
}

/// Brings both inputs to twice the larger one's scale, which it returns, with `left_shift` more bits.
constexpr double scale_to_common(const NodeDescription& node, PairQuantization& q, int left_shift) {
  const double a = static_cast<double>(node.input(0).quantization.scale), b = static_cast<double>(node.input(1).quantization.scale);
  q.first_is_larger = a >= b;
  const double twice_larger = 2.0 * (a > b ? a : b);
  q.left_shift = left_shift;
  q.scale_a = quantize_multiplier(a / twice_larger);
  q.scale_b = quantize_multiplier(b / twice_larger);
  return twice_larger;
}

constexpr Violation prepare_sum(const NodeDescription& node, Activation activation, PairQuantization& q) {
  if (const Violation v = read_pair_quantization(node, activation, q)) return v;
  // The sum of two int16 has 17 bits, which leaves 15.
  const int left_shift = node.output(0).type == TensorType::int16 ? 15 : 20;
  const double twice_larger = scale_to_common(node, q, left_shift);
  const double ratio = twice_larger / (static_cast<double>(1 << left_shift) * static_cast<double>(node.output(0).quantization.scale));
  q.scale_out = quantize_multiplier(ratio);
  if (!(ratio < 1.0) || q.scale_out.shift > 0) {
    return output_violation(0, ErrorCode::invalid_quantization,
                            "its scale is too small: the larger input scale is {} times as large or more",
                            std::int64_t{1} << (left_shift - 1));
  }
  return {};
}

constexpr Violation prepare_squared_difference(const NodeDescription& node, Activation activation, PairQuantization& q) {
  if (const Violation v = read_pair_quantization(node, activation, q)) return v;
  const bool wide = node.output(0).type == TensorType::int16;
  if (wide) {
    if (const Violation v = require_no_zero_points(node)) return v;
  }
  const int left_shift = wide ? 0 : 7;
  const double twice_larger = scale_to_common(node, q, left_shift);
  const double ratio =
      twice_larger * twice_larger / (static_cast<double>(1 << (2 * left_shift)) * static_cast<double>(node.output(0).quantization.scale));
  q.scale_out = quantize_multiplier(ratio);
  if (q.scale_out.shift > 30)
    return output_violation(0, ErrorCode::invalid_quantization, "its scale is too small beside those of the inputs");
  return {};
}

constexpr Violation prepare_product(const NodeDescription& node, Activation activation, PairQuantization& q) {
  if (const Violation v = read_pair_quantization(node, activation, q)) return v;
  if (node.input(0).type == TensorType::int16) {
    if (const Violation v = require_no_zero_points(node)) return v;
  }
  // In float, as the reference has it.
  const float ratio = node.input(0).quantization.scale * node.input(1).quantization.scale / node.output(0).quantization.scale;
  q.scale_out = quantize_multiplier(static_cast<double>(ratio));
  // Real models have products that are almost always 0 and get a scale of 1e-35. The reference shifts without a bound, which x86
  // takes modulo 32; so do we, on every processor.
  if (q.scale_out.shift > 31) q.scale_out.shift %= 32;
  return {};
}

constexpr Violation prepare_quotient(const NodeDescription& node, Activation activation, PairQuantization& q) {
  if (const Violation v = read_pair_quantization(node, activation, q)) return v;
  const float product = node.input(1).quantization.scale * node.output(0).quantization.scale;
  const float ratio = product > 0 ? node.input(0).quantization.scale / product : 0.0f;
  if (!(product > 0) || !(ratio < 1e30f)) {
    return output_violation(0, ErrorCode::invalid_quantization, "its scale is too small beside those of the inputs");
  }
  q.scale_out = quantize_multiplier(static_cast<double>(ratio));
  return {};
}

/// Fills scale_a.shift and scale_b.shift, where the scales are powers of two; `fits` says whether they are.
constexpr Violation prepare_power_of_two_sum(const NodeDescription& node, Activation activation, PairQuantization& q, bool& fits) {
  fits = false;
  if (const Violation v = read_pair_quantization(node, activation, q)) return v;
  int a = exponent_of_power_of_two(node.input(0).quantization.scale), b = exponent_of_power_of_two(node.input(1).quantization.scale);
  const int out = exponent_of_power_of_two(node.output(0).quantization.scale);
  if (a == 1000 || b == 1000 || out == 1000) return {};
  fits = true;
  if (const Violation v = require_no_zero_points(node)) return v;
  a -= out;
  b -= out;
  if (a > 0 || b > 0 || (a != 0 && b != 0)) {
    return node_violation(
        ErrorCode::invalid_quantization,
        "with power-of-two scales, one input must have the output's scale and the other no larger one; the inputs' scales are "
        "2^{} and 2^{} times the output's",
        a, b);
  }
  q.scale_a.shift = a < -31 ? -31 : a;
  q.scale_b.shift = b < -31 ? -31 : b;
  return {};
}

}  // namespace detail
}  // namespace tfl
