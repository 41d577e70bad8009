// fuse-dilation: SPACE_TO_BATCH_ND, a convolution with stride 1 and BATCH_TO_SPACE_ND are a dilated convolution. Needs the same blocks on
// both sides, a convolution that pads nothing by itself, and known sizes. What the first one pads beyond the blocks' alignment, less what
// the last one crops, must be nothing (VALID) or what SAME pads.

#include <algorithm>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

bool fuse(Graph& graph, Node* conv) {
  if (!conv->is(B::CONV_2D) && !conv->is(B::DEPTHWISE_CONV_2D)) return false;
  const Attributes& a = conv->attributes;
  if (a.integer("stride_w") != 1 || a.integer("stride_h") != 1 || a.integer("dilation_w_factor", 1) != 1 ||
      a.integer("dilation_h_factor", 1) != 1 || a.text("padding", "SAME") != "VALID") {
    return false;
  }
  Tensor *input = conv->input(0), *output = conv->output();
  Node* split = input == nullptr ? nullptr : input->producer;
  Node* join = graph.only_user(output);
  if (split == nullptr || join == nullptr || !split->is(B::SPACE_TO_BATCH_ND) || !join->is(B::BATCH_TO_SPACE_ND)) return false;
  if (join->input(0) != output || graph.only_user(input) != conv) return false;
  Tensor *x = split->input(0), *y = join->output(), *weights = conv->input(1);
  if (x == nullptr || weights == nullptr || x->rank() != 4 || weights->rank() != 4 || y->rank() != 4) return false;
  for (const Tensor* t : {split->input(1), split->input(2), join->input(1), join->input(2)}) {
    if (t == nullptr || !t->is_constant()) return false;
  }
  const auto blocks = split->input(1)->integers(), paddings = split->input(2)->integers();
  const auto crops = join->input(2)->integers();
  if (blocks.size() != 2 || paddings.size() != 4 || crops.size() != 4 || join->input(1)->integers() != blocks) return false;
  bool valid = true, same = true;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t size = x->shape[axis + 1], reach = (weights->shape[axis + 1] - 1) * blocks[axis];
    if (size <= 0 || blocks[axis] <= 0 || y->shape[axis + 1] <= 0) return false;
    const std::int64_t before = paddings[2 * axis], got = y->shape[axis + 1];
    valid = valid && before == 0 && crops[2 * axis] == 0 && got == size - reach;
    same = same && before == reach / 2 && crops[2 * axis] == 0 && got == size;
  }
  if (!valid && !same) return false;
  if (x->quantization.scales != input->quantization.scales || y->quantization.scales != output->quantization.scales) return false;
  graph.set_input(conv, 0, x);
  graph.erase(split);
  graph.erase(join);
  graph.set_outputs(conv, {y});
  conv->attributes.set("dilation_h_factor", Attribute(blocks[0]));
  conv->attributes.set("dilation_w_factor", Attribute(blocks[1]));
  conv->attributes.set("padding", valid ? "VALID" : "SAME");
  return true;
}

}  // namespace

bool fuse_dilation(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    std::vector<Node*> convolutions;
    for (Node* node : nodes_of(*graph)) {
      if (node->is(B::CONV_2D) || node->is(B::DEPTHWISE_CONV_2D)) convolutions.push_back(node);
    }
    for (Node* node : convolutions) changed = fuse(*graph, node) || changed;
  }
  return changed;
}

}  // namespace tfl::converter
