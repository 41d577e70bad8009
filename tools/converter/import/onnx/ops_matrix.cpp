// needs: exceptions
// ONNX operators on rows and matrices: products, normalization, softmax.
#include <algorithm>
#include <numeric>

#include "tools/converter/import/composite.hpp"
#include "tools/converter/import/einsum.hpp"
#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

using Result = std::vector<OnnxValue>;

/// x times weights [outputs, inputs]. Where x's axes were joined out of order, the weights' columns follow.
OnnxValue product(const OnnxCall& call, const OnnxValue& value, Tensor* weights, Tensor* bias) {
  Emitter& e = call.emit;
  if (!value.joined.empty() && weights->is_constant() && weights->rank() == 2) {
    Shape source = {weights->shape[0]};
    const Shape before = [&] {
      OnnxValue v = value;
      v.joined.clear();
      return v.shape();
    }();
    source.insert(source.end(), before.begin() + 1, before.end());
    if (std::find(source.begin(), source.end(), -1) == source.end()) {
      Tensor* moved = e.reshape(e.transpose(e.reshape(weights, source), value.order), weights->shape);
      return {e.fully_connected(e.reshape(value.tensor, value.joined), moved, bias)};
    }
  }
  const OnnxValue v = call.settled(value);
  // Rows may lie in any order, as long as each is in one piece.
  if (v.order.empty() || v.order.back() == v.rank() - 1) return {e.fully_connected(v.tensor, weights, bias), v.order};
  return {e.fully_connected(call.plain(v), weights, bias)};
}

Tensor* scaled(const OnnxCall& call, Tensor* tensor, float factor) { return factor == 1 ? tensor : call.emit.binary(MUL, tensor, factor); }

Result gemm(const OnnxCall& call) {
  const Attributes& a = call.attributes();
  OnnxValue x = call.input(0);
  if (x.rank() != 2 || call.input(1).rank() != 2)
    throw ImportError("Gemm multiplies matrices, the operands have the shapes " + text_of(x.shape()) + " and " +
                      text_of(call.input(1).shape()));
  if (a.integer("transA") != 0) x = {call.emit.transpose(call.plain(x), {1, 0})};
  Tensor* weights = call.plain(1);
  if (a.integer("transB") == 0) weights = call.weights(weights, {1, 0});
  weights = scaled(call, weights, static_cast<float>(a.real("alpha", 1)));
  if (!call.has(2)) return {product(call, x, weights, nullptr)};
  Tensor* bias = scaled(call, call.plain(2), static_cast<float>(a.real("beta", 1)));
  if (bias->shape == Shape{1, weights->shape[0]}) bias = call.emit.reshape(bias, {weights->shape[0]});
  if (bias->shape == Shape{weights->shape[0]}) return {product(call, x, weights, bias)};
  OnnxValue y = product(call, x, weights, nullptr);
  return {{call.emit.binary(ADD, call.plain(y), bias)}};
}

/// Constant as stored, or behind a DEQUANTIZE of a constant.
bool is_weight(const OnnxValue& value) {
  if (value.is_constant()) return true;
  const Node* producer = value.tensor->producer;
  return value.order.empty() && value.joined.empty() && producer != nullptr && producer->is(DEQUANTIZE) &&
         producer->input(0)->is_constant();
}

Result mat_mul(const OnnxCall& call) {
  Emitter& e = call.emit;
  const OnnxValue &x = call.input(0), &y = call.input(1);
  if (x.rank() < 1 || y.rank() < 1) throw ImportError("a scalar can't be multiplied as a matrix");
  if (y.rank() == 2 && x.rank() >= 2 && is_weight(y)) return {product(call, x, call.weights(call.plain(y), {1, 0}), nullptr)};
  Tensor *a = call.plain(x), *b = nullptr;
  bool swapped = false;
  if (y.rank() >= 2 && !y.order.empty()) {
    // A right operand whose last two axes are swapped needs no TRANSPOSE: the operator can read it so.
    Order turned(static_cast<std::size_t>(y.rank()));
    std::iota(turned.begin(), turned.end(), 0);
    std::swap(turned.end()[-1], turned.end()[-2]);
    swapped = true;
    b = call.in_order(y, turned);
  } else {
    b = call.plain(y);
  }
  const bool row = a->rank() == 1, column = b->rank() == 1;
  if (row) a = e.reshape(a, {1, a->shape[0]});
  if (column) b = e.reshape(b, {b->shape[0], 1});
  Tensor* result = e.batch_matmul(a, b, false, swapped);
  std::vector<std::int32_t> gone;
  if (row) gone.push_back(result->rank() - 2);
  if (column) gone.push_back(result->rank() - 1);
  return {{gone.empty() ? result : e.squeeze(result, gone)}};
}

