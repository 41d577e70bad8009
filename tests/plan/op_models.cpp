// Static plans of models with one node of nearly every op that can have one.

#include <gtest/gtest.h>

#include <string>

#include "elementwise.hpp"
#include "plan/beside_interpreter.hpp"
#include "rearranging.hpp"
#include "summing.hpp"
#include "tfl/model/model.hpp"

namespace {

template <class Description> void expect_results_of_interpreter(const std::string& name) {
  auto model = tfl::Model::from_file((TFL_PLAN_MODELS "/" + name + ".tflite").c_str());
  ASSERT_TRUE(model) << model.message();
  static tfl::StaticPlan<Description> plan;
  tfl::test::expect_same_results(plan, *model);
}

TEST(OpModels, ComputeElementByElement) { expect_results_of_interpreter<elementwise>("elementwise"); }
TEST(OpModels, Rearrange) { expect_results_of_interpreter<rearranging>("rearranging"); }
TEST(OpModels, SumAndKeepVariables) { expect_results_of_interpreter<summing>("summing"); }

}  // namespace
