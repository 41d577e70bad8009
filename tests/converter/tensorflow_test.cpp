// libraries: tfl_converter
// needs: exceptions
// TensorFlow's frozen graphs and functions; saved_model_test.cpp has what is stored beside variables.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/converter/sample.hpp"
#include "tools/common/seeded_inputs.hpp"
#include "tools/converter/import/import.hpp"

#if defined(TFL_CONVERTER_WITH_TENSORFLOW)

namespace tfl::converter {
namespace {

class TextGraph {
 public:
  explicit TextGraph(const std::string& text) : path_((std::filesystem::path(testing::TempDir()) / "tfl_graph.pbtxt").string()) {
    std::ofstream(path_) << text;
  }
  ~TextGraph() { std::filesystem::remove(path_); }
  std::unique_ptr<Model> import(Problems& problems) const { return import_tensorflow(path_, {}, problems); }

 private:
  std::string path_;
};

TEST(TensorFlow, FrozenGraphGivesWhatPyTorchGives) {
  Problems problems;
  const auto model = import_tensorflow(sample("graph.pbtxt"), {}, problems);
  ASSERT_NE(model, nullptr) << problems.text();
  EXPECT_EQ(describe(*model->main().inputs()[0]), "float32[?,4,4,2]");
  // Shape, StridedSlice and Pack are gone: what they computed is known but for the batch.
  for (const auto& node : model->main().nodes())
    EXPECT_FALSE(node->is(BuiltinOperator::SHAPE) || node->is(BuiltinOperator::PACK)) << node->where();
  expect_sample_result(*model, "graph");
}

TEST(TensorFlow, ProblemsAreGathered) {
  Problems problems;
  const TextGraph graph(R"(
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { dim { size: 4 } } } } }
node { name: "a" op: "Fancy" input: "x" }
node { name: "b" op: "Fancier" input: "x" }
node { name: "y" op: "AddV2" input: "a" input: "b" })");
  EXPECT_EQ(graph.import(problems), nullptr);
  ASSERT_EQ(problems.count(), 2u) << problems.text();
  EXPECT_NE(problems.list()[0].text().find("node 'a' (tf.Fancy)"), std::string::npos) << problems.text();
}

TEST(TensorFlow, LoopsOfTheFirstVersionAreRefused) {
  Problems problems;
  const TextGraph graph(R"(
node { name: "a" op: "Relu" input: "b" }
node { name: "b" op: "Relu" input: "a" }
node { name: "y" op: "Relu" input: "b" })");
  EXPECT_EQ(graph.import(problems), nullptr);
  EXPECT_NE(problems.text().find("depends on itself"), std::string::npos) << problems.text();
}

TEST(TensorFlow, LoopsOverFunctions) {
  Problems problems;
  const TextGraph graph(R"(
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { } } } }
node { name: "y" op: "StatelessWhile" input: "x" attr { key: "cond" value { func { name: "less" } } } attr { key: "body" value { func { name: "twice" } } } }
library {
  function {
    signature { name: "less" input_arg { name: "v" type: DT_FLOAT } output_arg { name: "out" type: DT_BOOL } }
    node_def { name: "limit" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 100 } } } }
    node_def { name: "less" op: "Less" input: "v" input: "limit:output:0" }
    ret { key: "out" value: "less:z:0" }
  }
  function {
    signature { name: "twice" input_arg { name: "v" type: DT_FLOAT } output_arg { name: "out" type: DT_FLOAT } }
    node_def { name: "sum" op: "AddV2" input: "v" input: "v" }
    ret { key: "out" value: "sum:z:0" }
  }
})");
  const auto model = graph.import(problems);
  ASSERT_NE(model, nullptr) << problems.text();
  EXPECT_EQ(model->graphs.size(), 3u);
  const auto evaluator = Evaluator::make(*model, problems);
  ASSERT_NE(evaluator, nullptr) << problems.text();
  Bytes three(sizeof(float));
  const float value = 3;
  std::memcpy(three.data(), &value, sizeof value);
  ASSERT_EQ(evaluator->run({three}), "");
  float result = 0;
  std::memcpy(&result, evaluator->output(0).data(), sizeof result);
  EXPECT_EQ(result, 192);
}

