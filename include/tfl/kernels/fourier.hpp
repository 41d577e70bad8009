#pragma once
// Discrete Fourier transforms whose lengths are powers of two, in double precision: RFFT2D and the custom ops Irfft2d and IRFFT2D.
// Also REAL, IMAG and COMPLEX_ABS.

#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

constexpr bool is_power_of_two(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

struct ComplexDouble {
  double real = 0, imaginary = 0;
};

/// Fills n / 2 factors: e^(-2 pi i k / n).
template <class A> void make_twiddles(ComplexDouble* factors, std::int64_t n) {
  for (std::int64_t k = 0; k < n / 2; ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    factors[k] = {std::cos(angle), std::sin(angle)};
  }
}

/// x[k] = sum of x[j] e^(-+2 pi i j k / n), in place, the elements `stride` apart; not divided by n. `twiddles` are those of a length
/// `table`, which n divides. Requires that n is a power of two.
template <class A>
void transform(ComplexDouble* x, std::int64_t n, std::int64_t stride, const ComplexDouble* twiddles, std::int64_t table, bool inverse) {
  for (std::int64_t i = 1, j = 0; i < n; ++i) {  // elements change places by their bits read backwards
    std::int64_t bit = n >> 1;
    for (; (j & bit) != 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      const ComplexDouble kept = x[i * stride];
      x[i * stride] = x[j * stride];
      x[j * stride] = kept;
    }
  }
  for (std::int64_t half = 1; half < n; half *= 2) {
    const std::int64_t step = table / (2 * half);
    for (std::int64_t block = 0; block < n; block += 2 * half) {
      for (std::int64_t k = 0; k < half; ++k) {
        ComplexDouble w = twiddles[k * step];
        if (inverse) w.imaginary = -w.imaginary;
        ComplexDouble& a = x[(block + k) * stride];
        ComplexDouble& b = x[(block + k + half) * stride];
        const ComplexDouble turned{b.real * w.real - b.imaginary * w.imaginary, b.real * w.imaginary + b.imaginary * w.real};
        b = {a.real - turned.real, a.imaginary - turned.imaginary};
        a = {a.real + turned.real, a.imaginary + turned.imaginary};
      }
    }
  }
}

struct Fourier2D {
  std::int64_t slices = 0, in_rows = 0, in_columns = 0;  // of the input
  std::int64_t rows = 0, columns = 0;                    // of the transform: what the input lacks is 0, what stands out is left out
  constexpr std::int64_t longest() const { return rows > columns ? rows : columns; }
  constexpr std::int64_t spectrum() const { return columns / 2 + 1; }  // columns of a real image's transform
};

/// What both directions check. `columns` of the output come with the shape.
constexpr Violation infer_fourier(const NodeDescription& node, bool inverse) {
  node.output(0).type = inverse ? TensorType::float32 : TensorType::complex64;  // whatever the file says, as in TFLite
  if (node.input(0).type != (inverse ? TensorType::complex64 : TensorType::float32)) {
    return input_violation(0, ErrorCode::invalid_type, inverse ? "must be complex64" : "must be float32");
  }
  if (const Violation v = require_rank_between(node, 0, 2, max_rank)) return v;
  if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
  if (node.input(1).rank() != 1 || node.input(1).shape[0] != 2) {
    return input_violation(1, ErrorCode::invalid_shape, "must hold two lengths: height and width");
  }
  if (const Violation v = require_known(node, 1)) return v;
  for (int i = 0; i < 2; ++i) {
    const std::int64_t length = node.input(1).integers[i];
    if (!is_power_of_two(length)) return input_violation(1, ErrorCode::invalid_value, "must hold powers of two, not {}", length);
  }
  const std::int64_t rows = node.input(1).integers[0], columns = node.input(1).integers[1];
  if (rows * columns > (std::int64_t{1} << 30)) {
    return input_violation(1, ErrorCode::invalid_value, "asks for a transform of {} x {}, which is too large", rows, columns);
  }
  Shape shape = node.input(0).shape;
  shape[shape.rank() - 2] = static_cast<std::int32_t>(rows);
  shape[shape.rank() - 1] = static_cast<std::int32_t>(inverse ? columns : columns / 2 + 1);
  node.output(0).shape = shape;
  return {};
}
constexpr Fourier2D fourier_of(const NodeDescription& node) {
  const Shape& in = node.input(0).shape;
  const int rank = in.rank();
  return {in.count(0, rank - 2), in[rank - 2], in[rank - 1], node.input(1).integers[0], node.input(1).integers[1]};
}
/// The spectrum, one row, the factors.
constexpr std::int64_t fourier_scratch(const Fourier2D& p) {
  return (p.rows * p.spectrum() + p.columns + p.longest() / 2 + 1) * static_cast<std::int64_t>(sizeof(ComplexDouble));
}

}  // namespace detail

