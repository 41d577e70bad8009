// Elementwise functions: floats against the C library, quantized numbers against real arithmetic and against TFLite's rules.

#include "tfl/kernels/activation.hpp"

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
#include "tfl/kernels/prelu.hpp"
#include "tfl/kernels/unary.hpp"

namespace {

using testing::HasSubstr;
using tfl::QuantizationSpec;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(4);
QuantizationSpec quantized(float scale, std::int64_t zero_point) { return {.scales = {scale}, .zero_points = {zero_point}}; }

std::vector<float> random_floats(std::size_t n, float lo, float hi) {
  std::vector<float> values(n);
  for (float& v : values) v = std::uniform_real_distribution<float>(lo, hi)(random_engine);
  return values;
}
template <class T> std::vector<T> every(int lo = std::numeric_limits<T>::min(), int hi = std::numeric_limits<T>::max(), int step = 1) {
  std::vector<T> values;
  for (int v = lo; v <= hi; v += step) values.push_back(static_cast<T>(v));
  return values;
}

template <class Op, class Reference, class Options> void check_floats(float lo, float hi, Reference reference, Options options) {
  for (const int n : {1, 3, 16, 67}) {
    SingleOp<Op> op;
    auto x = random_floats(static_cast<std::size_t>(n), lo, hi);
    x[0] = lo;
    op.template input<float>({n}, x);
    op.template output<float>();
    options(op);
    ASSERT_EQ(op.run(), "");
    const auto y = op.template values<float>();
    ASSERT_EQ(y.size(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double wanted = reference(double{x[i]});
      EXPECT_NEAR(y[i], wanted, 1e-6 + 2e-6 * std::fabs(wanted)) << tfl::name_of(Op::code) << " of " << x[i];
    }
  }
}
template <class Op, class Reference> void check_floats(float lo, float hi, Reference reference) {
  check_floats<Op>(lo, hi, reference, [](auto&) {});
}

TEST(Unary, FloatsAreThoseOfTheLibrary) {
  check_floats<tfl::Neg>(-9, 9, [](double x) { return -x; });
  check_floats<tfl::Abs>(-9, 9, [](double x) { return std::fabs(x); });
  check_floats<tfl::Square>(-9, 9, [](double x) { return x * x; });
  check_floats<tfl::Floor>(-9, 9, [](double x) { return std::floor(x); });
  check_floats<tfl::Ceil>(-9, 9, [](double x) { return std::ceil(x); });
  check_floats<tfl::Sqrt>(0, 90, [](double x) { return std::sqrt(x); });
  check_floats<tfl::Rsqrt>(0.01f, 90, [](double x) { return 1 / std::sqrt(x); });
  check_floats<tfl::Exp>(-30, 30, [](double x) { return std::exp(x); });
  check_floats<tfl::Log>(0.001f, 90, [](double x) { return std::log(x); });
  check_floats<tfl::Sin>(-90, 90, [](double x) { return std::sin(x); });
  check_floats<tfl::Cos>(-90, 90, [](double x) { return std::cos(x); });
}

TEST(Unary, RoundsHalfToEven) {
  SingleOp<tfl::Round> op;
  op.input<float>({10}, {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 0.49999997f, 8388607.5f, 1e20f, -3.2f});
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<float>(), (std::vector<float>{-2, -2, 0, 0, 2, 2, 0, 8388608.0f, 1e20f, -3}));
}

TEST(Unary, IntegersWrap) {
  constexpr auto least = std::numeric_limits<std::int32_t>::min();
  SingleOp<tfl::Neg> neg;
  neg.input<std::int32_t>({3}, {5, -7, least});
  neg.output<std::int32_t>();
  ASSERT_EQ(neg.run(), "");
  EXPECT_EQ(neg.values<std::int32_t>(), (std::vector<std::int32_t>{-5, 7, least}));
  SingleOp<tfl::Abs> abs;
  abs.input<std::int32_t>({3}, {5, -7, least});
  abs.output<std::int32_t>();
  ASSERT_EQ(abs.run(), "");
  EXPECT_EQ(abs.values<std::int32_t>(), (std::vector<std::int32_t>{5, 7, least}));
}

TEST(Unary, SignKeepsNaN) {
  SingleOp<tfl::Sign> op;
  op.input<float>({4}, {-2, 0, 3, std::nanf("")});
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  const auto y = op.values<float>();
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 3), (std::vector<float>{-1, 0, 1}));
  EXPECT_TRUE(std::isnan(y[3]));
}

