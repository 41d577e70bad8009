#pragma once
// BROADCAST_ARGS: the shape that two shapes broadcast to; and the custom op BroadcastGradientArgs: the axes along which each of them is
// repeated.

#include <cstdint>
#include <span>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// Dimension `axis` of `rank`, aligned at the last one; 1 where the shape is shorter.
template <class View> std::int64_t aligned_element(const View& shape, std::int64_t axis, std::int64_t rank) {
  const std::int64_t own = axis - (rank - shape.count());
  return own < 0 ? 1 : std::int64_t{shape[own]};
}

constexpr Violation require_shape_vectors(const NodeDescription& node) {
  for (int i = 0; i < 2; ++i) {
    const TensorType type = node.input(i).type;
    if (type != TensorType::int32 && type != TensorType::int64)
      return input_violation(i, ErrorCode::invalid_type, "must be int32 or int64");
    if (type != node.input(0).type) return input_violation(i, ErrorCode::invalid_type, "must have the type of input 0");
    if (const Violation v = require_rank(node, i, 1)) return v;
  }
  return {};
}

}  // namespace detail

struct BroadcastArgs {
  static constexpr BuiltinOperator code = BuiltinOperator::BROADCAST_ARGS;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_shape_vectors(node)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const std::int32_t a = node.input(0).shape[0], b = node.input(1).shape[0];
    node.output(0).shape = {a > b ? a : b};
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static Violation eval(const Run&, In a, In b, Out out) {
    const std::int64_t rank = out.count();
    for (std::int64_t i = 0; i < rank; ++i) {
      const std::int64_t x = detail::aligned_element(a, i, rank), y = detail::aligned_element(b, i, rank);
      if (x != y && x != 1 && y != 1) {
        return input_violation(1, ErrorCode::invalid_value, "does not broadcast: its dimension {} is {}, that of input 0 is {}",
                               i - (rank - b.count()), y, x);
      }
      out[i] = static_cast<typename Out::value_type>(x == 1 ? y : x);
    }
    return {};
  }

  using Types = Signatures<Signature<Takes<std::int32_t, std::int32_t>, Gives<std::int32_t>>,
                           Signature<Takes<std::int64_t, std::int64_t>, Gives<std::int64_t>>>;
};

}  // namespace tfl
