// Runs a fuzzer on the files that are named, or on standard input: for AFL++, and to look at a finding with any compiler.

#include <cstdint>
#include <cstdio>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {
void run(std::FILE* file) {
  std::vector<std::uint8_t> bytes;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) bytes.push_back(static_cast<std::uint8_t>(c));
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}
}  // namespace

int main(int count, char** arguments) {
  if (count == 1) run(stdin);
  for (int k = 1; k < count; ++k) {
    std::FILE* file = std::fopen(arguments[k], "rb");
    if (file == nullptr) return std::fprintf(stderr, "cannot open %s\n", arguments[k]), 1;
    run(file);
    std::fclose(file);
  }
  return 0;
}
