// TensorFlow Lite Micro's signal ops: transforms against their sums, features against plain formulas, streams against what went in.
// archs: none

#include "tfl/kernels/signal.hpp"

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/signal_fft.hpp"
#include "tfl/kernels/signal_stream.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tfl::test::SingleOp;
using Samples = std::vector<std::int16_t>;
using Words = std::vector<std::uint32_t>;

std::mt19937 random_engine(13);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }
Samples random_samples(std::size_t n, int most) {
  Samples samples(n);
  for (auto& x : samples) x = static_cast<std::int16_t>(random_int(-most, most));
  return samples;
}
std::vector<std::uint8_t> options(std::initializer_list<std::pair<const char*, int>> list) {
  flexbuffers::Builder builder;
  builder.Map([&] {
    for (const auto& [key, value] : list) builder.Int(key, value);
  });
  builder.Finish();
  return builder.GetBuffer();
}

template <class T> void check_fourier(double scale, double within) {
  for (const int n : {4, 8, 32, 64}) {
    const int given = n - random_int(0, 2);
    std::vector<T> samples(static_cast<std::size_t>(given));
    for (auto& x : samples) x = static_cast<T>(random_int(-1000, 1000) * scale);
    SingleOp<tfl::SignalRfft> op;
    op.input<T>({given}, samples);
    op.output<T>();
    op.custom_options(options({{"fft_length", n}}));
    ASSERT_EQ(op.run(), "");
    const std::vector<T> spectrum = op.values<T>();
    ASSERT_EQ(spectrum.size(), static_cast<std::size_t>(n + 2));
    const double divisor = std::is_integral_v<T> ? n : 1;  // fixed point divides in every step
    for (int k = 0; k <= n / 2; ++k) {
      std::complex<double> sum = 0;
      for (int i = 0; i < given; ++i) {
        sum += static_cast<double>(samples[static_cast<std::size_t>(i)]) * std::polar(1.0, -2 * std::numbers::pi * i * k / n);
      }
      ASSERT_NEAR(static_cast<double>(spectrum[static_cast<std::size_t>(2 * k)]), sum.real() / divisor, within);
      ASSERT_NEAR(static_cast<double>(spectrum[static_cast<std::size_t>(2 * k + 1)]), sum.imag() / divisor, within);
    }
    SingleOp<tfl::SignalIrfft> back;
    back.input<T>({n + 2}, spectrum);
    back.output<T>();
    back.custom_options(options({{"fft_length", n}}));
    ASSERT_EQ(back.run(), "");
    const std::vector<T> returned = back.values<T>();
    // Micro's inverse in float is not divided by the length; in fixed point the spectrum's own division stands for it, times 1 / n again.
    const double factor = std::is_integral_v<T> ? 1.0 / n : n;
    for (int i = 0; i < given; ++i) {
      ASSERT_NEAR(static_cast<double>(returned[static_cast<std::size_t>(i)]),
                  static_cast<double>(samples[static_cast<std::size_t>(i)]) * factor, within * 4);
    }
  }
}
TEST(SignalRfft, IsTheTransformOfRealSamples) {
  check_fourier<std::int16_t>(30, 6);
  check_fourier<std::int32_t>(2000000, 40);
  check_fourier<float>(0.5, 0.5);
}
TEST(SignalRfft, WantsAPowerOfTwo) {
  SingleOp<tfl::SignalRfft> op;
  op.input<std::int16_t>({6}, random_samples(6, 10));
  op.output<std::int16_t>();
  op.custom_options(options({{"fft_length", 12}}));
  EXPECT_THAT(op.run(), HasSubstr("must have an fft_length that is a power of two"));
}
TEST(SignalFftAutoScale, UsesAllBits) {
  SingleOp<tfl::SignalFftAutoScale> op;
  op.input<std::int16_t>({3}, {-3, 100, 5});
  op.output<std::int16_t>();
  op.output<std::int32_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<std::int16_t>(), ElementsAre(-768, 25600, 1280));
  EXPECT_THAT(op.values<std::int32_t>(1), ElementsAre(8));
}

