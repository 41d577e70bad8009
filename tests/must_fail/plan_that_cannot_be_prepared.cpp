// A header with scales that no multiplier can hold: what prepare() says is told like what infer() says.
// expect: node_0_RELU
// expect: more than a factor of 2.30 apart
// errors GNU: 2

#include "tfl/kernels/activation.hpp"
#include "tfl/plan/static_plan.hpp"

struct model {
  alignas(16) static constexpr unsigned char weights[1] = {};
  static constexpr tfl::plan::Tensor tensors[] = {
      {.type = tfl::TensorType::int8, .shape = {4}, .quantization = {.scale = 1e9f}, .arena_at = 0},
      {.type = tfl::TensorType::int8, .shape = {4}, .quantization = {.scale = 1e-3f}, .arena_at = 16},
  };
  struct node_0_RELU {
    using Op = tfl::Relu;
    static constexpr Op::Options options{};
    static constexpr tfl::plan::Indices<1> inputs{0}, outputs{1};
    static constexpr tfl::plan::Indices<0> intermediates{};
    static constexpr int version = 1;
  };
  using Nodes = tfl::plan::Nodes<node_0_RELU>;
  static constexpr tfl::plan::Indices<1> inputs{0}, outputs{1};
};

int main() { return static_cast<int>(tfl::StaticPlan<model>::arena_bytes); }
