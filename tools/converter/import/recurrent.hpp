#pragma once
// Recurrent layers: as one operator of .tflite where it has one, else step by step.

#include <array>
#include <functional>
#include <vector>

#include "tools/converter/import/emitter.hpp"

namespace tfl::converter {

using Activation = std::function<Tensor*(Emitter&, Tensor*)>;

/// The weights of all gates of a layer, one gate behind the other: [gates * units, inputs], [gates * units, units], [gates * units].
struct GateWeights {
  std::int32_t units = 0, inputs = 0;
  std::vector<float> input{}, recurrent{};
  std::vector<float> bias{};            // empty: zeros
  std::vector<float> recurrent_bias{};  // added to the recurrent product alone; empty: zeros
};

/// What a layer gives: every step's state, [batch, steps, units], and the last ones, [batch, units].
struct RecurrentResult {
  Tensor* sequence = nullptr;
  Tensor* state = nullptr;
  Tensor* cell = nullptr;  // of an LSTM, where it was asked for
};

/// LSTM over x [batch, steps, inputs]; gates in the order input, forget, cell, output. Null activations are LOGISTIC and TANH: then it
/// becomes UNIDIRECTIONAL_SEQUENCE_LSTM, unless initial states are given or the last cell state is wanted.
struct LstmOptions {
  Activation gate{}, cell{}, output{};
  Tensor* initial_state = nullptr;
  Tensor* initial_cell = nullptr;
  bool want_cell = false;
  std::array<std::vector<float>, 3> peepholes{};  // input, forget, output; empty: none
  double cell_clip = 0;
};
RecurrentResult emit_lstm(Emitter& emit, Tensor* x, const GateWeights& weights, const LstmOptions& options);

/// GRU; gates in the order update, reset, candidate. `reset_after`: the reset gate is applied to the product, not to the state.
struct GruOptions {
  Activation gate{}, candidate{};  // null: LOGISTIC and TANH
  Tensor* initial_state = nullptr;
  bool reset_after = true;
};
RecurrentResult emit_gru(Emitter& emit, Tensor* x, const GateWeights& weights, const GruOptions& options);

/// A plain recurrent layer; `activation` is "TANH", "RELU", "RELU6" or "NONE".
RecurrentResult emit_rnn(Emitter& emit, Tensor* x, const GateWeights& weights, const char* activation, Tensor* initial_state = nullptr);

/// x[:, step] of [batch, steps, units]; negative steps count from the end.
Tensor* step_of(Emitter& emit, Tensor* x, std::int32_t step);

}  // namespace tfl::converter
