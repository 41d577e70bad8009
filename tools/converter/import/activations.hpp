#pragma once
// Activations that .tflite has no operator for, written as several.

#include "tools/converter/import/emitter.hpp"

namespace tfl::converter {

// What every framework's SELU means.
inline constexpr float selu_alpha = 1.6732632423543772F, selu_scale = 1.0507009873554805F;

/// log(1 + e^x), without overflow.
Tensor* emit_softplus(Emitter& emit, Tensor* x);
/// scale * x above zero, scale * alpha * (e^x - 1) below it.
Tensor* emit_scaled_elu(Emitter& emit, Tensor* x, float alpha, float scale);
/// x / (1 + |x|)
Tensor* emit_softsign(Emitter& emit, Tensor* x);
/// x * tanh(softplus(x))
Tensor* emit_mish(Emitter& emit, Tensor* x);
/// clip(alpha * x + beta, 0, 1)
Tensor* emit_hard_sigmoid(Emitter& emit, Tensor* x, float alpha, float beta);
/// The error function, at most 1.5e-7 away.
Tensor* emit_erf(Emitter& emit, Tensor* x);

}  // namespace tfl::converter
