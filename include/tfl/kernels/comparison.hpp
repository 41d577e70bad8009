#pragma once
// EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL: out = a ? b, as booleans.
//
// Two kernels a type serve all six: "less" and "equal" with inputs swapped and the answer turned around where need be. Floats have
// "less or equal" of their own, for NaN.

#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/binary_quantized.hpp"
#include "tfl/kernels/broadcast.hpp"
#include "tfl/kernels/half.hpp"
#include "tfl/kernels/logical.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/simd/compare.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl {

/// What the kernels of comparisons know.
struct ComparisonParameters {
  std::int32_t zero_a = 0, zero_b = 0;  // quantized integers
  Multiplier scale_a, scale_b;
  std::int32_t flip = 0;  // 1: the opposite of the kernel's answer
};

namespace detail {

struct LessThan {
  template <class B> TFL_ALWAYS_INLINE auto operator()(B a, B b) const { return simd::less(a, b); }
};
struct LessOrEqual {
  template <class B> TFL_ALWAYS_INLINE auto operator()(B a, B b) const { return simd::less_equal(a, b); }
};
struct EqualTo {
  template <class B> TFL_ALWAYS_INLINE auto operator()(B a, B b) const { return simd::equal(a, b); }
};

/// Integers as they are.
template <class A, class F> struct CompareLanes {
  using Parameters = ComparisonParameters;
  using V = simd::Int32<A>;
  V flip;
  TFL_ALWAYS_INLINE explicit CompareLanes(const Parameters& p) : flip(p.flip) {}
  TFL_ALWAYS_INLINE V left(V a) const { return a; }
  TFL_ALWAYS_INLINE V right(V b) const { return b; }
  TFL_ALWAYS_INLINE V combine(V a, V b) const {
    const V answer = simd::Ones<A, std::int32_t>::of(F{}(a, b));
    return simd::max(answer, flip) - simd::min(answer, flip);  // exclusive or
  }
};

/// Quantized integers with 8 more bits, times their scales: numbers so close that these agree count as equal, as in TensorFlow Lite.
template <class A, class F> struct CompareScaledLanes : CompareLanes<A, F> {
  using Parameters = ComparisonParameters;
  using V = simd::Int32<A>;
  V zero_a, zero_b;
  simd::LaneMultipliers<A> scale_a, scale_b;
  TFL_ALWAYS_INLINE explicit CompareScaledLanes(const Parameters& p)
      : CompareLanes<A, F>(p),
        zero_a(p.zero_a),
        zero_b(p.zero_b),
        scale_a(shifted_multiplier<A>(p.scale_a, 8)),
        scale_b(shifted_multiplier<A>(p.scale_b, 8)) {}
  TFL_ALWAYS_INLINE V left(V a) const { return simd::multiply<A>(a - zero_a, scale_a); }
  TFL_ALWAYS_INLINE V right(V b) const { return simd::multiply<A>(b - zero_b, scale_b); }
};

/// Floats: a PairFunction.
template <class A, class F>
void run_compare_floats(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  using V = simd::Int32<A>;
  constexpr int lanes = simd::lanes<float, A>;
  const float* const x = static_cast<const float*>(a);
  const float* const y = static_cast<const float*>(b);
  auto* const z = static_cast<std::uint8_t*>(out);
  const std::int32_t flip = static_cast<const ComparisonParameters*>(parameters)->flip;
  const V flip_lanes(flip);
  const simd::Float32<A> repeated_x(*x), repeated_y(*y);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto left = step_a != 0 ? simd::load<A>(x + i) : repeated_x;
    const auto right = step_b != 0 ? simd::load<A>(y + i) : repeated_y;
    const V answer = simd::Ones<A, float>::of(F{}(left, right));
    simd::store_saturated<A>(z + i, V(simd::max(answer, flip_lanes) - simd::min(answer, flip_lanes)));
  }
  for (; i < count; ++i) {
    const bool answer = F{}(simd::Lane<float>(x[i * step_a]), simd::Lane<float>(y[i * step_b]));
    z[i] = answer != (flip != 0) ? 1 : 0;
  }
}

