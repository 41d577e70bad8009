// libraries: tfl_converter
// needs: exceptions
// TensorFlow's frozen graphs and functions; saved_model_test.cpp has what is stored beside variables.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/converter/sample.hpp"
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

}  // namespace
}  // namespace tfl::converter

#endif
