// Requantization against plain arithmetic in wider types.

#include "tfl/quant/multiplier.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace {

using tfl::Multiplier;
__extension__ typedef __int128 Wide;

constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min(), highest = std::numeric_limits<std::int32_t>::max();

Wide floor_divide(Wide a, Wide b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
/// The quotient rounded half up.
Wide round_up(Wide a, Wide b) { return floor_divide(2 * a + b, 2 * b); }
/// The quotient rounded half away from zero.
Wide round_away(Wide a, Wide b) { return a >= 0 ? round_up(a, b) : -round_up(-a, b); }
Wide power(int exponent) { return Wide{1} << exponent; }

/// First by the mantissa, half up; then by the power of two, half away from zero.
std::int32_t twice_rounded(std::int32_t x, Multiplier by) {
  const Wide shifted = by.shift > 0 ? Wide{x} * power(by.shift) : Wide{x};
  const Wide product = round_up(static_cast<std::int32_t>(shifted) * Wide{by.mantissa}, power(31));
  return static_cast<std::int32_t>(round_away(product, power(by.shift > 0 ? 0 : -by.shift)));
}
/// The mantissa rounded to 15 bits, the product rounded once, half up.
std::int32_t once_rounded(std::int64_t x, Multiplier by) {
  const Wide narrow = by.mantissa < 0x7fff0000 ? round_up(by.mantissa, power(16)) : 0x7fff;
  return static_cast<std::int32_t>(round_up(x * narrow, power(15 - by.shift)));
}

TEST(QuantizeMultiplier, IsTheNearestMantissa) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> exponent(-31, 30);
  for (int i = 0; i < 20'000; ++i) {
    const double real = std::exp2(exponent(random));
    const Multiplier m = tfl::quantize_multiplier(real);
    ASSERT_GE(m.mantissa, 1 << 30) << real;
    int e = 0;
    const double fraction = std::frexp(real, &e);
    std::int64_t mantissa = std::llround(fraction * 2147483648.0);
    if (mantissa == std::int64_t{1} << 31) mantissa /= 2, ++e;
    ASSERT_EQ(m.mantissa, mantissa) << real;
    ASSERT_EQ(m.shift, e) << real;
    ASSERT_EQ(tfl::quantize_multiplier(-real).mantissa, -m.mantissa);
  }
}

/// As an FPU does it.
template <class X> std::int32_t in_double(X x, double real) {
  const double product = std::round(static_cast<double>(x) * real);
  return product >= 1 << 30 ? 1 << 30 : product <= -(1 << 30) ? -(1 << 30) : static_cast<std::int32_t>(product);
}

template <class X> class MultiplyInDouble : public ::testing::Test {};
using Accumulators = ::testing::Types<std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(MultiplyInDouble, Accumulators);

TYPED_TEST(MultiplyInDouble, IsWhatDoublesGive) {
  constexpr int bits_of_x = static_cast<int>(8 * sizeof(TypeParam));
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> exponent(8 - bits_of_x - 16, 8);
  for (int i = 0; i < 200'000; ++i) {
    const double real = std::exp2(exponent(random));
    const auto x = static_cast<TypeParam>(random()) >> random() % (bits_of_x - 1);
    ASSERT_EQ(tfl::multiply_in_double(x, std::bit_cast<std::uint64_t>(real)), in_double(x, real)) << x << " * " << real;
  }
}

