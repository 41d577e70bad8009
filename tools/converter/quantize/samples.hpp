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

/// Samples for the main graph's inputs: each one is a list of bytes an input, in the inputs' own types. An .npy serves the only input; the
/// arrays of an .npz go by the name of an input, or of a signature's input, or else, where there are as many, in order; the first dimension
/// counts the samples. A raw file holds one sample after the other of all inputs. At most `most` samples are taken.
std::vector<std::vector<Bytes>> read_samples(const std::string& path, const Model& model, std::size_t most, Problems& problems);

}  // namespace tfl::converter
