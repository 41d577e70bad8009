// What ends an interpreter: memory that runs out, limits, somebody who cancels.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/toy_interpreter.hpp"
#include "support/stingy.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ErrorCode;
using tfl::Model;
using tfl::Shape;
using tfl::TensorType;
using tfl::test::fill;
using tfl::test::Floats;
using tfl::test::message_of;
using tfl::test::result;
using tfl::test::run;
using tfl::test::Stingy;
using tfl::test::ToyInterpreter;
using tfl::test::ToyModel;

// ---- Memory that runs out

/// Everything that asks for memory: a copy of the file, nodes out of order, misplaced constants, many operands, folding, packing,
/// scratch, dynamic tensors, resizing.
tfl::Result<void> use_everything(const std::vector<std::uint8_t>& file, tfl::Allocator allocator) {
  auto model = Model::from_copy(std::as_bytes(std::span(file)), allocator);
  if (!model) return model.error();
  auto interpreter = ToyInterpreter::create(*model, {.allocator = allocator});
  if (!interpreter) return interpreter.error();
  for (const std::int32_t rows : {1, 2, 5}) {
    const std::int32_t size[] = {4 * rows};
    if (auto r = interpreter->resize_input(0, size); !r) return r;
    if (auto r = interpreter->allocate(); !r) return r;
    auto x = interpreter->input<float>(0);
    if (!x) return x.error();
    std::fill(x->begin(), x->end(), 1.0f);
    auto shape = interpreter->input<std::int32_t>(1);
    if (!shape) return shape.error();
    (*shape)[0] = rows;
    (*shape)[1] = 4;
    if (auto r = interpreter->invoke(); !r) return r;
    auto y = interpreter->output<float>(0);
    if (!y) return y.error();
    EXPECT_EQ(y->shape(), (Shape{rows, 4}));
    for (const float v : *y) EXPECT_EQ(v, 1.0f);
  }
  return {};
}

TEST(OutOfMemory, IsAnErrorWhereverItHappens) {
  ToyModel toy;
  const int x = toy.tensor({4}), shape = toy.tensor({2}, TensorType::int32), y = toy.tensor({4}), z = toy.tensor({4});
  toy.builder.add_operator(BuiltinOperator::SQUARE, {y}, {z});  // before its input is written
  toy.builder.add_operator(BuiltinOperator::RESHAPE, {x, shape}, {y});
  const int c = toy.constant<float>({1, 2, 3, 4}), w = toy.node("weigh", {toy.node(BuiltinOperator::NEG, {c}), c});
  const int r = toy.node("reverse", {toy.node("weigh", {w, c})});
  toy.builder.add_tensor({.name = "misplaced",
                          .type = TensorType::int32,
                          .shape = {1},
                          .buffer = toy.builder.add_outside_buffer(41, 4)});  // any bytes of the file will do
  const std::vector<std::uint8_t> file = toy.bytes({x, shape}, {z, r});
  Stingy stingy;
  int n = 0;
  for (;; ++n) {
    ASSERT_LT(n, 1000);
    stingy.grants = n;
    const auto done = use_everything(file, stingy.allocator());
    EXPECT_EQ(stingy.blocks, 0) << "blocks were lost when request " << n << " failed";
    if (done) break;
    EXPECT_EQ(done.error().code(), ErrorCode::out_of_memory) << done.message();
    EXPECT_NE(done.message(), "");
  }
  EXPECT_GT(n, 20);
}

TEST(Dynamic, FailuresLeaveNoDanglingOutput) {
  ToyModel toy;
  const int x = toy.tensor({1}), count = toy.tensor({1}, TensorType::int32), y = toy.node("repeat", {x, count}, {1});
  auto model = toy.finish({x, count}, {y, toy.node(BuiltinOperator::NEG, {y}, {1})});
  ASSERT_OK(model);
  Stingy stingy{.grants = -1};
  auto interpreter = ToyInterpreter::create(*model, {.allocator = stingy.allocator()});
  ASSERT_OK(interpreter);
  const auto repeat = [&](std::int32_t n) {
    fill(*interpreter, 0, {2});
    interpreter->input<std::int32_t>(1).value()[0] = n;
    return run(*interpreter);
  };
  const auto look = [&] {  // whatever is shown must be there
    float sum = 0;
    for (int o = 0; o < 2; ++o) {
      if (auto out = interpreter->output<float>(o)) {
        for (const float v : *out) sum += v;
      }
    }
    return sum;
  };
  look();
  ASSERT_EQ(repeat(3), "");
  EXPECT_EQ(result(*interpreter, 1), (Floats{-2, -2, -2}));
  EXPECT_EQ(repeat(-1), "node 0 repeat: output 0 't2' float32[-1]: would have a negative dimension or more than 2^31 - 1 elements");
  look();
  ASSERT_EQ(repeat(2), "");
  EXPECT_EQ(result(*interpreter, 1), (Floats{-2, -2}));
  for (int grants = 0; grants < 4; ++grants) {
    stingy.grants = grants;
    const std::string message = repeat(1000 * (grants + 1));
    look();
    stingy.grants = -1;
    if (message.empty()) break;
    EXPECT_NE(message.find("finds no memory for its"), std::string::npos) << message;
  }
  ASSERT_EQ(repeat(5), "");
  EXPECT_EQ(result(*interpreter, 0), Floats(5, 2.0f));
}

