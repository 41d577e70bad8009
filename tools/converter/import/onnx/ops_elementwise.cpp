// needs: exceptions
// ONNX operators on single elements.
#include <limits>

#include "tools/converter/import/activations.hpp"
#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

using Result = std::vector<OnnxValue>;

/// Applies the body to the first input's tensor, in whatever order its axes lie.
template <class F> Result on_tensor(const OnnxCall& call, F&& body) {
  OnnxValue value = call.input(0);
  value.tensor = body(value.tensor);
  return {value};
}

template <BuiltinOperator Code> Result unary(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.unary(Code, x); });
}

/// Operands of different types, as wrong models have them, would be told nowhere else.
void want_equal_types(const Tensor* a, const Tensor* b) {
  if (a->type != b->type) throw ImportError(std::string("its operands have the types ") + name_of(a->type) + " and " + name_of(b->type));
}

template <BuiltinOperator Code> Result binary(const OnnxCall& call) {
  auto [x, order] = call.aligned({call.input(0), call.input(1)});
  want_equal_types(x[0], x[1]);
  return {{call.emit.binary(Code, x[0], x[1]), order}};
}

template <BuiltinOperator Code> Result compare(const OnnxCall& call) {
  auto [x, order] = call.aligned({call.input(0), call.input(1)});
  want_equal_types(x[0], x[1]);
  return {{call.emit.compare(Code, x[0], x[1]), order}};
}

template <BuiltinOperator Code> Result variadic(const OnnxCall& call) {
  call.input(0);
  auto [x, order] = call.aligned(call.inputs);
  Tensor* result = x[0];
  for (std::size_t i = 1; i < x.size(); ++i) {
    want_equal_types(result, x[i]);
    result = call.emit.binary(Code, result, x[i]);
  }
  return {{result, order}};
}

Result mean_of_all(const OnnxCall& call) {
  OnnxValue sum = variadic<ADD>(call).front();
  sum.tensor = call.emit.binary(MUL, sum.tensor, 1 / static_cast<float>(call.inputs.size()));
  return {sum};
}

Result mod(const OnnxCall& call) {
  if (call.attributes().integer("fmod") != 0) throw ImportError("Mod with fmod=1 has no operator");
  return binary<FLOOR_MOD>(call);
}

Result pow(const OnnxCall& call) {
  const OnnxValue& exponent = call.input(1);
  if (exponent.is_constant() && exponent.tensor->count() == 1) {
    const float value = floats_of(*exponent.tensor)[0];
    if (value == 2) return unary<SQUARE>(call);
    if (value == 0.5F) return unary<SQRT>(call);
    return on_tensor(call, [&](Tensor* x) { return call.emit.binary(POW, x, value); });
  }
  return binary<POW>(call);
}

Result identity(const OnnxCall& call) { return {call.input(0)}; }

Result reciprocal(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.binary(DIV, call.emit.scalar(1), x); });
}

float real(const OnnxCall& call, std::string_view name, double otherwise) {
  return static_cast<float>(call.attributes().real(name, otherwise));
}

/// An activation of the emitter's and nothing else.
template <Tensor* (*Emit)(Emitter&, Tensor*)> Result activation(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return Emit(call.emit, x); });
}

Result elu(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return emit_scaled_elu(call.emit, x, real(call, "alpha", 1), 1); });
}
Result selu(const OnnxCall& call) {
  const float alpha = real(call, "alpha", static_cast<double>(selu_alpha)), scale = real(call, "gamma", static_cast<double>(selu_scale));
  return on_tensor(call, [&](Tensor* x) { return emit_scaled_elu(call.emit, x, alpha, scale); });
}
Result leaky_relu(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.leaky_relu(x, real(call, "alpha", 0.01)); });
}
Result hard_sigmoid(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return emit_hard_sigmoid(call.emit, x, real(call, "alpha", 0.2), real(call, "beta", 0.5)); });
}
Result gelu(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.gelu(x, call.attributes().text("approximate", "none") == "tanh"); });
}

Result celu(const OnnxCall& call) {
  const float alpha = real(call, "alpha", 1);
  if (!(alpha > 0)) throw ImportError("an alpha that is not positive makes no sense");
  return on_tensor(call,
                   [&](Tensor* x) { return call.emit.binary(MUL, call.emit.unary(ELU, call.emit.binary(MUL, x, 1 / alpha)), alpha); });
}
Result thresholded_relu(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) {
    return call.emit.select(call.emit.compare(GREATER, x, call.emit.scalar(real(call, "alpha", 1))), x, call.emit.scalar(0));
  });
}
Result tan(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.binary(DIV, call.emit.unary(SIN, x), call.emit.unary(COS, x)); });
}
Result atan(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.binary(ATAN2, x, call.emit.binary(ADD, call.emit.unary(ZEROS_LIKE, x), 1)); });
}
Result is_nan(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.compare(NOT_EQUAL, x, x); });
}
Result is_inf(const OnnxCall& call) {
  const bool positive = call.attributes().integer("detect_positive", 1) != 0,
             negative = call.attributes().integer("detect_negative", 1) != 0;
  return on_tensor(call, [&](Tensor* x) {
    if (positive && negative) x = call.emit.unary(ABS, x);
    return call.emit.compare(EQUAL, x, call.emit.scalar(positive ? infinity : -infinity));
  });
}

