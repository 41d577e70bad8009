#pragma once
// A row times a matrix of which most is zeros: only the runs of 16 bytes of its rows that hold something are kept, and multiplied.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tfl/simd/run_sum.hpp"

namespace tfl::linalg {

/// How the matrix lies in memory: for each row where its runs begin and (of bytes) the sum of its elements, then for each run the column
/// where it begins, then the runs' elements.
struct SparseRows {
  std::int64_t rows = 0, depth = 0, runs = 0;

  /// Runs of a matrix without zeros. Rows are cut from their start; the last run may lack some.
  static constexpr std::int64_t all_runs(std::int64_t rows, std::int64_t row_bytes) { return rows * ((row_bytes + 15) / 16); }
  /// Whether skipping zeros is faster, for so many rows of activations, than reading every weight once for all of them: measured, from
  /// two thirds of zeros on where the weights are more than the caches hold, and from four fifths on where they are not.
  static constexpr bool pays(std::int64_t runs, std::int64_t all, std::int64_t times) {
    const std::int64_t gain = 16 * all > (1 << 20) ? 3 : 5;
    return runs > 0 && times <= 4 && times * gain * runs <= all;
  }

  constexpr std::int64_t sums_at() const { return 4 * (rows + 1); }
  constexpr std::int64_t columns_at() const { return sums_at() + 4 * rows; }
  constexpr std::int64_t elements_at() const { return (columns_at() + 4 * runs + 15) / 16 * 16; }
  constexpr std::int64_t bytes() const { return elements_at() + 16 * runs; }
};

/// Requires rows of at least 16 bytes, and as many runs as the matrix has.
template <class A, class T> void pack_sparse(const SparseRows& m, const T* weights, std::byte* to) {
  constexpr std::int64_t run = 16 / sizeof(T);
  auto* const starts = reinterpret_cast<std::int32_t*>(to);
  auto* const sums = reinterpret_cast<std::int32_t*>(to + m.sums_at());
  auto* const columns = reinterpret_cast<std::int32_t*>(to + m.columns_at());
  auto* const elements = reinterpret_cast<T*>(to + m.elements_at());
  std::int64_t count = 0;
  for (std::int64_t n = 0; n < m.rows; ++n) {
    const T* const row = weights + n * m.depth;
    starts[n] = static_cast<std::int32_t>(count);
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < m.depth; k += run) {
      const std::int64_t length = m.depth - k < run ? m.depth - k : run;
      bool any = false;
      for (std::int64_t i = 0; i < length; ++i) {
        any = any || row[k + i] != T{};
        if constexpr (sizeof(T) == 1) sum += row[k + i];
      }
      if (!any) continue;
      // The last run begins earlier, so that it ends with the row; what the one before it has is 0 there.
      T* const out = elements + count * run;
      std::memset(static_cast<void*>(out), 0, 16);
      std::memcpy(out + run - length, row + k, static_cast<std::size_t>(length) * sizeof(T));
      columns[count++] = static_cast<std::int32_t>(k + length - run);
    }
    sums[n] = sum;
  }
  starts[m.rows] = static_cast<std::int32_t>(count);
}

/// finish(n, sum of (x - x_zero) * w over row n) for each row.
template <class A, class T, class Executor, class Finish>
void multiply_sparse(Executor& executor, const SparseRows& m, const std::byte* packed, const T* x, [[maybe_unused]] std::int32_t x_zero,
                     Finish finish) {
  constexpr std::int64_t run = 16 / sizeof(T);
  const auto* const starts = reinterpret_cast<const std::int32_t*>(packed);
  const auto* const sums = reinterpret_cast<const std::int32_t*>(packed + m.sums_at());
  const auto* const columns = reinterpret_cast<const std::int32_t*>(packed + m.columns_at());
  const auto* const elements = reinterpret_cast<const T*>(packed + m.elements_at());
  executor.parallel_for(m.rows, 1 + m.runs / (m.rows + 1), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t n = first; n < last; ++n) {
      simd::RunSum<A, T> even, odd;
      std::int64_t i = starts[n];
      const std::int64_t end = starts[n + 1];
      for (; i + 2 <= end; i += 2) {
        even.add(x + columns[i], elements + i * run);
        odd.add(x + columns[i + 1], elements + (i + 1) * run);
      }
      if (i < end) even.add(x + columns[i], elements + i * run);
      if constexpr (sizeof(T) == 1) {
        // As everywhere, sums wrap around.
        finish(n, static_cast<std::int32_t>(static_cast<std::uint32_t>(even.total()) + static_cast<std::uint32_t>(odd.total()) -
                                            static_cast<std::uint32_t>(x_zero) * static_cast<std::uint32_t>(sums[n])));
      } else {
        finish(n, even.total() + odd.total());
      }
    }
  });
}

}  // namespace tfl::linalg
