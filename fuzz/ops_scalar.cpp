#include "ops.hpp"
#include "tfl/runtime/all_ops.hpp"

namespace tfl::fuzz {

std::span<const OpEntry> scalar_entries() { return AllOps::entries<simd::Scalar, SerialExecutor>(); }

}  // namespace tfl::fuzz
