// A custom op is a struct with the same five parts as every other op, and a name. This one halves its input; the model that uses it is
// built here too.

#include <cstdio>
#include <vector>

#include "tfl/kernels/op.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/simd/batch.hpp"

/// ScaleBy: y[i] = factor * x[i]; the factor is the option "factor" of a FlexBuffers map, 0.5 without it.
struct ScaleBy {
  static constexpr tfl::BuiltinOperator code = tfl::BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "ScaleBy";
  static constexpr tfl::Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr tfl::OpTraits traits{.in_place = true};

  struct Options {
    float factor = 0.5f;
    template <class Custom> static Options read(const Custom& custom) { return {custom.real("factor", 0.5f)}; }
  };

  static constexpr tfl::Violation infer(const Options&, const tfl::NodeDescription& node) {
    if (const tfl::Violation v = tfl::require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    float factor = 1;
  };
  static constexpr tfl::Result<Prepared, tfl::Violation> prepare(const Options& options, const tfl::NodeDescription&,
                                                                 std::span<tfl::Multiplier>) {
    return Prepared{options.factor};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    tfl::simd::map<typename Run::Arch>(in.data(), out.data(), in.count(), [&](auto x) { return x * decltype(x)(run.prepared.factor); });
  }

  using Types = tfl::Signatures<tfl::Signature<tfl::Takes<float>, tfl::Gives<float>>>;
};

int main() {
  tfl::ModelBuilder builder;
  const int x = builder.add_tensor({.name = "x", .type = tfl::TensorType::float32, .shape = {4}});
  const int y = builder.add_tensor({.name = "y", .type = tfl::TensorType::float32, .shape = {4}});
  builder.add_custom_operator("ScaleBy", {x}, {y}, {}, 1);
  builder.set_inputs({x});
  builder.set_outputs({y});
  const std::vector<std::uint8_t> file = builder.finish();

  auto model = tfl::Model::from_memory(file);
  if (!model) return std::printf("%s\n", model.message().data()), 1;
  auto interpreter = tfl::Interpreter<tfl::OpRegistry<ScaleBy>>::create(*model);
  if (!interpreter) return std::printf("%s\n", interpreter.message().data()), 1;
  auto input = interpreter->input<float>("x");
  if (!input) return std::printf("%s\n", input.message().data()), 1;
  for (std::size_t i = 0; i < input->size(); ++i) (*input)[i] = static_cast<float>(i + 1);
  if (auto r = interpreter->invoke(); !r) return std::printf("%s\n", r.message().data()), 1;
  auto output = interpreter->output<float>("y");
  if (!output) return std::printf("%s\n", output.message().data()), 1;
  std::printf("ScaleBy gives");
  for (const float value : *output) std::printf(" %.1f", static_cast<double>(value));
  std::printf("\n");
  return 0;
}
