// XNNPACK as a Runner: a .tflite graph told to its subgraph API.

#include <cpuinfo.h>
#include <pthreadpool.h>
#include <xnnpack.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/graph.hpp"
#include "bench/peers/runner.hpp"
#include "bench/peers/xnnpack_api.hpp"

namespace tfl::bench {

namespace {

using xnnpack::check;

/// Adds the nodes of a graph to a subgraph, one after the other.
class SubgraphWriter {
 public:
  SubgraphWriter(const GraphSubgraph& graph, xnn_subgraph_t subgraph) : graph_(graph), subgraph_(subgraph) {
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) externals_[graph.inputs[i]] = {next_external_++, XNN_VALUE_FLAG_EXTERNAL_INPUT};
    for (const std::int32_t output : graph.outputs) externals_[output] = {next_external_++, XNN_VALUE_FLAG_EXTERNAL_OUTPUT};
  }

  void write() {
    // Graph inputs that no node reads are values as well.
    for (const std::int32_t input : graph_.inputs) value(input);
    for (const GraphNode& node : graph_.nodes) write(node);
  }

 private:
  struct External {
    std::uint32_t id = 0, flags = 0;
  };

  const TensorDescription& tensor(std::int32_t index) const { return graph_.tensors[static_cast<std::size_t>(index)].description; }

  /// The value of a tensor, defined when it is first asked for.
  std::uint32_t value(std::int32_t index) {
    if (index < 0) return XNN_INVALID_VALUE_ID;
    const auto known = values_.find(index);
    if (known != values_.end()) return known->second;
    const GraphTensor& t = graph_.tensors[static_cast<std::size_t>(index)];
    const auto external = externals_.find(index);
    const External e = external != externals_.end() ? external->second : External{XNN_INVALID_VALUE_ID, 0};
    const void* data = t.data.empty() ? nullptr : t.data.data();
    return values_[index] = define(t.description, sizes_of(t.description.shape), data, e);
  }

  std::uint32_t define(const TensorDescription& d, const std::vector<std::size_t>& sizes, const void* data,
                       External external = {XNN_INVALID_VALUE_ID, 0}) {
    std::uint32_t id = XNN_INVALID_VALUE_ID;
    const Quantization& q = d.quantization;
    if (d.type == TensorType::float32) {
      check(xnn_define_tensor_value(subgraph_, xnn_datatype_fp32, sizes.size(), sizes.data(), data, external.id, external.flags, &id),
            "a float32 tensor");
      return id;
    }
    if (!q.present()) throw CannotRun(std::string("XNNPACK: a tensor of ") + name_of(d.type) + " without a scale");
    if (q.per_channel()) {
      const xnn_datatype type = d.type == TensorType::int8    ? xnn_datatype_qcint8
                                : d.type == TensorType::int32 ? xnn_datatype_qcint32
                                                              : xnn_datatype_invalid;
      check(xnn_define_channelwise_quantized_tensor_value(subgraph_, type, q.channel_scales.data(), sizes.size(),
                                                          static_cast<std::size_t>(q.axis), sizes.data(), data, external.id, external.flags,
                                                          &id),
            "a tensor with one scale a channel");
      return id;
    }
    const xnn_datatype type = d.type == TensorType::int8    ? xnn_datatype_qint8
                              : d.type == TensorType::uint8 ? xnn_datatype_quint8
                              : d.type == TensorType::int32 ? xnn_datatype_qint32
                                                            : xnn_datatype_invalid;
    check(xnn_define_quantized_tensor_value(subgraph_, type, q.zero_point, q.scale, sizes.size(), sizes.data(), data, external.id,
                                            external.flags, &id),
          "a quantized tensor");
    return id;
  }

  /// A value of float32 with the shape of a tensor.
  std::uint32_t float_value(std::int32_t like) {
    TensorDescription real;
    real.type = TensorType::float32;
    return define(real, sizes_of(tensor(like).shape), nullptr);
  }

  void convert(std::uint32_t from, std::uint32_t to) { xnnpack::unary(subgraph_, xnnpack::Unary::convert, from, to); }

  void write(const GraphNode& node) {
    try {
      if (!write_weighted(node) && !write_arithmetic(node) && !write_movement(node)) throw CannotRun("XNNPACK: no such op in its API");
    } catch (const CannotRun& reason) {
      throw CannotRun(std::string(node.name()) + " (node " + std::to_string(node.file_index) + "): " + reason.what());
    }
  }

