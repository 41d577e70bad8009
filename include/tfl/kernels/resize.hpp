#pragma once
// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: images of another size.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/kernels/copy_runs.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/simd/int32.hpp"
#include "tfl/simd/select.hpp"

namespace tfl {

namespace detail {

struct ResizeOptions {
  bool align_corners = false;       // the corner pixels' centers stay where they are
  bool half_pixel_centers = false;  // pixel i's center is at i + 0.5
  template <class Table> static constexpr ResizeOptions read(const Table& table) {
    return {table.align_corners(), table.half_pixel_centers()};
  }
};

constexpr Violation infer_resize(const NodeDescription& node) {
  if (const Violation v = require_same_type(node, 0, 0)) return v;
  if (const Violation v = require_rank(node, 0, 4)) return v;
  if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
  if (const Violation v = require_known(node, 1)) return v;
  if (node.input(1).rank() != 1 || node.input(1).integers.size() != 2) {
    return input_violation(1, ErrorCode::invalid_shape, "must hold two numbers, the new height and width, not {}",
                           node.input(1).integers.size());
  }
  const Shape& input = node.input(0).shape;
  Shape output = input;
  for (int i = 0; i < 2; ++i) {
    const std::int64_t size = node.input(1).integers[i];
    if (size < 1) return input_violation(1, ErrorCode::invalid_value, "must hold sizes of at least 1; element {} is {}", i, size);
    if (input[i + 1] == 0 && input[0] != 0 && input[3] != 0) {
      return input_violation(0, ErrorCode::invalid_shape, "has no pixels to make {} x {} from", node.input(1).integers[0],
                             node.input(1).integers[1]);
    }
    output[i + 1] = static_cast<std::int32_t>(size);
  }
  node.output(0).shape = output;
  return {};
}

/// What both ops know before running.
struct ResizePrepared {
  ResizeOptions options;
  std::int32_t batches = 0, channels = 0;
  std::int32_t in_height = 0, in_width = 0, out_height = 0, out_width = 0;

