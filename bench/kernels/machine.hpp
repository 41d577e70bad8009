#pragma once
// What this core can do at most, measured on the spot: clocks drift, so that shares of a peak want one from the same moment.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "tfl/config.hpp"
#include "tfl/simd/arch.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot.hpp"
#include "tfl/simd/tiles.hpp"

namespace tfl::bench {

using Arch = simd::NativeArch;

/// The compiler must take the value for changed, and may leave it in its register.
template <class V> TFL_ALWAYS_INLINE void forget(V& value) {
#if defined(__x86_64__)
  asm volatile("" : "+v"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#else
  asm volatile("" : "+r"(value));
#endif
}

inline double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Operations a second of `body`, which does `operations` of them: the best of several short runs.
template <class Body> double best_rate(double operations, Body body) {
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const double start = seconds_now();
    body();
    best = std::max(best, operations / (seconds_now() - start));
  }
  return best;
}

/// Sums that are in flight at once: enough for the latency of a product on all ports.
inline constexpr int chains = 12;

/// Float operations a second (a fused multiply-add counts as two).
TFL_NOINLINE inline double float_peak() {
  using V = simd::Batch<float, Arch>;
  constexpr int repeats = 40000;
  if constexpr (std::is_same_v<Arch, simd::Scalar>) {
    float sum[chains] = {}, x = 1.0f;
    return best_rate(2.0 * repeats * chains, [&] {
      for (int i = 0; i < repeats; ++i) {
        TFL_UNROLL
        for (int c = 0; c < chains; ++c) sum[c] += x * 0.5f;
        asm volatile("" : "+g"(x));
      }
      for (float& s : sum) asm volatile("" : "+g"(s));
    });
  } else {
    return best_rate(2.0 * repeats * chains * simd::lanes<float, Arch>, [&] {
      V sum[chains], x(1.0f), y(0.5f);
      TFL_UNROLL
      for (int c = 0; c < chains; ++c) {
        sum[c] = V(0.0f);
        forget(sum[c].data);  // else equal chains become one
      }
      for (int i = 0; i < repeats; ++i) {
        TFL_UNROLL
        for (int c = 0; c < chains; ++c) sum[c] = simd::fma(x, y, sum[c]);
      }
      TFL_UNROLL
      for (int c = 0; c < chains; ++c) forget(sum[c].data);
    });
  }
}

#if TFL_HAS_TILES
/// Byte operations a second on tile registers, their loads from the first cache included.
TFL_NOINLINE inline double tile_peak() {
  constexpr int repeats = 1000, steps = 16, rows = 16;
  alignas(64) static const std::int8_t x[2 * rows * simd::tile_step] = {1, 2, 3};
  alignas(64) static const std::uint8_t weights[steps * 2048] = {1, 2, 3};
  alignas(64) static std::int32_t sums[1024];
  const simd::TileSession session(rows);
  return best_rate(2.0 * repeats * steps * 32 * 32 * simd::tile_step, [&] {
    for (int i = 0; i < repeats; ++i) simd::multiply_tiles<std::int8_t, 2, 2>({x, simd::tile_step, 0}, rows, weights, steps, nullptr, sums);
  });
}
#endif

/// Byte operations a second through this architecture's dot product (a product and its addition are two).
TFL_NOINLINE inline double dot_peak() {
  if constexpr (simd::has_dot<Arch>) {
    using D = simd::Dot<Arch, std::int8_t>;
    using V = simd::Int32<Arch>;
    constexpr int repeats = 40000;
    alignas(64) std::uint8_t weights[64] = {1, 2, 3};
    alignas(64) std::int8_t bytes[64] = {1, 2, 3};
    return best_rate(2.0 * repeats * chains * simd::lanes<std::int32_t, Arch> * D::depth, [&] {
      V sum[chains];
      TFL_UNROLL
      for (int c = 0; c < chains; ++c) {
        sum[c] = V(0);
        forget(sum[c].data);  // else equal chains become one
      }
      typename D::Weights w = D::load(weights);
      typename D::Activations x;
      std::memcpy(&x, bytes, sizeof x);
      for (int i = 0; i < repeats; ++i) {
        TFL_UNROLL
        for (int c = 0; c < chains; ++c) {
          forget(w);  // else the products of architectures without a fused form leave the loop
          sum[c] = D::step(sum[c], w, x);
        }
      }
      TFL_UNROLL
      for (int c = 0; c < chains; ++c) forget(sum[c].data);
    });
  } else {
    return 0;
  }
}

/// Bytes a second, read and written together, of a copy between buffers of these sizes: what a pass over memory can't beat by much.
TFL_NOINLINE inline double copy_bandwidth(std::size_t read_bytes, std::size_t written_bytes) {
  const std::size_t size = std::max(read_bytes, written_bytes);
  std::vector<std::byte> from(size + 64), to(size + 64);
  asm volatile("" : : "r"(from.data()) : "memory");
  const std::size_t both = std::min(read_bytes, written_bytes);
  const int repeats = static_cast<int>(std::max<std::size_t>(1, (std::size_t{1} << 22) / (size + 1)));
  return best_rate(static_cast<double>(read_bytes + written_bytes) * repeats, [&] {
    for (int i = 0; i < repeats; ++i) {
      std::memcpy(to.data(), from.data(), both);
      asm volatile("" : : "r"(to.data()) : "memory");
      if (written_bytes > both) std::memset(to.data() + both, i, written_bytes - both);
      asm volatile("" : : "r"(to.data()) : "memory");
      using V = simd::Batch<std::int32_t, Arch>;
      constexpr std::size_t step = sizeof(std::int32_t) * static_cast<std::size_t>(simd::lanes<std::int32_t, Arch>);
      V sum(0);
      for (std::size_t k = both; k + step <= read_bytes; k += step) {
        sum = sum + simd::load<Arch>(reinterpret_cast<const std::int32_t*>(from.data() + k));
      }
      std::int32_t total = simd::sum(sum);
      asm volatile("" : "+r"(total));
    }
  });
}

}  // namespace tfl::bench
