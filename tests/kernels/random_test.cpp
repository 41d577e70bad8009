// Random numbers against published answers of the generators; transforms against their sums; projections against known fingerprints.
// archs: none

#include "tfl/kernels/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/fourier.hpp"
#include "tfl/kernels/lsh_projection.hpp"
#include "tfl/kernels/random_custom.hpp"
#include "tfl/kernels/stablehlo_gather.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tfl::test::SingleOp;
using Floats = std::vector<float>;
using Complex = std::complex<float>;
using Words = std::vector<std::uint32_t>;
using tfl::schema::RngAlgorithm;

std::mt19937 random_engine(3);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }
float random_float() { return std::uniform_real_distribution<float>(-1, 1)(random_engine); }

std::string bits(RngAlgorithm algorithm, const std::vector<std::uint64_t>& state, int count, Words& out, std::vector<std::uint64_t>& next) {
  SingleOp<tfl::RngBitGenerator> op;
  op.input<std::uint64_t>({static_cast<std::int32_t>(state.size())}, state);
  op.output<std::uint64_t>();
  op.output<std::uint32_t>({}, {count});
  op.options([=](auto& tables) { return tfl::schema::CreateStablehloRngBitGeneratorOptions(tables, algorithm); });
  const std::string error = op.run();
  out = op.values<std::uint32_t>(1);
  next = op.values<std::uint64_t>();
  return error;
}
// The answers for zeros and for ones of Random123's tests.
TEST(RngBitGenerator, GivesPublishedAnswers) {
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  Words out;
  std::vector<std::uint64_t> next;
  EXPECT_EQ(bits(RngAlgorithm::PHILOX, {0, 0}, 5, out, next), "");
  EXPECT_THAT(std::vector(out.begin(), out.begin() + 4), ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  EXPECT_THAT(next, ElementsAre(0, 2));
  EXPECT_EQ(bits(RngAlgorithm::DEFAULT, {ones, ones, ones}, 4, out, next), "");
  EXPECT_THAT(out, ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT(next, ElementsAre(ones, 0, ones));
  EXPECT_EQ(bits(RngAlgorithm::THREEFRY, {0, 0}, 3, out, next), "");
  EXPECT_THAT(std::vector(out.begin(), out.begin() + 2), ElementsAre(0x6b200159u, 0x99ba4efeu));
  EXPECT_THAT(next, ElementsAre(0, 2));
  EXPECT_THAT(bits(RngAlgorithm::THREEFRY, {0, 0, 0}, 3, out, next), HasSubstr("must have 2 elements"));
}

template <class Op> Floats draw(std::int64_t seed, std::int64_t seed2, int count, Floats& again) {
  SingleOp<Op> op;
  op.template input<std::int32_t>({2}, {count, 1});
  op.template output<float>();
  op.options([=](auto& tables) { return tfl::schema::CreateRandomOptions(tables, seed, seed2); });
  EXPECT_EQ(op.run(), "");
  const Floats first = op.template values<float>();
  EXPECT_EQ(op.shape(), (tfl::Shape{count, 1}));
  again = first;
  return first;
}
TEST(Random, HasTheMomentsOfItsDistribution) {
  Floats ignored;
  const Floats uniform = draw<tfl::RandomUniform>(7, 9, 10001, ignored), normal = draw<tfl::RandomStandardNormal>(7, 9, 10001, ignored);
  double sum = 0, squares = 0;
  for (const float x : uniform) {
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
  }
  EXPECT_NEAR(sum / 10001, 0.5, 0.01);
  sum = 0;
  for (const float x : normal) sum += x, squares += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_NEAR(sum / 10001, 0, 0.03);
  EXPECT_NEAR(squares / 10001, 1, 0.05);
  EXPECT_EQ(uniform, draw<tfl::RandomUniform>(7, 9, 10001, ignored));
  EXPECT_NE(uniform, draw<tfl::RandomUniform>(7, 10, 10001, ignored));
  EXPECT_NE(draw<tfl::RandomUniform>(0, 0, 100, ignored), draw<tfl::RandomUniform>(0, 0, 100, ignored));
}
TEST(Random, GoesOnFromRunToRun) {
  SingleOp<tfl::RandomUniform> op;
  op.constant<std::int32_t>({1}, {3});
  op.output<float>();
  op.options([=](auto& tables) { return tfl::schema::CreateRandomOptions(tables, 1, 2); });
  ASSERT_EQ(op.run(), "");
  const Floats first = op.values<float>();
  ASSERT_EQ(op.invoke_again(), "");
  EXPECT_NE(first, op.values<float>());
}
TEST(Multinomial, DrawsLikelyClasses) {
  SingleOp<tfl::Multinomial> op;
  op.input<float>({2, 3}, {std::log(0.2f), std::log(0.3f), std::log(0.5f), -INFINITY, 5, -INFINITY});
  op.constant<std::int32_t>({}, {5000});
  op.output<std::int64_t>();
  op.options([](auto& tables) { return tfl::schema::CreateRandomOptions(tables, 3, 4); });
  ASSERT_EQ(op.run(), "");
  const std::vector<std::int64_t> out = op.values<std::int64_t>();
  ASSERT_EQ(out.size(), 10000u);
  int counts[3] = {};
  for (std::size_t i = 0; i < 5000; ++i) ++counts[out[i]];
  EXPECT_NEAR(counts[0] / 5000.0, 0.2, 0.03);
  EXPECT_NEAR(counts[2] / 5000.0, 0.5, 0.03);
  for (std::size_t i = 5000; i < 10000; ++i) ASSERT_EQ(out[i], 1);
  SingleOp<tfl::CustomMultinomial> custom;
  custom.input<float>({2, 3}, {std::log(0.2f), std::log(0.3f), std::log(0.5f), -INFINITY, 5, -INFINITY});
  custom.constant<std::int32_t>({}, {5000});
  custom.output<std::int64_t>();
  ASSERT_EQ(custom.run(), "");
  const std::vector<std::int64_t> drawn = custom.values<std::int64_t>();
  EXPECT_NEAR(static_cast<double>(std::count(drawn.begin(), drawn.begin() + 5000, 2)) / 5000.0, 0.5, 0.03);
  EXPECT_EQ(std::count(drawn.begin() + 5000, drawn.end(), 1), 5000);
}

TEST(Fourier, IsASumOfWavesBothWays) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 8}, {8, 2}, {4, 4}, {2, 16}}) {
    const int in_height = std::max(1, height - random_int(-1, 1)), in_width = std::max(1, width - random_int(-1, 2));
    Floats image(static_cast<std::size_t>(2 * in_height * in_width));
    for (float& x : image) x = random_float();
    SingleOp<tfl::Rfft2D> op;
    op.input<float>({2, in_height, in_width}, image);
    op.constant<std::int32_t>({2}, {height, width});
    op.output<Complex>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), (tfl::Shape{2, height, width / 2 + 1}));
    const std::vector<Complex> got = op.values<Complex>();
    std::size_t at = 0;
    for (int s = 0; s < 2; ++s) {
      for (int v = 0; v < height; ++v) {
        for (int u = 0; u <= width / 2; ++u, ++at) {
          std::complex<double> sum = 0;
          for (int y = 0; y < std::min(height, in_height); ++y) {
            for (int x = 0; x < std::min(width, in_width); ++x) {
              const double turns = static_cast<double>(u * x) / width + static_cast<double>(v * y) / height;
              sum += static_cast<double>(image[static_cast<std::size_t>((s * in_height + y) * in_width + x)]) *
                     std::polar(1.0, -2 * std::numbers::pi * turns);
            }
          }
          ASSERT_NEAR(got[at].real(), sum.real(), 1e-5);
          ASSERT_NEAR(got[at].imag(), sum.imag(), 1e-5);
        }
      }
    }
    const auto turn_back = [&got](auto& back, int rows, int columns) {
      back.template input<Complex>({2, rows, columns / 2 + 1}, got);
      back.template input<std::int32_t>({2}, {rows, columns});
      back.template output<float>();
      EXPECT_EQ(back.run(), "");
      return back.template values<float>();
    };
    SingleOp<tfl::Irfft2D> back;
    SingleOp<tfl::Irfft2DUpperCase> upper_case;
    const Floats returned = turn_back(back, height, width);
    EXPECT_EQ(turn_back(upper_case, height, width), returned);
    ASSERT_EQ(returned.size(), static_cast<std::size_t>(2 * height * width));
    for (int y = 0; y < std::min(height, in_height); ++y) {
      for (int x = 0; x < std::min(width, in_width); ++x) {
        ASSERT_NEAR(returned[static_cast<std::size_t>(y * width + x)], image[static_cast<std::size_t>(y * in_width + x)], 1e-5);
      }
    }
  }
}
TEST(Fourier, WantsPowersOfTwo) {
  SingleOp<tfl::Rfft2D> op;
  op.input<float>({2, 2}, {1, 2, 3, 4});
  op.input<std::int32_t>({2}, {2, 3});
  op.output<Complex>();
  EXPECT_THAT(op.run(), HasSubstr("must hold powers of two, not 3"));
}
TEST(Complex, HasParts) {
  SingleOp<tfl::Real> real;
  SingleOp<tfl::Imag> imag;
  SingleOp<tfl::ComplexAbs> magnitude;
  real.input<Complex>({2}, {{3, 4}, {-1, 0}});
  imag.input<Complex>({2}, {{3, 4}, {-1, 0}});
  magnitude.input<std::complex<double>>({2}, {{3, 4}, {-1, 0}});
  real.output<float>();
  imag.output<float>();
  magnitude.output<double>();
  EXPECT_EQ(real.run() + imag.run() + magnitude.run(), "");
  EXPECT_THAT(real.values<float>(), ElementsAre(3, -1));
  EXPECT_THAT(imag.values<float>(), ElementsAre(4, 0));
  EXPECT_THAT(magnitude.values<double>(), ElementsAre(5, 1));
}

