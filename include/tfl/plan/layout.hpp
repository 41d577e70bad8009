#pragma once
// When the tensors of a generated model are alive and where they lie, worked out by the compiler.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "tfl/core/memory.hpp"
#include "tfl/kernels/signature.hpp"
#include "tfl/plan/model.hpp"

namespace tfl::plan {

/// The steps (nodes, counted from 0) between which a tensor's bytes matter. Inputs and variables are there from -1 on; outputs and
/// variables stay until the step behind the last.
struct Lifetime {
  int first = std::numeric_limits<int>::max();  // where it is written; never, where no one writes it
  int last = -2;
  /// The tensor of which this one is another view: its own index where it has bytes of its own.
  std::int32_t root = 0;

  constexpr bool is_at(int step) const { return first <= step && step <= last; }
};

namespace detail {

template <class Model> using Lifetimes = std::array<Lifetime, static_cast<std::size_t>(tensor_count<Model>)>;

constexpr bool in_range(std::int32_t tensor, std::int32_t count) { return tensor >= 0 && tensor < count; }

/// Output 0 lies exactly where input `k` lies.
template <class Model, class Node> constexpr bool takes_place_of(std::size_t k) {
  if (k >= Node::inputs.size() || Node::outputs.size() == 0) return false;
  if (!in_range(Node::inputs[k], tensor_count<Model>) || !in_range(Node::outputs[0], tensor_count<Model>)) return false;
  const Tensor &in = Model::tensors[Node::inputs[k]], &out = Model::tensors[Node::outputs[0]];
  return in.is_placed() && in.arena_at == out.arena_at && in.bytes() == out.bytes() && bits_of(in.type) == bits_of(out.type) &&
         !in.is_variable && !out.is_variable;
}

template <class Model, class Node> constexpr void live_through(Lifetimes<Model>& lifetimes, int& step) {
  for (const std::int32_t t : Node::inputs) {
    if (in_range(t, tensor_count<Model>)) lifetimes[static_cast<std::size_t>(t)].last = step;
  }
  for (const std::int32_t t : Node::outputs) {
    if (!in_range(t, tensor_count<Model>)) continue;
    Lifetime& output = lifetimes[static_cast<std::size_t>(t)];
    if (step < output.first) output.first = step;
    output.last = step;
  }
  if (tfl::detail::traits_of<typename Node::Op>().is_view && takes_place_of<Model, Node>(0)) {
    lifetimes[static_cast<std::size_t>(Node::outputs[0])].root = lifetimes[static_cast<std::size_t>(Node::inputs[0])].root;
  }
  ++step;
}

/// The tensor that this one is a part of; -1 where it is none, or of none that could have parts.
template <class Model> constexpr std::int32_t whole_of(std::int32_t tensor) {
  const std::int32_t whole = Model::tensors[tensor].part_of;
  return in_range(whole, tensor_count<Model>) && Model::tensors[whole].part_of == -1 ? whole : -1;
}

/// A whole that is written in parts is there when the last one is; its parts stay as long as it does. Parts that nobody writes are there
/// when their whole is. Parts and whole share their bytes without harm.
template <class Model> constexpr void live_in_parts(Lifetimes<Model>& lifetimes) {
  constexpr int never = Lifetime{}.first;
  const auto at = [&](std::int32_t t) -> Lifetime& { return lifetimes[static_cast<std::size_t>(t)]; };
  for (std::int32_t t = 0; t < tensor_count<Model>; ++t) {
    const std::int32_t whole = whole_of<Model>(t);
    if (whole < 0 || at(t).first == never) continue;
    at(t).root = at(whole).root;
    at(t).last = at(t).last > at(whole).last ? at(t).last : at(whole).last;
    at(whole).first = at(whole).first == never || at(whole).first < at(t).first ? at(t).first : at(whole).first;
  }
  for (std::int32_t t = 0; t < tensor_count<Model>; ++t) {
    const std::int32_t whole = whole_of<Model>(t);
    if (whole < 0 || at(t).first != never) continue;
    at(t).root = at(whole).root;
    at(t).first = at(whole).first;
  }
}

template <class Model, class... Node> constexpr Lifetimes<Model> lifetimes_of(Nodes<Node...>) {
  Lifetimes<Model> lifetimes{};
  for (std::int32_t t = 0; t < tensor_count<Model>; ++t) {
    lifetimes[static_cast<std::size_t>(t)].root = t;
    if (Model::tensors[t].is_variable) lifetimes[static_cast<std::size_t>(t)].first = -1;
  }
  for (const std::int32_t t : Model::inputs) {
    if (in_range(t, tensor_count<Model>)) lifetimes[static_cast<std::size_t>(t)] = {-1, -1, t};
  }
  int step = 0;
  (live_through<Model, Node>(lifetimes, step), ...);
  for (const std::int32_t t : Model::outputs) {
    if (in_range(t, tensor_count<Model>)) lifetimes[static_cast<std::size_t>(t)].last = step;
  }
  for (std::int32_t t = 0; t < tensor_count<Model>; ++t) {
    if (Model::tensors[t].is_variable) lifetimes[static_cast<std::size_t>(t)].last = step;
  }
  live_in_parts<Model>(lifetimes);
  return lifetimes;
}

}  // namespace detail

template <class Model> inline constexpr auto lifetimes = detail::lifetimes_of<Model>(typename Model::Nodes{});

namespace detail {

constexpr bool overlap_in_bytes(std::int64_t a, std::int64_t a_bytes, std::int64_t b, std::int64_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

/// Whether both may need their bytes at once and share some.
template <class Model> constexpr bool collide(std::int32_t a, std::int32_t b) {
  const Tensor &x = Model::tensors[a], &y = Model::tensors[b];
  if (!x.is_placed() || !y.is_placed() || !overlap_in_bytes(x.arena_at, x.bytes(), y.arena_at, y.bytes())) return false;
  const Lifetime &u = lifetimes<Model>[static_cast<std::size_t>(a)], &v = lifetimes<Model>[static_cast<std::size_t>(b)];
  return u.first <= v.last && v.first <= u.last && u.root != v.root;
}

/// The tensor whose bytes output `output` of the node at `step` destroys while they are needed, or -1. Every pair of tensors is looked at
/// where the later one is written.
template <class Model, class Node> constexpr std::int32_t destroyed_tensor(int step, std::size_t output) {
  const std::int32_t written = Node::outputs[output];
  for (std::int32_t t = 0; t < tensor_count<Model>; ++t) {
    const Lifetime& other = lifetimes<Model>[static_cast<std::size_t>(t)];
    if (t == written || other.first > step || !collide<Model>(t, written)) continue;
    bool in_place = false;
    if (output == 0 && other.last == step && tfl::detail::traits_of<typename Node::Op>().in_place) {
      for (std::size_t k = 0; k < Node::inputs.size(); ++k) in_place = in_place || (Node::inputs[k] == t && takes_place_of<Model, Node>(k));
    }
    if (!in_place) return t;
  }
  return -1;
}

}  // namespace detail

/// Where `bytes` of working memory lie while the node at `step` runs: the lowest place that no tensor needs at that time. How much a kernel
/// wants depends on the processor that the header is compiled for, so the header can't say.
template <class Model> constexpr std::int64_t scratch_offset(int step, std::int64_t bytes, std::int64_t alignment) {
  std::int64_t offset = 0;
  for (bool moved = bytes > 0; moved;) {
    moved = false;
    for (std::int32_t t = 0; t < tensor_count<Model>; ++t) {
      const Tensor& tensor = Model::tensors[t];
      if (!tensor.is_placed() || !lifetimes<Model>[static_cast<std::size_t>(t)].is_at(step)) continue;
      if (!detail::overlap_in_bytes(offset, bytes, tensor.arena_at, tensor.bytes())) continue;
      offset = static_cast<std::int64_t>(
          align_up(static_cast<std::size_t>(tensor.arena_at + tensor.bytes()), static_cast<std::size_t>(alignment)));
      moved = true;
    }
  }
  return offset;
}

/// The end of the last tensor.
template <class Model> constexpr std::int64_t tensors_end() {
  std::int64_t end = 0;
  for (const Tensor& tensor : Model::tensors) {
    if (tensor.is_placed() && tensor.arena_at + tensor.bytes() > end) end = tensor.arena_at + tensor.bytes();
  }
  return end;
}

}  // namespace tfl::plan