TEST(TensorFlow, FunctionsThatCallEachOtherEndlessly) {
  Problems problems;
  const TextGraph graph(R"(
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { } } } }
node { name: "y" op: "PartitionedCall" input: "x" attr { key: "f" value { func { name: "f" } } } }
library {
  function {
    signature { name: "f" input_arg { name: "v" type: DT_FLOAT } output_arg { name: "out" type: DT_FLOAT } }
    node_def { name: "again" op: "PartitionedCall" input: "v" attr { key: "f" value { func { name: "f" } } } }
    ret { key: "out" value: "again:output:0" }
  }
})");
  EXPECT_EQ(graph.import(problems), nullptr);
  EXPECT_NE(problems.text().find("too deeply"), std::string::npos) << problems.text();
}

std::string constant(const std::string& name, const std::vector<int>& dims, const std::vector<float>& values) {
  std::string text =
      "node { name: \"" + name +
      "\" op: \"Const\" attr { key: \"dtype\" value { type: DT_FLOAT } } attr { key: \"value\" value { tensor { dtype: DT_FLOAT "
      "tensor_shape {";
  for (const int d : dims) text += " dim { size: " + std::to_string(d) + " }";
  text += " }";
  for (const float v : values) text += " float_val: " + std::to_string(v);
  return text + " } } } }\n";
}

std::vector<float> some_values(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  tools::SeededStream stream(seed);
  stream.fill(TensorType::float32, std::as_writable_bytes(std::span(values)));
  // As the text says them.
  for (float& v : values) v = std::stof(std::to_string(v));
  return values;
}

/// Keras' layers: gates side by side, [inputs, gates * units] and [units, gates * units].
struct PlainLayer {
  std::size_t inputs, units, gates;
  std::vector<float> kernel, recurrent, bias, state_bias;

