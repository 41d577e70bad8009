// QUANTIZE, DEQUANTIZE and CAST against arithmetic written out, the edges of every type included.

#include "tfl/kernels/quantize.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/cast.hpp"

namespace {

using testing::HasSubstr;
using tfl::QuantizationSpec;
using tfl::test::SingleOp;

std::mt19937 random_engine(6);
QuantizationSpec quantized(float scale, std::int64_t zero_point) { return {.scales = {scale}, .zero_points = {zero_point}}; }

template <class T> void check_quantize(float scale, int zero_point) {
  std::vector<float> x{0, scale / 2, -scale / 2, 1e30f, -1e30f, INFINITY, -INFINITY, scale * 1.5f, scale * -2.5f};
  while (x.size() < 61) x.push_back(std::uniform_real_distribution<float>(-150 * scale, 150 * scale)(random_engine));
  SingleOp<tfl::Quantize> op;
  op.input<float>({61}, x);
  op.output<T>(quantized(scale, zero_point));
  ASSERT_EQ(op.run(), "");
  const auto y = op.values<T>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double wanted = std::round(double{x[i] / scale}) + zero_point;
    EXPECT_EQ(y[i],
              std::clamp(wanted, static_cast<double>(std::numeric_limits<T>::min()), static_cast<double>(std::numeric_limits<T>::max())))
        << x[i];
  }
}

TEST(Quantize, RoundsHalfAwayFromZeroAndSaturates) {
  check_quantize<std::int8_t>(0.25f, -3);
  check_quantize<std::int8_t>(0.1f, 127);
  check_quantize<std::uint8_t>(0.25f, 128);
  check_quantize<std::int16_t>(0.001f, 0);
  SingleOp<tfl::Quantize> op;
  op.input<float>({1}, {std::nanf("")});
  op.output<std::int8_t>(quantized(1, 5));
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int8_t>()[0], -128);
}

TEST(Quantize, ByChannel) {
  for (const int axis : {0, 1, 2}) {
    const int dims[3] = {2, 3, 20};
    QuantizationSpec q{.quantized_dimension = axis};
    for (int c = 0; c < dims[axis]; ++c) {
      q.scales.push_back(0.01f * static_cast<float>(c + 1));
      q.zero_points.push_back(c - 1);
    }
    std::vector<float> x(120);
    for (float& v : x) v = std::uniform_real_distribution<float>(-1, 1)(random_engine);
    SingleOp<tfl::Quantize> op;
    op.input<float>({2, 3, 20}, x);
    op.output<std::int8_t>(q, {2, 3, 20});
    ASSERT_EQ(op.run(), "");
    const auto y = op.values<std::int8_t>();
    SingleOp<tfl::Dequantize> back;
    back.input<std::int8_t>({2, 3, 20}, y, q);
    back.output<float>();
    ASSERT_EQ(back.run(), "");
    const auto z = back.values<float>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = axis == 0 ? i / 60 : axis == 1 ? i / 20 % 3 : i % 20;
      const float wanted = std::clamp(std::round(x[i] / q.scales[c]) + static_cast<float>(q.zero_points[c]), -128.0f, 127.0f);
      ASSERT_EQ(y[i], wanted) << axis << ' ' << i;
      ASSERT_EQ(z[i], q.scales[c] * static_cast<float>(y[i] - q.zero_points[c]));
    }
  }
}

template <class T, class U> void check_requantize(QuantizationSpec in, QuantizationSpec out) {
  std::vector<T> x{std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  while (x.size() < 77) x.push_back(static_cast<T>(static_cast<int>(random_engine() % 65536) - 32768));
  if (sizeof(T) == 4) x[0] = -70000, x[1] = 70000;
  SingleOp<tfl::Quantize> op;
  op.input<T>({7, 11}, x, in);
  op.output<U>(out);
  ASSERT_EQ(op.run(), "");
  const auto y = op.values<U>();
  const tfl::Multiplier m = tfl::quantize_multiplier(double{in.scales[0]} / double{out.scales[0]});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t scaled = std::int64_t{tfl::multiply(static_cast<std::int32_t>(x[i] - in.zero_points[0]), m)} + out.zero_points[0];
    EXPECT_EQ(y[i], std::clamp<std::int64_t>(scaled, std::numeric_limits<U>::min(), std::numeric_limits<U>::max()));
  }
}

