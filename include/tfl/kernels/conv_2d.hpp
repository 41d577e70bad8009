#pragma once
// CONV_2D: float32; int8, uint8 and int16 quantized; float activations with int8 filters (hybrid). int4 filters are int8 ones, two to a
// byte.

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/strip.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/kernels/window_rows.hpp"
#include "tfl/linalg/direct.hpp"
#include "tfl/linalg/gemm.hpp"
#include "tfl/quant/activation.hpp"

namespace tfl {

/// CONV_2D: input[N,H,W,G*C] * filter[O,KH,KW,C] (+ bias[O]) -> output[N,OH,OW,O], in G groups of O/G filters
/// y[n,i,j,o] = clamp(bias[o] + sum over a, b, c of x[n, i*stride - before + a*dilation, j*.. + b*.., group(o)*C + c] * w[o,a,b,c])
struct Conv2D {
  static constexpr BuiltinOperator code = BuiltinOperator::CONV_2D;
  static constexpr Arity inputs{2, 3}, outputs = 1;
  static constexpr int max_version = 8;
  static constexpr OpTraits traits{.clamps = true};

  struct Options {
    Padding padding = Padding::same;
    Activation activation = Activation::none;
    std::int32_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    Border border{};  // of zeros, which the input lacks
    template <class Table> static constexpr Options read(const Table& table) {
      return {static_cast<Padding>(table.padding()),
              activation_from(static_cast<std::int64_t>(table.fused_activation_function())),
              table.stride_h(),
              table.stride_w(),
              table.dilation_h_factor(),
              table.dilation_w_factor(),
              {}};
    }
  };

