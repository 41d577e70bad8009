// sources: support/all_ops.cpp
// libraries: tfl_converter
// Passes: real models give the same results afterwards in fewer nodes; each pass does what it says, and leaves what it must.

#include <gtest/gtest.h>

#include <algorithm>

#include "converter/support.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

TEST(Optimize, RealModelsGiveTheSameResults) {
  const auto models = test::real_models();
  if (models.empty()) GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
  for (const auto& path : models) {
    SCOPED_TRACE(path.filename().string());
    const auto file = test::read_file(path);
    Model model;
    Problems problems;
    if (!read_tflite(file, model, problems)) continue;
    std::size_t before = 0, after = 0;
    for (const auto& graph : model.graphs) before += graph->size();
    optimize(model, {});
    for (const auto& graph : model.graphs) after += graph->size();
    EXPECT_LE(after, before);
    const auto bytes = write_tflite(model, problems);
    ASSERT_FALSE(bytes.empty()) << problems.text();
    EXPECT_LE(bytes.size(), file.size() + (file.size() < 2048 ? 64 : 0));
    const auto want = test::run(file), got = test::run(test::as_bytes(bytes));
    EXPECT_EQ(want.error.empty(), got.error.empty()) << want.error << " / " << got.error;
    EXPECT_EQ(want.error.empty() ? test::difference(got, want, 1e-5f) : std::string(), "");
  }
}

/// A graph from x[1, 4, 4, 2] to y, run before and after a pass.
struct Fixture {
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = graph.add_tensor("x", TensorType::float32, {1, 4, 4, 2});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {1, 4, 4, 2});
  Fixture() {
    graph.set_inputs({x});
    graph.set_outputs({y});
  }
  Tensor* like_x(const char* name) { return graph.add_tensor(name, TensorType::float32, x->shape); }
  Tensor* floats(std::vector<float> values, std::vector<std::int32_t> shape) {
    return graph.add_constant("constant", std::move(shape), values);
  }
  Tensor* integers(const std::vector<std::int32_t>& values, std::vector<std::int32_t> shape) {
    return graph.add_constant("integers", std::move(shape), values);
  }
  Tensor* weights(std::vector<std::int32_t> shape) {
    std::size_t count = 1;
    for (const std::int32_t d : shape) count *= static_cast<std::size_t>(d);
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = 0.25f * static_cast<float>(i % 7) - 0.6f;
    return floats(std::move(values), std::move(shape));
  }
  test::Outputs run() const {
    Problems problems;
    const auto bytes = write_tflite(model, problems);
    return bytes.empty() ? test::Outputs{problems.text()} : test::run(test::as_bytes(bytes));
  }
  /// Optimizes; the results must stay. Returns the operators that are left.
  std::vector<B> optimized(float relative = 1e-5f) {
    const test::Outputs before = run();
    EXPECT_EQ(before.error, "");
    optimize(model, {});
    const test::Outputs after = run();
    EXPECT_EQ(after.error, "");
    EXPECT_EQ(test::difference(after, before, relative), "");
    EXPECT_EQ(graph.outputs()[0]->name, "y");
    std::vector<B> codes;
    for (const auto& node : graph.nodes()) codes.push_back(node->operation.code());
    return codes;
  }
};

const Attributes unit_strides{{"stride_w", std::int64_t{1}}, {"stride_h", std::int64_t{1}}};

TEST(Optimize, BatchNormalizationAndActivationGoIntoTheConvolution) {
  Fixture f;
  Tensor *a = f.like_x("a"), *b = f.like_x("b"), *c = f.like_x("c");
  f.graph.append(B::CONV_2D, {f.x, f.weights({2, 3, 3, 2}), f.floats({0.5f, -1}, {2})}, {a}, unit_strides);
  f.graph.append(B::MUL, {a, f.floats({2, -0.5f}, {2})}, {b});
  f.graph.append(B::ADD, {f.floats({0.125f, 1}, {1, 1, 1, 2}), b}, {c});
  f.graph.append(B::RELU6, {c}, {f.y});
  EXPECT_EQ(f.optimized(), std::vector<B>{B::CONV_2D});
  EXPECT_EQ(f.graph.nodes().front()->attributes.text("fused_activation_function"), "RELU6");
}

