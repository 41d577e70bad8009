// A registry with an op whose eval() does not take the types that it lists.
// expect: tfl: this op.s eval.. does not take .const Run&. and the views of one of its Types

#include "tfl/runtime/interpreter.hpp"

struct Halve {
  static constexpr tfl::BuiltinOperator code = tfl::BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "halve";
  static constexpr tfl::Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  using Options = tfl::NoOptions;
  static constexpr tfl::Violation infer(const Options&, const tfl::NodeDescription& node) {
    node.output(0).shape = node.input(0).shape;
    return {};
  }
  using Prepared = tfl::NothingPrepared;
  static constexpr tfl::Result<Prepared, tfl::Violation> prepare(const Options&, const tfl::NodeDescription&, std::span<tfl::Multiplier>) {
    return Prepared{};
  }
  template <class Run> static void eval(const Run&, tfl::View<const float> in, tfl::View<float> out) {
    for (std::int64_t i = 0; i < in.count(); ++i) out[i] = in[i] / 2;
  }
  using Types = tfl::Signatures<tfl::Signature<tfl::Takes<float>, tfl::Gives<float>>,
                                tfl::Signature<tfl::Takes<std::int8_t>, tfl::Gives<std::int8_t>>>;
};

int main() { return tfl::Interpreter<tfl::OpRegistry<Halve>>::create(tfl::Model()) ? 0 : 1; }
