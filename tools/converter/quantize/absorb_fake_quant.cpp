#include "tools/converter/passes/match.hpp"
#include "tools/converter/quantize/prepare.hpp"

namespace tfl::converter {

int absorb_fake_quant(Model& model) {
  int absorbed = 0;
  Graph& graph = model.main();
  for (Node* node : nodes_of(graph)) {
    Tensor* input = node->input(0);
    if (!node->is(BuiltinOperator::FAKE_QUANT) || input == nullptr || input->is_constant()) continue;
    const auto low = static_cast<float>(node->attributes.real("min")), high = static_cast<float>(node->attributes.real("max"));
    if (!bypass(model, graph, node, input)) continue;
    input->quantization.min = {low};
    input->quantization.max = {high};
    ++absorbed;
  }
  return absorbed;
}

}  // namespace tfl::converter
