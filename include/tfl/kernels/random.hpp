#pragma once
// Random numbers as TensorFlow Lite makes them, to the bit, from the same seeds: RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL, MULTINOMIAL,
// STABLEHLO_RNG_BIT_GENERATOR. Philox and Threefry: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011).
//
// Every interpreter has its own stream, which each run continues; resetting variables starts it again.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

using Words4 = std::array<std::uint32_t, 4>;
using Words2 = std::array<std::uint32_t, 2>;

/// Philox 4x32, 10 rounds.
template <class A> Words4 philox(Words2 key, Words4 x) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * x[0], b = std::uint64_t{0xCD9E8D57u} * x[2];
    x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ key[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return x;
}

/// Threefry 2x32, 20 rounds.
template <class A> Words2 threefry(Words2 key, Words2 x) {
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const std::uint32_t keys[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDAu};
  x[0] += keys[0];
  x[1] += keys[1];
  for (std::uint32_t group = 0; group < 5; ++group) {
    for (const int by : rotations[group % 2]) {
      x[0] += x[1];
      x[1] = std::rotl(x[1], by) ^ x[0];
    }
    x[0] += keys[(group + 1) % 3];
    x[1] += keys[(group + 2) % 3] + group + 1;
  }
  return x;
}

/// A stream of random words, 4 at a time.
struct PhiloxStream {
  Words2 key{};
  Words4 counter{};

  template <class A> Words4 next() {
    const Words4 words = philox<A>(key, counter);
    skip(1);
    return words;
  }
  constexpr void skip(std::uint64_t count) {
    const std::uint64_t low = (std::uint64_t{counter[1]} << 32 | counter[0]) + count;
    counter[0] = static_cast<std::uint32_t>(low);
    counter[1] = static_cast<std::uint32_t>(low >> 32);
    if (low < count && ++counter[2] == 0) ++counter[3];
  }
};

/// In [0, 1)
template <class A> float unit_float(std::uint32_t bits) { return std::bit_cast<float>(0x3f800000u | (bits & 0x7fffffu)) - 1.0f; }
template <class A> double unit_double(std::uint32_t high, std::uint32_t low) {
  return std::bit_cast<double>(std::uint64_t{1023} << 52 | std::uint64_t{high & 0xfffffu} << 32 | low) - 1.0;
}

struct RandomOptions {
  std::int64_t seed = 0, seed2 = 0;
  template <class Table> static constexpr RandomOptions read(const Table& table) { return {table.seed(), table.seed2()}; }
};

/// What the ops below prepare: where their stream begins.
struct RandomPrepared {
  PhiloxStream first;
  bool unseeded = false;  // both seeds are 0, which asks for numbers that nobody can foretell
  std::int64_t batch = 0, classes = 0, samples = 0;

  static constexpr RandomPrepared from(const RandomOptions& options) {
    RandomPrepared p;
    const auto low = static_cast<std::uint64_t>(options.seed), high = static_cast<std::uint64_t>(options.seed2);
    p.first.key = {static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(low >> 32)};
    p.first.counter = {0, 0, static_cast<std::uint32_t>(high), static_cast<std::uint32_t>(high >> 32)};
    p.unseeded = options.seed == 0 && options.seed2 == 0;
    return p;
  }
};
/// What they keep between runs.
struct RandomState {
  PhiloxStream stream;
  bool has_begun;
};
template <class Run> PhiloxStream& stream_of(const Run& run) {
  auto& state = *reinterpret_cast<RandomState*>(run.state);
  if (!state.has_begun) {
    state.stream = run.prepared.first;
    if (run.prepared.unseeded) {
      const auto time = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
      const auto place = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(run.state));
      state.stream.key = {static_cast<std::uint32_t>(time), static_cast<std::uint32_t>(time >> 32)};
      state.stream.counter = {0, 0, static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(place >> 32)};
    }
    state.has_begun = true;
  }
  return state.stream;
}

/// Calls store(i, 4 words) for i = 0, 4, 8... below count.
template <class A, class F> void each_four(PhiloxStream& stream, std::int64_t count, F store) {
  for (std::int64_t i = 0; i < count; i += 4) store(i, stream.next<A>());
}

