// archs: last
#include "tfl/kernels/pad.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "support/single_op.hpp"

namespace tfl::test {
namespace {

using testing::HasSubstr;
using Dims = std::vector<std::int32_t>;

template <class T> std::vector<T> ramp(const Dims& dims) {
  std::size_t n = 1;
  for (const auto d : dims) n *= static_cast<std::size_t>(d);
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(i * 3 + 1);
  return values;
}

/// Element by element: from which index of the input each index of a dimension comes, or -1.
template <class T, class Source> std::vector<T> padded(const Dims& in, const Dims& out, T value, Source source) {
  const std::vector<T> from = ramp<T>(in);
  std::vector<T> to;
  std::int64_t n = 1;
  for (const auto d : out) n *= d;
  for (std::int64_t flat = 0; flat < n; ++flat) {
    std::int64_t rest = flat, at = 0, step = 1;
    bool inside = true;
    for (std::size_t k = out.size(); k-- > 0;) {
      const std::int64_t index = source(k, rest % out[k]);
      inside = inside && index >= 0;
      at += index * step;
      step *= in[k];
      rest /= out[k];
    }
    to.push_back(inside ? from[static_cast<std::size_t>(at)] : value);
  }
  return to;
}

struct Random {
  std::mt19937 engine{7};
  std::int32_t operator()(std::int32_t low, std::int32_t high) { return std::uniform_int_distribution<std::int32_t>(low, high)(engine); }
};

template <class Op, class T, class Index = std::int32_t> struct PadCase {
  Dims shape;
  std::vector<Index> paddings;
  std::optional<T> value{};
  bool constant = true;
  int mode = 0;
  QuantizationSpec in_scale{}, value_scale{}, out_scale{};
  SingleOp<Op> op{};

  std::string run() {
    op.template input<T>(shape, ramp<T>(shape), in_scale);
    const Dims list{static_cast<std::int32_t>(paddings.size()) / 2, 2};
    if (constant) {
      op.template constant<Index>(list, paddings);
    } else {
      op.template input<Index>(list, paddings);
    }
    if (value) op.template input<T>({1}, {*value}, value_scale);
    op.template output<T>(out_scale);
    if constexpr (std::is_same_v<Op, MirrorPad>) {
      op.options([&](auto& tables) { return schema::CreateMirrorPadOptions(tables, static_cast<schema::MirrorPadMode>(mode)); });
    }
    return op.run();
  }
  Dims out() const {
    Dims dims = shape;
    for (std::size_t i = 0; i < dims.size(); ++i) dims[i] += static_cast<std::int32_t>(paddings[2 * i] + paddings[2 * i + 1]);
    return dims;
  }
  Dims got() const {
    const Shape s = op.shape();
    return Dims(s.dims().begin(), s.dims().end());
  }
};

template <class T, class Index> void check_pad(Random& random) {
  PadCase<PadV2, T, Index> c;
  for (int i = random(1, 5); i > 0; --i) {
    c.shape.push_back(random(1, 5));
    const bool bordered = random(0, 1) != 0;
    c.paddings.push_back(static_cast<Index>(bordered ? random(0, 4) : 0));
    c.paddings.push_back(static_cast<Index>(bordered ? random(0, 4) : 0));
  }
  c.constant = random(0, 1) != 0;
  if (random(0, 1) != 0) c.value = static_cast<T>(1000 + 77);
  ASSERT_EQ(c.run(), "");
  ASSERT_EQ(c.got(), c.out());
  EXPECT_EQ(c.op.template values<T>(), padded<T>(c.shape, c.out(), c.value.value_or(T(0)), [&](std::size_t k, std::int64_t i) {
              const std::int64_t index = i - c.paddings[2 * k];
              return index < c.shape[k] ? index : -1;
            }));
}

TEST(Pad, Random) {
  Random random;
  for (int i = 0; i < 30; ++i) {
    check_pad<std::uint8_t, std::int32_t>(random);
    check_pad<std::int16_t, std::int64_t>(random);
    check_pad<float, std::int8_t>(random);
    check_pad<std::int64_t, std::int16_t>(random);
  }
}

TEST(Pad, WithoutElements) {
  PadCase<PadV2, float> c{{2, 0}, {1, 0, 1, 1}, 5.0f};
  EXPECT_EQ(c.run(), "");
  EXPECT_EQ(c.op.values<float>(), std::vector<float>(6, 5.0f));
  PadCase<Pad, float> empty{{0, 2}, {0, 0, 1, 1}};
  EXPECT_EQ(empty.run(), "");
  EXPECT_EQ(empty.got(), (Dims{0, 4}));
}

TEST(Pad, ZeroOfQuantizedTensorsIsTheZeroPoint) {
  const QuantizationSpec q{.scales = {0.5f}, .zero_points = {-3}};
  PadCase<Pad, std::int8_t> c{{2}, {1, 2}, {}, true, 0, q, {}, q};
  EXPECT_EQ(c.run(), "");
  EXPECT_EQ(c.op.values<std::int8_t>(), (std::vector<std::int8_t>{-3, 1, 4, -3, -3}));
  PadCase<Pad, std::int16_t> wide{{2}, {1, 0}, {}, true, 0, q, {}, q};
  EXPECT_EQ(wide.run(), "");
  EXPECT_EQ(wide.op.values<std::int16_t>(), (std::vector<std::int16_t>{-3, 1, 4}));
  PadCase<PadV2, std::int8_t> valued{{2}, {1, 0}, std::int8_t{9}, true, 0, q, q, q};
  EXPECT_EQ(valued.run(), "");
  EXPECT_EQ(valued.op.values<std::int8_t>(), (std::vector<std::int8_t>{9, 1, 4}));
  PadCase<PadV2, std::int8_t> other{{2}, {1, 0}, std::int8_t{9}, true, 0, q, {.scales = {0.25f}, .zero_points = {-3}}, q};
  EXPECT_THAT(other.run(), HasSubstr("must have the scale and zero point of the output"));
  PadCase<Pad, std::int8_t> far{{2}, {1, 0}, {}, true, 0, q, {}, {.scales = {0.5f}, .zero_points = {300}}};
  EXPECT_THAT(far.run(), HasSubstr("zero point in the range of its type"));
}

TEST(Pad, Errors) {
  for (const bool constant : {true, false}) {
    PadCase<Pad, float> negative{{2, 3}, {0, 0, 1, -1}, {}, constant};
    EXPECT_THAT(negative.run(), HasSubstr("pads dimension 1 by 1 and -1; negative"));
    PadCase<Pad, float> rank{{2, 3}, {1, 1}, {}, constant};
    EXPECT_THAT(rank.run(), HasSubstr("must have shape [2, 2] for an input of 2 dimensions"));
    PadCase<Pad, float, std::int64_t> wide{{2}, {INT64_MAX, 0}, {}, constant};
    EXPECT_THAT(wide.run(), HasSubstr("past 2^31 - 1"));
    PadCase<Pad, float> sum{{2}, {INT32_MAX, 0}, {}, constant};
    EXPECT_THAT(sum.run(), HasSubstr("past 2^31 - 1"));
    PadCase<Pad, float> product{{2, 2}, {1 << 20, 0, 1 << 20, 0}, {}, constant};
    EXPECT_THAT(product.run(), HasSubstr("more than 2^31 - 1 elements"));
  }
  PadCase<Pad, float, float> type{{2}, {1, 1}};
  EXPECT_THAT(type.run(), HasSubstr("must be int32, int64, int16 or int8"));
}

template <class T> void check_mirror(Random& random) {
  PadCase<MirrorPad, T> c;
  c.mode = random(0, 1);
  const int skip = c.mode == 0 ? 1 : 0;
  for (int i = random(1, 5); i > 0; --i) {
    c.shape.push_back(random(1, 5));
    const bool bordered = random(0, 2) != 0;
    c.paddings.push_back(bordered ? random(0, c.shape.back() - skip) : 0);
    c.paddings.push_back(bordered ? random(0, c.shape.back() - skip) : 0);
  }
  c.constant = random(0, 1) != 0;
  ASSERT_EQ(c.run(), "");
  ASSERT_EQ(c.got(), c.out());
  EXPECT_EQ(c.op.template values<T>(), padded<T>(c.shape, c.out(), T(0), [&](std::size_t k, std::int64_t i) -> std::int64_t {
              const std::int64_t index = i - c.paddings[2 * k], size = c.shape[k];
              if (index < 0) return -index - 1 + skip;
              return index < size ? index : 2 * size - 1 - skip - index;
            }));
}

TEST(MirrorPad, Random) {
  Random random;
  for (int i = 0; i < 30; ++i) {
    check_mirror<std::uint8_t>(random);
    check_mirror<std::int16_t>(random);
    check_mirror<float>(random);
    check_mirror<std::int64_t>(random);
  }
}

TEST(MirrorPad, Errors) {
  PadCase<MirrorPad, float> reflect{{3}, {3, 0}};
  EXPECT_THAT(reflect.run(), HasSubstr("pads dimension 0 by 3, its reflection has 2 elements"));
  PadCase<MirrorPad, float> symmetric{{3}, {0, 4}, {}, false, 1};
  EXPECT_THAT(symmetric.run(), HasSubstr("pads dimension 0 by 4, its reflection has 3 elements"));
  PadCase<MirrorPad, float> empty{{0}, {1, 0}};
  EXPECT_THAT(empty.run(), HasSubstr("its reflection has 0 elements"));
}

}  // namespace
}  // namespace tfl::test
