#include "tfl/core/memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace {

using tfl::Array;
using tfl::heap_allocator;

static_assert(tfl::align_up(0, 16) == 0 && tfl::align_up(1, 16) == 16 && tfl::align_up(16, 16) == 16 && tfl::align_up(17, 16) == 32);

/// Counts blocks and bytes that are out.
struct Ledger {
  int blocks = 0;
  std::size_t bytes = 0;
  bool refuse = false;
  tfl::Allocator allocator() {
    return {[](void* context, std::size_t bytes) -> void* {
              auto& self = *static_cast<Ledger*>(context);
              if (self.refuse) return nullptr;
              ++self.blocks;
              self.bytes += bytes;
              return heap_allocator().allocate(nullptr, bytes);
            },
            [](void* context, void* block, std::size_t bytes) {
              auto& self = *static_cast<Ledger*>(context);
              --self.blocks;
              self.bytes -= bytes;
              heap_allocator().deallocate(nullptr, block, bytes);
            },
            this};
  }
};

TEST(Array, HasAlignedZeroedElements) {
  Array<int> array;
  ASSERT_TRUE(array.allocate(heap_allocator(), 100));
  EXPECT_EQ(array.size(), 100u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % tfl::block_alignment, 0u);
  for (const int i : array) EXPECT_EQ(i, 0);
  array[99] = 7;
  EXPECT_EQ(array.span().back(), 7);
}

TEST(Array, GivesBackWhatItTook) {
  Ledger ledger;
  {
    Array<double> a, b;
    ASSERT_TRUE(a.allocate(ledger.allocator(), 10));
    ASSERT_TRUE(a.allocate(ledger.allocator(), 20));  // the old block goes first
    EXPECT_EQ(ledger.blocks, 1);
    EXPECT_EQ(ledger.bytes, 160 + sizeof(tfl::Allocator));  // which is kept behind the elements
    ASSERT_TRUE(b.allocate(ledger.allocator(), 5));
    b = std::move(a);
    EXPECT_EQ(ledger.blocks, 1);
    EXPECT_EQ(b.size(), 20u);
    EXPECT_TRUE(a.empty());  // NOLINT: moved from is empty
    Array<double> c(std::move(b));
    EXPECT_EQ(c.size(), 20u);
    ASSERT_TRUE(c.allocate(ledger.allocator(), 0));
    EXPECT_EQ(ledger.blocks, 0);
    EXPECT_EQ(c.data(), nullptr);
  }
  EXPECT_EQ(ledger.blocks, 0);
  EXPECT_EQ(ledger.bytes, 0u);
}

TEST(Array, FailsPolitely) {
  Ledger ledger;
  Array<int> array;
  ASSERT_TRUE(array.allocate(ledger.allocator(), 3));
  ledger.refuse = true;
  EXPECT_FALSE(array.allocate(ledger.allocator(), 4));
  EXPECT_TRUE(array.empty());
  EXPECT_EQ(ledger.blocks, 0);
  // A size whose bytes no machine has, and one whose product wraps around.
  EXPECT_FALSE(array.allocate(heap_allocator(), SIZE_MAX / 2));
  EXPECT_FALSE(array.allocate(heap_allocator(), SIZE_MAX / 4 + 2));
}

TEST(Array, DestroysItsElements) {
  const auto shared = std::make_shared<int>(1);
  Array<std::shared_ptr<int>> array;
  ASSERT_TRUE(array.allocate(heap_allocator(), 4));
  for (auto& p : array) p = shared;
  EXPECT_EQ(shared.use_count(), 5);
  array.reset();
  EXPECT_EQ(shared.use_count(), 1);
}

}  // namespace
