#pragma once
// Writes a model's packed constants as a source file, for plans with PlanPacking::linked: a program for the build, compiled with the flags
// of the one that it serves, so that both mean the same kernels.

#include <cstddef>
#include <cstdio>
#include <new>

#include "tfl/core/memory.hpp"
#include "tfl/plan/static_plan.hpp"

namespace tfl::plan {

/// 0, or 1 where the file can't be written. `name` is the model's, whose header is `name`.hpp.
template <class Model> int write_packed(const char* name, const char* path) {
  using Plan = StaticPlan<Model>;
  Array<std::byte> memory;
  if (!memory.allocate(heap_allocator(), sizeof(Plan))) return 1;
  const Plan& plan = *::new (static_cast<void*>(memory.data())) Plan;
  std::FILE* file = std::fopen(path, "wb");
  if (file == nullptr) return 1;
  std::fprintf(file, "// Generated: the constants of %s in the order in which this processor's kernels read them.\n", name);
  std::fprintf(file, "#include <tfl/plan/static_plan.hpp>\n\n#include \"%s.hpp\"\n\n", name);
  if (Plan::packed_bytes > 0) {
    std::fprintf(file,
                 "template <>\nalignas(64) const unsigned char tfl::plan::PackedConstants<%s, tfl::simd::NativeArch, %zu>::bytes[] =\n",
                 name, Plan::packed_bytes);
    const auto* bytes = reinterpret_cast<const unsigned char*>(plan.packed_constants());
    for (std::size_t at = 0; at < Plan::packed_bytes; at += 32) {
      std::fputs("    \"", file);
      for (std::size_t i = at; i < at + 32 && i < Plan::packed_bytes; ++i) std::fprintf(file, "\\%03o", bytes[i]);
      std::fputs("\"\n", file);
    }
    std::fputs("    ;\n", file);
  }
  const bool written = std::ferror(file) == 0;
  return std::fclose(file) == 0 && written ? 0 : 1;
}

}  // namespace tfl::plan