// All 256 inputs: within one step of real arithmetic (half a step where the op rounds once).
template <class Op, class T, class F>
void check_steps(QuantizationSpec in, QuantizationSpec out, F reference, double steps, int least = std::numeric_limits<T>::min()) {
  const auto x = every<T>(least, std::numeric_limits<T>::max(), sizeof(T) == 1 ? 1 : 97);
  SingleOp<Op> op;
  op.template input<T>({static_cast<int>(x.size())}, x, in);
  op.template output<T>(out);
  ASSERT_EQ(op.run(), "") << tfl::name_of(Op::code);
  const auto y = op.template values<T>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double real = reference(double{in.scales[0]} * (x[i] - static_cast<double>(in.zero_points[0])));
    const double exact = real / double{out.scales[0]} + static_cast<double>(out.zero_points[0]);
    const double wanted =
        std::clamp(exact, static_cast<double>(std::numeric_limits<T>::min()), static_cast<double>(std::numeric_limits<T>::max()));
    ASSERT_NEAR(y[i], wanted, steps) << tfl::name_of(Op::code) << " of " << static_cast<int>(x[i]);
  }
}

TEST(Unary, QuantizedNumbersAreNearRealOnes) {
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto tanh = [](double x) { return std::tanh(x); };
  check_steps<tfl::Logistic, std::int8_t>(quantized(0.1f, 3), quantized(1.0f / 256, -128), logistic, 0.51);
  check_steps<tfl::Logistic, std::uint8_t>(quantized(0.1f, 99), quantized(1.0f / 256, 0), logistic, 0.51);
  check_steps<tfl::Logistic, std::int16_t>(quantized(1.0f / 4096, 0), quantized(1.0f / 32768, 0), logistic, 12);
  check_steps<tfl::Logistic, std::int16_t>(quantized(0.0003f, 0), quantized(1.0f / 32768, 0), logistic, 12);
  check_steps<tfl::Tanh, std::int8_t>(quantized(0.03f, -5), quantized(1.0f / 128, 0), tanh, 0.51);
  check_steps<tfl::Tanh, std::uint8_t>(quantized(0.03f, 130), quantized(1.0f / 128, 128), tanh, 0.51);
  check_steps<tfl::Tanh, std::int16_t>(quantized(1.0f / 2048, 0), quantized(1.0f / 32768, 0), tanh, 24);
  check_steps<tfl::Tanh, std::int16_t>(quantized(0.0001f, 0), quantized(1.0f / 32768, 0), tanh, 24);
  check_steps<tfl::Elu, std::int8_t>(
      quantized(0.05f, 0), quantized(0.05f, -108), [](double x) { return x < 0 ? std::expm1(x) : x; }, 0.51);
  check_steps<tfl::Gelu, std::int8_t>(
      quantized(0.05f, 10), quantized(0.04f, -120), [](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }, 0.51);
  check_steps<tfl::Exp, std::int8_t>(
      quantized(0.02f, 0), quantized(0.06f, -128), [](double x) { return std::exp(x); }, 0.51);
  check_steps<tfl::Exp, std::int16_t>(
      quantized(0.0001f, 0), quantized(0.001f, 0), [](double x) { return std::exp(x); }, 4);
  check_steps<tfl::Log, std::int8_t>(
      quantized(0.1f, -128), quantized(0.05f, 0), [](double x) { return x <= 0 ? -1e9 : std::log(x); }, 0.51);
  check_steps<tfl::Abs, std::int8_t>(
      quantized(0.1f, 7), quantized(0.07f, -100), [](double x) { return std::fabs(x); }, 0.51);
  check_steps<tfl::Abs, std::int16_t>(
      quantized(0.1f, 0), quantized(0.2f, 0), [](double x) { return std::fabs(x); }, 0.51);
  check_steps<tfl::Sqrt, std::int8_t>(
      quantized(0.1f, -128), quantized(0.04f, -128), [](double x) { return std::sqrt(x); }, 1.01);
  check_steps<tfl::Rsqrt, std::int8_t>(
      quantized(0.1f, -128), quantized(0.03f, -128), [](double x) { return x > 0 ? 1 / std::sqrt(x) : 1e9; }, 0.6);
  check_steps<tfl::HardSwish, std::int8_t>(
      quantized(0.06f, 5), quantized(0.05f, -100), [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }, 1.1);
  check_steps<tfl::HardSwish, std::uint8_t>(
      quantized(0.3f, 100), quantized(0.2f, 10), [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }, 1.1);
  check_steps<tfl::Relu, std::int8_t>(
      quantized(0.1f, -3), quantized(0.05f, -128), [](double x) { return std::max(x, 0.0); }, 0.51);
  check_steps<tfl::Relu6, std::uint8_t>(
      quantized(0.1f, 60), quantized(0.07f, 4), [](double x) { return std::clamp(x, 0.0, 6.0); }, 0.6);
  check_steps<tfl::Relu6, std::int16_t>(
      quantized(0.001f, 0), quantized(0.0005f, 0), [](double x) { return std::clamp(x, 0.0, 6.0); }, 0.6);
  check_steps<tfl::ReluN1To1, std::int8_t>(
      quantized(0.1f, -3), quantized(0.01f, 2), [](double x) { return std::clamp(x, -1.0, 1.0); }, 0.51);
  check_steps<tfl::Relu0To1, std::int8_t>(
      quantized(0.1f, -3), quantized(0.01f, 2), [](double x) { return std::clamp(x, 0.0, 1.0); }, 0.51);
}

