#pragma once
// Graphs for people: as text, and for Graphviz.

#include <string>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// A line for every node: "y float32[1,4] = RELU(x)" with attributes, behind the graph's inputs and constants.
std::string to_text(const Model& model);
/// A digraph for `dot`: nodes as boxes, tensors as labelled edges.
std::string to_graphviz(const Model& model);
/// A picture: every node a row below those that it reads.
std::string to_svg(const Model& model);

}  // namespace tfl::converter
