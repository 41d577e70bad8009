// Makes the digit classifier of examples/data/digits, in float32 and in int8, from what scripts/train_digits.py wrote.
//
//     build_digit_model DATA_FOLDER [OUTPUT_FOLDER]
//
// reads digits_weights.txt and digits_weights.bin and writes digits_float.tflite and digits_int8.tflite.

#include <bit>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tfl/model/builder.hpp"
#include "tfl/quant/quantize.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::TensorType;
namespace quant = tfl::quant;
namespace schema = tfl::schema;

constexpr auto relu = schema::ActivationFunctionType::RELU;

struct Weights {
  std::vector<std::int32_t> shape;
  std::vector<float> values;
};

struct Range {
  float min = 0;
  float max = 0;
};

struct Trained {
  std::map<std::string, Weights> weights;
  std::map<std::string, Range> ranges;
};

/// Reads both files of weights; nothing when one is missing, or they don't agree.
std::optional<Trained> read_trained(const std::string& folder) {
  static_assert(std::endian::native == std::endian::little, "the weights are read as they lie in the file");
  std::ifstream text(folder + "/digits_weights.txt");
  std::ifstream binary(folder + "/digits_weights.bin", std::ios::binary);
  Trained trained;
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string kind, name;
    words >> kind >> name;
    if (kind == "tensor") {
      Weights& weights = trained.weights[name];
      weights.shape.assign(std::istream_iterator<std::int32_t>(words), {});
      const std::int32_t count = std::accumulate(weights.shape.begin(), weights.shape.end(), 1, std::multiplies<>());
      if (count < 1 || count > 1'000'000) return {};
      weights.values.resize(static_cast<std::size_t>(count));
      binary.read(reinterpret_cast<char*>(weights.values.data()), count * static_cast<std::streamsize>(sizeof(float)));
      if (!binary) return {};
    } else if (kind == "range") {
      Range& range = trained.ranges[name];
      if (!(words >> range.min >> range.max)) return {};
    } else {
      return {};
    }
  }
  if (trained.weights.size() != 10 || trained.ranges.size() != 6 || binary.peek() != std::ifstream::traits_type::eof()) return {};
  return trained;
}

/// Adds one layer after the other; the same calls make the float and the int8 model.
class Network {
 public:
  Network(const Trained& trained, bool quantized) : trained_(trained), quantized_(quantized) {}

  void input(const std::string& name, std::vector<std::int32_t> shape) { activation(name, std::move(shape), calibrated(name)); }

  /// A layer with a filter NAME/`filter` and a bias NAME/bias; one scale for each index of axis `channel_axis` of the filter, or one scale
  /// in all where it is -1.
  template <class MakeOptions>
  void weighted(BuiltinOperator code, const std::string& name, const char* filter, std::int32_t channel_axis,
                std::vector<std::int32_t> shape, MakeOptions make_options, std::int32_t int8_version) {
    const Weights& weights = trained_.weights.at(name + "/" + filter);
    const Weights& bias = trained_.weights.at(name + "/bias");
    std::vector<std::int32_t> inputs = {last_};
    if (quantized_) {
      add_quantized_weights(name, filter, weights, bias, channel_axis, inputs);
    } else {
      inputs.push_back(builder_.add_constant({.name = name + "/" + filter, .shape = weights.shape}, weights.values));
      inputs.push_back(builder_.add_constant({.name = name + "/bias", .shape = bias.shape}, bias.values));
    }
    activation(name, std::move(shape), calibrated(name));
    builder_.add_operator(code, inputs, {last_}, make_options, quantized_ ? int8_version : 1);
  }

  void max_pool(const std::string& name, std::vector<std::int32_t> shape) {
    const std::int32_t source = last_;
    activation(name, std::move(shape), parameters_);
    builder_.add_operator(
        BuiltinOperator::MAX_POOL_2D, {source}, {last_},
        [](auto& tables) { return schema::CreatePool2DOptions(tables, schema::Padding::VALID, 2, 2, 2, 2); }, quantized_ ? 2 : 1);
  }

  void flatten(const std::string& name, std::int32_t size) {
    // The batch stays open, so that callers may resize the input.
    const std::vector<std::int32_t> target = {-1, size};
    const std::vector<std::int32_t> inputs = {last_, builder_.add_constant({.name = name + "/shape", .shape = {2}}, target)};
    activation(name, {1, size}, parameters_);
    builder_.add_operator(BuiltinOperator::RESHAPE, inputs, {last_}, [&target](auto& tables) {
      const auto shape = tables.CreateVector(target);
      return schema::CreateReshapeOptions(tables, shape);
    });
  }

  void softmax(const std::string& name, std::int32_t classes) {
    const std::int32_t source = last_;
    activation(name, {1, classes}, quant::fixed_output_parameters(BuiltinOperator::SOFTMAX, TensorType::int8));
    builder_.add_operator(
        BuiltinOperator::SOFTMAX, {source}, {last_}, [](auto& tables) { return schema::CreateSoftmaxOptions(tables, 1.0f); },
        quantized_ ? 2 : 1);
  }

