#include "tools/converter/quantize/op_rules.hpp"

namespace tfl::converter {

const QuantizationRule* quantization_rule(const Node& node) {
  using B = BuiltinOperator;
  using S = QuantizationRule::Scales;
  static const QuantizationRule convolution{S::free, {0}, 1, 0, 2};
  static const QuantizationRule depthwise{S::free, {0}, 1, 3, 2};
  static const QuantizationRule transpose_convolution{S::free, {2}, 1, 0, 3};
  static const QuantizationRule unary{S::free, {0}};
  static const QuantizationRule unary_byte{S::free, {0}, -1, 0, -1, false};
  static const QuantizationRule binary{S::free, {0, 1}};
  static const QuantizationRule binary_byte{S::free, {0, 1}, -1, 0, -1, false};
  static const QuantizationRule moved{S::same, {0}};
  static const QuantizationRule moved_byte{S::same, {0}, -1, 0, -1, false};
  static const QuantizationRule moved_second{S::same, {1}};
  static const QuantizationRule padded{S::same, {0, 2}};
  static const QuantizationRule joined{S::joined, {}};
  static const QuantizationRule chosen{S::joined, {1, 2}};
  switch (node.operation.code()) {
    case B::CONV_2D:
    case B::FULLY_CONNECTED: return &convolution;
    case B::DEPTHWISE_CONV_2D: return &depthwise;
    case B::TRANSPOSE_CONV: return &transpose_convolution;
    case B::SOFTMAX:
    case B::LOGISTIC:
    case B::TANH:
    case B::RELU:
    case B::RELU6:
    case B::LEAKY_RELU:
    case B::MEAN:
    case B::SUM:
    case B::ABS:
    case B::RSQRT: return &unary;
    case B::RELU_N1_TO_1:
    case B::RELU_0_TO_1:
    case B::HARD_SWISH:
    case B::ELU:
    case B::GELU:
    case B::LOG_SOFTMAX:
    case B::L2_NORMALIZATION: return &unary_byte;
    case B::ADD:
    case B::SUB:
    case B::MUL:
    case B::BATCH_MATMUL: return &binary;
    case B::DIV:
    case B::SQUARED_DIFFERENCE:
    case B::PRELU: return &binary_byte;
    case B::AVERAGE_POOL_2D:
    case B::MAX_POOL_2D:
    case B::RESHAPE:
    case B::SQUEEZE:
    case B::EXPAND_DIMS:
    case B::TRANSPOSE:
    case B::PAD:
    case B::MIRROR_PAD:
    case B::SLICE:
    case B::STRIDED_SLICE:
    case B::GATHER:
    case B::GATHER_ND:
    case B::SPLIT_V:
    case B::UNPACK:
    case B::RESIZE_BILINEAR:
    case B::RESIZE_NEAREST_NEIGHBOR:
    case B::SPACE_TO_BATCH_ND:
    case B::BATCH_TO_SPACE_ND:
    case B::REDUCE_MAX:
    case B::REDUCE_MIN: return &moved;
    case B::SPACE_TO_DEPTH:
    case B::DEPTH_TO_SPACE:
    case B::TILE:
    case B::BROADCAST_TO: return &moved_byte;
    case B::SPLIT: return &moved_second;
    case B::PADV2: return &padded;
    case B::CONCATENATION:
    case B::PACK:
    case B::MAXIMUM:
    case B::MINIMUM: return &joined;
    case B::SELECT:
    case B::SELECT_V2: return &chosen;
    default: return nullptr;
  }
}

std::vector<std::size_t> activation_inputs(const Node& node, const QuantizationRule& rule) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < node.inputs().size() && rule.activations.empty(); ++i) result.push_back(i);
  for (const std::size_t i : rule.activations) result.push_back(i);
  std::erase_if(result, [&](std::size_t i) { return node.input(i) == nullptr; });
  return result;
}

}  // namespace tfl::converter
