// needs: exceptions
#include "tools/converter/import/recurrent.hpp"

#include <algorithm>

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

constexpr std::int32_t most_steps = 2048;

std::vector<float> part(const std::vector<float>& all, std::size_t index, std::size_t count) {
  if (all.empty()) return std::vector<float>(count);
  return {all.begin() + static_cast<std::ptrdiff_t>(index * count), all.begin() + static_cast<std::ptrdiff_t>((index + 1) * count)};
}

void check(const Tensor* x, const GateWeights& w, std::size_t gates) {
  Emitter::want_rank(x, 3);
  const auto units = static_cast<std::size_t>(w.units), inputs = static_cast<std::size_t>(w.inputs);
  const auto fits = [](const std::vector<float>& values, std::size_t count) { return values.empty() || values.size() == count; };
  if (w.units < 1 || w.input.size() != gates * units * inputs || w.recurrent.size() != gates * units * units ||
      !fits(w.bias, gates * units) || !fits(w.recurrent_bias, gates * units)) {
    throw ImportError("the sizes of the recurrent weights don't agree");
  }
  if (x->shape[2] >= 0 && x->shape[2] != w.inputs) {
    throw ImportError("the weights are for " + std::to_string(w.inputs) + " inputs a step, but the input has the shape " +
                      text_of(x->shape));
  }
}

Tensor* state_variable(Emitter& emit, const Tensor* x, std::int32_t units, const char* what) {
  Tensor* state =
      emit.graph().add_tensor(emit.unique(emit.source_name() + "/" + what), TensorType::float32, {std::max(x->shape[0], 1), units});
  state->is_variable = true;
  return state;
}

std::vector<float> sum(std::vector<float> a, const std::vector<float>& b) {
  if (a.empty()) return b;
  for (std::size_t i = 0; i < b.size(); ++i) a[i] += b[i];
  return a;
}

Tensor* matrix(Emitter& emit, const std::vector<float>& values, std::int32_t rows, std::int32_t columns) {
  return emit.floats(values, {rows, columns}, "weights");
}

Tensor* apply(const Activation& activation, BuiltinOperator otherwise, Emitter& emit, Tensor* x) {
  return activation ? activation(emit, x) : emit.unary(otherwise, x);
}

/// The input's part of all gates for every step, as one product: [batch, gates * units] each.
Values steps_of(Emitter& emit, Tensor* x, const GateWeights& w, std::int32_t gates, const std::vector<float>& bias) {
  if (Emitter::known(x, 1, "a recurrent layer without an operator of its own") > most_steps) {
    throw ImportError("a recurrent layer over " + std::to_string(x->shape[1]) + " steps is too long to be written step by step",
                      "split the sequence, or use an LSTM with the activations tanh and sigmoid");
  }
  Tensor* b = bias.empty() ? nullptr : emit.floats(bias, {gates * w.units}, "bias");
  return emit.unpack(emit.fully_connected(x, matrix(emit, w.input, gates * w.units, w.inputs), b), 1);
}

RecurrentResult unrolled_lstm(Emitter& emit, Tensor* x, const GateWeights& w, const LstmOptions& options) {
  const std::int32_t u = w.units;
  const Values steps = steps_of(emit, x, w, 4, sum(w.bias, w.recurrent_bias));
  Tensor* recurrent = matrix(emit, w.recurrent, 4 * u, u);
  Tensor *h = options.initial_state, *c = options.initial_cell;
  std::array<Tensor*, 3> peepholes{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!options.peepholes[i].empty()) peepholes[i] = emit.floats(options.peepholes[i], {u}, "peephole");
  }
  const auto peep = [&](Tensor* gate, std::size_t i, Tensor* cell) {
    return peepholes[i] == nullptr || cell == nullptr ? gate : emit.binary(ADD, gate, emit.binary(MUL, cell, peepholes[i]));
  };
  Values states;
  for (Tensor* step : steps) {
    Tensor* gates = h == nullptr ? step : emit.binary(ADD, step, emit.fully_connected(h, recurrent, nullptr));
    const Values g = emit.split(gates, {u, u, u, u}, 1);
    Tensor* in = apply(options.gate, LOGISTIC, emit, peep(g[0], 0, c));
    Tensor* candidate = apply(options.cell, TANH, emit, g[2]);
    Tensor* next = emit.binary(MUL, in, candidate);
    if (c != nullptr) next = emit.binary(ADD, emit.binary(MUL, apply(options.gate, LOGISTIC, emit, peep(g[1], 1, c)), c), next);
    c = next;
    if (options.cell_clip > 0) c = emit.clamp(c, static_cast<float>(-options.cell_clip), static_cast<float>(options.cell_clip));
    Tensor* out = apply(options.gate, LOGISTIC, emit, peep(g[3], 2, c));
    h = emit.binary(MUL, out, apply(options.output, TANH, emit, c));
    states.push_back(h);
  }
  return {emit.pack(states, 1), h, c};
}

}  // namespace

Tensor* step_of(Emitter& emit, Tensor* x, std::int32_t step) {
  if (x->shape[1] == 1) return emit.squeeze(x, {1});
  const std::optional<std::int32_t> end = step == -1 ? std::nullopt : std::optional(step + 1);
  return emit.squeeze(emit.strided_slice(x, {{}, {step, end}, {}}), {1});
}

