#pragma once
// Float16 (IEEE 754 binary16) and BFloat16 (the upper half of a float) as they are stored, and their conversions.

#include <bit>
#include <cstdint>

#include "tfl/core/type.hpp"

namespace tfl {

struct Float16 {
  std::uint16_t bits = 0;
};
struct BFloat16 {
  std::uint16_t bits = 0;
};
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

}  // namespace tfl
