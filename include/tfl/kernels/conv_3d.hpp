#pragma once
// CONV_3D and CONV_3D_TRANSPOSE: float convolutions of volumes.

#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/quant/activation.hpp"

namespace tfl {

namespace detail {

struct Conv3DOptions {
  Padding padding = Padding::same;
  std::int32_t stride_d = 0, stride_h = 0, stride_w = 0;
  std::int32_t dilation_d = 1, dilation_h = 1, dilation_w = 1;
  Activation activation = Activation::none;
  template <class Table> static constexpr Conv3DOptions read(const Table& table) {
    return {static_cast<Padding>(table.padding()),
            table.stride_d(),
            table.stride_h(),
            table.stride_w(),
            table.dilation_d_factor(),
            table.dilation_h_factor(),
            table.dilation_w_factor(),
            activation_from(static_cast<std::int64_t>(table.fused_activation_function()))};
  }
};

/// Depth, height and width; channels of the two sides.
struct Conv3DPrepared {
  WindowAxis axis[3];
  std::int64_t batches = 0, in_channels = 0, out_channels = 0;
  FloatRange range{0, 0};
};

/// `large` and `small` are the shapes [N, D, H, W, C] on the two sides of the windows, `filter` begins with D, H, W.
constexpr Violation make_axes(const Conv3DOptions& options, const Shape& large, const Shape& filter, int filtered, WindowAxis* axes) {
  if (options.padding > Padding::valid) return node_violation(ErrorCode::invalid_option, "has an unknown padding");
  if (const Violation v = require_window_options(options.stride_h, options.stride_w, options.dilation_h, options.dilation_w)) return v;
  if (options.stride_d < 1 || options.dilation_d < 1) {
    return node_violation(ErrorCode::invalid_option, "must have a stride and a dilation of at least 1, not {} and {} (depth)",
                          options.stride_d, options.dilation_d);
  }
  if (!is_clamp(options.activation)) {
    return node_violation(ErrorCode::invalid_option, "cannot apply fused_activation_function {}", static_cast<int>(options.activation));
  }
  const std::int32_t strides[] = {options.stride_d, options.stride_h, options.stride_w};
  const std::int32_t dilations[] = {options.dilation_d, options.dilation_h, options.dilation_w};
  for (int i = 0; i < 3; ++i) {
    if (const Violation v = make_window_axis(axes[i], options.padding, large[i + 1], filter[i], strides[i], dilations[i], filtered)) {
      return v;
    }
  }
  return {};
}

constexpr Violation require_volumes(const NodeDescription& node, int input, int filter, int bias, int out_channels_axis) {
  for (const int i : {input, filter}) {
    if (node.input(i).type != TensorType::float32) return input_violation(i, ErrorCode::invalid_type, "must be float32");
    if (const Violation v = require_rank(node, i, 5)) return v;
    for (int axis = i == input ? 1 : 0; axis < 5; ++axis) {
      if (node.input(i).shape[axis] < 1) return input_violation(i, ErrorCode::invalid_shape, "must not be empty in dimension {}", axis);
    }
  }
  if (node.output(0).type != TensorType::float32) return output_violation(0, ErrorCode::invalid_type, "must be float32");
  const std::int32_t channels = node.input(filter).shape[out_channels_axis];
  if (!node.has_input(bias)) return {};
  if (node.input(bias).type != TensorType::float32) return input_violation(bias, ErrorCode::invalid_type, "must be float32");
  if (node.input(bias).count() == channels) return {};
  return input_violation(bias, ErrorCode::invalid_shape, "must have one element for each of the {} output channels, not {}", channels,
                         node.input(bias).count());
}

inline void finish_row(float* row, const float* bias, std::int64_t channels, FloatRange range) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const float x = row[c] + (bias != nullptr ? bias[c] : 0.0f);
    row[c] = x < range.lo ? range.lo : x > range.hi ? range.hi : x;
  }
}

}  // namespace detail

/// CONV_3D: input[N,D,H,W,C], filter[KD,KH,KW,C,O] (+ bias[O]) -> output[N,OD,OH,OW,O]
struct Conv3D {
  static constexpr BuiltinOperator code = BuiltinOperator::CONV_3D;
  static constexpr Arity inputs{2, 3}, outputs = 1;
  static constexpr int max_version = 1;

