#pragma once
// How far each layer of a quantized model is from the float model, as numbers and as a page for people.

#include <array>
#include <string>
#include <vector>

#include "tools/converter/evaluate/compare_runs.hpp"
#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

struct LayerReport {
  std::string tensor{}, operation{}, source{};  // what the node writes, the node's operator, and what it was in the source
  Deviation deviation{};
  double scale = 0;                          // one step of its integers
  double lost = 0;                           // decibels below the worst of its inputs: what this layer itself costs
  std::array<std::int64_t, 33> histogram{};  // of errors in steps, half a step a bin, the last ones for all beyond

  /// A layer that costs much and leaves little: better left in float.
  bool should_be_float() const { return deviation.ratio() < 25 && lost > 6; }
};

/// Runs both models on the samples (of the float model's inputs) and compares the tensors that have one name in both. In the float model's
/// order. Empty, with problems, where one of them cannot run.
std::vector<LayerReport> compare_layers(const Model& in_float, const Model& quantized, const std::vector<std::vector<Bytes>>& samples,
                                        Problems& problems);

/// A page of HTML that needs no other file: a row a layer, with a histogram of its errors.
std::string report_page(const std::string& title, const std::vector<LayerReport>& layers, std::size_t samples);

}  // namespace tfl::converter
