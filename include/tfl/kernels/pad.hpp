#pragma once
// PAD, PADV2 and MIRROR_PAD: the input with a border of one value, or of its own reflection.

#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// Borders of a dense tensor. Axes without a border are part of the items of the axis around them.
struct PadPlan {
  struct Axis {
    std::int64_t before = 0, middle = 1, after = 0;  // items
    std::int64_t item = 0, to_item = 0;              // bytes of an item in the input and in the output
    constexpr bool bordered() const { return before > 0 || after > 0; }
  };
  int rank = 0;  // at least 1
  Axis axes[max_rank];
  bool empty = false;  // the output has no elements

  constexpr PadPlan() = default;
  constexpr PadPlan(const NodeDescription& node) {
    const Shape &in = node.input(0).shape, &out = node.output(0).shape;
    const KnownIntegers& paddings = node.input(1).integers;
    empty = out.count() == 0;
    std::int64_t item = element_bytes(node.input(0).type), to_item = item;
    Axis reversed[max_rank];
    for (int i = in.rank() - 1; i >= 0; --i) {
      Axis axis{paddings[2 * i], in[i], paddings[2 * i + 1], item, to_item};
      item *= in[i];
      to_item *= out[i];
      const bool inside_is_plain = rank > 0 && !reversed[rank - 1].bordered();
      if (inside_is_plain && rank == 1) {
        reversed[0] = axis;  // whose items are the whole plain axis
      } else if (inside_is_plain && !axis.bordered()) {
        reversed[rank - 1].middle *= in[i];
      } else if (axis.bordered() || in[i] != 1) {
        reversed[rank++] = axis;
      }
    }
    if (rank == 0) reversed[rank++] = {0, 1, 0, item, to_item};
    for (int i = 0; i < rank; ++i) axes[i] = reversed[rank - 1 - i];
  }
};

/// Checks of all three ops and the output's shape.
constexpr Violation infer_padded(const NodeDescription& node) {
  if (const Violation v = require_same_type(node, 0, 0)) return v;
  const Shape& in = node.input(0).shape;
  const TensorDescription& paddings = node.input(1);
  if (paddings.type != TensorType::int32 && paddings.type != TensorType::int64 && paddings.type != TensorType::int16 &&
      paddings.type != TensorType::int8) {
    return input_violation(1, ErrorCode::invalid_type, "must be int32, int64, int16 or int8");
  }
  // A shape that was never given (of no dimensions) may still come.
  if (paddings.rank() == 0) {
    if (const Violation v = require_known(node, 1)) return v;
  }
  if (paddings.rank() != 2 || paddings.shape[0] != in.rank() || paddings.shape[1] != 2) {
    return input_violation(1, ErrorCode::invalid_shape, "must have shape [{}, 2] for an input of {} dimensions", in.rank(), in.rank());
  }
  if (const Violation v = require_known(node, 1)) return v;
  Shape out;
  for (int i = 0; i < in.rank(); ++i) {
    constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
    const std::int64_t before = paddings.integers[2 * i], after = paddings.integers[2 * i + 1];
    if (before < 0 || after < 0) {
      return input_violation(1, ErrorCode::invalid_value, "pads dimension {} by {} and {}; negative numbers are not possible", i, before,
                             after);
    }
    if (before > limit || after > limit || in[i] + before + after > limit) {
      return input_violation(1, ErrorCode::invalid_value, "pads dimension {} by {} and {}, past 2^31 - 1", i, before, after);
    }
    out.push_back(static_cast<std::int32_t>(in[i] + before + after));
  }
  if (out.checked_count() < 0) return output_violation(0, ErrorCode::invalid_shape, "would have more than 2^31 - 1 elements");
  node.output(0).shape = out;
  return {};
}

// Rows of the innermost axis, a column of the border at a time.
template <class A>
inline void pad_short_rows(const PadPlan::Axis& a, const PadPlan::Axis& inside, std::int64_t rows, const std::byte* value, int size,
                           std::byte* to, const std::byte* from) {
  const std::int64_t before = inside.before * inside.to_item, middle = inside.middle * inside.to_item,
                     after = inside.after * inside.to_item;
  std::byte* end = to + before + middle;
  fill_elements<A>(to, value, size, before / size);
  fill_elements<A>(end, value, size, after / size);
  copy_rows<A>(to + a.to_item, a.to_item, to, 0, before, rows - 1);
  copy_rows<A>(to + before, a.to_item, from, a.item, middle, rows);
  copy_rows<A>(end + a.to_item, a.to_item, end, 0, after, rows - 1);
}

template <class A>
inline void pad_items(const PadPlan& plan, int axis, std::int64_t items, const std::byte* value, int size, std::byte* to,
                      const std::byte* from);

