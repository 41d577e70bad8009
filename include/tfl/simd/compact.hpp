#pragma once
// What compact kernels are made of: products of bytes and requantization for Cortex-M. Plain C++ for every processor; assembly and
// intrinsics where the compiler's target has the instructions.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/config.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/arch.hpp"
#include "tfl/simd/helium.hpp"

#if defined(__thumb2__) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define TFL_THUMB2 1
#else
#define TFL_THUMB2 0
#endif
#if TFL_THUMB2 && defined(__ARM_FEATURE_DSP)
#define TFL_THUMB2_DSP 1
#include <arm_acle.h>
#else
#define TFL_THUMB2_DSP 0
#endif

namespace tfl::simd {

// ---- From sums to bytes

/// A multiplier in the form that compact kernels take: twice the mantissa (without its highest bit, which is always set) and the shift to
/// the right. Requires a positive mantissa and shift < 0.
constexpr Multiplier doubled(Multiplier m) { return {static_cast<std::int32_t>(static_cast<std::uint32_t>(m.mantissa) << 1), -m.shift}; }

/// tfl::multiply(x, m) where `by` is doubled(m): the same bits in six instructions.
template <class A> TFL_ALWAYS_INLINE std::int32_t multiply_doubled(std::int32_t x, Multiplier by) {
  // (x * 2 mantissa + 2^31) / 2^32; the missing bit of the mantissa adds x.
  const std::int64_t product = std::int64_t{x} * by.mantissa;
  const auto y = static_cast<std::int32_t>(static_cast<std::uint32_t>(product >> 32) + static_cast<std::uint32_t>(x) +
                                           (static_cast<std::uint32_t>(product) >> 31));
#if TFL_THUMB2
  // Half away from zero: negative numbers are a little less, then the last bit that is shifted out rounds.
  std::int32_t rounded;
  __asm__("add %0, %1, %1, asr #31\n\tasrs %0, %0, %2\n\tadc %0, %0, #0" : "=&r"(rounded) : "r"(y), "r"(by.shift) : "cc");
  return rounded;
#else
  return rounding_divide_by_power_of_two(y, by.shift);
#endif
}

/// x in the range of int8.
template <class A> TFL_ALWAYS_INLINE std::int32_t saturate_byte(std::int32_t x) {
#if TFL_THUMB2
  std::int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x));
  return result;
#else
  return x < -128 ? -128 : x > 127 ? 127 : x;
#endif
}

// ---- Products of rows of activations, staged in working memory without their zero point, and filters as the model has them

