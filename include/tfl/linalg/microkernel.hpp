#pragma once
// The innermost loops of matrix products: a tile of rows times a packed panel of columns, sums in registers.
//
// A row is `segments` runs of `length` elements each, so that convolution windows need no copy: row m's run s begins at
// rows[s * row_step + m]. The panel holds its weights in the same order, see pack.hpp.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/config.hpp"
#include "tfl/linalg/tile_by_lane.hpp"
#include "tfl/linalg/tile_by_pair.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot.hpp"
#include "tfl/simd/int32.hpp"
#include "tfl/simd/select.hpp"

namespace tfl::linalg {

/// Rows of the largest tile: what fits the registers with two vectors a row, the weights and a broadcast.
template <class A> inline constexpr int tile_rows = 6;
template <> inline constexpr int tile_rows<simd::Sse41> = 4;
template <> inline constexpr int tile_rows<simd::Avx512> = 12;
template <> inline constexpr int tile_rows<simd::Avx512Vnni> = 14;
template <> inline constexpr int tile_rows<simd::Avx512Amx> = 14;
template <> inline constexpr int tile_rows<simd::Neon> = 8;
template <> inline constexpr int tile_rows<simd::NeonDotprod> = 8;
template <> inline constexpr int tile_rows<simd::NeonI8mm> = 8;

template <class T> struct TileInput {
  const T* const* rows;
  std::int64_t row_step;
  std::int64_t segments;
  std::int64_t length;
  std::int64_t offset;  // added to every row pointer: where a group's channels begin
  // What will be read soon: of each step's share of it, the cache is told.
  const std::byte* ahead = nullptr;
  std::int64_t ahead_step = 0;
};

struct FloatTileOutput {
  float* to;
  std::int64_t stride;
  int columns;  // of the panel that exist
  const float* bias;
  float lo, hi;
};

/// Rows of floats for a single vector of columns. Each product needs a load of its own then, and with more rows so do their addresses,
/// which don't fit the registers any more.
inline constexpr int most_single_rows = 8;

/// to[m][n] = clamp(bias[n] + sum x[m][k] * w[k][n]) for Rows rows and Vectors vectors of columns.
template <class A, int Rows, int Vectors>
TFL_NOINLINE void float_tile(const TileInput<float>& in, const float* weights, const FloatTileOutput& out) {
  using V = simd::Batch<float, A>;
  constexpr int L = simd::lanes<float, A>;
  // One sum each, however short the tile: a row's result must not depend on the rows beside it.
  V sum[Rows][Vectors];
  TFL_UNROLL
  for (int m = 0; m < Rows; ++m) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[m][v] = V(0.0f);
  }
  const float* w = weights;
  const std::byte* ahead = in.ahead != nullptr ? in.ahead : reinterpret_cast<const std::byte*>(weights);
  for (std::int64_t s = 0; s < in.segments; ++s) {
    const float* x[Rows];
    TFL_UNROLL
    for (int m = 0; m < Rows; ++m) x[m] = in.rows[s * in.row_step + m];
    if (in.offset != 0) {  // else compilers add it in vectors, and take them apart again
      TFL_UNROLL
      for (int m = 0; m < Rows; ++m) x[m] += in.offset;
    }
    std::int64_t k = 0;
    if constexpr (simd::has_by_lane<A, float>) k = add_products_by_lane<A, float>(x, in.length, w, sum);
    for (; k < in.length; ++k, w += Vectors * L) {
      TFL_PREFETCH(ahead);
      ahead += in.ahead_step;
      V column[Vectors];
      TFL_UNROLL
      for (int v = 0; v < Vectors; ++v) column[v] = simd::load<A>(w + v * L);
      TFL_UNROLL
      for (int m = 0; m < Rows; ++m) {
        const V element(x[m][k]);
        TFL_UNROLL
        for (int v = 0; v < Vectors; ++v) sum[m][v] = simd::fma(element, column[v], sum[m][v]);
      }
    }
  }
  const V lo(out.lo), hi(out.hi);
  const bool whole = out.columns == Vectors * L;
  TFL_UNROLL
  for (int m = 0; m < Rows; ++m) {
    float* to = out.to + m * out.stride;
    float part[Vectors * L];
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      simd::store((whole ? to : part) + v * L, simd::min(simd::max(sum[m][v] + simd::load<A>(out.bias + v * L), lo), hi));
    }
    if (!whole) std::memcpy(to, part, static_cast<std::size_t>(out.columns) * sizeof(float));
  }
}

