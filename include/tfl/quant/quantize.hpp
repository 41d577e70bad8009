#pragma once
// Quantizing tensors after training: which scales and zero points, and which integers. For tools and tests; kernels don't need it.
//
//     real = scale * (integer - zero_point)
//
// The formulas are those by which TensorFlow Lite's converter chooses its parameters, so that a model quantized here agrees with one
// quantized there. All is computed in double and usable in constant evaluation.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/core/builtin_operator.hpp"
#include "tfl/core/type.hpp"

namespace tfl::quant {

/// The scale and zero point of a tensor quantized as a whole. A scale of 0 stands for "not quantized".
struct AffineParameters {
  float scale = 0;
  std::int32_t zero_point = 0;
  friend constexpr bool operator==(const AffineParameters&, const AffineParameters&) = default;
};

/// The integers from min to max, both included.
struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = 0;
  friend constexpr bool operator==(const IntegerRange&, const IntegerRange&) = default;
};

/// All integers of a quantized type; 0..0 for types that aren't used for quantized data.
constexpr IntegerRange integer_range(TensorType type) {
  switch (type) {
    case TensorType::int2: return {-2, 1};
    case TensorType::int4: return {-8, 7};
    case TensorType::uint4: return {0, 15};
    case TensorType::int8: return {-128, 127};
    case TensorType::uint8: return {0, 255};
    case TensorType::int16: return {-32768, 32767};
    case TensorType::int32: return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    case TensorType::int64: return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    default: return {};
  }
}

/// The range of a signed type without its least value, symmetric about 0: weights keep to it, so that two products of an int8 pair
/// fit 16 bits and a negated weight is a weight.
constexpr IntegerRange symmetric_range(TensorType type) {
  const IntegerRange all = integer_range(type);
  return {-all.max, all.max};
}

/// Half away from zero, as std::round, in constant evaluation too. NaN gives 0; what doesn't fit is clamped.
constexpr std::int64_t round_half_away(double value) {
  constexpr double limit = 9223372036854775808.0;  // 2^63
  if (value != value) return 0;
  if (value >= limit) return std::numeric_limits<std::int64_t>::max();
  if (value < -limit) return std::numeric_limits<std::int64_t>::min();
  const auto whole = static_cast<std::int64_t>(value);  // towards zero
  const double rest = value - static_cast<double>(whole);
  return whole + (rest >= 0.5 ? 1 : 0) - (rest <= -0.5 ? 1 : 0);
}

constexpr std::int64_t clamp(std::int64_t value, IntegerRange range) {
  return value < range.min ? range.min : value > range.max ? range.max : value;
}

/// The parameters of an activation that was seen between `min` and `max`, which are widened to hold 0:
///   int8, uint8, int4, uint4:  scale = (max - min) / (qmax - qmin),  zero_point = round(qmin - min / scale), clamped to the type
///   int16:                     scale = max(|min|, |max|) / 32767,    zero_point = 0
/// A range of nothing but 0 gets the scale 1. Requires finite bounds, min <= max and one of these types; otherwise the scale is 0.
constexpr AffineParameters choose_activation_parameters(float min, float max, TensorType type) {
  constexpr float most = std::numeric_limits<float>::max();
  const IntegerRange range = integer_range(type);
  if (!(min >= -most && max <= most && min <= max) || range.max == 0 || type == TensorType::int32 || type == TensorType::int64) return {};
  const double low = min < 0 ? double{min} : 0.0;
  const double high = max > 0 ? double{max} : 0.0;
  if (type == TensorType::int16) {
    const double bound = -low > high ? -low : high;
    return {bound == 0 ? 1.0f : static_cast<float>(bound / static_cast<double>(range.max)), 0};
  }
  const double scale = low == high ? 1.0 : (high - low) / static_cast<double>(range.max - range.min);
  const std::int64_t zero_point = round_half_away(static_cast<double>(range.min) - low / scale);
  return {static_cast<float>(scale), static_cast<std::int32_t>(clamp(zero_point, range))};
}

