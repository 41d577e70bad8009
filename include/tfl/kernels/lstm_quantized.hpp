#pragma once
// The LSTM cell in integers: int8 activations and weights, int16 gates and cell state. See lstm_cell.hpp for the formulas.
//
// Gates before activation have 3 integer bits, gates after it none; both are int16. Zero points are subtracted from activations before
// the products, which gives the same sums as corrected biases.

#include <cstdint>
#include <cstring>

#include "tfl/kernels/lstm_cell.hpp"
#include "tfl/quant/fixed_point.hpp"
#include "tfl/simd/fixed_point16.hpp"
#include "tfl/simd/map_wide.hpp"

namespace tfl::detail {

/// y[i] = f(a[i], b[i]) of 16-bit numbers in 32-bit lanes, saturated to T. y may be a or b.
template <class A, class T, class F> void map_lstm(const std::int16_t* a, const std::int16_t* b, T* y, std::int64_t count, F f) {
  constexpr int step = simd::lanes<std::int32_t, A>;
  using One = simd::Scalar;
  std::int64_t i = 0;
  for (; i + step <= count; i += step) simd::store_saturated<A>(y + i, f(simd::load_int32<A>(a + i), simd::load_int32<A>(b + i)));
  for (; i < count; ++i) simd::store_saturated<One>(y + i, f(simd::load_int32<One>(a + i), simd::load_int32<One>(b + i)));
}

/// gate[i] = saturate(gate[i] + sums[i] * by); `fresh` stands for a gate of zeros.
template <class A> void requantize_lstm_sums(const std::int32_t* sums, Multiplier by, bool fresh, std::int16_t* gate, std::int64_t count) {
  const auto part = [&]<class B>(std::type_identity<B>, std::int64_t i) {
    const auto scaled = simd::multiply<B>(simd::load<B>(sums + i), simd::LaneMultipliers<B>::broadcast(by));
    // Wide products saturate before the sum, which then fits 32 bits; the sum saturates the same.
    using V = simd::Int32<B>;
    if (fresh) return scaled;
    return simd::min(simd::max(scaled, V(-(1 << 30))), V(1 << 30)) + simd::load_int32<B>(gate + i);
  };
  constexpr int step = simd::lanes<std::int32_t, A>;
  std::int64_t i = 0;
  for (; i + step <= count; i += step) simd::store_saturated<A>(gate + i, part(std::type_identity<A>{}, i));
  for (; i < count; ++i) simd::store_saturated<simd::Scalar>(gate + i, part(std::type_identity<simd::Scalar>{}, i));
}

/// Rows [first, last) of the gates before activation, without peepholes and norm.
template <class A, class T>
void lstm_integer_products(const LstmPrepared& p, const T& t, std::byte* scratch, std::int64_t first, std::int64_t last) {
  auto* gates = reinterpret_cast<std::int16_t*>(scratch + p.scratch.gates);
  const auto* inputs = reinterpret_cast<const std::int16_t*>(scratch + p.scratch.inputs);
  const auto* states = reinterpret_cast<const std::int16_t*>(scratch + p.scratch.states);
  for (std::int64_t row = first; row < last; row += lstm_rows_at_once) {
    const std::int64_t rows = last - row < lstm_rows_at_once ? last - row : lstm_rows_at_once;
    for (int g = p.coupled ? forget_gate : input_gate; g < gate_count; ++g) {
      for (std::int64_t b = 0; b < p.batches; ++b) {
        std::int16_t* gate = gates + (g * p.batches + b) * p.cells + row;
        std::int32_t sums[lstm_rows_at_once];
        simd::dot_rows<A>(t.weights[g] + row * p.inputs, rows, p.inputs, inputs + b * p.inputs, sums);
        if (!p.normalized) {
          for (std::int64_t i = 0; i < rows; ++i) sums[i] = fixed_point::plus(sums[i], t.bias[g][row + i]);
        }
        requantize_lstm_sums<A>(sums, p.integers.input[g], true, gate, rows);
        simd::dot_rows<A>(t.recurrent[g] + row * p.outputs, rows, p.outputs, states + b * p.outputs, sums);
        requantize_lstm_sums<A>(sums, p.integers.recurrent[g], false, gate, rows);
      }
    }
  }
}

/// gate += peephole * cell. TFLite's reference takes the number of outputs for the number of cells here, so that with a projection the
/// last cells have no peephole, and in time-major order the batches are out of step; the results must agree.
template <class A, class T> void add_lstm_peepholes(const LstmPrepared& p, const T& t, int g, std::int16_t* gate) {
  if (t.peephole[g] == nullptr) return;
  const std::int64_t n = p.outputs < p.cells ? p.outputs : p.cells;
  const std::int64_t stride = p.time_major ? n : p.cells;
  for (std::int64_t b = 0; b < p.batches; ++b) {
    const std::int16_t* cell = t.cell + b * stride;
    std::int16_t* to = gate + b * stride;
    for (std::int64_t i = 0; i < n; i += lstm_rows_at_once) {
      const std::int64_t count = n - i < lstm_rows_at_once ? n - i : lstm_rows_at_once;
      std::int32_t products[lstm_rows_at_once];
      map_lstm<A>(t.peephole[g] + i, cell + i, products, count, [](auto w, auto c) { return w * c; });
      requantize_lstm_sums<A>(products, p.integers.peephole[g], false, to + i, count);
    }
  }
}

/// Layer normalization of one batch's gate, with 10 fraction bits inside. Requires n > 0.
template <class A>
void normalize_lstm_gate(const std::int16_t* weight, const std::int32_t* bias, Multiplier scale, std::int32_t variance_guard,
                         std::int16_t* gate, std::int64_t n) {
  std::int64_t sum = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    sum += gate[i];
    squares += std::int32_t{gate[i]} * gate[i];
  }
  const auto mean = static_cast<std::int32_t>(sum * 1024 / n);
  const std::int64_t variance = squares * ((1 << 20) / n) - std::int64_t{mean} * mean;
  auto narrow = static_cast<std::int32_t>(variance / (1 << 20));
  if (narrow < 1) narrow = variance_guard;
  const Multiplier inverse = fixed_point::inverse_square_root(narrow);
  const Multiplier final_scale{scale.mantissa, scale.shift + 12};
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int32_t normalized = multiply(1024 * std::int32_t{gate[i]} - mean, inverse);
    const std::int64_t weighted = static_cast<std::int32_t>(static_cast<std::uint32_t>(std::int64_t{normalized} * weight[i] + bias[i]));
    const auto rounded = static_cast<std::int32_t>((weighted > 0 ? weighted + 512 : weighted - 512) / 1024);
    simd::store_saturated<simd::Scalar>(gate + i, simd::Lane<std::int32_t>(multiply(rounded, final_scale)));
  }
}

