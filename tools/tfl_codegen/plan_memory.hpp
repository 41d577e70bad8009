#pragma once
// What a header says about a model, and the plan of its arena.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tfl/core/tensor.hpp"
#include "tfl/runtime/planner.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl::codegen {

struct TensorPlan {
  std::string_view name;
  TensorDescription description;
  std::span<const std::byte> data{};  // of constants, those that were computed from others included
  bool knows_integers = false;        // the header gives the values once more, for shape inference
  std::int64_t weights_at = -1, arena_at = -1;

  bool is_constant() const { return description.is_constant; }
  std::size_t bytes() const { return static_cast<std::size_t>(description.bytes()); }
};

struct NodePlan {
  const OpEntry* entry = nullptr;
  int file_index = 0, version = 1;
  std::vector<std::int32_t> inputs, outputs, intermediates;
  std::vector<std::byte> options;
  Needs needs;
};

struct ModelPlan {
  std::vector<TensorPlan> tensors;
  std::vector<NodePlan> nodes;
  std::vector<std::int32_t> inputs, outputs;
  std::size_t weight_bytes = 0, arena_bytes = 0, live_bytes = 0;
};

/// Gives every tensor that is not constant its place in the arena: lifetimes, outputs that take over an input's memory, then offsets.
/// The largest working memory of the simplest kernels is counted, so that plans for other processors find room near it.
inline void plan_memory(ModelPlan& model) {
  const int end = static_cast<int>(model.nodes.size());
  const auto at = [](std::int32_t t) { return static_cast<std::size_t>(t); };
  std::vector<Allocation> blocks(model.tensors.size());
  for (Allocation& block : blocks) block.first = std::numeric_limits<int>::max();
  const auto touch = [&](std::int32_t t, int step) {
    if (t < 0) return;
    Allocation& block = blocks[at(t)];
    block.first = step < block.first ? step : block.first;
    block.last = step > block.last ? step : block.last;
  };
  for (const std::int32_t t : model.inputs) touch(t, -1);
  for (int step = 0; step < end; ++step) {
    for (const std::int32_t t : model.nodes[static_cast<std::size_t>(step)].inputs) touch(t, step);
    for (const std::int32_t t : model.nodes[static_cast<std::size_t>(step)].outputs) touch(t, step);
  }
  for (const std::int32_t t : model.outputs) touch(t, end);
  std::vector<std::int32_t> block_of(model.tensors.size(), -1);
  for (std::size_t t = 0; t < model.tensors.size(); ++t) {
    const TensorPlan& tensor = model.tensors[t];
    if (tensor.is_constant() || blocks[t].last < blocks[t].first) continue;
    if (tensor.description.is_variable) {
      touch(static_cast<std::int32_t>(t), -1);
      touch(static_cast<std::int32_t>(t), end);
    }
    blocks[t].bytes = tensor.bytes();
    block_of[t] = static_cast<std::int32_t>(t);
  }
  model.live_bytes = largest_live_set(blocks);

  for (int step = 0; step < end; ++step) {
    const NodePlan& node = model.nodes[static_cast<std::size_t>(step)];
    const OpTraits& traits = node.entry->traits;
    if (node.outputs.empty() || (!traits.in_place && !traits.is_view)) continue;
    const std::int32_t output = node.outputs[0];
    const std::size_t candidates = traits.is_view ? 1 : node.inputs.size();
    for (std::size_t k = 0; k < candidates; ++k) {
      const std::int32_t input = node.inputs[k];
      if (input < 0 || block_of[at(input)] < 0 || block_of[at(output)] < 0 || block_of[at(input)] == block_of[at(output)]) continue;
      const TensorDescription &from = model.tensors[at(input)].description, &to = model.tensors[at(output)].description;
      if (from.is_variable || to.is_variable || bits_of(from.type) != bits_of(to.type)) continue;
      Allocation &kept = blocks[at(block_of[at(input)])], &dropped = blocks[at(block_of[at(output)])];
      if (kept.bytes != dropped.bytes || (!traits.is_view && kept.last > step)) continue;
      kept.first = kept.first < dropped.first ? kept.first : dropped.first;
      kept.last = kept.last > dropped.last ? kept.last : dropped.last;
      dropped.bytes = 0;
      const std::int32_t old = block_of[at(output)];
      for (std::int32_t& block : block_of) block = block == old ? block_of[at(input)] : block;
      break;
    }
  }
  for (int step = 0; step < end; ++step) {
    const Needs& needs = model.nodes[static_cast<std::size_t>(step)].needs;
    if (needs.scratch_bytes > 0) blocks.push_back({static_cast<std::size_t>(needs.scratch_bytes), step, step});
  }
  std::vector<std::uint32_t> order(blocks.size()), placed(blocks.size());
  model.arena_bytes = plan_arena(blocks, order, placed);
  for (std::size_t t = 0; t < model.tensors.size(); ++t) {
    if (block_of[t] >= 0) model.tensors[t].arena_at = static_cast<std::int64_t>(blocks[at(block_of[t])].offset);
  }
}

}  // namespace tfl::codegen
