#pragma once
// Pictures into model inputs: bilinear resizing with half-pixel centres, and the input's own number format.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"

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
inline double resized_pixel(const ImageView& image, int height, int width, int row, int column, int channel) {
  const auto place = [](int index, int size, int source) {
    const double at = (index + 0.5) * source / size - 0.5;
    return at < 0 ? 0.0 : at > source - 1 ? source - 1.0 : at;
  };
  const double y = place(row, height, image.height), x = place(column, width, image.width);
  const int y0 = static_cast<int>(y), x0 = static_cast<int>(x);
  const int y1 = y0 + 1 < image.height ? y0 + 1 : y0, x1 = x0 + 1 < image.width ? x0 + 1 : x0;
  const double dy = y - y0, dx = x - x0;
  const auto pixel = [&](int r, int c) {
    return static_cast<double>(image.pixels[(std::int64_t{r} * image.width + c) * image.channels + channel]);
  };
  const auto across = [&](int r) { return pixel(r, x0) * (1 - dx) + pixel(r, x1) * dx; };
  return across(y0) * (1 - dy) + across(y1) * dy;
}

/// The nearest integer; half way between two, the even one. Requires 0 <= value <= 255.
inline int nearest_even(double value) {
  const int below = static_cast<int>(value);
  const double rest = value - below;
  return rest > 0.5 || (rest == 0.5 && below % 2 != 0) ? below + 1 : below;
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
        double pixel = 0;
        if (image.channels == 1 || channels == 3) {
          pixel = resized_pixel(image, height, width, row, column, image.channels == 1 ? 0 : channel);
        } else {  // luma of ITU-R BT.601
          pixel = 0.299 * resized_pixel(image, height, width, row, column, 0) +
                  0.587 * resized_pixel(image, height, width, row, column, 1) + 0.114 * resized_pixel(image, height, width, row, column, 2);
        }
        if (description.type == TensorType::float32) {
          const float value = (static_cast<float>(pixel) - normalization.mean) / normalization.deviation;
          std::memcpy(input.data() + next, &value, sizeof value);
          next += sizeof value;
        } else {
          const int rounded = nearest_even(pixel);
          input[next++] = static_cast<std::byte>(description.type == TensorType::int8 ? rounded - 128 : rounded);
        }
      }
    }
  }
  return {};
}

}  // namespace tfl
