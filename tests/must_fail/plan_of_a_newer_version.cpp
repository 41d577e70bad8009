// A header for a later library.
// expect: tfl: this node's version is newer than this library knows
// expect: node_1_SOFTMAX

#define TOY_SOFTMAX_VERSION 99
#include "tests/support/toy_plan.hpp"

int main() { return static_cast<int>(tfl::StaticPlan<toy>::arena_bytes); }
