// Static plans of several models beside the interpreters, fed with any bytes.

#include "beside_plan.hpp"
#include "digits_float.hpp"
#include "digits_int8.hpp"
#include "draw.hpp"
#include "folding.hpp"
#include "gathering.hpp"
#include "joining.hpp"
#include "micro_ops.hpp"
#include "mixed_integers.hpp"
#include "mixed_reals.hpp"
#include "moving.hpp"
#include "ops.hpp"
#include "remembering.hpp"
#include "words.hpp"

namespace {

using namespace tfl;
using namespace tfl::fuzz;

template <class Plan> void run(const char* name, Way way, std::span<const std::uint8_t> raw) {
  static BesidePlan<Plan, NativeInterpreter, AnyMicroInterpreter<&native_entries>> beside(std::string(TFL_PLAN_MODELS "/") + name +
                                                                                          ".tflite");
  beside.run(way, raw);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Draw draw({data, size});
  const int which = draw.below(16);
  const Way way{draw.word()};
  const std::span<const std::uint8_t> raw = way.seed % 2 == 0 ? draw.rest() : std::span<const std::uint8_t>();
  switch (which) {
    case 0: run<StaticPlan<digits_int8>>("digits_int8", way, raw); break;
    case 1: run<StaticPlan<digits_float>>("digits_float", way, raw); break;
    case 2: run<StaticPlan<moving>>("moving", way, raw); break;
    case 3: run<StaticPlan<gathering>>("gathering", way, raw); break;
    case 4: run<StaticPlan<remembering>>("remembering", way, raw); break;
    case 5: run<StaticPlan<folding>>("folding", way, raw); break;
    case 6: run<StaticPlan<joining>>("joining", way, raw); break;
    case 7: run<StaticPlan<words>>("words", way, raw); break;
    case 8: run<StaticPlan<moving, PlanExtents::fixed>>("moving", way, raw); break;
    case 9: run<StaticPlan<words, PlanExtents::filters>>("words", way, raw); break;
    default:
      which % 2 == 0 ? run<StaticPlan<mixed_integers>>("mixed_integers", way, raw) : run<StaticPlan<mixed_reals>>("mixed_reals", way, raw);
  }
  return 0;
}
