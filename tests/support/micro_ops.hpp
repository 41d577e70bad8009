#pragma once
// MicroInterpreter with every op that it can run, from the entries that other tests compile anyway.

#include "fuzz/micro_ops.hpp"
#include "support/all_ops.hpp"

namespace tfl::test {

using AnyMicroInterpreter = fuzz::AnyMicroInterpreter<&all_entries>;

}  // namespace tfl::test
