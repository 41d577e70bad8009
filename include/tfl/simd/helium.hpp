#pragma once
// Compact kernels' loops in Helium, the vectors of Cortex-M55 and its like. Without it this file is empty.

#include <cstddef>
#include <cstdint>

#include "tfl/config.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/arch.hpp"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define TFL_HELIUM 1
#include <arm_mve.h>

namespace tfl::simd {

/// to[i] = from[i]. May be called with count 0.
TFL_ALWAYS_INLINE void helium_copy(std::int8_t* to, const std::int8_t* from, std::int32_t count) {
  __asm__ volatile(
      "wlstp.8 lr, %[count], 2f\n\t"
      "1:\n\t"
      "vldrb.8 q0, [%[from]], #16\n\t"
      "vstrb.8 q0, [%[to]], #16\n\t"
      "letp lr, 1b\n\t"
      "2:\n\t"
      : [to] "+r"(to), [from] "+r"(from)
      : [count] "r"(count)
      : "q0", "lr", "cc", "memory");
}

/// The sum of `count` bytes.
TFL_ALWAYS_INLINE std::int32_t helium_sum(const std::int8_t* from, std::int32_t count) {
  std::int32_t sum = 0;
  __asm__ volatile(
      "wlstp.8 lr, %[count], 2f\n\t"
      "1:\n\t"
      "vldrb.8 q0, [%[from]], #16\n\t"
      "vaddva.s8 %[sum], q0\n\t"
      "letp lr, 1b\n\t"
      "2:\n\t"
      : [sum] "+Te"(sum), [from] "+r"(from)
      : [count] "r"(count)
      : "q0", "lr", "cc", "memory");
  return sum;
}

/// What products of bytes with their zero point begin with: starts[n] = bias[n] - x_zero * sum of filter n.
TFL_ALWAYS_INLINE void helium_starts(const std::int8_t* w, std::int32_t depth, std::int32_t columns, const std::int32_t* bias,
                                     std::int32_t x_zero, std::int32_t* starts) {
  for (std::int32_t n = 0; n < columns; ++n, w += depth) {
    starts[n] = static_cast<std::int32_t>(static_cast<std::uint32_t>(bias != nullptr ? bias[n] : 0) -
                                          static_cast<std::uint32_t>(x_zero) * static_cast<std::uint32_t>(helium_sum(w, depth)));
  }
}

/// sums[r] = start + products of row r (of four, `step` bytes apart) and a filter.
TFL_ALWAYS_INLINE void helium_products(const std::int8_t* x, std::int32_t step, const std::int8_t* w, std::int32_t depth,
                                       std::int32_t start, std::int32_t* sums) {
  const std::int8_t *x1, *x2, *x3;
  std::int32_t s0, s1, s2, s3;
  __asm__ volatile(
      "add %[x1], %[x0], %[step]\n\t"
      "add %[x2], %[x1], %[step]\n\t"
      "add %[x3], %[x2], %[step]\n\t"
      "mov %[s0], %[start]\n\t"
      "mov %[s1], %[start]\n\t"
      "mov %[s2], %[start]\n\t"
      "mov %[s3], %[start]\n\t"
      "wlstp.8 lr, %[depth], 2f\n\t"
      "1:\n\t"
      "vldrb.8 q0, [%[w]], #16\n\t"
      "vldrb.8 q1, [%[x0]], #16\n\t"
      "vmladava.s8 %[s0], q0, q1\n\t"
      "vldrb.8 q2, [%[x1]], #16\n\t"
      "vmladava.s8 %[s1], q0, q2\n\t"
      "vldrb.8 q1, [%[x2]], #16\n\t"
      "vmladava.s8 %[s2], q0, q1\n\t"
      "vldrb.8 q2, [%[x3]], #16\n\t"
      "vmladava.s8 %[s3], q0, q2\n\t"
      "letp lr, 1b\n\t"
      "2:\n\t"
      "strd %[s0], %[s1], [%[sums]]\n\t"
      "strd %[s2], %[s3], [%[sums], #8]\n\t"
      : [s0] "=&Te"(s0), [s1] "=&Te"(s1), [s2] "=&Te"(s2), [s3] "=&Te"(s3), [w] "+r"(w), [x0] "+r"(x), [x1] "=&r"(x1), [x2] "=&r"(x2),
        [x3] "=&r"(x3)
      : [depth] "r"(depth), [step] "r"(step), [start] "r"(start), [sums] "r"(sums)
      : "q0", "q1", "q2", "lr", "cc", "memory");
}

/// sums[n] += products of 16-bit elements and a row of bytes (of four, `step` bytes apart).
TFL_ALWAYS_INLINE void helium_word_products(const std::int16_t* x, const std::int8_t* w, std::int32_t step, std::int32_t depth,
                                            std::int32_t (&sums)[4]) {
  std::int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  const std::int8_t *w1 = w + step, *w2 = w1 + step, *w3 = w2 + step;
  for (; depth > 0; depth -= 8, x += 8, w += 8, w1 += 8, w2 += 8, w3 += 8) {
    const mve_pred16_t present = vctp16q(static_cast<std::uint32_t>(depth));
    const int16x8_t elements = vldrhq_z_s16(x, present);
    s0 = vmladavaq_s16(s0, elements, vldrbq_z_s16(w, present));
    s1 = vmladavaq_s16(s1, elements, vldrbq_z_s16(w1, present));
    s2 = vmladavaq_s16(s2, elements, vldrbq_z_s16(w2, present));
    s3 = vmladavaq_s16(s3, elements, vldrbq_z_s16(w3, present));
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

/// Four lanes of multiply_doubled(), where `mantissa` is the multiplier's own and `left` = -right. Not yet clamped.
TFL_ALWAYS_INLINE int32x4_t helium_saturated(int32x4_t y) {
  const int16x8_t words = vqmovnbq_s32(vreinterpretq_s16_s32(y), y);
  return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s16(words), words));
}
/// The lowest byte of every lane: clamp(zero_point + round(sum * real)) for one multiplier.
TFL_ALWAYS_INLINE int32x4_t helium_requantize(int32x4_t sum, Multiplier by, std::int32_t zero_point) {
  int32x4_t y = vqrdmulhq_n_s32(sum, static_cast<std::int32_t>(static_cast<std::uint32_t>(by.mantissa) >> 1));
  y = vaddq_s32(y, vshrq_n_s32(y, 31));
  return helium_saturated(vaddq_n_s32(vrshlq_n_s32(y, -by.shift), zero_point));
}
/// The same with a multiplier for each lane, every second one from `by` on.
TFL_ALWAYS_INLINE int32x4_t helium_requantize(int32x4_t sum, const Multiplier* by, std::int32_t zero_point) {
  const uint32x4_t every_second = vidupq_n_u32(0, 4);  // words: mantissa and shift in turn
  const auto* words = reinterpret_cast<const std::int32_t*>(by);
  const int32x4_t mantissas = vldrwq_gather_shifted_offset_s32(words, every_second);
  const int32x4_t shifts = vldrwq_gather_shifted_offset_s32(words + 1, every_second);
  int32x4_t y = vqrdmulhq_s32(sum, vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(mantissas), 1)));
  y = vaddq_s32(y, vshrq_n_s32(y, 31));
  return helium_saturated(vaddq_n_s32(vrshlq_s32(y, vnegq_s32(shifts)), zero_point));
}

