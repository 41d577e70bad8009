// DEPTHWISE_CONV_2D against loops over taps, in all types, with and without borders, for channel counts around the vector widths.

#include "tfl/kernels/depthwise_conv_2d.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::schema::ActivationFunctionType;
using tfl::schema::Padding;
using tfl::test::SingleOp;

std::mt19937 engine(31);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(engine); }
template <class T> std::vector<T> random_values(std::size_t count) {
  std::vector<T> values(count);
  for (T& v : values) {
    if constexpr (std::is_same_v<T, float>) {
      v = static_cast<float>(random_int(-1000, 1000)) / 500;
    } else if constexpr (sizeof(T) >= 4) {
      v = random_int(-5000, 5000);
    } else {
      v = static_cast<T>(random_int(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    }
  }
  return values;
}

struct Case {
  int batches = 1, height = 5, width = 5, channels = 8, multiplier = 1, filter_h = 3, filter_w = 3;
  int stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  bool same = true, has_bias = true, constant = true, relu = false;
  int outputs() const { return channels * multiplier; }
  int extent(int input, int filter, int stride, int dilation) const {
    return same ? (input + stride - 1) / stride : (input - (filter - 1) * dilation - 1 + stride) / stride;
  }
  int out_h() const { return extent(height, filter_h, stride_h, dilation_h); }
  int out_w() const { return extent(width, filter_w, stride_w, dilation_w); }
  static int before(int input, int output, int filter, int stride, int dilation) {
    return std::max(0, (output - 1) * stride + (filter - 1) * dilation + 1 - input) / 2;
  }
};

Case random_case() {
  constexpr int counts[] = {1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 24, 31, 32, 33, 40, 64, 70, 80, 96, 100, 144};
  Case c;
  c.batches = random_int(1, 2);
  c.height = random_int(1, 9);
  c.width = random_int(0, 5) == 0 ? random_int(13, 120) : random_int(1, 12);
  c.channels = counts[random_int(0, static_cast<int>(std::size(counts)) - 1)];
  c.multiplier = random_int(0, 3) == 0 ? random_int(2, 5) : 1;
  if (random_int(0, 1) == 0) {
    c.filter_h = random_int(1, 5);
    c.filter_w = random_int(1, 5);
  }
  c.stride_h = random_int(1, 3);
  c.stride_w = random_int(0, 1) == 0 ? 1 : random_int(1, 3);
  c.dilation_h = random_int(1, 2);
  c.dilation_w = random_int(1, 2);
  c.same = random_int(0, 2) != 0;
  c.has_bias = random_int(0, 3) != 0;
  c.constant = random_int(0, 2) != 0;
  c.relu = random_int(0, 1) == 0;
  return c;
}

/// Calls sum(output index, output channel, accumulated product) for every output.
template <class T, class F, class Finish>
void convolve(const Case& c, const std::vector<T>& input, int input_zero, const std::vector<F>& filter, int filter_zero, Finish finish) {
  using Sum = std::conditional_t<std::is_same_v<T, float>, double, std::int64_t>;
  const int top = Case::before(c.height, c.out_h(), c.filter_h, c.stride_h, c.dilation_h);
  const int left = Case::before(c.width, c.out_w(), c.filter_w, c.stride_w, c.dilation_w);
  std::size_t index = 0;
  for (int b = 0; b < c.batches; ++b) {
    for (int y = 0; y < c.out_h(); ++y) {
      for (int x = 0; x < c.out_w(); ++x) {
        for (int o = 0; o < c.outputs(); ++o, ++index) {
          Sum sum = 0;
          for (int ky = 0; ky < c.filter_h; ++ky) {
            for (int kx = 0; kx < c.filter_w; ++kx) {
              const int iy = y * c.stride_h - top + ky * c.dilation_h, ix = x * c.stride_w - left + kx * c.dilation_w;
              if (iy < 0 || iy >= c.height || ix < 0 || ix >= c.width) continue;
              const auto at = static_cast<std::size_t>(((b * c.height + iy) * c.width + ix) * c.channels + o / c.multiplier);
              const auto tap = static_cast<std::size_t>((ky * c.filter_w + kx) * c.outputs() + o);
              sum += (Sum(input[at]) - Sum(input_zero)) * (Sum(filter[tap]) - Sum(filter_zero));
            }
          }
          finish(index, static_cast<std::size_t>(o), sum);
        }
      }
    }
  }
}

auto options(const Case& c) {
  return [c](auto& tables) {
    return tfl::schema::CreateDepthwiseConv2DOptions(tables, c.same ? Padding::SAME : Padding::VALID, c.stride_w, c.stride_h, c.multiplier,
                                                     c.relu ? ActivationFunctionType::RELU : ActivationFunctionType::NONE, c.dilation_w,
                                                     c.dilation_h);
  };
}

using Op = SingleOp<tfl::DepthwiseConv2D>;

template <class T, class F, class B, class Out>
void build(Op& op, const Case& c, const std::vector<T>& input, tfl::QuantizationSpec input_q, const std::vector<F>& filter,
           tfl::QuantizationSpec filter_q, const std::vector<B>& bias, tfl::QuantizationSpec output_q) {
  op.input<T>({c.batches, c.height, c.width, c.channels}, input, std::move(input_q));
  const std::vector<std::int32_t> shape{1, c.filter_h, c.filter_w, c.outputs()};
  if (c.constant) {
    op.constant<F>(shape, filter, std::move(filter_q));
  } else {
    op.input<F>(shape, filter, std::move(filter_q));
  }
  if (c.has_bias) {
    op.constant<B>({c.outputs()}, bias);
  } else {
    op.absent();
  }
  op.output<Out>(std::move(output_q));
  op.options(options(c));
}

std::string text(const Case& c) {
  return std::to_string(c.height) + "x" + std::to_string(c.width) + "x" + std::to_string(c.channels) + "*" + std::to_string(c.multiplier) +
         " filter " + std::to_string(c.filter_h) + "x" + std::to_string(c.filter_w) + " stride " + std::to_string(c.stride_h) + "," +
         std::to_string(c.stride_w) + " dilation " + std::to_string(c.dilation_h) + "," + std::to_string(c.dilation_w) +
         (c.same ? " same" : " valid") + (c.constant ? "" : " filter as input");
}

/// The case's bias, all 0 where it has none.
template <class B> std::vector<B> bias_of(const Case& c) {
  return c.has_bias ? random_values<B>(static_cast<std::size_t>(c.outputs())) : std::vector<B>(static_cast<std::size_t>(c.outputs()));
}

std::size_t input_count(const Case& c) { return static_cast<std::size_t>(c.batches * c.height * c.width * c.channels); }
std::size_t filter_count(const Case& c) { return static_cast<std::size_t>(c.filter_h * c.filter_w * c.outputs()); }
std::size_t output_count(const Case& c) { return static_cast<std::size_t>(c.batches * c.out_h() * c.out_w() * c.outputs()); }
bool fits(const Case& c) { return c.out_h() >= 1 && c.out_w() >= 1; }

TEST(DepthwiseConv2D, Float) {
  for (int round = 0; round < 150; ++round) {
    const Case c = random_case();
    if (!fits(c)) continue;
    SCOPED_TRACE(text(c));
    const auto input = random_values<float>(input_count(c)), filter = random_values<float>(filter_count(c));
    const auto bias = bias_of<float>(c);
    Op op;
    build<float, float, float, float>(op, c, input, {}, filter, {}, bias, {});
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<float>();
    ASSERT_EQ(actual.size(), output_count(c));
    convolve(c, input, 0, filter, 0, [&](std::size_t i, std::size_t o, double sum) {
      const double wanted = c.relu ? std::max(0.0, sum + bias[o]) : sum + bias[o];
      ASSERT_NEAR(actual[i], wanted, 1e-4) << i;
    });
  }
}

template <class T, class F, class B> void check_quantized(bool per_channel, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const Case c = random_case();
    if (!fits(c)) continue;
    SCOPED_TRACE(text(c));
    const bool wide = std::is_same_v<T, std::int16_t>, is_unsigned = std::is_unsigned_v<T>;
    const int input_zero = wide ? 0 : is_unsigned ? random_int(100, 150) : random_int(-128, 127);
    const int output_zero = wide          ? 0
                            : is_unsigned ? random_int(100, 150)
                                          : random_int(-20, 20),
              filter_zero = is_unsigned ? random_int(0, 255) : 0;
    const auto input = random_values<T>(input_count(c));
    constexpr bool packed = tfl::is_packed<F>;
    auto filter = random_values<std::conditional_t<packed, std::int8_t, F>>(filter_count(c));
    if (packed) std::for_each(filter.begin(), filter.end(), [](auto& w) { w = static_cast<std::int8_t>((w & 15) - 8); });
    const auto stored = [&] {
      if constexpr (packed) {
        return tfl::test::packed<F>(filter);
      } else {
        return filter;
      }
    }();
    const auto bias = bias_of<B>(c);
    std::vector<float> scales;
    for (int i = 0; i < (per_channel ? c.outputs() : 1); ++i) scales.push_back(static_cast<float>(random_int(1, 2000)) / 100000);
    // The smallest of the output's scales makes multipliers of more than 1.
    constexpr float output_scales[] = {0.31f, 0.31f, 0.004f, 0.0003f};
    const float input_scale = 0.0173f, output_scale = wide ? 0.5f : output_scales[random_int(0, 3)];
    Op op;
    build<T, F, B, T>(op, c, input, {{input_scale}, {input_zero}}, stored,
                      {scales, std::vector<std::int64_t>(scales.size(), filter_zero), 3}, bias, {{output_scale}, {output_zero}});
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<T>();
    ASSERT_EQ(actual.size(), output_count(c));
    const int lo = c.relu ? output_zero : std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
    convolve(c, input, input_zero, filter, filter_zero, [&](std::size_t i, std::size_t o, std::int64_t sum) {
      const float scale = scales[per_channel ? o : 0];
      const double product = is_unsigned ? double{input_scale * scale} : double{input_scale} * double{scale};
      const tfl::Multiplier m = tfl::quantize_multiplier(product / double{output_scale});
      const std::int64_t total = sum + bias[o];
      const int scaled = wide ? tfl::multiply(total, m) : tfl::multiply(static_cast<std::int32_t>(total), m);
      ASSERT_EQ(int{actual[i]}, std::clamp(scaled + output_zero, lo, hi)) << i;
    });
  }
}
TEST(DepthwiseConv2D, Int8PerChannel) { check_quantized<std::int8_t, std::int8_t, std::int32_t>(true, 200); }
TEST(DepthwiseConv2D, Int8PerTensor) { check_quantized<std::int8_t, std::int8_t, std::int32_t>(false, 60); }
TEST(DepthwiseConv2D, Int4Filters) { check_quantized<std::int8_t, tfl::Int4Pair, std::int32_t>(true, 100); }
TEST(DepthwiseConv2D, UInt8) { check_quantized<std::uint8_t, std::uint8_t, std::int32_t>(false, 100); }
TEST(DepthwiseConv2D, Int16) { check_quantized<std::int16_t, std::int8_t, std::int64_t>(true, 100); }

TEST(DepthwiseConv2D, Int16SumsPassThirtyTwoBits) {
  Case c{.height = 30, .width = 30, .channels = 3, .filter_h = 30, .filter_w = 30, .same = false, .has_bias = false};
  const std::vector<std::int16_t> input(input_count(c), -32768);
  const std::vector<std::int8_t> filter(filter_count(c), -128);
  Op op;
  build<std::int16_t, std::int8_t, std::int64_t, std::int16_t>(op, c, input, {{1.0f}, {0}}, filter, {{1.0f}, {0}}, {}, {{0x1p18f}, {0}});
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int16_t>(), std::vector<std::int16_t>(3, 14400));  // 900 * 2^15 * 2^7 / 2^18
}

