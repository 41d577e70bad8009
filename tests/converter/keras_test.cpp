// libraries: tfl_converter
// needs: exceptions
// Keras models: what their layers become, and what is said about the ones that can't be read.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/converter/sample.hpp"
#include "tools/converter/emit/metadata.hpp"
#include "tools/converter/import/import.hpp"

#if defined(TFL_CONVERTER_WITH_KERAS)

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

std::string source(const std::string& name) { return TFL_TEST_DATA "/models/source/" + name; }

std::map<std::string, int> operators(const Graph& graph) {
  std::map<std::string, int> counts;
  for (const auto& node : graph.nodes()) ++counts[std::string(node->operation.name())];
  return counts;
}

std::unique_ptr<Model> import_source(const std::string& name) {
  Problems problems;
  auto model = import_keras(source(name), problems);
  EXPECT_EQ(problems.text(), "");
  return model;
}

class KerasModels : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(source(""))) GTEST_SKIP() << "no " << source("");
  }
};

TEST_F(KerasModels, KeywordSpotterOfDepthwiseConvolutions) {
  const auto model = import_source("str_ww_ref_model.h5");
  ASSERT_NE(model, nullptr);
  // Batch normalization is a product and a sum here: later passes fold them into the convolutions.
  EXPECT_EQ(operators(model->main()), (std::map<std::string, int>{{"ADD", 4},
                                                                  {"CONV_2D", 4},
                                                                  {"DEPTHWISE_CONV_2D", 4},
                                                                  {"FULLY_CONNECTED", 1},
                                                                  {"MUL", 4},
                                                                  {"RELU", 4},
                                                                  {"RESHAPE", 1},
                                                                  {"SOFTMAX", 1}}));
  EXPECT_EQ(describe(*model->main().inputs()[0]), "float32[?,30,1,40]");
  EXPECT_EQ(model->main().outputs()[0]->shape.size(), 2u);
  ASSERT_EQ(model->signatures.size(), 1u);
  EXPECT_EQ(model->signatures[0].inputs[0].first, "input_1");
}

TEST_F(KerasModels, ResidualNetworkAndAutoencoder) {
  const auto residual = import_source("pretrainedResnet.h5");
  ASSERT_NE(residual, nullptr);
  EXPECT_EQ(operators(residual->main()), (std::map<std::string, int>{{"ADD", 10},
                                                                     {"AVERAGE_POOL_2D", 1},
                                                                     {"CONV_2D", 9},
                                                                     {"FULLY_CONNECTED", 1},
                                                                     {"MUL", 7},
                                                                     {"RELU", 7},
                                                                     {"RESHAPE", 1},
                                                                     {"SOFTMAX", 1}}));
  const auto autoencoder = import_source("ad01.h5");
  ASSERT_NE(autoencoder, nullptr);
  EXPECT_EQ(operators(autoencoder->main()), (std::map<std::string, int>{{"ADD", 9}, {"FULLY_CONNECTED", 10}, {"MUL", 9}, {"RELU", 9}}));
}

TEST(Keras, BothFormatsOfFiles) {
  // Made by scripts/make_import_samples.py: the same weights, by name and by number.
  for (const char* file : {"image.h5", "image.keras"}) {
    Problems problems;
    const auto model = import_keras(sample(file), problems);
    ASSERT_NE(model, nullptr) << problems.text();
    expect_sample_result(*model, "image");
  }
}

TEST(Keras, RecurrentLayersInBothDirections) {
  Problems problems;
  const auto model = import_keras(sample("sequence.h5"), problems);
  ASSERT_NE(model, nullptr) << problems.text();
  expect_sample_result(*model, "sequence");
}

TEST(Keras, HostileFiles) {
  const Bytes original = sample_bytes("image.keras");
  const std::string path = (std::filesystem::path(testing::TempDir()) / "tfl_mutated.keras").string();
  const auto write = [&](const Bytes& bytes) {
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  for (std::size_t size = 0; size < original.size(); size += 200) {
    Problems problems;
    write(Bytes(original.begin(), original.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_EQ(import_keras(path, problems), nullptr);
    EXPECT_TRUE(problems.any());
  }
  // Every byte in turn: an error or a model, but never a crash.
  Problems problems;
  for (std::size_t at = 0; at < original.size(); at += 5) {
    Bytes bytes = original;
    bytes[at] ^= 0x2A;
    write(bytes);
    import_keras(path, problems);
  }
  EXPECT_TRUE(problems.any());
  std::filesystem::remove(path);
}

TEST(Keras, DescriptionsAsJson) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / "tfl_description";
  fs::create_directories(folder);
  std::ofstream(folder / "labels.txt") << "cat\ndog\n";
  const auto read = [&](const std::string& text, ModelDescription& description) {
    std::ofstream(folder / "description.json") << text;
    Problems problems;
    const bool done = read_description((folder / "description.json").string(), description, problems);
    EXPECT_EQ(done, !problems.any());
    return problems.text();
  };
  const std::string labels = R"("subgraph_metadata": [{"input_tensor_metadata": [{"process_units": [
      {"options_type": "NormalizationOptions", "options": {"mean": [127.5], "std": [64]}}]}],
      "output_tensor_metadata": [{"associated_files": [{"name": "NAME", "type": "TENSOR_AXIS_LABELS"}]}]}]})";
  const auto with_labels = [&](const std::string& name) { return std::string(labels).replace(labels.find("NAME"), 4, name); };
  ModelDescription description{.author = "me"};
  EXPECT_EQ(read(R"({"name": "pets", "author": "nobody", )" + with_labels("labels.txt"), description), "");
  EXPECT_EQ(description.name, "pets");
  EXPECT_EQ(description.author, "me");
  EXPECT_EQ(description.mean, std::vector<float>{127.5F});
  EXPECT_EQ(description.deviation, std::vector<float>{64});
  EXPECT_EQ(description.labels_text, "cat\ndog\n");
  ModelDescription other;
  EXPECT_NE(read("{" + with_labels("../labels.txt"), other).find("must lie beside"), std::string::npos);
  EXPECT_NE(read("[1]", other), "");
  EXPECT_NE(read("{", other), "");
  fs::remove_all(folder);
}

TEST(Keras, FilesThatAreNone) {
  Problems problems;
  EXPECT_EQ(import_keras("/nowhere/model.h5", problems), nullptr);
  EXPECT_EQ(import_keras(TFL_SOURCE_DIR "/README.md", problems), nullptr);
  ASSERT_EQ(problems.count(), 2u);
  EXPECT_NE(problems.list()[0].text().find("/nowhere/model.h5"), std::string::npos);
  EXPECT_NE(problems.list()[1].text().find("HDF5"), std::string::npos);
}

}  // namespace
}  // namespace tfl::converter

#endif
