#pragma once
// STABLEHLO_SCATTER: a tensor with windows of updates put in, added, multiplied or compared at places that indices tell.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/reduce_window.hpp"

namespace tfl {

/// STABLEHLO_SCATTER: input, indices (int32 or int64), updates -> input with updates. Updates outside of the input are left out. The
/// function is the op of the subgraph that the options name; without a node there the update takes the element's place.
struct StablehloScatter {
  static constexpr BuiltinOperator code = BuiltinOperator::STABLEHLO_SCATTER;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    detail::LongList<max_rank> update_window_dims, inserted_window_dims, scatter_dims;
    std::int64_t index_vector_dim = 0;
    std::int32_t body = -1;
    template <class Table> static constexpr Result<Options, Violation> read(const Table& table) {
      Options o;
      if (!o.update_window_dims.read(table.update_window_dims()) || !o.inserted_window_dims.read(table.inserted_window_dims()) ||
          !o.scatter_dims.read(table.scatter_dims_to_operand_dims())) {
        return node_violation(ErrorCode::invalid_option, "has a list in its options that is longer than 8 dimensions");
      }
      o.index_vector_dim = table.index_vector_dim();
      o.body = table.update_computation_subgraph_index();
      return o;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    Prepared p;
    return work_out(options, node, p);
  }

  struct Prepared {
    detail::WindowFunction function = detail::WindowFunction::none;  // none: replaces
    std::int32_t rank = 0, update_rank = 0;
    bool wide_indices = false;                            // int64
    std::int32_t coordinates = 0;                         // of one index
    std::int64_t coordinate_step = 1;                     // elements from one of them to the next
    std::array<std::int32_t, max_rank> extents{};         // of the input
    std::array<std::int32_t, max_rank> update_extents{};  // of the updates
    std::array<std::int64_t, max_rank> index_steps{};  // elements of the indices from one update to the next along each of its dimensions
    std::array<std::int8_t, max_rank> window_axis{};   // the input's dimension that an update's dimension runs along, or -1
    std::array<std::int8_t, max_rank> scatter_axis{};  // the input's dimension of each coordinate
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    if (const Violation v = work_out(options, node, p)) return v;
    return p;
  }

  template <class Run, class In, class Indices, class Out> static void eval(const Run& run, In in, Indices indices, In updates, Out out) {
    using T = typename Out::value_type;
    const Prepared& p = run.prepared;
    if (in.count() > 0) std::memcpy(static_cast<void*>(out.data()), in.data(), static_cast<std::size_t>(in.count()) * sizeof(T));
    std::array<std::int32_t, max_rank> at{};
    for (std::int64_t u = 0; u < updates.count(); ++u) {
      const std::int64_t place = place_of(p, indices.data(), at);
      if (place >= 0) out[place] = p.function == detail::WindowFunction::none ? updates[u] : combined(p.function, out[place], updates[u]);
      for (std::size_t d = static_cast<std::size_t>(p.update_rank); d-- > 0 && ++at[d] == p.update_extents[d];) at[d] = 0;
    }
  }

  template <class T> using Of = Signature<Takes<T, AnyType, T>, Gives<T>>;
  using Types = Signatures<Of<float>, Of<double>, Of<Float16>, Of<std::int8_t>, Of<std::uint8_t>, Of<std::int16_t>, Of<std::uint16_t>,
                           Of<std::int32_t>, Of<std::uint32_t>, Of<std::int64_t>, Of<std::uint64_t>, Of<Boolean>>;

 private:
  /// Where the update at this position goes; -1 outside of the input.
  static TFL_NOINLINE std::int64_t place_of(const Prepared& p, const std::byte* indices, const std::array<std::int32_t, max_rank>& at) {
    std::array<std::int64_t, max_rank> target{};
    std::int64_t index = 0;
    for (std::size_t d = 0; d < static_cast<std::size_t>(p.update_rank); ++d) {
      index += at[d] * p.index_steps[d];
      if (p.window_axis[d] >= 0) target[static_cast<std::size_t>(p.window_axis[d])] = at[d];
    }
    for (std::size_t c = 0; c < static_cast<std::size_t>(p.coordinates); ++c) {
      const std::int64_t from = index + static_cast<std::int64_t>(c) * p.coordinate_step;
      const std::int64_t start =
          p.wide_indices ? reinterpret_cast<const std::int64_t*>(indices)[from] : reinterpret_cast<const std::int32_t*>(indices)[from];
      const auto axis = static_cast<std::size_t>(p.scatter_axis[c]);
      if (start < -p.extents[axis] || start >= p.extents[axis]) return -1;
      target[axis] += start;
    }
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < static_cast<std::size_t>(p.rank); ++d) {
      if (target[d] < 0 || target[d] >= p.extents[d]) return -1;
      offset = offset * p.extents[d] + target[d];
    }
    return offset;
  }
  template <class T> static T combined(detail::WindowFunction f, T a, T b) {
    if constexpr (std::is_same_v<T, Float16>) {
      return rounded<Float16>(detail::apply_window_function<float>(f, to_float(a), to_float(b)));
    } else if constexpr (std::is_same_v<T, Boolean>) {
      return Boolean(detail::apply_window_function<int>(f, a.byte != 0 ? 1 : 0, b.byte != 0 ? 1 : 0) != 0);
    } else {
      return detail::apply_window_function<T>(f, a, b);
    }
  }

