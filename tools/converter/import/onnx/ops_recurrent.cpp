// needs: exceptions
// ONNX' LSTM, GRU and RNN.
#include <algorithm>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"
#include "tools/converter/import/recurrent.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

using Result = std::vector<OnnxValue>;

/// What all three have in common, with the gates' order in the file: gate g of the result is gate order[g] there.
struct Layer {
  const OnnxCall& call;
  std::vector<std::size_t> gate_order;
  Tensor* x = nullptr;  // [batch, steps, inputs]
  std::int32_t units = 0, inputs = 0, directions = 1;
  std::vector<float> input{}, recurrent{}, bias{};

  Layer(const OnnxCall& c, std::vector<std::size_t> order) : call(c), gate_order(std::move(order)) {
    const Tensor &w = call.constant(1, "W"), &r = call.constant(2, "R");
    const auto gates = static_cast<std::int32_t>(gate_order.size());
    if (w.rank() != 3 || r.rank() != 3 || r.shape[0] != w.shape[0] || w.shape[1] != r.shape[1] ||
        std::int64_t{r.shape[2]} * gates != r.shape[1]) {
      throw ImportError("weights of the shapes " + text_of(w.shape) + " and " + text_of(r.shape) + " don't fit together");
    }
    directions = w.shape[0];
    inputs = w.shape[2];
    units = r.shape[2];
    const std::string direction = call.attributes().text("direction", "forward");
    if (directions != (direction == "bidirectional" ? 2 : 1))
      throw ImportError("there are weights for " + std::to_string(directions) + " directions, which is not " + direction);
    input = floats_of(w);
    recurrent = floats_of(r);
    if (call.has(3)) bias = floats_of(call.constant(3, "B"));
    if (!bias.empty() && bias.size() != static_cast<std::size_t>(directions) * 2 * gate_order.size() * static_cast<std::size_t>(units))
      throw ImportError("the biases don't fit the weights");
    x = batch_first() ? call.plain(0) : call.in_order(call.input(0), {1, 0, 2});
    if (call.has(4)) {
      const Tensor& lengths = call.constant(4, "sequence_lens");
      for (const std::int64_t length : integers_of(lengths)) {
        if (length != x->shape[1]) throw ImportError("sequences of different lengths are not supported", "leave sequence_lens out");
      }
    }
  }

  bool batch_first() const { return call.attributes().integer("layout") != 0; }
  bool backwards(std::int32_t direction) const { return direction == 1 || call.attributes().text("direction", "forward") == "reverse"; }

  GateWeights weights(std::int32_t direction) const {
    GateWeights result;
    result.units = units;
    result.inputs = inputs;
    const std::size_t gates = gate_order.size(), u = static_cast<std::size_t>(units), i = static_cast<std::size_t>(inputs),
                      d = static_cast<std::size_t>(direction);
    const auto copy = [](const std::vector<float>& from, std::size_t at, std::size_t count, std::vector<float>& to) {
      to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(at), from.begin() + static_cast<std::ptrdiff_t>(at + count));
    };
    for (const std::size_t g : gate_order) {
      copy(input, (d * gates + g) * u * i, u * i, result.input);
      copy(recurrent, (d * gates + g) * u * u, u * u, result.recurrent);
      if (bias.empty()) continue;
      copy(bias, (d * 2 * gates + g) * u, u, result.bias);
      copy(bias, ((d * 2 + 1) * gates + g) * u, u, result.recurrent_bias);
    }
    return result;
  }

  /// Input `at` of [directions, batch, units] for one direction; null where it is absent or zero.
  Tensor* initial(std::size_t at, std::int32_t direction) const {
    if (!call.has(at)) return nullptr;
    const OnnxValue& value = call.input(at);
    if (value.is_constant()) {
      const std::vector<float> values = floats_of(*call.plain(value));
      if (std::all_of(values.begin(), values.end(), [](float v) { return v == 0; })) return nullptr;
    }
    Tensor* all = batch_first() ? call.in_order(value, {1, 0, 2}) : call.plain(value);
    return call.emit.squeeze(call.emit.slice(all, {direction, 0, 0}, {1, -1, -1}), {0});
  }

  /// The activation at this place of the list; null where it is the usual one.
  Activation activation(std::size_t place, std::int32_t direction, std::size_t count, std::string_view usual) const {
    const auto* names = call.attributes().find<std::vector<std::string>>("activations");
    const std::size_t at = place + static_cast<std::size_t>(direction) * count;
    if (names == nullptr || at >= names->size() || (*names)[at] == usual) return {};
    const std::string name = (*names)[at];
    if (name != "Sigmoid" && name != "Tanh" && name != "Relu")
      throw ImportError("the activation '" + name + "' is not supported", "use Sigmoid, Tanh or Relu");
    const BuiltinOperator code = name == "Sigmoid" ? LOGISTIC : name == "Tanh" ? TANH : RELU;
    return [code](Emitter& e, Tensor* t) { return e.unary(code, t); };
  }

  bool wants(std::size_t output) const { return output < call.node.outputs.size() && !call.node.outputs[output].empty(); }

  /// Runs one direction after the other; the body makes a RecurrentResult of an input and a direction.
  template <class F> Result run(F&& body) const {
    Emitter& e = call.emit;
    Values sequences, states, cells;
    for (std::int32_t d = 0; d < directions; ++d) {
      const RecurrentResult result = body(backwards(d) ? e.reverse(x, 1) : x, d);
      if (wants(0)) sequences.push_back(e.expand_dims(backwards(d) ? e.reverse(result.sequence, 1) : result.sequence, 2));
      if (wants(1)) states.push_back(e.expand_dims(result.state != nullptr ? result.state : step_of(e, result.sequence, -1), 1));
      if (wants(2)) cells.push_back(e.expand_dims(result.cell, 1));
    }
    Result outputs(3);
    // In memory [batch, steps, directions, units]; ONNX' order is [steps, directions, batch, units].
    if (wants(0)) outputs[0] = {e.concat(sequences, 2), batch_first() ? Order{} : Order{2, 0, 1, 3}};
    if (wants(1)) outputs[1] = {e.concat(states, 1), batch_first() ? Order{} : Order{1, 0, 2}};
    if (wants(2)) outputs[2] = {e.concat(cells, 1), batch_first() ? Order{} : Order{1, 0, 2}};
    return outputs;
  }
};

