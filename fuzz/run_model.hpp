#pragma once
// What programs do with a file, within limits: load, look at everything, prepare, run twice.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
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
  std::string message;  // of the first error
  bool ran = false;     // once, at least
  bool lacked_memory = false;
  struct Output {
    TensorType type = TensorType::none;
    Shape shape;
    std::vector<std::byte> bytes;
  };
  std::vector<Output> outputs;
};

inline InterpreterOptions modest(Allocator allocator = heap_allocator()) {
  return {.limits = {.memory = std::size_t{4} << 20, .steps = 10'000, .calls = 1000, .tensors = 10'000}, .allocator = allocator};
}

/// What inputs hold: small numbers, so that indices are in range now and then; integers of all sizes; any bits at all.
enum class Fed { small, wide, any };

/// How a model is run, all of it drawn from one number.
struct Way {
  std::uint32_t seed = 0;
  Fed fed() const { return static_cast<Fed>(seed % 4 % 3); }
  bool resizes() const { return seed / 4 % 4 == 3; }
};

/// Numbers for tensors, the same for the same seed.
class Feed {
 public:
  explicit Feed(Way way) : fed_(way.fed()), state_(way.seed) {}

  std::uint32_t next() { return (state_ = state_ * 1664525u + 1013904223u) >> 16; }
  void fill(TensorType type, std::span<std::byte> bytes) {
    switch (type) {
      case TensorType::float32:
      case TensorType::complex64: return fill(bytes, [this] { return real(); });
      case TensorType::int32: return fill(bytes, [this] { return static_cast<std::int32_t>(integer()); });
      case TensorType::int64: return fill(bytes, [this] { return integer(); });
      default: return fill(bytes, [this] { return static_cast<std::uint8_t>(next()); });
    }
  }
  /// The bytes of so many strings, which are damaged now and then.
  std::vector<std::byte> strings(std::int64_t count) {
    std::vector<std::string> texts(static_cast<std::size_t>(count));
    std::int64_t characters = 0;
    for (std::string& text : texts) {
      for (std::uint32_t n = next() % 6; n > 0; --n) text.push_back(fed_ == Fed::any ? static_cast<char>(next()) : "a 1.-e"[next() % 6]);
      characters += static_cast<std::int64_t>(text.size());
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>(string_bytes_for(count, characters)));
    StringsWriter writer(bytes.data(), count);
    for (const std::string& text : texts) writer.add(text);
    if (fed_ == Fed::any && next() % 2 == 0) bytes[next() % bytes.size()] = static_cast<std::byte>(next());
    return bytes;
  }

 private:
  template <class Make> static void fill(std::span<std::byte> bytes, Make make) {
    for (std::size_t at = 0; at + sizeof(make()) <= bytes.size(); at += sizeof(make())) {
      const auto value = make();
      std::memcpy(bytes.data() + at, &value, sizeof(value));
    }
  }
  float real() {
    if (fed_ != Fed::any || next() % 2 == 0) return static_cast<float>(next() % 33) / 4 - 4;
    constexpr float corners[] = {0.0f,     -0.0f,     1e-45f, -1e-30f, 3e38f,    -3e38f,        2147483648.0f, -2147483904.0f,
                                 INFINITY, -INFINITY, NAN,    9.3e18f, -9.3e18f, 4294967296.0f, 0.49999997f,   1e10f};
    return next() % 4 != 0 ? corners[next() % std::size(corners)] : std::bit_cast<float>(next() << 16 | next());
  }
  std::int64_t integer() {
    if (fed_ == Fed::small || next() % 2 == 0) return static_cast<std::int64_t>(next() % 9) - (next() % 4 == 0 ? 5 : 0);
    constexpr std::int64_t corners[] = {
        -1,    0,      INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT32_MAX - std::int64_t{1}, 1 << 30, 65536,
        46341, -65536, 31,        32,        63,        64,        std::int64_t{1} << 40};
    return corners[next() % std::size(corners)];
  }

  Fed fed_;
  std::uint32_t state_;
};

/// Feeds every input. What cannot be fed has a sentence.
template <class Interpreter> void feed_inputs(Interpreter& interpreter, Feed& feed) {
  for (int i = 0; i < interpreter.input_count(); ++i) {
    const TensorDescription& description = interpreter.input_description(i);
    if constexpr (requires { interpreter.set_string_bytes(i, std::span<const std::byte>()); }) {
      if (description.type == TensorType::string) {
        // Nobody has so many strings: without any, all are empty.
        if (description.count() <= 4096) (void)told(interpreter.set_string_bytes(i, feed.strings(description.count())));
        continue;
      }
    }
    auto view = interpreter.template input<std::byte>(i);
    if (told(view)) feed.fill(description.type, {view->data(), view->size()});
  }
}