  static constexpr ResizePrepared of(const ResizeOptions& options, const NodeDescription& node) {
    const Shape &in = node.input(0).shape, &out = node.output(0).shape;
    return {options, in[0], in[3], in[1], in[2], out[1], out[2]};
  }
};

/// One position of the output along an axis, in the input: between pixels `lower` and `upper`, `fraction` past `lower`: in pixels
/// for floats, in 1/1024 pixels for integers.
template <class T> struct Tap {
  std::int32_t lower = 0, upper = 0;
  T fraction{};
};

template <class Arch, class T> void fill_taps(Tap<T>* taps, std::int32_t in, std::int32_t out, const ResizeOptions& options) {
  const bool align = options.align_corners && out > 1;
  const std::int32_t last = in - 1;
  if constexpr (std::is_same_v<T, float>) {
    const float scale = align ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : static_cast<float>(in) / static_cast<float>(out);
    const float offset = options.half_pixel_centers ? 0.5f : 0.0f;
    for (std::int32_t i = 0; i < out; ++i) {
      // The product is rounded before the subtraction: fused, it may land on the other side of a pixel's border.
      const float position = simd::rounded(simd::Lane<float>((static_cast<float>(i) + offset) * scale)).value - offset;
      const auto below = static_cast<std::int64_t>(std::floor(position)), above = static_cast<std::int64_t>(std::ceil(position));
      const std::int32_t lower = below < 0 ? 0 : below > last ? last : static_cast<std::int32_t>(below);
      const std::int32_t upper = above < 0 ? 0 : above > last ? last : static_cast<std::int32_t>(above);
      taps[i] = {lower, upper, position - static_cast<float>(lower)};
    }
  } else {
    const std::int64_t steps = align ? out - 1 : out;
    const std::int64_t scale = (1024 * std::int64_t{align ? in - 1 : in} + steps / 2) / steps;
    for (std::int32_t i = 0; i < out; ++i) {
      std::int64_t position = i * scale + (options.half_pixel_centers ? scale / 2 - 512 : 0);
      // A scale that was rounded up may lead past the last pixel.
      if (position > 1024 * std::int64_t{last} + 1023) position = 1024 * std::int64_t{last};
      const std::int64_t lower = position < 0 ? 0 : position / 1024, upper = (position + 1023) / 1024;
      taps[i] = {static_cast<std::int32_t>(lower), static_cast<std::int32_t>(upper > last ? last : upper),
                 static_cast<std::int32_t>(position - 1024 * lower)};
    }
  }
}

/// The weights of the four pixels around a position, and what makes an output of them. Rows first: w[y][x].
/// float32: any order of operations will do.
template <class T> struct BilinearMix {
  float w[2][2];
  BilinearMix(const Tap<float>& y, const Tap<float>& x)
      : w{{(1 - y.fraction) * (1 - x.fraction), (1 - y.fraction) * x.fraction}, {y.fraction * (1 - x.fraction), y.fraction * x.fraction}} {}
  template <class A>
  TFL_ALWAYS_INLINE void apply(const float* p00, const float* p01, const float* p10, const float* p11, float* out) const {
    using B = simd::Batch<float, A>;
    const B top = simd::fma(simd::load<A>(p01), B(w[0][1]), simd::load<A>(p00) * B(w[0][0]));
    const B bottom = simd::fma(simd::load<A>(p11), B(w[1][1]), simd::load<A>(p10) * B(w[1][0]));
    simd::store(out, top + bottom);
  }
};

/// uint8: in float32, every product and sum rounded in the reference's order, plus a half, cut off.
template <> struct BilinearMix<std::uint8_t> {
  float y[2], x[2];
  BilinearMix(const Tap<float>& ty, const Tap<float>& tx) : y{1 - ty.fraction, ty.fraction}, x{1 - tx.fraction, tx.fraction} {}
  template <class A>
  TFL_ALWAYS_INLINE void apply(const std::uint8_t* p00, const std::uint8_t* p01, const std::uint8_t* p10, const std::uint8_t* p11,
                               std::uint8_t* out) const {
    const auto sum = term<A>(p00, y[0], x[0]) + term<A>(p10, y[1], x[0]) + term<A>(p01, y[0], x[1]) + term<A>(p11, y[1], x[1]);
    simd::store_saturated<A>(out, simd::truncate_to_int32(sum + simd::Float32<A>(0.5f)));
  }
  template <class A> static TFL_ALWAYS_INLINE simd::Float32<A> term(const std::uint8_t* p, float wy, float wx) {
    using B = simd::Float32<A>;
    return simd::rounded(simd::to_float<A>(simd::load_int32<A>(p)) * B(wy) * B(wx));
  }
};

/// int8 and int16: in units of 2^-20, rounded half away from 0.
template <class T> struct IntegerBilinearMix {
  std::int32_t w[2][2];
  IntegerBilinearMix(const Tap<std::int32_t>& y, const Tap<std::int32_t>& x)
      : w{{(1024 - y.fraction) * (1024 - x.fraction), (1024 - y.fraction) * x.fraction},
          {y.fraction * (1024 - x.fraction), y.fraction * x.fraction}} {}
  template <class A> TFL_ALWAYS_INLINE void apply(const T* p00, const T* p01, const T* p10, const T* p11, T* out) const {
    using B = simd::Int32<A>;
    const B a = simd::load_int32<A>(p00), b = simd::load_int32<A>(p01), c = simd::load_int32<A>(p10), d = simd::load_int32<A>(p11);
    if constexpr (sizeof(T) == 1) {
      const B sum = a * B(w[0][0]) + b * B(w[0][1]) + c * B(w[1][0]) + d * B(w[1][1]);
      simd::store_saturated<A>(out, simd::Int32Ops<A>::rounding_shift_right(sum, B(20)));
    } else {
      // 16 + 20 bits don't fit a lane: sum = high * 2^10 + low, the weights cut at 10 bits.
      const B high = a * B(w[0][0] >> 10) + b * B(w[0][1] >> 10) + c * B(w[1][0] >> 10) + d * B(w[1][1] >> 10);
      const B low = a * B(w[0][0] & 1023) + b * B(w[0][1] & 1023) + c * B(w[1][0] & 1023) + d * B(w[1][1] & 1023);
      // floor(sum / 2^10) has the sum's sign; a negative sum less one rounds a half down, away from 0.
      const B sign = simd::shift_right(high + simd::shift_right(low, 10), 31);
      simd::store_saturated<A>(out, simd::shift_right(high + simd::shift_right(low + sign, 10) + B(512), 10));
    }
  }
};
template <> struct BilinearMix<std::int8_t> : IntegerBilinearMix<std::int8_t> { using IntegerBilinearMix::IntegerBilinearMix; };
template <> struct BilinearMix<std::int16_t> : IntegerBilinearMix<std::int16_t> { using IntegerBilinearMix::IntegerBilinearMix; };

}  // namespace detail

/// RESIZE_BILINEAR: input[N, H, W, C], size[2] -> output[N, size[0], size[1], C]: each output pixel mixes the four input pixels around its
/// place, weighted by nearness.
struct ResizeBilinear {
  static constexpr BuiltinOperator code = BuiltinOperator::RESIZE_BILINEAR;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 4;
  using Options = detail::ResizeOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (options.align_corners && options.half_pixel_centers) {
      return node_violation(ErrorCode::invalid_option, "has both align_corners and half_pixel_centers");
    }
    return detail::infer_resize(node);
  }

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    const Shape& out = node.output(0).shape;
    return {.scratch_bytes = (std::int64_t{out[1]} + out[2]) * static_cast<std::int64_t>(sizeof(detail::Tap<float>))};
  }

  using Prepared = detail::ResizePrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared::of(options, node);
  }

  template <class Run, class In, class Size, class Out> static void eval(const Run& run, In in, Size, Out out) {
    using T = typename In::value_type;
    using A = typename Run::Arch;
    using Fraction = std::conditional_t<std::is_same_v<T, float> || std::is_same_v<T, std::uint8_t>, float, std::int32_t>;
    const Prepared& p = run.prepared;
    if (out.count() == 0) return;
    auto* rows = reinterpret_cast<detail::Tap<Fraction>*>(run.scratch);
    auto* columns = rows + p.out_height;
    detail::fill_taps<A>(rows, p.in_height, p.out_height, p.options);
    detail::fill_taps<A>(columns, p.in_width, p.out_width, p.options);
    const std::int64_t row_elements = std::int64_t{p.in_width} * p.channels;
    const std::int64_t lines = std::int64_t{p.batches} * p.out_height;
    run.executor.parallel_for(lines, std::int64_t{p.out_width} * (8 + p.channels / 8), [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t line = first; line < last; ++line) {
        const detail::Tap<Fraction>& y = rows[line % p.out_height];
        const T* image = in.data() + line / p.out_height * p.in_height * row_elements;
        const T* upper = image + y.lower * row_elements;
        const T* lower = image + y.upper * row_elements;
        T* to = out.data() + line * p.out_width * p.channels;
        for (std::int32_t column = 0; column < p.out_width; ++column, to += p.channels) {
          const detail::Tap<Fraction>& x = columns[column];
          const detail::BilinearMix<T> mix(y, x);
          const std::int64_t left = std::int64_t{x.lower} * p.channels, right = std::int64_t{x.upper} * p.channels;
          constexpr int width = simd::lanes<std::int32_t, A>;
          std::int32_t c = 0;
          for (; c + width <= p.channels; c += width) {
            mix.template apply<A>(upper + left + c, upper + right + c, lower + left + c, lower + right + c, to + c);
          }
          for (; c < p.channels; ++c) {
            mix.template apply<simd::Scalar>(upper + left + c, upper + right + c, lower + left + c, lower + right + c, to + c);
          }
        }
      }
    });
  }

  template <class T> using Typed = Signature<Takes<T, std::int32_t>, Gives<T>>;
  using Types = Signatures<Typed<float>, Typed<std::int8_t>, Typed<std::uint8_t>, Typed<std::int16_t>>;
};

