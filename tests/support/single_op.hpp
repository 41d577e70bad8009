#pragma once
// One op, run as users run it: a one-node model is built, verified, planned and invoked with nothing but the op in the registry.
//
//   SingleOp<tfl::Softmax> op;
//   op.input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
//   op.output<float>();
//   op.options([](auto& tables) { return tfl::schema::CreateSoftmaxOptions(tables, 1.0f); });
//   ASSERT_EQ(op.run(), "");                    // or the error's message
//   EXPECT_EQ(op.values<float>(), ...);         // of output 0
//   EXPECT_EQ(op.shape(), (tfl::Shape{2, 3}));

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tfl/model/builder.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl::test {

/// An arena of an exact size between bytes that nobody may touch.
class GuardedArena {
 public:
  std::span<std::byte> of(std::size_t bytes) {
    bytes_ = bytes;
    memory_.assign(bytes + 2 * guard + block_alignment, pattern);
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data()) + guard;
    start_ = align_up(address, block_alignment) - reinterpret_cast<std::uintptr_t>(memory_.data());
    return {memory_.data() + start_, bytes};
  }
  bool untouched() const {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if ((i < start_ || i >= start_ + bytes_) && memory_[i] != pattern) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t guard = 256;
  static constexpr std::byte pattern{0xa5};
  std::vector<std::byte> memory_;
  std::size_t start_ = 0, bytes_ = 0;
};

/// Several to a byte, the first in the low bits; what is left of the last byte is 0.
template <class P> std::vector<P> packed(const std::vector<std::int8_t>& values) {
  constexpr std::size_t bits = static_cast<std::size_t>(bits_of(tensor_type_of<P>)), per_byte = 8 / bits;
  std::vector<P> bytes((values.size() + per_byte - 1) / per_byte);
  for (std::size_t i = 0; i < values.size(); ++i) {
    P& to = bytes[i / per_byte];
    to.bits = static_cast<std::uint8_t>(to.bits | (values[i] & ((1 << bits) - 1)) << (i % per_byte * bits));
  }
  return bytes;
}
inline std::vector<Int4Pair> int4_pairs(const std::vector<std::int8_t>& values) { return packed<Int4Pair>(values); }
/// The bytes of packed integers, which gtest can compare and print.
template <class P> std::vector<int> bytes_of(const std::vector<P>& packed_integers) {
  std::vector<int> bytes;
  for (const P p : packed_integers) bytes.push_back(p.bits);
  return bytes;
}

/// What SingleOp does that depends on no op.
class SingleOpBase : private Runner {
 public:
  explicit SingleOpBase(FindEntry find, BuiltinOperator code, std::string custom_name)
      : find_(find), code_(code), custom_name_(std::move(custom_name)) {}

  /// An input that is filled before running.
  template <class T> int input(std::vector<std::int32_t> shape, const std::vector<T>& values, QuantizationSpec quantization = {}) {
    const int tensor = add({.type = type_for<T>(), .shape = std::move(shape), .quantization = std::move(quantization)});
    runtime_inputs_.push_back({tensor, bytes_of_values(values)});
    inputs_.push_back(tensor);
    return tensor;
  }
  /// An input whose data is in the model.
  template <class T> int constant(std::vector<std::int32_t> shape, const std::vector<T>& values, QuantizationSpec quantization = {}) {
    const std::vector<std::uint8_t> bytes = bytes_of_values(values);
    const int tensor = builder_.add_constant(
        {.name = next_name(), .type = type_for<T>(), .shape = std::move(shape), .quantization = std::move(quantization)}, bytes);
    inputs_.push_back(tensor);
    return tensor;
  }
  template <class T> int variable(std::vector<std::int32_t> shape, QuantizationSpec quantization = {}) {
    const int tensor =
        add({.type = type_for<T>(), .shape = std::move(shape), .quantization = std::move(quantization), .is_variable = true});
    inputs_.push_back(tensor);
    return tensor;
  }
  /// An optional input that is left out.
  void absent() { inputs_.push_back(-1); }
  /// The shape is inferred anyway; channel scales want one that fits them.
  template <class T> int output(QuantizationSpec quantization = {}, std::vector<std::int32_t> shape = {}) {
    const int tensor = add({.type = type_for<T>(), .shape = std::move(shape), .quantization = std::move(quantization)});
    outputs_.push_back(tensor);
    return tensor;
  }
  /// A tensor that only lends its quantization (LSTM).
  template <class T> void intermediate(QuantizationSpec quantization) {
    intermediates_.push_back(add({.type = type_for<T>(), .shape = {}, .quantization = std::move(quantization)}));
  }
  /// `make` gets the flatbuffers builder and returns an options table, as for ModelBuilder::add_operator.
  template <class Make> void options(Make make) { options_ = builder_.options(make(builder_.tables())); }
  void custom_options(std::vector<std::uint8_t> bytes) { custom_options_ = std::move(bytes); }
  void version(int v) { version_ = v; }

  /// Builds and runs; "" or the error's message. Fails too where a byte beside the arena changed. Once a SingleOp.
  std::string run() {
    builder_.set_inputs([&] {
      std::vector<std::int32_t> list;
      for (const auto& i : runtime_inputs_) list.push_back(i.first);
      return list;
    }());
    builder_.set_outputs(outputs_);
    if (code_ == BuiltinOperator::CUSTOM) {
      builder_.add_custom_operator(custom_name_, inputs_, outputs_, custom_options_, version_);
    } else {
      builder_.add_operator(OperatorSpec{.opcode_index = builder_.find_operator_code(code_, "", version_),
                                         .inputs = inputs_,
                                         .outputs = outputs_,
                                         .options = options_,
                                         .intermediates = intermediates_});
    }
    file_ = builder_.finish();
    auto model = Model::from_copy(std::as_bytes(std::span(file_)));
    if (!model) return std::string(model.message());
    InterpreterOptions options;
    options.preserve_inputs = true;
    if (auto r = load(*model, 0, find_, 1, options); !r) return std::string(r.message());
    if (auto r = own_subgraph().plan(&executor_); !r) return std::string(r.message());
    if (auto r = own_subgraph().bind(arena_.of(own_subgraph().arena_bytes()), &executor_); !r) return std::string(r.message());
    return invoke_again();
  }
  /// Runs once more: variables keep their state.
  std::string invoke_again() {
    for (std::size_t i = 0; i < runtime_inputs_.size(); ++i) {
      auto in = Runner::input<std::byte>(static_cast<int>(i));
      if (!in) return std::string(in.message());
      if (in->size() != runtime_inputs_[i].second.size())
        return "test: input " + std::to_string(i) + " takes " + std::to_string(in->size()) + " bytes";
      if (!in->empty()) std::memcpy(in->data(), runtime_inputs_[i].second.data(), in->size());
    }
    if (auto r = Runner::run(&executor_, nullptr); !r) return std::string(r.message());
    return arena_.untouched() ? "" : "a byte outside of the arena was written";
  }

  template <class T> std::vector<T> values(int output = 0) {
    auto out = Runner::output<std::byte>(output);
    if (!out) return {};
    std::vector<T> result(out->size() / sizeof(T));
    if (!result.empty()) std::memcpy(static_cast<void*>(result.data()), out->data(), result.size() * sizeof(T));
    return result;
  }
  Shape shape(int output = 0) const { return output_description(output).shape; }
  using Runner::arena_bytes;

 private:
  // std::vector<bool> has no bytes: tests hold booleans as uint8_t wrapped in Boolean, or as bool in a braced list.
  template <class T> static constexpr TensorType type_for() {
    static_assert(tensor_type_of<T> != TensorType::none);
    return tensor_type_of<T>;
  }
  template <class T> static std::vector<std::uint8_t> bytes_of_values(const std::vector<T>& values) {
    std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
    if constexpr (std::is_same_v<T, bool>) {
      std::copy(values.begin(), values.end(), bytes.begin());
    } else {
      if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    }
    return bytes;
  }
  std::string next_name() { return std::string("t").append(std::to_string(names_++)); }
  int add(TensorSpec spec) {
    spec.name = next_name();
    return builder_.add_tensor(std::move(spec));
  }

  FindEntry find_;
  BuiltinOperator code_;
  std::string custom_name_;
  ModelBuilder builder_;
  std::vector<std::pair<int, std::vector<std::uint8_t>>> runtime_inputs_;
  std::vector<std::int32_t> inputs_, outputs_, intermediates_;
  OperatorOptions options_;
  std::vector<std::uint8_t> custom_options_, file_;
  int version_ = 1, names_ = 0;
  SerialExecutor executor_;
  GuardedArena arena_;
};

template <class Op, class Arch = simd::NativeArch> class SingleOp : public SingleOpBase {
 public:
  SingleOp() : SingleOpBase(&find, Op::code, name()) {}

 private:
  static const OpEntry* find(const GraphSubgraph& subgraph, const GraphNode& node) {
    return find_op(OpRegistry<Op>::template entries<Arch, SerialExecutor>(), subgraph, node);
  }
  static std::string name() {
    if constexpr (requires { Op::custom_name; }) {
      return std::string(Op::custom_name);
    } else {
      return {};
    }
  }
};

}  // namespace tfl::test