  using Options = detail::Conv3DOptions;
  using Prepared = detail::Conv3DPrepared;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_volumes(node, 0, 1, 2, 4)) return v;
    const Shape &in = node.input(0).shape, &filter = node.input(1).shape;
    if (in[4] != filter[3]) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the input's {} channels, not {}", in[4], filter[3]);
    }
    WindowAxis axes[3];
    if (const Violation v = detail::make_axes(options, in, filter, 0, axes)) return v;
    node.output(0).shape = {in[0], static_cast<std::int32_t>(axes[0].output), static_cast<std::int32_t>(axes[1].output),
                            static_cast<std::int32_t>(axes[2].output), filter[4]};
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &in = node.input(0).shape, &filter = node.input(1).shape;
    Prepared p;
    if (const Violation v = detail::make_axes(options, in, filter, 0, p.axis)) return v;
    p.batches = in[0];
    p.in_channels = in[4];
    p.out_channels = filter[4];
    p.range = float_range(options.activation);
    return p;
  }

  template <class Run, class In, class Filter, class Bias, class Out>
  static void eval(const Run& run, In in, Filter filter, Bias bias, Out out) {
    const Prepared& p = run.prepared;
    const WindowAxis &depth = p.axis[0], &height = p.axis[1], &width = p.axis[2];
    const std::int64_t taps = depth.filter * height.filter * width.filter;
    run.executor.parallel_for(
        p.batches * depth.output * height.output, 1 + width.output * taps * p.in_channels * p.out_channels / 8,
        [&](std::int64_t first, std::int64_t last, int) {
          for (std::int64_t line = first; line < last; ++line) {
            const std::int64_t d0 = depth.origin(line / height.output % depth.output), h0 = height.origin(line % height.output);
            const float* const volume =
                in.data() + line / height.output / depth.output * depth.input * height.input * width.input * p.in_channels;
            for (std::int64_t x = 0; x < width.output; ++x) {
              const std::int64_t w0 = width.origin(x);
              float* const to = out.data() + (line * width.output + x) * p.out_channels;
              std::memset(to, 0, static_cast<std::size_t>(p.out_channels) * sizeof(float));
              for (std::int64_t kd = depth.first_tap(d0); kd < depth.last_tap(d0); ++kd) {
                for (std::int64_t kh = height.first_tap(h0); kh < height.last_tap(h0); ++kh) {
                  for (std::int64_t kw = width.first_tap(w0); kw < width.last_tap(w0); ++kw) {
                    const std::int64_t at =
                        ((d0 + kd * depth.dilation) * height.input + h0 + kh * height.dilation) * width.input + w0 + kw * width.dilation;
                    const float* const from = volume + at * p.in_channels;
                    const float* weights = filter.data() + ((kd * height.filter + kh) * width.filter + kw) * p.in_channels * p.out_channels;
                    for (std::int64_t i = 0; i < p.in_channels; ++i, weights += p.out_channels) {
                      for (std::int64_t o = 0; o < p.out_channels; ++o) to[o] += from[i] * weights[o];
                    }
                  }
                }
              }
              detail::finish_row(to, bias.data(), p.out_channels, p.range);
            }
          }
        });
  }

  using Types = Signatures<Signature<Takes<float, float, float>, Gives<float>>>;
};

/// CONV_3D_TRANSPOSE: shape[5], filter[KD,KH,KW,O,C], input[N,D,H,W,C] (+ bias[O]) -> output[shape]: what a convolution from the output
/// to the input has as its gradient
struct Conv3DTranspose {
  static constexpr BuiltinOperator code = BuiltinOperator::CONV_3D_TRANSPOSE;
  static constexpr Arity inputs{3, 4}, outputs = 1;
  static constexpr int max_version = 1;

