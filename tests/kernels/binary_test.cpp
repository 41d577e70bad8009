// Arithmetic of two inputs against plain arithmetic on one element at a time: every type, broadcasting of random shapes, activations,
// ranges cut anywhere, outputs in the place of inputs, and errors.

#include "tfl/kernels/binary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/simd/arch.hpp"

namespace {

namespace schema = tfl::schema;
using testing::HasSubstr;
using tfl::Activation;
using tfl::Shape;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(7);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

/// Cuts work at places that fit no vector.
struct CuttingExecutor {
  static constexpr int workers() { return 1; }
  template <class Body> void parallel_for(std::int64_t count, std::int64_t, Body&& body) {
    for (std::int64_t first = 0, size = 1; first < count; first += size, size = size % 53 + 7) {
      body(first, std::min(first + size, count), 0);
    }
  }
};

/// Two shapes that broadcast, and for each element of the output the elements that it comes from.
struct Shapes {
  Dims a, b, out;
  std::vector<std::size_t> from_a, from_b;

  static Shapes random() {
    Shapes s;
    const int rank = random_int(0, 6), skipped_a = random_int(0, 3), skipped_b = random_int(0, 3);
    std::int32_t elements = 1;
    for (int axis = 0; axis < rank; ++axis) {
      const std::int32_t most = std::max(1, std::min(axis == rank - 1 ? 90 : 7, 4000 / elements));
      const std::int32_t dim = random_int(0, 4) == 0 ? 1 : random_int(1, most);
      elements *= dim;
      const int who = random_int(0, 4);  // stretches
      const bool has_a = axis >= skipped_a, has_b = axis >= skipped_b;
      const std::int32_t dim_a = who == 0 ? 1 : dim, dim_b = who == 1 ? 1 : dim;
      if (has_a) s.a.push_back(dim_a);
      if (has_b) s.b.push_back(dim_b);
      if (has_a || has_b) s.out.push_back(std::max(has_a ? dim_a : 1, has_b ? dim_b : 1));
    }
    s.finish();
    return s;
  }
  static Shapes of(Dims a, Dims b) {
    Shapes s{std::move(a), std::move(b), {}, {}, {}};
    const std::size_t rank = std::max(s.a.size(), s.b.size());
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int32_t x = i + s.a.size() < rank ? 1 : s.a[i + s.a.size() - rank],
                         y = i + s.b.size() < rank ? 1 : s.b[i + s.b.size() - rank];
      s.out.push_back(x == 1 ? y : x);
    }
    s.finish();
    return s;
  }
  static std::size_t count(const Dims& dims) {
    std::size_t n = 1;
    for (const std::int32_t d : dims) n *= static_cast<std::size_t>(d);
    return n;
  }
  void finish() {
    for (std::size_t e = 0; e < count(out); ++e) {
      from_a.push_back(place(a, e));
      from_b.push_back(place(b, e));
    }
  }
  std::size_t place(const Dims& dims, std::size_t element) const {
    std::size_t at = 0, stride = 1;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto extent = static_cast<std::size_t>(out[out.size() - 1 - i]);
      if (i < dims.size()) {
        const auto own = static_cast<std::size_t>(dims[dims.size() - 1 - i]);
        if (own != 1) at += element % extent * stride;
        stride *= own;
      }
      element /= extent;
    }
    return at;
  }
  template <class F, class T> auto expected(const std::vector<T>& x, const std::vector<T>& y, F f) const {
    std::vector<decltype(f(x[0], y[0]))> result;
    for (std::size_t i = 0; i < from_a.size(); ++i) result.push_back(f(x[from_a[i]], y[from_b[i]]));
    return result;
  }
};

Shape shape_of(const Dims& dims) { return Shape::from(dims); }

struct Scales {
  tfl::Quantization a{}, b{}, out{};
};

/// infer, prepare and eval of an op on one architecture; "" or the broken rule. `place` runs it with the output in place of input 0 or 1.
template <class Op, class A = tfl::simd::NativeArch, class T, class O>
std::string run_directly(const Shapes& shapes, std::vector<T> x, std::vector<T> y, std::vector<O>& z, typename Op::Options options = {},
                         Scales scales = {}, int place = -1) {
  tfl::TensorDescription a, b, out;
  a.type = b.type = tfl::tensor_type_of<T>;
  out.type = tfl::tensor_type_of<O>;
  a.shape = shape_of(shapes.a);
  b.shape = shape_of(shapes.b);
  a.quantization = scales.a;
  b.quantization = scales.b;
  out.quantization = scales.out;
  const tfl::TensorDescription* ins[] = {&a, &b};
  tfl::TensorDescription* outs[] = {&out};
  const tfl::NodeDescription node(ins, outs);
  if (const tfl::Violation v = Op::infer(options, node)) return v.rule;
  EXPECT_EQ(out.shape, shape_of(shapes.out));
  auto prepared = Op::prepare(options, node, {});
  if (!prepared) return prepared.error().rule;
  z.assign(static_cast<std::size_t>(out.shape.count()), O{});
  O* target = z.data();
  if constexpr (std::is_same_v<T, O>) {
    if (place >= 0) target = place == 0 ? x.data() : y.data();
  }
  CuttingExecutor executor;
  const tfl::Run<A, typename Op::Prepared, CuttingExecutor> run{*prepared, {}, nullptr, nullptr, executor};
  const auto flat = [](std::size_t n) { return tfl::DynamicExtents<1>(Shape{static_cast<std::int32_t>(n)}); };
  const tfl::Violation v = Op::eval(run, tfl::View<const T>(x.data(), flat(x.size())), tfl::View<const T>(y.data(), flat(y.size())),
                                    tfl::View<O>(target, flat(z.size())));
  if (v) return v.rule;
  if (target != z.data()) std::copy_n(target, z.size(), z.begin());
  return "";
}

