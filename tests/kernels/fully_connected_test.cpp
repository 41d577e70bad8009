// Fully connected layers against plain loops: all types, shapes and activations, constant and changing weights; and errors.

#include "tfl/kernels/fully_connected.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::schema::ActivationFunctionType;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(9);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }
template <class T> std::vector<T> random_values(int count, int least, int most) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& v : values) {
    v = std::is_same_v<T, float> ? static_cast<T>(std::uniform_real_distribution<float>(-1, 1)(random_engine))
                                 : static_cast<T>(random_int(least, most));
  }
  return values;
}

struct Problem {
  int m = 1, n = 1, k = 1;
  bool has_bias = true, constant = true, keep_num_dims = false, asymmetric = false;
  ActivationFunctionType activation = ActivationFunctionType::NONE;

  static Problem random() {
    Problem p;
    p.m = random_int(0, 1) == 0 ? 1 : random_int(1, 33);
    p.n = random_int(0, 1) == 0 ? random_int(1, 9) : random_int(10, 150);
    p.k = random_int(0, 1) == 0 ? random_int(1, 9) : random_int(10, 200);
    p.has_bias = random_int(0, 3) != 0;
    p.constant = random_int(0, 3) != 0;
    p.keep_num_dims = random_int(0, 1) == 0;
    p.asymmetric = random_int(0, 1) == 0;
    p.activation = static_cast<ActivationFunctionType>(random_int(0, 3));
    return p;
  }
  Dims input() const { return keep_num_dims ? Dims{1, m, k} : Dims{m, k}; }
  template <class Op> void options(Op& op) const {
    op.options([&](auto& tables) {
      return tfl::schema::CreateFullyConnectedOptions(tables, activation, tfl::schema::FullyConnectedOptionsWeightsFormat::DEFAULT,
                                                      keep_num_dims, asymmetric);
    });
  }
  float lo() const {
    return activation == ActivationFunctionType::NONE ? -1e30f : activation == ActivationFunctionType::RELU_N1_TO_1 ? -1.0f : 0.0f;
  }
  float hi() const {
    return activation == ActivationFunctionType::RELU6 ? 6.0f : activation == ActivationFunctionType::RELU_N1_TO_1 ? 1.0f : 1e30f;
  }
};

TEST(FullyConnected, Float) {
  for (int round = 0; round < 150; ++round) {
    const Problem p = Problem::random();
    const auto x = random_values<float>(p.m * p.k, 0, 0), w = random_values<float>(p.n * p.k, 0, 0), bias = random_values<float>(p.n, 0, 0);
    SingleOp<tfl::FullyConnected> op;
    op.input<float>(p.input(), x);
    p.constant ? op.constant<float>({p.n, p.k}, w) : op.input<float>({p.n, p.k}, w);
    p.has_bias ? static_cast<void>(op.constant<float>({p.n}, bias)) : op.absent();
    op.output<float>();
    p.options(op);
    ASSERT_EQ(op.run(), "");
    EXPECT_EQ(op.shape(), p.keep_num_dims ? (tfl::Shape{1, p.m, p.n}) : (tfl::Shape{p.m, p.n}));
    const auto got = op.values<float>();
    for (int i = 0; i < p.m * p.n; ++i) {
      double sum = p.has_bias ? bias[static_cast<std::size_t>(i % p.n)] : 0;
      for (int k = 0; k < p.k; ++k)
        sum += double{x[static_cast<std::size_t>(i / p.n * p.k + k)]} * double{w[static_cast<std::size_t>(i % p.n * p.k + k)]};
      ASSERT_NEAR(got.at(static_cast<std::size_t>(i)), std::clamp(sum, double{p.lo()}, double{p.hi()}), 1e-4) << "round " << round;
    }
  }
}