Result clip(const OnnxCall& call) {
  const auto bound = [&](std::size_t i, std::string_view name, float otherwise) {
    return call.has(i) ? floats_of(call.constant(i, name)).at(0) : real(call, name, static_cast<double>(otherwise));
  };
  const float low = bound(1, "min", -infinity), high = bound(2, "max", infinity);
  return on_tensor(call, [&](Tensor* x) {
    if (x->type == TensorType::float32) return call.emit.clamp(x, low, high);
    throw ImportError(std::string("values of the type ") + name_of(x->type) + " can't be clipped");
  });
}

Result prelu(const OnnxCall& call) {
  const OnnxValue& x = call.input(0);
  if (x.is_constant() || call.input(1).rank() > x.rank()) throw ImportError("the slope has more dimensions than the input");
  auto [operands, order] = call.aligned({x, call.input(1)});
  return {{call.emit.prelu(operands[0], operands[1]), order}};
}

Result where(const OnnxCall& call) {
  auto [x, order] = call.aligned({call.input(0), call.input(1), call.input(2)});
  want_equal_types(x[1], x[2]);
  return {{call.emit.select(x[0], x[1], x[2]), order}};
}

/// The types of ONNX by their numbers.
TensorType type_of_number(std::int64_t number) {
  switch (number) {
    case 1: return TensorType::float32;
    case 2: return TensorType::uint8;
    case 3: return TensorType::int8;
    case 5: return TensorType::int16;
    case 6: return TensorType::int32;
    case 7: return TensorType::int64;
    case 9: return TensorType::boolean;
    // Halves and doubles are computed in float32.
    case 10:
    case 11:
    case 16: return TensorType::float32;
    case 12: return TensorType::uint32;
    default: throw ImportError("the type number " + std::to_string(number) + " is not supported");
  }
}

Result cast(const OnnxCall& call) {
  const TensorType type = type_of_number(call.attributes().integer("to"));
  return on_tensor(call, [&](Tensor* x) { return call.emit.cast(x, type); });
}
Result cast_like(const OnnxCall& call) {
  return on_tensor(call, [&](Tensor* x) { return call.emit.cast(x, call.input(1).tensor->type); });
}

}  // namespace

std::vector<OnnxOperatorEntry> onnx_elementwise_operators() {
  return {{"Relu", unary<RELU>},
          {"Sigmoid", unary<LOGISTIC>},
          {"Tanh", unary<TANH>},
          {"Exp", unary<EXP>},
          {"Log", unary<LOG>},
          {"Sqrt", unary<SQRT>},
          {"Abs", unary<ABS>},
          {"Neg", unary<NEG>},
          {"Floor", unary<FLOOR>},
          {"Ceil", unary<CEIL>},
          {"Round", unary<ROUND>},
          {"Sin", unary<SIN>},
          {"Cos", unary<COS>},
          {"Sign", unary<SIGN>},
          {"Not", unary<LOGICAL_NOT>},
          {"HardSwish", unary<HARD_SWISH>},
          {"Reciprocal", reciprocal},
          {"Elu", elu},
          {"Celu", celu},
          {"ThresholdedRelu", thresholded_relu},
          {"Tan", tan},
          {"Atan", atan},
          {"IsNaN", is_nan},
          {"IsInf", is_inf},
          {"Selu", selu},
          {"LeakyRelu", leaky_relu},
          {"Softplus", activation<emit_softplus>},
          {"Softsign", activation<emit_softsign>},
          {"Mish", activation<emit_mish>},
          {"HardSigmoid", hard_sigmoid},
          {"Gelu", gelu},
          {"Erf", activation<emit_erf>},
          {"Clip", clip},
          {"PRelu", prelu},
          {"Add", binary<ADD>},
          {"Sub", binary<SUB>},
          {"Mul", binary<MUL>},
          {"Div", binary<DIV>},
          {"Pow", pow},
          {"Mod", mod},
          {"Max", variadic<MAXIMUM>},
          {"Min", variadic<MINIMUM>},
          {"Sum", variadic<ADD>},
          {"Mean", mean_of_all},
          {"And", binary<LOGICAL_AND>},
          {"Or", binary<LOGICAL_OR>},
          {"Xor", compare<NOT_EQUAL>},
          {"Equal", compare<EQUAL>},
          {"Less", compare<LESS>},
          {"LessOrEqual", compare<LESS_EQUAL>},
          {"Greater", compare<GREATER>},
          {"GreaterOrEqual", compare<GREATER_EQUAL>},
          {"Where", where},
          {"Cast", cast},
          {"CastLike", cast_like},
          {"Identity", identity},
          {"Dropout", identity}};
}

}  // namespace tfl::converter
