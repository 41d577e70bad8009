#pragma once
// DILATE and STABLEHLO_PAD: the input's elements set apart, and a border around them, which takes some away where it is negative.

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "tfl/kernels/long_list.hpp"
#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// The input elements that are left, as rows of the last axis, and where they go.
struct SpreadPlan {
  int rank = 0, element = 0;          // element: bytes
  std::int64_t count[max_rank] = {};  // elements of each axis that are left
  std::int64_t from_step[max_rank] = {}, to_step[max_rank] = {};
  std::int64_t from = 0, to = 0;  // where the first ones lie; all in bytes
  bool empty = false;

  /// Axis `axis`: input element i lies at output position low + i * step.
  constexpr void set(int axis, std::int64_t input, std::int64_t output, std::int64_t low, std::int64_t step, std::int64_t from_bytes,
                     std::int64_t to_bytes) {
    const std::int64_t first = low < 0 ? (-low + step - 1) / step : 0;
    const std::int64_t fit = output - low <= 0 ? 0 : (output - low - 1) / step + 1;  // how many lie before the end
    const std::int64_t last = fit < input ? fit : input;
    count[axis] = last > first ? last - first : 0;
    empty = empty || count[axis] == 0;
    if (count[axis] == 0) return;
    from_step[axis] = from_bytes;
    to_step[axis] = count[axis] > 1 ? to_bytes * step : 0;  // a step that nothing takes may be of any length
    from += first * from_bytes;
    to += (low + first * step) * to_bytes;
  }
};

template <class A> void spread_axis(const SpreadPlan& p, int axis, const std::byte* from, std::byte* to) {
  if (axis >= p.rank - 1) {
    const std::int64_t count = p.rank > 0 ? p.count[axis] : 1;
    const bool dense = count == 1 || (p.from_step[axis] == p.element && p.to_step[axis] == p.element);
    if (dense) {
      std::memcpy(to, from, static_cast<std::size_t>(count * p.element));
    } else {
      copy_rows<A>(to, p.to_step[axis], from, p.from_step[axis], p.element, count);
    }
    return;
  }
  for (std::int64_t i = 0; i < p.count[axis]; ++i) spread_axis<A>(p, axis + 1, from + i * p.from_step[axis], to + i * p.to_step[axis]);
}

/// Kernel and types of both ops.
template <class Run, class In, class Out> void spread(const Run& run, In in, In padding, Out out) {
  using A = typename Run::Arch;
  const SpreadPlan& p = run.prepared;
  fill_elements<A>(out.data(), padding.data(), p.element, out.count());
  if (!p.empty) spread_axis<A>(p, 0, in.data() + p.from, out.data() + p.to);
}

constexpr Violation require_padding_value(const NodeDescription& node, int input) {
  if (const Violation v = require_whole_bytes(node, 0)) return v;
  if (const Violation v = require_same_type(node, 0, 0)) return v;
  if (node.input(input).type != node.input(0).type) return input_violation(input, ErrorCode::invalid_type, "must have the type of input 0");
  if (node.input(input).count() == 1) return {};
  return input_violation(input, ErrorCode::invalid_shape, "must have one element, not {}", node.input(input).count());
}

}  // namespace detail

/// DILATE: input, dilations[rank], value -> the input with dilations[i] - 1 elements of the value between neighbours along axis i
struct Dilate {
  static constexpr BuiltinOperator code = BuiltinOperator::DILATE;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_padding_value(node, 2)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = detail::require_integer_vector(node, 1)) return v;
    const Shape& in = node.input(0).shape;
    if (node.input(1).count() != in.rank()) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one element for each of the {} dimensions, not {}", in.rank(),
                             node.input(1).count());
    }
    Shape shape;
    for (int i = 0; i < in.rank(); ++i) {
      const std::int64_t dilation = node.input(1).integers[i];
      if (dilation < 1) return input_violation(1, ErrorCode::invalid_value, "must be at least 1, but element {} is {}", i, dilation);
      const std::int64_t extent = in[i] > 0 ? (in[i] - 1) * dilation + 1 : 0;
      if (extent > std::numeric_limits<std::int32_t>::max()) {
        return input_violation(1, ErrorCode::invalid_value, "makes dimension {} longer than 2^31 - 1", i);
      }
      shape.push_back(static_cast<std::int32_t>(extent));
    }
    node.output(0).shape = shape;
    return {};
  }

  using Prepared = detail::SpreadPlan;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &in = node.input(0).shape, &out = node.output(0).shape;
    const detail::Steps from = detail::dense_steps(node.input(0)), to = detail::dense_steps(node.output(0));
    Prepared p;
    p.rank = in.rank();
    p.element = detail::element_bytes(node.input(0).type);
    for (int i = 0; i < in.rank(); ++i) p.set(i, in[i], out[i], 0, node.input(1).integers[i], from.of[i], to.of[i]);
    return p;
  }

  template <class Run, class In, class Dilations, class Out> static void eval(const Run& run, In in, Dilations, In padding, Out out) {
    detail::spread(run, in, padding, out);
  }

  using Types = Signatures<Signature<Takes<AnyType, Unread, AnyType>, Gives<AnyType>>>;
};

