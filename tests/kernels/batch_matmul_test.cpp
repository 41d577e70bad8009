// BATCH_MATMUL against three loops: all types, both transpositions, broadcasting, shapes around the vector widths.

#include "tfl/kernels/batch_matmul.hpp"

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
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;
using Op = SingleOp<tfl::BatchMatMul>;

std::mt19937 engine(51);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(engine); }
std::size_t count_of(const Dims& dims) {
  std::size_t n = 1;
  for (const std::int32_t d : dims) n *= static_cast<std::size_t>(d);
  return n;
}
template <class T> std::vector<T> random_values(const Dims& dims) {
  std::vector<T> values(count_of(dims));
  for (T& v : values) {
    if constexpr (std::is_same_v<T, float>) {
      v = static_cast<float>(random_int(-1000, 1000)) / 500;
    } else {
      v = static_cast<T>(random_int(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    }
  }
  return values;
}

struct Case {
  Dims x, y, output;
  int rows, depth, columns;
  bool adj_x, adj_y;
  std::string text() const {
    return std::to_string(rows) + "x" + std::to_string(depth) + "x" + std::to_string(columns) + (adj_x ? " adj_x" : "") +
           (adj_y ? " adj_y" : "");
  }
};
Case random_case() {
  Case c;
  c.rows = random_int(1, 20);
  c.depth = random_int(0, 3) == 0 ? random_int(1, 3) : random_int(1, 70);
  c.columns = random_int(1, 75);
  c.adj_x = random_int(0, 1) == 0;
  c.adj_y = random_int(0, 1) == 0;
  const int leading = random_int(0, 3);
  int x_skipped = 0, y_skipped = 0;  // leading dimensions that one side lacks
  if (random_int(0, 2) == 0) (random_int(0, 1) == 0 ? x_skipped : y_skipped) = random_int(0, leading);
  for (int i = 0; i < leading; ++i) {
    const int extent = random_int(1, 3), kind = random_int(0, 4);
    const int a = kind == 0 ? 1 : extent, b = kind == 1 ? 1 : extent;
    if (i >= x_skipped) c.x.push_back(a);
    if (i >= y_skipped) c.y.push_back(b);
    c.output.push_back(std::max(i >= x_skipped ? a : 1, i >= y_skipped ? b : 1));
  }
  c.x.insert(c.x.end(), {c.adj_x ? c.depth : c.rows, c.adj_x ? c.rows : c.depth});
  c.y.insert(c.y.end(), {c.adj_y ? c.columns : c.depth, c.adj_y ? c.depth : c.columns});
  c.output.insert(c.output.end(), {c.rows, c.columns});
  return c;
}

/// Calls visit(output index, row of x counted over all matrices, sum) for every output.
template <class Sum, class T, class U, class Visit>
void multiply(const Case& c, const std::vector<T>& x, int x_zero, const std::vector<U>& y, int y_zero, Visit visit) {
  const std::size_t rank = c.output.size();
  std::size_t batches = 1;
  for (std::size_t i = 0; i + 2 < rank; ++i) batches *= static_cast<std::size_t>(c.output[i]);
  const auto matrix_of = [&](const Dims& dims, std::size_t batch) {
    std::size_t at = 0, step = 1;
    for (std::size_t i = rank - 2; i-- > 0;) {
      const auto extent = static_cast<std::size_t>(c.output[i]);
      const std::size_t missing = rank - dims.size();
      if (i >= missing) {
        const auto own = static_cast<std::size_t>(dims[i - missing]);
        if (own != 1) at += batch % extent * step;
        step *= own;
      }
      batch /= extent;
    }
    return at;
  };
  const auto m = static_cast<std::size_t>(c.rows), k = static_cast<std::size_t>(c.depth), n = static_cast<std::size_t>(c.columns);
  std::size_t index = 0;
  for (std::size_t b = 0; b < batches; ++b) {
    const std::size_t x0 = matrix_of(c.x, b) * m * k, y0 = matrix_of(c.y, b) * k * n;
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t j = 0; j < n; ++j, ++index) {
        Sum sum = 0;
        for (std::size_t l = 0; l < k; ++l) {
          sum += (Sum(x[x0 + (c.adj_x ? l * m + i : i * k + l)]) - Sum(x_zero)) *
                 (Sum(y[y0 + (c.adj_y ? j * k + l : l * n + j)]) - Sum(y_zero));
        }
        visit(index, j, sum);
      }
    }
  }
}

