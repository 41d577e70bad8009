#pragma once
// Dot products over activations that were copied before: the copy is the place to give them the form that the instruction likes.
//
// StagedDot<A, T> is as Dot<A, T>, but for `Element`, which stage() makes of T. An int8 where the instruction wants one unsigned operand
// is raised by activation_offset (the packed sums of the weights take that out again, once for all), so that weights stay what they are
// and no sum of activations is needed. StagedDot<A, float> has the same shape.

#include <cstdint>
#include <type_traits>

#include "tfl/simd/dot.hpp"

namespace tfl::simd {

template <class A, class T> struct StagedDot {
 private:
  // Runs of few channels would fill 8 elements with zeros.
  using DotArch = std::conditional_t<std::is_same_v<A, NeonI8mm>, NeonDotprod, A>;
  static constexpr bool raised = Dot<DotArch, T>::weight_offset > 0 || activation_offset_of<DotArch, T>() != 0;
  using Inner = Dot<DotArch, std::conditional_t<raised, std::uint8_t, T>>;

 public:
  static constexpr int depth = Inner::depth, weight_offset = raised ? 0 : Inner::weight_offset, activation_offset = raised ? 128 : 0;
  using Element = std::conditional_t<Inner::staged, std::int16_t, std::conditional_t<raised, std::uint8_t, T>>;
  using Sum = Int32<A>;
  using Weights = typename Inner::Weights;
  using Activations = typename Inner::Activations;
  static constexpr int weight_bytes = 1;

  static TFL_ALWAYS_INLINE Sum zero() { return Sum(0); }
  static TFL_ALWAYS_INLINE Weights load(const std::byte* p) { return Inner::load(reinterpret_cast<const std::uint8_t*>(p)); }
  static TFL_ALWAYS_INLINE Activations broadcast(const Element* p) { return Inner::broadcast(p); }
  static TFL_ALWAYS_INLINE Sum step(Sum sum, Weights w, Activations x) { return Inner::step(sum, w, x); }

  static TFL_ALWAYS_INLINE Element staged(T x) {
    if constexpr (raised) {
      return static_cast<Element>(x + activation_offset);
    } else {
      return x;
    }
  }
  static void stage(const T* from, std::int64_t count, Element* to) {
    std::int64_t i = 0;
    if constexpr (raised) {
      using Bytes = Batch<std::uint8_t, A>;
      const Bytes sign(std::uint8_t{128});
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
      for (; i + lanes<std::uint8_t, A> <= count; i += lanes<std::uint8_t, A>) simd::store(to + i, simd::load<A>(bytes + i) ^ sign);
      for (; i < count; ++i) to[i] = staged(from[i]);
    } else if constexpr (Inner::staged) {
      for (; i + 64 < count; i += 64) Inner::stage(from + i, 64, to + i);
      // An odd element would get a zero behind it, which may be another's place.
      const int rest = static_cast<int>(count - i) & ~1;
      Inner::stage(from + i, rest, to + i);
      for (i += rest; i < count; ++i) to[i] = from[i];
    } else {
      std::memcpy(to, from, static_cast<std::size_t>(count));
    }
  }
};

template <class A> struct StagedDot<A, float> {
  static constexpr int depth = 1, weight_offset = 0, activation_offset = 0;
  using Element = float;
  using Sum = Float32<A>;
  using Weights = Float32<A>;
  using Activations = Float32<A>;
  static constexpr int weight_bytes = 4;

  static TFL_ALWAYS_INLINE Sum zero() { return Sum(0.0f); }
  static TFL_ALWAYS_INLINE Weights load(const std::byte* p) { return simd::load<A>(reinterpret_cast<const float*>(p)); }
  static TFL_ALWAYS_INLINE Activations broadcast(const float* p) { return Activations(*p); }
  static TFL_ALWAYS_INLINE Sum step(Sum sum, Weights w, Activations x) { return simd::fma(x, w, sum); }

  static TFL_ALWAYS_INLINE float staged(float x) { return x; }
  static void stage(const float* from, std::int64_t count, float* to) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  }
};

}  // namespace tfl::simd
