#pragma once
// Weights in the order in which the microkernels read them: panels of as many columns as a tile has, two vectors wide (the last one
// vector wide where that is enough). A panel begins with tables, one entry a column, and then holds the weights step by step.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/linalg/interleave.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/byte_sums.hpp"
#include "tfl/simd/dot.hpp"

namespace tfl::linalg {

/// The panels of one group of columns.
struct PanelLayout {
  std::int64_t columns = 0;  // of a group
  std::int64_t groups = 1;
  std::int64_t segments = 1;  // runs of a row
  std::int64_t length = 0;    // elements of a run
  int lanes = 1;              // columns of a vector
  int depth = 1;              // elements of a run that lie together
  int element_bytes = 4;      // of a weight
  int table_words = 1;        // 32-bit words that a panel holds for each column, before the weights
  std::int64_t room = 0;      // elements that a run has in memory, zeros behind `length`; where it is less, nothing may be read there

  /// Elements of a run that a tile reads, and that a sum over it may read.
  constexpr std::int64_t tile_length() const {
    return room >= (length + depth - 1) / depth * depth ? (length + depth - 1) / depth * depth : length;
  }
  constexpr std::int64_t sum_length() const { return room > length ? room : length; }

  constexpr std::int64_t steps() const { return segments * ((length + depth - 1) / depth); }
  constexpr std::int64_t panels() const { return (columns + 2 * lanes - 1) / (2 * lanes); }
  constexpr int vectors(std::int64_t panel) const { return columns - panel * 2 * lanes > lanes ? 2 : 1; }
  constexpr int columns_of(std::int64_t panel) const {
    const std::int64_t left = columns - panel * 2 * lanes;
    return left < 2 * lanes ? static_cast<int>(left) : 2 * lanes;
  }
  /// Bytes of a panel's tables; 64 more hold facts about the panel.
  constexpr std::int64_t table_bytes(int vectors) const {
    return table_words > 1 ? 64 + std::int64_t{4} * table_words * vectors * lanes : 4 * vectors * lanes;
  }
  constexpr std::int64_t panel_bytes(int vectors) const { return table_bytes(vectors) + steps() * vectors * lanes * depth * element_bytes; }
  constexpr std::int64_t group_bytes() const {
    const std::int64_t last = panels() - 1;
    return last < 0 ? 0 : last * panel_bytes(2) + panel_bytes(vectors(last));
  }
  constexpr std::int64_t bytes() const { return groups * group_bytes(); }
  constexpr std::int64_t panel_offset(std::int64_t group, std::int64_t panel) const {
    return group * group_bytes() + panel * panel_bytes(2);
  }
};

template <class A>
constexpr PanelLayout float_panels(std::int64_t columns, std::int64_t groups, std::int64_t segments, std::int64_t length) {
  return {columns, groups, segments, length, simd::lanes<float, A>, 1, 4, 1, 0};
}
template <class A, class T>
constexpr PanelLayout byte_panels(std::int64_t columns, std::int64_t groups, std::int64_t segments, std::int64_t length,
                                  std::int64_t room = 0) {
  return {columns, groups, segments, length, simd::lanes<std::int32_t, A>, simd::Dot<A, T>::depth, 1, 6, room};
}

/// weights[groups * columns][segments * length] (+ bias) -> panels
template <class A> void pack_float(const PanelLayout& layout, const float* weights, const float* bias, std::byte* to) {
  for (std::int64_t g = 0; g < layout.groups; ++g) {
    for (std::int64_t p = 0; p < layout.panels(); ++p) {
      const int width = layout.vectors(p) * layout.lanes, exist = layout.columns_of(p);
      const std::int64_t first = g * layout.columns + p * 2 * layout.lanes, row = layout.segments * layout.length;
      auto* out = reinterpret_cast<float*>(to + layout.panel_offset(g, p));
      for (int n = 0; n < width; ++n) *out++ = n < exist && bias != nullptr ? bias[first + n] : 0.0f;
      interleave_columns<A, 4>(reinterpret_cast<const std::byte*>(weights + first * row), row * 4, exist, width, row * 4,
                               reinterpret_cast<std::byte*>(out));
    }
  }
}

/// The tables of a panel of bytes. `simple` says that the short requantization is exact, see epilogue.hpp.
struct BytePanel {
  std::byte* at;
  int width;  // columns, with those that only fill up
  std::int32_t* simple() const { return reinterpret_cast<std::int32_t*>(at); }
  std::int32_t* table(int i) const { return reinterpret_cast<std::int32_t*>(at + 64) + i * width; }
  // Quantized outputs.
  std::int32_t* sum() const { return table(0); }       // of the column's weights less their zero point
  std::int32_t* offset() const { return table(1); }    // bias - zero point of the activations * sum
  std::int32_t* mantissa() const { return table(2); }  // of the multiplier
  std::int32_t* left() const { return table(3); }
  std::int32_t* right() const { return table(4); }
  std::int32_t* half() const { return table(5); }                       // 2^(right - 1), 0 where right is 0
  double* real() const { return reinterpret_cast<double*>(table(2)); }  // the multiplier, where sums are scaled in double
  // Float outputs.
  float* scale() const { return reinterpret_cast<float*>(table(1)); }
  float* bias() const { return reinterpret_cast<float*>(table(2)); }
};

/// Puts the weights of one panel in place and returns, through `bound`, the largest |sum of products| that any activations reach.
template <class A, class T>
void pack_panel(const PanelLayout& layout, std::int32_t weight_zero_point, const T* weights, std::int64_t first, int exist,
                const BytePanel& panel, std::int64_t* bound) {
  constexpr int depth = simd::Dot<A, T>::depth;
  constexpr auto flip = static_cast<std::uint8_t>(simd::Dot<A, T>::weight_offset);
  static_assert(flip == 0 || flip == 128, "an offset must be the flip of the sign");
  const std::int64_t row = layout.segments * layout.length, step = (layout.length + depth - 1) / depth * depth * panel.width;
  std::byte* out = panel.at + layout.table_bytes(panel.width / layout.lanes);
  const auto* from = reinterpret_cast<const std::byte*>(weights + first * row);
  for (std::int64_t s = 0; s < layout.segments; ++s) {
    interleave_columns<A, depth, flip>(from + s * layout.length, row, exist, panel.width, layout.length, out + s * step);
  }
  for (int n = 0; n < panel.width; ++n) {
    const simd::ByteSums sums = n < exist ? simd::sums_around<A>(weights + (first + n) * row, row, weight_zero_point) : simd::ByteSums{};
    panel.sum()[n] = static_cast<std::int32_t>(sums.sum);
    bound[n] = sums.absolute * 255;
  }
}

/// What turns sums into quantized outputs.
struct QuantizedColumns {
  std::int32_t input_zero_point, weight_zero_point;
  std::span<const Multiplier> multipliers;  // one a column
  const std::int32_t* bias;                 // may be null
  bool in_double = false;                   // multipliers are doubles, bit by bit
};

template <class A, class T>
void pack_quantized(const PanelLayout& layout, const T* weights, const QuantizedColumns& columns, std::byte* to) {
  for (std::int64_t g = 0; g < layout.groups; ++g) {
    for (std::int64_t p = 0; p < layout.panels(); ++p) {
      const BytePanel panel{to + layout.panel_offset(g, p), layout.vectors(p) * layout.lanes};
      const std::int64_t first = g * layout.columns + p * 2 * layout.lanes;
      const int exist = layout.columns_of(p);
      std::int64_t bound[64];
      pack_panel<A>(layout, columns.weight_zero_point, weights, first, exist, panel, bound);
      bool simple = true;
      for (int n = 0; n < panel.width; ++n) {
        const bool inside = n < exist;
        Multiplier m = !inside ? Multiplier{1 << 30, -1} : columns.multipliers[static_cast<std::size_t>(first + n)];
        if (m.mantissa == 0) m.shift = -1;  // 0 whatever the shift
        const std::int64_t bias = inside && columns.bias != nullptr ? columns.bias[first + n] : 0;
        panel.offset()[n] = static_cast<std::int32_t>(bias - std::int64_t{columns.input_zero_point} * panel.sum()[n]);
        if (columns.in_double) {
          panel.real()[n] = inside ? std::bit_cast<double>(columns.multipliers[static_cast<std::size_t>(first + n)]) : 0.0;
          continue;
        }
        panel.mantissa()[n] = m.mantissa;
        panel.left()[n] = m.shift > 0 ? m.shift : 0;
        panel.right()[n] = m.shift > 0 ? 0 : -m.shift;
        panel.half()[n] = m.shift < 0 ? static_cast<std::int32_t>(std::uint32_t{1} << (-m.shift - 1)) : 0;
        simple = simple && m.shift < 0 && m.shift > -31 && bound[n] + (bias < 0 ? -bias : bias) < (std::int64_t{1} << 30);
      }
      *panel.simple() = simple ? 1 : 0;
    }
  }
}

/// The same for float outputs: y = sum * scale (+ bias). scales: one, or one a column.
template <class A, class T>
void pack_dequantizing(const PanelLayout& layout, const T* weights, std::span<const float> scales, const float* bias, std::byte* to) {
  for (std::int64_t g = 0; g < layout.groups; ++g) {
    for (std::int64_t p = 0; p < layout.panels(); ++p) {
      const BytePanel panel{to + layout.panel_offset(g, p), layout.vectors(p) * layout.lanes};
      const std::int64_t first = g * layout.columns + p * 2 * layout.lanes;
      const int exist = layout.columns_of(p);
      std::int64_t bound[64];
      pack_panel<A>(layout, 0, weights, first, exist, panel, bound);
      for (int n = 0; n < panel.width; ++n) {
        panel.scale()[n] = n < exist ? scales[scales.size() > 1 ? static_cast<std::size_t>(first + n) : 0] : 0.0f;
        panel.bias()[n] = n < exist && bias != nullptr ? bias[first + n] : 0.0f;
      }
    }
  }
}

}  // namespace tfl::linalg
