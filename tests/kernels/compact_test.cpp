// Compact kernels give the bytes of the kernels that they stand for: random shapes, strides, paddings, activations and scales. On this
// machine that is their plain C++; tests/micro runs the assembly of microcontrollers.
// archs: none

#include "tfl/kernels/compact.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/softmax.hpp"

namespace {

using tfl::schema::ActivationFunctionType;
using tfl::schema::Padding;
using Dims = std::vector<std::int32_t>;
using Bytes = std::vector<std::int8_t>;

std::mt19937 engine(97);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(engine); }
bool one_in(int n) { return random_int(1, n) == 1; }
float random_scale(float least, float most) { return std::uniform_real_distribution<float>(least, most)(engine); }
Bytes random_bytes(std::size_t count, int least = -128) {
  Bytes values(count);
  const bool extreme = one_in(8);
  for (auto& v : values) v = static_cast<std::int8_t>(extreme ? (one_in(2) ? least : 127) : random_int(least, 127));
  return values;
}
std::size_t count_of(const Dims& shape) {
  std::size_t n = 1;
  for (const std::int32_t d : shape) n *= static_cast<std::size_t>(d);
  return n;
}
ActivationFunctionType random_activation() { return static_cast<ActivationFunctionType>(random_int(0, 3)); }
tfl::QuantizationSpec tensor_scale(float scale, int zero_point) { return {{scale}, {zero_point}}; }
tfl::QuantizationSpec channel_scales(int channels, int axis, float real) {
  tfl::QuantizationSpec spec;
  const bool large = one_in(4);  // multipliers of 1/2 and more, which shift to the left
  for (int c = 0; c < channels; ++c) {
    spec.scales.push_back(real * (large ? random_scale(0.1f, 80.0f) : random_scale(0.05f, 1.0f)) * (one_in(20) ? 1e-12f : 1.0f));
    spec.zero_points.push_back(0);
  }
  spec.quantized_dimension = axis;
  return spec;
}

/// Fills two nodes alike by `fill` and compares what they give.
template <class Op, class T = std::int8_t, class Fill> void expect_same(Fill fill) {
  tfl::test::SingleOp<Op, tfl::simd::Scalar> plain;
  tfl::test::SingleOp<Op, tfl::simd::CortexM> compact;
  const std::mt19937 before = engine;
  fill(plain);
  engine = before;
  fill(compact);
  ASSERT_EQ(plain.run(), "");
  ASSERT_EQ(compact.run(), "");
  ASSERT_EQ(plain.template values<T>(), compact.template values<T>());
}

struct Window {
  int kh = random_int(1, 4), kw = random_int(1, 4), stride_h = random_int(1, 3), stride_w = random_int(1, 3);
  bool same = one_in(2);
  int dilation = same && one_in(4) ? 2 : 1;
  Padding padding() const { return same ? Padding::SAME : Padding::VALID; }
  Dims input(int channels) const { return {random_int(1, 2), random_int(4, 9), random_int(4, 9), channels}; }
};

TEST(Compact, Conv2D) {
  for (int i = 0; i < 150; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_same<tfl::Conv2D>([](auto& op) {
      const Window w;
      const int channels = one_in(3) ? random_int(8, 20) : random_int(1, 7), filters = random_int(1, 13);
      const Dims shape = w.input(channels), filter{filters, w.kh, w.kw, channels};
      op.template input<std::int8_t>(shape, random_bytes(count_of(shape)), tensor_scale(0.5f, random_int(-128, 127)));
      op.template constant<std::int8_t>(filter, random_bytes(count_of(filter), -127), channel_scales(filters, 0, 0.01f));
      if (!one_in(4)) {
        std::vector<std::int32_t> bias(static_cast<std::size_t>(filters));
        for (auto& b : bias) b = one_in(10) ? random_int(-2000000000, 2000000000) : random_int(-3000, 3000);
        op.template constant<std::int32_t>({filters}, bias);
      }
      op.template output<std::int8_t>(tensor_scale(random_scale(0.2f, 2.0f), random_int(-128, 127)));
      const auto activation = random_activation();
      op.options([=](auto& tables) {
        return tfl::schema::CreateConv2DOptions(tables, w.padding(), w.stride_w, w.stride_h, activation, w.dilation, w.dilation);
      });
    }));
  }
}

