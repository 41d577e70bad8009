// plan_make_models DIRECTORY: small models, one for each thing that the header of a static plan can hold.

#include <cstdio>
#include <string>
#include <vector>

#include "custom_op_models.hpp"
#include "integer_model.hpp"
#include "tfl/model/builder.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ModelBuilder;
using tfl::TensorType;
namespace schema = tfl::schema;

/// Several outputs, a variable number of inputs, paddings and axes that are constants, a view, an operand in place, two inputs.
std::vector<std::uint8_t> moving() {
  ModelBuilder b;
  const auto tensor = [&](const char* name, std::vector<std::int32_t> shape) {
    return b.add_tensor({.name = name, .type = TensorType::float32, .shape = std::move(shape)});
  };
  const int x = tensor("x \"quoted\"?\?/\n", {1, 4, 5, 6}), y = tensor("y", {1, 1, 1, 6});
  const int axis = b.add_constant<std::int32_t>({.name = "axis", .shape = {}}, {3});
  const int left = tensor("left", {1, 4, 5, 3}), right = tensor("right", {1, 4, 5, 3});
  b.add_operator(BuiltinOperator::SPLIT, {axis, x}, {left, right}, [](auto& t) { return schema::CreateSplitOptions(t, 2); });
  const int turned = tensor("turned", {1, 4, 5, 6});
  b.add_operator(BuiltinOperator::CONCATENATION, {right, left}, {turned}, [](auto& t) { return schema::CreateConcatenationOptions(t, 3); });
  const int scaled = tensor("scaled", {1, 4, 5, 6});
  b.add_operator(BuiltinOperator::MUL, {turned, y}, {scaled},
                 [](auto& t) { return schema::CreateMulOptions(t, schema::ActivationFunctionType::RELU6); });
  const int paddings = b.add_constant<std::int32_t>({.name = "paddings", .shape = {4, 2}}, {0, 0, 1, 0, 0, 2, 0, 0});
  const int padded = tensor("padded", {1, 5, 7, 6});
  b.add_operator(BuiltinOperator::PAD, {scaled, paddings}, {padded});
  const int flat_shape = b.add_constant<std::int32_t>({.name = "shape", .shape = {2}}, {5, 42});
  const int flat = tensor("flat", {5, 42});
  b.add_operator(BuiltinOperator::RESHAPE, {padded, flat_shape}, {flat});
  const int negative = tensor("negative", {5, 42});
  b.add_operator(BuiltinOperator::NEG, {flat}, {negative});
  const int axes = b.add_constant<std::int32_t>({.name = "axes", .shape = {1}}, {1});
  const int mean = tensor("mean", {5});
  b.add_operator(BuiltinOperator::MEAN, {negative, axes}, {mean}, [](auto& t) { return schema::CreateReducerOptions(t, false); });
  b.set_inputs({x, y});
  b.set_outputs({mean, negative});
  return b.finish();
}

