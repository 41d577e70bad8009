#include "bench/models/network.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace tfl::bench {

namespace {

schema::ActivationFunctionType schema_activation(Activation activation) {
  switch (activation) {
    case Activation::relu: return schema::ActivationFunctionType::RELU;
    case Activation::relu6: return schema::ActivationFunctionType::RELU6;
    default: return schema::ActivationFunctionType::NONE;
  }
}

schema::Padding schema_padding(Padding padding) { return padding == Padding::same ? schema::Padding::SAME : schema::Padding::VALID; }

std::int32_t window_positions(std::int32_t input, int taps, int stride, Padding padding) {
  return padding == Padding::same ? (input + stride - 1) / stride : (input - taps) / stride + 1;
}

std::size_t count_of(const std::vector<std::int32_t>& shape) {
  std::size_t count = 1;
  for (const std::int32_t size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

/// A network that describes itself wrongly is a bug of this folder.
[[noreturn]] void fail(const char* sentence) {
  std::fprintf(stderr, "bench/models: %s\n", sentence);
  std::abort();
}

float before_relu(Activation activation) { return activation == Activation::none ? 1.0f : 2.0f; }

}  // namespace

float Network::uniform() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  return static_cast<float>(random_ >> 8) * (2.0f / 16777216.0f) - 1.0f;
}

std::vector<float> Network::normal(std::size_t count, float deviation) {
  // The sum of three uniform numbers of variance 1/3 is close enough, and has no far tail that would spoil the weights' scales.
  std::vector<float> values(count);
  for (float& value : values) value = (uniform() + uniform() + uniform()) * deviation;
  return values;
}

int Network::remember(int tensor, std::vector<std::int32_t> shape, quant::AffineParameters parameters) {
  tensors_.resize(static_cast<std::size_t>(tensor) + 1);
  tensors_.back() = {std::move(shape), parameters};
  return tensor;
}

int Network::activation(const char* layer, std::vector<std::int32_t> shape) {
  quant::AffineParameters parameters;
  if (quantized()) {
    const auto range = ranges_->find(static_cast<int>(tensors_.size()));
    if (range == ranges_->end()) fail("an activation has no range: the two builds of a network differ");
    parameters = quant::choose_activation_parameters(range->second.min, range->second.max, TensorType::int8);
  }
  return activation(layer, std::move(shape), parameters);
}

int Network::activation(const char* layer, std::vector<std::int32_t> shape, quant::AffineParameters parameters) {
  TensorSpec spec{.name = name(layer), .type = TensorType::float32, .shape = shape};
  if (quantized()) {
    spec.type = TensorType::int8;
    spec.quantization = {.scales = {parameters.scale}, .zero_points = {parameters.zero_point}};
  }
  const int tensor = remember(builder_.add_tensor(std::move(spec)), std::move(shape), parameters);
  activations_.push_back(tensor);
  return tensor;
}

int Network::constant(const char* what, std::vector<std::int32_t> shape, const std::vector<float>& values) {
  TensorSpec spec{.name = name(what), .shape = shape};
  if (!quantized()) return remember(builder_.add_constant(std::move(spec), values), std::move(shape), {});
  ValueRange range;
  for (const float value : values) range = {std::min(range.min, value), std::max(range.max, value)};
  const auto parameters = quant::choose_activation_parameters(range.min, range.max, TensorType::int8);
  std::vector<std::int8_t> stored(values.size());
  if (!quant::quantize(std::span<const float>(values), parameters, std::span(stored))) fail("a constant can't be quantized");
  spec.quantization = {.scales = {parameters.scale}, .zero_points = {parameters.zero_point}};
  return remember(builder_.add_constant(std::move(spec), stored), std::move(shape), parameters);
}

int Network::integers(const char* what, const std::vector<std::int32_t>& values) {
  const std::vector<std::int32_t> shape{static_cast<std::int32_t>(values.size())};
  return remember(builder_.add_constant({.name = name(what), .shape = shape}, values), shape, {});
}

std::vector<std::int32_t> Network::weights(const char* layer, int x, std::vector<std::int32_t> shape, int channel_axis, float deviation) {
  const bool depthwise = channel_axis == 3;
  const std::int32_t channels = depthwise ? shape[3] : shape[0];
  const std::vector<float> filter = normal(count_of(shape), deviation);
  const std::vector<float> bias = normal(static_cast<std::size_t>(channels), 0.05f);
  TensorSpec filter_spec{.name = name(layer) + "/filter", .shape = shape};
  TensorSpec bias_spec{.name = name(layer) + "/bias", .shape = {channels}};
  if (!quantized()) {
    return {remember(builder_.add_constant(std::move(filter_spec), filter), shape, {}),
            remember(builder_.add_constant(std::move(bias_spec), bias), {channels}, {})};
  }
  const auto layout = channel_axis >= 0 ? quant::channel_layout(shape, channel_axis) : quant::ChannelLayout{1, 1, filter.size()};
  std::vector<float> scales(layout.channels), bias_scales;
  std::vector<std::int8_t> filter_integers(filter.size());
  std::vector<std::int32_t> bias_integers(bias.size());
  const float input_scale = parameters(x).scale;
  const bool done = quant::choose_weight_scales(filter, layout, scales) &&
                    quant::quantize_per_channel(filter, layout, scales, std::span(filter_integers)) &&
                    quant::quantize_bias(bias, input_scale, scales, std::span(bias_integers));
  if (!done) fail("weights can't be quantized");
  for (const float scale : scales) bias_scales.push_back(quant::bias_scale_of(input_scale, scale));
  const std::vector<std::int64_t> zero_points(scales.size(), 0);
  filter_spec.quantization = {.scales = scales, .zero_points = zero_points, .quantized_dimension = channel_axis >= 0 ? channel_axis : 0};
  bias_spec.quantization = {.scales = bias_scales, .zero_points = zero_points};
  return {remember(builder_.add_constant(std::move(filter_spec), filter_integers), shape, {}),
          remember(builder_.add_constant(std::move(bias_spec), bias_integers), {channels}, {})};
}

int Network::input(std::vector<std::int32_t> shape) {
  const int tensor = activation("input", std::move(shape), quant::choose_activation_parameters(-1.0f, 1.0f, TensorType::int8));
  inputs_.push_back(tensor);
  return tensor;
}

int Network::convolution(int x, int channels, Window window, Activation after, float gain) {
  const std::vector<std::int32_t> in = shape(x);
  const std::int32_t height = window_positions(in[1], window.height, window.stride, window.padding);
  const std::int32_t width = window_positions(in[2], window.width, window.stride, window.padding);
  const float terms = static_cast<float>(window.height * window.width * in[3]);
  auto inputs = weights("convolution", x, {channels, window.height, window.width, in[3]}, 0, gain * std::sqrt(before_relu(after) / terms));
  inputs.insert(inputs.begin(), x);
  const int y = activation("convolution", {1, height, width, channels});
  builder_.add_operator(
      BuiltinOperator::CONV_2D, inputs, {y},
      [&](auto& tables) {
        return schema::CreateConv2DOptions(tables, schema_padding(window.padding), window.stride, window.stride, schema_activation(after));
      },
      version(1, 3));
  return y;
}

int Network::depthwise(int x, Window window, Activation after) {
  const std::vector<std::int32_t> in = shape(x);
  const std::int32_t height = window_positions(in[1], window.height, window.stride, window.padding);
  const std::int32_t width = window_positions(in[2], window.width, window.stride, window.padding);
  const std::int32_t channels = in[3];
  const float terms = static_cast<float>(window.height * window.width);
  auto inputs = weights("depthwise", x, {1, window.height, window.width, channels}, 3, std::sqrt(before_relu(after) / terms));
  inputs.insert(inputs.begin(), x);
  const int y = activation("depthwise", {1, height, width, channels});
  builder_.add_operator(
      BuiltinOperator::DEPTHWISE_CONV_2D, inputs, {y},
      [&](auto& tables) {
        return schema::CreateDepthwiseConv2DOptions(tables, schema_padding(window.padding), window.stride, window.stride, 1,
                                                    schema_activation(after));
      },
      version(1, 3));
  return y;
}

int Network::dense(int x, int units, Activation after, float gain) {
  const std::int32_t rows = shape(x)[0], terms = shape(x)[1];
  auto inputs = weights("dense", x, {units, terms}, -1, gain * std::sqrt(before_relu(after) / static_cast<float>(terms)));
  inputs.insert(inputs.begin(), x);
  const int y = activation("dense", {rows, units});
  builder_.add_operator(
      BuiltinOperator::FULLY_CONNECTED, inputs, {y},
      [&](auto& tables) { return schema::CreateFullyConnectedOptions(tables, schema_activation(after)); }, version(1, 4));
  return y;
}

int Network::pool(int x, Window window, BuiltinOperator code, const char* layer) {
  const std::vector<std::int32_t> in = shape(x);
  const std::int32_t height = window_positions(in[1], window.height, window.stride, window.padding);
  const std::int32_t width = window_positions(in[2], window.width, window.stride, window.padding);
  const int y = activation(layer, {1, height, width, in[3]}, parameters(x));
  builder_.add_operator(
      code, {x}, {y},
      [&](auto& tables) {
        return schema::CreatePool2DOptions(tables, schema_padding(window.padding), window.stride, window.stride, window.width,
                                           window.height);
      },
      version(1, 2));
  return y;
}

int Network::max_pool(int x, Window window) { return pool(x, window, BuiltinOperator::MAX_POOL_2D, "max_pool"); }
int Network::average_pool(int x, Window window) { return pool(x, window, BuiltinOperator::AVERAGE_POOL_2D, "average_pool"); }

int Network::mean(int x, bool keep_dimensions) {
  const std::int32_t channels = shape(x)[3];
  const int axes = integers("axes", {1, 2});
  const int y = activation("mean", keep_dimensions ? std::vector<std::int32_t>{1, 1, 1, channels} : std::vector<std::int32_t>{1, channels});
  builder_.add_operator(
      BuiltinOperator::MEAN, {x, axes}, {y}, [&](auto& tables) { return schema::CreateReducerOptions(tables, keep_dimensions); },
      version(1, 2));
  return y;
}

int Network::pad(int x, int border) {
  const std::vector<std::int32_t> in = shape(x);
  const int paddings = remember(builder_.add_constant({.name = name("paddings"), .shape = {4, 2}},
                                                      std::vector<std::int32_t>{0, 0, border, border, border, border, 0, 0}),
                                {4, 2}, {});
  const int y = activation("pad", {1, in[1] + 2 * border, in[2] + 2 * border, in[3]}, parameters(x));
  builder_.add_operator(
      BuiltinOperator::PAD, {x, paddings}, {y}, [](auto& tables) { return schema::CreatePadOptions(tables); }, version(1, 2));
  return y;
}

int Network::add(int x, int y, Activation after) {
  const int z = activation("add", shape(x));
  builder_.add_operator(
      BuiltinOperator::ADD, {x, y}, {z}, [&](auto& tables) { return schema::CreateAddOptions(tables, schema_activation(after)); },
      version(1, 2));
  return z;
}

int Network::multiply(int x, int y) {
  const int z = activation("multiply", shape(x));
  builder_.add_operator(
      BuiltinOperator::MUL, {x, y}, {z}, [](auto& tables) { return schema::CreateMulOptions(tables); }, version(1, 2));
  return z;
}

int Network::add_constant(int x, float value, Activation after) { return add(x, constant("addend", {}, {value}), after); }
int Network::multiply_constant(int x, float value) { return multiply(x, constant("factor", {}, {value})); }

int Network::affine(int x) {
  const std::int32_t channels = shape(x).back();
  std::vector<float> scales = normal(static_cast<std::size_t>(channels), 0.1f);
  for (float& scale : scales) scale += 1.0f;
  const int product = multiply(x, constant("scales", {channels}, scales));
  return add(product, constant("offsets", {channels}, normal(static_cast<std::size_t>(channels), 0.1f)));
}

int Network::hard_swish(int x) {
  const int y = activation("hard_swish", shape(x));
  builder_.add_operator(BuiltinOperator::HARD_SWISH, {x}, {y}, [](auto& tables) { return schema::CreateHardSwishOptions(tables); });
  return y;
}

int Network::softmax(int x) {
  const int y = activation("softmax", shape(x), quant::fixed_output_parameters(BuiltinOperator::SOFTMAX, TensorType::int8));
  builder_.add_operator(
      BuiltinOperator::SOFTMAX, {x}, {y}, [](auto& tables) { return schema::CreateSoftmaxOptions(tables, 1.0f); }, version(1, 2));
  return y;
}

int Network::reshape(int x, std::vector<std::int32_t> to) {
  const int sizes = integers("sizes", to);
  const int y = activation("reshape", to, parameters(x));
  builder_.add_operator(BuiltinOperator::RESHAPE, {x, sizes}, {y},
                        [&](auto& tables) { return schema::CreateReshapeOptions(tables, tables.CreateVector(to)); });
  return y;
}

int Network::transpose(int x, std::vector<std::int32_t> permutation) {
  std::vector<std::int32_t> to;
  for (const std::int32_t axis : permutation) to.push_back(shape(x)[static_cast<std::size_t>(axis)]);
  const int order = integers("permutation", permutation);
  const int y = activation("transpose", std::move(to), parameters(x));
  builder_.add_operator(
      BuiltinOperator::TRANSPOSE, {x, order}, {y}, [](auto& tables) { return schema::CreateTransposeOptions(tables); }, version(1, 2));
  return y;
}

int Network::batch_matmul(int x, int y, bool transpose_y) {
  std::vector<std::int32_t> to = shape(x);
  to.back() = shape(y)[to.size() - (transpose_y ? 2 : 1)];
  const int z = activation("batch_matmul", std::move(to));
  builder_.add_operator(
      BuiltinOperator::BATCH_MATMUL, {x, y}, {z},
      [&](auto& tables) { return schema::CreateBatchMatMulOptions(tables, false, transpose_y); }, version(1, 2));
  return z;
}

std::vector<std::uint8_t> Network::finish(std::vector<std::int32_t> outputs) {
  builder_.set_inputs(inputs_);
  builder_.set_outputs(std::move(outputs));
  builder_.set_description("pseudo-random weights, for measurements");
  return builder_.finish();
}

}  // namespace tfl::bench