template <class T> std::vector<T> random_values(const Dims& dims, double least, double most) {
  std::vector<T> values(Shapes::count(dims));
  std::uniform_real_distribution<double> any(least, most);
  for (T& v : values) v = static_cast<T>(any(random_engine));
  return values;
}

/// Runs an op on random shapes, on this processor's vectors and without vectors.
template <class Op, class T, class F>
void check_plain(F f, double least, double most, double least_b, double most_b, typename Op::Options options = {}) {
  for (int i = 0; i < 60; ++i) {
    const Shapes s = Shapes::random();
    const auto x = random_values<T>(s.a, least, most), y = random_values<T>(s.b, least_b, most_b);
    const auto wanted = s.expected(x, y, f);
    std::vector<T> native, scalar;
    ASSERT_EQ((run_directly<Op>(s, x, y, native, options)), "");
    ASSERT_EQ((run_directly<Op, tfl::simd::Scalar>(s, x, y, scalar, options)), "");
    for (std::size_t e = 0; e < wanted.size(); ++e) {
      if constexpr (std::is_floating_point_v<T>) {
        ASSERT_NEAR(native[e], wanted[e], 1e-6 + 1e-6 * std::fabs(wanted[e])) << e;
        ASSERT_NEAR(scalar[e], wanted[e], 1e-6 + 1e-6 * std::fabs(wanted[e])) << e;
      } else {
        ASSERT_EQ(native[e], wanted[e]) << e;
        ASSERT_EQ(scalar[e], wanted[e]) << e;
      }
    }
  }
}

tfl::PairOptions with(Activation activation) { return {activation, false}; }

TEST(Binary, Floats) {
  check_plain<tfl::Add, float>([](float a, float b) { return a + b; }, -9, 9, -9, 9);
  check_plain<tfl::Sub, float>([](float a, float b) { return a - b; }, -9, 9, -9, 9);
  check_plain<tfl::Mul, float>([](float a, float b) { return a * b; }, -9, 9, -9, 9);
  check_plain<tfl::Div, float>([](float a, float b) { return a / b; }, -9, 9, 0.5, 9);
  check_plain<tfl::SquaredDifference, float>([](float a, float b) { return (a - b) * (a - b); }, -9, 9, -9, 9);
  check_plain<tfl::Maximum, float>([](float a, float b) { return std::max(a, b); }, -9, 9, -9, 9);
  check_plain<tfl::Minimum, float>([](float a, float b) { return std::min(a, b); }, -9, 9, -9, 9);
  check_plain<tfl::FloorDiv, float>([](float a, float b) { return std::floor(a / b); }, -9, 9, 0.5, 9);
  check_plain<tfl::FloorMod, float>([](float a, float b) { return a - b * std::floor(a / b); }, -9, 9, 1.1, 9);
  check_plain<tfl::Pow, float>([](float a, float b) { return std::pow(a, b); }, 0.1, 3, -3, 3);
  check_plain<tfl::Add, float>([](float a, float b) { return std::clamp(a + b, 0.0f, 6.0f); }, -9, 9, -9, 9, with(Activation::relu6));
  check_plain<tfl::Sub, float>([](float a, float b) { return std::max(a - b, 0.0f); }, -9, 9, -9, 9, with(Activation::relu));
  check_plain<tfl::Mul, float>([](float a, float b) { return std::clamp(a * b, -1.0f, 1.0f); }, -2, 2, -2, 2,
                               with(Activation::relu_n1_to_1));
}

template <class T, class F> auto wrapping(F f) {
  return [f](T a, T b) { return static_cast<T>(f(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b))); };
}

template <class T> void check_wrapping(double most) {
  check_plain<tfl::Add, T>(wrapping<T>([](auto a, auto b) { return a + b; }), -most, most, -most, most);
  check_plain<tfl::Mul, T>(wrapping<T>([](auto a, auto b) { return a * b; }), -most, most, -most, most);
  const auto relu6 = [](T a, T b) {
    return std::clamp(static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b)), T{0}, T{6});
  };
  check_plain<tfl::Add, T>(relu6, -most, most, -most, most, with(Activation::relu6));
}