  bool write_weighted(const GraphNode& node) {
    switch (node.code) {
      case BuiltinOperator::CONV_2D: return convolution(node);
      case BuiltinOperator::DEPTHWISE_CONV_2D: return depthwise(node);
      case BuiltinOperator::FULLY_CONNECTED: return fully_connected(node);
      case BuiltinOperator::BATCH_MATMUL: {
        const auto& options = require_options<schema::BatchMatMulOptions>(node);
        if (options.adj_x()) throw CannotRun("XNNPACK: a transposed first matrix");
        xnnpack::batch_matmul(subgraph_, value(node.inputs[0]), value(node.inputs[1]), value(node.outputs[0]), options.adj_y());
        return true;
      }
      default: return false;
    }
  }

  std::uint32_t bias(const GraphNode& node) { return node.inputs.size() > 2 ? value(node.inputs[2]) : XNN_INVALID_VALUE_ID; }

  bool convolution(const GraphNode& node) {
    const auto& options = require_options<schema::Conv2DOptions>(node);
    const Shape &in = tensor(node.inputs[0]).shape, &filter = tensor(node.inputs[1]).shape;
    const Bounds bounds = bounds_of(options.fused_activation_function());
    const auto groups = static_cast<std::uint32_t>(in[3] / filter[3]);
    check(xnn_define_convolution_2d(subgraph_, 0, 0, 0, 0, size(filter[1]), size(filter[2]), size(options.stride_h()),
                                    size(options.stride_w()), size(options.dilation_h_factor()), size(options.dilation_w_factor()), groups,
                                    static_cast<std::size_t>(filter[3]), static_cast<std::size_t>(filter[0]) / groups, bounds.min,
                                    bounds.max, value(node.inputs[0]), value(node.inputs[1]), bias(node), value(node.outputs[0]),
                                    padding_flag(options.padding())),
          "its convolution");
    return true;
  }

  bool depthwise(const GraphNode& node) {
    const auto& options = require_options<schema::DepthwiseConv2DOptions>(node);
    const Shape &in = tensor(node.inputs[0]).shape, &filter = tensor(node.inputs[1]).shape;
    const Bounds bounds = bounds_of(options.fused_activation_function());
    check(xnn_define_depthwise_convolution_2d(subgraph_, 0, 0, 0, 0, size(filter[1]), size(filter[2]), size(options.stride_h()),
                                              size(options.stride_w()), size(options.dilation_h_factor()),
                                              size(options.dilation_w_factor()), size(filter[3] / in[3]), static_cast<std::size_t>(in[3]),
                                              bounds.min, bounds.max, value(node.inputs[0]), value(node.inputs[1]), bias(node),
                                              value(node.outputs[0]), padding_flag(options.padding())),
          "its depthwise convolution");
    return true;
  }

  bool fully_connected(const GraphNode& node) {
    const auto& options = require_options<schema::FullyConnectedOptions>(node);
    const TensorDescription& in = tensor(node.inputs[0]);
    const Shape& filter = tensor(node.inputs[1]).shape;
    if (options.weights_format() != schema::FullyConnectedOptionsWeightsFormat::DEFAULT) throw CannotRun("XNNPACK: shuffled weights");
    std::uint32_t x = value(node.inputs[0]);
    if (tensor(node.outputs[0]).rank() != in.rank() || in.shape[in.rank() - 1] != filter[1]) {
      const std::vector<std::size_t> rows{static_cast<std::size_t>(in.count() / filter[1]), static_cast<std::size_t>(filter[1])};
      const std::uint32_t flat = define(in, rows, nullptr);
      check(xnn_define_static_reshape(subgraph_, rows.size(), rows.data(), x, flat, 0), "its reshape");
      x = flat;
    }
    const Bounds bounds = bounds_of(options.fused_activation_function());
    check(xnn_define_fully_connected(subgraph_, bounds.min, bounds.max, x, value(node.inputs[1]), bias(node), value(node.outputs[0]), 0),
          "its fully connected node");
    return true;
  }

