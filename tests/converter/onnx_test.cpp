// libraries: tfl_converter
// needs: exceptions
// ONNX models of PyTorch: the same results, no TRANSPOSE inside of convolutional trunks, and clear words about what is not supported.
// The models of samples/ were made by scripts/make_import_samples.py.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/converter/onnx_graph.hpp"
#include "tests/converter/sample.hpp"
#include "tools/converter/import/import.hpp"
#include "tools/converter/passes/channels_last.hpp"

#if defined(TFL_CONVERTER_WITH_ONNX)

namespace tfl::converter {
namespace {

std::unique_ptr<Model> import_sample(const std::string& name) {
  Problems problems;
  auto model = import_onnx(sample(name + ".onnx"), problems);
  EXPECT_EQ(problems.text(), "");
  return model;
}

std::size_t count(const Graph& graph, BuiltinOperator code) {
  std::size_t result = 0;
  for (const auto& node : graph.nodes()) result += node->is(code) ? 1 : 0;
  return result;
}

class OnnxSamples : public testing::TestWithParam<const char*> {};

TEST_P(OnnxSamples, GiveWhatPyTorchGives) {
  const auto model = import_sample(GetParam());
  ASSERT_NE(model, nullptr);
  expect_sample_result(*model, GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, OnnxSamples,
                         testing::Values("block", "segmenter", "shuffled", "lstm", "bilstm", "gru", "rnn", "encoder", "loop", "resnet18",
                                         "mobilenet_v2", "unet"));

TEST(Onnx, TrunksAreChannelsLast) {
  // One at the input, and one at the output where that is an image too. Flattened channels permute the weights behind them.
  EXPECT_EQ(count(import_sample("block")->main(), BuiltinOperator::TRANSPOSE), 1u);
  EXPECT_EQ(count(import_sample("segmenter")->main(), BuiltinOperator::TRANSPOSE), 2u);
  EXPECT_EQ(count(import_sample("resnet18")->main(), BuiltinOperator::TRANSPOSE), 1u);
  EXPECT_EQ(count(import_sample("mobilenet_v2")->main(), BuiltinOperator::TRANSPOSE), 1u);
  EXPECT_EQ(count(import_sample("unet")->main(), BuiltinOperator::TRANSPOSE), 2u);
  // batch_first of PyTorch is what the operator wants: the exporter's transposes cancel.
  EXPECT_EQ(count(import_sample("lstm")->main(), BuiltinOperator::TRANSPOSE), 0u);
  EXPECT_EQ(count(import_sample("lstm")->main(), BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM), 1u);
  EXPECT_EQ(count(import_sample("encoder")->main(), BuiltinOperator::GELU), 1u);
}

TEST(Onnx, NamesAndUnknownBatch) {
  const auto model = import_sample("segmenter");
  EXPECT_EQ(describe(*model->main().inputs()[0]), "float32[?,2,8,8]");
  EXPECT_EQ(model->main().inputs()[0]->name, "x");
  EXPECT_EQ(model->main().outputs()[0]->name, "y");
  ASSERT_EQ(model->signatures.size(), 1u);
  EXPECT_EQ(model->signatures[0].outputs[0].first, "y");
}

/// A file whose bytes were changed, removed when the test ends.
class Changed {
 public:
  explicit Changed(std::string bytes) : path_((std::filesystem::path(testing::TempDir()) / "tfl_changed.onnx").string()) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~Changed() { std::filesystem::remove(path_); }
  std::string import() const {
    Problems problems;
    EXPECT_EQ(import_onnx(path_, problems), nullptr);
    return problems.text();
  }

 private:
  std::string path_;
};

std::string file_of(const std::string& name) {
  std::ifstream file(sample(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

TEST(Onnx, TellsAllProblemsAtOnce) {
  const std::string text = Changed(replaced(replaced(file_of("block.onnx"), "HardSwish", "HardSwosh"), "MaxPool", "MixPool")).import();
  EXPECT_NE(text.find("onnx.MixPool"), std::string::npos) << text;
  EXPECT_NE(text.find("not supported"), std::string::npos) << text;
  // What follows from a problem is none of its own.
  EXPECT_EQ(text.find("onnx.Add)"), std::string::npos) << text;
}

TEST(Onnx, ImagesWithTheirChannelsLast) {
  const auto model = import_sample("unet");
  ASSERT_EQ(move_channels_last(*model), 2);
  EXPECT_EQ(count(model->main(), BuiltinOperator::TRANSPOSE), 0u);
  EXPECT_EQ(describe(*model->main().inputs()[0]), "float32[1,16,16,3]");
  EXPECT_EQ(describe(*model->main().outputs()[0]), "float32[1,16,16,2]");
  EXPECT_EQ(model->main().outputs()[0]->name, "y");
}

TEST(Onnx, FilesThatAreNone) {
  EXPECT_NE(Changed("").import(), "");
  EXPECT_NE(Changed("no model at all").import(), "");
}

// ---- If, Loop and Scan, written here

using test::Message;

/// y = condition ? (x + x) + one : x * x, where x + x is computed outside; in the else branch as a graph inside of it.
Message choice() {
  Message yes, no, graph;
  yes.message(1, test::onnx_node("Add", {"double", "one"}, {"a"})).message(12, test::onnx_value("a", {2}));
  no.message(1, test::onnx_node("Mul", {"x", "x"}, {"b"})).message(12, test::onnx_value("b", {2}));
  return graph.message(1, test::onnx_node("Add", {"x", "x"}, {"double"}))
      .message(1, test::onnx_node("If", {"condition"}, {"y"}, {test::onnx_graph("then_branch", yes), test::onnx_graph("else_branch", no)}))
      .message(5, test::onnx_tensor<float>("one", {1}, test::onnx_float, {1}))
      .message(11, test::onnx_value("x", {2}))
      .message(12, test::onnx_value("y", {2}));
}

TEST(OnnxControlFlow, If) {
  Problems problems;
  const auto model = import_graph(choice().message(11, test::onnx_value("condition", {}, test::onnx_bool)), problems);
  ASSERT_NE(model, nullptr) << problems.text();
  EXPECT_EQ(model->graphs.size(), 3u);
  const Bytes x = bytes_of<float>({3, 4});
  EXPECT_EQ(run(*model, {x, {1}})[0], (std::vector<float>{7, 9}));
  EXPECT_EQ(run(*model, {x, {0}})[0], (std::vector<float>{9, 16}));
}

TEST(OnnxControlFlow, IfWhoseConditionIsKnown) {
  Problems problems;
  const auto model = import_graph(choice().message(5, test::onnx_tensor<std::uint8_t>("condition", {}, test::onnx_bool, {0})), problems);
  ASSERT_NE(model, nullptr) << problems.text();
  EXPECT_EQ(model->graphs.size(), 1u);
  EXPECT_EQ(run(*model, {bytes_of<float>({3, 4})})[0], (std::vector<float>{9, 16}));
}

/// v = v * factor + step, which each step gives, too; goes on while v < 100, where `ends`.
Message loop(bool ends, std::int64_t steps, const char* state_shape = "v_out") {
  Message body, graph;
  body.message(1, test::onnx_node("Cast", {"i"}, {"i_float"}, {test::onnx_integer("to", 1)}))
      .message(1, test::onnx_node("Mul", {"v", "factor"}, {"product"}))
      .message(1, test::onnx_node("Add", {"product", "i_float"}, {"v_out"}))
      .message(1, test::onnx_node("Concat", {"v_out", "v_out"}, {"longer"}, {test::onnx_integer("axis", 0)}))
      .message(1, test::onnx_node("ReduceMax", {"v_out"}, {"largest"}, {test::onnx_integer("keepdims", 0)}))
      .message(1, test::onnx_node("Less", {"largest", "hundred"}, {"small"}))
      .message(1, test::onnx_node("Identity", {"keep"}, {"always"}));
  body.message(11, test::onnx_value("i", {}, test::onnx_int64)).message(11, test::onnx_value("keep", {}, test::onnx_bool));
  body.message(11, test::onnx_value("v", {2}));
  body.message(12, test::onnx_value(ends ? "small" : "always", {}, test::onnx_bool)).message(12, test::onnx_value(state_shape, {2}));
  body.message(12, test::onnx_value("v_out", {2}));
  return graph.message(1, test::onnx_node("Add", {"two", "two"}, {"factor"}))
      .message(1, test::onnx_node("Loop", {"steps", "", "x"}, {"y", "all"}, {test::onnx_graph("body", body)}))
      .message(5, test::onnx_tensor<std::int64_t>("steps", {}, test::onnx_int64, {steps}))
      .message(5, test::onnx_tensor<float>("hundred", {}, test::onnx_float, {100}))
      .message(11, test::onnx_value("x", {2}))
      .message(11, test::onnx_value("two", {1}))
      .message(12, test::onnx_value("y", {2}))
      .message(12, test::onnx_value("all", {3, 2}));
}

TEST(OnnxControlFlow, LoopOfSomeSteps) {
  Problems problems;
  const auto model = import_graph(loop(false, 3), problems);
  ASSERT_NE(model, nullptr) << problems.text();
  EXPECT_EQ(count(model->main(), BuiltinOperator::WHILE), 1u);
  const auto results = run(*model, {bytes_of<float>({1, 2}), bytes_of<float>({1})});
  EXPECT_EQ(results[0], (std::vector<float>{12, 20}));
  EXPECT_EQ(results[1], (std::vector<float>{2, 4, 5, 9, 12, 20}));
}

TEST(OnnxControlFlow, LoopThatEndsBefore) {
  Problems problems;
  const auto model = import_graph(loop(true, 40), problems);
  ASSERT_NE(model, nullptr) << problems.text();
  const auto results = run(*model, {bytes_of<float>({10, 20}), bytes_of<float>({1})});
  EXPECT_EQ(results[0], (std::vector<float>{84, 164}));
  EXPECT_EQ(results[1], (std::vector<float>{20, 40, 41, 81, 84, 164}));
}

TEST(OnnxControlFlow, LoopsThatAreRefused) {
  Problems changes, endless, unknown;
  EXPECT_EQ(import_graph(loop(false, 3, "longer"), changes), nullptr);
  EXPECT_NE(changes.text().find("before a step"), std::string::npos) << changes.text();
  EXPECT_EQ(import_graph(loop(false, std::int64_t{0x7FFFFFFFFFFFFFFF}), endless), nullptr);
  EXPECT_NE(endless.text().find("how many steps"), std::string::npos) << endless.text();
  Message body, graph;
  body.message(1, test::onnx_node("Fancy", {"outer"}, {"result"})).message(12, test::onnx_value("result", {1}));
  graph
      .message(1,
               test::onnx_node("If", {"condition"}, {"y"}, {test::onnx_graph("then_branch", body), test::onnx_graph("else_branch", body)}))
      .message(11, test::onnx_value("condition", {}, test::onnx_bool))
      .message(11, test::onnx_value("outer", {1}))
      .message(12, test::onnx_value("y", {1}));
  EXPECT_EQ(import_graph(graph, unknown), nullptr);
  EXPECT_NE(unknown.text().find("(onnx.Fancy): this operator is not supported"), std::string::npos) << unknown.text();
  EXPECT_EQ(unknown.text().find("onnx.If"), std::string::npos) << unknown.text();
}

/// Sums along the second axis, backwards, each put at the end of a new axis behind the first one.
TEST(OnnxControlFlow, Scan) {
  Message body, graph;
  body.message(1, test::onnx_node("Add", {"sum", "x_i"}, {"next"})).message(1, test::onnx_node("Identity", {"next"}, {"given"}));
  body.message(11, test::onnx_value("sum", {2})).message(11, test::onnx_value("x_i", {2}));
  body.message(12, test::onnx_value("next", {2})).message(12, test::onnx_value("given", {2}));
  graph
      .message(1, test::onnx_node("Scan", {"zero", "x"}, {"total", "sums"},
                                  {test::onnx_graph("body", body), test::onnx_integer("num_scan_inputs", 1),
                                   test::onnx_integers("scan_input_axes", {1}), test::onnx_integers("scan_input_directions", {1}),
                                   test::onnx_integers("scan_output_axes", {1}), test::onnx_integers("scan_output_directions", {1})}))
      .message(11, test::onnx_value("zero", {2}))
      .message(11, test::onnx_value("x", {2, 3}))
      .message(12, test::onnx_value("total", {2}))
      .message(12, test::onnx_value("sums", {2, 3}));
  Problems problems;
  const auto model = import_graph(graph, problems);
  ASSERT_NE(model, nullptr) << problems.text();
  const auto results = run(*model, {bytes_of<float>({0, 100}), bytes_of<float>({1, 2, 3, 4, 5, 6})});
  EXPECT_EQ(results[0], (std::vector<float>{6, 115}));
  EXPECT_EQ(results[1], (std::vector<float>{6, 5, 3, 115, 111, 106}));
}

TEST(Onnx, SumsByFormula) {
  const auto sum = [](const char* formula, std::initializer_list<std::uint64_t> a, std::initializer_list<std::uint64_t> b,
                      const std::vector<float>& x, const std::vector<float>& y) {
    Message graph;
    graph.message(1, test::onnx_node("Einsum", {"a", "b"}, {"y"}, {test::onnx_text("equation", formula)}))
        .message(11, test::onnx_value("a", a))
        .message(11, test::onnx_value("b", b))
        .message(12, test::onnx_value("y", {}));
    Problems problems;
    const auto model = import_graph(graph, problems);
    EXPECT_NE(model, nullptr) << problems.text();
    return model == nullptr ? std::vector<float>() : run(*model, {bytes_of(x), bytes_of(y)})[0];
  };
  const std::vector<float> x{1, 2, 3, 4}, y{5, 6, 7, 8};
  EXPECT_EQ(sum("ij,jk->ik", {2, 2}, {2, 2}, x, y), (std::vector<float>{19, 22, 43, 50}));
  EXPECT_EQ(sum("ij,jk->ki", {2, 2}, {2, 2}, x, y), (std::vector<float>{19, 43, 22, 50}));
  EXPECT_EQ(sum("bi, bi -> b", {2, 2}, {2, 2}, x, y), (std::vector<float>{17, 53}));
  EXPECT_EQ(sum("i,j", {2}, {2}, {1, 2}, {3, 4}), (std::vector<float>{3, 4, 6, 8}));
  EXPECT_EQ(sum("...ij,...kj->...ik", {1, 2, 2}, {1, 2, 2}, x, y), (std::vector<float>{17, 23, 39, 53}));
  EXPECT_EQ(sum("abc,cde->abde", {1, 2, 2}, {2, 2, 1}, x, y), (std::vector<float>{19, 22, 43, 50}));
  EXPECT_EQ(sum("ij,kl->k", {2, 2}, {2, 2}, x, y), (std::vector<float>{110, 150}));
}

}  // namespace
}  // namespace tfl::converter

#endif
