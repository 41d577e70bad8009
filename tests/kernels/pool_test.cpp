// AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D against loops over windows, for channel counts around the vector widths.

#include "tfl/kernels/pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::schema::ActivationFunctionType;
using tfl::schema::Padding;
using tfl::test::SingleOp;

std::mt19937 engine(41);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(engine); }

struct Case {
  int batches = 1, height = 4, width = 4, channels = 3, filter_h = 2, filter_w = 2, stride_h = 2, stride_w = 2;
  bool same = true;
  ActivationFunctionType activation = ActivationFunctionType::NONE;
  int extent(int input, int filter, int stride) const { return same ? (input + stride - 1) / stride : (input - filter + stride) / stride; }
  int out_h() const { return extent(height, filter_h, stride_h); }
  int out_w() const { return extent(width, filter_w, stride_w); }
};
Case random_case() {
  constexpr int counts[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 130};
  Case c;
  c.batches = random_int(1, 2);
  c.height = random_int(1, 9);
  c.width = random_int(1, 9);
  c.channels = counts[random_int(0, static_cast<int>(std::size(counts)) - 1)];
  c.filter_h = random_int(1, 7);
  c.filter_w = random_int(1, 7);
  c.stride_h = random_int(1, 3);
  c.stride_w = random_int(1, 3);
  c.same = random_int(0, 1) == 0;
  if (random_int(0, 2) == 0) c.activation = ActivationFunctionType::RELU;
  return c;
}
auto options(const Case& c) {
  return [c](auto& tables) {
    return tfl::schema::CreatePool2DOptions(tables, c.same ? Padding::SAME : Padding::VALID, c.stride_w, c.stride_h, c.filter_w, c.filter_h,
                                            c.activation);
  };
}

/// Calls finish(output index, the window's values).
template <class T, class Finish> void pool(const Case& c, const std::vector<T>& input, Finish finish) {
  const int top = std::max(0, (c.out_h() - 1) * c.stride_h + c.filter_h - c.height) / 2;
  const int left = std::max(0, (c.out_w() - 1) * c.stride_w + c.filter_w - c.width) / 2;
  std::size_t index = 0;
  for (int b = 0; b < c.batches; ++b) {
    for (int y = 0; y < c.out_h(); ++y) {
      for (int x = 0; x < c.out_w(); ++x) {
        for (int o = 0; o < c.channels; ++o, ++index) {
          std::vector<T> window;
          for (int iy = y * c.stride_h - top; iy < y * c.stride_h - top + c.filter_h; ++iy) {
            for (int ix = x * c.stride_w - left; ix < x * c.stride_w - left + c.filter_w; ++ix) {
              if (iy < 0 || iy >= c.height || ix < 0 || ix >= c.width) continue;
              window.push_back(input[static_cast<std::size_t>(((b * c.height + iy) * c.width + ix) * c.channels + o)]);
            }
          }
          finish(index, window);
        }
      }
    }
  }
}

