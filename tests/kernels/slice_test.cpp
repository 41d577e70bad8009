// SLICE, STRIDED_SLICE, TILE, BROADCAST_TO, TRANSPOSE: every element of the output is one element of the input.
// archs: none
#include "tfl/kernels/slice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "support/single_op.hpp"
#include "tfl/kernels/tile.hpp"
#include "tfl/kernels/transpose.hpp"

namespace tfl::test {
namespace {

using testing::HasSubstr;
using Dims = std::vector<std::int32_t>;

template <class T> std::vector<T> ramp(const Dims& dims) {
  std::size_t n = 1;
  for (const auto d : dims) n *= static_cast<std::size_t>(d);
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(i * 7 + 1);
  return values;
}

/// out[index] = in[source(index)] for all indices of `shape`; source gives an index per dimension of the input.
template <class T>
std::vector<T> gathered(const std::vector<T>& in, const Dims& in_shape, const Dims& shape, const std::function<Dims(const Dims&)>& source) {
  std::vector<T> out;
  Dims index(shape.size());
  std::int64_t n = 1;
  for (const auto d : shape) n *= d;
  for (std::int64_t flat = 0; flat < n; ++flat) {
    std::int64_t rest = flat;
    for (int i = static_cast<int>(shape.size()) - 1; i >= 0; --i) {
      const auto k = static_cast<std::size_t>(i);
      index[k] = static_cast<std::int32_t>(rest % shape[k]);
      rest /= shape[k];
    }
    const Dims from = source(index);
    std::size_t at = 0;
    for (std::size_t i = 0; i < in_shape.size(); ++i) at = at * static_cast<std::size_t>(in_shape[i]) + static_cast<std::size_t>(from[i]);
    out.push_back(in[at]);
  }
  return out;
}

Dims dims_of(const Shape& shape) { return Dims(shape.dims().begin(), shape.dims().end()); }
std::int32_t size_of(const Dims& list) { return static_cast<std::int32_t>(list.size()); }

struct Random {
  std::mt19937 engine{20261121};
  std::int32_t operator()(std::int32_t low, std::int32_t high) { return std::uniform_int_distribution<std::int32_t>(low, high)(engine); }
  Dims shape(int most_rank, std::int32_t most) {
    Dims dims(static_cast<std::size_t>((*this)(0, most_rank)));
    for (auto& d : dims) d = (*this)(1, most);
    return dims;
  }
};

// ---- SLICE

template <class T> void check_slice(Random& random) {
  const Dims shape = random.shape(5, 6);
  Dims begin, size, out;
  for (const auto d : shape) {
    begin.push_back(random(0, d));
    const std::int32_t rest = d - begin.back();
    size.push_back(random(-1, rest));
    out.push_back(size.back() < 0 ? rest : size.back());
  }
  SingleOp<Slice> op;
  op.input<T>(shape, ramp<T>(shape));
  op.constant<std::int32_t>({size_of(begin)}, begin);
  op.constant<std::int32_t>({size_of(size)}, size);
  op.output<T>();
  ASSERT_EQ(op.run(), "");
  ASSERT_EQ(dims_of(op.shape()), out);
  EXPECT_EQ(op.values<T>(), gathered<T>(ramp<T>(shape), shape, out, [&](Dims i) {
              for (std::size_t k = 0; k < i.size(); ++k) i[k] += begin[k];
              return i;
            }));
}

TEST(Slice, Random) {
  Random random;
  for (int i = 0; i < 40; ++i) {
    check_slice<std::uint8_t>(random);
    check_slice<std::int16_t>(random);
    check_slice<float>(random);
    check_slice<std::int64_t>(random);
  }
}

std::string slice_error(std::int64_t begin, std::int64_t size, bool constant = true) {
  SingleOp<Slice> op;
  op.input<float>({5}, {1, 2, 3, 4, 5});
  if (constant) {
    op.constant<std::int64_t>({1}, {begin});
    op.constant<std::int64_t>({1}, {size});
  } else {
    op.input<std::int64_t>({1}, {begin});
    op.input<std::int64_t>({1}, {size});
  }
  op.output<float>();
  return op.run();
}

TEST(Slice, Errors) {
  for (const bool constant : {true, false}) {
    EXPECT_EQ(slice_error(1, 4, constant), "");
    EXPECT_THAT(slice_error(6, 0, constant), HasSubstr("begins at 6 in dimension 0, which has 5 elements"));
    EXPECT_THAT(slice_error(-1, 1, constant), HasSubstr("begins at -1"));
    EXPECT_THAT(slice_error(2, 4, constant), HasSubstr("asks for 4 elements in dimension 0, where 3 remain"));
    EXPECT_THAT(slice_error(2, INT64_MAX, constant), HasSubstr("where 3 remain"));
    EXPECT_THAT(slice_error(2, -2, constant), HasSubstr("asks for -2 elements"));
  }
  SingleOp<Slice> op;
  op.input<float>({5, 1}, {1, 2, 3, 4, 5});
  op.constant<std::int32_t>({1}, {0});
  op.constant<std::int32_t>({1}, {1});
  op.output<float>();
  EXPECT_THAT(op.run(), HasSubstr("must have one element for each of the 2 dimensions, not 1"));
}

// ---- STRIDED_SLICE

struct Masks {
  int begin = 0, end = 0, ellipsis = 0, new_axis = 0, shrink = 0;
  bool offset = false;
};
template <class T>
std::string strided_slice(SingleOp<StridedSlice>& op, const Dims& shape, const Dims& begin, const Dims& end, const Dims& strides,
                          Masks masks, bool constant = true) {
  op.input<T>(shape, ramp<T>(shape));
  for (const Dims& list : {begin, end, strides}) {
    if (constant) {
      op.constant<std::int32_t>({size_of(list)}, list);
    } else {
      op.input<std::int32_t>({size_of(list)}, list);
    }
  }
  op.options([&](auto& tables) {
    return schema::CreateStridedSliceOptions(tables, masks.begin, masks.end, masks.ellipsis, masks.new_axis, masks.shrink, masks.offset);
  });
  op.output<T>();
  return op.run();
}

/// The indices that Python's range(*slice(begin, end, stride).indices(size)) gives, found by walking.
Dims python_indices(std::int32_t size, std::int64_t begin, std::int64_t end, std::int32_t stride, bool no_begin, bool no_end) {
  if (begin < 0) begin += size;
  if (end < 0) end += size;
  if (stride > 0) {
    if (no_begin || begin < 0) begin = 0;
    if (no_end || end > size) end = size;
  } else {
    if (no_begin || begin > size - 1) begin = size - 1;
    if (no_end || end < -1) end = -1;
  }
  Dims indices;
  for (std::int64_t i = begin; stride > 0 ? i < end : i > end; i += stride) {
    if (i >= 0 && i < size) indices.push_back(static_cast<std::int32_t>(i));
  }
  return indices;
}

template <class T> void check_strided_slice(Random& random) {
  Dims shape = random.shape(5, 7);
  if (shape.empty()) shape.push_back(4);
  Dims begin, end, strides, out;
  std::vector<Dims> indices;
  Masks masks;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const int bit = 1 << i;
    begin.push_back(random(-9, 9));
    end.push_back(random(-9, 9));
    strides.push_back(random(1, 3) * (random(0, 1) != 0 ? 1 : -1));
    if (random(0, 3) == 0) masks.begin |= bit;
    if (random(0, 3) == 0) masks.end |= bit;
    if (random(0, 3) == 0) {
      masks.shrink |= bit;
      strides.back() = 1;
      begin.back() = random(-shape[i], shape[i] - 1);
      const bool first = (masks.begin & bit) != 0;
      indices.push_back({first ? 0 : begin.back() < 0 ? begin.back() + shape[i] : begin.back()});
    } else {
      indices.push_back(
          python_indices(shape[i], begin.back(), end.back(), strides.back(), (masks.begin & bit) != 0, (masks.end & bit) != 0));
      out.push_back(size_of(indices.back()));
    }
  }
  SingleOp<StridedSlice> op;
  ASSERT_EQ(strided_slice<T>(op, shape, begin, end, strides, masks, random(0, 1) != 0), "");
  ASSERT_EQ(dims_of(op.shape()), out);
  EXPECT_EQ(op.values<T>(), gathered<T>(ramp<T>(shape), shape, out, [&](const Dims& index) {
              Dims from;
              std::size_t next = 0;
              for (std::size_t i = 0; i < shape.size(); ++i) {
                const bool shrunk = (masks.shrink >> i & 1) != 0;
                from.push_back(indices[i][shrunk ? 0 : static_cast<std::size_t>(index[next++])]);
              }
              return from;
            }));
}

TEST(StridedSlice, Random) {
  Random random;
  for (int i = 0; i < 80; ++i) {
    check_strided_slice<std::uint8_t>(random);
    check_strided_slice<std::int16_t>(random);
    check_strided_slice<float>(random);
    check_strided_slice<std::int64_t>(random);
  }
}

TEST(StridedSlice, EllipsisNewAxisAndOffset) {
  SingleOp<StridedSlice> ellipsis;  // x[..., newaxis, 1]
  ASSERT_EQ(strided_slice<float>(ellipsis, {2, 3, 4}, {0, 0, 1}, {0, 0, 2}, {1, 1, 1}, {.ellipsis = 1, .new_axis = 2, .shrink = 4}), "");
  EXPECT_EQ(ellipsis.shape(), (Shape{2, 3, 1}));
  EXPECT_EQ(ellipsis.values<float>(), (std::vector<float>{8, 36, 64, 92, 120, 148}));
  SingleOp<StridedSlice> middle;  // x[1, ..., ::2]
  ASSERT_EQ(strided_slice<float>(middle, {2, 3, 4}, {1, 0, 0}, {2, 0, 4}, {1, 1, 2}, {.ellipsis = 2, .shrink = 1}), "");
  EXPECT_EQ(middle.shape(), (Shape{3, 2}));
  EXPECT_EQ(middle.values<float>(), (std::vector<float>{85, 99, 113, 127, 141, 155}));
  SingleOp<StridedSlice> offset;  // two elements from the last but two
  ASSERT_EQ(strided_slice<float>(offset, {5}, {-3}, {2}, {1}, {.offset = true}), "");
  EXPECT_EQ(offset.values<float>(), (std::vector<float>{15, 22}));
  SingleOp<StridedSlice> few;  // fewer entries than dimensions
  ASSERT_EQ(strided_slice<float>(few, {2, 3}, {1}, {2}, {1}, {}), "");
  EXPECT_EQ(few.shape(), (Shape{1, 3}));
}

TEST(StridedSlice, WhatLiesOutsideIsZero) {
  SingleOp<StridedSlice> one;
  ASSERT_EQ(strided_slice<float>(one, {2, 5}, {0, 5}, {2, 6}, {1, 1}, {.shrink = 2}), "");
  EXPECT_EQ(one.shape(), Shape{2});
  EXPECT_EQ(one.values<float>(), (std::vector<float>{0, 0}));
  SingleOp<StridedSlice> more;  // three in steps of two, of which the second is the last
  more.input<std::int16_t>({4}, {1, 2, 3, 4});
  more.constant<std::int32_t>({1}, {1});
  more.constant<std::int32_t>({1}, {6});
  more.constant<std::int32_t>({1}, {2});
  more.output<std::int16_t>();
  more.options([](auto& t) { return tfl::schema::CreateStridedSliceOptions(t, 0, 0, 0, 0, 0, true); });
  ASSERT_EQ(more.run(), "");
  EXPECT_EQ(more.values<std::int16_t>(), (std::vector<std::int16_t>{2, 4, 0}));
  SingleOp<StridedSlice> least;  // the most that an end can ask for backwards
  ASSERT_EQ(strided_slice<float>(least, {5}, {1}, {INT32_MIN}, {-1000000000}, {.offset = true}), "");
  EXPECT_EQ(least.shape(), Shape{3});
  EXPECT_EQ(least.values<float>(), (std::vector<float>{ramp<float>({5})[1], 0, 0}));
}

TEST(StridedSlice, Errors) {
  const auto error = [](const Dims& begin, const Dims& end, const Dims& strides, Masks masks) {
    SingleOp<StridedSlice> op;
    return strided_slice<float>(op, {5}, begin, end, strides, masks);
  };
  EXPECT_THAT(error({0}, {5}, {0}, {}), HasSubstr("has stride 0 in element 0"));
  EXPECT_THAT(error({0}, {5}, {INT32_MIN}, {}), HasSubstr("-2147483648"));
  EXPECT_THAT(error({0}, {INT32_MIN}, {-1}, {.offset = true}), HasSubstr("asks for 2147483648 elements"));
  SingleOp<StridedSlice> unknown_begin;
  unknown_begin.input<float>({5}, ramp<float>({5}));
  unknown_begin.input<std::int32_t>({1}, {0});
  unknown_begin.constant<std::int32_t>({1}, {INT32_MIN});
  unknown_begin.constant<std::int32_t>({1}, {-1});
  unknown_begin.output<float>();
  unknown_begin.options([](auto& t) { return tfl::schema::CreateStridedSliceOptions(t, 0, 0, 0, 0, 0, true); });
  EXPECT_THAT(unknown_begin.run(), HasSubstr("asks for 2147483648 elements"));
  EXPECT_THAT(error({3}, {2}, {-1}, {.shrink = 1}), HasSubstr("of which one index is taken"));
  EXPECT_THAT(error({0, 0}, {1, 1}, {1, 1}, {}), HasSubstr("indexes 2 dimensions, the input has 1"));
  EXPECT_THAT(error({0, 0}, {1}, {1, 1}, {}), HasSubstr("must have as many elements as begin, 2, not 1"));
  EXPECT_THAT(error({0, 0, 0}, {1, 1, 1}, {1, 1, 1}, {.ellipsis = 5}), HasSubstr("two bits, 0 and 2"));
  const Dims many(9, 0), ones(9, 1);
  EXPECT_THAT(error(many, ones, ones, {.new_axis = 0xff}), HasSubstr("the output would have 9 dimensions"));
}

// ---- TILE and BROADCAST_TO

template <class T> void check_tile(Random& random) {
  const Dims shape = random.shape(4, 5);
  Dims times, out;
  for (const auto d : shape) {
    times.push_back(random(0, 9) == 0 ? 20 : random(1, 3));
    out.push_back(d * times.back());
  }
  SingleOp<Tile> op;
  op.input<T>(shape, ramp<T>(shape));
  op.constant<std::int32_t>({size_of(times)}, times);
  op.output<T>();
  ASSERT_EQ(op.run(), "");
  ASSERT_EQ(dims_of(op.shape()), out);
  EXPECT_EQ(op.values<T>(), gathered<T>(ramp<T>(shape), shape, out, [&](Dims i) {
              for (std::size_t k = 0; k < i.size(); ++k) i[k] %= shape[k];
              return i;
            }));
}

template <class T> void check_broadcast(Random& random) {
  Dims shape = random.shape(4, 5), out;
  for (auto& d : shape) d = random(0, 1) != 0 ? d : 1;
  for (int extra = random(0, 2); extra > 0; --extra) out.push_back(random(1, 4));
  const std::size_t added = out.size();
  for (const auto d : shape) out.push_back(d == 1 ? random(1, 40) : d);
  SingleOp<BroadcastTo> op;
  op.input<T>(shape, ramp<T>(shape));
  op.constant<std::int32_t>({size_of(out)}, out);
  op.output<T>();
  ASSERT_EQ(op.run(), "");
  ASSERT_EQ(dims_of(op.shape()), out);
  EXPECT_EQ(op.values<T>(), gathered<T>(ramp<T>(shape), shape, out, [&](const Dims& i) {
              Dims from;
              for (std::size_t k = 0; k < shape.size(); ++k) from.push_back(shape[k] == 1 ? 0 : i[k + added]);
              return from;
            }));
}

TEST(Tile, Random) {
  Random random;
  for (int i = 0; i < 30; ++i) {
    check_tile<std::uint8_t>(random);
    check_tile<std::int16_t>(random);
    check_tile<float>(random);
    check_tile<std::int64_t>(random);
  }
}
TEST(BroadcastTo, Random) {
  Random random;
  for (int i = 0; i < 30; ++i) {
    check_broadcast<std::uint8_t>(random);
    check_broadcast<std::int16_t>(random);
    check_broadcast<float>(random);
    check_broadcast<std::int64_t>(random);
  }
}

TEST(Tile, Errors) {
  const auto error = [](const std::vector<std::int64_t>& times, bool constant) {
    SingleOp<Tile> op;
    op.input<float>({2, 3}, ramp<float>({2, 3}));
    const auto n = static_cast<std::int32_t>(times.size());
    if (constant) {
      op.constant<std::int64_t>({n}, times);
    } else {
      op.input<std::int64_t>({n}, times);
    }
    op.output<float>();
    return op.run();
  };
  for (const bool constant : {true, false}) {
    EXPECT_EQ(error({2, 0}, constant), "");
    EXPECT_THAT(error({-1, 1}, constant), HasSubstr("repeats dimension 0, which is 2, -1 times"));
    EXPECT_THAT(error({1, INT64_MAX}, constant), HasSubstr("repeats dimension 1"));
    EXPECT_THAT(error({1, 1 << 30}, constant), HasSubstr("repeats dimension 1, which is 3"));
    EXPECT_THAT(error({1 << 29, 1 << 29}, constant), HasSubstr("output 0"));
    EXPECT_THAT(error({1}, constant), HasSubstr("must have one element for each of the 2 dimensions, not 1"));
  }
}

TEST(BroadcastTo, Errors) {
  const auto error = [](const Dims& shape) {
    SingleOp<BroadcastTo> op;
    op.input<float>({2, 3}, ramp<float>({2, 3}));
    op.constant<std::int32_t>({size_of(shape)}, shape);
    op.output<float>();
    return op.run();
  };
  EXPECT_THAT(error({2, 4}), HasSubstr("has dimension 1 = 3, which does not broadcast to 4"));
  EXPECT_THAT(error({3}), HasSubstr("asks for 1 dimensions; at least the input's 2 are possible"));
  EXPECT_THAT(error({-1, 2, 3}), HasSubstr("asks for dimension 0 = -1"));
}

// ---- TRANSPOSE

template <class T> void check_transpose(const Dims& shape, const Dims& order) {
  Dims out;
  for (const auto axis : order) out.push_back(shape[static_cast<std::size_t>(axis)]);
  SingleOp<Transpose> op;
  op.input<T>(shape, ramp<T>(shape));
  op.constant<std::int32_t>({size_of(order)}, order);
  op.output<T>();
  ASSERT_EQ(op.run(), "");
  ASSERT_EQ(dims_of(op.shape()), out);
  EXPECT_EQ(op.values<T>(), gathered<T>(ramp<T>(shape), shape, out, [&](const Dims& i) {
              Dims from(shape.size());
              for (std::size_t k = 0; k < i.size(); ++k) from[static_cast<std::size_t>(order[k])] = i[k];
              return from;
            }));
}

TEST(Transpose, Random) {
  Random random;
  for (int i = 0; i < 30; ++i) {
    Dims shape = random.shape(6, 5), order(shape.size());
    if (!shape.empty()) shape[static_cast<std::size_t>(random(0, size_of(shape) - 1))] = random(1, 40);
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = static_cast<std::int32_t>(k);
    std::shuffle(order.begin(), order.end(), random.engine);
    check_transpose<std::uint8_t>(shape, order);
    check_transpose<std::int16_t>(shape, order);
    check_transpose<float>(shape, order);
    check_transpose<std::int64_t>(shape, order);
  }
}

TEST(Transpose, MatricesOfAllElementSizesAndAwkwardExtents) {
  for (const std::int32_t rows : {1, 3, 17, 64, 70}) {
    for (const std::int32_t columns : {2, 16, 33, 512}) {
      check_transpose<std::uint8_t>({rows, columns}, {1, 0});
      check_transpose<std::int16_t>({rows, columns}, {1, 0});
      check_transpose<float>({columns, rows}, {1, 0});
      check_transpose<std::int64_t>({rows, columns}, {1, 0});
    }
  }
  check_transpose<float>({512, 40}, {1, 0});
  check_transpose<std::uint8_t>({2048, 70}, {1, 0});
  check_transpose<float>({2, 3, 2, 2, 1, 2, 3, 2}, {7, 3, 0, 5, 4, 2, 6, 1});
}

TEST(Transpose, Errors) {
  const auto error = [](const Dims& order, QuantizationSpec quantization = {}) {
    SingleOp<Transpose> op;
    op.input<std::int8_t>({2, 3}, ramp<std::int8_t>({2, 3}), quantization);
    op.constant<std::int32_t>({size_of(order)}, order);
    op.output<std::int8_t>();
    return op.run();
  };
  EXPECT_EQ(error({-1, 0}), "");
  EXPECT_THAT(error({0, 2}), HasSubstr("names dimension 2 of 2"));
  EXPECT_THAT(error({1, 1}), HasSubstr("names dimension 1 twice"));
  EXPECT_THAT(error({0}), HasSubstr("must have one element for each of the 2 dimensions, not 1"));
  EXPECT_THAT(error({1, 0}, {.scales = {0.5f}, .zero_points = {3}}), HasSubstr("must have the scale and zero point of the input"));
}

TEST(Slice, Int4) {
  const std::vector<std::int8_t> x{0, 1, 2, 3, -4, -5, -6, -7, -8, 7, 6, 5, 4, 3, 2};
  SingleOp<Slice> slice;
  slice.input<Int4Pair>({3, 5}, packed<Int4Pair>(x));
  slice.constant<std::int32_t>({2}, {1, 1});
  slice.constant<std::int32_t>({2}, {2, 3});
  slice.output<Int4Pair>();
  ASSERT_EQ(slice.run(), "");
  EXPECT_EQ(bytes_of(slice.values<Int4Pair>()), bytes_of(packed<Int4Pair>({-6, -7, -8, 5, 4, 3})));
  SingleOp<Transpose> transpose;
  transpose.input<Int4Pair>({3, 5}, packed<Int4Pair>(x));
  transpose.constant<std::int32_t>({2}, {1, 0});
  transpose.output<Int4Pair>();
  ASSERT_EQ(transpose.run(), "");
  EXPECT_EQ(bytes_of(transpose.values<Int4Pair>()), bytes_of(packed<Int4Pair>({0, -5, 6, 1, -6, 5, 2, -7, 4, 3, -8, 3, -4, 7, 2})));
  SingleOp<BroadcastTo> broadcast;
  broadcast.input<Int4Pair>({3, 1}, packed<Int4Pair>({1, -2, 3}));
  broadcast.constant<std::int32_t>({2}, {3, 3});
  broadcast.output<Int4Pair>();
  ASSERT_EQ(broadcast.run(), "");
  EXPECT_EQ(bytes_of(broadcast.values<Int4Pair>()), bytes_of(packed<Int4Pair>({1, 1, 1, -2, -2, -2, 3, 3, 3})));
}

}  // namespace
}  // namespace tfl::test
