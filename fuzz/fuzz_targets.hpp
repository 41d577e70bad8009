#pragma once
// The fuzzers as functions of bytes. Each ends the program where a promise is broken, and says otherwise whether the model came to its end:
// what is refused at once tests little.

#include <cstdint>
#include <span>

#include "drawn_model.hpp"
#include "mutate.hpp"
#include "run_model.hpp"
#include "tests/support/stingy.hpp"

namespace tfl::fuzz {

/// Any bytes as a file.
inline bool fuzz_load(std::span<const std::uint8_t> bytes) {
  const Bytes exact(bytes.begin(), bytes.end());  // sanitizers see its ends
  auto model = Model::from_memory(std::span<const std::uint8_t>(exact));
  return told(model) && look_at(*model) > 0;
}

/// A number that depends on every byte.
inline std::uint32_t digest(std::span<const std::uint8_t> bytes) {
  std::uint32_t hash = 2166136261u;
  for (const std::uint8_t b : bytes) hash = (hash ^ b) * 16777619u;
  return hash ^ hash >> 16;
}

/// Loads and runs a file with an allocator that refuses every request but the first few: nothing is lost.
template <class Interpreter> void run_without_memory(const Bytes& file, InterpreterOptions options, Way way, int grants) {
  test::Stingy stingy{.grants = grants};
  {
    auto model = Model::from_copy(std::as_bytes(std::span(file)), stingy.allocator());
    options.allocator = stingy.allocator();
    if (told(model)) (void)run_model<Interpreter>(*model, options, way);
  }
  if (stingy.blocks != 0) broken("memory is given back", std::to_string(stingy.blocks) + " blocks");
}

/// Any bytes as a file that is prepared and run, any of its subgraphs, in one of several ways.
template <class Interpreter> bool fuzz_model(std::span<const std::uint8_t> bytes) {
  const Bytes exact(bytes.begin(), bytes.end());
  auto model = Model::from_memory(std::span<const std::uint8_t>(exact));
  if (!told(model)) return false;
  const std::uint32_t seed = digest(bytes), choice = seed >> 8;
  InterpreterOptions options = modest();
  options.preserve_inputs = choice % 4 == 1;
  options.fuse = choice / 4 % 4 != 1;
  options.pack = choice / 16 % 4 != 1;
  if (choice / 64 % 8 == 1) options.subgraph = static_cast<int>(choice / 512 % model->subgraphs().size());
  if (choice / 65536 % 4 == 1) run_without_memory<Interpreter>(exact, options, {seed}, static_cast<int>(seed % 61));
  return run_model<Interpreter>(*model, options, {seed}).ran;
}

/// A few nodes drawn from the bytes, on two interpreters: what they give is the same.
template <class Interpreter, class Other> bool fuzz_op(std::span<const std::uint8_t> bytes, std::span<const OpEntry> ops) {
  Draw draw(bytes);
  const Way way{draw.word()};
  DrawnModel drawn(draw, ops);
  const Bytes file = drawn.make();
  auto model = Model::from_memory(std::span<const std::uint8_t>(file));
  if (!told(model)) return false;
  const Outcome first = run_model<Interpreter>(*model, modest(), way);
  InterpreterOptions plain = modest();
  plain.fuse = plain.pack = false;
  const Outcome second = run_model<Other>(*model, plain, way);
  if (drawn.is_random()) return first.ran;
  // Beyond a node, and where numbers are no numbers, rounding decides more than the last digits.
  if (!drawn.holds_floats() || (drawn.nodes() == 1 && way.fed() != Fed::any))
    compare(first, second, "two ways to run a model give the same");
  return first.ran;
}

/// A model drawn from the bytes, a few of whose parts are then changed.
template <class Interpreter> bool fuzz_changed_model(std::span<const std::uint8_t> bytes, std::span<const OpEntry> ops) {
  Draw draw(bytes);
  Draw changes(bytes.subspan(bytes.size() / 2));
  Bytes file = DrawnModel(draw, ops).make();
  for (int k = 1 + changes.below(2); k > 0; --k) change_part(file, changes.word(), changes.word());
  return fuzz_model<Interpreter>(file);
}

/// Any bytes as a file, for the interpreter of small programs.
template <class Interpreter, class Micro> bool fuzz_micro(std::span<const std::uint8_t> bytes) {
  static Array<std::byte> arena;  // once: sanitizers make large blocks slow
  Array<std::byte> exact;
  if (arena.span().empty() && !arena.allocate(heap_allocator(), std::size_t{1} << 20)) return false;
  if (!exact.allocate(heap_allocator(), bytes.size())) return false;
  if (!bytes.empty()) std::memcpy(exact.data(), bytes.data(), bytes.size());
  auto micro = Micro::create(exact.span(), arena.span());
  if (!told(micro)) return false;
  const Outcome outcome = run_made(*micro, Way{1});
  auto model = Model::from_memory(std::span<const std::byte>(exact.span()));
  if (!model || !outcome.message.empty()) return outcome.ran;
  InterpreterOptions plain = modest();
  plain.fuse = plain.pack = false;
  const Outcome whole = run_model<Interpreter>(*model, plain, Way{1});
  if (whole.message.empty()) compare(outcome, whole, "both interpreters give the same");
  return true;
}

}  // namespace tfl::fuzz