/// From the gates' products to the cell state and, in place of the cell gate, tanh of the cell state.
template <class A, class T> void lstm_integer_cell(const LstmPrepared& p, const T& t, std::int16_t* gates) {
  const std::int64_t n = std::int64_t{p.batches} * p.cells;
  std::int16_t* const gate[gate_count] = {gates, gates + n, gates + 2 * n, gates + 3 * n};
  const auto finish = [&](int g) {
    add_lstm_peepholes<A>(p, t, g, gate[g]);
    if (p.normalized) {
      for (std::int64_t b = 0; b < p.batches; ++b) {
        normalize_lstm_gate<A>(t.norm[g], t.bias[g], p.integers.norm[g], p.integers.variance_guard[g], gate[g] + b * p.cells, p.cells);
      }
    }
    simd::map_wide<A>(gate[g], gate[g], n, [&](auto x) { return g == cell_gate ? simd::tanh16(x, 3) : simd::logistic16(x); });
  };
  if (!p.coupled) finish(input_gate);
  finish(forget_gate);
  finish(cell_gate);
  map_lstm<A>(gate[forget_gate], t.cell, t.cell, n, [](auto f, auto c) { return simd::detail::divide_by_power16(f * c, 15); });
  if (p.coupled) simd::map_wide<A>(gate[forget_gate], gate[input_gate], n, [](auto f) { return decltype(f)(32767) - f; });
  const int shift = 15 + p.integers.cell_integer_bits;
  map_lstm<A>(gate[input_gate], gate[cell_gate], gate[cell_gate], n,
              [&](auto i, auto x) { return simd::detail::divide_by_power16(i * x, shift); });
  const std::int32_t clip = p.integers.cell_clip > 0 ? p.integers.cell_clip : 32768;
  map_lstm<A>(t.cell, gate[cell_gate], t.cell, n, [&](auto c, auto x) {
    using V = decltype(c);
    return simd::min(simd::max(c + x, V(-clip)), V(clip));
  });
  finish(output_gate);
  simd::map_wide<A>(t.cell, gate[cell_gate], n, [&](auto c) { return simd::tanh16(c, p.integers.cell_integer_bits); });
}