/// Rows that are multiplied at once. What is staged:
///   CortexM     32 bits an element, the rows' elements in turn
///   CortexMDsp  16 bits an element; of every four elements of a row first 0 and 2, then 1 and 3; the rows in turn
template <class A> struct Staging {
  static constexpr int rows = 2;
  static constexpr bool pairs = std::is_base_of_v<CortexMDsp, A> && TFL_THUMB2_DSP != 0;
  using Element = std::conditional_t<pairs, std::int16_t, std::int32_t>;

  static constexpr std::int64_t bytes(std::int64_t depth) { return (depth + 3) / 4 * 4 * rows * std::int64_t{sizeof(Element)}; }

  /// Where element k of a row lies, in elements.
  static constexpr std::int32_t place(std::int32_t k) {
    if constexpr (pairs) {
      return (k & ~3) * 2 + (k & 1) * 4 + ((k & 2) >> 1);
    } else {
      return k * 2;
    }
  }
  /// Elements from row 0's to row 1's.
  static constexpr std::int32_t row_step = pairs ? 2 : 1;

  /// `count` elements of a row from element k on.
  static TFL_ALWAYS_INLINE void put(Element* row, std::int32_t k, const std::int8_t* from, std::int32_t count, std::int32_t zero_point) {
    const std::int32_t end = k + count;
#if TFL_THUMB2_DSP
    if constexpr (pairs) {
      if ((k & 3) == 0) {
        const std::uint32_t offset = static_cast<std::uint16_t>(-zero_point) * 0x10001u;
        for (; k + 4 <= end; k += 4, from += 4) {
          std::uint32_t four;
          std::memcpy(&four, from, 4);
          std::uint32_t even, odd;
          __asm__("sxtab16 %0, %1, %2" : "=r"(even) : "r"(offset), "r"(four));
          __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(odd) : "r"(offset), "r"(four));
          std::memcpy(row + 2 * k, &even, 4);
          std::memcpy(row + 2 * k + 4, &odd, 4);
        }
      }
      for (; k < end; ++k) row[place(k)] = static_cast<Element>(*from++ - zero_point);
      return;
    }
#endif
    Element* to = row + place(k);
    for (; k + 4 <= end; k += 4, from += 4, to += 8) {
      to[0] = static_cast<Element>(from[0] - zero_point);
      to[2] = static_cast<Element>(from[1] - zero_point);
      to[4] = static_cast<Element>(from[2] - zero_point);
      to[6] = static_cast<Element>(from[3] - zero_point);
    }
    for (; k < end; ++k, to += 2) *to = static_cast<Element>(*from++ - zero_point);
  }
  /// `count` elements of padding.
  static TFL_ALWAYS_INLINE void pad(Element* row, std::int32_t k, std::int32_t count, std::int32_t) {
    for (const std::int32_t end = k + count; k < end; ++k) row[place(k)] = 0;
  }

  /// sums[2 * row + column] += products of both rows and two filters.
  static TFL_ALWAYS_INLINE void add_products(const Element* staged, const std::int8_t* w0, const std::int8_t* w1, std::int32_t depth,
                                             std::int32_t (&sums)[4]) {
    std::int32_t s00 = sums[0], s01 = sums[1], s10 = sums[2], s11 = sums[3];
    std::int32_t left = depth;
#if TFL_THUMB2_DSP
    if constexpr (pairs) {
      std::uint32_t raw0, raw1, x0, x1, w;
      left -= 4;
      if (left >= 0) {
        __asm__(
            "1:\n\t"
            "ldr %[raw0], [%[w0]], #4\n\t"
            "ldr %[raw1], [%[w1]], #4\n\t"
            "ldrd %[x0], %[x1], [%[x]], #8\n\t"
            "sxtb16 %[w], %[raw0]\n\t"
            "smlad %[s00], %[x0], %[w], %[s00]\n\t"
            "smlad %[s10], %[x1], %[w], %[s10]\n\t"
            "sxtb16 %[w], %[raw1]\n\t"
            "smlad %[s01], %[x0], %[w], %[s01]\n\t"
            "smlad %[s11], %[x1], %[w], %[s11]\n\t"
            "ldrd %[x0], %[x1], [%[x]], #8\n\t"
            "sxtb16 %[w], %[raw0], ror #8\n\t"
            "smlad %[s00], %[x0], %[w], %[s00]\n\t"
            "smlad %[s10], %[x1], %[w], %[s10]\n\t"
            "sxtb16 %[w], %[raw1], ror #8\n\t"
            "smlad %[s01], %[x0], %[w], %[s01]\n\t"
            "smlad %[s11], %[x1], %[w], %[s11]\n\t"
            "subs %[left], %[left], #4\n\t"
            "bge 1b\n\t"
            : [s00] "+r"(s00), [s01] "+r"(s01), [s10] "+r"(s10), [s11] "+r"(s11), [w0] "+r"(w0), [w1] "+r"(w1), [x] "+r"(staged),
              [left] "+r"(left), [raw0] "=&r"(raw0), [raw1] "=&r"(raw1), [x0] "=&r"(x0), [x1] "=&r"(x1), [w] "=&r"(w)
            :
            : "cc", "memory");
      }
      left += 4;
      for (std::int32_t k = 0; k < left; ++k) {
        const std::int32_t a = staged[place(k)], b = staged[place(k) + row_step], c = *w0++, d = *w1++;
        s00 += a * c;
        s01 += a * d;
        s10 += b * c;
        s11 += b * d;
      }
    } else
#endif
    {
#if TFL_THUMB2
      std::int32_t a, b, c, d;
#define TFL_COMPACT_STEP               \
  "ldrd %[a], %[b], [%[x]], #8\n\t"    \
  "ldrsb %[c], [%[w0]], #1\n\t"        \
  "ldrsb %[d], [%[w1]], #1\n\t"        \
  "mla %[s00], %[a], %[c], %[s00]\n\t" \
  "mla %[s01], %[a], %[d], %[s01]\n\t" \
  "mla %[s10], %[b], %[c], %[s10]\n\t" \
  "mla %[s11], %[b], %[d], %[s11]\n\t"
      __asm__(
          "subs %[left], %[left], #4\n\t"
          "blt 2f\n\t"
          "1:\n\t" TFL_COMPACT_STEP TFL_COMPACT_STEP TFL_COMPACT_STEP TFL_COMPACT_STEP
          "subs %[left], %[left], #4\n\t"
          "bge 1b\n\t"
          "2:\n\t"
          "adds %[left], %[left], #4\n\t"
          "beq 4f\n\t"
          "3:\n\t" TFL_COMPACT_STEP
          "subs %[left], %[left], #1\n\t"
          "bne 3b\n\t"
          "4:\n\t"
          : [s00] "+r"(s00), [s01] "+r"(s01), [s10] "+r"(s10), [s11] "+r"(s11), [w0] "+r"(w0), [w1] "+r"(w1), [x] "+r"(staged),
            [left] "+r"(left), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d)
          :
          : "cc", "memory");
#undef TFL_COMPACT_STEP
#else
      for (; left > 0; --left, staged += 2) {
        const auto a = static_cast<std::uint32_t>(staged[0]), b = static_cast<std::uint32_t>(staged[1]);
        const auto c = static_cast<std::uint32_t>(std::int32_t{*w0++}), d = static_cast<std::uint32_t>(std::int32_t{*w1++});
        s00 = static_cast<std::int32_t>(static_cast<std::uint32_t>(s00) + a * c);
        s01 = static_cast<std::int32_t>(static_cast<std::uint32_t>(s01) + a * d);
        s10 = static_cast<std::int32_t>(static_cast<std::uint32_t>(s10) + b * c);
        s11 = static_cast<std::int32_t>(static_cast<std::uint32_t>(s11) + b * d);
      }
#endif
    }
    sums[0] = s00;
    sums[1] = s01;
    sums[2] = s10;
    sums[3] = s11;
  }
};

