// Small ops against plain formulas: ATAN2, BITWISE_XOR, RIGHT_SHIFT, ADD_N, FAKE_QUANT, LOCAL_RESPONSE_NORMALIZATION, CUMSUM, BUCKETIZE,
// BROADCAST_ARGS, SEGMENT_SUM, UNSORTED_SEGMENT_*, EMBEDDING_LOOKUP, EMBEDDING_LOOKUP_SPARSE, CONV_3D, CONV_3D_TRANSPOSE, StableHLO pairs.
// archs: none

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"
#include "tfl/kernels/add_n.hpp"
#include "tfl/kernels/atan2.hpp"
#include "tfl/kernels/bitwise.hpp"
#include "tfl/kernels/broadcast_args.hpp"
#include "tfl/kernels/bucketize.hpp"
#include "tfl/kernels/conv_3d.hpp"
#include "tfl/kernels/cumsum.hpp"
#include "tfl/kernels/embedding_lookup.hpp"
#include "tfl/kernels/fake_quant.hpp"
#include "tfl/kernels/normalization.hpp"
#include "tfl/kernels/segment.hpp"
#include "tfl/kernels/stablehlo.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;
using Ints = std::vector<std::int32_t>;
using Floats = std::vector<float>;

std::mt19937 random_engine(11);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }
Floats random_floats(std::size_t n) {
  Floats values(n);
  for (float& x : values) x = std::uniform_real_distribution<float>(-2, 2)(random_engine);
  return values;
}
std::size_t count_of(const Dims& dims) {
  std::size_t n = 1;
  for (const std::int32_t d : dims) n *= static_cast<std::size_t>(d);
  return n;
}

template <class Op> void expect_angles() {
  const Floats y{0, 0, 1, -1, 2, NAN}, x{1, -1, 0, 0, 2, 1};
  SingleOp<Op> op;
  op.template input<float>({2, 3}, y);
  op.template input<float>({2, 3}, x);
  op.template output<float>();
  ASSERT_EQ(op.run(), "");
  const Floats got = op.template values<float>();
  for (std::size_t i = 0; i < 5; ++i) EXPECT_FLOAT_EQ(got[i], std::atan2(y[i], x[i]));
  EXPECT_TRUE(std::isnan(got[5]));
}
TEST(Atan2, IsTheAngleOfAPoint) {
  expect_angles<tfl::Atan2>();
  expect_angles<tfl::CustomAtan2>();
  SingleOp<tfl::Atan2> shapes;
  shapes.input<float>({2}, {1, 2});
  shapes.input<float>({1}, {1});
  shapes.output<float>();
  EXPECT_THAT(shapes.run(), HasSubstr("must have the shape of input 0"));
}

TEST(Bitwise, XorAndShift) {
  SingleOp<tfl::BitwiseXor> op;
  op.input<std::int16_t>({2, 2}, {0, 5, -1, 255});
  op.input<std::int16_t>({2}, {3, -1});
  op.output<std::int16_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int16_t>(), (std::vector<std::int16_t>{3, -6, -4, -256}));
  SingleOp<tfl::RightShift> shift;
  shift.input<std::int8_t>({5}, {-128, 127, -1, 64, 5});
  shift.input<std::int8_t>({5}, {100, 7, 7, 3, -3});
  shift.output<std::int8_t>();
  ASSERT_EQ(shift.run(), "");
  EXPECT_EQ(shift.values<std::int8_t>(), (std::vector<std::int8_t>{-1, 0, -1, 8, 5}));
}

TEST(AddN, AddsAll) {
  SingleOp<tfl::AddN> op;
  op.input<std::int32_t>({3}, {1, 2, INT32_MAX});
  op.input<std::int32_t>({3}, {10, 20, 1});
  op.input<std::int32_t>({3}, {100, 200, 0});
  op.output<std::int32_t>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<std::int32_t>(), (Ints{111, 222, INT32_MIN}));
  SingleOp<tfl::AddN> shapes;
  shapes.input<float>({1}, {1});
  shapes.input<float>({2}, {1, 2});
  shapes.output<float>();
  EXPECT_THAT(shapes.run(), HasSubstr("must have the shape of input 0"));
}