/// hidden[i] = saturate_int8(output gate * tanh(cell) * scale + zero), less `centre` as T.
template <class A, class T>
void lstm_hidden(const std::int16_t* gate, const std::int16_t* tanh_of_cell, Multiplier scale, std::int32_t zero, std::int32_t centre,
                 T* hidden, std::int64_t count) {
  const auto value = [&]<class V, class B>(V o, V c, std::type_identity<B>) {
    const V scaled = simd::multiply<B>(o * c, simd::LaneMultipliers<B>::broadcast(scale));
    const V near = simd::min(simd::max(scaled, V(-(1 << 30))), V(1 << 30)) + V(zero);
    return simd::min(simd::max(near, V(-128)), V(127)) - V(centre);
  };
  map_lstm<A>(gate, tanh_of_cell, hidden, count, [&]<class V>(V o, V c) {
    using B = std::conditional_t<std::is_same_v<V, simd::Lane<std::int32_t>>, simd::Scalar, A>;
    return value(o, c, std::type_identity<B>{});
  });
}

/// Rows [first, last) of the projection of all batches, into the output state.
template <class A, class T>
void lstm_integer_projection(const LstmPrepared& p, const T& t, std::byte* scratch, std::int64_t first, std::int64_t last) {
  const auto* hidden = reinterpret_cast<const std::int16_t*>(scratch + p.scratch.hidden);
  const std::int32_t clip = p.integers.projection_clip > 0 ? p.integers.projection_clip : 128;
  for (std::int64_t row = first; row < last; row += lstm_rows_at_once) {
    const std::int64_t rows = last - row < lstm_rows_at_once ? last - row : lstm_rows_at_once;
    for (std::int64_t b = 0; b < p.batches; ++b) {
      std::int32_t sums[lstm_rows_at_once];
      simd::dot_rows<A>(t.projection + row * p.cells, rows, p.cells, hidden + b * p.cells, sums);
      std::int8_t* state = t.state + b * p.outputs + row;
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int32_t biased = t.projection_bias != nullptr ? fixed_point::plus(sums[i], t.projection_bias[row + i]) : sums[i];
        const std::int64_t scaled = std::int64_t{multiply(biased, p.integers.projection)} + p.integers.state_zero_point;
        const std::int64_t clamped = scaled < -128 ? -128 : scaled > 127 ? 127 : scaled;
        state[i] = static_cast<std::int8_t>(clamped < -clip ? -clip : clamped > clip ? clip : clamped);
      }
    }
  }
}

/// All steps.
template <class Run, class T> void run_integer_lstm(const Run& run, const T& t) {
  using A = typename Run::Arch;
  const LstmPrepared& p = run.prepared;
  const std::int64_t n = std::int64_t{p.batches} * p.cells;
  auto* gates = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.gates);
  auto* inputs = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.inputs);
  auto* states = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.states);
  auto* hidden = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.hidden);
  const std::int64_t row_cost = product_cost(gate_count * p.batches * (std::int64_t{p.inputs} + p.outputs));
  for (std::int64_t step = 0; step < p.steps; ++step) {
    for (std::int64_t b = 0; b < p.batches; ++b) {
      simd::centre_row<A>(t.input + p.offset(step, b, p.inputs), p.integers.input_zero_point, inputs + b * p.inputs, p.inputs);
      simd::centre_row<A>(t.state + b * p.outputs, p.integers.state_zero_point, states + b * p.outputs, p.outputs);
    }
    run.executor.parallel_for(
        p.cells, row_cost, [&](std::int64_t first, std::int64_t last, int) { lstm_integer_products<A>(p, t, run.scratch, first, last); });
    lstm_integer_cell<A>(p, t, gates);
    const std::int16_t *output = gates + 3 * n, *tanh_of_cell = gates + 2 * n;
    const std::int32_t zero = p.integers.hidden_zero_point;
    if (p.projected) {
      // The reference keeps the hidden state with the opposite zero point, and takes it off again.
      lstm_hidden<A>(output, tanh_of_cell, p.integers.hidden, -zero, -zero, hidden, n);
      run.executor.parallel_for(p.outputs, product_cost(n), [&](std::int64_t first, std::int64_t last, int) {
        lstm_integer_projection<A>(p, t, run.scratch, first, last);
      });
    } else {
      lstm_hidden<A>(output, tanh_of_cell, p.integers.hidden, zero, 0, t.state, n);
    }
    for (std::int64_t b = 0; b < p.batches; ++b) {
      std::memcpy(t.output + p.offset(step, b, p.outputs), t.state + b * p.outputs, static_cast<std::size_t>(p.outputs));
    }
  }
}

}  // namespace tfl::detail