  bool write_arithmetic(const GraphNode& node) {
    using xnnpack::Binary;
    using xnnpack::Unary;
    switch (node.code) {
      case BuiltinOperator::ADD: return binary(node, Binary::add, require_options<schema::AddOptions>(node).fused_activation_function());
      case BuiltinOperator::SUB:
        return binary(node, Binary::subtract, require_options<schema::SubOptions>(node).fused_activation_function());
      case BuiltinOperator::MUL:
        return binary(node, Binary::multiply, require_options<schema::MulOptions>(node).fused_activation_function());
      case BuiltinOperator::DIV: return binary(node, Binary::divide, require_options<schema::DivOptions>(node).fused_activation_function());
      case BuiltinOperator::MAXIMUM: return binary(node, Binary::maximum, schema::ActivationFunctionType::NONE);
      case BuiltinOperator::MINIMUM: return binary(node, Binary::minimum, schema::ActivationFunctionType::NONE);
      case BuiltinOperator::HARD_SWISH: return unary(node, Unary::hard_swish);
      case BuiltinOperator::LOGISTIC: return unary(node, Unary::sigmoid);
      case BuiltinOperator::TANH: return unary(node, Unary::tanh);
      case BuiltinOperator::ABS: return unary(node, Unary::absolute);
      case BuiltinOperator::SQRT: return unary(node, Unary::square_root);
      case BuiltinOperator::RELU: return clamp(node, bounds_of(schema::ActivationFunctionType::RELU));
      case BuiltinOperator::RELU6: return clamp(node, bounds_of(schema::ActivationFunctionType::RELU6));
      case BuiltinOperator::RELU_N1_TO_1: return clamp(node, bounds_of(schema::ActivationFunctionType::RELU_N1_TO_1));
      case BuiltinOperator::QUANTIZE:
      case BuiltinOperator::DEQUANTIZE: return requantize(node);
      case BuiltinOperator::SOFTMAX: return softmax(node);
      case BuiltinOperator::MEAN: return mean(node);
      case BuiltinOperator::AVERAGE_POOL_2D: return average_pool(node);
      case BuiltinOperator::MAX_POOL_2D: {
        const auto& options = require_options<schema::Pool2DOptions>(node);
        const Bounds bounds = bounds_of(options.fused_activation_function());
        check(xnn_define_max_pooling_2d(subgraph_, 0, 0, 0, 0, size(options.filter_height()), size(options.filter_width()),
                                        size(options.stride_h()), size(options.stride_w()), 1, 1, bounds.min, bounds.max,
                                        value(node.inputs[0]), value(node.outputs[0]), padding_flag(options.padding())),
              "its max pooling");
        return true;
      }
      default: return false;
    }
  }

  bool binary(const GraphNode& node, xnnpack::Binary kind, schema::ActivationFunctionType activation) {
    xnnpack::binary(subgraph_, kind, bounds_of(activation), value(node.inputs[0]), value(node.inputs[1]), value(node.outputs[0]));
    return true;
  }
  bool unary(const GraphNode& node, xnnpack::Unary kind) {
    xnnpack::unary(subgraph_, kind, value(node.inputs[0]), value(node.outputs[0]));
    return true;
  }
  bool clamp(const GraphNode& node, Bounds bounds) {
    xnnpack::clamp(subgraph_, bounds, value(node.inputs[0]), value(node.outputs[0]));
    return true;
  }

  bool requantize(const GraphNode& node) {
    const TensorDescription &in = tensor(node.inputs[0]), &out = tensor(node.outputs[0]);
    const std::uint32_t from = value(node.inputs[0]), to = value(node.outputs[0]);
    if (in.type == out.type || in.type == TensorType::float32 || out.type == TensorType::float32) {
      convert(from, to);
    } else {
      // int8 from uint8 and back: by way of float32.
      const std::uint32_t real = float_value(node.inputs[0]);
      convert(from, real);
      convert(real, to);
    }
    return true;
  }

  /// Softmax exists in floating point only.
  bool softmax(const GraphNode& node) {
    if (require_options<schema::SoftmaxOptions>(node).beta() != 1.0f) throw CannotRun("XNNPACK: a softmax with beta other than 1");
    std::uint32_t x = value(node.inputs[0]), y = value(node.outputs[0]);
    const bool quantized = tensor(node.inputs[0]).type != TensorType::float32;
    if (quantized) {
      const std::uint32_t real = float_value(node.inputs[0]);
      convert(x, real);
      x = real;
      y = float_value(node.outputs[0]);
    }
    check(xnn_define_softmax(subgraph_, x, y, 0), "its softmax");
    if (quantized) convert(y, value(node.outputs[0]));
    return true;
  }

  bool mean(const GraphNode& node) {
    const auto& options = require_options<schema::ReducerOptions>(node);
    std::vector<std::size_t> axes;
    for (const std::int64_t axis : constant_integers(graph_, node.inputs[1])) {
      axes.push_back(static_cast<std::size_t>(axis < 0 ? axis + tensor(node.inputs[0]).rank() : axis));
    }
    xnnpack::mean(subgraph_, axes, value(node.inputs[0]), value(node.outputs[0]), options.keep_dims());
    return true;
  }

