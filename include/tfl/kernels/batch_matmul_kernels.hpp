#pragma once
// What multiplies in BATCH_MATMUL.
//
// The right matrix is cut into panels of two vectors' columns, packed as [step][column]; a few rows of the left one at a time are
// multiplied with a panel in registers. A step is one k in float, and a pair of 16-bit values (k, k + 1) in integers.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot16.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::detail {

/// What is the same in every run.
struct BatchMatMulPrepared {
  static constexpr int max_batch_dimensions = max_rank - 2;

  std::int64_t batches = 1, rows = 0, depth = 0, columns = 0;
  std::int32_t batch_rank = 0;
  std::int64_t extents[max_batch_dimensions] = {};
  std::int64_t x_steps[max_batch_dimensions] = {}, y_steps[max_batch_dimensions] = {};  // in matrices, 0 where broadcast
  std::int64_t x_matrices = 1;
  bool adj_x = false, adj_y = false, asymmetric = false;
  std::int32_t x_zero_point = 0, y_zero_point = 0, zero_point = 0;
  Int32Range range{};
};

/// How the work is cut for an architecture, and its scratch memory.
template <class A> struct BatchMatMulPlan {
  static constexpr int rows_at_once = 6;

  static constexpr int width = 2 * simd::lanes<std::int32_t, A>;  // columns of a panel
  std::int64_t steps, panels;
  std::int64_t panel_bytes, worker_bytes;
  std::int64_t row_quantization_bytes = 0, quantized_bytes = 0;

  static constexpr std::int64_t aligned(std::int64_t bytes) { return (bytes + 15) / 16 * 16; }

  constexpr BatchMatMulPlan(const BatchMatMulPrepared& p, bool is_float, bool hybrid) {
    steps = is_float ? p.depth : (p.depth + 1) / 2;
    panels = (p.columns + width - 1) / width;
    panel_bytes = aligned(steps * width * 4);
    worker_bytes = panel_bytes + (is_float ? 0 : aligned(rows_at_once * steps * 4));
    if (hybrid) {
      row_quantization_bytes = aligned(p.x_matrices * p.rows * static_cast<std::int64_t>(sizeof(RowQuantization)));
      // The last part serves a row gathered from columns.
      quantized_bytes = row_quantization_bytes + aligned(p.x_matrices * p.rows * p.depth) + (p.adj_x ? aligned(p.depth * 4) : 0);
    }
  }
};

/// The matrices of batch `b`.
template <class A> void batch_matmul_offsets(const BatchMatMulPrepared& p, std::int64_t b, std::int64_t& x, std::int64_t& y) {
  x = y = 0;
  for (int i = p.batch_rank - 1; i >= 0; --i) {
    const std::int64_t at = b % p.extents[i];
    b /= p.extents[i];
    x += at * p.x_steps[i];
    y += at * p.y_steps[i];
  }
}

/// Hybrid: every row of x as int8, with a scale of its own.
template <class A, class Run> void batch_matmul_quantize_rows(const Run& run, const float* x, RowQuantization* rows, std::int8_t* data) {
  const BatchMatMulPrepared& p = run.prepared;
  auto* gathered = reinterpret_cast<float*>(data + BatchMatMulPlan<A>::aligned(p.x_matrices * p.rows * p.depth));
  const auto quantize = [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t row = first; row < last; ++row) {
      const float* from = x + row * p.depth;
      if (p.adj_x) {
        const float* column = x + row / p.rows * p.rows * p.depth + row % p.rows;
        for (std::int64_t k = 0; k < p.depth; ++k) gathered[k] = column[k * p.rows];
        from = gathered;
      }
      rows[row] = p.asymmetric ? quantize_row_asymmetric<A>(from, p.depth, data + row * p.depth)
                               : quantize_row_symmetric<A>(from, p.depth, data + row * p.depth);
    }
  };
  if (p.adj_x) {
    quantize(0, p.x_matrices * p.rows, 0);  // one gathered row for all
  } else {
    run.executor.parallel_for(p.x_matrices * p.rows, p.depth + 1, quantize);
  }
}

