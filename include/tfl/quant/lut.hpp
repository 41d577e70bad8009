#pragma once
// Functions of quantized numbers as tables: 256 entries for 8-bit types; 513 for int16, between which is interpolated.
// The entries are those that TensorFlow Lite's kernels compute, float by float.
// A is the architecture that the caller is compiled for.

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tfl/config.hpp"
#include "tfl/core/tensor.hpp"

namespace tfl::lut {

inline constexpr int entries_8 = 256;
inline constexpr int entries_16 = 513;

/// Bytes of the table for elements of T.
template <class T> inline constexpr std::int64_t bytes_of = sizeof(T) == 1 ? entries_8 : entries_16 * 2;

/// table[uint8(x)] = f(x) for every 8-bit x, quantized. T is int8 or uint8. f maps float to float.
template <class A, class T, class F> void fill_8(const Quantization& in, const Quantization& out, F f, T* table) {
  static_assert(sizeof(T) == 1);
  constexpr int lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
  const float inverse_scale = 1 / out.scale;
  for (int x = lo; x <= hi; ++x) {
    const float real = in.scale * static_cast<float>(x - in.zero_point);
    const float shifted = std::round(f(real) * inverse_scale) + static_cast<float>(out.zero_point);
    // Compared as floats: NaN and what int32 cannot hold end at a bound.
    const int y = !(shifted > static_cast<float>(lo)) ? lo : shifted >= static_cast<float>(hi) ? hi : static_cast<int>(shifted);
    table[static_cast<std::uint8_t>(x)] = static_cast<T>(y);
  }
}

/// The value as rounded: keeps the compiler from fusing a product into a sum, which would change the last bit.
template <class Real> TFL_ALWAYS_INLINE Real unfused(Real value) {
  volatile Real kept = value;
  return kept;
}

/// The scale and zero point of one side of a 16-bit table.
template <class Real> struct Affine {
  Real scale;
  std::int32_t zero_point;
};

/// 512 samples at equal steps over all int16 and a last one. Each is moved by half of the error that interpolation makes halfway to
/// the next. f maps Real to Real; Real is float, or double for SOFTMAX's tables.
template <class A, class Real, class F>
void fill_16(std::type_identity_t<Affine<Real>> in, std::type_identity_t<Affine<Real>> out, F f, std::int16_t* table) {
  constexpr std::int32_t lo = std::numeric_limits<std::int16_t>::min(), hi = std::numeric_limits<std::int16_t>::max();
  constexpr int steps = entries_16 - 1;
  const Real input_min = in.scale * static_cast<Real>(lo - in.zero_point);
  const Real input_max = in.scale * static_cast<Real>(hi - in.zero_point);
  const Real output_min = out.scale * static_cast<Real>(lo - out.zero_point);
  const Real output_max = out.scale * static_cast<Real>(hi - out.zero_point);
  const Real step = (input_max - input_min) / steps;
  const Real half_step = step / 2;
  const Real inverse_scale = static_cast<Real>(hi - lo + 1) / (output_max - output_min);
  const auto clamped = [](Real y) {
    constexpr auto least = static_cast<Real>(lo), most = static_cast<Real>(hi);
    return static_cast<std::int16_t>(!(y > least) ? least : y > most ? most : y);
  };
  for (int i = 0; i < steps; ++i) {
    const Real x = input_min + unfused(static_cast<Real>(i) * step);
    const Real y = std::round(f(x) * inverse_scale);
    const Real next = unfused(f(input_min + unfused(static_cast<Real>(i + 1) * step)) * inverse_scale);
    const Real halfway = std::round(f(x + half_step) * inverse_scale);
    const Real interpolated = std::round((next + y) / 2);
    table[i] = clamped(y - std::round((interpolated - halfway) / 2));
  }
  table[steps] = clamped(std::round(f(input_max) * inverse_scale));
}

/// The table's value at x: the upper 9 bits choose the entries, the lower 7 interpolate.
TFL_ALWAYS_INLINE constexpr std::int16_t at(const std::int16_t* table, std::int16_t x) {
  const int i = 256 + (x >> 7);
  // The difference wraps at 16 bits as TFLite's does.
  const auto slope = static_cast<std::int16_t>(table[i + 1] - table[i]);
  return static_cast<std::int16_t>(table[i] + ((slope * (x & 0x7f) + 64) >> 7));
}

/// Fills the table for elements of T from the quantizations of input and output.
template <class A, class T, class F> void fill(const Quantization& in, const Quantization& out, F f, T* table) {
  if constexpr (sizeof(T) == 1) {
    fill_8<A>(in, out, f, table);
  } else {
    fill_16<A, float>({in.scale, in.zero_point}, {out.scale, out.zero_point}, f, table);
  }
}

/// 65536 / (1 + exp(-i / 24)) as TensorFlow Lite stores it (not always rounded to nearest): the table of 16-bit LOGISTIC and TANH.
inline constexpr std::uint16_t sigmoid_24ths[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794, 41432, 42064, 42688, 43304, 43912, 44511,
    45102, 45683, 46255, 46817, 47369, 47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169, 53581, 53983,
    54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743,
    59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778,
    62886, 62990, 63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257,
    64308, 64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900, 64926, 64950,
    64974, 64997, 65019, 65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258, 65269,
    65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415,
    65420, 65425, 65429, 65433, 65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476, 65479, 65481,
    65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498, 65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511,
    65512, 65513, 65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524, 65525,
    65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531,
    65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65534, 65534,
    65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
};

/// How an int16 input becomes the table's 24ths: (x * factor + rounding) >> shift has 9 fraction bits for the logistic function and 8
/// for tanh, whose argument counts double.
struct SigmoidScaling {
  std::int32_t factor = 3;
  std::int32_t shift = 0;  // 0..31

