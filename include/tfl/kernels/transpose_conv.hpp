#pragma once
// TRANSPOSE_CONV: every input element adds its value times the filter to a window of the output.
//
// Computed from the output's side: output positions that are `stride` apart see the same taps over neighbouring inputs, so that a few of
// them are one small matrix product with the filter, which is packed as [block of channels][ky][kx][step][channel]. A step is one input
// channel in float and a pair of 16-bit ones in integers (8-bit inputs are widened row by row, their zero point taken off).

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/kernels/channel_block.hpp"
#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/dot16.hpp"

namespace tfl {

namespace detail {

/// The taps of one axis that reach an output position: tap first_tap + j * stride over input first_input - j, for j from `from` to `to`.
struct TransposedTaps {
  std::int64_t first_tap, first_input, from, to;

  static constexpr TransposedTaps at(std::int64_t padded, std::int64_t stride, std::int64_t filter, std::int64_t input) {
    TransposedTaps t{padded % stride, padded / stride, 0, 0};
    t.set_range(stride, filter, input);
    return t;
  }
  constexpr void set_range(std::int64_t stride, std::int64_t filter, std::int64_t input) {
    from = first_input < input ? 0 : first_input - input + 1;
    const std::int64_t all = first_tap < filter ? (filter - 1 - first_tap) / stride + 1 : 0;
    to = all < first_input + 1 ? all : first_input + 1;
    if (to < from) to = from;
  }
  constexpr std::int64_t count() const { return to - from; }
};

/// Products of a step: floats, or pairs of 16-bit integers.
template <class A> struct FloatSteps {
  using V = simd::Float32<A>;
  using Unit = float;
  static TFL_ALWAYS_INLINE V add_product(const V& sum, const V& x, const V& w) { return simd::fma(x, w, sum); }
};
template <class A> struct PairSteps {
  using V = simd::Int32<A>;
  using Unit = std::int32_t;
  static TFL_ALWAYS_INLINE V add_product(const V& sum, const V& x, const V& w) { return simd::dot16<A>(sum, x, w); }
};

}  // namespace detail

/// TRANSPOSE_CONV: output_shape[4] int32, filter[O,KH,KW,I], input[N,H,W,I] (+ bias[O]) -> output[N,OH,OW,O]
struct TransposeConv {
  static constexpr BuiltinOperator code = BuiltinOperator::TRANSPOSE_CONV;
  static constexpr Arity inputs{3, 4}, outputs = 1;
  static constexpr int max_version = 5;
  static constexpr OpTraits traits{.clamps = true};
  static constexpr std::array<Fold, 5> folds{Fold::flat, Fold::nhwc, Fold::nhwc, Fold::flat, Fold::nhwc};

