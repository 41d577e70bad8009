// fuzz_make_mixed_models DIRECTORY: models of many ops, whose static plans are run beside the interpreters.

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tfl/model/builder.hpp"

namespace {

using namespace tfl;
using enum TensorType;
using Code = BuiltinOperator;
using Dims = std::vector<std::int32_t>;
constexpr auto no_activation = schema::ActivationFunctionType::NONE;
constexpr auto same = schema::Padding::SAME;

/// A graph in which every node's outputs are new tensors.
class Graph {
 public:
  ModelBuilder b;

  int input(Dims shape, TensorType type, QuantizationSpec quantization = {}) {
    inputs_.push_back(tensor(std::move(shape), type, std::move(quantization)));
    return inputs_.back();
  }
  int ints(Dims shape, const Dims& values) { return b.add_constant({.name = name(), .shape = std::move(shape)}, values); }
  int ints(const Dims& values) { return ints({static_cast<std::int32_t>(values.size())}, values); }
  /// Numbers of all sizes, the same every time.
  template <class T> int numbers(Dims shape, QuantizationSpec quantization = {}) {
    std::size_t count = 1;
    for (const std::int32_t d : shape) count *= static_cast<std::size_t>(d);
    std::vector<T> values(count);
    for (T& v : values) {
      state_ = state_ * 1664525u + 1013904223u;
      if constexpr (std::is_same_v<T, float>) {
        v = static_cast<float>(static_cast<std::int32_t>(state_ >> 16) - 32768) / 16384.0f;
      } else if constexpr (sizeof(T) == 1) {
        v = static_cast<T>(state_ >> 24);
      } else {
        v = static_cast<T>(static_cast<std::int32_t>(state_ >> 16) - 32768);
      }
    }
    return b.add_constant({.name = name(), .shape = std::move(shape), .quantization = std::move(quantization)}, values);
  }
  int node(Code code, Dims operands, Dims shape, TensorType type, QuantizationSpec quantization = {}, OperatorOptions options = {}) {
    const int output = tensor(std::move(shape), type, std::move(quantization));
    b.add_operator(code, std::move(operands), {output}, options);
    return output;
  }
  template <OptionsMaker Make> int node(Code code, Dims operands, Dims shape, TensorType type, QuantizationSpec quantization, Make make) {
    return node(code, std::move(operands), std::move(shape), type, std::move(quantization), ModelBuilder::options(make(b.tables())));
  }
  int tensor(Dims shape, TensorType type, QuantizationSpec quantization = {}) {
    return b.add_tensor({.name = name(), .type = type, .shape = std::move(shape), .quantization = std::move(quantization)});
  }
  std::vector<std::uint8_t> finish(Dims outputs) {
    b.set_inputs(inputs_);
    b.set_outputs(std::move(outputs));
    return b.finish();
  }

 private:
  std::string name() { return std::string("t").append(std::to_string(names_++)); }