/// Other shapes for some inputs.
template <class Interpreter> void resize_inputs(Interpreter& interpreter, Feed& feed) {
  for (int i = 0; i < interpreter.input_count(); ++i) {
    const Shape old = interpreter.input_description(i).shape;
    std::vector<std::int32_t> dims(old.dims().begin(), old.dims().end());
    switch (feed.next() % 8) {
      case 0: dims.push_back(static_cast<std::int32_t>(feed.next() % 3)); break;
      case 1:
        if (!dims.empty()) dims.pop_back();
        break;
      case 2: dims.insert(dims.begin(), 1); break;
      case 3: continue;
      default:
        if (dims.empty()) continue;
        std::int32_t& d = dims[feed.next() % dims.size()];
        constexpr std::int32_t others[] = {0, 1, 2, 3, 5, 8, 17, 1 << 20, INT32_MAX, -1};
        d = others[feed.next() % std::size(others)];
    }
    (void)told(interpreter.resize_input(i, dims));
  }
}

/// Reads every output.
template <class Interpreter> Result<void> read_outputs(Interpreter& interpreter, std::vector<Outcome::Output>& outputs) {
  outputs.clear();
  for (int o = 0; o < interpreter.output_count(); ++o) {
    auto view = interpreter.template output<std::byte>(o);
    if (!view) return view.error();
    const TensorDescription& d = interpreter.output_description(o);
    outputs.push_back({d.type, d.shape, {view->begin(), view->end()}});
    if (d.type == TensorType::string && !outputs.back().bytes.empty() && !Strings::valid(outputs.back().bytes, d.shape.count()))
      broken("outputs hold sound strings", "");
  }
  return {};
}

/// Runs twice, and twice more with other shapes where the way says so. An error does not end it: interpreters can be used after one.
template <class Interpreter> Outcome run_made(Interpreter& interpreter, Way way) {
  Outcome outcome;
  const auto keep = [&outcome](const auto& result) {
    if (told(result)) return;
    outcome.lacked_memory = outcome.lacked_memory || result.error().code() == ErrorCode::out_of_memory;
    if (outcome.message.empty()) outcome.message = result.message();
  };
  constexpr bool can_resize = requires { interpreter.allocate(); };
  for (int round = 0; round < (can_resize && way.resizes() ? 4 : 2); ++round) {
    Feed feed(way);
    if constexpr (can_resize) {
      if (round == 2) {
        resize_inputs(interpreter, feed);
        keep(interpreter.allocate());
      }
    }
    feed_inputs(interpreter, feed);
    const auto r = interpreter.invoke();
    outcome.ran = outcome.ran || r;
    keep(r);
    keep(read_outputs(interpreter, outcome.outputs));
  }
  interpreter.reset_variables();
  return outcome;
}
template <class Interpreter> Outcome run_model(const Model& model, const InterpreterOptions& options, Way way) {
  auto interpreter = Interpreter::create(model, options);
  if (told(interpreter)) return run_made(*interpreter, way);
  Outcome outcome;
  outcome.message = interpreter.message();
  outcome.lacked_memory = interpreter.error().code() == ErrorCode::out_of_memory;
  return outcome;
}

/// Floats that may be rounded in another order. What is left of complex numbers that cancel each other is as exact as the largest ones.
inline void compare_floats(const Outcome::Output& x, const Outcome::Output& y, const std::string& at, const char* promise) {
  const auto element = [](const Outcome::Output& of, std::size_t i) {
    float value = 0;
    std::memcpy(&value, of.bytes.data() + i, 4);
    return value;
  };
  float largest = 0;
  for (std::size_t i = 0; i + 4 <= x.bytes.size() && x.type == TensorType::complex64; i += 4) {
    if (std::isfinite(element(x, i))) largest = std::max(largest, std::abs(element(x, i)));
  }
  for (std::size_t i = 0; i + 4 <= x.bytes.size(); i += 4) {
    const float u = element(x, i), v = element(y, i);
    if (!std::isfinite(u) || !std::isfinite(v)) continue;  // overflow is a matter of rounding
    if (std::abs(u - v) > 1e-3f * (1 + std::max(largest, std::abs(u)))) {
      broken(promise, at + " element " + std::to_string(i / 4) + ": " + std::to_string(u) + " and " + std::to_string(v));
    }
  }
}

/// Integers must agree in every bit.
inline void compare(const Outcome& a, const Outcome& b, const char* promise) {
  if (a.lacked_memory || b.lacked_memory) return;  // one way takes more of it
  if (a.message != b.message) broken(promise, "'" + a.message + "' and '" + b.message + "'");
  if (!a.message.empty()) return;  // outputs hold what was left there
  for (std::size_t o = 0; o < a.outputs.size(); ++o) {
    const Outcome::Output &x = a.outputs[o], &y = b.outputs[o];
    const std::string at = "output " + std::to_string(o) + ' ' + std::string(name_of(x.type));
    if (x.type != y.type || !(x.shape == y.shape) || x.bytes.size() != y.bytes.size()) broken(promise, at + " has another type or shape");
    if (x.type == TensorType::float32 || x.type == TensorType::complex64) {
      compare_floats(x, y, at, promise);
    } else if (x.type != TensorType::float16 && x.type != TensorType::bfloat16 && x.type != TensorType::float64 && x.bytes != y.bytes) {
      broken(promise, at + " differs");
    }
  }
}

}  // namespace tfl::fuzz
