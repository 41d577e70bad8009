#pragma once
// SELECT and SELECT_V2: out = condition ? x : y, for every type that has 1, 2, 4 or 8 bytes.

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/kernels/broadcast.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/simd/compare.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl {

namespace detail {

/// The signed integer by which a kernel moves elements of 1, 2 or 4 bytes.
template <int Bytes>
using CarrierOf = std::conditional_t<Bytes == 1, std::int8_t, std::conditional_t<Bytes == 2, std::int16_t, std::int32_t>>;

template <class A, int N>
void select_run(const std::uint8_t* condition, int step_c, const Raw<N>* x, int step_x, const Raw<N>* y, int step_y, Raw<N>* out,
                std::int64_t count) {
  if (step_c == 0) {
    // One condition for all: a copy.
    const Raw<N>* const source = *condition != 0 ? x : y;
    const int step = *condition != 0 ? step_x : step_y;
    if (step != 0) {
      if (source != out) std::memcpy(out, source, static_cast<std::size_t>(count) * N);
    } else {
      const Raw<N> repeated = *source;
      for (std::int64_t i = 0; i < count; ++i) out[i] = repeated;
    }
    return;
  }
  std::int64_t i = 0;
  if constexpr (N <= 4 && !std::is_same_v<A, simd::Scalar>) {
    using T = CarrierOf<N>;
    using V = simd::Int32<A>;
    constexpr int lanes = simd::lanes<std::int32_t, A>;
    T first_x, first_y;
    std::memcpy(&first_x, x, N);
    std::memcpy(&first_y, y, N);
    const V repeated_x(static_cast<std::int32_t>(first_x)), repeated_y(static_cast<std::int32_t>(first_y));
    for (; i + lanes <= count; i += lanes) {
      // The loads of vectors may alias everything.
      const V from_x = step_x != 0 ? simd::load_int32<A>(reinterpret_cast<const T*>(x + i)) : repeated_x;
      const V from_y = step_y != 0 ? simd::load_int32<A>(reinterpret_cast<const T*>(y + i)) : repeated_y;
      const auto is_false = simd::equal(simd::load_int32<A>(condition + i), V(0));
      simd::store_saturated<A>(reinterpret_cast<T*>(out + i), simd::select(is_false, from_y, from_x));
    }
  }
  for (; i < count; ++i) out[i] = condition[i] != 0 ? x[i * step_x] : y[i * step_y];
}

}  // namespace detail

/// What SELECT and SELECT_V2 have in common: everything but the rule for shapes, which is Op's.
template <class Op> struct SelectOp {
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 3; ++i) {
      if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_argument, "must not be absent");
    }
    if (node.input(0).type != TensorType::boolean) return input_violation(0, ErrorCode::invalid_type, "must be bool");
    if (node.input(2).type != node.input(1).type) return input_violation(2, ErrorCode::invalid_type, "must have the type of input 1");
    if (const Violation v = require_same_type(node, 0, 1)) return v;
    Shape& shape = node.output(0).shape;
    bool all_single = shape.checked_count() == 1;
    for (int i = 0; i < 3; ++i) all_single = all_single && node.input(i).count() == 1;
    if (all_single) return {};  // the model says how many dimensions of 1 the output has
    return Op::infer_shape(node, shape);
  }

  struct Prepared {
    Broadcast<3> broadcast;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& output = node.output(0).shape;
    if (output.count() == 1) return Prepared{fold_broadcast<3>(Shape{}, {})};
    return Prepared{fold_broadcast<3>(output, {Op::condition_shape(node), node.input(1).shape, node.input(2).shape})};
  }

  template <class Run, class Condition, class In, class Out> static void eval(const Run& run, Condition condition, In x, In y, Out out) {
    using T = typename In::value_type;
    using A = typename Run::Arch;
    const Broadcast<3>& plan = run.prepared.broadcast;
    const auto* const conditions = reinterpret_cast<const std::uint8_t*>(condition.data());
    run.executor.parallel_for(plan.count, 1, [&](std::int64_t first, std::int64_t last, int) {
      const int step_c = plan.step(0), step_x = plan.step(1), step_y = plan.step(2);
      for_each_run<A>(plan, first, last, [&](const std::int64_t* offsets, std::int64_t at, std::int64_t output, std::int64_t count) {
        detail::select_run<A, static_cast<int>(sizeof(T))>(conditions + offsets[0] + at * step_c, step_c,
                                                           x.data() + offsets[1] + at * step_x, step_x, y.data() + offsets[2] + at * step_y,
                                                           step_y, out.data() + output, count);
      });
    });
  }

  template <int N> using Of = Signature<Takes<Boolean, Raw<N>, Raw<N>>, Gives<Raw<N>>>;
  using Types = Signatures<Of<1>, Of<2>, Of<4>, Of<8>>;
};

/// SELECT: condition ? x : y, where x and y have one shape and the condition has it too, is a scalar, or has one element for each of
/// x's first dimension
struct Select : SelectOp<Select> {
  static constexpr BuiltinOperator code = BuiltinOperator::SELECT;
  static constexpr int max_version = 4;

  static constexpr Violation infer_shape(const NodeDescription& node, Shape& shape) {
    const Shape &condition = node.input(0).shape, &x = node.input(1).shape, &y = node.input(2).shape;
    if (!(x == y)) return input_violation(2, ErrorCode::invalid_shape, "must have the shape of input 1");
    const bool one_for_each = condition.rank() == 1 && x.rank() > 0 && condition[0] == x[0];
    if (!(condition == x) && condition.rank() != 0 && !one_for_each) {
      return input_violation(0, ErrorCode::invalid_shape,
                             "must have the shape of input 1, be a scalar, or have one dimension, the first of input 1");
    }
    shape = x;
    return {};
  }
  /// With the dimensions that broadcasting would put on the other side.
  static constexpr Shape condition_shape(const NodeDescription& node) {
    const Shape& condition = node.input(0).shape;
    if (condition.rank() != 1) return condition;
    Shape shape = Shape::of_rank(node.input(1).rank());
    if (shape.rank() > 0) shape[0] = condition[0];
    return shape;
  }
};

/// SELECT_V2: condition ? x : y, of three shapes that broadcast
struct SelectV2 : SelectOp<SelectV2> {
  static constexpr BuiltinOperator code = BuiltinOperator::SELECT_V2;
  static constexpr int max_version = 2;

  static constexpr Violation infer_shape(const NodeDescription& node, Shape& shape) { return broadcast_shape<3>(node, shape); }
  static constexpr Shape condition_shape(const NodeDescription& node) { return node.input(0).shape; }
};

}  // namespace tfl
