#pragma once
// SLICE and STRIDED_SLICE: a box of the input, all elements of it or every n-th, forwards or backwards.

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// Kernel and types of ops whose output is one StridedCopy of input 0.
struct StridedCopyOp {
  using Prepared = StridedCopy;

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using T = typename Out::value_type;
    // Where less is there than was asked for, the rest is zeros.
    const std::int64_t there = run.prepared.bytes();
    if constexpr (is_packed<T>) {
      if (there < out.count())
        std::memset(static_cast<void*>(out.data()), 0, static_cast<std::size_t>(bytes_of(tensor_type_of<T>, out.count())));
      copy_packed(run.prepared, out.data(), in.data());
    } else {
      const std::int64_t bytes = out.count() * static_cast<std::int64_t>(sizeof(T));
      if (there < bytes) std::memset(static_cast<void*>(out.data()), 0, static_cast<std::size_t>(bytes));
      copy_strided<typename Run::Arch>(run.executor, run.prepared, bytes_of_output(out), bytes_of_input(in));
    }
  }
  /// Where the output lies in the input, in bytes; -1 where it doesn't.
  static constexpr std::int64_t piece_of(const Result<Prepared, Violation>& copy, const NodeDescription& node) {
    return copy && !is_packed_integer(node.input(0).type) && copy->bytes() == node.output(0).bytes() ? copy->piece() : -1;
  }

  using Types =
      Signatures<Signature<Takes<Raw<1>>, Gives<Raw<1>>>, Signature<Takes<Raw<2>>, Gives<Raw<2>>>, Signature<Takes<Raw<4>>, Gives<Raw<4>>>,
                 Signature<Takes<Raw<8>>, Gives<Raw<8>>>, Signature<Takes<Int4Pair>, Gives<Int4Pair>>>;
};

}  // namespace detail

/// SLICE: input, begin[rank], size[rank] -> output[i...] = input[begin + i...]. A size of -1 reaches to the end.
struct Slice : detail::StridedCopyOp {
  static constexpr BuiltinOperator code = BuiltinOperator::SLICE;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 8;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape& in = node.input(0).shape;
    for (int i = 1; i <= 2; ++i) {
      if (const Violation v = detail::require_integer_vector(node, i)) return v;
      // A scalar is its own slice, whatever is asked, as in TFLite.
      if (in.rank() > 0 && node.input(i).count() != in.rank()) {
        return input_violation(i, ErrorCode::invalid_shape, "must have one element for each of the {} dimensions, not {}", in.rank(),
                               node.input(i).count());
      }
    }
    Shape out;
    for (int i = 0; i < in.rank(); ++i) {
      const std::int64_t begin = node.input(1).integers[i], size = node.input(2).integers[i];
      if (begin < 0 || begin > in[i]) {
        return input_violation(1, ErrorCode::invalid_value, "begins at {} in dimension {}, which has {} elements", begin, i, in[i]);
      }
      if (size < -1)
        return input_violation(2, ErrorCode::invalid_value, "asks for {} elements in dimension {}; -1 means all that remain", size, i);
      if (size > in[i] - begin) {
        return input_violation(2, ErrorCode::invalid_value, "asks for {} elements in dimension {}, where {} remain", size, i,
                               in[i] - begin);
      }
      out.push_back(static_cast<std::int32_t>(size < 0 ? in[i] - begin : size));
    }
    node.output(0).shape = out;
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const detail::Steps steps = detail::dense_steps(node.input(0));
    detail::StridedCopy copy;
    for (int i = 0; i < node.input(0).rank(); ++i) {
      copy.offset += node.input(1).integers[i] * steps.of[i];
      copy.add(node.output(0).shape[i], steps.of[i]);
    }
    copy.finish(detail::copy_units(node.input(0).type));
    return copy;
  }
  static constexpr std::int64_t part_offset(const Options& options, const NodeDescription& node, int) {
    return piece_of(prepare(options, node, {}), node);
  }
};

