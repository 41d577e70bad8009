#pragma once
// Sums, differences and products of quantized bytes in few instructions, where it is proven that the bits are those of SumLanes and
// MulLanes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tfl/kernels/binary_quantized.hpp"
#include "tfl/linalg/float_steps.hpp"
#include "tfl/simd/byte_product.hpp"
#include "tfl/simd/byte_sum.hpp"

namespace tfl::detail {

/// Fewer elements than this are not worth the proof.
inline constexpr std::int64_t least_elements_to_prove = 1024;

struct ProvenByteSum {
  simd::ByteSum sum;
  bool holds;
};

template <class A, class T>
void run_byte_sum(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  simd::sum_bytes<A>(static_cast<const T*>(a), step_a, static_cast<const T*>(b), step_b, static_cast<T*>(out), count,
                     static_cast<const ProvenByteSum*>(parameters)->sum);
}

/// The inputs' weights in the output, in units of 2^(exponent - 30), all bits of the multipliers used.
struct ByteWeights {
  std::int64_t a = 0, b = 0;
  int exponent = 0;
};
inline bool find_byte_weights(const PairQuantization& q, bool subtract, ByteWeights& weights) {
  const auto value = [](Multiplier m) { return std::ldexp(static_cast<double>(m.mantissa), m.shift - 31); };
  const double unit = value(q.scale_out) * std::ldexp(1.0, q.left_shift);
  const double a = unit * (q.first_is_larger ? 0.5 : value(q.scale_a)), b = unit * (q.first_is_larger ? value(q.scale_b) : 0.5);
  for (int exponent = 0; exponent <= 15; ++exponent) {
    const double scale = std::ldexp(1.0, 30 - exponent), most = std::ldexp(1.0, 30) - std::ldexp(1.0, 15);
    if (a * scale > most || b * scale > most) continue;
    weights = {std::llround(a * scale), std::llround((subtract ? -b : b) * scale), exponent};
    return true;
  }
  return false;
}

inline simd::ByteSum byte_sum_of(const PairQuantization& q, const ByteWeights& weights, std::int64_t constant) {
  const auto high = [](std::int64_t w) { return static_cast<std::int16_t>((w + (1 << 14)) >> 15); };
  const auto low = [&](std::int64_t w) { return static_cast<std::int16_t>(w - std::int64_t{high(w)} * (1 << 15)); };
  return {high(weights.a),
          high(weights.b),
          low(weights.a),
          low(weights.b),
          static_cast<std::int32_t>(constant >> 15),
          static_cast<std::int32_t>(constant & 0x7fff),
          15 - weights.exponent,
          q.range.lo,
          q.range.hi};
}

/// Where `sum` differs first from SumLanes, over all pairs of bytes: the fast result less the exact one; 0 where they are equal everywhere.
template <class A, class T, class Lanes> int first_difference(const PairQuantization& q, const simd::ByteSum& sum) {
  constexpr int lanes = simd::lanes<std::int32_t, A>, least = std::numeric_limits<T>::min();
  const Lanes kernel(q);
  T bytes[256], exact[256], fast[256];
  std::int32_t right[256];
  for (int i = 0; i < 256; ++i) bytes[i] = static_cast<T>(least + i);
  for (int i = 0; i < 256; i += lanes) simd::store(right + i, kernel.right(simd::load_int32<A>(bytes + i)));
  for (int x = 0; x < 256; ++x) {
    const simd::Int32<A> left = kernel.left(simd::Int32<A>(least + x));
    for (int i = 0; i < 256; i += lanes) simd::store_saturated<A>(exact + i, kernel.combine(left, simd::load<A>(right + i)));
    simd::sum_bytes<A>(bytes + x, 0, bytes, 1, fast, 256, sum);
    if (std::memcmp(exact, fast, sizeof(exact)) == 0) continue;
    const auto at = std::mismatch(std::begin(exact), std::end(exact), std::begin(fast));
    return *at.second - *at.first;
  }
  return 0;
}

/// The weighted sum that equals SumLanes for every pair of bytes. The rounded steps of the latter move its results by about 2^-20 of
/// the larger weight, which the constant has to make up for.
template <class A, class T, bool Subtract> ProvenByteSum prove_byte_sum(const PairQuantization& q) {
  ByteWeights weights;
  if (!find_byte_weights(q, Subtract, weights)) return {};
  const std::int64_t one = std::int64_t{1} << (30 - weights.exponent);
  std::int64_t constant = q.zero_out * one + one / 2 - q.zero_a * weights.a - q.zero_b * weights.b;
  for (std::int64_t step = std::max(weights.a, std::abs(weights.b)) >> 19; step > 0; step /= 2) {
    const simd::ByteSum sum = byte_sum_of(q, weights, constant);
    const int difference = q.first_is_larger ? first_difference<A, T, SumLanes<A, Subtract, true>>(q, sum)
                                             : first_difference<A, T, SumLanes<A, Subtract, false>>(q, sum);
    if (difference == 0) return {sum, true};
    if (step < 32) break;
    constant += difference > 0 ? -step : step;
  }
  return {};
}

// ---- Products

struct ProvenByteProduct {
  simd::ByteProduct product;
  bool holds;
};

template <class A, class T>
void run_byte_product(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void* parameters) {
  simd::multiply_bytes<A>(static_cast<const T*>(a), step_a, static_cast<const T*>(b), step_b, static_cast<T*>(out), count,
                          static_cast<const ProvenByteProduct*>(parameters)->product);
}

/// The float steps that equal MulLanes for every product of bytes, which has 17 bits.
template <class A> ProvenByteProduct prove_byte_product(const PairQuantization& q) {
  ProvenByteProduct proven{};
  if (q.scale_out.shift >= 0 || q.scale_out.mantissa == 0) return proven;
  std::int32_t mantissa[16], right[16];
  std::fill_n(mantissa, 16, q.scale_out.mantissa);
  std::fill_n(right, 16, -q.scale_out.shift);
  simd::ByteProduct& p = proven.product;
  const std::int32_t outputs = std::max(q.range.hi - q.zero_out, q.zero_out - q.range.lo);
  proven.holds = linalg::find_float_steps<A>(mantissa, right, 16, outputs, true, p.high, p.low, p.lift);
  p.zero_x = q.zero_a;
  p.zero_y = q.zero_b;
  p.zero_out = q.zero_out;
  p.lo = q.range.lo;
  p.hi = q.range.hi;
  return proven;
}

}  // namespace tfl::detail
