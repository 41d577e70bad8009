// needs: exceptions
// TensorFlow operators that compute: elementwise, windows, products, normalization, reductions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/converter/import/activations.hpp"
#include "tools/converter/import/composite.hpp"
#include "tools/converter/import/einsum.hpp"
#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/tensorflow/call.hpp"
#include "tools/converter/import/tensorflow/composite_functions.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

template <BuiltinOperator Code> Values unary(const TfCall& call) { return {call.emit.unary(Code, call.tensor(0))}; }
template <BuiltinOperator Code> Values binary(const TfCall& call) { return {call.emit.binary(Code, call.tensor(0), call.tensor(1))}; }
template <BuiltinOperator Code> Values compare(const TfCall& call) { return {call.emit.compare(Code, call.tensor(0), call.tensor(1))}; }

Values add_n(const TfCall& call) {
  Tensor* sum = call.tensor(0);
  for (std::size_t i = 1; i < call.inputs.size(); ++i) sum = call.emit.binary(ADD, sum, call.tensor(i));
  return {sum};
}

Values reciprocal(const TfCall& call) { return {call.emit.binary(DIV, call.emit.scalar(1), call.tensor(0))}; }
Values leaky_relu(const TfCall& call) {
  return {call.emit.leaky_relu(call.tensor(0), static_cast<float>(call.attributes.real("alpha", 0.2)))};
}
Values softmax(const TfCall& call) { return {call.emit.softmax(call.tensor(0))}; }
Values select(const TfCall& call) { return {call.emit.select(call.tensor(0), call.tensor(1), call.tensor(2))}; }
Values cast(const TfCall& call) { return {call.emit.cast(call.tensor(0), tf_computed_type(call.attributes.integer("DstT", 1)))}; }

Values clip(const TfCall& call) {
  return {call.emit.binary(MINIMUM, call.emit.binary(MAXIMUM, call.tensor(0), call.tensor(1)), call.tensor(2))};
}
Values expm1(const TfCall& call) { return {call.emit.binary(SUB, call.emit.unary(EXP, call.tensor(0)), 1)}; }
Values log1p(const TfCall& call) { return {call.emit.unary(LOG, call.emit.binary(ADD, call.tensor(0), 1))}; }
Values erfc(const TfCall& call) { return {call.emit.binary(SUB, call.emit.scalar(1), emit_erf(call.emit, call.tensor(0)))}; }

Values selu(const TfCall& call) { return {emit_scaled_elu(call.emit, call.tensor(0), selu_alpha, selu_scale)}; }
template <Tensor* (*Emit)(Emitter&, Tensor*)> Values activation(const TfCall& call) { return {Emit(call.emit, call.tensor(0))}; }

// ---- windows

Tensor* to_last(const TfCall& call, Tensor* x) { return call.channels_first() ? call.emit.transpose(x, {0, 2, 3, 1}) : x; }
Tensor* from_last(const TfCall& call, Tensor* x) { return call.channels_first() ? call.emit.transpose(x, {0, 3, 1, 2}) : x; }

/// Entries for height and width of a list of four.
std::pair<std::int32_t, std::int32_t> plane(const TfCall& call, std::string_view name) {
  const std::vector<std::int64_t> values = call.attributes.integers(name, {1, 1, 1, 1});
  if (values.size() != 4) throw ImportError("'" + std::string(name) + "' must hold 4 numbers");
  const std::size_t at = call.channels_first() ? 2 : 1, channel = call.channels_first() ? 1 : 3;
  if (values[0] != 1 || values[channel] != 1) throw ImportError("'" + std::string(name) + "' must be 1 for batch and channels");
  const auto checked = [&](std::int64_t v) {
    if (v < 1 || v > (1 << 24)) throw ImportError("'" + std::string(name) + "' holds " + std::to_string(v));
    return static_cast<std::int32_t>(v);
  };
  return {checked(values[at]), checked(values[at + 1])};
}

