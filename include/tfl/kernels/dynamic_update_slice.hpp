#pragma once
// DYNAMIC_UPDATE_SLICE: input, update, start[rank] -> the input with a box of it replaced by the update. A start that would let the
// update stand out is moved back inside.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

struct DynamicUpdateSlice {
  static constexpr BuiltinOperator code = BuiltinOperator::DYNAMIC_UPDATE_SLICE;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 6;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const Shape &in = node.input(0).shape, &update = node.input(1).shape;
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    if (node.input(0).type != TensorType::int4) {
      if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    }
    if (node.input(1).type != node.input(0).type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    if (node.input(2).type != TensorType::int32 && node.input(2).type != TensorType::int64) {
      return input_violation(2, ErrorCode::invalid_type, "must be int32 or int64");
    }
    if (const Violation v = require_rank(node, 2, 1)) return v;
    if (const Violation v = require_rank(node, 1, in.rank())) return v;
    if (node.input(2).shape[0] != in.rank()) {
      return input_violation(2, ErrorCode::invalid_shape, "must have one element for each of the {} dimensions, not {}", in.rank(),
                             node.input(2).shape[0]);
    }
    for (int i = 0; i < in.rank(); ++i) {
      if (update[i] > in[i]) {
        return input_violation(1, ErrorCode::invalid_shape, "has {} elements in dimension {}, where input 0 has {}", update[i], i, in[i]);
      }
    }
    node.output(0).shape = in;
    return {};
  }

  struct Prepared {
    std::int32_t rank = 0;
    std::int64_t element = 0;  // bytes; 0: int4
    std::array<std::int32_t, max_rank> extent{}, update{};
    std::array<std::int64_t, max_rank> step{};  // elements of the input
    std::int64_t rows = 0;                      // of the update
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &in = node.input(0).shape, &update = node.input(1).shape;
    Prepared p;
    p.rank = in.rank();
    p.element = detail::element_bytes(node.input(0).type);
    for (int i = 0; i < p.rank; ++i) {
      const auto k = static_cast<std::size_t>(i);
      p.extent[k] = in[i];
      p.update[k] = update[i];
      p.step[k] = in.count(i + 1, in.rank());
    }
    p.rows = update.count() > 0 ? update.count(0, update.rank() - 1) : 0;
    return p;
  }

  template <class Run, class In, class Start, class Out> static void eval(const Run& run, In in, In update, Start start, Out out) {
    const Prepared& p = run.prepared;
    const std::int64_t bytes = p.element > 0 ? in.count() * p.element : (in.count() + 1) / 2;
    detail::copy_bytes<typename Run::Arch>(run.executor, out.data(), in.data(), bytes);
    std::array<std::int32_t, max_rank> index{};
    std::int64_t first = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(p.rank); ++i) {
      const std::int64_t most = p.extent[i] - p.update[i], wanted = start[static_cast<std::int64_t>(i)];
      first += (wanted < 0 ? 0 : wanted > most ? most : wanted) * p.step[i];
    }
    const std::int64_t row = p.rank > 0 ? p.update[static_cast<std::size_t>(p.rank - 1)] : 1;
    for (std::int64_t r = 0; r < p.rows; ++r) {
      std::int64_t at = first;
      for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(p.rank); ++i) at += index[i] * p.step[i];
      copy_row(update.data(), r * row, out.data(), at, row, p.element);
      for (int i = p.rank - 2; i >= 0; --i) {
        const auto k = static_cast<std::size_t>(i);
        if (++index[k] < p.update[k]) break;
        index[k] = 0;
      }
    }
  }

  using Types = Signatures<Signature<Takes<AnyType, AnyType, std::int32_t>, Gives<AnyType>>,
                           Signature<Takes<AnyType, AnyType, std::int64_t>, Gives<AnyType>>>;

 private:
  /// `from` and `to` count elements.
  static void copy_row(const std::byte* data, std::int64_t from, std::byte* out, std::int64_t to, std::int64_t count,
                       std::int64_t element) {
    if (element > 0) {
      std::memcpy(out + to * element, data + from * element, static_cast<std::size_t>(count * element));
      return;
    }
    for (std::int64_t i = 0; i < count; ++i, ++from, ++to) {
      const auto nibble = data[from / 2] >> (from % 2 * 4) & std::byte{15};
      const int shift = static_cast<int>(to % 2 * 4);
      out[to / 2] = (out[to / 2] & ~(std::byte{15} << shift)) | nibble << shift;
    }
  }
};

}  // namespace tfl
