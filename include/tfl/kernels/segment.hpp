#pragma once
// SEGMENT_SUM and UNSORTED_SEGMENT_SUM, _PROD, _MAX, _MIN: slices of a tensor combined by the segment that each belongs to.

#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// a + b and a * b; integers wrap on overflow.
struct SegmentSums {
  template <class T> static constexpr T start() { return T{0}; }
  template <class T> static T combine(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
    else
      return a + b;
  }
};
struct SegmentProducts {
  template <class T> static constexpr T start() { return T{1}; }
  template <class T> static T combine(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
    else
      return a * b;
  }
};
struct SegmentMaxima {
  template <class T> static constexpr T start() { return std::numeric_limits<T>::lowest(); }
  template <class T> static T combine(T a, T b) { return a < b ? b : a; }
};
struct SegmentMinima {
  template <class T> static constexpr T start() { return std::numeric_limits<T>::max(); }
  template <class T> static T combine(T a, T b) { return b < a ? b : a; }
};

struct SegmentExtents {
  std::int64_t slices = 0, run = 0, segments = 0;  // run: elements of a slice
};

/// What segments have that nothing belongs to is C::start(). Slices of negative segments are left out.
template <class C, class T> void combine_segments(const SegmentExtents& p, const T* data, const std::int32_t* ids, T* out) {
  for (std::int64_t i = 0; i < p.segments * p.run; ++i) out[i] = C::template start<T>();
  for (std::int64_t s = 0; s < p.slices; ++s) {
    if (ids[s] < 0) continue;
    T* const to = out + ids[s] * p.run;
    const T* const from = data + s * p.run;
    for (std::int64_t i = 0; i < p.run; ++i) to[i] = C::combine(to[i], from[i]);
  }
}

constexpr Violation require_segment_types(const NodeDescription& node) {
  if (node.input(0).type != TensorType::float32 && node.input(0).type != TensorType::int32) {
    return input_violation(0, ErrorCode::invalid_type, "must be float32 or int32");
  }
  if (const Violation v = require_same_type(node, 0, 0)) return v;
  if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
  return {};
}

}  // namespace detail

/// SEGMENT_SUM: data[n, ...], ids[n] that begin with 0 and rise by 0 or 1 -> output[last id + 1, ...], the sums of equal ids
struct SegmentSum {
  static constexpr BuiltinOperator code = BuiltinOperator::SEGMENT_SUM;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_segment_types(node)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (const Violation v = require_rank(node, 1, 1)) return v;
    if (node.input(1).shape[0] != node.input(0).shape[0]) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one id for each of the {} slices, not {}", node.input(0).shape[0],
                             node.input(1).shape[0]);
    }
    if (const Violation v = require_known(node, 1)) return v;
    const KnownIntegers& ids = node.input(1).integers;
    std::int64_t last = -1;
    for (int i = 0; i < ids.size(); ++i) {
      if (ids[i] != last + 1 && (i == 0 || ids[i] != last)) {
        return input_violation(1, ErrorCode::invalid_value, "must begin with 0 and rise by 0 or 1, but element {} is {}", i, ids[i]);
      }
      last = ids[i];
    }
    node.output(0).shape = node.input(0).shape;
    node.output(0).shape[0] = static_cast<std::int32_t>(last + 1);
    return {};
  }

  using Prepared = detail::SegmentExtents;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& data = node.input(0).shape;
    return Prepared{data[0], data.count(1, data.rank()), node.output(0).shape[0]};
  }

  template <class Run, class In, class Ids, class Out> static void eval(const Run& run, In in, Ids ids, Out out) {
    detail::combine_segments<detail::SegmentSums>(run.prepared, in.data(), ids.data(), out.data());
  }

  using Types =
      Signatures<Signature<Takes<float, std::int32_t>, Gives<float>>, Signature<Takes<std::int32_t, std::int32_t>, Gives<std::int32_t>>>;
};

/// UNSORTED_SEGMENT_*: data[shape of ids, ...], ids, count -> output[count, ...]: the slices of each id combined, in any order of ids;
/// negative ids belong to no segment.
template <BuiltinOperator Code, class C> struct UnsortedSegment {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_segment_types(node)) return v;
    if (node.input(2).type != TensorType::int32) return input_violation(2, ErrorCode::invalid_type, "must be int32");
    const Shape &data = node.input(0).shape, &ids = node.input(1).shape;
    if (ids.rank() > data.rank()) {
      return input_violation(1, ErrorCode::invalid_shape, "must not have more than the {} dimensions of input 0; it has {}", data.rank(),
                             ids.rank());
    }
    for (int i = 0; i < ids.rank(); ++i) {
      if (ids[i] != data[i]) {
        return input_violation(1, ErrorCode::invalid_shape, "must have {} elements in dimension {}, as input 0, not {}", data[i], i,
                               ids[i]);
      }
    }
    if (ids.rank() == 0 && data.rank() == max_rank) {
      return node_violation(ErrorCode::invalid_shape, "would give an output of {} dimensions, at most {} are possible", max_rank + 1,
                            max_rank);
    }
    if (node.input(2).rank() > 1 || node.input(2).count() != 1) {
      return input_violation(2, ErrorCode::invalid_shape, "must be one number");
    }
    if (const Violation v = require_known(node, 2)) return v;
    const std::int64_t segments = node.input(2).integers[0];
    if (segments < 0) return input_violation(2, ErrorCode::invalid_value, "must not be negative; it is {}", segments);
    Shape shape{static_cast<std::int32_t>(segments)};
    for (int i = ids.rank(); i < data.rank(); ++i) shape.push_back(data[i]);
    node.output(0).shape = shape;
    return {};
  }

  using Prepared = detail::SegmentExtents;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& data = node.input(0).shape;
    return Prepared{node.input(1).count(), data.count(node.input(1).rank(), data.rank()), node.output(0).shape[0]};
  }

  template <class Run, class In, class Ids, class Count, class Out> static Violation eval(const Run& run, In in, Ids ids, Count, Out out) {
    const Prepared& p = run.prepared;
    for (std::int64_t i = 0; i < p.slices; ++i) {
      if (ids[i] >= p.segments) {
        return input_violation(1, ErrorCode::invalid_value, "must hold ids below {}, but element {} is {}", p.segments, i, ids[i]);
      }
    }
    detail::combine_segments<C>(p, in.data(), ids.data(), out.data());
    return {};
  }

  using Types = Signatures<Signature<Takes<float, std::int32_t, Unread>, Gives<float>>,
                           Signature<Takes<std::int32_t, std::int32_t, Unread>, Gives<std::int32_t>>>;
};
using UnsortedSegmentSum = UnsortedSegment<BuiltinOperator::UNSORTED_SEGMENT_SUM, detail::SegmentSums>;
using UnsortedSegmentProd = UnsortedSegment<BuiltinOperator::UNSORTED_SEGMENT_PROD, detail::SegmentProducts>;
using UnsortedSegmentMax = UnsortedSegment<BuiltinOperator::UNSORTED_SEGMENT_MAX, detail::SegmentMaxima>;
using UnsortedSegmentMin = UnsortedSegment<BuiltinOperator::UNSORTED_SEGMENT_MIN, detail::SegmentMinima>;

}  // namespace tfl
