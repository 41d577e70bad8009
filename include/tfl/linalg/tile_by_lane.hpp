#pragma once
// The sums of a tile where products by lane exist (simd/by_lane.hpp): a row's elements are loaded once for several steps.

#include <cstdint>
#include <type_traits>
#include <utility>

#include "tfl/config.hpp"
#include "tfl/simd/by_lane.hpp"

namespace tfl::linalg {

/// Adds the products of `count` elements of Rows rows, from x[m] on, with the weights at w, to sum[m][v], as long as a whole load of every
/// row is left; moves w on and returns how many elements that were.
template <class A, class T, int Rows, int Vectors, class W>
TFL_ALWAYS_INLINE std::int64_t add_products_by_lane(const T* const* x, std::int64_t count, const W*& w,
                                                    typename simd::ByLane<A, T>::Sum (&sum)[Rows][Vectors]) {
  using L = simd::ByLane<A, T>;
  constexpr int step = L::steps * L::depth;
  constexpr int group = simd::lanes<std::int32_t, A> * L::depth;  // elements of weights that one vector takes in one step
  std::int64_t k = 0;
  for (; k + step <= count; k += step, w += L::steps * Vectors * group) {
    typename L::Row row[Rows];
    TFL_UNROLL
    for (int m = 0; m < Rows; ++m) row[m] = L::row(x[m] + k);
    [&]<int... P>(std::integer_sequence<int, P...>) {
      (
          [&] {
            TFL_UNROLL
            for (int v = 0; v < Vectors; ++v) {
              const typename L::Weights column = L::weights(w + (P * Vectors + v) * group);
              TFL_UNROLL
              for (int m = 0; m < Rows; ++m) sum[m][v] = L::template step<P>(sum[m][v], column, row[m]);
            }
          }(),
          ...);
    }
    (std::make_integer_sequence<int, L::steps>{});
  }
  return k;
}

}  // namespace tfl::linalg
