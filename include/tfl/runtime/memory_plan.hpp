#pragma once
// Which tensors share bytes of the arena: lifetimes, in-place takeovers, parts of a whole, then offsets from the planner.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/core/memory.hpp"
#include "tfl/runtime/planner.hpp"

namespace tfl {

/// Filled in this order: start, touch each use, hold each tensor; then begin, share and place, scratch, finish, as often as there are
/// plans to try: the last one counts. Calls that allocate answer false where memory lacks.
class MemoryPlan {
 public:
  [[nodiscard]] bool start(Allocator allocator, std::size_t tensors, std::size_t scratch_blocks) {
    count_ = 0;
    return uses_.allocate(allocator, tensors) && places_.allocate(allocator, tensors) &&
           blocks_.allocate(allocator, tensors + scratch_blocks) && order_.allocate(allocator, tensors + scratch_blocks) &&
           placed_.allocate(allocator, tensors + scratch_blocks);
  }

  /// The tensor is written or read at this step.
  void touch(std::size_t tensor, int step) {
    if (step < uses_[tensor].first) uses_[tensor].first = step;
    if (step > uses_[tensor].last) uses_[tensor].last = step;
  }
  bool is_touched(std::size_t tensor) const { return uses_[tensor].last >= uses_[tensor].first; }

  /// Wants bytes for a touched tensor. Callers see the address of those that are `exposed`.
  void hold(std::size_t tensor, std::size_t bytes, bool exposed) {
    uses_[tensor].bytes = bytes;
    uses_[tensor].held = true;
    uses_[tensor].exposed = exposed;
  }
  bool is_held(std::size_t tensor) const { return places_[tensor].block >= 0; }

  /// A new plan, in which every held tensor has a block of its own.
  void begin() {
    count_ = 0;
    for (std::size_t t = 0; t < uses_.size(); ++t) {
      places_[t] = {uses_[t].held ? static_cast<std::int32_t>(count_) : -1, 0};
      if (uses_[t].held) blocks_[count_++] = {uses_[t].bytes, uses_[t].first, uses_[t].last};
    }
  }

  /// The most bytes of the blocks so far that are in use at one step.
  std::size_t largest_live_set() const { return tfl::largest_live_set({blocks_.data(), count_}); }

  /// Lets `output`, which has a block of its own, live where `input` does, which has as many bytes. A kernel that overwrites at `step`
  /// must be the last reader of all these bytes; a view changes nothing. False where they cannot share.
  bool share(std::size_t output, std::size_t input, int step, bool overwrites) {
    if (!is_held(output) || !is_held(input) || uses_[output].bytes != uses_[input].bytes) return false;
    return (!overwrites || may_overwrite(input, step)) && place(output, input, 0);
  }

  /// Lets `part`, which has a block of its own or fills one, live inside of `whole`, `offset` bytes behind its start. Requires that
  /// both hold the same bytes from the step on at which both are alive. False where it is not possible.
  bool place(std::size_t part, std::size_t whole, std::size_t offset) {
    if (!is_held(part) || !is_held(whole)) return false;
    const std::int32_t from_block = places_[part].block, to_block = places_[whole].block;
    Allocation& from = blocks_[static_cast<std::size_t>(from_block)];
    Allocation& to = blocks_[static_cast<std::size_t>(to_block)];
    const std::size_t base = places_[whole].offset + offset;
    if (from_block == to_block || places_[part].offset != 0 || from.bytes != uses_[part].bytes || base + from.bytes > to.bytes)
      return false;
    for (std::size_t t = 0; t < places_.size(); ++t) {
      if (places_[t].block == from_block && uses_[t].exposed && (places_[t].offset + base) % arena_alignment != 0) return false;
    }
    for (Place& p : places_) {
      if (p.block == from_block) p = {to_block, p.offset + base};
    }
    if (from.first < to.first) to.first = from.first;
    if (from.last > to.last) to.last = from.last;
    from.bytes = 0;
    return true;
  }

  /// A block that is in use at one step only; the number is for offset_of_block().
  int add_scratch(std::size_t bytes, int step) {
    blocks_[count_] = {bytes, step, step};
    return static_cast<int>(count_++);
  }

  /// Gives every block its offset; returns the arena's size.
  std::size_t finish() {
    arena_bytes_ = plan_arena({blocks_.data(), count_}, {order_.data(), count_}, {placed_.data(), count_});
    return arena_bytes_;
  }
  /// Afterwards only offsets and the size are asked for.
  void release() {
    uses_.reset();
    order_.reset();
    placed_.reset();
  }
  std::size_t arena_bytes() const { return arena_bytes_; }
  std::size_t offset_of_block(int block) const { return blocks_[static_cast<std::size_t>(block)].offset; }
  /// Requires is_held(tensor).
  std::size_t offset_of(std::size_t tensor) const { return offset_of_block(places_[tensor].block) + places_[tensor].offset; }

 private:
  struct Uses {
    int first = std::numeric_limits<int>::max(), last = -1;
    std::size_t bytes = 0;
    bool held = false, exposed = false;
  };
  struct Place {
    std::int32_t block = -1;
    std::size_t offset = 0;  // in the block
  };

  /// Whether nobody reads any of the tensor's bytes after `step`. One that only overlaps must not even be read at it: a kernel
  /// goes through equal ranges in step, not through others.
  bool may_overwrite(std::size_t tensor, int step) const {
    const Place& at = places_[tensor];
    const std::size_t bytes = uses_[tensor].bytes;
    for (std::size_t t = 0; t < places_.size(); ++t) {
      const Place& p = places_[t];
      if (p.block != at.block || p.offset >= at.offset + bytes || at.offset >= p.offset + uses_[t].bytes) continue;
      const bool same = p.offset == at.offset && uses_[t].bytes == bytes;
      if (uses_[t].last > (same ? step : step - 1)) return false;
    }
    return true;
  }

  Array<Uses> uses_;
  Array<Place> places_;
  Array<Allocation> blocks_;
  Array<std::uint32_t> order_, placed_;
  std::size_t count_ = 0, arena_bytes_ = 0;
};

}  // namespace tfl