  /// Over the whole picture it is a mean, which exists for quantized values too.
  bool average_pool(const GraphNode& node) {
    const auto& options = require_options<schema::Pool2DOptions>(node);
    const TensorDescription &in = tensor(node.inputs[0]), &out = tensor(node.outputs[0]);
    const Bounds bounds = bounds_of(options.fused_activation_function());
    const bool whole = options.filter_height() == in.shape[1] && options.filter_width() == in.shape[2] && out.shape[1] == 1 &&
                       out.shape[2] == 1 && bounds.min == bounds_of(schema::ActivationFunctionType::NONE).min;
    if (whole) {
      xnnpack::mean(subgraph_, {1, 2}, value(node.inputs[0]), value(node.outputs[0]), true);
      return true;
    }
    check(xnn_define_average_pooling_2d(subgraph_, 0, 0, 0, 0, size(options.filter_height()), size(options.filter_width()),
                                        size(options.stride_h()), size(options.stride_w()), bounds.min, bounds.max, value(node.inputs[0]),
                                        value(node.outputs[0]), padding_flag(options.padding())),
          "its average pooling");
    return true;
  }

  bool write_movement(const GraphNode& node) {
    switch (node.code) {
      case BuiltinOperator::RESHAPE:
      case BuiltinOperator::SQUEEZE:
      case BuiltinOperator::EXPAND_DIMS: {
        const std::vector<std::size_t> to = sizes_of(tensor(node.outputs[0]).shape);
        check(xnn_define_static_reshape(subgraph_, to.size(), to.data(), value(node.inputs[0]), value(node.outputs[0]), 0), "its reshape");
        return true;
      }
      case BuiltinOperator::TRANSPOSE: {
        std::vector<std::size_t> permutation;
        for (const std::int64_t axis : constant_integers(graph_, node.inputs[1])) permutation.push_back(static_cast<std::size_t>(axis));
        xnnpack::transpose(subgraph_, permutation, value(node.inputs[0]), value(node.outputs[0]));
        return true;
      }
      case BuiltinOperator::PAD: {
        const std::vector<std::int64_t> paddings = constant_integers(graph_, node.inputs[1]);
        std::vector<std::size_t> before, after;
        for (std::size_t i = 0; i < paddings.size(); i += 2) {
          before.push_back(static_cast<std::size_t>(paddings[i]));
          after.push_back(static_cast<std::size_t>(paddings[i + 1]));
        }
        xnnpack::pad(subgraph_, before, after, value(node.inputs[0]), value(node.outputs[0]));
        return true;
      }
      case BuiltinOperator::CONCATENATION: return concatenation(node);
      case BuiltinOperator::RESIZE_BILINEAR: {
        const auto& options = require_options<schema::ResizeBilinearOptions>(node);
        const Shape& out = tensor(node.outputs[0]).shape;
        const std::uint32_t flags = options.align_corners()        ? XNN_FLAG_ALIGN_CORNERS
                                    : options.half_pixel_centers() ? 0u
                                                                   : std::uint32_t{XNN_FLAG_TENSORFLOW_LEGACY_MODE};
        check(xnn_define_static_resize_bilinear_2d(subgraph_, static_cast<std::size_t>(out[1]), static_cast<std::size_t>(out[2]),
                                                   value(node.inputs[0]), value(node.outputs[0]), flags),
              "its bilinear resize");
        return true;
      }
      default: return false;
    }
  }

  /// Inputs of another scale than the output's are converted first.
  bool concatenation(const GraphNode& node) {
    const auto& options = require_options<schema::ConcatenationOptions>(node);
    if (options.fused_activation_function() != schema::ActivationFunctionType::NONE) throw CannotRun("XNNPACK: a fused activation");
    const TensorDescription& out = tensor(node.outputs[0]);
    std::vector<std::uint32_t> inputs;
    for (const std::int32_t input : node.inputs) {
      const TensorDescription& in = tensor(input);
      std::uint32_t x = value(input);
      if (in.quantization.scale != out.quantization.scale || in.quantization.zero_point != out.quantization.zero_point) {
        TensorDescription like = out;
        like.is_constant = false;
        const std::uint32_t same = define(like, sizes_of(in.shape), nullptr);
        convert(x, same);
        x = same;
      }
      inputs.push_back(x);
    }
    const int axis = options.axis() < 0 ? options.axis() + out.rank() : options.axis();
    xnnpack::concatenate(subgraph_, axis, inputs, value(node.outputs[0]));
    return true;
  }

  static std::uint32_t size(std::int64_t value) { return static_cast<std::uint32_t>(value); }
  static std::uint32_t padding_flag(schema::Padding padding) {
    return padding == schema::Padding::SAME ? XNN_FLAG_TENSORFLOW_SAME_PADDING : 0;
  }

