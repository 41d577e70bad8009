#pragma once
// TensorFlow Lite Micro's transforms of sound: SignalRfft, SignalIrfft (int16, int32, float) and SignalFftAutoScale.
//
// A real signal of n samples is a complex one of n / 2, transformed in steps of 4 (and one of 2) and untangled. Fixed point is that of
// kissfft, which Micro uses: each step divides first, so that nothing overflows, and every product is rounded. The factors' roundings and
// the order of steps decide the bits.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// A complex number as the tensors hold it.
template <class T> struct SignalComplex { T r, i; };

template <class A, class T> struct SignalArithmetic {
  using C = SignalComplex<T>;
  static constexpr bool is_fixed = std::is_integral_v<T>;
  using Wide = std::conditional_t<!is_fixed, T, std::conditional_t<sizeof(T) == 2, std::int32_t, std::int64_t>>;
  using Bits = std::conditional_t<!is_fixed, T, std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint32_t>>;

  // Sums wrap.
  static T add(T a, T b) {
    if constexpr (is_fixed)
      return static_cast<T>(static_cast<Bits>(static_cast<Bits>(a) + static_cast<Bits>(b)));
    else
      return a + b;
  }
  static T subtract(T a, T b) {
    if constexpr (is_fixed)
      return static_cast<T>(static_cast<Bits>(static_cast<Bits>(a) - static_cast<Bits>(b)));
    else
      return a - b;
  }
  static T negative(T a) { return subtract(T{0}, a); }
  static C add(C a, C b) { return {add(a.r, b.r), add(a.i, b.i)}; }
  static C subtract(C a, C b) { return {subtract(a.r, b.r), subtract(a.i, b.i)}; }

  /// a.r * b.r - a.i * b.i and so on; `sign` is -1 for a difference.
  static T rounded_products(T a, T b, T c, T d, int sign) {
    if constexpr (is_fixed) {
      // Two products of most negative numbers pass the wide type: kissfft leaves that to the machine, here it wraps.
      using Unsigned = std::make_unsigned_t<Wide>;
      constexpr int fraction = sizeof(T) * 8 - 1;
      const auto x = static_cast<Unsigned>(static_cast<Wide>(a) * b), y = static_cast<Unsigned>(static_cast<Wide>(c) * d);
      const Unsigned sum = (sign < 0 ? x - y : x + y) + (Unsigned{1} << (fraction - 1));
      return static_cast<T>(static_cast<Wide>(sum) >> fraction);
    } else {
      return sign < 0 ? a * b - c * d : a * b + c * d;
    }
  }
  static C multiply(C a, C b) { return {rounded_products(a.r, b.r, a.i, b.i, -1), rounded_products(a.r, b.i, a.i, b.r, 1)}; }
  static T divide(T x, int by) {
    if constexpr (is_fixed)
      return rounded_products(x, static_cast<T>(std::numeric_limits<T>::max() / by), 0, 0, 1);
    else
      return x;
  }
  static C divide(C x, int by) { return {divide(x.r, by), divide(x.i, by)}; }
  static T half(T x) {
    if constexpr (is_fixed)
      return static_cast<T>(x >> 1);
    else
      return x * T(0.5);
  }
  /// e^(i angle)
  static C factor(double angle) {
    if constexpr (is_fixed) {
      constexpr double most = std::numeric_limits<T>::max();
      return {static_cast<T>(std::floor(0.5 + most * std::cos(angle))), static_cast<T>(std::floor(0.5 + most * std::sin(angle)))};
    } else {
      return {static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))};
    }
  }
};

/// Factors of a transform of `n` complex numbers, behind them those that untangle 2 n real ones.
template <class A, class T> void make_signal_factors(SignalComplex<T>* factors, std::int64_t n, bool inverse) {
  const double sign = inverse ? 1 : -1;
  for (std::int64_t i = 0; i < n; ++i) {
    factors[i] = SignalArithmetic<A, T>::factor(sign * 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n));
  }
  for (std::int64_t i = 0; i < n / 2; ++i) {
    const double turn = static_cast<double>(i + 1) / static_cast<double>(n) + 0.5;
    factors[n + i] = SignalArithmetic<A, T>::factor(sign * std::numbers::pi * turn);
  }
}