template <class T, class W, class B, class Y> void quantized(int rounds, int x_zero, int w_zero, int y_zero) {
  constexpr int least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  for (int round = 0; round < rounds; ++round) {
    const Problem p = Problem::random();
    const bool per_channel = w_zero == 0 && p.n > 1 && round % 2 == 0 && !std::is_same_v<T, std::uint8_t>;
    const auto x = random_values<T>(p.m * p.k, least, most);
    constexpr bool packed = tfl::is_packed<W>;
    using Weight = std::conditional_t<packed, std::int8_t, W>;
    int least_weight = std::numeric_limits<Weight>::min(), most_weight = std::numeric_limits<Weight>::max();
    if constexpr (packed) least_weight = tfl::PackedRange<W>::lo, most_weight = tfl::PackedRange<W>::hi;
    const auto w = random_values<Weight>(p.n * p.k, least_weight, most_weight);
    const auto bias = random_values<B>(p.n, -3000, 3000);
    std::vector<float> scales;
    for (int n = 0; n < (per_channel ? p.n : 1); ++n) scales.push_back(std::uniform_real_distribution<float>(0.002f, 0.2f)(random_engine));
    if (sizeof(W) == 2) std::for_each(scales.begin(), scales.end(), [](float& s) { s /= 256; });
    const std::vector<std::int64_t> zeros(scales.size(), w_zero);
    const float in_scale = 0.03f, out_scale = sizeof(Y) == 2 ? 0.9f : 2.5f;
    SingleOp<tfl::FullyConnected> op;
    op.input<T>(p.input(), x, {{in_scale}, {x_zero}});
    const auto weights = [&] {
      if constexpr (packed) {
        return tfl::test::packed<W>(w);
      } else {
        return w;
      }
    }();
    p.constant ? op.constant<W>({p.n, p.k}, weights, {scales, zeros}) : op.input<W>({p.n, p.k}, weights, {scales, zeros});
    p.has_bias ? static_cast<void>(op.constant<B>({p.n}, bias, {{0.1f}, {0}})) : op.absent();
    op.output<Y>({{out_scale}, {y_zero}});
    p.options(op);
    ASSERT_EQ(op.run(), "");
    const auto got = op.values<Y>();
    const auto bound = [&](float real) { return std::round(real / out_scale) + static_cast<float>(y_zero); };
    const auto lo = static_cast<std::int64_t>(std::max(static_cast<float>(std::numeric_limits<Y>::min()), bound(p.lo())));
    const auto hi = static_cast<std::int64_t>(std::min(static_cast<float>(std::numeric_limits<Y>::max()), bound(p.hi())));
    for (int i = 0; i < p.m * p.n; ++i) {
      std::int64_t sum = p.has_bias ? bias[static_cast<std::size_t>(i % p.n)] : 0;
      for (int k = 0; k < p.k; ++k) {
        sum += std::int64_t{x[static_cast<std::size_t>(i / p.n * p.k + k)] - x_zero} *
               (w[static_cast<std::size_t>(i % p.n * p.k + k)] - w_zero);
      }
      const float scale = scales[per_channel ? static_cast<std::size_t>(i % p.n) : 0];
      std::int64_t y;
      if (sizeof(W) == 2) {
        const double product = per_channel ? double{in_scale} * double{scale} : static_cast<double>(in_scale * scale);
        y = tfl::multiply(sum, tfl::quantize_multiplier(product / double{out_scale}));
      } else {
        y = std::llround(static_cast<double>(sum) * (double{in_scale} * double{scale} / double{out_scale}));
      }
      ASSERT_EQ(got.at(static_cast<std::size_t>(i)), std::clamp(y + y_zero, lo, hi)) << "round " << round << " element " << i;
    }
  }
}

TEST(FullyConnected, Int8) { quantized<std::int8_t, std::int8_t, std::int32_t, std::int8_t>(150, 5, 0, -7); }
TEST(FullyConnected, Int8WithInt4Weights) { quantized<std::int8_t, tfl::Int4Pair, std::int32_t, std::int8_t>(100, 5, 0, -7); }
TEST(FullyConnected, Int8WithWeightZeroPoint) { quantized<std::int8_t, std::int8_t, std::int32_t, std::int8_t>(60, -3, 9, 4); }
TEST(FullyConnected, Uint8) { quantized<std::uint8_t, std::uint8_t, std::int32_t, std::uint8_t>(150, 130, 121, 120); }
TEST(FullyConnected, Uint8WithCentredWeights) { quantized<std::uint8_t, std::uint8_t, std::int32_t, std::uint8_t>(60, 3, 128, 9); }
TEST(FullyConnected, Uint8ToInt16) { quantized<std::uint8_t, std::uint8_t, std::int32_t, std::int16_t>(60, 130, 121, 0); }
TEST(FullyConnected, Int16) { quantized<std::int16_t, std::int8_t, std::int64_t, std::int16_t>(80, 0, 0, 0); }
TEST(FullyConnected, Int16WithInt4Weights) { quantized<std::int16_t, tfl::Int4Pair, std::int64_t, std::int16_t>(60, 0, 0, 0); }
TEST(FullyConnected, Int8WithInt2Weights) { quantized<std::int8_t, tfl::Int2Quad, std::int32_t, std::int8_t>(60, 5, 0, -7); }
TEST(FullyConnected, Int16WithInt2Weights) { quantized<std::int16_t, tfl::Int2Quad, std::int32_t, std::int16_t>(40, 0, 0, 0); }
TEST(FullyConnected, Int16NarrowBias) { quantized<std::int16_t, std::int8_t, std::int32_t, std::int16_t>(40, 0, 0, 0); }
TEST(FullyConnected, Int16Weights) { quantized<std::int16_t, std::int16_t, std::int64_t, std::int16_t>(40, 0, 0, 0); }

