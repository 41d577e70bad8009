// sources: support/all_ops.cpp
// PAD inside of the windows that read it: where it goes there, where it must not, and that results are the same with and without.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/fused_graph.hpp"
#include "tfl/runtime/fusion.hpp"

namespace {

namespace schema = tfl::schema;
using tfl::BuiltinOperator;
using tfl::TensorType;
using tfl::schema::ActivationFunctionType;
using tfl::test::AnyInterpreter;
using tfl::test::compare;
using tfl::test::Comparison;
using tfl::test::Dims;
using tfl::test::Graph;
using tfl::test::usual;

// ---- Borders

const std::vector<std::int32_t> around{0, 0, 1, 1, 1, 1, 0, 0}, behind{0, 0, 0, 1, 0, 1, 0, 0};

TEST(FoldBorders, IntoConvolutions) {
  for (const TensorType type : {TensorType::int8, TensorType::float32}) {
    for (const std::int32_t channels : {3, 16, 40}) {
      Graph g(type);
      const int x = g.tensor({2, 9, 7, channels}), p = g.pad(x, around, {2, 11, 9, channels});
      const int y = g.conv(p, {2, 11, 9, channels}, 3, 2, {2, 5, 4, 24});
      const Comparison c = compare(g, {x}, {y});
      EXPECT_EQ(c.problem, "");
      EXPECT_EQ(c.removed(), 1);
      EXPECT_LT(c.arena_fused, c.arena);
      EXPECT_EQ(c.addresses[static_cast<std::size_t>(p)], nullptr);
    }
  }
}

TEST(FoldBorders, OfOneSideAndWithDilation) {
  Graph g;
  const int x = g.tensor({1, 9, 9, 8}), p = g.pad(x, behind, {1, 10, 10, 8});
  const int y = g.conv(p, {1, 10, 10, 8}, 3, 1, {1, 6, 6, 8}, usual, schema::Padding::VALID, ActivationFunctionType::RELU, 2);
  const int q = g.pad(y, {0, 0, 4, 2, 0, 3, 0, 0}, {1, 12, 9, 8});
  const int z = g.conv(q, {1, 12, 9, 8}, 3, 1, {1, 8, 5, 8}, usual, schema::Padding::VALID, ActivationFunctionType::NONE, 2);
  const Comparison c = compare(g, {x}, {z});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 2);
}

TEST(FoldBorders, IntoPointwiseConvolutions) {
  // As wide as the window, which then lies on the border alone: stays. There are no narrower ones.
  Graph g;
  const int x = g.tensor({1, 5, 5, 16}), p = g.pad(x, around, {1, 7, 7, 16});
  const Comparison c = compare(g, {x}, {g.conv(p, {1, 7, 7, 16}, 1, 1, {1, 7, 7, 16})});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

TEST(FoldBorders, IntoDepthwiseConvolutions) {
  for (const TensorType type : {TensorType::int8, TensorType::float32}) {
    for (const std::int32_t stride : {1, 2}) {
      for (const std::int32_t channels : {4, 48}) {
        Graph g(type);
        const int x = g.tensor({1, 9, 11, channels}), p = g.pad(x, behind, {1, 10, 12, channels});
        const int y = g.depthwise(p, 3, stride, {1, stride == 1 ? 8 : 4, stride == 1 ? 10 : 5, channels});
        const Comparison c = compare(g, {x}, {y});
        EXPECT_EQ(c.problem, "");
        EXPECT_EQ(c.removed(), 1);
      }
    }
  }
}

TEST(FoldBorders, OfAnExplicitValue) {
  for (const int value : {-3, 0}) {  // the zero point, and another number
    Graph g;
    const int x = g.tensor({1, 6, 6, 8}), p = g.pad_v2<std::int8_t>(x, around, static_cast<std::int8_t>(value), {1, 8, 8, 8});
    const Comparison c = compare(g, {x}, {g.conv(p, {1, 8, 8, 8}, 3, 1, {1, 6, 6, 8})});
    EXPECT_EQ(c.problem, "");
    EXPECT_EQ(c.removed(), value == -3 ? 1 : 0);
  }
  for (const float value : {0.0f, 1.0f}) {
    Graph g(TensorType::float32);
    const int x = g.tensor({1, 6, 6, 8}), p = g.pad_v2<float>(x, around, value, {1, 8, 8, 8});
    const Comparison c = compare(g, {x}, {g.conv(p, {1, 8, 8, 8}, 3, 1, {1, 6, 6, 8})});
    EXPECT_EQ(c.problem, "");
    EXPECT_EQ(c.removed(), value == 0 ? 1 : 0);
  }
}

TEST(FoldBorders, IntoMaximaBehindAClamp) {
  for (const TensorType type : {TensorType::int8, TensorType::float32}) {
    for (const bool clamps : {false, true}) {
      Graph g(type);
      const int x = g.tensor({1, 8, 8, 8});
      const int y = g.conv(x, {1, 8, 8, 8}, 1, 1, {1, 8, 8, 8}, usual, schema::Padding::VALID,
                           clamps ? ActivationFunctionType::RELU : ActivationFunctionType::NONE);
      const int p = g.pad(y, around, {1, 10, 10, 8});
      const Comparison c = compare(g, {x}, {g.pool(BuiltinOperator::MAX_POOL_2D, p, 3, 2, {1, 4, 4, 8})});
      EXPECT_EQ(c.problem, "");
      EXPECT_EQ(c.removed(), clamps ? 1 : 0);
    }
  }
  Graph least;
  const int x = least.tensor({1, 8, 8, 8}), p = least.pad_v2<std::int8_t>(x, around, -128, {1, 10, 10, 8});
  const Comparison c = compare(least, {x}, {least.pool(BuiltinOperator::MAX_POOL_2D, p, 3, 2, {1, 4, 4, 8})});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 1);
}

