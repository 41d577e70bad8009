#pragma once
// .tflite files into the converter's graphs.

#include <cstddef>
#include <span>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// Verifies the file and reads all of it. Returns false, and says why, where it is no well-formed model.
bool read_tflite(std::span<const std::byte> file, Model& model, Problems& problems);

}  // namespace tfl::converter
