// archs: none
// Tensors of strings: as inputs, outputs and constants, in ops that move, compare and split them, and in hash tables.

#include "tfl/core/strings.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tfl/kernels/concatenation.hpp"
#include "tfl/kernels/gather.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/slice.hpp"
#include "tfl/kernels/split.hpp"
#include "tfl/kernels/strings.hpp"
#include "tfl/kernels/text.hpp"
#include "tfl/kernels/tile.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/runtime/for_strings.hpp"
#include "tfl/runtime/hash_tables.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::Shape;
using tfl::Strings;
using tfl::TensorType;
using Texts = std::vector<std::string>;

using Ops = tfl::OpRegistry<tfl::Gather, tfl::ForStrings<tfl::Gather>, tfl::ForStrings<tfl::Reshape>, tfl::ForStrings<tfl::Tile>,
                            tfl::ForStrings<tfl::Pack>, tfl::ForStrings<tfl::SplitV>, tfl::EqualStrings, tfl::NotEqualStrings,
                            tfl::HashtableLookup, tfl::SkipGram, tfl::WhitespaceTokenizer, tfl::Ngrams, tfl::Hashtable,
                            tfl::HashtableImport, tfl::HashtableFind, tfl::HashtableSize>;
using Interpreter = tfl::Interpreter<Ops>;

std::vector<std::byte> bytes_of(const Texts& texts) {
  std::int64_t characters = 0;
  for (const std::string& t : texts) characters += static_cast<std::int64_t>(t.size());
  const auto count = static_cast<std::int64_t>(texts.size());
  std::vector<std::byte> bytes(static_cast<std::size_t>(tfl::string_bytes_for(count, characters)));
  tfl::StringsWriter writer(bytes.data(), count);
  for (const std::string& t : texts) writer.add(t);
  return bytes;
}

/// One subgraph, built and run step by step.
class Net {
 public:
  tfl::ModelBuilder builder;

  int tensor(TensorType type, std::vector<std::int32_t> shape) {
    return builder.add_tensor({.name = "t", .type = type, .shape = std::move(shape)});
  }
  int strings(std::vector<std::int32_t> shape = {}) { return tensor(TensorType::string, std::move(shape)); }
  int constant_strings(const Texts& texts) {
    return builder.add_constant({.name = "c", .type = TensorType::string, .shape = {static_cast<std::int32_t>(texts.size())}},
                                bytes_of(texts));
  }
  template <class T> int constant(const std::vector<T>& values) {
    return builder.add_constant({.name = "c", .shape = {static_cast<std::int32_t>(values.size())}}, values);
  }
  /// Makes the interpreter; "" or the error.
  std::string make(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
    builder.set_inputs(std::move(inputs));
    builder.set_outputs(std::move(outputs));
    const std::vector<std::uint8_t> file = builder.finish();
    auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
    if (!model) return std::string(model.message());
    auto made = Interpreter::create(*model);
    if (!made) return std::string(made.message());
    interpreter.emplace_back(std::move(*made));
    return {};
  }
  std::string set(int i, const Texts& texts) {
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const auto r = interpreter[0].set_strings(i, views);
    return r ? std::string() : std::string(r.message());
  }
  std::string invoke() {
    const auto r = interpreter[0].invoke();
    return r ? std::string() : std::string(r.message());
  }
  Texts texts(int output = 0) {
    const auto out = interpreter[0].output_strings(output);
    if (!out) return {std::string(out.message())};
    Texts result;
    for (std::int64_t i = 0; i < interpreter[0].output_description(output).count(); ++i) result.emplace_back((*out)[i]);
    return result;
  }
  template <class T> std::vector<T> values(int output) {
    const auto out = interpreter[0].output<T>(output);
    return out ? std::vector<T>(out->begin(), out->end()) : std::vector<T>{};
  }
  const Shape& shape(int output = 0) { return interpreter[0].output_description(output).shape; }

  std::vector<Interpreter> interpreter;  // one, when made
};

