#include "bench/peers/onnx_model.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "bench/peers/graph.hpp"
#include "onnx.pb.h"

namespace tfl::bench {

namespace {

// How ONNX numbers element types and kinds of attributes.
constexpr int onnx_float = 1, onnx_uint8 = 2, onnx_int8 = 3, onnx_int32 = 6, onnx_int64 = 7;
constexpr int attribute_float = 1, attribute_int = 2, attribute_string = 3, attribute_ints = 7;

template <class T> std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Every activation of the .tflite graph has one name in the ONNX graph. Under it lie real numbers: of a quantized tensor those that
/// DequantizeLinear gives.
class OnnxWriter {
 public:
  OnnxWriter(const GraphSubgraph& graph, Activations activations) : graph_(graph), activations_(activations) {
    model_.set_ir_version(8);
    model_.set_producer_name("tfl_compare");
    auto* standard = model_.add_opset_import();
    standard->set_version(17);
    model_.mutable_graph()->set_name("main");
    for (const GraphNode& node : graph.nodes) {
      has_pictures_ = has_pictures_ || node.code == BuiltinOperator::CONV_2D || node.code == BuiltinOperator::DEPTHWISE_CONV_2D;
    }
  }

  OnnxModel write() {
    OnnxModel result;
    for (const std::int32_t input : graph_.inputs) result.inputs.push_back(write_input(input));
    for (const GraphNode& node : graph_.nodes) {
      try {
        write(node);
      } catch (const CannotRun& reason) {
        throw CannotRun(std::string(node.name()) + " (node " + std::to_string(node.file_index) + "): " + reason.what());
      }
    }
    for (const std::int32_t output : graph_.outputs) result.outputs.push_back(write_output(output));
    result.bytes = model_.SerializeAsString();
    return result;
  }

 private:
  using Dims = std::vector<std::int64_t>;

  const TensorDescription& tensor(std::int32_t index) const { return graph_.tensors[static_cast<std::size_t>(index)].description; }
  std::span<const std::byte> data(std::int32_t index) const { return graph_.tensors[static_cast<std::size_t>(index)].data; }
  static std::string name(std::int32_t index) { return "t" + std::to_string(index); }
  std::string fresh(const char* what) { return std::string(what) + std::to_string(next_++); }
  bool is_picture(std::int32_t index) const { return pictures_.contains(index); }
  bool is_quantized(std::int32_t index) const { return tensor(index).quantization.present(); }

  static Dims dims_of(const Shape& shape) { return {shape.dims().begin(), shape.dims().end()}; }
  static Dims channels_first(const Dims& d) { return {d[0], d[3], d[1], d[2]}; }
  Dims dims(std::int32_t index) const {
    const Dims d = dims_of(tensor(index).shape);
    return is_picture(index) ? channels_first(d) : d;
  }

  // ---- pieces

  std::string constant(int type, const Dims& dims, std::string bytes, const char* what) {
    auto* t = model_.mutable_graph()->add_initializer();
    t->set_name(fresh(what));
    t->set_data_type(type);
    for (const std::int64_t d : dims) t->add_dims(d);
    t->set_raw_data(std::move(bytes));
    return t->name();
  }
  std::string constant(const std::vector<float>& values, const Dims& dims, const char* what) {
    return constant(onnx_float, dims, raw(values), what);
  }
  std::string constant(const std::vector<std::int64_t>& values, const char* what) {
    return constant(onnx_int64, {static_cast<std::int64_t>(values.size())}, raw(values), what);
  }

  onnx::Node& node(const char* op, const std::vector<std::string>& inputs, const std::string& output) {
    auto* n = model_.mutable_graph()->add_node();
    n->set_op_type(op);
    n->set_name(fresh(op));
    for (const std::string& input : inputs) n->add_input(input);
    n->add_output(output);
    return *n;
  }
  static void attribute(onnx::Node& n, const char* name, std::int64_t value) {
    auto* a = n.add_attribute();
    a->set_name(name), a->set_type(attribute_int), a->set_i(value);
  }
  static void attribute(onnx::Node& n, const char* name, float value) {
    auto* a = n.add_attribute();
    a->set_name(name), a->set_type(attribute_float), a->set_f(value);
  }
  static void attribute(onnx::Node& n, const char* name, const char* value) {
    auto* a = n.add_attribute();
    a->set_name(name), a->set_type(attribute_string), a->set_s(value);
  }
  static void attribute(onnx::Node& n, const char* name, const Dims& values) {
    auto* a = n.add_attribute();
    a->set_name(name), a->set_type(attribute_ints);
    for (const std::int64_t value : values) a->add_ints(value);
  }

