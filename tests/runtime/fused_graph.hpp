#pragma once
// Small graphs that are run with and without fusion.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/all_ops.hpp"
#include "support/single_op.hpp"
#include "tfl/model/builder.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace tfl::test {

using Dims = std::vector<std::int32_t>;
using schema::ActivationFunctionType;

inline QuantizationSpec scaled(float scale, std::int64_t zero_point) { return {.scales = {scale}, .zero_points = {zero_point}}; }
inline const QuantizationSpec usual = scaled(0.05f, -3);

/// A graph of one type of tensors, int8 unless it says otherwise.
class Graph {
 public:
  explicit Graph(TensorType type = TensorType::int8) : type_(type) {}
  ModelBuilder b;

  int tensor(Dims shape, QuantizationSpec q = usual) { return tensor_of(type_, std::move(shape), std::move(q)); }
  int tensor_of(TensorType type, Dims shape, QuantizationSpec q = {}) {
    if (type == TensorType::float32) q = {};
    return b.add_tensor({.name = "t" + std::to_string(count_++), .type = type, .shape = std::move(shape), .quantization = std::move(q)});
  }
  int integers(const std::vector<std::int32_t>& values, Dims shape = {}) {
    if (shape.empty()) shape = {static_cast<std::int32_t>(values.size())};
    return b.add_constant({.name = "c" + std::to_string(count_++), .shape = std::move(shape)}, values);
  }
  int weights(Dims shape) {
    std::int32_t count = 1;
    for (const std::int32_t d : shape) count *= d;
    if (type_ == TensorType::float32) {
      std::vector<float> values;
      for (std::int32_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i * 7 % 11) / 5 - 1);
      return b.add_constant({.name = "w", .shape = std::move(shape)}, values);
    }
    std::vector<std::int8_t> values;
    for (std::int32_t i = 0; i < count; ++i) values.push_back(static_cast<std::int8_t>(i * 37 % 251 - 125));
    return b.add_constant({.name = "w", .shape = std::move(shape), .quantization = scaled(0.01f, 0)}, values);
  }
  int unary(BuiltinOperator code, int x, Dims shape, QuantizationSpec q = usual) {
    const int y = tensor(std::move(shape), std::move(q));
    b.add_operator(code, {x}, {y});
    return y;
  }
  /// An op that overwrites nothing of its input's and is no view: what it gives is new.
  int conv(int x, Dims x_shape, std::int32_t filter, std::int32_t stride, Dims shape, QuantizationSpec q = usual,
           schema::Padding padding = schema::Padding::VALID, ActivationFunctionType activation = ActivationFunctionType::NONE,
           std::int32_t dilation = 1) {
    const int w = weights({shape[3], filter, filter, x_shape[3]}), y = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::CONV_2D, {x, w}, {y},
                   [&](auto& t) { return schema::CreateConv2DOptions(t, padding, stride, stride, activation, dilation, dilation); });
    return y;
  }
  int depthwise(int x, std::int32_t filter, std::int32_t stride, Dims shape) {
    const int w = weights({1, filter, filter, shape[3]}), y = tensor(std::move(shape));
    b.add_operator(BuiltinOperator::DEPTHWISE_CONV_2D, {x, w}, {y}, [&](auto& t) {
      return schema::CreateDepthwiseConv2DOptions(t, schema::Padding::VALID, stride, stride, 1, ActivationFunctionType::NONE, 1, 1);
    });
    return y;
  }
  int pool(BuiltinOperator code, int x, std::int32_t filter, std::int32_t stride, Dims shape) {
    const int y = tensor(std::move(shape));
    b.add_operator(code, {x}, {y}, [&](auto& t) {
      return schema::CreatePool2DOptions(t, schema::Padding::VALID, stride, stride, filter, filter, ActivationFunctionType::NONE);
    });
    return y;
  }
  int pad(int x, std::vector<std::int32_t> amounts, Dims shape, QuantizationSpec q = usual) {
    const int y = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::PAD, {x, integers(amounts, {4, 2})}, {y});
    return y;
  }
  template <class T> int pad_v2(int x, std::vector<std::int32_t> amounts, T value, Dims shape) {
    const int y = tensor(std::move(shape));
    const int v =
        b.add_constant({.name = "v", .type = type_, .shape = {}, .quantization = type_ == TensorType::float32 ? QuantizationSpec{} : usual},
                       std::vector<T>{value});
    b.add_operator(BuiltinOperator::PADV2, {x, integers(amounts, {4, 2}), v}, {y});
    return y;
  }
  int concatenation(std::vector<std::int32_t> parts, std::int32_t axis, Dims shape, QuantizationSpec q = usual) {
    const int y = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::CONCATENATION, std::move(parts), {y},
                   [&](auto& t) { return schema::CreateConcatenationOptions(t, axis, ActivationFunctionType::NONE); });
    return y;
  }
  int add(int x, int y, Dims shape, QuantizationSpec q = usual, ActivationFunctionType activation = ActivationFunctionType::NONE) {
    const int z = tensor(std::move(shape), std::move(q));
    b.add_operator(BuiltinOperator::ADD, {x, y}, {z}, [&](auto& t) { return schema::CreateAddOptions(t, activation, false); });
    return z;
  }
  int reshape(int x, Dims shape) {
    const int y = tensor(shape);
    b.add_operator(BuiltinOperator::RESHAPE, {x, integers(shape)}, {y});
    return y;
  }

 private:
  TensorType type_;
  int count_ = 0;
};

