#pragma once
// CONCATENATION and PACK: several tensors become one, along an axis that is there or along a new one.

#include <bit>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/quantize.hpp"

namespace tfl {

namespace detail {

/// A joined tensor is `outer` rows; every row holds a piece of each part. Returns the bytes of a part's piece.
template <class V> inline std::int64_t piece_bytes(const V& part, std::int64_t outer) {
  return outer > 0 ? part.count() / outer * static_cast<std::int64_t>(sizeof(*part.data())) : 0;
}

/// `copy(part, piece_offset, first, last)` for all parts and ranges of rows that cover [0, outer): the parts of one row lie side by side.
template <class Executor, class Parts, class Copy>
inline void for_each_piece(Executor& executor, const Parts& parts, std::int64_t outer, std::int64_t row_bytes, Copy copy) {
  const auto range = [&](int first_part, int last_part, std::int64_t at, std::int64_t first, std::int64_t last) {
    for (int i = first_part; i < last_part; ++i) {
      const std::int64_t bytes = piece_bytes(parts[i], outer);
      if (bytes > 0) copy(i, at, bytes, first, last);
      at += bytes;
    }
  };
  if (outer == 0 || row_bytes == 0) return;
  if (outer >= executor.workers()) {
    executor.parallel_for(outer, cost_of_moving(row_bytes),
                          [&](std::int64_t first, std::int64_t last, int) { range(0, parts.size(), 0, first, last); });
    return;
  }
  executor.parallel_for(parts.size(), cost_of_moving(outer * row_bytes / parts.size()), [&](std::int64_t first, std::int64_t last, int) {
    std::int64_t at = 0;
    for (int i = 0; i < first; ++i) at += piece_bytes(parts[i], outer);
    range(static_cast<int>(first), static_cast<int>(last), at, 0, outer);
  });
}

/// The same of elements that share bytes, where row_bytes are elements.
template <class Parts, class P> inline void join_packed(const Parts& parts, std::int64_t outer, std::int64_t row_elements, P* to) {
  constexpr int per_byte = PackedRange<P>::per_byte;
  std::memset(static_cast<void*>(to), 0, static_cast<std::size_t>((outer * row_elements + per_byte - 1) / per_byte));
  std::int64_t at = 0;
  for (int i = 0; i < parts.size(); ++i) {
    const std::int64_t piece = outer > 0 ? parts[i].count() / outer : 0;
    for (std::int64_t row = 0; row < outer; ++row) {
      for (std::int64_t k = 0; k < piece; ++k) {
        put_packed(to, row * row_elements + at + k, packed_at(parts[i].data(), row * piece + k));
      }
    }
    at += piece;
  }
}

/// Every part must be there and have the type of the first one and of the output.
constexpr Violation require_same_types(const NodeDescription& node) {
  for (int i = 0; i < node.input_count(); ++i) {
    if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_argument, "must not be left out");
    if (node.input(i).type != node.input(0).type) return input_violation(i, ErrorCode::invalid_type, "must have the type of input 0");
  }
  return require_same_type(node, 0, 0);
}

/// Bytes from the start of the joined tensor to input k, or -1 where rows of several parts alternate.
constexpr std::int64_t joined_offset(const NodeDescription& node, int axis, int k) {
  if (node.output(0).shape.count(0, axis) != 1 || is_packed_integer(node.output(0).type)) return -1;
  std::int64_t offset = 0;
  for (int i = 0; i < k; ++i) offset += node.input(i).bytes();
  return offset;
}

constexpr bool same_scale(const Quantization& a, const Quantization& b) { return a.scale == b.scale && a.zero_point == b.zero_point; }

}  // namespace detail

/// CONCATENATION: inputs of equal shape but for one axis -> their elements side by side along it; scalars, a vector. uint8 inputs are
/// requantized to the output's scale; int8 inputs must have it.
struct Concatenation {
  static constexpr BuiltinOperator code = BuiltinOperator::CONCATENATION;
  static constexpr Arity inputs{1, any_number}, outputs = 1;
  static constexpr int max_version = 7;
  static constexpr OpTraits traits{.parts_are_inputs = true};

