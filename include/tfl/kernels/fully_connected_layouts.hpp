#pragma once
// FULLY_CONNECTED on weights that lie otherwise than row by row, or have scales of their own in each row.

#include <cstdint>
#include <cstring>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/multiplier.hpp"

namespace tfl::detail {

inline float clamped(float y, FloatRange range) {
  y = y < range.lo ? range.lo : y;
  return range.hi < y ? range.hi : y;
}

/// uint8 to int16: blocks of 4 rows of weights and 16 columns lie together, and `shuffled` gets the input as it is read. Bytes are stored
/// with their sign flipped, less 128 if read as int8.
template <class Run, class In, class Weights, class Bias, class Out, class Shuffled>
void multiply_shuffled(const Run& run, In in, Weights weights, Bias bias, Out out, Shuffled shuffled) {
  const auto& p = run.prepared;
  constexpr std::int64_t block = 16, together = 4;
  for (std::int64_t m = 0; m < p.rows; ++m) {
    for (std::int64_t k = 0; k < p.depth; ++k) {
      shuffled[(k / block * p.rows + m) * block + k % block] = static_cast<std::uint8_t>(in[m * p.depth + k] ^ 0x80);
    }
  }
  run.executor.parallel_for(p.columns, 1 + p.rows * p.depth, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t n = first; n < last; ++n) {
      for (std::int64_t m = 0; m < p.rows; ++m) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < p.depth; ++k) {
          const std::int64_t at = (n / together * (p.depth / block) + k / block) * together * block + n % together * block + k % block;
          sum = wrapping_add(sum, static_cast<std::int8_t>(weights[at]) * static_cast<std::int8_t>(in[m * p.depth + k] ^ 0x80));
        }
        const std::int32_t y = multiply(wrapping_add(sum, bias[n]), run.multipliers[static_cast<std::size_t>(n)]);
        out[m * p.columns + n] = static_cast<std::int16_t>(y < p.range.lo ? p.range.lo : y > p.range.hi ? p.range.hi : y);
      }
    }
  });
}

/// Quantized rows times weights whose blocks have scales of their own.
template <class Run>
TFL_NOINLINE void multiply_blocks(const Run& run, const std::int8_t* rows, const float* row_scales, const std::int32_t* zero_points,
                                  const std::int8_t* weights, const float* bias, float* out) {
  const auto& p = run.prepared;
  const std::int64_t blocks = p.depth / p.block_size;
  run.executor.parallel_for(p.columns, 1 + p.rows * p.depth / 4, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t n = first; n < last; ++n) {
      for (std::int64_t m = 0; m < p.rows; ++m) {
        float sum = 0, weight_sum = 0;
        for (std::int64_t b = 0; b < blocks; ++b) {
          const std::int8_t *const x = rows + m * p.depth + b * p.block_size, *const w = weights + n * p.depth + b * p.block_size;
          std::int64_t products = 0, elements = 0;
          for (std::int64_t k = 0; k < p.block_size; ++k) {
            products += x[k] * w[k];
            elements += w[k];
          }
          const float scale = to_float(p.block_scales[static_cast<std::size_t>(n * blocks + b)]);
          sum += static_cast<float>(products) * scale;
          weight_sum += static_cast<float>(elements) * scale;
        }
        const float y = (sum - static_cast<float>(zero_points[m]) * weight_sum) * row_scales[m];
        out[m * p.columns + n] = clamped(bias != nullptr ? y + bias[n] : y, p.float_range);
      }
    }
  });
}

}  // namespace tfl::detail
