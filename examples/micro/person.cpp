// Looks for a person in a grey picture of 96 x 96 pixels, on a Cortex-M board: TensorFlow Lite Micro's person_detect.tflite as a static
// plan.
//
//     tfl_codegen person_detect.tflite -o person_detect.hpp --name person_detect --target cortex-m
//     (compiled as digit.cpp is)
//     qemu-system-arm -M mps2-an385 -nographic -semihosting-config enable=on,target=native,arg=person,arg=person.bmp -kernel person.elf

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "person_detect.hpp"
#include "semihosting.hpp"

static tfl::StaticPlan<person_detect> plan;
// A bitmap of 96 x 96 bytes: its header and palette, then the lowest row first.
constexpr std::size_t side = 96;
static std::byte file[16 * 1024];

int main() {
  auto input = plan.input<0>();
  static_assert(input.size() == side * side);
  char path[256];
  const std::size_t size = board::argument(path) ? board::read_file(path, file, sizeof(file)) : 0;
  std::uint32_t start = 0;
  if (size > 14) std::memcpy(&start, file + 10, sizeof(start));
  if (size < side * side || start > size - side * side) {
    board::write("give a bitmap of 96 x 96 grey pixels\n");
    return 1;
  }
  for (std::size_t row = 0; row < side; ++row) std::memcpy(input.data() + row * side, file + start + (side - 1 - row) * side, side);
  plan.invoke();
  const auto output = plan.output<0>();
  const int percent = (output[1] - output.quantization.zero_point) * 100 / 256;
  const char text[] = {static_cast<char>('0' + percent / 10 % 10), static_cast<char>('0' + percent % 10), ' ', '%', '\n', 0};
  board::write(output[1] > output[0] ? "person: " : "nobody: a person by ");
  board::write(text);
  return 0;
}
