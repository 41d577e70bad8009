// sources: support/all_ops.cpp
// libraries: tfl_converter
// Quantization after training: the integers that TensorFlow's own converter wrote, from the same floats and the same ranges.

#include "tools/converter/quantize/quantize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "converter/compare.hpp"
#include "converter/support.hpp"
#include "tfl/quant/quantize.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/evaluate/evaluator.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"
#include "tools/converter/quantize/compress.hpp"
#include "tools/converter/quantize/prepare.hpp"
#include "tools/converter/quantize/report.hpp"

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

/// x[1, 64] -> FULLY_CONNECTED -> y[1, 8]
struct Dense {
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = graph.add_tensor("x", TensorType::float32, {1, 64});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {1, 8});
  Node* node;

  explicit Dense(const std::vector<float>& weights) {
    node = graph.append(B::FULLY_CONNECTED, {x, graph.add_constant("w", {8, 64}, weights), nullptr}, {y});
    graph.set_inputs({x});
    graph.set_outputs({y});
  }
  test::Outputs run() const {
    Problems problems;
    const auto bytes = write_tflite(model, problems);
    return bytes.empty() ? test::Outputs{problems.text()} : test::run(test::as_bytes(bytes));
  }
};

std::vector<float> waves(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::sin(0.7f * static_cast<float>(i)) * (i < count / 2 ? 0.01f : 1.0f);
  return values;
}

TEST(Quantize, BlocksOfEmbeddingsHaveScalesOfTheirOwn) {
  const std::vector<float> values = waves(512);
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = graph.add_tensor("x", TensorType::int32, {8});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {8, 64});
  Node* node = graph.append(B::EMBEDDING_LOOKUP, {x, graph.add_constant("table", {8, 64}, values)}, {y});
  graph.set_inputs({x});
  graph.set_outputs({y});
  WeightOptions options{TensorType::int4};
  options.fewest_elements = 1;
  options.block_size = 32;
  Problems problems;
  ASSERT_TRUE(quantize_weights(model, options, problems)) << problems.text();
  ASSERT_NE(node->input(1)->quantization.block_scales, nullptr);
  EXPECT_EQ(describe(*node->input(1)->quantization.block_scales), "float16[8,2]");
  EXPECT_EQ(node->input(1)->data->size(), 256u);
  const auto evaluator = Evaluator::make(model, problems);
  ASSERT_NE(evaluator, nullptr) << problems.text();
  Bytes indices(8 * sizeof(std::int32_t));
  for (std::uint8_t i = 0; i < 8; ++i) indices[i * sizeof(std::int32_t)] = i;
  ASSERT_EQ(evaluator->run({indices}), "");
  const Bytes rows = evaluator->output(0);
  ASSERT_EQ(rows.size(), values.size() * sizeof(float));
  for (std::size_t i = 0; i < values.size(); ++i) {
    // The first rows are a hundredth of the last ones; their steps are, too.
    EXPECT_NEAR(real_value(*y, rows, i), static_cast<double>(values[i]), i < 256 ? 0.0008 : 0.08) << i;
  }
}

TEST(Quantize, BlocksOfDenseLayersHaveScalesOfTheirOwn) {
  std::vector<float> weights(512);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = std::sin(0.7f * static_cast<float>(i)) * (i % 64 < 32 ? 0.01f : 1.0f);
  Dense d(weights);
  const test::Outputs before = d.run();
  WeightOptions options{TensorType::int4};
  options.fewest_elements = 1;
  options.block_size = 32;
  Problems problems;
  ASSERT_TRUE(quantize_weights(d.model, options, problems)) << problems.text();
  const Tensor& packed = *d.node->input(1);
  ASSERT_NE(packed.quantization.block_scales, nullptr);
  EXPECT_EQ(describe(*packed.quantization.block_scales), "float16[8,2]");
  ASSERT_EQ(packed.data->size(), 256u);
  // A scale for the whole row would make zeros of its first half.
  int zeros = 0;
  for (std::size_t i = 0; i < 16; ++i) zeros += (*packed.data)[i] == 0 ? 1 : 0;
  EXPECT_LE(zeros, 2);
  const test::Outputs after = d.run();
  ASSERT_EQ(after.error, "");
  ASSERT_EQ(before.error, "");
  for (std::size_t i = 0; i < 8; ++i) {
    float got = 0, want = 0;
    std::memcpy(&got, after.data[0].data() + 4 * i, 4);
    std::memcpy(&want, before.data[0].data() + 4 * i, 4);
    EXPECT_NEAR(got, want, 1.0f) << i;
    EXPECT_NE(got, 0) << i;
  }
}

