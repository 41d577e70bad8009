// require_cpu ARCH PROGRAM [ARGUMENT]...: runs the program where the processor has the instructions of ARCH, else exits with 77,
// which ctest reports as skipped. A program of its own, because one compiled for the missing instructions may not even reach main.

#include <unistd.h>
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include <cstdio>
#include <string_view>

namespace {

bool has(std::string_view arch) {
#if defined(__x86_64__) || defined(__i386__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (arch == "sse41") return __builtin_cpu_supports("sse4.1");
  if (arch == "avx2") return avx2;
  if (arch == "avx512") return avx512;
  if (arch == "avx512vnni") return avx512 && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long asimd_dot_product = 1ul << 20;
  if (arch == "dotprod") return (getauxval(AT_HWCAP) & asimd_dot_product) != 0;
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