std::vector<std::int16_t> random_words(std::size_t count) {
  std::vector<std::int16_t> values(count);
  const bool extreme = one_in(4);
  for (auto& v : values) v = static_cast<std::int16_t>(extreme ? (one_in(2) ? -32768 : 32767) : random_int(-32768, 32767));
  return values;
}
std::vector<std::int64_t> random_wide_bias(std::size_t count) {
  std::vector<std::int64_t> values(count);
  for (auto& v : values)
    v = one_in(10) ? std::int64_t{random_int(-2000000000, 2000000000)} << random_int(0, 31) : random_int(-300000, 300000);
  return values;
}

TEST(Compact, Conv2DOfWords) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_NO_FATAL_FAILURE((expect_same<tfl::Conv2D, std::int16_t>([](auto& op) {
      const Window w;
      const int channels = one_in(5) ? random_int(300, 700) : random_int(1, 20), filters = random_int(1, 13);
      const Dims shape = w.input(channels), filter{filters, w.kh, w.kw, channels};
      op.template input<std::int16_t>(shape, random_words(count_of(shape)), tensor_scale(0.5f, 0));
      op.template constant<std::int8_t>(filter, random_bytes(count_of(filter)), channel_scales(filters, 0, 0.0001f));
      if (!one_in(4)) op.template constant<std::int64_t>({filters}, random_wide_bias(static_cast<std::size_t>(filters)));
      op.template output<std::int16_t>(tensor_scale(random_scale(0.2f, 2.0f), 0));
      const auto activation = random_activation();
      op.options([=](auto& tables) {
        return tfl::schema::CreateConv2DOptions(tables, w.padding(), w.stride_w, w.stride_h, activation, w.dilation, w.dilation);
      });
    })));
  }
}

TEST(Compact, DepthwiseConv2DOfWords) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_NO_FATAL_FAILURE((expect_same<tfl::DepthwiseConv2D, std::int16_t>([](auto& op) {
      const Window w;
      const int multiplier = one_in(2) ? 1 : 8, channels = multiplier == 1 ? 4 * random_int(1, 5) : random_int(1, 6);
      const int filters = channels * multiplier;
      const Dims shape = w.input(channels), filter{1, w.kh, w.kw, filters};
      op.template input<std::int16_t>(shape, random_words(count_of(shape)), tensor_scale(0.5f, 0));
      op.template constant<std::int8_t>(filter, random_bytes(count_of(filter)), channel_scales(filters, 3, 0.001f));
      if (!one_in(4)) op.template constant<std::int64_t>({filters}, random_wide_bias(static_cast<std::size_t>(filters)));
      op.template output<std::int16_t>(tensor_scale(random_scale(0.2f, 2.0f), 0));
      const auto activation = random_activation();
      op.options([=](auto& tables) {
        return tfl::schema::CreateDepthwiseConv2DOptions(tables, w.padding(), w.stride_w, w.stride_h, multiplier, activation, w.dilation,
                                                         w.dilation);
      });
    })));
  }
}

