#pragma once
// Layers without an operator of their own, written as several.

#include <vector>

#include "tools/converter/import/emitter.hpp"

namespace tfl::converter {

/// (x - mean) / sqrt(variance + epsilon) over the axes. Null scale and offset are none.
Tensor* emit_layer_norm(Emitter& emit, Tensor* x, const std::vector<std::int32_t>& axes, float epsilon, Tensor* scale, Tensor* offset);

/// Batch normalization along one axis with statistics that are known. Empty scale and offset are ones and zeros.
Tensor* emit_batch_norm(Emitter& emit, Tensor* x, int axis, const std::vector<float>& scale, const std::vector<float>& offset,
                        const std::vector<float>& mean, const std::vector<float>& variance, float epsilon);

/// One matrix of [.., rows, heads * size] as [.., heads, rows, size].
Tensor* emit_split_heads(Emitter& emit, Tensor* x, std::int32_t heads);

/// softmax(scale * query key^T + mask) value, on [batch, heads, rows, size]. A null mask is none.
Tensor* emit_attention(Emitter& emit, Tensor* query, Tensor* key, Tensor* value, float scale, Tensor* mask);

}  // namespace tfl::converter