#if TFL_THUMB2_DSP
/// Four elements as pairs (0 and 2, 1 and 3) times four bytes of two filters, the second of which lies a step behind the first: fewer
/// registers.
TFL_ALWAYS_INLINE void add_pairs(std::uint32_t even, std::uint32_t odd, const std::int8_t*& from, std::int32_t step, std::uint32_t& sum,
                                 std::uint32_t& next_sum) {
  std::uint32_t raw, part;
  __asm__(
      "ldr %[raw], [%[from], %[step]]\n\t"
      "sxtb16 %[part], %[raw]\n\t"
      "smlad %[next], %[even], %[part], %[next]\n\t"
      "sxtb16 %[part], %[raw], ror #8\n\t"
      "smlad %[next], %[odd], %[part], %[next]\n\t"
      "ldr %[raw], [%[from]], #4\n\t"
      "sxtb16 %[part], %[raw]\n\t"
      "smlad %[sum], %[even], %[part], %[sum]\n\t"
      "sxtb16 %[part], %[raw], ror #8\n\t"
      "smlad %[sum], %[odd], %[part], %[sum]\n\t"
      : [raw] "=&r"(raw), [part] "=&r"(part), [sum] "+r"(sum), [next] "+r"(next_sum), [from] "+r"(from)
      : [even] "r"(even), [odd] "r"(odd), [step] "r"(step)
      : "memory");
}
#endif

