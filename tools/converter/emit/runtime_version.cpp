#include "tools/converter/emit/runtime_version.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "tools/converter/emit/versions.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

/// 1.14.0 is 11400.
constexpr int newest_known = 21100, oldest = 10500;

/// The release that brought each version of an operator, from version 1 on.
const std::map<B, std::vector<int>>& releases() {
  static const std::map<B, std::vector<int>> table{
      {B::ABS, {11300, 20400, 20500, 20600}},
      {B::ADD, {10500, 11400, 20400, 20600}},
      {B::ADD_N, {11400}},
      {B::ARG_MAX, {10900, 11400, 20900}},
      {B::ARG_MIN, {10900, 11400, 20900}},
      {B::ASSIGN_VARIABLE, {20600}},
      {B::ATAN2, {21000}},
      {B::AVERAGE_POOL_2D, {10500, 11400, 20300}},
      {B::BATCH_MATMUL, {20300, 20300, 20400, 20500}},
      {B::BATCH_TO_SPACE_ND, {10600, 11400, 20300}},
      {B::BIDIRECTIONAL_SEQUENCE_LSTM, {11400, 11400, 11400}},
      {B::BIDIRECTIONAL_SEQUENCE_RNN, {11400, 11400, 20300}},
      {B::BROADCAST_ARGS, {20600}},
      {B::BROADCAST_TO, {20500, 20500, 20500}},
      {B::BUCKETIZE, {20800}},
      {B::CALL_ONCE, {20500}},
      {B::CAST, {10500, 20700, 20800, 20900}},
      {B::CEIL, {11400}},
      {B::COMPLEX_ABS, {20500}},
      {B::CONCATENATION, {10500, 11400, 20300}},
      {B::CONV_2D, {10500, 11400, 11400, 20300, 20400, 20900}},
      {B::CONV_3D, {20500}},
      {B::CONV_3D_TRANSPOSE, {20600}},
      {B::COS, {11400}},
      {B::CUMSUM, {20400}},
      {B::DENSIFY, {20200}},
      {B::DEPTHWISE_CONV_2D, {10500, 11200, 11400, 20200, 20300, 20300}},
      {B::DEPTH_TO_SPACE, {20100, 20500}},
      {B::DEQUANTIZE, {11301, 11400, 11500, 20200, 20700}},
      {B::DIV, {10600, 20300}},
      {B::DYNAMIC_UPDATE_SLICE, {20900}},
      {B::ELU, {11400}},
      {B::EMBEDDING_LOOKUP, {11300, 11400, 11400}},
      {B::EMBEDDING_LOOKUP_SPARSE, {10500}},
      {B::EQUAL, {11400, 11400, 20300}},
      {B::EXP, {10700}},
      {B::EXPAND_DIMS, {11000}},
      {B::FAKE_QUANT, {10500, 11000}},
      {B::FILL, {11300, 20300, 20500}},
      {B::FLOOR, {10900}},
      {B::FLOOR_DIV, {11400, 11400}},
      {B::FLOOR_MOD, {11300}},
      {B::FULLY_CONNECTED, {10500, 11000, 11400, 11400, 20000, 20100, 20300, 20300, 20300}},
      {B::GATHER, {10600, 11400, 11500, 20400, 20500}},
      {B::GATHER_ND, {11400, 20300, 20500}},
      {B::GELU, {20900, 20900}},
      {B::GREATER, {11400, 11400}},
      {B::GREATER_EQUAL, {11400, 11400}},
      {B::HARD_SWISH, {11500}},
      {B::HASHTABLE, {20500}},
      {B::HASHTABLE_FIND, {20500}},
      {B::HASHTABLE_IMPORT, {20500}},
      {B::HASHTABLE_LOOKUP, {10500}},
      {B::HASHTABLE_SIZE, {20500}},
      {B::IF, {11500}},
      {B::IMAG, {20500}},
      {B::L2_NORMALIZATION, {10500, 11400}},
      {B::L2_POOL_2D, {10500}},
      {B::LEAKY_RELU, {11301, 20300}},
      {B::LESS, {11400, 11400}},
      {B::LESS_EQUAL, {11400, 11400}},
      {B::LOCAL_RESPONSE_NORMALIZATION, {10500}},
      {B::LOG, {11400}},
      {B::LOGICAL_AND, {11100}},
      {B::LOGICAL_NOT, {11100}},
      {B::LOGICAL_OR, {11100}},
      {B::LOGISTIC, {11400, 11400, 20300}},
      {B::LOG_SOFTMAX, {11400, 11400}},
      {B::LSH_PROJECTION, {10500}},
      {B::LSTM, {10700, 11000, 11400, 20300}},
      {B::MATRIX_DIAG, {11400}},
      {B::MATRIX_SET_DIAG, {11400}},
      {B::MAXIMUM, {11400, 11400, 20300, 20300}},
      {B::MAX_POOL_2D, {10500, 11400, 20300}},
      {B::MEAN, {10600, 11400, 20400}},
      {B::MINIMUM, {11400, 11400, 20300, 20300}},
      {B::MIRROR_PAD, {11301, 20300}},
      {B::MUL, {10500, 11400, 11500, 20300, 20600}},
      {B::MULTINOMIAL, {20800}},
      {B::NEG, {10900}},
      {B::NON_MAX_SUPPRESSION_V4, {20100}},
      {B::NON_MAX_SUPPRESSION_V5, {20100}},
      {B::NOT_EQUAL, {11400, 11400, 20300}},
      {B::ONE_HOT, {11100}},
      {B::PACK, {11100, 11400, 20300}},
      {B::PAD, {10500, 11400, 20400, 20600}},
      {B::PADV2, {10900, 11400, 20400, 20600}},
      {B::POW, {11000}},
      {B::PRELU, {10800}},
      {B::QUANTIZE, {11400, 11500, 20700}},
      {B::RANDOM_STANDARD_NORMAL, {20800}},
      {B::RANDOM_UNIFORM, {20800}},
      {B::RANGE, {11300}},
      {B::RANK, {11400}},
      {B::READ_VARIABLE, {20600}},
      {B::REAL, {20500}},
      {B::REDUCE_ALL, {20600}},
      {B::REDUCE_ANY, {11100}},
      {B::REDUCE_MAX, {11100, 11400, 20500}},
      {B::REDUCE_MIN, {11100, 11400, 20500}},
      {B::REDUCE_PROD, {11100, 20600}},
      {B::RELU, {10500, 20100, 20500}},
      {B::RELU6, {10500, 11400, 20500}},
      {B::RELU_0_TO_1, {21000}},
      {B::RELU_N1_TO_1, {10500}},
      {B::RESHAPE, {10500}},
      {B::RESIZE_BILINEAR, {10700, 11400, 20200, 20500}},
      {B::RESIZE_NEAREST_NEIGHBOR, {11301, 11400, 20300, 20400}},
      {B::REVERSE_SEQUENCE, {11400}},
      {B::REVERSE_V2, {11400, 20200, 20500}},
      {B::RFFT2D, {20500}},
      {B::RNN, {10500, 11400, 20300}},
      {B::ROUND, {11400}},
      {B::RSQRT, {11000, 20500}},
      {B::SCATTER_ND, {20100}},
      {B::SEGMENT_SUM, {20200}},
      {B::SELECT, {11400, 11400}},
      {B::SELECT_V2, {20200}},
      {B::SHAPE, {11000}},
      {B::SIN, {10900}},
      {B::SKIP_GRAM, {10500}},
      {B::SLICE, {11400, 11400, 11400, 20400, 20500}},
      {B::SOFTMAX, {10500, 11400, 20300}},
      {B::SPACE_TO_BATCH_ND, {10600, 11400, 20300}},
      {B::SPACE_TO_DEPTH, {10500, 11400}},
      {B::SPARSE_TO_DENSE, {10900, 11400, 11500}},
      {B::SPLIT, {10500, 11400, 11400, 20300}},
      {B::SPLIT_V, {11301, 20300}},
      {B::SQRT, {11000}},
      {B::SQUARE, {11200}},
      {B::SQUARED_DIFFERENCE, {11301, 20500}},
      {B::SQUEEZE, {10600, 20500}},
      {B::STRIDED_SLICE, {10600, 11400, 20100, 20200, 20500, 20600}},
      {B::SUB, {10600, 11400, 20300, 20400, 20400}},
      {B::SUM, {11000, 11500}},
      {B::SVDF, {10500, 11400, 20200, 20300}},
      {B::TANH, {11400, 11400, 20300}},
      {B::TILE, {11001, 20200, 20800}},
      {B::TOPK_V2, {10700, 11400}},
      {B::TRANSPOSE, {10600, 11400, 11500, 20300, 20400}},
      {B::TRANSPOSE_CONV, {10900, 20200, 20300}},
      {B::UNIDIRECTIONAL_SEQUENCE_LSTM, {11301, 11400, 20300}},
      {B::UNIDIRECTIONAL_SEQUENCE_RNN, {11400, 11400, 20300}},
      {B::UNIQUE, {11400}},
      {B::UNPACK, {11100, 11400, 20200, 20300}},
      {B::UNSORTED_SEGMENT_MAX, {21000}},
      {B::UNSORTED_SEGMENT_MIN, {21100}},
      {B::UNSORTED_SEGMENT_PROD, {21000}},
      {B::UNSORTED_SEGMENT_SUM, {21000}},
      {B::VAR_HANDLE, {20600}},
      {B::WHERE, {11400, 20800}},
      {B::WHILE, {11500}},
      {B::ZEROS_LIKE, {11200}},
  };
  return table;
}

int release_of(const Node& node) {
  if (node.is(B::CUSTOM)) return oldest;
  const auto found = releases().find(node.operation.code());
  const auto version = static_cast<std::size_t>(std::max({node.version, required_version(node), 1}));
  return found == releases().end() || version > found->second.size() ? newest_known : found->second[version - 1];
}

}  // namespace

std::string min_runtime_version(const Model& model) {
  int newest = oldest;
  for (const auto& graph : model.graphs) {
    for (const auto& node : graph->nodes()) newest = std::max(newest, release_of(*node));
  }
  return std::to_string(newest / 10000) + "." + std::to_string(newest / 100 % 100) + "." + std::to_string(newest % 100);
}

}  // namespace tfl::converter