// ---- Limits

/// x -> NEG -> SQUARE -> y, of 1000 elements, and one tensor of rank 3 that nobody uses.
std::vector<std::uint8_t> two_nodes() {
  ToyModel toy;
  const int x = toy.tensor({1000}), n = toy.node(BuiltinOperator::NEG, {x}, {1000}), y = toy.node(BuiltinOperator::SQUARE, {n}, {1000});
  toy.tensor({1, 2, 3});
  return toy.bytes({x}, {y});
}
std::string limited(const tfl::InterpreterOptions& options) {
  const std::vector<std::uint8_t> file = two_nodes();
  const auto model = Model::from_copy(std::as_bytes(std::span(file)));
  if (!model) return message_of(model);
  auto interpreter = ToyInterpreter::create(*model, options);
  return interpreter ? message_of(interpreter->invoke()) : message_of(interpreter);
}

TEST(Limits, OfMemory) {
  EXPECT_EQ(limited({.limits = {.memory = 100'000}}), "");
  EXPECT_EQ(limited({.fuse = false, .limits = {.memory = 3000}}).substr(0, 6), "arena:");
  EXPECT_NE(limited({.fuse = false, .limits = {.memory = 0}}), "");
  const std::vector<std::uint8_t> file = two_nodes();
  const auto model = Model::from_copy(std::as_bytes(std::span(file)));
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model, {.limits = {.memory = 100'000}});
  ASSERT_OK(interpreter);
  for (int round = 0; round < 50; ++round) {  // what is given back counts no longer
    const std::int32_t small[] = {2000 + round}, large[] = {30'000};
    ASSERT_OK(interpreter->resize_input(0, large));
    ASSERT_EQ(message_of(interpreter->allocate()).substr(0, 17), "arena: no memory ");
    ASSERT_OK(interpreter->resize_input(0, small));
    ASSERT_OK(interpreter->allocate());
  }
  ToyInterpreter moved = std::move(*interpreter);
  moved = std::move(ToyInterpreter::create(*model, {.limits = {.memory = 100'000}}).value());
  EXPECT_EQ(run(moved), "");
}

TEST(Limits, OfTensorsAndRank) {
  EXPECT_EQ(limited({.limits = {.tensors = 4}}), "");
  EXPECT_EQ(limited({.limits = {.tensors = 3}}), "subgraph 0 has 4 tensors and 2 nodes; Limits::tensors allows 3 of each");
  EXPECT_EQ(limited({.limits = {.rank = 3}}), "");
  EXPECT_EQ(limited({.limits = {.rank = 2}}), "subgraph 0 has tensor 3 of 3 dimensions; Limits::rank allows 2");
  ToyModel toy;
  const int x = toy.tensor({4}), shape = toy.tensor({3}, TensorType::int32), y = toy.tensor({4});
  toy.builder.add_operator(BuiltinOperator::RESHAPE, {x, shape}, {y});
  auto model = toy.finish({x, shape}, {y});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model, {.limits = {.rank = 2}});
  ASSERT_OK(interpreter);
  auto wanted = interpreter->input<std::int32_t>(1);
  ASSERT_OK(wanted);
  std::fill(wanted->begin(), wanted->end(), 1);
  (*wanted)[0] = 4;
  EXPECT_EQ(run(*interpreter), "node 0 RESHAPE: output 0 't2' float32[4,1,1]: would have more than the 2 dimensions of Limits::rank");
}

TEST(Limits, Cancelling) {
  const std::vector<std::uint8_t> file = two_nodes();
  const auto model = Model::from_copy(std::as_bytes(std::span(file)));
  ASSERT_OK(model);
  tfl::CancelFlag cancel = false;
  auto interpreter = ToyInterpreter::create(*model, {.cancel = &cancel});
  ASSERT_OK(interpreter);
  int nodes = 0;
  const auto stop = [&](const tfl::NodeEvent&) { cancel = ++nodes == 1; };
  const auto r = interpreter->invoke(stop);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), ErrorCode::cancelled);
  EXPECT_EQ(r.message(), "node 1 SQUARE: was cancelled before it ran");
  EXPECT_EQ(nodes, 1);
  EXPECT_EQ(message_of(interpreter->allocate()), "node 0 NEG: was cancelled before it ran");
  cancel = false;
  ASSERT_OK(interpreter->allocate());
  EXPECT_EQ(run(*interpreter), "");
}

}  // namespace
