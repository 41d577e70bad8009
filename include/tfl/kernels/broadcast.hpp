#pragma once
// Broadcasting: shapes of several inputs become one list of few, long axes, and the loop over them.
//
// Shapes are aligned at their last dimension; a dimension of 1 stretches, and so does a missing one. Neighbouring axes along which
// every input either advances through all of its elements or stands still are one axis to a kernel.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tfl/config.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

/// N inputs broadcast to a dense output. Axes are listed outermost first; strides count elements.
template <int N> struct Broadcast {
  std::int32_t count = 0;  // elements of the output
  std::int32_t rank = 1;
  std::int32_t extents[max_rank] = {};
  std::int32_t strides[N][max_rank] = {};
  // Two inputs only: the input whose last `period` elements repeat along the innermost axis, or -1. It spares short inner loops, as in
  // image[H,W,3] * scale[3].
  std::int32_t periodic = -1;
  std::int32_t period = 0;

  /// How the input advances along the innermost axis: by 0 or 1 element.
  constexpr int step(int input) const { return strides[input][rank - 1]; }
  /// Whether no input repeats an element.
  constexpr bool is_elementwise() const {
    for (int i = 0; i < N; ++i) {
      if (rank != 1 || step(i) != 1) return false;
    }
    return periodic < 0;
  }
};

namespace detail {

/// The dimension of `shape` that meets axis `axis` of a shape of `rank` dimensions.
constexpr std::int32_t aligned_dimension(const Shape& shape, int axis, int rank) {
  const int own = axis - (rank - shape.rank());
  return own < 0 ? 1 : shape[own];
}

/// Inner loops shorter than this are worth repeating an input's elements for.
inline constexpr std::int32_t short_axis = 256;

constexpr void make_periodic(Broadcast<2>& plan) {
  if (plan.rank < 2) return;
  const int inner = plan.rank - 1, outer = plan.rank - 2;
  const std::int32_t period = plan.extents[inner];
  if (period >= short_axis || plan.step(0) != 1 || plan.step(1) != 1) return;
  for (int i = 0; i < 2; ++i) {
    if (plan.strides[i][outer] != 0 || plan.strides[1 - i][outer] != period) continue;
    plan.periodic = i;
    plan.period = period;
    plan.extents[outer] *= period;
    plan.strides[0][outer] = plan.strides[1][outer] = 1;
    --plan.rank;
    return;
  }
}

}  // namespace detail

/// Folds shapes that broadcast to `output`, whose count fits 31 bits.
template <int N> constexpr Broadcast<N> fold_broadcast(const Shape& output, const std::array<Shape, N>& inputs) {
  Broadcast<N> plan;
  plan.count = static_cast<std::int32_t>(output.count());
  std::int32_t passed[N];  // elements of each input inside of the axis
  for (int i = 0; i < N; ++i) passed[i] = 1;
  int axes = 0;  // innermost first for now
  for (int axis = output.rank() - 1; axis >= 0 && plan.count > 0; --axis) {
    const std::int32_t extent = output[axis];
    if (extent == 1) continue;
    std::int32_t strides[N] = {};
    bool continues = axes > 0;
    for (int i = 0; i < N; ++i) {
      const std::int32_t dimension = detail::aligned_dimension(inputs[static_cast<std::size_t>(i)], axis, output.rank());
      strides[i] = dimension == 1 ? 0 : passed[i];
      passed[i] *= dimension;
      continues = continues && strides[i] == plan.strides[i][axes - 1] * plan.extents[axes - 1];
    }
    if (continues) {
      plan.extents[axes - 1] *= extent;
    } else {
      plan.extents[axes] = extent;
      for (int i = 0; i < N; ++i) plan.strides[i][axes] = strides[i];
      ++axes;
    }
  }
  if (axes == 0) {
    plan.extents[0] = plan.count;
    for (int i = 0; i < N; ++i) plan.strides[i][0] = 1;
    axes = 1;
  }
  plan.rank = axes;
  for (int low = 0, high = axes - 1; low < high; ++low, --high) {
    const auto swap = [low, high](std::int32_t* list) {
      const std::int32_t kept = list[low];
      list[low] = list[high];
      list[high] = kept;
    };
    swap(plan.extents);
    for (int i = 0; i < N; ++i) swap(plan.strides[i]);
  }
  if constexpr (N == 2) detail::make_periodic(plan);
  return plan;
}

/// The shape that inputs 0 to N - 1 broadcast to; every rule of broadcasting is checked here.
template <int N> constexpr Violation broadcast_shape(const NodeDescription& node, Shape& shape) {
  int rank = 0, ones = 0;
  for (int i = 0; i < N; ++i) {
    const Shape& input = node.input(i).shape;
    rank = rank > input.rank() ? rank : input.rank();
    ones = ones > input.leading_ones() ? ones : input.leading_ones();
  }
  shape = Shape::of_rank(rank);
  for (int i = 0; i < N; ++i) {
    const Shape& input = node.input(i).shape;
    for (int axis = rank - input.rank(); axis < rank; ++axis) {
      const std::int32_t dimension = detail::aligned_dimension(input, axis, rank);
      if (dimension == shape[axis] || dimension == 1) continue;
      if (shape[axis] != 1) {
        return input_violation(i, ErrorCode::invalid_shape, "does not broadcast: its dimension {} is {}, that of an input before it {}",
                               axis - (rank - input.rank()), dimension, shape[axis]);
      }
      shape[axis] = dimension;
    }
  }
  shape.add_leading_ones(ones);
  if (shape.checked_count() < 0) {
    return node_violation(ErrorCode::invalid_shape, "the inputs broadcast to more than 2147483647 elements");
  }
  return {};
}

