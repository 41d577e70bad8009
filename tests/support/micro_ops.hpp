#pragma once
// MicroInterpreter with every op that it can run, from the entries that other tests compile anyway.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "support/all_ops.hpp"
#include "tfl/runtime/micro_interpreter.hpp"

namespace tfl::test {

/// Whether any op's options are sound: by the verifier of the whole union, which small programs don't hold.
inline bool any_options_are_sound(std::span<const std::byte> file, const schema::Operator& node) {
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
  return schema::VerifyBuiltinOptions(verifier, node.builtin_options(), node.builtin_options_type()) &&
         schema::VerifyBuiltinOptions2(verifier, node.builtin_options_2(), node.builtin_options_2_type());
}

inline std::span<const MicroOpEntry> micro_entries() {
  static const std::vector<MicroOpEntry> entries = [] {
    std::vector<MicroOpEntry> list;
    for (const OpEntry& e : all_entries()) {
      if (e.prepare != nullptr && !e.for_strings) list.push_back(MicroOpEntry::of(e, &any_options_are_sound));
    }
    return list;
  }();
  return entries;
}

class AnyMicroInterpreter : public MicroRunner {
 public:
  static Result<AnyMicroInterpreter> create(std::span<const std::byte> file, std::span<std::byte> arena) {
    AnyMicroInterpreter interpreter;
    if (auto r = interpreter.load(file, arena, micro_entries()); !r) return r.error();
    return interpreter;
  }
};

}  // namespace tfl::test
