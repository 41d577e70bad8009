// A model of integers alone: every kind of op that quantized models are made of, in bytes and in 16 bits.

#include "integer_model.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tfl/model/builder.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ModelBuilder;
using tfl::TensorType;
namespace schema = tfl::schema;
using Dims = std::vector<std::int32_t>;

/// Tensors of one type at a time; int16 is symmetric.
class Chain {
 public:
  ModelBuilder& builder() { return b_; }
  void use(TensorType type) { type_ = type; }
  int tensor(const std::string& name, Dims shape, float scale, int zero_point) {
    return b_.add_tensor({.name = name, .type = type_, .shape = std::move(shape), .quantization = quantization(scale, zero_point)});
  }
  int constant(const std::string& name, Dims shape, float scale) {
    const std::size_t count = count_of(shape);
    const tfl::TensorSpec spec{.name = name, .shape = std::move(shape), .quantization = quantization(scale, 0)};
    return type_ == TensorType::int16 ? b_.add_constant(spec, random<std::int16_t>(count))
                                      : b_.add_constant(spec, random<std::int8_t>(count));
  }
  /// A scale for each row.
  int weights(int rows, int columns) {
    tfl::QuantizationSpec scales;
    for (int n = 0; n < rows; ++n) scales.scales.push_back(0.002f * static_cast<float>(1 + n % 3)), scales.zero_points.push_back(0);
    return b_.add_constant({.name = "weights", .shape = {rows, columns}, .quantization = scales},
                           random<std::int8_t>(count_of({rows, columns})));
  }
  template <class T> int bias(int count) {
    return b_.add_constant({.name = "bias", .shape = {count}}, random<T>(static_cast<std::size_t>(count)));
  }
  int integers(const Dims& values) {
    return b_.add_constant({.name = "integers", .shape = {static_cast<std::int32_t>(values.size())}}, values);
  }

 private:
  tfl::QuantizationSpec quantization(float scale, int zero_point) const {
    return {.scales = {scale}, .zero_points = {type_ == TensorType::int16 ? 0 : zero_point}};
  }
  static std::size_t count_of(const Dims& shape) {
    std::size_t count = 1;
    for (const std::int32_t d : shape) count *= static_cast<std::size_t>(d);
    return count;
  }
  template <class T> std::vector<T> random(std::size_t count) {
    std::vector<T> values(count);
    for (T& v : values)
      v = static_cast<T>(static_cast<std::int32_t>(state_ = state_ * 1664525u + 1013904223u) >> (sizeof(T) == 1 ? 24 : 16));
    return values;
  }

  ModelBuilder b_;
  TensorType type_ = TensorType::int8;
  std::uint32_t state_ = 1;
};

/// Of ops that take int8 and int16 in newer versions only.
int newest_version(BuiltinOperator code) {
  switch (code) {
    case BuiltinOperator::SQUARED_DIFFERENCE:
    case BuiltinOperator::PRELU:
    case BuiltinOperator::HARD_SWISH:
    case BuiltinOperator::ELU: return 1;
    case BuiltinOperator::RESIZE_BILINEAR:
    case BuiltinOperator::RESIZE_NEAREST_NEIGHBOR:
    case BuiltinOperator::BATCH_MATMUL: return 3;
    case BuiltinOperator::FULLY_CONNECTED: return 4;
    default: return 2;
  }
}

}  // namespace

