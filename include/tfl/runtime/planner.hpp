#pragma once
// Where everything lies in the arena. One function, for run time and for constant evaluation.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/core/memory.hpp"

namespace tfl {

/// A block of the arena and the steps (first and last, inclusive) between which nobody else may use its bytes.
struct Allocation {
  std::size_t bytes = 0;
  int first = 0, last = -1;
  std::size_t offset = 0;
};

namespace detail {

constexpr bool overlap_in_time(const Allocation& a, const Allocation& b) { return a.first <= b.last && b.first <= a.last; }

/// Puts the blocks one by one, in this order, at the lowest offset that is free for all their time. `placed` is working memory of the
/// same length: blocks in order of their offset. Returns the arena's size, or the largest number where it cannot be addressed.
constexpr std::size_t place_in_order(std::span<Allocation> blocks, std::span<const std::uint32_t> order, std::span<std::uint32_t> placed,
                                     std::size_t alignment) {
  std::size_t total = 0, count = 0;
  for (const std::uint32_t index : order) {
    Allocation& block = blocks[index];
    if (block.bytes == 0) continue;
    std::size_t offset = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Allocation& other = blocks[placed[i]];
      if (!overlap_in_time(block, other)) continue;
      if (offset + block.bytes <= other.offset) break;  // fits below, and what follows lies higher
      const std::size_t behind = align_up(other.offset + other.bytes, alignment);
      if (behind > offset) offset = behind;
    }
    if (offset > static_cast<std::size_t>(PTRDIFF_MAX) - block.bytes) return SIZE_MAX;
    block.offset = offset;
    std::size_t position = count++;
    while (position > 0 && blocks[placed[position - 1]].offset > offset) {
      placed[position] = placed[position - 1];
      --position;
    }
    placed[position] = index;
    if (offset + block.bytes > total) total = offset + block.bytes;
  }
  return total;
}

template <class Before> constexpr void sort(std::span<std::uint32_t> order, Before before) {
  // Heap sort: no recursion, no memory, and usable in constant evaluation.
  const auto sift = [&](std::size_t root, std::size_t end) {
    while (2 * root + 1 < end) {
      std::size_t child = 2 * root + 1;
      if (child + 1 < end && before(order[child], order[child + 1])) ++child;
      if (!before(order[root], order[child])) return;
      const std::uint32_t t = order[root];
      order[root] = order[child];
      order[child] = t;
      root = child;
    }
  };
  for (std::size_t i = order.size() / 2; i-- > 0;) sift(i, order.size());
  for (std::size_t end = order.size(); end-- > 1;) {
    const std::uint32_t t = order[0];
    order[0] = order[end];
    order[end] = t;
    sift(0, end);
  }
}

}  // namespace detail

/// The most bytes that are in use at one step: no plan can do with less.
constexpr std::size_t largest_live_set(std::span<const Allocation> blocks) {
  std::size_t largest = 0;
  for (const Allocation& start : blocks) {
    std::size_t live = 0;  // the maximum is reached at some block's first step
    for (const Allocation& block : blocks) {
      if (block.first <= start.first && start.first <= block.last) live += block.bytes;
    }
    if (live > largest) largest = live;
  }
  return largest;
}

/// Gives every block its offset, a multiple of `alignment`, and returns the arena's exact size (SIZE_MAX: it cannot be addressed; blocks
/// must be). Several greedy orders are tried
/// and the best is kept; `order` and `placed` are working memory, as long as `blocks`.
constexpr std::size_t plan_arena(std::span<Allocation> blocks, std::span<std::uint32_t> order, std::span<std::uint32_t> placed,
                                 std::size_t alignment = arena_alignment) {
  const auto area = [&](std::uint32_t i) { return blocks[i].bytes * static_cast<std::size_t>(blocks[i].last - blocks[i].first + 1); };
  const auto by_strategy = [&](int strategy) {
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    detail::sort(order, [&](std::uint32_t a, std::uint32_t b) {
      const Allocation &x = blocks[a], &y = blocks[b];
      switch (strategy) {
        case 0:  // large first
          if (x.bytes != y.bytes) return x.bytes > y.bytes;
          break;
        case 1:  // in order of time, large first
          if (x.first != y.first) return x.first < y.first;
          if (x.bytes != y.bytes) return x.bytes > y.bytes;
          break;
        case 2:  // those that block most space for most time
          if (area(a) != area(b)) return area(a) > area(b);
          break;
        default:  // long-lived first, then large
          if (x.last - x.first != y.last - y.first) return x.last - x.first > y.last - y.first;
          if (x.bytes != y.bytes) return x.bytes > y.bytes;
          break;
      }
      return a < b;
    });
    return detail::place_in_order(blocks, order, placed, alignment);
  };
  int best = 0;
  std::size_t least = by_strategy(0);
  for (int strategy = 1; strategy < 4; ++strategy) {
    const std::size_t total = by_strategy(strategy);
    if (total < least) {
      least = total;
      best = strategy;
    }
  }
  return by_strategy(best);
}

}  // namespace tfl
