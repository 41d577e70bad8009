#pragma once
// Products of two bytes, requantized in float, exactly: see requantize.hpp.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/byte_words.hpp"
#include "tfl/simd/requantize.hpp"

namespace tfl::simd {

/// (x - zero_x) * (y - zero_y) as FloatSteps has it, mirrored below 0; the constants are repeated for as many lanes as any vector has.
struct ByteProduct {
  float high[16], low[16], lift[16];
  std::int32_t zero_x, zero_y, zero_out, lo, hi;
};

namespace detail {

template <class A, class T> struct ByteProductStep;

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
/// The processor's rounding must be downwards.
template <class T> struct ByteProductStep<Avx2, T> {
  using Bytes = ByteWords<Avx2, T>;
  Bytes bytes;
  Steps8<true> steps;
  __m256i zero_x, zero_y, zero_out;
  explicit ByteProductStep(const ByteProduct& p)
      : bytes(p.lo, p.hi),
        steps{_mm256_loadu_ps(p.high), _mm256_loadu_ps(p.low), _mm256_loadu_ps(p.lift)},
        zero_x(_mm256_set1_epi16(static_cast<short>(p.zero_x))),
        zero_y(_mm256_set1_epi16(static_cast<short>(p.zero_y))),
        zero_out(_mm256_set1_epi16(static_cast<short>(2 * p.zero_out))) {}
  TFL_ALWAYS_INLINE __m256i of_words(__m256i x, __m256i y) const {
    x = _mm256_sub_epi16(x, zero_x);
    y = _mm256_sub_epi16(y, zero_y);
    const __m256i low = _mm256_mullo_epi16(x, y), high = _mm256_mulhi_epi16(x, y);
    const __m256i a = steps.of(_mm256_cvtepi32_ps(_mm256_unpacklo_epi16(low, high)));
    const __m256i b = steps.of(_mm256_cvtepi32_ps(_mm256_unpackhi_epi16(low, high)));
    return _mm256_mulhrs_epi16(_mm256_adds_epi16(_mm256_packs_epi32(a, b), zero_out), _mm256_set1_epi16(1 << 14));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <class T> struct ByteProductStep<Avx512, T> {
  using Bytes = ByteWords<Avx512, T>;
  Bytes bytes;
  Steps16<true> steps;
  __m512i zero_x, zero_y, zero_out;
  explicit ByteProductStep(const ByteProduct& p)
      : bytes(p.lo, p.hi),
        steps{_mm512_loadu_ps(p.high), _mm512_loadu_ps(p.low), _mm512_loadu_ps(p.lift)},
        zero_x(_mm512_set1_epi16(static_cast<short>(p.zero_x))),
        zero_y(_mm512_set1_epi16(static_cast<short>(p.zero_y))),
        zero_out(_mm512_set1_epi16(static_cast<short>(2 * p.zero_out))) {}
  TFL_ALWAYS_INLINE __m512i of_words(__m512i x, __m512i y) const {
    x = _mm512_sub_epi16(x, zero_x);
    y = _mm512_sub_epi16(y, zero_y);
    const __m512i low = _mm512_mullo_epi16(x, y), high = _mm512_mulhi_epi16(x, y);
    const __m512i a = steps.of(_mm512_cvtepi32_ps(_mm512_unpacklo_epi16(low, high)));
    const __m512i b = steps.of(_mm512_cvtepi32_ps(_mm512_unpackhi_epi16(low, high)));
    return _mm512_mulhrs_epi16(_mm512_adds_epi16(_mm512_packs_epi32(a, b), zero_out), _mm512_set1_epi16(1 << 14));
  }
};
#endif

}  // namespace detail

/// For `count` elements; a step of 0 repeats an input's first one. Of architectures with has_float_steps.
template <class A, class T>
void multiply_bytes([[maybe_unused]] const T* x, [[maybe_unused]] int step_x, [[maybe_unused]] const T* y, [[maybe_unused]] int step_y,
                    [[maybe_unused]] T* to, [[maybe_unused]] std::int64_t count, [[maybe_unused]] const ByteProduct& product) {
#if TFL_HAS_XSIMD && defined(__AVX512BW__)
  if constexpr (std::is_base_of_v<Avx512, A>) {
    return detail::map_byte_pairs<detail::ByteProductStep<Avx512, T>>(x, step_x, y, step_y, to, count, product);
  }
#endif
#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
  if constexpr (std::is_base_of_v<Avx2, A>) {
    const detail::RoundingDown rounding;
    return detail::map_byte_pairs<detail::ByteProductStep<Avx2, T>>(x, step_x, y, step_y, to, count, product);
  }
#endif
}

}  // namespace tfl::simd
