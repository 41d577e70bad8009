#pragma once
// Samples of a model's inputs from .npy, .npz and raw files.

#include <string>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// One array of a file, as NumPy wrote it.
struct SampleArray {
  std::string name;  // in an .npz; else empty
  std::vector<std::int64_t> shape{};
  std::vector<double> values{};
};

/// The arrays of an .npy or .npz file. False, with a problem, where the file is damaged or of another format.
bool read_arrays(const std::string& path, std::vector<SampleArray>& arrays, Problems& problems);

/// How numbers of samples become those that the model was trained on: (number - mean) / deviation, for all or one an image channel.
struct SampleOptions {
  std::size_t most = 1000;  // samples taken
  std::vector<float> mean{}, deviation{};

  /// Element `i` of a sample of `input`, normalized.
  double normalized(double value, const Tensor& input, std::size_t i) const;
};

/// The axis of an image's channels: 1, or the last one where the size of that is more like a number of channels.
std::size_t channel_axis_of(const Tensor& image);

/// Samples for the main graph's inputs: each one is a list of bytes an input, in the inputs' own types. An .npy serves the only input; the
/// arrays of an .npz go by the name of an input, or of a signature's input, or else, where there are as many, in order; the first dimension
/// counts the samples. A folder holds pictures for the only input. A raw file holds one sample after the other of all inputs, normalized.
std::vector<std::vector<Bytes>> read_samples(const std::string& path, const Model& model, const SampleOptions& options, Problems& problems);

/// Every picture of a folder (PNG, JPEG, BMP, PGM and what else stb_image knows), in the order of their names, resized to the only input.
std::vector<std::vector<Bytes>> read_pictures(const std::string& folder, const Model& model, const SampleOptions& options,
                                              Problems& problems);

}  // namespace tfl::converter
