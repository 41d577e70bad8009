#pragma once
// Every op, for this processor and without vectors, each compiled once for all fuzzers.

#include <span>
#include <type_traits>

#include "tfl/core/parallel.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl::fuzz {

std::span<const OpEntry> native_entries();
std::span<const OpEntry> scalar_entries();

/// Stands for AllOps as an interpreter's registry.
template <std::span<const OpEntry> (*Entries)()> struct Ops {
  template <class A, Executor E> static std::span<const OpEntry> entries() {
    static_assert(std::is_same_v<E, SerialExecutor>);
    return Entries();
  }
};
using NativeInterpreter = Interpreter<Ops<&native_entries>>;
using ScalarInterpreter = Interpreter<Ops<&scalar_entries>>;

}  // namespace tfl::fuzz