TEST(FullyConnected, ShuffledWeights) {
  for (const int rows : {1, 4, 2}) {
    constexpr int n = 8, k = 48;
    const auto x = random_values<std::uint8_t>(rows * k, 0, 255), w = random_values<std::uint8_t>(n * k, 0, 255);
    const auto bias = random_values<std::int32_t>(n, -9000, 9000);
    // Blocks of 4 rows and 16 columns, row by row, signs flipped.
    std::vector<std::uint8_t> shuffled(w.size()), flipped(x.size());
    for (int i = 0; i < n * k; ++i) {
      const int row = i / k, column = i % k;
      const int at = ((row / 4 * (k / 16) + column / 16) * 4 + row % 4) * 16 + column % 16;
      shuffled[static_cast<std::size_t>(at)] = w[static_cast<std::size_t>(i)] ^ 0x80;
    }
    for (int i = 0; i < rows * k; ++i) {
      flipped[static_cast<std::size_t>((i % k / 16 * rows + i / k) * 16 + i % 16)] = x[static_cast<std::size_t>(i)] ^ 0x80;
    }
    SingleOp<tfl::FullyConnected> op;
    op.input<std::uint8_t>({rows, k}, x, {{0.02f}, {128}});
    op.input<std::uint8_t>({n, k}, shuffled, {{0.01f}, {128}});
    op.constant<std::int32_t>({n}, bias);
    op.output<std::int16_t>({{0.005f}, {0}});
    op.output<std::uint8_t>();
    op.options([](auto& tables) {
      return tfl::schema::CreateFullyConnectedOptions(tables, ActivationFunctionType::RELU,
                                                      tfl::schema::FullyConnectedOptionsWeightsFormat::SHUFFLED4x16INT8);
    });
    if (rows == 2) {
      EXPECT_THAT(op.run(), HasSubstr("must have 1 or 4 rows beside shuffled weights, not 2"));
      return;
    }
    ASSERT_EQ(op.run(), "");
    EXPECT_EQ(op.values<std::uint8_t>(1), flipped);
    const auto got = op.values<std::int16_t>();
    const tfl::Multiplier by = tfl::quantize_multiplier(static_cast<double>(0.02f * 0.01f) / double{0.005f});
    for (int i = 0; i < rows * n; ++i) {
      std::int32_t sum = bias[static_cast<std::size_t>(i % n)];
      for (int d = 0; d < k; ++d) {
        sum += (x[static_cast<std::size_t>(i / n * k + d)] - 128) * (w[static_cast<std::size_t>(i % n * k + d)] - 128);
      }
      EXPECT_EQ(got[static_cast<std::size_t>(i)], std::clamp(tfl::multiply(sum, by), 0, 32767)) << i;
    }
  }
}

