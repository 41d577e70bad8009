#pragma once
// RESHAPE, SQUEEZE, EXPAND_DIMS: the same bytes under another shape. Free where the planner lets input and output share memory.
// SHAPE and RANK tell a tensor's shape and read no bytes at all.

#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// What these ops have in common: everything but the options and the shape.
struct ViewOp {
  static constexpr Arity outputs = 1;
  static constexpr OpTraits traits{.is_view = true};

  struct Prepared {
    std::int64_t bytes = 0;
  };
  template <class Options>
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    // Elements of no fixed size are for ops that know them.
    if (bits_of(node.input(0).type) == 0) return node_violation(ErrorCode::unsupported_type, "has no kernel for these types");
    return Prepared{node.input(0).bytes()};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if (in.data() != out.data()) copy_bytes<typename Run::Arch>(run.executor, out.data(), in.data(), run.prepared.bytes);
  }

  using Types = Signatures<Signature<Takes<AnyType>, Gives<AnyType>>>;
};

/// Reads a list of integers from an options table into a Shape; a violation where it has more than 8.
template <class Vector> constexpr Violation read_shape(const Vector* list, Shape& shape) {
  if (list == nullptr) return {};
  if (list->size() > max_rank)
    return node_violation(ErrorCode::invalid_option, "an option lists {} dimensions, at most 8 are possible", list->size());
  for (unsigned i = 0; i < list->size(); ++i) shape.push_back(list->Get(i));
  return {};
}

}  // namespace detail

/// RESHAPE: input (+ shape[rank], int32) -> the same elements in the new shape. One dimension may be -1: it takes what remains.
struct Reshape : detail::ViewOp {
  static constexpr BuiltinOperator code = BuiltinOperator::RESHAPE;
  static constexpr OpTraits traits{.is_view = true, .any_rank = true};
  static constexpr Arity inputs{1, 2};
  static constexpr int max_version = 1;

  struct Options {
    Shape new_shape;
    template <class Table> static constexpr Result<Options, Violation> read(const Table& table) {
      Options options;
      if (const Violation v = detail::read_shape(table.new_shape(), options.new_shape)) return v;
      return options;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const TensorDescription& in = node.input(0);
    Shape shape = options.new_shape;
    // The input wins over the option if it is a vector, as in TFLite.
    if (node.has_input(1) && node.input(1).rank() <= 1) {
      if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
      if (const Violation v = require_known(node, 1)) return v;
    }
    if (node.has_input(1) && node.input(1).rank() == 1) {
      const KnownIntegers& wanted = node.input(1).integers;
      shape = Shape{};
      for (int i = 0; i < wanted.size(); ++i) {
        if (wanted.size() > max_full_rank || (i + max_rank < wanted.size() && wanted[i] != 1)) {
          return input_violation(1, ErrorCode::invalid_shape, "asks for {} dimensions; all beyond the last 8 must be 1", wanted.size());
        }
        shape.push_back(static_cast<std::int32_t>(wanted[i]));
      }
    } else if (shape.rank() == 1 && shape[0] == 0) {
      shape = Shape{};  // how old converters wrote a scalar
    }
    constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
    std::int64_t others = 1;  // product of the dimensions that are neither 0 nor open
    bool zero = false;
    int open = -1;
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape[i] == -1) {
        if (open >= 0) return node_violation(ErrorCode::invalid_shape, "the new shape has -1 twice, in dimensions {} and {}", open, i);
        open = i;
      } else if (shape[i] < 0) {
        return node_violation(ErrorCode::invalid_shape, "the new shape has dimension {} = {}", i, shape[i]);
      } else if (shape[i] == 0) {
        zero = true;
      } else {
        if (others > limit / shape[i]) return node_violation(ErrorCode::invalid_shape, "the new shape has more than 2^31 - 1 elements");
        others *= shape[i];
      }
    }
    if (open >= 0) {
      // Beside a 0 any number would do: it is what makes the dimensions that aren't 0 match.
      std::int64_t elements = in.count();
      if (zero && elements == 0) {
        elements = 1;
        for (const std::int32_t d : in.shape.dims()) elements *= d > 0 ? d : 1;
      }
      shape[open] = static_cast<std::int32_t>(elements / others);
    }
    if (shape.checked_count() != in.count()) {
      return input_violation(0, ErrorCode::invalid_shape, "its {} elements do not fill the new shape, which has {}", in.count(),
                             shape.checked_count());
    }
    node.output(0).shape = shape;
    return {};
  }
};