/// The window; explicit padding is put around x.
Window window_of(const TfCall& call, Tensor*& x) {
  const auto [stride_h, stride_w] = plane(call, "strides");
  const auto [dilation_h, dilation_w] = plane(call, "dilations");
  const std::string padding = call.attributes.text("padding");
  if (padding == "EXPLICIT") {
    const std::vector<std::int64_t> pads = call.attributes.integers("explicit_paddings");
    if (pads.size() != 8) throw ImportError("explicit_paddings must hold 8 numbers");
    const std::size_t at = call.channels_first() ? 4 : 2;
    x = call.emit.pad(x,
                      {{}, {checked_dim(pads[at]), checked_dim(pads[at + 1])}, {checked_dim(pads[at + 2]), checked_dim(pads[at + 3])}, {}});
  } else if (padding != "SAME" && padding != "VALID") {
    throw ImportError("the padding '" + padding + "' is not known");
  }
  return {stride_h, stride_w, dilation_h, dilation_w, padding == "SAME"};
}

/// A constant filter of four axes in another order, also behind a fake quantization, which follows it.
Tensor* filter(const TfCall& call, std::size_t i, const std::vector<std::int32_t>& order) {
  Tensor* weights = call.tensor(i);
  Emitter::want_rank(weights, 4);
  if (!weights->is_static()) throw ImportError("the filter's shape " + text_of(weights->shape) + " is not known");
  return call.emit.transpose(weights, order);
}

Values conv_2d(const TfCall& call) {
  Tensor* x = to_last(call, call.tensor(0));
  const Window window = window_of(call, x);
  Tensor* weights = filter(call, 1, {3, 0, 1, 2});
  return {from_last(call, call.emit.conv_2d(x, weights, call.emit.conv_bias({}, weights->shape[0]), window))};
}

Values depthwise_conv_2d(const TfCall& call) {
  Tensor* x = to_last(call, call.tensor(0));
  const Window window = window_of(call, x);
  Tensor* weights = call.tensor(1);
  Emitter::want_rank(weights, 4);
  const Shape& s = weights->shape;
  if (!weights->is_static()) throw ImportError("the filter's shape " + text_of(s) + " is not known");
  const std::int32_t outputs = checked_dim(std::int64_t{s[2]} * s[3]);
  weights = call.emit.reshape(weights, {1, s[0], s[1], outputs});
  return {from_last(call, call.emit.depthwise_conv_2d(x, weights, call.emit.conv_bias({}, outputs), window))};
}

/// Inputs: the result's shape, HWOI, the gradient, which is what a transposed convolution reads.
Values conv_2d_backprop_input(const TfCall& call) {
  Tensor* x = to_last(call, call.tensor(2));
  const Window window = window_of(call, x);
  if (window.dilation_h != 1 || window.dilation_w != 1) throw ImportError("TRANSPOSE_CONV has no dilation");
  if (call.attributes.text("padding") == "EXPLICIT") throw ImportError("explicit paddings are not supported here", "use SAME or VALID");
  const Shape target = Emitter::target_shape(call.tensor(0));
  if (target.size() != 4) throw ImportError("the result's shape must have 4 dimensions");
  const std::size_t at = call.channels_first() ? 2 : 1;
  const Tensor* weights = filter(call, 1, {2, 0, 1, 3});
  if (!weights->is_constant()) throw ImportError("the filter must be a constant");
  if (target[at] < 0 || target[at + 1] < 0) throw ImportError("the result's size is not known", "give the inputs fixed sizes");
  return {from_last(call, call.emit.transpose_conv(x, floats_of(*weights), weights->shape, {}, window, target[at], target[at + 1]))};
}

template <BuiltinOperator Code> Values pool(const TfCall& call) {
  Tensor* x = to_last(call, call.tensor(0));
  const auto [height, width] = plane(call, "ksize");
  const Window window = window_of(call, x);
  return {from_last(call, call.emit.pool(Code, x, height, width, window))};
}

template <BuiltinOperator Code> Values resize(const TfCall& call) {
  const std::vector<std::int32_t> size = call.integers(1, "size");
  if (size.size() != 2) throw ImportError("the size must hold 2 numbers");
  return {call.emit.resize(Code, call.tensor(0), checked_dim(size[0]), checked_dim(size[1]), call.attributes.boolean("align_corners"),
                           call.attributes.boolean("half_pixel_centers"))};
}

// ---- products and normalization

