#pragma once
// Reducing some axes of a tensor: adjacent axes that share their fate are merged, so that the inner loop either runs over contiguous
// elements of one output or accumulates contiguous outputs in registers.

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tfl/kernels/op.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/narrower.hpp"
#include "tfl/simd/select.hpp"

namespace tfl::detail {

/// The loops of a reduction. Strides are in elements of the input.
struct ReductionPlan {
  struct Level {
    std::int64_t extent = 1, stride = 0;
  };
  std::array<Level, max_rank> kept{};   // loops over outputs, outermost first, without the contiguous ones
  std::array<Level, max_rank> outer{};  // loops over what goes into one output, outermost first, without the innermost
  std::int32_t kept_levels = 0, outer_levels = 0;
  Level run;                  // the innermost reduced loop
  std::int64_t columns = 1;   // contiguous outputs; 1 where the last axis is reduced
  std::int64_t rows = 1;      // outputs / columns
  std::int64_t elements = 1;  // that go into one output
};

/// Bit i of `axes` stands for axis i.
constexpr ReductionPlan plan_reduction(const Shape& shape, unsigned axes) {
  ReductionPlan plan;
  // Axes of one element are no loops; neighbours of the same kind are one loop.
  std::array<std::int64_t, max_rank> extent{};
  std::array<bool, max_rank> reduced{};
  std::size_t levels = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool is_reduced = (axes >> i & 1u) != 0;
    if (is_reduced) plan.elements *= shape[i];
    if (shape[i] == 1) continue;
    if (levels > 0 && reduced[levels - 1] == is_reduced) {
      extent[levels - 1] *= shape[i];
    } else {
      extent[levels] = shape[i];
      reduced[levels++] = is_reduced;
    }
  }
  std::int64_t stride = 1;
  bool innermost_reduced = true;
  // From the inside out; the lists are turned round afterwards.
  for (std::size_t level = levels; level-- > 0;) {
    if (!reduced[level] && level + 1 == levels) {
      plan.columns = extent[level];
    } else if (!reduced[level]) {
      plan.rows *= extent[level];
      plan.kept[static_cast<std::size_t>(plan.kept_levels++)] = {extent[level], stride};
    } else if (innermost_reduced) {
      plan.run = {extent[level], stride};
      innermost_reduced = false;
    } else {
      plan.outer[static_cast<std::size_t>(plan.outer_levels++)] = {extent[level], stride};
    }
    stride *= extent[level];
  }
  for (auto [list, count] : {std::pair{&plan.kept, plan.kept_levels}, std::pair{&plan.outer, plan.outer_levels}}) {
    for (int i = 0; i < count / 2; ++i) {
      std::swap((*list)[static_cast<std::size_t>(i)], (*list)[static_cast<std::size_t>(count - 1 - i)]);
    }
  }
  return plan;
}

/// Where the inputs of output row `row` start.
template <class A> std::int64_t start_of_row(const ReductionPlan& plan, std::int64_t row) {
  if (plan.kept_levels == 1) return row * plan.kept[0].stride;
  std::int64_t start = 0;
  for (auto level = static_cast<std::size_t>(plan.kept_levels); level-- > 0;) {
    start += row % plan.kept[level].extent * plan.kept[level].stride;
    row /= plan.kept[level].extent;
  }
  return start;
}

/// Calls f(first) for every innermost run of an output whose inputs start at `start`, in the order of memory.
template <class A, class T, class F> TFL_ALWAYS_INLINE void for_each_run(const ReductionPlan& plan, const T* start, F f) {
  if (plan.elements == 0) return;
  if (plan.outer_levels == 0) return f(start);
  std::array<std::int64_t, max_rank> index{};
  while (true) {
    f(start);
    auto level = static_cast<std::size_t>(plan.outer_levels);
    while (level > 0) {
      --level;
      const ReductionPlan::Level& l = plan.outer[level];
      start += l.stride;
      if (++index[level] < l.extent) break;
      start -= l.extent * l.stride;
      index[level] = 0;
      if (level == 0) return;
    }
  }
}

