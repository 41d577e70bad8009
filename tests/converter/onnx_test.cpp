// libraries: tfl_converter
// needs: exceptions
// ONNX models of PyTorch: the same results, no TRANSPOSE inside of convolutional trunks, and clear words about what is not supported.
// The models of samples/ were made by scripts/make_import_samples.py.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

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
                         testing::Values("block", "segmenter", "shuffled", "lstm", "bilstm", "gru", "rnn", "encoder", "resnet18",
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

std::string bytes_of(const std::string& name) {
  std::ifstream file(sample(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

TEST(Onnx, TellsAllProblemsAtOnce) {
  const std::string text = Changed(replaced(replaced(bytes_of("block.onnx"), "HardSwish", "HardSwosh"), "MaxPool", "MixPool")).import();
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

}  // namespace
}  // namespace tfl::converter

#endif
