// The arena of an interpreter: what shares bytes there, and shapes that change.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/toy_interpreter.hpp"
#include "support/single_op.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ErrorCode;
using tfl::Shape;
using tfl::TensorType;
using tfl::test::fill;
using tfl::test::Floats;
using tfl::test::GuardedArena;
using tfl::test::message_of;
using tfl::test::result;
using tfl::test::run;
using tfl::test::ToyInterpreter;
using tfl::test::ToyModel;

// ---- The arena

TEST(Arena, ChainOfElementwiseOpsHasOneBuffer) {
  ToyModel toy;
  const int x = toy.tensor({1000}), a = toy.node(BuiltinOperator::NEG, {x}, {1000}), b = toy.node(BuiltinOperator::NEG, {a}, {1000});
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::SQUARE, {b}, {1000})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 4000u);
  fill(*interpreter, 0, Floats(1000, 3.0f));
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), Floats(1000, 9.0f));
}

TEST(Arena, ReshapeIsFree) {
  ToyModel toy;
  const int x = toy.tensor({6}), a = toy.node(BuiltinOperator::NEG, {x}, {6}), b = toy.reshape(a, {2, 3});
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::SQUARE, {b}, {2, 3})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 24u);
  fill(*interpreter, 0, {1, 2, 3, 4, 5, 6});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{1, 4, 9, 16, 25, 36}));
  EXPECT_EQ(interpreter->output_description(0).shape, (Shape{2, 3}));
}

TEST(Arena, ViewIsKeptUntilItsLastReader) {
  // The view of a is read after a's other reader, which therefore must not overwrite it.
  ToyModel toy;
  const int x = toy.tensor(), a = toy.node(BuiltinOperator::SQUARE, {x}), view = toy.reshape(a, {2, 2}),
            b = toy.node(BuiltinOperator::NEG, {a}), c = toy.node(BuiltinOperator::NEG, {view}, {2, 2});
  auto model = toy.finish({x}, {b, c});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  fill(*interpreter, 0, {1, 2, 3, 4});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter, 0), (Floats{-1, -4, -9, -16}));
  EXPECT_EQ(result(*interpreter, 1), (Floats{-1, -4, -9, -16}));
}

TEST(Arena, BranchForbidsOverwriting) {
  ToyModel toy;
  const int x = toy.tensor(), a = toy.node(BuiltinOperator::NEG, {x}), b = toy.node(BuiltinOperator::SQUARE, {a});
  auto model = toy.finish({x}, {toy.node("add", {a, b})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 32u);
  fill(*interpreter, 0, {1, 2, 3, 4});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{0, 2, 6, 12}));
}

TEST(Arena, OutputsAreNotOverwritten) {
  ToyModel toy;
  const int x = toy.tensor(), a = toy.node(BuiltinOperator::NEG, {x});
  auto model = toy.finish({x}, {a, toy.node(BuiltinOperator::SQUARE, {a})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  fill(*interpreter, 0, {1, 2, 3, 4});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter, 0), (Floats{-1, -2, -3, -4}));
  EXPECT_EQ(result(*interpreter, 1), (Floats{1, 4, 9, 16}));
}

TEST(Arena, TheSameTensorTwice) {
  ToyModel toy;
  const int x = toy.tensor();
  auto model = toy.finish({x}, {toy.node("add", {x, x})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 16u);
  fill(*interpreter, 0, {1, 2, 3, 4});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{2, 4, 6, 8}));
}

TEST(Arena, PreservedInputsKeepTheirBytes) {
  ToyModel toy;
  const int x = toy.tensor(), v = toy.reshape(x, {2, 2});
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::NEG, {v}, {2, 2})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model, {.preserve_inputs = true});
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 32u);
  fill(*interpreter, 0, {1, 2, 3, 4});
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(run(*interpreter), "");
    EXPECT_EQ(result(*interpreter), (Floats{-1, -2, -3, -4}));
  }
  EXPECT_EQ(interpreter->input<float>(0).value()[3], 4.0f);
}

