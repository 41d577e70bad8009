// A header whose weights end before a tensor does.
// expect: tfl: a tensor of this node lies neither within the weights nor at a multiple of the alignment in the arena, or in both
// expect: node_0_FULLY_CONNECTED

#define TOY_WEIGHTS_AT 48
#include "tests/support/toy_plan.hpp"

int main() { return static_cast<int>(tfl::StaticPlan<toy>::arena_bytes); }
