#pragma once
// TensorFlow Lite Micro's ops that make features of sound, in fixed point and equal to them in every bit: SignalWindow, SignalEnergy,
// SignalFilterBank, SignalFilterBankSquareRoot, SignalFilterBankSpectralSubtraction, SignalPCAN, SignalFilterBankLog. Those that keep
// samples from one run to the next are in signal_stream.hpp, the transforms in signal_fft.hpp.

#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// What signal ops have in common.
struct SignalOp {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr int max_version = 1;
};

constexpr Violation require_signal_type(const NodeDescription& node, int input, TensorType type, const char* rule) {
  return node.input(input).type == type ? Violation{} : input_violation(input, ErrorCode::invalid_type, rule);
}
constexpr Violation require_signal_output(const NodeDescription& node, int output, TensorType type, const char* rule) {
  return node.output(output).type == type ? Violation{} : output_violation(output, ErrorCode::invalid_type, rule);
}

/// The number of the highest bit that is set, from 1 on; 32 for 0, as Micro has it.
template <class A> std::uint32_t highest_bit(std::uint32_t x) { return x != 0 ? 32 - static_cast<std::uint32_t>(std::countl_zero(x)) : 32; }

/// An option that fits 32 bits, or `otherwise`.
template <class Custom> constexpr std::int32_t signal_option(const Custom& custom, std::string_view key, std::int32_t otherwise = 0) {
  const std::int64_t value = custom.integer(key, otherwise);
  const bool fits = value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max();
  return fits ? static_cast<std::int32_t>(value) : otherwise;
}
constexpr Violation require_shift(std::int32_t shift, std::int32_t most) {
  if (shift >= 0 && shift <= most) return {};
  return node_violation(ErrorCode::invalid_option, "must shift by 0 to {} bits, not {}", most, shift);
}

}  // namespace detail

/// SignalWindow: samples[..., n], weights[n] -> samples * weights / 2^shift, saturated
struct SignalWindow : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalWindow";
  static constexpr Arity inputs = 2, outputs = 1;

  struct Options {
    std::int32_t shift = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) { return {detail::signal_option(custom, "shift")}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (const Violation v = detail::require_signal_type(node, i, TensorType::int16, "must be int16")) return v;
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (const Violation v = require_rank(node, 1, 1)) return v;
    if (const Violation v = detail::require_shift(options.shift, 31)) return v;
    if (node.input(1).shape[0] != node.input(0).shape.last()) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the {} elements of input 0's last dimension, not {}",
                             node.input(0).shape.last(), node.input(1).shape[0]);
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, In weights, Out out) {
    const std::int64_t n = weights.count();
    for (std::int64_t i = 0; i < in.count(); ++i) {
      const std::int32_t x = (std::int32_t{in[i]} * weights[i % n]) >> run.prepared.shift;
      out[i] = static_cast<std::int16_t>(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
    }
  }

  using Types = Signatures<Signature<Takes<std::int16_t, std::int16_t>, Gives<std::int16_t>>>;
};

/// SignalEnergy: spectrum[2 n] (pairs) -> energy[n]: the square of each number from start_index to end_index - 1
struct SignalEnergy : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalEnergy";
  static constexpr Arity inputs = 1, outputs = 1;

  struct Options {
    std::int32_t start = 0, end = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {detail::signal_option(custom, "start_index"), detail::signal_option(custom, "end_index")};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_signal_type(node, 0, TensorType::int16, "must be int16")) return v;
    if (const Violation v = detail::require_signal_output(node, 0, TensorType::uint32, "must be uint32")) return v;
    if (const Violation v = require_rank(node, 0, 1)) return v;
    const std::int32_t n = node.input(0).shape[0] / 2;
    if (options.start < 0 || options.end < options.start || options.end > n) {
      return node_violation(ErrorCode::invalid_option, "asks for the numbers from {} to {} of a spectrum that has {}", options.start,
                            options.end, n);
    }
    node.output(0).shape = {n};
    return {};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    for (std::int64_t i = 0; i < out.count(); ++i) {
      const bool inside = i >= run.prepared.start && i < run.prepared.end;
      const std::int32_t real = in[2 * i], imaginary = in[2 * i + 1];
      out[i] = inside ? static_cast<std::uint32_t>(real * real) + static_cast<std::uint32_t>(imaginary * imaginary) : 0u;
    }
  }

  using Types = Signatures<Signature<Takes<std::int16_t>, Gives<std::uint32_t>>>;
};

