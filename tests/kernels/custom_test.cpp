// Custom ops that ship beside TensorFlow Lite, against plain formulas: pooling in 3D and with indices, Roll, Hadamard, image warp, audio,
// attention and its caches, random numbers.
// archs: none

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <map>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/attention.hpp"
#include "tfl/kernels/audio.hpp"
#include "tfl/kernels/broadcast_args.hpp"
#include "tfl/kernels/custom_elementwise.hpp"
#include "tfl/kernels/dense_image_warp.hpp"
#include "tfl/kernels/hadamard_rotation.hpp"
#include "tfl/kernels/pool_3d.hpp"
#include "tfl/kernels/pool_argmax.hpp"
#include "tfl/kernels/random_custom.hpp"
#include "tfl/kernels/roll.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tfl::test::SingleOp;
using Floats = std::vector<float>;
using Ints = std::vector<std::int32_t>;

std::mt19937 random_engine(17);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }
Floats random_floats(std::size_t n) {
  Floats values(n);
  for (float& x : values) x = std::uniform_real_distribution<float>(-2, 2)(random_engine);
  return values;
}
template <class Fill> std::vector<std::uint8_t> options(Fill fill) {
  flexbuffers::Builder builder;
  builder.Map([&] { fill(builder); });
  builder.Finish();
  return builder.GetBuffer();
}
auto pooling(const char* padding, std::vector<int> window, std::vector<int> strides, const char* format = "NDHWC") {
  return options([=](flexbuffers::Builder& b) {
    b.String("data_format", format);
    b.String("padding", padding);
    b.TypedVector("ksize", [&] {
      for (const int x : window) b.Int(x);
    });
    b.TypedVector("strides", [&] {
      for (const int x : strides) b.Int(x);
    });
  });
}

TEST(Pool3D, TakesTheMeanAndTheLargest) {
  std::vector<std::int8_t> in;
  for (int i = 0; i < 1 * 2 * 3 * 2 * 2; ++i) in.push_back(static_cast<std::int8_t>(random_int(-128, 127)));
  SingleOp<tfl::MaxPool3D> max;
  SingleOp<tfl::AveragePool3D> mean;
  max.input<std::int8_t>({1, 2, 3, 2, 2}, in, {{0.5f}, {1}});
  mean.input<std::int8_t>({1, 2, 3, 2, 2}, in, {{0.5f}, {1}});
  max.output<std::int8_t>({{0.5f}, {1}});
  mean.output<std::int8_t>({{0.5f}, {1}});
  max.custom_options(pooling("SAME", {1, 2, 2, 2, 1}, {1, 2, 2, 1, 1}));
  mean.custom_options(pooling("SAME", {1, 2, 2, 2, 1}, {1, 2, 2, 1, 1}));
  ASSERT_EQ(max.run() + mean.run(), "");
  EXPECT_EQ(max.shape(), (tfl::Shape{1, 1, 2, 2, 2}));
  std::size_t at = 0;
  for (int h = 0; h < 2; ++h) {
    for (int w = 0; w < 2; ++w) {
      for (int c = 0; c < 2; ++c, ++at) {
        int most = -128, sum = 0, count = 0;
        for (int d = 0; d < 2; ++d) {
          for (int y = 2 * h; y < std::min(3, 2 * h + 2); ++y) {
            for (int x = w; x < std::min(2, w + 2); ++x, ++count) {
              const int v = in[static_cast<std::size_t>(((d * 3 + y) * 2 + x) * 2 + c)];
              most = std::max(most, v);
              sum += v;
            }
          }
        }
        EXPECT_EQ(max.values<std::int8_t>()[at], most);
        EXPECT_EQ(mean.values<std::int8_t>()[at], std::lround(static_cast<double>(sum) / count));
      }
    }
  }
  SingleOp<tfl::MaxPool3D> format;
  format.input<float>({1, 1, 1, 1, 1}, {1});
  format.output<float>();
  format.custom_options(pooling("SAME", {1, 2, 2, 2, 1}, {1, 2, 2, 1, 1}, "NCDHW"));
  EXPECT_THAT(format.run(), HasSubstr("must have the data_format NDHWC"));
}

