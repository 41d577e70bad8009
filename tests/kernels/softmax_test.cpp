// SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION against plain loops in double.

#include "tfl/kernels/softmax.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/normalization.hpp"

namespace {

using testing::HasSubstr;
using tfl::QuantizationSpec;
using tfl::test::SingleOp;

std::mt19937 random_engine(5);
QuantizationSpec quantized(float scale, std::int64_t zero_point) { return {.scales = {scale}, .zero_points = {zero_point}}; }

std::vector<double> softmax(std::vector<double> x, double beta) {
  const double most = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& v : x) sum += v = std::exp(beta * (v - most));
  for (double& v : x) v /= sum;
  return x;
}
std::vector<double> log_softmax(std::vector<double> x, double beta) {
  const double most = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const double v : x) sum += std::exp(beta * (v - most));
  for (double& v : x) v = beta * (v - most) - std::log(sum);
  return x;
}
std::vector<double> l2_normalization(std::vector<double> x, double) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  for (double& v : x) v /= std::max(std::sqrt(sum), 1e-6);
  return x;
}

/// Rows of `depth` random elements; every output within `steps` of what `reference` says.
template <class Op, class T, class U>
void check_rows(int depth, auto reference, QuantizationSpec in, QuantizationSpec out, double steps, float beta = 1) {
  const int rows = 3;
  std::vector<T> x(static_cast<std::size_t>(rows * depth));
  for (T& v : x) {
    if constexpr (std::is_same_v<T, float>) {
      v = std::uniform_real_distribution<float>(-5, 5)(random_engine);
    } else {
      v = static_cast<T>(random_engine());
    }
  }
  SingleOp<Op> op;
  op.template input<T>({rows, 1, depth}, x, in);
  op.template output<U>(out);
  if constexpr (std::is_same_v<Op, tfl::Softmax>) op.options([=](auto& tables) { return tfl::schema::CreateSoftmaxOptions(tables, beta); });
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (tfl::Shape{rows, 1, depth}));
  const auto y = op.template values<U>();
  for (int r = 0; r < rows; ++r) {
    std::vector<double> row;
    for (int c = 0; c < depth; ++c) {
      const double stored = x[static_cast<std::size_t>(r * depth + c)];
      row.push_back(in.scales.empty() ? stored : in.scales[0] * (stored - static_cast<double>(in.zero_points[0])));
    }
    const auto wanted = reference(row, double{beta});
    for (int c = 0; c < depth; ++c) {
      double w = wanted[static_cast<std::size_t>(c)];
      if (!out.scales.empty()) {
        w = std::clamp(w / out.scales[0] + static_cast<double>(out.zero_points[0]), static_cast<double>(std::numeric_limits<U>::min()),
                       static_cast<double>(std::numeric_limits<U>::max()));
      }
      ASSERT_NEAR(y[static_cast<std::size_t>(r * depth + c)], w, out.scales.empty() ? 1e-6 + 1e-5 * std::fabs(w) : steps)
          << depth << ' ' << r << ' ' << c;
    }
  }
}

TEST(Softmax, Floats) {
  for (const int depth : {1, 2, 10, 16, 33, 1001}) {
    check_rows<tfl::Softmax, float, float>(depth, softmax, {}, {}, 0, 1);
    check_rows<tfl::Softmax, float, float>(depth, softmax, {}, {}, 0, 0.3f);
    check_rows<tfl::LogSoftmax, float, float>(depth, log_softmax, {}, {}, 0);
    check_rows<tfl::L2Normalization, float, float>(depth, l2_normalization, {}, {}, 0);
  }
}

