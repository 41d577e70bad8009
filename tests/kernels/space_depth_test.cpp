// SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND against pixel by pixel loops.
// archs: none

#include "tfl/kernels/space_depth.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(22);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

template <class T> struct Image {
  int n, h, w, c;
  std::vector<T> values;
  Image(int n_, int h_, int w_, int c_) : n(n_), h(h_), w(w_), c(c_), values(static_cast<std::size_t>(n_ * h_ * w_ * c_)) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(i * 5 + 1);
  }
  T& at(int b, int y, int x, int k) { return values[static_cast<std::size_t>(((b * h + y) * w + x) * c + k)]; }
  Dims dims() const { return {n, h, w, c}; }
};

template <class T> void check_depth() {
  for (int round = 0; round < 20; ++round) {
    const int block = random_int(1, 4);
    Image<T> space(random_int(1, 2), block * random_int(1, 4), block * random_int(1, 4), random_int(1, 9));
    Image<T> depth(space.n, space.h / block, space.w / block, space.c * block * block);
    for (int b = 0; b < space.n; ++b) {
      for (int y = 0; y < space.h; ++y) {
        for (int x = 0; x < space.w; ++x) {
          for (int k = 0; k < space.c; ++k) {
            depth.at(b, y / block, x / block, (y % block * block + x % block) * space.c + k) = space.at(b, y, x, k);
          }
        }
      }
    }
    SingleOp<tfl::SpaceToDepth> to;
    to.input<T>(space.dims(), space.values);
    to.output<T>();
    to.options([&](auto& tables) { return tfl::schema::CreateSpaceToDepthOptions(tables, block); });
    ASSERT_EQ(to.run(), "");
    ASSERT_EQ(to.shape(), tfl::Shape::from(depth.dims()));
    ASSERT_EQ(to.values<T>(), depth.values);

    SingleOp<tfl::DepthToSpace> back;
    back.input<T>(depth.dims(), depth.values);
    back.output<T>();
    back.options([&](auto& tables) { return tfl::schema::CreateDepthToSpaceOptions(tables, block); });
    ASSERT_EQ(back.run(), "");
    ASSERT_EQ(back.shape(), tfl::Shape::from(space.dims()));
    ASSERT_EQ(back.values<T>(), space.values);
  }
}
TEST(SpaceDepth, ExchangeBlocks) {
  check_depth<std::int8_t>();
  check_depth<float>();
  check_depth<std::int64_t>();
}

template <class T> void check_batch(bool known_late, int rank, int zero_point) {
  const tfl::QuantizationSpec q =
      zero_point != 0 ? tfl::QuantizationSpec{.scales = {0.5f}, .zero_points = {zero_point}} : tfl::QuantizationSpec{};
  for (int round = 0; round < 40; ++round) {
    const int by = random_int(1, 3), bx = rank == 4 ? random_int(1, 3) : 1;
    const int top = random_int(0, 4), left = rank == 4 ? random_int(0, 4) : 0;
    Image<T> image(random_int(1, 3), random_int(1, 7), rank == 4 ? random_int(1, 7) : 1, random_int(1, 5));
    const int bottom = random_int(0, 2) * by + (by - (image.h + top) % by) % by;
    const int right = rank == 4 ? random_int(0, 2) * bx + (bx - (image.w + left) % bx) % bx : 0;
    Image<T> small(image.n * by * bx, (image.h + top + bottom) / by, (image.w + left + right) / bx, image.c);
    for (T& v : small.values) v = static_cast<T>(zero_point);
    for (int b = 0; b < image.n; ++b) {
      for (int y = 0; y < image.h; ++y) {
        for (int x = 0; x < image.w; ++x) {
          for (int k = 0; k < image.c; ++k) {
            small.at(((y + top) % by * bx + (x + left) % bx) * image.n + b, (y + top) / by, (x + left) / bx, k) = image.at(b, y, x, k);
          }
        }
      }
    }
    const auto dims = [&](const Image<T>& i) { return rank == 4 ? i.dims() : Dims{i.n, i.h, i.c}; };
    const std::vector<std::int32_t> block = rank == 4 ? Dims{by, bx} : Dims{by},
                                    margins = rank == 4 ? Dims{top, bottom, left, right} : Dims{top, bottom};
    const auto run = [&](auto op, const Image<T>& from, const Image<T>& to) {
      op.template input<T>(dims(from), from.values, q);
      if (known_late) {
        op.template input<std::int32_t>({rank - 2}, block);
        op.template input<std::int32_t>({rank - 2, 2}, margins);
      } else {
        op.template constant<std::int32_t>({rank - 2}, block);
        op.template constant<std::int32_t>({rank - 2, 2}, margins);
      }
      op.template output<T>(q);
      ASSERT_EQ(op.run(), "");
      ASSERT_EQ(op.shape(), tfl::Shape::from(dims(to)));
      ASSERT_EQ(op.template values<T>(), to.values);
    };
    run(SingleOp<tfl::SpaceToBatchNd>(), image, small);
    run(SingleOp<tfl::BatchToSpaceNd>(), small, image);
  }
}
TEST(SpaceBatch, DealBlocksToBatchesAndBack) {
  check_batch<float>(false, 4, 0);
  check_batch<std::int8_t>(true, 4, -11);
  check_batch<std::uint8_t>(false, 3, 130);
  check_batch<std::int16_t>(false, 3, 0);
}

