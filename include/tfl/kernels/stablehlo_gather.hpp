#pragma once
// STABLEHLO_GATHER: operand, start indices -> slices of the operand. The result's offset_dims walk inside of a slice, its other dimensions
// through the start indices, whose vectors lie along index_vector_dim. A start that would let its slice stand out is moved back inside.
// https://openxla.org/stablehlo/spec#gather

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "tfl/kernels/long_list.hpp"
#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

struct StablehloGather {
  static constexpr BuiltinOperator code = BuiltinOperator::STABLEHLO_GATHER;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    Shape offset_dims{}, collapsed{}, index_map{}, slice_sizes{};
    std::int32_t index_vector_dim = 0;
    template <class Table> static constexpr Result<Options, Violation> read(const Table& table) {
      Options options;
      if (const Violation v = read_list(table.offset_dims(), options.offset_dims)) return v;
      if (const Violation v = read_list(table.collapsed_slice_dims(), options.collapsed)) return v;
      if (const Violation v = read_list(table.start_index_map(), options.index_map)) return v;
      if (const Violation v = read_list(table.slice_sizes(), options.slice_sizes)) return v;
      const std::int64_t dim = table.index_vector_dim();
      options.index_vector_dim = dim < 0 || dim > max_rank ? -1 : static_cast<std::int32_t>(dim);
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
        if (value < 0 || value > std::numeric_limits<std::int32_t>::max()) {
          return node_violation(ErrorCode::invalid_option, "lists {}, which is no dimension or size", value);
        }
        shape.push_back(static_cast<std::int32_t>(value));
      }
      return {};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape &operand = node.input(0).shape, &starts = node.input(1).shape;
    if (node.input(1).type != TensorType::int32 && node.input(1).type != TensorType::int64) {
      return input_violation(1, ErrorCode::invalid_type, "must be int32 or int64");
    }
    if (options.index_vector_dim < 0 || options.index_vector_dim > starts.rank()) {
      return node_violation(ErrorCode::invalid_option, "must have an index_vector_dim of 0 to {}", starts.rank());
    }
    if (options.slice_sizes.rank() != operand.rank()) {
      return node_violation(ErrorCode::invalid_option, "must have {} slice sizes, not {}", operand.rank(), options.slice_sizes.rank());
    }
    for (int i = 0; i < operand.rank(); ++i) {
      if (options.slice_sizes[i] > operand[i]) {
        return node_violation(ErrorCode::invalid_option, "takes slices of {} elements in dimension {}, which has {}",
                              options.slice_sizes[i], i, operand[i]);
      }
    }
    const int vectors = options.index_vector_dim < starts.rank() ? 1 : 0;
    const std::int32_t coordinates = vectors == 1 ? starts[options.index_vector_dim] : 1;
    if (options.index_map.rank() != coordinates) {
      return node_violation(ErrorCode::invalid_option, "must map the {} coordinates of an index, not {}", coordinates,
                            options.index_map.rank());
    }
    unsigned mapped = 0;
    for (const std::int32_t dim : options.index_map.dims()) {
      if (dim >= operand.rank() || (mapped >> dim & 1u) != 0) {
        return node_violation(ErrorCode::invalid_option, "maps a coordinate to dimension {}, which is not there or taken", dim);
      }
      mapped |= 1u << dim;
    }
    if (const Violation v = require_rising(options.collapsed, operand.rank())) return v;
    const int rank = starts.rank() - vectors + options.offset_dims.rank();
    if (rank > max_rank) {
      return node_violation(ErrorCode::invalid_shape, "would give an output of {} dimensions, at most {} are possible", rank, max_rank);
    }
    if (const Violation v = require_rising(options.offset_dims, rank)) return v;
    if (options.offset_dims.rank() != operand.rank() - options.collapsed.rank()) {
      return node_violation(ErrorCode::invalid_option, "must have {} offset dimensions, not {}", operand.rank() - options.collapsed.rank(),
                            options.offset_dims.rank());
    }
    Shape shape;
    const Walk walk = walk_of(options, operand, starts, rank);
    for (int i = 0; i < rank; ++i) shape.push_back(walk.extent[static_cast<std::size_t>(i)]);
    node.output(0).shape = shape;
    return {};
  }

  /// How the two inputs advance along each dimension of the output, in elements.
  struct Walk {
    std::array<std::int32_t, max_rank> extent{};
    std::array<std::int64_t, max_rank> operand_step{}, start_step{};
  };
  struct Prepared {
    Walk walk;
    std::int32_t rank = 0, coordinates = 0;
    std::int64_t coordinate_step = 1, element = 0;      // element: bytes
    std::array<std::int64_t, max_rank> most{}, step{};  // of each coordinate: the last start that fits, and its elements
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &operand = node.input(0).shape, &starts = node.input(1).shape;
    Prepared p;
    p.rank = node.output(0).rank();
    p.walk = walk_of(options, operand, starts, p.rank);
    p.coordinates = options.index_map.rank();
    p.coordinate_step =
        starts.count(options.index_vector_dim < starts.rank() ? options.index_vector_dim + 1 : starts.rank(), starts.rank());
    p.element = detail::element_bytes(node.input(0).type);
    for (int c = 0; c < p.coordinates; ++c) {
      const std::int32_t dim = options.index_map[c];
      p.most[static_cast<std::size_t>(c)] = operand[dim] - options.slice_sizes[dim];
      p.step[static_cast<std::size_t>(c)] = operand.count(dim + 1, operand.rank());
    }
    return p;
  }

  template <class Run, class In, class Starts, class Out> static void eval(const Run& run, In in, Starts starts, Out out) {
    const Prepared& p = run.prepared;
    std::array<std::int32_t, max_rank> index{};
    std::int64_t offset = 0, vector = 0;
    for (std::int64_t i = 0; i < out.count(); ++i) {
      std::int64_t from = offset;
      for (std::size_t c = 0; c < static_cast<std::size_t>(p.coordinates); ++c) {
        const std::int64_t start = starts[vector + static_cast<std::int64_t>(c) * p.coordinate_step];
        from += (start < 0 ? 0 : start > p.most[c] ? p.most[c] : start) * p.step[c];
      }
      std::memcpy(out.data() + i * p.element, in.data() + from * p.element, static_cast<std::size_t>(p.element));
      for (int d = p.rank - 1; d >= 0; --d) {
        const auto k = static_cast<std::size_t>(d);
        offset += p.walk.operand_step[k];
        vector += p.walk.start_step[k];
        if (++index[k] < p.walk.extent[k]) break;
        index[k] = 0;
        offset -= p.walk.operand_step[k] * p.walk.extent[k];
        vector -= p.walk.start_step[k] * p.walk.extent[k];
      }
    }
  }

  using Types =
      Signatures<Signature<Takes<AnyType, std::int32_t>, Gives<AnyType>>, Signature<Takes<AnyType, std::int64_t>, Gives<AnyType>>>;

 private:
  static constexpr bool contains(const Shape& list, int value) {
    for (const std::int32_t x : list.dims()) {
      if (x == value) return true;
    }
    return false;
  }
  static constexpr Violation require_rising(const Shape& list, int limit) {
    for (int i = 0; i < list.rank(); ++i) {
      if (list[i] >= limit || (i > 0 && list[i] <= list[i - 1])) {
        return node_violation(ErrorCode::invalid_option, "must list dimensions below {} in rising order; one is {}", limit, list[i]);
      }
    }
    return {};
  }
  static constexpr Walk walk_of(const Options& options, const Shape& operand, const Shape& starts, int rank) {
    Walk walk;
    int slice = 0, start = 0;
    for (int i = 0; i < rank; ++i) {
      const auto k = static_cast<std::size_t>(i);
      if (contains(options.offset_dims, i)) {
        while (contains(options.collapsed, slice)) ++slice;
        walk.extent[k] = options.slice_sizes[slice];
        walk.operand_step[k] = operand.count(slice + 1, operand.rank());
        ++slice;
      } else {
        if (start == options.index_vector_dim) ++start;
        walk.extent[k] = starts[start];
        walk.start_step[k] = starts.count(start + 1, starts.rank());
        ++start;
      }
    }
    return walk;
  }
};

}  // namespace tfl
