// TFLite_Detection_PostProcess against a plain non-maximum suppression, its order of equals, and its errors.
// archs: none

#include "tfl/kernels/detection_postprocess.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;

/// A FlexBuffers map of 32-bit integers and floats.
struct Options {
  std::map<std::string, std::int32_t> integers{{"max_detections", 3}, {"max_classes_per_detection", 1}, {"num_classes", 2}};
  std::map<std::string, float> reals{
      {"nms_score_threshold", 0.1f}, {"nms_iou_threshold", 0.5f}, {"y_scale", 10}, {"x_scale", 10}, {"h_scale", 5}, {"w_scale", 5}};

  std::vector<std::uint8_t> bytes() const {
    std::map<std::string, std::pair<std::uint32_t, std::uint8_t>> all;
    for (const auto& [key, value] : integers) all[key] = {static_cast<std::uint32_t>(value), std::uint8_t{1 << 2 | 2}};
    for (const auto& [key, value] : reals) all[key] = {std::bit_cast<std::uint32_t>(value), std::uint8_t{3 << 2 | 2}};
    std::vector<std::uint8_t> out;
    const auto put = [&](std::uint32_t v) {
      for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    };
    std::vector<std::uint32_t> keys;
    for (const auto& entry : all) {
      keys.push_back(static_cast<std::uint32_t>(out.size()));
      out.insert(out.end(), entry.first.begin(), entry.first.end());
      out.push_back(0);
    }
    const auto count = static_cast<std::uint32_t>(all.size());
    put(count);
    const auto first_key = static_cast<std::uint32_t>(out.size());
    for (const std::uint32_t key : keys) put(static_cast<std::uint32_t>(out.size()) - key);
    put(static_cast<std::uint32_t>(out.size()) - first_key);
    put(4);
    put(count);
    const auto first_value = static_cast<std::uint32_t>(out.size());
    for (const auto& entry : all) put(entry.second.first);
    for (const auto& entry : all) out.push_back(entry.second.second);
    put(static_cast<std::uint32_t>(out.size()) - first_value);
    out.push_back(9 << 2 | 2);
    out.push_back(4);
    return out;
  }
};

struct Scene {
  int boxes = 0, columns = 3;
  std::vector<float> encodings, scores, anchors;
};

Scene random_scene(std::mt19937& engine, int boxes, int classes, bool background, bool coarse) {
  Scene s;
  s.boxes = boxes;
  s.columns = classes + (background ? 1 : 0);
  std::uniform_real_distribution<float> any(-1, 1), place(0, 1);
  for (int i = 0; i < boxes * 4; ++i) s.encodings.push_back(any(engine));
  for (int i = 0; i < boxes * s.columns; ++i) s.scores.push_back(coarse ? std::round(place(engine) * 4) / 4 : place(engine));
  for (int i = 0; i < boxes; ++i) {
    for (const float v : {place(engine), place(engine), 0.2f + place(engine) / 2, 0.2f + place(engine) / 2}) s.anchors.push_back(v);
  }
  return s;
}

struct Found {
  int box, label;
  float score;
  bool operator==(const Found&) const = default;
};

