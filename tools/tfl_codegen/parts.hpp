#pragma once
// Joining and splitting without copies: what a concatenation joins is written where it belongs, what a split gives is read where it lies.
// The node is gone, and its parts lie in their whole (plan::Tensor::part_of), where the arena does not grow for it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tools/tfl_codegen/plan_memory.hpp"

namespace tfl::codegen {

/// The model without node `n`, whose parts lie in their whole; false where they can't. `describe` gives the node's descriptions.
template <class Describe> bool drop_copies(const ModelPlan& model, std::size_t n, Describe describe, ModelPlan& other) {
  const NodePlan& node = model.nodes[n];
  const OpTraits& traits = node.entry->traits;
  if (node.entry->part_offset == nullptr || node.outputs.empty()) return false;
  const bool joins = traits.parts_are_inputs;
  const std::int32_t whole = joins ? node.outputs[0] : node.inputs[static_cast<std::size_t>(traits.whole)];
  const std::vector<std::int32_t>& parts = joins ? node.inputs : node.outputs;
  const auto contains = [](const std::vector<std::int32_t>& list, std::int32_t t) {
    return std::find(list.begin(), list.end(), t) != list.end();
  };
  // One level, and a whole has the parts of one node.
  const auto is_free = [&](std::int32_t t) {
    if (t < 0) return false;
    const TensorPlan& tensor = model.tensors[static_cast<std::size_t>(t)];
    const auto lies_in_it = [t](const TensorPlan& part) { return part.part_of == t; };
    return !tensor.is_constant() && !tensor.description.is_variable && tensor.bytes() > 0 && tensor.part_of < 0 &&
           std::none_of(model.tensors.begin(), model.tensors.end(), lies_in_it);
  };
  if (!is_free(whole)) return false;
  auto described = describe(model, node);
  other = model;
  std::size_t covered = 0;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const std::int32_t t = parts[k];
    if (!is_free(t) || t == whole || std::count(parts.begin(), parts.end(), t) != 1) return false;
    // What others give or take stays a tensor of its own.
    if (joins && (contains(model.inputs, t) || contains(model.outputs, t))) return false;
    const std::int64_t offset = node.entry->part_offset(node.options.data(), described.node(), static_cast<int>(k));
    TensorPlan& part = other.tensors[static_cast<std::size_t>(t)];
    if (offset < 0 || offset % static_cast<std::int64_t>(model.alignment) != 0) return false;
    if (part.description.type != model.tensors[static_cast<std::size_t>(whole)].description.type) return false;
    part.part_of = whole;
    part.part_at = offset;
    covered += part.bytes();
  }
  if (joins && covered != model.tensors[static_cast<std::size_t>(whole)].bytes()) return false;
  other.nodes.erase(other.nodes.begin() + static_cast<std::ptrdiff_t>(n));
  return true;
}

/// Drops every such node that makes the arena no larger.
template <class Describe> void drop_copies(ModelPlan& model, Describe describe) {
  for (std::size_t n = 0; n < model.nodes.size();) {
    ModelPlan other;
    if (drop_copies(model, n, describe, other)) {
      plan_memory(other);
      if (other.arena_bytes <= model.arena_bytes) {
        model = std::move(other);
        continue;
      }
    }
    ++n;
  }
}

}  // namespace tfl::codegen
