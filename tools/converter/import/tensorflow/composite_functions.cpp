// needs: exceptions
#include "tools/converter/import/tensorflow/composite_functions.hpp"

#include <flatbuffers/flexbuffers.h>

#include <algorithm>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/recurrent.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

/// A constant of zeros, or a FILL with them whose size may not be known.
bool is_zero(const Tensor* tensor) {
  if (!tensor->is_constant()) {
    const Node* fill = tensor->producer;
    return fill != nullptr && fill->is(FILL) && fill->input(1)->is_constant() && is_zero(fill->input(1));
  }
  const std::vector<float> values = floats_of(*tensor);
  return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
}

/// [rows, columns] turned, as numbers.
std::vector<float> turned(const Tensor& matrix) {
  Tensor result;
  const Literal literal = permuted_literal(matrix, {1, 0});
  result.type = literal.type;
  result.shape = literal.shape;
  result.data = literal.data;
  return floats_of(result);
}

}  // namespace

std::optional<std::vector<TfValue>> run_keras_layer(Emitter& emit, const std::string& interface, const Attributes& attributes,
                                                    const std::vector<TfValue>& arguments) {
  const bool lstm = interface.starts_with("lstm_");
  const std::size_t states = lstm ? 2 : 1;
  if ((!lstm && !interface.starts_with("gru_")) || arguments.size() != states + 4) return std::nullopt;
  for (const TfValue& argument : arguments) {
    if (argument.tensor == nullptr) return std::nullopt;
  }
  const Tensor &kernel = *arguments[1 + states].tensor, &recurrent = *arguments[2 + states].tensor, &bias = *arguments[3 + states].tensor;
  for (const Tensor* weights : {&kernel, &recurrent, &bias}) {
    if (!weights->is_constant() || weights->type != TensorType::float32) return std::nullopt;
  }
  if (kernel.rank() != 2 || recurrent.rank() != 2 || arguments[0].tensor->rank() != 3) return std::nullopt;
  GateWeights weights{recurrent.shape[0], kernel.shape[0], turned(kernel), turned(recurrent), floats_of(bias)};
  if (bias.rank() == 2 && bias.shape[0] == 2) {  // of the input, of the state
    const auto half = weights.bias.begin() + static_cast<std::ptrdiff_t>(weights.bias.size() / 2);
    weights.recurrent_bias.assign(half, weights.bias.end());
    weights.bias.erase(half, weights.bias.end());
  }
  Tensor* x = arguments[0].tensor;
  const bool time_major = attributes.boolean("time_major");
  if (time_major) x = emit.transpose(x, {1, 0, 2});
  if (attributes.boolean("go_backwards")) x = emit.reverse(x, 1);
  RecurrentResult result;
  const auto state = [&](std::size_t i) { return is_zero(arguments[i].tensor) ? nullptr : arguments[i].tensor; };
  if (lstm) {
    LstmOptions options;
    options.initial_state = state(1);
    options.initial_cell = state(2);
    // The operator begins with both or with neither.
    if ((options.initial_state == nullptr) != (options.initial_cell == nullptr)) {
      options.initial_state = arguments[1].tensor;
      options.initial_cell = arguments[2].tensor;
    }
    result = emit_lstm(emit, x, weights, options);
  } else {
    GruOptions options;
    options.initial_state = state(1);
    options.reset_after = !weights.recurrent_bias.empty();
    result = emit_gru(emit, x, weights, options);
  }
  Tensor* last = step_of(emit, result.sequence, -1);
  Tensor* sequence = time_major ? emit.transpose(result.sequence, {1, 0, 2}) : result.sequence;
  std::vector<TfValue> values = {{last}, {sequence}, {last}};
  if (lstm) values.push_back({result.cell});
  values.push_back({emit.scalar(0)});  // which device the function is for
  return values;
}

Values detection_postprocess(const TfCall& call) {
  const auto integer = [&](const char* name, std::int64_t otherwise) { return call.attributes.integer(name, otherwise); };
  const std::int64_t detections = integer("max_detections", 0), classes = integer("max_classes_per_detection", 1);
  if (detections < 1 || detections > (1 << 20) || classes < 1 || classes > (1 << 10)) {
    throw ImportError("'max_detections' is " + std::to_string(detections) + ", 'max_classes_per_detection' " + std::to_string(classes));
  }
  flexbuffers::Builder builder;
  builder.Map([&] {
    for (const char* name : {"max_detections", "max_classes_per_detection", "detections_per_class", "num_classes"}) {
      if (call.attributes.has(name)) builder.Int(name, integer(name, 0));
    }
    if (!call.attributes.has("max_classes_per_detection")) builder.Int("max_classes_per_detection", classes);
    for (const char* name : {"nms_score_threshold", "nms_iou_threshold", "y_scale", "x_scale", "h_scale", "w_scale"}) {
      if (call.attributes.has(name)) builder.Float(name, static_cast<float>(call.attributes.real(name)));
    }
    builder.Bool("use_regular_nms", call.attributes.boolean("use_regular_nms"));
  });
  builder.Finish();
  const std::int32_t count = checked_dim(detections * classes);
  const TensorType type = TensorType::float32;
  const Values results = call.emit.add(Operation::custom("TFLite_Detection_PostProcess"), {call.tensor(0), call.tensor(1), call.tensor(2)},
                                       {{type, {1, count, 4}}, {type, {1, count}}, {type, {1, count}}, {type, {1}}});
  results[0]->producer->custom_options = builder.GetBuffer();
  return results;
}

}  // namespace tfl::converter
