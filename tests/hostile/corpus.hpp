#pragma once
// What the corpus of weak spots is made of: models of one node in few words, and what a program makes of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/all_ops.hpp"
#include "support/micro_ops.hpp"
#include "support/sparse_constant.hpp"
#include "support/stingy.hpp"
#include "tfl/model/builder.hpp"

namespace tfl::test {

using Bytes = std::vector<std::uint8_t>;
using Dims = std::vector<std::int32_t>;

/// A model of one node, operand by operand.
class OneNode {
 public:
  ModelBuilder builder;

  /// An input that the caller fills.
  OneNode& in(Dims shape, TensorType type = TensorType::float32, QuantizationSpec quantization = {}) {
    inputs_.push_back(add(std::move(shape), type, std::move(quantization)));
    given_.push_back(inputs_.back());
    return *this;
  }
  OneNode& ints(Dims shape, const Dims& values) { return constant(std::move(shape), values); }
  OneNode& ints(const Dims& values) { return constant({static_cast<std::int32_t>(values.size())}, values); }
  /// A constant, of another type than that of its values where one is given.
  template <class T>
  OneNode& constant(Dims shape, const std::vector<T>& values, QuantizationSpec quantization = {}, TensorType type = TensorType::none) {
    inputs_.push_back(
        builder.add_constant({.name = next(), .type = type, .shape = std::move(shape), .quantization = std::move(quantization)}, values));
    return *this;
  }
  OneNode& variable(Dims shape) {
    inputs_.push_back(builder.add_tensor({.name = next(), .type = TensorType::float32, .shape = std::move(shape), .is_variable = true}));
    return *this;
  }
  OneNode& absent() {
    inputs_.push_back(-1);
    return *this;
  }
  OneNode& out(TensorType type = TensorType::float32, Dims shape = {1}, QuantizationSpec quantization = {}) {
    outputs_.push_back(add(std::move(shape), type, std::move(quantization)));
    return *this;
  }

  Bytes of(BuiltinOperator code, int version = 1) { return finish(code, {}, version); }
  template <OptionsMaker Make> Bytes of(BuiltinOperator code, Make make, int version = 1) {
    return finish(code, ModelBuilder::options(make(builder.tables())), version);
  }
  Bytes of_custom(const char* name, std::vector<std::uint8_t> custom_options = {}) {
    builder.set_inputs(given_);
    builder.set_outputs(outputs_);
    builder.add_custom_operator(name, inputs_, outputs_, custom_options);
    return builder.finish();
  }

 private:
  std::string next() { return std::string("t").append(std::to_string(names_++)); }
  int add(Dims shape, TensorType type, QuantizationSpec quantization) {
    return builder.add_tensor({.name = next(), .type = type, .shape = std::move(shape), .quantization = std::move(quantization)});
  }
  Bytes finish(BuiltinOperator code, OperatorOptions options, int version) {
    builder.set_inputs(given_);
    builder.set_outputs(outputs_);
    builder.add_operator(code, inputs_, outputs_, options, version);
    return builder.finish();
  }

  Dims inputs_, outputs_, given_;
  int names_ = 0;
};

/// One weak spot: a model, what callers feed to all integer inputs (others get ones), and the sentence that is expected; "" where the
/// model is odd but right.
struct WeakSpot {
  const char* name;
  const char* reference;  // the advisory about TensorFlow Lite, or the class of weaknesses
  Bytes (*make)();
  std::string message;
  std::int32_t fed = 0;
};

/// "" or the first error of two runs.
template <class Interpreter> std::string outcome_of_runs(Interpreter& interpreter, std::int32_t fed) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < interpreter.input_count(); ++i) {
      auto view = interpreter.template input<std::byte>(i);
      if (!view) continue;
      const auto fill = [&view](auto value) {
        for (std::size_t at = 0; at + sizeof(value) <= view->size(); at += sizeof(value))
          std::memcpy(view->data() + at, &value, sizeof(value));
      };
      switch (interpreter.input_description(i).type) {
        case TensorType::float32: fill(1.0f); break;
        case TensorType::int32: fill(fed); break;
        case TensorType::int64: fill(static_cast<std::int64_t>(fed)); break;
        default: fill(static_cast<std::uint8_t>(1));
      }
    }
    if (auto r = interpreter.invoke(); !r) return std::string(r.message());
    for (int o = 0; o < interpreter.output_count(); ++o) {
      auto view = interpreter.template output<std::byte>(o);
      if (!view) return std::string(view.message());
      unsigned sum = 0;  // reads every byte: sanitizers watch
      for (const std::byte b : *view) sum += static_cast<unsigned>(b);
      if (sum > 255u * view->size()) return "impossible";
    }
  }
  return {};
}

