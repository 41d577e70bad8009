#include "tfl/core/text.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

namespace {

using tfl::Text;

TEST(Text, PutsPartsTogether) {
  Text<64> text;
  text << "node " << 5 << ' ' << std::string_view("CONV_2D") << ": " << -17;
  EXPECT_EQ(text.view(), "node 5 CONV_2D: -17");
}

TEST(Text, WritesEveryInteger) {
  const auto written = [](auto number) {
    Text<32> text;
    text << number;
    return std::string(text.view());
  };
  EXPECT_EQ(written(0), "0");
  EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(written(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
  EXPECT_EQ(written(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(written(std::numeric_limits<std::int32_t>::min()), "-2147483648");
  EXPECT_EQ(written(std::int8_t{-128}), "-128");
  EXPECT_EQ(written(std::uint8_t{200}), "200");
  EXPECT_EQ(written('x'), "x");
}

TEST(Text, IsCutWhereItIsFull) {
  Text<8> text;
  text << "0123456" << 789;
  EXPECT_EQ(text.view(), "01234567");
  text << 'x' << "more";
  EXPECT_EQ(text.view(), "01234567");
  EXPECT_EQ(std::strlen(text.view().data()), 8u);  // a C string even then
}

TEST(Text, WithoutRoomTakesNone) {
  Text<0> text;
  text << "nobody reads " << 7;
  EXPECT_EQ(text.view(), "");
}

constexpr std::size_t length() {
  Text<16> text;
  text << "a" << -12 << 'b';
  return text.view().size();
}
static_assert(length() == 5);

}  // namespace
