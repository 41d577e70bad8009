#pragma once
// Matrix products rows x packed panels, split over an executor. Where the rows come from is the caller's: `fill(first, count, worker, few)`
// returns the table of run pointers of rows first <= m < first + count, see microkernel.hpp; `few` has room for one run of each row.

#include <cstdint>
#include <type_traits>

#include "tfl/linalg/epilogue.hpp"
#include "tfl/linalg/microkernel.hpp"
#include "tfl/linalg/pack.hpp"
#include "tfl/linalg/tile_gemm.hpp"

namespace tfl::linalg {

/// Calls body(first tile, last tile, first panel, last panel, worker) so that every tile meets every panel of every group: cut between
/// tiles where there are many, else anywhere. Results don't depend on the cut: each (tile, panel) is computed in one piece.
template <class Executor, class Body>
void for_tiles_and_panels(Executor& executor, std::int64_t tiles, std::int64_t panels, std::int64_t cost, Body body) {
  if (executor.workers() == 1 || tiles >= 8 * executor.workers()) {
    executor.parallel_for(tiles, cost * panels,
                          [&](std::int64_t first, std::int64_t last, int worker) { body(first, last, std::int64_t{0}, panels, worker); });
    return;
  }
  executor.parallel_for(tiles * panels, cost, [&](std::int64_t first, std::int64_t last, int worker) {
    while (first < last) {
      const std::int64_t tile = first / panels, begin = first % panels, left = last - first;
      if (begin == 0 && left >= panels) {
        body(tile, tile + left / panels, 0, panels, worker);
        first += left / panels * panels;
      } else {
        const std::int64_t end = left < panels - begin ? begin + left : panels;
        body(tile, tile + 1, begin, end, worker);
        first += end - begin;
      }
    }
  });
}

/// About the nanoseconds of one tile and panel.
constexpr std::int64_t tile_cost(const PanelLayout& layout, std::int64_t rows, std::int64_t products_a_nanosecond) {
  return 1 + rows * layout.segments * layout.length * 2 * layout.lanes / products_a_nanosecond;
}

namespace detail {
template <class T> TFL_ALWAYS_INLINE TileInput<T> from_row(TileInput<T> in, int m) {
  in.rows += m;
  return in;
}
}  // namespace detail

/// The tiles of one panel, for for_each_tile().
template <class A> struct FloatTiles {
  TileInput<float> in;
  const float* weights;
  FloatTileOutput out;
  int vectors;
  template <int Rows> void run(int m) const {
    FloatTileOutput y = out;
    y.to += m * out.stride;
    if (vectors == 2) {
      float_tile<A, Rows, 2>(detail::from_row(in, m), weights, y);
    } else if constexpr (Rows > most_single_rows) {
      run<Rows / 2>(m);
      run<Rows - Rows / 2>(m + Rows / 2);
    } else {
      float_tile<A, Rows, 1>(detail::from_row(in, m), weights, y);
    }
  }
};
/// Rows that a product takes at once, for which `fill` is asked; sums of so many rows of bytes and a panel.
template <class A> inline constexpr int byte_rows = simd::has_tiles<A> ? simd::most_tile_rows : tile_rows<A>;
template <class A, class T> inline constexpr int rows_at_once = sizeof(T) == 1 ? byte_rows<A> : tile_rows<A>;
template <class A> inline constexpr int tile_sums = byte_rows<A> * 2 * simd::lanes<std::int32_t, A>;
template <class A, class T> struct ByteTiles {
  TileInput<T> in;
  const std::uint8_t* weights;
  const std::int32_t* start;
  std::int32_t* sums;
  int vectors;
  bool two_steps;
  template <int Rows> void run(int m) const {
    constexpr int L = simd::lanes<std::int32_t, A>;
    if (vectors == 1) return byte_tile<A, T, Rows, 1>(detail::from_row(in, m), weights, start, sums + m * L);
    if constexpr (simd::has_two_steps<A, T>) {
      if (two_steps) return byte_tile<A, T, Rows, 2, true>(detail::from_row(in, m), weights, start, sums + m * 2 * L);
    }
    byte_tile<A, T, Rows, 2>(detail::from_row(in, m), weights, start, sums + m * 2 * L);
  }
};

/// Tiles of floats for which weights are read once: several where the weights don't stay in the second cache. `fill` has that many tables
/// for each worker.
constexpr std::int64_t float_tables(const PanelLayout& layout) {
  const std::int64_t bytes = layout.groups * layout.panels() * layout.panel_bytes(2);
  // Windows of several taps read more rows than pixels do, which want to stay in the cache as well.
  return bytes > (layout.segments == 1 ? 128 * 1024 : 1024 * 1024) ? 8 : 1;
}

/// multiply_float for a single row.
template <class A, class Executor>
void multiply_float_row(Executor& executor, const PanelLayout& layout, std::int64_t group_offset, const std::byte* packed,
                        const float* const* table, int row_step, FloatRange range, float* out) {
  constexpr int at_once = 4;
  const std::int64_t panels = layout.panels(), blocks = (panels + at_once - 1) / at_once;
  executor.parallel_for(blocks * layout.groups, at_once * tile_cost(layout, 1, 8), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t g = i / blocks, begin = i % blocks * at_once, end = begin + at_once < panels ? begin + at_once : panels;
      const TileInput<float> in{table, row_step, layout.segments, layout.length, g * group_offset};
      const auto panel_at = [&](std::int64_t p) { return reinterpret_cast<const float*>(packed + layout.panel_offset(g, p)); };
      const auto output_at = [&](std::int64_t p, int columns) {
        return FloatTileOutput{out + g * layout.columns + p * 2 * layout.lanes, 0, columns, nullptr, range.lo, range.hi};
      };
      if (end - begin == at_once && layout.vectors(end - 1) == 2) {
        const int columns = static_cast<int>(layout.columns - begin * 2 * layout.lanes);
        float_row<A, at_once, 2>(in, panel_at(begin), layout.panel_bytes(2) / 4,
                                 output_at(begin, columns < at_once * 2 * layout.lanes ? columns : at_once * 2 * layout.lanes));
        continue;
      }
      for (std::int64_t p = begin; p < end; ++p) {
        if (layout.vectors(p) == 2) {
          float_row<A, 1, 2>(in, panel_at(p), 0, output_at(p, layout.columns_of(p)));
        } else {
          float_row<A, 1, 1>(in, panel_at(p), 0, output_at(p, layout.columns_of(p)));
        }
      }
    }
  });
}

