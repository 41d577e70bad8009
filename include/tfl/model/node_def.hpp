#pragma once
// TensorFlow's NodeDef, as converters keep it in the options of `Flex` ops: a protocol buffer message, of which this reads the attributes.
// https://protobuf.dev/programming-guides/encoding; the fields are those of tensorflow/core/framework/node_def.proto and attr_value.proto.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tfl {

namespace detail {

/// The fields of one message. Damaged bytes end it.
class WireFields {
 public:
  explicit WireFields(std::string_view bytes) : bytes_(bytes) {}

  /// Goes to the next field; false at the end.
  bool next() {
    std::uint64_t key = 0;
    if (!read_varint(key)) return false;
    number_ = key >> 3;
    value_ = 0;
    text_ = {};
    switch (key & 7) {
      case 0: return read_varint(value_);
      case 1: return read_fixed(8);
      case 5: return read_fixed(4);
      case 2: {
        std::uint64_t length = 0;
        if (!read_varint(length) || length > bytes_.size() - at_) return false;
        text_ = bytes_.substr(at_, static_cast<std::size_t>(length));
        at_ += static_cast<std::size_t>(length);
        return true;
      }
      default: return false;
    }
  }
  std::uint64_t number() const { return number_; }
  std::uint64_t value() const { return value_; }   // of a number
  std::string_view text() const { return text_; }  // of a string, a message or a packed list

 private:
  bool read_varint(std::uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) return false;
      const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool read_fixed(std::size_t width) {
    if (bytes_.size() - at_ < width) return false;
    for (std::size_t i = 0; i < width; ++i) value_ |= std::uint64_t{static_cast<std::uint8_t>(bytes_[at_ + i])} << (8 * i);
    at_ += width;
    return true;
  }

  std::string_view bytes_, text_;
  std::size_t at_ = 0;
  std::uint64_t number_ = 0, value_ = 0;
};

}  // namespace detail

/// Attributes by name; what is not there, or of another kind, answers with its default.
class NodeDef {
 public:
  NodeDef() = default;
  explicit NodeDef(std::string_view bytes) : bytes_(bytes) {}

  /// "AddV2"
  std::string_view op() const {
    for (detail::WireFields node(bytes_); node.next();) {
      if (node.number() == 2) return node.text();
    }
    return {};
  }
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const {
    for (detail::WireFields value(attribute(name)); value.next();) {
      if (value.number() == 3) return static_cast<std::int64_t>(value.value());
    }
    return otherwise;
  }
  bool boolean(std::string_view name, bool otherwise = false) const {
    for (detail::WireFields value(attribute(name)); value.next();) {
      if (value.number() == 5) return value.value() != 0;
    }
    return otherwise;
  }
  float real(std::string_view name, float otherwise = 0) const {
    for (detail::WireFields value(attribute(name)); value.next();) {
      if (value.number() == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(value.value()));
    }
    return otherwise;
  }
  std::string_view text(std::string_view name) const {
    for (detail::WireFields value(attribute(name)); value.next();) {
      if (value.number() == 2) return value.text();
    }
    return {};
  }
  /// Copies a list of integers; how many it has, which may be more than there is room for.
  std::size_t integers(std::string_view name, std::span<std::int64_t> to) const {
    std::size_t count = 0;
    const auto add = [&](std::uint64_t value) {
      if (count < to.size()) to[count] = static_cast<std::int64_t>(value);
      ++count;
    };
    for (detail::WireFields value(attribute(name)); value.next();) {
      if (value.number() != 1) continue;
      for (detail::WireFields list(value.text()); list.next();) {
        if (list.number() != 3) continue;
        if (list.text().empty()) {
          add(list.value());
        } else {
          for (std::string_view packed = list.text(); !packed.empty();) {
            std::uint64_t number = 0;
            std::size_t i = 0;
            for (; i < packed.size() && i < 10; ++i) {
              number |= std::uint64_t{static_cast<std::uint8_t>(packed[i]) & 0x7fu} << (7 * i);
              if ((static_cast<std::uint8_t>(packed[i]) & 0x80) == 0) break;
            }
            if (i >= packed.size() || i >= 10) break;
            add(number);
            packed.remove_prefix(i + 1);
          }
        }
      }
    }
    return count;
  }

 private:
  std::string_view attribute(std::string_view name) const {
    for (detail::WireFields node(bytes_); node.next();) {
      if (node.number() != 5) continue;
      std::string_view key, value;
      for (detail::WireFields entry(node.text()); entry.next();) {
        if (entry.number() == 1) key = entry.text();
        if (entry.number() == 2) value = entry.text();
      }
      if (key == name) return value;
    }
    return {};
  }

  std::string_view bytes_;
};

}  // namespace tfl