std::string fake_quant(float min, float max, int bits, bool narrow, const Floats& in, Floats& out) {
  SingleOp<tfl::FakeQuant> op;
  op.input<float>({static_cast<std::int32_t>(in.size())}, in);
  op.output<float>();
  op.options([=](auto& tables) { return tfl::schema::CreateFakeQuantOptions(tables, min, max, bits, narrow); });
  const std::string error = op.run();
  out = op.values<float>();
  return error;
}
TEST(FakeQuant, RoundsToASteppedRange) {
  Floats out;
  ASSERT_EQ(fake_quant(-1.1f, 2.0f, 8, false, {0, -5, 5, 0.004f, 1}, out), "");
  const float scale = 3.1f / 255, least = -std::round(1.1f / scale) * scale;
  EXPECT_FLOAT_EQ(out[1], least);
  EXPECT_NEAR(out[2], 255 * scale + least, 1e-6);
  for (const float x : {out[0], out[3], out[4]}) EXPECT_NEAR((x - least) / scale, std::round((x - least) / scale), 1e-3);
  EXPECT_NEAR(out[4], 1, scale / 2);
  EXPECT_THAT(fake_quant(1, 2, 8, false, {0}, out), HasSubstr("must have a range that holds 0"));
  EXPECT_THAT(fake_quant(-1, 2, 40, false, {0}, out), HasSubstr("must have 2 to 16 bits, not 40"));
  EXPECT_THAT(fake_quant(-1, 2, 8, true, {0}, out), HasSubstr("cannot use a narrow range"));
}

TEST(LocalResponseNormalization, DividesByTheNeighbours) {
  const Floats in = random_floats(2 * 7);
  SingleOp<tfl::LocalResponseNormalization> op;
  op.input<float>({1, 2, 1, 7}, in);
  op.output<float>();
  op.options([=](auto& tables) { return tfl::schema::CreateLocalResponseNormalizationOptions(tables, 2, 9.0f, 4.0f, 0.5f); });
  ASSERT_EQ(op.run(), "");
  const Floats got = op.values<float>();
  for (int row = 0; row < 2; ++row) {
    for (int c = 0; c < 7; ++c) {
      double sum = 0;
      for (int k = std::max(0, c - 2); k < std::min(7, c + 2); ++k) sum += std::pow(in[static_cast<std::size_t>(row * 7 + k)], 2);
      const auto at = static_cast<std::size_t>(row * 7 + c);
      EXPECT_NEAR(got[at], in[at] / std::sqrt(9 + 4 * sum), 1e-6);
    }
  }
}

TEST(Cumsum, SumsAlongAnAxis) {
  for (int round = 0; round < 20; ++round) {
    const Dims dims{random_int(1, 3), random_int(round % 5 == 0 ? 0 : 1, 4), random_int(1, 5)};
    const int axis = random_int(0, 2);
    const bool exclusive = random_int(0, 1) == 1, reverse = random_int(0, 1) == 1;
    Ints in(count_of(dims));
    for (auto& x : in) x = random_int(-50, 50);
    Ints wanted(in.size());
    const int step = axis == 0 ? dims[1] * dims[2] : axis == 1 ? dims[2] : 1;
    for (int i = 0; i < static_cast<int>(in.size()); ++i) {
      const int extent = dims[static_cast<std::size_t>(axis)], at = i / step % extent;
      for (int k = 0; k < extent; ++k) {
        const bool taken = reverse ? (exclusive ? k > at : k >= at) : (exclusive ? k < at : k <= at);
        if (taken) wanted[static_cast<std::size_t>(i)] += in[static_cast<std::size_t>(i + (k - at) * step)];
      }
    }
    SingleOp<tfl::Cumsum> op;
    op.input<std::int32_t>(dims, in);
    op.input<std::int32_t>({}, {round % 2 == 0 ? axis : axis - 3});
    op.output<std::int32_t>();
    op.options([=](auto& tables) { return tfl::schema::CreateCumsumOptions(tables, exclusive, reverse); });
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.values<std::int32_t>(), wanted);
  }
}

std::string bucketize(const Floats& boundaries, const Floats& in, Ints& out) {
  SingleOp<tfl::Bucketize> op;
  op.input<float>({static_cast<std::int32_t>(in.size())}, in);
  op.output<std::int32_t>();
  op.options([&](auto& tables) { return tfl::schema::CreateBucketizeOptionsDirect(tables, &boundaries); });
  const std::string error = op.run();
  out = op.values<std::int32_t>();
  return error;
}
TEST(Bucketize, CountsBoundariesReached) {
  Ints out;
  EXPECT_EQ(bucketize({0, 10, 100}, {-5, 0, 9.5f, 10, 1e9f, NAN}, out), "");
  EXPECT_EQ(out, (Ints{0, 1, 1, 2, 3, 3}));
  EXPECT_EQ(bucketize({}, {1}, out), "");
  EXPECT_EQ(out, Ints{0});
  EXPECT_THAT(bucketize({1, 0}, {1}, out), HasSubstr("must have boundaries in rising order, but number 1"));
}

