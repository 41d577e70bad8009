// Ops that move elements, against plain loops over coordinates: REVERSE_V2, REVERSE_SEQUENCE, MATRIX_DIAG, MATRIX_SET_DIAG,
// DYNAMIC_UPDATE_SLICE, DILATE, STABLEHLO_PAD, SCATTER_ND, FILL, ZEROS_LIKE, ONE_HOT, BITCAST, TOPK_V2.
// archs: none

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/bitcast.hpp"
#include "tfl/kernels/diagonal.hpp"
#include "tfl/kernels/dynamic_update_slice.hpp"
#include "tfl/kernels/fill.hpp"
#include "tfl/kernels/reverse.hpp"
#include "tfl/kernels/scatter.hpp"
#include "tfl/kernels/spread.hpp"
#include "tfl/kernels/top_k.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;
using Ints = std::vector<std::int32_t>;

std::mt19937 random_engine(7);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }
Dims random_dims(int rank, int least, int most) {
  Dims dims;
  for (int i = 0; i < rank; ++i) dims.push_back(random_int(least, most));
  return dims;
}
std::size_t count_of(const Dims& dims) {
  return std::accumulate(dims.begin(), dims.end(), std::size_t{1}, [](std::size_t n, int d) { return n * static_cast<std::size_t>(d); });
}
template <class T> std::vector<T> counting(std::size_t n) {
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(i * 7 + 1);
  return values;
}
/// The coordinates of the element with this number.
std::vector<int> coordinates(std::size_t at, const Dims& dims) {
  std::vector<int> result(dims.size());
  for (std::size_t i = dims.size(); i-- > 0;) {
    result[i] = static_cast<int>(at % static_cast<std::size_t>(dims[i]));
    at /= static_cast<std::size_t>(dims[i]);
  }
  return result;
}
std::size_t place(const std::vector<int>& at, const Dims& dims) {
  std::size_t result = 0;
  for (std::size_t i = 0; i < dims.size(); ++i) result = result * static_cast<std::size_t>(dims[i]) + static_cast<std::size_t>(at[i]);
  return result;
}

template <class T> void check_reverse() {
  for (int round = 0; round < 30; ++round) {
    const int rank = random_int(1, 5);
    const Dims dims = random_dims(rank, round % 5 == 0 ? 0 : 1, 5);
    const int first = random_int(0, rank - 1), last = random_int(first, rank - 1);
    Ints axes;
    for (int i = last; i >= first; --i) axes.push_back(round % 2 == 0 ? i : i - rank);
    const std::vector<T> values = counting<T>(count_of(dims));
    std::vector<T> wanted(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::vector<int> at = coordinates(i, dims);
      for (int axis = first; axis <= last; ++axis) {
        const auto k = static_cast<std::size_t>(axis);
        at[k] = dims[k] - 1 - at[k];
      }
      wanted[place(at, dims)] = values[i];
    }
    SingleOp<tfl::ReverseV2> op;
    op.input<T>(dims, values);
    op.constant<std::int32_t>({static_cast<std::int32_t>(axes.size())}, axes);
    op.output<T>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(dims));
    ASSERT_EQ(op.values<T>(), wanted);
  }
}
TEST(ReverseV2, TurnsAxesAround) {
  check_reverse<float>();
  check_reverse<std::int8_t>();
  check_reverse<std::int64_t>();
}
std::string reverse(Dims dims, Ints axes) {
  SingleOp<tfl::ReverseV2> op;
  op.input<float>(dims, counting<float>(count_of(dims)));
  op.input<std::int32_t>({static_cast<std::int32_t>(axes.size())}, axes);
  op.output<float>();
  return op.run();
}
TEST(ReverseV2, SaysWhatIsWrong) {
  EXPECT_EQ(reverse({2, 3}, {1}), "");
  EXPECT_EQ(reverse({2, 3}, {}), "");
  EXPECT_THAT(reverse({2, 3}, {2}), HasSubstr("lists axis 2, which an input of 2 dimensions does not have"));
  EXPECT_THAT(reverse({2, 3}, {-1, 1}), HasSubstr("lists axis 1 twice"));
  EXPECT_THAT(reverse({2, 3, 4}, {0, 2}), HasSubstr("must list axes that are neighbours"));
}

