// sources: support/all_ops.cpp
// Each rewrite: where it applies, where it must not, and that results are the same with and without.

#include "tfl/runtime/fusion.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/all_ops.hpp"
#include "support/single_op.hpp"
#include "tfl/kernels/concatenation.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/model/builder.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace {

namespace schema = tfl::schema;
using schema::ActivationFunctionType;
using tfl::BuiltinOperator;
using tfl::QuantizationSpec;
using tfl::TensorType;
using tfl::test::AnyInterpreter;
using Dims = std::vector<std::int32_t>;

// A program without two ops that could meet holds no step of fusion.
static_assert(tfl::detail::FusionOf<tfl::OpRegistry<tfl::FullyConnected, tfl::Reshape>>::steps.rewrite == nullptr);
static_assert(tfl::detail::FusionOf<tfl::OpRegistry<tfl::FullyConnected, tfl::Reshape>>::steps.lay_out_parts == nullptr);
static_assert(tfl::detail::FusionOf<tfl::OpRegistry<tfl::Concatenation>>::steps.rewrite == nullptr);
static_assert(tfl::detail::FusionOf<tfl::OpRegistry<tfl::Concatenation>>::steps.lay_out_parts == &tfl::detail::lay_out_with_parts);

QuantizationSpec scaled(float scale, std::int64_t zero_point) { return {.scales = {scale}, .zero_points = {zero_point}}; }
const QuantizationSpec usual = scaled(0.05f, -3);

/// A graph of one type of tensors, int8 unless it says otherwise.
class Graph {
 public:
  explicit Graph(TensorType type = TensorType::int8) : type_(type) {}
  tfl::ModelBuilder b;

  int tensor(Dims shape, QuantizationSpec q = usual) { return tensor_of(type_, std::move(shape), std::move(q)); }
  int tensor_of(TensorType type, Dims shape, QuantizationSpec q = {}) {
    if (type == TensorType::float32) q = {};
    return b.add_tensor({.name = "t" + std::to_string(count_++), .type = type, .shape = std::move(shape), .quantization = std::move(q)});
  }
  int integers(const std::vector<std::int32_t>& values, Dims shape = {}) {
    if (shape.empty()) shape = {static_cast<std::int32_t>(values.size())};
    return b.add_constant({.name = "c" + std::to_string(count_++), .shape = std::move(shape)}, values);
  }
  int weights(Dims shape) {
    std::int32_t count = 1;
    for (const std::int32_t d : shape) count *= d;
    if (type_ == TensorType::float32) {
      std::vector<float> values;
      for (std::int32_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i * 7 % 11) / 5 - 1);
      return b.add_constant({.name = "w", .shape = std::move(shape)}, values);
    }
    std::vector<std::int8_t> values;
    for (std::int32_t i = 0; i < count; ++i) values.push_back(static_cast<std::int8_t>(i * 37 % 251 - 125));
    return b.add_constant({.name = "w", .shape = std::move(shape), .quantization = scaled(0.01f, 0)}, values);
  }
  int unary(BuiltinOperator code, int x, Dims shape, QuantizationSpec q = usual) {
    const int y = tensor(std::move(shape), std::move(q));
    b.add_operator(code, {x}, {y});
    return y;
  }
  /// An op that overwrites nothing of its input's and is no view: what it gives is new.
  int conv(int x, Dims x_shape, std::int32_t filter, std::int32_t stride, Dims shape, QuantizationSpec q = usual,
           schema::Padding padding = schema::Padding::VALID, ActivationFunctionType activation = ActivationFunctionType::NONE,
           std::int32_t dilation = 1) {
    const int w = weights({shape[3], filter, filter, x_shape[3]}), y = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::CONV_2D, {x, w}, {y},
                   [&](auto& t) { return schema::CreateConv2DOptions(t, padding, stride, stride, activation, dilation, dilation); });
    return y;
  }
  int depthwise(int x, std::int32_t filter, std::int32_t stride, Dims shape) {
    const int w = weights({1, filter, filter, shape[3]}), y = tensor(std::move(shape));
    b.add_operator(BuiltinOperator::DEPTHWISE_CONV_2D, {x, w}, {y}, [&](auto& t) {
      return schema::CreateDepthwiseConv2DOptions(t, schema::Padding::VALID, stride, stride, 1, ActivationFunctionType::NONE, 1, 1);
    });
    return y;
  }
  int pool(BuiltinOperator code, int x, std::int32_t filter, std::int32_t stride, Dims shape) {
    const int y = tensor(std::move(shape));
    b.add_operator(code, {x}, {y}, [&](auto& t) {
      return schema::CreatePool2DOptions(t, schema::Padding::VALID, stride, stride, filter, filter, ActivationFunctionType::NONE);
    });
    return y;
  }
  int pad(int x, std::vector<std::int32_t> amounts, Dims shape, QuantizationSpec q = usual) {
    const int y = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::PAD, {x, integers(amounts, {4, 2})}, {y});
    return y;
  }
  template <class T> int pad_v2(int x, std::vector<std::int32_t> amounts, T value, Dims shape) {
    const int y = tensor(std::move(shape));
    const int v =
        b.add_constant({.name = "v", .type = type_, .shape = {}, .quantization = type_ == TensorType::float32 ? QuantizationSpec{} : usual},
                       std::vector<T>{value});
    b.add_operator(BuiltinOperator::PADV2, {x, integers(amounts, {4, 2}), v}, {y});
    return y;
  }
  int concatenation(std::vector<std::int32_t> parts, std::int32_t axis, Dims shape, QuantizationSpec q = usual) {
    const int y = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::CONCATENATION, std::move(parts), {y},
                   [&](auto& t) { return schema::CreateConcatenationOptions(t, axis, ActivationFunctionType::NONE); });
    return y;
  }
  int add(int x, int y, Dims shape, QuantizationSpec q = usual, ActivationFunctionType activation = ActivationFunctionType::NONE) {
    const int z = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::ADD, {x, y}, {z}, [&](auto& t) { return schema::CreateAddOptions(t, activation, false); });
    return z;
  }
  int reshape(int x, Dims shape) {
    const int y = tensor(shape);
    b.add_operator(BuiltinOperator::RESHAPE, {x, integers(shape)}, {y});
    return y;
  }

 private:
  TensorType type_;
  int count_ = 0;
};

