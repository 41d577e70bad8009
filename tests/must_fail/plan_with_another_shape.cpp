// A header whose shapes are not those that the op infers.
// expect: tfl: the header gives an output of this node another shape or type than its op infers
// expect: node_0_FULLY_CONNECTED

#define TOY_HIDDEN_SHAPE \
  { 1, 5 }
#include "tests/support/toy_plan.hpp"

int main() { return static_cast<int>(tfl::StaticPlan<toy>::arena_bytes); }
