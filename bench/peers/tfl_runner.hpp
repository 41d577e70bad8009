#pragma once
// Our interpreter as a Runner. Each kind of interpreter is compiled in a file of its own, because each holds every op.

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/runner.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace tfl::bench {

template <class Interpreter> class TflRunner final : public Runner {
 public:
  explicit TflRunner(Interpreter interpreter) : interpreter_(std::move(interpreter)) {}

  void set_input(int i, std::span<const std::byte> bytes) override {
    auto view = interpreter_.template input<std::byte>(i);
    if (!view) throw CannotRun(std::string(view.message()));
    if (view->size() != bytes.size()) throw CannotRun("an input has another size");
    std::memcpy(view->data(), bytes.data(), bytes.size());
  }
  void invoke() override {
    if (auto done = interpreter_.invoke(); !done) throw CannotRun(std::string(done.message()));
  }
  std::vector<std::byte> output(int i) const override {
    auto view = interpreter_.template output<std::byte>(i);
    if (!view) throw CannotRun(std::string(view.message()));
    return {view->begin(), view->end()};
  }

 private:
  mutable Interpreter interpreter_;
};

template <class Interpreter, class Executor> std::unique_ptr<Runner> make_tfl_runner(const Model& model, Executor executor) {
  InterpreterOptions options;
  options.preserve_inputs = true;  // as the peers do: invoke() is all that is timed
  auto made = Interpreter::create(model, options, std::move(executor));
  if (!made) throw CannotRun(std::string(made.message()));
  return std::make_unique<TflRunner<Interpreter>>(std::move(*made));
}

}  // namespace tfl::bench