TEST(ReverseSequence, TurnsTheFirstElementsOfEachSliceAround) {
  for (int round = 0; round < 40; ++round) {
    const int rank = random_int(2, 5), batch = random_int(0, rank - 1);
    const int seq = (batch + random_int(1, rank - 1)) % rank;
    const auto ubatch = static_cast<std::size_t>(batch), useq = static_cast<std::size_t>(seq);
    const Dims dims = random_dims(rank, 1, 4);
    std::vector<std::int64_t> lengths(static_cast<std::size_t>(dims[ubatch]));
    for (auto& n : lengths) n = random_int(0, dims[useq]);
    const std::vector<std::int16_t> values = counting<std::int16_t>(count_of(dims));
    std::vector<std::int16_t> wanted(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::vector<int> at = coordinates(i, dims);
      const auto length = static_cast<int>(lengths[static_cast<std::size_t>(at[ubatch])]);
      if (at[useq] < length) at[useq] = length - 1 - at[useq];
      wanted[place(at, dims)] = values[i];
    }
    SingleOp<tfl::ReverseSequence> op;
    op.input<std::int16_t>(dims, values);
    op.input<std::int64_t>({dims[ubatch]}, lengths);
    op.output<std::int16_t>();
    op.options([=](auto& tables) { return tfl::schema::CreateReverseSequenceOptions(tables, seq, batch); });
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.values<std::int16_t>(), wanted);
  }
}
std::string reverse_sequence(Dims dims, Ints lengths, int seq, int batch) {
  SingleOp<tfl::ReverseSequence> op;
  op.input<float>(dims, counting<float>(count_of(dims)));
  op.input<std::int32_t>({static_cast<std::int32_t>(lengths.size())}, lengths);
  op.output<float>();
  op.options([=](auto& tables) { return tfl::schema::CreateReverseSequenceOptions(tables, seq, batch); });
  return op.run();
}
TEST(ReverseSequence, SaysWhatIsWrong) {
  EXPECT_THAT(reverse_sequence({2, 3}, {3, 4}, 1, 0), HasSubstr("must hold lengths of at most 3, but element 1 is 4"));
  EXPECT_THAT(reverse_sequence({2, 3}, {3}, 1, 0), HasSubstr("must have one length for each of the 2 slices, not 1"));
  EXPECT_THAT(reverse_sequence({2, 3}, {3, 3}, 0, 0), HasSubstr("must have a seq_dim other than its batch_dim 0"));
  EXPECT_THAT(reverse_sequence({2, 3}, {3, 3}, 2, 0), HasSubstr("has dimension 2, which an input of 2 dimensions does not have"));
}

TEST(MatrixDiag, SetsDiagonals) {
  for (int round = 0; round < 20; ++round) {
    const Dims dims = random_dims(random_int(2, 4), round % 4 == 0 ? 0 : 1, 4);
    Dims diagonal(dims.begin(), dims.end() - 2);
    diagonal.push_back(std::min(dims[dims.size() - 2], dims.back()));
    const std::vector<std::int32_t> values = counting<std::int32_t>(count_of(dims));
    std::vector<std::int32_t> set(count_of(diagonal));
    for (std::size_t i = 0; i < set.size(); ++i) set[i] = -static_cast<std::int32_t>(i) - 1;
    std::vector<std::int32_t> wanted = values;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::vector<int> at = coordinates(i, dims);
      if (at.back() != at[at.size() - 2]) continue;
      wanted[i] = set[place(std::vector<int>(at.begin(), at.end() - 1), diagonal)];
    }
    SingleOp<tfl::MatrixSetDiag> op;
    op.input<std::int32_t>(dims, values);
    op.input<std::int32_t>(diagonal, set);
    op.output<std::int32_t>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.values<std::int32_t>(), wanted);
  }
  SingleOp<tfl::MatrixDiag> op;
  op.input<std::uint8_t>({2, 2}, {1, 2, 3, 4});
  op.output<std::uint8_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (tfl::Shape{2, 2, 2}));
  EXPECT_EQ(op.values<std::uint8_t>(), (std::vector<std::uint8_t>{1, 0, 0, 2, 3, 0, 0, 4}));
}
TEST(MatrixSetDiag, RefusesADiagonalOfAnotherSize) {
  SingleOp<tfl::MatrixSetDiag> op;
  op.input<float>({2, 3}, counting<float>(6));
  op.input<float>({3}, counting<float>(3));
  op.output<float>();
  EXPECT_THAT(op.run(), HasSubstr("must have the 2 elements of 1 diagonals, not 3"));
}

