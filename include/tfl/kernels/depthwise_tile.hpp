#pragma once
// The inner loops of DEPTHWISE_CONV_2D: blocks of values that lie side by side in memory, each with its own filter.
//
// A block is two vectors of 32-bit lanes. Its constants are packed one behind the other: what the epilogue needs, then the filter tap
// by tap, or for integers pair of taps by pair of taps.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/kernels/channel_block.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot16.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::detail {

/// A few output positions of one block.
template <class In, class Out> struct DepthwiseTile {
  const In* const* taps;    // [position][tap], as many as fit `tap_stride`
  std::int64_t tap_stride;  // pointers from one position to the next: the taps, made even for integers
  std::int64_t offset;      // of the block in what the pointers point to
  Out* const* to;           // one a position
  std::int64_t to_offset;
  int positions, count;  // values of a block to keep
  std::int64_t tap_count;
  const std::byte* packed;  // of the block
};

// ---- Float

/// Taps: the number of taps where the compiler may know it (their filters stay in registers), else 0.
template <class A, int Taps> void depthwise_float_tile(const DepthwiseTile<float, float>& tile, const BlockOutput& output) {
  using V = simd::Float32<A>;
  constexpr int lanes = simd::lanes<float, A>;
  const auto* block = reinterpret_cast<const FloatChannels<channel_block<A>>*>(tile.packed);
  const auto* filter = reinterpret_cast<const float*>(block + 1);
  const V bias0 = simd::load<A>(block->bias), bias1 = simd::load<A>(block->bias + lanes);
  const V lo(output.real.lo), hi(output.real.hi);
  V filters[Taps > 0 ? 2 * Taps : 1];
  if constexpr (Taps > 0) {
    TFL_UNROLL
    for (int k = 0; k < 2 * Taps; ++k) filters[k] = simd::load<A>(filter + k * lanes);
  }
  for (int position = 0; position < tile.positions; ++position) {
    const float* const* taps = tile.taps + position * tile.tap_stride;
    V sum0 = bias0, sum1 = bias1;
    if constexpr (Taps > 0) {
      TFL_UNROLL
      for (int k = 0; k < Taps; ++k) {
        const float* from = taps[k] + tile.offset;
        sum0 = simd::fma(simd::load<A>(from), filters[2 * k], sum0);
        sum1 = simd::fma(simd::load<A>(from + lanes), filters[2 * k + 1], sum1);
      }
    } else {
      const float* f = filter;
      for (std::int64_t k = 0; k < tile.tap_count; ++k, f += 2 * lanes) {
        const float* from = taps[k] + tile.offset;
        sum0 = simd::fma(simd::load<A>(from), simd::load<A>(f), sum0);
        sum1 = simd::fma(simd::load<A>(from + lanes), simd::load<A>(f + lanes), sum1);
      }
    }
    sum0 = simd::min(simd::max(sum0, lo), hi);
    sum1 = simd::min(simd::max(sum1, lo), hi);
    float* to = tile.to[position] + tile.to_offset;
    if (tile.count == 2 * lanes) {
      simd::store(to, sum0);
      simd::store(to + lanes, sum1);
    } else {
      float values[2 * lanes];
      simd::store(values, sum0);
      simd::store(values + lanes, sum1);
      keep_values(to, values, tile.count);
    }
  }
}

// ---- Integers

