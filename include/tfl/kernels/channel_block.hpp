#pragma once
// Blocks of output channels, two vectors of 32-bit lanes wide: their constants, and the way from their sums to what an op stores.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::detail {

/// Values of a block.
template <class A> inline constexpr int channel_block = 2 * simd::lanes<std::int32_t, A>;

/// Constants of a block before its filter, each an array of one value for each of the block's.
template <int Block> struct FloatChannels { float bias[Block]; };
template <int Block> struct NarrowChannels {  // 8-bit outputs
  std::int32_t bias[Block], mantissa[Block], left[Block], right[Block];
};
template <int Block> struct WideChannels {  // 16-bit outputs
  std::int64_t bias[Block];
  Multiplier multiplier[Block];
};
template <int Block> struct HybridChannels {  // float outputs of 8-bit products
  std::int32_t filter_sum[Block];
  float scale[Block], bias[Block];
};

/// By what the kernel reads (float where it isn't integer), what it writes, and the bias: 16-bit data has 64-bit sums where the bias does.
template <class A, class In, class Out, class Bias> struct ChannelBlockOf {
  static constexpr int n = channel_block<A>;
  using type =
      std::conditional_t<std::is_same_v<In, float>, FloatChannels<n>,
                         std::conditional_t<std::is_same_v<Out, float>, HybridChannels<n>,
                                            std::conditional_t<std::is_same_v<Bias, std::int64_t>, WideChannels<n>, NarrowChannels<n>>>>;
};

/// What the epilogues need that is the same for all channels.
struct BlockOutput {
  FloatRange real{};
  Int32Range integer{};
  std::int32_t zero_point = 0;
  std::int32_t input_zero_point = 0;  // hybrid: of this image
  float input_scale = 0;              // likewise
};

// ---- Writing the constants of channel i of a block. `filter_sum`: of the channel's filter, for inputs whose zero point is left in.

template <int N> void set_channel(FloatChannels<N>& block, int i, float bias) { block.bias[i] = bias; }
template <int N>
void set_channel(NarrowChannels<N>& block, int i, std::int32_t filter_sum, std::int32_t bias, Multiplier m, std::int32_t zero_point) {
  block.bias[i] = wrapping_add(bias, wrapping_multiply(-zero_point, filter_sum));
  block.mantissa[i] = m.mantissa;
  block.left[i] = m.shift > 0 ? m.shift : 0;
  block.right[i] = m.shift > 0 ? 0 : -m.shift;
}
template <int N> void set_channel(WideChannels<N>& block, int i, std::int32_t, std::int64_t bias, Multiplier m, std::int32_t) {
  block.bias[i] = bias;
  block.multiplier[i] = m;
}
/// The multiplier's mantissa holds the bits of the filter's scale: see hybrid_multipliers().
template <int N> void set_channel(HybridChannels<N>& block, int i, std::int32_t filter_sum, float bias, Multiplier m, std::int32_t) {
  block.filter_sum[i] = filter_sum;
  block.scale[i] = std::bit_cast<float>(m.mantissa);
  block.bias[i] = bias;
}
/// Filter scales as multipliers, the one thing of variable length that prepare() hands on.
constexpr void hybrid_multipliers(const Quantization& filter, std::span<Multiplier> multipliers) {
  for (std::size_t c = 0; c < multipliers.size(); ++c) {
    multipliers[c] = {std::bit_cast<std::int32_t>(filter.scale_of(static_cast<std::int64_t>(c))), 0};
  }
}

template <class Out> TFL_ALWAYS_INLINE void keep_values(Out* to, const Out* values, int count) {
  std::memcpy(to, values, static_cast<std::size_t>(count) * sizeof(Out));
}

// ---- What becomes of the two sums of a block

template <class A> struct FloatEpilogue {
  using Block = FloatChannels<channel_block<A>>;
  static constexpr int lanes = simd::lanes<float, A>;
  using V = simd::Float32<A>;
  V bias0, bias1, lo, hi;

  TFL_ALWAYS_INLINE FloatEpilogue(const Block& block, const BlockOutput& output)
      : bias0(simd::load<A>(block.bias)), bias1(simd::load<A>(block.bias + lanes)), lo(output.real.lo), hi(output.real.hi) {}

  TFL_ALWAYS_INLINE void operator()(const V& sum0, const V& sum1, float* to, int count) const {
    const V y0 = simd::min(simd::max(sum0 + bias0, lo), hi), y1 = simd::min(simd::max(sum1 + bias1, lo), hi);
    if (count == 2 * lanes) {
      simd::store(to, y0);
      simd::store(to + lanes, y1);
    } else {
      float values[2 * lanes];
      simd::store(values, y0);
      simd::store(values + lanes, y1);
      keep_values(to, values, count);
    }
  }
};

