#pragma once
// Small custom ops that show one ability of the runtime each, and the models that tests make of them.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/unary.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl::test {

/// What the toys have in common: float32, the output has the shape of input 0.
struct Toy {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  using Options = NoOptions;
  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).shape = node.input(0).shape;
    return {};
  }
  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }
  using Types = Signatures<Signature<Takes<float, float>, Gives<float>>>;
};

/// y = a + b, in place where it may.
struct ToyAdd : Toy {
  static constexpr std::string_view custom_name = "add";
  static constexpr OpTraits traits{.in_place = true};
  template <class Run, class In, class Out> static void eval(const Run&, In a, In b, Out y) {
    for (std::int64_t i = 0; i < y.count(); ++i) y[i] = a[i] + b[i];
  }
};

/// y = the sum of all x so far, kept in the variable that is input 1.
struct ToyAccumulate : Toy {
  static constexpr std::string_view custom_name = "accumulate";
  static constexpr OpTraits traits{.has_side_effects = true};
  template <class Run, class In, class Out> static void eval(const Run&, In x, In state, Out y) {
    auto* kept = const_cast<float*>(state.data());
    for (std::int64_t i = 0; i < y.count(); ++i) y[i] = kept[i] += x[i];
  }
};

/// y = x times constant weights, which it reads from its own layout. `packs` counts how often that was made.
struct ToyWeigh : Toy {
  static constexpr std::string_view custom_name = "weigh";
  static inline std::atomic<int> packs = 0;
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.packed_bytes = node.input(1).is_constant ? node.input(1).bytes() : 0};
  }
  template <class Run, class In> static void pack(const Run&, In, In weights, std::byte* packed) {
    ++packs;
    auto* to = reinterpret_cast<float*>(packed);
    for (std::int64_t i = 0; i < weights.count(); ++i) to[i] = 2 * weights[i];
  }
  template <class Run, class In, class Out> static void eval(const Run& run, In x, In, Out y) {
    const auto* twice = reinterpret_cast<const float*>(run.packed);
    for (std::int64_t i = 0; i < y.count(); ++i) y[i] = x[i] * twice[i] / 2;
  }
};

/// y = x backwards, through working memory; it may even have x's memory.
struct ToyReverse : Toy {
  static constexpr std::string_view custom_name = "reverse";
  static constexpr Arity inputs = 1;
  static constexpr OpTraits traits{.in_place = true};
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = node.input(0).bytes()};
  }
  template <class Run, class In, class Out> static void eval(const Run& run, In x, Out y) {
    auto* scratch = reinterpret_cast<float*>(run.scratch);
    for (std::int64_t i = 0; i < x.count(); ++i) scratch[i] = x[i];
    for (std::int64_t i = 0; i < x.count(); ++i) y[i] = scratch[x.count() - 1 - i];
  }
  using Types = Signatures<Signature<Takes<float>, Gives<float>>>;
};

/// y = x[i]; fails while running where i lies outside.
struct ToyAt : Toy {
  static constexpr std::string_view custom_name = "at";
  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).shape = {1};
    return {};
  }
  template <class Run, class In, class Index, class Out> static Violation eval(const Run&, In x, Index i, Out y) {
    if (i[0] < 0 || i[0] >= x.count())
      return input_violation(1, ErrorCode::invalid_value, "is {}, but there are {} elements", i[0], x.count());
    y[0] = x[i[0]];
    return {};
  }
  using Types = Signatures<Signature<Takes<float, std::int32_t>, Gives<float>>>;
};

/// y = x[0] n times: the value of input 1 decides the shape.
struct ToyRepeat : Toy {
  static constexpr std::string_view custom_name = "repeat";
  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_known(node, 1)) return v;
    node.output(0).shape = {static_cast<std::int32_t>(node.input(1).integers[0])};
    return {};
  }
  template <class Run, class In, class Count, class Out> static void eval(const Run&, In x, Count, Out y) {
    for (std::int64_t i = 0; i < y.count(); ++i) y[i] = x[0];
  }
  using Types = Signatures<Signature<Takes<float, std::int32_t>, Gives<float>>>;
};

using ToyOps = OpRegistry<Reshape, Neg, Square, ToyAdd, ToyAccumulate, ToyWeigh, ToyReverse, ToyAt, ToyRepeat>;
using ToyInterpreter = Interpreter<ToyOps>;

/// A model in few words: tensors are float32 unless said otherwise and have names; t0, t1 ... where no other is given.
class ToyModel {
 public:
  ModelBuilder builder;

  int tensor(std::vector<std::int32_t> shape = {4}, TensorType type = TensorType::float32, std::string name = {}) {
    return builder.add_tensor({.name = named(std::move(name)), .type = type, .shape = std::move(shape)});
  }
  int variable(std::vector<std::int32_t> shape = {4}) {
    return builder.add_tensor({.name = named({}), .type = TensorType::float32, .shape = std::move(shape), .is_variable = true});
  }
  template <class T> int constant(const std::vector<T>& values) {
    return builder.add_constant({.name = named({}), .shape = {static_cast<std::int32_t>(values.size())}}, values);
  }
  /// Adds a node and returns its new output.
  int node(BuiltinOperator code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> shape = {4},
           TensorType type = TensorType::float32) {
    const int y = tensor(std::move(shape), type);
    builder.add_operator(code, std::move(inputs), {y});
    return y;
  }
  int node(std::string_view custom, std::vector<std::int32_t> inputs, std::vector<std::int32_t> shape = {4}) {
    const int y = tensor(std::move(shape));
    builder.add_custom_operator(custom, std::move(inputs), {y});
    return y;
  }
  int reshape(int x, std::vector<std::int32_t> shape) {
    const int y = tensor(shape);
    builder.add_operator(BuiltinOperator::RESHAPE, {x}, {y},
                         [&](auto& tables) { return schema::CreateReshapeOptions(tables, tables.CreateVector(shape)); });
    return y;
  }
  std::vector<std::uint8_t> bytes(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
    builder.set_inputs(std::move(inputs));
    builder.set_outputs(std::move(outputs));
    return builder.finish();
  }
  Result<Model> finish(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, Allocator allocator = heap_allocator()) {
    const std::vector<std::uint8_t> file = bytes(std::move(inputs), std::move(outputs));
    return Model::from_copy(std::as_bytes(std::span(file)), allocator);
  }

 private:
  std::string named(std::string name) {
    const int number = names_++;
    return name.empty() ? "t" + std::to_string(number) : name;
  }
  int names_ = 0;
};

}  // namespace tfl::test
