#pragma once
// MATRIX_DIAG and MATRIX_SET_DIAG: matrices in the last two dimensions, and their diagonals.

#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

struct Diagonals {
  std::int64_t matrices = 0, rows = 0, columns = 0, element = 0;  // element: bytes
  constexpr std::int64_t length() const { return rows < columns ? rows : columns; }
};
constexpr Diagonals diagonals_of(const TensorDescription& tensor) {
  const Shape& shape = tensor.shape;
  const int rank = shape.rank();
  return {shape.count(0, rank - 2), shape[rank - 2], shape[rank - 1], element_bytes(tensor.type)};
}
/// Writes the diagonals of dense matrices.
template <class A> void write_diagonals(const Diagonals& d, const std::byte* from, std::byte* to) {
  for (std::int64_t m = 0; m < d.matrices; ++m) {
    copy_rows<A>(to + m * d.rows * d.columns * d.element, (d.columns + 1) * d.element, from + m * d.length() * d.element, d.element,
                 d.element, d.length());
  }
}

}  // namespace detail

/// MATRIX_DIAG: input[..., n] -> output[..., n, n], the input on the diagonal and 0 elsewhere
struct MatrixDiag {
  static constexpr BuiltinOperator code = BuiltinOperator::MATRIX_DIAG;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank - 1)) return v;
    Shape shape = node.input(0).shape;
    shape.push_back(shape.last());
    node.output(0).shape = shape;
    return {};
  }

  using Prepared = detail::Diagonals;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return detail::diagonals_of(node.output(0));
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    std::memset(out.data(), 0, static_cast<std::size_t>(out.count() * run.prepared.element));
    detail::write_diagonals<typename Run::Arch>(run.prepared, in.data(), out.data());
  }

  using Types = Signatures<Signature<Takes<AnyType>, Gives<AnyType>>>;
};

/// MATRIX_SET_DIAG: input[..., rows, columns], diagonal[..., min(rows, columns)] -> the input with this diagonal
struct MatrixSetDiag {
  static constexpr BuiltinOperator code = BuiltinOperator::MATRIX_SET_DIAG;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    if (const Violation v = require_rank_between(node, 0, 2, max_rank)) return v;
    if (node.input(1).type != node.input(0).type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    const detail::Diagonals d = detail::diagonals_of(node.input(0));
    if (node.input(1).count() != d.matrices * d.length()) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the {} elements of {} diagonals, not {}", d.matrices * d.length(),
                             d.matrices, node.input(1).count());
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = detail::Diagonals;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return detail::diagonals_of(node.input(0));
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, In diagonal, Out out) {
    using A = typename Run::Arch;
    detail::copy_bytes<A>(run.executor, out.data(), in.data(), in.count() * run.prepared.element);
    detail::write_diagonals<A>(run.prepared, diagonal.data(), out.data());
  }

  using Types = Signatures<Signature<Takes<AnyType, AnyType>, Gives<AnyType>>>;
};

}  // namespace tfl
