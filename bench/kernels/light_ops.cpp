// Ops that move more than they compute, float32 and int8, beside a copy of as many bytes on this core.

#include "bench/kernels/one_op.hpp"
#include "tfl/kernels/activation.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/concatenation.hpp"
#include "tfl/kernels/pad.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/quantize.hpp"
#include "tfl/kernels/reduce.hpp"
#include "tfl/kernels/resize.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/kernels/transpose.hpp"

namespace {

using tfl::QuantizationSpec;
using tfl::TensorType;
using tfl::bench::Bound;
using tfl::bench::OneOp;
using tfl::bench::quantized;
namespace schema = tfl::schema;

/// Names, types and quantizations of one variant of an op.
struct Variant {
  TensorType type;
  std::string name(const char* op, const char* shape) const {
    return std::string(op) + (type == TensorType::int8 ? "/int8/" : "/float32/") + shape;
  }
  QuantizationSpec in() const { return type == TensorType::int8 ? quantized(0.05f, -3) : QuantizationSpec{}; }
  QuantizationSpec other() const { return type == TensorType::int8 ? quantized(0.04f, 7) : QuantizationSpec{}; }
  QuantizationSpec out() const { return type == TensorType::int8 ? quantized(0.08f, 5) : QuantizationSpec{}; }
  /// Of ops whose range is known: [0, 1], or [-1, 1].
  QuantizationSpec unit() const { return type == TensorType::int8 ? quantized(1.0f / 256, -128) : QuantizationSpec{}; }
  QuantizationSpec signed_unit() const { return type == TensorType::int8 ? quantized(1.0f / 128, 0) : QuantizationSpec{}; }
};

void add_binary(const Variant& v) {
  OneOp add(v.name("add", "28x28x192"));
  add.input(v.type, {1, 28, 28, 192}, v.in()).input(v.type, {1, 28, 28, 192}, v.other()).output(v.type, {1, 28, 28, 192}, v.out());
  add.options([](auto& t) { return schema::CreateAddOptions(t, schema::ActivationFunctionType::NONE, true); });
  std::move(add).add<tfl::Add>(Bound::memory);

  OneOp mul(v.name("mul", "28x28x192_by_channel"));
  mul.input(v.type, {1, 28, 28, 192}, v.in()).input(v.type, {1, 1, 1, 192}, v.other()).output(v.type, {1, 28, 28, 192}, v.out());
  mul.options([](auto& t) { return schema::CreateMulOptions(t, schema::ActivationFunctionType::NONE); });
  std::move(mul).add<tfl::Mul>(Bound::memory);
}

template <class Op> void add_activation(const Variant& v, const char* name, const QuantizationSpec& out) {
  OneOp one(v.name(name, "28x28x192"));
  one.input(v.type, {1, 28, 28, 192}, v.in()).output(v.type, {1, 28, 28, 192}, out);
  std::move(one).add<Op>(Bound::memory);
}

void add_pools(const Variant& v) {
  const auto options = [](int filter, int stride) {
    return [=](auto& t) {
      return schema::CreatePool2DOptions(t, schema::Padding::VALID, stride, stride, filter, filter, schema::ActivationFunctionType::NONE);
    };
  };
  OneOp whole(v.name("average_pool_2d", "7x7x1280"));
  whole.input(v.type, {1, 7, 7, 1280}, v.in()).output(v.type, {1, 1, 1, 1280}, v.in()).options(options(7, 1));
  std::move(whole).add<tfl::AveragePool2D>(Bound::memory);

  OneOp most(v.name("max_pool_2d", "112x112x64_2x2"));
  most.input(v.type, {1, 112, 112, 64}, v.in()).output(v.type, {1, 56, 56, 64}, v.in()).options(options(2, 2));
  std::move(most).add<tfl::MaxPool2D>(Bound::memory);

  OneOp mean(v.name("mean", "7x7x1280"));
  mean.input(v.type, {1, 7, 7, 1280}, v.in()).integers({2}, {1, 2}).output(v.type, {1, 1280}, v.in());
  mean.options([](auto& t) { return schema::CreateReducerOptions(t, false); });
  std::move(mean).add<tfl::Mean>(Bound::memory);
}

void add_movement(const Variant& v) {
  OneOp transpose(v.name("transpose", "224x224x3_to_planes"));
  transpose.input(v.type, {1, 224, 224, 3}, v.in()).integers({4}, {0, 3, 1, 2}).output(v.type, {1, 3, 224, 224}, v.in());
  std::move(transpose).add<tfl::Transpose>(Bound::memory);

  OneOp back(v.name("transpose", "3x224x224_to_pixels"));
  back.input(v.type, {1, 3, 224, 224}, v.in()).integers({4}, {0, 2, 3, 1}).output(v.type, {1, 224, 224, 3}, v.in());
  std::move(back).add<tfl::Transpose>(Bound::memory);

  OneOp pad(v.name("pad", "112x112x32_by_1"));
  pad.input(v.type, {1, 112, 112, 32}, v.in()).integers({4, 2}, {0, 0, 1, 1, 1, 1, 0, 0}).output(v.type, {1, 114, 114, 32}, v.in());
  std::move(pad).add<tfl::Pad>(Bound::memory);

  OneOp join(v.name("concatenation", "28x28x96_channels"));
  join.input(v.type, {1, 28, 28, 96}, v.in()).input(v.type, {1, 28, 28, 96}, v.in()).output(v.type, {1, 28, 28, 192}, v.in());
  join.options([](auto& t) { return schema::CreateConcatenationOptions(t, 3, schema::ActivationFunctionType::NONE); });
  std::move(join).add<tfl::Concatenation>(Bound::memory);

  OneOp larger(v.name("resize_bilinear", "28x28x64_twice"));
  larger.input(v.type, {1, 28, 28, 64}, v.in()).integers({2}, {56, 56}).output(v.type, {1, 56, 56, 64}, v.in());
  larger.options([](auto& t) { return schema::CreateResizeBilinearOptions(t, false, true); });
  std::move(larger).add<tfl::ResizeBilinear>(Bound::memory);

  OneOp nearest(v.name("resize_nearest_neighbor", "28x28x64_twice"));
  nearest.input(v.type, {1, 28, 28, 64}, v.in()).integers({2}, {56, 56}).output(v.type, {1, 56, 56, 64}, v.in());
  nearest.options([](auto& t) { return schema::CreateResizeNearestNeighborOptions(t, false, false); });
  std::move(nearest).add<tfl::ResizeNearestNeighbor>(Bound::memory);
}

void add_softmax(const Variant& v) {
  OneOp one(v.name("softmax", "128_rows_of_128"));
  one.input(v.type, {128, 128}, v.in()).output(v.type, {128, 128}, v.unit());
  one.options([](auto& t) { return schema::CreateSoftmaxOptions(t, 1.0f); });
  std::move(one).add<tfl::Softmax>(Bound::memory);
}

const int registered = [] {
  for (const Variant& v : {Variant{TensorType::float32}, Variant{TensorType::int8}}) {
    add_binary(v);
    add_activation<tfl::HardSwish>(v, "hard_swish", v.out());
    add_activation<tfl::Logistic>(v, "logistic", v.unit());
    add_activation<tfl::Tanh>(v, "tanh", v.signed_unit());
    add_pools(v);
    add_movement(v);
    add_softmax(v);
  }
  OneOp to_integers("quantize/28x28x192");
  to_integers.input(TensorType::float32, {1, 28, 28, 192}).output(TensorType::int8, {1, 28, 28, 192}, quantized(0.05f, -3));
  std::move(to_integers).add<tfl::Quantize>(Bound::memory);
  OneOp again("quantize/int8_to_int8_28x28x192");
  again.input(TensorType::int8, {1, 28, 28, 192}, quantized(0.05f, -3)).output(TensorType::int8, {1, 28, 28, 192}, quantized(0.04f, 7));
  std::move(again).add<tfl::Quantize>(Bound::memory);
  OneOp to_floats("dequantize/28x28x192");
  to_floats.input(TensorType::int8, {1, 28, 28, 192}, quantized(0.05f, -3)).output(TensorType::float32, {1, 28, 28, 192});
  std::move(to_floats).add<tfl::Dequantize>(Bound::memory);
  return 0;
}();

}  // namespace