  struct Options {
    std::int32_t axis = 0;
    bool has_activation = false;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.axis(), static_cast<int>(table.fused_activation_function()) != 0};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_same_types(node)) return v;
    if (options.has_activation) return node_violation(ErrorCode::invalid_option, "cannot have a fused activation function");
    const Shape& first = node.input(0).shape;
    const bool scalars = first.rank() == 0 && options.axis == 0;
    const int axis = scalars ? 0 : normalized_axis(options.axis, first.rank());
    if (axis < 0) {
      return node_violation(ErrorCode::invalid_option, "axis {} is outside of the inputs' {} dimensions", options.axis, first.rank());
    }
    std::int64_t sum = 0;
    for (int i = 0; i < node.input_count(); ++i) {
      const Shape& shape = node.input(i).shape;
      if (const Violation v = require_rank(node, i, first.rank())) return v;
      for (int d = 0; d < first.rank(); ++d) {
        if (d != axis && shape[d] != first[d]) {
          return input_violation(i, ErrorCode::invalid_shape, "must have dimension {} = {} as input 0, not {}", d, first[d], shape[d]);
        }
      }
      sum += scalars ? 1 : shape[axis];
      if (const Violation v = check_quantization(node, i)) return v;
    }
    if (sum > std::numeric_limits<std::int32_t>::max()) {
      return output_violation(0, ErrorCode::invalid_shape, "would have {} elements in dimension {}", sum, axis);
    }
    Shape out = scalars ? Shape{1} : first;
    out[axis] = static_cast<std::int32_t>(sum);
    node.output(0).shape = out;
    return {};
  }

  // Each input's scale and zero point are kept as one "multiplier", from which pack() makes a table of its 256 values.
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    if (!rescales(node)) return {};
    return {.multipliers = node.input_count(), .scratch_bytes = 0, .packed_bytes = std::int64_t{256} * node.input_count()};
  }

  static constexpr std::int64_t part_offset(const Options& options, const NodeDescription& node, int k) {
    if (rescales(node) && !detail::same_scale(node.input(k).quantization, node.output(0).quantization)) return -1;
    return detail::joined_offset(node, normalized_axis(options.axis, node.output(0).rank()), k);
  }

  struct Prepared {
    std::int64_t outer = 0, row_bytes = 0;
    float scale = 0;  // of the output
    std::int32_t zero_point = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node,
                                                       std::span<Multiplier> multipliers) {
    const Shape& shape = node.output(0).shape;
    const int axis = normalized_axis(options.axis, shape.rank());
    const Quantization& to = node.output(0).quantization;
    if (rescales(node)) {
      for (int i = 0; i < node.input_count(); ++i) {
        const Quantization& from = node.input(i).quantization;
        multipliers[static_cast<std::size_t>(i)] = {std::bit_cast<std::int32_t>(from.scale), from.zero_point};
      }
    }
    return Prepared{shape.count(0, axis), shape.count(axis, shape.rank()) * detail::copy_units(node.input(0).type), to.scale,
                    to.zero_point};
  }

  template <class Run, class Inputs> static void pack(const Run& run, Inputs, std::byte* packed) {
    const float inverse = 1.0f / run.prepared.scale;
    for (const Multiplier& m : run.multipliers) {
      const float scale = std::bit_cast<float>(m.mantissa) * inverse, bias = static_cast<float>(-m.shift) * scale;
      for (int x = 0; x < 256; ++x) {
        // The product is exact in double and rounded here, so that no compiler fuses it with the sum.
        const auto product = static_cast<float>(static_cast<double>(x) * static_cast<double>(scale));
        *packed++ = static_cast<std::byte>(quant::quantize_value(product + bias, {1.0f, run.prepared.zero_point}, {0, 255}));
      }
    }
  }

  template <class Run, class Inputs, class Out> static void eval(const Run& run, Inputs parts, Out out) {
    if constexpr (is_packed<typename Out::value_type>) {
      detail::join_packed(parts, run.prepared.outer, run.prepared.row_bytes, out.data());
    } else {
      join(run, parts, detail::bytes_of_output(out));
    }
  }

  template <class... S> static Signatures<S..., Signature<Takes<Many<Int4Pair>>, Gives<Int4Pair>>> with_int4(Signatures<S...>);
  using Bytes = Signatures<Signature<Takes<Many<Raw<1>>>, Gives<Raw<1>>>, Signature<Takes<Many<Raw<2>>>, Gives<Raw<2>>>,
                           Signature<Takes<Many<Raw<4>>>, Gives<Raw<4>>>, Signature<Takes<Many<Raw<8>>>, Gives<Raw<8>>>>;
  using Types = decltype(with_int4(Bytes{}));

 private:
  template <class Run, class Inputs> static void join(const Run& run, Inputs parts, std::byte* to) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    detail::for_each_piece(run.executor, parts, p.outer, p.row_bytes,
                           [&](int i, std::int64_t at, std::int64_t bytes, std::int64_t first, std::int64_t last) {
                             const std::byte* from = detail::bytes_of_input(parts[i]) + first * bytes;
                             std::byte* piece = to + first * p.row_bytes + at;
                             if (piece == from) return;
                             if (run.packed == nullptr || has_output_scale(run, i)) {
                               detail::copy_rows<A>(piece, p.row_bytes, from, bytes, bytes, last - first);
                             } else {
                               look_up<A>(piece, p.row_bytes, from, bytes, last - first, run.packed + 256 * i);
                             }
                           });
  }

  static constexpr Violation check_quantization(const NodeDescription& node, int i) {
    const Quantization &from = node.input(i).quantization, &to = node.output(0).quantization;
    switch (node.input(i).type) {
      case TensorType::int8:
        if (!detail::same_scale(from, to))
          return input_violation(i, ErrorCode::invalid_quantization, "must have the scale and zero point of the output");
        return {};
      case TensorType::int16:
        if (from.zero_point != 0)
          return input_violation(i, ErrorCode::invalid_quantization, "must have zero point 0, not {}", from.zero_point);
        if (to.zero_point != 0)
          return output_violation(0, ErrorCode::invalid_quantization, "must have zero point 0, not {}", to.zero_point);
        return {};
      case TensorType::uint8:
        if (detail::same_scale(from, to)) return {};
        if (const Violation v = require_quantized_input(node, i)) return v;
        return require_quantized_output(node, 0);
      default: return {};
    }
  }
  static constexpr bool rescales(const NodeDescription& node) {
    if (node.input(0).type != TensorType::uint8) return false;
    for (int i = 0; i < node.input_count(); ++i) {
      if (!detail::same_scale(node.input(i).quantization, node.output(0).quantization)) return true;
    }
    return false;
  }
  template <class Run> static bool has_output_scale(const Run& run, int i) {
    const Multiplier& m = run.multipliers[static_cast<std::size_t>(i)];
    return m.mantissa == std::bit_cast<std::int32_t>(run.prepared.scale) && m.shift == run.prepared.zero_point;
  }
  template <class A>
  static void look_up(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t bytes, std::int64_t rows,
                      const std::byte* table) {
    for (; rows > 0; --rows) {
      for (std::int64_t k = 0; k < bytes; ++k) to[k] = table[std::to_integer<unsigned>(from[k])];
      to += to_step;
      from += bytes;
    }
  }
};

