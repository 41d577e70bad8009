// needs: exceptions
#include "tools/converter/import/activations.hpp"

#include <cmath>

namespace tfl::converter {

using enum BuiltinOperator;

Tensor* emit_softplus(Emitter& emit, Tensor* x) {
  Tensor* small = emit.unary(EXP, emit.unary(NEG, emit.unary(ABS, x)));
  return emit.binary(ADD, emit.unary(RELU, x), emit.unary(LOG, emit.binary(ADD, small, 1.0F)));
}

Tensor* emit_scaled_elu(Emitter& emit, Tensor* x, float alpha, float scale) {
  if (alpha == 1 && scale == 1) return emit.unary(ELU, x);
  Tensor* above = emit.unary(RELU, x);
  // ELU is x above zero and e^x - 1 below it.
  Tensor* below = emit.unary(ELU, emit.binary(MINIMUM, x, 0.0F));
  return emit.binary(ADD, scale == 1 ? above : emit.binary(MUL, above, scale), emit.binary(MUL, below, scale * alpha));
}

Tensor* emit_softsign(Emitter& emit, Tensor* x) { return emit.binary(DIV, x, emit.binary(ADD, emit.unary(ABS, x), 1.0F)); }

Tensor* emit_mish(Emitter& emit, Tensor* x) { return emit.binary(MUL, x, emit.unary(TANH, emit_softplus(emit, x))); }

Tensor* emit_hard_sigmoid(Emitter& emit, Tensor* x, float alpha, float beta) {
  if (std::fabs(alpha - 1.0F / 6) < 1e-6F && beta == 0.5F) return emit.binary(MUL, emit.unary(RELU6, emit.binary(ADD, x, 3.0F)), 1.0F / 6);
  return emit.clamp(emit.binary(ADD, emit.binary(MUL, x, alpha), beta), 0, 1);
}

/// Abramowitz and Stegun 7.1.26.
Tensor* emit_erf(Emitter& emit, Tensor* x) {
  Tensor* t = emit.binary(DIV, emit.scalar(1), emit.binary(ADD, emit.binary(MUL, emit.unary(ABS, x), 0.3275911F), 1.0F));
  Tensor* sum = emit.binary(ADD, emit.binary(MUL, t, 1.061405429F), -1.453152027F);
  for (const float coefficient : {1.421413741F, -0.284496736F, 0.254829592F}) sum = emit.binary(ADD, emit.binary(MUL, sum, t), coefficient);
  Tensor* rest = emit.binary(MUL, emit.binary(MUL, sum, t), emit.unary(EXP, emit.unary(NEG, emit.unary(SQUARE, x))));
  return emit.binary(MUL, emit.unary(SIGN, x), emit.binary(SUB, emit.scalar(1), rest));
}

}  // namespace tfl::converter
