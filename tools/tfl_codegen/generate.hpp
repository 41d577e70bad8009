#pragma once
// A .tflite model as the header of a C++ type: what tfl_codegen and tfl_convert --emit-cpp write.

#include <cstddef>
#include <string>
#include <vector>

#include "tfl/model/model.hpp"

namespace tfl::codegen {

struct GenerateOptions {
  std::string name;    // of the type
  std::string source;  // the model's file, for the first comment
  std::string target = "generic", extents = "dynamic";
  bool blob = false;    // the constants lie in a file of their own
  bool tile = false;    // the first convolutions run strip by strip
  bool prints = false;  // what the model takes, to the standard output
};

struct Generated {
  std::string header{};
  std::vector<std::byte> weights{};  // with `blob`
};

/// Writes the header into `result`. Returns why that is not possible, or nothing.
std::string generate(const tfl::Model& file, const GenerateOptions& options, Generated& result);

/// A file's name, without what follows the last dot, as a name of C++.
std::string name_from(const std::string& path);

}  // namespace tfl::codegen
