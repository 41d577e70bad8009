// Recurrent cells: RNN and its sequences against the formula, in float and hybrid; the bidirectional LSTM against two of one direction.
// archs: none

#include "tfl/kernels/rnn.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/bidirectional_lstm.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using tfl::test::SingleOpBase;
using Floats = std::vector<float>;
using tfl::schema::ActivationFunctionType;

std::mt19937 random_engine(5);
Floats random_floats(std::size_t n, float range = 1) {
  Floats values(n);
  for (float& x : values) x = std::uniform_real_distribution<float>(-range, range)(random_engine);
  return values;
}

struct Cell {
  int inputs, aux, units;
  Floats weights, aux_weights, recurrent, bias;
  Cell(int n, int a, int u)
      : inputs(n),
        aux(a),
        units(u),
        weights(random_floats(static_cast<std::size_t>(n * u))),
        aux_weights(random_floats(static_cast<std::size_t>(a * u))),
        recurrent(random_floats(static_cast<std::size_t>(u * u), 0.3f)),
        bias(random_floats(static_cast<std::size_t>(u))) {}
};
const float* row(const Floats& of, int i, int n) { return of.data() + static_cast<std::ptrdiff_t>(i) * n; }

/// [batch, time, units] of relu(W x + A a + R h + b), `state` being [batch, units].
Floats run_cell(const Cell& c, const Floats& x, const Floats& a, int batches, int steps, bool backward, Floats& state) {
  Floats out(static_cast<std::size_t>(batches * steps * c.units));
  for (int b = 0; b < batches; ++b) {
    for (int s = 0; s < steps; ++s) {
      const int at = b * steps + (backward ? steps - 1 - s : s);
      Floats next(static_cast<std::size_t>(c.units));
      for (int u = 0; u < c.units; ++u) {
        double sum = c.bias[static_cast<std::size_t>(u)];
        for (int i = 0; i < c.inputs; ++i) sum += static_cast<double>(row(c.weights, u, c.inputs)[i] * row(x, at, c.inputs)[i]);
        for (int i = 0; i < c.aux; ++i) sum += static_cast<double>(row(c.aux_weights, u, c.aux)[i] * row(a, at, c.aux)[i]);
        for (int i = 0; i < c.units; ++i) sum += static_cast<double>(row(c.recurrent, u, c.units)[i] * row(state, b, c.units)[i]);
        next[static_cast<std::size_t>(u)] = static_cast<float>(std::max(0.0, sum));
      }
      std::copy(next.begin(), next.end(), out.begin() + at * c.units);
      std::copy(next.begin(), next.end(), state.begin() + b * c.units);
    }
  }
  return out;
}
void add_cell(SingleOpBase& op, const Cell& c, int batches) {
  op.constant<float>({c.units, c.inputs}, c.weights);
  op.constant<float>({c.units, c.units}, c.recurrent);
  op.constant<float>({c.units}, c.bias);
  op.variable<float>({batches, c.units});
}
void expect_near(const Floats& got, const Floats& wanted, float within) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], within) << i;
}

TEST(UnidirectionalSequenceRnn, FollowsTheFormulaAndKeepsItsState) {
  const Cell c(5, 0, 70);
  const Floats x = random_floats(2 * 3 * 5);
  SingleOp<tfl::UnidirectionalSequenceRnn> op;
  op.input<float>({2, 3, 5}, x);
  add_cell(op, c, 2);
  op.output<float>();
  op.options([](auto& tables) { return tfl::schema::CreateSequenceRNNOptions(tables, false, ActivationFunctionType::RELU); });
  Floats state(2 * 70);
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(round == 0 ? op.run() : op.invoke_again(), "");
    expect_near(op.values<float>(), run_cell(c, x, {}, 2, 3, false, state), 1e-4f);
  }
  EXPECT_EQ(op.shape(), (tfl::Shape{2, 3, 70}));
}
TEST(Rnn, DoesOneStepWithWeightsOf8Bits) {
  Cell c(8, 0, 4);
  std::vector<std::int8_t> weights, recurrent;
  for (float& x : c.weights) {
    weights.push_back(static_cast<std::int8_t>(std::lround(x * 100)));
    x = static_cast<float>(weights.back()) / 100;
  }
  for (float& x : c.recurrent) {
    recurrent.push_back(static_cast<std::int8_t>(std::lround(x * 300)));
    x = static_cast<float>(recurrent.back()) / 300;
  }
  const Floats x = random_floats(3 * 8);
  SingleOp<tfl::Rnn> op;
  op.input<float>({3, 8}, x);
  op.constant<std::int8_t>({4, 8}, weights, {.scales = {0.01f}, .zero_points = {0}});
  op.constant<std::int8_t>({4, 4}, recurrent, {.scales = {1.0f / 300}, .zero_points = {0}});
  op.constant<float>({4}, c.bias);
  op.variable<float>({3, 4});
  op.output<float>();
  op.options([](auto& tables) { return tfl::schema::CreateRNNOptions(tables, ActivationFunctionType::RELU, true); });
  ASSERT_EQ(op.run(), "");
  Floats state(3 * 4);
  expect_near(op.values<float>(), run_cell(c, x, {}, 3, 1, false, state), 0.05f);
}
TEST(Rnn, SaysWhatIsWrong) {
  const Cell c(3, 0, 2);
  SingleOp<tfl::Rnn> op;
  op.input<float>({1, 4}, random_floats(4));
  add_cell(op, c, 1);
  op.output<float>();
  EXPECT_THAT(op.run(), HasSubstr("must have the shape [2, 4]"));
}

