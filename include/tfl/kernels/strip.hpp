#pragma once
// Convolutions with few input channels. A block of windows has its input rows copied into a strip first, padding included: from then on
// every window is alike, and a filter's row is one run. The strip stays in the first cache; weights are packed run by run.

#include <cstddef>
#include <cstdint>

#include "tfl/kernels/window_rows.hpp"
#include "tfl/linalg/epilogue.hpp"
#include "tfl/linalg/gemm.hpp"
#include "tfl/linalg/pack.hpp"
#include "tfl/linalg/strip_tile.hpp"
#include "tfl/simd/tiles.hpp"

namespace tfl::linalg {

/// Where there are tiles, shorter lines of windows are better off as rows of a matrix.
inline constexpr std::int64_t fewest_line_windows = 8;

/// How a convolution is cut into blocks, and how a block lies in its strip.
struct StripPlan {
  WindowShape shape;      // one long row where windows are single pixels that follow one another
  std::int64_t rows = 0;  // output positions of a block; 0: a strip would be too large
  std::int64_t columns = 0;
  std::int64_t pitch = 0;  // elements from one input row to the next
  int depth = 1, element_bytes = 1;

  static constexpr std::int64_t bytes_limit = 24 * 1024;

  constexpr std::int64_t span_y() const { return effective_extent(shape.y.filter, shape.y.dilation); }
  constexpr std::int64_t span_x() const { return effective_extent(shape.x.filter, shape.x.dilation); }
  constexpr std::int64_t staged_rows(std::int64_t output_rows) const { return (output_rows - 1) * shape.y.stride + span_y(); }
  constexpr std::int64_t pitch_of(std::int64_t output_columns) const {
    return ((output_columns - 1) * shape.x.stride + span_x()) * shape.channels;
  }
  /// Runs of a window: with dilation along x, every tap is one.
  constexpr std::int64_t segments() const { return shape.y.filter * (shape.x.dilation == 1 ? 1 : shape.x.filter); }
  constexpr std::int64_t length() const { return shape.channels * (shape.x.dilation == 1 ? shape.x.filter : 1); }
  constexpr std::int64_t steps() const { return segments() * ((length() + depth - 1) / depth); }

  constexpr std::int64_t row_blocks() const { return (shape.y.output + rows - 1) / rows; }
  constexpr std::int64_t column_blocks() const { return (shape.x.output + columns - 1) / columns; }
  constexpr std::int64_t blocks() const { return shape.batches * row_blocks() * column_blocks(); }

