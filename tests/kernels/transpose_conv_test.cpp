// TRANSPOSE_CONV against the definition: every input element adds its product with the filter to a window of the output.

#include "tfl/kernels/transpose_conv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/transpose_conv_bias.hpp"

namespace {

using testing::HasSubstr;
using tfl::schema::ActivationFunctionType;
using tfl::schema::Padding;
using tfl::test::SingleOp;
using Op = SingleOp<tfl::TransposeConv>;

std::mt19937 engine(61);
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
  int batches = 1, out_h = 6, out_w = 6, channels = 3, outputs = 4, filter_h = 3, filter_w = 3, stride_h = 2, stride_w = 2;
  bool same = true, has_bias = true, constant = true, relu = false;
  int extent(int output, int filter, int stride) const {
    return same ? (output + stride - 1) / stride : (output - filter + stride) / stride;
  }
  int height() const { return extent(out_h, filter_h, stride_h); }
  int width() const { return extent(out_w, filter_w, stride_w); }
  std::size_t inputs() const { return static_cast<std::size_t>(batches * height() * width() * channels); }
  std::size_t filters() const { return static_cast<std::size_t>(outputs * filter_h * filter_w * channels); }
  std::size_t count() const { return static_cast<std::size_t>(batches * out_h * out_w * outputs); }
  std::string text() const {
    return std::to_string(out_h) + "x" + std::to_string(out_w) + "x" + std::to_string(outputs) + " from " + std::to_string(channels) +
           " filter " + std::to_string(filter_h) + "x" + std::to_string(filter_w) + " stride " + std::to_string(stride_h) + "," +
           std::to_string(stride_w) + (same ? " same" : " valid") + (constant ? "" : " filter as input");
  }
};
Case random_case() {
  constexpr int counts[] = {1, 2, 3, 5, 8, 16, 17, 31, 33, 40, 65};
  Case c;
  c.batches = random_int(1, 2);
  c.out_h = random_int(1, 9);
  c.out_w = random_int(1, 14);
  c.channels = random_int(1, 9);
  c.outputs = counts[random_int(0, static_cast<int>(std::size(counts)) - 1)];
  c.filter_h = random_int(1, 5);
  c.filter_w = random_int(1, 5);
  c.stride_h = random_int(1, 3);
  c.stride_w = random_int(1, 3);
  c.same = random_int(0, 1) == 0;
  c.has_bias = random_int(0, 1) == 0;
  c.constant = random_int(0, 2) != 0;
  c.relu = random_int(0, 1) == 0;
  return c;
}
bool fits(const Case& c) { return c.height() >= 1 && c.width() >= 1; }

template <class Sum, class T, class F>
std::vector<Sum> transposed(const Case& c, const std::vector<T>& input, int input_zero, const std::vector<F>& filter, int filter_zero) {
  std::vector<Sum> sums(c.count());
  const int top = std::max(0, (c.height() - 1) * c.stride_h + c.filter_h - c.out_h) / 2;
  const int left = std::max(0, (c.width() - 1) * c.stride_w + c.filter_w - c.out_w) / 2;
  for (int b = 0; b < c.batches; ++b) {
    for (int iy = 0; iy < c.height(); ++iy) {
      for (int ix = 0; ix < c.width(); ++ix) {
        for (int ky = 0; ky < c.filter_h; ++ky) {
          for (int kx = 0; kx < c.filter_w; ++kx) {
            const int y = iy * c.stride_h - top + ky, x = ix * c.stride_w - left + kx;
            if (y < 0 || y >= c.out_h || x < 0 || x >= c.out_w) continue;
            for (int o = 0; o < c.outputs; ++o) {
              for (int i = 0; i < c.channels; ++i) {
                const auto from = static_cast<std::size_t>(((b * c.height() + iy) * c.width() + ix) * c.channels + i);
                const auto tap = static_cast<std::size_t>(((o * c.filter_h + ky) * c.filter_w + kx) * c.channels + i);
                const auto to = static_cast<std::size_t>(((b * c.out_h + y) * c.out_w + x) * c.outputs + o);
                sums[to] += (Sum(input[from]) - Sum(input_zero)) * (Sum(filter[tap]) - Sum(filter_zero));
              }
            }
          }
        }
      }
    }
  }
  return sums;
}

