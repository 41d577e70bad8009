#include "tfl/quant/quantize.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using tfl::BuiltinOperator;
using tfl::TensorType;
namespace quant = tfl::quant;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

TEST(RoundHalfAway, IsStdRound) {
  for (const double value : {0.0, 0.49999999999999994, 0.5, -0.5, 1.5, 2.5, -2.5, 1e15 + 0.5, -3.49, 4503599627370497.0}) {
    EXPECT_EQ(quant::round_half_away(value), std::llround(value)) << value;
  }
  EXPECT_EQ(quant::round_half_away(1e300), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(quant::round_half_away(-1e300), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(quant::round_half_away(std::nan("")), 0);
}

TEST(ActivationParameters, Int8) {
  // 2.55 / 255, and -128 + 1.0 / 0.01.
  const auto p = quant::choose_activation_parameters(-1.0f, 1.55f, TensorType::int8);
  EXPECT_FLOAT_EQ(p.scale, 0.01f);
  EXPECT_EQ(p.zero_point, -28);
  EXPECT_EQ(quant::choose_activation_parameters(0.0f, 1.0f, TensorType::int8), (quant::AffineParameters{1.0f / 255, -128}));
  EXPECT_EQ(quant::choose_activation_parameters(-255.0f, 0.0f, TensorType::int8), (quant::AffineParameters{1.0f, 127}));
}

TEST(ActivationParameters, TheRangeIsWidenedToHoldZero) {
  EXPECT_EQ(quant::choose_activation_parameters(2.0f, 5.1f, TensorType::int8),
            quant::choose_activation_parameters(0.0f, 5.1f, TensorType::int8));
  EXPECT_EQ(quant::choose_activation_parameters(-5.1f, -2.0f, TensorType::int8),
            quant::choose_activation_parameters(-5.1f, 0.0f, TensorType::int8));
}

TEST(ActivationParameters, OtherTypes) {
  const auto u8 = quant::choose_activation_parameters(-1.0f, 1.55f, TensorType::uint8);
  EXPECT_FLOAT_EQ(u8.scale, 0.01f);
  EXPECT_EQ(u8.zero_point, 100);
  EXPECT_EQ(quant::choose_activation_parameters(-2.0f, 1.0f, TensorType::int16), (quant::AffineParameters{2.0f / 32767, 0}));
  EXPECT_EQ(quant::choose_activation_parameters(0.0f, 0.0f, TensorType::int8), (quant::AffineParameters{1.0f, -128}));
  EXPECT_EQ(quant::choose_activation_parameters(0.0f, 0.0f, TensorType::int16), (quant::AffineParameters{1.0f, 0}));
}

TEST(ActivationParameters, WrongRangesAndTypesGiveScaleZero) {
  EXPECT_EQ(quant::choose_activation_parameters(1.0f, -1.0f, TensorType::int8).scale, 0.0f);
  EXPECT_EQ(quant::choose_activation_parameters(0.0f, infinity, TensorType::int8).scale, 0.0f);
  EXPECT_EQ(quant::choose_activation_parameters(not_a_number, 1.0f, TensorType::int8).scale, 0.0f);
  EXPECT_EQ(quant::choose_activation_parameters(0.0f, 1.0f, TensorType::float32).scale, 0.0f);
  EXPECT_EQ(quant::choose_activation_parameters(0.0f, 1.0f, TensorType::int32).scale, 0.0f);
}

TEST(ActivationParameters, EveryValueOfTheRangeComesBackWithinHalfAStep) {
  for (const auto type : {TensorType::int8, TensorType::uint8, TensorType::int16}) {
    const auto p = quant::choose_activation_parameters(-3.7f, 11.2f, type);
    for (int i = 0; i <= 1000; ++i) {
      const float value = -3.7f + 14.9f * static_cast<float>(i) / 1000;
      const float back = quant::dequantize_value(quant::quantize_value(value, p, quant::integer_range(type)), p);
      // Rounding the zero point shifts the range by up to half a step more at its ends.
      ASSERT_NEAR(back, value, (i == 0 || i == 1000 ? 1.01f : 0.51f) * p.scale) << value;
    }
    EXPECT_EQ(quant::dequantize_value(quant::quantize_value(0.0f, p, quant::integer_range(type)), p), 0.0f);
  }
}

TEST(FixedOutputParameters, AreTheOpsOwn) {
  using P = quant::AffineParameters;
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::SOFTMAX, TensorType::int8), (P{1.0f / 256, -128}));
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::SOFTMAX, TensorType::uint8), (P{1.0f / 256, 0}));
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::LOGISTIC, TensorType::int16), (P{1.0f / 32768, 0}));
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::TANH, TensorType::int8), (P{1.0f / 128, 0}));
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::L2_NORMALIZATION, TensorType::uint8), (P{1.0f / 128, 128}));
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::LOG_SOFTMAX, TensorType::int8), (P{0.0625f, 127}));
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::CONV_2D, TensorType::int8), P{});
  EXPECT_EQ(quant::fixed_output_parameters(BuiltinOperator::SOFTMAX, TensorType::float32), P{});
}

