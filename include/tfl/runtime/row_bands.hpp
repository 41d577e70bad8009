#pragma once
// Chains of image ops that run band by band: a few rows of the first op's output, then the rows of the second one that follow from them,
// and so on. What lies between two ops is a buffer of some rows instead of a whole tensor: it stays in the second cache, and the arena
// shrinks. Rows are made by the same kernels, in the same order of sums. Each worker goes through a part of the last op's rows, with
// buffers of its own.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/core/status.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/runtime/node_state.hpp"

namespace tfl::detail {

inline constexpr int most_chain_nodes = 8, most_chain_inputs = 4;
/// A smaller tensor stays in the second cache anyway.
inline constexpr std::int64_t least_banded_bytes = 512 * 1024;
/// What a chain's buffer may take of the second cache.
inline constexpr std::int64_t most_buffer_bytes = 384 * 1024;
/// Of a chain's output: fewer rows make the kernels' work too small.
inline constexpr std::int64_t least_band_rows = 2;
/// Weights that every band reads again must stay in the cache, too.
inline constexpr std::int64_t most_chain_weights = 256 * 1024;
inline constexpr std::size_t most_chain_prepared = 512;
/// Of an image: bands are tried out before they are run.
inline constexpr std::int64_t most_chain_rows = 65'536;

/// Calls body(context, part, serial) for parts 0 to `parts` - 1, split over the executor; `serial` is what runs kernels in a part.
using RunParts = void (*)(void* executor, int parts, void (*body)(void* context, int part, void* serial), void* context);
/// Of an executor of type E; null where it doesn't nest.
template <class E> constexpr RunParts run_parts_of() {
  if constexpr (NestingExecutor<E>) {
    return [](void* executor, int parts, void (*body)(void* context, int part, void* serial), void* context) {
      constexpr std::int64_t a_lot = 1'000'000;  // nanoseconds
      static_cast<E*>(executor)->parallel_for(parts, a_lot, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t part = first; part < last; ++part) {
          E serial = E::serial();
          body(context, static_cast<int>(part), &serial);
        }
      });
    };
  } else {
    return nullptr;
  }
}

/// How far the ops of a chain have come. Rows [kept, made) of an op's output lie in its buffer.
struct ChainProgress {
  WindowAxis axis[most_chain_nodes];
  std::int64_t made[most_chain_nodes] = {}, kept[most_chain_nodes] = {};
  int count = 0;

  /// Of the last op's rows.
  std::int64_t end = 0;
  bool finished() const { return made[count - 1] >= end; }

  /// Takes rows [first, last) of the last op.
  void start(std::int64_t first, std::int64_t last) {
    end = last;
    made[count - 1] = kept[count - 1] = first;
    for (int k = count - 1; k > 0; --k) {
      const std::int64_t origin = axis[k].origin(made[k]);
      made[k - 1] = kept[k - 1] = origin < 0 ? 0 : least(origin, axis[k].input);
    }
  }
  void start_part(int part, int parts) {
    const std::int64_t rows = axis[count - 1].output;
    start(rows * part / parts, rows * (part + 1) / parts);
  }

  /// The next `rows` rows of the last op. drop(k, from, to): rows [from, to) of op k's buffer go. make(k, first, last): op k makes these.
  template <class Drop, class Make> void advance(std::int64_t rows, Drop drop, Make make) {
    std::int64_t wanted[most_chain_nodes];
    wanted[count - 1] = least(made[count - 1] + rows, end);
    for (int k = count - 1; k > 0; --k) {
      wanted[k - 1] = made[k - 1];
      if (wanted[k] == made[k]) continue;
      const WindowAxis& a = axis[k];
      const std::int64_t below = least(a.origin(wanted[k] - 1) + effective_extent(a.filter, a.dilation), a.input);
      if (below > wanted[k - 1]) wanted[k - 1] = below;
    }
    for (int k = 0; k < count; ++k) {
      if (wanted[k] == made[k]) continue;
      if (k + 1 < count) {
        const std::int64_t needed = least(axis[k + 1].origin(made[k + 1]), made[k]);
        if (needed > kept[k]) {
          drop(k, kept[k], needed);
          kept[k] = needed;
        }
      }
      make(k, made[k], wanted[k]);
      made[k] = wanted[k];
    }
  }

 private:
  static std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
};

inline std::int64_t row_bytes(const Tensor& image) {
  const Shape& shape = image.description.shape;
  return std::int64_t{shape[2]} * shape[3] * bits_of(image.description.type) / 8;
}

