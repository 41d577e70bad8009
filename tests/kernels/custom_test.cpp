// Custom ops that ship beside TensorFlow Lite, against plain formulas: pooling in 3D and with indices, Roll, Hadamard, image warp, audio.
// archs: none

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/audio.hpp"
#include "tfl/kernels/broadcast_args.hpp"
#include "tfl/kernels/custom_elementwise.hpp"
#include "tfl/kernels/dense_image_warp.hpp"
#include "tfl/kernels/hadamard_rotation.hpp"
#include "tfl/kernels/pool_3d.hpp"
#include "tfl/kernels/pool_argmax.hpp"
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

}  // namespace