Values mat_mul(const TfCall& call) {
  Emitter& e = call.emit;
  Tensor *a = call.tensor(0), *b = call.tensor(1);
  Emitter::want_rank(a, 2);
  Emitter::want_rank(b, 2);
  if (call.attributes.boolean("transpose_a")) a = e.transpose(a, {1, 0});
  if (!call.attributes.boolean("transpose_b")) b = e.transpose(b, {1, 0});
  return {e.fully_connected(a, b, nullptr)};
}

Values batch_mat_mul(const TfCall& call) {
  return {call.emit.batch_matmul(call.tensor(0), call.tensor(1), call.attributes.boolean("adj_x"), call.attributes.boolean("adj_y"))};
}

Values bias_add(const TfCall& call) {
  Tensor *x = call.tensor(0), *bias = call.tensor(1);
  if (call.channels_first() && x->rank() > 2) {
    Shape shape(static_cast<std::size_t>(x->rank()) - 1, 1);
    shape[0] = bias->shape.at(0);
    bias = call.emit.reshape(bias, shape);
  }
  return {call.emit.binary(ADD, x, bias)};
}

Values fused_batch_norm(const TfCall& call) {
  // Stripped attributes have their defaults: in training, with an epsilon of 1e-4.
  if (call.attributes.boolean("is_training", true)) {
    throw ImportError("it normalizes by the statistics of its batch (is_training)", "export the model for inference");
  }
  Tensor* x = call.tensor(0);
  const auto numbers = [&](std::size_t i, std::string_view what) { return floats_of(call.constant(i, what)); };
  Tensor* y = emit_batch_norm(call.emit, x, call.channels_first() ? 1 : x->rank() - 1, numbers(1, "scale"), numbers(2, "offset"),
                              numbers(3, "mean"), numbers(4, "variance"), static_cast<float>(call.attributes.real("epsilon", 1e-4)));
  return {y};
}

Values local_response_normalization(const TfCall& call) {
  Tensor* x = call.tensor(0);
  return {call.emit.add(LOCAL_RESPONSE_NORMALIZATION, {x}, x->type, x->shape,
                        {{"radius", call.attributes.integer("depth_radius", 5)},
                         {"bias", call.attributes.real("bias", 1)},
                         {"alpha", call.attributes.real("alpha", 1)},
                         {"beta", call.attributes.real("beta", 0.5)}})};
}

Values einsum(const TfCall& call) { return {emit_einsum(call.emit, call.attributes.text("equation"), call.tensors())}; }

/// boxes, scores, most outputs, threshold of overlap, threshold of scores and, for the soft one, sigma.
template <BuiltinOperator Code> Values non_max_suppression(const TfCall& call) {
  if (!call.attributes.boolean("pad_to_max_output_size", Code == NON_MAX_SUPPRESSION_V4)) {
    throw ImportError("how many boxes it gives depends on data (pad_to_max_output_size is false)", "let it pad its outputs");
  }
  const Shape most = {checked_dim(integers_of(call.constant(2, "max_output_size")).at(0))};
  std::vector<std::pair<TensorType, Shape>> outputs = {{TensorType::int32, most}};
  if (Code == NON_MAX_SUPPRESSION_V5) outputs.emplace_back(TensorType::float32, most);
  outputs.emplace_back(TensorType::int32, Shape());
  return call.emit.add(Code, call.tensors(), outputs);
}

// ---- reductions

template <BuiltinOperator Code> Values reduce(const TfCall& call) {
  Tensor* x = call.tensor(0);
  std::vector<std::int32_t> axes;
  for (const std::int32_t axis : call.integers(1, "axes")) axes.push_back(checked_axis(axis, x->rank()));
  std::sort(axes.begin(), axes.end());
  return {call.emit.reduce(Code, x, axes, call.attributes.boolean("keep_dims"))};
}

template <BuiltinOperator Code> Values arg(const TfCall& call) {
  Tensor* x = call.tensor(0);
  const int axis = checked_axis(call.integers(1, "dimension").at(0), x->rank());
  const TensorType type = tf_type(call.attributes.integer("output_type", 9));
  Shape shape = x->shape;
  shape.erase(shape.begin() + axis);
  Tensor* along = call.emit.constant(literal_of(TensorType::int32, {}, std::vector<std::int64_t>{axis}), "axis");
  return {call.emit.add(Code, {x, along}, type, shape, {{"output_type", type == TensorType::int64 ? "INT64" : "INT32"}})};
}

