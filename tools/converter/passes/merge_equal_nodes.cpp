// merge-equal-nodes: of nodes with the same operator, options, inputs and kinds of outputs only the first stays. Equal constants count as
// the same input. Leaves nodes with effects alone, and those that write the graph's outputs.

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

/// Gives equal constants one number, and every other tensor its own.
class Numbers {
 public:
  std::size_t operator()(const Tensor* tensor) {
    const auto [known, is_new] = by_tensor_.try_emplace(tensor, 0);
    if (!is_new) return known->second;
    known->second = ++next_;
    if (tensor != nullptr && tensor->is_constant() && tensor->sparsity == nullptr && tensor->quantization.scales.empty() &&
        tensor->quantization.block_scales == nullptr) {
      const std::string_view bytes(reinterpret_cast<const char*>(tensor->data->data()), tensor->data->size());
      known->second = constants_.try_emplace({tensor->type, tensor->shape, bytes}, known->second).first->second;
    }
    return known->second;
  }

 private:
  std::map<const Tensor*, std::size_t> by_tensor_;
  std::map<std::tuple<TensorType, std::vector<std::int32_t>, std::string_view>, std::size_t> constants_;
  std::size_t next_ = 0;
};

bool are_equal(const Node& a, const Node& b) {
  if (!(a.operation == b.operation) || a.attributes != b.attributes || a.outputs().size() != b.outputs().size()) return false;
  for (std::size_t i = 0; i < a.outputs().size(); ++i) {
    if (!is_same_kind(*a.output(i), *b.output(i))) return false;
  }
  return a.intermediates().empty() && b.intermediates().empty();
}

}  // namespace

bool merge_equal_nodes(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    Numbers numbers;
    std::map<std::vector<std::size_t>, std::vector<Node*>> seen;  // by inputs
    for (Node* node : nodes_of(*graph)) {
      if (has_effects(*node)) continue;
      std::vector<std::size_t> key{static_cast<std::size_t>(node->operation.code())};
      for (const Tensor* t : node->inputs()) key.push_back(numbers(t));
      std::vector<Node*>& candidates = seen[key];
      const auto first = std::find_if(candidates.begin(), candidates.end(), [&](const Node* other) { return are_equal(*other, *node); });
      const bool is_output =
          std::any_of(node->outputs().begin(), node->outputs().end(), [&](const Tensor* t) { return graph->is_output(t); });
      if (first == candidates.end() || is_output) {
        candidates.push_back(node);
        continue;
      }
      const std::vector<Tensor*> outputs(node->outputs().begin(), node->outputs().end());
      graph->erase(node);
      for (std::size_t i = 0; i < outputs.size(); ++i) model.replace_uses(*graph, outputs[i], (*first)->output(i));
      changed = true;
    }
  }
  return changed;
}

}  // namespace tfl::converter
