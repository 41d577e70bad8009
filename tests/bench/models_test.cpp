// clang-format off
// sources: ../bench/models/network.cpp ../bench/models/architectures.cpp ../bench/models/mobilenet.cpp ../bench/models/resnet50.cpp ../bench/models/mobilebert.cpp ../bench/models/mlperf_tiny.cpp ../bench/models/layers.cpp support/all_ops.cpp
// clang-format on
// The networks of bench/models are well-formed, run, and keep their values in a useful range; small relatives of them, to be quick.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "bench/models/architectures.hpp"
#include "support/all_ops.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace {

using tfl::bench::Architecture;

constexpr tfl::bench::NetworkSize small{.resolution = 64, .length = 16, .width = 0.25f};

/// The output's values as real numbers, for inputs in -1..1.
std::vector<double> run(const std::vector<std::uint8_t>& bytes) {
  auto model = tfl::Model::from_memory(bytes);
  EXPECT_TRUE(model) << model.message();
  if (!model) return {};
  auto interpreter = tfl::test::AnyInterpreter::create(*model);
  EXPECT_TRUE(interpreter) << interpreter.message();
  if (!interpreter) return {};
  auto input = interpreter->input<std::byte>(0);
  EXPECT_TRUE(input) << input.message();
  tfl::tools::SeededStream(1).fill(input->type(), *input);
  auto done = interpreter->invoke();
  EXPECT_TRUE(done) << done.message();
  std::vector<double> values;
  if (auto floats = interpreter->output<float>(0)) {
    values.assign(floats->begin(), floats->end());
  } else if (auto integers = interpreter->output<std::int8_t>(0)) {
    const auto& quantization = integers->quantization();
    for (const std::int8_t value : *integers) values.push_back(double{quantization.scale} * (value - quantization.zero_point));
  }
  return values;
}

double deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value, squares += value * value;
  const double count = static_cast<double>(values.size()), mean = sum / count;
  return std::sqrt(squares / count - mean * mean);
}

class Networks : public testing::TestWithParam<Architecture> {};

TEST_P(Networks, FloatAndInt8RunAndAgree) {
  const auto in_float = tfl::bench::build_float(GetParam(), small);
  ASSERT_TRUE(in_float) << in_float.message();
  const auto in_int8 = tfl::bench::build_int8(GetParam(), small);
  ASSERT_TRUE(in_int8) << in_int8.message();
  const std::vector<double> floats = run(*in_float), integers = run(*in_int8);
  ASSERT_FALSE(floats.empty());
  ASSERT_EQ(floats.size(), integers.size());
  // Neither vanished nor overflowed.
  EXPECT_GT(deviation(floats), 1e-3);
  EXPECT_LT(deviation(floats), 1e3);
  EXPECT_GT(deviation(integers), 1e-3);
}

TEST(NetworkBytes, AreTheSameEachTime) {
  const Architecture* ad = tfl::bench::find_architecture("ad");
  ASSERT_NE(ad, nullptr);
  EXPECT_EQ(*tfl::bench::build_int8(*ad, small), *tfl::bench::build_int8(*ad, small));
  EXPECT_EQ(tfl::bench::find_architecture("nothing"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, Networks, testing::ValuesIn(tfl::bench::architectures().begin(), tfl::bench::architectures().end()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
