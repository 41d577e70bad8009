#pragma once
// A fuzzer's bytes as choices: whatever they are, they mean something, and a change of few bytes changes little.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>

namespace tfl::fuzz {

class Draw {
 public:
  explicit Draw(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  /// What is not used yet.
  std::span<const std::uint8_t> rest() const { return bytes_; }
  /// Zero once all bytes are used.
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t b = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return b;
  }
  /// 0 <= below(n) < n <= 256.
  int below(int n) { return n > 1 ? byte() % n : 0; }
  bool one_in(int n) { return byte() % n == n - 1; }  // the zeros at the end say no
  std::uint32_t word() {
    std::uint32_t w = 0;
    for (int k = 0; k < 4; ++k) w = w << 8 | byte();
    return w;
  }
  template <class T> T of(std::initializer_list<T> list) { return list.begin()[below(static_cast<int>(list.size()))]; }
  /// Mostly small; now and then one that breaks rules.
  std::int32_t integer() {
    if (!one_in(30)) return one_in(8) ? below(9) - 2 : 1 + below(3);
    return of<std::int32_t>({-1, 0, 2'147'483'647, -2'147'483'647 - 1, 65536, 1 << 30, 46341, static_cast<std::int32_t>(word())});
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace tfl::fuzz
