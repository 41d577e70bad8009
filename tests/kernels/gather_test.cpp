// GATHER and GATHER_ND against plain loops over coordinates; every bad index is found.
// archs: none

#include "tfl/kernels/gather.hpp"

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

std::mt19937 random_engine(21);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

std::size_t count_of(const Dims& dims, std::size_t first, std::size_t last) {
  std::size_t n = 1;
  for (std::size_t i = first; i < last; ++i) n *= static_cast<std::size_t>(dims[i]);
  return n;
}
std::size_t count_of(const Dims& dims) { return count_of(dims, 0, dims.size()); }
Dims random_dims(int rank, int most) {
  Dims dims;
  for (int i = 0; i < rank; ++i) dims.push_back(random_int(1, most));
  return dims;
}
template <class T> std::vector<T> counting(std::size_t n) {
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(i * 7 + 1);
  return values;
}
auto gathering(int axis, int batch_dims) {
  return [=](auto& tables) { return tfl::schema::CreateGatherOptions(tables, axis, batch_dims); };
}

template <class T, class Index> void check_gather() {
  for (int round = 0; round < 40; ++round) {
    const int rank = random_int(1, 4), axis = random_int(0, rank - 1), batch = random_int(0, axis);
    const auto uaxis = static_cast<std::size_t>(axis), ubatch = static_cast<std::size_t>(batch);
    Dims shape = random_dims(rank, 5);
    if (round % 4 == 0) shape.back() = random_int(1, 40);
    Dims picked(shape.begin(), shape.begin() + batch);
    for (int i = random_int(0, 2); i > 0; --i) picked.push_back(random_int(0, 4));
    std::vector<Index> indices(count_of(picked));
    for (Index& i : indices) i = static_cast<Index>(random_int(0, shape[uaxis] - 1));
    const std::vector<T> values = counting<T>(count_of(shape));

    Dims output(shape.begin(), shape.begin() + axis);
    output.insert(output.end(), picked.begin() + batch, picked.end());
    output.insert(output.end(), shape.begin() + axis + 1, shape.end());
    std::vector<T> wanted;
    const std::size_t batches = count_of(shape, 0, ubatch), outer = count_of(shape, ubatch, uaxis),
                      extent = count_of(shape, uaxis, uaxis + 1), inner = count_of(shape, uaxis + 1, shape.size()),
                      picks = count_of(picked, ubatch, picked.size());
    for (std::size_t b = 0; b < batches; ++b) {
      for (std::size_t o = 0; o < outer; ++o) {
        for (std::size_t p = 0; p < picks; ++p) {
          for (std::size_t i = 0; i < inner; ++i) {
            wanted.push_back(values[((b * outer + o) * extent + static_cast<std::size_t>(indices[b * picks + p])) * inner + i]);
          }
        }
      }
    }
    SingleOp<tfl::Gather> op;
    op.input<T>(shape, values);
    op.input<Index>(picked, indices);
    op.output<T>();
    const int negative_batch = batch - static_cast<int>(picked.size());
    op.options(gathering(round % 2 == 0 ? axis : axis - rank, round % 3 == 0 && negative_batch < 0 ? negative_batch : batch));
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(output));
    ASSERT_EQ(op.values<T>(), wanted);
  }
}
TEST(Gather, PicksSlices) {
  check_gather<float, std::int32_t>();
  check_gather<std::int8_t, std::int64_t>();
  check_gather<std::int16_t, std::int16_t>();
  check_gather<std::int64_t, std::int32_t>();
}

template <class T, class Index> void check_gather_nd() {
  for (int round = 0; round < 40; ++round) {
    const int rank = random_int(1, 4), coordinates = random_int(0, rank);
    const Dims shape = random_dims(rank, 6);
    Dims picked = random_dims(random_int(0, 2), 4);
    Dims output = picked;
    output.insert(output.end(), shape.begin() + coordinates, shape.end());
    const std::size_t picks = count_of(picked), inner = count_of(shape, static_cast<std::size_t>(coordinates), shape.size());
    picked.push_back(coordinates);
    const std::vector<T> values = counting<T>(count_of(shape));
    std::vector<Index> indices;
    std::vector<T> wanted;
    for (std::size_t p = 0; p < picks; ++p) {
      std::size_t place = 0;
      for (int c = 0; c < coordinates; ++c) {
        indices.push_back(static_cast<Index>(random_int(0, shape[static_cast<std::size_t>(c)] - 1)));
        place = place * static_cast<std::size_t>(shape[static_cast<std::size_t>(c)]) + static_cast<std::size_t>(indices.back());
      }
      for (std::size_t i = 0; i < inner; ++i) wanted.push_back(values[place * inner + i]);
    }
    SingleOp<tfl::GatherNd> op;
    op.input<T>(shape, values);
    op.input<Index>(picked, indices);
    op.output<T>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(output));
    ASSERT_EQ(op.values<T>(), wanted);
  }
}
TEST(GatherNd, PicksSlices) {
  check_gather_nd<float, std::int32_t>();
  check_gather_nd<std::uint8_t, std::int64_t>();
  check_gather_nd<std::int64_t, std::int16_t>();
}

