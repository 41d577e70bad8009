#pragma once
// Hybrid kernels multiply float activations with 8-bit weights: each row of activations is quantized just before the product.

#include <cstdint>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/select.hpp"

namespace tfl::detail {

/// The least and the greatest of a row and of 0.
struct RowRange {
  float lo = 0, hi = 0;
};
template <class A> RowRange range_of_row(const float* x, std::int64_t n) {
  RowRange range;
  std::int64_t i = 0;
  if (n >= simd::lanes<float, A>) {
    simd::Batch<float, A> lo(0.0f), hi(0.0f);
    for (; i + simd::lanes<float, A> <= n; i += simd::lanes<float, A>) {
      const auto v = simd::load<A>(x + i);
      lo = simd::min(v, lo);
      hi = simd::max(v, hi);
    }
    float los[simd::lanes<float, A>], his[simd::lanes<float, A>];
    simd::store(los, lo);
    simd::store(his, hi);
    for (int k = 0; k < simd::lanes<float, A>; ++k) {
      range.lo = los[k] < range.lo ? los[k] : range.lo;
      range.hi = his[k] > range.hi ? his[k] : range.hi;
    }
  }
  for (; i < n; ++i) {
    range.lo = x[i] < range.lo ? x[i] : range.lo;
    range.hi = x[i] > range.hi ? x[i] : range.hi;
  }
  return range;
}

/// Quantizes a row to 8 bits, x = scale * (q - zero_point), and returns the scale. What is stored is q - zero_point, which is what
/// products take: symmetric rows have zero point 0 and |q| <= 127, asymmetric ones use all of int8. A row of zeros has scale 1.
template <class A> float quantize_row(const float* x, std::int64_t n, bool asymmetric, std::int16_t* centred) {
  const RowRange range = range_of_row<A>(x, n);
  const float magnitude = -range.lo > range.hi ? -range.lo : range.hi;
  if (magnitude == 0) {
    for (std::int64_t i = 0; i < n; ++i) centred[i] = 0;
    return 1.0f;
  }
  float scale = magnitude / 127, inverse = 127 / magnitude, lo = -127, hi = 127;
  std::int32_t zero_point = 0;
  if (asymmetric) {
    const double low = range.lo, high = range.hi, exact = (high - low) / 255.0;
    // Of the two ends, the one whose zero point is known with the smaller error decides.
    const double from_low = -128.0 - low / exact, from_high = 127.0 - high / exact;
    const double chosen = 128.0 - low / exact < 127.0 + high / exact ? from_low : from_high;
    zero_point = !(chosen > -128.0)  ? -128
                 : !(chosen < 127.0) ? 127
                 : chosen < 0        ? -static_cast<std::int32_t>(0.5 - chosen)
                                     : static_cast<std::int32_t>(chosen + 0.5);
    scale = static_cast<float>(exact);
    inverse = 1.0f / scale;
    lo = -128;
  }
  const auto offset = static_cast<float>(zero_point);
  for (std::int64_t i = 0; i < n; ++i) {
    float q = offset + simd::rounded(simd::Lane<float>(x[i] * inverse)).value;
    q = !(q > lo) ? lo : q > hi ? hi : q;  // before the conversion, which NaN must not reach
    const auto whole = static_cast<std::int32_t>(q);
    const float rest = q - static_cast<float>(whole);
    centred[i] = static_cast<std::int16_t>(whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0) - zero_point);
  }
  return scale;
}

}  // namespace tfl::detail
