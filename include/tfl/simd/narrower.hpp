#pragma once
// The next narrower vectors that a program compiled for an architecture has: for rows shorter than one of its own.

#include "tfl/simd/arch.hpp"

namespace tfl::simd {

namespace detail {
template <class A> struct NarrowerOf { using type = Scalar; };
#if defined(__SSE4_1__)
template <> struct NarrowerOf<Avx2> { using type = Sse41; };
template <> struct NarrowerOf<AvxVnni> { using type = Sse41; };
#endif
#if defined(__AVX2__) && defined(__FMA__)
template <> struct NarrowerOf<Avx512> { using type = Avx2; };
template <> struct NarrowerOf<Avx512Vnni> { using type = Avx2; };
template <> struct NarrowerOf<Avx512Amx> { using type = Avx2; };
#endif
}  // namespace detail

/// Avx512 (with or without more) -> Avx2 -> Sse41 -> Scalar, Neon -> Scalar.
template <class A> using Narrower = typename detail::NarrowerOf<A>::type;

}  // namespace tfl::simd