TEST(Optimize, DepthwiseWeightsHaveTheirChannelsLast) {
  Fixture f;
  Tensor* a = f.like_x("a");
  Attributes options = unit_strides;
  options.set("depth_multiplier", 1);
  f.graph.append(B::DEPTHWISE_CONV_2D, {f.x, f.weights({1, 3, 3, 2}), f.floats({0, 0}, {2})}, {a}, options);
  f.graph.append(B::MUL, {a, f.floats({3, -2}, {2})}, {f.y});
  EXPECT_EQ(f.optimized(), std::vector<B>{B::DEPTHWISE_CONV_2D});
}

TEST(Optimize, WhatOthersReadStays) {
  Fixture f;
  Tensor *a = f.like_x("a"), *b = f.like_x("b");
  f.graph.append(B::CONV_2D, {f.x, f.weights({2, 1, 1, 2}), f.floats({0, 0}, {2})}, {a}, unit_strides);
  f.graph.append(B::RELU, {a}, {b});
  f.graph.append(B::SUB, {a, b}, {f.y});
  EXPECT_EQ(f.optimized().size(), 3u);
}

TEST(Optimize, PaddingThatSameWouldDo) {
  for (const std::int32_t before : {1, 2}) {
    Fixture f;
    Tensor* padded = f.graph.add_tensor("padded", TensorType::float32, {1, 6, 6, 2});
    f.graph.append(B::PAD, {f.x, f.integers({0, 0, before, 2 - before, 1, 1, 0, 0}, {4, 2})}, {padded});
    Attributes options = unit_strides;
    options.set("padding", "VALID");
    f.graph.append(B::CONV_2D, {padded, f.weights({2, 3, 3, 2}), f.floats({1, 2}, {2})}, {f.y}, options);
    EXPECT_EQ(f.optimized().size(), before == 1 ? 1u : 2u);
  }
}

TEST(Optimize, DilatedConvolutions) {
  Fixture f;
  Tensor* split = f.graph.add_tensor("split", TensorType::float32, {4, 4, 4, 2});
  Tensor* inner = f.graph.add_tensor("inner", TensorType::float32, {4, 2, 2, 2});
  f.graph.append(B::SPACE_TO_BATCH_ND, {f.x, f.integers({2, 2}, {2}), f.integers({2, 2, 2, 2}, {2, 2})}, {split});
  Attributes options = unit_strides;
  options.set("padding", "VALID");
  f.graph.append(B::CONV_2D, {split, f.weights({2, 3, 3, 2}), f.floats({1, 2}, {2})}, {inner}, options);
  f.graph.append(B::BATCH_TO_SPACE_ND, {inner, f.integers({2, 2}, {2}), f.integers({0, 0, 0, 0}, {2, 2})}, {f.y});
  EXPECT_EQ(f.optimized(), std::vector<B>{B::CONV_2D});
  EXPECT_EQ(f.graph.nodes().front()->attributes.integer("dilation_h_factor"), 2);
  EXPECT_EQ(f.graph.nodes().front()->attributes.text("padding"), "SAME");
}

TEST(Optimize, HardSwishInEveryWayOfWritingIt) {
  for (int way = 0; way < 3; ++way) {
    Fixture f;
    Tensor *a = f.like_x("a"), *b = f.like_x("b"), *c = f.like_x("c");
    f.graph.append(B::ADD, {f.x, f.floats({3}, {})}, {a});
    f.graph.append(B::RELU6, {a}, {b});
    if (way == 0) {
      f.graph.append(B::MUL, {f.x, b}, {c});
      f.graph.append(B::MUL, {c, f.floats({1.0f / 6}, {})}, {f.y});
    } else if (way == 1) {
      f.graph.append(B::MUL, {b, f.floats({1.0f / 6}, {})}, {c});
      f.graph.append(B::MUL, {f.x, c}, {f.y});
    } else {
      f.graph.append(B::MUL, {b, f.x}, {c});
      f.graph.append(B::DIV, {c, f.floats({6}, {})}, {f.y});
    }
    EXPECT_EQ(f.optimized(), std::vector<B>{B::HARD_SWISH}) << way;
  }
}

