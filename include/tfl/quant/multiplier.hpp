#pragma once
// Requantization: an int32 accumulator times a real multiplier in 31-bit fixed point, rounded twice, exactly as TensorFlow Lite's
// reference kernels do. Formulas: Jacob et al., "Quantization and Training of Neural Networks for Efficient
// Integer-Arithmetic-Only Inference" (2018), section 2.2, and gemmlowp's fixed-point notes.

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>

namespace tfl {

/// real = mantissa * 2^(shift - 31), with mantissa in [2^30, 2^31), or 0.
struct Multiplier {
  std::int32_t mantissa = 0;
  std::int32_t shift = 0;
  friend constexpr bool operator==(const Multiplier&, const Multiplier&) = default;
};

/// The nearest 31-bit multiplier of a finite number; 0 below 2^-32. Works in constant evaluation (no libm).
constexpr Multiplier quantize_multiplier(double real) {
  const auto bits = std::bit_cast<std::uint64_t>(real);
  const bool negative = (bits >> 63) != 0;
  std::uint64_t fraction = bits & 0xfffffffffffffull;
  int exponent = static_cast<int>((bits >> 52) & 0x7ff);
  if (exponent == 0 || exponent == 0x7ff) return {};  // zero, subnormals (far below 2^-32) and non-finite numbers
  fraction |= std::uint64_t{1} << 52;                 // real = fraction * 2^(exponent - 1075), fraction in [2^52, 2^53)
  exponent -= 1022;                                   // real = (fraction / 2^53) * 2^exponent, the quotient in [0.5, 1)
  // Half away from zero, as std::round.
  auto mantissa = static_cast<std::int64_t>((fraction + (std::uint64_t{1} << 21)) >> 22);
  if (mantissa == std::int64_t{1} << 31) {
    mantissa /= 2;
    ++exponent;
  }
  if (exponent < -31) return {};
  return {static_cast<std::int32_t>(negative ? -mantissa : mantissa), exponent};
}

/// round(a * b / 2^31), half away from zero on the negative side as gemmlowp has it; saturates the one case that overflows.
constexpr std::int32_t saturating_rounding_doubling_high_mul(std::int32_t a, std::int32_t b) {
  if (a == b && a == std::numeric_limits<std::int32_t>::min()) return std::numeric_limits<std::int32_t>::max();
  // floor((ab + 2^30) / 2^31) equals gemmlowp's truncating division with a signed nudge.
  return static_cast<std::int32_t>((std::int64_t{a} * b + (std::int64_t{1} << 30)) >> 31);
}

/// round(x / 2^exponent), half away from zero. Requires 0 <= exponent <= 31.
constexpr std::int32_t rounding_divide_by_power_of_two(std::int32_t x, int exponent) {
  const auto mask = static_cast<std::int32_t>((std::int64_t{1} << exponent) - 1);
  const std::int32_t remainder = x & mask;
  const std::int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/// x * 2^amount, wrapping. Requires amount >= 0; nothing is left from 32 on, as in vector registers.
constexpr std::int32_t wrapping_shift_left(std::int32_t x, int amount) {
  return amount < 32 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(x) << amount) : 0;
}

/// round(x * real), rounding twice.
constexpr std::int32_t multiply(std::int32_t x, Multiplier by) {
  const int left = by.shift > 0 ? by.shift : 0;
  const int right = by.shift > 0 ? 0 : -by.shift;
  return rounding_divide_by_power_of_two(saturating_rounding_doubling_high_mul(wrapping_shift_left(x, left), by.mantissa), right);
}

/// round(x * real) of a wide accumulator (16-bit activations): the multiplier is cut to 15 bits, rounded once.
/// Requires |x| < 2^47 and shift in [-31, 8). For int64_t alone: int is neither of the two where int32_t is long.
template <std::same_as<std::int64_t> Wide> constexpr std::int32_t multiply(Wide x, Multiplier by) {
  const std::int32_t narrow = by.mantissa < 0x7fff0000 ? (by.mantissa + (1 << 15)) >> 16 : 0x7fff;
  const int total_shift = 15 - by.shift;
  return static_cast<std::int32_t>((x * narrow + (std::int64_t{1} << (total_shift - 1))) >> total_shift);
}

/// round(double(x) * real), half away from zero, as an FPU computes it (the product rounded to 53 bits first) but in integers alone;
/// results beyond 2^30 in magnitude become +-2^30. `bits` are the double's, which must be positive or 0.
constexpr std::int32_t multiply_in_double(std::int32_t x, std::uint64_t bits) {
  const int exponent = static_cast<int>(bits >> 52) & 0x7ff;
  if (x == 0 || exponent == 0) return 0;  // subnormal numbers are far below 2^-32
  const std::uint64_t fraction = (bits & 0xfffffffffffffull) | (std::uint64_t{1} << 52);
  const int shift = 1075 - exponent - 32;  // |x| * fraction / 2^(shift + 32) is the exact result
  const std::uint32_t magnitude = x < 0 ? 0u - static_cast<std::uint32_t>(x) : static_cast<std::uint32_t>(x);
  const std::uint64_t low_product = std::uint64_t{magnitude} * static_cast<std::uint32_t>(fraction);
  std::uint64_t high = std::uint64_t{magnitude} * static_cast<std::uint32_t>(fraction >> 32) + (low_product >> 32);
  const auto low = static_cast<std::uint32_t>(low_product);
  // Rounded to 53 bits, what lies half a unit or less below n + 1/2 becomes n + 1/2 and goes up: half a unit is added first. (n + 1/2 is
  // the even neighbour.) Products of fewer bits are exact.
  const int spare = 64 - std::countl_zero(high) - 22;  // bits of the product - 54
  if (spare >= 0 && low + (std::uint32_t{1} << spare) < low) ++high;
  constexpr std::int32_t most = 1 << 30;
  std::int32_t result = 0;
  if (shift >= 64) {
    result = 0;
  } else if (shift < 1) {
    result = most;  // real >= 2^20: whatever x is, beyond every range of 16 bits
  } else {
    const std::uint64_t rounded = (high + (std::uint64_t{1} << (shift - 1))) >> shift;
    result = rounded < std::uint64_t{most} ? static_cast<std::int32_t>(rounded) : most;
  }
  return x < 0 ? -result : result;
}
/// The same of a wide accumulator, which is rounded to 53 bits before it is multiplied.
template <std::same_as<std::int64_t> Wide> constexpr std::int32_t multiply_in_double(Wide x, std::uint64_t bits) {
  const int exponent = static_cast<int>(bits >> 52) & 0x7ff;
  if (x == 0 || exponent == 0) return 0;
  const std::uint64_t fraction = (bits & 0xfffffffffffffull) | (std::uint64_t{1} << 52);
  const int shift = 1075 - exponent;  // |x| * fraction / 2^shift is the exact result
  std::uint64_t magnitude = x < 0 ? 0u - static_cast<std::uint64_t>(x) : static_cast<std::uint64_t>(x);
  if (const int dropped = 11 - std::countl_zero(magnitude); dropped > 0) {  // half to even
    magnitude += (std::uint64_t{1} << (dropped - 1)) - 1 + (magnitude >> dropped & 1);
    magnitude = magnitude >> dropped << dropped;
  }
  const std::uint64_t x_low = magnitude & 0xffffffffu, x_high = magnitude >> 32, by_low = fraction & 0xffffffffu, by_high = fraction >> 32;
  const std::uint64_t lowest = x_low * by_low, middle = x_high * by_low + (lowest >> 32), other = x_low * by_high + (middle & 0xffffffffu);
  std::uint64_t high = x_high * by_high + (middle >> 32) + (other >> 32), low = (other << 32) | (lowest & 0xffffffffu);
  const auto add = [&](int bit) {
    const std::uint64_t one = std::uint64_t{1} << bit;
    low += one;
    high += low < one ? 1 : 0;
  };
  // Half a unit first, as above.
  const int spare = (high != 0 ? 128 - std::countl_zero(high) : 64 - std::countl_zero(low)) - 54;
  if (spare >= 0) add(spare);
  constexpr std::int32_t most = 1 << 30;
  std::uint64_t rounded = most;
  if (shift >= 128) {
    rounded = 0;
  } else if (shift > 64) {
    rounded = (high + (std::uint64_t{1} << (shift - 65))) >> (shift - 64);
  } else if (shift > 0) {
    add(shift - 1);
    if (shift == 64) {
      rounded = high;
    } else if (high >> shift == 0) {
      rounded = (high << (64 - shift)) | (low >> shift);
    }
  }
  const std::int32_t result = rounded < std::uint64_t{most} ? static_cast<std::int32_t>(rounded) : most;
  return x < 0 ? -result : result;
}

/// The n for which scale is 2^n, give or take a thousandth of n; 1000 where there is none. For scales that TensorFlow Lite requires to
/// be powers of two.
constexpr int exponent_of_power_of_two(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const int exponent = static_cast<int>((bits >> 23) & 0xff) - 127;
  const float fraction = std::bit_cast<float>((bits & 0x7fffffu) | 0x3f800000u);  // in [1, 2)
  if (x <= 0 || exponent < -126 || exponent > 127) return 1000;
  if (fraction < 1.00069338746f) return exponent;   // 2^0.001
  if (fraction > 1.99861432f) return exponent + 1;  // 2^0.999
  return 1000;
}

}  // namespace tfl