  double gate(std::size_t g, std::size_t u, const float* x) const {
    double sum = static_cast<double>(bias[g * units + u]);
    for (std::size_t i = 0; i < inputs; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(kernel[(i * gates + g) * units + u]);
    return sum;
  }
  double of_state(std::size_t g, std::size_t u, const std::vector<double>& h) const {
    double sum = state_bias.empty() ? 0 : static_cast<double>(state_bias[g * units + u]);
    for (std::size_t i = 0; i < units; ++i) sum += h[i] * static_cast<double>(recurrent[(i * gates + g) * units + u]);
    return sum;
  }
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<double> plain_lstm(const PlainLayer& layer, const std::vector<float>& x) {
  std::vector<double> h(layer.units), c(layer.units);
  for (std::size_t at = 0; at < x.size(); at += layer.inputs) {
    const std::vector<double> before = h;
    for (std::size_t u = 0; u < layer.units; ++u) {
      const auto gate = [&](std::size_t g) { return layer.gate(g, u, x.data() + at) + layer.of_state(g, u, before); };
      c[u] = sigmoid(gate(1)) * c[u] + sigmoid(gate(0)) * std::tanh(gate(2));
      h[u] = sigmoid(gate(3)) * std::tanh(c[u]);
    }
  }
  return h;
}

std::vector<double> plain_gru(const PlainLayer& layer, const std::vector<float>& x) {
  std::vector<double> h(layer.units);
  for (std::size_t at = 0; at < x.size(); at += layer.inputs) {
    const std::vector<double> before = h;
    for (std::size_t u = 0; u < layer.units; ++u) {
      const auto of_input = [&](std::size_t g) { return layer.gate(g, u, x.data() + at); };
      const auto of_state = [&](std::size_t g) { return layer.of_state(g, u, before); };
      const double update = sigmoid(of_input(0) + of_state(0)), reset = sigmoid(of_input(1) + of_state(1));
      h[u] = update * before[u] + (1 - update) * std::tanh(of_input(2) + reset * of_state(2));
    }
  }
  return h;
}

/// A graph that calls the function of a Keras layer, whose body would be a loop over lists of tensors. The first state is zeros, as many as
/// the batch has rows.
std::string keras_layer_graph(const PlainLayer& layer, bool lstm, bool backwards) {
  const int inputs = static_cast<int>(layer.inputs), units = static_cast<int>(layer.units), columns = units * static_cast<int>(layer.gates);
  std::vector<float> bias = layer.bias;
  bias.insert(bias.end(), layer.state_bias.begin(), layer.state_bias.end());
  const std::vector<const char*> arguments = lstm ? std::vector{"x", "h", "c", "k", "r", "b"} : std::vector{"x", "h", "k", "r", "b"};
  std::string text =
      R"(node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "shape" value { shape { dim { size: -1 } dim { size: 5 } dim { size: 3 } } } } }
node { name: "shape" op: "Shape" input: "x" }
node { name: "zero" op: "Const" attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: 0 } } } }
node { name: "one" op: "Const" attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: 1 } } } }
node { name: "units" op: "Const" attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 2 } } } }
node { name: "batch" op: "StridedSlice" input: "shape" input: "zero" input: "one" input: "one" attr { key: "shrink_axis_mask" value { i: 1 } } }
node { name: "sizes" op: "Pack" input: "batch" input: "units" }
)" + constant("nothing", {}, {0}) +
      "node { name: \"zeros\" op: \"Fill\" input: \"sizes\" input: \"nothing\" }\n" + constant("kernel", {inputs, columns}, layer.kernel) +
      constant("recurrent", {units, columns}, layer.recurrent) +
      constant("bias", lstm ? std::vector{columns} : std::vector{2, columns}, bias) +
      "node { name: \"layer\" op: \"PartitionedCall\" input: \"x\" input: \"zeros\"";
  if (lstm) text += " input: \"zeros\"";
  text += " input: \"kernel\" input: \"recurrent\" input: \"bias\" attr { key: \"f\" value { func { name: \"standard\" } } } }\n";
  text += "node { name: \"y\" op: \"Identity\" input: \"layer\" }\nlibrary { function { signature { name: \"standard\"";
  for (const char* argument : arguments) text += std::string(" input_arg { name: \"") + argument + "\" type: DT_FLOAT }";
  text += " output_arg { name: \"last\" type: DT_FLOAT } }\n node_def { name: \"lists\" op: \"TensorListReserve\" input: \"x\" }";
  text += " ret { key: \"last\" value: \"lists:handle:0\" } attr { key: \"api_implements\" value { s: \"";
  text += std::string(lstm ? "lstm" : "gru") + "_b2f0\" } } attr { key: \"time_major\" value { b: false } }";
  text += std::string(" attr { key: \"go_backwards\" value { b: ") + (backwards ? "true" : "false") + " } } } }\n";
  return text;
}

class KerasFunctions : public testing::TestWithParam<std::pair<bool, bool>> {};

