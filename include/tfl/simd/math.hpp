#pragma once
// Functions of floats on batches of every architecture: exp, log, tanh, logistic, sin, cos, erfc, rounding, choices.

#include <cmath>
#include <cstdint>

#include "tfl/simd/batch.hpp"

namespace tfl::simd {

// ---- One lane: the C library.

TFL_ALWAYS_INLINE Lane<float> exp(Lane<float> x) { return std::exp(x.value); }
TFL_ALWAYS_INLINE Lane<float> expm1(Lane<float> x) { return std::expm1(x.value); }
TFL_ALWAYS_INLINE Lane<float> log(Lane<float> x) { return std::log(x.value); }
TFL_ALWAYS_INLINE Lane<float> tanh(Lane<float> x) { return std::tanh(x.value); }
TFL_ALWAYS_INLINE Lane<float> sin(Lane<float> x) { return std::sin(x.value); }
TFL_ALWAYS_INLINE Lane<float> cos(Lane<float> x) { return std::cos(x.value); }
TFL_ALWAYS_INLINE Lane<float> erfc(Lane<float> x) { return std::erfc(x.value); }
TFL_ALWAYS_INLINE Lane<float> floor(Lane<float> x) { return std::floor(x.value); }
TFL_ALWAYS_INLINE Lane<float> ceil(Lane<float> x) { return std::ceil(x.value); }
/// Half to even, whatever the floating-point environment says.
TFL_ALWAYS_INLINE Lane<float> round_half_even(Lane<float> x) {
  // Adding 2^23 leaves no fraction bits, so that the processor rounds; the sign is put back for -0.
  constexpr float no_fraction = 8388608.0f;
  const float magnitude = std::fabs(x.value);
  if (!(magnitude < no_fraction)) return x;
  volatile float shifted = magnitude + no_fraction;
  return std::copysign(shifted - no_fraction, x.value);
}
/// Half away from zero.
TFL_ALWAYS_INLINE Lane<float> round_half_away(Lane<float> x) { return std::round(x.value); }

/// a < b ? yes : no; with NaN: no.
template <class T, class V> TFL_ALWAYS_INLINE Lane<V> select_less(Lane<T> a, Lane<T> b, Lane<V> yes, Lane<V> no) {
  return a.value < b.value ? yes : no;
}

#if TFL_HAS_XSIMD

template <class T, class X>
TFL_ALWAYS_INLINE xsimd::batch<T, X> select_less(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b, const xsimd::batch<T, X>& yes,
                                                 const xsimd::batch<T, X>& no) {
  return xsimd::select(a < b, yes, no);
}

/// Integers chosen by a comparison of floats.
template <class X>
TFL_ALWAYS_INLINE xsimd::batch<std::int32_t, X> select_less(const xsimd::batch<float, X>& a, const xsimd::batch<float, X>& b,
                                                            const xsimd::batch<std::int32_t, X>& yes,
                                                            const xsimd::batch<std::int32_t, X>& no) {
  using B = xsimd::batch<float, X>;
  return xsimd::bitwise_cast<xsimd::batch<std::int32_t, X>>(xsimd::select(a < b, xsimd::bitwise_cast<B>(yes), xsimd::bitwise_cast<B>(no)));
}

namespace detail {
// 2^n for whole n in [-126, 127].
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> power_of_two(const xsimd::batch<float, X>& n) {
  using I = xsimd::batch<std::int32_t, X>;
  return xsimd::bitwise_cast<xsimd::batch<float, X>>((xsimd::to_int(n) + I(127)) << 23);
}
}  // namespace detail

/// Relative error below 2e-7; results under 2^-126 come gradually to 0, over the largest float infinity.
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> exp(const xsimd::batch<float, X>& x) {
  using B = xsimd::batch<float, X>;
  // x = n log 2 + r; the bounds are where every float has become 0 or infinity.
  const B bounded = xsimd::min(xsimd::max(x, B(-104.0f)), B(89.0f));
  const B n = xsimd::nearbyint(bounded * B(1.44269504f));
  const B r = xsimd::fnma(n, B(-2.12194440e-4f), xsimd::fnma(n, B(0.693359375f), bounded));
  B p = B(1.9875691500e-4f);
  p = xsimd::fma(p, r, B(1.3981999507e-3f));
  p = xsimd::fma(p, r, B(8.3334519073e-3f));
  p = xsimd::fma(p, r, B(4.1665795894e-2f));
  p = xsimd::fma(p, r, B(1.6666665459e-1f));
  p = xsimd::fma(p, r, B(5.0000001201e-1f));
  p = xsimd::fma(p * r, r, r) + B(1.0f);
  // In two factors, since 2^n alone may be out of range.
  const B half = xsimd::floor(n * B(0.5f));
  const B y = p * detail::power_of_two(half) * detail::power_of_two(n - half);
  return xsimd::select(x == x, y, x);
}
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> expm1(const xsimd::batch<float, X>& x) { return xsimd::expm1(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> log(const xsimd::batch<float, X>& x) { return xsimd::log(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> sin(const xsimd::batch<float, X>& x) { return xsimd::sin(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> cos(const xsimd::batch<float, X>& x) { return xsimd::cos(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> tanh(const xsimd::batch<float, X>& x) { return xsimd::tanh(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> erfc(const xsimd::batch<float, X>& x) { return xsimd::erfc(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> floor(const xsimd::batch<float, X>& x) { return xsimd::floor(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> ceil(const xsimd::batch<float, X>& x) { return xsimd::ceil(x); }
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> round_half_even(const xsimd::batch<float, X>& x) { return xsimd::nearbyint(x); }
/// Half away from zero: exact, also where adding 0.5 would round.
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> round_half_away(const xsimd::batch<float, X>& x) {
  using B = xsimd::batch<float, X>;
  const B magnitude = xsimd::abs(x);
  const B whole = xsimd::floor(magnitude);
  const B rounded = xsimd::select(magnitude - whole >= B(0.5f), whole + B(1.0f), whole);
  return xsimd::copysign(rounded, x);
}

#endif

/// 1 / (1 + exp(-x))
template <class B> TFL_ALWAYS_INLINE B logistic(B x) {
  // exp(-|x|) cannot overflow; for negative x the fraction is extended by it, which keeps the relative error small.
  const B e = simd::exp(B(0.0f) - simd::abs(x));
  const B numerator = simd::select_less(x, B(0.0f), e, B(1.0f));
  return simd::divide(numerator, B(1.0f) + e);
}

}  // namespace tfl::simd