/// out[m][g * columns + n] = clamp(bias + sum over k of row m of group g [k] * w[k][n]). A group's rows begin group_offset elements on.
/// Each worker fills float_tables() tables, which `fill` tells apart as if they were those of so many workers.
template <class A, class Executor, class Fill>
void multiply_float(Executor& executor, const PanelLayout& layout, std::int64_t rows, std::int64_t group_offset, const std::byte* packed,
                    Fill fill, FloatRange range, float* out) {
  constexpr int R = tile_rows<A>;
  if (rows == 1) {
    const float* few[R];
    const float* const* table = fill(0, 1, 0, few);
    return multiply_float_row<A>(executor, layout, group_offset, packed, table, R, range, out);
  }
  const std::int64_t panels = layout.panels(), stride = layout.groups * layout.columns;
  constexpr int most_at_once = 8;
  const std::int64_t table_count = float_tables(layout);
  const bool streams = table_count > 1;
  for_tiles_and_panels(
      executor, (rows + R - 1) / R, panels * layout.groups, tile_cost(layout, R, 32),
      [&](std::int64_t first_tile, std::int64_t last_tile, std::int64_t first_panel, std::int64_t last_panel, int worker) {
        const PanelPlaces places(layout);
        const float* few[most_at_once][R];
        const float* const* tables[most_at_once];
        const auto count_of = [&](std::int64_t tile) { return rows - tile * R < R ? static_cast<int>(rows - tile * R) : R; };
        for (std::int64_t tile = first_tile; tile < last_tile;) {
          int at_once = 0;
          do {
            const int slot = static_cast<int>(worker * table_count) + at_once;
            tables[at_once] = fill((tile + at_once) * R, count_of(tile + at_once), slot, few[at_once]);
            ++at_once;
          } while (at_once < table_count && tile + at_once < last_tile);
          auto cursor = places.cursor(first_panel);
          for (std::int64_t i = first_panel; i < last_panel; ++i) {
            const std::int64_t g = cursor.group, p = cursor.panel;
            cursor.advance();
            const auto* at = reinterpret_cast<const float*>(packed + places(g, p));
            const int vectors = layout.vectors(p);
            const float* weights = at + vectors * layout.lanes;
            // Each tile fetches its part of the next panel.
            const std::byte* next = streams && i + 1 < last_panel ? packed + places(cursor.group, cursor.panel) : nullptr;
            const std::int64_t part = next != nullptr ? layout.panel_bytes(vectors) / at_once : 0;
            const std::int64_t ahead_step = next != nullptr ? vectors * layout.lanes * std::int64_t{sizeof(float)} / at_once : 0;
            for (int t = 0; t < at_once; ++t) {
              float* to = out + (tile + t) * R * stride + g * layout.columns + p * 2 * layout.lanes;
              for_each_tile<A>(count_of(tile + t), FloatTiles<A>{{tables[t], R, layout.segments, layout.length, g * group_offset,
                                                                  next != nullptr ? next + t * part : nullptr, ahead_step},
                                                                 weights,
                                                                 {to, stride, layout.columns_of(p), at, range.lo, range.hi},
                                                                 vectors});
            }
          }
          tile += at_once;
        }
      });
}

