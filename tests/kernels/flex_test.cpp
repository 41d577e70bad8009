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

}  // namespace
