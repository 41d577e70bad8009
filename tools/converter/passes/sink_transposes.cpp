// sink-transposes: a TRANSPOSE goes behind the elementwise operators that follow it where another TRANSPOSE follows these, for
// merge-transposes to make one of both. Needs constant permutations. Leaves constants with one axis of more than one element turned.

#include <algorithm>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;
using Permutation = std::vector<std::int64_t>;

bool is_elementwise(const Node& node) {
  switch (node.operation.code()) {
    case B::RELU:
    case B::RELU6:
    case B::RELU_N1_TO_1:
    case B::RELU_0_TO_1:
    case B::LEAKY_RELU:
    case B::HARD_SWISH:
    case B::LOGISTIC:
    case B::TANH:
    case B::ELU:
    case B::GELU:
    case B::ABS:
    case B::NEG:
    case B::EXP:
    case B::LOG:
    case B::SQRT:
    case B::RSQRT:
    case B::SQUARE:
    case B::ADD:
    case B::SUB:
    case B::MUL:
    case B::DIV:
    case B::MAXIMUM:
    case B::MINIMUM:
    case B::SQUARED_DIFFERENCE: return node.outputs().size() == 1;
    default: return false;
  }
}

/// Whether what reads the tensor, and nobody else, is elementwise up to a TRANSPOSE.
bool leads_to_transpose(const Graph& graph, const Tensor* tensor) {
  const Node* user = graph.only_user(tensor);
  while (user != nullptr && is_elementwise(*user)) user = graph.only_user(user->output());
  return user != nullptr && user->is(B::TRANSPOSE);
}

/// A constant with at most one axis of more than one element, as it stands before the transpose.
Tensor* turned(Graph& graph, const Tensor* constant, const Permutation& p) {
  if (constant->sparsity != nullptr || constant->quantization.scales.size() > 1 || constant->shape.size() > p.size()) return nullptr;
  if (std::count_if(constant->shape.begin(), constant->shape.end(), [](std::int32_t d) { return d != 1; }) > 1) return nullptr;
  std::vector<std::int32_t> shape(p.size(), 1);
  const std::size_t lead = p.size() - constant->shape.size();
  for (std::size_t i = 0; i < constant->shape.size(); ++i) shape[static_cast<std::size_t>(p[lead + i])] = constant->shape[i];
  Tensor* result = graph.add_constant(constant->name, constant->type, std::move(shape), constant->data);
  result->quantization = constant->quantization;
  return result;
}

bool sink(Graph& graph, Node* transpose) {
  const Permutation p = permutation_of(*transpose);
  Node* user = p.empty() ? nullptr : graph.only_user(transpose->output());
  if (user == nullptr || !is_elementwise(*user) || has_effects(*transpose)) return false;
  Tensor* output = user->output();
  if (output->shape != transpose->output()->shape || output->quantization.scales.size() > 1) return false;
  if (graph.is_output(output) || !leads_to_transpose(graph, transpose->output())) return false;
  std::vector<Tensor*> inputs;
  std::vector<Node*> others{transpose};
  for (Tensor* input : user->inputs()) {
    if (input == nullptr) return false;
    if (input == transpose->output()) {
      inputs.push_back(transpose->input(0));
    } else if (input->is_constant()) {
      inputs.push_back(turned(graph, input, p));
      if (inputs.back() == nullptr) return false;
    } else {
      Node* other = input->producer;
      if (other == nullptr || permutation_of(*other) != p || graph.only_user(input) != user || input->shape != output->shape) return false;
      inputs.push_back(other->input(0));
      others.push_back(other);
    }
  }
  std::vector<std::int32_t> shape(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) shape[static_cast<std::size_t>(p[i])] = output->shape[i];
  Tensor* before = graph.add_tensor(output->name + "/channels", output->type, std::move(shape));
  before->quantization = output->quantization;
  Tensor* permutation = transpose->input(1);
  graph.set_inputs(user, std::move(inputs));
  graph.set_outputs(user, {before});
  graph.insert_after(user, B::TRANSPOSE, {before, permutation}, {output});
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  for (Node* other : others) graph.erase(other);
  return true;
}

}  // namespace

bool sink_transposes(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    // Again and again, since each step makes a new node.
    for (bool again = true; again;) {
      again = false;
      for (const auto& node : graph->nodes()) {
        if (!node->is(B::TRANSPOSE) || !sink(*graph, node.get())) continue;
        changed = again = true;
        break;
      }
    }
  }
  return changed;
}

}  // namespace tfl::converter
