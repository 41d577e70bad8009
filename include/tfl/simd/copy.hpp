#pragma once
// Copies of rows, without a call for each.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/batch.hpp"

namespace tfl::simd {

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
