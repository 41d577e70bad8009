#pragma once
// Transcendental functions in 32-bit fixed point, to the bit those of gemmlowp and TensorFlow Lite's reference kernels.
//
// A number in Q<n> is an int32 with n bits before the binary point: real = raw * 2^(n - 31). Products of Q<a> and Q<b> are Q<a + b>.

#include <bit>
#include <cstdint>
#include <limits>

#include "tfl/config.hpp"
#include "tfl/quant/multiplier.hpp"

namespace tfl::fixed_point {

/// One in Q<IntegerBits>; the largest number below it where IntegerBits is 0.
template <int IntegerBits>
inline constexpr std::int32_t one = IntegerBits == 0 ? std::numeric_limits<std::int32_t>::max() : std::int32_t{1} << (31 - IntegerBits);

TFL_ALWAYS_INLINE constexpr std::int32_t times(std::int32_t a, std::int32_t b) { return saturating_rounding_doubling_high_mul(a, b); }
/// Sums wrap: no step below leaves the range for the inputs that it is meant for, and others stay defined.
TFL_ALWAYS_INLINE constexpr std::int32_t plus(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
TFL_ALWAYS_INLINE constexpr std::int32_t minus(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
}
TFL_ALWAYS_INLINE constexpr std::int32_t saturate(std::int64_t x) {
  constexpr std::int64_t lo = std::numeric_limits<std::int32_t>::min(), hi = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(x < lo ? lo : x > hi ? hi : x);
}
/// x * 2^amount, saturated. Requires 0 <= amount <= 31.
TFL_ALWAYS_INLINE constexpr std::int32_t saturating_shift_left(std::int32_t x, int amount) {
  return saturate(static_cast<std::int64_t>(x) * (std::int64_t{1} << amount));
}
/// (a + b) / 2, half away from zero.
TFL_ALWAYS_INLINE constexpr std::int32_t half_sum(std::int32_t a, std::int32_t b) {
  const std::int64_t sum = std::int64_t{a} + b;
  return static_cast<std::int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

namespace detail {
/// exp(x) for x in [-1/4, 0), Q0 to Q0: a Taylor polynomial around -1/8.
TFL_ALWAYS_INLINE constexpr std::int32_t exp_of_small(std::int32_t x) {
  constexpr std::int32_t exp_of_minus_eighth = 1895147668, third = 715827883;
  const std::int32_t y = plus(x, 1 << 28);
  const std::int32_t y2 = times(y, y);
  const std::int32_t y3 = times(y2, y);
  const std::int32_t y4_over_4 = rounding_divide_by_power_of_two(times(y2, y2), 2);
  const std::int32_t rest = rounding_divide_by_power_of_two(plus(times(plus(y4_over_4, y3), third), y2), 1);
  return plus(exp_of_minus_eighth, times(exp_of_minus_eighth, plus(y, rest)));
}
}  // namespace detail

/// exp(x) for x <= 0 in Q<IntegerBits>, the result in Q0. Requires IntegerBits <= 5.
template <int IntegerBits> TFL_ALWAYS_INLINE constexpr std::int32_t exp_of_nonpositive(std::int32_t x) {
  static_assert(IntegerBits >= 0 && IntegerBits <= 5);
  constexpr int fraction_bits = 31 - IntegerBits;
  constexpr std::int32_t quarter = std::int32_t{1} << (fraction_bits - 2);
  if (x == 0) return one<0>;
  // x = small - remainder with small in [-1/4, 0) and remainder a multiple of 1/4, whose bits pick factors exp(-2^k).
  const std::int32_t small = (x & (quarter - 1)) - quarter;
  std::int32_t result = detail::exp_of_small(saturating_shift_left(small, IntegerBits));
  const std::int32_t remainder = minus(small, x);
  constexpr std::int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  for (int k = -2; k < IntegerBits; ++k) {
    if ((remainder & (std::int32_t{1} << (fraction_bits + k))) != 0) result = times(result, factors[k + 2]);
  }
  return result;
}

/// 1 / (1 + x) for x in [0, 1), Q0 to Q0: three steps of Newton's iteration.
TFL_ALWAYS_INLINE constexpr std::int32_t reciprocal_of_one_plus(std::int32_t x) {
  constexpr std::int32_t start = 1515870810, slope = -1010580540;  // 48/17 and -32/17 in Q2
  const std::int32_t half_denominator = half_sum(x, one<0>);
  std::int32_t y = plus(start, times(half_denominator, slope));
  for (int i = 0; i < 3; ++i) {
    const std::int32_t error = minus(one<2>, times(half_denominator, y));
    y = plus(y, saturating_shift_left(times(y, error), 2));
  }
  return saturating_shift_left(y, 1);  // y is 2 / (1 + x) in Q2
}

/// 1 / x = mantissa * 2^-shift, mantissa in Q0.
struct Reciprocal {
  std::int32_t mantissa = 0;
  int shift = 0;
};
/// Of a positive x in Q<integer_bits>.
TFL_ALWAYS_INLINE constexpr Reciprocal reciprocal(std::int32_t x, int integer_bits) {
  const int zeros = std::countl_zero(static_cast<std::uint32_t>(x));
  const std::uint32_t above_one = zeros < 32 ? (static_cast<std::uint32_t>(x) << zeros) - 0x80000000u : 0;
  return {reciprocal_of_one_plus(static_cast<std::int32_t>(above_one)), integer_bits - zeros};
}

/// log(x) for x >= 1 in Q<InputBits>, the result in Q<OutputBits>.
template <int OutputBits, int InputBits> TFL_ALWAYS_INLINE constexpr std::int32_t log_of_at_least_one(std::int32_t x) {
  constexpr std::int32_t log_2 = 1488522236, fourth_root_of_half = 1805811301, root_of_half = 1518500250;
  // Coefficients of a rational approximation around the fourth root of 1/2.
  constexpr std::int32_t alpha_n = 117049297, alpha_d = 127690142, alpha_i = 1057819769, alpha_f = 638450708;
  constexpr int sum_bits = OutputBits + 1;  // one bit of headroom
  constexpr std::int32_t quarter = std::int32_t{1} << (31 - sum_bits - 2);
  if (x <= 0) return 0;

  // Two candidates x = r * 2^power, r near the fourth root of 1/2; the second one works on x * sqrt(1/2).
  const int zeros = std::countl_zero(static_cast<std::uint32_t>(x));
  const std::int32_t r_a = saturating_shift_left(times(saturating_shift_left(x, zeros - 1), root_of_half), 1);
  const std::int32_t power_a = saturate(std::int64_t{saturating_shift_left(InputBits - zeros, 31 - sum_bits)} + quarter);
  const std::int32_t scaled = times(x, root_of_half);
  const int headroom = std::countl_zero(static_cast<std::uint32_t>(scaled)) - 1;
  const std::int32_t r_b = saturating_shift_left(x, headroom);
  const std::int32_t power_b = saturate(std::int64_t{saturating_shift_left(InputBits - headroom, 31 - sum_bits)} - quarter);
  const std::int32_t r = r_a < r_b ? r_a : r_b;
  const std::int32_t power = power_a > power_b ? power_a : power_b;

  const std::int32_t p = half_sum(r, fourth_root_of_half);
  const std::int32_t half_q = minus(r, fourth_root_of_half);
  const std::int32_t q = plus(half_q, half_q);
  const std::int32_t q2 = times(q, q);
  const std::int32_t numerator = plus(times(q, r), times(times(q, q2), alpha_n));
  const std::int32_t denominator_minus_one = plus(times(p, plus(plus(alpha_i, q), times(alpha_d, q2))), times(alpha_f, q));
  const std::int32_t inverse = reciprocal_of_one_plus(denominator_minus_one);
  const std::int32_t sum = plus(times(power, log_2), times(rounding_divide_by_power_of_two(numerator, sum_bits), inverse));
  return saturating_shift_left(sum, 1);
}

/// 1 / sqrt(x) as a multiplier, by five steps of Newton's iteration from 1. 0 counts as 1.
TFL_ALWAYS_INLINE constexpr Multiplier inverse_square_root(std::int64_t x) {
  if (x <= 1) return {std::numeric_limits<std::int32_t>::max(), 0};
  int right_shift = 11;
  while (x >= (std::int64_t{1} << 29)) {
    x /= 4;
    ++right_shift;
  }
  const int pairs = (std::countl_zero(static_cast<std::uint32_t>(x)) - 1) / 2 - 1;
  right_shift -= pairs;
  const auto scaled = static_cast<std::int32_t>(x << (2 * pairs));  // in [2^27, 2^29)
  const std::int32_t half_input = rounding_divide_by_power_of_two(scaled >> 1, 1);
  constexpr std::int32_t half_three = (1 << 28) + (1 << 27), root_of_half = 1518500250;
  std::int32_t y = one<3>;
  for (int i = 0; i < 5; ++i) {
    const std::int32_t cube = saturating_shift_left(times(times(y, y), y), 6);
    y = saturating_shift_left(minus(times(half_three, y), times(half_input, cube)), 3);
  }
  y = times(y, root_of_half);
  if (right_shift < 0) {
    y = wrapping_shift_left(y, -right_shift);
    right_shift = 0;
  }
  return {y, -right_shift};
}

}  // namespace tfl::fixed_point
