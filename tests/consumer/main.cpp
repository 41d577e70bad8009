#include <cstdio>
#include <tfl/tfl.hpp>

int main() {
  std::printf("tfl %d.%d.%d\n", TFL_VERSION_MAJOR, TFL_VERSION_MINOR, TFL_VERSION_PATCH);
  return 0;
}
