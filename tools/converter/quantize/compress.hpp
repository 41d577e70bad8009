#pragma once
// Weights in fewer bytes, or in fewer different ones.

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// Every large float weight tensor holds at most `clusters` different values afterwards (k-means, the same on every machine): files
/// compress better. Zeros stay zeros. Returns how many tensors changed.
int cluster_weights(Model& model, int clusters);

/// Weights of FULLY_CONNECTED that are mostly zeros in blocks of 4 floats or 16 bytes are stored as blocks (CSR), where that takes less
/// than four fifths of the bytes. Returns how many tensors changed.
int encode_sparse_weights(Model& model);

}  // namespace tfl::converter
