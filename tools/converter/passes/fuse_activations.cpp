// fuse-activations: RELU, RELU6 and RELU_N1_TO_1 become part of the operator before them. Needs an operator that can clamp and does not
// yet, whose output nobody else reads, and for integers the same parameters on both sides. The clamped tensor keeps the name of the
// activation.

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

const char* clamp_of(const Node& node) {
  switch (node.operation.code()) {
    case B::RELU: return "RELU";
    case B::RELU6: return "RELU6";
    case B::RELU_N1_TO_1: return "RELU_N1_TO_1";
    default: return nullptr;
  }
}

bool can_clamp(const Node& node) {
  switch (node.operation.code()) {
    case B::CONV_2D:
    case B::DEPTHWISE_CONV_2D:
    case B::FULLY_CONNECTED:
    case B::ADD:
    case B::SUB:
    case B::MUL:
    case B::DIV:
    case B::AVERAGE_POOL_2D:
    case B::MAX_POOL_2D: return true;
    default: return false;
  }
}

bool is_number(TensorType type) { return type == TensorType::float32 || type == TensorType::int8 || type == TensorType::uint8; }

}  // namespace

bool fuse_activations(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) {
      const char* clamp = clamp_of(*node);
      Tensor* x = node->input(0);
      if (clamp == nullptr || x == nullptr || x->producer == nullptr || graph->only_user(x) == nullptr) continue;
      Tensor* output = node->output();
      if (!can_clamp(*x->producer) || activation_of(*x->producer) != "NONE" || !is_number(x->type) || !is_same_kind(*x, *output)) continue;
      x->producer->attributes.set("fused_activation_function", clamp);
      x->name = output->name;
      x->quantization = output->quantization;
      graph->erase(node);
      model.replace_uses(*graph, output, x);
      changed = true;
    }
  }
  return changed;
}

}  // namespace tfl::converter
