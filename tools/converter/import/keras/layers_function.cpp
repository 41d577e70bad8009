// needs: exceptions
// Functions of TensorFlow and of Keras 3 that a functional model calls between its layers.
#include <map>
#include <string>

#include "tools/converter/import/keras/layer.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

Tensor* as_tensor(const KerasCall& call, const KerasOperand* operand) {
  if (operand == nullptr) throw ImportError("an operand is absent");
  if (operand->tensor != nullptr) return operand->tensor;
  if (operand->constant.is_number()) return call.emit.scalar(static_cast<float>(operand->constant.number()));
  if (operand->constant.is_array()) {
    std::vector<float> values;
    for (const Json& item : operand->constant.items()) {
      if (!item.is_number()) throw ImportError("an operand is neither a tensor nor a list of numbers");
      values.push_back(static_cast<float>(item.number()));
    }
    const auto count = static_cast<std::int32_t>(values.size());
    return call.emit.floats(std::move(values), {count});
  }
  throw ImportError("an operand is neither a tensor nor a number");
}

const KerasOperand* first_of(const KerasCall& call, std::size_t position, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const KerasOperand* found = call.operand(position, name)) return found;
  }
  return nullptr;
}

template <BuiltinOperator Code> Values binary(const KerasCall& call) {
  return {
      call.emit.binary(Code, as_tensor(call, first_of(call, 0, {"x", "x1", "a"})), as_tensor(call, first_of(call, 1, {"y", "x2", "b"})))};
}

template <BuiltinOperator Code> Values unary(const KerasCall& call) { return {call.emit.unary(Code, call.input())}; }

Values named_activation(const KerasCall& call, std::string_view name) {
  return {keras_activation(call.emit, call.input(), name, call.keras_3)};
}
Values swish(const KerasCall& call) { return named_activation(call, "swish"); }
Values gelu(const KerasCall& call) {
  const KerasOperand* approximate = call.operand(1, "approximate");
  return {call.emit.gelu(call.input(), approximate != nullptr && approximate->constant.boolean())};
}
Values softmax(const KerasCall& call) { return named_activation(call, "softmax"); }

template <BuiltinOperator Code> Values reduce(const KerasCall& call) {
  Tensor* x = call.input();
  std::vector<std::int32_t> axes;
  const KerasOperand* axis = call.operand(1, "axis");
  if (axis == nullptr || axis->constant.is_null()) {
    for (int i = 0; i < x->rank(); ++i) axes.push_back(i);
  } else {
    if (axis->constant.is_number()) axes.push_back(checked_axis(axis->constant.integer(), x->rank()));
    for (const Json& one : axis->constant.items()) axes.push_back(checked_axis(one.integer(), x->rank()));
  }
  const KerasOperand* keep = call.operand(2, "keepdims");
  return {call.emit.reduce(Code, x, axes, keep != nullptr && keep->constant.boolean())};
}

Values concat(const KerasCall& call) {
  const Values xs = call.inputs();
  if (xs.empty()) throw ImportError("nothing to concatenate");
  const KerasOperand* axis = call.option("axis");
  if (axis == nullptr && !call.operands.back().constant.is_null()) axis = &call.operands.back();
  return {call.emit.concat(xs, checked_axis(axis == nullptr ? -1 : axis->constant.integer(), xs.front()->rank()))};
}

Values reshape(const KerasCall& call) {
  // Lists are flattened into operands: the shape is what follows the tensor.
  Shape shape;
  for (const KerasOperand& operand : call.operands) {
    if (operand.tensor == nullptr) shape.push_back(operand.constant.integer() == -1 ? -1 : checked_dim(operand.constant.integer()));
  }
  for (const char* name : {"shape", "newshape"}) {
    const KerasOperand* option = call.option(name);
    if (option == nullptr) continue;
    for (const Json& d : option->constant.items()) shape.push_back(d.integer() == -1 ? -1 : checked_dim(d.integer()));
  }
  return {call.emit.reshape(call.input(), shape)};
}

