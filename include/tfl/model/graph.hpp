#pragma once
// The flat graph of a model: plain tables that point into the file. Made by the reader after verification.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tfl/core/builtin_operator.hpp"
#include "tfl/core/tensor.hpp"

namespace tfl {

namespace schema {
struct Operator;
struct SparsityParameters;
}  // namespace schema

struct GraphTensor {
  std::string_view name;
  TensorDescription description;                         // shape as in the file
  Shape signature_shape;                                 // -1 where the dimension may change; equals the shape where the file doesn't say
  std::span<const std::byte> data{};                     // of a constant, in the file
  const schema::SparsityParameters* sparsity = nullptr;  // which elements the file holds; `data` has them all
};

struct GraphNode {
  BuiltinOperator code{};
  std::string_view custom_name;  // of BuiltinOperator::CUSTOM
  int version = 1;
  std::span<const std::int32_t> inputs;   // tensor indices; -1: absent
  std::span<const std::int32_t> outputs;  // tensor indices
  std::span<const std::int32_t> intermediates;
  const schema::Operator* source = nullptr;  // where its options are read from
  int file_index = 0;                        // its number in the file, which errors tell

  /// "CONV_2D", or the custom op's name.
  std::string_view name() const { return code == BuiltinOperator::CUSTOM ? custom_name : std::string_view(name_of(code)); }
};

/// Nodes are in an order in which every tensor is written before it is read.
struct GraphSubgraph {
  std::string_view name;
  std::span<const GraphTensor> tensors;
  std::span<const GraphNode> nodes;
  std::span<const std::int32_t> inputs;
  std::span<const std::int32_t> outputs;
};

}  // namespace tfl
