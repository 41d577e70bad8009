#pragma once
// One model, run by several libraries in turn.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bench/peers/runner.hpp"
#include "tfl/model/model.hpp"

namespace tfl::bench {

/// A library that a model was given to, and how long it took in each round.
struct Contestant {
  std::string name;
  std::unique_ptr<Runner> runner;
  std::vector<double> nanoseconds{};  // of one run, by round
};

struct Absent {
  std::string name;
  std::string reason;
};

/// Ours is the first.
struct Contest {
  std::string model;
  int threads = 1;
  std::vector<Contestant> contestants{};
  std::vector<Absent> absent{};
};

/// Bytes of the inputs of a model: pseudo-random, the same for everyone.
std::vector<std::vector<std::byte>> make_inputs(const Model& model);

/// Empty where every result is right, or a sentence that says which is not. Checked are ours against the scalar architecture (integers
/// equal in every bit, floats within 0.1 % of the largest) and every peer against ours (integers within 3 steps on average, floats within
/// 0.1 %). What was seen of the peers is told in `notes`.
std::string check_results(const Model& model, const Contest& contest, std::vector<std::string>& notes);

struct Timing {
  int rounds = 15;
  double slice_milliseconds = 30;
  /// Of one thread: counts the time that it had a processor, so that a busy machine disturbs less.
  bool processor_time = false;
};

/// Fills in `nanoseconds`: in every round each contestant runs for one slice, in an order that turns; a slice begins untimed, until its
/// code and weights are in the caches again, and counts with the median of its runs.
void time_in_turn(Contest& contest, const Timing& timing);

/// Nanoseconds of the fastest of a few runs.
double fastest_run(Runner& runner);

/// Pins this process, and every thread that it starts from now on, to `count` of the processors that it may use. Returns their numbers;
/// empty where the system has no such call.
std::vector<int> pin_to_processors(int count);

/// The value below which `share` of the values lie. Requires values.
double quantile(std::vector<double> values, double share);
/// Ours against another contestant, round by round: above 1 where ours is faster.
std::vector<double> ratios(const Contest& contest, std::size_t peer);

}  // namespace tfl::bench
