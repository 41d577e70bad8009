// MobileNet V1 (Howard et al. 2017), V2 (Sandler et al. 2018), V3 (Howard et al. 2019) and EfficientNet-Lite0 (Tan and Le 2019, without
// squeeze-and-excitation and with ReLU6), all for 224x224 pictures and 1000 classes. They end with the logits.

#include <algorithm>

#include "bench/models/architectures.hpp"

namespace tfl::bench {

namespace {

constexpr Network::Window point{};
constexpr int classes = 1000;
/// Keeps sums over residual connections from growing with depth.
constexpr float residual_gain = 0.5f;

constexpr Network::Window square(int side, int stride) { return {side, side, stride}; }

int picture(Network& network, const NetworkSize& size) {
  const int side = size.resolution > 0 ? size.resolution : 224;
  return network.input({1, side, side, 3});
}

/// MobileNet rounds channels to multiples of 8, by at most a tenth down.
int rounded(int channels) {
  const int multiple = std::max(8, (channels + 4) / 8 * 8);
  return 10 * multiple < 9 * channels ? multiple + 8 : multiple;
}

struct Bottleneck {
  int kernel = 3, stride = 1, expanded = 0, channels = 0;
};

/// Expand, filter each channel, project; with a residual connection where the shapes agree.
int inverted_residual(Network& network, int x, const Bottleneck& b) {
  const std::int32_t in = network.shape(x)[3];
  int y = x;
  if (b.expanded != in) y = network.convolution(y, b.expanded, point, Activation::relu6);
  y = network.depthwise(y, square(b.kernel, b.stride), Activation::relu6);
  const bool residual = b.stride == 1 && b.channels == in;
  y = network.convolution(y, b.channels, point, Activation::none, residual ? residual_gain : 1.0f);
  return residual ? network.add(x, y) : y;
}

struct Stage {
  int expansion, channels, repeats, stride, kernel = 3;
};

int inverted_residual_stages(Network& network, int x, std::span<const Stage> stages, const NetworkSize& size) {
  for (const Stage& stage : stages) {
    for (int i = 0; i < stage.repeats; ++i) {
      const int expanded = network.shape(x)[3] * stage.expansion;
      x = inverted_residual(network, x, {stage.kernel, i == 0 ? stage.stride : 1, expanded, size.channels(stage.channels)});
    }
  }
  return x;
}

int pooled_classifier(Network& network, int x) {
  x = network.mean(x, false);
  return network.dense(x, classes, Activation::none);
}

/// One line of V3's tables.
struct BottleneckV3 {
  int kernel, expanded, channels;
  bool squeeze, swish;
  int stride;
};

int activated(Network& network, int x, bool swish) { return swish ? network.hard_swish(x) : x; }
Activation fused(bool swish) { return swish ? Activation::none : Activation::relu; }

int squeeze_and_excite(Network& network, int x) {
  const std::int32_t channels = network.shape(x)[3];
  int gate = network.mean(x, true);
  gate = network.convolution(gate, rounded(channels / 4), point, Activation::relu);
  gate = network.convolution(gate, channels, point, Activation::none);
  gate = network.multiply_constant(network.add_constant(gate, 3.0f, Activation::relu6), 1.0f / 6.0f);
  return network.multiply(x, gate);
}

int bottleneck_v3(Network& network, int x, const BottleneckV3& b, const NetworkSize& size) {
  const std::int32_t in = network.shape(x)[3];
  const int expanded = size.channels(b.expanded), channels = size.channels(b.channels);
  int y = x;
  if (expanded != in) y = activated(network, network.convolution(y, expanded, point, fused(b.swish)), b.swish);
  y = activated(network, network.depthwise(y, square(b.kernel, b.stride), fused(b.swish)), b.swish);
  if (b.squeeze) y = squeeze_and_excite(network, y);
  const bool residual = b.stride == 1 && channels == in;
  y = network.convolution(y, channels, point, Activation::none, residual ? residual_gain : 1.0f);
  return residual ? network.add(x, y) : y;
}

int mobilenet_v3(Network& network, const NetworkSize& size, std::span<const BottleneckV3> table, int last_convolution, int head) {
  int x = picture(network, size);
  x = network.hard_swish(network.convolution(x, size.channels(16), square(3, 2), Activation::none));
  for (const BottleneckV3& b : table) x = bottleneck_v3(network, x, b, size);
  x = network.hard_swish(network.convolution(x, size.channels(last_convolution), point, Activation::none));
  x = network.mean(x, true);
  x = network.hard_swish(network.convolution(x, size.channels(head), point, Activation::none));
  x = network.convolution(x, classes, point, Activation::none);
  return network.reshape(x, {1, classes});
}

}  // namespace

int mobilenet_v1(Network& network, const NetworkSize& size) {
  struct Pair {
    int channels, stride;
  };
  constexpr Pair pairs[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                            {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  int x = picture(network, size);
  x = network.convolution(x, size.channels(32), square(3, 2), Activation::relu6);
  for (const Pair& pair : pairs) {
    x = network.depthwise(x, square(3, pair.stride), Activation::relu6);
    x = network.convolution(x, size.channels(pair.channels), point, Activation::relu6);
  }
  const std::int32_t side = network.shape(x)[1];
  x = network.average_pool(x, {side, side, 1, Padding::valid});
  x = network.convolution(x, classes, point, Activation::none);
  return network.reshape(x, {1, classes});
}

int mobilenet_v2(Network& network, const NetworkSize& size) {
  constexpr Stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  int x = picture(network, size);
  x = network.convolution(x, size.channels(32), square(3, 2), Activation::relu6);
  x = inverted_residual_stages(network, x, stages, size);
  x = network.convolution(x, size.channels(1280), point, Activation::relu6);
  return pooled_classifier(network, x);
}

int efficientnet_lite0(Network& network, const NetworkSize& size) {
  constexpr Stage stages[] = {{1, 16, 1, 1, 3},  {6, 24, 2, 2, 3},  {6, 40, 2, 2, 5}, {6, 80, 3, 2, 3},
                              {6, 112, 3, 1, 5}, {6, 192, 4, 2, 5}, {6, 320, 1, 1, 3}};
  int x = picture(network, size);
  x = network.convolution(x, size.channels(32), square(3, 2), Activation::relu6);
  x = inverted_residual_stages(network, x, stages, size);
  x = network.convolution(x, size.channels(1280), point, Activation::relu6);
  return pooled_classifier(network, x);
}

int mobilenet_v3_large(Network& network, const NetworkSize& size) {
  constexpr BottleneckV3 table[] = {{3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
                                    {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
                                    {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
                                    {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
                                    {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1}};
  return mobilenet_v3(network, size, table, 960, 1280);
}

int mobilenet_v3_small(Network& network, const NetworkSize& size) {
  constexpr BottleneckV3 table[] = {{3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
                                    {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
                                    {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
                                    {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1}};
  return mobilenet_v3(network, size, table, 576, 1024);
}

}  // namespace tfl::bench
