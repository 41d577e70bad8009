#pragma once
// A .tflite graph as an ONNX model.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/peers/runner.hpp"
#include "tfl/model/model.hpp"

namespace tfl::bench {

/// How an input or output of the ONNX model differs from the .tflite model's.
struct OnnxEdge {
  std::string name;
  std::int32_t element_type = 0;  // as ONNX numbers them
  std::vector<std::int64_t> dims;
  bool channels_first = false;  // [N, C, H, W] where the .tflite model has [N, H, W, C]
  bool flipped = false;         // uint8 that stand for int8 or the other way round: the top bit is another
};

struct OnnxModel {
  std::string bytes;
  std::vector<OnnxEdge> inputs, outputs;
};

/// Pictures become [N, C, H, W]; quantized ops stand between QuantizeLinear and DequantizeLinear, which ONNX Runtime fuses into integer
/// kernels. Throws CannotRun for ops that this translation lacks.
OnnxModel to_onnx(const GraphSubgraph& graph, Activations activations);

}  // namespace tfl::bench