std::string gather(Dims shape, Dims picked, std::vector<std::int32_t> indices, int axis, int batch_dims) {
  SingleOp<tfl::Gather> op;
  op.input<float>(shape, std::vector<float>(count_of(shape)));
  op.input<std::int32_t>(picked, indices);
  op.output<float>();
  op.options(gathering(axis, batch_dims));
  return op.run();
}
TEST(Gather, SaysWhatIsWrong) {
  EXPECT_THAT(gather({3, 2}, {4}, {0, 2, 3, 9}, 0, 0), HasSubstr("must hold indices from 0 to 2, but element 2 is 3"));
  EXPECT_THAT(gather({3, 2}, {2}, {0, -1}, 0, 0), HasSubstr("element 1 is -1"));
  EXPECT_THAT(gather({3, 2}, {2}, {0, INT32_MIN}, 0, 0), HasSubstr("element 1 is -2147483648"));
  EXPECT_THAT(gather({3, 2}, {1}, {0}, 2, 0), HasSubstr("has axis 2, which an input of 2 dimensions does not have"));
  EXPECT_THAT(gather({3, 2}, {1}, {0}, -3, 0), HasSubstr("has axis -3"));
  EXPECT_THAT(gather({3, 2}, {3}, {0, 0, 0}, 0, 1), HasSubstr("has batch_dims 1"));
  EXPECT_THAT(gather({3, 2}, {2, 1}, {0, 0}, 1, 1), HasSubstr("must have input 0's 3 elements in batch dimension 0, not 2"));
  EXPECT_THAT(gather({}, {1}, {0}, 0, 0), HasSubstr("must have 1 to 8 dimensions"));
  EXPECT_THAT(gather({1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {0}, 0, 0), HasSubstr("an output of 9 dimensions"));
  SingleOp<tfl::Gather> op;
  op.input<float>({2}, {1, 2});
  op.input<float>({1}, {0});
  op.output<float>();
  EXPECT_THAT(op.run(), HasSubstr("must be int16, int32 or int64"));
}

std::string gather_nd(Dims shape, Dims picked, std::vector<std::int64_t> indices) {
  SingleOp<tfl::GatherNd> op;
  op.input<float>(shape, std::vector<float>(count_of(shape)));
  op.input<std::int64_t>(picked, indices);
  op.output<float>();
  return op.run();
}
TEST(GatherNd, SaysWhatIsWrong) {
  EXPECT_THAT(gather_nd({3, 2}, {2, 2}, {0, 1, 0, 2}), HasSubstr("element 3 is 2, but must be from 0 to 1"));
  EXPECT_THAT(gather_nd({3, 2}, {2, 2}, {0, 1, -1, 0}), HasSubstr("element 2 is -1, but must be from 0 to 2"));
  EXPECT_THAT(gather_nd({3, 2}, {1, 1}, {std::int64_t{1} << 40}), HasSubstr("element 0 is 1099511627776"));
  EXPECT_THAT(gather_nd({3, 2}, {1, 3}, {0, 0, 0}),
              HasSubstr("indices of 3 coordinates (its last dimension), but input 0 has 2 dimensions"));
  EXPECT_THAT(gather_nd({3, 2}, {}, {0}), HasSubstr("must have 1 to 8 dimensions"));
}

TEST(Gather, Int4) {
  SingleOp<tfl::Gather> op;
  op.input<tfl::Int4Pair>({2, 3, 3}, tfl::test::packed<tfl::Int4Pair>({0, 1, 2, 3, 4, 5, 6, 7, -8, -1, -2, -3, -4, -5, -6, -7, 1, 2}));
  op.input<std::int32_t>({2, 2}, {2, 0, 1, 1});
  op.output<tfl::Int4Pair>();
  op.options(gathering(1, 1));
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (tfl::Shape{2, 2, 3}));
  EXPECT_EQ(tfl::test::bytes_of(op.values<tfl::Int4Pair>()),
            tfl::test::bytes_of(tfl::test::packed<tfl::Int4Pair>({6, 7, -8, 0, 1, 2, -4, -5, -6, -4, -5, -6})));
  SingleOp<tfl::Gather> bad;
  bad.input<tfl::Int4Pair>({3}, tfl::test::packed<tfl::Int4Pair>({0, 1, 2}));
  bad.input<std::int64_t>({1}, {3});
  bad.output<tfl::Int4Pair>();
  EXPECT_THAT(bad.run(), HasSubstr("indices from 0 to 2"));
}

}  // namespace
