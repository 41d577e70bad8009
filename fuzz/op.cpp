// One node drawn from the bytes, run without vectors and with this processor's.

#include "fuzz_targets.hpp"
#include "ops.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tfl::fuzz::fuzz_op<tfl::fuzz::NativeInterpreter, tfl::fuzz::ScalarInterpreter>({data, size}, tfl::fuzz::scalar_entries());
  return 0;
}
