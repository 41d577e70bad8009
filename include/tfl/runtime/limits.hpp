#pragma once
// What a model may take of the machine, whatever it says.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/shape.hpp"

namespace tfl {

/// Bounds for one interpreter. The defaults let every honest model through; a program that runs models of strangers lowers them.
struct Limits {
  /// Bytes that it holds at once: tables, arena, tensors outside of it. Packed weights belong to the Model: they count while they are made.
  std::size_t memory = sizeof(std::size_t) > 4 ? std::size_t{1} << 34 : std::size_t{1} << 30;
  /// Nodes that all called subgraphs together run in one invoke().
  std::int64_t steps = 1'000'000'000;
  /// How often nodes may call other subgraphs in one invoke() or allocate(), all of them together. A turn of a WHILE takes two: what ends a
  /// loop without an end.
  std::int64_t calls = 1'000'000;
  /// How deep calls may nest, 32 at most. A subgraph never calls itself.
  int depth = 32;
  /// Tensors of a subgraph, and nodes.
  std::size_t tensors = 1'000'000;
  /// Dimensions of a tensor.
  int rank = max_rank;
};

/// Stops a running invoke() from another thread: the nodes that are left don't run. Stays set until it is cleared.
using CancelFlag = std::atomic<bool>;

namespace detail {

/// Passes requests on to another allocator until they exceed a sum. Its address stays when its owner moves, as blocks remember it.
class MemoryBudget {
 public:
  MemoryBudget() = default;
  MemoryBudget(MemoryBudget&& other) noexcept { *this = std::move(other); }
  // Swaps: what the old budget gave may be given back after this.
  MemoryBudget& operator=(MemoryBudget&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~MemoryBudget() {
    if (state_ == nullptr) return;
    const Allocator from = state_->from;
    from.deallocate(from.context, state_, sizeof(State));
  }

  /// False where there is no memory for the budget itself. Once.
  [[nodiscard]] bool open(Allocator from, std::size_t bytes) {
    void* room = from.allocate(from.context, sizeof(State));
    if (room != nullptr) state_ = std::construct_at(static_cast<State*>(room), from, bytes);
    return room != nullptr;
  }
  Allocator allocator() const {
    return {[](void* context, std::size_t bytes) -> void* {
              State& s = *static_cast<State*>(context);
              if (bytes > s.left) return nullptr;
              void* block = s.from.allocate(s.from.context, bytes);
              if (block != nullptr) s.left -= bytes;
              return block;
            },
            [](void* context, void* block, std::size_t bytes) {
              State& s = *static_cast<State*>(context);
              s.left += bytes;
              s.from.deallocate(s.from.context, block, bytes);
            },
            state_};
  }

 private:
  struct State {
    State(Allocator allocator, std::size_t bytes) : from(allocator), left(bytes) {}
    Allocator from;
    std::size_t left;
  };
  State* state_ = nullptr;
};

}  // namespace detail
}  // namespace tfl
