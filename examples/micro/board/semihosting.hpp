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

/// The first word of the command line behind the program's name, in `text`; false where there is none.
inline bool argument(char (&text)[256]) {
  struct {
    char* text;
    std::uint32_t size;
  } block{text, sizeof(text)};
  if (semihost(0x15, &block) != 0) return false;
  std::uint32_t from = 0, to = 0;
  while (text[from] != 0 && text[from] != ' ') ++from;
  while (text[from] == ' ') ++from;
  while (text[from] != 0 && text[from] != ' ') text[to++] = text[from++];
  text[to] = 0;
  return to != 0;
}
/// The bytes of the file that were read, at most `size`; 0 where there is none.
inline std::uint32_t read_file(const char* path, void* to, std::uint32_t size) {
  std::uint32_t length = 0;
  while (path[length] != 0) ++length;
  const struct {
    const char* path;
    std::uint32_t mode, length;
  } open{path, 1, length};  // 1: to read bytes
  const std::uint32_t file = semihost(0x01, &open);
  if (file == 0xffffffffu) return 0;
  const struct {
    std::uint32_t file;
    void* to;
    std::uint32_t size;
  } read{file, to, size};
  const std::uint32_t left = semihost(0x06, &read);
  semihost(0x02, &file);
  return size - left;
}

[[noreturn]] inline void exit(int code) {
  const std::uint32_t block[2] = {0x20026, static_cast<std::uint32_t>(code)};  // the program ended by itself
  for (;;) semihost(0x20, block);
}

}  // namespace board
