// Reductions against plain loops over every element, with all their axes, types and errors.

#include "tfl/kernels/reduce.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(20);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

auto keeping(bool keep_dims) {
  return [keep_dims](auto& tables) { return tfl::schema::CreateReducerOptions(tables, keep_dims); };
}

/// A random shape, some of its axes (negative or twice now and then), and for each element the output that it goes to.
struct Problem {
  Dims shape, axes, output;
  bool keep_dims = false;
  std::vector<std::size_t> target;
  std::size_t outputs = 1;

  static Problem random() {
    Problem p;
    const int rank = random_int(1, 5);
    for (int i = 0; i < rank; ++i) p.shape.push_back(random_int(0, 3) == 0 ? 1 : random_int(1, rank <= 2 ? 150 : 9));
    if (random_int(0, 2) == 0) p.shape.back() = random_int(1, 90);
    p.keep_dims = random_int(0, 1) == 1;
    std::vector<bool> reduced(p.shape.size());
    for (int i = 0; i < rank; ++i) {
      if (random_int(0, 1) == 0) continue;
      reduced[static_cast<std::size_t>(i)] = true;
      p.axes.push_back(random_int(0, 1) == 0 ? i : i - rank);
      if (random_int(0, 5) == 0) p.axes.push_back(i);
    }
    std::shuffle(p.axes.begin(), p.axes.end(), random_engine);
    p.finish(reduced);
    return p;
  }
  void finish(const std::vector<bool>& reduced) {
    std::size_t count = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      count *= static_cast<std::size_t>(shape[i]);
      if (!reduced[i]) outputs *= static_cast<std::size_t>(shape[i]);
      if (!reduced[i] || keep_dims) output.push_back(reduced[i] ? 1 : shape[i]);
    }
    for (std::size_t e = 0; e < count; ++e) {
      std::size_t rest = e, place = 0, stride = 1;
      for (std::size_t i = shape.size(); i-- > 0;) {
        const auto extent = static_cast<std::size_t>(shape[i]);
        if (!reduced[i]) {
          place += rest % extent * stride;
          stride *= extent;
        }
        rest /= extent;
      }
      target.push_back(place);
    }
  }
  std::int64_t elements() const { return static_cast<std::int64_t>(target.size() / outputs); }
  template <class T> std::vector<T> random_values(double least, double most) const {
    std::vector<T> values(target.size());
    std::uniform_real_distribution<double> any(least, most);
    for (T& v : values) v = static_cast<T>(any(random_engine));
    return values;
  }
  /// Folds the inputs of each output in the order of memory.
  template <class Acc, class T, class F> std::vector<Acc> folded(const std::vector<T>& values, Acc start, F f) const {
    std::vector<Acc> result(outputs, start);
    for (std::size_t i = 0; i < values.size(); ++i) result[target[i]] = f(result[target[i]], values[i]);
    return result;
  }
  std::string text() const {
    std::string s = "shape";
    for (auto d : shape) s += " " + std::to_string(d);
    s += ", axes";
    for (auto a : axes) s += " " + std::to_string(a);
    return s;
  }
};

template <class Op, class T, class F>
void check(double least, double most, F expected, tfl::QuantizationSpec in = {}, tfl::QuantizationSpec out = {}) {
  for (int round = 0; round < 25; ++round) {
    const Problem p = Problem::random();
    SCOPED_TRACE(p.text());
    const std::vector<T> values = p.random_values<T>(least, most);
    SingleOp<Op> op;
    op.template input<T>(p.shape, values, in);
    const bool known_late = round % 5 == 0;
    if (known_late) {
      op.template input<std::int32_t>({static_cast<std::int32_t>(p.axes.size())}, p.axes);
    } else {
      op.template constant<std::int32_t>({static_cast<std::int32_t>(p.axes.size())}, p.axes);
    }
    op.template output<T>(out);
    op.options(keeping(p.keep_dims));
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(p.output));
    const std::vector<T> wanted = expected(p, values), got = op.template values<T>();
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      if constexpr (std::is_same_v<T, float>) {
        ASSERT_NEAR(got[i], wanted[i], 1e-5f * std::abs(wanted[i]) + 1e-5f) << "element " << i;
      } else {
        ASSERT_EQ(std::int64_t{got[i]}, std::int64_t{wanted[i]}) << "element " << i;
      }
    }
  }
}

template <class T> std::vector<T> narrowed(const std::vector<std::uint64_t>& wide) {
  std::vector<T> result;
  for (const std::uint64_t w : wide) result.push_back(static_cast<T>(w));
  return result;
}
template <class T> std::vector<T> plain_sum(const Problem& p, const std::vector<T>& values) {
  if constexpr (std::is_same_v<T, float>) {
    const auto sums = p.folded(values, 0.0, [](double a, float x) { return a + x; });
    return {sums.begin(), sums.end()};
  } else {
    return narrowed<T>(p.folded(values, std::uint64_t{0}, [](std::uint64_t a, T x) { return a + static_cast<std::uint64_t>(x); }));
  }
}

