#include "support/all_ops.hpp"

#include "tfl/tfl.hpp"

namespace tfl::test {

std::span<const OpEntry> all_entries() { return AllOps::entries<simd::NativeArch, SerialExecutor>(); }

}  // namespace tfl::test
