#pragma once
// What tests of the converter share: files, small models, and running two models side by side.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "support/all_ops.hpp"
#include "tools/common/seeded_inputs.hpp"
#include "tools/converter/ir/graph.hpp"

namespace tfl::converter::test {

inline std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> chars((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::byte> bytes(chars.size());
  if (!chars.empty()) std::memcpy(bytes.data(), chars.data(), chars.size());
  return bytes;
}

/// Every .tflite of TFL_TEST_DATA, sorted.
inline std::vector<std::filesystem::path> real_models() {
  std::set<std::filesystem::path> sorted;
  for (const char* folder : {"mlperf_tiny", "micro", "vision", "ops"}) {
    const std::filesystem::path directory = std::filesystem::path(TFL_TEST_DATA) / "models" / folder;
    if (!std::filesystem::is_directory(directory)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (entry.path().extension() == ".tflite") sorted.insert(entry.path());
    }
  }
  return {sorted.begin(), sorted.end()};
}

/// What a model gives for pseudo-random inputs, or why it gives nothing.
struct Outputs {
  std::string error{};
  std::vector<std::vector<std::byte>> data{};
  std::vector<TensorType> types{};
};

inline Outputs run(std::span<const std::byte> file, std::uint32_t seed = 1) {
  Outputs result;
  auto model = tfl::Model::from_memory(file);
  if (!model) return {std::string(model.message())};
  auto interpreter = tfl::test::AnyInterpreter::create(*model);
  if (!interpreter) return {std::string(interpreter.message())};
  tools::SeededStream stream(seed);
  for (int i = 0; i < interpreter->input_count(); ++i) {
    auto input = interpreter->input<std::byte>(i);
    if (!input) return {std::string(input.message())};
    stream.fill(input->type(), *input);
  }
  if (auto done = interpreter->invoke(); !done) return {std::string(done.message())};
  for (int i = 0; i < interpreter->output_count(); ++i) {
    auto output = interpreter->output<std::byte>(i);
    if (!output) return {std::string(output.message())};
    result.types.push_back(output->type());
    result.data.emplace_back(output->begin(), output->end());
  }
  return result;
}

/// "" or the first difference: integers equal, floats within `relative` of each other's size (and 1e-6).
inline std::string difference(const Outputs& a, const Outputs& b, float relative) {
  if (a.data.size() != b.data.size()) return std::to_string(a.data.size()) + " outputs, not " + std::to_string(b.data.size());
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    const std::string where = "output " + std::to_string(i) + ": ";
    if (a.types[i] != b.types[i] || a.data[i].size() != b.data[i].size()) return where + "another type or size";
    if (a.types[i] != TensorType::float32) {
      if (a.data[i] != b.data[i]) return where + "other values";
      continue;
    }
    for (std::size_t at = 0; at < a.data[i].size(); at += sizeof(float)) {
      float x = 0, y = 0;
      std::memcpy(&x, a.data[i].data() + at, sizeof(float));
      std::memcpy(&y, b.data[i].data() + at, sizeof(float));
      if (x == y || (std::isnan(x) && std::isnan(y)) || std::fabs(x - y) <= 1e-6f + relative * std::fabs(y)) continue;
      return where + "element " + std::to_string(at / sizeof(float)) + " is " + std::to_string(x) + ", not " + std::to_string(y);
    }
  }
  return {};
}

inline std::span<const std::byte> as_bytes(const std::vector<std::uint8_t>& file) { return std::as_bytes(std::span(file)); }

}  // namespace tfl::converter::test
