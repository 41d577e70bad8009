#pragma once
// Which tensors share bytes of the arena: lifetimes, in-place takeovers, then offsets from the planner.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/core/memory.hpp"
#include "tfl/runtime/planner.hpp"

namespace tfl {

/// Filled in this order: start, touch each use, hold each tensor, share, scratch, finish. Calls that allocate answer false where
/// memory lacks.
class MemoryPlan {
 public:
  [[nodiscard]] bool start(Allocator allocator, std::size_t tensors, std::size_t scratch_blocks) {
    count_ = 0;
    allocator_ = allocator;
    if (!uses_.allocate(allocator, tensors) || !block_of_.allocate(allocator, tensors) ||
        !blocks_.allocate(allocator, tensors + scratch_blocks)) {
      return false;
    }
    for (std::int32_t& block : block_of_) block = -1;
    return true;
  }

  /// The tensor is written or read at this step.
  void touch(std::size_t tensor, int step) {
    if (step < uses_[tensor].first) uses_[tensor].first = step;
    if (step > uses_[tensor].last) uses_[tensor].last = step;
  }
  bool is_touched(std::size_t tensor) const { return uses_[tensor].last >= uses_[tensor].first; }

  /// A block of its own for a touched tensor.
  void hold(std::size_t tensor, std::size_t bytes) {
    block_of_[tensor] = static_cast<std::int32_t>(count_);
    blocks_[count_++] = {bytes, uses_[tensor].first, uses_[tensor].last};
  }
  bool is_held(std::size_t tensor) const { return block_of_[tensor] >= 0; }

  /// The most bytes of the blocks so far that are in use at one step.
  std::size_t largest_live_set() const { return tfl::largest_live_set({blocks_.data(), count_}); }

  /// Lets `output` live in the block of `input`, which has as many bytes. A kernel that overwrites at `step` must be the last reader
  /// of everything in that block; a view changes nothing. False where they cannot share.
  bool share(std::size_t output, std::size_t input, int step, bool overwrites) {
    if (!is_held(output) || !is_held(input) || block_of_[output] == block_of_[input]) return false;
    Allocation& from = blocks_[static_cast<std::size_t>(block_of_[output])];
    Allocation& to = blocks_[static_cast<std::size_t>(block_of_[input])];
    if (from.bytes != to.bytes || (overwrites && to.last > step)) return false;
    if (from.first < to.first) to.first = from.first;
    if (from.last > to.last) to.last = from.last;
    from.bytes = 0;
    block_of_[output] = block_of_[input];
    return true;
  }

  /// A block that is in use at one step only; the number is for offset_of_block().
  int add_scratch(std::size_t bytes, int step) {
    blocks_[count_] = {bytes, step, step};
    return static_cast<int>(count_++);
  }

  /// Gives every block its offset. Afterwards only offsets and the size are asked for.
  [[nodiscard]] bool finish() {
    Array<std::uint32_t> order, placed;
    if (!order.allocate(allocator_, count_) || !placed.allocate(allocator_, count_)) return false;
    arena_bytes_ = plan_arena({blocks_.data(), count_}, order.span(), placed.span());
    uses_.reset();
    return true;
  }
  std::size_t arena_bytes() const { return arena_bytes_; }
  std::size_t offset_of_block(int block) const { return blocks_[static_cast<std::size_t>(block)].offset; }
  /// Requires is_held(tensor).
  std::size_t offset_of(std::size_t tensor) const { return offset_of_block(block_of_[tensor]); }

 private:
  struct Uses {
    int first = std::numeric_limits<int>::max(), last = -1;
  };
  Allocator allocator_{};
  Array<Uses> uses_;
  Array<std::int32_t> block_of_;
  Array<Allocation> blocks_;
  std::size_t count_ = 0, arena_bytes_ = 0;
};

}  // namespace tfl
