#pragma once
// The fuzzers as functions of bytes. Each returns where nothing is wrong and ends the program where a promise is broken.

#include <cstdint>
#include <span>

#include "mutate.hpp"
#include "one_node.hpp"
#include "run_model.hpp"

namespace tfl::fuzz {

/// Any bytes as a file.
inline void fuzz_load(std::span<const std::uint8_t> bytes) {
  const Bytes exact(bytes.begin(), bytes.end());  // sanitizers see its ends
  auto model = Model::from_memory(std::span<const std::uint8_t>(exact));
  if (told(model)) static_cast<void>(look_at(*model));
}

/// Any bytes as a file that is prepared and run.
template <class Interpreter> void fuzz_model(std::span<const std::uint8_t> bytes) {
  const Bytes exact(bytes.begin(), bytes.end());
  auto model = Model::from_memory(std::span<const std::uint8_t>(exact));
  if (told(model)) static_cast<void>(run_model<Interpreter>(*model, modest(), 1));
}

/// One node drawn from the bytes, on two interpreters: what they give is the same.
template <class Interpreter, class Other> void fuzz_op(std::span<const std::uint8_t> bytes, std::span<const OpEntry> ops) {
  Draw draw(bytes);
  const std::uint32_t seed = draw.word();
  const Bytes file = OneNodeModel(draw, ops).make();
  auto model = Model::from_memory(std::span<const std::uint8_t>(file));
  if (!told(model)) return;
  const Outcome first = run_model<Interpreter>(*model, modest(), seed);
  InterpreterOptions plain = modest();
  plain.fuse = plain.pack = false;
  compare(first, run_model<Other>(*model, plain, seed), "two ways to run a model give the same");
}

/// A model drawn from the bytes, a few of whose parts are then changed.
template <class Interpreter> void fuzz_changed_model(std::span<const std::uint8_t> bytes, std::span<const OpEntry> ops) {
  Draw draw(bytes);
  Draw changes(bytes.subspan(bytes.size() / 2));
  Bytes file = OneNodeModel(draw, ops).make();
  for (int k = 1 + changes.below(3); k > 0; --k) change_part(file, changes.word(), changes.word());
  fuzz_model<Interpreter>(file);
}

}  // namespace tfl::fuzz
