// archs: none
// labels: threads
// IF, WHILE and their like: which subgraph runs, what it gives, and what ends a loop. Variables and hash tables that subgraphs share.

#include "tfl/runtime/control_flow.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/stingy.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/comparison.hpp"
#include "tfl/kernels/concatenation.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/variables.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ModelBuilder;
using tfl::Shape;
using tfl::TensorType;

using Ops = tfl::OpRegistry<tfl::Add, tfl::Mul, tfl::Less, tfl::Concatenation, tfl::If, tfl::While, tfl::CallOnce, tfl::Call,
                            tfl::StablehloCase, tfl::StablehloComposite, tfl::VarHandle, tfl::ReadVariable, tfl::AssignVariable>;
using Interpreter = tfl::Interpreter<Ops>;

/// Subgraphs of float32 tensors in few words.
class Program {
 public:
  ModelBuilder builder;

  int tensor(std::vector<std::int32_t> shape = {1}, TensorType type = TensorType::float32) {
    return builder.add_tensor({.name = "t", .type = type, .shape = std::move(shape)});
  }
  int constant(float value) { return builder.add_constant({.name = "c", .shape = {1}}, {value}); }
  int add(int a, int b, std::vector<std::int32_t> shape = {1}) {
    const int y = tensor(std::move(shape));
    builder.add_operator(BuiltinOperator::ADD, {a, b}, {y}, [](auto& tables) { return tfl::schema::CreateAddOptions(tables); });
    return y;
  }
  int multiply(int a, int b) {
    const int y = tensor();
    builder.add_operator(BuiltinOperator::MUL, {a, b}, {y}, [](auto& tables) { return tfl::schema::CreateMulOptions(tables); });
    return y;
  }
  int less(int a, int b) {
    const int y = tensor({1}, TensorType::boolean);
    builder.add_operator(BuiltinOperator::LESS, {a, b}, {y}, [](auto& tables) { return tfl::schema::CreateLessOptions(tables); });
    return y;
  }
  int concatenate(int a, int b) {
    const int y = tensor({2});
    builder.add_operator(BuiltinOperator::CONCATENATION, {a, b}, {y},
                         [](auto& tables) { return tfl::schema::CreateConcatenationOptions(tables, 0); });
    return y;
  }
  void branch(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, int then_graph, int else_graph) {
    builder.add_operator(BuiltinOperator::IF, std::move(inputs), std::move(outputs),
                         [&](auto& tables) { return tfl::schema::CreateIfOptions(tables, then_graph, else_graph); });
  }
  void loop(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, int condition, int body) {
    builder.add_operator(BuiltinOperator::WHILE, std::move(inputs), std::move(outputs),
                         [&](auto& tables) { return tfl::schema::CreateWhileOptions(tables, condition, body); });
  }
  void call(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, int subgraph) {
    builder.add_operator(BuiltinOperator::CALL, std::move(inputs), std::move(outputs),
                         [&](auto& tables) { return tfl::schema::CreateCallOptions(tables, static_cast<unsigned>(subgraph)); });
  }
  int variable(const char* name) {
    const int handle = tensor({1}, TensorType::resource);
    builder.add_operator(BuiltinOperator::VAR_HANDLE, {}, {handle},
                         [&](auto& tables) { return tfl::schema::CreateVarHandleOptionsDirect(tables, "", name); });
    return handle;
  }
  void assign(int handle, int value) {
    builder.add_operator(BuiltinOperator::ASSIGN_VARIABLE, {handle, value}, {},
                         [](auto& tables) { return tfl::schema::CreateAssignVariableOptions(tables); });
  }
  int read(int handle, std::vector<std::int32_t> shape = {1}) {
    const int y = tensor(std::move(shape));
    builder.add_operator(BuiltinOperator::READ_VARIABLE, {handle}, {y},
                         [](auto& tables) { return tfl::schema::CreateReadVariableOptions(tables); });
    return y;
  }
  void ends(std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
    builder.set_inputs(std::move(inputs));
    builder.set_outputs(std::move(outputs));
  }
  /// A subgraph of its own: x < limit.
  int condition_below(float limit) {
    const int g = builder.begin_subgraph("condition");
    const int x = tensor();
    ends({x}, {less(x, constant(limit))});
    return g;
  }
  tfl::Result<Interpreter> interpreter(const tfl::InterpreterOptions& options = {}) {
    const std::vector<std::uint8_t> file = builder.finish();
    auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
    if (!model) return model.error();
    return Interpreter::create(*model, options);
  }
};

