#pragma once
// Spatial tiling: the first convolutions of a model run strip by strip, so that no tensor between them is ever whole. A strip is rows of
// the image, which lie side by side in memory: parts of the input are read where they are, parts of the last output are written where they
// belong, over rows of the input that no later strip reads. Rows that two strips need are computed twice; results stay the same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tools/tfl_codegen/plan_memory.hpp"

namespace tfl::codegen {

/// Rows first <= y < last of an image.
struct RowRange {
  std::int64_t first = 0, last = 0;
  std::int64_t count() const { return last - first; }
};

/// A convolution of a chain, as tiling sees it.
struct TiledLayer {
  WindowAxis y, x;

  /// The rows that output rows are made of, padding included.
  RowRange window_of(const RowRange& rows) const {
    return {y.origin(rows.first), y.origin(rows.last - 1) + effective_extent(y.filter, y.dilation)};
  }
};

template <class Options> bool read_layer(const NodePlan& node, const ModelPlan& model, TiledLayer& layer) {
  Options options;
  std::memcpy(&options, node.options.data(), sizeof(options));
  const Border& border = options.border;
  const Shape &in = model.tensors[static_cast<std::size_t>(node.inputs[0])].description.shape,
              &filter = model.tensors[static_cast<std::size_t>(node.inputs[1])].description.shape;
  if (in.rank() != 4 || in[0] != 1) return false;
  return !make_window_axis(layer.y, options.padding, in[1], filter[1], options.stride_h, options.dilation_h, 0, border.top,
                           border.bottom) &&
         !make_window_axis(layer.x, options.padding, in[2], filter[2], options.stride_w, options.dilation_w, 0, border.left, border.right);
}

/// The options of a layer whose padding is said for one strip.
template <class Options> void pad_explicitly(NodePlan& node, const TiledLayer& layer, std::int64_t top, std::int64_t bottom) {
  Options options;
  std::memcpy(&options, node.options.data(), sizeof(options));
  const std::int64_t right =
      (layer.x.output - 1) * layer.x.stride + effective_extent(layer.x.filter, layer.x.dilation) - layer.x.before - layer.x.input;
  options.padding = Padding::valid;
  options.border = {static_cast<std::int32_t>(top),
                    static_cast<std::int32_t>(bottom),
                    static_cast<std::int32_t>(layer.x.before),
                    static_cast<std::int32_t>(right > 0 ? right : 0),
                    true,
                    false};
  std::memcpy(node.options.data(), &options, sizeof(options));
}

inline bool is_depthwise(const NodePlan& node) { return node.entry->code == BuiltinOperator::DEPTHWISE_CONV_2D; }

/// How many of the first nodes are convolutions that follow one another from the model's input, each read by the next alone.
inline std::size_t tileable_nodes(const ModelPlan& model, std::vector<TiledLayer>& layers) {
  if (model.inputs.size() != 1) return 0;
  for (const TensorPlan& tensor : model.tensors) {
    if (tensor.part_of >= 0) return 0;
  }
  std::int32_t from = model.inputs[0];
  for (std::size_t n = 0; n < model.nodes.size(); ++n) {
    const NodePlan& node = model.nodes[n];
    const bool conv = node.entry->code == BuiltinOperator::CONV_2D;
    TiledLayer layer;
    if ((!conv && !is_depthwise(node)) || node.inputs[0] != from) break;
    if (!(conv ? read_layer<Conv2D::Options>(node, model, layer) : read_layer<DepthwiseConv2D::Options>(node, model, layer))) break;
    std::size_t readers = 0;
    for (const NodePlan& other : model.nodes)
      readers += static_cast<std::size_t>(std::count(other.inputs.begin(), other.inputs.end(), from));
    if (readers != 1 || std::count(model.outputs.begin(), model.outputs.end(), from) > 0) break;
    layers.push_back(layer);
    from = node.outputs[0];
  }
  return layers.size();
}

/// The model with its first `depth` nodes cut into strips of `rows` output rows. False where the strips' outputs would run over input rows
/// that are still needed. Tensors that are gone have no reader and no writer.
inline bool tile(const ModelPlan& model, const std::vector<TiledLayer>& layers, std::size_t depth, std::int64_t rows, ModelPlan& tiled) {
  tiled = model;
  tiled.is_tiled = true;
  tiled.nodes.clear();
  const std::int32_t whole_input = model.inputs[0], whole_output = model.nodes[depth - 1].outputs[0];
  const auto rows_tensor = [&](std::int32_t like, const RowRange& range, std::int32_t part_of) {
    TensorPlan tensor = model.tensors[static_cast<std::size_t>(like)];
    const auto row_bytes = static_cast<std::int64_t>(tensor.bytes()) / tensor.description.shape[1];
    tensor.description.shape[1] = static_cast<std::int32_t>(range.count());
    tensor.part_of = part_of;
    tensor.part_at = part_of >= 0 ? range.first * row_bytes : 0;
    tiled.tensors.push_back(tensor);
    return static_cast<std::int32_t>(tiled.tensors.size()) - 1;
  };
  const std::int64_t height = layers[depth - 1].y.output;
  std::vector<RowRange> read, written;
  for (std::int64_t first = 0; first < height; first += rows) {
    // From the last layer back: which rows of each output this strip needs, and how much of their window is padding.
    std::vector<RowRange> outputs(depth + 1);
    std::vector<std::pair<std::int64_t, std::int64_t>> padding(depth);
    outputs[depth] = {first, std::min(first + rows, height)};
    for (std::size_t n = depth; n-- > 0;) {
      const RowRange window = layers[n].window_of(outputs[n + 1]);
      const std::int64_t input = layers[n].y.input;
      outputs[n] = {std::max<std::int64_t>(window.first, 0), std::min(window.last, input)};
      if (outputs[n].count() < 1) return false;
      padding[n] = {outputs[n].first - window.first, window.last - outputs[n].last};
    }
    std::int32_t from = rows_tensor(whole_input, outputs[0], whole_input);
    for (std::size_t n = 0; n < depth; ++n) {
      NodePlan node = model.nodes[n];
      is_depthwise(node) ? pad_explicitly<DepthwiseConv2D::Options>(node, layers[n], padding[n].first, padding[n].second)
                         : pad_explicitly<Conv2D::Options>(node, layers[n], padding[n].first, padding[n].second);
      node.inputs[0] = from;
      from = rows_tensor(node.outputs[0], outputs[n + 1], n + 1 == depth ? whole_output : -1);
      node.outputs[0] = from;
      tiled.nodes.push_back(std::move(node));
    }
    read.push_back(outputs[0]);
    written.push_back(outputs[depth]);
  }
  const auto row_bytes = [&](std::int32_t t) {
    const TensorPlan& tensor = model.tensors[static_cast<std::size_t>(t)];
    return static_cast<std::int64_t>(tensor.bytes()) / tensor.description.shape[1];
  };
  for (std::size_t k = 0; k + 1 < read.size(); ++k) {
    std::int64_t needed = std::numeric_limits<std::int64_t>::max();
    for (std::size_t later = k + 1; later < read.size(); ++later) needed = std::min(needed, read[later].first * row_bytes(whole_input));
    if (written[k].last * row_bytes(whole_output) > needed) return false;
  }
  tiled.nodes.insert(tiled.nodes.end(), model.nodes.begin() + static_cast<std::ptrdiff_t>(depth), model.nodes.end());
  return true;
}

/// Tiles the first blocks where that makes the arena smaller, by the depth and the strips that make it smallest. `measure` works out what
/// the nodes of a plan need.
template <class Measure> void tile_first_blocks(ModelPlan& model, Measure measure) {
  std::vector<TiledLayer> layers;
  const std::size_t most_depth = std::min<std::size_t>(tileable_nodes(model, layers), 8);
  ModelPlan best = model;
  for (std::size_t depth = 2; depth <= most_depth; ++depth) {
    const std::int64_t height = layers[depth - 1].y.output;
    for (std::int64_t strips = 2; strips <= 8 && strips <= height; ++strips) {
      ModelPlan tiled;
      if (!tile(model, layers, depth, (height + strips - 1) / strips, tiled)) continue;
      measure(tiled);
      plan_memory(tiled);
      if (tiled.arena_bytes < best.arena_bytes) best = std::move(tiled);
    }
  }
  model = std::move(best);
}

}  // namespace tfl::codegen
