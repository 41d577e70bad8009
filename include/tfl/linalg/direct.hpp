#pragma once
// Matrix products on weights as the model stores them: for weights that aren't constant, for 16-bit activations, and for processors
// without vectors, where a packed copy would only cost memory.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot16.hpp"
#include "tfl/simd/dot_rows.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::linalg {

/// The part of a window that lies inside the input: outer * inner runs of `length` elements in the input and in a filter.
template <class T> struct Runs {
  const T* x;
  std::int64_t first_weight;
  std::int64_t outer = 1, inner = 1, length = 0;
  std::int64_t x_outer = 0, x_inner = 0, weight_outer = 0, weight_inner = 0;
};

/// The type that sums of products are kept in.
template <class T>
using SumOf = std::conditional_t<std::is_same_v<T, float>, float, std::conditional_t<sizeof(T) == 1, std::int32_t, std::int64_t>>;

namespace detail {

/// Adds the products of one run with N filters that lie `step` apart. Bytes: sums wrap, as 32-bit ones do.
template <class A, int N, class T, class W>
TFL_ALWAYS_INLINE void add_run(const T* x, const W* w, std::int64_t step, std::int64_t length, std::int32_t x_zero, std::int32_t w_zero,
                               SumOf<T>* sums) {
  constexpr int L = simd::lanes<std::int32_t, A>;
  std::int64_t k = 0;
  if constexpr (std::is_same_v<T, float>) {
    if constexpr (L > 1) {
      if (length >= L) {
        simd::Float32<A> sum[N];
        for (int n = 0; n < N; ++n) sum[n] = simd::Float32<A>(0.0f);
        for (; k + L <= length; k += L) {
          const simd::Float32<A> element = simd::load<A>(x + k);
          for (int n = 0; n < N; ++n) sum[n] = simd::fma(element, simd::load<A>(w + n * step + k), sum[n]);
        }
        for (int n = 0; n < N; ++n) sums[n] += simd::sum(sum[n]);
      }
    }
    for (; k < length; ++k) {
      for (int n = 0; n < N; ++n) sums[n] += x[k] * w[n * step + k];
    }
  } else if constexpr (sizeof(T) == 1) {
    std::uint32_t total[N];
    for (int n = 0; n < N; ++n) total[n] = static_cast<std::uint32_t>(sums[n]);
    if constexpr (L > 1) {
      if (length >= simd::words<A>) {
        // (x - x_zero) * (w - w_zero), multiplied out: products of pairs are the fastest that every processor has.
        using Words = simd::WordOps<A>;
        const simd::Int32<A> ones(simd::make_pair16(1, 1));
        simd::Int32<A> sum[N], weights[N], elements(0);
        for (int n = 0; n < N; ++n) sum[n] = weights[n] = simd::Int32<A>(0);
        for (; k + simd::words<A> <= length; k += simd::words<A>) {
          const simd::Int32<A> element = Words::load(x + k);
          elements = simd::dot16<A>(elements, element, ones);
          for (int n = 0; n < N; ++n) {
            const simd::Int32<A> weight = Words::load(w + n * step + k);
            sum[n] = simd::dot16<A>(sum[n], weight, element);
            weights[n] = simd::dot16<A>(weights[n], weight, ones);
          }
        }
        const auto x_by = static_cast<std::uint32_t>(x_zero), w_by = static_cast<std::uint32_t>(w_zero);
        const std::uint32_t common = w_by * (static_cast<std::uint32_t>(simd::sum(elements)) - static_cast<std::uint32_t>(k) * x_by);
        for (int n = 0; n < N; ++n) {
          total[n] += static_cast<std::uint32_t>(simd::sum(sum[n])) - x_by * static_cast<std::uint32_t>(simd::sum(weights[n])) - common;
        }
      }
    }
    if constexpr (L > 1) {
      if (length - k >= L) {
        simd::Int32<A> sum[N];
        const simd::Int32<A> x_zeros(x_zero), w_zeros(w_zero);
        for (int n = 0; n < N; ++n) sum[n] = simd::Int32<A>(0);
        for (; k + L <= length; k += L) {
          const simd::Int32<A> element = simd::load_int32<A>(x + k) - x_zeros;
          for (int n = 0; n < N; ++n) sum[n] = sum[n] + element * (simd::load_int32<A>(w + n * step + k) - w_zeros);
        }
        for (int n = 0; n < N; ++n) total[n] += static_cast<std::uint32_t>(simd::sum(sum[n]));
      }
    }
    for (; k < length; ++k) {
      const std::int32_t element = x[k] - x_zero;
      for (int n = 0; n < N; ++n) total[n] += static_cast<std::uint32_t>(element * (w[n * step + k] - w_zero));
    }
    for (int n = 0; n < N; ++n) sums[n] = static_cast<std::int32_t>(total[n]);
  } else {
    if constexpr (L > 1 && sizeof(W) == 1) {
      // Products stay below 2^23 in magnitude: 255 of them fit a lane.
      while (k + L <= length) {
        const std::int64_t last = length - k > 255 * L ? k + 255 * L : length;
        simd::Int32<A> sum[N];
        const simd::Int32<A> w_zeros(w_zero);
        for (int n = 0; n < N; ++n) sum[n] = simd::Int32<A>(0);
        for (; k + L <= last; k += L) {
          const simd::Int32<A> element = simd::load_int32<A>(x + k);
          for (int n = 0; n < N; ++n) sum[n] = sum[n] + element * (simd::load_int32<A>(w + n * step + k) - w_zeros);
        }
        for (int n = 0; n < N; ++n) {
          std::int32_t parts[L];
          simd::store(parts, sum[n]);
          for (int i = 0; i < L; ++i) sums[n] += parts[i];
        }
      }
    }
    for (; k < length; ++k) {
      for (int n = 0; n < N; ++n) sums[n] += std::int64_t{x[k]} * (w[n * step + k] - w_zero);
    }
  }
}

template <class A, int N, class T, class W>
TFL_ALWAYS_INLINE void add_runs(const Runs<T>& runs, const W* w, std::int64_t step, std::int32_t x_zero, std::int32_t w_zero,
                                SumOf<T>* sums) {
  for (std::int64_t i = 0; i < runs.outer; ++i) {
    for (std::int64_t j = 0; j < runs.inner; ++j) {
      add_run<A, N>(runs.x + i * runs.x_outer + j * runs.x_inner, w + runs.first_weight + i * runs.weight_outer + j * runs.weight_inner,
                    step, runs.length, x_zero, w_zero, sums);
    }
  }
}

}  // namespace detail

/// Calls finish(n, sum) for every filter 0 <= n < count: the sum of (x - x_zero) * (w - w_zero) over the runs. Filter n begins at
/// weights + n * step.
template <class A, class T, class W, class Finish>
TFL_ALWAYS_INLINE void for_each_product(const Runs<T>& runs, const W* weights, std::int64_t step, std::int64_t count, std::int32_t x_zero,
                                        std::int32_t w_zero, Finish finish) {
  const std::int64_t fours = count - count % 4;
  for (std::int64_t n = 0; n < fours; n += 4) {
    SumOf<T> sums[4] = {};
    detail::add_runs<A, 4>(runs, weights + n * step, step, x_zero, w_zero, sums);
    for (int i = 0; i < 4; ++i) finish(n + i, sums[i]);
  }
  for (std::int64_t n = fours; n < count; ++n) {
    SumOf<T> sum = 0;
    detail::add_runs<A, 1>(runs, weights + n * step, step, x_zero, w_zero, &sum);
    finish(n, sum);
  }
}

}  // namespace tfl::linalg