/// One row times Panels neighbouring panels: to[p * width + n] = clamp(bias + sum x[k] * w[p][k][n]). Memory bounds it, not arithmetic, so
/// that it can afford to add in the order of k and to round every product and every sum, as the reference kernels do: float results
/// of fully connected networks are theirs, bit for bit. Many panels at once keep the adders busy.
template <class A, int Panels, int Vectors>
TFL_NOINLINE void float_row(const TileInput<float>& in, const float* panel, std::int64_t panel_step, const FloatTileOutput& out) {
  using V = simd::Batch<float, A>;
  constexpr int L = simd::lanes<float, A>, width = Vectors * L;
  V sum[Panels][Vectors];
  TFL_UNROLL
  for (int p = 0; p < Panels; ++p) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[p][v] = V(0.0f);
  }
  const float* w = panel + width;  // behind the bias
  for (std::int64_t s = 0; s < in.segments; ++s) {
    const float* x = in.rows[s * in.row_step] + in.offset;
    for (std::int64_t k = 0; k < in.length; ++k, w += width) {
      const V element(x[k]);
      TFL_UNROLL
      for (int p = 0; p < Panels; ++p) {
        TFL_UNROLL
        for (int v = 0; v < Vectors; ++v) sum[p][v] = sum[p][v] + simd::rounded(element * simd::load<A>(w + p * panel_step + v * L));
      }
    }
  }
  const V lo(out.lo), hi(out.hi);
  TFL_UNROLL
  for (int p = 0; p < Panels; ++p) {
    float part[width];
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      simd::store(part + v * L, simd::min(simd::max(sum[p][v] + simd::load<A>(panel + p * panel_step + v * L), lo), hi));
    }
    const int columns = out.columns - p * width < width ? out.columns - p * width : width;
    std::memcpy(out.to + p * width, part, static_cast<std::size_t>(columns) * sizeof(float));
  }
}

/// As add_products_by_lane(), two steps of Dot at once.
template <class A, class T, int Rows, int Vectors>
TFL_ALWAYS_INLINE std::int64_t add_two_steps(const T* const* x, std::int64_t count, const std::uint8_t*& w,
                                             simd::Int32<A> (&sum)[Rows][Vectors]) {
  using D = simd::Dot<A, T>;
  constexpr int vector = simd::lanes<std::int32_t, A> * D::depth, group = Vectors * vector;
  std::int64_t k = 0;
  for (; k + 4 * D::depth <= count; k += 4 * D::depth, w += 4 * group) {
    typename D::Weights column[4][Vectors];
    TFL_UNROLL
    for (int step = 0; step < 4; ++step) {
      TFL_UNROLL
      for (int v = 0; v < Vectors; ++v) column[step][v] = D::load(w + step * group + v * vector);
    }
    TFL_UNROLL
    for (int m = 0; m < Rows; ++m) {
      const auto row = D::four_steps(x[m] + k);
      TFL_UNROLL
      for (int v = 0; v < Vectors; ++v) {
        sum[m][v] = D::template two_steps<0>(sum[m][v], column[0][v], column[1][v], row);
        sum[m][v] = D::template two_steps<1>(sum[m][v], column[2][v], column[3][v], row);
      }
    }
  }
  return k;
}

