#pragma once
// What a header says about a model, and the plan of its arena.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
  std::int32_t part_of = -1;  // the tensor whose rows these are, from byte part_at on
  std::int64_t part_at = 0;

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
  std::vector<std::byte> packed;            // what nodes would pack when the plan starts, laid out as StaticPlan does
  std::size_t alignment = arena_alignment;  // of tensors
  bool is_tiled = false;                    // the parts of a tensor are written over its input's rows
  std::size_t weight_bytes = 0, arena_bytes = 0, live_bytes = 0;
};

namespace detail {

/// plan_arena() of a model whose input is read and whose other `whole` is written in parts: the parts' bytes replace those of the input
/// from its beginning on. Blocks of both become one that stays and the input's rest.
inline std::size_t plan_parts(std::vector<Allocation>& blocks, std::size_t input, std::size_t whole, std::size_t alignment) {
  const std::size_t bytes = align_up(blocks[whole].bytes, alignment), input_bytes = blocks[input].bytes;
  const int input_last = blocks[input].last;
  blocks[input].bytes = bytes;
  blocks[input].last = std::max(input_last, blocks[whole].last);
  blocks[whole].bytes = 0;
  blocks.push_back({input_bytes > bytes ? input_bytes - bytes : 0, -1, input_last});
  std::vector<std::uint32_t> order{static_cast<std::uint32_t>(input), static_cast<std::uint32_t>(blocks.size() - 1)};
  for (std::uint32_t i = 0; i < blocks.size(); ++i) {
    if (i != order[0] && i != order[1]) order.push_back(i);
  }
  std::vector<std::uint32_t> placed(blocks.size());
  const auto place = [&](bool by_time) {
    std::stable_sort(order.begin() + 2, order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return by_time && blocks[a].first != blocks[b].first ? blocks[a].first < blocks[b].first : blocks[a].bytes > blocks[b].bytes;
    });
    return tfl::detail::place_in_order(blocks, order, placed, alignment);
  };
  const std::size_t by_time = place(true), by_size = place(false);
  if (by_time < by_size) place(true);
  blocks[whole].offset = blocks[input].offset;
  return std::min(by_time, by_size);
}

}  // namespace detail

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
  // Wholes are there from their first part to their last.
  std::int32_t whole = -1;
  std::vector<bool> has_parts(model.tensors.size());
  for (std::size_t t = 0; t < model.tensors.size(); ++t) {
    const std::int32_t of = model.tensors[t].part_of;
    if (of >= 0) has_parts[at(of)] = true;
    if (of < 0 || blocks[t].last < blocks[t].first) continue;
    touch(of, blocks[t].first);
    touch(of, blocks[t].last);
    blocks[t] = {0, 0, -1};
    if (model.is_tiled && of != model.inputs[0]) whole = of;
  }
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
      if (input >= 0 && has_parts[at(input)] && !traits.is_view) continue;  // its parts stay as long as it does
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
  if (whole >= 0) {
    model.arena_bytes = detail::plan_parts(blocks, at(model.inputs[0]), at(whole), model.alignment);
  } else {
    std::vector<std::uint32_t> order(blocks.size()), placed(blocks.size());
    model.arena_bytes = plan_arena(blocks, order, placed, model.alignment);
  }
  for (std::size_t t = 0; t < model.tensors.size(); ++t) {
    model.tensors[t].arena_at = block_of[t] >= 0 ? static_cast<std::int64_t>(blocks[at(block_of[t])].offset) : -1;
  }
  for (TensorPlan& tensor : model.tensors) {
    if (tensor.part_of >= 0) tensor.arena_at = model.tensors[at(tensor.part_of)].arena_at + tensor.part_at;
  }
}

