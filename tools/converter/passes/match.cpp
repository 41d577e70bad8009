#include "tools/converter/passes/match.hpp"

#include <algorithm>

namespace tfl::converter {

bool is_float_constant(const Tensor* tensor) {
  return tensor != nullptr && tensor->is_constant() && tensor->type == TensorType::float32 && tensor->sparsity == nullptr &&
         tensor->count() >= 0 && tensor->data->size() == static_cast<std::size_t>(tensor->count()) * sizeof(float);
}

std::optional<float> scalar_of(const Tensor* tensor) {
  if (!is_float_constant(tensor) || tensor->count() != 1) return {};
  return tensor->values<float>()[0];
}

std::vector<float> channel_values(const Tensor* tensor, std::int32_t channels, int most_rank) {
  if (!is_float_constant(tensor) || tensor->rank() > most_rank || channels <= 0) return {};
  const std::span<const float> values = tensor->values<float>();
  if (values.size() == 1) return std::vector<float>(static_cast<std::size_t>(channels), values[0]);
  if (tensor->shape.back() != channels || values.size() != static_cast<std::size_t>(channels)) return {};
  return {values.begin(), values.end()};
}

std::string activation_of(const Node& node) { return node.attributes.text("fused_activation_function", "NONE"); }

std::vector<std::int64_t> permutation_of(const Node& node) {
  if (!node.is(BuiltinOperator::TRANSPOSE) || node.input(0) == nullptr || node.input(1) == nullptr) return {};
  std::vector<std::int64_t> p = node.input(1)->integers();
  const auto rank = static_cast<std::int64_t>(p.size());
  if (rank != node.input(0)->rank()) return {};
  for (std::int64_t& axis : p) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return {};
  }
  return p;
}

bool is_same_kind(const Tensor& a, const Tensor& b) {
  const auto parameters = [](const Tensor& t) { return std::tie(t.quantization.scales, t.quantization.zero_points, t.quantization.axis); };
  return a.type == b.type && a.rank_known && b.rank_known && a.shape == b.shape && parameters(a) == parameters(b);
}

bool has_effects(const Node& node) {
  using B = BuiltinOperator;
  switch (node.operation.code()) {
    case B::CUSTOM:
    case B::CALL:
    case B::CALL_ONCE:
    case B::IF:
    case B::WHILE:
    case B::STABLEHLO_WHILE:
    case B::STABLEHLO_CUSTOM_CALL:
    case B::STABLEHLO_COMPOSITE:
    case B::ASSIGN_VARIABLE:
    case B::READ_VARIABLE:
    case B::VAR_HANDLE:
    case B::HASHTABLE:
    case B::HASHTABLE_FIND:
    case B::HASHTABLE_IMPORT:
    case B::HASHTABLE_SIZE:
    case B::RANDOM_STANDARD_NORMAL:
    case B::RANDOM_UNIFORM:
    case B::MULTINOMIAL:
    case B::STABLEHLO_RNG_BIT_GENERATOR:
    case B::DELEGATE: return true;
    default: break;
  }
  if (node.operation.is_source()) return true;
  return std::any_of(node.inputs().begin(), node.inputs().end(), [](const Tensor* t) { return t != nullptr && t->is_variable; });
}

std::vector<Node*> nodes_of(const Graph& graph) {
  std::vector<Node*> result;
  for (const auto& node : graph.nodes()) result.push_back(node.get());
  return result;
}

bool bypass(Model& model, Graph& graph, Node* node, Tensor* tensor) {
  Tensor* output = node->output();
  if (graph.is_output(output)) {
    if (tensor->producer == nullptr || graph.is_output(tensor)) return false;
    tensor->name = output->name;
  }
  graph.erase(node);
  model.replace_uses(graph, output, tensor);
  return true;
}

}  // namespace tfl::converter
