// DEPTHWISE_CONV_2D on the layers of well-known networks, float32 and int8, beside the peaks of this core.

#include "tfl/kernels/depthwise_conv_2d.hpp"

#include "bench/kernels/one_op.hpp"

namespace {

using tfl::QuantizationSpec;
using tfl::TensorType;
using tfl::bench::Bound;
using tfl::bench::OneOp;
using tfl::bench::quantized;

struct Layer {
  const char* name;
  int size, channels, multiplier, filter, stride;
};
constexpr Layer layers[] = {
    {"3x3_112x112x32", 112, 32, 1, 3, 1},   {"3x3_112x112x96_s2", 112, 96, 1, 3, 2}, {"3x3_56x56x144", 56, 144, 1, 3, 1},
    {"3x3_56x56x144_s2", 56, 144, 1, 3, 2}, {"3x3_28x28x192", 28, 192, 1, 3, 1},     {"3x3_14x14x576", 14, 576, 1, 3, 1},
    {"3x3_14x14x576_s2", 14, 576, 1, 3, 2}, {"3x3_7x7x960", 7, 960, 1, 3, 1},        {"5x5_28x28x120", 28, 120, 1, 5, 1},
    {"5x5_14x14x672_s2", 14, 672, 1, 5, 2}, {"3x3_48x48x8", 48, 8, 1, 3, 1},         {"3x3_24x24x16", 24, 16, 1, 3, 1},
    {"10x10_49x49x1x8_s2", 49, 1, 8, 10, 2}};

void add_depthwise(const Layer& layer, bool integers) {
  const int size = (layer.size + layer.stride - 1) / layer.stride, terms = layer.filter * layer.filter;
  const int out = layer.channels * layer.multiplier;
  const TensorType type = integers ? TensorType::int8 : TensorType::float32;
  const auto q = [&](QuantizationSpec spec) { return integers ? spec : QuantizationSpec{}; };
  const auto count = static_cast<std::size_t>(out);
  OneOp one(std::string("depthwise_conv_2d/") + (integers ? "int8/" : "float32/") + layer.name);
  one.input(type, {1, layer.size, layer.size, layer.channels}, q(quantized(0.02f, -3)));
  one.constant(type, {1, layer.filter, layer.filter, out},
               q({.scales = std::vector<float>(count, 0.01f), .zero_points = std::vector<std::int64_t>(count), .quantized_dimension = 3}));
  one.constant(integers ? TensorType::int32 : TensorType::float32, {out}, q(quantized(0.0002f, 0)));
  one.output(type, {1, size, size, out}, q(quantized(0.02f * 0.01f * 74.0f * 74.0f * static_cast<float>(layer.filter) / 40.0f, 5)));
  one.options([&](auto& tables) {
    return tfl::schema::CreateDepthwiseConv2DOptions(tables, tfl::schema::Padding::SAME, layer.stride, layer.stride, layer.multiplier,
                                                     tfl::schema::ActivationFunctionType::NONE);
  });
  one.operations(2.0 * size * size * out * terms);
  std::move(one).add<tfl::DepthwiseConv2D>(integers ? Bound::byte_products : Bound::float_products);
}

const int registered = [] {
  for (const bool integers : {false, true}) {
    for (const Layer& layer : layers) add_depthwise(layer, integers);
  }
  return 0;
}();

}  // namespace
