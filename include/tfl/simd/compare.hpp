#pragma once
// Comparing and choosing lanes. A mask is whatever the architecture has for it: a bool for one lane.

#include <cstdint>

#include "tfl/config.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::simd {

// ---- Masks. All are false where an operand is NaN. There is no "not equal": it is what equal isn't, for NaN too.

template <class T> TFL_ALWAYS_INLINE bool less(Lane<T> a, Lane<T> b) { return a.value < b.value; }
template <class T> TFL_ALWAYS_INLINE bool less_equal(Lane<T> a, Lane<T> b) { return a.value <= b.value; }
template <class T> TFL_ALWAYS_INLINE bool equal(Lane<T> a, Lane<T> b) { return a.value == b.value; }

/// mask ? a : b
template <class T> TFL_ALWAYS_INLINE Lane<T> select(bool mask, Lane<T> a, Lane<T> b) { return mask ? a : b; }

/// min(max(x, lo), hi); NaN stays NaN.
template <class T> TFL_ALWAYS_INLINE Lane<T> clamp(Lane<T> x, Lane<T> lo, Lane<T> hi) {
  const T raised = x.value < lo.value ? lo.value : x.value;
  return hi.value < raised ? hi.value : raised;
}

#if TFL_HAS_XSIMD
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch_bool<T, X> less(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
  return a < b;
}
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch_bool<T, X> less_equal(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
  return a <= b;
}
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch_bool<T, X> equal(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
  return a == b;
}
template <class T, class X>
TFL_ALWAYS_INLINE xsimd::batch<T, X> select(const xsimd::batch_bool<T, X>& mask, const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
  return xsimd::select(mask, a, b);
}
#if defined(__AVX512BW__)
// xsimd's own goes through intrinsics that are macros without optimization, and then doesn't compile.
TFL_ALWAYS_INLINE Int32<Avx512> select(const xsimd::batch_bool<std::int32_t, xsimd::avx512bw>& mask, const Int32<Avx512>& a,
                                       const Int32<Avx512>& b) {
  return Int32<Avx512>(_mm512_mask_blend_epi32(mask, b, a));
}
#endif
template <class T, class X>
TFL_ALWAYS_INLINE xsimd::batch<T, X> clamp(const xsimd::batch<T, X>& x, const xsimd::batch<T, X>& lo, const xsimd::batch<T, X>& hi) {
  // In this order, x86 returns the second operand where one is NaN, and Arm NaN.
  return xsimd::min(hi, xsimd::max(lo, x));
}
#endif

/// 1 in the lanes where the mask of float or int32 lanes is true, else 0.
template <class A, class T> struct Ones;
template <class T> struct Ones<Scalar, T> {
  static TFL_ALWAYS_INLINE Lane<std::int32_t> of(bool mask) { return mask ? 1 : 0; }
};
#if TFL_HAS_XSIMD
template <class A> struct Ones<A, std::int32_t> {
  template <class Mask> static TFL_ALWAYS_INLINE Int32<A> of(const Mask& mask) { return simd::select(mask, Int32<A>(1), Int32<A>(0)); }
};
template <class A> struct Ones<A, float> {
  template <class Mask> static TFL_ALWAYS_INLINE Int32<A> of(const Mask& mask) {
    // Only bits are moved: the float whose bits are those of the integer 1 never meets arithmetic.
    return xsimd::bitwise_cast<Int32<A>>(xsimd::select(mask, xsimd::bitwise_cast<Float32<A>>(Int32<A>(1)), Float32<A>(0.0f)));
  }
};
// Ambiguous with Ones<Scalar, T> otherwise.
template <> struct Ones<Scalar, std::int32_t> {
  static TFL_ALWAYS_INLINE Lane<std::int32_t> of(bool mask) { return mask ? 1 : 0; }
};
template <> struct Ones<Scalar, float> {
  static TFL_ALWAYS_INLINE Lane<std::int32_t> of(bool mask) { return mask ? 1 : 0; }
};
#endif

}  // namespace tfl::simd
