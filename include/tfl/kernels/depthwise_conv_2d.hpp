#pragma once
// DEPTHWISE_CONV_2D: every channel has its own small filter. int4 filters are unpacked first: they are small.
//
// Values of one output row lie side by side in memory, and so do their inputs, tap by tap: the kernel runs over blocks of them. Where
// there are more channels than a block has values a block is a range of channels, the last one overlapping; where there are fewer,
// a block holds the channels of several neighbouring positions. Taps outside of the image read a row of zero points, so that the inner
// loops have no borders; the few blocks whose positions straddle the border are gathered.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/kernels/depthwise_bytes.hpp"
#include "tfl/kernels/depthwise_float.hpp"
#include "tfl/kernels/depthwise_tile.hpp"
#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/narrower.hpp"

namespace tfl {

/// DEPTHWISE_CONV_2D: input[N,H,W,C], filter[1,KH,KW,C*M] (+ bias[C*M]) -> output[N,OH,OW,C*M], channel c*M+m made of channel c alone
struct DepthwiseConv2D {
  static constexpr BuiltinOperator code = BuiltinOperator::DEPTHWISE_CONV_2D;
  static constexpr Arity inputs{2, 3}, outputs = 1;
  static constexpr int max_version = 7;
  static constexpr OpTraits traits{.clamps = true};
  static constexpr std::array<Fold, 4> folds{Fold::nhwc, Fold::nhwc, Fold::flat, Fold::nhwc};

  struct Options {
    Padding padding = Padding::same;
    std::int32_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    Activation activation = Activation::none;
    Border border{};  // of zeros, which the input lacks
    template <class Table> static constexpr Options read(const Table& table) {
      return {static_cast<Padding>(table.padding()),
              table.stride_h(),
              table.stride_w(),
              table.dilation_h_factor(),
              table.dilation_w_factor(),
              activation_from(static_cast<std::int64_t>(table.fused_activation_function())),
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
    const Shape &input = node.input(0).shape, &filter = node.input(1).shape;
    if (filter[0] != 1) return input_violation(1, ErrorCode::invalid_shape, "must have 1 as first dimension, not {}", filter[0]);
    if (input[3] < 1 || filter[3] < 1 || filter[3] % input[3] != 0) {
      return input_violation(1, ErrorCode::invalid_shape, "must have a multiple of the input's {} channels as last dimension, not {}",
                             input[3], filter[3]);
    }
    if (node.has_input(2) && node.input(2).count() != filter[3]) {
      return input_violation(2, ErrorCode::invalid_shape, "must have one element for each of {} output channels, not {}", filter[3],
                             node.input(2).count());
    }
    if (const Violation v = require_window_options(options.stride_h, options.stride_w, options.dilation_h, options.dilation_w)) return v;
    constexpr std::int32_t limit = 32767;
    if (options.stride_h > limit || options.stride_w > limit || options.dilation_h > limit || options.dilation_w > limit) {
      return node_violation(ErrorCode::invalid_option, "must have strides and dilations of at most {}", limit);
    }
    if (options.padding > Padding::valid) return node_violation(ErrorCode::invalid_option, "has an unknown padding");
    if (!is_clamp(options.activation))
      return node_violation(ErrorCode::invalid_option, "has a fused activation other than RELU, RELU_N1_TO_1 and RELU6");
    WindowAxis y, x;
    if (const Violation v = make_axes(options, node, y, x)) return v;
    const Shape output{input[0], static_cast<std::int32_t>(y.output), static_cast<std::int32_t>(x.output), filter[3]};
    if (output.checked_count() < 0) return output_violation(0, ErrorCode::invalid_shape, "would have more than 2^31 elements");
    if (const Violation v = check_quantization(node, filter[3])) return v;
    node.output(0).shape = output;
    return {};
  }

  struct Prepared {
    WindowAxis y, x;
    std::int64_t batches = 0, channels = 0, output_channels = 0, multiplier = 1;
    std::int64_t taps = 0;
    detail::BlockOutput output;
    std::int32_t input_zero_point = 0, filter_zero_point = 0;
    bool hybrid = false, packs = false;
  };

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node,
                                                       std::span<Multiplier> multipliers) {
    Prepared p = geometry(options, node);
    const TensorDescription &input = node.input(0), &output = node.output(0);
    p.output.real = float_range(options.activation);
    if (input.type != TensorType::float32) {
      p.output.integer = quantized_range(options.activation, output.type, output.quantization);
      p.output.zero_point = output.quantization.zero_point;
      p.input_zero_point = input.quantization.zero_point;
      p.filter_zero_point = node.input(1).quantization.zero_point;
      if (const Violation v = detail::filter_multipliers(node, 0, 1, multipliers)) return v;
    } else if (p.hybrid) {
      detail::hybrid_multipliers(node.input(1).quantization, multipliers);
    }
    return p;
  }

