#pragma once
// DEPTHWISE_CONV_2D of floats with the filters of most models: 3x3 and 5x5, by one or two.
//
// One vector of channels goes along one or two output rows. Every input element is loaded once and goes into all the sums that it is
// part of, those of the next few positions of all output rows: the loads of a row serve filter height times filter width products.

#include <cstddef>
#include <cstdint>

#include "tfl/kernels/depthwise_rows.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/batch.hpp"

namespace tfl::detail {

template <class A> struct DepthwiseFloat {
  using V = simd::Batch<float, A>;
  static constexpr int L = simd::lanes<float, A>;
  /// Vectors of channels that go along together, where there are registers for their sums.
  static constexpr int vectors_at_once = L == 16 ? 2 : 1;

  static constexpr bool possible(const DepthwiseShape& s) {
    return s.multiplier == 1 && s.channels >= L && s.y.dilation == 1 && s.x.dilation == 1 && s.y.stride == s.x.stride && s.y.stride <= 2 &&
           s.y.filter == s.x.filter && (s.y.filter == 3 || s.y.filter == 5);
  }
  static constexpr std::int64_t chunks(const DepthwiseShape& s) { return (s.channels + L - 1) / L; }
  /// The last chunk overlaps the one before it.
  static constexpr std::int64_t first_channel(const DepthwiseShape& s, std::int64_t chunk) {
    return (chunk + 1) * L <= s.channels ? chunk * L : s.channels - L;
  }
  static constexpr std::int64_t packed_bytes(const DepthwiseShape& s) {
    return chunks(s) * (s.y.filter * s.x.filter + 1) * L * static_cast<std::int64_t>(sizeof(float));
  }

  /// A chunk's bias, then its filter tap by tap.
  static void pack(const DepthwiseShape& s, const float* filter, const float* bias, float* to) {
    for (std::int64_t c = 0; c < chunks(s); ++c) {
      const std::int64_t first = first_channel(s, c);
      for (int i = 0; i < L; ++i) *to++ = bias != nullptr ? bias[first + i] : 0.0f;
      for (std::int64_t k = 0; k < s.y.filter * s.x.filter; ++k) {
        for (int i = 0; i < L; ++i) *to++ = filter[k * s.channels + first + i];
      }
    }
  }

  template <class Executor>
  static void run(const DepthwiseShape& s, FloatRange range, Executor& executor, std::int64_t batches, const float* images,
                  const float* packed, float* out) {
    const bool is_five = s.y.filter == 5;
    if (s.y.stride == 1) {
      is_five ? run_with<5, 1, 2>(s, range, executor, batches, images, packed, out)
              : run_with<3, 1, 2>(s, range, executor, batches, images, packed, out);
    } else {
      is_five ? run_with<5, 2, 2>(s, range, executor, batches, images, packed, out)
              : run_with<3, 2, 1>(s, range, executor, batches, images, packed, out);
    }
  }

 private:
  /// Step: output rows made at once.
  template <int Filter, int Stride, int Step, class Executor>
  static void run_with(const DepthwiseShape& s, FloatRange range, Executor& executor, std::int64_t batches, const float* images,
                       const float* packed, float* out) {
    const std::int64_t steps = (s.y.output + Step - 1) / Step;
    const std::int64_t cost = s.x.output * chunks(s) * Step * (Filter * Filter + 2) / 6 + 1;
    executor.parallel_for(batches * steps, cost, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        const std::int64_t batch = i / steps, y = (i - batch * steps) * Step;
        const float* image = images + batch * s.y.input * s.x.input * s.channels;
        float* to = out + (batch * s.y.output + y) * s.x.output * s.channels;
        if (Step == 1 || y + 1 < s.y.output) {
          rows<Filter, Stride, Step>(s, range, image, y, packed, to);
        } else {
          rows<Filter, Stride, 1>(s, range, image, y, packed, to);
        }
      }
    });
  }

  /// Output rows y to y + Rows - 1, all channels.
  template <int Filter, int Stride, int Rows>
  static TFL_NOINLINE void rows(const DepthwiseShape& s, FloatRange range, const float* image, std::int64_t y, const float* packed,
                                float* to) {
    constexpr int in_rows = (Rows - 1) * Stride + Filter;
    alignas(64) const float zeros[vectors_at_once * L] = {};
    Strip<in_rows> strip;
    const std::int64_t count = chunks(s);
    for (std::int64_t chunk = 0; chunk < count;) {
      const std::int64_t channel = first_channel(s, chunk);
      // Rows outside of the image are the same zeros over and over.
      for (int r = 0; r < in_rows; ++r) {
        const std::int64_t iy = s.y.origin(y) + r;
        const bool inside = iy >= 0 && iy < s.y.input;
        strip.row[r] = inside ? image + iy * s.x.input * s.channels + channel : zeros;
        strip.step[r] = inside ? s.channels : 0;
      }
      strip.packed = packed + chunk * (Filter * Filter + 1) * L;
      strip.to = to + channel;
      // The last vector may overlap the one before it, and does not follow it then.
      if (vectors_at_once == 2 && (chunk + 2) * L <= s.channels) {
        columns<Filter, Stride, Rows, vectors_at_once>(s, range, strip);
        chunk += 2;
      } else {
        columns<Filter, Stride, Rows, 1>(s, range, strip);
        ++chunk;
      }
    }
  }

  template <int InRows> struct Strip {
    const float* row[InRows];
    std::int64_t step[InRows];  // from column to column
    const float* packed;
    float* to;
  };

  template <int Filter, int Stride, int Rows, int Vectors, class S>
  static TFL_ALWAYS_INLINE void columns(const DepthwiseShape& s, FloatRange range, S& strip) {
    constexpr int open = (Filter + Stride - 1) / Stride;  // positions that a column of input is part of
    constexpr int stride_of_vectors = (Filter * Filter + 1) * L;
    const V lo(range.lo), hi(range.hi);
    V sums[open][Rows][Vectors];
    TFL_UNROLL
    for (int d = 0; d < open; ++d) {
      TFL_UNROLL
      for (int r = 0; r < Rows; ++r) {
        TFL_UNROLL
        for (int v = 0; v < Vectors; ++v) sums[d][r][v] = simd::load<A>(strip.packed + v * stride_of_vectors);
      }
    }
    const std::int64_t end = s.x.output + open - 1, line = s.x.output * s.channels, channels = s.channels;
    // From `inner` to `outer` all columns are inside, and each finishes a position.
    std::int64_t inner = (s.x.before + Stride - 1) / Stride, outer = (s.x.input + s.x.before) / Stride;
    if (inner < open - 1) inner = open - 1;
    if (outer > end) outer = end;
    float* to = strip.to;
    const auto finish = [&](bool whole) {
      if (whole) {
        TFL_UNROLL
        for (int r = 0; r < Rows; ++r) {
          TFL_UNROLL
          for (int v = 0; v < Vectors; ++v) {
            simd::store(to + r * line + v * L, simd::min(simd::max(sums[open - 1][r][v], lo), hi));
          }
        }
        to += channels;
      }
      TFL_UNROLL
      for (int r = 0; r < Rows; ++r) {
        TFL_UNROLL
        for (int v = 0; v < Vectors; ++v) {
          TFL_UNROLL
          for (int d = open - 1; d > 0; --d) sums[d][r][v] = sums[d - 1][r][v];
          sums[0][r][v] = simd::load<A>(strip.packed + v * stride_of_vectors);
        }
      }
    };
    for (std::int64_t q = 0; q < end; ++q) {
      for (; q >= inner && q < outer; ++q) {
        add<Filter, Stride, Rows, Vectors, 0>(strip, sums);
        if constexpr (Stride == 2) add<Filter, Stride, Rows, Vectors, 1>(strip, sums);
        finish(true);
      }
      if (q >= end) break;
      const std::int64_t ix = q * Stride - s.x.before;
      if (ix >= 0 && ix < s.x.input) add<Filter, Stride, Rows, Vectors, 0>(strip, sums);
      if constexpr (Stride == 2) {
        if (ix + 1 >= 0 && ix + 1 < s.x.input) add<Filter, Stride, Rows, Vectors, 1>(strip, sums);
      }
      finish(q >= open - 1);
    }
  }

  /// The next column of input; Phase: its place among those of a position.
  template <int Filter, int Stride, int Rows, int Vectors, int Phase, class S, class Sums>
  static TFL_ALWAYS_INLINE void add(S& strip, Sums& sums) {
    constexpr int in_rows = (Rows - 1) * Stride + Filter, open = (Filter + Stride - 1) / Stride;
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      V x[in_rows];
      TFL_UNROLL
      for (int r = 0; r < in_rows; ++r) x[r] = simd::load<A>(strip.row[r] + v * L);
      const float* filter = strip.packed + (v * (Filter * Filter + 1) + 1) * L;
      TFL_UNROLL
      for (int ky = 0; ky < Filter; ++ky) {
        TFL_UNROLL
        for (int d = 0; d < open; ++d) {
          if (Phase + Stride * d >= Filter) continue;
          const V f = simd::load<A>(filter + (ky * Filter + Phase + Stride * d) * L);
          TFL_UNROLL
          for (int r = 0; r < Rows; ++r) sums[d][r][v] = simd::fma(x[r * Stride + ky], f, sums[d][r][v]);
        }
      }
    }
    TFL_UNROLL
    for (int r = 0; r < in_rows; ++r) strip.row[r] += strip.step[r];
  }
};

}  // namespace tfl::detail
