#pragma once
// SPARSE_TO_DENSE: a tensor of one value, but for the places that indices tell. Every index is checked before anything is written there.

#include <array>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/op.hpp"

namespace tfl {

/// SPARSE_TO_DENSE: indices (one, [n], or [n, rank]), shape[rank], values (one for all, or [n]), default (one) -> a tensor of that shape.
/// Of two values for one place the last one stays.
struct SparseToDense {
  static constexpr BuiltinOperator code = BuiltinOperator::SPARSE_TO_DENSE;
  static constexpr Arity inputs = 4, outputs = 1;
  static constexpr int max_version = 3;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (node.input(i).type != TensorType::int32 && node.input(i).type != TensorType::int64)
        return input_violation(i, ErrorCode::invalid_type, "must be int32 or int64");
    }
    if (const Violation v = require_rank_between(node, 0, 0, 2)) return v;
    if (const Violation v = require_rank(node, 1, 1)) return v;
    if (const Violation v = require_rank_between(node, 2, 0, 1)) return v;
    if (const Violation v = require_same_type(node, 0, 2)) return v;
    if (node.input(3).type != node.input(2).type) return input_violation(3, ErrorCode::invalid_type, "must have the type of the values");
    if (node.input(3).count() != 1) return input_violation(3, ErrorCode::invalid_shape, "must have one element");
    const Shape& indices = node.input(0).shape;
    const std::int32_t rank = node.input(1).shape[0];
    if (rank > max_rank) return input_violation(1, ErrorCode::invalid_shape, "asks for {} dimensions, at most 8 are possible", rank);
    if ((indices.rank() == 2 ? indices[1] : 1) != rank)
      return input_violation(0, ErrorCode::invalid_shape, "must have {} coordinates, as the shape has dimensions", rank);
    const std::int32_t count = indices.rank() == 0 ? 1 : indices[0];
    if (node.input(2).rank() == 1 && node.input(2).shape[0] != count)
      return input_violation(2, ErrorCode::invalid_shape, "must have one element for each of the {} indices", count);
    if (const Violation v = require_known(node, 1)) return v;
    Shape shape;
    for (int d = 0; d < rank; ++d) {
      const std::int64_t extent = node.input(1).integers[d];
      if (extent < 0 || extent > std::numeric_limits<std::int32_t>::max())
        return input_violation(1, ErrorCode::invalid_value, "asks for {} elements in dimension {}", extent, d);
      shape.push_back(static_cast<std::int32_t>(extent));
    }
    node.output(0).shape = shape;
    return {};
  }

  struct Prepared {
    std::int32_t count = 0, rank = 0;
    bool one_value = false;
    std::array<std::int32_t, max_rank> extents{};
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& indices = node.input(0).shape;
    const Shape& out = node.output(0).shape;
    Prepared p{indices.rank() == 0 ? 1 : indices[0], out.rank(), node.input(2).rank() == 0, {}};
    for (int d = 0; d < out.rank(); ++d) p.extents[static_cast<std::size_t>(d)] = out[d];
    return p;
  }

  template <class Run, class Indices, class Unused, class Values, class Out>
  static Violation eval(const Run& run, Indices indices, Unused, Values values, Values fallback, Out out) {
    const Prepared& p = run.prepared;
    for (std::int64_t i = 0; i < out.count(); ++i) out[i] = fallback[0];
    for (std::int64_t i = 0; i < p.count; ++i) {
      std::int64_t offset = 0;
      for (std::int32_t d = 0; d < p.rank; ++d) {
        const std::int64_t at = indices[i * p.rank + d], extent = p.extents[static_cast<std::size_t>(d)];
        if (at < 0 || at >= extent) {
          return input_violation(0, ErrorCode::invalid_value,
                                 "holds an index outside of the output: element {} is {}, but must be from 0 to {}", i * p.rank + d, at,
                                 extent - 1);
        }
        offset = offset * extent + at;
      }
      out[offset] = values[p.one_value ? 0 : i];
    }
    return {};
  }

  template <int Bytes, class Index> using Of = Signature<Takes<Index, Unread, Raw<Bytes>, Raw<Bytes>>, Gives<Raw<Bytes>>>;
  using Types = Signatures<Of<1, std::int32_t>, Of<2, std::int32_t>, Of<4, std::int32_t>, Of<8, std::int32_t>, Of<1, std::int64_t>,
                           Of<2, std::int64_t>, Of<4, std::int64_t>, Of<8, std::int64_t>>;
};

}  // namespace tfl
