#pragma once
// SPLIT, SPLIT_V and UNPACK: one tensor becomes several, along an axis that stays or goes.

#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/concatenation.hpp"
#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// What these ops have in common: an input of `outer` rows, every row a piece of each output.
struct SplitPlan {
  std::int64_t outer = 0, row_bytes = 0;

  constexpr SplitPlan() = default;
  constexpr SplitPlan(const TensorDescription& input, int axis)
      : outer(input.shape.count(0, axis)), row_bytes(input.shape.count(axis, input.rank()) * element_bytes(input.type)) {}
};

template <class Run, class In, class Outputs> inline void split(const Run& run, In in, const Outputs& parts) {
  const SplitPlan& p = run.prepared;
  const std::byte* from = bytes_of_input(in);
  for_each_piece(run.executor, parts, p.outer, p.row_bytes,
                 [&](int i, std::int64_t at, std::int64_t bytes, std::int64_t first, std::int64_t last) {
                   const std::byte* piece = from + first * p.row_bytes + at;
                   std::byte* to = bytes_of_output(parts[i]) + first * bytes;
                   if (piece != to) copy_rows<typename Run::Arch>(to, bytes, piece, p.row_bytes, bytes, last - first);
                 });
}

/// Bytes from the start of the input to output k, or -1 where rows of several parts alternate.
constexpr std::int64_t split_offset(const NodeDescription& node, int input, int axis, int k) {
  if (node.input(input).shape.count(0, axis) != 1) return -1;
  std::int64_t offset = 0;
  for (int i = 0; i < k; ++i) offset += node.output(i).bytes();
  return offset;
}

constexpr Violation require_output_types(const NodeDescription& node, int input) {
  for (int i = 0; i < node.output_count(); ++i) {
    if (const Violation v = require_same_type(node, i, input)) return v;
  }
  return {};
}

}  // namespace detail

/// SPLIT: axis, input -> num_splits outputs of equal size along the axis.
struct Split {
  static constexpr BuiltinOperator code = BuiltinOperator::SPLIT;
  static constexpr Arity inputs = 2, outputs{1, any_number};
  static constexpr int max_version = 5;
  static constexpr OpTraits traits{.whole = 1};

  struct Options {
    std::int32_t num_splits = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.num_splits()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_output_types(node, 1)) return v;
    if (options.num_splits != node.output_count()) {
      return node_violation(ErrorCode::invalid_option, "num_splits is {}, the node has {} outputs", options.num_splits,
                            node.output_count());
    }
    const Shape& in = node.input(1).shape;
    const detail::Axis axis = detail::read_axis(node, 0, in.rank());
    if (axis.violation) return axis.violation;
    if (in[axis.value] % options.num_splits != 0) {
      return input_violation(1, ErrorCode::invalid_shape, "has dimension {} = {}, which does not split into {} equal parts", axis.value,
                             in[axis.value], options.num_splits);
    }
    Shape out = in;
    out[axis.value] /= options.num_splits;
    for (int i = 0; i < node.output_count(); ++i) node.output(i).shape = out;
    return {};
  }

  using Prepared = detail::SplitPlan;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared(node.input(1), axis_of(node));
  }
  static constexpr std::int64_t part_offset(const Options&, const NodeDescription& node, int k) {
    return detail::split_offset(node, 1, axis_of(node), k);
  }

  template <class Run, class AxisView, class In, class Outputs> static void eval(const Run& run, AxisView, In in, Outputs parts) {
    detail::split(run, in, parts);
  }

  using Types = Signatures<Signature<Takes<Unread, Raw<1>>, Gives<Many<Raw<1>>>>, Signature<Takes<Unread, Raw<2>>, Gives<Many<Raw<2>>>>,
                           Signature<Takes<Unread, Raw<4>>, Gives<Many<Raw<4>>>>, Signature<Takes<Unread, Raw<8>>, Gives<Many<Raw<8>>>>>;

 private:
  static constexpr int axis_of(const NodeDescription& node) { return normalized_axis(node.input(0).integers[0], node.input(1).rank()); }
};

/// SPLIT_V: input, sizes[n], axis -> n outputs of these sizes along the axis. One size may be -1: it takes what remains.
struct SplitV {
  static constexpr BuiltinOperator code = BuiltinOperator::SPLIT_V;
  static constexpr Arity inputs = 3, outputs{1, any_number};
  static constexpr int max_version = 3;

