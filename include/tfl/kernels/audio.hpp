#pragma once
// The custom ops AudioSpectrogram and Mfcc: what older models of speech begin with.

#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>

#include "tfl/kernels/fourier.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

/// AudioSpectrogram: samples[n, channels] -> [channels, windows, frequencies]: the magnitudes, or their squares, of the transform of each
/// window under a Hann curve, filled up with zeros to a power of two
struct AudioSpectrogram {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "AudioSpectrogram";
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::int64_t window = 0, stride = 0;
    bool squared = false;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {custom.integer("window_size"), custom.integer("stride"), custom.boolean("magnitude_squared")};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 2)) return v;
    if (options.window < 2 || options.window > (1 << 24)) {
      return node_violation(ErrorCode::invalid_option, "must have a window_size from 2 to 2^24, not {}", options.window);
    }
    if (options.stride < 1) return node_violation(ErrorCode::invalid_option, "must have a stride of at least 1, not {}", options.stride);
    const Prepared p = describe(options, node);
    node.output(0).shape = {node.input(0).shape[1], static_cast<std::int32_t>(p.windows), static_cast<std::int32_t>(p.length / 2 + 1)};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    // A window's transform, its factors, the curve.
    const std::int64_t n = describe(options, node).length;
    return {.scratch_bytes = (n + n / 2) * static_cast<std::int64_t>(sizeof(detail::ComplexDouble)) +
                             options.window * static_cast<std::int64_t>(sizeof(double))};
  }

  struct Prepared {
    std::int64_t channels = 0, windows = 0, window = 0, stride = 0, length = 0;
    bool squared = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return describe(options, node);
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    auto* const x = reinterpret_cast<detail::ComplexDouble*>(run.scratch);
    auto* const twiddles = x + p.length;
    auto* const curve = reinterpret_cast<double*>(twiddles + p.length / 2);
    detail::make_twiddles<A>(twiddles, p.length);
    for (std::int64_t i = 0; i < p.window; ++i) {
      curve[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(p.window));
    }
    float* to = out.data();
    for (std::int64_t c = 0; c < p.channels; ++c) {
      for (std::int64_t w = 0; w < p.windows; ++w) {
        for (std::int64_t i = 0; i < p.length; ++i) {
          x[i] = {i < p.window ? static_cast<double>(in[(w * p.stride + i) * p.channels + c]) * curve[i] : 0.0, 0.0};
        }
        detail::transform<A>(x, p.length, 1, twiddles, p.length, false);
        for (std::int64_t i = 0; i <= p.length / 2; ++i) {
          const auto square = static_cast<float>(x[i].real * x[i].real + x[i].imaginary * x[i].imaginary);
          *to++ = p.squared ? square : std::sqrt(square);
        }
      }
    }
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>>;

 private:
  static constexpr Prepared describe(const Options& options, const NodeDescription& node) {
    const std::int64_t samples = node.input(0).shape[0];
    std::int64_t length = 1;
    while (length < options.window) length *= 2;
    const std::int64_t windows = samples < options.window ? 0 : 1 + (samples - options.window) / options.stride;
    return {node.input(0).shape[1], windows, options.window, options.stride, length, options.squared};
  }
};