TEST(DynamicUpdateSlice, ReplacesABox) {
  for (int round = 0; round < 40; ++round) {
    const int rank = random_int(0, 4);
    const Dims dims = random_dims(rank, 1, 5);
    Dims update;
    std::vector<std::int64_t> start;
    std::vector<int> origin;
    for (const std::int32_t d : dims) {
      update.push_back(random_int(round % 5 == 0 ? 0 : 1, d));
      start.push_back(random_int(-2, d + 2));
      origin.push_back(static_cast<int>(std::clamp<std::int64_t>(start.back(), 0, d - update.back())));
    }
    const std::vector<float> values = counting<float>(count_of(dims));
    std::vector<float> news(count_of(update)), wanted = values;
    for (std::size_t i = 0; i < news.size(); ++i) {
      news[i] = -static_cast<float>(i) - 1;
      std::vector<int> at = coordinates(i, update);
      for (std::size_t k = 0; k < at.size(); ++k) at[k] += origin[k];
      wanted[place(at, dims)] = news[i];
    }
    SingleOp<tfl::DynamicUpdateSlice> op;
    op.input<float>(dims, values);
    op.input<float>(update, news);
    op.input<std::int64_t>({rank}, start);
    op.output<float>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.values<float>(), wanted);
  }
}
TEST(DynamicUpdateSlice, ReplacesNibbles) {
  SingleOp<tfl::DynamicUpdateSlice> op;
  op.input<tfl::Int4Pair>({3, 3}, tfl::test::int4_pairs({1, 2, 3, 4, 5, 6, 7, -8, -7}));
  op.input<tfl::Int4Pair>({2, 2}, tfl::test::int4_pairs({-1, -2, -3, -4}));
  op.input<std::int32_t>({2}, {1, 9});
  op.output<tfl::Int4Pair>();
  ASSERT_EQ(op.run(), "");
  const std::vector<tfl::Int4Pair> got = op.values<tfl::Int4Pair>(), wanted = tfl::test::int4_pairs({1, 2, 3, 4, -1, -2, 7, -3, -4});
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(tfl::packed_at(got.data(), static_cast<std::int64_t>(i)), tfl::packed_at(wanted.data(), static_cast<std::int64_t>(i))) << i;
  }
}
TEST(DynamicUpdateSlice, RefusesAnUpdateThatDoesNotFit) {
  SingleOp<tfl::DynamicUpdateSlice> op;
  op.input<float>({2, 2}, counting<float>(4));
  op.input<float>({1, 3}, counting<float>(3));
  op.input<std::int32_t>({2}, {0, 0});
  op.output<float>();
  EXPECT_THAT(op.run(), HasSubstr("has 3 elements in dimension 1, where input 0 has 2"));
}

/// Element i of each axis goes to low + i * step, where it lies inside.
template <class T>
std::vector<T> spread(const std::vector<T>& values, const Dims& dims, const Ints& low, const Ints& step, const Dims& to, T value) {
  std::vector<T> wanted(count_of(to), value);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<int> at = coordinates(i, dims);
    bool inside = true;
    for (std::size_t k = 0; k < at.size(); ++k) {
      at[k] = low[k] + at[k] * step[k];
      inside = inside && at[k] >= 0 && at[k] < to[k];
    }
    if (inside) wanted[place(at, to)] = values[i];
  }
  return wanted;
}
TEST(StablehloPad, PutsBordersAroundAndGapsBetween) {
  for (int round = 0; round < 100; ++round) {
    const int rank = random_int(1, 4);
    const Dims dims = random_dims(rank, round % 5 == 0 ? 0 : 1, 5);
    std::vector<std::int64_t> low, high, interior;
    Ints narrow_low, step;
    Dims to;
    bool none = false;
    for (const std::int32_t d : dims) {
      low.push_back(random_int(-4, 3));
      high.push_back(random_int(-4, 3));
      interior.push_back(random_int(0, 2));
      narrow_low.push_back(static_cast<std::int32_t>(low.back()));
      step.push_back(static_cast<std::int32_t>(interior.back() + 1));
      to.push_back(
          static_cast<std::int32_t>(std::max<std::int64_t>(0, d + std::max(0, d - 1) * interior.back() + low.back() + high.back())));
      none = none || to.back() == 0;
    }
    if (none) to.assign(to.size(), 0);
    const std::vector<std::int16_t> values = counting<std::int16_t>(count_of(dims));
    SingleOp<tfl::StablehloPad> op;
    op.input<std::int16_t>(dims, values);
    op.input<std::int16_t>({}, {-5});
    op.output<std::int16_t>();
    op.options([&](auto& tables) { return tfl::schema::CreateStablehloPadOptionsDirect(tables, &low, &high, &interior); });
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(to));
    ASSERT_EQ(op.values<std::int16_t>(), spread<std::int16_t>(values, dims, narrow_low, step, to, -5));
  }
}
TEST(Dilate, PutsGapsBetween) {
  for (int round = 0; round < 30; ++round) {
    const int rank = random_int(1, 5);
    const Dims dims = random_dims(rank, 1, 4);
    Ints dilations;
    Dims to;
    for (const std::int32_t d : dims) {
      dilations.push_back(random_int(1, 3));
      to.push_back((d - 1) * dilations.back() + 1);
    }
    const std::vector<double> values = counting<double>(count_of(dims));
    SingleOp<tfl::Dilate> op;
    op.input<double>(dims, values);
    op.input<std::int32_t>({rank}, dilations);
    op.input<double>({}, {-1});
    op.output<double>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.values<double>(), spread<double>(values, dims, Ints(dims.size(), 0), dilations, to, -1));
  }
  SingleOp<tfl::Dilate> op;
  op.input<float>({2}, {1, 2});
  op.input<std::int32_t>({1}, {0});
  op.input<float>({}, {0});
  op.output<float>();
  EXPECT_THAT(op.run(), HasSubstr("must be at least 1, but element 0 is 0"));
}

