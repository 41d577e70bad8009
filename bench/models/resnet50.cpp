// ResNet-50 (He et al. 2015), with the stride in the 3x3 convolution of a block, for 224x224 pictures and 1000 classes.

#include "bench/models/architectures.hpp"

namespace tfl::bench {

namespace {

int bottleneck(Network& network, int x, int inner, int channels, int stride) {
  constexpr float residual_gain = 0.5f;
  int y = network.convolution(x, inner, {}, Activation::relu);
  y = network.convolution(y, inner, {3, 3, stride}, Activation::relu);
  y = network.convolution(y, channels, {}, Activation::none, residual_gain);
  if (network.shape(x)[3] != channels || stride != 1) x = network.convolution(x, channels, {1, 1, stride}, Activation::none);
  return network.add(x, y, Activation::relu);
}

}  // namespace

int resnet50(Network& network, const NetworkSize& size) {
  struct Stage {
    int inner, blocks, stride;
  };
  constexpr Stage stages[] = {{64, 3, 1}, {128, 4, 2}, {256, 6, 2}, {512, 3, 2}};
  const int side = size.resolution > 0 ? size.resolution : 224;
  int x = network.input({1, side, side, 3});
  // Zeros on every side: what SAME does not do for an even size and stride 2.
  x = network.convolution(network.pad(x, 3), size.channels(64), {7, 7, 2, Padding::valid}, Activation::relu);
  x = network.max_pool(network.pad(x, 1), {3, 3, 2, Padding::valid});
  for (const Stage& stage : stages) {
    for (int i = 0; i < stage.blocks; ++i) {
      x = bottleneck(network, x, size.channels(stage.inner), size.channels(4 * stage.inner), i == 0 ? stage.stride : 1);
    }
  }
  x = network.mean(x, false);
  return network.dense(x, 1000, Activation::none);
}

}  // namespace tfl::bench
