// archs: none
// NON_MAX_SUPPRESSION_V4 and V5 against loops over all pairs; SPARSE_TO_DENSE.

#include "tfl/kernels/non_max_suppression.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/single_op.hpp"
#include "tfl/kernels/sparse_to_dense.hpp"

namespace {

using tfl::QuantizationSpec;
using tfl::Shape;
using tfl::test::SingleOp;

double overlap(const float* a, const float* b) {
  const auto side = [&](int i) {
    const double low = std::max(std::min(a[i], a[i + 2]), std::min(b[i], b[i + 2]));
    const double high = std::min(std::max(a[i], a[i + 2]), std::max(b[i], b[i + 2]));
    return std::max(high - low, 0.0);
  };
  const auto area = [](const float* box) { return std::abs(double{box[2]} - box[0]) * std::abs(double{box[3]} - box[1]); };
  const double shared = side(0) * side(1), all = area(a) + area(b) - shared;
  return all > 0 ? shared / all : 0;
}

struct Boxes {
  std::vector<float> corners, scores;
};
Boxes random_boxes(std::int32_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> place(0, 10), size(1, 4), score(0, 1);
  Boxes b;
  for (std::int32_t i = 0; i < count; ++i) {
    const float y = place(random), x = place(random), h = size(random), w = size(random);
    if (i % 2 == 0) {
      b.corners.insert(b.corners.end(), {y, x, y + h, x + w});
    } else {
      b.corners.insert(b.corners.end(), {y + h, x + w, y, x});  // any two opposite corners
    }
    b.scores.push_back(score(random));
  }
  return b;
}

/// Takes the best, then lowers or drops the rest, again and again.
std::vector<std::int32_t> reference(const Boxes& b, int most, double overlap_threshold, double threshold, double sigma,
                                    std::vector<double>& taken_scores) {
  std::vector<double> scores(b.scores.begin(), b.scores.end());
  std::vector<std::int32_t> taken;
  while (static_cast<int>(taken.size()) < most) {
    const auto best = std::max_element(scores.begin(), scores.end());
    if (best == scores.end() || *best <= threshold) break;
    const auto i = best - scores.begin();
    taken.push_back(static_cast<std::int32_t>(i));
    taken_scores.push_back(*best);
    *best = -1;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      const double o = overlap(&b.corners[4 * k], &b.corners[4 * static_cast<std::size_t>(i)]);
      scores[k] = o >= overlap_threshold ? -1 : sigma > 0 && scores[k] > 0 ? scores[k] * std::exp(-0.5 / sigma * o * o) : scores[k];
    }
  }
  return taken;
}

TEST(NonMaxSuppression, V4TakesTheBestThatDoNotOverlap) {
  for (const std::int32_t count : {0, 1, 60}) {
    for (const std::int32_t most : {0, 5, 100}) {
      const Boxes b = random_boxes(count, static_cast<unsigned>(count + most));
      std::vector<double> scores;
      std::vector<std::int32_t> want = reference(b, most, 0.3, 0.2, 0, scores);
      const auto taken = static_cast<std::int32_t>(want.size());
      want.resize(static_cast<std::size_t>(most));
      SingleOp<tfl::NonMaxSuppressionV4> op;
      op.input<float>({count, 4}, b.corners);
      op.input<float>({count}, b.scores);
      op.constant<std::int32_t>({}, {most});
      op.constant<float>({}, {0.3f});
      op.constant<float>({}, {0.2f});
      op.output<std::int32_t>();
      op.output<std::int32_t>();
      ASSERT_EQ(op.run(), "");
      EXPECT_EQ(op.values<std::int32_t>(0), want);
      EXPECT_EQ(op.values<std::int32_t>(1), (std::vector<std::int32_t>{taken}));
    }
  }
}

TEST(NonMaxSuppression, V5LowersTheScoresOfWhatOverlaps) {
  const Boxes b = random_boxes(40, 9);
  std::vector<double> scores;
  const std::vector<std::int32_t> want = reference(b, 20, 0.9, 0.1, 0.5, scores);
  SingleOp<tfl::NonMaxSuppressionV5> op;
  op.input<float>({40, 4}, b.corners);
  op.input<float>({40}, b.scores);
  op.input<std::int32_t>({}, {20});  // known only while running
  op.constant<float>({}, {0.9f});
  op.constant<float>({}, {0.1f});
  op.constant<float>({}, {0.5f});
  op.output<std::int32_t>();
  op.output<float>();
  op.output<std::int32_t>();
  ASSERT_EQ(op.run(), "");
  const auto indices = op.values<std::int32_t>(0);
  const auto got = op.values<float>(1);
  ASSERT_EQ(op.values<std::int32_t>(2)[0], static_cast<std::int32_t>(want.size()));
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(indices[i], want[i]);
    EXPECT_NEAR(got[i], scores[i], 1e-5);
  }
  for (std::size_t i = want.size(); i < indices.size(); ++i) EXPECT_EQ(got[i], 0);
}

TEST(NonMaxSuppression, BytesCompareOverlapsInSteps) {
  // Boxes 0 and 1 share 6 of 10: 256 * 6 / 10 = 153 steps. Box 2 is apart.
  const std::vector<std::int8_t> boxes{0, 0, 4, 2, 1, 0, 5, 2, 50, 50, 60, 60}, scores{100, 90, 80};
  const QuantizationSpec unit{.scales = {1.0f / 256}, .zero_points = {-128}};
  for (const auto& [threshold, taken] : {std::pair{153 - 128, 2}, {154 - 128, 3}}) {
    SingleOp<tfl::NonMaxSuppressionV4> op;
    op.input<std::int8_t>({3, 4}, boxes, {.scales = {0.1f}, .zero_points = {0}});
    op.input<std::int8_t>({3}, scores, unit);
    op.constant<std::int32_t>({}, {3});
    op.constant<std::int8_t>({}, {static_cast<std::int8_t>(threshold)}, unit);
    op.constant<std::int8_t>({}, {0}, unit);
    op.output<std::int32_t>();
    op.output<std::int32_t>();
    ASSERT_EQ(op.run(), "");
    EXPECT_EQ(op.values<std::int32_t>(1)[0], taken);
    EXPECT_EQ(op.values<std::int32_t>(0), taken == 3 ? (std::vector<std::int32_t>{0, 1, 2}) : (std::vector<std::int32_t>{0, 2, 0}));
  }
}

