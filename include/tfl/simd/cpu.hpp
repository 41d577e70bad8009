#pragma once
// What the processor at hand runs, and its operating system lets it: asked at start by programs that hold kernels for several
// architectures.

#include <cstdint>

#include "tfl/simd/arch.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace tfl::simd {

namespace detail {

#if defined(__x86_64__) || defined(__i386__)
struct CpuidWords {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};
inline CpuidWords cpuid(unsigned leaf, unsigned part) {
  CpuidWords words;
  if (__get_cpuid_count(leaf, part, &words.eax, &words.ebx, &words.ecx, &words.edx) == 0) return {};
  return words;
}
/// The registers that the operating system saves for a thread. Only for processors that say OSXSAVE.
inline std::uint64_t saved_registers() {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}
#endif

constexpr bool all_set(std::uint64_t word, std::uint64_t bits) { return (word & bits) == bits; }

/// Linux saves the tiles of AMX only for processes that asked for them; a process may ask again.
inline bool request_tiles() {
#if defined(__linux__) && defined(__x86_64__) && defined(SYS_arch_prctl)
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

}  // namespace detail

/// The architectures that this machine runs.
class Processor {
 public:
  static Processor detect() {
    Processor p;
#if defined(__x86_64__) || defined(__i386__)
    constexpr auto bit = [](int i) { return std::uint64_t{1} << i; };
    const detail::CpuidWords basic = detail::cpuid(1, 0), extended = detail::cpuid(7, 0);
    const bool saves = detail::all_set(basic.ecx, bit(27));  // OSXSAVE
    const std::uint64_t registers = saves ? detail::saved_registers() : 0;
    const bool ymm = detail::all_set(registers, 0x6), zmm = detail::all_set(registers, 0xe6);
    p.sse41_ = detail::all_set(basic.ecx, bit(0) | bit(9) | bit(19));  // SSE3, SSSE3, SSE4.1
    // FMA, SSE4.2, POPCNT, AVX; AVX2.
    p.avx2_ = p.sse41_ && ymm && detail::all_set(basic.ecx, bit(12) | bit(20) | bit(23) | bit(28)) && detail::all_set(extended.ebx, bit(5));
    // F, DQ, CD, BW, VL.
    p.avx512_ = p.avx2_ && zmm && detail::all_set(extended.ebx, bit(16) | bit(17) | bit(28) | bit(30) | bit(31));
    p.avx512vnni_ = p.avx512_ && detail::all_set(extended.ecx, bit(11));
    p.avxvnni_ = p.avx2_ && extended.eax >= 1 && detail::all_set(detail::cpuid(7, 1).eax, bit(4));
    // TILE, INT8; the registers of their configuration and of their data; VBMI, which all that have tiles have.
    p.avx512amx_ = p.avx512vnni_ && detail::all_set(registers, bit(17) | bit(18)) && detail::all_set(extended.edx, bit(24) | bit(25)) &&
                   detail::all_set(extended.ecx, bit(1));
#elif defined(__aarch64__) && defined(__linux__)
    p.neon_ = true;
    p.dotprod_ = detail::all_set(getauxval(AT_HWCAP), 1ul << 20);              // ASIMDDP
    p.i8mm_ = p.dotprod_ && detail::all_set(getauxval(AT_HWCAP2), 1ul << 13);  // I8MM
#elif defined(__aarch64__)
    p.neon_ = true;
#if defined(__ARM_FEATURE_DOTPROD)
    p.dotprod_ = true;
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
    p.i8mm_ = p.dotprod_;
#endif
#endif
    return p;
  }

  bool runs(Scalar) const { return true; }
  bool runs(Sse41) const { return sse41_; }
  bool runs(Avx2) const { return avx2_; }
  bool runs(AvxVnni) const { return avxvnni_; }
  bool runs(Avx512) const { return avx512_; }
  bool runs(Avx512Vnni) const { return avx512vnni_; }
  bool runs(Avx512Amx) const { return avx512amx_ && detail::request_tiles(); }  // asks for them where it can
  bool runs(Neon) const { return neon_; }
  bool runs(NeonDotprod) const { return dotprod_; }
  bool runs(NeonI8mm) const { return i8mm_; }

 private:
  bool sse41_ = false, avx2_ = false, avxvnni_ = false, avx512_ = false, avx512vnni_ = false, avx512amx_ = false;
  bool neon_ = false, dotprod_ = false, i8mm_ = false;
};

/// Of two architectures that a machine runs, the one with the higher number has the faster kernels.
constexpr int preference(Scalar) { return 0; }
constexpr int preference(Sse41) { return 1; }
constexpr int preference(Avx2) { return 2; }
constexpr int preference(AvxVnni) { return 3; }
constexpr int preference(Avx512) { return 4; }
constexpr int preference(Avx512Vnni) { return 5; }
constexpr int preference(Avx512Amx) { return 6; }
constexpr int preference(Neon) { return 1; }
constexpr int preference(NeonDotprod) { return 2; }
constexpr int preference(NeonI8mm) { return 3; }

}  // namespace tfl::simd
