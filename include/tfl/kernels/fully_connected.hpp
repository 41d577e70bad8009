#pragma once
// FULLY_CONNECTED: float32; int8, uint8 and int16 quantized; float activations with int8 weights (hybrid). int4 and int2 weights are int8
// ones, several to a byte.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/fully_connected_layouts.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/linalg/byte_row.hpp"
#include "tfl/linalg/direct.hpp"
#include "tfl/linalg/gemm.hpp"
#include "tfl/linalg/sparse_rows.hpp"
#include "tfl/quant/activation.hpp"

namespace tfl {

/// FULLY_CONNECTED: input[..] seen as [M,K] * weights[N,K] (+ bias[N]) -> output[M,N], or [..,N] where keep_num_dims
/// y[m,n] = activation(bias[n] + sum over k of x[m,k] * w[n,k])
struct FullyConnected {
  static constexpr BuiltinOperator code = BuiltinOperator::FULLY_CONNECTED;
  static constexpr Arity inputs{2, 3}, outputs{1, 2};
  static constexpr int max_version = 14;
  static constexpr OpTraits traits{.clamps = true};

  struct Options {
    Activation activation = Activation::none;
    bool keep_num_dims = false, asymmetric_quantize_inputs = false, shuffled = false;
    template <class Table> static constexpr Options read(const Table& table) {
      return {activation_from(static_cast<std::int64_t>(table.fused_activation_function())), table.keep_num_dims(),
              table.asymmetric_quantize_inputs(), static_cast<int>(table.weights_format()) != 0};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_rank(node, 1, 2)) return v;
    if (const Violation v = options.shuffled ? check_shuffled(node) : check_types(node)) return v;
    if (node.output_count() != (options.shuffled ? 2 : 1)) {
      return node_violation(ErrorCode::invalid_model, "has {} outputs; a second one, for the shuffled input, goes with shuffled weights",
                            node.output_count());
    }
    if (const Violation v = check_quantization(options, node)) return v;
    const Shape &in = node.input(0).shape, &weights = node.input(1).shape;
    const std::int64_t n = weights[0], k = weights[1];
    if (node.input(2).present() && node.input(2).count() != n) {
      return input_violation(2, ErrorCode::invalid_shape, "must have one element for each of {} rows of weights, not {}", n,
                             node.input(2).count());
    }
    if (options.keep_num_dims || k == 0) {
      if (in.rank() == 0 || in.last() != k) {
        return input_violation(0, ErrorCode::invalid_shape, "must have {} as last dimension, as the weights do, not {}", k, in.last());
      }
    } else if (node.input(0).count() % k != 0) {
      return input_violation(0, ErrorCode::invalid_shape, "its {} elements do not divide into rows of {}, which the weights take",
                             node.input(0).count(), k);
    }
    if (options.keep_num_dims) {
      Shape shape = in;
      shape[in.rank() - 1] = weights[0];
      node.output(0).shape = shape;
    } else {
      const std::int64_t m = k == 0 ? in.count(0, in.rank() - 1) : node.input(0).count() / k;
      node.output(0).shape = {static_cast<std::int32_t>(m), weights[0]};
    }
    if (!options.shuffled) return {};
    const std::int64_t rows = node.input(0).count() / k;
    if (rows != 1 && rows != 4) {
      return input_violation(0, ErrorCode::invalid_shape, "must have 1 or 4 rows beside shuffled weights, not {}", rows);
    }
    node.output(1).shape = {static_cast<std::int32_t>(rows), weights[1]};
    return {};
  }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    Needs needs;
    const TensorType type = node.input(0).type;
    const std::int64_t n = node.input(1).shape[0], k = node.input(1).shape[1];
    if (type != TensorType::float32) needs.multipliers = n;
    if (n == 0 || k == 0) return needs;
    if (is_hybrid(node)) needs.scratch_bytes = hybrid_scratch(node.input(0).count() / k, k);
    const bool shares_bytes = is_packed_integer(node.input(1).type);
    if (shares_bytes) needs.scratch_bytes += n * k;  // unpacked, unless they are packed for the kernel
    if (const linalg::SparseRows sparse = sparse_rows(options, node); sparse.runs > 0) {
      needs.packed_bytes = sparse.bytes();
      return needs;
    }
    const bool in_blocks = node.input(1).quantization.by_block();
    if (options.shuffled || in_blocks || node.input(1).type == TensorType::int2 || (node.input(1).is_sparse && type != TensorType::float32))
      return needs;
    if constexpr (simd::has_dot<Arch>) {
      const bool constant = node.packs(1) && (!node.input(2).present() || node.input(2).is_constant);
      if (!constant || type == TensorType::int16 || node.output(0).type == TensorType::int16) return needs;
      if (shares_bytes) needs.scratch_bytes -= n * k;
      const bool bytes = node.input(1).type != TensorType::float32;
      const linalg::PanelLayout layout = !bytes                      ? linalg::float_panels<Arch>(n, 1, 1, k)
                                         : keeps_nibbles(node)       ? linalg::nibble_panels<Arch>(n, k)
                                         : type == TensorType::uint8 ? linalg::byte_panels<Arch, std::uint8_t>(n, 1, 1, k)
                                                                     : linalg::byte_panels<Arch, std::int8_t>(n, 1, 1, k);
      needs.packed_bytes = layout.bytes();
      if (bytes) needs.scratch_bytes += node.workers() * linalg::staging_bytes<Arch>(layout, node.input(0).count() / k);
    }
    return needs;
  }

