#pragma once
// Convolution windows as rows of a matrix product, without a copy of the image: pointers to runs.

#include <cstddef>
#include <cstdint>

#include "tfl/config.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/linalg/direct.hpp"
#include "tfl/linalg/pack.hpp"
#include "tfl/simd/copy.hpp"

namespace tfl::linalg {

/// How windows become rows.
enum class Rows : std::uint8_t {
  flat,  // a window is one pixel, and all follow one another: rows are the input itself
  taps   // one run for each tap: pointers to pixels, or to a pixel of padding
};

/// A 2D convolution's sizes. Input [batches, y.input, x.input, channels], filters [groups * columns, y.filter, x.filter, group_channels].
struct WindowShape {
  WindowAxis y, x;
  std::int64_t batches = 1, channels = 1, group_channels = 1, groups = 1, columns = 1;

  constexpr std::int64_t taps() const { return y.filter * x.filter; }
  constexpr std::int64_t depth() const { return taps() * group_channels; }
  constexpr std::int64_t positions() const { return y.output * x.output; }
  constexpr std::int64_t image() const { return y.input * x.input * channels; }
  constexpr bool padded() const { return !y.inside() || !x.inside(); }

  constexpr Rows rows() const { return taps() == 1 && y.stride == 1 && x.stride == 1 && !padded() ? Rows::flat : Rows::taps; }
  constexpr std::int64_t segments() const { return rows() == Rows::taps ? taps() : 1; }

