#include "tools/converter/evaluate/evaluator.hpp"

#include <cstring>
#include <optional>

#include "tfl/runtime/interpreter.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/tfl_codegen/ops.hpp"

namespace tfl::converter {

// The simplest kernels: their sums have one order on every machine.
using EvaluationInterpreter = tfl::Interpreter<codegen::Ops, NoDelegates, SerialExecutor, simd::Scalar>;

/// What runs of a model of `bytes` bytes may take: sizes come from files that may be damaged.
constexpr std::size_t memory_for(std::size_t bytes) { return (std::size_t{3} << 29) + 4 * bytes; }

struct Evaluator::State {
  std::vector<std::uint8_t> file;
  std::vector<const Tensor*> tensors;  // by their numbers in the file
  tfl::Model model;
  std::optional<EvaluationInterpreter> interpreter;
};

Evaluator::Evaluator(std::unique_ptr<State> state) : state_(std::move(state)) {}
Evaluator::~Evaluator() = default;

std::unique_ptr<Evaluator> Evaluator::make(const Model& model, Problems& problems) {
  auto state = std::make_unique<State>();
  std::vector<std::vector<const Tensor*>> numbers;
  state->file = write_tflite(model, problems, &numbers);
  if (state->file.empty()) return nullptr;
  state->tensors = std::move(numbers.front());
  auto opened = tfl::Model::from_memory(std::span<const std::uint8_t>(state->file));
  if (!opened) {
    problems.add(std::string(opened.message()));
    return nullptr;
  }
  state->model = *opened;
  // Unfused, so that every tensor can be looked at; unpacked, since most models run a few times only.
  auto interpreter =
      EvaluationInterpreter::create(state->model, {.fuse = false, .pack = false, .limits = {.memory = memory_for(state->file.size())}});
  if (!interpreter) {
    problems.add(std::string(interpreter.message()));
    return nullptr;
  }
  state->interpreter.emplace(std::move(*interpreter));
  return std::unique_ptr<Evaluator>(new Evaluator(std::move(state)));
}

std::size_t Evaluator::input_count() const { return static_cast<std::size_t>(state_->interpreter->input_count()); }
std::size_t Evaluator::input_bytes(std::size_t i) const {
  return static_cast<std::size_t>(state_->interpreter->input_description(static_cast<int>(i)).bytes());
}

std::string Evaluator::run(const std::vector<Bytes>& inputs, const Visitor& visit) {
  EvaluationInterpreter& interpreter = *state_->interpreter;
  for (std::size_t i = 0; i < inputs.size() && i < input_count(); ++i) {
    auto view = interpreter.input<std::byte>(static_cast<int>(i));
    if (!view) return std::string(view.message());
    if (view->size() != inputs[i].size()) {
      return "input " + std::to_string(i) + " takes " + std::to_string(view->size()) + " bytes, not " + std::to_string(inputs[i].size());
    }
    if (!inputs[i].empty()) std::memcpy(view->data(), inputs[i].data(), inputs[i].size());
    if (visit) visit(*state_->tensors[static_cast<std::size_t>(interpreter.subgraph().graph().inputs[i])], *view);
  }
  const auto done = interpreter.invoke([&](const NodeEvent& event) {
    if (!visit) return;
    for (std::size_t o = 0; o < event.outputs.size(); ++o) {
      const tfl::Tensor& output = *event.outputs[o];
      visit(*state_->tensors[static_cast<std::size_t>(event.output_indices[o])],
            {output.data, static_cast<std::size_t>(output.description.bytes())});
    }
  });
  return done ? std::string() : std::string(done.message());
}

Bytes Evaluator::output(std::size_t i) const {
  auto view = state_->interpreter->output<std::byte>(static_cast<int>(i));
  if (!view) return {};
  const auto* begin = reinterpret_cast<const std::uint8_t*>(view->data());
  return view->empty() ? Bytes() : Bytes(begin, begin + view->size());
}

std::vector<std::int32_t> Evaluator::output_shape(std::size_t i) const {
  const Shape& shape = state_->interpreter->output_description(static_cast<int>(i)).shape;
  std::vector<std::int32_t> result;
  for (int i = 0; i < shape.rank(); ++i) result.push_back(shape[i]);
  return result;
}

}  // namespace tfl::converter