/// All of input, filter and zero points at an end of their range, where sums are largest.
template <class T> void check_extremes() {
  constexpr int lowest = std::numeric_limits<T>::min(), highest = std::numeric_limits<T>::max();
  for (const int channels : {5, 8, 16, 32, 64, 144}) {
    for (const int stride : {1, 2}) {
      for (const int filter : {3, 5}) {
        for (int ends = 0; ends < 16; ++ends) {
          const Case c{.height = 7,
                       .width = 6,
                       .channels = channels,
                       .filter_h = filter,
                       .filter_w = filter,
                       .stride_h = stride,
                       .stride_w = stride};
          SCOPED_TRACE(text(c) + " ends " + std::to_string(ends));
          const auto end = [&](int bit) { return static_cast<T>((ends >> bit & 1) != 0 ? highest : lowest); };
          const std::vector<T> input(input_count(c), end(0)), taps(filter_count(c), end(1));
          const int input_zero = end(2), output_zero = end(3), filter_zero = std::is_unsigned_v<T> ? end(2) : 0;
          const std::vector<std::int32_t> bias(static_cast<std::size_t>(channels), 77);
          const float filter_scale = 0.01f, output_scale = 3.0f;
          Op op;
          build<T, T, std::int32_t, T>(op, c, input, {{1.0f}, {input_zero}}, taps, {{filter_scale}, {filter_zero}}, bias,
                                       {{output_scale}, {output_zero}});
          ASSERT_EQ(op.run(), "");
          const auto actual = op.values<T>();
          const tfl::Multiplier m = tfl::quantize_multiplier(double{filter_scale} / double{output_scale});
          convolve(c, input, input_zero, taps, filter_zero, [&](std::size_t i, std::size_t o, std::int64_t sum) {
            const int scaled = tfl::multiply(static_cast<std::int32_t>(sum + bias[o]), m);
            ASSERT_EQ(int{actual[i]}, std::clamp(scaled + output_zero, lowest, highest)) << i;
          });
        }
      }
    }
  }
}
TEST(DepthwiseConv2D, Int8AtTheEnds) { check_extremes<std::int8_t>(); }
TEST(DepthwiseConv2D, UInt8AtTheEnds) { check_extremes<std::uint8_t>(); }