using Corners = std::array<float, 4>;
Corners decode(const Scene& s, int box) {
  const float *e = &s.encodings[static_cast<std::size_t>(4 * box)], *a = &s.anchors[static_cast<std::size_t>(4 * box)];
  const auto y = static_cast<float>(double{e[0]} / 10 * double{a[2]} + double{a[0]}),
             x = static_cast<float>(double{e[1]} / 10 * double{a[3]} + double{a[1]});
  const auto h = static_cast<float>(0.5 * std::exp(double{e[2]} / 5) * double{a[2]}),
             w = static_cast<float>(0.5 * std::exp(double{e[3]} / 5) * double{a[3]});
  return {y - h, x - w, y + h, x + w};
}
float overlap(const Corners& a, const Corners& b) {
  const auto area = [](const Corners& c) { return (c[2] - c[0]) * (c[3] - c[1]); };
  const float h = std::max(0.0f, std::min(a[2], b[2]) - std::max(a[0], b[0])),
              w = std::max(0.0f, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  return h * w / (area(a) + area(b) - h * w);
}
/// Sorts all candidates, then strikes out what a better one covers.
std::vector<Found> suppress(const Scene& s, std::vector<Found> candidates, std::size_t limit) {
  std::erase_if(candidates, [](const Found& f) { return f.score < 0.1f; });
  std::stable_sort(candidates.begin(), candidates.end(), [](const Found& a, const Found& b) { return a.score > b.score; });
  std::vector<Found> kept;
  for (const Found& c : candidates) {
    const bool covered =
        std::any_of(kept.begin(), kept.end(), [&](const Found& k) { return overlap(decode(s, k.box), decode(s, c.box)) > 0.5f; });
    if (!covered && kept.size() < limit) kept.push_back(c);
  }
  return kept;
}

std::string run(SingleOp<tfl::DetectionPostprocess>& op, const Scene& s, const Options& options) {
  op.input<float>({1, s.boxes, 4}, s.encodings);
  op.input<float>({1, s.boxes, s.columns}, s.scores);
  op.constant<float>({s.boxes, 4}, s.anchors);
  for (int i = 0; i < 4; ++i) op.output<float>();
  op.custom_options(options.bytes());
  return op.run();
}

void expect_found(SingleOp<tfl::DetectionPostprocess>& op, const Scene& s, const std::vector<Found>& wanted, std::size_t stride) {
  const auto boxes = op.values<float>(0), classes = op.values<float>(1), scores = op.values<float>(2);
  ASSERT_LE(wanted.size() * 1, scores.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Corners corners = decode(s, wanted[i].box);
    for (std::size_t k = 0; k < 4; ++k) ASSERT_FLOAT_EQ(boxes[4 * i + k], corners[k]) << i;
    ASSERT_EQ(classes[i], static_cast<float>(wanted[i].label)) << i;
    ASSERT_EQ(scores[i], wanted[i].score) << i;
  }
  EXPECT_EQ(op.values<float>(3)[0], static_cast<float>(wanted.size() / stride));
  for (std::size_t i = wanted.size(); i < scores.size(); ++i) ASSERT_EQ(scores[i], 0.0f);
}

TEST(DetectionPostprocess, RegularKeepsTheBestOfAllClasses) {
  std::mt19937 engine(3);
  for (int round = 0; round < 60; ++round) {
    const int classes = 1 + round % 5;
    const bool background = round % 2 == 0;
    const Scene s = random_scene(engine, 1 + 3 * round, classes, background, round % 3 == 0);
    Options options;
    options.integers["num_classes"] = classes;
    options.integers["use_regular_nms"] = 1;
    options.integers["max_detections"] = 7;
    options.integers["detections_per_class"] = 4;
    std::vector<Found> all;
    for (int c = 0; c < classes; ++c) {
      std::vector<Found> candidates;
      for (int b = 0; b < s.boxes; ++b)
        candidates.push_back({b, c, s.scores[static_cast<std::size_t>(b * s.columns + c + (background ? 1 : 0))]});
      for (const Found& f : suppress(s, candidates, 4)) all.push_back(f);
    }
    std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) { return a.score > b.score; });
    if (all.size() > 7) all.resize(7);
    SingleOp<tfl::DetectionPostprocess> op;
    ASSERT_EQ(run(op, s, options), "");
    expect_found(op, s, all, 1);
  }
}

