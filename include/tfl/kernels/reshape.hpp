#pragma once
// RESHAPE, SQUEEZE, EXPAND_DIMS: the same bytes under another shape. Free where the planner lets input and output share memory.

#include <cstring>
#include <span>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// What these ops have in common: everything but the options and the shape.
struct ViewOp {
  static constexpr Arity outputs = 1;
  static constexpr OpTraits traits{.is_view = true};

  using Prepared = NothingPrepared;
  template <class Options>
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) {
    return Prepared{};
  }

  template <class Run, class In, class Second, class Out>
  static void eval(const Run&, In in, Second, Out out) {
    eval(in, out);
  }
  template <class Run, class In, class Out>
  static void eval(const Run&, In in, Out out) {
    eval(in, out);
  }

 private:
  template <class In, class Out>
  static void eval(In in, Out out) {
    if (in.data() != out.data()) std::memcpy(out.data(), in.data(), static_cast<std::size_t>(in.count()) * sizeof(*in.data()));
  }
};

/// Reads a list of integers from an options table into a Shape; a violation where it has more than 8.
template <class Vector>
constexpr Violation read_shape(const Vector* list, Shape& shape) {
  if (list == nullptr) return {};
  if (list->size() > max_rank) return node_violation(ErrorCode::invalid_option, "an option lists {} dimensions, at most 8 are possible", list->size());
  for (unsigned i = 0; i < list->size(); ++i) shape.push_back(list->Get(i));
  return {};
}

}  // namespace detail

/// RESHAPE: input (+ shape[rank], int32) -> the same elements in the new shape. One dimension may be -1: it takes what remains.
struct Reshape : detail::ViewOp {
  static constexpr BuiltinOperator code = BuiltinOperator::RESHAPE;
  static constexpr Arity inputs{1, 2};
  static constexpr int max_version = 1;

  struct Options {
    Shape new_shape;
    bool has_new_shape = false;
    template <class Table>
    static constexpr Result<Options, Violation> read(const Table& table) {
      Options options;
      if (const Violation v = detail::read_shape(table.new_shape(), options.new_shape)) return v;
      options.has_new_shape = table.new_shape() != nullptr;
      return options;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    Shape shape = options.new_shape;
    // The input wins over the option, as in TFLite.
    if (node.has_input(1) && node.input(1).rank() == 1) {
      if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
      if (const Violation v = require_known(node, 1)) return v;
      const KnownIntegers& wanted = node.input(1).integers;
      if (wanted.size() > max_rank) return input_violation(1, ErrorCode::invalid_shape, "asks for {} dimensions, at most 8 are possible", wanted.size());
      shape = Shape{};
      for (int i = 0; i < wanted.size(); ++i) shape.push_back(static_cast<std::int32_t>(wanted[i]));
    } else if (!options.has_new_shape && !node.has_input(1)) {
      return node_violation(ErrorCode::invalid_option, "has neither a shape input nor a new_shape option");
    } else if (shape.rank() == 1 && shape[0] == 0) {
      shape = Shape{};  // how old converters wrote a scalar
    }
    const std::int64_t elements = node.input(0).count();
    std::int64_t others = 1;
    int open = -1;
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape[i] == -1) {
        if (open >= 0) return node_violation(ErrorCode::invalid_shape, "the new shape has -1 twice, in dimensions {} and {}", open, i);
        open = i;
      } else if (shape[i] < 0) {
        return node_violation(ErrorCode::invalid_shape, "the new shape has dimension {} = {}", i, shape[i]);
      } else {
        others *= shape[i];
        if (others > elements && elements > 0) break;
      }
    }
    if (open >= 0) shape[open] = others > 0 ? static_cast<std::int32_t>(elements / others) : 0;
    if (shape.checked_count() != elements) {
      return input_violation(0, ErrorCode::invalid_shape, "its {} elements do not fill the new shape, which has {}", elements, shape.checked_count());
    }
    node.output(0).shape = shape;
    return {};
  }

  using Types = Signatures<Signature<Takes<Raw<1>, std::int32_t>, Gives<Raw<1>>>, Signature<Takes<Raw<2>, std::int32_t>, Gives<Raw<2>>>,
                           Signature<Takes<Raw<4>, std::int32_t>, Gives<Raw<4>>>, Signature<Takes<Raw<8>, std::int32_t>, Gives<Raw<8>>>>;
};

}  // namespace tfl
