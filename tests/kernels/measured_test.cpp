// archs: none
// WHERE, UNIQUE and RANGE: outputs that are as long as the data says.

#include "tfl/kernels/measured.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "support/single_op.hpp"

namespace {

using tfl::Shape;
using tfl::test::SingleOp;

template <class T> std::vector<std::int64_t> coordinates(const std::vector<T>& values, const std::vector<std::int32_t>& shape) {
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == T{}) continue;
    std::vector<std::int64_t> at(shape.size());
    std::size_t rest = i;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      at[axis] = static_cast<std::int64_t>(rest) % shape[axis];
      rest /= static_cast<std::size_t>(shape[axis]);
    }
    found.insert(found.end(), at.begin(), at.end());
  }
  return found;
}

template <class T> void where_finds(const std::vector<std::int32_t>& shape, bool constant) {
  std::mt19937 random(7);
  std::size_t count = 1;
  for (const auto d : shape) count *= static_cast<std::size_t>(d);
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(random() % 3 == 0 ? 1 + random() % 100 : 0);
  SingleOp<tfl::Where> op;
  if (constant) {
    op.constant<T>(shape, values);
  } else {
    op.input<T>(shape, values);
  }
  op.output<std::int64_t>();
  ASSERT_EQ(op.run(), "");
  const auto want = coordinates(values, shape);
  EXPECT_EQ(op.values<std::int64_t>(), want);
  EXPECT_EQ(op.shape(), (Shape{static_cast<std::int32_t>(want.size() / shape.size()), static_cast<std::int32_t>(shape.size())}));
  ASSERT_EQ(op.invoke_again(), "");
  EXPECT_EQ(op.values<std::int64_t>(), want);
}

TEST(Where, FindsCoordinatesInEveryShapeAndType) {
  for (const bool constant : {false, true}) {
    where_finds<float>({3, 5}, constant);
    where_finds<double>({7}, constant);
    where_finds<std::int8_t>({2, 3, 4}, constant);
    where_finds<std::uint8_t>({2, 1, 3, 2, 1, 2, 2, 3}, constant);
    where_finds<std::int16_t>({1}, constant);
    where_finds<std::uint16_t>({9, 9}, constant);
    where_finds<std::int32_t>({4, 4}, constant);
    where_finds<std::uint32_t>({4, 4}, constant);
    where_finds<std::int64_t>({64}, constant);
    where_finds<std::uint64_t>({5, 2}, constant);
  }
  where_finds<float>({0, 3}, false);
}

TEST(Where, ZerosOfBothSignsAreFalseAndNaNIsTrue) {
  SingleOp<tfl::Where> op;
  op.input<float>({4}, {0.0f, -0.0f, std::nanf(""), 1e-40f});
  op.output<std::int64_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int64_t>(), (std::vector<std::int64_t>{2, 3}));
}

TEST(Where, RefusesScalarsAndOtherTypes) {
  SingleOp<tfl::Where> scalar;
  scalar.input<float>({}, {1});
  scalar.output<std::int64_t>();
  EXPECT_NE(scalar.run().find("must have 1 to 8 dimensions, not 0"), std::string::npos);
  SingleOp<tfl::Where> narrow;
  narrow.input<float>({1}, {1});
  narrow.output<std::int32_t>();
  EXPECT_NE(narrow.run().find("must be int64"), std::string::npos);
}

template <class T, class Index> void unique_of(const std::vector<T>& values) {
  std::map<T, Index> seen;
  std::vector<T> want;
  std::vector<Index> indices;
  for (const T v : values) {
    const auto [at, is_new] = seen.emplace(v, static_cast<Index>(seen.size()));
    if (is_new) want.push_back(v);
    indices.push_back(at->second);
  }
  SingleOp<tfl::Unique> op;
  op.input<T>({static_cast<std::int32_t>(values.size())}, values);
  op.output<T>();
  op.output<Index>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<T>(0), want);
  EXPECT_EQ(op.values<Index>(1), indices);
  EXPECT_EQ(op.shape(0), (Shape{static_cast<std::int32_t>(want.size())}));
}

TEST(Unique, KeepsTheOrderOfFirstAppearance) {
  std::mt19937 random(3);
  for (const std::size_t n : {0u, 1u, 2u, 17u, 300u}) {
    std::vector<std::int32_t> values(n);
    for (auto& v : values) v = static_cast<std::int32_t>(random() % 40) - 20;
    unique_of<std::int32_t, std::int32_t>(values);
    unique_of<std::int8_t, std::int64_t>({values.begin(), values.end()});
    unique_of<std::int16_t, std::int32_t>({values.begin(), values.end()});
    unique_of<std::int64_t, std::int64_t>({values.begin(), values.end()});
    unique_of<float, std::int32_t>({values.begin(), values.end()});
  }
  unique_of<std::uint8_t, std::int32_t>({255, 0, 255, 1});
}

TEST(Unique, NaNsAreOneValue) {
  SingleOp<tfl::Unique> op;
  op.input<float>({6}, {1, std::nanf(""), -1, std::nanf("1"), 1, std::numeric_limits<float>::infinity()});
  op.output<float>();
  op.output<std::int32_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int32_t>(1), (std::vector<std::int32_t>{0, 1, 2, 1, 0, 3}));
}

template <class T> std::string range(T start, T limit, T delta, std::vector<T>& out) {
  SingleOp<tfl::Range> op;
  op.input<T>({}, {start});
  op.input<T>({}, {limit});
  op.constant<T>({}, {delta});
  op.output<T>();
  const std::string error = op.run();
  out = op.values<T>();
  return error;
}
template <class T> void range_is(T start, T limit, T delta, const std::vector<T>& want) {
  std::vector<T> out;
  ASSERT_EQ(range(start, limit, delta, out), "");
  EXPECT_EQ(out, want);
}
template <class T> void range_fails(T start, T limit, T delta, const char* rule) {
  std::vector<T> out;
  EXPECT_NE(range(start, limit, delta, out).find(rule), std::string::npos);
}

TEST(Range, CountsTowardsTheLimit) {
  range_is<std::int32_t>(0, 4, 1, {0, 1, 2, 3});
  range_is<std::int32_t>(10, 3, -3, {10, 7, 4});
  range_is<std::int32_t>(5, 5, 1, {});
  range_is<std::int64_t>(-2, 5, 7, {-2});
  range_is<float>(0, 1, 0.25f, {0, 0.25f, 0.5f, 0.75f});
  constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min(), most = std::numeric_limits<std::int32_t>::max();
  range_is<std::int32_t>(least, most, most, {least, -1, most - 1});
  range_is<std::int32_t>(most, least, least, {most, -1});
  range_is<std::int64_t>(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
                         std::numeric_limits<std::int64_t>::max(),
                         {std::numeric_limits<std::int64_t>::min(), -1, std::numeric_limits<std::int64_t>::max() - 1});
}

TEST(Range, RefusesWhatHasNoEnd) {
  range_fails<std::int32_t>(0, 5, 0, "must lead from input 0 to input 1");
  range_fails<std::int32_t>(0, 5, -1, "must lead from input 0 to input 1");
  range_fails<float>(0, std::nanf(""), 1, "must lead from input 0 to input 1");
  range_fails<float>(0, std::numeric_limits<float>::infinity(), 1, "more than 2^31 - 1 elements");
  range_fails<float>(0, 1, 1e-30f, "more than 2^31 - 1 elements");
  range_fails<std::int64_t>(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), 1,
                            "more than 2^31 - 1 elements");
}

}  // namespace