/// sums[m][n] = sum x[m][k] * w[k][n] for Rows rows and Vectors vectors of columns; w and start as pack.hpp left them. TwoSteps: see
/// Dot::two_steps().
template <class A, class T, int Rows, int Vectors, bool TwoSteps = false>
TFL_NOINLINE void byte_tile(const TileInput<T>& in, const std::uint8_t* weights, const std::int32_t* start, std::int32_t* sums) {
  using D = simd::Dot<A, T>;
  using V = simd::Int32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  constexpr int Parts = Rows * Vectors >= 8 ? 1 : Rows * Vectors >= 4 ? 2 : 4;
  constexpr int group = L * D::depth;  // bytes of weights that one vector takes in one step
  V sum[Parts][Rows][Vectors];
  TFL_UNROLL
  for (int p = 0; p < Parts; ++p) {
    TFL_UNROLL
    for (int m = 0; m < Rows; ++m) {
      TFL_UNROLL
      for (int v = 0; v < Vectors; ++v) {
        sum[p][m][v] = simd::activation_offset_of<A, T>() != 0 && p == 0 ? simd::load<A>(start + v * L) : V(0);
      }
    }
  }
  const std::uint8_t* w = weights;
  // `count` elements of every row, from x[m]; all groups of depth but the last are whole in memory.
  const auto steps = [&](const auto* const* x, std::int64_t whole) {
    std::int64_t k = 0;
    if constexpr (simd::has_by_lane<A, T> && Parts == 1) k = add_products_by_lane<A, T>(x, whole, w, sum[0]);
    if constexpr (TwoSteps && Parts == 1) k = add_two_steps<A, T>(x, whole, w, sum[0]);
    if constexpr (has_by_pair<A, T> && Rows % 2 == 0) k = add_products_by_pair<A, T>(x, whole, w, sum[0]);
    for (; k + Parts * D::depth <= whole; k += Parts * D::depth, w += Parts * Vectors * group) {
      TFL_UNROLL
      for (int p = 0; p < Parts; ++p) {
        typename D::Weights column[Vectors];
        TFL_UNROLL
        for (int v = 0; v < Vectors; ++v) column[v] = D::load(w + (p * Vectors + v) * group);
        TFL_UNROLL
        for (int m = 0; m < Rows; ++m) {
          const auto element = D::broadcast(x[m] + k + p * D::depth);
          TFL_UNROLL
          for (int v = 0; v < Vectors; ++v) sum[p][m][v] = D::step(sum[p][m][v], column[v], element);
        }
      }
    }
    if constexpr (Parts > 1) {
      for (; k + D::depth <= whole; k += D::depth, w += Vectors * group) {
        TFL_UNROLL
        for (int m = 0; m < Rows; ++m) {
          const auto element = D::broadcast(x[m] + k);
          TFL_UNROLL
          for (int v = 0; v < Vectors; ++v) sum[0][m][v] = D::step(sum[0][m][v], D::load(w + v * group), element);
        }
      }
    }
    return k;
  };
  for (std::int64_t s = 0; s < in.segments; ++s) {
    const T* x[Rows];
    TFL_UNROLL
    for (int m = 0; m < Rows; ++m) x[m] = in.rows[s * in.row_step + m];
    if (in.offset != 0) {  // as in float_tile()
      TFL_UNROLL
      for (int m = 0; m < Rows; ++m) x[m] += in.offset;
    }
    if constexpr (D::staged) {
      constexpr int chunk = 64;
      std::int16_t stage[Rows][chunk];
      const std::int16_t* staged[Rows];
      for (int m = 0; m < Rows; ++m) staged[m] = stage[m];
      for (std::int64_t k = 0; k < in.length; k += chunk) {
        const int count = in.length - k < chunk ? static_cast<int>(in.length - k) : chunk;
        for (int m = 0; m < Rows; ++m) D::stage(x[m] + k, count, stage[m]);
        steps(staged, (count + D::depth - 1) / D::depth * D::depth);
      }
    } else {
      const std::int64_t k = steps(x, in.length);
      if (k < in.length) {
        T rest[Rows][D::depth] = {};
        for (int m = 0; m < Rows; ++m) std::memcpy(rest[m], x[m] + k, static_cast<std::size_t>(in.length - k));
        TFL_UNROLL
        for (int m = 0; m < Rows; ++m) {
          const auto element = D::broadcast(rest[m]);
          TFL_UNROLL
          for (int v = 0; v < Vectors; ++v) sum[0][m][v] = D::step(sum[0][m][v], D::load(w + v * group), element);
        }
        w += Vectors * group;
      }
    }
  }
  TFL_UNROLL
  for (int m = 0; m < Rows; ++m) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      V y = sum[0][m][v];
      TFL_UNROLL
      for (int p = 1; p < Parts; ++p) y = y + sum[p][m][v];
      simd::store(sums + (m * Vectors + v) * L, y);
    }
  }
}

/// What the packed weights' zero point adds to the sums of each of `count` rows.
template <class A, class T> void find_row_terms(const TileInput<T>& in, int count, std::int32_t weight_zero_point, std::int32_t* terms) {
  for (int m = 0; m < count; ++m) {
    const std::int32_t sum = simd::sum_of_runs<A>(in.rows + m, in.row_step, in.segments, in.offset, in.length);
    terms[m] = static_cast<std::int32_t>(0u - static_cast<std::uint32_t>(weight_zero_point) * static_cast<std::uint32_t>(sum));
  }
}

/// Calls tiles.run<Rows>(first) for tiles that cover `count` rows: the largest first, then smaller ones.
template <class A, class Tiles> TFL_ALWAYS_INLINE void for_each_tile(int count, const Tiles& tiles) {
  constexpr int most = tile_rows<A>;
  int m = 0;
  for (; m + most <= count; m += most) tiles.template run<most>(m);
  if constexpr (most > 8) {
    for (; m + 7 <= count; m += 7) tiles.template run<7>(m);
  }
  if constexpr (most > 4) {
    for (; m + 4 <= count; m += 4) tiles.template run<4>(m);
  }
  for (; m + 2 <= count; m += 2) tiles.template run<2>(m);
  if (m < count) tiles.template run<1>(m);
}

}  // namespace tfl::linalg
