#pragma once
// Products of bytes on tile registers. Rows that lie apart, or whose last step would end behind them, are staged: copied side by side.

#include <cstddef>
#include <cstdint>

#include "tfl/core/memory.hpp"
#include "tfl/linalg/microkernel.hpp"
#include "tfl/linalg/pack.hpp"
#include "tfl/simd/tiles.hpp"

namespace tfl::linalg {

/// Bytes from one staged row to the next: an odd number of cache lines, so that rows spread over all sets of a cache.
constexpr std::int64_t staged_row(const PanelLayout& layout) { return (layout.steps() * layout.depth / 64 | 1) * 64; }

/// Below it, the dot product of vectors wins.
inline constexpr std::int64_t fewest_tile_rows = 6;

/// How rows are cut for tiles: pieces of up to 32 as equal as they come, half of a piece in each tile.
struct TileCut {
  std::int64_t rows, pieces;
  int height;  // of a tile
  explicit constexpr TileCut(std::int64_t m)
      : rows(m),
        pieces((m + simd::most_tile_rows - 1) / simd::most_tile_rows),
        height(static_cast<int>(((m + pieces - 1) / pieces + 1) / 2)) {
    pieces = (m + 2 * height - 1) / (2 * height);
  }
  constexpr std::int64_t first(std::int64_t piece) const { return piece * 2 * height; }
  constexpr int count(std::int64_t piece) const {
    const std::int64_t left = rows - first(piece);
    return left < 2 * height ? static_cast<int>(left) : 2 * height;
  }
};

/// So many bytes of staged rows are on the stack.
inline constexpr std::int64_t staged_on_stack = 16 * 1024;

/// Working memory of one worker for staged rows.
template <class A> constexpr std::int64_t staging_bytes(const PanelLayout& layout, std::int64_t rows) {
  if (!simd::has_tiles<A> || rows < fewest_tile_rows) return 0;
  const std::int64_t bytes = 2 * TileCut(rows).height * staged_row(layout);
  return bytes > staged_on_stack ? bytes + 64 : 0;
}

#if TFL_HAS_TILES

/// The rows of one piece as tiles read them.
template <class T>
simd::TileRows tile_rows_of(const TileInput<T>& in, const PanelLayout& layout, const TileCut& cut, std::int64_t piece, std::byte* staging) {
  const std::int64_t step = layout.segment_step(), read = layout.steps() * layout.depth;
  const int count = cut.count(piece);
  if (layout.segments == 1 && (count == cut.height || count == 2 * cut.height)) {
    const std::int64_t apart = count > 1 ? in.rows[1] - in.rows[0] : 0;
    bool even = apart >= 0;
    for (int m = 2; m < count; ++m) even = even && in.rows[m] - in.rows[m - 1] == apart;
    // The last step may reach into rows that follow: its weights are zero there.
    const std::int64_t behind = (cut.rows - cut.first(piece) - count) * apart;
    if (even && (layout.length == read || behind >= simd::tile_step)) return {in.rows[0] + in.offset, apart, simd::tile_step};
  }
  const std::int64_t row = staged_row(layout);
  auto* to = reinterpret_cast<std::uint8_t*>(align_up(reinterpret_cast<std::uintptr_t>(staging), 64));
  for (int m = 0; m < count; ++m) {
    for (std::int64_t s = 0; s < layout.segments; ++s) {
      simd::copy_steps(to + m * row + s * step, in.rows[s * in.row_step + m] + in.offset, layout.length);
    }
  }
  return {to, row, simd::tile_step};
}

/// Sums of one piece and panel.
template <class T>
TFL_ALWAYS_INLINE void tile_sums_of(const simd::TileRows& x, int height, int count, const std::uint8_t* weights, std::int64_t steps,
                                    int vectors, std::int32_t* sums) {
  if (count > height) {
    vectors == 2 ? simd::multiply_tiles<T, 2, 2>(x, height, weights, steps, sums)
                 : simd::multiply_tiles<T, 2, 1>(x, height, weights, steps, sums);
  } else {
    vectors == 2 ? simd::multiply_tiles<T, 1, 2>(x, height, weights, steps, sums)
                 : simd::multiply_tiles<T, 1, 1>(x, height, weights, steps, sums);
  }
}

#endif

}  // namespace tfl::linalg
