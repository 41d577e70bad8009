// labels: threads
// Many threads on one model, each with an interpreter of its own; and one interpreter whose kernels run on many threads. Clean under
// -fsanitize=thread.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "support/toy_ops.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/thread_pool.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::Model;
using tfl::test::ToyInterpreter;
using tfl::test::ToyModel;
using Bytes = std::vector<std::byte>;
/// What the digit models are made of.
using DigitOps = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::FullyConnected, tfl::MaxPool2D, tfl::Reshape, tfl::Softmax>;
using DigitInterpreter = tfl::Interpreter<DigitOps>;
template <class Ops> using Pooled = tfl::Interpreter<Ops, tfl::NoDelegates, tfl::ThreadPool>;

tfl::Result<Model> digit_model(const char* name) {
  return Model::from_file((std::string(TFL_SOURCE_DIR) + "/examples/data/digits/" + name + ".tflite").c_str());
}

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).message()

/// The outputs of one run, with inputs that follow from `seed`; or the error's sentence.
template <class I> std::string run(I& interpreter, std::uint32_t seed, Bytes& outputs) {
  for (int i = 0; i < interpreter.input_count(); ++i) {
    auto view = interpreter.template input<std::byte>(i);
    if (!view) return std::string(view.message());
    for (std::size_t k = 0; k < view->size(); ++k) {
      seed = seed * 1664525u + 1013904223u;
      // Small floats or any integers.
      if (view->type() == tfl::TensorType::float32) {
        const auto value = static_cast<float>(seed >> 24) / 64.0f - 2.0f;
        if (k % 4 == 0) std::memcpy(view->data() + k, &value, 4);
      } else {
        (*view)[k] = static_cast<std::byte>(seed >> 24);
      }
    }
  }
  if (auto done = interpreter.invoke(); !done) return std::string(done.message());
  outputs.clear();
  for (int o = 0; o < interpreter.output_count(); ++o) {
    auto view = interpreter.template output<std::byte>(o);
    if (!view) return std::string(view.message());
    outputs.insert(outputs.end(), view->begin(), view->end());
  }
  return {};
}

/// Every thread makes an interpreter of its own, all at the same moment, and runs it `runs` times; all must agree with one thread.
template <class I> void agree(const Model& model, int threads, int runs) {
  std::vector<Bytes> expected(static_cast<std::size_t>(runs));
  {
    auto alone = I::create(model);
    ASSERT_OK(alone);
    for (int r = 0; r < runs; ++r) ASSERT_EQ(run(*alone, static_cast<std::uint32_t>(r), expected[static_cast<std::size_t>(r)]), "");
  }
  std::vector<std::string> errors(static_cast<std::size_t>(threads));
  std::atomic<int> waiting = threads;
  std::vector<std::thread> list;
  for (int t = 0; t < threads; ++t) {
    list.emplace_back([&, t, own = model] {
      std::string& error = errors[static_cast<std::size_t>(t)];
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      auto interpreter = I::create(own);
      if (!interpreter) {
        error = interpreter.message();
        return;
      }
      for (int r = 0; r < runs && error.empty(); ++r) {
        // Each thread in another order.
        const int which = (r + t) % runs;
        Bytes outputs;
        error = run(*interpreter, static_cast<std::uint32_t>(which), outputs);
        if (error.empty() && outputs != expected[static_cast<std::size_t>(which)]) error = "run " + std::to_string(which) + " differs";
      }
    });
  }
  for (std::thread& t : list) t.join();
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

/// A model whose weights are packed, with state and with dynamic shapes.
tfl::Result<Model> toy_model() {
  ToyModel toy;
  const int x = toy.tensor({256}), w = toy.constant(std::vector<float>(256, 1.5f)), a = toy.node("weigh", {x, w}, {256}),
            b = toy.node("reverse", {a}, {256}), c = toy.node("weigh", {b, toy.constant(std::vector<float>(256, 0.25f))}, {256});
  return toy.finish({x}, {toy.node(BuiltinOperator::SQUARE, {c}, {256})});
}

TEST(Threads, ShareOneModel) {
  for (const int threads : {2, 4}) {
    auto model = toy_model();
    ASSERT_OK(model);
    tfl::test::ToyWeigh::packs = 0;
    agree<ToyInterpreter>(*model, threads, 20);
    EXPECT_EQ(tfl::test::ToyWeigh::packs, 2);  // one for each of its two nodes, whoever came first
  }
}

TEST(Threads, PackWeightsOnce) {
  // Nobody has packed anything when all threads start.
  auto model = toy_model();
  ASSERT_OK(model);
  tfl::test::ToyWeigh::packs = 0;
  std::atomic<int> waiting = 4, good = 0;
  std::vector<std::thread> list;
  for (int t = 0; t < 4; ++t) {
    list.emplace_back([&] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      auto interpreter = ToyInterpreter::create(*model);
      Bytes outputs;
      if (interpreter && run(*interpreter, 1, outputs).empty()) ++good;
    });
  }
  for (std::thread& t : list) t.join();
  EXPECT_EQ(good, 4);
  EXPECT_EQ(tfl::test::ToyWeigh::packs, 2);
}