TEST(QuantizeValue, RoundsClampsAndSurvivesOddInput) {
  constexpr auto int8_range = quant::integer_range(TensorType::int8);
  EXPECT_EQ(quant::quantize_value(0.25f, {0.5f, 10}, int8_range), 11);
  EXPECT_EQ(quant::quantize_value(-0.25f, {0.5f, 10}, int8_range), 9);
  EXPECT_EQ(quant::quantize_value(infinity, {0.5f, 10}, int8_range), 127);
  EXPECT_EQ(quant::quantize_value(-infinity, {0.5f, 10}, int8_range), -128);
  EXPECT_EQ(quant::quantize_value(not_a_number, {0.5f, 10}, int8_range), 10);
  EXPECT_EQ(quant::quantize_value(3e38f, {1e-38f, std::numeric_limits<std::int32_t>::max()}, quant::integer_range(TensorType::int64)),
            (std::int64_t{1} << 62) + std::numeric_limits<std::int32_t>::max());
}

TEST(Quantize, SpansOfEachType) {
  const std::array<float, 4> values = {-1.0f, 0.0f, 0.5f, 100.0f};
  std::array<std::uint8_t, 4> bytes{};
  ASSERT_TRUE(quant::quantize(values, {0.5f, 128}, std::span(bytes)));
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 4>{126, 128, 129, 255}));
  std::array<std::int16_t, 4> shorts{};
  ASSERT_TRUE(quant::quantize(values, {0.25f, 0}, std::span(shorts)));
  EXPECT_EQ(shorts, (std::array<std::int16_t, 4>{-4, 0, 2, 400}));
  std::array<float, 4> back{};
  ASSERT_TRUE(quant::dequantize(std::span<const std::uint8_t>(bytes), {0.5f, 128}, back));
  EXPECT_EQ(back, (std::array<float, 4>{-1.0f, 0.0f, 0.5f, 63.5f}));
  EXPECT_FALSE(quant::quantize(values, {0.5f, 0}, std::span(bytes).first(3)));
  EXPECT_FALSE(quant::quantize(values, {0.0f, 0}, std::span(bytes)));
  EXPECT_FALSE(quant::dequantize(std::span<const std::uint8_t>(bytes), {0.5f, 0}, std::span(back).first(3)));
}

