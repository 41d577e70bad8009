#pragma once
// The converter's graphs as .tflite bytes.

#include <cstdint>
#include <vector>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// The bytes of the file; empty, with problems, where the model cannot be written: nodes of a source dialect that legalization left,
/// attributes that .tflite lacks, more than 2 GB. The same model gives the same bytes on every machine. Tensors that nobody mentions are
/// left out; equal data is written once. `numbers`, where given, gets each graph's tensors by their numbers in the file.
std::vector<std::uint8_t> write_tflite(const Model& model, Problems& problems, std::vector<std::vector<const Tensor*>>* numbers = nullptr);

/// The same, for a model of which nothing else is needed: its constants go as they are written, so that large ones need memory once less.
std::vector<std::uint8_t> write_last(Model& model, Problems& problems);

}  // namespace tfl::converter
