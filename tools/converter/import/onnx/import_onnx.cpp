// needs: exceptions
// Reads ONNX files: the one source that knows their protobuf classes.
#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "tools/converter/import/import.hpp"
#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"
#include "tools/converter/import/onnx/onnx.pb.h"

namespace tfl::converter {

namespace {

constexpr std::int64_t oldest_opset = 7, newest_opset = 21;

/// Types by their numbers in ONNX; none for those that no tensor of .tflite has.
TensorType type_of(int number) {
  switch (number) {
    case 1: return TensorType::float32;
    case 2: return TensorType::uint8;
    case 3: return TensorType::int8;
    case 4: return TensorType::uint16;
    case 5: return TensorType::int16;
    case 6: return TensorType::int32;
    case 7: return TensorType::int64;
    case 9: return TensorType::boolean;
    case 10: return TensorType::float16;
    case 11: return TensorType::float64;
    case 12: return TensorType::uint32;
    case 13: return TensorType::uint64;
    case 16: return TensorType::bfloat16;
    default: return TensorType::none;
  }
}

/// Float types are computed in float32.
TensorType computed_type(TensorType type) {
  return type == TensorType::float16 || type == TensorType::bfloat16 || type == TensorType::float64 ? TensorType::float32 : type;
}

class Reader {
 public:
  Reader(std::string path, Problems& problems) : path_(std::move(path)), problems_(problems) {}

  std::unique_ptr<Model> read() {
    parse();
    auto model = std::make_unique<Model>();
    Graph& graph = model->add_graph("main");
    Emitter emit(graph);
    onnx::GraphProto& source = *proto_.mutable_graph();
    read_nodes(source);
    read_inputs(source, emit);
    for (onnx::TensorProto& tensor : *source.mutable_initializer()) read_initializer(tensor, emit);
    for (const OnnxNode* node : needed_nodes(source)) run(*node, emit);
    Values inputs, outputs;
    Signature signature{.key = "serving_default", .graph = 0, .inputs = inputs_};
    for (const auto& [name, tensor] : inputs_) inputs.push_back(tensor);
    for (const onnx::ValueInfoProto& output : source.output()) {
      if (Tensor* tensor = output_tensor(output, emit); tensor != nullptr) {
        outputs.push_back(tensor);
        signature.outputs.emplace_back(output.name(), tensor);
      }
    }
    if (source.output_size() == 0) problems_.add("the model has no outputs");
    if (!problems_.any()) emit.check_finished(problems_);
    if (problems_.any()) return nullptr;
    graph.set_inputs(inputs);
    graph.set_outputs(outputs);
    graph.drop_unused_tensors();
    model->signatures.push_back(std::move(signature));
    return model;
  }