TEST(ChannelLayout, OfEachAxis) {
  const std::array<std::int32_t, 4> shape = {2, 3, 5, 7};
  const auto first = quant::channel_layout(shape, 0);
  EXPECT_EQ(first.outer, 1u);
  EXPECT_EQ(first.channels, 2u);
  EXPECT_EQ(first.inner, 105u);
  const auto last = quant::channel_layout(shape, 3);
  EXPECT_EQ(last.outer, 30u);
  EXPECT_EQ(last.channels, 7u);
  EXPECT_EQ(last.inner, 1u);
  EXPECT_EQ(last.size(), 210u);
  EXPECT_EQ(quant::channel_layout(shape, 4).size(), 0u);
  EXPECT_EQ(quant::channel_layout(shape, -1).size(), 0u);
}

TEST(Weights, PerChannelAlongTheFirstAndTheLastAxis) {
  const std::array<float, 6> weights = {1.27f, -0.635f, 0.0f, 25.4f, -12.7f, 12.6f};
  std::array<float, 2> scales{};
  std::array<std::int8_t, 6> integers{};
  const quant::ChannelLayout rows{1, 2, 3};
  ASSERT_TRUE(quant::choose_weight_scales(weights, rows, scales));
  EXPECT_FLOAT_EQ(scales[0], 0.01f);
  EXPECT_FLOAT_EQ(scales[1], 0.2f);
  ASSERT_TRUE(quant::quantize_per_channel(weights, rows, scales, std::span(integers)));
  EXPECT_EQ(integers[0], 127);
  EXPECT_EQ(integers[2], 0);
  EXPECT_EQ(integers[3], 127);
  EXPECT_EQ(integers[5], 63);

  std::array<float, 3> column_scales{};
  const quant::ChannelLayout columns{2, 3, 1};
  ASSERT_TRUE(quant::choose_weight_scales(weights, columns, column_scales));
  EXPECT_FLOAT_EQ(column_scales[0], 25.4f / 127);
  EXPECT_FLOAT_EQ(column_scales[1], 12.7f / 127);
  ASSERT_TRUE(quant::quantize_per_channel(weights, columns, column_scales, std::span(integers)));
  EXPECT_EQ(integers[0], 6);  // 1.27 / 0.2 = 6.35
  EXPECT_EQ(integers[4], -127);
}

TEST(Weights, StayWithinTheSymmetricRange) {
  const std::array<float, 3> weights = {-4.0f, 3.0f, 1.0f};
  const std::array<float, 1> scale = {0.01f};
  std::array<std::int8_t, 3> integers{};
  ASSERT_TRUE(quant::quantize_per_channel(weights, {1, 1, 3}, scale, std::span(integers)));
  EXPECT_EQ(integers, (std::array<std::int8_t, 3>{-127, 127, 100}));
  const float int4_scale = quant::choose_weight_scale(weights, TensorType::int4);
  EXPECT_FLOAT_EQ(int4_scale, 4.0f / 7);
  ASSERT_TRUE(quant::quantize_per_channel(weights, {1, 1, 3}, {&int4_scale, 1}, std::span(integers), TensorType::int4));
  EXPECT_EQ(integers, (std::array<std::int8_t, 3>{-7, 5, 2}));
}

TEST(Weights, TinyAndEmptyChannelsKeepAPositiveScale) {
  const std::array<float, 4> zeros{};
  EXPECT_FLOAT_EQ(quant::choose_weight_scale(zeros), 5e-7f / 127);
  EXPECT_FLOAT_EQ(quant::choose_weight_scale(std::span<const float>()), 5e-7f / 127);
  // A narrow range far from 0 keeps its magnitude.
  const std::array<float, 2> equal = {3.0f, 3.0f};
  EXPECT_FLOAT_EQ(quant::choose_weight_scale(equal), 3.0f / 127);
}

