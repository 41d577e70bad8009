// sources: support/all_ops.cpp
// libraries: tfl_converter
// From a source file to a .tflite file, whole: as TensorFlow's own converter made it of the same file, or as good as PyTorch's model.

#include <gtest/gtest.h>

#include <cstdio>

#include "converter/compare.hpp"
#include "converter/support.hpp"
#include "tools/converter/evaluate/compare_runs.hpp"
#include "tools/converter/evaluate/evaluator.hpp"
#include "tools/converter/import/read_model.hpp"
#include "tools/converter/passes/channels_last.hpp"
#include "tools/converter/passes/pass.hpp"
#include "tools/converter/quantize/calibrate.hpp"
#include "tools/converter/quantize/quantize.hpp"
#include "tools/converter/quantize/samples.hpp"

namespace tfl::converter {
namespace {

namespace fs = std::filesystem;

const fs::path digits = fs::path(TFL_SOURCE_DIR) / "examples" / "data" / "digits";

#ifdef TFL_CONVERTER_WITH_KERAS

const fs::path models = fs::path(TFL_TEST_DATA) / "models";

std::unique_ptr<Model> imported(const char* file) {
  Problems problems;
  auto model = import_keras((models / "source" / file).string(), problems);
  EXPECT_NE(model, nullptr) << problems.text();
  if (model != nullptr) optimize(*model, {});
  return model;
}

TEST(Convert, KeywordSpotterFromKerasToIntegersEqualsTensorFlows) {
  Model reference;
  if (!test::load(models / "mlperf_tiny" / "str_ww_ref_model.tflite", reference)) GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
  const auto model = imported("str_ww_ref_model.h5");
  ASSERT_NE(model, nullptr);
  Problems problems;
  const auto samples = read_samples((models / "source" / "str_ww_calibration_samples.npz").string(), *model, {}, problems);
  ASSERT_EQ(samples.size(), 45u) << problems.text();
  ASSERT_TRUE(calibrate(*model, samples, {}, problems)) << problems.text();
  QuantizeOptions options;
  options.input_output = TensorType::int8;
  options.per_channel_dense = false;
  ASSERT_TRUE(quantize_integers(*model, options, problems)) << problems.text();
  Model again;
  test::rewrite(*model, again);
  EXPECT_EQ(test::compare_graphs(again, reference, 5e-7), 0);
}

TEST(Convert, ResNetFromKerasEqualsTensorFlows) {
  Model reference;
  if (!test::load(models / "mlperf_tiny" / "pretrainedResnet.tflite", reference)) GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
  const auto model = imported("pretrainedResnet.h5");
  ASSERT_NE(model, nullptr);
  Model again;
  test::rewrite(*model, again);
  EXPECT_EQ(test::compare_graphs(again, reference, 0), 0);
}

TEST(Convert, AutoencoderFromKerasHasTensorFlowsOperatorsAndWeights) {
  Model reference;
  if (!test::load(models / "mlperf_tiny" / "ad01_fp32.tflite", reference)) GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
  const auto model = imported("ad01.h5");
  ASSERT_NE(model, nullptr);
  const auto got = test::nodes_of(*model), want = test::nodes_of(reference);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t n = 0; n < got.size(); ++n) {
    EXPECT_EQ(got[n]->operation.name(), want[n]->operation.name());
    // The reference lost the biases of the layers before a batch normalization: only weights are to be compared.
    EXPECT_EQ(test::differences(*got[n]->input(1), *want[n]->input(1)), 0) << n;
  }
}

#endif

#ifdef TFL_CONVERTER_WITH_ONNX

/// How many of the digits that the training never saw the model reads right.
int right_digits(const Model& model) {
  const auto file = test::read_file(digits / "digits_heldout.bin");
  constexpr std::size_t pixels = 64, record = pixels + 1, count = 360;
  EXPECT_EQ(file.size(), 4 + count * record);
  Problems problems;
  const auto evaluator = Evaluator::make(model, problems);
  EXPECT_NE(evaluator, nullptr) << problems.text();
  int right = 0;
  for (std::size_t i = 0; evaluator != nullptr && i < count; ++i) {
    Bytes input(evaluator->input_bytes(0));
    for (std::size_t p = 0; p < pixels; ++p) {
      const int pixel = std::to_integer<int>(file[4 + i * record + p]);
      const float real = static_cast<float>(pixel) / 255;
      if (input.size() == pixels) {
        input[p] = static_cast<std::uint8_t>(pixel - 128);
      } else {
        std::memcpy(input.data() + p * sizeof(float), &real, sizeof(float));
      }
    }
    EXPECT_EQ(evaluator->run({input}), "");
    const Bytes output = evaluator->output(0);
    std::vector<double> scores(10);
    for (std::size_t k = 0; k < scores.size(); ++k) scores[k] = real_value(*model.graphs[0]->outputs()[0], output, k);
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    right += best == std::to_integer<int>(file[4 + i * record + pixels]) ? 1 : 0;
  }
  return right;
}

TEST(Convert, DigitsFromPyTorchToIntegers) {
  Problems problems;
  const auto model = read_model((digits / "digits.onnx").string(), {}, problems);
  ASSERT_NE(model, nullptr) << problems.text();
  EXPECT_EQ(move_channels_last(*model), 1);
  optimize(*model, {});
  EXPECT_EQ(model->main().size(), 9u);
  // PyTorch itself reads as many: scripts/train_digits.py prints it.
  const int in_float = right_digits(*model);
  EXPECT_EQ(in_float, 358);
  const auto samples = read_samples((digits / "digits_calibration.npy").string(), *model, {.mean = {0}, .deviation = {255}}, problems);
  ASSERT_EQ(samples.size(), 200u) << problems.text();
  ASSERT_TRUE(calibrate(*model, samples, {}, problems)) << problems.text();
  QuantizeOptions options;
  options.input_output = TensorType::int8;
  ASSERT_TRUE(quantize_integers(*model, options, problems)) << problems.text();
  EXPECT_EQ(model->main().size(), 9u);
  const int in_integers = right_digits(*model);
  EXPECT_GE(in_integers, in_float - 3);  // of 360: less than one percent
  std::printf("of 360 digits %d are right in float, %d in integers\n", in_float, in_integers);
}

#endif

TEST(Convert, SamplesAreRefusedWithAReason) {
  Model model;
  Graph& graph = model.add_graph("main");
  graph.set_inputs({graph.add_tensor("x", TensorType::float32, {1, 4})});
  const auto path = std::filesystem::temp_directory_path() / "tfl_convert_test_samples.npy";
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }\n";
  const auto write = [&](std::size_t values) {
    std::ofstream file(path, std::ios::binary);
    file << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(header.size()) << '\0' << header;
    for (std::size_t i = 0; i < values; ++i) {
      const float value = 0.5f * static_cast<float>(i);
      file.write(reinterpret_cast<const char*>(&value), sizeof(value));
    }
  };
  write(8);
  Problems none;
  const auto samples = read_samples(path.string(), model, {}, none);
  ASSERT_EQ(samples.size(), 2u) << none.text();
  float last = 0;
  std::memcpy(&last, samples[1][0].data() + 12, sizeof(last));
  EXPECT_EQ(last, 3.5f);
  write(7);
  Problems cut;
  EXPECT_TRUE(read_samples(path.string(), model, {}, cut).empty());
  EXPECT_NE(cut.text().find("cut short"), std::string::npos);
  Problems absent;
  EXPECT_TRUE(read_samples("/no/such/file.npz", model, {}, absent).empty());
  EXPECT_TRUE(absent.any());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tfl::converter