RecurrentResult emit_lstm(Emitter& emit, Tensor* x, const GateWeights& w, const LstmOptions& options) {
  check(x, w, 4);
  if (options.gate || options.cell || options.output || options.initial_state != nullptr || options.initial_cell != nullptr ||
      options.want_cell) {
    return unrolled_lstm(emit, x, w, options);
  }
  const auto units = static_cast<std::size_t>(w.units), inputs = static_cast<std::size_t>(w.inputs);
  const std::vector<float> bias = sum(w.bias, w.recurrent_bias);
  Values operands(24, nullptr);
  operands[0] = x;
  for (std::size_t gate = 0; gate < 4; ++gate) {
    operands[1 + gate] = matrix(emit, part(w.input, gate, units * inputs), w.units, w.inputs);
    operands[5 + gate] = matrix(emit, part(w.recurrent, gate, units * units), w.units, w.units);
    operands[12 + gate] = emit.floats(part(bias, gate, units), {w.units}, "bias");
  }
  if (!options.peepholes[0].empty()) {
    for (std::size_t i = 0; i < 3; ++i) operands[9 + i] = emit.floats(options.peepholes[i], {w.units}, "peephole");
  }
  operands[18] = state_variable(emit, x, w.units, "state");
  operands[19] = state_variable(emit, x, w.units, "cell");
  Tensor* sequence = emit.add(UNIDIRECTIONAL_SEQUENCE_LSTM, std::move(operands), x->type, {x->shape[0], x->shape[1], w.units},
                              {{"fused_activation_function", "TANH"}, {"cell_clip", options.cell_clip}, {"time_major", false}});
  return {sequence, nullptr, nullptr};
}

RecurrentResult emit_gru(Emitter& emit, Tensor* x, const GateWeights& w, const GruOptions& options) {
  check(x, w, 3);
  const std::int32_t u = w.units;
  const auto units = static_cast<std::size_t>(u);
  // Only the candidate's recurrent bias is multiplied by the reset gate: the others join the input's.
  std::vector<float> bias = w.bias.empty() ? std::vector<float>(3 * units) : w.bias;
  std::vector<float> recurrent_bias(3 * units);
  for (std::size_t i = 0; i < w.recurrent_bias.size(); ++i) {
    (options.reset_after && i >= 2 * units ? recurrent_bias : bias)[i] += w.recurrent_bias[i];
  }
  const Values steps = steps_of(emit, x, w, 3, bias);
  const auto split_at = static_cast<std::ptrdiff_t>(2 * units * units);
  Tensor *all = nullptr, *all_bias = nullptr, *gates_only = nullptr, *candidate_only = nullptr;
  if (options.reset_after) {
    all = matrix(emit, w.recurrent, 3 * u, u);
    all_bias = emit.floats(recurrent_bias, {3 * u}, "bias");
  } else {
    gates_only = matrix(emit, {w.recurrent.begin(), w.recurrent.begin() + split_at}, 2 * u, u);
    candidate_only = matrix(emit, {w.recurrent.begin() + split_at, w.recurrent.end()}, u, u);
  }
  Tensor* first_bias = emit.floats(part(recurrent_bias, 2, units), {u}, "bias");

  Tensor* h = options.initial_state;
  Values states;
  for (Tensor* step : steps) {
    const Values of_input = emit.split(step, {2 * u, u}, 1);
    Tensor *gates = of_input[0], *product = first_bias;
    if (h != nullptr && options.reset_after) {
      const Values of_state = emit.split(emit.fully_connected(h, all, all_bias), {2 * u, u}, 1);
      gates = emit.binary(ADD, gates, of_state[0]);
      product = of_state[1];
    } else if (h != nullptr) {
      gates = emit.binary(ADD, gates, emit.fully_connected(h, gates_only, nullptr));
    }
    const Values zr = emit.split(apply(options.gate, LOGISTIC, emit, gates), {u, u}, 1);
    Tensor* sum_of_candidate = of_input[1];
    if (options.reset_after) {
      sum_of_candidate = emit.binary(ADD, sum_of_candidate, emit.binary(MUL, zr[1], product));
    } else if (h != nullptr) {
      sum_of_candidate = emit.binary(ADD, sum_of_candidate, emit.fully_connected(emit.binary(MUL, zr[1], h), candidate_only, nullptr));
    }
    Tensor* candidate = apply(options.candidate, TANH, emit, sum_of_candidate);
    // z * h + (1 - z) * candidate
    h = h == nullptr ? emit.binary(SUB, candidate, emit.binary(MUL, zr[0], candidate))
                     : emit.binary(ADD, candidate, emit.binary(MUL, zr[0], emit.binary(SUB, h, candidate)));
    states.push_back(h);
  }
  return {emit.pack(states, 1), h, nullptr};
}

RecurrentResult emit_rnn(Emitter& emit, Tensor* x, const GateWeights& w, const char* activation, Tensor* initial_state) {
  check(x, w, 1);
  const std::vector<float> bias = sum(w.bias.empty() ? std::vector<float>(static_cast<std::size_t>(w.units)) : w.bias, w.recurrent_bias);
  if (initial_state != nullptr) {
    Tensor *h = initial_state, *recurrent = matrix(emit, w.recurrent, w.units, w.units);
    const std::string_view name = activation;
    Values states;
    for (Tensor* step : steps_of(emit, x, w, 1, bias)) {
      h = emit.binary(ADD, step, emit.fully_connected(h, recurrent, nullptr));
      if (name != "NONE") h = emit.unary(name == "TANH" ? TANH : name == "RELU" ? RELU : RELU6, h);
      states.push_back(h);
    }
    return {emit.pack(states, 1), h, nullptr};
  }
  Tensor* sequence =
      emit.add(UNIDIRECTIONAL_SEQUENCE_RNN,
               {x, matrix(emit, w.input, w.units, w.inputs), matrix(emit, w.recurrent, w.units, w.units),
                emit.floats(bias, {w.units}, "bias"), state_variable(emit, x, w.units, "state")},
               x->type, {x->shape[0], x->shape[1], w.units}, {{"time_major", false}, {"fused_activation_function", activation}});
  return {sequence, nullptr, nullptr};
}

}  // namespace tfl::converter
