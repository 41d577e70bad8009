#pragma once
// Version and the few macros of the library. Compiler extensions appear in this file only.

#define TFL_VERSION_MAJOR 0
#define TFL_VERSION_MINOR 1
#define TFL_VERSION_PATCH 0

#if defined(__GNUC__) || defined(__clang__)
#define TFL_ALWAYS_INLINE inline __attribute__((always_inline))
#define TFL_NOINLINE __attribute__((noinline))
#define TFL_RESTRICT __restrict__
#define TFL_PREFETCH(address) __builtin_prefetch(address, 0, 2)  // into the second cache; any address will do
#define TFL_IN_VECTOR_REGISTER(x) __asm__("" : "+w"(x))  // 64-bit Arm: the value is there, and not put together from parts of memory
#else
#define TFL_ALWAYS_INLINE inline
#define TFL_NOINLINE
#define TFL_RESTRICT
#define TFL_PREFETCH(address) static_cast<void>(address)
#define TFL_IN_VECTOR_REGISTER(x) static_cast<void>(x)
#endif

// Before a loop over registers, whose bound the compiler knows: no loop may remain.
#if defined(__clang__)
#define TFL_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define TFL_UNROLL _Pragma("GCC unroll 32")
#else
#define TFL_UNROLL
#endif

// Define TFL_HEADER_ONLY_SCALAR to compile every kernel without vector instructions (and without xsimd).

// Define TFL_NO_ERROR_TEXT to compile the sentences of errors away (codes and node numbers stay).
#if defined(TFL_NO_ERROR_TEXT)
#define TFL_ERROR_TEXT 0
#else
#define TFL_ERROR_TEXT 1
#endif
