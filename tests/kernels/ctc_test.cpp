// CTCBeamSearchDecoder against the sum over all alignments, with a beam that is wide enough for every sequence.
// archs: none

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/ctc_beam_search.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tfl::test::SingleOp;
using Ints = std::vector<std::int32_t>;
using Floats = std::vector<float>;

/// Sequences and the logarithms of their probabilities, the likeliest first.
std::vector<std::pair<double, Ints>> all_sequences(const Floats& logits, int length, int batches, int batch, int classes) {
  std::map<Ints, double> sum;
  std::int64_t alignments = 1;
  for (int t = 0; t < length; ++t) alignments *= classes;
  for (std::int64_t alignment = 0; alignment < alignments; ++alignment) {
    Ints sequence;
    double probability = 1;
    std::int64_t rest = alignment;
    int before = -1;
    for (int t = 0; t < length; ++t, rest /= classes) {
      const int c = static_cast<int>(rest % classes);
      const auto at = [&](int k) { return std::exp(double{logits[static_cast<std::size_t>((t * batches + batch) * classes + k)]}); };
      double all = 0;
      for (int k = 0; k < classes; ++k) all += at(k);
      probability *= at(c) / all;
      if (c != before && c != classes - 1) sequence.push_back(c);
      before = c;
    }
    sum[sequence] += probability;
  }
  std::vector<std::pair<double, Ints>> result;
  for (const auto& [sequence, probability] : sum) result.emplace_back(std::log(probability), sequence);
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  return result;
}

struct Decoder : SingleOp<tfl::CtcBeamSearchDecoder> {
  Decoder(Ints shape, Floats logits, Ints lengths, int width, int paths, bool merges = false) {
    input<float>(shape, logits);
    input<std::int32_t>({static_cast<std::int32_t>(lengths.size())}, lengths);
    for (int k = 0; k < 3 * paths; ++k) output<std::int32_t>();
    output<float>();
    flexbuffers::Builder builder;
    builder.Map([&] {
      builder.Int("beam_width", width);
      builder.Bool("merge_repeated", merges);
      builder.Int("top_paths", paths);
    });
    builder.Finish();
    custom_options(builder.GetBuffer());
  }
};

TEST(CtcBeamSearchDecoder, AWideBeamFindsTheLikeliestSequences) {
  std::mt19937 random(3);
  for (int round = 0; round < 12; ++round) {
    const int steps = 2 + round % 4, batches = 1 + round % 3, classes = 2 + round % 3, paths = 2;
    Floats logits(static_cast<std::size_t>(steps * batches * classes));
    for (float& x : logits) x = std::uniform_real_distribution<float>(-2, 2)(random);
    Ints lengths;
    for (int b = 0; b < batches; ++b) lengths.push_back(std::max(1, steps - b));
    Decoder op({steps, batches, classes}, logits, lengths, 400, paths);
    ASSERT_EQ(op.run(), "");
    for (int again = 0; again < 2; ++again) {
      for (int k = 0; k < paths; ++k) {
        Ints indices, labels;
        std::int32_t most = 0;
        for (int b = 0; b < batches; ++b) {
          const auto [probability, sequence] =
              all_sequences(logits, lengths[static_cast<std::size_t>(b)], batches, b, classes)[static_cast<std::size_t>(k)];
          for (std::size_t i = 0; i < sequence.size(); ++i) {
            indices.push_back(b);
            indices.push_back(static_cast<std::int32_t>(i));
            labels.push_back(sequence[i]);
          }
          most = std::max(most, static_cast<std::int32_t>(sequence.size()));
          EXPECT_NEAR(op.values<float>(3 * paths)[static_cast<std::size_t>(b * paths + k)], probability, 1e-4);
        }
        EXPECT_EQ(op.values<std::int32_t>(k), indices);
        EXPECT_EQ(op.values<std::int32_t>(paths + k), labels);
        EXPECT_THAT(op.values<std::int32_t>(2 * paths + k), ElementsAre(batches, most));
      }
      ASSERT_EQ(op.invoke_again(), "");
    }
  }
}

TEST(CtcBeamSearchDecoder, ANarrowBeamAndValuesThatAreNoNumbersStayInTheirSlots) {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    const int steps = 12, classes = 6;
    Floats logits(static_cast<std::size_t>(steps * classes));
    for (float& x : logits) {
      x = std::uniform_real_distribution<float>(-2, 2)(random);
      if (round % 2 == 1 && random() % 40 == 0)
        x = random() % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
    }
    Decoder op({steps, 1, classes}, logits, {steps}, 1 + round % 5, 1);
    ASSERT_EQ(op.run(), "");
    for (const std::int32_t label : op.values<std::int32_t>(1)) EXPECT_TRUE(label >= 0 && label < classes - 1);
  }
}

TEST(CtcBeamSearchDecoder, MergesEqualNeighboursAndChecksLengths) {
  const float x = 20;
  const Floats logits = {x, 0, 0, x, x, 0};  // 0, blank, 0
  Decoder apart({3, 1, 2}, logits, {3}, 4, 1), merged({3, 1, 2}, logits, {3}, 4, 1, true);
  ASSERT_EQ(apart.run(), "");
  EXPECT_THAT(apart.values<std::int32_t>(1), ElementsAre(0, 0));
  ASSERT_EQ(merged.run(), "");
  EXPECT_THAT(merged.values<std::int32_t>(1), ElementsAre(0));
  EXPECT_THAT(Decoder({3, 1, 2}, logits, {4}, 4, 1).run(), HasSubstr("at most 3"));
  EXPECT_THAT(Decoder({3, 1, 2}, logits, {0}, 4, 2).run(), HasSubstr("fewer than"));
  EXPECT_THAT(Decoder({3, 1, 2}, logits, {3}, 1, 2).run(), HasSubstr("top_paths"));
}

}  // namespace