  static constexpr bool row_window(const Options& options, const NodeDescription& node, WindowAxis& axis) {
    const Prepared p = geometry(options, node);
    axis = p.y;
    return node.input(0).type == TensorType::float32 && !p.hybrid && p.packs;
  }
  static constexpr WindowAxis& row_window(Prepared& prepared) { return prepared.y; }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const Prepared p = geometry(options, node);
    Needs needs = needs_of_bytes<Arch>(node, p);
    if (node.input(1).type == TensorType::int4) (p.packs ? needs.packed_bytes : needs.scratch_bytes) += unpacked_bytes(p);
    return needs;
  }

  template <class Run, class In, class Filter, class Bias>
  static void pack(const Run& run, In in, Filter filter, Bias bias, std::byte* to) {
    if constexpr (is_packed<typename Filter::value_type>) {
      pack_bytes(run, in, unpacked(run.prepared, filter, to), bias, to + unpacked_bytes(run.prepared));
    } else {
      pack_bytes(run, in, filter, bias, to);
    }
  }

  template <class Run, class In, class Filter, class Bias, class Out>
  static void eval(const Run& run, In in, Filter filter, Bias bias, Out out) {
    const Prepared& p = run.prepared;
    if (out.count() == 0) return;
    if constexpr (is_packed<typename Filter::value_type>) {
      Run behind = run;
      if (p.packs) {
        behind.packed += unpacked_bytes(p);
        eval(behind, in, View<const std::int8_t, typename Filter::extents_type>(nullptr, filter.extents()), bias, out);
      } else {
        behind.scratch += unpacked_bytes(p);
        eval(behind, in, unpacked(p, filter, run.scratch), bias, out);
      }
    } else {
      eval_bytes(run, in, filter, bias, out);
    }
  }

  using Types = Signatures<
      Signature<Takes<float, float, float>, Gives<float>>, Signature<Takes<std::int8_t, std::int8_t, std::int32_t>, Gives<std::int8_t>>,
      Signature<Takes<std::uint8_t, std::uint8_t, std::int32_t>, Gives<std::uint8_t>>,
      Signature<Takes<std::int16_t, std::int8_t, std::int64_t>, Gives<std::int16_t>>,
      Signature<Takes<float, std::int8_t, float>, Gives<float>>, Signature<Takes<std::int8_t, Int4Pair, std::int32_t>, Gives<std::int8_t>>>;

 private:
  template <class Arch> static constexpr Needs needs_of_bytes(const NodeDescription& node, const Prepared& p) {
    const TensorType type = node.input(0).type;
    if constexpr (simd::has_row_groups<Arch>) {
      if (type == TensorType::int8 || type == TensorType::uint8) {
        if (const detail::DepthwiseRowsPlan<Arch> rows(shape_of(p)); rows.possible) {
          const std::int32_t zero_point = node.input(1).quantization.zero_point;
          Needs needs;
          needs.multipliers = p.output_channels;
          (p.packs ? needs.packed_bytes : needs.scratch_bytes) =
              type == TensorType::int8 ? detail::DepthwiseBytes<Arch, std::int8_t>::packed_bytes(rows, zero_point)
                                       : detail::DepthwiseBytes<Arch, std::uint8_t>::packed_bytes(rows, zero_point);
          return needs;
        }
      }
    }
    if (type == TensorType::float32 && !p.hybrid) {
      Needs needs;
      std::int64_t& bytes = p.packs ? needs.packed_bytes : needs.scratch_bytes;
      if (for_float<Arch>(shape_of(p), [&](auto kernel) { bytes = decltype(kernel)::packed_bytes(shape_of(p)); })) return needs;
    }
    const Plan<Arch> plan(p, bytes_of(node.input(0).type, 1), block_header_bytes<Arch>(node));
    Needs needs;
    if (type != TensorType::float32 || p.hybrid) needs.multipliers = p.output_channels;
    needs.scratch_bytes = plan.scratch_bytes(node.workers());
    (p.packs ? needs.packed_bytes : needs.scratch_bytes) += plan.packed_bytes;
    return needs;
  }
  /// What an int4 filter takes unpacked; it lies before everything else.
  static constexpr std::int64_t unpacked_bytes(const Prepared& p) { return (p.taps * p.output_channels + 63) / 64 * 64; }
  template <class Filter> static auto unpacked(const Prepared& p, Filter filter, std::byte* to) {
    auto* bytes = reinterpret_cast<std::int8_t*>(to);
    unpack(filter.data(), p.taps * p.output_channels, bytes);
    return View<const std::int8_t, typename Filter::extents_type>(bytes, filter.extents());
  }

