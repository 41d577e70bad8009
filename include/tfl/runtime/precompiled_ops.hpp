#pragma once
// Ops that are compiled once, in a source file of their own, for all others of a program.

#include <span>
#include <type_traits>

#include "tfl/core/parallel.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

/// The registry of interpreters on architecture A with an executor of type E, whose entries are those that Entries() returns: a function
/// that one source file defines, as `return Ops::entries<A, E>();`. The others compile without a kernel.
template <std::span<const OpEntry> (*Entries)(), class A, Executor E> struct PrecompiledOps {
  template <class OtherA, Executor OtherE> static std::span<const OpEntry> entries() {
    static_assert(std::is_same_v<OtherA, A>, "these ops were compiled for another architecture");
    static_assert(std::is_same_v<OtherE, E>, "these ops were compiled for another executor");
    return Entries();
  }
};

}  // namespace tfl
