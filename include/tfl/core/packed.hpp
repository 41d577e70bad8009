#pragma once
// Integers of 2 and 4 bits as they are stored: several to a byte, the first one in the lowest bits.

#include <cstdint>

#include "tfl/core/type.hpp"

namespace tfl {

/// Two signed 4-bit integers: tensors of n int4 consist of (n + 1) / 2 of them.
struct Int4Pair {
  std::uint8_t bits = 0;
};
/// Two unsigned 4-bit integers.
struct UInt4Pair {
  std::uint8_t bits = 0;
};
/// Four signed 2-bit integers.
struct Int2Quad {
  std::uint8_t bits = 0;
};
template <> inline constexpr TensorType tensor_type_of<Int4Pair> = TensorType::int4;
template <> inline constexpr TensorType tensor_type_of<UInt4Pair> = TensorType::uint4;
template <> inline constexpr TensorType tensor_type_of<Int2Quad> = TensorType::int2;

constexpr bool is_packed_integer(TensorType type) {
  return type == TensorType::int4 || type == TensorType::uint4 || type == TensorType::int2;
}
template <class P> inline constexpr bool is_packed = is_packed_integer(tensor_type_of<P>);

/// What a type of several integers a byte can hold.
template <class P> struct PackedRange {
  static constexpr int bits = bits_of(tensor_type_of<P>), per_byte = 8 / bits, mask = (1 << bits) - 1;
  static constexpr bool is_signed = tensor_type_of<P> != TensorType::uint4;
  static constexpr int lo = is_signed ? -(1 << (bits - 1)) : 0, hi = lo + mask;
};

/// Integer i.
template <class P> constexpr std::int8_t packed_at(const P* bytes, std::int64_t i) {
  using R = PackedRange<P>;
  const int stored = bytes[i / R::per_byte].bits >> (i % R::per_byte * R::bits) & R::mask;
  return static_cast<std::int8_t>(R::is_signed ? (stored ^ -R::lo) - -R::lo : stored);
}
/// Writes integer i; its neighbours stay. Requires a value in the type's range.
template <class P> constexpr void put_packed(P* bytes, std::int64_t i, int value) {
  using R = PackedRange<P>;
  const int shift = static_cast<int>(i % R::per_byte) * R::bits, kept = bytes[i / R::per_byte].bits & ~(R::mask << shift);
  bytes[i / R::per_byte].bits = static_cast<std::uint8_t>(kept | (value & R::mask) << shift);
}
/// Integers 0 to count - 1, a byte each.
template <class P> inline void unpack(const P* bytes, std::int64_t count, std::int8_t* to) {
  using R = PackedRange<P>;
  const std::int64_t whole = count / R::per_byte;
  for (std::int64_t b = 0; b < whole; ++b) {
    const int bits = bytes[b].bits;
    for (int k = 0; k < R::per_byte; ++k) {
      const int stored = bits >> (k * R::bits) & R::mask;
      to[b * R::per_byte + k] = static_cast<std::int8_t>(R::is_signed ? (stored ^ -R::lo) - -R::lo : stored);
    }
  }
  for (std::int64_t i = whole * R::per_byte; i < count; ++i) to[i] = packed_at(bytes, i);
}

}  // namespace tfl
