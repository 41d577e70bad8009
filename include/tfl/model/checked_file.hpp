#pragma once
// Reads a .tflite file whose offsets nobody has checked: every look checks its own, by a few small functions for all tables. The Verifier
// checks everything once and for all, options of every op too; this is for programs where its size matters more.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "tfl/config.hpp"
#include "tfl/model/options.hpp"
#include "tfl/model/schema.hpp"

namespace tfl {

/// A list in the file: where its first element lies and how many there are.
struct FileList {
  std::uint32_t at = 0, count = 0;
};

/// Positions count from the file's first byte; 0 is nowhere. What leads out of the file is nowhere, and is_broken() from then on.
class CheckedFile {
 public:
  CheckedFile() = default;
  /// Requires less than 2^31 bytes that start at a multiple of 16.
  explicit CheckedFile(std::span<const std::byte> bytes) : data_(bytes.data()), size_(static_cast<std::uint32_t>(bytes.size())) {}

  bool is_broken() const { return is_broken_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::byte* address(std::uint32_t at) const { return data_ + at; }

  /// Where the table's field lies, `bytes` wide; 0 where the table has none. `field` is the schema's VT_ constant.
  TFL_NOINLINE std::uint32_t field(std::uint32_t table, unsigned field, std::uint32_t bytes) {
    if (table == 0) return 0;
    if (table % 4 != 0 || !holds(table, 4)) return broken();
    const std::uint32_t fields = table - load<std::uint32_t>(table);  // the distance is signed: both directions wrap around alike
    if (fields % 2 != 0 || !holds(fields, 4)) return broken();
    const std::uint32_t length = load<std::uint16_t>(fields);
    if (length < 4 || length % 2 != 0 || !holds(fields, length)) return broken();
    if (field + 2 > length) return 0;
    const std::uint32_t offset = load<std::uint16_t>(fields + field);
    if (offset == 0) return 0;
    return offset >= 4 && (table + offset) % bytes == 0 && holds(table + offset, bytes) ? table + offset : broken();
  }
  /// The field's value, or `otherwise`.
  template <class T> T value(std::uint32_t table, unsigned field, T otherwise) {
    const std::uint32_t at = this->field(table, field, sizeof(T));
    return at != 0 ? load<T>(at) : otherwise;
  }
  /// The table that the field names.
  std::uint32_t table(std::uint32_t table, unsigned field) { return follow(this->field(table, field, 4)); }
  /// The list of elements of `bytes` bytes that the field names; empty where there is none.
  TFL_NOINLINE FileList list(std::uint32_t table, unsigned field, std::uint32_t bytes) {
    const std::uint32_t at = follow(this->field(table, field, 4));
    if (at == 0) return {};
    const std::uint32_t count = load<std::uint32_t>(at);
    if (count > (size_ - at - 4) / bytes || (count != 0 && (at + 4) % bytes != 0)) {
      broken();
      return {};
    }
    return {at + 4, count};
  }
  /// Element i of a list of tables. Requires i < count.
  std::uint32_t table_in(FileList list, std::uint32_t i) { return follow(list.at + 4 * i); }
  /// Element i. Requires i < count, and a list of such elements.
  template <class T> T at(FileList list, std::uint32_t i) const { return load<T>(list.at + i * static_cast<std::uint32_t>(sizeof(T))); }
  template <class T> std::span<const T> span(FileList list) const { return {reinterpret_cast<const T*>(address(list.at)), list.count}; }
  std::string_view text(std::uint32_t table, unsigned field) {
    const FileList characters = list(table, field, 1);
    return {reinterpret_cast<const char*>(address(characters.at)), characters.count};
  }
  std::uint32_t root() { return holds(0, 8) ? follow_from(0) : broken(); }

 private:
  bool holds(std::uint32_t at, std::uint32_t bytes) const { return at < size_ && bytes <= size_ - at; }
  std::uint32_t broken() {
    is_broken_ = true;
    return 0;
  }
  template <class T> T load(std::uint32_t at) const {
    T value;
    std::memcpy(&value, data_ + at, sizeof(T));
    return value;
  }
  std::uint32_t follow(std::uint32_t at) { return at != 0 ? follow_from(at) : 0; }
  /// Requires four bytes there. What is found has at least four, too.
  TFL_NOINLINE std::uint32_t follow_from(std::uint32_t at) {
    const std::uint32_t distance = load<std::uint32_t>(at);
    return distance != 0 && distance < size_ - at && (at + distance) % 4 == 0 && holds(at + distance, 4) ? at + distance : broken();
  }

  const std::byte* data_ = nullptr;
  std::uint32_t size_ = 0;
  bool is_broken_ = false;
};

/// Whether the node's options table is sound: what Options::read() reads. The node's own fields have been checked.
template <BuiltinOperator Code> bool options_are_sound(std::span<const std::byte> file, const schema::Operator& node) {
  using Table = typename OptionsTable<Code>::type;
  if constexpr (std::is_void_v<Table>) {
    return true;
  } else {
    const Table* table = options_of<Table>(node);
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
    return table == nullptr || table->Verify(verifier);
  }
}
template <> inline bool options_are_sound<BuiltinOperator::CUSTOM>(std::span<const std::byte>, const schema::Operator&) {
  return true;  // bytes, which CustomOptions checks
}

}  // namespace tfl