std::vector<float> output(Interpreter& interpreter, int i = 0) {
  auto out = interpreter.output<float>(i);
  return out ? std::vector<float>(out->begin(), out->end()) : std::vector<float>{};
}
template <class T> void set(Interpreter& interpreter, int i, const std::vector<T>& values) {
  auto in = interpreter.input<T>(i);
  ASSERT_TRUE(in) << in.message();
  ASSERT_EQ(in->size(), values.size());
  for (std::size_t k = 0; k < values.size(); ++k) (*in)[k] = values[k];
}
void fails_with(const tfl::Result<void>& r, const char* text) {
  ASSERT_FALSE(r);
  EXPECT_NE(r.message().find(text), std::string_view::npos) << r.message();
}
void fails_with(const tfl::Result<Interpreter>& r, const char* text) {
  ASSERT_FALSE(r);
  EXPECT_NE(r.message().find(text), std::string_view::npos) << r.message();
}

/// x + 1 where the condition is true, else x twice (another shape where `grows`).
Program two_branches(bool grows) {
  Program p;
  const int main = p.builder.begin_subgraph("main");
  const int then_graph = p.builder.begin_subgraph("then");
  const int a = p.tensor();
  p.ends({a}, {p.add(a, p.constant(1))});
  const int else_graph = p.builder.begin_subgraph("else");
  const int b = p.tensor();
  p.ends({b}, {grows ? p.concatenate(b, b) : p.add(b, b)});
  p.builder.select_subgraph(main);
  const int condition = p.tensor({1}, TensorType::boolean), x = p.tensor(), y = p.tensor();
  p.branch({condition, x}, {y}, then_graph, else_graph);
  p.ends({condition, x}, {p.add(y, y, {grows ? 2 : 1})});
  return p;
}

TEST(If, RunsOneOfTwoSubgraphs) {
  auto interpreter = two_branches(false).interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  EXPECT_FALSE(interpreter->subgraph().has_dynamic_tensors());
  for (const bool condition : {true, false, true}) {
    set<bool>(*interpreter, 0, {condition});
    set<float>(*interpreter, 1, {5});
    auto r = interpreter->invoke();
    ASSERT_TRUE(r) << r.message();
    EXPECT_EQ(output(*interpreter), (std::vector<float>{condition ? 12.f : 20.f}));
  }
}

TEST(If, TheShapeIsThatOfTheBranchThatRan) {
  auto interpreter = two_branches(true).interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  EXPECT_TRUE(interpreter->subgraph().has_dynamic_tensors());
  for (const bool condition : {true, false, true}) {
    set<bool>(*interpreter, 0, {condition});
    set<float>(*interpreter, 1, {5});
    auto r = interpreter->invoke();
    ASSERT_TRUE(r) << r.message();
    EXPECT_EQ(output(*interpreter), (condition ? std::vector<float>{12} : std::vector<float>{10, 10}));
  }
}

TEST(If, WorksAfterItMoved) {
  auto made = two_branches(false).interpreter();
  ASSERT_TRUE(made) << made.message();
  Interpreter moved = std::move(*made);
  set<bool>(moved, 0, {true});
  set<float>(moved, 1, {1});
  ASSERT_TRUE(moved.invoke());
  EXPECT_EQ(output(moved), (std::vector<float>{4}));
}

/// Doubles x for as long as it is below the limit.
Program doubling(float limit) {
  Program p;
  const int main = p.builder.begin_subgraph("main");
  const int condition = p.condition_below(limit);
  const int body = p.builder.begin_subgraph("body");
  const int a = p.tensor();
  p.ends({a}, {p.add(a, a)});
  p.builder.select_subgraph(main);
  const int x = p.tensor(), y = p.tensor();
  p.loop({x}, {y}, condition, body);
  p.ends({x}, {y});
  return p;
}