  // ---- quantization

  struct Stored {
    int type = onnx_uint8;
    std::int32_t zero_point = 0;
    bool flipped = false;
  };
  /// The bytes of an activation in the ONNX model.
  Stored stored(std::int32_t index) const {
    const TensorDescription& d = tensor(index);
    if (d.type != TensorType::int8 && d.type != TensorType::uint8) throw CannotRun("ONNX: no quantized activations of this type");
    const bool is_signed = d.type == TensorType::int8;
    const bool becomes_signed = activations_ == Activations::as_in_the_model ? is_signed : activations_ == Activations::signed_bytes;
    const std::int32_t shift = is_signed == becomes_signed ? 0 : becomes_signed ? -128 : 128;
    return {becomes_signed ? onnx_int8 : onnx_uint8, d.quantization.zero_point + shift, shift != 0};
  }
  std::vector<std::string> scale_and_zero_point(std::int32_t index) {
    const Stored s = stored(index);
    return {constant(std::vector<float>{tensor(index).quantization.scale}, {}, "scale"),
            constant(s.type, {}, std::string(1, static_cast<char>(s.zero_point)), "zero_point")};
  }
  void dequantize(const std::string& from, const std::vector<std::string>& parameters, const std::string& to) {
    node("DequantizeLinear", {from, parameters[0], parameters[1]}, to);
  }
  /// Real numbers -> what the tensor's bytes can hold.
  void through_bytes(const std::string& from, std::int32_t index) {
    const auto parameters = scale_and_zero_point(index);
    const std::string bytes = "q" + std::to_string(index);
    node("QuantizeLinear", {from, parameters[0], parameters[1]}, bytes);
    dequantize(bytes, parameters, name(index));
  }

  /// The name under which an op writes output `index`; call finish() after the op.
  std::string raw_output(std::int32_t index) const { return is_quantized(index) ? "raw" + std::to_string(index) : name(index); }
  void finish(std::int32_t index) {
    if (is_quantized(index)) through_bytes(raw_output(index), index);
  }

  /// Emits an activation between `from` and the output, unless the output's own range has the same effect.
  std::string clamped_name(std::int32_t output, Bounds bounds) { return needs_clamp(output, bounds) ? fresh("open") : raw_output(output); }
  bool needs_clamp(std::int32_t output, Bounds bounds) const {
    if (!bounds.present()) return false;
    if (!is_quantized(output)) return true;
    const TensorDescription& d = tensor(output);
    const int low = d.type == TensorType::int8 ? -128 : 0;
    const float least = d.quantization.scale * static_cast<float>(low - d.quantization.zero_point);
    const float most = d.quantization.scale * static_cast<float>(low + 255 - d.quantization.zero_point);
    return least < bounds.min - d.quantization.scale / 2 || most > bounds.max + d.quantization.scale / 2;
  }
  void clamp(const std::string& from, std::int32_t output, Bounds bounds) {
    if (needs_clamp(output, bounds)) clamp(from, raw_output(output), bounds);
    finish(output);
  }
  void clamp(const std::string& from, const std::string& to, Bounds bounds) {
    if (bounds == bounds_of(schema::ActivationFunctionType::RELU)) {
      node("Relu", {from}, to);
    } else {
      node("Clip", {from, constant(std::vector<float>{bounds.min}, {}, "low"), constant(std::vector<float>{bounds.max}, {}, "high")}, to);
    }
  }

  // ---- edges of the graph