auto options(const Case& c, bool asymmetric = false) {
  return [c, asymmetric](auto& tables) { return tfl::schema::CreateBatchMatMulOptions(tables, c.adj_x, c.adj_y, asymmetric); };
}
tfl::Shape shape_of(const Dims& dims) { return tfl::Shape::from(dims); }

TEST(BatchMatMul, Float) {
  for (int round = 0; round < 150; ++round) {
    const Case c = random_case();
    SCOPED_TRACE(c.text());
    const auto x = random_values<float>(c.x), y = random_values<float>(c.y);
    Op op;
    op.input<float>(c.x, x);
    op.input<float>(c.y, y);
    op.output<float>();
    op.options(options(c));
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), shape_of(c.output));
    const auto actual = op.values<float>();
    multiply<double>(c, x, 0, y, 0, [&](std::size_t i, std::size_t, double sum) { ASSERT_NEAR(actual[i], sum, 1e-4) << i; });
  }
}

template <class T, class U> void check_quantized(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const Case c = random_case();
    SCOPED_TRACE(c.text());
    const bool wide = std::is_same_v<T, std::int16_t>;
    const int x_zero = wide ? 0 : random_int(-128, 127), y_zero = wide ? 0 : random_int(-128, 127), zero = wide ? 0 : random_int(-20, 20);
    const auto x = random_values<T>(c.x);
    const auto y = random_values<U>(c.y);
    const float x_scale = 0.037f, y_scale = sizeof(U) == 2 ? 0.0001f : 0.011f, scale = wide ? 0.43f : 1.1f;
    Op op;
    op.input<T>(c.x, x, {{x_scale}, {x_zero}});
    op.constant<U>(c.y, y, {{y_scale}, {y_zero}});
    op.output<T>({{scale}, {zero}});
    op.options(options(c));
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<T>();
    const tfl::Multiplier by = tfl::quantize_multiplier(double{x_scale * y_scale} / double{scale});
    multiply<std::int64_t>(c, x, x_zero, y, y_zero, [&](std::size_t i, std::size_t, std::int64_t sum) {
      const int scaled = wide ? tfl::multiply(sum, by) : tfl::multiply(static_cast<std::int32_t>(sum), by);
      ASSERT_EQ(int{actual[i]}, std::clamp(scaled + zero, int{std::numeric_limits<T>::min()}, int{std::numeric_limits<T>::max()})) << i;
    });
  }
}
TEST(BatchMatMul, Int8) { check_quantized<std::int8_t, std::int8_t>(150); }
TEST(BatchMatMul, Int16Int8) { check_quantized<std::int16_t, std::int8_t>(80); }
TEST(BatchMatMul, Int16) { check_quantized<std::int16_t, std::int16_t>(80); }

TEST(BatchMatMul, Int16SumsPassThirtyTwoBits) {
  Op op;
  op.input<std::int16_t>({1, 2000}, std::vector<std::int16_t>(2000, -32768), {{1.0f}, {0}});
  op.constant<std::int8_t>({2000, 1}, std::vector<std::int8_t>(2000, -128), {{1.0f}, {0}});
  op.output<std::int16_t>({{0x1p20f}, {0}});
  op.options(options({}));
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int16_t>(), std::vector<std::int16_t>(1, 8000));
}

TEST(BatchMatMul, Int8IntoInt32) {
  const Case c{.x = {3, 5}, .y = {5, 4}, .output = {3, 4}, .rows = 3, .depth = 5, .columns = 4, .adj_x = false, .adj_y = false};
  const auto x = random_values<std::int8_t>(c.x), y = random_values<std::int8_t>(c.y);
  Op op;
  op.input<std::int8_t>(c.x, x, {{1.0f}, {0}});
  op.input<std::int8_t>(c.y, y, {{1.0f}, {0}});
  op.output<std::int32_t>();
  op.options(options(c));
  ASSERT_EQ(op.run(), "");
  const auto actual = op.values<std::int32_t>();
  multiply<std::int64_t>(c, x, 0, y, 0, [&](std::size_t i, std::size_t, std::int64_t sum) { ASSERT_EQ(actual[i], sum) << i; });
}

