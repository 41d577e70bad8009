// Packed constants that are linked: the bytes that a plan would make at its start, and nothing left to do there.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "digits_int8.hpp"
#include "plan/beside_interpreter.hpp"
#include "tfl/model/model.hpp"

namespace {

using Packing = tfl::StaticPlan<digits_int8>;
using Plan =
    tfl::StaticPlan<digits_int8, tfl::PlanExtents::dynamic, tfl::PlanArena::member, tfl::simd::NativeArch, tfl::PlanPacking::linked>;

TEST(LinkedPlan, CostsNothingToStart) {
  static_assert(!Plan::has_start_up);
  static_assert(sizeof(Plan) < Plan::arena_bytes + 2 * tfl::block_alignment);
  static constinit Plan plan;
  static const Packing packing;
  const std::byte* linked = plan.packed_constants();
  EXPECT_TRUE(std::equal(linked, linked + Plan::packed_bytes, packing.packed_constants()));
  auto model = tfl::Model::from_file(TFL_SOURCE_DIR "/examples/data/digits/digits_int8.tflite");
  ASSERT_TRUE(model) << model.message();
  tfl::test::expect_same_results(plan, *model);
}

}  // namespace
