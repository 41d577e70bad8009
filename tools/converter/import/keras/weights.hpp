#pragma once
// Where the weights of Keras layers lie: whole-model HDF5 files name them, the files within .keras archives number them.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/converter/import/keras/hdf5_file.hpp"

namespace tfl::converter {

/// A layer's place in a model: the names and classes of the models around it and its own, from the outside in.
struct KerasPath {
  struct Step {
    std::string name;
    std::string container;  // in .keras files: "dense_3", the class in snake case with a number for the fourth of its kind
  };
  std::vector<Step> steps;
};

/// A part of a layer with weights of its own: the forward half of a Bidirectional, say.
struct KerasPart {
  std::string_view in_names{};   // what a step of the names in .h5 files begins with: "forward_"
  std::string_view in_groups{};  // groups below the layer's in .keras files: "forward_layer/cell"
};

/// The weights of a model.
class KerasWeights {
 public:
  virtual ~KerasWeights() = default;
  /// The weight of the layer with this name ("kernel") or, where names are not kept, this position. Nothing where it has none.
  virtual std::optional<Hdf5Array> find(const KerasPath& layer, std::string_view name, int position, const KerasPart& part) const = 0;
};

/// Weights of a whole-model HDF5 file: groups of the layers' names, with lists of names.
std::unique_ptr<KerasWeights> keras_named_weights(Hdf5File file);
/// Weights of the model.weights.h5 in a .keras archive.
std::unique_ptr<KerasWeights> keras_numbered_weights(Hdf5File file);

/// As Keras names objects of a class: "DepthwiseConv2D" is "depthwise_conv2d".
std::string keras_snake_case(std::string_view class_name);

}  // namespace tfl::converter
