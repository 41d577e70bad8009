#pragma once
// Sparse constants: the tables that say where a file's stored elements lie, checked and walked.
//
// Levels come outermost first. A level is a dimension of the tensor, or of the blocks that the tensor is made of; a dense one has all its
// places, a compressed one lists those that are there (CSR). Elements are stored in the order of the walk.

#include <cstddef>
#include <cstdint>
#include <limits>

#include "tfl/core/shape.hpp"
#include "tfl/model/schema.hpp"

namespace tfl::detail {

/// A level's integers, stored in 8, 16 or 32 bits. None where the file has none.
class SparseIntegers {
 public:
  SparseIntegers() = default;
  SparseIntegers(schema::SparseIndexVector kind, const void* table) : kind_(kind), table_(table) {}

  std::size_t size() const {
    return static_cast<std::size_t>(visit([](const auto* list) { return list != nullptr ? std::int64_t{list->size()} : 0; }));
  }
  /// Requires i < size().
  std::int64_t operator[](std::size_t i) const {
    return visit([i](const auto* list) { return list != nullptr ? std::int64_t{list->Get(static_cast<unsigned>(i))} : 0; });
  }

 private:
  template <class F> std::int64_t visit(F f) const {
    constexpr const flatbuffers::Vector<std::int32_t>* none = nullptr;
    if (table_ == nullptr) return f(none);
    switch (kind_) {
      case schema::SparseIndexVector::Int32Vector: return f(static_cast<const schema::Int32Vector*>(table_)->values());
      case schema::SparseIndexVector::Uint16Vector: return f(static_cast<const schema::Uint16Vector*>(table_)->values());
      case schema::SparseIndexVector::Uint8Vector: return f(static_cast<const schema::Uint8Vector*>(table_)->values());
      default: return f(none);
    }
  }
  schema::SparseIndexVector kind_ = schema::SparseIndexVector::NONE;
  const void* table_ = nullptr;
};

/// Where the stored elements of a sparse tensor lie.
class SparseLayout {
 public:
  /// Null, or the rule that the tables break. Requires a checked shape.
  const char* read(const schema::SparsityParameters& source, const Shape& shape) {
    const int rank = shape.rank();
    const std::size_t blocked = source.block_map() != nullptr ? source.block_map()->size() : 0;
    levels_ = rank + static_cast<int>(blocked);
    if (blocked > static_cast<std::size_t>(rank)) return "has more blocked dimensions than dimensions";
    if (count_of(source.traversal_order()) != levels_ || count_of(source.dim_metadata()) != levels_) {
      return "must have a place in its traversal order and metadata for each dimension and each blocked dimension";
    }
    std::int32_t block[max_rank], dimension_of_block[max_rank] = {};
    bool seen[2 * max_rank] = {};
    for (int d = 0; d < rank; ++d) block[d] = 1;
    for (int i = 0; i < levels_; ++i) {
      const std::int32_t place = source.traversal_order()->Get(static_cast<unsigned>(i));
      if (place < 0 || place >= levels_ || seen[place]) return "has a traversal order that is not a permutation";
      seen[place] = true;
      if (place < rank) continue;
      const std::int32_t d = source.block_map()->Get(static_cast<unsigned>(place - rank));
      if (d < 0 || d >= rank || block[d] != 1) return "has a block map that does not name different dimensions";
      const schema::DimensionMetadata& metadata = *source.dim_metadata()->Get(static_cast<unsigned>(i));
      if (metadata.format() != schema::DimensionType::DENSE) return "has blocks that are sparse inside";
      if (metadata.dense_size() < 1 || shape[d] % metadata.dense_size() != 0) return "has blocks that do not divide their dimension";
      block[d] = metadata.dense_size();
      dimension_of_block[place - rank] = d;
    }
    std::int64_t step[max_rank + 1];
    step[rank] = 1;
    for (int d = rank - 1; d >= 0; --d) step[d] = step[d + 1] * shape[d];
    stored_ = 1;
    for (int i = 0; i < levels_; ++i) {
      const std::int32_t place = source.traversal_order()->Get(static_cast<unsigned>(i));
      const int d = place < rank ? place : dimension_of_block[place - rank];
      const std::int64_t size = place < rank ? shape[d] / block[d] : block[d];
      Level& level = level_[i];
      level.size = size;
      level.step = step[d + 1] * (place < rank ? block[d] : 1);
      if (const char* broken = read(*source.dim_metadata()->Get(static_cast<unsigned>(i)), level)) return broken;
    }
    return nullptr;
  }

