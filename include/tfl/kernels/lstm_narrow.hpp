#pragma once
// LSTM in integers with gates of 8 bits, which twelve intermediate tensors ask for: an old form, always coupled (CIFG), normalized and
// projected. Activations, weights and the two products of each gate are int8; their sum, the norm's result and the cell state int16. Norm,
// logistic and tanh are computed in float.

#include <cmath>
#include <cstdint>
#include <cstring>

#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/lstm_cell.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/select.hpp"

namespace tfl::detail {

inline constexpr int narrow_lstm_intermediates = 12;  // for each gate: its sum, W x, R h

/// Beside infer_lstm()'s checks.
constexpr Violation check_narrow_lstm(const NodeDescription& node) {
  if (node.has_input(1))
    return input_violation(1, ErrorCode::unsupported_type, "must be absent beside gates of 8 bits: their cells are coupled");
  for (const int i : {16, 21}) {
    if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_model, "must be there beside gates of 8 bits");
  }
  if (node.has_input(11)) return input_violation(11, ErrorCode::unsupported_type, "must be absent beside gates of 8 bits");
  for (int k = 3; k < narrow_lstm_intermediates; ++k) {
    if (!is_usable(node.intermediate(k).quantization, TensorType::int8)) {
      return node_violation(ErrorCode::invalid_quantization, "must have the scale and zero point of intermediate tensor {}", k);
    }
  }
  return {};
}

/// Fills p.narrow and what p.integers shares with it. Requires a node that passed check_narrow_lstm().
constexpr Violation prepare_narrow_lstm(const NodeDescription& node, LstmPrepared& p) {
  LstmIntegers& s = p.integers;
  NarrowLstm& narrow = p.narrow;
  const auto scale = [&](int i) { return node.input(i).quantization.scale; };
  const auto between = [&](int k) -> const Quantization& { return node.intermediate(k).quantization; };
  bool fits = true;
  const auto multiplier = [&](float real, int most) {
    const Multiplier m = quantize_multiplier(static_cast<double>(real));
    fits = fits && m.shift <= most;
    return m;
  };
  for (int g = forget_gate; g < gate_count; ++g) {
    const Quantization &sum = between(3 * g), &of_input = between(3 * g + 1), &of_state = between(3 * g + 2);
    s.input[g] = multiplier(scale(1 + g) * scale(0) / of_input.scale, 31);
    s.recurrent[g] = multiplier(scale(5 + g) * scale(18) / of_state.scale, 31);
    narrow.from_input[g] = multiplier(of_input.scale / sum.scale, 31);
    narrow.from_state[g] = multiplier(of_state.scale / sum.scale, 31);
    narrow.input_zero[g] = of_input.zero_point;
    narrow.state_zero[g] = of_state.zero_point;
    const Multiplier norm = multiplier(scale(20 + g), 31);
    double power = 1;
    for (int i = norm.shift; i < 31; ++i) power /= 2;
    narrow.norm_scale[g] = static_cast<float>(norm.mantissa * power);
  }
  // TFLite reads the output gate's multiplier from beyond its list, where the shift of another gate's lies, and the zero point of the cell
  // gate: next to nothing is left of R h. Results must agree.
  narrow.from_state[output_gate].mantissa = narrow.from_state[forget_gate].shift;
  narrow.state_zero[output_gate] = narrow.input_zero[cell_gate];
  s.projection = multiplier(static_cast<float>(static_cast<double>(scale(16)) / 32768 / static_cast<double>(scale(18))), 7);
  if (!fits) return node_violation(ErrorCode::invalid_quantization, "combines scales so that a multiplier is too large");
  return {};
}

inline std::int16_t narrow_lstm_short(float x) {
  return static_cast<std::int16_t>(!(x > -32768.0f) ? -32768 : !(x < 32767.0f) ? 32767 : static_cast<int>(x));
}

/// product[i] = int8 of (W x)[i], W of `rows` rows; x is centred on its zero point.
template <class A>
void narrow_lstm_product(const std::int8_t* weights, std::int64_t rows, const std::int16_t* x, std::int64_t n, Multiplier by,
                         std::int32_t zero, std::int8_t* product) {
  for (std::int64_t row = 0; row < rows; row += lstm_rows_at_once) {
    const std::int64_t some = rows - row < lstm_rows_at_once ? rows - row : lstm_rows_at_once;
    std::int32_t sums[lstm_rows_at_once];
    simd::dot_rows<A>(weights + row * n, some, n, x, sums);
    for (std::int64_t i = 0; i < some; ++i) {
      const std::int32_t y = wrapping_add(multiply(sums[i], by), zero);
      product[row + i] = static_cast<std::int8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
    }
  }
}

