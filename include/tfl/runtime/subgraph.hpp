#pragma once
// A subgraph made ready to run: infer, plan, prepare, invoke. Knows no op and no type; ops come as OpEntry.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/fusion.hpp"
#include "tfl/runtime/layout.hpp"
#include "tfl/runtime/memory_plan.hpp"
#include "tfl/runtime/node_state.hpp"
#include "tfl/runtime/subgraph_tables.hpp"

namespace tfl {

/// What an observer sees after (and, if it asks, before) each node that is not fused into another one. Where others are fused into
/// it, its inputs are those of the first one, its outputs those of the last one.
struct NodeEvent {
  int step = 0;  // in order of execution
  const GraphNode* node = nullptr;
  std::span<Tensor* const> inputs;   // null: absent
  std::span<Tensor* const> outputs;  // data valid until the next node runs
  std::span<const std::int32_t> output_indices;
};

/// An observer without its type: `before` may be null.
struct ObserverHooks {
  void* context = nullptr;
  void (*before)(void* context, const NodeEvent&) = nullptr;
  void (*after)(void* context, const NodeEvent&) = nullptr;
};

class Subgraph : public SubgraphTables {
 public:
  Subgraph() = default;
  Subgraph(Subgraph&&) = default;
  Subgraph& operator=(Subgraph&&) = default;