std::string scatter(Ints indices, std::vector<std::int32_t> updates, Ints shape, std::vector<std::int32_t>& out) {
  SingleOp<tfl::ScatterNd> op;
  const auto n = static_cast<std::int32_t>(indices.size());
  op.input<std::int32_t>({n, 1}, indices);
  op.input<std::int32_t>({n, 2}, updates);
  op.input<std::int32_t>({2}, shape);
  op.output<std::int32_t>();
  const std::string error = op.run();
  out = op.values<std::int32_t>();
  return error;
}
TEST(ScatterNd, AddsUpdatesOfEqualIndices) {
  std::vector<std::int32_t> out;
  EXPECT_EQ(scatter({2, 0, 2}, {1, 2, 3, 4, 5, INT32_MAX}, {4, 2}, out), "");
  EXPECT_EQ(out, (std::vector<std::int32_t>{3, 4, 0, 0, 6, INT32_MIN + 1, 0, 0}));
  EXPECT_THAT(scatter({0, 4}, {1, 2, 3, 4}, {4, 2}, out), HasSubstr("element 1 is 4, but must be from 0 to 3"));
  EXPECT_THAT(scatter({0, -1}, {1, 2, 3, 4}, {4, 2}, out), HasSubstr("element 1 is -1, but must be from 0 to 3"));
  EXPECT_THAT(scatter({0}, {1, 2}, {4, 3}, out), HasSubstr("must have 3 elements in dimension 1, not 2"));
  EXPECT_THAT(scatter({0}, {1, 2}, {-4, 2}, out), HasSubstr("asks for dimension 0 = -4"));
}

TEST(Fill, RepeatsItsValue) {
  SingleOp<tfl::Fill> op;
  op.input<std::int64_t>({3}, {2, 1, 3});
  op.input<std::int16_t>({}, {-3});
  op.output<std::int16_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (tfl::Shape{2, 1, 3}));
  EXPECT_EQ(op.values<std::int16_t>(), std::vector<std::int16_t>(6, -3));
  SingleOp<tfl::Fill> negative;
  negative.input<std::int32_t>({1}, {-1});
  negative.input<float>({}, {1});
  negative.output<float>();
  EXPECT_THAT(negative.run(), HasSubstr("asks for dimension 0 = -1"));
  SingleOp<tfl::Fill> scalar;
  scalar.constant<std::int32_t>({0}, {});
  scalar.input<float>({}, {4});
  scalar.output<float>();
  ASSERT_EQ(scalar.run(), "");
  EXPECT_EQ(scalar.values<float>(), std::vector<float>{4});
  SingleOp<tfl::ZerosLike> zeros;
  zeros.input<std::int64_t>({2, 2}, {1, 2, 3, 4});
  zeros.output<std::int64_t>();
  ASSERT_EQ(zeros.run(), "");
  EXPECT_EQ(zeros.values<std::int64_t>(), std::vector<std::int64_t>(4, 0));
}