TEST(Weights, WrongArgumentsAreRefused) {
  const std::array<float, 4> weights = {1.0f, 2.0f, not_a_number, infinity};
  std::array<float, 2> scales{};
  std::array<std::int8_t, 4> integers{};
  EXPECT_FALSE(quant::choose_weight_scales(weights, {1, 2, 2}, scales)) << "not finite";
  EXPECT_EQ(quant::choose_weight_scale(weights), 0.0f);
  EXPECT_FALSE(quant::choose_weight_scales(std::span(weights).first(2), {1, 2, 2}, scales));
  EXPECT_FALSE(quant::choose_weight_scales(std::span(weights).first(2), {1, 2, 1}, scales, TensorType::uint8)) << "has no symmetric range";
  EXPECT_FALSE(quant::quantize_per_channel(weights, {1, 2, 2}, scales, std::span(integers))) << "scales are 0";
  EXPECT_FALSE(quant::quantize_per_channel(weights, {1, 4, 1}, scales, std::span(integers)));
}

TEST(Bias, HasTheAccumulatorsScale) {
  const std::array<float, 3> bias = {1.0f, -0.5f, 0.26f};
  const std::array<float, 3> scales = {0.5f, 0.25f, 0.125f};
  std::array<std::int32_t, 3> integers{};
  ASSERT_TRUE(quant::quantize_bias(bias, 0.5f, scales, std::span(integers)));
  EXPECT_EQ(integers, (std::array<std::int32_t, 3>{4, -4, 4}));
  EXPECT_EQ(quant::bias_scale_of(0.5f, 0.125f), 0.0625f);
  ASSERT_TRUE(quant::quantize_bias(bias, 0.5f, std::span(scales).first(1), std::span(integers)));
  EXPECT_EQ(integers, (std::array<std::int32_t, 3>{4, -2, 1}));
  std::array<std::int64_t, 3> wide{};
  const std::array<float, 1> tiny = {1e-10f};
  ASSERT_TRUE(quant::quantize_bias(bias, 1e-4f, tiny, std::span(wide)));
  EXPECT_NEAR(static_cast<double>(wide[0]), 1e14, 1e8);
  ASSERT_TRUE(quant::quantize_bias(bias, 1e-4f, tiny, std::span(integers)));
  EXPECT_EQ(integers[0], std::numeric_limits<std::int32_t>::max());
  EXPECT_FALSE(quant::quantize_bias(bias, 0.0f, tiny, std::span(integers)));
  EXPECT_FALSE(quant::quantize_bias(bias, 1.0f, std::span(scales).first(2), std::span(integers)));
}

TEST(Bias, ADeadChannelsWeightScaleIsRaisedUntilItsBiasFits) {
  EXPECT_EQ(quant::weight_scale_for_bias(1.0f, 0.02f, 0.01f), 0.01f);
  const float dead = 5e-7f / 127;
  const float raised = quant::weight_scale_for_bias(-1.5f, 0.02f, dead);
  EXPECT_GT(raised, dead * 10);
  std::array<std::int32_t, 1> integer{};
  const std::array<float, 1> bias = {-1.5f};
  ASSERT_TRUE(quant::quantize_bias(bias, 0.02f, std::span(&raised, 1), std::span(integer)));
  EXPECT_NEAR(integer[0], -static_cast<double>(quant::bias_limit), 128);
}

// All of it works in constant evaluation.
static_assert(quant::choose_activation_parameters(-1.0f, 1.0f, TensorType::int8) == quant::AffineParameters{2.0f / 255, -1});
static_assert(quant::round_half_away(-2.5) == -3);
constexpr std::array<std::int8_t, 4> quantized_at_compile_time() {
  const std::array<float, 4> weights = {1.0f, -0.5f, 4.0f, 0.0f};
  std::array<float, 2> scales{};
  std::array<std::int8_t, 4> integers{};
  const auto layout = quant::ChannelLayout{1, 2, 2};
  const bool done =
      quant::choose_weight_scales(weights, layout, scales) && quant::quantize_per_channel(weights, layout, scales, std::span(integers));
  return done ? integers : std::array<std::int8_t, 4>{};
}
static_assert(quantized_at_compile_time() == std::array<std::int8_t, 4>{127, -64, 127, 0});

}  // namespace
