// CONCATENATION, PACK, SPLIT, SPLIT_V, UNPACK: what is joined and split again is what it was.
// archs: last
#include "tfl/kernels/concatenation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "support/single_op.hpp"
#include "tfl/kernels/split.hpp"

namespace tfl::test {
namespace {

using testing::HasSubstr;
using Dims = std::vector<std::int32_t>;

std::size_t count_of(const Dims& dims) {
  std::size_t n = 1;
  for (const auto d : dims) n *= static_cast<std::size_t>(d);
  return n;
}
template <class T> std::vector<T> ramp(const Dims& dims, std::size_t start = 0) {
  std::vector<T> values(count_of(dims));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>((start + i) * 5 + 1);
  return values;
}
Dims dims_of(const Shape& shape) { return Dims(shape.dims().begin(), shape.dims().end()); }

struct Random {
  std::mt19937 engine{3};
  std::int32_t operator()(std::int32_t low, std::int32_t high) { return std::uniform_int_distribution<std::int32_t>(low, high)(engine); }
};

/// The parts of a tensor along an axis, element by element.
template <class T> std::vector<std::vector<T>> cut(const std::vector<T>& values, const Dims& shape, std::size_t axis, const Dims& sizes) {
  std::vector<std::vector<T>> parts(sizes.size());
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= static_cast<std::size_t>(shape[i]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto index = static_cast<std::int32_t>(i / inner % static_cast<std::size_t>(shape[axis]));
    std::size_t part = 0;
    while (index >= sizes[part]) index -= sizes[part++];
    parts[part].push_back(values[i]);
  }
  return parts;
}

template <class T> void check_join_and_split(Random& random) {
  Dims shape;
  for (int i = random(1, 4); i > 0; --i) shape.push_back(random(1, 20));
  const auto rank = static_cast<std::int32_t>(shape.size());
  const std::int32_t axis = random(0, rank - 1);
  const auto at = static_cast<std::size_t>(axis);
  Dims sizes;
  shape[at] = 0;
  for (int i = random(1, 5); i > 0; --i) {
    sizes.push_back(random(0, 9));
    shape[at] += sizes.back();
  }
  const std::vector<T> whole = ramp<T>(shape);
  const auto parts = cut(whole, shape, at, sizes);
  const std::int32_t written_axis = random(0, 1) != 0 ? axis : axis - rank;

  SingleOp<Concatenation> join;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Dims part = shape;
    part[at] = sizes[i];
    join.input<T>(part, parts[i]);
  }
  join.output<T>();
  join.options([&](auto& tables) { return schema::CreateConcatenationOptions(tables, written_axis); });
  ASSERT_EQ(join.run(), "");
  EXPECT_EQ(dims_of(join.shape()), shape);
  EXPECT_EQ(join.values<T>(), whole);