  const GraphSubgraph& graph_;
  xnn_subgraph_t subgraph_;
  std::uint32_t next_external_ = 0;
  std::map<std::int32_t, External> externals_;
  std::map<std::int32_t, std::uint32_t> values_;
};

struct DeleteSubgraph {
  void operator()(xnn_subgraph_t subgraph) const { xnn_delete_subgraph(subgraph); }
};
struct DeleteRuntime {
  void operator()(xnn_runtime_t runtime) const { xnn_delete_runtime(runtime); }
};
struct DeletePool {
  void operator()(pthreadpool_t pool) const { pthreadpool_destroy(pool); }
};

/// A comparison is one of equals: what this program was not compiled for, XNNPACK does without.
void forget_other_instructions() {
#if defined(__x86_64__) && !defined(TFL_XNNPACK_2022)
  if (!cpuinfo_initialize()) return;
#ifndef __AVX512F__
  cpuinfo_isa.avx512f = cpuinfo_isa.avx512bw = cpuinfo_isa.avx512dq = cpuinfo_isa.avx512vl = cpuinfo_isa.avx512cd = false;
  cpuinfo_isa.avx512vbmi = cpuinfo_isa.avx512fp16 = cpuinfo_isa.avx512bf16 = false;
#endif
#ifndef __AVX512VNNI__
  cpuinfo_isa.avx512vnni = false;
#endif
#ifndef __AVXVNNI__
  cpuinfo_isa.avxvnni = cpuinfo_isa.avx_vnni_int8 = false;
#endif
#ifndef __AMX_INT8__
  cpuinfo_isa.amx_int8 = cpuinfo_isa.amx_tile = cpuinfo_isa.amx_fp16 = false;
#endif
#endif
}

class XnnpackRunner final : public Runner {
 public:
  XnnpackRunner(const Model& model, int threads) : model_(model) {
    forget_other_instructions();
    check(xnn_initialize(nullptr), "this processor");
    const GraphSubgraph& graph = model_.subgraphs()[0];
    require_static_shapes(graph);
    xnn_subgraph_t subgraph = nullptr;
    check(xnn_create_subgraph(static_cast<std::uint32_t>(graph.inputs.size() + graph.outputs.size()), 0, &subgraph), "a graph");
    subgraph_.reset(subgraph);
    SubgraphWriter(graph, subgraph).write();
    if (threads > 1) pool_.reset(pthreadpool_create(static_cast<std::size_t>(threads)));
    xnn_runtime_t runtime = nullptr;
    check(xnn_create_runtime_v2(subgraph, pool_.get(), 0, &runtime), "this graph as a whole");
    runtime_.reset(runtime);

    std::uint32_t id = 0;
    std::vector<xnn_external_value> externals;
    const auto add = [&](std::int32_t tensor, std::vector<std::vector<std::byte>>& list) {
      const auto bytes = static_cast<std::size_t>(graph.tensors[static_cast<std::size_t>(tensor)].description.bytes());
      list.emplace_back(bytes + XNN_EXTRA_BYTES);
      externals.push_back({id++, list.back().data()});
      return bytes;
    };
    for (const std::int32_t tensor : graph.inputs) add(tensor, inputs_);
    for (const std::int32_t tensor : graph.outputs) output_bytes_.push_back(add(tensor, outputs_));
    check(xnn_setup_runtime(runtime, externals.size(), externals.data()), "this graph's memory");
  }

  void set_input(int i, std::span<const std::byte> bytes) override {
    std::memcpy(inputs_[static_cast<std::size_t>(i)].data(), bytes.data(), bytes.size());
  }
  void invoke() override { check(xnn_invoke_runtime(runtime_.get()), "a run"); }
  std::vector<std::byte> output(int i) const override {
    const auto& bytes = outputs_[static_cast<std::size_t>(i)];
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(output_bytes_[static_cast<std::size_t>(i)])};
  }

 private:
  Model model_;  // XNNPACK reads the weights where they lie
  std::unique_ptr<xnn_subgraph, DeleteSubgraph> subgraph_;
  std::unique_ptr<pthreadpool, DeletePool> pool_;
  std::unique_ptr<xnn_runtime, DeleteRuntime> runtime_;
  std::vector<std::vector<std::byte>> inputs_, outputs_;
  std::vector<std::size_t> output_bytes_;
};

}  // namespace

std::unique_ptr<Runner> run_by_xnnpack(const Model& model, int threads) { return std::make_unique<XnnpackRunner>(model, threads); }

}  // namespace tfl::bench
