// needs: exceptions
#include "tools/converter/import/keras/layer.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "tools/converter/import/activations.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

Values KerasCall::inputs() const {
  Values result;
  for (const KerasOperand& operand : operands) {
    if (operand.tensor != nullptr) result.push_back(operand.tensor);
  }
  return result;
}

Tensor* KerasCall::input() const {
  const Values all = inputs();
  if (all.empty()) throw ImportError("the layer has no input");
  return all.front();
}

const KerasOperand* KerasCall::option(std::string_view name) const {
  for (const auto& [key, value] : options) {
    if (key == name) return &value;
  }
  return nullptr;
}

const KerasOperand* KerasCall::operand(std::size_t position, std::string_view name) const {
  return position < operands.size() ? &operands[position] : option(name);
}

Hdf5Array KerasCall::weight(std::string_view name, int position, int rank) const {
  std::optional<Hdf5Array> found = weights.find(path, name, position, part);
  if (!found)
    throw ImportError("the file holds no weight '" + std::string(name) + "' of this layer", "save the whole model, with its weights");
  Shape shape;
  for (const std::int64_t d : found->shape) shape.push_back(checked_dim(d));
  if (rank >= 0 && rank != static_cast<int>(shape.size())) {
    throw ImportError("the weight '" + std::string(name) + "' must have " + std::to_string(rank) + " dimensions, it has the shape " +
                      text_of(shape));
  }
  return std::move(*found);
}

std::vector<float> KerasCall::bias(int position) const {
  if (!flag("use_bias", true)) return {};
  return weight("bias", position).values;
}

std::vector<std::int32_t> KerasCall::integers(std::string_view key, std::size_t count, std::int32_t otherwise) const {
  const Json& value = config[key];
  std::vector<std::int32_t> result;
  const auto add = [&](const Json& number) {
    const std::int64_t n = number.integer();
    if (!number.is_number() || n < std::numeric_limits<std::int32_t>::min() || n > std::numeric_limits<std::int32_t>::max()) {
      throw ImportError("'" + std::string(key) + "' is no integer that fits");
    }
    result.push_back(static_cast<std::int32_t>(n));
  };
  for (const Json& item : value.items()) add(item);
  if (value.is_number()) add(value);
  if (value.is_null()) result.push_back(otherwise);
  if (result.size() == 1) result.resize(count, result.front());
  if (result.size() != count) {
    throw ImportError("'" + std::string(key) + "' must hold " + std::to_string(count) + " numbers, it holds " +
                      std::to_string(result.size()));
  }
  return result;
}

bool KerasCall::flag(std::string_view key, bool otherwise) const {
  const Json& value = config[key];
  return value.is_null() ? otherwise : value.boolean();
}

double KerasCall::real(std::string_view key, double otherwise) const {
  const Json& value = config[key];
  return value.is_number() ? value.number() : otherwise;
}

std::string KerasCall::text(std::string_view key, std::string_view otherwise) const {
  const Json& value = config[key];
  return value.is_string() ? value.text() : std::string(otherwise);
}

Tensor* KerasCall::activate(Tensor* x, std::string_view key) const { return keras_activation(emit, x, config[key], keras_3); }

Tensor* KerasCall::to_channels_last(Tensor* x) const {
  if (!channels_first() || x->rank() < 3) return x;
  std::vector<std::int32_t> order = {0};
  for (int i = 2; i < x->rank(); ++i) order.push_back(i);
  order.push_back(1);
  return emit.transpose(x, order);
}

Tensor* KerasCall::from_channels_last(Tensor* x) const {
  if (!channels_first() || x->rank() < 3) return x;
  std::vector<std::int32_t> order = {0, x->rank() - 1};
  for (int i = 1; i < x->rank() - 1; ++i) order.push_back(i);
  return emit.transpose(x, order);
}