  struct Options {
    Padding padding = Padding::same;
    std::int32_t stride_h = 1, stride_w = 1;
    Activation activation = Activation::none;
    template <class Table> static constexpr Options read(const Table& table) {
      return {static_cast<Padding>(table.padding()), table.stride_h(), table.stride_w(),
              activation_from(static_cast<std::int64_t>(table.fused_activation_function()))};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_rank(node, 1, 4)) return v;
    if (const Violation v = require_rank(node, 2, 4)) return v;
    if (node.output(0).type != node.input(2).type) return output_violation(0, ErrorCode::invalid_type, "must have the type of input 2");
    if (node.input(0).type != TensorType::int32) return input_violation(0, ErrorCode::invalid_type, "must be int32");
    const Shape &filter = node.input(1).shape, &input = node.input(2).shape;
    if (filter[3] != input[3]) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the input's {} channels as last dimension, not {}", input[3],
                             filter[3]);
    }
    if (node.has_input(3) && node.input(3).count() != filter[0]) {
      return input_violation(3, ErrorCode::invalid_shape, "must have one element for each of {} output channels, not {}", filter[0],
                             node.input(3).count());
    }
    if (const Violation v = require_window_options(options.stride_h, options.stride_w)) return v;
    constexpr std::int32_t limit = 32767;
    if (options.stride_h > limit || options.stride_w > limit)
      return node_violation(ErrorCode::invalid_option, "must have strides of at most {}", limit);
    if (options.padding > Padding::valid) return node_violation(ErrorCode::invalid_option, "has an unknown padding");
    if (!is_clamp(options.activation))
      return node_violation(ErrorCode::invalid_option, "has a fused activation other than RELU, RELU_N1_TO_1 and RELU6");
    if (const Violation v = check_quantization(node, filter[0])) return v;
    if (input.count() == 0 || filter.count() == 0) return input_violation(2, ErrorCode::invalid_shape, "and the filter must have elements");
    if (const Violation v = require_known(node, 0)) return v;
    const KnownIntegers& wanted = node.input(0).integers;
    if (wanted.size() != 4) return input_violation(0, ErrorCode::invalid_shape, "must list 4 dimensions, not {}", wanted.size());
    Shape output;
    for (int i = 0; i < 4; ++i) output.push_back(static_cast<std::int32_t>(wanted[i]));
    if (output.checked_count() < 0)
      return input_violation(0, ErrorCode::invalid_value, "asks for an output with a negative dimension or too many elements");
    if (output[0] != input[0] || output[3] != filter[0]) {
      return input_violation(0, ErrorCode::invalid_value, "must ask for {} images, as the input has, and {} channels, as the filter has",
                             input[0], filter[0]);
    }
    WindowAxis y, x;
    if (const Violation v = make_window_axis(y, options.padding, output[1], filter[1], options.stride_h, 1)) return v;
    if (const Violation v = make_window_axis(x, options.padding, output[2], filter[2], options.stride_w, 1)) return v;
    if (y.output != input[1]) return inconsistent(1, input[1], y.output);
    if (x.output != input[2]) return inconsistent(2, input[2], x.output);
    node.output(0).shape = output;
    return {};
  }

  /// One spatial axis.
  struct Axis {
    std::int64_t input = 0, output = 0, filter = 0, stride = 1, before = 0;
  };
  struct Prepared {
    Axis y, x;
    std::int64_t batches = 0, channels = 0, output_channels = 0;
    detail::BlockOutput output;
    std::int32_t input_zero_point = 0, filter_zero_point = 0;
    bool hybrid = false, packs = false;
  };

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node,
                                                       std::span<Multiplier> multipliers) {
    Prepared p = geometry(options, node);
    p.output.real = float_range(options.activation);
    if (p.hybrid) {
      detail::hybrid_multipliers(node.input(1).quantization, multipliers);
    } else if (node.input(2).type != TensorType::float32) {
      p.output.integer = quantized_range(options.activation, node.output(0).type, node.output(0).quantization);
      p.output.zero_point = node.output(0).quantization.zero_point;
      p.input_zero_point = node.input(2).quantization.zero_point;
      p.filter_zero_point = node.input(1).quantization.zero_point;
      if (const Violation v = detail::filter_multipliers(node, 2, 1, multipliers)) return v;
    }
    return p;
  }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    constexpr int n = detail::channel_block<Arch>;
    const Prepared p = geometry(options, node);
    const bool is_float = node.input(2).type == TensorType::float32 && !p.hybrid;
    const std::int64_t header = is_float        ? sizeof(detail::FloatChannels<n>)
                                : p.hybrid      ? sizeof(detail::HybridChannels<n>)
                                : is_wide(node) ? sizeof(detail::WideChannels<n>)
                                                : sizeof(detail::NarrowChannels<n>);
    const Plan<Arch> plan(p, is_float, header);
    Needs needs;
    if (!is_float) needs.multipliers = p.output_channels;
    needs.scratch_bytes = shares_bytes(plan.worker_bytes, node.workers()) + plan.image_bytes;
    (p.packs ? needs.packed_bytes : needs.scratch_bytes) += plan.packed_bytes;
    return needs;
  }

  template <class Run, class Wanted, class Filter, class In, class Bias>
  static void pack(const Run& run, Wanted, Filter filter, In, Bias bias, std::byte* to) {
    pack_blocks<typename Run::Arch, kernel_input<In, Filter>, block_of<Run, In, Filter, Bias>>(run, filter.data(), bias.data(), to);
  }

  template <class Run, class Wanted, class Filter, class In, class Bias, class Out>
  static void eval(const Run& run, Wanted, Filter filter, In in, Bias bias, Out out) {
    using A = typename Run::Arch;
    using T = typename Out::value_type;
    using K = kernel_input<In, Filter>;
    using Block = block_of<Run, In, Filter, Bias>;
    const Prepared& p = run.prepared;
    if (out.count() == 0) return;
    const Plan<A> plan(p, std::is_same_v<K, float>, sizeof(Block));
    std::byte* scratch = run.scratch;
    const std::byte* packed = run.packed;
    if (!p.packs) {
      pack_blocks<A, K, Block>(run, filter.data(), bias.data(), scratch);
      packed = scratch;
      scratch += plan.packed_bytes;
    }
    if constexpr (std::is_same_v<K, typename In::value_type>) {
      rows<A, K, Block, T>(run, plan, p.output, p.input_zero_point, in.data(), p.batches, scratch, packed, out.data());
    } else {
      K* image = reinterpret_cast<K*>(scratch + shares_bytes(plan.worker_bytes, run.executor.workers()));
      const std::int64_t in_count = p.y.input * p.x.input * p.channels, out_count = p.y.output * p.x.output * p.output_channels;
      for (std::int64_t b = 0; b < p.batches; ++b) {
        const detail::RowQuantization q = detail::quantize_row_asymmetric<A>(in.data() + b * in_count, in_count, image);
        detail::BlockOutput output = p.output;
        output.input_scale = q.scale;
        rows<A, K, Block, T>(run, plan, output, q.zero_point, image, 1, scratch, packed, out.data() + b * out_count);
      }
    }
  }

  using Types = Signatures<Signature<Takes<std::int32_t, float, float, float>, Gives<float>>,
                           Signature<Takes<std::int32_t, std::int8_t, std::int8_t, std::int32_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::int32_t, std::uint8_t, std::uint8_t, std::int32_t>, Gives<std::uint8_t>>,
                           Signature<Takes<std::int32_t, std::int8_t, std::int16_t, std::int64_t>, Gives<std::int16_t>>,
                           Signature<Takes<std::int32_t, std::int8_t, std::int16_t, std::int32_t>, Gives<std::int16_t>>,
                           Signature<Takes<std::int32_t, std::int8_t, float, float>, Gives<float>>>;

 private:
  template <class In, class Filter>
  using kernel_input =
      std::conditional_t<std::is_same_v<typename In::value_type, float>, typename Filter::value_type, typename In::value_type>;
  template <class Run, class In, class Filter, class Bias>
  using block_of = typename detail::ChannelBlockOf<typename Run::Arch, kernel_input<In, Filter>, typename In::value_type,
                                                   typename Bias::value_type>::type;

  static constexpr Violation check_quantization(const NodeDescription& node, std::int64_t channels) {
    const TensorType input = node.input(2).type, filter = node.input(1).type;
    if (input == TensorType::int8 || input == TensorType::uint8 || input == TensorType::int16) {
      return detail::require_filter_quantization(node, 2, 1, 0, channels);
    }
    if (input == TensorType::float32 && filter == TensorType::int8) {
      const Quantization& q = node.input(1).quantization;
      if (!q.present() && !q.per_channel())
        return input_violation(1, ErrorCode::invalid_quantization, "must have scales beside float data");
      if (q.per_channel() && (q.axis != 0 || static_cast<std::int64_t>(q.channel_scales.size()) != channels)) {
        return input_violation(1, ErrorCode::invalid_quantization, "must have its scales along axis 0, one for each of {} channels",
                               channels);
      }
    }
    return {};
  }

  /// The op is the gradient of a convolution, whose input is our output.
  static constexpr Violation inconsistent(int axis, std::int64_t extent, std::int64_t expected) {
    return input_violation(2, ErrorCode::invalid_shape, "has {} elements along axis {}, but a convolution of the wanted output has {}",
                           extent, axis, expected);
  }

  static constexpr Axis make_axis(Padding padding, std::int64_t input, std::int64_t output, std::int64_t filter, std::int64_t stride) {
    WindowAxis axis;
    (void)make_window_axis(axis, padding, output, filter, stride, 1);
    return {input, output, filter, stride, axis.before};
  }
  static constexpr Prepared geometry(const Options& options, const NodeDescription& node) {
    const Shape &filter = node.input(1).shape, &input = node.input(2).shape, &output = node.output(0).shape;
    Prepared p;
    p.y = make_axis(options.padding, input[1], output[1], filter[1], options.stride_h);
    p.x = make_axis(options.padding, input[2], output[2], filter[2], options.stride_w);
    p.batches = input[0];
    p.channels = input[3];
    p.output_channels = filter[0];
    p.hybrid = node.input(2).type == TensorType::float32 && node.input(1).type == TensorType::int8;
    p.packs = node.packs(1) && (!node.has_input(3) || node.input(3).is_constant);
    return p;
  }

  /// 16-bit data: 64-bit sums, unless the bias asks for 32-bit ones.
  static constexpr bool is_wide(const NodeDescription& node) {
    return node.input(2).type == TensorType::int16 && node.input(3).type != TensorType::int32;
  }

  static constexpr std::int64_t aligned(std::int64_t bytes) { return (bytes + 15) / 16 * 16; }

  /// How the work is cut and where things lie in packed and scratch memory; the same whenever it is asked.
  template <class A> struct Plan {
    static constexpr int block = detail::channel_block<A>;
    std::int64_t steps;  // of one input position
    std::int64_t blocks, block_bytes, packed_bytes;
    std::int64_t worker_bytes, image_bytes;

    constexpr Plan(const Prepared& p, bool is_float, std::int64_t header) {
      steps = is_float ? p.channels : (p.channels + 1) / 2;
      blocks = (p.output_channels + block - 1) / block;
      block_bytes = aligned(header + p.y.filter * p.x.filter * steps * block * 4);
      packed_bytes = blocks * block_bytes;
      const std::int64_t reach = (p.y.filter + p.y.stride - 1) / p.y.stride;  // input rows that an output row sees
      worker_bytes = is_float ? 0 : aligned((reach < p.y.input ? reach : p.y.input) * p.x.input * steps * 4);
      image_bytes = p.hybrid ? aligned(p.y.input * p.x.input * p.channels) : 0;
    }
  };

  template <class A, class K, class Block, class Run, class F, class B>
  static void pack_blocks(const Run& run, const F* filter, const B* bias, std::byte* to) {
    const Prepared& p = run.prepared;
    const Plan<A> plan(p, std::is_same_v<K, float>, sizeof(Block));
    const std::int64_t taps = p.y.filter * p.x.filter;
    for (std::int64_t b = 0; b < plan.blocks; ++b, to += plan.block_bytes) {
      std::memset(to, 0, static_cast<std::size_t>(plan.block_bytes));
      Block& block = *reinterpret_cast<Block*>(to);
      for (int i = 0; i < plan.block; ++i) {
        const std::int64_t c = b * plan.block + i;
        if (c >= p.output_channels) break;
        const F* from = filter + c * taps * p.channels;
        const B bias_value = bias != nullptr ? bias[c] : B{};
        if constexpr (std::is_same_v<K, float>) {
          auto* values = reinterpret_cast<float*>(&block + 1) + i;
          for (std::int64_t k = 0; k < taps * p.channels; ++k) values[k * plan.block] = from[k];
          detail::set_channel(block, i, bias_value);
        } else {
          auto* pairs = reinterpret_cast<std::int16_t*>(&block + 1) + 2 * i;
          for (std::int64_t tap = 0; tap < taps; ++tap, pairs += 2 * plan.block * plan.steps) {
            for (std::int64_t k = 0; k < p.channels; ++k) {
              pairs[k / 2 * 2 * plan.block + k % 2] = static_cast<std::int16_t>(*from++ - p.filter_zero_point);
            }
          }
          detail::set_channel(block, i, 0, bias_value, run.multipliers[static_cast<std::size_t>(c)], 0);
        }
      }
    }
  }

  template <class A, class K, class Block, class Out, class Run>
  static void rows(const Run& run, const Plan<A>& plan, const detail::BlockOutput& output, std::int32_t zero_point, const K* images,
                   std::int64_t batches, std::byte* workers, const std::byte* packed, Out* out) {
    using Steps = std::conditional_t<std::is_same_v<K, float>, detail::FloatSteps<A>, detail::PairSteps<A>>;
    using Unit = typename Steps::Unit;
    const Prepared& p = run.prepared;
    const std::int64_t cost = p.x.output * p.output_channels * p.channels * p.y.filter * p.x.filter / (p.y.stride * p.x.stride * 16) + 1;
    run.executor.parallel_for(batches * p.y.output, cost, [&](std::int64_t first, std::int64_t last, int worker) {
      for (std::int64_t row = first; row < last; ++row) {
        const detail::TransposedTaps y = detail::TransposedTaps::at(row % p.y.output + p.y.before, p.y.stride, p.y.filter, p.y.input);
        const K* image = images + row / p.y.output * p.y.input * p.x.input * p.channels;
        RowWork<A, K, Block, Out, Steps> work{p, plan, output, y, nullptr, 0, packed, out + row * p.x.output * p.output_channels};
        const std::int64_t line = p.x.input * p.channels;
        if constexpr (std::is_same_v<K, float>) {
          work.lines = image + (y.first_input - y.from) * line;
          work.line_step = -line;
        } else {
          auto* wide = reinterpret_cast<Unit*>(workers + worker * share_step(plan.worker_bytes));
          work.lines = wide;
          work.line_step = p.x.input * plan.steps;
          for (std::int64_t j = y.from; j < y.to; ++j) {
            widen(image + (y.first_input - j) * line, zero_point, p.x.input, p.channels, wide + (j - y.from) * work.line_step);
          }
        }
        work.run();
      }
    });
  }

  /// A line of input positions as pairs of 16-bit values, the odd channel beside a 0.
  template <class K>
  static void widen(const K* from, std::int32_t zero_point, std::int64_t positions, std::int64_t channels, std::int32_t* to) {
    for (std::int64_t i = 0; i < positions; ++i, from += channels) {
      std::int64_t c = 0;
      for (; c + 2 <= channels; c += 2) *to++ = simd::make_pair16(from[c] - zero_point, from[c + 1] - zero_point);
      if (c < channels) *to++ = simd::make_pair16(from[c] - zero_point, 0);
    }
  }

  template <class A, class K, class Block, class Out, class Steps> struct RowWork {
    using V = typename Steps::V;
    using Unit = typename Steps::Unit;
    static constexpr int lanes = simd::lanes<Unit, A>;
    static constexpr int at_once = 4;  // output positions

    const Prepared& p;
    const Plan<A>& plan;
    const detail::BlockOutput& output;
    const detail::TransposedTaps& y;
    const Unit* lines;       // of input row y.first_input - y.from
    std::int64_t line_step;  // to the row of the next tap
    const std::byte* packed;
    Out* to;

    void run() {
      for (std::int64_t b = 0; b < plan.blocks; ++b) {
        const std::int64_t channel = b * plan.block;
        const int count = static_cast<int>(p.output_channels - channel < plan.block ? p.output_channels - channel : plan.block);
        const Block& block = *reinterpret_cast<const Block*>(packed + b * plan.block_bytes);
        for (std::int64_t phase = 0; phase < p.x.stride && phase < p.x.output; ++phase) {
          detail::TransposedTaps x = detail::TransposedTaps::at(phase + p.x.before, p.x.stride, p.x.filter, p.x.input);
          const std::int64_t all = x.first_tap < p.x.filter ? (p.x.filter - 1 - x.first_tap) / p.x.stride + 1 : 0;
          for (std::int64_t ox = phase; ox < p.x.output;) {
            const bool inside = x.first_input >= all - 1 && x.first_input + at_once <= p.x.input;
            Out* at = to + ox * p.output_channels + channel;
            if (inside && ox + (at_once - 1) * p.x.stride < p.x.output) {
              x.from = 0;
              x.to = all;
              tile<at_once>(block, x, at, count);
              x.first_input += at_once;
              ox += at_once * p.x.stride;
            } else {
              x.set_range(p.x.stride, p.x.filter, p.x.input);
              tile<1>(block, x, at, count);
              ++x.first_input;
              ox += p.x.stride;
            }
          }
        }
      }
    }

   private:
    template <int N> void tile(const Block& block, const detail::TransposedTaps& x, Out* at, int count) {
      const auto* filter = reinterpret_cast<const Unit*>(&block + 1);
      V sums[2 * N];
      TFL_UNROLL
      for (V& sum : sums) sum = V(Unit{});
      if constexpr (std::is_same_v<Block, detail::WideChannels<2 * lanes>>) {
        std::int64_t wide[N * 2 * lanes];
        for (int i = 0; i < N * 2 * lanes; ++i) wide[i] = block.bias[i % (2 * lanes)];
        for_each_tap(x, [&](std::int64_t tap, const Unit* from) {
          const Unit* w = filter + tap * plan.steps * 2 * lanes;
          for (std::int64_t k = 0; k < plan.steps; k += simd::max_dot16_pairs) {
            const std::int64_t end = k + simd::max_dot16_pairs < plan.steps ? k + simd::max_dot16_pairs : plan.steps;
            products<N>(from + k, w + k * 2 * lanes, end - k, sums);
            TFL_UNROLL
            for (int i = 0; i < 2 * N; ++i) {
              std::int32_t part[lanes];
              simd::store(part, sums[i]);
              sums[i] = V(Unit{});
              for (int l = 0; l < lanes; ++l) wide[i * lanes + l] = detail::wrapping_add(wide[i * lanes + l], std::int64_t{part[l]});
            }
          }
        });
        TFL_UNROLL
        for (int n = 0; n < N; ++n)
          detail::wide_epilogue<A>(block, output, wide + n * 2 * lanes, at + n * p.x.stride * p.output_channels, count);
      } else {
        for_each_tap(
            x, [&](std::int64_t tap, const Unit* from) { products<N>(from, filter + tap * plan.steps * 2 * lanes, plan.steps, sums); });
        using Epilogue =
            std::conditional_t<std::is_same_v<K, float>, detail::FloatEpilogue<A>,
                               std::conditional_t<std::is_same_v<Out, float>, detail::HybridEpilogue<A>, detail::NarrowEpilogue<A, Out>>>;
        const Epilogue epilogue(block, output);
        TFL_UNROLL
        for (int n = 0; n < N; ++n) epilogue(sums[2 * n], sums[2 * n + 1], at + n * p.x.stride * p.output_channels, count);
      }
    }

    template <class Body> TFL_ALWAYS_INLINE void for_each_tap(const detail::TransposedTaps& x, Body body) {
      const Unit* line = lines;
      for (std::int64_t j = y.from; j < y.to; ++j, line += line_step) {
        const std::int64_t ky = y.first_tap + j * p.y.stride;
        for (std::int64_t i = x.from; i < x.to; ++i) {
          body(ky * p.x.filter + x.first_tap + i * p.x.stride, line + (x.first_input - i) * plan.steps);
        }
      }
    }

    /// Adds to the sums of N neighbouring input positions.
    template <int N> TFL_ALWAYS_INLINE void products(const Unit* from, const Unit* w, std::int64_t steps, V* sums) {
      const std::int64_t next = plan.steps;
      for (std::int64_t k = 0; k < steps; ++k, w += 2 * lanes) {
        const V w0 = simd::load<A>(w), w1 = simd::load<A>(w + lanes);
        TFL_UNROLL
        for (int n = 0; n < N; ++n) {
          const V x(from[n * next + k]);
          sums[2 * n] = Steps::add_product(sums[2 * n], x, w0);
          sums[2 * n + 1] = Steps::add_product(sums[2 * n + 1], x, w1);
        }
      }
    }
  };
};

}  // namespace tfl