TEST(Compact, DepthwiseConv2D) {
  for (int i = 0; i < 150; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_same<tfl::DepthwiseConv2D>([](auto& op) {
      const Window w;
      const int multiplier = one_in(2) ? 1 : one_in(2) ? 8 : random_int(1, 5);
      const int channels = multiplier == 1 && !one_in(4) ? 4 * random_int(1, 5) : random_int(1, 6), filters = channels * multiplier;
      const Dims shape = w.input(channels), filter{1, w.kh, w.kw, filters};
      op.template input<std::int8_t>(shape, random_bytes(count_of(shape)), tensor_scale(0.5f, random_int(-128, 127)));
      op.template constant<std::int8_t>(filter, random_bytes(count_of(filter), -127), channel_scales(filters, 3, 0.01f));
      if (!one_in(4)) op.template constant<std::int32_t>({filters}, std::vector<std::int32_t>(static_cast<std::size_t>(filters), 77));
      op.template output<std::int8_t>(tensor_scale(random_scale(0.2f, 2.0f), random_int(-128, 127)));
      const auto activation = random_activation();
      op.options([=](auto& tables) {
        return tfl::schema::CreateDepthwiseConv2DOptions(tables, w.padding(), w.stride_w, w.stride_h, multiplier, activation, w.dilation,
                                                         w.dilation);
      });
    }));
  }
}

TEST(Compact, FullyConnected) {
  for (int i = 0; i < 150; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_same<tfl::FullyConnected>([](auto& op) {
      const int rows = random_int(1, 3), depth = random_int(1, 40), columns = random_int(1, 13);
      op.template input<std::int8_t>({rows, depth}, random_bytes(static_cast<std::size_t>(rows * depth)),
                                     tensor_scale(0.5f, random_int(-128, 127)));
      const auto weights = random_bytes(static_cast<std::size_t>(columns * depth), -127);
      one_in(2) ? op.template constant<std::int8_t>({columns, depth}, weights, tensor_scale(random_scale(0.001f, 0.1f), 0))
                : op.template constant<std::int8_t>({columns, depth}, weights, channel_scales(columns, 0, 0.01f));
      if (!one_in(4)) op.template constant<std::int32_t>({columns}, std::vector<std::int32_t>(static_cast<std::size_t>(columns), -333));
      op.template output<std::int8_t>(tensor_scale(random_scale(0.2f, 2.0f), random_int(-128, 127)));
      const auto activation = random_activation();
      op.options([=](auto& tables) { return tfl::schema::CreateFullyConnectedOptions(tables, activation); });
    }));
  }
}

/// Biases of 32 or 64 bits, or none.
template <class Bias> void expect_same_words() {
  for (int i = 0; i < 60; ++i) {
    ASSERT_NO_FATAL_FAILURE((expect_same<tfl::FullyConnected, std::int16_t>([](auto& op) {
      const int rows = random_int(1, 3), depth = one_in(5) ? random_int(480, 1200) : random_int(1, 40), columns = random_int(1, 11);
      op.template input<std::int16_t>({rows, depth}, random_words(static_cast<std::size_t>(rows * depth)), tensor_scale(0.0005f, 0));
      const Bytes weights = random_bytes(static_cast<std::size_t>(columns * depth));
      one_in(2) ? op.template constant<std::int8_t>({columns, depth}, weights, tensor_scale(0.01f, 0))
                : op.template constant<std::int8_t>({columns, depth}, weights, channel_scales(columns, 0, 0.01f));
      if (!one_in(4)) {
        std::vector<Bias> bias;
        for (const std::int64_t b : random_wide_bias(static_cast<std::size_t>(columns))) bias.push_back(static_cast<Bias>(b));
        op.template constant<Bias>({columns}, bias);
      }
      op.template output<std::int16_t>(tensor_scale(random_scale(0.0002f, 0.2f), 0));
      const auto activation = random_activation();
      op.options([=](auto& tables) { return tfl::schema::CreateFullyConnectedOptions(tables, activation); });
    })));
  }
}
TEST(Compact, FullyConnectedOfWords) { expect_same_words<std::int32_t>(); }
TEST(Compact, FullyConnectedOfWordsWithWideBiases) { expect_same_words<std::int64_t>(); }

