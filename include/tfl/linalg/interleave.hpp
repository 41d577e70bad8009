#pragma once
// Columns of weights put side by side: the order of panels, at the speed of memory.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tfl/simd/transpose.hpp"

namespace tfl::linalg {

namespace detail {
/// The first `count` bytes of a unit, the rest zero.
template <int Unit, std::uint8_t Flip> TFL_ALWAYS_INLINE void put_unit(const std::byte* from, std::int64_t count, std::byte* to) {
  for (int d = 0; d < Unit; ++d) to[d] = d < count ? from[d] ^ std::byte{Flip} : std::byte{0};
}
}  // namespace detail

/// Cuts every column into units of Unit bytes (the last one filled up with zeros) and lays the first units of all columns side by side,
/// then the second ones. Column n begins `stride` bytes after column n - 1 and has `bytes` bytes; those from `exist` to `width` are
/// zero. The bits of Flip are flipped in the bytes that exist.
template <class A, int Unit, std::uint8_t Flip = 0>
void interleave_columns(const std::byte* columns, std::int64_t stride, int exist, int width, std::int64_t bytes, std::byte* to) {
  const std::int64_t units = bytes / Unit, rest = bytes - units * Unit, line = std::int64_t{width} * Unit;
  if (exist < width) std::memset(to, 0, static_cast<std::size_t>((units + (rest != 0 ? 1 : 0)) * line));
  int n = 0;
  std::int64_t u = 0;
  if constexpr (requires { simd::TransposeTile<A, Unit>::template run_flipping<Flip>(columns, 0, to, 0); }) {
    using Tile = simd::TransposeTile<A, Unit>;
    for (; u + Tile::side <= units; u += Tile::side) {
      for (n = 0; n + Tile::side <= exist; n += Tile::side) {
        Tile::template run_flipping<Flip>(columns + n * stride + u * Unit, stride, to + u * line + n * Unit, line);
      }
    }
  }
  // What is left: the last columns of the units above, and the last units of all columns.
  for (int m = n; m < exist; ++m) {
    for (std::int64_t i = 0; i < u; ++i) detail::put_unit<Unit, Flip>(columns + m * stride + i * Unit, Unit, to + i * line + m * Unit);
  }
  for (; u * Unit < bytes; ++u) {
    for (int m = 0; m < exist; ++m) {
      detail::put_unit<Unit, Flip>(columns + m * stride + u * Unit, bytes - u * Unit, to + u * line + m * Unit);
    }
  }
}

}  // namespace tfl::linalg