TEST(StringBytes, AreValidOnlyWhenEveryStringLiesInside) {
  const std::vector<std::byte> good = bytes_of({"ab", "", "cde"});
  EXPECT_TRUE(Strings::valid(good, 3));
  EXPECT_EQ(Strings(good.data())[2], "cde");
  EXPECT_EQ(Strings(good.data())[3], "");
  EXPECT_EQ(Strings(good.data()).bytes(), static_cast<std::int64_t>(good.size()));
  EXPECT_FALSE(Strings::valid(good, 2));
  EXPECT_FALSE(Strings::valid(good, -1));
  EXPECT_FALSE(Strings::valid({}, 0));
  EXPECT_FALSE(Strings::valid(std::span(good).first(good.size() - 1), 3));
  for (const std::int32_t wrong : {-1, 0, 19, 1 << 30}) {  // each of the words that tell where strings are
    for (std::size_t word = 0; word < 5; ++word) {
      std::vector<std::byte> bad = good;
      std::memcpy(bad.data() + 4 * word, &wrong, 4);
      EXPECT_FALSE(Strings::valid(bad, 3)) << word << ": " << wrong;
    }
  }
  EXPECT_EQ(tfl::string_bytes_for(std::int64_t{1} << 30, 0), -1);
  EXPECT_EQ(tfl::string_bytes_for(1, std::int64_t{1} << 31), -1);
}

TEST(StringTensors, GoInAndOutOfGather) {
  Net net;
  const int x = net.strings({3}), y = net.strings();
  net.builder.add_operator(BuiltinOperator::GATHER, {x, net.constant<std::int32_t>({2, 0, 0, 1})}, {y},
                           [](auto& tables) { return tfl::schema::CreateGatherOptions(tables); });
  ASSERT_EQ(net.make({x}, {y}), "");
  for (const Texts& in : {Texts{"one", "", "three"}, Texts{std::string(1000, 'x'), "b", "c"}, Texts{"", "", ""}}) {
    ASSERT_EQ(net.set(0, in), "");
    ASSERT_EQ(net.invoke(), "");
    EXPECT_EQ(net.texts(), (Texts{in[2], in[0], in[0], in[1]}));
  }
  EXPECT_NE(net.set(0, {"too", "few"}).find("input 0 holds 3 strings, not 2"), std::string::npos);
  std::vector<std::byte> bad = bytes_of({"a", "b", "c"});
  bad[8] = std::byte{200};
  EXPECT_FALSE(net.interpreter[0].set_string_bytes(0, bad));
  EXPECT_FALSE(net.interpreter[0].output<float>(0));
  EXPECT_FALSE(net.interpreter[0].input<std::byte>(0));  // nobody writes offsets unseen
}

TEST(StringTensors, NotSetAreEmpty) {
  Net net;
  const int x = net.strings({40}), y = net.strings();
  net.builder.add_operator(BuiltinOperator::RESHAPE, {x, net.constant<std::int32_t>({8, 5})}, {y},
                           [](auto& tables) { return tfl::schema::CreateReshapeOptions(tables); });
  ASSERT_EQ(net.make({x}, {y}), "");
  ASSERT_EQ(net.invoke(), "");
  EXPECT_EQ(net.texts(), Texts(40));
  EXPECT_EQ(net.shape(), (Shape{8, 5}));
}

TEST(StringTensors, ConstantsAreVerifiedAndFolded) {
  Net net;
  const int y = net.strings();
  net.builder.add_operator(BuiltinOperator::TILE, {net.constant_strings({"a", "bc"}), net.constant<std::int32_t>({2})}, {y});
  ASSERT_EQ(net.make({}, {y}), "");
  EXPECT_EQ(net.interpreter[0].subgraph().nodes_to_run(), 0);
  ASSERT_EQ(net.invoke(), "");
  EXPECT_EQ(net.texts(), (Texts{"a", "bc", "a", "bc"}));

  Net damaged;
  std::vector<std::byte> bytes = bytes_of({"a", "bc"});
  bytes[4] = std::byte{255};
  const int c = damaged.builder.add_constant({.name = "c", .type = TensorType::string, .shape = {2}}, bytes);
  EXPECT_NE(damaged.make({}, {c}).find("tensor 0 'c' string[2] has damaged data"), std::string::npos);
}

TEST(StringTensors, SeveralInputsAndOutputs) {
  Net net;
  const int a = net.strings({2}), b = net.strings({2}), packed = net.strings(), first = net.strings(), second = net.strings();
  net.builder.add_operator(BuiltinOperator::PACK, {a, b, a}, {packed},
                           [](auto& tables) { return tfl::schema::CreatePackOptions(tables, 3, 1); });
  net.builder.add_operator(BuiltinOperator::SPLIT_V, {packed, net.constant<std::int32_t>({1, 2}), net.constant<std::int32_t>({1})},
                           {first, second}, [](auto& tables) { return tfl::schema::CreateSplitVOptions(tables, 2); });
  ASSERT_EQ(net.make({a, b}, {first, second}), "");
  ASSERT_EQ(net.set(0, {"a0", "a1"}), "");
  ASSERT_EQ(net.set(1, {"b0", "b1"}), "");
  ASSERT_EQ(net.invoke(), "");
  EXPECT_EQ(net.texts(0), (Texts{"a0", "a1"}));
  EXPECT_EQ(net.texts(1), (Texts{"b0", "a0", "b1", "a1"}));
}

