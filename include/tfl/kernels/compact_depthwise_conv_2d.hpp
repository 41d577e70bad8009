#pragma once
// DEPTHWISE_CONV_2D of int8, and of int16 with int8 filters, for microcontrollers: four channels of a position at a time, the window
// clipped to the image. See compact.hpp.

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/simd/helium.hpp"

namespace tfl {

template <> struct Compact<DepthwiseConv2D> {
  static constexpr bool exists = true;
  using Types = Signatures<Signature<Takes<std::int8_t, std::int8_t, std::int32_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::int16_t, std::int8_t, std::int64_t>, Gives<std::int16_t>>>;
  /// Four channels have an input each, or share one.
  enum class Way : std::uint8_t { usual, any, words, usual_shared, any_shared, words_shared };
  static constexpr Way most_way = Way::words_shared;
  static constexpr detail::CompactWay output_way(Way way) { return static_cast<detail::CompactWay>(static_cast<int>(way) % 3); }
  static constexpr bool shares_input(Way way) { return way >= Way::usual_shared; }

  struct Prepared {
    detail::CompactAxis y, x;
    std::uint16_t batches = 0, channels = 0, columns = 0, multiplier = 1;
    std::int16_t input_zero_point = 0;
    detail::CompactOutput output;
    Way way = Way::any;
  };

  static constexpr bool takes(const DepthwiseConv2D::Prepared& p, const NodeDescription& node) {
    // Four channels at a time have an input each, or share one.
    return p.output_channels % 4 == 0 && (p.multiplier == 1 || p.multiplier % 4 == 0) && detail::CompactAxis::fits(p.y) &&
           detail::CompactAxis::fits(p.x) && detail::fits_half_word(p.batches) && detail::fits_half_word(p.output_channels) &&
           (node.input(0).type == TensorType::int8 || p.y.filter * p.x.filter <= simd::most_word_products);
  }
  static constexpr Prepared prepare(const DepthwiseConv2D::Prepared& p, const NodeDescription& node, std::span<Multiplier> multipliers) {
    Prepared q;
    q.y = detail::CompactAxis::of(p.y);
    q.x = detail::CompactAxis::of(p.x);
    q.batches = static_cast<std::uint16_t>(p.batches);
    q.channels = static_cast<std::uint16_t>(p.channels);
    q.columns = static_cast<std::uint16_t>(p.output_channels);
    q.multiplier = static_cast<std::uint16_t>(p.multiplier);
    q.input_zero_point = static_cast<std::int16_t>(p.input_zero_point);
    q.output = {static_cast<std::int16_t>(p.output.zero_point), static_cast<std::int16_t>(p.output.integer.lo),
                static_cast<std::int16_t>(p.output.integer.hi)};
    const detail::CompactWay way =
        node.input(0).type == TensorType::int16 ? detail::CompactWay::words : detail::CompactOutput::prepare(multipliers, p.output.integer);
    q.way = static_cast<Way>(static_cast<int>(way) + (p.multiplier == 1 ? 0 : static_cast<int>(Way::usual_shared)));
    return q;
  }

  template <class A, Way W> static TFL_ALWAYS_INLINE void eval(const Prepared& p, const CompactArguments& a) {
    constexpr bool shared = shares_input(W);
    constexpr detail::CompactWay way = output_way(W);
    constexpr bool words = way == detail::CompactWay::words;
    using Element = std::conditional_t<words, std::int16_t, std::int8_t>;
    using Bias = std::conditional_t<words, std::int64_t, std::int32_t>;
    const auto* image = a.input<Element>(0);
    auto* to = a.to<Element>();
    const std::int32_t channels = p.channels, columns = p.columns;
    const std::int32_t line = p.x.input * channels;
    for (std::int32_t left = p.batches; left > 0; --left, image += p.y.input * line) {
      for (std::int32_t oy = 0; oy < p.y.output; ++oy) {
        const std::int32_t top = p.y.origin(oy);
        const std::int32_t y0 = p.y.first_tap(top), y1 = p.y.last_tap(top);
        for (std::int32_t ox = 0; ox < p.x.output; ++ox) {
          const std::int32_t from = p.x.origin(ox);
          const std::int32_t x0 = p.x.first_tap(from), x1 = p.x.last_tap(from);
          const Element* corner = image + (top + y0 * p.y.dilation) * line + (from + x0 * p.x.dilation) * channels;
          const std::int8_t* w = a.input<std::int8_t>(1) + (y0 * p.x.filter + x0) * columns;
          const auto* bias = a.input<Bias>(2);
          const Multiplier* by = a.multipliers;
#if TFL_HELIUM
          if constexpr (std::is_base_of_v<simd::Helium, A> && way == detail::CompactWay::usual) {
            if (columns % 8 == 0 && (!shared || p.multiplier % 8 == 0)) {
              const simd::HeliumWindow window{y1 - y0, x1 - x0, p.y.dilation * line, p.x.dilation * channels, p.x.filter * columns,
                                              columns};
              std::int32_t repeats = p.multiplier;
              for (std::int32_t n = columns; n > 0; n -= 8, w += 8, by += 8, to += 8) {
                simd::helium_depthwise<shared>(corner, w, window, p.input_zero_point, bias, by, p.output.zero_point, to);
                if (bias != nullptr) bias += 8;
                if constexpr (!shared) {
                  corner += 8;
                } else if (repeats -= 8; repeats == 0) {
                  repeats = p.multiplier;
                  ++corner;
                }
              }
              continue;
            }
          }
#endif
          std::int32_t repeats = p.multiplier;
          for (std::int32_t n = columns; n > 0; n -= 4, w += 4, by += 4, to += 4) {
            simd::FourSums sums;
            if (!words && bias != nullptr) {
              sums = {static_cast<std::uint32_t>(bias[0]), static_cast<std::uint32_t>(bias[1]), static_cast<std::uint32_t>(bias[2]),
                      static_cast<std::uint32_t>(bias[3])};
            }
            add_window<A, shared>(p, corner, w, y1 - y0, x1 - x0, sums);
            const auto finish = [&](int i, std::uint32_t sum) __attribute__((always_inline)) {
              if constexpr (words) {
                return detail::finish_words(static_cast<std::int32_t>(sum), bias != nullptr ? bias + i : nullptr, by[i], p.output);
              } else {
                return p.output.template finish<A, way>(static_cast<std::int32_t>(sum), by[i]);
              }
            };
            to[0] = finish(0, sums.s0);
            to[1] = finish(1, sums.s1);
            to[2] = finish(2, sums.s2);
            to[3] = finish(3, sums.s3);
            if (bias != nullptr) bias += 4;
            if constexpr (!shared) {
              corner += 4;
            } else if (repeats -= 4; repeats == 0) {
              repeats = p.multiplier;
              ++corner;
            }
          }
        }
      }
    }
  }

 private:
  template <class A, bool Shared, class Element>
  static TFL_ALWAYS_INLINE void add_window(const Prepared& p, const Element* row, const std::int8_t* row_weights, std::int32_t rows,
                                           std::int32_t taps, simd::FourSums& sums) {
    const std::int32_t columns = p.columns, zero_point = p.input_zero_point, step = p.x.dilation * p.channels;
    const std::int32_t next_row = (p.y.dilation * p.x.input - taps * p.x.dilation) * p.channels,
                       next_weights = (p.x.filter - taps) * columns;
    if (taps <= 0) return;
    for (; rows > 0; --rows, row += next_row, row_weights += next_weights) {
      std::int32_t left = taps;
      do {
        simd::add_channel_products<A, Shared>(row, zero_point, row_weights, sums);
        row += step;
        row_weights += columns;
      } while (--left > 0);
    }
  }
};

}  // namespace tfl
