#pragma once
// From one quantization to another: what RELU, QUANTIZE, ABS, LEAKY_RELU and PRELU share.

#include <cstdint>
#include <span>

#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/map_wide.hpp"

namespace tfl {

/// y = multiplier * (x - zero_in) + zero_out, clamped to `range`.
struct Requantization {
  std::int32_t zero_in = 0, zero_out = 0;
  Multiplier multiplier;
  Int32Range range{0, 0};
};

/// A multiplier of scales; a violation where it passes 2^30, beyond which integers cannot be scaled.
constexpr Result<Multiplier, Violation> multiplier_of_scales(double real) {
  const Multiplier m = quantize_multiplier(real);
  if (m.shift <= 30 && real - real == 0) return m;
  return node_violation(ErrorCode::invalid_quantization, "the scales of its inputs and of its output are more than a factor of 2^30 apart");
}

/// From input 0 to output 0, over the output type's whole range.
constexpr Result<Requantization, Violation> requantization_of(const NodeDescription& node) {
  const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
  const auto m = multiplier_of_scales(double{in.scale} / double{out.scale});
  if (!m) return m.error();
  return Requantization{in.zero_point, out.zero_point, *m, integer_range_of(node.output(0).type)};
}
/// The same with the quotient of scales rounded to float first, as TFLite's activations have it.
constexpr Result<Requantization, Violation> activation_requantization_of(const NodeDescription& node) {
  const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
  const float quotient = in.scale / out.scale;
  const auto m = multiplier_of_scales(double{quotient});
  if (!m) return m.error();
  return Requantization{in.zero_point, out.zero_point, *m, integer_range_of(node.output(0).type)};
}

/// Input 0 and output 0 have usable scales and zero points, 0 ones where the type is int16 and `symmetric_int16`.
constexpr Violation require_quantized_pair(const NodeDescription& node, bool symmetric_int16) {
  if (const Violation v = require_quantized_input(node, 0)) return v;
  if (const Violation v = require_quantized_output(node, 0)) return v;
  if (!symmetric_int16) return {};
  if (node.input(0).type == TensorType::int16 && node.input(0).quantization.zero_point != 0) {
    return input_violation(0, ErrorCode::invalid_quantization, "must have zero point 0, not {}", node.input(0).quantization.zero_point);
  }
  if (node.output(0).type == TensorType::int16 && node.output(0).quantization.zero_point != 0) {
    return output_violation(0, ErrorCode::invalid_quantization, "must have zero point 0, not {}", node.output(0).quantization.zero_point);
  }
  return {};
}

/// y[i] = requantized before(x[i] - zero_in); `before` maps lanes of int32.
template <class A, class T, class U, class F>
TFL_ALWAYS_INLINE void requantize(const Requantization& r, const T* x, U* y, std::int64_t count, F before) {
  using V = simd::Int32<A>;
  const auto multiplier = simd::LaneMultipliers<A>::broadcast(r.multiplier);
  const V zero_in(r.zero_in), zero_out(r.zero_out), lo(r.range.lo), hi(r.range.hi);
  simd::map_wide<A>(x, y, count, [&](V v) {
    const V scaled = simd::multiply<A>(before(v - zero_in), multiplier) + zero_out;
    return simd::max(simd::min(scaled, hi), lo);
  });
}

}  // namespace tfl
