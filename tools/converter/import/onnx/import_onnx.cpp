// needs: exceptions
// Reads ONNX files.
#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>

#include <algorithm>
#include <limits>
#include <set>
#include <stdexcept>
#include <unordered_set>

#include "tools/converter/import/import.hpp"
#include "tools/converter/import/onnx/importer.hpp"
#include "tools/converter/import/onnx/onnx.pb.h"
#include "tools/converter/import/onnx/tensors.hpp"

namespace tfl::converter {

namespace {

constexpr std::int64_t oldest_opset = 7, newest_opset = 23;
constexpr int deepest_graph = 16;

/// All names that the graph's nodes, those of graphs inside of it and its outputs read.
void add_names_read(const onnx::GraphProto& graph, std::unordered_set<std::string>& names) {
  for (const onnx::ValueInfoProto& output : graph.output()) names.insert(output.name());
  for (const onnx::NodeProto& node : graph.node()) {
    names.insert(node.input().begin(), node.input().end());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) add_names_read(attribute.g(), names);
    }
  }
}

/// The nodes that the outputs need, in the file's order. Outputs that nobody reads lose their names.
std::vector<const OnnxNode*> needed_nodes(std::vector<OnnxNode>& nodes, const onnx::GraphProto& source) {
  std::unordered_set<std::string> wanted;
  for (const onnx::ValueInfoProto& output : source.output()) wanted.insert(output.name());
  std::vector<const OnnxNode*> result;
  for (std::size_t i = nodes.size(); i-- > 0;) {
    OnnxNode& node = nodes[i];
    if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](const std::string& o) { return wanted.contains(o); })) continue;
    for (std::size_t o = 1; o < node.outputs.size(); ++o) {
      if (!wanted.contains(node.outputs[o]) && node.op != "Split") node.outputs[o].clear();
    }
    wanted.insert(node.inputs.begin(), node.inputs.end());
    for (const auto& [name, graph] : node.graphs) add_names_read(*graph, wanted);
    result.push_back(&node);
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::string where(const OnnxNode& node) { return "node '" + node.name + "' (onnx." + node.op + ")"; }

}  // namespace

OnnxImporter::OnnxImporter(std::string path, Problems& problems)
    : path_(std::move(path)), problems_(problems), proto_(std::make_unique<onnx::ModelProto>()) {}
OnnxImporter::~OnnxImporter() = default;

std::unique_ptr<Model> OnnxImporter::read() {
  parse();
  auto model = std::make_unique<Model>();
  model_ = model.get();
  Graph& graph = model->add_graph("main");
  Emitter emit(graph);
  Reordered reordered;
  Scope scope{emit, reordered};
  onnx::GraphProto& source = *proto_->mutable_graph();
  read_inputs(source, scope);
  run_graph(source, scope);
  Values inputs, outputs;
  Signature signature{.key = "serving_default", .graph = 0, .inputs = inputs_};
  for (const auto& [name, tensor] : inputs_) inputs.push_back(tensor);
  for (const onnx::ValueInfoProto& output : source.output()) {
    if (Tensor* tensor = output_tensor(output, scope); tensor != nullptr) {
      outputs.push_back(tensor);
      signature.outputs.emplace_back(output.name(), tensor);
    }
  }
  if (source.output_size() == 0) problems_.add("the model has no outputs");
  graph.set_inputs(inputs);
  graph.set_outputs(outputs);
  if (!problems_.any()) emit.check_finished(problems_);
  if (problems_.any()) return nullptr;
  graph.drop_unused_tensors();
  model->signatures.push_back(std::move(signature));
  return model;
}

