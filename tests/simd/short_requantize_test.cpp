// archs: all
// Requantization in few instructions against tfl::multiply(), around every step of the result.

#include "tfl/simd/short_requantize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "tfl/quant/multiplier.hpp"

namespace {

using Arch = tfl::simd::NativeArch;
using Constants = tfl::simd::ShortRequantization<Arch>;
constexpr int lanes = Constants::L;

template <bool Symmetric> void check(const std::vector<tfl::Multiplier>& multipliers, std::int32_t zero_point, std::int64_t largest) {
  std::vector<tfl::simd::Rescaling> channels(static_cast<std::size_t>(lanes));
  for (std::size_t i = 0; i < channels.size(); ++i)
    channels[i] = {static_cast<std::int32_t>(i) - 3, largest, multipliers[i % multipliers.size()]};
  Constants constants;
  ASSERT_TRUE(constants.set(channels.data(), zero_point, Symmetric));
  // Sums beside those at which the result goes up, for as many results as bytes have, and at the ends.
  std::vector<std::int64_t> sums{0, 1, -1, largest, -largest};
  for (const tfl::Multiplier& m : multipliers) {
    if (m.mantissa == 0) continue;
    const double real = static_cast<double>(m.mantissa) / 2147483648.0 / static_cast<double>(std::int64_t{1} << -m.shift);
    for (int y = -300; y <= 300; ++y) {
      const auto at = static_cast<std::int64_t>((y + 0.5) / real);
      for (int beside = -3; beside <= 3; ++beside) sums.push_back(at + beside);
    }
  }
  for (const std::int64_t sum : sums) {
    if (sum < -largest || sum > largest) continue;
    std::int32_t raw[lanes], actual[lanes];
    tfl::simd::store(raw, constants.start());
    // Sums start from the bias, and here become the same in all lanes.
    for (int i = 0; i < lanes; ++i)
      raw[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(raw[i]) +
                                         static_cast<std::uint32_t>(sum - channels[static_cast<std::size_t>(i)].bias));
    tfl::simd::store(actual, constants.template finish<Symmetric>(tfl::simd::load<Arch>(raw)));
    for (int i = 0; i < lanes; ++i) {
      const std::int32_t wanted =
          tfl::multiply(static_cast<std::int32_t>(sum), channels[static_cast<std::size_t>(i)].multiplier) + zero_point;
      if (Symmetric || sum >= 0) {
        ASSERT_EQ(actual[i], wanted) << sum << " lane " << i;
      } else {
        ASSERT_LE(actual[i], zero_point) << sum << " lane " << i;
      }
    }
  }
}

TEST(ShortRequantization, EqualsMultiply) {
  std::mt19937 engine(3);
  constexpr std::int32_t least = 1 << 30, most = 0x7fffffff;
  for (int round = 0; round < 20; ++round) {
    std::vector<tfl::Multiplier> multipliers;
    const int shift = std::uniform_int_distribution<int>(1, 18)(engine);
    for (int i = 0; i < 16; ++i) {
      const std::int32_t mantissa = i == 0 ? least : i == 1 ? most : std::uniform_int_distribution<std::int32_t>(least, most)(engine);
      multipliers.push_back({mantissa, -std::min(shift + i % 3, 20)});
    }
    multipliers.push_back({0, 0});
    const std::int32_t zero_point = std::uniform_int_distribution<int>(-128, 255)(engine);
    check<true>(multipliers, zero_point, 1 << 26);
    check<false>(multipliers, zero_point, 1 << 26);
  }
}

TEST(ShortRequantization, LeavesOthersToMultiply) {
  std::vector<tfl::simd::Rescaling> channels(static_cast<std::size_t>(lanes), {0, 1000, {1 << 30, -3}});
  Constants constants;
  EXPECT_TRUE(constants.set(channels.data(), 0, true));
  for (const tfl::simd::Rescaling& other :
       {tfl::simd::Rescaling{0, 1000, {1 << 30, 0}}, tfl::simd::Rescaling{0, 1000, {1 << 30, 3}},
        tfl::simd::Rescaling{0, 1000, {1 << 30, -21}}, tfl::simd::Rescaling{0, 1 << 29, {1 << 30, -3}}}) {
    channels.back() = other;
    EXPECT_FALSE(constants.set(channels.data(), 0, true));
  }
}

}  // namespace