TEST(MaxPoolWithArgmax, TellsWhereAndUnpoolsThere) {
  SingleOp<tfl::MaxPoolWithArgmax> op;
  op.input<float>({1, 2, 4, 1}, {1, 9, 3, 4, 5, 6, 8, 7});
  op.output<float>();
  op.output<std::int32_t>();
  op.custom_options(pooling("VALID", {1, 2, 2, 1}, {1, 2, 2, 1}));
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<float>(), ElementsAre(9, 8));
  EXPECT_THAT(op.values<std::int32_t>(1), ElementsAre(1, 6));
  SingleOp<tfl::MaxPoolingWithArgmax2D> same;  // with options as a struct
  same.input<float>({1, 2, 4, 1}, {1, 9, 3, 4, 5, 6, 8, 7});
  same.output<float>();
  same.output<std::int32_t>();
  std::vector<std::uint8_t> options;
  for (const int x : {2, 2, 2, 2, 2, 0}) {  // valid, strides, window, no activation
    for (int k = 0; k < 4; ++k) options.push_back(static_cast<std::uint8_t>(x >> (8 * k)));
  }
  same.custom_options(options);
  ASSERT_EQ(same.run(), "");
  EXPECT_THAT(same.values<float>(), ElementsAre(9, 8));
  EXPECT_THAT(same.values<std::int32_t>(1), ElementsAre(1, 6));
  const auto unpool = [](Ints indices, Floats& out) {
    SingleOp<tfl::MaxUnpooling2D> back;
    back.input<float>({1, 1, 2, 1}, {9, 8});
    back.input<std::int32_t>({1, 1, 2, 1}, indices);
    back.output<float>();
    std::vector<std::uint8_t> bytes;
    for (const int x : {1, 2, 2, 2, 2, 0}) {  // same, strides, window, no activation
      for (int k = 0; k < 4; ++k) bytes.push_back(static_cast<std::uint8_t>(x >> (8 * k)));
    }
    back.custom_options(bytes);
    const std::string error = back.run();
    out = back.values<float>();
    return error;
  };
  Floats out;
  EXPECT_EQ(unpool({1, 6}, out), "");
  EXPECT_THAT(out, ElementsAre(0, 9, 0, 0, 0, 0, 8, 0));
  EXPECT_THAT(unpool({1, 8}, out), HasSubstr("must hold indices from 0 to 7, but element 1 is 8"));
  EXPECT_THAT(unpool({-1, 0}, out), HasSubstr("element 0 is -1"));
}

TEST(Roll, MovesAroundTheEnds) {
  for (int round = 0; round < 20; ++round) {
    const Ints dims{random_int(1, 4), random_int(1, 4), random_int(1, 4)};
    const Ints shifts{random_int(-9, 9), random_int(-9, 9), random_int(-9, 9)}, axes{2, -3, 2};
    const int by[3] = {shifts[1], 0, shifts[0] + shifts[2]};
    std::vector<std::int16_t> in;
    for (int i = 0; i < dims[0] * dims[1] * dims[2]; ++i) in.push_back(static_cast<std::int16_t>(i));
    SingleOp<tfl::Roll> op;
    op.input<std::int16_t>(dims, in);
    op.input<std::int32_t>({3}, shifts);
    op.constant<std::int32_t>({3}, axes);
    op.output<std::int16_t>();
    ASSERT_EQ(op.run(), "");
    const auto got = op.values<std::int16_t>();
    const auto wrapped = [](int x, int n) { return (x % n + n) % n; };
    for (int a = 0; a < dims[0]; ++a) {
      for (int b = 0; b < dims[1]; ++b) {
        for (int c = 0; c < dims[2]; ++c) {
          const int to = (wrapped(a + by[0], dims[0]) * dims[1] + wrapped(b + by[1], dims[1])) * dims[2] + wrapped(c + by[2], dims[2]);
          ASSERT_EQ(got[static_cast<std::size_t>(to)], in[static_cast<std::size_t>((a * dims[1] + b) * dims[2] + c)]);
        }
      }
    }
  }
}

