#pragma once
// Float16 (IEEE 754 binary16), BFloat16 (the upper half of a float) and the two Float8 as they are stored, and their conversions.

#include <bit>
#include <cstdint>
#include <type_traits>

#include "tfl/core/type.hpp"

namespace tfl {

struct Float16 {
  std::uint16_t bits = 0;
};
struct BFloat16 {
  std::uint16_t bits = 0;
};
/// 4 bits of exponent, 3 of fraction; no infinity, one NaN.
struct Float8E4M3 {
  std::uint8_t bits = 0;
};
/// 5 bits of exponent, 2 of fraction: the upper half of a Float16.
struct Float8E5M2 {
  std::uint8_t bits = 0;
};
template <> inline constexpr TensorType tensor_type_of<Float8E4M3> = TensorType::float8_e4m3fn;
template <> inline constexpr TensorType tensor_type_of<Float8E5M2> = TensorType::float8_e5m2;
template <> inline constexpr TensorType tensor_type_of<Float16> = TensorType::float16;
template <> inline constexpr TensorType tensor_type_of<BFloat16> = TensorType::bfloat16;

/// Exact.
constexpr float to_float(Float16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000) << 16;
  const std::uint32_t magnitude = x.bits & 0x7fff;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ff) << 13));  // infinity, NaN
  if (magnitude >= 0x400) return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  const float subnormal = static_cast<float>(magnitude) * (1.0f / 16777216);
  return sign != 0 ? -subnormal : subnormal;
}
constexpr float to_float(BFloat16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }
constexpr float to_float(Float8E5M2 x) { return to_float(Float16{static_cast<std::uint16_t>(x.bits << 8)}); }
constexpr float to_float(Float8E4M3 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x80) << 24;
  const std::uint32_t magnitude = x.bits & 0x7f;
  if (magnitude == 0x7f) return std::bit_cast<float>(sign | 0x7fc00000u);
  if (magnitude >= 8) return std::bit_cast<float>(sign | ((magnitude << 20) + (120u << 23)));
  const float subnormal = static_cast<float>(magnitude) * (1.0f / 512);
  return sign != 0 ? -subnormal : subnormal;
}

namespace detail {
/// A small number that is not negative, by its bits, as the nearest multiple of 1 / steps, half to even.
constexpr std::uint32_t round_to_steps(std::uint32_t bits, float steps) {
  constexpr float whole = 8388608.0f;  // above it floats have no fraction
  return std::bit_cast<std::uint32_t>(std::bit_cast<float>(bits) * steps + whole) - std::bit_cast<std::uint32_t>(whole);
}
}  // namespace detail

/// The nearest Float16, half to even; NaN stays NaN.
constexpr Float16 to_float16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t result;
  if (magnitude > 0x7f800000u) {
    result = 0x7e00;
  } else if (magnitude >= 0x477ff000u) {
    result = 0x7c00;  // from 65520 on
  } else if (magnitude >= 0x38800000u) {
    const std::uint32_t rebased = magnitude - (112u << 23);
    result = (rebased + 0xfff + ((rebased >> 13) & 1)) >> 13;
  } else if (magnitude >= 0x33000000u) {
    const std::uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
    const int shift = 126 - static_cast<int>(magnitude >> 23);  // 14..24
    const std::uint32_t half = std::uint32_t{1} << (shift - 1);
    result = (fraction + half - 1 + ((fraction >> shift) & 1)) >> shift;
  } else {
    result = 0;
  }
  return {static_cast<std::uint16_t>(sign | result)};
}
/// The nearest BFloat16, half to even; NaN stays NaN.
constexpr BFloat16 to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fc0};
  return {static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}
/// The nearest Float8E5M2, half to even; NaN stays NaN.
constexpr Float8E5M2 to_float8_e5m2(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint8_t>(bits >> 24 & 0x80);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t result;
  if (magnitude > 0x7f800000u) {
    result = 0x7e;
  } else if (magnitude >= 0x47700000u) {
    result = 0x7c;  // from 61440 on
  } else if (magnitude >= 0x38800000u) {
    const std::uint32_t rebased = magnitude - (112u << 23);
    result = (rebased + 0xfffff + (rebased >> 21 & 1)) >> 21;
  } else {
    result = detail::round_to_steps(magnitude, 65536.0f);
  }
  return {static_cast<std::uint8_t>(sign | result)};
}
/// The nearest Float8E4M3, half to even; what rounds beyond 448, the largest, becomes NaN.
constexpr Float8E4M3 to_float8_e4m3(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint8_t>(bits >> 24 & 0x80);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t result;
  if (magnitude > 0x43e80000u) {
    result = 0x7f;  // above 464, and NaN
  } else if (magnitude >= 0x3c800000u) {
    const std::uint32_t rebased = magnitude - (120u << 23);
    result = (rebased + 0x7ffff + (rebased >> 20 & 1)) >> 20;
  } else {
    result = detail::round_to_steps(magnitude, 512.0f);
  }
  return {static_cast<std::uint8_t>(sign | result)};
}

/// The nearest T: Float16, BFloat16, a Float8, or a type that a float converts to.
template <class T> constexpr T rounded(float x) {
  if constexpr (std::is_same_v<T, Float16>) {
    return to_float16(x);
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return to_bfloat16(x);
  } else if constexpr (std::is_same_v<T, Float8E4M3>) {
    return to_float8_e4m3(x);
  } else if constexpr (std::is_same_v<T, Float8E5M2>) {
    return to_float8_e5m2(x);
  } else {
    return T(x);
  }
}

}  // namespace tfl
