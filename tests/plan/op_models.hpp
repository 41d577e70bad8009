#pragma once
// Models that hold one node of every op that static plans run, as far as no other model here does: what the compiler infers, prepares and
// calls with extents that it knows must give the interpreter's bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/sparse_constant.hpp"
#include "tfl/model/builder.hpp"

namespace tfl::test {

class OpModel {
 public:
  using Dims = std::vector<std::int32_t>;

  int input(TensorType type, Dims shape, QuantizationSpec quantization = {}) {
    inputs_.push_back(add(type, std::move(shape), std::move(quantization)));
    return inputs_.back();
  }
  template <class T> int constant(Dims shape, std::vector<T> values) {
    return b_.add_constant({.name = name(), .shape = std::move(shape)}, values);
  }
  int numbers(std::vector<std::int32_t> values) {
    const auto count = static_cast<std::int32_t>(values.size());
    return constant<std::int32_t>({count}, std::move(values));
  }
  int number(std::int32_t value) { return constant<std::int32_t>({}, {value}); }
  int floats(Dims shape) {
    std::size_t count = 1;
    for (const std::int32_t d : shape) count *= static_cast<std::size_t>(d);
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(static_cast<int>(i * 7 % 13) - 6) * 0.125f;
    return constant<float>(std::move(shape), std::move(values));
  }
  /// A constant of 4 x 4 floats, of which three are not 0.
  int sparse() { return add_sparse(b_, {0, 1, 1, 1, 3}, {2, 0, 3}, {0, 1}, 3); }
  int output(TensorType type, Dims shape, QuantizationSpec quantization = {}) {
    outputs_.push_back(add(type, std::move(shape), std::move(quantization)));
    return outputs_.back();
  }
  int variable(Dims shape) {
    return b_.add_tensor({.name = name(), .type = TensorType::float32, .shape = std::move(shape), .is_variable = true});
  }
  int result(Dims shape) { return output(TensorType::float32, std::move(shape)); }

  void node(BuiltinOperator code, const std::vector<std::int32_t>& in, const std::vector<std::int32_t>& out) {
    b_.add_operator(code, in, out);
  }
  template <class Make>
  void node(BuiltinOperator code, const std::vector<std::int32_t>& in, const std::vector<std::int32_t>& out, Make make) {
    b_.add_operator(code, in, out, make);
  }
  void custom(std::string_view op, const std::vector<std::int32_t>& in, const std::vector<std::int32_t>& out,
              const std::vector<std::uint8_t>& options = {}) {
    b_.add_custom_operator(op, in, out, options);
  }
  std::vector<std::uint8_t> finish() {
    b_.set_inputs(inputs_);
    b_.set_outputs(outputs_);
    return b_.finish();
  }

 private:
  std::string name() { return std::string("t").append(std::to_string(names_++)); }
  int add(TensorType type, Dims shape, QuantizationSpec quantization) {
    return b_.add_tensor({.name = name(), .type = type, .shape = std::move(shape), .quantization = std::move(quantization)});
  }