TEST(FoldBorders, NotIntoMeans) {
  Graph g;
  const int x = g.tensor({1, 8, 8, 8}), p = g.pad(x, around, {1, 10, 10, 8});
  const Comparison c = compare(g, {x}, {g.pool(BuiltinOperator::AVERAGE_POOL_2D, p, 3, 2, {1, 4, 4, 8})});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

TEST(FoldBorders, NotOfChannelsNorImages) {
  for (const std::vector<std::int32_t>& amounts : {std::vector<std::int32_t>{0, 0, 1, 1, 1, 1, 0, 2}, {0, 1, 1, 1, 1, 1, 0, 0}}) {
    Graph g;
    const Dims padded{1 + amounts[1], 8, 8, 6 + amounts[7]};
    const int x = g.tensor({1, 6, 6, 6}), p = g.pad(x, amounts, padded);
    const Comparison c = compare(g, {x}, {g.conv(p, padded, 3, 1, {padded[0], 6, 6, 8})});
    EXPECT_EQ(c.problem, "");
    EXPECT_EQ(c.removed(), 0);
  }
}

TEST(FoldBorders, NotUnderAnotherPadding) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), p = g.pad(x, around, {1, 8, 8, 8});
  const Comparison c = compare(g, {x}, {g.conv(p, {1, 8, 8, 8}, 3, 1, {1, 8, 8, 8}, usual, schema::Padding::SAME)});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

TEST(FoldBorders, NotWhereOthersReadThePaddedTensor) {
  Graph twice;
  int x = twice.tensor({1, 6, 6, 8}), p = twice.pad(x, around, {1, 8, 8, 8});
  int y = twice.conv(p, {1, 8, 8, 8}, 3, 1, {1, 6, 6, 8}), z = twice.conv(p, {1, 8, 8, 8}, 3, 1, {1, 6, 6, 8});
  Comparison c = compare(twice, {x}, {y, z});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
  Graph output;
  x = output.tensor({1, 6, 6, 8}), p = output.pad(x, around, {1, 8, 8, 8});
  y = output.conv(p, {1, 8, 8, 8}, 3, 1, {1, 6, 6, 8});
  c = compare(output, {x}, {y, p});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

TEST(FoldBorders, NotOfAmountsThatAreKnownOnlyWhileRunning) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), amounts = g.tensor_of(TensorType::int32, {4, 2}), p = g.tensor({1, 6, 6, 8});
  g.b.add_operator(BuiltinOperator::PAD, {x, amounts}, {p});
  const int y = g.conv(p, {1, 6, 6, 8}, 1, 1, {1, 6, 6, 8});
  g.b.set_inputs({x, amounts});
  g.b.set_outputs({y});
  const auto file = g.b.finish();
  auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
  ASSERT_TRUE(model) << model.message();
  auto interpreter = AnyInterpreter::create(*model);
  ASSERT_TRUE(interpreter) << interpreter.message();
  const auto paddings = interpreter->input<std::int32_t>(1);
  ASSERT_TRUE(paddings);
  std::fill(paddings->begin(), paddings->end(), 0);
  (*paddings)[2] = 1;
  int nodes = 0;
  const auto run = interpreter->invoke([&](const tfl::NodeEvent&) { ++nodes; });
  ASSERT_TRUE(run) << run.message();
  EXPECT_EQ(nodes, 2);
  EXPECT_EQ(interpreter->output_description(0).shape, (tfl::Shape{1, 7, 6, 8}));
}

TEST(FoldBorders, AgainAfterANewShape) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), p = g.pad(x, around, {1, 8, 8, 8});
  const int y = g.conv(p, {1, 8, 8, 8}, 3, 1, {1, 6, 6, 8});
  g.b.set_inputs({x});
  g.b.set_outputs({y});
  const auto file = g.b.finish();
  auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
  ASSERT_TRUE(model) << model.message();
  std::vector<std::byte> results[2];
  for (const bool fuse : {false, true}) {
    auto interpreter = AnyInterpreter::create(*model, {.fuse = fuse});
    ASSERT_TRUE(interpreter) << interpreter.message();
    for (const std::int32_t side : {6, 11, 4}) {
      ASSERT_TRUE(interpreter->resize_input(0, Dims{1, side, side, 8}));
      const auto allocated = interpreter->allocate();
      ASSERT_TRUE(allocated) << allocated.message();
      tfl::tools::SeededStream(3).fill(TensorType::int8, *interpreter->input<std::byte>(0));
      ASSERT_TRUE(interpreter->invoke());
      EXPECT_EQ(interpreter->output_description(0).shape, (tfl::Shape{1, side, side, 8}));
      const auto out = interpreter->output<std::byte>(0);
      results[fuse].insert(results[fuse].end(), out->begin(), out->end());
    }
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(FoldBorders, ErrorsTellTheWindowsOwnNode) {
  Graph g;
  const int x = g.tensor({1, 2, 2, 8}), p = g.pad(x, around, {1, 4, 4, 8});
  const Comparison c = compare(g, {x}, {g.conv(p, {1, 4, 4, 8}, 6, 1, {1, 1, 1, 8})});
  EXPECT_NE(c.problem.find("node 1 CONV_2D: input 0"), std::string::npos) << c.problem;
}

}  // namespace
