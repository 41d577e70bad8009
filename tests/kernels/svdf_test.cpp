// SVDF against plain loops: float, hybrid and both integer kinds, over several invokes, and its errors.
// archs: last

#include "tfl/kernels/svdf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;

std::mt19937 random_engine(5);

struct Layer {
  int batches = 2, inputs = 21, units = 5, rank = 2, memory = 9;
  bool bias = true;
  int filters() const { return units * rank; }
};

template <class T> std::vector<T> random_values(int count, double lo, double hi) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& v : values) v = static_cast<T>(std::uniform_real_distribution<double>(lo, hi)(random_engine));
  return values;
}

void set_options(SingleOp<tfl::Svdf>& op, int rank, tfl::schema::ActivationFunctionType activation) {
  op.options([=](auto& tables) { return tfl::schema::CreateSVDFOptions(tables, rank, activation); });
}

/// The sums before activation after `invokes` times the same input: the memory holds what each filter saw, the oldest still 0.
std::vector<double> expected(const Layer& l, const std::vector<double>& input, const std::vector<double>& feature,
                             const std::vector<double>& time, const std::vector<double>& bias, int invokes) {
  std::vector<double> out;
  for (int b = 0; b < l.batches; ++b) {
    for (int u = 0; u < l.units; ++u) {
      double sum = l.bias ? bias[static_cast<std::size_t>(u)] : 0;
      for (int f = u * l.rank; f < (u + 1) * l.rank; ++f) {
        double seen = 0;
        for (int i = 0; i < l.inputs; ++i)
          seen += feature[static_cast<std::size_t>(f * l.inputs + i)] * input[static_cast<std::size_t>(b * l.inputs + i)];
        for (int m = std::max(0, l.memory - invokes); m < l.memory; ++m) sum += seen * time[static_cast<std::size_t>(f * l.memory + m)];
      }
      out.push_back(sum);
    }
  }
  return out;
}

template <class T> std::vector<double> doubles(const std::vector<T>& values, double scale = 1) {
  std::vector<double> result;
  for (const T v : values) result.push_back(static_cast<double>(v) * scale);
  return result;
}

TEST(Svdf, FloatOverTime) {
  for (int round = 0; round < 20; ++round) {
    Layer l;
    l.rank = 1 + round % 3;
    l.memory = 1 + round;
    l.units = 1 + 7 * (round % 4);
    l.bias = round % 2 == 0;
    const auto input = random_values<float>(l.batches * l.inputs, -1, 1), feature = random_values<float>(l.filters() * l.inputs, -1, 1),
               time = random_values<float>(l.filters() * l.memory, -1, 1), bias = random_values<float>(l.units, -1, 1);
    SingleOp<tfl::Svdf> op;
    op.input<float>({l.batches, l.inputs}, input);
    op.constant<float>({l.filters(), l.inputs}, feature);
    op.constant<float>({l.filters(), l.memory}, time);
    if (l.bias) {
      op.constant<float>({l.units}, bias);
    } else {
      op.absent();
    }
    op.variable<float>({l.batches, l.memory * l.filters()});
    op.output<float>();
    set_options(op, l.rank, tfl::schema::ActivationFunctionType::RELU);
    ASSERT_EQ(op.run(), "");
    for (int invokes = 1; invokes <= 4; ++invokes) {
      const auto got = op.values<float>();
      const auto wanted = expected(l, doubles(input), doubles(feature), doubles(time), doubles(bias), invokes);
      ASSERT_EQ(got.size(), wanted.size());
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(double{got[i]}, std::max(0.0, wanted[i]), 1e-4);
      ASSERT_EQ(op.invoke_again(), "");
    }
  }
}

TEST(Svdf, HybridIsNearFloat) {
  Layer l;
  const auto input = random_values<float>(l.batches * l.inputs, -1, 1), bias = random_values<float>(l.units, -1, 1);
  const auto feature = random_values<std::int8_t>(l.filters() * l.inputs, -127, 127),
             time = random_values<std::int8_t>(l.filters() * l.memory, -127, 127);
  SingleOp<tfl::Svdf> op;
  op.input<float>({l.batches, l.inputs}, input);
  op.constant<std::int8_t>({l.filters(), l.inputs}, feature, {{0.01f}, {0}});
  op.constant<std::int8_t>({l.filters(), l.memory}, time, {{0.008f}, {0}});
  op.constant<float>({l.units}, bias);
  op.variable<float>({l.batches, l.memory * l.filters()});
  op.output<float>();
  set_options(op, l.rank, tfl::schema::ActivationFunctionType::NONE);
  ASSERT_EQ(op.run(), "");
  ASSERT_EQ(op.invoke_again(), "");
  const auto wanted = expected(l, doubles(input), doubles(feature, 0.01), doubles(time, 0.008), doubles(bias), 2);
  const auto got = op.values<float>();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(double{got[i]}, wanted[i], 0.15);
}