  static constexpr bool take_border(Options& options, const NodeDescription& node, const Border& border) {
    const Shape& filter = node.input(1).shape;
    if (!border.is_zero || options.padding != Padding::valid || !fits_window(border.top, border.bottom, filter[1], options.dilation_h) ||
        !fits_window(border.left, border.right, filter[2], options.dilation_w)) {
      return false;
    }
    options.border = border;
    return true;
  }

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_rank(node, 0, 4)) return v;
    if (const Violation v = require_rank(node, 1, 4)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape &in = node.input(0).shape, &filter = node.input(1).shape;
    for (int axis = 1; axis < 4; ++axis) {
      if (in[axis] < 1)
        return input_violation(0, ErrorCode::invalid_shape, "must have no empty dimension but the first; dimension {} is {}", axis,
                               in[axis]);
    }
    for (int axis = 0; axis < 4; ++axis) {
      if (filter[axis] < 1)
        return input_violation(1, ErrorCode::invalid_shape, "must have no empty dimension; dimension {} is {}", axis, filter[axis]);
    }
    if (in[3] % filter[3] != 0) {
      return input_violation(1, ErrorCode::invalid_shape, "must have a last dimension that divides the input's {} channels; it is {}",
                             in[3], filter[3]);
    }
    if (filter[0] % (in[3] / filter[3]) != 0) {
      return input_violation(1, ErrorCode::invalid_shape, "must have as many filters in each of {} groups; {} do not divide so",
                             in[3] / filter[3], filter[0]);
    }
    if (const Violation v = check_types(node)) return v;
    if (const Violation v = require_window_options(options.stride_h, options.stride_w, options.dilation_h, options.dilation_w)) return v;
    if (options.padding != Padding::same && options.padding != Padding::valid) {
      return node_violation(ErrorCode::invalid_option, "has a padding that is neither SAME nor VALID");
    }
    linalg::WindowShape shape;
    if (const Violation v = make_shape(options, node, shape)) return v;
    constexpr std::int64_t most = 0x7fffffff;
    if (shape.y.output > most || shape.x.output > most)
      return output_violation(0, ErrorCode::invalid_shape, "would have a dimension above 2^31 - 1");
    node.output(0).shape = {in[0], static_cast<std::int32_t>(shape.y.output), static_cast<std::int32_t>(shape.x.output), filter[0]};
    return {};
  }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    linalg::WindowShape shape;
    if (make_shape(options, node, shape)) return {};
    Needs needs;
    const TensorType type = node.input(0).type;
    const bool hybrid = is_hybrid(node);
    if (type != TensorType::float32) needs.multipliers = node.input(1).shape[0];
    const std::int64_t image = hybrid ? (shape.image() + 15) / 16 * 16 : 0;
    needs.scratch_bytes = image;
    const std::int64_t unpacked = node.input(1).type == TensorType::int4 ? node.input(1).count() : 0;
    needs.scratch_bytes += unpacked;  // unless they are packed for the kernel
    if constexpr (simd::has_dot<Arch>) {
      const bool constant = node.packs(1) && (!node.input(2).present() || node.input(2).is_constant);
      if (!constant || type == TensorType::int16) return needs;
      needs.scratch_bytes -= unpacked;
      const bool is_float = type == TensorType::float32 && !hybrid, is_unsigned = type == TensorType::uint8;
      if (hybrid) shape.batches = 1;  // images go one by one
      const Plan plan = is_float      ? plan_of<Arch, float>(shape)
                        : is_unsigned ? plan_of<Arch, std::uint8_t>(shape)
                                      : plan_of<Arch, std::int8_t>(shape);
      needs.packed_bytes = plan.panels.bytes();
      if (plan.in_strips()) {
        needs.scratch_bytes += plan.strip.scratch_bytes(node.workers());
      } else if (is_float) {
        const auto tables = static_cast<int>(node.workers() * linalg::float_tables(plan.panels));
        needs.scratch_bytes += shape.bytes(linalg::rows_at_once<Arch, float>, 4, tables);
      } else {
        needs.scratch_bytes += shape.bytes(linalg::byte_rows<Arch>, 1, node.workers()) +
                               node.workers() * linalg::staging_bytes<Arch>(plan.panels, shape.batches * shape.positions());
      }
    }
    return needs;
  }

  struct Prepared {
    linalg::WindowShape shape;
    std::int32_t input_zero_point = 0, filter_zero_point = 0, output_zero_point = 0;
    Int32Range range{0, 0};
    FloatRange float_range{0, 0};
    std::span<const float> filter_scales{};  // of a hybrid, where it has several
    float filter_scale = 0;
    bool asymmetric = false, wide_bias = false;
    std::span<const float> scales() const { return filter_scales.empty() ? std::span<const float>(&filter_scale, 1) : filter_scales; }
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node,
                                                       std::span<Multiplier> multipliers) {
    Prepared p;
    if (const Violation v = make_shape(options, node, p.shape)) return v;
    const Quantization& filter = node.input(1).quantization;
    p.float_range = float_range(options.activation);
    if (is_hybrid(node)) {
      p.filter_scale = filter.scale;
      bool equal = true;
      for (const float scale : filter.channel_scales) equal = equal && scale == filter.channel_scales[0];
      if (filter.per_channel()) p.filter_scales = filter.channel_scales;
      // TFLite quantizes activations asymmetrically only where filters have scales of their own, or groups.
      p.asymmetric = !equal || p.shape.groups > 1;
      return p;
    }
    if (node.input(0).type == TensorType::float32) return p;
    p.input_zero_point = node.input(0).quantization.zero_point;
    p.filter_zero_point = filter.zero_point;
    p.output_zero_point = node.output(0).quantization.zero_point;
    p.range = quantized_range(options.activation, node.output(0).type, node.output(0).quantization);
    p.wide_bias = node.input(2).type == TensorType::int64;
    if (const Violation v = detail::filter_multipliers(node, 0, 1, multipliers)) return v;
    return p;
  }

  /// Single pixels of floats: rows of a matrix, however many there are.
  static constexpr bool row_window(const Options& options, const NodeDescription& node, WindowAxis& axis) {
    linalg::WindowShape shape;
    if (node.input(0).type != TensorType::float32 || is_hybrid(node) || !node.packs(1)) return false;
    if (node.input(2).present() && !node.input(2).is_constant) return false;
    // A single pixel is summed in another way than several.
    if (make_shape(options, node, shape) || shape.rows() != linalg::Rows::flat || shape.x.output < 2) return false;
    axis = shape.y;
    return true;
  }
  static constexpr WindowAxis& row_window(Prepared& prepared) { return prepared.shape.y; }

  template <class Run, class In, class Filter, class Bias>
  static void pack(const Run& run, In, Filter filter, Bias bias, std::byte* packed) {
    using A = typename Run::Arch;
    using T = typename In::value_type;
    using W = typename Filter::value_type;
    if constexpr (simd::has_dot<A> && sizeof(T) != 2) {
      const Prepared& p = run.prepared;
      // What is multiplied.
      using X = std::conditional_t<std::is_same_v<W, float>, float, std::conditional_t<std::is_same_v<T, float>, std::int8_t, T>>;
      linalg::WindowShape shape = p.shape;
      if constexpr (!std::is_same_v<T, X>) shape.batches = 1;
      const Plan plan = plan_of<A, X>(shape);
      if constexpr (std::is_same_v<W, float>) {
        linalg::pack_float<A>(plan.panels, filter.data(), bias.data(), packed);
      } else {
        using D = simd::StagedDot<A, X>;
        if constexpr (std::is_same_v<T, float>) {
          plan.in_strips()
              ? linalg::pack_dequantizing<A, X, D>(plan.panels, detail::as_signed(filter.data()), p.scales(), bias.data(), packed)
              : linalg::pack_dequantizing<A, X>(plan.panels, detail::as_signed(filter.data()), p.scales(), bias.data(), packed);
        } else {
          linalg::QuantizedColumns columns{p.input_zero_point, p.filter_zero_point, run.multipliers,
                                           bias.data(),        p.output_zero_point, p.range};
          if (!plan.in_strips()) return linalg::pack_quantized<A, X>(plan.panels, filter.data(), columns, packed);
          columns.input_zero_point += D::activation_offset;
          linalg::pack_quantized<A, X, D>(plan.panels, filter.data(), columns, packed);
        }
      }
    }
  }

  template <class Run, class In, class Filter, class Bias, class Out>
  static void eval(const Run& run, In in, Filter filter, Bias bias, Out out) {
    using T = typename In::value_type;
    using W = typename Filter::value_type;
    if (out.count() == 0) return;
    if constexpr (std::is_same_v<T, float> && !std::is_same_v<W, float>) {
      const std::int64_t image = (run.prepared.shape.image() + 15) / 16 * 16;
      eval_hybrid(run, in.data(), detail::unpacked(filter.data(), unpacked_count(run), run.scratch, image), bias.data(), out.data());
    } else if constexpr (std::is_same_v<W, Int4Pair>) {
      convolve(run, in.data(), detail::unpacked(filter.data(), unpacked_count(run), run.scratch, 0), bias.data(), out.data());
    } else {
      convolve(run, in.data(), filter.data(), bias.data(), out.data());
    }
  }

  // Biases of int16 have 32 or 64 bits, of which `Prepared` knows.
  using Types = Signatures<
      Signature<Takes<float, float, float>, Gives<float>>, Signature<Takes<std::int8_t, std::int8_t, std::int32_t>, Gives<std::int8_t>>,
      Signature<Takes<std::uint8_t, std::uint8_t, std::int32_t>, Gives<std::uint8_t>>,
      Signature<Takes<std::int16_t, std::int8_t, AnyType>, Gives<std::int16_t>>, Signature<Takes<float, std::int8_t, float>, Gives<float>>,
      Signature<Takes<float, std::uint8_t, float>, Gives<float>>, Signature<Takes<std::int8_t, Int4Pair, std::int32_t>, Gives<std::int8_t>>,
      Signature<Takes<std::int16_t, Int4Pair, AnyType>, Gives<std::int16_t>>, Signature<Takes<float, Int4Pair, float>, Gives<float>>>;

 private:
  static constexpr bool is_hybrid(const NodeDescription& node) {
    const TensorType filter = node.input(1).type;
    return node.input(0).type == TensorType::float32 &&
           (filter == TensorType::int8 || filter == TensorType::uint8 || filter == TensorType::int4);
  }
  /// int4 that the kernels without panels need unpacked.
  template <class Run> static std::int64_t unpacked_count(const Run& run) {
    const linalg::WindowShape& shape = run.prepared.shape;
    return run.packed == nullptr ? shape.groups * shape.columns * shape.depth() : 0;
  }

  static constexpr Violation check_types(const NodeDescription& node) {
    const TensorType type = node.input(0).type, filter = node.input(1).type, bias = node.input(2).type;
    const bool hybrid = is_hybrid(node);
    if (type != TensorType::float32 && !is_quantized_integer(type)) {
      return input_violation(0, ErrorCode::unsupported_type, "must be float32, int8, uint8 or int16");
    }
    const TensorType wanted = type == TensorType::int16 ? TensorType::int8 : type;
    if (filter != wanted && !hybrid && !(wanted == TensorType::int8 && filter == TensorType::int4)) {
      return input_violation(
          1, ErrorCode::unsupported_type,
          "has a type that does not go with the input's: float32 takes float32, int8 or int4, uint8 takes uint8, others int8 or int4");
    }
    if (node.input(2).present()) {
      const bool fits = type == TensorType::float32 ? bias == TensorType::float32
                                                    : bias == TensorType::int32 || (type == TensorType::int16 && bias == TensorType::int64);
      if (!fits)
        return input_violation(
            2, ErrorCode::invalid_type,
            "has a type that does not go with the input's: float32 takes float32, int8 and uint8 int32, int16 int32 or int64");
      if (node.input(2).count() != node.input(1).shape[0]) {
        return input_violation(2, ErrorCode::invalid_shape, "must have one element for each of {} filters, not {}", node.input(1).shape[0],
                               node.input(2).count());
      }
      if (type != TensorType::float32 && node.input(2).quantization.zero_point != 0) {
        return input_violation(2, ErrorCode::invalid_quantization, "must have the zero point 0, not {}",
                               node.input(2).quantization.zero_point);
      }
    }
    if (!hybrid)
      return type == TensorType::float32 ? Violation{} : detail::require_filter_quantization(node, 0, 1, 0, node.input(1).shape[0]);
    const Quantization& q = node.input(1).quantization;
    if (!q.present()) return input_violation(1, ErrorCode::invalid_quantization, "must have a scale");
    if (q.per_channel() && (q.axis != 0 || static_cast<std::int64_t>(q.channel_scales.size()) != node.input(1).shape[0])) {
      return input_violation(1, ErrorCode::invalid_quantization, "must have one scale, or one for each of {} filters along axis 0",
                             node.input(1).shape[0]);
    }
    return {};
  }

  static constexpr Violation make_shape(const Options& options, const NodeDescription& node, linalg::WindowShape& shape) {
    const Shape &in = node.input(0).shape, &filter = node.input(1).shape;
    shape.batches = in[0];
    shape.channels = in[3];
    shape.group_channels = filter[3];
    shape.groups = in[3] / filter[3];
    shape.columns = filter[0] / shape.groups;
    const Border& border = options.border;
    if (const Violation v = make_window_axis(shape.y, options.padding, in[1], filter[1], options.stride_h, options.dilation_h, 0,
                                             border.top, border.bottom)) {
      return v;
    }
    return make_window_axis(shape.x, options.padding, in[2], filter[2], options.stride_w, options.dilation_w, 0, border.left, border.right);
  }

  /// How windows are read, and what the weights are packed for.
  struct Plan {
    linalg::StripPlan strip;
    linalg::PanelLayout panels;
    constexpr bool in_strips() const { return strip.rows > 0; }
  };
  /// T: the type that is multiplied.
  template <class A, class T> static constexpr Plan plan_of(const linalg::WindowShape& shape) {
    using D = simd::StagedDot<A, T>;
    // Few channels make short runs. Single pixels only want the copy that turns activations into what the instruction takes: it is
    // cheaper than sums of activations, but nothing that tiles need.
    const bool flat = shape.rows() == linalg::Rows::flat;
    std::int64_t most = sizeof(T) == 4 ? 32 : 64;
    if (flat) most = D::activation_offset == 0 ? 0 : simd::has_tiles<A> ? 15 : 64;
    if (simd::has_tiles<A> && sizeof(T) == 1 && shape.x.output < linalg::fewest_line_windows) most = 15;
    if (shape.groups == 1 && shape.channels <= most) {
      const linalg::StripPlan strip = linalg::plan_strip<D>(shape, linalg::tile_rows<A>);
      if (strip.rows > 0) return {strip, linalg::strip_panels<A, T>(strip)};
    }
    if constexpr (std::is_same_v<T, float>) {
      return {{}, linalg::float_panels<A>(shape.columns, shape.groups, shape.segments(), shape.depth() / shape.segments())};
    } else {
      return {{}, linalg::byte_panels<A, T>(shape.columns, shape.groups, shape.segments(), shape.depth() / shape.segments())};
    }
  }

  static float clamped(float y, FloatRange range) {
    y = y < range.lo ? range.lo : y;
    return range.hi < y ? range.hi : y;
  }

  /// All but hybrids: one copy for each type of input, which biases of 32 and 64 bits share.
  template <class Run, class T, class W>
  static TFL_NOINLINE void convolve(const Run& run, const T* in, const W* filter, const void* bias, T* out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    const linalg::WindowShape& shape = p.shape;
    if constexpr (simd::has_dot<A> && sizeof(T) != 2) {
      if (run.packed != nullptr) {
        const Plan plan = plan_of<A, T>(shape);
        const T pad = static_cast<T>(p.input_zero_point);
        if (plan.in_strips()) {
          if constexpr (std::is_same_v<T, float>) {
            linalg::multiply_strip_float<A>(run.executor, plan.strip, in, run.scratch, run.packed, p.float_range, out);
          } else {
            linalg::multiply_strip_quantized<A, T>(run.executor, plan.strip, in, pad,
                                                   p.filter_zero_point + simd::StagedDot<A, T>::weight_offset, run.scratch, run.packed,
                                                   p.output_zero_point, p.range, out);
          }
          return;
        }
        const std::int64_t rows = shape.batches * shape.positions();
        constexpr int tile = linalg::rows_at_once<A, T>;
        const linalg::WindowRows<T> windows(shape, tile, in, pad, run.scratch);
        if constexpr (std::is_same_v<T, float>) {
          linalg::multiply_float<A>(run.executor, plan.panels, rows, shape.group_channels, run.packed, windows, p.float_range, out);
        } else {
          linalg::multiply_quantized<A, T, false>(run.executor, plan.panels, rows, shape.group_channels, p.filter_zero_point, run.packed,
                                                  run.scratch + shape.bytes(tile, 1, run.executor.workers()), windows, p.output_zero_point,
                                                  p.range, out);
        }
        return;
      }
    }
    direct<A>(run.executor, shape, shape.batches, in, filter, p.input_zero_point, p.filter_zero_point, out, [&](std::int64_t o, auto sum) {
      if constexpr (std::is_same_v<T, float>) {
        return clamped(bias != nullptr ? sum + static_cast<const float*>(bias)[o] : sum, p.float_range);
      } else {
        const Multiplier by = run.multipliers[static_cast<std::size_t>(o)];
        std::int32_t y;
        if constexpr (sizeof(T) == 2) {
          y = detail::multiply_wide(detail::wrapping_add(sum, detail::integer_bias(bias, p.wide_bias, o)), by);
        } else {
          y = multiply(bias != nullptr ? detail::wrapping_add(sum, static_cast<const std::int32_t*>(bias)[o]) : sum, by);
        }
        y = detail::wrapping_add(y, p.output_zero_point);
        return static_cast<T>(y < p.range.lo ? p.range.lo : y > p.range.hi ? p.range.hi : y);
      }
    });
  }

  /// out[position][o] = finish(o, sum of products) on filters as they are.
  template <class A, class Executor, class T, class W, class Y, class Finish>
  static void direct(Executor& executor, const linalg::WindowShape& shape, std::int64_t batches, const T* in, const W* filter,
                     std::int32_t x_zero, std::int32_t w_zero, Y* out, Finish finish) {
    const std::int64_t channels = shape.groups * shape.columns;
    executor.parallel_for(batches * shape.y.output, 1 + shape.x.output * channels * shape.depth() / 2,
                          [&](std::int64_t first, std::int64_t last, int) {
                            for (std::int64_t row = first; row < last; ++row) {
                              const T* image = in + row / shape.y.output * shape.image();
                              Y* to = out + row * shape.x.output * channels;
                              for (std::int64_t x = 0; x < shape.x.output; ++x, to += channels) {
                                for (std::int64_t g = 0; g < shape.groups; ++g) {
                                  const std::int64_t o = g * shape.columns;
                                  linalg::for_each_product<A>(linalg::runs_of(shape, image, row % shape.y.output, x, g),
                                                              filter + o * shape.depth(), shape.depth(), shape.columns, x_zero, w_zero,
                                                              [&](std::int64_t n, auto sum) { to[o + n] = finish(o + n, sum); });
                                }
                              }
                            }
                          });
  }

  template <class Run>
  static TFL_NOINLINE void eval_hybrid(const Run& run, const float* in, const std::int8_t* filter, const float* bias, float* out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    linalg::WindowShape shape = p.shape;
    shape.batches = 1;
    auto* image = reinterpret_cast<std::int8_t*>(run.scratch);
    const std::int64_t outputs = shape.positions() * shape.groups * shape.columns;
    for (std::int64_t b = 0; b < p.shape.batches; ++b) {
      const float* from = in + b * shape.image();
      const detail::RowQuantization q = p.asymmetric ? detail::quantize_row_asymmetric<A>(from, shape.image(), image)
                                                     : detail::quantize_row_symmetric<A>(from, shape.image(), image);
      float* to = out + b * outputs;
      if constexpr (simd::has_dot<A>) {
        if (run.packed != nullptr) {
          const Plan plan = plan_of<A, std::int8_t>(shape);
          std::byte* scratch = run.scratch + (shape.image() + 15) / 16 * 16;
          if (plan.in_strips()) {
            linalg::multiply_strip_dequantizing<A>(run.executor, plan.strip, image, q.zero_point, q.scale, scratch, run.packed,
                                                   p.float_range, to);
            continue;
          }
          constexpr int tile = linalg::byte_rows<A>;
          const linalg::WindowRows<std::int8_t> windows(shape, tile, image, static_cast<std::int8_t>(q.zero_point), scratch);
          linalg::multiply_dequantizing<A, std::int8_t>(run.executor, plan.panels, shape.positions(), shape.group_channels, run.packed,
                                                        scratch + shape.bytes(tile, 1, run.executor.workers()), windows, &q.zero_point,
                                                        &q.scale, 0, p.float_range, to);
          continue;
        }
      }
      const std::span<const float> scales = p.scales();
      direct<A>(run.executor, shape, 1, image, filter, q.zero_point, 0, to, [&](std::int64_t o, std::int32_t sum) {
        const float y = static_cast<float>(sum) * (scales[scales.size() > 1 ? static_cast<std::size_t>(o) : 0] * q.scale);
        return clamped(bias != nullptr ? y + bias[o] : y, p.float_range);
      });
    }
  }
};

}  // namespace tfl

#include "tfl/kernels/compact_conv_2d.hpp"  // its form for microcontrollers
