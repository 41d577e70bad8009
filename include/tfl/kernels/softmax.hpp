#pragma once
// SOFTMAX and LOG_SOFTMAX along the last axis.

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "tfl/kernels/half.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/fixed_point.hpp"
#include "tfl/quant/lut.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/lookup.hpp"
#include "tfl/simd/map_wide.hpp"
#include "tfl/simd/math.hpp"

namespace tfl {

namespace detail {

/// The largest of count > 0 floats; what it is where NaN is among them doesn't matter, since all results become NaN.
template <class A> float largest(const float* x, std::int64_t count) {
  using B = simd::Float32<A>;
  constexpr int n = simd::lanes<float, A>;
  float best = x[0];
  std::int64_t i = 0;
  if (count >= n) {
    B most = simd::load<A>(x);
    for (i = n; i + n <= count; i += n) most = simd::max(most, simd::load<A>(x + i));
    float lanes[n];
    simd::store(lanes, most);
    for (const float v : lanes) best = best < v ? v : best;
  }
  for (; i < count; ++i) best = best < x[i] ? x[i] : best;
  return best;
}

/// The sum of exp((x - most) * beta), in an order that depends on the architecture alone. Stores the terms where y is given.
template <class A> float sum_of_exps(const float* x, float* y, std::int64_t count, float most, float beta) {
  using B = simd::Float32<A>;
  constexpr std::size_t n = simd::lanes<float, A>;
  const B shift(most), factor(beta);
  B sums(0.0f);
  std::int64_t i = 0;
  for (; i + simd::lanes<float, A> <= count; i += simd::lanes<float, A>) {
    const B e = simd::exp((simd::load<A>(x + i) - shift) * factor);
    sums = sums + e;
    if (y != nullptr) simd::store(y + i, e);
  }
  float sum = simd::sum(sums);
  const std::size_t left = static_cast<std::size_t>(count - i) % n;
  if (left == 0) return sum;
  float some[n] = {};
  std::memcpy(some, x + i, left * sizeof(float));
  simd::store(some, simd::exp((simd::load<A>(static_cast<const float*>(some)) - shift) * factor));
  for (std::size_t k = 0; k < left; ++k) sum += some[k];
  if (y != nullptr) std::memcpy(y + i, some, left * sizeof(float));
  return sum;
}

/// The largest of count > 0 integers.
template <class T> TFL_ALWAYS_INLINE T largest_integer(const T* x, std::int64_t count) {
  T best = x[0];
  for (std::int64_t i = 1; i < count; ++i) best = best < x[i] ? x[i] : best;
  return best;
}

/// How 8-bit differences to a row's largest element enter exp, in Q5.
struct SoftmaxScaling {
  Multiplier multiplier;
  std::int32_t least_difference = 0;  // what lies below counts as exp = 0