/// The parameters that an op's output always has, whatever was observed: SOFTMAX and LOGISTIC 1/256, -128 (int16 1/32768, 0);
/// TANH and L2_NORMALIZATION 1/128, 0 (TANH in int16 1/32768, 0); LOG_SOFTMAX 16/256, 127. uint8 as int8, 128 higher. Scale 0 where an
/// op's output is free.
constexpr AffineParameters fixed_output_parameters(BuiltinOperator code, TensorType type) {
  if (type == TensorType::int16) {
    const bool fixed = code == BuiltinOperator::SOFTMAX || code == BuiltinOperator::LOGISTIC || code == BuiltinOperator::TANH;
    return fixed ? AffineParameters{1.0f / 32768, 0} : AffineParameters{};
  }
  if (type != TensorType::int8 && type != TensorType::uint8) return {};
  const std::int32_t offset = type == TensorType::uint8 ? 128 : 0;
  switch (code) {
    case BuiltinOperator::SOFTMAX:
    case BuiltinOperator::LOGISTIC: return {1.0f / 256, offset - 128};
    case BuiltinOperator::TANH:
    case BuiltinOperator::L2_NORMALIZATION: return {1.0f / 128, offset};
    case BuiltinOperator::LOG_SOFTMAX: return {16.0f / 256, offset + 127};
    default: return {};
  }
}

/// round(value / scale) + zero_point, clamped to `range`; NaN becomes the zero point. Requires scale > 0.
constexpr std::int64_t quantize_value(float value, AffineParameters parameters, IntegerRange range) {
  // Clamped before the addition, which could overflow otherwise.
  constexpr std::int64_t far = std::int64_t{1} << 62;
  return clamp(clamp(round_half_away(double{value} / double{parameters.scale}), {-far, far}) + parameters.zero_point, range);
}

/// scale * (integer - zero_point)
constexpr float dequantize_value(std::int64_t value, AffineParameters parameters) {
  return static_cast<float>(double{parameters.scale} * static_cast<double>(value - parameters.zero_point));
}

/// Quantizes every value to the whole range of T. False when the lengths differ or the scale isn't positive.
template <class T, std::size_t Extent>
[[nodiscard]] constexpr bool quantize(std::span<const float> values, AffineParameters parameters, std::span<T, Extent> output) {
  if (values.size() != output.size() || !(parameters.scale > 0)) return false;
  const IntegerRange range = integer_range(tensor_type_of<T>);
  for (std::size_t i = 0; i < values.size(); ++i) output[i] = static_cast<T>(quantize_value(values[i], parameters, range));
  return true;
}

/// The real values of quantized ones. False when the lengths differ.
template <class T, std::size_t Extent>
[[nodiscard]] constexpr bool dequantize(std::span<const T, Extent> values, AffineParameters parameters, std::span<float> output) {
  if (values.size() != output.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) output[i] = dequantize_value(values[i], parameters);
  return true;
}

/// How one axis lies in a dense tensor: element (o, c, i) is at (o * channels + c) * inner + i.
struct ChannelLayout {
  std::size_t outer = 0;
  std::size_t channels = 0;
  std::size_t inner = 0;
  constexpr std::size_t size() const { return outer * channels * inner; }
  constexpr std::size_t index(std::size_t o, std::size_t c, std::size_t i) const { return (o * channels + c) * inner + i; }
};

/// The layout of axis `dimension`: 0 for filters of CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED, 3 for those of DEPTHWISE_CONV_2D.
/// Requires sizes >= 0 whose product fits std::size_t. All 0 where there is no such axis.
constexpr ChannelLayout channel_layout(std::span<const std::int32_t> shape, std::int32_t dimension) {
  if (dimension < 0 || static_cast<std::size_t>(dimension) >= shape.size()) return {};
  ChannelLayout layout{1, 0, 1};
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto size = static_cast<std::size_t>(shape[i]);
    if (i < static_cast<std::size_t>(dimension)) layout.outer *= size;
    if (i == static_cast<std::size_t>(dimension)) layout.channels = size;
    if (i > static_cast<std::size_t>(dimension)) layout.inner *= size;
  }
  return layout;
}

/// max|w| / qmax for weights seen between `min` and `max`; a range no wider than 1e-6 is first widened to reach -5e-7 and 5e-7, which
/// keeps the scale of weights that are all 0 away from 0.
constexpr double weight_scale_of_range(float min, float max, TensorType type) {
  double low = min, high = max;
  if (high - low <= 1e-6) {
    low = low < -5e-7 ? low : -5e-7;
    high = high > 5e-7 ? high : 5e-7;
  }
  const double bound = -low > high ? -low : high;
  return bound / static_cast<double>(integer_range(type).max);
}

