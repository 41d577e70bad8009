#pragma once
// JSON as a plain value, so that only one source includes the parser.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tfl::converter {

class Json {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  /// Parses a text. Throws ImportError where it is no JSON or nested too deeply; `what` names it there.
  static Json parse(std::string_view text, const std::string& what);

  Json() = default;
  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_number() const { return kind_ == Kind::number; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_array() const { return kind_ == Kind::array; }
  bool is_object() const { return kind_ == Kind::object; }

  /// true, and numbers other than 0.
  bool boolean() const { return number_ != 0; }
  /// 0 for what is no number.
  double number() const { return number_; }
  /// Rounded towards zero and clamped to the type.
  std::int64_t integer() const;
  /// "" for what is no string.
  const std::string& text() const { return text_; }
  /// Nothing for what is no array.
  const std::vector<Json>& items() const { return items_; }
  const std::vector<std::pair<std::string, Json>>& members() const { return members_; }

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The member of an object, or null.
  const Json* find(std::string_view key) const;
  /// The member of an object, or a null value.
  const Json& operator[](std::string_view key) const;

 private:
  friend struct JsonReader;
  Kind kind_ = Kind::null;
  double number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;
};

}  // namespace tfl::converter