  SingleOp<SplitV> split;
  split.input<T>(shape, whole);
  Dims listed = sizes;
  listed[static_cast<std::size_t>(random(0, static_cast<std::int32_t>(sizes.size()) - 1))] = -1;
  const Dims list{static_cast<std::int32_t>(sizes.size())};
  if (random(0, 1) != 0) {
    split.constant<std::int32_t>(list, listed);
  } else {
    split.input<std::int32_t>(list, listed);
  }
  split.constant<std::int32_t>({}, {written_axis});
  for (std::size_t i = 0; i < sizes.size(); ++i) split.output<T>();
  split.options([&](auto& tables) { return schema::CreateSplitVOptions(tables, list[0]); });
  ASSERT_EQ(split.run(), "");
  for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(split.values<T>(static_cast<int>(i)), parts[i]);
}

TEST(Concatenation, RandomAndBackBySplitV) {
  Random random;
  for (int i = 0; i < 30; ++i) {
    check_join_and_split<std::uint8_t>(random);
    check_join_and_split<std::int16_t>(random);
    check_join_and_split<float>(random);
    check_join_and_split<std::int64_t>(random);
  }
}

template <class T> void check_pack_and_unpack(Random& random) {
  Dims shape;
  for (int i = random(1, 4); i > 0; --i) shape.push_back(random(1, 9));
  const auto rank = static_cast<std::int32_t>(shape.size());
  const std::int32_t axis = random(0, rank - 1), written_axis = random(0, 1) != 0 ? axis : axis - rank;
  const std::int32_t n = shape[static_cast<std::size_t>(axis)];
  const std::vector<T> whole = ramp<T>(shape);
  const auto parts = cut(whole, shape, static_cast<std::size_t>(axis), Dims(static_cast<std::size_t>(n), 1));
  Dims part = shape;
  part.erase(part.begin() + axis);

  SingleOp<tfl::Pack> pack;
  for (const auto& values : parts) pack.input<T>(part, values);
  pack.output<T>();
  pack.options([&](auto& tables) { return schema::CreatePackOptions(tables, n, written_axis); });
  ASSERT_EQ(pack.run(), "");
  EXPECT_EQ(dims_of(pack.shape()), shape);
  EXPECT_EQ(pack.values<T>(), whole);

  SingleOp<Unpack> unpack;
  unpack.input<T>(shape, whole);
  for (std::int32_t i = 0; i < n; ++i) unpack.output<T>();
  unpack.options([&](auto& tables) { return schema::CreateUnpackOptions(tables, n, written_axis); });
  ASSERT_EQ(unpack.run(), "");
  for (std::int32_t i = 0; i < n; ++i) {
    EXPECT_EQ(dims_of(unpack.shape(i)), part);
    EXPECT_EQ(unpack.values<T>(i), parts[static_cast<std::size_t>(i)]);
  }
}

TEST(Pack, RandomAndBackByUnpack) {
  Random random;
  for (int i = 0; i < 20; ++i) {
    check_pack_and_unpack<std::uint8_t>(random);
    check_pack_and_unpack<std::int16_t>(random);
    check_pack_and_unpack<float>(random);
    check_pack_and_unpack<std::int64_t>(random);
  }
}

TEST(Split, EqualParts) {
  for (const bool constant : {true, false}) {
    SingleOp<Split> op;
    if (constant) {
      op.constant<std::int32_t>({}, {-2});
    } else {
      op.input<std::int32_t>({}, {-2});
    }
    op.input<float>({2, 6, 3}, ramp<float>({2, 6, 3}));
    for (int i = 0; i < 3; ++i) op.output<float>();
    op.options([](auto& tables) { return schema::CreateSplitOptions(tables, 3); });
    ASSERT_EQ(op.run(), "");
    const auto parts = cut(ramp<float>({2, 6, 3}), {2, 6, 3}, 1, {2, 2, 2});
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(op.shape(i), (Shape{2, 2, 3}));
      EXPECT_EQ(op.values<float>(i), parts[static_cast<std::size_t>(i)]);
    }
  }
}

TEST(Concatenation, RequantizesUint8ByFloatArithmetic) {
  const QuantizationSpec out{.scales = {0.03f}, .zero_points = {100}};
  const struct {
    float scale;
    int zero_point;
  } scales[] = {{0.05f, 30}, {0.03f, 100}, {0.015f, 7}};
  std::vector<std::uint8_t> all(256);
  for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<std::uint8_t>(i);
  SingleOp<Concatenation> op;
  for (const auto& s : scales) op.input<std::uint8_t>({128, 2}, all, {.scales = {s.scale}, .zero_points = {s.zero_point}});
  op.output<std::uint8_t>(out);
  op.options([](auto& tables) { return schema::CreateConcatenationOptions(tables, 0); });
  ASSERT_EQ(op.run(), "");
  const auto got = op.values<std::uint8_t>();
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const double real = (static_cast<double>(i) - scales[k].zero_point) * static_cast<double>(scales[k].scale);
      const double wanted = std::fmin(255.0, std::fmax(0.0, real / static_cast<double>(0.03f) + 100));
      EXPECT_NEAR(got[256 * k + i], wanted, 0.5001);
    }
  }
}

