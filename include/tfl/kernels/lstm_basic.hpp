#pragma once
// The basic cell of LSTM, which old converters wrote: no peepholes, no projection, one matrix of weights for everything.
//
// Inputs: input[batch, n], activation[batch, m], weights[4 m, n + m], bias[4 m], state[batch, m]; the gates lie in the order input, new
// value, forget, output. Outputs: activation, state, input and activation side by side, and the gates before their functions. Activation
// and state go back to where they came from, if those are variables. Quantized: activations in uint8 around 128 with 7 fraction bits,
// gates in int16 with 3 integer bits, the state with 4.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/quant/fixed_point.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/fixed_point16.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::detail {

inline constexpr int basic_lstm_inputs = 5, basic_lstm_outputs = 4;

struct BasicLstm {
  std::int64_t batches = 0, inputs = 0, outputs = 0;
  std::int32_t weight_zero_point = 0;
  Multiplier gate;
  bool keeps_activation = false, keeps_state = false;
};

constexpr Violation infer_basic_lstm(const NodeDescription& node) {
  if (node.input_count() != basic_lstm_inputs || node.output_count() != basic_lstm_outputs) {
    return node_violation(ErrorCode::invalid_model, "has {} inputs and {} outputs; a basic cell has 5 and 4", node.input_count(),
                          node.output_count());
  }
  for (int i = 0; i < basic_lstm_inputs; ++i) {
    if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_model, "must be there");
    if (const Violation v = require_rank(node, i, i == 3 ? 1 : 2)) return v;
  }
  using enum TensorType;
  const bool real = node.input(0).type == float32;
  constexpr TensorType types[] = {uint8, uint8, uint8, int32, int16}, results[] = {uint8, int16, uint8, int16};
  for (int i = 0; i < basic_lstm_inputs; ++i) {
    if (node.input(i).type != (real ? float32 : types[i])) {
      return input_violation(i, ErrorCode::invalid_type,
                             "must be float32 as all inputs of a basic cell, or uint8, uint8, uint8, int32, int16");
    }
  }
  for (int i = 0; i < basic_lstm_outputs; ++i) {
    if (node.output(i).type != (real ? float32 : results[i])) {
      return output_violation(i, ErrorCode::invalid_type, "must be float32 as all outputs of a basic cell, or uint8, int16, uint8, int16");
    }
  }
  const Shape &in = node.input(0).shape, &activation = node.input(1).shape, &weights = node.input(2).shape;
  const std::int64_t gates = std::int64_t{4} * activation[1], depth = std::int64_t{in[1]} + activation[1];
  if (activation[0] != in[0]) return input_violation(1, ErrorCode::invalid_shape, "must have {} rows, as input 0", in[0]);
  if (weights[0] != gates || weights[1] != depth) {
    return input_violation(2, ErrorCode::invalid_shape, "must have the shape [{}, {}]", gates, depth);
  }
  if (node.input(3).shape[0] != gates) return input_violation(3, ErrorCode::invalid_shape, "must have {} elements", gates);
  if (!(node.input(4).shape == activation)) return input_violation(4, ErrorCode::invalid_shape, "must have the shape of input 1");
  if (!real) {
    if (exponent_of_power_of_two(node.output(1).quantization.scale) != -11) {
      return output_violation(1, ErrorCode::invalid_quantization, "must have the scale 1/2048");
    }
    if (const Violation v = require_quantized_input(node, 2)) return v;
    if (!is_usable(node.input(3).quantization, int32) || quantize_multiplier(double{4096 * node.input(3).quantization.scale}).shift > 30) {
      return input_violation(3, ErrorCode::invalid_quantization, "must have a positive scale, and not too large a one");
    }
  }
  node.output(0).shape = node.output(1).shape = activation;
  node.output(2).shape = {in[0], static_cast<std::int32_t>(depth)};
  node.output(3).shape = {in[0], static_cast<std::int32_t>(gates)};
  return {};
}

/// Requires a node that passed infer_basic_lstm().
constexpr BasicLstm prepare_basic_lstm(const NodeDescription& node) {
  BasicLstm p;
  p.batches = node.input(0).shape[0];
  p.inputs = node.input(0).shape[1];
  p.outputs = node.input(1).shape[1];
  p.weight_zero_point = node.input(2).quantization.zero_point;
  if (node.input(0).type != TensorType::float32) p.gate = quantize_multiplier(double{4096 * node.input(3).quantization.scale});
  p.keeps_activation = node.input(1).is_variable;
  p.keeps_state = node.input(4).is_variable;
  return p;
}

