#pragma once
// Integers times real numbers, in double, rounded to the nearest integer, half away from zero: what std::round(x * real) gives, lane by
// lane.

#include <cstdint>

#include "tfl/simd/int32.hpp"

namespace tfl::simd {

/// round(clamp(x * real)), half away from zero. lo and hi are integers in the range of int32.
TFL_ALWAYS_INLINE std::int32_t scale_rounded(std::int32_t x, double real, double lo, double hi) {
  double y = static_cast<double>(x) * real;
  y = y > lo ? y : lo;
  y = y < hi ? y : hi;
  // The greatest number below 1/2: 1/2 itself would lift the number just below it.
  return static_cast<std::int32_t>(y + (y < 0 ? -0x1.fffffffffffffp-2 : 0x1.fffffffffffffp-2));
}

template <class A> struct ScaleOps;  // apply(x, reals, lo, hi), with one real number for each lane

template <> struct ScaleOps<Scalar> {
  static TFL_ALWAYS_INLINE Lane<std::int32_t> apply(Lane<std::int32_t> x, const double* real, double lo, double hi) {
    return scale_rounded(x.value, *real, lo, hi);
  }
};

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <> struct ScaleOps<Sse41> {
  static TFL_ALWAYS_INLINE __m128i two(__m128i x, const double* real, double lo, double hi) {
    __m128d y = _mm_mul_pd(_mm_cvtepi32_pd(x), _mm_loadu_pd(real));
    y = _mm_min_pd(_mm_max_pd(y, _mm_set1_pd(lo)), _mm_set1_pd(hi));
    const __m128d half = _mm_or_pd(_mm_and_pd(y, _mm_set1_pd(-0.0)), _mm_set1_pd(0x1.fffffffffffffp-2));
    return _mm_cvttpd_epi32(_mm_add_pd(y, half));
  }
  static TFL_ALWAYS_INLINE Int32<Sse41> apply(Int32<Sse41> x, const double* real, double lo, double hi) {
    return Int32<Sse41>(_mm_unpacklo_epi64(two(x, real, lo, hi), two(_mm_unpackhi_epi64(x, x), real + 2, lo, hi)));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <> struct ScaleOps<Avx2> {
  static TFL_ALWAYS_INLINE __m128i four(__m128i x, const double* real, double lo, double hi) {
    __m256d y = _mm256_mul_pd(_mm256_cvtepi32_pd(x), _mm256_loadu_pd(real));
    y = _mm256_min_pd(_mm256_max_pd(y, _mm256_set1_pd(lo)), _mm256_set1_pd(hi));
    const __m256d half = _mm256_or_pd(_mm256_and_pd(y, _mm256_set1_pd(-0.0)), _mm256_set1_pd(0x1.fffffffffffffp-2));
    return _mm256_cvttpd_epi32(_mm256_add_pd(y, half));
  }
  static TFL_ALWAYS_INLINE Int32<Avx2> apply(Int32<Avx2> x, const double* real, double lo, double hi) {
    return Int32<Avx2>(
        _mm256_set_m128i(four(_mm256_extracti128_si256(x, 1), real + 4, lo, hi), four(_mm256_castsi256_si128(x), real, lo, hi)));
  }
};
template <> struct ScaleOps<AvxVnni> : ScaleOps<Avx2> {};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct ScaleOps<Avx512> {
  static TFL_ALWAYS_INLINE __m256i eight(__m256i x, const double* real, double lo, double hi) {
    __m512d y = _mm512_mul_pd(_mm512_cvtepi32_pd(x), _mm512_loadu_pd(real));
    y = _mm512_min_pd(_mm512_max_pd(y, _mm512_set1_pd(lo)), _mm512_set1_pd(hi));
    const __m512d half = _mm512_or_pd(_mm512_and_pd(y, _mm512_set1_pd(-0.0)), _mm512_set1_pd(0x1.fffffffffffffp-2));
    return _mm512_cvttpd_epi32(_mm512_add_pd(y, half));
  }
  static TFL_ALWAYS_INLINE Int32<Avx512> apply(Int32<Avx512> x, const double* real, double lo, double hi) {
    const __m256i low = eight(_mm512_castsi512_si256(x), real, lo, hi), high = eight(_mm512_extracti64x4_epi64(x, 1), real + 8, lo, hi);
    return Int32<Avx512>(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
  }
};
template <> struct ScaleOps<Avx512Vnni> : ScaleOps<Avx512> {};
template <> struct ScaleOps<Avx512Amx> : ScaleOps<Avx512Vnni> {};
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <> struct ScaleOps<Neon> {
  static TFL_ALWAYS_INLINE int32x2_t two(int32x2_t x, const double* real, double lo, double hi) {
    float64x2_t y = vmulq_f64(vcvtq_f64_s64(vmovl_s32(x)), vld1q_f64(real));
    y = vminq_f64(vmaxq_f64(y, vdupq_n_f64(lo)), vdupq_n_f64(hi));
    return vmovn_s64(vcvtaq_s64_f64(y));
  }
  static TFL_ALWAYS_INLINE Int32<Neon> apply(Int32<Neon> x, const double* real, double lo, double hi) {
    return Int32<Neon>(vcombine_s32(two(vget_low_s32(x), real, lo, hi), two(vget_high_s32(x), real + 2, lo, hi)));
  }
};
template <> struct ScaleOps<NeonDotprod> : ScaleOps<Neon> {};
template <> struct ScaleOps<NeonI8mm> : ScaleOps<NeonDotprod> {};
#endif

}  // namespace tfl::simd
