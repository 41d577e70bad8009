#include "bench/peers/tfl_threads.hpp"

#include "bench/peers/tfl_runner.hpp"
#include "tfl/runtime/all_ops.hpp"
#include "tfl/runtime/thread_pool.hpp"

namespace tfl::bench {

std::unique_ptr<Runner> run_by_tfl_pool(const Model& model, int threads) {
  return make_tfl_runner<Interpreter<AllOps, NoDelegates, ThreadPool>>(model, ThreadPool(threads));
}

}  // namespace tfl::bench
