// fuse-padding: PAD of rows and columns with zeros in front of a convolution goes where it is exactly what the padding SAME does. Needs
// known sizes. Leaves the convolution with SAME.

#include <algorithm>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

/// What SAME adds before and after an axis of `size`.
std::pair<std::int64_t, std::int64_t> same_padding(std::int64_t size, std::int64_t filter, std::int64_t stride, std::int64_t dilation) {
  const std::int64_t reach = (filter - 1) * dilation + 1, steps = (size + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>(0, (steps - 1) * stride + reach - size);
  return {total / 2, total - total / 2};
}

bool fuse(Model& model, Graph& graph, Node* conv) {
  if ((!conv->is(B::CONV_2D) && !conv->is(B::DEPTHWISE_CONV_2D)) || conv->attributes.text("padding", "SAME") != "VALID") return false;
  Tensor* padded = conv->input(0);
  Node* pad = padded == nullptr ? nullptr : padded->producer;
  if (pad == nullptr || !pad->is(B::PAD) || graph.only_user(padded) != conv) return false;
  Tensor *x = pad->input(0), *weights = conv->input(1), *widths = pad->input(1);
  if (x == nullptr || weights == nullptr || widths == nullptr || x->rank() != 4 || weights->rank() != 4) return false;
  const std::vector<std::int64_t> amounts = widths->integers();
  if (amounts.size() != 8 || x->shape[1] <= 0 || x->shape[2] <= 0 || x->type != padded->type) return false;
  if (x->quantization.scales != padded->quantization.scales || x->quantization.zero_points != padded->quantization.zero_points)
    return false;
  if (amounts[0] != 0 || amounts[1] != 0 || amounts[6] != 0 || amounts[7] != 0) return false;
  const Attributes& a = conv->attributes;
  for (std::size_t axis = 1; axis <= 2; ++axis) {
    const std::int64_t stride = a.integer(axis == 1 ? "stride_h" : "stride_w");
    const std::int64_t dilation = a.integer(axis == 1 ? "dilation_h_factor" : "dilation_w_factor", 1);
    if (stride <= 0 || dilation <= 0) return false;
    const auto [before, after] = same_padding(x->shape[axis], weights->shape[axis], stride, dilation);
    if (amounts[2 * axis] != before || amounts[2 * axis + 1] != after) return false;
  }
  conv->attributes.set("padding", "SAME");
  graph.erase(pad);
  model.replace_uses(graph, padded, x);
  return true;
}

}  // namespace

bool fuse_padding(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) changed = fuse(model, *graph, node) || changed;
  }
  return changed;
}

}  // namespace tfl::converter
