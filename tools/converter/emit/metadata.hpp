#pragma once
// What apps want to know of a model beyond its tensors: names, normalization, labels (TFLITE_METADATA).

#include <string>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

struct ModelDescription {
  std::string name{}, description{}, version{}, author{}, license{};
  std::vector<float> mean{}, deviation{};    // of image inputs
  std::string labels_name{}, labels_text{};  // a line a class, for the outputs that have as many elements

  bool empty() const {
    return name.empty() && description.empty() && version.empty() && author.empty() && license.empty() && mean.empty() &&
           deviation.empty() && labels_name.empty();
  }
};

/// Fills what is empty from a JSON file in the form in which TensorFlow Lite's tools print metadata: name, description, version, author,
/// license, and of subgraph_metadata the inputs' NormalizationOptions and the outputs' labels, a file beside it. Only where Keras' formats
/// are read (TFL_CONVERTER_WITH_KERAS), which need JSON, too.
bool read_description(const std::string& path, ModelDescription& to, Problems& problems);

/// Puts it into the model, in place of what was there. The labels become an attached file.
void describe_model(Model& model, const ModelDescription& description, Problems& problems);

}  // namespace tfl::converter
