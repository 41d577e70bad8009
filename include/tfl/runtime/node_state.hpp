#pragma once
// A node of a subgraph while it is made ready and run.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "tfl/core/memory.hpp"
#include "tfl/model/graph.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

enum class NodeKind : std::uint8_t {
  planned,  // shapes known before running, memory in the arena
  folded,   // computed once, in plan()
  dynamic,  // shapes known only while running
  fused,    // another node does its work
};

/// A node's part in a chain that runs band by band; see runtime/row_bands.hpp.
struct RowChain {
  std::int32_t first = -1, last = -1;  // nodes of the chain; -1: the node is in none
  std::int32_t band_rows = 0;          // of the chain's output
  std::int32_t buffer_rows = 0;        // of the node's output that lie in the chain's buffer at most
  int buffer_block = -1;               // of the last node: the buffers of all workers
  std::byte* buffer = nullptr;
};

struct NodeState {
  const OpEntry* entry = nullptr;
  EvalFunction eval = nullptr;
  NodeCall call;
  Needs needs;
  std::size_t state_offset = 0;
  int scratch_block = -1;
  std::int32_t last = 0;  // the node whose outputs this one writes: itself, or one that is fused into it
  NodeKind kind = NodeKind::planned;
  bool changed = false;   // its options or tensors are not the file's any more
  bool in_place = false;  // its outputs lie where the bytes are already: nothing to run
  RowChain chain;
  Array<std::byte> own_state;
  // Of nodes outside of the plan only.
  Array<Multiplier> own_multipliers;
  Array<std::byte> own_scratch, own_packed;
  Array<std::byte> packed_for;  // what own_packed was made for: the op's Prepared, byte by byte
  PackFunction packed_by = nullptr;

  /// Tells layouts of packed constants apart, which follow from options too.
  const void* packed_key() const { return changed ? static_cast<const void*>(&entry->options_bytes) : entry; }
};

/// Descriptions of a node's tensors, for as long as an op looks at them.
class Described {
 public:
  /// False where memory lacks.
  [[nodiscard]] bool describe(const NodeState& node, const GraphNode& graph_node, std::span<const Tensor> tensors, int workers, bool packs,
                              Regions regions, Allocator allocator) {
    const std::size_t in = node.call.inputs.size(), out = node.call.outputs.size(), between = graph_node.intermediates.size();
    const TensorDescription** inputs = few_;
    if (in + out + between > std::size(few_)) {
      if (!many_.allocate(allocator, in + out + between)) return false;
      inputs = many_.data();
    }
    auto** outputs = const_cast<TensorDescription**>(inputs + in);
    const TensorDescription** intermediates = inputs + in + out;
    for (std::size_t k = 0; k < in; ++k) inputs[k] = node.call.inputs[k] != nullptr ? &node.call.inputs[k]->description : nullptr;
    for (std::size_t k = 0; k < out; ++k) outputs[k] = &node.call.outputs[k]->description;
    for (std::size_t k = 0; k < between; ++k) {
      const std::int32_t t = graph_node.intermediates[k];
      intermediates[k] = t >= 0 ? &tensors[static_cast<std::size_t>(t)].description : nullptr;
    }
    node_ = NodeDescription({inputs, in}, {outputs, out}, graph_node.version, workers, {intermediates, between}, packs, regions);
    return true;
  }
  const NodeDescription& operator*() const { return node_; }

 private:
  const TensorDescription* few_[32] = {};
  Array<const TensorDescription*> many_;
  NodeDescription node_{{}, {}};
};

/// The nodes and tensors of one subgraph, for the steps that work on all of them.
struct GraphState {
  const GraphSubgraph& graph;
  std::span<NodeState> nodes;
  std::span<Tensor> tensors;
  Allocator allocator;
  int workers = 1;
  bool packs = true;
  Regions regions{};
  bool nests = false;  // each worker can run whole kernels

  std::size_t index_of(const Tensor* t) const { return static_cast<std::size_t>(t - tensors.data()); }
  [[nodiscard]] bool describe(Described& described, std::size_t i) const {
    return described.describe(nodes[i], graph.nodes[i], tensors, workers, packs, regions, allocator);
  }
  /// When the node runs: a chain runs in the place of its last node.
  int step_of(std::size_t i) const { return nodes[i].chain.last >= 0 ? nodes[i].chain.last : static_cast<int>(i); }
  /// Whether the node's output exists in a chain's buffer only.
  bool is_inside_chain(std::size_t i) const { return nodes[i].chain.last > static_cast<std::int32_t>(i); }
  /// Whether the tensor's bytes are the plan's to place.
  static bool lives_in_arena(const Tensor& t) {
    return !t.is_dynamic && !t.is_borrowed && t.data == nullptr && bits_of(t.description.type) != 0;
  }
};

}  // namespace tfl