// FARM_FINGERPRINT of Google BigQuery's manual.
TEST(LshProjection, UsesFarmFingerprints) {
  const auto print = [](std::string_view text) {
    return static_cast<std::int64_t>(
        tfl::detail::Fingerprint<tfl::simd::Scalar>::of(reinterpret_cast<const std::byte*>(text.data()), text.size()));
  };
  EXPECT_EQ(print("1footrue"), -1541654101129638711);
  EXPECT_EQ(print("2applefalse"), 2794438866806483259);
  EXPECT_EQ(print("3true"), -4880158226897771312);
}
TEST(LshProjection, NumbersItsHashes) {
  const auto run = [](tfl::schema::LSHProjectionType type, float last) {
    SingleOp<tfl::LshProjection> op;
    op.input<float>({3, 2}, {0.1f, 0.9f, -1, 2, 8, -0.5f});
    op.input<float>({2, 20}, [last] {
      Floats items(40);
      for (std::size_t i = 0; i < 40; ++i) items[i] = static_cast<float>(i);
      items.back() = last;
      return items;
    }());
    op.input<float>({2}, {1, 0.5f});
    op.output<std::int32_t>();
    op.options([=](auto& tables) { return tfl::schema::CreateLSHProjectionOptions(tables, type); });
    EXPECT_EQ(op.run(), "");
    return op.values<std::int32_t>();
  };
  using tfl::schema::LSHProjectionType;
  const auto dense = run(LSHProjectionType::DENSE, 1), sparse = run(LSHProjectionType::SPARSE, 1);
  ASSERT_EQ(dense.size(), 6u);
  ASSERT_EQ(sparse.size(), 3u);
  for (std::size_t h = 0; h < 3; ++h) {
    EXPECT_EQ(sparse[h], static_cast<std::int32_t>(h) * 4 + dense[2 * h] * 2 + dense[2 * h + 1]);
  }
}

