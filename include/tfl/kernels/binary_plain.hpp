#pragma once
// Elementwise functions of two inputs that broadcast, on elements as they are stored: MAXIMUM, MINIMUM, FLOOR_DIV, FLOOR_MOD, POW.
// Integers wrap on overflow; division by an integer 0 is an error.

#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/broadcast.hpp"
#include "tfl/kernels/half.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/compare.hpp"

namespace tfl {

namespace detail {

// ---- Loops, as PairFunctions

/// On the widest vectors of T. F is made from the parameters and takes batches of any width.
template <class A, class T, class F>
void run_vectors(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  const F f(parameters);
  simd::map<A>(static_cast<const T*>(a), step_a, static_cast<const T*>(b), step_b, static_cast<T*>(out), count,
               [f](auto x, auto y) { return f(x, y); });
}

/// The same one by one, for types whose vectors most processors lack: left to the compiler, for each architecture apart.
template <class A, class T, class F>
void run_lane_by_lane(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  const F f(parameters);
  simd::map<simd::Scalar>(static_cast<const T*>(a), step_a, static_cast<const T*>(b), step_b, static_cast<T*>(out), count,
                          [f](auto x, auto y) { return f(x, y); });
}

/// F takes elements.
template <class A, class T, class F>
void run_scalars(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  const F f(parameters);
  const T* const x = static_cast<const T*>(a);
  const T* const y = static_cast<const T*>(b);
  T* const z = static_cast<T*>(out);
  for (std::int64_t i = 0; i < count; ++i) z[i] = f(x[i * step_a], y[i * step_b]);
}

// ---- Functions

/// Where one operand is NaN, b, as in TensorFlow Lite.
struct MaximumBatches {
  explicit MaximumBatches(const void*) {}
  template <class B> TFL_ALWAYS_INLINE B operator()(B a, B b) const {
    if constexpr (std::is_floating_point_v<typename B::value_type>) {
      return simd::select(simd::less(b, a), a, b);
    } else {
      return simd::max(a, b);
    }
  }
};
struct MinimumBatches {
  explicit MinimumBatches(const void*) {}
  template <class B> TFL_ALWAYS_INLINE B operator()(B a, B b) const {
    if constexpr (std::is_floating_point_v<typename B::value_type>) {
      return simd::select(simd::less(a, b), a, b);
    } else {
      return simd::min(a, b);
    }
  }
};

/// a - b, wrapping, in the type itself.
template <class T> TFL_ALWAYS_INLINE constexpr T wrapping_difference(T a, T b) {
  return static_cast<T>(
      static_cast<std::make_unsigned_t<T>>(static_cast<std::make_unsigned_t<T>>(a) - static_cast<std::make_unsigned_t<T>>(b)));
}
/// a / b towards zero. Requires b != 0; the one quotient that overflows wraps.
template <class T> TFL_ALWAYS_INLINE constexpr T truncating_quotient(T a, T b) {
  return b == -1 ? wrapping_difference(T{0}, a) : static_cast<T>(a / b);
}
template <class T> TFL_ALWAYS_INLINE constexpr T truncating_remainder(T a, T b) { return b == -1 ? T{0} : static_cast<T>(a % b); }

template <class T> struct FloorDivide {
  explicit FloorDivide(const void*) {}
  TFL_ALWAYS_INLINE T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      const T quotient = truncating_quotient(a, b);
      return static_cast<T>(quotient - (truncating_remainder(a, b) != 0 && (a < 0) != (b < 0) ? 1 : 0));
    } else {
      // In double, so that a quotient just below a whole number isn't rounded up to it.
      return static_cast<T>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
    }
  }
};
/// The remainder with the divisor's sign.
template <class T> struct FloorModulo {
  explicit FloorModulo(const void*) {}
  TFL_ALWAYS_INLINE T operator()(T a, T b) const {
    T remainder;
    if constexpr (std::is_integral_v<T>) {
      remainder = truncating_remainder(a, b);
    } else {
      remainder = std::fmod(a, b);
    }
    return remainder != 0 && (b < 0) != (remainder < 0) ? static_cast<T>(remainder + b) : remainder;
  }
};
template <class T> struct Power {
  explicit Power(const void*) {}
  TFL_ALWAYS_INLINE T operator()(T base, T exponent) const {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      U result = 1, factor = static_cast<U>(base);
      for (auto bits = static_cast<U>(exponent); bits != 0; bits >>= 1) {
        if ((bits & 1) != 0) result *= factor;
        factor *= factor;
      }
      return static_cast<T>(result);
    } else {
      return std::pow(base, exponent);
    }
  }
};
/// x^2 and x^3 are what models ask for most.
template <class A>
void run_power(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  const float exponent = *static_cast<const float*>(b);
  if (step_b == 0 && step_a != 0 && (exponent == 2.0f || exponent == 3.0f)) {
    const bool cube = exponent == 3.0f;
    simd::map<A>(static_cast<const float*>(a), static_cast<float*>(out), count, [cube](auto x) { return cube ? x * x * x : x * x; });
  } else {
    run_scalars<A, float, Power<float>>(a, step_a, b, step_b, out, count, parameters);
  }
}
// ---- Rules

