// The whole of a static plan as a microcontroller would link it; check_symbols.cmake looks at what it leaves open.

#include <new>

#include "digits_int8.hpp"

using Plan = tfl::StaticPlan<digits_int8, tfl::PlanExtents::dynamic, tfl::PlanArena::callers, tfl::simd::Scalar>;

extern "C" void plan_start(void* place, Plan::Arena& arena) { new (place) Plan(arena); }

extern "C" const std::int8_t* plan_run(Plan& plan, const std::int8_t* picture) {
  auto input = plan.input<0>();
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = picture[i];
  plan.invoke();
  return plan.output<0>().data();
}