  static constexpr SoftmaxScaling of(float scale, float beta) {
    constexpr double most = 2147483647.0;
    const double real = double{beta} * double{scale} * (1 << 26);
    const Multiplier m = quantize_multiplier(real < most ? real : most);
    const std::int64_t range = std::int64_t{31} << 26;
    return {m, m.shift <= 0 ? std::numeric_limits<std::int32_t>::min() : -static_cast<std::int32_t>(range >> m.shift)};
  }
};

/// By the difference to the row's largest element: index 0 is the difference 0, 255 the difference -255.
struct DifferenceTables {
  std::int32_t scaled[256];  // the difference in Q5
  std::int32_t exps[256];    // in Q0; 0 where the difference is too large to count
};
template <class A> void fill_differences(const SoftmaxScaling& scaling, DifferenceTables& tables) {
  for (int d = 0; d < 256; ++d) {
    const bool counts = -d >= scaling.least_difference;
    tables.scaled[d] = counts ? multiply(-d, scaling.multiplier) : 0;
    tables.exps[d] = counts ? fixed_point::exp_of_nonpositive<5>(tables.scaled[d]) : 0;
  }
}

/// Sum of a row's exps in Q12, saturated (beyond 4096 equal elements all results are 0 anyway).
template <class A, class T> std::int32_t sum_of_exps(const DifferenceTables& tables, const T* x, std::int64_t count, T most) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += rounding_divide_by_power_of_two(tables.exps[most - x[i]], 12);
  return fixed_point::saturate(sum);
}

/// y[i] = f(most - x[i]): by a table of all results where that pays.
template <class A, class T, class U, class F> void map_differences(const T* x, U* y, std::int64_t count, T most, F f) {
  if constexpr (sizeof(U) == 1) {
    if (count > 256) {
      std::uint8_t results[256] = {};
      for (int v = most; v >= std::numeric_limits<T>::min(); --v)
        results[static_cast<std::uint8_t>(v)] = static_cast<std::uint8_t>(f(most - v));
      simd::lookup_bytes<A>(results, reinterpret_cast<const std::uint8_t*>(x), reinterpret_cast<std::uint8_t*>(y), count);
      return;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) y[i] = static_cast<U>(f(most - x[i]));
}

/// The tables of 16-bit SOFTMAX: exp on [-10, 0] and 1 / (1 + x) on [0, 1].
struct SoftmaxTables16 {
  std::int16_t exps[lut::entries_16];
  std::int16_t inverses[lut::entries_16];
};

template <class A>
void softmax_row(const SoftmaxTables16& tables, Multiplier scale, const std::int16_t* x, std::int16_t* y, std::int64_t count) {
  const std::int32_t most = largest_integer(x, count);
  const int left = scale.shift > 0 ? scale.shift : 0, right = scale.shift > 0 ? 0 : -scale.shift;
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    // [-65535, 0] stands for [-10, 0]; the table's index is centered.
    const std::int32_t shifted = fixed_point::saturating_shift_left(x[i] - most, left);
    const std::int32_t scaled = rounding_divide_by_power_of_two(saturating_rounding_doubling_high_mul(shifted, scale.mantissa), right);
    const std::int32_t centered = scaled < -65535 ? -32768 : scaled + 32767;
    y[i] = lut::at(tables.exps, static_cast<std::int16_t>(centered > 32767 ? 32767 : centered));
    total += y[i];
  }
  const std::int32_t sum = fixed_point::saturate(total < 1 ? 1 : total);
  const int zeros = std::countl_zero(static_cast<std::uint32_t>(sum));
  // sum = (1 + fraction) * 2^k; the fraction in 16 bits, centered.
  const auto normalized = static_cast<std::int32_t>(((std::int64_t{sum} << (zeros - 1)) + (1 << 13)) >> 14);
  const std::int32_t fraction = normalized - ((1 << 15) + (1 << 16));
  const std::int32_t inverse = lut::at(tables.inverses, static_cast<std::int16_t>(fraction < -32768  ? -32768
                                                                                  : fraction > 32767 ? 32767
                                                                                                     : fraction));
  const int shift = 31 - zeros;
  const std::int32_t rounding = shift > 0 ? 1 << (shift - 1) : 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t result = (std::int64_t{y[i]} * inverse + rounding) >> shift;
    y[i] = static_cast<std::int16_t>(result < 0 ? 0 : result > 32767 ? 32767 : result);
  }
}

/// A row of 16-bit floats, block by block: the exps are computed twice rather than kept.
template <class A, class H> void softmax_row_of_halves(const H* x, H* y, std::int64_t count, float beta) {
  float block[half_block];
  const auto for_each_block = [&](auto f) {
    for (std::int64_t i = 0; i < count; i += half_block) {
      const std::int64_t n = count - i < half_block ? count - i : half_block;
      widen_half<A>(x + i, block, n);
      f(i, n);
    }
  };
  float most = to_float(x[0]), sum = 0;
  for_each_block([&](std::int64_t, std::int64_t n) {
    const float best = largest<A>(block, n);
    most = most < best ? best : most;
  });
  for_each_block([&](std::int64_t, std::int64_t n) { sum += sum_of_exps<A>(block, nullptr, n, most, beta); });
  const float inverse = 1.0f / sum;
  for_each_block([&](std::int64_t i, std::int64_t n) {
    sum_of_exps<A>(block, block, n, most, beta);
    simd::map_wide<A>(block, block, n, [&](auto v) { return v * decltype(v)(inverse); });
    round_to_half<A>(static_cast<const float*>(block), y + i, n);
  });
}

/// Input and output are rows; the output has the input's shape. A scalar is a row of one element.
struct RowsBase {
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr std::array folds{Fold::rows, Fold::rows};
  static constexpr OpTraits traits{.in_place = true};

  /// Calls row(x, y, count) for every row.
  template <class Run, class In, class Out, class F> static void for_each_row(const Run& run, In in, Out out, std::int64_t cost, F row) {
    const std::int64_t count = in.extent(1);
    if (count == 0) return;
    run.executor.parallel_for(in.extent(0), cost * count, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t r = first; r < last; ++r) row(in.data() + r * count, out.data() + r * count, count);
    });
  }
  static constexpr bool is_near(float scale, float wanted) { return scale > wanted * 0.999f && scale < wanted * 1.001f; }
};

}  // namespace detail

/// SOFTMAX: y = exp(beta * x) / sum of exp(beta * x) over the last axis
struct Softmax : detail::RowsBase {
  static constexpr BuiltinOperator code = BuiltinOperator::SOFTMAX;
  static constexpr int max_version = 4;

