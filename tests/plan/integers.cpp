// Ops of bytes and of 16 bits as microcontrollers run them, with tables from the header: the bytes of the interpreter.

#include "integers.hpp"

#include <gtest/gtest.h>

#include "plan/beside_interpreter.hpp"
#include "tfl/model/model.hpp"

namespace {

TEST(Integers, GiveTheBytesOfTheInterpreter) {
  using Plan = tfl::StaticPlan<integers, tfl::PlanExtents::dynamic, tfl::PlanArena::member, tfl::simd::CortexM>;
  static_assert(Plan::packed_bytes > 0 && !Plan::has_start_up);
  static constinit Plan plan;
  auto model = tfl::Model::from_file(TFL_PLAN_MODELS "/integers.tflite");
  ASSERT_TRUE(model) << model.message();
  tfl::test::expect_same_results(plan, *model);
}

}  // namespace
