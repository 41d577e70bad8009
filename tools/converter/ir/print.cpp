#include "tools/converter/ir/print.hpp"

#include <algorithm>
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

std::string to_svg(const Model& model) {
  constexpr int box_width = 200, box_height = 34, column = 230, row = 64, margin = 20;
  std::string boxes, lines;
  int top = margin, right = 0;
  const auto text = [](std::string_view raw) {
    std::string result;
    for (const char c : raw.substr(0, 30)) result += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    return result;
  };
  for (const auto& graph : model.graphs) {
    // A node stands a row below the lowest one that it reads.
    std::map<const Node*, std::pair<int, int>> places;
    std::vector<int> used;
    for (const auto& node : graph->nodes()) {
      std::size_t depth = 0;
      for (const Tensor* input : node->inputs()) {
        const auto from = input == nullptr ? places.end() : places.find(input->producer);
        if (from != places.end()) depth = std::max(depth, static_cast<std::size_t>((from->second.second - top) / row) + 1);
      }
      used.resize(std::max(used.size(), depth + 1));
      const int x = margin + column * used[depth]++, y = top + row * static_cast<int>(depth);
      places[node.get()] = {x, y};
      right = std::max(right, x + box_width);
      const Tensor* output = node->output();
      boxes += "<g transform=\"translate(" + std::to_string(x) + "," + std::to_string(y) + ")\"><title>" + text(node->source_name) +
               "</title><rect width=\"" + std::to_string(box_width) + "\" height=\"" + std::to_string(box_height) +
               "\" rx=\"4\" fill=\"#eef\" stroke=\"#669\"/><text x=\"8\" y=\"15\">" + text(node->operation.name()) +
               "</text><text x=\"8\" y=\"29\" fill=\"#666\">" + (output == nullptr ? std::string() : text(describe(*output))) +
               "</text></g>\n";
      for (const Tensor* input : node->inputs()) {
        const auto from = input == nullptr ? places.end() : places.find(input->producer);
        if (from == places.end()) continue;
        lines += "<line x1=\"" + std::to_string(from->second.first + box_width / 2) + "\" y1=\"" +
                 std::to_string(from->second.second + box_height) + "\" x2=\"" + std::to_string(x + box_width / 2) + "\" y2=\"" +
                 std::to_string(y) + "\"/>\n";
      }
    }
    top += row * static_cast<int>(used.size()) + margin;
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(right + margin) + "\" height=\"" + std::to_string(top) +
         "\" font-family=\"sans-serif\" font-size=\"11\"><g stroke=\"#999\">\n" + lines + "</g>\n" + boxes + "</svg>\n";
}

}  // namespace tfl::converter
