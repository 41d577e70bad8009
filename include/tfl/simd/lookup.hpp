#pragma once
// Byte tables: y[i] = table[x[i]], 256 entries.

#include <cstdint>

#include "tfl/simd/batch.hpp"

namespace tfl::simd {

namespace detail {

/// How many bytes an architecture looks up at once; 1: none.
template <class A> struct ByteTable {
  static constexpr std::int64_t step = 1;
  explicit ByteTable(const std::uint8_t*) {}
  void apply(const std::uint8_t*, std::uint8_t*) const {}
};

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
// The byte shuffle gives 0 for an index from 128 on. Of the 16 rows of 16 entries, row r answers where x ^ 16r is below 16: adding 112
// with saturation sends all else to 128 and over.
template <> struct ByteTable<Avx2> {
  static constexpr std::int64_t step = 32;
  __m256i rows[16];
  explicit ByteTable(const std::uint8_t* table) {
    for (int r = 0; r < 16; ++r) rows[r] = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * r)));
  }
  void apply(const std::uint8_t* x, std::uint8_t* y) const {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
    const __m256i above = _mm256_set1_epi8(112);
    __m256i result = _mm256_setzero_si256();
    for (int r = 0; r < 16; ++r) {
      const __m256i index = _mm256_adds_epu8(_mm256_xor_si256(v, _mm256_set1_epi8(static_cast<char>(16 * r))), above);
      result = _mm256_or_si256(result, _mm256_shuffle_epi8(rows[r], index));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), result);
  }
};
template <> struct ByteTable<AvxVnni> : ByteTable<Avx2> { using ByteTable<Avx2>::ByteTable; };
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct ByteTable<Avx512> {
  static constexpr std::int64_t step = 64;
#if defined(__AVX512VBMI__)
  __m512i quarters[4];
  explicit ByteTable(const std::uint8_t* table) {
    for (int q = 0; q < 4; ++q) quarters[q] = _mm512_loadu_si512(table + 64 * q);
  }
  __m512i of(__m512i v) const {
    // A permutation of 128 bytes reads the lower seven bits of an index.
    const __m512i lower = _mm512_permutex2var_epi8(quarters[0], v, quarters[1]);
    const __m512i upper = _mm512_permutex2var_epi8(quarters[2], v, quarters[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), lower, upper);
  }
#else
  __m512i rows[16];
  explicit ByteTable(const std::uint8_t* table) {
    for (int r = 0; r < 16; ++r) {
      // A broadcast with its mask spelled out: without, g++ 12 warns of its own header.
      rows[r] = _mm512_maskz_broadcast_i32x4(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * r)));
    }
  }
  __m512i of(__m512i v) const {
    const __m512i above = _mm512_set1_epi8(112);
    __m512i result = _mm512_setzero_si512();
    for (int r = 0; r < 16; ++r) {
      const __m512i index = _mm512_adds_epu8(_mm512_xor_si512(v, _mm512_set1_epi8(static_cast<char>(16 * r))), above);
      result = _mm512_or_si512(result, _mm512_shuffle_epi8(rows[r], index));
    }
    return result;
  }
#endif
  void apply(const std::uint8_t* x, std::uint8_t* y) const { _mm512_storeu_si512(y, of(_mm512_loadu_si512(x))); }
};
template <> struct ByteTable<Avx512Vnni> : ByteTable<Avx512> { using ByteTable<Avx512>::ByteTable; };
template <> struct ByteTable<Avx512Amx> : ByteTable<Avx512> { using ByteTable<Avx512>::ByteTable; };
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <> struct ByteTable<Neon> {
  static constexpr std::int64_t step = 16;
  uint8x16x4_t quarters[4];
  explicit ByteTable(const std::uint8_t* table) {
    for (int q = 0; q < 4; ++q) {
      for (int r = 0; r < 4; ++r) quarters[q].val[r] = vld1q_u8(table + 64 * q + 16 * r);
    }
  }
  void apply(const std::uint8_t* x, std::uint8_t* y) const {
    // The lookup of 64 entries gives 0, its extension keeps what was there, for an index from 64 on.
    const uint8x16_t v = vld1q_u8(x);
    uint8x16_t result = vqtbl4q_u8(quarters[0], v);
    result = vqtbx4q_u8(result, quarters[1], vsubq_u8(v, vdupq_n_u8(64)));
    result = vqtbx4q_u8(result, quarters[2], vsubq_u8(v, vdupq_n_u8(128)));
    result = vqtbx4q_u8(result, quarters[3], vsubq_u8(v, vdupq_n_u8(192)));
    vst1q_u8(y, result);
  }
};
template <> struct ByteTable<NeonDotprod> : ByteTable<Neon> { using ByteTable<Neon>::ByteTable; };
template <> struct ByteTable<NeonI8mm> : ByteTable<Neon> { using ByteTable<Neon>::ByteTable; };
#endif

}  // namespace detail

/// y[i] = table[x[i]]. x and y may be the same.
template <class A> void lookup_bytes(const std::uint8_t* table, const std::uint8_t* x, std::uint8_t* y, std::int64_t count) {
  std::int64_t i = 0;
  if constexpr (detail::ByteTable<A>::step > 1) {
    constexpr std::int64_t step = detail::ByteTable<A>::step;
    if (count >= 4 * step) {  // less isn't worth the loading of the table
      const detail::ByteTable<A> rows(table);
      for (; i + step <= count; i += step) rows.apply(x + i, y + i);
    }
  }
  for (; i + 4 <= count; i += 4) {
    const std::uint8_t a = table[x[i]], b = table[x[i + 1]], c = table[x[i + 2]], d = table[x[i + 3]];
    y[i] = a;
    y[i + 1] = b;
    y[i + 2] = c;
    y[i + 3] = d;
  }
  for (; i < count; ++i) y[i] = table[x[i]];
}

}  // namespace tfl::simd
