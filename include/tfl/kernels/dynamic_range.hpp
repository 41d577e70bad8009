#pragma once
// Quantizing activations while running, for ops with float data and int8 filters.

#include <cstdint>
#include <cstring>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"
#include "tfl/simd/select.hpp"

namespace tfl::detail {

/// How a row of floats became int8: real = scale * (integer - zero_point).
struct RowQuantization {
  float scale = 1;
  std::int32_t zero_point = 0;
};

/// to[i] = round(zero_point + from[i] * inverse), half away from zero, limited to [lowest, 127].
template <class A>
inline void quantize_elements(const float* from, std::int64_t count, float inverse, float zero_point, float lowest, std::int8_t* to) {
  constexpr int lanes = simd::lanes<float, A>;
  const auto quantized = [&](auto x) {
    using V = decltype(x);
    const V y = simd::min(simd::max(V(lowest), V(zero_point) + simd::rounded(x * V(inverse))), V(127.0f));
    const V half = simd::min(simd::max(y * V(1e30f), V(-0.5f)), V(0.5f));  // of y's sign
    return simd::truncate_to_int32(y + half);
  };
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) simd::store_saturated<A>(to + i, quantized(simd::load<A>(from + i)));
  for (; i < count; ++i) simd::store_saturated<simd::Scalar>(to + i, quantized(simd::load<simd::Scalar>(from + i)));
}

template <class A> inline void range_of_row(const float* from, std::int64_t count, float& least, float& most) {
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
template <class A> inline RowQuantization quantize_row_asymmetric(const float* from, std::int64_t count, std::int8_t* to) {
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
  quantize_elements<A>(from, count, 1.0f / q.scale, static_cast<float>(q.zero_point), -128.0f, to);
  return q;
}

/// [-max|x|, max|x|] as [-127, 127].
template <class A> inline RowQuantization quantize_row_symmetric(const float* from, std::int64_t count, std::int8_t* to) {
  float least, most;
  range_of_row<A>(from, count, least, most);
  const float bound = -least > most ? -least : most;
  RowQuantization q;
  q.scale = bound / 127.0f;
  if (!(q.scale > 1.2e-38f) || !(bound < 3.0e38f)) {
    std::memset(to, 0, static_cast<std::size_t>(count));
    return {};
  }
  quantize_elements<A>(from, count, 127.0f / bound, 0.0f, -127.0f, to);
  return q;
}

}  // namespace tfl::detail
