#pragma once
// Custom ops that draw random numbers, from a generator without a seed: Multinomial, RandomUniform, RandomUniformInt,
// RandomStandardNormal. Each interpreter has its own stream, which begins with the same number and which each run continues.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/random.hpp"

namespace tfl {

namespace detail {

inline constexpr int any_random_inputs = 4;

/// The generator that the C++ library has by default where TensorFlow Lite is built: x -> 16807 x modulo 2^31 - 1, from 1 on. A state of
/// zeros is its start.
struct LinearGenerator {
  std::uint64_t last;
  static constexpr std::uint64_t count = 2147483646;  // of different numbers

  /// In [0, count)
  std::uint64_t next() {
    last = (last == 0 ? 1 : last) * 16807 % 2147483647;
    return last - 1;
  }
  /// In [0, 1), from as many numbers as fill T.
  template <class T> T unit() {
    constexpr auto range = static_cast<T>(count);
    T sum = 0, factor = 1;
    for (int i = 0; i < (std::is_same_v<T, float> ? 1 : 2); ++i, factor *= range) sum += static_cast<T>(next()) * factor;
    const T result = sum / factor;
    return result < 1 ? result : std::nextafter(T{1}, T{0});
  }
  /// In [0, range], all alike.
  std::uint64_t below_or_at(std::uint64_t range) {
    if (range < count) {
      const std::uint64_t values = range + 1, scale = values < count ? (count - 1) / values : 1;
      for (;;) {
        const std::uint64_t x = next() / scale;
        if (x < values) return x;
      }
    }
    for (;;) {
      const std::uint64_t high = below_or_at(range / count), low = next();
      if (high * count <= range - low && low <= range) return high * count + low;
    }
  }
};
template <class Run> LinearGenerator& generator_of(const Run& run) { return *reinterpret_cast<LinearGenerator*>(run.state); }

}  // namespace detail

/// The custom op Multinomial: as MULTINOMIAL, but from the generator minstd_rand0 that begins with 1
struct CustomMultinomial {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "Multinomial";
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_rank(node, 0, 2)) return v;
    if (node.input(0).shape[1] < 1) return input_violation(0, ErrorCode::invalid_shape, "must have at least one class");
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_rank(node, 1, 0)) return v;
    if (const Violation v = require_known(node, 1)) return v;
    const std::int64_t samples = node.input(1).integers[0];
    if (samples < 0) return input_violation(1, ErrorCode::invalid_value, "must not be negative; it is {}", samples);
    node.output(0).shape = {node.input(0).shape[0], static_cast<std::int32_t>(samples)};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = std::int64_t{node.input(0).shape[1]} * static_cast<std::int64_t>(sizeof(double)),
            .state_bytes = sizeof(std::uint64_t)};
  }

  struct Prepared {
    std::int64_t batch = 0, classes = 0, samples = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape[0], node.input(0).shape[1], node.input(1).integers[0]};
  }

  template <class Run, class In, class Samples, class Out> static Violation eval(const Run& run, In logits, Samples, Out out) {
    using T = typename In::value_type;
    const Prepared& p = run.prepared;
    detail::LinearGenerator& generator = detail::generator_of(run);
    auto* const sums = reinterpret_cast<double*>(run.scratch);
    for (std::int64_t b = 0; b < p.batch; ++b) {
      const T* const row = logits.data() + b * p.classes;
      T most = std::numeric_limits<T>::lowest();
      for (std::int64_t c = 0; c < p.classes; ++c) most = most < row[c] ? row[c] : most;
      double total = 0;
      for (std::int64_t c = 0; c < p.classes; ++c) {
        total = static_cast<double>(static_cast<T>(static_cast<double>(std::exp(row[c] - most)) + total));
        sums[c] = total;
      }
      for (std::int64_t s = 0; s < p.samples; ++s) {
        const double wanted = generator.unit<double>() * total;
        const auto found = std::lower_bound(sums, sums + p.classes, wanted);
        if (found == sums + p.classes) return input_violation(0, ErrorCode::invalid_value, "has no class to draw in row {}", b);
        out[b * p.samples + s] = static_cast<typename Out::value_type>(found - sums);
      }
    }
    return {};
  }

  template <class T, class I> using Of = Signature<Takes<T, Unread>, Gives<I>>;
  using Types = Signatures<Of<float, std::int32_t>, Of<float, std::int64_t>, Of<double, std::int32_t>, Of<double, std::int64_t>>;
};

namespace detail {

/// shape[n] (int32 or int64), and more -> numbers of this shape, by the generator of the custom ops
struct CustomRandomTensor {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr Arity outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = NoOptions;
  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }
  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_integer_vector(node, 0)) return v;
    return wanted_shape(node, node.output(0).shape);
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription&) {
    return {.state_bytes = sizeof(std::uint64_t)};
  }
};

}  // namespace detail

