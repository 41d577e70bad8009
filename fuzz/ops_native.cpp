#include "ops.hpp"
#include "tfl/runtime/all_ops.hpp"

namespace tfl::fuzz {

std::span<const OpEntry> native_entries() { return AllOps::entries<simd::NativeArch, SerialExecutor>(); }

}  // namespace tfl::fuzz
