#pragma once
// AVERAGE_POOL_2D and MAX_POOL_2D of int8 and int16 for microcontrollers: channel by channel, the window clipped to the image. See
// compact.hpp.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/pool.hpp"

namespace tfl {

namespace detail {

template <PoolKind Kind> struct CompactPool {
  static constexpr bool exists = true;
  using Types = Signatures<Signature<Takes<std::int8_t>, Gives<std::int8_t>>, Signature<Takes<std::int16_t>, Gives<std::int16_t>>>;
  enum class Way : std::uint8_t { bytes, words };
  static constexpr Way most_way = Way::words;

  struct Prepared {
    CompactAxis y, x;
    std::uint16_t batches = 0, channels = 0;
    std::int16_t lo = 0, hi = 0;
    Way way = Way::bytes;
  };

  static constexpr bool takes(const typename Pool2D<Kind>::Prepared& p, const NodeDescription& node) {
    return CompactAxis::fits(p.y) && CompactAxis::fits(p.x) && fits_half_word(node.input(0).shape[0]) &&
           fits_half_word(node.input(0).shape[3]);
  }
  static constexpr Prepared prepare(const typename Pool2D<Kind>::Prepared& p, const NodeDescription& node, std::span<Multiplier>) {
    return {CompactAxis::of(p.y),
            CompactAxis::of(p.x),
            static_cast<std::uint16_t>(node.input(0).shape[0]),
            static_cast<std::uint16_t>(node.input(0).shape[3]),
            static_cast<std::int16_t>(p.integer.lo),
            static_cast<std::int16_t>(p.integer.hi),
            node.input(0).type == TensorType::int16 ? Way::words : Way::bytes};
  }

  template <class A, Way W> static TFL_ALWAYS_INLINE void eval(const Prepared& p, const CompactArguments& a) {
    using T = std::conditional_t<W == Way::words, std::int16_t, std::int8_t>;
    const T* image = a.input<T>(0);
    T* to = a.to<T>();
    const std::int32_t channels = p.channels, line = p.x.input * channels;
    for (std::int32_t left = p.batches; left > 0; --left, image += p.y.input * line) {
      for (std::int32_t oy = 0; oy < p.y.output; ++oy) {
        const auto [y0, y1] = p.y.inside(oy);
        for (std::int32_t ox = 0; ox < p.x.output; ++ox) {
          const auto [x0, x1] = p.x.inside(ox);
          const T* corner = image + y0 * line + x0 * channels;
          const std::int32_t rows = y1 - y0, columns = x1 - x0;
          for (std::int32_t c = channels; c > 0; --c, ++corner) {
            const T* row = corner;
            std::int32_t sum = Kind == PoolKind::max ? std::numeric_limits<T>::min() : 0;
            for (std::int32_t y = rows; y > 0; --y, row += line) {
              const T* from = row;
              for (std::int32_t x = columns; x > 0; --x, from += channels) {
                if constexpr (Kind == PoolKind::max) {
                  sum = *from > sum ? *from : sum;
                } else {
                  sum += *from;
                }
              }
            }
            if constexpr (Kind == PoolKind::average) {
              const std::int32_t count = rows * columns, half = count / 2;
              // A window that lies on padding alone has no elements, and the sum 0.
              if (count > 0) sum = (sum < 0 ? sum - half : sum + half) / count;
            }
            *to++ = static_cast<T>(sum < p.lo ? p.lo : sum > p.hi ? p.hi : sum);
          }
        }
      }
    }
  }
};

}  // namespace detail

template <> struct Compact<AveragePool2D> : detail::CompactPool<detail::PoolKind::average> {};
template <> struct Compact<MaxPool2D> : detail::CompactPool<detail::PoolKind::max> {};

}  // namespace tfl