TEST(While, LoopsUntilTheConditionIsFalse) {
  auto interpreter = doubling(1000).interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  EXPECT_FALSE(interpreter->subgraph().has_dynamic_tensors());
  for (const float start : {3.f, 2000.f, 999.f}) {
    float want = start;
    while (want < 1000) want *= 2;
    set<float>(*interpreter, 0, {start});
    ASSERT_TRUE(interpreter->invoke());
    EXPECT_EQ(output(*interpreter), (std::vector<float>{want}));
  }
}

TEST(While, ALoopWithoutAnEndIsAnError) {
  auto interpreter = doubling(1).interpreter({.limits = {.calls = 1000}});
  ASSERT_TRUE(interpreter) << interpreter.message();
  set<float>(*interpreter, 0, {0});  // twice 0 stays below 1
  fails_with(interpreter->invoke(), "node 0 WHILE: subgraphs were called 1000 times at once");
  set<float>(*interpreter, 0, {4});
  ASSERT_TRUE(interpreter->invoke());
  EXPECT_EQ(output(*interpreter), (std::vector<float>{4}));
}

TEST(While, StepsAreCounted) {
  auto interpreter = doubling(1).interpreter({.limits = {.steps = 500}});
  ASSERT_TRUE(interpreter) << interpreter.message();
  set<float>(*interpreter, 0, {0});
  fails_with(interpreter->invoke(),
             "node 0 WHILE: called subgraphs would run more than 500 nodes at once, as many as Limits::steps allows");
}

TEST(While, ALoopStopsWhenAnotherThreadSaysSo) {
  tfl::CancelFlag cancel = false;
  auto interpreter =
      doubling(1).interpreter({.limits = {.steps = std::int64_t{1} << 60, .calls = std::int64_t{1} << 60}, .cancel = &cancel});
  ASSERT_TRUE(interpreter) << interpreter.message();
  set<float>(*interpreter, 0, {0});
  std::atomic<bool> started = false;
  std::thread other([&] {
    while (!started) std::this_thread::yield();
    cancel = true;
  });
  started = true;
  const auto r = interpreter->invoke();
  other.join();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code(), tfl::ErrorCode::cancelled);
  EXPECT_NE(r.message().find("was cancelled"), std::string_view::npos) << r.message();
  cancel = false;
  set<float>(*interpreter, 0, {4});
  EXPECT_TRUE(interpreter->invoke());
}

TEST(While, TensorsGrowWithTheLoop) {
  Program p;
  const int main = p.builder.begin_subgraph("main");
  const int condition = p.builder.begin_subgraph("condition");
  const int n = p.tensor(), list = p.tensor();
  p.ends({n, -1}, {p.less(n, p.constant(5))});
  static_cast<void>(list);
  const int body = p.builder.begin_subgraph("body");
  const int i = p.tensor(), values = p.tensor();
  p.ends({i, values}, {p.add(i, p.constant(1)), p.concatenate(values, i)});
  p.builder.select_subgraph(main);
  const int x = p.tensor(), start = p.tensor(), y = p.tensor(), all = p.tensor();
  p.loop({x, start}, {y, all}, condition, body);
  p.ends({x, start}, {y, p.add(all, all)});
  auto interpreter = p.interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  for (const float first : {0.f, 3.f, 1.f}) {
    set<float>(*interpreter, 0, {first});
    set<float>(*interpreter, 1, {-1});
    auto r = interpreter->invoke();
    ASSERT_TRUE(r) << r.message();
    std::vector<float> want{-2};
    for (float f = first; f < 5; ++f) want.push_back(2 * f);
    EXPECT_EQ(output(*interpreter, 1), want);
  }
}

