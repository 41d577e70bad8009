// Start-up code for Arm's MPS2 and MPS3 boards, as QEMU emulates them: vectors, memory, main(), and the end by semihosting.

#include <cstdint>

#include "semihosting.hpp"

extern "C" {
extern std::uint32_t board_stack_top[], board_data_start[], board_data_end[], board_data_from[], board_bss_start[], board_bss_end[];
int main();
void board_reset();
void board_fault();
}

namespace {
using Handler = void (*)();
struct Vectors {
  const void* stack;
  Handler handlers[15];
};
}  // namespace

extern "C" __attribute__((section(".vectors"), used)) const Vectors board_vectors = {
    board_stack_top,
    {&board_reset, &board_fault, &board_fault, &board_fault, &board_fault, &board_fault, &board_fault, &board_fault, &board_fault,
     &board_fault, &board_fault, &board_fault, &board_fault, &board_fault, &board_fault}};

extern "C" __attribute__((section(".startup"), used)) void board_reset() {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  // Coprocessors 10 and 11: floating point and vectors.
  *reinterpret_cast<volatile std::uint32_t*>(0xe000ed88u) |= 0xfu << 20;
  __asm__ volatile("dsb\n\tisb");
#endif
  const volatile std::uint32_t* from = board_data_from;
  for (volatile std::uint32_t* to = board_data_start; to < board_data_end;) *to++ = *from++;
  for (volatile std::uint32_t* to = board_bss_start; to < board_bss_end;) *to++ = 0;
  board::exit(main());
}

extern "C" __attribute__((section(".startup"), used)) void board_fault() {
  board::write("fault\n");
  board::exit(99);
}