TEST(BroadcastGradientArgs, ListsRepeatedAxes) {
  SingleOp<tfl::BroadcastGradientArgs> op;
  op.input<std::int32_t>({3}, {2, 1, 1});
  op.input<std::int32_t>({2}, {3, 1});
  op.output<std::int32_t>();
  op.output<std::int32_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<std::int32_t>(), ElementsAre(1, 2));
  EXPECT_THAT(op.values<std::int32_t>(1), ElementsAre(0, 2));
}

TEST(HadamardRotation, IsOrthonormal) {
  const Floats in = random_floats(2 * 8);
  SingleOp<tfl::HadamardRotation> op;
  op.input<float>({2, 8}, in);
  op.output<float>();
  op.custom_options(options([](flexbuffers::Builder& b) { b.Int("hadamard_size", 4); }));
  ASSERT_EQ(op.run(), "");
  const Floats got = op.values<float>();
  for (int i = 0; i < 16; ++i) {
    float sum = 0;
    for (int k = 0; k < 4; ++k)
      sum += (__builtin_popcount(static_cast<unsigned>(i % 4 & k)) % 2 == 0 ? 1.0f : -1.0f) * in[static_cast<std::size_t>(i / 4 * 4 + k)];
    EXPECT_NEAR(got[static_cast<std::size_t>(i)], sum / 2, 1e-6f);
  }
}

TEST(DenseImageWarp, ReadsBetweenPixels) {
  SingleOp<tfl::DenseImageWarp> op;
  op.input<float>({1, 2, 2, 1}, {0, 10, 20, 30});
  op.input<float>({1, 2, 2, 2}, {0, 0, -0.5f, 0, 0.25f, -0.5f, 100, NAN});
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  const Floats got = op.values<float>();
  EXPECT_THAT(Floats(got.begin(), got.begin() + 3), ElementsAre(0, 20, 20));
}

TEST(CustomElementwise, Ops) {
  SingleOp<tfl::CustomSign> sign;
  sign.input<double>({3}, {-2, 0, 5});
  sign.output<double>();
  ASSERT_EQ(sign.run(), "");
  EXPECT_THAT(sign.values<double>(), ElementsAre(-1, 0, 1));
  std::vector<std::int8_t> table(256);
  for (std::size_t i = 0; i < 256; ++i) table[i] = static_cast<std::int8_t>(static_cast<std::uint8_t>(i) ^ 0x55);
  SingleOp<tfl::Table> look_up;
  look_up.input<std::int8_t>({3}, {-128, 0, 127});
  look_up.constant<std::int8_t>({256}, table);
  look_up.output<std::int8_t>();
  ASSERT_EQ(look_up.run(), "");
  EXPECT_THAT(look_up.values<std::int8_t>(), ElementsAre(table[128], table[0], table[127]));
  SingleOp<tfl::NumericVerify> verify;
  verify.input<std::int8_t>({2}, {10, 20}, {{0.5f}, {4}});
  verify.input<float>({2}, {3, 10});
  verify.output<float>();
  verify.custom_options(options([](flexbuffers::Builder& b) {
    b.Float("tolerance", 2);
    b.Bool("log_if_failed", true);
  }));
  EXPECT_THAT(verify.run(), HasSubstr("by more than the tolerance, in element 1"));
}