TEST(While, TensorsMayChangePlaces) {
  Program p;
  const int main = p.builder.begin_subgraph("main");
  const int condition = p.builder.begin_subgraph("condition");
  const int n = p.tensor();
  p.ends({n, -1, -1, -1}, {p.less(n, p.constant(3))});
  const int body = p.builder.begin_subgraph("body");
  const int i = p.tensor(), a = p.tensor(), b = p.tensor(), c = p.tensor();
  p.ends({i, a, b, c}, {p.add(i, p.constant(1)), b, c, a});
  p.builder.select_subgraph(main);
  const std::vector<std::int32_t> in{p.tensor(), p.tensor(), p.tensor(), p.tensor()};
  const std::vector<std::int32_t> out{p.tensor(), p.tensor(), -1, p.tensor()};
  p.loop(in, out, condition, body);
  p.ends(in, {out[0], out[1], out[3]});
  auto interpreter = p.interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  for (int k = 0; k < 4; ++k) set<float>(*interpreter, k, {k == 0 ? 2.f : 10.f * static_cast<float>(k)});
  ASSERT_TRUE(interpreter->invoke());
  EXPECT_EQ(output(*interpreter, 1), (std::vector<float>{20}));
  EXPECT_EQ(output(*interpreter, 2), (std::vector<float>{10}));
}

TEST(While, LoopsNest) {
  Program p;  // 3 times: 2 times x + 1
  const int main = p.builder.begin_subgraph("main");
  const int outer_condition = p.builder.begin_subgraph("outer condition");
  const int n = p.tensor();
  p.ends({n, -1}, {p.less(n, p.constant(3))});
  const int inner_condition = p.builder.begin_subgraph("inner condition");
  const int m = p.tensor();
  p.ends({m, -1}, {p.less(m, p.constant(2))});
  const int inner = p.builder.begin_subgraph("inner");
  const int i = p.tensor(), v = p.tensor();
  p.ends({i, v}, {p.add(i, p.constant(1)), p.add(v, p.constant(1))});
  const int outer = p.builder.begin_subgraph("outer");
  const int k = p.tensor(), w = p.tensor(), left = p.tensor(), grown = p.tensor();
  p.loop({p.constant(0), w}, {left, grown}, inner_condition, inner);
  p.ends({k, w}, {p.add(k, p.constant(1)), grown});
  p.builder.select_subgraph(main);
  const int a = p.tensor(), x = p.tensor(), b = p.tensor(), y = p.tensor();
  p.loop({a, x}, {b, y}, outer_condition, outer);
  p.ends({a, x}, {y});
  auto interpreter = p.interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  set<float>(*interpreter, 0, {0});
  set<float>(*interpreter, 1, {100});
  auto r = interpreter->invoke();
  ASSERT_TRUE(r) << r.message();
  EXPECT_EQ(output(*interpreter), (std::vector<float>{106}));
}

TEST(Call, ASubgraphCannotCallItself) {
  Program p;
  const int main = p.builder.begin_subgraph("main");
  const int g = p.builder.begin_subgraph("again");
  const int a = p.tensor(), b = p.tensor();
  p.call({a}, {b}, g);
  p.ends({a}, {b});
  p.builder.select_subgraph(main);
  const int x = p.tensor(), y = p.tensor();
  p.call({x}, {y}, g);
  p.ends({x}, {y});
  fails_with(p.interpreter(), "subgraph 1: node 0 CALL: calls subgraph 1, which is running already: a subgraph cannot call itself");
}

TEST(Call, NothingIsLentThatTheCalleeWouldWrite) {
  for (const bool variable : {true, false}) {
    Program p;
    const int main = p.builder.begin_subgraph("main");
    p.builder.begin_subgraph("callee");
    const int a =
        variable ? p.builder.add_tensor({.name = "v", .type = TensorType::float32, .shape = {1}, .is_variable = true}) : p.constant(1);
    p.ends({a}, {p.add(a, a)});
    p.builder.select_subgraph(main);
    const int x = p.tensor(), y = p.tensor();
    p.call({x}, {y}, 1);
    p.ends({x}, {y});
    fails_with(p.interpreter(),
               variable ? "calls subgraph 1, whose input 0 is variable" : "calls subgraph 1, whose input 0 has constant data");
  }
}