TEST(Optimize, OtherPatterns) {
  {
    Fixture f;
    Tensor *a = f.like_x("a"), *s = f.graph.add_tensor("s", TensorType::float32, {1, 4, 4, 1});
    Tensor *m = f.graph.add_tensor("m", TensorType::float32, {1, 4, 4, 1}), *r = f.graph.add_tensor("r", TensorType::float32, {1, 4, 4, 1});
    f.graph.append(B::SQUARE, {f.x}, {a});
    f.graph.append(B::SUM, {a, f.integers({3}, {1})}, {s}, {{"keep_dims", true}});
    f.graph.append(B::MAXIMUM, {s, f.floats({1e-12f}, {})}, {m});
    f.graph.append(B::RSQRT, {m}, {r});
    f.graph.append(B::MUL, {f.x, r}, {f.y});
    EXPECT_EQ(f.optimized(), std::vector<B>{B::L2_NORMALIZATION});
  }
  {
    Fixture f;
    Tensor* a = f.like_x("a");
    f.graph.append(B::MUL, {f.x, f.floats({0.125f}, {})}, {a});
    f.graph.append(B::MAXIMUM, {a, f.x}, {f.y});
    EXPECT_EQ(f.optimized(), std::vector<B>{B::LEAKY_RELU});
  }
  {
    Fixture f;
    Tensor* a = f.like_x("a");
    f.graph.append(B::SUB, {f.x, f.floats({0.5f}, {})}, {a});
    f.graph.append(B::MUL, {a, a}, {f.y});
    EXPECT_EQ(f.optimized(), std::vector<B>{B::SQUARED_DIFFERENCE});
  }
}

TEST(Optimize, TransposesAndReshapesCancel) {
  Fixture f;
  Tensor* a = f.graph.add_tensor("a", TensorType::float32, {1, 2, 4, 4});
  Tensor* b = f.graph.add_tensor("b", TensorType::float32, {1, 4, 4, 2});
  Tensor* c = f.graph.add_tensor("c", TensorType::float32, {32});
  Tensor* d = f.graph.add_tensor("d", TensorType::float32, {1, 4, 4, 2});
  f.graph.append(B::TRANSPOSE, {f.x, f.integers({0, 3, 1, 2}, {4})}, {a});
  f.graph.append(B::TRANSPOSE, {a, f.integers({0, 2, 3, 1}, {4})}, {b});
  f.graph.append(B::RESHAPE, {b, f.integers({32}, {1})}, {c});
  f.graph.append(B::RESHAPE, {c, f.integers({1, 4, 4, 2}, {4})}, {d});
  f.graph.append(B::ABS, {d}, {f.y});
  EXPECT_EQ(f.optimized(), std::vector<B>{B::ABS});
}

TEST(Optimize, GeluByItsTangent) {
  Fixture f;
  Tensor *square = f.like_x("square"), *cube = f.like_x("cube"), *small = f.like_x("small"), *sum = f.like_x("sum"),
         *scaled = f.like_x("scaled");
  Tensor *tangent = f.like_x("tangent"), *one = f.like_x("one"), *product = f.like_x("product");
  f.graph.append(B::MUL, {f.x, f.x}, {square});
  f.graph.append(B::MUL, {square, f.x}, {cube});
  f.graph.append(B::MUL, {cube, f.floats({0.044715f}, {})}, {small});
  f.graph.append(B::ADD, {f.x, small}, {sum});
  f.graph.append(B::MUL, {f.floats({0.7978846f}, {}), sum}, {scaled});
  f.graph.append(B::TANH, {scaled}, {tangent});
  f.graph.append(B::ADD, {tangent, f.floats({1}, {})}, {one});
  f.graph.append(B::MUL, {f.x, one}, {product});
  f.graph.append(B::MUL, {product, f.floats({0.5f}, {})}, {f.y});
  EXPECT_EQ(f.optimized(1e-4f), std::vector<B>{B::GELU});
  EXPECT_TRUE(f.graph.nodes().front()->attributes.boolean("approximate"));
}

TEST(Optimize, SoftmaxByItsExponentials) {
  Fixture f;
  Tensor *shifted = f.like_x("shifted"), *exponential = f.like_x("exponential");
  Tensor* most = f.graph.add_tensor("most", TensorType::float32, {1, 4, 4, 1});
  Tensor* sum = f.graph.add_tensor("sum", TensorType::float32, {1, 4, 4, 1});
  const Attributes keep{{"keep_dims", true}};
  f.graph.append(B::REDUCE_MAX, {f.x, f.integers({3}, {1})}, {most}, keep);
  f.graph.append(B::SUB, {f.x, most}, {shifted});
  f.graph.append(B::EXP, {shifted}, {exponential});
  f.graph.append(B::SUM, {exponential, f.integers({-1}, {1})}, {sum}, keep);
  f.graph.append(B::DIV, {exponential, sum}, {f.y});
  EXPECT_EQ(f.optimized(), std::vector<B>{B::SOFTMAX});
}

