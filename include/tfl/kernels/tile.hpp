#pragma once
// TILE and BROADCAST_TO: the input repeated along its dimensions.

#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/slice.hpp"

namespace tfl {

/// TILE: input, multiples[rank] -> output dimension i is input dimension i times multiples[i].
struct Tile : detail::StridedCopyOp {
  static constexpr BuiltinOperator code = BuiltinOperator::TILE;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 3;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape& in = node.input(0).shape;
    // TFLite takes a scalar for a vector of one element.
    if (node.input(1).rank() != 0) {
      if (const Violation v = detail::require_integer_vector(node, 1)) return v;
    } else if (node.input(1).type != TensorType::int32 && node.input(1).type != TensorType::int64) {
      return input_violation(1, ErrorCode::invalid_type, "must be int32 or int64");
    } else if (const Violation v = require_known(node, 1)) {
      return v;
    }
    if (node.input(1).count() != in.rank()) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one element for each of the {} dimensions, not {}", in.rank(),
                             node.input(1).count());
    }
    Shape out;
    for (int i = 0; i < in.rank(); ++i) {
      const std::int64_t times = node.input(1).integers[i];
      constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
      if (times < 0 || times > limit || times * in[i] > limit) {
        return input_violation(1, ErrorCode::invalid_value, "repeats dimension {}, which is {}, {} times", i, in[i], times);
      }
      out.push_back(static_cast<std::int32_t>(times * in[i]));
    }
    node.output(0).shape = out;
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    const detail::Steps steps = detail::dense_steps(node.input(0));
    detail::StridedCopy copy;
    for (int i = 0; i < in.rank(); ++i) {
      copy.add(node.input(1).integers[i], 0);
      copy.add(in[i], steps.of[i]);
    }
    copy.finish(detail::copy_units(node.input(0).type));
    return copy;
  }
};

/// BROADCAST_TO: input, shape[n] -> the input repeated along dimensions of size 1 and along new leading ones until it has that shape.
struct BroadcastTo : detail::StridedCopyOp {
  static constexpr BuiltinOperator code = BuiltinOperator::BROADCAST_TO;
  static constexpr OpTraits traits{.any_rank = true};
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 4;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape& in = node.input(0).shape;
    if (const Violation v = detail::require_integer_vector(node, 1)) return v;
    const KnownIntegers& wanted = node.input(1).integers;
    if (wanted.size() > max_full_rank || wanted.size() < in.full_rank()) {
      return input_violation(1, ErrorCode::invalid_shape, "asks for {} dimensions; at least the input's {} are possible", wanted.size(),
                             in.full_rank());
    }
    Shape out;
    for (int i = 0; i < wanted.size(); ++i) {
      const int from = i - (wanted.size() - in.rank());
      if (i + max_rank < wanted.size() && wanted[i] != 1) {
        return input_violation(1, ErrorCode::invalid_shape, "asks for dimension {} = {}; all beyond the last 8 must be 1", i, wanted[i]);
      }
      if (wanted[i] < 0 || wanted[i] > std::numeric_limits<std::int32_t>::max()) {
        return input_violation(1, ErrorCode::invalid_value, "asks for dimension {} = {}", i, wanted[i]);
      }
      if (from >= 0 && in[from] != 1 && in[from] != wanted[i]) {
        return input_violation(0, ErrorCode::invalid_shape, "has dimension {} = {}, which does not broadcast to {}", from, in[from],
                               wanted[i]);
      }
      out.push_back(static_cast<std::int32_t>(wanted[i]));
    }
    node.output(0).shape = out;
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &in = node.input(0).shape, &out = node.output(0).shape;
    const detail::Steps steps = detail::dense_steps(node.input(0));
    detail::StridedCopy copy;
    for (int i = 0; i < out.rank(); ++i) {
      const int from = i - (out.rank() - in.rank());
      copy.add(out[i], from >= 0 && in[from] != 1 ? steps.of[from] : 0);
    }
    copy.finish(detail::copy_units(node.input(0).type));
    return copy;
  }
};

}  // namespace tfl