TEST(Call, MainCannotBeCalled) {
  Program p;
  p.builder.begin_subgraph("main");
  const int x = p.tensor(), y = p.tensor();
  p.call({x}, {y}, 0);
  p.ends({x}, {y});
  fails_with(p.interpreter(), "a subgraph cannot call itself");
}

/// `depth` subgraphs, each of which calls the next one twice.
Program calls_of_calls(int depth) {
  Program p;
  for (int g = 0; g <= depth; ++g) p.builder.begin_subgraph("g");
  for (int g = 0; g <= depth; ++g) {
    p.builder.select_subgraph(g);
    const int x = p.tensor(), y = p.tensor(), z = p.tensor();
    if (g < depth) {
      p.call({x}, {y}, g + 1);
      p.call({y}, {z}, g + 1);
      p.ends({x}, {z});
    } else {
      p.ends({x}, {p.add(x, p.constant(1))});
    }
  }
  return p;
}

TEST(Call, CallsAreCountedAndTheirDepthIsBounded) {
  auto few = calls_of_calls(5).interpreter();
  ASSERT_TRUE(few) << few.message();
  set<float>(*few, 0, {0});
  auto r = few->invoke();
  ASSERT_TRUE(r) << r.message();
  EXPECT_EQ(output(*few), (std::vector<float>{32}));
  auto many = calls_of_calls(30).interpreter({.limits = {.calls = 10'000}});
  ASSERT_TRUE(many) << many.message();
  set<float>(*many, 0, {0});
  fails_with(many->invoke(), "Limits::calls");
  fails_with(calls_of_calls(40).interpreter(), "from a depth of 32 calls");
}

TEST(Call, RefusesWhatDoesNotFit) {
  const auto made = [](std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, int subgraph, TensorType type) {
    Program p;
    const int main = p.builder.begin_subgraph("main");
    p.builder.begin_subgraph("callee");
    const int a = p.tensor();
    p.ends({a}, {p.add(a, a)});
    p.builder.select_subgraph(main);
    p.tensor({1}, type), p.tensor(), p.tensor(), p.tensor();
    p.call(std::move(inputs), std::move(outputs), subgraph);
    p.ends({0}, {2});
    return p.interpreter();
  };
  EXPECT_TRUE(made({0}, {2}, 1, TensorType::float32));
  fails_with(made({0}, {2}, 7, TensorType::float32), "calls subgraph 7, but the model has 2");
  fails_with(made({0}, {2}, -1, TensorType::float32), "calls subgraph -1");
  fails_with(made({0, 0}, {2}, 1, TensorType::float32), "calls subgraph 1 with 2 inputs, but it takes 1");
  fails_with(made({0}, {2, 3}, 1, TensorType::float32), "has 2 outputs, but subgraph 1 gives 1");
  fails_with(made({0}, {2}, 1, TensorType::int32), "calls subgraph 1 with int32 for input 0, which is float32");
  fails_with(made({-1}, {2}, 1, TensorType::float32), "leaves out input 0 of subgraph 1");
}

/// main: CALL_ONCE init; y = v + x; v = y. init: v = 10.
Program counter() {
  Program p;
  const int main = p.builder.begin_subgraph("main");
  const int init = p.builder.begin_subgraph("init");
  p.assign(p.variable("v"), p.constant(10));
  p.ends({}, {});
  p.builder.select_subgraph(main);
  p.builder.add_operator(BuiltinOperator::CALL_ONCE, {}, {},
                         [&](auto& tables) { return tfl::schema::CreateCallOnceOptions(tables, init); });
  const int x = p.tensor(), handle = p.variable("v");
  const int y = p.add(p.read(handle), x);
  p.assign(handle, y);
  p.ends({x}, {y});
  return p;
}

TEST(Variables, AreSharedByAllSubgraphsAndStay) {
  auto interpreter = counter().interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  for (const float want : {11.f, 12.f, 13.f}) {
    set<float>(*interpreter, 0, {1});
    auto r = interpreter->invoke();
    ASSERT_TRUE(r) << r.message();
    EXPECT_EQ(output(*interpreter), (std::vector<float>{want}));
  }
  interpreter->reset_variables();
  set<float>(*interpreter, 0, {5});
  ASSERT_TRUE(interpreter->invoke());
  EXPECT_EQ(output(*interpreter), (std::vector<float>{15}));
}

TEST(Variables, CannotBeReadBeforeTheyAreAssigned) {
  Program p;
  p.builder.begin_subgraph("main");
  p.ends({}, {p.read(p.variable("v"))});
  auto interpreter = p.interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  fails_with(interpreter->invoke(), "node 1 READ_VARIABLE: input 0 't' resource[1]: is a variable that nothing was assigned to yet");
}

TEST(Variables, AHandleFromOutsideIsChecked) {
  Program p;
  p.builder.begin_subgraph("main");
  const int handle = p.tensor({1}, TensorType::resource);
  p.ends({handle}, {p.read(handle)});
  auto interpreter = p.interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  for (const int value : {0, -1, 1 << 30}) {
    auto in = interpreter->input<std::byte>(0);
    ASSERT_TRUE(in) << in.message();
    ASSERT_EQ(in->size(), sizeof value);
    std::memcpy(in->data(), &value, sizeof value);
    fails_with(interpreter->invoke(), "is the handle of no variable");
  }
}

TEST(Case, OutOfRangeIsTheLastBranch) {
  Program p;
  const int main = p.builder.begin_subgraph("main");
  std::vector<std::int32_t> branches;
  for (const float f : {1.f, 2.f, 3.f}) {
    branches.push_back(p.builder.begin_subgraph("branch"));
    const int a = p.tensor();
    p.ends({a}, {p.multiply(a, p.constant(f))});
  }
  p.builder.select_subgraph(main);
  const int index = p.tensor({1}, TensorType::int32), x = p.tensor(), y = p.tensor();
  p.builder.add_operator(BuiltinOperator::STABLEHLO_CASE, {index, x}, {y},
                         [&](auto& tables) { return tfl::schema::CreateStablehloCaseOptionsDirect(tables, &branches); });
  p.ends({index, x}, {y});
  auto interpreter = p.interpreter();
  ASSERT_TRUE(interpreter) << interpreter.message();
  for (const int i : {0, 1, 2, 3, -1}) {
    set<std::int32_t>(*interpreter, 0, {i});
    set<float>(*interpreter, 1, {10});
    ASSERT_TRUE(interpreter->invoke());
    EXPECT_EQ(output(*interpreter), (std::vector<float>{i == 0 ? 10.f : i == 1 ? 20.f : 30.f}));
  }
}

// ---- Memory that runs out

TEST(OutOfMemory, IsAnErrorInEverySubgraph) {
  Program (*const programs[])() = {[] { return two_branches(false); }, [] { return two_branches(true); }, [] { return doubling(100); },
                                   counter, [] { return calls_of_calls(3); }};
  for (std::size_t k = 0; k < std::size(programs); ++k) {
    const std::vector<std::uint8_t> file = programs[k]().builder.finish();
    tfl::test::Stingy stingy;
    const auto use = [&]() -> tfl::Result<void> {
      auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)), stingy.allocator());
      if (!model) return model.error();
      auto interpreter = Interpreter::create(*model, {.allocator = stingy.allocator()});
      if (!interpreter) return interpreter.error();
      for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < interpreter->input_count(); ++i) {
          auto in = interpreter->input<std::byte>(i);
          if (!in) return in.error();
          std::fill(in->begin(), in->end(), std::byte{1});
        }
        if (auto r = interpreter->invoke(); !r) return r;
      }
      return {};
    };
    int n = 0;
    for (;; ++n) {
      ASSERT_LT(n, 1000);
      stingy.grants = n;
      const auto done = use();
      EXPECT_EQ(stingy.blocks, 0) << "program " << k << " lost blocks when request " << n << " failed";
      if (done) break;
      EXPECT_EQ(done.error().code(), tfl::ErrorCode::out_of_memory) << "program " << k << ": " << done.message();
    }
    EXPECT_GT(n, 20) << "program " << k;
  }
}

}  // namespace
