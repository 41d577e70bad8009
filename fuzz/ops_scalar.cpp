#include "ops.hpp"
#ifdef TFL_FUZZ_OPS_OF_TOOLS
#include "tools/tfl_codegen/ops.hpp"
#else
#include "tfl/runtime/all_ops.hpp"
#endif

namespace tfl::fuzz {

std::span<const OpEntry> scalar_entries() {
#ifdef TFL_FUZZ_OPS_OF_TOOLS
  return codegen::entries();
#else
  return AllOps::entries<simd::Scalar, SerialExecutor>();
#endif
}

}  // namespace tfl::fuzz