/// A graph run with and without fusion.
struct Comparison {
  std::string problem;                      // of loading or running; "" where there is none and all outputs are equal
  int nodes = 0, nodes_fused = 0;           // that an observer sees
  std::size_t arena = 0, arena_fused = 0;   // bytes
  std::vector<const std::byte*> addresses;  // of all tensors, fused; null: it does not exist

  int removed() const { return nodes - nodes_fused; }
  /// Bytes from one tensor to the other in the arena.
  std::ptrdiff_t distance(int from, int to) const {
    return addresses[static_cast<std::size_t>(to)] - addresses[static_cast<std::size_t>(from)];
  }
};

inline Comparison compare(Graph& g, Dims inputs, Dims outputs) {
  Comparison c;
  g.b.set_inputs(std::move(inputs));
  g.b.set_outputs(std::move(outputs));
  const auto file = g.b.finish();
  auto model = Model::from_copy(std::as_bytes(std::span(file)));
  if (!model) return c.problem = model.message(), c;
  std::vector<std::vector<std::byte>> wanted;
  for (const bool fuse : {false, true}) {
    auto first = AnyInterpreter::create(*model, {.fuse = fuse});
    if (!first) return c.problem = first.message(), c;
    GuardedArena arena;
    auto made = AnyInterpreter::create(*model, {.arena = arena.of(std::max<std::size_t>(first->arena_bytes(), 1)), .fuse = fuse});
    if (!made) return c.problem = made.message(), c;
    AnyInterpreter& interpreter = *made;
    for (int round = 0; round < 2; ++round) {  // what a run leaves behind must not matter
      tools::SeededStream stream(7);
      for (int i = 0; i < interpreter.input_count(); ++i) {
        auto view = interpreter.input<std::byte>(i);
        if (!view) return c.problem = view.message(), c;
        stream.fill(view->type(), *view);
      }
      (fuse ? c.nodes_fused : c.nodes) = 0;
      auto run = interpreter.invoke([&](const NodeEvent& event) {
        ++(fuse ? c.nodes_fused : c.nodes);
        for (std::size_t o = 0; o < event.outputs.size(); ++o) {
          if (event.outputs[o] != &interpreter.subgraph().tensor(event.output_indices[o]) || event.outputs[o]->data == nullptr)
            c.problem = "an observer sees an output that does not exist";
        }
      });
      if (!run) return c.problem = run.message(), c;
      if (!c.problem.empty()) return c;
      if (!arena.untouched()) return c.problem = "a byte beside the arena was written", c;
      for (int o = 0; o < interpreter.output_count(); ++o) {
        auto view = interpreter.output<std::byte>(o);
        if (!view) return c.problem = view.message(), c;
        if (reinterpret_cast<std::uintptr_t>(view->data()) % arena_alignment != 0) return c.problem = "an output lies askew", c;
        const auto at = static_cast<std::size_t>(o);
        if (wanted.size() <= at) wanted.emplace_back(view->begin(), view->end());
        if (!std::equal(view->begin(), view->end(), wanted[at].begin(), wanted[at].end()))
          return c.problem = "output " + std::to_string(o) + (fuse ? " differs where nodes are fused" : " differs in the second run"), c;
      }
    }
    (fuse ? c.arena_fused : c.arena) = interpreter.arena_bytes();
    c.addresses.clear();
    for (std::size_t t = 0; t < interpreter.subgraph().graph().tensors.size(); ++t) {
      c.addresses.push_back(interpreter.subgraph().tensor(static_cast<std::int32_t>(t)).data);
    }
  }
  if (c.arena_fused > c.arena) c.problem = "the arena grew from " + std::to_string(c.arena) + " to " + std::to_string(c.arena_fused);
  return c;
}

}  // namespace tfl::test
