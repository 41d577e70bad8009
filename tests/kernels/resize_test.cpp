// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR, pixel by pixel.
// archs: last

#include "tfl/kernels/resize.hpp"

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

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;

std::mt19937 random_engine(24);
int random_int(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_engine); }

template <class T> struct Image {
  int n, h, w, c;
  std::vector<T> values;
  Image(int n_, int h_, int w_, int c_) : n(n_), h(h_), w(w_), c(c_), values(static_cast<std::size_t>(n_ * h_ * w_ * c_)) {}
  T& at(int b, int y, int x, int k) { return values[static_cast<std::size_t>(((b * h + y) * w + x) * c + k)]; }
  Dims dims() const { return {n, h, w, c}; }
};

struct Mode {
  bool align = false, half = false;
};
auto bilinear(Mode mode) {
  return [mode](auto& tables) {
    tfl::schema::ResizeBilinearOptionsBuilder options(tables);
    options.add_align_corners(mode.align);
    options.add_half_pixel_centers(mode.half);
    return options.Finish();
  };
}

// In float32, each operation rounded: `volatile` keeps products and sums apart.
struct Place {
  int lower, upper;
  float fraction;
};
Place place(int i, int in, int out, Mode mode) {
  const float scale =
      mode.align && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : static_cast<float>(in) / static_cast<float>(out);
  volatile float product = (static_cast<float>(i) + (mode.half ? 0.5f : 0.0f)) * scale;
  const float at = mode.half ? product - 0.5f : product;
  const int lower = std::max(static_cast<int>(std::floor(at)), 0);
  return {lower, std::min(static_cast<int>(std::ceil(at)), in - 1), at - static_cast<float>(lower)};
}
float weighted(float value, float a, float b) {
  volatile float once = value * a;
  volatile float twice = once * b;
  return twice;
}
template <class T> T mixed(Image<T>& in, int b, Place y, Place x, int k) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, std::uint8_t>) {
    volatile float sum = weighted(in.at(b, y.lower, x.lower, k), 1 - y.fraction, 1 - x.fraction);
    sum = sum + weighted(in.at(b, y.upper, x.lower, k), y.fraction, 1 - x.fraction);
    sum = sum + weighted(in.at(b, y.lower, x.upper, k), 1 - y.fraction, x.fraction);
    sum = sum + weighted(in.at(b, y.upper, x.upper, k), y.fraction, x.fraction);
    return static_cast<T>(std::is_same_v<T, float> ? float{sum} : sum + 0.5f);
  }
  return T{};
}

// In integers: positions in 1/1024 pixels, results in 2^-20, halves rounded away from zero.
struct WholePlace {
  std::int64_t lower, upper, fraction;
};
WholePlace whole_place(int i, int in, int out, Mode mode) {
  const std::int64_t from = mode.align && out > 1 ? in - 1 : in, to = mode.align && out > 1 ? out - 1 : out;
  const std::int64_t scale = (1024 * from + to / 2) / to;
  const std::int64_t at = mode.half ? i * scale + scale / 2 - 512 : i * scale;
  const std::int64_t lower = std::max<std::int64_t>(at / 1024, 0);
  return {lower, std::min<std::int64_t>((at + 1023) / 1024, in - 1), at - 1024 * lower};
}
template <class T> T mixed(Image<T>& in, int b, WholePlace y, WholePlace x, int k) {
  const auto at = [&](std::int64_t row, std::int64_t column) {
    return std::int64_t{in.at(b, static_cast<int>(row), static_cast<int>(column), k)};
  };
  const std::int64_t sum = at(y.lower, x.lower) * (1024 - y.fraction) * (1024 - x.fraction) +
                           at(y.upper, x.lower) * y.fraction * (1024 - x.fraction) +
                           at(y.lower, x.upper) * (1024 - y.fraction) * x.fraction + at(y.upper, x.upper) * y.fraction * x.fraction;
  return static_cast<T>((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
}

template <class T> void check_bilinear(Mode mode) {
  for (int round = 0; round < 25; ++round) {
    Image<T> in(random_int(1, 2), random_int(1, 9), random_int(1, 9), random_int(0, 1) == 0 ? random_int(1, 5) : random_int(16, 40));
    // Output sizes near the input's keep the integer positions inside the image, where the formula above is defined.
    Image<T> out(in.n, random_int(1, 20), random_int(1, 20), in.c);
    for (T& v : in.values) {
      v = std::is_same_v<T, float> ? static_cast<T>(random_int(-1000, 1000)) / T(8)
                                   : static_cast<T>(random_int(static_cast<int>(std::numeric_limits<T>::lowest() < 0 ? -32768 : 0), 32767));
    }
    for (int b = 0; b < out.n; ++b) {
      for (int y = 0; y < out.h; ++y) {
        for (int x = 0; x < out.w; ++x) {
          for (int k = 0; k < out.c; ++k) {
            if constexpr (std::is_same_v<T, float> || std::is_same_v<T, std::uint8_t>) {
              out.at(b, y, x, k) = mixed(in, b, place(y, in.h, out.h, mode), place(x, in.w, out.w, mode), k);
            } else {
              out.at(b, y, x, k) = mixed(in, b, whole_place(y, in.h, out.h, mode), whole_place(x, in.w, out.w, mode), k);
            }
          }
        }
      }
    }
    SingleOp<tfl::ResizeBilinear> op;
    op.input<T>(in.dims(), in.values);
    if (round % 3 == 0) {
      op.input<std::int32_t>({2}, {out.h, out.w});
    } else {
      op.constant<std::int32_t>({2}, {out.h, out.w});
    }
    op.output<T>();
    op.options(bilinear(mode));
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(out.dims()));
    if constexpr (std::is_same_v<T, float>) {
      const auto got = op.values<float>();
      ASSERT_EQ(got.size(), out.values.size());
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], out.values[i], 1e-4f) << i;
    } else {
      ASSERT_EQ(op.values<T>(), out.values) << in.h << " x " << in.w << " to " << out.h << " x " << out.w;
    }
  }
}
TEST(ResizeBilinear, MixesNeighbours) {
  for (const Mode mode : {Mode{}, Mode{.align = true}, Mode{.half = true}}) {
    SCOPED_TRACE(mode.align ? "align_corners" : mode.half ? "half_pixel_centers" : "plain");
    check_bilinear<float>(mode);
    check_bilinear<std::int8_t>(mode);
    check_bilinear<std::uint8_t>(mode);
    check_bilinear<std::int16_t>(mode);
  }
}
TEST(ResizeBilinear, StaysInsideHoweverMuchItEnlarges) {
  Image<std::int8_t> in(1, 3, 3, 1);
  in.values = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  SingleOp<tfl::ResizeBilinear> op;  // 3 / 1999 rounds up to 2 / 1024: the last rows' places lie past the image
  op.input<std::int8_t>(in.dims(), in.values);
  op.constant<std::int32_t>({2}, {1999, 2});
  op.output<std::int8_t>();
  ASSERT_EQ(op.run(), "");
  const auto got = op.values<std::int8_t>();
  EXPECT_EQ(got.front(), 1);
  EXPECT_EQ(got[got.size() - 2], 7);
}

