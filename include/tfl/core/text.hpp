#pragma once
// A sentence in a fixed buffer: what doesn't fit is cut, nothing is allocated.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "tfl/config.hpp"

namespace tfl {

template <std::size_t Capacity> class Text {
 public:
  // Errors are rare and their sentences many: one copy of these loops is enough.
  TFL_NOINLINE constexpr Text& operator<<(std::string_view part) {
    for (const char c : part) push(c);
    return *this;
  }
  constexpr Text& operator<<(const char* part) { return *this << std::string_view(part); }
  constexpr Text& operator<<(char c) {
    push(c);
    return *this;
  }
  template <class I>
  requires(std::is_integral_v<I> && !std::is_same_v<I, char> && !std::is_same_v<I, bool>) constexpr Text& operator<<(I number) {
    const auto bits = static_cast<std::uint64_t>(number);
    return number < 0 ? print(true, std::uint64_t{0} - bits) : print(false, bits);
  }
  constexpr std::string_view view() const { return {data_, size_}; }

 private:
  constexpr void push(char c) {
    if (size_ < Capacity) data_[size_++] = c;
  }
  TFL_NOINLINE constexpr Text& print(bool negative, std::uint64_t magnitude) {
    char digits[24] = {};
    int n = 0;
    do {
      digits[n++] = static_cast<char>('0' + magnitude % 10);
      magnitude /= 10;
    } while (magnitude != 0);
    if (negative) push('-');
    while (n > 0) push(digits[--n]);
    return *this;
  }
  char data_[Capacity + 1] = {};  // the last stays 0: the text is a C string, too
  std::size_t size_ = 0;
};

/// Text that nobody will read takes no room.
template <> class Text<0> {
 public:
  template <class T> constexpr Text& operator<<(const T&) { return *this; }
  constexpr std::string_view view() const { return {}; }
};

}  // namespace tfl
