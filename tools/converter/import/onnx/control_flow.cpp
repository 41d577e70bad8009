// needs: exceptions
// If, Loop and Scan: branches and bodies become subgraphs of IF and WHILE. What they read of the graphs around them enters as further
// inputs, which a loop hands on from step to step. States keep their shapes; what each step gives is gathered where the number of steps is
// known. A branch whose condition is known takes the node's place.

#include <algorithm>
#include <limits>
#include <optional>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/importer.hpp"
#include "tools/converter/import/onnx/onnx.pb.h"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

constexpr std::int64_t most_gathered = std::int64_t{1} << 28;  // elements of what all steps of a loop give

onnx::GraphProto& graph_of(const OnnxNode& node, std::string_view name) {
  for (const auto& [own, graph] : node.graphs) {
    if (own == name) return *graph;
  }
  throw ImportError("it has no graph '" + std::string(name) + "'");
}

Tensor* number(Emitter& emit, TensorType type, std::int64_t value) {
  return emit.constant(literal_of(type, {}, std::vector<std::int64_t>{value}), "number");
}

/// One element as a tensor without dimensions.
Tensor* scalar(Emitter& emit, Tensor* x) { return x->rank() == 0 ? x : emit.reshape(x, {}); }

/// The same for what decides which way to go.
Tensor* truth(Emitter& emit, Tensor* x) {
  if (x->type != TensorType::boolean) throw ImportError("its condition must be bool, it is " + describe(*x));
  return scalar(emit, x);
}

std::optional<std::int64_t> known(const Tensor* x) {
  if (x == nullptr || !x->is_constant()) return std::nullopt;
  const std::vector<std::int64_t> values = integers_of(*x);
  if (values.size() != 1 || values[0] == unknown_size) return std::nullopt;
  return values[0];
}

Tensor* input_like(Emitter& emit, const Tensor& tensor) {
  Tensor* input = emit.input(tensor.name, tensor.type, tensor.shape);
  input->quantization = tensor.quantization;
  return input;
}

}  // namespace

OnnxImporter::Inner::Inner(OnnxImporter& importer, Scope& outer, const std::string& name)
    : number(importer.model_->graphs.size()), emit(importer.model_->add_graph(name)), scope{emit, reordered, &outer, true} {}

void OnnxImporter::Inner::finish(Values inputs, Values outputs, Problems& problems) {
  emit.graph().set_inputs(std::move(inputs));
  emit.graph().set_outputs(std::move(outputs));
  emit.check_finished(problems);
  emit.graph().drop_unused_tensors();
}

/// A loop while its body is read.
struct OnnxImporter::Loop {
  Inner body;
  Scope& outer;
  std::vector<State> states{};
  std::size_t counter;
  std::optional<std::int64_t> steps{};  // known ones
  Tensor* most_steps = nullptr;         // outside, where they are not known
  std::optional<std::size_t> keep{};    // the state that says whether the loop goes on
  Tensor* index = nullptr;              // inside: the step as int32

  Loop(OnnxImporter& importer, Scope& scope, const std::string& name) : body(importer, scope, name), outer(scope) {
    body.emit.from(name, "onnx.Loop");
    counter = add(number(outer.emit, TensorType::int64, 0));
    index = body.emit.cast(states[counter].inside, TensorType::int32);
  }

  std::size_t add(Tensor* initial) {
    states.push_back({initial, input_like(body.emit, *initial)});
    return states.size() - 1;
  }
  void set_next(std::size_t state, Tensor* next) {
    const Tensor& now = *states[state].inside;
    if (next->type != now.type || next->shape != now.shape || next->quantization != now.quantization) {
      throw ImportError("a value that its body hands on is " + describe(now) + " before a step and " + describe(*next) + " behind it",
                        "give it one type and shape");
    }
    states[state].next = next;
  }
  Tensor* step(bool backwards) {
    return backwards ? body.emit.binary(SUB, number(body.emit, TensorType::int32, *steps - 1), index) : index;
  }
  /// A state that gathers what every step gives, along a new first axis.
  std::size_t gather(Tensor* element, bool backwards) {
    if (!steps)
      throw ImportError("it gathers what each step gives, but how many steps there are is not known", "give the trip count as a constant");
    if (!element->is_static())
      throw ImportError("it gathers " + describe(*element) + ", whose size is not known", "give the inputs fixed sizes");
    Shape shape = element->shape, row = element->shape;
    shape.insert(shape.begin(), checked_dim(*steps));
    row.insert(row.begin(), 1);
    if (element_count(shape) > most_gathered) throw ImportError("what its steps give together is too large: " + text_of(shape));
    Emitter& outside = outer.emit;
    Tensor* zeros = outside.add(FILL, {outside.integers(shape), number(outside, element->type, 0)}, element->type, shape);
    const std::size_t state = add(zeros);
    Values start(shape.size(), number(body.emit, TensorType::int32, 0));
    start[0] = step(backwards);
    set_next(state, body.emit.add(DYNAMIC_UPDATE_SLICE, {states[state].inside, body.emit.reshape(element, row), body.emit.pack(start, 0)},
                                  element->type, shape));
    return state;
  }
};