TEST_P(KerasFunctions, AreTheLayersThatTheySay) {
  const auto [lstm, backwards] = GetParam();
  const std::size_t gates = lstm ? 4 : 3, inputs = 3, units = 2;
  const PlainLayer layer{inputs,
                         units,
                         gates,
                         some_values(inputs * gates * units, 1),
                         some_values(units * gates * units, 2),
                         some_values(gates * units, 3),
                         lstm ? std::vector<float>() : some_values(gates * units, 4)};
  Problems problems;
  const auto model = TextGraph(keras_layer_graph(layer, lstm, backwards)).import(problems);
  ASSERT_NE(model, nullptr) << problems.text();
  std::size_t operators = 0;
  for (const auto& node : model->main().nodes()) operators += node->is(BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM) ? 1 : 0;
  EXPECT_EQ(operators, lstm ? 1u : 0u);
  std::vector<float> x = some_values(5 * inputs, 5), steps = x;
  if (backwards) {
    for (std::size_t i = 0; i < x.size(); ++i) steps[i] = x[(4 - i / inputs) * inputs + i % inputs];
  }
  const std::vector<double> wanted = lstm ? plain_lstm(layer, steps) : plain_gru(layer, steps);
  const auto evaluator = Evaluator::make(*model, problems);
  ASSERT_NE(evaluator, nullptr) << problems.text();
  Bytes bytes(x.size() * sizeof(float));
  std::memcpy(bytes.data(), x.data(), bytes.size());
  ASSERT_EQ(evaluator->run({bytes}), "");
  std::vector<float> got(units);
  ASSERT_EQ(evaluator->output(0).size(), units * sizeof(float));
  std::memcpy(got.data(), evaluator->output(0).data(), units * sizeof(float));
  for (std::size_t u = 0; u < units; ++u) EXPECT_NEAR(static_cast<double>(got[u]), wanted[u], 1e-5) << u;
}

INSTANTIATE_TEST_SUITE_P(All, KerasFunctions,
                         testing::Values(std::pair(true, false), std::pair(true, true), std::pair(false, false), std::pair(false, true)));

TEST(TensorFlow, DetectorsEndWithTheirCustomOperator) {
  Problems problems;
  const TextGraph graph(R"(
node { name: "boxes" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { dim { size: 1 } dim { size: 2 } dim { size: 4 } } } } }
node { name: "scores" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { dim { size: 1 } dim { size: 2 } dim { size: 2 } } } } }
)" + constant("anchors", {2, 4}, {0.5F, 0.5F, 1, 1, 0.5F, 0.5F, 0.2F, 0.2F}) +
                        R"(
node { name: "found" op: "TFLite_Detection_PostProcess" input: "boxes" input: "scores" input: "anchors"
  attr { key: "max_detections" value { i: 2 } } attr { key: "max_classes_per_detection" value { i: 1 } } attr { key: "num_classes" value { i: 1 } }
  attr { key: "nms_score_threshold" value { f: 0.3 } } attr { key: "nms_iou_threshold" value { f: 0.6 } }
  attr { key: "y_scale" value { f: 10 } } attr { key: "x_scale" value { f: 10 } } attr { key: "h_scale" value { f: 5 } } attr { key: "w_scale" value { f: 5 } } }
node { name: "place" op: "Identity" input: "found" }
node { name: "label" op: "Identity" input: "found:1" }
node { name: "sure" op: "Identity" input: "found:2" }
node { name: "count" op: "Identity" input: "found:3" })");
  const auto model = graph.import(problems);
  ASSERT_NE(model, nullptr) << problems.text();
  const auto evaluator = Evaluator::make(*model, problems);
  ASSERT_NE(evaluator, nullptr) << problems.text();
  const std::vector<float> scores{0.1F, 0.2F, 0.1F, 0.9F};
  Bytes nothing(8 * sizeof(float)), bytes(scores.size() * sizeof(float));
  std::memcpy(bytes.data(), scores.data(), bytes.size());
  ASSERT_EQ(evaluator->run({nothing, bytes}), "");
  std::vector<float> box(8), count(1);
  std::memcpy(box.data(), evaluator->output(0).data(), box.size() * sizeof(float));
  std::memcpy(count.data(), evaluator->output(3).data(), sizeof(float));
  EXPECT_EQ(count[0], 1);
  for (const auto& [i, wanted] : {std::pair(0u, 0.4F), std::pair(1u, 0.4F), std::pair(2u, 0.6F), std::pair(3u, 0.6F)})
    EXPECT_NEAR(box[i], wanted, 1e-6F) << i;
}

}  // namespace
}  // namespace tfl::converter

#endif