/// Four rows of `depth` bytes times all filters, of which the first `rows` are kept. Multipliers are doubled ones.
TFL_ALWAYS_INLINE void helium_multiply_rows(const std::int8_t* x, int rows, const std::int8_t* w, std::int32_t depth,
                                            const std::int32_t* starts, const Multiplier* by, std::int32_t columns, std::int32_t zero_point,
                                            std::int8_t* to) {
  const uint32x4_t offsets = vmulq_n_u32(vidupq_n_u32(0, 1), static_cast<std::uint32_t>(columns));
  const mve_pred16_t present = vctp32q(static_cast<std::uint32_t>(rows));
  // Sums of a few columns wait in memory: either loop then has registers enough.
  constexpr std::int32_t most = 8;
  std::int32_t sums[4 * most];
  for (std::int32_t left = columns; left > 0; left -= most) {
    const std::int32_t count = left < most ? left : most;
    for (std::int32_t n = 0; n < count; ++n, w += depth) helium_products(x, depth, w, depth, *starts++, sums + 4 * n);
    for (std::int32_t n = 0; n < count; ++n)
      vstrbq_scatter_offset_p_s32(to++, offsets, helium_requantize(vldrwq_s32(sums + 4 * n), *by++, zero_point), present);
  }
}

/// Eight channels of a depthwise window: `rows` x `taps` elements, whose lines and positions (and those of the weights) lie so far apart.
struct HeliumWindow {
  std::int32_t rows, taps, line, position, weight_line, weight_position;
};
/// Shared: the channels have one input. Otherwise each has its own.
template <bool Shared>
TFL_ALWAYS_INLINE void helium_depthwise(const std::int8_t* x, const std::int8_t* w, const HeliumWindow& window, std::int32_t x_zero,
                                        const std::int32_t* bias, const Multiplier* by, std::int32_t zero_point, std::int8_t* to) {
  int32x4_t even = vdupq_n_s32(0), odd = vdupq_n_s32(0);
  const uint32x4_t every_second = vidupq_n_u32(0, 2);
  if (bias != nullptr) {
    even = vldrwq_gather_shifted_offset_s32(bias, every_second);
    odd = vldrwq_gather_shifted_offset_s32(bias + 1, every_second);
  }
  for (std::int32_t row = window.rows; row > 0; --row, x += window.line, w += window.weight_line) {
    const std::int8_t *from = x, *weights = w;
    for (std::int32_t tap = window.taps; tap > 0; --tap, from += window.position, weights += window.weight_position) {
      const int16x8_t factors = vldrbq_s16(weights);
      int16x8_t elements;
      if constexpr (Shared) {
        elements = vdupq_n_s16(static_cast<std::int16_t>(*from - x_zero));
      } else {
        elements = vsubq_n_s16(vldrbq_s16(from), static_cast<std::int16_t>(x_zero));
      }
      even = vaddq_s32(even, vmullbq_int_s16(elements, factors));
      odd = vaddq_s32(odd, vmulltq_int_s16(elements, factors));
    }
  }
  vstrbq_scatter_offset_s32(to, every_second, helium_requantize(even, by, zero_point));
  vstrbq_scatter_offset_s32(to + 1, every_second, helium_requantize(odd, by + 1, zero_point));
}

}  // namespace tfl::simd
#else
#define TFL_HELIUM 0
#endif
