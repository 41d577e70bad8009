#pragma once
// A model as a header gives it, with one of its facts changed by a macro: FULLY_CONNECTED, then SOFTMAX in place.

#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/plan/static_plan.hpp"

#ifndef TOY_HIDDEN_SHAPE
#define TOY_HIDDEN_SHAPE \
  { 1, 3 }
#endif
#ifndef TOY_WEIGHTS_SHAPE
#define TOY_WEIGHTS_SHAPE \
  { 3, 4 }
#endif
#ifndef TOY_WEIGHTS_AT
#define TOY_WEIGHTS_AT 0
#endif
#ifndef TOY_HIDDEN_AT
#define TOY_HIDDEN_AT 16
#endif
#ifndef TOY_PROBABILITIES_AT
#define TOY_PROBABILITIES_AT 16
#endif
#ifndef TOY_ORDER
#define TOY_ORDER node_0_FULLY_CONNECTED, node_1_SOFTMAX
#endif
#ifndef TOY_SOFTMAX_VERSION
#define TOY_SOFTMAX_VERSION 1
#endif

struct toy {
  alignas(16) static constexpr unsigned char weights[80] = {};
  static constexpr tfl::plan::Tensor tensors[] = {
      /* 0 */ {.name = "x", .type = tfl::TensorType::float32, .shape = {1, 4}, .arena_at = 0},
      /* 1 */ {.name = "weights", .type = tfl::TensorType::float32, .shape = TOY_WEIGHTS_SHAPE, .weights_at = TOY_WEIGHTS_AT},
      /* 2 */ {.name = "hidden", .type = tfl::TensorType::float32, .shape = TOY_HIDDEN_SHAPE, .arena_at = TOY_HIDDEN_AT},
      /* 3 */ {.name = "probabilities", .type = tfl::TensorType::float32, .shape = {1, 3}, .arena_at = TOY_PROBABILITIES_AT},
  };
  struct node_0_FULLY_CONNECTED {
    using Op = tfl::FullyConnected;
    static constexpr Op::Options options{};
    static constexpr tfl::plan::Indices<2> inputs{0, 1};
    static constexpr tfl::plan::Indices<1> outputs{2};
    static constexpr tfl::plan::Indices<0> intermediates{};
    static constexpr int version = 1;
  };
  struct node_1_SOFTMAX {
    using Op = tfl::Softmax;
    static constexpr Op::Options options{.beta = 1.0f};
    static constexpr tfl::plan::Indices<1> inputs{2};
    static constexpr tfl::plan::Indices<1> outputs{3};
    static constexpr tfl::plan::Indices<0> intermediates{};
    static constexpr int version = TOY_SOFTMAX_VERSION;
  };
  using Nodes = tfl::plan::Nodes<TOY_ORDER>;
  static constexpr tfl::plan::Indices<1> inputs{0}, outputs{3};
};