std::string broadcast_args(const Ints& a, const Ints& b, Ints& out) {
  SingleOp<tfl::BroadcastArgs> op;
  op.input<std::int32_t>({static_cast<std::int32_t>(a.size())}, a);
  op.input<std::int32_t>({static_cast<std::int32_t>(b.size())}, b);
  op.output<std::int32_t>();
  const std::string error = op.run();
  out = op.values<std::int32_t>();
  return error;
}
TEST(BroadcastArgs, MakesTheCommonShape) {
  Ints out;
  EXPECT_EQ(broadcast_args({2, 1, 3}, {4, 1}, out), "");
  EXPECT_EQ(out, (Ints{2, 4, 3}));
  EXPECT_EQ(broadcast_args({}, {0, 7}, out), "");
  EXPECT_EQ(out, (Ints{0, 7}));
  EXPECT_THAT(broadcast_args({2, 3}, {2}, out), HasSubstr("does not broadcast: its dimension 0 is 2, that of input 0 is 3"));
}

template <class Op, class T> std::string segments(const Ints& ids, int count, std::vector<T>& out) {
  SingleOp<Op> op;
  const auto n = static_cast<std::int32_t>(ids.size());
  std::vector<T> data;
  for (int i = 0; i < n * 2; ++i) data.push_back(static_cast<T>(i + 1));
  op.template input<T>({n, 2}, data);
  op.template input<std::int32_t>({n}, ids);
  if constexpr (!std::is_same_v<Op, tfl::SegmentSum>) op.template input<std::int32_t>({}, {count});
  op.template output<T>();
  const std::string error = op.run();
  out = op.template values<T>();
  return error;
}
TEST(Segments, AreCombined) {
  Ints out;
  EXPECT_EQ((segments<tfl::SegmentSum>({0, 0, 1}, 0, out)), "");
  EXPECT_EQ(out, (Ints{4, 6, 5, 6}));
  EXPECT_THAT((segments<tfl::SegmentSum>({0, 2}, 0, out)), HasSubstr("but element 1 is 2"));
  EXPECT_THAT((segments<tfl::SegmentSum>({1, 1}, 0, out)), HasSubstr("must begin with 0"));
  EXPECT_EQ((segments<tfl::UnsortedSegmentSum>({2, -1, 2}, 3, out)), "");
  EXPECT_EQ(out, (Ints{0, 0, 0, 0, 6, 8}));
  EXPECT_EQ((segments<tfl::UnsortedSegmentProd>({1, 0, 1}, 2, out)), "");
  EXPECT_EQ(out, (Ints{3, 4, 5, 12}));
  EXPECT_THAT((segments<tfl::UnsortedSegmentSum>({0, 3}, 3, out)), HasSubstr("must hold ids below 3, but element 1 is 3"));
  EXPECT_THAT((segments<tfl::UnsortedSegmentSum>({0}, -1, out)), HasSubstr("must not be negative"));
  Floats reals;
  EXPECT_EQ((segments<tfl::UnsortedSegmentMax>({1, 1}, 2, reals)), "");
  EXPECT_EQ(reals, (Floats{std::numeric_limits<float>::lowest(), std::numeric_limits<float>::lowest(), 3, 4}));
  EXPECT_EQ((segments<tfl::UnsortedSegmentMin>({1, 1}, 2, reals)), "");
  EXPECT_EQ(reals, (Floats{std::numeric_limits<float>::max(), std::numeric_limits<float>::max(), 1, 2}));
}