/// A graph run with and without fusion.
struct Comparison {
  std::string problem;                      // of loading or running; "" where there is none and all outputs are equal
  int nodes = 0, nodes_fused = 0;           // that an observer sees
  std::size_t arena = 0, arena_fused = 0;   // bytes
  std::vector<const std::byte*> addresses;  // of all tensors, fused; null: it does not exist

  int removed() const { return nodes - nodes_fused; }
  /// Bytes from one tensor to the other in the arena.
  std::ptrdiff_t distance(int from, int to) const {
    return addresses[static_cast<std::size_t>(to)] - addresses[static_cast<std::size_t>(from)];
  }
};

Comparison compare(Graph& g, Dims inputs, Dims outputs) {
  Comparison c;
  g.b.set_inputs(std::move(inputs));
  g.b.set_outputs(std::move(outputs));
  const auto file = g.b.finish();
  auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
  if (!model) return c.problem = model.message(), c;
  std::vector<std::vector<std::byte>> wanted;
  for (const bool fuse : {false, true}) {
    auto first = AnyInterpreter::create(*model, {.fuse = fuse});
    if (!first) return c.problem = first.message(), c;
    tfl::test::GuardedArena arena;
    auto made = AnyInterpreter::create(*model, {.arena = arena.of(std::max<std::size_t>(first->arena_bytes(), 1)), .fuse = fuse});
    if (!made) return c.problem = made.message(), c;
    AnyInterpreter& interpreter = *made;
    for (int round = 0; round < 2; ++round) {  // what a run leaves behind must not matter
      tfl::tools::SeededStream stream(7);
      for (int i = 0; i < interpreter.input_count(); ++i) {
        auto view = interpreter.input<std::byte>(i);
        if (!view) return c.problem = view.message(), c;
        stream.fill(view->type(), *view);
      }
      (fuse ? c.nodes_fused : c.nodes) = 0;
      auto run = interpreter.invoke([&](const tfl::NodeEvent& event) {
        ++(fuse ? c.nodes_fused : c.nodes);
        for (std::size_t o = 0; o < event.outputs.size(); ++o) {
          if (event.outputs[o] != &interpreter.subgraph().tensor(event.output_indices[o]) || event.outputs[o]->data == nullptr)
            c.problem = "an observer sees an output that does not exist";
        }
      });
      if (!run) return c.problem = run.message(), c;
      if (!c.problem.empty()) return c;
      if (!arena.untouched()) return c.problem = "a byte beside the arena was written", c;
      for (int o = 0; o < interpreter.output_count(); ++o) {
        auto view = interpreter.output<std::byte>(o);
        if (!view) return c.problem = view.message(), c;
        if (reinterpret_cast<std::uintptr_t>(view->data()) % tfl::arena_alignment != 0) return c.problem = "an output lies askew", c;
        const auto at = static_cast<std::size_t>(o);
        if (wanted.size() <= at) wanted.emplace_back(view->begin(), view->end());
        if (!std::equal(view->begin(), view->end(), wanted[at].begin(), wanted[at].end()))
          return c.problem = "output " + std::to_string(o) + (fuse ? " differs where nodes are fused" : " differs in the second run"), c;
      }
    }
    (fuse ? c.arena_fused : c.arena) = interpreter.arena_bytes();
    c.addresses.clear();
    for (std::size_t t = 0; t < interpreter.subgraph().graph().tensors.size(); ++t) {
      c.addresses.push_back(interpreter.subgraph().tensor(static_cast<std::int32_t>(t)).data);
    }
  }
  if (c.arena_fused > c.arena) c.problem = "the arena grew from " + std::to_string(c.arena) + " to " + std::to_string(c.arena_fused);
  return c;
}

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