/// SQUEEZE: drops the dimensions that are listed, or all, of size 1.
struct Squeeze : detail::ViewOp {
  static constexpr BuiltinOperator code = BuiltinOperator::SQUEEZE;
  static constexpr Arity inputs = 1;
  static constexpr int max_version = 2;

  struct Options {
    Shape axes;  // as a list
    template <class Table> static constexpr Result<Options, Violation> read(const Table& table) {
      Options options;
      if (const Violation v = detail::read_shape(table.squeeze_dims(), options.axes)) return v;
      return options;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape& in = node.input(0).shape;
    bool dropped[max_rank] = {};
    for (int i = 0; i < in.rank(); ++i) dropped[i] = options.axes.rank() == 0 && in[i] == 1;
    for (const std::int32_t listed : options.axes.dims()) {
      const int axis = normalized_axis(listed, in.rank());
      if (axis < 0)
        return node_violation(ErrorCode::invalid_option, "squeeze_dims lists axis {} of a tensor of {} dimensions", listed, in.rank());
      if (in[axis] != 1)
        return input_violation(0, ErrorCode::invalid_shape, "cannot be squeezed in dimension {}, which is {}, not 1", axis, in[axis]);
      dropped[axis] = true;
    }
    Shape out;
    for (int i = 0; i < in.rank(); ++i) {
      if (!dropped[i]) out.push_back(in[i]);
    }
    node.output(0).shape = out;
    return {};
  }
};

/// EXPAND_DIMS: input, axis (one int32 or int64) -> a dimension of size 1 is put in before that axis; -1 is behind the last.
struct ExpandDims : detail::ViewOp {
  static constexpr BuiltinOperator code = BuiltinOperator::EXPAND_DIMS;
  static constexpr Arity inputs = 2;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape& in = node.input(0).shape;
    if (in.rank() == max_rank) return input_violation(0, ErrorCode::invalid_shape, "has 8 dimensions already");
    const detail::Axis axis = detail::read_axis(node, 1, in.rank() + 1);
    if (axis.violation) return axis.violation;
    Shape out;
    for (int i = 0; i <= in.rank(); ++i) out.push_back(i < axis.value ? in[i] : i == axis.value ? 1 : in[i - 1]);
    node.output(0).shape = out;
    return {};
  }
};

/// SHAPE: any tensor -> its dimensions, as a vector of int32 or int64.
struct ShapeOf {
  static constexpr BuiltinOperator code = BuiltinOperator::SHAPE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.reads_shape_only = true, .any_rank = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorType type = node.output(0).type;
    if (type != TensorType::int32 && type != TensorType::int64)
      return output_violation(0, ErrorCode::invalid_type, "must be int32 or int64");
    node.output(0).shape = Shape{node.input(0).shape.full_rank()};
    return {};
  }

  struct Prepared {
    Shape shape;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape};
  }

  template <class Run, class Out> static void eval(const Run& run, Out out) {
    const Shape& shape = run.prepared.shape;
    for (int i = 0; i < shape.leading_ones(); ++i) out[i] = 1;
    for (int i = 0; i < shape.rank(); ++i) out[shape.leading_ones() + i] = shape[i];
  }

  using Types = Signatures<Signature<Takes<>, Gives<std::int32_t>>, Signature<Takes<>, Gives<std::int64_t>>>;
};

/// RANK: any tensor -> the number of its dimensions, an int32 scalar.
struct Rank {
  static constexpr BuiltinOperator code = BuiltinOperator::RANK;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.reads_shape_only = true, .any_rank = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).shape = Shape{};
    return {};
  }

  struct Prepared {
    std::int32_t rank = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape.full_rank()};
  }

  template <class Run, class Out> static void eval(const Run& run, Out out) { out[0] = run.prepared.rank; }

  using Types = Signatures<Signature<Takes<>, Gives<std::int32_t>>>;
};

}  // namespace tfl
