#include "bench/peers/tfl_runner.hpp"
#include "bench/peers/tfl_threads.hpp"
#include "tfl/runtime/all_ops.hpp"

namespace tfl::bench {

std::unique_ptr<Runner> run_by_tfl(const Model& model, int threads) {
  if (threads > 1) return run_by_tfl_pool(model, threads);
  return make_tfl_runner<Interpreter<AllOps>>(model, SerialExecutor{});
}

std::string tfl_architecture() { return simd::name_of(simd::NativeArch{}); }

}  // namespace tfl::bench
