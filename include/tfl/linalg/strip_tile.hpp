#pragma once
// Tiles over a strip: activations in our own memory, where every row reaches all that it needs at the same distances. One table of
// distances then serves all rows, and reading past a run is allowed: zero weights meet what lies there.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tfl/config.hpp"
#include "tfl/linalg/epilogue.hpp"
#include "tfl/linalg/microkernel.hpp"
#include "tfl/simd/staged_dot.hpp"

namespace tfl::linalg {

/// Row m reads, in step i, D::depth elements at rows[m] + distances[i].
template <class D> struct StripInput {
  const typename D::Element* const* rows;
  const std::int32_t* distances;
  std::int64_t steps;
  int steps_of_run;
  const std::byte* ones;  // weights of 1 add the activations up; 64 bytes on are those for a run's last step, 0 for what lies behind it
};

namespace detail {

/// sum[m][v] += row m * the v-th vector of columns; with Terms, term[m] += the row's elements, in every lane.
template <class D, int Rows, int Vectors, bool Terms>
TFL_ALWAYS_INLINE void add_strip(const StripInput<D>& in, const std::byte* weights, typename D::Sum (&sum)[Rows][Vectors],
                                 typename D::Sum* term) {
  constexpr std::int64_t vector_bytes = static_cast<std::int64_t>(sizeof(typename D::Sum)) / 4 * D::depth * D::weight_bytes;
  const typename D::Element* x[Rows];
  TFL_UNROLL
  for (int m = 0; m < Rows; ++m) x[m] = in.rows[m];
  const std::byte* w = weights;
  [[maybe_unused]] int left = in.steps_of_run;
  for (std::int64_t i = 0; i < in.steps; ++i, w += Vectors * vector_bytes) {
    const std::int64_t at = in.distances[i];
    typename D::Weights column[Vectors];
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) column[v] = D::load(w + v * vector_bytes);
    [[maybe_unused]] typename D::Weights one;
    if constexpr (Terms) {
      --left;
      one = D::load(in.ones + (left == 0 ? 64 : 0));
      if (left == 0) left = in.steps_of_run;
    }
    TFL_UNROLL
    for (int m = 0; m < Rows; ++m) {
      const auto element = D::broadcast(x[m] + at);
      TFL_UNROLL
      for (int v = 0; v < Vectors; ++v) sum[m][v] = D::step(sum[m][v], column[v], element);
      if constexpr (Terms) term[m] = D::step(term[m], one, element);
    }
  }
}

}  // namespace detail

/// sums[m][n] = sum x[m][k] * w[k][n]; with Terms plus `factor` times the sum of x[m][k].
template <class A, class D, int Rows, int Vectors, bool Terms>
TFL_NOINLINE void strip_byte_tile(const StripInput<D>& in, const std::byte* weights, std::int32_t factor, std::int32_t* sums) {
  using V = simd::Int32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  V sum[Rows][Vectors], term[Rows];
  TFL_UNROLL
  for (int m = 0; m < Rows; ++m) {
    term[m] = V(0);
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[m][v] = V(0);
  }
  detail::add_strip<D, Rows, Vectors, Terms>(in, weights, sum, term);
  TFL_UNROLL
  for (int m = 0; m < Rows; ++m) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      if constexpr (Terms) sum[m][v] = sum[m][v] + term[m] * V(factor);
      simd::store(sums + (m * Vectors + v) * L, sum[m][v]);
    }
  }
}

/// to[m][n] = clamp(bias[n] + sum x[m][k] * w[k][n])
template <class A, int Rows, int Vectors>
TFL_NOINLINE void strip_float_tile(const StripInput<simd::StagedDot<A, float>>& in, const std::byte* weights, const FloatTileOutput& out) {
  using V = simd::Float32<A>;
  constexpr int L = simd::lanes<float, A>;
  V sum[Rows][Vectors];
  TFL_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    const V bias = simd::load<A>(out.bias + v * L);
    TFL_UNROLL
    for (int m = 0; m < Rows; ++m) sum[m][v] = bias;
  }
  detail::add_strip<simd::StagedDot<A, float>, Rows, Vectors, false>(in, weights, sum, nullptr);
  const V lo(out.lo), hi(out.hi);
  const bool whole = out.columns == Vectors * L;
  TFL_UNROLL
  for (int m = 0; m < Rows; ++m) {
    float* to = out.to + m * out.stride;
    float part[Vectors * L];
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) simd::store((whole ? to : part) + v * L, simd::min(simd::max(sum[m][v], lo), hi));
    if (!whole) std::memcpy(to, part, static_cast<std::size_t>(out.columns) * sizeof(float));
  }
}

/// The tiles of one panel, for for_each_tile().
template <class A, class D, bool Terms> struct StripByteTiles {
  StripInput<D> in;
  const std::byte* weights;
  std::int32_t factor;
  std::int32_t* sums;
  int vectors;
  template <int Rows> void run(int m) const {
    constexpr int L = simd::lanes<std::int32_t, A>;
    const StripInput<D> from{in.rows + m, in.distances, in.steps, in.steps_of_run, in.ones};
    if (vectors == 2) {
      strip_byte_tile<A, D, Rows, 2, Terms>(from, weights, factor, sums + m * 2 * L);
    } else {
      strip_byte_tile<A, D, Rows, 1, Terms>(from, weights, factor, sums + m * L);
    }
  }
};
template <class A> struct StripFloatTiles {
  StripInput<simd::StagedDot<A, float>> in;
  const std::byte* weights;
  FloatTileOutput out;
  int vectors;
  template <int Rows> void run(int m) const {
    const StripInput<simd::StagedDot<A, float>> from{in.rows + m, in.distances, in.steps, in.steps_of_run, in.ones};
    FloatTileOutput y = out;
    y.to += m * out.stride;
    if (vectors == 2) {
      strip_float_tile<A, Rows, 2>(from, weights, y);
    } else if constexpr (Rows > most_single_rows) {
      run<Rows / 2>(m);
      run<Rows - Rows / 2>(m + Rows / 2);
    } else {
      strip_float_tile<A, Rows, 1>(from, weights, y);
    }
  }
};

}  // namespace tfl::linalg