  struct Options {
    float beta = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.beta()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    node.output(0).shape = node.input(0).shape;
    if (options.beta - options.beta != 0) return node_violation(ErrorCode::invalid_option, "beta must be finite");
    const TensorType type = node.input(0).type, output_type = node.output(0).type;
    const bool widens = output_type == TensorType::int16 && (type == TensorType::int8 || type == TensorType::uint8);
    if (!widens) {
      if (const Violation v = require_same_type(node, 0, 0)) return v;
    }
    if (!is_quantized_integer(type)) return {};
    if (options.beta < 0) return node_violation(ErrorCode::invalid_option, "beta must not be negative where the input is quantized");
    if (const Violation v = require_quantized_input(node, 0)) return v;
    if (const Violation v = require_quantized_output(node, 0)) return v;
    const Quantization& out = node.output(0).quantization;
    if (type == TensorType::int16 && node.input(0).quantization.zero_point != 0) {
      return input_violation(0, ErrorCode::invalid_quantization, "must have zero point 0, not {}", node.input(0).quantization.zero_point);
    }
    if (type == TensorType::int16 && (out.zero_point != 0 || !is_near(out.scale, 1.0f / 32768))) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have scale 1/32768 and zero point 0");
    }
    if (output_type == TensorType::int8 && (out.zero_point != -128 || !is_near(out.scale, 1.0f / 256))) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have scale 1/256 and zero point -128");
    }
    if (output_type == TensorType::uint8 && (out.zero_point != 0 || !is_near(out.scale, 1.0f / 256))) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have scale 1/256 and zero point 0");
    }
    if (widens && (out.zero_point != -32768 || !is_near(out.scale, 1.0f / 65536))) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have scale 1/65536 and zero point -32768");
    }
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    switch (node.input(0).type) {
      case TensorType::int8:
      case TensorType::uint8: return {.packed_bytes = sizeof(detail::DifferenceTables)};
      case TensorType::int16: return {.packed_bytes = sizeof(detail::SoftmaxTables16)};
      default: return {};
    }
  }

  struct Prepared {
    float beta = 0;
    detail::SoftmaxScaling scaling;  // of 8-bit inputs
    Multiplier multiplier;           // of int16
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{options.beta, {}, {}};
    const float scale = node.input(0).quantization.scale;
    if (node.input(0).type == TensorType::int16) {
      const float product = scale * options.beta;
      p.multiplier = quantize_multiplier(double{product} / (10.0 / 65535.0));
      if (p.multiplier.shift > 31) return input_violation(0, ErrorCode::invalid_quantization, "has too large a scale");
    } else if (is_quantized_integer(node.input(0).type)) {
      p.scaling = detail::SoftmaxScaling::of(scale, options.beta);
    }
    return p;
  }

  template <class Run, class In> static void pack(const Run& run, In, std::byte* packed) {
    using A = typename Run::Arch;
    if constexpr (sizeof(typename In::value_type) == 1) {
      detail::fill_differences<A>(run.prepared.scaling, *reinterpret_cast<detail::DifferenceTables*>(packed));
    } else if constexpr (std::is_same_v<typename In::value_type, std::int16_t>) {
      auto& tables = *reinterpret_cast<detail::SoftmaxTables16*>(packed);
      lut::fill_16<A, double>(
          {10.0 / 65535, 32767}, {2.0 / 65535, 0}, [](double x) { return std::exp(x); }, tables.exps);
      lut::fill_16<A, double>(
          {1.0 / 65535, -32768}, {2.0 / 65535, 0}, [](double x) { return 1.0 / (1.0 + x); }, tables.inverses);
    }
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    using T = typename In::value_type;
    using U = typename Out::value_type;
    if constexpr (std::is_same_v<T, float>) {
      const float beta = run.prepared.beta;
      for_each_row(run, in, out, 2, [&](const float* x, float* y, std::int64_t count) {
        const float sum = detail::sum_of_exps<A>(x, y, count, detail::largest<A>(x, count), beta);
        const float inverse = 1.0f / sum;
        simd::map_wide<A>(y, y, count, [&](auto v) { return v * decltype(v)(inverse); });
      });
    } else if constexpr (detail::is_half<T>) {
      for_each_row(run, in, out, 8,
                   [&](const T* x, T* y, std::int64_t count) { detail::softmax_row_of_halves<A>(x, y, count, run.prepared.beta); });
    } else if constexpr (sizeof(T) == 2) {
      const auto& tables = *reinterpret_cast<const detail::SoftmaxTables16*>(run.packed);
      for_each_row(run, in, out, 4,
                   [&](const T* x, U* y, std::int64_t count) { detail::softmax_row<A>(tables, run.prepared.multiplier, x, y, count); });
    } else {
      const auto& tables = *reinterpret_cast<const detail::DifferenceTables*>(run.packed);
      for_each_row(run, in, out, 2, [&](const T* x, U* y, std::int64_t count) {
        const T most = detail::largest_integer(x, count);
        const fixed_point::Reciprocal inverse = fixed_point::reciprocal(detail::sum_of_exps<A>(tables, x, count, most), 12);
        const int exponent = inverse.shift + 31 - static_cast<int>(sizeof(U)) * 8;
        constexpr std::int32_t lo = std::numeric_limits<U>::min(), hi = std::numeric_limits<U>::max();
        detail::map_differences<A>(x, y, count, most, [&](int d) {
          // A shift by more than 31 bits leaves nothing.
          const std::int32_t product = saturating_rounding_doubling_high_mul(inverse.mantissa, tables.exps[d]);
          const std::int32_t result = (exponent > 31 ? 0 : rounding_divide_by_power_of_two(product, exponent)) + lo;
          return result > hi ? hi : result;
        });
      });
    }
  }

  template <class T, class U> using Pair = Signature<Takes<T>, Gives<U>>;
  using Types =
      Signatures<Pair<float, float>, Pair<std::int8_t, std::int8_t>, Pair<std::uint8_t, std::uint8_t>, Pair<std::int16_t, std::int16_t>,
                 Pair<std::int8_t, std::int16_t>, Pair<std::uint8_t, std::int16_t>, Pair<Float16, Float16>>;
};

