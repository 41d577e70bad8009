#pragma once
// What makes a float model easier to quantize, before its weights become integers.

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// FAKE_QUANT nodes of activations (quantization-aware training) become the ranges of what they read, and go; those of weights are left
/// for fold-constants, int8 ones behind DEQUANTIZE are floats again. Needs a sorted graph. Returns how many nodes went.
int absorb_fake_quant(Model& model);

/// Cross-layer equalization: where one convolution follows another with nothing or RELU between, each channel between them is scaled so
/// that its weights have the same range on both sides. The model computes the same, up to rounding. Returns how many pairs changed.
int equalize_channels(Model& model);

}  // namespace tfl::converter