/// round(x * real), rounding twice, the second time half up: so does the matrix product that TensorFlow Lite takes here.
inline std::int64_t scale_basic_gate(std::int32_t x, Multiplier by) {
  const int left = by.shift > 0 ? by.shift : 0, right = by.shift > 0 ? 0 : -by.shift;
  const std::int64_t high = saturating_rounding_doubling_high_mul(wrapping_shift_left(x, left), by.mantissa);
  return right > 0 ? (high + (std::int64_t{1} << (right - 1))) >> right : high;
}

/// One value of the new state and of what comes out, from the gates before their functions.
inline void basic_lstm_value(float input, float value, float forget, float output, float& state, float& activation) {
  const auto logistic = [](float x) { return 1.0f / (1.0f + std::exp(-x)); };
  state = logistic(input) * std::tanh(value) + logistic(forget) * state;
  activation = logistic(output) * std::tanh(state);
}
inline void basic_lstm_value(std::int16_t input, std::int16_t value, std::int16_t forget, std::int16_t output, std::int16_t& state,
                             std::uint8_t& activation) {
  using Lane = simd::Lane<std::int32_t>;
  const auto narrow = [](std::int32_t x) { return x < -32768 ? -32768 : x > 32767 ? 32767 : x; };
  const auto logistic = [](std::int32_t x) { return simd::logistic16(Lane(x)).value; };
  const auto tanh = [](std::int32_t x) { return simd::tanh16(Lane(x), 3).value; };
  const auto times = [&](std::int32_t a, std::int32_t b) { return narrow(simd::detail::high_mul16(Lane(a), Lane(b)).value); };
  const std::int32_t added = rounding_divide_by_power_of_two(times(logistic(input), tanh(value)), 4);
  const std::int32_t sum = narrow(added + times(logistic(forget), state));
  state = static_cast<std::int16_t>(sum);
  const std::int32_t y = rounding_divide_by_power_of_two(times(logistic(output), tanh(narrow(sum * 2))), 8);
  activation = static_cast<std::uint8_t>((y < -128 ? -128 : y > 127 ? 127 : y) + 128);
}

template <class X, class S, class W, class B>
void run_basic_lstm(const BasicLstm& p, const X* in, X* activation, const W* weights, const B* bias, S* state, X* activation_out,
                    S* state_out, X* joined, S* gates) {
  const std::int64_t depth = p.inputs + p.outputs;
  for (std::int64_t b = 0; b < p.batches; ++b) {
    X* row = joined + b * depth;
    std::memcpy(row, in + b * p.inputs, static_cast<std::size_t>(p.inputs) * sizeof(X));
    std::memcpy(row + p.inputs, activation + b * p.outputs, static_cast<std::size_t>(p.outputs) * sizeof(X));
    S* gate = gates + b * 4 * p.outputs;
    for (std::int64_t g = 0; g < 4 * p.outputs; ++g) {
      const W* w = weights + g * depth;
      if constexpr (std::is_same_v<X, float>) {
        float sum = 0;
        for (std::int64_t k = 0; k < depth; ++k) sum += row[k] * w[k];
        gate[g] = sum + bias[g];
      } else {
        std::int32_t sum = bias[g];
        for (std::int64_t k = 0; k < depth; ++k) {
          const std::int32_t product = (row[k] - 128) * (w[k] - p.weight_zero_point);
          sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(product));
        }
        const std::int64_t y = scale_basic_gate(sum, p.gate);
        gate[g] = static_cast<S>(y < -32768 ? -32768 : y > 32767 ? 32767 : y);
      }
    }
    for (std::int64_t c = 0; c < p.outputs; ++c) {
      const std::int64_t at = b * p.outputs + c;
      S next = state[at];
      X y{};
      basic_lstm_value(gate[c], gate[p.outputs + c], gate[2 * p.outputs + c], gate[3 * p.outputs + c], next, y);
      state_out[at] = next;
      activation_out[at] = y;
    }
  }
  const auto count = static_cast<std::size_t>(p.batches * p.outputs);
  if (p.keeps_activation && count > 0) std::memcpy(activation, activation_out, count * sizeof(X));
  if (p.keeps_state && count > 0) std::memcpy(state, state_out, count * sizeof(S));
}

}  // namespace tfl::detail
