#include "tools/converter/emit/options_table.hpp"

#include <algorithm>
#include <cctype>

#include "tools/converter/emit/schema_text.hpp"

namespace tfl::converter {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Table;
using flatbuffers::voffset_t;

/// Calls visit(T{}) with the C++ type of a scalar of the schema. False where it is none.
template <class Visit> bool with_scalar(std::string_view type, Visit visit) {
  const auto& enums = SchemaText::get().enums;
  if (const auto found = enums.find(type); found != enums.end()) type = found->second.underlying;
  if (type == "bool" || type == "ubyte" || type == "uint8") return visit(std::uint8_t{}), true;
  if (type == "byte" || type == "int8") return visit(std::int8_t{}), true;
  if (type == "short" || type == "int16") return visit(std::int16_t{}), true;
  if (type == "ushort" || type == "uint16") return visit(std::uint16_t{}), true;
  if (type == "int" || type == "int32") return visit(std::int32_t{}), true;
  if (type == "uint" || type == "uint32") return visit(std::uint32_t{}), true;
  if (type == "long" || type == "ulong" || type == "int64" || type == "uint64") return visit(std::int64_t{}), true;
  if (type == "float" || type == "float32") return visit(float{}), true;
  if (type == "double" || type == "float64") return visit(double{}), true;
  return false;
}

const SchemaEnum* enum_of(const SchemaField& field) {
  const auto& enums = SchemaText::get().enums;
  const auto found = enums.find(field.type);
  return found == enums.end() ? nullptr : &found->second;
}

voffset_t slot_of(const SchemaField& field) { return flatbuffers::FieldIndexToOffset(field.id); }

bool is_real(const SchemaField& field) { return field.type == "float" || field.type == "double"; }

/// The scalar as an attribute; false where an enumeration lacks the value.
bool scalar_attribute(const SchemaField& field, double real, std::int64_t integer, Attribute& result) {
  if (const SchemaEnum* values = enum_of(field); values != nullptr) {
    for (const auto& [name, number] : values->values) {
      if (number == integer) return result = name, true;
    }
    return false;
  }
  if (field.type == "bool") {
    result = integer != 0;
  } else if (is_real(field)) {
    result = real;
  } else {
    result = integer;
  }
  return true;
}

void read_vector(const Table& table, const SchemaField& field, Attributes& attributes) {
  if (field.type == "string") {
    std::vector<std::string> texts;
    if (const auto* list = table.GetPointer<const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>*>(slot_of(field))) {
      for (const flatbuffers::String* text : *list) texts.push_back(text->str());
      attributes.set(field.name, std::move(texts));
    }
    return;
  }
  with_scalar(field.type, [&](auto zero) {
    using T = decltype(zero);
    const auto* list = table.GetPointer<const flatbuffers::Vector<T>*>(slot_of(field));
    if (list == nullptr) return;
    if constexpr (std::is_floating_point_v<T>) {
      attributes.set(field.name, std::vector<double>(list->begin(), list->end()));
    } else {
      attributes.set(field.name, std::vector<std::int64_t>(list->begin(), list->end()));
    }
  });
}

/// The attribute as a number, where it is one of the right kind.
bool number_of(const SchemaField& field, const Attribute& attribute, double& real, std::int64_t& integer) {
  if (const auto* flag = std::get_if<bool>(&attribute)) {
    integer = *flag ? 1 : 0;
    real = static_cast<double>(integer);
    return !is_real(field);
  }
  if (const auto* whole = std::get_if<std::int64_t>(&attribute)) {
    integer = *whole;
    real = static_cast<double>(integer);
    return true;
  }
  if (const auto* value = std::get_if<double>(&attribute)) {
    real = *value;
    return is_real(field);
  }
  const auto* text = std::get_if<std::string>(&attribute);
  const SchemaEnum* values = enum_of(field);
  if (text == nullptr || values == nullptr) return false;
  for (const auto& [name, number] : values->values) {
    if (name == *text) return integer = number, true;
  }
  return false;
}

/// A string or vector, written before the table begins; 0 where the attribute has another kind.
flatbuffers::uoffset_t write_object(FlatBufferBuilder& builder, const SchemaField& field, const Attribute& attribute) {
  if (!field.is_vector) {
    const auto* text = std::get_if<std::string>(&attribute);
    return text != nullptr ? builder.CreateString(*text).o : 0;
  }
  if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute); texts != nullptr) {
    return field.type == "string" ? builder.CreateVectorOfStrings(*texts).o : 0;
  }
  flatbuffers::uoffset_t offset = 0;
  with_scalar(field.type, [&](auto zero) {
    using T = decltype(zero);
    if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&attribute); integers != nullptr) {
      std::vector<T> values;
      for (const std::int64_t value : *integers) values.push_back(static_cast<T>(value));
      offset = builder.CreateVector(values).o;
    } else if (const auto* reals = std::get_if<std::vector<double>>(&attribute); reals != nullptr && std::is_floating_point_v<T>) {
      std::vector<T> values;
      for (const double value : *reals) values.push_back(static_cast<T>(value));
      offset = builder.CreateVector(values).o;
    }
  });
  return offset;
}

