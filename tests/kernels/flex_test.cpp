// TensorFlow's own ops by the kernels of TensorFlow Lite's: attributes out of the NodeDef, and damaged ones.
// archs: none

#include "tfl/kernels/flex.hpp"

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;
using tfl::test::SingleOp;
using Floats = std::vector<float>;

std::string field(int number, const std::string& text) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(text.size())} + text;
}
std::string number(int field, int value) { return {static_cast<char>(field << 3), static_cast<char>(value)}; }
/// An attribute of a NodeDef; `value` is an AttrValue.
std::string attribute(const std::string& name, const std::string& value) { return field(5, field(1, name) + field(2, value)); }
std::vector<std::uint8_t> node(const std::string& op, const std::string& attributes = "") {
  flexbuffers::Builder builder;
  builder.Vector([&] {
    builder.String(op);
    builder.String(field(1, "a node") + field(2, op) + attributes);
  });
  builder.Finish();
  return builder.GetBuffer();
}

TEST(Flex, AddsWithBroadcasting) {
  SingleOp<tfl::flex::AddV2> op;
  op.input<float>({2, 2}, {1, 2, 3, 4});
  op.input<float>({2}, {10, 20});
  op.output<float>();
  op.custom_options(node("AddV2", attribute("T", number(6, 1))));
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<float>(), ElementsAre(11, 22, 13, 24));
}
TEST(Flex, ReadsAttributes) {
  for (const bool keep : {false, true}) {
    SingleOp<tfl::flex::Mean> op;
    op.input<float>({2, 2}, {1, 2, 3, 4});
    op.constant<std::int32_t>({1}, {1});
    op.output<float>();
    op.custom_options(node("Mean", attribute("Tidx", number(6, 3)) + attribute("keep_dims", number(5, keep ? 1 : 0))));
    ASSERT_EQ(op.run(), "");
    EXPECT_THAT(op.values<float>(), ElementsAre(1.5f, 3.5f));
    EXPECT_EQ(op.shape(), (keep ? tfl::Shape{2, 1} : tfl::Shape{2}));
  }
  SingleOp<tfl::flex::MatMul> product;
  product.input<float>({2, 2}, {1, 2, 3, 4});
  product.input<float>({3, 2}, {1, 0, 0, 1, 1, 1});
  product.output<float>();
  product.custom_options(node("MatMul", attribute("transpose_b", number(5, 1))));
  ASSERT_EQ(product.run(), "");
  EXPECT_EQ(product.shape(), (tfl::Shape{2, 3}));
  EXPECT_THAT(product.values<float>(), ElementsAre(1, 2, 3, 3, 4, 7));
  SingleOp<tfl::flex::Squeeze> squeeze;
  squeeze.input<float>({1, 2, 1}, {1, 2});
  squeeze.output<float>();
  squeeze.custom_options(node("Squeeze", attribute("squeeze_dims", field(1, field(3, std::string(1, '\x02'))))));
  ASSERT_EQ(squeeze.run(), "");
  EXPECT_EQ(squeeze.shape(), (tfl::Shape{1, 2}));
  SingleOp<tfl::flex::OneHot> hot;  // its usual axis is the last
  hot.input<std::int32_t>({2}, {1, 0});
  hot.constant<std::int32_t>({}, {3});
  hot.input<float>({}, {1});
  hot.input<float>({}, {0});
  hot.output<float>();
  hot.custom_options(node("OneHot"));
  ASSERT_EQ(hot.run(), "");
  EXPECT_EQ(hot.shape(), (tfl::Shape{2, 3}));
  SingleOp<tfl::flex::LeakyRelu> leaky;
  leaky.input<float>({2}, {-10, 10});
  leaky.output<float>();
  leaky.custom_options(node("LeakyRelu", attribute("alpha", std::string("\x25\x00\x00\x00\x3f", 5))));  // 0.5
  ASSERT_EQ(leaky.run(), "");
  EXPECT_THAT(leaky.values<float>(), ElementsAre(-5, 10));
}
TEST(Flex, KnowsFunctionsOfItsOwn) {
  const Floats x{-100, -1, 0, 0.5f, 3, 100};
  SingleOp<tfl::flex::Softplus> op;
  op.input<float>({6}, x);
  op.output<float>();
  op.custom_options(node("Softplus"));
  ASSERT_EQ(op.run(), "");
  Floats wanted;
  for (const float v : x) wanted.push_back(v > 50 ? v : std::log1p(std::exp(v)));
  EXPECT_THAT(op.values<float>(), Pointwise(FloatNear(1e-6f), wanted));
  SingleOp<tfl::flex::Identity> copy;
  copy.input<std::int64_t>({2}, {5, 6});
  copy.output<std::int64_t>();
  copy.custom_options(node("Identity"));
  ASSERT_EQ(copy.run(), "");
  EXPECT_THAT(copy.values<std::int64_t>(), ElementsAre(5, 6));
}
std::string list(const std::vector<int>& values) {
  std::string numbers;
  for (const int v : values) numbers.push_back(static_cast<char>(v));
  return field(1, field(3, numbers));
}
TEST(Flex, AxesAreTensors) {
  SingleOp<tfl::flex::ConcatV2> joined;
  joined.input<std::int16_t>({2, 1}, {1, 2});
  joined.input<std::int16_t>({2, 2}, {3, 4, 5, 6});
  joined.constant<std::int32_t>({}, {-1});
  joined.output<std::int16_t>();
  joined.custom_options(node("ConcatV2"));
  ASSERT_EQ(joined.run(), "");
  EXPECT_EQ(joined.shape(), (tfl::Shape{2, 3}));
  EXPECT_THAT(joined.values<std::int16_t>(), ElementsAre(1, 3, 4, 2, 5, 6));
  SingleOp<tfl::flex::GatherV2> picked;
  picked.input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  picked.input<std::int64_t>({2}, {2, 0});
  picked.constant<std::int32_t>({}, {1});
  picked.output<float>();
  picked.custom_options(node("GatherV2", attribute("batch_dims", number(3, 0))));
  ASSERT_EQ(picked.run(), "");
  EXPECT_THAT(picked.values<float>(), ElementsAre(3, 1, 6, 4));
  const auto join = [](std::vector<std::int32_t> second, std::int32_t axis) {
    SingleOp<tfl::flex::ConcatV2> op;
    op.input<float>({2, 1}, {1, 2});
    op.input<float>(second, Floats(static_cast<std::size_t>(second[0] * second[1])));
    op.constant<std::int32_t>({}, {axis});
    op.output<float>();
    op.custom_options(node("ConcatV2"));
    return op.run();
  };
  EXPECT_THAT(join({2, 1}, 2), HasSubstr("is 2, an axis that an input of 2 dimensions does not have"));
  EXPECT_THAT(join({3, 1}, 1), HasSubstr("must have dimension 0 = 2 as input 0, not 3"));
  EXPECT_EQ(join({2, 0}, 1), "");
}
TEST(Flex, NormalizesBatches) {
  const auto run = [](const std::string& training, Floats& y, Floats& variance) {
    SingleOp<tfl::flex::FusedBatchNormV3> op;
    op.input<float>({1, 2, 1, 2}, {1, 2, 3, 4});
    op.constant<float>({2}, {2, 1});     // scale
    op.constant<float>({2}, {0.5f, 0});  // offset
    op.constant<float>({2}, {1, 1});     // mean
    op.constant<float>({2}, {3, 0});     // variance
    for (int i = 0; i < 6; ++i) op.output<float>();
    op.custom_options(node("FusedBatchNormV3", attribute("epsilon", std::string("\x25\x00\x00\x80\x3f", 5)) + training));  // 1
    const std::string error = op.run();
    y = op.values<float>();
    variance = op.values<float>(2);
    return error;
  };
  Floats y, variance;
  ASSERT_EQ(run(attribute("is_training", number(5, 0)), y, variance), "");
  EXPECT_THAT(y, Pointwise(FloatNear(1e-6f), Floats{0.5f, 1, 2.5f, 3}));
  EXPECT_THAT(variance, ElementsAre(3, 0));
  EXPECT_THAT(run("", y, variance), HasSubstr("is made for training"));
}
TEST(Flex, WindowsAndTurns) {
  SingleOp<tfl::flex::MaxPool> pool;
  pool.input<float>({1, 2, 4, 1}, {1, 5, 2, 0, 3, 4, 8, 7});
  pool.output<float>();
  pool.custom_options(node("MaxPool", attribute("ksize", list({1, 2, 2, 1})) + attribute("strides", list({1, 2, 2, 1})) +
                                          attribute("padding", field(2, "VALID"))));
  ASSERT_EQ(pool.run(), "");
  EXPECT_THAT(pool.values<float>(), ElementsAre(5, 8));
  SingleOp<tfl::flex::MaxPool> channels;
  channels.input<float>({1, 2, 2, 2}, Floats(8));
  channels.output<float>();
  channels.custom_options(node("MaxPool", attribute("ksize", list({1, 1, 1, 2})) + attribute("strides", list({1, 1, 1, 2})) +
                                              attribute("padding", field(2, "VALID"))));
  EXPECT_THAT(channels.run(), HasSubstr("must have windows of at least 1 x 1, not 0 x 0"));
  SingleOp<tfl::flex::Roll> roll;
  roll.input<float>({4}, {1, 2, 3, 4});
  roll.constant<std::int32_t>({}, {1});
  roll.constant<std::int32_t>({}, {0});
  roll.output<float>();
  roll.custom_options(node("Roll"));
  ASSERT_EQ(roll.run(), "");
  EXPECT_THAT(roll.values<float>(), ElementsAre(4, 1, 2, 3));
  SingleOp<tfl::flex::ResizeBilinear> larger;
  larger.input<float>({1, 1, 2, 1}, {0, 4});
  larger.constant<std::int32_t>({2}, {1, 4});
  larger.output<float>();
  larger.custom_options(node("ResizeBilinear", attribute("half_pixel_centers", number(5, 1))));
  ASSERT_EQ(larger.run(), "");
  EXPECT_THAT(larger.values<float>(), ElementsAre(0, 1, 3, 4));
}
TEST(Flex, TestsAndClamps) {
  SingleOp<tfl::flex::IsFinite> finite;
  finite.input<float>({3}, {1, INFINITY, NAN});
  finite.output<tfl::Boolean>();
  finite.custom_options(node("IsFinite"));
  ASSERT_EQ(finite.run(), "");
  EXPECT_THAT(finite.values<std::uint8_t>(), ElementsAre(1, 0, 0));
  SingleOp<tfl::flex::ClipByValue> clip;
  clip.input<std::int32_t>({4}, {-5, 0, 5, 9});
  clip.input<std::int32_t>({}, {-1});
  clip.input<std::int32_t>({4}, {4, 4, 4, 10});
  clip.output<std::int32_t>();
  clip.custom_options(node("ClipByValue"));
  ASSERT_EQ(clip.run(), "");
  EXPECT_THAT(clip.values<std::int32_t>(), ElementsAre(-1, 0, 4, 9));
  SingleOp<tfl::flex::Size> size;
  size.input<float>({2, 3}, Floats(6));
  size.output<std::int32_t>();
  size.custom_options(node("Size"));
  ASSERT_EQ(size.run(), "");
  EXPECT_THAT(size.values<std::int32_t>(), ElementsAre(6));
  SingleOp<tfl::flex::Selu> selu;
  selu.input<float>({2}, {-1, 2});
  selu.output<float>();
  selu.custom_options(node("Selu"));
  ASSERT_EQ(selu.run(), "");
  EXPECT_THAT(selu.values<float>(), Pointwise(FloatNear(1e-6f), Floats{-1.1113307f, 2.101402f}));
}
TEST(Flex, RefusesWhatItCannotRead) {
  const auto run = [](std::vector<std::uint8_t> options) {
    SingleOp<tfl::flex::AddV2> op;
    op.input<float>({1}, {1});
    op.input<float>({1}, {2});
    op.output<float>();
    op.custom_options(std::move(options));
    return op.run();
  };
  EXPECT_THAT(run({}), HasSubstr("has no NodeDef in its options"));
  EXPECT_THAT(run(node("AddV2", attribute("data_format", field(2, "NCHW")))), HasSubstr("must have the data_format NHWC"));
  // Cut anywhere, or with any byte changed, it says so or runs.
  const std::vector<std::uint8_t> whole = node("AddV2", attribute("squeeze_dims", field(1, field(3, "\x01\x02"))));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    run({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(i)});
    for (const int change : {1, 0x80, 0xff}) {
      std::vector<std::uint8_t> damaged = whole;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ change);
      run(damaged);
    }
  }
}

