// labels: threads
// parallel_for covers every item once, on as many threads as it says, and is reusable at once.

#include "tfl/runtime/thread_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

namespace {

using tfl::ThreadPool;

static_assert(tfl::Executor<ThreadPool>);
static_assert(tfl::Executor<tfl::SerialExecutor>);

constexpr std::int64_t expensive = 1'000'000;  // nanoseconds: always worth a thread

TEST(ThreadPool, CoversEveryItemOnce) {
  for (const int threads : {1, 2, 3, 4, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.workers(), threads);
    for (const std::int64_t count : {1, 2, 3, 7, 8, 100, 1001}) {
      std::vector<int> visits(static_cast<std::size_t>(count));
      pool.parallel_for(count, expensive, [&](std::int64_t first, std::int64_t last, int worker) {
        ASSERT_GE(worker, 0);
        ASSERT_LT(worker, threads);
        ASSERT_LT(first, last);
        for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const int v : visits) ASSERT_EQ(v, 1) << count << " items on " << threads << " threads";
    }
  }
}

TEST(ThreadPool, ItemsOfEveryCost) {
  ThreadPool pool(3);
  for (const std::int64_t cost : {0, 1, 7, 1000, 2000, 1'000'000'000}) {
    for (const std::int64_t count : {1, 2, 5, 10'000, 100'000}) {
      std::vector<std::uint8_t> visits(static_cast<std::size_t>(count));
      pool.parallel_for(count, cost, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const std::uint8_t v : visits) ASSERT_EQ(v, 1) << count << " items of " << cost << " ns";
    }
  }
}

TEST(ThreadPool, NobodyWaitsForALateThread) {
  // Worker 0 is held up in its first chunk until all others are done.
  ThreadPool pool(2);
  std::atomic<int> done = 0;
  pool.parallel_for(32, expensive, [&](std::int64_t first, std::int64_t last, int worker) {
    if (worker == 0) {
      for (int i = 0; i < 2000 && done < 32 - static_cast<int>(last - first); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    done += static_cast<int>(last - first);
  });
  EXPECT_EQ(done, 32);
}

TEST(ThreadPool, RoundsFollowAtOnce) {
  // Short rounds, so that threads come late to many of them; what a late thread took from a wrong round would be missing or twice there.
  for (const int threads : {2, 3, 8}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 3000; ++round) {
      std::atomic<std::uint64_t> seen = 0;
      const int count = 2 + round % 40;
      pool.parallel_for(count, expensive, [&, round](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) seen += (std::uint64_t{1} << i) + (static_cast<std::uint64_t>(round % 7) << 48);
      });
      ASSERT_EQ(seen, (std::uint64_t{1} << count) - 1 + (static_cast<std::uint64_t>(count * (round % 7)) << 48));
    }
  }
}

TEST(ThreadPool, NothingToDo) {
  ThreadPool pool(2);
  pool.parallel_for(0, expensive, [](std::int64_t, std::int64_t, int) { FAIL(); });
  pool.parallel_for(-3, expensive, [](std::int64_t, std::int64_t, int) { FAIL(); });
}

TEST(ThreadPool, SmallWorkStaysOnTheCallersThread) {
  ThreadPool pool(4);
  const auto caller = std::this_thread::get_id();
  int calls = 0;
  pool.parallel_for(100, 1, [&](std::int64_t first, std::int64_t last, int worker) {
    ++calls;
    EXPECT_EQ(first, 0);
    EXPECT_EQ(last, 100);
    EXPECT_EQ(worker, 0);
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
  EXPECT_EQ(calls, 1);
  pool.parallel_for(100, 0, [&](std::int64_t, std::int64_t, int) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(ThreadPool, LargeWorkHasManyThreads) {
  ThreadPool pool(2);
  std::thread::id of_worker[2];
  pool.parallel_for(2, expensive, [&](std::int64_t, std::int64_t, int worker) { of_worker[worker] = std::this_thread::get_id(); });
  EXPECT_EQ(of_worker[0], std::this_thread::get_id());
  EXPECT_NE(of_worker[0], of_worker[1]);
}

TEST(ThreadPool, RoundAfterRound) {
  // Results of one round are seen by the next without any other synchronization: under TSan this shows a missing fence.
  for (const int threads : {2, 4}) {
    ThreadPool pool(threads);
    std::vector<std::int64_t> values(64, 0), next(64, 0);
    for (int round = 0; round < 500; ++round) {
      pool.parallel_for(64, expensive, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) {
          next[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>(63 - i)] + 1;
        }
      });
      std::swap(values, next);
    }
    for (const std::int64_t v : values) EXPECT_EQ(v, 500);
  }
}

TEST(ThreadPool, SleepersWakeUp) {
  ThreadPool pool(3);
  std::atomic<int> calls = 0;
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // longer than they spin
    pool.parallel_for(3, expensive, [&](std::int64_t, std::int64_t, int) { ++calls; });
  }
  EXPECT_EQ(calls, 9);
}

TEST(ThreadPool, MovesAndEndsAnyTime) {
  for (int i = 0; i < 20; ++i) ThreadPool unused(4);
  ThreadPool first(3);
  ThreadPool second = std::move(first);
  EXPECT_EQ(second.workers(), 3);
  EXPECT_EQ(first.workers(), 1);  // NOLINT: what was moved from runs on the caller's thread
  int sum = 0;
  first.parallel_for(10, expensive, [&](std::int64_t a, std::int64_t b, int) { sum += static_cast<int>(b - a); });
  EXPECT_EQ(sum, 10);
  second = ThreadPool(2);
  EXPECT_EQ(second.workers(), 2);
}

TEST(ThreadPool, FewerThanOneThreadIsTheCaller) {
  EXPECT_EQ(ThreadPool(0).workers(), 1);
  EXPECT_EQ(ThreadPool(-5).workers(), 1);
}

}  // namespace