  template <class Run, class In, class Filter, class Bias>
  static void pack_bytes(const Run& run, In, Filter filter, Bias bias, std::byte* to) {
    if constexpr (has_byte_kernel<typename Run::Arch, In>) {
      if (detail::DepthwiseRowsPlan<typename Run::Arch>(shape_of(run.prepared)).possible) {
        return ByteKernel<typename Run::Arch, In>::pack(shape_of(run.prepared), byte_output(run.prepared), filter.data(), bias.data(),
                                                        run.multipliers.data(), to);
      }
    }
    if constexpr (std::is_same_v<typename Filter::value_type, float>) {
      const detail::DepthwiseShape shape = shape_of(run.prepared);
      if (for_float<typename Run::Arch>(
              shape, [&](auto kernel) { decltype(kernel)::pack(shape, filter.data(), bias.data(), reinterpret_cast<float*>(to)); })) {
        return;
      }
    }
    pack_blocks<typename Run::Arch, kernel_input<In, Filter>, typename In::value_type>(run, filter.data(), bias.data(), to);
  }

  template <class Run, class In, class Filter, class Bias, class Out>
  static void eval_bytes(const Run& run, In in, Filter filter, Bias bias, Out out) {
    using A = typename Run::Arch;
    using T = typename Out::value_type;
    using K = kernel_input<In, Filter>;
    const Prepared& p = run.prepared;
    if constexpr (has_byte_kernel<A, In>) {
      if (detail::DepthwiseRowsPlan<A>(shape_of(p)).possible) {
        if (!p.packs) {
          ByteKernel<A, In>::pack(shape_of(p), byte_output(p), filter.data(), bias.data(), run.multipliers.data(), run.scratch);
        }
        return ByteKernel<A, In>::run(shape_of(p), byte_output(p), run.executor, p.batches, in.data(), p.packs ? run.packed : run.scratch,
                                      out.data());
      }
    }
    if constexpr (std::is_same_v<typename Filter::value_type, float>) {
      const detail::DepthwiseShape shape = shape_of(p);
      if (for_float<A>(shape, [&](auto kernel) {
            using Kernel = decltype(kernel);
            if (!p.packs) Kernel::pack(shape, filter.data(), bias.data(), reinterpret_cast<float*>(run.scratch));
            Kernel::run(shape, p.output.real, run.executor, p.batches, in.data(),
                        reinterpret_cast<const float*>(p.packs ? run.packed : run.scratch), out.data());
          })) {
        return;
      }
    }
    const Plan<A> plan(p, sizeof(K), sizeof(typename detail::ChannelBlockOf<A, K, T, typename Bias::value_type>::type));
    std::byte* scratch = run.scratch;
    const std::byte* packed = run.packed;
    if (!p.packs) {
      pack_blocks<A, K, T>(run, filter.data(), bias.data(), scratch);
      packed = scratch;
      scratch += plan.packed_bytes;
    }
    K* zeros = reinterpret_cast<K*>(scratch);
    if constexpr (std::is_same_v<K, typename In::value_type>) {
      for (std::int64_t i = 0; i < plan.zeros; ++i) zeros[i] = static_cast<K>(p.input_zero_point);
      rows<A, K, T>(run, plan, p.output, in.data(), p.batches, zeros, scratch + plan.zeros_bytes, packed, out.data());
    } else {
      K* image = reinterpret_cast<K*>(scratch + plan.scratch_bytes(run.executor.workers()) - plan.image_bytes);
      const std::int64_t in_count = p.y.input * p.x.input * p.channels, out_count = p.y.output * p.x.output * p.output_channels;
      for (std::int64_t b = 0; b < p.batches; ++b) {
        const detail::RowQuantization q = detail::quantize_row_asymmetric<A>(in.data() + b * in_count, in_count, image);
        detail::BlockOutput output = p.output;
        output.input_scale = q.scale;
        output.input_zero_point = q.zero_point;
        for (std::int64_t i = 0; i < plan.zeros; ++i) zeros[i] = static_cast<K>(q.zero_point);
        rows<A, K, T>(run, plan, output, image, 1, zeros, scratch + plan.zeros_bytes, packed, out.data() + b * out_count);
      }
    }
  }

