#pragma once
// Sliding windows along one axis: what convolutions and poolings share. All in 64 bits: dimensions and options reach 2^31 - 1.

#include <cstdint>

#include "tfl/core/status.hpp"

namespace tfl {

/// The schema's Padding, value by value.
enum class Padding : std::uint8_t { same, valid };

/// Input elements that a window of `filter` taps spans.
constexpr std::int64_t effective_extent(std::int64_t filter, std::int64_t dilation) { return (filter - 1) * dilation + 1; }

/// Number of window positions; negative where the window does not fit. Requires input >= 0, filter >= 1, stride >= 1, dilation >= 1,
/// all below 2^31.
constexpr std::int64_t output_extent(Padding padding, std::int64_t input, std::int64_t filter, std::int64_t stride,
                                     std::int64_t dilation = 1) {
  if (padding == Padding::same) return (input + stride - 1) / stride;
  return (input + stride - effective_extent(filter, dilation)) / stride;
}

/// Positions of the first window that lie before the input; an odd one goes behind it. The same for both kinds of padding (0 where
/// the windows fit).
constexpr std::int64_t padding_before(std::int64_t input, std::int64_t filter, std::int64_t stride, std::int64_t dilation,
                                      std::int64_t output) {
  const std::int64_t total = (output - 1) * stride + effective_extent(filter, dilation) - input;
  return total > 0 ? total / 2 : 0;
}

/// One spatial axis of an op with a sliding window. Tap k of position o reads input element o * stride - before + k * dilation.
struct WindowAxis {
  std::int64_t input = 1, output = 1;
  std::int64_t filter = 1, stride = 1, dilation = 1;
  std::int64_t before = 0;

  /// The input element under tap 0; may lie outside.
  constexpr std::int64_t origin(std::int64_t position) const { return position * stride - before; }
  /// The taps first <= k < last of a window at `origin` that lie inside the input.
  constexpr std::int64_t first_tap(std::int64_t origin) const {
    if (origin >= 0) return 0;
    const std::int64_t k = dilation == 1 ? -origin : (-origin + dilation - 1) / dilation;
    return k < filter ? k : filter;
  }
  constexpr std::int64_t last_tap(std::int64_t origin) const {
    const std::int64_t room = input - origin;
    if (room <= 0) return 0;
    const std::int64_t k = dilation == 1 ? room : (room + dilation - 1) / dilation;
    return k < filter ? k : filter;
  }
  /// Whether every window lies inside the input.
  constexpr bool inside() const { return before == 0 && (output - 1) * stride + effective_extent(filter, dilation) <= input; }
};

/// Strides and dilations that a kernel can divide by.
constexpr Violation require_window_options(std::int64_t stride_h, std::int64_t stride_w, std::int64_t dilation_h = 1,
                                           std::int64_t dilation_w = 1) {
  if (stride_h < 1 || stride_w < 1) {
    return node_violation(ErrorCode::invalid_option, "must have strides of at least 1, not {} (height) and {} (width)", stride_h, stride_w);
  }
  if (dilation_h < 1 || dilation_w < 1) {
    return node_violation(ErrorCode::invalid_option, "must have dilations of at least 1, not {} (height) and {} (width)", dilation_h,
                          dilation_w);
  }
  return {};
}

/// Whether a border is so narrow that no window lies on it alone.
constexpr bool fits_window(std::int64_t before, std::int64_t after, std::int64_t filter, std::int64_t dilation) {
  const std::int64_t extent = effective_extent(filter, dilation);
  return before < extent && after < extent;
}

/// Works out one axis into `axis`; a violation names the input (of index `filtered`) whose window does not fit. Requires options
/// that passed require_window_options(). A border of `before` and `after` elements counts as input that is padding.
constexpr Violation make_window_axis(WindowAxis& axis, Padding padding, std::int64_t input, std::int64_t filter, std::int64_t stride,
                                     std::int64_t dilation, int filtered = 0, std::int64_t before = 0, std::int64_t after = 0) {
  if (filter < 1) return node_violation(ErrorCode::invalid_shape, "must have windows of at least 1 element, not {}", filter);
  const std::int64_t bordered = before + input + after;
  axis = {input, output_extent(padding, bordered, filter, stride, dilation), filter, stride, dilation, 0};
  if (axis.output < 0) {
    return input_violation(filtered, ErrorCode::invalid_shape,
                           "is smaller than the window without padding: {} elements under one that spans {}", bordered,
                           effective_extent(filter, dilation));
  }
  constexpr std::int64_t most = 0x7fffffff;
  if (effective_extent(filter, dilation) > most || (axis.output - 1) * stride + effective_extent(filter, dilation) > most) {
    return node_violation(ErrorCode::invalid_option, "has windows that reach beyond 2^31 - 1 elements: {} taps, stride {}, dilation {}",
                          filter, stride, dilation);
  }
  axis.before = before + padding_before(bordered, filter, stride, dilation, axis.output);
  return {};
}

}  // namespace tfl
