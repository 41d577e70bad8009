#pragma once
// Dot products with weights of 4 bits, which stay in pairs until they are in registers: half of the memory is read.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/dot.hpp"

namespace tfl::simd {

/// As Dot<A, int8>, for two steps at once: the weights of the first step are the low halves of a group's bytes, those of the second one
/// the high halves. They are raised by 8, and so fit all signs that instructions want.
template <class A> struct NibbleDot : Dot<A, std::int8_t> {
  static constexpr int weight_offset = 8;
  using Weights = typename Dot<A, std::int8_t>::Weights;
  struct Pair {
    Weights first, second;
  };
  static TFL_ALWAYS_INLINE Pair load_two([[maybe_unused]] const std::uint8_t* p) {
#if TFL_HAS_XSIMD && defined(__SSE4_1__)
    if constexpr (std::is_same_v<A, Sse41>) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), low = _mm_set1_epi8(15);
      return {_mm_cvtepu8_epi16(_mm_and_si128(bytes, low)), _mm_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(bytes, 4), low))};
    }
#endif
#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
    if constexpr (std::is_same_v<A, Avx2>) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), low = _mm_set1_epi8(15);
      return {_mm256_cvtepu8_epi16(_mm_and_si128(bytes, low)), _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(bytes, 4), low))};
    }
#if defined(__AVXVNNI__)
    if constexpr (std::is_same_v<A, AvxVnni>) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), low = _mm256_set1_epi8(15);
      return {_mm256_and_si256(bytes, low), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low)};
    }
#endif
#endif
#if TFL_HAS_XSIMD && defined(__AVX512BW__)
    if constexpr (std::is_same_v<A, Avx512>) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), low = _mm256_set1_epi8(15);
      return {_mm512_cvtepu8_epi16(_mm256_and_si256(bytes, low)), _mm512_cvtepu8_epi16(_mm256_and_si256(_mm256_srli_epi16(bytes, 4), low))};
    }
#if defined(__AVX512VNNI__)
    if constexpr (std::is_base_of_v<Avx512Vnni, A>) {
      const __m512i bytes = _mm512_loadu_si512(p), low = _mm512_set1_epi8(15);
      return {_mm512_and_si512(bytes, low), _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low)};
    }
#endif
#endif
#if TFL_HAS_XSIMD && defined(__aarch64__)
    if constexpr (std::is_same_v<A, Neon>) {
      const uint8x8_t bytes = vld1_u8(p);
      return {vreinterpret_s8_u8(vand_u8(bytes, vdup_n_u8(15))), vreinterpret_s8_u8(vshr_n_u8(bytes, 4))};
    }
#if defined(__ARM_FEATURE_DOTPROD)
    if constexpr (std::is_same_v<A, NeonDotprod>) {
      const uint8x16_t bytes = vld1q_u8(p);
      return {vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(15))), vreinterpretq_s8_u8(vshrq_n_u8(bytes, 4))};
    }
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
    if constexpr (std::is_same_v<A, NeonI8mm>) {
      const uint8x16_t a = vld1q_u8(p), b = vld1q_u8(p + 16), low = vdupq_n_u8(15);
      return {{vreinterpretq_s8_u8(vandq_u8(a, low)), vreinterpretq_s8_u8(vandq_u8(b, low))},
              {vreinterpretq_s8_u8(vshrq_n_u8(a, 4)), vreinterpretq_s8_u8(vshrq_n_u8(b, 4))}};
    }
#endif
#endif
  }
};

}  // namespace tfl::simd
