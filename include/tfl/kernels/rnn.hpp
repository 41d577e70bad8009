#pragma once
// RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN: h = activation(W x + A a + R h + b), with float weights or, hybrid,
// weights of 8 bits. `a` is the auxiliary input of a bidirectional op; without weights for it, it is what the backward cell reads instead
// of x.

#include <cstdint>
#include <cstring>
#include <span>
#include <tuple>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/recurrent.hpp"
#include "tfl/simd/dot_rows.hpp"

namespace tfl {

namespace detail {

/// One direction. Scales are those of 8-bit weights: of the input, the auxiliary input and the state.
struct RnnCell {
  std::int32_t inputs = 0, aux_inputs = 0, units = 0;
  float scales[3] = {};
};
struct RnnPrepared {
  std::int32_t steps = 1, batches = 0;
  bool time_major = false, asymmetric = false, merged = false;
  std::int64_t repeats_at = -1;  // where the state is kept from pass to pass in the scratch memory; -1: there is one pass
  Activation activation = Activation::none;
  RnnCell cells[2];

  constexpr std::int64_t vector(std::int64_t step, std::int64_t batch) const {
    return time_major ? step * batches + batch : batch * steps + step;
  }
};

template <class W> struct RnnTensors {
  const float *input, *aux;
  const W *weights, *aux_weights, *recurrent;
  const float* bias;
  float *state, *output;
  std::int64_t output_step;  // elements from one output vector to the next
};

/// Weights stored as uint8 are int8 too: old converters wrote so.
inline const std::int8_t* rnn_weights(const Raw<1>* data) { return reinterpret_cast<const std::int8_t*>(data); }
inline const float* rnn_weights(const float* data) { return data; }

/// row += weights * x
template <class A, class W>
void add_rnn_products(const RnnPrepared& p, const W* weights, float scale, std::int64_t units, const float* x, std::int64_t n, float* row,
                      std::byte* scratch) {
  constexpr std::int64_t at_once = 64;
  std::conditional_t<std::is_same_v<W, float>, float, std::int32_t> sums[at_once];
  [[maybe_unused]] auto* const quantized = reinterpret_cast<std::int16_t*>(scratch);
  if constexpr (!std::is_same_v<W, float>) scale *= quantize_row_centred<A>(x, n, p.asymmetric, quantized);
  for (std::int64_t first = 0; first < units; first += at_once) {
    const std::int64_t rows = units - first < at_once ? units - first : at_once;
    if constexpr (std::is_same_v<W, float>) {
      simd::dot_rows<A>(weights + first * n, rows, n, x, sums);
      for (std::int64_t i = 0; i < rows; ++i) row[first + i] += sums[i];
    } else {
      simd::dot_rows<A>(weights + first * n, rows, n, quantized, sums);
      for (std::int64_t i = 0; i < rows; ++i) row[first + i] += static_cast<float>(sums[i]) * scale;
    }
  }
}

/// The sequence once, from the cell's state to its new one.
template <class Run, class W> void run_rnn(const Run& run, const RnnCell& cell, const RnnTensors<W>& t, bool backward) {
  using A = typename Run::Arch;
  const RnnPrepared& p = run.prepared;
  const auto bytes = static_cast<std::size_t>(cell.units) * sizeof(float);
  for (std::int64_t step = 0; step < p.steps; ++step) {
    for (std::int64_t b = 0; b < p.batches; ++b) {
      const std::int64_t at = p.vector(backward ? p.steps - 1 - step : step, b);
      float* const row = t.output + at * t.output_step;
      float* const state = t.state + b * cell.units;
      std::memcpy(row, t.bias, bytes);
      add_rnn_products<A>(p, t.weights, cell.scales[0], cell.units, t.input + at * cell.inputs, cell.inputs, row, run.scratch);
      if (cell.aux_inputs > 0) {
        add_rnn_products<A>(p, t.aux_weights, cell.scales[1], cell.units, t.aux + at * cell.aux_inputs, cell.aux_inputs, row, run.scratch);
      }
      add_rnn_products<A>(p, t.recurrent, cell.scales[2], cell.units, state, cell.units, row, run.scratch);
      activate_floats<A>(p.activation, row, row, cell.units);
      std::memcpy(state, row, bytes);
    }
  }
}

/// One direction of a bidirectional op. TFLite's kernel for 8-bit weights goes through a time-major sequence once for each of its steps,
/// every time from the state that the last one left; the results must agree. It ends when the state has come back to where it was.
template <class Run, class W> void run_rnn_direction(const Run& run, const RnnCell& cell, const RnnTensors<W>& t, bool backward) {
  const RnnPrepared& p = run.prepared;
  if (p.repeats_at < 0) return run_rnn(run, cell, t, backward);
  std::byte* const before = run.scratch + p.repeats_at;
  const auto bytes = static_cast<std::size_t>(p.batches) * static_cast<std::size_t>(cell.units) * sizeof(float);
  for (std::int64_t pass = 0; pass < p.steps && bytes > 0; ++pass) {
    std::memcpy(before, t.state, bytes);
    run_rnn(run, cell, t, backward);
    if (std::memcmp(before, t.state, bytes) == 0) break;
  }
}

constexpr Violation require_rnn_shape(const NodeDescription& node, int i, std::int32_t rows, std::int32_t columns) {
  const Shape& s = node.input(i).shape;
  if (s.rank() == 2 && s[0] == rows && s[1] == columns) return {};
  return input_violation(i, ErrorCode::invalid_shape, "must have the shape [{}, {}]", rows, columns);
}

/// Checks one cell whose tensors begin at `first`: weights, recurrent weights, bias, state. `x`: the input that it reads; `aux_weights`:
/// the input with the auxiliary input's weights, or -1.
constexpr Violation check_rnn_cell(const NodeDescription& node, int first, int x, int aux_weights, std::int32_t batches) {
  const TensorType type = node.input(1).type;
  for (int i = first; i < first + 4; ++i) {
    if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_model, "must be there");
    if (i < first + 2 ? node.input(i).type != type : node.input(i).type != TensorType::float32) {
      return input_violation(i, ErrorCode::invalid_type, i < first + 2 ? "must have the type of input 1" : "must be float32");
    }
  }
  if (const Violation v = require_rank(node, first, 2)) return v;
  const std::int32_t units = node.input(first).shape[0];
  if (const Violation v = require_rnn_shape(node, first, units, node.input(x).shape.last())) return v;
  if (const Violation v = require_rnn_shape(node, first + 1, units, units)) return v;
  if (node.input(first + 2).count() != units) {
    return input_violation(first + 2, ErrorCode::invalid_shape, "must have {} elements, not {}", units, node.input(first + 2).count());
  }
  if (!node.input(first + 3).is_variable) return input_violation(first + 3, ErrorCode::invalid_model, "must be a variable tensor");
  if (node.input(first + 3).count() != std::int64_t{batches} * units) {
    return input_violation(first + 3, ErrorCode::invalid_shape, "must have {} elements, as many as the batch times the units, not {}",
                           std::int64_t{batches} * units, node.input(first + 3).count());
  }
  if (aux_weights >= 0) {
    if (node.input(aux_weights).type != type) return input_violation(aux_weights, ErrorCode::invalid_type, "must have the type of input 1");
    if (const Violation v = require_rnn_shape(node, aux_weights, units, node.input(9).shape.last())) return v;
  }
  if (type == TensorType::float32) return {};
  for (const int i : {first, first + 1, aux_weights}) {
    if (i < 0) continue;
    if (const Violation v = require_quantized_input(node, i)) return v;
  }
  return {};
}

constexpr Violation check_rnn_node(const NodeDescription& node, Activation activation, int rank) {
  if (const Violation v = check_float_activation(activation)) return v;
  if (!node.has_input(0)) return input_violation(0, ErrorCode::invalid_model, "must be there");
  if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
  if (const Violation v = require_rank(node, 0, rank)) return v;
  const TensorType type = node.input(1).type;
  if (type != TensorType::float32 && type != TensorType::int8 && type != TensorType::uint8) {
    return input_violation(1, ErrorCode::invalid_type, "must be float32, int8 or uint8");
  }
  for (int i = 0; i < node.output_count(); ++i) {
    if (node.output(i).type != TensorType::float32) return output_violation(i, ErrorCode::invalid_type, "must be float32");
  }
  return {};
}

constexpr RnnCell describe_rnn_cell(const NodeDescription& node, int first, int x, int aux_weights) {
  const auto scale = [&](int i) { return i >= 0 ? node.input(i).quantization.scale : 0.0f; };
  return {node.input(x).shape.last(),
          aux_weights >= 0 ? node.input(9).shape.last() : 0,
          node.input(first).shape[0],
          {scale(first), scale(aux_weights), scale(first + 1)}};
}

/// A quantized vector, for hybrid cells.
constexpr std::int64_t rnn_scratch(const RnnPrepared& p, TensorType weights) {
  std::int64_t most = 0;
  for (const RnnCell& cell : p.cells) {
    for (const std::int64_t n : {cell.inputs, cell.aux_inputs, cell.units}) most = most > n ? most : n;
  }
  return weights == TensorType::float32 ? 0 : most * 2;
}
/// The larger state of both directions.
constexpr std::int64_t rnn_state_bytes(const RnnPrepared& p) {
  const std::int32_t units = p.cells[0].units > p.cells[1].units ? p.cells[0].units : p.cells[1].units;
  return std::int64_t{p.batches} * units * static_cast<std::int64_t>(sizeof(float));
}

struct RnnOptions {
  Activation activation = Activation::none;
  bool time_major = false, merged = false, asymmetric = false;
  template <class Table> static constexpr RnnOptions read(const Table& table) {
    RnnOptions o;
    o.activation = activation_from(static_cast<std::int64_t>(table.fused_activation_function()));
    if constexpr (requires { table.time_major(); }) o.time_major = table.time_major();
    if constexpr (requires { table.merge_outputs(); }) o.merged = table.merge_outputs();
    o.asymmetric = table.asymmetric_quantize_inputs();
    return o;
  }
};

/// One cell: input, weights[units, inputs], recurrent weights[units, units], bias[units], state[batch, units] -> the states.
template <BuiltinOperator Code, bool Sequence> struct RnnOp {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 5, outputs = 1;
  static constexpr int max_version = 3;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = RnnOptions;
  using Prepared = RnnPrepared;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = check_rnn_node(node, options.activation, Sequence ? 3 : 2)) return v;
    const Shape& in = node.input(0).shape;
    if (const Violation v = check_rnn_cell(node, 1, 0, -1, in[Sequence && options.time_major ? 1 : 0])) return v;
    Shape shape = in;
    shape[shape.rank() - 1] = node.input(1).shape[0];
    node.output(0).shape = shape;
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    return {.scratch_bytes = rnn_scratch(describe(options, node), node.input(1).type)};
  }
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return describe(options, node);
  }

  template <class Run, class In, class Weights, class State>
  static void eval(const Run& run, In in, Weights weights, Weights recurrent, In bias, State state, State out) {
    using W = std::remove_cvref_t<decltype(*rnn_weights(weights.data()))>;
    const RnnTensors<W> t{in.data(),    nullptr,    rnn_weights(weights.data()), nullptr, rnn_weights(recurrent.data()), bias.data(),
                          state.data(), out.data(), run.prepared.cells[0].units};
    run_rnn(run, run.prepared.cells[0], t, false);
  }

  template <class W> using Of = Signature<Takes<float, W, W, float, Mutable<float>>, Gives<float>>;
  using Types = Signatures<Of<float>, Of<Raw<1>>>;

 private:
  static constexpr Prepared describe(const Options& options, const NodeDescription& node) {
    const Shape& in = node.input(0).shape;
    Prepared p;
    p.time_major = options.time_major;
    p.asymmetric = options.asymmetric;
    p.activation = options.activation;
    p.steps = Sequence ? in[options.time_major ? 0 : 1] : 1;
    p.batches = in[Sequence && options.time_major ? 1 : 0];
    p.cells[0] = describe_rnn_cell(node, 1, 0, -1);
    return p;
  }
};

}  // namespace detail

