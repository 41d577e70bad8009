#pragma once
// A sentence in a fixed buffer: what doesn't fit is cut, nothing is allocated.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tfl {

template <std::size_t Capacity> class Text {
 public:
  constexpr Text& operator<<(std::string_view part) {
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
    char digits[24] = {};
    int n = 0;
    const bool negative = number < 0;
    auto rest = static_cast<std::uint64_t>(number);
    if (negative) rest = std::uint64_t{0} - rest;
    do {
      digits[n++] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (negative) push('-');
    while (n > 0) push(digits[--n]);
    return *this;
  }
  constexpr std::string_view view() const { return {data_, size_}; }

 private:
  constexpr void push(char c) {
    if (size_ < Capacity) data_[size_++] = c;
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
