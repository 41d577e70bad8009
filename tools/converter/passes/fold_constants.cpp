// fold-constants: nodes whose inputs are all constants become constants, computed by the library's own kernels. SHAPE and RANK of a known
// shape do too. Leaves alone what would make the file larger (a FILL of a large tensor), weights stored as float16 or int8 behind
// DEQUANTIZE, and nodes that no kernel runs.

#include <algorithm>

#include "tools/converter/evaluate/evaluator.hpp"
#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

/// Up to this many bytes a constant may be larger than what it was made of.
constexpr std::int64_t small = 1 << 16;

bool is_foldable(const Node& node) {
  if (has_effects(node) || node.outputs().empty()) return false;
  if (node.is(B::DEQUANTIZE) || node.is(B::DENSIFY)) return false;
  std::int64_t bytes = 0, result = 0;
  for (const Tensor* input : node.inputs()) {
    if (input == nullptr) continue;
    if (!input->is_constant() || bits_of(input->type) == 0 || input->sparsity != nullptr) return false;
    bytes += static_cast<std::int64_t>(input->data->size());
  }
  for (const Tensor* output : node.outputs()) {
    if (output == nullptr || bits_of(output->type) == 0) return false;
    result += std::max<std::int64_t>(output->bytes(), 0);
  }
  return !node.inputs().empty() && result <= std::max(bytes, small);
}

/// The node alone as a model without inputs.
bool compute(const Node& node, std::vector<Literal>& values) {
  Model model;
  Graph& graph = model.add_graph("folded");
  std::vector<Tensor*> inputs, outputs;
  for (const Tensor* t : node.inputs()) {
    inputs.push_back(t == nullptr ? nullptr : graph.add_constant(t->name, t->type, t->shape, t->data));
    if (t != nullptr) inputs.back()->quantization = t->quantization;
  }
  for (const Tensor* t : node.outputs()) {
    outputs.push_back(graph.add_tensor(t->name, t->type, t->example_shape()));
    outputs.back()->quantization = t->quantization;
  }
  graph.append(node.operation, inputs, outputs, node.attributes)->version = node.version;
  graph.set_outputs(outputs);
  Problems problems;
  const auto evaluator = Evaluator::make(model, problems);
  if (evaluator == nullptr || !evaluator->run({}).empty()) return false;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    auto data = std::make_shared<Bytes>(evaluator->output(i));
    values.push_back({outputs[i]->type, evaluator->output_shape(i), std::move(data)});
    const std::int64_t count = [&] {
      Tensor shape;
      shape.type = outputs[i]->type;
      shape.shape = values.back().shape;
      return shape.bytes();
    }();
    if (count != static_cast<std::int64_t>(values.back().data->size())) return false;
  }
  std::int64_t bytes = 0, result = 0;
  for (const Tensor* t : node.inputs()) bytes += t == nullptr ? 0 : static_cast<std::int64_t>(t->data->size());
  for (const Literal& value : values) result += static_cast<std::int64_t>(value.data->size());
  return result <= std::max(bytes, small);
}

/// SHAPE or RANK, where the shape is known without running.
bool known_shape(const Node& node, Literal& value) {
  const Tensor* input = node.input(0);
  if (input == nullptr || !input->rank_known) return false;
  std::vector<std::int64_t> numbers(input->shape.begin(), input->shape.end());
  if (node.is(B::RANK)) {
    numbers = {input->rank()};
  } else if (!node.is(B::SHAPE) || !input->is_static()) {
    return false;
  }
  value.type = node.output()->type;
  if (!node.is(B::RANK)) value.shape = {static_cast<std::int32_t>(numbers.size())};
  const std::vector<std::int32_t> narrow(numbers.begin(), numbers.end());
  if (value.type == TensorType::int64) value.data = make_data(std::span<const std::int64_t>(numbers));
  if (value.type == TensorType::int32) value.data = make_data(std::span<const std::int32_t>(narrow));
  return value.data != nullptr;
}

}  // namespace

bool fold_constants(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) {
      std::vector<Literal> values(1);
      if (!known_shape(*node, values[0])) {
        values.clear();
        if (!is_foldable(*node) || !compute(*node, values)) continue;
      }
      std::vector<Tensor*> outputs(node->outputs().begin(), node->outputs().end());
      // What the caller reads must be written by a node.
      if (std::any_of(outputs.begin(), outputs.end(), [&](Tensor* t) { return graph->is_output(t); })) continue;
      graph->erase(node);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        outputs[i]->shape = values[i].shape;
        outputs[i]->file_shape.clear();
        outputs[i]->data = values[i].data;
      }
      changed = true;
    }
  }
  return changed;
}

}  // namespace tfl::converter