TEST(StringTensors, IndicesOutsideAreRefused) {
  Net net;
  const int x = net.strings({2}), i = net.tensor(TensorType::int32, {1}), y = net.strings();
  net.builder.add_operator(BuiltinOperator::GATHER, {x, i}, {y}, [](auto& tables) { return tfl::schema::CreateGatherOptions(tables); });
  ASSERT_EQ(net.make({x, i}, {y}), "");
  for (const std::int32_t index : {2, -1}) {
    ASSERT_EQ(net.set(0, {"a", "b"}), "");
    (*net.interpreter[0].input<std::int32_t>(1))[0] = index;
    EXPECT_NE(net.invoke().find("must hold indices from 0 to 1"), std::string::npos);
  }
}

TEST(EqualStrings, Broadcast) {
  for (const bool equal : {true, false}) {
    Net net;
    const int a = net.strings({2, 1}), b = net.strings({3}), y = net.tensor(TensorType::boolean, {});
    if (equal) {
      net.builder.add_operator(BuiltinOperator::EQUAL, {a, b}, {y}, [](auto& tables) { return tfl::schema::CreateEqualOptions(tables); });
    } else {
      net.builder.add_operator(BuiltinOperator::NOT_EQUAL, {a, b}, {y},
                               [](auto& tables) { return tfl::schema::CreateNotEqualOptions(tables); });
    }
    ASSERT_EQ(net.make({a, b}, {y}), "");
    ASSERT_EQ(net.set(0, {"x", "yy"}), "");
    ASSERT_EQ(net.set(1, {"yy", "", "x"}), "");
    ASSERT_EQ(net.invoke(), "");
    EXPECT_EQ(net.shape(), (Shape{2, 3}));
    std::vector<bool> want{false, false, true, true, false, false};
    if (!equal) want.flip();
    EXPECT_EQ(net.values<bool>(0), want);
  }
}

TEST(HashtableLookup, GivesStringsOrNone) {
  Net net;
  const int y = net.strings(), hits = net.tensor(TensorType::uint8, {});
  net.builder.add_operator(
      BuiltinOperator::HASHTABLE_LOOKUP,
      {net.constant<std::int32_t>({5, -7, 9, 5}), net.constant<std::int32_t>({-7, 0, 5}), net.constant_strings({"m", "z", "five"})},
      {y, hits});
  ASSERT_EQ(net.make({}, {y, hits}), "");
  ASSERT_EQ(net.invoke(), "");
  EXPECT_EQ(net.texts(), (Texts{"five", "m", "", "five"}));
  EXPECT_EQ(net.values<std::uint8_t>(1), (std::vector<std::uint8_t>{1, 1, 0, 1}));
}

Texts skip_grams(const std::string& text, int size, int skip, bool all, std::string* error = nullptr) {
  Net net;
  const int x = net.strings({1}), y = net.strings();
  net.builder.add_operator(BuiltinOperator::SKIP_GRAM, {x}, {y},
                           [&](auto& tables) { return tfl::schema::CreateSkipGramOptions(tables, size, skip, all); });
  EXPECT_EQ(net.make({x}, {y}), "");
  EXPECT_EQ(net.set(0, {text}), "");
  const std::string got = net.invoke();
  if (error != nullptr) *error = got;
  return got.empty() ? net.texts() : Texts{};
}

TEST(SkipGram, LeavesWordsOut) {
  EXPECT_EQ(skip_grams("The quick  brown fox", 2, 0, false), (Texts{"The quick", "quick brown", "brown fox"}));
  EXPECT_EQ(skip_grams("a b c", 2, 1, false), (Texts{"a b", "a c", "b c"}));
  EXPECT_EQ(skip_grams("a b c", 2, 1, true), (Texts{"a b", "a c", "a", "b c", "b", "c"}));
  EXPECT_EQ(skip_grams("a b", 3, 1, true), Texts{});
  EXPECT_EQ(skip_grams("", 1, 0, false), Texts{});
  for (const int size : {0, -1, -2147483647}) EXPECT_EQ(skip_grams("a b", size, 2147483647, true), Texts{});
  EXPECT_EQ(skip_grams("a b", 2147483647, -5, true), Texts{});
}