/// Layer normalization of one batch's gate in float, to 12 fraction bits. Each step is rounded, as the reference has it.
inline void normalize_narrow_lstm_gate(const std::int16_t* weight, const std::int32_t* bias, float scale, std::int16_t* gate,
                                       std::int64_t n) {
  const auto rounded = [](float x) { return simd::rounded(simd::Lane<float>(x)).value; };
  float sum = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto x = static_cast<float>(gate[i]);
    sum += x;
    squares += rounded(x * x);
  }
  const float mean = sum / static_cast<float>(n);
  const float variance = squares / static_cast<float>(n) - rounded(mean * mean);
  const float inverse = 1.0f / std::sqrt(variance > 0 ? variance : 1e-8f);
  const float bias_scale = scale / 1024;
  for (std::int64_t i = 0; i < n; ++i) {
    const float normalized = (static_cast<float>(gate[i]) - mean) * inverse;
    const float weighted = rounded(normalized * static_cast<float>(weight[i]) * scale) + rounded(static_cast<float>(bias[i]) * bias_scale);
    gate[i] = narrow_lstm_short(std::round(weighted * 4096));
  }
}

/// All steps.
template <class Run, class T> void run_narrow_lstm(const Run& run, const T& t) {
  using A = typename Run::Arch;
  const LstmPrepared& p = run.prepared;
  const std::int64_t cells = p.cells;
  auto* const gates = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.gates);
  auto* const input = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.inputs);
  auto* const state = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.states);
  auto* const products = reinterpret_cast<std::int8_t*>(run.scratch + p.scratch.hidden);
  for (std::int64_t step = 0; step < p.steps; ++step) {
    for (std::int64_t b = 0; b < p.batches; ++b) {
      simd::centre_row<A>(t.input + p.offset(step, b, p.inputs), p.integers.input_zero_point, input, p.inputs);
      simd::centre_row<A>(t.state + b * p.outputs, p.integers.state_zero_point, state, p.outputs);
      for (int g = forget_gate; g < gate_count; ++g) {
        std::int16_t* const gate = gates + g * cells;
        std::int8_t *const of_input = products, *const of_state = products + cells;
        narrow_lstm_product<A>(t.weights[g], cells, input, p.inputs, p.integers.input[g], p.narrow.input_zero[g], of_input);
        narrow_lstm_product<A>(t.recurrent[g], cells, state, p.outputs, p.integers.recurrent[g], p.narrow.state_zero[g], of_state);
        for (std::int64_t i = 0; i < cells; ++i) {
          const std::int64_t y = std::int64_t{multiply(of_input[i] - p.narrow.input_zero[g], p.narrow.from_input[g])} +
                                 multiply(of_state[i] - p.narrow.state_zero[g], p.narrow.from_state[g]);
          gate[i] = static_cast<std::int16_t>(y < -32768 ? -32768 : y > 32767 ? 32767 : y);
        }
        normalize_narrow_lstm_gate(t.norm[g], t.bias[g], p.narrow.norm_scale[g], gate, cells);
        for (std::int64_t i = 0; i < cells; ++i) {
          const float x = static_cast<float>(gate[i]) / 4096;
          gate[i] = narrow_lstm_short((g == cell_gate ? std::tanh(x) : 1.0f / (1.0f + std::exp(-x))) * 32768);
        }
      }
      const std::int16_t *const forget = gates + forget_gate * cells, *const value = gates + cell_gate * cells;
      std::int16_t *const hidden = gates + output_gate * cells, *const cell = t.cell + b * cells;
      for (std::int64_t i = 0; i < cells; ++i) {
        const std::int32_t kept = rounding_divide_by_power_of_two(forget[i] * cell[i], 15);
        const std::int32_t fresh = rounding_divide_by_power_of_two((32767 - forget[i]) * value[i], 15);
        const std::int32_t most = p.integers.cell_clip > 0 ? p.integers.cell_clip : 32767;
        const std::int32_t least = p.integers.cell_clip > 0 ? -most : -32768;
        cell[i] = static_cast<std::int16_t>(kept + fresh < least ? least : kept + fresh > most ? most : kept + fresh);
        const std::int16_t bounded = narrow_lstm_short(std::tanh(static_cast<float>(cell[i]) / 32768) * 32768);
        hidden[i] = static_cast<std::int16_t>(rounding_divide_by_power_of_two(hidden[i] * bounded, 15));
      }
      for (std::int64_t row = 0; row < p.outputs; ++row) {
        std::int64_t sum = t.projection_bias != nullptr ? t.projection_bias[row] : 0;
        for (std::int64_t i = 0; i < cells; ++i) sum += hidden[i] * t.projection[row * cells + i];
        std::int64_t y = std::int64_t{multiply_wide(sum, p.integers.projection)} + p.integers.state_zero_point;
        const std::int64_t clip = p.integers.projection_clip > 0 ? p.integers.projection_clip : 128;
        y = y < -128 ? -128 : y > 127 ? 127 : y;
        t.state[b * p.outputs + row] = static_cast<std::int8_t>(y < -clip ? -clip : y > clip ? clip : y);
      }
      std::memcpy(t.output + p.offset(step, b, p.outputs), t.state + b * p.outputs, static_cast<std::size_t>(p.outputs));
    }
  }
}

}  // namespace tfl::detail