template <class Op, class T> void expect_same_pools() {
  for (int i = 0; i < 100; ++i) {
    ASSERT_NO_FATAL_FAILURE((expect_same<Op, T>([](auto& op) {
      const Window w;
      const Dims shape = w.input(random_int(1, 9));
      const tfl::QuantizationSpec scale = tensor_scale(0.5f, sizeof(T) == 1 ? -3 : 0);
      if constexpr (sizeof(T) == 1) {
        op.template input<T>(shape, random_bytes(count_of(shape)), scale);
      } else {
        op.template input<T>(shape, random_words(count_of(shape)), scale);
      }
      op.template output<T>(scale);
      const auto activation = random_activation();
      op.options([=](auto& tables) {
        return tfl::schema::CreatePool2DOptions(tables, w.padding(), w.stride_w, w.stride_h, w.kw, w.kh, activation);
      });
    })));
  }
}
TEST(Compact, AveragePool2D) {
  expect_same_pools<tfl::AveragePool2D, std::int8_t>();
  expect_same_pools<tfl::AveragePool2D, std::int16_t>();
}
TEST(Compact, MaxPool2D) {
  expect_same_pools<tfl::MaxPool2D, std::int8_t>();
  expect_same_pools<tfl::MaxPool2D, std::int16_t>();
}

template <class Op> void expect_same_sums() {
  for (int i = 0; i < 100; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_same<Op>([](auto& op) {
      const Dims shape{random_int(1, 3), random_int(1, 50)};
      const float a = random_scale(0.01f, 1.0f), b = one_in(4) ? a : random_scale(0.01f, 1.0f);
      op.template input<std::int8_t>(shape, random_bytes(count_of(shape)), tensor_scale(a, random_int(-128, 127)));
      op.template input<std::int8_t>(shape, random_bytes(count_of(shape)), tensor_scale(b, random_int(-128, 127)));
      op.template output<std::int8_t>(tensor_scale(random_scale(0.01f, 2.0f), random_int(-128, 127)));
      const auto activation = random_activation();
      op.options([=](auto& tables) {
        if constexpr (Op::code == tfl::BuiltinOperator::ADD) {
          return tfl::schema::CreateAddOptions(tables, activation);
        } else {
          return tfl::schema::CreateSubOptions(tables, activation);
        }
      });
    }));
  }
}
TEST(Compact, Add) { expect_same_sums<tfl::Add>(); }
TEST(Compact, Sub) { expect_same_sums<tfl::Sub>(); }

TEST(Compact, Softmax) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_same<tfl::Softmax>([](auto& op) {
      const Dims shape{random_int(1, 3), one_in(10) ? random_int(300, 6000) : random_int(1, 50)};
      op.template input<std::int8_t>(shape, random_bytes(count_of(shape)),
                                     tensor_scale(random_scale(0.0001f, 0.5f), random_int(-128, 127)));
      op.template output<std::int8_t>(tensor_scale(1.0f / 256, -128));
      const float beta = random_scale(0.1f, 2.0f);
      op.options([=](auto& tables) { return tfl::schema::CreateSoftmaxOptions(tables, beta); });
    }));
  }
}

/// Sizes and types that compact kernels do not take run on the others.
TEST(Compact, LeavesTheRestToTheScalarKernels) {
  for (const int channels : {3, 6}) {
    tfl::test::SingleOp<tfl::DepthwiseConv2D, tfl::simd::CortexM> op;
    op.input<float>({1, 2, 2, channels}, std::vector<float>(static_cast<std::size_t>(4 * channels), 2.0f));
    op.constant<float>({1, 2, 2, channels}, std::vector<float>(static_cast<std::size_t>(4 * channels), 0.25f));
    op.output<float>();
    op.options([](auto& tables) { return tfl::schema::CreateDepthwiseConv2DOptions(tables, Padding::VALID, 1, 1, 1); });
    ASSERT_EQ(op.run(), "");
    EXPECT_EQ(op.values<float>(), std::vector<float>(static_cast<std::size_t>(channels), 2.0f));
  }
}

}  // namespace
