// Any bytes as a file that is loaded.

#include "fuzz_targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tfl::fuzz::fuzz_load({data, size});
  return 0;
}
