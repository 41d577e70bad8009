#pragma once
// Float16 to float in vectors.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tfl/core/float16.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::simd {

namespace detail {
/// The lower 16 bits of each lane as a Float16.
TFL_ALWAYS_INLINE Lane<float> half_bits_to_float(Lane<std::int32_t> x) {
  return tfl::to_float(Float16{static_cast<std::uint16_t>(x.value)});
}
#if TFL_HAS_XSIMD
template <class X> TFL_ALWAYS_INLINE xsimd::batch<float, X> half_bits_to_float(const xsimd::batch<std::int32_t, X>& x) {
  using I = xsimd::batch<std::int32_t, X>;
  using B = xsimd::batch<float, X>;
  const I magnitude = x & I(0x7fff);
  // As a float the exponent is 112 too small, which a product makes good, for subnormal numbers too; infinity and NaN get theirs.
  const B finite = xsimd::bitwise_cast<B>(magnitude << 13) * B(5.192296858534828e33f);
  const B special = xsimd::bitwise_cast<B>((magnitude << 13) | I(0x7f800000));
  const I absolute = xsimd::bitwise_cast<I>(xsimd::select(finite < B(65536.0f), finite, special));
  return xsimd::bitwise_cast<B>(absolute | ((x & I(0x8000)) << 16));
}
#endif
}  // namespace detail

/// y[i] = x[i]
template <class A> TFL_ALWAYS_INLINE void widen(const Float16* x, float* y, std::int64_t count) {
  constexpr int n = lanes<std::int32_t, A>;
  std::int64_t i = 0;
  for (; i + n <= count; i += n) {
    std::int16_t bits[n];
    std::memcpy(bits, x + i, sizeof(bits));
    simd::store(y + i, detail::half_bits_to_float(simd::load_int32<A>(static_cast<const std::int16_t*>(bits))));
  }
  for (; i < count; ++i) y[i] = tfl::to_float(x[i]);
}

}  // namespace tfl::simd
