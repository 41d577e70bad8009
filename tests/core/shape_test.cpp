#include "tfl/core/shape.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace {

using tfl::Extents;
using tfl::Fold;
using tfl::Shape;

constexpr std::int32_t highest = std::numeric_limits<std::int32_t>::max();

static_assert(Shape{}.rank() == 0 && Shape{}.count() == 1 && Shape{}.last() == 1);
static_assert(Shape{2, 3, 4}.count() == 24 && Shape{2, 3, 4}.count(1, 3) == 12 && Shape{2, 3, 4}.count(1, 1) == 1);
static_assert(Shape{2, 3} == Shape{2, 3} && !(Shape{2, 3} == Shape{3, 2}) && !(Shape{2} == Shape{2, 1}));
static_assert(Shape::of_rank(3, 7) == Shape{7, 7, 7});

// The product, or -1.
static_assert(Shape{}.checked_count() == 1);
static_assert(Shape{0, 5}.checked_count() == 0);
static_assert(Shape{highest}.checked_count() == highest);
static_assert(Shape{highest, 1, 1}.checked_count() == highest);
static_assert(Shape{highest, 2}.checked_count() == -1);
static_assert(Shape{65536, 32767}.checked_count() == 65536 * std::int64_t{32767});
static_assert(Shape{65536, 32768}.checked_count() == -1);
static_assert(Shape{1 << 30, 1 << 30, 1 << 30, 1 << 30}.checked_count() == -1);  // also beyond 64 bits
static_assert(Shape{-1}.checked_count() == -1);
static_assert(Shape{0, -1}.checked_count() == -1);
static_assert(Shape{-2, -3}.checked_count() == -1);
static_assert(Shape{0, highest, highest}.checked_count() == -1);  // what is left without the 0 must be indexable as well

TEST(Shape, KeepsEightDimensions) {
  const Shape shape = Shape::from(std::vector<std::int32_t>{2, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_EQ(shape.rank(), 8);
  EXPECT_EQ(shape[7], 8);
  EXPECT_EQ(shape.dims().size(), 8u);
}

TEST(Shape, IsChangedInPlace) {
  Shape shape{1, 2};
  shape[1] = 9;
  shape.push_back(4);
  EXPECT_EQ(shape, (Shape{1, 9, 4}));
  EXPECT_EQ(shape.last(), 4);
}

// Extents: static ones take no room.
static_assert(Extents<2, 3>::is_static && Extents<2, 3>{}.count() == 6);
static_assert(!Extents<2, tfl::dynamic_extent>::is_static);
static_assert(Extents<2, tfl::dynamic_extent>(Shape{2, 5}).extent(1) == 5);
static_assert(Extents<2, tfl::dynamic_extent>(Shape{2, 5}).count() == 10);
static_assert(tfl::DynamicExtents<4>(Shape{1, 2, 3, 4}).extent(2) == 3);
static_assert(std::is_empty_v<Extents<2, 3>>);

// Folds keep the number of elements.
static_assert(fold(Fold::flat, Shape{2, 3, 4}) == Shape{24});
static_assert(fold(Fold::flat, Shape{}) == Shape{1});
static_assert(fold(Fold::rows, Shape{2, 3, 4}) == Shape{6, 4});
static_assert(fold(Fold::rows, Shape{}) == Shape{1, 1});
static_assert(fold(Fold::rows, Shape{3, 0}) == Shape{0, 0});
static_assert(fold(Fold::rows, Shape{0, 3}) == Shape{0, 3});
static_assert(fold(Fold::nhwc, Shape{5, 6}) == Shape{1, 1, 5, 6});
static_assert(fold(Fold::nhwc, Shape{}) == Shape{1, 1, 1, 1});
static_assert(fold(Fold::nhwc, Shape{2, 3, 4, 5}) == Shape{2, 3, 4, 5});
static_assert(tfl::rank_of(Fold::flat) == 1 && tfl::rank_of(Fold::rows) == 2 && tfl::rank_of(Fold::nhwc) == 4);

// Ones before the last 8 dimensions are counted, and nothing else of them is kept.
constexpr Shape nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
static_assert(nine.rank() == 8 && nine.leading_ones() == 1 && nine.full_rank() == 9 && nine[0] == 2 && nine.last() == 9);
static_assert(nine == [] {
  Shape shape{2, 3, 4, 5, 6, 7, 8, 9};
  shape.add_leading_ones(1);
  return shape;
}());
static_assert(!(nine == Shape{2, 3, 4, 5, 6, 7, 8, 9}));
static_assert([] {
  Shape shape{5};
  shape.add_leading_ones(9);
  return shape == Shape{1, 1, 1, 1, 1, 1, 1, 1, 1, 5} && shape.full_rank() == 10 && shape.leading_ones() == 2;
}());
constexpr std::int32_t too_many[] = {2, 1, 1, 1, 1, 1, 1, 1, 1};
static_assert(!Shape::can_hold(too_many) && Shape::can_hold(std::span(too_many).subspan(1)));

}  // namespace