/// 64-bit sums, bias included.
template <class A>
void wide_epilogue(const WideChannels<channel_block<A>>& block, const BlockOutput& output, const std::int64_t* sums, std::int16_t* to,
                   int count) {
  for (int i = 0; i < count; ++i) {
    const std::int32_t y = multiply_wide(sums[i], block.multiplier[i]);
    to[i] = static_cast<std::int16_t>(y < output.integer.lo ? output.integer.lo : y > output.integer.hi ? output.integer.hi : y);
  }
}

template <class A, class Out> struct NarrowEpilogue {
  using Block = NarrowChannels<channel_block<A>>;
  static constexpr int lanes = simd::lanes<std::int32_t, A>;
  using V = simd::Int32<A>;
  V bias0, bias1, lo, hi, zero_point;
  simd::LaneMultipliers<A> by0, by1;

  TFL_ALWAYS_INLINE NarrowEpilogue(const Block& block, const BlockOutput& output)
      : bias0(simd::load<A>(block.bias)),
        bias1(simd::load<A>(block.bias + lanes)),
        lo(output.integer.lo),
        hi(output.integer.hi),
        zero_point(output.zero_point),
        by0{simd::load<A>(block.mantissa), simd::load<A>(block.left), simd::load<A>(block.right)},
        by1{simd::load<A>(block.mantissa + lanes), simd::load<A>(block.left + lanes), simd::load<A>(block.right + lanes)} {}

  TFL_ALWAYS_INLINE V finish(const V& sum, const simd::LaneMultipliers<A>& by) const {
    return simd::min(simd::max(simd::multiply(sum, by) + zero_point, lo), hi);
  }
  TFL_ALWAYS_INLINE void operator()(const V& sum0, const V& sum1, Out* to, int count) const {
    const V y0 = finish(sum0 + bias0, by0), y1 = finish(sum1 + bias1, by1);
    if (count == 2 * lanes) {
      simd::store_saturated<A>(to, y0);
      simd::store_saturated<A>(to + lanes, y1);
    } else {
      Out values[2 * lanes];
      simd::store_saturated<A>(values, y0);
      simd::store_saturated<A>(values + lanes, y1);
      keep_values(to, values, count);
    }
  }
};

template <class A> struct HybridEpilogue {
  using Block = HybridChannels<channel_block<A>>;
  static constexpr int lanes = simd::lanes<std::int32_t, A>;
  using V = simd::Int32<A>;
  using F = simd::Float32<A>;
  V offset0, offset1;
  F scale0, scale1, bias0, bias1, lo, hi;

  TFL_ALWAYS_INLINE HybridEpilogue(const Block& block, const BlockOutput& output)
      : offset0(simd::load<A>(block.filter_sum) * V(output.input_zero_point)),
        offset1(simd::load<A>(block.filter_sum + lanes) * V(output.input_zero_point)),
        scale0(simd::load<A>(block.scale) * F(output.input_scale)),
        scale1(simd::load<A>(block.scale + lanes) * F(output.input_scale)),
        bias0(simd::load<A>(block.bias)),
        bias1(simd::load<A>(block.bias + lanes)),
        lo(output.real.lo),
        hi(output.real.hi) {}

  TFL_ALWAYS_INLINE void operator()(const V& sum0, const V& sum1, float* to, int count) const {
    const F y0 = simd::min(simd::max(simd::to_float<A>(sum0 - offset0) * scale0 + bias0, lo), hi);
    const F y1 = simd::min(simd::max(simd::to_float<A>(sum1 - offset1) * scale1 + bias1, lo), hi);
    float values[2 * lanes];
    simd::store(values, y0);
    simd::store(values + lanes, y1);
    keep_values(to, values, count);
  }
};

}  // namespace tfl::detail
