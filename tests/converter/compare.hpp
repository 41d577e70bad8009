#pragma once
// Comparing two models of .tflite node by node.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "converter/support.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"

namespace tfl::converter::test {

inline bool load(const std::filesystem::path& path, Model& model) {
  Problems problems;
  return read_tflite(read_file(path), model, problems);
}

inline std::vector<const Node*> nodes_of(const Model& model) {
  std::vector<const Node*> result;
  for (const auto& node : model.graphs[0]->nodes()) result.push_back(node.get());
  return result;
}

inline void expect_close_scales(const Tensor& got, const Tensor& want, double relative) {
  ASSERT_EQ(got.quantization.scales.size(), want.quantization.scales.size()) << got.name;
  for (std::size_t i = 0; i < got.quantization.scales.size(); ++i) {
    const double g = got.quantization.scales[i], w = want.quantization.scales[i];
    EXPECT_LE(std::fabs(g - w), relative * w) << got.name << " channel " << i;
  }
  EXPECT_EQ(got.quantization.zero_points, want.quantization.zero_points) << got.name;
}

/// How many elements of two constants of one type differ: integers at all, floats by more than 1e-6 of the largest.
inline std::int64_t differences(const Tensor& a, const Tensor& b) {
  if (a.type == TensorType::float32) {
    const std::span<const float> x = a.values<float>(), y = b.values<float>();
    if (x.size() != y.size()) return -1;
    float largest = 0;
    for (const float v : y) largest = std::max(largest, std::fabs(v));
    std::int64_t count = 0;
    for (std::size_t i = 0; i < x.size(); ++i) count += std::fabs(x[i] - y[i]) > 1e-6f * largest ? 1 : 0;
    return count;
  }
  const std::vector<std::int64_t> x = a.integers(), y = b.integers();
  if (x.size() != y.size()) return -1;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < x.size(); ++i) count += x[i] != y[i] ? 1 : 0;
  return count;
}

/// Both graphs node by node: operators, versions, options, parameters and constants.
inline std::int64_t compare_graphs(const Model& got, const Model& want, double relative) {
  const auto a = nodes_of(got), b = nodes_of(want);
  std::int64_t different = 0;
  if (a.size() != b.size()) {
    ADD_FAILURE() << a.size() << " nodes, not " << b.size();
    return -1;
  }
  for (std::size_t n = 0; n < a.size(); ++n) {
    SCOPED_TRACE("node " + std::to_string(n) + " " + std::string(b[n]->operation.name()));
    EXPECT_EQ(a[n]->operation.name(), b[n]->operation.name());
    EXPECT_EQ(a[n]->version, b[n]->version);
    EXPECT_EQ(a[n]->attributes, b[n]->attributes);
    EXPECT_EQ(a[n]->inputs().size(), b[n]->inputs().size());
    for (std::size_t i = 0; i < std::min(a[n]->inputs().size(), b[n]->inputs().size()); ++i) {
      const Tensor *x = a[n]->input(i), *y = b[n]->input(i);
      if (x == nullptr || y == nullptr) continue;
      EXPECT_EQ(x->type, y->type) << x->name;
      if (x->type != y->type) continue;
      expect_close_scales(*x, *y, relative);
      if (x->is_constant() && y->is_constant()) {
        const std::int64_t count = differences(*x, *y);
        EXPECT_GE(count, 0) << x->name;
        different += count;
      }
    }
    expect_close_scales(*a[n]->output(), *b[n]->output(), relative);
  }
  return different;
}

/// As a file and back, which sets versions.
inline void rewrite(const Model& model, Model& again) {
  Problems problems;
  const auto bytes = write_tflite(model, problems);
  ASSERT_FALSE(bytes.empty()) << problems.text();
  ASSERT_TRUE(read_tflite(as_bytes(bytes), again, problems)) << problems.text();
}

}  // namespace tfl::converter::test