/// RESIZE_NEAREST_NEIGHBOR: input[N, H, W, C], size[2] -> output[N, size[0], size[1], C]: each output pixel is the input pixel at its
/// place.
struct ResizeNearestNeighbor {
  static constexpr BuiltinOperator code = BuiltinOperator::RESIZE_NEAREST_NEIGHBOR;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 4;
  using Options = detail::ResizeOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) { return detail::infer_resize(node); }

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = std::int64_t{node.output(0).shape[2]} * static_cast<std::int64_t>(sizeof(std::int32_t))};
  }

  struct Prepared : detail::ResizePrepared {
    std::int64_t pixel = 0;  // bytes
    float row_scale = 0, column_scale = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const auto p = detail::ResizePrepared::of(options, node);
    return Prepared{p, bytes_of(node.input(0).type, node.input(0).shape[3]), scale_of(p.in_height, p.out_height, options),
                    scale_of(p.in_width, p.out_width, options)};
  }

  template <class Run, class In, class Size, class Out> static void eval(const Run& run, In in, Size, Out out) {
    if (out.count() > 0) copy(run, detail::bytes_of_view(in), detail::writable_bytes_of_view(out));
  }

  template <int Bytes> using Typed = Signature<Takes<Raw<Bytes>, std::int32_t>, Gives<Raw<Bytes>>>;
  using Types = Signatures<Typed<1>, Typed<2>, Typed<4>, Typed<8>>;

 private:
  static constexpr float scale_of(std::int32_t in, std::int32_t out, const Options& options) {
    if (out == 0) return 0;
    return options.align_corners && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                            : static_cast<float>(in) / static_cast<float>(out);
  }
  /// As a float has it: 24 bits, half to even.
  static constexpr std::uint64_t rounded_to_float(std::uint64_t x) {
    const int dropped = 40 - std::countl_zero(x);
    if (dropped <= 0) return x;
    return (x + (std::uint64_t{1} << (dropped - 1)) - 1 + (x >> dropped & 1)) >> dropped << dropped;
  }
  /// (i + 1/2) * scale, rounded or cut off: what float32 gives, by integers, since microcontrollers lack floats.
  static constexpr std::int32_t nearest(std::int32_t i, std::int32_t in, float scale, const Options& options) {
    const auto bits = std::bit_cast<std::uint32_t>(scale);
    if (bits == 0) return 0;
    const std::uint64_t twice =
        rounded_to_float(2 * rounded_to_float(static_cast<std::uint32_t>(i)) + (options.half_pixel_centers ? 1 : 0));
    const std::uint64_t product = rounded_to_float(twice * ((bits & 0x7fffff) | 0x800000));
    const int shift = 151 - static_cast<int>(bits >> 23);  // product / 2^shift is the position
    const std::uint64_t half = options.align_corners && shift > 0 ? std::uint64_t{1} << (shift - 1) : 0;
    const std::uint64_t at = shift > 0 ? (product + half) >> shift : product << -shift;
    return at < static_cast<std::uint32_t>(in) ? static_cast<std::int32_t>(at) : in - 1;
  }

  template <class Run> static void copy(const Run& run, const std::byte* in, std::byte* out) {
    const Prepared& p = run.prepared;
    auto* columns = reinterpret_cast<std::int32_t*>(run.scratch);
    for (std::int32_t x = 0; x < p.out_width; ++x) columns[x] = nearest(x, p.in_width, p.column_scale, p.options);
    const std::int64_t lines = std::int64_t{p.batches} * p.out_height;
    run.executor.parallel_for(lines, p.out_width * (2 + p.pixel / 16), [&](std::int64_t first, std::int64_t last, int) {
      detail::with_constant_run(p.pixel, [&](auto bytes) {
        for (std::int64_t line = first; line < last; ++line) {
          const std::int64_t y = nearest(static_cast<std::int32_t>(line % p.out_height), p.in_height, p.row_scale, p.options);
          const std::byte* from = in + (line / p.out_height * p.in_height + y) * p.in_width * p.pixel;
          std::byte* to = out + line * p.out_width * p.pixel;
          for (std::int32_t x = 0; x < p.out_width; ++x) std::memcpy(to + x * p.pixel, from + columns[x] * p.pixel, bytes());
        }
      });
    });
  }
};

}  // namespace tfl
