#pragma once
// Weights in the order in which the microkernels read them: panels of as many columns as a tile has, two vectors wide (the last one
// vector wide where that is enough). A panel begins with tables, one entry a column, and then holds the weights step by step.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/core/packed.hpp"
#include "tfl/linalg/float_steps.hpp"
#include "tfl/linalg/interleave.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/byte_sums.hpp"
#include "tfl/simd/dot.hpp"
#include "tfl/simd/requantize.hpp"
#include "tfl/simd/tiles.hpp"

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
  int step_multiple = 1;      // groups of depth come in multiples of it, the last ones zeros
  std::int64_t room = 0;      // elements that a run has in memory, zeros behind `length`; where it is less, nothing may be read there
  int weights_of_byte = 1;    // 2: of 4 bits, see simd/nibble_dot.hpp

  /// Elements of a run that a tile reads, and that a sum over it may read.
  constexpr std::int64_t tile_length() const { return room >= segment_step() ? segment_step() : length; }
  constexpr std::int64_t sum_length() const { return room > length ? room : length; }

  /// Elements from one segment's weights to the next one's.
  constexpr std::int64_t segment_step() const { return (length + depth - 1) / depth * depth; }
  constexpr std::int64_t steps() const { return (segments * (segment_step() / depth) + step_multiple - 1) / step_multiple * step_multiple; }
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
  constexpr std::int64_t panel_bytes(int vectors) const {
    return table_bytes(vectors) + steps() * vectors * lanes * depth * element_bytes / weights_of_byte;
  }
  constexpr std::int64_t group_bytes() const {
    const std::int64_t last = panels() - 1;
    return last < 0 ? 0 : last * panel_bytes(2) + panel_bytes(vectors(last));
  }
  constexpr std::int64_t bytes() const { return groups * group_bytes(); }
  constexpr std::int64_t panel_offset(std::int64_t group, std::int64_t panel) const {
    return group * group_bytes() + panel * panel_bytes(2);
  }
};

/// Where a layout's panels begin, for loops: the divisions behind it are done once.
class PanelPlaces {
 public:
  explicit constexpr PanelPlaces(const PanelLayout& layout)
      : panels_(layout.panels()), panel_bytes_(layout.panel_bytes(2)), group_bytes_(layout.group_bytes()) {}
  constexpr std::int64_t operator()(std::int64_t group, std::int64_t panel) const { return group * group_bytes_ + panel * panel_bytes_; }

  /// One panel after the other, group by group.
  struct Cursor {
    std::int64_t group, panel, panels;
    constexpr void advance() {
      if (++panel == panels) panel = 0, ++group;
    }
  };
  constexpr Cursor cursor(std::int64_t index) const { return {index / panels_, index % panels_, panels_}; }

 private:
  std::int64_t panels_, panel_bytes_, group_bytes_;
};

template <class A>
constexpr PanelLayout float_panels(std::int64_t columns, std::int64_t groups, std::int64_t segments, std::int64_t length) {
  return {columns, groups, segments, length, simd::lanes<float, A>, 1, 4, 1, 1, 0};
}
template <class A, class T>
constexpr PanelLayout byte_panels(std::int64_t columns, std::int64_t groups, std::int64_t segments, std::int64_t length,
                                  std::int64_t room = 0) {
  using D = simd::Dot<A, T>;
  const int words = simd::activation_offset_of<A, T>() != 0 ? 7 : 6;
  const int multiple = simd::has_tiles<A> ? simd::tile_step / D::depth : 1;
  return {columns, groups, segments, length, simd::lanes<std::int32_t, A>, D::depth, 1, words, multiple, room};
}

