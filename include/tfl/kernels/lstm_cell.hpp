#pragma once
// What LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM have in common, and their kernel for float activations with float weights or, hybrid, 8-bit
// weights. One time step is worked on at a time, for all batches.
//
//   gate    = activation(norm(W x + R h + p * c) + b)        for the gates input i, forget f, cell g, output o; without norm b comes first
//   c'      = clip(f * c + i * g)                            i is 1 - f in a coupled (CIFG) cell
//   h'      = clip(P (o * activation(c')) + b_P)             or o * activation(c') without projection

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tfl/core/tensor.hpp"
#include "tfl/kernels/lstm_basic.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/recurrent.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/dot_rows.hpp"
#include "tfl/simd/int32.hpp"
#include "tfl/simd/map_wide.hpp"
#include "tfl/simd/math.hpp"

namespace tfl::detail {

/// The order of weights, biases and norms in the node's inputs.
enum LstmGate { input_gate, forget_gate, cell_gate, output_gate, gate_count };

/// What an integer cell needs besides.
struct LstmIntegers {
  Multiplier input[gate_count], recurrent[gate_count], peephole[gate_count], norm[gate_count], hidden, projection;
  std::int32_t variance_guard[gate_count] = {};
  std::int32_t input_zero_point = 0, state_zero_point = 0, hidden_zero_point = 0;
  std::int32_t cell_integer_bits = 0;               // c = stored * 2^(cell_integer_bits - 15)
  std::int32_t cell_clip = 0, projection_clip = 0;  // 0: none
};

/// What a cell with gates of 8 bits needs besides, see lstm_narrow.hpp.
struct NarrowLstm {
  Multiplier from_input[gate_count], from_state[gate_count];
  std::int32_t input_zero[gate_count] = {}, state_zero[gate_count] = {};
  float norm_scale[gate_count] = {};
};

/// The scales of 8-bit weights beside float activations.
struct LstmScales {
  float input[gate_count] = {}, recurrent[gate_count] = {}, peephole[gate_count] = {}, projection = 1;
  float aux[gate_count] = {};
  bool state_as_input[gate_count] = {};  // R h is scaled by the input's scale
};

/// Where things lie in the scratch memory: offsets in bytes.
struct LstmScratch {
  std::int64_t gates = 0, inputs = 0, states = 0, hidden = 0, scales = 0, aux = 0, bytes = 0;
};

enum class LstmKind : std::uint8_t { real, hybrid, integer, narrow };

struct LstmPrepared {
  std::int32_t steps = 1, batches = 0, inputs = 0, cells = 0, outputs = 0;
  std::int32_t aux_inputs = 0;   // of a second input with weights of its own (bidirectional)
  std::int64_t output_step = 0;  // elements from one output vector to the next
  bool backward = false;         // the last step comes first
  LstmKind kind = LstmKind::real;
  bool time_major = false, coupled = false, normalized = false, diagonal = false, projected = false, asymmetric = false;
  Activation activation = Activation::none;
  float cell_clip = 0, projection_clip = 0;
  LstmScratch scratch;
  LstmScales scales;
  LstmIntegers integers;
  NarrowLstm narrow;
  BasicLstm basic;

  constexpr bool in_integers() const { return kind == LstmKind::integer || kind == LstmKind::narrow; }