  struct Options {
    std::int32_t num_splits = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.num_splits()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_output_types(node, 0)) return v;
    if (options.num_splits != node.output_count()) {
      return node_violation(ErrorCode::invalid_option, "num_splits is {}, the node has {} outputs", options.num_splits,
                            node.output_count());
    }
    if (const Violation v = detail::require_integer_vector(node, 1)) return v;
    if (node.input(1).count() != node.output_count()) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one element for each of the {} outputs, not {}", node.output_count(),
                             node.input(1).count());
    }
    const Shape& in = node.input(0).shape;
    const detail::Axis axis = detail::read_axis(node, 2, in.rank());
    if (axis.violation) return axis.violation;
    const KnownIntegers& sizes = node.input(1).integers;
    const std::int64_t all = in[axis.value];
    std::int64_t remaining = all;
    int open = -1;
    for (int i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == -1) {
        if (open >= 0) return input_violation(1, ErrorCode::invalid_value, "has -1 twice, for outputs {} and {}", open, i);
        open = i;
      } else if (sizes[i] < 0) {
        return input_violation(1, ErrorCode::invalid_value, "gives output {} the size {}", i, sizes[i]);
      } else if (sizes[i] > remaining) {
        return input_violation(1, ErrorCode::invalid_value, "takes more than the {} elements of dimension {}", all, axis.value);
      } else {
        remaining -= sizes[i];
      }
    }
    if (open < 0 && remaining > 0) {
      return input_violation(1, ErrorCode::invalid_value, "takes {} of the {} elements of dimension {}", all - remaining, all, axis.value);
    }
    for (int i = 0; i < node.output_count(); ++i) {
      Shape out = in;
      out[axis.value] = static_cast<std::int32_t>(i == open ? remaining : sizes[i]);
      node.output(i).shape = out;
    }
    return {};
  }

  using Prepared = detail::SplitPlan;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared(node.input(0), axis_of(node));
  }
  static constexpr std::int64_t part_offset(const Options&, const NodeDescription& node, int k) {
    return detail::split_offset(node, 0, axis_of(node), k);
  }

  template <class Run, class In, class Outputs> static void eval(const Run& run, In in, Outputs parts) { detail::split(run, in, parts); }

  using Types = Signatures<Signature<Takes<Raw<1>>, Gives<Many<Raw<1>>>>, Signature<Takes<Raw<2>>, Gives<Many<Raw<2>>>>,
                           Signature<Takes<Raw<4>>, Gives<Many<Raw<4>>>>, Signature<Takes<Raw<8>>, Gives<Many<Raw<8>>>>>;

 private:
  static constexpr int axis_of(const NodeDescription& node) { return normalized_axis(node.input(2).integers[0], node.input(0).rank()); }
};

/// UNPACK: input -> one output for each index of `axis`, without that dimension.
struct Unpack {
  static constexpr BuiltinOperator code = BuiltinOperator::UNPACK;
  static constexpr Arity inputs = 1, outputs{1, any_number};
  static constexpr int max_version = 6;

  struct Options {
    std::int32_t axis = 0, num = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.axis(), table.num()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_output_types(node, 0)) return v;
    const Shape& in = node.input(0).shape;
    const int axis = normalized_axis(options.axis, in.rank());
    if (axis < 0)
      return node_violation(ErrorCode::invalid_option, "axis {} is outside of the input's {} dimensions", options.axis, in.rank());
    if (options.num != node.output_count()) {
      return node_violation(ErrorCode::invalid_option, "num is {}, the node has {} outputs", options.num, node.output_count());
    }
    if (in[axis] != options.num) {
      return input_violation(0, ErrorCode::invalid_shape, "must have dimension {} = {}, the number of outputs, not {}", axis, options.num,
                             in[axis]);
    }
    Shape out;
    for (int i = 0; i < in.rank(); ++i) {
      if (i != axis) out.push_back(in[i]);
    }
    for (int i = 0; i < node.output_count(); ++i) {
      if (!detail::same_scale(node.input(0).quantization, node.output(i).quantization)) {
        return output_violation(i, ErrorCode::invalid_quantization, "must have the scale and zero point of the input");
      }
      node.output(i).shape = out;
    }
    return {};
  }

  using Prepared = detail::SplitPlan;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared(node.input(0), normalized_axis(options.axis, node.input(0).rank()));
  }
  static constexpr std::int64_t part_offset(const Options& options, const NodeDescription& node, int k) {
    return detail::split_offset(node, 0, normalized_axis(options.axis, node.input(0).rank()), k);
  }

  template <class Run, class In, class Outputs> static void eval(const Run& run, In in, Outputs parts) { detail::split(run, in, parts); }

  using Types = SplitV::Types;
};

}  // namespace tfl
