#pragma once
// Runs graphs of .tflite operators with the library's own kernels: for calibration, folding and comparing.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// The main graph of a model, ready to run. Independent of the model once made, but for the addresses of its tensors.
class Evaluator {
 public:
  /// Null, with problems, where the model cannot run: an operator or a type without kernel, shapes that don't fit.
  static std::unique_ptr<Evaluator> make(const Model& model, Problems& problems);
  ~Evaluator();

  /// What a node wrote, while it is there.
  using Visitor = std::function<void(const Tensor& tensor, std::span<const std::byte> data)>;

  std::size_t input_count() const;
  /// Bytes that input `i` takes.
  std::size_t input_bytes(std::size_t i) const;
  /// Runs once with these inputs, in the order of the graph's inputs; shows every node's outputs to `visit`. Returns an error's sentence,
  /// or nothing.
  std::string run(const std::vector<Bytes>& inputs, const Visitor& visit = {});
  /// The bytes and the shape of output `i` after run().
  Bytes output(std::size_t i) const;
  std::vector<std::int32_t> output_shape(std::size_t i) const;

 private:
  struct State;
  explicit Evaluator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tfl::converter
