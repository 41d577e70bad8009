#pragma once
// Names as one text: a table of pointers to them would take more room than they do, and be written when a program starts.

namespace tfl::detail {

/// Name i of a text in which each name ends with a 0; null where there are fewer. The text ends with an empty name.
constexpr const char* nth_name(const char* names, int i) {
  if (i < 0) return nullptr;
  while (*names != '\0') {
    if (i-- == 0) return names;
    while (*names++ != '\0') {
    }
  }
  return nullptr;
}

}  // namespace tfl::detail
