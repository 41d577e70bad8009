// A header with weights that do not fit: the op's own rule is told, with its numbers.
// expect: node_0_FULLY_CONNECTED
// expect: elements do not divide into rows of {}, which the weights take
// expect: , 4, 5, 0
// errors GNU: 2

#define TOY_WEIGHTS_SHAPE \
  { 3, 5 }
#include "tests/support/toy_plan.hpp"

int main() { return static_cast<int>(tfl::StaticPlan<toy>::arena_bytes); }