// ---- Clamps

TEST(FoldClamps, IntoWhatComesBefore) {
  for (const TensorType type : {TensorType::int8, TensorType::float32}) {
    for (const BuiltinOperator clamp : {BuiltinOperator::RELU, BuiltinOperator::RELU6, BuiltinOperator::RELU_N1_TO_1}) {
      Graph g(type);
      const int x = g.tensor({1, 6, 6, 8});
      int y = g.unary(clamp, g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 24}), {1, 4, 4, 24});
      y = g.unary(clamp, g.depthwise(y, 3, 1, {1, 2, 2, 24}), {1, 2, 2, 24});
      y = g.unary(clamp, g.add(y, y, {1, 2, 2, 24}), {1, 2, 2, 24});
      y = g.unary(clamp, g.pool(BuiltinOperator::AVERAGE_POOL_2D, y, 2, 1, {1, 1, 1, 24}), {1, 1, 1, 24});
      const Comparison c = compare(g, {x}, {y});
      EXPECT_EQ(c.problem, "");
      EXPECT_EQ(c.removed(), 4);
    }
  }
}

TEST(FoldClamps, NotAcrossQuantizations) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8});
  const int y = g.unary(BuiltinOperator::RELU, g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8}), {1, 4, 4, 8}, scaled(0.05f, -128));
  const Comparison c = compare(g, {x}, {y});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

TEST(FoldClamps, NotWhereTheUnclampedIsNeeded) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), y = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8});
  const int z = g.add(y, g.unary(BuiltinOperator::RELU, y, {1, 4, 4, 8}), {1, 4, 4, 8});
  Comparison c = compare(g, {x}, {z});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
  Graph output;
  const int a = output.tensor({1, 6, 6, 8}), b = output.conv(a, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8});
  c = compare(output, {a}, {output.unary(BuiltinOperator::RELU, b, {1, 4, 4, 8}), b});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

TEST(FoldClamps, NotTwice) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8});
  int y = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8}, usual, schema::Padding::VALID, ActivationFunctionType::RELU6);
  y = g.unary(BuiltinOperator::RELU_N1_TO_1, y, {1, 4, 4, 8});
  const Comparison c = compare(g, {x}, {y});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

// ---- Conversions

TEST(JoinConversions, ThereAndBackIsNothing) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), y = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8});
  const int real = g.tensor_of(TensorType::float32, {1, 4, 4, 8}), back = g.tensor({1, 4, 4, 8});
  g.b.add_operator(BuiltinOperator::DEQUANTIZE, {y}, {real});
  g.b.add_operator(BuiltinOperator::QUANTIZE, {real}, {back});
  const Comparison c = compare(g, {x}, {g.conv(back, {1, 4, 4, 8}, 3, 1, {1, 2, 2, 8})});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 1);
  EXPECT_EQ(c.distance(y, back), 0);
}