TEST(Softmax, Quantized) {
  for (const int depth : {1, 2, 10, 33, 300, 1001}) {
    for (const float scale : {0.003f, 0.1f, 1.5f}) {
      check_rows<tfl::Softmax, std::int8_t, std::int8_t>(depth, softmax, quantized(scale, 3), quantized(1.0f / 256, -128), 0.6);
      check_rows<tfl::Softmax, std::uint8_t, std::uint8_t>(depth, softmax, quantized(scale, 3), quantized(1.0f / 256, 0), 0.6, 0.5f);
      check_rows<tfl::Softmax, std::int8_t, std::int16_t>(depth, softmax, quantized(scale, 3), quantized(1.0f / 65536, -32768), 2);
      check_rows<tfl::Softmax, std::uint8_t, std::int16_t>(depth, softmax, quantized(scale, 3), quantized(1.0f / 65536, -32768), 2);
      check_rows<tfl::Softmax, std::int16_t, std::int16_t>(depth, softmax, quantized(scale / 256, 0), quantized(1.0f / 32768, 0),
                                                           12 + 2.0 * depth);  // what lies below e^-10 counts as e^-10
      check_rows<tfl::LogSoftmax, std::int8_t, std::int8_t>(depth, log_softmax, quantized(scale, 3), quantized(1.0f / 16, 127), 0.6);
      check_rows<tfl::LogSoftmax, std::uint8_t, std::uint8_t>(depth, log_softmax, quantized(scale, 3), quantized(1.0f / 16, 255), 0.6);
    }
    check_rows<tfl::L2Normalization, std::int8_t, std::int8_t>(depth, l2_normalization, quantized(0.1f, 7), quantized(1.0f / 128, 0), 1.01);
    check_rows<tfl::L2Normalization, std::uint8_t, std::uint8_t>(depth, l2_normalization, quantized(0.1f, 99), quantized(1.0f / 128, 128),
                                                                 1.01);
  }
}

// Thousands of equal elements pass the range of the sum in fixed point.
TEST(Softmax, LongRowsOfEqualElements) {
  SingleOp<tfl::Softmax> op;
  op.input<std::int8_t>({5000}, std::vector<std::int8_t>(5000, 7), quantized(0.1f, 0));
  op.output<std::int8_t>(quantized(1.0f / 256, -128));
  op.options([](auto& tables) { return tfl::schema::CreateSoftmaxOptions(tables, 1.0f); });
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<std::int8_t>(), testing::Each(-128));
}

TEST(Softmax, FixedPointFunctions) {
  using namespace tfl::fixed_point;
  static_assert(exp_of_nonpositive<5>(0) == one<0>);
  static_assert(inverse_square_root(1).mantissa == one<0>);
  for (double x = 0; x > -31; x -= 0.0371) {
    const auto raw = static_cast<std::int32_t>(std::lround(x * (1 << 26)));
    EXPECT_NEAR(exp_of_nonpositive<5>(raw) / 2147483648.0, std::exp(raw / 67108864.0), 1e-6);
  }
  for (double x = 0; x < 1; x += 0.0117) {
    EXPECT_NEAR(reciprocal_of_one_plus(static_cast<std::int32_t>(x * 2147483648.0)) / 2147483648.0, 1 / (1 + x), 1e-7);
  }
  for (double x = 1; x < 4000; x *= 1.037) {
    const auto raw = static_cast<std::int32_t>(x * (1 << 19));
    EXPECT_NEAR((log_of_at_least_one<5, 12>(raw)) / 67108864.0, std::log(raw / 524288.0), 1e-6);
  }
  for (std::int64_t x = 1; x < (std::int64_t{1} << 40); x = x * 5 / 4 + 1) {
    const tfl::Multiplier m = inverse_square_root(x);
    EXPECT_NEAR(std::ldexp(m.mantissa, m.shift - 31) * std::sqrt(static_cast<double>(x)), 1, 1e-4);
  }
}

