#pragma once
// ONNX' types and constants as ours.

#include <string>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

namespace onnx {
class TensorProto;
}

/// A type by its number in ONNX; none for those that no tensor of .tflite has.
TensorType onnx_type(int number);
/// Float types are computed in float32.
TensorType onnx_computed_type(TensorType type);
/// The tensor's data, taken out of the message, or from another file in the model's folder. Floats of all kinds become float32.
Literal onnx_literal(onnx::TensorProto& proto, const std::string& model_path);

}  // namespace tfl::converter
