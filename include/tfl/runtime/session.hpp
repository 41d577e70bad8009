#pragma once
// What an interpreter has beside the subgraph that it runs: the subgraphs that this one calls, and the resources that they share.
//
// Called subgraphs read their inputs where the caller has them. Their arenas lie on a stack: those that are called from the same depth
// share one block, as they never run at once. A subgraph is inferred and planned again only where an input's shape or type changes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/frame.hpp"
#include "tfl/runtime/resources.hpp"
#include "tfl/runtime/subgraph.hpp"

namespace tfl {

// A template, so that it is there only where it is made: compilers that see one class behind an interface compile calls of it into programs
// that never have one.
template <class = void> class SubgraphSession final : public Session {
 public:
  SubgraphSession(Model model, int main, FindEntry find, int workers, const SubgraphOptions& options)
      : model_(std::move(model)), main_(main), find_(find), workers_(workers), options_(options), resources_(options.allocator) {
    options_.session = this;
    options_.is_called = true;
    options_.preserve_inputs = false;
  }

  Result<bool> outline(Subgraph& subgraph, std::size_t node) override {
    NodeFrame frame(*this, subgraph, node);
    const NodeState& state = subgraph.node(node);
    return state.entry->outline(state.call.options, frame);
  }
  Result<void> run(Subgraph& subgraph, std::size_t node) override {
    NodeFrame frame(*this, subgraph, node);
    const NodeState& state = subgraph.node(node);
    return state.entry->run(state.call.options, frame);
  }
  void begin() override {
    calls_ = 0;
    steps_ = 0;
    depth_ = 0;
  }
  void reset_variables() override {
    resources_.reset();
    for (Callee& c : callees_) {
      if (c.is_bound) c.subgraph.reset_variables();
    }
  }

 private:
  static constexpr int most_depth = 32;

  struct Callee {
    Subgraph subgraph;
    Array<Tensor*> outputs;
    Array<std::byte> own_arena;  // where it has variables, which stay
    const std::byte* arena = nullptr;
    bool is_loaded = false, is_planned = false, is_bound = false, is_active = false;
  };

  class NodeFrame final : public Frame {
   public:
    NodeFrame(SubgraphSession& session, Subgraph& subgraph, std::size_t node) : session_(session), subgraph_(subgraph), node_(node) {}

    TensorList inputs() const override { return subgraph_.node(node_).call.inputs; }
    TensorList outputs() const override { return subgraph_.node(node_).call.outputs; }
    Error broken(const Violation& v) const override { return subgraph_.describe(v, node_); }
    Error error(ErrorCode code) const { return subgraph_.at_node(code, node_); }
    void* executor() const { return subgraph_.executor(); }

    Result<TensorList> infer(std::int32_t subgraph, TensorList inputs) override {
      const auto callee = session_.find(*this, subgraph, inputs);
      if (!callee) return callee.error();
      return TensorList((*callee)->outputs.span());
    }
    Result<TensorList> call(std::int32_t subgraph, TensorList inputs) override {
      const auto callee = session_.find(*this, subgraph, inputs);
      if (!callee) return callee.error();
      if (auto r = session_.call(*this, **callee, inputs); !r) return r.error();
      return TensorList((*callee)->outputs.span());
    }

    Result<void> store(TensorList from) override {
      const TensorList to = outputs();
      for (std::size_t k = 0; k < to.size(); ++k) {
        TensorType& type = to[k]->description.type;
        if (!to[k]->description.present()) type = from[k]->description.type;  // the file leaves it out
        if (from[k]->description.type != type) {
          return fails(output_violation(static_cast<int>(k), ErrorCode::invalid_type, "must have the type of what is stored there"));
        }
      }
      // What lies where another output does is put aside before it is overwritten.
      Array<Array<std::byte>> aside;
      for (std::size_t k = 0; k < to.size(); ++k) {
        if (from[k]->data == nullptr || from[k]->data == to[k]->data || !is_output(from[k]->data)) continue;
        const auto bytes = static_cast<std::size_t>(from[k]->description.bytes());
        if ((aside.empty() && !aside.allocate(allocator(), to.size())) || !aside[k].allocate(allocator(), bytes))
          return error(ErrorCode::out_of_memory) << "no memory to exchange outputs";
        if (bytes > 0) std::memcpy(aside[k].data(), from[k]->data, bytes);
      }
      for (std::size_t k = 0; k < to.size(); ++k) {
        if (from[k]->data != nullptr && from[k]->data == to[k]->data) continue;  // it is there already
        const std::byte* data = !aside.empty() && !aside[k].empty() ? aside[k].data() : from[k]->data;
        const auto memory = give(k, from[k]->description.shape, from[k]->description.string_bytes);
        if (!memory) return memory.error();
        const auto bytes = static_cast<std::size_t>(to[k]->description.bytes());
        if (bytes > 0 && data != nullptr) std::memcpy(*memory, data, bytes);
      }
      return {};
    }

    Result<std::byte*> give(std::size_t output, const Shape& shape, std::int64_t bytes) override {
      Tensor& t = *outputs()[output];
      if (shape.checked_count() < 0 || bytes < 0) {
        return broken(output_violation(static_cast<int>(output), ErrorCode::invalid_shape, "would take more than 2^31 - 1 bytes"));
      }
      if (!t.is_dynamic) {
        if (t.description.shape == shape) return t.data;
        return broken(output_violation(static_cast<int>(output), ErrorCode::invalid_shape, "has got another shape than was planned for"));
      }
      t.description.shape = shape;
      t.description.string_bytes = bytes;
      if (!is_addressable(t.description.bytes()))
        return error(ErrorCode::out_of_memory) << "a tensor takes more bytes than can be addressed";
      const auto size = static_cast<std::size_t>(t.description.bytes());
      if (t.own.size() < size && !t.own.allocate(allocator(), size)) {
        t.data = nullptr;
        return error(ErrorCode::out_of_memory) << "no memory for a tensor outside of the arena";
      }
      t.data = t.own.data();
      return t.data;
    }

    Resources& resources() override { return session_.resources_; }

   private:
    Allocator allocator() const { return session_.options_.allocator; }
    bool is_output(const std::byte* data) const {
      for (const Tensor* t : outputs()) {
        if (t->data == data) return true;
      }
      return false;
    }

    SubgraphSession& session_;
    Subgraph& subgraph_;
    std::size_t node_;
  };

  /// The subgraph, planned for inputs of these shapes.
  Result<Callee*> find(const NodeFrame& frame, std::int32_t index, TensorList inputs) {
    const auto count = static_cast<std::int32_t>(model_.subgraphs().size());
    if (index < 0 || index >= count) {
      return frame.error(ErrorCode::invalid_model) << "calls subgraph " << index << ", but the model has " << count;
    }
    if (callees_.empty() && !callees_.allocate(options_.allocator, static_cast<std::size_t>(count)))
      return frame.error(ErrorCode::out_of_memory) << "no memory for the model's other subgraphs";
    Callee& callee = callees_[static_cast<std::size_t>(index)];
    if (index == main_ || callee.is_active) {
      return frame.error(ErrorCode::invalid_model)
             << "calls subgraph " << index << ", which is running already: a subgraph cannot call itself";
    }
    if (depth_ >= most_depth || depth_ >= options_.limits.depth) {
      return frame.error(ErrorCode::invalid_model) << "calls subgraph " << index << " from a depth of " << depth_ << " calls, the most";
    }
    if (auto r = count_call(frame); !r) return r.error();
    if (!callee.is_loaded) {
      if (auto r = load(callee, index); !r) return r.error();
    }
    if (auto r = fit(frame, callee, inputs); !r) return r.error();
    if (!callee.is_planned) {
      // Shapes that change with every call cost more than running: they count, too.
      if (auto r = count_steps(frame, callee); !r) return r.error();
      callee.is_active = true;
      ++depth_;
      auto r = callee.subgraph.plan(frame.executor());
      --depth_;
      callee.is_active = false;
      if (!r) return r.error();
      callee.is_planned = true;
      callee.is_bound = false;
    }
    return &callee;
  }

  Result<void> count_call(const NodeFrame& frame) {
    if (options_.is_cancelled()) return frame.error(ErrorCode::cancelled) << "was cancelled";
    if (++calls_ <= options_.limits.calls) return {};
    return frame.error(ErrorCode::cancelled) << "subgraphs were called " << options_.limits.calls
                                             << " times at once, as often as Limits::calls allows: a loop without an end?";
  }
  Result<void> count_steps(const NodeFrame& frame, const Callee& callee) {
    steps_ += static_cast<std::int64_t>(callee.subgraph.graph().nodes.size());
    if (steps_ <= options_.limits.steps) return {};
    return frame.error(ErrorCode::cancelled) << "called subgraphs would run more than " << options_.limits.steps
                                             << " nodes at once, as many as Limits::steps allows: a loop without an end?";
  }

  Result<void> load(Callee& callee, std::int32_t index) {
    if (auto r = callee.subgraph.load(model_, index, find_, workers_, options_); !r) return r;
    const GraphSubgraph& graph = callee.subgraph.graph();
    if (!callee.outputs.allocate(options_.allocator, graph.outputs.size()))
      return Error(ErrorCode::out_of_memory, "no memory for the outputs of a subgraph");
    for (std::size_t k = 0; k < graph.outputs.size(); ++k) callee.outputs[k] = &callee.subgraph.tensor(graph.outputs[k]);
    callee.is_loaded = true;
    return {};
  }

  /// The callee's inputs get the shapes of these; types must be the same. What has no quantization there takes the caller's.
  Result<void> fit(const NodeFrame& frame, Callee& callee, TensorList inputs) {
    const int index = callee.subgraph.index();
    const std::span<const std::int32_t> wanted = callee.subgraph.graph().inputs;
    if (wanted.size() != inputs.size()) {
      return frame.error(ErrorCode::invalid_model)
             << "calls subgraph " << index << " with " << inputs.size() << " inputs, but it takes " << wanted.size();
    }
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const TensorDescription& to = callee.subgraph.tensor(wanted[k]).description;
      if (!to.present()) continue;  // it is left out
      if (inputs[k] == nullptr) return frame.error(ErrorCode::invalid_model) << "leaves out input " << k << " of subgraph " << index;
      const TensorDescription& from = inputs[k]->description;
      if (from.type != to.type) {
        return frame.error(ErrorCode::invalid_type)
               << "calls subgraph " << index << " with " << name_of(from.type) << " for input " << k << ", which is " << name_of(to.type);
      }
      if (to.is_constant || to.is_variable) {
        return frame.error(ErrorCode::invalid_model)
               << "calls subgraph " << index << ", whose input " << k << (to.is_constant ? " has constant data" : " is variable");
      }
      if (callee.subgraph.adopt_quantization(wanted[k], from.quantization)) callee.is_planned = false;
      if (callee.subgraph.input_shape(static_cast<int>(k)) == from.shape) continue;
      if (auto r = callee.subgraph.resize_input(static_cast<int>(k), from.shape); !r) return r;
      callee.is_planned = false;
    }
    const TensorList results = frame.outputs();
    for (std::size_t k = 0; k < results.size() && k < callee.outputs.size(); ++k) {
      const TensorDescription& to = results[k]->description;
      if (to.type != callee.outputs[k]->description.type) continue;
      if (callee.subgraph.adopt_quantization(callee.subgraph.graph().outputs[k], to.quantization)) callee.is_planned = false;
    }
    return {};
  }