TEST(Quantize, SparseWeightsTakeLessAndGiveTheSame) {
  for (const bool sparse : {true, false}) {
    std::vector<float> weights = waves(512);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = sparse && i / 4 % 4 != 1 ? 0.0f : weights[i];
    Dense d(weights);
    const test::Outputs before = d.run();
    EXPECT_EQ(encode_sparse_weights(d.model), sparse ? 1 : 0);
    if (!sparse) continue;
    ASSERT_NE(d.node->input(1)->sparsity, nullptr);
    EXPECT_EQ(d.node->input(1)->data->size(), 512u);  // a quarter
    const test::Outputs after = d.run();
    ASSERT_EQ(after.error, "");
    EXPECT_EQ(test::difference(after, before, 0), "");
  }
}

TEST(Quantize, ClusteredWeightsHaveFewValuesAndKeepZero) {
  std::vector<float> weights = waves(512);
  weights[3] = 0;
  Dense d(weights);
  ASSERT_EQ(cluster_weights(d.model, 16), 1);
  const std::span<const float> values = d.node->input(1)->values<float>();
  EXPECT_LE(std::set<float>(values.begin(), values.end()).size(), 16u);
  EXPECT_EQ(values[3], 0);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], weights[i], 0.13f) << i;
  EXPECT_EQ(cluster_weights(d.model, 16), 0);
}

TEST(Quantize, RangesThatTrainingLearnedAreAbsorbed) {
  Branches b;
  Tensor* trained = b.graph.add_tensor("trained", TensorType::float32, b.y->shape);
  b.y->quantization = {};
  b.graph.set_input(b.join, 0, trained);
  b.graph.insert_after(b.conv, B::FAKE_QUANT, {b.y}, {trained}, {{"min", -0.5}, {"max", 3.5}, {"num_bits", std::int64_t{8}}});
  // Weights that the importer stored channel by channel.
  Tensor* stored = b.graph.add_constant("stored", {3, 1, 1, 2}, std::vector<std::int8_t>{127, -64, 1, 2, 3, -127});
  stored->quantization.scales = {0.5f, 0.25f, 2};
  stored->quantization.zero_points = {0, 0, 0};
  Tensor* weights = b.graph.add_tensor("weights", TensorType::float32, stored->shape);
  b.graph.insert_before(b.conv, B::DEQUANTIZE, {stored}, {weights});
  b.graph.set_input(b.conv, 1, weights);
  ASSERT_EQ(absorb_fake_quant(b.model), 2);
  ASSERT_TRUE(weights->is_constant());
  EXPECT_EQ(weights->values<float>()[1], -32);
  EXPECT_EQ(weights->values<float>()[5], -254);
  EXPECT_EQ(b.join->input(0), b.y);
  EXPECT_EQ(b.y->quantization.min, std::vector<float>{-0.5f});
  EXPECT_EQ(b.y->quantization.max, std::vector<float>{3.5f});
  // Calibration leaves them where it is told to.
  const std::vector<std::vector<Bytes>> samples{{Bytes(32 * sizeof(float))}};
  Problems problems;
  CalibrateOptions options;
  options.keeps_ranges = true;
  ASSERT_TRUE(calibrate(b.model, samples, options, problems)) << problems.text();
  EXPECT_EQ(b.y->quantization.max, std::vector<float>{3.5f});
}

/// Two convolutions of four channels whose weights differ a thousandfold between channels.
struct Uneven {
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = graph.add_tensor("x", TensorType::float32, {1, 6, 6, 4});
  Tensor* a = graph.add_tensor("a", TensorType::float32, {1, 6, 6, 4});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {1, 6, 6, 4});
  Node *first, *second;

  Uneven() {
    std::vector<float> depthwise = waves(36), pointwise = waves(16), bias{0.1f, 20, -0.01f, 3};
    for (std::size_t i = 0; i < depthwise.size(); ++i)
      depthwise[i] = (0.2f + std::fabs(depthwise[i])) * (i % 4 == 1 ? 100.0f : i % 4 == 2 ? 0.1f : 1.0f);
    Attributes window{{"stride_w", std::int64_t{1}}, {"stride_h", std::int64_t{1}}, {"fused_activation_function", std::string("RELU")}};
    second =
        graph.append(B::CONV_2D, {a, graph.add_constant("w2", {4, 1, 1, 4}, pointwise), graph.add_constant("b2", {4}, bias)}, {y}, window);
    window.set("depth_multiplier", 1);
    first = graph.insert_before(second, B::DEPTHWISE_CONV_2D,
                                {x, graph.add_constant("w1", {1, 3, 3, 4}, depthwise), graph.add_constant("b1", {4}, bias)}, {a}, window);
    graph.set_inputs({x});
    graph.set_outputs({y});
  }
  test::Outputs run() const {
    Problems problems;
    const auto bytes = write_tflite(model, problems);
    return bytes.empty() ? test::Outputs{problems.text()} : test::run(test::as_bytes(bytes));
  }
  std::vector<std::vector<Bytes>> samples() const {
    std::vector<std::vector<Bytes>> result(4);
    std::uint32_t seed = 1;
    for (auto& sample : result) {
      sample.emplace_back(144 * sizeof(float));
      tools::SeededStream(seed++).fill(TensorType::float32, std::as_writable_bytes(std::span(sample[0])));
    }
    return result;
  }
};

