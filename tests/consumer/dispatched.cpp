#include <cstdio>

#include "ops.hpp"

int main() {
  const auto name = tfl::Dispatched<Ops>::architecture();
  if (!name) return std::puts(name.message().data()), 1;
  std::printf("kernels for %zu architectures, in use: %s\n", tfl::Dispatched<Ops>::architectures().size(), name->data());
  return 0;
}
