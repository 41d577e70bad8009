// labels: threads
// archs: last
// Chains of convolutions that run band by band give the same bytes as whole tensors do, in less memory.

#include "tfl/runtime/row_bands.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/thread_pool.hpp"

namespace {

namespace schema = tfl::schema;
using schema::ActivationFunctionType;
using schema::Padding;
using tfl::BuiltinOperator;
using tfl::WindowAxis;
using Interpreter = tfl::Interpreter<tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::Add>, tfl::NoDelegates, tfl::ThreadPool>;
using Dims = std::vector<std::int32_t>;

/// A chain of float images, one after the other.
class Images {
 public:
  explicit Images(Dims shape) : shape_(std::move(shape)) { last_ = first_ = tensor(); }
  tfl::ModelBuilder b;

  Images& pointwise(std::int32_t channels, ActivationFunctionType activation = ActivationFunctionType::RELU6) {
    const int w = random({channels, 1, 1, shape_[3]}), bias = random({channels});
    shape_[3] = channels;
    return add(BuiltinOperator::CONV_2D, {last_, w, bias},
               [&](auto& t) { return schema::CreateConv2DOptions(t, Padding::SAME, 1, 1, activation, 1, 1); });
  }
  Images& depthwise(std::int32_t filter, std::int32_t stride, Padding padding = Padding::SAME, std::int32_t dilation = 1,
                    std::int32_t multiplier = 1) {
    const std::int32_t channels = shape_[3] * multiplier;
    const int w = random({1, filter, filter, channels}), bias = random({channels});
    for (int axis = 1; axis < 3; ++axis) {
      const auto p = padding == Padding::SAME ? tfl::Padding::same : tfl::Padding::valid;
      shape_[static_cast<std::size_t>(axis)] =
          static_cast<std::int32_t>(tfl::output_extent(p, shape_[static_cast<std::size_t>(axis)], filter, stride, dilation));
    }
    shape_[3] = channels;
    return add(BuiltinOperator::DEPTHWISE_CONV_2D, {last_, w, bias}, [&](auto& t) {
      return schema::CreateDepthwiseConv2DOptions(t, padding, stride, stride, multiplier, ActivationFunctionType::NONE, dilation, dilation);
    });
  }
  /// The sum of this image and an earlier one.
  Images& plus(int earlier) {
    return add(BuiltinOperator::ADD, {last_, earlier},
               [&](auto& t) { return schema::CreateAddOptions(t, ActivationFunctionType::NONE, false); });
  }
  int last() const { return last_; }

  tfl::Model model(std::vector<std::int32_t> also = {}) {
    also.insert(also.begin(), last_);
    b.set_inputs({first_});
    b.set_outputs(also);
    const auto file = b.finish();
    auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
    EXPECT_TRUE(model) << model.message();
    return std::move(*model);
  }

 private:
  int tensor() { return b.add_tensor({.name = "t" + std::to_string(count_++), .type = tfl::TensorType::float32, .shape = shape_}); }
  int random(Dims shape) {
    std::int32_t count = 1;
    for (const std::int32_t d : shape) count *= d;
    std::vector<float> values;
    for (std::int32_t i = 0; i < count; ++i) values.push_back(std::uniform_real_distribution<float>(-1, 1)(random_));
    return b.add_constant({.name = "c" + std::to_string(count_++), .shape = std::move(shape)}, values);
  }
  template <class Options> Images& add(BuiltinOperator code, std::vector<std::int32_t> inputs, Options options) {
    last_ = tensor();
    b.add_operator(code, std::move(inputs), {last_}, options);
    return *this;
  }