/// Of weights of 4 bits, for byte_row.hpp.
template <class A> constexpr PanelLayout nibble_panels(std::int64_t columns, std::int64_t length) {
  PanelLayout layout = byte_panels<A, std::int8_t>(columns, 1, 1, length);
  layout.step_multiple = 2;
  layout.weights_of_byte = 2;
  return layout;
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

/// How the sums of a panel become quantized outputs, see epilogue.hpp.
enum class ByteForm : std::int32_t {
  general,
  simple,         // no shift to the left, and nothing overflows
  steps,          // in float; negative sums give the zero point or less
  mirrored_steps  // in float
};

/// The tables of a panel of bytes.
struct BytePanel {
  std::byte* at;
  int width;  // columns, with those that only fill up
  ByteForm& form() const { return *reinterpret_cast<ByteForm*>(at); }
  /// Whether the weights allow Dot::two_steps().
  std::int32_t& two_steps() const { return *reinterpret_cast<std::int32_t*>(at + 4); }
  std::int32_t* table(int i) const { return reinterpret_cast<std::int32_t*>(at + 64) + i * width; }
  // Quantized outputs.
  std::int32_t* sum() const { return table(0); }     // of the column's weights less their zero point
  std::int32_t* offset() const { return table(1); }  // bias - zero point of the activations * sum
  /// What sums on tiles begin with: the offsets, where all that is added to them later is 0.
  const std::int32_t* tile_start(std::int32_t weight_zero_point) const {
    return weight_zero_point == 0 && form() >= ByteForm::steps ? offset() : nullptr;
  }
  std::int32_t* mantissa() const { return table(2); }  // of the multiplier
  std::int32_t* left() const { return table(3); }
  std::int32_t* right() const { return table(4); }
  std::int32_t* half() const { return table(5); }   // 2^(right - 1), 0 where right is 0
  std::int32_t* start() const { return table(6); }  // what sums start with, see Dot
  // Where the form is one of steps: see simd/requantize.hpp.
  float* high() const { return reinterpret_cast<float*>(table(2)); }
  float* low() const { return reinterpret_cast<float*>(table(3)); }
  float* lift() const { return reinterpret_cast<float*>(table(4)); }
  double* real() const { return reinterpret_cast<double*>(table(2)); }  // the multiplier, where sums are scaled in double
  // Float outputs.
  float* scale() const { return reinterpret_cast<float*>(table(1)); }
  float* bias() const { return reinterpret_cast<float*>(table(2)); }
};

/// Sums over count weights from the one of index `from` on.
template <class A, class W>
simd::ByteSums sums_of_column(const W* weights, std::int64_t from, std::int64_t count, [[maybe_unused]] std::int32_t zero_point) {
  if constexpr (std::is_same_v<W, Int4Pair>) {
    simd::ByteSums sums{};
    for (std::int64_t i = from; i < from + count; ++i) {
      const int w = packed_at(weights, i) - zero_point;
      sums.sum += w;
      sums.absolute += w < 0 ? -w : w;
    }
    return sums;
  } else {
    return simd::sums_around<A>(weights + from, count, zero_point);
  }
}

/// Puts the weights of one panel in place and returns, through `bound`, the largest |sum of products| that any activations reach.
template <class A, class T, class D, class W>
void pack_panel(const PanelLayout& layout, std::int32_t weight_zero_point, const W* weights, std::int64_t first, int exist,
                const BytePanel& panel, std::int64_t* bound) {
  constexpr int depth = D::depth;
  const std::int64_t row = layout.segments * layout.length, step = layout.segment_step() * panel.width;
  std::byte* out = panel.at + layout.table_bytes(panel.width / layout.lanes);
  if constexpr (std::is_same_v<W, Int4Pair>) {
    auto* to = reinterpret_cast<std::uint8_t*>(out);
    const auto raised = [&](int n, std::int64_t run, std::int64_t in_run) {
      return n < exist && in_run < layout.length
                 ? static_cast<std::uint8_t>(packed_at(weights, (first + n) * row + run * layout.length + in_run) + D::weight_offset)
                 : std::uint8_t{0};
    };
    if (layout.weights_of_byte == 2) {
      for (std::int64_t k = 0; k < layout.steps() * depth; k += 2 * depth) {
        for (int n = 0; n < panel.width; ++n) {
          for (std::int64_t d = k; d < k + depth; ++d) *to++ = static_cast<std::uint8_t>(raised(n, 0, d) | raised(n, 0, d + depth) << 4);
        }
      }
    } else {
      for (std::int64_t k = 0; k < layout.segments * layout.segment_step(); k += depth) {
        const std::int64_t run = k / layout.segment_step(), in_run = k % layout.segment_step();
        for (int n = 0; n < panel.width; ++n) {
          for (std::int64_t d = in_run; d < in_run + depth; ++d) *to++ = raised(n, run, d);
        }
      }
    }
  } else {
    constexpr auto flip = static_cast<std::uint8_t>(D::weight_offset);
    static_assert(flip == 0 || flip == 128, "an offset must be the flip of the sign");
    const auto* from = reinterpret_cast<const std::byte*>(weights + first * row);
    for (std::int64_t s = 0; s < layout.segments; ++s) {
      interleave_columns<A, depth, flip>(from + s * layout.length, row, exist, panel.width, layout.length, out + s * step);
    }
  }
  if constexpr (simd::has_two_steps<A, T>) {
    panel.two_steps() = 1;
    if constexpr (std::is_same_v<W, std::int8_t>) {
      if (std::memchr(weights + first * row, 0x80, static_cast<std::size_t>(exist * row)) != nullptr) panel.two_steps() = 0;
    }
  } else {
    panel.two_steps() = 0;
  }
  const std::int64_t filled = layout.segments * step, whole = layout.steps() * depth * panel.width;
  if (layout.weights_of_byte == 1 && filled < whole) std::memset(out + filled, 0, static_cast<std::size_t>(whole - filled));
  for (int n = 0; n < panel.width; ++n) {
    const simd::ByteSums sums = n < exist ? sums_of_column<A>(weights, (first + n) * row, row, weight_zero_point) : simd::ByteSums{};
    panel.sum()[n] = static_cast<std::int32_t>(sums.sum);
    bound[n] = sums.absolute * 255;
    if (simd::activation_offset_of<A, T>() != 0 && layout.table_words > 6) {
      const std::int64_t packed = sums.sum + (n < exist ? row * (weight_zero_point + D::weight_offset) : 0);
      panel.start()[n] = static_cast<std::int32_t>(-packed * simd::activation_offset_of<A, T>());
    }
  }
}

/// What turns sums into quantized outputs.
struct QuantizedColumns {
  std::int32_t input_zero_point, weight_zero_point;
  std::span<const Multiplier> multipliers;  // one a column
  const std::int32_t* bias;                 // may be null
  std::int32_t output_zero_point;
  Int32Range range;        // of outputs
  bool in_double = false;  // multipliers are doubles, bit by bit
};

/// T: the type of the activations; D: the dot product that will read the panels; W: T, or Int4Pair.
template <class A, class T, class D = simd::Dot<A, T>, class W = T>
void pack_quantized(const PanelLayout& layout, const W* weights, const QuantizedColumns& columns, std::byte* to) {
  for (std::int64_t g = 0; g < layout.groups; ++g) {
    for (std::int64_t p = 0; p < layout.panels(); ++p) {
      const BytePanel panel{to + layout.panel_offset(g, p), layout.vectors(p) * layout.lanes};
      const std::int64_t first = g * layout.columns + p * 2 * layout.lanes;
      const int exist = layout.columns_of(p);
      std::int64_t bound[64];
      pack_panel<A, T, D>(layout, columns.weight_zero_point, weights, first, exist, panel, bound);
      bool simple = true;
      for (int n = 0; n < panel.width; ++n) {
        const bool inside = n < exist;
        Multiplier m = !inside ? Multiplier{} : columns.multipliers[static_cast<std::size_t>(first + n)];
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
      panel.form() = simple ? ByteForm::simple : ByteForm::general;
      if constexpr (simd::has_float_steps<A>) {
        if (!simple || columns.in_double) continue;
        if (!simd::steps_can_clamp(columns.output_zero_point, columns.range.lo, columns.range.hi)) continue;
        const bool mirrored = columns.range.lo < columns.output_zero_point;
        const std::int32_t above = columns.range.hi - columns.output_zero_point, below = columns.output_zero_point - columns.range.lo;
        float high[64], low[64], lift[64];
        if (!find_float_steps<A>(panel.mantissa(), panel.right(), panel.width, above > below ? above : below, mirrored, high, low, lift)) {
          continue;
        }
        const std::size_t bytes = static_cast<std::size_t>(panel.width) * sizeof(float);
        std::memcpy(panel.high(), high, bytes);
        std::memcpy(panel.low(), low, bytes);
        std::memcpy(panel.lift(), lift, bytes);
        panel.form() = mirrored ? ByteForm::mirrored_steps : ByteForm::steps;
      }
    }
  }
}

/// The same for float outputs: y = sum * scale (+ bias). scales: one, or one a column.
template <class A, class T, class D = simd::Dot<A, T>, class W = T>
void pack_dequantizing(const PanelLayout& layout, const W* weights, std::span<const float> scales, const float* bias, std::byte* to) {
  for (std::int64_t g = 0; g < layout.groups; ++g) {
    for (std::int64_t p = 0; p < layout.panels(); ++p) {
      const BytePanel panel{to + layout.panel_offset(g, p), layout.vectors(p) * layout.lanes};
      const std::int64_t first = g * layout.columns + p * 2 * layout.lanes;
      const int exist = layout.columns_of(p);
      std::int64_t bound[64];
      pack_panel<A, T, D>(layout, 0, weights, first, exist, panel, bound);
      panel.form() = ByteForm::general;
      for (int n = 0; n < panel.width; ++n) {
        panel.scale()[n] = n < exist ? scales[scales.size() > 1 ? static_cast<std::size_t>(first + n) : 0] : 0.0f;
        panel.bias()[n] = n < exist && bias != nullptr ? bias[first + n] : 0.0f;
      }
    }
  }
}

}  // namespace tfl::linalg
