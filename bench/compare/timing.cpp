#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "bench/compare/contest.hpp"

#ifdef __linux__
#include <sched.h>
#include <time.h>
#endif

namespace tfl::bench {

namespace {

/// Nanoseconds: of the world, or of this thread on a processor.
double now(bool processor_time) {
#ifdef __linux__
  if (processor_time) {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  }
#else
  (void)processor_time;
#endif
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The median time of one run in a slice.
double timed_slice(Runner& runner, double slice, bool processor_time) {
  const auto clock = [processor_time] { return now(processor_time); };
  // A fifth is for the caches, and for threads of the contestant before that still spin. It tells how many runs make a sample that is
  // long beside the clock's own time.
  constexpr double untimed_share = 0.2, sample_nanoseconds = 50e3;
  const double start = clock();
  int untimed = 0;
  do {
    runner.invoke();
    ++untimed;
  } while ((clock() - start) < untimed_share * slice);
  const double one = (clock() - start) / untimed;
  const int runs = std::max(1, static_cast<int>(sample_nanoseconds / one));
  std::vector<double> samples;
  const double timed = clock();
  do {
    const double sample = clock();
    for (int i = 0; i < runs; ++i) runner.invoke();
    samples.push_back((clock() - sample) / runs);
  } while (clock() - timed < (1 - untimed_share) * slice || samples.size() < 3);
  return quantile(std::move(samples), 0.5);
}

}  // namespace

void time_in_turn(Contest& contest, const Timing& timing) {
  const std::size_t count = contest.contestants.size();
  const bool processor_time = timing.processor_time && contest.threads == 1;
  for (Contestant& c : contest.contestants) timed_slice(*c.runner, timing.slice_milliseconds * 1e6, processor_time);
  for (int round = 0; round < timing.rounds; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      Contestant& c = contest.contestants[(i + static_cast<std::size_t>(round)) % count];
      // Pools spin for a while before they sleep; a pause keeps one library's threads out of the next one's slice.
      if (contest.threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      c.nanoseconds.push_back(timed_slice(*c.runner, timing.slice_milliseconds * 1e6, processor_time));
    }
  }
}

double fastest_run(Runner& runner) {
  double fastest = 0;
  for (int i = 0; i < 5; ++i) {
    const double start = now(false);
    runner.invoke();
    const double time = now(false) - start;
    fastest = i == 0 ? time : std::min(fastest, time);
  }
  return fastest;
}

std::vector<int> pin_to_processors(int count) {
  std::vector<int> chosen;
#ifdef __linux__
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_ZERO(&set);
    return set;
  }();
  cpu_set_t set;
  CPU_ZERO(&set);
  // From the last: the first processors serve most interrupts.
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && static_cast<int>(chosen.size()) < count; --cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    CPU_SET(cpu, &set);
    chosen.push_back(cpu);
  }
  if (chosen.empty() || sched_setaffinity(0, sizeof set, &set) != 0) chosen.clear();
#else
  (void)count;
#endif
  return chosen;
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - std::floor(at)) * (values[above] - values[below]);
}

std::vector<double> ratios(const Contest& contest, std::size_t peer) {
  const std::vector<double>&ours = contest.contestants[0].nanoseconds, &theirs = contest.contestants[peer].nanoseconds;
  std::vector<double> result(ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) result[i] = theirs[i] / ours[i];
  return result;
}

}  // namespace tfl::bench
