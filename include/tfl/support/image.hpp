#pragma once
// Pictures into model inputs: bilinear resizing with half-pixel centres, and the input's own number format.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/quant/quantize.hpp"

namespace tfl {

/// Pixels of 8 bits, rows from the top, channels interleaved. Does not own.
struct ImageView {
  const std::uint8_t* pixels = nullptr;
  int height = 0, width = 0, channels = 0;
};

/// How pixels [0, 255] become the numbers that the model was trained on: (pixel - mean) / deviation.
struct Normalization {
  float mean = 0, deviation = 255;
};

/// One channel of the picture, resized to height x width, at (row, column): bilinear, half-pixel centres, edges repeated.
inline float resized_pixel(const ImageView& image, int height, int width, int row, int column, int channel) {
  const auto place = [](int index, int size, int source) {
    const float at = (static_cast<float>(index) + 0.5f) * static_cast<float>(source) / static_cast<float>(size) - 0.5f;
    return at < 0 ? 0.0f : at > static_cast<float>(source - 1) ? static_cast<float>(source - 1) : at;
  };
  const float y = place(row, height, image.height), x = place(column, width, image.width);
  const int y0 = static_cast<int>(y), x0 = static_cast<int>(x);
  const int y1 = y0 + 1 < image.height ? y0 + 1 : y0, x1 = x0 + 1 < image.width ? x0 + 1 : x0;
  const float dy = y - static_cast<float>(y0), dx = x - static_cast<float>(x0);
  const auto pixel = [&](int r, int c) {
    return static_cast<float>(image.pixels[(std::int64_t{r} * image.width + c) * image.channels + channel]);
  };
  const float top = pixel(y0, x0) + (pixel(y0, x1) - pixel(y0, x0)) * dx;
  const float bottom = pixel(y1, x0) + (pixel(y1, x1) - pixel(y1, x0)) * dx;
  return top + (bottom - top) * dy;
}

/// Fills a model's input [1,H,W,C] (or [H,W,C], C = 1 or 3) with the picture: resized, grey or colour as the input wants it.
/// float32 inputs get normalized pixels. 8-bit inputs get the pixel itself (int8: less 128), as models whose range is that of pixels
/// want it. Errors: another type, another shape, an empty picture.
inline Result<void> fill_with_image(std::span<std::byte> input, const TensorDescription& description, const ImageView& image,
                                    Normalization normalization = {}) {
  const Shape& shape = description.shape;
  const int rank = shape.rank();
  const bool known =
      description.type == TensorType::float32 || description.type == TensorType::int8 || description.type == TensorType::uint8;
  if (!known)
    return Error(ErrorCode::invalid_argument, "image: the input holds ") << name_of(description.type) << ", not float32, int8 or uint8";
  if (rank < 3 || rank > 4 || (rank == 4 && shape[0] != 1) || (shape[rank - 1] != 1 && shape[rank - 1] != 3)) {
    return Error(ErrorCode::invalid_argument, "image: the input is not of shape [1, height, width, 1 or 3]");
  }
  if (image.pixels == nullptr || image.height < 1 || image.width < 1 || (image.channels != 1 && image.channels < 3)) {
    return Error(ErrorCode::invalid_argument, "image: the picture is empty, or has 2 channels");
  }
  if (static_cast<std::int64_t>(input.size()) != description.bytes()) {
    return Error(ErrorCode::invalid_argument, "image: the input takes ") << description.bytes() << " bytes, not " << input.size();
  }
  const int height = shape[rank - 3], width = shape[rank - 2], channels = shape[rank - 1];
  std::size_t next = 0;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      for (int channel = 0; channel < channels; ++channel) {
        float pixel = 0;
        if (image.channels == 1 || channels == 3) {
          pixel = resized_pixel(image, height, width, row, column, image.channels == 1 ? 0 : channel);
        } else {  // luma of ITU-R BT.601
          pixel = 0.299f * resized_pixel(image, height, width, row, column, 0) +
                  0.587f * resized_pixel(image, height, width, row, column, 1) +
                  0.114f * resized_pixel(image, height, width, row, column, 2);
        }
        if (description.type == TensorType::float32) {
          const float value = (pixel - normalization.mean) / normalization.deviation;
          std::memcpy(input.data() + next, &value, sizeof value);
          next += sizeof value;
        } else {
          const auto rounded = static_cast<int>(quant::round_half_away(static_cast<double>(pixel)));
          input[next++] = static_cast<std::byte>(description.type == TensorType::int8 ? rounded - 128 : rounded);
        }
      }
    }
  }
  return {};
}

}  // namespace tfl