TEST(Sum, AddsOverAnyAxes) {
  check<tfl::Sum, float>(-10, 10, plain_sum<float>);
  check<tfl::Sum, std::int32_t>(-2e9, 2e9, plain_sum<std::int32_t>);
  check<tfl::Sum, std::int64_t>(-9e18, 9e18, plain_sum<std::int64_t>);
  check<tfl::Sum, std::int8_t>(-128, 127, plain_sum<std::int8_t>);
  check<tfl::Sum, std::int16_t>(-32768, 32767, plain_sum<std::int16_t>);
}

template <class T> void check_rescaled_sum(float in_scale, int in_zero, float out_scale, int out_zero) {
  const auto expected = [=](const Problem& p, const std::vector<T>& values) {
    std::vector<T> result;
    for (const std::int32_t sum : p.folded(values, 0, [](std::int32_t a, T x) { return a + x; })) {
      const float scale = in_scale / out_scale;
      volatile float product = static_cast<float>(sum) * scale;
      const float bias = static_cast<float>(-in_zero) * scale * static_cast<float>(p.elements());
      const float whole = std::round(product + bias) + static_cast<float>(out_zero);
      result.push_back(static_cast<T>(std::clamp<float>(whole, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())));
    }
    return result;
  };
  check<tfl::Sum, T>(std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), expected,
                     {.scales = {in_scale}, .zero_points = {in_zero}}, {.scales = {out_scale}, .zero_points = {out_zero}});
}
TEST(Sum, RescalesQuantizedIntegers) {
  check_rescaled_sum<std::int8_t>(0.5f, -3, 7.25f, 11);
  check_rescaled_sum<std::uint8_t>(0.02f, 120, 0.31f, 131);
  check_rescaled_sum<std::uint8_t>(0.02f, 182, 0.02f, 182);  // equal scales: the zero point still counts once
}

TEST(Mean, DividesTheSum) {
  check<tfl::Mean, float>(-10, 10, [](const Problem& p, const std::vector<float>& values) {
    std::vector<float> result;
    for (const double sum : p.folded(values, 0.0, [](double a, float x) { return a + x; })) {
      result.push_back(static_cast<float>(sum / static_cast<double>(p.elements())));
    }
    return result;
  });
  const auto truncated = [](const Problem& p, const auto& values) {
    auto result = values;
    result.clear();
    for (const std::int64_t sum : p.folded(values, std::int64_t{0}, [](std::int64_t a, std::int64_t x) { return a + x; })) {
      result.push_back(static_cast<typename std::remove_cvref_t<decltype(values)>::value_type>(sum / p.elements()));
    }
    return result;
  };
  check<tfl::Mean, std::int32_t>(-2e9, 2e9, truncated);
  check<tfl::Mean, std::int64_t>(-1e12, 1e12, truncated);
}

template <class T> void check_quantized_mean(float in_scale, int in_zero, float out_scale, int out_zero) {
  const auto expected = [=](const Problem& p, const std::vector<T>& values) {
    const std::int64_t n = p.elements();
    const tfl::Multiplier m = tfl::quantize_multiplier(double{in_scale} / double{out_scale});
    const int bits = std::min({63 - std::countl_zero(static_cast<std::uint64_t>(n)), 32, 31 + m.shift});
    const tfl::Multiplier by{static_cast<std::int32_t>((std::int64_t{m.mantissa} << bits) / n), m.shift - bits};
    std::vector<T> result;
    for (const std::int64_t sum : p.folded(values, std::int64_t{0}, [](std::int64_t a, T x) { return a + x; })) {
      const int q = tfl::multiply(static_cast<std::int32_t>(sum - n * in_zero), by) + out_zero;
      const double real = static_cast<double>(sum - n * in_zero) / static_cast<double>(n) * in_scale / out_scale + out_zero;
      EXPECT_NEAR(q, real, 0.75);
      result.push_back(static_cast<T>(std::clamp<int>(q, std::numeric_limits<T>::min(), std::numeric_limits<T>::max())));
    }
    return result;
  };
  check<tfl::Mean, T>(std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), expected,
                      {.scales = {in_scale}, .zero_points = {in_zero}}, {.scales = {out_scale}, .zero_points = {out_zero}});
}
TEST(Mean, RequantizesInFixedPoint) {
  check_quantized_mean<std::int8_t>(0.5f, -3, 0.25f, 11);
  check_quantized_mean<std::int8_t>(0.1f, 5, 0.1f, 5);
  check_quantized_mean<std::uint8_t>(0.02f, 120, 0.031f, 131);
  check_quantized_mean<std::int16_t>(0.001f, 0, 0.0013f, 0);
}

