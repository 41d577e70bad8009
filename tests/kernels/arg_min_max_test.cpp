// ARG_MAX and ARG_MIN against a plain search, with ties, NaN and errors.
// archs: last

#include "tfl/kernels/arg_min_max.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(23);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

template <class T> bool is_nan(T x) {
  if constexpr (std::is_same_v<T, float>) return std::isnan(x);
  return false;
}

/// `make` gives a random element.
template <bool Max, class T, class Index, class Axis, class Make> void check(Make make) {
  for (int round = 0; round < 30; ++round) {
    const int rank = random_int(1, 4), axis = random_int(0, rank - 1);
    Dims shape;
    for (int i = 0; i < rank; ++i) shape.push_back(random_int(1, 6));
    shape[static_cast<std::size_t>(random_int(0, rank - 1))] = random_int(1, 200);
    std::size_t outer = 1, inner = 1;
    Dims output;
    for (int i = 0; i < rank; ++i) {
      const auto extent = static_cast<std::size_t>(shape[static_cast<std::size_t>(i)]);
      if (i < axis) outer *= extent;
      if (i > axis) inner *= extent;
      if (i != axis) output.push_back(static_cast<std::int32_t>(extent));
    }
    const auto extent = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
    std::vector<T> values(outer * extent * inner);
    for (T& v : values) v = make();
    std::vector<Index> wanted;
    for (std::size_t o = 0; o < outer; ++o) {
      for (std::size_t i = 0; i < inner; ++i) {
        std::size_t best = 0;
        for (std::size_t a = 1; a < extent; ++a) {
          const T x = values[(o * extent + a) * inner + i], y = values[(o * extent + best) * inner + i];
          const bool better = Max ? x > y : x < y;
          if (!is_nan(x) && (is_nan(y) || better)) best = a;
        }
        wanted.push_back(static_cast<Index>(best));
      }
    }
    SingleOp<tfl::ArgMinMax<Max>> op;
    op.template input<T>(shape, values);
    const auto written = static_cast<Axis>(round % 2 == 0 ? axis : axis - rank);
    if (round % 3 == 0) {
      op.template input<Axis>({1}, {written});
    } else {
      op.template constant<Axis>({1}, {written});
    }
    op.template output<Index>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(output));
    ASSERT_EQ(op.template values<Index>(), wanted) << "axis " << axis << " of " << rank << ", round " << round;
  }
}

TEST(ArgMinMax, FindTheFirstOfTheBest) {
  const auto number = [] { return static_cast<float>(random_int(-9, 9)); };
  check<true, float, std::int32_t, std::int32_t>(number);
  check<false, float, std::int64_t, std::int64_t>(number);
  const auto byte = [] { return static_cast<std::int8_t>(random_int(-128, 127)); };
  check<true, std::int8_t, std::int32_t, std::int64_t>(byte);
  check<false, std::int8_t, std::int64_t, std::int32_t>(byte);
  const auto few = [] { return static_cast<std::uint8_t>(random_int(254, 255)); };
  check<true, std::uint8_t, std::int32_t, std::int32_t>(few);
  check<false, std::uint8_t, std::int32_t, std::int32_t>(few);
  const auto word = [] { return static_cast<std::int16_t>(random_int(-32768, 32767)); };
  check<true, std::int16_t, std::int32_t, std::int32_t>(word);
  const auto any = [] { return static_cast<std::int32_t>(random_engine()); };
  check<true, std::int32_t, std::int32_t, std::int32_t>(any);
  check<false, std::int32_t, std::int64_t, std::int32_t>(any);
}

TEST(ArgMinMax, NanLoses) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const auto mixed = [] { return random_int(0, 2) == 0 ? static_cast<float>(random_int(-3, 3)) : nan; };
  check<true, float, std::int32_t, std::int32_t>(mixed);
  check<false, float, std::int32_t, std::int32_t>(mixed);
  check<true, float, std::int32_t, std::int32_t>([] { return nan; });
  check<true, float, std::int32_t, std::int32_t>([] { return -std::numeric_limits<float>::infinity(); });
}

TEST(ArgMinMax, EveryByteButZeroIsTrue) {
  std::vector<tfl::Boolean> values(100);
  for (std::size_t i = 0; i < 100; ++i) values[i].byte = static_cast<std::uint8_t>(i + 1);
  values[70].byte = 0;
  SingleOp<tfl::ArgMin> least;
  least.input<tfl::Boolean>({100}, values);
  least.constant<std::int32_t>({1}, {0});
  least.output<std::int32_t>();
  ASSERT_EQ(least.run(), "");
  EXPECT_EQ(least.values<std::int32_t>(), std::vector<std::int32_t>{70});
  SingleOp<tfl::ArgMax> most;
  most.input<tfl::Boolean>({2, 50}, values);
  most.constant<std::int32_t>({1}, {0});
  most.output<std::int32_t>();
  ASSERT_EQ(most.run(), "");
  EXPECT_EQ(most.values<std::int32_t>(), std::vector<std::int32_t>(50));
}

template <class Index, class Axis> std::string run(Dims shape, std::vector<Axis> axis) {
  std::size_t count = 1;
  for (const auto d : shape) count *= static_cast<std::size_t>(d);
  SingleOp<tfl::ArgMax> op;
  op.input<float>(shape, std::vector<float>(count));
  op.constant<Axis>({static_cast<std::int32_t>(axis.size())}, axis);
  op.output<Index>();
  return op.run();
}
TEST(ArgMinMax, LeadingOnes) {
  const auto search = [](std::int32_t axis) {
    SingleOp<tfl::ArgMax> op;
    Dims shape(33, 1);
    shape.back() = 2;
    op.input<std::int32_t>(shape, {1, 5});
    op.constant<std::int32_t>({1}, {axis});
    op.output<std::int32_t>();
    EXPECT_EQ(op.run(), "");
    EXPECT_EQ(op.shape().full_rank(), 32);
    return op.values<std::int32_t>();
  };
  EXPECT_EQ(search(32), (std::vector<std::int32_t>{1}));
  EXPECT_EQ(search(-1), (std::vector<std::int32_t>{1}));
  EXPECT_EQ(search(3), (std::vector<std::int32_t>{0, 0}));
}
TEST(ArgMinMax, SayWhatIsWrong) {
  using I = std::int32_t;
  EXPECT_THAT((run<I, I>({2, 3}, {2})), HasSubstr("is axis 2, which an input of 2 dimensions does not have"));
  EXPECT_THAT((run<I, I>({2, 3}, {-3})), HasSubstr("is axis -3"));
  EXPECT_THAT((run<I, I>({2, 3}, {0, 1})), HasSubstr("must hold one axis, not 2"));
  EXPECT_THAT((run<I, I>({2, 0}, {1})), HasSubstr("has no elements along axis 1"));
  EXPECT_THAT((run<I, I>({}, {0})), HasSubstr("must have at least one dimension"));
  EXPECT_THAT((run<I, float>({2, 3}, {0})), HasSubstr("must be int32 or int64"));
  EXPECT_THAT((run<float, I>({2, 3}, {0})), HasSubstr("must be int32 or int64"));
}

}  // namespace
