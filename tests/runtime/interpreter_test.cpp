// What a caller of Interpreter sees: views, sentences of errors, arenas, shapes, state, observers.

#include "tfl/runtime/interpreter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "support/single_op.hpp"
#include "support/stingy.hpp"
#include "support/toy_ops.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ErrorCode;
using tfl::Model;
using tfl::Shape;
using tfl::TensorType;
using tfl::test::GuardedArena;
using tfl::test::Stingy;
using tfl::test::ToyInterpreter;
using tfl::test::ToyModel;
using Floats = std::vector<float>;

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).message()

template <class R> std::string message_of(const R& result) { return result ? std::string() : std::string(result.message()); }

template <class I> void fill(I& interpreter, int input, const Floats& values) {
  auto view = interpreter.template input<float>(input);
  ASSERT_OK(view);
  ASSERT_EQ(view->size(), values.size());
  std::copy(values.begin(), values.end(), view->begin());
}
template <class I> Floats result(I& interpreter, int output = 0) {
  auto view = interpreter.template output<float>(output);
  return view ? Floats(view->begin(), view->end()) : Floats();
}
template <class I> std::string run(I& interpreter) { return message_of(interpreter.invoke()); }

std::string error_of(ToyModel& toy, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
  auto model = toy.finish(std::move(inputs), std::move(outputs));
  return model ? message_of(ToyInterpreter::create(*model)) : std::string(model.message());
}

// ---- Views

TEST(Interpreter, GivesTypedViews) {
  ToyModel toy;
  const int x = toy.builder.add_tensor(
      {.name = "image", .type = TensorType::float32, .shape = {2, 3}, .quantization = {.scales = {0.5f}, .zero_points = {3}}});
  const int y = toy.node(BuiltinOperator::NEG, {x}, {2, 3});
  auto model = toy.finish({x}, {y});
  ASSERT_OK(model);
  auto made = ToyInterpreter::create(*model);
  ASSERT_OK(made);
  ToyInterpreter& interpreter = *made;
  EXPECT_EQ(interpreter.input_count(), 1);
  EXPECT_EQ(interpreter.output_count(), 1);
  EXPECT_EQ(interpreter.input_name(0), "image");
  EXPECT_EQ(interpreter.output_name(0), "t0");
  EXPECT_EQ(interpreter.output_description(0).shape, (Shape{2, 3}));
  auto in = interpreter.input<float>("image");
  ASSERT_OK(in);
  EXPECT_EQ(in->size(), 6u);
  EXPECT_EQ(in->shape(), (Shape{2, 3}));
  EXPECT_EQ(in->type(), TensorType::float32);
  EXPECT_EQ(in->quantization().scale, 0.5f);
  EXPECT_EQ(in->quantization().zero_point, 3);
  EXPECT_EQ(in->name(), "image");
  EXPECT_EQ(interpreter.input<std::byte>(0)->size(), 24u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(in->data()) % tfl::arena_alignment, 0u);
  fill(interpreter, 0, {1, 2, 3, 4, 5, 6});
  ASSERT_EQ(run(interpreter), "");
  auto out = interpreter.output<float>("t0");
  ASSERT_OK(out);
  EXPECT_EQ(Floats(out->begin(), out->end()), (Floats{-1, -2, -3, -4, -5, -6}));
}

TEST(Interpreter, TellsWhatIsWrongWithAView) {
  ToyModel toy;
  const int x = toy.tensor({4}, TensorType::float32, "image"), w = toy.constant<float>({1, 2, 3, 4});
  auto model = toy.finish({x, w}, {toy.node("add", {x, w}), w});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  EXPECT_EQ(message_of(interpreter->input<float>(2)), "input 2 does not exist: the model has 2 inputs");
  EXPECT_EQ(message_of(interpreter->input<float>(-1)), "input -1 does not exist: the model has 2 inputs");
  EXPECT_EQ(message_of(interpreter->output<float>(2)), "output 2 does not exist: the model has 2 outputs");
  EXPECT_EQ(message_of(interpreter->input<float>("picture")), "no input has the name 'picture'");
  EXPECT_EQ(message_of(interpreter->output<float>("scores")), "no output has the name 'scores'");
  EXPECT_EQ(message_of(interpreter->input<std::int8_t>(0)), "input 0 'image' holds float32, not int8");
  EXPECT_EQ(message_of(interpreter->output<double>(0)), "output 0 't2' holds float32, not float64");
  EXPECT_EQ(message_of(interpreter->input<float>(1)), "input 1 has constant data, which cannot be written");
  EXPECT_EQ(result(*interpreter, 1), (Floats{1, 2, 3, 4}));  // reading is fine
  EXPECT_EQ(interpreter->input<float>(7).error().code(), ErrorCode::invalid_argument);
}