TEST(DepthwiseConv2D, Hybrid) {
  for (int round = 0; round < 60; ++round) {
    const Case c = random_case();
    if (!fits(c)) continue;
    SCOPED_TRACE(text(c));
    const auto input = random_values<float>(input_count(c));
    const auto filter = random_values<std::int8_t>(filter_count(c));
    const auto bias = bias_of<float>(c);
    std::vector<float> scales;
    for (int i = 0; i < c.outputs(); ++i) scales.push_back(static_cast<float>(random_int(1, 100)) / 10000);
    Op op;
    build<float, std::int8_t, float, float>(op, c, input, {}, filter, {scales, std::vector<std::int64_t>(scales.size()), 3}, bias, {});
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<float>();
    std::vector<float> real(filter.begin(), filter.end());
    for (std::size_t i = 0; i < real.size(); ++i) real[i] *= scales[i % scales.size()];
    // Inputs lie within [-2, 2]: a step of at most 4 / 255, half of it lost in each product.
    convolve(c, input, 0, real, 0, [&](std::size_t i, std::size_t o, double sum) {
      const double wanted = c.relu ? std::max(0.0, sum + bias[o]) : sum + bias[o];
      ASSERT_NEAR(actual[i], wanted, c.filter_h * c.filter_w * 128.0 * scales[o] * 2 / 255 + 1e-4) << i;
    });
  }
}

