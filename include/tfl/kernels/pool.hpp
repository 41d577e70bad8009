#pragma once
// AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D: one number from each window, channel by channel, in vectors along the channels.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"
#include "tfl/simd/narrower.hpp"

namespace tfl {

namespace detail {

enum class PoolKind : std::uint8_t { average, max, l2 };

/// The elements of a window that lie inside the image: `rows` lines of `columns` positions.
struct PoolWindow {
  std::int64_t rows, columns;
  std::int64_t line, position;  // elements from one to the next
};

// What becomes of a window, for as many channels as vectors of B have lanes. A is the kernel's architecture and keeps the code of
// several in one program apart; B may be narrower.

/// Sums of narrow integers, divided and rounded half away from zero.
template <class A, class T> struct IntegerAverage {
  Int32Range range;
  std::int32_t count, reciprocal;  // floor(2^31 / count)

  IntegerAverage(const Int32Range& r, std::int64_t window)
      : range(r),
        count(static_cast<std::int32_t>(window)),
        reciprocal(window > 1 ? static_cast<std::int32_t>((std::int64_t{1} << 31) / window) : 0) {}

  /// Requires |sum| + count / 2 < 2^31.
  template <class B> TFL_ALWAYS_INLINE simd::Int32<B> finish(const simd::Int32<B>& sum) const {
    using W = simd::Int32<B>;
    const W one(1), zero(0), minus_one(-1);
    W y = sum;
    if (count > 1) {
      const W n = simd::abs(sum) + W(count / 2), divisor(count);
      // The estimate is off by at most one: less than one by the reciprocal's fraction, half by rounding.
      W quotient = simd::Int32Ops<B>::high_mul(n, W(reciprocal));
      const W rest = n - quotient * divisor;
      quotient = quotient + simd::min(simd::max(rest, minus_one), zero);              // -1 where the rest is negative
      quotient = quotient + simd::min(simd::max(rest - (divisor - one), zero), one);  // 1 where it is a divisor or more
      y = quotient * simd::min(simd::max(sum, minus_one), one);
    }
    return simd::min(simd::max(y, W(range.lo)), W(range.hi));
  }

  template <class B> TFL_ALWAYS_INLINE void run(const T* from, const PoolWindow& w, T* to) const {
    using W = simd::Int32<B>;
    W sum0(0), sum1(0);
    for (std::int64_t y = 0; y < w.rows; ++y) {
      const T* p = from + y * w.line;
      std::int64_t x = 0;
      for (; x + 2 <= w.columns; x += 2, p += 2 * w.position) {
        sum0 = sum0 + simd::load_int32<B>(p);
        sum1 = sum1 + simd::load_int32<B>(p + w.position);
      }
      if (x < w.columns) sum0 = sum0 + simd::load_int32<B>(p);
    }
    simd::store_saturated<B>(to, finish<B>(sum0 + sum1));
  }
  template <class B> static constexpr int width = simd::lanes<std::int32_t, B>;
};

template <class A> struct FloatAverage {
  FloatRange range;
  float count;
  FloatAverage(const FloatRange& r, std::int64_t window) : range(r), count(static_cast<float>(window)) {}

  template <class B> TFL_ALWAYS_INLINE void run(const float* from, const PoolWindow& w, float* to) const {
    using V = simd::Float32<B>;
    V sum(0.0f);
    for (std::int64_t y = 0; y < w.rows; ++y) {
      const float* p = from + y * w.line;
      for (std::int64_t x = 0; x < w.columns; ++x, p += w.position) sum = sum + simd::load<B>(p);
    }
    simd::store(to, simd::min(simd::max(sum / V(count), V(range.lo)), V(range.hi)));
  }
  template <class B> static constexpr int width = simd::lanes<float, B>;
};

template <class A> struct FloatL2 {
  FloatRange range;
  float count;
  FloatL2(const FloatRange& r, std::int64_t window) : range(r), count(static_cast<float>(window)) {}

  template <class B> TFL_ALWAYS_INLINE void run(const float* from, const PoolWindow& w, float* to) const {
    using V = simd::Float32<B>;
    V sum(0.0f);
    for (std::int64_t y = 0; y < w.rows; ++y) {
      const float* p = from + y * w.line;
      for (std::int64_t x = 0; x < w.columns; ++x, p += w.position) {
        const V value = simd::load<B>(p);
        sum = simd::fma(value, value, sum);
      }
    }
    simd::store(to, simd::min(simd::max(simd::sqrt(sum / V(count)), V(range.lo)), V(range.hi)));
  }
  template <class B> static constexpr int width = simd::lanes<float, B>;
};

template <class A, class T> struct Maximum {
  T lo, hi;
  template <class Range> Maximum(const Range& r, std::int64_t) : lo(static_cast<T>(r.lo)), hi(static_cast<T>(r.hi)) {}

  template <class B> TFL_ALWAYS_INLINE void run(const T* from, const PoolWindow& w, T* to) const {
    using V = simd::Batch<T, B>;
    V most(std::numeric_limits<T>::lowest());
    for (std::int64_t y = 0; y < w.rows; ++y) {
      const T* p = from + y * w.line;
      for (std::int64_t x = 0; x < w.columns; ++x, p += w.position) most = simd::max(most, simd::load<B>(p));
    }
    simd::store(to, simd::min(simd::max(most, V(lo)), V(hi)));
  }
  template <class B> static constexpr int width = static_cast<int>(simd::Batch<T, B>::size);
};

/// All channels of a window: full vectors, the last one overlapping; where there are fewer channels, narrower vectors.
template <class B, class F, class T>
TFL_ALWAYS_INLINE void pool_channels(const F& function, const T* from, const PoolWindow& w, std::int64_t channels, T* to) {
  constexpr int width = F::template width<B>;
  if (channels >= width) {
    std::int64_t c = 0;
    for (; c + width <= channels; c += width) function.template run<B>(from + c, w, to + c);
    if (c < channels) function.template run<B>(from + channels - width, w, to + channels - width);
  } else if constexpr (width > 1) {
    pool_channels<simd::Narrower<B>>(function, from, w, channels, to);
  }
}

/// What the three have in common.
template <PoolKind Kind> struct Pool2D {
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr std::array<Fold, 2> folds{Fold::nhwc, Fold::nhwc};
  static constexpr OpTraits traits{.clamps = true};

  struct Options {
    Padding padding = Padding::same;
    std::int32_t stride_h = 0, stride_w = 0, filter_h = 0, filter_w = 0;
    Activation activation = Activation::none;
    Border border{};  // MAX_POOL_2D only: of values that are never the largest, which the input lacks
    template <class Table> static constexpr Options read(const Table& table) {
      return {static_cast<Padding>(table.padding()),
              table.stride_h(),
              table.stride_w(),
              table.filter_height(),
              table.filter_width(),
              activation_from(static_cast<std::int64_t>(table.fused_activation_function())),
              {}};
    }
  };

  struct Prepared {
    WindowAxis y, x;
    FloatRange real{};
    Int32Range integer{};
  };

  static constexpr bool take_border(Options& options, const NodeDescription&, const Border& border) requires(Kind == PoolKind::max) {
    if (!border.is_least || options.padding != Padding::valid || !fits_window(border.top, border.bottom, options.filter_h, 1) ||
        !fits_window(border.left, border.right, options.filter_w, 1)) {
      return false;
    }
    options.border = border;
    return true;
  }

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_rank(node, 0, 4)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (options.filter_h < 1 || options.filter_w < 1) {
      return node_violation(ErrorCode::invalid_option, "must have windows of at least 1 x 1, not {} x {}", options.filter_h,
                            options.filter_w);
    }
    if (const Violation v = require_window_options(options.stride_h, options.stride_w)) return v;
    if (options.padding > Padding::valid) return node_violation(ErrorCode::invalid_option, "has an unknown padding");
    if (!is_clamp(options.activation))
      return node_violation(ErrorCode::invalid_option, "has a fused activation other than RELU, RELU_N1_TO_1 and RELU6");
    const Shape& input = node.input(0).shape;
    WindowAxis y, x;
    if (const Violation v = make_axes(options, input, y, x)) return v;
    const TensorType type = node.input(0).type;
    if (type == TensorType::int8 || type == TensorType::uint8 || type == TensorType::int16) {
      if (const Violation v = check_quantized(options, node, y, x)) return v;
    }
    node.output(0).shape = {input[0], static_cast<std::int32_t>(y.output), static_cast<std::int32_t>(x.output), input[3]};
    return {};
  }

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    (void)make_axes(options, node.input(0).shape, p.y, p.x);
    p.real = float_range(options.activation);
    p.integer = quantized_range(options.activation, node.output(0).type, node.output(0).quantization);
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    using T = typename In::value_type;
    const Prepared& p = run.prepared;
    const std::int64_t channels = in.extent(3), line = p.x.input * channels;
    if (out.count() == 0) return;
    // A filter may be far larger than its input.
    const std::int64_t taps = std::min(p.y.filter, p.y.input) * std::min(p.x.filter, p.x.input),
                       cost = p.x.output * channels * taps / 16 + 1;
    run.executor.parallel_for(std::int64_t{in.extent(0)} * p.y.output, cost, [&](std::int64_t first, std::int64_t last, int) {
      Function<A, T> function(range_of<T>(p), 1);
      std::int64_t count = 1;  // of the window that `function` is for
      for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t iy = p.y.origin(row % p.y.output);
        const std::int64_t y0 = p.y.first_tap(iy), y1 = p.y.last_tap(iy);
        const T* image = in.data() + row / p.y.output * p.y.input * line;
        T* to = out.data() + row * p.x.output * channels;
        for (std::int64_t ox = 0; ox < p.x.output; ++ox, to += channels) {
          const std::int64_t ix = p.x.origin(ox);
          const std::int64_t x0 = p.x.first_tap(ix), x1 = p.x.last_tap(ix);
          const PoolWindow w{y1 - y0, x1 - x0, line, channels};
          if (w.rows * w.columns != count) {
            count = w.rows * w.columns;
            function = Function<A, T>(range_of<T>(p), count);
          }
          pool_channels<A>(function, image + (iy + y0) * line + (ix + x0) * channels, w, channels, to);
        }
      }
    });
  }

 private:
  static constexpr Violation make_axes(const Options& options, const Shape& input, WindowAxis& y, WindowAxis& x) {
    const Border& border = options.border;
    if (const Violation v =
            make_window_axis(y, options.padding, input[1], options.filter_h, options.stride_h, 1, 0, border.top, border.bottom)) {
      return v;
    }
    return make_window_axis(x, options.padding, input[2], options.filter_w, options.stride_w, 1, 0, border.left, border.right);
  }

  static constexpr Violation check_quantized(const Options& options, const NodeDescription& node, const WindowAxis& y,
                                             const WindowAxis& x) {
    if (Kind == PoolKind::l2) return {};
    if (options.activation != Activation::none) {
      if (const Violation v = require_quantized_output(node, 0)) return v;
    }
    if (Kind != PoolKind::average) return {};
    // The sum of a window and half its size stay below 2^31.
    const std::int64_t rows = y.filter < y.input ? y.filter : y.input, columns = x.filter < x.input ? x.filter : x.input;
    const std::int64_t most = node.input(0).type == TensorType::int16 ? 65000 : 8000000;
    if (rows * columns > most) {
      return node_violation(ErrorCode::invalid_option, "must have windows that cover at most {} elements of a channel, not {}", most,
                            rows * columns);
    }
    return {};
  }

  template <class A, class T>
  using Function =
      std::conditional_t<Kind == PoolKind::max, Maximum<A, T>,
                         std::conditional_t<Kind == PoolKind::l2, FloatL2<A>,
                                            std::conditional_t<std::is_same_v<T, float>, FloatAverage<A>, IntegerAverage<A, T>>>>;

  template <class T> static auto range_of(const Prepared& p) {
    if constexpr (std::is_same_v<T, float>) {
      return p.real;
    } else {
      return p.integer;
    }
  }
};

