#pragma once
// What a long conversion is at, for whoever waits.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

namespace tfl::converter {

/// Writes lines to standard error. Short conversions are silent: only what begins after a while, or works on a large file, is told.
class Progress {
 public:
  explicit Progress(bool quiet = false) : quiet_(quiet) {}

  void expect_bytes(std::uint64_t bytes) { large_ = large_ || bytes >= large_file; }
  /// A stage begins.
  void stage(const std::string& what) {
    stage_ = what;
    if (quiet_ || (!large_ && now() - begin_ < a_while)) return;
    told_ = now();
    std::fprintf(stderr, "tfl_convert: %s ...\n", what.c_str());
  }
  /// A part of the stage begins. Told now and then.
  void part(const std::string& what) {
    if (quiet_ || now() - told_ < a_while) return;
    told_ = now();
    std::fprintf(stderr, "tfl_convert: %s, %s\n", stage_.c_str(), what.c_str());
  }
  /// `done` of `all` parts of the stage are done. Told now and then.
  void step(std::size_t done, std::size_t all) { part(std::to_string(done) + " of " + std::to_string(all)); }
  std::function<void(std::size_t, std::size_t)> steps() {
    return [this](std::size_t done, std::size_t all) { step(done, all); };
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint64_t large_file = 32 << 20;
  static constexpr Clock::duration a_while = std::chrono::seconds(1);
  static Clock::time_point now() { return Clock::now(); }

  bool quiet_, large_ = false;
  Clock::time_point begin_ = now(), told_ = begin_;
  std::string stage_{};
};

}  // namespace tfl::converter