/// Bytes that a worker's buffer takes for bands of this many rows; sets each node's buffer_rows.
inline std::int64_t chain_buffer_bytes(const GraphState& state, const std::int32_t* nodes, ChainProgress progress, std::int64_t rows) {
  std::int64_t most[most_chain_nodes] = {}, bytes = 0;
  for (int part = 0; part < state.workers; ++part) {
    progress.start_part(part, state.workers);
    while (!progress.finished()) {
      progress.advance(
          rows, [](int, std::int64_t, std::int64_t) {},
          [&](int k, std::int64_t, std::int64_t last) {
            if (last - progress.kept[k] > most[k]) most[k] = last - progress.kept[k];
          });
    }
  }
  for (int k = 0; k + 1 < progress.count; ++k) {
    NodeState& node = state.nodes[static_cast<std::size_t>(nodes[k])];
    node.chain.buffer_rows = static_cast<std::int32_t>(most[k]);
    bytes += static_cast<std::int64_t>(align_up(static_cast<std::size_t>(most[k] * row_bytes(*node.call.outputs[0])), 64));
  }
  return bytes;
}

/// Makes a chain of the nodes where it pays.
inline void form_chain(const GraphState& state, const std::int32_t* nodes, const ChainProgress& progress) {
  std::int64_t all = 0;
  for (int k = 0; k + 1 < progress.count; ++k) {
    all += state.nodes[static_cast<std::size_t>(nodes[k])].call.outputs[0]->description.bytes();
  }
  // Where a third of the memory is not saved, rows that move in the buffer cost more than they bring.
  const std::int64_t most = 3 * most_buffer_bytes < all ? most_buffer_bytes : all / 3, end = progress.axis[progress.count - 1].output;
  std::int64_t rows = least_band_rows;
  while (2 * rows <= end && chain_buffer_bytes(state, nodes, progress, 2 * rows) <= most) rows *= 2;
  if (3 * chain_buffer_bytes(state, nodes, progress, rows) > 2 * all) return;
  for (int k = 0; k < progress.count; ++k) {
    RowChain& chain = state.nodes[static_cast<std::size_t>(nodes[k])].chain;
    chain.first = nodes[0];
    chain.last = nodes[progress.count - 1];
    chain.band_rows = static_cast<std::int32_t>(rows);
  }
}

/// Whether a chain can have one more node, which stands behind the others already.
inline bool fits_with_another(const GraphState& state, const std::int32_t* nodes, ChainProgress progress) {
  ++progress.count;
  return chain_buffer_bytes(state, nodes, progress, least_band_rows) <= most_buffer_bytes;
}

/// Finds the chains among nodes that have been inferred. `is_between_two(t)`: one node writes t, one reads it, and nobody else sees it.
template <class IsBetweenTwo> void find_row_chains(const GraphState& state, IsBetweenTwo is_between_two) {
  std::int32_t nodes[most_chain_nodes];
  ChainProgress progress;
  std::int64_t weights = 0;
  const auto finish = [&] {
    if (progress.count > 1) form_chain(state, nodes, progress);
    progress.count = 0;
    weights = 0;
  };
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    NodeState& node = state.nodes[i];
    node.chain = {};
    if (node.kind != NodeKind::planned) continue;
    WindowAxis axis;
    Described described;
    const auto inputs = node.call.inputs, outputs = node.call.outputs;
    const bool able = node.entry->row_window != nullptr && inputs.size() <= most_chain_inputs && outputs.size() == 1 &&
                      node.entry->prepared_bytes <= most_chain_prepared && state.describe(described, i) &&
                      node.entry->row_window(node.call.options, *described, axis) && inputs[0]->description.shape[0] == 1 &&
                      effective_extent(axis.filter, axis.dilation) >= axis.stride && axis.output > 0 && axis.input <= most_chain_rows &&
                      axis.output <= most_chain_rows && (state.workers == 1 || (state.nests && node.needs.scratch_bytes == 0));
    if (able && progress.count < most_chain_nodes) {
      progress.axis[progress.count] = axis;
      nodes[progress.count] = static_cast<std::int32_t>(i);
    }
    if (progress.count > 0) {
      const Tensor* between = state.nodes[static_cast<std::size_t>(nodes[progress.count - 1])].call.outputs[0];
      const bool follows = able && progress.count < most_chain_nodes && inputs[0] == between && is_between_two(between) &&
                           between->description.bytes() >= least_banded_bytes && weights + node.needs.packed_bytes <= most_chain_weights &&
                           fits_with_another(state, nodes, progress);
      if (!follows) finish();
    }
    if (!able) continue;
    weights += node.needs.packed_bytes;
    progress.axis[progress.count] = axis;
    nodes[progress.count++] = static_cast<std::int32_t>(i);
  }
  finish();
}

/// Bytes of a worker's buffer of the chain that ends with node `last`.
inline std::size_t chain_buffer_bytes(std::span<const NodeState> nodes, std::size_t last) {
  std::size_t bytes = 0;
  for (auto i = static_cast<std::size_t>(nodes[last].chain.first); i < last; ++i) {
    const NodeState& node = nodes[i];
    if (node.chain.last != static_cast<std::int32_t>(last)) continue;
    bytes += align_up(static_cast<std::size_t>(node.chain.buffer_rows * row_bytes(*node.call.outputs[0])), 64);
  }
  return bytes;
}

