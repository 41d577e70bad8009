#pragma once
// What a file left apart becomes one: borders go into the windows of convolutions, clamps into what they clamp, parts of tensors lie in
// their whole. Results stay the same, bit by bit where they are integers. Knows no op: ops say what they are (OpTraits) and can
// (OpEntry), and a program holds only the steps that two of its ops could need.

#include <cstddef>
#include <cstdint>
#include <limits>

#include "tfl/core/memory.hpp"
#include "tfl/runtime/layout.hpp"
#include "tfl/runtime/node_state.hpp"
#include "tfl/runtime/registry.hpp"
#include "tfl/runtime/row_bands.hpp"

namespace tfl {

/// Which nodes write and read each tensor.
class Links {
 public:
  [[nodiscard]] bool read(const GraphState& state) {
    if (!of_.allocate(state.allocator, state.tensors.size())) return false;
    for (std::size_t i = 0; i < state.nodes.size(); ++i) {
      for (const Tensor* t : state.nodes[i].call.outputs) of_[state.index_of(t)].writer = static_cast<std::int32_t>(i);
      for (const Tensor* t : state.nodes[i].call.inputs) {
        if (t != nullptr) ++of_[state.index_of(t)].readers;
      }
    }
    for (const std::int32_t t : state.graph.outputs) ++of_[static_cast<std::size_t>(t)].readers;
    return true;
  }
  /// The planned node that writes the tensor, or -1.
  std::int32_t writer(const GraphState& state, const Tensor* t) const {
    const std::int32_t i = t != nullptr ? of_[state.index_of(t)].writer : -1;
    return i >= 0 && state.nodes[static_cast<std::size_t>(i)].kind == NodeKind::planned ? i : -1;
  }
  /// Whether the tensor is read once, by a node, so that nobody misses it.
  bool is_between_two(const GraphState& state, const Tensor* t) const {
    return of_[state.index_of(t)].readers == 1 && GraphState::lives_in_arena(*t) && !t->description.is_variable;
  }
  void set_writer(const GraphState& state, const Tensor* t, std::size_t node) {
    of_[state.index_of(t)].writer = static_cast<std::int32_t>(node);
  }

