#pragma once
// Moving many short runs of bytes: what GATHER, SPACE_TO_DEPTH, resizing by nearest neighbours and their like spend their time on.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tfl::detail {

/// The bytes of a view, whatever its elements.
template <class V> const std::byte* bytes_of_view(const V& view) { return reinterpret_cast<const std::byte*>(view.data()); }
template <class V> std::byte* writable_bytes_of_view(const V& view) { return reinterpret_cast<std::byte*>(view.data()); }

/// Calls f with the run's length: as a constant where it is short and common, which makes of each copy a move or two.
template <class F> void with_constant_run(std::int64_t run, F f) {
  switch (run) {
    case 1: return f([] { return std::size_t{1}; });
    case 2: return f([] { return std::size_t{2}; });
    case 3: return f([] { return std::size_t{3}; });
    case 4: return f([] { return std::size_t{4}; });
    case 8: return f([] { return std::size_t{8}; });
    case 12: return f([] { return std::size_t{12}; });
    case 16: return f([] { return std::size_t{16}; });
    case 24: return f([] { return std::size_t{24}; });
    case 32: return f([] { return std::size_t{32}; });
    case 64: return f([] { return std::size_t{64}; });
    default: return f([run] { return static_cast<std::size_t>(run); });
  }
}

/// Copies `count` runs of `run` bytes whose starts lie `from_step` and `to_step` bytes apart.
template <class Arch>
void copy_runs(const std::byte* from, std::int64_t from_step, std::byte* to, std::int64_t to_step, std::int64_t run, std::int64_t count) {
  if (run <= 0 || count <= 0) return;
  if (from_step == run && to_step == run) {
    std::memcpy(to, from, static_cast<std::size_t>(run * count));
    return;
  }
  with_constant_run(run, [&](auto bytes) {
    for (std::int64_t i = 0; i < count; ++i) std::memcpy(to + i * to_step, from + i * from_step, bytes());
  });
}

}  // namespace tfl::detail