TEST(Binary, IntegersWrap) {
  check_wrapping<std::int32_t>(2147483647.0);
  check_wrapping<std::int64_t>(9.2e18);
  check_wrapping<std::int16_t>(32767.0);  // without quantization
  check_plain<tfl::Sub, std::int32_t>(wrapping<std::int32_t>([](auto a, auto b) { return a - b; }), -2147483647.0, 2147483647.0,
                                      -2147483647.0, 2147483647.0);
  check_plain<tfl::Sub, std::int64_t>(wrapping<std::int64_t>([](auto a, auto b) { return a - b; }), -9.2e18, 9.2e18, -9.2e18, 9.2e18);
  check_plain<tfl::SquaredDifference, std::int32_t>(wrapping<std::int32_t>([](auto a, auto b) { return (a - b) * (a - b); }), -2147483647.0,
                                                    2147483647.0, -9, 9);
  check_plain<tfl::Mul, std::uint32_t>([](std::uint32_t a, std::uint32_t b) { return a * b; }, 0, 4294967295.0, 0, 4294967295.0);
}

/// Any of the six types, in every lane.
template <class T> void check_extrema(double least, double most) {
  check_plain<tfl::Maximum, T>([](T a, T b) { return std::max(a, b); }, least, most, least, most);
  check_plain<tfl::Minimum, T>([](T a, T b) { return std::min(a, b); }, least, most, least, most);
}
TEST(Binary, ExtremaOfIntegers) {
  check_extrema<std::int8_t>(-128, 127);
  check_extrema<std::uint8_t>(0, 255);
  check_extrema<std::int16_t>(-32768, 32767);
  check_extrema<std::int32_t>(-2147483648.0, 2147483647.0);
  check_extrema<std::int64_t>(-9.2e18, 9.2e18);
}

template <class T> void check_floor(double most) {
  const auto quotient = [](T a, T b) { return static_cast<T>(std::floor(static_cast<long double>(a) / static_cast<long double>(b))); };
  const auto rest = [quotient](T a, T b) { return static_cast<T>(a - b * quotient(a, b)); };
  check_plain<tfl::FloorMod, T>(rest, -most, most, 1, 9);
  check_plain<tfl::FloorMod, T>(rest, -most, most, -9, -1.9);
  if constexpr (sizeof(T) < 8) {
    check_plain<tfl::FloorDiv, T>(quotient, -most, most, 1, 9);
    check_plain<tfl::FloorDiv, T>(quotient, -most, most, -9, -1.9);
  }
}
TEST(Binary, DivisionOfIntegers) {
  check_floor<std::int8_t>(127);
  check_floor<std::int16_t>(32767);
  check_floor<std::int32_t>(2147483647.0);
  check_floor<std::int64_t>(9.2e17);
  check_plain<tfl::Div, std::int32_t>([](std::int32_t a, std::int32_t b) { return a / b; }, -2147483648.0, 2147483647.0, 1, 99);
  check_plain<tfl::Div, std::int32_t>([](std::int32_t a, std::int32_t b) { return std::clamp(a / b, -1, 1); }, -9, 9, -9, -1.5,
                                      with(Activation::relu_n1_to_1));
  check_plain<tfl::Pow, std::int32_t>(
      [](std::int32_t a, std::int32_t b) {
        std::uint32_t power = 1;
        for (std::int32_t i = 0; i < b; ++i) power *= static_cast<std::uint32_t>(a);
        return static_cast<std::int32_t>(power);
      },
      -99, 99, 0, 40);
}

TEST(Binary, TheOneQuotientThatOverflowsWraps) {
  constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();
  const Shapes s = Shapes::of({1}, {1});
  std::vector<std::int32_t> z;
  EXPECT_EQ((run_directly<tfl::Div>(s, std::vector{least}, std::vector{-1}, z)), "");
  EXPECT_EQ(z, std::vector{least});
  EXPECT_EQ((run_directly<tfl::FloorDiv>(s, std::vector{least}, std::vector{-1}, z)), "");
  EXPECT_EQ(z, std::vector{least});
  EXPECT_EQ((run_directly<tfl::FloorMod>(s, std::vector{least}, std::vector{-1}, z)), "");
  EXPECT_EQ(z, std::vector{0});
}

TEST(Binary, NotANumber) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  const Shapes s = Shapes::of({21}, {21});  // a vector and a tail on every processor
  const std::vector<float> nans(21, nan), ones(21, 1.0f);
  std::vector<float> z;
  for (const auto activation : {Activation::none, Activation::relu6}) {
    ASSERT_EQ((run_directly<tfl::Add>(s, nans, ones, z, with(activation))), "");
    for (const float v : z) EXPECT_TRUE(std::isnan(v));
  }
  // As the reference: the larger is a where a > b, else b.
  ASSERT_EQ((run_directly<tfl::Maximum>(s, nans, ones, z)), "");
  EXPECT_EQ(z, ones);
  ASSERT_EQ((run_directly<tfl::Minimum>(s, ones, nans, z)), "");
  for (const float v : z) EXPECT_TRUE(std::isnan(v));
  // Without an activation, too, results are finite.
  ASSERT_EQ((run_directly<tfl::Div>(s, ones, std::vector<float>(21, 0.0f), z)), "");
  EXPECT_EQ(z, std::vector<float>(21, std::numeric_limits<float>::max()));
  ASSERT_EQ((run_directly<tfl::Pow>(s, std::vector<float>(21, -infinity), std::vector<float>(21, 3.0f), z)), "");
  EXPECT_EQ(z, std::vector<float>(21, -infinity));
}