/// Items of one axis and all inside, with their borders.
template <class A>
inline void pad_axis(const PadPlan& plan, int axis, const std::byte* value, int size, std::byte* to, const std::byte* from) {
  const PadPlan::Axis& a = plan.axes[axis];
  fill_elements<A>(to, value, size, a.before * a.to_item / size);
  pad_items<A>(plan, axis, a.middle, value, size, to + a.before * a.to_item, from);
  fill_elements<A>(to + (a.before + a.middle) * a.to_item, value, size, a.after * a.to_item / size);
}
template <class A>
inline void pad_items(const PadPlan& plan, int axis, std::int64_t items, const std::byte* value, int size, std::byte* to,
                      const std::byte* from) {
  const PadPlan::Axis& a = plan.axes[axis];
  if (axis == plan.rank - 1) {
    if (items > 0) std::memcpy(to, from, static_cast<std::size_t>(items * a.item));
  } else {
    const std::int64_t most = a.to_item > 0 ? visited_bytes / a.to_item : 0;
    if (axis == plan.rank - 2 && most >= 8) {
      for (std::int64_t i = 0; i < items; i += most) {
        pad_short_rows<A>(a, plan.axes[axis + 1], items - i < most ? items - i : most, value, size, to + i * a.to_item, from + i * a.item);
      }
      return;
    }
    for (std::int64_t i = 0; i < items; ++i) pad_axis<A>(plan, axis + 1, value, size, to + i * a.to_item, from + i * a.item);
  }
}

/// An item of one axis from another one of the output; the borders of all axes inside are there already.
template <class A> inline void mirror_border(const PadPlan::Axis& a, std::int64_t skip, std::byte* to) {
  std::byte* middle = to + a.before * a.to_item;
  copy_rows<A>(middle - a.to_item, -a.to_item, middle + skip * a.to_item, a.to_item, a.to_item, a.before);
  std::byte* end = middle + a.middle * a.to_item;
  copy_rows<A>(end, a.to_item, end - (1 + skip) * a.to_item, -a.to_item, a.to_item, a.after);
}
template <class A>
inline void mirror_pad_items(const PadPlan& plan, int axis, std::int64_t items, std::int64_t skip, std::byte* to, const std::byte* from) {
  const PadPlan::Axis& a = plan.axes[axis];
  if (axis == plan.rank - 1) {
    if (items > 0) std::memcpy(to, from, static_cast<std::size_t>(items * a.item));
    return;
  }
  const PadPlan::Axis& inside = plan.axes[axis + 1];
  for (std::int64_t i = 0; i < items; ++i) {
    std::byte* item = to + i * a.to_item;
    mirror_pad_items<A>(plan, axis + 1, inside.middle, skip, item + inside.before * inside.to_item, from + i * a.item);
    mirror_border<A>(inside, skip, item);
  }
}

}  // namespace detail

