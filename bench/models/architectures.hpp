#pragma once
// Well-known networks, from the papers that describe them, with pseudo-random weights.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bench/models/network.hpp"
#include "tfl/core/status.hpp"

namespace tfl::bench {

/// A smaller relative of a network: other input sizes, and a share of its channels. For tests.
struct NetworkSize {
  int resolution = 0;  // of the input picture; 0: the network's own
  int length = 0;      // of the input sequence; 0: the network's own
  float width = 1.0f;

  int channels(int whole) const;
};

struct Architecture {
  std::string_view name;
  /// Adds all layers; returns the output.
  int (*describe)(Network& network, const NetworkSize& size);
};

std::span<const Architecture> architectures();
/// Single layers, to be compared one by one.
std::span<const Architecture> layers();
/// A network or a layer; null where there is none of this name.
const Architecture* find_architecture(std::string_view name);

/// The model as .tflite bytes. int8 ranges are those that the float network shows for a pseudo-random input in -1..1.
Result<std::vector<std::uint8_t>> build_float(const Architecture& architecture, const NetworkSize& size = {});
Result<std::vector<std::uint8_t>> build_int8(const Architecture& architecture, const NetworkSize& size = {});

// The networks of the list, one family a file.
int mobilenet_v1(Network& network, const NetworkSize& size);
int mobilenet_v2(Network& network, const NetworkSize& size);
int mobilenet_v3_large(Network& network, const NetworkSize& size);
int mobilenet_v3_small(Network& network, const NetworkSize& size);
int efficientnet_lite0(Network& network, const NetworkSize& size);
int resnet50(Network& network, const NetworkSize& size);
int mobilebert_layer(Network& network, const NetworkSize& size);
int keyword_spotting(Network& network, const NetworkSize& size);
int visual_wake_words(Network& network, const NetworkSize& size);
int image_classification(Network& network, const NetworkSize& size);
int anomaly_detection(Network& network, const NetworkSize& size);

}  // namespace tfl::bench
