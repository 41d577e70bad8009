#pragma once
// PRELU: y = x for x >= 0, else alpha * x.

#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/broadcast.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/requantize.hpp"
#include "tfl/simd/math.hpp"

namespace tfl {

/// PRELU: input[...], alpha (broadcasts to the input; int8 beside int16) -> output of the input's shape
struct Prelu {
  static constexpr BuiltinOperator code = BuiltinOperator::PRELU;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (node.input(0).type == TensorType::int16) {
      if (node.input(1).type != TensorType::int8) return input_violation(1, ErrorCode::invalid_type, "must be int8 beside an int16 input");
    } else if (node.input(1).type != node.input(0).type) {
      return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    }
    Shape shape;
    if (const Violation v = broadcast_shape<2>(node, shape)) return v;
    if (shape != node.input(0).shape)
      return input_violation(1, ErrorCode::invalid_shape, "must broadcast to the shape of input 0, not beyond it");
    node.output(0).shape = shape;
    if (!is_quantized_integer(node.input(0).type)) return {};
    if (const Violation v = require_quantized_input(node, 1)) return v;
    return require_quantized_pair(node, false);
  }

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::int16) return {};
    return {.scratch_bytes = node.input(1).count() * static_cast<std::int64_t>(sizeof(std::int16_t))};  // alpha, widened
  }

  struct Prepared {
    Broadcast<2> plan;
    Requantization positive;
    Multiplier negative;
    std::int32_t zero_alpha = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{.plan = broadcast_of<2>(node), .positive = {}, .negative = {}};
    if (!is_quantized_integer(node.input(0).type)) return p;
    const auto positive = activation_requantization_of(node);
    if (!positive) return positive.error();
    const float product = node.input(0).quantization.scale * node.input(1).quantization.scale;
    const float quotient = product / node.output(0).quantization.scale;
    const auto negative = multiplier_of_scales(double{quotient});
    if (!negative) return negative.error();
    p.positive = *positive;
    p.negative = *negative;
    p.zero_alpha = node.input(1).quantization.zero_point;
    return p;
  }

  template <class Run, class In, class Alpha, class Out> static void eval(const Run& run, In in, Alpha alpha, Out out) {
    using T = typename In::value_type;
    if constexpr (std::is_same_v<T, std::int16_t>) {
      auto* const wide = reinterpret_cast<std::int16_t*>(run.scratch);
      for (std::int64_t i = 0; i < alpha.count(); ++i) wide[i] = alpha[i];
      run_pairs(run, run.prepared.plan, in, In(wide, typename In::extents_type(Shape{static_cast<std::int32_t>(alpha.count())})), out,
                &run_lanes<typename Run::Arch, T>, &run.prepared);
    } else {
      run_pairs(run, run.prepared.plan, in, alpha, out, &run_lanes<typename Run::Arch, T>, &run.prepared);
    }
  }

  using Types = Signatures<Signature<Takes<float, float>, Gives<float>>, Signature<Takes<std::int8_t, std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t, std::uint8_t>, Gives<std::uint8_t>>,
                           Signature<Takes<std::int16_t, std::int8_t>, Gives<std::int16_t>>>;

 private:
  /// A PairFunction. The input never repeats; alpha may.
  template <class A, class T>
  static void run_lanes(const void* in, int, const void* alpha, int alpha_step, void* out, std::int64_t count, const void* parameters) {
    const Prepared& p = *static_cast<const Prepared*>(parameters);
    const T* const x = static_cast<const T*>(in);
    const T* const a = static_cast<const T*>(alpha);
    T* const y = static_cast<T*>(out);
    constexpr int n = simd::lanes<std::int32_t, A>;
    const auto load = [](const T* from) { return simd::detail::load_wide<A>(from); };
    using B = decltype(load(x));
    const auto multiplier = simd::LaneMultipliers<A>::broadcast(p.positive.multiplier),
               multiplier_below = simd::LaneMultipliers<A>::broadcast(p.negative);
    const auto f = [&](B v, B w) {
      if constexpr (std::is_same_v<T, float>) {
        return simd::select_less(v, B(0.0f), v * w, v);
      } else {
        const B real = v - B(p.positive.zero_in);
        const B below = simd::multiply<A>(real * (w - B(p.zero_alpha)), multiplier_below);
        return simd::select_less(real, B(0), below, simd::multiply<A>(real, multiplier)) + B(p.positive.zero_out);
      }
    };
    using Number = typename B::value_type;
    const B repeated(static_cast<Number>(*a));
    std::int64_t i = 0;
    for (; i + n <= count; i += n) simd::detail::store_wide<A>(y + i, f(load(x + i), alpha_step != 0 ? load(a + i) : repeated));
    const std::size_t left = static_cast<std::size_t>(count - i) % n;
    if (left == 0) return;
    T some[n] = {}, some_alpha[n] = {};
    std::memcpy(some, x + i, left * sizeof(T));
    if (alpha_step != 0) std::memcpy(some_alpha, a + i, left * sizeof(T));
    simd::detail::store_wide<A>(some, f(load(some), alpha_step != 0 ? load(some_alpha) : repeated));
    std::memcpy(y + i, some, left * sizeof(T));
  }
};

}  // namespace tfl
