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

}  // namespace tfl::fuzz
