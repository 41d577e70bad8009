// needs: exceptions
// Recurrent Keras layers and the wrappers Bidirectional and TimeDistributed.
#include <algorithm>

#include "tools/converter/import/keras/layer.hpp"
#include "tools/converter/import/recurrent.hpp"
#include "tools/converter/import/relayout.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

/// kernel [inputs, gates * units] and recurrent_kernel [units, gates * units], turned; gates in the file's order.
GateWeights gate_weights(const KerasCall& layer, std::int32_t gates) {
  KerasCall call = layer;
  if (call.part.in_groups.empty()) call.part.in_groups = "cell";
  const Hdf5Array kernel = call.weight("kernel", 0, 2), recurrent = call.weight("recurrent_kernel", 1, 2);
  GateWeights result;
  result.inputs = checked_dim(kernel.shape[0]);
  result.units = checked_dim(recurrent.shape[0]);
  const std::int32_t columns = checked_dim(kernel.shape[1]);
  if (columns != std::int64_t{result.units} * gates || recurrent.shape[1] != columns)
    throw ImportError("the sizes of the recurrent weights don't agree");
  result.input = permuted(kernel.values, {result.inputs, columns}, {1, 0});
  result.recurrent = permuted(recurrent.values, {result.units, columns}, {1, 0});
  if (!call.flag("use_bias", true)) return result;
  const Hdf5Array bias = call.weight("bias", 2);
  result.bias = bias.values;
  if (bias.shape.size() == 2 && bias.shape[0] == 2) {  // GRU with reset_after: of the input, of the state
    const auto half = bias.values.begin() + columns;
    result.bias.assign(bias.values.begin(), half);
    result.recurrent_bias.assign(half, bias.values.end());
  }
  return result;
}

/// A gate's function; null where it is the usual one.
Activation gate_function(const KerasCall& call, std::string_view key, std::string_view usual) {
  const Json& description = call.config[key];
  if (description.is_null() || description.text() == usual) return {};
  return [description, keras_3 = call.keras_3](Emitter& emit, Tensor* x) { return keras_activation(emit, x, description, keras_3); };
}

/// Runs the cell over the layer's input and gives what its options ask for.
template <class F> Values recurrent(const KerasCall& call, F&& cell) {
  if (call.flag("return_state", false)) throw ImportError("return_state is not supported", "return the sequence or the last output");
  if (call.inputs().size() > 1) throw ImportError("initial states as inputs are not supported", "let the layer begin with zeros");
  Tensor* x = call.input();
  if (call.flag("time_major", false)) x = call.emit.transpose(x, {1, 0, 2});
  const bool backwards = call.flag("go_backwards", false), sequences = call.flag("return_sequences", false);
  if (backwards) x = call.emit.reverse(x, 1);
  const RecurrentResult result = cell(x);
  Tensor* y = sequences ? result.sequence : result.state != nullptr ? result.state : step_of(call.emit, result.sequence, -1);
  if (sequences && call.flag("time_major", false)) y = call.emit.transpose(y, {1, 0, 2});
  return {y};
}

Values lstm(const KerasCall& call) {
  return recurrent(call, [&](Tensor* x) {
    LstmOptions options;
    options.gate = gate_function(call, "recurrent_activation", "sigmoid");
    options.cell = options.output = gate_function(call, "activation", "tanh");
    return emit_lstm(call.emit, x, gate_weights(call, 4), options);
  });
}

Values gru(const KerasCall& call) {
  return recurrent(call, [&](Tensor* x) {
    GruOptions options;
    options.gate = gate_function(call, "recurrent_activation", "sigmoid");
    options.candidate = gate_function(call, "activation", "tanh");
    options.reset_after = call.flag("reset_after", false);
    return emit_gru(call.emit, x, gate_weights(call, 3), options);
  });
}

Values simple_rnn(const KerasCall& call) {
  return recurrent(call, [&](Tensor* x) {
    const std::string activation = call.text("activation", "tanh");
    const char* name = activation == "tanh"     ? "TANH"
                       : activation == "relu"   ? "RELU"
                       : activation == "relu6"  ? "RELU6"
                       : activation == "linear" ? "NONE"
                                                : nullptr;
    if (name == nullptr) throw ImportError("the activation '" + activation + "' is not supported in SimpleRNN", "use tanh or relu");
    return emit_rnn(call.emit, x, gate_weights(call, 1), name);
  });
}

/// A call of the layer inside of a wrapper, on one tensor.
Tensor* call_inner(const KerasCall& outer, const Json& layer, Tensor* x, KerasPart part) {
  const std::string class_name = layer["class_name"].text();
  const KerasLayer inner = find_keras_layer(class_name);
  if (inner == nullptr) throw ImportError("the layer '" + class_name + "' inside of it is not supported");
  KerasCall call{outer.emit, outer.weights, class_name, layer["config"], outer.path, outer.keras_3};
  call.operands.push_back({x, {}, true});
  call.part = part;
  return inner(call).front();
}

Values bidirectional(const KerasCall& call) {
  Tensor* x = call.input();
  const Json& layer = call.config["layer"];
  const Json& backward_layer = call.config["backward_layer"].is_object() ? call.config["backward_layer"] : layer;
  if (call.inputs().size() > 1) throw ImportError("initial states as inputs are not supported", "let the layer begin with zeros");
  Tensor* forward = call_inner(call, layer, x, {"forward_", "forward_layer/cell"});
  // The description is the forward layer's; the other one reads from the end, and its sequence is turned back.
  const bool described_backwards = backward_layer["config"]["go_backwards"].boolean();
  Tensor* reversed = described_backwards ? x : call.emit.reverse(x, 1);
  Tensor* backward = call_inner(call, backward_layer, reversed, {"backward_", "backward_layer/cell"});
  if (layer["config"]["return_sequences"].boolean()) backward = call.emit.reverse(backward, 1);
  const std::string mode = call.text("merge_mode", "none");
  if (mode == "concat") return {call.emit.concat({forward, backward}, forward->rank() - 1)};
  if (mode == "sum") return {call.emit.binary(ADD, forward, backward)};
  if (mode == "mul") return {call.emit.binary(MUL, forward, backward)};
  if (mode == "ave") return {call.emit.binary(MUL, call.emit.binary(ADD, forward, backward), 0.5F)};
  return {forward, backward};
}

Values time_distributed(const KerasCall& call) {
  Tensor* x = call.input();
  const Json& layer = call.config["layer"];
  const KerasPart part{{}, "layer"};
  if (x->rank() < 3) throw ImportError("the input " + text_of(x->shape) + " has no steps");
  // A Dense layer takes any number of dimensions in front anyway.
  if (layer["class_name"].text() == "Dense" || layer["class_name"].text() == "Activation") return {call_inner(call, layer, x, part)};
  Shape steps = {-1};
  steps.insert(steps.end(), x->shape.begin() + 2, x->shape.end());
  Tensor* y = call_inner(call, layer, call.emit.reshape(x, steps), part);
  Shape shape = {x->shape[0], x->shape[1]};
  shape.insert(shape.end(), y->shape.begin() + 1, y->shape.end());
  return {call.emit.reshape(y, shape)};
}

}  // namespace

std::vector<KerasLayerEntry> keras_recurrent_layers() {
  return {{"LSTM", lstm}, {"GRU", gru}, {"SimpleRNN", simple_rnn}, {"Bidirectional", bidirectional}, {"TimeDistributed", time_distributed}};
}

}  // namespace tfl::converter