template <class Op, class T, class Expected> void check(int rounds, Expected expected) {
  for (int round = 0; round < rounds; ++round) {
    const Case c = random_case();
    if (c.out_h() < 1 || c.out_w() < 1) continue;
    SCOPED_TRACE(std::to_string(c.height) + "x" + std::to_string(c.width) + "x" + std::to_string(c.channels) + " window " +
                 std::to_string(c.filter_h) + "x" + std::to_string(c.filter_w));
    std::vector<T> input(static_cast<std::size_t>(c.batches * c.height * c.width * c.channels));
    for (T& v : input) {
      if constexpr (std::is_same_v<T, float>) {
        v = static_cast<float>(random_int(-1000, 1000)) / 100;
      } else {
        v = static_cast<T>(random_int(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
      }
    }
    const int zero_point = std::is_same_v<T, std::int16_t> || std::is_same_v<T, float> ? 0 : std::is_unsigned_v<T> ? 100 : -10;
    const tfl::QuantizationSpec q = std::is_same_v<T, float> ? tfl::QuantizationSpec{} : tfl::QuantizationSpec{{0.5f}, {zero_point}};
    SingleOp<Op> op;
    op.template input<T>({c.batches, c.height, c.width, c.channels}, input, q);
    op.template output<T>(q);
    op.options(options(c));
    ASSERT_EQ(op.run(), "");
    const auto actual = op.template values<T>();
    ASSERT_EQ(op.shape(), (tfl::Shape{c.batches, c.out_h(), c.out_w(), c.channels}));
    pool(c, input, [&](std::size_t i, const std::vector<T>& window) {
      auto wanted = expected(window);
      if (c.activation == ActivationFunctionType::RELU) wanted = std::max(wanted, static_cast<decltype(wanted)>(zero_point));
      if constexpr (std::is_same_v<T, float>) {
        ASSERT_NEAR(actual[i], wanted, 1e-4) << i;
      } else {
        ASSERT_EQ(std::int64_t{actual[i]}, wanted) << i;
      }
    });
  }
}

const auto rounded_mean = [](const auto& window) {
  std::int64_t sum = 0;
  for (const auto v : window) sum += v;
  const auto n = static_cast<std::int64_t>(window.size());
  return sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n;
};
const auto largest = [](const auto& window) -> std::int64_t { return *std::max_element(window.begin(), window.end()); };

TEST(AveragePool2D, Float) {
  check<tfl::AveragePool2D, float>(60, [](const std::vector<float>& window) {
    double sum = 0;
    for (const float v : window) sum += double{v};
    return sum / static_cast<double>(window.size());
  });
}
TEST(AveragePool2D, Int8) { check<tfl::AveragePool2D, std::int8_t>(100, rounded_mean); }
TEST(AveragePool2D, UInt8) { check<tfl::AveragePool2D, std::uint8_t>(60, rounded_mean); }
TEST(AveragePool2D, Int16) { check<tfl::AveragePool2D, std::int16_t>(60, rounded_mean); }
TEST(MaxPool2D, Float) {
  check<tfl::MaxPool2D, float>(
      60, [](const std::vector<float>& window) -> double { return double{*std::max_element(window.begin(), window.end())}; });
}
TEST(MaxPool2D, Int8) { check<tfl::MaxPool2D, std::int8_t>(100, largest); }
TEST(MaxPool2D, UInt8) { check<tfl::MaxPool2D, std::uint8_t>(60, largest); }
TEST(MaxPool2D, Int16) { check<tfl::MaxPool2D, std::int16_t>(60, largest); }
TEST(L2Pool2D, Float) {
  check<tfl::L2Pool2D, float>(60, [](const std::vector<float>& window) {
    double sum = 0;
    for (const float v : window) sum += double{v} * double{v};
    return std::sqrt(sum / static_cast<double>(window.size()));
  });
}

// Every sum that a window of 3 x 3 numbers can have, and then some: the vector division is exact.
TEST(AveragePool2D, DividesExactly) {
  for (const int size : {1, 2, 3, 5, 7, 11, 31, 57}) {
    const Case c{
        .height = size, .width = size, .channels = 67, .filter_h = size, .filter_w = size, .stride_h = 1, .stride_w = 1, .same = false};
    std::vector<std::int16_t> input(static_cast<std::size_t>(size * size * c.channels));
    for (int o = 0; o < c.channels; ++o) {
      const int extreme = o % 2 == 0 ? -32768 : 32767;
      for (int i = 0; i < size * size; ++i)
        input[static_cast<std::size_t>(i * c.channels + o)] = static_cast<std::int16_t>(i < o ? extreme / (1 + o) : extreme);
    }
    SingleOp<tfl::AveragePool2D> op;
    op.input<std::int16_t>({1, size, size, c.channels}, input, {{1.0f}, {0}});
    op.output<std::int16_t>({{1.0f}, {0}});
    op.options(options(c));
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<std::int16_t>();
    pool(c, input,
         [&](std::size_t i, const std::vector<std::int16_t>& window) { ASSERT_EQ(actual[i], rounded_mean(window)) << size << ' ' << i; });
  }
}

template <class Op> std::string error_of(const Case& c, std::vector<std::int32_t> shape) {
  SingleOp<Op> op;
  std::size_t n = 1;
  for (const std::int32_t d : shape) n *= static_cast<std::size_t>(d);
  op.template input<float>(shape, std::vector<float>(n));
  op.template output<float>();
  op.options(options(c));
  return op.run();
}
TEST(Pool2D, Errors) {
  EXPECT_EQ(error_of<tfl::MaxPool2D>({}, {1, 4, 4, 3}), "");
  EXPECT_THAT(error_of<tfl::MaxPool2D>({}, {4, 4, 3}), HasSubstr("must have 4 dimensions, not 3"));
  EXPECT_THAT(error_of<tfl::MaxPool2D>({.filter_h = 0}, {1, 4, 4, 3}), HasSubstr("windows of at least 1 x 1, not 0 x 2"));
  EXPECT_THAT(error_of<tfl::AveragePool2D>({.stride_w = 0}, {1, 4, 4, 3}), HasSubstr("strides of at least 1"));
  EXPECT_THAT(error_of<tfl::AveragePool2D>({.filter_h = 9, .same = false}, {1, 4, 4, 3}), HasSubstr("smaller than the window"));
  EXPECT_THAT(error_of<tfl::L2Pool2D>({.activation = ActivationFunctionType::TANH}, {1, 4, 4, 3}), HasSubstr("fused activation"));
}

}  // namespace