TEST(NonMaxSuppression, Int16BoxesOfAnySizeDoNotOverflow) {
  constexpr std::int16_t least = -32768, most = 32767;
  const QuantizationSpec unit{.scales = {1.0f / 32768}, .zero_points = {0}};
  SingleOp<tfl::NonMaxSuppressionV5> op;
  op.input<std::int16_t>({2, 4}, {least, least, most, most, most, most, least, least}, {.scales = {1.0f}, .zero_points = {0}});
  op.input<std::int16_t>({2}, {300, 200}, unit);
  op.constant<std::int32_t>({}, {2});
  op.constant<std::int16_t>({}, {16384}, unit);
  op.constant<std::int16_t>({}, {100}, unit);
  op.constant<std::int16_t>({}, {16384}, unit);
  op.output<std::int32_t>();
  op.output<std::int16_t>(unit);
  op.output<std::int32_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int32_t>(2)[0], 1);
  EXPECT_EQ(op.values<std::int16_t>(1), (std::vector<std::int16_t>{300, 0}));
}

TEST(NonMaxSuppression, RefusesNegativeCountsAndSigmas) {
  const auto error = [](std::int32_t most, float sigma) {
    SingleOp<tfl::NonMaxSuppressionV5> op;
    op.input<float>({1, 4}, {0, 0, 1, 1});
    op.input<float>({1}, {1});
    op.input<std::int32_t>({}, {most});
    for (const float f : {0.5f, 0.0f, sigma}) op.input<float>({}, {f});
    op.output<std::int32_t>();
    op.output<float>();
    op.output<std::int32_t>();
    return op.run();
  };
  EXPECT_EQ(error(1, 0), "");
  EXPECT_NE(error(-1, 0).find("asks for -1 boxes"), std::string::npos);
  EXPECT_NE(error(1, -1).find("must not be negative"), std::string::npos);
  EXPECT_NE(error(1, std::nanf("")).find("must not be negative"), std::string::npos);
}

template <class Index>
std::string sparse(const std::vector<Index>& indices, std::vector<std::int32_t> index_shape, const std::vector<Index>& shape,
                   const std::vector<float>& values, std::vector<float>& out, bool known = true) {
  SingleOp<tfl::SparseToDense> op;
  op.input<Index>(index_shape, indices);
  const auto rank = static_cast<std::int32_t>(shape.size());
  if (known) {
    op.constant<Index>({rank}, shape);
  } else {
    op.input<Index>({rank}, shape);
  }
  if (values.size() == 1) {
    op.input<float>({}, values);
  } else {
    op.input<float>({static_cast<std::int32_t>(values.size())}, values);
  }
  op.constant<float>({}, {-1});
  op.output<float>();
  const std::string error = op.run();
  out = op.values<float>();
  return error;
}

TEST(SparseToDense, FillsAndThenSets) {
  std::vector<float> out;
  ASSERT_EQ(sparse<std::int32_t>({0, 1, 1, 2, 0, 1}, {3, 2}, {2, 3}, {1, 2, 3}, out), "");
  EXPECT_EQ(out, (std::vector<float>{-1, 3, -1, -1, -1, 2}));  // of two values for one place the last one
  ASSERT_EQ(sparse<std::int64_t>({3, 1}, {2}, {5}, {7}, out, false), "");
  EXPECT_EQ(out, (std::vector<float>{-1, 7, -1, 7, -1}));
  ASSERT_EQ(sparse<std::int32_t>({2}, {}, {3}, {4}, out), "");
  EXPECT_EQ(out, (std::vector<float>{-1, -1, 4}));
  ASSERT_EQ(sparse<std::int64_t>({}, {0}, {2}, {4}, out), "");
  EXPECT_EQ(out, (std::vector<float>{-1, -1}));
}

TEST(SparseToDense, RefusesIndicesOutsideAndShapesThatDoNotFit) {
  std::vector<float> out;
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(sparse<std::int32_t>({5}, {1}, {5}, {1}, out), "element 0 is 5, but must be from 0 to 4"));
  EXPECT_TRUE(has(sparse<std::int64_t>({-1}, {1}, {5}, {1}, out), "element 0 is -1"));
  EXPECT_TRUE(has(sparse<std::int64_t>({1}, {1}, {std::int64_t{1} << 40}, {1}, out), "asks for 1099511627776 elements in dimension 0"));
  EXPECT_TRUE(has(sparse<std::int32_t>({1}, {1}, {-2}, {1}, out, false), "asks for -2 elements"));
  EXPECT_TRUE(has(sparse<std::int32_t>({1, 1}, {2}, {5}, {1, 2, 3}, out), "one element for each of the 2 indices"));
  EXPECT_TRUE(has(sparse<std::int32_t>({1, 1}, {1, 2}, {5}, {1}, out), "must have 1 coordinates"));
  EXPECT_TRUE(has(sparse<std::int32_t>({0, 0}, {1, 2}, {1 << 20, 1 << 20}, {1}, out), "more than 2^31 - 1 elements"));
}

}  // namespace
