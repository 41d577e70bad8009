// sources: support/all_ops.cpp ../examples/02_classify_image/picture.cpp
// archs: none
// Real models see in real pictures what TensorFlow Lite sees in them, within 0.03.

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "examples/02_classify_image/picture.hpp"
#include "support/all_ops.hpp"
#include "tfl/support/image.hpp"
#include "tfl/support/labels.hpp"

namespace {

namespace fs = std::filesystem;
using tfl::test::AnyInterpreter;

const fs::path models = fs::path(TFL_TEST_DATA) / "models";

struct Seen {
  std::vector<std::byte> bytes;
  tfl::TensorDescription description;
  tfl::Model model;  // the description points into it
};

/// Output 0 for a picture. `as_is`: pixels go into an int8 input bit by bit, without 128 being taken off.
Seen look(const std::string& model_path, const std::string& picture_name, bool as_is = false) {
  Seen seen;
  auto model = tfl::Model::from_file((models / model_path).c_str());
  EXPECT_TRUE(model) << model.message();
  if (!model) return seen;
  auto interpreter = AnyInterpreter::create(*model);
  EXPECT_TRUE(interpreter) << interpreter.message();
  const Picture picture((models / "pictures" / picture_name).c_str());
  EXPECT_TRUE(static_cast<bool>(picture)) << picture_name;
  if (!interpreter || !picture) return seen;
  auto input = interpreter->input<std::byte>(0);
  EXPECT_TRUE(input) << input.message();
  const auto filled = tfl::fill_with_image(*input, interpreter->input_description(0), picture.view());
  EXPECT_TRUE(filled) << filled.message();
  if (as_is) {
    for (std::byte& b : *input) b ^= std::byte{0x80};
  }
  EXPECT_TRUE(interpreter->invoke());
  auto output = interpreter->output<std::byte>(0);
  EXPECT_TRUE(output) << output.message();
  seen.bytes.assign(output->begin(), output->end());
  seen.description = interpreter->output_description(0);
  seen.model = *model;
  return seen;
}

class Pictures : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::is_directory(models / "pictures")) GTEST_SKIP() << "no pictures under " << models;
  }
  static void expect_best(const Seen& seen, int label, double probability) {
    ASSERT_FALSE(seen.bytes.empty());
    tfl::Score best;
    tfl::top_scores(seen.bytes, seen.description, {&best, 1});
    EXPECT_EQ(best.label, label);
    EXPECT_NEAR(static_cast<double>(best.value), probability, 0.03);
  }
  /// ImageNet's label number by its name.
  static int imagenet(const std::string& name) {
    std::ifstream file(models / "pictures/imagenet_labels.txt");
    std::string line;
    for (int i = 0; std::getline(file, line); ++i) {
      if (line.find(name) != std::string::npos) return i;
    }
    return -1;
  }
};

TEST_F(Pictures, MobileNetV2Uint8) {
  const std::string model = "vision/mobilenet_v2_1.0_224_quant.tflite";
  expect_best(look(model, "cat.bmp"), imagenet("Egyptian cat"), 0.813);
  expect_best(look(model, "sunflower.bmp"), imagenet("daisy"), 0.977);
  expect_best(look(model, "grace_hopper.bmp"), imagenet("military uniform"), 0.918);
  expect_best(look(model, "bird.bmp"), imagenet("chickadee"), 0.992);
}

TEST_F(Pictures, MobileNetV2Int8) {
  const std::string model = "vision/tf2_mobilenet_v2_1.0_224_ptq.tflite";
  // This model's labels may lack ImageNet's background class.
  const Seen cat = look(model, "cat.bmp");
  const int shift = 1001 - static_cast<int>(cat.description.shape.last());
  expect_best(cat, imagenet("Egyptian cat") - shift, 0.645);
  expect_best(look(model, "sunflower.bmp"), imagenet("daisy") - shift, 0.902);
  expect_best(look(model, "grace_hopper.bmp"), imagenet("military uniform") - shift, 0.820);
  expect_best(look(model, "bird.bmp"), imagenet("chickadee") - shift, 0.906);
}

TEST_F(Pictures, VisualWakeWordsInt8) {
  expect_best(look("mlperf_tiny/vww_96_int8.tflite", "squat.bmp"), 1, 0.957);
  expect_best(look("mlperf_tiny/vww_96_int8.tflite", "cat.bmp"), 0, 0.965);
}

TEST_F(Pictures, PersonDetect) {
  expect_best(look("micro/person_detect.tflite", "person.bmp", true), 1, 0.941);
  expect_best(look("micro/person_detect.tflite", "no_person.bmp", true), 0, 0.727);
}

TEST_F(Pictures, ResNetInt8) { expect_best(look("mlperf_tiny/pretrainedResnet_quant.tflite", "bird.bmp"), 2, 0.969); }

TEST_F(Pictures, DeepLabFindsTheBird) {
  const Seen seen = look("vision/deeplabv3_mnv2_dm05_pascal_quant.tflite", "bird_segmentation.bmp");
  ASSERT_FALSE(seen.bytes.empty());
  const tfl::Shape& shape = seen.description.shape;
  // Either a class per pixel, or a score per pixel and class.
  std::size_t pixels = 0, birds = 0;
  const std::size_t element = static_cast<std::size_t>(tfl::bits_of(seen.description.type)) / 8;
  if (element > 1) {
    pixels = static_cast<std::size_t>(seen.description.count());
    for (std::size_t i = 0; i < pixels; ++i) {
      std::int64_t label = 0;
      std::memcpy(&label, seen.bytes.data() + i * element, element);
      birds += label == 3;
    }
  } else {
    const auto classes = static_cast<std::size_t>(shape.last());
    pixels = seen.bytes.size() / classes;
    for (std::size_t i = 0; i < pixels; ++i) {
      std::size_t best = 0;
      for (std::size_t c = 1; c < classes; ++c) {
        if (tfl::real_value(seen.bytes, seen.description, i * classes + c) >
            tfl::real_value(seen.bytes, seen.description, i * classes + best))
          best = c;
      }
      birds += best == 3;
    }
  }
  EXPECT_NEAR(static_cast<double>(birds) / static_cast<double>(pixels), 0.1755, 0.03);
}

TEST_F(Pictures, MoveNetFindsTheNose) {
  const Seen seen = look("vision/movenet_single_pose_lightning_ptq.tflite", "squat.bmp");
  ASSERT_GE(seen.bytes.size(), 12u);
  EXPECT_NEAR(static_cast<double>(tfl::real_value(seen.bytes, seen.description, 0)), 0.3359, 0.03);
  EXPECT_NEAR(static_cast<double>(tfl::real_value(seen.bytes, seen.description, 1)), 0.5777, 0.03);
  EXPECT_NEAR(static_cast<double>(tfl::real_value(seen.bytes, seen.description, 2)), 0.4302, 0.03);
}

}  // namespace