// ---- What create() refuses

TEST(Interpreter, RefusesAnOpThatIsNotInTheRegistry) {
  ToyModel toy;
  const int x = toy.tensor();
  toy.node(BuiltinOperator::NEG, {x});
  const int y = toy.node(BuiltinOperator::CONV_2D, {x});
  auto model = toy.finish({x}, {y});
  ASSERT_OK(model);
  auto made = ToyInterpreter::create(*model);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::unsupported_op);
  EXPECT_EQ(made.error().node(), 1);
  EXPECT_EQ(made.message(), "node 1 CONV_2D: this op is not in the registry; add it to the template arguments of OpRegistry");
  ToyModel custom;
  const int a = custom.tensor();
  EXPECT_EQ(error_of(custom, {a}, {custom.node("fly", {a})}),
            "node 0 fly: this op is not in the registry; add it to the template arguments of OpRegistry");
}

TEST(Interpreter, RefusesANewerVersion) {
  ToyModel toy;
  const int x = toy.tensor(), y = toy.tensor();
  toy.builder.add_operator(BuiltinOperator::NEG, {x}, {y}, 99);
  auto model = toy.finish({x}, {y});
  ASSERT_OK(model);
  auto made = ToyInterpreter::create(*model);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::unsupported_version);
  EXPECT_EQ(made.message(),
            "node 0 NEG: version 99 is newer than this library knows; the newest it runs is " + std::to_string(tfl::Neg::max_version));
}

TEST(Interpreter, RefusesATypeThatTheOpLacks) {
  ToyModel toy;
  const int x = toy.tensor({4}, TensorType::uint64);
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::NEG, {x}, {4}, TensorType::uint64)});
  ASSERT_OK(model);
  auto made = ToyInterpreter::create(*model);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::unsupported_type);
  EXPECT_EQ(made.message(), "node 0 NEG: has no kernel for these types: uint64 -> uint64");
}

TEST(Interpreter, RefusesWrongNumbersOfOperands) {
  ToyModel one;
  const int x = one.tensor();
  EXPECT_EQ(error_of(one, {x}, {one.node(BuiltinOperator::NEG, {x, x})}), "node 0 NEG: has 2 inputs, not 1");
  ToyModel range;
  const int z = range.tensor();
  EXPECT_EQ(error_of(range, {z}, {range.node(BuiltinOperator::RESHAPE, {z, z, z})}), "node 0 RESHAPE: has 3 inputs, not 1 to 2");
  ToyModel outputs;
  const int a = outputs.tensor(), b = outputs.tensor(), c = outputs.tensor();
  outputs.builder.add_operator(BuiltinOperator::NEG, {a}, {b, c});
  EXPECT_EQ(error_of(outputs, {a}, {b}), "node 0 NEG: has 2 outputs, not 1");
}

TEST(Interpreter, NamesNodeTensorAndRule) {
  ToyModel toy;
  const int x = toy.tensor({2, 3}, TensorType::float32, "pixels");
  auto model = toy.finish({x}, {toy.reshape(x, {5})});
  ASSERT_OK(model);
  auto made = ToyInterpreter::create(*model);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::invalid_shape);
  EXPECT_EQ(made.error().node(), 0);
  EXPECT_EQ(made.error().tensor(), x);
  EXPECT_EQ(made.message(), "node 0 RESHAPE: input 0 'pixels' float32[2,3]: its 6 elements do not fill the new shape, which has 5");
}

