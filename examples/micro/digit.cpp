// Reads a handwritten digit on a Cortex-M board: the model is a type, its constants stay in flash, its arena is a variable.
//
//     tfl_codegen digits_int8.tflite -o digits.hpp --name digits --target cortex-m
//     arm-none-eabi-g++ -std=c++20 -Os -mcpu=cortex-m3 -mthumb -fno-exceptions -fno-rtti -fno-threadsafe-statics -Iinclude -I. -Iboard
//         digit.cpp board/startup.cpp --specs=nano.specs --specs=nosys.specs -nostartfiles -Lboard -Tmps2.ld -o digit.elf
//     qemu-system-arm -M mps2-an385 -nographic -semihosting -kernel digit.elf

#include <cstddef>

#include "digits.hpp"
#include "semihosting.hpp"

static tfl::StaticPlan<digits> plan;
static_assert(sizeof(plan) < 8 * 1024, "known before anything runs");

int main() {
  // '#' is ink. The model takes pixels less 128.
  const char* picture =
      "  ####  "
      " #####  "
      "    ##  "
      "    #   "
      "  ##### "
      "   ##   "
      "  ##    "
      "  ##    ";
  auto input = plan.input<0>();
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = picture[i] == '#' ? 127 : -128;
  plan.invoke();
  const auto output = plan.output<0>();
  std::size_t best = 0;
  for (std::size_t digit = 0; digit < output.size(); ++digit) {
    if (output[digit] > output[best]) best = digit;
  }
  const char text[] = {'t', 'h', 'i', 's', ' ', 'i', 's', ' ', 'a', ' ', static_cast<char>('0' + best), '\n', 0};
  board::write(text);
  return 0;
}
