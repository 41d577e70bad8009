#pragma once
// Weighted sums of two bytes: out = clamp(floor((a * x + b * y + constant) / 2^(15 + shift))), in the 16-bit multiply-adds that every
// vector architecture has. Weights have 31 bits, in two halves whose products add up without rounding.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/byte_words.hpp"

namespace tfl::simd {

/// a = a_high * 2^15 + a_low, and so on.
struct ByteSum {
  std::int16_t a_high, b_high, a_low, b_low;
  std::int32_t high, low;  // of the constant; low is in [0, 2^15)
  std::int32_t shift;      // 0 to 15
  std::int32_t lo, hi;     // the output's range, within its type's
};

/// Whether an architecture has sum_bytes().
template <class A> inline constexpr bool has_byte_sum = TFL_HAS_XSIMD != 0 && !std::is_same_v<A, Scalar>;

namespace detail {

template <class A, class T> struct ByteSumStep;

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <class A, class T> struct ByteSumStep {
  using Bytes = ByteWords<A, T>;
  using Ops = ByteWordOps<A>;
  using V = typename Ops::V;
  Bytes bytes;
  V high_weights, low_weights, high, low;
  int shift;
  explicit ByteSumStep(const ByteSum& s)
      : bytes(s.lo, s.hi),
        high_weights(Ops::integers(pair_of(s.a_high, s.b_high))),
        low_weights(Ops::integers(pair_of(s.a_low, s.b_low))),
        high(Ops::integers(s.high)),
        low(Ops::integers(s.low)),
        shift(s.shift) {}
  static int pair_of(std::int16_t a, std::int16_t b) {
    return static_cast<int>(static_cast<std::uint16_t>(a) | static_cast<std::uint32_t>(static_cast<std::uint16_t>(b)) << 16);
  }
  TFL_ALWAYS_INLINE V of_pairs(V pairs) const {
    const V carried = Ops::shift_right_15(Ops::add(Ops::multiply_add(pairs, low_weights), low));
    return Ops::shift_right(Ops::add(Ops::multiply_add(pairs, high_weights), Ops::add(carried, high)), shift);
  }
  TFL_ALWAYS_INLINE V of_words(V x, V y) const { return Ops::to_words(of_pairs(Ops::low_words(x, y)), of_pairs(Ops::high_words(x, y))); }
};
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <class T> struct ByteSumStep<Neon, T> {
  using Bytes = ByteWords<Neon, T>;
  Bytes bytes;
  ByteSum s;
  int32x4_t high, low, shift;
  explicit ByteSumStep(const ByteSum& sum)
      : bytes(sum.lo, sum.hi), s(sum), high(vdupq_n_s32(sum.high)), low(vdupq_n_s32(sum.low)), shift(vdupq_n_s32(-sum.shift)) {}
  TFL_ALWAYS_INLINE int16x4_t of_four(int16x4_t x, int16x4_t y) const {
    const int32x4_t carried = vshrq_n_s32(vmlal_n_s16(vmlal_n_s16(low, x, s.a_low), y, s.b_low), 15);
    const int32x4_t sum = vmlal_n_s16(vmlal_n_s16(vaddq_s32(carried, high), x, s.a_high), y, s.b_high);
    return vqmovn_s32(vshlq_s32(sum, shift));
  }
  TFL_ALWAYS_INLINE int16x8_t of_words(int16x8_t x, int16x8_t y) const {
    return vcombine_s16(of_four(vget_low_s16(x), vget_low_s16(y)), of_four(vget_high_s16(x), vget_high_s16(y)));
  }
};
#endif

}  // namespace detail

/// For `count` elements; a step of 0 repeats an input's first one. Of architectures with has_byte_sum.
template <class A, class T> void sum_bytes(const T* x, int step_x, const T* y, int step_y, T* to, std::int64_t count, const ByteSum& sum) {
  detail::map_byte_pairs<detail::ByteSumStep<detail::WordsOf<A>, T>>(x, step_x, y, step_y, to, count, sum);
}

}  // namespace tfl::simd
