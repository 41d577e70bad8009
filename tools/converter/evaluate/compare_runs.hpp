#pragma once
// Two forms of one model side by side: how far a conversion moved the outputs.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// Sums over pairs of values that should be equal.
struct Deviation {
  double largest = 0, squares = 0, signal = 0;
  std::int64_t count = 0;

  void add(double wanted, double got);
  /// Signal to noise in decibels; 999 where nothing differs.
  double ratio() const;
};

struct OutputDeviation {
  std::string name;
  Deviation deviation{};
};

/// The value of element i: integers with one scale as the real number they stand for.
double real_value(const Tensor& tensor, std::span<const std::uint8_t> data, std::size_t i);

/// Bytes of the input `from` as the input `to` of another form of the model takes them: quantized where that one is.
Bytes as_input(const Tensor& from, const Bytes& data, const Tensor& to);

struct CompareOptions {
  int runs = 1;
  /// Of float inputs, by their numbers, where they are known: random values lie in them. A quantized input has one of its own; for others
  /// it is -1 to 1.
  std::vector<std::optional<std::pair<float, float>>> ranges{};
  /// Is told how many runs are done, of how many.
  std::function<void(std::size_t, std::size_t)> progress{};
};

/// Runs both models on random inputs (the same for every machine). Empty, with problems, where one of them cannot run.
std::vector<OutputDeviation> compare_runs(const Model& source, const Model& result, const CompareOptions& options, Problems& problems);

}  // namespace tfl::converter
