// archs: all
// Sparse constants are read with all their elements, whatever the order, the blocks and the width of the indices; products with them may
// skip what is 0.

#include "tfl/model/sparse.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tfl/kernels/densify.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace {

namespace schema = tfl::schema;
using Integers = std::vector<std::int32_t>;

/// Rows are dense, columns compressed in blocks of 1 x `block`; `columns_first` walks the compressed level's transpose instead.
struct Layout {
  int rows = 0, columns = 0, block = 1;
  bool columns_first = false;
  int index_bits = 32;
};

flatbuffers::Offset<void> integers(flatbuffers::FlatBufferBuilder& tables, int bits, const Integers& values) {
  if (bits == 8) {
    const std::vector<std::uint8_t> narrow(values.begin(), values.end());
    return schema::CreateUint8Vector(tables, tables.CreateVector(narrow)).Union();
  }
  if (bits == 16) {
    const std::vector<std::uint16_t> narrow(values.begin(), values.end());
    return schema::CreateUint16Vector(tables, tables.CreateVector(narrow)).Union();
  }
  return schema::CreateInt32Vector(tables, tables.CreateVector(values)).Union();
}

template <class T> int add_sparse(tfl::ModelBuilder& builder, const Layout& l, const std::vector<T>& dense, tfl::QuantizationSpec q = {}) {
  auto& tables = builder.tables();
  const int outer = l.columns_first ? l.columns / l.block : l.rows, inner = l.columns_first ? l.rows : l.columns / l.block;
  Integers segments{0}, indices;
  std::vector<T> stored;
  for (int i = 0; i < outer; ++i) {
    for (int k = 0; k < inner; ++k) {
      const int row = l.columns_first ? k : i, column = (l.columns_first ? i : k) * l.block;
      const auto* from = dense.data() + row * l.columns + column;
      bool any = false;
      for (int b = 0; b < l.block; ++b) any = any || from[b] != 0;
      if (!any) continue;
      indices.push_back(k);
      stored.insert(stored.end(), from, from + l.block);
    }
    segments.push_back(static_cast<std::int32_t>(indices.size()));
  }
  const auto kind = l.index_bits == 8    ? schema::SparseIndexVector::Uint8Vector
                    : l.index_bits == 16 ? schema::SparseIndexVector::Uint16Vector
                                         : schema::SparseIndexVector::Int32Vector;
  std::vector metadata{
      schema::CreateDimensionMetadata(tables, schema::DimensionType::DENSE, outer),
      schema::CreateDimensionMetadata(tables, schema::DimensionType::SPARSE_CSR, 0, kind, integers(tables, l.index_bits, segments), kind,
                                      integers(tables, l.index_bits, indices))};
  Integers order = l.columns_first ? Integers{1, 0} : Integers{0, 1}, map;
  if (l.block > 1) {
    metadata.push_back(schema::CreateDimensionMetadata(tables, schema::DimensionType::DENSE, l.block));
    order.push_back(2);
    map.push_back(1);
  }
  const auto sparsity =
      schema::CreateSparsityParameters(tables, tables.CreateVector(order), tables.CreateVector(map), tables.CreateVector(metadata));
  return builder.add_constant(
      {.name = "w", .type = tfl::tensor_type_of<T>, .shape = {l.rows, l.columns}, .quantization = std::move(q), .sparsity = sparsity},
      stored);
}