TEST(Threads, RunTheDigitModels) {
  for (const char* name : {"digits_int8", "digits_float"}) {
    for (const int threads : {2, 4}) {
      SCOPED_TRACE(std::string(name) + " on " + std::to_string(threads) + " threads");
      auto model = digit_model(name);
      ASSERT_OK(model);
      agree<DigitInterpreter>(*model, threads, 5);
    }
  }
}

/// An interpreter whose kernels run on several threads gives what one thread gives.
template <class Ops> void agree_pooled(const Model& model) {
  auto serial = tfl::Interpreter<Ops>::create(model);
  ASSERT_OK(serial);
  Bytes expected;
  ASSERT_EQ(run(*serial, 7, expected), "");
  for (const int threads : {1, 2, 4}) {
    auto pooled = Pooled<Ops>::create(model, {}, tfl::ThreadPool(threads));
    ASSERT_OK(pooled);
    EXPECT_EQ(pooled->executor().workers(), threads);
    Pooled<Ops> moved = std::move(*pooled);  // the executor moves along
    Bytes outputs;
    for (int r = 0; r < 3; ++r) {
      ASSERT_EQ(run(moved, 7, outputs), "");
      EXPECT_EQ(outputs, expected) << threads << " threads";
    }
  }
}

TEST(Threads, PoolGivesTheSameBytes) {
  ToyModel toy;
  const int x = toy.tensor({200'000}), a = toy.node(BuiltinOperator::NEG, {x}, {200'000});
  auto model = toy.finish({x}, {toy.node(BuiltinOperator::SQUARE, {a}, {200'000})});
  ASSERT_OK(model);
  agree_pooled<tfl::test::ToyOps>(*model);
  for (const char* name : {"digits_int8", "digits_float"}) {
    auto digits = digit_model(name);
    ASSERT_OK(digits);
    agree_pooled<DigitOps>(*digits);
  }
}

TEST(Threads, HavePoolsOfTheirOwn) {
  auto model = toy_model();
  ASSERT_OK(model);
  auto serial = ToyInterpreter::create(*model);
  ASSERT_OK(serial);
  Bytes expected;
  ASSERT_EQ(run(*serial, 3, expected), "");
  std::atomic<int> good = 0;
  std::vector<std::thread> list;
  for (int t = 0; t < 2; ++t) {
    list.emplace_back([&] {
      auto pooled = Pooled<tfl::test::ToyOps>::create(*model, {}, tfl::ThreadPool(2));
      Bytes outputs;
      if (pooled && run(*pooled, 3, outputs).empty() && outputs == expected) ++good;
    });
  }
  for (std::thread& t : list) t.join();
  EXPECT_EQ(good, 2);
}

}  // namespace
