#include "tools/converter/ir/print.hpp"

#include <cstdio>
#include <map>

namespace tfl::converter {
namespace {

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

template <class List, class Print> std::string list_text(const List& list, Print print) {
  constexpr std::size_t most = 16;
  std::string text = "[";
  for (std::size_t i = 0; i < list.size() && i < most; ++i) text += (i > 0 ? ", " : "") + print(list[i]);
  return text + (list.size() > most ? ", ...]" : "]");
}

struct AttributePrinter {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number(value); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const Literal& value) const { return std::string(name_of(value.type)) + " constant"; }
  template <class T> std::string operator()(const std::vector<T>& values) const { return list_text(values, *this); }
};

/// The tensor's name, made plain and told apart from others of the same name.
class Names {
 public:
  std::string operator()(const Tensor* tensor) {
    if (tensor == nullptr) return "-";
    const auto [known, is_new] = names_.try_emplace(tensor);
    if (is_new) {
      std::string name;
      for (const char c : tensor->name) name += c > ' ' && c < 127 && c != '"' && c != '\\' ? c : '_';
      const int count = counts_[name]++;
      known->second = count == 0 ? name : name + "#" + std::to_string(count);
    }
    return known->second;
  }

 private:
  std::map<const Tensor*, std::string> names_;
  std::map<std::string, int> counts_;
};

std::string quantization_text(const Tensor& tensor) {
  const TensorQuantization& q = tensor.quantization;
  if (q.scales.empty()) return {};
  std::string text = " scale " + number(static_cast<double>(q.scales[0]));
  if (q.scales.size() > 1) return text + " ... (" + std::to_string(q.scales.size()) + " along " + std::to_string(q.axis) + ")";
  return text + " zero " + (q.zero_points.empty() ? std::string("0") : std::to_string(q.zero_points[0]));
}

std::string tensors_text(std::span<Tensor* const> list, Names& names) {
  std::string text;
  for (const Tensor* t : list)
    text += (text.empty() ? "" : ", ") + names(t) + (t == nullptr ? "" : " " + describe(*t) + quantization_text(*t));
  return text;
}

}  // namespace

std::string to_text(const Model& model) {
  std::string text;
  for (const auto& graph : model.graphs) {
    Names names;
    text += "graph " + graph->name + "(" + tensors_text(graph->inputs(), names) + ")\n";
    for (const auto& tensor : graph->tensors()) {
      if (tensor->is_constant() && !tensor->users.empty())
        text += "  constant " + names(tensor.get()) + " " + describe(*tensor) + quantization_text(*tensor) + "\n";
    }
    for (const auto& node : graph->nodes()) {
      text += "  " + tensors_text(node->outputs(), names) + " = " + std::string(node->operation.name()) + "(";
      for (std::size_t i = 0; i < node->inputs().size(); ++i) text += (i > 0 ? ", " : "") + names(node->inputs()[i]);
      text += ")";
      for (const auto& [key, value] : node->attributes) text += " " + key + "=" + std::visit(AttributePrinter{}, value);
      if (!node->source_name.empty()) text += "  // " + node->source_name;
      text += "\n";
    }
    text += "  return " + tensors_text(graph->outputs(), names) + "\n";
  }
  return text;
}

std::string to_graphviz(const Model& model) {
  std::string text = "digraph model {\n  node [shape=box, fontname=\"sans\"];\n";
  int g = 0;
  for (const auto& graph : model.graphs) {
    Names names;
    const std::string prefix = "g" + std::to_string(g++) + "_";
    std::map<const Node*, std::string> ids;
    for (const auto& node : graph->nodes()) {
      ids[node.get()] = prefix + "n" + std::to_string(ids.size());
      text += "  " + ids[node.get()] + " [label=\"" + std::string(node->operation.name()) + "\"];\n";
    }
    for (std::size_t i = 0; i < graph->inputs().size(); ++i)
      text += "  " + prefix + "i" + std::to_string(i) + " [shape=ellipse, label=\"" + names(graph->inputs()[i]) + "\"];\n";
    const auto edge = [&](const Tensor* tensor, const std::string& to) {
      std::string from;
      if (tensor->producer != nullptr) from = ids[tensor->producer];
      for (std::size_t i = 0; i < graph->inputs().size(); ++i) {
        if (graph->inputs()[i] == tensor) from = prefix + "i" + std::to_string(i);
      }
      if (!from.empty()) text += "  " + from + " -> " + to + " [label=\"" + names(tensor) + "\\n" + describe(*tensor) + "\"];\n";
    };
    for (const auto& node : graph->nodes()) {
      for (const Tensor* input : node->inputs()) {
        if (input != nullptr) edge(input, ids[node.get()]);
      }
    }
    for (std::size_t o = 0; o < graph->outputs().size(); ++o) {
      const std::string id = prefix + "o" + std::to_string(o);
      text += "  " + id + " [shape=ellipse, label=\"" + names(graph->outputs()[o]) + "\"];\n";
      edge(graph->outputs()[o], id);
    }
  }
  return text + "}\n";
}

}  // namespace tfl::converter