template <class S> void integers_to_the_bit() {
  for (int round = 0; round < 20; ++round) {
    Layer l;
    l.memory = 1 + 13 * round;
    l.inputs = 1 + 9 * round;
    const int state_zero = sizeof(S) == 1 ? 3 : 0, input_zero = 11, output_zero = -20;
    const auto input = random_values<std::int8_t>(l.batches * l.inputs, -128, 128),
               feature = random_values<std::int8_t>(l.filters() * l.inputs, -128, 128);
    const auto time = random_values<S>(l.filters() * l.memory, -100, 100);
    const auto bias = random_values<std::int32_t>(l.units, -5000, 5000);
    const float input_scale = 0.02f, feature_scale = 0.01f, state_scale = sizeof(S) == 1 ? 0.3f : 0.002f, time_scale = 0.01f,
                output_scale = 0.5f;
    SingleOp<tfl::Svdf> op;
    op.input<std::int8_t>({l.batches, l.inputs}, input, {{input_scale}, {input_zero}});
    op.constant<std::int8_t>({l.filters(), l.inputs}, feature, {{feature_scale}, {0}});
    op.constant<S>({l.filters(), l.memory}, time, {{time_scale}, {0}});
    op.constant<std::int32_t>({l.units}, bias);
    op.variable<S>({l.batches, l.memory * l.filters()}, {{state_scale}, {state_zero}});
    op.output<std::int8_t>({{output_scale}, {output_zero}});
    set_options(op, l.rank, tfl::schema::ActivationFunctionType::RELU);
    ASSERT_EQ(op.run(), "");

    const auto to_state = tfl::quantize_multiplier(double{input_scale * feature_scale / state_scale});
    const auto to_output = tfl::quantize_multiplier(double{state_scale * time_scale / output_scale});
    for (int invokes = 1; invokes <= 3; ++invokes) {
      const auto got = op.values<std::int8_t>();
      for (int b = 0; b < l.batches; ++b) {
        for (int u = 0; u < l.units; ++u) {
          std::int32_t sum = bias[static_cast<std::size_t>(u)];
          for (int f = u * l.rank; f < (u + 1) * l.rank; ++f) {
            std::int32_t seen = 0;
            for (int i = 0; i < l.inputs; ++i) {
              seen +=
                  feature[static_cast<std::size_t>(f * l.inputs + i)] * (input[static_cast<std::size_t>(b * l.inputs + i)] - input_zero);
            }
            seen = std::clamp<std::int32_t>(tfl::multiply(seen, to_state), std::numeric_limits<S>::min(), std::numeric_limits<S>::max());
            seen = static_cast<S>(seen + state_zero);
            for (int m = std::max(0, l.memory - invokes); m < l.memory; ++m)
              sum += time[static_cast<std::size_t>(f * l.memory + m)] * (seen - state_zero);
          }
          const int wanted = std::clamp(tfl::multiply(sum, to_output) + output_zero, -128, 127);
          ASSERT_EQ(got[static_cast<std::size_t>(b * l.units + u)], wanted) << round;
        }
      }
      ASSERT_EQ(op.invoke_again(), "");
    }
  }
}
TEST(Svdf, Int8WithInt16StateToTheBit) { integers_to_the_bit<std::int16_t>(); }
TEST(Svdf, Int8WithInt8StateToTheBit) { integers_to_the_bit<std::int8_t>(); }

struct Faults {
  int rank = 2, feature_inputs = 4, time_filters = 6, memory = 5, bias = 3, state = 30;
  bool variable = true;
};
std::string error_of(const Faults& f) {
  SingleOp<tfl::Svdf> op;
  const auto zeros = [](int a, int b) { return std::vector<float>(static_cast<std::size_t>(a) * static_cast<std::size_t>(b)); };
  op.input<float>({2, 4}, zeros(2, 4));
  op.constant<float>({6, f.feature_inputs}, zeros(6, f.feature_inputs));
  op.constant<float>({f.time_filters, f.memory}, zeros(f.time_filters, f.memory));
  op.constant<float>({f.bias}, zeros(f.bias, 1));
  if (f.variable) {
    op.variable<float>({2, f.state});
  } else {
    op.input<float>({2, f.state}, zeros(2, f.state));
  }
  op.output<float>();
  set_options(op, f.rank, tfl::schema::ActivationFunctionType::NONE);
  return op.run();
}

TEST(Svdf, SaysWhatIsWrong) {
  EXPECT_EQ(error_of({}), "");
  EXPECT_THAT(error_of({.rank = 0}), HasSubstr("has rank 0"));
  EXPECT_THAT(error_of({.rank = 4}), HasSubstr("no multiple of the rank 4"));
  EXPECT_THAT(error_of({.feature_inputs = 5}), HasSubstr("must have 4 columns"));
  EXPECT_THAT(error_of({.time_filters = 5}), HasSubstr("must have 6 rows"));
  EXPECT_THAT(error_of({.bias = 4}), HasSubstr("must have one dimension of 3"));
  EXPECT_THAT(error_of({.state = 29}), HasSubstr("must have the shape [2, 30]"));
  EXPECT_THAT(error_of({.variable = false}), HasSubstr("must be a variable tensor"));
}

}  // namespace
