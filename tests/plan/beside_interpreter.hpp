#pragma once
// A static plan and an interpreter of the same model, fed with the same bytes.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "support/all_ops.hpp"
#include "tfl/plan/static_plan.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace tfl::test {

template <class Span> std::span<std::byte> bytes_of_span(Span span) {
  return {reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<typename Span::element_type>*>(span.data())), span.size_bytes()};
}

/// Calls f(std::integral_constant<std::size_t, I>) for I = 0 .. N - 1.
template <std::size_t N, class F> void for_each_index(F f) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (f(std::integral_constant<std::size_t, I>{}), ...); }
  (std::make_index_sequence<N>{});
}

template <class Plan> void fill(Plan& plan, tools::SeededStream& stream) {
  for_each_index<Plan::input_count>([&](auto i) {
    auto input = plan.template input<i()>();
    stream.fill(input.type, bytes_of_span(input));
  });
}

template <class Plan> void expect_equal_outputs(Plan& plan, AnyInterpreter& interpreter) {
  for_each_index<Plan::output_count>([&](auto o) {
    auto want = interpreter.output<std::byte>(static_cast<int>(o()));
    ASSERT_TRUE(want) << want.message();
    const auto output = plan.template output<o()>();
    const std::span<const std::byte> got = bytes_of_span(output);
    ASSERT_EQ(got.size(), want->size());
    EXPECT_EQ(std::memcmp(got.data(), want->data(), got.size()), 0) << "output " << o() << " '" << output.name << "'";
    EXPECT_TRUE(output.shape == want->shape());
  });
}

/// Runs both several times: what lies in variables must agree too.
template <class Plan> void expect_same_results(Plan& plan, const Model& model, int runs = 3) {
  auto interpreter = AnyInterpreter::create(model);
  ASSERT_TRUE(interpreter) << interpreter.message();
  ASSERT_EQ(static_cast<int>(Plan::input_count), interpreter->input_count());
  ASSERT_EQ(static_cast<int>(Plan::output_count), interpreter->output_count());
  for (int run = 0; run < runs; ++run) {
    tools::SeededStream first(static_cast<std::uint32_t>(run + 1)), second(static_cast<std::uint32_t>(run + 1));
    fill(plan, first);
    for (int i = 0; i < interpreter->input_count(); ++i) {
      auto view = interpreter->input<std::byte>(i);
      ASSERT_TRUE(view) << view.message();
      second.fill(view->type(), *view);
    }
    plan.invoke();
    const auto done = interpreter->invoke();
    ASSERT_TRUE(done) << done.message();
    expect_equal_outputs(plan, *interpreter);
  }
}

}  // namespace tfl::test