/// 64-bit integers, left to the compiler: a PairFunction.
template <class A, class F>
void run_compare_int64(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  const auto* const x = static_cast<const std::int64_t*>(a);
  const auto* const y = static_cast<const std::int64_t*>(b);
  auto* const z = static_cast<std::uint8_t*>(out);
  const bool flip = static_cast<const ComparisonParameters*>(parameters)->flip != 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool answer = F{}(simd::Lane<std::int64_t>(x[i * step_a]), simd::Lane<std::int64_t>(y[i * step_b]));
    z[i] = answer != flip ? 1 : 0;
  }
}

/// Scales below 1 that compare as the given ones do: where one is larger, both are divided by the same power of two.
constexpr void read_comparison_scales(const NodeDescription& node, ComparisonParameters& p) {
  p.zero_a = node.input(0).quantization.zero_point;
  p.zero_b = node.input(1).quantization.zero_point;
  p.scale_a = quantize_multiplier(static_cast<double>(node.input(0).quantization.scale));
  p.scale_b = quantize_multiplier(static_cast<double>(node.input(1).quantization.scale));
  const int excess = p.scale_a.shift > p.scale_b.shift ? p.scale_a.shift : p.scale_b.shift;
  if (excess <= 0) return;
  for (Multiplier* m : {&p.scale_a, &p.scale_b}) {
    m->shift -= excess;
    if (m->shift < -31) *m = {};
  }
}

}  // namespace detail

/// How an op is made from the kernels: which one, on which order of the inputs, and whether its answer is turned around.
enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

