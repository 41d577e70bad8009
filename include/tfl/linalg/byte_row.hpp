#pragma once
// One row of bytes times packed panels. Weights are read once, so that memory bounds it: several panels go at once, in one pass over the
// row, and sums become outputs without leaving the registers.

#include <cstdint>
#include <cstring>

#include "tfl/config.hpp"
#include "tfl/linalg/epilogue.hpp"
#include "tfl/linalg/gemm.hpp"
#include "tfl/linalg/pack.hpp"
#include "tfl/simd/dot.hpp"
#include "tfl/simd/nibble_dot.hpp"
#include "tfl/simd/scale.hpp"

namespace tfl::linalg {

namespace detail {

/// Hands a row to steps(elements, count) in the form that D wants, each time a multiple of Step elements: zeros fill up the last ones.
template <class D, int Step, class T, class Steps> TFL_ALWAYS_INLINE void over_row(const T* row, std::int64_t length, const Steps& steps) {
  if constexpr (D::staged) {
    constexpr int chunk = 256;
    static_assert(chunk % Step == 0);
    std::int16_t stage[chunk];
    for (std::int64_t k = 0; k < length; k += chunk) {
      const int count = length - k < chunk ? static_cast<int>(length - k) : chunk, whole = (count + Step - 1) / Step * Step;
      D::stage(row + k, count, stage);
      for (int i = count; i < whole; ++i) stage[i] = 0;
      steps(stage, whole);
    }
  } else {
    const std::int64_t whole = length / Step * Step;
    steps(row, whole);
    if (whole < length) {
      T rest[Step] = {};
      std::memcpy(rest, row + whole, static_cast<std::size_t>(length - whole));
      steps(rest, Step);
    }
  }
}

/// sum[p][v] += row * the v-th vector of columns of the panel at weights + p * panel_step
template <class A, class T, int Panels, int Vectors>
TFL_ALWAYS_INLINE void add_byte_row(const T* row, std::int64_t length, const std::byte* weights, std::int64_t panel_step,
                                    simd::Int32<A> (&sum)[Panels][Vectors]) {
  using D = simd::Dot<A, T>;
  using V = simd::Int32<A>;
  constexpr int group = simd::lanes<std::int32_t, A> * D::depth;
  // Few sums would wait for one another: several for each vector, then.
  constexpr int Parts = Panels * Vectors >= 8 ? 1 : 4;
  const auto* w = reinterpret_cast<const std::uint8_t*>(weights);
  V more[Parts][Panels][Vectors];
  for (int part = 1; part < Parts; ++part) {
    for (int p = 0; p < Panels; ++p) {
      for (int v = 0; v < Vectors; ++v) more[part][p][v] = V(0);
    }
  }
  const auto steps = [&](const auto* x, std::int64_t whole) {
    std::int64_t k = 0;
    if constexpr (Parts > 1) {
      for (; k + Parts * D::depth <= whole; k += Parts * D::depth, w += Parts * Vectors * group) {
        TFL_UNROLL
        for (int part = 0; part < Parts; ++part) {
          const auto element = D::broadcast(x + k + part * D::depth);
          TFL_UNROLL
          for (int p = 0; p < Panels; ++p) {
            TFL_UNROLL
            for (int v = 0; v < Vectors; ++v) {
              V& to = part == 0 ? sum[p][v] : more[part][p][v];
              to = D::step(to, D::load(w + p * panel_step + (part * Vectors + v) * group), element);
            }
          }
        }
      }
    }
    for (; k < whole; k += D::depth, w += Vectors * group) {
      const auto element = D::broadcast(x + k);
      TFL_UNROLL
      for (int p = 0; p < Panels; ++p) {
        TFL_UNROLL
        for (int v = 0; v < Vectors; ++v) sum[p][v] = D::step(sum[p][v], D::load(w + p * panel_step + v * group), element);
      }
    }
  };
  over_row<D, D::depth>(row, length, steps);
  for (int part = 1; part < Parts; ++part) {
    for (int p = 0; p < Panels; ++p) {
      for (int v = 0; v < Vectors; ++v) sum[p][v] = sum[p][v] + more[part][p][v];
    }
  }
}

/// add_byte_row() for weights of 4 bits.
template <class A, int Panels, int Vectors>
TFL_ALWAYS_INLINE void add_nibble_row(const std::int8_t* row, std::int64_t length, const std::byte* weights, std::int64_t panel_step,
                                      simd::Int32<A> (&sum)[Panels][Vectors]) {
  using D = simd::NibbleDot<A>;
  using V = simd::Int32<A>;
  constexpr int group = simd::lanes<std::int32_t, A> * D::depth, step = 2 * D::depth;
  const auto* w = reinterpret_cast<const std::uint8_t*>(weights);
  V more[Panels][Vectors];
  TFL_UNROLL
  for (int p = 0; p < Panels; ++p) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) more[p][v] = V(0);
  }
  const auto steps = [&](const auto* x, std::int64_t whole) {
    for (std::int64_t k = 0; k < whole; k += step, w += Vectors * group) {
      const auto first = D::broadcast(x + k), second = D::broadcast(x + k + D::depth);
      TFL_UNROLL
      for (int p = 0; p < Panels; ++p) {
        TFL_UNROLL
        for (int v = 0; v < Vectors; ++v) {
          const auto two = D::load_two(w + p * panel_step + v * group);
          sum[p][v] = D::step(sum[p][v], two.first, first);
          more[p][v] = D::step(more[p][v], two.second, second);
        }
      }
    }
  };
  over_row<D, step>(row, length, steps);
  TFL_UNROLL
  for (int p = 0; p < Panels; ++p) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) sum[p][v] = sum[p][v] + more[p][v];
  }
}