void OnnxImporter::parse() {
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw ImportError(path_ + " can't be read");
  google::protobuf::io::FileInputStream stream(file);
  stream.SetCloseOnDelete(true);
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
  if (!proto_->ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    throw ImportError(path_ + " is no ONNX model, or it is cut off");
  if (!proto_->has_graph()) throw ImportError(path_ + " is no ONNX model: it holds no graph");
  for (const onnx::OperatorSetIdProto& set : proto_->opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") opset_ = set.version();
  }
  if (opset_ < oldest_opset || opset_ > newest_opset) {
    throw ImportError("the model's opset is " + std::to_string(opset_) + ", supported are " + std::to_string(oldest_opset) + " to " +
                          std::to_string(newest_opset),
                      "export it with another opset_version");
  }
}

// ---- nodes

std::vector<OnnxNode> OnnxImporter::read_nodes(onnx::GraphProto& source) {
  std::vector<OnnxNode> nodes;
  nodes.reserve(static_cast<std::size_t>(source.node_size()));
  for (onnx::NodeProto& node : *source.mutable_node()) {
    OnnxNode read;
    read.op = node.op_type();
    read.inputs.assign(node.input().begin(), node.input().end());
    read.outputs.assign(node.output().begin(), node.output().end());
    read.name = node.name().empty() ? (read.outputs.empty() ? read.op : read.outputs.front()) : node.name();
    guard(read, [&] {
      for (onnx::AttributeProto& attribute : *node.mutable_attribute()) read_attribute(attribute, read);
    });
    nodes.push_back(std::move(read));
  }
  fuse_onnx_gelus(nodes, source);
  return nodes;
}

void OnnxImporter::read_attribute(onnx::AttributeProto& a, OnnxNode& node) {
  Attributes& to = node.attributes;
  // Files of the first versions don't say the type.
  switch (a.type()) {
    case 1: to.set(a.name(), Attribute(static_cast<double>(a.f()))); break;
    case 2: to.set(a.name(), Attribute(std::int64_t{a.i()})); break;
    case 3: to.set(a.name(), Attribute(a.s())); break;
    case 4: to.set(a.name(), Attribute(onnx_literal(*a.mutable_t(), path_))); break;
    case 5: node.graphs.emplace_back(a.name(), a.mutable_g()); break;
    case 6: to.set(a.name(), Attribute(std::vector<double>(a.floats().begin(), a.floats().end()))); break;
    case 7: to.set(a.name(), Attribute(std::vector<std::int64_t>(a.ints().begin(), a.ints().end()))); break;
    case 8: to.set(a.name(), Attribute(std::vector<std::string>(a.strings().begin(), a.strings().end()))); break;
    default: break;
  }
}

void OnnxImporter::run_graph(onnx::GraphProto& source, Scope& scope) {
  if (depth_ == deepest_graph) throw ImportError("graphs lie inside of each other more than " + std::to_string(deepest_graph) + " deep");
  ++depth_;
  std::vector<OnnxNode> nodes = read_nodes(source);
  for (onnx::TensorProto& tensor : *source.mutable_initializer()) read_initializer(tensor, scope);
  for (const OnnxNode* node : needed_nodes(nodes, source)) run(*node, scope);
  --depth_;
}

template <class F> void OnnxImporter::guard(const OnnxNode& node, F&& body) {
  const int depth = depth_;
  try {
    body();
  } catch (const ImportError& error) {
    // Empty: what stands in the way has been told.
    if (!error.sentence().empty()) problems_.add(where(node), error.sentence());
  } catch (const std::out_of_range&) {
    problems_.add(where(node), "a constant input of it is empty");
  }
  depth_ = depth;
}

void OnnxImporter::run(const OnnxNode& node, Scope& scope) {
  std::vector<OnnxValue> results;
  guard(node, [&] {
    const bool control = is_control_flow(node);
    const OnnxOperator found = control ? nullptr : find_onnx_operator(node.op);
    if (found == nullptr && !control)
      throw ImportError("this operator is not supported", "replace it by operators that are (tfl_convert --list-ops onnx)");
    OnnxCall call{scope.emit, scope.reordered, node, opset_, {}};
    bool failed = false;
    for (const std::string& name : node.inputs) {
      const OnnxValue* value = name.empty() ? nullptr : find(scope, name);
      if (value == nullptr && !name.empty()) throw ImportError("its input '" + name + "' is not computed before it");
      call.inputs.push_back(name.empty() ? OnnxValue() : *value);
      failed = failed || call.inputs.back().failed;
    }
    // What follows from a problem is no further problem.
    if (failed) return;
    scope.emit.from(node.name, "onnx." + node.op);
    results = control ? control_flow(node, scope, call) : found(call);
    for (std::size_t i = 0; i < results.size() && i < node.outputs.size(); ++i) {
      Tensor* tensor = results[i].tensor;
      if (tensor != nullptr && tensor->producer != nullptr && tensor->producer->source_name == node.name && !node.outputs[i].empty())
        tensor->name = scope.emit.unique(node.outputs[i]);
    }
  });
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    scope.values[node.outputs[i]] = i < results.size() && results[i].present() ? results[i] : OnnxValue{.failed = true};
  }
}

// ---- values

const OnnxValue* OnnxImporter::find(Scope& scope, const std::string& name) {
  if (const auto found = scope.values.find(name); found != scope.values.end()) return &found->second;
  const OnnxValue* outside = scope.outer == nullptr ? nullptr : find(*scope.outer, name);
  if (outside == nullptr || outside->failed || !scope.apart) return outside;
  return &(scope.values[name] = capture(scope, *outside));
}