constexpr std::int16_t batch_matmul_requantized(std::int64_t sum, Multiplier by, const Int32Range& range) {
  const std::int32_t y = multiply_wide(sum, by);
  return static_cast<std::int16_t>(y < range.lo ? range.lo : y > range.hi ? range.hi : y);
}

/// All rows times one panel.
template <class A, class T, class U, class Out> struct BatchMatMulPanel {
  static constexpr bool is_float = std::is_same_v<U, float>;
  static constexpr bool is_wide = std::is_same_v<T, std::int16_t>;
  using Unit = std::conditional_t<is_float, float, std::int32_t>;
  using V = simd::Batch<Unit, A>;
  static constexpr int lanes = simd::lanes<Unit, A>, width = 2 * lanes;
  static constexpr int rows_at_once = BatchMatMulPlan<A>::rows_at_once;

  const BatchMatMulPrepared& p;
  const BatchMatMulPlan<A>& plan;
  const T* x;
  const RowQuantization* quantization;  // hybrid: of each row
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
      sum = wrapping_add(sum, value);
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
          for (int c = 0; c < count; ++c) to[n * p.columns + c] = batch_matmul_requantized(wide[n * width + c], multipliers[0], p.range);
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
      const V correction(wrapping_multiply(row_sum, p.y_zero_point)), zero_point(p.zero_point), lo(p.range.lo), hi(p.range.hi);
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

/// All products, cut by panels.
template <class A, class T, class U, class Out, class Run>
void batch_matmul_panels(const Run& run, const BatchMatMulPrepared& p, const BatchMatMulPlan<A>& plan, std::byte* scratch, const T* x,
                         const RowQuantization* rows, const U* y, Out* out) {
  const std::int64_t cost = p.rows * p.depth * plan.width / 32 + 1;
  run.executor.parallel_for(p.batches * plan.panels, cost, [&](std::int64_t first, std::int64_t last, int worker) {
    std::byte* memory = scratch + worker * share_step(plan.worker_bytes);
    for (std::int64_t item = first; item < last; ++item) {
      const std::int64_t batch = item / plan.panels, panel = item % plan.panels, column = panel * plan.width;
      std::int64_t x_matrix, y_matrix;
      batch_matmul_offsets<A>(p, batch, x_matrix, y_matrix);
      const int count = static_cast<int>(p.columns - column < plan.width ? p.columns - column : plan.width);
      BatchMatMulPanel<A, T, U, Out> work{p,
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

/// Both sides in 16 bits, a rare type: plain 64-bit sums.
template <class Run> void batch_matmul_int16(const Run& run, const std::int16_t* x, const std::int16_t* y, std::int16_t* out) {
  const BatchMatMulPrepared& p = run.prepared;
  run.executor.parallel_for(p.batches * p.rows, p.depth * p.columns + 1, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t item = first; item < last; ++item) {
      std::int64_t x_matrix, y_matrix;
      batch_matmul_offsets<typename Run::Arch>(p, item / p.rows, x_matrix, y_matrix);
      const std::int64_t row = item % p.rows, x_next = p.adj_x ? p.rows : 1, y_next = p.adj_y ? 1 : p.columns;
      const std::int16_t* a = x + x_matrix * p.rows * p.depth + (p.adj_x ? row : row * p.depth);
      for (std::int64_t c = 0; c < p.columns; ++c) {
        const std::int16_t* b = y + y_matrix * p.depth * p.columns + (p.adj_y ? c * p.depth : c);
        std::int64_t sum = 0;
        for (std::int64_t k = 0; k < p.depth; ++k) sum += std::int32_t{a[k * x_next]} * b[k * y_next];
        out[item * p.columns + c] = batch_matmul_requantized(sum, run.multipliers[0], p.range);
      }
    }
  });
}

}  // namespace tfl::detail
