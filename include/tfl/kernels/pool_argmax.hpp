#pragma once
// Pooling that remembers where the largest elements were, and its reverse: the custom ops MaxPoolWithArgmax, MaxPoolingWithArgmax2D and
// MaxUnpooling2D. An index counts the elements of one image.

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/quant/activation.hpp"

namespace tfl {

namespace detail {

/// Named: options by name. Else the bytes of TensorFlow Lite's TfLitePoolParams: padding (1 same, 2 valid), strides and window, width
/// first, activation.
template <bool Named> struct ArgmaxPoolOptions {
  Padding padding = Padding::same;
  std::int32_t filter_h = 0, filter_w = 0, stride_h = 0, stride_w = 0;
  Activation activation = Activation::none;

  template <class Custom> static constexpr Result<ArgmaxPoolOptions, Violation> read(const Custom& custom) {
    if constexpr (Named)
      return read_names(custom);
    else
      return read_struct(custom);
  }

 private:
  template <class Custom> static constexpr Result<ArgmaxPoolOptions, Violation> read_names(const Custom& custom) {
    if (custom.boolean("include_batch_in_index")) return node_violation(ErrorCode::invalid_option, "cannot count the batch in indices");
    const std::string_view padding = custom.text("padding");
    if (padding != "SAME" && padding != "VALID") return node_violation(ErrorCode::invalid_option, "has an unknown padding");
    std::int64_t window[4] = {}, strides[4] = {};
    if (custom.integers("ksize", window) != 4 || custom.integers("strides", strides) != 4) {
      return node_violation(ErrorCode::invalid_option, "must have a ksize and strides of 4 numbers");
    }
    for (const auto* list : {window, strides}) {
      if (list[0] != 1 || list[3] != 1 || list[1] < 1 || list[2] < 1 || list[1] > 0x7fffffff || list[2] > 0x7fffffff) {
        return node_violation(ErrorCode::invalid_option, "must have a ksize and strides of 1, height, width, 1");
      }
    }
    return ArgmaxPoolOptions{padding == "SAME" ? Padding::same : Padding::valid, static_cast<std::int32_t>(window[1]),
                             static_cast<std::int32_t>(window[2]), static_cast<std::int32_t>(strides[1]),
                             static_cast<std::int32_t>(strides[2])};
  }
  template <class Custom> static constexpr Result<ArgmaxPoolOptions, Violation> read_struct(const Custom& custom) {
    const auto bytes = custom.bytes();
    if (bytes.size() < 24) return node_violation(ErrorCode::invalid_option, "must have options of at least 24 bytes");
    const auto number = [&](std::size_t i) {
      std::uint32_t value = 0;
      for (std::size_t k = 0; k < 4; ++k) value |= std::uint32_t{bytes[4 * i + k]} << (8 * k);
      return static_cast<std::int32_t>(value);
    };
    if (number(0) != 1 && number(0) != 2) return node_violation(ErrorCode::invalid_option, "has an unknown padding");
    return ArgmaxPoolOptions{
        number(0) == 1 ? Padding::same : Padding::valid, number(4), number(3), number(2), number(1), activation_from(number(5))};
  }
};

template <bool Named> struct ArgmaxPool {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr Arity inputs = 1, outputs = 2;
  static constexpr int max_version = 1;

  using Options = ArgmaxPoolOptions<Named>;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (node.output(1).type != TensorType::int32) return output_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_rank(node, 0, 4)) return v;
    const Shape& in = node.input(0).shape;
    if (std::int64_t{in[1]} * in[2] * in[3] > std::numeric_limits<std::int32_t>::max()) {
      return input_violation(0, ErrorCode::invalid_shape, "has images too large for indices of 32 bits");
    }
    Prepared p;
    if (const Violation v = make_axes(options, in, p)) return v;
    node.output(0).shape = {in[0], static_cast<std::int32_t>(p.height.output), static_cast<std::int32_t>(p.width.output), in[3]};
    node.output(1).shape = node.output(0).shape;
    return {};
  }

  struct Prepared {
    WindowAxis height, width;
    std::int64_t channels = 0;
    FloatRange range{0, 0};
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    if (const Violation v = make_axes(options, node.input(0).shape, p)) return v;
    return p;
  }

