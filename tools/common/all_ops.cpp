#include "tools/common/all_ops.hpp"

#include "tfl/tfl.hpp"

namespace tfl::tools {

std::span<const OpEntry> all_entries() { return AllOps::entries<simd::NativeArch, SharedPool>(); }

}  // namespace tfl::tools
