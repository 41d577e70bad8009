#pragma once
// What passes ask of nodes and tensors.

#include <optional>
#include <string>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// A float32 constant with data.
bool is_float_constant(const Tensor* tensor);
/// The value of a float32 constant with one element.
std::optional<float> scalar_of(const Tensor* tensor);
/// The constant as one value for each of `channels` along the last axis: one element, or [channels] behind dimensions of 1. Empty where it
/// is something else, or where its rank exceeds `most_rank` and so would make the result's rank larger.
std::vector<float> channel_values(const Tensor* tensor, std::int32_t channels, int most_rank);
/// "NONE" or "RELU6"
std::string activation_of(const Node& node);
/// The axes that a TRANSPOSE reads, counted from the front; empty for other nodes and where they are not known.
std::vector<std::int64_t> permutation_of(const Node& node);
/// Whether both tensors have one type, one shape of known dimensions, and the same quantization: one can stand for the other.
bool is_same_kind(const Tensor& a, const Tensor& b);
/// Whether running the node has effects beyond its outputs, or gives other values each time.
bool has_effects(const Node& node);
/// The nodes of a graph, to go over while it changes. A pass that erases a node must not meet it again.
std::vector<Node*> nodes_of(const Graph& graph);
/// Everybody who reads the output of `node` (which has one) reads `tensor` instead, and the node goes. A graph's output keeps its name, so
/// that this is refused (false) where the node writes one and `tensor` is a constant, an input or another output.
bool bypass(Model& model, Graph& graph, Node* node, Tensor* tensor);

}  // namespace tfl::converter