TEST(AudioSpectrogram, IsTheTransformOfWindows) {
  const Floats in = random_floats(12);
  SingleOp<tfl::AudioSpectrogram> op;
  op.input<float>({12, 1}, in);
  op.output<float>();
  op.custom_options(options([](flexbuffers::Builder& b) {
    b.Int("window_size", 6);
    b.Int("stride", 3);
    b.Bool("magnitude_squared", true);
  }));
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (tfl::Shape{1, 3, 5}));
  const Floats got = op.values<float>();
  for (int w = 0; w < 3; ++w) {
    for (int k = 0; k <= 4; ++k) {
      std::complex<double> sum = 0;
      for (int i = 0; i < 6; ++i) {
        const double curve = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / 6);
        sum += static_cast<double>(in[static_cast<std::size_t>(w * 3 + i)]) * curve * std::polar(1.0, -2 * std::numbers::pi * i * k / 8);
      }
      EXPECT_NEAR(got[static_cast<std::size_t>(w * 5 + k)], std::norm(sum), 1e-5);
    }
  }
}
TEST(Mfcc, RefusesLimitsBeyondTheSpectrum) {
  const auto run = [](int upper, int rate, Floats& out) {
    SingleOp<tfl::Mfcc> op;
    op.input<float>({1, 1, 513}, Floats(513, 1.0f));
    op.input<std::int32_t>({1}, {rate});
    op.output<float>();
    op.custom_options(options([upper](flexbuffers::Builder& b) {
      b.Int("upper_frequency_limit", upper);
      b.Int("lower_frequency_limit", 20);
      b.Int("filterbank_channel_count", 40);
      b.Int("dct_coefficient_count", 13);
    }));
    const std::string error = op.run();
    out = op.values<float>();
    return error;
  };
  Floats out;
  EXPECT_EQ(run(4000, 22050, out), "");
  ASSERT_EQ(out.size(), 13u);
  EXPECT_GT(out[0], 10);  // the mean of all bands; flat spectra have little else
  EXPECT_THAT(run(8000, 8000, out), HasSubstr("lets the upper frequency limit lie beyond the 513 frequencies"));
  EXPECT_THAT(run(10, 8000, out), HasSubstr("must have frequency limits that rise"));
}

TEST(Attention, IsTheSoftmaxOfProductsTimesValues) {
  const struct {
    int batches, queries, heads, positions, key_heads, depth, value_depth;
    bool broadcasts;
    float scale;
  } cases[] = {{1, 3, 4, 5, 4, 8, 8, true, 0},     {2, 1, 4, 7, 2, 6, 3, false, 0.5f}, {1, 2, 6, 33, 1, 17, 20, true, 0},
               {3, 2, 2, 1, 2, 1, 1, false, 2.0f}, {1, 0, 2, 4, 2, 4, 4, true, 0},     {1, 2, 2, 4, 1, 4, 0, true, 0}};
  for (const auto& c : cases) {
    const auto size = [](std::vector<int> dims) {
      std::size_t n = 1;
      for (const int d : dims) n *= static_cast<std::size_t>(d);
      return n;
    };
    const std::vector<int> q_dims{c.batches, c.queries, c.heads, c.depth}, k_dims{c.batches, c.positions, c.key_heads, c.depth},
        v_dims{c.batches, c.positions, c.key_heads, c.value_depth},
        mask_dims{c.broadcasts ? 1 : c.batches, c.broadcasts ? 1 : c.heads, c.queries, c.positions};
    const Floats q = random_floats(size(q_dims)), k = random_floats(size(k_dims)), v = random_floats(size(v_dims)),
                 mask = random_floats(size(mask_dims));
    SingleOp<tfl::ScaledDotProductAttention> op;
    op.input<float>(q_dims, q);
    op.input<float>(k_dims, k);
    op.input<float>(v_dims, v);
    op.input<float>(mask_dims, mask);
    op.output<float>();
    if (c.scale > 0) op.custom_options(options([&](flexbuffers::Builder& b) { b.Float("scale", c.scale); }));
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), (tfl::Shape{c.batches, c.queries, c.heads, c.value_depth}));
    const Floats got = op.values<float>();
    const auto at = [](const Floats& x, const std::vector<int>& dims, int a, int b, int m, int n) {
      return static_cast<double>(x[static_cast<std::size_t>(((a * dims[1] + b) * dims[2] + m) * dims[3] + n)]);
    };
    const double scale = c.scale > 0 ? static_cast<double>(c.scale) : 1 / std::sqrt(c.depth);
    std::size_t next = 0;
    for (int b = 0; b < c.batches; ++b) {
      for (int t = 0; t < c.queries; ++t) {
        for (int n = 0; n < c.heads; ++n) {
          const int head = n / (c.heads / c.key_heads);
          std::vector<double> weights;
          double sum = 0;
          for (int s = 0; s < c.positions; ++s) {
            double product = 0;
            for (int d = 0; d < c.depth; ++d) product += at(q, q_dims, b, t, n, d) * scale * at(k, k_dims, b, s, head, d);
            weights.push_back(std::exp(product + at(mask, mask_dims, c.broadcasts ? 0 : b, c.broadcasts ? 0 : n, t, s)));
            sum += weights.back();
          }
          for (int d = 0; d < c.value_depth; ++d) {
            double want = 0;
            for (int s = 0; s < c.positions; ++s) want += weights[static_cast<std::size_t>(s)] / sum * at(v, v_dims, b, s, head, d);
            ASSERT_NEAR(static_cast<double>(got[next++]), want, 1e-5);
          }
        }
      }
    }
  }
}