TEST(JoinConversions, NotToAnotherQuantization) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), real = g.tensor_of(TensorType::float32, {1, 6, 6, 8}),
            back = g.tensor({1, 6, 6, 8}, scaled(0.04f, -3));
  g.b.add_operator(BuiltinOperator::DEQUANTIZE, {x}, {real});
  g.b.add_operator(BuiltinOperator::QUANTIZE, {real}, {back});
  const Comparison c = compare(g, {x}, {back});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.removed(), 0);
}

TEST(Parts, QuantizeToTheSame) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), y = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8});
  const int same = g.unary(BuiltinOperator::QUANTIZE, y, {1, 4, 4, 8}),
            other = g.unary(BuiltinOperator::QUANTIZE, y, {1, 4, 4, 8}, scaled(0.1f, 0));
  const Comparison c = compare(g, {x}, {g.conv(same, {1, 4, 4, 8}, 3, 1, {1, 2, 2, 8}), other});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.distance(y, same), 0);
  EXPECT_NE(c.distance(y, other), 0);
}

// ---- Parts of a whole

TEST(Parts, AreJoinedWhereTheyAreMade) {
  for (const TensorType type : {TensorType::int8, TensorType::float32}) {
    Graph g(type);
    const int x = g.tensor({1, 6, 6, 8});
    const int a = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8}), b = g.conv(x, {1, 6, 6, 8}, 5, 1, {1, 2, 2, 8});
    const int flat_a = g.reshape(a, {1, 16, 8}), flat_b = g.reshape(b, {1, 4, 8});
    const int all = g.concatenation({flat_a, flat_b}, 1, {1, 20, 8});
    const Comparison c = compare(g, {x}, {g.unary(BuiltinOperator::LOGISTIC, all, {1, 20, 8}, scaled(1.0f / 256, -128))});
    EXPECT_EQ(c.problem, "");
    EXPECT_EQ(c.distance(all, a), 0);
    EXPECT_EQ(c.distance(all, b), type == TensorType::int8 ? 128 : 512);
    EXPECT_EQ(c.distance(b, flat_b), 0);
  }
}

TEST(Parts, AlternatingRowsAreCopied) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8});
  const int a = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8}), b = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8});
  const int all = g.concatenation({a, b}, 3, {1, 4, 4, 16});
  const Comparison c = compare(g, {x}, {all});
  EXPECT_EQ(c.problem, "");
  EXPECT_FALSE(c.distance(all, a) == 0 && c.distance(all, b) == 8);
}

TEST(Parts, TwiceTheSame) {
  Graph g;
  const int x = g.tensor({1, 6, 6, 8}), a = g.conv(x, {1, 6, 6, 8}, 3, 1, {1, 4, 4, 8});
  const Comparison c = compare(g, {x}, {g.concatenation({a, a}, 1, {1, 8, 4, 8}), g.concatenation({a, a, a}, 1, {1, 12, 4, 8})});
  EXPECT_EQ(c.problem, "");
}

TEST(Parts, OfInputsOfTheGraphAndConstants) {
  Graph g;
  const int x = g.tensor({1, 2, 3}), y = g.tensor({1, 2, 3}),
            w = g.b.add_constant({.name = "k", .shape = {1, 1, 3}, .quantization = usual}, std::vector<std::int8_t>{1, 2, 3});
  // The second part would lie askew, and callers write to it.
  const int all = g.concatenation({x, y, w}, 1, {1, 5, 3});
  const Comparison c = compare(g, {x, y}, {all});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.distance(all, x), 0);
}

TEST(Parts, WholesOfWholes) {
  // Each layer's output joins all before it, as in densely connected networks.
  Graph g(TensorType::float32);
  const int x = g.tensor({1, 4, 4, 8});
  int all = g.conv(x, {1, 4, 4, 8}, 1, 1, {1, 4, 4, 8});
  std::vector<int> wholes;
  for (std::int32_t rows = 4; rows <= 8; rows *= 2) {
    const int next = g.conv(all, {1, rows, 4, 8}, 1, 1, {1, rows, 4, 8});
    all = g.concatenation({all, next}, 1, {1, 2 * rows, 4, 8});
    wholes.push_back(all);
  }
  const Comparison c = compare(g, {x}, {g.conv(all, {1, 16, 4, 8}, 1, 1, {1, 16, 4, 8})});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.distance(wholes[0], wholes[1]), 0);
}