TEST(Quantize, EqualizedChannelsComputeTheSame) {
  Uneven u;
  const test::Outputs before = u.run();
  ASSERT_EQ(before.error, "");
  ASSERT_EQ(equalize_channels(u.model), 1);
  EXPECT_EQ(test::difference(u.run(), before, 1e-4f), "");
  std::vector<float> one(4), two(4);
  for (std::size_t i = 0; i < 36; ++i) one[i % 4] = std::max(one[i % 4], std::fabs(u.first->input(1)->values<float>()[i]));
  for (std::size_t i = 0; i < 16; ++i) two[i % 4] = std::max(two[i % 4], std::fabs(u.second->input(1)->values<float>()[i]));
  for (std::size_t c = 0; c < 4; ++c) EXPECT_NEAR(one[c] / two[c], 1, 1e-3) << c;
}

/// How far the mean of the outputs moved, worst channel, without and with corrected biases.
double shift_of_means(bool corrects) {
  Uneven u;
  ChannelMeans means;
  Problems problems;
  CalibrateOptions calibration;
  calibration.channel_means = &means;
  EXPECT_TRUE(calibrate(u.model, u.samples(), calibration, problems)) << problems.text();
  QuantizeOptions options;
  options.per_channel = false;
  if (corrects) options.channel_means = &means;
  EXPECT_TRUE(quantize_integers(u.model, options, problems)) << problems.text();
  const auto evaluator = Evaluator::make(u.model, problems);
  std::vector<double> sums(4, 0.0);
  for (const auto& sample : u.samples()) {
    EXPECT_EQ(evaluator->run(sample), "");
    const Bytes output = evaluator->output(0);
    for (std::size_t i = 0; i < 144; ++i) sums[i % 4] += real_value(*u.model.main().outputs()[0], output, i) / (4 * 36);
  }
  double worst = 0;
  for (std::size_t c = 0; c < 4; ++c) worst = std::max(worst, std::fabs(sums[c] - means.at("y")[c]) / (1 + std::fabs(means.at("y")[c])));
  return worst;
}

TEST(Quantize, CorrectedBiasesKeepTheMeans) {
  const double without = shift_of_means(false), with = shift_of_means(true);
  EXPECT_LT(with, without / 2) << without;
}

TEST(Quantize, ReportsWhatEachLayerLoses) {
  Uneven exact, u;
  Problems problems;
  ASSERT_TRUE(calibrate(u.model, u.samples(), {}, problems)) << problems.text();
  QuantizeOptions options;
  options.per_channel = false;
  ASSERT_TRUE(quantize_integers(u.model, options, problems)) << problems.text();
  const auto layers = compare_layers(exact.model, u.model, u.samples(), problems);
  ASSERT_EQ(layers.size(), 2u) << problems.text();
  EXPECT_EQ(layers[0].tensor, "a");
  EXPECT_EQ(layers[0].operation, "DEPTHWISE_CONV_2D");
  EXPECT_EQ(layers[0].deviation.count, 4 * 144);
  EXPECT_GT(layers[0].deviation.ratio(), 10);
  EXPECT_LT(layers[0].deviation.ratio(), 60);
  std::int64_t counted = 0;
  for (const std::int64_t bin : layers[0].histogram) counted += bin;
  EXPECT_EQ(counted, layers[0].deviation.count);
  const std::string page = report_page("<b>", layers, 4);
  EXPECT_NE(page.find("&lt;b&gt;"), std::string::npos);
  EXPECT_NE(page.find("DEPTHWISE_CONV_2D"), std::string::npos);
  EXPECT_NE(page.find("<svg"), std::string::npos);
}

}  // namespace
}  // namespace tfl::converter
