#pragma once
// What tfl_compare runs: one model, loaded by some library.

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tfl/model/model.hpp"

namespace tfl::bench {

/// A library can't take a model; the text says what of it.
class CannotRun : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Inputs and outputs are bytes as the .tflite model describes them, whatever layout and type the library works with inside.
class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  /// Kept until the next call: every invoke() finds the same inputs.
  virtual void set_input(int i, std::span<const std::byte> bytes) = 0;
  /// The part that is timed.
  virtual void invoke() = 0;
  virtual std::vector<std::byte> output(int i) const = 0;
};

/// Ours, with the architecture that this program was compiled for; `threads` as an executor's workers.
std::unique_ptr<Runner> run_by_tfl(const Model& model, int threads);
/// Ours on the scalar architecture, one thread: the same kernels without vectors.
std::unique_ptr<Runner> run_by_tfl_scalar(const Model& model);
/// The name of the architecture that run_by_tfl() uses.
std::string tfl_architecture();

#ifdef TFL_HAVE_XNNPACK
/// XNNPACK through its subgraph API. Throws CannotRun. The model must outlive the runner.
std::unique_ptr<Runner> run_by_xnnpack(const Model& model, int threads);
#endif

#ifdef TFL_HAVE_ONNXRUNTIME
enum class Activations { as_in_the_model, unsigned_bytes, signed_bytes };
/// ONNX Runtime, from the shared library of this path. Throws CannotRun.
std::unique_ptr<Runner> run_by_onnxruntime(const Model& model, int threads, Activations activations, const std::string& library);
#endif

}  // namespace tfl::bench