template <bool Logarithm> Result softmax(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const int axis = checked_axis(call.attributes().integer("axis", call.opset < 13 ? 1 : -1), value.rank());
  if (call.opset < 13 && axis != value.rank() - 1) {
    // Old versions join all axes from this one on.
    const Shape shape = value.shape();
    bool units = true;
    for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i) units = units && shape[i] == 1;
    if (!units) {
      std::int64_t size = 1;
      for (std::size_t i = static_cast<std::size_t>(axis); i < shape.size(); ++i)
        size = checked_dim(size * Emitter::known(call.plain(value), static_cast<int>(i), "Softmax"));
      Tensor* rows = call.emit.reshape(call.plain(value), {-1, checked_dim(size)});
      return {{call.emit.reshape(call.emit.softmax(rows, 1, Logarithm), shape)}};
    }
  }
  return {{call.emit.softmax(value.tensor, OnnxCall::axis_in_tensor(value, axis), Logarithm), value.order}};
}

Result batch_normalization(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  if (value.rank() < 2) throw ImportError("the shape " + text_of(value.shape()) + " has no channels");
  if (call.attributes().integer("training_mode") != 0)
    throw ImportError("the node is in training mode", "export the model in evaluation mode (model.eval())");
  const auto numbers = [&](std::size_t i, std::string_view what) { return floats_of(call.constant(i, what)); };
  return {{emit_batch_norm(call.emit, value.tensor, OnnxCall::axis_in_tensor(value, 1), numbers(1, "scale"), numbers(2, "B"),
                           numbers(3, "mean"), numbers(4, "var"), static_cast<float>(call.attributes().real("epsilon", 1e-5))),
           value.order}};
}

Result instance_normalization(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  if (x->rank() < 3) throw ImportError("the shape " + text_of(value.shape()) + " has no spatial axes");
  std::vector<std::int32_t> axes(static_cast<std::size_t>(x->rank()) - 2);
  std::iota(axes.begin(), axes.end(), 1);
  return {{emit_layer_norm(call.emit, x, axes, static_cast<float>(call.attributes().real("epsilon", 1e-5)), call.plain(1), call.plain(2)),
           OnnxCall::channels_last_order(x->rank())}};
}

/// Channels in groups, each with the mean and variance of its channels and all places.
Result group_normalization(const OnnxCall& call) {
  Emitter& e = call.emit;
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  if (x->rank() < 3) throw ImportError("the shape " + text_of(value.shape()) + " has no spatial axes");
  const std::int32_t channels = Emitter::known(x, x->rank() - 1, "GroupNormalization");
  const std::int64_t groups = call.attributes().integer("num_groups");
  if (groups < 1 || groups > channels || channels % groups != 0)
    throw ImportError(std::to_string(channels) + " channels can't be put into " + std::to_string(groups) + " groups");
  const std::int32_t together = channels / static_cast<std::int32_t>(groups);
  Shape grouped = x->shape;
  grouped.back() = static_cast<std::int32_t>(groups);
  grouped.push_back(together);
  std::vector<std::int32_t> axes(grouped.size() - 3);
  std::iota(axes.begin(), axes.end(), 1);
  axes.push_back(static_cast<std::int32_t>(grouped.size()) - 1);
  const auto epsilon = static_cast<float>(call.attributes().real("epsilon", 1e-5));
  Tensor* y = e.reshape(emit_layer_norm(e, e.reshape(x, grouped), axes, epsilon, nullptr, nullptr), x->shape);
  // Before opset 21 there is one number for each group.
  const auto of_channels = [&](std::size_t i, std::string_view what) {
    std::vector<float> values = floats_of(call.constant(i, what));
    if (values.size() == static_cast<std::size_t>(groups) && call.opset < 21) {
      std::vector<float> repeated;
      for (const float v : values) repeated.insert(repeated.end(), static_cast<std::size_t>(together), v);
      values = std::move(repeated);
    }
    if (values.size() != static_cast<std::size_t>(channels))
      throw ImportError("there are " + std::to_string(values.size()) + " numbers in " + std::string(what) + " for " +
                        std::to_string(channels) + " channels");
    return values;
  };
  return {{e.scale_and_shift(y, of_channels(1, "scale"), of_channels(2, "bias"), x->rank() - 1), OnnxCall::channels_last_order(x->rank())}};
}

