#pragma once
// The sentences about nodes: which node, which tensor with which shape, which rule.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tfl/core/status.hpp"
#include "tfl/model/graph.hpp"
#include "tfl/model/verifier.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

/// The rule's text with its values.
inline void print_rule(Error& error, const Violation& v) {
  int next = 0;
  for (const char* c = v.rule; *c != '\0'; ++c) {
    if (c[0] == '{' && c[1] == '}' && next < 3) {
      error << v.values[next++];
      ++c;
    } else {
      error << *c;
    }
  }
}

/// An error that begins with "node 5 CONV_2D: ".
inline Error node_error(ErrorCode code, int subgraph, const GraphNode& node) {
  Error error(code);
  error.at(subgraph, node.file_index);
  if (subgraph > 0) error << "subgraph " << subgraph << ": ";
  return error << "node " << node.file_index << ' ' << node.name().substr(0, 64) << ": ";
}

/// "node 5 CONV_2D: input 1 'weights' int8[8,3,3,5]: must have ..."
inline Error violation_error(const Violation& v, int subgraph, const GraphSubgraph& graph, const GraphNode& node,
                             std::span<const Tensor> tensors) {
  Error error = node_error(v.code, subgraph, node);
  if (v.operand != Violation::Operand::node) {
    const bool in = v.operand == Violation::Operand::input;
    const std::span<const std::int32_t> list = in ? node.inputs : node.outputs;
    const auto k = static_cast<std::size_t>(v.index);
    error << (in ? "input " : "output ") << v.index << ' ';
    if (k < list.size() && list[k] >= 0) {
      const auto t = static_cast<std::size_t>(list[k]);
      error.at(subgraph, node.file_index, list[k]);
      detail::print_name(error, graph.tensors[t].name);
      error << ' ' << name_of(tensors[t].description.type);
      detail::print_shape(error, tensors[t].description.shape);
      error << ": ";
    } else {
      error << "is absent: ";
    }
  }
  print_rule(error, v);
  if (v.code == ErrorCode::unsupported_type && v.operand == Violation::Operand::node) {
    error << ':';
    for (const std::int32_t t : node.inputs)
      error << ' ' << (t >= 0 ? name_of(tensors[static_cast<std::size_t>(t)].description.type) : "none");
    error << " ->";
    for (const std::int32_t t : node.outputs) error << ' ' << name_of(tensors[static_cast<std::size_t>(t)].description.type);
  }
  return error;
}

}  // namespace tfl