template <class W> void hybrid(int largest_weight) {
  for (int round = 0; round < 120; ++round) {
    Problem p = Problem::random();
    if (round % 10 == 0) p.activation = ActivationFunctionType::TANH;
    if (round % 10 == 1) p.activation = ActivationFunctionType::SIGN_BIT;
    const bool per_channel = p.n > 1 && round % 2 == 0;
    const auto x = random_values<float>(p.m * p.k, 0, 0), bias = random_values<float>(p.n, 0, 0);
    const auto w = random_values<std::int8_t>(p.n * p.k, -largest_weight, largest_weight);
    const auto weights = [&] {
      if constexpr (tfl::is_packed<W>) {
        return tfl::test::packed<W>(w);
      } else {
        return w;
      }
    }();
    std::vector<float> scales;
    for (int n = 0; n < (per_channel ? p.n : 1); ++n) {
      scales.push_back(std::uniform_real_distribution<float>(0.127f, 1.27f)(random_engine) / static_cast<float>(largest_weight));
    }
    const std::vector<std::int64_t> zeros(scales.size());
    SingleOp<tfl::FullyConnected> op;
    op.input<float>(p.input(), x);
    p.constant ? op.constant<W>({p.n, p.k}, weights, {scales, zeros}) : op.input<W>({p.n, p.k}, weights, {scales, zeros});
    p.has_bias ? static_cast<void>(op.constant<float>({p.n}, bias)) : op.absent();
    op.output<float>();
    p.options(op);
    ASSERT_EQ(op.run(), "");
    const auto got = op.values<float>();
    for (int i = 0; i < p.m * p.n; ++i) {
      const float scale = scales[per_channel ? static_cast<std::size_t>(i % p.n) : 0];
      double sum = 0;
      for (int k = 0; k < p.k; ++k)
        sum += double{x[static_cast<std::size_t>(i / p.n * p.k + k)]} * w[static_cast<std::size_t>(i % p.n * p.k + k)];
      double y = sum * scale + (p.has_bias ? bias[static_cast<std::size_t>(i % p.n)] : 0.0f);
      const double tolerance = 1e-4 + 0.55 / 127 * largest_weight * p.k * scale;  // what activations lose
      if (p.activation == ActivationFunctionType::SIGN_BIT) {
        if (std::abs(y) <= tolerance) continue;
        ASSERT_EQ(got.at(static_cast<std::size_t>(i)), y < 0 ? 1.0f : 0.0f);
        continue;
      }
      y = p.activation == ActivationFunctionType::TANH ? std::tanh(y) : std::clamp(y, double{p.lo()}, double{p.hi()});
      ASSERT_NEAR(got.at(static_cast<std::size_t>(i)), y, tolerance) << "round " << round;
    }
  }
}

TEST(FullyConnected, FloatWithInt8Weights) { hybrid<std::int8_t>(127); }
TEST(FullyConnected, FloatWithInt4Weights) { hybrid<tfl::Int4Pair>(7); }

TEST(FullyConnected, NoDepthGivesZeros) {
  SingleOp<tfl::FullyConnected> op;
  op.input<float>({2, 0}, {});
  op.input<float>({3, 0}, {});
  op.constant<float>({3}, {1, 2, 3});
  op.output<float>();
  Problem().options(op);
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<float>(), std::vector<float>(6));
}

std::string message(const Problem& p, Dims input, Dims weights, Dims bias) {
  SingleOp<tfl::FullyConnected> op;
  const auto zeros = [](const Dims& d) {
    std::size_t n = 1;
    for (const int k : d) n *= static_cast<std::size_t>(k);
    return std::vector<float>(n);
  };
  op.input<float>(input, zeros(input));
  op.constant<float>(weights, zeros(weights));
  op.constant<float>(bias, zeros(bias));
  op.output<float>();
  p.options(op);
  return op.run();
}

TEST(FullyConnected, Errors) {
  Problem p;
  EXPECT_EQ(message(p, {2, 2, 2}, {3, 4}, {3}), "");
  EXPECT_THAT(message(p, {2, 4}, {3, 4, 1}, {3}), HasSubstr("must have 2 dimensions, not 3"));
  EXPECT_THAT(message(p, {2, 4}, {3, 4}, {2}), HasSubstr("one element for each of 3 rows of weights, not 2"));
  EXPECT_THAT(message(p, {2, 5}, {3, 4}, {3}), HasSubstr("its 10 elements do not divide into rows of 4"));
  p.keep_num_dims = true;
  EXPECT_THAT(message(p, {2, 2}, {3, 4}, {3}), HasSubstr("must have 4 as last dimension, as the weights do, not 2"));
  p.activation = ActivationFunctionType::TANH;
  EXPECT_THAT(message(p, {2, 4}, {3, 4}, {3}), HasSubstr("cannot apply its activation, number 4"));
}