/// One output of contiguous runs. Op: `Element` and `Accumulator` types, identity(), and combine(accumulators, elements) in lanes.
template <class A, class Op> typename Op::Accumulator reduce_runs(const ReductionPlan& plan, const typename Op::Element* start) {
  using T = typename Op::Element;
  using Acc = typename Op::Accumulator;
  using B = simd::Batch<Acc, A>;
  constexpr int width = simd::lanes<Acc, A>;
  const std::int64_t count = plan.run.extent;
  simd::Lane<Acc> rest(Op::identity());
  if (count < width) {
    for_each_run<A>(plan, start, [&](const T* x) {
      for (std::int64_t i = 0; i < count; ++i) rest = Op::combine(rest, simd::load_as<simd::Scalar, Acc>(x + i));
    });
    return rest.value;
  }
  B a(Op::identity()), b = a, c = a, d = a;
  for_each_run<A>(plan, start, [&](const T* x) {
    std::int64_t i = 0;
    for (; i + 4 * width <= count; i += 4 * width) {
      a = Op::combine(a, simd::load_as<A, Acc>(x + i));
      b = Op::combine(b, simd::load_as<A, Acc>(x + i + width));
      c = Op::combine(c, simd::load_as<A, Acc>(x + i + 2 * width));
      d = Op::combine(d, simd::load_as<A, Acc>(x + i + 3 * width));
    }
    for (; i + width <= count; i += width) a = Op::combine(a, simd::load_as<A, Acc>(x + i));
    for (; i < count; ++i) rest = Op::combine(rest, simd::load_as<simd::Scalar, Acc>(x + i));
  });
  const B all = Op::combine(Op::combine(a, b), Op::combine(c, d));
  const auto combine = [](simd::Lane<Acc> x, simd::Lane<Acc> y) { return Op::combine(x, y); };
  return combine(rest, simd::Lane<Acc>(simd::fold_lanes<Acc>(all, combine))).value;
}

/// Vectors * lanes neighbouring outputs at once, all of whose inputs lie plan.run.stride apart.
template <class A, class Op, int Vectors, class Out, class Finish>
TFL_ALWAYS_INLINE void reduce_columns(const ReductionPlan& plan, const typename Op::Element* start, Out* out, const Finish& finish) {
  using T = typename Op::Element;
  using Acc = typename Op::Accumulator;
  using B = simd::Batch<Acc, A>;
  constexpr int width = simd::lanes<Acc, A>;
  B acc[Vectors];
  for (int v = 0; v < Vectors; ++v) acc[v] = B(Op::identity());
  for_each_run<A>(plan, start, [&](const T* x) {
    for (std::int64_t i = 0; i < plan.run.extent; ++i, x += plan.run.stride) {
      for (int v = 0; v < Vectors; ++v) acc[v] = Op::combine(acc[v], simd::load_as<A, Acc>(x + v * width));
    }
  });
  for (int v = 0; v < Vectors; ++v) finish.template store<A>(out + v * width, acc[v]);
}

/// Outputs first <= c < count of a row, fewer than the vectors of A take: by ever narrower ones.
template <class A, class Op, class Out, class Finish>
TFL_ALWAYS_INLINE void reduce_last_columns(const ReductionPlan& plan, const typename Op::Element* start, Out* out, std::int64_t first,
                                           std::int64_t count, const Finish& finish) {
  constexpr std::int64_t width = simd::lanes<typename Op::Accumulator, A>;
  for (; first + width <= count; first += width) reduce_columns<A, Op, 1>(plan, start + first, out + first, finish);
  if constexpr (!std::is_same_v<A, simd::Scalar>) {
    if (first < count) reduce_last_columns<simd::Narrower<A>, Op>(plan, start, out, first, count, finish);
  }
}

/// Runs a whole reduction. Finish: store<A>(Out* to, batch of accumulators).
template <class A, class Op, class Executor, class Out, class Finish>
void reduce(Executor& executor, const ReductionPlan& plan, const typename Op::Element* in, Out* out, const Finish& finish) {
  constexpr std::int64_t width = simd::lanes<typename Op::Accumulator, A>;
  if (plan.columns == 1) {
    executor.parallel_for(plan.rows, 4 + plan.elements / 8, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t row = first; row < last; ++row) {
        finish.template store<simd::Scalar>(
            out + row, simd::Lane<typename Op::Accumulator>(reduce_runs<A, Op>(plan, in + start_of_row<A>(plan, row))));
      }
    });
    return;
  }
  // Without vectors one output at a time: g++ 12.2 at -O3 with AVX-512VL turns a loop over several sums into wrong code.
  constexpr int vectors = std::is_same_v<A, simd::Scalar> ? 1 : 4;
  constexpr std::int64_t block = vectors * width;
  const std::int64_t blocks = (plan.columns + block - 1) / block;
  executor.parallel_for(plan.rows * blocks, 4 + plan.elements * 2, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t row = i / blocks, column = i % blocks * block;
      const auto* from = in + start_of_row<A>(plan, row) + column;
      Out* to = out + row * plan.columns + column;
      const std::int64_t count = plan.columns - column < block ? plan.columns - column : block;
      if (count == block) {
        reduce_columns<A, Op, vectors>(plan, from, to, finish);
        continue;
      }
      std::int64_t c = 0;
      for (; c + width <= count; c += width) reduce_columns<A, Op, 1>(plan, from + c, to + c, finish);
      if (c < count && count > width) {  // once more over some outputs, rather than one by one
        reduce_columns<A, Op, 1>(plan, from + count - width, to + count - width, finish);
        continue;
      }
      reduce_last_columns<A, Op>(plan, from, to, c, count, finish);
    }
  });
}

}  // namespace tfl::detail
