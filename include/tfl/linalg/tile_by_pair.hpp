#pragma once
// The sums of a tile where an instruction multiplies two rows of 8 bytes with two columns of 8 (64-bit Arm with i8mm): each one makes four
// sums of a quarter of the tile's columns and rows, which take their places when a run is over.

#include <cstdint>
#include <type_traits>

#include "tfl/config.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::linalg {

template <class A, class T> inline constexpr bool has_by_pair = std::is_same_v<A, simd::NeonI8mm> && sizeof(T) == 1;

#if TFL_HAS_XSIMD && defined(__ARM_FEATURE_MATMUL_INT8)
/// As add_products_by_lane(), for an even number of rows: of `count` elements, as many as fill the instruction.
template <class A, class T, int Rows, int Vectors>
TFL_ALWAYS_INLINE std::int64_t add_products_by_pair(const T* const* x, std::int64_t count, const std::uint8_t*& w,
                                                    simd::Int32<A> (&sum)[Rows][Vectors]) {
  static_assert(Rows % 2 == 0);
  using D = simd::Dot<A, T>;
  constexpr int pairs = Rows / 2, columns = 2 * Vectors;
  int32x4_t part[pairs][columns];
  TFL_UNROLL
  for (int m = 0; m < pairs; ++m) {
    TFL_UNROLL
    for (int n = 0; n < columns; ++n) part[m][n] = vdupq_n_s32(0);
  }
  std::int64_t k = 0;
  for (; k + D::depth <= count; k += D::depth, w += columns * 16) {
    typename D::Bytes column[columns];
    TFL_UNROLL
    for (int n = 0; n < columns; ++n) column[n] = D::bytes_at(w + 16 * n);
    TFL_UNROLL
    for (int m = 0; m < pairs; ++m) {
      typename D::Bytes rows;
      if constexpr (std::is_signed_v<T>) {
        rows = vcombine_s8(vld1_s8(x[2 * m] + k), vld1_s8(x[2 * m + 1] + k));
      } else {
        rows = vcombine_u8(vld1_u8(x[2 * m] + k), vld1_u8(x[2 * m + 1] + k));
      }
      TFL_UNROLL
      for (int n = 0; n < columns; ++n) part[m][n] = D::multiply(part[m][n], rows, column[n]);
    }
  }
  TFL_UNROLL
  for (int m = 0; m < pairs; ++m) {
    TFL_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const int64x2_t first = vreinterpretq_s64_s32(part[m][2 * v]), second = vreinterpretq_s64_s32(part[m][2 * v + 1]);
      sum[2 * m][v] = sum[2 * m][v] + simd::Int32<A>(vreinterpretq_s32_s64(vzip1q_s64(first, second)));
      sum[2 * m + 1][v] = sum[2 * m + 1][v] + simd::Int32<A>(vreinterpretq_s32_s64(vzip2q_s64(first, second)));
    }
  }
  return k;
}
#endif

}  // namespace tfl::linalg
