// Comparisons, logic and selection against one element at a time.
// archs: last

#include "tfl/kernels/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/logical.hpp"
#include "tfl/kernels/select.hpp"

namespace {

using testing::HasSubstr;
using tfl::Shape;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;
using Bytes = std::vector<std::uint8_t>;

std::mt19937 random_engine(11);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

std::size_t count_of(const Dims& dims) {
  std::size_t n = 1;
  for (const std::int32_t d : dims) n *= static_cast<std::size_t>(d);
  return n;
}
/// Where an input of `dims` has the element that broadcasting puts at `element` of `out`.
std::size_t place(const Dims& dims, const Dims& out, std::size_t element) {
  std::size_t at = 0, stride = 1;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto extent = static_cast<std::size_t>(out[out.size() - 1 - i]);
    if (i < dims.size()) {
      const auto own = static_cast<std::size_t>(dims[dims.size() - 1 - i]);
      if (own != 1) at += element % extent * stride;
      stride *= own;
    }
    element /= extent;
  }
  return at;
}
struct Case {
  Dims a, b, out;
};
/// No broadcasting, scalars on either side, short and long inner axes, both sides stretched.
const std::vector<Case> cases = {
    {{1}, {1}, {1}},
    {{83}, {83}, {83}},
    {{67}, {}, {67}},
    {{}, {67}, {67}},
    {{5, 7, 3}, {3}, {5, 7, 3}},
    {{4, 1, 40}, {4, 6, 40}, {4, 6, 40}},
    {{9, 1}, {1, 33}, {9, 33}},
    {{2, 1, 3, 1, 2, 5}, {4, 1, 3, 2, 1}, {2, 4, 3, 3, 2, 5}},
};

template <class T> std::vector<T> random_values(const Dims& dims, int least, int most) {
  std::vector<T> values(count_of(dims));
  for (T& v : values) v = static_cast<T>(random_int(least, most));
  return values;
}

Bytes bytes_of(const std::vector<tfl::Boolean>& values) {
  Bytes bytes;
  for (const tfl::Boolean v : values) bytes.push_back(v.byte);
  return bytes;
}

/// What an op is to answer about two elements.
using Question = std::function<bool(double, double)>;
/// What it sees of an element.
using Meaning = std::function<double(double)>;

template <class Op, class T>
void check(const Question& question, int least, int most, const Meaning& of_a, const Meaning& of_b, const tfl::QuantizationSpec& qa = {},
           const tfl::QuantizationSpec& qb = {}) {
  for (const Case& c : cases) {
    const auto x = random_values<T>(c.a, least, most), y = random_values<T>(c.b, least, most);
    SingleOp<Op> op;
    op.template input<T>(c.a, x, qa);
    op.template input<T>(c.b, y, qb);
    op.template output<tfl::Boolean>();
    ASSERT_EQ(op.run(), "");
    EXPECT_EQ(op.shape(), Shape::from(c.out));
    Bytes wanted;
    for (std::size_t i = 0; i < count_of(c.out); ++i) {
      const double a = of_a(static_cast<double>(x[place(c.a, c.out, i)])), b = of_b(static_cast<double>(y[place(c.b, c.out, i)]));
      wanted.push_back(question(a, b) ? 1 : 0);
    }
    ASSERT_EQ(bytes_of(op.template values<tfl::Boolean>()), wanted);
  }
}

/// All six questions.
template <class T>
void check_all(int least, int most, const Meaning& of_a, const Meaning& of_b, const tfl::QuantizationSpec& qa = {},
               const tfl::QuantizationSpec& qb = {}) {
  check<tfl::Equal, T>(std::equal_to<>{}, least, most, of_a, of_b, qa, qb);
  check<tfl::NotEqual, T>(std::not_equal_to<>{}, least, most, of_a, of_b, qa, qb);
  check<tfl::Less, T>(std::less<>{}, least, most, of_a, of_b, qa, qb);
  check<tfl::LessEqual, T>(std::less_equal<>{}, least, most, of_a, of_b, qa, qb);
  check<tfl::Greater, T>(std::greater<>{}, least, most, of_a, of_b, qa, qb);
  check<tfl::GreaterEqual, T>(std::greater_equal<>{}, least, most, of_a, of_b, qa, qb);
}
template <class T> void check_plain(int least, int most) {
  const auto same = [](double v) { return v; };
  check_all<T>(least, most, same, same);
}

