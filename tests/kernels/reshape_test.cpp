// archs: none
#include "tfl/kernels/reshape.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "support/single_op.hpp"

namespace tfl::test {
namespace {

using testing::HasSubstr;
using Dims = std::vector<std::int32_t>;

std::int64_t count_of(const Dims& dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}
std::vector<float> ramp(const Dims& dims) {
  std::vector<float> values(static_cast<std::size_t>(count_of(dims)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return values;
}

// The new shape as a constant, as an input that is known only when it runs, and as an option.
enum class Way { constant, runtime, option };
std::string reshape(const Dims& from, const Dims& to, Way way, Shape* shape = nullptr) {
  SingleOp<Reshape> op;
  op.input<float>(from, ramp(from));
  const Dims list{static_cast<std::int32_t>(to.size())};
  if (way == Way::constant) op.constant<std::int32_t>(list, to);
  if (way == Way::runtime) op.input<std::int32_t>(list, to);
  if (way == Way::option) {
    op.options([&](auto& tables) { return schema::CreateReshapeOptions(tables, tables.CreateVector(to)); });
  }
  op.output<float>();
  const std::string error = op.run();
  if (error.empty()) {
    EXPECT_EQ(op.values<float>(), ramp(from));
    if (shape != nullptr) *shape = op.shape();
  }
  return error;
}

TEST(Reshape, KeepsBytesAndTakesTheShapeFromAllThreePlaces) {
  for (const Way way : {Way::constant, Way::runtime, Way::option}) {
    Shape shape;
    EXPECT_EQ(reshape({2, 3, 4}, {4, 6}, way, &shape), "");
    EXPECT_EQ(shape, (Shape{4, 6}));
    EXPECT_EQ(reshape({2, 3, 4}, {3, -1, 2}, way, &shape), "");
    EXPECT_EQ(shape, (Shape{3, 4, 2}));
    EXPECT_EQ(reshape({1, 1}, {}, way, &shape), "");
    EXPECT_EQ(shape, Shape{});
  }
}

TEST(Reshape, EmptyTensors) {
  for (const Way way : {Way::constant, Way::runtime}) {
    Shape shape;
    EXPECT_EQ(reshape({4, 0}, {2, 0, -1}, way, &shape), "");
    EXPECT_EQ(shape, (Shape{2, 0, 2}));
    EXPECT_EQ(reshape({4, 0}, {-1, 3}, way, &shape), "");
    EXPECT_EQ(shape, (Shape{0, 3}));
  }
}

TEST(Reshape, ScalarWithoutOptionsAndOldStyle) {
  Shape shape{9};
  EXPECT_EQ(reshape({1}, {0}, Way::option, &shape), "");
  EXPECT_EQ(shape, Shape{});
  SingleOp<Reshape> op;
  op.input<float>({1, 1}, {7});
  op.output<float>();
  EXPECT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), Shape{});
}

TEST(Reshape, Errors) {
  for (const Way way : {Way::constant, Way::runtime, Way::option}) {
    EXPECT_THAT(reshape({2, 3}, {5}, way), HasSubstr("its 6 elements do not fill the new shape, which has 5"));
    EXPECT_THAT(reshape({2, 3}, {-1, 4}, way), HasSubstr("do not fill"));
    EXPECT_THAT(reshape({2, 3}, {-1, -1}, way), HasSubstr("-1 twice, in dimensions 0 and 1"));
    EXPECT_THAT(reshape({2, 3}, {-2, 3}, way), HasSubstr("dimension 0 = -2"));
    EXPECT_THAT(reshape({2, 3}, {1 << 30, 1 << 30}, way), HasSubstr("more than 2^31 - 1 elements"));
  }
  EXPECT_THAT(reshape({2}, {2, 1, 1, 1, 1, 1, 1, 1, 1}, Way::constant),
              HasSubstr("asks for 9 dimensions; all beyond the last 8 must be 1"));
  EXPECT_THAT(reshape({1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, Way::option), HasSubstr("at most 8 are possible"));
  SingleOp<Reshape> op;
  op.input<float>({2}, {1, 2});
  op.constant<std::int64_t>({1}, {2});
  op.output<float>();
  EXPECT_THAT(op.run(), HasSubstr("input 1"));
}

std::string squeeze(const Dims& from, const Dims& axes, Shape* shape = nullptr) {
  SingleOp<Squeeze> op;
  op.input<float>(from, ramp(from));
  op.output<float>();
  op.options([&](auto& tables) { return schema::CreateSqueezeOptions(tables, tables.CreateVector(axes)); });
  const std::string error = op.run();
  if (error.empty()) {
    EXPECT_EQ(op.values<float>(), ramp(from));
  }
  if (shape != nullptr) *shape = op.shape();
  return error;
}

TEST(Squeeze, ListedDimensionsOrAll) {
  Shape shape;
  EXPECT_EQ(squeeze({1, 3, 1, 2}, {}, &shape), "");
  EXPECT_EQ(shape, (Shape{3, 2}));
  EXPECT_EQ(squeeze({1, 3, 1, 2}, {-2, 2}, &shape), "");
  EXPECT_EQ(shape, (Shape{1, 3, 2}));
  EXPECT_EQ(squeeze({1, 1}, {}, &shape), "");
  EXPECT_EQ(shape, Shape{});
}

TEST(Squeeze, Errors) {
  EXPECT_THAT(squeeze({1, 3}, {1}), HasSubstr("dimension 1, which is 3, not 1"));
  EXPECT_THAT(squeeze({1, 3}, {2}), HasSubstr("axis 2 of a tensor of 2 dimensions"));
  EXPECT_THAT(squeeze({1, 3}, {-3}), HasSubstr("axis -3"));
}

template <class Index> std::string expand(const Dims& from, Index axis, bool constant, Shape* shape = nullptr) {
  SingleOp<ExpandDims> op;
  op.input<float>(from, ramp(from));
  if (constant) {
    op.constant<Index>({1}, {axis});
  } else {
    op.input<Index>({1}, {axis});
  }
  op.output<float>();
  const std::string error = op.run();
  if (error.empty()) {
    EXPECT_EQ(op.values<float>(), ramp(from));
  }
  if (shape != nullptr) *shape = op.shape();
  return error;
}

TEST(ExpandDims, PutsInADimension) {
  for (const bool constant : {true, false}) {
    Shape shape;
    EXPECT_EQ(expand<std::int32_t>({2, 3}, 0, constant, &shape), "");
    EXPECT_EQ(shape, (Shape{1, 2, 3}));
    EXPECT_EQ(expand<std::int64_t>({2, 3}, -1, constant, &shape), "");
    EXPECT_EQ(shape, (Shape{2, 3, 1}));
    EXPECT_EQ(expand<std::int32_t>({2, 3}, -3, constant, &shape), "");
    EXPECT_EQ(shape, (Shape{1, 2, 3}));
  }
}

TEST(ExpandDims, Errors) {
  EXPECT_THAT(expand<std::int32_t>({2, 3}, 3, true), HasSubstr("is axis 3, which is outside of [-3, 3)"));
  EXPECT_THAT(expand<std::int64_t>({2, 3}, -4, false), HasSubstr("is axis -4"));
  EXPECT_THAT(expand<std::int32_t>({1, 1, 1, 1, 1, 1, 1, 1}, 0, true), HasSubstr("has 8 dimensions already"));
  EXPECT_THAT(expand<float>({2}, 0, true), HasSubstr("must be int32 or int64"));
}

TEST(ShapeOf, Dimensions) {
  SingleOp<ShapeOf> op;
  op.input<std::int8_t>({2, 3, 4}, std::vector<std::int8_t>(24));
  op.output<std::int32_t>();
  EXPECT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int32_t>(), (std::vector<std::int32_t>{2, 3, 4}));

  SingleOp<ShapeOf> wide;
  wide.input<float>({0, 5}, {});
  wide.output<std::int64_t>();
  EXPECT_EQ(wide.run(), "");
  EXPECT_EQ(wide.values<std::int64_t>(), (std::vector<std::int64_t>{0, 5}));

  SingleOp<ShapeOf> wrong;
  wrong.input<float>({1}, {1});
  wrong.output<float>();
  EXPECT_THAT(wrong.run(), HasSubstr("output 0"));
}

TEST(Rank, NumberOfDimensions) {
  SingleOp<Rank> op;
  op.input<float>({2, 3, 4}, ramp({2, 3, 4}));
  op.output<std::int32_t>();
  EXPECT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int32_t>(), std::vector<std::int32_t>{3});
  EXPECT_EQ(op.shape(), Shape{});
}

}  // namespace
}  // namespace tfl::test