/// Pairs: the number of pairs of taps where the compiler may know it, else 0.
template <class A, int Pairs, class Epilogue, class In, class Out>
void depthwise_integer_tile(const DepthwiseTile<In, Out>& tile, const BlockOutput& output) {
  using V = simd::Int32<A>;
  constexpr int lanes = simd::lanes<std::int32_t, A>;
  const auto* block = reinterpret_cast<const typename Epilogue::Block*>(tile.packed);
  const auto* filter = reinterpret_cast<const std::int32_t*>(block + 1);
  const Epilogue epilogue(*block, output);
  V filters[Pairs > 0 ? 2 * Pairs : 1];
  if constexpr (Pairs > 0) {
    TFL_UNROLL
    for (int k = 0; k < 2 * Pairs; ++k) filters[k] = simd::load<A>(filter + k * lanes);
  }
  for (int position = 0; position < tile.positions; ++position) {
    const In* const* taps = tile.taps + position * tile.tap_stride;
    V sum0(0), sum1(0), x0, x1;
    if constexpr (Pairs > 0) {
      TFL_UNROLL
      for (int k = 0; k < Pairs; ++k) {
        simd::interleave16<A>(taps[2 * k] + tile.offset, taps[2 * k + 1] + tile.offset, x0, x1);
        sum0 = simd::dot16<A>(sum0, x0, filters[2 * k]);
        sum1 = simd::dot16<A>(sum1, x1, filters[2 * k + 1]);
      }
    } else {
      const std::int32_t* f = filter;
      for (std::int64_t k = 0; k < tile.tap_count; k += 2, f += 2 * lanes) {
        simd::interleave16<A>(taps[k] + tile.offset, taps[k + 1] + tile.offset, x0, x1);
        sum0 = simd::dot16<A>(sum0, x0, simd::load<A>(f));
        sum1 = simd::dot16<A>(sum1, x1, simd::load<A>(f + lanes));
      }
    }
    simd::in_order16<A>(sum0, sum1);
    epilogue(sum0, sum1, tile.to[position] + tile.to_offset, tile.count);
  }
}

/// 16-bit data: 64-bit sums, in steps of as many taps as 32 bits hold.
template <class A> void depthwise_wide_tile(const DepthwiseTile<std::int16_t, std::int16_t>& tile, const BlockOutput& output) {
  using V = simd::Int32<A>;
  constexpr int lanes = simd::lanes<std::int32_t, A>;
  const auto* block = reinterpret_cast<const WideChannels<channel_block<A>>*>(tile.packed);
  const auto* filter = reinterpret_cast<const std::int32_t*>(block + 1);
  for (int position = 0; position < tile.positions; ++position) {
    const std::int16_t* const* taps = tile.taps + position * tile.tap_stride;
    std::int64_t sums[2 * lanes];
    for (int i = 0; i < 2 * lanes; ++i) sums[i] = block->bias[i];
    const std::int32_t* f = filter;
    for (std::int64_t k = 0; k < tile.tap_count;) {
      const std::int64_t end = k + 2 * simd::max_dot16_pairs < tile.tap_count ? k + 2 * simd::max_dot16_pairs : tile.tap_count;
      V sum0(0), sum1(0), x0, x1;
      for (; k < end; k += 2, f += 2 * lanes) {
        simd::interleave16<A>(taps[k] + tile.offset, taps[k + 1] + tile.offset, x0, x1);
        sum0 = simd::dot16<A>(sum0, x0, simd::load<A>(f));
        sum1 = simd::dot16<A>(sum1, x1, simd::load<A>(f + lanes));
      }
      simd::in_order16<A>(sum0, sum1);
      std::int32_t part[2 * lanes];
      simd::store(part, sum0);
      simd::store(part + lanes, sum1);
      for (int i = 0; i < 2 * lanes; ++i) sums[i] = wrapping_add(sums[i], std::int64_t{part[i]});
    }
    wide_epilogue<A>(*block, output, sums, tile.to[position] + tile.to_offset, tile.count);
  }
}

/// Runs the kernel for these types; 3x3 filters, the common ones, have their own.
template <class A, class In, class Out> void depthwise_tile(const DepthwiseTile<In, Out>& tile, const BlockOutput& output) {
  if constexpr (std::is_same_v<In, float>) {
    if (tile.tap_count == 9) return depthwise_float_tile<A, 9>(tile, output);
    depthwise_float_tile<A, 0>(tile, output);
  } else if constexpr (std::is_same_v<Out, std::int16_t>) {
    depthwise_wide_tile<A>(tile, output);
  } else if constexpr (std::is_same_v<Out, float>) {
    depthwise_integer_tile<A, 0, HybridEpilogue<A>>(tile, output);
  } else {
    if (tile.tap_count == 9) return depthwise_integer_tile<A, 5, NarrowEpilogue<A, Out>>(tile, output);
    depthwise_integer_tile<A, 0, NarrowEpilogue<A, Out>>(tile, output);
  }
}

}  // namespace tfl::detail