 private:
  struct Ends {
    std::int32_t writer = -1, readers = 0;
  };
  Array<Ends> of_;
};

/// Steps of fusion that a program holds; null: no two of its ops need it.
struct FusionSteps {
  /// Changes nodes and their links. Requires that every node has been inferred. False where memory lacks.
  bool (*rewrite)(const GraphState& state) = nullptr;
  /// Plans an arena in which parts of tensors lie in their whole.
  void (*lay_out_parts)(const GraphState& state, MemoryPlan& plan) = nullptr;
  /// Runs the chain that ends with a node; see row_bands.hpp.
  Violation (*run_chain)(std::span<NodeState> nodes, std::size_t last, int workers, detail::RunParts run_parts,
                         std::size_t& failed) = nullptr;
};

namespace detail {

/// The integers of both mean the same numbers.
constexpr bool same_quantization(const TensorDescription& a, const TensorDescription& b) {
  if (a.type != b.type) return false;
  if (!is_quantized_integer(a.type)) return true;
  const Quantization &p = a.quantization, &q = b.quantization;
  return p.scale == q.scale && p.zero_point == q.zero_point && !p.per_channel() && !q.per_channel();
}

inline void relink(std::span<Tensor* const> list, std::size_t k, Tensor* t) { const_cast<Tensor*&>(list[k]) = t; }

/// Works out a node again whose options or tensors changed. False where it refuses, or its output would have another shape: the caller
/// then takes the change back.
inline bool infer_again(const GraphState& state, std::size_t i) {
  NodeState& node = state.nodes[i];
  Described described;
  if (!state.describe(described, i)) return false;
  TensorDescription& output = (*described).output(0);
  const Shape shape = output.shape;
  if (node.entry->infer(node.call.options, *described) || !(output.shape == shape)) {
    output.shape = shape;
    return false;
  }
  node.needs = node.entry->needs(node.call.options, *described);
  node.changed = true;
  return true;
}

/// What the node clamps its output to.
inline Activation clamp_of(const NodeState& node) {
  return node.entry->activation != nullptr ? *node.entry->activation(const_cast<void*>(node.call.options)) : node.entry->traits.activation;
}

/// A border in front of a window that can have it: the tensor with the border never exists.
inline bool fold_borders(const GraphState& state, Links& links) {
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    NodeState& node = state.nodes[i];
    if (node.kind != NodeKind::planned || node.entry->take_border == nullptr) continue;
    Tensor* const bordered = node.call.inputs[0];
    const std::int32_t writer = links.writer(state, bordered);
    if (writer < 0 || !links.is_between_two(state, bordered)) continue;
    NodeState& pad = state.nodes[static_cast<std::size_t>(writer)];
    if (pad.entry->border == nullptr) continue;
    Tensor* const inside = pad.call.inputs[0];
    if (inside->description.is_variable || !same_quantization(inside->description, bordered->description)) continue;
    Described described;
    Border border;
    if (!state.describe(described, static_cast<std::size_t>(writer))) return false;
    if (!pad.entry->border(pad.call, *described, border)) continue;
    if (const std::int32_t before = links.writer(state, inside); border.is_zero && before >= 0) {
      const Activation clamp = clamp_of(state.nodes[static_cast<std::size_t>(before)]);
      border.is_least = border.is_least || clamp == Activation::relu || clamp == Activation::relu6;
    }
    Described consumer;
    if (!state.describe(consumer, i)) return false;
    void* const options = const_cast<void*>(node.call.options);
    if (!node.entry->take_border(options, *consumer, border)) continue;
    relink(node.call.inputs, 0, inside);
    if (!infer_again(state, i)) {
      relink(node.call.inputs, 0, bordered);
      (void)node.entry->read(*state.graph.nodes[i].source, options);
      continue;
    }
    pad.kind = NodeKind::fused;
  }
  return true;
}

/// A clamp behind an op that can clamp its output itself.
inline void fold_clamps(const GraphState& state, Links& links) {
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    NodeState& node = state.nodes[i];
    const Activation clamp = node.entry->traits.activation;
    if (node.kind != NodeKind::planned || clamp == Activation::none) continue;
    Tensor* const unclamped = node.call.inputs[0];
    Tensor* const clamped = node.call.outputs[0];
    const std::int32_t writer = links.writer(state, unclamped);
    if (writer < 0 || !links.is_between_two(state, unclamped) || clamped->description.is_variable) continue;
    NodeState& source = state.nodes[static_cast<std::size_t>(writer)];
    if (source.entry->activation == nullptr || source.call.outputs.size() != 1) continue;
    if (!same_quantization(unclamped->description, clamped->description)) continue;
    Activation& activation = *source.entry->activation(const_cast<void*>(source.call.options));
    if (activation != Activation::none) continue;
    activation = clamp;
    relink(source.call.outputs, 0, clamped);
    if (!infer_again(state, static_cast<std::size_t>(writer))) {
      activation = Activation::none;
      relink(source.call.outputs, 0, unclamped);
      continue;
    }
    node.kind = NodeKind::fused;
    source.last = node.last;
    links.set_writer(state, clamped, static_cast<std::size_t>(writer));
  }
}

/// To real numbers and back to the same integers: the integers themselves. The product and the quotient err by less than 2^-22 of a
/// number of 17 bits, where no scale is so small that its products lose bits.
inline void join_conversions(const GraphState& state, Links& links) {
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    NodeState& node = state.nodes[i];
    if (node.kind != NodeKind::planned || !node.entry->traits.quantizes) continue;
    Tensor* const real = node.call.inputs[0];
    const std::int32_t writer = links.writer(state, real);
    if (writer < 0 || !links.is_between_two(state, real)) continue;
    NodeState& source = state.nodes[static_cast<std::size_t>(writer)];
    if (!source.entry->traits.dequantizes) continue;
    Tensor* const stored = source.call.inputs[0];
    const TensorDescription& out = node.call.outputs[0]->description;
    if (!is_quantized_integer(out.type) || !same_quantization(stored->description, out) || stored->description.is_variable ||
        !(out.quantization.scale >= std::numeric_limits<float>::min())) {
      continue;
    }
    relink(node.call.inputs, 0, stored);
    if (!infer_again(state, i)) {
      relink(node.call.inputs, 0, real);
      continue;
    }
    source.kind = NodeKind::fused;
  }
}