  Result<void> call(const NodeFrame& frame, Callee& callee, TensorList inputs) {
    if (auto r = count_steps(frame, callee); !r) return r;
    if (auto r = bind(frame, callee); !r) return r;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (inputs[k] != nullptr) callee.subgraph.lend(callee.subgraph.graph().inputs[k], *inputs[k]);
    }
    callee.is_active = true;
    ++depth_;
    auto r = callee.subgraph.invoke(frame.executor(), nullptr);
    --depth_;
    callee.is_active = false;
    return r;
  }

  Result<void> bind(const NodeFrame& frame, Callee& callee) {
    Subgraph& subgraph = callee.subgraph;
    const bool stays = subgraph.has_variables();
    Array<std::byte>& arena = stays ? callee.own_arena : arenas_[static_cast<std::size_t>(depth_)];
    const std::size_t bytes = subgraph.arena_bytes();
    if (arena.size() < bytes && !arena.allocate(options_.allocator, bytes))
      return frame.error(ErrorCode::out_of_memory) << "no memory for the " << bytes << " bytes of subgraph " << subgraph.index();
    if (!callee.is_bound) {
      if (auto r = subgraph.bind({arena.data(), arena.size()}, frame.executor()); !r) return r;
    } else if (callee.arena != arena.data()) {
      subgraph.rebase(arena.data());
    }
    callee.is_bound = true;
    callee.arena = arena.data();
    return {};
  }

  Model model_;
  int main_;
  FindEntry find_;
  int workers_;
  SubgraphOptions options_;
  std::int64_t calls_ = 0, steps_ = 0;
  int depth_ = 0;
  Resources resources_;
  Array<Callee> callees_;
  std::array<Array<std::byte>, most_depth> arenas_;
};

/// Makes the session of an interpreter; empty where memory lacks.
template <class = void> SessionHandle make_session(Model model, int main, FindEntry find, int workers, const SubgraphOptions& options) {
  void* room = options.allocator.allocate(options.allocator.context, sizeof(SubgraphSession<>));
  if (room == nullptr) return {};
  auto* session = std::construct_at(static_cast<SubgraphSession<>*>(room), std::move(model), main, find, workers, options);
  return SessionHandle(session, options.allocator, sizeof(SubgraphSession<>));
}

}  // namespace tfl
