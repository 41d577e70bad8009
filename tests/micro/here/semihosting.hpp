#pragma once
// What a board's program prints, on this machine.

#include <cstdint>
#include <cstdio>

namespace board {
inline void write(const char* text) { std::printf("%s", text); }
inline void write_hex(std::uint32_t value, char end) { std::printf("%08x%c", value, end); }
}  // namespace board