  ModelBuilder b_;
  std::vector<std::int32_t> inputs_, outputs_;
  int names_ = 0;
};

/// One number from one, two or three.
inline std::vector<std::uint8_t> elementwise() {
  using enum BuiltinOperator;
  OpModel m;
  const OpModel::Dims shape{2, 3, 5}, row{5};
  const QuantizationSpec q{.scales = {0.05f}, .zero_points = {3}}, unit{.scales = {1.0f / 256}, .zero_points = {-128}};
  const int x = m.input(TensorType::float32, shape), y = m.input(TensorType::float32, row), b = m.input(TensorType::int8, shape, q),
            i = m.input(TensorType::int32, shape), j = m.input(TensorType::int32, row), t = m.input(TensorType::boolean, shape);
  for (const BuiltinOperator code : {ABS, NEG, SIGN, SQUARE, EXP, SIN, COS, FLOOR, CEIL, ROUND, RELU6, RELU_N1_TO_1, RELU_0_TO_1, ELU,
                                     HARD_SWISH, LOGISTIC, TANH, ZEROS_LIKE}) {
    m.node(code, {x}, {m.result(shape)});
  }
  const int above = m.result(shape);  // for what negative numbers have none of
  m.node(SQUARED_DIFFERENCE, {x, y}, {above});
  for (const BuiltinOperator code : {SQRT, RSQRT, LOG}) m.node(code, {above}, {m.result(shape)});
  m.node(GELU, {x}, {m.result(shape)}, [](auto& f) { return schema::CreateGeluOptions(f, false); });
  m.node(LEAKY_RELU, {x}, {m.result(shape)}, [](auto& f) { return schema::CreateLeakyReluOptions(f, 0.1f); });
  m.node(PRELU, {x, m.floats({1, 1, 5})}, {m.result(shape)});
  m.node(FAKE_QUANT, {x}, {m.result(shape)}, [](auto& f) { return schema::CreateFakeQuantOptions(f, -1.0f, 1.0f, 4, false); });
  for (const BuiltinOperator code : {MINIMUM, MAXIMUM, POW, FLOOR_DIV, FLOOR_MOD})
    m.node(code, {code == POW ? above : x, y}, {m.result(shape)});
  m.node(DIV, {x, y}, {m.result(shape)}, [](auto& f) { return schema::CreateDivOptions(f); });
  m.node(SUB, {x, y}, {m.result(shape)}, [](auto& f) { return schema::CreateSubOptions(f); });
  m.node(ATAN2, {x, above}, {m.result(shape)});
  m.node(ADD_N, {x, above, x}, {m.result(shape)});
  for (const BuiltinOperator code : {EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL}) {
    m.node(code, {i, j}, {m.output(TensorType::boolean, shape)});
  }
  const int wrong = m.output(TensorType::boolean, shape);
  m.node(LOGICAL_NOT, {t}, {wrong});
  m.node(LOGICAL_AND, {t, wrong}, {m.output(TensorType::boolean, shape)});
  m.node(LOGICAL_OR, {t, wrong}, {m.output(TensorType::boolean, shape)});
  m.node(SELECT_V2, {t, x, y}, {m.result(shape)});
  m.node(SELECT, {t, x, above}, {m.result(shape)});
  m.node(BITWISE_XOR, {i, j}, {m.output(TensorType::int32, shape)});
  m.node(RIGHT_SHIFT, {i, j}, {m.output(TensorType::int32, shape)});
  m.node(CAST, {i}, {m.result(shape)});
  m.node(BUCKETIZE, {x}, {m.output(TensorType::int32, shape)}, [](auto& f) {
    return schema::CreateBucketizeOptions(f, f.CreateVector(std::vector<float>{-0.5f, 0.0f, 0.25f}));
  });
  m.node(QUANTIZE, {x}, {m.output(TensorType::int8, shape, q)});
  m.node(DEQUANTIZE, {b}, {m.result(shape)});
  for (const BuiltinOperator code : {ABS, NEG, RELU, ELU}) m.node(code, {b}, {m.output(TensorType::int8, shape, q)});
  m.node(LOGISTIC, {b}, {m.output(TensorType::int8, shape, unit)});
  m.node(SOFTMAX, {b}, {m.output(TensorType::int8, shape, unit)}, [](auto& f) { return schema::CreateSoftmaxOptions(f, 1.0f); });
  m.node(LOG_SOFTMAX, {x}, {m.result(shape)});
  m.node(L2_NORMALIZATION, {x}, {m.result(shape)}, [](auto& f) { return schema::CreateL2NormOptions(f); });
  m.node(SQUARED_DIFFERENCE, {b, b}, {m.output(TensorType::int8, shape, q)});
  m.node(STABLEHLO_ADD, {x, above}, {m.result(shape)});
  m.node(STABLEHLO_MULTIPLY, {x, above}, {m.result(shape)});
  m.node(STABLEHLO_SHIFT_LEFT, {i, i}, {m.output(TensorType::int32, shape)});
  return m.finish();
}

/// Elements that move, and what is picked and counted.
inline std::vector<std::uint8_t> rearranging() {
  using enum BuiltinOperator;
  OpModel m;
  const int x = m.input(TensorType::float32, {1, 4, 4, 6}), v = m.input(TensorType::float32, {3, 4}),
            i = m.input(TensorType::int32, {3, 4});
  // Drawn integers are below ten: rows of the table.
  const int table = m.input(TensorType::float32, {12, 2}), rows = m.input(TensorType::int32, {3}),
            paths = m.input(TensorType::int32, {3, 1}), start = m.input(TensorType::int32, {2}), one = m.input(TensorType::float32, {});
  m.node(TRANSPOSE, {x, m.numbers({0, 3, 1, 2})}, {m.result({1, 6, 4, 4})});
  m.node(SLICE, {x, m.numbers({0, 1, 0, 2}), m.numbers({1, 2, 4, -1})}, {m.result({1, 2, 4, 4})});
  m.node(STRIDED_SLICE, {x, m.numbers({0, 3, 0, 0}), m.numbers({1, 0, 4, 6}), m.numbers({1, -2, 1, 3})}, {m.result({1, 2, 4, 2})},
         [](auto& f) { return schema::CreateStridedSliceOptions(f); });
  m.node(PADV2, {v, m.constant<std::int32_t>({2, 2}, {1, 0, 0, 2}), one}, {m.result({4, 6})});
  m.node(MIRROR_PAD, {v, m.constant<std::int32_t>({2, 2}, {1, 1, 2, 0})}, {m.result({5, 6})},
         [](auto& f) { return schema::CreateMirrorPadOptions(f, schema::MirrorPadMode::SYMMETRIC); });
  m.node(TILE, {v, m.numbers({2, 1})}, {m.result({6, 4})});
  m.node(BROADCAST_TO, {v, m.numbers({2, 3, 4})}, {m.result({2, 3, 4})});
  m.node(PACK, {v, v}, {m.result({3, 2, 4})}, [](auto& f) { return schema::CreatePackOptions(f, 2, 1); });
  m.node(UNPACK, {v}, {m.result({4}), m.result({4}), m.result({4})}, [](auto& f) { return schema::CreateUnpackOptions(f, 3, 0); });
  m.node(SPLIT_V, {v, m.numbers({1, 3}), m.number(1)}, {m.result({3, 1}), m.result({3, 3})},
         [](auto& f) { return schema::CreateSplitVOptions(f, 2); });
  m.node(GATHER_ND, {table, paths}, {m.result({3, 2})});
  m.node(EMBEDDING_LOOKUP, {rows, table}, {m.result({3, 2})});
  m.node(SCATTER_ND, {m.constant<std::int32_t>({3, 1}, {4, 0, 4}), v, m.numbers({5, 4})}, {m.result({5, 4})});
  m.node(REVERSE_V2, {v, m.numbers({0})}, {m.result({3, 4})});
  m.node(REVERSE_SEQUENCE, {v, m.numbers({2, 4, 1})}, {m.result({3, 4})},
         [](auto& f) { return schema::CreateReverseSequenceOptions(f, 1, 0); });
  m.node(MATRIX_DIAG, {v}, {m.result({3, 4, 4})});
  m.node(MATRIX_SET_DIAG, {v, m.floats({3})}, {m.result({3, 4})});
  m.node(FILL, {m.numbers({2, 3}), one}, {m.result({2, 3})});
  m.node(ONE_HOT, {i, m.number(3), one, one}, {m.result({3, 4, 3})}, [](auto& f) { return schema::CreateOneHotOptions(f, -1); });
  const int deep = m.result({1, 2, 2, 24}), batches = m.result({4, 2, 2, 6});
  m.node(SPACE_TO_DEPTH, {x}, {deep}, [](auto& f) { return schema::CreateSpaceToDepthOptions(f, 2); });
  m.node(DEPTH_TO_SPACE, {deep}, {m.result({1, 4, 4, 6})}, [](auto& f) { return schema::CreateDepthToSpaceOptions(f, 2); });
  const int blocks = m.constant<std::int32_t>({2}, {2, 2}), none = m.constant<std::int32_t>({2, 2}, {0, 0, 0, 0});
  m.node(SPACE_TO_BATCH_ND, {x, blocks, none}, {batches});
  m.node(BATCH_TO_SPACE_ND, {batches, blocks, none}, {m.result({1, 4, 4, 6})});
  m.node(RESIZE_BILINEAR, {x, m.numbers({3, 7})}, {m.result({1, 3, 7, 6})},
         [](auto& f) { return schema::CreateResizeBilinearOptions(f, false, true); });
  m.node(RESIZE_NEAREST_NEIGHBOR, {x, m.numbers({3, 7})}, {m.result({1, 3, 7, 6})},
         [](auto& f) { return schema::CreateResizeNearestNeighborOptions(f, false, false); });
  m.node(DYNAMIC_UPDATE_SLICE, {v, m.floats({2, 2}), start}, {m.result({3, 4})});
  m.node(DILATE, {v, m.numbers({2, 1}), one}, {m.result({5, 4})});
  m.node(BITCAST, {v}, {m.output(TensorType::int32, {3, 4})});
  m.node(TOPK_V2, {v, m.number(2)}, {m.result({3, 2}), m.output(TensorType::int32, {3, 2})});
  m.node(CUMSUM, {v, m.number(1)}, {m.result({3, 4})}, [](auto& f) { return schema::CreateCumsumOptions(f, true, true); });
  for (const BuiltinOperator code : {UNSORTED_SEGMENT_MAX, UNSORTED_SEGMENT_MIN, UNSORTED_SEGMENT_SUM, UNSORTED_SEGMENT_PROD}) {
    m.node(code, {v, m.numbers({1, 0, 1}), m.number(3)}, {m.result({3, 4})});
  }
  m.node(SEGMENT_SUM, {v, m.numbers({0, 0, 1})}, {m.result({2, 4})});
  m.node(SPARSE_TO_DENSE, {rows, m.numbers({10}), m.input(TensorType::float32, {3}), one}, {m.result({10})},
         [](auto& f) { return schema::CreateSparseToDenseOptions(f, false); });
  m.node(STABLEHLO_MAXIMUM, {v, v}, {m.result({3, 4})});
  m.node(STABLEHLO_MINIMUM, {v, v}, {m.result({3, 4})});
  m.node(SQUEEZE, {x}, {m.result({4, 4, 6})}, [](auto& f) { return schema::CreateSqueezeOptions(f); });
  m.node(EXPAND_DIMS, {v, m.number(1)}, {m.result({3, 1, 4})});
  return m.finish();
}

/// Sums over axes and windows, products of matrices, spectra, cells.
inline std::vector<std::uint8_t> summing() {
  using enum BuiltinOperator;
  OpModel m;
  const int x = m.input(TensorType::float32, {1, 4, 4, 6}), v = m.input(TensorType::float32, {3, 4}),
            t = m.input(TensorType::boolean, {3, 4});
  const int cube = m.input(TensorType::float32, {1, 3, 4, 4, 2});
  const auto reduces = [](auto& f) { return schema::CreateReducerOptions(f, true); };
  for (const BuiltinOperator code : {SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN})
    m.node(code, {v, m.numbers({1})}, {m.result({3, 1})}, reduces);
  m.node(REDUCE_ANY, {t, m.numbers({0})}, {m.output(TensorType::boolean, {1, 4})}, reduces);
  m.node(REDUCE_ALL, {t, m.numbers({0})}, {m.output(TensorType::boolean, {1, 4})}, reduces);
  m.node(ARG_MAX, {v, m.number(1)}, {m.output(TensorType::int32, {3})},
         [](auto& f) { return schema::CreateArgMaxOptions(f, schema::TensorType::INT32); });
  m.node(ARG_MIN, {v, m.number(0)}, {m.output(TensorType::int32, {4})},
         [](auto& f) { return schema::CreateArgMinOptions(f, schema::TensorType::INT32); });
  m.node(L2_POOL_2D, {x}, {m.result({1, 2, 2, 6})},
         [](auto& f) { return schema::CreatePool2DOptions(f, schema::Padding::VALID, 2, 2, 2, 2); });
  m.node(LOCAL_RESPONSE_NORMALIZATION, {x}, {m.result({1, 4, 4, 6})},
         [](auto& f) { return schema::CreateLocalResponseNormalizationOptions(f, 2, 1.0f, 0.5f, 0.75f); });
  m.node(TRANSPOSE_CONV, {m.numbers({1, 8, 8, 3}), m.floats({3, 3, 3, 6}), x}, {m.result({1, 8, 8, 3})},
         [](auto& f) { return schema::CreateTransposeConvOptions(f, schema::Padding::SAME, 2, 2); });
  m.node(CONV_3D, {cube, m.floats({2, 2, 2, 2, 3})}, {m.result({1, 2, 3, 3, 3})},
         [](auto& f) { return schema::CreateConv3DOptions(f, schema::Padding::VALID, 1, 1, 1); });
  m.node(CONV_3D_TRANSPOSE, {m.numbers({1, 4, 5, 5, 3}), m.floats({2, 2, 2, 3, 2}), cube}, {m.result({1, 4, 5, 5, 3})},
         [](auto& f) { return schema::CreateConv3DOptions(f, schema::Padding::VALID, 1, 1, 1); });
  m.node(BATCH_MATMUL, {v, m.floats({5, 4})}, {m.result({3, 5})}, [](auto& f) { return schema::CreateBatchMatMulOptions(f, false, true); });
  const int spectrum = m.output(TensorType::complex64, {1, 3, 4, 4, 2});
  m.node(RFFT2D, {cube, m.numbers({4, 2})}, {spectrum});
  for (const BuiltinOperator code : {REAL, IMAG, COMPLEX_ABS}) m.node(code, {spectrum}, {m.result({1, 3, 4, 4, 2})});

  // Cells, which keep variables: 4 numbers in, 5 units.
  const int step = m.input(TensorType::float32, {2, 4}), steps = m.input(TensorType::float32, {2, 3, 4});
  const int weights = m.floats({5, 4}), recurrent = m.floats({5, 5}), bias = m.floats({5});
  const auto tanh = schema::ActivationFunctionType::TANH;
  m.node(RNN, {step, weights, recurrent, bias, m.variable({2, 5})}, {m.result({2, 5})},
         [=](auto& f) { return schema::CreateRNNOptions(f, tanh); });
  m.node(UNIDIRECTIONAL_SEQUENCE_RNN, {steps, weights, recurrent, bias, m.variable({2, 5})}, {m.result({2, 3, 5})},
         [=](auto& f) { return schema::CreateSequenceRNNOptions(f, false, tanh); });
  m.node(BIDIRECTIONAL_SEQUENCE_RNN,
         {steps, weights, recurrent, bias, m.variable({2, 5}), weights, recurrent, bias, m.variable({2, 5}), -1, -1, -1},
         {m.result({2, 3, 10})}, [=](auto& f) { return schema::CreateBidirectionalSequenceRNNOptions(f, false, tanh, true); });
  const std::vector<std::int32_t> gates{weights, weights, weights, weights, recurrent, recurrent, recurrent, recurrent, -1,
                                        -1,      -1,      bias,    bias,    bias,      bias,      -1,        -1};
  std::vector<std::int32_t> one_way{steps}, both_ways{steps};
  one_way.insert(one_way.end(), gates.begin(), gates.end());
  for (int direction = 0; direction < 2; ++direction) both_ways.insert(both_ways.end(), gates.begin(), gates.end());
  for (int state = 0; state < 2; ++state) one_way.push_back(m.variable({2, 5}));
  for (int state = 0; state < 4; ++state) both_ways.push_back(m.variable({2, 5}));
  for (int normalization = 0; normalization < 4; ++normalization) one_way.push_back(-1);
  for (int auxiliary = 0; auxiliary < 9; ++auxiliary) both_ways.push_back(-1);
  m.node(UNIDIRECTIONAL_SEQUENCE_LSTM, one_way, {m.result({2, 3, 5})},
         [=](auto& f) { return schema::CreateUnidirectionalSequenceLSTMOptions(f, tanh, 0.0f, 0.0f, false); });
  m.node(BIDIRECTIONAL_SEQUENCE_LSTM, both_ways, {m.result({2, 3, 10})},
         [=](auto& f) { return schema::CreateBidirectionalSequenceLSTMOptions(f, tanh, 0.0f, 0.0f, true, false); });
  return m.finish();
}

/// What no plan runs: an op that keeps memory of its own between runs.
inline std::vector<std::uint8_t> drawing() {
  OpModel m;
  m.input(TensorType::float32, {1});
  m.node(BuiltinOperator::RANDOM_UNIFORM, {m.numbers({2, 3})}, {m.result({2, 3})},
         [](auto& f) { return schema::CreateRandomOptions(f, 1, 2); });
  return m.finish();
}

}  // namespace tfl::test
