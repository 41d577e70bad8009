#pragma once
// What the importer knows of one call of a Keras layer, and the table of the layers that it can turn into operators.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/converter/import/emitter.hpp"
#include "tools/converter/import/keras/json.hpp"
#include "tools/converter/import/keras/weights.hpp"

namespace tfl::converter {

/// One operand of a call: a tensor or a constant of the model's description.
struct KerasOperand {
  Tensor* tensor = nullptr;
  Json constant{};
  bool is_tensor = tensor != nullptr;  // also where a problem prevented the tensor
};

/// One call of a layer.
struct KerasCall {
  Emitter& emit;
  const KerasWeights& weights;
  std::string class_name;
  const Json& config;
  KerasPath path;
  bool keras_3 = false;                                         // whose version of what changed between Keras 2 and 3
  std::vector<KerasOperand> operands{};                         // by position, lists flattened
  std::vector<std::pair<std::string, KerasOperand>> options{};  // by name
  KerasPart part{};                                             // which weights are meant, inside of wrappers

  /// The operands that are tensors.
  Values inputs() const;
  /// The first of them. Throws where there is none.
  Tensor* input() const;
  const KerasOperand* option(std::string_view name) const;
  /// Operand `position`, by position or by name; null where it is given in neither way.
  const KerasOperand* operand(std::size_t position, std::string_view name) const;

  /// A weight by name, or by its position where names are not kept. Throws where it is absent or has another rank (-1: any).
  Hdf5Array weight(std::string_view name, int position, int rank = -1) const;
  /// The bias, where the configuration says that there is one.
  std::vector<float> bias(int position) const;

  /// config[key] as one integer, or several. A single number stands for `count` equal ones.
  std::vector<std::int32_t> integers(std::string_view key, std::size_t count, std::int32_t otherwise) const;
  bool flag(std::string_view key, bool otherwise) const;
  double real(std::string_view key, double otherwise) const;
  std::string text(std::string_view key, std::string_view otherwise) const;
  bool channels_first() const { return text("data_format", "channels_last") == "channels_first"; }
  /// The activation that config[key] describes.
  Tensor* activate(Tensor* x, std::string_view key = "activation") const;
  /// x with its channels at the end, and back.
  Tensor* to_channels_last(Tensor* x) const;
  Tensor* from_channels_last(Tensor* x) const;
};

using KerasLayer = Values (*)(const KerasCall& call);

/// A class of layers and what turns a call of it into operators.
struct KerasLayerEntry {
  std::string_view class_name;
  KerasLayer layer;
};

// The tables, one for each source.
std::vector<KerasLayerEntry> keras_window_layers();
std::vector<KerasLayerEntry> keras_core_layers();
std::vector<KerasLayerEntry> keras_recurrent_layers();
std::vector<KerasLayerEntry> keras_attention_layers();
std::vector<KerasLayerEntry> keras_function_layers();

/// The layer of that class, or null.
KerasLayer find_keras_layer(std::string_view class_name);

/// An activation function by its description: a name, or a layer's class and configuration.
Tensor* keras_activation(Emitter& emit, Tensor* x, const Json& description, bool keras_3);
Tensor* keras_activation(Emitter& emit, Tensor* x, std::string_view name, bool keras_3);

}  // namespace tfl::converter
