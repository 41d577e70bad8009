#pragma once
// More on lanes: choosing integers by floats, shifting, truncating; values rounded exactly where C++ says, whatever the compiler may fuse.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/compare.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::simd {

// ---- Masks: bool for one lane, xsimd's batch_bool otherwise. NaN compares as in C++: false.

template <class T> TFL_ALWAYS_INLINE bool greater(Lane<T> a, Lane<T> b) { return a.value > b.value; }
TFL_ALWAYS_INLINE bool any(bool mask) { return mask; }
/// Every lane shifted right by the same amount; the sign stays.
TFL_ALWAYS_INLINE Lane<std::int32_t> shift_right(Lane<std::int32_t> a, int by) { return a.value >> by; }
/// Towards 0. Requires values in the range of int32.
TFL_ALWAYS_INLINE Lane<std::int32_t> truncate_to_int32(Lane<float> a) { return static_cast<std::int32_t>(a.value); }

#if TFL_HAS_XSIMD
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch_bool<T, X> greater(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
  return a > b;
}
template <class T, class X> TFL_ALWAYS_INLINE bool any(const xsimd::batch_bool<T, X>& mask) { return xsimd::any(mask); }
/// Integers chosen by a comparison of floats.
template <class X>
TFL_ALWAYS_INLINE xsimd::batch<std::int32_t, X> select(const xsimd::batch_bool<float, X>& mask, const xsimd::batch<std::int32_t, X>& a,
                                                       const xsimd::batch<std::int32_t, X>& b) {
  using Float = xsimd::batch<float, X>;
  const Float chosen = xsimd::select(mask, xsimd::bitwise_cast<Float>(a), xsimd::bitwise_cast<Float>(b));
  return xsimd::bitwise_cast<xsimd::batch<std::int32_t, X>>(chosen);
}
template <class X> TFL_ALWAYS_INLINE xsimd::batch<std::int32_t, X> shift_right(const xsimd::batch<std::int32_t, X>& a, int by) {
  return a >> by;
}
template <class X> TFL_ALWAYS_INLINE xsimd::batch<std::int32_t, X> truncate_to_int32(const xsimd::batch<float, X>& a) {
  return xsimd::to_int(a);
}
#endif

/// x, opaque to the compiler: a product that passes through here is rounded before anything is added to it. For results that must not
/// depend on whether the processor multiplies and adds in one step.
template <class T> TFL_ALWAYS_INLINE Lane<T> rounded(Lane<T> x) {
#if (defined(__GNUC__) || defined(__clang__)) && defined(__SSE2__)
  __asm__("" : "+x"(x.value));
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
  __asm__("" : "+w"(x.value));
#elif defined(__GNUC__) || defined(__clang__)
  __asm__("" : "+m"(x.value));
#endif
  return x;
}
#if TFL_HAS_XSIMD
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch<T, X> rounded(xsimd::batch<T, X> x) {
#if (defined(__GNUC__) || defined(__clang__)) && defined(__SSE2__)
  __asm__("" : "+x"(x.data));
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
  __asm__("" : "+w"(x.data));
#endif
  return x;
}
#endif

/// All lanes combined into one value, pairwise: f(Lane, Lane) in any order.
template <class T, class B, class F> TFL_ALWAYS_INLINE T fold_lanes(const B& batch, F f) {
  constexpr int width = static_cast<int>(B::size);
  T values[width];
  simd::store(values, batch);  // qualified: xsimd has a store() too
  for (int half = width / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) values[i] = f(Lane<T>(values[i]), Lane<T>(values[i + half])).value;
  }
  return values[0];
}

/// Lanes of type Acc from elements of type T: as they are, or widened to 32 bits.
template <class A, class Acc, class T> TFL_ALWAYS_INLINE Batch<Acc, A> load_as(const T* from) {
  if constexpr (std::is_same_v<Acc, T>) {
    return load<A>(from);
  } else if constexpr (std::is_same_v<A, Scalar>) {
    return Lane<Acc>(static_cast<Acc>(*from));
  } else {
    static_assert(std::is_same_v<Acc, std::int32_t>);
    return load_int32<A>(from);
  }
}

}  // namespace tfl::simd