/// A tile whose sums are not finished yet.
struct PendingTile {
  BytePanel panel{};
  std::int64_t first = 0;
  int count = 0;
  std::int64_t column = 0;
  int columns = 0;
  bool bare = true;
};

/// Sums of byte products, tile by tile, for `finish(panel, sums, first row, rows, row terms, first column, columns, bare)`: see TileOutput.
/// weight_zero_point is the packed weights': their own plus Dot's weight_offset. staging: staging_bytes() for each worker.
template <class A, class T, class Executor, class Fill, class Finish>
void multiply_bytes(Executor& executor, const PanelLayout& layout, std::int64_t rows, std::int64_t group_offset,
                    std::int32_t weight_zero_point, const std::byte* packed, [[maybe_unused]] std::byte* staging, Fill fill,
                    Finish finish) {
  constexpr int R = byte_rows<A>;
  const std::int64_t panels = layout.panels();
  [[maybe_unused]] const std::int64_t staged = staging_bytes<A>(layout, rows);
  const auto panel_at = [&](const PanelPlaces& places, std::int64_t g, std::int64_t p) {
    return BytePanel{const_cast<std::byte*>(packed) + places(g, p), layout.vectors(p) * layout.lanes};
  };
  const auto weights_of = [&](const BytePanel& panel, int vectors) {
    return reinterpret_cast<const std::uint8_t*>(panel.at + layout.table_bytes(vectors));
  };
#if TFL_HAS_TILES
  if constexpr (simd::has_tiles<A>) {
    if (rows >= fewest_tile_rows && simd::tiles_allowed()) {
      const TileCut cut(rows);
      for_tiles_and_panels(
          executor, cut.pieces, panels * layout.groups, tile_cost(layout, R, 512),
          [&](std::int64_t first_piece, std::int64_t last_piece, std::int64_t first_panel, std::int64_t last_panel, int worker) {
            const PanelPlaces places(layout);
            const std::int64_t steps = layout.steps() * layout.depth / simd::tile_step;
            const simd::TileSession session(cut.height);
            alignas(64) std::byte on_stack[staged_on_stack];
            TilePiece<A, T> rows_of(layout, cut, weight_zero_point, StagingArea(staging, staged, worker, on_stack));
            // The sums of one product are finished while the tiles work on the next one: what a tile stores takes long to arrive.
            alignas(64) std::int32_t sums[2][tile_sums<A>];
            std::int64_t products = 0;
            PendingTile pending;
            const auto finish_pending = [&] {
              if (pending.count > 0) {
                finish(pending.panel, sums[products % 2 ^ 1], pending.first, pending.count, rows_of.row_terms, pending.column,
                       pending.columns, pending.bare);
              }
              pending.count = 0;
            };
            for (std::int64_t piece = first_piece; piece < last_piece; ++piece) {
              const int count = cut.count(piece);
              if (weight_zero_point != 0) finish_pending();  // before its row terms are gone
              rows_of.start(fill, piece, worker);
              simd::TileRows x{};
              std::int64_t group = -1;
              auto cursor = places.cursor(first_panel);
              for (std::int64_t i = first_panel; i < last_panel; ++i, cursor.advance()) {
                const std::int64_t g = cursor.group, p = cursor.panel;
                if (g != group) {
                  if (weight_zero_point != 0) finish_pending();
                  x = rows_of.rows(g * group_offset);
                }
                group = g;
                const int vectors = layout.vectors(p);
                const BytePanel panel = panel_at(places, g, p);
                const std::int32_t* start = panel.tile_start(weight_zero_point);
                tile_sums_of<T>(x, cut.height, count, weights_of(panel, vectors), steps, vectors, start, sums[products % 2]);
                finish_pending();
                ++products;
                pending = {panel,           cut.first(piece), count, g * layout.columns + p * 2 * layout.lanes, layout.columns_of(p),
                           start == nullptr};
              }
            }
            finish_pending();
          });
      return;
    }
  }
#endif
  for_tiles_and_panels(
      executor, (rows + R - 1) / R, panels * layout.groups, tile_cost(layout, R, 64),
      [&](std::int64_t first_tile, std::int64_t last_tile, std::int64_t first_panel, std::int64_t last_panel, int worker) {
        const PanelPlaces places(layout);
        alignas(64) [[maybe_unused]] std::byte on_stack[simd::has_copy_steps<A> ? staged_on_stack : 1];
        [[maybe_unused]] const StagingArea area(staging, staged, worker, on_stack);
        for (std::int64_t tile = first_tile; tile < last_tile; ++tile) {
          const std::int64_t first = tile * R;
          const int count = rows - first < R ? static_cast<int>(rows - first) : R;
          const T* few[R];
          TileInput<T> in{few, R, layout.segments, layout.tile_length(), 0};
          bool whole = false;
          if constexpr (StagesRows<Fill, A>) {
            whole = stages_windows<A>(layout);
            if (whole) {
              const std::int64_t row = staged_row(layout);
              fill.template stage<A>(first, count, area.at, row);
              for (int m = 0; m < count; ++m) few[m] = reinterpret_cast<const T*>(area.at + m * row);
              in.segments = 1;
              in.length = layout.segments * layout.length;
            }
          }
          if (!whole) in.rows = fill(first, count, worker, few);
          std::int32_t row_terms[R] = {};
          std::int32_t sums[tile_sums<A>];
          std::int64_t group = -1;
          auto cursor = places.cursor(first_panel);
          for (std::int64_t i = first_panel; i < last_panel; ++i, cursor.advance()) {
            const std::int64_t g = cursor.group, p = cursor.panel;
            if (g != group && weight_zero_point != 0) {
              find_row_terms<A>(TileInput<T>{in.rows, R, in.segments, whole ? in.length : layout.sum_length(), g * group_offset}, count,
                                weight_zero_point, row_terms);
            }
            group = g;
            const int vectors = layout.vectors(p);
            const BytePanel panel = panel_at(places, g, p);
            const std::int32_t* start = nullptr;
            if constexpr (simd::activation_offset_of<A, T>() != 0) start = panel.start();
            for_each_tile<A>(count, ByteTiles<A, T>{{in.rows, R, in.segments, in.length, g * group_offset},
                                                    weights_of(panel, vectors),
                                                    start,
                                                    sums,
                                                    vectors,
                                                    panel.two_steps() != 0});
            finish(panel, sums, first, count, row_terms, g * layout.columns + p * 2 * layout.lanes, layout.columns_of(p), true);
          }
        }
      });
}

