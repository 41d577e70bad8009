#pragma once
// Quantization after training: which tensors become integers, with which parameters, and the graph that results.

#include <set>
#include <string>

#include "tools/converter/ir/graph.hpp"
#include "tools/converter/quantize/calibrate.hpp"

namespace tfl::converter {

struct QuantizeOptions {
  TensorType activations = TensorType::int8;      // or int16
  TensorType weights = TensorType::int8;          // or int4
  TensorType input_output = TensorType::float32;  // or int8, uint8, int16: the types of the model's inputs and outputs
  bool per_channel = true;                        // convolutions: a scale for every output channel
  bool per_channel_dense = true;                  // the same for FULLY_CONNECTED
  std::set<std::string> keep_float{};             // nodes that stay in float, by source name or by the name of their output
  const ChannelMeans* channel_means = nullptr;    // where given, biases make up for what rounded weights shift on average
};

/// Integer arithmetic throughout the main graph, as far as operators have integer kernels; QUANTIZE and DEQUANTIZE at the borders to what
/// stays in float. Needs the range of every activation (TensorQuantization::min and max: calibrate() or a file's own); a tensor without one
/// is a problem. Leaves ranges where they were.
bool quantize_integers(Model& model, const QuantizeOptions& options, Problems& problems);

struct WeightOptions {
  TensorType weights = TensorType::int8;  // or int4, float16
  bool per_channel = false;               // a scale for every output channel, else one for the tensor
  std::int64_t fewest_elements = 1024;    // smaller tensors stay in float: there is nothing to gain
  std::int32_t block_size = 0;  // int4 in EMBEDDING_LOOKUP and FULLY_CONNECTED: a scale for so many neighbours (an even number); 0: none
  std::set<std::string> keep_float{};
};

/// Weights become integers, activations stay in float (dynamic range); or weights become float16, behind DEQUANTIZE.
bool quantize_weights(Model& model, const WeightOptions& options, Problems& problems);

}  // namespace tfl::converter
