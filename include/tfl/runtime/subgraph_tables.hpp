#pragma once
// The tables of a subgraph that runs: its tensors and nodes as the file has them, with what the caller changed. Knows no op and no type.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/errors.hpp"
#include "tfl/runtime/fusion.hpp"
#include "tfl/runtime/layout.hpp"
#include "tfl/runtime/limits.hpp"
#include "tfl/runtime/node_state.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

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

/// Of Subgraph, which runs it.
class SubgraphTables {
 public:
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

  /// True where some shapes are known only while running: their tensors live on the heap.
  bool has_dynamic_tensors() const { return has_dynamic_; }
  bool ready() const { return ready_; }

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

 protected:
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
  bool has_dynamic_ = false, is_rewritten_ = false, ready_ = false;
  void* executor_ = nullptr;
};

}  // namespace tfl
