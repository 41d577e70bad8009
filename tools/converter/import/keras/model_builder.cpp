// needs: exceptions
#include "tools/converter/import/keras/model_builder.hpp"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "tools/converter/import/keras/layer.hpp"

namespace tfl::converter {

namespace {

constexpr int deepest_model = 16;

/// A tensor by the layer that made it, which call of the layer, and which of its outputs.
using Key = std::tuple<std::string, std::int64_t, std::int64_t>;

/// What a call is given: a tensor, a constant, or a list of such.
struct Argument {
  std::optional<Key> key{};
  std::vector<Argument> list{};
  Json constant{};
};

/// One call of one layer, as written.
struct Call {
  std::size_t layer = 0;
  std::int64_t number = 0;  // which call of the layer
  std::vector<Argument> arguments{};
  std::vector<std::pair<std::string, Argument>> options{};
};

/// ["conv", 0, 0], perhaps with more behind it.
std::optional<Key> key_of(const Json& json) {
  const std::vector<Json>& items = json.items();
  if (items.size() < 3 || !items[0].is_string() || !items[1].is_number() || !items[2].is_number()) return std::nullopt;
  return Key{items[0].text(), items[1].integer(), items[2].integer()};
}

Argument argument_of(const Json& json) {
  Argument result;
  if (json.is_object() && json["class_name"].text() == "__keras_tensor__") {
    result.key = key_of(json["config"]["keras_history"]);
    if (!result.key) throw ImportError("a tensor of the description has no history");
    return result;
  }
  if (auto key = key_of(json)) {
    if (std::get<0>(*key) == "_CONSTANT_VALUE") {
      result.constant = json.items()[2];
    } else {
      result.key = std::move(key);
    }
    return result;
  }
  const bool holds_tensors =
      std::any_of(json.items().begin(), json.items().end(), [](const Json& item) { return item.is_array() || item.is_object(); });
  if (json.is_array() && holds_tensors) {
    for (const Json& item : json.items()) result.list.push_back(argument_of(item));
    return result;
  }
  result.constant = json;
  return result;
}

/// A call as Keras 2 writes it: a list of [layer, call, output, options], or one of them alone.
void read_call_2(const Json& node, Call& call) {
  const bool alone = !node.items().empty() && node.items().front().is_string();
  const auto add = [&](const Json& entry) {
    const std::vector<Json>& items = entry.items();
    if (items.size() < 3 || !items[0].is_string()) throw ImportError("a connection of the description is malformed");
    if (items[0].text() == "_CONSTANT_VALUE") {
      call.arguments.push_back({.constant = items[2]});
    } else {
      call.arguments.push_back(argument_of(entry));
    }
    if (items.size() < 4) return;
    for (const auto& [name, value] : items[3].members()) call.options.emplace_back(name, argument_of(value));
  };
  if (alone) return add(node);
  for (const Json& entry : node.items()) add(entry);
}

/// As Keras 3 writes it: {"args": [...], "kwargs": {...}}.
void read_call_3(const Json& node, Call& call) {
  for (const Json& argument : node["args"].items()) call.arguments.push_back(argument_of(argument));
  for (const auto& [name, value] : node["kwargs"].members()) call.options.emplace_back(name, argument_of(value));
}

void keys_of(const Argument& argument, std::vector<Key>& keys) {
  if (argument.key) keys.push_back(*argument.key);
  for (const Argument& item : argument.list) keys_of(item, keys);
}

/// input_layers and output_layers: a list of keys, one key, or names with keys; in this order.
std::vector<std::pair<std::string, Key>> endpoints(const Json& json) {
  std::vector<std::pair<std::string, Key>> result;
  if (auto key = key_of(json)) return {{std::get<0>(*key), *key}};
  for (const Json& item : json.items()) {
    for (auto& endpoint : endpoints(item)) result.push_back(std::move(endpoint));
  }
  for (const auto& [name, value] : json.members()) {
    for (auto& endpoint : endpoints(value)) result.emplace_back(name, endpoint.second);
  }
  return result;
}

bool is_model(const Json& layer) {
  const std::string& name = layer["class_name"].text();
  return name == "Functional" || name == "Model" || name == "Sequential";
}

/// The list of a model's layers; very old files have nothing around it.
const std::vector<Json>& layers_of(const Json& config) { return config.is_array() ? config.items() : config["layers"].items(); }

const Json& input_shape_of(const Json& config) {
  for (const char* key : {"batch_input_shape", "batch_shape", "build_input_shape"}) {
    if (config[key].is_array()) return config[key];
  }
  return config["batch_shape"];
}

TensorType type_of(const Json& dtype) {
  const std::string& name = dtype.is_object() ? dtype["config"]["name"].text() : dtype.text();
  if (name == "int32") return TensorType::int32;
  if (name == "int64") return TensorType::int64;
  if (name == "uint8") return TensorType::uint8;
  if (name == "int8") return TensorType::int8;
  if (name == "bool") return TensorType::boolean;
  if (name.empty() || name == "float32" || name == "float16" || name == "mixed_float16" || name == "bfloat16" || name == "mixed_bfloat16")
    return TensorType::float32;
  throw ImportError("an input of the type " + name + " is not supported", "use float32 or int32");
}

class Builder {
 public:
  Builder(Graph& graph, const KerasWeights& weights, bool keras_3, Problems& problems)
      : emit_(graph), weights_(weights), keras_3_(keras_3), problems_(problems) {}

