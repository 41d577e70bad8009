// Static plans of real models give the bytes that TensorFlow Lite's reference kernels gave.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "ad01_int8.hpp"
#include "keyword_scrambled_8bit.hpp"
#include "kws_ref_model.hpp"
#include "micro_speech_quantized.hpp"
#include "plan/beside_interpreter.hpp"
#include "pretrainedResnet_quant.hpp"
#include "str_ww_ref_model.hpp"
#include "tfl/model/model.hpp"
#include "vww_96_int8.hpp"

namespace {

namespace fs = std::filesystem;
using tfl::PlanExtents;
using tfl::StaticPlan;

const fs::path data_root = TFL_TEST_DATA;

template <class Plan> void expect_goldens(const char* name) {
  static Plan plan;
  int compared = 0;
  for (int seed = 1; seed <= 3; ++seed) {
    const fs::path golden = data_root / "goldens" / name / ("seed" + std::to_string(seed)) / "out0.bin";
    if (!fs::exists(golden)) continue;
    std::ifstream file(golden, std::ios::binary);
    const std::vector<char> want{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    tfl::tools::SeededStream stream(static_cast<std::uint32_t>(seed));
    tfl::test::fill(plan, stream);
    plan.invoke();
    const auto got = tfl::test::bytes_of_span(plan.template output<0>());
    ASSERT_EQ(got.size(), want.size());
    EXPECT_EQ(std::memcmp(got.data(), want.data(), got.size()), 0) << name << ", seed " << seed;
    ++compared;
  }
  EXPECT_GT(compared, 0) << name << " has no golden";
  std::printf("%-36s arena %7zu, packed %7zu bytes\n", name, Plan::arena_bytes, Plan::packed_bytes);
}

TEST(Goldens, KeywordSpotting) { expect_goldens<StaticPlan<kws_ref_model>>("mlperf_tiny/kws_ref_model"); }
TEST(Goldens, KeywordSpottingWithFixedExtents) {
  expect_goldens<StaticPlan<kws_ref_model, PlanExtents::fixed>>("mlperf_tiny/kws_ref_model");
}
TEST(Goldens, PersonDetection) { expect_goldens<StaticPlan<vww_96_int8>>("mlperf_tiny/vww_96_int8"); }
TEST(Goldens, ImageClassification) { expect_goldens<StaticPlan<pretrainedResnet_quant>>("mlperf_tiny/pretrainedResnet_quant"); }
TEST(Goldens, AnomalyDetection) { expect_goldens<StaticPlan<ad01_int8>>("mlperf_tiny/ad01_int8"); }
TEST(Goldens, WakeWord) { expect_goldens<StaticPlan<str_ww_ref_model>>("mlperf_tiny/str_ww_ref_model"); }
TEST(Goldens, MicroSpeech) { expect_goldens<StaticPlan<micro_speech_quantized>>("micro/micro_speech_quantized"); }

/// It has no golden, and a variable.
TEST(Goldens, KeywordsGiveTheBytesOfTheInterpreter) {
  static StaticPlan<keyword_scrambled_8bit> plan;
  auto model = tfl::Model::from_file((data_root / "models/micro/keyword_scrambled_8bit.tflite").c_str());
  ASSERT_TRUE(model) << model.message();
  tfl::test::expect_same_results(plan, *model, 5);
}

}  // namespace