/// RFFT2D: input[..., H, W], lengths[2] -> the transform of each image, cut or filled with zeros to the lengths: [..., h, w / 2 + 1]
struct Rfft2D {
  static constexpr BuiltinOperator code = BuiltinOperator::RFFT2D;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;
  using Prepared = detail::Fourier2D;

  static constexpr Violation infer(const Options&, const NodeDescription& node) { return detail::infer_fourier(node, false); }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = detail::fourier_scratch(detail::fourier_of(node))};
  }
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return detail::fourier_of(node);
  }

  template <class Run, class In, class Lengths, class Out> static void eval(const Run& run, In in, Lengths, Out out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    const std::int64_t columns = p.spectrum(), table = p.longest();
    auto* const spectrum = reinterpret_cast<detail::ComplexDouble*>(run.scratch);
    auto* const row = spectrum + p.rows * columns;
    auto* const twiddles = row + p.columns;
    detail::make_twiddles<A>(twiddles, table);
    for (std::int64_t s = 0; s < p.slices; ++s) {
      for (std::int64_t y = 0; y < p.rows; ++y) {
        const float* const from = in.data() + (s * p.in_rows + y) * p.in_columns;
        for (std::int64_t x = 0; x < p.columns; ++x) {
          row[x] = {y < p.in_rows && x < p.in_columns ? static_cast<double>(from[x]) : 0.0, 0.0};
        }
        detail::transform<A>(row, p.columns, 1, twiddles, table, false);
        for (std::int64_t x = 0; x < columns; ++x) spectrum[y * columns + x] = row[x];
      }
      for (std::int64_t x = 0; x < columns; ++x) detail::transform<A>(spectrum + x, p.rows, columns, twiddles, table, false);
      auto* const to = out.data() + s * p.rows * columns;
      for (std::int64_t i = 0; i < p.rows * columns; ++i) {
        to[i] = {static_cast<float>(spectrum[i].real), static_cast<float>(spectrum[i].imaginary)};
      }
    }
  }

  using Types = Signatures<Signature<Takes<float, Unread>, Gives<std::complex<float>>>>;
};

namespace detail {

/// input[..., H, W / 2 + 1], lengths[2] -> the image whose transform this is
struct InverseRfft2D {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;
  using Prepared = Fourier2D;

