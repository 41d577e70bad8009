// Single layers of the well-known networks, as networks of their own.

#include "bench/models/architectures.hpp"

namespace tfl::bench {

namespace {

template <int Side, int Channels, int Filter, int Stride> int depthwise_layer(Network& network, const NetworkSize& size) {
  const int side = size.resolution > 0 ? size.resolution : Side;
  return network.depthwise(network.input({1, side, side, size.channels(Channels)}), {Filter, Filter, Stride}, Activation::relu6);
}

template <int Side, int In, int Out, int Filter, int Stride> int convolution_layer(Network& network, const NetworkSize& size) {
  const int side = size.resolution > 0 ? size.resolution : Side;
  return network.convolution(network.input({1, side, side, In == 3 ? 3 : size.channels(In)}), size.channels(Out), {Filter, Filter, Stride},
                             Activation::relu6);
}

constexpr Architecture all[] = {
    {"depthwise_3x3_112x112x32", depthwise_layer<112, 32, 3, 1>},      {"depthwise_3x3_112x112x96_s2", depthwise_layer<112, 96, 3, 2>},
    {"depthwise_3x3_56x56x144", depthwise_layer<56, 144, 3, 1>},       {"depthwise_3x3_56x56x144_s2", depthwise_layer<56, 144, 3, 2>},
    {"depthwise_3x3_28x28x192", depthwise_layer<28, 192, 3, 1>},       {"depthwise_3x3_14x14x576", depthwise_layer<14, 576, 3, 1>},
    {"depthwise_3x3_14x14x576_s2", depthwise_layer<14, 576, 3, 2>},    {"depthwise_3x3_7x7x960", depthwise_layer<7, 960, 3, 1>},
    {"depthwise_5x5_28x28x120", depthwise_layer<28, 120, 5, 1>},       {"depthwise_5x5_14x14x672_s2", depthwise_layer<14, 672, 5, 2>},
    {"conv_1x1_56x56_24_144", convolution_layer<56, 24, 144, 1, 1>},   {"conv_1x1_28x28_192_32", convolution_layer<28, 192, 32, 1, 1>},
    {"conv_1x1_14x14_384_64", convolution_layer<14, 384, 64, 1, 1>},   {"conv_1x1_14x14_576_96", convolution_layer<14, 576, 96, 1, 1>},
    {"conv_1x1_7x7_960_160", convolution_layer<7, 960, 160, 1, 1>},    {"conv_1x1_7x7_320_1280", convolution_layer<7, 320, 1280, 1, 1>},
    {"conv_3x3_56x56_64_64", convolution_layer<56, 64, 64, 3, 1>},     {"conv_3x3_28x28_128_128", convolution_layer<28, 128, 128, 3, 1>},
    {"conv_3x3_14x14_256_256", convolution_layer<14, 256, 256, 3, 1>}, {"conv_3x3_224x224_3_32_s2", convolution_layer<224, 3, 32, 3, 2>},
};

}  // namespace

std::span<const Architecture> layers() { return all; }

}  // namespace tfl::bench
