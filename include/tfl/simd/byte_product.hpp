#pragma once
// Products of two bytes, requantized in float, exactly: see requantize.hpp.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/requantize.hpp"

namespace tfl::simd {

/// (x - zero_x) * (y - zero_y) as FloatSteps has it, mirrored below 0; the constants are repeated for as many lanes as any vector has.
struct ByteProduct {
  float high[16], low[16], lift[16];
  std::int32_t zero_x, zero_y, zero_out, lo, hi;
};

namespace detail {

/// `lanes` bytes of each input to as many bytes of output.
template <class A, class T> struct ByteProductStep;

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
/// The processor's rounding must be downwards.
template <class T> struct ByteProductStep<Avx2, T> {
  static constexpr int lanes = 32;
  struct Words {
    __m256i first, second;
  };
  Steps8<true> steps;
  __m256i zero_x, zero_y, zero_out, lo, hi;
  explicit ByteProductStep(const ByteProduct& p)
      : steps{_mm256_setzero_si256(), _mm256_loadu_ps(p.high), _mm256_loadu_ps(p.low), _mm256_loadu_ps(p.lift)},
        zero_x(_mm256_set1_epi16(static_cast<short>(p.zero_x))),
        zero_y(_mm256_set1_epi16(static_cast<short>(p.zero_y))),
        zero_out(_mm256_set1_epi16(static_cast<short>(2 * p.zero_out))),
        lo(_mm256_set1_epi8(static_cast<char>(p.lo))),
        hi(_mm256_set1_epi8(static_cast<char>(p.hi))) {}
  /// first: bytes 0-7 and 16-23, second: the others, so that packing them again restores their order.
  static Words load(const T* p) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i sign = std::is_signed_v<T> ? _mm256_cmpgt_epi8(_mm256_setzero_si256(), bytes) : _mm256_setzero_si256();
    return {_mm256_unpacklo_epi8(bytes, sign), _mm256_unpackhi_epi8(bytes, sign)};
  }
  static Words repeat(T x) { return {_mm256_set1_epi16(x), _mm256_set1_epi16(x)}; }
  TFL_ALWAYS_INLINE __m256i of_words(__m256i x, __m256i y) const {
    x = _mm256_sub_epi16(x, zero_x);
    y = _mm256_sub_epi16(y, zero_y);
    const __m256i low = _mm256_mullo_epi16(x, y), high = _mm256_mulhi_epi16(x, y);
    const __m256i a = steps.of(_mm256_cvtepi32_ps(_mm256_unpacklo_epi16(low, high)));
    const __m256i b = steps.of(_mm256_cvtepi32_ps(_mm256_unpackhi_epi16(low, high)));
    return _mm256_mulhrs_epi16(_mm256_adds_epi16(_mm256_packs_epi32(a, b), zero_out), _mm256_set1_epi16(1 << 14));
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
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <class T> struct ByteProductStep<Avx512, T> {
  static constexpr int lanes = 64;
  struct Words {
    __m512i first, second;
  };
  Steps16<true> steps;
  __m512i zero_x, zero_y, zero_out, lo, hi;
  explicit ByteProductStep(const ByteProduct& p)
      : steps{_mm512_setzero_si512(), _mm512_loadu_ps(p.high), _mm512_loadu_ps(p.low), _mm512_loadu_ps(p.lift)},
        zero_x(_mm512_set1_epi16(static_cast<short>(p.zero_x))),
        zero_y(_mm512_set1_epi16(static_cast<short>(p.zero_y))),
        zero_out(_mm512_set1_epi16(static_cast<short>(2 * p.zero_out))),
        lo(_mm512_set1_epi8(static_cast<char>(p.lo))),
        hi(_mm512_set1_epi8(static_cast<char>(p.hi))) {}
  /// first: the even eights of bytes, second: the odd ones, so that packing them again restores their order.
  static Words load(const T* p) {
    const __m512i bytes = _mm512_loadu_si512(p);
    const __m512i sign = std::is_signed_v<T> ? _mm512_movm_epi8(_mm512_movepi8_mask(bytes)) : _mm512_setzero_si512();
    return {_mm512_unpacklo_epi8(bytes, sign), _mm512_unpackhi_epi8(bytes, sign)};
  }
  static Words repeat(T x) { return {_mm512_set1_epi16(x), _mm512_set1_epi16(x)}; }
  TFL_ALWAYS_INLINE __m512i of_words(__m512i x, __m512i y) const {
    x = _mm512_sub_epi16(x, zero_x);
    y = _mm512_sub_epi16(y, zero_y);
    const __m512i low = _mm512_mullo_epi16(x, y), high = _mm512_mulhi_epi16(x, y);
    const __m512i a = steps.of(_mm512_cvtepi32_ps(_mm512_unpacklo_epi16(low, high)));
    const __m512i b = steps.of(_mm512_cvtepi32_ps(_mm512_unpackhi_epi16(low, high)));
    return _mm512_mulhrs_epi16(_mm512_adds_epi16(_mm512_packs_epi32(a, b), zero_out), _mm512_set1_epi16(1 << 14));
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
#endif

/// Not inlined, so that a caller's change of rounding is done.
template <class Step, class T>
TFL_NOINLINE void map_byte_pairs(const T* x, int step_x, const T* y, int step_y, T* to, std::int64_t count, const ByteProduct& product) {
  const Step step(product);
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
