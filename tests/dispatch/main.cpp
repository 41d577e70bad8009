// A program of a user who dispatches: builds a small quantized network, runs it and prints the architecture and the output's bytes.
//
//     dispatch_program           with the architecture that TFL_ARCH names, or else the best; serial and with two threads
//     dispatch_program --each    with every architecture that this machine runs, one after the other in one process

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/thread_pool.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ModelBuilder;
using tfl::QuantizationSpec;
using tfl::TensorType;
namespace schema = tfl::schema;

using Dispatched = tfl::Dispatched<Ops>;

std::uint32_t seed = 1;
int random_below(int n) {
  seed = seed * 1664525u + 1013904223u;
  return static_cast<int>((seed >> 8) % static_cast<std::uint32_t>(n));
}

QuantizationSpec per_tensor(float scale, int zero_point) { return {.scales = {scale}, .zero_points = {zero_point}}; }
QuantizationSpec per_channel(int channels, int dimension, float scale) {
  QuantizationSpec spec{.quantized_dimension = dimension};
  for (int c = 0; c < channels; ++c) {
    spec.scales.push_back(scale * static_cast<float>(64 + random_below(64)) / 128.0f);
    spec.zero_points.push_back(0);
  }
  return spec;
}

int weights(ModelBuilder& builder, std::vector<std::int32_t> shape, QuantizationSpec quantization) {
  std::size_t count = 1;
  for (const std::int32_t extent : shape) count *= static_cast<std::size_t>(extent);
  std::vector<std::int8_t> values(count);
  for (std::int8_t& v : values) v = static_cast<std::int8_t>(random_below(255) - 127);
  return builder.add_constant({.name = "weights", .shape = std::move(shape), .quantization = std::move(quantization)}, values);
}
int bias(ModelBuilder& builder, int channels) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(channels));
  for (std::int32_t& v : values) v = random_below(20001) - 10000;
  return builder.add_constant({.name = "bias", .shape = {channels}}, values);
}

/// Channel counts and pictures that fill no vector evenly.
std::vector<std::uint8_t> network() {
  constexpr int side = 13, in = 5, middle = 37, out = 11;
  ModelBuilder builder;
  const int x =
      builder.add_tensor({.name = "x", .type = TensorType::int8, .shape = {1, side, side, in}, .quantization = per_tensor(0.05f, -3)});
  const int a =
      builder.add_tensor({.name = "a", .type = TensorType::int8, .shape = {1, side, side, middle}, .quantization = per_tensor(0.5f, 4)});
  const int b =
      builder.add_tensor({.name = "b", .type = TensorType::int8, .shape = {1, side, side, middle}, .quantization = per_tensor(0.9f, -7)});
  const int y = builder.add_tensor({.name = "y", .type = TensorType::int8, .shape = {1, out}, .quantization = per_tensor(3.0f, 9)});
  builder.add_operator(BuiltinOperator::CONV_2D,
                       {x, weights(builder, {middle, 3, 3, in}, per_channel(middle, 0, 0.02f)), bias(builder, middle)}, {a},
                       [](auto& tables) { return schema::CreateConv2DOptions(tables, schema::Padding::SAME, 1, 1); });
  builder.add_operator(BuiltinOperator::DEPTHWISE_CONV_2D,
                       {a, weights(builder, {1, 3, 3, middle}, per_channel(middle, 3, 0.01f)), bias(builder, middle)}, {b},
                       [](auto& tables) { return schema::CreateDepthwiseConv2DOptions(tables, schema::Padding::SAME, 1, 1, 1); });
  builder.add_operator(BuiltinOperator::FULLY_CONNECTED,
                       {b, weights(builder, {out, side * side * middle}, per_tensor(0.0005f, 0)), bias(builder, out)}, {y},
                       [](auto& tables) { return schema::CreateFullyConnectedOptions(tables); });
  builder.set_inputs({x});
  builder.set_outputs({y});
  return builder.finish();
}

/// The output's bytes as text, or the sentence that says why there is none (and fails).
template <class Ex> bool run(const tfl::Model& model, Ex executor, std::string& text) {
  const auto fail = [&](std::string_view message) {
    text = message;
    return false;
  };
  auto interpreter = tfl::Interpreter<Dispatched, tfl::NoDelegates, Ex>::create(model, {}, std::move(executor));
  if (!interpreter) return fail(interpreter.message());
  auto input = interpreter->template input<std::int8_t>(0);
  if (!input) return fail(input.message());
  for (std::size_t i = 0; i < input->size(); ++i) (*input)[i] = static_cast<std::int8_t>(i * 37 % 251);
  if (auto r = interpreter->invoke(); !r) return fail(r.message());
  auto output = interpreter->template output<std::int8_t>(0);
  if (!output) return fail(output.message());
  text.clear();
  for (const std::int8_t value : *output) text += ' ' + std::to_string(value);
  return true;
}

bool run_both(const tfl::Model& model, std::string& text) {
  std::string threaded;
  if (!run(model, tfl::SerialExecutor{}, text)) return false;
  if (!run(model, tfl::ThreadPool(2), threaded)) {
    text = threaded;
    return false;
  }
  if (text == threaded) return true;
  text = "two threads give other bytes";
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::uint8_t> file = network();
  const auto model = tfl::Model::from_memory(file);
  if (!model) return std::printf("%.*s\n", static_cast<int>(model.message().size()), model.message().data()), 1;
  std::string text;
  if (argc > 1 && std::string_view(argv[1]) == "--each") {
    std::string first;
    for (const tfl::Architecture& architecture : Dispatched::architectures()) {
      const std::string name(architecture.name);
      if (!architecture.runs_here()) {
        std::printf("not here: %s\n", name.c_str());
        continue;
      }
      const auto used = Dispatched::use_architecture(name);
      if (!used || !run_both(*model, text)) return std::printf("%s: %s\n", name.c_str(), used ? text.c_str() : used.message().data()), 1;
      std::printf("architecture: %s\noutput:%s\n", name.c_str(), text.c_str());
      if (first.empty()) first = text;
      if (text != first) return std::puts("the bytes differ"), 1;
    }
    return 0;
  }
  const bool ran = run_both(*model, text);
  if (!ran) return std::printf("error: %s\n", text.c_str()), 1;
  const auto name = Dispatched::architecture();
  if (!name) return 1;
  std::printf("architecture: %.*s\noutput:%s\n", static_cast<int>(name->size()), name->data(), text.c_str());
  return 0;
}