/// LOG_SOFTMAX: y = x - log(sum of exp(x) over the last axis)
struct LogSoftmax : detail::RowsBase {
  static constexpr BuiltinOperator code = BuiltinOperator::LOG_SOFTMAX;
  static constexpr int max_version = 2;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    if (!is_quantized_integer(node.input(0).type)) return {};
    if (const Violation v = require_quantized_input(node, 0)) return v;
    if (const Violation v = require_quantized_output(node, 0)) return v;
    const Quantization& out = node.output(0).quantization;
    const std::int32_t zero_point = node.output(0).type == TensorType::int8 ? 127 : 255;
    if (out.scale != 16.0f / 256 || out.zero_point != zero_point) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have scale 1/16 and zero point {}", zero_point);
    }
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.packed_bytes = bits_of(node.input(0).type) == 8 ? static_cast<std::int64_t>(sizeof(detail::DifferenceTables)) : 0};
  }

  struct Prepared {
    detail::SoftmaxScaling scaling;
    Multiplier reverse;  // from Q5 back to differences
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    if (!is_quantized_integer(node.input(0).type)) return Prepared{};
    Prepared p{detail::SoftmaxScaling::of(node.input(0).quantization.scale, 1.0f), {}};
    const Multiplier m = p.scaling.multiplier;
    if (m.mantissa > 0 && m.shift >= 1)
      p.reverse = quantize_multiplier(static_cast<double>(std::int64_t{1} << (31 - m.shift)) / m.mantissa);
    return p;
  }

  template <class Run, class In> static void pack(const Run& run, In, std::byte* packed) {
    if constexpr (sizeof(typename In::value_type) == 1) {
      detail::fill_differences<typename Run::Arch>(run.prepared.scaling, *reinterpret_cast<detail::DifferenceTables*>(packed));
    }
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    using T = typename In::value_type;
    if constexpr (std::is_same_v<T, float>) {
      for_each_row(run, in, out, 2, [&](const float* x, float* y, std::int64_t count) {
        const float most = detail::largest<A>(x, count);
        const float log_sum = std::log(detail::sum_of_exps<A>(x, nullptr, count, most, 1.0f));
        simd::map_wide<A>(x, y, count, [&](auto v) { return v - decltype(v)(most) - decltype(v)(log_sum); });
      });
    } else {
      const auto& tables = *reinterpret_cast<const detail::DifferenceTables*>(run.packed);
      const Prepared& p = run.prepared;
      for_each_row(run, in, out, 2, [&](const T* x, T* y, std::int64_t count) {
        const T most = detail::largest_integer(x, count);
        const std::int32_t log_sum = fixed_point::log_of_at_least_one<5, 12>(detail::sum_of_exps<A>(tables, x, count, most));
        // Differences that the subtraction would carry out of Q5 give the least result.
        std::int32_t least = p.scaling.least_difference > -256 ? p.scaling.least_difference - 1 : -256;
        if (p.reverse.mantissa != 0 && p.reverse.shift <= 0) {
          const std::int32_t limit = multiply(fixed_point::plus(log_sum, std::numeric_limits<std::int32_t>::min()), p.reverse);
          least = least < limit ? limit : least;
        }
        constexpr std::int32_t lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
        detail::map_differences<A>(x, y, count, most, [&](int d) {
          if (-d <= least) return lo;
          const std::int32_t result = rounding_divide_by_power_of_two(fixed_point::minus(tables.scaled[d], log_sum), 22) + hi;
          return result < lo ? lo : result > hi ? hi : result;
        });
      });
    }
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>>;
};

}  // namespace tfl

#include "tfl/kernels/compact_softmax.hpp"  // its form for microcontrollers
