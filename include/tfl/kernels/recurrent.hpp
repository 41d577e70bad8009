#pragma once
// What kernels with a state have in common: float activation functions, and quantizing rows while running.

#include <cstdint>
#include <cstring>

#include "tfl/kernels/dynamic_range.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/dot_rows.hpp"
#include "tfl/simd/map_wide.hpp"
#include "tfl/simd/math.hpp"

namespace tfl::detail {

/// Quantizes a row to 8 bits, x = scale * (q - zero_point), stores q - zero_point and returns the scale.
template <class A> float quantize_row_centred(const float* x, std::int64_t n, bool asymmetric, std::int16_t* centred) {
  if (n <= 0) return 1.0f;
  auto* bytes = reinterpret_cast<std::int8_t*>(centred) + n;  // widened from there in place
  const RowQuantization q = asymmetric ? quantize_row_asymmetric<A>(x, n, bytes) : quantize_row_symmetric<A>(x, n, bytes);
  simd::centre_row<A>(bytes, q.zero_point, centred, n);
  return q.scale;
}

/// About the nanoseconds of a row of products.
constexpr std::int64_t product_cost(std::int64_t products) { return 1 + products / 16; }

constexpr Violation check_float_activation(Activation activation) {
  if (is_clamp(activation) || activation == Activation::tanh) return {};
  return node_violation(ErrorCode::invalid_option, "cannot apply fused_activation_function {}", static_cast<int>(activation));
}

/// x[i] = min(max(x[i], lo), hi)
template <class A> void clamp_floats(float* x, std::int64_t n, float lo, float hi) {
  simd::map<A>(x, x, n, [&](auto v) {
    using V = decltype(v);
    return simd::min(simd::max(v, V(lo)), V(hi));
  });
}

/// y = activation(x) for an activation that passed check_float_activation(). x and y may be the same.
template <class A> void activate_floats(Activation activation, const float* x, float* y, std::int64_t n) {
  if (activation == Activation::tanh) {
    simd::map_wide<A>(x, y, n, [](auto v) { return simd::tanh(v); });
    return;
  }
  if (x != y && n > 0) std::memcpy(y, x, static_cast<std::size_t>(n) * sizeof(float));
  if (activation == Activation::none) return;
  const FloatRange range = float_range(activation);
  clamp_floats<A>(y, n, range.lo, range.hi);
}

}  // namespace tfl::detail