TEST(BidirectionalSequenceRnn, RunsBothWays) {
  for (const bool merged : {false, true}) {
    for (const int aux : {0, 2}) {
      const Cell ahead(3, aux, 4), back(3, aux, 5);
      const Floats x = random_floats(2 * 4 * 3), a = random_floats(static_cast<std::size_t>(2 * 4 * aux));
      SingleOp<tfl::BidirectionalSequenceRnn> op;
      op.input<float>({2, 4, 3}, x);
      add_cell(op, ahead, 2);
      add_cell(op, back, 2);
      if (aux > 0) {
        op.input<float>({2, 4, aux}, a);
        op.constant<float>({4, aux}, ahead.aux_weights);
        op.constant<float>({5, aux}, back.aux_weights);
      } else {
        for (int i = 0; i < 3; ++i) op.absent();
      }
      op.output<float>();
      if (!merged) op.output<float>();
      op.options([=](auto& tables) {
        return tfl::schema::CreateBidirectionalSequenceRNNOptions(tables, false, ActivationFunctionType::RELU, merged);
      });
      ASSERT_EQ(op.run(), "");
      Floats ahead_state(2 * 4), back_state(2 * 5);
      const Floats one = run_cell(ahead, x, a, 2, 4, false, ahead_state), other = run_cell(back, x, a, 2, 4, true, back_state);
      if (!merged) {
        expect_near(op.values<float>(0), one, 1e-5f);
        expect_near(op.values<float>(1), other, 1e-5f);
        continue;
      }
      Floats both;
      for (int i = 0; i < 8; ++i) {
        both.insert(both.end(), row(one, i, 4), row(one, i, 4) + 4);
        both.insert(both.end(), row(other, i, 5), row(other, i, 5) + 5);
      }
      expect_near(op.values<float>(), both, 1e-5f);
      EXPECT_EQ(op.shape(), (tfl::Shape{2, 4, 9}));
    }
  }
}

/// With weights of 8 bits a time-major sequence is gone through once for each of its steps, as by TensorFlow Lite: one image, whose
/// memory is the same in both orders, gives what as many runs give in the other order.
TEST(BidirectionalSequenceRnn, RepeatsTimeMajorSequencesOf8Bits) {
  constexpr int steps = 3, inputs = 4, units = 5;
  const Floats x = random_floats(steps * inputs), bias = random_floats(units);
  std::vector<std::int8_t> weights, recurrent;
  for (const float v : random_floats(inputs * units)) weights.push_back(static_cast<std::int8_t>(std::lround(v * 100)));
  for (const float v : random_floats(units * units)) recurrent.push_back(static_cast<std::int8_t>(std::lround(v * 100)));
  const auto build = [&](SingleOp<tfl::BidirectionalSequenceRnn>& op, bool time_major) {
    op.input<float>(time_major ? std::vector<int>{steps, 1, inputs} : std::vector<int>{1, steps, inputs}, x);
    for (int direction = 0; direction < 2; ++direction) {
      op.constant<std::int8_t>({units, inputs}, weights, {.scales = {0.01f}, .zero_points = {0}});
      op.constant<std::int8_t>({units, units}, recurrent, {.scales = {0.01f}, .zero_points = {0}});
      op.constant<float>({units}, bias);
      op.variable<float>({1, units});
    }
    for (int i = 0; i < 3; ++i) op.absent();
    for (int i = 0; i < 2; ++i) op.output<float>();
    op.options([=](auto& tables) {
      return tfl::schema::CreateBidirectionalSequenceRNNOptions(tables, time_major, ActivationFunctionType::TANH, false);
    });
    return op.run();
  };
  SingleOp<tfl::BidirectionalSequenceRnn> repeated, once;
  ASSERT_EQ(build(repeated, true), "");
  ASSERT_EQ(build(once, false), "");
  EXPECT_NE(once.values<float>(0), repeated.values<float>(0));
  for (int i = 1; i < steps; ++i) ASSERT_EQ(once.invoke_again(), "");
  EXPECT_EQ(once.values<float>(0), repeated.values<float>(0));
  EXPECT_EQ(once.values<float>(1), repeated.values<float>(1));
}