/// Mfcc: spectrogram[channels, windows, frequencies] (squared magnitudes), sample rate -> mel-frequency cepstral coefficients: a cosine
/// transform of the logarithms of triangular bands that are evenly spaced in mel
struct Mfcc {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "Mfcc";
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::int64_t upper = 0, lower = 0, bands = 0, coefficients = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {custom.integer("upper_frequency_limit"), custom.integer("lower_frequency_limit"), custom.integer("filterbank_channel_count"),
              custom.integer("dct_coefficient_count")};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 3)) return v;
    if (node.input(1).count() != 1)
      return input_violation(1, ErrorCode::invalid_shape, "must have one element, not {}", node.input(1).count());
    const Shape& in = node.input(0).shape;
    if (in[2] < 2) return input_violation(0, ErrorCode::invalid_shape, "must have at least 2 frequencies, not {}", in[2]);
    if (options.bands < 1 || options.bands > (1 << 20)) {
      return node_violation(ErrorCode::invalid_option, "must have a filterbank_channel_count of at least 1, not {}", options.bands);
    }
    if (options.coefficients < 1 || options.coefficients > options.bands) {
      return node_violation(ErrorCode::invalid_option, "must have a dct_coefficient_count from 1 to {}, not {}", options.bands,
                            options.coefficients);
    }
    if (options.lower < 0 || options.upper <= options.lower || options.upper > (1 << 30)) {
      return node_violation(ErrorCode::invalid_option, "must have frequency limits that rise from 0 on, not {} and {}", options.lower,
                            options.upper);
    }
    node.output(0).shape = {in[0], in[1], static_cast<std::int32_t>(options.coefficients)};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    // Centres and sums of the bands, weights and bands of the frequencies.
    return {.scratch_bytes = (2 * options.bands + 1 + 2 * node.input(0).shape[2]) * 8};
  }

  struct Prepared {
    std::int64_t windows = 0, frequencies = 0, bands = 0, coefficients = 0;
    double lower = 0, upper = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    return Prepared{std::int64_t{in[0]} * in[1],       in[2], options.bands, options.coefficients, static_cast<double>(options.lower),
                    static_cast<double>(options.upper)};
  }

  template <class Run, class In, class Rate, class Out> static Violation eval(const Run& run, In in, Rate rate, Out out) {
    const Prepared& p = run.prepared;
    if (rate[0] < 1) return input_violation(1, ErrorCode::invalid_value, "must be positive, not {}", rate[0]);
    auto* const centres = reinterpret_cast<double*>(run.scratch);
    double* const sums = centres + p.bands + 1;
    double* const weights = sums + p.bands;
    auto* const band = reinterpret_cast<std::int64_t*>(weights + p.frequencies);
    const double low = mel(p.lower), spacing = (mel(p.upper) - low) / static_cast<double>(p.bands + 1);
    for (std::int64_t i = 0; i <= p.bands; ++i) centres[i] = low + spacing * static_cast<double>(i + 1);
    const double step = 0.5 * static_cast<double>(rate[0]) / static_cast<double>(p.frequencies - 1);
    const auto first = static_cast<std::int64_t>(1.5 + p.lower / step), last = static_cast<std::int64_t>(p.upper / step);
    if (last >= p.frequencies) {
      return input_violation(1, ErrorCode::invalid_value, "of {} lets the upper frequency limit lie beyond the {} frequencies", rate[0],
                             p.frequencies);
    }
    std::int64_t channel = 0;
    for (std::int64_t i = first; i <= last; ++i) {
      const double pitch = mel(static_cast<double>(i) * step);
      while (channel < p.bands && centres[channel] < pitch) ++channel;
      band[i] = channel - 1;
      weights[i] =
          channel > 0 ? (centres[channel] - pitch) / (centres[channel] - centres[channel - 1]) : (centres[0] - pitch) / (centres[0] - low);
    }
    const double norm = std::sqrt(2.0 / static_cast<double>(p.bands)), turn = std::numbers::pi / static_cast<double>(p.bands);
    for (std::int64_t w = 0; w < p.windows; ++w) {
      const float* const spectrum = in.data() + w * p.frequencies;
      for (std::int64_t b = 0; b < p.bands; ++b) sums[b] = 0;
      for (std::int64_t i = first; i <= last; ++i) {
        const double magnitude = std::sqrt(static_cast<double>(spectrum[i])), falling = magnitude * weights[i];
        if (band[i] >= 0) sums[band[i]] += falling;
        if (band[i] + 1 < p.bands) sums[band[i] + 1] += magnitude - falling;
      }
      for (std::int64_t b = 0; b < p.bands; ++b) sums[b] = std::log(sums[b] < 1e-12 ? 1e-12 : sums[b]);
      for (std::int64_t k = 0; k < p.coefficients; ++k) {
        double sum = 0;
        for (std::int64_t b = 0; b < p.bands; ++b) {
          sum += norm * std::cos(static_cast<double>(k) * turn * (static_cast<double>(b) + 0.5)) * sums[b];
        }
        out[w * p.coefficients + k] = static_cast<float>(sum);
      }
    }
    return {};
  }

  using Types = Signatures<Signature<Takes<float, std::int32_t>, Gives<float>>>;

 private:
  static double mel(double frequency) { return 1127.0 * std::log1p(frequency / 700.0); }
};

}  // namespace tfl