TEST(Comparison, Numbers) {
  check_plain<float>(-3, 3);
  check_plain<std::int32_t>(-3, 3);
  check_plain<std::int64_t>(-3, 3);
  check_plain<std::int16_t>(-3, 3);
}

/// (v - zero_point) * 256 * scale, rounded to a whole number: half units may fall either way, so that scales here make none.
Meaning scaled(float scale, int zero_point) {
  return [=](double v) { return std::round((v - zero_point) * 256 * static_cast<double>(scale)); };
}
template <class T> void check_scaled(int least, int most, int zero_a, int zero_b) {
  // The second pair has numbers that are equal only because they are close.
  for (const auto& [scale_a, scale_b] : {std::pair{0.37f, 0.7123f}, std::pair{0.00137f, 0.00251f}}) {
    check_all<T>(least, most, scaled(scale_a, zero_a), scaled(scale_b, zero_b), {{scale_a}, {zero_a}}, {{scale_b}, {zero_b}});
  }
}
TEST(Comparison, QuantizedNumbersByTheirRealValues) {
  check_scaled<std::int8_t>(-20, 20, 3, -5);
  check_scaled<std::uint8_t>(100, 140, 120, 127);
}
TEST(Comparison, ScalesAboveOne) {
  SingleOp<tfl::Less> op;
  op.input<std::int8_t>({3}, {10, 100, -100}, {{3000.0f}, {0}});
  op.input<std::int8_t>({3}, {11, 101, -100}, {{3000.0f}, {0}});
  op.output<tfl::Boolean>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(bytes_of(op.values<tfl::Boolean>()), (Bytes{1, 1, 0}));
}
TEST(Comparison, Int16IsScaledInQuestionsOfEqualityOnly) {
  const tfl::QuantizationSpec one{{1.0f / 16}, {0}}, two{{2.0f / 16}, {0}};
  SingleOp<tfl::Equal> equal;
  equal.input<std::int16_t>({2}, {200, 100}, one);
  equal.input<std::int16_t>({2}, {100, 100}, two);
  equal.output<tfl::Boolean>();
  ASSERT_EQ(equal.run(), "");
  EXPECT_EQ(bytes_of(equal.values<tfl::Boolean>()), (Bytes{1, 0}));
  SingleOp<tfl::Less> less;
  less.input<std::int16_t>({2}, {150, 100}, one);
  less.input<std::int16_t>({2}, {100, 101}, two);
  less.output<tfl::Boolean>();
  ASSERT_EQ(less.run(), "");
  EXPECT_EQ(bytes_of(less.values<tfl::Boolean>()), (Bytes{0, 1}));
}

template <class Op> Bytes with_nan() {
  SingleOp<Op> op;
  op.template input<float>({20}, std::vector<float>(20, std::numeric_limits<float>::quiet_NaN()));
  op.template input<float>({}, {1.0f});
  op.template output<tfl::Boolean>();
  EXPECT_EQ(op.run(), "");
  return bytes_of(op.template values<tfl::Boolean>());
}
TEST(Comparison, NotANumberIsUnequalAndInNoOrder) {
  EXPECT_EQ(with_nan<tfl::Equal>(), Bytes(20, 0));
  EXPECT_EQ(with_nan<tfl::NotEqual>(), Bytes(20, 1));
  EXPECT_EQ(with_nan<tfl::Less>(), Bytes(20, 0));
  EXPECT_EQ(with_nan<tfl::LessEqual>(), Bytes(20, 0));
  EXPECT_EQ(with_nan<tfl::Greater>(), Bytes(20, 0));
  EXPECT_EQ(with_nan<tfl::GreaterEqual>(), Bytes(20, 0));
}

