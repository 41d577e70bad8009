#pragma once
// The tables and enumerations of schema.fbs, read from its text.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tfl::converter {

struct SchemaField {
  std::string name;
  std::string type;  // "int", "ActivationFunctionType": an element's type where is_vector
  bool is_vector = false;
  std::uint16_t id = 0;      // its slot in the table
  double default_value = 0;  // of a scalar
};

struct SchemaEnum {
  std::string underlying;  // "byte"
  std::vector<std::pair<std::string, std::int64_t>> values;
};

struct SchemaText {
  std::map<std::string, std::vector<SchemaField>, std::less<>> tables;
  std::map<std::string, SchemaEnum, std::less<>> enums;
  std::map<std::string, std::vector<std::string>, std::less<>> unions;  // the members, from number 1

  /// The schema that this program was built with; read once.
  static const SchemaText& get();
};

}  // namespace tfl::converter