  /// How many elements are stored.
  std::int64_t stored() const { return stored_; }
  /// What read() has looked at, about.
  std::size_t bytes_read() const { return bytes_read_; }

  /// Calls f(i) with the place of every stored element in the dense tensor, in the order in which they are stored.
  template <class F> void for_each(F f) const { walk(0, 0, 0, f); }

 private:
  struct Level {
    std::int64_t size = 0, step = 0;  // places, and what lies between two of them in the dense tensor
    bool compressed = false;
    SparseIntegers segments, indices;
  };

  template <class Vector> static int count_of(const Vector* list) {
    return list != nullptr && list->size() <= 2 * max_rank ? static_cast<int>(list->size()) : list != nullptr ? -1 : 0;
  }

  const char* read(const schema::DimensionMetadata& source, Level& level) {
    if (source.format() == schema::DimensionType::DENSE) {
      level.compressed = false;
      if (source.dense_size() != level.size) return "has a dense level of another size than its dimension";
      if (level.size > 0 && stored_ > std::numeric_limits<std::int32_t>::max() / level.size) return "has more than 2^31 - 1 elements";
      stored_ *= level.size;
      return nullptr;
    }
    if (source.format() != schema::DimensionType::SPARSE_CSR) return "has a level that is neither dense nor compressed";
    level.compressed = true;
    level.segments = SparseIntegers(source.array_segments_type(), source.array_segments());
    level.indices = SparseIntegers(source.array_indices_type(), source.array_indices());
    const std::size_t segments = level.segments.size(), indices = level.indices.size();
    bytes_read_ += (segments + indices) * sizeof(std::int32_t);
    if (segments != static_cast<std::size_t>(stored_) + 1) return "has a compressed level whose segments do not fit the level before it";
    if (level.segments[0] != 0 || level.segments[segments - 1] != static_cast<std::int64_t>(indices)) {
      return "has a compressed level whose segments do not cover its indices";
    }
    for (std::size_t i = 1; i < segments; ++i) {
      if (level.segments[i] < level.segments[i - 1]) return "has a compressed level whose segments are not in order";
    }
    for (std::size_t i = 0; i < indices; ++i) {
      if (level.indices[i] < 0 || level.indices[i] >= level.size) return "has an index outside of its dimension";
    }
    stored_ = static_cast<std::int64_t>(indices);
    return nullptr;
  }

  template <class F> void walk(int level, std::int64_t position, std::int64_t at, F& f) const {
    if (level == levels_) return f(at);
    const Level& l = level_[level];
    if (!l.compressed) {
      for (std::int64_t i = 0; i < l.size; ++i) walk(level + 1, position * l.size + i, at + i * l.step, f);
      return;
    }
    const auto first = static_cast<std::size_t>(l.segments[static_cast<std::size_t>(position)]);
    const auto last = static_cast<std::size_t>(l.segments[static_cast<std::size_t>(position) + 1]);
    for (std::size_t i = first; i < last; ++i) walk(level + 1, static_cast<std::int64_t>(i), at + l.indices[i] * l.step, f);
  }

  int levels_ = 0;
  std::int64_t stored_ = 0;
  std::size_t bytes_read_ = 0;
  Level level_[2 * max_rank];
};

}  // namespace tfl::detail