/// out = a ? b of inputs of one type that broadcast
template <BuiltinOperator Code, int MaxVersion, Comparison C> struct Compare {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = MaxVersion;
  static constexpr OpTraits traits{.in_place = true, .any_rank = true};

  using Options = NoOptions;

  static constexpr bool asks_equality = C == Comparison::equal || C == Comparison::not_equal;
  static constexpr bool swaps = C == Comparison::greater || C == Comparison::greater_equal;
  static constexpr bool asks_or_equal = C == Comparison::less_equal || C == Comparison::greater_equal;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_argument, "must not be absent");
    }
    const TensorType type = node.input(0).type;
    if (node.input(1).type != type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    if (node.output(0).type != TensorType::boolean) return output_violation(0, ErrorCode::invalid_type, "must be bool");
    if (is_scaled(node)) {
      for (int i = 0; i < 2; ++i) {
        if (const Violation v = require_quantized_input(node, i)) return v;
        if (node.input(i).quantization.per_channel()) {
          return input_violation(i, ErrorCode::invalid_quantization, "must have one scale, not one for each channel");
        }
      }
    }
    return broadcast_shape<2>(node, node.output(0).shape);
  }

  struct Prepared {
    Broadcast<2> broadcast;
    ComparisonParameters parameters;
    bool scaled = false;
  };

  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared prepared;
    prepared.scaled = is_scaled(node);
    ComparisonParameters& p = prepared.parameters;
    if (prepared.scaled) detail::read_comparison_scales(node, p);
    prepared.broadcast = broadcast_of<2>(node);
    // a <= b is not (b < a), but for floats, which have a kernel for it.
    const bool opposite = C == Comparison::not_equal || (asks_or_equal && !is_real(node.input(0).type));
    p.flip = opposite ? 1 : 0;
    if (swaps_for(node.input(0).type)) {
      swap(p.zero_a, p.zero_b);
      swap(p.scale_a, p.scale_b);
      Broadcast<2>& broadcast = prepared.broadcast;
      for (int axis = 0; axis < max_rank; ++axis) swap(broadcast.strides[0][axis], broadcast.strides[1][axis]);
      if (broadcast.periodic >= 0) broadcast.periodic = 1 - broadcast.periodic;
    }
    return prepared;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In a, In b, Out out) {
    using T = typename In::value_type;
    const Prepared& prepared = run.prepared;
    const PairFunction function = pick<typename Run::Arch, T>(prepared.scaled);
    if constexpr (swaps_for(tensor_type_of<T>)) {
      run_pairs(run, prepared.broadcast, b, a, out, function, &prepared.parameters);
    } else {
      run_pairs(run, prepared.broadcast, a, b, out, function, &prepared.parameters);
    }
  }

  template <class T> using Of = Signature<Takes<T, T>, Gives<Boolean>>;
  template <class... More>
  using OfNumbers = Signatures<Of<float>, Of<std::int32_t>, Of<std::int64_t>, Of<std::int8_t>, Of<std::uint8_t>, Of<std::int16_t>,
                               Of<Float16>, Of<More>...>;
  // As in TensorFlow Lite, of bfloat16 only which is less.
  using Types = std::conditional_t<asks_equality, OfNumbers<Boolean>, std::conditional_t<asks_or_equal, OfNumbers<>, OfNumbers<BFloat16>>>;

 private:
  /// 8-bit integers always; int16 in questions of equality only, as in TensorFlow Lite.
  static constexpr bool is_scaled(const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    if (type == TensorType::int16) return asks_equality && node.input(0).quantization.present();
    return is_quantized_integer(type);
  }
  /// a > b is b < a; a <= b of integers is not (b < a).
  static constexpr bool swaps_for(TensorType type) { return asks_or_equal && !is_real(type) ? !swaps : swaps; }
  static constexpr bool is_real(TensorType type) {
    return type == TensorType::float32 || type == TensorType::float16 || type == TensorType::bfloat16;
  }

  template <class T> static constexpr void swap(T& x, T& y) {
    const T kept = x;
    x = y;
    y = kept;
  }

  template <class A, class T> static constexpr PairFunction pick(bool scaled) {
    using F = std::conditional_t<asks_equality, detail::EqualTo, detail::LessThan>;
    if constexpr (std::is_same_v<T, Boolean>) {
      return &detail::run_booleans<A, std::conditional_t<C == Comparison::equal, detail::SameBytes, detail::DifferentBytes>>;
    } else if constexpr (std::is_same_v<T, float>) {
      return &detail::run_compare_floats<A, std::conditional_t<asks_or_equal, detail::LessOrEqual, F>>;
    } else if constexpr (detail::is_half<T>) {
      return &detail::run_pairs_of_halves<A, T, std::uint8_t, pick<A, float>(false)>;
    } else if constexpr (sizeof(T) == 8) {
      return &detail::run_compare_int64<A, F>;
    } else if constexpr (sizeof(T) == 1) {
      return &detail::run_lanes<A, T, std::uint8_t, detail::CompareScaledLanes<A, F>>;
    } else {
      if constexpr (sizeof(T) == 2 && asks_equality) {
        if (scaled) return &detail::run_lanes<A, T, std::uint8_t, detail::CompareScaledLanes<A, F>>;
      }
      return &detail::run_lanes<A, T, std::uint8_t, detail::CompareLanes<A, F>>;
    }
  }
};

/// EQUAL: a == b
using Equal = Compare<BuiltinOperator::EQUAL, 5, Comparison::equal>;
/// NOT_EQUAL: a != b
using NotEqual = Compare<BuiltinOperator::NOT_EQUAL, 4, Comparison::not_equal>;
/// LESS: a < b
using Less = Compare<BuiltinOperator::LESS, 3, Comparison::less>;
/// LESS_EQUAL: a <= b
using LessEqual = Compare<BuiltinOperator::LESS_EQUAL, 3, Comparison::less_equal>;
/// GREATER: a > b
using Greater = Compare<BuiltinOperator::GREATER, 3, Comparison::greater>;
/// GREATER_EQUAL: a >= b
using GreaterEqual = Compare<BuiltinOperator::GREATER_EQUAL, 3, Comparison::greater_equal>;

}  // namespace tfl