template <class T, class F, class B>
void build(Op& op, const Case& c, const std::vector<T>& input, tfl::QuantizationSpec input_q, const std::vector<F>& filter,
           tfl::QuantizationSpec filter_q, const std::vector<B>& bias, tfl::QuantizationSpec output_q) {
  op.constant<std::int32_t>({4}, std::vector<std::int32_t>{c.batches, c.out_h, c.out_w, c.outputs});
  const std::vector<std::int32_t> shape{c.outputs, c.filter_h, c.filter_w, c.channels};
  if (c.constant) {
    op.constant<F>(shape, filter, std::move(filter_q));
  } else {
    op.input<F>(shape, filter, std::move(filter_q));
  }
  op.input<T>({c.batches, c.height(), c.width(), c.channels}, input, std::move(input_q));
  if (c.has_bias) op.constant<B>({c.outputs}, bias);
  op.output<T>(std::move(output_q));
  op.version(4);
  op.options([c](auto& tables) {
    return tfl::schema::CreateTransposeConvOptions(tables, c.same ? Padding::SAME : Padding::VALID, c.stride_w, c.stride_h,
                                                   c.relu ? ActivationFunctionType::RELU : ActivationFunctionType::NONE);
  });
}
template <class B> std::vector<B> bias_of(const Case& c) {
  return c.has_bias ? random_values<B>(static_cast<std::size_t>(c.outputs)) : std::vector<B>(static_cast<std::size_t>(c.outputs));
}

TEST(TransposeConv, Float) {
  for (int round = 0; round < 150; ++round) {
    const Case c = random_case();
    if (!fits(c)) continue;
    SCOPED_TRACE(c.text());
    const auto input = random_values<float>(c.inputs()), filter = random_values<float>(c.filters());
    const auto bias = bias_of<float>(c);
    Op op;
    build(op, c, input, {}, filter, {}, bias, {});
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<float>();
    const auto sums = transposed<double>(c, input, 0, filter, 0);
    ASSERT_EQ(actual.size(), sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double y = sums[i] + double{bias[i % bias.size()]};
      ASSERT_NEAR(actual[i], c.relu ? std::max(0.0, y) : y, 1e-4) << i;
    }
  }
}

template <class T, class F, class B> void check_quantized(bool per_channel, int rounds, bool must_have_bias = false) {
  for (int round = 0; round < rounds; ++round) {
    Case c = random_case();
    if (!fits(c)) continue;
    if (must_have_bias) c.has_bias = true;
    SCOPED_TRACE(c.text());
    const bool is_int16 = std::is_same_v<T, std::int16_t>, wide = std::is_same_v<B, std::int64_t>, is_unsigned = std::is_unsigned_v<T>;
    const int input_zero = is_int16 ? 0 : is_unsigned ? random_int(0, 255) : random_int(-128, 127);
    const int zero = is_int16      ? 0
                     : is_unsigned ? random_int(100, 150)
                                   : random_int(-20, 20),
              filter_zero = is_unsigned ? random_int(0, 255) : 0;
    const auto input = random_values<T>(c.inputs());
    const auto filter = random_values<F>(c.filters());
    const auto bias = bias_of<B>(c);
    std::vector<float> scales;
    for (int i = 0; i < (per_channel ? c.outputs : 1); ++i) scales.push_back(static_cast<float>(random_int(1, 2000)) / 100000);
    const float input_scale = 0.0173f, scale = is_int16 ? 0.5f : 0.31f;
    Op op;
    build(op, c, input, {{input_scale}, {input_zero}}, filter, {scales, std::vector<std::int64_t>(scales.size(), filter_zero)}, bias,
          {{scale}, {zero}});
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<T>();
    const auto sums = transposed<std::int64_t>(c, input, input_zero, filter, filter_zero);
    ASSERT_EQ(actual.size(), sums.size());
    const int lo = c.relu ? zero : std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t o = i % bias.size();
      const float filter_scale = scales[per_channel ? o : 0];
      const double product = is_unsigned ? double{input_scale * filter_scale} : double{input_scale} * double{filter_scale};
      const tfl::Multiplier by = tfl::quantize_multiplier(product / double{scale});
      const std::int64_t sum = sums[i] + bias[o];
      const int scaled = wide ? tfl::multiply(sum, by) : tfl::multiply(static_cast<std::int32_t>(sum), by);
      ASSERT_EQ(int{actual[i]}, std::clamp(scaled + zero, lo, hi)) << i;
    }
  }
}
TEST(TransposeConv, Int8PerChannel) { check_quantized<std::int8_t, std::int8_t, std::int32_t>(true, 120); }
TEST(TransposeConv, Int8PerTensor) { check_quantized<std::int8_t, std::int8_t, std::int32_t>(false, 40); }
TEST(TransposeConv, UInt8) { check_quantized<std::uint8_t, std::uint8_t, std::int32_t>(false, 80); }
TEST(TransposeConv, Int16) { check_quantized<std::int16_t, std::int8_t, std::int64_t>(true, 80); }
TEST(TransposeConv, Int16WithInt32Bias) { check_quantized<std::int16_t, std::int8_t, std::int32_t>(true, 40, true); }