  template <class A, class In> static constexpr bool has_byte_kernel = simd::has_row_groups<A> && sizeof(typename In::value_type) == 1;
  template <class A, class In> using ByteKernel = detail::DepthwiseBytes<A, typename In::value_type>;

  static constexpr detail::DepthwiseShape shape_of(const Prepared& p) { return {p.y, p.x, p.channels, p.output_channels, p.multiplier}; }
  static constexpr detail::DepthwiseByteOutput byte_output(const Prepared& p) {
    return {p.input_zero_point, p.filter_zero_point, p.output.zero_point, p.output.integer};
  }

  /// Calls f with the float kernel whose vectors the channels fill; false where none is for this shape.
  template <class A, class F> static constexpr bool for_float(const detail::DepthwiseShape& shape, F f) {
    using Kernel = detail::DepthwiseFloat<A>;
    if constexpr (std::is_same_v<A, simd::Scalar>) {
      return false;
    } else {
      if (shape.channels < Kernel::L) return for_float<simd::Narrower<A>>(shape, f);
      if (!Kernel::possible(shape)) return false;
      f(Kernel{});
      return true;
    }
  }

  /// The kernel's input: quantized while running where the filter is int8 and the data is not.
  template <class In, class Filter>
  using kernel_input =
      std::conditional_t<std::is_same_v<typename In::value_type, float>, typename Filter::value_type, typename In::value_type>;

  static constexpr Violation check_quantization(const NodeDescription& node, std::int64_t channels) {
    const TensorType input = node.input(0).type, filter = node.input(1).type;
    if (input == TensorType::int8 || input == TensorType::uint8 || input == TensorType::int16) {
      return detail::require_filter_quantization(node, 0, 1, 3, channels);
    }
    if (input == TensorType::float32 && filter == TensorType::int8) {
      const Quantization& q = node.input(1).quantization;
      if (!q.present() && !q.per_channel())
        return input_violation(1, ErrorCode::invalid_quantization, "must have scales beside float data");
      if (q.per_channel() && (q.axis != 3 || static_cast<std::int64_t>(q.channel_scales.size()) != channels)) {
        return input_violation(1, ErrorCode::invalid_quantization, "must have its scales along axis 3, one for each of {} channels",
                               channels);
      }
    }
    return {};
  }

  static constexpr Violation make_axes(const Options& options, const NodeDescription& node, WindowAxis& y, WindowAxis& x) {
    const Shape &input = node.input(0).shape, &filter = node.input(1).shape;
    const Border& border = options.border;
    if (const Violation v =
            make_window_axis(y, options.padding, input[1], filter[1], options.stride_h, options.dilation_h, 0, border.top, border.bottom)) {
      return v;
    }
    return make_window_axis(x, options.padding, input[2], filter[2], options.stride_w, options.dilation_w, 0, border.left, border.right);
  }

  static constexpr Prepared geometry(const Options& options, const NodeDescription& node) {
    const Shape &input = node.input(0).shape, &filter = node.input(1).shape;
    Prepared p;
    (void)make_axes(options, node, p.y, p.x);
    p.batches = input[0];
    p.channels = input[3];
    p.output_channels = filter[3];
    p.multiplier = p.output_channels / p.channels;
    p.taps = std::int64_t{filter[1]} * filter[2];
    p.hybrid = node.input(0).type == TensorType::float32 && node.input(1).type == TensorType::int8;
    p.packs = node.packs(1) && (!node.has_input(2) || node.input(2).is_constant);
    return p;
  }