TEST(SkipGram, TooManyGroupsAreAnError) {
  std::string words, error;
  for (int i = 0; i < 60; ++i) words += "w ";
  skip_grams(words, 30, 60, false, &error);
  EXPECT_NE(error.find("for its groups of words"), std::string::npos);
}

TEST(WhitespaceTokenizer, FillsUpOrTellsRows) {
  for (const bool ragged : {false, true}) {
    Net net;
    const int x = net.strings({1, 3}), y = net.strings(), outer = net.tensor(TensorType::int64, {}),
              inner = net.tensor(TensorType::int64, {});
    const std::vector<std::int32_t> outputs = ragged ? std::vector<std::int32_t>{y, outer, inner} : std::vector<std::int32_t>{y};
    net.builder.add_custom_operator("tftext:WhitespaceTokenizer", {x}, outputs);
    ASSERT_EQ(net.make({x}, outputs), "");
    ASSERT_EQ(net.set(0, {"  two\twords\n", "", "a\xe3\x80\x80\xc3\xbc b\xff lost"}), "");  // an ideographic space, an umlaut, no UTF-8
    ASSERT_EQ(net.invoke(), "");
    if (ragged) {
      EXPECT_EQ(net.texts(), (Texts{"two", "words", "a", "\xc3\xbc", "b"}));
      EXPECT_EQ(net.values<std::int64_t>(1), (std::vector<std::int64_t>{0, 3}));
      EXPECT_EQ(net.values<std::int64_t>(2), (std::vector<std::int64_t>{0, 2, 2, 5}));
    } else {
      EXPECT_EQ(net.texts(), (Texts{"two", "words", "", "", "", "", "a", "\xc3\xbc", "b"}));
      EXPECT_EQ(net.shape(), (Shape{1, 3, 3}));
    }
  }
}

/// {"axis": -1, "reduction_type": "STRING_JOIN", "string_separator": SEPARATOR, "width": 2}, as a FlexBuffer.
std::vector<std::uint8_t> ngram_options(char separator) {
  std::vector<std::uint8_t> b;
  const auto text = [&b](std::string_view s) {
    b.insert(b.end(), s.begin(), s.end());
    b.push_back(0);
  };
  const auto at = [&b] { return static_cast<std::uint8_t>(b.size()); };
  const std::uint8_t axis = at();
  text("axis");
  const std::uint8_t type_key = at();
  text("reduction_type");
  b.push_back(11);
  const std::uint8_t type = at();
  text("STRING_JOIN");
  const std::uint8_t separator_key = at();
  text("string_separator");
  b.push_back(1);
  const std::uint8_t separator_at = at();
  text(std::string_view(&separator, 1));
  const std::uint8_t width = at();
  text("width");
  const auto offset = [&](std::uint8_t to) { b.push_back(static_cast<std::uint8_t>(at() - to)); };
  b.push_back(4);  // keys
  const std::uint8_t keys = at();
  for (const std::uint8_t key : {axis, type_key, separator_key, width}) offset(key);
  offset(keys);
  b.push_back(1);
  b.push_back(4);  // values
  const std::uint8_t values = at();
  b.push_back(0xff);
  offset(type);
  offset(separator_at);
  b.push_back(2);
  for (const int packed : {1 << 2, 5 << 2, 5 << 2, 1 << 2}) b.push_back(static_cast<std::uint8_t>(packed));
  offset(values);
  b.push_back(9 << 2);
  b.push_back(1);
  return b;
}

TEST(Ngrams, JoinNeighbours) {
  Net net;
  const int x = net.strings({2, 3}), y = net.strings();
  net.builder.add_custom_operator("tftext:Ngrams", {x}, {y}, ngram_options('-'));
  ASSERT_EQ(net.make({x}, {y}), "");
  ASSERT_EQ(net.set(0, {"a", "b", "c", "d", "", "f"}), "");
  ASSERT_EQ(net.invoke(), "");
  EXPECT_EQ(net.texts(), (Texts{"a-b", "b-c", "d-", "-f"}));
  EXPECT_EQ(net.shape(), (Shape{2, 2}));
}

