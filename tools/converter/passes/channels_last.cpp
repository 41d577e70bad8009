#include "tools/converter/passes/channels_last.hpp"

#include <algorithm>

#include "tools/converter/passes/match.hpp"

namespace tfl::converter {
namespace {

/// Whether the node moves axis 1 to the end, or, where `back`, the last axis to place 1. With one channel a RESHAPE does.
bool moves_channels(const Node& node, bool back) {
  if (node.is(BuiltinOperator::RESHAPE) && node.input(0) != nullptr) {
    const std::vector<std::int32_t>& from = node.input(0)->shape;
    if (from.size() < 3 || node.output()->rank() != static_cast<int>(from.size()) || (back ? from.back() : from[1]) != 1) return false;
    std::vector<std::int32_t> moved = from;
    if (back) {
      std::rotate(moved.begin() + 1, moved.end() - 1, moved.end());
    } else {
      std::rotate(moved.begin() + 1, moved.begin() + 2, moved.end());
    }
    return moved == node.output()->shape;
  }
  const std::vector<std::int64_t> p = permutation_of(node);
  const auto rank = static_cast<std::int64_t>(p.size());
  if (rank < 3) return false;
  for (std::int64_t i = 1; i < rank; ++i) {
    const std::int64_t wanted = back ? (i == 1 ? rank - 1 : i - 1) : (i == rank - 1 ? 1 : i + 1);
    if (p[static_cast<std::size_t>(i)] != wanted) return false;
  }
  return p[0] == 0;
}

bool move_input(Model& model, Graph& graph, Tensor* input) {
  const std::vector<Node*> users = input->users;
  const bool all = std::all_of(users.begin(), users.end(), [](const Node* n) { return moves_channels(*n, false); });
  if (users.empty() || !all || graph.is_output(input)) return false;
  for (const Node* user : users) {
    if (graph.is_output(user->output())) return false;
  }
  input->shape = users.front()->output()->shape;
  input->file_shape = users.front()->output()->file_shape;
  for (Node* user : users) {
    Tensor* moved = user->output();
    graph.erase(user);
    model.replace_uses(graph, moved, input);
  }
  return true;
}

bool move_output(Model& model, Graph& graph, Tensor* output) {
  Node* node = output->producer;
  if (node == nullptr || !output->users.empty() || !moves_channels(*node, true)) return false;
  const auto outputs = graph.outputs();
  if (std::count(outputs.begin(), outputs.end(), output) != 1) return false;
  return bypass(model, graph, node, node->input(0));
}

}  // namespace

int move_channels_last(Model& model) {
  int changed = 0;
  Graph& graph = model.main();
  const std::vector<Tensor*> inputs(graph.inputs().begin(), graph.inputs().end());
  for (Tensor* input : inputs) changed += move_input(model, graph, input) ? 1 : 0;
  const std::vector<Tensor*> outputs(graph.outputs().begin(), graph.outputs().end());
  for (Tensor* output : outputs) changed += move_output(model, graph, output) ? 1 : 0;
  return changed;
}

}  // namespace tfl::converter