TEST(TransposeConv, Hybrid) {
  for (int round = 0; round < 60; ++round) {
    const Case c = random_case();
    if (!fits(c)) continue;
    SCOPED_TRACE(c.text());
    const auto input = random_values<float>(c.inputs());
    const auto filter = random_values<std::int8_t>(c.filters());
    const auto bias = bias_of<float>(c);
    const float scale = 0.01f;
    Op op;
    build(op, c, input, {}, filter, {{scale}, {0}}, bias, {});
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<float>();
    const auto sums = transposed<double>(c, input, 0, filter, 0);
    const double bound = c.channels * c.filter_h * c.filter_w * 128 * double{scale} * 2.1 / 255 + 1e-4;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double y = sums[i] * double{scale} + double{bias[i % bias.size()]};
      ASSERT_NEAR(actual[i], c.relu ? std::max(0.0, y) : y, bound) << i;
    }
  }
}

std::string error_of(std::vector<std::int32_t> wanted, std::vector<std::int32_t> filter, int stride = 2) {
  Op op;
  op.constant<std::int32_t>({static_cast<int>(wanted.size())}, wanted);
  std::size_t n = 1;
  for (const std::int32_t d : filter) n *= static_cast<std::size_t>(d);
  op.constant<float>(filter, std::vector<float>(n));
  op.input<float>({1, 3, 3, 2}, std::vector<float>(18));
  op.output<float>();
  op.options([=](auto& tables) { return tfl::schema::CreateTransposeConvOptions(tables, Padding::SAME, stride, stride); });
  return op.run();
}
TEST(TransposeConv, Errors) {
  EXPECT_EQ(error_of({1, 6, 6, 4}, {4, 3, 3, 2}), "");
  EXPECT_THAT(error_of({1, 6, 6, 4}, {4, 3, 3, 5}), HasSubstr("the input's 2 channels as last dimension, not 5"));
  EXPECT_THAT(error_of({1, 6, 6, 4}, {3, 3, 2}), HasSubstr("must have 4 dimensions, not 3"));
  EXPECT_THAT(error_of({1, 6, 6}, {4, 3, 3, 2}), HasSubstr("must list 4 dimensions, not 3"));
  EXPECT_THAT(error_of({1, -6, 6, 4}, {4, 3, 3, 2}), HasSubstr("negative dimension"));
  EXPECT_THAT(error_of({2, 6, 6, 4}, {4, 3, 3, 2}), HasSubstr("1 images, as the input has, and 4 channels"));
  EXPECT_THAT(error_of({1, 9, 6, 4}, {4, 3, 3, 2}), HasSubstr("has 3 elements along axis 1, but a convolution of the wanted output has 5"));
  EXPECT_THAT(error_of({1, 6, 6, 4}, {4, 3, 3, 2}, 0), HasSubstr("strides of at least 1"));
}

/// The custom op with a bias gives what the builtin gives for the output that it asks for.
TEST(Convolution2DTransposeBias, IsTransposeConv) {
  for (const bool same : {true, false}) {
    const int height = same ? 6 : 7, width = same ? 12 : 14;  // 3 x 4 by strides 2 and 3, windows 3 x 5
    const std::vector<float> in = random_values<float>(2 * 3 * 4 * 3), filter = random_values<float>(5 * 3 * 5 * 3),
                             bias = random_values<float>(5);
    Op builtin;
    builtin.constant<std::int32_t>({4}, std::vector<std::int32_t>{2, height, width, 5});
    builtin.constant<float>({5, 3, 5, 3}, filter);
    builtin.input<float>({2, 3, 4, 3}, in);
    builtin.constant<float>({5}, bias);
    builtin.output<float>();
    builtin.version(3);
    builtin.options(
        [&](auto& tables) { return tfl::schema::CreateTransposeConvOptions(tables, same ? Padding::SAME : Padding::VALID, 3, 2); });
    ASSERT_EQ(builtin.run(), "");
    SingleOp<tfl::Convolution2DTransposeBias> custom;
    custom.input<float>({2, 3, 4, 3}, in);
    custom.constant<float>({5, 3, 5, 3}, filter);
    custom.constant<float>({5}, bias);
    custom.output<float>();
    std::vector<std::uint8_t> bytes(20);
    bytes[0] = same ? 1 : 2;
    bytes[4] = 3;
    bytes[8] = 2;
    custom.custom_options(bytes);
    ASSERT_EQ(custom.run(), "");
    EXPECT_EQ(custom.shape(), (tfl::Shape{2, height, width, 5}));
    EXPECT_EQ(custom.values<float>(), builtin.values<float>());
  }
}

}  // namespace