/// The shape that input 0 lists.
constexpr Violation wanted_shape(const NodeDescription& node, Shape& shape) {
  const KnownIntegers& wanted = node.input(0).integers;
  if (wanted.size() > max_rank) {
    return input_violation(0, ErrorCode::invalid_shape, "asks for {} dimensions, at most {} are possible", wanted.size(), max_rank);
  }
  shape = {};
  for (int i = 0; i < wanted.size(); ++i) {
    if (wanted[i] < 0 || wanted[i] > std::numeric_limits<std::int32_t>::max())
      return input_violation(0, ErrorCode::invalid_value, "asks for dimension {} = {}", i, wanted[i]);
    shape.push_back(static_cast<std::int32_t>(wanted[i]));
  }
  return {};
}

/// shape[n] (int32) -> floats of this shape
struct RandomTensor {
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = RandomOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::int32) return input_violation(0, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_integer_vector(node, 0)) return v;
    if (node.output(0).type != TensorType::float32) return output_violation(0, ErrorCode::invalid_type, "must be float32");
    return wanted_shape(node, node.output(0).shape);
  }

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription&) {
    return {.state_bytes = sizeof(RandomState)};
  }

  using Prepared = RandomPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return RandomPrepared::from(options);
  }

  using Types = Signatures<Signature<Takes<Unread>, Gives<float>>>;
};

}  // namespace detail

/// RANDOM_UNIFORM: numbers in [0, 1)
struct RandomUniform : detail::RandomTensor {
  static constexpr BuiltinOperator code = BuiltinOperator::RANDOM_UNIFORM;

  template <class Run, class In, class Out> static void eval(const Run& run, In, Out out) {
    using A = typename Run::Arch;
    detail::each_four<A>(detail::stream_of(run), out.count(), [out](std::int64_t i, const detail::Words4& words) {
      for (std::size_t k = 0; k < 4 && i + static_cast<std::int64_t>(k) < out.count(); ++k) {
        out[i + static_cast<std::int64_t>(k)] = detail::unit_float<A>(words[k]);
      }
    });
  }
};

/// RANDOM_STANDARD_NORMAL: numbers of mean 0 and variance 1, two at a time by the method of Box and Muller
struct RandomStandardNormal : detail::RandomTensor {
  static constexpr BuiltinOperator code = BuiltinOperator::RANDOM_STANDARD_NORMAL;

  template <class Run, class In, class Out> static void eval(const Run& run, In, Out out) {
    using A = typename Run::Arch;
    detail::each_four<A>(detail::stream_of(run), out.count(), [out](std::int64_t i, const detail::Words4& words) {
      for (std::size_t k = 0; k < 4 && i + static_cast<std::int64_t>(k) < out.count(); k += 2) {
        const std::int64_t at = i + static_cast<std::int64_t>(k);
        const float uniform = detail::unit_float<A>(words[k]);
        const auto angle = static_cast<float>(2 * std::numbers::pi * static_cast<double>(detail::unit_float<A>(words[k + 1])));
        const float radius = std::sqrt(-2.0f * std::log(uniform < 1e-7f ? 1e-7f : uniform));
        out[at] = std::sin(angle) * radius;
        if (at + 1 < out.count()) out[at + 1] = std::cos(angle) * radius;
      }
    });
  }
};

