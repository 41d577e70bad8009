// fold-affine: MUL, DIV, ADD and SUB by constants, one for all or one a channel, go into the weights and the bias of the convolution or
// FULLY_CONNECTED before them; so does batch normalization, which importers write as MUL and ADD. Needs float weights, no activation
// between, and no other reader. Leaves a bias even where there was none.
//
//     (w x + b) s + t  =  (w s) x + (b s + t)

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

struct Producer {
  Node* node = nullptr;
  std::size_t weights = 1, bias = 2;
  std::size_t axis = 0;  // of the output channels, in the weights
};

Producer producer_of(const Graph& graph, Tensor* tensor) {
  Node* node = tensor == nullptr ? nullptr : tensor->producer;
  if (node == nullptr || graph.only_user(tensor) == nullptr || activation_of(*node) != "NONE") return {};
  Producer result{node};
  if (node->is(B::DEPTHWISE_CONV_2D)) {
    result.axis = 3;
  } else if (node->is(B::TRANSPOSE_CONV)) {
    result.bias = 3;
  } else if (!node->is(B::CONV_2D) && !node->is(B::FULLY_CONNECTED)) {
    return {};
  }
  const Tensor *weights = node->input(result.weights), *bias = node->input(result.bias);
  if (!is_float_constant(weights) || weights->rank() <= static_cast<int>(result.axis)) return {};
  if (bias != nullptr && !is_float_constant(bias)) return {};
  return result;
}

void scale_weights(Graph& graph, const Producer& p, const std::vector<float>& scales) {
  Tensor* weights = graph.own_constant(p.node, p.weights);
  const std::span<const float> old = weights->values<float>();
  std::vector<float> values(old.begin(), old.end());
  const std::size_t channels = scales.size();
  std::size_t inner = 1;
  for (std::size_t i = p.axis + 1; i < weights->shape.size(); ++i) inner *= static_cast<std::size_t>(weights->shape[i]);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= scales[i / inner % channels];
  weights->data = make_data(std::span<const float>(values));
}

/// bias * scale + offset
void change_bias(Graph& graph, const Producer& p, const std::vector<float>& scales, const std::vector<float>& offsets) {
  std::vector<float> values(scales.size(), 0.0f);
  if (p.node->input(p.bias) != nullptr) {
    const std::span<const float> old = graph.own_constant(p.node, p.bias)->values<float>();
    values.assign(old.begin(), old.end());
  } else {
    const auto channels = static_cast<std::int32_t>(scales.size());
    graph.set_input(p.node, p.bias, graph.add_constant(p.node->output()->name + "/bias", {channels}, values));
  }
  for (std::size_t c = 0; c < values.size(); ++c) values[c] = values[c] * scales[c] + offsets[c];
  p.node->input(p.bias)->data = make_data(std::span<const float>(values));
}

bool fold(Model& model, Graph& graph, Node* node) {
  const bool multiplies = node->is(B::MUL) || node->is(B::DIV), adds = node->is(B::ADD) || node->is(B::SUB);
  if (!multiplies && !adds) return false;
  const bool commutes = node->is(B::MUL) || node->is(B::ADD);
  const std::size_t data = commutes && is_float_constant(node->input(0)) ? 1 : 0;
  Tensor *x = node->input(data), *constant = node->input(1 - data), *output = node->output();
  if (x == nullptr || constant == nullptr || x->rank() == 0 || x->type != TensorType::float32 || x->shape != output->shape) return false;
  const Producer p = producer_of(graph, x);
  if (p.node == nullptr) return false;
  const std::int32_t channels = p.node->input(p.weights)->shape[p.axis];
  if (x->shape.back() != channels) return false;
  std::vector<float> values = channel_values(constant, channels, x->rank());
  const Tensor* bias = p.node->input(p.bias);
  if (values.empty() || (bias != nullptr && bias->count() != channels)) return false;
  std::vector<float> scales(values.size(), 1.0f), offsets(values.size(), 0.0f);
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (node->is(B::DIV)) {
      if (values[c] == 0) return false;
      scales[c] = 1 / values[c];
    } else {
      (multiplies ? scales : offsets)[c] = node->is(B::SUB) ? -values[c] : values[c];
    }
  }
  if (multiplies) scale_weights(graph, p, scales);
  if (adds || bias != nullptr) change_bias(graph, p, scales, offsets);
  const std::string activation = activation_of(*node);
  if (activation != "NONE") p.node->attributes.set("fused_activation_function", activation);
  x->name = output->name;
  x->quantization = output->quantization;
  graph.erase(node);
  model.replace_uses(graph, output, x);
  return true;
}

}  // namespace

bool fold_affine(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) changed = fold(model, *graph, node) || changed;
  }
  return changed;
}

}  // namespace tfl::converter
