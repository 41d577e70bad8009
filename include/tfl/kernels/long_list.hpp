#pragma once
// Lists of 64-bit numbers in options tables.

#include <cstdint>
#include <cstring>

namespace tfl::detail {

/// Element i of a list, which files may keep at any multiple of 4 bytes.
template <class List> std::int64_t long_at(const List& list, unsigned i) {
  std::int64_t value = 0;
  std::memcpy(&value, list.Data() + i * sizeof(value), sizeof(value));
  return value;
}

}  // namespace tfl::detail