  Dims shape_;
  int first_ = 0, last_ = 0, count_ = 0;
  std::mt19937 random_{1};
};

struct Outcome {
  std::vector<std::vector<float>> outputs;
  std::size_t arena = 0;
  int in_chains = 0;  // nodes
};

Outcome run(const tfl::Model& model, bool fuse, int threads, const Dims& resized = {}) {
  Outcome outcome;
  auto made = Interpreter::create(model, {.preserve_inputs = true, .fuse = fuse}, tfl::ThreadPool(threads));
  EXPECT_TRUE(made) << made.message();
  if (!made) return outcome;
  if (!resized.empty()) {
    EXPECT_TRUE(made->resize_input(0, resized));
    EXPECT_TRUE(made->allocate());
  }
  outcome.arena = made->arena_bytes();
  for (std::size_t i = 0; i < model.subgraphs()[0].nodes.size(); ++i) outcome.in_chains += made->subgraph().node(i).chain.last >= 0 ? 1 : 0;
  auto input = made->input<float>(0);
  std::mt19937 random(7);
  for (float& x : *input) x = std::uniform_real_distribution<float>(-2, 2)(random);
  for (int repeat = 0; repeat < 2; ++repeat) {  // the second time with what the first one left in the buffers
    const auto ran = made->invoke();
    EXPECT_TRUE(ran) << ran.message();
  }
  for (int i = 0; i < made->output_count(); ++i) {
    auto output = made->output<float>(i);
    outcome.outputs.emplace_back(output->begin(), output->end());
  }
  return outcome;
}

void expect_same(const Outcome& got, const Outcome& want) {
  ASSERT_EQ(got.outputs.size(), want.outputs.size());
  for (std::size_t i = 0; i < got.outputs.size(); ++i) {
    ASSERT_EQ(got.outputs[i].size(), want.outputs[i].size());
    ASSERT_EQ(std::memcmp(got.outputs[i].data(), want.outputs[i].data(), 4 * want.outputs[i].size()), 0) << "output " << i;
  }
}

/// Whether there are bands at all.
constexpr bool vectors = tfl::detail::runs_in_bands<tfl::simd::NativeArch>;

/// Runs whole and in bands; `nodes` of it must be in chains. `smaller`: with the usual kernels, and in a smaller arena.
void expect_bands(Images& images, int nodes, bool smaller = true) {
  const tfl::Model model = images.model();
  const Outcome whole = run(model, false, 1);
  EXPECT_EQ(whole.in_chains, 0);
  for (const int threads : {1, 3}) {
    SCOPED_TRACE(threads);
    const Outcome bands = run(model, true, threads);
    if (threads == 1 || smaller) {
      EXPECT_EQ(bands.in_chains, vectors ? nodes : 0);
    }
    if (vectors && smaller && threads == 1) {
      EXPECT_LT(3 * bands.arena, 2 * whole.arena);
    }
    expect_same(bands, whole);
  }
}

TEST(RowBands, InvertedBottleneck) {
  for (const std::int32_t stride : {1, 2}) {
    SCOPED_TRACE(stride);
    Images images({1, 56, 57, 16});
    images.pointwise(80).depthwise(3, stride).pointwise(8, ActivationFunctionType::NONE);
    expect_bands(images, stride == 1 ? 3 : 2);  // behind a stride of two what is left fits the cache
  }
}

TEST(RowBands, WindowsOfAllKinds) {
  struct Window {
    std::int32_t filter, stride, dilation, multiplier;
    Padding padding;
  };
  for (const Window& w : {Window{3, 1, 1, 1, Padding::VALID}, Window{5, 1, 1, 1, Padding::SAME}, Window{5, 2, 1, 1, Padding::VALID},
                          Window{3, 1, 2, 1, Padding::SAME}, Window{4, 3, 1, 1, Padding::SAME}, Window{2, 2, 1, 2, Padding::SAME},
                          Window{7, 1, 3, 1, Padding::SAME}, Window{1, 1, 1, 1, Padding::SAME}}) {
    SCOPED_TRACE(std::to_string(w.filter) + " by " + std::to_string(w.stride) + ", dilation " + std::to_string(w.dilation));
    for (const std::int32_t channels : {40, 3}) {  // vectors, and less than one
      Images images({1, channels == 3 ? 260 : 66, channels == 3 ? 257 : 67, 4});
      images.pointwise(channels).depthwise(w.filter, w.stride, w.padding, w.dilation, w.multiplier);
      expect_bands(images, 2, false);
    }
  }
}

TEST(RowBands, LongChainsAreCutWhereTheirBufferWouldNotFit) {
  Images images({1, 112, 64, 8});
  for (int i = 0; i < 6; ++i) images.pointwise(32 + 4 * i).depthwise(3, 1);
  const tfl::Model model = images.model();
  const Outcome whole = run(model, false, 1), bands = run(model, true, 2);
  if (vectors) {
    EXPECT_GT(bands.in_chains, 8);
  }
  expect_same(bands, whole);
}

TEST(RowBands, NotWhereOthersSeeWhatLiesBetween) {
  Images images({1, 64, 64, 8});
  images.pointwise(40);
  const int between = images.last();
  images.depthwise(3, 1);
  const tfl::Model seen = images.model({between});
  EXPECT_EQ(run(seen, true, 1).in_chains, 0);

  Images sum({1, 64, 64, 8});
  sum.pointwise(40);
  const int earlier = sum.last();
  sum.depthwise(3, 1).plus(earlier);
  EXPECT_EQ(run(sum.model(), true, 1).in_chains, 0);
}

TEST(RowBands, NotOfSmallTensorsAndSeveralImages) {
  Images small({1, 16, 16, 8});
  small.pointwise(40).depthwise(3, 1);
  EXPECT_EQ(run(small.model(), true, 1).in_chains, 0);

  Images several({2, 64, 64, 8});
  several.pointwise(40).depthwise(3, 1);
  const tfl::Model model = several.model();
  const Outcome bands = run(model, true, 1);
  EXPECT_EQ(bands.in_chains, 0);
  expect_same(bands, run(model, false, 1));
}

TEST(RowBands, AfterResizing) {
  Images images({1, 8, 8, 8});
  images.pointwise(40).depthwise(3, 2).pointwise(24);
  const tfl::Model model = images.model();
  for (const std::int32_t size : {64, 9, 101}) {
    SCOPED_TRACE(size);
    const Dims shape{1, size, size, 8};
    const Outcome bands = run(model, true, 1, shape);
    EXPECT_EQ(bands.in_chains, vectors && size > 9 ? 2 : 0);
    expect_same(bands, run(model, false, 1, shape));
  }
}

// Whatever the windows are: every row is made once and in order, and the rows that a band reads are there.
TEST(RowBands, ProgressKeepsWhatIsRead) {
  std::mt19937 random(3);
  const auto draw = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  for (int round = 0; round < 500; ++round) {
    tfl::detail::ChainProgress progress;
    std::int64_t height = draw(1, 60);
    const int count = draw(2, tfl::detail::most_chain_nodes);
    while (progress.count < count) {
      WindowAxis axis;
      const int filter = draw(1, 5), dilation = draw(1, 3);
      const auto extent = static_cast<int>(tfl::effective_extent(filter, dilation));
      const auto padding = draw(0, 1) == 0 && extent <= height ? tfl::Padding::valid : tfl::Padding::same;
      ASSERT_FALSE(tfl::make_window_axis(axis, padding, height, filter, draw(1, extent), dilation));
      progress.axis[progress.count++] = axis;
      height = axis.output;
    }
    const int rows = draw(1, 9), parts = draw(1, 3), part = draw(0, parts - 1);
    progress.start_part(part, parts);
    std::vector<std::int64_t> next(progress.made, progress.made + count);
    while (!progress.finished()) {
      progress.advance(
          rows,
          [&](int k, std::int64_t from, std::int64_t to) {
            EXPECT_LE(from, to);
            EXPECT_LE(to, progress.made[k]);
          },
          [&](int k, std::int64_t first, std::int64_t last) {
            EXPECT_EQ(first, next[static_cast<std::size_t>(k)]);
            EXPECT_LT(first, last);
            next[static_cast<std::size_t>(k)] = last;
            if (k == 0) return;
            const WindowAxis& axis = progress.axis[k];
            for (std::int64_t y = first; y < last; ++y) {
              for (std::int64_t tap = 0; tap < axis.filter; ++tap) {
                const std::int64_t row = axis.origin(y) + tap * axis.dilation;
                if (row < 0 || row >= axis.input) continue;
                EXPECT_GE(row, progress.kept[k - 1]);
                EXPECT_LT(row, progress.made[k - 1]);
              }
            }
          });
    }
    EXPECT_EQ(next.back(), progress.axis[count - 1].output * (part + 1) / parts);
  }
}

}  // namespace
