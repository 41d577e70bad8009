#pragma once
// The small model that tests of files begin with.

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tfl/model/builder.hpp"
#include "tfl/model/model.hpp"

namespace tfl::test {

using Bytes = std::vector<std::uint8_t>;

inline Result<Model> load(const Bytes& bytes) { return Model::from_copy(std::as_bytes(std::span(bytes))); }

/// What `bytes` are told to be: "" for a right model.
inline std::string message_of(const Bytes& bytes) {
  const auto model = load(bytes);
  return model ? std::string() : std::string(model.message());
}

inline TensorSpec float4(std::string name) { return {.name = std::move(name), .type = TensorType::float32, .shape = {4}}; }

/// A right model, x -> NEG -> y, which each case spoils in one place.
struct Net {
  ModelBuilder builder;
  int x = builder.add_tensor(float4("x"));
  int y = builder.add_tensor(float4("y"));
  bool with_node = true;

  Bytes finish() {
    if (with_node) builder.add_operator(BuiltinOperator::NEG, {x}, {y});
    builder.set_inputs({x});
    builder.set_outputs({y});
    return builder.finish();
  }
};

}  // namespace tfl::test
