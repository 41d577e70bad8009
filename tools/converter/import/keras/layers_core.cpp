// needs: exceptions
// Keras layers on whole tensors: Dense, activations, normalization, shapes, merging.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tools/converter/import/composite.hpp"
#include "tools/converter/import/keras/layer.hpp"
#include "tools/converter/import/relayout.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

Shape shape_of(const Hdf5Array& array) {
  Shape shape;
  for (const std::int64_t d : array.shape) shape.push_back(checked_dim(d));
  return shape;
}

Values identity(const KerasCall& call) { return {call.input()}; }

Values dense(const KerasCall& call) {
  const Hdf5Array kernel = call.weight("kernel", 0, 2);
  const Shape s = shape_of(kernel);
  Tensor* weights = call.emit.floats(permuted(kernel.values, s, {1, 0}), {s[1], s[0]}, "weights");
  std::vector<float> bias = call.bias(1);
  Tensor* offset = bias.empty() ? nullptr : call.emit.floats(std::move(bias), {s[1]}, "bias");
  return {call.activate(call.emit.fully_connected(call.input(), weights, offset))};
}

Values activation(const KerasCall& call) { return {call.activate(call.input())}; }

Values relu(const KerasCall& call) {
  Tensor* x = call.input();
  const Json& most = call.config["max_value"];
  const auto limit = most.is_number() ? static_cast<float>(most.number()) : infinity;
  const auto slope = static_cast<float>(call.real("negative_slope", 0));
  if (call.real("threshold", 0) != 0) throw ImportError("a ReLU with a threshold has no operator", "use a threshold of 0");
  if (slope == 0) return {call.emit.clamp(x, 0, limit)};
  return {call.emit.clamp(call.emit.leaky_relu(x, slope), -infinity, limit)};
}

Values leaky_relu(const KerasCall& call) {
  return {call.emit.leaky_relu(call.input(), static_cast<float>(call.real("alpha", call.real("negative_slope", 0.3))))};
}

Values prelu(const KerasCall& call) {
  const Hdf5Array slope = call.weight("alpha", 0);
  return {call.emit.prelu(call.input(), call.emit.floats(slope.values, shape_of(slope), "slope"))};
}

Values elu(const KerasCall& call) {
  Tensor* x = call.input();
  const auto alpha = static_cast<float>(call.real("alpha", 1));
  if (alpha == 1) return {call.emit.unary(ELU, x)};
  Tensor* below = call.emit.unary(ELU, call.emit.binary(MINIMUM, x, 0.0F));
  return {call.emit.binary(ADD, call.emit.unary(RELU, x), call.emit.binary(MUL, below, alpha))};
}

Values softmax(const KerasCall& call) {
  Tensor* x = call.input();
  const Json& axis = call.config["axis"];
  const std::int64_t at = axis.is_number() ? axis.integer() : axis.items().size() == 1 ? axis.items().front().integer() : -1;
  if (axis.items().size() > 1) throw ImportError("a softmax over several axes has no operator");
  return {call.emit.softmax(x, checked_axis(at, x->rank()))};
}

/// One axis of a configuration that may say it as a number or as a list.
int axis_of(const KerasCall& call, int rank) {
  const Json& axis = call.config["axis"];
  if (axis.items().size() > 1) throw ImportError("a normalization over several axes is not supported");
  return checked_axis(axis.is_number() ? axis.integer() : axis.items().empty() ? -1 : axis.items().front().integer(), rank);
}

Values batch_normalization(const KerasCall& call) {
  Tensor* x = call.input();
  int position = 0;
  std::vector<float> scale, offset;
  if (call.flag("scale", true)) scale = call.weight("gamma", position++, 1).values;
  if (call.flag("center", true)) offset = call.weight("beta", position++, 1).values;
  const std::vector<float> mean = call.weight("moving_mean", position, 1).values,
                           variance = call.weight("moving_variance", position + 1, 1).values;
  return {emit_batch_norm(call.emit, x, axis_of(call, x->rank()), scale, offset, mean, variance,
                          static_cast<float>(call.real("epsilon", 1e-3)))};
}

Values layer_normalization(const KerasCall& call) {
  Tensor* x = call.input();
  std::vector<std::int32_t> axes;
  const Json& axis = call.config["axis"];
  for (const Json& one : axis.items()) axes.push_back(checked_axis(one.integer(), x->rank()));
  if (!axis.is_array()) axes.push_back(checked_axis(axis.is_number() ? axis.integer() : -1, x->rank()));
  std::sort(axes.begin(), axes.end());
  if (axes.empty() || axes.back() != x->rank() - 1 || axes.back() - axes.front() + 1 != static_cast<std::int32_t>(axes.size())) {
    throw ImportError("a layer normalization must go over the last axes");
  }
  int position = 0;
  Tensor *scale = nullptr, *offset = nullptr;
  const auto weight = [&](std::string_view name) {
    const Hdf5Array values = call.weight(name, position++);
    return call.emit.floats(values.values, shape_of(values), name);
  };
  if (call.flag("scale", true)) scale = weight("gamma");
  if (call.flag("center", true)) offset = weight("beta");
  return {emit_layer_norm(call.emit, x, axes, static_cast<float>(call.real("epsilon", 1e-3)), scale, offset)};
}

