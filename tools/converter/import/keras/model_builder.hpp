#pragma once
// Turns a Keras model's description and weights into a graph.

#include <memory>

#include "tools/converter/import/keras/json.hpp"
#include "tools/converter/import/keras/weights.hpp"
#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// Null where there are problems.
std::unique_ptr<Model> build_keras_model(const Json& description, const KerasWeights& weights, bool keras_3, Problems& problems);

}  // namespace tfl::converter
