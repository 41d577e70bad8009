// bench_load_verify FILE...: how long the checks of a file take before anything else reads it, and with the graph that is read then.
// The median of 200 runs each, of a file that lies in memory.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "tfl/model/model.hpp"

namespace {

template <class F> double median_microseconds(F f) {
  std::vector<double> times(200);
  for (double& t : times) {
    const auto start = std::chrono::steady_clock::now();
    f();
    t = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  }
  std::nth_element(times.begin(), times.begin() + 100, times.end());
  return times[100];
}

}  // namespace

int main(int count, char** arguments) {
  for (int k = 1; k < count; ++k) {
    const auto file = tfl::ModelBytes::open(arguments[k], tfl::heap_allocator());
    if (!file) return std::fprintf(stderr, "%s\n", std::string(file.message()).c_str()), 1;
    const auto bytes = file->bytes();
    if (const auto model = tfl::Model::from_memory(bytes); !model) {
      return std::fprintf(stderr, "%s: %s\n", arguments[k], std::string(model.message()).c_str()), 1;
    }
    bool sound = true;
    const double verify = median_microseconds([&] { sound = sound && tfl::Verifier(bytes, tfl::heap_allocator()).verify(); });
    const double load = median_microseconds([&] { sound = sound && tfl::Model::from_memory(bytes); });
    std::printf("%s: verified in %.0f us, loaded in %.0f us%s\n", arguments[k], verify, load, sound ? "" : ", not always");
  }
  return 0;
}