  /// The element of the input at which (step, batch) begins, if a vector has `size` elements.
  constexpr std::int64_t offset(std::int64_t step, std::int64_t batch, std::int64_t size) const {
    if (backward) step = steps - 1 - step;
    return (time_major ? step * batches + batch : batch * steps + step) * size;
  }
};

constexpr LstmScratch lay_out_lstm_scratch(const LstmPrepared& p) {
  LstmScratch s;
  const auto take = [&](std::int64_t bytes) {
    const std::int64_t at = s.bytes;
    s.bytes += (bytes + 15) / 16 * 16;
    return at;
  };
  const std::int64_t batches = p.batches;
  s.gates = take(gate_count * batches * p.cells * (p.in_integers() ? 2 : 4));
  if (p.kind == LstmKind::real) return s;
  s.inputs = take(batches * p.inputs * 2);
  s.states = take(p.diagonal ? 0 : batches * p.outputs * 2);
  s.hidden = take(p.projected ? batches * p.cells * 2 : 0);
  s.scales = take(p.kind == LstmKind::hybrid ? 4 * batches * 4 : 0);
  s.aux = take(batches * p.aux_inputs * 2);
  return s;
}

/// A node's memory. What is absent is null.
template <class X, class W, class R, class P, class B, class H, class C, class N> struct LstmTensors {
  const X* input;
  const W* weights[gate_count];
  const R* recurrent[gate_count];
  const P* peephole[gate_count];
  const B* bias[gate_count];
  const W* projection;
  const B* projection_bias;
  H* state;
  C* cell;
  const N* norm[gate_count];
  X* output;
  const X* aux = nullptr;  // of bidirectional cells
  const W* aux_weights[gate_count] = {};
};

/// Weights stored as uint8 are int8 too: old converters wrote so.
inline const std::int8_t* lstm_data(const Raw<1>* data) { return reinterpret_cast<const std::int8_t*>(data); }
template <class T> T* lstm_data(T* data) { return data; }

/// The views of the node's 24 inputs and its output.
template <class... V> struct LstmArguments {
  std::tuple<V...> views;

  template <int I> auto at() const { return lstm_data(std::get<I>(views).data()); }
  /// The output state of an int8 cell may be declared int16: its first bytes hold it then, as in TFLite.
  auto state() const {
    auto* data = std::get<18>(views).data();
    if constexpr (sizeof(typename std::tuple_element_t<0, std::tuple<V...>>::value_type) == 1) {
      return reinterpret_cast<std::int8_t*>(data);
    } else {
      return data;
    }
  }
};

template <class Pointer> using LstmElement = std::remove_cv_t<std::remove_pointer_t<Pointer>>;

template <class... V> auto gather_lstm_tensors(V... views) {
  const LstmArguments<V...> a{{views...}};
  return LstmTensors<LstmElement<decltype(a.template at<0>())>, LstmElement<decltype(a.template at<2>())>,
                     LstmElement<decltype(a.template at<6>())>, LstmElement<decltype(a.template at<10>())>,
                     LstmElement<decltype(a.template at<13>())>, LstmElement<decltype(a.state())>,
                     LstmElement<decltype(a.template at<19>())>, LstmElement<decltype(a.template at<21>())>>{
      a.template at<0>(),
      {a.template at<1>(), a.template at<2>(), a.template at<3>(), a.template at<4>()},
      {a.template at<5>(), a.template at<6>(), a.template at<7>(), a.template at<8>()},
      {a.template at<9>(), a.template at<10>(), nullptr, a.template at<11>()},
      {a.template at<12>(), a.template at<13>(), a.template at<14>(), a.template at<15>()},
      a.template at<16>(),
      a.template at<17>(),
      a.state(),
      a.template at<19>(),
      {a.template at<20>(), a.template at<21>(), a.template at<22>(), a.template at<23>()},
      a.template at<24>()};
}

// ---- Float activations

inline constexpr int lstm_rows_at_once = 64;  // rows whose products wait on the stack

/// Rows [first, last) of the gates before activation, without peepholes and norm.
template <class A, class T>
void lstm_float_products(const LstmPrepared& p, const T& t, std::int64_t step, std::byte* scratch, std::int64_t first, std::int64_t last) {
  constexpr bool hybrid = std::is_same_v<std::remove_cvref_t<decltype(**t.weights)>, std::int8_t>;
  constexpr bool recurrent_is_float = std::is_same_v<std::remove_cvref_t<decltype(**t.recurrent)>, float>;
  using Sum = std::conditional_t<hybrid, std::int32_t, float>;
  auto* gates = reinterpret_cast<float*>(scratch + p.scratch.gates);
  [[maybe_unused]] const auto* scales = reinterpret_cast<const float*>(scratch + p.scratch.scales);
  [[maybe_unused]] const auto* inputs = reinterpret_cast<const std::int16_t*>(scratch + p.scratch.inputs);
  [[maybe_unused]] const auto* states = reinterpret_cast<const std::int16_t*>(scratch + p.scratch.states);
  for (std::int64_t row = first; row < last; row += lstm_rows_at_once) {
    const std::int64_t rows = last - row < lstm_rows_at_once ? last - row : lstm_rows_at_once;
    for (int g = p.coupled ? forget_gate : input_gate; g < gate_count; ++g) {
      for (std::int64_t b = 0; b < p.batches; ++b) {
        float* gate = gates + (g * p.batches + b) * p.cells + row;
        Sum sums[lstm_rows_at_once];
        if constexpr (hybrid) {
          simd::dot_rows<A>(t.weights[g] + row * p.inputs, rows, p.inputs, inputs + b * p.inputs, sums);
          const float scale = scales[b] * p.scales.input[g];
          for (std::int64_t i = 0; i < rows; ++i) gate[i] = static_cast<float>(sums[i]) * scale;
        } else {
          simd::dot_rows<A>(t.weights[g] + row * p.inputs, rows, p.inputs, t.input + p.offset(step, b, p.inputs), gate);
        }
        if (p.aux_inputs > 0) {
          if constexpr (hybrid) {
            const auto* aux = reinterpret_cast<const std::int16_t*>(scratch + p.scratch.aux);
            simd::dot_rows<A>(t.aux_weights[g] + row * p.aux_inputs, rows, p.aux_inputs, aux + b * p.aux_inputs, sums);
            const float scale = scales[3 * p.batches + b] * p.scales.aux[g];
            for (std::int64_t i = 0; i < rows; ++i) gate[i] += static_cast<float>(sums[i]) * scale;
          } else {
            simd::dot_rows<A>(t.aux_weights[g] + row * p.aux_inputs, rows, p.aux_inputs, t.aux + p.offset(step, b, p.aux_inputs), sums);
            for (std::int64_t i = 0; i < rows; ++i) gate[i] += sums[i];
          }
        }
        if (!p.normalized) {
          for (std::int64_t i = 0; i < rows; ++i) gate[i] += t.bias[g][row + i];
        }
        if (recurrent_is_float && p.diagonal) {
          if constexpr (recurrent_is_float) {
            const float* state = t.state + b * p.outputs + row;
            for (std::int64_t i = 0; i < rows; ++i) gate[i] += t.recurrent[g][row + i] * state[i];
          }
        } else if constexpr (hybrid && !recurrent_is_float) {
          simd::dot_rows<A>(t.recurrent[g] + row * p.outputs, rows, p.outputs, states + b * p.outputs, sums);
          const float scale = scales[(p.scales.state_as_input[g] ? 0 : p.batches) + b] * p.scales.recurrent[g];
          for (std::int64_t i = 0; i < rows; ++i) gate[i] += static_cast<float>(sums[i]) * scale;
        } else if constexpr (!hybrid) {
          simd::dot_rows<A>(t.recurrent[g] + row * p.outputs, rows, p.outputs, t.state + b * p.outputs, sums);
          for (std::int64_t i = 0; i < rows; ++i) gate[i] += sums[i];
        }
      }
    }
  }
}

/// gate[i] += scale * peephole[i] * cell[i]
template <class A, class P> void add_lstm_peephole(const P* peephole, float scale, const float* cell, float* gate, std::int64_t n) {
  const auto weight = [&]<class B>(std::type_identity<B>, std::int64_t i) {
    if constexpr (std::is_same_v<P, float>) {
      return simd::load<B>(peephole + i);
    } else {
      return simd::to_float<B>(simd::load_int32<B>(peephole + i)) * simd::Batch<float, B>(scale);
    }
  };
  constexpr int lanes = simd::lanes<float, A>;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    simd::store(gate + i, simd::fma(weight(std::type_identity<A>{}, i), simd::load<A>(cell + i), simd::load<A>(gate + i)));
  }
  for (; i < n; ++i) {
    using One = simd::Scalar;
    simd::store(gate + i, simd::fma(weight(std::type_identity<One>{}, i), simd::load<One>(cell + i), simd::load<One>(gate + i)));
  }
}

