// docs/ops.md says what the registry holds: made from it here, compared, and with TFL_UPDATE_DOCS=1 in the environment written anew.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "tfl/runtime/all_ops.hpp"

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

const fs::path source_dir = TFL_SOURCE_DIR;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The tensor types that a name in a Signature stands for: "" for inputs that no kernel reads.
template <class T> std::string type_name() {
  if constexpr (std::is_same_v<T, tfl::Unread>) {
    return {};
  } else {
    using E = tfl::detail::ElementOf<T>;
    std::string name;
    int matching = 0;
    for (int t = 0; t < tfl::tensor_type_count; ++t) {
      if (!E::matches(static_cast<tfl::TensorType>(t))) continue;
      name = tfl::name_of(static_cast<tfl::TensorType>(t));
      ++matching;
    }
    if (matching == 1) return name;
    return matching == tfl::tensor_type_count ? "any" : "any of " + std::to_string(sizeof(typename E::type)) + " bytes";
  }
}

/// What is said of a signature: the type of the data, and that of the weights where it is another one.
std::string describe(tfl::BuiltinOperator code, Names inputs, const Names& outputs) {
  using enum tfl::BuiltinOperator;
  if (code == TRANSPOSE_CONV && inputs.size() > 2) inputs = {inputs[2], inputs[1]};  // the output's shape comes first
  const bool has_weights = code == CONV_2D || code == DEPTHWISE_CONV_2D || code == TRANSPOSE_CONV || code == FULLY_CONNECTED ||
                           code == BATCH_MATMUL || code == LSTM || code == UNIDIRECTIONAL_SEQUENCE_LSTM || code == SVDF;
  const bool converts = code == CAST || code == QUANTIZE || code == DEQUANTIZE;
  if (code == EMBEDDING_LOOKUP || code == EMBEDDING_LOOKUP_SPARSE || code == ONE_HOT) return outputs[0];  // the first inputs are indices
  std::string text;
  for (const std::string& type : inputs) {
    if (type.empty()) continue;
    text = type;
    break;
  }
  if (text.empty()) text = inputs.empty() && !outputs.empty() ? outputs[0] : "any";
  if (has_weights && inputs.size() > 1 && inputs[1] != inputs[0]) text += " x " + inputs[1];
  if (converts && outputs[0] != text) text += " to " + outputs[0];
  return text;
}

template <class S> struct Describe;
template <class... T, class... G> struct Describe<tfl::Signature<tfl::Takes<T...>, tfl::Gives<G...>>> {
  static std::string of(tfl::BuiltinOperator code) { return describe(code, {type_name<T>()...}, {type_name<G>()...}); }
};
template <class S> struct DescribeAll;
template <class... S> struct DescribeAll<tfl::Signatures<S...>> {
  static Names of(tfl::BuiltinOperator code) { return {Describe<S>::of(code)...}; }
};

struct Row {
  std::string name;
  tfl::BuiltinOperator code{};
  int version = 0;
  Names types;
};
template <class Registry> struct Rows;
template <class... Ops> struct Rows<tfl::OpRegistry<Ops...>> {
  template <class Op> static Row of() {
    const std::string name(tfl::detail::custom_name_of<Op>());
    Row row{name.empty() ? tfl::name_of(Op::code) : name, Op::code, Op::max_version, {}};
    if constexpr (requires { typename Op::Types; }) {
      row.types = DescribeAll<typename Op::Types>::of(Op::code);
    } else {
      row.types = {"any"};  // works on whole tensors
    }
    return row;
  }
  /// One row for an operator, even if strings have a kernel of their own.
  static std::vector<Row> all() {
    std::vector<Row> rows;
    // Through pointers: an array of all rows, each with its destructors, takes a minute to compile.
    constexpr Row (*makers[])() = {&of<Ops>...};
    for (const auto make : makers) {
      const Row row = make();
      const auto same = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == row.name; });
      if (same == rows.end()) {
        rows.push_back(row);
      } else {
        same->version = std::max(same->version, row.version);
        same->types.insert(same->types.end(), row.types.begin(), row.types.end());
      }
    }
    return rows;
  }
};

/// "float32, int8": each once; the four sizes of plain moves in one word.
std::string list(Names types) {
  Names once;
  for (const std::string& t : types) {
    if (std::find(once.begin(), once.end(), t) == once.end()) once.push_back(t);
  }
  const Names sizes{"any of 1 bytes", "any of 2 bytes", "any of 4 bytes", "any of 8 bytes"};
  if (std::all_of(sizes.begin(), sizes.end(), [&](const auto& s) { return std::find(once.begin(), once.end(), s) != once.end(); })) {
    once.erase(std::remove_if(once.begin(), once.end(), [](const auto& t) { return t.rfind("any of", 0) == 0; }), once.end());
    once.insert(once.begin(), "any of whole bytes");
  }
  std::string text;
  for (const std::string& t : once) text += (text.empty() ? "" : ", ") + t;
  return text;
}

/// The header that says `BuiltinOperator::NAME`, or an op's custom name.
std::string header_of(const Row& row, const std::map<std::string, std::string>& headers) {
  const std::string wanted = row.code == tfl::BuiltinOperator::CUSTOM ? '"' + row.name + '"' : "BuiltinOperator::" + row.name;
  for (const auto& [name, text] : headers) {
    for (std::size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
      const char next = at + wanted.size() < text.size() ? text[at + wanted.size()] : ' ';
      if (std::isalnum(static_cast<unsigned char>(next)) == 0 && next != '_') return name;
    }
  }
  return "?";
}