/// SignalFilterBank: energy[n], weights, unweights, frequency starts, weight starts, widths (each [channels + 1]) -> channels: overlapping
/// triangles, each of which is one channel's rising side (weights) and the fall of the one before (unweights)
struct SignalFilterBank : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalFilterBank";
  static constexpr Arity inputs = 6, outputs = 1;

  struct Options {
    std::int32_t channels = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) { return {detail::signal_option(custom, "num_channels")}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_signal_type(node, 0, TensorType::uint32, "must be uint32")) return v;
    for (int i = 1; i < 6; ++i) {
      if (const Violation v = detail::require_signal_type(node, i, TensorType::int16, "must be int16")) return v;
    }
    if (const Violation v = detail::require_signal_output(node, 0, TensorType::uint64, "must be uint64")) return v;
    for (int i = 0; i < 6; ++i) {
      if (const Violation v = require_rank(node, i, 1)) return v;
    }
    if (options.channels < 1 || options.channels > (1 << 24)) {
      return node_violation(ErrorCode::invalid_option, "must have at least one channel, not {}", options.channels);
    }
    if (node.input(2).shape[0] != node.input(1).shape[0]) {
      return input_violation(2, ErrorCode::invalid_shape, "must have the {} elements of input 1, not {}", node.input(1).shape[0],
                             node.input(2).shape[0]);
    }
    for (int i = 3; i < 6; ++i) {
      if (node.input(i).shape[0] < options.channels + 1) {
        return input_violation(i, ErrorCode::invalid_shape, "must have at least {} elements, one more than channels; it has {}",
                               options.channels + 1, node.input(i).shape[0]);
      }
    }
    node.output(0).shape = {options.channels};
    return {};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class Energy, class In, class Out>
  static Violation eval(const Run& run, Energy energy, In weights, In unweights, In frequencies, In starts, In widths, Out out) {
    std::uint64_t rising = 0, falling = 0;
    for (std::int64_t c = 0; c <= run.prepared.channels; ++c) {
      const std::int64_t width = widths[c], at = frequencies[c], first = starts[c];
      if (width > 0 && (at < 0 || at + width > energy.count())) {
        return input_violation(3, ErrorCode::invalid_value, "lets channel {} read beyond the {} energies, from {} on", c, energy.count(),
                               at);
      }
      if (width > 0 && (first < 0 || first + width > weights.count())) {
        return input_violation(4, ErrorCode::invalid_value, "lets channel {} read beyond the {} weights, from {} on", c, weights.count(),
                               first);
      }
      for (std::int64_t k = 0; k < width; ++k) {
        // Negative weights wrap, as in Micro.
        const std::uint64_t x = energy[at + k];
        rising += static_cast<std::uint64_t>(std::int64_t{weights[first + k]}) * x;
        falling += static_cast<std::uint64_t>(std::int64_t{unweights[first + k]}) * x;
      }
      if (c > 0) out[c - 1] = rising;  // what comes before the first channel's peak belongs to none
      rising = falling;
      falling = 0;
    }
    return {};
  }

  using Types = Signatures<
      Signature<Takes<std::uint32_t, std::int16_t, std::int16_t, std::int16_t, std::int16_t, std::int16_t>, Gives<std::uint64_t>>>;
};

