#pragma once
// Every op, compiled in a file of its own (all_ops.cpp), so that tests that only run models compile fast.

#include <span>

#include "tfl/core/parallel.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl::test {

std::span<const OpEntry> all_entries();

/// Stands for AllOps (and TFLite_Detection_PostProcess) as an interpreter's registry.
struct PrecompiledOps {
  template <class A, Executor E> static std::span<const OpEntry> entries() {
    static_assert(std::is_same_v<A, simd::NativeArch> && std::is_same_v<E, SerialExecutor>);
    return all_entries();
  }
};
using AnyInterpreter = Interpreter<PrecompiledOps>;

}  // namespace tfl::test
