#pragma once
// What a translation of a .tflite graph for another library reads from it.

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "bench/peers/runner.hpp"
#include "tfl/model/graph.hpp"
#include "tfl/model/options.hpp"

namespace tfl::bench {

/// The bounds to which a fused activation clamps.
struct Bounds {
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();
  bool present() const { return *this != Bounds{}; }
  bool operator==(const Bounds&) const = default;
};

inline Bounds bounds_of(schema::ActivationFunctionType activation) {
  switch (activation) {
    case schema::ActivationFunctionType::NONE: return {};
    case schema::ActivationFunctionType::RELU: return {.min = 0};
    case schema::ActivationFunctionType::RELU6: return {0, 6};
    case schema::ActivationFunctionType::RELU_N1_TO_1: return {-1, 1};
    default: throw CannotRun("a fused activation that is no clamp");
  }
}

template <class Table> const Table& require_options(const GraphNode& node) {
  const Table* table = node.source != nullptr ? options_of<Table>(*node.source) : nullptr;
  if (table == nullptr) throw CannotRun("its options are missing");
  return *table;
}

/// The data of a constant integer tensor.
inline std::vector<std::int64_t> constant_integers(const GraphSubgraph& graph, std::int32_t tensor) {
  const GraphTensor& t = graph.tensors[static_cast<std::size_t>(tensor)];
  std::vector<std::int64_t> values(static_cast<std::size_t>(t.description.count()));
  const auto read = [&]<class T>(T) {
    if (t.data.size() != values.size() * sizeof(T)) throw CannotRun("an input that should be constant is not");
    for (std::size_t i = 0; i < values.size(); ++i) {
      T value;
      std::memcpy(&value, t.data.data() + i * sizeof(T), sizeof(T));
      values[i] = value;
    }
  };
  if (t.description.type == TensorType::int64) {
    read(std::int64_t{});
  } else {
    read(std::int32_t{});
  }
  return values;
}

inline std::vector<std::size_t> sizes_of(const Shape& shape) {
  std::vector<std::size_t> sizes;
  for (const auto size : shape.dims()) sizes.push_back(static_cast<std::size_t>(size));
  return sizes;
}

/// The translations take the shapes in the file for those that will be run.
inline void require_static_shapes(const GraphSubgraph& graph) {
  for (const GraphTensor& tensor : graph.tensors) {
    if (tensor.description.shape.checked_count() < 0) throw CannotRun("the shape of tensor " + std::string(tensor.name) + " is not known");
  }
}

}  // namespace tfl::bench
