#pragma once
// How a kernel splits its work. An executor is a template parameter of the interpreter.

#include <concepts>
#include <cstdint>

namespace tfl {

/// What an executor offers: `workers()` threads, and parallel_for(count, cost, body), which calls body(first, last, worker) on
/// ranges that cover [0, count) once each, 0 <= worker < workers(), and returns when all are done. `cost` is about the nanoseconds
/// of one item, so that small work stays on one thread. Results never depend on how the ranges were cut.
template <class E>
concept Executor = requires(E& executor, std::int64_t n, void (*body)(std::int64_t, std::int64_t, int)) {
  { executor.workers() } -> std::convertible_to<int>;
  executor.parallel_for(n, n, body);
};

/// An executor that has a serial one of its own type, for work inside of what its threads do: E::serial() runs everything on the thread
/// that calls it.
template <class E>
concept NestingExecutor = Executor<E> && requires {
  { E::serial() } -> std::same_as<E>;
};

/// Runs everything on the calling thread and costs nothing.
struct SerialExecutor {
  static constexpr int workers() { return 1; }
  static constexpr SerialExecutor serial() { return {}; }
  template <class Body> void parallel_for(std::int64_t count, std::int64_t /*cost*/, Body&& body) {
    if (count > 0) body(std::int64_t{0}, count, 0);
  }
};

}  // namespace tfl