/// An error where a divisor is `zero`.
template <class A, class T> Violation require_no_zero(const T* divisors, std::int64_t count, T zero = T{0}) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (divisors[i] == zero) {
      return input_violation(1, ErrorCode::invalid_value, "must not hold 0, which its element {} is: division by zero", i);
    }
  }
  return {};
}

/// What all ops of two inputs check: absent inputs, types, shapes. Sets the output's shape.
constexpr Violation infer_pair(const NodeDescription& node) {
  for (int i = 0; i < 2; ++i) {
    if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_argument, "must not be absent");
  }
  if (node.input(1).type != node.input(0).type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
  return broadcast_shape<2>(node, node.output(0).shape);
}

template <class T> using SameTypes = Signature<Takes<T, T>, Gives<T>>;

}  // namespace detail

/// An op of two inputs that reads elements as they are stored: no options, no quantization.
template <BuiltinOperator Code, int MaxVersion, class F, class... T> struct PlainPair {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = MaxVersion;
  static constexpr OpTraits traits{.in_place = true, .any_rank = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::infer_pair(node)) return v;
    return require_same_type(node, 0, 0);
  }

  struct Prepared {
    Broadcast<2> broadcast;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{broadcast_of<2>(node)};
  }

  template <class Run, class In, class Out> static Violation eval(const Run& run, In a, In b, Out out) {
    if constexpr (requires { F::template check<typename Run::Arch>(b); }) {
      if (const Violation v = F::template check<typename Run::Arch>(b)) return v;
    }
    run_pairs(run, run.prepared.broadcast, a, b, out, F::template function<typename Run::Arch, typename In::value_type>(), nullptr,
              F::cost);
    return {};
  }

  using Types = Signatures<detail::SameTypes<T>...>;
};

namespace detail {

template <class Batches> struct ExtremumFunction {
  static constexpr std::int64_t cost = 1;
  template <class A, class T> static constexpr PairFunction function() {
    if constexpr (is_half<T>) {
      return &run_pairs_of_halves<A, T, T, &run_vectors<A, float, Batches>>;
    } else if constexpr (sizeof(T) == 8) {
      return &run_lane_by_lane<A, T, Batches>;
    } else {
      return &run_vectors<A, T, Batches>;
    }
  }
};
struct FloorDivFunction {
  static constexpr std::int64_t cost = 4;
  template <class A, class View> static Violation check(View b) { return require_no_zero<A>(b.data(), b.count()); }
  template <class A, class T> static constexpr PairFunction function() { return &run_scalars<A, T, FloorDivide<T>>; }
};
struct FloorModFunction {
  static constexpr std::int64_t cost = 8;
  template <class A, class View> static Violation check(View b) {
    if constexpr (std::is_integral_v<typename View::value_type>) return require_no_zero<A>(b.data(), b.count());
    return {};
  }
  template <class A, class T> static constexpr PairFunction function() { return &run_scalars<A, T, FloorModulo<T>>; }
};
struct PowFunction {
  static constexpr std::int64_t cost = 16;
  template <class A, class View> static Violation check(View b) {
    if constexpr (std::is_integral_v<typename View::value_type>) {
      for (std::int64_t i = 0; i < b.count(); ++i) {
        if (b[i] < 0)
          return input_violation(1, ErrorCode::invalid_value, "must hold no negative exponent of integers; element {} is {}", i, b[i]);
      }
    }
    return {};
  }
  template <class A, class T> static constexpr PairFunction function() {
    if constexpr (std::is_same_v<T, float>) {
      return &run_power<A>;
    } else {
      return &run_scalars<A, T, Power<T>>;
    }
  }
};

}  // namespace detail

/// MAXIMUM: the larger of a and b
using Maximum = PlainPair<BuiltinOperator::MAXIMUM, 4, detail::ExtremumFunction<detail::MaximumBatches>, float, std::int32_t, std::int64_t,
                          std::int8_t, std::uint8_t, std::int16_t, Float16, BFloat16>;
/// MINIMUM: the smaller of a and b
using Minimum = PlainPair<BuiltinOperator::MINIMUM, 4, detail::ExtremumFunction<detail::MinimumBatches>, float, std::int32_t, std::int64_t,
                          std::int8_t, std::uint8_t, std::int16_t, Float16, BFloat16>;
/// FLOOR_DIV: the largest whole number that is at most a / b
using FloorDiv = PlainPair<BuiltinOperator::FLOOR_DIV, 3, detail::FloorDivFunction, float, std::int32_t, std::int16_t, std::int8_t>;
/// FLOOR_MOD: a - b * floor(a / b)
using FloorMod =
    PlainPair<BuiltinOperator::FLOOR_MOD, 2, detail::FloorModFunction, float, std::int32_t, std::int64_t, std::int16_t, std::int8_t>;
/// POW: a to the power of b; exponents of integers must not be negative
using Pow = PlainPair<BuiltinOperator::POW, 1, detail::PowFunction, float, std::int32_t>;

}  // namespace tfl
