#pragma once
// Products along columns: bytes of neighbouring rows, interleaved so that one lane meets several taps of its own filter at once.
//
// Rows of bytes are cut into blocks of 4 * lanes<int32_t, A> values. interleave() makes four vectors of a block of `depth` rows, in
// which each value has its `depth` rows side by side, `value_bytes` in all. The four vectors go to four planes, in which blocks follow
// one another: a load from any multiple of 16 values into a plane, value_bytes / 4 bytes a value, gets a block that starts there.
// Value i of a block is in vector group_vector(i), lane group_lane(i): what is applied lane by lane is packed in that order, and
// store() undoes it.
//
// Rows are staged unsigned (`staged_signed` false: 128 is added to int8) or signed, as the multiplication wants them.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/int32.hpp"
#include "tfl/simd/requantize.hpp"

namespace tfl::simd {

template <class A> struct RowGroups;

/// Whether an architecture has RowGroups.
template <class A> inline constexpr bool has_row_groups = !std::is_same_v<A, Scalar>;
/// Values of a block.
template <class A> inline constexpr int group_block = 4 * lanes<std::int32_t, A>;
constexpr int group_vector(int i) { return i / 4 % 4; }
constexpr int group_lane(int i) { return i / 16 * 4 + i % 4; }

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
/// Two rows, as 16-bit numbers.
template <> struct RowGroups<Sse41> {
  static constexpr int depth = 2, value_bytes = 4;
  static constexpr bool staged_signed = false;
  using Weight = std::int16_t;
  using V = Int32<Sse41>;
  static TFL_ALWAYS_INLINE void interleave(const std::uint8_t* const* rows, std::int64_t at, std::uint8_t* to, std::int64_t plane) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[0] + at));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[1] + at));
    const __m128i zero = _mm_setzero_si128(), low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_unpacklo_epi8(low, zero));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + plane), _mm_unpackhi_epi8(low, zero));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * plane), _mm_unpacklo_epi8(high, zero));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 3 * plane), _mm_unpackhi_epi8(high, zero));
  }
  using Group = __m128i;
  static TFL_ALWAYS_INLINE Group load(const std::uint8_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
  static TFL_ALWAYS_INLINE V dot(V sum, Group x, const std::byte* weights) {
    return V(_mm_add_epi32(sum, _mm_madd_epi16(x, _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)))));
  }
  template <class T> static TFL_ALWAYS_INLINE void store(T* to, const V* y, T lo, T hi) {
    const __m128i low = _mm_packs_epi32(y[0], y[1]), high = _mm_packs_epi32(y[2], y[3]);
    __m128i bytes;
    if constexpr (std::is_signed_v<T>) {
      bytes = _mm_min_epi8(_mm_max_epi8(_mm_packs_epi16(low, high), _mm_set1_epi8(lo)), _mm_set1_epi8(hi));
    } else {
      bytes = _mm_min_epu8(_mm_max_epu8(_mm_packus_epi16(low, high), _mm_set1_epi8(static_cast<char>(lo))),
                           _mm_set1_epi8(static_cast<char>(hi)));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <> struct RowGroups<Avx2> {
  static constexpr int depth = 2, value_bytes = 4;
  static constexpr bool staged_signed = false;
  using Weight = std::int16_t;
  using V = Int32<Avx2>;
  static TFL_ALWAYS_INLINE void interleave(const std::uint8_t* const* rows, std::int64_t at, std::uint8_t* to, std::int64_t plane) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[0] + at));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[1] + at));
    const __m256i zero = _mm256_setzero_si256(), low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_unpacklo_epi8(low, zero));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + plane), _mm256_unpackhi_epi8(low, zero));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 2 * plane), _mm256_unpacklo_epi8(high, zero));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 3 * plane), _mm256_unpackhi_epi8(high, zero));
  }
  using Group = __m256i;
  static TFL_ALWAYS_INLINE Group load(const std::uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static TFL_ALWAYS_INLINE V dot(V sum, Group x, const std::byte* weights) {
    return V(_mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights)))));
  }
  template <class T> static TFL_ALWAYS_INLINE void store(T* to, const V* y, T lo, T hi) {
    const __m256i low = _mm256_packs_epi32(y[0], y[1]), high = _mm256_packs_epi32(y[2], y[3]);
    __m256i bytes;
    if constexpr (std::is_signed_v<T>) {
      bytes = _mm256_min_epi8(_mm256_max_epi8(_mm256_packs_epi16(low, high), _mm256_set1_epi8(lo)), _mm256_set1_epi8(hi));
    } else {
      bytes = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(low, high), _mm256_set1_epi8(static_cast<char>(lo))),
                              _mm256_set1_epi8(static_cast<char>(hi)));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
  }
};
#if defined(__AVXVNNI__)
/// Four rows, as bytes.
template <> struct RowGroups<AvxVnni> : RowGroups<Avx2> {
  static constexpr int depth = 4;
  using Weight = std::int8_t;
  using V = Int32<AvxVnni>;
  static TFL_ALWAYS_INLINE void interleave(const std::uint8_t* const* rows, std::int64_t at, std::uint8_t* to, std::int64_t plane) {
    const __m256i a = load(rows[0] + at), b = load(rows[1] + at), c = load(rows[2] + at), d = load(rows[3] + at);
    const __m256i ab_low = _mm256_unpacklo_epi8(a, b), ab_high = _mm256_unpackhi_epi8(a, b);
    const __m256i cd_low = _mm256_unpacklo_epi8(c, d), cd_high = _mm256_unpackhi_epi8(c, d);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_unpacklo_epi16(ab_low, cd_low));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + plane), _mm256_unpackhi_epi16(ab_low, cd_low));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 2 * plane), _mm256_unpacklo_epi16(ab_high, cd_high));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 3 * plane), _mm256_unpackhi_epi16(ab_high, cd_high));
  }
  static TFL_ALWAYS_INLINE V dot(V sum, Group x, const std::byte* weights) {
    return V(_mm256_dpbusd_avx_epi32(sum, x, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights))));
  }
};
#endif
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct RowGroups<Avx512> {
  static constexpr int depth = 2, value_bytes = 4;
  static constexpr bool staged_signed = false;
  using Weight = std::int16_t;
  using V = Int32<Avx512>;
  static TFL_ALWAYS_INLINE void interleave(const std::uint8_t* const* rows, std::int64_t at, std::uint8_t* to, std::int64_t plane) {
    const __m512i a = _mm512_loadu_si512(rows[0] + at), b = _mm512_loadu_si512(rows[1] + at);
    const __m512i zero = _mm512_setzero_si512(), low = _mm512_unpacklo_epi8(a, b), high = _mm512_unpackhi_epi8(a, b);
    _mm512_storeu_si512(to, _mm512_unpacklo_epi8(low, zero));
    _mm512_storeu_si512(to + plane, _mm512_unpackhi_epi8(low, zero));
    _mm512_storeu_si512(to + 2 * plane, _mm512_unpacklo_epi8(high, zero));
    _mm512_storeu_si512(to + 3 * plane, _mm512_unpackhi_epi8(high, zero));
  }
  using Group = __m512i;
  static TFL_ALWAYS_INLINE Group load(const std::uint8_t* from) { return _mm512_loadu_si512(from); }
  static TFL_ALWAYS_INLINE V dot(V sum, Group x, const std::byte* weights) {
    return V(_mm512_add_epi32(sum, _mm512_madd_epi16(x, _mm512_loadu_si512(weights))));
  }
  template <class T> static TFL_ALWAYS_INLINE void store(T* to, const V* y, T lo, T hi) {
    const __m512i low = _mm512_packs_epi32(y[0], y[1]), high = _mm512_packs_epi32(y[2], y[3]);
    __m512i bytes;
    if constexpr (std::is_signed_v<T>) {
      bytes = _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(low, high), _mm512_set1_epi8(lo)), _mm512_set1_epi8(hi));
    } else {
      bytes = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(low, high), _mm512_set1_epi8(static_cast<char>(lo))),
                              _mm512_set1_epi8(static_cast<char>(hi)));
    }
    _mm512_storeu_si512(to, bytes);
  }
  /// Of what FloatSteps leave: twice the values, before rounding and without the zero point.
  template <bool Mirrored, class T> static TFL_ALWAYS_INLINE void store_steps(T* to, const V* y, std::int32_t zero_point, T most) {
    _mm512_storeu_si512(to, detail::Narrow64<T, Mirrored>(zero_point, most)(y[0], y[1], y[2], y[3]));
  }
};
#if defined(__AVX512VNNI__)
/// Four rows, as bytes.
template <> struct RowGroups<Avx512Vnni> : RowGroups<Avx512> {
  static constexpr int depth = 4;
  using Weight = std::int8_t;
  using V = Int32<Avx512Vnni>;
  static TFL_ALWAYS_INLINE void interleave(const std::uint8_t* const* rows, std::int64_t at, std::uint8_t* to, std::int64_t plane) {
    const __m512i a = _mm512_loadu_si512(rows[0] + at), b = _mm512_loadu_si512(rows[1] + at);
    const __m512i c = _mm512_loadu_si512(rows[2] + at), d = _mm512_loadu_si512(rows[3] + at);
    const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    _mm512_storeu_si512(to, _mm512_unpacklo_epi16(ab_low, cd_low));
    _mm512_storeu_si512(to + plane, _mm512_unpackhi_epi16(ab_low, cd_low));
    _mm512_storeu_si512(to + 2 * plane, _mm512_unpacklo_epi16(ab_high, cd_high));
    _mm512_storeu_si512(to + 3 * plane, _mm512_unpackhi_epi16(ab_high, cd_high));
  }
  static TFL_ALWAYS_INLINE V dot(V sum, Group x, const std::byte* weights) {
    return V(_mm512_dpbusd_epi32(sum, x, _mm512_loadu_si512(weights)));
  }
};
template <> struct RowGroups<Avx512Amx> : RowGroups<Avx512Vnni> {};
#endif
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
/// One row, as 16-bit numbers.
template <> struct RowGroups<Neon> {
  static constexpr int depth = 1, value_bytes = 2;
  static constexpr bool staged_signed = false;
  using Weight = std::int16_t;
  using V = Int32<Neon>;
  static TFL_ALWAYS_INLINE void interleave(const std::uint8_t* const* rows, std::int64_t at, std::uint8_t* to, std::int64_t plane) {
    const uint8x16_t x = vld1q_u8(rows[0] + at);
    const uint8x16_t low = vreinterpretq_u8_u16(vmovl_u8(vget_low_u8(x))), high = vreinterpretq_u8_u16(vmovl_high_u8(x));
    vst1_u8(to, vget_low_u8(low));
    vst1_u8(to + plane, vget_high_u8(low));
    vst1_u8(to + 2 * plane, vget_low_u8(high));
    vst1_u8(to + 3 * plane, vget_high_u8(high));
  }
  using Group = int16x4_t;
  static TFL_ALWAYS_INLINE Group load(const std::uint8_t* from) { return vreinterpret_s16_u8(vld1_u8(from)); }
  static TFL_ALWAYS_INLINE V dot(V sum, Group x, const std::byte* weights) {
    return V(vmlal_s16(sum, x, vreinterpret_s16_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(weights)))));
  }
  template <class T> static TFL_ALWAYS_INLINE void store(T* to, const V* y, T lo, T hi) {
    const int16x8_t low = vqmovn_high_s32(vqmovn_s32(y[0]), y[1]), high = vqmovn_high_s32(vqmovn_s32(y[2]), y[3]);
    if constexpr (std::is_signed_v<T>) {
      vst1q_s8(to, vminq_s8(vmaxq_s8(vqmovn_high_s16(vqmovn_s16(low), high), vdupq_n_s8(lo)), vdupq_n_s8(hi)));
    } else {
      vst1q_u8(to, vminq_u8(vmaxq_u8(vqmovun_high_s16(vqmovun_s16(low), high), vdupq_n_u8(lo)), vdupq_n_u8(hi)));
    }
  }
};
#if defined(__ARM_FEATURE_DOTPROD)
/// Four rows, as signed bytes.
template <> struct RowGroups<NeonDotprod> : RowGroups<Neon> {
  static constexpr int depth = 4, value_bytes = 4;
  static constexpr bool staged_signed = true;
  using Weight = std::int8_t;
  using V = Int32<NeonDotprod>;
  static TFL_ALWAYS_INLINE void interleave(const std::uint8_t* const* rows, std::int64_t at, std::uint8_t* to, std::int64_t plane) {
    const uint8x16_t a = vld1q_u8(rows[0] + at), b = vld1q_u8(rows[1] + at), c = vld1q_u8(rows[2] + at), d = vld1q_u8(rows[3] + at);
    const uint16x8_t ab_low = vreinterpretq_u16_u8(vzip1q_u8(a, b)), ab_high = vreinterpretq_u16_u8(vzip2q_u8(a, b));
    const uint16x8_t cd_low = vreinterpretq_u16_u8(vzip1q_u8(c, d)), cd_high = vreinterpretq_u16_u8(vzip2q_u8(c, d));
    vst1q_u8(to, vreinterpretq_u8_u16(vzip1q_u16(ab_low, cd_low)));
    vst1q_u8(to + plane, vreinterpretq_u8_u16(vzip2q_u16(ab_low, cd_low)));
    vst1q_u8(to + 2 * plane, vreinterpretq_u8_u16(vzip1q_u16(ab_high, cd_high)));
    vst1q_u8(to + 3 * plane, vreinterpretq_u8_u16(vzip2q_u16(ab_high, cd_high)));
  }
  using Group = int8x16_t;
  static TFL_ALWAYS_INLINE Group load(const std::uint8_t* from) { return vreinterpretq_s8_u8(vld1q_u8(from)); }
  static TFL_ALWAYS_INLINE V dot(V sum, Group x, const std::byte* weights) {
    return V(vdotq_s32(sum, x, vreinterpretq_s8_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(weights)))));
  }
};
template <> struct RowGroups<NeonI8mm> : RowGroups<NeonDotprod> {};
#endif
#endif

}  // namespace tfl::simd