using PoolTypes = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                             Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>, Signature<Takes<std::int16_t>, Gives<std::int16_t>>>;

}  // namespace detail

/// AVERAGE_POOL_2D: input[N,H,W,C] -> output[N,OH,OW,C], the mean of the window's elements inside the image
struct AveragePool2D : detail::Pool2D<detail::PoolKind::average> {
  static constexpr BuiltinOperator code = BuiltinOperator::AVERAGE_POOL_2D;
  static constexpr int max_version = 3;
  using Types = detail::PoolTypes;
};

/// MAX_POOL_2D: input[N,H,W,C] -> output[N,OH,OW,C], the largest of the window's elements inside the image
struct MaxPool2D : detail::Pool2D<detail::PoolKind::max> {
  static constexpr BuiltinOperator code = BuiltinOperator::MAX_POOL_2D;
  static constexpr int max_version = 3;
  using Types = detail::PoolTypes;
};

/// L2_POOL_2D: input[N,H,W,C] -> output[N,OH,OW,C], sqrt(mean(x * x)) over the window's elements inside the image
struct L2Pool2D : detail::Pool2D<detail::PoolKind::l2> {
  static constexpr BuiltinOperator code = BuiltinOperator::L2_POOL_2D;
  static constexpr int max_version = 1;
  using Types = Signatures<Signature<Takes<float>, Gives<float>>>;
};

}  // namespace tfl

#include "tfl/kernels/compact_pool.hpp"  // its form for microcontrollers