/// x / sqrt(mean of squares over the last axes + epsilon) * scale
Result rms_normalization(const OnnxCall& call) {
  Emitter& e = call.emit;
  Tensor* x = call.plain(0);
  std::vector<std::int32_t> axes;
  for (int axis = checked_axis(call.attributes().integer("axis", -1), x->rank()); axis < x->rank(); ++axis) axes.push_back(axis);
  Tensor* mean = e.reduce(MEAN, e.unary(SQUARE, x), axes, true);
  const auto epsilon = static_cast<float>(call.attributes().real("epsilon", 1e-5));
  return {{e.binary(MUL, e.binary(MUL, x, e.unary(RSQRT, e.binary(ADD, mean, epsilon))), call.plain(1))}};
}

Result layer_normalization(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const int first = checked_axis(call.attributes().integer("axis", -1), value.rank());
  // In any order that leaves the last axes where they are.
  bool last_in_place = true;
  for (int axis = first; axis < value.rank(); ++axis) last_in_place = last_in_place && OnnxCall::axis_in_tensor(value, axis) == axis;
  Tensor* x = last_in_place ? value.tensor : call.plain(value);
  std::vector<std::int32_t> axes;
  for (int axis = first; axis < value.rank(); ++axis) axes.push_back(axis);
  Tensor* y = emit_layer_norm(call.emit, x, axes, static_cast<float>(call.attributes().real("epsilon", 1e-5)),
                              call.has(1) ? call.plain(1) : nullptr, call.has(2) ? call.plain(2) : nullptr);
  return {{y, last_in_place ? value.order : Order{}}};
}

Result lp_normalization(const OnnxCall& call) {
  Tensor* x = call.plain(0);
  if (call.attributes().integer("p", 2) != 2 || checked_axis(call.attributes().integer("axis", -1), x->rank()) != x->rank() - 1) {
    throw ImportError("L2_NORMALIZATION goes over the last axis and is of order 2 only");
  }
  return {{call.emit.unary(L2_NORMALIZATION, x)}};
}

Result local_response_normalization(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  Emitter::want_rank(x, 4);
  const std::int64_t size = call.attributes().integer("size");
  if (size < 1 || size % 2 == 0) throw ImportError("a size of " + std::to_string(size) + " has no operator", "use an odd size");
  Attributes attributes = {{"radius", (size - 1) / 2},
                           {"bias", call.attributes().real("bias", 1)},
                           {"alpha", call.attributes().real("alpha", 1e-4) / static_cast<double>(size)},
                           {"beta", call.attributes().real("beta", 0.75)}};
  return {{call.emit.add(LOCAL_RESPONSE_NORMALIZATION, {x}, x->type, x->shape, std::move(attributes)), OnnxCall::channels_last_order(4)}};
}

Result einsum(const OnnxCall& call) {
  Values operands;
  for (const OnnxValue& value : call.inputs) operands.push_back(call.plain(value));
  return {{emit_einsum(call.emit, call.attributes().text("equation"), operands)}};
}

}  // namespace

std::vector<OnnxOperatorEntry> onnx_matrix_operators() {
  return {{"Gemm", gemm},
          {"MatMul", mat_mul},
          {"Softmax", softmax<false>},
          {"LogSoftmax", softmax<true>},
          {"BatchNormalization", batch_normalization},
          {"InstanceNormalization", instance_normalization},
          {"GroupNormalization", group_normalization},
          {"LayerNormalization", layer_normalization},
          {"RMSNormalization", rms_normalization},
          {"Einsum", einsum},
          {"LpNormalization", lp_normalization},
          {"LRN", local_response_normalization}};
}

}  // namespace tfl::converter