/// A node of a chain while the chain runs.
struct ChainNode {
  NodeState* node = nullptr;
  std::byte* buffer = nullptr;  // of its output; null: the last one writes the tensor itself
  std::int64_t row = 0;         // bytes of a row of its output
};

/// Makes rows [first, last) of one node's output.
inline Violation make_rows(const ChainNode& from, const ChainNode& to, const WindowAxis& axis, std::int64_t first, std::int64_t last,
                           std::int64_t input_kept, std::int64_t input_made, std::int64_t output_kept, void* executor) {
  const NodeState& node = *to.node;
  Tensor input, output;
  input.description = node.call.inputs[0]->description;
  output.description = node.call.outputs[0]->description;
  const bool is_first = from.node == nullptr;
  if (is_first) {
    const std::int64_t origin = axis.origin(first);
    input_kept = origin > 0 ? origin : 0;
    input_made = axis.input;
  }
  input.data = is_first ? node.call.inputs[0]->data + input_kept * row_bytes(*node.call.inputs[0]) : from.buffer;
  output.data = to.buffer != nullptr ? to.buffer + (first - output_kept) * to.row : node.call.outputs[0]->data + first * to.row;
  input.description.shape[1] = static_cast<std::int32_t>(input_made - input_kept);
  output.description.shape[1] = static_cast<std::int32_t>(last - first);

  alignas(arena_alignment) std::byte prepared[most_chain_prepared];
  std::memcpy(prepared, node.call.prepared, node.entry->prepared_bytes);
  WindowAxis& band = node.entry->prepared_row_window(prepared);
  band.input = input_made - input_kept;
  band.output = last - first;
  band.before = input_kept - axis.origin(first);

  Tensor* inputs[most_chain_inputs];
  for (std::size_t k = 0; k < node.call.inputs.size(); ++k) inputs[k] = node.call.inputs[k];
  inputs[0] = &input;
  Tensor* const outputs[1] = {&output};
  NodeCall call = node.call;
  call.inputs = {inputs, node.call.inputs.size()};
  call.outputs = outputs;
  call.prepared = prepared;
  call.executor = executor;
  return node.eval(call);
}

/// A chain while it runs.
struct RunningChain {
  std::span<NodeState> nodes;
  std::size_t last;
  int parts;
  std::size_t buffer_step;  // bytes from one part's buffer to the next
  std::atomic<bool> has_failed{false};
  Violation violation{};  // the first one, and its node
  std::size_t failed = 0;

  void run(int part, void* executor) {
    const RowChain& chain = nodes[last].chain;
    ChainNode members[most_chain_nodes];
    ChainProgress progress;
    std::byte* buffer = chain.buffer + static_cast<std::size_t>(part) * buffer_step;
    for (auto i = static_cast<std::size_t>(chain.first); i <= last; ++i) {
      NodeState& node = nodes[i];
      if (node.chain.last != static_cast<std::int32_t>(last)) continue;
      const std::int64_t row = row_bytes(*node.call.outputs[0]);
      progress.axis[progress.count] = node.entry->prepared_row_window(node.call.prepared);
      members[progress.count++] = {&node, i == last ? nullptr : buffer, row};
      if (i != last) buffer += align_up(static_cast<std::size_t>(node.chain.buffer_rows * row), 64);
    }
    progress.start_part(part, parts);
    while (!progress.finished() && !has_failed.load(std::memory_order_relaxed)) {
      progress.advance(
          chain.band_rows,
          [&](int k, std::int64_t from, std::int64_t to) {
            const ChainNode& m = members[k];
            std::memmove(m.buffer, m.buffer + (to - from) * m.row, static_cast<std::size_t>((progress.made[k] - to) * m.row));
          },
          [&](int k, std::int64_t first, std::int64_t end) {
            const Violation v = make_rows(k > 0 ? members[k - 1] : ChainNode{}, members[k], progress.axis[k], first, end,
                                          k > 0 ? progress.kept[k - 1] : 0, k > 0 ? progress.made[k - 1] : 0, progress.kept[k], executor);
            if (!v || has_failed.exchange(true, std::memory_order_relaxed)) return;
            violation = v;
            failed = static_cast<std::size_t>(members[k].node - nodes.data());
          });
    }
  }
};

/// Runs the chain that ends with node `last`, in as many parts as there are workers. `failed`: the node of the violation, where there is
/// one. Requires `run_parts` where there are several.
inline Violation run_row_chain(std::span<NodeState> nodes, std::size_t last, int workers, RunParts run_parts, std::size_t& failed) {
  RunningChain running{nodes, last, workers,
                       static_cast<std::size_t>(share_step(static_cast<std::int64_t>(chain_buffer_bytes(nodes, last))))};
  if (workers == 1) {
    running.run(0, nodes[last].call.executor);
  } else {
    run_parts(
        nodes[last].call.executor, workers,
        [](void* context, int part, void* serial) { static_cast<RunningChain*>(context)->run(part, serial); }, &running);
  }
  failed = running.failed;
  return running.violation;
}

}  // namespace tfl::detail
