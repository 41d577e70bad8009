#include "tools/converter/passes/match.hpp"
#include "tools/converter/quantize/prepare.hpp"

namespace tfl::converter {
namespace {

/// Weights that were stored as they will be, behind a DEQUANTIZE, are floats again, for folding and for the quantizer to take.
int restore_weights(Graph& graph) {
  int restored = 0;
  for (Node* node : nodes_of(graph)) {
    const Tensor* stored = node->input(0);
    if (!node->is(BuiltinOperator::DEQUANTIZE) || stored == nullptr || !stored->is_constant() || stored->type != TensorType::int8 ||
        stored->sparsity != nullptr || graph.is_output(node->output()) || stored->quantization.scales.empty())
      continue;
    const TensorQuantization& q = stored->quantization;
    const std::vector<std::int64_t> integers = stored->integers();
    std::size_t inner = 1;
    for (std::size_t d = static_cast<std::size_t>(q.axis) + 1; d < stored->shape.size(); ++d)
      inner *= static_cast<std::size_t>(stored->shape[d]);
    std::vector<float> values(integers.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t c = q.scales.size() == 1 ? 0 : i / inner % q.scales.size();
      const std::int64_t zero = c < q.zero_points.size() ? q.zero_points[c] : 0;
      values[i] = q.scales[c] * static_cast<float>(integers[i] - zero);
    }
    Tensor* output = node->output();
    graph.erase(node);
    output->shape = stored->shape;
    output->data = make_data(std::span<const float>(values));
    ++restored;
  }
  return restored;
}

}  // namespace

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
  return absorbed + restore_weights(graph);
}

}  // namespace tfl::converter