Values cum_sum(const TfCall& call) {
  Tensor* x = call.tensor(0);
  return {call.emit.add(CUMSUM, {x, call.tensor(1)}, x->type, x->shape,
                        {{"exclusive", call.attributes.boolean("exclusive")}, {"reverse", call.attributes.boolean("reverse")}})};
}

Values top_k(const TfCall& call) {
  Tensor* x = call.tensor(0);
  Shape shape = x->shape;
  if (shape.empty()) throw ImportError("a scalar has no largest elements");
  shape.back() = checked_dim(call.integers(1, "k").at(0));
  return call.emit.add(TOPK_V2, {x, call.tensor(1)}, {{x->type, shape}, {TensorType::int32, shape}});
}

// ---- quantization-aware training

Tensor* fake_quant(const TfCall& call, double low, double high) {
  Tensor* x = call.tensor(0);
  if (!(low <= high)) throw ImportError("its range from " + std::to_string(low) + " to " + std::to_string(high) + " is empty");
  return call.emit.add(FAKE_QUANT, {x}, x->type, x->shape,
                       {{"min", low},
                        {"max", high},
                        {"num_bits", call.attributes.integer("num_bits", 8)},
                        {"narrow_range", call.attributes.boolean("narrow_range")}});
}

Values fake_quant_args(const TfCall& call) { return {fake_quant(call, call.attributes.real("min", -6), call.attributes.real("max", 6))}; }
Values fake_quant_vars(const TfCall& call) {
  return {fake_quant(call, static_cast<double>(floats_of(call.constant(1, "min")).at(0)),
                     static_cast<double>(floats_of(call.constant(2, "max")).at(0)))};
}

/// Weights of one range a channel: stored as they will be, behind a DEQUANTIZE.
Values fake_quant_per_channel(const TfCall& call) {
  const Tensor& x = call.constant(0, "inputs");
  if (call.attributes.integer("num_bits", 8) != 8 || x.rank() < 1) throw ImportError("only 8 bits along the last axis are supported");
  const std::vector<float> low = floats_of(call.constant(1, "min")), high = floats_of(call.constant(2, "max")), values = floats_of(x);
  const auto channels = static_cast<std::size_t>(x.shape.back());
  if (low.size() != channels || high.size() != channels) throw ImportError("there are not as many ranges as channels");
  TensorQuantization quantization;
  quantization.axis = x.rank() - 1;
  for (std::size_t c = 0; c < channels; ++c) {
    const float range = std::max({std::fabs(low[c]), std::fabs(high[c]), std::numeric_limits<float>::min()});
    quantization.scales.push_back(range / 127);
    quantization.zero_points.push_back(0);
  }
  std::vector<std::int64_t> stored;
  for (std::size_t i = 0; i < values.size(); ++i) {
    stored.push_back(static_cast<std::int64_t>(std::clamp(std::round(values[i] / quantization.scales[i % channels]), -127.0F, 127.0F)));
  }
  Tensor* constant = call.emit.constant(literal_of(TensorType::int8, x.shape, stored), "quantized");
  constant->quantization = std::move(quantization);
  return {call.emit.add(DEQUANTIZE, {constant}, TensorType::float32, x.shape)};
}

}  // namespace