TEST(Quantize, BetweenQuantizations) {
  check_requantize<std::int8_t, std::int8_t>(quantized(0.1f, 3), quantized(0.07f, -9));
  check_requantize<std::int8_t, std::uint8_t>(quantized(0.1f, 0), quantized(0.1f, 128));
  check_requantize<std::uint8_t, std::int8_t>(quantized(0.1f, 200), quantized(3.0f, -128));
  check_requantize<std::uint8_t, std::uint8_t>(quantized(0.1f, 20), quantized(0.01f, 5));
  check_requantize<std::int8_t, std::int16_t>(quantized(0.1f, 3), quantized(0.001f, 0));
  check_requantize<std::int16_t, std::int8_t>(quantized(0.001f, 0), quantized(0.1f, 3));
  check_requantize<std::int16_t, std::int16_t>(quantized(0.001f, 0), quantized(0.0017f, 0));
  check_requantize<std::int16_t, std::int32_t>(quantized(0.01f, 0), quantized(0.001f, 0));
  check_requantize<std::int32_t, std::int16_t>(quantized(0.01f, 0), quantized(0.02f, 0));
  check_requantize<std::int32_t, std::int8_t>(quantized(0.01f, 7), quantized(4.0f, 3));
}

TEST(Dequantize, Float16) {
  for (std::uint32_t first = 0; first < 65536; first += 4096) {
    std::vector<tfl::Float16> x;
    for (std::uint32_t i = 0; i < 4096; ++i) x.push_back({static_cast<std::uint16_t>(first + i)});
    SingleOp<tfl::Dequantize> op;
    op.input<tfl::Float16>({4096}, x);
    op.output<float>();
    ASSERT_EQ(op.run(), "");
    const auto y = op.values<float>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const unsigned bits = x[i].bits, exponent = bits >> 10 & 31, fraction = bits & 1023;
      if (exponent == 31 && fraction != 0) {
        ASSERT_TRUE(std::isnan(y[i]));
        continue;
      }
      const double magnitude = exponent == 31  ? INFINITY
                               : exponent == 0 ? fraction * 0x1p-24
                                               : std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25);
      ASSERT_EQ(y[i], (bits & 0x8000) != 0 ? -magnitude : magnitude) << bits;
      ASSERT_EQ(tfl::to_float16(y[i]).bits, bits);
    }
  }
  EXPECT_EQ(tfl::to_float16(1.00048828125f).bits, 0x3c00);  // half way: to even
  EXPECT_EQ(tfl::to_float16(1.00146484375f).bits, 0x3c02);
  EXPECT_EQ(tfl::to_float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(tfl::to_float16(0x1p-25f).bits, 0);
  EXPECT_EQ(tfl::to_float16(0x1.8p-25f).bits, 1);
  EXPECT_EQ(tfl::to_bfloat16(1.00390625f).bits, 0x3f80);
}

template <class T, class U> std::vector<U> cast(const std::vector<T>& x) {
  SingleOp<tfl::Cast> op;
  op.input<T>({static_cast<int>(x.size())}, x);
  op.output<U>();
  EXPECT_EQ(op.run(), "");
  return op.values<U>();
}

// TFLite's rule: truncated, saturated, NaN the largest.
template <class U, class T> U saturated(T x) {
  if (std::isnan(x) || x >= std::ldexp(T{1}, std::numeric_limits<U>::digits)) return std::numeric_limits<U>::max();
  return x < static_cast<T>(std::numeric_limits<U>::min()) ? std::numeric_limits<U>::min() : static_cast<U>(x);
}
template <class T, class U> void check_saturation() {
  std::vector<T> x{T(NAN), T(INFINITY), T(-INFINITY), T(0.9), T(-0.9), T(-1), T(1e30), T(-1e30)};
  for (int bits : {7, 8, 15, 16, 31, 32, 63}) {
    for (const T around : {std::ldexp(T{1}, bits), -std::ldexp(T{1}, bits)}) {
      for (const T v : {std::nextafter(around, T(-INFINITY)), around, std::nextafter(around, T(INFINITY)), around + T(0.5)}) x.push_back(v);
    }
  }
  const auto y = cast<T, U>(x);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], saturated<U>(x[i])) << x[i];
}

TEST(Cast, FloatsSaturate) {
  const auto each = []<class T>(T) {
    check_saturation<T, std::int8_t>();
    check_saturation<T, std::uint8_t>();
    check_saturation<T, std::int16_t>();
    check_saturation<T, std::uint16_t>();
    check_saturation<T, std::int32_t>();
    check_saturation<T, std::uint32_t>();
    check_saturation<T, std::int64_t>();
  };
  each(float{});
  each(double{});
}

