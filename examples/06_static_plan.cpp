// A model as a C++ type: the compiler checks it, plans its memory and prepares its constants. No file, no heap, no interpreter.
// static_models: data/digits/digits_int8.tflite

#include <cstdio>

#include "digits_int8.hpp"  // written by tfl_codegen while building; see tfl_add_static_model in examples/CMakeLists.txt

using Plan = tfl::StaticPlan<digits_int8>;
static_assert(Plan::arena_bytes < 16 * 1024, "known before anything runs");

static Plan plan;  // the arena is a member

int main() {
  // A seven, drawn by hand: '#' is ink. The model takes pixels less 128.
  const char* picture =
      "  ####  "
      " #####  "
      "    ##  "
      "    #   "
      "  ##### "
      "   ##   "
      "  ##    "
      "  ##    ";
  auto input = plan.input<0>();  // 64 elements of int8, says its type
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = picture[i] == '#' ? 127 : -128;

  plan.invoke();

  const auto output = plan.output<0>();
  std::size_t best = 0;
  for (std::size_t digit = 0; digit < output.size(); ++digit) {
    if (output[digit] > output[best]) best = digit;
  }
  const float probability = output.quantization.scale * static_cast<float>(output[best] - output.quantization.zero_point);
  std::printf("this is a %d (%.0f %%), arena %zu bytes, packed constants %zu\n", static_cast<int>(best),
              100.0 * static_cast<double>(probability), Plan::arena_bytes, Plan::packed_bytes);
  return 0;
}
