#pragma once
// Reads models of other frameworks into graphs of .tflite operators.
//
// Every reader gathers all problems of a model; it returns null where there is any. Which of them exist is a matter of the build
// (TFL_CONVERTER_WITH_KERAS, TFL_CONVERTER_WITH_ONNX, TFL_CONVERTER_WITH_TENSORFLOW).

#include <memory>
#include <string>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// A whole-model HDF5 file (.h5, .hdf5) or an archive of Keras 3 (.keras).
std::unique_ptr<Model> import_keras(const std::string& path, Problems& problems);
/// The classes of layers that import_keras knows, sorted.
std::vector<std::string> keras_layer_names();

/// An ONNX model, opset 7 to 21. External data are read from the model's folder only.
std::unique_ptr<Model> import_onnx(const std::string& path, Problems& problems);
/// The operators that import_onnx knows, sorted.
std::vector<std::string> onnx_operator_names();

struct TensorFlowOptions {
  std::vector<std::string> inputs{}, outputs{};  // of a GraphDef, "name" or "name:1"; empty: placeholders, and what nobody reads
  std::string tag = "serve";                     // of a SavedModel
  std::vector<std::string> signatures{};         // of a SavedModel; empty: all
};
/// A SavedModel's folder, or a frozen GraphDef (.pb, .pbtxt).
std::unique_ptr<Model> import_tensorflow(const std::string& path, const TensorFlowOptions& options, Problems& problems);
/// The operators that import_tensorflow knows, sorted.
std::vector<std::string> tensorflow_operator_names();

}  // namespace tfl::converter
