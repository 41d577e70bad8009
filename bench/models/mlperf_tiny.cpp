// The four networks of MLPerf Tiny (Banbury et al. 2021).

#include "bench/models/architectures.hpp"

namespace tfl::bench {

namespace {

int classified(Network& network, int x, int classes) {
  const std::int32_t height = network.shape(x)[1], width = network.shape(x)[2], channels = network.shape(x)[3];
  x = network.average_pool(x, {height, width, 1, Padding::valid});
  x = network.dense(network.reshape(x, {1, channels}), classes, Activation::none, 2.0f);
  return network.softmax(x);
}

}  // namespace

/// A network of depthwise separable convolutions over 49 x 10 cepstral coefficients (Zhang et al. 2017).
int keyword_spotting(Network& network, const NetworkSize& size) {
  int x = network.input({1, 49, 10, 1});
  x = network.convolution(x, size.channels(64), {10, 4, 2}, Activation::relu);
  for (int i = 0; i < 4; ++i) {
    x = network.depthwise(x, {3, 3, 1}, Activation::relu);
    x = network.convolution(x, size.channels(64), {}, Activation::relu);
  }
  return classified(network, x, 12);
}

/// MobileNetV1 with a quarter of the channels, for 96 x 96 pictures and two classes.
int visual_wake_words(Network& network, const NetworkSize& size) {
  struct Pair {
    int channels, stride;
  };
  constexpr Pair pairs[] = {{16, 1},  {32, 2},  {32, 1},  {64, 2},  {64, 1},  {128, 2}, {128, 1},
                            {128, 1}, {128, 1}, {128, 1}, {128, 1}, {256, 2}, {256, 1}};
  const int side = size.resolution > 0 ? size.resolution : 96;
  int x = network.input({1, side, side, 3});
  x = network.convolution(x, size.channels(8), {3, 3, 2}, Activation::relu);
  for (const Pair& pair : pairs) {
    x = network.depthwise(x, {3, 3, pair.stride}, Activation::relu);
    x = network.convolution(x, size.channels(pair.channels), {}, Activation::relu);
  }
  return classified(network, x, 2);
}

/// A residual network of eight layers for 32 x 32 pictures and ten classes.
int image_classification(Network& network, const NetworkSize& size) {
  const int side = size.resolution > 0 ? size.resolution : 32;
  int x = network.input({1, side, side, 3});
  x = network.convolution(x, size.channels(16), {3, 3, 1}, Activation::relu);
  for (const int channels : {16, 32, 64}) {
    const int stride = channels == 16 ? 1 : 2, out = size.channels(channels);
    int y = network.convolution(x, out, {3, 3, stride}, Activation::relu);
    y = network.convolution(y, out, {3, 3, 1}, Activation::none, 0.5f);
    if (stride != 1) x = network.convolution(x, out, {1, 1, stride}, Activation::none);
    x = network.add(x, y, Activation::relu);
  }
  return classified(network, x, 10);
}

/// An autoencoder of ten dense layers over 5 frames of 128 frequencies.
int anomaly_detection(Network& network, const NetworkSize& size) {
  int x = network.input({1, 640});
  for (const int units : {128, 128, 128, 128, 8, 128, 128, 128, 128}) x = network.dense(x, size.channels(units), Activation::relu);
  return network.dense(x, 640, Activation::none);
}

}  // namespace tfl::bench
