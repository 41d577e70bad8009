#pragma once
// Products of a row-major matrix's rows with one vector, several rows at a time: the inner loop of recurrent kernels, whose batches are
// too small for packed panels. Integer sums wrap.

#include <cstdint>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot16.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::simd {

/// 16-bit numbers in a vector.
template <class A> inline constexpr int words = 2 * lanes<std::int32_t, A>;

template <class A>
struct WordOps;  // load(p): words<A> numbers of 8 or 16 bits as pairs for dot16(); load_first(p, n): the first n of them, then zeros

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <> struct WordOps<Sse41> {
  using V = Int32<Sse41>;
  static V load(const std::int8_t* p) { return V(_mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::uint8_t* p) { return V(_mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::int16_t* p) { return V(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <> struct WordOps<Avx2> {
  using V = Int32<Avx2>;
  static V load(const std::int8_t* p) { return V(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::uint8_t* p) { return V(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::int16_t* p) { return V(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
};
template <> struct WordOps<AvxVnni> : WordOps<Avx2> {};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct WordOps<Avx512> {
  using V = Int32<Avx512>;
  static V load(const std::int8_t* p) { return V(_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))); }
  static V load(const std::uint8_t* p) { return V(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))); }
  static V load(const std::int16_t* p) { return V(_mm512_loadu_si512(p)); }
  static V load_first(const std::int8_t* p, int n) { return V(_mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8((1u << n) - 1, p))); }
  static V load_first(const std::int16_t* p, int n) { return V(_mm512_maskz_loadu_epi16((1u << n) - 1, p)); }
};
template <> struct WordOps<Avx512Vnni> : WordOps<Avx512> {};
template <> struct WordOps<Avx512Amx> : WordOps<Avx512Vnni> {};
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <> struct WordOps<Neon> {
  using V = Int32<Neon>;
  static V load(const std::int8_t* p) { return V(vreinterpretq_s32_s16(vmovl_s8(vld1_s8(p)))); }
  static V load(const std::uint8_t* p) { return V(vreinterpretq_s32_u16(vmovl_u8(vld1_u8(p)))); }
  static V load(const std::int16_t* p) { return V(vreinterpretq_s32_s16(vld1q_s16(p))); }
};
template <> struct WordOps<NeonDotprod> : WordOps<Neon> {};
template <> struct WordOps<NeonI8mm> : WordOps<NeonDotprod> {};
#endif

namespace detail {

constexpr std::int32_t wrapping_add(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

template <class A, int Rows, class W>
TFL_ALWAYS_INLINE void dot_some(const W* rows, std::int64_t stride, const std::int16_t* x, std::int64_t n, std::int32_t* sums) {
  std::int64_t i = 0;
  if constexpr (std::is_same_v<A, Scalar>) {
    for (int r = 0; r < Rows; ++r) sums[r] = 0;
  } else {
    using Ops = WordOps<A>;
    Int32<A> acc[Rows];
    for (int r = 0; r < Rows; ++r) acc[r] = Int32<A>(0);
    for (; i + words<A> <= n; i += words<A>) {
      const Int32<A> factor = Ops::load(x + i);
      for (int r = 0; r < Rows; ++r) acc[r] = dot16<A>(acc[r], Ops::load(rows + r * stride + i), factor);
    }
    if constexpr (requires { Ops::load_first(x, 1); }) {
      if (i < n) {
        const int rest = static_cast<int>(n - i);
        const Int32<A> factor = Ops::load_first(x + i, rest);
        for (int r = 0; r < Rows; ++r) acc[r] = dot16<A>(acc[r], Ops::load_first(rows + r * stride + i, rest), factor);
        i = n;
      }
    }
    for (int r = 0; r < Rows; ++r) sums[r] = sum(acc[r]);
  }
  for (; i < n; ++i) {
    for (int r = 0; r < Rows; ++r) sums[r] = wrapping_add(sums[r], std::int32_t{rows[r * stride + i]} * x[i]);
  }
}

template <class A, int Rows>
TFL_ALWAYS_INLINE void dot_some(const float* rows, std::int64_t stride, const float* x, std::int64_t n, float* sums) {
  Batch<float, A> acc[Rows];
  for (int r = 0; r < Rows; ++r) acc[r] = Batch<float, A>(0.0f);
  std::int64_t i = 0;
  for (; i + lanes<float, A> <= n; i += lanes<float, A>) {
    const Batch<float, A> factor = load<A>(x + i);
    for (int r = 0; r < Rows; ++r) acc[r] = simd::fma(load<A>(rows + r * stride + i), factor, acc[r]);
  }
  for (int r = 0; r < Rows; ++r) sums[r] = sum(acc[r]);
  for (; i < n; ++i) {
    for (int r = 0; r < Rows; ++r) sums[r] += rows[r * stride + i] * x[i];
  }
}

}  // namespace detail

/// sums[r] = sum over i of matrix[r * columns + i] * x[i] for every row r. int8 and int16 matrices go with int16 vectors and int32
/// sums, float with float.
template <class A, class W, class X, class S> void dot_rows(const W* matrix, std::int64_t rows, std::int64_t columns, const X* x, S* sums) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) detail::dot_some<A, 4>(matrix + r * columns, columns, x, columns, sums + r);
  for (; r < rows; ++r) detail::dot_some<A, 1>(matrix + r * columns, columns, x, columns, sums + r);
}

/// centred[i] = x[i] - zero_point: what goes with int8 rows. x may be the second half of `centred`'s bytes.
template <class A> void centre_row(const std::int8_t* x, std::int32_t zero_point, std::int16_t* centred, std::int64_t count) {
  constexpr int step = lanes<std::int32_t, A>;
  std::int64_t i = 0;
  for (; i + step <= count; i += step) store_saturated<A>(centred + i, load_int32<A>(x + i) - Int32<A>(zero_point));
  for (; i < count; ++i) centred[i] = static_cast<std::int16_t>(x[i] - zero_point);
}

}  // namespace tfl::simd