  static constexpr Violation infer(const Options&, const NodeDescription& node) { return infer_fourier(node, true); }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = fourier_scratch(fourier_of(node))};
  }
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return fourier_of(node);
  }

  template <class Run, class In, class Lengths, class Out> static void eval(const Run& run, In in, Lengths, Out out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    const std::int64_t columns = p.spectrum(), table = p.longest();
    auto* const spectrum = reinterpret_cast<ComplexDouble*>(run.scratch);
    auto* const row = spectrum + p.rows * columns;
    auto* const twiddles = row + p.columns;
    make_twiddles<A>(twiddles, table);
    const double size = static_cast<double>(p.rows) * static_cast<double>(p.columns);
    for (std::int64_t s = 0; s < p.slices; ++s) {
      for (std::int64_t y = 0; y < p.rows; ++y) {
        const std::complex<float>* const from = in.data() + (s * p.in_rows + y) * p.in_columns;
        for (std::int64_t x = 0; x < columns; ++x) {
          const bool inside = y < p.in_rows && x < p.in_columns;
          spectrum[y * columns + x] = {inside ? static_cast<double>(from[x].real()) : 0.0,
                                       inside ? static_cast<double>(from[x].imag()) : 0.0};
        }
      }
      make_symmetric(spectrum, p.rows, columns);
      for (std::int64_t x = 0; x < columns; ++x) transform<A>(spectrum + x, p.rows, columns, twiddles, table, true);
      for (std::int64_t y = 0; y < p.rows; ++y) {
        for (std::int64_t x = 0; x < columns; ++x) row[x] = spectrum[y * columns + x];
        for (std::int64_t x = columns; x < p.columns; ++x) row[x] = {row[p.columns - x].real, -row[p.columns - x].imaginary};
        transform<A>(row, p.columns, 1, twiddles, table, true);
        for (std::int64_t x = 0; x < p.columns; ++x) out[(s * p.rows + y) * p.columns + x] = static_cast<float>(row[x].real / size);
      }
    }
  }

  using Types = Signatures<Signature<Takes<std::complex<float>, Unread>, Gives<float>>>;

 private:
  // Transforms of real images have two columns whose lower half is the upper one's mirror. TFLite reads the upper half of the first and the
  // lower half of the last, whatever the other halves hold.
  static void make_symmetric(ComplexDouble* spectrum, std::int64_t rows, std::int64_t columns) {
    const std::int64_t middle = rows / 2, last = columns - 1;
    for (const std::int64_t y : {std::int64_t{0}, middle}) {
      spectrum[y * columns].imaginary = 0;
      spectrum[y * columns + last].imaginary = 0;
    }
    for (std::int64_t y = middle + 1; y < rows; ++y) {
      const std::int64_t mirror = rows - y;
      spectrum[y * columns] = {spectrum[mirror * columns].real, -spectrum[mirror * columns].imaginary};
      if (last > 0) spectrum[mirror * columns + last] = {spectrum[y * columns + last].real, -spectrum[y * columns + last].imaginary};
    }
  }
};

/// y = F of each complex number.
template <BuiltinOperator Code, class F> struct ComplexPart {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    if (type != TensorType::complex64 && type != TensorType::complex128) {
      return input_violation(0, ErrorCode::invalid_type, "must be complex64 or complex128");
    }
    if (node.output(0).type != (type == TensorType::complex64 ? TensorType::float32 : TensorType::float64)) {
      return output_violation(0, ErrorCode::invalid_type, "must be float32 or float64, as the parts of input 0");
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    run.executor.parallel_for(in.count(), F::cost, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) out[i] = F::apply(in[i]);
    });
  }

  using Types = Signatures<Signature<Takes<std::complex<float>>, Gives<float>>, Signature<Takes<std::complex<double>>, Gives<double>>>;
};

struct RealPart {
  static constexpr std::int64_t cost = 1;
  template <class C> static auto apply(const C& x) { return x.real(); }
};
struct ImaginaryPart {
  static constexpr std::int64_t cost = 1;
  template <class C> static auto apply(const C& x) { return x.imag(); }
};
struct Magnitude {
  static constexpr std::int64_t cost = 8;
  template <class C> static auto apply(const C& x) { return std::hypot(x.real(), x.imag()); }
};

}  // namespace detail

struct Irfft2D : detail::InverseRfft2D {
  static constexpr std::string_view custom_name = "Irfft2d";
};
struct Irfft2DUpperCase : detail::InverseRfft2D {
  static constexpr std::string_view custom_name = "IRFFT2D";
};

/// REAL: the real part of each complex number
using Real = detail::ComplexPart<BuiltinOperator::REAL, detail::RealPart>;
/// IMAG: the imaginary part of each complex number
using Imag = detail::ComplexPart<BuiltinOperator::IMAG, detail::ImaginaryPart>;
/// COMPLEX_ABS: the magnitude of each complex number
using ComplexAbs = detail::ComplexPart<BuiltinOperator::COMPLEX_ABS, detail::Magnitude>;

}  // namespace tfl
