#include "support/all_ops.hpp"

#ifdef TFL_TEST_OPS_OF_TOOLS
#include "tools/tfl_codegen/ops.hpp"
#else
#include "tfl/tfl.hpp"
#endif

namespace tfl::test {

std::span<const OpEntry> all_entries() {
#ifdef TFL_TEST_OPS_OF_TOOLS
  return codegen::entries();
#else
  return AllOps::entries<simd::NativeArch, SerialExecutor>();
#endif
}

}  // namespace tfl::test