Values unit_normalization(const KerasCall& call) {
  Tensor* x = call.input();
  if (axis_of(call, x->rank()) != x->rank() - 1) throw ImportError("L2_NORMALIZATION goes over the last axis only");
  return {call.emit.unary(L2_NORMALIZATION, x)};
}

Values rescaling(const KerasCall& call) {
  Tensor* x = call.input();
  const auto constant = [&](std::string_view key, float otherwise) {
    const Json& value = call.config[key];
    if (!value.is_array()) return call.emit.scalar(value.is_number() ? static_cast<float>(value.number()) : otherwise);
    std::vector<float> values;
    for (const Json& v : value.items()) values.push_back(static_cast<float>(v.number()));
    const auto count = static_cast<std::int32_t>(values.size());
    return call.emit.floats(std::move(values), {count});
  };
  x = call.emit.cast(x, TensorType::float32);
  Tensor* scaled = call.emit.binary(MUL, x, constant("scale", 1));
  const Json& offset = call.config["offset"];
  if (!offset.is_array() && offset.number() == 0) return {scaled};
  return {call.emit.binary(ADD, scaled, constant("offset", 0))};
}

Values normalization(const KerasCall& call) {
  Tensor* x = call.input();
  const auto statistics = [&](std::string_view key, int position) {
    std::vector<float> values;
    const auto gather = [&values](const auto& self, const Json& json) -> void {
      if (json.is_number()) values.push_back(static_cast<float>(json.number()));
      for (const Json& item : json.items()) self(self, item);
    };
    gather(gather, call.config[key]);
    return values.empty() ? call.weight(key, position).values : values;
  };
  std::vector<float> mean = statistics("mean", 0), variance = statistics("variance", 1);
  if (mean.size() != variance.size()) throw ImportError("mean and variance differ in size");
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const float deviation = std::max(std::sqrt(variance[i]), 1e-7F);
    variance[i] = call.flag("invert", false) ? deviation : 1 / deviation;
    mean[i] = call.flag("invert", false) ? mean[i] : -mean[i] * variance[i];
  }
  const Json& axis = call.config["axis"];
  const bool none = axis.is_null() || (axis.is_array() && axis.items().empty());
  const int along = none ? x->rank() - 1 : axis_of(call, x->rank());
  if (mean.size() == 1) return {call.emit.binary(ADD, call.emit.binary(MUL, x, variance[0]), mean[0])};
  return {call.emit.scale_and_shift(x, std::move(variance), std::move(mean), along)};
}

Values flatten(const KerasCall& call) { return {call.emit.flatten(call.to_channels_last(call.input()))}; }

Values reshape(const KerasCall& call) {
  Tensor* x = call.input();
  Shape target = {x->rank() > 0 ? x->shape[0] : 1};
  for (const Json& d : call.config["target_shape"].items()) target.push_back(d.integer() == -1 ? -1 : checked_dim(d.integer()));
  // An unknown batch is the one size that reshaping may find out: the layer's own -1 is computed here.
  if (target[0] < 0 && std::count(target.begin() + 1, target.end(), -1) == 1) {
    Shape known(x->shape.begin() + 1, x->shape.end()), others(target.begin() + 1, target.end());
    std::replace(others.begin(), others.end(), -1, 1);
    for (int axis = 1; axis < x->rank(); ++axis) Emitter::known(x, axis, "Reshape");
    const std::int64_t count = element_count(known), rest = element_count(others);
    if (rest == 0 || count % rest != 0) throw ImportError("the shape " + text_of(x->shape) + " can't be reshaped to " + text_of(target));
    *std::find(target.begin() + 1, target.end(), -1) = checked_dim(count / rest);
  }
  return {call.emit.reshape(x, target)};
}

Values permute(const KerasCall& call) {
  std::vector<std::int32_t> order = {0};
  for (const Json& axis : call.config["dims"].items()) order.push_back(checked_dim(axis.integer()));
  return {call.emit.transpose(call.input(), order)};
}

Values repeat_vector(const KerasCall& call) {
  Tensor* x = call.input();
  Emitter::want_rank(x, 2);
  return {call.emit.tile(call.emit.expand_dims(x, 1), {1, call.integers("n", 1, 1)[0], 1})};
}

