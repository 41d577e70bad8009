#pragma once
// MicroInterpreter with every op that it can run, from the entries that other programs compile anyway.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tfl/model/schema.hpp"
#include "tfl/runtime/micro_interpreter.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl::fuzz {

/// Whether any op's options are sound: by the verifier of the whole union, which small programs don't hold.
inline bool any_options_are_sound(std::span<const std::byte> file, const schema::Operator& node) {
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
  return schema::VerifyBuiltinOptions(verifier, node.builtin_options(), node.builtin_options_type()) &&
         schema::VerifyBuiltinOptions2(verifier, node.builtin_options_2(), node.builtin_options_2_type());
}

/// With those of `Entries` that it can run.
template <std::span<const OpEntry> (*Entries)()> class AnyMicroInterpreter : public MicroRunner {
 public:
  static Result<AnyMicroInterpreter> create(std::span<const std::byte> file, std::span<std::byte> arena) {
    AnyMicroInterpreter interpreter;
    if (auto r = interpreter.load(file, arena, entries()); !r) return r.error();
    return interpreter;
  }

 private:
  static std::span<const MicroOpEntry> entries() {
    static const std::vector<MicroOpEntry> list = [] {
      std::vector<MicroOpEntry> made;
      for (const OpEntry& e : Entries()) {
        if (e.prepare != nullptr && !e.for_strings) made.push_back(MicroOpEntry::of(e, &any_options_are_sound));
      }
      return made;
    }();
    return list;
  }
};

}  // namespace tfl::fuzz