  struct Prepared {
    std::int64_t rows = 0, columns = 0, depth = 0;
    std::int32_t input_zero_point = 0, weight_zero_point = 0, output_zero_point = 0;
    Int32Range range{0, 0};
    FloatRange float_range{0, 0};
    std::span<const float> weight_scales{};   // of a hybrid, where it has several
    std::span<const Float16> block_scales{};  // or one for each block of a row
    std::int32_t block_size = 0;
    std::int32_t sparse_runs = 0;  // of the weights, where zeros are skipped
    float weight_scale = 0;
    bool asymmetric = false, shuffled = false, nibbles = false;
    bool in_double = false;                       // sums are scaled by real multipliers
    bool wide_bias = false, wide_output = false;  // int64 biases; int16 outputs of bytes
    Activation activation = Activation::none;
    std::span<const float> scales() const { return weight_scales.empty() ? std::span<const float>(&weight_scale, 1) : weight_scales; }
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node,
                                                       std::span<Multiplier> multipliers) {
    Prepared p;
    p.columns = node.input(1).shape[0];
    p.depth = node.input(1).shape[1];
    p.rows = p.depth > 0 ? node.input(0).count() / p.depth : 0;
    p.activation = options.activation;
    p.float_range = float_range(options.activation);
    p.nibbles = keeps_nibbles(node);
    p.sparse_runs = static_cast<std::int32_t>(sparse_rows(options, node).runs);
    const Quantization &in = node.input(0).quantization, &weights = node.input(1).quantization, &out = node.output(0).quantization;
    if (is_hybrid(node)) {
      p.weight_scale = weights.scale;
      if (weights.per_channel()) p.weight_scales = weights.channel_scales;
      p.block_scales = weights.block_scales;
      p.block_size = weights.block_size;
      p.asymmetric = options.asymmetric_quantize_inputs || weights.by_block();  // as TFLite has it
      return p;
    }
    if (node.input(0).type == TensorType::float32) return p;
    p.input_zero_point = in.zero_point;
    p.weight_zero_point = weights.per_channel() ? 0 : weights.zero_point;
    p.output_zero_point = out.zero_point;
    p.range = quantized_range(options.activation, node.output(0).type, out);
    p.shuffled = options.shuffled;
    p.in_double = in_double(options, node);
    p.wide_bias = node.input(2).type == TensorType::int64;
    p.wide_output = node.output(0).type == TensorType::int16 && node.input(0).type != TensorType::int16;
    for (std::size_t n = 0; n < multipliers.size(); ++n) {
      const float scale = weights.scale_of(static_cast<std::int64_t>(n));
      // With one scale for all weights, TFLite multiplies it with the input's in float.
      const double product = weights.per_channel() || p.in_double ? static_cast<double>(in.scale) * static_cast<double>(scale)
                                                                  : static_cast<double>(in.scale * scale);
      const double multiplier = product / static_cast<double>(out.scale);
      multipliers[n] = quantize_multiplier(multiplier);
      if (multipliers[n].mantissa < 0) {
        return input_violation(1, ErrorCode::invalid_quantization, "must have a positive scale, in row {}, too",
                               static_cast<std::int64_t>(n));
      }
      if (multipliers[n].shift > (node.input(0).type == TensorType::int16 && !p.in_double ? 7 : 30)) {
        return input_violation(1, ErrorCode::invalid_quantization, "has a scale, in row {}, too large for the output's scale",
                               static_cast<std::int64_t>(n));
      }
      if (p.in_double) multipliers[n] = std::bit_cast<Multiplier>(multiplier);
    }
    return p;
  }