bool OnnxImporter::is_control_flow(const OnnxNode& node) { return node.op == "If" || node.op == "Loop" || node.op == "Scan"; }

std::vector<OnnxValue> OnnxImporter::control_flow(const OnnxNode& node, Scope& scope, const OnnxCall& call) {
  if (node.op == "If") return if_else(node, scope, call);
  return node.op == "Loop" ? loop(node, scope, call) : scan(node, scope, call);
}

Values OnnxImporter::results_of(const onnx::GraphProto& source, Scope& scope) {
  static const OnnxNode output{.op = "output", .name = "output"};
  const OnnxCall call{scope.emit, scope.reordered, output, opset_, {}};
  Values results;
  for (const onnx::ValueInfoProto& wanted : source.output()) {
    const OnnxValue* value = find(scope, wanted.name());
    if (value == nullptr) throw ImportError("nothing computes '" + wanted.name() + "', an output of its graph");
    if (value->failed) throw ImportError("");
    scope.emit.from(wanted.name(), "onnx.output");
    results.push_back(call.plain(*value));
  }
  return results;
}

std::vector<OnnxValue> OnnxImporter::if_else(const OnnxNode& node, Scope& scope, const OnnxCall& call) {
  onnx::GraphProto &then_graph = graph_of(node, "then_branch"), &else_graph = graph_of(node, "else_branch");
  Tensor* condition = truth(scope.emit, call.plain(0));
  if (const auto decided = known(condition)) {
    Scope same{scope.emit, scope.reordered, &scope};
    onnx::GraphProto& taken = *decided != 0 ? then_graph : else_graph;
    run_graph(taken, same);
    std::vector<OnnxValue> results;
    for (const onnx::ValueInfoProto& output : taken.output()) {
      const OnnxValue* value = find(same, output.name());
      if (value == nullptr) throw ImportError("nothing computes '" + output.name() + "', an output of its graph");
      if (value->failed) throw ImportError("");
      results.push_back(*value);
    }
    return results;
  }
  Inner yes(*this, scope, node.name + "/then"), no(*this, scope, node.name + "/else");
  run_graph(then_graph, yes.scope);
  const Values a = results_of(then_graph, yes.scope);
  run_graph(else_graph, no.scope);
  const Values b = results_of(else_graph, no.scope);
  if (a.size() != b.size())
    throw ImportError("its branches give " + std::to_string(a.size()) + " and " + std::to_string(b.size()) + " values");
  std::vector<std::pair<TensorType, Shape>> outputs;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i]->type != b[i]->type || a[i]->rank() != b[i]->rank() || a[i]->quantization != b[i]->quantization) {
      throw ImportError("its branches give " + describe(*a[i]) + " and " + describe(*b[i]), "give both one type and as many dimensions");
    }
    Shape shape = a[i]->shape;
    for (std::size_t d = 0; d < shape.size(); ++d) shape[d] = shape[d] == b[i]->shape[d] ? shape[d] : -1;
    outputs.emplace_back(a[i]->type, std::move(shape));
  }
  // Both branches take what either of them reads, in one order.
  Values operands = {condition}, for_yes, for_no;
  for (Scope* from : {&yes.scope, &no.scope}) {
    for (const auto& [outside, inside] : std::vector(from->captured)) {
      if (std::find(operands.begin() + 1, operands.end(), outside) != operands.end()) continue;
      operands.push_back(outside);
      for_yes.push_back(capture(yes.scope, {outside}).tensor);
      for_no.push_back(capture(no.scope, {outside}).tensor);
    }
  }
  yes.finish(for_yes, a, problems_);
  no.finish(for_no, b, problems_);
  std::vector<OnnxValue> results;
  const Values tensors = scope.emit.add(
      IF, operands, outputs,
      {{"then_subgraph_index", static_cast<std::int64_t>(yes.number)}, {"else_subgraph_index", static_cast<std::int64_t>(no.number)}});
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    tensors[i]->quantization = a[i]->quantization;
    results.push_back({tensors[i]});
  }
  return results;
}