/// PAD: input, paddings[rank, 2] (+ value) -> output with paddings[i, 0] values before and paddings[i, 1] after dimension i. The value
/// is one element, or what stands for 0: the zero point of a quantized tensor.
template <BuiltinOperator Code> struct PadOp {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs{2, 3}, outputs = 1;
  static constexpr int max_version = 6;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    const Quantization& to = node.output(0).quantization;
    if (node.has_input(2)) {
      const TensorDescription& value = node.input(2);
      if (value.type != type) return input_violation(2, ErrorCode::invalid_type, "must have the type of input 0");
      if (value.count() != 1) return input_violation(2, ErrorCode::invalid_shape, "must have one element, not {}", value.count());
      if (is_quantized(node) && (value.quantization.scale != to.scale || value.quantization.zero_point != to.zero_point)) {
        return input_violation(2, ErrorCode::invalid_quantization, "must have the scale and zero point of the output");
      }
    } else if (is_quantized(node) && to.present()) {
      if (const Violation v = require_quantized_output(node, 0)) return v;
    }
    return detail::infer_padded(node);
  }

  /// `value`: the data of input 2; null where there is none.
  static constexpr bool border(const Options& options, const NodeDescription& node, const std::byte* value, Border& border) {
    const KnownIntegers& paddings = node.input(1).integers;
    if (node.input(0).rank() != 4 || !paddings.known()) return false;
    if (paddings[0] != 0 || paddings[1] != 0 || paddings[6] != 0 || paddings[7] != 0) return false;
    border = {static_cast<std::int32_t>(paddings[2]), static_cast<std::int32_t>(paddings[3]), static_cast<std::int32_t>(paddings[4]),
              static_cast<std::int32_t>(paddings[5]), true};
    const TensorDescription& in = node.input(0);
    const auto prepared = prepare(options, node, {});
    for (int i = 0; value != nullptr && i < detail::element_bytes(in.type); ++i) {
      border.is_zero = border.is_zero && value[i] == prepared->value[i];
    }
    // The least byte; others are told by what clamps the input.
    const int least = in.type == TensorType::int8 ? 0x80 : 0;
    border.is_least = bits_of(in.type) == 8 && in.type != TensorType::boolean &&
                      std::to_integer<int>((value != nullptr ? value : prepared->value)[0]) == least;
    return true;
  }

  struct Prepared {
    detail::PadPlan plan;
    std::byte value[8] = {};  // where there is no input 2
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared prepared{detail::PadPlan(node), {}};
    if (is_quantized(node)) {
      const auto zero_point = static_cast<std::uint32_t>(node.output(0).quantization.zero_point);
      for (int i = 0; i < detail::element_bytes(node.input(0).type); ++i) {
        prepared.value[i] = static_cast<std::byte>((zero_point >> (8 * i)) & 0xff);  // little-endian, as all tensors
      }
    }
    return prepared;
  }

  template <class Run, class In, class Paddings, class Value, class Out>
  static void eval(const Run& run, In in, Paddings, Value given, Out out) {
    using A = typename Run::Arch;
    constexpr int size = static_cast<int>(sizeof(*in.data()));
    const detail::PadPlan& plan = run.prepared.plan;
    if (plan.empty) return;
    const std::byte* value = given ? detail::bytes_of_input(given) : run.prepared.value;
    const std::byte* from = detail::bytes_of_input(in);
    std::byte* to = detail::bytes_of_output(out);
    const detail::PadPlan::Axis& a = plan.axes[0];
    std::byte* middle = to + a.before * a.to_item;
    detail::fill_elements<A>(to, value, size, a.before * a.to_item / size);
    run.executor.parallel_for(a.middle, detail::cost_of_moving(a.to_item), [&](std::int64_t first, std::int64_t last, int) {
      detail::pad_items<A>(plan, 0, last - first, value, size, middle + first * a.to_item, from + first * a.item);
    });
    detail::fill_elements<A>(middle + a.middle * a.to_item, value, size, a.after * a.to_item / size);
  }

  using Types =
      Signatures<Signature<Takes<Raw<1>, Unread, Raw<1>>, Gives<Raw<1>>>, Signature<Takes<Raw<2>, Unread, Raw<2>>, Gives<Raw<2>>>,
                 Signature<Takes<Raw<4>, Unread, Raw<4>>, Gives<Raw<4>>>, Signature<Takes<Raw<8>, Unread, Raw<8>>, Gives<Raw<8>>>>;

 private:
  /// uint8 always, int8 and int16 where the input has a scale; others ignore zero points.
  static constexpr bool is_quantized(const NodeDescription& node) {
    const TensorDescription& in = node.input(0);
    return in.type == TensorType::uint8 || ((in.type == TensorType::int8 || in.type == TensorType::int16) && in.quantization.present());
  }
};
using Pad = PadOp<BuiltinOperator::PAD>;
using PadV2 = PadOp<BuiltinOperator::PADV2>;

/// MIRROR_PAD: input, paddings[rank, 2] -> output whose border repeats the input backwards: REFLECT (0) leaves out the edge (c b | a b c),
/// SYMMETRIC (1) repeats it (b a | a b c).
struct MirrorPad {
  static constexpr BuiltinOperator code = BuiltinOperator::MIRROR_PAD;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 3;

  struct Options {
    bool symmetric = false;
    template <class Table> static constexpr Options read(const Table& table) { return {static_cast<int>(table.mode()) != 0}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::infer_padded(node)) return v;
    const Shape& in = node.input(0).shape;
    for (int i = 0; i < 2 * in.rank(); ++i) {
      const std::int64_t most = in[i / 2] - (options.symmetric ? 0 : 1), border = node.input(1).integers[i];
      if (border > 0 && border > most) {
        return input_violation(1, ErrorCode::invalid_value, "pads dimension {} by {}, its reflection has {} elements", i / 2, border,
                               most > 0 ? most : 0);
      }
    }
    return {};
  }

  struct Prepared {
    detail::PadPlan plan;
    std::int64_t skip = 0;  // elements at the edge that are not repeated
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{detail::PadPlan(node), options.symmetric ? 0 : 1};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    const detail::PadPlan& plan = run.prepared.plan;
    if (plan.empty) return;
    const std::byte* from = detail::bytes_of_input(in);
    std::byte* to = detail::bytes_of_output(out);
    const detail::PadPlan::Axis& a = plan.axes[0];
    run.executor.parallel_for(a.middle, detail::cost_of_moving(a.to_item), [&](std::int64_t first, std::int64_t last, int) {
      detail::mirror_pad_items<A>(plan, 0, last - first, run.prepared.skip, to + (a.before + first) * a.to_item, from + first * a.item);
    });
    detail::mirror_border<A>(a, run.prepared.skip, to);
  }

  using Types = Signatures<Signature<Takes<Raw<1>>, Gives<Raw<1>>>, Signature<Takes<Raw<2>>, Gives<Raw<2>>>,
                           Signature<Takes<Raw<4>>, Gives<Raw<4>>>, Signature<Takes<Raw<8>>, Gives<Raw<8>>>>;
};

}  // namespace tfl