/// Lets the outputs of a node live inside of an input, or its inputs inside of the output, where the op says that they are parts of it.
/// True where at least one does; `all`: every one.
inline bool place_parts(const GraphState& state, std::size_t i, MemoryPlan& plan, bool& all) {
  const NodeState& node = state.nodes[i];
  if (node.entry->part_offset == nullptr) return false;
  const OpTraits& traits = node.entry->traits;
  Described described;
  if (!state.describe(described, i)) return false;
  const std::span<Tensor* const> parts = traits.parts_are_inputs ? node.call.inputs : node.call.outputs;
  const Tensor* const whole = traits.parts_are_inputs ? node.call.outputs[0] : node.call.inputs[static_cast<std::size_t>(traits.whole)];
  if (whole->description.is_variable) return false;
  bool some = false;
  all = true;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const Tensor& part = *parts[k];
    if (part.description.bytes() == 0) continue;
    const std::int64_t offset = node.entry->part_offset(node.call.options, *described, static_cast<int>(k));
    const bool placed = offset >= 0 && !part.description.is_variable &&
                        plan.place(state.index_of(&part), state.index_of(whole), static_cast<std::size_t>(offset));
    some = some || placed;
    all = all && placed;
  }
  return some;
}

/// Plans with parts wherever the arena doesn't grow for it.
inline void lay_out_with_parts(const GraphState& state, MemoryPlan& plan) {
  std::size_t placed = 0;
  const auto lay_out = [&](auto wanted) {
    placed = 0;
    return lay_out_once(state, plan, [&](std::size_t i) {
      bool all = false;
      if (!wanted(i) || !place_parts(state, i, plan, all)) return false;
      ++placed;
      return all;
    });
  };
  const auto every = [](std::size_t) { return true; };
  const std::size_t most = lay_out(every);
  if (placed == 0) return;
  std::size_t least = lay_out([](std::size_t) { return false; });
  if (most <= least) {
    lay_out(every);
    return;
  }
  // One at a time, each kept where it costs nothing.
  constexpr int most_tries = 64;
  Array<bool> kept;
  if (!kept.allocate(state.allocator, state.nodes.size())) return;
  const auto is_kept = [&](std::size_t i) { return kept[i]; };
  int tries = 0;
  for (std::size_t i = 0; i < state.nodes.size() && tries < most_tries; ++i) {
    if (state.nodes[i].kind != NodeKind::planned || state.nodes[i].entry->part_offset == nullptr) continue;
    ++tries;
    kept[i] = true;
    const std::size_t bytes = lay_out(is_kept);
    kept[i] = bytes <= least;
    if (kept[i]) least = bytes;
  }
  lay_out(is_kept);
}

template <bool Borders, bool Clamps, bool Conversions, bool Rows> bool rewrite(const GraphState& state) {
  Links links;
  if (!links.read(state)) return false;
  // Clamps first: a convolution that clamps to 0 tells a pooling behind a border what is least.
  if constexpr (Clamps) fold_clamps(state, links);
  if constexpr (Conversions) join_conversions(state, links);
  if constexpr (Borders) {
    if (!fold_borders(state, links)) return false;
  }
  if constexpr (Rows) find_row_chains(state, [&](const Tensor* t) { return links.is_between_two(state, t); });
  return true;
}

/// The steps that these ops could need. `Bands`: some of their kernels gain by chains of rows.
template <bool Bands, class... Ops> constexpr FusionSteps fusion_steps_of() {
  constexpr bool borders = (gives_border<Ops> || ...) && (takes_border<Ops> || ...);
  constexpr bool clamps = ((traits_of<Ops>().activation != Activation::none) || ...) && (traits_of<Ops>().clamps || ...);
  constexpr bool conversions = (traits_of<Ops>().dequantizes || ...) && (traits_of<Ops>().quantizes || ...);
  constexpr bool rows = Bands && (has_row_window<Ops> || ...);
  FusionSteps steps;
  if constexpr (borders || clamps || conversions || rows) steps.rewrite = &rewrite<borders, clamps, conversions, rows>;
  if constexpr (rows) steps.run_chain = &run_row_chain;
  if constexpr ((has_parts<Ops> || ...)) steps.lay_out_parts = &lay_out_with_parts;
  return steps;
}
/// Of a registry whose ops are not seen here: all.
template <class Registry, bool Bands = true> struct FusionOf {
  static constexpr FusionSteps steps{&rewrite<true, true, true, true>, &lay_out_with_parts, &run_row_chain};
};
template <class... Ops, bool Bands> struct FusionOf<OpRegistry<Ops...>, Bands> {
  static constexpr FusionSteps steps = fusion_steps_of<Bands, Ops...>();
};

}  // namespace detail

}  // namespace tfl