template <class T> void check_extremes(double least, double most, tfl::QuantizationSpec q = {}) {
  check<tfl::ReduceMax, T>(
      least, most,
      [](const Problem& p, const std::vector<T>& values) {
        return p.folded(values, std::numeric_limits<T>::lowest(), [](T a, T x) { return std::max(a, x); });
      },
      q, q);
  check<tfl::ReduceMin, T>(
      least, most,
      [](const Problem& p, const std::vector<T>& values) {
        return p.folded(values, std::numeric_limits<T>::max(), [](T a, T x) { return std::min(a, x); });
      },
      q, q);
}
TEST(ReduceMaxMin, FindTheExtremes) {
  check_extremes<float>(-10, 10);
  check_extremes<std::int8_t>(-128, 127, {.scales = {0.5f}, .zero_points = {3}});
  check_extremes<std::uint8_t>(0, 255, {.scales = {0.5f}, .zero_points = {3}});
  check_extremes<std::int16_t>(-32768, 32767);
  check_extremes<std::int32_t>(-2e9, 2e9);
  check_extremes<std::int64_t>(-9e18, 9e18);
}

TEST(ReduceProd, Multiplies) {
  check<tfl::ReduceProd, float>(0.97, 1.03, [](const Problem& p, const std::vector<float>& values) {
    const auto products = p.folded(values, 1.0, [](double a, float x) { return a * x; });
    return std::vector<float>(products.begin(), products.end());
  });
  const auto wrapped = []<class T>(const Problem& p, const std::vector<T>& values) {
    return narrowed<T>(p.folded(values, std::uint64_t{1}, [](std::uint64_t a, T x) { return a * static_cast<std::uint64_t>(x); }));
  };
  check<tfl::ReduceProd, std::int32_t>(-9, 9, wrapped);
  check<tfl::ReduceProd, std::int64_t>(-9, 9, wrapped);
  check<tfl::ReduceProd, std::int16_t>(-9, 9, wrapped);
  check<tfl::ReduceProd, std::uint8_t>(0, 9, wrapped);
}

TEST(ReduceProd, RescalesFactorByFactor) {
  const auto expected = [](const Problem& p, const std::vector<std::int8_t>& values) {
    const double scale = double{0.02f} / std::pow(double{0.03f}, 1.0 / static_cast<double>(p.elements()));
    const tfl::Multiplier by = tfl::quantize_multiplier(scale);
    std::vector<int> seen(p.outputs, 0), product(p.outputs);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t o = p.target[i];
      const int factor = values[i] - 4;
      product[o] = seen[o]++ == 0 ? factor : tfl::multiply(std::int64_t{product[o]} * factor, by);
    }
    std::vector<std::int8_t> result;
    for (const int x : product) result.push_back(static_cast<std::int8_t>(std::clamp(tfl::multiply(std::int64_t{x}, by) - 7, -128, 127)));
    return result;
  };
  check<tfl::ReduceProd, std::int8_t>(-128, 127, expected, {.scales = {0.02f}, .zero_points = {4}},
                                      {.scales = {0.03f}, .zero_points = {-7}});
}

TEST(ReduceAnyAll, AreTrueForEveryByteButZero) {
  for (int round = 0; round < 25; ++round) {
    const Problem p = Problem::random();
    SCOPED_TRACE(p.text());
    std::vector<tfl::Boolean> values(p.target.size());
    const int density = random_int(0, 1) == 0 ? 1 : 50;
    for (auto& v : values) {
      const bool rare = random_int(0, density) == 0;
      v.byte = static_cast<std::uint8_t>(rare == (density == 1) ? random_int(1, 255) : 0);
    }
    const auto run = [&](auto op, bool any) {
      op.template input<tfl::Boolean>(p.shape, values);
      op.template constant<std::int32_t>({static_cast<std::int32_t>(p.axes.size())}, p.axes);
      op.template output<tfl::Boolean>();
      op.options(keeping(p.keep_dims));
      ASSERT_EQ(op.run(), "");
      const auto wanted = p.folded(values, int{!any}, [&](int a, tfl::Boolean x) { return any ? (a | int{x}) : (a & int{x}); });
      const auto got = op.template values<std::uint8_t>();
      ASSERT_EQ(std::vector<int>(got.begin(), got.end()), wanted);
    };
    run(SingleOp<tfl::ReduceAny>(), true);
    run(SingleOp<tfl::ReduceAll>(), false);
  }
}

