// sources: support/all_ops.cpp
// archs: none
// micro_speech hears a word that is made here: both audio preprocessors give the features that TensorFlow Lite Micro's fixed-point
// arithmetic gives, which is written out below, and the classifier answers alike on both.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "support/all_ops.hpp"
#include "tfl/model/custom_options.hpp"
#include "tfl/model/model.hpp"
#include "tfl/model/schema.hpp"

namespace {

namespace fs = std::filesystem;
using tfl::test::AnyInterpreter;

const fs::path models = fs::path(TFL_TEST_DATA) / "models" / "micro";
constexpr int samples_in_frame = 480, step = 320, frames = 49, channels = 40, transform = 512;
using Features = std::vector<int>;

/// A second of sound at 16 kHz, in integers alone: a voice whose pitch falls while its two resonances move, as in a vowel, then noise, as
/// in an s, between silences.
std::vector<std::int16_t> spoken(int loudness) {
  std::vector<std::int16_t> sound;
  std::uint32_t random = 1;
  std::int64_t phase = 0, a1 = 0, a2 = 0, b1 = 0, b2 = 0;
  for (int t = 0; t < 16000; ++t) {
    random = random * 1664525u + 1013904223u;
    const std::int64_t noise = static_cast<std::int32_t>(random) >> 20;
    const bool voiced = t > 2400 && t < 8800, hisses = t >= 8800 && t < 12000;
    phase += 160 - t / 200;
    std::int64_t source = 0;
    if (phase >= 16000) {
      phase -= 16000;
      source = voiced ? 60000 : 0;
    }
    if (hisses) source = noise * 4;
    // y[t] = x + 2 r cos(w) y[t - 1] - r^2 y[t - 2], 12 bits of fraction; the first resonance opens, the second closes.
    const std::int64_t open = 7700 - (voiced ? t / 16 : 0), close = hisses ? -5200 : 4200 + t / 8;
    const std::int64_t a = source + (open * a1 - 3950 * a2) / 4096, b = source + (close * b1 - 3800 * b2) / 4096;
    a2 = a1, a1 = a, b2 = b1, b1 = b;
    const std::int64_t y = ((a + b) * loudness >> 9) + (noise >> 7);
    sound.push_back(static_cast<std::int16_t>(std::clamp<std::int64_t>(y, -32768, 32767)));
  }
  return sound;
}

/// What the preprocessor's file says: the constants of a custom op, and its options.
class Graph {
 public:
  explicit Graph(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    model_ = flatbuffers::GetRoot<tfl::schema::Model>(bytes_.data());
  }
  std::vector<int> shorts(const std::string& op, int input) const {
    const auto* tensor =
        model_->subgraphs()->Get(0)->tensors()->Get(static_cast<unsigned>(find(op)->inputs()->Get(static_cast<unsigned>(input))));
    const auto* data = model_->buffers()->Get(tensor->buffer())->data();
    std::vector<int> values;
    for (unsigned i = 0; i + 1 < data->size(); i += 2) {
      values.push_back(static_cast<std::int16_t>(data->Get(i) | data->Get(i + 1) << 8));
    }
    return values;
  }
  int option(const std::string& op, const char* name) const {
    const auto* options = find(op)->custom_options();
    return static_cast<int>(tfl::CustomOptions({options->data(), options->size()}).integer(name, -1));
  }

