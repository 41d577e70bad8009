// classify_digits_static digits_heldout.bin: as classify_digits, with the int8 model as a C++ type (tfl::StaticPlan) instead of a file.

#include <chrono>
#include <cstdio>

#include "digits_int8.hpp"
#include "tools/digits/held_out.hpp"

static tfl::StaticPlan<digits_int8> plan;

int main(int argc, char** argv) {
  const tfl::tools::HeldOutDigits digits(argc == 2 ? argv[1] : "");
  if (digits.count() == 0) return std::fprintf(stderr, "usage: classify_digits_static digits_heldout.bin\n"), 1;
  std::size_t right = 0;
  double microseconds = 0;
  for (std::size_t i = 0; i < digits.count(); ++i) {
    auto input = plan.input<0>();
    for (std::size_t p = 0; p < input.size(); ++p) input[p] = static_cast<std::int8_t>(digits.picture(i)[p] - 128);
    const auto start = std::chrono::steady_clock::now();
    plan.invoke();
    microseconds += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    const auto output = plan.output<0>();
    std::size_t best = 0;
    for (std::size_t k = 1; k < output.size(); ++k) best = output[k] > output[best] ? k : best;
    if (static_cast<int>(best) == digits.label(i)) ++right;
  }
  digits.print(right, microseconds, decltype(plan)::arena_bytes);
  return 0;
}
