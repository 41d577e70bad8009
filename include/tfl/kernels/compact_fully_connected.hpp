#pragma once
// FULLY_CONNECTED of int8, and of int16 with int8 weights, for microcontrollers: a row times four rows of weights at a time, scaled as in
// double, by integers. See compact.hpp.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/fully_connected.hpp"

namespace tfl {

template <> struct Compact<FullyConnected> {
  static constexpr bool exists = true;
  using Types = Signatures<Signature<Takes<std::int8_t, std::int8_t, std::int32_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::int16_t, std::int8_t, std::int32_t>, Gives<std::int16_t>>,
                           Signature<Takes<std::int16_t, std::int8_t, std::int64_t>, Gives<std::int16_t>>>;
  enum class Way : std::uint8_t { bytes, words };
  static constexpr Way most_way = Way::words;

  struct Prepared {
    std::int32_t rows = 0, columns = 0, depth = 0;
    std::int16_t input_zero_point = 0, output_zero_point = 0, lo = 0, hi = 0;
    bool one_multiplier = false;  // for all columns
    bool wide_bias = false;       // of 64 bits
    Way way = Way::bytes;
  };

  static constexpr bool takes(const FullyConnected::Prepared& p, const NodeDescription&) { return p.weight_zero_point == 0 && p.depth > 0; }
  static constexpr Prepared prepare(const FullyConnected::Prepared& p, const NodeDescription& node, std::span<Multiplier> multipliers) {
    bool equal = true;
    for (const Multiplier& m : multipliers) equal = equal && m == multipliers[0];
    return {static_cast<std::int32_t>(p.rows),
            static_cast<std::int32_t>(p.columns),
            static_cast<std::int32_t>(p.depth),
            static_cast<std::int16_t>(p.input_zero_point),
            static_cast<std::int16_t>(p.output_zero_point),
            static_cast<std::int16_t>(p.range.lo),
            static_cast<std::int16_t>(p.range.hi),
            equal,
            p.wide_bias,
            node.input(0).type == TensorType::int16 ? Way::words : Way::bytes};
  }

  static constexpr std::int64_t multipliers(const NodeDescription& node) {
    const Quantization& weights = node.input(1).quantization;
    return weights.per_channel() ? static_cast<std::int64_t>(weights.channel_scales.size()) : 1;
  }

  template <class A, Way W> static TFL_ALWAYS_INLINE void eval(const Prepared& p, const CompactArguments& a) {
    using T = std::conditional_t<W == Way::words, std::int16_t, std::int8_t>;
    using Sum = std::conditional_t<W == Way::words, std::int64_t, std::int32_t>;
    const auto* x = a.input<T>(0);
    const auto* const weights = a.input<std::int8_t>(1);
    auto* to = a.to<T>();
    // Fewer than four columns are computed one by one, four times over; of more, the last four overlap those before them.
    const std::int32_t at_once = p.columns < 4 ? 1 : 4, step = p.columns < 4 ? 0 : p.depth;
    for (std::int32_t row = p.rows; row > 0; --row, x += p.depth, to += p.columns) {
      for (std::int32_t next = 0; next < p.columns; next += at_once) {
        const std::int32_t n = next + at_once <= p.columns ? next : p.columns - at_once;
        Sum sums[4] = {0, 0, 0, 0};
        if constexpr (W == Way::words) {
          simd::add_word_products<A>(x, weights + n * p.depth, step, p.depth, sums);
        } else {
          simd::add_row_products<A>(x, p.input_zero_point, weights + n * p.depth, step, p.depth, sums);
        }
        for (std::int32_t i = 0; i < at_once; ++i) {
          const Sum sum = detail::wrapping_add(sums[i], bias_of<W>(p, a, n + i));
          // The multipliers are doubles, bit by bit.
          const auto real = std::bit_cast<std::uint64_t>(a.multipliers[p.one_multiplier ? 0 : n + i]);
          const std::int32_t y = multiply_in_double(sum, real) + p.output_zero_point;
          to[n + i] = static_cast<T>(y < p.lo ? p.lo : y > p.hi ? p.hi : y);
        }
      }
    }
  }

 private:
  template <Way W> static TFL_ALWAYS_INLINE auto bias_of(const Prepared& p, const CompactArguments& a, std::int32_t n) {
    if constexpr (W == Way::words) {
      return detail::integer_bias(a.inputs[2], p.wide_bias, n);
    } else {
      const auto* const bias = a.input<std::int32_t>(2);
      return bias != nullptr ? bias[n] : 0;
    }
  }
};

}  // namespace tfl