/// A kernel that may fail: indices come at run time.
std::vector<std::uint8_t> gathering() {
  ModelBuilder b;
  const int table = b.add_constant<std::int8_t>({.name = "table", .shape = {4, 3}}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const int indices = b.add_tensor({.name = "indices", .type = TensorType::int32, .shape = {2}});
  const int rows = b.add_tensor({.name = "rows", .type = TensorType::int8, .shape = {2, 3}});
  b.add_operator(
      BuiltinOperator::GATHER, {table, indices}, {rows}, [](auto& t) { return schema::CreateGatherOptions(t, 0); }, 2);
  b.set_inputs({indices});
  b.set_outputs({rows});
  return b.finish();
}

/// A variable: what one run leaves, the next one finds.
std::vector<std::uint8_t> remembering() {
  ModelBuilder b;
  const int x = b.add_tensor({.name = "x", .type = TensorType::float32, .shape = {1, 3}});
  const int features = b.add_constant<float>({.name = "features", .shape = {2, 3}}, {0.5f, -1.0f, 0.25f, 1.0f, 0.125f, -0.5f});
  const int time = b.add_constant<float>({.name = "time", .shape = {2, 4}}, {0.5f, 1.0f, -1.0f, 2.0f, 0.25f, 0.5f, 1.0f, -2.0f});
  const int state = b.add_tensor({.name = "state", .type = TensorType::float32, .shape = {1, 8}, .is_variable = true});
  const int y = b.add_tensor({.name = "y", .type = TensorType::float32, .shape = {1, 2}});
  b.add_operator(BuiltinOperator::SVDF, {x, features, time, -1, state}, {y}, [](auto& t) { return schema::CreateSVDFOptions(t, 1); });
  b.set_inputs({x});
  b.set_outputs({y});
  return b.finish();
}

/// Nodes that the generator computes: only the last one is left. Its second operand comes from constants, a third from a shape.
std::vector<std::uint8_t> folding() {
  ModelBuilder b;
  const tfl::QuantizationSpec tenths{.scales = {0.1f}, .zero_points = {3}};
  const int x = b.add_tensor({.name = "x", .type = TensorType::float32, .shape = {2, 2}});
  const int stored = b.add_constant<std::int8_t>({.name = "stored", .shape = {2, 2}, .quantization = tenths}, {1, 2, 3, 100});
  const int real = b.add_tensor({.name = "real", .type = TensorType::float32, .shape = {2, 2}});
  b.add_operator(BuiltinOperator::DEQUANTIZE, {stored}, {real});
  const int sum = b.add_tensor({.name = "sum", .type = TensorType::float32, .shape = {2, 2}});
  b.add_operator(BuiltinOperator::ADD, {x, real}, {sum}, [](auto& t) { return schema::CreateAddOptions(t); });
  const int shape = b.add_tensor({.name = "shape", .type = TensorType::int32, .shape = {2}});
  b.add_operator(BuiltinOperator::SHAPE, {x}, {shape}, [](auto& t) { return schema::CreateShapeOptions(t, schema::TensorType::INT32); });
  b.set_inputs({x});
  b.set_outputs({sum, shape});
  return b.finish();
}

/// Convolutions of 16-bit activations with 8-bit filters: borders, dilation, runs longer than a sum of 32 bits holds, channels that share
/// an input, numbers of filters that four does not divide. For the kernels of microcontrollers.
std::vector<std::uint8_t> words() {
  ModelBuilder b;
  std::uint32_t state = 1;
  const auto bytes = [&](std::size_t count) {
    std::vector<std::int8_t> values(count);
    for (auto& v : values) v = static_cast<std::int8_t>((state = state * 1664525u + 1013904223u) >> 24);
    return values;
  };
  const auto wide = [&](std::size_t count) {
    std::vector<std::int64_t> values(count);
    for (auto& v : values) v = static_cast<std::int32_t>(state = state * 1664525u + 1013904223u) / 256;
    return values;
  };
  const auto channels = [&](int count, int axis) {
    tfl::QuantizationSpec spec;
    for (int c = 0; c < count; ++c) spec.scales.push_back(0.0001f * static_cast<float>(1 + c % 5)), spec.zero_points.push_back(0);
    spec.quantized_dimension = axis;
    return spec;
  };
  const auto tensor = [&](const char* name, std::vector<std::int32_t> shape, float scale) {
    return b.add_tensor(
        {.name = name, .type = TensorType::int16, .shape = std::move(shape), .quantization = {.scales = {scale}, .zero_points = {0}}});
  };
  const auto conv = [&](int from, int to, int filters, int size, int depth, int stride, int dilation) {
    const std::size_t count = static_cast<std::size_t>(filters) * static_cast<std::size_t>(size * size * depth);
    const int filter =
        b.add_constant({.name = "filter", .shape = {filters, size, size, depth}, .quantization = channels(filters, 0)}, bytes(count));
    const int bias = b.add_constant({.name = "bias", .shape = {filters}}, wide(static_cast<std::size_t>(filters)));
    b.add_operator(BuiltinOperator::CONV_2D, {from, filter, bias}, {to}, [=](auto& t) {
      return schema::CreateConv2DOptions(t, schema::Padding::SAME, stride, stride, schema::ActivationFunctionType::NONE, dilation,
                                         dilation);
    });
  };
  const auto depthwise = [&](int from, int to, int outputs, int multiplier) {
    const int filter = b.add_constant({.name = "filter", .shape = {1, 3, 3, outputs}, .quantization = channels(outputs, 3)},
                                      bytes(static_cast<std::size_t>(9 * outputs)));
    const int bias = b.add_constant({.name = "bias", .shape = {outputs}}, wide(static_cast<std::size_t>(outputs)));
    b.add_operator(BuiltinOperator::DEPTHWISE_CONV_2D, {from, filter, bias}, {to}, [=](auto& t) {
      return schema::CreateDepthwiseConv2DOptions(t, schema::Padding::SAME, 1, 1, multiplier, schema::ActivationFunctionType::RELU);
    });
  };
  const int x = tensor("x", {1, 9, 8, 3}, 0.001f), a = tensor("a", {1, 9, 8, 24}, 0.002f), d = tensor("d", {1, 9, 8, 24}, 0.002f),
            c = tensor("c", {1, 5, 4, 66}, 0.002f), e = tensor("e", {1, 5, 4, 3}, 0.01f), f = tensor("f", {1, 5, 4, 7}, 0.01f);
  depthwise(x, a, 24, 8);
  depthwise(a, d, 24, 1);
  conv(d, c, 66, 3, 24, 2, 1);
  conv(c, e, 3, 3, 66, 1, 1);
  conv(e, f, 7, 2, 3, 1, 2);
  b.set_inputs({x});
  b.set_outputs({f});
  return b.finish();
}

/// Joins and splits that need no copy: of rows, of a tensor that is read otherwise, too, and by an op that could overwrite it.
std::vector<std::uint8_t> joining() {
  ModelBuilder b;
  const auto tensor = [&](const char* name, std::vector<std::int32_t> shape) {
    return b.add_tensor({.name = name, .type = TensorType::float32, .shape = std::move(shape)});
  };
  const int x = tensor("x", {1, 4, 8}), y = tensor("y", {1, 2, 8});
  const int negative = tensor("negative", {1, 4, 8}), positive = tensor("positive", {1, 2, 8});
  b.add_operator(BuiltinOperator::NEG, {x}, {negative});
  b.add_operator(BuiltinOperator::RELU, {y}, {positive});
  const int joined = tensor("joined", {1, 6, 8});
  b.add_operator(BuiltinOperator::CONCATENATION, {negative, positive}, {joined},
                 [](auto& t) { return schema::CreateConcatenationOptions(t, 1); });
  const int changed = tensor("changed", {1, 6, 8});
  b.add_operator(BuiltinOperator::NEG, {joined}, {changed});
  const int axis = b.add_constant<std::int32_t>({.name = "axis", .shape = {}}, {1});
  const int top = tensor("top", {1, 3, 8}), bottom = tensor("bottom", {1, 3, 8}), sum = tensor("sum", {1, 3, 8});
  b.add_operator(BuiltinOperator::SPLIT, {axis, changed}, {top, bottom}, [](auto& t) { return schema::CreateSplitOptions(t, 2); });
  b.add_operator(BuiltinOperator::ADD, {top, bottom}, {sum}, [](auto& t) { return schema::CreateAddOptions(t); });
  b.set_inputs({x, y});
  b.set_outputs({sum});
  return b.finish();
}

/// Borders: two that windows can have, and one that nobody takes.
std::vector<std::uint8_t> bordering() {
  ModelBuilder b;
  const auto tensor = [&](const char* name, std::vector<std::int32_t> shape) {
    return b.add_tensor({.name = name, .type = TensorType::float32, .shape = std::move(shape)});
  };
  const auto pad = [&](int from, int to, std::vector<std::int32_t> paddings) {
    const int constant = b.add_constant({.name = "paddings", .shape = {4, 2}}, paddings);
    b.add_operator(BuiltinOperator::PAD, {from, constant}, {to});
  };
  const auto valid = schema::Padding::VALID;
  const auto relu = schema::ActivationFunctionType::RELU;
  const int x = tensor("x", {1, 5, 6, 2}), wider = tensor("wider", {1, 7, 7, 2}), y = tensor("y", {1, 5, 5, 2});
  pad(x, wider, {0, 0, 2, 0, 0, 1, 0, 0});
  std::vector<float> values(36);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.125f * static_cast<float>(static_cast<int>(i * 7 % 11) - 5);
  const int filter = b.add_constant({.name = "filter", .shape = {2, 3, 3, 2}}, values);
  b.add_operator(BuiltinOperator::CONV_2D, {wider, filter, -1}, {y},
                 [=](auto& t) { return schema::CreateConv2DOptions(t, valid, 1, 1, relu); });
  const int framed = tensor("framed", {1, 7, 6, 2}), most = tensor("most", {1, 3, 3, 2});
  pad(y, framed, {0, 0, 1, 1, 0, 1, 0, 0});
  b.add_operator(BuiltinOperator::MAX_POOL_2D, {framed}, {most},
                 [=](auto& t) { return schema::CreatePool2DOptions(t, valid, 2, 2, 2, 3, schema::ActivationFunctionType::NONE); });
  const int negative = tensor("negative", {1, 3, 3, 2}), longer = tensor("longer", {1, 6, 3, 2}), last = tensor("last", {1, 6, 3, 2});
  b.add_operator(BuiltinOperator::NEG, {most}, {negative});
  pad(negative, longer, {0, 0, 2, 1, 0, 0, 0, 0});
  b.add_operator(BuiltinOperator::ABS, {longer}, {last});
  b.set_inputs({x});
  b.set_outputs({last});
  return b.finish();
}

bool write(const std::string& path, const std::vector<std::uint8_t>& bytes) { return bool{ModelBuilder::write_file(path, bytes)}; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string directory = std::string(argv[1]) + '/';
  const bool written =
      write(directory + "moving.tflite", moving()) && write(directory + "gathering.tflite", gathering()) &&
      write(directory + "remembering.tflite", remembering()) && write(directory + "folding.tflite", folding()) &&
      write(directory + "words.tflite", words()) && write(directory + "joining.tflite", joining()) &&
      write(directory + "bordering.tflite", bordering()) && write(directory + "integers.tflite", integer_model()) &&
      write(directory + "drawing.tflite", tfl::test::drawing()) && write(directory + "elementwise.tflite", tfl::test::elementwise()) &&
      write(directory + "rearranging.tflite", tfl::test::rearranging()) && write(directory + "summing.tflite", tfl::test::summing()) &&
      write(directory + "hearing.tflite", tfl::test::hearing()) && write(directory + "customizing.tflite", tfl::test::customizing()) &&
      write(directory + "windowing.tflite", tfl::test::windowing());
  return written ? 0 : 1;
}
