// Spots a keyword on a Cortex-M board: MLPerf Tiny's DS-CNN as a static plan. Takes a file of 49 x 10 features (mel-frequency coefficients,
// int8 as the model wants them); without one it listens to silence.
//
//     tfl_codegen kws_ref_model.tflite -o kws.hpp --name kws --target cortex-m
//     (compiled as digit.cpp is)
//     qemu-system-arm -M mps2-an385 -nographic -semihosting-config enable=on,target=native,arg=keyword,arg=FILE -kernel keyword.elf

#include <cstddef>
#include <cstdint>

#include "kws.hpp"
#include "semihosting.hpp"

static tfl::StaticPlan<kws> plan;
static_assert(sizeof(plan) < 17 * 1024, "known before anything runs");

int main() {
  constexpr const char* words[] = {"down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown"};
  auto input = plan.input<0>();
  char path[256];
  if (!board::argument(path) || board::read_file(path, input.data(), input.size_bytes()) != input.size_bytes()) {
    for (auto& feature : input) feature = static_cast<std::int8_t>(input.quantization.zero_point);
  }
  plan.invoke();
  const auto output = plan.output<0>();
  static_assert(output.size() == std::size(words));
  std::size_t best = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    if (output[i] > output[best]) best = i;
  }
  board::write("heard: ");
  board::write(words[best]);
  board::write("\n");
  return 0;
}
