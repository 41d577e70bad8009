#pragma once
// Sums of products of runs of 16 bytes: of two rows, of which one is mostly zeros.

#include <cstdint>

#include "tfl/simd/dot.hpp"

namespace tfl::simd {

/// RunSum<A, T>: add(x, w) for 16 bytes of each, then total(). Sums of bytes are exact, those of floats go lane by lane in order.
template <class A, class T> struct RunSum {
  static constexpr int elements = 16 / sizeof(T);
  using Sum = std::conditional_t<std::is_same_v<T, float>, float, std::int32_t>;
  Sum lanes[4] = {};

  TFL_ALWAYS_INLINE void add(const T* x, const T* w) {
    for (int i = 0; i < elements; i += 4) {
      for (int k = 0; k < 4; ++k) lanes[k] += static_cast<Sum>(x[i + k]) * static_cast<Sum>(w[i + k]);
    }
  }
  TFL_ALWAYS_INLINE Sum total() const { return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]); }
};

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <class A>
requires(!std::is_same_v<A, Scalar>) struct RunSum<A, std::int8_t> {
  static constexpr int elements = 16;
  __m128i lanes = _mm_setzero_si128();

  TFL_ALWAYS_INLINE void add(const std::int8_t* x, const std::int8_t* w) {
    const auto half = [](const std::int8_t* p) { return _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); };
    lanes = _mm_add_epi32(lanes, _mm_add_epi32(_mm_madd_epi16(half(x), half(w)), _mm_madd_epi16(half(x + 8), half(w + 8))));
  }
  TFL_ALWAYS_INLINE std::int32_t total() const {
    const __m128i pairs = _mm_add_epi32(lanes, _mm_shuffle_epi32(lanes, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(pairs, _mm_shuffle_epi32(pairs, 0xb1)));
  }
};
#endif

}  // namespace tfl::simd