  /// Bytes of working memory: a pixel of padding, then a share for each worker.
  constexpr std::int64_t pad_bytes(int element_bytes) const {
    return rows() == Rows::taps && padded() ? (channels * element_bytes + 15) / 16 * 16 : 0;
  }
  constexpr std::int64_t worker_bytes(int tile) const {
    return rows() == Rows::taps ? (tile * taps() * std::int64_t{sizeof(void*)} + 15) / 16 * 16 : 0;
  }
  constexpr std::int64_t bytes(int tile, int element_bytes, int workers) const {
    return pad_bytes(element_bytes) + shares_bytes(worker_bytes(tile), workers);
  }
};

/// Rows of windows over `input`, for one tile height. Padding reads as `pad`.
template <class T> class WindowRows {
 public:
  WindowRows(const WindowShape& shape, int tile, const T* input, T pad, std::byte* scratch)
      : shape_(shape), how_(shape.rows()), tile_(tile), input_(input), scratch_(scratch) {
    const std::int64_t bytes = shape.pad_bytes(sizeof(T));
    auto* pixel = reinterpret_cast<T*>(scratch_);
    for (std::int64_t c = 0; bytes > 0 && c < shape.channels; ++c) pixel[c] = pad;
    shares_ = scratch_ + bytes;
  }

  /// The table of the windows first <= m < first + count.
  const T* const* operator()(std::int64_t first, int count, int worker, const T** few) const {
    if (how_ == Rows::flat) {
      for (int m = 0; m < tile_; ++m) few[m] = input_ + (first + (m < count ? m : 0)) * shape_.channels;
      return few;
    }
    auto* table = reinterpret_cast<const T**>(shares_ + worker * share_step(shape_.worker_bytes(tile_)));
    std::int64_t x = first % shape_.x.output, y = first / shape_.x.output % shape_.y.output, batch = first / shape_.positions();
    for (int m = 0; m < count; ++m) {
      point(input_ + batch * shape_.image(), shape_.y.origin(y), shape_.x.origin(x), table + m);
      if (++x == shape_.x.output) {
        x = 0;
        if (++y == shape_.y.output) {
          y = 0;
          ++batch;
        }
      }
    }
    return table;
  }

  /// The windows first <= m < first + count as rows of all taps, `row` bytes apart. Writes up to 63 bytes behind the last one.
  template <class A> void stage(std::int64_t first, int count, std::uint8_t* to, std::int64_t row) const requires(sizeof(T) == 1) {
    const std::int64_t channels = shape_.channels, run = shape_.x.filter * channels;
    std::int64_t x = first % shape_.x.output, y = first / shape_.x.output % shape_.y.output, batch = first / shape_.positions();
    for (int m = 0; m < count; ++m, to += row) {
      const T* image = input_ + batch * shape_.image();
      const std::int64_t top = shape_.y.origin(y), left = shape_.x.origin(x);
      const std::int64_t from_tap = shape_.x.first_tap(left), to_tap = shape_.x.last_tap(left);
      const bool whole = from_tap == 0 && to_tap == shape_.x.filter && shape_.x.dilation == 1;
      std::uint8_t* at = to;
      for (std::int64_t ky = 0; ky < shape_.y.filter; ++ky, at += run) {
        const std::int64_t in_y = top + ky * shape_.y.dilation;
        const bool inside = in_y >= 0 && in_y < shape_.y.input;
        const T* pixels = image + (in_y * shape_.x.input + left) * channels;
        if (inside && whole) {
          simd::copy_steps<A>(at, pixels, run);
          continue;
        }
        for (std::int64_t kx = 0; kx < shape_.x.filter; ++kx) {
          if (inside && kx >= from_tap && kx < to_tap) {
            simd::copy_steps<A>(at + kx * channels, pixels + kx * shape_.x.dilation * channels, channels);
          } else {
            simd::copy_steps<A>(at + kx * channels, scratch_, channels);  // the pixel of padding
          }
        }
      }
      if (++x == shape_.x.output) {
        x = 0;
        if (++y == shape_.y.output) {
          y = 0;
          ++batch;
        }
      }
    }
  }

 private:
  void point(const T* image, std::int64_t top, std::int64_t left, const T** to) const {
    const T* pad = reinterpret_cast<const T*>(scratch_);
    for (std::int64_t ky = 0; ky < shape_.y.filter; ++ky) {
      const std::int64_t in_y = top + ky * shape_.y.dilation;
      const bool row_inside = in_y >= 0 && in_y < shape_.y.input;
      std::int64_t in_x = left;
      for (std::int64_t kx = 0; kx < shape_.x.filter; ++kx, in_x += shape_.x.dilation, to += tile_) {
        *to = row_inside && in_x >= 0 && in_x < shape_.x.input ? image + (in_y * shape_.x.input + in_x) * shape_.channels : pad;
      }
    }
  }

  WindowShape shape_;
  Rows how_;
  int tile_;
  const T* input_;
  std::byte* scratch_;
  std::byte* shares_;
};

/// The part of the window at (y, x) of `image` that lies inside, for one group.
template <class T>
TFL_ALWAYS_INLINE Runs<T> runs_of(const WindowShape& shape, const T* image, std::int64_t y, std::int64_t x, std::int64_t group) {
  const std::int64_t top = shape.y.origin(y), left = shape.x.origin(x);
  const std::int64_t y0 = shape.y.first_tap(top), y1 = shape.y.last_tap(top), x0 = shape.x.first_tap(left), x1 = shape.x.last_tap(left);
  Runs<T> runs{image, 0};
  if (y0 >= y1 || x0 >= x1) {
    runs.outer = 0;
    return runs;
  }
  const std::int64_t c = shape.group_channels;
  runs.x = image + ((top + y0 * shape.y.dilation) * shape.x.input + left + x0 * shape.x.dilation) * shape.channels + group * c;
  runs.first_weight = (y0 * shape.x.filter + x0) * c;
  runs.outer = y1 - y0;
  runs.x_outer = shape.y.dilation * shape.x.input * shape.channels;
  runs.weight_outer = shape.x.filter * c;
  if (shape.groups == 1 && shape.x.dilation == 1) {
    runs.inner = 1;
    runs.length = (x1 - x0) * c;
  } else {
    runs.inner = x1 - x0;
    runs.length = c;
    runs.x_inner = shape.x.dilation * shape.channels;
    runs.weight_inner = c;
  }
  return runs;
}

}  // namespace tfl::linalg