/// sums[n] += sum over k of (x[k] - zero_point) * w[n * step + k] for four filters.
template <class A>
TFL_ALWAYS_INLINE void add_row_products(const std::int8_t* x, std::int32_t zero_point, const std::int8_t* w, std::int32_t step,
                                        std::int32_t depth, std::int32_t (&sums)[4]) {
#if TFL_HELIUM
  if constexpr (std::is_base_of_v<Helium, A>) {
    std::int32_t products[4];
    helium_products(w, step, x, depth, 0, products);
    for (int n = 0; n < 4; ++n) {
      const std::uint32_t offset = static_cast<std::uint32_t>(zero_point) * static_cast<std::uint32_t>(helium_sum(w + n * step, depth));
      sums[n] = static_cast<std::int32_t>(static_cast<std::uint32_t>(sums[n]) + static_cast<std::uint32_t>(products[n]) - offset);
    }
    return;
  }
#endif
  const std::int8_t *w0 = w, *w1 = w0 + step, *w2 = w1 + step, *w3 = w2 + step;
  std::uint32_t s0 = static_cast<std::uint32_t>(sums[0]), s1 = static_cast<std::uint32_t>(sums[1]),
                s2 = static_cast<std::uint32_t>(sums[2]), s3 = static_cast<std::uint32_t>(sums[3]);
  std::int32_t k = 0;
#if TFL_THUMB2_DSP
  if constexpr (std::is_base_of_v<CortexMDsp, A>) {
    const std::uint32_t offset = static_cast<std::uint16_t>(-zero_point) * 0x10001u;
    const auto add_four = [&]() __attribute__((always_inline)) {
      std::uint32_t four, even, odd;
      std::memcpy(&four, x, 4);
      x += 4;
      __asm__("sxtab16 %0, %1, %2" : "=r"(even) : "r"(offset), "r"(four));
      __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(odd) : "r"(offset), "r"(four));
      add_pairs(even, odd, w0, step, s0, s1);
      add_pairs(even, odd, w2, step, s2, s3);
    };
    // No register is left for the loop's end, so it is looked at less often.
    for (; k + 8 <= depth; k += 8) {
      add_four();
      add_four();
    }
    if (k + 4 <= depth) {
      add_four();
      k += 4;
    }
    w1 = w0 + step;
    w3 = w2 + step;
  }
#endif
#if TFL_THUMB2
  if constexpr (!std::is_base_of_v<CortexMDsp, A>) {
    // Filters 1 and 3 lie a step behind 0 and 2: fewer registers.
    std::int32_t element, weight, left = depth;
#define TFL_COMPACT_STEP                        \
  "ldrsb %[element], [%[x]], #1\n\t"            \
  "ldrsb %[weight], [%[w0], %[step]]\n\t"       \
  "sub %[element], %[element], %[zero]\n\t"     \
  "mla %[s1], %[element], %[weight], %[s1]\n\t" \
  "ldrsb %[weight], [%[w0]], #1\n\t"            \
  "mla %[s0], %[element], %[weight], %[s0]\n\t" \
  "ldrsb %[weight], [%[w2], %[step]]\n\t"       \
  "mla %[s3], %[element], %[weight], %[s3]\n\t" \
  "ldrsb %[weight], [%[w2]], #1\n\t"            \
  "mla %[s2], %[element], %[weight], %[s2]\n\t"
    __asm__(
        "subs %[left], %[left], #2\n\t"
        "blt 2f\n\t"
        "1:\n\t" TFL_COMPACT_STEP TFL_COMPACT_STEP
        "subs %[left], %[left], #2\n\t"
        "bge 1b\n\t"
        "2:\n\t"
        "adds %[left], %[left], #2\n\t"
        "beq 4f\n\t"
        "3:\n\t" TFL_COMPACT_STEP
        "subs %[left], %[left], #1\n\t"
        "bne 3b\n\t"
        "4:\n\t"
        : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [w0] "+r"(w0), [w2] "+r"(w2), [x] "+r"(x), [left] "+r"(left),
          [element] "=&r"(element), [weight] "=&r"(weight)
        : [zero] "r"(zero_point), [step] "r"(step)
        : "cc", "memory");
#undef TFL_COMPACT_STEP
    k = depth;
  }
#endif
  for (; k < depth; ++k) {
    const auto element = static_cast<std::uint32_t>(*x++ - zero_point);
    s0 += element * static_cast<std::uint32_t>(std::int32_t{*w0++});
    s1 += element * static_cast<std::uint32_t>(std::int32_t{*w1++});
    s2 += element * static_cast<std::uint32_t>(std::int32_t{*w2++});
    s3 += element * static_cast<std::uint32_t>(std::int32_t{*w3++});
  }
  sums[0] = static_cast<std::int32_t>(s0);
  sums[1] = static_cast<std::int32_t>(s1);
  sums[2] = static_cast<std::int32_t>(s2);
  sums[3] = static_cast<std::int32_t>(s3);
}

/// Products of 16-bit elements and bytes whose sum surely fits 32 bits.
inline constexpr std::int32_t most_word_products = 504;