  template <class A> static constexpr std::int64_t block_header_bytes(const NodeDescription& node) {
    constexpr int n = detail::channel_block<A>;
    switch (node.input(0).type) {
      case TensorType::float32:
        return node.input(1).type == TensorType::int8 ? sizeof(detail::HybridChannels<n>) : sizeof(detail::FloatChannels<n>);
      case TensorType::int16: return sizeof(detail::WideChannels<n>);
      default: return sizeof(detail::NarrowChannels<n>);
    }
  }

  static constexpr std::int64_t aligned(std::int64_t bytes) { return (bytes + 15) / 16 * 16; }

  /// How the work is cut and where things lie in packed and scratch memory; the same whenever it is asked.
  template <class A> struct Plan {
    static constexpr int block = detail::channel_block<A>;
    std::int64_t pixels;      // positions whose channels share a block
    std::int64_t blocks;      // that make up a position, or `pixels` positions
    std::int64_t tap_stride;  // pointers of a position
    std::int64_t block_bytes, packed_bytes;
    std::int64_t positions;  // whose pointers are worked out at a time
    std::int64_t cells;      // gathered vectors of a block at a time
    std::int64_t zeros, zeros_bytes;
    std::int64_t worker_bytes, image_bytes;

    constexpr Plan(const Prepared& p, std::int64_t element, std::int64_t header) {
      const std::int64_t size = p.hybrid ? 1 : element;
      const bool is_float = size == 4;
      const bool small = p.output_channels < block;
      pixels = small && p.multiplier == 1 && p.x.stride == 1 ? block / p.output_channels : 1;
      blocks = (p.output_channels + block - 1) / block;
      tap_stride = is_float ? p.taps : (p.taps + 1) / 2 * 2;
      block_bytes = aligned(header + tap_stride * block * (is_float ? 4 : 2));
      packed_bytes = blocks * block_bytes;
      positions = tap_stride > 64 ? 1 : tap_stride < 8 ? 8 : 64 / tap_stride;
      cells = small || p.multiplier > 1 ? 2 * p.taps : 0;
      zeros = p.channels + block;
      zeros_bytes = aligned(zeros * size);
      worker_bytes = aligned(positions * (tap_stride + 1) * static_cast<std::int64_t>(sizeof(void*))) + aligned(cells * block * size);
      image_bytes = p.hybrid ? aligned(p.y.input * p.x.input * p.channels) : 0;
    }
    constexpr std::int64_t scratch_bytes(int workers) const { return zeros_bytes + shares_bytes(worker_bytes, workers) + image_bytes; }

    /// First channel of a block: the last one overlaps the one before it.
    constexpr std::int64_t first_channel(std::int64_t b, std::int64_t channels) const {
      return channels <= block ? 0 : b * block < channels - block ? b * block : channels - block;
    }
  };

  /// The channel of value i of a block, or -1 where the block has no such value.
  template <class A> static constexpr std::int64_t channel_of(const Prepared& p, const Plan<A>& plan, std::int64_t b, int i) {
    if (p.output_channels >= plan.block) return plan.first_channel(b, p.output_channels) + i;
    return i < plan.pixels * p.output_channels ? i % p.output_channels : -1;
  }

