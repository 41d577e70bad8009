#pragma once
// The custom ops MaxPool3D and AveragePool3D: input[N, D, H, W, C] -> the largest element, or the mean, under each window.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/window.hpp"

namespace tfl {

namespace detail {

template <bool Max> struct Pool3D {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = Max ? "MaxPool3D" : "AveragePool3D";
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    Padding padding = Padding::same;
    Shape window{}, strides{};  // of all 5 dimensions
    template <class Custom> static constexpr Result<Options, Violation> read(const Custom& custom) {
      Options o;
      const std::string_view padding = custom.text("padding");
      if (padding != "SAME" && padding != "VALID") return node_violation(ErrorCode::invalid_option, "has an unknown padding");
      if (custom.text("data_format") != "NDHWC") return node_violation(ErrorCode::invalid_option, "must have the data_format NDHWC");
      o.padding = padding == "SAME" ? Padding::same : Padding::valid;
      if (!read_list(custom, "ksize", o.window))
        return node_violation(ErrorCode::invalid_option, "must have a ksize of 1, three extents, 1");
      if (!read_list(custom, "strides", o.strides))
        return node_violation(ErrorCode::invalid_option, "must have strides of 1, three steps, 1");
      return o;
    }

   private:
    template <class Custom> static constexpr bool read_list(const Custom& custom, std::string_view key, Shape& shape) {
      std::int64_t values[5] = {};
      if (custom.integers(key, values) != 5 || values[0] != 1 || values[4] != 1) return false;
      for (const std::int64_t value : values) {
        if (value < 1 || value > std::numeric_limits<std::int32_t>::max()) return false;
        shape.push_back(static_cast<std::int32_t>(value));
      }
      return true;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 5)) return v;
    const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
    const float difference = in.scale - out.scale;
    if (node.input(0).type == TensorType::int8 && (!(difference <= 1e-6f && difference >= -1e-6f) || in.zero_point != out.zero_point)) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have the scale and zero point of input 0");
    }
    Prepared p;
    if (const Violation v = make_axes(options, node.input(0).shape, p)) return v;
    node.output(0).shape = {node.input(0).shape[0], static_cast<std::int32_t>(p.axis[0].output),
                            static_cast<std::int32_t>(p.axis[1].output), static_cast<std::int32_t>(p.axis[2].output),
                            node.input(0).shape[4]};
    return {};
  }

  struct Prepared {
    WindowAxis axis[3];
    std::int64_t channels = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    if (const Violation v = make_axes(options, node.input(0).shape, p)) return v;
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using T = typename In::value_type;
    const Prepared& p = run.prepared;
    const WindowAxis &depth = p.axis[0], &height = p.axis[1], &width = p.axis[2];
    const std::int64_t places = p.channels > 0 ? out.count() / p.channels : 0;
    // A window may be far larger than its input.
    std::int64_t taps = 1;
    for (const WindowAxis& axis : p.axis) taps *= std::min(axis.filter, axis.input);
    run.executor.parallel_for(places, 1 + taps * p.channels, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t place = first; place < last; ++place) {
        const std::int64_t w0 = width.origin(place % width.output), h0 = height.origin(place / width.output % height.output);
        const std::int64_t plane = place / width.output / height.output, d0 = depth.origin(plane % depth.output);
        const T* const volume = in.data() + plane / depth.output * depth.input * height.input * width.input * p.channels;
        for (std::int64_t c = 0; c < p.channels; ++c) {
          Sum<T> sum = Max ? Sum<T>(std::numeric_limits<T>::lowest()) : Sum<T>(0);
          std::int64_t count = 0;
          for (std::int64_t kd = depth.first_tap(d0); kd < depth.last_tap(d0); ++kd) {
            for (std::int64_t kh = height.first_tap(h0); kh < height.last_tap(h0); ++kh) {
              for (std::int64_t kw = width.first_tap(w0); kw < width.last_tap(w0); ++kw, ++count) {
                const T x = volume[(((d0 + kd) * height.input + h0 + kh) * width.input + w0 + kw) * p.channels + c];
                if constexpr (Max)
                  sum = sum < Sum<T>(x) ? Sum<T>(x) : sum;
                else
                  sum += x;
              }
            }
          }
          out[place * p.channels + c] = finish<T>(sum, count);
        }
      }
    });
  }

  template <class T> using Of = Signature<Takes<T>, Gives<T>>;
  using Types = Signatures<Of<float>, Of<std::int8_t>, Of<std::int16_t>>;

 private:
  template <class T> using Sum = std::conditional_t<std::is_integral_v<T>, std::int64_t, T>;
  template <class T> static T finish(Sum<T> sum, std::int64_t count) {
    if (Max || count == 0) return static_cast<T>(sum);
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count);
    else
      return sum / static_cast<T>(count);
  }
  static constexpr Violation make_axes(const Options& options, const Shape& in, Prepared& p) {
    if (options.window.rank() != 5) return node_violation(ErrorCode::invalid_option, "must have its options");
    for (int i = 0; i < 3; ++i) {
      if (const Violation v = make_window_axis(p.axis[i], options.padding, in[i + 1], options.window[i + 1], options.strides[i + 1], 1))
        return v;
    }
    p.channels = in[4];
    return {};
  }
};

}  // namespace detail

using MaxPool3D = detail::Pool3D<true>;
using AveragePool3D = detail::Pool3D<false>;

}  // namespace tfl
