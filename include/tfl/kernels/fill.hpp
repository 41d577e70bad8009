#pragma once
// FILL, ZEROS_LIKE and ONE_HOT: tensors made of one or two values.

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

/// FILL: dimensions[n] (int32 or int64), value (a scalar) -> a tensor of these dimensions, all of it the value
struct Fill {
  static constexpr BuiltinOperator code = BuiltinOperator::FILL;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 5;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorDescription& value = node.input(1);
    TensorDescription& out = node.output(0);
    out.type = value.type;  // whatever the file says, as in TFLite
    if (const Violation v = require_rank(node, 1, 0)) return v;
    if (out.quantization.scale != value.quantization.scale || out.quantization.zero_point != value.quantization.zero_point) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have the scale and zero point of input 1");
    }
    if (value.type == TensorType::int16 && value.quantization.zero_point != 0) {
      return input_violation(1, ErrorCode::invalid_quantization, "must have the zero point 0, not {}", value.quantization.zero_point);
    }
    if (const Violation v = detail::require_integer_vector(node, 0)) return v;
    const KnownIntegers& dimensions = node.input(0).integers;
    if (dimensions.size() > max_rank) {
      return input_violation(0, ErrorCode::invalid_shape, "asks for {} dimensions, at most {} are possible", dimensions.size(), max_rank);
    }
    Shape shape;
    for (int i = 0; i < dimensions.size(); ++i) {
      if (dimensions[i] < 0 || dimensions[i] > std::numeric_limits<std::int32_t>::max()) {
        return input_violation(0, ErrorCode::invalid_value, "asks for dimension {} = {}", i, dimensions[i]);
      }
      shape.push_back(static_cast<std::int32_t>(dimensions[i]));
    }
    out.shape = shape;
    return {};
  }

  struct Prepared {
    int element = 0;  // bytes
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    if (const Violation v = detail::require_whole_bytes(node, 1)) return v;  // here, for ForStrings<Fill> has strings in infer
    return Prepared{detail::element_bytes(node.input(1).type)};
  }

  template <class Run, class Dimensions, class Value, class Out> static void eval(const Run& run, Dimensions, Value value, Out out) {
    detail::fill_elements<typename Run::Arch>(out.data(), value.data(), run.prepared.element, out.count());
  }

  using Types = Signatures<Signature<Takes<Unread, AnyType>, Gives<AnyType>>>;
};

/// ZEROS_LIKE: a tensor of the input's type and shape, all of it 0
struct ZerosLike {
  static constexpr BuiltinOperator code = BuiltinOperator::ZEROS_LIKE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.reads_shape_only = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    const TensorType type = node.input(0).type;
    if (type != TensorType::float32 && type != TensorType::int32 && type != TensorType::int64) {
      return input_violation(0, ErrorCode::invalid_type, "must be float32, int32 or int64");
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    std::int64_t bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.output(0).bytes()};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In, Out out) {
    std::memset(out.data(), 0, static_cast<std::size_t>(run.prepared.bytes));
  }

  using Types = Signatures<Signature<Takes<Unread>, Gives<AnyType>>>;
};

/// ONE_HOT: indices, depth, on, off -> a new axis of `depth` elements: `on` where its position is the index, else `off`
struct OneHot {
  static constexpr BuiltinOperator code = BuiltinOperator::ONE_HOT;
  static constexpr Arity inputs = 4, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t axis = 0;  // of the output; -1: the last
    template <class Table> static constexpr Options read(const Table& table) { return {table.axis()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    const Shape& indices = node.input(0).shape;
    if (node.input(0).type != TensorType::int32 && node.input(0).type != TensorType::int64) {
      return input_violation(0, ErrorCode::invalid_type, "must be int32 or int64");
    }
    if (const Violation v = require_rank_between(node, 0, 0, max_rank - 1)) return v;
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    for (int i = 1; i < 4; ++i) {
      if (node.input(i).count() != 1) {
        return input_violation(i, ErrorCode::invalid_shape, "must have one element, not {}", node.input(i).count());
      }
    }
    if (const Violation v = detail::require_whole_bytes(node, 2)) return v;
    if (node.input(3).type != node.input(2).type) return input_violation(3, ErrorCode::invalid_type, "must have the type of input 2");
    node.output(0).type = node.input(2).type;  // whatever the file says, as in TFLite
    if (options.axis < -1 || options.axis > indices.rank()) {
      return node_violation(ErrorCode::invalid_option, "has axis {}, which an output of {} dimensions does not have", options.axis,
                            indices.rank() + 1);
    }
    if (const Violation v = require_known(node, 1)) return v;
    const std::int64_t depth = node.input(1).integers[0];
    if (depth < 0) return input_violation(1, ErrorCode::invalid_value, "must not be negative; it is {}", depth);
    const int axis = axis_of(options, node);
    Shape shape;
    for (int i = 0; i < axis; ++i) shape.push_back(indices[i]);
    shape.push_back(static_cast<std::int32_t>(depth));
    for (int i = axis; i < indices.rank(); ++i) shape.push_back(indices[i]);
    node.output(0).shape = shape;
    return {};
  }

  struct Prepared {
    std::int64_t outer = 0, depth = 0, inner = 0;
    int element = 0;  // bytes
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& indices = node.input(0).shape;
    const int axis = axis_of(options, node);
    return Prepared{indices.count(0, axis), node.input(1).integers[0], indices.count(axis, indices.rank()),
                    detail::element_bytes(node.input(2).type)};
  }

  template <class Run, class Indices, class Depth, class Value, class Out>
  static void eval(const Run& run, Indices indices, Depth, Value on, Value off, Out out) {
    const Prepared& p = run.prepared;
    detail::fill_elements<typename Run::Arch>(out.data(), off.data(), p.element, out.count());
    for (std::int64_t o = 0; o < p.outer; ++o) {
      for (std::int64_t i = 0; i < p.inner; ++i) {
        const auto at = static_cast<std::int32_t>(indices[o * p.inner + i]);  // TFLite, too, drops the upper half of 64 bits
        if (at < 0 || at >= p.depth) continue;
        std::memcpy(out.data() + ((o * p.depth + at) * p.inner + i) * p.element, on.data(), static_cast<std::size_t>(p.element));
      }
    }
  }

  using Types = Signatures<Signature<Takes<std::int32_t, Unread, AnyType, AnyType>, Gives<AnyType>>,
                           Signature<Takes<std::int64_t, Unread, AnyType, AnyType>, Gives<AnyType>>>;

 private:
  static constexpr int axis_of(const Options& options, const NodeDescription& node) {
    return options.axis < 0 ? node.input(0).rank() : options.axis;
  }
};

}  // namespace tfl