TEST(StablehloGather, TakesSlicesAndMovesThemInside) {
  SingleOp<tfl::StablehloGather> op;
  std::vector<std::int16_t> operand(24);
  for (std::size_t i = 0; i < 24; ++i) operand[i] = static_cast<std::int16_t>(i);
  op.input<std::int16_t>({3, 4, 2}, operand);
  op.input<std::int64_t>({2, 2}, {0, 1, 9, -5});  // columns: rows of the operand are second coordinates
  op.output<std::int16_t>();
  const std::vector<std::int64_t> offset_dims{1, 2}, collapsed{0}, map{1, 0}, sizes{1, 2, 2};
  op.options(
      [&](auto& tables) { return tfl::schema::CreateStablehloGatherOptionsDirect(tables, &offset_dims, &collapsed, &map, 1, &sizes); });
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (tfl::Shape{2, 2, 2}));
  // Starts (dimension 1, dimension 0): (0, 1), and (9, -5), which become (2, 0).
  EXPECT_THAT(op.values<std::int16_t>(), ElementsAre(8, 9, 10, 11, 4, 5, 6, 7));
  SingleOp<tfl::StablehloGather> large;
  large.input<std::int16_t>({3, 4, 2}, operand);
  large.input<std::int64_t>({2, 2}, {0, 1, 9, -5});
  large.output<std::int16_t>();
  const std::vector<std::int64_t> too_large{1, 5, 2};
  large.options(
      [&](auto& tables) { return tfl::schema::CreateStablehloGatherOptionsDirect(tables, &offset_dims, &collapsed, &map, 1, &too_large); });
  EXPECT_THAT(large.run(), HasSubstr("takes slices of 5 elements in dimension 1, which has 4"));
}

}  // namespace
