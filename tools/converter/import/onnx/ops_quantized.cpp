// needs: exceptions
// Quantized ONNX models: QuantizeLinear and DequantizeLinear, and the QLinear operators as float ones between them.
//
// Bytes become int8: what ONNX keeps as uint8 with a zero point z is the same as int8 with z - 128.
#include <algorithm>
#include <cmath>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

using Result = std::vector<OnnxValue>;

struct Parameters {
  TensorQuantization quantization{};
  TensorType type = TensorType::uint8;  // as ONNX says
};

/// Scales and zero points from two inputs of the node, for a value of this order.
Parameters parameters(const OnnxCall& call, std::size_t scale_at, std::size_t zero_at, const OnnxValue& value) {
  Parameters result;
  const Tensor& scales = call.constant(scale_at, "scale");
  result.quantization.scales = floats_of(scales);
  for (const float scale : result.quantization.scales) {
    if (!(scale > 0) || !std::isfinite(scale)) throw ImportError("a scale is not positive");
  }
  if (call.has(zero_at)) {
    const Tensor& zeros = call.constant(zero_at, "zero_point");
    result.type = zeros.type;
    result.quantization.zero_points = integers_of(zeros);
    for (const std::int64_t zero : result.quantization.zero_points) {
      if (zero < -(1 << 16) || zero > (1 << 16)) throw ImportError("a zero point of " + std::to_string(zero) + " makes no sense");
    }
  }
  const std::size_t count = result.quantization.scales.size();
  if (count == 0) throw ImportError("there is no scale");
  if (result.quantization.zero_points.empty()) result.quantization.zero_points.assign(count, 0);
  if (result.quantization.zero_points.size() != count)
    throw ImportError("there are " + std::to_string(count) + " scales and another number of zero points");
  if (count > 1) {
    const int axis = checked_axis(call.attributes().integer("axis", 1), value.rank());
    const std::int32_t size = value.shape()[static_cast<std::size_t>(axis)];
    if (size >= 0 && static_cast<std::size_t>(size) != count)
      throw ImportError("there are " + std::to_string(count) + " scales for an axis of size " + std::to_string(size),
                        "blockwise quantization is not supported");
    result.quantization.axis = OnnxCall::axis_in_tensor(value, axis);
  }
  if (call.attributes().integer("block_size") != 0) throw ImportError("blockwise quantization is not supported");
  return result;
}

/// uint8 as int8.
void shift_to_signed(Parameters& p) {
  if (p.type != TensorType::uint8) return;
  for (std::int64_t& zero : p.quantization.zero_points) zero -= 128;
  p.type = TensorType::int8;
}

OnnxValue quantized(const OnnxCall& call, const OnnxValue& value, Parameters p) {
  shift_to_signed(p);
  if (p.type != TensorType::int8 && p.type != TensorType::int16)
    throw ImportError(std::string("quantization to ") + name_of(p.type) + " is not supported", "use int8 or uint8");
  Tensor* y = call.emit.add(QUANTIZE, {value.tensor}, p.type, value.tensor->shape);
  y->quantization = p.quantization;
  return {y, value.order};
}

OnnxValue dequantized(const OnnxCall& call, const OnnxValue& value, Parameters p) {
  Tensor* x = value.tensor;
  if (x->is_constant()) {
    p.type = x->type;
    Tensor* stored = nullptr;
    if (x->type == TensorType::uint8) {
      std::vector<std::int64_t> values = integers_of(*x);
      for (std::int64_t& v : values) v -= 128;
      stored = call.emit.constant(literal_of(TensorType::int8, x->shape, values), "quantized");
    } else if (x->type == TensorType::int8 || x->type == TensorType::int16 || x->type == TensorType::int32) {
      stored = call.emit.constant(Literal{x->type, x->shape, x->data}, "quantized");
    } else {
      throw ImportError(std::string("constants of the type ") + name_of(x->type) + " can't be dequantized");
    }
    shift_to_signed(p);
    x = stored;
    x->quantization = p.quantization;
  } else if (!x->quantization.present()) {
    // An input of the graph, in its own type.
    if (x->type != TensorType::int8 && x->type != TensorType::uint8 && x->type != TensorType::int16)
      throw ImportError(std::string("values of the type ") + name_of(x->type) + " can't be dequantized");
    x->quantization = p.quantization;
  }
  return {call.emit.add(DEQUANTIZE, {x}, TensorType::float32, x->shape), value.order};
}

Result quantize_linear(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  return {quantized(call, value, parameters(call, 1, 2, value))};
}

Result dequantize_linear(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  return {dequantized(call, value, parameters(call, 1, 2, value))};
}

/// Runs a float operator on other inputs, under this node's name.
Result run_float(const OnnxCall& call, const char* name, std::vector<OnnxValue> inputs) {
  return find_onnx_operator(name)(OnnxCall{call.emit, call.reordered, call.node, call.opset, std::move(inputs)});
}

