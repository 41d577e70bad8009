// archs: all
// Columns side by side, and the sums that go with them, against plain loops.

#include "tfl/linalg/interleave.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

#include "tfl/simd/byte_sums.hpp"

namespace {

using A = tfl::simd::NativeArch;

template <int Unit, std::uint8_t Flip> void interleaves() {
  std::mt19937 random(1);
  constexpr std::byte untouched{0xa5};
  for (const int width : {1, 4, 8, 16, 32}) {
    for (const int exist : {1, width / 2, width - 1, width}) {
      if (exist < 1) continue;
      for (const int bytes : {0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 64, 67, 130}) {
        const int stride = bytes + static_cast<int>(random() % 5), units = (bytes + Unit - 1) / Unit;
        // The last column ends where the memory ends.
        std::vector<std::byte> columns(static_cast<std::size_t>((exist - 1) * stride + bytes));
        for (std::byte& b : columns) b = static_cast<std::byte>(random());
        std::vector<std::byte> to(static_cast<std::size_t>(units * width * Unit + 8), untouched);
        tfl::linalg::interleave_columns<A, Unit, Flip>(columns.data(), stride, exist, width, bytes, to.data());
        for (int u = 0; u < units; ++u) {
          for (int n = 0; n < width; ++n) {
            for (int d = 0; d < Unit; ++d) {
              const bool inside = n < exist && u * Unit + d < bytes;
              const std::byte expected =
                  inside ? columns[static_cast<std::size_t>(n * stride + u * Unit + d)] ^ std::byte{Flip} : std::byte{0};
              ASSERT_EQ(to[static_cast<std::size_t>((u * width + n) * Unit + d)], expected)
                  << exist << " of " << width << " columns of " << bytes << " bytes: unit " << u << " of column " << n;
            }
          }
        }
        for (std::size_t i = to.size() - 8; i < to.size(); ++i) ASSERT_EQ(to[i], untouched);
      }
    }
  }
}

TEST(Interleave, UnitsOfEverySize) {
  interleaves<1, 0>();
  interleaves<2, 0>();
  interleaves<4, 0>();
  interleaves<8, 0>();
}
TEST(Interleave, FlipsBits) {
  interleaves<2, 128>();
  interleaves<4, 128>();
}

template <class T> void sums(int lowest) {
  std::mt19937 random(2);
  for (const int count : {0, 1, 7, 15, 16, 17, 63, 64, 65, 200, 1000}) {
    for (const int zero : {lowest, lowest + 1, lowest + 128, lowest + 255}) {
      std::vector<T> x(static_cast<std::size_t>(count));
      for (T& v : x) v = static_cast<T>(random() % 4 == 0 ? lowest + 255 * static_cast<int>(random() % 2) : static_cast<int>(random()));
      std::int64_t sum = 0, absolute = 0;
      for (const T v : x) {
        sum += v - zero;
        absolute += std::abs(v - zero);
      }
      const tfl::simd::ByteSums result = tfl::simd::sums_around<A>(x.data(), count, zero);
      ASSERT_EQ(result.sum, sum) << count << " bytes around " << zero;
      ASSERT_EQ(result.absolute, absolute) << count << " bytes around " << zero;
    }
  }
}

TEST(ByteSums, AreExact) {
  sums<std::int8_t>(-128);
  sums<std::uint8_t>(0);
}

}  // namespace