TEST(Concatenation, ScalarsBecomeAVector) {
  for (const bool constant : {false, true}) {
    SingleOp<Concatenation> op;
    for (const float value : {1.0f, 7.0f, 3.0f}) {
      if (constant) {
        op.constant<float>({}, {value});
      } else {
        op.input<float>({}, {value});
      }
    }
    op.output<float>();
    op.options([](auto& tables) { return schema::CreateConcatenationOptions(tables, 0); });
    ASSERT_EQ(op.run(), "");
    EXPECT_EQ(op.shape(), Shape{3});
    EXPECT_EQ(op.values<float>(), (std::vector<float>{1, 7, 3}));
  }
}

TEST(Concatenation, Errors) {
  const auto error = [](const Dims& a, const Dims& b, int axis, bool activation = false) {
    SingleOp<Concatenation> op;
    op.input<float>(a, ramp<float>(a));
    op.input<float>(b, ramp<float>(b));
    op.output<float>();
    op.options([&](auto& tables) {
      return schema::CreateConcatenationOptions(tables, axis,
                                                activation ? schema::ActivationFunctionType::RELU : schema::ActivationFunctionType::NONE);
    });
    return op.run();
  };
  EXPECT_EQ(error({2, 3}, {1, 3}, 0), "");
  EXPECT_THAT(error({2, 3}, {1, 4}, 0), AllOf(HasSubstr("input 1"), HasSubstr("must have dimension 1 = 3 as input 0, not 4")));
  EXPECT_THAT(error({2, 3}, {3}, 0), AllOf(HasSubstr("input 1"), HasSubstr("must have 2 dimensions, not 1")));
  EXPECT_THAT(error({2, 3}, {2, 3}, 2), HasSubstr("axis 2 is outside of the inputs' 2 dimensions"));
  EXPECT_THAT(error({}, {}, -1), HasSubstr("axis -1 is outside"));
  EXPECT_THAT(error({}, {1}, 0), AllOf(HasSubstr("input 1"), HasSubstr("must have 0 dimensions, not 1")));
  EXPECT_THAT(error({2, 3}, {2, 3}, 0, true), HasSubstr("fused activation"));

  SingleOp<Concatenation> types;
  types.input<float>({1}, {1});
  types.input<std::int32_t>({1}, {1});
  types.output<float>();
  EXPECT_THAT(types.run(), AllOf(HasSubstr("input 1"), HasSubstr("must have the type of input 0")));
  SingleOp<Concatenation> left_out;
  left_out.input<float>({1}, {1});
  left_out.absent();
  left_out.output<float>();
  EXPECT_NE(left_out.run(), "");
  SingleOp<Concatenation> scale;
  scale.input<std::int8_t>({1}, {1}, {.scales = {0.5f}, .zero_points = {0}});
  scale.output<std::int8_t>({.scales = {0.25f}, .zero_points = {0}});
  EXPECT_THAT(scale.run(), AllOf(HasSubstr("input 0"), HasSubstr("must have the scale and zero point of the output")));
  SingleOp<Concatenation> zero_point;
  zero_point.input<std::int16_t>({1}, {1}, {.scales = {0.5f}, .zero_points = {1}});
  zero_point.output<std::int16_t>({.scales = {0.5f}, .zero_points = {1}});
  EXPECT_THAT(zero_point.run(), HasSubstr("must have zero point 0, not 1"));
}

TEST(Pack, Errors) {
  const auto error = [](const Dims& a, const Dims& b, int axis, int count) {
    SingleOp<tfl::Pack> op;
    op.input<float>(a, ramp<float>(a));
    op.input<float>(b, ramp<float>(b));
    op.output<float>();
    op.options([&](auto& tables) { return schema::CreatePackOptions(tables, count, axis); });
    return op.run();
  };
  EXPECT_EQ(error({3}, {3}, -1, 2), "");
  EXPECT_THAT(error({3}, {4}, 0, 2), AllOf(HasSubstr("input 1"), HasSubstr("must have the shape of input 0")));
  EXPECT_THAT(error({3}, {3}, 2, 2), HasSubstr("axis 2 is outside of the output's 2 dimensions"));
  EXPECT_THAT(error({3}, {3}, 0, 3), HasSubstr("values_count is 3, the node has 2 inputs"));
}

