#pragma once
// The models of samples/, and whether a converted one gives what its source gives.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tools/converter/evaluate/evaluator.hpp"

namespace tfl::converter {

inline std::string sample(const std::string& name) { return TFL_SOURCE_DIR "/tests/converter/samples/" + name; }

inline Bytes sample_bytes(const std::string& name) {
  std::ifstream file(sample(name), std::ios::binary);
  EXPECT_TRUE(file) << sample(name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Runs the model on NAME.in and compares with NAME.out.
inline void expect_sample_result(const Model& model, const std::string& name, float tolerance = 1e-5F) {
  Problems problems;
  const auto evaluator = Evaluator::make(model, problems);
  ASSERT_NE(evaluator, nullptr) << problems.text();
  ASSERT_EQ(evaluator->run({sample_bytes(name + ".in")}), "");
  const Bytes got = evaluator->output(0), wanted = sample_bytes(name + ".out");
  ASSERT_EQ(got.size(), wanted.size());
  std::vector<float> a(got.size() / sizeof(float)), b(a.size());
  std::memcpy(a.data(), got.data(), got.size());
  std::memcpy(b.data(), wanted.data(), wanted.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << "element " << i;
}

}  // namespace tfl::converter
