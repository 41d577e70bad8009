#pragma once
// The fuzzers as functions of bytes. Each ends the program where a promise is broken, and says otherwise whether the model came to its end:
// what is refused at once tests little.

#include <cstdint>
#include <span>

#include "mutate.hpp"
#include "one_node.hpp"
#include "run_model.hpp"

namespace tfl::fuzz {

/// Any bytes as a file.
inline bool fuzz_load(std::span<const std::uint8_t> bytes) {
  const Bytes exact(bytes.begin(), bytes.end());  // sanitizers see its ends
  auto model = Model::from_memory(std::span<const std::uint8_t>(exact));
  return told(model) && look_at(*model) > 0;
}

/// Any bytes as a file that is prepared and run.
template <class Interpreter> bool fuzz_model(std::span<const std::uint8_t> bytes) {
  const Bytes exact(bytes.begin(), bytes.end());
  auto model = Model::from_memory(std::span<const std::uint8_t>(exact));
  return told(model) && run_model<Interpreter>(*model, modest(), 1).message.empty();
}

/// One node drawn from the bytes, on two interpreters: what they give is the same.
template <class Interpreter, class Other> bool fuzz_op(std::span<const std::uint8_t> bytes, std::span<const OpEntry> ops) {
  Draw draw(bytes);
  const std::uint32_t seed = draw.word();
  const Bytes file = OneNodeModel(draw, ops).make();
  auto model = Model::from_memory(std::span<const std::uint8_t>(file));
  if (!told(model)) return false;
  const Outcome first = run_model<Interpreter>(*model, modest(), seed);
  InterpreterOptions plain = modest();
  plain.fuse = plain.pack = false;
  compare(first, run_model<Other>(*model, plain, seed), "two ways to run a model give the same");
  return first.message.empty();
}

/// A model drawn from the bytes, a few of whose parts are then changed.
template <class Interpreter> bool fuzz_changed_model(std::span<const std::uint8_t> bytes, std::span<const OpEntry> ops) {
  Draw draw(bytes);
  Draw changes(bytes.subspan(bytes.size() / 2));
  Bytes file = OneNodeModel(draw, ops).make();
  for (int k = 1 + changes.below(3); k > 0; --k) change_part(file, changes.word(), changes.word());
  return fuzz_model<Interpreter>(file);
}

/// Any bytes as a file, for the interpreter of small programs.
template <class Interpreter, class Micro> bool fuzz_micro(std::span<const std::uint8_t> bytes) {
  Array<std::byte> exact, arena;
  if (!exact.allocate(heap_allocator(), bytes.size()) || !arena.allocate(heap_allocator(), std::size_t{1} << 20)) return false;
  if (!bytes.empty()) std::memcpy(exact.data(), bytes.data(), bytes.size());
  auto micro = Micro::create(exact.span(), arena.span());
  if (!told(micro)) return false;
  const Outcome outcome = run_made(*micro, 1);
  auto model = Model::from_memory(std::span<const std::byte>(exact.span()));
  if (!model || !outcome.message.empty()) return outcome.message.empty();
  InterpreterOptions plain = modest();
  plain.fuse = plain.pack = false;
  const Outcome whole = run_model<Interpreter>(*model, plain, 1);
  if (whole.message.empty()) compare(outcome, whole, "both interpreters give the same");
  return true;
}

}  // namespace tfl::fuzz
