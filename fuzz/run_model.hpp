#pragma once
// What programs do with a file, within limits: load, look at everything, prepare, run twice.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tfl/model/model.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace tfl::fuzz {

using Bytes = std::vector<std::uint8_t>;

/// Ends the program: a promise is broken.
[[noreturn]] inline void broken(const char* promise, std::string_view detail) {
  std::fprintf(stderr, "broken: %s: %.*s\n", promise, static_cast<int>(detail.size()), detail.data());
  std::abort();
}
template <class R> bool told(const R& result) {
  if (!result && result.message().empty()) broken("every error has its sentence", "");
  return static_cast<bool>(result);
}

/// Loads a file and reads all that it says. Returns a number that depends on every byte read.
inline std::size_t look_at(const Model& model) {
  std::size_t seen = model.description().size();
  for (int i = 0; i < model.metadata_count(); ++i) {
    for (const std::byte b : model.metadata_bytes(i)) seen += static_cast<std::size_t>(b);
  }
  for (int s = 0; s < model.signature_count(); ++s) {
    seen += model.signature_name(s).size();
    for (int i = 0; i < model.signature_input_count(s); ++i) seen += model.signature_input(s, i).name.size();
    for (int i = 0; i < model.signature_output_count(s); ++i) seen += model.signature_output(s, i).name.size();
  }
  for (const GraphSubgraph& graph : model.subgraphs()) {
    for (const GraphTensor& t : graph.tensors) {
      seen += t.name.size();
      for (const std::byte b : t.data) seen += static_cast<std::size_t>(b);
    }
  }
  return seen;
}

struct Outcome {
  std::string message;  // of the first error; "" where the model ran
  struct Output {
    TensorType type = TensorType::none;
    Shape shape;
    std::vector<std::byte> bytes;
  };
  std::vector<Output> outputs;
};

inline InterpreterOptions modest(Allocator allocator = heap_allocator()) {
  return {.limits = {.memory = std::size_t{16} << 20, .steps = 10'000, .calls = 1000, .tensors = 10'000}, .allocator = allocator};
}

/// Runs twice. Inputs are filled from `seed`: small numbers, that indices are in range now and then.
template <class Interpreter> Outcome run_made(Interpreter& interpreter, std::uint32_t seed) {
  Outcome outcome;
  const auto fails = [&outcome](std::string_view message) {
    outcome.message = message;
    return outcome;
  };
  for (int round = 0; round < 2; ++round) {
    std::uint32_t state = seed;
    const auto next = [&state] { return (state = state * 1664525u + 1013904223u) >> 16; };
    for (int i = 0; i < interpreter.input_count(); ++i) {
      auto view = interpreter.template input<std::byte>(i);
      if (!told(view)) continue;
      const auto fill = [&](auto make) {
        for (std::size_t at = 0; at + sizeof(make()) <= view->size(); at += sizeof(make())) {
          const auto value = make();
          std::memcpy(view->data() + at, &value, sizeof(value));
        }
      };
      switch (interpreter.input_description(i).type) {
        case TensorType::float32: fill([&] { return static_cast<float>(next() % 33) / 4 - 4; }); break;
        case TensorType::int32: fill([&] { return static_cast<std::int32_t>(next() % 9) - (next() % 4 == 0 ? 5 : 0); }); break;
        case TensorType::int64: fill([&] { return static_cast<std::int64_t>(next() % 9) - (next() % 4 == 0 ? 5 : 0); }); break;
        case TensorType::boolean: fill([&] { return static_cast<std::uint8_t>(next() % 2); }); break;
        default: fill([&] { return static_cast<std::uint8_t>(next()); });
      }
    }
    if (auto r = interpreter.invoke(); !told(r)) return fails(r.message());
  }
  for (int o = 0; o < interpreter.output_count(); ++o) {
    auto view = interpreter.template output<std::byte>(o);
    if (!told(view)) return fails(view.message());
    const auto& d = interpreter.output_description(o);
    outcome.outputs.push_back({d.type, d.shape, {view->begin(), view->end()}});
  }
  return outcome;
}
template <class Interpreter> Outcome run_model(const Model& model, const InterpreterOptions& options, std::uint32_t seed) {
  auto interpreter = Interpreter::create(model, options);
  if (told(interpreter)) return run_made(*interpreter, seed);
  Outcome outcome;
  outcome.message = interpreter.message();
  return outcome;
}

/// Integers must agree in every bit. Floats may be rounded in another order.
inline void compare(const Outcome& a, const Outcome& b, const char* promise) {
  if (a.message != b.message) broken(promise, "'" + a.message + "' and '" + b.message + "'");
  for (std::size_t o = 0; o < a.outputs.size(); ++o) {
    const Outcome::Output &x = a.outputs[o], &y = b.outputs[o];
    const std::string at = "output " + std::to_string(o) + ' ' + std::string(name_of(x.type));
    if (x.type != y.type || !(x.shape == y.shape) || x.bytes.size() != y.bytes.size()) broken(promise, at + " has another type or shape");
    if (x.type == TensorType::float32) {
      for (std::size_t i = 0; i + 4 <= x.bytes.size(); i += 4) {
        float u = 0, v = 0;
        std::memcpy(&u, x.bytes.data() + i, 4);
        std::memcpy(&v, y.bytes.data() + i, 4);
        if (!std::isfinite(u) || !std::isfinite(v)) continue;  // overflow is a matter of rounding
        if (std::abs(u - v) > 1e-3f * (1 + std::abs(u))) {
          broken(promise, at + " element " + std::to_string(i / 4) + ": " + std::to_string(u) + " and " + std::to_string(v));
        }
      }
    } else if (x.type != TensorType::float16 && x.type != TensorType::bfloat16 && x.type != TensorType::float64 && x.bytes != y.bytes) {
      broken(promise, at + " differs");
    }
  }
}

}  // namespace tfl::fuzz