  template <class Run, class In, class Out, class Places> static void eval(const Run& run, In in, Out out, Places places) {
    const Prepared& p = run.prepared;
    const WindowAxis &height = p.height, &width = p.width;
    for (std::int64_t i = 0; i < out.count(); ++i) {
      const std::int64_t c = i % p.channels, place = i / p.channels, line = place / width.output;
      const std::int64_t w0 = width.origin(place % width.output), h0 = height.origin(line % height.output);
      const float* const image = in.data() + line / height.output * height.input * width.input * p.channels;
      float most = std::numeric_limits<float>::lowest();
      std::int64_t at = 0;
      for (std::int64_t kh = height.first_tap(h0); kh < height.last_tap(h0); ++kh) {
        for (std::int64_t kw = width.first_tap(w0); kw < width.last_tap(w0); ++kw) {
          const std::int64_t candidate = (h0 + kh) * width.input + w0 + kw;
          const float x = image[candidate * p.channels + c];
          if (x > most) {
            most = x;
            at = candidate;
          }
        }
      }
      out[i] = most < p.range.lo ? p.range.lo : most > p.range.hi ? p.range.hi : most;
      places[i] = static_cast<std::int32_t>(at * p.channels + c);
    }
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float, std::int32_t>>>;

 private:
  static constexpr Violation make_axes(const Options& o, const Shape& in, Prepared& p) {
    if (const Violation v = require_window_options(o.stride_h, o.stride_w)) return v;
    if (!is_clamp(o.activation)) {
      return node_violation(ErrorCode::invalid_option, "cannot apply fused_activation_function {}", static_cast<int>(o.activation));
    }
    if (const Violation v = make_window_axis(p.height, o.padding, in[1], o.filter_h, o.stride_h, 1)) return v;
    if (const Violation v = make_window_axis(p.width, o.padding, in[2], o.filter_w, o.stride_w, 1)) return v;
    p.channels = in[3];
    p.range = float_range(o.activation);
    return {};
  }
};

}  // namespace detail

/// MaxPoolWithArgmax: input[N, H, W, C] -> the largest elements and their indices; options by name
struct MaxPoolWithArgmax : detail::ArgmaxPool<true> {
  static constexpr std::string_view custom_name = "MaxPoolWithArgmax";
};
/// MaxPoolingWithArgmax2D: the same with options in TensorFlow Lite's own struct
struct MaxPoolingWithArgmax2D : detail::ArgmaxPool<false> {
  static constexpr std::string_view custom_name = "MaxPoolingWithArgmax2D";
};

/// MaxUnpooling2D: input[N, h, w, C], indices of the same shape -> the images that were pooled, with 0 where nothing was largest
struct MaxUnpooling2D {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "MaxUnpooling2D";
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = detail::ArgmaxPoolOptions<false>;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 4)) return v;
    const Shape& in = node.input(0).shape;
    if (!(node.input(1).shape == in)) return input_violation(1, ErrorCode::invalid_shape, "must have the shape of input 0");
    if (const Violation v = require_window_options(options.stride_h, options.stride_w)) return v;
    if (options.filter_h < 1 || options.filter_w < 1) {
      return node_violation(ErrorCode::invalid_option, "must have a window of at least 1 x 1, not {} x {}", options.filter_h,
                            options.filter_w);
    }
    const bool same = options.padding == Padding::same;
    const std::int64_t height = extent(in[1], options.stride_h, options.filter_h, same),
                       width = extent(in[2], options.stride_w, options.filter_w, same);
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (height > most || width > most) return node_violation(ErrorCode::invalid_option, "makes images longer than 2^31 - 1");
    node.output(0).shape = {in[0], static_cast<std::int32_t>(height), static_cast<std::int32_t>(width), in[3]};
    return {};
  }

  struct Prepared {
    std::int64_t small = 0, large = 0;  // elements of an image
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape.count(1, 4), node.output(0).shape.count(1, 4)};
  }

  template <class Run, class In, class Places, class Out> static Violation eval(const Run& run, In in, Places places, Out out) {
    const Prepared& p = run.prepared;
    if (out.count() > 0) std::memset(out.data(), 0, static_cast<std::size_t>(out.count()) * sizeof(float));
    for (std::int64_t i = 0; i < in.count(); ++i) {
      if (places[i] < 0 || places[i] >= p.large) {
        return input_violation(1, ErrorCode::invalid_value, "must hold indices from 0 to {}, but element {} is {}", p.large - 1, i,
                               places[i]);
      }
      out[i / p.small * p.large + places[i]] = in[i];
    }
    return {};
  }

  using Types = Signatures<Signature<Takes<float, std::int32_t>, Gives<float>>>;

 private:
  static constexpr std::int64_t extent(std::int64_t in, std::int64_t stride, std::int64_t filter, bool same) {
    return same ? in * stride : in > 0 ? (in - 1) * stride + filter : 0;
  }
};

}  // namespace tfl
