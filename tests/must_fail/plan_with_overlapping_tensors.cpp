// A header that puts an output over an input that the kernel still reads.
// expect: tfl: this node's output overlaps a tensor that is still needed
// expect: node_0_FULLY_CONNECTED

#define TOY_HIDDEN_AT 0
#define TOY_PROBABILITIES_AT 0
#include "tests/support/toy_plan.hpp"

int main() { return static_cast<int>(tfl::StaticPlan<toy>::arena_bytes); }
