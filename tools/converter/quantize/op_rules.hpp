#pragma once
// Which operators run on integers, and what their operands are to quantization.

#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

struct QuantizationRule {
  enum class Scales : unsigned char {
    free,    // the output's parameters follow from its own range
    same,    // data only moves: the output has the parameters of its one data input
    joined,  // all inputs and the output share one set of parameters, that of the output's range
  };
  Scales scales = Scales::free;
  std::vector<std::size_t> activations{0};  // which inputs are quantized as activations; empty: all of them
  int weights = -1;                         // the input with constant weights
  int channel_axis = 0;                     // of the weights, where each output channel gets a scale of its own
  int bias = -1;
  bool int16 = true;  // whether kernels take int16 activations
};

/// The rule of the node's operator, or null where it has no integer kernel.
const QuantizationRule* quantization_rule(const Node& node);

/// The inputs that the rule quantizes as activations, as far as the node has them.
std::vector<std::size_t> activation_inputs(const Node& node, const QuantizationRule& rule);

}  // namespace tfl::converter