  /// The distances of a window's steps, and two vectors of ones, see StripInput.
  constexpr std::int64_t table_bytes() const { return (steps() * 4 + 63) / 64 * 64 + 128; }
  constexpr std::int64_t strip_bytes() const { return ((staged_rows(rows) * pitch + depth) * element_bytes + 63) / 64 * 64; }
  constexpr std::int64_t scratch_bytes(int workers) const { return table_bytes() + shares_bytes(strip_bytes(), workers); }
};

/// The plan for tiles of `tile` positions; `rows` of it is 0 where not even one tile's strip is small enough.
template <class D> constexpr StripPlan plan_strip(WindowShape shape, int tile) {
  if (shape.batches * shape.positions() == 0) return {};
  if (shape.taps() == 1 && shape.y.stride == 1 && shape.x.stride == 1 && !shape.padded()) {
    shape.x.input = shape.x.output = shape.batches * shape.positions();
    shape.y.input = shape.y.output = shape.batches = 1;
  }
  StripPlan plan{shape};
  plan.depth = D::depth;
  plan.element_bytes = sizeof(typename D::Element);
  const std::int64_t room = StripPlan::bytes_limit / plan.element_bytes - plan.depth, want = 8 * tile;
  const auto fits = [&](std::int64_t rows, std::int64_t columns) { return plan.staged_rows(rows) <= room / plan.pitch_of(columns); };
  const auto even = [](std::int64_t all, std::int64_t most) { return (all + (all + most - 1) / most - 1) / ((all + most - 1) / most); };
  std::int64_t rows = 1, columns = shape.x.output;
  if (shape.taps() == 1 && shape.y.output == 1) {
    // Nothing is shared between windows: a small strip is as good as a large one.
    const std::int64_t tiles = 1024 / (plan.element_bytes * shape.channels * tile);
    columns = tile * (tiles < 1 ? 1 : tiles < 8 ? tiles : 8);
    columns = columns < shape.x.output ? columns : shape.x.output;
  } else if (shape.y.output == 1 && columns > want) {
    columns = want;
  }
  while (columns > tile && !fits(1, columns)) columns = (columns / 2 + tile - 1) / tile * tile;
  if (!fits(1, columns)) return plan;
  if (columns == shape.x.output) {
    while (rows < shape.y.output && rows * columns < want && fits(rows + 1, columns)) ++rows;
    rows = even(shape.y.output, rows);
  }
  plan.rows = rows;
  plan.columns = columns;
  plan.pitch = plan.pitch_of(columns);
  return plan;
}

/// Strips over one input.
template <class A, class T> class Strips {
 public:
  using D = simd::StagedDot<A, T>;
  using Element = typename D::Element;

  Strips(const StripPlan& plan, const T* input, T pad, std::byte* scratch)
      : plan_(plan), input_(input), pad_(D::staged(pad)), scratch_(scratch) {
    auto* to = reinterpret_cast<std::int32_t*>(scratch);
    const WindowAxis &y = plan.shape.y, &x = plan.shape.x;
    const std::int64_t inner = x.dilation == 1 ? 1 : x.filter;
    for (std::int64_t ky = 0; ky < y.filter; ++ky) {
      for (std::int64_t kx = 0; kx < inner; ++kx) {
        const std::int64_t run = ky * y.dilation * plan.pitch + kx * x.dilation * plan.shape.channels;
        for (std::int64_t k = 0; k < plan.length(); k += plan.depth) *to++ = static_cast<std::int32_t>(run + k);
      }
    }
    const std::int64_t last = (plan.length() - 1) % plan.depth + 1;
    std::byte* ones = scratch + plan.table_bytes() - 128;
    for (int i = 0; i < 128; ++i) ones[i] = i < 64 || i % plan.depth < last ? std::byte{1} : std::byte{0};
  }

  /// A block with its strip filled: `rows` lines of `columns` windows. Where there are several lines, they are whole lines of the output.
  struct Block {
    const Element* strip;
    std::int64_t rows, columns, position;  // of the first window in the output
  };

  /// Calls body(block) for blocks that cover the output, on any worker.
  template <class Executor, class Body> void for_each_block(Executor& executor, std::int64_t block_cost, const Body& body) const {
    executor.parallel_for(plan_.blocks(), block_cost, [&](std::int64_t first, std::int64_t last, int worker) {
      for (std::int64_t i = first; i < last; ++i) body(fill_block(i, worker));
    });
  }

  /// Calls body(tile's input, first position, count) for the tiles of a block.
  template <class Body> void for_each_tile(const Block& block, const Body& body) const {
    constexpr int R = tile_rows<A>;
    const std::int64_t down = plan_.shape.y.stride * plan_.pitch - block.columns * across(), count = block.rows * block.columns;
    const Element* at = block.strip;
    std::int64_t column = 0;
    for (std::int64_t first = 0; first < count; first += R) {
      const int size = count - first < R ? static_cast<int>(count - first) : R;
      const Element* tile[R];
      for (int m = 0; m < size; ++m) {
        tile[m] = at;
        at += across();
        if (++column == block.columns) {
          column = 0;
          at += down;
        }
      }
      body(StripInput<D>{tile, distances(), plan_.steps(), steps_of_run(), scratch_ + plan_.table_bytes() - 128}, block.position + first,
           size);
    }
  }

  /// Elements from a window to the next one of its line.
  std::int64_t across() const { return plan_.shape.x.stride * plan_.shape.channels; }
  const std::int32_t* distances() const { return reinterpret_cast<const std::int32_t*>(scratch_); }
  int steps_of_run() const { return static_cast<int>(plan_.steps() / plan_.segments()); }

 private:
  Block fill_block(std::int64_t i, int worker) const {
    const WindowAxis &y = plan_.shape.y, &x = plan_.shape.x;
    const std::int64_t x0 = i % plan_.column_blocks() * plan_.columns, rest = i / plan_.column_blocks();
    const std::int64_t y0 = rest % plan_.row_blocks() * plan_.rows, batch = rest / plan_.row_blocks();
    const std::int64_t rows = y.output - y0 < plan_.rows ? y.output - y0 : plan_.rows;
    const std::int64_t columns = x.output - x0 < plan_.columns ? x.output - x0 : plan_.columns;
    auto* strip = reinterpret_cast<Element*>(scratch_ + plan_.table_bytes() + worker * share_step(plan_.strip_bytes()));
    stage(input_ + batch * plan_.shape.image(), y.origin(y0), x.origin(x0), plan_.staged_rows(rows), plan_.pitch_of(columns), strip);
    return {strip, rows, columns, (batch * y.output + y0) * x.output + x0};
  }

  /// `rows` input rows from `top`, `length` elements of each from pixel `left`.
  void stage(const T* image, std::int64_t top, std::int64_t left, std::int64_t rows, std::int64_t length, Element* strip) const {
    const WindowAxis &y = plan_.shape.y, &x = plan_.shape.x;
    const std::int64_t channels = plan_.shape.channels, pixels = length / channels;
    const std::int64_t before = left < 0 ? (-left < pixels ? -left : pixels) : 0;
    const std::int64_t end = x.input - left < pixels ? (x.input > left ? x.input - left : 0) : pixels;
    for (std::int64_t r = 0; r < rows; ++r) {
      if (y.stride > plan_.span_y() && r % y.stride >= plan_.span_y()) continue;  // between windows
      Element* to = strip + r * plan_.pitch;
      const std::int64_t row = top + r;
      if (row < 0 || row >= y.input || before >= end) {
        fill(to, length);
        continue;
      }
      fill(to, before * channels);
      D::stage(image + (row * x.input + left + before) * channels, (end - before) * channels, to + before * channels);
      fill(to + end * channels, length - end * channels);
    }
    for (int k = 0; k < D::depth; ++k) strip[(rows - 1) * plan_.pitch + length + k] = Element{};
  }
  void fill(Element* to, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) to[i] = pad_;
  }