TEST(Softmax, BrokenRulesAreNamed) {
  const auto error = []<class T, class U>(T, U, QuantizationSpec in, QuantizationSpec out, float beta = 1) {
    SingleOp<tfl::Softmax> op;
    op.input<T>({2}, {T{1}, T{2}}, in);
    op.output<U>(out);
    op.options([=](auto& tables) { return tfl::schema::CreateSoftmaxOptions(tables, beta); });
    return op.run();
  };
  EXPECT_THAT(error(float{}, float{}, {}, {}, std::nanf("")), HasSubstr("beta must be finite"));
  EXPECT_THAT(error(std::int8_t{}, std::int8_t{}, quantized(0.1f, 0), quantized(1.0f / 256, -128), -1),
              HasSubstr("beta must not be negative"));
  EXPECT_THAT(error(std::int8_t{}, std::int8_t{}, quantized(0.1f, 0), quantized(1.0f / 128, -128)),
              HasSubstr("scale 1/256 and zero point -128"));
  EXPECT_THAT(error(std::uint8_t{}, std::uint8_t{}, quantized(0.1f, 0), quantized(1.0f / 256, 1)),
              HasSubstr("scale 1/256 and zero point 0"));
  EXPECT_THAT(error(std::int16_t{}, std::int16_t{}, quantized(0.1f, 0), quantized(1.0f / 256, 0)), HasSubstr("scale 1/32768"));
  EXPECT_THAT(error(std::int16_t{}, std::int16_t{}, quantized(0.1f, 5), quantized(1.0f / 32768, 0)), HasSubstr("zero point 0, not 5"));
  EXPECT_THAT(error(std::int8_t{}, std::int16_t{}, quantized(0.1f, 0), quantized(1.0f / 32768, 0)), HasSubstr("scale 1/65536"));
  EXPECT_THAT(error(std::int8_t{}, std::uint8_t{}, quantized(0.1f, 0), quantized(1.0f / 256, 0)),
              HasSubstr("must have the type of input 0"));
  EXPECT_THAT(error(std::int8_t{}, std::int8_t{}, {}, quantized(1.0f / 256, -128)), HasSubstr("input 0"));

  SingleOp<tfl::LogSoftmax> log;
  log.input<std::int8_t>({2}, {1, 2}, quantized(0.1f, 0));
  log.output<std::int8_t>(quantized(0.1f, 0));
  EXPECT_THAT(log.run(), HasSubstr("scale 1/16 and zero point 127"));
  SingleOp<tfl::L2Normalization> norm;
  norm.input<std::int8_t>({2}, {1, 2}, quantized(0.1f, 0));
  norm.output<std::int8_t>(quantized(0.1f, 0));
  EXPECT_THAT(norm.run(), HasSubstr("scale 1/128 and zero point 0"));
  SingleOp<tfl::L2Normalization> fused;
  fused.input<float>({2}, {1, 2});
  fused.output<float>();
  fused.options([](auto& tables) { return tfl::schema::CreateL2NormOptions(tables, tfl::schema::ActivationFunctionType::RELU); });
  EXPECT_THAT(fused.run(), HasSubstr("no fused activation"));
}

TEST(Softmax, Float16) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{7}, std::size_t{600}}) {
    std::vector<tfl::Float16> x;
    std::vector<double> real;
    for (std::size_t i = 0; i < 2 * n; ++i) {
      x.push_back(tfl::to_float16(std::uniform_real_distribution<float>(-4, 4)(random_engine)));
      real.push_back(tfl::to_float(x.back()));
    }
    SingleOp<tfl::Softmax> op;
    op.input<tfl::Float16>({2, static_cast<std::int32_t>(n)}, x);
    op.output<tfl::Float16>();
    op.options([](auto& tables) { return tfl::schema::CreateSoftmaxOptions(tables, 0.5f); });
    ASSERT_EQ(op.run(), "");
    const auto y = op.values<tfl::Float16>();
    for (std::size_t row = 0; row < 2; ++row) {
      const auto first = real.begin() + static_cast<std::ptrdiff_t>(row * n);
      const auto wanted = softmax({first, first + static_cast<std::ptrdiff_t>(n)}, 0.5);
      for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(tfl::to_float(y[row * n + i]), wanted[i], wanted[i] * 0.001) << n << ' ' << i;
    }
  }
}

}  // namespace