TEST(Optimize, LayerNormalizationBySingleOperators) {
  Fixture f;
  Tensor *apart = f.like_x("apart"), *squares = f.like_x("squares"), *quotient = f.like_x("quotient");
  const auto of_rows = [&](const char* name) { return f.graph.add_tensor(name, TensorType::float32, {1, 4, 4, 1}); };
  Tensor *mean = of_rows("mean"), *variance = of_rows("variance"), *more = of_rows("more"), *root = of_rows("root");
  const Attributes keep{{"keep_dims", true}};
  f.graph.append(B::MEAN, {f.x, f.integers({3}, {1})}, {mean}, keep);
  f.graph.append(B::SUB, {f.x, mean}, {apart});
  f.graph.append(B::SQUARE, {apart}, {squares});
  f.graph.append(B::MEAN, {squares, f.integers({3}, {1})}, {variance}, keep);
  f.graph.append(B::ADD, {variance, f.floats({1e-3f}, {})}, {more});
  f.graph.append(B::SQRT, {more}, {root});
  f.graph.append(B::DIV, {apart, root}, {quotient});
  f.graph.append(B::MUL, {quotient, f.floats({2, -3}, {2})}, {f.y});
  EXPECT_EQ(f.optimized(), (std::vector<B>{B::MEAN, B::SUB, B::SQUARED_DIFFERENCE, B::MEAN, B::ADD, B::RSQRT, B::MUL, B::MUL}));
}

TEST(Optimize, TransposesSinkToEachOther) {
  Fixture f;
  Tensor* a = f.graph.add_tensor("a", TensorType::float32, {1, 2, 4, 4});
  Tensor* b = f.graph.add_tensor("b", TensorType::float32, {1, 2, 4, 4});
  Tensor* c = f.graph.add_tensor("c", TensorType::float32, {1, 2, 4, 4});
  Tensor* d = f.graph.add_tensor("d", TensorType::float32, {1, 2, 4, 4});
  f.graph.append(B::TRANSPOSE, {f.x, f.integers({0, 3, 1, 2}, {4})}, {a});
  f.graph.append(B::MUL, {a, f.floats({3, -2}, {2, 1, 1})}, {b});
  f.graph.append(B::LOGISTIC, {b}, {c});
  f.graph.append(B::ADD, {f.floats({0.5f}, {}), c}, {d});
  f.graph.append(B::TRANSPOSE, {d, f.integers({0, 2, 3, 1}, {4})}, {f.y});
  EXPECT_EQ(f.optimized(), (std::vector<B>{B::MUL, B::LOGISTIC, B::ADD}));
}

TEST(Optimize, TransposesThatMeetNoneStay) {
  Fixture f;
  f.y->shape = {1, 2, 4, 4};
  Tensor* a = f.graph.add_tensor("a", TensorType::float32, {1, 2, 4, 4});
  f.graph.append(B::TRANSPOSE, {f.x, f.integers({0, 3, 1, 2}, {4})}, {a});
  f.graph.append(B::LOGISTIC, {a}, {f.y});
  EXPECT_EQ(f.optimized(), (std::vector<B>{B::TRANSPOSE, B::LOGISTIC}));
}

TEST(Optimize, ConstantsAreComputedAndEqualNodesMerged) {
  Fixture f;
  Tensor* constant = f.graph.add_tensor("sum", TensorType::float32, {2});
  Tensor *a = f.like_x("a"), *b = f.like_x("b");
  f.graph.append(B::ADD, {f.floats({1, 2}, {2}), f.floats({3, 4}, {2})}, {constant});
  f.graph.append(B::SUB, {f.x, constant}, {a});
  f.graph.append(B::SUB, {f.x, f.floats({4, 6}, {2})}, {b});
  f.graph.append(B::ADD, {a, b}, {f.y});
  const std::vector<B> left = f.optimized();
  EXPECT_EQ(left, (std::vector<B>{B::SUB, B::ADD}));
}

TEST(Optimize, PassesCanBeTurnedOffAndWatched) {
  Fixture f;
  Tensor* a = f.like_x("a");
  f.graph.append(B::ADD, {f.x, f.x}, {a});
  f.graph.append(B::RELU, {a}, {f.y});
  std::vector<std::string> seen;
  OptimizeOptions options;
  options.without = {"fuse-activations"};
  options.after = [&](const Pass& pass, const Model&) { seen.push_back(pass.name); };
  optimize(f.model, options);
  EXPECT_EQ(f.graph.size(), 2u);
  options.without.clear();
  optimize(f.model, options);
  EXPECT_EQ(f.graph.size(), 1u);
  EXPECT_NE(std::find(seen.begin(), seen.end(), "fuse-activations"), seen.end());
}

}  // namespace
}  // namespace tfl::converter
