#pragma once
// The oldest TensorFlow Lite that runs a model.

#include <string>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// The name of the metadata entry, 16 bytes padded with zeros. A model that has the entry gets its value when it is written.
inline constexpr const char* runtime_version_entry = "min_runtime_version";

/// "2.3.0": the oldest release whose kernels know every builtin operator in the version that its node needs. Newer operators than those of
/// 2.11 count as 2.11.
std::string min_runtime_version(const Model& model);

}  // namespace tfl::converter
