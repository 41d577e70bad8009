// sources: support/all_ops.cpp
// libraries: tfl_converter
// Quantization after training: the integers that TensorFlow's own converter wrote, from the same floats and the same ranges.

#include "tools/converter/quantize/quantize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "converter/compare.hpp"
#include "converter/support.hpp"
#include "tfl/quant/quantize.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;
namespace fs = std::filesystem;

const fs::path models = fs::path(TFL_TEST_DATA) / "models" / "mlperf_tiny";

using test::compare_graphs;
using test::load;
using test::nodes_of;
using test::rewrite;

TEST(Quantize, ResNetFromStoredRangesEqualsTensorFlows) {
  Model model, reference;
  if (!load(models / "pretrainedResnet.tflite", model) || !load(models / "pretrainedResnet_quant.tflite", reference))
    GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
  const auto floats = nodes_of(model), integers = nodes_of(reference);
  ASSERT_EQ(floats.size(), integers.size());
  const auto copy_range = [](Tensor* to, const Tensor* from) {
    to->quantization.min = from->quantization.min;
    to->quantization.max = from->quantization.max;
  };
  copy_range(model.main().inputs()[0], reference.main().inputs()[0]);
  for (std::size_t n = 0; n < floats.size(); ++n) copy_range(floats[n]->output(), integers[n]->output());
  Problems problems;
  QuantizeOptions options;
  options.input_output = TensorType::int8;
  options.per_channel_dense = false;
  ASSERT_TRUE(quantize_integers(model, options, problems)) << problems.text();
  Model again;
  rewrite(model, again);
  EXPECT_LE(compare_graphs(again, reference, 3e-7), 2);
}

TEST(Quantize, AutoencoderWithDynamicRangeEqualsTensorFlows) {
  Model model, reference;
  if (!load(models / "ad01_fp32.tflite", model) || !load(models / "model_ToyCar_quant.tflite", reference))
    GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
  Problems problems;
  ASSERT_TRUE(quantize_weights(model, {}, problems)) << problems.text();
  Model again;
  rewrite(model, again);
  EXPECT_EQ(compare_graphs(again, reference, 1e-7), 0);
}

/// x -> CONV_2D -> y, and x -> AVERAGE_POOL_2D -> z; CONCATENATION(y, z); SOFTMAX
struct Branches {
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = tensor("x", {1, 4, 4, 2}, -1, 1);
  Tensor* y = tensor("y", {1, 4, 4, 3}, 0, 6);
  Tensor* z = tensor("z", {1, 4, 4, 2}, -1, 1);
  Tensor* joined = tensor("joined", {1, 4, 4, 5}, -1, 6);
  Tensor* result = tensor("result", {1, 4, 4, 5}, 0, 1);
  Node *conv, *pool, *join, *softmax;

  Tensor* tensor(const char* name, std::vector<std::int32_t> shape, float min, float max) {
    Tensor* t = graph.add_tensor(name, TensorType::float32, std::move(shape));
    t->quantization.min = {min};
    t->quantization.max = {max};
    return t;
  }
  Branches() {
    std::vector<float> weights(6), bias{0.5f, -0.25f, 0.125f};
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0.1f * static_cast<float>(i) - 0.2f;
    Tensor* w = graph.add_constant("w", {3, 1, 1, 2}, weights);
    Tensor* b = graph.add_constant("b", {3}, bias);
    const Attributes window{{"stride_w", std::int64_t{1}}, {"stride_h", std::int64_t{1}}};
    conv = graph.append(B::CONV_2D, {x, w, b}, {y}, window);
    pool = graph.append(B::AVERAGE_POOL_2D, {x}, {z}, window);
    pool->attributes.set("filter_width", 2);
    pool->attributes.set("filter_height", 2);
    join = graph.append(B::CONCATENATION, {y, z}, {joined}, {{"axis", std::int64_t{3}}});
    softmax = graph.append(B::SOFTMAX, {joined}, {result}, {{"beta", 1.0}});
    graph.set_inputs({x});
    graph.set_outputs({result});
    model.signatures.push_back({"serving_default", 0, {{"in", x}}, {{"out", result}}});
  }
  test::Outputs run() const {
    Problems problems;
    const auto bytes = write_tflite(model, problems);
    return bytes.empty() ? test::Outputs{problems.text()} : test::run(test::as_bytes(bytes));
  }
};

double worst_difference(const test::Outputs& a, const test::Outputs& b) {
  double worst = 0;
  for (std::size_t at = 0; at + sizeof(float) <= std::min(a.data[0].size(), b.data[0].size()); at += sizeof(float)) {
    float x = 0, y = 0;
    std::memcpy(&x, a.data[0].data() + at, sizeof(float));
    std::memcpy(&y, b.data[0].data() + at, sizeof(float));
    worst = std::max(worst, std::fabs(double{x} - double{y}));
  }
  return worst;
}

