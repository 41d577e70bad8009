// needs: exceptions
#include "tools/converter/import/composite.hpp"

#include <cmath>

namespace tfl::converter {

using enum BuiltinOperator;

Tensor* emit_layer_norm(Emitter& emit, Tensor* x, const std::vector<std::int32_t>& axes, float epsilon, Tensor* scale, Tensor* offset) {
  Tensor* mean = emit.reduce(MEAN, x, axes, true);
  Tensor* variance = emit.reduce(MEAN, emit.binary(SQUARED_DIFFERENCE, x, mean), axes, true);
  Tensor* y = emit.binary(MUL, emit.binary(SUB, x, mean), emit.unary(RSQRT, emit.binary(ADD, variance, epsilon)));
  if (scale != nullptr) y = emit.binary(MUL, y, scale);
  return offset == nullptr ? y : emit.binary(ADD, y, offset);
}

Tensor* emit_batch_norm(Emitter& emit, Tensor* x, int axis, const std::vector<float>& scale, const std::vector<float>& offset,
                        const std::vector<float>& mean, const std::vector<float>& variance, float epsilon) {
  const std::size_t count = mean.size();
  if (variance.size() != count || (!scale.empty() && scale.size() != count) || (!offset.empty() && offset.size() != count)) {
    throw ImportError("mean, variance, scale and offset of the batch normalization differ in size");
  }
  std::vector<float> factor(count), shift(count);
  for (std::size_t i = 0; i < count; ++i) {
    factor[i] = (scale.empty() ? 1.0F : scale[i]) / std::sqrt(variance[i] + epsilon);
    shift[i] = (offset.empty() ? 0.0F : offset[i]) - mean[i] * factor[i];
  }
  return emit.scale_and_shift(x, std::move(factor), std::move(shift), axis);
}

Tensor* emit_split_heads(Emitter& emit, Tensor* x, std::int32_t heads) {
  Emitter::want_rank(x, 3);
  const std::int32_t width = Emitter::known(x, 2, "attention");
  if (heads < 1 || width % heads != 0)
    throw ImportError("the shape " + text_of(x->shape) + " can't be split into " + std::to_string(heads) + " heads");
  return emit.transpose(emit.reshape(x, {x->shape[0], x->shape[1], heads, width / heads}), {0, 2, 1, 3});
}

Tensor* emit_attention(Emitter& emit, Tensor* query, Tensor* key, Tensor* value, float scale, Tensor* mask) {
  Tensor* scores = emit.batch_matmul(scale == 1 ? query : emit.binary(MUL, query, scale), key, false, true);
  if (mask != nullptr) scores = emit.binary(ADD, scores, mask);
  return emit.batch_matmul(emit.softmax(scores), value);
}

}  // namespace tfl::converter