TEST(OneHot, MarksIndices) {
  for (int round = 0; round < 20; ++round) {
    const int rank = random_int(0, 3), axis = random_int(0, rank), depth = random_int(0, 4);
    const Dims dims = random_dims(rank, 1, 3);
    Ints indices(count_of(dims));
    for (auto& i : indices) i = random_int(-1, depth);
    Dims to = dims;
    to.insert(to.begin() + axis, depth);
    std::vector<std::int8_t> wanted(count_of(to));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      std::vector<int> at = coordinates(i, to);
      const int k = at[static_cast<std::size_t>(axis)];
      at.erase(at.begin() + axis);
      wanted[i] = indices[place(at, dims)] == k ? 9 : 3;
    }
    SingleOp<tfl::OneHot> op;
    op.input<std::int32_t>(dims, indices);
    op.input<std::int32_t>({}, {depth});
    op.input<std::int8_t>({}, {9});
    op.input<std::int8_t>({1}, {3});
    op.output<std::int8_t>();
    op.options([=](auto& tables) { return tfl::schema::CreateOneHotOptions(tables, axis == rank && round % 2 == 0 ? -1 : axis); });
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(to));
    ASSERT_EQ(op.values<std::int8_t>(), wanted);
  }
}

TEST(Bitcast, KeepsBytes) {
  SingleOp<tfl::Bitcast> smaller;
  smaller.input<std::int32_t>({2}, {0x01020304, -1});
  smaller.output<std::uint8_t>();
  ASSERT_EQ(smaller.run(), "");
  EXPECT_EQ(smaller.shape(), (tfl::Shape{2, 4}));
  EXPECT_EQ(smaller.values<std::uint8_t>(), (std::vector<std::uint8_t>{4, 3, 2, 1, 255, 255, 255, 255}));
  SingleOp<tfl::Bitcast> larger;
  larger.input<std::int16_t>({3, 1, 2}, {1, 0, 2, 0, -1, -1});
  larger.output<std::int32_t>();
  ASSERT_EQ(larger.run(), "");
  EXPECT_EQ(larger.shape(), (tfl::Shape{3, 1}));
  EXPECT_EQ(larger.values<std::int32_t>(), (std::vector<std::int32_t>{1, 2, -1}));
  SingleOp<tfl::Bitcast> odd;
  odd.input<std::int16_t>({3}, {1, 2, 3});
  odd.output<std::int32_t>();
  EXPECT_THAT(odd.run(), HasSubstr("must have a last dimension of 2"));
}

template <class T, class Place> void check_top_k() {
  for (int round = 0; round < 30; ++round) {
    const int rows = random_int(1, 3), columns = random_int(1, 40), k = random_int(0, columns);
    std::vector<T> values;
    for (int i = 0; i < rows * columns; ++i) values.push_back(static_cast<T>(random_int(0, 30)));
    std::vector<T> wanted;
    std::vector<Place> places;
    for (int row = 0; row < rows; ++row) {
      std::vector<Place> order(static_cast<std::size_t>(columns));
      std::iota(order.begin(), order.end(), Place{0});
      const T* const x = values.data() + row * columns;
      std::stable_sort(order.begin(), order.end(), [x](Place a, Place b) { return x[a] > x[b]; });
      for (int i = 0; i < k; ++i) {
        places.push_back(order[static_cast<std::size_t>(i)]);
        wanted.push_back(x[places.back()]);
      }
    }
    SingleOp<tfl::TopK> op;
    op.input<T>({rows, columns}, values);
    op.input<std::int32_t>({}, {k});
    op.output<T>();
    op.output<Place>();
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), (tfl::Shape{rows, k}));
    ASSERT_EQ(op.values<T>(), wanted);
    ASSERT_EQ(op.values<Place>(1), places);
  }
}
TEST(TopK, SortsTheLargest) {
  check_top_k<float, std::int32_t>();
  check_top_k<std::int8_t, std::int16_t>();
  check_top_k<std::int64_t, std::int32_t>();
}
TEST(TopK, PutsNanLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  SingleOp<tfl::TopK> op;
  op.input<float>({5}, {nan, 1, nan, 3, -INFINITY});
  op.constant<std::int16_t>({1}, {4});
  op.output<float>();
  op.output<std::int32_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int32_t>(1), (std::vector<std::int32_t>{3, 1, 4, 0}));
}
TEST(TopK, SaysWhatIsWrong) {
  SingleOp<tfl::TopK> op;
  op.input<float>({2, 3}, counting<float>(6));
  op.input<std::int32_t>({}, {4});
  op.output<float>();
  op.output<std::int32_t>();
  EXPECT_THAT(op.run(), HasSubstr("asks for 4 elements of rows that have 3"));
}

}  // namespace
