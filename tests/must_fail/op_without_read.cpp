// A registry with an op whose Options cannot be read from the model.
// expect: tfl: this op.s Options lack .static Options read.const Table&
// expect: CheckOp<Halve>

#include "tfl/runtime/interpreter.hpp"

struct Halve {
  static constexpr tfl::BuiltinOperator code = tfl::BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "halve";
  static constexpr tfl::Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  struct Options {
    float factor = 0.5f;
  };
  static constexpr tfl::Violation infer(const Options&, const tfl::NodeDescription& node) {
    node.output(0).shape = node.input(0).shape;
    return {};
  }
  using Prepared = tfl::NothingPrepared;
  static constexpr tfl::Result<Prepared, tfl::Violation> prepare(const Options&, const tfl::NodeDescription&, std::span<tfl::Multiplier>) {
    return Prepared{};
  }
  template <class Run, class In, class Out> static void eval(const Run&, In in, Out out) {
    for (std::int64_t i = 0; i < in.count(); ++i) out[i] = in[i] / 2;
  }
  using Types = tfl::Signatures<tfl::Signature<tfl::Takes<float>, tfl::Gives<float>>>;
};

int main() { return tfl::Interpreter<tfl::OpRegistry<Halve>>::create(tfl::Model()) ? 0 : 1; }