  template <class Run, class In, class Weights, class Bias>
  static void pack(const Run& run, In, Weights weights, Bias bias, std::byte* packed) {
    using A = typename Run::Arch;
    using T = typename In::value_type;
    using W = typename Weights::value_type;
    if constexpr (has_sparse<T, W>) {
      const Prepared& p = run.prepared;
      if (p.sparse_runs > 0) return linalg::pack_sparse<A>({p.columns, p.depth, p.sparse_runs}, weights.data(), packed);
    }
    if constexpr (simd::has_dot<A> && sizeof(T) != 2 && !std::is_same_v<W, Int2Quad>) {
      const Prepared& p = run.prepared;
      if constexpr (std::is_same_v<W, float>) {
        linalg::pack_float<A>(linalg::float_panels<A>(p.columns, 1, 1, p.depth), weights.data(), bias.data(), packed);
      } else if constexpr (std::is_same_v<T, float>) {
        if constexpr (std::is_same_v<W, Int4Pair>) {
          if (p.nibbles) {
            return linalg::pack_dequantizing<A, std::int8_t, simd::NibbleDot<A>>(linalg::nibble_panels<A>(p.columns, p.depth),
                                                                                 weights.data(), p.scales(), bias.data(), packed);
          }
        }
        linalg::pack_dequantizing<A, std::int8_t>(linalg::byte_panels<A, std::int8_t>(p.columns, 1, 1, p.depth),
                                                  detail::as_signed(weights.data()), p.scales(), bias.data(), packed);
      } else {
        const linalg::QuantizedColumns columns{
            p.input_zero_point, p.weight_zero_point, run.multipliers, bias.data(), p.output_zero_point, p.range, true};
        if constexpr (std::is_same_v<W, Int4Pair>) {
          if (p.nibbles) {
            return linalg::pack_quantized<A, T, simd::NibbleDot<A>>(linalg::nibble_panels<A>(p.columns, p.depth), weights.data(), columns,
                                                                    packed);
          }
        }
        linalg::pack_quantized<A, T>(linalg::byte_panels<A, T>(p.columns, 1, 1, p.depth), weights.data(), columns, packed);
      }
    }
  }