std::string einsum(const std::string& equation, const std::vector<std::pair<std::vector<std::int32_t>, Floats>>& inputs, Floats& values,
                   tfl::Shape& shape) {
  SingleOp<tfl::FlexEinsum> op;
  for (const auto& [dims, data] : inputs) op.input<float>(dims, data);
  op.output<float>();
  op.custom_options(node("Einsum", attribute("equation", field(2, equation))));
  const std::string error = op.run();
  values = op.values<float>();
  shape = op.shape();
  return error;
}
TEST(FlexEinsum, SumsProductsOverNames) {
  Floats got;
  tfl::Shape shape;
  const Floats a{1, 2, 3, 4, 5, 6}, b{1, -1, 2, 0.5f, 3, -2};
  const auto run = [&](const std::string& equation, std::vector<std::pair<std::vector<std::int32_t>, Floats>> inputs) {
    const std::string error = einsum(equation, inputs, got, shape);
    EXPECT_EQ(error, "") << equation;
  };
  run("ij,jk->ik", {{{2, 3}, a}, {{3, 2}, b}});
  EXPECT_EQ(shape, (tfl::Shape{2, 2}));
  EXPECT_THAT(got, ElementsAre(14, -6, 32, -13.5f));
  run("ij, kj -> ki", {{{2, 3}, a}, {{2, 3}, b}});
  EXPECT_THAT(got, ElementsAre(5, 11, 0.5f, 5));
  run("ij->ji", {{{2, 3}, a}});
  EXPECT_EQ(shape, (tfl::Shape{3, 2}));
  EXPECT_THAT(got, ElementsAre(1, 4, 2, 5, 3, 6));
  run("ij->", {{{2, 3}, a}});
  EXPECT_EQ(shape, tfl::Shape{});
  EXPECT_THAT(got, ElementsAre(21));
  run("ii->i", {{{2, 2}, {1, 2, 3, 4}}});
  EXPECT_THAT(got, ElementsAre(1, 4));
  run("i,j->ij", {{{2}, {2, 3}}, {{3}, {1, 0, -1}}});
  EXPECT_THAT(got, ElementsAre(2, 0, -2, 3, 0, -3));
  run("abc,bcd->ad", {{{1, 2, 3}, a}, {{2, 3, 1}, b}});
  EXPECT_THAT(got, ElementsAre(1 - 2 + 6 + 2 + 15 - 12));
  run("...ij,...jk->...ik", {{{2, 1, 3}, a}, {{1, 3, 1}, {1, 10, 100}}});
  EXPECT_EQ(shape, (tfl::Shape{2, 1, 1}));
  EXPECT_THAT(got, ElementsAre(321, 654));
  run("...j,jk->...k", {{{3}, {1, 2, 3}}, {{3, 2}, b}});
  EXPECT_THAT(got, ElementsAre(14, -6));
  run("ij,jk->ik", {{{2, 0}, {}}, {{0, 2}, {}}});
  EXPECT_THAT(got, ElementsAre(0, 0, 0, 0));
  run("ij,jk->ik", {{{0, 3}, {}}, {{3, 2}, b}});
  EXPECT_THAT(got, ElementsAre());
}
TEST(FlexEinsum, NamesWhatDoesNotFit) {
  Floats got;
  tfl::Shape shape;
  const auto error = [&](const std::string& equation, std::vector<std::int32_t> a, std::vector<std::int32_t> b) {
    const auto zeros = [](const std::vector<std::int32_t>& dims) {
      std::size_t n = 1;
      for (const int d : dims) n *= static_cast<std::size_t>(d);
      return Floats(n);
    };
    return einsum(equation, {{a, zeros(a)}, {b, zeros(b)}}, got, shape);
  };
  EXPECT_THAT(error("ij,jk->ik", {2, 3}, {2, 2}), HasSubstr("has 2 elements in dimension 0, whose name stands for 3"));
  EXPECT_THAT(error("ij,jk->ik", {2, 3, 1}, {3, 2}), HasSubstr("has 3 dimensions, the equation names 2"));
  EXPECT_THAT(error("ij,jk->iz", {2, 3}, {3, 2}), HasSubstr("has an output whose dimension 1 no input has, or which comes twice"));
  EXPECT_THAT(error("ij,jk->ii", {2, 3}, {3, 2}), HasSubstr("has an output whose dimension 1 no input has, or which comes twice"));
  EXPECT_THAT(error("ij->i", {2, 3}, {3, 2}), HasSubstr("has an equation of 1 inputs, but 2 inputs"));
  EXPECT_THAT(error("ij,jk", {2, 3}, {3, 2}), HasSubstr("has an equation without ->"));
  EXPECT_THAT(error("i1,jk->ik", {2, 3}, {3, 2}), HasSubstr("cannot be read at character 1"));
  EXPECT_THAT(error("abcdefghi,j->j", {2, 3}, {3, 2}), HasSubstr("names more than 8 dimensions"));
}

}  // namespace