/// Hands the sums of Panels neighbouring panels, from `first` on, to finish(panel, column in it, columns that exist, output column, sums).
template <class A, class T, class D, int Panels, int Vectors, class Finish>
TFL_NOINLINE void byte_row_panels(const PanelLayout& layout, const PanelPlaces& places, const T* row, const std::byte* packed,
                                  std::int64_t first, Finish finish) {
  constexpr int L = simd::lanes<std::int32_t, A>;
  const std::byte* at = packed + places(0, first);
  const std::int64_t panel_step = places(0, 1);
  simd::Int32<A> sum[Panels][Vectors];
  const auto panel_at = [&](int p) { return BytePanel{const_cast<std::byte*>(at) + p * panel_step, Vectors * L}; };
  TFL_UNROLL
  for (int p = 0; p < Panels; ++p) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      sum[p][v] = simd::activation_offset_of<A, T>() != 0 ? simd::load<A>(panel_at(p).start() + v * L) : simd::Int32<A>(0);
    }
  }
  const std::byte* weights = at + layout.table_bytes(Vectors);
  if constexpr (std::is_same_v<D, simd::NibbleDot<A>>) {
    add_nibble_row<A, Panels, Vectors>(row, layout.length, weights, panel_step, sum);
  } else {
    add_byte_row<A, T, Panels, Vectors>(row, layout.length, weights, panel_step, sum);
  }
  TFL_UNROLL
  for (int p = 0; p < Panels; ++p) {
    const BytePanel panel = panel_at(p);
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const std::int64_t column = (first + p) * 2 * L + v * L, left = layout.columns - column;
      if (left > 0) finish(panel, v * L, left < L ? static_cast<int>(left) : L, column, sum[p][v]);
    }
  }
}

template <class A, class T, class D, class Executor, class Finish>
void multiply_byte_row(Executor& executor, const PanelLayout& layout, const T* row, const std::byte* packed, Finish finish) {
  constexpr int at_once = 4;
  const PanelPlaces places(layout);
  const std::int64_t panels = layout.panels(), blocks = (panels + at_once - 1) / at_once;
  executor.parallel_for(blocks, at_once * tile_cost(layout, 1, 16), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t begin = i * at_once, end = begin + at_once < panels ? begin + at_once : panels;
      if (end - begin == at_once && layout.vectors(end - 1) == 2) {
        byte_row_panels<A, T, D, at_once, 2>(layout, places, row, packed, begin, finish);
        continue;
      }
      for (std::int64_t p = begin; p < end; ++p) {
        if (layout.vectors(p) == 2) {
          byte_row_panels<A, T, D, 1, 2>(layout, places, row, packed, p, finish);
        } else {
          byte_row_panels<A, T, D, 1, 1>(layout, places, row, packed, p, finish);
        }
      }
    }
  });
}

/// What the zero point of the packed weights makes of the row.
template <class A, class T> std::int32_t row_term(const T* row, std::int64_t length, std::int32_t weight_zero_point) {
  if (weight_zero_point == 0) return 0;
  return static_cast<std::int32_t>(0u - static_cast<std::uint32_t>(weight_zero_point) *
                                            static_cast<std::uint32_t>(simd::sum_of_bytes<A>(row, length)));
}

}  // namespace detail

/// multiply_quantized() with real multipliers for a single row. D: Dot, or NibbleDot for nibble_panels().
template <class A, class D, class T, class Out, class Executor>
void scale_byte_row(Executor& executor, const PanelLayout& layout, const T* row, std::int32_t weight_zero_point, const std::byte* packed,
                    std::int32_t output_zero_point, Int32Range range, Out* out) {
  using V = simd::Int32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  const V term(detail::row_term<A>(row, layout.length, weight_zero_point + D::weight_offset)), zero(output_zero_point);
  const double lo = static_cast<double>(range.lo) - output_zero_point, hi = static_cast<double>(range.hi) - output_zero_point;
  detail::multiply_byte_row<A, T, D>(executor, layout, row, packed,
                                     [=](const BytePanel& panel, int first, int count, std::int64_t column, const V& sum) {
                                       const V x = sum + (simd::load<A>(panel.offset() + first) + term);
                                       const V y = simd::ScaleOps<A>::apply(x, panel.real() + first, lo, hi) + zero;
                                       if (count == L) {
                                         simd::store_saturated<A>(out + column, y);
                                       } else {
                                         detail::store_first<A>(out + column, y, count);
                                       }
                                     });
}

/// multiply_dequantizing() for a single row; D as above.
template <class A, class D, class Executor>
void dequantize_byte_row(Executor& executor, const PanelLayout& layout, const std::int8_t* row, const std::byte* packed,
                         std::int32_t zero_point, float row_scale, FloatRange range, float* out) {
  using V = simd::Int32<A>;
  using F = simd::Float32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  const V term(detail::row_term<A>(row, layout.length, D::weight_offset));
  detail::multiply_byte_row<A, std::int8_t, D>(
      executor, layout, row, packed, [=](const BytePanel& panel, int first, int count, std::int64_t column, const V& sum) {
        const V x = sum + term - simd::load<A>(panel.sum() + first) * V(zero_point);
        const F scaled = simd::to_float<A>(x) * (simd::load<A>(panel.scale() + first) * F(row_scale)) + simd::load<A>(panel.bias() + first);
        const F y = simd::min(simd::max(scaled, F(range.lo)), F(range.hi));
        if (count == L) {
          simd::store(out + column, y);
        } else {
          detail::store_first<A>(out + column, y, count);
        }
      });
}

}  // namespace tfl::linalg