TEST(Activation, Floats) {
  check_floats<tfl::Relu>(-9, 9, [](double x) { return std::max(x, 0.0); });
  check_floats<tfl::Relu6>(-9, 9, [](double x) { return std::clamp(x, 0.0, 6.0); });
  check_floats<tfl::ReluN1To1>(-9, 9, [](double x) { return std::clamp(x, -1.0, 1.0); });
  check_floats<tfl::Relu0To1>(-9, 9, [](double x) { return std::clamp(x, 0.0, 1.0); });
  check_floats<tfl::HardSwish>(-9, 9, [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; });
  check_floats<tfl::Logistic>(-90, 90, [](double x) { return 1 / (1 + std::exp(-x)); });
  check_floats<tfl::Tanh>(-9, 9, [](double x) { return std::tanh(x); });
  check_floats<tfl::Elu>(-9, 9, [](double x) { return x < 0 ? std::expm1(x) : x; });
  check_floats<tfl::Gelu>(-9, 9, [](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; });
  check_floats<tfl::Gelu>(
      -9, 9, [](double x) { return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); },
      [](auto& op) { op.options([](auto& tables) { return tfl::schema::CreateGeluOptions(tables, true); }); });
  for (const float alpha : {0.1f, 1.5f, -0.5f}) {
    check_floats<tfl::LeakyRelu>(
        -9, 9, [=](double x) { return x < 0 ? double{alpha} * x : x; },
        [=](auto& op) { op.options([=](auto& tables) { return tfl::schema::CreateLeakyReluOptions(tables, alpha); }); });
  }
}

TEST(Activation, SpecialFloatsStayThemselves) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  const auto run = [&]<class Op>(Op) {
    SingleOp<Op> op;
    op.template input<float>({3}, {nan, inf, -inf});
    op.template output<float>();
    EXPECT_EQ(op.run(), "");
    return op.template values<float>();
  };
  for (const auto& y : {run(tfl::Relu{}), run(tfl::Relu6{}), run(tfl::Logistic{}), run(tfl::Tanh{}), run(tfl::Exp{})})
    EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(run(tfl::Relu{})[1], inf);
  EXPECT_EQ(run(tfl::Logistic{})[1], 1.0f);
  EXPECT_EQ(run(tfl::Logistic{})[2], 0.0f);
  EXPECT_EQ(run(tfl::Tanh{})[2], -1.0f);
  EXPECT_EQ(run(tfl::Exp{})[1], inf);
  EXPECT_EQ(run(tfl::Exp{})[2], 0.0f);
}

