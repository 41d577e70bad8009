// archs: all
// Lanes of 32-bit integers against the scalar functions, in every lane of the architecture that this is compiled for.

#include "tfl/simd/int32.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace {

using tfl::Multiplier;
using A = tfl::simd::NativeArch;
namespace simd = tfl::simd;
constexpr int width = simd::lanes<std::int32_t, A>;
constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min(), highest = std::numeric_limits<std::int32_t>::max();

const std::vector<std::int32_t> edges{lowest, lowest + 1, -65537, -65536, -32769, -32768, -257,  -256,  -129,    -128,        -1,     0, 1,
                                      127,    128,        255,    256,    32767,  32768,  65535, 65536, 1 << 30, highest - 1, highest};

/// Mostly random, often an edge.
std::int32_t number(std::mt19937& random) {
  return random() % 4 == 0 ? edges[random() % edges.size()] : static_cast<std::int32_t>(random()) >> (random() % 32);
}

template <class T> void loads_and_stores() {
  // Vectors of exactly one batch: nothing beside it may be touched.
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<T> from(width), to(width);
    std::vector<std::int32_t> lanes(width);
    for (T& v : from) v = static_cast<T>(random());
    simd::store(lanes.data(), simd::load_int32<A>(from.data()));
    for (int i = 0; i < width; ++i)
      ASSERT_EQ(lanes[static_cast<std::size_t>(i)], static_cast<std::int32_t>(from[static_cast<std::size_t>(i)])) << "lane " << i;
    for (std::int32_t& v : lanes) v = number(random);
    simd::store_saturated<A>(to.data(), simd::load<A>(lanes.data()));
    for (int i = 0; i < width; ++i) {
      const std::int32_t lane = lanes[static_cast<std::size_t>(i)];
      const std::int32_t lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
      ASSERT_EQ(static_cast<std::int32_t>(to[static_cast<std::size_t>(i)]), lane < lo ? lo : lane > hi ? hi : lane) << "lane " << i;
    }
  }
}

TEST(Int32, LoadsAndStoresInt8) { loads_and_stores<std::int8_t>(); }
TEST(Int32, LoadsAndStoresUint8) { loads_and_stores<std::uint8_t>(); }
TEST(Int32, LoadsAndStoresInt16) { loads_and_stores<std::int16_t>(); }
TEST(Int32, LoadsAndStoresInt32) { loads_and_stores<std::int32_t>(); }

TEST(Int32, ToFloat) {
  std::mt19937 random(2);
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::int32_t> lanes(width);
    std::vector<float> floats(width);
    for (std::int32_t& v : lanes) v = number(random);
    simd::store(floats.data(), simd::to_float<A>(simd::load<A>(lanes.data())));
    for (int i = 0; i < width; ++i) {
      ASSERT_EQ(floats[static_cast<std::size_t>(i)], static_cast<float>(lanes[static_cast<std::size_t>(i)])) << "lane " << i;
    }
  }
}

/// A multiplier of any shift that requantization meets; some are 0.
Multiplier multiplier(std::mt19937& random, int shift) {
  const std::uint32_t mantissa = random() % 16 == 0 ? 0x7fffffffu : (1u << 30) | (static_cast<std::uint32_t>(random()) >> 2);
  return random() % 16 == 0 ? Multiplier{} : Multiplier{static_cast<std::int32_t>(mantissa), shift};
}

TEST(Int32, MultipliesEveryLaneAlike) {
  std::mt19937 random(3);
  for (int shift = -31; shift <= 30; ++shift) {
    for (int round = 0; round < 300; ++round) {
      const Multiplier by = multiplier(random, shift);
      std::vector<std::int32_t> x(width), y(width);
      for (std::int32_t& v : x) v = number(random);
      simd::store(y.data(), simd::multiply<A>(simd::load<A>(x.data()), simd::LaneMultipliers<A>::broadcast(by)));
      for (int i = 0; i < width; ++i) {
        const std::int32_t lane = x[static_cast<std::size_t>(i)];
        ASSERT_EQ(y[static_cast<std::size_t>(i)], tfl::multiply(lane, by))
            << lane << " * " << by.mantissa << " * 2^" << by.shift << " in lane " << i;
      }
    }
  }
}

TEST(Int32, MultipliesEachLaneByItsOwn) {
  std::mt19937 random(4);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<Multiplier> by;
    std::vector<std::int32_t> x(width), y(width);
    for (int i = 0; i < width; ++i) by.push_back(multiplier(random, static_cast<int>(random() % 62) - 31));
    for (std::int32_t& v : x) v = number(random);
    simd::store(y.data(), simd::multiply<A>(simd::load<A>(x.data()), simd::LaneMultipliers<A>::load(by.data())));
    for (int i = 0; i < width; ++i) {
      const auto lane = static_cast<std::size_t>(i);
      ASSERT_EQ(y[lane], tfl::multiply(x[lane], by[lane]))
          << x[lane] << " * " << by[lane].mantissa << " * 2^" << by[lane].shift << " in lane " << i;
    }
  }
}

TEST(Int32, HalvesGoAwayFromZero) {
  // Every number around every half, at each shift.
  for (int shift = 1; shift <= 31; ++shift) {
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    std::vector<std::int32_t> x, y(width);
    for (const std::int64_t k : {-3, -1, 1, 3}) {
      for (int d = -1; d <= 1; ++d) {
        const std::int64_t v = k * half + d;
        x.push_back(v < lowest || v > highest ? 0 : static_cast<std::int32_t>(v));
      }
    }
    while (x.size() % width != 0) x.push_back(0);
    const simd::Int32<A> by(shift);
    for (std::size_t first = 0; first < x.size(); first += width) {
      simd::store(y.data(), simd::Int32Ops<A>::rounding_shift_right(simd::load<A>(x.data() + first), by));
      for (int i = 0; i < width; ++i) {
        ASSERT_EQ(y[static_cast<std::size_t>(i)], tfl::rounding_divide_by_power_of_two(x[first + static_cast<std::size_t>(i)], shift))
            << x[first + static_cast<std::size_t>(i)] << " / 2^" << shift;
      }
    }
  }
}

}  // namespace
