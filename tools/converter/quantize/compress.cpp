#include "tools/converter/quantize/compress.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tools/converter/passes/match.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

/// Fewer are biases and the like.
constexpr std::int64_t fewest_elements = 256;

bool cluster(Tensor& tensor, std::size_t clusters) {
  const std::span<const float> old = tensor.values<float>();
  std::vector<float> sorted(old.begin(), old.end());
  std::sort(sorted.begin(), sorted.end());
  if (!std::isfinite(sorted.front()) || !std::isfinite(sorted.back())) return false;
  std::vector<float> distinct = sorted;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() <= clusters) return false;
  const bool has_zeros = std::binary_search(distinct.begin(), distinct.end(), 0.0f);
  // From evenly spread centers; in one dimension the nearest one is found between two neighbours.
  std::vector<double> centers(clusters);
  const double low = static_cast<double>(sorted.front()), high = static_cast<double>(sorted.back());
  for (std::size_t c = 0; c < clusters; ++c)
    centers[c] = low + (high - low) * (static_cast<double>(c) + 0.5) / static_cast<double>(clusters);
  const auto nearest = [&](float value) {
    const double v = static_cast<double>(value);
    const auto above = std::lower_bound(centers.begin(), centers.end(), v);
    if (above == centers.begin()) return std::size_t{0};
    const auto i = static_cast<std::size_t>(above - centers.begin());
    return i == clusters || v - centers[i - 1] <= centers[i] - v ? i - 1 : i;
  };
  constexpr int most_rounds = 30;
  for (int round = 0; round < most_rounds; ++round) {
    std::vector<double> sums(clusters, 0.0);
    std::vector<std::int64_t> counts(clusters, 0);
    for (const float value : sorted) {
      const std::size_t c = nearest(value);
      sums[c] += static_cast<double>(value);
      ++counts[c];
    }
    bool moved = false;
    for (std::size_t c = 0; c < clusters; ++c) {
      const double center = counts[c] == 0 ? centers[c] : sums[c] / static_cast<double>(counts[c]);
      moved = moved || center != centers[c];
      centers[c] = center;
    }
    if (!moved) break;
  }
  if (has_zeros) centers[nearest(0.0f)] = 0;
  std::sort(centers.begin(), centers.end());
  std::vector<float> values(old.size());
  std::transform(old.begin(), old.end(), values.begin(), [&](float v) { return static_cast<float>(centers[nearest(v)]); });
  tensor.data = make_data(std::span<const float>(values));
  return true;
}

bool encode(Graph& graph, Node* node) {
  const Tensor* weights = node->input(1);
  if (!node->is(B::FULLY_CONNECTED) || weights == nullptr || !weights->is_constant() || weights->sparsity != nullptr ||
      weights->rank() != 2)
    return false;
  const std::size_t size = weights->type == TensorType::float32 ? 4 : weights->type == TensorType::int8 ? 1 : 0;
  const bool hybrid = size == 1 && node->input(0)->type == TensorType::float32;
  const std::size_t block = size == 4 ? 4 : 16;
  const auto rows = static_cast<std::size_t>(weights->shape[0]), columns = static_cast<std::size_t>(weights->shape[1]);
  if (size == 0 || hybrid || columns % block != 0 || weights->data->size() != rows * columns * size) return false;
  const Bytes& dense = *weights->data;
  auto sparsity = std::make_shared<Sparsity>();
  sparsity->traversal_order = {0, 1, 2};
  sparsity->block_map = {1};
  Sparsity::Dimension columns_of_blocks{.compressed = true, .segments = {0}};
  auto kept = std::make_shared<Bytes>();
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t b = 0; b < columns / block; ++b) {
      const std::size_t begin = (r * columns + b * block) * size, end = begin + block * size;
      const auto first = dense.begin() + static_cast<std::ptrdiff_t>(begin), last = dense.begin() + static_cast<std::ptrdiff_t>(end);
      if (std::all_of(first, last, [](std::uint8_t byte) { return byte == 0; })) continue;
      kept->insert(kept->end(), first, last);
      columns_of_blocks.indices.push_back(static_cast<std::int32_t>(b));
    }
    columns_of_blocks.segments.push_back(static_cast<std::int32_t>(columns_of_blocks.indices.size()));
  }
  const std::size_t index = columns / block <= 256 ? 1 : 2, segment = columns_of_blocks.indices.size() < 256 ? 1 : 2;
  const std::size_t bytes = kept->size() + columns_of_blocks.indices.size() * index + columns_of_blocks.segments.size() * segment;
  if (columns_of_blocks.indices.empty() || columns / block > 65535 || columns_of_blocks.indices.size() > 65535 ||
      bytes * 5 >= dense.size() * 4) {
    return false;
  }
  sparsity->dimensions.push_back({.dense_size = static_cast<std::int32_t>(rows)});
  sparsity->dimensions.push_back(std::move(columns_of_blocks));
  sparsity->dimensions.push_back({.dense_size = static_cast<std::int32_t>(block)});
  Tensor* own = graph.own_constant(node, 1);
  own->data = std::move(kept);
  own->sparsity = std::move(sparsity);
  return true;
}

}  // namespace

int cluster_weights(Model& model, int clusters) {
  int changed = 0;
  for (const auto& graph : model.graphs) {
    for (const auto& tensor : graph->tensors()) {
      if (!is_float_constant(tensor.get()) || tensor->count() < fewest_elements || tensor->rank() < 2 || tensor->users.empty()) continue;
      changed += cluster(*tensor, static_cast<std::size_t>(clusters)) ? 1 : 0;
    }
  }
  return changed;
}

int encode_sparse_weights(Model& model) {
  int changed = 0;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) changed += encode(*graph, node) ? 1 : 0;
  }
  return changed;
}

}  // namespace tfl::converter
