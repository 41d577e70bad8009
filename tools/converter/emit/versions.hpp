#pragma once
// Which version of a .tflite operator a node needs, by the types and options that came with each version.

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// The lowest version of the node's operator that knows its types, ranks and options. 1 for custom operators.
int required_version(const Node& node);

}  // namespace tfl::converter
