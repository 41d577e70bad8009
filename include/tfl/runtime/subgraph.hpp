#pragma once
// A subgraph made ready to run: infer, plan, prepare, invoke. Knows no op and no type; ops come as OpEntry.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/errors.hpp"
#include "tfl/runtime/fusion.hpp"
#include "tfl/runtime/layout.hpp"
#include "tfl/runtime/limits.hpp"
#include "tfl/runtime/memory_plan.hpp"
#include "tfl/runtime/node_state.hpp"
#include "tfl/runtime/registry.hpp"

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

/// Who runs a node: a delegate's entry, the registry's, or null.
using FindEntry = const OpEntry* (*)(const GraphSubgraph& subgraph, const GraphNode& node);

struct SubgraphOptions {
  Allocator allocator{};
  bool preserve_inputs = false;  // inputs keep their bytes over invoke(), at the price of arena bytes
  FusionSteps fusion{};
  detail::RunParts run_parts = nullptr;  // null: the executor doesn't nest
  bool pack = true;                      // weights are kept in the kernels' own layouts, too
  Session* session = nullptr;            // runs the nodes whose ops work on frames
  bool is_called = false;                // by a node of another subgraph, which lends the inputs' data
  Limits limits{};
  const CancelFlag* cancel = nullptr;  // null: runs to its end

  bool is_cancelled() const { return cancel != nullptr && cancel->load(std::memory_order_relaxed); }
};

class Subgraph {
 public:
  Subgraph() = default;
  Subgraph(Subgraph&&) = default;
  Subgraph& operator=(Subgraph&&) = default;

