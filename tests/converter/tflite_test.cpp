// sources: support/all_ops.cpp
// libraries: tfl_converter
// .tflite files survive being read and written: same results, same bytes the second time, not larger than they were.

#include <gtest/gtest.h>

#include "converter/support.hpp"
#include "tools/converter/archive/zip.hpp"
#include "tools/converter/emit/metadata.hpp"
#include "tools/converter/emit/options_table.hpp"
#include "tools/converter/emit/runtime_version.hpp"
#include "tools/converter/emit/versions.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

std::vector<std::uint8_t> rewritten(std::span<const std::byte> file, std::string& problem) {
  Model model;
  Problems problems;
  std::vector<std::uint8_t> result;
  if (read_tflite(file, model, problems)) result = write_tflite(model, problems);
  problem = problems.text();
  return result;
}

TEST(Tflite, RealModelsSurvive) {
  const auto models = test::real_models();
  if (models.empty()) GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
  int run = 0;
  for (const auto& path : models) {
    SCOPED_TRACE(path.filename().string());
    const auto file = test::read_file(path);
    const bool valid = tfl::Model::from_memory(file).ok();
    std::string problem;
    const auto once = rewritten(file, problem);
    EXPECT_EQ(once.empty(), !valid) << problem;
    if (once.empty()) {
      EXPECT_FALSE(problem.empty());
      continue;
    }
    // Constants lie at multiples of 16 bytes, which some of the smallest files do without.
    EXPECT_LE(once.size(), file.size() + (file.size() < 2048 ? 64 : 0));
    EXPECT_EQ(rewritten(test::as_bytes(once), problem), once) << problem;
    const auto before = test::run(file), after = test::run(test::as_bytes(once));
    EXPECT_EQ(before.error, after.error);
    EXPECT_EQ(test::difference(after, before, 0), "");
    run += before.error.empty() ? 1 : 0;
  }
  EXPECT_GT(run, 60);
}

TEST(Tflite, OptionsComeBackByName) {
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = graph.add_tensor("x", TensorType::float32, {-1, 8, 8, 2});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {-1, 4, 4, 2});
  graph.set_inputs({x});
  graph.set_outputs({y});
  graph.append(B::MAX_POOL_2D, {x}, {y},
               {{"padding", std::string("VALID")},
                {"stride_w", std::int64_t{2}},
                {"stride_h", std::int64_t{2}},
                {"filter_width", std::int64_t{2}},
                {"filter_height", std::int64_t{2}},
                {"fused_activation_function", std::string("RELU6")}});
  model.signatures.push_back({"serve", 0, {{"in", x}}, {{"out", y}}});
  Problems problems;
  const auto bytes = write_tflite(model, problems);
  ASSERT_FALSE(problems.any()) << problems.text();
  Model again;
  ASSERT_TRUE(read_tflite(test::as_bytes(bytes), again, problems)) << problems.text();
  const Node& node = *again.main().nodes().front();
  EXPECT_EQ(node.attributes, graph.nodes().front()->attributes);
  EXPECT_EQ(again.main().inputs()[0]->shape, x->shape);
  ASSERT_EQ(again.signatures.size(), 1u);
  EXPECT_EQ(again.signatures[0].outputs[0].second, again.main().outputs()[0]);
}

TEST(Tflite, TellsWhatItCannotWrite) {
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = graph.add_tensor("x", TensorType::float32, {1});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {1});
  graph.set_inputs({x});
  graph.set_outputs({y});
  graph.append(Operation::source("tf.Foo"), {x}, {y})->source_name = "a/b";
  graph.append(B::SOFTMAX, {x}, {graph.add_tensor("z", TensorType::float32, {1})}, {{"alpha", 1.0}});
  graph.append(B::CONV_2D, {x}, {graph.add_tensor("w", TensorType::float32, {1})}, {{"padding", std::string("AROUND")}});
  Problems problems;
  EXPECT_TRUE(write_tflite(model, problems).empty());
  EXPECT_EQ(problems.count(), 3u);
  EXPECT_NE(problems.text().find("node 'a/b' (tf.Foo): has no translation"), std::string::npos);
  EXPECT_NE(problems.text().find("alpha"), std::string::npos);
  EXPECT_NE(problems.text().find("padding"), std::string::npos);
}

TEST(Tflite, MetadataLabelsAndTheOldestRuntime) {
  Model model;
  Graph& graph = model.add_graph("main");
  Tensor* x = graph.add_tensor("x", TensorType::float32, {1, 8, 8, 3});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {1, 8, 8, 3});
  graph.set_inputs({x});
  graph.set_outputs({y});
  graph.append(B::HARD_SWISH, {x}, {y});
  model.metadata.push_back({runtime_version_entry, {}});
  Problems problems;
  ModelDescription description{.name = "swish", .author = "nobody", .mean = {127.5f}, .deviation = {127.5f}};
  description.labels_name = "labels.txt";
  description.labels_text = "red\ngreen\nblue\n";
  describe_model(model, description, problems);
  const auto bytes = write_tflite(model, problems);
  ASSERT_FALSE(problems.any()) << problems.text();
  ASSERT_TRUE(ends_with_zip(bytes));
  Model again;
  ASSERT_TRUE(read_tflite(test::as_bytes(bytes), again, problems)) << problems.text();
  ASSERT_EQ(again.attached.size(), 1u);
  EXPECT_EQ(std::string(again.attached[0].data.begin(), again.attached[0].data.end()), description.labels_text);
  ASSERT_EQ(again.metadata.size(), 2u);
  EXPECT_EQ(std::string(again.metadata[0].data.begin(), again.metadata[0].data.begin() + 6), "1.15.0");
  const std::string table(again.metadata[1].data.begin(), again.metadata[1].data.end());
  EXPECT_EQ(table.substr(4, 4), "M001");
  for (const char* text : {"swish", "nobody", "labels.txt"}) EXPECT_NE(table.find(text), std::string::npos) << text;
  EXPECT_EQ(write_tflite(again, problems), bytes);

  description.labels_text = "red\n";
  describe_model(model, description, problems);
  EXPECT_NE(problems.text().find("no output has as many"), std::string::npos);
}

TEST(Tflite, EveryOperatorWithOptionsHasItsTable) {
  EXPECT_EQ(options_table_of(B::CONV_2D), "Conv2DOptions");
  EXPECT_EQ(options_table_of(B::MAX_POOL_2D), "Pool2DOptions");
  EXPECT_EQ(options_table_of(B::BATCH_MATMUL), "BatchMatMulOptions");
  EXPECT_EQ(options_table_of(B::STABLEHLO_PAD), "StablehloPadOptions");
  EXPECT_EQ(options_table_of(B::RELU), "");
}

}  // namespace
}  // namespace tfl::converter
