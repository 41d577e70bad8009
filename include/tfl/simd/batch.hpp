#pragma once
// Batch<T, Arch>: the widest vector of T on an architecture, with operators. Scalar's batch has one lane, so that one generic
// lambda serves the vector loop, its tail and the scalar build alike.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tfl/config.hpp"
#include "tfl/simd/arch.hpp"

#if !defined(TFL_HEADER_ONLY_SCALAR) && (defined(__SSE4_1__) || defined(__aarch64__))
#define TFL_HAS_XSIMD 1
// GCC 12 takes the undefined registers inside AVX-512 intrinsics for uninitialized variables (its bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#else
#define TFL_HAS_XSIMD 0
#endif

namespace tfl::simd {

namespace detail {
/// What a lane computes in: integers wrap around, as they do in vector instructions.
template <class T, bool IsInteger = std::is_integral_v<T>> struct WrappingOf {
  using type = std::conditional_t<(sizeof(T) > 4), std::uint64_t, std::uint32_t>;
};
template <class T> struct WrappingOf<T, false> { using type = T; };
}  // namespace detail

/// A vector of one lane. Integers wrap, as in wider vectors.
template <class T> struct Lane {
  using value_type = T;
  using Word = typename detail::WrappingOf<T>::type;
  static constexpr std::size_t size = 1;
  T value{};
  Lane() = default;
  Lane(T v) : value(v) {}  // NOLINT: a number is a lane

  friend Lane operator+(Lane a, Lane b) { return static_cast<T>(static_cast<Word>(a.value) + static_cast<Word>(b.value)); }
  friend Lane operator-(Lane a, Lane b) { return static_cast<T>(static_cast<Word>(a.value) - static_cast<Word>(b.value)); }
  friend Lane operator*(Lane a, Lane b) { return static_cast<T>(static_cast<Word>(a.value) * static_cast<Word>(b.value)); }
  friend Lane operator/(Lane a, Lane b) { return static_cast<T>(a.value / b.value); }
  friend Lane operator-(Lane a) {
    if constexpr (std::is_integral_v<T>) {
      return Lane(T{}) - a;
    } else {
      return -a.value;
    }
  }
};

namespace detail {
template <class T, class A> struct BatchOf;
template <class T> struct BatchOf<T, Scalar> { using type = Lane<T>; };
#if TFL_HAS_XSIMD
#if defined(__SSE4_1__)
template <class T> struct BatchOf<T, Sse41> { using type = xsimd::batch<T, xsimd::sse4_1>; };
#endif
#if defined(__AVX2__) && defined(__FMA__)
template <class T> struct BatchOf<T, Avx2> { using type = xsimd::batch<T, xsimd::fma3<xsimd::avx2>>; };
template <class T> struct BatchOf<T, AvxVnni> : BatchOf<T, Avx2> {};
#endif
#if defined(__AVX512BW__)
template <class T> struct BatchOf<T, Avx512> { using type = xsimd::batch<T, xsimd::avx512bw>; };
template <class T> struct BatchOf<T, Avx512Vnni> : BatchOf<T, Avx512> {};
template <class T> struct BatchOf<T, Avx512Amx> : BatchOf<T, Avx512> {};
#endif
#if defined(__aarch64__)
template <class T> struct BatchOf<T, Neon> { using type = xsimd::batch<T, xsimd::neon64>; };
template <class T> struct BatchOf<T, NeonDotprod> : BatchOf<T, Neon> {};
template <class T> struct BatchOf<T, NeonI8mm> : BatchOf<T, Neon> {};
#endif
#endif
}  // namespace detail

template <class T, class A> using Batch = typename detail::BatchOf<T, A>::type;
template <class T, class A> inline constexpr int lanes = static_cast<int>(Batch<T, A>::size);

/// Unaligned loads and stores of lanes<T, A> elements.
template <class A, class T> TFL_ALWAYS_INLINE Batch<T, A> load(const T* from) {
  if constexpr (std::is_same_v<A, Scalar>) {
    return Lane<T>(*from);
  } else {
    return Batch<T, A>::load_unaligned(from);
  }
}
template <class T, class B> TFL_ALWAYS_INLINE void store(T* to, const B& batch) {
  if constexpr (std::is_same_v<B, Lane<T>>) {
    *to = batch.value;
  } else {
    batch.store_unaligned(to);
  }
}

#if TFL_HAS_XSIMD
// The same as above. It makes a call of plain store() ambiguous, which would otherwise find xsimd's, whose stores are aligned.
template <class T, class X> TFL_ALWAYS_INLINE void store(T* to, const xsimd::batch<T, X>& batch) { batch.store_unaligned(to); }
#endif

// ---- Functions on batches of every architecture. NaN: as std::min(a, b) and std::max(a, b) on the scalar path.

template <class T> TFL_ALWAYS_INLINE Lane<T> min(Lane<T> a, Lane<T> b) { return b.value < a.value ? b : a; }
template <class T> TFL_ALWAYS_INLINE Lane<T> max(Lane<T> a, Lane<T> b) { return a.value < b.value ? b : a; }
/// a * b + c; rounds once where the processor can (and so does std::fma nowhere here: the scalar path rounds twice).
template <class T> TFL_ALWAYS_INLINE Lane<T> fma(Lane<T> a, Lane<T> b, Lane<T> c) { return static_cast<T>(a.value * b.value + c.value); }
template <class T> TFL_ALWAYS_INLINE Lane<T> abs(Lane<T> a) { return a.value < 0 ? -a : a; }
template <class T> TFL_ALWAYS_INLINE Lane<T> sqrt(Lane<T> a) { return std::sqrt(a.value); }
/// a / b, rounded once: the operator of xsimd's batches multiplies by an estimate of 1 / b on Arm.
template <class T> TFL_ALWAYS_INLINE Lane<T> divide(Lane<T> a, Lane<T> b) { return a / b; }
template <class T> TFL_ALWAYS_INLINE T sum(Lane<T> a) { return a.value; }

#if TFL_HAS_XSIMD
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch<T, X> min(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
  return xsimd::min(a, b);
}
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch<T, X> max(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
  return xsimd::max(a, b);
}
template <class T, class X>
TFL_ALWAYS_INLINE xsimd::batch<T, X> fma(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b, const xsimd::batch<T, X>& c) {
  return xsimd::fma(a, b, c);
}
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch<T, X> abs(const xsimd::batch<T, X>& a) { return xsimd::abs(a); }
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch<T, X> sqrt(const xsimd::batch<T, X>& a) {
#if defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>) return vsqrtq_f32(a);  // xsimd's is an estimate
#endif
  return xsimd::sqrt(a);
}
template <class T, class X> TFL_ALWAYS_INLINE xsimd::batch<T, X> divide(const xsimd::batch<T, X>& a, const xsimd::batch<T, X>& b) {
#if defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>) return vdivq_f32(a, b);
#endif
  return a / b;
}
/// Sum of all lanes.
template <class T, class X> TFL_ALWAYS_INLINE T sum(const xsimd::batch<T, X>& a) { return xsimd::hadd(a); }
#endif

// ---- Loops

/// y[i] = f(x[i]): f takes and returns a batch (of one lane in the tail). x and y may be the same.
template <class A, class T, class F> TFL_ALWAYS_INLINE void map(const T* x, T* y, std::int64_t count, F f) {
  std::int64_t i = 0;
  for (; i + lanes<T, A> <= count; i += lanes<T, A>) simd::store(y + i, f(load<A>(x + i)));
  for (; i < count; ++i) simd::store(y + i, f(load<Scalar>(x + i)));
}

/// y[i] = f(a[i * step_a], b[i * step_b]): a step of 0 repeats the first element (broadcast), else it is 1.
template <class A, class T, class F>
TFL_ALWAYS_INLINE void map(const T* a, int step_a, const T* b, int step_b, T* y, std::int64_t count, F f) {
  std::int64_t i = 0;
  if (step_a != 0 && step_b != 0) {
    for (; i + lanes<T, A> <= count; i += lanes<T, A>) simd::store(y + i, f(load<A>(a + i), load<A>(b + i)));
  } else if (step_a != 0) {
    const Batch<T, A> repeated(*b);
    for (; i + lanes<T, A> <= count; i += lanes<T, A>) simd::store(y + i, f(load<A>(a + i), repeated));
  } else {
    const Batch<T, A> repeated(*a);
    for (; i + lanes<T, A> <= count; i += lanes<T, A>) simd::store(y + i, f(repeated, load<A>(b + i * step_b)));
  }
  for (; i < count; ++i) simd::store(y + i, f(load<Scalar>(a + i * step_a), load<Scalar>(b + i * step_b)));
}

}  // namespace tfl::simd