TEST(SignalWindow, MultipliesAndSaturates) {
  SingleOp<tfl::SignalWindow> op;
  op.input<std::int16_t>({2, 2}, {100, -100, 32767, -32768});
  op.input<std::int16_t>({2}, {2048, 8192});
  op.output<std::int16_t>();
  op.custom_options(options({{"shift", 12}}));
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<std::int16_t>(), ElementsAre(50, -200, 16383, -32768));
}
TEST(SignalEnergy, SquaresPairs) {
  SingleOp<tfl::SignalEnergy> op;
  op.input<std::int16_t>({6}, {3, 4, -32768, -32768, 7, 7});
  op.output<std::uint32_t>();
  op.custom_options(options({{"start_index", 0}, {"end_index", 2}}));
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<std::uint32_t>(), ElementsAre(25u, 2147483648u, 0u));
}
std::string filter_bank(Samples starts, Samples widths, std::vector<std::uint64_t>& out) {
  SingleOp<tfl::SignalFilterBank> op;
  op.input<std::uint32_t>({5}, Words{1, 2, 3, 4, 5});
  op.input<std::int16_t>({5}, Samples{1, 2, 3, 4, 5});
  op.input<std::int16_t>({5}, Samples{5, 4, 3, 2, 1});
  op.input<std::int16_t>({3}, starts);
  op.input<std::int16_t>({3}, Samples{0, 1, 3});
  op.input<std::int16_t>({3}, widths);
  op.output<std::uint64_t>();
  op.custom_options(options({{"num_channels", 2}}));
  const std::string error = op.run();
  out = op.values<std::uint64_t>();
  return error;
}
TEST(SignalFilterBank, AddsOverlappingBands) {
  std::vector<std::uint64_t> out;
  EXPECT_EQ(filter_bank({0, 1, 3}, {1, 2, 2}, out), "");
  // Falling sides of the bands 0 and 1, and the rising ones of 1 and 2.
  EXPECT_THAT(out, ElementsAre(5 * 1 + 2 * 2 + 3 * 3, 4 * 2 + 3 * 3 + 4 * 4 + 5 * 5));
  EXPECT_THAT(filter_bank({0, 1, 4}, {1, 2, 2}, out), HasSubstr("lets channel 2 read beyond the 5 energies, from 4 on"));
  EXPECT_THAT(filter_bank({0, -1, 3}, {1, 2, 2}, out), HasSubstr("lets channel 1 read beyond the 5 energies"));
}
TEST(SignalFilterBankSquareRoot, RoundsRoots) {
  std::vector<std::uint64_t> x{
      0, 1, 2, 3, 6, 7, 1u << 31, 0xffffffff, std::uint64_t{1} << 32, (std::uint64_t{1} << 62) + 12345, ~std::uint64_t{0}};
  SingleOp<tfl::SignalFilterBankSquareRoot> op;
  op.input<std::uint64_t>({static_cast<std::int32_t>(x.size())}, x);
  op.input<std::int32_t>({}, {0});
  op.output<std::uint32_t>();
  ASSERT_EQ(op.run(), "");
  const Words got = op.values<std::uint32_t>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto nearest = static_cast<double>(std::round(std::sqrt(static_cast<long double>(x[i]))));
    EXPECT_EQ(got[i], std::min(nearest, x[i] >> 32 == 0 ? 65535.0 : 4294967295.0)) << x[i];
  }
}
TEST(SignalFilterBankLog, IsAScaledLogarithm) {
  Words x{0, 1, 2, 3, 1000, 65535, 65536, 12345678, 0x7fffffff};
  SingleOp<tfl::SignalFilterBankLog> op;
  op.input<std::uint32_t>({static_cast<std::int32_t>(x.size())}, x);
  op.output<std::int16_t>();
  op.custom_options(options({{"input_correction_bits", 1}, {"output_scale", 1000}}));
  ASSERT_EQ(op.run(), "");
  const Samples got = op.values<std::int16_t>();
  for (std::size_t i = 1; i < x.size(); ++i) EXPECT_NEAR(got[i], 1000 * std::log(2.0 * x[i]), 2);
  EXPECT_EQ(got[0], 0);
}
TEST(SignalPcan, CompressesWhatItsGainLifts) {
  Samples table(125, 0);
  for (std::size_t i = 0; i < table.size(); i += 1) table[i] = i < 3 ? 256 : i % 4 == 2 ? 256 : 0;  // a gain of 256 everywhere
  SingleOp<tfl::SignalPcan> op;
  op.input<std::uint32_t>({3}, Words{16, 64, 100000});
  op.input<std::uint32_t>({3}, Words{1, 5, 70000});
  op.input<std::int16_t>({125}, table);
  op.output<std::uint32_t>();
  op.custom_options(options({{"snr_shift", 0}}));
  ASSERT_EQ(op.run(), "");
  // Below 8192 a parabola, x * x / 2^20, above it a line, x / 64 - 64.
  EXPECT_THAT(op.values<std::uint32_t>(), ElementsAre(4096u * 4096 >> 20, (16384u >> 6) - 64, (25600000u >> 6) - 64));
}
TEST(SignalFilterBankSpectralSubtraction, FollowsTheNoise) {
  SingleOp<tfl::SignalFilterBankSpectralSubtraction> op;
  op.input<std::uint32_t>({2}, Words{1000, 1000});
  op.output<std::uint32_t>();
  op.output<std::uint32_t>();
  op.custom_options(options({{"num_channels", 2},
                             {"smoothing", 4096},
                             {"one_minus_smoothing", 12288},
                             {"alternate_smoothing", 8192},
                             {"alternate_one_minus_smoothing", 8192},
                             {"smoothing_bits", 10},
                             {"min_signal_remaining", 819},
                             {"spectral_subtraction_bits", 14},
                             {"clamping", 0}}));
  double noise[2] = {};
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(round == 0 ? op.run() : op.invoke_again(), "");
    for (std::size_t c = 0; c < 2; ++c) {
      const double share = c == 0 ? 0.25 : 0.5;
      noise[c] = share * 1000 + (1 - share) * noise[c];
      EXPECT_NEAR(op.values<std::uint32_t>(1)[c] / 1024.0, noise[c], 0.1);
      EXPECT_NEAR(op.values<std::uint32_t>()[c], std::max(1000 - noise[c], 1000 * 819 / 16384.0), 1.1);
    }
  }
}