TYPED_TEST(MultiplyInDouble, RoundsToFiftyThreeBitsFirst) {
  // Multipliers whose product with x is n + 1/2 or a few units of the last bits beside it.
  constexpr int bits_of_x = static_cast<int>(8 * sizeof(TypeParam));
  std::mt19937_64 random(6);
  int exact_would_differ = 0;
  for (int i = 0; i < 400'000; ++i) {
    const auto x = static_cast<TypeParam>(random() >> (65 - bits_of_x)) >> random() % (bits_of_x - 2) | 1;
    const double half = static_cast<double>(random() % 60'000) + 0.5;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(half / static_cast<double>(x)) + random() % 5 - 2;
    const double real = std::bit_cast<double>(bits);
    ASSERT_EQ(tfl::multiply_in_double(x, bits), in_double(x, real)) << x << " * " << real;
    ASSERT_EQ(tfl::multiply_in_double(static_cast<TypeParam>(-x), bits), in_double(-x, real)) << -x << " * " << real;
    exact_would_differ += std::round(static_cast<long double>(x) * real) != std::round(static_cast<double>(x) * real);
  }
  if (sizeof(long double) > sizeof(double)) {
    EXPECT_GT(exact_would_differ, 0) << "nothing here was near enough to tell";
  }
}

static_assert(tfl::multiply_in_double(3, std::bit_cast<std::uint64_t>(0.5)) == 2);
static_assert(tfl::multiply_in_double(-3, std::bit_cast<std::uint64_t>(0.5)) == -2);
static_assert(tfl::multiply_in_double(-1, std::bit_cast<std::uint64_t>(1e300)) == -(1 << 30));
static_assert(tfl::multiply_in_double(lowest, std::bit_cast<std::uint64_t>(0.25)) == -(1 << 29));
static_assert(tfl::multiply_in_double(0, std::bit_cast<std::uint64_t>(1e300)) == 0);
static_assert(tfl::multiply_in_double(highest, 0) == 0);
static_assert(tfl::multiply_in_double(std::numeric_limits<std::int64_t>::min(), std::bit_cast<std::uint64_t>(0x1p-63)) == -1);
static_assert(tfl::multiply_in_double(std::numeric_limits<std::int64_t>::max(), std::bit_cast<std::uint64_t>(1e-300)) == 0);
static_assert(tfl::multiply_in_double(std::numeric_limits<std::int64_t>::max(), std::bit_cast<std::uint64_t>(1e300)) == 1 << 30);
static_assert(tfl::multiply_in_double((std::int64_t{1} << 53) + 1, std::bit_cast<std::uint64_t>(0x1p-53)) == 1);

static_assert(tfl::quantize_multiplier(0.0) == Multiplier{});
static_assert(tfl::quantize_multiplier(-0.0) == Multiplier{});
static_assert(tfl::quantize_multiplier(1.0) == Multiplier{1 << 30, 1});
static_assert(tfl::quantize_multiplier(0.5) == Multiplier{1 << 30, 0});
static_assert(tfl::quantize_multiplier(0.75) == Multiplier{3 << 29, 0});
static_assert(tfl::quantize_multiplier(-2.0) == Multiplier{-(1 << 30), 2});
static_assert(tfl::quantize_multiplier(0x1p-32) == Multiplier{1 << 30, -31});
static_assert(tfl::quantize_multiplier(0x1p-33) == Multiplier{});                            // too small to matter
static_assert(tfl::quantize_multiplier(0x1.fffffffffffffp-1) == Multiplier{1 << 30, 1});     // rounds up to 1
static_assert(tfl::quantize_multiplier(0x1.fffffffffffffp-33) == Multiplier{1 << 30, -31});  // rounds up to the smallest
static_assert(tfl::quantize_multiplier(0x1p-1070) == Multiplier{});
static_assert(tfl::quantize_multiplier(std::numeric_limits<double>::infinity()) == Multiplier{});
static_assert(tfl::quantize_multiplier(std::numeric_limits<double>::quiet_NaN()) == Multiplier{});

const std::vector<std::int32_t> edges{lowest, lowest + 1, -(1 << 30), -65537, -65536, -65535,  -256,        -129,
                                      -128,   -3,         -2,         -1,     0,      1,       2,           3,
                                      127,    128,        255,        65535,  65536,  1 << 30, highest - 1, highest};

TEST(HighMul, RoundsTheUpperHalf) {
  std::mt19937 random(4);
  const auto check = [](std::int32_t a, std::int32_t b) {
    const Wide product = round_up(Wide{a} * b, power(31));
    ASSERT_EQ(tfl::saturating_rounding_doubling_high_mul(a, b), static_cast<std::int32_t>(product > highest ? highest : product))
        << a << " * " << b;
  };
  for (const std::int32_t a : edges) {
    for (const std::int32_t b : edges) check(a, b);
  }
  for (int i = 0; i < 100'000; ++i) check(static_cast<std::int32_t>(random()), static_cast<std::int32_t>(random()));
}
static_assert(tfl::saturating_rounding_doubling_high_mul(lowest, lowest) == highest);

TEST(RoundingDivide, HalfGoesAwayFromZero) {
  std::mt19937 random(5);
  for (int exponent = 0; exponent <= 31; ++exponent) {
    const auto check = [&](std::int32_t x) {
      ASSERT_EQ(tfl::rounding_divide_by_power_of_two(x, exponent), static_cast<std::int32_t>(round_away(x, power(exponent))))
          << x << " / 2^" << exponent;
    };
    for (const std::int32_t x : edges) check(x);
    for (int i = 0; i < 2000; ++i) check(static_cast<std::int32_t>(random()));
  }
}
static_assert(tfl::rounding_divide_by_power_of_two(5, 1) == 3 && tfl::rounding_divide_by_power_of_two(-5, 1) == -3);

TEST(Multiply, NarrowAccumulators) {
  std::mt19937 random(6);
  const auto check = [](std::int32_t x, Multiplier by) {
    ASSERT_EQ(tfl::multiply(x, by), twice_rounded(x, by)) << x << " * " << by.mantissa << " * 2^" << by.shift;
  };
  for (int shift = -31; shift <= 30; ++shift) {
    for (const std::int32_t mantissa : {1 << 30, (1 << 30) + 1, 0x5a5a5a5a, highest - 1, highest, 0}) {
      for (const std::int32_t x : edges) check(x, {mantissa, shift});
    }
    for (int i = 0; i < 5000; ++i) {
      check(static_cast<std::int32_t>(random()), {static_cast<std::int32_t>((1u << 30) | (random() >> 2)), shift});
    }
  }
}

TEST(Multiply, IsCloseToTheRealProduct) {
  std::mt19937_64 random(8);
  for (int i = 0; i < 50'000; ++i) {
    const double real = std::exp2(std::uniform_real_distribution<double>(-20, 0)(random));
    const auto x = static_cast<std::int32_t>(random() >> 34) - (1 << 29);
    const double exact = x * real;
    ASSERT_NEAR(tfl::multiply(x, tfl::quantize_multiplier(real)), exact, 1.01 + std::fabs(exact) * 0x1p-30) << x << " * " << real;
  }
}

TEST(Multiply, WideAccumulators) {
  std::mt19937_64 random(7);
  for (int shift = -31; shift < 8; ++shift) {
    // As far as the result fits 32 bits.
    const std::int64_t limit = shift > -16 ? (std::int64_t{1} << (30 - shift)) : (std::int64_t{1} << 46);
    const auto check = [&](std::int64_t x, std::int32_t mantissa) {
      const Multiplier by{mantissa, shift};
      ASSERT_EQ(tfl::multiply(x, by), once_rounded(x, by)) << x << " * " << mantissa << " * 2^" << shift;
    };
    for (const std::int32_t mantissa : {0, 1 << 30, 0x40008000, 0x7ffeffff, 0x7fff0000, highest}) {
      for (const std::int64_t x : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, limit, -limit, limit - 1, 1 - limit})
        check(x, mantissa);
    }
    for (int i = 0; i < 5000; ++i) {
      check(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * limit)) - limit,
            static_cast<std::int32_t>((1u << 30) | (random() >> 34)));
    }
  }
}

}  // namespace