/// SignalFilterBankSquareRoot: channels[n], bits -> the nearest whole square roots / 2^bits
struct SignalFilterBankSquareRoot : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalFilterBankSquareRoot";
  static constexpr Arity inputs = 2, outputs = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_signal_type(node, 0, TensorType::uint64, "must be uint64")) return v;
    if (const Violation v = detail::require_signal_type(node, 1, TensorType::int32, "must be int32")) return v;
    if (const Violation v = detail::require_signal_output(node, 0, TensorType::uint32, "must be uint32")) return v;
    if (const Violation v = require_rank(node, 0, 1)) return v;
    if (node.input(1).count() != 1)
      return input_violation(1, ErrorCode::invalid_shape, "must have one element, not {}", node.input(1).count());
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Bits, class Out> static Violation eval(const Run&, In in, Bits bits, Out out) {
    if (bits[0] < 0 || bits[0] > 31) return input_violation(1, ErrorCode::invalid_value, "must be 0 to 31, not {}", bits[0]);
    for (std::int64_t i = 0; i < in.count(); ++i) out[i] = root<typename Run::Arch>(in[i]) >> bits[0];
    return {};
  }

  using Types = Signatures<Signature<Takes<std::uint64_t, std::int32_t>, Gives<std::uint32_t>>>;

 private:
  template <class A> static std::uint32_t root(std::uint64_t x) {
    const std::uint64_t most = x >> 32 == 0 ? 0xffff : 0xffffffff;
    std::uint64_t result = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 62; bit != 0; bit >>= 2) {  // digit by digit
      if (x >= result + bit) {
        x -= result + bit;
        result = (result >> 1) + bit;
      } else {
        result >>= 1;
      }
    }
    return static_cast<std::uint32_t>(x > result && result != most ? result + 1 : result);
  }
};

/// SignalFilterBankSpectralSubtraction: channels[n] -> the channels without their estimated noise, and the estimate, which follows the
/// signal slowly from run to run
struct SignalFilterBankSpectralSubtraction : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalFilterBankSpectralSubtraction";
  static constexpr Arity inputs = 1, outputs = 2;
  static constexpr OpTraits traits{.has_side_effects = true};

  struct Options {
    std::int32_t channels = 0, smoothing = 0, one_minus_smoothing = 0, alternate_smoothing = 0, alternate_one_minus_smoothing = 0;
    std::int32_t smoothing_bits = 0, min_signal_remaining = 0, subtraction_bits = 0;
    bool clamping = false;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      Options o;
      o.channels = detail::signal_option(custom, "num_channels");
      o.smoothing = detail::signal_option(custom, "smoothing");
      o.one_minus_smoothing = detail::signal_option(custom, "one_minus_smoothing");
      o.alternate_smoothing = detail::signal_option(custom, "alternate_smoothing");
      o.alternate_one_minus_smoothing = detail::signal_option(custom, "alternate_one_minus_smoothing");
      o.smoothing_bits = detail::signal_option(custom, "smoothing_bits");
      o.min_signal_remaining = detail::signal_option(custom, "min_signal_remaining");
      o.subtraction_bits = detail::signal_option(custom, "spectral_subtraction_bits");
      o.clamping = custom.boolean("clamping");
      return o;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_signal_type(node, 0, TensorType::uint32, "must be uint32")) return v;
    for (int i = 0; i < 2; ++i) {
      if (const Violation v = detail::require_signal_output(node, i, TensorType::uint32, "must be uint32")) return v;
    }
    if (const Violation v = require_rank(node, 0, 1)) return v;
    if (const Violation v = detail::require_shift(options.smoothing_bits, 31)) return v;
    if (const Violation v = detail::require_shift(options.subtraction_bits, 63)) return v;
    if (options.channels != node.input(0).shape[0]) {
      return input_violation(0, ErrorCode::invalid_shape, "must have the {} channels of the options, not {}", options.channels,
                             node.input(0).shape[0]);
    }
    node.output(0).shape = node.output(1).shape = node.input(0).shape;
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.state_bytes = node.input(0).bytes()};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out, Out noise) {
    const Options& o = run.prepared;
    auto* const kept = reinterpret_cast<std::uint32_t*>(run.state);
    for (std::int64_t i = 0; i < in.count(); ++i) {
      const auto smoothing = static_cast<std::uint32_t>(i % 2 == 0 ? o.smoothing : o.alternate_smoothing);
      const auto rest = static_cast<std::uint32_t>(i % 2 == 0 ? o.one_minus_smoothing : o.alternate_one_minus_smoothing);
      const std::uint32_t signal = in[i] << o.smoothing_bits;
      std::uint32_t estimate =
          static_cast<std::uint32_t>((std::uint64_t{signal} * smoothing + std::uint64_t{kept[i]} * rest) >> o.subtraction_bits);
      kept[i] = estimate;
      if (estimate > signal) {
        estimate = signal;
        if (o.clamping) kept[i] = estimate;
      }
      const auto least = static_cast<std::uint32_t>(
          (std::uint64_t{in[i]} * static_cast<std::uint64_t>(std::int64_t{o.min_signal_remaining})) >> o.subtraction_bits);
      const std::uint32_t subtracted = (signal - estimate) >> o.smoothing_bits;
      out[i] = subtracted > least ? subtracted : least;
      noise[i] = kept[i];
    }
  }

  using Types = Signatures<Signature<Takes<std::uint32_t>, Gives<std::uint32_t, std::uint32_t>>>;
};

