// needs: exceptions
// SavedModels and frozen GraphDefs: nodes are followed from the outputs, calls of functions are inlined on the way.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "tools/converter/import/import.hpp"
#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/tensorflow/bundle.hpp"
#include "tools/converter/import/tensorflow/call.hpp"
#include "tools/converter/import/tensorflow/composite_functions.hpp"
#include "tools/converter/import/tensorflow/messages.hpp"

namespace tfl::converter {

namespace {

namespace pb = tensorflow;

constexpr int deepest_call = 64;
constexpr std::size_t most_nodes = 2'000'000;  // run, calls counted each time

/// Where the named outputs of an operator begin, for those with several names; others have one list of outputs.
int output_base(std::string_view op, std::string_view output) {
  static const std::map<std::string_view, std::vector<std::string_view>> names = {
      {"FusedBatchNorm", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
      {"FusedBatchNormV2", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
      {"FusedBatchNormV3", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"}},
      {"TopKV2", {"values", "indices"}},
      {"NonMaxSuppressionV4", {"selected_indices", "valid_outputs"}},
      {"NonMaxSuppressionV5", {"selected_indices", "selected_scores", "valid_outputs"}},
  };
  const auto found = names.find(op);
  if (found == names.end()) return 0;
  const auto at = std::find(found->second.begin(), found->second.end(), output);
  return at == found->second.end() ? 0 : static_cast<int>(at - found->second.begin());
}

/// A reference to an output of a node: "node", "node:1", or within functions "node:output:1".
struct Reference {
  std::string node, output;
  std::size_t index = 0;
};

Reference parse(const std::string& text) {
  Reference result;
  const std::size_t first = text.find(':');
  result.node = text.substr(0, first);
  if (first == std::string::npos) return result;
  const std::size_t second = text.find(':', first + 1);
  const std::string number = text.substr(second == std::string::npos ? first + 1 : second + 1);
  if (second != std::string::npos) result.output = text.substr(first + 1, second - first - 1);
  if (number.empty() || number.size() > 6 || !std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    throw ImportError("the reference '" + text + "' is malformed");
  }
  result.index = static_cast<std::size_t>(std::stoul(number));
  return result;
}

/// The nodes of a graph or of a function's body, by name.
struct Body {
  std::unordered_map<std::string, const pb::NodeDef*> nodes;
  template <class List> explicit Body(const List& list) {
    for (const pb::NodeDef& node : list) nodes.emplace(node.name(), &node);
  }
};

struct Function {
  const pb::FunctionDef* proto = nullptr;
  Body body;
};

/// Drops what was followed but is not read: zeros from which a layer begins without being told.
void drop_unread_nodes(Graph& graph) {
  std::vector<Node*> nodes;
  for (const auto& node : graph.nodes()) nodes.push_back(node.get());
  const auto is_read = [&graph](const Tensor* output) { return !output->users.empty() || graph.is_output(output); };
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (std::none_of(nodes[i]->outputs().begin(), nodes[i]->outputs().end(), is_read)) graph.erase(nodes[i]);
  }
}

class Importer {
 public:
  Importer(Model& model, Problems& problems) : model_(model), problems_(problems) {}

  void add_functions(const pb::FunctionDefLibrary& library) {
    for (const pb::FunctionDef& function : library.function())
      functions_.try_emplace(function.signature().name(), Function{&function, Body(function.node_def())});
  }
  void set_variables(const VariablesBundle* bundle) { bundle_ = bundle; }
  void set_keys(std::map<std::string, std::string> keys) { keys_ = std::move(keys); }

  /// One graph or one call of a function while it is followed.
  struct Scope {
    Emitter& emit;
    const Body& body;
    std::string prefix{};
    int depth = 0;
    std::unordered_map<std::string, std::vector<TfValue>> done{};
    std::set<std::string> open{};  // nodes whose inputs are being computed
  };

  /// The outputs of the node `name`, after everything that it needs. Works off a list of its own: chains may be longer than any stack.
  const std::vector<TfValue>& outputs_of(Scope& scope, const std::string& name) {
    std::vector<std::string> pending = {name};
    while (!pending.empty()) {
      const std::string current = pending.back();
      if (scope.done.contains(current)) {
        pending.pop_back();
        continue;
      }
      const auto found = scope.body.nodes.find(current);
      if (found == scope.body.nodes.end()) throw ImportError("there is no node '" + scope.prefix + current + "'");
      const pb::NodeDef& node = *found->second;
      const std::size_t before = pending.size();
      for (int i = node.input_size(); i-- > 0;) {
        const std::string& input = node.input(i);
        if (input.empty() || input[0] == '^') continue;
        const std::string needed = input.substr(0, input.find(':'));
        if (!scope.done.contains(needed)) pending.push_back(needed);
      }
      if (pending.size() == before) {
        pending.pop_back();
        scope.open.erase(current);
        scope.done[current] = run(scope, node);
      } else if (!scope.open.insert(current).second) {
        throw ImportError(
            "node '" + scope.prefix + current + "' (" + node.op() + ") depends on itself: loops of TensorFlow 1 are not supported",
            "build the model with TensorFlow 2's control flow, or without loops");
      }
    }
    return scope.done.at(name);
  }

  TfValue value_of(Scope& scope, const std::string& text) {
    const Reference reference = parse(text);
    const std::vector<TfValue>& outputs = outputs_of(scope, reference.node);
    std::size_t index = reference.index;
    if (const auto node = scope.body.nodes.find(reference.node); node != scope.body.nodes.end()) {
      index += static_cast<std::size_t>(output_base(node->second->op(), reference.output));
    }
    if (index < outputs.size()) return outputs[index];
    if (!outputs.empty() && outputs.front().failed) return {.failed = true};
    throw ImportError("'" + scope.prefix + text + "' is an output that is not supported");
  }

  /// Runs the body of a function on these arguments.
  std::vector<TfValue> call(Emitter& emit, const std::string& name, const std::vector<TfValue>& arguments, const std::string& prefix,
                            int depth) {
    const auto found = functions_.find(name);
    if (found == functions_.end()) throw ImportError("there is no function '" + name + "'");
    if (depth > deepest_call) throw ImportError("functions call each other too deeply");
    const pb::OpDef& signature = found->second.proto->signature();
    if (static_cast<std::size_t>(signature.input_arg_size()) != arguments.size()) {
      throw ImportError("the function '" + name + "' takes " + std::to_string(signature.input_arg_size()) + " arguments, it is given " +
                        std::to_string(arguments.size()));
    }
    if (auto results = run_as_layer(emit, *found->second.proto, arguments)) return *std::move(results);
    Scope scope{emit, found->second.body, prefix, depth};
    for (int i = 0; i < signature.input_arg_size(); ++i)
      scope.done[signature.input_arg(i).name()] = {arguments[static_cast<std::size_t>(i)]};
    std::vector<TfValue> results;
    for (const pb::OpDef::ArgDef& output : signature.output_arg()) {
      const auto where = found->second.proto->ret().find(output.name());
      if (where == found->second.proto->ret().end())
        throw ImportError("the function '" + name + "' doesn't say what '" + output.name() + "' is");
      results.push_back(value_of(scope, where->second));
    }
    return results;
  }

  /// Follows the restore operation of a SavedModel: which variable is read from which key.
  void find_keys(const pb::GraphDef& graph, const std::string& restore, Emitter& emit) {
    const Body body(graph.node());
    Scope scope{emit, body};
    // The name of the file to restore from is no input of the model.
    for (const auto& [name, node] : body.nodes) {
      if (node->op() == "Placeholder") scope.done[name] = {TfValue{}};
    }
    const auto assignments = [&](Scope& inner) {
      for (const auto& [name, node] : inner.body.nodes) {
        if ((node->op() != "AssignVariableOp" && node->op() != "Assign") || node->input_size() < 2) continue;
        const TfValue handle = value_of(inner, node->input(0)), value = value_of(inner, node->input(1));
        if (!handle.variable.empty() && value.texts.size() == 1) keys_[handle.variable] = value.texts.front();
      }
    };
    const auto node = body.nodes.find(restore);
    if (node == body.nodes.end()) return;
    const auto function = node->second->attr().find("f");
    if (function == node->second->attr().end()) return assignments(scope);  // TensorFlow 1: in the graph itself
    const auto found = functions_.find(function->second.func().name());
    if (found == functions_.end()) return;
    Scope inner{emit, found->second.body, {}, 1};
    const pb::OpDef& signature = found->second.proto->signature();
    int i = 0;
    for (const std::string& input : node->second->input()) {
      if (!input.empty() && input[0] != '^' && i < signature.input_arg_size())
        inner.done[signature.input_arg(i++).name()] = {value_of(scope, input)};
    }
    assignments(inner);
  }

 private:
  std::vector<TfValue> run(Scope& scope, const pb::NodeDef& node) {
    if (++nodes_run_ > most_nodes)
      throw ImportError("the model runs more than " + std::to_string(most_nodes) + " nodes: its functions call each other too often");
    const std::string name = scope.prefix + node.name();
    std::vector<TfValue> results;
    try {
      std::vector<TfValue> inputs;
      bool failed = false;
      for (const std::string& input : node.input()) {
        if (input.empty() || input[0] == '^') continue;
        inputs.push_back(value_of(scope, input));
        failed = failed || inputs.back().failed;
      }
      const Attributes attributes = attributes_of(node.attr());
      scope.emit.from(name, "tf." + node.op());
      if (special(scope, node, name, attributes, inputs, failed, results)) return results;
      const TfOperator found = find_tf_operator(node.op());
      if (found == nullptr)
        throw ImportError(refusal(node.op()), "replace it by operators that are supported (tfl_convert --list-ops tensorflow)");
      // What follows from a problem is no further problem.
      if (failed) return {{.failed = true}};
      const TfCall call{scope.emit, name, node.op(), attributes, std::move(inputs)};
      for (Tensor* tensor : found(call)) results.push_back({tensor});
      if (results.size() == 1) scope.emit.name_result(results.front().tensor);
      return results;
    } catch (const ImportError& error) {
      if (reported_.insert(name).second) problems_.add("node '" + name + "' (tf." + node.op() + ")", error.sentence());
    } catch (const std::out_of_range&) {
      if (reported_.insert(name).second) problems_.add("node '" + name + "' (tf." + node.op() + ")", "a constant input of it is empty");
    }
    return {{.failed = true}};
  }

  /// What a function that says which layer it is gives; nothing for others.
  static std::optional<std::vector<TfValue>> run_as_layer(Emitter& emit, const pb::FunctionDef& function,
                                                          const std::vector<TfValue>& arguments) {
    if (const auto what = function.attr().find("_implements");
        what != function.attr().end() && what->second.func().name() == "TFLite_Detection_PostProcess") {
      const Attributes attributes = attributes_of(what->second.func().attr());
      std::vector<TfValue> results;
      for (Tensor* tensor : detection_postprocess({emit, emit.source_name(), "TFLite_Detection_PostProcess", attributes, arguments}))
        results.push_back({tensor});
      return results;
    }
    for (const char* name : {"api_implements", "experimental_api_implements"}) {
      const auto what = function.attr().find(name);
      if (what != function.attr().end()) return run_keras_layer(emit, what->second.s(), attributes_of(function.attr()), arguments);
    }
    return std::nullopt;
  }

  static std::string refusal(const std::string& op) {
    for (const char* loop : {"Enter", "Exit", "NextIteration", "LoopCond", "Switch", "Merge"}) {
      if (op == loop) return "control flow of TensorFlow 1 is not supported";
    }
    return "this operator is not supported";
  }

  /// Nodes that are no computation: constants, variables, calls. False for all others.
  bool special(Scope& scope, const pb::NodeDef& node, const std::string& name, const Attributes& attributes,
               const std::vector<TfValue>& inputs, bool failed, std::vector<TfValue>& results) {
    const std::string& op = node.op();
    if (op == "Const") {
      const auto value = node.attr().find("value");
      if (value == node.attr().end()) throw ImportError("the constant has no value");
      if (value->second.tensor().dtype() == pb::DT_STRING) {
        results.push_back({.texts = {value->second.tensor().string_val().begin(), value->second.tensor().string_val().end()}});
      } else {
        results.push_back({scope.emit.constant(computed(literal_of_proto(value->second.tensor())), "value")});
      }
      return true;
    }
    if (op == "VarHandleOp" || op == "VariableV2" || op == "Variable") {
      results.push_back({.variable = name});
      return true;
    }
    if (op == "NoOp") return true;
    const bool passes = op == "Identity" || op == "IdentityN";
    if (op == "RestoreV2") {
      for (const std::string& key : inputs.size() > 1 ? inputs[1].texts : std::vector<std::string>()) results.push_back({.texts = {key}});
      return true;
    }
    if (op == "MergeV2Checkpoints" || op == "ShardedFilename" || op == "StringJoin") {
      results.push_back({});
      return true;
    }
    if (op == "ReadVariableOp" || (passes && inputs.size() == 1 && !inputs[0].variable.empty() && node.attr().contains("T") &&
                                   node.attr().at("T").type() != pb::DT_RESOURCE)) {
      if (failed) return results.push_back({.failed = true}), true;
      if (inputs.empty() || inputs[0].variable.empty()) throw ImportError("it reads no variable of the model");
      results.push_back({variable(scope, inputs[0].variable)});
      return true;
    }
    if (op == "ResourceGather") {
      if (failed) return results.push_back({.failed = true}), true;
      if (inputs.size() < 2 || inputs[0].variable.empty() || inputs[1].tensor == nullptr || attributes.integer("batch_dims") != 0)
        throw ImportError("it reads no variable of the model");
      results.push_back({scope.emit.gather(variable(scope, inputs[0].variable), inputs[1].tensor, 0)});
      return true;
    }
    if (passes) {
      results = inputs;
      return true;
    }
    if (op == "Placeholder") throw ImportError("it is an input that the signature doesn't name", "name it as an input");
    if (op == "PlaceholderWithDefault") {
      results = {inputs.empty() ? TfValue{.failed = true} : inputs[0]};
      return true;
    }
    if (op == "PartitionedCall" || op == "StatefulPartitionedCall") {
      if (failed) return results.push_back({.failed = true}), true;
      results = call(scope.emit, attributes.text("f"), inputs, scope.prefix + node.name() + "/", scope.depth + 1);
      return true;
    }
    if (op == "While" || op == "StatelessWhile" || op == "If" || op == "StatelessIf") {
      if (failed) return results.push_back({.failed = true}), true;
      results = op.ends_with("While") ? while_loop(scope, name, attributes, inputs) : if_else(scope, name, attributes, inputs);
      return true;
    }
    return false;
  }

  Tensor* variable(Scope& scope, const std::string& handle) {
    const auto key = keys_.find(handle);
    if (key == keys_.end() || bundle_ == nullptr)
      throw ImportError("the value of the variable '" + handle + "' is not in the model",
                        "save the model with its variables, or freeze the graph");
    auto& literal = values_[key->second];
    if (literal.data == nullptr) literal = computed(bundle_->value(key->second));
    // A constant of this graph; in subgraphs another one shares its data.
    Tensor*& tensor = tensors_[{&scope.emit.graph(), key->second}];
    if (tensor == nullptr) tensor = scope.emit.graph().add_constant(scope.emit.unique(handle), literal);
    return tensor;
  }

  // ---- control flow: functions as graphs of their own

  /// The function as a graph whose inputs are these tensors. Handles of variables are bound.
  std::size_t subgraph(const std::string& function, const std::vector<TfValue>& arguments, int depth, Values* outputs) {
    Graph& graph = model_.add_graph(function);
    const std::size_t number = model_.graphs.size() - 1;
    Emitter emit(graph);
    std::vector<TfValue> own = arguments;
    Values inputs;
    for (TfValue& argument : own) {
      if (argument.tensor == nullptr) continue;
      argument.tensor = emit.input("input", argument.tensor->type, argument.tensor->shape);
      inputs.push_back(argument.tensor);
    }
    emit.from(function, "tf.Function");
    Values results;
    for (const TfValue& value : call(emit, function, own, {}, depth + 1)) {
      if (value.failed) throw ImportError("the function '" + function + "' has problems");
      if (value.tensor != nullptr) results.push_back(value.tensor);
    }
    graph.set_inputs(inputs);
    graph.set_outputs(results);
    drop_unread_nodes(graph);
    emit.check_finished(problems_);
    graph.drop_unused_tensors();
    if (outputs != nullptr) *outputs = results;
    return number;
  }

  std::vector<TfValue> as_node(Scope& scope, const std::string& name, BuiltinOperator code, const std::vector<TfValue>& inputs,
                               const Values& like, Attributes attributes) {
    Values operands;
    for (const TfValue& value : inputs) {
      if (value.tensor != nullptr) operands.push_back(value.tensor);
    }
    std::vector<std::pair<TensorType, Shape>> outputs;
    for (const Tensor* t : like) outputs.emplace_back(t->type, t->shape);
    scope.emit.from(name, code == BuiltinOperator::WHILE ? "tf.While" : "tf.If");
    std::vector<TfValue> results;
    for (Tensor* tensor : scope.emit.add(code, operands, outputs, std::move(attributes))) results.push_back({tensor});
    return results;
  }

  std::vector<TfValue> while_loop(Scope& scope, const std::string& name, const Attributes& attributes, const std::vector<TfValue>& inputs) {
    Values outputs;
    const auto condition = static_cast<std::int64_t>(subgraph(attributes.text("cond"), inputs, scope.depth, nullptr));
    const auto body = static_cast<std::int64_t>(subgraph(attributes.text("body"), inputs, scope.depth, &outputs));
    std::vector<TfValue> results =
        as_node(scope, name, BuiltinOperator::WHILE, inputs, outputs, {{"cond_subgraph_index", condition}, {"body_subgraph_index", body}});
    // Handles go through a loop unchanged.
    std::vector<TfValue> all;
    std::size_t at = 0;
    for (const TfValue& input : inputs) {
      if (input.tensor == nullptr) {
        all.push_back(input);
      } else {
        if (at == results.size()) throw ImportError("the body of the loop gives fewer values than it takes");
        all.push_back(results[at++]);
      }
    }
    return all;
  }

  std::vector<TfValue> if_else(Scope& scope, const std::string& name, const Attributes& attributes, const std::vector<TfValue>& inputs) {
    if (inputs.empty() || inputs[0].tensor == nullptr) throw ImportError("it has no condition");
    const std::vector<TfValue> arguments(inputs.begin() + 1, inputs.end());
    Values outputs;
    const auto then_branch = static_cast<std::int64_t>(subgraph(attributes.text("then_branch"), arguments, scope.depth, &outputs));
    const auto else_branch = static_cast<std::int64_t>(subgraph(attributes.text("else_branch"), arguments, scope.depth, nullptr));
    return as_node(scope, name, BuiltinOperator::IF, inputs, outputs,
                   {{"then_subgraph_index", then_branch}, {"else_subgraph_index", else_branch}});
  }

  Model& model_;
  Problems& problems_;
  std::map<std::string, Function> functions_;
  const VariablesBundle* bundle_ = nullptr;
  std::map<std::string, std::string> keys_;  // of the bundle, by variable
  std::map<std::string, Literal> values_;
  std::map<std::pair<const Graph*, std::string>, Tensor*> tensors_;
  std::set<std::string> reported_;
  std::size_t nodes_run_ = 0;
};

/// A name that callers know and the tensor of the graph that it stands for.
struct Endpoint {
  std::string name, tensor;
  int type = 0;
  std::optional<Shape> shape{};
};

/// Adds the graph between these inputs and outputs to the model, with a signature.
void add_signature(Model& model, Importer& importer, const pb::GraphDef& source, const std::string& key,
                   const std::vector<Endpoint>& inputs, const std::vector<Endpoint>& outputs, Problems& problems) {
  Graph& graph = model.add_graph(model.graphs.empty() ? "main" : key);
  Signature signature{.key = key, .graph = model.graphs.size() - 1};
  Emitter emit(graph);
  const Body body(source.node());
  Importer::Scope scope{emit, body};
  Values graph_inputs, graph_outputs;
  for (const Endpoint& input : inputs) {
    if (!input.shape) throw ImportError("the shape of the input '" + input.name + "' is not known", "give the input a shape");
    const TensorType type = tf_computed_type(input.type);
    Tensor* tensor = emit.input(input.name, type, *input.shape);
    graph_inputs.push_back(tensor);
    signature.inputs.emplace_back(input.name, tensor);
    scope.done[parse(input.tensor).node] = {{tensor}};
  }
  for (const Endpoint& output : outputs) {
    const TfValue value = importer.value_of(scope, output.tensor);
    if (value.failed) continue;
    if (value.tensor == nullptr) throw ImportError("the output '" + output.name + "' is no tensor");
    graph_outputs.push_back(value.tensor);
    signature.outputs.emplace_back(output.name, value.tensor);
  }
  if (outputs.empty()) throw ImportError("the model has no outputs");
  graph.set_inputs(graph_inputs);
  graph.set_outputs(graph_outputs);
  drop_unread_nodes(graph);
  if (!problems.any()) emit.check_finished(problems);
  graph.drop_unused_tensors();
  model.signatures.push_back(std::move(signature));
}

void import_saved_model(const std::string& path, const TensorFlowOptions& options, Model& model, Problems& problems) {
  namespace fs = std::filesystem;
  std::error_code error;
  pb::SavedModel saved;
  parse_tensorflow_file(fs::exists(path + "/saved_model.pb", error) ? path + "/saved_model.pb" : path + "/saved_model.pbtxt", saved);
  const pb::MetaGraphDef* meta = nullptr;
  for (const pb::MetaGraphDef& candidate : saved.meta_graphs()) {
    const auto& tags = candidate.meta_info_def().tags();
    if (meta == nullptr && std::find(tags.begin(), tags.end(), options.tag) != tags.end()) meta = &candidate;
  }
  if (meta == nullptr) throw ImportError("the SavedModel has no graph with the tag '" + options.tag + "'");
  Importer importer(model, problems);
  importer.add_functions(meta->graph_def().library());
  std::optional<VariablesBundle> bundle;
  if (fs::exists(path + "/variables/variables.index", error)) {
    bundle.emplace(path);
    importer.set_variables(&*bundle);
    Graph scratch;
    Emitter emit(scratch);
    importer.find_keys(meta->graph_def(), meta->saver_def().restore_op_name(), emit);
  }
  // Sorted, so that the result does not depend on the order of a hash table.
  std::map<std::string, const pb::SignatureDef*> signatures;
  for (const auto& [key, signature] : meta->signature_def()) {
    const bool wanted = options.signatures.empty()
                            ? key != "__saved_model_init_op"
                            : std::find(options.signatures.begin(), options.signatures.end(), key) != options.signatures.end();
    if (wanted) signatures.emplace(key, &signature);
  }
  if (signatures.empty())
    throw ImportError("the SavedModel has no signature to convert", "save it with signatures, or name one that it has");
  const auto endpoints = [](const auto& infos) {
    std::map<std::string, const pb::TensorInfo*> sorted;
    for (const auto& [name, info] : infos) sorted.emplace(name, &info);
    std::vector<Endpoint> result;
    for (const auto& [name, info] : sorted) {
      result.push_back({name, info->name(), info->dtype(),
                        info->tensor_shape().unknown_rank() ? std::nullopt : std::optional(shape_of(info->tensor_shape()))});
    }
    return result;
  };
  for (const auto& [key, signature] : signatures) {
    add_signature(model, importer, meta->graph_def(), key, endpoints(signature->inputs()), endpoints(signature->outputs()), problems);
  }
}

void import_graph(const std::string& path, const TensorFlowOptions& options, Model& model, Problems& problems) {
  pb::GraphDef graph;
  parse_tensorflow_file(path, graph);
  if (graph.node_size() == 0) throw ImportError(path + " holds no nodes: it is no GraphDef");
  std::vector<Endpoint> inputs, outputs;
  std::set<std::string> read;
  for (const pb::NodeDef& node : graph.node()) {
    for (const std::string& input : node.input()) read.insert(input.substr(input.starts_with('^') ? 1 : 0, input.find(':')));
  }
  for (const pb::NodeDef& node : graph.node()) {
    const bool named = std::find(options.inputs.begin(), options.inputs.end(), node.name()) != options.inputs.end();
    if (options.inputs.empty() ? node.op() == "Placeholder" : named) {
      Endpoint input{node.name(), node.name(), pb::DT_FLOAT};
      if (const auto type = node.attr().find("dtype"); type != node.attr().end()) input.type = type->second.type();
      if (const auto shape = node.attr().find("shape"); shape != node.attr().end() && !shape->second.shape().unknown_rank())
        input.shape = shape_of(shape->second.shape());
      inputs.push_back(std::move(input));
    }
    if (options.outputs.empty() && !read.contains(node.name()) && node.op() != "NoOp" && node.op() != "Const" && node.op() != "Placeholder")
      outputs.push_back({node.name(), node.name()});
  }
  for (const std::string& name : options.outputs) outputs.push_back({name, name});
  Importer importer(model, problems);
  importer.add_functions(graph.library());
  add_signature(model, importer, graph, "serving_default", inputs, outputs, problems);
}

}  // namespace

std::unique_ptr<Model> import_tensorflow(const std::string& path, const TensorFlowOptions& options, Problems& problems) {
  auto model = std::make_unique<Model>();
  try {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
      import_saved_model(path, options, *model, problems);
    } else {
      import_graph(path, options, *model, problems);
    }
  } catch (const ImportError& error) {
    problems.add(error.sentence());
  } catch (const std::bad_alloc&) {
    problems.add(path + " needs more memory than there is");
  }
  if (problems.any()) return nullptr;
  return model;
}

std::vector<std::string> tensorflow_operator_names() {
  std::vector<std::string> names = {"Const",
                                    "Placeholder",
                                    "PlaceholderWithDefault",
                                    "VarHandleOp",
                                    "VariableV2",
                                    "ReadVariableOp",
                                    "ResourceGather",
                                    "PartitionedCall",
                                    "StatefulPartitionedCall",
                                    "While",
                                    "StatelessWhile",
                                    "If",
                                    "StatelessIf",
                                    "NoOp"};
  for (const auto& entries : {tf_math_operators(), tf_shape_operators()}) {
    for (const TfOperatorEntry& entry : entries) names.emplace_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tfl::converter