  Dims inputs_;
  int names_ = 0;
  std::uint32_t state_ = 1;
};

QuantizationSpec quantized(float scale, std::int64_t zero_point = 0) { return {.scales = {scale}, .zero_points = {zero_point}}; }
QuantizationSpec by_channel(int count, float scale, int axis) {
  QuantizationSpec q;
  for (int c = 0; c < count; ++c) {
    q.scales.push_back(scale * static_cast<float>(1 + c % 3));
    q.zero_points.push_back(0);
  }
  q.quantized_dimension = axis;
  return q;
}

std::vector<std::uint8_t> integers() {
  Graph g;
  const QuantizationSpec q = quantized(0.05f, -3), other = quantized(0.07f, 5), unit = quantized(1.0f / 256, -128);
  const int x = g.input({1, 8, 8, 4}, int8, q);
  const int a =
      g.node(Code::CONV_2D, {x, g.numbers<std::int8_t>({6, 3, 3, 4}, by_channel(6, 0.01f, 0)), g.numbers<std::int32_t>({6})}, {1, 8, 8, 6},
             int8, q, [](auto& t) { return schema::CreateConv2DOptions(t, same, 1, 1, schema::ActivationFunctionType::RELU6); });
  const int d =
      g.node(Code::DEPTHWISE_CONV_2D, {a, g.numbers<std::int8_t>({1, 3, 3, 6}, by_channel(6, 0.02f, 3)), g.numbers<std::int32_t>({6})},
             {1, 4, 4, 6}, int8, q, [](auto& t) { return schema::CreateDepthwiseConv2DOptions(t, same, 2, 2, 1, no_activation); });
  const auto pool = [](auto& t) { return schema::CreatePool2DOptions(t, same, 1, 1, 3, 3, no_activation); };
  const int mean = g.node(Code::AVERAGE_POOL_2D, {d}, {1, 4, 4, 6}, int8, q, pool);
  const int most = g.node(Code::MAX_POOL_2D, {d}, {1, 4, 4, 6}, int8, q, pool);
  const int sum =
      g.node(Code::ADD, {mean, most}, {1, 4, 4, 6}, int8, other, [](auto& t) { return schema::CreateAddOptions(t, no_activation); });
  const int product =
      g.node(Code::MUL, {sum, mean}, {1, 4, 4, 6}, int8, q, [](auto& t) { return schema::CreateMulOptions(t, no_activation); });
  const int rest =
      g.node(Code::SUB, {sum, product}, {1, 4, 4, 6}, int8, q, [](auto& t) { return schema::CreateSubOptions(t, no_activation); });
  const int both = g.node(Code::CONCATENATION, {product, rest}, {1, 4, 4, 12}, int8, q,
                          [](auto& t) { return schema::CreateConcatenationOptions(t, 3); });
  const int padded = g.node(Code::PAD, {both, g.ints({4, 2}, {0, 0, 1, 2, 2, 1, 0, 0})}, {1, 7, 7, 12}, int8, q);
  const int turned = g.node(Code::TRANSPOSE, {padded, g.ints({0, 2, 3, 1})}, {1, 7, 12, 7}, int8, q);
  const int part = g.node(Code::STRIDED_SLICE, {turned, g.ints({0, 1, 0, 6}), g.ints({1, 7, 12, 0}), g.ints({1, 2, 3, -1})}, {1, 3, 4, 6},
                          int8, q, [](auto& t) { return schema::CreateStridedSliceOptions(t); });
  const int cut = g.node(Code::SLICE, {part, g.ints({0, 1, 1, 2}), g.ints({1, 2, 2, -1})}, {1, 2, 2, 4}, int8, q);
  const int deep =
      g.node(Code::SPACE_TO_DEPTH, {cut}, {1, 1, 1, 16}, int8, q, [](auto& t) { return schema::CreateSpaceToDepthOptions(t, 2); });
  const int larger = g.node(Code::MAXIMUM, {deep, g.numbers<std::int8_t>({16}, q)}, {1, 1, 1, 16}, int8, q);
  const int row = g.node(Code::RESHAPE, {larger, g.ints({1, 16})}, {1, 16}, int8, q);
  const int dense = g.node(Code::FULLY_CONNECTED, {row, g.numbers<std::int8_t>({7, 16}, quantized(0.03f)), g.numbers<std::int32_t>({7})},
                           {1, 7}, int8, other, [](auto& t) { return schema::CreateFullyConnectedOptions(t, no_activation); });
  const int logistic = g.node(Code::LOGISTIC, {dense}, {1, 7}, int8, unit);
  const int softmax = g.node(Code::SOFTMAX, {dense}, {1, 7}, int8, unit, [](auto& t) { return schema::CreateSoftmaxOptions(t, 1.0f); });
  const int tanh = g.node(Code::TANH, {dense}, {1, 7}, int8, quantized(1.0f / 128));
  const int swish = g.node(Code::HARD_SWISH, {tanh}, {1, 7}, int8, q);
  const int leaky = g.node(Code::LEAKY_RELU, {swish}, {1, 7}, int8, other, [](auto& t) { return schema::CreateLeakyReluOptions(t, 0.2f); });
  const int best = g.node(Code::ARG_MAX, {leaky, g.ints({}, {1})}, {1}, int32, {},
                          [](auto& t) { return schema::CreateArgMaxOptions(t, schema::TensorType::INT32); });
  const int mean_of_all =
      g.node(Code::MEAN, {padded, g.ints({1, 2})}, {1, 12}, int8, q, [](auto& t) { return schema::CreateReducerOptions(t, false); });
  const int wide = g.node(Code::RESIZE_NEAREST_NEIGHBOR, {rest, g.ints({5, 6})}, {1, 5, 6, 6}, int8, q,
                          [](auto& t) { return schema::CreateResizeNearestNeighborOptions(t); });
  const int real = g.node(Code::DEQUANTIZE, {mean_of_all}, {1, 12}, float32);
  const int again = g.node(Code::QUANTIZE, {real}, {1, 12}, int16, quantized(0.001f));
  return g.finish({logistic, softmax, leaky, best, again, wide});
}

std::vector<std::uint8_t> reals() {
  Graph g;
  const int x = g.input({2, 3, 4}, float32), n = g.input({2, 3}, int32), m = g.input({2, 3, 4}, boolean);
  const int sum = g.node(Code::ADD, {x, g.numbers<float>({4})}, {2, 3, 4}, float32, {},
                         [](auto& t) { return schema::CreateAddOptions(t, schema::ActivationFunctionType::RELU); });
  const int quotient =
      g.node(Code::DIV, {sum, x}, {2, 3, 4}, float32, {}, [](auto& t) { return schema::CreateDivOptions(t, no_activation); });
  const int root = g.node(Code::RSQRT, {quotient}, {2, 3, 4}, float32);
  const int power = g.node(Code::EXP, {root}, {2, 3, 4}, float32);
  const int chosen = g.node(Code::SELECT_V2, {m, power, x}, {2, 3, 4}, float32);
  const int squares = g.node(Code::SQUARED_DIFFERENCE, {chosen, x}, {2, 3, 4}, float32);
  const int less = g.node(Code::LESS, {squares, sum}, {2, 3, 4}, boolean);
  const int any =
      g.node(Code::REDUCE_ANY, {less, g.ints({2})}, {2, 3}, boolean, {}, [](auto& t) { return schema::CreateReducerOptions(t, false); });
  const int both = g.node(Code::BATCH_MATMUL, {sum, g.numbers<float>({2, 4, 5})}, {2, 3, 5}, float32, {},
                          [](auto& t) { return schema::CreateBatchMatMulOptions(t, false, false); });
  const int sums = g.node(Code::CUMSUM, {both, g.ints({}, {1})}, {2, 3, 5}, float32, {},
                          [](auto& t) { return schema::CreateCumsumOptions(t, true, false); });
  const int back = g.node(Code::REVERSE_V2, {sums, g.ints({2})}, {2, 3, 5}, float32);
  const int tiles = g.node(Code::TILE, {back, g.ints({1, 2, 1})}, {2, 6, 5}, float32);
  const int norm = g.node(Code::L2_NORMALIZATION, {tiles}, {2, 6, 5}, float32, {},
                          [](auto& t) { return schema::CreateL2NormOptions(t, no_activation); });
  const int logs = g.node(Code::LOG_SOFTMAX, {tiles}, {2, 6, 5}, float32, {}, [](auto& t) { return schema::CreateLogSoftmaxOptions(t); });
  const int slopes = g.node(Code::PRELU, {x, g.numbers<float>({1, 1, 4})}, {2, 3, 4}, float32);
  const int picture = g.node(Code::RESHAPE, {slopes, g.ints({1, 3, 2, 4})}, {1, 3, 2, 4}, float32);
  const int large = g.node(Code::RESIZE_BILINEAR, {picture, g.ints({5, 7})}, {1, 5, 7, 4}, float32, {},
                           [](auto& t) { return schema::CreateResizeBilinearOptions(t, false, true); });
  const int seen = g.node(Code::CONV_2D, {large, g.numbers<float>({5, 3, 3, 4}), g.numbers<float>({5})}, {1, 5, 7, 5}, float32, {},
                          [](auto& t) { return schema::CreateConv2DOptions(t, same, 1, 1, no_activation); });
  const int of_each = g.node(Code::DEPTHWISE_CONV_2D, {seen, g.numbers<float>({1, 3, 3, 5}), g.numbers<float>({5})}, {1, 5, 7, 5}, float32,
                             {}, [](auto& t) { return schema::CreateDepthwiseConv2DOptions(t, same, 1, 1, 1, no_activation); });
  const int most = g.node(Code::REDUCE_MAX, {of_each, g.ints({1, 2})}, {1, 5}, float32, {},
                          [](auto& t) { return schema::CreateReducerOptions(t, false); });
  const int product =
      g.node(Code::REDUCE_PROD, {most, g.ints({1})}, {1}, float32, {}, [](auto& t) { return schema::CreateReducerOptions(t, false); });
  const int whole = g.node(Code::CAST, {squares}, {2, 3, 4}, int32, {},
                           [](auto& t) { return schema::CreateCastOptions(t, schema::TensorType::FLOAT32, schema::TensorType::INT32); });
  const int rows = g.node(Code::GATHER, {whole, n}, {2, 3, 3, 4}, int32, {}, [](auto& t) { return schema::CreateGatherOptions(t, 0); });
  const int rest = g.node(Code::FLOOR_MOD, {rows, g.ints({4}, {3, -7, 1, -1})}, {2, 3, 3, 4}, int32);
  const int total =
      g.node(Code::SUM, {rest, g.ints({0, 3})}, {3, 3}, int32, {}, [](auto& t) { return schema::CreateReducerOptions(t, false); });
  const int hot = g.node(Code::ONE_HOT, {n, g.ints({}, {4}), g.ints({}, {9}), g.ints({}, {-9})}, {2, 3, 4}, int32, {},
                         [](auto& t) { return schema::CreateOneHotOptions(t, -1); });
  const int parts[2] = {g.tensor({2, 3, 2}, int32), g.tensor({2, 3, 2}, int32)};
  g.b.add_operator(Code::SPLIT, {g.ints({}, {2}), hot}, {parts[0], parts[1]}, [](auto& t) { return schema::CreateSplitOptions(t, 2); });
  const int packed =
      g.node(Code::PACK, {parts[1], parts[0]}, {2, 2, 3, 2}, int32, {}, [](auto& t) { return schema::CreatePackOptions(t, 2, 0); });
  const int values = g.tensor({2, 3, 2}, float32), indices = g.tensor({2, 3, 2}, int32);
  g.b.add_operator(Code::TOPK_V2, {chosen, g.ints({}, {2})}, {values, indices}, [](auto& t) { return schema::CreateTopKV2Options(t); });
  return g.finish({any, norm, logs, of_each, product, total, packed, values, indices});
}

bool write(const std::string& path, const std::vector<std::uint8_t>& bytes) { return bool{ModelBuilder::write_file(path, bytes)}; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string directory = std::string(argv[1]) + '/';
  return write(directory + "mixed_integers.tflite", integers()) && write(directory + "mixed_reals.tflite", reals()) ? 0 : 1;
}
