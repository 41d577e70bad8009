#include "bench/peers/tfl_runner.hpp"
#include "tfl/runtime/all_ops.hpp"

namespace tfl::bench {

std::unique_ptr<Runner> run_by_tfl_scalar(const Model& model) {
  return make_tfl_runner<Interpreter<AllOps, NoDelegates, SerialExecutor, simd::Scalar>>(model, SerialExecutor{});
}

}  // namespace tfl::bench
