// merge-reshapes: what reads RESHAPE, SQUEEZE or EXPAND_DIMS only to reshape again reads their input; a reshape to the shape that the input
// has goes. Leaves RESHAPE with constant shapes.

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

bool only_reshapes(const Node& node) { return node.is(B::RESHAPE) || node.is(B::SQUEEZE) || node.is(B::EXPAND_DIMS); }

bool merge(Model& model, Graph& graph, Node* node) {
  if (!only_reshapes(*node) || node->input(0) == nullptr) return false;
  Tensor *x = node->input(0), *output = node->output();
  if (x->is_static() && is_same_kind(*x, *output) && !x->is_variable && bypass(model, graph, node, x)) return true;
  Node* before = x->producer;
  if (before == nullptr || !only_reshapes(*before) || before->input(0) == nullptr || before->input(0)->is_variable) return false;
  // RESHAPE alone says its result's shape by itself; the others count from the shape before them.
  if (!node->is(B::RESHAPE)) return false;
  const Tensor* shape = node->input(1);
  if (shape != nullptr && !shape->is_constant()) return false;
  graph.set_input(node, 0, before->input(0));
  return true;
}

}  // namespace

bool merge_reshapes(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) changed = merge(model, *graph, node) || changed;
  }
  return changed;
}

}  // namespace tfl::converter
