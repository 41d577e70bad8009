#pragma once
// Pseudo-random inputs that any program in any language can repeat: one 32-bit xorshift stream over all inputs in order.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/core/type.hpp"

namespace tfl::tools {

/// State = seed; x ^= x << 13; x ^= x >> 17; x ^= x << 5; then use x. Float: (x >> 8) / 2^24 * 2 - 1; 8 and 16 bits: the low bits;
/// wider integers: x % 10; bool: x & 1.
class SeededStream {
 public:
  explicit SeededStream(std::uint32_t seed) : state_(seed) {}

  void fill(TensorType type, std::span<std::byte> bytes) {
    switch (type) {
      case TensorType::float32:
        return each<float>(bytes, [](std::uint32_t x) { return static_cast<float>(static_cast<double>(x >> 8) / 16777216.0 * 2.0 - 1.0); });
      case TensorType::float64:
        return each<double>(bytes, [](std::uint32_t x) { return static_cast<double>(x >> 8) / 16777216.0 * 2.0 - 1.0; });
      case TensorType::int16:
      case TensorType::uint16: return each<std::uint16_t>(bytes, [](std::uint32_t x) { return static_cast<std::uint16_t>(x); });
      case TensorType::int32:
      case TensorType::uint32: return each<std::uint32_t>(bytes, [](std::uint32_t x) { return x % 10; });
      case TensorType::int64:
      case TensorType::uint64: return each<std::uint64_t>(bytes, [](std::uint32_t x) { return std::uint64_t{x % 10}; });
      case TensorType::boolean: return each<std::uint8_t>(bytes, [](std::uint32_t x) { return static_cast<std::uint8_t>(x & 1); });
      default: return each<std::uint8_t>(bytes, [](std::uint32_t x) { return static_cast<std::uint8_t>(x); });
    }
  }

 private:
  template <class T, class F> void each(std::span<std::byte> bytes, F f) {
    for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
      state_ ^= state_ << 13;
      state_ ^= state_ >> 17;
      state_ ^= state_ << 5;
      const T value = f(state_);
      std::memcpy(bytes.data() + i, &value, sizeof(T));
    }
  }
  std::uint32_t state_;
};

/// FNV-1a, 32 bits: a short name for the bytes of a tensor.
inline std::uint32_t fnv1a(std::span<const std::byte> bytes, std::uint32_t hash = 2166136261u) {
  for (const std::byte b : bytes) hash = (hash ^ static_cast<std::uint32_t>(b)) * 16777619u;
  return hash;
}

}  // namespace tfl::tools
