#pragma once
// Constants that are stored sparsely, right ones and wrong ones.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tfl/model/builder.hpp"

namespace tfl::test {

/// A constant of 4 x 4 floats, 'w', that is sparse along its second dimension: `segments` say which of `indices` belong to
/// which row.
inline int add_sparse(ModelBuilder& builder, const std::vector<std::int32_t>& segments, const std::vector<std::int32_t>& indices,
                      const std::vector<std::int32_t>& order = {0, 1}, std::size_t values = 4) {
  auto& t = builder.tables();
  const auto ints = [&t](const std::vector<std::int32_t>& list) { return schema::CreateInt32Vector(t, t.CreateVector(list)).Union(); };
  const auto segment_list = ints(segments), index_list = ints(indices);
  const std::vector<flatbuffers::Offset<schema::DimensionMetadata>> dimensions{
      schema::CreateDimensionMetadata(t, schema::DimensionType::DENSE, 4),
      schema::CreateDimensionMetadata(t, schema::DimensionType::SPARSE_CSR, 0, schema::SparseIndexVector::Int32Vector, segment_list,
                                      schema::SparseIndexVector::Int32Vector, index_list)};
  const auto sparsity = schema::CreateSparsityParameters(t, t.CreateVector(order), 0, t.CreateVector(dimensions));
  return builder.add_constant({.name = "w", .shape = {4, 4}, .sparsity = sparsity}, std::vector<float>(values, 1.0f));
}

}  // namespace tfl::test
