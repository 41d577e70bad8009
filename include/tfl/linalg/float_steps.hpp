#pragma once
// Finds float constants whose requantization equals the integer one in every output, see simd/requantize.hpp.
//
// With the multiplier m / 2^(31 + s), rounding twice takes a sum x >= 0 to an output of at least j > 0 from
//   x * m >= N(j) = j * 2^(31 + s) - 2^(30 + s) - 2^30
// on, and a sum -x to -j or less where x * m > N(j). So step j lies at N(j) / m; between the whole numbers around it, a step may lie
// anywhere. The remainders of all N(j) say by how much all steps may be moved, and that must be more than float's error.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::linalg {

/// For `count` columns, a multiple of the vectors' lanes. outputs: the largest distance of an output from its zero point. mirrored: sums
/// below 0 count as well. Writes high, low and lift; false where a column has none.
/// Requires mantissas of 0 or in [2^30, 2^31), 0 < right < 31.
template <class A>
bool find_float_steps(const std::int32_t* mantissa, const std::int32_t* right, int count, std::int32_t outputs, bool mirrored, float* high,
                      float* low, float* lift) {
  using V = simd::Int32<A>;
  constexpr int L = simd::lanes<std::int32_t, A>;
  for (int first = 0; first < count; first += L) {
    std::int32_t m[L], s[L], start[L], less[L], least[L], most[L];
    for (int n = 0; n < L; ++n) {
      s[n] = right[first + n];
      // Sums from 2^24 on lose bits in float, and must be far outside.
      if (s[n] > 14) return false;
      m[n] = mantissa[first + n] != 0 ? mantissa[first + n] : 1 << 30;
      const std::int64_t step = std::int64_t{1} << (31 + s[n]);
      start[n] = static_cast<std::int32_t>((step / 2 - (1 << 30) - 1) % m[n]);  // of N(1), less 1
      less[n] = m[n] - static_cast<std::int32_t>(step % m[n]);
    }
    const V modulus = simd::load<A>(m), back = simd::load<A>(less);
    V remainder = simd::load<A>(start), lo = remainder, hi = remainder;
    for (std::int32_t j = 1; j < outputs; ++j) {
      const V next = remainder - back;
      if constexpr (std::is_same_v<A, simd::Scalar>) {
        remainder = next.value < 0 ? next + modulus : next;
      } else {
        remainder = next + (modulus & (next >> 31));
      }
      lo = simd::min(lo, remainder);
      hi = simd::max(hi, remainder);
    }
    simd::store(least, lo);
    simd::store(most, hi);
    for (int n = 0; n < L; ++n) {
      if (mantissa[first + n] == 0) {
        high[first + n] = low[first + n] = lift[first + n] = 0;
        continue;
      }
      // The inner sum is below 2^-14 + 2^(1 - right): it and `lift` are off by less than 2^-22 of that, which moves a step by less than
      // 2^11 of these remainders.
      constexpr std::int64_t error = 1 << 12;
      const std::int64_t room = std::int64_t{m[n]} - (most[n] - least[n]);
      if (room <= error || (mirrored && most[n] == m[n] - 1)) return false;
      const double unit = 2.0 / static_cast<double>(std::int64_t{1} << (31 + s[n])), doubled = m[n] * unit;
      const double shift = 0.5 - (static_cast<double>(least[n]) + most[n] + 2) / (2.0 * m[n]);
      const auto rounded = static_cast<float>(m[n]);
      high[first + n] = rounded * static_cast<float>(unit);
      low[first + n] = static_cast<float>(m[n] - static_cast<std::int64_t>(rounded)) * static_cast<float>(unit);
      lift[first + n] = static_cast<float>(1.0 / static_cast<double>(std::int64_t{1} << s[n]) - shift * doubled);
    }
  }
  return true;
}

}  // namespace tfl::linalg