/// Booleans of any byte.
template <class Op, class F> void check_booleans(F f) {
  for (const Case& c : cases) {
    const auto any = [](const Dims& dims) {
      std::vector<tfl::Boolean> values(count_of(dims));
      for (auto& v : values) v.byte = static_cast<std::uint8_t>(random_int(0, 1) * random_int(1, 255));
      return values;
    };
    const auto x = any(c.a), y = any(c.b);
    SingleOp<Op> op;
    op.template input<tfl::Boolean>(c.a, x);
    op.template input<tfl::Boolean>(c.b, y);
    op.template output<tfl::Boolean>();
    ASSERT_EQ(op.run(), "");
    Bytes wanted;
    for (std::size_t i = 0; i < count_of(c.out); ++i)
      wanted.push_back(f(bool(x[place(c.a, c.out, i)]), bool(y[place(c.b, c.out, i)])) ? 1 : 0);
    ASSERT_EQ(bytes_of(op.template values<tfl::Boolean>()), wanted);
  }
}
TEST(Logic, EveryByteButZeroIsTrue) {
  check_booleans<tfl::LogicalAnd>([](bool a, bool b) { return a && b; });
  check_booleans<tfl::LogicalOr>([](bool a, bool b) { return a || b; });
  check_booleans<tfl::Equal>([](bool a, bool b) { return a == b; });
  check_booleans<tfl::NotEqual>([](bool a, bool b) { return a != b; });

  std::vector<tfl::Boolean> x(70);
  Bytes wanted;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i].byte = static_cast<std::uint8_t>(i % 3 * 77);
    wanted.push_back(i % 3 == 0 ? 1 : 0);
  }
  SingleOp<tfl::LogicalNot> op;
  op.input<tfl::Boolean>({70}, x);
  op.output<tfl::Boolean>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(bytes_of(op.values<tfl::Boolean>()), wanted);
}

template <class Op, class T>
void check_select(const Dims& c, const Dims& x_dims, const Dims& y_dims, const Dims& out, const Dims& aligned) {
  std::vector<tfl::Boolean> condition(count_of(c));
  for (auto& v : condition) v.byte = static_cast<std::uint8_t>(random_int(0, 1) * 2);
  const auto x = random_values<T>(x_dims, 0, 100), y = random_values<T>(y_dims, 0, 100);
  SingleOp<Op> op;
  op.template input<tfl::Boolean>(c, condition);
  op.template input<T>(x_dims, x);
  op.template input<T>(y_dims, y);
  op.template output<T>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), Shape::from(out));
  std::vector<T> wanted;
  for (std::size_t i = 0; i < count_of(out); ++i) {
    wanted.push_back(condition[place(aligned, out, i)] ? x[place(x_dims, out, i)] : y[place(y_dims, out, i)]);
  }
  ASSERT_EQ(op.template values<T>(), wanted);
}
template <class T> void check_select_shapes() {
  check_select<tfl::Select, T>({4, 50}, {4, 50}, {4, 50}, {4, 50}, {4, 50});
  check_select<tfl::Select, T>({4}, {4, 50}, {4, 50}, {4, 50}, {4, 1});  // one for each row
  check_select<tfl::Select, T>({}, {4, 50}, {4, 50}, {4, 50}, {});
  check_select<tfl::SelectV2, T>({50}, {4, 50}, {4, 1}, {4, 50}, {50});
  check_select<tfl::SelectV2, T>({4, 50}, {}, {}, {4, 50}, {4, 50});
  check_select<tfl::SelectV2, T>({3, 1, 1, 1}, {5, 1, 9}, {2, 1}, {3, 5, 2, 9}, {3, 1, 1, 1});
  check_select<tfl::SelectV2, T>({2, 1}, {}, {3}, {2, 3}, {2, 1});
}
TEST(Select, EverySizeOfElement) {
  check_select_shapes<std::int8_t>();
  check_select_shapes<std::int16_t>();
  check_select_shapes<std::int32_t>();
  check_select_shapes<float>();
  check_select_shapes<std::int64_t>();
}

