#pragma once
// TensorFlow values while they become tensors, and the table of operators.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/converter/import/emitter.hpp"

namespace tfl::converter {

/// A value of a TensorFlow graph: a tensor, a handle of a variable, or texts.
struct TfValue {
  Tensor* tensor = nullptr;
  std::string variable{};            // by the name of its handle
  std::vector<std::string> texts{};  // of a constant of strings; the keys of what RestoreV2 gives
  bool failed = false;               // a problem prevented it
};

/// One node and its inputs. Types among the attributes are numbers, as in the format.
struct TfCall {
  Emitter& emit;
  std::string name, op;
  const Attributes& attributes;
  std::vector<TfValue> inputs;

  /// Input i as a tensor. Throws where it is absent or none.
  Tensor* tensor(std::size_t i) const;
  Values tensors() const;
  /// Input i as a constant. Throws where it is none, naming it.
  const Tensor& constant(std::size_t i, std::string_view what) const;
  std::vector<std::int32_t> integers(std::size_t i, std::string_view what) const;
  bool channels_first() const { return attributes.text("data_format", "NHWC") == "NCHW"; }
};

using TfOperator = Values (*)(const TfCall& call);
struct TfOperatorEntry {
  std::string_view name;
  TfOperator run;
};

// The tables, one for each source.
std::vector<TfOperatorEntry> tf_math_operators();
std::vector<TfOperatorEntry> tf_shape_operators();

/// The operator of that name, or null.
TfOperator find_tf_operator(std::string_view name);

/// A type by its number in TensorFlow. Throws for those that no tensor of .tflite has.
TensorType tf_type(std::int64_t number);
/// The same, but float32 for the types that are computed in it: float16, bfloat16 and float64.
TensorType tf_computed_type(std::int64_t number);

}  // namespace tfl::converter
