#pragma once
// BITWISE_XOR and RIGHT_SHIFT of integers that broadcast.

#include <cstdint>
#include <limits>
#include <type_traits>

#include "tfl/kernels/binary_plain.hpp"

namespace tfl {

namespace detail {

template <class T> struct Xor {
  explicit Xor(const void*) {}
  TFL_ALWAYS_INLINE T operator()(T a, T b) const { return static_cast<T>(a ^ b); }
};
/// Shifts by less than 0 and by more than the last bit count as these.
template <class T> struct ShiftRight {
  explicit ShiftRight(const void*) {}
  TFL_ALWAYS_INLINE T operator()(T a, T b) const {
    constexpr T most = sizeof(T) * 8 - 1;
    return static_cast<T>(a >> (b < 0 ? T{0} : b > most ? most : b));
  }
};
template <template <class> class F> struct BitsFunction {
  static constexpr std::int64_t cost = 1;
  template <class A, class T> static constexpr PairFunction function() { return &run_scalars<A, T, F<T>>; }
};

}  // namespace detail

/// BITWISE_XOR: the bits in which a and b differ
using BitwiseXor = PlainPair<BuiltinOperator::BITWISE_XOR, 1, detail::BitsFunction<detail::Xor>, std::int8_t, std::uint8_t, std::int16_t,
                             std::uint16_t, std::int32_t, std::uint32_t>;
/// RIGHT_SHIFT: a / 2^b, rounded down
using RightShift = PlainPair<BuiltinOperator::RIGHT_SHIFT, 1, detail::BitsFunction<detail::ShiftRight>, std::int8_t, std::uint8_t,
                             std::int16_t, std::uint16_t, std::int32_t, std::uint32_t>;

}  // namespace tfl