  using Options = detail::Conv3DOptions;
  using Prepared = detail::Conv3DPrepared;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_volumes(node, 2, 1, 3, 3)) return v;
    const Shape &in = node.input(2).shape, &filter = node.input(1).shape;
    if (in[4] != filter[4]) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the input's {} channels, not {}", in[4], filter[4]);
    }
    if (node.input(0).type != TensorType::int32) return input_violation(0, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_rank(node, 0, 1)) return v;
    if (node.input(0).shape[0] != 5) {
      return input_violation(0, ErrorCode::invalid_shape, "must have 5 elements, not {}", node.input(0).shape[0]);
    }
    if (const Violation v = require_known(node, 0)) return v;
    Shape out;
    for (int i = 0; i < 5; ++i) {
      const std::int64_t extent = node.input(0).integers[i];
      if (extent < 0) return input_violation(0, ErrorCode::invalid_value, "asks for dimension {} = {}", i, extent);
      out.push_back(static_cast<std::int32_t>(extent));
    }
    if (out[0] != in[0]) return input_violation(0, ErrorCode::invalid_value, "must ask for the input's batch of {}, not {}", in[0], out[0]);
    if (out[4] != filter[3]) {
      return input_violation(0, ErrorCode::invalid_value, "must ask for the filter's {} output channels, not {}", filter[3], out[4]);
    }
    WindowAxis axes[3];
    if (const Violation v = detail::make_axes(options, out, filter, 0, axes)) return v;
    for (int i = 0; i < 3; ++i) {
      if (axes[i].output != in[i + 1]) {
        return input_violation(0, ErrorCode::invalid_value,
                               "asks for a dimension {} that {} positions of the window cover, but input 2 has {}", i + 1, axes[i].output,
                               in[i + 1]);
      }
    }
    node.output(0).shape = out;
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &in = node.input(2).shape, &filter = node.input(1).shape;
    Prepared p;
    if (const Violation v = detail::make_axes(options, node.output(0).shape, filter, 0, p.axis)) return v;
    p.batches = in[0];
    p.in_channels = in[4];
    p.out_channels = filter[3];
    p.range = float_range(options.activation);
    return p;
  }

  template <class Run, class Size, class Filter, class In, class Bias, class Out>
  static void eval(const Run& run, Size, Filter filter, In in, Bias bias, Out out) {
    const Prepared& p = run.prepared;
    const WindowAxis &depth = p.axis[0], &height = p.axis[1], &width = p.axis[2];  // their input is this op's output
    const std::int64_t large = depth.input * height.input * width.input, small = depth.output * height.output * width.output;
    const std::int64_t taps = depth.filter * height.filter * width.filter;
    run.executor.parallel_for(
        p.batches, 1 + small * taps * p.in_channels * p.out_channels / 4, [&](std::int64_t first, std::int64_t last, int) {
          for (std::int64_t n = first; n < last; ++n) {
            float* const volume = out.data() + n * large * p.out_channels;
            for (std::int64_t i = 0; i < large * p.out_channels; ++i) volume[i] = 0;
            for (std::int64_t at = 0; at < small; ++at) {
              const float* const from = in.data() + (n * small + at) * p.in_channels;
              const std::int64_t d0 = depth.origin(at / width.output / height.output),
                                 h0 = height.origin(at / width.output % height.output), w0 = width.origin(at % width.output);
              for (std::int64_t kd = depth.first_tap(d0); kd < depth.last_tap(d0); ++kd) {
                for (std::int64_t kh = height.first_tap(h0); kh < height.last_tap(h0); ++kh) {
                  for (std::int64_t kw = width.first_tap(w0); kw < width.last_tap(w0); ++kw) {
                    const std::int64_t place =
                        ((d0 + kd * depth.dilation) * height.input + h0 + kh * height.dilation) * width.input + w0 + kw * width.dilation;
                    float* const to = volume + place * p.out_channels;
                    const float* weights = filter.data() + ((kd * height.filter + kh) * width.filter + kw) * p.in_channels * p.out_channels;
                    for (std::int64_t o = 0; o < p.out_channels; ++o, weights += p.in_channels) {
                      float sum = 0;
                      for (std::int64_t i = 0; i < p.in_channels; ++i) sum += from[i] * weights[i];
                      to[o] += sum;
                    }
                  }
                }
              }
            }
            for (std::int64_t i = 0; i < large; ++i) detail::finish_row(volume + i * p.out_channels, bias.data(), p.out_channels, p.range);
          }
        });
  }

  using Types = Signatures<Signature<Takes<Unread, float, float, float>, Gives<float>>>;
};

}  // namespace tfl