/// Inputs at, at + 1, at + 2: values, scale, zero point.
OnnxValue operand(const OnnxCall& call, std::size_t at) {
  const OnnxValue value = call.settled(call.input(at));
  return dequantized(call, value, parameters(call, at + 1, at + 2, value));
}

Result result(const OnnxCall& call, const OnnxValue& y, std::size_t scale_at) {
  const OnnxValue value = call.settled(y);
  return {quantized(call, value, parameters(call, scale_at, scale_at + 1, value))};
}

Result q_linear_conv(const OnnxCall& call) {
  const OnnxValue& w = call.input(3);
  Parameters of_weights = parameters(call, 4, 5, {w.tensor, w.order});
  of_weights.quantization.axis = 0;
  std::vector<OnnxValue> inputs = {operand(call, 0), dequantized(call, call.settled(w), of_weights)};
  if (call.has(8)) {
    // The bias has the products' scale.
    Parameters of_bias;
    const float scale = floats_of(call.constant(1, "x_scale")).at(0);
    for (const float s : of_weights.quantization.scales) of_bias.quantization.scales.push_back(s * scale);
    of_bias.quantization.zero_points.assign(of_bias.quantization.scales.size(), 0);
    inputs.push_back(dequantized(call, call.input(8), of_bias));
  }
  return result(call, run_float(call, "Conv", std::move(inputs)).front(), 6);
}

Result q_linear_mat_mul(const OnnxCall& call) {
  return result(call, run_float(call, "MatMul", {operand(call, 0), operand(call, 3)}).front(), 6);
}
Result q_linear_add(const OnnxCall& call) { return result(call, run_float(call, "Add", {operand(call, 0), operand(call, 3)}).front(), 6); }
Result q_linear_mul(const OnnxCall& call) { return result(call, run_float(call, "Mul", {operand(call, 0), operand(call, 3)}).front(), 6); }
Result q_linear_average(const OnnxCall& call) { return result(call, run_float(call, "GlobalAveragePool", {operand(call, 0)}).front(), 3); }
Result q_linear_sigmoid(const OnnxCall& call) { return result(call, run_float(call, "Sigmoid", {operand(call, 0)}).front(), 3); }
Result q_linear_leaky_relu(const OnnxCall& call) { return result(call, run_float(call, "LeakyRelu", {operand(call, 0)}).front(), 3); }

/// Whoever quantizes while running need not: numbers stay floats, of scale 1.
Result dynamic_quantize(const OnnxCall& call) {
  const OnnxValue& x = call.input(0);
  if (x.tensor->type != TensorType::float32)
    throw ImportError(std::string("values of the type ") + name_of(x.tensor->type) + " are quantized already");
  Tensor* zero = call.emit.constant(literal_of(TensorType::uint8, {}, std::vector<std::int64_t>{0}), "zero point");
  return {x, {call.emit.scalar(1)}, {zero}};
}

/// A product of what DynamicQuantizeLinear gave and of a constant, less its zero points: one for all, or one for each output.
Result product_of_integers(const OnnxCall& call, const char* product, int output_axis) {
  if (call.input(0).tensor->type != TensorType::float32)
    throw ImportError("its first operand does not come from DynamicQuantizeLinear", "convert the float model, with --quantize");
  const Tensor& weights = call.constant(1, "weights");
  std::vector<float> values = floats_of(weights);
  const std::vector<float> zeros = call.has(3) ? floats_of(call.constant(3, "zero point")) : std::vector<float>{0};
  const int axis = checked_axis(output_axis, weights.rank());
  const auto outputs = static_cast<std::size_t>(weights.shape[static_cast<std::size_t>(axis)]);
  if (zeros.size() != 1 && zeros.size() != outputs)
    throw ImportError("there are " + std::to_string(zeros.size()) + " zero points for weights of the shape " + text_of(weights.shape));
  std::size_t inside = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < weights.shape.size(); ++i)
    inside *= static_cast<std::size_t>(weights.shape[i]);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= zeros[zeros.size() == 1 ? 0 : i / inside % outputs];
  return run_float(call, product, {call.input(0), {call.emit.floats(std::move(values), weights.shape, "weights")}});
}
Result mat_mul_integer(const OnnxCall& call) { return product_of_integers(call, "MatMul", -1); }
Result conv_integer(const OnnxCall& call) { return product_of_integers(call, "Conv", 0); }

}  // namespace

std::vector<OnnxOperatorEntry> onnx_quantized_operators() {
  return {{"DynamicQuantizeLinear", dynamic_quantize},
          {"MatMulInteger", mat_mul_integer},
          {"ConvInteger", conv_integer},
          {"QuantizeLinear", quantize_linear},
          {"DequantizeLinear", dequantize_linear},
          {"QLinearConv", q_linear_conv},
          {"QLinearMatMul", q_linear_mat_mul},
          {"QLinearAdd", q_linear_add},
          {"QLinearMul", q_linear_mul},
          {"QLinearGlobalAveragePool", q_linear_average},
          {"QLinearSigmoid", q_linear_sigmoid},
          {"QLinearLeakyRelu", q_linear_leaky_relu}};
}

}  // namespace tfl::converter
