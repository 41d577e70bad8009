#pragma once
// BATCH_MATMUL: products of matrices, batch by batch.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/batch_matmul_kernels.hpp"
#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"

namespace tfl {

/// BATCH_MATMUL: x[..., M, K], y[..., K, N] -> output[..., M, N]; adj_x: x[..., K, M], adj_y: y[..., N, K]. Leading dimensions broadcast.
/// Integers with a scale for each channel: TensorFlow Lite finds no scale of the whole tensor, multiplies by 0, and every output is the
/// zero point. So it is here. Only beside float activations does each column have a scale of its own.
struct BatchMatMul {
  static constexpr BuiltinOperator code = BuiltinOperator::BATCH_MATMUL;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 4;

  struct Options {
    bool adj_x = false, adj_y = false, asymmetric = false;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.adj_x(), table.adj_y(), table.asymmetric_quantize_inputs()};
    }
  };

  using Prepared = detail::BatchMatMulPrepared;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_rank_between(node, 0, 2, max_rank)) return v;
    if (const Violation v = require_rank_between(node, 1, 2, max_rank)) return v;
    const Shape &x = node.input(0).shape, &y = node.input(1).shape;
    const int rank = x.rank() > y.rank() ? x.rank() : y.rank();
    Shape output = Shape::of_rank(rank);
    for (int i = 0; i < rank - 2; ++i) {
      const std::int32_t a = leading(x, rank, i), b = leading(y, rank, i);
      if (a != b && a != 1 && b != 1) {
        return input_violation(1, ErrorCode::invalid_shape,
                               "must have leading dimensions that broadcast with those of input 0: {} is not {} in dimension {}", b, a, i);
      }
      output[i] = a == 1 ? b : a;
    }
    const std::int32_t x_depth = x[x.rank() - (options.adj_x ? 2 : 1)], y_depth = y[y.rank() - (options.adj_y ? 1 : 2)];
    if (x_depth != y_depth) {
      return input_violation(1, ErrorCode::invalid_shape, "must have as many rows as input 0 has columns: {} is not {}", y_depth, x_depth);
    }
    output[rank - 2] = x[x.rank() - (options.adj_x ? 1 : 2)];
    output[rank - 1] = y[y.rank() - (options.adj_y ? 2 : 1)];
    if (output.checked_count() < 0) return output_violation(0, ErrorCode::invalid_shape, "would have more than 2^31 elements");
    if (const Violation v = check_types(node)) return v;
    const Quantization& q = node.input(1).quantization;
    if (is_hybrid(node) && q.per_channel() && static_cast<std::int64_t>(q.channel_scales.size()) != output[rank - 1]) {
      return input_violation(1, ErrorCode::invalid_quantization, "must have one scale, or one for each of {} columns, not {}",
                             output[rank - 1], static_cast<std::int64_t>(q.channel_scales.size()));
    }
    node.output(0).shape = output;
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node,
                                                       std::span<Multiplier> multipliers) {
    Prepared p = geometry(options, node);
    const TensorDescription &x = node.input(0), &y = node.input(1), &output = node.output(0);
    if (x.type == TensorType::float32) {
      for (std::size_t c = 0; c < multipliers.size(); ++c) {  // the scales' bits: Prepared has a fixed size
        multipliers[c] = {std::bit_cast<std::int32_t>(y.quantization.scale_of(static_cast<std::int64_t>(c))), 0};
      }
    } else if (output.type != TensorType::int32) {
      const Quantization x_whole = of_whole_tensor(x), y_whole = of_whole_tensor(y);
      p.x_zero_point = x_whole.zero_point;
      p.y_zero_point = y_whole.zero_point;
      p.zero_point = output.quantization.zero_point;
      p.range = integer_range_of(output.type);
      multipliers[0] =
          quantize_multiplier(static_cast<double>(x_whole.scale * y_whole.scale) / static_cast<double>(output.quantization.scale));
      if (multipliers[0].shift > (x.type == TensorType::int16 ? 7 : 30)) {
        return output_violation(0, ErrorCode::invalid_quantization, "has a scale too small beside those of the inputs");
      }
    }
    return p;
  }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const Prepared p = geometry(options, node);
    const bool is_float = node.input(1).type == TensorType::float32;
    const detail::BatchMatMulPlan<Arch> plan(p, is_float, is_hybrid(node));
    Needs needs;
    needs.scratch_bytes = plan.quantized_bytes + shares_bytes(plan.worker_bytes, node.workers());
    needs.multipliers = is_hybrid(node) ? p.columns : is_float || node.output(0).type == TensorType::int32 ? 0 : 1;
    return needs;
  }

  template <class Run, class X, class Y, class Out> static void eval(const Run& run, X x, Y y, Out out) {
    using A = typename Run::Arch;
    using T = typename X::value_type;
    using U = typename Y::value_type;
    const Prepared& p = run.prepared;
    if (out.count() == 0) return;
    if constexpr (std::is_same_v<T, float> && std::is_same_v<U, std::int8_t>) {
      const detail::BatchMatMulPlan<A> plan(p, false, true);
      auto* rows = reinterpret_cast<detail::RowQuantization*>(run.scratch);
      auto* data = reinterpret_cast<std::int8_t*>(run.scratch + plan.row_quantization_bytes);
      detail::batch_matmul_quantize_rows<A>(run, x.data(), rows, data);
      Prepared q = p;
      q.adj_x = false;
      detail::batch_matmul_panels<A, std::int8_t, U, float>(run, q, plan, run.scratch + plan.quantized_bytes, data, rows, y.data(),
                                                            out.data());
    } else if constexpr (std::is_same_v<U, std::int16_t>) {
      detail::batch_matmul_int16(run, x.data(), y.data(), out.data());
    } else {
      const detail::BatchMatMulPlan<A> plan(p, std::is_same_v<U, float>, false);
      detail::batch_matmul_panels<A, T, U, typename Out::value_type>(run, p, plan, run.scratch, x.data(), nullptr, y.data(), out.data());
    }
  }

  using Types =
      Signatures<Signature<Takes<float, float>, Gives<float>>, Signature<Takes<std::int8_t, std::int8_t>, Gives<std::int8_t>>,
                 Signature<Takes<std::int8_t, std::int8_t>, Gives<std::int32_t>>,
                 Signature<Takes<std::int16_t, std::int8_t>, Gives<std::int16_t>>,
                 Signature<Takes<std::int16_t, std::int16_t>, Gives<std::int16_t>>, Signature<Takes<float, std::int8_t>, Gives<float>>>;

 private:
  static constexpr bool is_hybrid(const NodeDescription& node) {
    return node.input(0).type == TensorType::float32 && node.input(1).type == TensorType::int8;
  }
  /// Dimension i of a shape as if it had `rank` dimensions.
  static constexpr std::int32_t leading(const Shape& shape, int rank, int i) {
    const int at = i - (rank - shape.rank());
    return at < 0 ? 1 : shape[at];
  }

  /// The one scale and zero point of a tensor, 0 where it has several.
  static constexpr Quantization of_whole_tensor(const TensorDescription& tensor) {
    return tensor.quantization.per_channel() ? Quantization{} : tensor.quantization;
  }

  static constexpr Violation check_types(const NodeDescription& node) {
    const TensorType x = node.input(0).type, y = node.input(1).type, output = node.output(0).type;
    if (is_hybrid(node)) {
      const Quantization& q = node.input(1).quantization;
      if (!q.present() && !q.per_channel())
        return input_violation(1, ErrorCode::invalid_quantization, "must have a scale beside float data");
      return {};
    }
    const bool narrow = x == TensorType::int8 && y == TensorType::int8 && output == TensorType::int8;
    const bool wide = x == TensorType::int16 && output == TensorType::int16 && (y == TensorType::int8 || y == TensorType::int16);
    if (!narrow && !wide) return {};
    for (int i = 0; i < 2; ++i) {
      if (node.input(i).quantization.per_channel()) continue;  // whatever the numbers, they are not used
      if (const Violation v = require_quantized_input(node, i)) return v;
      if (wide && node.input(i).quantization.zero_point != 0)
        return input_violation(i, ErrorCode::invalid_quantization, "must have the zero point 0 in int16");
    }
    if (const Violation v = require_quantized_output(node, 0)) return v;
    if (wide && node.output(0).quantization.zero_point != 0)
      return output_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0 in int16");
    return {};
  }

  static constexpr Prepared geometry(const Options& options, const NodeDescription& node) {
    const Shape &x = node.input(0).shape, &y = node.input(1).shape, &output = node.output(0).shape;
    Prepared p;
    p.adj_x = options.adj_x;
    p.adj_y = options.adj_y;
    p.asymmetric = options.asymmetric;
    const int rank = output.rank();
    p.rows = output[rank - 2];
    p.columns = output[rank - 1];
    p.depth = x[x.rank() - (options.adj_x ? 2 : 1)];
    p.x_matrices = x.count(0, x.rank() - 2);
    p.batch_rank = rank - 2;
    std::int64_t x_step = 1, y_step = 1;
    bool one_y = true, whole_x = true;
    for (int i = rank - 3; i >= 0; --i) {
      const std::int32_t a = leading(x, rank, i), b = leading(y, rank, i);
      p.extents[i] = output[i];
      p.x_steps[i] = a == 1 ? 0 : x_step;
      p.y_steps[i] = b == 1 ? 0 : y_step;
      x_step *= a;
      y_step *= b;
      one_y = one_y && b == 1;
      whole_x = whole_x && a == output[i];
      p.batches *= output[i];
    }
    if (one_y && whole_x && !p.adj_x) {  // one tall matrix
      p.rows *= p.batches;
      p.batches = p.x_matrices = 1;
      p.batch_rank = 0;
    }
    return p;
  }
};

}  // namespace tfl