TEST(Attention, NamesShapesThatDoNotFit) {
  const auto error = [](Ints k_dims, Ints v_dims, Ints mask_dims) {
    SingleOp<tfl::ScaledDotProductAttention> op;
    for (const Ints& dims : {Ints{1, 2, 6, 4}, k_dims, v_dims, mask_dims}) {
      op.input<float>(dims, Floats(static_cast<std::size_t>(dims[0] * dims[1] * dims[2] * dims[3])));
    }
    op.output<float>();
    return op.run();
  };
  EXPECT_THAT(error({1, 3, 4, 4}, {1, 3, 4, 4}, {1, 1, 1, 1}), HasSubstr("must have a number of heads that divides the queries' 6, not 4"));
  EXPECT_THAT(error({1, 3, 6, 5}, {1, 3, 6, 4}, {1, 1, 1, 1}), HasSubstr("as the queries do"));
  EXPECT_THAT(error({1, 3, 6, 4}, {1, 2, 6, 4}, {1, 1, 1, 1}), HasSubstr("must have 3 elements along axis 1, as the keys do, not 2"));
  EXPECT_THAT(error({1, 3, 6, 4}, {1, 3, 6, 4}, {1, 1, 2, 2}), HasSubstr("must have 1 or 3 elements along axis 3, not 2"));
}

/// A cache of 3 entries of one element; what it holds after the keys of each run.
TEST(UpdateKvCache, KeepsTheLastEntries) {
  const auto run = [](std::int64_t first, Floats keys, Floats& cache) {
    SingleOp<tfl::UpdateKvCache> op;
    const auto n = static_cast<std::int32_t>(keys.size());
    std::vector<std::int64_t> positions;
    for (std::int64_t i = 0; i < n; ++i) positions.push_back(first + i);
    op.input<std::int64_t>({n}, positions);
    op.input<float>({1, n, 1, 1}, keys);
    Floats values = keys;
    for (float& x : values) x = -x;
    op.input<float>({1, n, 1, 1}, values);
    op.output<float>();
    op.output<float>();
    op.custom_options(options([](flexbuffers::Builder& b) { b.Int("kv_cache_max", 3); }));
    std::string error = op.run();
    cache = op.values<float>();
    if (error.empty()) {
      const Floats other = op.values<float>(1);
      for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(other[i], -cache[i]);
      error = op.invoke_again();  // the same positions once more: nothing moves
      if (error.empty()) {
        EXPECT_EQ(op.values<float>(), cache);
      }
    }
    return error;
  };
  Floats cache;
  ASSERT_EQ(run(0, {1, 2}, cache), "");
  EXPECT_THAT(cache, ElementsAre(1, 2, 0));
  ASSERT_EQ(run(2, {5}, cache), "");
  EXPECT_THAT(cache, ElementsAre(0, 0, 5));
  ASSERT_EQ(run(3, {7}, cache), "");  // one entry too far: position 0 goes
  EXPECT_THAT(cache, ElementsAre(0, 0, 7));
  ASSERT_EQ(run(1000000, {8, 9}, cache), "");
  EXPECT_THAT(cache, ElementsAre(0, 8, 9));
  ASSERT_EQ(run(std::numeric_limits<std::int64_t>::max(), {8}, cache), "");
  EXPECT_THAT(cache, ElementsAre(0, 0, 8));
  ASSERT_EQ(run(0, {}, cache), "");
  EXPECT_THAT(cache, ElementsAre(0, 0, 0));
  EXPECT_THAT(run(-1, {1}, cache), HasSubstr("must not go back to -1: the cache begins with position 0"));
  EXPECT_THAT(run(0, {1, 2, 3, 4}, cache), HasSubstr("has 4 entries, more than the 3 of the cache"));
}

