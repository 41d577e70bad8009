#pragma once
// Every op for this machine's processor, compiled once for all programs that link tfl_tool_ops: it takes longer than the rest of them.

#include <cstdint>
#include <span>

#include "tfl/core/parallel.hpp"
#include "tfl/runtime/precompiled_ops.hpp"
#include "tfl/runtime/thread_pool.hpp"
#include "tfl/simd/arch.hpp"

namespace tfl::tools {

/// A pool of the caller's, which outlives what runs on it; null: no threads.
struct SharedPool {
  ThreadPool* pool = nullptr;
  /// Splits even the least work, which costs more time than it saves, but shows whether it can be split.
  bool split_everything = false;

  static SharedPool serial() { return {}; }
  int workers() const { return pool != nullptr ? pool->workers() : 1; }
  template <class Body> void parallel_for(std::int64_t count, std::int64_t cost, Body&& body) {
    constexpr std::int64_t a_lot = 1'000'000;  // nanoseconds
    if (pool == nullptr) return SerialExecutor().parallel_for(count, cost, body);
    pool->parallel_for(count, split_everything && cost < a_lot ? a_lot : cost, body);
  }
};

/// tfl::AllOps on a SharedPool.
std::span<const OpEntry> all_entries();

using PrecompiledOps = tfl::PrecompiledOps<all_entries, simd::NativeArch, SharedPool>;

}  // namespace tfl::tools
