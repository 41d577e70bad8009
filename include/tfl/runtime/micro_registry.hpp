#pragma once
// What MicroInterpreter knows of an op: the thunks of the registry that it calls, and no others.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tfl/core/parallel.hpp"
#include "tfl/model/checked_file.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

struct MicroOpEntry {
  BuiltinOperator code{};
  std::string_view custom_name;
  Arity inputs = 1, outputs = 1;
  int max_version = 1;
  bool in_place = false, is_view = false;  // see OpTraits
  std::size_t options_bytes = 0, prepared_bytes = 0;
  /// Whether read() may look at the node's options.
  bool (*is_sound)(std::span<const std::byte> file, const schema::Operator& node) = nullptr;
  Violation (*read)(const schema::Operator& node, void* options) = nullptr;
  Violation (*infer)(const void* options, const NodeDescription& node) = nullptr;
  Needs (*needs)(const void* options, const NodeDescription& node) = nullptr;
  Violation (*prepare)(const NodeCall& call, const NodeDescription& node, EvalFunction& eval, PackFunction& pack) = nullptr;

  static constexpr MicroOpEntry of(const OpEntry& e, decltype(is_sound) is_sound) {
    return {e.code,          e.custom_name,    e.inputs, e.outputs, e.max_version, e.traits.in_place, e.traits.is_view,
            e.options_bytes, e.prepared_bytes, is_sound, e.read,    e.infer,       e.needs,           e.prepare};
  }
};

namespace detail {
/// The ops of a registry as MicroInterpreter sees them.
template <class Arch, class Ops> struct MicroTable;
template <class Arch, class... Ops> struct MicroTable<Arch, OpRegistry<Ops...>> {
  static_assert((!WorksOnFrame<Ops> && ...), "tfl: this op runs other subgraphs or keeps resources, which only Interpreter can do");
  static_assert((!is_for_strings<Ops> && ...), "tfl: tensors of strings need Interpreter");
  static constexpr std::array<MicroOpEntry, sizeof...(Ops)> entries{
      MicroOpEntry::of(entry_of<Arch, SerialExecutor, Ops>(), &options_are_sound<Ops::code>)...};
};
}  // namespace detail

}  // namespace tfl