 private:
  void parse() {
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw ImportError(path_ + " can't be read");
    google::protobuf::io::FileInputStream stream(file);
    stream.SetCloseOnDelete(true);
    google::protobuf::io::CodedInputStream coded(&stream);
    coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
    if (!proto_.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
      throw ImportError(path_ + " is no ONNX model, or it is cut off");
    if (!proto_.has_graph()) throw ImportError(path_ + " is no ONNX model: it holds no graph");
    for (const onnx::OperatorSetIdProto& set : proto_.opset_import()) {
      if (set.domain().empty() || set.domain() == "ai.onnx") opset_ = set.version();
    }
    if (opset_ < oldest_opset || opset_ > newest_opset) {
      throw ImportError("the model's opset is " + std::to_string(opset_) + ", supported are " + std::to_string(oldest_opset) + " to " +
                            std::to_string(newest_opset),
                        "export it with another opset_version");
    }
  }

  // ---- nodes

  void read_nodes(onnx::GraphProto& source) {
    nodes_.reserve(static_cast<std::size_t>(source.node_size()));
    for (onnx::NodeProto& node : *source.mutable_node()) {
      OnnxNode read;
      read.op = node.op_type();
      read.inputs.assign(node.input().begin(), node.input().end());
      read.outputs.assign(node.output().begin(), node.output().end());
      read.name = node.name().empty() ? (read.outputs.empty() ? read.op : read.outputs.front()) : node.name();
      guard(read, [&] {
        for (onnx::AttributeProto& attribute : *node.mutable_attribute()) read_attribute(attribute, read.attributes);
      });
      nodes_.push_back(std::move(read));
    }
    find_gelus();
  }

  void read_attribute(onnx::AttributeProto& a, Attributes& to) {
    // Files of the first versions don't say the type.
    switch (a.type()) {
      case 1: to.set(a.name(), Attribute(static_cast<double>(a.f()))); break;
      case 2: to.set(a.name(), Attribute(std::int64_t{a.i()})); break;
      case 3: to.set(a.name(), Attribute(a.s())); break;
      case 4: to.set(a.name(), Attribute(literal(*a.mutable_t()))); break;
      case 6: to.set(a.name(), Attribute(std::vector<double>(a.floats().begin(), a.floats().end()))); break;
      case 7: to.set(a.name(), Attribute(std::vector<std::int64_t>(a.ints().begin(), a.ints().end()))); break;
      case 8: to.set(a.name(), Attribute(std::vector<std::string>(a.strings().begin(), a.strings().end()))); break;
      case 5:
      case 10:
        throw ImportError("control flow (a graph in the attribute '" + a.name() + "') is not supported",
                          "export the model without If, Loop and Scan");
      default: break;
    }
  }

  /// x * 0.5 * (1 + erf(x / sqrt(2))), as exporters write GELU.
  void find_gelus() {
    std::unordered_map<std::string, std::size_t> producer;
    std::unordered_map<std::string, std::vector<std::size_t>> users;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const std::string& output : nodes_[i].outputs) producer.emplace(output, i);
      for (const std::string& input : nodes_[i].inputs) users[input].push_back(i);
    }
    std::unordered_map<std::string, const onnx::TensorProto*> scalars;
    for (const onnx::TensorProto& t : proto_.graph().initializer()) {
      if (t.dims_size() <= 1) scalars.emplace(t.name(), &t);
    }
    // The node's other operand is a scalar of this value.
    const auto number = [&](const std::string& name) -> std::optional<double> {
      Literal value;
      if (const auto node = producer.find(name); node != producer.end() && nodes_[node->second].op == "Constant") {
        const Literal* constant = nodes_[node->second].attributes.find<Literal>("value");
        if (constant == nullptr) return std::nullopt;
        value = *constant;
      } else if (const auto scalar = scalars.find(name);
                 scalar != scalars.end() && scalar->second->raw_data().size() == sizeof(float) && scalar->second->data_type() == 1) {
        float f = 0;
        std::memcpy(&f, scalar->second->raw_data().data(), sizeof f);
        return static_cast<double>(f);
      } else {
        return std::nullopt;
      }
      if (value.type != TensorType::float32 || value.data->size() != sizeof(float)) return std::nullopt;
      float f = 0;
      std::memcpy(&f, value.data->data(), sizeof f);
      return static_cast<double>(f);
    };
    const auto with_number = [&](const OnnxNode& node, const char* op, double wanted) -> std::optional<std::string> {
      if (node.op != op || node.inputs.size() != 2) return std::nullopt;
      for (std::size_t i = 0; i < 2; ++i) {
        if (std::string_view(op) == "Div" && i == 0) continue;
        const auto n = number(node.inputs[i]);
        if (n && std::abs(*n - wanted) < 1e-4) return node.inputs[1 - i];
      }
      return std::nullopt;
    };
    const auto only_user = [&](const std::string& name) -> OnnxNode* {
      const auto found = users.find(name);
      return found == users.end() || found->second.size() != 1 ? nullptr : &nodes_[found->second.front()];
    };
    for (const OnnxNode& erf : nodes_) {
      if (erf.op != "Erf" || erf.inputs.size() != 1 || erf.outputs.size() != 1 || !producer.contains(erf.inputs[0])) continue;
      const OnnxNode& scaled = nodes_[producer.at(erf.inputs[0])];
      auto x = with_number(scaled, "Div", 1.41421356);
      if (!x) x = with_number(scaled, "Mul", 0.70710678);
      OnnxNode* add = only_user(erf.outputs[0]);
      if (!x || add == nullptr || !with_number(*add, "Add", 1)) continue;
      OnnxNode* product = only_user(add->outputs[0]);
      if (product == nullptr || product->op != "Mul" || product->inputs.size() != 2) continue;
      const std::string other = product->inputs[product->inputs[0] == add->outputs[0] ? 1 : 0];
      OnnxNode* last = nullptr;
      if (other == *x) {  // (x * (1 + erf)) * 0.5
        last = only_user(product->outputs[0]);
        if (last == nullptr || !with_number(*last, "Mul", 0.5)) continue;
      } else if (producer.contains(other) && with_number(nodes_[producer.at(other)], "Mul", 0.5) == x) {  // (x * 0.5) * (1 + erf)
        last = product;
      } else {
        continue;
      }
      last->op = "Gelu";
      last->inputs = {*x};
      last->attributes = {};
    }
  }