/// RNN: one step. input[batch, inputs] -> output[batch, units]
using Rnn = detail::RnnOp<BuiltinOperator::RNN, false>;
/// UNIDIRECTIONAL_SEQUENCE_RNN: a cell over time. input[batch, time, inputs] -> output[batch, time, units], or time first in both
using UnidirectionalSequenceRnn = detail::RnnOp<BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_RNN, true>;

/// BIDIRECTIONAL_SEQUENCE_RNN: a cell forwards (tensors 1 to 4), a cell backwards (5 to 8), auxiliary input and weights (9 to 11) -> the
/// states of both, or in one output one behind the other
struct BidirectionalSequenceRnn {
  static constexpr BuiltinOperator code = BuiltinOperator::BIDIRECTIONAL_SEQUENCE_RNN;
  static constexpr Arity inputs = 12, outputs{1, 2};
  static constexpr int max_version = 3;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = detail::RnnOptions;
  using Prepared = detail::RnnPrepared;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::check_rnn_node(node, options.activation, 3)) return v;
    if (node.output_count() != (options.merged ? 1 : 2)) {
      return node_violation(ErrorCode::invalid_model, "must have {} outputs, not {}", options.merged ? 1 : 2, node.output_count());
    }
    const Shape& in = node.input(0).shape;
    if (node.has_input(10) != node.has_input(11)) {
      return input_violation(node.has_input(10) ? 11 : 10, ErrorCode::invalid_model, "must be there, as the other direction's weights are");
    }
    if (node.has_input(10) && !node.has_input(9)) return input_violation(9, ErrorCode::invalid_model, "must be there, since input 10 is");
    if (node.has_input(9)) {
      if (node.input(9).type != TensorType::float32) return input_violation(9, ErrorCode::invalid_type, "must be float32");
      if (const Violation v = require_rank(node, 9, 3)) return v;
      if (node.input(9).shape[0] != in[0] || node.input(9).shape[1] != in[1]) {
        return input_violation(9, ErrorCode::invalid_shape, "must have the first dimensions of input 0, {} and {}", in[0], in[1]);
      }
    }
    const std::int32_t batches = in[options.time_major ? 1 : 0];
    if (const Violation v = detail::check_rnn_cell(node, 1, 0, node.has_input(10) ? 10 : -1, batches)) return v;
    if (const Violation v = detail::check_rnn_cell(node, 5, backward_input(node), node.has_input(11) ? 11 : -1, batches)) return v;
    const std::int64_t forward = node.input(1).shape[0], backward = node.input(5).shape[0];
    node.output(0).shape = {in[0], in[1], static_cast<std::int32_t>(options.merged ? forward + backward : forward)};
    if (!options.merged) node.output(1).shape = {in[0], in[1], static_cast<std::int32_t>(backward)};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const Prepared p = describe(options, node);
    return {.scratch_bytes = detail::rnn_scratch(p, node.input(1).type) + (p.repeats_at >= 0 ? detail::rnn_state_bytes(p) : 0)};
  }
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return describe(options, node);
  }

  template <class Run, class In, class Weights, class State>
  static void eval(const Run& run, In in, Weights fw, Weights fw_recurrent, In fw_bias, State fw_state, Weights bw, Weights bw_recurrent,
                   In bw_bias, State bw_state, In aux, Weights fw_aux, Weights bw_aux, State out, State bw_out) {
    using detail::rnn_weights;
    using W = std::remove_cvref_t<decltype(*rnn_weights(fw.data()))>;
    const Prepared& p = run.prepared;
    const detail::RnnCell &forward = p.cells[0], &backward = p.cells[1];
    const std::int64_t both = std::int64_t{forward.units} + backward.units;
    const detail::RnnTensors<W> ahead{in.data(),
                                      aux.data(),
                                      rnn_weights(fw.data()),
                                      rnn_weights(fw_aux.data()),
                                      rnn_weights(fw_recurrent.data()),
                                      fw_bias.data(),
                                      fw_state.data(),
                                      out.data(),
                                      p.merged ? both : forward.units};
    const bool reads_aux = aux && !fw_aux;  // in place of the input
    const detail::RnnTensors<W> back{
        reads_aux ? aux.data() : in.data(), aux.data(),     rnn_weights(bw.data()), rnn_weights(bw_aux.data()),
        rnn_weights(bw_recurrent.data()),   bw_bias.data(), bw_state.data(),        p.merged ? out.data() + forward.units : bw_out.data(),
        p.merged ? both : backward.units};
    detail::run_rnn_direction(run, forward, ahead, false);
    detail::run_rnn_direction(run, backward, back, true);
  }

  template <class W>
  using Of = Signature<Takes<float, W, W, float, Mutable<float>, W, W, float, Mutable<float>, float, W, W>, Gives<float, float>>;
  using Types = Signatures<Of<float>, Of<Raw<1>>>;

 private:
  static constexpr int backward_input(const NodeDescription& node) { return node.has_input(9) && !node.has_input(10) ? 9 : 0; }
  static constexpr Prepared describe(const Options& options, const NodeDescription& node) {
    const Shape& in = node.input(0).shape;
    Prepared p;
    p.time_major = options.time_major;
    p.asymmetric = options.asymmetric;
    p.merged = options.merged;
    p.activation = options.activation;
    p.steps = in[options.time_major ? 0 : 1];
    p.batches = in[options.time_major ? 1 : 0];
    p.cells[0] = detail::describe_rnn_cell(node, 1, 0, node.has_input(10) ? 10 : -1);
    p.cells[1] = detail::describe_rnn_cell(node, 5, backward_input(node), node.has_input(11) ? 11 : -1);
    if (options.time_major && node.input(1).type != TensorType::float32) p.repeats_at = detail::rnn_scratch(p, node.input(1).type);
    return p;
  }
};

}  // namespace tfl
