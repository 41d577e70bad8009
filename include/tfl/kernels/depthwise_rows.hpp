#pragma once
// How the byte kernel of DEPTHWISE_CONV_2D cuts its work, and the rows that it reads.
//
// Channels are cut into chunks of as many as a block of simd::RowGroups has values; what is left makes a narrower chunk, whose blocks
// hold several neighbouring positions. Output rows are made a few at a time (a step), in strips whose input fits into a small buffer
// on the stack. There, every input row is written once as cells, one for each position, with zero points for what lies outside of the
// image: the loops behind have no borders. With strides, and with cells too narrow for aligned groups, a row is several planes of
// cells, so that the cells of a tap always follow one another.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/kernels/window.hpp"
#include "tfl/simd/copy.hpp"
#include "tfl/simd/row_groups.hpp"

namespace tfl::detail {

/// What the plan depends on.
struct DepthwiseShape {
  WindowAxis y, x;
  std::int64_t channels = 0, output_channels = 0, multiplier = 1;
};

/// Of channels: made together, in cells of `cell` bytes, `count` of which are in use.
struct DepthwiseChunk {
  std::int64_t first = 0;
  int cell = 0, count = 0;
};

/// Where the cells of a tap's column lie in a staged row: in `plane`, from cell `start` on.
struct StagedColumn {
  int plane = 0, start = 0;
};

template <class A> struct DepthwiseRowsPlan {
  using Groups = simd::RowGroups<A>;
  static constexpr int block = simd::group_block<A>;
  static constexpr std::int64_t buffer_bytes = 24 * 1024;  // leaves room in a first-level cache
  static constexpr int max_columns = 16, max_rows = 32, max_taps = 128;

  int step = 1;    // output rows made at once
  int rows = 0;    // input rows of a step
  int groups = 0;  // of these rows
  int taps = 0;    // products of a group with a column of the filter
  std::int64_t chunks = 0;
  bool possible = false;

  constexpr explicit DepthwiseRowsPlan(const DepthwiseShape& s) {
    if (s.x.filter > max_columns || s.y.filter > max_rows - 1 || s.x.input > (1 << 24) || s.output_channels < 1) return;
    step = s.y.stride == 1 && s.y.dilation == 1 && s.y.output > 1 ? 2 : 1;
    rows = static_cast<int>(s.y.filter) + step - 1;
    groups = (rows + Groups::depth - 1) / Groups::depth;
    taps = groups * static_cast<int>(s.x.filter);
    chunks = s.output_channels / block + (s.output_channels % block != 0 ? 1 : 0);
    possible = taps <= max_taps && Strip(*this, s, chunk(chunks - 1, s.output_channels)).positions > 0 &&
               Strip(*this, s, chunk(0, s.output_channels)).positions > 0;
  }

  static constexpr DepthwiseChunk chunk(std::int64_t i, std::int64_t channels) {
    const std::int64_t full = channels / block;
    if (i < full) return {i * block, block, block};
    const int rest = static_cast<int>(channels - full * block);
    int cell = 8;
    while (cell < rest) cell *= 2;
    // Channels that are made twice cost nothing where the cell is as wide anyway.
    return channels >= cell ? DepthwiseChunk{channels - cell, cell, cell} : DepthwiseChunk{0, cell, rest};
  }

  /// The positions of an output row that are made together, and where their input lies in the buffer.
  struct Strip {
    std::int64_t positions = 0;  // 0 where not even one fits
    StagedColumn columns[max_columns];
    std::int64_t first_column[max_columns] = {};  // of each plane, from the window's origin
    int planes = 0;
    int reach = 0;  // cells of a plane beyond the strip's positions
    std::int64_t plane_bytes = 0, row_bytes = 0, vector_bytes = 0, group_bytes = 0;

    constexpr Strip(const DepthwiseRowsPlan& plan, const DepthwiseShape& s, const DepthwiseChunk& chunk) {
      const int align = chunk.cell < 16 ? 16 / chunk.cell : 1;
      for (int k = 0; k < s.x.filter; ++k) {
        const std::int64_t column = k * s.x.dilation, phase = column % s.x.stride, cell = column / s.x.stride;
        const std::int64_t first = phase + cell % align * s.x.stride;
        int p = 0;
        while (p < planes && first_column[p] != first) ++p;
        if (p == planes) first_column[planes++] = first;
        if (cell > 1 << 24) return;
        columns[k] = {p, static_cast<int>(cell - cell % align)};
        if (columns[k].start > reach) reach = columns[k].start;
      }
      std::int64_t least = 0, most = s.x.output < buffer_bytes ? s.x.output : buffer_bytes;
      while (least < most) {
        const std::int64_t middle = (least + most + 1) / 2;
        if (bytes(plan, chunk, middle) <= buffer_bytes) {
          least = middle;
        } else {
          most = middle - 1;
        }
      }
      if (least == 0) return;
      const std::int64_t strips = (s.x.output + least - 1) / least;
      positions = (s.x.output + strips - 1) / strips;
      bytes(plan, chunk, positions);
    }

   private:
    constexpr std::int64_t bytes(const DepthwiseRowsPlan& plan, const DepthwiseChunk& chunk, std::int64_t count) {
      plane_bytes = ((count + reach) * chunk.cell + 15) / 16 * 16;
      row_bytes = (planes * plane_bytes + block - 1) / block * block;
      // The last block of a strip may begin near the end of the last plane.
      vector_bytes = (row_bytes + block) * Groups::value_bytes / 4;
      group_bytes = 4 * vector_bytes;
      return plan.rows * row_bytes + plan.groups * group_bytes;
    }
  };
};

/// Writes rows of T as cells. All but the row itself is the same for a strip.
template <class A, class T> struct RowStager {
  using Plan = DepthwiseRowsPlan<A>;
  static constexpr std::uint8_t flip = std::is_signed_v<T> == simd::RowGroups<A>::staged_signed ? 0 : 0x80;

  const DepthwiseShape& shape;
  const typename Plan::Strip& strip;
  const DepthwiseChunk& chunk;
  std::uint8_t zero_point;  // as it is staged
  std::int64_t origin;      // of the strip's first window
  std::int64_t positions;   // of this strip: the last one may have fewer

  /// `row` is null for one outside of the image.
  void stage(const T* row, std::uint8_t* to) const {
    if (row == nullptr) {
      std::memset(to, zero_point, static_cast<std::size_t>(strip.row_bytes));
      return;
    }
    for (int p = 0; p < strip.planes; ++p, to += strip.plane_bytes) {
      const std::int64_t first = origin + strip.first_column[p], step = shape.x.stride, cells = positions + strip.reach;
      const std::int64_t room = shape.x.input - first;
      std::int64_t last = room <= 0 ? 0 : step == 1 ? room : (room + step - 1) / step;
      if (last > cells) last = cells;
      std::int64_t begin = first >= 0 ? 0 : step == 1 ? -first : (-first + step - 1) / step;
      if (begin > last) begin = last;
      if (begin > 0) std::memset(to, zero_point, static_cast<std::size_t>(begin * chunk.cell));
      if (last > begin) {
        copy(reinterpret_cast<const std::uint8_t*>(row) + (first + begin * step) * shape.channels, last - begin, to + begin * chunk.cell);
      }
      if (cells > last) std::memset(to + last * chunk.cell, zero_point, static_cast<std::size_t>((cells - last) * chunk.cell));
    }
  }

 private:
  template <int Bytes> static TFL_ALWAYS_INLINE void move(const std::uint8_t* from, std::uint8_t* to) {
    simd::copy_flipping<A, Bytes, flip>(to, from);
  }
  template <int Bytes> static void move_cells(const std::uint8_t* from, std::int64_t step, std::int64_t count, std::uint8_t* to) {
    for (std::int64_t i = 0; i < count; ++i, from += step, to += Bytes) move<Bytes>(from, to);
  }
  /// `count` bytes of [Bytes, 2 * Bytes].
  template <int Bytes> static TFL_ALWAYS_INLINE void move_two(const std::uint8_t* from, int count, std::uint8_t* to) {
    move<Bytes>(from, to);
    move<Bytes>(from + count - Bytes, to + count - Bytes);
  }

  void copy(const std::uint8_t* from, std::int64_t count, std::uint8_t* to) const {
    if (shape.multiplier > 1) return expand(from, count, to);
    const std::int64_t step = shape.x.stride * shape.channels;
    if (step == chunk.cell && chunk.count == chunk.cell) {
      std::int64_t bytes = count * chunk.cell, i = 0;
      for (; i + 64 <= bytes; i += 64) move<64>(from + i, to + i);
      for (; i < bytes; i += 8) move<8>(from + i, to + i);
      return;
    }
    from += chunk.first;
    if (chunk.count == chunk.cell) {
      switch (chunk.cell) {
        case 64: return move_cells<64>(from, step, count, to);
        case 32: return move_cells<32>(from, step, count, to);
        case 16: return move_cells<16>(from, step, count, to);
        default: return move_cells<8>(from, step, count, to);
      }
    }
    for (std::int64_t i = 0; i < count; ++i, from += step, to += chunk.cell) {
      if (chunk.count >= 32) {
        move_two<32>(from, chunk.count, to);
      } else if (chunk.count >= 16) {
        move_two<16>(from, chunk.count, to);
      } else if (chunk.count >= 8) {
        move_two<8>(from, chunk.count, to);
      } else {
        for (int k = 0; k < chunk.count; ++k) to[k] = from[k] ^ flip;
      }
    }
  }

  /// Several output channels a channel.
  void expand(const std::uint8_t* from, std::int64_t count, std::uint8_t* to) const {
    const std::int64_t step = shape.x.stride * shape.channels, last = chunk.first + chunk.count - 1;
    if (chunk.first / shape.multiplier == last / shape.multiplier) {
      from += chunk.first / shape.multiplier;
      for (std::int64_t i = 0; i < count; ++i, from += step, to += chunk.cell) {
        std::memset(to, *from ^ flip, static_cast<std::size_t>(chunk.cell));
      }
      return;
    }
    std::int32_t source[simd::group_block<A>] = {};
    for (int k = 0; k < chunk.count; ++k) source[k] = static_cast<std::int32_t>((chunk.first + k) / shape.multiplier);
    for (std::int64_t i = 0; i < count; ++i, from += step, to += chunk.cell) {
      for (int k = 0; k < chunk.count; ++k) to[k] = static_cast<std::uint8_t>(from[source[k]] ^ flip);
    }
  }
};

}  // namespace tfl::detail
