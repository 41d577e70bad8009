// Convolutions against seven plain loops: all types, strides, dilations, groups, paddings, constant and changing filters; and errors.

#include "tfl/kernels/conv_2d.hpp"

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
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(7);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }
float random_real() { return std::uniform_real_distribution<float>(-1, 1)(random_engine); }

template <class T> std::vector<T> random_values(std::size_t count, int least, int most) {
  std::vector<T> values(count);
  for (T& v : values) v = std::is_same_v<T, float> ? static_cast<T>(random_real()) : static_cast<T>(random_int(least, most));
  return values;
}

/// A convolution's sizes and options.
struct Problem {
  int n = 1, h = 1, w = 1, c = 1, groups = 1, filters = 1, kh = 1, kw = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  bool same = true, has_bias = true, constant = true;
  tfl::schema::ActivationFunctionType activation = tfl::schema::ActivationFunctionType::NONE;
  int oh = 0, ow = 0, top = 0, left = 0;

  static Problem random() {
    Problem p;
    p.n = random_int(1, 2);
    p.h = random_int(1, 9);
    p.w = random_int(1, 9);
    p.groups = random_int(0, 3) == 0 ? random_int(2, 3) : 1;
    p.c = random_int(0, 2) == 0 ? random_int(16, 70) : random_int(1, 9);
    p.filters = random_int(0, 2) == 0 ? random_int(30, 70) : random_int(1, 20);
    p.same = random_int(0, 1) == 0;
    p.kh = random_int(1, p.same ? 4 : std::min(4, p.h));
    p.kw = random_int(1, p.same ? 4 : std::min(4, p.w));
    if (random_int(0, 2) == 0) p.kh = p.kw = 1;
    p.stride_h = random_int(1, 3);
    p.stride_w = random_int(1, 3);
    if (p.same) {
      p.dilation_h = random_int(1, 2);
      p.dilation_w = random_int(1, 2);
    }
    p.has_bias = random_int(0, 4) != 0;
    p.constant = random_int(0, 3) != 0;
    p.activation = static_cast<tfl::schema::ActivationFunctionType>(random_int(0, 3));
    return p.sized();
  }
  /// Few channels and many positions.
  static Problem first_layer() {
    Problem p = random();
    p.groups = 1;
    p.n = random_int(1, 2);
    p.c = random_int(0, 3) == 0 ? random_int(9, 64) : random_int(1, 4);
    p.h = random_int(5, 30);
    p.w = random_int(0, 4) == 0 ? random_int(500, 900) : random_int(5, 90);
    p.kh = random_int(1, 5);
    p.kw = random_int(1, 5);
    if (random_int(0, 3) == 0) p.kh = p.kw = p.stride_h = p.stride_w = 1;
    p.dilation_h = p.same ? p.dilation_h : 1;
    p.dilation_w = p.same ? p.dilation_w : 1;
    p.filters = random_int(1, 40);
    p.constant = true;
    return p.sized();
  }
  /// More weights than the second cache holds, and several tiles of windows.
  static Problem large_weights() {
    Problem p = random();
    p.groups = random_int(1, 2);
    p.n = 1;
    p.h = random_int(4, 5);
    p.w = random_int(5, 8);
    p.kh = p.kw = 3;
    p.c = 120 + random_int(0, 9);
    p.filters = 270 / p.groups;
    p.same = p.constant = true;
    p.stride_h = p.stride_w = p.dilation_h = p.dilation_w = 1;
    return p.sized();
  }
  Problem sized() {
    const auto axis = [&](int in, int k, int stride, int dilation, int& out, int& before) {
      const int span = (k - 1) * dilation + 1;
      out = same ? (in + stride - 1) / stride : (in - span) / stride + 1;
      before = std::max(0, (out - 1) * stride + span - in) / 2;
    };
    axis(h, kh, stride_h, dilation_h, oh, top);
    axis(w, kw, stride_w, dilation_w, ow, left);
    return *this;
  }
  Dims input() const { return {n, h, w, c * groups}; }
  Dims filter() const { return {filters * groups, kh, kw, c}; }
  int outputs() const { return filters * groups; }
  std::size_t input_count() const { return static_cast<std::size_t>(n * h * w * c * groups); }
  std::size_t filter_count() const { return static_cast<std::size_t>(outputs() * kh * kw * c); }