  /// Infers every shape and lays out the arena. `executor` runs what can be computed once and for all.
  Result<void> plan(void* executor) {
    ready_ = false;
    executor_ = executor;
    reset_tensors();
    if (is_rewritten_) {
      if (auto r = reset_nodes(); !r) return r;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (options_.is_cancelled()) return cancelled(i);
      if (auto r = infer_node(i, executor); !r) return r;
    }
    for (std::size_t t = 0; t < tensors_.size(); ++t) {
      const std::int64_t bytes = tensors_[t].is_dynamic ? 0 : tensors_[t].description.bytes();
      if (!is_addressable(bytes)) {
        return Error(ErrorCode::out_of_memory, "tensor ").at(index_, -1, static_cast<int>(t))
               << t << " takes " << bytes << " bytes, more than can be addressed";
      }
    }
    const GraphState state = this->state();
    is_rewritten_ = options_.fusion.rewrite != nullptr;
    if (is_rewritten_ && !options_.fusion.rewrite(state)) return out_of_memory("fusion");
    std::int64_t multipliers = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].kind != NodeKind::planned) continue;
      if (auto r = check_needs(i); !r) return r;  // fusion has asked again
      multipliers += nodes_[i].needs.multipliers;
    }
    if (!lay_out(state, options_.preserve_inputs, options_.fusion.lay_out_parts, plan_, largest_live_set_) ||
        !is_addressable(multipliers) || !multipliers_.allocate(options_.allocator, static_cast<std::size_t>(multipliers))) {
      return out_of_memory("the plan");
    }
    return {};
  }

  /// Exact size of the arena that bind() takes. Requires plan().
  std::size_t arena_bytes() const { return plan_.arena_bytes(); }
  /// A bound that no plan without in-place tricks can pass: the most tensor bytes alive at one step. Requires plan().
  std::size_t largest_live_set() const { return largest_live_set_; }
  /// How many nodes invoke() runs: not those that are computed once and for all, fused into another one, or find their outputs in place.
  int nodes_to_run() const {
    int count = 0;
    for (const NodeState& node : nodes_) {
      if (node.kind != NodeKind::folded && node.kind != NodeKind::fused && !node.in_place) ++count;
    }
    return count;
  }

  /// Gives every tensor its address and prepares every node. Requires plan(), and an arena of arena_bytes() aligned to 16 bytes that
  /// the caller keeps.
  Result<void> bind(std::span<std::byte> arena, void* executor) {
    ready_ = false;
    if (arena.size() < arena_bytes()) {
      return Error(ErrorCode::out_of_memory, "arena: ") << arena.size() << " bytes are too few, the model takes " << arena_bytes();
    }
    if (reinterpret_cast<std::uintptr_t>(arena.data()) % arena_alignment != 0) {
      return Error(ErrorCode::invalid_argument, "arena: its address must be a multiple of ") << arena_alignment;
    }
    for (std::size_t t = 0; t < tensors_.size(); ++t) {
      if (plan_.is_held(t)) tensors_[t].data = arena.data() + plan_.offset_of(t);
    }
    reset_variables();
    executor_ = executor;
    packed_ahead_ = 0;
    std::uint64_t packed = 0;
    for (const NodeState& node : nodes_) packed += packed_room(node);
    packed_ahead_ = static_cast<std::size_t>(packed);
    if (packed > options_.limits.memory) {
      return Error(ErrorCode::out_of_memory, "packed weights would take ")
             << packed << " bytes; Limits::memory allows " << options_.limits.memory;
    }
    std::size_t next_multiplier = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      NodeState& node = nodes_[i];
      node.call.executor = executor;
      if (node.kind != NodeKind::planned) continue;
      node.call.scratch = node.scratch_block >= 0 ? arena.data() + plan_.offset_of_block(node.scratch_block) : nullptr;
      if (node.chain.buffer_block >= 0) node.chain.buffer = arena.data() + plan_.offset_of_block(node.chain.buffer_block);
      node.call.multipliers = multipliers_.span().subspan(next_multiplier, static_cast<std::size_t>(node.needs.multipliers));
      next_multiplier += static_cast<std::size_t>(node.needs.multipliers);
      if (auto r = prepare_node(i, true); !r) return r;
      packed_ahead_ -= packed_room(node);
    }
    ready_ = true;
    return {};
  }

  /// Moves to another arena, as large as that of bind(). Requires ready(). The old one's contents are lost.
  void rebase(std::byte* arena) {
    for (std::size_t t = 0; t < tensors_.size(); ++t) {
      if (plan_.is_held(t)) tensors_[t].data = arena + plan_.offset_of(t);
    }
    for (NodeState& node : nodes_) {
      if (node.kind == NodeKind::planned && node.scratch_block >= 0) node.call.scratch = arena + plan_.offset_of_block(node.scratch_block);
      if (node.chain.buffer_block >= 0) node.chain.buffer = arena + plan_.offset_of_block(node.chain.buffer_block);
    }
  }

  /// Runs the nodes in order. Requires ready().
  Result<void> invoke(void* executor, const ObserverHooks* observer) {
    if (executor != executor_) {  // it moves with the interpreter
      for (NodeState& node : nodes_) node.call.executor = executor;
      executor_ = executor;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      NodeState& node = nodes_[i];
      const bool ends_chain = node.chain.last == static_cast<std::int32_t>(i);
      if (node.kind == NodeKind::fused || (node.chain.last >= 0 && !ends_chain)) continue;
      if (options_.is_cancelled()) [[unlikely]]
        return cancelled(i);
      NodeEvent event;
      if (observer != nullptr) [[unlikely]] {
        const NodeState& first = ends_chain ? nodes_[static_cast<std::size_t>(node.chain.first)] : node;
        event = {static_cast<int>(i), &graph().nodes[i], first.call.inputs, node.call.outputs,
                 graph().nodes[static_cast<std::size_t>(node.last)].outputs};
        if (observer->before != nullptr) observer->before(observer->context, event);
      }
      if (node.kind == NodeKind::dynamic) [[unlikely]] {
        if (auto r = prepare_dynamic(i); !r) return r;
      }
      if (node.kind != NodeKind::folded && !node.in_place) {
        if (node.entry->run != nullptr) [[unlikely]] {
          if (auto r = options_.session->run(*this, i); !r) return r;
        } else if (ends_chain) {
          std::size_t failed = i;
          if (const Violation v = options_.fusion.run_chain(nodes_.span(), i, workers_, options_.run_parts, failed))
            return describe(v, failed);
        } else if (const Violation v = node.eval(node.call)) [[unlikely]] {
          return describe(v, i);
        }
      }
      if (node.kind == NodeKind::dynamic) [[unlikely]] {
        for (Tensor* t : node.call.outputs) learn_integers(*t);
      }
      if (observer != nullptr) [[unlikely]]
        observer->after(observer->context, event);
    }
    return {};
  }

 private:
  Error cancelled(std::size_t i) const { return at_node(ErrorCode::cancelled, i) << "was cancelled before it ran"; }

  Result<void> infer_node(std::size_t i, void* executor) {
    NodeState& node = nodes_[i];
    node.kind = NodeKind::planned;
    node.in_place = false;
    node.chain = {};
    node.needs = {};
    bool all_constant = true, all_known = true;
    for (std::size_t k = 0; k < node.call.inputs.size(); ++k) {
      const Tensor* t = node.call.inputs[k];
      if (t == nullptr) continue;
      if (t->is_dynamic) node.kind = NodeKind::dynamic;
      all_constant = all_constant && t->description.is_constant;
      all_known = all_known && is_known(*t);
    }
    Described described;
    if (!describe_node(described, i)) return out_of_memory("shape inference");
    bool measured = false;
    if (node.kind != NodeKind::dynamic) {
      const Violation v = infer(node, *described);
      if (v.code == ErrorCode::unknown_value && node.entry->measure != nullptr && all_known) {
        node.call.executor = executor;
        if (auto r = measure(i, *described); !r) return r;
        measured = true;
      } else if (v.code == ErrorCode::unknown_value && !input_is_constant(node, v)) {
        node.kind = NodeKind::dynamic;
      } else if (v) {
        return describe(v, i);
      }
    }
    if (node.entry->run != nullptr && node.kind != NodeKind::dynamic) {
      const auto known = options_.session->outline(*this, i);
      if (!known) return known.error();
      if (*known) return check_outputs(i);
      node.kind = NodeKind::dynamic;
    }
    if (node.kind == NodeKind::dynamic) {
      has_dynamic_ = true;
      for (Tensor* t : node.call.outputs) t->is_dynamic = true;
      return {};
    }
    if (auto r = check_outputs(i); !r) return r;
    if (!measured) node.needs = node.entry->needs(node.call.options, *described);
    if (auto r = check_needs(i); !r) return r;
    const OpTraits& traits = node.entry->traits;
    if ((all_known || traits.reads_shape_only) && !traits.has_side_effects) return fold(i, executor, all_constant, measured);
    return {};
  }

  /// The op's own rules, for shapes that it can read.
  static Violation infer(const NodeState& node, const NodeDescription& described) {
    const bool any_rank = node.entry->traits.any_rank || node.entry->run != nullptr;
    for (int k = 0; k < described.input_count() && !any_rank; ++k) {
      if (described.input(k).shape.leading_ones() == 0) continue;
      return input_violation(k, ErrorCode::invalid_shape, "has {} dimensions; this op reads at most {}",
                             described.input(k).shape.full_rank(), max_rank);
    }
    for (int k = 0; k < described.input_count() && !node.entry->traits.any_extent; ++k) {
      if (!described.input(k).shape.is_hollow()) continue;
      return input_violation(k, ErrorCode::invalid_shape, "has no elements, but dimensions whose product passes 2^31 - 1");
    }
    return node.entry->infer(node.call.options, described);
  }

  static bool input_is_constant(const NodeState& node, const Violation& v) {
    const auto k = static_cast<std::size_t>(v.index);
    return v.operand == Violation::Operand::input && k < node.call.inputs.size() && node.call.inputs[k] != nullptr &&
           node.call.inputs[k]->description.is_constant;
  }

  /// Outputs whose shapes the inputs' data decides. Their node has its working memory afterwards, with what eval() will look for there.
  Result<void> measure(std::size_t i, const NodeDescription& described) {
    NodeState& node = nodes_[i];
    node.needs = node.entry->needs(node.call.options, described);
    if (auto r = check_needs(i); !r) return r;
    if (auto r = give_working_memory(i); !r) return r;
    if (const Violation v = node.entry->measure(node.call, described)) return describe(v, i);
    return {};
  }

  /// Computes a node once and for all: its outputs become constants.
  Result<void> fold(std::size_t i, void* executor, bool all_constant, bool measured) {
    NodeState& node = nodes_[i];
    node.kind = NodeKind::folded;
    node.call.executor = executor;
    if (auto r = give_outputs_memory(i); !r) return r;
    if (!measured) {
      if (auto r = give_working_memory(i); !r) return r;
    }
    if (auto r = prepare_node(i, false); !r) return r;
    if (const Violation v = node.eval(node.call)) return describe(v, i);
    node.own_multipliers.reset();
    node.own_scratch.reset();
    node.own_packed.reset();
    for (Tensor* t : node.call.outputs) {
      learn_integers(*t);
      // What follows from shapes changes with them: it is known, but nothing may be packed from it.
      t->description.is_constant = all_constant;
      if (t->data == nullptr) t->data = const_cast<std::byte*>(detail::no_bytes);
    }
    return {};
  }

  static std::size_t packed_room(const NodeState& node) {
    const bool wanted = node.kind == NodeKind::planned && node.needs.packed_bytes > 0;
    return wanted ? Model::packed_room(static_cast<std::size_t>(node.needs.packed_bytes)) : 0;
  }

  Result<void> prepare_node(std::size_t i, bool share_packed) {
    NodeState& node = nodes_[i];
    Described described;
    if (!describe_node(described, i)) return out_of_memory("preparation");
    PackFunction pack = nullptr;
    node.eval = nullptr;
    node.call.packed = nullptr;
    if (node.entry->prepare == nullptr) return {};  // it works on a frame
    if (const Violation v = node.entry->prepare(node.call, *described, node.eval, pack)) return describe(v, i);
    const auto state_bytes = static_cast<std::size_t>(node.needs.state_bytes);
    if (node.own_state.size() != state_bytes && !node.own_state.allocate(options_.allocator, state_bytes)) {
      return out_of_memory("what a node keeps between runs");
    }
    node.call.state = node.own_state.data();
    if (pack == nullptr || node.needs.packed_bytes == 0) return {};
    const auto bytes = static_cast<std::size_t>(node.needs.packed_bytes);
    if (!share_packed && is_packed_already(node, pack)) {
      node.call.packed = node.own_packed.data();
    } else if (share_packed) {
      node.call.packed =
          model_.packed(node.packed_key(), index_, static_cast<int>(i), bytes, packed_ahead_, [&](std::byte* to) { pack(node.call, to); });
    } else if (node.own_packed.allocate(options_.allocator, bytes)) {
      pack(node.call, node.own_packed.data());
      node.call.packed = node.own_packed.data();
    }
    if (node.call.packed == nullptr) return out_of_memory("packed weights");
    return {};
  }

  /// Whether a dynamic node's constants lie in the layout already that this preparation asks for: it is the same as the last one.
  /// Remembers this one, where memory allows.
  bool is_packed_already(NodeState& node, PackFunction pack) {
    if (node.kind != NodeKind::dynamic) return false;
    const std::size_t bytes = node.entry->prepared_bytes;
    const bool same = node.packed_by == pack && node.own_packed.size() == static_cast<std::size_t>(node.needs.packed_bytes) &&
                      node.packed_for.size() == bytes && std::memcmp(node.packed_for.data(), node.call.prepared, bytes) == 0;
    if (same) return true;
    node.packed_by = nullptr;
    if (node.packed_for.size() != bytes && !node.packed_for.allocate(options_.allocator, bytes)) return false;
    std::memcpy(node.packed_for.data(), node.call.prepared, bytes);
    node.packed_by = pack;
    return false;
  }

  /// A node whose shapes depend on data: everything that plan() and bind() do, just before it runs.
  Result<void> prepare_dynamic(std::size_t i) {
    NodeState& node = nodes_[i];
    // Whoever reads an output after a failure finds nothing, rather than the bytes of another shape.
    for (Tensor* t : node.call.outputs) t->data = nullptr;
    for (std::size_t k = 0; k < node.call.inputs.size(); ++k) {
      if (node.call.inputs[k] != nullptr) learn_integers(*node.call.inputs[k]);
    }
    Described described;
    if (!describe_node(described, i)) return out_of_memory("shape inference");
    const Violation v = infer(node, *described);
    if (!v && node.entry->run != nullptr) return {};
    const bool measured = v.code == ErrorCode::unknown_value && node.entry->measure != nullptr;
    if (measured) {
      if (auto r = measure(i, *described); !r) return r;
    } else if (v) {
      return describe(v, i);
    }
    if (auto r = check_outputs(i); !r) return r;
    if (!measured) {
      node.needs = node.entry->needs(node.call.options, *described);
      if (auto r = check_needs(i); !r) return r;
      if (auto r = give_working_memory(i); !r) return r;
    }
    if (auto r = give_outputs_memory(i); !r) return r;
    return prepare_node(i, false);
  }

  Array<Multiplier> multipliers_;
  MemoryPlan plan_;
  std::size_t largest_live_set_ = 0, packed_ahead_ = 0;
};

}  // namespace tfl
