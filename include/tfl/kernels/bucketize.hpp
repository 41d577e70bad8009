#pragma once
// BUCKETIZE: input -> for each element, how many of the boundaries (an option, in rising order) it has reached.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {
/// Numbers that live as long as the program, for options in generated code: literals of floats can't be template arguments everywhere.
template <std::uint32_t... Bits> inline constexpr float float_list[sizeof...(Bits)] = {std::bit_cast<float>(Bits)...};
}  // namespace detail

struct Bucketize {
  static constexpr BuiltinOperator code = BuiltinOperator::BUCKETIZE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::span<const float> boundaries;  // in the model's own memory
    template <class Table> static constexpr Options read(const Table& table) {
      const auto* list = table.boundaries();
      return {list != nullptr ? std::span<const float>(list->data(), list->size()) : std::span<const float>()};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (std::size_t i = 1; i < options.boundaries.size(); ++i) {
      if (options.boundaries[i] < options.boundaries[i - 1]) {
        return node_violation(ErrorCode::invalid_option, "must have boundaries in rising order, but number {} is less than the one before",
                              static_cast<std::int64_t>(i));
      }
    }
    node.output(0).type = TensorType::int32;  // whatever the file says, as in TFLite
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    std::span<const float> boundaries;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return Prepared{options.boundaries};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using T = typename In::value_type;
    const std::span<const float> boundaries = run.prepared.boundaries;
    run.executor.parallel_for(in.count(), 10, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        const auto reached = std::upper_bound(boundaries.begin(), boundaries.end(), in[i], [](T x, float boundary) {
          if constexpr (std::is_integral_v<T>)
            return static_cast<float>(x) < boundary;
          else
            return x < static_cast<T>(boundary);
        });
        out[i] = static_cast<std::int32_t>(reached - boundaries.begin());
      }
    });
  }

  template <class T> using Of = Signature<Takes<T>, Gives<std::int32_t>>;
  using Types = Signatures<Of<float>, Of<double>, Of<std::int32_t>, Of<std::int64_t>>;
};

}  // namespace tfl