/// The scale of each channel's weights, for zero point 0 and the symmetric range: int8 max|w| / 127. False when the lengths don't match
/// the layout or a weight isn't finite.
[[nodiscard]] constexpr bool choose_weight_scales(std::span<const float> weights, ChannelLayout layout, std::span<float> scales,
                                                  TensorType type = TensorType::int8) {
  if (weights.size() != layout.size() || scales.size() != layout.channels || integer_range(type).min >= 0) return false;
  for (std::size_t c = 0; c < layout.channels; ++c) {
    float min = std::numeric_limits<float>::max(), max = std::numeric_limits<float>::lowest();
    for (std::size_t o = 0; o < layout.outer; ++o) {
      for (std::size_t i = 0; i < layout.inner; ++i) {
        const float weight = weights[layout.index(o, c, i)];
        if (!(weight >= std::numeric_limits<float>::lowest() && weight <= std::numeric_limits<float>::max())) return false;
        min = weight < min ? weight : min;
        max = weight > max ? weight : max;
      }
    }
    if (min > max) min = max = 0;  // a channel without weights
    scales[c] = static_cast<float>(weight_scale_of_range(min, max, type));
  }
  return true;
}

/// The same for weights that share one scale. Returns 0 when a weight isn't finite.
constexpr float choose_weight_scale(std::span<const float> weights, TensorType type = TensorType::int8) {
  float scale = 0;
  return choose_weight_scales(weights, {1, 1, weights.size()}, {&scale, 1}, type) ? scale : 0.0f;
}

/// round(w / scale[channel]), clamped to the symmetric range of `type`; int4 weights come one to a byte. False when the lengths don't
/// match the layout or a scale isn't positive.
template <class T, std::size_t Extent>
[[nodiscard]] constexpr bool quantize_per_channel(std::span<const float> weights, ChannelLayout layout, std::span<const float> scales,
                                                  std::span<T, Extent> output, TensorType type = tensor_type_of<T>) {
  if (weights.size() != layout.size() || output.size() != weights.size() || scales.size() != layout.channels) return false;
  for (const float scale : scales) {
    if (!(scale > 0)) return false;
  }
  for (std::size_t o = 0; o < layout.outer; ++o) {
    for (std::size_t c = 0; c < layout.channels; ++c) {
      for (std::size_t i = 0; i < layout.inner; ++i) {
        const std::size_t at = layout.index(o, c, i);
        output[at] = static_cast<T>(quantize_value(weights[at], {scales[c], 0}, symmetric_range(type)));
      }
    }
  }
  return true;
}

/// The largest magnitude of an int32 bias: half of the type's range, which leaves room for the accumulator.
inline constexpr std::int64_t bias_limit = (std::int64_t{1} << 30) - 1;

/// The weight scale to use so that a bias fits an int32: `weight_scale`, or where |bias| / (input_scale * weight_scale) exceeds
/// bias_limit (a channel whose weights are almost 0), |bias| / bias_limit / input_scale. To be asked before weights are quantized.
constexpr float weight_scale_for_bias(float bias, float input_scale, float weight_scale) {
  const double magnitude = bias < 0 ? -double{bias} : double{bias};
  const double bias_scale = double{input_scale} * double{weight_scale};
  if (magnitude <= bias_scale * static_cast<double>(bias_limit)) return weight_scale;
  return static_cast<float>(magnitude / static_cast<double>(bias_limit) / double{input_scale});
}

/// input_scale * weight_scale, the scale of a bias and of the accumulator that it is added to.
constexpr float bias_scale_of(float input_scale, float weight_scale) {
  return static_cast<float>(double{input_scale} * double{weight_scale});
}

/// round(b / (input_scale * weight_scale[channel])), zero point 0. T is int32_t, or int64_t beside int16 activations. One weight scale
/// serves all channels. False when the lengths don't match or a scale isn't positive.
template <class T, std::size_t Extent>
[[nodiscard]] constexpr bool quantize_bias(std::span<const float> bias, float input_scale, std::span<const float> weight_scales,
                                           std::span<T, Extent> output) {
  static_assert(std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::int64_t>);
  if (bias.size() != output.size() || (weight_scales.size() != bias.size() && weight_scales.size() != 1)) return false;
  for (std::size_t c = 0; c < bias.size(); ++c) {
    const double scale = double{input_scale} * double{weight_scales[weight_scales.size() == 1 ? 0 : c]};
    if (!(scale > 0)) return false;
    output[c] = static_cast<T>(clamp(round_half_away(double{bias[c]} / scale), integer_range(tensor_type_of<T>)));
  }
  return true;
}

}  // namespace tfl::quant
