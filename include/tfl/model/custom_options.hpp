#pragma once
// Options of custom ops: raw bytes, which most converters fill with a FlexBuffers map (https://flatbuffers.dev/flatbuffers_internals,
// "FlexBuffers"). flatbuffers' own reader of them needs its compiled library for number parsing; this one reads what options hold.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "tfl/model/node_def.hpp"

namespace tfl {

/// What a custom op's Options::read gets. Every offset is checked: where the bytes are no map, or the map is damaged, look-ups answer
/// with their default.
class CustomOptions {
 public:
  explicit CustomOptions(std::span<const std::uint8_t> bytes) : bytes_(bytes) { open(); }

  std::span<const std::uint8_t> bytes() const { return bytes_; }
  bool is_map() const { return count_ >= 0; }
  bool has(std::string_view key) const { return find(key).found; }
  std::int64_t integer(std::string_view key, std::int64_t otherwise = 0) const {
    const Number n = find(key);
    // A real number beyond 64 bits has no integer.
    const bool fits = !n.real || (n.as_real > -9.2e18 && n.as_real < 9.2e18);
    return !n.found || !fits ? otherwise : n.real ? static_cast<std::int64_t>(n.as_real) : n.as_integer;
  }
  float real(std::string_view key, float otherwise = 0) const {
    const Number n = find(key);
    return !n.found ? otherwise : n.real ? static_cast<float>(n.as_real) : static_cast<float>(n.as_integer);
  }
  /// A string of the bytes themselves.
  std::string_view text(std::string_view key, std::string_view otherwise = {}) const {
    const std::int64_t i = position(key);
    if (i < 0) return otherwise;
    const unsigned packed = bytes_[static_cast<std::size_t>(values_ + count_ * width_ + i)];
    return string_at(values_ + i * width_, width_, packed, otherwise);
  }
  bool boolean(std::string_view key, bool otherwise = false) const { return integer(key, otherwise ? 1 : 0) != 0; }
  /// Of a `Flex` op: the second string of the list that the options are.
  NodeDef node_def() const {
    const auto size = static_cast<std::int64_t>(bytes_.size());
    if (size < 3) return {};
    const std::int64_t root_width = bytes_[bytes_.size() - 1];
    const unsigned root = bytes_[bytes_.size() - 2];
    if ((root_width != 1 && root_width != 2 && root_width != 4 && root_width != 8) || root >> 2 != list) return {};
    const std::int64_t at = follow(size - 2 - root_width, root_width), width = std::int64_t{1} << (root & 3);
    if (at < width) return {};
    const std::uint64_t stored = load(at - width, width);
    if (stored < 2 || stored > bytes_.size()) return {};
    const auto count = static_cast<std::int64_t>(stored);
    if (!inside(at, count * (width + 1))) return {};
    return NodeDef(string_at(at + width, width, bytes_[static_cast<std::size_t>(at + count * width + 1)]));
  }
  /// Copies the integers of a list; how many it has, which may be more than there is room for, or -1 where there is none.
  std::int64_t integers(std::string_view key, std::span<std::int64_t> to) const {
    const std::int64_t place = position(key);
    if (place < 0) return -1;
    const unsigned list_packed = bytes_[static_cast<std::size_t>(values_ + count_ * width_ + place)], type = list_packed >> 2;
    const bool fixed = type >= integer_pair && type < integer_pair + 9 && (type - integer_pair) % 3 != 2;
    if (type != list && type != integer_list && type != unsigned_list && !fixed) return -1;
    const std::int64_t at = follow(values_ + place * width_, width_), width = std::int64_t{1} << (list_packed & 3);
    const std::uint64_t stored = fixed ? (type - integer_pair) / 3 + 2 : load(at - width, width);
    if (at < width || stored > bytes_.size()) return -1;
    const auto count = static_cast<std::int64_t>(stored);
    if (!inside(at, count * (type == list ? width + 1 : width))) return -1;
    const bool has_signs = type == integer_list || (fixed && (type - integer_pair) % 3 == 0);
    for (std::int64_t i = 0; i < count && i < static_cast<std::int64_t>(to.size()); ++i) {
      const unsigned packed =
          type == list ? bytes_[static_cast<std::size_t>(at + count * width + i)] : (has_signs ? signed_integer : unsigned_integer) << 2;
      to[static_cast<std::size_t>(i)] = number(at + i * width, width, packed).as_integer;
    }
    return count;
  }