TEST(Reduce, ScalarsAndEmptyInputs) {
  SingleOp<tfl::ReduceMax> scalar;
  scalar.input<float>({}, {3});
  scalar.constant<std::int32_t>({1}, {0});
  scalar.output<float>();
  ASSERT_EQ(scalar.run(), "");
  EXPECT_EQ(scalar.values<float>(), std::vector<float>{3});
  EXPECT_EQ(scalar.shape(), tfl::Shape{});

  SingleOp<tfl::Sum> sum;
  sum.input<float>({2, 0}, {});
  sum.constant<std::int32_t>({1}, {1});
  sum.output<float>();
  ASSERT_EQ(sum.run(), "");
  EXPECT_EQ(sum.values<float>(), (std::vector<float>{0, 0}));

  SingleOp<tfl::Mean> mean;
  mean.input<float>({2, 0}, {});
  mean.constant<std::int32_t>({1}, {1});
  mean.output<float>();
  ASSERT_EQ(mean.run(), "");
  EXPECT_TRUE(std::isnan(mean.values<float>()[0]));
}

TEST(Reduce, NanIsPassedOver) {
  std::vector<float> values(70, 1.0f);
  values[3] = values[69] = std::numeric_limits<float>::quiet_NaN();
  values[40] = 7;
  SingleOp<tfl::ReduceMax> op;
  op.input<float>({70}, values);
  op.constant<std::int32_t>({1}, {0});
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<float>(), std::vector<float>{7});
}

TEST(Reduce, SaysWhatIsWrong) {
  {
    SingleOp<tfl::Sum> op;
    op.input<float>({2, 3}, std::vector<float>(6));
    op.constant<std::int32_t>({1}, {2});
    op.output<float>();
    EXPECT_THAT(op.run(), HasSubstr("lists axis 2, which an input of 2 dimensions does not have"));
  }
  {
    SingleOp<tfl::Sum> op;
    op.input<float>({2, 3}, std::vector<float>(6));
    op.input<std::int32_t>({1}, {-3});
    op.output<float>();
    EXPECT_THAT(op.run(), HasSubstr("lists axis -3"));
  }
  {
    SingleOp<tfl::Sum> op;
    op.input<float>({2, 3}, std::vector<float>(6));
    op.constant<std::int64_t>({1}, {1});
    op.output<float>();
    EXPECT_THAT(op.run(), HasSubstr("must be int32"));
  }
  {
    SingleOp<tfl::Sum> op;
    op.input<float>({2, 3}, std::vector<float>(6));
    op.constant<std::int32_t>({1}, {1});
    op.output<std::int32_t>();
    EXPECT_THAT(op.run(), HasSubstr("must have the type of input 0"));
  }
  {
    SingleOp<tfl::Mean> op;
    op.input<std::int8_t>({2}, {1, 2});
    op.constant<std::int32_t>({1}, {0});
    op.output<std::int8_t>({.scales = {1.0f}, .zero_points = {0}});
    EXPECT_THAT(op.run(), HasSubstr("must have a positive scale"));
  }
  {
    SingleOp<tfl::Mean> op;
    op.input<std::int16_t>({2}, {1, 2}, {.scales = {1.0f}, .zero_points = {1}});
    op.constant<std::int32_t>({1}, {0});
    op.output<std::int16_t>({.scales = {1.0f}, .zero_points = {0}});
    EXPECT_THAT(op.run(), HasSubstr("must have the zero point 0, not 1"));
  }
  {
    SingleOp<tfl::ReduceMax> op;
    op.input<std::int8_t>({2}, {1, 2}, {.scales = {1.0f}, .zero_points = {0}});
    op.constant<std::int32_t>({1}, {0});
    op.output<std::int8_t>({.scales = {2.0f}, .zero_points = {0}});
    EXPECT_THAT(op.run(), HasSubstr("must have the scale and zero point of input 0"));
  }
  {
    SingleOp<tfl::ReduceProd> op;
    op.input<std::uint8_t>({2}, {1, 2}, {.scales = {1.0f}, .zero_points = {0}});
    op.constant<std::int32_t>({1}, {0});
    op.output<std::uint8_t>({.scales = {1.0f}, .zero_points = {0}});
    EXPECT_THAT(op.run(), HasSubstr("must not be quantized as uint8"));
  }
  {
    SingleOp<tfl::ReduceProd> op;
    op.input<std::int8_t>({2}, {1, 2}, {.scales = {1000.0f}, .zero_points = {0}});
    op.constant<std::int32_t>({1}, {0});
    op.output<std::int8_t>({.scales = {1.0f}, .zero_points = {0}});
    EXPECT_THAT(op.run(), HasSubstr("too small a scale"));
  }
}

}  // namespace
