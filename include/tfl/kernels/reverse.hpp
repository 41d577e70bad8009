#pragma once
// REVERSE_V2 and REVERSE_SEQUENCE: elements along an axis in the opposite order.

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

/// REVERSE_V2: input, axes[n] (int32) -> the input backwards along each of the axes, which must be neighbours, as in TensorFlow Lite.
struct ReverseV2 {
  static constexpr BuiltinOperator code = BuiltinOperator::REVERSE_V2;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 4;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_rank(node, 1, 1)) return v;
    if (const Violation v = require_known(node, 1)) return v;
    const Shape& in = node.input(0).shape;
    unsigned axes = 0;
    for (int i = 0; i < node.input(1).integers.size(); ++i) {
      const int axis = normalized_axis(node.input(1).integers[i], in.rank());
      if (axis < 0) {
        return input_violation(1, ErrorCode::invalid_value, "lists axis {}, which an input of {} dimensions does not have",
                               node.input(1).integers[i], in.rank());
      }
      if ((axes >> axis & 1u) != 0) return input_violation(1, ErrorCode::invalid_value, "lists axis {} twice", axis);
      axes |= 1u << axis;
    }
    while (axes != 0 && (axes & 1u) == 0) axes >>= 1;
    if ((axes & (axes + 1)) != 0) {
      return input_violation(1, ErrorCode::invalid_value, "must list axes that are neighbours");
    }
    node.output(0).shape = in;
    return {};
  }

  using Prepared = detail::StridedCopy;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    const detail::Steps steps = detail::dense_steps(node.input(0));
    unsigned axes = 0;
    for (int i = 0; i < node.input(1).integers.size(); ++i) axes |= 1u << normalized_axis(node.input(1).integers[i], in.rank());
    Prepared copy;
    for (int i = 0; i < in.rank(); ++i) {
      const bool backwards = (axes >> i & 1u) != 0;
      if (backwards) copy.offset += (in[i] - 1) * steps.of[i];
      copy.add(in[i], backwards ? -steps.of[i] : steps.of[i]);
    }
    copy.finish(detail::element_bytes(node.input(0).type));
    return copy;
  }

  template <class Run, class In, class Axes, class Out> static void eval(const Run& run, In in, Axes, Out out) {
    detail::copy_strided<typename Run::Arch>(run.executor, run.prepared, out.data(), in.data());
  }

  using Types = Signatures<Signature<Takes<AnyType, Unread>, Gives<AnyType>>>;
};

/// REVERSE_SEQUENCE: input, lengths[n] -> of each slice b along batch_dim, the first lengths[b] elements along seq_dim backwards, the
/// rest as it was.
struct ReverseSequence {
  static constexpr BuiltinOperator code = BuiltinOperator::REVERSE_SEQUENCE;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t seq_dim = 0, batch_dim = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.seq_dim(), table.batch_dim()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    const TensorType lengths = node.input(1).type;
    if (lengths != TensorType::int32 && lengths != TensorType::int64) {
      return input_violation(1, ErrorCode::invalid_type, "must be int32 or int64");
    }
    if (const Violation v = require_rank(node, 1, 1)) return v;
    const Shape& in = node.input(0).shape;
    for (const std::int32_t dim : {options.seq_dim, options.batch_dim}) {
      if (dim < 0 || dim >= in.rank()) {
        return node_violation(ErrorCode::invalid_option, "has dimension {}, which an input of {} dimensions does not have", dim, in.rank());
      }
    }
    if (options.seq_dim == options.batch_dim) {
      return node_violation(ErrorCode::invalid_option, "must have a seq_dim other than its batch_dim {}", options.batch_dim);
    }
    if (node.input(1).shape[0] != in[options.batch_dim]) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one length for each of the {} slices, not {}", in[options.batch_dim],
                             node.input(1).shape[0]);
    }
    node.output(0).shape = in;
    return {};
  }

  struct Prepared {
    std::int64_t outer = 1, first = 1, middle = 1, second = 1, run = 1;  // extents around and between the two axes; bytes behind them
    bool batch_first = true;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    Prepared p;
    p.batch_first = options.batch_dim < options.seq_dim;
    const int a = p.batch_first ? options.batch_dim : options.seq_dim, b = p.batch_first ? options.seq_dim : options.batch_dim;
    p.outer = in.count(0, a);
    p.first = in[a];
    p.middle = in.count(a + 1, b);
    p.second = in[b];
    p.run = bytes_of(node.input(0).type, in.count(b + 1, in.rank()));
    return p;
  }

  template <class Run, class In, class Lengths, class Out> static Violation eval(const Run& run, In in, Lengths lengths, Out out) {
    const Prepared& p = run.prepared;
    const std::int64_t limit = p.batch_first ? p.second : p.first;
    for (std::int64_t i = 0; i < lengths.count(); ++i) {
      if (std::int64_t{lengths[i]} > limit) {
        return input_violation(1, ErrorCode::invalid_value, "must hold lengths of at most {}, but element {} is {}", limit, i, lengths[i]);
      }
    }
    const auto mirrored = [](std::int64_t i, std::int64_t length) { return i < length ? length - 1 - i : i; };
    std::byte* to = out.data();
    for (std::int64_t o = 0; o < p.outer; ++o) {
      for (std::int64_t a = 0; a < p.first; ++a) {
        for (std::int64_t m = 0; m < p.middle; ++m) {
          for (std::int64_t b = 0; b < p.second; ++b, to += p.run) {
            const std::int64_t from_a = p.batch_first ? a : mirrored(a, lengths[b]);
            const std::int64_t from_b = p.batch_first ? mirrored(b, lengths[a]) : b;
            const std::int64_t from = ((o * p.first + from_a) * p.middle + m) * p.second + from_b;
            std::memcpy(to, in.data() + from * p.run, static_cast<std::size_t>(p.run));
          }
        }
      }
    }
    return {};
  }

  using Types =
      Signatures<Signature<Takes<AnyType, std::int32_t>, Gives<AnyType>>, Signature<Takes<AnyType, std::int64_t>, Gives<AnyType>>>;
};

}  // namespace tfl
