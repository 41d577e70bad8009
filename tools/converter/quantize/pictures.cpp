// Pictures as calibration samples.

#define STBI_MAX_DIMENSIONS 16384
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>

#include "tfl/support/image.hpp"
#include "tools/converter/quantize/samples.hpp"

namespace tfl::converter {
namespace {

namespace fs = std::filesystem;

using Pixels = std::unique_ptr<stbi_uc, decltype(&stbi_image_free)>;

/// More than any camera gives; a small file may promise more than memory holds.
constexpr std::int64_t most_pixels = std::int64_t{1} << 27;

}  // namespace

std::vector<std::vector<Bytes>> read_pictures(const std::string& folder, const Model& model, const SampleOptions& options,
                                              Problems& problems) {
  const Graph& graph = *model.graphs.front();
  const Tensor* input = graph.inputs().size() == 1 ? graph.inputs()[0] : nullptr;
  const std::vector<std::int32_t> shape = input == nullptr ? std::vector<std::int32_t>() : input->example_shape();
  const std::size_t axis = shape.empty() ? 0 : channel_axis_of(*input);
  const bool is_image = shape.size() == 4 && shape[0] == 1 && (shape[axis] == 1 || shape[axis] == 3) &&
                        (input->type == TensorType::float32 || input->type == TensorType::uint8);
  if (!is_image) {
    problems.add("'" + folder + "' holds pictures, but the model does not have one input of shape [1, height, width, 1 or 3]");
    return {};
  }
  const int channels = shape[axis], height = shape[axis == 1 ? 2 : 1], width = shape[axis == 1 ? 3 : 2];
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_regular_file(error)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::vector<Bytes>> samples;
  for (const fs::path& file : files) {
    if (samples.size() == options.most) break;
    int w = 0, h = 0, c = 0;
    const bool known = stbi_info(file.c_str(), &w, &h, &c) != 0;
    if (!known || std::int64_t{w} * h > most_pixels) {
      problems.warn("'" + file.string() + "'", known ? "is left out: it is too large" : "is left out: it is no picture");
      continue;
    }
    const Pixels pixels(stbi_load(file.c_str(), &w, &h, &c, channels), &stbi_image_free);
    if (pixels == nullptr) {
      problems.warn("'" + file.string() + "'", std::string("is left out: ") + stbi_failure_reason());
      continue;
    }
    const ImageView view{pixels.get(), h, w, channels};
    Bytes& bytes = samples.emplace_back().emplace_back();
    const std::size_t size = input->type == TensorType::float32 ? sizeof(float) : 1;
    const std::size_t plane = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    bytes.resize(plane * static_cast<std::size_t>(channels) * size);
    for (int row = 0; row < height; ++row) {
      for (int column = 0; column < width; ++column) {
        for (int channel = 0; channel < channels; ++channel) {
          const std::size_t place = static_cast<std::size_t>(row) * static_cast<std::size_t>(width) + static_cast<std::size_t>(column);
          const std::size_t i = axis == 1 ? static_cast<std::size_t>(channel) * plane + place
                                          : place * static_cast<std::size_t>(channels) + static_cast<std::size_t>(channel);
          const double pixel = resized_pixel(view, height, width, row, column, channel);
          const auto value = static_cast<float>(options.normalized(pixel, *input, i));
          if (size == 1) {
            bytes[i] = static_cast<std::uint8_t>(nearest_even(pixel));
          } else {
            std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
          }
        }
      }
    }
  }
  if (samples.empty()) problems.add("'" + folder + "' holds no picture that can be read");
  return samples;
}

}  // namespace tfl::converter
