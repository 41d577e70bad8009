#pragma once
// Lifetimes of a subgraph's tensors, and the plan of its arena.

#include <cstddef>
#include <cstdint>

#include "tfl/runtime/memory_plan.hpp"
#include "tfl/runtime/node_state.hpp"
#include "tfl/runtime/row_bands.hpp"

namespace tfl {

namespace detail {

/// Lets output 0 take over the memory of an input, where the op allows it and nobody needs the input's bytes any more.
inline void share_memory(const GraphState& state, NodeState& node, int step, MemoryPlan& plan) {
  const OpTraits& traits = node.entry->traits;
  if (node.call.outputs.empty() || (!traits.in_place && !traits.is_view)) return;
  const Tensor& output = *node.call.outputs[0];
  const std::size_t candidates = traits.is_view ? 1 : node.call.inputs.size();
  for (std::size_t k = 0; k < candidates; ++k) {
    const Tensor* input = node.call.inputs[k];
    if (input == nullptr || input->description.is_variable || output.description.is_variable) continue;
    if (bits_of(input->description.type) != bits_of(output.description.type)) continue;
    if (plan.share(state.index_of(&output), state.index_of(input), step, !traits.is_view)) {
      node.in_place = traits.is_view;
      return;
    }
  }
}

/// One plan. `place(i)` may place outputs or inputs of node i itself, and says whether nothing remains to be run of it. Returns the arena's
/// bytes.
template <class Place> std::size_t lay_out_once(const GraphState& state, MemoryPlan& plan, Place place) {
  plan.begin();
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    NodeState& node = state.nodes[i];
    if (node.kind != NodeKind::planned) continue;
    node.in_place = place(i);
    if (!node.in_place) share_memory(state, node, static_cast<int>(i), plan);
  }
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    NodeState& node = state.nodes[i];
    const bool scratch = node.kind == NodeKind::planned && node.needs.scratch_bytes > 0;
    node.scratch_block = scratch ? plan.add_scratch(static_cast<std::size_t>(node.needs.scratch_bytes), state.step_of(i)) : -1;
    if (node.chain.last == static_cast<std::int32_t>(i)) {
      const auto bytes = static_cast<std::int64_t>(chain_buffer_bytes(state.nodes, i));
      node.chain.buffer_block = plan.add_scratch(static_cast<std::size_t>(shares_bytes(bytes, state.workers)), static_cast<int>(i));
    }
  }
  return plan.finish();
}

}  // namespace detail

/// Places the tensors of all planned nodes; `lay_out_parts` (null: nothing) knows of parts. False where memory lacks.
[[nodiscard]] inline bool lay_out(const GraphState& state, bool preserve_inputs,
                                  void (*lay_out_parts)(const GraphState& state, MemoryPlan& plan), MemoryPlan& plan,
                                  std::size_t& largest_live_set) {
  const GraphSubgraph& g = state.graph;
  const int end = static_cast<int>(state.nodes.size());
  std::size_t scratch = 0;
  for (const NodeState& node : state.nodes) {
    if (node.kind == NodeKind::planned && node.needs.scratch_bytes > 0) ++scratch;
    if (node.chain.last >= 0) ++scratch;
  }
  if (!plan.start(state.allocator, state.tensors.size(), scratch)) return false;
  for (const std::int32_t t : g.inputs) {
    plan.touch(static_cast<std::size_t>(t), -1);
    if (preserve_inputs) plan.touch(static_cast<std::size_t>(t), end);
  }
  for (int i = 0; i < end; ++i) {
    const NodeState& node = state.nodes[static_cast<std::size_t>(i)];
    if (node.kind == NodeKind::fused) continue;
    const int step = state.step_of(static_cast<std::size_t>(i));
    for (std::size_t k = 0; k < node.call.inputs.size(); ++k) {
      const bool in_buffer = k == 0 && node.chain.first >= 0 && node.chain.first != i;
      if (const Tensor* t = node.call.inputs[k]; t != nullptr && !in_buffer) plan.touch(state.index_of(t), step);
    }
    if (state.is_inside_chain(static_cast<std::size_t>(i))) continue;
    for (const Tensor* t : node.call.outputs) plan.touch(state.index_of(t), step);
  }
  for (const std::int32_t t : g.outputs) plan.touch(static_cast<std::size_t>(t), end);
  const auto is_listed = [](std::span<const std::int32_t> list, std::size_t t) {
    for (const std::int32_t i : list) {
      if (static_cast<std::size_t>(i) == t) return true;
    }
    return false;
  };
  for (std::size_t t = 0; t < state.tensors.size(); ++t) {
    if (!plan.is_touched(t) || !GraphState::lives_in_arena(state.tensors[t])) continue;
    if (state.tensors[t].description.is_variable) {
      plan.touch(t, -1);
      plan.touch(t, end);
    }
    plan.hold(t, static_cast<std::size_t>(state.tensors[t].description.bytes()), is_listed(g.inputs, t) || is_listed(g.outputs, t));
  }
  plan.begin();
  largest_live_set = plan.largest_live_set();
  if (lay_out_parts != nullptr) {
    lay_out_parts(state, plan);
  } else {
    detail::lay_out_once(state, plan, [](std::size_t) { return false; });
  }
  plan.release();
  return true;
}

}  // namespace tfl
