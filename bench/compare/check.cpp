#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "bench/compare/contest.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace tfl::bench {

namespace {

constexpr double float_tolerance = 1e-3;  // of the largest value of a tensor
constexpr double step_tolerance = 3;      // steps of a quantized tensor, on average

struct Difference {
  bool equal = true;   // in every byte
  double largest = 0;  // float32: of the largest magnitude
  double average = 0;  // integers: in steps
};

double value_at(TensorType type, const std::byte* bytes, std::size_t i) {
  const auto read = [&]<class T>(T value) {
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    return static_cast<double>(value);
  };
  switch (type) {
    case TensorType::float32: return read(float{});
    case TensorType::int16: return read(std::int16_t{});
    case TensorType::int32: return read(std::int32_t{});
    case TensorType::int64: return read(std::int64_t{});
    case TensorType::int8: return read(std::int8_t{});
    default: return read(std::uint8_t{});
  }
}

Difference difference(const TensorDescription& d, const std::vector<std::byte>& ours, const std::vector<std::byte>& theirs) {
  if (ours.size() != theirs.size()) return {false, HUGE_VAL, HUGE_VAL};
  Difference result{.equal = ours == theirs};
  double magnitude = 0, sum = 0, largest = 0;
  const auto count = static_cast<std::size_t>(d.count());
  for (std::size_t i = 0; i < count; ++i) {
    const double a = value_at(d.type, ours.data(), i), b = value_at(d.type, theirs.data(), i), gap = std::fabs(a - b);
    magnitude = std::max(magnitude, std::fabs(b));
    // A NaN on one side is as wrong as can be.
    largest = std::isnan(gap) && std::isnan(a) != std::isnan(b) ? HUGE_VAL : std::max(largest, gap);
    sum += gap;
  }
  if (largest > 0) result.largest = largest / std::max(magnitude, 1e-30);
  result.average = count > 0 ? sum / static_cast<double>(count) : 0;
  return result;
}

bool is_float(const TensorDescription& d) { return d.type == TensorType::float32; }

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

std::vector<std::vector<std::byte>> make_inputs(const Model& model) {
  const GraphSubgraph& graph = model.subgraphs()[0];
  std::vector<std::vector<std::byte>> inputs;
  tools::SeededStream stream(1);
  for (const std::int32_t index : graph.inputs) {
    const TensorDescription& d = graph.tensors[static_cast<std::size_t>(index)].description;
    inputs.emplace_back(static_cast<std::size_t>(d.bytes()));
    stream.fill(d.type, inputs.back());
  }
  return inputs;
}

std::string check_results(const Model& model, const Contest& contest, std::vector<std::string>& notes) {
  const GraphSubgraph& graph = model.subgraphs()[0];
  const auto inputs = make_inputs(model);
  const auto run = [&](Runner& runner) {
    for (std::size_t i = 0; i < inputs.size(); ++i) runner.set_input(static_cast<int>(i), inputs[i]);
    runner.invoke();
  };
  const auto scalar = run_by_tfl_scalar(model);
  run(*scalar);
  for (const Contestant& c : contest.contestants) run(*c.runner);

  const Contestant& ours = contest.contestants[0];
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
    const TensorDescription& d = graph.tensors[static_cast<std::size_t>(graph.outputs[o])].description;
    const auto i = static_cast<int>(o);
    const std::string where = contest.model + ", output " + std::to_string(o) + ", " + std::to_string(contest.threads) + " threads: ";
    const Difference from_scalar = difference(d, ours.runner->output(i), scalar->output(i));
    if (!is_float(d) && !from_scalar.equal) {
      return where + ours.name + " differs from the scalar architecture by " + number(from_scalar.average) + " steps on average";
    }
    if (is_float(d) && from_scalar.largest > float_tolerance) {
      return where + ours.name + " differs from the scalar architecture by " + number(from_scalar.largest) + " of the largest value";
    }
    for (std::size_t p = 1; p < contest.contestants.size(); ++p) {
      const Contestant& peer = contest.contestants[p];
      const Difference from_peer = difference(d, ours.runner->output(i), peer.runner->output(i));
      const std::string seen = is_float(d) ? "at most " + number(from_peer.largest) + " of the largest value apart"
                                           : number(from_peer.average) + " steps apart on average";
      if (is_float(d) ? from_peer.largest > float_tolerance : from_peer.average > step_tolerance) {
        return where + ours.name + " and " + peer.name + " are " + seen;
      }
      notes.push_back(where + ours.name + " and " + peer.name + " are " + seen);
    }
  }
  return {};
}

}  // namespace tfl::bench
