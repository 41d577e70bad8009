// A header with a quantization that the op refuses.
// expect: node_0_SOFTMAX
// expect: must have scale 1/256 and zero point -128
// errors GNU: 2

#include "tfl/kernels/softmax.hpp"
#include "tfl/plan/static_plan.hpp"

struct model {
  alignas(16) static constexpr unsigned char weights[1] = {};
  static constexpr tfl::plan::Tensor tensors[] = {
      {.type = tfl::TensorType::int8, .shape = {1, 4}, .quantization = {.scale = 0.1f}, .arena_at = 0},
      {.type = tfl::TensorType::int8, .shape = {1, 4}, .quantization = {.scale = 1.0f / 128, .zero_point = -128}, .arena_at = 16},
  };
  struct node_0_SOFTMAX {
    using Op = tfl::Softmax;
    static constexpr Op::Options options{.beta = 1.0f};
    static constexpr tfl::plan::Indices<1> inputs{0}, outputs{1};
    static constexpr tfl::plan::Indices<0> intermediates{};
    static constexpr int version = 1;
  };
  using Nodes = tfl::plan::Nodes<node_0_SOFTMAX>;
  static constexpr tfl::plan::Indices<1> inputs{0}, outputs{1};
};

int main() { return static_cast<int>(tfl::StaticPlan<model>::arena_bytes); }
