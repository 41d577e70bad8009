#pragma once
// BATCH_MATMUL: products of matrices, batch by batch.
//
// The right matrix is cut into panels of two vectors' columns, packed as [step][column]; a few rows of the left one at a time are
// multiplied with a panel in registers. A step is one k in float, and a pair of 16-bit values (k, k + 1) in integers.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot16.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl {

/// BATCH_MATMUL: x[..., M, K], y[..., K, N] -> output[..., M, N]; adj_x: x[..., K, M], adj_y: y[..., N, K]. Leading dimensions broadcast.
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

  static constexpr int max_batch_dimensions = max_rank - 2;

  struct Prepared {
    std::int64_t batches = 1, rows = 0, depth = 0, columns = 0;
    std::int32_t batch_rank = 0;
    std::int64_t extents[max_batch_dimensions] = {};
    std::int64_t x_steps[max_batch_dimensions] = {}, y_steps[max_batch_dimensions] = {};  // in matrices, 0 where broadcast
    std::int64_t x_matrices = 1;
    bool adj_x = false, adj_y = false, asymmetric = false;
    std::int32_t x_zero_point = 0, y_zero_point = 0, zero_point = 0;
    Int32Range range{};
    float y_scale = 0;
  };

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
      p.y_scale = y.quantization.scale;
      for (std::size_t c = 0; c < multipliers.size(); ++c) {  // the scales' bits: Prepared has a fixed size
        multipliers[c] = {std::bit_cast<std::int32_t>(y.quantization.scale_of(static_cast<std::int64_t>(c))), 0};
      }
    } else if (output.type != TensorType::int32) {
      p.x_zero_point = x.quantization.zero_point;
      p.y_zero_point = y.quantization.zero_point;
      p.zero_point = output.quantization.zero_point;
      p.range = integer_range_of(output.type);
      multipliers[0] = quantize_multiplier(static_cast<double>(x.quantization.scale * y.quantization.scale) /
                                           static_cast<double>(output.quantization.scale));
      if (multipliers[0].shift > (x.type == TensorType::int16 ? 7 : 30)) {
        return output_violation(0, ErrorCode::invalid_quantization, "has a scale too small beside those of the inputs");
      }
    }
    return p;
  }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const Prepared p = geometry(options, node);
    const bool is_float = node.input(1).type == TensorType::float32;
    const Plan<Arch> plan(p, is_float, is_hybrid(node));
    Needs needs;
    needs.scratch_bytes = plan.quantized_bytes + node.workers() * plan.worker_bytes;
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
      const Plan<A> plan(p, false, true);
      auto* rows = reinterpret_cast<detail::RowQuantization*>(run.scratch);
      auto* data = reinterpret_cast<std::int8_t*>(run.scratch + plan.row_quantization_bytes);
      quantize_rows<A>(run, x.data(), rows, data);
      Prepared q = p;
      q.adj_x = false;
      multiply<A, std::int8_t, U, float>(run, q, plan, run.scratch + plan.quantized_bytes, data, rows, y.data(), out.data());
    } else if constexpr (std::is_same_v<U, std::int16_t>) {
      multiply_wide(run, x.data(), y.data(), out.data());
    } else {
      const Plan<A> plan(p, std::is_same_v<U, float>, false);
      multiply<A, T, U, typename Out::value_type>(run, p, plan, run.scratch, x.data(), nullptr, y.data(), out.data());
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
      if (const Violation v = require_quantized_input(node, i)) return v;
      if (node.input(i).quantization.per_channel())
        return input_violation(i, ErrorCode::invalid_quantization, "must have one scale for the whole tensor");
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

  static constexpr int rows_at_once = 6;
  static constexpr std::int64_t aligned(std::int64_t bytes) { return (bytes + 15) / 16 * 16; }

  template <class A> struct Plan {
    static constexpr int width = 2 * simd::lanes<std::int32_t, A>;  // columns of a panel
    std::int64_t steps, panels;
    std::int64_t panel_bytes, worker_bytes;
    std::int64_t row_quantization_bytes = 0, quantized_bytes = 0;

    constexpr Plan(const Prepared& p, bool is_float, bool hybrid) {
      steps = is_float ? p.depth : (p.depth + 1) / 2;
      panels = (p.columns + width - 1) / width;
      panel_bytes = aligned(steps * width * 4);
      worker_bytes = panel_bytes + (is_float ? 0 : aligned(rows_at_once * steps * 4));
      if (hybrid) {
        row_quantization_bytes = aligned(p.x_matrices * p.rows * static_cast<std::int64_t>(sizeof(detail::RowQuantization)));
        // The last part serves a row gathered from columns.
        quantized_bytes = row_quantization_bytes + aligned(p.x_matrices * p.rows * p.depth) + (p.adj_x ? aligned(p.depth * 4) : 0);
      }
    }
  };

  /// The matrices of batch `b`.
  static void offsets(const Prepared& p, std::int64_t b, std::int64_t& x, std::int64_t& y) {
    x = y = 0;
    for (int i = p.batch_rank - 1; i >= 0; --i) {
      const std::int64_t at = b % p.extents[i];
      b /= p.extents[i];
      x += at * p.x_steps[i];
      y += at * p.y_steps[i];
    }
  }

  /// Hybrid: every row of x as int8, with a scale of its own.
  template <class A, class Run>
  static void quantize_rows(const Run& run, const float* x, detail::RowQuantization* rows, std::int8_t* data) {
    const Prepared& p = run.prepared;
    auto* gathered = reinterpret_cast<float*>(data + aligned(p.x_matrices * p.rows * p.depth));
    const auto quantize = [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t row = first; row < last; ++row) {
        const float* from = x + row * p.depth;
        if (p.adj_x) {
          const float* column = x + row / p.rows * p.rows * p.depth + row % p.rows;
          for (std::int64_t k = 0; k < p.depth; ++k) gathered[k] = column[k * p.rows];
          from = gathered;
        }
        rows[row] = p.asymmetric ? detail::quantize_row_asymmetric<A>(from, p.depth, data + row * p.depth)
                                 : detail::quantize_row_symmetric<A>(from, p.depth, data + row * p.depth);
      }
    };
    if (p.adj_x) {
      quantize(0, p.x_matrices * p.rows, 0);  // one gathered row for all
    } else {
      run.executor.parallel_for(p.x_matrices * p.rows, p.depth + 1, quantize);
    }
  }

  template <class A, class T, class U, class Out, class Run>
  static void multiply(const Run& run, const Prepared& p, const Plan<A>& plan, std::byte* scratch, const T* x,
                       const detail::RowQuantization* rows, const U* y, Out* out) {
    const std::int64_t cost = p.rows * p.depth * plan.width / 32 + 1;
    run.executor.parallel_for(p.batches * plan.panels, cost, [&](std::int64_t first, std::int64_t last, int worker) {
      std::byte* memory = scratch + worker * plan.worker_bytes;
      for (std::int64_t item = first; item < last; ++item) {
        const std::int64_t batch = item / plan.panels, panel = item % plan.panels, column = panel * plan.width;
        std::int64_t x_matrix, y_matrix;
        offsets(p, batch, x_matrix, y_matrix);
        const int count = static_cast<int>(p.columns - column < plan.width ? p.columns - column : plan.width);
        PanelWork<A, T, U, Out> work{p,
                                     plan,
                                     x + x_matrix * p.rows * p.depth,
                                     rows != nullptr ? rows + x_matrix * p.rows : nullptr,
                                     run.multipliers.data(),
                                     column,
                                     count,
                                     memory,
                                     out + batch * p.rows * p.columns + column};
        work.run(y + y_matrix * p.depth * p.columns);
      }
    });
  }

  /// All rows times one panel.
  template <class A, class T, class U, class Out> struct PanelWork {
    static constexpr bool is_float = std::is_same_v<U, float>;
    static constexpr bool is_wide = std::is_same_v<T, std::int16_t>;
    using Unit = std::conditional_t<is_float, float, std::int32_t>;
    using V = simd::Batch<Unit, A>;
    static constexpr int lanes = simd::lanes<Unit, A>, width = 2 * lanes;

    const Prepared& p;
    const Plan<A>& plan;
    const T* x;
    const detail::RowQuantization* quantization;  // hybrid: of each row
    const Multiplier* multipliers;
    std::int64_t column;
    int count;  // columns of this panel
    std::byte* memory;
    Out* out;

    void run(const U* y) {
      auto* packed = reinterpret_cast<Unit*>(memory);
      const Unit* panel = packed;
      std::int64_t panel_step = width;
      if constexpr (is_float) {
        // A few rows don't pay for packing.
        if (!p.adj_y && count == width && p.rows <= 2 * rows_at_once) {
          panel = y + column;
          panel_step = p.columns;
        } else {
          pack_float(y, packed);
        }
      } else {
        pack_pairs(y, packed);
      }
      std::int64_t row = 0;
      for (; row + rows_at_once <= p.rows; row += rows_at_once) tile<rows_at_once>(row, panel, panel_step);
      for (; row + 2 <= p.rows; row += 2) tile<2>(row, panel, panel_step);
      for (; row < p.rows; ++row) tile<1>(row, panel, panel_step);
    }

   private:
    void pack_float(const U* y, Unit* to) const {
      const std::int64_t next_k = p.adj_y ? 1 : p.columns, next_column = p.adj_y ? p.depth : 1;
      const U* from = y + column * next_column;
      for (std::int64_t k = 0; k < p.depth; ++k, from += next_k, to += width) {
        if (next_column == 1) {
          std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(Unit));
        } else {
          for (int c = 0; c < count; ++c) to[c] = from[c * next_column];
        }
        for (int c = count; c < width; ++c) to[c] = 0;
      }
    }

    /// Pairs along k, in the order of interleave16().
    void pack_pairs(const U* y, Unit* to) const {
      const std::int64_t next_k = p.adj_y ? 1 : p.columns, next_column = p.adj_y ? p.depth : 1;
      const U* from = y + column * next_column;
      for (std::int64_t k = 0; k < p.depth; k += 2, from += 2 * next_k, to += width) {
        const bool pair = k + 1 < p.depth;
        if (!p.adj_y && count == width && pair) {
          V low, high;
          simd::interleave16<A>(from, from + next_k, low, high);
          simd::store(to, low);
          simd::store(to + lanes, high);
        } else {
          for (int c = 0; c < width; ++c) {
            const U* at = from + c * next_column;
            to[simd::lane_of_interleaved16<A>(c)] = c < count ? simd::make_pair16(at[0], pair ? at[next_k] : 0) : 0;
          }
        }
      }
    }

    /// Row `row` of x as 16-bit numbers without their zero point; returns their sum.
    std::int32_t widen(std::int64_t row, std::int16_t* to) const {
      const std::int64_t next = p.adj_x ? p.rows : 1;
      const T* from = x + (p.adj_x ? row : row * p.depth);
      const std::int32_t zero_point = quantization != nullptr ? quantization[row].zero_point : p.x_zero_point;
      std::int64_t k = 0;
      std::int32_t sum = 0;
      if (next == 1) {
        using W = simd::Int32<A>;
        constexpr int n = simd::lanes<std::int32_t, A>;
        const W offset(zero_point);
        W sums(0);
        for (; k + n <= p.depth; k += n) {
          const W values = simd::load_int32<A>(from + k) - offset;
          sums = sums + values;
          simd::store_saturated<A>(to + k, values);
        }
        sum = simd::sum(sums);
      }
      for (; k < p.depth; ++k) {
        const std::int32_t value = from[k * next] - zero_point;
        to[k] = static_cast<std::int16_t>(value);
        sum = detail::wrapping_add(sum, value);
      }
      if (p.depth % 2 != 0) to[p.depth] = 0;
      return sum;
    }

    template <int N> void tile(std::int64_t row, const Unit* panel, std::int64_t panel_step) {
      V sums[2 * N];
      TFL_UNROLL
      for (V& sum : sums) sum = V(Unit{});
      Out* to = out + row * p.columns;
      if constexpr (is_float) {
        const std::int64_t next_k = p.adj_x ? p.rows : 1, next_row = p.adj_x ? 1 : p.depth;
        const Unit* from = x + row * next_row;
        for (std::int64_t k = 0; k < p.depth; ++k, from += next_k, panel += panel_step) {
          const V y0 = simd::load<A>(panel), y1 = simd::load<A>(panel + lanes);
          TFL_UNROLL
          for (int n = 0; n < N; ++n) {
            const V value(from[n * next_row]);
            sums[2 * n] = simd::fma(value, y0, sums[2 * n]);
            sums[2 * n + 1] = simd::fma(value, y1, sums[2 * n + 1]);
          }
        }
        TFL_UNROLL
        for (int n = 0; n < N; ++n) keep(to + n * p.columns, sums[2 * n], sums[2 * n + 1]);
      } else {
        auto* pairs = reinterpret_cast<std::int32_t*>(memory + plan.panel_bytes);
        std::int32_t row_sums[N];
        TFL_UNROLL
        for (int n = 0; n < N; ++n) row_sums[n] = widen(row + n, reinterpret_cast<std::int16_t*>(pairs + n * plan.steps));
        if constexpr (is_wide) {
          std::int64_t wide[N * width] = {};
          for (std::int64_t k = 0; k < plan.steps; k += simd::max_dot16_pairs) {
            const std::int64_t end = k + simd::max_dot16_pairs < plan.steps ? k + simd::max_dot16_pairs : plan.steps;
            products<N>(pairs, panel, k, end, sums);
            TFL_UNROLL
            for (int i = 0; i < 2 * N; i += 2) {
              simd::in_order16<A>(sums[i], sums[i + 1]);
              std::int32_t part[width];
              simd::store(part, sums[i]);
              simd::store(part + lanes, sums[i + 1]);
              sums[i] = sums[i + 1] = V(0);
              for (int l = 0; l < width; ++l) wide[i * lanes + l] += part[l];
            }
          }
          TFL_UNROLL
          for (int n = 0; n < N; ++n) {
            for (int c = 0; c < count; ++c) to[n * p.columns + c] = requantized(wide[n * width + c], multipliers[0], p.range);
          }
        } else {
          products<N>(pairs, panel, 0, plan.steps, sums);
          TFL_UNROLL
          for (int n = 0; n < N; ++n) {
            simd::in_order16<A>(sums[2 * n], sums[2 * n + 1]);
            finish(row + n, row_sums[n], sums[2 * n], sums[2 * n + 1], to + n * p.columns);
          }
        }
      }
    }

    template <int N>
    TFL_ALWAYS_INLINE void products(const std::int32_t* pairs, const std::int32_t* panel, std::int64_t first, std::int64_t last,
                                    V* sums) const {
      const std::int64_t next_row = plan.steps;
      for (std::int64_t k = first; k < last; ++k) {
        const V y0 = simd::load<A>(panel + k * width), y1 = simd::load<A>(panel + k * width + lanes);
        TFL_UNROLL
        for (int n = 0; n < N; ++n) {
          const V value(pairs[n * next_row + k]);
          sums[2 * n] = simd::dot16<A>(sums[2 * n], value, y0);
          sums[2 * n + 1] = simd::dot16<A>(sums[2 * n + 1], value, y1);
        }
      }
    }

    template <class B> TFL_ALWAYS_INLINE void keep(typename B::value_type* to, const B& y0, const B& y1) const {
      if (count == width) {
        simd::store(to, y0);
        simd::store(to + lanes, y1);
      } else {
        typename B::value_type values[width];
        simd::store(values, y0);
        simd::store(values + lanes, y1);
        std::memcpy(to, values, static_cast<std::size_t>(count) * sizeof(values[0]));
      }
    }

    TFL_ALWAYS_INLINE void finish(std::int64_t row, std::int32_t row_sum, V sum0, V sum1, Out* to) const {
      if constexpr (std::is_same_v<Out, std::int32_t>) {
        keep(to, sum0, sum1);
      } else if constexpr (std::is_same_v<Out, float>) {
        using F = simd::Float32<A>;
        const F scale(quantization[row].scale);
        float scales[width];
        for (int c = 0; c < width; ++c) scales[c] = c < count ? std::bit_cast<float>(multipliers[column + c].mantissa) : 0.0f;
        keep(to, simd::to_float<A>(sum0) * (scale * simd::load<A>(scales)),
             simd::to_float<A>(sum1) * (scale * simd::load<A>(scales + lanes)));
      } else {
        const V correction(detail::wrapping_multiply(row_sum, p.y_zero_point)), zero_point(p.zero_point), lo(p.range.lo), hi(p.range.hi);
        const auto by = simd::LaneMultipliers<A>::broadcast(multipliers[0]);
        const V y0 = simd::min(simd::max(simd::multiply(sum0 - correction, by) + zero_point, lo), hi);
        const V y1 = simd::min(simd::max(simd::multiply(sum1 - correction, by) + zero_point, lo), hi);
        Out values[width];
        simd::store_saturated<A>(values, y0);
        simd::store_saturated<A>(values + lanes, y1);
        std::memcpy(to, values, static_cast<std::size_t>(count) * sizeof(Out));
      }
    }
  };

  static std::int16_t requantized(std::int64_t sum, Multiplier by, const Int32Range& range) {
    const std::int32_t y = detail::multiply_wide(sum, by);
    return static_cast<std::int16_t>(y < range.lo ? range.lo : y > range.hi ? range.hi : y);
  }

  /// Both sides in 16 bits, a rare type: plain 64-bit sums.
  template <class Run> static void multiply_wide(const Run& run, const std::int16_t* x, const std::int16_t* y, std::int16_t* out) {
    const Prepared& p = run.prepared;
    run.executor.parallel_for(p.batches * p.rows, p.depth * p.columns + 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t item = first; item < last; ++item) {
        std::int64_t x_matrix, y_matrix;
        offsets(p, item / p.rows, x_matrix, y_matrix);
        const std::int64_t row = item % p.rows, x_next = p.adj_x ? p.rows : 1, y_next = p.adj_y ? 1 : p.columns;
        const std::int16_t* a = x + x_matrix * p.rows * p.depth + (p.adj_x ? row : row * p.depth);
        for (std::int64_t c = 0; c < p.columns; ++c) {
          const std::int16_t* b = y + y_matrix * p.depth * p.columns + (p.adj_y ? c * p.depth : c);
          std::int64_t sum = 0;
          for (std::int64_t k = 0; k < p.depth; ++k) sum += std::int32_t{a[k * x_next]} * b[k * y_next];
          out[item * p.columns + c] = requantized(sum, run.multipliers[0], p.range);
        }
      }
    });
  }
};

}  // namespace tfl
