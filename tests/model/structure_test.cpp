// The walk over a file's tables by the schema's layout: its verdict is that of the code which flatc makes for each table.

#include "tfl/model/structure.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tfl/model/schema.hpp"

namespace tfl::detail {
namespace {

bool has_number(std::uint8_t field) { return field == table || field == tables || field == choice; }

/// Tables with all their fields, of random numbers and short lists, as the layout describes them.
class Writer {
 public:
  /// `chosen`: the member of `by_number` (a union) in the tables under this one; of other unions the first.
  flatbuffers::Offset<void> write(unsigned number, unsigned by_number, unsigned chosen) {
    struct Field {
      flatbuffers::voffset_t place;
      std::uint8_t kind;
      flatbuffers::uoffset_t offset;
      std::uint8_t value;
    };
    std::vector<Field> fields;
    const std::uint8_t* field = schema_fields;
    for (unsigned skipped = 0; skipped < number; ++field) {
      if (has_number(*field)) {
        ++field;
      } else if (*field == no_more) {
        ++skipped;
      }
    }
    flatbuffers::voffset_t place = 4;
    for (; *field != no_more; ++field, place = static_cast<flatbuffers::voffset_t>(place + 2)) {
      Field next{place, *field, 0, static_cast<std::uint8_t>(random_())};
      if (*field == 1 && field[1] == choice) next.value = static_cast<std::uint8_t>(field[2] == by_number ? chosen : 1);
      if (has_number(*field)) {
        const unsigned of = *++field;
        if (next.kind == choice) {
          const std::uint8_t* list = schema_unions;
          for (unsigned skipped = 0; skipped < of; ++skipped) list += 1 + *list;
          next.offset = write(list[of == by_number ? chosen : 1], by_number, chosen).o;
        } else {
          next.offset = write(of, by_number, chosen).o;
          if (next.kind == tables) next.offset = bytes_.CreateVector(std::vector{flatbuffers::Offset<void>(next.offset)}).o;
        }
      } else if (next.kind == text) {
        next.offset = bytes_.CreateString("ab").o;
      } else if (next.kind > list_of && next.kind < text) {
        const std::vector<std::uint8_t> elements(random_() % 3);
        const std::vector<std::uint16_t> doubles(elements.size());
        const std::vector<std::uint32_t> words(elements.size());
        const std::vector<std::uint64_t> longs(elements.size());
        switch (next.kind - list_of) {
          case 1: next.offset = bytes_.CreateVector(elements).o; break;
          case 2: next.offset = bytes_.CreateVector(doubles).o; break;
          case 4: next.offset = bytes_.CreateVector(words).o; break;
          default: next.offset = bytes_.CreateVector(longs).o;
        }
      }
      fields.push_back(next);
    }
    const auto start = bytes_.StartTable();
    for (const Field& f : fields) {
      if (f.offset != 0) bytes_.AddOffset(f.place, flatbuffers::Offset<void>(f.offset));
      if (f.kind == 1) bytes_.AddElement(f.place, f.value);
      if (f.kind == 2) bytes_.AddElement(f.place, std::uint16_t{f.value});
      if (f.kind == 4) bytes_.AddElement(f.place, std::uint32_t{f.value});
      if (f.kind == 8) bytes_.AddElement(f.place, std::uint64_t{f.value});
    }
    return flatbuffers::Offset<void>(bytes_.EndTable(start));
  }
  std::vector<std::uint8_t> file(flatbuffers::Offset<void> root) {
    bytes_.Finish(root, schema::ModelIdentifier());
    return {bytes_.GetBufferPointer(), bytes_.GetBufferPointer() + bytes_.GetSize()};
  }

 private:
  flatbuffers::FlatBufferBuilder bytes_;
  std::mt19937 random_{1};
};

bool flatbuffers_verdict(const std::vector<std::uint8_t>& file) {
  flatbuffers::Verifier verifier(file.data(), file.size(), 64, 10'000'000);
  return schema::VerifyModelBuffer(verifier);
}
bool verdict(const std::vector<std::uint8_t>& file) { return Structure(std::as_bytes(std::span(file))).is_sound(); }

/// On 32 bits flatbuffers' pointers wrap around: offsets in lists of tables, which lead forward, may lead back there.
bool agrees(const std::vector<std::uint8_t>& file) {
  const bool sound = verdict(file), theirs = flatbuffers_verdict(file);
  return sound == theirs || (sizeof(void*) == 4 && !sound);
}

TEST(Structure, VerdictIsThatOfFlatbuffers) {
  int refused = 0, passed = 0;
  for (unsigned number = 0, at = 0; at < sizeof(schema_unions); at += 1u + schema_unions[at], ++number) {
    for (unsigned chosen = 1; chosen <= schema_unions[at]; ++chosen) {
      Writer writer;
      std::vector<std::uint8_t> file = writer.file(writer.write(schema_root, number, chosen));
      ASSERT_TRUE(flatbuffers_verdict(file)) << "union " << number << ", member " << chosen;
      ASSERT_TRUE(verdict(file)) << "union " << number << ", member " << chosen;
      const std::size_t step = chosen == 1 ? 1 : 3;
      for (std::size_t i = 0; i < file.size(); i += step) {
        const std::uint8_t was = file[i];
        for (const int change : {0, 1, 2, 0x7f, 0xff, was ^ 4, was + 1}) {
          const auto value = static_cast<std::uint8_t>(change);
          if (i >= 4 && i < 8) continue;  // the identifier is the Verifier's
          file[i] = value;
          ASSERT_TRUE(agrees(file)) << "union " << number << ", member " << chosen << ", byte " << i << " is " << int{value};
          ++(flatbuffers_verdict(file) ? passed : refused);
        }
        file[i] = was;
      }
      for (std::size_t bytes = file.size(); bytes-- > 8;) {
        file.resize(bytes);
        ASSERT_TRUE(agrees(file)) << "union " << number << ", member " << chosen << ", " << bytes << " bytes";
      }
    }
  }
  EXPECT_GT(refused, 10'000);
  EXPECT_GT(passed, 10'000);
}

// schema_layout.hpp is made from the schema by hand: scripts/make_schema_layout.py.
TEST(Structure, LayoutIsThatOfTheSchema) {
  std::ifstream schema(TFL_SOURCE_DIR "/include/tfl/model/schema.fbs");
  std::string line;
  const std::regex table_start("table (\\w+) *\\{(.*\\})?"), union_start("union (\\w+) .*"), field_line(" *\\w+ *: *(\\w+).*;.*");
  std::set<std::string> unions;
  std::smatch match;
  std::vector<int> counts;
  for (bool in_table = false; std::getline(schema, line);) {
    if (std::regex_match(line, match, union_start)) unions.insert(match[1]);
    if (line.starts_with("table ")) {
      counts.push_back(0);
      in_table = true;
    } else if (in_table && std::regex_match(line, match, field_line)) {
      counts.back() += unions.count(match[1]) != 0 ? 2 : 1;
    } else if (in_table && std::regex_match(line, std::regex(" *\\w+ *: *\\[.*"))) {
      ++counts.back();
    }
    if (line.find('}') != std::string::npos) in_table = false;
  }
  std::vector<int> held(1);
  for (std::size_t i = 0; i < sizeof(schema_fields); ++i) {
    if (schema_fields[i] == no_more) {
      held.push_back(0);
    } else {
      ++held.back();
    }
    if (has_number(schema_fields[i])) ++i;
  }
  held.pop_back();
  EXPECT_EQ(held, counts);
}

}  // namespace
}  // namespace tfl::detail
