#pragma once
// The custom op Roll: input, shifts, axes -> the input shifted along the axes; what leaves at one end comes in at the other.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

struct Roll {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "Roll";
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    for (int i = 1; i < 3; ++i) {
      if (node.input(i).type != TensorType::int32 && node.input(i).type != TensorType::int64) {
        return input_violation(i, ErrorCode::invalid_type, "must be int32 or int64");
      }
      if (const Violation v = require_rank_between(node, i, 0, 1)) return v;
    }
    if (node.input(1).count() != node.input(2).count()) {
      return input_violation(2, ErrorCode::invalid_shape, "must have one axis for each of the {} shifts, not {}", node.input(1).count(),
                             node.input(2).count());
    }
    for (int i = 1; i < 3; ++i) {
      if (const Violation v = require_known(node, i)) return v;
    }
    const Shape& in = node.input(0).shape;
    for (int i = 0; i < node.input(2).integers.size(); ++i) {
      if (normalized_axis(node.input(2).integers[i], in.rank()) < 0) {
        return input_violation(2, ErrorCode::invalid_value, "lists axis {}, which an input of {} dimensions does not have",
                               node.input(2).integers[i], in.rank());
      }
    }
    node.output(0).shape = in;
    return {};
  }

  struct Prepared {
    std::int32_t rank = 0;
    std::int64_t element = 0;                                      // bytes
    std::array<std::int64_t, max_rank> extent{}, shift{}, step{};  // step: bytes
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;  // here, for ForStrings<Roll> has strings in infer
    const Shape& in = node.input(0).shape;
    const detail::Steps steps = detail::dense_steps(node.input(0));
    Prepared p;
    p.rank = in.rank();
    p.element = detail::element_bytes(node.input(0).type);
    for (int i = 0; i < in.rank(); ++i) {
      p.extent[static_cast<std::size_t>(i)] = in[i];
      p.step[static_cast<std::size_t>(i)] = steps.of[i];
    }
    for (int i = 0; i < node.input(2).integers.size(); ++i) {
      const auto axis = static_cast<std::size_t>(normalized_axis(node.input(2).integers[i], in.rank()));
      const std::int64_t n = p.extent[axis];
      if (n > 0) p.shift[axis] = ((p.shift[axis] + node.input(1).integers[i] % n) % n + n) % n;
    }
    return p;
  }

  template <class Run, class In, class Shifts, class Axes, class Out> static void eval(const Run& run, In in, Shifts, Axes, Out out) {
    if (in.count() > 0) roll(run.prepared, 0, in.data(), out.data());
  }

  using Types = Signatures<Signature<Takes<AnyType, Unread, Unread>, Gives<AnyType>>>;

 private:
  static void roll(const Prepared& p, std::size_t axis, const std::byte* from, std::byte* to) {
    if (axis == static_cast<std::size_t>(p.rank)) {
      std::memcpy(to, from, static_cast<std::size_t>(p.element));
      return;
    }
    const std::int64_t n = p.extent[axis], step = p.step[axis], shift = p.shift[axis];
    if (axis + 1 == static_cast<std::size_t>(p.rank)) {
      std::memcpy(to, from + (n - shift) * step, static_cast<std::size_t>(shift * step));
      std::memcpy(to + shift * step, from, static_cast<std::size_t>((n - shift) * step));
      return;
    }
    for (std::int64_t i = 0; i < n; ++i) roll(p, axis + 1, from + (i + n - shift) % n * step, to + i * step);
  }
};

}  // namespace tfl