std::vector<OnnxValue> OnnxImporter::loop(const OnnxNode& node, Scope& scope, const OnnxCall& call) {
  onnx::GraphProto& source = graph_of(node, "body");
  const std::size_t carried = call.inputs.size() < 2 ? 0 : call.inputs.size() - 2;
  const auto takes = static_cast<std::size_t>(source.input_size()), gives = static_cast<std::size_t>(source.output_size());
  if (takes != carried + 2 || gives < carried + 1) {
    throw ImportError("its body takes " + std::to_string(takes) + " values and gives " + std::to_string(gives) +
                      ", which does not go with " + std::to_string(carried) + " states");
  }
  Loop own(*this, scope, node.name);
  if (call.has(0)) {
    Tensor* most = call.plain(0);
    own.steps = known(most);
    if (!own.steps) own.most_steps = scope.emit.cast(scalar(scope.emit, most), TensorType::int64);
    if (own.steps == std::numeric_limits<std::int64_t>::max()) own.steps.reset();
    if (own.steps) own.steps = std::max<std::int64_t>(*own.steps, 0);
  }
  const auto input_name = [&](std::size_t i) { return source.input(static_cast<int>(i)).name(); };
  auto& values = own.body.scope.values;
  values[input_name(0)] = {own.states[own.counter].inside};
  // A body runs only where the condition holds.
  values[input_name(1)] = {number(own.body.emit, TensorType::boolean, 1)};
  std::vector<std::size_t> states;
  for (std::size_t i = 0; i < carried; ++i) {
    states.push_back(own.add(call.plain(i + 2)));
    values[input_name(i + 2)] = {own.states.back().inside};
  }
  run_graph(source, own.body.scope);
  const Values results = results_of(source, own.body.scope);
  Tensor* first = call.has(1) ? truth(scope.emit, call.plain(1)) : number(scope.emit, TensorType::boolean, 1);
  if (known(results[0]).value_or(0) == 0 || known(first).value_or(0) == 0) {
    own.keep = own.add(first);
    own.set_next(*own.keep, truth(own.body.emit, results[0]));
  }
  for (std::size_t i = 0; i < carried; ++i) own.set_next(states[i], results[i + 1]);
  for (std::size_t i = carried + 1; i < results.size(); ++i) states.push_back(own.gather(results[i], false));
  const std::vector<OnnxValue> finished = finish_loop(own, call);
  std::vector<OnnxValue> chosen;
  for (std::size_t i = 0; i < states.size(); ++i) {
    chosen.push_back(finished[states[i]]);
    if (i < carried || !own.keep) continue;
    // Only as many as there were steps.
    Tensor* all = chosen.back().tensor;
    Values sizes = {scope.emit.cast(finished[own.counter].tensor, TensorType::int32)};
    Shape shape = all->shape;
    for (std::size_t d = 1; d < shape.size(); ++d) sizes.push_back(number(scope.emit, TensorType::int32, shape[d]));
    Tensor* begin = scope.emit.integers(std::vector<std::int32_t>(shape.size()));
    shape[0] = -1;
    chosen.back().tensor = scope.emit.add(SLICE, {all, begin, scope.emit.pack(sizes, 0)}, all->type, shape);
  }
  return chosen;
}