std::vector<std::uint8_t> integer_model() {
  Chain c;
  ModelBuilder& b = c.builder();
  const auto none = schema::ActivationFunctionType::NONE;
  const Dims image{1, 6, 6, 8}, twice{1, 6, 6, 16}, large{1, 9, 8, 16};
  const int bytes = c.tensor("bytes", image, 0.05f, 3);
  b.set_inputs({bytes});
  std::vector<std::int32_t> ends;
  for (const TensorType type : {TensorType::int16, TensorType::int8}) {
    c.use(type);
    const bool wide = type == TensorType::int16;
    const float scale = wide ? 0.0002f : 0.05f, unit = wide ? 1.0f / 32768 : 1.0f / 256;
    const auto add = [&](BuiltinOperator code, Dims inputs, const char* name, const Dims& shape, float real, int zero_point,
                         auto... options) {
      const int output = c.tensor(name, shape, real, zero_point);
      b.add_operator(code, std::move(inputs), {output}, options..., newest_version(code));
      return output;
    };
    const auto pool = [=](auto& t) { return schema::CreatePool2DOptions(t, schema::Padding::SAME, 1, 1, 3, 2, none); };
    const auto reduce = [](auto& t) { return schema::CreateReducerOptions(t, false); };
    const int a = add(BuiltinOperator::QUANTIZE, {bytes}, "a", image, scale, -5);
    const int mean = add(BuiltinOperator::AVERAGE_POOL_2D, {a}, "mean", image, scale, -5, pool);
    const int most = add(BuiltinOperator::MAX_POOL_2D, {a}, "most", image, scale, -5, pool);
    const int sum = add(BuiltinOperator::ADD, {mean, most}, "sum", image, 1.5f * scale, 7,
                        [=](auto& t) { return schema::CreateAddOptions(t, none, false); });
    const int difference = add(BuiltinOperator::SUB, {sum, mean}, "difference", image, 1.7f * scale, 2,
                               [=](auto& t) { return schema::CreateSubOptions(t, none, false); });
    const int factor = c.constant("factor", {8}, 0.01f);
    const int product = add(BuiltinOperator::MUL, {difference, factor}, "product", image, scale, 1,
                            [=](auto& t) { return schema::CreateMulOptions(t, none); });
    ends.push_back(add(BuiltinOperator::LOGISTIC, {product}, "logistic", image, unit, -128));
    ends.push_back(add(BuiltinOperator::TANH, {product}, "tanh", image, wide ? unit : 1.0f / 128, 0));
    const int leaky = add(BuiltinOperator::LEAKY_RELU, {product}, "leaky", image, scale, 1,
                          [](auto& t) { return schema::CreateLeakyReluOptions(t, 0.1f); });
    const int relu = add(BuiltinOperator::RELU, {product}, "relu", image, scale, 1);
    const int more = add(BuiltinOperator::MAXIMUM, {leaky, product}, "more", image, scale, 1);
    const int less = add(BuiltinOperator::MINIMUM, {more, product}, "less", image, scale, 1);
    const int squares = add(BuiltinOperator::SQUARED_DIFFERENCE, {less, relu}, "squares", image, scale, 1);
    const int joined = add(BuiltinOperator::CONCATENATION, {relu, squares}, "joined", twice, scale, 1,
                           [=](auto& t) { return schema::CreateConcatenationOptions(t, 3, none); });
    const int padding = b.add_constant<std::int32_t>({.name = "padding", .shape = {4, 2}}, {0, 0, 1, 2, 0, 2, 0, 0});
    const int padded = add(BuiltinOperator::PAD, {joined, padding}, "padded", large, scale, 1);
    const int turned = add(BuiltinOperator::TRANSPOSE, {padded, c.integers({0, 2, 1, 3})}, "turned", {1, 8, 9, 16}, scale, 1);
    const int resized = add(BuiltinOperator::RESIZE_BILINEAR, {turned, c.integers({5, 11})}, "resized", {1, 5, 11, 16}, scale, 1,
                            [](auto& t) { return schema::CreateResizeBilinearOptions(t, false, true); });
    const int nearest = add(BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, {resized, c.integers({4, 4})}, "nearest", {1, 4, 4, 16}, scale, 1,
                            [](auto& t) { return schema::CreateResizeNearestNeighborOptions(t, false, true); });
    const int average = add(BuiltinOperator::MEAN, {nearest, c.integers({1, 2})}, "average", {1, 16}, 0.7f * scale, 9, reduce);
    const int bias = wide ? c.bias<std::int64_t>(10) : c.bias<std::int32_t>(10);
    const int dense = add(BuiltinOperator::FULLY_CONNECTED, {average, c.weights(10, 16), bias}, "dense", {1, 10}, 0.2f * scale, 3,
                          [=](auto& t) { return schema::CreateFullyConnectedOptions(t, none); });
    ends.push_back(
        add(BuiltinOperator::SOFTMAX, {dense}, "odds", {1, 10}, unit, -128, [](auto& t) { return schema::CreateSoftmaxOptions(t, 1.0f); }));
    const int magnitude = add(BuiltinOperator::ABS, {nearest}, "magnitude", {1, 4, 4, 16}, scale, 1);
    ends.push_back(add(BuiltinOperator::RSQRT, {magnitude}, "root", {1, 4, 4, 16}, scale, -128));
    const int crossed = add(BuiltinOperator::TRANSPOSE, {nearest, c.integers({0, 1, 3, 2})}, "crossed", {1, 4, 16, 4}, scale, 1);
    ends.push_back(add(BuiltinOperator::BATCH_MATMUL, {crossed, nearest}, "matmul", {1, 4, 16, 16}, 20 * scale, 0,
                       [](auto& t) { return schema::CreateBatchMatMulOptions(t, false, false); }));
    if (wide) {
      // Of bytes, it is float32 that says what SUM gives.
      ends.push_back(add(BuiltinOperator::SUM, {nearest, c.integers({1})}, "total", {1, 4, 16}, scale, 0, reduce));
      c.use(TensorType::int8);
      ends.push_back(add(BuiltinOperator::QUANTIZE, {product}, "narrow", image, 0.04f, 3));
    } else {
      ends.push_back(add(BuiltinOperator::PRELU, {product, c.constant("slope", {1, 1, 8}, 0.01f)}, "prelu", image, scale, 1));
      ends.push_back(add(BuiltinOperator::HARD_SWISH, {product}, "swish", image, scale, 1));
      ends.push_back(add(BuiltinOperator::ELU, {product}, "elu", image, scale, 1));
      ends.push_back(
          add(BuiltinOperator::GELU, {product}, "gelu", image, scale, 1, [](auto& t) { return schema::CreateGeluOptions(t, false); }));
      ends.push_back(add(BuiltinOperator::LOG_SOFTMAX, {dense}, "log", {1, 10}, 16.0f / 256, 127));
      ends.push_back(add(BuiltinOperator::L2_NORMALIZATION, {product}, "norm", image, 1.0f / 128, 0,
                         [=](auto& t) { return schema::CreateL2NormOptions(t, none); }));
    }
  }
  b.set_outputs(ends);
  return b.finish();
}
