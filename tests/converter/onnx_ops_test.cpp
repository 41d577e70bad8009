// libraries: tfl_converter
// needs: exceptions
// ONNX operators that become several of .tflite's: one node each, beside numbers worked out by hand or by a loop.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/converter/onnx_graph.hpp"

#if defined(TFL_CONVERTER_WITH_ONNX)

namespace tfl::converter {
namespace {

using test::Message;
using Dims = std::vector<std::uint64_t>;
using Floats = std::vector<float>;
using Longs = std::vector<std::int64_t>;

/// One node, whose inputs are named as they are added: a, b, c ...
class OneNode {
 public:
  explicit OneNode(std::string op, std::vector<Message> attributes = {}, std::uint64_t opset = 18)
      : op_(std::move(op)), attributes_(std::move(attributes)), opset_(opset) {}

  OneNode& input(const Dims& dims, const Floats& values) {
    graph_.message(11, test::onnx_value(name(), dims));
    bytes_.push_back(bytes_of(values));
    return *this;
  }
  OneNode& input(const Dims& dims, const Longs& values) {
    graph_.message(11, test::onnx_value(name(), dims, test::onnx_int64));
    bytes_.push_back(bytes_of(values));
    return *this;
  }
  template <class T> OneNode& constant(std::initializer_list<std::uint64_t> dims, const std::vector<T>& values) {
    const auto type = std::is_same_v<T, float> ? test::onnx_float : test::onnx_int64;
    graph_.message(5, test::onnx_tensor<T>(name(), dims, type, values));
    return *this;
  }
  /// What the import refuses; "" where it doesn't.
  std::string refusal() {
    Problems problems;
    const auto model = import_graph(finished(test::onnx_float), problems, opset_);
    return model == nullptr ? problems.text() : std::string();
  }
  template <class T = float> std::vector<T> result(test::OnnxType type = test::onnx_float) {
    Problems problems;
    const auto model = import_graph(finished(type), problems, opset_);
    EXPECT_NE(model, nullptr) << problems.text();
    if (model == nullptr) return {};
    const auto evaluator = Evaluator::make(*model, problems);
    EXPECT_NE(evaluator, nullptr) << problems.text();
    if (evaluator == nullptr) return {};
    EXPECT_EQ(evaluator->run(bytes_), "");
    const Bytes bytes = evaluator->output(0);
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

 private:
  std::string name() {
    names_.emplace_back(1, static_cast<char>('a' + names_.size()));
    return names_.back();
  }
  Message finished(test::OnnxType type) {
    Message whole = graph_;
    return whole.message(1, test::onnx_node(op_, names_, {"y"}, attributes_)).message(12, test::onnx_value("y", {}, type));
  }

  std::string op_;
  std::vector<Message> attributes_;
  std::uint64_t opset_;
  Message graph_;
  std::vector<std::string> names_;
  std::vector<Bytes> bytes_;
};

Message axis(std::int64_t value) { return test::onnx_integer("axis", value); }

TEST(OnnxOps, GatherElements) {
  const Floats x{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(OneNode("GatherElements", {axis(0)}).input({3, 2}, x).constant<std::int64_t>({2, 2}, {2, -3, 0, 1}).result(),
            (Floats{5, 2, 1, 4}));
  EXPECT_EQ(OneNode("GatherElements", {axis(1)}).input({3, 2}, x).input({3, 1}, Longs{1, 0, 1}).result(), (Floats{2, 3, 6}));
  EXPECT_EQ(OneNode("GatherElements", {axis(1)}).input({2, 3}, x).input({1, 3}, Longs{2, 0, 2}).result(), (Floats{3, 1, 3}));
  EXPECT_NE(OneNode("GatherElements").input({3, 2}, x).constant<std::int64_t>({1, 1}, {3}).refusal().find("out of range"),
            std::string::npos);
}

TEST(OnnxOps, ScatterND) {
  const Floats x{1, 2, 3, 4, 5, 6}, zero{0, 20, 0, 40};
  // Zeros are written, too.
  EXPECT_EQ(OneNode("ScatterND").input({3, 2}, x).constant<std::int64_t>({2, 1}, {-1, 0}).input({2, 2}, zero).result(),
            (Floats{0, 40, 3, 4, 0, 20}));
  EXPECT_EQ(OneNode("ScatterND").input({3, 2}, x).input({2, 2}, Longs{0, 1, 2, 0}).input({2}, Floats{7, 8}).result(),
            (Floats{1, 7, 3, 4, 8, 6}));
  EXPECT_EQ(OneNode("ScatterND", {test::onnx_text("reduction", "add")})
                .input({3, 2}, x)
                .input({2, 2}, Longs{0, 1, 0, 1})
                .input({2}, Floats{7, 8})
                .result(),
            (Floats{1, 17, 3, 4, 5, 6}));
  EXPECT_NE(OneNode("ScatterND", {test::onnx_text("reduction", "mul")})
                .input({3}, Floats{1, 2, 3})
                .input({1, 1}, Longs{0})
                .input({1}, Floats{7})
                .refusal()
                .find("the reduction 'mul' has no operator"),
            std::string::npos);
}

TEST(OnnxOps, ScatterElements) {
  const Floats x{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(
      OneNode("ScatterElements", {axis(1)}).input({2, 3}, x).input({2, 2}, Longs{2, 0, 1, 2}).input({2, 2}, Floats{7, 8, 9, 0}).result(),
      (Floats{8, 2, 7, 4, 9, 0}));
  EXPECT_EQ(OneNode("ScatterElements", {axis(0)})
                .input({2, 3}, x)
                .constant<std::int64_t>({1, 3}, {1, -2, -1})
                .input({1, 3}, Floats{7, 8, 9})
                .result(),
            (Floats{1, 8, 3, 7, 5, 9}));
}

TEST(OnnxOps, OneHot) {
  EXPECT_EQ(OneNode("OneHot", {axis(0)}).input({2}, Longs{2, 0}).constant<std::int64_t>({1}, {3}).input({2}, Floats{-1, 5}).result(),
            (Floats{-1, 5, -1, -1, 5, -1}));
  EXPECT_EQ(OneNode("OneHot").constant<std::int64_t>({2}, {-1, 1}).constant<std::int64_t>({}, {3}).input({2}, Floats{0, 1}).result(),
            (Floats{0, 0, 1, 0, 1, 0}));
}

TEST(OnnxOps, NonZero) {
  EXPECT_EQ(OneNode("NonZero").input({2, 3}, Floats{0, 1, 0, -2, 0, 3}).result<std::int64_t>(test::onnx_int64), (Longs{0, 1, 1, 1, 0, 2}));
}

TEST(OnnxOps, Trilu) {
  const Floats x{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(OneNode("Trilu").input({2, 3}, x).result(), (Floats{1, 2, 3, 0, 5, 6}));
  EXPECT_EQ(OneNode("Trilu").input({2, 3}, x).constant<std::int64_t>({}, {1}).result(), (Floats{0, 2, 3, 0, 0, 6}));
  EXPECT_EQ(OneNode("Trilu", {test::onnx_integer("upper", 0)}).input({2, 3}, x).constant<std::int64_t>({}, {-1}).result(),
            (Floats{0, 0, 0, 4, 0, 0}));
  EXPECT_EQ(
      OneNode("Trilu").input({2, 1, 2}, Floats{1, 2, 3, 4}).constant<std::int64_t>({}, {std::numeric_limits<std::int64_t>::max()}).result(),
      (Floats{0, 0, 0, 0}));
}

TEST(OnnxOps, ReverseSequence) {
  EXPECT_EQ(OneNode("ReverseSequence", {test::onnx_integer("batch_axis", 0), test::onnx_integer("time_axis", 1)})
                .input({2, 3}, Floats{1, 2, 3, 4, 5, 6})
                .input({2}, Longs{2, 3})
                .result(),
            (Floats{2, 1, 3, 6, 5, 4}));
}

TEST(OnnxOps, NonMaxSuppression) {
  // Two pairs of boxes that overlap, and one alone.
  const Floats boxes{0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 10, 1, 11, 0, 10.1f, 1, 11.1f, 0, 100, 1, 101},
      scores{.9f, .75f, .6f, .95f, .5f, .3f, .4f, .5f, .6f, .05f};
  const auto taken = [&](std::int64_t most, float least, bool centers) {
    Floats corners = boxes;
    for (std::size_t i = 0; centers && i < corners.size(); i += 4) {
      const float y = corners[i], x = corners[i + 1];
      corners[i] = x + 0.5f;
      corners[i + 1] = y + 0.5f;
      corners[i + 2] = corners[i + 3] = 1;
    }
    return OneNode("NonMaxSuppression", {test::onnx_integer("center_point_box", centers ? 1 : 0)})
        .input({1, 5, 4}, corners)
        .input({1, 2, 5}, scores)
        .constant<std::int64_t>({1}, {most})
        .constant<float>({1}, {0.5f})
        .constant<float>({1}, {least})
        .result<std::int64_t>(test::onnx_int64);
  };
  for (const bool centers : {false, true}) {
    EXPECT_EQ(taken(10, 0.1f, centers), (Longs{0, 0, 3, 0, 0, 0, 0, 0, 4, 0, 1, 3, 0, 1, 1}));
    EXPECT_EQ(taken(2, 0, centers), (Longs{0, 0, 3, 0, 0, 0, 0, 1, 3, 0, 1, 1}));
    EXPECT_EQ(taken(2, 0.92f, centers), (Longs{0, 0, 3}));
    EXPECT_EQ(taken(0, 0, centers), Longs());
  }
}

TEST(OnnxOps, GroupNormalization) {
  Floats x;
  for (int i = 0; i < 2 * 4 * 2 * 3; ++i) x.push_back(static_cast<float>(i * 7 % 11) * 0.25f - 1);
  const Floats scale{1, 2, -1, 0.5f}, bias{0, 1, 2, 3};
  Floats want;
  for (std::size_t n = 0; n < 2; ++n) {
    for (std::size_t c = 0; c < 4; ++c) {
      double mean = 0, variance = 0;
      const std::size_t group = (n * 4 + c / 2 * 2) * 6;
      for (std::size_t i = 0; i < 12; ++i) mean += static_cast<double>(x[group + i]) / 12;
      for (std::size_t i = 0; i < 12; ++i) variance += std::pow(static_cast<double>(x[group + i]) - mean, 2) / 12;
      for (std::size_t i = 0; i < 6; ++i) {
        const double y = (static_cast<double>(x[(n * 4 + c) * 6 + i]) - mean) / std::sqrt(variance + 1e-3);
        want.push_back(static_cast<float>(y * static_cast<double>(scale[c]) + static_cast<double>(bias[c])));
      }
    }
  }
  const std::vector<Message> attributes{test::onnx_integer("num_groups", 2), test::onnx_real("epsilon", 1e-3f)};
  const Floats got =
      OneNode("GroupNormalization", attributes, 21).input({2, 4, 2, 3}, x).constant<float>({4}, scale).constant<float>({4}, bias).result();
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5f);
  // Before opset 21 the groups have them.
  const Floats old =
      OneNode("GroupNormalization", attributes).input({2, 4, 2, 3}, x).constant<float>({2}, {1, 1}).constant<float>({2}, {0, 0}).result();
  for (std::size_t i = 0; i < 6 && !old.empty(); ++i) EXPECT_NEAR(old[i], want[i], 1e-5f);
}

TEST(OnnxOps, RMSNormalization) {
  const Floats got = OneNode("RMSNormalization", {}, 23).input({2, 2}, Floats{3, 4, 0, 2}).constant<float>({2}, {1, 10}).result();
  ASSERT_EQ(got.size(), 4u);
  EXPECT_NEAR(got[0], 3 / std::sqrt(12.5f), 1e-5f);
  EXPECT_NEAR(got[1], 40 / std::sqrt(12.5f), 1e-4f);
  EXPECT_NEAR(got[3], 20 / std::sqrt(2.0f), 1e-4f);
}

TEST(OnnxOps, ReducedLogarithms) {
  const Floats x{1000, 1001, 1, 2};
  const Floats kept = OneNode("ReduceLogSumExp", {test::onnx_integers("axes", {1})}, 13).input({2, 2}, x).result();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_NEAR(kept[0], 1001.31326f, 1e-3f);
  EXPECT_NEAR(kept[1], 2.31326f, 1e-5f);
  const Floats all = OneNode("ReduceLogSum", {test::onnx_integer("keepdims", 0)}, 13).input({2, 2}, Floats{1, 2, 3, 4}).result();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_NEAR(all[0], std::log(10.0f), 1e-6f);
}

/// What onnxruntime makes of a dense layer and a convolution that quantize their input while they run: floats are nearer to the original.
TEST(OnnxOps, ProductsThatQuantizeWhileRunning) {
  const auto layer = [](const char* product, const Dims& dims, const Message& weights, const Message& zeros) {
    Message graph;
    graph.message(1, test::onnx_node("DynamicQuantizeLinear", {"x"}, {"q", "q_scale", "q_zero"}))
        .message(1, test::onnx_node(product, {"q", "w", "q_zero", "w_zero"}, {"sums"}))
        .message(1, test::onnx_node("Cast", {"sums"}, {"floats"}, {test::onnx_integer("to", 1)}))
        .message(1, test::onnx_node("Mul", {"q_scale", "w_scale"}, {"scale"}))
        .message(1, test::onnx_node("Mul", {"floats", "scale"}, {"y"}))
        .message(5, weights)
        .message(5, zeros)
        .message(5, test::onnx_tensor<float>("w_scale", {}, test::onnx_float, {0.5f}))
        .message(11, test::onnx_value("x", dims))
        .message(12, test::onnx_value("y", {}));
    return graph;
  };
  using Bytes8 = std::vector<std::uint8_t>;
  Problems problems;
  const auto dense = import_graph(
      layer("MatMulInteger", {1, 2}, test::onnx_tensor<std::uint8_t>("w", {2, 2}, test::onnx_uint8, Bytes8{130, 120, 128, 140}),
            test::onnx_tensor<std::uint8_t>("w_zero", {2}, test::onnx_uint8, Bytes8{128, 130})),
      problems);
  ASSERT_NE(dense, nullptr) << problems.text();
  EXPECT_EQ(run(*dense, {bytes_of<float>({2, 3})})[0], (Floats{2, 5}));
  const auto conv = import_graph(
      layer("ConvInteger", {1, 1, 1, 3}, test::onnx_tensor<std::uint8_t>("w", {1, 1, 1, 2}, test::onnx_uint8, Bytes8{130, 124}),
            test::onnx_tensor<std::uint8_t>("w_zero", {}, test::onnx_uint8, Bytes8{128})),
      problems);
  ASSERT_NE(conv, nullptr) << problems.text();
  EXPECT_EQ(run(*conv, {bytes_of<float>({1, 2, 3})})[0], (Floats{-3, -4}));
  EXPECT_NE(
      OneNode("MatMulInteger").input({1, 2}, Longs{1, 2}).constant<std::int64_t>({2, 1}, {1, 2}).refusal().find("DynamicQuantizeLinear"),
      std::string::npos);
}

TEST(OnnxOps, OnSingleElements) {
  const Floats x{-2, -0.5f, 0, 0.5f, 2};
  const auto near = [&](const char* op, std::vector<Message> attributes, float (*want)(float)) {
    const Floats got = OneNode(op, std::move(attributes)).input({5}, x).result();
    ASSERT_EQ(got.size(), x.size()) << op;
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(got[i], want(x[i]), 1e-5f) << op << ' ' << x[i];
  };
  near("Celu", {test::onnx_real("alpha", 2)}, [](float v) { return v > 0 ? v : 2 * std::expm1(v / 2); });
  near("ThresholdedRelu", {test::onnx_real("alpha", 0.5f)}, [](float v) { return v > 0.5f ? v : 0.0f; });
  near("Tan", {}, [](float v) { return std::tan(v); });
  near("Atan", {}, [](float v) { return std::atan(v); });
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const Floats odd{1, -infinity, infinity, std::nanf("")};
  using Bools = std::vector<std::uint8_t>;
  EXPECT_EQ(OneNode("IsNaN").input({4}, odd).result<std::uint8_t>(test::onnx_bool), (Bools{0, 0, 0, 1}));
  EXPECT_EQ(OneNode("IsInf").input({4}, odd).result<std::uint8_t>(test::onnx_bool), (Bools{0, 1, 1, 0}));
  EXPECT_EQ(OneNode("IsInf", {test::onnx_integer("detect_positive", 0)}).input({4}, odd).result<std::uint8_t>(test::onnx_bool),
            (Bools{0, 1, 0, 0}));
}

}  // namespace
}  // namespace tfl::converter

#endif