  template <class Run, class In, class Weights, class Bias, class Out>
  static void eval(const Run& run, In in, Weights weights, Bias bias, Out out) {
    using T = typename In::value_type;
    using W = typename Weights::value_type;
    using Y = typename Out::value_type;
    const Prepared& p = run.prepared;
    if (out.count() == 0) return;
    if (p.depth == 0) {  // as TFLite: no products, and no bias either
      std::memset(static_cast<void*>(out.data()), 0, static_cast<std::size_t>(out.count()) * sizeof(Y));
      return;
    }
    if constexpr (std::is_same_v<W, Int4Pair> && sizeof(T) != 2 && simd::has_dot<typename Run::Arch>) {
      if (p.nibbles && run.packed != nullptr) return multiply_nibbles(run, in.data(), out.data());
    }
    if constexpr (is_packed<W>) {
      // The kernels without panels read bytes.
      const std::int64_t used = std::is_same_v<T, float> ? hybrid_scratch(p.rows, p.depth) : 0;
      const std::int8_t* bytes = detail::unpacked(weights.data(), run.packed == nullptr ? p.columns * p.depth : 0, run.scratch, used);
      if constexpr (std::is_same_v<T, float>) {
        eval_hybrid(run, in.data(), bytes, bias.data(), out.data());
      } else {
        multiply_rows(run, in.data(), bytes, bias.data(), out.data());
      }
    } else if constexpr (std::is_same_v<T, float> && !std::is_same_v<W, float>) {
      eval_hybrid(run, in.data(), reinterpret_cast<const std::int8_t*>(weights.data()), bias.data(), out.data());
    } else {
      multiply_rows(run, in.data(), weights.data(), bias.data(), out.data());
    }
  }

  /// uint8 to int16: with shuffled weights there is a second output, the input as the kernel reads it.
  template <class Run, class In, class Weights, class Bias, class Out, class Shuffled>
  static void eval(const Run& run, In in, Weights weights, Bias bias, Out out, Shuffled shuffled) {
    if (run.prepared.shuffled) {
      detail::multiply_shuffled(run, in, weights, bias, out, shuffled);
    } else {
      eval(run, in, weights, bias, out);
    }
  }

  // Biases of int16 have 32 or 64 bits, of which `Prepared` knows.
  using Types = Signatures<
      Signature<Takes<float, float, float>, Gives<float>>, Signature<Takes<std::int8_t, std::int8_t, std::int32_t>, Gives<std::int8_t>>,
      Signature<Takes<std::uint8_t, std::uint8_t, std::int32_t>, Gives<std::uint8_t>>,
      Signature<Takes<std::uint8_t, std::uint8_t, std::int32_t>, Gives<std::int16_t, std::uint8_t>>,
      Signature<Takes<std::int16_t, std::int8_t, AnyType>, Gives<std::int16_t>>,
      Signature<Takes<std::int16_t, std::int16_t, AnyType>, Gives<std::int16_t>>, Signature<Takes<float, std::int8_t, float>, Gives<float>>,
      Signature<Takes<float, std::uint8_t, float>, Gives<float>>, Signature<Takes<std::int8_t, Int4Pair, std::int32_t>, Gives<std::int8_t>>,
      Signature<Takes<std::int16_t, Int4Pair, AnyType>, Gives<std::int16_t>>, Signature<Takes<float, Int4Pair, float>, Gives<float>>,
      Signature<Takes<std::int8_t, Int2Quad, std::int32_t>, Gives<std::int8_t>>,
      Signature<Takes<std::int16_t, Int2Quad, AnyType>, Gives<std::int16_t>>, Signature<Takes<float, Int2Quad, float>, Gives<float>>>;

