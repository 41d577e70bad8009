// Any bytes as a file that is prepared and run, by the interpreter and by that of small programs, which has checks of its own.

#include "fuzz_targets.hpp"
#include "micro_ops.hpp"
#include "ops.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tfl::fuzz::fuzz_model<tfl::fuzz::ScalarInterpreter>({data, size});
  tfl::fuzz::fuzz_micro<tfl::fuzz::ScalarInterpreter, tfl::fuzz::AnyMicroInterpreter<&tfl::fuzz::scalar_entries>>({data, size});
  return 0;
}
