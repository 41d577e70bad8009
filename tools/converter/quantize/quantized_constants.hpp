#pragma once
// Float constants as quantized ones.

#include <span>
#include <vector>

#include "tfl/quant/quantize.hpp"
#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// The constant's data in `type` (int4 packed two to a byte), with the scales and the axis that they go along; zero points are 0.
/// Requires float32 data of the tensor's size and a positive scale for each channel of `axis`, or one.
void quantize_weights_in_place(Tensor& tensor, TensorType type, std::vector<float> scales, int axis);

/// As int4, with a float16 scale for each block of `block_size` neighbours in the last dimension, which it divides: `scales` is the
/// constant that gets them. False, with nothing changed, where a weight isn't finite.
bool quantize_blocks_in_place(Tensor& tensor, std::int32_t block_size, Tensor& scales);

/// The scale of each channel along `axis`, or of the whole tensor where axis is -1; empty where a weight isn't finite.
std::vector<float> weight_scales(const Tensor& tensor, TensorType type, int axis);

/// The constant as an activation with these parameters. Requires float32 data.
void quantize_activation_in_place(Tensor& tensor, TensorType type, quant::AffineParameters parameters);

/// The smallest and the largest value; 0 and 0 for none.
std::pair<float, float> range_of(std::span<const float> values);

}  // namespace tfl::converter
