#pragma once
// An executor with threads of its own: they spin for a moment after each piece of work, then sleep.

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tfl/core/parallel.hpp"

namespace tfl {

/// `threads` threads including the caller's. Work is cut into equal contiguous pieces, so that results do not depend on chance; work
/// below about 10 microseconds stays on the calling thread. Nothing is allocated while running. One user at a time.
class ThreadPool {
 public:
  explicit ThreadPool(int threads = 1) : state_(threads > 1 ? std::make_unique<State>(threads) : nullptr) {}
  ThreadPool(ThreadPool&&) = default;
  ThreadPool& operator=(ThreadPool&&) = default;

  int workers() const { return state_ != nullptr ? state_->workers : 1; }

  template <class Body> void parallel_for(std::int64_t count, std::int64_t cost, Body&& body) {
    if (count <= 0) return;
    if (state_ == nullptr || count < 2 || count < smallest_work / (cost > 0 ? cost : 1)) {
      body(std::int64_t{0}, count, 0);
      return;
    }
    using Plain = std::remove_reference_t<Body>;
    state_->run(
        {[](void* context, std::int64_t first, std::int64_t last, int worker) { (*static_cast<Plain*>(context))(first, last, worker); },
         const_cast<void*>(static_cast<const void*>(std::addressof(body))), count});
  }

 private:
  static constexpr std::int64_t smallest_work = 10'000;  // nanoseconds

  struct Work {
    void (*call)(void* context, std::int64_t first, std::int64_t last, int worker) = nullptr;
    void* context = nullptr;
    std::int64_t count = 0;
  };

  struct State {
    explicit State(int n) : workers(n) {
      threads.reserve(static_cast<std::size_t>(n - 1));
      for (int w = 1; w < n; ++w) threads.emplace_back([this, w] { serve(w); });
    }
    ~State() {
      stopping.store(true, std::memory_order_relaxed);
      round.fetch_add(1, std::memory_order_release);
      round.notify_all();
      for (std::thread& t : threads) t.join();
    }

    void run(const Work& next) {
      work = next;
      pending.store(workers - 1, std::memory_order_relaxed);
      round.fetch_add(1, std::memory_order_release);
      round.notify_all();
      piece(0);
      for (int spins = 0;; ++spins) {
        const int left = pending.load(std::memory_order_acquire);
        if (left == 0) return;
        if (spins > spin_limit) pending.wait(left, std::memory_order_acquire);
      }
    }
    void piece(int worker) const {
      const std::int64_t first = work.count * worker / workers, last = work.count * (worker + 1) / workers;
      if (first < last) work.call(work.context, first, last, worker);
    }
    void serve(int worker) {
      std::uint32_t seen = 0;
      for (;;) {
        for (int spins = 0; round.load(std::memory_order_acquire) == seen; ++spins) {
          if (spins > spin_limit) round.wait(seen, std::memory_order_acquire);
        }
        ++seen;
        if (stopping.load(std::memory_order_relaxed)) return;
        piece(worker);
        if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
      }
    }

    static constexpr int spin_limit = 4000;
    const int workers;
    Work work;
    std::atomic<std::uint32_t> round{0};
    std::atomic<int> pending{0};
    std::atomic<bool> stopping{false};
    std::vector<std::thread> threads;
  };

  std::unique_ptr<State> state_;
};

}  // namespace tfl
