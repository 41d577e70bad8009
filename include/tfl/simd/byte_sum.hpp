#pragma once
// Weighted sums of two bytes: out = clamp(floor((a * x + b * y + constant) / 2^(15 + shift))), in the 16-bit multiply-adds that every
// vector architecture has. Weights have 31 bits, in two halves whose products add up without rounding.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/simd/batch.hpp"

namespace tfl::simd {

/// a = a_high * 2^15 + a_low, and so on.
struct ByteSum {
  std::int16_t a_high, b_high, a_low, b_low;
  std::int32_t high, low;  // of the constant; low is in [0, 2^15)
  std::int32_t shift;      // 0 to 15
  std::int32_t lo, hi;     // the output's range, within its type's
};

/// Whether an architecture has sum_bytes().
template <class A> inline constexpr bool has_byte_sum = TFL_HAS_XSIMD != 0 && !std::is_same_v<A, Scalar>;

namespace detail {

/// `lanes` bytes of each input to as many bytes of output.
template <class A, class T> struct ByteSumStep;

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <class T> struct ByteSumStep<Sse41, T> {
  static constexpr int lanes = 16;
  struct Words {
    __m128i first, second;
  };
  __m128i high_weights, low_weights, high, low, lo, hi, shift;
  explicit ByteSumStep(const ByteSum& s)
      : high_weights(_mm_set1_epi32(static_cast<int>(pair_of(s.a_high, s.b_high)))),
        low_weights(_mm_set1_epi32(static_cast<int>(pair_of(s.a_low, s.b_low)))),
        high(_mm_set1_epi32(s.high)),
        low(_mm_set1_epi32(s.low)),
        lo(_mm_set1_epi8(static_cast<char>(s.lo))),
        hi(_mm_set1_epi8(static_cast<char>(s.hi))),
        shift(_mm_cvtsi32_si128(s.shift)) {}
  static constexpr std::uint32_t pair_of(std::int16_t a, std::int16_t b) {
    return static_cast<std::uint16_t>(a) | static_cast<std::uint32_t>(static_cast<std::uint16_t>(b)) << 16;
  }
  static Words load(const T* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    if constexpr (std::is_signed_v<T>) {
      return {_mm_cvtepi8_epi16(bytes), _mm_cvtepi8_epi16(_mm_srli_si128(bytes, 8))};
    } else {
      return {_mm_cvtepu8_epi16(bytes), _mm_cvtepu8_epi16(_mm_srli_si128(bytes, 8))};
    }
  }
  static Words repeat(T x) { return {_mm_set1_epi16(x), _mm_set1_epi16(x)}; }
  TFL_ALWAYS_INLINE __m128i of_pairs(__m128i pairs) const {
    const __m128i carried = _mm_srai_epi32(_mm_add_epi32(_mm_madd_epi16(pairs, low_weights), low), 15);
    return _mm_sra_epi32(_mm_add_epi32(_mm_madd_epi16(pairs, high_weights), _mm_add_epi32(carried, high)), shift);
  }
  TFL_ALWAYS_INLINE __m128i of_words(__m128i x, __m128i y) const {
    return _mm_packs_epi32(of_pairs(_mm_unpacklo_epi16(x, y)), of_pairs(_mm_unpackhi_epi16(x, y)));
  }
  TFL_ALWAYS_INLINE void operator()(const Words& x, const Words& y, T* to) const {
    const __m128i first = of_words(x.first, y.first), second = of_words(x.second, y.second);
    __m128i bytes;
    if constexpr (std::is_signed_v<T>) {
      bytes = _mm_min_epi8(_mm_max_epi8(_mm_packs_epi16(first, second), lo), hi);
    } else {
      bytes = _mm_min_epu8(_mm_max_epu8(_mm_packus_epi16(first, second), lo), hi);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <class T> struct ByteSumStep<Avx2, T> {
  static constexpr int lanes = 32;
  struct Words {
    __m256i first, second;
  };
  __m256i high_weights, low_weights, high, low, lo, hi;
  __m128i shift;
  explicit ByteSumStep(const ByteSum& s)
      : high_weights(_mm256_broadcastd_epi32(pair_of(s.a_high, s.b_high))),
        low_weights(_mm256_broadcastd_epi32(pair_of(s.a_low, s.b_low))),
        high(_mm256_set1_epi32(s.high)),
        low(_mm256_set1_epi32(s.low)),
        lo(_mm256_set1_epi8(static_cast<char>(s.lo))),
        hi(_mm256_set1_epi8(static_cast<char>(s.hi))),
        shift(_mm_cvtsi32_si128(s.shift)) {}
  static __m128i pair_of(std::int16_t a, std::int16_t b) {
    return _mm_cvtsi32_si128(
        static_cast<std::int32_t>(static_cast<std::uint16_t>(a) | static_cast<std::uint32_t>(static_cast<std::uint16_t>(b)) << 16));
  }
  /// first: bytes 0-7 and 16-23, second: the others, so that packing them again restores their order.
  static Words load(const T* p) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i sign = std::is_signed_v<T> ? _mm256_cmpgt_epi8(_mm256_setzero_si256(), bytes) : _mm256_setzero_si256();
    return {_mm256_unpacklo_epi8(bytes, sign), _mm256_unpackhi_epi8(bytes, sign)};
  }
  static Words repeat(T x) { return {_mm256_set1_epi16(x), _mm256_set1_epi16(x)}; }
  TFL_ALWAYS_INLINE __m256i of_pairs(__m256i pairs) const {
    const __m256i carried = _mm256_srai_epi32(_mm256_add_epi32(_mm256_madd_epi16(pairs, low_weights), low), 15);
    return _mm256_sra_epi32(_mm256_add_epi32(_mm256_madd_epi16(pairs, high_weights), _mm256_add_epi32(carried, high)), shift);
  }
  TFL_ALWAYS_INLINE __m256i of_words(__m256i x, __m256i y) const {
    return _mm256_packs_epi32(of_pairs(_mm256_unpacklo_epi16(x, y)), of_pairs(_mm256_unpackhi_epi16(x, y)));
  }
  TFL_ALWAYS_INLINE void operator()(const Words& x, const Words& y, T* to) const {
    const __m256i first = of_words(x.first, y.first), second = of_words(x.second, y.second);
    __m256i bytes;
    if constexpr (std::is_signed_v<T>) {
      bytes = _mm256_min_epi8(_mm256_max_epi8(_mm256_packs_epi16(first, second), lo), hi);
    } else {
      bytes = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(first, second), lo), hi);
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
  }
};
template <class T> struct ByteSumStep<AvxVnni, T> : ByteSumStep<Avx2, T> { using ByteSumStep<Avx2, T>::ByteSumStep; };
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <class T> struct ByteSumStep<Avx512, T> {
  static constexpr int lanes = 64;
  struct Words {
    __m512i first, second;
  };
  __m512i high_weights, low_weights, high, low, lo, hi;
  __m128i shift;
  explicit ByteSumStep(const ByteSum& s)
      : high_weights(_mm512_set1_epi32(pair_of(s.a_high, s.b_high))),
        low_weights(_mm512_set1_epi32(pair_of(s.a_low, s.b_low))),
        high(_mm512_set1_epi32(s.high)),
        low(_mm512_set1_epi32(s.low)),
        lo(_mm512_set1_epi8(static_cast<char>(s.lo))),
        hi(_mm512_set1_epi8(static_cast<char>(s.hi))),
        shift(_mm_cvtsi32_si128(s.shift)) {}
  static int pair_of(std::int16_t a, std::int16_t b) {
    return static_cast<int>(static_cast<std::uint16_t>(a) | static_cast<std::uint32_t>(static_cast<std::uint16_t>(b)) << 16);
  }
  /// first: the even eights of bytes, second: the odd ones, so that packing them again restores their order.
  static Words load(const T* p) {
    const __m512i bytes = _mm512_loadu_si512(p);
    const __m512i sign = std::is_signed_v<T> ? _mm512_movm_epi8(_mm512_movepi8_mask(bytes)) : _mm512_setzero_si512();
    return {_mm512_unpacklo_epi8(bytes, sign), _mm512_unpackhi_epi8(bytes, sign)};
  }
  static Words repeat(T x) { return {_mm512_set1_epi16(x), _mm512_set1_epi16(x)}; }
  TFL_ALWAYS_INLINE __m512i of_pairs(__m512i pairs) const {
    const __m512i carried = _mm512_srai_epi32(_mm512_add_epi32(_mm512_madd_epi16(pairs, low_weights), low), 15);
    return _mm512_sra_epi32(_mm512_add_epi32(_mm512_madd_epi16(pairs, high_weights), _mm512_add_epi32(carried, high)), shift);
  }
  TFL_ALWAYS_INLINE __m512i of_words(__m512i x, __m512i y) const {
    return _mm512_packs_epi32(of_pairs(_mm512_unpacklo_epi16(x, y)), of_pairs(_mm512_unpackhi_epi16(x, y)));
  }
  TFL_ALWAYS_INLINE void operator()(const Words& x, const Words& y, T* to) const {
    const __m512i first = of_words(x.first, y.first), second = of_words(x.second, y.second);
    __m512i bytes;
    if constexpr (std::is_signed_v<T>) {
      bytes = _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(first, second), lo), hi);
    } else {
      bytes = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(first, second), lo), hi);
    }
    _mm512_storeu_si512(to, bytes);
  }
};
template <class T> struct ByteSumStep<Avx512Vnni, T> : ByteSumStep<Avx512, T> { using ByteSumStep<Avx512, T>::ByteSumStep; };
template <class T> struct ByteSumStep<Avx512Amx, T> : ByteSumStep<Avx512, T> { using ByteSumStep<Avx512, T>::ByteSumStep; };
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <class T> struct ByteSumStep<Neon, T> {
  static constexpr int lanes = 16;
  struct Words {
    int16x8_t first, second;
  };
  ByteSum s;
  int32x4_t high, low, shift;
  explicit ByteSumStep(const ByteSum& sum)
      : s(sum), high(vdupq_n_s32(sum.high)), low(vdupq_n_s32(sum.low)), shift(vdupq_n_s32(-sum.shift)) {}
  static Words load(const T* p) {
    if constexpr (std::is_signed_v<T>) {
      const int8x16_t bytes = vld1q_s8(p);
      return {vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)};
    } else {
      const uint8x16_t bytes = vld1q_u8(p);
      return {vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))), vreinterpretq_s16_u16(vmovl_high_u8(bytes))};
    }
  }
  static Words repeat(T x) { return {vdupq_n_s16(x), vdupq_n_s16(x)}; }
  TFL_ALWAYS_INLINE int16x4_t of_four(int16x4_t x, int16x4_t y) const {
    const int32x4_t carried = vshrq_n_s32(vmlal_n_s16(vmlal_n_s16(low, x, s.a_low), y, s.b_low), 15);
    const int32x4_t sum = vmlal_n_s16(vmlal_n_s16(vaddq_s32(carried, high), x, s.a_high), y, s.b_high);
    return vqmovn_s32(vshlq_s32(sum, shift));
  }
  TFL_ALWAYS_INLINE int16x8_t of_words(int16x8_t x, int16x8_t y) const {
    return vcombine_s16(of_four(vget_low_s16(x), vget_low_s16(y)), of_four(vget_high_s16(x), vget_high_s16(y)));
  }
  TFL_ALWAYS_INLINE void operator()(const Words& x, const Words& y, T* to) const {
    const int16x8_t first = of_words(x.first, y.first), second = of_words(x.second, y.second);
    if constexpr (std::is_signed_v<T>) {
      const int8x16_t bytes = vcombine_s8(vqmovn_s16(first), vqmovn_s16(second));
      vst1q_s8(to, vminq_s8(vmaxq_s8(bytes, vdupq_n_s8(static_cast<std::int8_t>(s.lo))), vdupq_n_s8(static_cast<std::int8_t>(s.hi))));
    } else {
      const uint8x16_t bytes = vcombine_u8(vqmovun_s16(first), vqmovun_s16(second));
      vst1q_u8(to, vminq_u8(vmaxq_u8(bytes, vdupq_n_u8(static_cast<std::uint8_t>(s.lo))), vdupq_n_u8(static_cast<std::uint8_t>(s.hi))));
    }
  }
};
template <class T> struct ByteSumStep<NeonDotprod, T> : ByteSumStep<Neon, T> { using ByteSumStep<Neon, T>::ByteSumStep; };
template <class T> struct ByteSumStep<NeonI8mm, T> : ByteSumStep<Neon, T> { using ByteSumStep<Neon, T>::ByteSumStep; };
#endif

}  // namespace detail

/// For `count` elements; a step of 0 repeats an input's first one.
template <class A, class T> void sum_bytes(const T* x, int step_x, const T* y, int step_y, T* to, std::int64_t count, const ByteSum& sum) {
  using Step = detail::ByteSumStep<A, T>;
  const Step step(sum);
  const typename Step::Words repeated_x = Step::repeat(*x), repeated_y = Step::repeat(*y);
  std::int64_t i = 0;
  for (; i + Step::lanes <= count; i += Step::lanes) {
    step(step_x != 0 ? Step::load(x + i) : repeated_x, step_y != 0 ? Step::load(y + i) : repeated_y, to + i);
  }
  if (i == count) return;
  T rest_x[Step::lanes] = {}, rest_y[Step::lanes] = {}, rest[Step::lanes];
  const auto bytes = static_cast<std::size_t>(count - i);
  if (step_x != 0) std::memcpy(rest_x, x + i, bytes);
  if (step_y != 0) std::memcpy(rest_y, y + i, bytes);
  step(step_x != 0 ? Step::load(rest_x) : repeated_x, step_y != 0 ? Step::load(rest_y) : repeated_y, rest);
  std::memcpy(to + i, rest, bytes);
}

}  // namespace tfl::simd