TEST(Binary, ComplexNumbers) {
  using C = std::complex<float>;
  const Shapes s = Shapes::of({2, 1}, {2});
  std::vector<C> z;
  ASSERT_EQ((run_directly<tfl::Mul>(s, std::vector<C>{{1, 2}, {0, 1}}, std::vector<C>{{3, -1}, {0, 1}}, z)), "");
  EXPECT_EQ(z, (std::vector<C>{{5, 5}, {-2, 1}, {1, 3}, {-1, 0}}));
  EXPECT_THAT((run_directly<tfl::Mul>(s, std::vector<C>(2), std::vector<C>(2), z, with(Activation::relu))), HasSubstr("complex"));
}

// ---- Quantized types, in the words of the gemmlowp paper: double-width products, each rounded half away from zero.

std::int64_t rounded_quotient(std::int64_t x, std::int64_t by) { return (x >= 0 ? x + by / 2 : x - by / 2) / by; }
std::int64_t scaled(std::int64_t x, double factor) {
  int exponent = 0;
  auto mantissa = static_cast<std::int64_t>(std::llround(std::frexp(factor, &exponent) * 2147483648.0));
  if (mantissa == std::int64_t{1} << 31) mantissa /= 2, ++exponent;
  if (exponent > 0) x *= std::int64_t{1} << exponent;
  // The first rounding goes up at one half also below zero.
  const std::int64_t product = x * mantissa;
  const std::int64_t high = (product + (product >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30))) / (std::int64_t{1} << 31);
  return exponent < 0 ? rounded_quotient(high, std::int64_t{1} << -exponent) : high;
}