template <class T, class U> void check_integers() {
  std::vector<T> x{std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), 0, 1};
  while (x.size() < 300) x.push_back(static_cast<T>((std::uint64_t{random_engine()} << 32) | random_engine()));
  const auto y = cast<T, U>(x);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], static_cast<U>(x[i]));
}
template <class T> void check_integers_from() {
  check_integers<T, std::int8_t>();
  check_integers<T, std::uint8_t>();
  check_integers<T, std::int16_t>();
  check_integers<T, std::uint16_t>();
  check_integers<T, std::int32_t>();
  check_integers<T, std::uint32_t>();
  check_integers<T, std::int64_t>();
  check_integers<T, float>();
  check_integers<T, double>();
}

TEST(Cast, IntegersWrap) {
  check_integers_from<std::int8_t>();
  check_integers_from<std::uint8_t>();
  check_integers_from<std::int16_t>();
  check_integers_from<std::uint16_t>();
  check_integers_from<std::int32_t>();
  check_integers_from<std::uint32_t>();
  check_integers_from<std::int64_t>();
}

TEST(Cast, OtherNumbers) {
  using Complex = std::complex<float>;
  EXPECT_EQ((cast<float, std::uint8_t>({0.5f, 2.9f})), (std::vector<std::uint8_t>{0, 2}));
  EXPECT_EQ((cast<Complex, float>({{1.5f, 2}, {3, 4}})), (std::vector<float>{1.5f, 3}));
  EXPECT_EQ((cast<Complex, Complex>({{1.5f, 2}})), (std::vector<Complex>{{1.5f, 2}}));
  EXPECT_EQ((cast<std::int32_t, Complex>({7})), (std::vector<Complex>{{7, 0}}));
  EXPECT_EQ((cast<double, float>({1e300, 0.1})), (std::vector<float>{INFINITY, 0.1f}));
  EXPECT_EQ((cast<tfl::Float16, std::int32_t>({{0xc500}}))[0], -5);
  EXPECT_EQ((cast<float, tfl::BFloat16>({-5.0f}))[0].bits, 0xc0a0);
  EXPECT_EQ((cast<tfl::BFloat16, double>({{0xc0a0}}))[0], -5.0);
  const auto yes = cast<float, tfl::Boolean>({0, -0.0f, 0.1f, std::nanf("")});
  EXPECT_EQ((std::vector<int>{yes[0].byte, yes[1].byte, yes[2].byte, yes[3].byte}), (std::vector<int>{0, 0, 1, 1}));
  tfl::Boolean odd;
  odd.byte = 200;
  EXPECT_EQ((cast<tfl::Boolean, float>({odd, tfl::Boolean(false)})), (std::vector<float>{1, 0}));
  EXPECT_EQ((cast<tfl::Boolean, tfl::Boolean>({odd}))[0].byte, 1);
}

TEST(Quantize, BrokenRulesAreNamed) {
  const auto error = []<class Op, class T, class U>(Op, T, U, QuantizationSpec in, QuantizationSpec out) {
    SingleOp<Op> op;
    op.template input<T>({2}, {T{1}, T{2}}, in);
    op.template output<U>(out, {2});
    return op.run();
  };
  EXPECT_THAT(error(tfl::Quantize{}, float{}, std::int8_t{}, {}, {}), HasSubstr("output 0"));
  EXPECT_THAT(error(tfl::Quantize{}, float{}, std::int8_t{}, {}, quantized(0.1f, 128)), HasSubstr("zero points in the range"));
  EXPECT_THAT(error(tfl::Quantize{}, float{}, std::int8_t{}, {}, {.scales = {0.1f, 0}, .zero_points = {0, 0}}),
              HasSubstr("must have positive scales"));
  EXPECT_THAT(error(tfl::Quantize{}, std::int8_t{}, std::int8_t{}, {}, quantized(0.1f, 0)), HasSubstr("input 0"));
  EXPECT_THAT(error(tfl::Quantize{}, std::int16_t{}, std::int16_t{}, quantized(1, 0), quantized(1, 2)),
              HasSubstr("must have zero point 0, not 2"));
  EXPECT_THAT(error(tfl::Quantize{}, std::int8_t{}, std::int8_t{}, quantized(1e20f, 0), quantized(1e-10f, 0)), HasSubstr("factor of 2^30"));
  EXPECT_THAT(error(tfl::Dequantize{}, std::int8_t{}, float{}, {}, {}), HasSubstr("input 0"));
  EXPECT_THAT(error(tfl::Dequantize{}, std::int8_t{}, std::int8_t{}, quantized(1, 0), {}), HasSubstr("must be float32"));
  EXPECT_THAT(error(tfl::Cast{}, std::uint64_t{}, float{}, {}, {}), HasSubstr("no kernel"));
  EXPECT_THAT(error(tfl::Cast{}, float{}, std::uint64_t{}, {}, {}), HasSubstr("output 0"));
}