template <class Op, class T> std::string message(const Dims& a, const Dims& b, const Dims& c = {}) {
  SingleOp<Op> op;
  op.template input<T>(a, std::vector<T>(count_of(a)));
  op.template input<float>(b, std::vector<float>(count_of(b)));
  if (Op::inputs.allows(3)) op.template input<float>(c, std::vector<float>(count_of(c)));
  if (Op::inputs.allows(3)) {
    op.template output<float>();
  } else {
    op.template output<tfl::Boolean>();
  }
  return op.run();
}
TEST(Comparison, Errors) {
  EXPECT_THAT((message<tfl::Less, std::int32_t>({2}, {2})), HasSubstr("must have the type of input 0"));
  EXPECT_THAT((message<tfl::Less, float>({2}, {3})), HasSubstr("does not broadcast"));
  EXPECT_THAT((message<tfl::LogicalOr, tfl::Boolean>({2}, {2})), HasSubstr("input 1 't1' float32[2]: must be bool"));
  EXPECT_THAT((message<tfl::Select, float>({2}, {2}, {2})), HasSubstr("must be bool"));
  EXPECT_THAT((message<tfl::Select, tfl::Boolean>({2}, {2}, {3})), HasSubstr("must have the shape of input 1"));
  EXPECT_THAT((message<tfl::Select, tfl::Boolean>({3}, {2, 3}, {2, 3})), HasSubstr("one dimension, the first of input 1"));
  EXPECT_THAT((message<tfl::SelectV2, tfl::Boolean>({3}, {2, 4}, {2, 3})), HasSubstr("does not broadcast"));

  SingleOp<tfl::Equal> scale;
  scale.input<std::int8_t>({1}, {1});
  scale.input<std::int8_t>({1}, {1});
  scale.output<tfl::Boolean>();
  EXPECT_THAT(scale.run(), HasSubstr("positive scale"));
  SingleOp<tfl::Equal> output;
  output.input<float>({1}, {1});
  output.input<float>({1}, {1});
  output.output<float>();
  EXPECT_THAT(output.run(), HasSubstr("must be bool"));
}

TEST(Compare, Halves) {
  const auto ask = []<class Op, class H>(Op, H) {
    SingleOp<Op> op;
    const std::vector<float> x{1, 2, 3, -1, NAN, 0.0f}, y{2, 2, 2, -2, NAN, -0.0f};
    std::vector<H> a, b;
    for (const float v : x) a.push_back(tfl::rounded<H>(v));
    for (const float v : y) b.push_back(tfl::rounded<H>(v));
    op.template input<H>({6}, a);
    op.template input<H>({6}, b);
    op.template output<tfl::Boolean>();
    EXPECT_EQ(op.run(), "");
    return op.template values<std::uint8_t>();
  };
  EXPECT_EQ(ask(tfl::Less{}, tfl::Float16{}), (Bytes{1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(ask(tfl::Less{}, tfl::BFloat16{}), (Bytes{1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(ask(tfl::Greater{}, tfl::BFloat16{}), (Bytes{0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(ask(tfl::GreaterEqual{}, tfl::Float16{}), (Bytes{0, 1, 1, 1, 0, 1}));
  EXPECT_EQ(ask(tfl::LessEqual{}, tfl::Float16{}), (Bytes{1, 1, 0, 0, 0, 1}));
  EXPECT_EQ(ask(tfl::Equal{}, tfl::Float16{}), (Bytes{0, 1, 0, 0, 0, 1}));
  EXPECT_EQ(ask(tfl::NotEqual{}, tfl::Float16{}), (Bytes{1, 0, 1, 1, 1, 0}));
}

}  // namespace