 private:
  static constexpr bool is_hybrid(const NodeDescription& node) {
    const TensorType weights = node.input(1).type;
    return node.input(0).type == TensorType::float32 &&
           (weights == TensorType::int8 || weights == TensorType::uint8 || weights == TensorType::int4 || weights == TensorType::int2);
  }
  /// Whether sums are scaled in double, as in all of TFLite's reference kernels of this op but those with 16-bit, shuffled or sparse
  /// weights. The multipliers then are doubles, bit by bit, by which integers are multiplied as an FPU would.
  static constexpr bool in_double(const Options& options, const NodeDescription& node) {
    const TensorDescription& weights = node.input(1);
    return !options.shuffled && node.input(0).type != TensorType::float32 && weights.type != TensorType::int16 && !weights.is_sparse;
  }
  /// Whether packed weights stay at 4 bits: a single row is bound by reading them, several by the products.
  static constexpr bool keeps_nibbles(const NodeDescription& node) {
    return node.input(1).type == TensorType::int4 && node.input(0).count() == node.input(1).shape[1];
  }
  template <class T, class W>
  static constexpr bool has_sparse = std::is_same_v<T, W> && (std::is_same_v<T, float> || std::is_same_v<T, std::int8_t>);
  /// The weights where their zeros are skipped; else none.
  static constexpr linalg::SparseRows sparse_rows(const Options& options, const NodeDescription& node) {
    const TensorDescription& weights = node.input(1);
    const std::int64_t n = weights.shape[0], k = weights.shape[1], row_bytes = bytes_of(weights.type, k);
    const bool able = weights.is_sparse && node.packs(1) && !options.shuffled && weights.type == node.input(0).type &&
                      weights.type == node.output(0).type &&
                      (weights.type == TensorType::float32 ||
                       (weights.type == TensorType::int8 && (weights.quantization.per_channel() || weights.quantization.zero_point == 0)));
    if (!able || row_bytes < 16) return {};
    const std::int64_t all = linalg::SparseRows::all_runs(n, row_bytes);
    return linalg::SparseRows::pays(weights.sparse_runs, all, node.input(0).count() / k) ? linalg::SparseRows{n, k, weights.sparse_runs}
                                                                                         : linalg::SparseRows{};
  }
  static constexpr std::int64_t hybrid_scratch(std::int64_t rows, std::int64_t depth) { return rows * std::int64_t{8} + rows * depth; }

  static constexpr Violation check_types(const NodeDescription& node) {
    const TensorType type = node.input(0).type, weights = node.input(1).type, bias = node.input(2).type, out = node.output(0).type;
    if (type != TensorType::float32 && !is_quantized_integer(type)) {
      return input_violation(0, ErrorCode::unsupported_type, "must be float32, int8, uint8 or int16");
    }
    const bool is_short = weights == TensorType::int4 || weights == TensorType::int2;
    const bool weights_fit = weights == type || is_hybrid(node) || (type == TensorType::int16 && weights == TensorType::int8) ||
                             (is_short && (type == TensorType::int8 || type == TensorType::int16));
    if (!weights_fit) {
      return input_violation(1, ErrorCode::unsupported_type,
                             "has a type that does not go with the input's: float32, int16 and int8 take their own, int8, int4 or int2, "
                             "uint8 its own");
    }
    if (out != type && !(type == TensorType::uint8 && out == TensorType::int16)) {
      return output_violation(0, ErrorCode::unsupported_type, "must have the type of input 0");
    }
    const bool bias_fits =
        !node.input(2).present() ||
        (type == TensorType::float32 ? bias == TensorType::float32
                                     : bias == TensorType::int32 || (type == TensorType::int16 && bias == TensorType::int64));
    if (!bias_fits) {
      return input_violation(
          2, ErrorCode::invalid_type,
          "has a type that does not go with the input's: float32 takes float32, int8 and uint8 int32, int16 int32 or int64");
    }
    return {};
  }