std::vector<OnnxValue> OnnxImporter::scan(const OnnxNode& node, Scope& scope, const OnnxCall& call) {
  if (call.opset < 9) throw ImportError("Scan of opset 8 is not supported", "export it with opset_version 9 or newer");
  onnx::GraphProto& source = graph_of(node, "body");
  const std::int64_t scanned = call.attributes().integer("num_scan_inputs");
  const auto takes = static_cast<std::size_t>(source.input_size()), gives = static_cast<std::size_t>(source.output_size());
  if (scanned < 1 || static_cast<std::uint64_t>(scanned) > call.inputs.size() || takes != call.inputs.size()) {
    throw ImportError("its body takes " + std::to_string(takes) + " values, it is given " + std::to_string(call.inputs.size()) +
                      ", of which " + std::to_string(scanned) + " are scanned");
  }
  const std::size_t carried = call.inputs.size() - static_cast<std::size_t>(scanned);
  if (gives < carried) throw ImportError("its body gives fewer values than it has states");
  const auto entry = [&](const char* attribute, std::size_t i) {
    const std::vector<std::int64_t> all = call.attributes().integers(attribute);
    return i < all.size() ? all[i] : 0;
  };
  Loop own(*this, scope, node.name);
  auto& values = own.body.scope.values;
  std::vector<std::size_t> states;
  for (std::size_t i = 0; i < takes; ++i) {
    Tensor* outside = call.plain(i);
    Tensor*& inside = (values[source.input(static_cast<int>(i)).name()] = {}).tensor;
    if (i < carried) {
      states.push_back(own.add(outside));
      inside = own.states.back().inside;
      continue;
    }
    const int axis = checked_axis(entry("scan_input_axes", i - carried), outside->rank());
    const std::int64_t length = Emitter::known(outside, axis, "the number of its steps");
    if (own.steps && own.steps != length) throw ImportError("the inputs that it scans differ in length");
    own.steps = length;
    inside =
        own.body.emit.gather(capture(own.body.scope, {outside}).tensor, own.step(entry("scan_input_directions", i - carried) == 1), axis);
  }
  run_graph(source, own.body.scope);
  const Values results = results_of(source, own.body.scope);
  for (std::size_t i = 0; i < carried; ++i) own.set_next(states[i], results[i]);
  for (std::size_t i = carried; i < gives; ++i) states.push_back(own.gather(results[i], entry("scan_output_directions", i - carried) == 1));
  const std::vector<OnnxValue> finished = finish_loop(own, call);
  std::vector<OnnxValue> chosen;
  for (std::size_t i = 0; i < gives; ++i) {
    chosen.push_back(finished[states[i]]);
    if (i < carried) continue;
    const int rank = chosen.back().rank(), axis = checked_axis(entry("scan_output_axes", i - carried), rank);
    // The steps lie along the first axis.
    std::vector<std::int32_t> permutation;
    for (int d = 1; d < rank; ++d) permutation.push_back(d);
    permutation.insert(permutation.begin() + axis, 0);
    if (axis != 0) chosen.back().tensor = scope.emit.transpose(chosen.back().tensor, permutation);
  }
  return chosen;
}

std::vector<OnnxValue> OnnxImporter::finish_loop(Loop& own, const OnnxCall& call) {
  Emitter& inside = own.body.emit;
  inside.from(call.node.name, "onnx." + call.node.op);
  own.set_next(own.counter, inside.binary(ADD, own.states[own.counter].inside, number(inside, TensorType::int64, 1)));
  if (!own.steps && own.most_steps == nullptr && !own.keep)
    throw ImportError("the loop never ends: it has neither a trip count nor a condition");
  std::optional<std::size_t> bound;
  if (own.most_steps != nullptr) {
    bound = own.add(own.most_steps);
    own.states.back().next = own.states.back().inside;
  }
  for (const auto& [outer, inner] : own.body.scope.captured) own.states.push_back({outer, inner, inner});
  Inner condition(*this, own.outer, call.node.name + "/condition");
  condition.emit.from(call.node.name, "onnx." + call.node.op);
  Values initial, before, after, tested;
  std::vector<std::pair<TensorType, Shape>> outputs;
  for (const State& state : own.states) {
    initial.push_back(state.initial);
    before.push_back(state.inside);
    after.push_back(state.next);
    tested.push_back(input_like(condition.emit, *state.inside));
    outputs.emplace_back(state.inside->type, state.inside->shape);
  }
  Tensor* goes_on = own.keep ? tested[*own.keep] : nullptr;
  if (own.steps || bound) {
    Tensor* end = bound ? tested[*bound] : number(condition.emit, TensorType::int64, *own.steps);
    Tensor* more = condition.emit.compare(LESS, tested[own.counter], end);
    goes_on = goes_on == nullptr ? more : condition.emit.binary(LOGICAL_AND, goes_on, more);
  }
  own.body.finish(before, after, problems_);
  condition.finish(tested, {goes_on}, problems_);
  const Values tensors = own.outer.emit.add(WHILE, initial, outputs,
                                            {{"cond_subgraph_index", static_cast<std::int64_t>(condition.number)},
                                             {"body_subgraph_index", static_cast<std::int64_t>(own.body.number)}});
  std::vector<OnnxValue> results;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    tensors[i]->quantization = own.states[i].inside->quantization;
    results.push_back({tensors[i]});
  }
  return results;
}

}  // namespace tfl::converter