  /// y[position][filter] = finish(filter, sum of product(input index, filter index))
  template <class Sum, class Product, class Finish> void each(Product product, Finish finish) const {
    for (int b = 0; b < n; ++b)
      for (int y = 0; y < oh; ++y)
        for (int x = 0; x < ow; ++x)
          for (int o = 0; o < outputs(); ++o) {
            Sum sum = 0;
            for (int ky = 0; ky < kh; ++ky)
              for (int kx = 0; kx < kw; ++kx) {
                const int iy = y * stride_h - top + ky * dilation_h, ix = x * stride_w - left + kx * dilation_w;
                if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
                for (int k = 0; k < c; ++k) {
                  sum += product(static_cast<std::size_t>(((b * h + iy) * w + ix) * c * groups + o / filters * c + k),
                                 static_cast<std::size_t>(((o * kh + ky) * kw + kx) * c + k));
                }
              }
            finish(o, sum);
          }
  }
  template <class Op> void options(Op& op) const {
    op.options([&](auto& tables) {
      return tfl::schema::CreateConv2DOptions(tables, same ? tfl::schema::Padding::SAME : tfl::schema::Padding::VALID, stride_w, stride_h,
                                              activation, dilation_w, dilation_h);
    });
  }
  float lo() const {
    return activation == tfl::schema::ActivationFunctionType::NONE           ? -1e30f
           : activation == tfl::schema::ActivationFunctionType::RELU_N1_TO_1 ? -1.0f
                                                                             : 0.0f;
  }
  float hi() const {
    return activation == tfl::schema::ActivationFunctionType::RELU6          ? 6.0f
           : activation == tfl::schema::ActivationFunctionType::RELU_N1_TO_1 ? 1.0f
                                                                             : 1e30f;
  }
};

TEST(Conv2D, Float) {
  for (int round = 0; round < 167; ++round) {
    const Problem p = round < 150 ? Problem::random() : round < 165 ? Problem::first_layer() : Problem::large_weights();
    const auto x = random_values<float>(p.input_count(), 0, 0), w = random_values<float>(p.filter_count(), 0, 0);
    const auto bias = random_values<float>(static_cast<std::size_t>(p.outputs()), 0, 0);
    SingleOp<tfl::Conv2D> op;
    op.input<float>(p.input(), x);
    p.constant ? op.constant<float>(p.filter(), w) : op.input<float>(p.filter(), w);
    if (p.has_bias) op.constant<float>({p.outputs()}, bias);
    op.output<float>();
    p.options(op);
    ASSERT_EQ(op.run(), "");
    const auto got = op.values<float>();
    std::size_t i = 0;
    p.each<double>([&](std::size_t a, std::size_t b) { return double{x[a]} * double{w[b]}; },
                   [&](int o, double sum) {
                     const double y =
                         std::clamp(sum + (p.has_bias ? bias[static_cast<std::size_t>(o)] : 0.0f), double{p.lo()}, double{p.hi()});
                     ASSERT_NEAR(got.at(i), y, 1e-4) << "round " << round << " element " << i;
                     ++i;
                   });
    ASSERT_EQ(i, got.size());
  }
}

template <class T> struct TypeFacts;
template <> struct TypeFacts<std::int8_t> {
  using Weight = std::int8_t;
  using Bias = std::int32_t;
  static constexpr int least = -128, most = 127, input_zero = 5, output_zero = -7, weight_zero = 0;
};
template <> struct TypeFacts<std::uint8_t> {
  using Weight = std::uint8_t;
  using Bias = std::int32_t;
  static constexpr int least = 0, most = 255, input_zero = 130, output_zero = 120, weight_zero = 121;
};
template <> struct TypeFacts<std::int16_t> {
  using Weight = std::int8_t;
  using Bias = std::int64_t;
  static constexpr int least = -32768, most = 32767, input_zero = 0, output_zero = 0, weight_zero = 0;
};

