#pragma once
// From sums of byte products to outputs: zero points, bias, requantization or scaling, clamp, store.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/linalg/pack.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"
#include "tfl/simd/scale.hpp"

namespace tfl::linalg {

namespace detail {
/// Whether shifts by lane are one instruction, so that the short form of the rounding shift pays.
template <class A> inline constexpr bool shifts_by_lane = !std::is_same_v<A, simd::Scalar> && !std::is_same_v<A, simd::Sse41>;

/// Stores the first `count` lanes.
template <class A, class T, class V> TFL_ALWAYS_INLINE void store_first(T* to, const V& v, int count) {
  T lanes_of_v[simd::lanes<std::int32_t, A>];
  if constexpr (std::is_same_v<T, float>) {
    simd::store(lanes_of_v, v);
  } else {
    simd::store_saturated<A>(lanes_of_v, v);
  }
  std::memcpy(to, lanes_of_v, static_cast<std::size_t>(count) * sizeof(T));
}
}  // namespace detail

/// Where a tile's outputs go, and what its rows bring along.
template <class T> struct TileOutput {
  T* to;
  std::int64_t stride;  // from row to row
  int rows;
  int columns;                    // of the panel that exist
  const std::int32_t* row_terms;  // added to every sum of the row
  bool has_row_terms = true;      // else they are 0
  bool bare = true;               // else the sums began with the panel's offsets
};

/// y = clamp(zero_point + multiply(sum + row term + column's offset, column's multiplier))
template <class A, class T>
TFL_NOINLINE void requantize_tile(const std::int32_t* sums, const BytePanel& panel, std::int32_t zero_point, Int32Range range,
                                  const TileOutput<T>& out) {
  using V = simd::Int32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  const ByteForm form = panel.form();
  if constexpr (simd::has_float_steps<A>) {
    if (form >= ByteForm::steps) {
      return simd::requantize_by_steps<A>(sums, panel.width, form == ByteForm::mirrored_steps,
                                          {panel.offset(), panel.high(), panel.low(), panel.lift()},
                                          simd::ByteOutput<T>{out.to, out.stride, out.rows, out.columns,
                                                              out.has_row_terms ? out.row_terms : nullptr, out.bare, zero_point, range.hi});
    }
  }
  const V zero(zero_point), lo(range.lo), hi(range.hi);
  const bool simple = form == ByteForm::simple;
  for (int first = 0; first < out.columns; first += L) {
    const V offset = simd::load<A>(panel.offset() + first);
    const int count = out.columns - first < L ? out.columns - first : L;
    const std::int32_t* from = sums + first;
    T* to = out.to + first;
    const auto finish = [&](V y) {
      y = simd::min(simd::max(y + zero, lo), hi);
      if (count == L) {
        simd::store_saturated<A>(to, y);
      } else {
        detail::store_first<A>(to, y, count);
      }
      from += panel.width;
      to += out.stride;
    };
    if constexpr (detail::shifts_by_lane<A>) {
      if (simple) {
        // round(x / 2^r), half away from zero, is (x + 2^(r-1) - [x < 0]) >> r where r > 0 and nothing overflows.
        const V mantissa = simd::load<A>(panel.mantissa() + first), right = simd::load<A>(panel.right() + first);
        const V half = simd::load<A>(panel.half() + first);
        for (int m = 0; m < out.rows; ++m) {
          const V y = simd::Int32Ops<A>::high_mul(simd::load<A>(from) + (offset + V(out.row_terms[m])), mantissa);
          finish(simd::Int32Ops<A>::shift_right(y + (half + (y >> 31)), right));
        }
        continue;
      }
    }
    const simd::LaneMultipliers<A> by{simd::load<A>(panel.mantissa() + first), simd::load<A>(panel.left() + first),
                                      simd::load<A>(panel.right() + first)};
    for (int m = 0; m < out.rows; ++m) finish(simd::multiply<A>(simd::load<A>(from) + offset + V(out.row_terms[m]), by));
  }
}

/// y = clamp(zero_point + round((sum + row term + column's offset) * column's real multiplier)), in double
template <class A, class T>
TFL_NOINLINE void scale_tile(const std::int32_t* sums, const BytePanel& panel, std::int32_t zero_point, Int32Range range,
                             const TileOutput<T>& out) {
  using V = simd::Int32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  const V zero(zero_point);
  const double lo = static_cast<double>(range.lo) - zero_point, hi = static_cast<double>(range.hi) - zero_point;
  for (int first = 0; first < out.columns; first += L) {
    const V offset = simd::load<A>(panel.offset() + first);
    const int count = out.columns - first < L ? out.columns - first : L;
    for (int m = 0; m < out.rows; ++m) {
      const V x = simd::load<A>(sums + m * panel.width + first) + (offset + V(out.row_terms[m]));
      const V y = simd::ScaleOps<A>::apply(x, panel.real() + first, lo, hi) + zero;
      T* to = out.to + m * out.stride + first;
      if (count == L) {
        simd::store_saturated<A>(to, y);
      } else {
        detail::store_first<A>(to, y, count);
      }
    }
  }
}

/// y = clamp((sum + row term - zero_points[row] * column's sum) * column's scale * row_scales[row] + bias)
template <class A>
TFL_NOINLINE void dequantize_tile(const std::int32_t* sums, const BytePanel& panel, const std::int32_t* zero_points,
                                  const float* row_scales, FloatRange range, const TileOutput<float>& out) {
  using V = simd::Int32<A>;
  using F = simd::Float32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  const F lo(range.lo), hi(range.hi);
  for (int first = 0; first < out.columns; first += L) {
    const V column_sum = simd::load<A>(panel.sum() + first);
    const F scale = simd::load<A>(panel.scale() + first), bias = simd::load<A>(panel.bias() + first);
    const int count = out.columns - first < L ? out.columns - first : L;
    for (int m = 0; m < out.rows; ++m) {
      const V sum = simd::load<A>(sums + m * panel.width + first) + V(out.row_terms[m]) - column_sum * V(zero_points[m]);
      const F y = simd::min(simd::max(simd::to_float<A>(sum) * (scale * F(row_scales[m])) + bias, lo), hi);
      float* to = out.to + m * out.stride + first;
      if (count == L) {
        simd::store(to, y);
      } else {
        detail::store_first<A>(to, y, count);
      }
    }
  }
}

}  // namespace tfl::linalg