TEST(Parts, OverwrittenOnlyAfterTheLastReader) {
  // Neg and its kin write over their inputs where they may: not over half of what is read again.
  Graph g(TensorType::float32);
  const int x = g.tensor({1, 4, 4, 8}), y = g.conv(x, {1, 4, 4, 8}, 1, 1, {1, 4, 4, 8});
  const int a = g.tensor({1, 2, 4, 8}), b = g.tensor({1, 2, 4, 8});
  g.b.add_operator(BuiltinOperator::SPLIT, {g.integers({1}, {1}), y}, {a, b}, [](auto& t) { return schema::CreateSplitOptions(t, 2); });
  const int na = g.unary(BuiltinOperator::NEG, a, {1, 2, 4, 8}), nb = g.unary(BuiltinOperator::NEG, b, {1, 2, 4, 8});
  const int sum = g.add(a, nb, {1, 2, 4, 8});
  const int all = g.concatenation({nb, na, sum}, 1, {1, 6, 4, 8});
  Comparison c = compare(g, {x}, {all});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.distance(y, a), 0);
  EXPECT_EQ(c.distance(y, b), 256);

  Graph overlapping(TensorType::float32);
  const int u = overlapping.tensor({1, 4, 8}), v = overlapping.unary(BuiltinOperator::NEG, u, {1, 4, 8});
  const auto slice = [&](std::int32_t row) {
    const int s = overlapping.tensor({1, 3, 8});
    overlapping.b.add_operator(BuiltinOperator::SLICE, {v, overlapping.integers({0, row, 0}), overlapping.integers({1, 3, 8})}, {s});
    return s;
  };
  const int s0 = slice(0), s1 = slice(1);
  c = compare(overlapping, {u}, {overlapping.add(s0, s1, {1, 3, 8})});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.distance(s0, s1), 32);
}

TEST(Parts, OfEveryOpThatTakesThemApart) {
  Graph g(TensorType::float32);
  const int x = g.tensor({3, 4, 4}), y = g.unary(BuiltinOperator::NEG, x, {3, 4, 4});
  const int packed_1 = g.tensor({4, 4}), packed_2 = g.tensor({4, 4}), packed_3 = g.tensor({4, 4});
  g.b.add_operator(BuiltinOperator::UNPACK, {y}, {packed_1, packed_2, packed_3},
                   [](auto& t) { return schema::CreateUnpackOptions(t, 3, 0); });
  const int one = g.tensor({1, 4, 4}), two = g.tensor({2, 4, 4});
  g.b.add_operator(BuiltinOperator::SPLIT_V, {y, g.integers({1, -1}), g.integers({0}, {1})}, {one, two},
                   [](auto& t) { return schema::CreateSplitVOptions(t, 2); });
  const int strided = g.tensor({4, 4}), every_second = g.tensor({3, 2, 4});
  g.b.add_operator(BuiltinOperator::STRIDED_SLICE, {y, g.integers({1, 0, 0}), g.integers({2, 0, 0}), g.integers({1, 1, 1})}, {strided},
                   [](auto& t) { return schema::CreateStridedSliceOptions(t, 0, 6, 0, 0, 1); });
  g.b.add_operator(BuiltinOperator::STRIDED_SLICE, {y, g.integers({0, 0, 0}), g.integers({3, 4, 4}), g.integers({1, 2, 1})}, {every_second},
                   [](auto& t) { return schema::CreateStridedSliceOptions(t, 0, 0, 0, 0, 0); });
  const int moved = g.tensor({1, 4, 1, 4});
  const int spread = g.reshape(strided, {1, 1, 4, 4});
  g.b.add_operator(BuiltinOperator::TRANSPOSE, {spread, g.integers({0, 2, 1, 3})}, {moved});
  const int again = g.tensor({2, 4, 4});
  g.b.add_operator(BuiltinOperator::PACK, {packed_3, packed_1}, {again}, [](auto& t) { return schema::CreatePackOptions(t, 2, 0); });
  const Comparison c = compare(g, {x}, {packed_2, one, two, strided, every_second, moved, again});
  EXPECT_EQ(c.problem, "");
  EXPECT_EQ(c.distance(y, packed_2), 64);
  EXPECT_EQ(c.distance(y, packed_3), 128);
  EXPECT_EQ(c.distance(y, one), 0);
  EXPECT_EQ(c.distance(y, two), 64);
  EXPECT_EQ(c.distance(y, strided), 64);
  EXPECT_EQ(c.distance(y, moved), 64);
  EXPECT_NE(c.distance(y, every_second), 0);
}

