#pragma once
// Products of 16-bit pairs, summed in 32-bit lanes: exact for all 8-bit data, and for 16 x 8 bits over at most max_dot16_pairs steps.
//
// A lane of Int32<A> holds two 16-bit numbers here, "a pair". All sums wrap, as 32-bit hardware does.

#include <cstdint>
#include <cstring>

#include "tfl/simd/int32.hpp"

namespace tfl::simd {

/// Pairs of an int16 and an int8 factor that an int32 sum holds for sure: each adds at most 2 * 2^15 * 2^7.
inline constexpr int max_dot16_pairs = 255;

/// Two 16-bit numbers as a pair; `low` comes first in memory order.
constexpr std::int32_t make_pair16(std::int32_t low, std::int32_t high) {
  return static_cast<std::int32_t>((static_cast<std::uint32_t>(low) & 0xffffu) | (static_cast<std::uint32_t>(high) << 16));
}

template <class A> struct Dot16Ops;  // one specialization per instruction set

template <> struct Dot16Ops<Scalar> {
  using V = Lane<std::int32_t>;
  static V dot(V sum, V x, V y) {
    const std::int32_t low = static_cast<std::int16_t>(x.value) * static_cast<std::int16_t>(y.value);
    const std::int32_t high = (x.value >> 16) * (y.value >> 16);
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum.value) + static_cast<std::uint32_t>(low) +
                                     static_cast<std::uint32_t>(high));
  }
  template <class T> static void interleave(const T* a, const T* b, V& low, V& high) {
    low = make_pair16(a[0], b[0]);
    high = make_pair16(a[1], b[1]);
  }
  static void in_order(V&, V&) {}
};

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <> struct Dot16Ops<Sse41> {
  using V = Int32<Sse41>;
  static V dot(V sum, V x, V y) { return V(_mm_add_epi32(sum, _mm_madd_epi16(x, y))); }
  static __m128i words(const std::int8_t* p) { return _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
  static __m128i words(const std::uint8_t* p) { return _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
  static __m128i words(const std::int16_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  template <class T> static void interleave(const T* a, const T* b, V& low, V& high) {
    const __m128i x = words(a), y = words(b);
    low = V(_mm_unpacklo_epi16(x, y));
    high = V(_mm_unpackhi_epi16(x, y));
  }
  static void in_order(V&, V&) {}
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <> struct Dot16Ops<Avx2> {
  using V = Int32<Avx2>;
  static V dot(V sum, V x, V y) { return V(_mm256_add_epi32(sum, _mm256_madd_epi16(x, y))); }
  static __m256i words(const std::int8_t* p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  static __m256i words(const std::uint8_t* p) { return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  static __m256i words(const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  template <class T> static void interleave(const T* a, const T* b, V& low, V& high) {
    const __m256i x = words(a), y = words(b);
    low = V(_mm256_unpacklo_epi16(x, y));
    high = V(_mm256_unpackhi_epi16(x, y));
  }
  static void in_order(V& low, V& high) {
    const __m256i l = low, h = high;
    low = V(_mm256_permute2x128_si256(l, h, 0x20));
    high = V(_mm256_permute2x128_si256(l, h, 0x31));
  }
};
#if defined(__AVXVNNI__)
template <> struct Dot16Ops<AvxVnni> : Dot16Ops<Avx2> {
  static V dot(V sum, V x, V y) { return V(_mm256_dpwssd_avx_epi32(sum, x, y)); }
};
#endif
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct Dot16Ops<Avx512> {
  using V = Int32<Avx512>;
  static V dot(V sum, V x, V y) { return V(_mm512_add_epi32(sum, _mm512_madd_epi16(x, y))); }
  static __m512i words(const std::int8_t* p) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static __m512i words(const std::uint8_t* p) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static __m512i words(const std::int16_t* p) { return _mm512_loadu_si512(p); }
  template <class T> static void interleave(const T* a, const T* b, V& low, V& high) {
    const __m512i x = words(a), y = words(b);
    low = V(_mm512_unpacklo_epi16(x, y));
    high = V(_mm512_unpackhi_epi16(x, y));
  }
  static void in_order(V& low, V& high) {
    const __m512i l = low, h = high;
    low = V(_mm512_permutex2var_epi64(l, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), h));
    high = V(_mm512_permutex2var_epi64(l, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), h));
  }
};
#if defined(__AVX512VNNI__)
template <> struct Dot16Ops<Avx512Vnni> : Dot16Ops<Avx512> {
  static V dot(V sum, V x, V y) { return V(_mm512_dpwssd_epi32(sum, x, y)); }
};
template <> struct Dot16Ops<Avx512Amx> : Dot16Ops<Avx512Vnni> {};
#endif
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <> struct Dot16Ops<Neon> {
  using V = Int32<Neon>;
  static V dot(V sum, V x, V y) {
    const int16x8_t a = vreinterpretq_s16_s32(x), b = vreinterpretq_s16_s32(y);
    const int32x4_t products = vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b));
    return V(vaddq_s32(sum, products));
  }
  static int16x8_t words(const std::int8_t* p) { return vmovl_s8(vld1_s8(p)); }
  static int16x8_t words(const std::uint8_t* p) { return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p))); }
  static int16x8_t words(const std::int16_t* p) { return vld1q_s16(p); }
  template <class T> static void interleave(const T* a, const T* b, V& low, V& high) {
    const int16x8_t x = words(a), y = words(b);
    low = V(vreinterpretq_s32_s16(vzip1q_s16(x, y)));
    high = V(vreinterpretq_s32_s16(vzip2q_s16(x, y)));
  }
  static void in_order(V&, V&) {}
};
template <> struct Dot16Ops<NeonDotprod> : Dot16Ops<Neon> {};
template <> struct Dot16Ops<NeonI8mm> : Dot16Ops<NeonDotprod> {};
#endif

/// sum + x.low * y.low + x.high * y.high in every lane.
template <class A> TFL_ALWAYS_INLINE Int32<A> dot16(const Int32<A>& sum, const Int32<A>& x, const Int32<A>& y) {
  return Dot16Ops<A>::dot(sum, x, y);
}

/// Elements that interleave16() reads from each of its rows.
template <class A> inline constexpr int interleaved16 = 2 * lanes<std::int32_t, A>;

/// Pairs (a[i], b[i]) of interleaved16<A> elements of 8 or 16 bits. Which lane of `low` and `high` holds element i is the
/// architecture's: see lane_of_interleaved16().
template <class A, class T> TFL_ALWAYS_INLINE void interleave16(const T* a, const T* b, Int32<A>& low, Int32<A>& high) {
  Dot16Ops<A>::interleave(a, b, low, high);
}

/// Where interleave16() puts element i: the lane of `low`, or lanes<int32_t, A> + the lane of `high`.
template <class A> constexpr int lane_of_interleaved16(int i) {
  constexpr int all = lanes<std::int32_t, A>;
  constexpr int group = all < 4 ? all : 4;  // instructions interleave within 128 bits
  const int half = i / group % 2, lane = i / (2 * group) * group + i % group;
  return half * all + lane;
}

/// Puts 32-bit results of interleaved elements in the elements' order.
template <class A> TFL_ALWAYS_INLINE void in_order16(Int32<A>& low, Int32<A>& high) { Dot16Ops<A>::in_order(low, high); }

}  // namespace tfl::simd
