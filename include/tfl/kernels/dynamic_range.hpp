#pragma once
// Quantizing activations while running, for ops with float data and int8 filters.

#include <cstdint>
#include <cstring>

#include "tfl/simd/batch.hpp"

namespace tfl::detail {

/// How a row of floats became int8: real = scale * (integer - zero_point).
struct RowQuantization {
  float scale = 1;
  std::int32_t zero_point = 0;
};

template <class A>
inline void quantize_row(const float* from, std::int64_t count, RowQuantization q, std::int8_t* to) {
  const float inverse = 1.0f / q.scale;
  const auto zero_point = static_cast<float>(q.zero_point);
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = zero_point + from[i] * inverse;
    // Half away from zero; NaN gives the lowest number.
    const float limited = x > -128.0f ? (x < 127.0f ? x : 127.0f) : -128.0f;
    to[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(limited + (limited < 0 ? -0.5f : 0.5f)));
  }
}

template <class A>
inline void range_of_row(const float* from, std::int64_t count, float& least, float& most) {
  using V = simd::Batch<float, A>;
  constexpr int lanes = simd::lanes<float, A>;
  least = most = 0;
  std::int64_t i = 0;
  if (count >= lanes) {
    V low(0.0f), high(0.0f);
    for (; i + lanes <= count; i += lanes) {
      const V x = simd::load<A>(from + i);
      low = simd::min(low, x);
      high = simd::max(high, x);
    }
    float lows[lanes], highs[lanes];
    simd::store(lows, low);
    simd::store(highs, high);
    for (int k = 0; k < lanes; ++k) {
      least = lows[k] < least ? lows[k] : least;
      most = highs[k] > most ? highs[k] : most;
    }
  }
  for (; i < count; ++i) {
    least = from[i] < least ? from[i] : least;
    most = from[i] > most ? from[i] : most;
  }
}

/// The whole of int8 over [min, max] widened to hold 0, the zero point nudged to an integer.
template <class A>
inline RowQuantization quantize_row_asymmetric(const float* from, std::int64_t count, std::int8_t* to) {
  float least, most;
  range_of_row<A>(from, count, least, most);
  RowQuantization q;
  if (!(least < most) || !(most - least < 3.0e38f)) {
    std::memset(to, 0, static_cast<std::size_t>(count));
    return q;
  }
  const double low = least, high = most;
  const double scale = (high - low) / 255.0;
  const double from_low = -128.0 - low / scale, from_high = 127.0 - high / scale;
  const double zero_point = 128.0 - low / scale < 127.0 + high / scale ? from_low : from_high;
  q.scale = static_cast<float>(scale);
  if (!(q.scale > 1.2e-38f)) {  // below the least normal number its inverse is not finite
    std::memset(to, 0, static_cast<std::size_t>(count));
    return {};
  }
  q.zero_point = zero_point <= -128.0  ? -128
                 : zero_point >= 127.0 ? 127
                                       : static_cast<std::int32_t>(zero_point < 0 ? zero_point - 0.5 : zero_point + 0.5);
  quantize_row<A>(from, count, q, to);
  return q;
}

/// [-max|x|, max|x|] as [-127, 127].
template <class A>
inline RowQuantization quantize_row_symmetric(const float* from, std::int64_t count, std::int8_t* to) {
  float least, most;
  range_of_row<A>(from, count, least, most);
  const float bound = -least > most ? -least : most;
  RowQuantization q;
  q.scale = bound / 127.0f;
  if (!(q.scale > 1.2e-38f) || !(bound < 3.0e38f)) {
    std::memset(to, 0, static_cast<std::size_t>(count));
    return {};
  }
  const float inverse = 127.0f / bound;
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = from[i] * inverse;
    const float limited = x > -127.0f ? (x < 127.0f ? x : 127.0f) : -127.0f;
    to[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(limited + (limited < 0 ? -0.5f : 0.5f)));
  }
  return q;
}

}  // namespace tfl::detail
