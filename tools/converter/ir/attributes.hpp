#pragma once
// Attributes of nodes: what a source format or an options table of .tflite says about a node, by name.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tfl/core/type.hpp"

namespace tfl::converter {

using Bytes = std::vector<std::uint8_t>;

/// A constant as a value: type, shape and little-endian bytes (sub-byte types packed, strings as .tflite lays them out).
struct Literal {
  TensorType type = TensorType::none;
  std::vector<std::int32_t> shape{};
  std::shared_ptr<const Bytes> data{};
  friend bool operator==(const Literal& a, const Literal& b) {
    return a.type == b.type && a.shape == b.shape && (a.data == b.data || (a.data && b.data && *a.data == *b.data));
  }
};

/// Enumerations and types of .tflite are kept by name ("SAME", "RELU6", "FLOAT32"), subgraphs by their number in the Model.
using Attribute = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                               std::vector<std::string>, Literal, std::vector<Literal>>;

class Attributes {
 public:
  using Map = std::map<std::string, Attribute, std::less<>>;

  Attributes() = default;
  Attributes(std::initializer_list<Map::value_type> entries) : map_(entries) {}

  template <class T> const T* find(std::string_view name) const {
    const auto entry = map_.find(name);
    return entry == map_.end() ? nullptr : std::get_if<T>(&entry->second);
  }
  bool has(std::string_view name) const { return map_.find(name) != map_.end(); }

  bool boolean(std::string_view name, bool otherwise = false) const {
    if (const bool* value = find<bool>(name)) return *value;
    if (const std::int64_t* value = find<std::int64_t>(name)) return *value != 0;
    return otherwise;
  }
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const {
    if (const bool* value = find<bool>(name)) return *value ? 1 : 0;
    const std::int64_t* value = find<std::int64_t>(name);
    return value != nullptr ? *value : otherwise;
  }
  double real(std::string_view name, double otherwise = 0) const {
    if (const std::int64_t* value = find<std::int64_t>(name)) return static_cast<double>(*value);
    const double* value = find<double>(name);
    return value != nullptr ? *value : otherwise;
  }
  std::string text(std::string_view name, std::string_view otherwise = {}) const {
    const std::string* value = find<std::string>(name);
    return value != nullptr ? *value : std::string(otherwise);
  }
  std::vector<std::int64_t> integers(std::string_view name, std::vector<std::int64_t> otherwise = {}) const {
    const auto* value = find<std::vector<std::int64_t>>(name);
    return value != nullptr ? *value : std::move(otherwise);
  }

  void set(std::string name, Attribute value) { map_.insert_or_assign(std::move(name), std::move(value)); }
  void set(std::string name, const char* value) { set(std::move(name), Attribute(std::string(value))); }
  void set(std::string name, int value) { set(std::move(name), Attribute(std::int64_t{value})); }
  void erase(std::string_view name) {
    if (const auto entry = map_.find(name); entry != map_.end()) map_.erase(entry);
  }

  Map::const_iterator begin() const { return map_.begin(); }
  Map::const_iterator end() const { return map_.end(); }
  bool empty() const { return map_.empty(); }
  friend bool operator==(const Attributes&, const Attributes&) = default;

 private:
  Map map_;
};

}  // namespace tfl::converter
