// require_cpu ARCH PROGRAM [ARGUMENT]...: runs the program where the processor has the instructions of ARCH, else exits with 77,
// which ctest reports as skipped. A program of its own, because one compiled for the missing instructions may not even reach main.

#include <unistd.h>
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <cstdio>
#include <string_view>

namespace {

#if defined(__x86_64__) || defined(__i386__)
struct CpuId {
  unsigned a = 0, b = 0, c = 0, d = 0;
};
CpuId cpu_id(unsigned leaf, unsigned part) {
  CpuId id;
  __get_cpuid_count(leaf, part, &id.a, &id.b, &id.c, &id.d);
  return id;
}
#endif

bool has(std::string_view arch) {
#if defined(__x86_64__) || defined(__i386__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (arch == "sse41") return __builtin_cpu_supports("sse4.1");
  if (arch == "avx2") return avx2;
  if (arch == "avx512") return avx512;
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (arch == "avx512vnni") return vnni;
  if (arch == "avxvnni") return avx2 && (cpu_id(7, 1).a >> 4 & 1) != 0;
  if (arch == "avx512amx") return vnni && (cpu_id(7, 0).d >> 24 & 3) == 3;  // tiles and products of bytes
#elif defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long asimd_dot_product = 1ul << 20;
  constexpr unsigned long products_of_bytes = 1ul << 13;
  if (arch == "dotprod") return (getauxval(AT_HWCAP) & asimd_dot_product) != 0;
  if (arch == "i8mm") return (getauxval(AT_HWCAP2) & products_of_bytes) != 0;
#endif
  return arch == "scalar";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: require_cpu ARCH PROGRAM [ARGUMENT]...\n", stderr);
    return 2;
  }
  if (!has(argv[1])) {
    std::printf("skipped: this processor lacks %s\n", argv[1]);
    return 77;
  }
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 2;
}