TEST(Arena, OfTheCallerIsUsedExactly) {
  ToyModel toy;
  const int x = toy.tensor({5}), a = toy.node("reverse", {x}, {5}), b = toy.node(BuiltinOperator::SQUARE, {a}, {5});
  auto model = toy.finish({x}, {toy.node("add", {a, b}, {5})});
  ASSERT_OK(model);
  auto own = ToyInterpreter::create(*model);
  ASSERT_OK(own);
  const std::size_t bytes = own->arena_bytes();
  EXPECT_EQ(bytes % 4, 0u);
  GuardedArena arena;
  auto interpreter = ToyInterpreter::create(*model, {.arena = arena.of(bytes)});
  ASSERT_OK(interpreter);
  fill(*interpreter, 0, {1, 2, 3, 4, 5});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{30, 20, 12, 6, 2}));
  EXPECT_TRUE(arena.untouched());

  auto small = ToyInterpreter::create(*model, {.arena = arena.of(bytes - 1)});
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code(), ErrorCode::out_of_memory);
  EXPECT_EQ(small.message(), "arena: " + std::to_string(bytes - 1) + " bytes are too few, the model takes " + std::to_string(bytes));
  EXPECT_TRUE(arena.untouched());
  EXPECT_EQ(message_of(ToyInterpreter::create(*model, {.arena = arena.of(bytes + 1).subspan(1)})),
            "arena: its address must be a multiple of 16");
  EXPECT_TRUE(arena.untouched());

  // Another arena later.
  GuardedArena second;
  ASSERT_EQ(message_of(interpreter->allocate(second.of(bytes))), "");
  fill(*interpreter, 0, {1, 2, 3, 4, 5});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{30, 20, 12, 6, 2}));
  EXPECT_TRUE(second.untouched());
}

TEST(Arena, ModelWithoutNodes) {
  ToyModel toy;
  const int x = toy.tensor({3});
  auto model = toy.finish({x}, {x});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 12u);
  fill(*interpreter, 0, {1, 2, 3});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{1, 2, 3}));
}

TEST(Arena, TensorsWithoutElements) {
  ToyModel toy;
  const int x = toy.tensor({0, 3});
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::NEG, {x}, {0, 3})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 0u);
  ASSERT_EQ(run(*interpreter), "");
  auto out = interpreter->output<float>(0);
  ASSERT_OK(out);
  EXPECT_TRUE(out->empty());
  EXPECT_EQ(out->shape(), (Shape{0, 3}));
}

// ---- Shapes that change