  StripPlan plan_;
  const T* input_;
  Element pad_;
  std::byte* scratch_;
};

namespace detail {
/// About the nanoseconds of a block.
constexpr std::int64_t strip_cost(const StripPlan& plan, const PanelLayout& layout, int products_a_nanosecond) {
  return 1 + plan.rows * plan.columns * layout.columns * plan.steps() * plan.depth / products_a_nanosecond;
}

#if TFL_HAS_TILES
/// The windows of a block on tile registers: a line is cut into tiles of one height, of which the last may overlap the one before.
template <class A, class T, class Finish>
void multiply_block_on_tiles(const Strips<A, T>& strips, const typename Strips<A, T>::Block& block, const StripPlan& plan,
                             const PanelLayout& layout, const std::byte* packed, const Finish& finish) {
  static_assert(sizeof(typename Strips<A, T>::Element) == 1 && Strips<A, T>::D::depth == 4);
  constexpr std::int64_t most = simd::most_tile_rows / 2;
  const std::int64_t tiles = (block.columns + most - 1) / most, height = (block.columns + tiles - 1) / tiles;
  const auto rows = static_cast<int>(height);
  const simd::TileRuns runs{strips.distances(), strips.steps_of_run(), plan.segments(), strips.steps_of_run() / 16,
                            strips.steps_of_run() % 16};
  const simd::RunTileSession session(rows, runs.rest);
  alignas(64) std::int32_t sums[simd::most_tile_rows * 32];
  const PanelPlaces places(layout);
  const std::int64_t panels = layout.panels();
  for (std::int64_t line = 0; line < block.rows; ++line) {
    const auto* begin = block.strip + line * plan.shape.y.stride * plan.pitch;
    for (std::int64_t next = 0; next < block.columns;) {
      const bool pair = next + height < block.columns && 2 * height <= block.columns;
      const std::int64_t count = pair ? 2 * height : height;
      const std::int64_t x = next + count <= block.columns ? next : block.columns - count;
      next = x + count;
      const auto* at = reinterpret_cast<const std::uint8_t*>(begin + x * strips.across());
      for (std::int64_t p = 0; p < panels; ++p) {
        const int vectors = layout.vectors(p);
        const BytePanel panel{const_cast<std::byte*>(packed) + places(0, p), vectors * layout.lanes};
        const auto* weights = reinterpret_cast<const std::uint8_t*>(panel.at + layout.table_bytes(vectors));
        const std::int32_t* start = panel.tile_start(0);
        if (pair) {
          vectors == 2 ? simd::multiply_runs<2, 2>(at, strips.across(), rows, runs, weights, start, sums)
                       : simd::multiply_runs<2, 1>(at, strips.across(), rows, runs, weights, start, sums);
        } else {
          vectors == 2 ? simd::multiply_runs<1, 2>(at, strips.across(), rows, runs, weights, start, sums)
                       : simd::multiply_runs<1, 1>(at, strips.across(), rows, runs, weights, start, sums);
        }
        finish(panel, sums, block.position + line * plan.shape.x.output + x, static_cast<int>(count), p * 2 * layout.lanes,
               layout.columns_of(p), start == nullptr);
      }
    }
  }
}
#endif

/// Calls finish(panel, sums, first position, count, first column, columns, bare) for every tile and panel, for some positions perhaps
/// twice. bare: see TileOutput.
template <class A, class T, bool Terms, class Executor, class Finish>
void multiply_strip_bytes(Executor& executor, const StripPlan& plan, const Strips<A, T>& strips, const PanelLayout& layout,
                          std::int32_t weight_zero_point, const std::byte* packed, const Finish& finish) {
  using D = simd::StagedDot<A, T>;
  // With the sums of activations there is room for fewer rows in the registers.
  constexpr int at_once = !Terms ? tile_rows<A> : tile_rows < A >> 8 ? 7 : 4;
#if TFL_HAS_TILES
  if constexpr (simd::has_tiles<A> && !Terms) {
    if (plan.columns >= fewest_line_windows && simd::tiles_allowed()) {
      return strips.for_each_block(executor, strip_cost(plan, layout, 256),
                                   [&](const auto& block) { multiply_block_on_tiles(strips, block, plan, layout, packed, finish); });
    }
  }
#endif
  const PanelPlaces places(layout);
  const std::int64_t panels = layout.panels();
  const auto multiply_tile = [&](const StripInput<D>& in, std::int64_t first, int count) {
    std::int32_t sums[tile_rows<A> * 2 * simd::lanes<std::int32_t, A>];
    for (std::int64_t p = 0; p < panels; ++p) {
      const int vectors = layout.vectors(p), width = vectors * layout.lanes;
      const BytePanel panel{const_cast<std::byte*>(packed) + places(0, p), width};
      for (int m = 0; m < count; m += at_once) {
        tfl::linalg::for_each_tile<A>(count - m < at_once ? count - m : at_once,
                                      StripByteTiles<A, D, Terms>{{in.rows + m, in.distances, in.steps, in.steps_of_run, in.ones},
                                                                  panel.at + layout.table_bytes(vectors),
                                                                  -weight_zero_point,
                                                                  sums + m * width,
                                                                  vectors});
      }
      finish(panel, sums, first, count, p * 2 * layout.lanes, layout.columns_of(p), true);
    }
  };
  strips.for_each_block(executor, strip_cost(plan, layout, 64), [&](const auto& block) { strips.for_each_tile(block, multiply_tile); });
}
}  // namespace detail

