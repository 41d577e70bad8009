#include "ops.hpp"
#include "tfl/tfl.hpp"

namespace tfl::fuzz {

std::span<const OpEntry> native_entries() { return AllOps::entries<simd::NativeArch, SerialExecutor>(); }

}  // namespace tfl::fuzz