/// SignalPCAN: channels[n], noise[n], gain table -> per-channel amplitude normalization: the channels times a gain that falls with the
/// noise, then compressed
struct SignalPcan : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalPCAN";
  static constexpr Arity inputs = 3, outputs = 1;

  struct Options {
    std::int32_t snr_shift = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) { return {detail::signal_option(custom, "snr_shift")}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (const Violation v = detail::require_signal_type(node, i, TensorType::uint32, "must be uint32")) return v;
    }
    if (const Violation v = detail::require_signal_type(node, 2, TensorType::int16, "must be int16")) return v;
    if (const Violation v = detail::require_signal_output(node, 0, TensorType::uint32, "must be uint32")) return v;
    for (int i = 0; i < 3; ++i) {
      if (const Violation v = require_rank(node, i, 1)) return v;
    }
    if (!(node.input(1).shape == node.input(0).shape))
      return input_violation(1, ErrorCode::invalid_shape, "must have the shape of input 0");
    if (node.input(2).shape[0] < table_size) {
      return input_violation(2, ErrorCode::invalid_shape, "must have at least {} elements, not {}", table_size, node.input(2).shape[0]);
    }
    if (const Violation v = detail::require_shift(options.snr_shift, 63)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class In, class Table, class Out> static void eval(const Run& run, In in, In noise, Table table, Out out) {
    constexpr int snr_bits = 12, out_bits = 6;
    for (std::int64_t i = 0; i < in.count(); ++i) {
      const auto by = static_cast<std::uint32_t>(std::int32_t{gain<typename Run::Arch>(noise[i], table.data())});
      const auto snr = static_cast<std::uint32_t>((std::uint64_t{in[i]} * by) >> run.prepared.snr_shift);
      out[i] = snr < (2u << snr_bits) ? (snr * snr) >> (2 + 2 * snr_bits - out_bits) : (snr >> (snr_bits - out_bits)) - (1u << out_bits);
    }
  }

  using Types = Signatures<Signature<Takes<std::uint32_t, std::uint32_t, std::int16_t>, Gives<std::uint32_t>>>;

 private:
  static constexpr std::int32_t table_size = 4 * 32 - 6 + 3;  // what the highest bit reads

  /// A function between powers of two: the table holds three coefficients of a parabola for each.
  template <class A> static std::int16_t gain(std::uint32_t x, const std::int16_t* table) {
    if (x <= 2) return table[x];
    const auto bit = static_cast<int>(detail::highest_bit<A>(x));
    const std::int16_t* const c = table + (4 * bit - 6);
    const auto fraction = static_cast<std::int32_t>((bit < 11 ? x << (11 - bit) : x >> (bit - 11)) & 0x3ff);
    const auto slope = static_cast<std::uint32_t>((c[2] * fraction) >> 5) + (static_cast<std::uint32_t>(std::int32_t{c[1]}) << 5);
    const auto product = static_cast<std::int32_t>(slope * static_cast<std::uint32_t>(fraction) + (1u << 14));
    return static_cast<std::int16_t>((product >> 15) + c[0]);
  }
};