/// RandomUniform: numbers in [0, 1). The second input, a seed, is not read, as in TensorFlow Lite.
struct CustomRandomUniform : detail::CustomRandomTensor {
  static constexpr std::string_view custom_name = "RandomUniform";
  static constexpr Arity inputs{1, detail::any_random_inputs};

  template <class Run, class Shape, class Rest, class Out> static void eval(const Run& run, Shape, Rest, Out out) {
    using T = typename Out::value_type;
    detail::LinearGenerator& generator = detail::generator_of(run);
    for (std::int64_t i = 0; i < out.count(); ++i) out[i] = generator.template unit<T>();
  }

  template <class T> using Of = Signature<Takes<Unread, Many<AnyType>>, Gives<T>>;
  using Types = Signatures<Of<float>, Of<double>>;
};

/// RandomStandardNormal: numbers of mean 0 and variance 1, by the method of Marsaglia
struct CustomRandomStandardNormal : detail::CustomRandomTensor {
  static constexpr std::string_view custom_name = "RandomStandardNormal";
  static constexpr Arity inputs{1, detail::any_random_inputs};

  template <class Run, class Shape, class Rest, class Out> static void eval(const Run& run, Shape, Rest, Out out) {
    using T = typename Out::value_type;
    detail::LinearGenerator& generator = detail::generator_of(run);
    for (std::int64_t i = 0; i < out.count(); i += 2) {
      T x, y, square;
      do {
        x = 2 * generator.template unit<T>() - 1;
        y = 2 * generator.template unit<T>() - 1;
        square = x * x + y * y;
      } while (square > 1 || square == 0);
      const T factor = std::sqrt(-2 * std::log(square) / square);
      out[i] = y * factor;
      if (i + 1 < out.count()) out[i + 1] = x * factor;
    }
  }

  template <class T> using Of = Signature<Takes<Unread, Many<AnyType>>, Gives<T>>;
  using Types = Signatures<Of<float>, Of<double>>;
};

/// RandomUniformInt: shape, least, most (int8, int32 or int64, one element each) -> integers in [least, most]
struct RandomUniformInt : detail::CustomRandomTensor {
  static constexpr std::string_view custom_name = "RandomUniformInt";
  static constexpr Arity inputs{3, detail::any_random_inputs};

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (const int i : {1, 2}) {
      const TensorType type = node.input(i).type;
      if (type != TensorType::int8 && type != TensorType::int32 && type != TensorType::int64)
        return input_violation(i, ErrorCode::invalid_type, "must be int8, int32 or int64");
      if (node.input(i).count() != 1) {
        return input_violation(i, ErrorCode::invalid_shape, "must have one element, not {}", node.input(i).count());
      }
    }
    return detail::CustomRandomTensor::infer(options, node);
  }

  struct Prepared {
    TensorType types[2] = {};
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{{node.input(1).type, node.input(2).type}};
  }

  template <class Run, class Shape, class Bound, class Rest, class Out>
  static Violation eval(const Run& run, Shape, Bound least, Bound most, Rest, Out out) {
    using T = typename Out::value_type;
    const std::int64_t lo = read(run.prepared.types[0], least.data()), hi = read(run.prepared.types[1], most.data());
    if (lo >= hi) return input_violation(2, ErrorCode::invalid_value, "must be larger than the least number, {}; it is {}", lo, hi);
    if (lo < std::numeric_limits<T>::lowest() || hi > std::numeric_limits<T>::max())
      return output_violation(0, ErrorCode::invalid_type, "cannot hold numbers from {} to {}", lo, hi);
    detail::LinearGenerator& generator = detail::generator_of(run);
    const std::uint64_t range = static_cast<std::uint64_t>(hi) - static_cast<std::uint64_t>(lo);
    for (std::int64_t i = 0; i < out.count(); ++i) {
      out[i] = static_cast<T>(static_cast<std::uint64_t>(lo) + generator.below_or_at(range));
    }
    return {};
  }

  template <class T> using Of = Signature<Takes<Unread, AnyType, AnyType, Many<AnyType>>, Gives<T>>;
  using Types = Signatures<Of<std::int8_t>, Of<std::int32_t>, Of<std::int64_t>>;

 private:
  static std::int64_t read(TensorType type, const std::byte* from) {
    std::int64_t wide = 0;
    std::int32_t narrow = 0;
    std::int8_t byte = 0;
    if (type == TensorType::int64) return std::memcpy(&wide, from, sizeof(wide)), wide;
    if (type == TensorType::int32) return std::memcpy(&narrow, from, sizeof(narrow)), narrow;
    return std::memcpy(&byte, from, sizeof(byte)), byte;
  }
};

}  // namespace tfl
