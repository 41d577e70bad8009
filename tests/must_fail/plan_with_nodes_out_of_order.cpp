// A header whose nodes run before their inputs are there.
// expect: tfl: this node reads a tensor before any node writes it
// expect: node_1_SOFTMAX

#define TOY_ORDER node_1_SOFTMAX, node_0_FULLY_CONNECTED
#include "tests/support/toy_plan.hpp"

int main() { return static_cast<int>(tfl::StaticPlan<toy>::arena_bytes); }