TEST(Parts, NotOfVariables) {
  Graph g(TensorType::float32);
  const int x = g.tensor({1, 4}),
            state = g.b.add_tensor({.name = "state", .type = TensorType::float32, .shape = {1, 4}, .is_variable = true});
  const int all = g.concatenation({x, state}, 0, {2, 4});
  const Comparison c = compare(g, {x}, {all});
  EXPECT_EQ(c.problem, "");
  EXPECT_NE(c.distance(all, state), 16);
}

TEST(Parts, NotWhereTheArenaWouldGrow) {
  // Early and late parts of a large whole: keeping room for it all along would cost more than the copy.
  Graph g(TensorType::float32);
  const int x = g.tensor({1, 1, 1, 64});
  const int early = g.conv(x, {1, 1, 1, 64}, 1, 1, {1, 1, 1, 4});
  int y = x;
  for (int i = 0; i < 3; ++i) y = g.conv(y, {1, 1, 1, 64}, 1, 1, {1, 1, 1, 64});
  const int all = g.concatenation({g.reshape(early, {1, 4}), g.reshape(y, {1, 64}), g.reshape(y, {1, 64})}, 1, {1, 132});
  const Comparison c = compare(g, {x}, {g.unary(BuiltinOperator::NEG, all, {1, 132})});
  EXPECT_EQ(c.problem, "");
}

TEST(Parts, RandomGraphsGiveTheSame) {
  std::mt19937 random(5);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 150; ++round) {
    Graph g(TensorType::float32);
    struct Known {
      int tensor;
      std::int32_t rows;
    };
    const int x = g.tensor({4, 5});
    std::vector<Known> known{{x, 4}};
    Dims outputs;
    for (int n = 0; n < 14; ++n) {
      const Known from = known[below(known.size())];
      switch (below(6)) {
        case 0: known.push_back({g.unary(BuiltinOperator::NEG, from.tensor, {from.rows, 5}), from.rows}); break;
        case 1: {
          const Known other = known[below(known.size())];
          if (other.rows + from.rows > 24) break;
          known.push_back({g.concatenation({from.tensor, other.tensor}, 0, {from.rows + other.rows, 5}), from.rows + other.rows});
          break;
        }
        case 2: {
          if (from.rows < 2) break;
          const auto first = static_cast<std::int32_t>(below(static_cast<std::size_t>(from.rows - 1)));
          const std::int32_t rows = 1 + static_cast<std::int32_t>(below(static_cast<std::size_t>(from.rows - first)));
          const int s = g.tensor({rows, 5});
          g.b.add_operator(BuiltinOperator::SLICE, {from.tensor, g.integers({first, 0}), g.integers({rows, 5})}, {s});
          known.push_back({s, rows});
          break;
        }
        case 3: {
          if (from.rows % 2 != 0) break;
          const int a = g.tensor({from.rows / 2, 5}), b = g.tensor({from.rows / 2, 5});
          g.b.add_operator(BuiltinOperator::SPLIT, {g.integers({0}, {1}), from.tensor}, {a, b},
                           [](auto& t) { return schema::CreateSplitOptions(t, 2); });
          known.push_back({a, from.rows / 2});
          known.push_back({b, from.rows / 2});
          break;
        }
        case 4: {
          for (const Known& other : known) {
            if (other.rows != from.rows || below(2) == 0) continue;
            known.push_back({g.add(from.tensor, other.tensor, {from.rows, 5}), from.rows});
            break;
          }
          break;
        }
        default: {
          const int reshaped = g.reshape(from.tensor, {from.rows * 5});
          known.push_back({g.reshape(reshaped, {from.rows, 5}), from.rows});
        }
      }
    }
    for (std::size_t k = 1; k < known.size(); ++k) {
      if (below(4) == 0 || k + 1 == known.size()) outputs.push_back(known[k].tensor);
    }
    if (outputs.empty()) continue;
    const Comparison c = compare(g, {x}, outputs);
    EXPECT_EQ(c.problem, "") << "round " << round;
  }
}

}  // namespace
