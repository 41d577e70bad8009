#pragma once
// Two forms of one model side by side: how far a conversion moved the outputs.

#include <string>
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

/// Runs both models on `runs` random inputs (the same for every machine). Empty, with problems, where one of them cannot run.
std::vector<OutputDeviation> compare_runs(const Model& source, const Model& result, int runs, Problems& problems);

}  // namespace tfl::converter
