#pragma once
// Pairs of bytes, computed on as 16-bit words: what functions of two byte tensors have in common. The order of lanes inside is each
// architecture's own; packing restores it.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/simd/batch.hpp"

namespace tfl::simd {

namespace detail {

/// ByteWords<A, T>: `lanes` bytes of T as two vectors of words, and the words back to bytes, saturated and clamped.
/// ByteWordOps<A>: the few operations on x86 vectors that such functions need, under one name for every width.
template <class A, class T> struct ByteWords;
template <class A> struct ByteWordOps;

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <> struct ByteWordOps<Sse41> {
  using V = __m128i;
  static V words(int x) { return _mm_set1_epi16(static_cast<short>(x)); }
  static V integers(int x) { return _mm_set1_epi32(x); }
  static V bytes(int x) { return _mm_set1_epi8(static_cast<char>(x)); }
  static V load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static void store(void* p, V v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }
  static V signs(V v) { return _mm_cmpgt_epi8(_mm_setzero_si128(), v); }
  static V low_bytes(V a, V b) { return _mm_unpacklo_epi8(a, b); }
  static V high_bytes(V a, V b) { return _mm_unpackhi_epi8(a, b); }
  static V low_words(V a, V b) { return _mm_unpacklo_epi16(a, b); }
  static V high_words(V a, V b) { return _mm_unpackhi_epi16(a, b); }
  static V add(V a, V b) { return _mm_add_epi32(a, b); }
  static V multiply_add(V a, V b) { return _mm_madd_epi16(a, b); }
  static V shift_right_15(V v) { return _mm_srai_epi32(v, 15); }
  static V shift_right(V v, int by) { return _mm_sra_epi32(v, _mm_cvtsi32_si128(by)); }
  static V to_words(V a, V b) { return _mm_packs_epi32(a, b); }
  static V to_int8(V a, V b, V lo, V hi) { return _mm_min_epi8(_mm_max_epi8(_mm_packs_epi16(a, b), lo), hi); }
  static V to_uint8(V a, V b, V lo, V hi) { return _mm_min_epu8(_mm_max_epu8(_mm_packus_epi16(a, b), lo), hi); }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <> struct ByteWordOps<Avx2> {
  using V = __m256i;
  static V words(int x) { return _mm256_set1_epi16(static_cast<short>(x)); }
  static V integers(int x) { return _mm256_set1_epi32(x); }
  static V bytes(int x) { return _mm256_set1_epi8(static_cast<char>(x)); }
  static V load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static void store(void* p, V v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static V signs(V v) { return _mm256_cmpgt_epi8(_mm256_setzero_si256(), v); }
  static V low_bytes(V a, V b) { return _mm256_unpacklo_epi8(a, b); }
  static V high_bytes(V a, V b) { return _mm256_unpackhi_epi8(a, b); }
  static V low_words(V a, V b) { return _mm256_unpacklo_epi16(a, b); }
  static V high_words(V a, V b) { return _mm256_unpackhi_epi16(a, b); }
  static V add(V a, V b) { return _mm256_add_epi32(a, b); }
  static V multiply_add(V a, V b) { return _mm256_madd_epi16(a, b); }
  static V shift_right_15(V v) { return _mm256_srai_epi32(v, 15); }
  static V shift_right(V v, int by) { return _mm256_sra_epi32(v, _mm_cvtsi32_si128(by)); }
  static V to_words(V a, V b) { return _mm256_packs_epi32(a, b); }
  static V to_int8(V a, V b, V lo, V hi) { return _mm256_min_epi8(_mm256_max_epi8(_mm256_packs_epi16(a, b), lo), hi); }
  static V to_uint8(V a, V b, V lo, V hi) { return _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(a, b), lo), hi); }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct ByteWordOps<Avx512> {
  using V = __m512i;
  static V words(int x) { return _mm512_set1_epi16(static_cast<short>(x)); }
  static V integers(int x) { return _mm512_set1_epi32(x); }
  static V bytes(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
  static V load(const void* p) { return _mm512_loadu_si512(p); }
  static void store(void* p, V v) { _mm512_storeu_si512(p, v); }
  static V signs(V v) { return _mm512_movm_epi8(_mm512_movepi8_mask(v)); }
  static V low_bytes(V a, V b) { return _mm512_unpacklo_epi8(a, b); }
  static V high_bytes(V a, V b) { return _mm512_unpackhi_epi8(a, b); }
  static V low_words(V a, V b) { return _mm512_unpacklo_epi16(a, b); }
  static V high_words(V a, V b) { return _mm512_unpackhi_epi16(a, b); }
  static V add(V a, V b) { return _mm512_add_epi32(a, b); }
  static V multiply_add(V a, V b) { return _mm512_madd_epi16(a, b); }
  static V shift_right_15(V v) { return _mm512_srai_epi32(v, 15); }
  static V shift_right(V v, int by) { return _mm512_sra_epi32(v, _mm_cvtsi32_si128(by)); }
  static V to_words(V a, V b) { return _mm512_packs_epi32(a, b); }
  static V to_int8(V a, V b, V lo, V hi) { return _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(a, b), lo), hi); }
  static V to_uint8(V a, V b, V lo, V hi) { return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(a, b), lo), hi); }
};
#endif

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <class A, class T> struct ByteWords {
  using Ops = ByteWordOps<A>;
  using V = typename Ops::V;
  static constexpr int lanes = sizeof(V);
  struct Words {
    V first, second;
  };
  V lo, hi;
  ByteWords(std::int32_t least, std::int32_t most) : lo(Ops::bytes(least)), hi(Ops::bytes(most)) {}
  static TFL_ALWAYS_INLINE Words load(const T* p) {
    const V bytes = Ops::load(p), above = std::is_signed_v<T> ? Ops::signs(bytes) : Ops::bytes(0);
    return {Ops::low_bytes(bytes, above), Ops::high_bytes(bytes, above)};
  }
  static TFL_ALWAYS_INLINE Words repeat(T x) { return {Ops::words(x), Ops::words(x)}; }
  TFL_ALWAYS_INLINE void store(V first, V second, T* to) const {
    Ops::store(to, std::is_signed_v<T> ? Ops::to_int8(first, second, lo, hi) : Ops::to_uint8(first, second, lo, hi));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <class T> struct ByteWords<Neon, T> {
  static constexpr int lanes = 16;
  struct Words {
    int16x8_t first, second;
  };
  std::int32_t lo, hi;
  ByteWords(std::int32_t least, std::int32_t most) : lo(least), hi(most) {}
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
  void store(int16x8_t first, int16x8_t second, T* to) const {
    if constexpr (std::is_signed_v<T>) {
      const int8x16_t bytes = vcombine_s8(vqmovn_s16(first), vqmovn_s16(second));
      vst1q_s8(to, vminq_s8(vmaxq_s8(bytes, vdupq_n_s8(static_cast<std::int8_t>(lo))), vdupq_n_s8(static_cast<std::int8_t>(hi))));
    } else {
      const uint8x16_t bytes = vcombine_u8(vqmovun_s16(first), vqmovun_s16(second));
      vst1q_u8(to, vminq_u8(vmaxq_u8(bytes, vdupq_n_u8(static_cast<std::uint8_t>(lo))), vdupq_n_u8(static_cast<std::uint8_t>(hi))));
    }
  }
};
#endif

/// Step is made from `parameters` and has of_words(x, y), a vector of words each, and a ByteWords `bytes`. A step of 0 repeats an input's
/// first element. Not inlined, so that a caller's change of rounding is done.
template <class Step, class T, class Parameters>
TFL_NOINLINE void map_byte_pairs(const T* x, int step_x, const T* y, int step_y, T* to, std::int64_t count, const Parameters& parameters) {
  using Bytes = typename Step::Bytes;
  using Words = typename Bytes::Words;
  const Step step(parameters);
  const Words repeated_x = Bytes::repeat(*x), repeated_y = Bytes::repeat(*y);
  const auto run = [&](const T* from_x, const T* from_y, T* out) {
    const Words a = step_x != 0 ? Bytes::load(from_x) : repeated_x, b = step_y != 0 ? Bytes::load(from_y) : repeated_y;
    step.bytes.store(step.of_words(a.first, b.first), step.of_words(a.second, b.second), out);
  };
  std::int64_t i = 0;
  for (; i + Bytes::lanes <= count; i += Bytes::lanes) run(x + i, y + i, to + i);
  if (i == count) return;
  T rest_x[Bytes::lanes] = {}, rest_y[Bytes::lanes] = {}, rest[Bytes::lanes];
  const auto left = static_cast<std::size_t>(count - i);
  if (step_x != 0) std::memcpy(rest_x, x + i, left);
  if (step_y != 0) std::memcpy(rest_y, y + i, left);
  run(rest_x, rest_y, rest);
  std::memcpy(to + i, rest, left);
}

/// The tag whose vectors an architecture with more products of bytes shares.
template <class A>
using WordsOf =
    std::conditional_t<std::is_base_of_v<Avx512, A>, Avx512,
                       std::conditional_t<std::is_base_of_v<Avx2, A>, Avx2, std::conditional_t<std::is_base_of_v<Neon, A>, Neon, A>>>;

}  // namespace detail
}  // namespace tfl::simd
