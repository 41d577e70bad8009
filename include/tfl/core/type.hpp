#pragma once
// Element types of tensors. The values are those of the .tflite schema's TensorType.

#include <complex>
#include <cstddef>
#include <cstdint>

#include "tfl/core/names.hpp"

namespace tfl {

enum class TensorType : std::int8_t {
  none = -1,  // an optional tensor that is absent
  float32 = 0,
  float16 = 1,
  int32 = 2,
  uint8 = 3,
  int64 = 4,
  string = 5,
  boolean = 6,
  int16 = 7,
  complex64 = 8,
  int8 = 9,
  float64 = 10,
  complex128 = 11,
  uint64 = 12,
  resource = 13,
  variant = 14,
  uint32 = 15,
  uint16 = 16,
  int4 = 17,
  bfloat16 = 18,
  int2 = 19,
  uint4 = 20,
  float8_e4m3fn = 21,
  float8_e5m2 = 22,
};
inline constexpr int tensor_type_count = 23;

/// The name of a type as TensorFlow Lite prints it: "float32", "int8", "bool".
constexpr const char* name_of(TensorType type) {
  const char* name = detail::nth_name(
      "float32\0"
      "float16\0"
      "int32\0"
      "uint8\0"
      "int64\0"
      "string\0"
      "bool\0"
      "int16\0"
      "complex64\0"
      "int8\0"
      "float64\0"
      "complex128\0"
      "uint64\0"
      "resource\0"
      "variant\0"
      "uint32\0"
      "uint16\0"
      "int4\0"
      "bfloat16\0"
      "int2\0"
      "uint4\0"
      "float8_e4m3fn\0"
      "float8_e5m2\0",
      static_cast<int>(type));
  return name != nullptr ? name : "none";
}

/// Bits of one element; 0 for types whose size is not fixed (string, variant). A resource is a handle of 32 bits.
constexpr int bits_of(TensorType type) {
  switch (type) {
    case TensorType::int2: return 2;
    case TensorType::int4:
    case TensorType::uint4: return 4;
    case TensorType::uint8:
    case TensorType::boolean:
    case TensorType::int8:
    case TensorType::float8_e4m3fn:
    case TensorType::float8_e5m2: return 8;
    case TensorType::float16:
    case TensorType::int16:
    case TensorType::uint16:
    case TensorType::bfloat16: return 16;
    case TensorType::float32:
    case TensorType::int32:
    case TensorType::uint32:
    case TensorType::resource: return 32;
    case TensorType::int64:
    case TensorType::complex64:
    case TensorType::float64:
    case TensorType::uint64: return 64;
    case TensorType::complex128: return 128;
    default: return 0;
  }
}

/// Bytes that `count` elements take; sub-byte types are packed, low bits first. Requires count >= 0 and no overflow.
constexpr std::int64_t bytes_of(TensorType type, std::int64_t count) { return (count * bits_of(type) + 7) / 8; }

/// The TensorType that a C++ element type stores.
template <class T> inline constexpr TensorType tensor_type_of = TensorType::none;
template <> inline constexpr TensorType tensor_type_of<float> = TensorType::float32;
template <> inline constexpr TensorType tensor_type_of<double> = TensorType::float64;
template <> inline constexpr TensorType tensor_type_of<std::int8_t> = TensorType::int8;
template <> inline constexpr TensorType tensor_type_of<std::uint8_t> = TensorType::uint8;
template <> inline constexpr TensorType tensor_type_of<std::int16_t> = TensorType::int16;
template <> inline constexpr TensorType tensor_type_of<std::uint16_t> = TensorType::uint16;
template <> inline constexpr TensorType tensor_type_of<std::int32_t> = TensorType::int32;
template <> inline constexpr TensorType tensor_type_of<std::uint32_t> = TensorType::uint32;
template <> inline constexpr TensorType tensor_type_of<std::int64_t> = TensorType::int64;
template <> inline constexpr TensorType tensor_type_of<std::uint64_t> = TensorType::uint64;
template <> inline constexpr TensorType tensor_type_of<bool> = TensorType::boolean;
template <> inline constexpr TensorType tensor_type_of<std::complex<float>> = TensorType::complex64;
template <> inline constexpr TensorType tensor_type_of<std::complex<double>> = TensorType::complex128;

constexpr bool is_quantized_integer(TensorType type) {
  return type == TensorType::int8 || type == TensorType::uint8 || type == TensorType::int16;
}

}  // namespace tfl
