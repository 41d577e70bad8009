// The arena's plan: blocks that live at the same time never share a byte, and little is wasted.

#include "tfl/runtime/planner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

using tfl::Allocation;
using tfl::arena_alignment;
using tfl::largest_live_set;

std::size_t plan(std::vector<Allocation>& blocks) {
  std::vector<std::uint32_t> order(blocks.size()), placed(blocks.size());
  return tfl::plan_arena(blocks, order, placed);
}

/// "" or what is wrong with a plan.
template <class Blocks> constexpr bool is_sound(const Blocks& blocks, std::size_t total) {
  std::size_t end = 0;
  for (const Allocation& a : blocks) {
    if (a.bytes == 0) continue;
    if (a.offset % arena_alignment != 0 || a.offset + a.bytes > total) return false;
    end = std::max(end, a.offset + a.bytes);
    for (const Allocation& b : blocks) {
      if (&a == &b || b.bytes == 0 || a.last < b.first || b.last < a.first) continue;
      if (a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes) return false;
    }
  }
  return end == total;  // exact
}

TEST(Planner, NothingTakesNothing) {
  std::vector<Allocation> none;
  EXPECT_EQ(plan(none), 0u);
  std::vector<Allocation> empty{{0, 0, 5}, {0, 2, 3}};
  EXPECT_EQ(plan(empty), 0u);
  EXPECT_EQ(largest_live_set(none), 0u);
}

TEST(Planner, BlocksOfDifferentTimesShareBytes) {
  std::vector<Allocation> blocks{{100, 0, 1}, {100, 2, 3}, {100, 4, 4}};
  EXPECT_EQ(plan(blocks), 100u);
  for (const Allocation& b : blocks) EXPECT_EQ(b.offset, 0u);
}

TEST(Planner, LastStepIsInclusive) {
  std::vector<Allocation> blocks{{64, 0, 1}, {64, 1, 2}};
  EXPECT_EQ(plan(blocks), 128u);
  EXPECT_EQ(largest_live_set(blocks), 128u);
}

TEST(Planner, StepsBeforeTheFirstNodeCount) {
  std::vector<Allocation> blocks{{32, -1, -1}, {32, -1, 0}, {32, 0, 1}};
  EXPECT_EQ(plan(blocks), 64u);
  EXPECT_TRUE(is_sound(blocks, 64));
}

TEST(Planner, HolesAreFilled) {
  // A hole of 48 bytes between two long-lived blocks takes the short-lived ones one after the other.
  std::vector<Allocation> blocks{{64, 0, 9}, {48, 0, 3}, {64, 0, 9}, {48, 4, 6}, {16, 7, 9}, {32, 7, 8}};
  EXPECT_EQ(plan(blocks), 176u);
  EXPECT_TRUE(is_sound(blocks, 176));
}

TEST(Planner, OddSizesStayExact) {
  std::vector<Allocation> blocks{{1, 0, 1}, {17, 0, 1}, {3, 0, 1}};
  const std::size_t total = plan(blocks);
  EXPECT_TRUE(is_sound(blocks, total));
  EXPECT_EQ(total, 49u);  // 17 in two units, then 3 or 1 in the next, and the last byte
}

TEST(Planner, HugeBlocksDoNotOverflow) {
  const std::size_t huge = std::size_t{1} << 40;
  std::vector<Allocation> blocks{{huge, 0, 3}, {huge, 1, 2}, {huge, 3, 4}};
  EXPECT_EQ(plan(blocks), 2 * huge);
  EXPECT_TRUE(is_sound(blocks, 2 * huge));
}

TEST(Planner, RandomLifetimes) {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    const int count = 1 + static_cast<int>(random() % 60), steps = 1 + static_cast<int>(random() % 40);
    std::vector<Allocation> blocks;
    for (int i = 0; i < count; ++i) {
      const int first = static_cast<int>(random() % static_cast<unsigned>(steps)) - 1;
      const int length = static_cast<int>(random() % (random() % 4 == 0 ? 40u : 4u));
      const std::size_t bytes = random() % 8 == 0 ? 0 : 1 + random() % (random() % 5 == 0 ? 10'000 : 100);
      blocks.push_back({bytes, first, first + length});
    }
    const std::size_t total = plan(blocks);
    ASSERT_TRUE(is_sound(blocks, total)) << "round " << round;
    ASSERT_GE(total, largest_live_set(blocks));
    std::vector<Allocation> again = blocks;
    for (Allocation& b : again) b.offset = 0;
    ASSERT_EQ(plan(again), total) << "the same blocks give the same plan";
  }
}

TEST(Planner, ChainsAreTight) {
  // Layer after layer, as in most networks: at any step one input and one output. Both ends of the arena in turn would be optimal.
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<Allocation> blocks;
    const int layers = 2 + static_cast<int>(random() % 40);
    for (int i = 0; i < layers; ++i) blocks.push_back({16 * (1 + random() % 500), i - 1, i});
    const std::size_t total = plan(blocks);
    ASSERT_TRUE(is_sound(blocks, total));
    // First fit keeps interval graphs of this kind within a factor that real networks never reach; here: a half above the bound.
    EXPECT_LE(total, largest_live_set(blocks) * 3 / 2) << "round " << round;
  }
}

TEST(Planner, HourglassAndResidualNetworksAreOptimal) {
  // Sizes that fall and rise again, every second layer's input kept for a residual sum.
  std::vector<Allocation> hourglass;
  const std::size_t sizes[] = {4096, 2048, 1024, 512, 256, 512, 1024, 2048, 4096};
  for (int i = 0; i < 9; ++i) hourglass.push_back({sizes[i], i - 1, i});
  EXPECT_EQ(plan(hourglass), largest_live_set(hourglass));
  std::vector<Allocation> residual;
  for (int i = 0; i < 20; ++i) residual.push_back({1024, i, i % 2 == 0 ? i + 2 : i + 1});
  EXPECT_EQ(plan(residual), largest_live_set(residual));
}

// The same function in constant evaluation.
constexpr std::array<Allocation, 4> planned() {
  std::array<Allocation, 4> blocks{{{100, -1, 0}, {200, 0, 1}, {50, 1, 2}, {60, 2, 3}}};
  std::array<std::uint32_t, 4> order{}, placed{};
  tfl::plan_arena(blocks, order, placed);
  return blocks;
}
constexpr std::size_t planned_size() {
  std::array<Allocation, 4> blocks{{{100, -1, 0}, {200, 0, 1}, {50, 1, 2}, {60, 2, 3}}};
  std::array<std::uint32_t, 4> order{}, placed{};
  return tfl::plan_arena(blocks, order, placed);
}
static_assert(is_sound(planned(), planned_size()));
static_assert(planned_size() == 308);  // 200, rounded up to 208, and 100
static_assert(largest_live_set(planned()) == 300);

}  // namespace