template <class T> void check_nearest(Mode mode) {
  for (int round = 0; round < 25; ++round) {
    Image<T> in(random_int(1, 2), random_int(1, 9), random_int(1, 9), random_int(1, 9));
    Image<T> out(in.n, random_int(1, 20), random_int(1, 20), in.c);
    for (std::size_t i = 0; i < in.values.size(); ++i) in.values[i] = static_cast<T>(i);
    const auto source = [&](int i, int from, int to) {
      const float scale = mode.align && to > 1 ? static_cast<float>(from - 1) / static_cast<float>(to - 1)
                                               : static_cast<float>(from) / static_cast<float>(to);
      const float at = (static_cast<float>(i) + (mode.half ? 0.5f : 0.0f)) * scale;
      return std::min(static_cast<int>(mode.align ? std::round(at) : std::floor(at)), from - 1);
    };
    for (int b = 0; b < out.n; ++b) {
      for (int y = 0; y < out.h; ++y) {
        for (int x = 0; x < out.w; ++x) {
          for (int k = 0; k < out.c; ++k) out.at(b, y, x, k) = in.at(b, source(y, in.h, out.h), source(x, in.w, out.w), k);
        }
      }
    }
    SingleOp<tfl::ResizeNearestNeighbor> op;
    op.input<T>(in.dims(), in.values);
    op.constant<std::int32_t>({2}, {out.h, out.w});
    op.output<T>();
    op.options([&](auto& tables) { return tfl::schema::CreateResizeNearestNeighborOptions(tables, mode.align, mode.half); });
    ASSERT_EQ(op.run(), "");
    ASSERT_EQ(op.shape(), tfl::Shape::from(out.dims()));
    ASSERT_EQ(op.values<T>(), out.values);
  }
}
TEST(ResizeNearestNeighbor, PicksPixels) {
  for (const Mode mode : {Mode{}, Mode{.align = true}, Mode{.half = true}, Mode{true, true}}) {
    check_nearest<std::int8_t>(mode);
    check_nearest<std::int16_t>(mode);
    check_nearest<float>(mode);
  }
}

std::string resize(Dims shape, std::vector<std::int32_t> size, Mode mode) {
  std::size_t count = 1;
  for (const auto d : shape) count *= static_cast<std::size_t>(d);
  SingleOp<tfl::ResizeBilinear> op;
  op.input<float>(shape, std::vector<float>(count));
  op.constant<std::int32_t>({static_cast<std::int32_t>(size.size())}, size);
  op.output<float>();
  op.options(bilinear(mode));
  return op.run();
}
TEST(Resize, SaysWhatIsWrong) {
  EXPECT_THAT(resize({2, 2, 1}, {2, 2}, {}), HasSubstr("must have 4 dimensions, not 3"));
  EXPECT_THAT(resize({1, 2, 2, 1}, {2, 2, 2}, {}), HasSubstr("must hold two numbers, the new height and width, not 3"));
  EXPECT_THAT(resize({1, 2, 2, 1}, {2, 0}, {}), HasSubstr("must hold sizes of at least 1; element 1 is 0"));
  EXPECT_THAT(resize({1, 2, 2, 1}, {-1, 2}, {}), HasSubstr("element 0 is -1"));
  EXPECT_THAT(resize({1, 0, 2, 1}, {2, 2}, {}), HasSubstr("has no pixels to make 2 x 2 from"));
  EXPECT_THAT(resize({1, 2, 2, 1}, {2, 2}, {true, true}), HasSubstr("has both align_corners and half_pixel_centers"));
}

}  // namespace