template <class T, class Stored = typename TypeFacts<T>::Weight> void quantized(int rounds, Problem (*make)() = &Problem::random) {
  using F = TypeFacts<T>;
  using W = typename F::Weight;
  constexpr bool packed = std::is_same_v<Stored, tfl::Int4Pair>;
  using B = typename F::Bias;
  for (int round = 0; round < rounds; ++round) {
    const Problem p = make();
    const bool per_channel = !std::is_same_v<T, std::uint8_t> && p.outputs() > 1 && round % 2 == 0;
    const auto x = random_values<T>(p.input_count(), F::least, F::most);
    const auto w = random_values<W>(p.filter_count(),
                                    packed                            ? -8
                                    : std::is_same_v<W, std::uint8_t> ? 0
                                                                      : -128,
                                    packed                            ? 7
                                    : std::is_same_v<W, std::uint8_t> ? 255
                                                                      : 127);
    const auto bias = random_values<B>(static_cast<std::size_t>(p.outputs()), -3000, 3000);
    const float in_scale = 0.03f, out_scale = sizeof(T) == 2 ? 0.9f : 2.5f;
    std::vector<float> scales;
    std::vector<std::int64_t> zeros;
    for (int o = 0; o < (per_channel ? p.outputs() : 1); ++o) {
      scales.push_back(std::uniform_real_distribution<float>(0.002f, 0.2f)(random_engine));
      zeros.push_back(F::weight_zero);
    }
    if (round % 7 == 0) scales[0] = 300.0f;  // multipliers above 1
    SingleOp<tfl::Conv2D> op;
    op.input<T>(p.input(), x, {{in_scale}, {F::input_zero}});
    const auto stored = [&] {
      if constexpr (packed) {
        return tfl::test::int4_pairs(w);
      } else {
        return w;
      }
    }();
    p.constant ? op.constant<Stored>(p.filter(), stored, {scales, zeros}) : op.input<Stored>(p.filter(), stored, {scales, zeros});
    if (p.has_bias) op.constant<B>({p.outputs()}, bias, {{0.1f}, {0}});
    op.output<T>({{out_scale}, {F::output_zero}});
    p.options(op);
    ASSERT_EQ(op.run(), "") << "round " << round;
    const auto got = op.values<T>();
    const auto bound = [&](float real) { return std::round(real / out_scale) + static_cast<float>(F::output_zero); };
    const float lo = std::max(static_cast<float>(F::least), bound(p.lo())), hi = std::min(static_cast<float>(F::most), bound(p.hi()));
    std::size_t i = 0;
    p.each<std::int64_t>([&](std::size_t a, std::size_t b) { return std::int64_t{x[a] - F::input_zero} * (w[b] - F::weight_zero); },
                         [&](int o, std::int64_t sum) {
                           const float scale = scales[per_channel ? static_cast<std::size_t>(o) : 0];
                           const double product =
                               std::is_same_v<T, std::uint8_t> ? static_cast<double>(in_scale * scale) : double{in_scale} * double{scale};
                           const tfl::Multiplier by = tfl::quantize_multiplier(product / double{out_scale});
                           if (p.has_bias) sum += bias[static_cast<std::size_t>(o)];
                           std::int64_t y = sizeof(T) == 2 ? tfl::multiply(sum, by) : tfl::multiply(static_cast<std::int32_t>(sum), by);
                           y = std::clamp<std::int64_t>(y + F::output_zero, static_cast<std::int64_t>(lo), static_cast<std::int64_t>(hi));
                           ASSERT_EQ(got.at(i), y) << "round " << round << " element " << i << " filter " << o;
                           ++i;
                         });
    ASSERT_EQ(i, got.size());
  }
}

TEST(Conv2D, Int8) { quantized<std::int8_t>(200); }
TEST(Conv2D, Int16WithInt4Filters) { quantized<std::int16_t, tfl::Int4Pair>(40); }
TEST(Conv2D, Int8WithInt4Filters) { quantized<std::int8_t, tfl::Int4Pair>(100); }
TEST(Conv2D, FirstLayerInt8) { quantized<std::int8_t>(20, &Problem::first_layer); }
TEST(Conv2D, FirstLayerUint8) { quantized<std::uint8_t>(20, &Problem::first_layer); }
TEST(Conv2D, Uint8) { quantized<std::uint8_t>(150); }
TEST(Conv2D, Int16) { quantized<std::int16_t>(60); }

TEST(Conv2D, FloatWithInt8Weights) {
  for (int round = 0; round < 80; ++round) {
    const Problem p = Problem::random();
    const bool per_channel = p.outputs() > 1 && round % 2 == 0;
    const auto x = random_values<float>(p.input_count(), 0, 0);
    const bool packed = round % 3 == 0;  // int4 filters
    const auto w = random_values<std::int8_t>(p.filter_count(), packed ? -8 : -127, packed ? 7 : 127);
    const auto bias = random_values<float>(static_cast<std::size_t>(p.outputs()), 0, 0);
    std::vector<float> scales;
    for (int o = 0; o < (per_channel ? p.outputs() : 1); ++o)
      scales.push_back(std::uniform_real_distribution<float>(0.002f, 0.02f)(random_engine));
    SingleOp<tfl::Conv2D> op;
    op.input<float>(p.input(), x);
    const tfl::QuantizationSpec quantization{scales, std::vector<std::int64_t>(scales.size())};
    if (packed) {
      const auto pairs = tfl::test::int4_pairs(w);
      p.constant ? op.constant<tfl::Int4Pair>(p.filter(), pairs, quantization) : op.input<tfl::Int4Pair>(p.filter(), pairs, quantization);
    } else {
      p.constant ? op.constant<std::int8_t>(p.filter(), w, quantization) : op.input<std::int8_t>(p.filter(), w, quantization);
    }
    if (p.has_bias) op.constant<float>({p.outputs()}, bias);
    op.output<float>();
    p.options(op);
    ASSERT_EQ(op.run(), "") << "round " << round;
    const auto got = op.values<float>();
    // Activations lose at most half a step, 1/127 of 1, each.
    std::size_t i = 0;
    p.each<double>([&](std::size_t a, std::size_t b) { return double{x[a]} * w[b]; },
                   [&](int o, double sum) {
                     const float scale = scales[per_channel ? static_cast<std::size_t>(o) : 0];
                     const double y = sum * scale + (p.has_bias ? bias[static_cast<std::size_t>(o)] : 0.0f);
                     const double tolerance = 1e-4 + p.kh * p.kw * p.c * 127.0 * scale / 127 * 0.55;
                     ASSERT_NEAR(got.at(i), std::clamp(y, double{p.lo()}, double{p.hi()}), tolerance)
                         << "round " << round << " element " << i;
                     ++i;
                   });
    ASSERT_EQ(i, got.size());
  }
}

