#pragma once
// ONNX graphs that are imported and run.

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/converter/onnx_message.hpp"
#include "tests/converter/sample.hpp"
#include "tools/converter/import/import.hpp"

namespace tfl::converter {

/// Imports a model of this graph.
inline std::unique_ptr<Model> import_graph(const test::Message& graph, Problems& problems, std::uint64_t opset = 13) {
  const std::string path = (std::filesystem::path(testing::TempDir()) / "tfl_onnx_graph.onnx").string();
  std::ofstream(path, std::ios::binary) << test::onnx_model(graph, opset).bytes();
  auto model = import_onnx(path, problems);
  std::filesystem::remove(path);
  return model;
}

template <class T> Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// The outputs for these inputs.
inline std::vector<std::vector<float>> run(const Model& model, const std::vector<Bytes>& inputs) {
  Problems problems;
  const auto evaluator = Evaluator::make(model, problems);
  EXPECT_NE(evaluator, nullptr) << problems.text();
  if (evaluator == nullptr) return {};
  EXPECT_EQ(evaluator->run(inputs), "");
  std::vector<std::vector<float>> results;
  for (std::size_t i = 0; i < model.graphs.front()->outputs().size(); ++i) {
    const Bytes bytes = evaluator->output(i);
    results.emplace_back(bytes.size() / sizeof(float));
    if (!bytes.empty()) std::memcpy(results.back().data(), bytes.data(), bytes.size());
  }
  return results;
}

}  // namespace tfl::converter