  /// Makes the tables and reads every node's options.
  Result<void> load(Model model, int index, FindEntry find, int workers, SubgraphOptions options) {
    model_ = std::move(model);
    index_ = index;
    find_ = find;
    workers_ = workers;
    options_ = options;
    const GraphSubgraph& graph = this->graph();
    if (auto r = check_limits(); !r) return r;
    std::size_t links = 0;
    for (const GraphNode& n : graph.nodes) links += n.inputs.size() + n.outputs.size();
    const Allocator a = options_.allocator;
    if (!tensors_.allocate(a, graph.tensors.size()) || !nodes_.allocate(a, graph.nodes.size()) || !links_.allocate(a, links) ||
        !input_shapes_.allocate(a, graph.inputs.size()) || !adopted_.allocate(a, options.is_called ? graph.tensors.size() : 0)) {
      return out_of_memory("the tables of the interpreter");
    }
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) input_shapes_[i] = graph_tensor(graph.inputs[i]).description.shape;
    std::size_t next = 0, state_bytes = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (auto r = load_node(i, next, state_bytes); !r) return r;
    }
    if (!state_.allocate(a, state_bytes)) return out_of_memory("the options of the nodes");
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      NodeState& node = nodes_[i];
      std::byte* at = state_.data() + node.state_offset;
      node.call.options = at;
      node.call.prepared = at + align_up(node.entry->options_bytes, arena_alignment);
    }
    if (auto r = reset_nodes(); !r) return r;
    reset_tensors();
    return {};
  }

  /// A new shape for an input. Takes effect with the next plan().
  Result<void> resize_input(int i, const Shape& shape) {
    if (i < 0 || i >= input_count()) {
      return Error(ErrorCode::invalid_argument, "resize_input: input ")
             << i << " does not exist: the model has " << input_count() << " inputs";
    }
    if (shape.checked_count() < 0 && !shape.is_hollow()) {
      Error error(ErrorCode::invalid_argument, "resize_input: input ");
      error << i << " cannot have shape ";
      detail::print_shape(error, shape);
      return error << ": a dimension is negative, or their product passes 2^31 - 1";
    }
    if (graph_tensor(graph().inputs[static_cast<std::size_t>(i)]).description.is_constant) {
      return Error(ErrorCode::invalid_argument, "resize_input: input ") << i << " has constant data";
    }
    input_shapes_[static_cast<std::size_t>(i)] = shape;
    ready_ = false;
    return {};
  }

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
  /// True where some shapes are known only while running: their tensors live on the heap.
  bool has_dynamic_tensors() const { return has_dynamic_; }

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

  bool ready() const { return ready_; }

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
  /// Lets an input of a called subgraph lie where the caller has it, until it is lent again.
  void lend(std::int32_t input, const Tensor& from) {
    Tensor& t = tensor(input);
    t.data = from.data;
    t.description.string_bytes = from.description.string_bytes;
  }
  /// What the file leaves unquantized in a called subgraph is quantized as the caller's tensor from the next plan() on. True where that is
  /// new.
  bool adopt_quantization(std::int32_t tensor, const Quantization& q) {
    if (graph_tensor(tensor).description.quantization.present()) return false;
    Quantization& old = adopted_[static_cast<std::size_t>(tensor)];
    const bool same = old.scale == q.scale && old.zero_point == q.zero_point && old.axis == q.axis &&
                      old.channel_scales.data() == q.channel_scales.data();
    if (!same) old = q;
    return !same;
  }
  bool has_variables() const {
    for (const Tensor& t : tensors_) {
      if (t.description.is_variable) return true;
    }
    return false;
  }

  /// Variables as they are before the first invoke: zero bytes; int8 their zero point, as in TensorFlow Lite.
  void reset_variables() {
    for (Tensor& t : tensors_) {
      if (!t.description.is_variable || t.data == nullptr || t.is_borrowed) continue;
      const bool is_int8 = t.description.type == TensorType::int8;
      std::memset(t.data, is_int8 ? t.description.quantization.zero_point & 0xff : 0, static_cast<std::size_t>(t.description.bytes()));
    }
    for (NodeState& node : nodes_) {
      if (!node.own_state.empty()) std::memset(node.own_state.data(), 0, node.own_state.size());
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

  const Model& model() const { return model_; }
  int index() const { return index_; }
  const GraphSubgraph& graph() const { return model_.subgraphs()[static_cast<std::size_t>(index_)]; }
  int input_count() const { return static_cast<int>(graph().inputs.size()); }
  int output_count() const { return static_cast<int>(graph().outputs.size()); }
  Tensor& tensor(std::int32_t i) { return tensors_[static_cast<std::size_t>(i)]; }
  const Tensor& tensor(std::int32_t i) const { return tensors_[static_cast<std::size_t>(i)]; }
  const GraphTensor& graph_tensor(std::int32_t i) const { return graph().tensors[static_cast<std::size_t>(i)]; }
  const NodeState& node(std::size_t i) const { return nodes_[i]; }
  /// The shape that the next plan() gives the input.
  const Shape& input_shape(int i) const { return input_shapes_[static_cast<std::size_t>(i)]; }
  void* executor() const { return executor_; }

  /// Errors about node i.
  Error at_node(ErrorCode code, std::size_t i) const { return node_error(code, index_, graph().nodes[i]); }
  Error describe(const Violation& v, std::size_t i) const { return violation_error(v, index_, graph(), graph().nodes[i], tensors_.span()); }

 private:
  Error cancelled(std::size_t i) const { return at_node(ErrorCode::cancelled, i) << "was cancelled before it ran"; }
  Error out_of_memory(std::string_view what) const { return Error(ErrorCode::out_of_memory, "no memory for ") << what; }

  Result<void> check_limits() const {
    const GraphSubgraph& graph = this->graph();
    const Limits& limits = options_.limits;
    const auto too_much = [this] { return Error(ErrorCode::out_of_memory, "subgraph ").at(index_, -1) << index_ << " has "; };
    if (graph.tensors.size() > limits.tensors || graph.nodes.size() > limits.tensors) {
      return too_much() << graph.tensors.size() << " tensors and " << graph.nodes.size() << " nodes; Limits::tensors allows "
                        << limits.tensors << " of each";
    }
    for (std::size_t t = 0; t < graph.tensors.size(); ++t) {
      const int rank = graph.tensors[t].description.shape.rank();
      if (rank <= limits.rank) continue;
      return too_much() << "tensor " << t << " of " << rank << " dimensions; Limits::rank allows " << limits.rank;
    }
    return {};
  }

  Result<void> load_node(std::size_t i, std::size_t& next_link, std::size_t& state_bytes) {
    const GraphNode& source = graph().nodes[i];
    NodeState& node = nodes_[i];
    node.entry = find_(graph(), source);
    if (node.entry == nullptr) {
      return at_node(ErrorCode::unsupported_op, i) << "this op is not in the registry; add it to the template arguments of OpRegistry";
    }
    if (source.version > node.entry->max_version) {
      return at_node(ErrorCode::unsupported_version, i)
             << "version " << source.version << " is newer than this library knows; the newest it runs is " << node.entry->max_version;
    }
    if (node.entry->run != nullptr && options_.session == nullptr) {
      return at_node(ErrorCode::unsupported_op, i) << "works on other subgraphs or on resources, which only an interpreter has";
    }
    const auto inputs = static_cast<int>(source.inputs.size()), outputs = static_cast<int>(source.outputs.size());
    if (!node.entry->inputs.allows(inputs) || !node.entry->outputs.allows(outputs)) {
      const bool in = !node.entry->inputs.allows(inputs);
      const Arity arity = in ? node.entry->inputs : node.entry->outputs;
      Error error = at_node(ErrorCode::invalid_model, i)
                    << "has " << (in ? inputs : outputs) << (in ? " inputs" : " outputs") << ", not " << arity.least;
      if (arity.most == any_number) return error << " or more";
      if (arity.most != arity.least) error << " to " << arity.most;
      return error;
    }
    node.call.inputs = std::span<Tensor* const>(links_.data() + next_link, source.inputs.size());
    node.call.outputs = std::span<Tensor* const>(links_.data() + next_link + source.inputs.size(), source.outputs.size());
    next_link += source.inputs.size() + source.outputs.size();
    node.state_offset = state_bytes;
    state_bytes += align_up(node.entry->options_bytes, arena_alignment) + align_up(node.entry->prepared_bytes, arena_alignment);
    return {};
  }

  /// Options and links as the file has them.
  Result<void> reset_nodes() {
    std::size_t next = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const GraphNode& source = graph().nodes[i];
      for (const std::int32_t t : source.inputs) links_[next++] = t >= 0 ? &tensor(t) : nullptr;
      for (const std::int32_t t : source.outputs) links_[next++] = &tensor(t);
      nodes_[i].last = static_cast<std::int32_t>(i);
      nodes_[i].changed = false;
      if (const Violation v = nodes_[i].entry->read(*source.source, const_cast<void*>(nodes_[i].call.options))) return describe(v, i);
    }
    is_rewritten_ = false;
    return {};
  }

  /// Back to what the file says, with the caller's input shapes.
  void reset_tensors() {
    const GraphSubgraph& g = graph();
    for (std::size_t t = 0; t < tensors_.size(); ++t) {
      tensors_[t].description = g.tensors[t].description;
      if (!adopted_.empty() && !tensors_[t].description.quantization.present()) tensors_[t].description.quantization = adopted_[t];
      tensors_[t].own.reset();
      tensors_[t].data = const_cast<std::byte*>(g.tensors[t].data.data());
      tensors_[t].is_dynamic = false;
      if (tensors_[t].description.is_constant) learn_integers(tensors_[t]);
    }
    for (std::size_t i = 0; i < input_shapes_.size(); ++i) {
      Tensor& t = tensor(g.inputs[i]);
      t.description.shape = input_shapes_[i];
      t.is_borrowed = options_.is_called && !t.description.is_constant;
    }
    has_dynamic_ = false;
  }

  static void learn_integers(Tensor& t) {
    const auto count = static_cast<std::size_t>(t.description.count());
    const std::byte* data = detail::address(t);
    if (t.description.type == TensorType::int32) {
      t.description.integers = KnownIntegers(std::span(reinterpret_cast<const std::int32_t*>(data), count));
    } else if (t.description.type == TensorType::int64) {
      t.description.integers = KnownIntegers(std::span(reinterpret_cast<const std::int64_t*>(data), count));
    } else if (t.description.type == TensorType::int16) {
      t.description.integers = KnownIntegers(std::span(reinterpret_cast<const std::int16_t*>(data), count));
    } else if (t.description.type == TensorType::int8) {
      t.description.integers = KnownIntegers(std::span(reinterpret_cast<const std::int8_t*>(data), count));
    }
  }

  static bool is_known(const Tensor& t) {
    return t.description.is_constant || !t.own.empty() || (t.data != nullptr && !t.description.is_variable);
  }

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

  Result<void> check_needs(std::size_t i) const {
    const Needs& needs = nodes_[i].needs;
    for (const std::int64_t bytes : {needs.multipliers, needs.scratch_bytes, needs.packed_bytes, needs.state_bytes}) {
      if (!is_addressable(bytes))
        return at_node(ErrorCode::out_of_memory, i) << "would work with " << bytes << " bytes, more than can be addressed";
    }
    return {};
  }

  Result<void> check_outputs(std::size_t i) {
    const NodeState& node = nodes_[i];
    for (std::size_t k = 0; k < node.call.outputs.size(); ++k) {
      const Shape& shape = node.call.outputs[k]->description.shape;
      if (shape.checked_count() < 0 && !shape.is_hollow()) {
        return describe(output_violation(static_cast<int>(k), ErrorCode::invalid_shape,
                                         "would have a negative dimension or more than 2^31 - 1 elements"),
                        i);
      }
      if (node.call.outputs[k]->description.shape.rank() > options_.limits.rank) {
        return describe(output_violation(static_cast<int>(k), ErrorCode::invalid_shape,
                                         "would have more than the {} dimensions of Limits::rank", options_.limits.rank),
                        i);
      }
      if (const std::int64_t bytes = node.call.outputs[k]->description.bytes(); !is_addressable(bytes)) {
        return describe(
            output_violation(static_cast<int>(k), ErrorCode::out_of_memory, "would take {} bytes, more than can be addressed", bytes), i);
      }
    }
    return {};
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

  /// Memory outside of the arena for a node's outputs.
  Result<void> give_outputs_memory(std::size_t i) {
    NodeState& node = nodes_[i];
    for (std::size_t k = 0; k < node.call.outputs.size(); ++k) {
      Tensor& t = *node.call.outputs[k];
      const auto bytes = static_cast<std::size_t>(t.description.bytes());
      if (t.own.size() < bytes && !t.own.allocate(options_.allocator, bytes)) {
        return describe(output_violation(static_cast<int>(k), ErrorCode::out_of_memory, "finds no memory for its {} bytes", bytes), i);
      }
      t.data = t.own.data();
    }
    return {};
  }
  /// The same for what it works with.
  Result<void> give_working_memory(std::size_t i) {
    NodeState& node = nodes_[i];
    const Allocator a = options_.allocator;
    if (!node.own_multipliers.allocate(a, static_cast<std::size_t>(node.needs.multipliers)) ||
        !node.own_scratch.allocate(a, static_cast<std::size_t>(node.needs.scratch_bytes))) {
      return describe(
          node_violation(ErrorCode::out_of_memory, "finds no memory for the {} bytes that it works with", node.needs.scratch_bytes), i);
    }
    node.call.multipliers = node.own_multipliers.span();
    node.call.scratch = node.own_scratch.data();
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

  GraphState state() {
    return {graph(), nodes_.span(), tensors_.span(), options_.allocator, workers_, options_.pack, regions(), options_.run_parts != nullptr};
  }
  Regions regions() const {
    return {&model_, [](const void* model, std::int32_t index) -> Region {
              const auto subgraphs = static_cast<const Model*>(model)->subgraphs();
              if (index < 0 || static_cast<std::size_t>(index) >= subgraphs.size()) return {};
              const std::span<const GraphNode> nodes = subgraphs[static_cast<std::size_t>(index)].nodes;
              return {static_cast<int>(nodes.size()), nodes.size() == 1 ? nodes[0].code : BuiltinOperator::CUSTOM};
            }};
  }
  [[nodiscard]] bool describe_node(Described& described, std::size_t i) {
    return described.describe(nodes_[i], graph().nodes[i], tensors_.span(), workers_, options_.pack, regions(), options_.allocator);
  }

  Model model_;
  int index_ = 0;
  FindEntry find_ = nullptr;
  int workers_ = 1;
  SubgraphOptions options_;
  Array<Tensor> tensors_;
  Array<NodeState> nodes_;
  Array<Tensor*> links_;
  Array<Shape> input_shapes_;
  Array<Quantization> adopted_;  // of tensors, in called subgraphs
  Array<std::byte> state_;
  Array<Multiplier> multipliers_;
  MemoryPlan plan_;
  std::size_t largest_live_set_ = 0, packed_ahead_ = 0;
  bool has_dynamic_ = false, is_rewritten_ = false, ready_ = false;
  void* executor_ = nullptr;
};

}  // namespace tfl
