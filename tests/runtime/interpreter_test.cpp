// What a caller of Interpreter sees: views, sentences of errors, state, observers, signatures.

#include "tfl/runtime/interpreter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/toy_interpreter.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ErrorCode;
using tfl::Model;
using tfl::Shape;
using tfl::TensorType;
using tfl::test::error_of;
using tfl::test::fill;
using tfl::test::Floats;
using tfl::test::message_of;
using tfl::test::result;
using tfl::test::run;
using tfl::test::ToyInterpreter;
using tfl::test::ToyModel;

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

TEST(Interpreter, RefusesAnEmptyModel) {
  const auto made = ToyInterpreter::create(Model());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::invalid_argument);
  EXPECT_NE(made.message(), "");
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

}  // namespace
