#pragma once
// How the programs print tensors.

#include <cstdio>
#include <string>
#include <string_view>

#include "tfl/core/tensor.hpp"
#include "tfl/runtime/subgraph.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace tfl::tools {

inline std::string text(std::string_view s) { return std::string(s); }

inline std::string shape_text(const Shape& shape) {
  std::string out;
  for (const auto d : shape.dims()) {
    if (!out.empty()) out += 'x';
    out += std::to_string(d);
  }
  return out.empty() ? "scalar" : out;
}

/// "int8 1x96x96x3, scale 0.0078431 zero point -1"
inline std::string describe(const TensorDescription& d) {
  std::string out = std::string(name_of(d.type)) + " " + shape_text(d.shape);
  if (!d.quantization.present()) return out;
  char buffer[80];
  std::snprintf(buffer, sizeof buffer, ", scale %.9g zero point %d", static_cast<double>(d.quantization.scale), d.quantization.zero_point);
  out += buffer;
  if (d.quantization.per_channel()) out += " (first of " + std::to_string(d.quantization.channel_scales.size()) + " channels)";
  return out;
}

/// One line per output of a node: "12 CONV_2D tensor 22 int8 1x25x5x64 bytes 8000 fnv 34311911 first 60b398f580808080".
inline std::string layer_line(const NodeEvent& event, std::size_t output) {
  const Tensor& t = *event.outputs[output];
  const auto bytes = static_cast<std::size_t>(t.description.bytes());
  const std::string name =
      event.node->code == BuiltinOperator::CUSTOM ? "CUSTOM:" + text(event.node->custom_name) : text(event.node->name());
  std::string first;
  char buffer[32];
  for (std::size_t i = 0; i < bytes && i < 8; ++i) {
    std::snprintf(buffer, sizeof buffer, "%02x", static_cast<unsigned>(t.data[i]));
    first += buffer;
  }
  std::snprintf(buffer, sizeof buffer, "%08x", fnv1a({t.data, bytes}));
  return std::to_string(event.step) + " " + name + " tensor " + std::to_string(event.output_indices[output]) + " " +
         name_of(t.description.type) + " " + shape_text(t.description.shape) + " bytes " + std::to_string(bytes) + " fnv " + buffer +
         " first " + first;
}

}  // namespace tfl::tools
