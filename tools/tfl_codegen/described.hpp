#pragma once
// A node of a plan as its op sees it: descriptions of its tensors, and a call that is bound to the constants among them.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tfl/core/parallel.hpp"
#include "tfl/runtime/registry.hpp"
#include "tools/tfl_codegen/plan_memory.hpp"

namespace tfl::codegen {

/// Descriptions of a node's tensors, as its op takes them.
class Described {
 public:
  Described(const ModelPlan& model, const NodePlan& node) : version_(node.version) {
    for (const auto* list : {&node.inputs, &node.outputs, &node.intermediates}) {
      for (const std::int32_t t : *list)
        descriptions_.push_back(t >= 0 ? model.tensors[static_cast<std::size_t>(t)].description : TensorDescription{});
    }
    std::size_t next = 0;
    for (const std::int32_t t : node.inputs) inputs_.push_back(t >= 0 ? &descriptions_[next] : nullptr), ++next;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) outputs_.push_back(&descriptions_[next++]);
    for (const std::int32_t t : node.intermediates) intermediates_.push_back(t >= 0 ? &descriptions_[next] : nullptr), ++next;
  }
  NodeDescription node() { return {inputs_, outputs_, version_, 1, intermediates_}; }
  TensorDescription& operator[](std::size_t i) { return descriptions_[i]; }

 private:
  int version_;
  std::vector<TensorDescription> descriptions_;
  std::vector<const TensorDescription*> inputs_, intermediates_;
  std::vector<TensorDescription*> outputs_;
};

/// A call of the node, with room for what it prepares. Constants have their data, other tensors none.
class BoundNode {
 public:
  BoundNode(const ModelPlan& model, const NodePlan& node)
      : described_(model, node),
        tensors_(node.inputs.size() + node.outputs.size()),
        prepared_(node.entry->prepared_bytes / sizeof(std::max_align_t) + 1),
        multipliers_(static_cast<std::size_t>(node.needs.multipliers)) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const bool is_input = i < node.inputs.size();
      const std::int32_t t = is_input ? node.inputs[i] : node.outputs[i - node.inputs.size()];
      tensors_[i].description = described_[i];
      // Nobody writes constants.
      if (t >= 0) tensors_[i].data = const_cast<std::byte*>(model.tensors[static_cast<std::size_t>(t)].data.data());
      (is_input ? inputs_ : outputs_).push_back(t >= 0 ? &tensors_[i] : nullptr);
    }
    call_ = {.inputs = inputs_,
             .outputs = outputs_,
             .options = node.options.data(),
             .prepared = prepared_.data(),
             .multipliers = multipliers_,
             .executor = &executor_};
  }
  BoundNode(const BoundNode&) = delete;
  BoundNode& operator=(const BoundNode&) = delete;

  const NodeCall& call() const { return call_; }
  NodeDescription node() { return described_.node(); }

 private:
  Described described_;
  std::vector<Tensor> tensors_;
  std::vector<Tensor*> inputs_, outputs_;
  std::vector<std::max_align_t> prepared_;
  std::vector<Multiplier> multipliers_;
  SerialExecutor executor_;
  NodeCall call_;
};

}  // namespace tfl::codegen