/// out = the transform of n numbers that lie `step` apart, by parts that are transformed first. Requires that n is a power of two.
template <class A, class T>
void signal_transform(const SignalComplex<T>* in, std::int64_t step, SignalComplex<T>* out, std::int64_t n, const SignalComplex<T>* factors,
                      bool inverse) {
  using M = SignalArithmetic<A, T>;
  using C = SignalComplex<T>;
  if (n == 1) {
    *out = *in;
    return;
  }
  const std::int64_t parts = n % 4 == 0 ? 4 : 2, m = n / parts;
  for (std::int64_t k = 0; k < parts; ++k) signal_transform<A, T>(in + k * step, step * parts, out + k * m, m, factors, inverse);
  for (std::int64_t k = 0; k < m; ++k) {
    if (parts == 2) {
      const C a = M::divide(out[k], 2), t = M::multiply(M::divide(out[k + m], 2), factors[k * step]);
      out[k + m] = M::subtract(a, t);
      out[k] = M::add(a, t);
      continue;
    }
    const C a = M::divide(out[k], 4), s0 = M::multiply(M::divide(out[k + m], 4), factors[k * step]);
    const C s1 = M::multiply(M::divide(out[k + 2 * m], 4), factors[2 * k * step]);
    const C s2 = M::multiply(M::divide(out[k + 3 * m], 4), factors[3 * k * step]);
    const C difference = M::subtract(a, s1), sum = M::add(a, s1), s3 = M::add(s0, s2), s4 = M::subtract(s0, s2);
    out[k + 2 * m] = M::subtract(sum, s3);
    out[k] = M::add(sum, s3);
    const C plus{M::add(difference.r, s4.i), M::subtract(difference.i, s4.r)},
        minus{M::subtract(difference.r, s4.i), M::add(difference.i, s4.r)};
    out[k + m] = inverse ? minus : plus;
    out[k + 3 * m] = inverse ? plus : minus;
  }
}

/// n / 2 + 1 numbers of the spectrum of n real samples. `work` has room for n / 2 numbers.
template <class A, class T>
void signal_spectrum(const T* samples, SignalComplex<T>* spectrum, std::int64_t n, const SignalComplex<T>* factors,
                     SignalComplex<T>* work) {
  using M = SignalArithmetic<A, T>;
  using C = SignalComplex<T>;
  const std::int64_t half = n / 2;
  signal_transform<A, T>(reinterpret_cast<const C*>(samples), 1, work, half, factors, false);
  const C first = M::divide(work[0], 2);
  spectrum[0] = {M::add(first.r, first.i), T{0}};
  spectrum[half] = {M::subtract(first.r, first.i), T{0}};
  for (std::int64_t k = 1; k <= half / 2; ++k) {
    const C a = M::divide(work[k], 2), b = M::divide(C{work[half - k].r, M::negative(work[half - k].i)}, 2);
    const C sum = M::add(a, b), turned = M::multiply(M::subtract(a, b), factors[half + k - 1]);
    spectrum[k] = {M::half(M::add(sum.r, turned.r)), M::half(M::add(sum.i, turned.i))};
    spectrum[half - k] = {M::half(M::subtract(sum.r, turned.r)), M::half(M::subtract(turned.i, sum.i))};
  }
}

/// The other way.
template <class A, class T>
void signal_samples(const SignalComplex<T>* spectrum, T* samples, std::int64_t n, const SignalComplex<T>* factors, SignalComplex<T>* work) {
  using M = SignalArithmetic<A, T>;
  using C = SignalComplex<T>;
  const std::int64_t half = n / 2;
  work[0] = M::divide(C{M::add(spectrum[0].r, spectrum[half].r), M::subtract(spectrum[0].r, spectrum[half].r)}, 2);
  for (std::int64_t k = 1; k <= half / 2; ++k) {
    const C a = M::divide(spectrum[k], 2), b = M::divide(C{spectrum[half - k].r, M::negative(spectrum[half - k].i)}, 2);
    const C even = M::add(a, b), odd = M::multiply(M::subtract(a, b), factors[half + k - 1]);
    work[k] = M::add(even, odd);
    const C mirrored = M::subtract(even, odd);
    work[half - k] = {mirrored.r, M::negative(mirrored.i)};
  }
  signal_transform<A, T>(work, 1, reinterpret_cast<C*>(samples), half, factors, true);
}

