#pragma once
// Copies of rows, without a call for each.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/narrower.hpp"

namespace tfl::simd {

/// Copies Bytes bytes, a power of 2, and flips the bits of Flip in each. In registers: a loop over an array of so many bytes goes through
/// memory, where wide loads wait for narrow stores.
template <class A, int Bytes, std::uint8_t Flip> TFL_ALWAYS_INLINE void copy_flipping(std::uint8_t* to, const std::uint8_t* from) {
  if constexpr (lanes<std::uint8_t, A> <= Bytes) {
    const Batch<std::uint8_t, A> bits(Flip);
    TFL_UNROLL
    for (int i = 0; i < Bytes; i += lanes<std::uint8_t, A>) simd::store(to + i, simd::load<A>(from + i) ^ bits);
  } else if constexpr (Bytes == 8) {
    std::uint64_t word;
    std::memcpy(&word, from, 8);
    word ^= Flip * std::uint64_t{0x0101010101010101};
    std::memcpy(to, &word, 8);
  } else {
    copy_flipping<Narrower<A>, Bytes, Flip>(to, from);
  }
}

/// Whether an architecture has copy_steps().
template <class A> inline constexpr bool has_copy_steps = TFL_HAS_XSIMD != 0 && std::is_base_of_v<Avx512, A>;

/// Copies `count` bytes and may write up to 63 more behind them.
template <class A> void copy_steps(void* to, const void* from, std::int64_t count);

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <class A> TFL_ALWAYS_INLINE void copy_steps(void* to, const void* from, std::int64_t count) {
  auto* t = static_cast<std::uint8_t*>(to);
  const auto* f = static_cast<const std::uint8_t*>(from);
  std::int64_t i = 0;
  for (; i + 64 <= count; i += 64) _mm512_storeu_si512(t + i, _mm512_loadu_si512(f + i));
  if (i < count) _mm512_storeu_si512(t + i, _mm512_maskz_loadu_epi8((std::uint64_t{1} << (count - i)) - 1, f + i));
}
#endif

}  // namespace tfl::simd
