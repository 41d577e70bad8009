// Static plans of models with one node of every op that can have one.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "customizing.hpp"
#include "elementwise.hpp"
#include "hearing.hpp"
#include "plan/beside_interpreter.hpp"
#include "rearranging.hpp"
#include "summing.hpp"
#include "tfl/model/model.hpp"
#include "windowing.hpp"

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
TEST(OpModels, Hear) { expect_results_of_interpreter<hearing>("hearing"); }
TEST(OpModels, AreCustom) { expect_results_of_interpreter<customizing>("customizing"); }
TEST(OpModels, CutWindows) { expect_results_of_interpreter<windowing>("windowing"); }

/// What only interpreters run, besides ops on strings.
const std::set<std::string> only_interpreted{
    // They run other subgraphs, or keep resources.
    "IF", "WHILE", "CALL_ONCE", "CALL", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SCATTER",
    "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "HASHTABLE", "HASHTABLE_IMPORT", "HASHTABLE_FIND", "HASHTABLE_SIZE",
    // Data decide their outputs' shapes.
    "WHERE", "UNIQUE", "CTCBeamSearchDecoder",
    // Strings, again.
    "HASHTABLE_LOOKUP", "SKIP_GRAM", "tftext:WhitespaceTokenizer", "tftext:Ngrams",
    // They keep memory of their own between runs.
    "RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", "Multinomial", "RandomUniform", "RandomStandardNormal", "RandomUniformInt",
    "SignalFilterBankSpectralSubtraction", "SignalFramer", "SignalOverlapAdd", "SignalStacker", "SignalDelay", "odml.update_kv_cache"};

TEST(OpModels, LeaveNoOpOut) {
  std::set<std::string> in_models;
  for (const std::string path :
       {TFL_PLAN_MODELS "/moving", TFL_PLAN_MODELS "/gathering", TFL_PLAN_MODELS "/remembering", TFL_PLAN_MODELS "/folding",
        TFL_PLAN_MODELS "/joining", TFL_PLAN_MODELS "/bordering", TFL_PLAN_MODELS "/elementwise", TFL_PLAN_MODELS "/rearranging",
        TFL_PLAN_MODELS "/summing", TFL_PLAN_MODELS "/hearing", TFL_PLAN_MODELS "/customizing", TFL_PLAN_MODELS "/windowing",
        TFL_PLAN_MODELS "/integers", TFL_DIGITS "/digits_int8", TFL_DIGITS "/digits_float"}) {
    auto model = tfl::Model::from_file((path + ".tflite").c_str());
    ASSERT_TRUE(model) << model.message();
    for (const tfl::GraphNode& node : model->subgraphs()[0].nodes) in_models.emplace(node.name());
  }
  for (const tfl::OpEntry& entry : tfl::test::all_entries()) {
    if (entry.for_strings) continue;
    const std::string name(entry.name());
    EXPECT_EQ(in_models.count(name), only_interpreted.count(name) == 0 ? 1u : 0u) << name;
  }
}

}  // namespace
