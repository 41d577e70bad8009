// sources: support/all_ops.cpp
// libraries: tfl_converter
// From a Keras file to a .tflite file, whole: as TensorFlow's own converter made it of the same file.

#include <gtest/gtest.h>

#include "converter/compare.hpp"
#include "converter/support.hpp"
#include "tools/converter/import/import.hpp"
#include "tools/converter/passes/pass.hpp"
#include "tools/converter/quantize/calibrate.hpp"
#include "tools/converter/quantize/quantize.hpp"
#include "tools/converter/quantize/samples.hpp"

namespace tfl::converter {
namespace {

#ifdef TFL_CONVERTER_WITH_KERAS

namespace fs = std::filesystem;

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
  const auto samples = read_samples((models / "source" / "str_ww_calibration_samples.npz").string(), *model, 1000, problems);
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
  const auto samples = read_samples(path.string(), model, 10, none);
  ASSERT_EQ(samples.size(), 2u) << none.text();
  float last = 0;
  std::memcpy(&last, samples[1][0].data() + 12, sizeof(last));
  EXPECT_EQ(last, 3.5f);
  write(7);
  Problems cut;
  EXPECT_TRUE(read_samples(path.string(), model, 10, cut).empty());
  EXPECT_NE(cut.text().find("cut short"), std::string::npos);
  Problems absent;
  EXPECT_TRUE(read_samples("/no/such/file.npz", model, 10, absent).empty());
  EXPECT_TRUE(absent.any());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace tfl::converter