/// MULTINOMIAL: logits[batch, classes], samples -> output[batch, samples]: classes drawn with probabilities softmax(logits)
struct Multinomial {
  static constexpr BuiltinOperator code = BuiltinOperator::MULTINOMIAL;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = detail::RandomOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
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
            .state_bytes = sizeof(detail::RandomState)};
  }

  using Prepared = detail::RandomPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p = detail::RandomPrepared::from(options);
    p.batch = node.input(0).shape[0];
    p.classes = node.input(0).shape[1];
    p.samples = node.input(1).integers[0];
    return p;
  }

  template <class Run, class In, class Samples, class Out> static void eval(const Run& run, In logits, Samples, Out out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    detail::PhiloxStream& stream = detail::stream_of(run);
    detail::PhiloxStream own = stream;
    // TFLite leaves room for 256 tries of every number.
    stream.skip(static_cast<std::uint64_t>(p.batch) * static_cast<std::uint64_t>((p.samples + 3) / 4 * 4) * 2 * 256);
    auto* const sums = reinterpret_cast<double*>(run.scratch);  // of the probabilities of all classes up to this one
    detail::Words4 words{};
    std::size_t used = words.size();
    for (std::int64_t b = 0; b < p.batch; ++b) {
      const float* const row = logits.data() + b * p.classes;
      float most = std::numeric_limits<float>::lowest();
      for (std::int64_t c = 0; c < p.classes; ++c) {
        if (std::isfinite(row[c]) && row[c] > most) most = row[c];
      }
      double total = 0;
      for (std::int64_t c = 0; c < p.classes; ++c) {
        if (std::isfinite(row[c])) total += std::exp(static_cast<double>(row[c]) - static_cast<double>(most));
        sums[c] = total;
      }
      for (std::int64_t s = 0; s < p.samples; ++s) {
        if (used == words.size()) {
          words = own.next<A>();
          used = 0;
        }
        const double wanted = detail::unit_double<A>(words[used], words[used + 1]) * total;
        used += 2;
        out[b * p.samples + s] = static_cast<typename Out::value_type>(std::upper_bound(sums, sums + p.classes, wanted) - sums);
      }
    }
  }

  using Types = Signatures<Signature<Takes<float, Unread>, Gives<std::int32_t>>, Signature<Takes<float, Unread>, Gives<std::int64_t>>>;
};

/// STABLEHLO_RNG_BIT_GENERATOR: state[2 or 3] (uint64: key, counter) -> the state behind the numbers, and integers of random bits
struct RngBitGenerator {
  static constexpr BuiltinOperator code = BuiltinOperator::STABLEHLO_RNG_BIT_GENERATOR;
  static constexpr Arity inputs = 1, outputs = 2;
  static constexpr int max_version = 1;

  /// The schema's RngAlgorithm, value by value; the usual one is Philox.
  enum class Algorithm : std::uint8_t { usual, philox, threefry };
  struct Options {
    Algorithm algorithm = Algorithm::usual;
    template <class Table> static constexpr Options read(const Table& table) { return {static_cast<Algorithm>(table.algorithm())}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (options.algorithm > Algorithm::threefry) return node_violation(ErrorCode::invalid_option, "has an unknown algorithm");
    if (node.input(0).type != TensorType::uint64) return input_violation(0, ErrorCode::invalid_type, "must be uint64");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 1)) return v;
    const std::int32_t words = node.input(0).shape[0];
    if (words != 2 && (words != 3 || options.algorithm == Algorithm::threefry)) {
      return input_violation(0, ErrorCode::invalid_shape, "must have 2 elements (or 3, for Philox), not {}", words);
    }
    const TensorType out = node.output(1).type;
    if (out != TensorType::int32 && out != TensorType::int64 && out != TensorType::uint32 && out != TensorType::uint64) {
      return output_violation(1, ErrorCode::invalid_type, "must be int32, int64, uint32 or uint64");
    }
    node.output(0).shape = node.input(0).shape;  // output 1 has the shape that the model gives it
    return {};
  }

  struct Prepared {
    bool threefry = false;
    std::int64_t words = 0;  // of 32 bits, to make
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{options.algorithm == Algorithm::threefry, node.output(1).bytes() / 4};
  }

  template <class Run, class State, class NewState, class Out> static void eval(const Run& run, State state, NewState next, Out out) {
    using A = typename Run::Arch;
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const detail::Words2 key{low(state[0]), high(state[0])};
    const std::uint64_t more = state[state.count() == 3 ? 2 : 0];
    std::uint64_t counter = state[1];
    const auto store = [&](std::int64_t at, const auto& words) {
      const auto left = static_cast<std::size_t>(run.prepared.words - at);
      std::memcpy(out.data() + at * 4, words.data(), (left < words.size() ? left : words.size()) * 4);
    };
    for (std::int64_t at = 0; at < run.prepared.words; at += run.prepared.threefry ? 2 : 4, ++counter) {
      if (run.prepared.threefry) {
        store(at, detail::threefry<A>(key, {low(counter), high(counter)}));
      } else {
        store(at, detail::philox<A>(key, {low(counter), high(counter), low(more), high(more)}));
      }
    }
    for (std::int64_t i = 0; i < state.count(); ++i) next[i] = state[i];
    next[1] = counter;
  }

  using Types = Signatures<Signature<Takes<std::uint64_t>, Gives<std::uint64_t, AnyType>>>;
};

}  // namespace tfl
