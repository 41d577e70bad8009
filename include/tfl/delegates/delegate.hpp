#pragma once
// Delegates: who may run a node instead of the registry's kernel. A delegate is a policy type, named as a template argument of the
// interpreter, so that a program holds only the delegates that it names.

#include <concepts>
#include <string_view>

#include "tfl/model/graph.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

/// A delegate has a name, and claims nodes one by one: claim() answers with the entry that is to run the node, or null to leave it to
/// the next delegate and at last to the registry. It sees the graph before shapes are inferred; the entry's infer() may still refuse.
template <class D>
concept Delegate = requires(const GraphSubgraph& subgraph, const GraphNode& node) {
  { D::name } -> std::convertible_to<std::string_view>;
  { D::claim(subgraph, node) } -> std::same_as<const OpEntry*>;
};

/// The delegates of an interpreter, asked in this order.
template <Delegate... D> struct Delegates {
  static const OpEntry* claim(const GraphSubgraph& subgraph, const GraphNode& node) {
    const OpEntry* entry = nullptr;
    static_cast<void>(((entry = D::claim(subgraph, node), entry != nullptr) || ...));
    return entry;
  }
};

/// Every node runs on the registry's kernels.
using NoDelegates = Delegates<>;

}  // namespace tfl
