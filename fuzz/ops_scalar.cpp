#include "ops.hpp"
#include "tfl/tfl.hpp"

namespace tfl::fuzz {

std::span<const OpEntry> scalar_entries() { return AllOps::entries<simd::Scalar, SerialExecutor>(); }

}  // namespace tfl::fuzz
