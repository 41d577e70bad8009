#pragma once
// Convolution windows as rows of a matrix product, without a copy of the whole image: pointers to runs, or a few gathered rows.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tfl/config.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/linalg/direct.hpp"
#include "tfl/linalg/pack.hpp"

namespace tfl::linalg {

/// How windows become rows.
enum class Rows : std::uint8_t {
  flat,     // a window is one pixel, and all follow one another: rows are the input itself
  taps,     // one run for each tap: pointers to pixels, or to a pixel of padding
  gathered  // one run: a few windows are copied together; for few channels
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

  constexpr Rows rows(std::int64_t row_bytes_limit, int tile, int element_bytes) const {
    if (taps() == 1 && y.stride == 1 && x.stride == 1 && !padded()) return Rows::flat;
    if (groups == 1 && channels < 16 && tile * depth() * element_bytes <= row_bytes_limit) return Rows::gathered;
    return Rows::taps;
  }
  constexpr std::int64_t segments(Rows how) const { return how == Rows::taps ? taps() : 1; }
  /// Elements from one gathered row to the next: bytes begin on multiples of 16, with zeros between.
  constexpr std::int64_t gathered_step(int element_bytes) const { return element_bytes == 1 ? (depth() + 15) / 16 * 16 : depth(); }
  constexpr std::int64_t length(Rows how) const { return how == Rows::taps ? group_channels : depth(); }

  /// Bytes of working memory: a pixel of padding, then a share for each worker.
  constexpr std::int64_t pad_bytes(Rows how, int element_bytes) const {
    return how == Rows::taps && padded() ? (channels * element_bytes + 15) / 16 * 16 : 0;
  }
  constexpr std::int64_t worker_bytes(Rows how, int tile, int element_bytes) const {
    if (how == Rows::taps) return (tile * taps() * std::int64_t{sizeof(void*)} + 15) / 16 * 16;
    return how == Rows::gathered ? (tile * gathered_step(element_bytes) * element_bytes + 15) / 16 * 16 : 0;
  }
  constexpr std::int64_t bytes(Rows how, int tile, int element_bytes, int workers) const {
    return pad_bytes(how, element_bytes) + workers * worker_bytes(how, tile, element_bytes);
  }
};

/// The most that gathered rows may take.
inline constexpr std::int64_t gathered_bytes_limit = 16 * 1024;

namespace detail {
/// A memcpy of a few bytes without the call.
TFL_ALWAYS_INLINE void copy_bytes(void* to, const void* from, std::size_t bytes) {
  auto* t = static_cast<char*>(to);
  const auto* f = static_cast<const char*>(from);
  if (bytes > 64 || bytes < 4) {
    if (bytes < 4) {
      for (std::size_t i = 0; i < bytes; ++i) t[i] = f[i];
    } else {
      std::memcpy(t, f, bytes);
    }
  } else if (bytes >= 16) {
    char last[16];
    std::memcpy(last, f + bytes - 16, 16);
    for (std::size_t i = 0; i + 16 < bytes; i += 16) {
      char part[16];
      std::memcpy(part, f + i, 16);
      std::memcpy(t + i, part, 16);
    }
    std::memcpy(t + bytes - 16, last, 16);
  } else if (bytes >= 8) {
    char first[8], last[8];
    std::memcpy(first, f, 8);
    std::memcpy(last, f + bytes - 8, 8);
    std::memcpy(t, first, 8);
    std::memcpy(t + bytes - 8, last, 8);
  } else {
    char first[4], last[4];
    std::memcpy(first, f, 4);
    std::memcpy(last, f + bytes - 4, 4);
    std::memcpy(t, first, 4);
    std::memcpy(t + bytes - 4, last, 4);
  }
}
template <class T> TFL_ALWAYS_INLINE void fill_elements(T* to, std::int64_t count, T value) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = value;
}
}  // namespace detail

/// Rows of windows over `input`, for one tile height. Padding reads as `pad`.
template <class T> class WindowRows {
 public:
  WindowRows(const WindowShape& shape, Rows how, int tile, const T* input, T pad, std::byte* scratch)
      : shape_(shape), how_(how), tile_(tile), input_(input), pad_(pad), scratch_(scratch) {
    const std::int64_t bytes = shape.pad_bytes(how, sizeof(T));
    if (bytes > 0) detail::fill_elements(reinterpret_cast<T*>(scratch_), shape.channels, pad);
    shares_ = scratch_ + bytes;
  }

  /// The table of the windows first <= m < first + count.
  const T* const* operator()(std::int64_t first, int count, int worker, const T** few) const {
    if (how_ == Rows::flat) {
      for (int m = 0; m < tile_; ++m) few[m] = input_ + (first + (m < count ? m : 0)) * shape_.channels;
      return few;
    }
    std::byte* share = shares_ + worker * shape_.worker_bytes(how_, tile_, sizeof(T));
    std::int64_t x = first % shape_.x.output, y = first / shape_.x.output % shape_.y.output, batch = first / shape_.positions();
    for (int m = 0; m < count; ++m) {
      const T* image = input_ + batch * shape_.image();
      const std::int64_t top = shape_.y.origin(y), left = shape_.x.origin(x);
      if (how_ == Rows::taps) {
        point(image, top, left, reinterpret_cast<const T**>(share) + m);
      } else {
        T* row = reinterpret_cast<T*>(share) + m * shape_.gathered_step(sizeof(T));
        if constexpr (sizeof(T) == 1) std::memset(row + shape_.gathered_step(1) - 16, 0, 16);
        few[m] = row;
        gather(image, top, left, row);
      }
      if (++x == shape_.x.output) {
        x = 0;
        if (++y == shape_.y.output) {
          y = 0;
          ++batch;
        }
      }
    }
    return how_ == Rows::taps ? reinterpret_cast<const T* const*>(share) : few;
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
  void gather(const T* image, std::int64_t top, std::int64_t left, T* to) const {
    const std::int64_t channels = shape_.channels, run = shape_.x.filter * channels;
    const std::int64_t first = shape_.x.first_tap(left), last = shape_.x.last_tap(left);
    for (std::int64_t ky = 0; ky < shape_.y.filter; ++ky, to += run) {
      const std::int64_t in_y = top + ky * shape_.y.dilation;
      if (in_y < 0 || in_y >= shape_.y.input || first >= last) {
        detail::fill_elements(to, run, pad_);
        continue;
      }
      const T* from = image + (in_y * shape_.x.input + left) * channels;
      if (first == 0 && last == shape_.x.filter && shape_.x.dilation == 1) {
        detail::copy_bytes(to, from, static_cast<std::size_t>(run) * sizeof(T));
        continue;
      }
      detail::fill_elements(to, first * channels, pad_);
      if (shape_.x.dilation == 1) {
        detail::copy_bytes(to + first * channels, from + first * channels, static_cast<std::size_t>((last - first) * channels) * sizeof(T));
      } else {
        for (std::int64_t kx = first; kx < last; ++kx) {
          detail::copy_bytes(to + kx * channels, from + kx * shape_.x.dilation * channels, static_cast<std::size_t>(channels) * sizeof(T));
        }
      }
      detail::fill_elements(to + last * channels, run - last * channels, pad_);
    }
  }

  WindowShape shape_;
  Rows how_;
  int tile_;
  const T* input_;
  T pad_;
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