std::vector<TfOperatorEntry> tf_math_operators() {
  return {{"Relu", unary<RELU>},
          {"Relu6", unary<RELU6>},
          {"Elu", unary<ELU>},
          {"Sigmoid", unary<LOGISTIC>},
          {"Tanh", unary<TANH>},
          {"Exp", unary<EXP>},
          {"Log", unary<LOG>},
          {"Sqrt", unary<SQRT>},
          {"Rsqrt", unary<RSQRT>},
          {"Square", unary<SQUARE>},
          {"Abs", unary<ABS>},
          {"Neg", unary<NEG>},
          {"Floor", unary<FLOOR>},
          {"Ceil", unary<CEIL>},
          {"Round", unary<ROUND>},
          {"Sin", unary<SIN>},
          {"Cos", unary<COS>},
          {"Sign", unary<SIGN>},
          {"LogicalNot", unary<LOGICAL_NOT>},
          {"LogSoftmax", unary<LOG_SOFTMAX>},
          {"Softmax", softmax},
          {"LeakyRelu", leaky_relu},
          {"Selu", selu},
          {"Softplus", activation<emit_softplus>},
          {"Softsign", activation<emit_softsign>},
          {"Erf", activation<emit_erf>},
          {"Reciprocal", reciprocal},
          {"Inv", reciprocal},
          {"Cast", cast},
          {"ZerosLike", unary<ZEROS_LIKE>},
          {"Add", binary<ADD>},
          {"AddV2", binary<ADD>},
          {"Sub", binary<SUB>},
          {"Mul", binary<MUL>},
          {"RealDiv", binary<DIV>},
          {"Div", binary<DIV>},
          {"FloorDiv", binary<FLOOR_DIV>},
          {"FloorMod", binary<FLOOR_MOD>},
          {"Pow", binary<POW>},
          {"Maximum", binary<MAXIMUM>},
          {"Minimum", binary<MINIMUM>},
          {"SquaredDifference", binary<SQUARED_DIFFERENCE>},
          {"LogicalAnd", binary<LOGICAL_AND>},
          {"LogicalOr", binary<LOGICAL_OR>},
          {"AddN", add_n},
          {"ClipByValue", clip},
          {"Expm1", expm1},
          {"Log1p", log1p},
          {"Erfc", erfc},
          {"Rint", unary<ROUND>},
          {"Equal", compare<EQUAL>},
          {"NotEqual", compare<NOT_EQUAL>},
          {"Less", compare<LESS>},
          {"LessEqual", compare<LESS_EQUAL>},
          {"Greater", compare<GREATER>},
          {"GreaterEqual", compare<GREATER_EQUAL>},
          {"Select", select},
          {"SelectV2", select},
          {"Conv2D", conv_2d},
          {"DepthwiseConv2dNative", depthwise_conv_2d},
          {"Conv2DBackpropInput", conv_2d_backprop_input},
          {"MaxPool", pool<MAX_POOL_2D>},
          {"AvgPool", pool<AVERAGE_POOL_2D>},
          {"ResizeBilinear", resize<RESIZE_BILINEAR>},
          {"ResizeNearestNeighbor", resize<RESIZE_NEAREST_NEIGHBOR>},
          {"MatMul", mat_mul},
          {"BatchMatMul", batch_mat_mul},
          {"BatchMatMulV2", batch_mat_mul},
          {"BatchMatMulV3", batch_mat_mul},
          {"Einsum", einsum},
          {"BiasAdd", bias_add},
          {"FusedBatchNorm", fused_batch_norm},
          {"FusedBatchNormV2", fused_batch_norm},
          {"FusedBatchNormV3", fused_batch_norm},
          {"LRN", local_response_normalization},
          {"Mean", reduce<MEAN>},
          {"Sum", reduce<SUM>},
          {"Max", reduce<REDUCE_MAX>},
          {"Min", reduce<REDUCE_MIN>},
          {"Prod", reduce<REDUCE_PROD>},
          {"Any", reduce<REDUCE_ANY>},
          {"All", reduce<REDUCE_ALL>},
          {"ArgMax", arg<ARG_MAX>},
          {"ArgMin", arg<ARG_MIN>},
          {"Cumsum", cum_sum},
          {"TopKV2", top_k},
          {"NonMaxSuppressionV4", non_max_suppression<NON_MAX_SUPPRESSION_V4>},
          {"NonMaxSuppressionV5", non_max_suppression<NON_MAX_SUPPRESSION_V5>},
          {"TFLite_Detection_PostProcess", detection_postprocess},
          {"FakeQuantWithMinMaxArgs", fake_quant_args},
          {"FakeQuantWithMinMaxVars", fake_quant_vars},
          {"FakeQuantWithMinMaxVarsPerChannel", fake_quant_per_channel}};
}

}  // namespace tfl::converter