/// STABLEHLO_PAD: input, value -> along axis i, low[i] elements of the value, the input's with interior[i] between neighbours, then
/// high[i]. Negative borders take elements away.
struct StablehloPad {
  static constexpr BuiltinOperator code = BuiltinOperator::STABLEHLO_PAD;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    Shape low{}, high{}, interior{};
    template <class Table> static constexpr Result<Options, Violation> read(const Table& table) {
      Options options;
      if (const Violation v = read_list(table.edge_padding_low(), options.low)) return v;
      if (const Violation v = read_list(table.edge_padding_high(), options.high)) return v;
      if (const Violation v = read_list(table.interior_padding(), options.interior)) return v;
      return options;
    }

   private:
    template <class Vector> static constexpr Violation read_list(const Vector* list, Shape& shape) {
      if (list == nullptr) return {};
      if (list->size() > max_rank) {
        return node_violation(ErrorCode::invalid_option, "an option lists {} dimensions, at most {} are possible", list->size(), max_rank);
      }
      for (unsigned i = 0; i < list->size(); ++i) {
        const std::int64_t value = detail::long_at(*list, i);
        if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
          return node_violation(ErrorCode::invalid_option, "has a padding of {}, beyond 31 bits", value);
        }
        shape.push_back(static_cast<std::int32_t>(value));
      }
      return {};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_padding_value(node, 1)) return v;
    const Shape& in = node.input(0).shape;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (options.low.rank() != in.rank() || options.high.rank() != in.rank() || options.interior.rank() != in.rank()) {
      return node_violation(ErrorCode::invalid_option, "must have paddings for {} dimensions, not {}", in.rank(), options.low.rank());
    }
    Shape shape;
    bool none = false;
    for (int i = 0; i < in.rank(); ++i) {
      if (options.interior[i] < 0) {
        return node_violation(ErrorCode::invalid_option, "has an interior padding of {} in dimension {}", options.interior[i], i);
      }
      const std::int64_t gaps = in[i] > 0 ? in[i] - 1 : 0;
      const std::int64_t extent = in[i] + gaps * options.interior[i] + options.low[i] + options.high[i];
      if (extent > std::numeric_limits<std::int32_t>::max()) {
        return node_violation(ErrorCode::invalid_option, "makes dimension {} longer than 2^31 - 1", i);
      }
      none = none || extent <= 0;
      shape.push_back(static_cast<std::int32_t>(extent > 0 ? extent : 0));
    }
    if (none) shape = Shape::of_rank(in.rank(), 0);  // as TFLite has it
    node.output(0).shape = shape;
    return {};
  }

  using Prepared = detail::SpreadPlan;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &in = node.input(0).shape, &out = node.output(0).shape;
    const detail::Steps from = detail::dense_steps(node.input(0)), to = detail::dense_steps(node.output(0));
    Prepared p;
    p.rank = in.rank();
    p.element = detail::element_bytes(node.input(0).type);
    for (int i = 0; i < in.rank(); ++i) {
      p.set(i, in[i], out[i], options.low[i], std::int64_t{options.interior[i]} + 1, from.of[i], to.of[i]);
    }
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, In padding, Out out) {
    detail::spread(run, in, padding, out);
  }

  using Types = Signatures<Signature<Takes<AnyType, AnyType>, Gives<AnyType>>>;
};

}  // namespace tfl
