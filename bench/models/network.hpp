#pragma once
// Networks with pseudo-random weights, written as .tflite models in float32 or in int8.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tfl/model/builder.hpp"
#include "tfl/quant/quantize.hpp"

namespace tfl::bench {

/// The least and the largest value that a tensor took.
struct ValueRange {
  float min = 0;
  float max = 0;
};

enum class Activation { none, relu, relu6 };
enum class Padding { same, valid };

/// Adds layer after layer to one model. Every layer returns the number of its output tensor, which later layers take as input. The same
/// calls give the same weights and numbers, so that a network is described once and built three times: in float32, in float32 with every
/// activation as an output (to see the ranges) and in int8 with those ranges.
///
/// Weights keep the variance of what flows through: normal with variance gain^2 / (inputs of a sum), twice as much before a ReLU.
class Network {
 public:
  static Network in_float() { return Network(nullptr); }
  /// `ranges`: of every activation, by its tensor's number.
  static Network in_int8(const std::map<int, ValueRange>& ranges) { return Network(&ranges); }

  int input(std::vector<std::int32_t> shape);

  // ---- weighted layers; images are [1, height, width, channels]

  struct Window {
    int height = 1, width = 1, stride = 1;
    Padding padding = Padding::same;
  };
  int convolution(int x, int channels, Window window, Activation activation, float gain = 1.0f);
  int depthwise(int x, Window window, Activation activation);
  /// [rows, inputs] to [rows, units].
  int dense(int x, int units, Activation activation, float gain = 1.0f);

  // ---- layers without weights

  int max_pool(int x, Window window);
  int average_pool(int x, Window window);
  /// The mean of height and width: [1, channels], or [1, 1, 1, channels].
  int mean(int x, bool keep_dimensions);
  /// `border` rows and columns of zeros on every side of an image.
  int pad(int x, int border);
  int add(int x, int y, Activation activation = Activation::none);
  int multiply(int x, int y);
  /// Adds one value to every element.
  int add_constant(int x, float value, Activation activation);
  int multiply_constant(int x, float value);
  /// x * scale + offset, with one pseudo-random scale near 1 and one offset near 0 for each index of the last axis.
  int affine(int x);
  int hard_swish(int x);
  int softmax(int x);
  int reshape(int x, std::vector<std::int32_t> shape);
  int transpose(int x, std::vector<std::int32_t> permutation);
  /// x times y, or times the transposed y, over the last two axes.
  int batch_matmul(int x, int y, bool transpose_y);

  /// Valid until the next layer.
  const std::vector<std::int32_t>& shape(int x) const { return tensors_[static_cast<std::size_t>(x)].shape; }

  /// The bytes of the model with these outputs.
  std::vector<std::uint8_t> finish(std::vector<std::int32_t> outputs);
  /// The same, with every activation as an output, in the order of activations().
  std::vector<std::uint8_t> finish_with_all_outputs() { return finish(activations_); }
  /// The tensors that layers wrote.
  const std::vector<std::int32_t>& activations() const { return activations_; }

 private:
  struct Known {
    std::vector<std::int32_t> shape;
    quant::AffineParameters parameters;
  };

  explicit Network(const std::map<int, ValueRange>* ranges) : ranges_(ranges) {}

  bool quantized() const { return ranges_ != nullptr; }
  int version(int in_float, int in_int8) const { return quantized() ? in_int8 : in_float; }
  const quant::AffineParameters& parameters(int x) const { return tensors_[static_cast<std::size_t>(x)].parameters; }

  float uniform();
  std::vector<float> normal(std::size_t count, float deviation);

  int remember(int tensor, std::vector<std::int32_t> shape, quant::AffineParameters parameters);
  /// An activation with the range that was seen, or with given parameters.
  int activation(const char* layer, std::vector<std::int32_t> shape);
  int activation(const char* layer, std::vector<std::int32_t> shape, quant::AffineParameters parameters);
  int constant(const char* what, std::vector<std::int32_t> shape, const std::vector<float>& values);
  int integers(const char* what, const std::vector<std::int32_t>& values);
  /// The filter and bias of a weighted layer; `channel_axis` -1: one scale for all weights.
  std::vector<std::int32_t> weights(const char* layer, int x, std::vector<std::int32_t> shape, int channel_axis, float deviation);
  int pool(int x, Window window, BuiltinOperator code, const char* layer);
  std::string name(const char* what) { return std::string(what) + "_" + std::to_string(names_++); }

  const std::map<int, ValueRange>* ranges_;
  ModelBuilder builder_;
  std::vector<Known> tensors_;
  std::vector<std::int32_t> inputs_, activations_;
  std::uint32_t random_ = 0x9E3779B9u;
  int names_ = 0;
};

}  // namespace tfl::bench
