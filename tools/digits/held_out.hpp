#pragma once
// The digits that the training never saw, as scripts/train_digits.py wrote them.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace tfl::tools {

class HeldOutDigits {
 public:
  static constexpr std::size_t pixels = 64, record = pixels + 1;

  /// No digits where the file is absent or damaged.
  explicit HeldOutDigits(const char* path) {
    std::ifstream file(path, std::ios::binary);
    data_.assign(std::istreambuf_iterator<char>(file), {});
    std::uint32_t count = 0;
    if (data_.size() >= sizeof(count)) std::memcpy(&count, data_.data(), sizeof(count));
    if (data_.size() != sizeof(count) + std::size_t{count} * record) data_.clear();
  }

  std::size_t count() const { return data_.size() / record; }
  /// 8 rows of 8, from 0 (black) to 255.
  const std::uint8_t* picture(std::size_t i) const { return reinterpret_cast<const std::uint8_t*>(data_.data()) + 4 + i * record; }
  int label(std::size_t i) const { return picture(i)[pixels]; }

  void print(std::size_t right, double microseconds, std::size_t arena_bytes) const {
    const auto all = static_cast<double>(count());
    std::printf("%zu of %zu right (%.1f %%), %.1f us a digit, arena %zu bytes\n", right, count(), 100.0 * static_cast<double>(right) / all,
                microseconds / all, arena_bytes);
  }

 private:
  std::vector<char> data_;
};

}  // namespace tfl::tools