  OnnxEdge edge(std::int32_t index) {
    OnnxEdge e;
    e.dims = dims(index);
    e.channels_first = is_picture(index);
    if (is_quantized(index)) {
      const Stored s = stored(index);
      e.element_type = s.type;
      e.flipped = s.flipped;
    } else if (tensor(index).type == TensorType::float32) {
      e.element_type = onnx_float;
    } else {
      throw CannotRun("ONNX: no inputs and outputs of this type");
    }
    return e;
  }
  static void describe(onnx::Value& value, const OnnxEdge& e) {
    value.set_name(e.name);
    auto* type = value.mutable_type()->mutable_tensor_type();
    type->set_element_type(e.element_type);
    for (const std::int64_t d : e.dims) type->mutable_shape()->add_dim()->set_value(d);
  }
  OnnxEdge write_input(std::int32_t index) {
    if (has_pictures_ && tensor(index).rank() == 4) pictures_.insert(index);
    OnnxEdge e = edge(index);
    e.name = is_quantized(index) ? "q" + std::to_string(index) : name(index);
    if (is_quantized(index)) dequantize(e.name, scale_and_zero_point(index), name(index));
    describe(*model_.mutable_graph()->add_input(), e);
    return e;
  }
  OnnxEdge write_output(std::int32_t index) {
    OnnxEdge e = edge(index);
    e.name = is_quantized(index) ? "q" + std::to_string(index) : name(index);
    describe(*model_.mutable_graph()->add_output(), e);
    return e;
  }

  // ---- operands