std::string make_table() {
  std::map<std::string, std::string> headers;
  for (const auto& entry : fs::directory_iterator(source_dir / "include/tfl/kernels")) {
    headers["kernels/" + entry.path().filename().string()] = read_file(entry.path());
  }
  for (const auto& entry : fs::directory_iterator(source_dir / "include/tfl/runtime")) {
    headers["runtime/" + entry.path().filename().string()] = read_file(entry.path());
  }
  struct Others {
    std::string tflite, micro, xnnpack;
  };
  std::map<std::string, Others> others;
  std::ifstream facts(source_dir / "tests/docs/other_runtimes.txt");
  for (std::string line; std::getline(facts, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name;
    words >> name;
    words >> others[name].tflite >> others[name].micro >> others[name].xnnpack;
  }
  std::vector<Row> rows = Rows<tfl::AllOps>::all();
  const std::size_t ours = rows.size();
  for (const auto& [name, other] : others) {
    if (std::none_of(rows.begin(), rows.end(), [&](const Row& r) { return r.name == name; })) rows.push_back({name, {}, 0, {}});
  }
  const bool complete = rows.size() == ours;
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    const bool custom_a = a.code == tfl::BuiltinOperator::CUSTOM, custom_b = b.code == tfl::BuiltinOperator::CUSTOM;
    return custom_a != custom_b ? custom_b : a.name < b.name;
  });
  std::ostringstream out;
  out << "# Operators\n\n"
         "What each operator takes, and where its kernel is. `tests/docs/ops_test.cpp` makes this page from `AllOps`, and fails where it "
         "is\n"
         "not up to date (`TFL_UPDATE_DOCS=1` writes it anew). Types are those of the data, `x` those of the weights; a version includes\n"
         "all before it. TensorFlow Lite's newest version, TensorFlow Lite Micro and the XNNPACK delegate are those of August 2026; the\n"
         "delegate takes some forms only.\n\n";
  if (!complete) out << "Operators without a header are not there yet.\n\n";
  out << "| operator | header | types | versions | TensorFlow Lite | Micro | XNNPACK |\n|---|---|---|---|---|---|---|\n";
  for (const Row& row : rows) {
    const auto other = others.find(row.name);
    const auto versions = [](const std::string& newest) { return newest == "1" ? newest : "1-" + newest; };
    out << "| " << row.name << " | ";
    if (row.version > 0) {
      out << '`' << header_of(row, headers) << "` | " << list(row.types) << " | " << versions(std::to_string(row.version));
    } else {
      out << " | | ";
    }
    if (other == others.end()) {
      out << " | | | |\n";
    } else {
      out << " | " << versions(other->second.tflite) << " | " << other->second.micro << " | " << other->second.xnnpack << " |\n";
    }
  }
  return out.str();
}

TEST(Docs, OperatorsAreWhatTheRegistryHolds) {
  const fs::path page = source_dir / "docs/ops.md";
  const std::string table = make_table();
  if (std::getenv("TFL_UPDATE_DOCS") != nullptr) std::ofstream(page, std::ios::binary) << table;
  EXPECT_EQ(table.find("| `?` |"), std::string::npos) << "no header names one of the operators";
  // Line by line, so that the difference can be read.
  std::istringstream wanted(table), found(read_file(page));
  int number = 0;
  for (std::string want, have; std::getline(wanted, want); ++number) {
    std::getline(found, have);
    ASSERT_EQ(have, want) << "docs/ops.md, line " << number + 1 << ": run this test with TFL_UPDATE_DOCS=1";
  }
  EXPECT_EQ(read_file(page).size(), table.size());
}

TEST(Docs, NoVersionOfTensorFlowLiteIsMissing) {
  const std::string facts = read_file(source_dir / "tests/docs/other_runtimes.txt");
  for (const Row& row : Rows<tfl::AllOps>::all()) {
    if (row.code == tfl::BuiltinOperator::CUSTOM) continue;
    const std::size_t at = facts.find('\n' + row.name + ' ');
    if (at == std::string::npos) continue;
    EXPECT_GE(row.version, std::atoi(facts.c_str() + at + row.name.size() + 2)) << row.name;
  }
}

// A name in a file of tests is no proof, but what nobody names has no test.
TEST(Ops, EachHasATest) {
  std::string tests;
  for (const char* room : {"kernels", "runtime", "model"}) {
    for (const fs::directory_entry& file : fs::directory_iterator(source_dir / "tests" / room)) tests += read_file(file.path());
  }
  std::set<std::string> tested;
  const auto is_of_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (auto at = tests.begin(); at != tests.end();) {
    const auto end = std::find_if_not(at, tests.end(), is_of_name);
    tested.insert(std::string(at, end));
    at = std::find_if(end, tests.end(), is_of_name);
  }
  std::string list = read_file(source_dir / "include/tfl/runtime/all_ops.hpp");
  list = list.substr(list.find("using AllOps = OpRegistry<") + std::strlen("using AllOps = OpRegistry<"));
  int ops = 0;
  for (std::istringstream lines(list.substr(0, list.find(';'))); std::getline(lines, list);) {
    list = list.substr(0, list.find("//"));
    std::replace_if(list.begin(), list.end(), std::not_fn(is_of_name), ' ');
    std::string name;
    for (std::istringstream names(list); names >> name; ++ops) EXPECT_TRUE(tested.contains(name)) << name << " has no test";
  }
  EXPECT_GE(ops, static_cast<int>(tfl::AllOps::size));
}

}  // namespace