/// SignalFilterBankLog: channels[n] -> output_scale * log(channels * 2^input_correction_bits), at most 32767; 0 below 2
struct SignalFilterBankLog : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalFilterBankLog";
  static constexpr Arity inputs = 1, outputs = 1;

  struct Options {
    std::int32_t scale = 0, correction_bits = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {detail::signal_option(custom, "output_scale"), detail::signal_option(custom, "input_correction_bits")};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_signal_type(node, 0, TensorType::uint32, "must be uint32")) return v;
    if (const Violation v = detail::require_signal_output(node, 0, TensorType::int16, "must be int16")) return v;
    if (const Violation v = require_rank(node, 0, 1)) return v;
    if (const Violation v = detail::require_shift(options.correction_bits, 31)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    for (std::int64_t i = 0; i < in.count(); ++i) {
      const std::uint32_t x = in[i] << run.prepared.correction_bits;
      const std::uint32_t log = x > 1 ? scaled_log<typename Run::Arch>(x, static_cast<std::uint32_t>(run.prepared.scale)) : 0;
      out[i] = static_cast<std::int16_t>(log < 32767 ? log : 32767);
    }
  }

  using Types = Signatures<Signature<Takes<std::uint32_t>, Gives<std::int16_t>>>;

 private:
  /// 65536 (log2(1 + k / 128) - k / 128), for k from 0 to 128
  static constexpr std::uint16_t corrections[] = {
      0,    224,  442,  654,  861,  1063, 1259, 1450, 1636, 1817, 1992, 2163, 2329, 2490, 2646, 2797, 2944, 3087, 3224, 3358, 3487, 3611,
      3732, 3848, 3960, 4068, 4172, 4272, 4368, 4460, 4549, 4633, 4714, 4791, 4864, 4934, 5001, 5063, 5123, 5178, 5231, 5280, 5326, 5368,
      5408, 5444, 5477, 5507, 5533, 5557, 5578, 5595, 5610, 5622, 5631, 5637, 5640, 5641, 5638, 5633, 5626, 5615, 5602, 5586, 5568, 5547,
      5524, 5498, 5470, 5439, 5406, 5370, 5332, 5291, 5249, 5203, 5156, 5106, 5054, 5000, 4944, 4885, 4825, 4762, 4697, 4630, 4561, 4490,
      4416, 4341, 4264, 4184, 4103, 4020, 3935, 3848, 3759, 3668, 3575, 3481, 3384, 3286, 3186, 3084, 2981, 2875, 2768, 2659, 2549, 2437,
      2323, 2207, 2090, 1971, 1851, 1729, 1605, 1480, 1353, 1224, 1094, 963,  830,  695,  559,  421,  282,  142,  0,    0};

  template <class A> static std::uint32_t scaled_log(std::uint32_t x, std::uint32_t scale) {
    const std::uint32_t whole = detail::highest_bit<A>(x) - 1;
    const std::uint32_t above = x - (1u << whole);
    const auto fraction = static_cast<std::int32_t>(whole < 16 ? above << (16 - whole) : above >> (whole - 16));
    const std::int32_t segment = fraction >> 9, c0 = corrections[segment], c1 = corrections[segment + 1];
    const std::int32_t between = ((c1 - c0) * (fraction - (segment << 9))) >> 16;
    const std::uint32_t log2 = (whole << 16) + static_cast<std::uint32_t>(fraction + c0 + between);
    const auto log = static_cast<std::uint32_t>((std::uint64_t{45426} * log2 + 32768) >> 16);  // 65536 log(2)
    return (scale * log + 32768) >> 16;
  }
};

}  // namespace tfl
