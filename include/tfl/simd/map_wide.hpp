#pragma once
// Loops over integers of 8, 16 or 32 bits, computed in 32-bit lanes; and between those and floats.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/simd/int32.hpp"

namespace tfl::simd {

// ---- Conversions of lanes

/// Towards 0. Requires numbers in the range of int32.
TFL_ALWAYS_INLINE Lane<std::int32_t> truncate_bounded(Lane<float> x) { return static_cast<std::int32_t>(x.value); }
#if TFL_HAS_XSIMD
template <class X> TFL_ALWAYS_INLINE xsimd::batch<std::int32_t, X> truncate_bounded(const xsimd::batch<float, X>& x) {
  return xsimd::to_int(x);
}
#endif

// ---- Loops. The tail goes through the vector function too: a result doesn't depend on an element's place.

namespace detail {
/// What an element becomes in a register: Lanes<float> or lanes of int32.
template <class A, class T> TFL_ALWAYS_INLINE auto load_wide(const T* from) {
  if constexpr (std::is_same_v<T, float>) {
    return simd::load<A>(from);
  } else {
    return simd::load_int32<A>(from);
  }
}
template <class A, class T, class B> TFL_ALWAYS_INLINE void store_wide(T* to, const B& batch) {
  if constexpr (std::is_same_v<T, float>) {
    simd::store(to, batch);
  } else {
    simd::store_saturated<A>(to, batch);
  }
}
}  // namespace detail

/// y[i] = f(x[i]) where f takes and gives lanes of float (for elements of type float) or of int32 (for integers), as many as
/// lanes<int32_t, A>; integers are stored saturated. x and y may be the same where T and U have the same size.
template <class A, class T, class U, class F> TFL_ALWAYS_INLINE void map_wide(const T* x, U* y, std::int64_t count, F f) {
  constexpr int n = lanes<std::int32_t, A>;
  static_assert(n == lanes<float, A>);
  std::int64_t i = 0;
  for (; i + n <= count; i += n) detail::store_wide<A>(y + i, f(detail::load_wide<A>(x + i)));
  const std::size_t left = static_cast<std::size_t>(count - i) % n;
  if (left == 0) return;
  T some[n] = {};
  U result[n];
  std::memcpy(some, x + i, left * sizeof(T));
  detail::store_wide<A>(result, f(detail::load_wide<A>(static_cast<const T*>(some))));
  std::memcpy(y + i, result, left * sizeof(U));
}

}  // namespace tfl::simd
