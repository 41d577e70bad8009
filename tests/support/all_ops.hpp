#pragma once
// Every op, compiled in a file of its own (all_ops.cpp), so that tests that only run models compile fast.

#include <span>

#include "tfl/core/parallel.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/precompiled_ops.hpp"

namespace tfl::test {

/// AllOps, and the custom ops beside them.
std::span<const OpEntry> all_entries();

using AnyInterpreter = Interpreter<PrecompiledOps<all_entries, simd::NativeArch, SerialExecutor>>;

}  // namespace tfl::test