 private:
  const tfl::schema::Operator* find(const std::string& op) const {
    for (const auto* node : *model_->subgraphs()->Get(0)->operators()) {
      const auto* code = model_->operator_codes()->Get(node->opcode_index());
      if (code->custom_code() != nullptr && code->custom_code()->str() == op) return node;
    }
    return nullptr;
  }
  std::vector<char> bytes_;
  const tfl::schema::Model* model_ = nullptr;
};

struct Pair {
  int re = 0, im = 0;
};
int narrow(long long x) { return static_cast<std::int16_t>(x); }
int rounded(long long x) { return narrow((x + (1 << 14)) >> 15); }
Pair times(Pair a, Pair b) { return {rounded(1LL * a.re * b.re - 1LL * a.im * b.im), rounded(1LL * a.re * b.im + 1LL * a.im * b.re)}; }
Pair over(Pair a, int n) { return {rounded(1LL * a.re * (32767 / n)), rounded(1LL * a.im * (32767 / n))}; }
Pair turn(double angle) {
  return {static_cast<int>(std::floor(0.5 + 32767 * std::cos(angle))), static_cast<int>(std::floor(0.5 + 32767 * std::sin(angle)))};
}

/// kissfft's transform of 4^n numbers, every step of which divides by 4.
std::vector<Pair> fourier(const std::vector<Pair>& x) {
  const std::size_t n = x.size(), m = n / 4;
  if (n == 1) return x;
  std::vector<Pair> quarter[4], out(n);
  for (std::size_t q = 0; q < 4; ++q) {
    for (std::size_t i = q; i < n; i += 4) quarter[q].push_back(x[i]);
    quarter[q] = fourier(quarter[q]);
  }
  for (std::size_t k = 0; k < m; ++k) {
    Pair p[4];
    for (std::size_t q = 0; q < 4; ++q) {
      p[q] = over(quarter[q][k], 4);
      if (q > 0) p[q] = times(p[q], turn(-2 * std::numbers::pi * static_cast<double>(q * k) / static_cast<double>(n)));
    }
    out[k] = {narrow(p[0].re + p[1].re + p[2].re + p[3].re), narrow(p[0].im + p[1].im + p[2].im + p[3].im)};
    out[k + m] = {narrow(p[0].re + p[1].im - p[2].re - p[3].im), narrow(p[0].im - p[1].re - p[2].im + p[3].re)};
    out[k + 2 * m] = {narrow(p[0].re - p[1].re + p[2].re - p[3].re), narrow(p[0].im - p[1].im + p[2].im - p[3].im)};
    out[k + 3 * m] = {narrow(p[0].re - p[1].im - p[2].re + p[3].im), narrow(p[0].im + p[1].re - p[2].im - p[3].re)};
  }
  return out;
}

/// The spectrum of real samples, from the transform of pairs of them.
std::vector<Pair> spectrum_of(const std::vector<int>& samples) {
  constexpr std::size_t half = transform / 2;
  std::vector<Pair> pairs(half);
  for (std::size_t i = 0; i < samples.size(); ++i) (i % 2 == 0 ? pairs[i / 2].re : pairs[i / 2].im) = samples[i];
  const std::vector<Pair> z = fourier(pairs);
  std::vector<Pair> out(half + 1);
  const Pair first = over(z[0], 2);
  out[0] = {narrow(first.re + first.im), 0};
  out[half] = {narrow(first.re - first.im), 0};
  for (std::size_t k = 1; k <= half / 2; ++k) {
    const Pair a = over(z[k], 2), b = over({z[half - k].re, narrow(-z[half - k].im)}, 2);
    const Pair sum{narrow(a.re + b.re), narrow(a.im + b.im)};
    const Pair t = times({narrow(a.re - b.re), narrow(a.im - b.im)},
                         turn(-std::numbers::pi * (static_cast<double>(k) / static_cast<double>(half) + 0.5)));
    out[k] = {narrow(sum.re + t.re) >> 1, narrow(sum.im + t.im) >> 1};
    out[half - k] = {narrow(sum.re - t.re) >> 1, narrow(t.im - sum.im) >> 1};
  }
  return out;
}

int bits_of(std::uint64_t x) {
  int n = 0;
  for (; x != 0; x >>= 1) ++n;
  return n;
}

/// ln(x), times 2^6, by a table of 128 segments of log2.
int logarithm(std::uint32_t x, int scale) {
  const auto segment = [](int i) { return static_cast<int>(std::lround(65536 * std::log2(1 + i / 128.0))) - 512 * i; };
  const int whole = bits_of(x) - 1;
  const auto rest = static_cast<std::int64_t>(x) - (std::int64_t{1} << whole);
  const auto fraction = static_cast<int>(whole < 16 ? rest << (16 - whole) : rest >> (whole - 16));
  const int i = fraction >> 9, low = segment(i), high = segment(i + 1);
  const std::int64_t log2 = (std::int64_t{whole} << 16) + fraction + low + ((high - low) * (fraction - 512 * i) >> 16);
  const std::int64_t natural = (45426 * log2 + 32768) >> 16;
  return static_cast<int>(std::min<std::int64_t>((scale * natural + 32768) >> 16, 32767));
}

/// The features before they are scaled, frame by frame: each op of TensorFlow Lite Micro's audio front end in turn.
class Reference {
 public:
  explicit Reference(const fs::path& path) : graph_(path), noise_(channels) {}