OnnxValue OnnxImporter::capture(Scope& scope, const OnnxValue& outside) {
  OnnxValue inside = outside;
  const Tensor& from = *outside.tensor;
  if (outside.is_constant()) {
    inside.tensor = scope.emit.graph().add_constant(scope.emit.unique(from.name), from.type, from.shape, from.data);
  } else if (const auto known = std::find_if(scope.captured.begin(), scope.captured.end(), [&](const auto& c) { return c.first == &from; });
             known != scope.captured.end()) {
    inside.tensor = known->second;
  } else {
    inside.tensor = scope.emit.input(from.name, from.type, from.shape);
    scope.captured.emplace_back(outside.tensor, inside.tensor);
  }
  inside.tensor->quantization = from.quantization;
  return inside;
}

void OnnxImporter::read_inputs(const onnx::GraphProto& source, Scope& scope) {
  std::set<std::string> initialized;
  for (const onnx::TensorProto& tensor : source.initializer()) initialized.insert(tensor.name());
  for (const onnx::ValueInfoProto& input : source.input()) {
    if (initialized.contains(input.name())) continue;
    try {
      const TensorType type = onnx_computed_type(onnx_type(input.type().tensor_type().elem_type()));
      if (type == TensorType::none) throw ImportError("its type is not supported", "use float32 or an integer type");
      if (!input.type().tensor_type().has_shape()) throw ImportError("its shape is not known", "give the input a shape");
      Shape shape;
      for (const auto& dim : input.type().tensor_type().shape().dim())
        shape.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? checked_dim(dim.dim_value()) : -1);
      Tensor* tensor = scope.emit.input(input.name(), type, std::move(shape));
      inputs_.emplace_back(input.name(), tensor);
      scope.values[input.name()] = {tensor};
    } catch (const ImportError& error) {
      problems_.add("input '" + input.name() + "'", error.sentence());
      scope.values[input.name()] = {.failed = true};
    }
  }
}

void OnnxImporter::read_initializer(onnx::TensorProto& proto, Scope& scope) {
  const std::string name = proto.name();
  try {
    scope.emit.from(name, "onnx.initializer");
    Literal value = onnx_literal(proto, path_);
    Tensor* tensor = scope.emit.graph().add_constant(scope.emit.unique(name), value);
    scope.values[name] = {tensor};
  } catch (const ImportError& error) {
    problems_.add("initializer '" + name + "'", error.sentence());
    scope.values[name] = {.failed = true};
  }
}

Tensor* OnnxImporter::output_tensor(const onnx::ValueInfoProto& output, Scope& scope) {
  Emitter& emit = scope.emit;
  const OnnxValue* value = find(scope, output.name());
  if (value == nullptr) {
    problems_.add("output '" + output.name() + "'", "no node computes it");
    return nullptr;
  }
  if (value->failed) return nullptr;
  Tensor* result = nullptr;
  OnnxNode node{.op = "output", .name = output.name()};
  guard(node, [&] {
    emit.from(output.name(), "onnx.output");
    const OnnxCall call{emit, scope.reordered, node, opset_, {}};
    result = call.plain(*value);
    // Bytes are signed inside; whoever reads the result gets them as the model says.
    if (onnx_type(output.type().tensor_type().elem_type()) == TensorType::uint8 && result->type == TensorType::int8 &&
        result->quantization.present()) {
      TensorQuantization quantization = result->quantization;
      for (std::int64_t& zero : quantization.zero_points) zero += 128;
      result = emit.add(BuiltinOperator::QUANTIZE, {result}, TensorType::uint8, result->shape);
      result->quantization = quantization;
    }
    // What was put into ONNX' order at the end has the output's name.
    if (result->producer != nullptr && result->producer->source_type == "onnx.output") {
      if (value->tensor->name == output.name() && value->tensor->producer != nullptr) {
        value->tensor->name = emit.unique(output.name() + "/channels_last");
      }
      result->name = output.name();
    }
  });
  return result;
}

std::unique_ptr<Model> import_onnx(const std::string& path, Problems& problems) {
  try {
    return OnnxImporter(path, problems).read();
  } catch (const ImportError& error) {
    problems.add(error.sentence());
  } catch (const std::bad_alloc&) {
    problems.add(path + " needs more memory than there is");
  }
  return nullptr;
}

std::vector<std::string> onnx_operator_names() {
  std::vector<std::string> names = {"If", "Loop", "Scan"};
  for (const auto& [name, run] : onnx_operators()) names.emplace_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tfl::converter