  static constexpr bool lists(const detail::LongList<max_rank>& list, std::int64_t value) {
    for (int i = 0; i < list.size; ++i) {
      if (list.values[static_cast<std::size_t>(i)] == value) return true;
    }
    return false;
  }
  /// Whether the list's dimensions are different and among the first `rank`; sorted where they must be.
  static constexpr bool names_dimensions(const detail::LongList<max_rank>& list, int rank, bool sorted) {
    for (int i = 0; i < list.size; ++i) {
      const std::int64_t d = list.values[static_cast<std::size_t>(i)];
      if (d < 0 || d >= rank) return false;
      for (int k = 0; k < i; ++k) {
        const std::int64_t before = list.values[static_cast<std::size_t>(k)];
        if (before == d || (sorted && before > d)) return false;
      }
    }
    return true;
  }

  static constexpr Violation work_out(const Options& o, const NodeDescription& node, Prepared& p) {
    const TensorDescription &in = node.input(0), &indices = node.input(1), &updates = node.input(2);
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (updates.type != in.type) return input_violation(2, ErrorCode::invalid_type, "must have the type of input 0");
    if (indices.type != TensorType::int32 && indices.type != TensorType::int64)
      return input_violation(1, ErrorCode::invalid_type, "must be int32 or int64");
    const Region body = node.region(o.body);
    if (body.nodes == 0) {
      p.function = detail::WindowFunction::none;
    } else if (body.nodes == 1 && body.op == BuiltinOperator::STABLEHLO_ADD) {
      p.function = detail::WindowFunction::sum;
    } else if (body.nodes == 1 && body.op == BuiltinOperator::STABLEHLO_MULTIPLY) {
      p.function = detail::WindowFunction::product;
    } else if (body.nodes == 1 && body.op == BuiltinOperator::STABLEHLO_MAXIMUM) {
      p.function = detail::WindowFunction::most;
    } else if (body.nodes == 1 && body.op == BuiltinOperator::STABLEHLO_MINIMUM) {
      p.function = detail::WindowFunction::least;
    } else {
      return node_violation(ErrorCode::unsupported_op,
                            "must have a body, not subgraph {}, without a node or with one: STABLEHLO_ADD, MULTIPLY, MAXIMUM or MINIMUM",
                            o.body);
    }
    if (o.index_vector_dim < 0 || o.index_vector_dim > indices.rank())
      return node_violation(ErrorCode::invalid_option, "has index_vector_dim {}, but indices of {} dimensions", o.index_vector_dim,
                            indices.rank());
    if (!names_dimensions(o.update_window_dims, updates.rank(), true) || !names_dimensions(o.inserted_window_dims, in.rank(), true) ||
        !names_dimensions(o.scatter_dims, in.rank(), false)) {
      return node_violation(ErrorCode::invalid_option, "names a dimension in its options that is not there, twice, or out of order");
    }
    if (o.update_window_dims.size + o.inserted_window_dims.size != in.rank())
      return node_violation(ErrorCode::invalid_option, "has {} window dimensions and {} inserted ones for an input of {} dimensions",
                            o.update_window_dims.size, o.inserted_window_dims.size, in.rank());
    const auto vector_dim = static_cast<int>(o.index_vector_dim);
    const bool has_vector = vector_dim < indices.rank();
    p.coordinates = has_vector ? indices.shape[vector_dim] : 1;
    if (p.coordinates != o.scatter_dims.size)
      return input_violation(1, ErrorCode::invalid_shape, "must have {} coordinates in dimension {}, as the options list",
                             o.scatter_dims.size, vector_dim);
    if (updates.rank() - o.update_window_dims.size != indices.rank() - (has_vector ? 1 : 0)) {
      return input_violation(2, ErrorCode::invalid_shape, "must have {} dimensions beside those of the windows",
                             indices.rank() - (has_vector ? 1 : 0));
    }
    p.wide_indices = indices.type == TensorType::int64;
    p.rank = in.rank();
    p.update_rank = updates.rank();
    for (int d = 0; d < in.rank(); ++d) p.extents[static_cast<std::size_t>(d)] = in.shape[d];
    for (int c = 0; c < p.coordinates; ++c)
      p.scatter_axis[static_cast<std::size_t>(c)] = static_cast<std::int8_t>(o.scatter_dims.values[static_cast<std::size_t>(c)]);
    p.coordinate_step = has_vector ? indices.shape.count(vector_dim + 1, indices.rank()) : 0;
    int scattered = 0, windowed = 0;
    for (int d = 0; d < updates.rank(); ++d) {
      const auto i = static_cast<std::size_t>(d);
      p.update_extents[i] = updates.shape[d];
      p.window_axis[i] = -1;
      if (lists(o.update_window_dims, d)) {
        while (lists(o.inserted_window_dims, windowed)) ++windowed;
        p.window_axis[i] = static_cast<std::int8_t>(windowed++);
      } else {
        const int from = has_vector && scattered >= vector_dim ? scattered + 1 : scattered;
        ++scattered;
        if (indices.shape[from] != updates.shape[d])
          return input_violation(2, ErrorCode::invalid_shape, "must have {} elements in dimension {}, as the indices have",
                                 indices.shape[from], d);
        p.index_steps[i] = indices.shape.count(from + 1, indices.rank());
      }
    }
    node.output(0).shape = in.shape;
    return {};
  }
};

}  // namespace tfl
