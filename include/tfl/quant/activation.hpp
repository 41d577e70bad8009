#pragma once
// The activation functions that an op may apply to its output on the way out, as ranges to clamp to.

#include <cstdint>
#include <limits>

#include "tfl/core/tensor.hpp"
#include "tfl/core/type.hpp"

namespace tfl {

/// The schema's ActivationFunctionType, value by value.
enum class Activation : std::uint8_t { none, relu, relu_n1_to_1, relu6, tanh, sign_bit };

/// From the number that a model stores. Requires nothing: unknown numbers stay unknown, see is_clamp().
constexpr Activation activation_from(std::int64_t stored) {
  return stored >= 0 && stored <= 255 ? static_cast<Activation>(stored) : static_cast<Activation>(255);
}
/// Whether the activation is a range: all but tanh, sign_bit and numbers that mean nothing.
constexpr bool is_clamp(Activation activation) { return activation <= Activation::relu6; }

/// y = min(max(x, lo), hi)
template <class T> struct ActivationRange {
  T lo, hi;
  friend constexpr bool operator==(const ActivationRange&, const ActivationRange&) = default;
};
using FloatRange = ActivationRange<float>;
using Int32Range = ActivationRange<std::int32_t>;
using Int64Range = ActivationRange<std::int64_t>;

/// The real range; all finite numbers where the activation is none (or not a clamp).
constexpr FloatRange float_range(Activation activation) {
  constexpr float most = std::numeric_limits<float>::max();
  switch (activation) {
    case Activation::relu: return {0.0f, most};
    case Activation::relu_n1_to_1: return {-1.0f, 1.0f};
    case Activation::relu6: return {0.0f, 6.0f};
    default: return {-most, most};
  }
}

/// The integers of a type that outputs are quantized to.
constexpr Int32Range integer_range_of(TensorType type) {
  switch (type) {
    case TensorType::int8: return {-128, 127};
    case TensorType::uint8: return {0, 255};
    case TensorType::int16: return {-32768, 32767};
    default: return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
  }
}

namespace detail {
/// zero_point + round(real / scale), half away from zero, the quotient in float; saturated. Where a scale of 0 makes
/// it no number, the least one.
constexpr std::int64_t quantized_bound(float real, const Quantization& q) {
  const double quotient = static_cast<double>(real / q.scale);
  constexpr double limit = 2147483648.0;
  const std::int64_t rounded = quotient >= limit      ? std::numeric_limits<std::int32_t>::max()
                               : !(quotient > -limit) ? std::numeric_limits<std::int32_t>::min()
                               : quotient < 0         ? -static_cast<std::int64_t>(0.5 - quotient)
                                                      : static_cast<std::int64_t>(quotient + 0.5);
  return rounded + q.zero_point;
}
}  // namespace detail

/// The activation's range in the integers of an output quantized so. lo > hi is possible where the zero point is far off; kernels
/// clamp to lo first, then to hi.
constexpr Int32Range quantized_range(Activation activation, TensorType type, const Quantization& quantization) {
  const Int32Range all = integer_range_of(type);
  const FloatRange real = float_range(activation);
  const bool has_lo = activation == Activation::relu || activation == Activation::relu_n1_to_1 || activation == Activation::relu6;
  const bool has_hi = activation == Activation::relu_n1_to_1 || activation == Activation::relu6;
  const std::int64_t lo = has_lo ? detail::quantized_bound(real.lo, quantization) : all.lo;
  const std::int64_t hi = has_hi ? detail::quantized_bound(real.hi, quantization) : all.hi;
  return {lo > all.lo ? static_cast<std::int32_t>(lo < all.hi ? lo : all.hi) : all.lo,
          hi < all.hi ? static_cast<std::int32_t>(hi > all.lo ? hi : all.lo) : all.hi};
}

}  // namespace tfl