/// Weights of a cell without peepholes: inputs 1 to 17 of either op.
struct Lstm {
  int inputs, cells;
  std::vector<Floats> weights, recurrent, bias;
  Lstm(int n, int c) : inputs(n), cells(c) {
    for (int g = 0; g < 4; ++g) {
      weights.push_back(random_floats(static_cast<std::size_t>(n * c)));
      recurrent.push_back(random_floats(static_cast<std::size_t>(c * c)));
      bias.push_back(random_floats(static_cast<std::size_t>(c)));
    }
  }
  void add(SingleOpBase& op) const {
    for (const Floats& w : weights) op.constant<float>({cells, inputs}, w);
    for (const Floats& w : recurrent) op.constant<float>({cells, cells}, w);
    for (int i = 0; i < 3; ++i) op.absent();
    for (const Floats& b : bias) op.constant<float>({cells}, b);
    for (int i = 0; i < 2; ++i) op.absent();
  }
};
/// [time, batch, cells], the steps of `x` from the last to the first where asked for.
Floats run_lstm(const Lstm& c, Floats x, int steps, int batches, bool backward) {
  const auto turn = [&](Floats& list, int n) {
    for (int s = 0; backward && s < steps / 2; ++s) {
      std::swap_ranges(list.begin() + s * batches * n, list.begin() + (s + 1) * batches * n, list.begin() + (steps - 1 - s) * batches * n);
    }
  };
  turn(x, c.inputs);
  SingleOp<tfl::UnidirectionalSequenceLstm> op;
  op.input<float>({steps, batches, c.inputs}, x);
  c.add(op);
  op.variable<float>({batches, c.cells});
  op.variable<float>({batches, c.cells});
  op.output<float>();
  op.options(
      [](auto& tables) { return tfl::schema::CreateUnidirectionalSequenceLSTMOptions(tables, ActivationFunctionType::TANH, 0, 0, true); });
  EXPECT_EQ(op.run(), "");
  Floats out = op.values<float>();
  turn(out, c.cells);
  return out;
}
TEST(BidirectionalSequenceLstm, IsTwoCellsInOppositeDirections) {
  for (const bool parallel : {false, true}) {  // whether the backward cell reads an input of its own
    const Lstm ahead(3, 4), back(parallel ? 5 : 3, 2);
    const Floats x = random_floats(5 * 2 * 3), a = random_floats(5 * 2 * 5);
    SingleOp<tfl::BidirectionalSequenceLstm> op;
    op.input<float>({5, 2, 3}, x);
    ahead.add(op);
    back.add(op);
    for (const int cells : {4, 4, 2, 2}) op.variable<float>({2, cells});
    if (parallel)
      op.input<float>({5, 2, 5}, a);
    else
      op.absent();
    for (int i = 0; i < 8; ++i) op.absent();
    op.output<float>();
    op.output<float>();
    op.options([](auto& tables) {
      return tfl::schema::CreateBidirectionalSequenceLSTMOptions(tables, ActivationFunctionType::TANH, 0, 0, false, true);
    });
    ASSERT_EQ(op.run(), "");
    expect_near(op.values<float>(0), run_lstm(ahead, x, 5, 2, false), 1e-6f);
    expect_near(op.values<float>(1), run_lstm(back, parallel ? a : x, 5, 2, true), 1e-6f);
  }
}

}  // namespace
