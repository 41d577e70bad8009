#pragma once
// An executor with threads of its own: they spin for a moment after each piece of work, then sleep.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tfl/core/parallel.hpp"

namespace tfl {

/// `threads` threads including the caller's. Each thread begins with a contiguous share of the work, so that it finds in its cache what
/// it wrote before, and then helps the others; shares are cut into chunks of microseconds. Nobody waits for a thread that is
/// still asleep: its share is done by the rest. Work below about 5 microseconds stays on the calling thread. Nothing is allocated while
/// running. One user at a time.
class ThreadPool {
 public:
  explicit ThreadPool(int threads = 1) : state_(threads > 1 ? std::make_unique<State>(threads) : nullptr) {}
  ThreadPool(ThreadPool&&) = default;
  ThreadPool& operator=(ThreadPool&&) = default;

  /// One without threads.
  static ThreadPool serial() { return ThreadPool(1); }

  int workers() const { return state_ != nullptr ? state_->workers : 1; }

  template <class Body> void parallel_for(std::int64_t count, std::int64_t cost, Body&& body) {
    if (count <= 0) return;
    if (state_ == nullptr || count < 2 || count < smallest_work / (cost > 0 ? cost : 1)) {
      body(std::int64_t{0}, count, 0);
      return;
    }
    using Plain = std::remove_reference_t<Body>;
    state_->run(
        [](void* context, std::int64_t first, std::int64_t last, int worker) { (*static_cast<Plain*>(context))(first, last, worker); },
        const_cast<void*>(static_cast<const void*>(std::addressof(body))), count, cost);
  }

 private:
  static constexpr std::int64_t smallest_work = 5'000, smallest_chunk = 2'000;  // nanoseconds
  static constexpr std::int64_t chunks_a_worker = 32;                           // at most

  using Call = void (*)(void* context, std::int64_t first, std::int64_t last, int worker);

  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");  // `yield` takes no time on most processors
#endif
  }
  /// Looks again and again, for as long as the pauses between the ops of a model usually are. False where the time is over.
  template <class Done> static bool spin(bool patiently, Done done) {
    using Clock = std::chrono::steady_clock;
    if (!patiently) return done();
    const Clock::time_point end = Clock::now() + std::chrono::microseconds(200);
    do {
      for (int i = 0; i < 64; ++i) {
        if (done()) return true;
        pause();
      }
    } while (Clock::now() < end);
    return false;
  }

  /// What is left of a thread's share: the round it belongs to (32 bits), the next chunk and the end (16 bits each). All in one word, so
  /// that a thread which comes late cannot take from a round that it does not know.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> left{0};
  };
  static constexpr std::int64_t most_chunks = 0x7fff;

  struct State {
    explicit State(int n)
        : workers(n), patient(static_cast<unsigned>(n) <= std::thread::hardware_concurrency()), shares(static_cast<std::size_t>(n)) {
      threads.reserve(static_cast<std::size_t>(n - 1));
      for (int w = 1; w < n; ++w) threads.emplace_back([this, w] { serve(w); });
    }
    ~State() {
      stopping.store(true, std::memory_order_relaxed);
      round.fetch_add(1, std::memory_order_release);
      round.notify_all();
      for (std::thread& t : threads) t.join();
    }

    void run(Call next_call, void* next_context, std::int64_t next_count, std::int64_t cost) {
      // Everyone who took a chunk of the last round is through with it, so nobody reads these any more except to find no chunk.
      std::int64_t cut = next_count;
      if (cost < smallest_chunk) cut = 1 + (next_count - 1) * (cost > 0 ? cost : 1) / smallest_chunk;
      if (cut > chunks_a_worker * workers) cut = chunks_a_worker * workers;
      if (cut < workers) cut = workers < next_count ? workers : next_count;
      if (cut > most_chunks) cut = most_chunks;
      call.store(next_call, std::memory_order_relaxed);
      context.store(next_context, std::memory_order_relaxed);
      count.store(next_count, std::memory_order_relaxed);
      chunks.store(cut, std::memory_order_relaxed);
      undone.store(static_cast<std::uint32_t>(cut), std::memory_order_relaxed);
      const std::uint32_t number = round.load(std::memory_order_relaxed) + 1;
      for (int w = 0; w < workers; ++w) {
        const auto first = static_cast<std::uint64_t>(cut * w / workers), end = static_cast<std::uint64_t>(cut * (w + 1) / workers);
        shares[static_cast<std::size_t>(w)].left.store(std::uint64_t{number} << 32 | end << 16 | first, std::memory_order_release);
      }
      round.store(number, std::memory_order_release);
      round.notify_all();
      work(number, 0);
      const auto all_done = [&] { return undone.load(std::memory_order_acquire) == 0; };
      if (spin(patient, all_done)) return;
      for (std::uint32_t left = undone.load(std::memory_order_acquire); left != 0; left = undone.load(std::memory_order_acquire)) {
        undone.wait(left, std::memory_order_acquire);
      }
    }

    /// Takes chunks of this round, its own first, until there are none.
    void work(std::uint32_t number, int worker) {
      std::uint32_t done = 0;
      for (int i = 0; i < workers; ++i) {
        Share& share = shares[static_cast<std::size_t>((worker + i) % workers)];
        std::uint64_t left = share.left.load(std::memory_order_acquire);
        while (left >> 32 == number && (left & 0xffff) < (left >> 16 & 0xffff)) {
          // All that is read here belongs to the round if the exchange succeeds, since a round lasts until its last chunk is done.
          const Call run_chunk = call.load(std::memory_order_relaxed);
          void* const its_context = context.load(std::memory_order_relaxed);
          const std::int64_t items = count.load(std::memory_order_relaxed), cut = chunks.load(std::memory_order_relaxed);
          // Half of what is left: few calls in all, and small ones at the end, when others would have to wait.
          const auto first = static_cast<std::uint32_t>(left & 0xffff), end = static_cast<std::uint32_t>(left >> 16 & 0xffff);
          const std::uint32_t taken = (end - first + 1) / 2;
          if (!share.left.compare_exchange_weak(left, left + taken, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
          run_chunk(its_context, items * first / cut, items * (first + taken) / cut, worker);
          done += taken;
          left = share.left.load(std::memory_order_acquire);
        }
      }
      if (done != 0 && undone.fetch_sub(done, std::memory_order_acq_rel) == done && worker != 0) undone.notify_one();
    }

    void serve(int worker) {
      std::uint32_t seen = 0;
      for (;;) {
        if (!spin(patient, [&] { return round.load(std::memory_order_acquire) != seen; })) round.wait(seen, std::memory_order_acquire);
        const std::uint32_t number = round.load(std::memory_order_acquire);
        if (stopping.load(std::memory_order_relaxed)) return;
        seen = number;
        work(number, worker);
      }
    }

    const int workers;
    const bool patient;  // spinning is for those who have a processor of their own
    std::vector<Share> shares;
    std::atomic<Call> call{nullptr};
    std::atomic<void*> context{nullptr};
    std::atomic<std::int64_t> count{0}, chunks{1};
    std::atomic<bool> stopping{false};
    alignas(64) std::atomic<std::uint32_t> round{0};
    alignas(64) std::atomic<std::uint32_t> undone{0};
    std::vector<std::thread> threads;
  };

  std::unique_ptr<State> state_;
};

}  // namespace tfl
