#include "tools/converter/emit/versions.hpp"

#include <algorithm>

namespace tfl::converter {
namespace {

using B = BuiltinOperator;
using T = TensorType;

T type_of(const Tensor* tensor) { return tensor == nullptr ? T::none : tensor->type; }

/// What a version depends on, of one node.
struct Facts {
  explicit Facts(const Node& node) : a(node.attributes), inputs(node.inputs().size()) {
    in = type_of(node.input(0));
    second = type_of(node.input(1));
    third = type_of(node.input(2));
    out = type_of(node.output(0));
    for (const Tensor* t : node.inputs()) most_dimensions = t == nullptr ? most_dimensions : std::max(most_dimensions, t->rank());
    rank = node.input(0) == nullptr ? 0 : node.input(0)->rank();
    broadcasts = node.input(0) != nullptr && node.input(1) != nullptr && node.input(0)->shape != node.input(1)->shape;
    per_channel = node.input(1) != nullptr && node.input(1)->quantization.scales.size() > 1;
    first_per_channel = node.input(0) != nullptr && node.input(0)->quantization.scales.size() > 1;
    out_per_channel = node.output(0) != nullptr && node.output(0)->quantization.scales.size() > 1;
    quantized = node.input(0) != nullptr && node.input(0)->quantization.present();
    sparse = node.input(1) != nullptr && node.input(1)->sparsity != nullptr;
  }
  /// Float activations with int8 weights.
  bool hybrid(T weights) const { return in == T::float32 && (weights == T::int8 || weights == T::int4) && out == T::float32; }