  Features operator()(const std::int16_t* sound) {
    const std::vector<int> window = graph_.shorts("SignalWindow", 1);
    std::vector<int> samples;
    int largest = 0;
    for (int i = 0; i < samples_in_frame; ++i) {
      samples.push_back(
          std::clamp(sound[i] * window[static_cast<std::size_t>(i)] >> graph_.option("SignalWindow", "shift"), -32768, 32767));
      largest = std::max(largest, std::abs(samples.back()));
    }
    const int scale_bits = std::max(15 - bits_of(static_cast<std::uint64_t>(largest)), 0);
    for (int& x : samples) x *= 1 << scale_bits;
    const std::vector<Pair> spectrum = spectrum_of(samples);
    std::vector<std::uint64_t> energy(spectrum.size());
    const int end = graph_.option("SignalEnergy", "end_index");
    for (int i = graph_.option("SignalEnergy", "start_index"); i < end; ++i) {
      const Pair p = spectrum[static_cast<std::size_t>(i)];
      energy[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(p.re * p.re) + static_cast<std::uint32_t>(p.im * p.im);
    }
    Features features;
    for (int c = 0; c < channels; ++c) features.push_back(feature(c, band(c, energy), scale_bits));
    return features;
  }

 private:
  using Index = std::size_t;

  /// A band rises over one part of the spectrum and falls over the next.
  std::uint64_t band(int c, const std::vector<std::uint64_t>& energy) const {
    const std::vector<int> rising = graph_.shorts("SignalFilterBank", 1), falling = graph_.shorts("SignalFilterBank", 2),
                           first = graph_.shorts("SignalFilterBank", 3), weight = graph_.shorts("SignalFilterBank", 4),
                           width = graph_.shorts("SignalFilterBank", 5);
    std::uint64_t sum = 0;
    for (int part = c; part < c + 2; ++part) {
      const auto p = static_cast<Index>(part);
      const std::vector<int>& weights = part == c ? falling : rising;
      for (int j = 0; j < width[p]; ++j) {
        sum += static_cast<std::uint64_t>(weights[static_cast<Index>(weight[p] + j)]) * energy[static_cast<Index>(first[p] + j)];
      }
    }
    return sum;
  }

  int feature(int c, std::uint64_t sum, int scale_bits) {
    auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<long double>(sum)));
    while (root * root > sum) --root;
    while ((root + 1) * (root + 1) <= sum) ++root;
    if (sum - root * root > root && root < (sum >> 32 == 0 ? 0xffffu : 0xffffffffu)) ++root;
    const auto signal = static_cast<std::uint32_t>(root >> scale_bits);
    // What stays the same from frame to frame is noise.
    const char* const op = "SignalFilterBankSpectralSubtraction";
    const auto o = [&](const char* name) { return static_cast<std::uint64_t>(graph_.option(op, name)); };
    const bool odd = c % 2 == 1;
    const std::uint64_t lifted = static_cast<std::uint32_t>(signal << o("smoothing_bits"));
    std::uint32_t& noise = noise_[static_cast<Index>(c)];
    noise = static_cast<std::uint32_t>((lifted * o(odd ? "alternate_smoothing" : "smoothing") +
                                        noise * o(odd ? "alternate_one_minus_smoothing" : "one_minus_smoothing")) >>
                                       o("spectral_subtraction_bits"));
    const auto left = static_cast<std::uint32_t>(lifted - std::min<std::uint64_t>(noise, lifted)) >> o("smoothing_bits");
    const auto least = static_cast<std::uint32_t>(signal * o("min_signal_remaining") >> o("spectral_subtraction_bits"));
    return compressed(std::max(left, least), noise);
  }

  /// Automatic gain by the noise, then the logarithm.
  int compressed(std::uint32_t signal, std::uint32_t noise) const {
    const std::vector<int> table = graph_.shorts("SignalPCAN", 2);
    int gain = 0;
    if (noise <= 2) {
      gain = table[noise];
    } else {
      const int width = bits_of(noise);
      const auto at = static_cast<Index>(4 * width - 6);
      const auto fraction = static_cast<int>((width < 11 ? noise << (11 - width) : noise >> (width - 11)) & 0x3ff);
      int slope = (table[at + 2] * fraction >> 5) + (table[at + 1] << 5);
      slope = (slope * fraction + (1 << 14)) >> 15;
      gain = narrow(slope + table[at]);
    }
    const auto ratio =
        static_cast<std::uint32_t>(std::uint64_t{signal} * static_cast<std::uint32_t>(gain) >> graph_.option("SignalPCAN", "snr_shift"));
    const std::uint32_t shrunk = ratio < 2u << 12 ? ratio * ratio >> 20 : (ratio >> 6) - (1u << 6);
    const std::uint32_t scaled = shrunk << graph_.option("SignalFilterBankLog", "input_correction_bits");
    return scaled > 1 ? logarithm(scaled, graph_.option("SignalFilterBankLog", "output_scale")) : 0;
  }

