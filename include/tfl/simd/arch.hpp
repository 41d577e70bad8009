#pragma once
// Architecture tags. Every helper that a kernel reaches takes one as template parameter, so that code compiled for several
// processors can live in one program.

#include <type_traits>

namespace tfl::simd {

struct Scalar {};
struct Sse41 {};
struct Avx2 {};            // with FMA
struct AvxVnni : Avx2 {};  // dot products of bytes in the 256-bit encoding
struct Avx512 {};          // F, BW, DQ, VL
struct Avx512Vnni : Avx512 {};
struct Avx512Amx : Avx512Vnni {};  // tiles of bytes
struct Neon {};                    // 64-bit Arm
struct NeonDotprod : Neon {};
struct NeonI8mm : NeonDotprod {};  // products of 2 x 8 and 8 x 2 bytes
// Microcontrollers: ops that have a compact kernel (kernels/compact.hpp) run that one, all others the scalar one.
struct CortexM {};               // Thumb-2, and every other processor that wants compact kernels
struct CortexMDsp : CortexM {};  // pairs of 16-bit products
struct Helium : CortexMDsp {};   // vectors of 128 bits

/// Whether ops run their compact kernels, where they have one.
template <class A> inline constexpr bool is_compact = std::is_base_of_v<CortexM, A>;
/// The architecture of kernels that have no compact form.
template <class A> using Plain = std::conditional_t<is_compact<A>, Scalar, A>;

#if defined(TFL_HEADER_ONLY_SCALAR)
using NativeArch = Scalar;
#elif defined(__AMX_INT8__) && defined(__AMX_TILE__) && defined(__AVX512VNNI__) && defined(__AVX512F__) && defined(__AVX512BW__) && \
    defined(__AVX512DQ__) && defined(__AVX512VL__)
using NativeArch = Avx512Amx;
#elif defined(__AVX512VNNI__) && defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
using NativeArch = Avx512Vnni;
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
using NativeArch = Avx512;
#elif defined(__AVXVNNI__) && defined(__AVX2__) && defined(__FMA__)
using NativeArch = AvxVnni;
#elif defined(__AVX2__) && defined(__FMA__)
using NativeArch = Avx2;
#elif defined(__SSE4_1__)
using NativeArch = Sse41;
#elif defined(__aarch64__) && defined(__ARM_FEATURE_MATMUL_INT8) && defined(__ARM_FEATURE_DOTPROD)
using NativeArch = NeonI8mm;
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
using NativeArch = NeonDotprod;
#elif defined(__aarch64__)
using NativeArch = Neon;
#elif defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
using NativeArch = Helium;
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && defined(__ARM_FEATURE_DSP)
using NativeArch = CortexMDsp;
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && defined(__thumb2__)
using NativeArch = CortexM;
#else
using NativeArch = Scalar;
#endif

/// "avx512vnni": for people and for file names.
constexpr const char* name_of(Scalar) { return "scalar"; }
constexpr const char* name_of(Sse41) { return "sse4.1"; }
constexpr const char* name_of(Avx2) { return "avx2"; }
constexpr const char* name_of(AvxVnni) { return "avxvnni"; }
constexpr const char* name_of(Avx512) { return "avx512"; }
constexpr const char* name_of(Avx512Vnni) { return "avx512vnni"; }
constexpr const char* name_of(Avx512Amx) { return "avx512amx"; }
constexpr const char* name_of(Neon) { return "neon"; }
constexpr const char* name_of(NeonDotprod) { return "dotprod"; }
constexpr const char* name_of(NeonI8mm) { return "i8mm"; }
constexpr const char* name_of(CortexM) { return "cortex-m"; }
constexpr const char* name_of(CortexMDsp) { return "cortex-m-dsp"; }
constexpr const char* name_of(Helium) { return "helium"; }

}  // namespace tfl::simd
