// Any bytes as a file that is prepared and run.

#include "fuzz_targets.hpp"
#include "ops.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tfl::fuzz::fuzz_model<tfl::fuzz::ScalarInterpreter>({data, size});
  return 0;
}
