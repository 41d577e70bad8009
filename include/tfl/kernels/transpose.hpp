#pragma once
// TRANSPOSE: dimensions in another order. Axes that stay neighbours move as one; what remains is a copy of runs or, where the innermost
// axis moves, transposes of matrices, tile by tile in registers.

#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/simd/transpose.hpp"

namespace tfl {

namespace detail {

/// A matrix whose rows lie in the output and whose columns lie in the input: to[row][column] = from[column][row]. Steps are in bytes.
template <class A, int Bytes>
inline void transpose_matrix(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t from_step, std::int64_t rows,
                             std::int64_t columns) {
  using Tile = simd::TransposeTile<A, Bytes>;
  constexpr int side = Tile::side, line = 64 / Bytes;
  const std::int64_t tiled_rows = rows / side * side, tiled_columns = columns / side * side;
  std::int64_t c = 0;
  if constexpr (!std::is_same_v<A, simd::Scalar>) {
    // Rows a multiple of this apart fight for the same places of the cache: each is written a whole cache line at a time.
    if (to_step % 2048 == 0 && tiled_rows <= line) {
      alignas(64) std::byte lines[line * 64];
      for (; c + line <= columns; c += line) {
        for (int k = 0; k < line; k += side) {
          for (std::int64_t r = 0; r < tiled_rows; r += side) {
            Tile::run(from + (c + k) * from_step + r * Bytes, from_step, lines + r * 64 + k * Bytes, 64);
          }
        }
        copy_short_rows<A, 64, false>(to + c * Bytes, to_step, lines, 64, 64, tiled_rows);
      }
    }
  }
  for (; c < tiled_columns; c += side) {
    for (std::int64_t r = 0; r < tiled_rows; r += side)
      Tile::run(from + c * from_step + r * Bytes, from_step, to + r * to_step + c * Bytes, to_step);
  }
  for (std::int64_t r = tiled_rows; r < rows; ++r) {
    copy_short_rows<A, Bytes, false>(to + r * to_step, Bytes, from + r * Bytes, from_step, Bytes, columns);
  }
  for (c = tiled_columns; c < columns; ++c) {
    copy_short_rows<A, Bytes, false>(to + c * Bytes, to_step, from + c * from_step, Bytes, Bytes, tiled_rows);
  }
}

}  // namespace detail

/// TRANSPOSE: input, permutation[rank] (int32) -> dimension i of the output is dimension permutation[i] of the input.
struct Transpose {
  static constexpr BuiltinOperator code = BuiltinOperator::TRANSPOSE;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 9;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const TensorDescription& in = node.input(0);
    if (const Violation v = detail::require_integer_vector(node, 1)) return v;
    if (node.input(1).count() != in.rank()) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one element for each of the {} dimensions, not {}", in.rank(),
                             node.input(1).count());
    }
    const Quantization &from = in.quantization, &to = node.output(0).quantization;
    if (is_quantized_integer(in.type) && (from.scale != to.scale || from.zero_point != to.zero_point)) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have the scale and zero point of the input");
    }
    Shape out;
    bool used[max_rank] = {};
    for (int i = 0; i < in.rank(); ++i) {
      const std::int64_t wanted = node.input(1).integers[i];
      const int axis = normalized_axis(wanted, in.rank());
      if (axis < 0) return input_violation(1, ErrorCode::invalid_value, "names dimension {} of {}", wanted, in.rank());
      if (used[axis]) return input_violation(1, ErrorCode::invalid_value, "names dimension {} twice", wanted);
      used[axis] = true;
      out.push_back(in.shape[axis]);
    }
    node.output(0).shape = out;
    return {};
  }

  struct Prepared {
    detail::StridedCopy copy;
    int row_axis = -1;  // of the copy: the axis along which the input is contiguous; -1 where runs are copied
    std::int64_t matrices = 1;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const TensorDescription& in = node.input(0);
    const detail::Steps steps = detail::dense_steps(in);
    const int bytes = detail::copy_units(in.type);
    Prepared prepared;
    detail::StridedCopy& copy = prepared.copy;
    for (int i = 0; i < in.rank(); ++i) {
      const int axis = normalized_axis(node.input(1).integers[i], in.rank());
      copy.add(in.shape[axis], steps.of[axis]);
    }
    copy.finish(bytes);
    if (copy.run != bytes || is_packed_integer(in.type)) return prepared;
    for (int i = 0; i < copy.rank - 1; ++i) {
      if (copy.step[i] == bytes) {
        prepared.row_axis = i;
      } else {
        prepared.matrices *= copy.count[i];
      }
    }
    return prepared;
  }

  // Where only dimensions of 1 move, all bytes stay.
  static constexpr std::int64_t part_offset(const Options& options, const NodeDescription& node, int) {
    const auto prepared = prepare(options, node, {});
    return prepared && !is_packed_integer(node.input(0).type) ? prepared->copy.piece() : -1;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if constexpr (is_packed<typename In::value_type>) {
      detail::copy_packed(run.prepared.copy, out.data(), in.data());
    } else {
      move(run, in, out);
    }
  }

  using Types =
      Signatures<Signature<Takes<Raw<1>>, Gives<Raw<1>>>, Signature<Takes<Raw<2>>, Gives<Raw<2>>>, Signature<Takes<Raw<4>>, Gives<Raw<4>>>,
                 Signature<Takes<Raw<8>>, Gives<Raw<8>>>, Signature<Takes<Int4Pair>, Gives<Int4Pair>>>;

 private:
  template <class Run, class In, class Out> static void move(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    constexpr int size = static_cast<int>(sizeof(*in.data()));
    const detail::StridedCopy& copy = run.prepared.copy;
    const int row_axis = run.prepared.row_axis;
    if (row_axis < 0) return detail::copy_strided<A>(run.executor, copy, detail::bytes_of_output(out), detail::bytes_of_input(in));
    if (copy.empty) return;
    const std::byte* from = detail::bytes_of_input(in);
    std::byte* to = detail::bytes_of_output(out);
    const std::int64_t rows = copy.count[row_axis], columns = copy.count[copy.rank - 1];
    // A block is as many rows as the input has in a cache line, or more where they are short.
    std::int64_t block = 64 / size;
    if (columns < block) block = 4096 / size;
    const std::int64_t blocks = (rows + block - 1) / block;
    run.executor.parallel_for(run.prepared.matrices * blocks, detail::cost_of_moving((rows < block ? rows : block) * columns * size),
                              [&](std::int64_t first, std::int64_t last, int) {
                                for (std::int64_t item = first; item < last; ++item) {
                                  std::int64_t matrix = item / blocks;
                                  const std::int64_t row = (item - matrix * blocks) * block;
                                  std::int64_t from_at = row * size, to_at = row * copy.to_step[row_axis];
                                  for (int i = copy.rank - 2; i >= 0; --i) {
                                    if (i == row_axis) continue;
                                    const std::int64_t outer = matrix / copy.count[i], index = matrix - outer * copy.count[i];
                                    from_at += index * copy.step[i];
                                    to_at += index * copy.to_step[i];
                                    matrix = outer;
                                  }
                                  detail::transpose_matrix<A, size>(to + to_at, copy.to_step[row_axis], from + from_at,
                                                                    copy.step[copy.rank - 1], rows - row < block ? rows - row : block,
                                                                    columns);
                                }
                              });
  }
};

}  // namespace tfl