  /// The whole model: makes inputs of the graph, and gives the outputs by name.
  std::vector<std::pair<std::string, Tensor*>> run_whole(const Json& model) { return run_model(model, {}, {}, 0); }
  const std::vector<std::pair<std::string, Tensor*>>& inputs() const { return inputs_; }

 private:
  using Named = std::vector<std::pair<std::string, Tensor*>>;

  /// A model on given tensors (none for the whole model). A null tensor is one that a problem prevented.
  Named run_model(const Json& model, const Values& given, const KerasPath& path, int depth) {
    if (depth > deepest_model) throw ImportError("models lie within models too deeply");
    return model["class_name"].text() == "Sequential" ? run_sequential(model, given, path, depth)
                                                      : run_functional(model, given, path, depth);
  }

  Named run_sequential(const Json& model, const Values& given, const KerasPath& path, int depth) {
    const std::vector<Json>& layers = layers_of(model["config"]);
    if (layers.empty()) throw ImportError("the model has no layers");
    std::map<std::string, int> counters;
    Values current = given;
    std::string last;
    for (const Json& layer : layers) {
      const KerasPath own = path_of(path, layer, counters);
      last = name_of(layer);
      if (layer["class_name"].text() == "InputLayer") {
        if (current.empty()) current = {graph_input(layer)};
        continue;
      }
      if (current.empty()) {
        const Json& outer = input_shape_of(model["config"]);
        current = {graph_input(layer, input_shape_of(layer["config"]).is_array() ? input_shape_of(layer["config"]) : outer)};
      }
      std::vector<KerasOperand> operands;
      for (Tensor* tensor : current) operands.push_back({tensor, {}, true});
      current = run_layer(layer, own, std::move(operands), {}, depth);
    }
    Named result;
    for (std::size_t i = 0; i < current.size(); ++i)
      result.emplace_back(current.size() == 1 ? last : last + "_" + std::to_string(i), current[i]);
    return result;
  }

  Named run_functional(const Json& model, const Values& given, const KerasPath& path, int depth) {
    const Json& config = model["config"];
    const std::vector<Json>& layers = layers_of(config);
    std::vector<Call> calls;
    std::vector<KerasPath> paths;
    std::map<std::string, int> counters;
    std::map<std::pair<std::string, std::int64_t>, Values> done;  // what each call of a layer gave

    const auto inputs = endpoints(config["input_layers"]);
    std::map<std::string, std::size_t> input_number;
    for (std::size_t i = 0; i < inputs.size(); ++i) input_number.emplace(std::get<0>(inputs[i].second), i);
    if (depth > 0 && inputs.size() != given.size()) {
      throw ImportError("the model has " + std::to_string(inputs.size()) + " inputs, and is called with " + std::to_string(given.size()));
    }

    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Json& layer = layers[i];
      paths.push_back(path_of(path, layer, counters));
      const std::vector<Json>& nodes = layer["inbound_nodes"].items();
      if (const auto input = input_number.find(name_of(layer)); layer["class_name"].text() == "InputLayer" && input != input_number.end()) {
        done[{name_of(layer), 0}] = {depth > 0 ? given[input->second] : nullptr};
        continue;
      }
      for (std::size_t n = 0; n < nodes.size(); ++n) {
        Call call{i, static_cast<std::int64_t>(n)};
        guard(layer, [&] { nodes[n].is_object() ? read_call_3(nodes[n], call) : read_call_2(nodes[n], call); });
        calls.push_back(std::move(call));
      }
    }
    if (depth == 0) {
      // The graph's inputs stand in the order of the model's.
      for (const auto& [name, key] : inputs) {
        const auto layer = std::find_if(layers.begin(), layers.end(), [&k = key](const Json& l) { return name_of(l) == std::get<0>(k); });
        if (layer == layers.end()) throw ImportError("the input '" + name + "' is no layer of the model");
        done[{std::get<0>(key), 0}] = {graph_input(*layer)};
      }
    }