/// gate = (gate - mean) / standard deviation * weight + bias
template <class A> void normalize_lstm_gate(const float* weight, const float* bias, float* gate, std::int64_t n) {
  using V = simd::Batch<float, A>;
  constexpr int lanes = simd::lanes<float, A>;
  const auto reduce = [&](auto f) {
    V sums(0.0f);
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) sums = sums + f(simd::load<A>(gate + i));
    float sum = simd::sum(sums);
    for (; i < n; ++i) sum += f(simd::load<simd::Scalar>(gate + i)).value;
    return sum / static_cast<float>(n);
  };
  const float mean = reduce([](auto x) { return x; });
  const float variance = reduce([&](auto x) {
    const auto difference = x - decltype(x)(mean);
    return difference * difference;
  });
  const float inverse = 1.0f / std::sqrt(variance + 1e-8f);
  for (std::int64_t i = 0; i < n; ++i) gate[i] = (gate[i] - mean) * inverse * weight[i] + bias[i];
}

template <class A> void logistic_of_lstm_gate(float* gate, std::int64_t n) {
  simd::map_wide<A>(gate, gate, n, [](auto x) { return simd::logistic(x); });
}

/// From the gates' products to the cell state and, in place of the output gate, the hidden state.
template <class A, class T> void lstm_float_cell(const LstmPrepared& p, const T& t, std::int64_t b, float* gates) {
  const std::int64_t n = p.cells;
  float* cell = t.cell + b * n;
  float* gate[gate_count];
  for (int g = 0; g < gate_count; ++g) gate[g] = gates + (g * p.batches + b) * n;
  const auto finish = [&](int g) {
    if (t.peephole[g] != nullptr) add_lstm_peephole<A>(t.peephole[g], p.scales.peephole[g], cell, gate[g], n);
    if (p.normalized) normalize_lstm_gate<A>(t.norm[g], t.bias[g], gate[g], n);
    if (g != cell_gate) logistic_of_lstm_gate<A>(gate[g], n);
  };
  if (!p.coupled) finish(input_gate);
  finish(forget_gate);
  finish(cell_gate);
  activate_floats<A>(p.activation, gate[cell_gate], gate[cell_gate], n);
  if (p.coupled) {
    simd::map<A>(gate[forget_gate], gate[input_gate], n, [](auto f) { return decltype(f)(1.0f) - f; });
  }
  simd::map<A>(gate[forget_gate], 1, cell, 1, cell, n, [](auto f, auto c) { return f * c; });
  simd::map<A>(gate[input_gate], 1, gate[cell_gate], 1, gate[cell_gate], n, [](auto i, auto x) { return i * x; });
  simd::map<A>(cell, 1, gate[cell_gate], 1, cell, n, [](auto c, auto x) { return c + x; });
  if (p.cell_clip > 0) clamp_floats<A>(cell, n, -p.cell_clip, p.cell_clip);
  finish(output_gate);
  activate_floats<A>(p.activation, cell, gate[cell_gate], n);
  simd::map<A>(gate[output_gate], 1, gate[cell_gate], 1, gate[output_gate], n, [](auto o, auto x) { return o * x; });
}

