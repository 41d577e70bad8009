#include "tfl/core/status.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace {

using tfl::Error;
using tfl::ErrorCode;
using tfl::Result;
using tfl::Violation;

TEST(Error, SaysWhatAndWhere) {
  Error error(ErrorCode::invalid_shape, "node ");
  error.at(1, 5, 7) << 5 << ": broken";
  EXPECT_EQ(error.code(), ErrorCode::invalid_shape);
  EXPECT_EQ(error.message(), "node 5: broken");
  EXPECT_EQ(error.subgraph(), 1);
  EXPECT_EQ(error.node(), 5);
  EXPECT_EQ(error.tensor(), 7);
  const Error nowhere(ErrorCode::io, "gone");
  EXPECT_EQ(nowhere.subgraph(), -1);
  EXPECT_EQ(nowhere.node(), -1);
  EXPECT_EQ(nowhere.tensor(), -1);
}

TEST(Error, LongSentencesAreCut) {
  Error error(ErrorCode::io);
  for (int i = 0; i < 1000; ++i) error << "word ";
  EXPECT_GT(error.message().size(), 400u);
  EXPECT_LT(error.message().size(), 600u);
}

Result<int> half(int x) {
  if (x % 2 != 0) return Error(ErrorCode::invalid_argument) << x << " is odd";
  return x / 2;
}

TEST(Result, IsAValueOrAnError) {
  auto good = half(8);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 4);
  EXPECT_EQ(good.value(), 4);
  const auto bad = half(3);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.message(), "3 is odd");
  EXPECT_EQ(bad.error().code(), ErrorCode::invalid_argument);
}

/// Counts its living objects.
struct Counted {
  static inline int alive = 0;
  int value;
  explicit Counted(int v) : value(v) { ++alive; }
  Counted(Counted&& other) noexcept : value(other.value) { ++alive; }
  Counted& operator=(Counted&&) = default;
  ~Counted() { --alive; }
};

TEST(Result, OwnsItsValue) {
  {
    Result<Counted> a(Counted(1));
    Result<Counted> b = std::move(a);
    EXPECT_EQ(b->value, 1);
    Result<Counted> c(Error(ErrorCode::io, "none"));
    c = std::move(b);  // an error becomes a value
    ASSERT_TRUE(c);
    EXPECT_EQ(c->value, 1);
    c = Result<Counted>(Error(ErrorCode::io, "gone"));  // and the other way
    EXPECT_FALSE(c);
    Counted out = *Result<Counted>(Counted(7));
    EXPECT_EQ(out.value, 7);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(Result, HoldsWhatOnlyMoves) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 5);
}

TEST(Result, OfNothing) {
  const Result<void> done;
  EXPECT_TRUE(done);
  const Result<void> failed(Error(ErrorCode::io, "no disk"));
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.message(), "no disk");
}

// Ops report rules in constant evaluation, too.
constexpr Result<int, Violation> positive(int x) {
  if (x <= 0) return tfl::input_violation(2, ErrorCode::invalid_value, "must be positive; {} is not", x);
  return x;
}
static_assert(positive(3) && *positive(3) == 3);
static_assert(!positive(-4) && positive(-4).error().index == 2 && positive(-4).error().values[0] == -4);
static_assert(!Violation{} && tfl::node_violation(ErrorCode::invalid_option, "x"));
static_assert(tfl::output_violation(1, ErrorCode::invalid_type, "x").operand == Violation::Operand::output);

}  // namespace
