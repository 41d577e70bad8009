// Sparse constants are read with all their elements, whatever the order, the blocks and the width of the indices.

#include "tfl/model/sparse.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "tfl/model/builder.hpp"
#include "tfl/model/model.hpp"

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

std::vector<float> read_back(const Layout& l, const std::vector<float>& dense) {
  tfl::ModelBuilder builder;
  auto& tables = builder.tables();
  const int outer = l.columns_first ? l.columns / l.block : l.rows, inner = l.columns_first ? l.rows : l.columns / l.block;
  Integers segments{0}, indices;
  std::vector<float> stored;
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
  builder.add_constant({.name = "w", .type = tfl::TensorType::float32, .shape = {l.rows, l.columns}, .sparsity = sparsity}, stored);
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

}  // namespace
