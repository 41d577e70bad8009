#pragma once
// BROADCAST_ARGS: the shape that two shapes broadcast to; and the custom op BroadcastGradientArgs: the axes along which each of them is
// repeated.

#include <cstdint>
#include <span>
#include <string_view>

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

/// BroadcastGradientArgs: two shapes -> for each, the axes of the common shape along which it is repeated, which its gradient sums over
struct BroadcastGradientArgs {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "BroadcastGradientArgs";
  static constexpr Arity inputs = 2, outputs = 2;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_shape_vectors(node)) return v;
    for (int i = 0; i < 2; ++i) {
      if (const Violation v = require_same_type(node, i, 0)) return v;
      if (const Violation v = require_known(node, i)) return v;
    }
    const std::int64_t rank = rank_of_both(node);
    std::int32_t counts[2] = {};
    for (std::int64_t axis = 0; axis < rank; ++axis) {
      const std::int64_t x = element(node, 0, axis, rank), y = element(node, 1, axis, rank);
      if (x != y && x != 1 && y != 1) {
        return input_violation(1, ErrorCode::invalid_value, "does not broadcast: its dimension {} is {}, that of input 0 is {}",
                               axis - (rank - node.input(1).integers.size()), y, x);
      }
      for (int i = 0; i < 2; ++i) counts[i] += is_repeated(node, i, axis, rank) ? 1 : 0;
    }
    for (int i = 0; i < 2; ++i) node.output(i).shape = {counts[i]};
    return {};
  }

  struct Prepared {
    bool same = false;  // then nothing is repeated
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{are_same(node)};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In a, In b, Out out_a, Out out_b) {
    using T = typename Out::value_type;
    const std::int64_t rank = a.count() > b.count() ? a.count() : b.count();
    if (run.prepared.same) return;
    std::int64_t next_a = 0, next_b = 0;
    for (std::int64_t axis = 0; axis < rank; ++axis) {
      const std::int64_t x = detail::aligned_element(a, axis, rank), y = detail::aligned_element(b, axis, rank);
      if (x == 1 && next_a < out_a.count()) out_a[next_a++] = static_cast<T>(axis);
      if (y == 1 && next_b < out_b.count()) out_b[next_b++] = static_cast<T>(axis);
    }
  }

  using Types = Signatures<Signature<Takes<std::int32_t, std::int32_t>, Gives<std::int32_t, std::int32_t>>,
                           Signature<Takes<std::int64_t, std::int64_t>, Gives<std::int64_t, std::int64_t>>>;

 private:
  static constexpr std::int64_t rank_of_both(const NodeDescription& node) {
    const int a = node.input(0).integers.size(), b = node.input(1).integers.size();
    return a > b ? a : b;
  }
  static constexpr std::int64_t element(const NodeDescription& node, int i, std::int64_t axis, std::int64_t rank) {
    const KnownIntegers& shape = node.input(i).integers;
    const std::int64_t own = axis - (rank - shape.size());
    return own < 0 ? 1 : shape[static_cast<int>(own)];
  }
  static constexpr bool are_same(const NodeDescription& node) {
    const KnownIntegers &a = node.input(0).integers, &b = node.input(1).integers;
    if (a.size() != b.size()) return false;
    for (int i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  /// Where both are 1, both count, unless the shapes are the same throughout.
  static constexpr bool is_repeated(const NodeDescription& node, int i, std::int64_t axis, std::int64_t rank) {
    return element(node, i, axis, rank) == 1 && !are_same(node);
  }
};

}  // namespace tfl