/// "" or the first error on the way from the file to two runs.
inline std::string outcome(const Bytes& bytes, std::int32_t fed, Allocator allocator = heap_allocator()) {
  auto model = Model::from_copy(std::as_bytes(std::span(bytes)), allocator);
  if (!model) return std::string(model.message());
  auto interpreter = AnyInterpreter::create(*model, {.limits = {.memory = std::size_t{64} << 20, .calls = 1000}, .allocator = allocator});
  if (!interpreter) return std::string(interpreter.message());
  return outcome_of_runs(*interpreter, fed);
}

/// The interpreter for small programs runs the file, or refuses it with a sentence: what it lacks may make it another one.
inline bool is_safe_in_micro_interpreter(const Bytes& bytes, std::int32_t fed, std::size_t arena_bytes) {
  Array<std::byte> file, arena;
  if (!file.allocate(heap_allocator(), bytes.size()) || !arena.allocate(heap_allocator(), arena_bytes)) return false;
  if (!bytes.empty()) std::memcpy(file.data(), bytes.data(), bytes.size());
  auto interpreter = AnyMicroInterpreter::create(file.span(), arena.span());
  if (!interpreter) return !interpreter.message().empty();
  const std::string message = outcome_of_runs(*interpreter, fed);
  return message.empty() || message.starts_with("node ");
}

/// Whichever request for memory is the first that fails: an error, and every block is given back.
inline void expect_nothing_lost(const Bytes& bytes, std::int32_t fed) {
  Stingy stingy;
  for (int n = 0; n < 40; ++n) {
    stingy.grants = n;
    (void)outcome(bytes, fed, stingy.allocator());
    ASSERT_EQ(stingy.blocks, 0) << "blocks were lost when request " << n << " failed";
    if (stingy.grants > 0) break;  // it had enough
  }
}

inline void PrintTo(const WeakSpot& spot, std::ostream* stream) { *stream << spot.name << " (" << spot.reference << ')'; }

class Corpus : public testing::TestWithParam<WeakSpot> {};

}  // namespace tfl::test

#define TFL_CORPUS(suite, spots)                                                                                                    \
  namespace tfl::test {                                                                                                             \
  TEST_P(Corpus, IsRefusedOrRuns) { EXPECT_EQ(outcome(GetParam().make(), GetParam().fed), GetParam().message); }                    \
  TEST_P(Corpus, IsSafeInMicroInterpreter) {                                                                                        \
    const Bytes file = GetParam().make();                                                                                           \
    for (const std::size_t arena : {0, 16, 256, 400, 640, 1024, 1600, 4096, 1 << 20})                                               \
      EXPECT_TRUE(is_safe_in_micro_interpreter(file, GetParam().fed, arena)) << arena;                                              \
  }                                                                                                                                 \
  TEST_P(Corpus, LosesNothingWithoutMemory) { expect_nothing_lost(GetParam().make(), GetParam().fed); }                             \
  INSTANTIATE_TEST_SUITE_P(suite, Corpus, testing::ValuesIn(spots), [](const auto& info) { return std::string(info.param.name); }); \
  }