  Graph graph_;
  std::vector<std::uint32_t> noise_;
};

/// All frames' features from a preprocessor: integers of type T.
template <class T> std::vector<T> features_of(const fs::path& path, const std::vector<std::int16_t>& sound) {
  std::vector<T> features;
  auto model = tfl::Model::from_file(path.c_str());
  EXPECT_TRUE(model) << model.message();
  auto made = AnyInterpreter::create(*model);
  EXPECT_TRUE(made) << made.message();
  if (!made) return features;
  for (int f = 0; f < frames; ++f) {
    auto in = made->input<std::int16_t>(0);
    EXPECT_TRUE(in) << in.message();
    std::copy_n(sound.begin() + f * step, samples_in_frame, in->data());
    const auto run = made->invoke();
    EXPECT_TRUE(run) << run.message();
    auto out = made->output<T>(0);
    EXPECT_TRUE(out) << out.message();
    features.insert(features.end(), out->begin(), out->end());
  }
  return features;
}

std::vector<int> classify(const std::vector<std::int8_t>& features) {
  auto model = tfl::Model::from_file((models / "micro_speech_quantized.tflite").c_str());
  EXPECT_TRUE(model) << model.message();
  auto made = AnyInterpreter::create(*model);
  EXPECT_TRUE(made) << made.message();
  auto in = made->input<std::int8_t>(0);
  EXPECT_TRUE(in) << in.message();
  std::copy(features.begin(), features.end(), in->begin());
  EXPECT_TRUE(made->invoke());
  const auto out = made->output<std::int8_t>(0);
  return {out->begin(), out->end()};
}

TEST(MicroSpeech, HearsWhatMicrosArithmeticHears) {
  if (!fs::exists(models / "audio_preprocessor_int8.tflite")) GTEST_SKIP() << "needs the models in " << models;
  for (const int loudness : {0, 1, 9, 90, 2000}) {
    const std::vector<std::int16_t> sound = spoken(loudness);
    Reference reference(models / "audio_preprocessor_int8.tflite");
    std::vector<std::int8_t> wanted;
    std::vector<float> wanted_real;
    for (int f = 0; f < frames; ++f) {
      for (const int x : reference(sound.data() + f * step)) {
        wanted.push_back(static_cast<std::int8_t>(std::clamp((x * 256 + 333) / 666 - 128, -128, 127)));
        wanted_real.push_back(static_cast<float>(x) * 0.0390625f);
      }
    }
    const std::vector<std::int8_t> features = features_of<std::int8_t>(models / "audio_preprocessor_int8.tflite", sound);
    ASSERT_EQ(features, wanted) << "loudness " << loudness;
    ASSERT_EQ(features_of<float>(models / "audio_preprocessor_float.tflite", sound), wanted_real) << "loudness " << loudness;
    // A word is neither nothing nor the same all the time.
    if (loudness > 0) {
      const auto [least, most] = std::minmax_element(features.begin(), features.end());
      EXPECT_GT(*most - *least, 50) << "loudness " << loudness;
    }

    const std::vector<int> from_features = classify(features);
    ASSERT_EQ(from_features.size(), 4u);
    int sum = 0;
    for (const int x : from_features) sum += x + 128;
    EXPECT_NEAR(sum, 256, 2);  // of probabilities
    std::vector<std::int8_t> quantized;
    for (const float x : wanted_real) {
      quantized.push_back(static_cast<std::int8_t>(std::clamp(static_cast<int>(std::floor(x * 256 / 26 + 0.5f)) - 128, -128, 127)));
    }
    // The int8 preprocessor divides by 666 where 665.6 would be exact: now and then a feature is one off.
    const std::vector<int> from_real = classify(quantized);
    for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(from_real[k], from_features[k], 3) << "loudness " << loudness;
  }
}

}  // namespace
