// needs: exceptions
// x * 0.5 * (1 + erf(x / sqrt(2))) is how exporters write GELU, which ONNX has only since opset 20.

#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "tools/converter/import/onnx/importer.hpp"
#include "tools/converter/import/onnx/onnx.pb.h"

namespace tfl::converter {

void fuse_onnx_gelus(std::vector<OnnxNode>& nodes, const onnx::GraphProto& graph) {
  std::unordered_map<std::string, std::size_t> producer;
  std::unordered_map<std::string, std::vector<std::size_t>> users;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].outputs) producer.emplace(output, i);
    for (const std::string& input : nodes[i].inputs) users[input].push_back(i);
  }
  std::unordered_map<std::string, const onnx::TensorProto*> scalars;
  for (const onnx::TensorProto& t : graph.initializer()) {
    if (t.dims_size() <= 1) scalars.emplace(t.name(), &t);
  }
  // The node's other operand is a scalar of this value.
  const auto number = [&](const std::string& name) -> std::optional<double> {
    Literal value;
    if (const auto node = producer.find(name); node != producer.end() && nodes[node->second].op == "Constant") {
      const Literal* constant = nodes[node->second].attributes.find<Literal>("value");
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
    return found == users.end() || found->second.size() != 1 ? nullptr : &nodes[found->second.front()];
  };
  for (const OnnxNode& erf : nodes) {
    if (erf.op != "Erf" || erf.inputs.size() != 1 || erf.outputs.size() != 1 || !producer.contains(erf.inputs[0])) continue;
    const OnnxNode& scaled = nodes[producer.at(erf.inputs[0])];
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
    } else if (producer.contains(other) && with_number(nodes[producer.at(other)], "Mul", 0.5) == x) {  // (x * 0.5) * (1 + erf)
      last = product;
    } else {
      continue;
    }
    last->op = "Gelu";
    last->inputs = {*x};
    last->attributes = {};
  }
}

}  // namespace tfl::converter