/// The operands, numbers as constants.
Values merged_operands(const KerasCall& call) {
  Values result;
  for (const KerasOperand& operand : call.operands) {
    if (operand.tensor == nullptr && !operand.constant.is_number()) throw ImportError("an operand is neither a tensor nor a number");
    result.push_back(operand.tensor != nullptr ? operand.tensor : call.emit.scalar(static_cast<float>(operand.constant.number())));
  }
  for (const char* name : {"x2", "y", "b"}) {
    const KerasOperand* operand = call.option(name);
    if (operand == nullptr || result.size() != 1) continue;
    result.push_back(operand->tensor != nullptr ? operand->tensor : call.emit.scalar(static_cast<float>(operand->constant.number())));
  }
  if (result.empty()) throw ImportError("the layer has no input");
  return result;
}

/// Keras' merging layers put missing axes behind the batch, not in front of it.
void want_equal_ranks(const Values& xs) {
  for (const Tensor* x : xs) {
    if (x->rank() != xs.front()->rank() && x->rank() > 1 && xs.front()->rank() > 1) {
      throw ImportError("operands of different ranks, " + text_of(xs.front()->shape) + " and " + text_of(x->shape) + ", can't be merged",
                        "add a Reshape");
    }
  }
}

template <BuiltinOperator Code> Values merge(const KerasCall& call) {
  const Values xs = merged_operands(call);
  want_equal_ranks(xs);
  Tensor* result = xs.front();
  for (std::size_t i = 1; i < xs.size(); ++i) result = call.emit.binary(Code, result, xs[i]);
  return {result};
}

Values average(const KerasCall& call) {
  Tensor* sum = merge<ADD>(call).front();
  return {call.emit.binary(MUL, sum, 1 / static_cast<float>(call.inputs().size()))};
}

Values concatenate(const KerasCall& call) {
  const Values xs = call.inputs();
  if (xs.empty()) throw ImportError("the layer has no input");
  return {call.emit.concat(xs, checked_axis(call.config["axis"].is_number() ? call.config["axis"].integer() : -1, xs.front()->rank()))};
}

Values dot(const KerasCall& call) {
  const Values xs = call.inputs();
  if (xs.size() != 2 || xs[0]->rank() != xs[1]->rank() || xs[0]->rank() < 2 || xs[0]->rank() > 3)
    throw ImportError("Dot needs two inputs of rank 2 or 3");
  const std::vector<std::int32_t> axes = call.integers("axes", 2, -1);
  const int a = checked_axis(axes[0], xs[0]->rank()), b = checked_axis(axes[1], xs[1]->rank());
  Tensor *x = xs[0], *y = xs[1];
  if (call.flag("normalize", false)) {
    if (a != x->rank() - 1 || b != y->rank() - 1) throw ImportError("L2_NORMALIZATION goes over the last axis only");
    x = call.emit.unary(L2_NORMALIZATION, x);
    y = call.emit.unary(L2_NORMALIZATION, y);
  }
  if (x->rank() == 2) return {call.emit.reduce(SUM, call.emit.binary(MUL, x, y), {1}, true)};
  if (a == 0 || b == 0) throw ImportError("Dot can't go over the batch");
  return {call.emit.batch_matmul(x, y, a == 1, b == 2)};
}

Values embedding(const KerasCall& call) {
  Tensor* indices = call.input();
  if (call.flag("mask_zero", false)) throw ImportError("masks are not supported", "use mask_zero=False");
  const Hdf5Array table = call.weight("embeddings", 0, 2);
  return {call.emit.gather(call.emit.floats(table.values, shape_of(table), "table"), call.emit.cast(indices, TensorType::int32), 0)};
}

}  // namespace

std::vector<KerasLayerEntry> keras_core_layers() {
  std::vector<KerasLayerEntry> table = {
      {"Dense", dense},
      {"Activation", activation},
      {"ReLU", relu},
      {"LeakyReLU", leaky_relu},
      {"PReLU", prelu},
      {"ELU", elu},
      {"Softmax", softmax},
      {"BatchNormalization", batch_normalization},
      {"BatchNormalizationV1", batch_normalization},
      {"BatchNormalizationV2", batch_normalization},
      {"SyncBatchNormalization", batch_normalization},
      {"LayerNormalization", layer_normalization},
      {"UnitNormalization", unit_normalization},
      {"Rescaling", rescaling},
      {"Normalization", normalization},
      {"Flatten", flatten},
      {"Reshape", reshape},
      {"Permute", permute},
      {"RepeatVector", repeat_vector},
      {"Add", merge<ADD>},
      {"Subtract", merge<SUB>},
      {"Multiply", merge<MUL>},
      {"Maximum", merge<MAXIMUM>},
      {"Minimum", merge<MINIMUM>},
      {"Average", average},
      {"Concatenate", concatenate},
      {"Dot", dot},
      {"Embedding", embedding},
  };
  // What does something in training alone.
  for (const char* name : {"Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
                           "GaussianDropout", "GaussianNoise", "ActivityRegularization", "RandomFlip", "RandomRotation", "RandomZoom",
                           "RandomTranslation", "RandomContrast", "RandomBrightness"}) {
    table.push_back({name, identity});
  }
  return table;
}

}  // namespace tfl::converter