/// sums[n] += sum over k of x[k] * w[n * step + k] for four filters. Requires depth <= most_word_products and sums of no more.
template <class A>
TFL_ALWAYS_INLINE void add_word_products(const std::int16_t* x, const std::int8_t* w, std::int32_t step, std::int32_t depth,
                                         std::int32_t (&sums)[4]) {
#if TFL_HELIUM
  if constexpr (std::is_base_of_v<Helium, A>) return helium_word_products(x, w, step, depth, sums);
#endif
  const std::int8_t *w0 = w, *w1 = w0 + step, *w2 = w1 + step, *w3 = w2 + step;
  auto s0 = static_cast<std::uint32_t>(sums[0]), s1 = static_cast<std::uint32_t>(sums[1]), s2 = static_cast<std::uint32_t>(sums[2]),
       s3 = static_cast<std::uint32_t>(sums[3]);
  std::int32_t k = 0;
#if TFL_THUMB2_DSP
  if constexpr (std::is_base_of_v<CortexMDsp, A>) {
    for (; k + 4 <= depth; k += 4, x += 4) {
      std::uint32_t low, high, even, odd;
      std::memcpy(&low, x, 4);
      std::memcpy(&high, x + 2, 4);
      __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(even) : "r"(low), "r"(high));
      __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(odd) : "r"(high), "r"(low));
      add_pairs(even, odd, w0, step, s0, s1);
      add_pairs(even, odd, w2, step, s2, s3);
    }
    w1 = w0 + step;
    w3 = w2 + step;
  }
#endif
  for (; k < depth; ++k) {
    const auto element = static_cast<std::uint32_t>(std::int32_t{*x++});
    s0 += element * static_cast<std::uint32_t>(std::int32_t{*w0++});
    s1 += element * static_cast<std::uint32_t>(std::int32_t{*w1++});
    s2 += element * static_cast<std::uint32_t>(std::int32_t{*w2++});
    s3 += element * static_cast<std::uint32_t>(std::int32_t{*w3++});
  }
  sums[0] = static_cast<std::int32_t>(s0);
  sums[1] = static_cast<std::int32_t>(s1);
  sums[2] = static_cast<std::int32_t>(s2);
  sums[3] = static_cast<std::int32_t>(s3);
}

/// The same in sums of 64 bits, of any depth.
template <class A>
TFL_ALWAYS_INLINE void add_word_products(const std::int16_t* x, const std::int8_t* w, std::int32_t step, std::int32_t depth,
                                         std::int64_t (&sums)[4]) {
  for (; depth > 0; depth -= most_word_products, x += most_word_products, w += most_word_products) {
    std::int32_t products[4] = {};
    add_word_products<A>(x, w, step, depth < most_word_products ? depth : most_word_products, products);
    for (int i = 0; i < 4; ++i) sums[i] += products[i];
  }
}

/// Sums of four channels.
struct FourSums {
  std::uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
};

/// sums i += (x[i] - zero_point) * w[i] for four channels; x[0] for all of them where they share their input. X: bytes, or 16 bits.
template <class A, bool Shared, class X>
TFL_ALWAYS_INLINE void add_channel_products(const X* x, std::int32_t zero_point, const std::int8_t* w, FourSums& sums) {
#if TFL_THUMB2_DSP
  if constexpr (std::is_base_of_v<CortexMDsp, A> && !Shared && sizeof(X) == 1) {
    const std::uint32_t offset = static_cast<std::uint16_t>(-zero_point) * 0x10001u;
    std::uint32_t four, weights, even, odd, weights_even, weights_odd;
    std::memcpy(&four, x, 4);
    std::memcpy(&weights, w, 4);
    __asm__("sxtab16 %0, %1, %2" : "=r"(even) : "r"(offset), "r"(four));
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(odd) : "r"(offset), "r"(four));
    __asm__("sxtb16 %0, %1" : "=r"(weights_even) : "r"(weights));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(weights_odd) : "r"(weights));
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sums.s0) : "r"(even), "r"(weights_even));
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sums.s1) : "r"(odd), "r"(weights_odd));
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sums.s2) : "r"(even), "r"(weights_even));
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sums.s3) : "r"(odd), "r"(weights_odd));
    return;
  }
#endif
  const auto element = [&](int i) __attribute__((always_inline)) { return static_cast<std::uint32_t>(x[Shared ? 0 : i] - zero_point); };
  const auto weight = [&](int i) __attribute__((always_inline)) { return static_cast<std::uint32_t>(std::int32_t{w[i]}); };
  sums.s0 += element(0) * weight(0);
  sums.s1 += element(1) * weight(1);
  sums.s2 += element(2) * weight(2);
  sums.s3 += element(3) * weight(3);
}

}  // namespace tfl::simd