std::vector<float> read_back(const Layout& l, const std::vector<float>& dense) {
  tfl::ModelBuilder builder;
  add_sparse(builder, l, dense);
  const auto file = builder.finish();
  const auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
  EXPECT_TRUE(model) << model.message();
  if (!model) return {};
  const tfl::GraphTensor& tensor = model->subgraphs()[0].tensors[0];
  EXPECT_TRUE(tensor.description.is_sparse);
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

TEST(Sparse, IsReadInFull) {
  std::mt19937 engine(5);
  for (const int block : {1, 4, 16}) {
    for (const int bits : {8, 16, 32}) {
      for (const bool columns_first : {false, true}) {
        const Layout layout{3, 48, block, columns_first, bits};
        std::vector<float> dense(144);
        for (float& v : dense) v = engine() % 5 == 0 ? static_cast<float>(engine() % 100) : 0.0f;
        dense[0] = 1;
        EXPECT_EQ(read_back(layout, dense), dense) << block << ' ' << bits << ' ' << columns_first;
      }
    }
  }
}

TEST(Sparse, DensifyGivesAllElements) {
  tfl::ModelBuilder builder;
  const std::vector<float> dense{0, 0, 0, 0, 1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8};
  const int weights = add_sparse(builder, {2, 8, 4, false, 8}, dense);
  const int all = builder.add_tensor({.name = "all", .type = tfl::TensorType::float32, .shape = {2, 8}});
  builder.add_operator(tfl::BuiltinOperator::DENSIFY, {weights}, {all});
  builder.set_outputs({all});
  const auto file = builder.finish();
  const auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
  ASSERT_TRUE(model) << model.message();
  auto interpreter = tfl::Interpreter<tfl::OpRegistry<tfl::Densify>>::create(*model);
  ASSERT_TRUE(interpreter) << interpreter.message();
  ASSERT_TRUE(interpreter->invoke());
  const auto values = interpreter->output<float>(0);
  ASSERT_TRUE(values) << values.message();
  EXPECT_EQ(std::vector<float>(values->begin(), values->end()), dense);
}

/// FULLY_CONNECTED on sparse weights, and the runs of 16 bytes that they have.
template <class T>
std::vector<T> multiply(const Layout& l, const std::vector<T>& x, const std::vector<T>& weights, std::int32_t& runs,
                        const tfl::QuantizationSpec& in = {}, const tfl::QuantizationSpec& scale = {},
                        const tfl::QuantizationSpec& out = {}) {
  tfl::ModelBuilder builder;
  const auto rows = static_cast<std::int32_t>(x.size()) / l.columns;
  const int input = builder.add_tensor({.name = "x", .type = tfl::tensor_type_of<T>, .shape = {rows, l.columns}, .quantization = in});
  const int w = add_sparse(builder, l, weights, scale);
  const int y = builder.add_tensor({.name = "y", .type = tfl::tensor_type_of<T>, .shape = {rows, l.rows}, .quantization = out});
  builder.add_operator(tfl::BuiltinOperator::FULLY_CONNECTED, {input, w, -1}, {y},
                       [](auto& t) { return schema::CreateFullyConnectedOptions(t); });
  builder.set_inputs({input});
  builder.set_outputs({y});
  const auto file = builder.finish();
  const auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
  EXPECT_TRUE(model) << model.message();
  if (!model) return {};
  runs = model->subgraphs()[0].tensors[1].description.sparse_runs;
  auto interpreter = tfl::Interpreter<tfl::OpRegistry<tfl::FullyConnected>>::create(*model);
  EXPECT_TRUE(interpreter) << interpreter.message();
  if (!interpreter) return {};
  std::copy(x.begin(), x.end(), interpreter->template input<T>(0)->begin());
  EXPECT_TRUE(interpreter->invoke());
  const auto values = interpreter->template output<T>(0);
  return {values->begin(), values->end()};
}

TEST(Sparse, FullyConnectedSkipsZeros) {
  std::mt19937 engine(7);
  for (const int one_in : {2, 12, 60}) {  // with many zeros they are skipped
    for (const auto& [rows, columns, block] : {std::tuple{1, 37, 1}, {5, 64, 4}, {9, 160, 16}, {3, 4, 1}, {4, 2, 1}}) {
      for (const int batch : {1, 3}) {
        SCOPED_TRACE(std::to_string(one_in) + " " + std::to_string(columns));
        const Layout layout{rows, columns, block, false, 32};
        std::vector<float> weights(static_cast<std::size_t>(rows * columns)), x(static_cast<std::size_t>(batch * columns));
        bool keeps = false;
        for (std::size_t i = 0; i < weights.size(); ++i) {
          if (i % static_cast<std::size_t>(block) == 0) keeps = engine() % static_cast<unsigned>(one_in) == 0;
          if (keeps) weights[i] = static_cast<float>(static_cast<int>(engine() % 255) - 127);
        }
        weights[0] = 3;
        for (float& v : x) v = static_cast<float>(static_cast<int>(engine() % 256) - 128);
        std::int32_t runs = 0;
        const std::vector<float> got = multiply(layout, x, weights, runs);
        EXPECT_LE(runs, rows * ((columns + 3) / 4));
        // The same numbers in bytes: 0.5 (x - 3) * 0.25 w / 16 - 5.
        const std::vector<std::int8_t> bytes(weights.begin(), weights.end()), activations(x.begin(), x.end());
        const std::vector<std::int8_t> got_bytes =
            multiply(layout, activations, bytes, runs, {.scales = {0.5f}, .zero_points = {3}}, {.scales = {0.25f}, .zero_points = {0}},
                     {.scales = {16.0f}, .zero_points = {-5}});
        const tfl::Multiplier by = tfl::quantize_multiplier(0.5 * 0.25 / 16);
        for (int m = 0; m < batch; ++m) {
          for (int n = 0; n < rows; ++n) {
            std::int32_t sum = 0, shifted = 0;
            for (int k = 0; k < columns; ++k) {
              const auto w = static_cast<int>(weights[static_cast<std::size_t>(n * columns + k)]);
              const auto v = static_cast<int>(x[static_cast<std::size_t>(m * columns + k)]);
              sum += v * w;
              shifted += (v - 3) * w;
            }
            const auto at = static_cast<std::size_t>(m * rows + n);
            EXPECT_EQ(got[at], static_cast<float>(sum));  // exact: all sums are small integers
            EXPECT_EQ(got_bytes[at], std::clamp(tfl::multiply(shifted, by) - 5, -128, 127));
          }
        }
      }
    }
  }
}

}  // namespace
