#include "tools/converter/emit/schema_text.hpp"

#include <cctype>
#include <cstdlib>

#include "tools/converter/emit/schema_fbs.hpp"

namespace tfl::converter {
namespace {

/// Names, numbers and single characters of the schema's language, without comments.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) { next(); }
  std::string_view token() const { return token_; }
  bool done() const { return token_.empty(); }
  std::string take() {
    std::string taken(token_);
    next();
    return taken;
  }
  bool take(std::string_view wanted) {
    if (token_ != wanted) return false;
    next();
    return true;
  }
  void skip_past(std::string_view wanted) {
    while (!done() && !take(wanted)) next();
  }

 private:
  static bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-'; }
  void next() {
    while (at_ < text_.size()) {
      if (text_.substr(at_, 2) == "//") {
        at_ = text_.find('\n', at_);
        if (at_ == std::string_view::npos) at_ = text_.size();
      } else if (std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
        ++at_;
      } else {
        break;
      }
    }
    std::size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    if (end == at_ && end < text_.size()) ++end;
    token_ = text_.substr(at_, end - at_);
    at_ = end;
  }

  std::string_view text_, token_;
  std::size_t at_ = 0;
};

SchemaEnum read_enum(Tokens& tokens) {
  SchemaEnum result;
  tokens.take(":");
  result.underlying = tokens.take();
  tokens.take("{");
  std::int64_t next = 0;
  while (!tokens.done() && !tokens.take("}")) {
    std::string name = tokens.take();
    if (tokens.take("=")) next = std::atoll(tokens.take().c_str());
    result.values.emplace_back(std::move(name), next++);
    tokens.take(",");
  }
  return result;
}

std::vector<std::string> read_union(Tokens& tokens) {
  std::vector<std::string> result;
  tokens.take("{");
  while (!tokens.done() && !tokens.take("}")) {
    result.push_back(tokens.take());
    tokens.take(",");
  }
  return result;
}

std::vector<SchemaField> read_table(Tokens& tokens, SchemaText& schema) {
  std::vector<SchemaField> result;
  tokens.take("{");
  std::uint16_t id = 0;
  while (!tokens.done() && !tokens.take("}")) {
    SchemaField field;
    field.name = tokens.take();
    tokens.take(":");
    field.is_vector = tokens.take("[");
    field.type = tokens.take();
    if (field.is_vector) tokens.take("]");
    if (tokens.take("=")) {
      const std::string value = tokens.take();
      field.default_value = value == "true" ? 1 : std::atof(value.c_str());
      if (const auto found = schema.enums.find(field.type); found != schema.enums.end()) {
        for (const auto& [name, number] : found->second.values) {
          if (name == value) field.default_value = static_cast<double>(number);
        }
      }
    }
    bool deprecated = false;
    if (tokens.take("(")) {
      while (!tokens.done() && !tokens.take(")")) deprecated = tokens.take() == "deprecated" || deprecated;
    }
    tokens.take(";");
    // A union takes two slots: which member, and the member.
    if (schema.unions.contains(field.type)) ++id;
    field.id = id++;
    if (!deprecated) result.push_back(std::move(field));
  }
  return result;
}

SchemaText read_schema(std::string_view text) {
  SchemaText schema;
  for (Tokens tokens(text); !tokens.done();) {
    const std::string what = tokens.take();
    if (what == "enum") {
      const std::string name = tokens.take();
      schema.enums[name] = read_enum(tokens);
    } else if (what == "union") {
      const std::string name = tokens.take();
      schema.unions[name] = read_union(tokens);
    } else if (what == "table") {
      const std::string name = tokens.take();
      schema.tables[name] = read_table(tokens, schema);
    } else {
      tokens.skip_past(";");
    }
  }
  return schema;
}

}  // namespace

const SchemaText& SchemaText::get() {
  static const SchemaText schema = read_schema(schema_fbs);
  return schema;
}

}  // namespace tfl::converter
