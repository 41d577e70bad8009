#pragma once

#include <memory>

#include "bench/peers/runner.hpp"

namespace tfl::bench {

/// Ours with a pool of threads.
std::unique_ptr<Runner> run_by_tfl_pool(const Model& model, int threads);

}  // namespace tfl::bench