TEST(SignalFramer, CutsOverlappingFrames) {
  for (const int prefill : {0, 1}) {
    SingleOp<tfl::SignalFramer> op;
    op.input<std::int16_t>({4}, {1, 2, 3, 4});
    op.output<std::int16_t>();
    op.output<tfl::Boolean>();
    op.custom_options(options({{"frame_size", 3}, {"frame_step", 2}, {"prefill", prefill}}));
    ASSERT_EQ(op.run(), "");
    EXPECT_EQ(op.shape(), (tfl::Shape{2, 3}));
    if (prefill == 1) {
      EXPECT_THAT(op.values<std::int16_t>(), ElementsAre(0, 1, 2, 2, 3, 4));
      EXPECT_TRUE(op.values<tfl::Boolean>(1)[0]);
    } else {
      EXPECT_FALSE(op.values<tfl::Boolean>(1)[0]);
    }
    ASSERT_EQ(op.invoke_again(), "");
    EXPECT_TRUE(op.values<tfl::Boolean>(1)[0]);
    if (prefill == 1)
      EXPECT_THAT(op.values<std::int16_t>(), ElementsAre(4, 1, 2, 2, 3, 4));
    else
      EXPECT_THAT(op.values<std::int16_t>(), ElementsAre(3, 4, 1, 1, 2, 3));
  }
}
TEST(SignalOverlapAdd, AddsWhatFramesShare) {
  SingleOp<tfl::SignalOverlapAdd> op;
  op.input<float>({2, 3}, {1, 2, 3, 10, 20, 30});
  op.output<float>();
  op.custom_options(options({{"frame_step", 2}}));
  ASSERT_EQ(op.run(), "");
  EXPECT_THAT(op.values<float>(), ElementsAre(1, 2, 13, 20));
  ASSERT_EQ(op.invoke_again(), "");
  EXPECT_THAT(op.values<float>(), ElementsAre(31, 2, 13, 20));
}
TEST(SignalStacker, StacksItsLastInputs) {
  SingleOp<tfl::SignalStacker> op;
  op.input<std::int16_t>({2}, {1, 2});
  op.output<std::int16_t>();
  op.output<tfl::Boolean>();
  op.custom_options(options({{"num_channels", 2}, {"stacker_left_context", 1}, {"stacker_right_context", 1}, {"stacker_step", 2}}));
  ASSERT_EQ(op.run(), "");
  EXPECT_FALSE(op.values<tfl::Boolean>(1)[0]);  // the first one twice
  ASSERT_EQ(op.invoke_again(), "");
  EXPECT_TRUE(op.values<tfl::Boolean>(1)[0]);
  EXPECT_THAT(op.values<std::int16_t>(), ElementsAre(1, 2, 1, 2, 1, 2));
  ASSERT_EQ(op.invoke_again(), "");
  EXPECT_FALSE(op.values<tfl::Boolean>(1)[0]);
  ASSERT_EQ(op.invoke_again(), "");
  EXPECT_TRUE(op.values<tfl::Boolean>(1)[0]);
}
TEST(SignalDelay, HoldsSamplesBack) {
  for (const int length : {0, 2, 5}) {
    const Samples in = random_samples(6, 1000);
    SingleOp<tfl::SignalDelay> op;
    op.input<std::int16_t>({2, 3}, in);
    op.output<std::int16_t>();
    op.custom_options(options({{"delay_length", length}}));
    for (int round = 0; round < 4; ++round) {
      ASSERT_EQ(round == 0 ? op.run() : op.invoke_again(), "");
      for (int row = 0; row < 2; ++row) {
        for (int i = 0; i < 3; ++i) {
          const int from = round * 3 + i - length;
          const int wanted = from < 0 ? 0 : in[static_cast<std::size_t>(row * 3 + from % 3)];
          ASSERT_EQ(op.values<std::int16_t>()[static_cast<std::size_t>(row * 3 + i)], wanted);
        }
      }
    }
  }
}

}  // namespace