TEST(EmbeddingLookup, PicksRows) {
  SingleOp<tfl::EmbeddingLookup> op;
  op.input<std::int32_t>({3}, {1, 0, 1});
  op.input<float>({2, 2}, {1, 2, 3, 4});
  op.output<float>();
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<float>(), (Floats{3, 4, 1, 2, 3, 4}));
  SingleOp<tfl::EmbeddingLookup> scaled;
  scaled.input<std::int32_t>({2}, {1, 0});
  scaled.constant<std::int8_t>({2, 2}, {1, -2, 127, -128}, {.scales = {0.5f, 2.0f}, .zero_points = {0, 0}});
  scaled.output<float>();
  ASSERT_EQ(scaled.run(), "");
  EXPECT_EQ(scaled.values<float>(), (Floats{254, -256, 0.5f, -1}));
  SingleOp<tfl::EmbeddingLookup> nibbles;
  nibbles.input<std::int32_t>({2}, {1, 0});
  nibbles.constant<tfl::Int4Pair>({2, 2}, tfl::test::int4_pairs({1, -2, 7, -8}), {.scales = {0.5f}, .zero_points = {0}});
  nibbles.output<float>();
  ASSERT_EQ(nibbles.run(), "");
  EXPECT_EQ(nibbles.values<float>(), (Floats{3.5f, -4, 0.5f, -1}));
  SingleOp<tfl::EmbeddingLookup> outside;
  outside.input<std::int32_t>({2}, {1, 2});
  outside.input<float>({2, 2}, {1, 2, 3, 4});
  outside.output<float>();
  EXPECT_THAT(outside.run(), HasSubstr("must hold indices from 0 to 1, but element 1 is 2"));
}

std::string lookup_sparse(tfl::schema::CombinerType combiner, const Ints& ids, const Ints& places, Floats& out) {
  SingleOp<tfl::EmbeddingLookupSparse> op;
  op.input<std::int32_t>({3}, ids);
  op.input<std::int32_t>({3, 2}, places);
  op.input<std::int32_t>({2}, {3, 2});
  op.input<float>({3}, {1, 2, 4});
  op.input<float>({2, 2}, {1, 2, 10, 20});
  op.output<float>();
  op.options([=](auto& tables) { return tfl::schema::CreateEmbeddingLookupSparseOptions(tables, combiner); });
  const std::string error = op.run();
  out = op.values<float>();
  return error;
}
TEST(EmbeddingLookupSparse, CombinesRows) {
  using tfl::schema::CombinerType;
  const Ints ids{1, 0, 0}, places{0, 0, 2, 0, 2, 1};
  Floats out;
  EXPECT_EQ(lookup_sparse(CombinerType::SUM, ids, places, out), "");
  EXPECT_EQ(out, (Floats{10, 20, 0, 0, 6, 12}));
  EXPECT_EQ(lookup_sparse(CombinerType::MEAN, ids, places, out), "");
  EXPECT_EQ(out, (Floats{10, 20, 0, 0, 1, 2}));
  EXPECT_EQ(lookup_sparse(CombinerType::SQRTN, ids, places, out), "");
  EXPECT_FLOAT_EQ(out[4], 6 / std::sqrt(20.0f));
  EXPECT_THAT(lookup_sparse(CombinerType::SUM, {1, 2, 0}, places, out), HasSubstr("must hold rows from 0 to 1, but element 1 is 2"));
  EXPECT_THAT(lookup_sparse(CombinerType::SUM, ids, {0, 0, 3, 0, 2, 1}, out),
              HasSubstr("must hold indices from 0 to 2, but element 2 is 3"));
}

