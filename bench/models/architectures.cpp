#include "bench/models/architectures.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "tfl/kernels/activation.hpp"
#include "tfl/kernels/batch_matmul.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pad.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reduce.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/kernels/transpose.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace tfl::bench {

namespace {

constexpr Architecture all[] = {
    {"mobilenet_v1", mobilenet_v1},
    {"mobilenet_v2", mobilenet_v2},
    {"mobilenet_v3_large", mobilenet_v3_large},
    {"mobilenet_v3_small", mobilenet_v3_small},
    {"efficientnet_lite0", efficientnet_lite0},
    {"resnet50", resnet50},
    {"mobilebert_layer", mobilebert_layer},
    {"kws", keyword_spotting},
    {"vww", visual_wake_words},
    {"resnet8", image_classification},
    {"ad", anomaly_detection},
};

using Ops = OpRegistry<Conv2D, DepthwiseConv2D, FullyConnected, BatchMatMul, AveragePool2D, MaxPool2D, Add, Mul, HardSwish, Softmax, Mean,
                       Reshape, Transpose, Pad>;

/// What every activation of the float network reaches for one input.
Result<std::map<int, ValueRange>> observed_ranges(const Architecture& architecture, const NetworkSize& size) {
  Network network = Network::in_float();
  architecture.describe(network, size);
  const std::vector<std::int32_t> activations = network.activations();
  const std::vector<std::uint8_t> bytes = network.finish_with_all_outputs();
  const auto model = Model::from_memory(bytes);
  if (!model) return model.error();
  auto interpreter = Interpreter<Ops>::create(*model);
  if (!interpreter) return interpreter.error();
  tools::SeededStream stream(1);
  for (int i = 0; i < interpreter->input_count(); ++i) {
    auto input = interpreter->input<std::byte>(i);
    if (!input) return input.error();
    stream.fill(input->type(), *input);
  }
  if (auto r = interpreter->invoke(); !r) return r.error();
  std::map<int, ValueRange> ranges;
  for (std::size_t i = 0; i < activations.size(); ++i) {
    const auto values = interpreter->output<float>(static_cast<int>(i));
    if (!values) return values.error();
    const auto [least, largest] = std::minmax_element(values->begin(), values->end());
    ranges[activations[i]] = {*least, *largest};
  }
  return ranges;
}

std::vector<std::uint8_t> build(Network network, const Architecture& architecture, const NetworkSize& size) {
  const int output = architecture.describe(network, size);
  return network.finish({output});
}

}  // namespace

int NetworkSize::channels(int whole) const { return std::max(8, static_cast<int>(static_cast<float>(whole) * width) / 8 * 8); }

std::span<const Architecture> architectures() { return all; }

const Architecture* find_architecture(std::string_view name) {
  for (const std::span<const Architecture> list : {architectures(), layers()}) {
    for (const Architecture& architecture : list) {
      if (architecture.name == name) return &architecture;
    }
  }
  return nullptr;
}

Result<std::vector<std::uint8_t>> build_float(const Architecture& architecture, const NetworkSize& size) {
  return build(Network::in_float(), architecture, size);
}

Result<std::vector<std::uint8_t>> build_int8(const Architecture& architecture, const NetworkSize& size) {
  const auto ranges = observed_ranges(architecture, size);
  if (!ranges) return ranges.error();
  return build(Network::in_int8(*ranges), architecture, size);
}

}  // namespace tfl::bench
