// Static plans of models that are built for this test: one for each thing that a header can hold.

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "bordering.hpp"
#include "folding.hpp"
#include "fuzz/beside_plan.hpp"
#include "gathering.hpp"
#include "joining.hpp"
#include "moving.hpp"
#include "plan/beside_interpreter.hpp"
#include "remembering.hpp"
#include "support/micro_ops.hpp"
#include "tfl/model/model.hpp"

namespace {

using tfl::PlanArena;
using tfl::PlanExtents;
using tfl::StaticPlan;

tfl::Model model(const char* name) {
  auto loaded = tfl::Model::from_file((std::string(TFL_PLAN_MODELS "/") + name + ".tflite").c_str());
  EXPECT_TRUE(loaded) << loaded.message();
  return *loaded;
}

TEST(SmallModels, MovesData) {
  static StaticPlan<moving> plan;
  tfl::test::expect_same_results(plan, model("moving"));
  static StaticPlan<moving, PlanExtents::fixed> fixed;
  tfl::test::expect_same_results(fixed, model("moving"));
  EXPECT_STREQ(decltype(plan.input<0>())::name, "x \"quoted\"?\?/\n");
}

TEST(SmallModels, ReshapesAndOverwritesInPlace) {
  // PAD's output, its reshaped view and the negated numbers are one block.
  int blocks = 0;
  for (const tfl::plan::Tensor& t : moving::tensors) {
    for (const tfl::plan::Tensor& other : moving::tensors) {
      blocks += &t < &other && t.is_placed() && other.is_placed() && t.bytes() == 5 * 42 * 4 && other.bytes() == 5 * 42 * 4 &&
                        t.arena_at == other.arena_at
                    ? 1
                    : 0;
    }
  }
  EXPECT_EQ(blocks, 3) << "three tensors make three pairs";
}

TEST(SmallModels, JoinsAndSplitsWithoutCopies) {
  static_assert(std::is_same_v<joining::Nodes,
                               tfl::plan::Nodes<joining::node_0_NEG, joining::node_1_RELU, joining::node_2_NEG, joining::node_3_ADD>>);
  static StaticPlan<joining> plan;
  tfl::test::expect_same_results(plan, model("joining"));
}

TEST(SmallModels, GivesBordersToWindows) {
  static_assert(std::is_same_v<bordering::Nodes, tfl::plan::Nodes<bordering::node_0_CONV_2D, bordering::node_1_MAX_POOL_2D,
                                                                  bordering::node_2_NEG, bordering::node_3_PAD, bordering::node_4_ABS>>);
  static StaticPlan<bordering> plan;
  tfl::test::expect_same_results(plan, model("bordering"));
}

TEST(SmallModels, TellsWhenDataBreaksARule) {
  static StaticPlan<gathering> plan;
  static_assert(std::is_same_v<decltype(plan.invoke()), tfl::Violation>);
  plan.input<0>()[0] = 3;
  plan.input<0>()[1] = 0;
  EXPECT_FALSE(plan.invoke());
  const auto rows = plan.output<0>();
  EXPECT_EQ(std::vector<std::int8_t>(rows.begin(), rows.end()), (std::vector<std::int8_t>{10, 11, 12, 1, 2, 3}));
  plan.input<0>()[0] = 4;
  const tfl::Violation violation = plan.invoke();
  EXPECT_EQ(violation.code, tfl::ErrorCode::invalid_value) << violation.rule;
}

TEST(SmallModels, KeepsVariables) {
  StaticPlan<remembering> plan;
  tfl::test::expect_same_results(plan, model("remembering"), 6);
  plan.reset_variables();
  tfl::test::expect_same_results(plan, model("remembering"), 2);
}

TEST(SmallModels, ResetsVariablesOfACallersArena) {
  using Plan = StaticPlan<remembering, PlanExtents::dynamic, PlanArena::callers>;
  Plan::Arena arena;
  arena.bytes.fill(std::byte{0x7f});
  Plan plan(arena);
  tfl::test::expect_same_results(plan, model("remembering"));
}

TEST(SmallModels, HoldsFoldedConstants) {
  static_assert(std::is_same_v<folding::Nodes, tfl::plan::Nodes<folding::node_0_ADD>>);
  static_assert(!StaticPlan<folding>::has_start_up);
  static constinit StaticPlan<folding> plan;
  tfl::test::expect_same_results(plan, model("folding"));
}

/// fuzz_plan for a moment. What differs ends the program.
template <class Plan> void fuzz(const char* name, bool may_fail = false) {
  tfl::fuzz::BesidePlan<Plan, tfl::test::AnyInterpreter, tfl::test::AnyMicroInterpreter> beside(std::string(TFL_PLAN_MODELS "/") + name +
                                                                                                ".tflite");
  std::mt19937 random(1);
  int whole = 0;
  for (int k = 0; k < 300; ++k) {
    std::vector<std::uint8_t> bytes(random() % 2 * (1 + random() % 100));  // half of the time, drawn numbers
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random());
    whole += beside.run({static_cast<std::uint32_t>(random())}, bytes) ? 1 : 0;
  }
  EXPECT_EQ(whole < 300, may_fail) << name;
  EXPECT_GT(whole, 0) << name;
}
TEST(SmallModels, GiveTheBytesOfBothInterpretersForAnyNumbers) {
  fuzz<StaticPlan<moving>>("moving");
  fuzz<StaticPlan<gathering>>("gathering", true);
  fuzz<StaticPlan<remembering>>("remembering");
  fuzz<StaticPlan<folding>>("folding");
  fuzz<StaticPlan<joining>>("joining");
}

}  // namespace
