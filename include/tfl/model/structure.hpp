#pragma once
// Whether every offset and length in a .tflite file stays inside of it. One walk for all tables, led by the schema's layout: flatbuffers'
// own code for this is made for each table, which would be a fifth of a small program. Its verdict is the same.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/model/schema_layout.hpp"

namespace tfl::detail {

class Structure {
 public:
  /// Requires 8 bytes to 2^31 - 1 of them.
  explicit Structure(std::span<const std::byte> file) : file_(file) {
    std::uint16_t next = 0;
    for (std::uint16_t& first : first_fields_) {
      first = next;
      while (schema_fields[next] != no_more) next = static_cast<std::uint16_t>(next + fields_step(schema_fields[next]));
      ++next;
    }
  }

  bool is_sound() {
    const std::size_t root = follow(0);
    return root != 0 && table_is_sound(root, schema_root);
  }

 private:
  // Tables may share what they point to: without a bound a short file could ask for a long walk.
  static constexpr std::uint32_t most_tables = 10'000'000;

  static constexpr unsigned fields_step(std::uint8_t field) { return field == table || field == tables || field == choice ? 2 : 1; }

  bool holds(std::size_t at, std::uint64_t bytes) const { return bytes < file_.size() && at <= file_.size() - bytes; }
  bool holds_value(std::size_t at, std::size_t bytes) const { return at % bytes == 0 && holds(at, bytes); }
  template <class T> T load(std::size_t at) const {
    T value;
    std::memcpy(&value, file_.data() + at, sizeof(T));
    return value;
  }
  /// Where the offset at this place leads; 0: outside.
  std::size_t follow(std::size_t at) const {
    if (!holds_value(at, 4)) return 0;
    const std::uint32_t distance = load<std::uint32_t>(at);
    return distance != 0 && distance <= INT32_MAX && holds(at + distance, 1) ? at + distance : 0;
  }
  bool list_is_sound(std::size_t list, std::uint64_t width) const {
    return holds_value(list, 4) && holds(list, 4 + width * load<std::uint32_t>(list));
  }
  bool text_is_sound(std::size_t text) const {
    if (!list_is_sound(text, 1)) return false;
    const std::size_t end = text + 4 + load<std::uint32_t>(text);
    return holds(end, 1) && file_[end] == std::byte{0};
  }
  bool tables_are_sound(std::size_t list, unsigned number) {
    if (!list_is_sound(list, 4)) return false;
    const std::uint32_t count = load<std::uint32_t>(list);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::size_t at = list + 4 + std::size_t{4} * i, distance = load<std::uint32_t>(at);
      if (distance >= file_.size() || !table_is_sound(at + distance, number)) return false;
    }
    return true;
  }
  /// The table that a union stands for, by what it chooses. What the schema doesn't know is read by nobody.
  bool choice_is_sound(std::size_t at, unsigned number, unsigned chosen) {
    const std::uint8_t* list = schema_unions;
    while (number-- > 0) list += 1 + *list;
    return chosen == 0 || chosen > *list || table_is_sound(at, list[chosen]);
  }

  bool table_is_sound(std::size_t start, unsigned number) {
    if (!holds_value(start, 4)) return false;
    const std::size_t places = start - static_cast<std::size_t>(std::int64_t{load<std::int32_t>(start)});
    if (++tables_ > most_tables || !holds_value(places, 2)) return false;
    const std::size_t length = load<std::uint16_t>(places);
    if (length % 2 != 0 || !holds(places, length)) return false;
    const std::uint8_t* field = schema_fields + first_fields_[number];
    unsigned chosen = 0;
    for (std::size_t place = 4; *field != no_more && place + 2 <= length; field += fields_step(*field), place += 2) {
      const std::size_t offset = load<std::uint16_t>(places + place), at = start + offset;
      const bool is_choice = field[0] == 1 && field[1] == choice;
      if (is_choice) chosen = 0;
      if (offset == 0 || *field == unused) continue;
      if (*field < list_of) {
        if (!holds_value(at, *field)) return false;
        if (is_choice) chosen = load<std::uint8_t>(at);
        continue;
      }
      const std::size_t to = follow(at);
      if (to == 0) return false;
      if (*field == text) {
        if (!text_is_sound(to)) return false;
      } else if (*field == table) {
        if (!table_is_sound(to, field[1])) return false;
      } else if (*field == tables) {
        if (!tables_are_sound(to, field[1])) return false;
      } else if (*field == choice) {
        if (!choice_is_sound(to, field[1], chosen)) return false;
      } else if (!list_is_sound(to, *field - std::uint64_t{list_of})) {
        return false;
      }
    }
    return true;
  }

  std::span<const std::byte> file_;
  std::uint32_t tables_ = 0;
  std::uint16_t first_fields_[schema_tables];
};

}  // namespace tfl::detail
