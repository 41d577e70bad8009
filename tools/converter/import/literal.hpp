#pragma once
// Constants as numbers.

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// Stands in constants for a size that is not known: shapes are computed with it as far as possible. It must not reach the finished graph.
inline constexpr std::int64_t unknown_size = -2147471303;

/// The elements of a numeric constant as floats, or as integers (bool as 0 and 1; fractions are cut off). Throw ImportError for other
/// types.
std::vector<float> floats_of(const Tensor& constant);
std::vector<std::int64_t> integers_of(const Tensor& constant);
/// Constants of a numeric type from numbers.
Literal literal_of(TensorType type, std::vector<std::int32_t> shape, const std::vector<float>& values);
Literal literal_of(TensorType type, std::vector<std::int32_t> shape, const std::vector<std::int64_t>& values);
bool is_integral(TensorType type);
/// Bytes of one element. Throws for types without a fixed number of whole bytes.
std::size_t element_bytes(TensorType type);
/// Axes in another order, for any type of whole bytes.
Literal permuted_literal(const Tensor& constant, const std::vector<std::int32_t>& permutation);

/// What an operator of .tflite gives for constant inputs, where it is cheap to know: shapes, weights in another order, small numbers.
/// `type` and `shape` are those of its one output.
std::optional<Literal> fold(const Operation& operation, std::span<Tensor* const> inputs, TensorType type,
                            const std::vector<std::int32_t>& shape, const Attributes& attributes);

}  // namespace tfl::converter
