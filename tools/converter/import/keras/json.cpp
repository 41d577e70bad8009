// needs: exceptions
#include "tools/converter/import/keras/json.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tools/converter/import/import_error.hpp"

namespace tfl::converter {

/// Builds values while nlohmann's parser reads: no second tree, and the depth is known before any recursion.
struct JsonReader {
  static constexpr std::size_t deepest = 200;
  static constexpr std::size_t most_values = 20'000'000;

  Json root;
  std::vector<Json*> open;
  std::string next_key;
  std::string error;
  std::size_t count = 0;

  /// The place of the next value.
  Json* place() {
    if (++count > most_values) {
      error = "it holds too many values";
      return nullptr;
    }
    if (open.empty()) return &root;
    Json& parent = *open.back();
    if (parent.kind_ == Json::Kind::array) return &parent.items_.emplace_back();
    return &parent.members_.emplace_back(std::move(next_key), Json()).second;
  }
  bool put(Json::Kind kind, double number, std::string text = {}) {
    Json* value = place();
    if (value == nullptr) return false;
    value->kind_ = kind;
    value->number_ = number;
    value->text_ = std::move(text);
    return true;
  }
  bool begin(Json::Kind kind) {
    Json* value = place();
    if (value == nullptr) return false;
    if (open.size() == deepest) {
      error = "it is nested too deeply";
      return false;
    }
    value->kind_ = kind;
    open.push_back(value);
    return true;
  }
  bool close() {
    open.pop_back();
    return true;
  }

  // What nlohmann::json::sax_parse calls.
  bool null() { return put(Json::Kind::null, 0); }
  bool boolean(bool value) { return put(Json::Kind::boolean, value ? 1 : 0); }
  bool number_integer(std::int64_t value) { return put(Json::Kind::number, static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) { return put(Json::Kind::number, static_cast<double>(value)); }
  bool number_float(double value, const std::string&) { return put(Json::Kind::number, value); }
  bool string(std::string& value) { return put(Json::Kind::string, 0, std::move(value)); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool start_object(std::size_t) { return begin(Json::Kind::object); }
  bool start_array(std::size_t) { return begin(Json::Kind::array); }
  bool key(std::string& value) {
    next_key = std::move(value);
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    error = "it breaks off or is malformed at byte " + std::to_string(position);
    return false;
  }
};

Json Json::parse(std::string_view text, const std::string& what) {
  JsonReader reader;
  if (!nlohmann::json::sax_parse(text, &reader)) throw ImportError(what + " is no JSON that can be read: " + reader.error);
  return std::move(reader.root);
}

std::int64_t Json::integer() const {
  if (std::isnan(number_)) return 0;
  if (number_ >= 9.2e18) return std::numeric_limits<std::int64_t>::max();
  if (number_ <= -9.2e18) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(number_);
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members_) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::operator[](std::string_view key) const {
  static const Json nothing;
  const Json* found = find(key);
  return found != nullptr ? *found : nothing;
}

}  // namespace tfl::converter