TEST(Resize, InfersAndPlansAgain) {
  ToyModel toy;
  const int x = toy.tensor({1, 2}), a = toy.node(BuiltinOperator::NEG, {x}, {1, 2});
  auto model = toy.finish({x}, {toy.node("reverse", {a}, {1, 2})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  for (const std::int32_t batch : {3, 1, 100, 0, 2}) {
    ASSERT_EQ(message_of(interpreter->resize_input(0, Shape{batch, 2}.dims())), "");
    EXPECT_EQ(run(*interpreter), "invoke: call allocate() after resize_input()");
    EXPECT_EQ(message_of(interpreter->input<float>(0)), "input: call allocate() after resize_input()");
    EXPECT_EQ(message_of(interpreter->output<float>(0)), "output: call allocate() after resize_input()");
    ASSERT_EQ(message_of(interpreter->allocate()), "");
    EXPECT_EQ(interpreter->output_description(0).shape, (Shape{batch, 2}));
    Floats values, reversed;
    for (int i = 0; i < 2 * batch; ++i) values.push_back(static_cast<float>(i));
    for (auto v = values.rbegin(); v != values.rend(); ++v) reversed.push_back(-*v);
    fill(*interpreter, 0, values);
    ASSERT_EQ(run(*interpreter), "");
    EXPECT_EQ(result(*interpreter), reversed);
  }
}

TEST(Resize, RefusesWhatCannotBe) {
  ToyModel toy;
  const int x = toy.tensor({2, 3}), w = toy.constant<float>({1});
  auto model = toy.finish({x, w}, {toy.reshape(x, {3, 2})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  const auto resize = [&](int i, const std::vector<std::int32_t>& shape) { return message_of(interpreter->resize_input(i, shape)); };
  EXPECT_EQ(resize(2, {1}), "resize_input: input 2 does not exist: the model has 2 inputs");
  EXPECT_EQ(resize(-1, {1}), "resize_input: input -1 does not exist: the model has 2 inputs");
  EXPECT_EQ(resize(0, {2, -1}),
            "resize_input: input 0 cannot have shape [2,-1]: a dimension is negative, or their product passes 2^31 - 1");
  EXPECT_EQ(resize(0, {65536, 65536}),
            "resize_input: input 0 cannot have shape [65536,65536]: a dimension is negative, or their product passes 2^31 - 1");
  EXPECT_EQ(resize(0, std::vector<std::int32_t>(9, 2)), "resize_input: 9 dimensions are too many, at most 8 beside leading ones");
  EXPECT_EQ(resize(1, {2}), "resize_input: input 1 has constant data");
  // A shape that an op refuses: told by allocate(), and the way back is open.
  EXPECT_EQ(resize(0, {2, 4}), "");
  EXPECT_EQ(message_of(interpreter->allocate()),
            "node 0 RESHAPE: input 0 't0' float32[2,4]: its 8 elements do not fill the new shape, which has 6");
  EXPECT_EQ(run(*interpreter), "invoke: call allocate() after resize_input()");
  EXPECT_EQ(resize(0, {6, 1}), "");
  EXPECT_EQ(message_of(interpreter->allocate()), "");
  fill(*interpreter, 0, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{1, 2, 3, 4, 5, 6}));
}

TEST(Dynamic, ShapeFromAnInput) {
  ToyModel toy;
  const int x = toy.tensor({6}), shape = toy.tensor({2}, TensorType::int32, "shape"),
            y = toy.node(BuiltinOperator::RESHAPE, {x, shape}, {6}), z = toy.node(BuiltinOperator::NEG, {y}, {6});
  auto model = toy.finish({x, shape}, {z, y});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_TRUE(interpreter->subgraph().has_dynamic_tensors());
  const auto ask = [&](std::int32_t rows, std::int32_t columns) {
    fill(*interpreter, 0, {1, 2, 3, 4, 5, 6});
    auto wanted = interpreter->input<std::int32_t>("shape");
    ASSERT_OK(wanted);
    (*wanted)[0] = rows;
    (*wanted)[1] = columns;
  };
  for (const auto& wanted : {Shape{2, 3}, Shape{6, 1}, Shape{1, 6}, Shape{3, 2}}) {
    ask(wanted[0], wanted[1]);
    ASSERT_EQ(run(*interpreter), "");
    EXPECT_EQ(interpreter->output<float>(0)->shape(), wanted);
    EXPECT_EQ(result(*interpreter, 0), (Floats{-1, -2, -3, -4, -5, -6}));
    EXPECT_EQ(result(*interpreter, 1), (Floats{1, 2, 3, 4, 5, 6}));
  }
  ask(-1, 3);
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(interpreter->output<float>(0)->shape(), (Shape{2, 3}));
  ask(4, 2);
  EXPECT_EQ(run(*interpreter), "node 0 RESHAPE: input 0 't0' float32[6]: its 6 elements do not fill the new shape, which has 8");
  ask(-1, -1);
  EXPECT_EQ(run(*interpreter), "node 0 RESHAPE: the new shape has -1 twice, in dimensions 0 and 1");
  ask(3, 2);
  EXPECT_EQ(run(*interpreter), "");
}

TEST(Dynamic, FoldsWhatIsConstant) {
  ToyModel toy;
  const int x = toy.tensor(), c = toy.constant<float>({1, 2, 3, 4}), d = toy.node(BuiltinOperator::SQUARE, {c}),
            e = toy.node(BuiltinOperator::NEG, {d});
  auto model = toy.finish({x}, {toy.node("add", {x, e})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(interpreter->arena_bytes(), 16u);  // nothing of what was computed beforehand is in the arena
  for (int i = 0; i < 2; ++i) {
    fill(*interpreter, 0, {1, 1, 1, 1});
    ASSERT_EQ(run(*interpreter), "");
    EXPECT_EQ(result(*interpreter), (Floats{0, -3, -8, -15}));
    ASSERT_EQ(message_of(interpreter->allocate()), "");  // and it can be planned again
  }
}

TEST(Dynamic, FoldedShape) {
  // The shape is computed from constants: known before running, nothing is dynamic.
  ToyModel toy;
  const int x = toy.tensor({6}), c = toy.constant<std::int32_t>({-2, -3}),
            shape = toy.node(BuiltinOperator::NEG, {c}, {2}, TensorType::int32);
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::RESHAPE, {x, shape}, {1})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_FALSE(interpreter->subgraph().has_dynamic_tensors());
  EXPECT_EQ(interpreter->output_description(0).shape, (Shape{2, 3}));
}

}  // namespace