tfl::Quantization quantization(float scale, std::int32_t zero_point = 0) {
  tfl::Quantization q;
  q.scale = scale;
  q.zero_point = zero_point;
  return q;
}
template <class T> tfl::Quantization random_quantization(double least_exponent, double most_exponent, bool symmetric) {
  const double exponent = std::uniform_real_distribution<double>(least_exponent, most_exponent)(random_engine);
  return quantization(static_cast<float>(std::exp2(exponent)),
                      symmetric ? 0 : random_int(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

enum class Formula { sum, difference, product, quotient, squared_difference };

/// The output before it is clamped.
template <class T> std::int64_t quantized_formula(Formula formula, std::int64_t a, std::int64_t b, const Scales& s) {
  const double sa = s.a.scale, sb = s.b.scale, so = s.out.scale;
  const double twice = 2 * std::max(sa, sb);
  a -= s.a.zero_point;
  b -= s.b.zero_point;
  std::int64_t result = 0;
  if (formula == Formula::product) {
    result = scaled(a * b, static_cast<double>(s.a.scale * s.b.scale / s.out.scale));
  } else {
    const int bits = formula == Formula::squared_difference ? (sizeof(T) == 2 ? 0 : 7) : sizeof(T) == 2 ? 15 : 20;
    const std::int64_t left = scaled(a * (std::int64_t{1} << bits), sa / twice), right = scaled(b * (std::int64_t{1} << bits), sb / twice);
    if (formula == Formula::squared_difference) {
      result = scaled((left - right) * (left - right), twice * twice / (std::exp2(2 * bits) * so));
    } else {
      result = scaled(formula == Formula::sum ? left + right : left - right, twice / (std::exp2(bits) * so));
    }
  }
  return result + s.out.zero_point;
}

template <class Op, class T> void check_quantized(Formula formula, bool symmetric, Activation activation) {
  for (int i = 0; i < 60; ++i) {
    const Shapes s = Shapes::random();
    Scales scales{random_quantization<T>(-9, 1, symmetric), random_quantization<T>(-9, 1, symmetric), {}};
    scales.out = random_quantization<T>(formula == Formula::quotient ? -4 : -7, 3, symmetric);
    constexpr std::int64_t type_lo = std::numeric_limits<T>::min(), type_hi = std::numeric_limits<T>::max();
    auto x = random_values<T>(s.a, static_cast<double>(type_lo), static_cast<double>(type_hi) + 0.99);
    auto y = random_values<T>(s.b, static_cast<double>(type_lo), static_cast<double>(type_hi) + 0.99);
    x[0] = static_cast<T>(type_lo);
    y[0] = static_cast<T>(type_hi);
    if (formula == Formula::quotient) {
      for (T& v : y) {
        if (v == scales.b.zero_point) v = static_cast<T>(v == type_lo ? v + 1 : v - 1);
      }
    }
    std::int64_t lo = type_lo, hi = type_hi;
    if (activation == Activation::relu6) {
      lo = std::max<std::int64_t>(lo, scales.out.zero_point);
      hi = std::clamp<std::int64_t>(scales.out.zero_point + std::llround(6.0f / scales.out.scale), lo, hi);
    }
    tfl::PairOptions options;
    if constexpr (!std::is_same_v<Op, tfl::SquaredDifference>) options = with(activation);
    std::vector<T> native, scalar;
    ASSERT_EQ((run_directly<Op>(s, x, y, native, options, scales)), "");
    ASSERT_EQ((run_directly<Op, tfl::simd::Scalar>(s, x, y, scalar, options, scales)), "");
    ASSERT_EQ(native, scalar);
    for (std::size_t e = 0; e < native.size(); ++e) {
      const T a = x[s.from_a[e]], b = y[s.from_b[e]];
      const double real_a = static_cast<double>(scales.a.scale) * (a - scales.a.zero_point);
      const double real_b = static_cast<double>(scales.b.scale) * (b - scales.b.zero_point);
      if (formula == Formula::quotient) {
        // Newton's reciprocal: not more than one off the real quotient.
        const double real = real_a / real_b / static_cast<double>(scales.out.scale) + scales.out.zero_point;
        ASSERT_NEAR(native[e], std::clamp(real, static_cast<double>(lo), static_cast<double>(hi)), 1.0 + std::fabs(real) * 1e-6);
      } else {
        ASSERT_EQ(native[e], std::clamp(quantized_formula<T>(formula, a, b, scales), lo, hi)) << +a << ' ' << +b;
      }
    }
  }
}

TEST(Binary, Quantized) {
  for (const auto activation : {Activation::none, Activation::relu6}) {
    check_quantized<tfl::Add, std::int8_t>(Formula::sum, false, activation);
    check_quantized<tfl::Add, std::uint8_t>(Formula::sum, false, activation);
    check_quantized<tfl::Add, std::int16_t>(Formula::sum, true, activation);
    check_quantized<tfl::Sub, std::int8_t>(Formula::difference, false, activation);
    check_quantized<tfl::Sub, std::uint8_t>(Formula::difference, false, activation);
    check_quantized<tfl::Sub, std::int16_t>(Formula::difference, false, activation);
    check_quantized<tfl::Mul, std::int8_t>(Formula::product, false, activation);
    check_quantized<tfl::Mul, std::uint8_t>(Formula::product, false, activation);
    check_quantized<tfl::Div, std::int8_t>(Formula::quotient, false, activation);
    check_quantized<tfl::Div, std::uint8_t>(Formula::quotient, false, activation);
    check_quantized<tfl::Div, std::int16_t>(Formula::quotient, true, activation);
  }
  check_quantized<tfl::SquaredDifference, std::int8_t>(Formula::squared_difference, false, Activation::none);
}

/// All pairs of bytes, as a column beside a row and both spread out: large enough for sums that are proven once.
template <class Op, class T> void check_all_pairs(Formula formula, const Scales& scales, schema::ActivationFunctionType activation) {
  constexpr std::int64_t type_lo = std::numeric_limits<T>::min(), type_hi = std::numeric_limits<T>::max();
  std::vector<T> bytes(256), columns, rows, expected;
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<T>(type_lo + static_cast<std::int64_t>(i));
  const std::int64_t lo =
      activation == schema::ActivationFunctionType::RELU ? std::max<std::int64_t>(type_lo, scales.out.zero_point) : type_lo;
  for (const T a : bytes) {
    for (const T b : bytes) {
      columns.push_back(a);
      rows.push_back(b);
      expected.push_back(static_cast<T>(std::clamp(quantized_formula<T>(formula, a, b, scales), lo, type_hi)));
    }
  }
  const auto spec = [](const tfl::Quantization& q) { return tfl::QuantizationSpec{.scales = {q.scale}, .zero_points = {q.zero_point}}; };
  for (const bool broadcasts : {true, false}) {
    SingleOp<Op> op;
    if (broadcasts) {
      op.template input<T>({256, 1}, bytes, spec(scales.a));
      op.template input<T>({256}, bytes, spec(scales.b));
    } else {
      op.template input<T>({256, 256}, columns, spec(scales.a));
      op.template input<T>({256, 256}, rows, spec(scales.b));
    }
    op.template output<T>(spec(scales.out));
    op.options([&](auto& tables) {
      if constexpr (std::is_same_v<Op, tfl::Add>) {
        return schema::CreateAddOptions(tables, activation);
      } else if constexpr (std::is_same_v<Op, tfl::Mul>) {
        return schema::CreateMulOptions(tables, activation);
      } else {
        return schema::CreateSubOptions(tables, activation);
      }
    });
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.template values<T>(), expected) << scales.a.scale << ' ' << scales.b.scale << ' ' << scales.out.scale;
  }
}

TEST(Binary, AllPairsOfBytes) {
  using enum schema::ActivationFunctionType;
  for (int i = 0; i < 6; ++i) {
    const Scales s{random_quantization<std::int8_t>(-6, -3, false), random_quantization<std::int8_t>(-6, -3, false),
                   random_quantization<std::int8_t>(-5, -2, false)};
    check_all_pairs<tfl::Add, std::int8_t>(Formula::sum, s, i % 2 == 0 ? NONE : RELU);
    check_all_pairs<tfl::Sub, std::int8_t>(Formula::difference, s, i % 2 == 0 ? NONE : RELU);
    const Scales u{random_quantization<std::uint8_t>(-9, 1, false), random_quantization<std::uint8_t>(-9, 1, false),
                   random_quantization<std::uint8_t>(-7, 3, false)};
    check_all_pairs<tfl::Add, std::uint8_t>(Formula::sum, u, NONE);
    check_all_pairs<tfl::Sub, std::uint8_t>(Formula::difference, u, NONE);
    check_all_pairs<tfl::Mul, std::int8_t>(Formula::product, s, i % 2 == 0 ? NONE : RELU);
    check_all_pairs<tfl::Mul, std::uint8_t>(Formula::product, u, NONE);
  }
  // Every second sum lies half way between two outputs, and half goes away from zero: no weighted sum rounded down does that.
  check_all_pairs<tfl::Add, std::int8_t>(Formula::sum, {quantization(0.5f, 3), quantization(0.5f, -4), quantization(1.0f, 5)}, NONE);
}

TEST(Binary, MostSumsOfBytesAreProven) {
  using A = tfl::simd::NativeArch;
  if constexpr (!tfl::simd::has_byte_sum<A>) {
    GTEST_SKIP() << "this architecture has no vectors";
  } else {
    int proven = 0;
    for (int i = 0; i < 50; ++i) {
      tfl::TensorDescription a, b, out;
      a.type = b.type = out.type = tfl::TensorType::int8;
      a.quantization = random_quantization<std::int8_t>(-6, -3, false);
      b.quantization = random_quantization<std::int8_t>(-6, -3, false);
      out.quantization = random_quantization<std::int8_t>(-5, -2, false);
      const std::array<const tfl::TensorDescription*, 2> inputs{&a, &b};
      const std::array<tfl::TensorDescription*, 1> outputs{&out};
      tfl::PairQuantization q;
      ASSERT_FALSE(tfl::detail::prepare_sum(tfl::NodeDescription(inputs, outputs), Activation::none, q));
      proven += tfl::detail::prove_byte_sum<A, std::int8_t, false>(q).holds;
    }
    EXPECT_GE(proven, 45);
  }
}

TEST(Binary, ProductsOfInt16) {
  const Shapes s = Shapes::of({40}, {40});
  const auto x = random_values<std::int16_t>(s.a, -32768, 32767), y = random_values<std::int16_t>(s.b, -32768, 32767);
  const Scales scales{quantization(0.001f), quantization(0.003f), quantization(0.05f)};
  std::vector<std::int16_t> z;
  ASSERT_EQ((run_directly<tfl::Mul>(s, x, y, z, {}, scales)), "");
  EXPECT_EQ(z, s.expected(x, y, [&](std::int16_t a, std::int16_t b) {
    return static_cast<std::int16_t>(
        std::clamp<std::int64_t>(quantized_formula<std::int16_t>(Formula::product, a, b, scales), -32768, 32767));
  }));
  // To 8 bits: inputs are fractions of 2^15, the output of 2^7.
  std::vector<std::int8_t> narrow;
  ASSERT_EQ((run_directly<tfl::Mul>(s, x, y, narrow, {}, Scales{{}, {}, quantization(1.0f / 128, 3)})), "");
  for (std::size_t i = 0; i < narrow.size(); ++i) {
    const std::int64_t fraction = std::min<std::int64_t>((std::int64_t{x[i]} * y[i] + (1 << 14)) >> 15, 32767);
    EXPECT_EQ(narrow[i], std::clamp<std::int64_t>(rounded_quotient(fraction, 256) + 3, -128, 127));
  }
}

TEST(Binary, Int16WithPowersOfTwo) {
  const Shapes s = Shapes::of({37}, {37});
  const auto x = random_values<std::int16_t>(s.a, -32768, 32767), y = random_values<std::int16_t>(s.b, -32768, 32767);
  const tfl::PairOptions options{Activation::none, true};
  const Scales scales{quantization(0x1p-15f), quantization(0x1p-18f), quantization(0x1p-15f)};
  std::vector<std::int16_t> z;
  ASSERT_EQ((run_directly<tfl::Sub>(s, x, y, z, options, scales)), "");
  EXPECT_EQ(z, s.expected(x, y, [](std::int16_t a, std::int16_t b) {
    return static_cast<std::int16_t>(std::clamp<std::int64_t>(a - rounded_quotient(b, 8), -32768, 32767));
  }));
  ASSERT_EQ((run_directly<tfl::Add>(s, x, y, z, options, scales)), "");
  EXPECT_EQ(z, s.expected(x, y, [](std::int16_t a, std::int16_t b) {
    return static_cast<std::int16_t>(std::clamp<std::int64_t>(a + rounded_quotient(b, 8), -32768, 32767));
  }));
  const Scales reversed{quantization(0x1p-14f), quantization(0x1p-18f), quantization(0x1p-15f)};
  EXPECT_THAT((run_directly<tfl::Add>(s, x, y, z, options, reversed)), HasSubstr("power-of-two scales"));
}

TEST(Binary, InThePlaceOfAnInput) {
  const Scales scales{quantization(0.5f, 3), quantization(0.25f, -7), quantization(0.6f, 1)};
  for (const Dims& dims : {Dims{1}, Dims{15}, Dims{3, 77}, Dims{100, 3}}) {
    for (const int place : {0, 1}) {
      for (const Dims& other : {dims, Dims{dims.back()}, Dims{1}}) {
        const Shapes s = place == 0 ? Shapes::of(dims, other) : Shapes::of(other, dims);
        const auto x = random_values<float>(s.a, -9, 9), y = random_values<float>(s.b, -9, 9);
        std::vector<float> apart, inside;
        ASSERT_EQ((run_directly<tfl::Sub>(s, x, y, apart)), "");
        ASSERT_EQ((run_directly<tfl::Sub>(s, x, y, inside, {}, {}, place)), "");
        EXPECT_EQ(apart, inside);
        const auto p = random_values<std::int8_t>(s.a, -128, 127), q = random_values<std::int8_t>(s.b, -128, 127);
        std::vector<std::int8_t> narrow_apart, narrow_inside;
        ASSERT_EQ((run_directly<tfl::Sub>(s, p, q, narrow_apart, {}, scales)), "");
        ASSERT_EQ((run_directly<tfl::Sub>(s, p, q, narrow_inside, {}, scales, place)), "");
        EXPECT_EQ(narrow_apart, narrow_inside);
      }
    }
  }
}

// ---- Folding

constexpr tfl::Broadcast<2> folded(Shape output, Shape a, Shape b) { return tfl::fold_broadcast<2>(output, {a, b}); }

static_assert(folded({2, 3, 4}, {2, 3, 4}, {2, 3, 4}).is_elementwise());
static_assert(folded({2, 3, 400}, {2, 3, 400}, {400}).rank == 2);
static_assert(folded({2, 3, 400}, {2, 3, 400}, {1, 1, 1}).rank == 1);
static_assert(folded({2, 3, 400}, {2, 3, 400}, {1, 1, 1}).step(1) == 0);
static_assert(folded({5, 6, 3}, {5, 6, 3}, {3}).periodic == 1 && folded({5, 6, 3}, {5, 6, 3}, {3}).rank == 1);
static_assert(folded({2, 5, 1, 7, 11, 13}, {2, 1, 1, 7, 11, 13}, {5, 1, 7, 11, 13}).rank == 3);
static_assert(folded({}, {}, {}).count == 1 && folded({4, 0}, {4, 0}, {1}).count == 0);

constexpr bool prepares_in_constant_evaluation() {
  tfl::TensorDescription a, b, out;
  a.type = b.type = out.type = tfl::TensorType::int8;
  a.shape = {4, 8};
  b.shape = {8};
  a.quantization.scale = b.quantization.scale = out.quantization.scale = 0.1f;
  const tfl::TensorDescription* ins[] = {&a, &b};
  tfl::TensorDescription* outs[] = {&out};
  const tfl::NodeDescription node(ins, outs);
  if (tfl::Add::infer({}, node)) return false;
  return tfl::Add::prepare({}, node, {}).ok() && out.shape == Shape{4, 8};
}
static_assert(prepares_in_constant_evaluation());

// ---- Errors, and the way through a model

template <class Op, class T>
std::string message(Dims a, Dims b, tfl::QuantizationSpec qa = {}, tfl::QuantizationSpec qb = {}, tfl::QuantizationSpec qo = {}) {
  SingleOp<Op> op;
  op.template input<T>(a, std::vector<T>(Shapes::count(a), T{1}), qa);
  op.template input<T>(b, std::vector<T>(Shapes::count(b), T{0}), qb);
  op.template output<T>(qo);
  return op.run();
}

TEST(Binary, Errors) {
  EXPECT_THAT((message<tfl::Add, float>({2, 3}, {2})),
              HasSubstr("input 1 't1' float32[2]: does not broadcast: its dimension 0 is 2, that of an input before it 3"));
  EXPECT_THAT((message<tfl::Div, std::int32_t>({2}, {2})), HasSubstr("division by zero"));
  EXPECT_THAT((message<tfl::FloorDiv, std::int16_t>({2}, {2})), HasSubstr("division by zero"));
  EXPECT_THAT((message<tfl::FloorDiv, float>({2}, {2})), HasSubstr("division by zero"));
  EXPECT_THAT((message<tfl::FloorMod, std::int64_t>({2}, {2})), HasSubstr("division by zero"));
  EXPECT_THAT((message<tfl::Div, std::int8_t>({2}, {2}, {{0.1f}, {0}}, {{0.1f}, {0}}, {{0.1f}, {0}})), HasSubstr("division by zero"));
  EXPECT_THAT((message<tfl::Add, std::int8_t>({2}, {2})), HasSubstr("positive scale"));
  EXPECT_THAT((message<tfl::Add, std::int8_t>({2}, {2}, {{0.1f}, {0}}, {{0.1f}, {0}}, {{1e-9f}, {0}})), HasSubstr("scale is too small"));
  EXPECT_THAT((message<tfl::Div, std::int8_t>({2}, {2}, {{1e9f}, {0}}, {{1e-30f}, {0}}, {{1e-20f}, {0}})), HasSubstr("scale is too small"));
  EXPECT_THAT((message<tfl::SquaredDifference, std::int8_t>({2}, {2}, {{1e9f}, {0}}, {{1e9f}, {0}}, {{1e-9f}, {0}})),
              HasSubstr("scale is too small"));
  EXPECT_THAT((message<tfl::Mul, std::int16_t>({2}, {2}, {{0.1f}, {5}}, {{0.1f}, {0}}, {{0.1f}, {0}})), HasSubstr("zero point 0"));
  EXPECT_THAT((message<tfl::Add, std::int8_t>({2}, {2}, {{0.1f, 0.2f}, {0, 0}}, {{0.1f}, {0}}, {{0.1f}, {0}})), HasSubstr("one scale"));
  EXPECT_THAT((message<tfl::Pow, std::int16_t>({2}, {2})), HasSubstr("no kernel for these types"));

  SingleOp<tfl::Pow> pow;
  pow.input<std::int32_t>({2}, {2, 3});
  pow.input<std::int32_t>({2}, {3, -1});
  pow.output<std::int32_t>();
  EXPECT_THAT(pow.run(), HasSubstr("negative exponent of integers; element 1 is -1"));

  SingleOp<tfl::Add> types;
  types.input<float>({1}, {1});
  types.input<std::int32_t>({1}, {1});
  types.output<float>();
  EXPECT_THAT(types.run(), HasSubstr("must have the type of input 0"));

  SingleOp<tfl::Add> activation;
  activation.input<float>({1}, {1});
  activation.input<float>({1}, {1});
  activation.output<float>();
  activation.options([](auto& tables) { return tfl::schema::CreateAddOptions(tables, tfl::schema::ActivationFunctionType::TANH); });
  EXPECT_THAT(activation.run(), HasSubstr("fused activation 4"));

  SingleOp<tfl::Add> huge;
  huge.input<float>({65536, 1}, std::vector<float>(65536));
  huge.input<float>({1, 65536}, std::vector<float>(65536));
  huge.output<float>();
  EXPECT_THAT(huge.run(), HasSubstr("more than 2147483647 elements"));
}

TEST(Binary, ThroughAModel) {
  SingleOp<tfl::Add> op;
  op.input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  op.constant<float>({3}, {10, -20, 30});
  op.output<float>();
  op.options([](auto& tables) { return tfl::schema::CreateAddOptions(tables, tfl::schema::ActivationFunctionType::RELU); });
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (Shape{2, 3}));
  EXPECT_EQ(op.values<float>(), (std::vector<float>{11, 0, 33, 14, 0, 36}));
}

TEST(Binary, NoElements) {
  SingleOp<tfl::Mul> op;
  op.input<float>({2, 0}, {});
  op.input<float>({1}, {3});
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (Shape{2, 0}));
}

