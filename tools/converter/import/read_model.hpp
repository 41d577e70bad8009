#pragma once
// A model of any format that tfl_convert knows, by its file's name.

#include <memory>
#include <string>

#include "tools/converter/import/import.hpp"

namespace tfl::converter {

/// .tflite, .h5, .hdf5, .keras, .onnx, .pb, .pbtxt, or the folder of a SavedModel. The nodes are sorted. Null, with problems, where the
/// file is none of these, or no sound model.
std::unique_ptr<Model> read_model(const std::string& path, const TensorFlowOptions& options, Problems& problems);

}  // namespace tfl::converter
