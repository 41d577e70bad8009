#pragma once
// An allocator that fails when it is told to.

#include <cstddef>
#include <new>

#include "tfl/core/memory.hpp"

namespace tfl::test {

/// Fails every request from the n-th on; counts what is out.
struct Stingy {
  int grants = 0;  // requests until the first that fails; -1: none fails
  int blocks = 0;

  Allocator allocator() {
    return {[](void* context, std::size_t bytes) -> void* {
              auto& self = *static_cast<Stingy*>(context);
              if (self.grants == 0) return nullptr;
              if (self.grants > 0) --self.grants;
              ++self.blocks;
              return ::operator new (bytes, std::align_val_t{block_alignment}, std::nothrow);
            },
            [](void* context, void* block, std::size_t) {
              --static_cast<Stingy*>(context)->blocks;
              ::operator delete (block, std::align_val_t{block_alignment});
            },
            this};
  }
};

}  // namespace tfl::test
