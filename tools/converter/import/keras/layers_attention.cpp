// needs: exceptions
// Attention layers of Keras.
#include <cmath>

#include "tools/converter/import/composite.hpp"
#include "tools/converter/import/keras/layer.hpp"
#include "tools/converter/import/relayout.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

/// A projection to all heads: weights [inputs, heads, size] and bias [heads, size].
Tensor* project(const KerasCall& call, Tensor* x, const KerasPart& part, bool from_heads) {
  KerasCall inner = call;
  inner.part = part;
  const Hdf5Array kernel = inner.weight("kernel", 0, 3);
  const std::int32_t first = checked_dim(kernel.shape[0]), last = checked_dim(kernel.shape[1] * kernel.shape[2]);
  // The output's weights are [heads, size, outputs].
  const std::int32_t rows = from_heads ? checked_dim(kernel.shape[0] * kernel.shape[1]) : first;
  const std::int32_t columns = from_heads ? checked_dim(kernel.shape[2]) : last;
  Tensor* weights = call.emit.floats(permuted(kernel.values, {rows, columns}, {1, 0}), {columns, rows}, "weights");
  Tensor* bias = nullptr;
  if (call.flag("use_bias", true)) bias = call.emit.floats(inner.weight("bias", 1).values, {columns}, "bias");
  return call.emit.fully_connected(x, weights, bias);
}

Tensor* tensor_of(const KerasOperand* operand) { return operand == nullptr ? nullptr : operand->tensor; }

Values multi_head_attention(const KerasCall& call) {
  Tensor* query = call.input();
  Tensor* value = tensor_of(call.operand(1, "value"));
  Tensor* key = tensor_of(call.operand(2, "key"));
  if (value == nullptr) throw ImportError("the attention has no value");
  if (key == nullptr) key = value;
  if (const KerasOperand* mask = call.option("attention_mask"); mask != nullptr && mask->tensor != nullptr) {
    throw ImportError("attention masks are not supported", "leave the mask out");
  }
  if (const KerasOperand* causal = call.option("use_causal_mask"); causal != nullptr && causal->constant.boolean()) {
    throw ImportError("causal masks are not supported", "leave the mask out");
  }
  Emitter& e = call.emit;
  const std::int32_t heads = call.integers("num_heads", 1, 1)[0];
  Tensor* q = emit_split_heads(e, project(call, query, {"query", "query_dense"}, false), heads);
  Tensor* k = emit_split_heads(e, project(call, key, {"key", "key_dense"}, false), heads);
  Tensor* v = emit_split_heads(e, project(call, value, {"value", "value_dense"}, false), heads);
  const double size = call.real("key_dim", Emitter::known(q, 3, "attention"));
  Tensor* y = e.transpose(emit_attention(e, q, k, v, static_cast<float>(1 / std::sqrt(size)), nullptr), {0, 2, 1, 3});
  y = e.reshape(y, {y->shape[0], y->shape[1], checked_dim(std::int64_t{y->shape[2]} * y->shape[3])});
  return {project(call, y, {"attention_output", "output_dense"}, true)};
}

/// Dot-product attention without a learned scale: inputs query, value and, where given, key.
Values attention(const KerasCall& call) {
  const Values xs = call.inputs();
  if (xs.size() < 2 || xs.size() > 3) throw ImportError("Attention needs a query, a value and perhaps a key");
  if (call.text("score_mode", "dot") != "dot" || call.flag("use_scale", false))
    throw ImportError("only plain dot-product scores are supported");
  return {emit_attention(call.emit, xs[0], xs.size() == 3 ? xs[2] : xs[1], xs[1], 1, nullptr)};
}

}  // namespace

std::vector<KerasLayerEntry> keras_attention_layers() { return {{"MultiHeadAttention", multi_head_attention}, {"Attention", attention}}; }

}  // namespace tfl::converter
