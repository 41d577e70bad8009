#include <algorithm>

#include "tfl/core/float16.hpp"
#include "tools/converter/quantize/quantize.hpp"
#include "tools/converter/quantize/quantized_constants.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

/// The inputs that kernels take in integers beside float activations, and the axis of their channels.
struct HybridWeights {
  std::vector<std::size_t> inputs{};
  int channel_axis = 0;
  bool may_be_per_channel = true, may_be_int4 = false;
};

HybridWeights hybrid_weights(const Node& node) {
  switch (node.operation.code()) {
    case B::FULLY_CONNECTED:
    case B::CONV_2D: return {{1}, 0, true, true};
    case B::DEPTHWISE_CONV_2D: return {{1}, 3};
    case B::LSTM:
    case B::UNIDIRECTIONAL_SEQUENCE_LSTM: return {{1, 2, 3, 4, 5, 6, 7, 8, 16}, 0, false};
    case B::SVDF: return {{1, 2}, 0, false};
    case B::EMBEDDING_LOOKUP: return {{1}, 0, false};
    default: return {};
  }
}

bool is_kept_float(const Node& node, const std::set<std::string>& keep) {
  if (keep.contains(node.source_name)) return true;
  return std::any_of(node.outputs().begin(), node.outputs().end(), [&](const Tensor* t) { return t != nullptr && keep.contains(t->name); });
}

bool is_large_float(const Tensor* tensor, std::int64_t fewest) {
  return tensor != nullptr && tensor->type == TensorType::float32 && tensor->is_constant() && tensor->sparsity == nullptr &&
         tensor->count() >= fewest;
}

/// Nodes that share a weight tensor share the integers too, so every reader must want them.
bool all_readers_take(const Tensor* tensor, const WeightOptions& options) {
  return std::all_of(tensor->users.begin(), tensor->users.end(), [&](const Node* user) {
    const HybridWeights own = hybrid_weights(*user);
    return !is_kept_float(*user, options.keep_float) &&
           std::any_of(own.inputs.begin(), own.inputs.end(), [&](std::size_t i) { return user->input(i) == tensor; });
  });
}

void quantize_hybrid(Graph& graph, const WeightOptions& options, Problems& problems) {
  for (const auto& node : graph.nodes()) {
    const HybridWeights weights = hybrid_weights(*node);
    for (const std::size_t i : weights.inputs) {
      Tensor* tensor = node->input(i);
      if (!is_large_float(tensor, options.fewest_elements) || !all_readers_take(tensor, options)) continue;
      const bool has_blocks = node->is(B::EMBEDDING_LOOKUP) || node->is(B::FULLY_CONNECTED);
      if (options.block_size > 0 && options.weights == TensorType::int4 && has_blocks && tensor->rank() == 2) {
        if (tensor->shape[1] % options.block_size == 0 &&
            quantize_blocks_in_place(*tensor, options.block_size, *graph.add_tensor(tensor->name + "_scales")))
          continue;
        problems.warn(node->where(), "its weights '" + tensor->name + "' " + describe(*tensor) + " do not fit blocks of " +
                                         std::to_string(options.block_size) + ": they are quantized without blocks");
      }
      const TensorType type = options.weights == TensorType::int4 && weights.may_be_int4 ? TensorType::int4 : TensorType::int8;
      const int axis = options.per_channel && weights.may_be_per_channel ? weights.channel_axis : -1;
      std::vector<float> scales = weight_scales(*tensor, type, axis);
      if (scales.empty()) {
        problems.add(node->where(), "its weights '" + tensor->name + "' are not finite");
        continue;
      }
      quantize_weights_in_place(*tensor, type, std::move(scales), std::max(axis, 0));
    }
  }
}

void halve(Graph& graph, const WeightOptions& options) {
  std::vector<Tensor*> constants;
  for (const auto& tensor : graph.tensors()) {
    if (is_large_float(tensor.get(), options.fewest_elements) && !tensor->users.empty()) constants.push_back(tensor.get());
  }
  for (Tensor* tensor : constants) {
    if (std::any_of(tensor->users.begin(), tensor->users.end(), [&](const Node* n) { return is_kept_float(*n, options.keep_float); }))
      continue;
    const std::span<const float> values = tensor->values<float>();
    std::vector<Float16> halves(values.size());
    std::transform(values.begin(), values.end(), halves.begin(), [](float v) { return to_float16(v); });
    Tensor* half = graph.add_constant(tensor->name + "_half", tensor->shape, halves);
    tensor->data = nullptr;
    // The first reader in the graph's order: what it reads must be there before.
    for (const auto& node : graph.nodes()) {
      if (std::find(node->inputs().begin(), node->inputs().end(), tensor) == node->inputs().end()) continue;
      graph.insert_before(node.get(), B::DEQUANTIZE, {half}, {tensor});
      break;
    }
  }
}

}  // namespace

bool quantize_weights(Model& model, const WeightOptions& options, Problems& problems) {
  for (const auto& graph : model.graphs) {
    if (options.weights == TensorType::float16) {
      halve(*graph, options);
    } else {
      quantize_hybrid(*graph, options, problems);
    }
  }
  return !problems.any();
}

}  // namespace tfl::converter
