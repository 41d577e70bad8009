// A header that puts a tensor where vectors could not be loaded.
// expect: tfl: a tensor of this node lies neither within the weights nor at a multiple of the alignment in the arena, or in both
// expect: node_1_SOFTMAX

#define TOY_PROBABILITIES_AT 20
#include "tests/support/toy_plan.hpp"

int main() { return static_cast<int>(tfl::StaticPlan<toy>::arena_bytes); }