  std::vector<std::uint8_t> finish() {
    builder_.set_inputs({0});
    builder_.set_outputs({last_});
    builder_.add_signature("serving_default", {{"image", 0}}, {{"probabilities", static_cast<std::uint32_t>(last_)}});
    builder_.add_metadata("labels.txt", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    builder_.set_description("handwritten digits, 8x8 pixels in 0..1");
    return builder_.finish();
  }

 private:
  quant::AffineParameters calibrated(const std::string& name) const {
    const Range range = trained_.ranges.at(name);
    return quant::choose_activation_parameters(range.min, range.max, TensorType::int8);
  }

  /// Adds an activation and makes it the one that the next layer reads.
  void activation(const std::string& name, std::vector<std::int32_t> shape, quant::AffineParameters parameters) {
    std::vector<std::int32_t> signature = shape;
    signature[0] = -1;
    tfl::TensorSpec spec{.name = name, .type = TensorType::float32, .shape = std::move(shape), .shape_signature = std::move(signature)};
    if (quantized_) {
      spec.type = TensorType::int8;
      spec.quantization = {.scales = {parameters.scale}, .zero_points = {parameters.zero_point}};
    }
    last_ = builder_.add_tensor(std::move(spec));
    parameters_ = parameters;
  }

  void add_quantized_weights(const std::string& name, const char* filter, const Weights& weights, const Weights& bias,
                             std::int32_t channel_axis, std::vector<std::int32_t>& inputs) {
    const bool per_channel = channel_axis >= 0;
    const auto layout =
        per_channel ? quant::channel_layout(weights.shape, channel_axis) : quant::ChannelLayout{1, 1, weights.values.size()};
    std::vector<float> scales(layout.channels), bias_scales;
    std::vector<std::int8_t> integers(weights.values.size());
    std::vector<std::int32_t> bias_integers(bias.values.size());
    bool done = quant::choose_weight_scales(weights.values, layout, scales);
    for (std::size_t c = 0; c < bias.values.size(); ++c) {
      float& scale = scales[per_channel ? c : 0];
      scale = quant::weight_scale_for_bias(bias.values[c], parameters_.scale, scale);
    }
    for (const float scale : scales) bias_scales.push_back(quant::bias_scale_of(parameters_.scale, scale));
    done = done && quant::quantize_per_channel(weights.values, layout, scales, std::span(integers)) &&
           quant::quantize_bias(bias.values, parameters_.scale, scales, std::span(bias_integers));
    if (!done) std::cerr << "the weights of " << name << " can't be quantized\n";

    const std::vector<std::int64_t> zero_points(scales.size(), 0);
    inputs.push_back(builder_.add_constant(
        {.name = name + "/" + filter,
         .shape = weights.shape,
         .quantization = {.scales = scales, .zero_points = zero_points, .quantized_dimension = per_channel ? channel_axis : 0}},
        integers));
    inputs.push_back(builder_.add_constant(
        {.name = name + "/bias", .shape = bias.shape, .quantization = {.scales = bias_scales, .zero_points = zero_points}}, bias_integers));
  }

  const Trained& trained_;
  bool quantized_;
  tfl::ModelBuilder builder_;
  std::int32_t last_ = -1;
  quant::AffineParameters parameters_;
};

std::vector<std::uint8_t> build(const Trained& trained, bool quantized) {
  const auto convolution = [](auto& tables) { return schema::CreateConv2DOptions(tables, schema::Padding::SAME, 1, 1, relu); };
  const auto depthwise = [](auto& tables) { return schema::CreateDepthwiseConv2DOptions(tables, schema::Padding::SAME, 1, 1, 1, relu); };
  const auto dense = [](auto& tables) { return schema::CreateFullyConnectedOptions(tables); };

  Network network(trained, quantized);
  network.input("input", {1, 8, 8, 1});
  network.weighted(BuiltinOperator::CONV_2D, "conv1", "filter", 0, {1, 8, 8, 16}, convolution, 3);
  network.weighted(BuiltinOperator::DEPTHWISE_CONV_2D, "depthwise", "filter", 3, {1, 8, 8, 16}, depthwise, 3);
  network.weighted(BuiltinOperator::CONV_2D, "pointwise", "filter", 0, {1, 8, 8, 32}, convolution, 3);
  network.max_pool("pool1", {1, 4, 4, 32});
  network.weighted(BuiltinOperator::CONV_2D, "conv2", "filter", 0, {1, 4, 4, 32}, convolution, 3);
  network.max_pool("pool2", {1, 2, 2, 32});
  network.flatten("features", 128);
  network.weighted(BuiltinOperator::FULLY_CONNECTED, "logits", "weights", -1, {1, 10}, dense, 4);
  network.softmax("probabilities", 10);
  return network.finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: build_digit_model DATA_FOLDER [OUTPUT_FOLDER]\n";
    return 2;
  }
  const std::string output = argv[argc - 1];
  const auto trained = read_trained(argv[1]);
  if (!trained) {
    std::cerr << "no usable digits_weights.txt and digits_weights.bin in " << argv[1] << '\n';
    return 1;
  }
  for (const bool quantized : {false, true}) {
    const std::string path = output + (quantized ? "/digits_int8.tflite" : "/digits_float.tflite");
    const auto bytes = build(*trained, quantized);
    if (const auto written = tfl::ModelBuilder::write_file(path, bytes); !written) {
      std::cerr << written.message() << '\n';
      return 1;
    }
    std::cout << path << ": " << bytes.size() << " bytes\n";
  }
  return 0;
}
