#pragma once
// Sums over bytes.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/batch.hpp"

namespace tfl::simd {

struct ByteSums {
  std::int64_t sum = 0, absolute = 0;  // of x - zero, and of |x - zero|
};

namespace detail {
/// What sums_around() does for whole vectors; returns how many elements it has taken.
template <class A> struct ByteSumsOf {
  template <class T> static std::int64_t add(const T*, std::int64_t, std::int32_t, ByteSums&) { return 0; }
};

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
/// Sums of absolute differences are an instruction, of unsigned bytes: signed ones are raised by 128 first.
template <> struct ByteSumsOf<Sse41> {
  template <class T> static std::int64_t add(const T* x, std::int64_t count, std::int32_t zero, ByteSums& to) {
    constexpr int raise = std::is_signed_v<T> ? 128 : 0;
    const __m128i flip = _mm_set1_epi8(static_cast<char>(raise)), zeros = _mm_set1_epi8(static_cast<char>(zero + raise));
    __m128i sum = _mm_setzero_si128(), absolute = _mm_setzero_si128();
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
      const __m128i v = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i)), flip);
      sum = _mm_add_epi64(sum, _mm_sad_epu8(v, _mm_setzero_si128()));
      absolute = _mm_add_epi64(absolute, _mm_sad_epu8(v, zeros));
    }
    to.sum += _mm_extract_epi64(sum, 0) + _mm_extract_epi64(sum, 1) - i * (zero + raise);
    to.absolute += _mm_extract_epi64(absolute, 0) + _mm_extract_epi64(absolute, 1);
    return i;
  }
};
template <> struct ByteSumsOf<Avx2> : ByteSumsOf<Sse41> {};
template <> struct ByteSumsOf<AvxVnni> : ByteSumsOf<Avx2> {};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct ByteSumsOf<Avx512> {
  template <class T> static std::int64_t add(const T* x, std::int64_t count, std::int32_t zero, ByteSums& to) {
    constexpr int raise = std::is_signed_v<T> ? 128 : 0;
    const __m512i flip = _mm512_set1_epi8(static_cast<char>(raise)), zeros = _mm512_set1_epi8(static_cast<char>(zero + raise));
    __m512i sum = _mm512_setzero_si512(), absolute = _mm512_setzero_si512();
    std::int64_t i = 0;
    for (; i + 64 <= count; i += 64) {
      const __m512i v = _mm512_xor_si512(_mm512_loadu_si512(x + i), flip);
      sum = _mm512_add_epi64(sum, _mm512_sad_epu8(v, _mm512_setzero_si512()));
      absolute = _mm512_add_epi64(absolute, _mm512_sad_epu8(v, zeros));
    }
    to.sum += _mm512_reduce_add_epi64(sum) - i * (zero + raise);
    to.absolute += _mm512_reduce_add_epi64(absolute);
    const std::int64_t taken = ByteSumsOf<Sse41>::add(x + i, count - i, zero, to);
    return i + taken;
  }
};
template <> struct ByteSumsOf<Avx512Vnni> : ByteSumsOf<Avx512> {};
template <> struct ByteSumsOf<Avx512Amx> : ByteSumsOf<Avx512Vnni> {};
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <> struct ByteSumsOf<Neon> {
  template <class T> static std::int64_t add(const T* x, std::int64_t count, std::int32_t zero, ByteSums& to) {
    constexpr int raise = std::is_signed_v<T> ? 128 : 0;
    const uint8x16_t flip = vdupq_n_u8(static_cast<std::uint8_t>(raise)), zeros = vdupq_n_u8(static_cast<std::uint8_t>(zero + raise));
    uint64x2_t sum = vdupq_n_u64(0), absolute = vdupq_n_u64(0);
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
      const uint8x16_t v = veorq_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(x + i)), flip);
      sum = vpadalq_u32(sum, vpaddlq_u16(vpaddlq_u8(v)));
      absolute = vpadalq_u32(absolute, vpaddlq_u16(vpaddlq_u8(vabdq_u8(v, zeros))));
    }
    to.sum += static_cast<std::int64_t>(vaddvq_u64(sum)) - i * (zero + raise);
    to.absolute += static_cast<std::int64_t>(vaddvq_u64(absolute));
    return i;
  }
};
template <> struct ByteSumsOf<NeonDotprod> : ByteSumsOf<Neon> {};
template <> struct ByteSumsOf<NeonI8mm> : ByteSumsOf<NeonDotprod> {};
#endif
}  // namespace detail

/// Requires a zero in T's range.
template <class A, class T> ByteSums sums_around(const T* x, std::int64_t count, std::int32_t zero) {
  static_assert(sizeof(T) == 1);
  ByteSums result;
  for (std::int64_t i = detail::ByteSumsOf<A>::add(x, count, zero, result); i < count; ++i) {
    const std::int32_t difference = x[i] - zero;
    result.sum += difference;
    result.absolute += difference < 0 ? -difference : difference;
  }
  return result;
}

}  // namespace tfl::simd