std::string lower(std::string_view text, bool with_underscores) {
  std::string result;
  for (const char c : text) {
    if (c != '_' || with_underscores) result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

}  // namespace

Attributes read_options(const Table& table, std::string_view table_name, const std::string& where, Problems& problems) {
  Attributes attributes;
  const auto& tables = SchemaText::get().tables;
  const auto found = tables.find(table_name);
  if (found == tables.end()) return attributes;
  for (const SchemaField& field : found->second) {
    if (field.is_vector) {
      read_vector(table, field, attributes);
    } else if (field.type == "string") {
      const auto* text = table.GetPointer<const flatbuffers::String*>(slot_of(field));
      if (text != nullptr) attributes.set(field.name, text->str());
    } else {
      with_scalar(field.type, [&](auto zero) {
        using T = decltype(zero);
        const T otherwise = static_cast<T>(field.default_value);
        const T value = table.GetField<T>(slot_of(field), otherwise);
        if (value == otherwise) return;
        Attribute attribute;
        if (scalar_attribute(field, static_cast<double>(value), static_cast<std::int64_t>(value), attribute)) {
          attributes.set(field.name, std::move(attribute));
        } else {
          problems.add(where, "its option " + field.name + " has the value " + std::to_string(value) + ", which " + field.type + " lacks");
        }
      });
    }
  }
  return attributes;
}

std::string_view options_table_name(std::uint8_t number, bool second_union) {
  const auto& members = SchemaText::get().unions.find(second_union ? "BuiltinOptions2" : "BuiltinOptions")->second;
  return number == 0 || number > members.size() ? std::string_view() : std::string_view(members[number - 1U]);
}

std::string_view options_table_of(BuiltinOperator code) {
  using B = BuiltinOperator;
  switch (code) {  // those that share a table or go by another name
    case B::AVERAGE_POOL_2D:
    case B::MAX_POOL_2D:
    case B::L2_POOL_2D: return "Pool2DOptions";
    case B::L2_NORMALIZATION: return "L2NormOptions";
    case B::RNN: return "RNNOptions";
    case B::UNIDIRECTIONAL_SEQUENCE_RNN: return "SequenceRNNOptions";
    case B::MEAN:
    case B::SUM:
    case B::REDUCE_PROD:
    case B::REDUCE_MAX:
    case B::REDUCE_MIN:
    case B::REDUCE_ANY:
    case B::REDUCE_ALL: return "ReducerOptions";
    case B::MAXIMUM:
    case B::MINIMUM: return "MaximumMinimumOptions";
    case B::CONV_3D_TRANSPOSE: return "Conv3DOptions";
    case B::RANDOM_STANDARD_NORMAL:
    case B::RANDOM_UNIFORM:
    case B::MULTINOMIAL: return "RandomOptions";
    default: break;
  }
  const std::string wanted = lower(name_of(code), false) + "options";
  for (const char* members : {"BuiltinOptions", "BuiltinOptions2"}) {
    for (const std::string& name : SchemaText::get().unions.find(members)->second) {
      if (lower(name, true) == wanted) return name;
    }
  }
  return {};
}

OperatorOptions write_options(FlatBufferBuilder& builder, const Node& node, Problems& problems) {
  const std::string_view name = options_table_of(node.operation.code());
  const SchemaText& schema = SchemaText::get();
  const auto found = schema.tables.find(name);
  static const std::vector<SchemaField> no_fields;
  const std::vector<SchemaField>& fields = found == schema.tables.end() ? no_fields : found->second;
  for (const auto& entry : node.attributes) {
    const std::string& attribute = entry.first;
    if (std::none_of(fields.begin(), fields.end(), [&](const SchemaField& field) { return field.name == attribute; }))
      problems.add(node.where(), "its attribute " + attribute + " is no option of " + std::string(node.operation.name()) + " in .tflite");
  }
  if (fields.empty()) return {};

  std::vector<flatbuffers::uoffset_t> objects(fields.size(), 0);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!fields[i].is_vector && fields[i].type != "string") continue;
    const auto value =
        std::find_if(node.attributes.begin(), node.attributes.end(), [&](const auto& a) { return a.first == fields[i].name; });
    if (value == node.attributes.end()) continue;
    objects[i] = write_object(builder, fields[i], value->second);
    if (objects[i] == 0) problems.add(node.where(), "its attribute " + fields[i].name + " must be a list of " + fields[i].type);
  }
  const flatbuffers::uoffset_t start = builder.StartTable();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const SchemaField& field = fields[i];
    if (objects[i] != 0) builder.AddOffset(slot_of(field), flatbuffers::Offset<void>(objects[i]));
    if (field.is_vector || field.type == "string") continue;
    for (const auto& [attribute, value] : node.attributes) {
      if (attribute != field.name) continue;
      double real = 0;
      std::int64_t integer = 0;
      if (!number_of(field, value, real, integer)) {
        problems.add(node.where(), "its attribute " + attribute + " must be of type " + field.type);
        continue;
      }
      with_scalar(field.type, [&](auto zero) {
        using T = decltype(zero);
        builder.AddElement<T>(slot_of(field), std::is_floating_point_v<T> ? static_cast<T>(real) : static_cast<T>(integer),
                              static_cast<T>(field.default_value));
      });
    }
  }
  const flatbuffers::Offset<void> table(builder.EndTable(start));
  OperatorOptions options;
  const auto number_in = [&](const char* members) {
    const auto& list = schema.unions.find(members)->second;
    const auto at = std::find(list.begin(), list.end(), name);
    return at == list.end() ? 0 : static_cast<int>(at - list.begin()) + 1;
  };
  if (const int number = number_in("BuiltinOptions"); number != 0) {
    options.type = static_cast<schema::BuiltinOptions>(number);
    options.table = table;
  } else {
    options.type_2 = static_cast<schema::BuiltinOptions2>(number_in("BuiltinOptions2"));
    options.table_2 = table;
  }
  return options;
}

}  // namespace tfl::converter
