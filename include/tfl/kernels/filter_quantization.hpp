#pragma once
// The output multipliers of ops with a filter: input scale * filter scale / output scale, of the tensor or of each channel.

#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"

namespace tfl::detail {

/// The quantization of an int8, uint8 or int16 op with a filter: usable scales, one filter scale or one for each of `channels` along
/// `axis`, symmetric filters but for uint8, symmetric data in int16.
constexpr Violation require_filter_quantization(const NodeDescription& node, int input, int filter, std::int32_t axis,
                                                std::int64_t channels) {
  if (const Violation v = require_quantized_input(node, input)) return v;
  if (const Violation v = require_quantized_output(node, 0)) return v;
  const TensorType type = node.input(input).type;
  const Quantization& q = node.input(filter).quantization;
  if (!(q.scale >= 0) || (q.scale == 0 && !q.per_channel())) {
    return input_violation(filter, ErrorCode::invalid_quantization, "must have a positive scale");
  }
  if (q.per_channel()) {
    if (type == TensorType::uint8)
      return input_violation(filter, ErrorCode::invalid_quantization, "must have one scale for the whole tensor in uint8");
    if (q.axis != axis)
      return input_violation(filter, ErrorCode::invalid_quantization, "must have its scales along axis {}, not {}", axis, q.axis);
    if (static_cast<std::int64_t>(q.channel_scales.size()) != channels) {
      return input_violation(filter, ErrorCode::invalid_quantization, "must have one scale for each of {} channels, not {}", channels,
                             static_cast<std::int64_t>(q.channel_scales.size()));
    }
  }
  if (type == TensorType::uint8) {
    if (q.zero_point < 0 || q.zero_point > 255) {
      return input_violation(filter, ErrorCode::invalid_quantization, "must have a zero point from 0 to 255, not {}", q.zero_point);
    }
  } else {
    if (q.zero_point != 0)
      return input_violation(filter, ErrorCode::invalid_quantization, "must have the zero point 0, not {}", q.zero_point);
    for (const std::int64_t zero_point : q.channel_zero_points) {
      if (zero_point != 0)
        return input_violation(filter, ErrorCode::invalid_quantization, "must have zero points of 0, not {}", zero_point);
    }
  }
  if (type == TensorType::int16) {
    if (node.input(input).quantization.zero_point != 0) {
      return input_violation(input, ErrorCode::invalid_quantization, "must have the zero point 0 in int16, not {}",
                             node.input(input).quantization.zero_point);
    }
    if (node.output(0).quantization.zero_point != 0) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0 in int16, not {}",
                              node.output(0).quantization.zero_point);
    }
  }
  return {};
}

/// One multiplier a channel. A violation where one is too large for the kernels' shifts.
constexpr Violation filter_multipliers(const NodeDescription& node, int input, int filter, std::span<Multiplier> multipliers) {
  const float input_scale = node.input(input).quantization.scale, output_scale = node.output(0).quantization.scale;
  const Quantization& q = node.input(filter).quantization;
  const bool wide = node.input(input).type == TensorType::int16;
  // uint8 models multiply the scales in float, the others in double: both are the reference's.
  const bool in_float = node.input(input).type == TensorType::uint8;
  for (std::size_t c = 0; c < multipliers.size(); ++c) {
    const float scale = q.scale_of(static_cast<std::int64_t>(c));
    const double product =
        in_float ? static_cast<double>(input_scale * scale) : static_cast<double>(input_scale) * static_cast<double>(scale);
    multipliers[c] = quantize_multiplier(product / static_cast<double>(output_scale));
    if (multipliers[c].shift > (wide ? 7 : 30)) {
      return input_violation(filter, ErrorCode::invalid_quantization, "has a scale, in channel {}, too large for the output's scale",
                             static_cast<std::int64_t>(c));
    }
  }
  return {};
}

/// Bytes of weights as signed ones; packed integers stay what they are.
template <class W> const auto* as_signed(const W* weights) {
  if constexpr (is_packed<W>) {
    return weights;
  } else {
    return reinterpret_cast<const std::int8_t*>(weights);
  }
}
/// Bytes of weights as signed ones; `count` packed integers are unpacked to scratch + offset.
template <class W>
const std::int8_t* unpacked(const W* weights, [[maybe_unused]] std::int64_t count, [[maybe_unused]] std::byte* scratch,
                            [[maybe_unused]] std::int64_t offset) {
  if constexpr (is_packed<W>) {
    if (count == 0) return nullptr;
    auto* to = reinterpret_cast<std::int8_t*>(scratch + offset);
    unpack(weights, count, to);
    return to;
  } else {
    return reinterpret_cast<const std::int8_t*>(weights);
  }
}

/// tfl::multiply() of a 64-bit accumulator for whatever it holds: beyond 47 bits, where the formula ends, it saturates first.
constexpr std::int32_t multiply_wide(std::int64_t x, Multiplier by) {
  constexpr std::int64_t limit = (std::int64_t{1} << 47) - 1;
  return multiply(x > limit ? limit : x < -limit ? -limit : x, by);
}
/// a + b, wrapping.
constexpr std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int32_t wrapping_add(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
constexpr std::int32_t wrapping_multiply(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

/// A bias of 32 or 64 bits; 0 where there are none.
inline std::int64_t integer_bias(const void* bias, bool wide, std::int64_t i) {
  if (bias == nullptr) return 0;
  return wide ? static_cast<const std::int64_t*>(bias)[i] : static_cast<const std::int32_t*>(bias)[i];
}

}  // namespace tfl::detail