  const Attributes& a;
  std::size_t inputs;
  T in = T::none, second = T::none, third = T::none, out = T::none;
  int most_dimensions = 0, rank = 0;
  bool broadcasts = false, per_channel = false, first_per_channel = false, out_per_channel = false, quantized = false, sparse = false;
};

int convolution(const Node& node, const Facts& f) {
  if (f.in == T::int16 && f.second == T::int8 && f.a.has("quantized_bias_type")) return 8;
  const Tensor *x = node.input(0), *w = node.input(1);
  if (x != nullptr && w != nullptr && x->rank() == 4 && w->rank() == 4 && x->shape[3] > 0 && x->shape[3] != w->shape[3]) return 6;
  if (f.in == T::int8 && f.second == T::int4) return 7;
  if (f.in == T::int16) return f.second == T::int16 ? 4 : 3;
  if (f.in == T::int8) return 3;
  return f.hybrid(f.second) ? (f.per_channel ? 5 : 2) : 1;
}

int depthwise(const Facts& f) {
  if (f.in == T::int16) return 5;
  if (f.hybrid(f.second)) return f.per_channel ? 6 : 4;
  if (f.in == T::int8) return f.second == T::int4 ? 7 : 3;
  return f.a.integer("dilation_w_factor", 1) != 1 || f.a.integer("dilation_h_factor", 1) != 1 ? 2 : 1;
}

int fully_connected(const Facts& f) {
  if (f.hybrid(f.second) && f.per_channel) return 12;
  if (f.in == T::int16 && f.second == T::int8 && f.a.has("quantized_bias_type")) return 11;
  if (f.sparse) return 8;
  if (f.in == T::int16) return 7;
  if (f.in == T::int8 && f.second == T::int4) return 10;
  if (f.inputs == 2) return 6;
  if (f.a.boolean("keep_num_dims")) return 5;
  if (f.in == T::int8) return 4;
  if (f.hybrid(f.second)) return f.a.boolean("asymmetric_quantize_inputs") ? 9 : 3;
  return f.a.text("weights_format") == "SHUFFLED4x16INT8" ? 2 : 1;
}

int recurrent(const Node& node, const Facts& f) {
  const bool asymmetric = f.a.boolean("asymmetric_quantize_inputs");
  if (node.is(B::LSTM) && f.a.text("kernel_type") == "BASIC") return 2;
  if (f.in == T::int16 && f.third == T::int8) return 5;
  if (node.is(B::UNIDIRECTIONAL_SEQUENCE_LSTM) && f.a.boolean("diagonal_recurrent_tensors")) return 4;
  const int hybrid = node.is(B::LSTM) ? 3 : 2;
  return f.hybrid(f.third) ? hybrid + (asymmetric ? 1 : 0) : 1;
}

int multiplication(const Node& node, const Facts& f) {
  if (f.in == T::uint32 || (f.in == T::int16 && !f.quantized)) return 7;
  if (f.in == T::complex64) return 6;
  if (f.in == T::int64) return 5;
  if (f.in == T::int16) return 4;
  if (f.quantized && node.input(1)->quantization.present() && node.output(0)->quantization.present()) {
    const auto scale = [](const Tensor* t) { return t->quantization.scales.empty() ? 0.0f : t->quantization.scales[0]; };
    if (scale(node.output(0)) > 0 && scale(node.input(0)) * scale(node.input(1)) / scale(node.output(0)) >= 1.0f) return 3;
  }
  return f.in == T::int8 ? 2 : 1;
}

int cast(const Facts& f) {
  const auto either = [&](T type) { return f.in == type || f.out == type; };
  if (either(T::bfloat16)) return 7;
  if (f.in == T::int4) return 6;
  if (either(T::float64) || either(T::float16)) return 5;
  if (either(T::uint16)) return 4;
  if (either(T::int8)) return 3;
  return either(T::uint32) ? 2 : 1;
}

int strided_slice(const Facts& f) {
  if (f.a.boolean("offset")) return 8;
  if (f.in == T::uint32) return 7;
  if (f.a.integer("ellipsis_mask") != 0 || f.a.integer("new_axis_mask") != 0) return 6;
  if (f.in == T::string) return 5;
  if (f.rank > 4) return 4;
  return f.in == T::boolean ? 3 : f.in == T::int8 ? 2 : 1;
}

/// 2 with int8 data, `shorts` with int16 data.
int by_type(T type, int shorts) { return type == T::int16 ? shorts : type == T::int8 ? 2 : 1; }

}  // namespace

int required_version(const Node& node) {
  if (node.operation.is_source() || node.is(B::CUSTOM)) return 1;
  const Facts f(node);
  const bool wide = f.broadcasts && f.most_dimensions > 4;
  switch (node.operation.code()) {
    case B::CONV_2D: return convolution(node, f);
    case B::DEPTHWISE_CONV_2D: return depthwise(f);
    case B::FULLY_CONNECTED: return fully_connected(f);
    case B::LSTM:
    case B::UNIDIRECTIONAL_SEQUENCE_LSTM: return recurrent(node, f);
    case B::RNN:
    case B::UNIDIRECTIONAL_SEQUENCE_RNN:
    case B::BIDIRECTIONAL_SEQUENCE_RNN:
    case B::BIDIRECTIONAL_SEQUENCE_LSTM: return f.hybrid(f.second) ? (f.a.boolean("asymmetric_quantize_inputs") ? 3 : 2) : 1;
    case B::SVDF: return f.in == T::int8 ? 3 : f.hybrid(f.second) ? (f.a.boolean("asymmetric_quantize_inputs") ? 4 : 2) : 1;
    case B::TRANSPOSE_CONV: {
      if (f.third == T::int16 && f.a.has("quantized_bias_type")) return 5;
      if (f.a.has("fused_activation_function")) return 4;
      return node.input(3) != nullptr ? 3 : f.second == T::int8 ? 2 : 1;
    }
    case B::MUL: return multiplication(node, f);
    case B::ADD:
      if (f.in == T::int16) return f.quantized ? (f.a.boolean("pot_scale_int16", true) ? 1 : 3) : 5;
      return f.in == T::int64 ? 4 : f.in == T::int8 ? 2 : 1;
    case B::SUB:
      if (f.in == T::int16 && !f.a.boolean("pot_scale_int16", true)) return 5;
      return f.in == T::int64 ? 4 : wide ? 3 : f.in == T::int8 ? 2 : 1;
    case B::DIV: return wide ? 2 : 1;
    case B::MAXIMUM:
    case B::MINIMUM: return f.in == T::int16 ? 4 : wide ? 3 : f.in == T::int8 ? 2 : 1;
    case B::GATHER:
      if (f.in == T::int4) return 7;
      if (f.second == T::int16) return 6;
      if (f.a.integer("batch_dims") != 0) return 5;
      return f.in == T::int16 ? 4 : f.in == T::boolean ? 3 : f.in == T::int8 ? 2 : 1;
    case B::GATHER_ND: return f.in == T::boolean ? 5 : f.second == T::int16 ? 4 : f.in == T::int16 ? 3 : f.in == T::string ? 2 : 1;
    case B::TRANSPOSE: return f.rank > 5 ? 6 : f.in == T::int16 ? 5 : f.rank > 4 ? 4 : f.in == T::boolean ? 3 : f.in == T::int8 ? 2 : 1;
    case B::SPLIT: return f.second == T::int16 ? 4 : f.second == T::int32 ? 3 : f.second == T::int8 ? 2 : 1;
    case B::SLICE: return f.in == T::uint32 ? 6 : f.rank > 4 ? 5 : f.in == T::int16 ? 4 : f.in == T::string ? 3 : f.in == T::int8 ? 2 : 1;
    case B::STRIDED_SLICE: return strided_slice(f);
    case B::UNPACK: return f.in == T::int16 ? 4 : f.in == T::boolean ? 3 : f.in == T::int8 || f.in == T::uint8 ? 2 : 1;
    case B::DEQUANTIZE:
      if (f.in == T::int4) return 6;
      return f.in == T::int16 || f.in == T::float16 ? 3 : f.in == T::int8 ? (f.first_per_channel ? 5 : 2) : 1;
    case B::QUANTIZE:
      if (f.in == T::int4 || f.out == T::int4) return 4;
      return f.out_per_channel ? 3 : f.out == T::int16 ? 2 : 1;
    case B::FLOOR_DIV: return f.in == T::int16 || f.in == T::int8 ? 3 : f.in == T::float32 ? 2 : 1;
    case B::FLOOR_MOD: return f.in == T::int16 || f.in == T::int8 ? 2 : 1;
    case B::L2_NORMALIZATION: return f.out == T::int8 ? 2 : 1;
    case B::ABS:
      if (f.in == T::int32) return 5;
      return f.in == T::int16 ? (f.quantized ? 3 : 4) : f.in == T::int8 || f.in == T::uint8 ? 2 : 1;
    case B::RELU: return f.in == T::uint8 ? 2 : by_type(f.in, 3);
    case B::REVERSE_V2: return f.in == T::int8 ? 3 : f.in == T::boolean ? 2 : 1;
    case B::RESIZE_BILINEAR: return f.in == T::int16 ? 4 : f.a.boolean("half_pixel_centers") ? 3 : f.in == T::int8 ? 2 : 1;
    case B::RESIZE_NEAREST_NEIGHBOR:
      return f.in == T::int16 ? 4 : f.a.boolean("half_pixel_centers") || f.a.boolean("align_corners") ? 3 : f.in == T::int8 ? 2 : 1;
    case B::PACK: return f.in == T::uint32 ? 4 : by_type(f.in, 3);
    case B::CONCATENATION: return f.in == T::uint32 ? 4 : by_type(f.in, 3);
    case B::TILE: return f.in == T::int8 ? 3 : f.in == T::string ? 2 : 1;
    case B::SQUEEZE: return f.in == T::string ? 2 : 1;
    case B::SPACE_TO_BATCH_ND:
    case B::BATCH_TO_SPACE_ND: return f.in == T::int16 ? 4 : f.rank != 4 ? 3 : f.in == T::int8 ? 2 : 1;
    case B::PAD:
    case B::PADV2: return f.rank > 4 ? 4 : by_type(f.in, 3);
    case B::AVERAGE_POOL_2D:
    case B::MAX_POOL_2D:
    case B::TANH:
    case B::LOGISTIC:
    case B::SOFTMAX:
    case B::MEAN:
    case B::MIRROR_PAD:
    case B::REDUCE_MAX:
    case B::REDUCE_MIN:
    case B::RELU6:
    case B::RSQRT:
    case B::LESS:
    case B::GREATER_EQUAL: return by_type(f.in, 3);
    case B::SPACE_TO_DEPTH:
    case B::DEPTH_TO_SPACE:
    case B::SPLIT_V:
    case B::SUM:
    case B::LOG_SOFTMAX:
    case B::GREATER:
    case B::LESS_EQUAL:
    case B::SQUARED_DIFFERENCE: return by_type(f.in, 1);
    case B::EQUAL: return f.in == T::int16 ? 4 : f.in == T::string ? 3 : f.in == T::int8 ? 2 : 1;
    case B::NOT_EQUAL: return f.in == T::string ? 3 : f.in == T::int8 ? 2 : 1;
    case B::LEAKY_RELU: return f.in == T::int16 ? 2 : 1;
    case B::RANGE: return f.in == T::int64 ? 2 : 1;
    case B::BATCH_MATMUL:
      if (f.in == T::int16) return 3;
      return f.in == T::int8 ? 2 : f.hybrid(f.second) && f.a.boolean("asymmetric_quantize_inputs") ? 4 : 1;
    case B::ARG_MAX:
    case B::ARG_MIN: return f.in == T::boolean ? 3 : by_type(f.in, 1);
    case B::SELECT: return f.in == T::uint32 ? 4 : f.most_dimensions == 5 ? 3 : f.in == T::int8 ? 2 : 1;
    case B::SELECT_V2: return f.in == T::uint32 ? 2 : 1;
    case B::TOPK_V2: return f.in == T::int16 || f.second == T::int16 ? 3 : f.in == T::int8 ? 2 : 1;
    case B::EXP:
    case B::LOG:
    case B::REDUCE_PROD: return by_type(f.in, 2);
    case B::BROADCAST_TO: return f.in == T::int8 || f.in == T::int16 ? 3 : 2;
    case B::CAST: return cast(f);
    case B::FILL:
      return f.second == T::float16                            ? 4
             : f.second == T::int8 || f.second == T::int16     ? 3
             : f.second == T::boolean || f.second == T::string ? 2
                                                               : 1;
    case B::WHERE: return f.in == T::boolean ? 1 : 2;
    case B::GELU: return f.in == T::int8 || f.in == T::uint8 ? 2 : 1;
    case B::SIGN: return f.in == T::int32 ? 2 : 1;
    case B::FAKE_QUANT: return f.a.boolean("narrow_range") ? 2 : 1;
    default: return 1;
  }
}

}  // namespace tfl::converter