TEST(Interpreter, RefusesASubgraphThatIsNotThere) {
  ToyModel toy;
  const int x = toy.tensor();
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::NEG, {x})});
  ASSERT_OK(model);
  EXPECT_EQ(message_of(ToyInterpreter::create(*model, {.subgraph = 3})), "interpreter: subgraph 3 does not exist: the model has 1");
  EXPECT_EQ(message_of(ToyInterpreter::create(*model, {.subgraph = -1})), "interpreter: subgraph -1 does not exist: the model has 1");
}

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

// ---- Running

TEST(Run, ErrorsOfDataNameTheTensor) {
  ToyModel toy;
  const int x = toy.tensor(), i = toy.tensor({1}, TensorType::int32, "index");
  auto model = toy.finish({x, i}, {toy.node("at", {x, i}, {1})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model, {.preserve_inputs = true});
  ASSERT_OK(interpreter);
  fill(*interpreter, 0, {1, 2, 3, 4});
  interpreter->input<std::int32_t>(1).value()[0] = 2;
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(result(*interpreter), (Floats{3}));
  interpreter->input<std::int32_t>(1).value()[0] = 9;
  auto failed = interpreter->invoke();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::invalid_value);
  EXPECT_EQ(failed.message(), "node 0 at: input 1 'index' int32[1]: is 9, but there are 4 elements");
  interpreter->input<std::int32_t>(1).value()[0] = 0;
  EXPECT_EQ(run(*interpreter), "");
}

