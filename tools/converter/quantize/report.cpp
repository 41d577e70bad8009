#include "tools/converter/quantize/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>

#include "tools/converter/evaluate/evaluator.hpp"

namespace tfl::converter {
namespace {

bool is_real(const Tensor& tensor) {
  return tensor.type == TensorType::float32 || (tensor.quantization.scales.size() == 1 && tensor.type != TensorType::int32);
}

void add_errors(const Tensor& wanted, const Bytes& want, const Tensor& given, std::span<const std::byte> got, LayerReport& layer) {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(got.data()), got.size());
  const auto last = static_cast<double>(layer.histogram.size() - 1);
  for (std::size_t i = 0; i < want.size() / sizeof(float); ++i) {
    const double w = real_value(wanted, want, i), g = real_value(given, bytes, i);
    layer.deviation.add(w, g);
    if (layer.scale <= 0 || !std::isfinite(g - w)) continue;
    const double bin = std::clamp(std::round((g - w) / layer.scale * 2) + last / 2, 0.0, last);
    ++layer.histogram[static_cast<std::size_t>(bin)];
  }
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '&': result += "&amp;"; break;
      case '"': result += "&quot;"; break;
      default: result += c;
    }
  }
  return result;
}

std::string number(double value, const char* format = "%.4g") {
  char text[32];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

/// Bars as high as the root of their counts: the few large errors are what one looks for.
std::string picture(const LayerReport& layer) {
  constexpr int height = 32, width = 4;
  const auto most = std::max<double>(1, std::sqrt(static_cast<double>(*std::max_element(layer.histogram.begin(), layer.histogram.end()))));
  std::string svg =
      "<svg width=\"" + std::to_string(width * static_cast<int>(layer.histogram.size())) + "\" height=\"" + std::to_string(height) + "\">";
  for (std::size_t i = 0; i < layer.histogram.size(); ++i) {
    const double bar = height * std::sqrt(static_cast<double>(layer.histogram[i])) / most;
    const bool beyond = i == 0 || i + 1 == layer.histogram.size();
    svg += "<rect x=\"" + std::to_string(width * static_cast<int>(i)) + "\" y=\"" + number(height - bar) + "\" width=\"3\" height=\"" +
           number(bar) + "\" fill=\"" + (beyond ? "#c33" : "#369") + "\"/>";
  }
  return svg + "</svg>";
}

}  // namespace

std::vector<LayerReport> compare_layers(const Model& in_float, const Model& quantized, const std::vector<std::vector<Bytes>>& samples,
                                        Problems& problems) {
  const auto before = Evaluator::make(in_float, problems), after = Evaluator::make(quantized, problems);
  if (before == nullptr || after == nullptr) return {};
  std::vector<LayerReport> layers;
  std::map<std::string, std::size_t> by_name;
  std::map<std::string, const Tensor*> integers;
  for (const auto& tensor : quantized.graphs.front()->tensors()) {
    if (!tensor->is_constant() && is_real(*tensor)) integers.emplace(tensor->name, tensor.get());
  }
  for (const auto& node : in_float.graphs.front()->nodes()) {
    for (const Tensor* output : node->outputs()) {
      if (output == nullptr || output->type != TensorType::float32 || !integers.contains(output->name)) continue;
      by_name.emplace(output->name, layers.size());
      layers.push_back({output->name, std::string(node->operation.name()), node->source_name});
      const TensorQuantization& q = integers.at(output->name)->quantization;
      layers.back().scale = q.scales.size() == 1 ? static_cast<double>(q.scales[0]) : 0;
    }
  }
  for (const auto& sample : samples) {
    std::map<std::string, std::pair<const Tensor*, Bytes>> values;
    std::vector<Bytes> inputs;
    for (std::size_t i = 0; i < sample.size(); ++i)
      inputs.push_back(as_input(*in_float.graphs.front()->inputs()[i], sample[i], *quantized.graphs.front()->inputs()[i]));
    std::string error = before->run(sample, [&](const Tensor& tensor, std::span<const std::byte> data) {
      if (!by_name.contains(tensor.name)) return;
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());
      values[tensor.name] = {&tensor, Bytes(bytes, bytes + data.size())};
    });
    if (error.empty()) {
      error = after->run(inputs, [&](const Tensor& tensor, std::span<const std::byte> data) {
        const auto found = values.find(tensor.name);
        if (found != values.end() && is_real(tensor))
          add_errors(*found->second.first, found->second.second, tensor, data, layers[by_name.at(tensor.name)]);
      });
    }
    if (!error.empty()) return problems.add(error), std::vector<LayerReport>();
  }
  for (const auto& node : in_float.graphs.front()->nodes()) {
    double worst = 60;  // what comes into the model
    for (const Tensor* input : node->inputs()) {
      const auto found = input == nullptr ? by_name.end() : by_name.find(input->name);
      if (found != by_name.end()) worst = std::min(worst, layers[found->second].deviation.ratio());
    }
    for (const Tensor* output : node->outputs()) {
      const auto found = output == nullptr ? by_name.end() : by_name.find(output->name);
      if (found != by_name.end()) layers[found->second].lost = std::max(0.0, worst - layers[found->second].deviation.ratio());
    }
  }
  return layers;
}

std::string report_page(const std::string& title, const std::vector<LayerReport>& layers, std::size_t samples) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(title) +
      "</title>\n<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{padding:2px 10px;text-align:right;"
      "border-bottom:1px solid #ddd}td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}tr.bad{background:#fdd}"
      "code{background:#eee}</style></head><body>\n<h1>" +
      escaped(title) + "</h1>\n<p>Every layer of the quantized model against the float model, on " + std::to_string(samples) +
      " samples. SQNR: signal to quantization noise, of all that happened up to this layer; lost: how much of it this layer itself cost. "
      "Histogram: errors in steps of the integers, from -8 to 8; red: beyond.</p>\n";
  std::string flags;
  for (const LayerReport& layer : layers) {
    if (layer.should_be_float()) flags += " --keep-float " + layer.tensor;
  }
  page += flags.empty() ? "<p>No layer stands out: none needs to stay in float.</p>\n"
                        : "<p>Better left in float: <code>" + escaped(flags.substr(1)) + "</code></p>\n";
  page += "<table><tr><th>tensor</th><th>operator</th><th>SQNR</th><th>lost</th><th>largest error</th><th>step</th><th>errors</th></tr>\n";
  for (const LayerReport& layer : layers) {
    page += std::string("<tr") + (layer.should_be_float() ? " class=\"bad\"" : "") + "><td title=\"" + escaped(layer.source) + "\">" +
            escaped(layer.tensor) + "</td><td>" + escaped(layer.operation) + "</td><td>" + number(layer.deviation.ratio(), "%.1f dB") +
            "</td><td>" + number(layer.lost, "%.1f dB") + "</td><td>" + number(layer.deviation.largest) + "</td><td>" +
            number(layer.scale) + "</td><td>" + picture(layer) + "</td></tr>\n";
  }
  return page + "</table></body></html>\n";
}

}  // namespace tfl::converter