/// Rows of samples along the last axis become rows of spectra, n / 2 + 1 pairs of real and imaginary part each; or the other way.
template <bool Inverse> struct SignalFourier {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = Inverse ? "SignalIrfft" : "SignalRfft";
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t length = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      const std::int64_t length = custom.integer("fft_length");
      return {length > 0 && length <= (1 << 24) ? static_cast<std::int32_t>(length) : 0};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    if (type != TensorType::int16 && type != TensorType::int32 && type != TensorType::float32) {
      return input_violation(0, ErrorCode::invalid_type, "must be int16, int32 or float32");
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const std::int32_t n = options.length;
    if (n < 4 || (n & (n - 1)) != 0)
      return node_violation(ErrorCode::invalid_option, "must have an fft_length that is a power of two from 4 on");
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    Shape shape = node.input(0).shape;
    if (Inverse ? shape.last() != n + 2 : shape.last() > n) {
      return input_violation(0, ErrorCode::invalid_shape,
                             Inverse ? "must have a last dimension of {}, not {}" : "must have a last dimension of at most {}, not {}",
                             Inverse ? n + 2 : n, shape.last());
    }
    shape[shape.rank() - 1] = Inverse ? n : n + 2;
    node.output(0).shape = shape;
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    // Samples filled up with zeros, the transform, the factors.
    const std::int64_t n = options.length;
    return {.scratch_bytes = (n + n + 2 * (n / 2 + n / 4)) * bits_of(node.input(0).type) / 8};
  }

  struct Prepared {
    std::int64_t rows = 0, in_columns = 0, length = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    return Prepared{in.count(0, in.rank() - 1), in.last(), options.length};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    using T = typename In::value_type;
    using C = SignalComplex<T>;
    const Prepared& p = run.prepared;
    auto* const samples = reinterpret_cast<T*>(run.scratch);
    auto* const work = reinterpret_cast<C*>(samples + p.length);
    C* const factors = work + p.length / 2;
    make_signal_factors<A, T>(factors, p.length / 2, Inverse);
    for (std::int64_t row = 0; row < p.rows; ++row) {
      if constexpr (Inverse) {
        const auto* from = reinterpret_cast<const C*>(in.data() + row * p.in_columns);
        signal_samples<A, T>(from, samples, p.length, factors, work);
        std::memcpy(out.data() + row * p.length, samples, static_cast<std::size_t>(p.length) * sizeof(T));
      } else {
        for (std::int64_t i = 0; i < p.length; ++i) samples[i] = i < p.in_columns ? in[row * p.in_columns + i] : T{0};
        signal_spectrum<A, T>(samples, reinterpret_cast<C*>(out.data() + row * (p.length + 2)), p.length, factors, work);
      }
    }
  }

  template <class T> using Of = Signature<Takes<T>, Gives<T>>;
  using Types = Signatures<Of<std::int16_t>, Of<std::int32_t>, Of<float>>;
};

}  // namespace detail

/// SignalRfft: samples[..., n or less] -> spectra[..., fft_length + 2]
using SignalRfft = detail::SignalFourier<false>;
/// SignalIrfft: spectra[..., fft_length + 2] -> samples[..., fft_length]
using SignalIrfft = detail::SignalFourier<true>;

/// SignalFftAutoScale: samples -> the samples times the largest power of two that lets all of them fit, and its exponent
struct SignalFftAutoScale {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "SignalFftAutoScale";
  static constexpr Arity inputs = 1, outputs = 2;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::int16) return input_violation(0, ErrorCode::invalid_type, "must be int16");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (node.output(1).type != TensorType::int32) return output_violation(1, ErrorCode::invalid_type, "must be int32");
    node.output(0).shape = node.input(0).shape;
    if (node.output(1).shape.count() != 1) node.output(1).shape = Shape{};
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out, class Scale> static void eval(const Run&, In in, Out out, Scale scale) {
    // In 16 bits, as there: -(-32768) stays negative, so that this sample alone does not count.
    std::int16_t most = 0;
    for (std::int64_t i = 0; i < in.count(); ++i) {
      const int x = in[i];
      if (x > most)
        most = static_cast<std::int16_t>(x);
      else if (-x > most)
        most = static_cast<std::int16_t>(-x);
    }
    const auto bits = static_cast<std::uint32_t>(std::int32_t{most});
    const int used = bits != 0 ? 32 - std::countl_zero(bits) : 32;  // silence is not scaled
    const int shift = 15 - used > 0 ? 15 - used : 0;
    for (std::int64_t i = 0; i < in.count(); ++i) out[i] = static_cast<std::int16_t>(in[i] * (1 << shift));
    scale[0] = shift;
  }

  using Types = Signatures<Signature<Takes<std::int16_t>, Gives<std::int16_t, std::int32_t>>>;
};

}  // namespace tfl
