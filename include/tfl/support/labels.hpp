#pragma once
// Scores of a classifier as probabilities, best first.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/core/tensor.hpp"
#include "tfl/quant/quantize.hpp"

namespace tfl {

struct Score {
  int label = -1;
  float value = 0;
};

/// Element i of a float32, int8 or uint8 tensor as a real number; 0 for other types.
inline float real_value(std::span<const std::byte> bytes, const TensorDescription& description, std::size_t i) {
  const quant::AffineParameters parameters{description.quantization.scale, description.quantization.zero_point};
  switch (description.type) {
    case TensorType::float32: {
      float value = 0;
      std::memcpy(&value, bytes.data() + 4 * i, 4);
      return value;
    }
    case TensorType::int8: return quant::dequantize_value(static_cast<std::int8_t>(bytes[i]), parameters);
    case TensorType::uint8: return quant::dequantize_value(static_cast<std::uint8_t>(bytes[i]), parameters);
    default: return 0;
  }
}

/// Fills `best` with the highest scores, highest first; equal scores keep the order of their labels.
inline void top_scores(std::span<const std::byte> bytes, const TensorDescription& description, std::span<Score> best) {
  for (Score& s : best) s = {};
  const auto count = static_cast<std::size_t>(description.count());
  for (std::size_t i = 0; i < count; ++i) {
    Score next{static_cast<int>(i), real_value(bytes, description, i)};
    for (Score& s : best) {
      if (s.label < 0 || next.value > s.value) {
        const Score moved = s;
        s = next;
        next = moved;
        if (next.label < 0) break;
      }
    }
  }
}

}  // namespace tfl