/// multiply_bytes with quantized outputs. InDouble: the multipliers are real numbers, see scale_tile().
template <class A, class T, bool InDouble, class Out, class Executor, class Fill>
void multiply_quantized(Executor& executor, const PanelLayout& layout, std::int64_t rows, std::int64_t group_offset,
                        std::int32_t weight_zero_point, const std::byte* packed, std::byte* staging, Fill fill,
                        std::int32_t output_zero_point, Int32Range range, Out* out) {
  const std::int64_t stride = layout.groups * layout.columns;
  weight_zero_point += simd::Dot<A, T>::weight_offset;
  multiply_bytes<A, T>(executor, layout, rows, group_offset, weight_zero_point, packed, staging, fill,
                       [&](const BytePanel& panel, const std::int32_t* sums, std::int64_t first, int count, const std::int32_t* row_terms,
                           std::int64_t column, int columns, bool bare) {
                         const TileOutput<Out> to{out + first * stride + column, stride, count, columns, row_terms,
                                                  weight_zero_point != 0,        bare};
                         if constexpr (InDouble) {
                           scale_tile<A>(sums, panel, output_zero_point, range, to);
                         } else {
                           requantize_tile<A>(sums, panel, output_zero_point, range, to);
                         }
                       });
}

/// multiply_bytes with float outputs; zero_points and row_scales are those of the activations, one a row.
template <class A, class T, class Executor, class Fill>
void multiply_dequantizing(Executor& executor, const PanelLayout& layout, std::int64_t rows, std::int64_t group_offset,
                           const std::byte* packed, std::byte* staging, Fill fill, const std::int32_t* zero_points, const float* row_scales,
                           int parameter_step, FloatRange range, float* out) {
  constexpr int R = byte_rows<A>;
  const std::int64_t stride = layout.groups * layout.columns;
  multiply_bytes<A, T>(
      executor, layout, rows, group_offset, simd::Dot<A, T>::weight_offset, packed, staging, fill,
      [&](const BytePanel& panel, const std::int32_t* sums, std::int64_t first, int count, const std::int32_t* row_terms,
          std::int64_t column, int columns, bool) {
        std::int32_t zero[R];
        float scale[R];
        for (int m = 0; m < count; ++m) {
          zero[m] = zero_points[(first + m) * parameter_step];
          scale[m] = row_scales[(first + m) * parameter_step];
        }
        dequantize_tile<A>(sums, panel, zero, scale, range, {out + first * stride + column, stride, count, columns, row_terms});
      });
}

}  // namespace tfl::linalg