  template <class A, class K, class Out, class Run, class F, class B>
  static void pack_blocks(const Run& run, const F* filter, const B* bias, std::byte* to) {
    using Block = typename detail::ChannelBlockOf<A, K, Out, B>::type;
    const Prepared& p = run.prepared;
    const Plan<A> plan(p, sizeof(K), sizeof(Block));
    for (std::int64_t b = 0; b < plan.blocks; ++b, to += plan.block_bytes) {
      std::memset(to, 0, static_cast<std::size_t>(plan.block_bytes));
      Block& block = *reinterpret_cast<Block*>(to);
      for (int i = 0; i < plan.block; ++i) {
        const std::int64_t c = channel_of<A>(p, plan, b, i);
        if (c < 0) continue;
        if constexpr (std::is_same_v<K, float>) {
          auto* values = reinterpret_cast<float*>(&block + 1);
          for (std::int64_t k = 0; k < p.taps; ++k) values[k * plan.block + i] = filter[k * p.output_channels + c];
          detail::set_channel(block, i, bias != nullptr ? bias[c] : 0.0f);
        } else {
          auto* pairs = reinterpret_cast<std::int16_t*>(&block + 1) + 2 * simd::lane_of_interleaved16<A>(i);
          std::int32_t sum = 0;
          for (std::int64_t k = 0; k < p.taps; ++k) {
            const std::int32_t value = filter[k * p.output_channels + c] - p.filter_zero_point;
            pairs[k / 2 * 2 * plan.block + k % 2] = static_cast<std::int16_t>(value);
            sum = detail::wrapping_add(sum, value);
          }
          detail::set_channel(block, i, sum, bias != nullptr ? bias[c] : B{}, run.multipliers[static_cast<std::size_t>(c)],
                              p.input_zero_point);
        }
      }
    }
  }
  /// All rows of `batches` images.
  template <class A, class K, class Out, class Run>
  static void rows(const Run& run, const Plan<A>& plan, const detail::BlockOutput& output, const K* images, std::int64_t batches,
                   const K* zeros, std::byte* workers, const std::byte* packed, Out* out) {
    const Prepared& p = run.prepared;
    const std::int64_t cost = p.x.output * p.output_channels * p.taps / plan.block * 4 + 1;
    run.executor.parallel_for(batches * p.y.output, cost, [&](std::int64_t first, std::int64_t last, int worker) {
      RowWork<A, K, Out> work{p,      plan,    output,  zeros,  images + batches * p.y.input * p.x.input * p.channels,
                              packed, nullptr, nullptr, nullptr};
      std::byte* memory = workers + worker * share_step(plan.worker_bytes);
      work.to = reinterpret_cast<Out**>(memory);
      work.taps = reinterpret_cast<const K**>(memory) + plan.positions;
      work.cells =
          reinterpret_cast<K*>(memory + aligned(plan.positions * (plan.tap_stride + 1) * static_cast<std::int64_t>(sizeof(void*))));
      std::int64_t batch = first / p.y.output, oy = first % p.y.output;
      for (std::int64_t row = first; row < last; ++row) {
        work.run(images + batch * p.y.input * p.x.input * p.channels, oy, out + row * p.x.output * p.output_channels);
        if (++oy == p.y.output) {
          oy = 0;
          ++batch;
        }
      }
    });
  }