/// The message of a float convolution with these shapes and options.
std::string message(const Problem& p, Dims input, Dims filter, Dims bias) {
  SingleOp<tfl::Conv2D> op;
  const auto count = [](const Dims& d) {
    std::size_t n = 1;
    for (const int k : d) n *= static_cast<std::size_t>(k);
    return n;
  };
  op.input<float>(input, std::vector<float>(count(input)));
  op.constant<float>(filter, std::vector<float>(count(filter)));
  op.constant<float>(bias, std::vector<float>(count(bias)));
  op.output<float>();
  p.options(op);
  return op.run();
}

TEST(Conv2D, Errors) {
  Problem p;
  EXPECT_EQ(message(p, {1, 2, 2, 4}, {2, 1, 1, 4}, {2}), "");
  EXPECT_THAT(message(p, {2, 2, 4}, {2, 1, 1, 4}, {2}), HasSubstr("must have 4 dimensions, not 3"));
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 1, 4}, {2}), HasSubstr("must have 4 dimensions, not 3"));
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 1, 1, 3}, {2}), HasSubstr("divides the input's 4 channels; it is 3"));
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {3, 1, 1, 2}, {3}), HasSubstr("each of 2 groups"));
  EXPECT_THAT(message(p, {1, 0, 2, 4}, {2, 1, 1, 4}, {2}), HasSubstr("dimension 1 is 0"));
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 1, 1, 4}, {3}), HasSubstr("one element for each of 2 filters, not 3"));
  p.same = false;
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 5, 1, 4}, {2}),
              HasSubstr("smaller than the window without padding: 2 elements under one that spans 5"));
  p.stride_h = 0;
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 1, 1, 4}, {2}), HasSubstr("strides of at least 1, not 0 (height) and 1 (width)"));
  p.stride_h = 1;
  p.dilation_w = -1;
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 1, 1, 4}, {2}), HasSubstr("dilations of at least 1, not 1 (height) and -1 (width)"));
  p.dilation_w = 2147483647;
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 1, 3, 4}, {2}), HasSubstr("smaller than the window"));
  p.same = true;
  EXPECT_THAT(message(p, {1, 2, 2, 4}, {2, 1, 3, 4}, {2}), HasSubstr("beyond 2^31 - 1"));
}

TEST(Conv2D, QuantizationErrors) {
  const auto run = [](tfl::QuantizationSpec in, tfl::QuantizationSpec filter, tfl::QuantizationSpec out) {
    SingleOp<tfl::Conv2D> op;
    op.input<std::int8_t>({1, 1, 1, 1}, {1}, std::move(in));
    op.constant<std::int8_t>({2, 1, 1, 1}, {1, 2}, std::move(filter));
    op.output<std::int8_t>(std::move(out));
    Problem().options(op);
    return op.run();
  };
  EXPECT_EQ(run({{1.0f}, {0}}, {{1.0f}, {0}}, {{1.0f}, {0}}), "");
  EXPECT_THAT(run({}, {{1.0f}, {0}}, {{1.0f}, {0}}), HasSubstr("must have a positive scale"));
  EXPECT_THAT(run({{1.0f}, {0}}, {{1.0f}, {0}}, {}), HasSubstr("must have a positive scale"));
  EXPECT_THAT(run({{1.0f}, {0}}, {{1.0f}, {3}}, {{1.0f}, {0}}), HasSubstr("zero point 0, not 3"));
  EXPECT_THAT(run({{1.0f}, {0}}, {{1.0f, 2.0f}, {0, 1}}, {{1.0f}, {0}}), HasSubstr("not 1"));
}

}  // namespace
