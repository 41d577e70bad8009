#pragma once
// Functions that say which layer they are: one operator takes their place, where their bodies would be loops over lists of tensors.

#include <optional>
#include <string>
#include <vector>

#include "tools/converter/import/tensorflow/call.hpp"

namespace tfl::converter {

/// What Keras' function of a recurrent layer gives (the last output, all of them, the last states), by operators of our own. `interface` is
/// its attribute "api_implements", "lstm_..." or "gru_..."; `attributes` are the function's others. Nothing where it is another function,
/// or one that takes something else; then its body tells.
std::optional<std::vector<TfValue>> run_keras_layer(Emitter& emit, const std::string& interface, const Attributes& attributes,
                                                    const std::vector<TfValue>& arguments);

/// TFLite_Detection_PostProcess: the end of SSD detectors, on box encodings, scores and anchors.
Values detection_postprocess(const TfCall& call);

}  // namespace tfl::converter