/// The panels of a strip's weights.
template <class A, class T> constexpr PanelLayout strip_panels(const StripPlan& plan) {
  using D = simd::StagedDot<A, T>;
  return {plan.shape.columns,
          1,
          plan.segments(),
          plan.length(),
          simd::lanes<std::int32_t, A>,
          D::depth,
          D::weight_bytes,
          D::weight_bytes == 1 ? 6 : 1,
          1,
          0};
}

template <class A, class Executor>
void multiply_strip_float(Executor& executor, const StripPlan& plan, const float* input, std::byte* scratch, const std::byte* packed,
                          FloatRange range, float* out) {
  const PanelLayout layout = strip_panels<A, float>(plan);
  const Strips<A, float> strips(plan, input, 0.0f, scratch);
  const PanelPlaces places(layout);
  const std::int64_t panels = layout.panels();
  const auto multiply_tile = [&](const StripInput<simd::StagedDot<A, float>>& in, std::int64_t first, int count) {
    for (std::int64_t p = 0; p < panels; ++p) {
      const std::byte* panel = packed + places(0, p);
      const int vectors = layout.vectors(p);
      float* to = out + first * layout.columns + p * 2 * layout.lanes;
      for_each_tile<A>(
          count, StripFloatTiles<A>{in,
                                    panel + layout.table_bytes(vectors),
                                    {to, layout.columns, layout.columns_of(p), reinterpret_cast<const float*>(panel), range.lo, range.hi},
                                    vectors});
    }
  };
  strips.for_each_block(executor, detail::strip_cost(plan, layout, 32),
                        [&](const auto& block) { strips.for_each_tile(block, multiply_tile); });
}

