#pragma once
// Products of a vector with one element (or one group of elements) of another: one load of a row serves several steps of a matrix product.
// 64-bit Arm has such instructions; elsewhere a broadcast from memory is as good and ByLane does not exist.
//
// ByLane<A, T> reads `steps` steps of a row at once. T is float, or the type of the bytes; weights lie as Dot<A, T> wants them.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/dot.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::simd {

template <class A, class T> struct ByLane;
template <class A, class T>
inline constexpr bool has_by_lane = std::is_base_of_v<Neon, A> && (std::is_same_v<T, float> || std::is_same_v<A, NeonDotprod>);

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <class A>
requires std::is_base_of_v<Neon, A>
struct ByLane<A, float> {
  static constexpr int steps = 4, depth = 1;
  using Sum = Batch<float, A>;
  using Weights = Batch<float, A>;
  using Row = float32x4_t;
  static TFL_ALWAYS_INLINE Row row(const float* p) { return vld1q_f32(p); }
  static TFL_ALWAYS_INLINE Weights weights(const float* p) { return Weights(vld1q_f32(p)); }
  template <int Step> static TFL_ALWAYS_INLINE Sum step(const Sum& sum, const Weights& w, Row x) {
    return Sum(vfmaq_laneq_f32(sum, w, x, Step));
  }
};

#if defined(__ARM_FEATURE_DOTPROD)
template <class A, class T>
requires(std::is_same_v<A, NeonDotprod> && !std::is_same_v<T, float>) struct ByLane<A, T> {
  static constexpr int steps = 4, depth = 4;
  using Sum = Int32<A>;
  using Weights = std::conditional_t<std::is_signed_v<T>, int8x16_t, uint8x16_t>;
  using Row = Weights;
  static TFL_ALWAYS_INLINE Row row(const T* p) {
    if constexpr (std::is_signed_v<T>) {
      return vld1q_s8(p);
    } else {
      return vld1q_u8(p);
    }
  }
  static TFL_ALWAYS_INLINE Weights weights(const std::uint8_t* p) { return Dot<NeonDotprod, T>::load(p); }
  template <int Step> static TFL_ALWAYS_INLINE Sum step(const Sum& sum, Weights w, Row x) {
    if constexpr (std::is_signed_v<T>) {
      return Sum(vdotq_laneq_s32(sum, w, x, Step));
    } else {
      return Sum(vreinterpretq_s32_u32(vdotq_laneq_u32(vreinterpretq_u32_s32(sum), w, x, Step)));
    }
  }
};
#endif
#endif

}  // namespace tfl::simd