std::string error_of(const Case& c, std::vector<std::int32_t> filter_shape, std::vector<std::int32_t> bias_shape = {8},
                     tfl::QuantizationSpec filter_q = {{0.1f}, {0}}, tfl::QuantizationSpec output_q = {{1.0f}, {0}}) {
  const auto count = [](const std::vector<std::int32_t>& shape) {
    std::size_t n = 1;
    for (const std::int32_t d : shape) n *= static_cast<std::size_t>(d);
    return n;
  };
  Op op;
  op.input<std::int8_t>({1, 5, 5, 8}, std::vector<std::int8_t>(200), {{0.5f}, {0}});
  op.constant<std::int8_t>(filter_shape, std::vector<std::int8_t>(count(filter_shape)), std::move(filter_q));
  op.constant<std::int32_t>(bias_shape, std::vector<std::int32_t>(count(bias_shape)));
  op.output<std::int8_t>(std::move(output_q));
  op.options(options(c));
  return op.run();
}

TEST(DepthwiseConv2D, Errors) {
  EXPECT_EQ(error_of({}, {1, 3, 3, 8}), "");
  EXPECT_THAT(error_of({}, {3, 3, 8}), HasSubstr("must have 4 dimensions, not 3"));
  EXPECT_THAT(error_of({}, {2, 3, 3, 8}), HasSubstr("must have 1 as first dimension, not 2"));
  EXPECT_THAT(error_of({}, {1, 3, 3, 12}), HasSubstr("a multiple of the input's 8 channels as last dimension, not 12"));
  EXPECT_THAT(error_of({}, {1, 3, 3, 8}, {7}), HasSubstr("one element for each of 8 output channels, not 7"));
  EXPECT_THAT(error_of({.stride_w = 0}, {1, 3, 3, 8}), HasSubstr("strides of at least 1"));
  EXPECT_THAT(error_of({.stride_h = 40000}, {1, 3, 3, 8}), HasSubstr("strides and dilations of at most 32767"));
  EXPECT_THAT(error_of({.dilation_h = -1}, {1, 3, 3, 8}), HasSubstr("dilations of at least 1"));
  EXPECT_THAT(error_of({.same = false}, {1, 8, 3, 8}), HasSubstr("smaller than the window"));
  EXPECT_THAT(error_of({}, {1, 3, 3, 8}, {8}, {{0.1f}, {3}}), HasSubstr("must have the zero point 0, not 3"));
  EXPECT_THAT(error_of({}, {1, 3, 3, 8}, {8}, {{1, 2, 3}, {0, 0, 0}, 1}), HasSubstr("scales along axis 3, not 1"));
  EXPECT_THAT(error_of({}, {1, 3, 3, 8}, {8}, {{0.1f}, {0}}, {{0.0f}, {0}}), HasSubstr("must have a positive scale"));
  EXPECT_THAT(error_of({}, {1, 3, 3, 8}, {8}, {{1e20f}, {0}}, {{1e-20f}, {0}}), HasSubstr("too large for the output's scale"));
}

}  // namespace
