#pragma once
// Ranges of activations from runs of the float model.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tfl/quant/calibrate.hpp"
#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// Means of activations, a value for each index of the last axis, by the tensor's name.
using ChannelMeans = std::map<std::string, std::vector<double>>;

struct CalibrateOptions {
  quant::Calibration method = quant::Calibration::min_max;
  double percentile = 99.99;                  // how many of a hundred values a range holds, for the method percentile
  TensorType activations = TensorType::int8;  // what the ranges are for
  std::function<void(std::size_t done, std::size_t all)> progress{};
  bool keeps_ranges = false;              // of tensors that have one: training knew them better
  ChannelMeans* channel_means = nullptr;  // where given, gets the means along the last axis of every float activation
};

/// Runs the model on every sample (bytes of each input) and sets the range of every float activation of the main graph. False, with
/// problems, where the model can't run.
bool calibrate(Model& model, const std::vector<std::vector<Bytes>>& samples, const CalibrateOptions& options, Problems& problems);

}  // namespace tfl::converter