Values transpose(const KerasCall& call) {
  std::vector<std::int32_t> order;
  for (const KerasOperand& operand : call.operands) {
    if (operand.tensor == nullptr) order.push_back(checked_dim(operand.constant.integer()));
  }
  for (const char* name : {"perm", "axes"}) {
    const KerasOperand* option = call.option(name);
    if (option == nullptr) continue;
    for (const Json& d : option->constant.items()) order.push_back(checked_dim(d.integer()));
  }
  return {call.emit.transpose(call.input(), order)};
}

Values expand_dims(const KerasCall& call) {
  const KerasOperand* axis = call.operand(1, "axis");
  if (axis == nullptr) throw ImportError("the axis is absent");
  return {call.emit.expand_dims(call.input(), checked_axis(axis->constant.integer(), call.input()->rank() + 1))};
}

Values clip(const KerasCall& call) {
  const KerasOperand *low = first_of(call, 1, {"clip_value_min", "x_min"}), *high = first_of(call, 2, {"clip_value_max", "x_max"});
  if (low == nullptr || high == nullptr) throw ImportError("the bounds are absent");
  return {call.emit.clamp(call.input(), static_cast<float>(low->constant.number()), static_cast<float>(high->constant.number()))};
}

/// A function of TensorFlow, by the name that Keras 2 writes.
Values lambda(const KerasCall& call) {
  static const std::map<std::string_view, KerasLayer> functions = {
      {"__operators__.add", binary<ADD>},
      {"math.add", binary<ADD>},
      {"math.subtract", binary<SUB>},
      {"math.multiply", binary<MUL>},
      {"math.truediv", binary<DIV>},
      {"math.divide", binary<DIV>},
      {"math.maximum", binary<MAXIMUM>},
      {"math.minimum", binary<MINIMUM>},
      {"math.pow", binary<POW>},
      {"math.squared_difference", binary<SQUARED_DIFFERENCE>},
      {"nn.relu", unary<RELU>},
      {"nn.relu6", unary<RELU6>},
      {"math.sigmoid", unary<LOGISTIC>},
      {"math.tanh", unary<TANH>},
      {"nn.elu", unary<ELU>},
      {"math.exp", unary<EXP>},
      {"math.log", unary<LOG>},
      {"math.sqrt", unary<SQRT>},
      {"math.rsqrt", unary<RSQRT>},
      {"math.square", unary<SQUARE>},
      {"math.abs", unary<ABS>},
      {"math.negative", unary<NEG>},
      {"nn.silu", swish},
      {"nn.swish", swish},
      {"nn.gelu", gelu},
      {"nn.softmax", softmax},
      {"math.reduce_mean", reduce<MEAN>},
      {"math.reduce_sum", reduce<SUM>},
      {"math.reduce_max", reduce<REDUCE_MAX>},
      {"concat", concat},
      {"reshape", reshape},
      {"transpose", transpose},
      {"expand_dims", expand_dims},
      {"clip_by_value", clip},
  };
  const std::string name = call.text("function", "");
  const auto found = functions.find(name);
  if (found == functions.end())
    throw ImportError("the function tf." + name + " is not supported", "use a layer in its place, or convert the SavedModel");
  return found->second(call);
}

}  // namespace

std::vector<KerasLayerEntry> keras_function_layers() {
  return {{"TFOpLambda", lambda},
          {"Divide", binary<DIV>},
          {"TrueDivide", binary<DIV>},
          {"Power", binary<POW>},
          {"Relu", unary<RELU>},
          {"Relu6", unary<RELU6>},
          {"Sigmoid", unary<LOGISTIC>},
          {"Tanh", unary<TANH>},
          {"Exp", unary<EXP>},
          {"Log", unary<LOG>},
          {"Sqrt", unary<SQRT>},
          {"Rsqrt", unary<RSQRT>},
          {"Square", unary<SQUARE>},
          {"Absolute", unary<ABS>},
          {"Negative", unary<NEG>},
          {"Silu", swish},
          {"Gelu", gelu},
          {"Mean", reduce<MEAN>},
          {"Sum", reduce<SUM>},
          {"Max", reduce<REDUCE_MAX>},
          {"Transpose", transpose},
          {"ExpandDims", expand_dims},
          {"Clip", clip}};
}

}  // namespace tfl::converter