  constexpr std::int32_t apply(std::int16_t x) const {
    const std::int64_t rounding = shift > 0 ? std::int64_t{1} << (shift - 1) : 0;
    const std::int64_t scaled = (std::int64_t{x} * factor + rounding) >> shift;
    constexpr std::int64_t far = 1 << 30;  // beyond the table's end
    return static_cast<std::int32_t>(scaled < -far ? -far : scaled > far ? far : scaled);
  }
};

/// LOGISTIC on int16, output scale 1/32768.
TFL_ALWAYS_INLINE constexpr std::int16_t logistic_16(std::int16_t x, SigmoidScaling scaling) {
  const std::int32_t scaled = scaling.apply(x);
  const auto magnitude = static_cast<std::uint32_t>(scaled < 0 ? -scaled : scaled);
  const std::uint32_t i = magnitude >> 9;
  const std::uint32_t y =
      i >= 255 ? 0x7fffu << 10 : (std::uint32_t{sigmoid_24ths[i]} << 9) + (magnitude & 0x1ff) * (sigmoid_24ths[i + 1] - sigmoid_24ths[i]);
  const std::uint32_t rounded = scaled >= 0 ? y + (1u << 9) : (1u << 25) - y + (1u << 9) - 1;
  return static_cast<std::int16_t>(rounded >> 10);
}

/// TANH on int16, output scale 1/32768.
TFL_ALWAYS_INLINE constexpr std::int16_t tanh_16(std::int16_t x, SigmoidScaling scaling) {
  const std::int32_t scaled = scaling.apply(x);
  const auto magnitude = static_cast<std::uint32_t>(scaled < 0 ? -scaled : scaled);
  const std::uint32_t i = magnitude >> 8;
  const auto y = static_cast<std::int32_t>(
      i >= 255 ? 0xffffu << 8 : (std::uint32_t{sigmoid_24ths[i]} << 8) + (magnitude & 0xff) * (sigmoid_24ths[i + 1] - sigmoid_24ths[i]));
  const std::int32_t centered = scaled >= 0 ? y - (1 << 23) + (1 << 7) : -y + (1 << 23) + (1 << 7) - 1;
  return static_cast<std::int16_t>(centered >> 8);
}

}  // namespace tfl::lut
