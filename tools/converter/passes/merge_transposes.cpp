// merge-transposes: TRANSPOSE of TRANSPOSE becomes one; one that keeps the order goes. Needs constant permutations.

#include <numeric>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

bool is_identity(const std::vector<std::int64_t>& p) {
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

bool merge(Model& model, Graph& graph, Node* node) {
  const std::vector<std::int64_t> second = permutation_of(*node);
  if (second.empty()) return false;
  Tensor* x = node->input(0);
  if (is_identity(second)) return is_same_kind(*x, *node->output()) && bypass(model, graph, node, x);
  if (x->producer == nullptr) return false;
  const std::vector<std::int64_t> first = permutation_of(*x->producer);
  Tensor* source = x->producer->input(0);
  if (first.empty() || source->is_variable) return false;
  std::vector<std::int32_t> both(second.size());
  for (std::size_t i = 0; i < both.size(); ++i) both[i] = static_cast<std::int32_t>(first[static_cast<std::size_t>(second[i])]);
  // The first one stays for its other readers.
  graph.set_input(node, 0, source);
  graph.set_input(node, 1, graph.add_constant(node->input(1)->name, {static_cast<std::int32_t>(both.size())}, both));
  return true;
}

}  // namespace

bool merge_transposes(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) changed = merge(model, *graph, node) || changed;
  }
  return changed;
}

}  // namespace tfl::converter
