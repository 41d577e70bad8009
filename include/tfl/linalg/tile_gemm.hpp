#pragma once
// Products of bytes on tile registers. Rows that lie apart, or whose last step would end behind them, are staged: copied side by side.

#include <cstddef>
#include <cstdint>

#include "tfl/core/memory.hpp"
#include "tfl/linalg/microkernel.hpp"
#include "tfl/linalg/pack.hpp"
#include "tfl/simd/copy.hpp"
#include "tfl/simd/tiles.hpp"

namespace tfl::linalg {

/// Bytes from one staged row to the next: an odd number of cache lines, so that rows spread over all sets of a cache.
constexpr std::int64_t staged_row(const PanelLayout& layout) { return ((layout.steps() * layout.depth + 63) / 64 | 1) * 64; }

/// Below it, the dot product of vectors wins.
inline constexpr std::int64_t fewest_tile_rows = 6;

/// How rows are cut for tiles: pieces of two tiles. A tile's time doesn't depend on how many rows it has.
struct TileCut {
  std::int64_t rows, pieces;
  int height;  // of a tile
  explicit constexpr TileCut(std::int64_t m)
      : rows(m),
        pieces((m + simd::most_tile_rows - 1) / simd::most_tile_rows),
        height(m < simd::most_tile_rows / 2 ? static_cast<int>(m) : simd::most_tile_rows / 2) {}
  constexpr std::int64_t first(std::int64_t piece) const { return piece * 2 * height; }
  constexpr int count(std::int64_t piece) const {
    const std::int64_t left = rows - first(piece);
    return left < 2 * height ? static_cast<int>(left) : 2 * height;
  }
};

/// So many bytes of staged rows are on the stack.
inline constexpr std::int64_t staged_on_stack = 16 * 1024;

/// Whether the rows of windows with several taps are staged: then a row is one run.
template <class A> constexpr bool stages_windows(const PanelLayout& layout) {
  return simd::has_copy_steps<A> && layout.segments > 1 && layout.groups == 1 && layout.segment_step() == layout.length;
}
/// Working memory of one worker for staged rows.
template <class A> constexpr std::int64_t staging_bytes(const PanelLayout& layout, std::int64_t rows) {
  if (!simd::has_tiles<A> && !stages_windows<A>(layout)) return 0;
  const std::int64_t most = simd::has_tiles<A> ? 2 * TileCut(rows).height : rows < tile_rows<A> ? rows : tile_rows<A>;
  const std::int64_t bytes = most * staged_row(layout) + 64;  // copies write up to 63 bytes further
  return bytes > staged_on_stack ? bytes + 64 : 0;            // rows begin on cache lines
}
/// A worker's memory for them, of staging_bytes() each.
struct StagingArea {
  std::uint8_t* at;
  StagingArea(std::byte* shares, std::int64_t share, int worker, std::byte* on_stack)
      : at(reinterpret_cast<std::uint8_t*>(
            align_up(reinterpret_cast<std::uintptr_t>(share > 0 ? shares + worker * share : on_stack), 64))) {}
};

/// A source of rows that can stage windows.
template <class Fill, class A>
concept StagesRows = simd::has_copy_steps<A> && requires(const Fill& fill, std::uint8_t* to) {
  fill.template stage<A>(std::int64_t{}, int{}, to, std::int64_t{});
};

#if TFL_HAS_TILES

/// The rows of one piece and group as tiles read them, and what the weights' zero point adds to them.
template <class A, class T> class TilePiece {
 public:
  TilePiece(const PanelLayout& layout, const TileCut& cut, std::int32_t weight_zero_point, StagingArea staging)
      : layout_(layout), cut_(cut), zero_point_(weight_zero_point), staging_(staging.at), staged_row_(staged_row(layout)) {}

  template <class Fill> void start(const Fill& fill, std::int64_t piece, int worker) {
    piece_ = piece;
    staged_ = false;
    if constexpr (StagesRows<Fill, A>) {
      staged_ = stages_windows<A>(layout_);
      if (staged_) return fill.template stage<A>(cut_.first(piece), cut_.count(piece), staging_, staged_row_);
    }
    table_ = fill(cut_.first(piece), cut_.count(piece), worker, few_);
  }
  simd::TileRows rows(std::int64_t offset) {
    const int count = cut_.count(piece_);
    if (staged_) {
      if (zero_point_ != 0) {
        const T* at[simd::most_tile_rows];
        for (int m = 0; m < count; ++m) at[m] = reinterpret_cast<const T*>(staging_ + m * staged_row_);
        find_row_terms<A>(TileInput<T>{at, simd::most_tile_rows, 1, layout_.segments * layout_.length, 0}, count, zero_point_, row_terms);
      }
      return {staging_, staged_row_, simd::tile_step};
    }
    const TileInput<T> in{table_, simd::most_tile_rows, layout_.segments, layout_.length, offset};
    if (zero_point_ != 0) find_row_terms<A>(in, count, zero_point_, row_terms);
    if (layout_.segments == 1 && (count == cut_.height || count == 2 * cut_.height)) {
      const std::int64_t apart = count > 1 ? in.rows[1] - in.rows[0] : 0;
      bool even = apart >= 0;
      for (int m = 2; m < count; ++m) even = even && in.rows[m] - in.rows[m - 1] == apart;
      // The last step may reach into rows that follow: its weights are zero there.
      const std::int64_t behind = (cut_.rows - cut_.first(piece_) - count) * apart;
      if (even && (layout_.length == layout_.steps() * layout_.depth || behind >= simd::tile_step)) {
        return {in.rows[0] + in.offset, apart, simd::tile_step};
      }
    }
    for (int m = 0; m < count; ++m) {
      for (std::int64_t s = 0; s < layout_.segments; ++s) {
        simd::copy_steps<A>(staging_ + m * staged_row_ + s * layout_.segment_step(), in.rows[s * in.row_step + m] + in.offset,
                            layout_.length);
      }
    }
    return {staging_, staged_row_, simd::tile_step};
  }

  std::int32_t row_terms[simd::most_tile_rows] = {};

 private:
  const PanelLayout& layout_;
  const TileCut& cut_;
  std::int32_t zero_point_;
  std::uint8_t* staging_;
  std::int64_t staged_row_, piece_ = 0;
  bool staged_ = false;
  const T* few_[simd::most_tile_rows];
  const T* const* table_ = nullptr;
};

/// Sums of one piece and panel, from `start` on where it is not null.
template <class T>
TFL_ALWAYS_INLINE void tile_sums_of(const simd::TileRows& x, int height, int count, const std::uint8_t* weights, std::int64_t steps,
                                    int vectors, const std::int32_t* start, std::int32_t* sums) {
  if (count > height) {
    vectors == 2 ? simd::multiply_tiles<T, 2, 2>(x, height, weights, steps, start, sums)
                 : simd::multiply_tiles<T, 2, 1>(x, height, weights, steps, start, sums);
  } else {
    vectors == 2 ? simd::multiply_tiles<T, 1, 2>(x, height, weights, steps, start, sums)
                 : simd::multiply_tiles<T, 1, 1>(x, height, weights, steps, start, sums);
  }
}

#endif

}  // namespace tfl::linalg