TEST(UpdateExternalKvCache, WritesSlicesWherePositionsRise) {
  const auto run = [](Ints positions, Floats& keys) {
    SingleOp<tfl::UpdateExternalKvCache> op;
    const auto n = static_cast<std::int32_t>(positions.size());
    op.input<float>({1, 4, 1, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
    op.input<float>({1, 4, 1, 2}, Floats(8));
    op.input<std::int32_t>({n}, positions);
    Floats slices;
    for (int i = 0; i < 2 * n; ++i) slices.push_back(static_cast<float>(10 + i));
    for (int i = 0; i < 2; ++i) op.input<float>({1, n, 1, 2}, slices);
    for (int i = 0; i < 2; ++i) op.output<float>();
    const std::string error = op.run();
    keys = op.values<float>();
    return error;
  };
  Floats keys;
  ASSERT_EQ(run({3, 3, 1}, keys), "");
  EXPECT_THAT(keys, ElementsAre(0, 1, 2, 3, 4, 5, 12, 13));
  ASSERT_EQ(run({0, 2}, keys), "");
  EXPECT_THAT(keys, ElementsAre(10, 11, 2, 3, 12, 13, 6, 7));
  ASSERT_EQ(run({}, keys), "");
  EXPECT_THAT(keys, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(run({1, 4}, keys), HasSubstr("must hold positions from 0 to 3, but element 1 is 4"));
}

/// The C++ library's own engine and distributions, where it is the one that TensorFlow Lite is built with.
TEST(RandomNumbers, AreThoseOfTheDefaultEngine) {
  std::minstd_rand0 engine;
  SingleOp<tfl::CustomRandomUniform> uniform;
  uniform.input<std::int64_t>({2}, {3, 2});
  uniform.output<float>();
  ASSERT_EQ(uniform.run(), "");
  ASSERT_EQ(uniform.shape(), (tfl::Shape{3, 2}));
  for (int again = 0; again < 2; ++again) {
    for (const float x : uniform.values<float>()) EXPECT_FLOAT_EQ(x, static_cast<float>(engine() - 1) / 2147483646.0f);
    ASSERT_EQ(uniform.invoke_again(), "");
  }

  SingleOp<tfl::RandomUniformInt> integers;
  integers.constant<std::int32_t>({1}, std::vector<std::int32_t>{3000});
  integers.input<std::int8_t>({}, {-3});
  integers.input<std::int32_t>({}, std::vector<std::int32_t>{2});
  integers.output<std::int8_t>();
  ASSERT_EQ(integers.run(), "");
  std::map<int, int> counts;
  for (const int x : integers.values<std::int8_t>()) ++counts[x];
  ASSERT_EQ(counts.size(), 6u);
  EXPECT_EQ(counts.begin()->first, -3);
  for (const auto& [value, count] : counts) EXPECT_NEAR(count, 500, 120) << value;

  SingleOp<tfl::RandomUniformInt> wide;
  wide.constant<std::int32_t>({1}, std::vector<std::int32_t>{200});
  wide.input<std::int64_t>({}, std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min()});
  wide.input<std::int64_t>({}, std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max()});
  wide.output<std::int64_t>();
  ASSERT_EQ(wide.run(), "");
  int negative = 0;
  for (const std::int64_t x : wide.values<std::int64_t>()) negative += x < 0 ? 1 : 0;
  EXPECT_NEAR(negative, 100, 40);

  SingleOp<tfl::RandomUniformInt> narrow;
  narrow.constant<std::int32_t>({1}, std::vector<std::int32_t>{1});
  narrow.input<std::int32_t>({}, std::vector<std::int32_t>{0});
  narrow.input<std::int32_t>({}, std::vector<std::int32_t>{200});
  narrow.output<std::int8_t>();
  EXPECT_THAT(narrow.run(), HasSubstr("cannot hold numbers from 0 to 200"));

  SingleOp<tfl::CustomRandomStandardNormal> normal;
  normal.constant<std::int32_t>({1}, std::vector<std::int32_t>{2001});
  normal.output<double>();
  ASSERT_EQ(normal.run(), "");
  double sum = 0, squares = 0;
  for (const double x : normal.values<double>()) sum += x, squares += x * x;
  EXPECT_NEAR(sum / 2001, 0, 0.1);
  EXPECT_NEAR(squares / 2001, 1, 0.15);
}

}  // namespace
