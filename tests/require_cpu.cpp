// require_cpu ARCH PROGRAM [ARGUMENT]...: runs the program where the processor has the instructions of ARCH, else exits with 77,
// which ctest reports as skipped. A program of its own, because one compiled for the missing instructions may not even reach main.

#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "tfl/simd/cpu.hpp"

namespace {

namespace simd = tfl::simd;

/// The names of architectures come without dots, as in names of programs.
bool names(std::string_view word, std::string_view arch) {
  for (const char c : arch) {
    if (c == '.') continue;
    if (word.empty() || word[0] != c) return false;
    word.remove_prefix(1);
  }
  return word.empty();
}

template <class... Archs> bool is_one_of(std::string_view word, Archs... archs) {
  const simd::Processor processor = simd::Processor::detect();
  return ((names(word, simd::name_of(archs)) && processor.runs(archs)) || ...);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: require_cpu ARCH PROGRAM [ARGUMENT]...\n", stderr);
    return 2;
  }
  if (!is_one_of(argv[1], simd::Scalar{}, simd::Sse41{}, simd::Avx2{}, simd::AvxVnni{}, simd::Avx512{}, simd::Avx512Vnni{},
                 simd::Avx512Amx{}, simd::NeonDotprod{}, simd::NeonI8mm{})) {
    std::printf("skipped: this processor lacks %s\n", argv[1]);
    return 77;
  }
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 2;
}