/// The folded shapes of a node whose inference went well.
template <int N> constexpr Broadcast<N> broadcast_of(const NodeDescription& node) {
  std::array<Shape, N> inputs;
  for (int i = 0; i < N; ++i) inputs[static_cast<std::size_t>(i)] = node.input(i).shape;
  return fold_broadcast<N>(node.output(0).shape, inputs);
}

/// Calls run(offsets, output offset, count) for the runs that make up the output's elements first to last - 1. A run stays inside of one
/// innermost axis; offsets count elements, of each input. `at` is where the run begins on that axis.
template <class A, int N, class F> void for_each_run(const Broadcast<N>& plan, std::int64_t first, std::int64_t last, F run) {
  if (first >= last) return;
  const int inner = plan.rank - 1;
  const std::int64_t length = plan.extents[inner];
  std::int64_t offsets[N] = {};
  std::int32_t index[max_rank] = {};
  std::int64_t outer = first / length, at = first % length;
  for (int axis = inner - 1; axis >= 0; --axis) {
    index[axis] = static_cast<std::int32_t>(outer % plan.extents[axis]);
    outer /= plan.extents[axis];
    for (int i = 0; i < N; ++i) offsets[i] += std::int64_t{index[axis]} * plan.strides[i][axis];
  }
  while (first < last) {
    const std::int64_t count = length - at < last - first ? length - at : last - first;
    run(offsets, at, first, count);
    first += count;
    at = 0;
    for (int axis = inner - 1; axis >= 0; --axis) {
      for (int i = 0; i < N; ++i) offsets[i] += plan.strides[i][axis];
      if (++index[axis] < plan.extents[axis]) break;
      index[axis] = 0;
      for (int i = 0; i < N; ++i) offsets[i] -= std::int64_t{plan.extents[axis]} * plan.strides[i][axis];
    }
  }
}

/// out[i] = f(a[i * step_a], b[i * step_b]) for `count` > 0 elements; steps are 0 or 1. Elements are read before those of the same
/// index are written, and nothing else is read.
using PairFunction = void (*)(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters);

/// Runs a function over elements first to last - 1 of a broadcast output. Knows sizes and no types, so that one copy serves all ops.
template <class A>
void run_pairs(const Broadcast<2>& plan, const void* a, const void* b, std::int64_t input_bytes, void* out, std::int64_t output_bytes,
               std::int64_t first, std::int64_t last, PairFunction function, const void* parameters) {
  const auto* const bytes_a = static_cast<const std::byte*>(a);
  const auto* const bytes_b = static_cast<const std::byte*>(b);
  auto* const bytes_out = static_cast<std::byte*>(out);
  if (plan.periodic < 0) {
    const int step_a = plan.step(0), step_b = plan.step(1);
    for_each_run<A>(plan, first, last, [&](const std::int64_t* offsets, std::int64_t at, std::int64_t output, std::int64_t count) {
      function(bytes_a + (offsets[0] + at * step_a) * input_bytes, step_a, bytes_b + (offsets[1] + at * step_b) * input_bytes, step_b,
               bytes_out + output * output_bytes, count, parameters);
    });
    return;
  }
  alignas(64) std::byte tile[2048];  // the periodic input's elements again and again
  const std::int64_t period = plan.period, room = static_cast<std::int64_t>(sizeof(tile)) / input_bytes / period * period;
  const bool first_repeats = plan.periodic == 0;
  for_each_run<A>(plan, first, last, [&](const std::int64_t* offsets, std::int64_t at, std::int64_t output, std::int64_t count) {
    const std::byte* const repeated = (first_repeats ? bytes_a + offsets[0] * input_bytes : bytes_b + offsets[1] * input_bytes);
    const std::byte* const other = (first_repeats ? bytes_b + offsets[1] * input_bytes : bytes_a + offsets[0] * input_bytes);
    std::int64_t phase = at % period;
    const std::int64_t wanted = phase + count < room ? phase + count : room;
    for (std::int64_t filled = 0; filled < wanted; filled += period) {
      std::memcpy(tile + filled * input_bytes, repeated, static_cast<std::size_t>(period * input_bytes));
    }
    while (count > 0) {
      const std::int64_t n = room - phase < count ? room - phase : count;
      const std::byte* const from_tile = tile + phase * input_bytes;
      const std::byte* const from_other = other + at * input_bytes;
      function(first_repeats ? from_tile : from_other, 1, first_repeats ? from_other : from_tile, 1, bytes_out + output * output_bytes, n,
               parameters);
      at += n;
      output += n;
      count -= n;
      phase = 0;
    }
  });
}

/// The same, over all elements, split among the executor's threads. `cost` is in nanoseconds per element.
template <class Run, class In, class Out>
void run_pairs(const Run& run, const Broadcast<2>& plan, In a, In b, Out out, PairFunction function, const void* parameters,
               std::int64_t cost = 1) {
  run.executor.parallel_for(plan.count, cost, [&](std::int64_t first, std::int64_t last, int) {
    run_pairs<typename Run::Arch>(plan, a.data(), b.data(), sizeof(typename In::value_type), out.data(), sizeof(typename Out::value_type),
                                  first, last, function, parameters);
  });
}

}  // namespace tfl
