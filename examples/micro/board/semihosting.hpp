#pragma once
// Text and the exit code of a program, handed to the debugger or emulator that runs it.

#include <cstdint>

namespace board {

inline std::uint32_t semihost(std::uint32_t operation, const void* argument) {
  register std::uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
/// Text that ends with 0.
inline void write(const char* text) { semihost(0x04, text); }

/// As eight hexadecimal digits, and `end` behind them.
inline void write_hex(std::uint32_t value, char end) {
  char text[10];
  for (int i = 0; i < 8; ++i) {
    const std::uint32_t digit = value >> (28 - 4 * i) & 15u;
    text[i] = static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10);
  }
  text[8] = end;
  text[9] = 0;
  write(text);
}

[[noreturn]] inline void exit(int code) {
  const std::uint32_t block[2] = {0x20026, static_cast<std::uint32_t>(code)};  // the program ended by itself
  for (;;) semihost(0x20, block);
}

}  // namespace board