/// Scales, and zero points that nothing reads, of each of `count` channels along `axis`.
tfl::QuantizationSpec channels(int count, int axis) {
  tfl::QuantizationSpec spec;
  for (int i = 0; i < count; ++i) {
    spec.scales.push_back(0.01f * static_cast<float>(i + 1));
    spec.zero_points.push_back(i);
  }
  spec.quantized_dimension = axis;
  return spec;
}
/// No scale of a whole tensor: the reference kernel multiplies by 0.
template <class T> void check_channels(int zero) {
  for (const int axis : {0, 1}) {
    for (const bool adj_y : {false, true}) {
      for (const bool left : {false, true}) {
        SCOPED_TRACE(testing::Message() << "axis " << axis << (adj_y ? " adj_y" : "") << (left ? " left" : " right"));
        const auto x = random_values<T>({5, 40});
        const auto y = random_values<std::int8_t>({40, 40});
        Op op;
        op.input<T>({5, 40}, x, left ? channels(axis == 0 ? 5 : 40, axis) : tfl::QuantizationSpec{{1.0f}, {0}});
        op.constant<std::int8_t>({40, 40}, y, left ? tfl::QuantizationSpec{{1.0f}, {0}} : channels(40, axis));
        op.output<T>({{0.001f}, {zero}});
        op.options([adj_y](auto& tables) { return tfl::schema::CreateBatchMatMulOptions(tables, false, adj_y, false); });
        ASSERT_EQ(op.run(), "");
        EXPECT_EQ(op.values<T>(), std::vector<T>(5 * 40, static_cast<T>(zero)));
      }
    }
  }
}
TEST(BatchMatMul, Int8ChannelScalesGiveTheZeroPoint) { check_channels<std::int8_t>(-7); }
TEST(BatchMatMul, Int16ChannelScalesGiveZero) { check_channels<std::int16_t>(0); }

TEST(BatchMatMul, Hybrid) {
  for (int round = 0; round < 100; ++round) {
    const Case c = random_case();
    SCOPED_TRACE(c.text());
    const auto x = random_values<float>(c.x);
    const auto y = random_values<std::int8_t>(c.y);
    tfl::QuantizationSpec spec{{0.01f}, {0}};
    if (round % 3 == 0) spec = channels(c.columns, static_cast<int>(c.y.size()) - (c.adj_y ? 2 : 1));
    Op op;
    op.input<float>(c.x, x);
    op.constant<std::int8_t>(c.y, y, spec);
    op.output<float>();
    op.options(options(c, round % 2 == 0));
    ASSERT_EQ(op.run(), "");
    const auto actual = op.values<float>();
    // Half a quantization step, at most 4 / 254, lost in each product of at most 128 * y_scale.
    multiply<double>(c, x, 0, y, 0, [&](std::size_t i, std::size_t column, double sum) {
      const double y_scale{spec.scales[spec.scales.size() > 1 ? column : 0]};
      ASSERT_NEAR(actual[i], sum * y_scale, c.depth * 2.1 / 254 * 128 * y_scale) << i;
    });
  }
}

std::string error_of(const Dims& x, const Dims& y, std::int64_t y_zero = 0) {
  Op op;
  op.input<std::int16_t>(x, std::vector<std::int16_t>(count_of(x)), {{1.0f}, {0}});
  op.input<std::int8_t>(y, std::vector<std::int8_t>(count_of(y)), {{1.0f}, {y_zero}});
  op.output<std::int16_t>({{1.0f}, {0}});
  op.options(options({}));
  return op.run();
}
TEST(BatchMatMul, Errors) {
  EXPECT_EQ(error_of({2, 3}, {3, 4}), "");
  EXPECT_THAT(error_of({3}, {3, 4}), HasSubstr("must have 2 to 8 dimensions, not 1"));
  EXPECT_THAT(error_of({2, 3}, {4, 4}), HasSubstr("as many rows as input 0 has columns: 4 is not 3"));
  EXPECT_THAT(error_of({2, 2, 3}, {3, 3, 4}), HasSubstr("3 is not 2 in dimension 0"));
  EXPECT_THAT(error_of({2, 3}, {3, 4}, 5), HasSubstr("must have the zero point 0 in int16"));
}

}  // namespace