/// The order of the nodes in which the least memory is in use at the worst step: exact, by the cheapest of all sets of nodes that have run.
/// Empty where the file's order must stay (state, side effects) or there are too many sets to look at.
inline std::vector<std::size_t> leanest_order(const ModelPlan& model) {
  const std::size_t count = model.nodes.size();
  constexpr std::size_t most_nodes = 64, most_sets = 200'000;
  if (count > most_nodes) return {};
  for (const TensorPlan& tensor : model.tensors) {
    if (tensor.description.is_variable) return {};
  }
  using Set = std::uint64_t;
  std::vector<Set> readers(model.tensors.size()), writer(model.tensors.size());
  std::vector<bool> stays(model.tensors.size());
  for (std::size_t n = 0; n < count; ++n) {
    if (model.nodes[n].entry->traits.has_side_effects) return {};
    for (const std::int32_t t : model.nodes[n].inputs) {
      if (t >= 0) readers[static_cast<std::size_t>(t)] |= Set{1} << n;
    }
    for (const std::int32_t t : model.nodes[n].outputs) writer[static_cast<std::size_t>(t)] |= Set{1} << n;
  }
  for (const std::int32_t t : model.outputs) stays[static_cast<std::size_t>(t)] = true;
  const auto has_bytes = [&](std::size_t t) { return !model.tensors[t].is_constant(); };
  // Bytes that are in use after `done` has run and, with `next`, while it runs.
  const auto live = [&](Set done, std::size_t next) {
    std::size_t bytes = 0;
    const Set running = next < count ? Set{1} << next : 0;
    for (std::size_t t = 0; t < model.tensors.size(); ++t) {
      const bool written = writer[t] == 0 || (writer[t] & (done | running)) != 0;
      if (has_bytes(t) && written && (stays[t] || (readers[t] & ~done) != 0)) bytes += model.tensors[t].bytes();
    }
    if (next >= count) return bytes;
    // An output that takes over an input's memory needs none.
    const NodePlan& node = model.nodes[next];
    const OpTraits& traits = node.entry->traits;
    if ((traits.in_place || traits.is_view) && !node.outputs.empty()) {
      const auto output = static_cast<std::size_t>(node.outputs[0]);
      const std::size_t candidates = traits.is_view ? 1 : node.inputs.size();
      for (std::size_t k = 0; k < candidates; ++k) {
        if (node.inputs[k] < 0) continue;
        const auto input = static_cast<std::size_t>(node.inputs[k]);
        const bool dies = !stays[input] && (readers[input] & ~(done | running)) == 0;
        if (has_bytes(input) && (dies || traits.is_view) && model.tensors[input].bytes() == model.tensors[output].bytes())
          return bytes - model.tensors[output].bytes();
      }
    }
    return bytes + static_cast<std::size_t>(node.needs.scratch_bytes);
  };
  struct Found {
    std::size_t peak;
    int last;
  };
  using Entry = std::pair<std::size_t, Set>;
  std::map<Set, Found> found{{0, {live(0, count), -1}}};
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  open.push({found[0].peak, 0});
  const Set all = count == most_nodes ? ~Set{0} : (Set{1} << count) - 1;
  while (!open.empty() && found.size() < most_sets) {
    const auto [peak, done] = open.top();
    open.pop();
    if (done == all) {
      std::vector<std::size_t> order;
      for (Set set = done; set != 0; set &= ~(Set{1} << order.back())) order.push_back(static_cast<std::size_t>(found[set].last));
      std::reverse(order.begin(), order.end());
      return order;
    }
    if (peak > found[done].peak) continue;
    for (std::size_t n = 0; n < count; ++n) {
      if ((done >> n & 1) != 0) continue;
      bool ready = true;
      for (const std::int32_t t : model.nodes[n].inputs) ready = ready && (t < 0 || (writer[static_cast<std::size_t>(t)] & ~done) == 0);
      if (!ready) continue;
      const std::size_t then = std::max(peak, live(done, n));
      const auto [at, is_new] = found.try_emplace(done | Set{1} << n, Found{then, static_cast<int>(n)});
      if (!is_new && at->second.peak <= then) continue;
      at->second = {then, static_cast<int>(n)};
      open.push({then, at->first});
    }
  }
  return {};
}

/// plan_memory() in the order of the nodes that needs least.
inline void plan_memory_and_order(ModelPlan& model) {
  plan_memory(model);
  const std::vector<std::size_t> order = leanest_order(model);
  if (order.empty()) return;
  ModelPlan other = model;
  for (std::size_t n = 0; n < order.size(); ++n) other.nodes[n] = model.nodes[order[n]];
  plan_memory(other);
  if (other.arena_bytes < model.arena_bytes) model = std::move(other);
}

}  // namespace tfl::codegen
