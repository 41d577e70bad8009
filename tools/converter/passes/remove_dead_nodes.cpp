// remove-dead-nodes: nodes without effects whose outputs nobody reads go, and tensors that nobody mentions. Graphs stay, since control flow
// names them by number.

#include <algorithm>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {

bool remove_dead_nodes(Model& model) {
  bool changed = false;
  for (std::size_t g = 0; g < model.graphs.size(); ++g) {
    Graph& graph = *model.graphs[g];
    std::vector<Tensor*> named;
    for (const Signature& s : model.signatures) {
      for (const auto* list : {&s.inputs, &s.outputs}) {
        for (const auto& [name, tensor] : *list) {
          if (s.graph == g) named.push_back(tensor);
        }
      }
    }
    std::vector<Node*> nodes = nodes_of(graph);
    std::reverse(nodes.begin(), nodes.end());
    for (Node* node : nodes) {
      const bool is_read = std::any_of(node->outputs().begin(), node->outputs().end(), [&](const Tensor* t) {
        return t != nullptr && (!t->users.empty() || graph.is_output(t) || std::find(named.begin(), named.end(), t) != named.end());
      });
      if (is_read || has_effects(*node)) continue;
      graph.erase(node);
      changed = true;
    }
    graph.drop_unused_tensors(named);
  }
  return changed;
}

}  // namespace tfl::converter