/// STRIDED_SLICE: input, begin[n], end[n], strides[n] -> for every dimension the elements begin, begin + stride, ... before end, as
/// Python's slices: negative indices count from the end of the dimension, indices beyond it are cut. Bit k of a mask is about entry k:
/// begin_mask and end_mask ignore begin and end; ellipsis_mask stands for as many dimensions as needed; new_axis_mask puts in a
/// dimension of size 1; shrink_axis_mask takes one index and drops the dimension. With `offset`, end counts from begin.
struct StridedSlice : detail::StridedCopyOp {
  static constexpr BuiltinOperator code = BuiltinOperator::STRIDED_SLICE;
  static constexpr Arity inputs = 4, outputs = 1;
  static constexpr int max_version = 8;

  struct Options {
    std::int32_t begin_mask = 0, end_mask = 0, ellipsis_mask = 0, new_axis_mask = 0, shrink_axis_mask = 0;
    bool offset = false;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.begin_mask(), table.end_mask(), table.ellipsis_mask(), table.new_axis_mask(), table.shrink_axis_mask(), table.offset()};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    // begin comes last: what is never right is told even where begin is not known yet.
    constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
    for (const int i : {3, 2, 1}) {
      if (const Violation v = detail::require_integer_vector(node, i)) return v;
      for (int k = 0; k < node.input(i).integers.size(); ++k) {
        const std::int64_t value = node.input(i).integers[k];
        if (i == 3 && value == 0) return input_violation(3, ErrorCode::invalid_value, "has stride 0 in element {}", k);
        if ((i == 3 || (i == 2 && options.offset)) && (value > limit || value < -limit - (i == 2 ? 1 : 0))) {
          return input_violation(i, ErrorCode::invalid_value, "has {} in element {}, which is not between -2^31 and 2^31", value, k);
        }
        // A dimension has fewer elements than 2^31.
        if (i == 2 && options.offset && value < -limit && k < node.input(3).integers.size() && node.input(3).integers[k] == -1) {
          return input_violation(2, ErrorCode::invalid_value, "has {} in element {}, which asks for {} elements", value, k, -value);
        }
      }
    }
    for (const int i : {2, 3}) {
      if (node.input(i).count() != node.input(1).count()) {
        return input_violation(i, ErrorCode::invalid_shape, "must have as many elements as begin, {}, not {}", node.input(1).count(),
                               node.input(i).count());
      }
    }
    // Each entry is about a dimension of the input or of the output.
    if (node.input(1).count() > 2 * max_rank) {
      return input_violation(1, ErrorCode::invalid_shape, "has {} elements for {} dimensions", node.input(1).count(), node.input(0).rank());
    }
    Ranges ranges;
    if (const Violation v = resolve(options, node, ranges)) return v;
    node.output(0).shape = ranges.output;
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Ranges ranges;
    if (const Violation v = resolve(options, node, ranges)) return v;
    const detail::Steps steps = detail::dense_steps(node.input(0));
    detail::StridedCopy copy;
    for (int i = 0; i < node.input(0).rank(); ++i) {
      const Range& range = ranges.of[i];
      copy.offset += range.start * steps.of[i];
      // The stride of a single element may be anything.
      copy.add(range.count, range.count > 1 ? range.stride * steps.of[i] : 0);
    }
    copy.finish(detail::copy_units(node.input(0).type));
    return copy;
  }
  static constexpr std::int64_t part_offset(const Options& options, const NodeDescription& node, int) {
    return piece_of(prepare(options, node, {}), node);
  }

 private:
  /// What is taken of one dimension.
  struct Range {
    std::int64_t start = 0, stride = 1, count = 0;
  };
  struct Ranges {
    Range of[max_rank];  // for each dimension of the input
    Shape output;
  };

  static constexpr bool has(std::int32_t mask, int bit) { return ((static_cast<std::uint32_t>(mask) >> bit) & 1) != 0; }
  static constexpr std::int64_t clamp(std::int64_t x, std::int64_t low, std::int64_t high) { return x < low ? low : x > high ? high : x; }

  static constexpr Violation resolve(const Options& options, const NodeDescription& node, Ranges& ranges) {
    const Shape& in = node.input(0).shape;
    const int entries = node.input(1).integers.size();
    int named = 0, ellipsis = -1;  // entries that are about one dimension of the input; the ellipsis
    for (int k = 0; k < entries; ++k) {
      if (has(options.ellipsis_mask, k)) {
        if (ellipsis >= 0) return node_violation(ErrorCode::invalid_option, "ellipsis_mask has two bits, {} and {}", ellipsis, k);
        ellipsis = k;
      } else if (!has(options.new_axis_mask, k)) {
        ++named;
      }
    }
    if (named > in.rank() && ellipsis < 0) {
      return input_violation(1, ErrorCode::invalid_shape, "indexes {} dimensions, the input has {}", named, in.rank());
    }
    // The ellipsis takes the dimensions that the others leave, and at least one: then the last entries find none, as in TFLite.
    const int covered = in.rank() - named > 1 ? in.rank() - named : 1;
    int axis = 0, out_rank = 0;
    const auto give = [&](std::int64_t dim) {
      ranges.output.push_back(static_cast<std::int32_t>(dim));
      ++out_rank;
    };
    const auto take_whole = [&] {
      ranges.of[axis] = {0, 1, in[axis]};
      give(in[axis++]);
    };
    for (int k = 0; k < entries; ++k) {
      if (has(options.ellipsis_mask, k)) {
        for (int i = 0; i < covered && axis < in.rank(); ++i) take_whole();
      } else if (has(options.new_axis_mask, k)) {
        give(1);
      } else if (axis < in.rank()) {
        Range& range = ranges.of[axis];
        if (const Violation v = resolve_entry(options, node, k, axis, range)) return v;
        if (!has(options.shrink_axis_mask, k)) give(options.offset && !has(options.end_mask, k) ? wanted(node, k, range) : range.count);
        ++axis;
      }
    }
    while (axis < in.rank()) take_whole();
    if (out_rank > max_rank)
      return node_violation(ErrorCode::invalid_shape, "the output would have {} dimensions, at most 8 are possible", out_rank);
    return {};
  }

  /// With `offset`, as many elements as are asked for, even where the input has fewer.
  static constexpr std::int64_t wanted(const NodeDescription& node, int k, Range& range) {
    const std::int64_t length = node.input(2).integers[k], stride = node.input(3).integers[k];
    const std::int64_t count =
        length == 0 || (length < 0) != (stride < 0) ? 0 : ((length < 0 ? -length : length) - 1) / (stride < 0 ? -stride : stride) + 1;
    if (range.count > count) range.count = count;
    return count;
  }

  static constexpr Violation resolve_entry(const Options& options, const NodeDescription& node, int k, int axis, Range& range) {
    const std::int64_t size = node.input(0).shape[axis], stride = node.input(3).integers[k];
    // Where an index may point: backwards, "before the first" is an end.
    const std::int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
    std::int64_t start = node.input(1).integers[k];
    start = clamp(start < 0 ? start + size : start, low, high);
    if (has(options.begin_mask, k)) start = stride > 0 ? 0 : size - 1;
    if (has(options.shrink_axis_mask, k)) {
      if (stride < 0)
        return input_violation(3, ErrorCode::invalid_value, "has stride {} for dimension {}, of which one index is taken", stride, axis);
      // What lies outside is nothing, as in TFLite.
      range = start < size ? Range{start, 1, 1} : Range{};
      return {};
    }
    std::int64_t end = node.input(2).integers[k];
    if (options.offset) end += start;  // both fit 32 bits
    end = clamp(end < 0 ? end + size : end, low, high);
    if (has(options.end_mask, k)) end = stride > 0 ? size : -1;
    const std::int64_t distance = stride > 0 ? end - start : start - end, pace = stride > 0 ? stride : -stride;
    range = {start, stride, distance > 0 ? (distance - 1) / pace + 1 : 0};
    return {};
  }
};

}  // namespace tfl