TEST(SplitAndUnpack, Errors) {
  const auto split = [](int axis, int parts) {
    SingleOp<Split> op;
    op.constant<std::int32_t>({}, {axis});
    op.input<float>({4}, ramp<float>({4}));
    for (int i = 0; i < 3; ++i) op.output<float>();
    op.options([&](auto& tables) { return schema::CreateSplitOptions(tables, parts); });
    return op.run();
  };
  EXPECT_THAT(split(0, 3), HasSubstr("has dimension 0 = 4, which does not split into 3 equal parts"));
  EXPECT_THAT(split(1, 3), HasSubstr("is axis 1, which is outside of [-1, 1)"));
  EXPECT_THAT(split(0, 2), HasSubstr("num_splits is 2, the node has 3 outputs"));

  const auto split_v = [](const std::vector<std::int64_t>& sizes) {
    SingleOp<SplitV> op;
    op.input<float>({4}, ramp<float>({4}));
    op.constant<std::int64_t>({static_cast<std::int32_t>(sizes.size())}, sizes);
    op.constant<std::int32_t>({}, {0});
    for (int i = 0; i < 2; ++i) op.output<float>();
    op.options([](auto& tables) { return schema::CreateSplitVOptions(tables, 2); });
    return op.run();
  };
  EXPECT_EQ(split_v({1, 3}), "");
  EXPECT_THAT(split_v({1, 2}), HasSubstr("takes 3 of the 4 elements of dimension 0"));
  EXPECT_THAT(split_v({INT64_MAX, INT64_MAX}), HasSubstr("takes more than the 4 elements"));
  EXPECT_THAT(split_v({-1, -1}), HasSubstr("has -1 twice"));
  EXPECT_THAT(split_v({6, -2}), HasSubstr("takes more"));
  EXPECT_THAT(split_v({-2, 6}), HasSubstr("gives output 0 the size -2"));
  EXPECT_THAT(split_v({4}), HasSubstr("must have one element for each of the 2 outputs, not 1"));

  const auto unpack = [](int axis, int num, QuantizationSpec scale = {}) {
    SingleOp<Unpack> op;
    op.input<std::int8_t>({2, 3}, ramp<std::int8_t>({2, 3}), scale);
    for (int i = 0; i < 2; ++i) op.output<std::int8_t>();
    op.options([&](auto& tables) { return schema::CreateUnpackOptions(tables, num, axis); });
    return op.run();
  };
  EXPECT_EQ(unpack(0, 2), "");
  EXPECT_THAT(unpack(1, 2), HasSubstr("must have dimension 1 = 2, the number of outputs, not 3"));
  EXPECT_THAT(unpack(2, 2), HasSubstr("axis 2 is outside"));
  EXPECT_THAT(unpack(0, 3), HasSubstr("num is 3, the node has 2 outputs"));
  EXPECT_THAT(unpack(0, 2, {.scales = {0.5f}, .zero_points = {0}}), HasSubstr("must have the scale and zero point of the input"));
}

TEST(Concatenation, Int4) {
  SingleOp<Concatenation> op;
  op.input<Int4Pair>({2, 1}, packed<Int4Pair>({1, -2}));
  op.input<Int4Pair>({2, 2}, packed<Int4Pair>({3, -4, 5, -6}));
  op.input<Int4Pair>({2, 0}, {});
  op.output<Int4Pair>();
  op.options([](auto& tables) { return schema::CreateConcatenationOptions(tables, 1); });
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(bytes_of(op.values<Int4Pair>()), bytes_of(packed<Int4Pair>({1, 3, -4, -2, 5, -6})));
}

}  // namespace
}  // namespace tfl::test