Result lstm(const OnnxCall& call) {
  const Layer layer(call, {0, 2, 3, 1});  // ONNX: input, output, forget, cell
  if (call.attributes().integer("input_forget") != 0) throw ImportError("coupled input and forget gates are not supported");
  std::vector<float> peepholes;
  if (call.has(7)) peepholes = floats_of(call.constant(7, "P"));
  return layer.run([&](Tensor* x, std::int32_t direction) {
    LstmOptions options;
    options.gate = layer.activation(0, direction, 3, "Sigmoid");
    options.cell = layer.activation(1, direction, 3, "Tanh");
    options.output = layer.activation(2, direction, 3, "Tanh");
    options.initial_state = layer.initial(5, direction);
    options.initial_cell = layer.initial(6, direction);
    options.want_cell = layer.wants(2);
    // ONNX clips what goes into the activations, which no operator does.
    if (call.attributes().real("clip", 0) != 0) throw ImportError("clip is not supported");
    const auto units = static_cast<std::size_t>(layer.units);
    if (!peepholes.empty()) {
      if (peepholes.size() != 3 * units * static_cast<std::size_t>(layer.directions))
        throw ImportError("the peepholes don't fit the weights");
      for (std::size_t g = 0; g < 3; ++g) {  // ONNX: input, output, forget
        const std::size_t from = (static_cast<std::size_t>(direction) * 3 + (g == 0 ? 0 : 3 - g)) * units;
        options.peepholes[g].assign(peepholes.begin() + static_cast<std::ptrdiff_t>(from),
                                    peepholes.begin() + static_cast<std::ptrdiff_t>(from + units));
      }
    }
    return emit_lstm(call.emit, x, layer.weights(direction), options);
  });
}

Result gru(const OnnxCall& call) {
  const Layer layer(call, {0, 1, 2});
  if (call.attributes().real("clip", 0) != 0) throw ImportError("clip is not supported");
  return layer.run([&](Tensor* x, std::int32_t direction) {
    GruOptions options;
    options.gate = layer.activation(0, direction, 2, "Sigmoid");
    options.candidate = layer.activation(1, direction, 2, "Tanh");
    options.initial_state = layer.initial(5, direction);
    options.reset_after = call.attributes().integer("linear_before_reset") != 0;
    return emit_gru(call.emit, x, layer.weights(direction), options);
  });
}

Result rnn(const OnnxCall& call) {
  const Layer layer(call, {0});
  if (call.attributes().real("clip", 0) != 0) throw ImportError("clip is not supported");
  return layer.run([&](Tensor* x, std::int32_t direction) {
    const auto* names = call.attributes().find<std::vector<std::string>>("activations");
    const auto at = static_cast<std::size_t>(direction);
    const std::string name = names == nullptr || at >= names->size() ? "Tanh" : (*names)[at];
    if (name != "Tanh" && name != "Relu") throw ImportError("the activation '" + name + "' is not supported", "use Tanh or Relu");
    return emit_rnn(call.emit, x, layer.weights(direction), name == "Tanh" ? "TANH" : "RELU", layer.initial(5, direction));
  });
}

}  // namespace

std::vector<OnnxOperatorEntry> onnx_recurrent_operators() { return {{"LSTM", lstm}, {"GRU", gru}, {"RNN", rnn}}; }

}  // namespace tfl::converter