TEST(DetectionPostprocess, FastListsTheBestClassesOfEachBox) {
  std::mt19937 engine(4);
  for (int round = 0; round < 60; ++round) {
    const int classes = 2 + round % 40, listed = 1 + round % 2;
    const bool background = round % 4 < 2;
    const Scene s = random_scene(engine, 1 + 2 * round, classes, background, round % 3 == 0);
    Options options;
    options.integers["num_classes"] = classes;
    options.integers["max_classes_per_detection"] = listed;
    options.integers["max_detections"] = 5;
    const auto score = [&](int b, int c) { return s.scores[static_cast<std::size_t>(b * s.columns + c + (background ? 1 : 0))]; };
    const auto ranked = [&](int b) {
      std::vector<int> order;
      for (int c = 0; c < classes; ++c) order.push_back(c);
      std::stable_sort(order.begin(), order.end(), [&](int x, int y) { return score(b, x) > score(b, y); });
      return order;
    };
    std::vector<Found> candidates, wanted;
    for (int b = 0; b < s.boxes; ++b) candidates.push_back({b, 0, score(b, ranked(b)[0])});
    for (const Found& f : suppress(s, candidates, 5)) {
      for (int k = 0; k < listed; ++k) {
        const int label = ranked(f.box)[static_cast<std::size_t>(k)];
        wanted.push_back({f.box, label, score(f.box, label)});
      }
    }
    SingleOp<tfl::DetectionPostprocess> op;
    ASSERT_EQ(run(op, s, options), "");
    expect_found(op, s, wanted, static_cast<std::size_t>(listed));
  }
}

TEST(DetectionPostprocess, ReadsQuantizedInputs) {
  SingleOp<tfl::DetectionPostprocess> op;
  op.input<std::uint8_t>({1, 2, 4}, {128, 128, 128, 128, 128, 128, 128, 128}, {{0.01f}, {128}});
  op.input<std::uint8_t>({1, 2, 3}, {0, 200, 0, 0, 0, 100}, {{0.005f}, {0}});
  op.constant<std::uint8_t>({2, 4}, {50, 50, 100, 100, 150, 150, 20, 20}, {{0.01f}, {0}});
  for (int i = 0; i < 4; ++i) op.output<float>();
  op.custom_options(Options{}.bytes());
  ASSERT_EQ(op.run(), "");
  const auto boxes = op.values<float>(0);
  const float wanted[] = {0, 0, 1, 1, 1.4f, 1.4f, 1.6f, 1.6f};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(boxes[i], wanted[i], 1e-6f);
  EXPECT_EQ(op.values<float>(1), (std::vector<float>{0, 1, 0}));
  EXPECT_NEAR(op.values<float>(2)[0], 1.0f, 1e-6f);
  EXPECT_EQ(op.values<float>(3), std::vector<float>{2});
}

TEST(DetectionPostprocess, SaysWhatIsWrong) {
  std::mt19937 engine(5);
  const Scene s = random_scene(engine, 4, 2, true, false);
  const auto error_of = [&](auto change) {
    Options options;
    Scene scene = s;
    change(options, scene);
    SingleOp<tfl::DetectionPostprocess> op;
    return run(op, scene, options);
  };
  EXPECT_EQ(error_of([](Options&, Scene&) {}), "");
  EXPECT_THAT(error_of([](Options& o, Scene&) { o.integers["max_detections"] = -1; }), HasSubstr("max_detections -1"));
  EXPECT_THAT(error_of([](Options& o, Scene&) { o.integers["max_classes_per_detection"] = 0; }), HasSubstr("max_classes_per_detection 0"));
  EXPECT_THAT(error_of([](Options& o, Scene&) { o.integers["num_classes"] = 5; }), HasSubstr("num_classes = 5"));
  EXPECT_THAT(error_of([](Options& o, Scene&) { o.reals["nms_iou_threshold"] = 0; }), HasSubstr("nms_iou_threshold"));
  EXPECT_THAT(error_of([](Options& o, Scene&) { o.reals["y_scale"] = 0; }), HasSubstr("y_scale"));
  EXPECT_THAT(error_of([](Options& o, Scene&) { o.integers["max_detections"] = 2000000000; }), HasSubstr("too many"));
  EXPECT_THAT(error_of([](Options&, Scene& c) { c.anchors[2] = -1; }), HasSubstr("negative height or width"));
  EXPECT_THAT(error_of([](Options& o, Scene&) {
                o.integers["use_regular_nms"] = 1;
                o.integers["detections_per_class"] = 0;
              }),
              HasSubstr("detections_per_class 0"));
}

}  // namespace