    run_calls(layers, paths, calls, done, depth);

    Named result;
    for (const auto& [name, key] : endpoints(config["output_layers"])) {
      const auto found = done.find({std::get<0>(key), std::get<1>(key)});
      const auto at = static_cast<std::size_t>(std::get<2>(key));
      if (found == done.end()) throw ImportError("the output '" + name + "' is never computed");
      result.emplace_back(name, at < found->second.size() ? found->second[at] : nullptr);
    }
    if (result.empty()) throw ImportError("the model has no outputs");
    return result;
  }

  /// Runs all calls, in the order of the description as far as the connections allow it.
  void run_calls(const std::vector<Json>& layers, const std::vector<KerasPath>& paths, const std::vector<Call>& calls,
                 std::map<std::pair<std::string, std::int64_t>, Values>& done, int depth) {
    using Source = std::pair<std::string, std::int64_t>;
    std::map<Source, std::vector<std::size_t>> waiting;
    std::vector<std::size_t> missing(calls.size(), 0);
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      std::vector<Key> keys;
      for (const Argument& a : calls[i].arguments) keys_of(a, keys);
      for (const auto& [name, a] : calls[i].options) keys_of(a, keys);
      std::set<Source> sources;
      for (const Key& key : keys) sources.emplace(std::get<0>(key), std::get<1>(key));
      for (const Source& source : sources) {
        if (done.contains(source)) continue;
        waiting[source].push_back(i);
        ++missing[i];
      }
      if (missing[i] == 0) ready.push(i);
    }
    std::size_t count = 0;
    for (; !ready.empty(); ++count) {
      const Call& call = calls[ready.top()];
      ready.pop();
      const Json& layer = layers[call.layer];
      std::vector<KerasOperand> operands;
      for (const Argument& a : call.arguments) resolve(a, done, operands);
      std::vector<std::pair<std::string, KerasOperand>> options;
      for (const auto& [name, a] : call.options) {
        std::vector<KerasOperand> values;
        resolve(a, done, values);
        if (values.size() == 1) options.emplace_back(name, std::move(values.front()));
      }
      const Source source{name_of(layer), call.number};
      done[source] = run_layer(layer, paths[call.layer], std::move(operands), std::move(options), depth);
      for (const std::size_t next : waiting[source]) {
        if (--missing[next] == 0) ready.push(next);
      }
    }
    if (count == calls.size()) return;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (missing[i] == 0) continue;
      const Json& layer = layers[calls[i].layer];
      problems_.add("layer '" + name_of(layer) + "' (" + layer["class_name"].text() + ")",
                    "its inputs are never computed: the layers form a cycle, or one of them is absent");
    }
  }

  static void resolve(const Argument& argument, const std::map<std::pair<std::string, std::int64_t>, Values>& done,
                      std::vector<KerasOperand>& result) {
    for (const Argument& item : argument.list) resolve(item, done, result);
    if (argument.key) {
      const Values& values = done.at({std::get<0>(*argument.key), std::get<1>(*argument.key)});
      const auto at = static_cast<std::size_t>(std::get<2>(*argument.key));
      result.push_back({at < values.size() ? values[at] : nullptr, {}, true});
    } else if (argument.list.empty()) {
      result.push_back({nullptr, argument.constant, false});
    }
  }

  /// One call of a layer or of a model inside of the model. After a problem it gives null tensors.
  Values run_layer(const Json& layer, const KerasPath& path, std::vector<KerasOperand> operands,
                   std::vector<std::pair<std::string, KerasOperand>> options, int depth) {
    const std::string class_name = layer["class_name"].text(), name = name_of(layer);
    Values result = {nullptr};
    guard(layer, [&] {
      const bool known =
          std::all_of(operands.begin(), operands.end(), [](const KerasOperand& o) { return !o.is_tensor || o.tensor != nullptr; }) &&
          std::all_of(options.begin(), options.end(), [](const auto& o) { return !o.second.is_tensor || o.second.tensor != nullptr; });
      if (is_model(layer)) {
        Values given;
        for (const KerasOperand& operand : operands) given.push_back(operand.tensor);
        Values outputs;
        for (const auto& [output, tensor] : run_model(layer, given, path, depth + 1)) outputs.push_back(tensor);
        result = std::move(outputs);
        return;
      }
      const KerasLayer found = find_keras_layer(class_name);
      if (found == nullptr)
        throw ImportError("this kind of layer is not supported", "replace it by layers that are (tfl_convert --list-ops keras)");
      // What follows from a problem is no further problem.
      if (!known) return;
      KerasCall call{emit_, weights_, class_name, layer["config"], path, keras_3_, std::move(operands), std::move(options)};
      emit_.from(name, "keras." + class_name);
      result = found(call);
      if (result.size() == 1) emit_.name_result(result.front());
    });
    return result;
  }

  /// Runs the body; what it throws becomes a problem of the layer.
  template <class F> void guard(const Json& layer, F&& body) {
    try {
      body();
    } catch (const ImportError& error) {
      problems_.add("layer '" + name_of(layer) + "' (" + layer["class_name"].text() + ")", error.sentence());
    }
  }

  Tensor* graph_input(const Json& layer) { return graph_input(layer, input_shape_of(layer["config"])); }
  Tensor* graph_input(const Json& layer, const Json& dims) {
    Tensor* result = nullptr;
    guard(layer, [&] {
      if (!dims.is_array())
        throw ImportError("the shape of the model's input is not known", "build the model with an Input layer before saving it");
      Shape shape;
      for (const Json& d : dims.items()) shape.push_back(d.is_null() ? -1 : checked_dim(d.integer()));
      const bool is_input = layer["class_name"].text() == "InputLayer";
      const std::string name = is_input ? name_of(layer) : name_of(layer) + "_input";
      result = emit_.input(name, is_input ? type_of(layer["config"]["dtype"]) : TensorType::float32, std::move(shape));
      inputs_.emplace_back(name, result);
    });
    return result;
  }

  static std::string name_of(const Json& layer) {
    const Json& name = layer["config"]["name"];
    return name.is_string() ? name.text() : layer["name"].text();
  }

  static KerasPath path_of(const KerasPath& outer, const Json& layer, std::map<std::string, int>& counters) {
    const std::string container = keras_snake_case(layer["class_name"].text());
    const int number = counters[container]++;
    KerasPath path = outer;
    path.steps.push_back({name_of(layer), number == 0 ? container : container + "_" + std::to_string(number)});
    return path;
  }

  Emitter emit_;
  const KerasWeights& weights_;
  bool keras_3_ = false;
  Problems& problems_;
  Named inputs_;
};

}  // namespace

std::unique_ptr<Model> build_keras_model(const Json& description, const KerasWeights& weights, bool keras_3, Problems& problems) {
  auto model = std::make_unique<Model>();
  Graph& graph = model->add_graph("main");
  try {
    if (!is_model(description)) {
      throw ImportError("a model of the class '" + description["class_name"].text() + "' is not supported",
                        "subclassed models keep their structure in code: save a Functional or Sequential model, or a SavedModel");
    }
    Builder builder(graph, weights, keras_3, problems);
    const auto outputs = builder.run_whole(description);
    if (problems.any()) return nullptr;
    Signature signature{.key = "serving_default", .graph = 0, .inputs = builder.inputs(), .outputs = outputs};
    Values inputs, results;
    for (const auto& [name, tensor] : signature.inputs) inputs.push_back(tensor);
    for (const auto& [name, tensor] : signature.outputs) results.push_back(tensor);
    graph.set_inputs(inputs);
    graph.set_outputs(results);
    model->signatures.push_back(std::move(signature));
  } catch (const ImportError& error) {
    problems.add(error.sentence());
    return nullptr;
  }
  return model;
}

}  // namespace tfl::converter