  /// The nodes that the outputs need, in the file's order. Outputs that nobody reads lose their names.
  std::vector<const OnnxNode*> needed_nodes(const onnx::GraphProto& source) {
    std::unordered_set<std::string> wanted;
    for (const onnx::ValueInfoProto& output : source.output()) wanted.insert(output.name());
    std::vector<const OnnxNode*> result;
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      OnnxNode& node = nodes_[i];
      if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](const std::string& o) { return wanted.contains(o); })) continue;
      for (std::size_t o = 1; o < node.outputs.size(); ++o) {
        if (!wanted.contains(node.outputs[o]) && node.op != "Split") node.outputs[o].clear();
      }
      wanted.insert(node.inputs.begin(), node.inputs.end());
      result.push_back(&node);
    }
    std::reverse(result.begin(), result.end());
    return result;
  }

  template <class F> void guard(const OnnxNode& node, F&& body) {
    try {
      body();
    } catch (const ImportError& error) {
      problems_.add("node '" + node.name + "' (onnx." + node.op + ")", error.sentence());
    } catch (const std::out_of_range&) {
      problems_.add("node '" + node.name + "' (onnx." + node.op + ")", "a constant input of it is empty");
    }
  }

  void run(const OnnxNode& node, Emitter& emit) {
    std::vector<OnnxValue> results;
    guard(node, [&] {
      const OnnxOperator found = find_onnx_operator(node.op);
      if (found == nullptr)
        throw ImportError("this operator is not supported", "replace it by operators that are (tfl_convert --list-ops onnx)");
      OnnxCall call{emit, reordered_, node, opset_, {}};
      bool failed = false;
      for (const std::string& name : node.inputs) {
        const auto value = values_.find(name);
        if (value == values_.end() && !name.empty()) throw ImportError("its input '" + name + "' is not computed before it");
        call.inputs.push_back(name.empty() ? OnnxValue() : value->second);
        failed = failed || call.inputs.back().failed;
      }
      // What follows from a problem is no further problem.
      if (failed) return;
      emit.from(node.name, "onnx." + node.op);
      results = found(call);
      for (std::size_t i = 0; i < results.size() && i < node.outputs.size(); ++i) {
        Tensor* tensor = results[i].tensor;
        if (tensor != nullptr && tensor->producer != nullptr && tensor->producer->source_name == node.name && !node.outputs[i].empty())
          tensor->name = emit.unique(node.outputs[i]);
      }
    });
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      values_[node.outputs[i]] = i < results.size() && results[i].present() ? results[i] : OnnxValue{.failed = true};
    }
  }

  // ---- tensors

  static Shape shape_of(const google::protobuf::RepeatedField<std::int64_t>& dims) {
    Shape shape;
    for (const std::int64_t d : dims) shape.push_back(checked_dim(d));
    return shape;
  }

  void read_inputs(const onnx::GraphProto& source, Emitter& emit) {
    std::set<std::string> initialized;
    for (const onnx::TensorProto& tensor : source.initializer()) initialized.insert(tensor.name());
    for (const onnx::ValueInfoProto& input : source.input()) {
      if (initialized.contains(input.name())) continue;
      try {
        const TensorType type = computed_type(type_of(input.type().tensor_type().elem_type()));
        if (type == TensorType::none) throw ImportError("its type is not supported", "use float32 or an integer type");
        if (!input.type().tensor_type().has_shape()) throw ImportError("its shape is not known", "give the input a shape");
        Shape shape;
        for (const auto& dim : input.type().tensor_type().shape().dim())
          shape.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? checked_dim(dim.dim_value()) : -1);
        Tensor* tensor = emit.input(input.name(), type, std::move(shape));
        inputs_.emplace_back(input.name(), tensor);
        values_[input.name()] = {tensor};
      } catch (const ImportError& error) {
        problems_.add("input '" + input.name() + "'", error.sentence());
        values_[input.name()] = {.failed = true};
      }
    }
  }

  void read_initializer(onnx::TensorProto& proto, Emitter& emit) {
    const std::string name = proto.name();
    try {
      emit.from(name, "onnx.initializer");
      Literal value = literal(proto);
      Tensor* tensor = emit.graph().add_constant(emit.unique(name), value);
      values_[name] = {tensor};
    } catch (const ImportError& error) {
      problems_.add("initializer '" + name + "'", error.sentence());
      values_[name] = {.failed = true};
    }
  }

  /// The tensor's data, taken out of the message. Floats of all kinds become float32.
  Literal literal(onnx::TensorProto& proto) {
    const TensorType type = type_of(proto.data_type());
    if (type == TensorType::none)
      throw ImportError("tensors of the type number " + std::to_string(proto.data_type()) + " are not supported");
    Literal result{type, shape_of(proto.dims())};
    std::uint64_t count = 1;
    for (const std::int32_t d : result.shape) {
      if (d != 0 && count > (std::uint64_t{1} << 36) / static_cast<std::uint64_t>(d))
        throw ImportError("a tensor of the shape " + text_of(result.shape) + " is too large");
      count *= static_cast<std::uint64_t>(d);
    }
    const std::uint64_t wanted = count * element_bytes(type);
    Bytes bytes;
    if (proto.data_location() == 1) {
      bytes = external_data(proto, wanted);
    } else if (!proto.raw_data().empty() || count == 0) {
      const std::string& raw = proto.raw_data();
      if (raw.size() != wanted)
        throw ImportError("it holds " + std::to_string(raw.size()) + " bytes, its shape " + text_of(result.shape) + " needs " +
                          std::to_string(wanted));
      bytes.assign(raw.begin(), raw.end());
      std::string().swap(*proto.mutable_raw_data());
    } else {
      return typed_data(proto, std::move(result), count);
    }
    result.data = std::make_shared<const Bytes>(std::move(bytes));
    if (computed_type(type) == type) return result;
    Tensor narrow;
    narrow.type = type;
    narrow.shape = result.shape;
    narrow.data = result.data;
    return literal_of(TensorType::float32, result.shape, floats_of(narrow));
  }

  /// Data in the fields for each type.
  static Literal typed_data(const onnx::TensorProto& proto, Literal result, std::uint64_t count) {
    const auto want = [&](int size) {
      if (static_cast<std::uint64_t>(size) != count)
        throw ImportError("it holds " + std::to_string(size) + " elements, its shape " + text_of(result.shape) + " needs " +
                          std::to_string(count));
    };
    if (result.type == TensorType::float32) {
      want(proto.float_data_size());
      return literal_of(result.type, result.shape, std::vector<float>(proto.float_data().begin(), proto.float_data().end()));
    }
    if (result.type == TensorType::float64) {
      want(proto.double_data_size());
      std::vector<float> values;
      for (const double v : proto.double_data()) values.push_back(static_cast<float>(v));
      return literal_of(TensorType::float32, result.shape, values);
    }
    if (result.type == TensorType::int64) {
      want(proto.int64_data_size());
      return literal_of(result.type, result.shape, std::vector<std::int64_t>(proto.int64_data().begin(), proto.int64_data().end()));
    }
    if (result.type == TensorType::float16 || result.type == TensorType::bfloat16) {
      want(proto.int32_data_size());
      std::vector<std::uint16_t> bits;
      for (const std::int32_t v : proto.int32_data()) bits.push_back(static_cast<std::uint16_t>(v));
      Tensor narrow;
      narrow.type = result.type;
      narrow.data = make_data(std::span<const std::uint16_t>(bits));
      return literal_of(TensorType::float32, result.shape, floats_of(narrow));
    }
    want(proto.int32_data_size());
    return literal_of(result.type, result.shape, std::vector<std::int64_t>(proto.int32_data().begin(), proto.int32_data().end()));
  }

  /// Bytes of another file, which must lie in the model's folder.
  Bytes external_data(const onnx::TensorProto& proto, std::uint64_t wanted) const {
    namespace fs = std::filesystem;
    std::string location;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length;
    for (const onnx::StringStringEntryProto& entry : proto.external_data()) {
      if (entry.key() == "location") location = entry.value();
      if (entry.key() == "offset") offset = std::strtoull(entry.value().c_str(), nullptr, 10);
      if (entry.key() == "length") length = std::strtoull(entry.value().c_str(), nullptr, 10);
    }
    std::error_code error;
    const fs::path folder = fs::weakly_canonical(fs::absolute(path_, error).parent_path(), error);
    const fs::path file = fs::weakly_canonical(folder / fs::path(location), error);
    const auto [end, inside] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
    if (error || location.empty() || fs::path(location).is_absolute() || end != folder.end() || !fs::is_regular_file(file, error)) {
      throw ImportError("its data lie in '" + location + "', which is no file in the model's folder");
    }
    const std::uintmax_t size = fs::file_size(file, error);
    if (error || length.value_or(wanted) != wanted || offset > size || wanted > size - offset) {
      throw ImportError("its data, " + std::to_string(wanted) + " bytes from " + std::to_string(offset) + " of '" + location +
                        "', are not all there");
    }
    Bytes bytes(wanted);
    std::ifstream stream(file, std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(wanted));
    if (!stream) throw ImportError("'" + location + "' can't be read");
    return bytes;
  }

  Tensor* output_tensor(const onnx::ValueInfoProto& output, Emitter& emit) {
    const auto value = values_.find(output.name());
    if (value == values_.end()) {
      problems_.add("output '" + output.name() + "'", "no node computes it");
      return nullptr;
    }
    if (value->second.failed) return nullptr;
    Tensor* result = nullptr;
    OnnxNode node{.op = "output", .name = output.name()};
    guard(node, [&] {
      emit.from(output.name(), "onnx.output");
      const OnnxCall call{emit, reordered_, node, opset_, {}};
      result = call.plain(value->second);
      // Bytes are signed inside; whoever reads the result gets them as the model says.
      if (type_of(output.type().tensor_type().elem_type()) == TensorType::uint8 && result->type == TensorType::int8 &&
          result->quantization.present()) {
        TensorQuantization quantization = result->quantization;
        for (std::int64_t& zero : quantization.zero_points) zero += 128;
        result = emit.add(BuiltinOperator::QUANTIZE, {result}, TensorType::uint8, result->shape);
        result->quantization = quantization;
      }
      // What was put into ONNX' order at the end has the output's name.
      if (result->producer != nullptr && result->producer->source_type == "onnx.output") {
        if (value->second.tensor->name == output.name() && value->second.tensor->producer != nullptr) {
          value->second.tensor->name = emit.unique(output.name() + "/channels_last");
        }
        result->name = output.name();
      }
    });
    return result;
  }

  std::string path_;
  Problems& problems_;
  onnx::ModelProto proto_;
  std::int64_t opset_ = 0;
  std::vector<OnnxNode> nodes_;
  std::unordered_map<std::string, OnnxValue> values_;
  std::vector<std::pair<std::string, Tensor*>> inputs_;
  Reordered reordered_;
};

}  // namespace

std::unique_ptr<Model> import_onnx(const std::string& path, Problems& problems) {
  try {
    return Reader(path, problems).read();
  } catch (const ImportError& error) {
    problems.add(error.sentence());
  } catch (const std::bad_alloc&) {
    problems.add(path + " needs more memory than there is");
  }
  return nullptr;
}

std::vector<std::string> onnx_operator_names() {
  std::vector<std::string> names;
  for (const auto& entries : {onnx_elementwise_operators(), onnx_window_operators(), onnx_shape_operators(), onnx_matrix_operators(),
                              onnx_recurrent_operators(), onnx_quantized_operators()}) {
    for (const OnnxOperatorEntry& entry : entries) names.emplace_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tfl::converter
