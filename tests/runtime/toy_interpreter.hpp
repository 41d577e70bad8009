#pragma once
// Interpreters of toy ops in few words.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/toy_ops.hpp"
#include "tfl/runtime/interpreter.hpp"

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).message()

namespace tfl::test {

using Floats = std::vector<float>;

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

/// What is said of a model that cannot be made or prepared.
inline std::string error_of(ToyModel& toy, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
  auto model = toy.finish(std::move(inputs), std::move(outputs));
  return model ? message_of(ToyInterpreter::create(*model)) : std::string(model.message());
}

}  // namespace tfl::test