TEST(Quantize, JoinedTensorsShareParametersAndFixedOutputsKeepTheirs) {
  Branches b;
  const test::Outputs real = b.run();
  ASSERT_EQ(real.error, "");
  Problems problems;
  ASSERT_TRUE(quantize_integers(b.model, {}, problems)) << problems.text();
  EXPECT_EQ(b.join->output()->quantization, b.join->input(0)->quantization);
  EXPECT_EQ(b.join->output()->quantization, b.join->input(1)->quantization);
  EXPECT_FLOAT_EQ(b.softmax->output()->quantization.scales[0], 1.0f / 256);
  // The pool's input is the model's input, whose range the concatenation took over; the convolution reads the same integers.
  EXPECT_EQ(b.pool->input(0), b.conv->input(0));
  const test::Outputs integers = b.run();
  ASSERT_EQ(integers.error, "");
  EXPECT_LT(worst_difference(real, integers), 0.03);
}

TEST(Quantize, TypesOfInputsAndOutputs) {
  for (const TensorType type : {TensorType::float32, TensorType::int8, TensorType::uint8}) {
    Branches b;
    QuantizeOptions options;
    options.input_output = type;
    Problems problems;
    ASSERT_TRUE(quantize_integers(b.model, options, problems)) << problems.text();
    EXPECT_EQ(b.graph.inputs()[0]->type, type);
    EXPECT_EQ(b.graph.outputs()[0]->type, type);
    EXPECT_EQ(b.graph.outputs()[0]->name, "result");
    EXPECT_EQ(b.model.signatures[0].outputs[0].second, b.graph.outputs()[0]);
    EXPECT_EQ(b.run().error, "") << name_of(type);
    EXPECT_EQ(b.graph.size(), type == TensorType::int8 ? 4u : 6u);
  }
}

TEST(Quantize, NodesThatStayInFloatGetConversions) {
  Branches b;
  const test::Outputs real = b.run();
  QuantizeOptions options;
  options.keep_float = {"y"};
  Problems problems;
  ASSERT_TRUE(quantize_integers(b.model, options, problems)) << problems.text();
  EXPECT_EQ(b.conv->input(1)->type, TensorType::float32);
  EXPECT_EQ(b.conv->output()->type, TensorType::float32);
  EXPECT_EQ(b.join->input(0)->type, TensorType::int8);
  const test::Outputs mixed = b.run();
  ASSERT_EQ(mixed.error, "");
  EXPECT_LT(worst_difference(real, mixed), 0.03);
}

TEST(Quantize, SixteenBitsAreCloser) {
  Branches b;
  const test::Outputs real = b.run();
  QuantizeOptions options;
  options.activations = TensorType::int16;
  Problems problems;
  ASSERT_TRUE(quantize_integers(b.model, options, problems)) << problems.text();
  EXPECT_EQ(b.conv->input(2)->type, TensorType::int64);
  const test::Outputs shorts = b.run();
  ASSERT_EQ(shorts.error, "");
  EXPECT_LT(worst_difference(real, shorts), 0.003);
}

TEST(Quantize, FourBitWeights) {
  Branches b;
  const test::Outputs real = b.run();
  QuantizeOptions options;
  options.weights = TensorType::int4;
  Problems problems;
  ASSERT_TRUE(quantize_integers(b.model, options, problems)) << problems.text();
  EXPECT_EQ(b.conv->input(1)->type, TensorType::int4);
  EXPECT_EQ(b.conv->input(1)->data->size(), 3u);
  const test::Outputs small = b.run();
  ASSERT_EQ(small.error, "");
  EXPECT_LT(worst_difference(real, small), 0.1);
}

TEST(Quantize, HalfWeightsStandBehindDequantize) {
  Branches b;
  const test::Outputs real = b.run();
  WeightOptions options;
  options.weights = TensorType::float16;
  options.fewest_elements = 4;
  Problems problems;
  ASSERT_TRUE(quantize_weights(b.model, options, problems)) << problems.text();
  ASSERT_NE(b.conv->input(1)->producer, nullptr);
  EXPECT_EQ(b.conv->input(1)->producer->input(0)->type, TensorType::float16);
  EXPECT_EQ(b.conv->input(2)->producer, nullptr);
  const test::Outputs half = b.run();
  ASSERT_EQ(half.error, "");
  EXPECT_LT(worst_difference(real, half), 0.001);
}

TEST(Quantize, TensorsWithoutRangeAreAllTold) {
  Branches b;
  b.x->quantization = {};
  b.joined->quantization = {};
  b.y->quantization = {};
  Problems problems;
  EXPECT_FALSE(quantize_integers(b.model, {}, problems));
  EXPECT_NE(problems.text().find("'x'"), std::string::npos);
  EXPECT_NE(problems.text().find("'y'"), std::string::npos);
  EXPECT_NE(problems.text().find("calibrate"), std::string::npos);
}

TEST(Quantize, ABiasBesideTinyWeightsWidensTheScale) {
  Branches b;
  Tensor* w = b.conv->input(1);
  std::vector<float> weights(6, 0.0f);
  weights[0] = 1.0f;
  w->data = make_data(std::span<const float>(weights));
  Problems problems;
  ASSERT_TRUE(quantize_integers(b.model, {}, problems)) << problems.text();
  const std::vector<std::int64_t> bias = b.conv->input(2)->integers();
  // As near as a scale in float allows.
  EXPECT_NEAR(static_cast<double>(-bias[1]), static_cast<double>(quant::bias_limit), 128);
  EXPECT_EQ(b.run().error, "");
}

}  // namespace
}  // namespace tfl::converter