template <class H> std::vector<H> halves(const std::vector<float>& values) {
  std::vector<H> result;
  for (const float v : values) result.push_back(tfl::rounded<H>(v));
  return result;
}

/// Results of 16-bit floats are those of floats, rounded once.
template <class Op, class H, class F> void check_halves(F f) {
  for (const Dims& shape : {Dims{}, Dims{3}, Dims{2, 301}, Dims{0, 4}}) {
    for (const Dims& other : {shape, Dims{1}}) {
      std::vector<float> x(tfl::Shape::from(shape).count() > 0 ? static_cast<std::size_t>(tfl::Shape::from(shape).count()) : 0);
      std::vector<float> y(static_cast<std::size_t>(tfl::Shape::from(other).count()));
      for (float& v : x) v = std::uniform_real_distribution<float>(-9, 9)(random_engine);
      for (float& v : y) v = std::uniform_real_distribution<float>(-9, 9)(random_engine);
      const auto a = halves<H>(x), b = halves<H>(y);
      SingleOp<Op> op;
      op.template input<H>(shape, a);
      op.template input<H>(other, b);
      op.template output<H>();
      ASSERT_EQ(op.run(), "");
      const auto out = op.template values<H>();
      ASSERT_EQ(out.size(), x.size());
      for (std::size_t i = 0; i < out.size(); ++i) {
        ASSERT_EQ(out[i].bits, tfl::rounded<H>(f(tfl::to_float(a[i]), tfl::to_float(b[b.size() > 1 ? i : 0]))).bits) << i;
      }
    }
  }
}

TEST(Binary, HalvesAreComputedAsFloats) {
  check_halves<tfl::Add, tfl::Float16>([](float a, float b) { return a + b; });
  check_halves<tfl::Mul, tfl::Float16>([](float a, float b) { return a * b; });
  check_halves<tfl::Maximum, tfl::Float16>([](float a, float b) { return std::max(a, b); });
  check_halves<tfl::Minimum, tfl::BFloat16>([](float a, float b) { return std::min(a, b); });
  SingleOp<tfl::Sub> op;
  op.input<tfl::Float16>({1}, {{0}});
  op.input<tfl::Float16>({1}, {{0}});
  op.output<tfl::Float16>();
  EXPECT_THAT(op.run(), HasSubstr("no kernel for these types"));
}

}  // namespace