TEST(Activation, LeakyReluScalesBothSides) {
  for (const float alpha : {0.3f, -0.7f}) {
    const auto x = every<std::int8_t>();
    SingleOp<tfl::LeakyRelu> op;
    op.input<std::int8_t>({256}, x, quantized(0.1f, 9));
    op.output<std::int8_t>(quantized(0.08f, -20));
    op.options([=](auto& tables) { return tfl::schema::CreateLeakyReluOptions(tables, alpha); });
    ASSERT_EQ(op.run(), "");
    const auto y = op.values<std::int8_t>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double real = 0.1 * (x[i] - 9);
      EXPECT_NEAR(y[i], std::clamp((real < 0 ? double{alpha} * real : real) / 0.08 - 20, -128.0, 127.0), 0.8);  // rounded twice
    }
  }
}

// The largest difference to x < 0 ? alpha x : x in the output's steps.
template <class T> void check_prelu(const Dims& shape, const Dims& alpha_shape, auto alpha_of) {
  std::size_t n = 1, m = 1;
  for (const int d : shape) n *= static_cast<std::size_t>(d);
  for (const int d : alpha_shape) m *= static_cast<std::size_t>(d);
  SingleOp<tfl::Prelu> op;
  std::vector<double> xs, alphas, ys;
  double zero_out = 0, scale_out = 1, lo = -1e9, hi = 1e9;
  if constexpr (std::is_same_v<T, float>) {
    const auto x = random_floats(n, -5, 5), alpha = random_floats(m, -1, 1);
    op.input<float>(shape, x);
    op.input<float>(alpha_shape, alpha);
    op.output<float>();
    xs.assign(x.begin(), x.end());
    alphas.assign(alpha.begin(), alpha.end());
    ASSERT_EQ(op.run(), "");
  } else {
    using Alpha = std::conditional_t<sizeof(T) == 2, std::int8_t, T>;
    std::vector<T> x(n);
    std::vector<Alpha> alpha(m);
    for (T& v : x) v = static_cast<T>(random_engine());
    for (Alpha& v : alpha) v = static_cast<Alpha>(random_engine());
    const int middle = sizeof(T) == 2 ? 0 : std::numeric_limits<T>::min() + 120;
    scale_out = 0.06f;
    zero_out = middle;
    lo = std::numeric_limits<T>::min();
    hi = std::numeric_limits<T>::max();
    op.input<T>(shape, x, quantized(0.05f, middle + 3));
    op.input<Alpha>(alpha_shape, alpha, quantized(0.01f, middle - 7));
    op.output<T>(quantized(0.06f, middle));
    for (const T v : x) xs.push_back(0.05 * (v - middle - 3));
    for (const Alpha v : alpha) alphas.push_back(0.01 * (v - middle + 7));
    ASSERT_EQ(op.run(), "");
  }
  for (const T v : op.values<T>()) ys.push_back(v);
  ASSERT_EQ(ys.size(), n);
  for (std::size_t i = 0; i < n; ++i) {
    const double real = xs[i] < 0 ? alphas[alpha_of(i)] * xs[i] : xs[i];
    const double tolerance = sizeof(T) == 4 ? 1e-5 : 0.8;
    ASSERT_NEAR(ys[i], std::clamp(real / scale_out + zero_out, lo, hi), tolerance) << i;
  }
}

TEST(Activation, PreluBroadcastsAlpha) {
  const auto each = [&]<class T>(T) {
    check_prelu<T>({2, 3, 5, 7}, {7}, [](std::size_t i) { return i % 7; });
    check_prelu<T>({2, 3, 5, 40}, {1, 1, 40}, [](std::size_t i) { return i % 40; });
    check_prelu<T>({2, 3, 5, 7}, {3, 1, 7}, [](std::size_t i) { return i / 35 % 3 * 7 + i % 7; });
    check_prelu<T>({2, 70}, {2, 1}, [](std::size_t i) { return i / 70; });
    check_prelu<T>({50}, {50}, [](std::size_t i) { return i; });
    check_prelu<T>({50}, {}, [](std::size_t) { return 0; });
  };
  each(float{});
  each(std::int8_t{});
  each(std::uint8_t{});
  each(std::int16_t{});
}

