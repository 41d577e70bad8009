#pragma once
// Elementwise kernels on 16-bit floats (float16, bfloat16): blocks are widened, computed by the kernel on floats, and rounded once.

#include <cstdint>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/broadcast.hpp"
#include "tfl/simd/float16.hpp"

namespace tfl::detail {

template <class T> inline constexpr bool is_half = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

/// Elements that are widened at a time.
inline constexpr std::int64_t half_block = 256;

template <class A, class H> void widen_half(const H* from, float* to, std::int64_t count) {
  if constexpr (std::is_same_v<H, Float16>) {
    simd::widen<A>(from, to, count);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = to_float(from[i]);
  }
}
template <class A, class H> void round_to_half(const float* from, H* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = rounded<H>(from[i]);
}

/// to = f of from, where f(from, to, count) takes and gives floats.
template <class A, class H, class F> void map_half(const H* from, H* to, std::int64_t count, F f) {
  float block[half_block];
  for (std::int64_t i = 0; i < count; i += half_block) {
    const std::int64_t n = count - i < half_block ? count - i : half_block;
    widen_half<A>(from + i, block, n);
    f(static_cast<const float*>(block), static_cast<float*>(block), n);
    round_to_half<A>(static_cast<const float*>(block), to + i, n);
  }
}

/// The PairFunction on H that `Function` is on floats. O: what it gives, H or something that `Function` gives too.
template <class A, class H, class O, PairFunction Function>
void run_pairs_of_halves(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  float x[half_block], y[half_block];
  widen_half<A>(static_cast<const H*>(a), x, 1);
  widen_half<A>(static_cast<const H*>(b), y, 1);
  for (std::int64_t i = 0; i < count; i += half_block) {
    const std::int64_t n = count - i < half_block ? count - i : half_block;
    if (step_a != 0) widen_half<A>(static_cast<const H*>(a) + i, x, n);
    if (step_b != 0) widen_half<A>(static_cast<const H*>(b) + i, y, n);
    if constexpr (std::is_same_v<O, H>) {
      float z[half_block];
      Function(x, step_a, y, step_b, z, n, parameters);
      round_to_half<A>(static_cast<const float*>(z), static_cast<H*>(out) + i, n);
    } else {
      Function(x, step_a, y, step_b, static_cast<O*>(out) + i, n, parameters);
    }
  }
}

}  // namespace tfl::detail