 private:
  enum Type : unsigned {
    signed_integer = 1,
    unsigned_integer = 2,
    floating = 3,
    string = 5,
    indirect_signed = 6,
    indirect_unsigned = 7,
    indirect_floating = 8,
    map = 9,
    list = 10,
    integer_list = 11,
    unsigned_list = 12,
    integer_pair = 16,  // then unsigned and floating ones, then triples and quadruples
    truth = 26
  };
  struct Number {
    bool found = false, real = false;
    std::int64_t as_integer = 0;
    double as_real = 0;
  };

  bool inside(std::int64_t at, std::int64_t size) const {
    return at >= 0 && size >= 0 && at <= static_cast<std::int64_t>(bytes_.size()) - size;
  }
  /// An unsigned number of 1, 2, 4 or 8 bytes; 0 outside of the buffer.
  std::uint64_t load(std::int64_t at, std::int64_t width) const {
    std::uint64_t value = 0;
    if (!inside(at, width)) return 0;
    for (std::int64_t i = 0; i < width; ++i) value |= std::uint64_t{bytes_[static_cast<std::size_t>(at + i)]} << (8 * i);
    return value;
  }
  /// Offsets count backwards from where they stand; -1 where one leads out of the buffer.
  std::int64_t follow(std::int64_t at, std::int64_t width) const {
    const std::uint64_t offset = load(at, width);
    return inside(at, width) && offset <= static_cast<std::uint64_t>(at) ? at - static_cast<std::int64_t>(offset) : -1;
  }

  /// The string whose offset of `offset_width` bytes stands at `offset`.
  std::string_view string_at(std::int64_t offset, std::int64_t offset_width, unsigned packed, std::string_view otherwise = {}) const {
    const std::int64_t width = std::int64_t{1} << (packed & 3), at = follow(offset, offset_width);
    if (packed >> 2 != string || at < width) return otherwise;
    const std::uint64_t length = load(at - width, width);
    if (length > bytes_.size() || !inside(at, static_cast<std::int64_t>(length))) return otherwise;
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(length)};
  }

  void open() {
    const auto size = static_cast<std::int64_t>(bytes_.size());
    if (size < 3) return;
    const std::int64_t root_width = bytes_[bytes_.size() - 1];
    const unsigned type = bytes_[bytes_.size() - 2];
    if ((root_width != 1 && root_width != 2 && root_width != 4 && root_width != 8) || type >> 2 != map) return;
    values_ = follow(size - 2 - root_width, root_width);
    width_ = std::int64_t{1} << (type & 3);
    if (values_ < 3 * width_) return;
    keys_ = follow(values_ - 3 * width_, width_);
    key_width_ = static_cast<std::int64_t>(load(values_ - 2 * width_, width_));
    const auto count = load(values_ - width_, width_);
    if (keys_ < 0 || (key_width_ != 1 && key_width_ != 2 && key_width_ != 4 && key_width_ != 8)) return;
    if (count > bytes_.size()) return;
    const auto n = static_cast<std::int64_t>(count);
    if (!inside(values_, n * (width_ + 1)) || !inside(keys_, n * key_width_)) return;
    count_ = n;
  }

  /// The number of the key's value, or -1.
  std::int64_t position(std::string_view key) const {
    for (std::int64_t i = 0; i < count_; ++i) {
      const std::int64_t at = follow(keys_ + i * key_width_, key_width_);
      const auto length = static_cast<std::int64_t>(key.size());
      if (!inside(at, length + 1) || bytes_[static_cast<std::size_t>(at + length)] != 0) continue;
      if (std::memcmp(bytes_.data() + at, key.data(), key.size()) == 0) return i;
    }
    return -1;
  }
  Number find(std::string_view key) const {
    const std::int64_t i = position(key);
    return i < 0 ? Number{} : number(values_ + i * width_, width_, bytes_[static_cast<std::size_t>(values_ + count_ * width_ + i)]);
  }

  Number number(std::int64_t at, std::int64_t width, unsigned packed) const {
    unsigned type = packed >> 2;
    if (type >= indirect_signed && type <= indirect_floating) {
      at = follow(at, width);
      width = std::int64_t{1} << (packed & 3);
      type -= indirect_signed - signed_integer;
    }
    if (!inside(at, width)) return {};
    const std::uint64_t bits = load(at, width);
    switch (type) {
      case signed_integer: {
        const auto unused = static_cast<int>(64 - 8 * width);
        return {true, false, static_cast<std::int64_t>(bits << unused) >> unused, 0};
      }
      case unsigned_integer:
      case truth: return {true, false, static_cast<std::int64_t>(bits), 0};
      case floating:
        if (width == 4) return {true, true, 0, static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)))};
        if (width == 8) return {true, true, 0, std::bit_cast<double>(bits)};
        return {};
      default: return {};
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::int64_t values_ = -1, keys_ = -1, count_ = -1, width_ = 1, key_width_ = 1;
};

}  // namespace tfl
