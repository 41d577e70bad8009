// remove-identities: nodes whose output is their input go: x * 1, x / 1, x + 0, x - 0, CAST to its own type, QUANTIZE to the parameters
// that the input has, CONCATENATION of one, TILE by 1, PAD by nothing, DEQUANTIZE of what QUANTIZE just made with full precision (float to
// float16 apart). Leaves sums with -0 alone only where the constant is +0: x + 0 differs for x = -0, which compares equal.

#include <algorithm>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

bool all_are(const Tensor* tensor, float value) {
  if (!is_float_constant(tensor)) return false;
  const std::span<const float> values = tensor->values<float>();
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == value; });
}

bool all_integers_are(const Tensor* tensor, std::int64_t value) {
  if (tensor == nullptr || !tensor->is_constant()) return false;
  const std::vector<std::int64_t> values = tensor->integers();
  return std::all_of(values.begin(), values.end(), [&](std::int64_t v) { return v == value; });
}

/// The input that the output equals, or null.
Tensor* same_as_output(const Node& node) {
  Tensor *a = node.input(0), *b = node.input(1);
  switch (node.operation.code()) {
    case B::ADD: return activation_of(node) != "NONE" ? nullptr : all_are(b, 0) ? a : all_are(a, 0) ? b : nullptr;
    case B::MUL: return activation_of(node) != "NONE" ? nullptr : all_are(b, 1) ? a : all_are(a, 1) ? b : nullptr;
    case B::SUB: return activation_of(node) == "NONE" && all_are(b, 0) ? a : nullptr;
    case B::DIV: return activation_of(node) == "NONE" && all_are(b, 1) ? a : nullptr;
    case B::POW: return all_are(b, 1) ? a : nullptr;
    case B::CONCATENATION: return node.inputs().size() == 1 && activation_of(node) == "NONE" ? a : nullptr;
    case B::PAD:
    case B::PADV2:
    case B::MIRROR_PAD: return all_integers_are(b, 0) ? a : nullptr;
    case B::TILE: return all_integers_are(b, 1) ? a : nullptr;
    case B::CAST:
    case B::QUANTIZE:
    case B::SLICE:
    case B::STRIDED_SLICE:
    case B::BROADCAST_TO: {
      // A slice of the same known shape is the whole, in its order unless it steps backwards.
      if (node.is(B::STRIDED_SLICE) && !all_integers_are(node.input(3), 1)) return nullptr;
      return a != nullptr && a->is_static() ? a : nullptr;
    }
    default: return nullptr;
  }
}

}  // namespace

bool remove_identities(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) {
      if (node->outputs().size() != 1) continue;
      Tensor* same = same_as_output(*node);
      if (same == nullptr || same->is_variable || !is_same_kind(*same, *node->output())) continue;
      changed = bypass(model, *graph, node, same) || changed;
    }
  }
  return changed;
}

}  // namespace tfl::converter
