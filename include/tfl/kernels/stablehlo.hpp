#pragma once
// Elementwise StableHLO ops, of two tensors of one type and shape. Integers wrap on overflow; booleans add by "or" and multiply by "and".

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

// Through the unsigned type of 32 bits or more: narrower ones would become a signed int.
template <class T> using WrappingType = std::conditional_t<sizeof(T) < 4, std::uint32_t, std::make_unsigned_t<T>>;

struct HloAdd {
  template <class T> static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<WrappingType<T>>(a) + static_cast<WrappingType<T>>(b));
    else
      return a + b;
  }
  static Boolean apply(Boolean a, Boolean b) { return a || b; }
};
struct HloMultiply {
  template <class T> static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<WrappingType<T>>(a) * static_cast<WrappingType<T>>(b));
    else
      return a * b;
  }
  static Boolean apply(Boolean a, Boolean b) { return a && b; }
};
struct HloMaximum {
  template <class T> static T apply(T a, T b) { return a < b ? b : a; }
  static Boolean apply(Boolean a, Boolean b) { return a || b; }
};
struct HloMinimum {
  template <class T> static T apply(T a, T b) { return b < a ? b : a; }
  static Boolean apply(Boolean a, Boolean b) { return a && b; }
};
struct HloAnd {
  template <class T> static T apply(T a, T b) { return static_cast<T>(a & b); }
  static Boolean apply(Boolean a, Boolean b) { return a && b; }
};
/// 0 where b is negative or reaches the type's bits.
struct HloShiftLeft {
  template <class T> static T apply(T a, T b) {
    constexpr T bits = sizeof(T) * 8;
    return b < 0 || b >= bits ? T{0} : static_cast<T>(static_cast<WrappingType<T>>(a) << b);
  }
};

/// An op F of two tensors of one of the types T.
template <BuiltinOperator Code, class F, class... T> struct HloPair {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(1).type != node.input(0).type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (!(node.input(1).shape == node.input(0).shape)) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the shape of input 0");
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In a, In b, Out out) {
    run.executor.parallel_for(a.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        if constexpr (std::is_same_v<typename In::value_type, Float16>) {
          out[i] = to_float16(F::apply(to_float(a[i]), to_float(b[i])));
        } else {
          out[i] = F::apply(a[i], b[i]);
        }
      }
    });
  }

  using Types = Signatures<Signature<Takes<T, T>, Gives<T>>...>;
};

template <BuiltinOperator Code, class F>
using HloNumberPair = HloPair<Code, F, float, Float16, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                              std::uint16_t, std::uint32_t, std::uint64_t, Boolean>;

}  // namespace detail

using StablehloAdd = detail::HloNumberPair<BuiltinOperator::STABLEHLO_ADD, detail::HloAdd>;
using StablehloMultiply = detail::HloNumberPair<BuiltinOperator::STABLEHLO_MULTIPLY, detail::HloMultiply>;
using StablehloMaximum = detail::HloNumberPair<BuiltinOperator::STABLEHLO_MAXIMUM, detail::HloMaximum>;
using StablehloMinimum = detail::HloNumberPair<BuiltinOperator::STABLEHLO_MINIMUM, detail::HloMinimum>;
/// Bits of integers; booleans.
using StablehloAnd = detail::HloPair<BuiltinOperator::STABLEHLO_AND, detail::HloAnd, std::int8_t, std::int16_t, std::int32_t, std::int64_t,
                                     std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, Boolean>;
/// a * 2^b
using StablehloShiftLeft =
    detail::HloPair<BuiltinOperator::STABLEHLO_SHIFT_LEFT, detail::HloShiftLeft, std::int8_t, std::int16_t, std::int32_t>;

}  // namespace tfl
