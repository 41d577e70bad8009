#pragma once
// Calls of compact kernels: all that a call needs is one record of read-only data, so that a node costs a few bytes of code.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/compact.hpp"
#include "tfl/plan/model.hpp"
#include "tfl/plan/typed_call.hpp"

namespace tfl::plan {

namespace detail {

/// What the compiler computes once for a node's compact kernel.
template <class Kernel, std::size_t Multipliers> struct CompactConstants {
  std::array<Multiplier, Multipliers> multipliers{};
  typename Kernel::Prepared prepared{};
  bool takes = false;
};

template <class Model, class Node> constexpr auto make_compact() {
  using Op = typename Node::Op;
  using Kernel = Compact<Op>;
  CompactConstants<Kernel, static_cast<std::size_t>(needs_of<Model, Node, simd::Scalar>().multipliers)> constants;
  Described<Model, Node> described;
  const NodeDescription node = described.node();
  if (Op::infer(Node::options, node)) return constants;
  const auto prepared = Op::prepare(Node::options, node, constants.multipliers);
  constants.takes = prepared && tfl::detail::prepare_compact<Op>(*prepared, node, constants.multipliers, constants.prepared);
  return constants;
}
// Only the compiler reads it.
template <class Model, class Node> inline constexpr auto compact = make_compact<Model, Node>();

template <class Model, class Node, class Arch> constexpr bool runs_compact() {
  if constexpr (simd::is_compact<Arch> && Compact<typename Node::Op>::exists) {
    return compact<Model, Node>.takes;
  } else {
    return false;
  }
}
template <class Model, class Node, class Arch> constexpr std::int64_t compact_scratch() {
  return tfl::detail::compact_scratch_bytes<Arch, typename Node::Op>(compact<Model, Node>.prepared);
}

/// All multipliers, or the first one where the kernel reads no other.
template <class Model, class Node> constexpr auto needed_multipliers() {
  constexpr auto& all = compact<Model, Node>.multipliers;
  constexpr bool one = [] {
    if constexpr (requires { compact<Model, Node>.prepared.one_multiplier; }) {
      return compact<Model, Node>.prepared.one_multiplier;
    } else {
      return false;
    }
  }();
  if constexpr (one && all.size() > 1) {
    return std::array<Multiplier, 1>{all[0]};
  } else {
    return all;
  }
}

}  // namespace detail

/// A node's constants for each channel.
template <class Model, class Node> inline constexpr auto channel_multipliers = detail::needed_multipliers<Model, Node>();

/// Where an input lies: constants have an address, others an offset in the arena.
union CompactPlace {
  const unsigned char* constant;
  std::uint32_t offset;
};

template <class P, std::size_t Inputs> struct CompactRecord {
  P prepared;
  const Multiplier* multipliers;
  std::array<CompactPlace, Inputs> inputs;
  std::uint32_t output, scratch;
};

namespace detail {

template <class Model> constexpr CompactPlace place_of(std::int32_t tensor) {
  if (tensor < 0) return {.constant = nullptr};
  const Tensor& t = Model::tensors[tensor];
  if (t.is_constant()) return {.constant = Model::weights + t.weights_at};
  return {.offset = static_cast<std::uint32_t>(t.bytes() > 0 ? t.arena_at : 0)};
}
/// Bit i: input i has an address of its own, or is absent.
template <class Model, class Node> constexpr unsigned constant_inputs() {
  unsigned mask = 0;
  for (std::size_t i = 0; i < Node::inputs.size(); ++i) {
    if (Node::inputs[i] < 0 || Model::tensors[Node::inputs[i]].is_constant()) mask |= 1u << i;
  }
  return mask;
}

template <class Model, class Node, std::size_t Scratch> constexpr auto record_of() {
  CompactRecord<typename Compact<typename Node::Op>::Prepared, Node::inputs.size()> record{};
  record.prepared = compact<Model, Node>.prepared;
  if constexpr (!compact<Model, Node>.multipliers.empty()) record.multipliers = channel_multipliers<Model, Node>.data();
  for (std::size_t i = 0; i < Node::inputs.size(); ++i) record.inputs[i] = place_of<Model>(Node::inputs[i]);
  record.output = static_cast<std::uint32_t>(Model::tensors[Node::outputs[0]].arena_at);
  record.scratch = static_cast<std::uint32_t>(Scratch);
  return record;
}

/// The one function for all nodes whose kernel, form and constant inputs agree.
template <class Kernel, class Arch, auto Way, unsigned Constants, class Record>
TFL_NOINLINE void run_compact(const Record& record, std::byte* arena) {
  CompactArguments arguments{{}, arena + record.output, arena + record.scratch, record.multipliers};
  for (std::size_t i = 0; i < record.inputs.size(); ++i) {
    arguments.inputs[i] =
        (Constants >> i & 1u) != 0 ? reinterpret_cast<const std::byte*>(record.inputs[i].constant) : arena + record.inputs[i].offset;
  }
  if constexpr (std::is_same_v<decltype(Way), int>) {
    Kernel::template eval<Arch>(record.prepared, arguments);
  } else {
    Kernel::template eval<Arch, Way>(record.prepared, arguments);
  }
}

template <class Model, class Node> constexpr auto way_of() {
  if constexpr (requires { compact<Model, Node>.prepared.way; }) {
    return compact<Model, Node>.prepared.way;
  } else {
    return 0;
  }
}

}  // namespace detail

template <class Model, class Node, std::size_t Scratch> inline constexpr auto compact_record = detail::record_of<Model, Node, Scratch>();

/// One node's call of its compact kernel.
template <class Model, class Node, class Arch> struct CompactCall {
  static constexpr bool can_fail = false;
  template <std::size_t Scratch> static TFL_ALWAYS_INLINE void eval(std::byte* arena) {
    constexpr auto& record = compact_record<Model, Node, Scratch>;
    detail::run_compact<Compact<typename Node::Op>, Arch, detail::way_of<Model, Node>(), detail::constant_inputs<Model, Node>()>(record,
                                                                                                                                 arena);
  }
};

}  // namespace tfl::plan
