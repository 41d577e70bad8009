#pragma once
// As much of Arduino's header as a sketch here takes: it is compiled, not run.

#include <cstddef>

struct SerialPort {
  void begin(long rate);
  void print(const char* text);
  void println(int number);
};
extern SerialPort Serial;
void delay(unsigned long milliseconds);
