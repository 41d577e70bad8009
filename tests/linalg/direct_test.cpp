// archs: all
// Products on weights in the model's own order, against plain loops.

#include "tfl/linalg/direct.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using A = tfl::simd::NativeArch;

/// Windows of 2 x 2 runs, as a convolution has them; runs of every length around a vector's.
template <class T> void products(std::int32_t x_zero, std::int32_t w_zero) {
  std::mt19937 random(1);
  for (const int length : {1, 3, 4, 8, 15, 16, 17, 31, 32, 33, 64, 65, 100, 300}) {
    for (const int count : {1, 4, 6}) {
      // The last weight and the last element end where their memory ends.
      const int step = 4 * length, x_inner = length + 2, x_outer = 3 * length + 5;
      std::vector<T> x(static_cast<std::size_t>(x_outer + x_inner + length)), w(static_cast<std::size_t>(count * step));
      for (T& v : x) v = static_cast<T>(random() % 3 == 0 ? x_zero - 255 : static_cast<int>(random()));
      for (T& v : w) v = static_cast<T>(random());
      tfl::linalg::Runs<T> runs{x.data(), 0};
      runs.outer = runs.inner = 2;
      runs.length = length;
      runs.x_outer = x_outer;
      runs.x_inner = x_inner;
      runs.weight_outer = 2 * length;
      runs.weight_inner = length;
      int seen = 0;
      tfl::linalg::for_each_product<A>(runs, w.data(), std::int64_t{step}, std::int64_t{count}, x_zero, w_zero,
                                       [&](std::int64_t n, std::int32_t sum) {
                                         std::int32_t expected = 0;
                                         for (int i = 0; i < 2; ++i) {
                                           for (int j = 0; j < 2; ++j) {
                                             for (int k = 0; k < length; ++k) {
                                               const int weight = w[static_cast<std::size_t>(n * step + (2 * i + j) * length + k)] - w_zero;
                                               expected += (x[static_cast<std::size_t>(i * x_outer + j * x_inner + k)] - x_zero) * weight;
                                             }
                                           }
                                         }
                                         EXPECT_EQ(n, seen++);
                                         ASSERT_EQ(sum, expected) << "column " << n << " of runs of " << length;
                                       });
      ASSERT_EQ(seen, count);
    }
  }
}

TEST(Direct, SignedBytes) {
  products<std::int8_t>(0, 0);
  products<std::int8_t>(-128, 0);
  products<std::int8_t>(127, -128);
}
TEST(Direct, UnsignedBytes) {
  products<std::uint8_t>(0, 255);
  products<std::uint8_t>(255, 0);
  products<std::uint8_t>(128, 131);
}

}  // namespace
