// Requantization in float against the integer one: around every step, in every form.
// archs: all

#include "tfl/linalg/float_steps.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

#include "tfl/linalg/epilogue.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/requantize.hpp"

namespace {

using A = tfl::simd::NativeArch;

std::mt19937 random_engine(11);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

/// A panel's tables without weights.
struct Panel {
  int width;
  std::vector<std::int32_t> mantissa, right, offset, memory;
  std::vector<float> high, low, lift;
  explicit Panel(int columns) : width(columns), mantissa(size()), right(size()), offset(size()), high(size()), low(size()), lift(size()) {}
  std::size_t size() const { return static_cast<std::size_t>(width); }
  bool find(std::int32_t outputs, bool mirrored) {
    return tfl::linalg::find_float_steps<A>(mantissa.data(), right.data(), width, outputs, mirrored, high.data(), low.data(), lift.data());
  }
};

template <class T> void check(Panel& panel, std::int32_t zero_point, std::int32_t lo, std::int32_t hi, int rows, bool bare) {
  if constexpr (tfl::simd::has_float_steps<A>) {
    const bool mirrored = lo < zero_point;
    if (!panel.find(std::max(hi - zero_point, zero_point - lo), mirrored)) return;
    const int width = panel.width, columns = random_int(1, width);
    std::vector<std::int32_t> sums(panel.size() * static_cast<std::size_t>(rows)), terms(static_cast<std::size_t>(rows));
    for (std::int32_t& t : terms) t = random_int(-5000, 5000);
    std::vector<T> out(static_cast<std::size_t>(rows * (columns + 3)), T{77});
    for (int step = zero_point - hi - 2; step <= zero_point - lo + 2; ++step) {
      for (int m = 0; m < rows; ++m) {
        for (int n = 0; n < width; ++n) {
          const auto c = static_cast<std::size_t>(n);
          const double real = panel.mantissa[c] * 0x1p-31 / static_cast<double>(std::int64_t{1} << panel.right[c]);
          const double at = real > 0 ? std::clamp((step + 0.5) / real, -1e9, 1e9) : random_int(-1000000, 1000000);
          const auto sum = static_cast<std::int32_t>(at) + random_int(-3, 3);
          sums[static_cast<std::size_t>(m * width + n)] = bare ? sum - panel.offset[c] - terms[static_cast<std::size_t>(m)] : sum;
        }
      }
      tfl::simd::requantize_by_steps<A>(
          sums.data(), width, mirrored, {panel.offset.data(), panel.high.data(), panel.low.data(), panel.lift.data()},
          tfl::simd::ByteOutput<T>{out.data(), columns + 3, rows, columns, terms.data(), bare, zero_point, hi});
      for (int m = 0; m < rows; ++m) {
        for (int n = 0; n < columns + 3; ++n) {
          const auto c = static_cast<std::size_t>(n);
          std::int32_t wanted = 77;
          if (n < columns) {
            std::int32_t sum = sums[static_cast<std::size_t>(m * width + n)];
            if (bare) sum += panel.offset[c] + terms[static_cast<std::size_t>(m)];
            wanted = std::clamp(tfl::multiply(sum, {panel.mantissa[c], -panel.right[c]}) + zero_point, lo, hi);
          }
          ASSERT_EQ(int{out[static_cast<std::size_t>(m * (columns + 3) + n)]}, wanted) << m << " " << n << " step " << step;
        }
      }
    }
  }
}

template <class T> void check_many() {
  constexpr int L = tfl::simd::lanes<std::int32_t, A>;
  const std::int32_t least = std::is_signed_v<T> ? -128 : 0, most = least + 255;
  for (int round = 0; round < 60; ++round) {
    Panel panel(L * random_int(1, 2));
    const int shift = random_int(1, 14);
    for (std::size_t c = 0; c < panel.size(); ++c) {
      panel.mantissa[c] = random_int(0, 20) == 0 ? 0 : random_int(1 << 30, 0x7fffffff);
      panel.right[c] = std::clamp(shift + random_int(-1, 1), 1, 14);
      panel.offset[c] = random_int(-100000, 100000);
    }
    const std::int32_t zero_point = random_int(0, 2) == 0 ? least : random_int(least, most);
    const std::int32_t lo = random_int(0, 1) == 0 ? zero_point : least;
    const std::int32_t hi = lo < zero_point || random_int(0, 1) == 0 ? most : random_int(zero_point, most);
    const bool bare = !std::is_base_of_v<tfl::simd::Avx512, A> || random_int(0, 1) == 0;
    check<T>(panel, zero_point, lo, hi, random_int(1, 9), bare);
  }
}

TEST(FloatSteps, EqualTheIntegersAroundEveryStep) {
  check_many<std::int8_t>();
  check_many<std::uint8_t>();
}

TEST(FloatSteps, MostMultipliersHaveThem) {
  constexpr int L = tfl::simd::lanes<std::int32_t, A>;
  int found = 0;
  for (int round = 0; round < 200; ++round) {
    Panel panel(L);
    for (std::size_t c = 0; c < panel.size(); ++c) {
      panel.mantissa[c] = random_int((1 << 30) + 1, 0x7fffffff);
      panel.right[c] = random_int(1, 14);
    }
    if (panel.find(255, true)) ++found;
  }
  EXPECT_EQ(found, 200);
}

TEST(FloatSteps, TiesHaveThemOnlyWhereNegativeSumsDontCount) {
  Panel panel(tfl::simd::lanes<std::int32_t, A>);
  for (std::size_t c = 0; c < panel.size(); ++c) {
    panel.mantissa[c] = 1 << 30;  // every step is a whole number
    panel.right[c] = 5;
  }
  EXPECT_FALSE(panel.find(255, true));
  EXPECT_TRUE(panel.find(255, false));
  check<std::int8_t>(panel, -128, -128, 127, 4, true);
}

TEST(FloatSteps, SmallMultipliersHaveNone) {
  Panel panel(tfl::simd::lanes<std::int32_t, A>);
  for (std::size_t c = 0; c < panel.size(); ++c) {
    panel.mantissa[c] = 1500000000;
    panel.right[c] = 15;
  }
  EXPECT_FALSE(panel.find(255, false));
}

}  // namespace
