// CONV_2D and FULLY_CONNECTED on the layers of well-known networks, float32 and int8, beside the peaks of this core.

#include "tfl/kernels/conv_2d.hpp"

#include "bench/kernels/one_op.hpp"
#include "tfl/kernels/fully_connected.hpp"

namespace {

using tfl::QuantizationSpec;
using tfl::TensorType;
using tfl::bench::Bound;
using tfl::bench::OneOp;
using tfl::bench::quantized;

struct Layer {
  const char* name;
  int size, in, out, filter, stride;  // a square image
};
constexpr Layer layers[] = {
    {"1x1_112x112_32_16", 112, 32, 16, 1, 1},  {"1x1_56x56_24_144", 56, 24, 144, 1, 1},   {"1x1_28x28_192_32", 28, 192, 32, 1, 1},
    {"1x1_14x14_384_64", 14, 384, 64, 1, 1},   {"1x1_14x14_576_96", 14, 576, 96, 1, 1},   {"1x1_7x7_960_160", 7, 960, 160, 1, 1},
    {"1x1_7x7_320_1280", 7, 320, 1280, 1, 1},  {"3x3_56x56_64_64", 56, 64, 64, 3, 1},     {"3x3_28x28_128_128", 28, 128, 128, 3, 1},
    {"3x3_14x14_256_256", 14, 256, 256, 3, 1}, {"3x3_224x224_3_32_s2", 224, 3, 32, 3, 2}, {"3x3_96x96_3_8_s2", 96, 3, 8, 3, 2},
    {"7x7_224x224_3_64_s2", 224, 3, 64, 7, 2}, {"1x1_24x24_16_32", 24, 16, 32, 1, 1}};

constexpr int dense[][2] = {{640, 128}, {128, 128}, {512, 512}, {1280, 1001}, {4096, 4096}};

std::vector<float> equal_scales(int count, float scale) { return std::vector<float>(static_cast<std::size_t>(count), scale); }

/// A scale that spreads sums of `terms` random products over most of the output's range.
float output_scale(int terms) { return 0.02f * 0.01f * 74.0f * 74.0f * std::sqrt(static_cast<float>(terms)) / 40.0f; }

void add_convolution(const Layer& layer, bool integers) {
  const int size = (layer.size + layer.stride - 1) / layer.stride, terms = layer.filter * layer.filter * layer.in;
  const TensorType type = integers ? TensorType::int8 : TensorType::float32;
  const auto q = [&](QuantizationSpec spec) { return integers ? spec : QuantizationSpec{}; };
  OneOp one(std::string("conv_2d/") + (integers ? "int8/" : "float32/") + layer.name);
  one.input(type, {1, layer.size, layer.size, layer.in}, q(quantized(0.02f, -3)));
  one.constant(
      type, {layer.out, layer.filter, layer.filter, layer.in},
      q({.scales = equal_scales(layer.out, 0.01f), .zero_points = std::vector<std::int64_t>(static_cast<std::size_t>(layer.out))}));
  one.constant(integers ? TensorType::int32 : TensorType::float32, {layer.out}, q(quantized(0.0002f, 0)));
  one.output(type, {1, size, size, layer.out}, q(quantized(output_scale(terms), 5)));
  one.options([&](auto& tables) {
    return tfl::schema::CreateConv2DOptions(tables, tfl::schema::Padding::SAME, layer.stride, layer.stride,
                                            tfl::schema::ActivationFunctionType::NONE);
  });
  one.operations(2.0 * size * size * layer.out * terms);
  std::move(one).add<tfl::Conv2D>(integers ? Bound::byte_products : Bound::float_products);
}

void add_dense(int in, int out, TensorType weights) {
  const bool integers = weights != TensorType::float32;
  const TensorType type = integers ? TensorType::int8 : TensorType::float32;
  const auto q = [&](QuantizationSpec spec) { return integers ? spec : QuantizationSpec{}; };
  OneOp one("fully_connected/" + std::string(name_of(weights)) + "/" + std::to_string(in) + "_" + std::to_string(out));
  one.input(type, {1, in}, q(quantized(0.02f, -3)));
  one.constant(weights, {out, in}, q(quantized(0.01f, 0)));
  one.constant(integers ? TensorType::int32 : TensorType::float32, {out}, q(quantized(0.0002f, 0)));
  one.output(type, {1, out}, q(quantized(output_scale(in), 5)));
  one.options([](auto& tables) {
    return tfl::schema::CreateFullyConnectedOptions(tables, tfl::schema::ActivationFunctionType::NONE,
                                                    tfl::schema::FullyConnectedOptionsWeightsFormat::DEFAULT, false);
  });
  std::move(one).add<tfl::FullyConnected>(Bound::memory);
}

const int registered = [] {
  for (const bool integers : {false, true}) {
    for (const Layer& layer : layers) add_convolution(layer, integers);
  }
  for (const TensorType weights : {TensorType::float32, TensorType::int8, TensorType::int4}) {
    for (const auto& d : dense) add_dense(d[0], d[1], weights);
  }
  return 0;
}();

}  // namespace
