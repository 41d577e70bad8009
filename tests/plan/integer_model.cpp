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

class Chain {
 public:
  explicit Chain(TensorType type) : type_(type) {}

  ModelBuilder& builder() { return b_; }
  /// A tensor in the type of the chain; int16 is symmetric.
  int tensor(const std::string& name, Dims shape, float scale, int zero_point = 0) {
    const bool wide = type_ == TensorType::int16;
    return b_.add_tensor({.name = name,
                          .type = type_,
                          .shape = std::move(shape),
                          .quantization = {.scales = {scale}, .zero_points = {wide ? 0 : zero_point}}});
  }
  void use(TensorType type) { type_ = type; }
  template <class T> int constant(const std::string& name, Dims shape, tfl::QuantizationSpec quantization = {}, int range = 0) {
    std::size_t count = 1;
    for (const std::int32_t d : shape) count *= static_cast<std::size_t>(d);
    std::vector<T> values(count);
    for (T& v : values) {
      state_ = state_ * 1664525u + 1013904223u;
      v = range > 0 ? static_cast<T>(static_cast<std::int32_t>(state_ >> 8) % range)
                    : static_cast<T>(static_cast<std::int8_t>(state_ >> 24));
    }
    return b_.add_constant({.name = name, .shape = std::move(shape), .quantization = std::move(quantization)}, values);
  }
  int integers(Dims values) {
    const auto count = static_cast<std::int32_t>(values.size());
    return b_.add_constant({.name = "integers", .shape = {count}}, values);
  }

 private:
  ModelBuilder b_;
  TensorType type_;
  std::uint32_t state_ = 1;
};

}  // namespace