/// A convolution of volumes as sums over all pairs of an element and a tap. Transposed: what goes in and out changes sides.
TEST(Conv3D, BothWays) {
  for (int round = 0; round < 24; ++round) {
    const bool transposed = round % 2 == 1, same = random_int(0, 1) == 1;
    int large[3], small[3], filter[3], stride[3], dilation[3], before[3];
    for (int i = 0; i < 3; ++i) {
      filter[i] = random_int(1, 3);
      stride[i] = random_int(1, 2);
      dilation[i] = same && stride[i] > 1 ? 1 : random_int(1, 2);
      const int extent = (filter[i] - 1) * dilation[i] + 1;
      large[i] = random_int(extent, 6);
      small[i] = same ? (large[i] + stride[i] - 1) / stride[i] : (large[i] - extent) / stride[i] + 1;
      before[i] = std::max(0, (small[i] - 1) * stride[i] + extent - large[i]) / 2;
    }
    const int batch = random_int(1, 2), outer = random_int(1, 3), inner = random_int(1, 3);  // channels of the large and the small side
    const Dims large_dims{batch, large[0], large[1], large[2], outer}, small_dims{batch, small[0], small[1], small[2], inner};
    const Floats in = random_floats(count_of(transposed ? small_dims : large_dims));
    // Both filters are [D, H, W, channels of the large side, channels of the small side].
    const Floats weights = random_floats(static_cast<std::size_t>(filter[0] * filter[1] * filter[2] * outer * inner));
    const Floats bias = random_floats(static_cast<std::size_t>(transposed ? outer : inner));
    std::vector<double> wanted(count_of(transposed ? large_dims : small_dims));
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = double{bias[i % bias.size()]};
    const auto at = [](const Dims& dims, int n, int d, int h, int w, int c) {
      return static_cast<std::size_t>((((n * dims[1] + d) * dims[2] + h) * dims[3] + w) * dims[4] + c);
    };
    for (int n = 0; n < batch; ++n)
      for (int d = 0; d < small[0]; ++d)
        for (int h = 0; h < small[1]; ++h)
          for (int w = 0; w < small[2]; ++w)
            for (int kd = 0; kd < filter[0]; ++kd)
              for (int kh = 0; kh < filter[1]; ++kh)
                for (int kw = 0; kw < filter[2]; ++kw) {
                  const int x = d * stride[0] - before[0] + kd * dilation[0], y = h * stride[1] - before[1] + kh * dilation[1],
                            z = w * stride[2] - before[2] + kw * dilation[2];
                  if (x < 0 || x >= large[0] || y < 0 || y >= large[1] || z < 0 || z >= large[2]) continue;
                  for (int o = 0; o < outer; ++o)
                    for (int i = 0; i < inner; ++i) {
                      const float weight =
                          weights[static_cast<std::size_t>((((kd * filter[1] + kh) * filter[2] + kw) * outer + o) * inner + i)];
                      const std::size_t l = at(large_dims, n, x, y, z, o), s = at(small_dims, n, d, h, w, i);
                      if (transposed)
                        wanted[l] += double{weight} * double{in[s]};
                      else
                        wanted[s] += double{weight} * double{in[l]};
                    }
                }
    const auto options = [&](auto& tables) {
      return tfl::schema::CreateConv3DOptions(tables, same ? tfl::schema::Padding::SAME : tfl::schema::Padding::VALID, stride[0], stride[2],
                                              stride[1], tfl::schema::ActivationFunctionType::RELU, dilation[0], dilation[2], dilation[1]);
    };
    const Dims filter_dims{filter[0], filter[1], filter[2], outer, inner};
    Floats got;
    if (transposed) {
      SingleOp<tfl::Conv3DTranspose> op;
      op.input<std::int32_t>({5}, large_dims);
      op.input<float>(filter_dims, weights);
      op.input<float>(small_dims, in);
      op.input<float>({outer}, bias);
      op.output<float>();
      op.options(options);
      ASSERT_EQ(op.run(), "");
      got = op.values<float>();
    } else {
      SingleOp<tfl::Conv3D> op;
      op.input<float>(large_dims, in);
      op.input<float>(filter_dims, weights);
      op.input<float>({inner}, bias);
      op.output<float>();
      op.options(options);
      ASSERT_EQ(op.run(), "");
      got = op.values<float>();
    }
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], std::max(0.0, wanted[i]), 1e-4) << i;
  }
}

template <class Op, class T> std::vector<T> pairs(const std::vector<T>& a, const std::vector<T>& b) {
  SingleOp<Op> op;
  const auto n = static_cast<std::int32_t>(a.size());
  op.template input<T>({n}, a);
  op.template input<T>({n}, b);
  op.template output<T>();
  EXPECT_EQ(op.run(), "");
  return op.template values<T>();
}
TEST(Stablehlo, Pairs) {
  using Bytes = std::vector<std::int8_t>;
  using Words = std::vector<std::uint16_t>;
  EXPECT_EQ((pairs<tfl::StablehloAdd>(Bytes{100, -1}, Bytes{100, 3})), (Bytes{-56, 2}));
  EXPECT_EQ((pairs<tfl::StablehloMultiply>(Words{65535, 3}, Words{65535, 4})), (Words{1, 12}));
  EXPECT_EQ((pairs<tfl::StablehloMaximum>(Floats{1, 5}, Floats{2, -3})), (Floats{2, 5}));
  EXPECT_EQ((pairs<tfl::StablehloMinimum>(Floats{1, 5}, Floats{2, -3})), (Floats{1, -3}));
  EXPECT_EQ((pairs<tfl::StablehloAnd>(Bytes{6, -1}, Bytes{3, 5})), (Bytes{2, 5}));
  EXPECT_EQ((pairs<tfl::StablehloShiftLeft>(Bytes{3, 1, 1}, Bytes{2, 7, 8})), (Bytes{12, -128, 0}));
}

}  // namespace