/// weight_zero_point is the packed weights': their own plus StagedDot's weight_offset.
template <class A, class T, class Executor>
void multiply_strip_quantized(Executor& executor, const StripPlan& plan, const T* input, T pad, std::int32_t weight_zero_point,
                              std::byte* scratch, const std::byte* packed, std::int32_t output_zero_point, Int32Range range, T* out) {
  const PanelLayout layout = strip_panels<A, T>(plan);
  const Strips<A, T> strips(plan, input, pad, scratch);
  const auto finish = [&](const BytePanel& panel, const std::int32_t* sums, std::int64_t first, int count, std::int64_t column, int columns,
                          bool bare) {
    constexpr std::int32_t no_terms[byte_rows<A>] = {};
    requantize_tile<A>(sums, panel, output_zero_point, range,
                       TileOutput<T>{out + first * layout.columns + column, layout.columns, count, columns, no_terms, false, bare});
  };
  if (weight_zero_point == 0) {
    detail::multiply_strip_bytes<A, T, false>(executor, plan, strips, layout, 0, packed, finish);
  } else {
    detail::multiply_strip_bytes<A, T, true>(executor, plan, strips, layout, weight_zero_point, packed, finish);
  }
}

/// Float outputs; zero_point and scale are the activations'.
template <class A, class Executor>
void multiply_strip_dequantizing(Executor& executor, const StripPlan& plan, const std::int8_t* input, std::int32_t zero_point, float scale,
                                 std::byte* scratch, const std::byte* packed, FloatRange range, float* out) {
  using D = simd::StagedDot<A, std::int8_t>;
  static_assert(D::weight_offset == 0);
  constexpr int R = byte_rows<A>;
  const PanelLayout layout = strip_panels<A, std::int8_t>(plan);
  const Strips<A, std::int8_t> strips(plan, input, static_cast<std::int8_t>(zero_point), scratch);
  std::int32_t zero_points[R];
  float scales[R];
  for (int m = 0; m < R; ++m) {
    zero_points[m] = zero_point + D::activation_offset;
    scales[m] = scale;
  }
  detail::multiply_strip_bytes<A, std::int8_t, false>(
      executor, plan, strips, layout, 0, packed,
      [&](const BytePanel& panel, const std::int32_t* sums, std::int64_t first, int count, std::int64_t column, int columns, bool) {
        constexpr std::int32_t no_terms[R] = {};
        dequantize_tile<A>(sums, panel, zero_points, scales, range,
                           {out + first * layout.columns + column, layout.columns, count, columns, no_terms});
      });
}

}  // namespace tfl::linalg