  /// 4 rows of weights by 16 columns lie together.
  static constexpr Violation check_shuffled(const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (node.input(i).type != TensorType::uint8) {
        return input_violation(i, ErrorCode::unsupported_type, "must be uint8 where weights are shuffled");
      }
    }
    if (node.output(0).type != TensorType::int16)
      return output_violation(0, ErrorCode::unsupported_type, "must be int16, as weights are shuffled");
    if (node.output_count() > 1 && node.output(1).type != TensorType::uint8)
      return output_violation(1, ErrorCode::invalid_type, "must be uint8");
    if (node.input(2).type != TensorType::int32)
      return input_violation(2, ErrorCode::invalid_type, "must be int32 beside shuffled weights");
    const Shape& weights = node.input(1).shape;
    if (weights[0] % 4 != 0 || weights[1] % 16 != 0 || weights[1] == 0) {
      return input_violation(1, ErrorCode::invalid_shape, "must have whole blocks of 4 rows and 16 columns to be shuffled, not {} x {}",
                             weights[0], weights[1]);
    }
    return {};
  }

  static constexpr Violation check_quantization(const Options& options, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    const Quantization& q = node.input(1).quantization;
    const bool hybrid = is_hybrid(node);
    if (!hybrid && !is_clamp(options.activation)) {
      return node_violation(ErrorCode::invalid_option,
                            "cannot apply its activation, number {}: only NONE, RELU, RELU_N1_TO_1 and RELU6 are possible here",
                            static_cast<std::int64_t>(options.activation));
    }
    if (options.activation > Activation::sign_bit) {
      return node_violation(ErrorCode::invalid_option, "has an unknown activation, number {}",
                            static_cast<std::int64_t>(options.activation));
    }
    if (type == TensorType::float32 && !hybrid) return {};
    if (q.by_block()) {
      if (hybrid && is_packed_integer(node.input(1).type)) return {};
      return input_violation(1, ErrorCode::unsupported_type,
                             "must be int4 or int2 beside float32 inputs to have blocks with their own scales");
    }
    if (!(q.scale >= 0) || (q.scale == 0 && !q.per_channel()))
      return input_violation(1, ErrorCode::invalid_quantization, "must have a positive scale");
    if (q.per_channel()) {
      if (type == TensorType::uint8)
        return input_violation(1, ErrorCode::invalid_quantization, "must have one scale for the whole tensor in uint8");
      if (q.axis != 0) return input_violation(1, ErrorCode::invalid_quantization, "must have its scales along axis 0, not {}", q.axis);
      if (static_cast<std::int64_t>(q.channel_scales.size()) != node.input(1).shape[0]) {
        return input_violation(1, ErrorCode::invalid_quantization, "must have one scale for each of {} rows, not {}",
                               node.input(1).shape[0], static_cast<std::int64_t>(q.channel_scales.size()));
      }
    }
    if (hybrid) return {};
    if (const Violation v = require_quantized_input(node, 0)) return v;
    if (const Violation v = require_quantized_output(node, 0)) return v;
    const std::int32_t least = type == TensorType::uint8 ? 0 : -128;
    if (q.zero_point < least || q.zero_point > least + 255) {
      return input_violation(1, ErrorCode::invalid_quantization, "must have a zero point from {} to {}, not {}", least, least + 255,
                             q.zero_point);
    }
    if (type == TensorType::int16) {
      if (node.input(0).quantization.zero_point != 0) {
        return input_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0 in int16, not {}",
                               node.input(0).quantization.zero_point);
      }
      if (node.output(0).quantization.zero_point != 0) {
        return output_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0 in int16, not {}",
                                node.output(0).quantization.zero_point);
      }
    }
    return {};
  }

  /// Rows that follow one another.
  template <class A, class T> struct RowsOf {
    const T* at;
    std::int64_t depth;
    const T* const* operator()(std::int64_t first, int count, int, const T** few) const {
      for (int m = 0; m < count; ++m) few[m] = at + (first + m) * depth;
      return few;
    }
  };

  /// All but hybrids: one copy for each type of input and weights. What biases and outputs may be besides is told by `Prepared`.
  template <class Run, class T, class W>
  static TFL_NOINLINE void multiply_rows(const Run& run, const T* in, const W* weights, const void* bias, void* out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    if constexpr (simd::has_dot<A> && sizeof(T) != 2) {
      if (run.packed != nullptr && p.sparse_runs == 0) {
        const RowsOf<A, T> rows{in, p.depth};
        T* const to = static_cast<T*>(out);
        if constexpr (std::is_same_v<T, float>) {
          linalg::multiply_float<A>(run.executor, linalg::float_panels<A>(p.columns, 1, 1, p.depth), p.rows, 0, run.packed, rows,
                                    p.float_range, to);
        } else if (p.rows == 1) {
          linalg::scale_byte_row<A, simd::Dot<A, T>>(run.executor, linalg::byte_panels<A, T>(p.columns, 1, 1, p.depth), in,
                                                     p.weight_zero_point, run.packed, p.output_zero_point, p.range, to);
        } else {
          linalg::multiply_quantized<A, T, true>(run.executor, linalg::byte_panels<A, T>(p.columns, 1, 1, p.depth), p.rows, 0,
                                                 p.weight_zero_point, run.packed, run.scratch, rows, p.output_zero_point, p.range, to);
        }
        return;
      }
    }
    const auto finish = [&](std::int64_t m, std::int64_t n, auto sum) {
      const std::int64_t at = m * p.columns + n;
      if constexpr (std::is_same_v<T, float>) {
        static_cast<float*>(out)[at] = detail::clamped(bias != nullptr ? sum + static_cast<const float*>(bias)[n] : sum, p.float_range);
      } else {
        const Multiplier by = run.multipliers[static_cast<std::size_t>(n)];
        std::int32_t y;
        if constexpr (sizeof(T) == 2) {
          const std::int64_t total = detail::wrapping_add(sum, detail::integer_bias(bias, p.wide_bias, n));
          y = p.in_double ? multiply_in_double(total, std::bit_cast<std::uint64_t>(by)) : detail::multiply_wide(total, by);
        } else {
          const std::int32_t total = bias != nullptr ? detail::wrapping_add(sum, static_cast<const std::int32_t*>(bias)[n]) : sum;
          y = p.in_double ? multiply_in_double(total, std::bit_cast<std::uint64_t>(by)) : multiply(total, by);
        }
        y = detail::wrapping_add(y, p.output_zero_point);
        y = y < p.range.lo ? p.range.lo : y > p.range.hi ? p.range.hi : y;
        if (sizeof(T) == 1 && p.wide_output) {
          static_cast<std::int16_t*>(out)[at] = static_cast<std::int16_t>(y);
        } else {
          static_cast<T*>(out)[at] = static_cast<T>(y);
        }
      }
    };
    if constexpr (has_sparse<T, W>) {
      if (p.sparse_runs > 0) {
        for (std::int64_t m = 0; m < p.rows; ++m) {
          linalg::multiply_sparse<A>(run.executor, {p.columns, p.depth, p.sparse_runs}, run.packed, in + m * p.depth, p.input_zero_point,
                                     [&](std::int64_t n, auto sum) { finish(m, n, sum); });
        }
        return;
      }
    }
    direct<A>(run.executor, p, in, weights, p.input_zero_point, p.weight_zero_point, finish);
  }

  /// finish(m, n, sum of products) for each output, on weights as they are.
  template <class A, class Executor, class T, class W, class Finish>
  static void direct(Executor& executor, const Prepared& p, const T* in, const W* weights, std::int32_t x_zero, std::int32_t w_zero,
                     Finish finish) {
    const auto block = [&](std::int64_t m, std::int64_t first, std::int64_t last) {
      linalg::Runs<T> runs{in + m * p.depth, 0};
      runs.length = p.depth;
      linalg::for_each_product<A>(runs, weights + first * p.depth, p.depth, last - first, x_zero, w_zero,
                                  [&](std::int64_t n, auto sum) { finish(m, first + n, sum); });
    };
    if (p.rows > 1) {
      executor.parallel_for(p.rows, 1 + p.columns * p.depth / 4, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t m = first; m < last; ++m) block(m, 0, p.columns);
      });
    } else {
      // In fours, so that which columns go together doesn't depend on the cut.
      executor.parallel_for((p.columns + 3) / 4, 1 + p.depth, [&](std::int64_t first, std::int64_t last, int) {
        block(0, first * 4, last * 4 < p.columns ? last * 4 : p.columns);
      });
    }
  }

  template <class A> static detail::RowQuantization quantize_row(const Prepared& p, const float* row, std::int8_t* to) {
    return p.asymmetric ? detail::quantize_row_asymmetric<A>(row, p.depth, to) : detail::quantize_row_symmetric<A>(row, p.depth, to);
  }

  /// A single row times weights that are packed at 4 bits.
  template <class Run, class T> static TFL_NOINLINE void multiply_nibbles(const Run& run, const T* in, T* out) {
    using A = typename Run::Arch;
    using D = simd::NibbleDot<A>;
    const Prepared& p = run.prepared;
    const linalg::PanelLayout layout = linalg::nibble_panels<A>(p.columns, p.depth);
    if constexpr (std::is_same_v<T, float>) {
      auto* row = reinterpret_cast<std::int8_t*>(run.scratch);
      const detail::RowQuantization q = quantize_row<A>(p, in, row);
      linalg::dequantize_byte_row<A, D>(run.executor, layout, row, run.packed, q.zero_point, q.scale, p.float_range, out);
      activate(p, out);
    } else {
      linalg::scale_byte_row<A, D>(run.executor, layout, in, p.weight_zero_point, run.packed, p.output_zero_point, p.range, out);
    }
  }

  template <class Run>
  static TFL_NOINLINE void eval_hybrid(const Run& run, const float* in, const std::int8_t* weights, const float* bias, float* out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    auto* row_scales = reinterpret_cast<float*>(run.scratch);
    auto* zero_points = reinterpret_cast<std::int32_t*>(run.scratch + p.rows * 4);
    auto* rows = reinterpret_cast<std::int8_t*>(run.scratch + p.rows * 8);
    run.executor.parallel_for(p.rows, 1 + p.depth, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t m = first; m < last; ++m) {
        const detail::RowQuantization q = quantize_row<A>(p, in + m * p.depth, rows + m * p.depth);
        row_scales[m] = q.scale;
        zero_points[m] = q.zero_point;
      }
    });
    bool done = false;
    if constexpr (simd::has_dot<A>) {
      if (run.packed != nullptr) {
        if (p.rows == 1) {
          linalg::dequantize_byte_row<A, simd::Dot<A, std::int8_t>>(run.executor,
                                                                    linalg::byte_panels<A, std::int8_t>(p.columns, 1, 1, p.depth), rows,
                                                                    run.packed, zero_points[0], row_scales[0], p.float_range, out);
        } else {
          linalg::multiply_dequantizing<A, std::int8_t>(run.executor, linalg::byte_panels<A, std::int8_t>(p.columns, 1, 1, p.depth), p.rows,
                                                        0, run.packed, run.scratch + hybrid_scratch(p.rows, p.depth),
                                                        RowsOf<A, std::int8_t>{rows, p.depth}, zero_points, row_scales, 1, p.float_range,
                                                        out);
        }
        done = true;
      }
    }
    if (!p.block_scales.empty()) {
      detail::multiply_blocks(run, rows, row_scales, zero_points, weights, bias, out);
    } else if (!done) {
      const std::span<const float> scales = p.scales();
      for (std::int64_t m = 0; m < p.rows; ++m) {
        Prepared row = p;
        row.rows = 1;
        direct<A>(run.executor, row, rows + m * p.depth, weights, zero_points[m], 0, [&](std::int64_t, std::int64_t n, std::int32_t sum) {
          const float y = static_cast<float>(sum) * (scales[scales.size() > 1 ? static_cast<std::size_t>(n) : 0] * row_scales[m]);
          out[m * p.columns + n] = detail::clamped(bias != nullptr ? y + bias[n] : y, p.float_range);
        });
      }
    }
    activate(p, out);
  }

  /// What only hybrids allow besides a clamp.
  static void activate(const Prepared& p, float* out) {
    if (is_clamp(p.activation)) return;
    for (std::int64_t i = 0; i < p.rows * p.columns; ++i) {
      out[i] = p.activation == Activation::tanh ? std::tanh(out[i]) : std::signbit(out[i]) ? 1.0f : 0.0f;
    }
  }
};

}  // namespace tfl

#include "tfl/kernels/compact_fully_connected.hpp"  // its form for microcontrollers