  /// A constant operand of an elementwise op beside an activation of `rank`, broadcast along channels where pictures have theirs.
  std::string operand(std::int32_t index, bool beside_picture) {
    if (data(index).empty()) return name(index);
    const TensorDescription& d = tensor(index);
    std::vector<float> values(static_cast<std::size_t>(d.count()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (d.type == TensorType::float32) {
        std::memcpy(&values[i], data(index).data() + 4 * i, 4);
      } else {
        const int integer =
            d.type == TensorType::int8 ? static_cast<std::int8_t>(data(index)[i]) : static_cast<std::uint8_t>(data(index)[i]);
        values[i] = d.quantization.scale * static_cast<float>(integer - d.quantization.zero_point);
      }
    }
    Dims shape = dims_of(d.shape);
    if (beside_picture && values.size() > 1) {
      if (shape.back() != static_cast<std::int64_t>(values.size())) throw CannotRun("ONNX: a constant picture as an operand");
      shape = {shape.back(), 1, 1};
    } else if (values.size() == 1) {
      shape = {};
    }
    if (!is_quantized(index)) return constant(values, shape, "constant");
    // Constants that are bytes stay bytes, so that the op can be fused.
    const Stored s = stored(index);
    std::string bytes(reinterpret_cast<const char*>(data(index).data()), data(index).size());
    if (s.flipped) {
      for (char& byte : bytes) byte = static_cast<char>(byte ^ 0x80);
    }
    const std::string real = fresh("real");
    dequantize(constant(s.type, shape, std::move(bytes), "bytes"), scale_and_zero_point(index), real);
    return real;
  }

  /// Filters, laid out anew: element o, i, y, x from the source's index(o, i, y, x). Quantized filters keep their bytes and scales.
  template <class Index> std::string filter(std::int32_t index, const Dims& dims, bool per_channel_first, Index source) {
    const TensorDescription& d = tensor(index);
    const std::size_t size = d.type == TensorType::float32 ? 4 : 1;
    if (data(index).size() != static_cast<std::size_t>(d.count()) * size) throw CannotRun("ONNX: a filter that is not constant");
    std::string bytes(data(index).size(), '\0');
    std::size_t at = 0;
    for (std::int64_t o = 0; o < dims[0]; ++o) {
      for (std::int64_t i = 0; i < dims[1]; ++i) {
        for (std::int64_t y = 0; y < (dims.size() > 2 ? dims[2] : 1); ++y) {
          for (std::int64_t x = 0; x < (dims.size() > 2 ? dims[3] : 1); ++x, at += size) {
            std::memcpy(&bytes[at], data(index).data() + static_cast<std::size_t>(source(o, i, y, x)) * size, size);
          }
        }
      }
    }
    if (d.type == TensorType::float32) return constant(onnx_float, dims, std::move(bytes), "filter");
    const int type = d.type == TensorType::int8 ? onnx_int8 : onnx_uint8;
    const std::string stored_filter = constant(type, dims, std::move(bytes), "filter"), real = fresh("filter");
    const Quantization& q = d.quantization;
    if (q.per_channel() && !per_channel_first) throw CannotRun("ONNX: filters with scales along another axis");
    const std::vector<float> scales =
        q.per_channel() ? std::vector<float>(q.channel_scales.begin(), q.channel_scales.end()) : std::vector<float>{q.scale};
    const Dims shape = q.per_channel() ? Dims{static_cast<std::int64_t>(scales.size())} : Dims{};
    auto& n = node("DequantizeLinear",
                   {stored_filter, constant(scales, shape, "scales"),
                    constant(type, shape, std::string(scales.size(), static_cast<char>(q.zero_point)), "zero_points")},
                   real);
    if (q.per_channel()) attribute(n, "axis", std::int64_t{0});
    return real;
  }

  std::string bias(const GraphNode& n) {
    if (n.inputs.size() < 3 || n.inputs[2] < 0) return {};
    const std::int32_t index = n.inputs[2];
    const TensorDescription& d = tensor(index);
    std::string bytes(reinterpret_cast<const char*>(data(index).data()), data(index).size());
    if (d.type == TensorType::float32) return constant(onnx_float, {d.count()}, std::move(bytes), "bias");
    const std::string real = fresh("bias");
    const Quantization &in = tensor(n.inputs[0]).quantization, &weights = tensor(n.inputs[1]).quantization;
    std::vector<float> scales;
    for (std::int64_t c = 0; c < (weights.per_channel() ? d.count() : 1); ++c) scales.push_back(in.scale * weights.scale_of(c));
    const Dims shape = scales.size() > 1 ? Dims{static_cast<std::int64_t>(scales.size())} : Dims{};
    auto& dequantized = node("DequantizeLinear",
                             {constant(onnx_int32, {d.count()}, std::move(bytes), "bias"), constant(scales, shape, "scales"),
                              constant(onnx_int32, shape, raw(std::vector<std::int32_t>(scales.size(), 0)), "zero_points")},
                             real);
    if (scales.size() > 1) attribute(dequantized, "axis", std::int64_t{0});
    return real;
  }

  static void window(onnx::Node& n, const Shape& in, const Shape& out, schema::Padding padding, const Dims& taps, const Dims& strides,
                     const Dims& dilations) {
    attribute(n, "kernel_shape", taps);
    attribute(n, "strides", strides);
    if (dilations != Dims{1, 1}) attribute(n, "dilations", dilations);
    Dims pads(4, 0);  // above, left, below, right
    for (std::size_t axis = 0; axis < 2 && padding == schema::Padding::SAME; ++axis) {
      const int a = static_cast<int>(axis) + 1;
      const std::int64_t total = std::max<std::int64_t>(0, (out[a] - 1) * strides[axis] + (taps[axis] - 1) * dilations[axis] + 1 - in[a]);
      pads[axis] = total / 2;
      pads[axis + 2] = total - total / 2;
    }
    attribute(n, "pads", pads);
  }

  std::string picture(std::int32_t index) {
    if (is_picture(index)) return name(index);
    const std::string turned = fresh("picture");
    attribute(node("Transpose", {name(index)}, turned), "perm", Dims{0, 3, 1, 2});
    return turned;
  }
  /// The tensor as the .tflite model lays it out.
  std::string plain(std::int32_t index) {
    if (!is_picture(index)) return name(index);
    const std::string turned = fresh("plain");
    attribute(node("Transpose", {name(index)}, turned), "perm", Dims{0, 2, 3, 1});
    return turned;
  }

  // ---- ops

  void write(const GraphNode& n) {
    const std::int32_t y = n.outputs[0];
    switch (n.code) {
      case BuiltinOperator::CONV_2D: return convolution(n);
      case BuiltinOperator::DEPTHWISE_CONV_2D: return depthwise(n);
      case BuiltinOperator::FULLY_CONNECTED: return fully_connected(n);
      case BuiltinOperator::BATCH_MATMUL: return batch_matmul(n);
      case BuiltinOperator::ADD: return elementwise(n, "Add", require_options<schema::AddOptions>(n).fused_activation_function());
      case BuiltinOperator::SUB: return elementwise(n, "Sub", require_options<schema::SubOptions>(n).fused_activation_function());
      case BuiltinOperator::MUL: return elementwise(n, "Mul", require_options<schema::MulOptions>(n).fused_activation_function());
      case BuiltinOperator::HARD_SWISH: return unary(n, "HardSwish");
      case BuiltinOperator::LOGISTIC: return unary(n, "Sigmoid");
      case BuiltinOperator::TANH: return unary(n, "Tanh");
      case BuiltinOperator::RELU: return unary(n, "Relu");
      case BuiltinOperator::SOFTMAX:
        if (is_picture(n.inputs[0])) throw CannotRun("ONNX: a softmax over a picture's channels");
        return unary(n, "Softmax");
      case BuiltinOperator::MAX_POOL_2D: return pool(n, "MaxPool");
      case BuiltinOperator::AVERAGE_POOL_2D: return pool(n, "AveragePool");
      case BuiltinOperator::MEAN: return mean(n);
      case BuiltinOperator::PAD: return pad(n);
      case BuiltinOperator::RESHAPE:
      case BuiltinOperator::SQUEEZE:
      case BuiltinOperator::EXPAND_DIMS: node("Reshape", {plain(n.inputs[0]), constant(dims(y), "shape")}, raw_output(y)); return finish(y);
      case BuiltinOperator::TRANSPOSE:
        attribute(node("Transpose", {plain(n.inputs[0])}, raw_output(y)), "perm", constant_integers(graph_, n.inputs[1]));
        return finish(y);
      case BuiltinOperator::QUANTIZE:
      case BuiltinOperator::DEQUANTIZE:
        if (is_picture(n.inputs[0])) pictures_.insert(y);
        node("Identity", {name(n.inputs[0])}, raw_output(y));
        return finish(y);
      case BuiltinOperator::CONCATENATION: return concatenation(n);
      default: throw CannotRun("ONNX: this translation lacks the op");
    }
  }

  void convolution(const GraphNode& n) {
    const auto& options = require_options<schema::Conv2DOptions>(n);
    const std::int32_t y = n.outputs[0];
    const Shape &in = tensor(n.inputs[0]).shape, &f = tensor(n.inputs[1]).shape;
    pictures_.insert(y);
    const std::int64_t height = f[1], width = f[2], depth = f[3];
    std::vector<std::string> inputs{picture(n.inputs[0]),
                                    filter(n.inputs[1], {f[0], depth, height, width}, true,
                                           [&](auto o, auto i, auto r, auto c) { return ((o * height + r) * width + c) * depth + i; })};
    if (std::string b = bias(n); !b.empty()) inputs.push_back(std::move(b));
    const Bounds bounds = bounds_of(options.fused_activation_function());
    const std::string open = clamped_name(y, bounds);
    auto& conv = node("Conv", inputs, open);
    window(conv, in, tensor(y).shape, options.padding(), {height, width}, {options.stride_h(), options.stride_w()},
           {options.dilation_h_factor(), options.dilation_w_factor()});
    if (in[3] != depth) attribute(conv, "group", std::int64_t{in[3] / depth});
    clamp(open, y, bounds);
  }

  void depthwise(const GraphNode& n) {
    const auto& options = require_options<schema::DepthwiseConv2DOptions>(n);
    const std::int32_t y = n.outputs[0];
    const Shape &in = tensor(n.inputs[0]).shape, &f = tensor(n.inputs[1]).shape;
    pictures_.insert(y);
    const std::int64_t height = f[1], width = f[2], channels = f[3];
    std::vector<std::string> inputs{picture(n.inputs[0]),
                                    filter(n.inputs[1], {channels, 1, height, width}, true,
                                           [&](auto o, auto, auto r, auto c) { return (r * width + c) * channels + o; })};
    if (std::string b = bias(n); !b.empty()) inputs.push_back(std::move(b));
    const Bounds bounds = bounds_of(options.fused_activation_function());
    const std::string open = clamped_name(y, bounds);
    auto& conv = node("Conv", inputs, open);
    window(conv, in, tensor(y).shape, options.padding(), {height, width}, {options.stride_h(), options.stride_w()},
           {options.dilation_h_factor(), options.dilation_w_factor()});
    attribute(conv, "group", std::int64_t{in[3]});
    clamp(open, y, bounds);
  }

  void fully_connected(const GraphNode& n) {
    const auto& options = require_options<schema::FullyConnectedOptions>(n);
    const std::int32_t y = n.outputs[0];
    const TensorDescription& in = tensor(n.inputs[0]);
    const Shape& f = tensor(n.inputs[1]).shape;
    if (tensor(y).rank() != 2) throw CannotRun("ONNX: a fully connected node of another rank than 2");
    std::string x = plain(n.inputs[0]);
    if (in.rank() != 2 || in.shape[1] != f[1]) {
      const std::string flat = fresh("flat");
      node("Reshape", {x, constant({in.count() / f[1], f[1]}, "shape")}, flat);
      x = flat;
    }
    std::vector<std::string> inputs{
        x, filter(n.inputs[1], {f[0], f[1]}, true, [&](auto o, auto i, auto, auto) { return o * std::int64_t{f[1]} + i; })};
    if (std::string b = bias(n); !b.empty()) inputs.push_back(std::move(b));
    const Bounds bounds = bounds_of(options.fused_activation_function());
    const std::string open = clamped_name(y, bounds);
    attribute(node("Gemm", inputs, open), "transB", std::int64_t{1});
    clamp(open, y, bounds);
  }

  void batch_matmul(const GraphNode& n) {
    const auto& options = require_options<schema::BatchMatMulOptions>(n);
    const std::int32_t y = n.outputs[0];
    const auto turned = [&](std::int32_t index, bool turn) {
      if (!turn) return plain(index);
      Dims order;
      for (int i = 0; i < tensor(index).rank(); ++i) order.push_back(i);
      std::swap(order[order.size() - 1], order[order.size() - 2]);
      const std::string to = fresh("turned");
      attribute(node("Transpose", {plain(index)}, to), "perm", order);
      return to;
    };
    node("MatMul", {turned(n.inputs[0], options.adj_x()), turned(n.inputs[1], options.adj_y())}, raw_output(y));
    finish(y);
  }

  void elementwise(const GraphNode& n, const char* op, schema::ActivationFunctionType activation) {
    const std::int32_t y = n.outputs[0];
    const bool beside_picture = is_picture(n.inputs[0]) || is_picture(n.inputs[1]);
    for (const std::int32_t input : n.inputs) {
      if (beside_picture && !is_picture(input) && data(input).empty()) throw CannotRun("ONNX: a picture beside something else");
    }
    if (beside_picture) pictures_.insert(y);
    const Bounds bounds = bounds_of(activation);
    const std::string open = clamped_name(y, bounds);
    node(op, {operand(n.inputs[0], beside_picture), operand(n.inputs[1], beside_picture)}, open);
    clamp(open, y, bounds);
  }

  void unary(const GraphNode& n, const char* op) {
    const std::int32_t y = n.outputs[0];
    if (is_picture(n.inputs[0])) pictures_.insert(y);
    auto& written = node(op, {name(n.inputs[0])}, raw_output(y));
    if (n.code == BuiltinOperator::SOFTMAX) attribute(written, "axis", std::int64_t{-1});
    finish(y);
  }

  void pool(const GraphNode& n, const char* op) {
    const auto& options = require_options<schema::Pool2DOptions>(n);
    const std::int32_t y = n.outputs[0];
    const Shape &in = tensor(n.inputs[0]).shape, &out = tensor(y).shape;
    pictures_.insert(y);
    const Bounds bounds = bounds_of(options.fused_activation_function());
    const std::string open = clamped_name(y, bounds);
    const bool whole = n.code == BuiltinOperator::AVERAGE_POOL_2D && options.filter_height() == in[1] && options.filter_width() == in[2] &&
                       out[1] == 1 && out[2] == 1;
    if (whole) {
      node("GlobalAveragePool", {picture(n.inputs[0])}, open);
    } else {
      window(node(op, {picture(n.inputs[0])}, open), in, out, options.padding(), {options.filter_height(), options.filter_width()},
             {options.stride_h(), options.stride_w()}, {1, 1});
    }
    clamp(open, y, bounds);
  }

  void mean(const GraphNode& n) {
    const auto& options = require_options<schema::ReducerOptions>(n);
    const std::int32_t y = n.outputs[0];
    Dims axes = constant_integers(graph_, n.inputs[1]);
    for (std::int64_t& axis : axes) axis += axis < 0 ? tensor(n.inputs[0]).rank() : 0;
    if (is_picture(n.inputs[0]) && axes == Dims{1, 2}) {
      if (options.keep_dims()) {
        pictures_.insert(y);
        node("GlobalAveragePool", {name(n.inputs[0])}, raw_output(y));
        return finish(y);
      }
      // The op that has an integer kernel, and a reshape of what is left.
      const std::string pooled = fresh("pooled"), kept = fresh("kept");
      node("GlobalAveragePool", {name(n.inputs[0])}, pooled);
      if (!is_quantized(y)) {
        node("Reshape", {pooled, constant(dims(y), "shape")}, name(y));
        return;
      }
      const auto parameters = scale_and_zero_point(y);
      const std::string bytes = fresh("bytes");
      node("QuantizeLinear", {pooled, parameters[0], parameters[1]}, bytes);
      dequantize(bytes, parameters, kept);
      node("Reshape", {kept, constant(dims(y), "shape")}, raw_output(y));
      return finish(y);
    }
    auto& reduce = node("ReduceMean", {plain(n.inputs[0])}, raw_output(y));
    attribute(reduce, "axes", axes);
    attribute(reduce, "keepdims", std::int64_t{options.keep_dims()});
    finish(y);
  }

  void pad(const GraphNode& n) {
    const std::int32_t y = n.outputs[0];
    const Dims list = constant_integers(graph_, n.inputs[1]);
    Dims before, after;
    for (std::size_t i = 0; i < list.size(); i += 2) before.push_back(list[i]), after.push_back(list[i + 1]);
    if (is_picture(n.inputs[0])) {
      pictures_.insert(y);
      before = channels_first(before);
      after = channels_first(after);
    }
    before.insert(before.end(), after.begin(), after.end());
    node("Pad", {name(n.inputs[0]), constant(before, "pads")}, raw_output(y));
    finish(y);
  }

  void concatenation(const GraphNode& n) {
    const auto& options = require_options<schema::ConcatenationOptions>(n);
    if (options.fused_activation_function() != schema::ActivationFunctionType::NONE) throw CannotRun("ONNX: a fused activation");
    const std::int32_t y = n.outputs[0];
    std::int64_t axis = options.axis() < 0 ? options.axis() + tensor(y).rank() : options.axis();
    const bool pictures = std::any_of(n.inputs.begin(), n.inputs.end(), [&](std::int32_t input) { return is_picture(input); });
    std::vector<std::string> inputs;
    for (const std::int32_t input : n.inputs) inputs.push_back(pictures ? picture(input) : name(input));
    if (pictures) {
      pictures_.insert(y);
      constexpr std::int64_t moved[] = {0, 2, 3, 1};
      axis = moved[axis];
    }
    attribute(node("Concat", inputs, raw_output(y)), "axis", axis);
    finish(y);
  }

  const GraphSubgraph& graph_;
  const Activations activations_;
  onnx::Model model_;
  std::set<std::int32_t> pictures_;  // tensors that are [N, C, H, W] in the ONNX model
  bool has_pictures_ = false;
  int next_ = 0;
};

}  // namespace

OnnxModel to_onnx(const GraphSubgraph& graph, Activations activations) {
  require_static_shapes(graph);
  return OnnxWriter(graph, activations).write();
}

}  // namespace tfl::bench
