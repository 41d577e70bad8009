// The digit models as static plans: the bytes of the interpreter, whatever the compiler knows of the extents.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "digits_blob.hpp"
#include "digits_float.hpp"
#include "digits_int8.hpp"
#include "plan/beside_interpreter.hpp"
#include "tfl/model/model.hpp"

namespace {

using tfl::PlanArena;
using tfl::PlanExtents;
using tfl::StaticPlan;

tfl::Model model(const char* name) {
  auto loaded = tfl::Model::from_file((std::string(TFL_SOURCE_DIR "/examples/data/digits/") + name).c_str());
  EXPECT_TRUE(loaded) << loaded.message();
  return *loaded;
}

template <class Plan> class Digits : public ::testing::Test {};
using Plans =
    ::testing::Types<StaticPlan<digits_int8>, StaticPlan<digits_int8, PlanExtents::filters>, StaticPlan<digits_int8, PlanExtents::fixed>,
                     StaticPlan<digits_int8, PlanExtents::dynamic, PlanArena::member, tfl::simd::Scalar>, StaticPlan<digits_blob>>;
TYPED_TEST_SUITE(Digits, Plans);

TYPED_TEST(Digits, GiveTheBytesOfTheInterpreter) {
  static TypeParam plan;
  tfl::test::expect_same_results(plan, model("digits_int8.tflite"), 20);
}

template <class Plan> class FloatDigits : public ::testing::Test {};
using FloatPlans = ::testing::Types<StaticPlan<digits_float>, StaticPlan<digits_float, PlanExtents::fixed>>;
TYPED_TEST_SUITE(FloatDigits, FloatPlans);

TYPED_TEST(FloatDigits, GiveTheBytesOfTheInterpreter) {
  static TypeParam plan;
  tfl::test::expect_same_results(plan, model("digits_float.tflite"), 20);
}

TEST(StaticPlan, KnowsItsTensorsWhileCompiling) {
  using Plan = StaticPlan<digits_int8>;
  static Plan plan;
  const auto input = plan.input<0>();
  const auto output = plan.output<0>();
  static_assert(std::is_same_v<decltype(input)::element_type, std::int8_t> && input.size() == 64);
  static_assert(std::is_same_v<decltype(output)::element_type, const std::int8_t> && output.size() == 10);
  static_assert(decltype(output)::shape == tfl::Shape{1, 10} && decltype(output)::quantization.zero_point == -128);
  static_assert(Plan::arena_bytes >= 2 * 8 * 8 * 16 && Plan::arena_bytes < 64 * 1024);
  [[maybe_unused]] std::byte as_array_bound[Plan::arena_bytes];
}

TEST(StaticPlan, StaysInTheCallersArena) {
  using Plan = StaticPlan<digits_int8, PlanExtents::dynamic, PlanArena::callers>;
  struct Guarded {
    std::array<std::uint8_t, 256> before;
    Plan::Arena arena;
    std::array<std::uint8_t, 256> behind;
  };
  static Guarded memory;
  memory.before.fill(0xa5);
  memory.behind.fill(0xa5);
  Plan plan(memory.arena);
  static_assert(sizeof(Plan) < Plan::packed_bytes + 2 * tfl::block_alignment);
  tfl::test::expect_same_results(plan, model("digits_int8.tflite"));
  for (const auto& guard : {memory.before, memory.behind}) {
    for (const std::uint8_t byte : guard) EXPECT_EQ(byte, 0xa5);
  }
}

}  // namespace
