// archs: none
// labels: fuzz
// sources: support/all_ops.cpp
// The fuzzers of fuzz/ for a few seconds each, on random bytes that are the same every time. TFL_FUZZ_SECONDS asks for longer runs with
// other bytes.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>
#include <string>

#include "../../fuzz/fuzz_targets.hpp"
#include "support/all_ops.hpp"
#include "support/micro_ops.hpp"

namespace {

using tfl::fuzz::Bytes;
using tfl::test::AnyInterpreter;

/// Calls `target` with random bytes `count` times, or for as long as TFL_FUZZ_SECONDS says. A finding ends the program: the number of the
/// bytes that made it stands in the file that TFL_FUZZ_LOG names.
void fuzz(const char* name, int count, bool (*target)(const Bytes& bytes)) {
  const char* wanted = std::getenv("TFL_FUZZ_SECONDS");
  const char* first = std::getenv("TFL_FUZZ_FIRST");
  const char* log = std::getenv("TFL_FUZZ_LOG");
  const double seconds = wanted != nullptr ? std::atof(wanted) : 0;
  std::uint32_t number = first != nullptr ? static_cast<std::uint32_t>(std::atoll(first)) : 0;
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  int runs = 0, whole = 0;
  double slowest = 0;
  for (; wanted != nullptr ? passed() < seconds : runs < count; ++runs, ++number) {
    if (log != nullptr) {
      std::FILE* file = std::fopen(log, "w");
      if (file != nullptr) {
        std::fprintf(file, "%s %u\n", name, number);
        std::fclose(file);
      }
    }
    std::mt19937 random(number);
    Bytes bytes(16 + random() % 240);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random());
    const double before = passed();
    whole += target(bytes) ? 1 : 0;
    slowest = std::max(slowest, passed() - before);
  }
  std::printf("%s: %d runs, %d of them to the end, %.0f a second, slowest %.0f ms\n", name, runs, whole, runs / passed(), slowest * 1000);
  EXPECT_GT(whole, runs / 500) << "hardly any model runs: what is tested?";
}

TEST(Fuzz, Load) {
  fuzz("load", 2000, [](const Bytes& bytes) {
    const std::span<const std::uint8_t> all(bytes);
    tfl::fuzz::Draw draw(all), changes(all.subspan(8));
    Bytes file = tfl::fuzz::DrawnModel(draw, tfl::test::all_entries()).make();
    for (int k = 1 + changes.below(4); k > 0; --k) {
      if (changes.one_in(2)) {
        tfl::fuzz::change_part(file, changes.word(), changes.word());
      } else {
        file[changes.word() % file.size()] = changes.byte();
      }
    }
    return tfl::fuzz::fuzz_load(file);
  });
}
TEST(Fuzz, Op) {
  fuzz("op", 2000, [](const Bytes& bytes) { return tfl::fuzz::fuzz_op<AnyInterpreter, AnyInterpreter>(bytes, tfl::test::all_entries()); });
}
TEST(Fuzz, ChangedModel) {
  fuzz("changed model", 2000,
       [](const Bytes& bytes) { return tfl::fuzz::fuzz_changed_model<AnyInterpreter>(bytes, tfl::test::all_entries()); });
}

// The interpreter for small programs reads files by code of its own. What it runs gives what the other one gives.
TEST(Fuzz, MicroInterpreter) {
  fuzz("micro interpreter", 2000, [](const Bytes& bytes) {
    const std::span<const std::uint8_t> all(bytes);
    tfl::fuzz::Draw draw(all), changes(all.subspan(bytes.size() / 2));
    Bytes file = tfl::fuzz::DrawnModel(draw, tfl::test::all_entries(), true).make();
    for (int k = changes.below(4); k > 0; --k) {
      if (changes.one_in(2)) {
        tfl::fuzz::change_part(file, changes.word(), changes.word());
      } else {
        file[changes.word() % file.size()] = changes.byte();
      }
    }
    return tfl::fuzz::fuzz_micro<AnyInterpreter, tfl::test::AnyMicroInterpreter>(file);
  });
}

}  // namespace
