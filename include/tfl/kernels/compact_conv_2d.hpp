#pragma once
// CONV_2D of int8 for microcontrollers: two windows at a time are staged without their zero point, then multiplied with two filters at a
// time. int16 with int8 filters is multiplied where it lies. See compact.hpp.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/simd/helium.hpp"

namespace tfl {

template <> struct Compact<Conv2D> {
  static constexpr bool exists = true;
  using Types = Signatures<Signature<Takes<std::int8_t, std::int8_t, std::int32_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::int16_t, std::int8_t, std::int64_t>, Gives<std::int16_t>>>;
  using Way = detail::CompactWay;
  static constexpr Way most_way = Way::words;

  struct Prepared {
    detail::CompactAxis y, x;
    std::uint16_t batches = 0, channels = 0, columns = 0;
    std::int16_t input_zero_point = 0;
    detail::CompactOutput output;
    Way way = Way::any;
    constexpr std::int32_t depth() const { return std::int32_t{y.filter} * x.filter * channels; }
    constexpr std::int32_t positions() const { return std::int32_t{batches} * y.output * x.output; }
    /// Windows are single pixels that follow one another.
    constexpr bool is_flat() const {
      return y.filter == 1 && x.filter == 1 && y.stride == 1 && x.stride == 1 && y.output == y.input && x.output == x.input &&
             y.before == 0 && x.before == 0;
    }
  };

  static constexpr bool takes(const Conv2D::Prepared& p, const NodeDescription&) {
    const linalg::WindowShape& s = p.shape;
    return s.groups == 1 && detail::CompactAxis::fits(s.y) && detail::CompactAxis::fits(s.x) && detail::fits_half_word(s.batches) &&
           detail::fits_half_word(s.channels) && detail::fits_half_word(s.columns);
  }
  static constexpr Prepared prepare(const Conv2D::Prepared& p, const NodeDescription& node, std::span<Multiplier> multipliers) {
    Prepared q;
    q.y = detail::CompactAxis::of(p.shape.y);
    q.x = detail::CompactAxis::of(p.shape.x);
    q.batches = static_cast<std::uint16_t>(p.shape.batches);
    q.channels = static_cast<std::uint16_t>(p.shape.channels);
    q.columns = static_cast<std::uint16_t>(p.shape.columns);
    q.input_zero_point = static_cast<std::int16_t>(p.input_zero_point);
    q.output = {static_cast<std::int16_t>(p.output_zero_point), static_cast<std::int16_t>(p.range.lo),
                static_cast<std::int16_t>(p.range.hi)};
    q.way = node.input(0).type == TensorType::int16 ? Way::words : detail::CompactOutput::prepare(multipliers, p.range);
    return q;
  }
  template <class A> static constexpr std::int64_t scratch_bytes(const Prepared& p) {
    if (p.way == Way::words) return 0;
    if (in_vectors<A>(p.way)) return p.columns * std::int64_t{4} + (reads_in_place(p) ? 0 : helium_rows * p.depth());
    return simd::Staging<A>::bytes(p.depth());
  }

  template <class A, Way W> static TFL_ALWAYS_INLINE void eval(const Prepared& p, const CompactArguments& a) {
    if constexpr (W == Way::words) {
      eval_words<A>(p, a);
    } else {
      eval_bytes<A, W>(p, a);
    }
  }

 private:
  template <class A, Way W> static TFL_ALWAYS_INLINE void eval_bytes(const Prepared& p, const CompactArguments& a) {
#if TFL_HELIUM
    if constexpr (in_vectors<A>(W)) return eval_vectors(p, a);
#endif
    using Staging = simd::Staging<A>;
    auto* const staged = reinterpret_cast<typename Staging::Element*>(a.scratch);
    auto* to = a.to<std::int8_t>();
    const std::int32_t depth = p.depth();
    for_each_group<Staging::rows>(
        p, a.input<std::int8_t>(0),
        [&](const std::int8_t* image, std::int32_t top, std::int32_t left, int row)
            __attribute__((always_inline)) { stage<Staging>(p, image, top, left, staged + row * Staging::row_step); },
        [&](int rows) __attribute__((always_inline)) {
          multiply<A, W>(p, staged, depth, a.input<std::int8_t>(1), a.input<std::int32_t>(2), a.multipliers, to, rows);
          to += rows * p.columns;
        });
  }

  /// 16-bit elements are symmetric: what lies outside of the image is left out. Four filters at a time.
  template <class A> static TFL_ALWAYS_INLINE void eval_words(const Prepared& p, const CompactArguments& a) {
    const auto* image = a.input<std::int16_t>(0);
    const auto* const bias = a.input<std::int64_t>(2);
    auto* to = a.to<std::int16_t>();
    const std::int32_t channels = p.channels, columns = p.columns, depth = p.depth();
    // Fewer than four filters are computed one by one, four times over; of more, the last four overlap those before them.
    const std::int32_t at_once = columns < 4 ? 1 : 4, step = columns < 4 ? 0 : depth;
    for (std::int32_t left = p.batches; left > 0; --left, image += std::int32_t{p.y.input} * p.x.input * channels) {
      for (std::int32_t oy = 0; oy < p.y.output; ++oy) {
        for (std::int32_t ox = 0; ox < p.x.output; ++ox, to += columns) {
          for (std::int32_t next = 0; next < columns; next += at_once) {
            const std::int32_t n = next + at_once <= columns ? next : columns - at_once;
            std::int64_t sums[4] = {};
            add_window_words<A>(p, image, oy, ox, a.input<std::int8_t>(1) + n * depth, step, sums);
            for (std::int32_t i = 0; i < at_once; ++i)
              to[n + i] = detail::finish_words(sums[i], bias != nullptr ? bias + n + i : nullptr, a.multipliers[n + i], p.output);
          }
        }
      }
    }
  }
  template <class A>
  static TFL_ALWAYS_INLINE void add_window_words(const Prepared& p, const std::int16_t* image, std::int32_t oy, std::int32_t ox,
                                                 const std::int8_t* w, std::int32_t step, std::int64_t (&sums)[4]) {
    const std::int32_t channels = p.channels, top = p.y.origin(oy), from = p.x.origin(ox);
    const std::int32_t x0 = p.x.first_tap(from), x1 = p.x.last_tap(from), y1 = p.y.last_tap(top);
    // Neighbours in the image are neighbours in the filter, too.
    const std::int32_t runs = p.x.dilation == 1 ? (x1 > x0 ? 1 : 0) : x1 - x0, run = p.x.dilation == 1 ? (x1 - x0) * channels : channels;
    for (std::int32_t ky = p.y.first_tap(top); ky < y1; ++ky) {
      for (std::int32_t r = 0; r < runs; ++r) {
        simd::add_word_products<A>(image + ((top + ky * p.y.dilation) * p.x.input + from + (x0 + r) * p.x.dilation) * channels,
                                   w + (ky * p.x.filter + x0 + r) * channels, step, run, sums);
      }
    }
  }

  static constexpr int helium_rows = 4;
  template <class A> static constexpr bool in_vectors(Way way) {
    return TFL_HELIUM != 0 && std::is_base_of_v<simd::Helium, A> && way == Way::usual;
  }

  /// Windows that are rows of the image already, enough of them for a group.
  static constexpr bool reads_in_place(const Prepared& p) { return p.is_flat() && p.positions() >= helium_rows; }

  /// Calls stage(image, top, left, row) for every window and multiply(rows) after every `Rows` of them.
  template <int Rows, class Stage, class Multiply>
  static TFL_ALWAYS_INLINE void for_each_group(const Prepared& p, const std::int8_t* image, Stage stage, Multiply multiply) {
    int row = 0;
    for (std::int32_t left = p.batches; left > 0; --left, image += std::int32_t{p.y.input} * p.x.input * p.channels) {
      for (std::int32_t oy = 0; oy < p.y.output; ++oy) {
        for (std::int32_t ox = 0; ox < p.x.output; ++ox) {
          stage(image, p.y.origin(oy), p.x.origin(ox), row);
          const bool last = left == 1 && oy + 1 == p.y.output && ox + 1 == p.x.output;
          if (++row < Rows && !last) continue;
          multiply(row);
          row = 0;
        }
      }
    }
  }

#if TFL_HELIUM
  /// Rows of bytes, padded with the zero point, which is taken off the sums.
  struct Bytes {
    using Element = std::int8_t;
    static TFL_ALWAYS_INLINE void put(Element* row, std::int32_t k, const std::int8_t* from, std::int32_t count, std::int32_t) {
      simd::helium_copy(row + k, from, count);
    }
    static TFL_ALWAYS_INLINE void pad(Element* row, std::int32_t k, std::int32_t count, std::int32_t zero_point) {
      for (Element* to = row + k; count > 0; --count) *to++ = static_cast<Element>(zero_point);
    }
  };

  static TFL_ALWAYS_INLINE void eval_vectors(const Prepared& p, const CompactArguments& a) {
    const std::int32_t depth = p.depth(), columns = p.columns;
    const auto* const filter = a.input<std::int8_t>(1);
    auto* const starts = reinterpret_cast<std::int32_t*>(a.scratch);
    simd::helium_starts(filter, depth, columns, a.input<std::int32_t>(2), p.input_zero_point, starts);
    auto* to = a.to<std::int8_t>();
    if (reads_in_place(p)) {
      const auto* x = a.input<std::int8_t>(0);
      for (std::int32_t left = p.positions(); left > 0; left -= helium_rows) {
        // The last four overlap those before them.
        const std::int32_t back = left < helium_rows ? helium_rows - left : 0;
        x -= back * depth;
        to -= back * columns;
        simd::helium_multiply_rows(x, helium_rows, filter, depth, starts, a.multipliers, columns, p.output.zero_point, to);
        x += helium_rows * depth;
        to += helium_rows * columns;
      }
      return;
    }
    auto* const staged = reinterpret_cast<std::int8_t*>(starts + columns);
    for_each_group<helium_rows>(
        p, a.input<std::int8_t>(0),
        [&](const std::int8_t* image, std::int32_t top, std::int32_t left, int row)
            __attribute__((always_inline)) { stage<Bytes>(p, image, top, left, staged + row * depth); },
        [&](int rows) __attribute__((always_inline)) {
          simd::helium_multiply_rows(staged, rows, filter, depth, starts, a.multipliers, columns, p.output.zero_point, to);
          to += rows * columns;
        });
  }
#endif

  template <class S>
  static TFL_ALWAYS_INLINE void stage(const Prepared& p, const std::int8_t* image, std::int32_t top, std::int32_t left,
                                      typename S::Element* row) {
    const std::int32_t channels = p.channels, taps = p.x.filter;
    // A row of the window that lies inside of the image is one run.
    const bool whole = p.x.dilation == 1 && left >= 0 && left + taps <= p.x.input;
    std::int32_t k = 0;
    for (std::int32_t ky = p.y.filter; ky > 0; --ky, top += p.y.dilation) {
      // Negative numbers are large ones, too.
      const bool inside = static_cast<std::uint32_t>(top) < p.y.input;
      const std::int8_t* from = image + (top * p.x.input + left) * channels;
      if (inside && whole) {
        S::put(row, k, from, taps * channels, p.input_zero_point);
        k += taps * channels;
        continue;
      }
      std::int32_t column = left;
      for (std::int32_t kx = taps; kx > 0; --kx, column += p.x.dilation, from += p.x.dilation * channels, k += channels) {
        if (inside && static_cast<std::uint32_t>(column) < p.x.input) {
          S::put(row, k, from, channels, p.input_zero_point);
        } else {
          S::pad(row, k, channels, p.input_zero_point);
        }
      }
    }
  }

  template <class A, Way W>
  static TFL_ALWAYS_INLINE void multiply(const Prepared& p, const typename simd::Staging<A>::Element* staged, std::int32_t depth,
                                         const std::int8_t* w, const std::int32_t* bias, const Multiplier* by, std::int8_t* to, int rows) {
    const std::int32_t columns = p.columns;
    for (std::int32_t n = 0; n < columns; n += 2, w += 2 * depth) {
      const bool two = n + 1 < columns;
      const std::int32_t second = two ? 1 : 0;
      const std::int32_t b0 = bias != nullptr ? bias[n] : 0, b1 = bias != nullptr ? bias[n + second] : 0;
      std::int32_t sums[4] = {b0, b1, b0, b1};
      simd::Staging<A>::add_products(staged, w, w + second * depth, depth, sums);
      const Multiplier m0 = by[n], m1 = by[n + second];
      // The second column first: where it is the first one again, it is overwritten.
      to[n + second] = p.output.template finish<A, W>(sums[1], m1);
      to[n] = p.output.template finish<A, W>(sums[0], m0);
      if (rows == 2) {
        to[columns + n + second] = p.output.template finish<A, W>(sums[3], m1);
        to[columns + n] = p.output.template finish<A, W>(sums[2], m0);
      }
    }
  }
};

}  // namespace tfl
