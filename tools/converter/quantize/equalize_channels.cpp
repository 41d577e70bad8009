#include <algorithm>
#include <cmath>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/quantize/prepare.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

/// The weights of a convolution, by channel: element i belongs to channel i / inner % channels.
struct Channels {
  std::size_t count = 0, inner = 1;
  bool known() const { return count > 0; }
  std::size_t of(std::size_t i) const { return i / inner % count; }
};

bool is_convolution(const Node& node) {
  return (node.is(B::CONV_2D) || node.is(B::DEPTHWISE_CONV_2D)) && is_float_constant(node.input(1)) && node.input(1)->rank() == 4;
}

Channels output_channels(const Node& node) {
  const std::vector<std::int32_t>& shape = node.input(1)->shape;
  if (node.is(B::DEPTHWISE_CONV_2D)) return {static_cast<std::size_t>(shape[3])};
  const auto outer = static_cast<std::size_t>(shape[0]);
  return {outer, outer == 0 ? 1 : node.input(1)->values<float>().size() / outer};
}

/// Unknown where one input channel serves several output channels, or the channels are in groups.
Channels input_channels(const Node& node) {
  const std::int32_t channels = node.input(0)->rank() == 4 ? node.input(0)->shape[3] : -1;
  if (channels != node.input(1)->shape[3]) return {};
  return {static_cast<std::size_t>(channels)};
}

std::vector<float> largest(std::span<const float> weights, const Channels& channels) {
  std::vector<float> result(channels.count, 0.0f);
  for (std::size_t i = 0; i < weights.size(); ++i) result[channels.of(i)] = std::max(result[channels.of(i)], std::fabs(weights[i]));
  return result;
}

void scale(Tensor& tensor, const Channels& channels, const std::vector<float>& factors, bool divides) {
  const std::span<const float> old = tensor.values<float>();
  std::vector<float> values(old.begin(), old.end());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = divides ? values[i] / factors[channels.of(i)] : values[i] * factors[channels.of(i)];
  tensor.data = make_data(std::span<const float>(values));
}

bool equalize(Graph& graph, Node* first) {
  Node* second = is_convolution(*first) ? graph.only_user(first->output()) : nullptr;
  if (second == nullptr || !is_convolution(*second) || second->input(0) != first->output()) return false;
  const std::string activation = activation_of(*first);
  if (activation != "NONE" && activation != "RELU") return false;
  const Channels out = output_channels(*first), in = input_channels(*second);
  const Tensor* bias = first->input(2);
  if (!out.known() || out.count != in.count ||
      (bias != nullptr && (!is_float_constant(bias) || bias->count() != static_cast<std::int64_t>(out.count))))
    return false;
  const std::vector<float> before = largest(first->input(1)->values<float>(), out), after = largest(second->input(1)->values<float>(), in);
  std::vector<float> factors(out.count, 1.0f);
  bool changes = false;
  for (std::size_t c = 0; c < factors.size(); ++c) {
    // sqrt(before * after) on both sides; channels that are dead on one side stay as they are.
    const float factor = std::sqrt(before[c] / after[c]);
    if (!std::isfinite(factor) || factor < 1e-4f || factor > 1e4f) continue;
    factors[c] = factor;
    changes = changes || std::fabs(factor - 1) > 1e-3f;
  }
  if (!changes) return false;
  scale(*graph.own_constant(first, 1), out, factors, true);
  if (bias != nullptr) scale(*graph.own_constant(first, 2), {out.count}, factors, true);
  scale(*graph.own_constant(second, 1), in, factors, false);
  return true;
}

}  // namespace

int equalize_channels(Model& model) {
  // Each pair changes the ranges of the next one; a few rounds settle.
  constexpr int most_rounds = 20;
  int changed = 0;
  bool again = true;
  for (int round = 0; again && round < most_rounds; ++round) {
    again = false;
    for (Node* node : nodes_of(model.main())) {
      if (!equalize(model.main(), node)) continue;
      again = true;
      changed += round == 0 ? 1 : 0;
    }
  }
  return changed;
}

}  // namespace tfl::converter