template <class P> void check_packed(int lo, int hi) {
  std::vector<std::int8_t> x;
  for (int v = hi; v >= lo; --v) x.push_back(static_cast<std::int8_t>(v));
  x.push_back(1);
  const auto n = static_cast<std::int32_t>(x.size());
  SingleOp<tfl::Dequantize> op;
  op.input<P>({n}, tfl::test::packed<P>(x), quantized(0.5f, 1));
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  SingleOp<tfl::Cast> from;
  from.input<P>({n}, tfl::test::packed<P>(x));
  from.output<float>();
  ASSERT_EQ(from.run(), "");
  SingleOp<tfl::Cast> wide;
  wide.input<P>({n}, tfl::test::packed<P>(x));
  wide.output<std::int64_t>();
  ASSERT_EQ(wide.run(), "");
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(op.values<float>()[i], 0.5f * static_cast<float>(x[i] - 1));
    EXPECT_EQ(from.values<float>()[i], static_cast<float>(x[i]));
    EXPECT_EQ(wide.values<std::int64_t>()[i], x[i]);
  }
  SingleOp<tfl::Cast> back;
  back.input<std::int32_t>({1}, {1});
  back.output<P>();
  EXPECT_THAT(back.run(), HasSubstr("has a type that CAST has no kernel for"));
  SingleOp<tfl::Cast> to;
  to.input<float>({5}, {1e9f, -1e9f, NAN, 1.9f, -0.9f});
  to.output<P>();
  ASSERT_EQ(to.run(), "");
  EXPECT_EQ(tfl::test::bytes_of(to.values<P>()),
            tfl::test::bytes_of(
                tfl::test::packed<P>({static_cast<std::int8_t>(hi), static_cast<std::int8_t>(lo), static_cast<std::int8_t>(hi), 1, 0})));
}
TEST(Quantize, IntegersOfFewBits) {
  check_packed<tfl::Int4Pair>(-8, 7);
  check_packed<tfl::UInt4Pair>(0, 15);
  check_packed<tfl::Int2Quad>(-2, 1);
  SingleOp<tfl::Quantize> op;
  op.input<float>({7}, {0, 0.25f, -0.25f, 100, -INFINITY, INFINITY, 1.5f});
  op.output<tfl::Int4Pair>(quantized(0.5f, 1));
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(tfl::test::bytes_of(op.values<tfl::Int4Pair>()), tfl::test::bytes_of(tfl::test::packed<tfl::Int4Pair>({1, 2, 0, 7, -8, 7, 4})));
}

/// Every number of 8 bits goes to float and back; what lies between two of them goes to the nearer one.
template <class F> void check_float8(std::uint8_t largest) {
  for (int bits = 0; bits < 256; ++bits) {
    const F x{static_cast<std::uint8_t>(bits)};
    const float real = cast<F, float>({x})[0];
    if (std::isnan(real)) {
      EXPECT_TRUE(std::isnan(cast<F, float>(cast<float, F>({real}))[0]));
      continue;
    }
    EXPECT_EQ((cast<float, F>({real}))[0].bits, bits);
    if ((bits & 0x7f) >= largest) continue;
    const float next = tfl::to_float(F{static_cast<std::uint8_t>(bits + 1)}), middle = (real + next) / 2;
    EXPECT_EQ((cast<float, F>({std::nextafter(middle, real)}))[0].bits, bits);
    EXPECT_EQ((cast<float, F>({std::nextafter(middle, next)}))[0].bits, bits + 1);
    EXPECT_EQ((cast<float, F>({middle}))[0].bits, bits % 2 == 0 ? bits : bits + 1);
  }
}
TEST(Cast, Float8) {
  check_float8<tfl::Float8E4M3>(0x7e);
  check_float8<tfl::Float8E5M2>(0x7b);
  EXPECT_EQ(tfl::to_float(tfl::Float8E4M3{0x7e}), 448);
  EXPECT_EQ(tfl::to_float(tfl::Float8E4M3{0x01}), 1.0f / 512);
  EXPECT_EQ(tfl::to_float(tfl::Float8E5M2{0xfb}), -57344);
  EXPECT_EQ((cast<float, tfl::Float8E5M2>({1e9f}))[0].bits, 0x7c);
  EXPECT_EQ((cast<float, tfl::Float8E4M3>({-465}))[0].bits, 0xff);
  SingleOp<tfl::Dequantize> op;
  op.input<tfl::Float8E5M2>({2}, {{0x3c}, {0xc0}});
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<float>(), (std::vector<float>{1, -2}));
}

}  // namespace