TEST(Ngrams, RowsThatSplitsTell) {
  Net net;
  const int x = net.strings({5}), splits = net.tensor(TensorType::int64, {4}), y = net.strings(), rows = net.tensor(TensorType::int64, {});
  net.builder.add_custom_operator("tftext:Ngrams", {x, splits}, {y, rows}, ngram_options(' '));
  ASSERT_EQ(net.make({x, splits}, {y, rows}), "");
  const auto run = [&](const std::vector<std::int64_t>& s) {
    EXPECT_EQ(net.set(0, {"a", "b", "c", "d", "e"}), "");
    auto in = net.interpreter[0].input<std::int64_t>(1);
    for (std::size_t i = 0; i < 4; ++i) (*in)[i] = s[i];
    return net.invoke();
  };
  ASSERT_EQ(run({0, 3, 4, 5}), "");
  EXPECT_EQ(net.texts(), (Texts{"a b", "b c"}));
  EXPECT_EQ(net.values<std::int64_t>(1), (std::vector<std::int64_t>{0, 2, 2, 2}));
  for (const std::vector<std::int64_t>& bad : {std::vector<std::int64_t>{0, 3, 2, 5}, {0, 3, 4, 6}, {-1, 3, 4, 5}}) {
    EXPECT_NE(run(bad).find("must rise from 0 to at most 5"), std::string::npos);
  }
}

TEST(Ngrams, RefuseDamagedOptions) {
  std::vector<std::uint8_t> options = ngram_options('-');
  for (std::size_t i = 0; i < options.size(); ++i) {  // whatever byte is wrong: an error or a result, never more
    for (const auto wrong : {std::uint8_t{0}, std::uint8_t{255}}) {
      std::vector<std::uint8_t> bad = options;
      bad[i] = wrong;
      Net net;
      const int x = net.strings({2, 3}), y = net.strings();
      net.builder.add_custom_operator("tftext:Ngrams", {x}, {y}, bad);
      if (net.make({x}, {y}).empty()) net.invoke();
    }
  }
  Net none;
  const int x = none.strings({2}), y = none.strings();
  none.builder.add_custom_operator("tftext:Ngrams", {x}, {y});
  EXPECT_NE(none.make({x}, {y}).find("has width 0, which must be positive"), std::string::npos);
}

/// A table of three words, asked for others, imported or not.
std::string find_in_table(bool imports, Texts& found, std::vector<std::int64_t>& size) {
  Net net;
  const int table = net.tensor(TensorType::resource, {1}), keys = net.constant<std::int64_t>({3, 1, 3, 2});
  net.builder.add_operator(BuiltinOperator::HASHTABLE, {}, {table}, [](auto& tables) {
    return tfl::schema::CreateHashtableOptions(tables, 4, tfl::schema::TensorType::INT64, tfl::schema::TensorType::STRING);
  });
  if (imports) {
    for (const Texts& values : {Texts{"three", "one", "again", "two"}, Texts{"w", "x", "y", "z"}}) {  // only the first import counts
      net.builder.add_operator(BuiltinOperator::HASHTABLE_IMPORT, {table, keys, net.constant_strings(values)}, {});
    }
  }
  const int wanted = net.tensor(TensorType::int64, {3}), y = net.strings(), count = net.tensor(TensorType::int64, {});
  net.builder.add_operator(BuiltinOperator::HASHTABLE_FIND, {table, wanted, net.constant_strings({"none"})}, {y});
  net.builder.add_operator(BuiltinOperator::HASHTABLE_SIZE, {table}, {count});
  if (const std::string error = net.make({wanted}, {y, count}); !error.empty()) return error;
  auto in = net.interpreter[0].input<std::int64_t>(0);
  for (std::size_t i = 0; i < 3; ++i) (*in)[i] = static_cast<std::int64_t>(i) + 2;
  const std::string error = net.invoke();
  found = net.texts();
  size = net.values<std::int64_t>(1);
  return error;
}

TEST(Hashtable, FindsWhatWasImportedFirst) {
  Texts found;
  std::vector<std::int64_t> size;
  ASSERT_EQ(find_in_table(true, found, size), "");
  EXPECT_EQ(found, (Texts{"two", "three", "none"}));
  EXPECT_EQ(size, (std::vector<std::int64_t>{3}));
  EXPECT_NE(find_in_table(false, found, size).find("is a hash table that nothing was imported to yet"), std::string::npos);
}

}  // namespace