  template <class A, class K, class Out> struct RowWork {
    const Prepared& p;
    const Plan<A>& plan;
    const detail::BlockOutput& output;
    const K* zeros;
    const K* end;  // of all images
    const std::byte* packed;
    Out** to;
    const K** taps;
    K* cells;

    /// One row of output positions.
    void run(const K* image, std::int64_t oy, Out* row) {
      const std::int64_t groups = (p.x.output + plan.pixels - 1) / plan.pixels;
      const std::int64_t kept = plan.pixels < p.x.output ? plan.pixels : p.x.output;
      const bool expands = p.multiplier > 1;
      const std::int64_t passes = expands ? plan.blocks : 1;
      for (std::int64_t pass = 0; pass < passes; ++pass) {
        std::int64_t group = 0;
        while (group < groups) {
          std::int64_t n = 0, used = 0;
          for (; n < plan.positions && group < groups && (plan.cells == 0 || used + p.taps <= plan.cells); ++n, ++group) {
            std::int64_t ox = group * plan.pixels;
            if (ox + plan.pixels > p.x.output) ox = p.x.output > plan.pixels ? p.x.output - plan.pixels : 0;
            to[n] = row + ox * p.output_channels;
            used += expands ? expand(image, oy, ox, plan.first_channel(pass, p.output_channels), n, used) : point(image, oy, ox, n, used);
          }
          const std::int64_t first = expands ? pass : 0, last = expands ? pass + 1 : plan.blocks;
          for (std::int64_t b = first; b < last; ++b) {
            const std::int64_t channel = plan.first_channel(b, p.output_channels);
            const std::int64_t count = p.output_channels >= plan.block ? plan.block : kept * p.output_channels;
            detail::depthwise_tile<A, K, Out>({taps, plan.tap_stride, expands ? 0 : channel, to, channel, static_cast<int>(n),
                                               static_cast<int>(count), p.taps, packed + b * plan.block_bytes},
                                              output);
          }
        }
      }
    }

   private:
    /// Points at every tap of the positions from ox on; returns how many cells it filled.
    std::int64_t point(const K* image, std::int64_t oy, std::int64_t ox, std::int64_t n, std::int64_t used) {
      const K** tap = taps + n * plan.tap_stride;
      const std::int64_t iy0 = p.y.origin(oy), ix0 = p.x.origin(ox);
      // Lanes past the channels are read and thrown away, which must not reach past the tensor.
      const K* last_readable = end - (p.output_channels < plan.block ? plan.block : 0);
      const std::int64_t bottom = iy0 + (p.y.filter - 1) * p.y.dilation, right = ix0 + (p.x.filter - 1) * p.x.dilation;
      if (iy0 >= 0 && bottom < p.y.input && ix0 >= 0 && right + plan.pixels <= p.x.input &&
          image + (bottom * p.x.input + right) * p.channels <= last_readable) {
        const std::int64_t line_step = p.y.dilation * p.x.input * p.channels, step = p.x.dilation * p.channels;
        const K* line = image + (iy0 * p.x.input + ix0) * p.channels;
        for (std::int64_t ky = 0; ky < p.y.filter; ++ky, line += line_step) {
          const K* from = line;
          for (std::int64_t kx = 0; kx < p.x.filter; ++kx, from += step) *tap++ = from;
        }
        finish(tap, n);
        return 0;
      }
      std::int64_t filled = 0;
      for (std::int64_t ky = 0, iy = iy0; ky < p.y.filter; ++ky, iy += p.y.dilation) {
        if (iy < 0 || iy >= p.y.input) {
          for (std::int64_t kx = 0; kx < p.x.filter; ++kx) *tap++ = zeros;
          continue;
        }
        const K* line = image + iy * p.x.input * p.channels;
        for (std::int64_t kx = 0, ix = ix0; kx < p.x.filter; ++kx, ix += p.x.dilation) {
          if (ix >= 0 && ix + plan.pixels <= p.x.input && (p.output_channels >= plan.block || line + ix * p.channels <= last_readable)) {
            *tap++ = line + ix * p.channels;
          } else if (ix + plan.pixels <= 0 || ix >= p.x.input) {
            *tap++ = zeros;
          } else {
            K* cell = cells + (used + filled++) * plan.block;
            *tap++ = cell;
            for (std::int64_t i = 0; i < plan.pixels; ++i, cell += p.channels) {
              const bool inside = ix + i >= 0 && ix + i < p.x.input;
              std::memcpy(cell, inside ? line + (ix + i) * p.channels : zeros, static_cast<std::size_t>(p.channels) * sizeof(K));
            }
            fill_rest(cell, cells + (used + filled) * plan.block);
          }
        }
      }
      finish(tap, n);
      return filled;
    }

    /// Several output channels a channel: copies what the block from `channel` on reads.
    std::int64_t expand(const K* image, std::int64_t oy, std::int64_t ox, std::int64_t channel, std::int64_t n, std::int64_t used) {
      const K** tap = taps + n * plan.tap_stride;
      const std::int64_t iy0 = p.y.origin(oy), ix0 = p.x.origin(ox);
      const std::int64_t count = p.output_channels < plan.block ? p.output_channels : plan.block;
      K* cell = cells + used * plan.block;
      std::int64_t filled = 0;
      for (std::int64_t ky = 0, iy = iy0; ky < p.y.filter; ++ky, iy += p.y.dilation) {
        for (std::int64_t kx = 0, ix = ix0; kx < p.x.filter; ++kx, ix += p.x.dilation) {
          if (iy < 0 || iy >= p.y.input || ix < 0 || ix >= p.x.input) {
            *tap++ = zeros;
            continue;
          }
          const K* from = image + (iy * p.x.input + ix) * p.channels + channel / p.multiplier;
          std::int64_t copies = channel % p.multiplier;  // made of this channel so far
          for (std::int64_t i = 0; i < count; ++i) {
            cell[i] = *from;
            if (++copies == p.multiplier) {
              copies = 0;
              ++from;
            }
          }
          fill_rest(cell + count, cell + plan.block);
          *tap++ = cell;
          cell += plan.block;
          ++filled;
        }
      }
      finish(tap, n);
      return filled;
    }

    static void fill_rest(K* from, K* to) {
      for (; from < to; ++from) *from = K{};
    }
    /// The last of an odd number of taps makes a pair with any tap: its filter is 0 there.
    void finish(const K** tap, std::int64_t n) {
      if (tap < taps + (n + 1) * plan.tap_stride) *tap = tap[-1];
    }
  };
};

}  // namespace tfl

#include "tfl/kernels/compact_depthwise_conv_2d.hpp"  // its form for microcontrollers
