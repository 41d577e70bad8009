#pragma once
// Transposing small tiles of bytes, 16-, 32- and 64-bit elements in registers.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "tfl/simd/batch.hpp"

namespace tfl::simd {

/// A square tile of elements of Bytes bytes: to[i][k] = from[k][i], rows of the source and of the destination a step of bytes apart.
template <class A, int Bytes> struct TransposeTile {
  static constexpr int side = 4;
  static TFL_ALWAYS_INLINE void run(const std::byte* from, std::int64_t from_step, std::byte* to, std::int64_t to_step) {
    for (int i = 0; i < side; ++i) {
      for (int k = 0; k < side; ++k) std::memcpy(to + i * to_step + k * Bytes, from + k * from_step + i * Bytes, Bytes);
    }
  }
};

#if TFL_HAS_XSIMD && (defined(__SSE4_1__) || defined(__aarch64__))
namespace detail {

#if defined(__SSE4_1__)
using Bytes16 = __m128i;
TFL_ALWAYS_INLINE Bytes16 load_16(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
TFL_ALWAYS_INLINE void store_16(std::byte* to, Bytes16 v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v); }
/// The first halves of a and b, element by element in turn; and the second halves.
template <int Bytes> TFL_ALWAYS_INLINE Bytes16 interleave_low(Bytes16 a, Bytes16 b) {
  if constexpr (Bytes == 1) return _mm_unpacklo_epi8(a, b);
  if constexpr (Bytes == 2) return _mm_unpacklo_epi16(a, b);
  if constexpr (Bytes == 4) return _mm_unpacklo_epi32(a, b);
  if constexpr (Bytes == 8) return _mm_unpacklo_epi64(a, b);
}
template <int Bytes> TFL_ALWAYS_INLINE Bytes16 interleave_high(Bytes16 a, Bytes16 b) {
  if constexpr (Bytes == 1) return _mm_unpackhi_epi8(a, b);
  if constexpr (Bytes == 2) return _mm_unpackhi_epi16(a, b);
  if constexpr (Bytes == 4) return _mm_unpackhi_epi32(a, b);
  if constexpr (Bytes == 8) return _mm_unpackhi_epi64(a, b);
}
#else
using Bytes16 = uint8x16_t;
TFL_ALWAYS_INLINE Bytes16 load_16(const std::byte* from) { return vld1q_u8(reinterpret_cast<const std::uint8_t*>(from)); }
TFL_ALWAYS_INLINE void store_16(std::byte* to, Bytes16 v) { vst1q_u8(reinterpret_cast<std::uint8_t*>(to), v); }
/// The first halves of a and b, element by element in turn; and the second halves.
template <int Bytes> TFL_ALWAYS_INLINE Bytes16 interleave_low(Bytes16 a, Bytes16 b) {
  if constexpr (Bytes == 1) return vzip1q_u8(a, b);
  if constexpr (Bytes == 2) return vreinterpretq_u8_u16(vzip1q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
  if constexpr (Bytes == 4) return vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
  if constexpr (Bytes == 8) return vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}
template <int Bytes> TFL_ALWAYS_INLINE Bytes16 interleave_high(Bytes16 a, Bytes16 b) {
  if constexpr (Bytes == 1) return vzip2q_u8(a, b);
  if constexpr (Bytes == 2) return vreinterpretq_u8_u16(vzip2q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
  if constexpr (Bytes == 4) return vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
  if constexpr (Bytes == 8) return vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}
#endif

#if defined(__SSE4_1__)
TFL_ALWAYS_INLINE Bytes16 flip(Bytes16 v, std::uint8_t bits) { return _mm_xor_si128(v, _mm_set1_epi8(static_cast<char>(bits))); }
#else
TFL_ALWAYS_INLINE Bytes16 flip(Bytes16 v, std::uint8_t bits) { return veorq_u8(v, vdupq_n_u8(bits)); }
#endif

/// Registers of 16 bytes on every architecture: interleaving row k with row k + side / 2, log2(side) times, transposes.
template <class A, int Bytes> struct TransposeTile16 {
  static constexpr int side = 16 / Bytes;
  static TFL_ALWAYS_INLINE void run(const std::byte* from, std::int64_t from_step, std::byte* to, std::int64_t to_step) {
    run<std::uint8_t{0}>(from, from_step, to, to_step, std::make_integer_sequence<int, side>());
  }
  /// The same, with these bits of every byte flipped on the way.
  template <std::uint8_t Flip>
  static TFL_ALWAYS_INLINE void run_flipping(const std::byte* from, std::int64_t from_step, std::byte* to, std::int64_t to_step) {
    run<Flip>(from, from_step, to, to_step, std::make_integer_sequence<int, side>());
  }

 private:
  // Packs instead of loops, so that the rows are registers and not an array.
  template <std::uint8_t Flip, int... I>
  static TFL_ALWAYS_INLINE void run(const std::byte* from, std::int64_t from_step, std::byte* to, std::int64_t to_step,
                                    std::integer_sequence<int, I...>) {
    Bytes16 rows[side] = {load_16(from + I * from_step)...};
    if constexpr (Flip != 0) ((rows[I] = flip(rows[I], Flip)), ...);
    const auto interleave = [&] {
      const Bytes16 mixed[side] = {(I % 2 == 0 ? interleave_low<Bytes>(rows[I / 2], rows[I / 2 + side / 2])
                                               : interleave_high<Bytes>(rows[I / 2], rows[I / 2 + side / 2]))...};
      ((rows[I] = mixed[I]), ...);
    };
    interleave();
    if constexpr (side > 2) interleave();
    if constexpr (side > 4) interleave();
    if constexpr (side > 8) interleave();
    (store_16(to + I * to_step, rows[I]), ...);
  }
};

}  // namespace detail

#if defined(__SSE4_1__)
template <int Bytes> struct TransposeTile<Sse41, Bytes> : detail::TransposeTile16<Sse41, Bytes> {};
template <int Bytes> struct TransposeTile<Avx2, Bytes> : detail::TransposeTile16<Avx2, Bytes> {};
template <int Bytes> struct TransposeTile<AvxVnni, Bytes> : detail::TransposeTile16<AvxVnni, Bytes> {};
template <int Bytes> struct TransposeTile<Avx512, Bytes> : detail::TransposeTile16<Avx512, Bytes> {};
template <int Bytes> struct TransposeTile<Avx512Vnni, Bytes> : detail::TransposeTile16<Avx512Vnni, Bytes> {};
template <int Bytes> struct TransposeTile<Avx512Amx, Bytes> : detail::TransposeTile16<Avx512Amx, Bytes> {};
#else
template <int Bytes> struct TransposeTile<Neon, Bytes> : detail::TransposeTile16<Neon, Bytes> {};
template <int Bytes> struct TransposeTile<NeonDotprod, Bytes> : detail::TransposeTile16<NeonDotprod, Bytes> {};
template <int Bytes> struct TransposeTile<NeonI8mm, Bytes> : detail::TransposeTile16<NeonI8mm, Bytes> {};
#endif
#endif

}  // namespace tfl::simd
