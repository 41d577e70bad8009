#pragma once
// Borders in front of windows: a PAD whose only reader can take the border into its window is gone, and its output with it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tools/tfl_codegen/described.hpp"
#include "tools/tfl_codegen/plan_memory.hpp"

namespace tfl::codegen {

namespace detail {

/// The node that writes the tensor; the number of nodes where there is none.
inline std::size_t writer_of(const ModelPlan& model, std::int32_t tensor) {
  const auto writes = [tensor](const NodePlan& node) {
    return std::find(node.outputs.begin(), node.outputs.end(), tensor) != node.outputs.end();
  };
  return static_cast<std::size_t>(std::find_if(model.nodes.begin(), model.nodes.end(), writes) - model.nodes.begin());
}

inline bool same_quantization(const TensorDescription& a, const TensorDescription& b) {
  const Quantization &p = a.quantization, &q = b.quantization;
  return a.type == b.type &&
         (!is_quantized_integer(a.type) || (p.scale == q.scale && p.zero_point == q.zero_point && !p.per_channel() && !q.per_channel()));
}

/// Whether no element of the tensor is less than 0, as far as its writer tells.
inline bool is_clamped_at_zero(const ModelPlan& model, std::int32_t tensor) {
  const std::size_t n = writer_of(model, tensor);
  if (n == model.nodes.size()) return false;
  const NodePlan& node = model.nodes[n];
  std::vector<std::byte> options = node.options;
  const Activation clamp = node.entry->activation != nullptr ? *node.entry->activation(options.data()) : node.entry->traits.activation;
  return clamp == Activation::relu || clamp == Activation::relu6;
}

/// Node `n` with the border of the PAD before it, which may then go; false where it can't have it.
inline bool take_border(const ModelPlan& model, std::size_t n, std::size_t pad, NodePlan& result) {
  const NodePlan& source = model.nodes[pad];
  const std::int32_t bordered = source.outputs[0], inside = source.inputs[0];
  std::size_t readers = static_cast<std::size_t>(std::count(model.outputs.begin(), model.outputs.end(), bordered));
  for (const NodePlan& node : model.nodes)
    readers += static_cast<std::size_t>(std::count(node.inputs.begin(), node.inputs.end(), bordered));
  const auto description = [&](std::int32_t t) -> const TensorDescription& {
    return model.tensors[static_cast<std::size_t>(t)].description;
  };
  if (readers != 1 || description(inside).is_variable || !same_quantization(description(inside), description(bordered))) return false;
  BoundNode bound(model, source);
  Border border;
  if (!source.entry->border(bound.call(), bound.node(), border)) return false;
  border.is_least = border.is_least || (border.is_zero && is_clamped_at_zero(model, inside));
  result = model.nodes[n];
  Described described(model, result);
  if (!result.entry->take_border(result.options.data(), described.node(), border)) return false;
  result.inputs[0] = inside;
  Described again(model, result);
  if (result.entry->infer(result.options.data(), again.node())) return false;
  if (!(again[result.inputs.size()].shape == description(result.outputs[0]).shape)) return false;
  result.needs = result.entry->needs(result.options.data(), again.node());
  return true;
}

}  // namespace detail

/// Every border that a window can have.
inline void fold_borders(ModelPlan& model) {
  for (std::size_t n = 0; n < model.nodes.size();) {
    NodePlan folded;
    const bool takes = model.nodes[n].entry->take_border != nullptr;
    const std::size_t pad = takes ? detail::writer_of(model, model.nodes[n].inputs[0]) : model.nodes.size();
    if (pad == model.nodes.size() || model.nodes[pad].entry->border == nullptr || !detail::take_border(model, n, pad, folded)) {
      ++n;
      continue;
    }
    model.nodes[n] = std::move(folded);
    model.nodes.erase(model.nodes.begin() + static_cast<std::ptrdiff_t>(pad));  // in front of n, which another PAD may now be before
    --n;
  }
}

}  // namespace tfl::codegen