/// PACK: n inputs of one shape -> a tensor with a new dimension of size n at `axis`.
struct Pack {
  static constexpr BuiltinOperator code = BuiltinOperator::PACK;
  static constexpr Arity inputs{1, any_number}, outputs = 1;
  static constexpr int max_version = 5;
  static constexpr OpTraits traits{.parts_are_inputs = true};

  struct Options {
    std::int32_t axis = 0, values_count = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.axis(), table.values_count()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_same_types(node)) return v;
    if (options.values_count != node.input_count()) {
      return node_violation(ErrorCode::invalid_option, "values_count is {}, the node has {} inputs", options.values_count,
                            node.input_count());
    }
    const Shape& first = node.input(0).shape;
    if (first.rank() == max_rank) return input_violation(0, ErrorCode::invalid_shape, "has 8 dimensions already");
    const int axis = normalized_axis(options.axis, first.rank() + 1);
    if (axis < 0) {
      return node_violation(ErrorCode::invalid_option, "axis {} is outside of the output's {} dimensions", options.axis, first.rank() + 1);
    }
    for (int i = 0; i < node.input_count(); ++i) {
      if (!(node.input(i).shape == first)) return input_violation(i, ErrorCode::invalid_shape, "must have the shape of input 0");
      if (!detail::same_scale(node.input(i).quantization, node.output(0).quantization)) {
        return input_violation(i, ErrorCode::invalid_quantization, "must have the scale and zero point of the output");
      }
    }
    Shape out;
    for (int i = 0; i <= first.rank(); ++i) out.push_back(i < axis ? first[i] : i == axis ? node.input_count() : first[i - 1]);
    node.output(0).shape = out;
    return {};
  }

  static constexpr std::int64_t part_offset(const Options& options, const NodeDescription& node, int k) {
    return detail::joined_offset(node, normalized_axis(options.axis, node.output(0).rank()), k);
  }

  struct Prepared {
    std::int64_t outer = 0, row_bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& shape = node.output(0).shape;
    const int axis = normalized_axis(options.axis, shape.rank());
    return Prepared{shape.count(0, axis), shape.count(axis, shape.rank()) * detail::copy_units(node.input(0).type)};
  }

  template <class Run, class Inputs, class Out> static void eval(const Run& run, Inputs parts, Out out) {
    const Prepared& p = run.prepared;
    std::byte* to = detail::bytes_of_output(out);
    detail::for_each_piece(run.executor, parts, p.outer, p.row_bytes,
                           [&](int i, std::int64_t at, std::int64_t bytes, std::int64_t first, std::int64_t last) {
                             const std::byte* from = detail::bytes_of_input(parts[i]) + first * bytes;
                             std::byte* piece = to + first * p.row_bytes + at;
                             if (piece != from) detail::copy_rows<typename Run::Arch>(piece, p.row_bytes, from, bytes, bytes, last - first);
                           });
  }

  using Types = Concatenation::Bytes;
};

}  // namespace tfl