template <class Op>
std::string run_block(Dims shape, std::vector<std::int32_t> block, Dims margins_shape, std::vector<std::int32_t> margins) {
  std::size_t count = 1;
  for (const auto d : shape) count *= static_cast<std::size_t>(d);
  SingleOp<Op> op;
  op.template input<float>(shape, std::vector<float>(count));
  op.template constant<std::int32_t>({static_cast<std::int32_t>(block.size())}, block);
  op.template constant<std::int32_t>(margins_shape, margins);
  op.template output<float>();
  return op.run();
}
TEST(SpaceBatch, SayWhatIsWrong) {
  using To = tfl::SpaceToBatchNd;
  using Back = tfl::BatchToSpaceNd;
  EXPECT_THAT(run_block<To>({1, 4}, {2}, {1, 2}, {0, 0}), HasSubstr("must have 3 to 4 dimensions"));
  EXPECT_THAT(run_block<To>({1, 4, 4, 1}, {2}, {1, 2}, {0, 0}), HasSubstr("must list the block's size in 2 dimensions"));
  EXPECT_THAT(run_block<To>({1, 4, 4, 1}, {2, 2}, {1, 2}, {0, 0}), HasSubstr("must have the shape [2, 2]"));
  EXPECT_THAT(run_block<To>({1, 4, 4, 1}, {2, 0}, {2, 2}, {0, 0, 0, 0}), HasSubstr("must hold sizes of at least 1; element 1 is 0"));
  EXPECT_THAT(run_block<To>({1, 4, 4, 1}, {2, 2}, {2, 2}, {0, 0, 0, -2}), HasSubstr("must not hold negative numbers; element 3 is -2"));
  EXPECT_THAT(run_block<To>({1, 4, 4, 1}, {2, 2}, {2, 2}, {0, 1, 0, 0}), HasSubstr("has 5 elements with padding in dimension 1"));
  EXPECT_THAT(run_block<To>({1, 1, 0, 1}, {INT32_MAX, INT32_MAX}, {2, 2}, {0, INT32_MAX - 1, 0, 0}), HasSubstr("over 2^31 - 1"));
  EXPECT_THAT(run_block<Back>({6, 1, 1, 1}, {2, 2}, {2, 2}, {0, 0, 0, 0}), HasSubstr("has 6 batches"));
  EXPECT_THAT(run_block<Back>({4, 1, 1, 1}, {2, 2}, {2, 2}, {0, 0, 2, 1}), HasSubstr("leaves -1 elements in dimension 2"));
}

template <class Op, class Make> std::string run_depth(Dims shape, Make make) {
  std::size_t count = 1;
  for (const auto d : shape) count *= static_cast<std::size_t>(d);
  SingleOp<Op> op;
  op.template input<float>(shape, std::vector<float>(count));
  op.template output<float>();
  op.options(make);
  return op.run();
}
TEST(SpaceDepth, SayWhatIsWrong) {
  const auto to = [](int block) { return [block](auto& tables) { return tfl::schema::CreateSpaceToDepthOptions(tables, block); }; };
  const auto back = [](int block) { return [block](auto& tables) { return tfl::schema::CreateDepthToSpaceOptions(tables, block); }; };
  EXPECT_THAT(run_depth<tfl::SpaceToDepth>({4, 4, 1}, to(2)), HasSubstr("must have 4 dimensions, not 3"));
  EXPECT_THAT(run_depth<tfl::SpaceToDepth>({1, 4, 4, 1}, to(0)), HasSubstr("has block_size 0"));
  EXPECT_THAT(run_depth<tfl::SpaceToDepth>({1, 4, 4, 1}, to(3)), HasSubstr("has 4 x 4 pixels, which blocks of 3 do not fill"));
  EXPECT_THAT(run_depth<tfl::SpaceToDepth>({1, 0, 0, 5}, to(INT32_MAX)), HasSubstr("more than 2^31 - 1"));
  EXPECT_THAT(run_depth<tfl::DepthToSpace>({1, 1, 1, 4}, back(-2)), HasSubstr("has block_size -2"));
  EXPECT_THAT(run_depth<tfl::DepthToSpace>({1, 1, 1, 6}, back(2)), HasSubstr("has 6 channels"));
  EXPECT_THAT(run_depth<tfl::DepthToSpace>({1, 3, 1, 0}, back(INT32_MAX)), HasSubstr("more than 2^31 - 1 in one dimension"));
}

}  // namespace