std::vector<std::uint8_t> integer_model() {
  Chain c(TensorType::int8);
  ModelBuilder& b = c.builder();
  const Dims image{1, 6, 6, 8};
  int x = c.tensor("x", image, 0.05f, 3);
  b.set_inputs({x});
  std::vector<std::int32_t> ends;
  // The outputs of all branches are outputs of the model.
  const auto with = [&](BuiltinOperator code, std::vector<std::int32_t> inputs, int output, auto make, int version = 1) {
    b.add_operator(code, std::move(inputs), {output}, make, version);
    return output;
  };
  const auto plain = [&](BuiltinOperator code, std::vector<std::int32_t> inputs, int output, int version = 1) {
    b.add_operator(code, std::move(inputs), {output}, version);
    return output;
  };
  const auto none = schema::ActivationFunctionType::NONE;
  const int bytes = x;
  for (const TensorType type : {TensorType::int16, TensorType::int8}) {
    c.use(type);
    const bool wide = type == TensorType::int16;
    const float scale = wide ? 0.0002f : 0.05f, fine = wide ? 1.0f / 32768 : 1.0f / 256;
    const int a = plain(BuiltinOperator::QUANTIZE, {bytes}, c.tensor("a", image, scale, -5));
    const auto pool = [=](auto& t) { return schema::CreatePool2DOptions(t, schema::Padding::SAME, 1, 1, 3, 2, none); };
    const int mean = with(BuiltinOperator::AVERAGE_POOL_2D, {a}, c.tensor("mean", image, scale, -5), pool, 2);
    const int most = with(BuiltinOperator::MAX_POOL_2D, {a}, c.tensor("most", image, scale, -5), pool, 2);
    const int sum = with(
        BuiltinOperator::ADD, {mean, most}, c.tensor("sum", image, 1.5f * scale, 7),
        [=](auto& t) { return schema::CreateAddOptions(t, none, false); }, 2);
    const int difference = with(
        BuiltinOperator::SUB, {sum, mean}, c.tensor("difference", image, 1.7f * scale, 2),
        [=](auto& t) { return schema::CreateSubOptions(t, none, false); }, 2);
    const int factor = wide ? c.constant<std::int16_t>("factor", {8}, {.scales = {0.01f}, .zero_points = {0}})
                            : c.constant<std::int8_t>("factor", {8}, {.scales = {0.01f}, .zero_points = {0}});
    const int product = with(
        BuiltinOperator::MUL, {difference, factor}, c.tensor("product", image, scale, 1),
        [=](auto& t) { return schema::CreateMulOptions(t, none); }, 2);
    const int logistic = plain(BuiltinOperator::LOGISTIC, {product}, c.tensor("logistic", image, fine, -128), 2);
    const int tanh = plain(BuiltinOperator::TANH, {product}, c.tensor("tanh", image, wide ? fine : 1.0f / 128, 0), 2);
    const int leaky = with(
        BuiltinOperator::LEAKY_RELU, {product}, c.tensor("leaky", image, scale, 1),
        [](auto& t) { return schema::CreateLeakyReluOptions(t, 0.1f); }, 2);
    const int relu = plain(BuiltinOperator::RELU, {product}, c.tensor("relu", image, scale, 1), 2);
    const int more = plain(BuiltinOperator::MAXIMUM, {leaky, product}, c.tensor("more", image, scale, 1), 2);
    const int less = plain(BuiltinOperator::MINIMUM, {more, product}, c.tensor("less", image, scale, 1), 2);
    const int squares = plain(BuiltinOperator::SQUARED_DIFFERENCE, {less, relu}, c.tensor("squares", image, scale, 1));
    const Dims twice{1, 6, 6, 16}, large{1, 9, 8, 16};
    const int joined = with(
        BuiltinOperator::CONCATENATION, {relu, squares}, c.tensor("joined", twice, scale, 1),
        [=](auto& t) { return schema::CreateConcatenationOptions(t, 3, none); }, 2);
    const int padding = b.add_constant<std::int32_t>({.name = "padding", .shape = {4, 2}}, {0, 0, 1, 2, 0, 2, 0, 0});
    const int padded = plain(BuiltinOperator::PAD, {joined, padding}, c.tensor("padded", large, scale, 1), 2);
    const int turned =
        plain(BuiltinOperator::TRANSPOSE, {padded, c.integers({0, 2, 1, 3})}, c.tensor("turned", {1, 8, 9, 16}, scale, 1), 2);
    const int resized = with(
        BuiltinOperator::RESIZE_BILINEAR, {turned, c.integers({5, 11})}, c.tensor("resized", {1, 5, 11, 16}, scale, 1),
        [](auto& t) { return schema::CreateResizeBilinearOptions(t, false, true); }, 3);
    const int nearest = with(
        BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, {resized, c.integers({4, 4})}, c.tensor("nearest", {1, 4, 4, 16}, scale, 1),
        [](auto& t) { return schema::CreateResizeNearestNeighborOptions(t, false, true); }, 3);
    const auto reduce = [](auto& t) { return schema::CreateReducerOptions(t, false); };
    const int average =
        with(BuiltinOperator::MEAN, {nearest, c.integers({1, 2})}, c.tensor("average", {1, 16}, 0.7f * scale, 9), reduce, 2);
    const int total = with(BuiltinOperator::SUM, {nearest, c.integers({1})},
                           c.tensor("total", {1, 4, 16}, wide ? scale : 4 * scale, wide ? 1 : 9), reduce, 2);
    tfl::QuantizationSpec scales;
    for (int n = 0; n < 10; ++n) scales.scales.push_back(0.002f * static_cast<float>(1 + n % 3)), scales.zero_points.push_back(0);
    const int weights = c.constant<std::int8_t>("weights", {10, 16}, scales);
    const int bias = wide ? c.constant<std::int64_t>("bias", {10}) : c.constant<std::int32_t>("bias", {10});
    const int dense = with(
        BuiltinOperator::FULLY_CONNECTED, {average, weights, bias}, c.tensor("dense", {1, 10}, 0.2f * scale, 3),
        [=](auto& t) { return schema::CreateFullyConnectedOptions(t, none); }, 4);
    const int odds = with(
        BuiltinOperator::SOFTMAX, {dense}, c.tensor("odds", {1, 10}, fine, -128),
        [](auto& t) { return schema::CreateSoftmaxOptions(t, 1.0f); }, 2);
    const int magnitude = plain(BuiltinOperator::ABS, {total}, c.tensor("magnitude", {1, 4, 16}, wide ? scale : 4 * scale, 9), 2);
    const int root = plain(BuiltinOperator::RSQRT, {magnitude}, c.tensor("root", {1, 4, 16}, scale, -128), 2);
    (void)root;
    const int slope = wide ? c.constant<std::int16_t>("slope", {1, 1, 8}, {.scales = {0.01f}, .zero_points = {0}})
                           : c.constant<std::int8_t>("slope", {1, 1, 8}, {.scales = {0.01f}, .zero_points = {0}});
    if (!wide) {
      plain(BuiltinOperator::PRELU, {product, slope}, c.tensor("prelu", image, scale, 1), 1);
      ends.push_back(c.tensor("swish", image, scale, 1));
      plain(BuiltinOperator::HARD_SWISH, {product}, ends.back(), 1);
      ends.push_back(c.tensor("elu", image, scale, 1));
      plain(BuiltinOperator::ELU, {product}, ends.back(), 1);
      ends.push_back(c.tensor("gelu", image, scale, 1));
      with(
          BuiltinOperator::GELU, {product}, ends.back(), [](auto& t) { return schema::CreateGeluOptions(t, false); }, 2);
      ends.push_back(c.tensor("log", {1, 10}, 16.0f / 256, 127));
      plain(BuiltinOperator::LOG_SOFTMAX, {dense}, ends.back(), 2);
      ends.push_back(c.tensor("norm", image, 1.0f / 128, 0));
      with(
          BuiltinOperator::L2_NORMALIZATION, {product}, ends.back(), [=](auto& t) { return schema::CreateL2NormOptions(t, none); }, 2);
    }
    const int tr = plain(BuiltinOperator::TRANSPOSE, {nearest, c.integers({0, 1, 3, 2})}, c.tensor("tr", {1, 4, 16, 4}, scale, 1), 2);
    ends.push_back(c.tensor("matmul", {1, 4, 16, 16}, 20 * scale, 0));
    with(
        BuiltinOperator::BATCH_MATMUL, {tr, nearest}, ends.back(),
        [](auto& t) { return schema::CreateBatchMatMulOptions(t, false, false); }, 3);
    for (const int end : {logistic, tanh, odds, root}) ends.push_back(end);
  }
  b.set_outputs(ends);
  return b.finish();
}
