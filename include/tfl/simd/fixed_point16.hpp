#pragma once
// Logistic function and hyperbolic tangent of 16-bit fixed-point numbers, in 32-bit lanes and to the bit as gemmlowp's 16-bit
// routines compute them: a Taylor polynomial of exp on [-1/4, 0), factors exp(-2^k) for the rest of the argument, three Newton steps for
// the quotient. A number with m integer bits is stored as value * 2^(15 - m).

#include <cstdint>

#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::simd {

namespace detail {

TFL_ALWAYS_INLINE Lane<std::int32_t> both(Lane<std::int32_t> a, Lane<std::int32_t> b) { return a.value & b.value; }
TFL_ALWAYS_INLINE Lane<std::int32_t> floor_divide_by_power(Lane<std::int32_t> a, int power) { return a.value >> power; }
#if TFL_HAS_XSIMD
template <class X>
TFL_ALWAYS_INLINE xsimd::batch<std::int32_t, X> both(const xsimd::batch<std::int32_t, X>& a, const xsimd::batch<std::int32_t, X>& b) {
  return a & b;
}
template <class X>
TFL_ALWAYS_INLINE xsimd::batch<std::int32_t, X> floor_divide_by_power(const xsimd::batch<std::int32_t, X>& a, int power) {
  return a >> power;
}
#endif

/// condition < 0 ? a : b
template <class V> TFL_ALWAYS_INLINE V choose_if_negative(V condition, V a, V b) {
  return b + both(a - b, floor_divide_by_power(condition, 31));
}

/// round(a * b / 2^15). No product of two -32768 occurs here.
template <class V> TFL_ALWAYS_INLINE V high_mul16(V a, V b) { return floor_divide_by_power(a * b + V(1 << 14), 15); }
/// round(v / 2^by), half away from zero.
template <class V> TFL_ALWAYS_INLINE V divide_by_power16(V v, int by) {
  return floor_divide_by_power(v + V(1 << (by - 1)) + floor_divide_by_power(v, 31), by);
}
/// A 31-bit constant's upper half, rounded.
constexpr std::int32_t constant16(std::int32_t value) { return rounding_divide_by_power_of_two(value, 16); }

/// exp(a) with 15 fraction bits. Requires a <= 0, and 1 <= integer_bits <= 7 of a.
template <class V> TFL_ALWAYS_INLINE V exp_of_negative16(V a, int integer_bits) {
  constexpr std::int32_t factors[] = {constant16(1672461947), constant16(1302514674), constant16(790015084), constant16(290630308),
                                      constant16(39332535),   constant16(720401),     constant16(242)};  // exp(-2^k), k = -2..4
  constexpr std::int32_t exp_of_minus_eighth = constant16(1895147668), third = constant16(715827883);
  const int fraction_bits = 15 - integer_bits;
  const std::int32_t quarter = 1 << (fraction_bits - 2);
  const V below_quarter = both(a, V(quarter - 1)) - V(quarter);
  const V x = below_quarter * V(1 << integer_bits) + V(1 << 12);  // around -1/8
  const V x2 = high_mul16(x, x), x3 = high_mul16(x2, x), x4 = high_mul16(x2, x2);
  const V higher = divide_by_power16(high_mul16(divide_by_power16(x4, 2) + x3, V(third)) + x2, 1);
  V result = simd::min(V(exp_of_minus_eighth) + high_mul16(V(exp_of_minus_eighth), x + higher), V(32767));
  const V rest = below_quarter - a;
  for (int k = -2; k < integer_bits && k <= 4; ++k) {
    const V bit = both(rest, V(1 << (fraction_bits + k)));
    result = choose_if_negative(V(0) - bit, high_mul16(result, V(factors[k + 2])), result);
  }
  if (integer_bits > 5) result = choose_if_negative(a + V(1 << (20 - integer_bits)), V(0), result);  // below -32
  return choose_if_negative(a, result, V(32767));
}

/// 2 / (1 + a) with 13 fraction bits, for 0 <= a <= 1 with 15.
template <class V> TFL_ALWAYS_INLINE V twice_inverse_of_one_plus16(V a) {
  const V half_denominator = floor_divide_by_power(a + V(32768), 1);
  V x = V(constant16(1515870810)) + high_mul16(half_denominator, V(constant16(-1010580540)));
  for (int i = 0; i < 3; ++i) x = x + high_mul16(x, V(8192) - high_mul16(half_denominator, x)) * V(4);
  return x;
}

}  // namespace detail

/// 1 / (1 + exp(-a)) with 15 fraction bits, for a with 3 integer bits.
template <class V> TFL_ALWAYS_INLINE V logistic16(V a) {
  using namespace detail;
  const V minus_magnitude = choose_if_negative(a, a, V(0) - a);
  const V positive = simd::min(twice_inverse_of_one_plus16(exp_of_negative16(minus_magnitude, 3)) * V(2), V(32767));
  return choose_if_negative(minus_magnitude, choose_if_negative(a, V(32767) - positive, positive), V(16384));
}

/// tanh(a) with 15 fraction bits, for a with 0 <= integer_bits <= 6.
template <class V> TFL_ALWAYS_INLINE V tanh16(V a, int integer_bits) {
  using namespace detail;
  const V minus_magnitude = choose_if_negative(a, a, V(0) - a);
  const V inverse = twice_inverse_of_one_plus16(exp_of_negative16(minus_magnitude, integer_bits + 1));
  const V positive = simd::min((inverse - V(8192)) * V(4), V(32767));
  return choose_if_negative(minus_magnitude, choose_if_negative(a, V(0) - positive, positive), V(0));
}

}  // namespace tfl::simd