TEST(Activation, BrokenRulesAreNamed) {
  const auto error = []<class Op, class T>(Op, T, QuantizationSpec in, QuantizationSpec out, auto more) {
    SingleOp<Op> op;
    op.template input<T>({2}, {T{1}, T{2}}, in);
    op.template output<T>(out);
    more(op);
    return op.run();
  };
  const auto none = [](auto&) {};
  EXPECT_THAT(error(tfl::Relu{}, std::int8_t{}, quantized(0.1f, 0), {}, none), HasSubstr("output 0"));
  EXPECT_THAT(error(tfl::Relu{}, std::int8_t{}, {}, quantized(0.1f, 0), none), HasSubstr("must have a positive scale"));
  EXPECT_THAT(error(tfl::Relu{}, std::int16_t{}, quantized(0.1f, 1), quantized(0.1f, 0), none), HasSubstr("must have zero point 0, not 1"));
  EXPECT_THAT(error(tfl::Relu{}, std::int8_t{}, quantized(1e20f, 0), quantized(1e-10f, 0), none), HasSubstr("factor of 2^30"));
  EXPECT_THAT(error(tfl::Logistic{}, std::int8_t{}, quantized(0.1f, 0), quantized(0.1f, 0), none), HasSubstr("scale 1/256"));
  EXPECT_THAT(error(tfl::Tanh{}, std::int16_t{}, quantized(0.1f, 0), quantized(0.1f, 0), none), HasSubstr("scale 1/32768"));
  EXPECT_THAT(error(tfl::HardSwish{}, std::int8_t{}, quantized(1.0f, 0), quantized(0.001f, 0), none), HasSubstr("at least 1/128"));
  EXPECT_THAT(error(tfl::Sqrt{}, std::int8_t{}, quantized(0.1f, 2), quantized(0.1f, 0), none), HasSubstr("must not hold numbers below 0"));
  EXPECT_THAT(error(tfl::Rsqrt{}, std::int8_t{}, quantized(0.1f, 2), quantized(0.1f, 0), none), HasSubstr("must not hold numbers below 0"));
  EXPECT_THAT(error(tfl::LeakyRelu{}, float{}, {}, {},
                    [](auto& op) { op.options([](auto& tables) { return tfl::schema::CreateLeakyReluOptions(tables, std::nanf("")); }); }),
              HasSubstr("alpha must be finite"));

  SingleOp<tfl::Prelu> beyond;
  beyond.input<float>({1, 2}, {1, 2});
  beyond.input<float>({3, 1}, {1, 2, 3});
  beyond.output<float>();
  EXPECT_THAT(beyond.run(), HasSubstr("must broadcast to the shape of input 0"));
  SingleOp<tfl::Prelu> apart;
  apart.input<float>({1, 2}, {1, 2});
  apart.input<float>({3}, {1, 2, 3});
  apart.output<float>();
  EXPECT_THAT(apart.run(), HasSubstr("does not broadcast"));
}

/// 16-bit floats: what floats give, rounded; `steps` of the last bit for what vectors round otherwise.
template <class Op, class H, class Reference> void check_halves(Reference reference, int steps) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{300}}) {
    std::vector<H> x;
    for (const float v : random_floats(n, -5, 5)) x.push_back(tfl::rounded<H>(v));
    SingleOp<Op> op;
    op.template input<H>({static_cast<std::int32_t>(n)}, x);
    op.template output<H>();
    ASSERT_EQ(op.run(), "");
    const auto y = op.template values<H>();
    for (std::size_t i = 0; i < n; ++i) {
      const H wanted = tfl::rounded<H>(static_cast<float>(reference(double{tfl::to_float(x[i])})));
      EXPECT_LE(std::abs(y[i].bits - wanted.bits), steps) << tfl::to_float(x[i]);
    }
  }
}

TEST(Activation, HalvesAreComputedAsFloats) {
  check_halves<tfl::Neg, tfl::Float16>([](double x) { return -x; }, 0);
  check_halves<tfl::Floor, tfl::BFloat16>([](double x) { return std::floor(x); }, 0);
  check_halves<tfl::Round, tfl::Float16>([](double x) { return std::nearbyint(x); }, 0);
  check_halves<tfl::Sin, tfl::Float16>([](double x) { return std::sin(x); }, 1);
  check_halves<tfl::Cos, tfl::Float16>([](double x) { return std::cos(x); }, 1);
  check_halves<tfl::Logistic, tfl::BFloat16>([](double x) { return 1 / (1 + std::exp(-x)); }, 1);
  check_halves<tfl::Tanh, tfl::Float16>([](double x) { return std::tanh(x); }, 1);
  check_halves<tfl::Gelu, tfl::Float16>([](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }, 1);
}

}  // namespace