TEST(Run, VariablesLastUntilReset) {
  ToyModel toy;
  const int x = toy.tensor(), state = toy.variable();
  auto model = toy.finish({x}, {toy.node("accumulate", {x, state})});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  const auto step = [&] {
    fill(*interpreter, 0, {1, 2, 3, 4});
    EXPECT_EQ(run(*interpreter), "");
    return result(*interpreter);
  };
  EXPECT_EQ(step(), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(step(), (Floats{2, 4, 6, 8}));
  EXPECT_EQ(interpreter->variable(state).size(), 16u);
  EXPECT_TRUE(interpreter->variable(x).empty());
  EXPECT_TRUE(interpreter->variable(99).empty());
  interpreter->reset_variables();
  EXPECT_EQ(step(), (Floats{1, 2, 3, 4}));
  ToyInterpreter moved = std::move(*interpreter);  // state moves along
  fill(moved, 0, {1, 2, 3, 4});
  ASSERT_EQ(run(moved), "");
  EXPECT_EQ(result(moved), (Floats{2, 4, 6, 8}));
  ASSERT_EQ(message_of(moved.allocate()), "");
  fill(moved, 0, {1, 2, 3, 4});
  ASSERT_EQ(run(moved), "");
  EXPECT_EQ(result(moved), (Floats{1, 2, 3, 4}));
}

TEST(Run, ObserverSeesEveryNodeInOrder) {
  ToyModel toy;
  const int x = toy.tensor(), a = toy.tensor(), b = toy.tensor(), c = toy.tensor();
  toy.builder.add_operator(BuiltinOperator::NEG, {b}, {c});  // the file's order is not that of execution
  toy.builder.add_operator(BuiltinOperator::SQUARE, {a}, {b});
  toy.builder.add_operator(BuiltinOperator::NEG, {x}, {a});
  auto model = toy.finish({x}, {c});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model);
  ASSERT_OK(interpreter);
  fill(*interpreter, 0, {1, 2, 3, 4});
  std::vector<int> steps, nodes;
  std::vector<float> last;
  std::vector<std::string> names;
  ASSERT_EQ(message_of(interpreter->invoke([&](const tfl::NodeEvent& event) {
              steps.push_back(event.step);
              nodes.push_back(event.node->file_index);
              names.emplace_back(event.node->name());
              last.push_back(reinterpret_cast<const float*>(event.outputs[0]->data)[3]);
            })),
            "");
  EXPECT_EQ(steps, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(nodes, (std::vector<int>{2, 1, 0}));
  EXPECT_EQ(names, (std::vector<std::string>{"NEG", "SQUARE", "NEG"}));
  EXPECT_EQ(last, (std::vector<float>{-4, 16, -16}));
}

TEST(Run, ManyInterpretersOfOneModel) {
  ToyModel toy;
  const int x = toy.tensor(), w = toy.constant<float>({1, 2, 3, 4});
  auto model = toy.finish({x}, {toy.node("weigh", {x, w})});
  ASSERT_OK(model);
  tfl::test::ToyWeigh::packs = 0;
  std::vector<ToyInterpreter> interpreters;
  for (int i = 0; i < 5; ++i) {
    auto made = ToyInterpreter::create(*model);
    ASSERT_OK(made);
    interpreters.push_back(std::move(*made));
  }
  EXPECT_EQ(tfl::test::ToyWeigh::packs, 1);  // made once, shared by all
  *model = Model();                          // they keep the file
  for (int i = 0; i < 5; ++i) fill(interpreters[static_cast<std::size_t>(i)], 0, Floats(4, static_cast<float>(i)));
  for (auto& interpreter : interpreters) ASSERT_EQ(run(interpreter), "");
  for (int i = 0; i < 5; ++i) {
    const auto k = static_cast<float>(i);
    EXPECT_EQ(result(interpreters[static_cast<std::size_t>(i)]), (Floats{k, 2 * k, 3 * k, 4 * k}));
  }
}

// ---- Signatures

TEST(Signature, GivesItsNames) {
  ToyModel toy;
  const int x = toy.tensor({4}, TensorType::float32, "serving_default_x:0"), v = toy.tensor({4}, TensorType::float32, "other");
  const int y = toy.node("add", {x, v});
  toy.builder.add_signature("serve", {{"image", static_cast<std::uint32_t>(x)}, {"bias", static_cast<std::uint32_t>(v)}},
                            {{"scores", static_cast<std::uint32_t>(y)}});
  auto model = toy.finish({v, x}, {y});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model, "serve");
  ASSERT_OK(interpreter);
  auto image = interpreter->input<float>("image");
  auto bias = interpreter->input<float>("bias");
  ASSERT_OK(image);
  ASSERT_OK(bias);
  EXPECT_EQ(image->name(), "serving_default_x:0");
  EXPECT_EQ(bias->data(), interpreter->input<float>(0)->data());
  EXPECT_EQ(interpreter->input<float>("other")->data(), bias->data());  // tensors' own names still work
  std::fill(image->begin(), image->end(), 2.0f);
  std::fill(bias->begin(), bias->end(), 0.5f);
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(interpreter->output<float>("scores").value()[0], 2.5f);
  EXPECT_EQ(message_of(interpreter->input<float>("scores")), "no input has the name 'scores'");
  EXPECT_EQ(message_of(ToyInterpreter::create(*model, "train")), "no signature has the name 'train'");
  // Without the signature its names are unknown.
  auto plain = ToyInterpreter::create(*model);
  ASSERT_OK(plain);
  EXPECT_EQ(message_of(plain->input<float>("image")), "no input has the name 'image'");
}

TEST(Signature, OfAnotherSubgraph) {
  ToyModel toy;
  toy.builder.begin_subgraph("main");
  const int x = toy.tensor(), y = toy.node(BuiltinOperator::NEG, {x});
  toy.builder.set_inputs({x});
  toy.builder.set_outputs({y});
  toy.builder.begin_subgraph("square");
  toy.tensor({3});
  toy.node(BuiltinOperator::SQUARE, {0}, {3});
  toy.builder.add_signature("square", {{"in", 0}}, {{"out", 1}}, 1);
  auto model = toy.finish({0}, {1});
  ASSERT_OK(model);
  auto interpreter = ToyInterpreter::create(*model, "square");
  ASSERT_OK(interpreter);
  fill(*interpreter, 0, {1, 2, 3});
  ASSERT_EQ(run(*interpreter), "");
  EXPECT_EQ(interpreter->output<float>("out").value()[2], 9.0f);
  auto main = ToyInterpreter::create(*model);
  ASSERT_OK(main);
  EXPECT_EQ(main->input<float>(0)->size(), 4u);
}

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

TEST(Interpreter, RefusesAnEmptyModel) {
  const auto made = ToyInterpreter::create(Model());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::invalid_argument);
  EXPECT_NE(made.message(), "");
}

}  // namespace