/// Rows [first, last) of the projection of all batches, into the output state.
template <class A, class T>
void lstm_float_projection(const LstmPrepared& p, const T& t, std::byte* scratch, std::int64_t first, std::int64_t last) {
  constexpr bool hybrid = std::is_same_v<std::remove_cvref_t<decltype(*t.projection)>, std::int8_t>;
  using Sum = std::conditional_t<hybrid, std::int32_t, float>;
  [[maybe_unused]] const auto* scales = reinterpret_cast<const float*>(scratch + p.scratch.scales);
  for (std::int64_t row = first; row < last; row += lstm_rows_at_once) {
    const std::int64_t rows = last - row < lstm_rows_at_once ? last - row : lstm_rows_at_once;
    for (std::int64_t b = 0; b < p.batches; ++b) {
      Sum sums[lstm_rows_at_once];
      float scale = 1;
      if constexpr (hybrid) {
        const auto* hidden = reinterpret_cast<const std::int16_t*>(scratch + p.scratch.hidden);
        simd::dot_rows<A>(t.projection + row * p.cells, rows, p.cells, hidden + b * p.cells, sums);
        scale = scales[2 * p.batches + b] * p.scales.projection;
      } else {
        const auto* hidden = reinterpret_cast<const float*>(scratch + p.scratch.gates) + (output_gate * p.batches + b) * p.cells;
        simd::dot_rows<A>(t.projection + row * p.cells, rows, p.cells, hidden, sums);
      }
      float* state = t.state + b * p.outputs + row;
      for (std::int64_t i = 0; i < rows; ++i) {
        const float product = static_cast<float>(sums[i]) * scale;
        state[i] = t.projection_bias != nullptr ? t.projection_bias[row + i] + product : product;
      }
      if (p.projection_clip > 0) clamp_floats<A>(state, rows, -p.projection_clip, p.projection_clip);
    }
  }
}

