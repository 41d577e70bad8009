#pragma once
// Strings as tensors hold them: int32 count, int32 offsets[count + 1] from the start of the tensor's bytes, then the characters.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/core/type.hpp"

namespace tfl {

/// What a kernel's view of a string tensor points to. Its count is that of the strings; Strings reads them.
struct StringData {
  std::byte byte{};
};
template <> inline constexpr TensorType tensor_type_of<StringData> = TensorType::string;

/// The bytes that so many strings with so many characters in all take; -1 where they pass what offsets can tell.
constexpr std::int64_t string_bytes_for(std::int64_t count, std::int64_t characters) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (count > most / 4 - 2 || characters > most - 4 * (count + 2)) return -1;
  return 4 * (count + 2) + characters;
}

/// Reads the strings of a tensor whose bytes have passed valid(). Where nobody has set the tensor yet, all strings are empty.
class Strings {
 public:
  explicit Strings(const std::byte* bytes) : bytes_(bytes != nullptr ? bytes : none) {}
  explicit Strings(const StringData* data) : Strings(reinterpret_cast<const std::byte*>(data)) {}

  /// Whether these are exactly `count` strings, all of them inside of the bytes.
  static bool valid(std::span<const std::byte> bytes, std::int64_t count) {
    if (count < 0 || string_bytes_for(count, 0) < 0 || static_cast<std::int64_t>(bytes.size()) < string_bytes_for(count, 0)) return false;
    const Strings strings(bytes.data());
    if (strings.word(0) != count) return false;
    std::int64_t last = string_bytes_for(count, 0);
    for (std::int64_t i = 0; i <= count; ++i) {
      const std::int64_t offset = strings.word(1 + i);
      if (offset < last || offset > static_cast<std::int64_t>(bytes.size())) return false;
      last = offset;
    }
    return true;
  }

  std::int64_t size() const { return word(0); }
  /// All bytes that valid strings take.
  std::int64_t bytes() const { return word(1 + size()); }
  std::string_view operator[](std::int64_t i) const {
    if (i < 0 || i >= size()) return {};
    const std::int32_t first = word(1 + i), last = word(2 + i);
    return {reinterpret_cast<const char*>(bytes_) + first, static_cast<std::size_t>(last - first)};
  }

 private:
  std::int32_t word(std::int64_t i) const {  // files may keep them at any address
    std::int32_t value = 0;
    std::memcpy(&value, bytes_ + 4 * i, 4);
    return value;
  }
  static constexpr std::byte none[8] = {};
  const std::byte* bytes_;
};

/// Writes strings one after the other into string_bytes_for(count, characters) bytes.
class StringsWriter {
 public:
  StringsWriter(StringData* data, std::int64_t count) : StringsWriter(reinterpret_cast<std::byte*>(data), count) {}
  StringsWriter(std::byte* bytes, std::int64_t count) : bytes_(bytes), at_(static_cast<std::int32_t>(4 * (count + 2))) {
    put(0, static_cast<std::int32_t>(count));
    put(1, at_);
  }
  void add(std::string_view text) {
    extend(text);
    end();
  }
  /// More characters for the string that end() ends.
  void extend(std::string_view text) {
    if (!text.empty()) std::memcpy(bytes_ + at_, text.data(), text.size());
    at_ += static_cast<std::int32_t>(text.size());
  }
  void end() { put(2 + next_++, at_); }

 private:
  void put(std::int64_t i, std::int32_t value) { std::memcpy(bytes_ + 4 * i, &value, 4); }
  std::byte* bytes_;
  std::int32_t at_;
  std::int64_t next_ = 0;
};

}  // namespace tfl