KerasLayer find_keras_layer(std::string_view class_name) {
  static const auto table = [] {
    std::map<std::string_view, KerasLayer> all;
    for (const auto& entries :
         {keras_window_layers(), keras_core_layers(), keras_recurrent_layers(), keras_attention_layers(), keras_function_layers()}) {
      for (const KerasLayerEntry& entry : entries) all.emplace(entry.class_name, entry.layer);
    }
    return all;
  }();
  const auto found = table.find(class_name);
  return found == table.end() ? nullptr : found->second;
}

namespace {

const std::map<std::string_view, std::function<Tensor*(Emitter&, Tensor*)>>& activations() {
  const auto plain = [](BuiltinOperator code) { return [code](Emitter& e, Tensor* x) { return e.unary(code, x); }; };
  static const std::map<std::string_view, std::function<Tensor*(Emitter&, Tensor*)>> table = {
      {"linear", [](Emitter&, Tensor* x) { return x; }},
      {"relu", plain(RELU)},
      {"relu6", plain(RELU6)},
      {"sigmoid", plain(LOGISTIC)},
      {"tanh", plain(TANH)},
      {"elu", plain(ELU)},
      {"exponential", plain(EXP)},
      {"softmax", [](Emitter& e, Tensor* x) { return e.softmax(x); }},
      {"log_softmax", plain(LOG_SOFTMAX)},
      {"hard_swish", plain(HARD_SWISH)},
      {"hard_silu", plain(HARD_SWISH)},
      {"swish", [](Emitter& e, Tensor* x) { return e.binary(MUL, x, e.unary(LOGISTIC, x)); }},
      {"gelu", [](Emitter& e, Tensor* x) { return e.gelu(x, false); }},
      {"selu", [](Emitter& e, Tensor* x) { return emit_scaled_elu(e, x, selu_alpha, selu_scale); }},
      {"softplus", emit_softplus},
      {"softsign", emit_softsign},
      {"mish", emit_mish},
      {"leaky_relu", [](Emitter& e, Tensor* x) { return e.leaky_relu(x, 0.2F); }},
      {"log_sigmoid", [](Emitter& e, Tensor* x) { return e.unary(NEG, emit_softplus(e, e.unary(NEG, x))); }},
      // Keras 2's: clip(0.2 x + 0.5, 0, 1).
      {"hard_sigmoid", [](Emitter& e, Tensor* x) { return emit_hard_sigmoid(e, x, 0.2F, 0.5F); }},
      // Keras 3's: relu6(x + 3) / 6.
      {"hard_sigmoid_3", [](Emitter& e, Tensor* x) { return emit_hard_sigmoid(e, x, 1.0F / 6, 0.5F); }},
  };
  return table;
}

}  // namespace

Tensor* keras_activation(Emitter& emit, Tensor* x, std::string_view name, bool keras_3) {
  if (name == "hard_sigmoid" && keras_3) name = "hard_sigmoid_3";
  if (name == "silu") name = "swish";
  const auto entry = activations().find(name);
  if (entry == activations().end()) {
    throw ImportError("the activation '" + std::string(name) + "' is not supported", "use one of Keras' own activations");
  }
  return entry->second(emit, x);
}

Tensor* keras_activation(Emitter& emit, Tensor* x, const Json& description, bool keras_3) {
  if (description.is_null()) return x;
  if (description.is_string()) return keras_activation(emit, x, description.text(), keras_3);
  // A layer or function in the place of a name.
  const std::string name = description["class_name"].text();
  const Json& config = description["config"];
  if (name == "function" && config.is_string()) return keras_activation(emit, x, config.text(), keras_3);
  if (config.is_string()) return keras_activation(emit, x, config.text(), keras_3);
  if (name == "LeakyReLU") {
    const Json& slope = config.has("alpha") ? config["alpha"] : config["negative_slope"];
    return emit.leaky_relu(x, slope.is_number() ? static_cast<float>(slope.number()) : 0.3F);
  }
  if (name == "ReLU" && config["max_value"].is_number()) return emit.clamp(x, 0, static_cast<float>(config["max_value"].number()));
  if (name == "ReLU") return emit.unary(RELU, x);
  throw ImportError("an activation of the class '" + name + "' is not supported", "use one of Keras' own activations, by name");
}

}  // namespace tfl::converter