/// All steps. Works for float and 8-bit weights alike.
template <class Run, class T> void run_float_lstm(const Run& run, const T& t) {
  using A = typename Run::Arch;
  constexpr bool hybrid = std::is_same_v<std::remove_cvref_t<decltype(**t.weights)>, std::int8_t>;
  const LstmPrepared& p = run.prepared;
  auto* gates = reinterpret_cast<float*>(run.scratch + p.scratch.gates);
  [[maybe_unused]] auto* scales = reinterpret_cast<float*>(run.scratch + p.scratch.scales);
  const std::int64_t row_cost = product_cost(gate_count * p.batches * (std::int64_t{p.inputs} + p.outputs));
  for (std::int64_t step = 0; step < p.steps; ++step) {
    if constexpr (hybrid) {
      auto* inputs = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.inputs);
      auto* states = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.states);
      for (std::int64_t b = 0; b < p.batches; ++b) {
        scales[b] = quantize_row_centred<A>(t.input + p.offset(step, b, p.inputs), p.inputs, p.asymmetric, inputs + b * p.inputs);
        if (p.aux_inputs > 0) {
          auto* aux = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.aux);
          scales[3 * p.batches + b] =
              quantize_row_centred<A>(t.aux + p.offset(step, b, p.aux_inputs), p.aux_inputs, p.asymmetric, aux + b * p.aux_inputs);
        }
        if (p.diagonal) continue;
        scales[p.batches + b] = quantize_row_centred<A>(t.state + b * p.outputs, p.outputs, p.asymmetric, states + b * p.outputs);
      }
    }
    run.executor.parallel_for(p.cells, row_cost, [&](std::int64_t first, std::int64_t last, int) {
      lstm_float_products<A>(p, t, step, run.scratch, first, last);
    });
    run.executor.parallel_for(p.batches, std::int64_t{p.cells} * 8, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t b = first; b < last; ++b) lstm_float_cell<A>(p, t, b, gates);
    });
    const float* hidden = gates + output_gate * std::int64_t{p.batches} * p.cells;
    if (p.projected) {
      if constexpr (hybrid) {
        auto* quantized = reinterpret_cast<std::int16_t*>(run.scratch + p.scratch.hidden);
        for (std::int64_t b = 0; b < p.batches; ++b) {
          scales[2 * p.batches + b] = quantize_row_centred<A>(hidden + b * p.cells, p.cells, p.asymmetric, quantized + b * p.cells);
        }
      }
      run.executor.parallel_for(
          p.outputs, product_cost(std::int64_t{p.batches} * p.cells),
          [&](std::int64_t first, std::int64_t last, int) { lstm_float_projection<A>(p, t, run.scratch, first, last); });
    } else if (p.batches > 0) {
      std::memcpy(t.state, hidden, static_cast<std::size_t>(p.batches) * static_cast<std::size_t>(p.cells) * sizeof(float));
    }
    for (std::int64_t b = 0; b < p.batches; ++b) {
      std::memcpy(t.output + p.offset(step, b, p.output_step), t.state + b * p.outputs,
                  static_cast<std::size_t>(p.outputs) * sizeof(float));
    }
  }
}

}  // namespace tfl::detail