TEST(FullyConnected, QuantizationErrors) {
  const auto run = [](tfl::QuantizationSpec in, tfl::QuantizationSpec weights, tfl::QuantizationSpec out) {
    SingleOp<tfl::FullyConnected> op;
    op.input<std::int8_t>({1, 1}, {1}, std::move(in));
    op.constant<std::int8_t>({2, 1}, {1, 2}, std::move(weights));
    op.output<std::int8_t>(std::move(out));
    Problem().options(op);
    return op.run();
  };
  EXPECT_EQ(run({{1.0f}, {0}}, {{1.0f}, {0}}, {{1.0f}, {0}}), "");
  EXPECT_THAT(run({}, {{1.0f}, {0}}, {{1.0f}, {0}}), HasSubstr("must have a positive scale"));
  EXPECT_THAT(run({{1.0f}, {0}}, {}, {{1.0f}, {0}}), HasSubstr("must have a positive scale"));
  EXPECT_THAT(run({{1.0f}, {0}}, {{1.0f}, {0}}, {{-1.0f}, {0}}), HasSubstr("scale"));
}

/// int4 weights of [3, 8] in blocks of 4 neighbours, each with a scale of its own; asymmetrically quantized rows.
TEST(FullyConnected, BlocksHaveScales) {
  std::vector<std::int8_t> weights;
  for (int i = 0; i < 24; ++i) weights.push_back(static_cast<std::int8_t>(i * 7 % 16 - 8));
  const std::vector<float> scales{0.5f, 0.25f, 1, 2, 0.125f, 4}, bias{1, -2, 3};
  const std::vector<float> x{0, 1, 2, 3, 4, 5, 6, 7, -3, -2, -1, 0, 0.5f, 1, 1.5f, 2};
  std::vector<tfl::Float16> halves;
  for (const float s : scales) halves.push_back(tfl::rounded<tfl::Float16>(s));
  tfl::ModelBuilder builder;
  const int of_blocks = builder.add_constant({.name = "scales", .shape = {3, 2}}, halves);
  const int in = builder.add_tensor({"x", tfl::TensorType::float32, {2, 8}});
  const auto blocks = tfl::schema::CreateBlockwiseQuantization(builder.tables(), of_blocks, -1, 4);
  const int w = builder.add_constant(
      {.name = "w",
       .type = tfl::TensorType::int4,
       .shape = {3, 8},
       .quantization = {.details_type = tfl::schema::QuantizationDetails::BlockwiseQuantization, .details = blocks.Union()}},
      tfl::test::int4_pairs(weights));
  const int b = builder.add_constant({.name = "b", .shape = {3}}, bias);
  const int out = builder.add_tensor({"y", tfl::TensorType::float32, {2, 3}});
  builder.add_operator(tfl::BuiltinOperator::FULLY_CONNECTED, {in, w, b}, {out},
                       [](auto& tables) { return tfl::schema::CreateFullyConnectedOptions(tables); });
  builder.set_inputs({in});
  builder.set_outputs({out});
  const std::vector<std::uint8_t> file = builder.finish();
  auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
  ASSERT_TRUE(model) << model.message();
  auto interpreter = tfl::Interpreter<tfl::OpRegistry<tfl::FullyConnected>>::create(*model);
  ASSERT_TRUE(interpreter) << interpreter.message();
  std::copy(x.begin(), x.end(), interpreter->input<float>(0)->begin());
  ASSERT_TRUE(interpreter->invoke());
  const auto y = *interpreter->output<float>(0);
  for (std::size_t m = 0; m < 2; ++m) {
    // The row's range in 255 steps; what its rounding may cost is half a step for each weight.
    const float step = (m == 0 ? 7.0f : 5.0f) / 255;
    for (std::size_t n = 0; n < 3; ++n) {
      double want = static_cast<double>(bias[n]), slack = 1e-5;
      for (std::size_t k = 0; k < 8; ++k) {
        const double weight = weights[n * 8 + k] * static_cast<double>(scales[n * 2 + k / 4]);
        want += weight * static_cast<double>(x[m * 8 + k]);
        slack += std::fabs(weight) * static_cast<double>(step) * 0.51;
      }
      EXPECT_NEAR(static_cast<double>(y[static_cast<std::int64_t>(m * 3 + n)]), want, slack) << m << ' ' << n;
    }
  }
}

}  // namespace
