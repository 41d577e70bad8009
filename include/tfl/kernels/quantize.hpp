#pragma once
// QUANTIZE: from floats, or from one quantization to another. DEQUANTIZE: to floats.

#include <cstdint>
#include <limits>
#include <span>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/requantize.hpp"
#include "tfl/simd/float16.hpp"
#include "tfl/simd/map_wide.hpp"
#include "tfl/simd/math.hpp"

namespace tfl {

namespace detail {

/// How channels lie in a tensor that is quantized by channel: element (o, c, i) is at (o * channels + c) * inner + i.
struct Channels {
  std::int64_t channels = 1, inner = 0;  // one channel holds all elements
  std::span<const float> scales{};
  std::span<const std::int64_t> zero_points{};
  float scale = 0;
  std::int32_t zero_point = 0;

  static constexpr Channels of(const TensorDescription& tensor) {
    const Quantization& q = tensor.quantization;
    Channels c{.inner = tensor.count(), .scale = q.scale, .zero_point = q.zero_point};
    if (q.per_channel()) {
      c.channels = tensor.shape[q.axis];
      c.inner = tensor.shape.count(q.axis + 1, tensor.rank());
      c.scales = q.channel_scales;
      c.zero_points = q.channel_zero_points;
    }
    return c;
  }
  constexpr float scale_of(std::int64_t c) const { return scales.empty() ? scale : scales[static_cast<std::size_t>(c)]; }
  constexpr std::int32_t zero_point_of(std::int64_t c) const {
    return static_cast<std::size_t>(c) < zero_points.size() ? static_cast<std::int32_t>(zero_points[static_cast<std::size_t>(c)])
                                                            : zero_point;
  }
  /// Calls run(first, count, channel) for runs of one channel that make up [first, last).
  template <class F> void for_each_run(std::int64_t first, std::int64_t last, F run) const {
    if (channels == 1) return run(first, last - first, std::int64_t{0});
    std::int64_t channel = first / inner % channels, at = first % inner;
    while (first < last) {
      const std::int64_t count = inner - at < last - first ? inner - at : last - first;
      run(first, count, channel);
      first += count;
      at = 0;
      if (++channel == channels) channel = 0;
    }
  }
};

/// Scales of every channel positive, zero points in the type's range.
constexpr bool is_usable_by_channel(const TensorDescription& tensor) {
  Quantization q = tensor.quantization;
  if (!q.per_channel()) return is_usable(q, tensor.type);
  const std::int32_t axis = q.axis;
  if (axis < 0 || axis >= tensor.rank() || tensor.shape[axis] != static_cast<std::int64_t>(q.channel_scales.size())) return false;
  const Channels channels = Channels::of(tensor);
  for (std::int64_t c = 0; c < channels.channels; ++c) {
    q.scale = channels.scale_of(c);
    q.zero_point = channels.zero_point_of(c);
    if (!is_usable(q, tensor.type)) return false;
  }
  return true;
}
inline constexpr const char* unusable_by_channel =
    "must have positive scales, one per channel or one for all, and zero points in the range of its type";

}  // namespace detail

/// QUANTIZE: y = round(x / scale) + zero_point from float32 (by channel too), half away from zero, saturated; NaN becomes the least
/// integer. From quantized integers: their numbers in the output's quantization. To 4 bits from float32 only, with one scale.
struct Quantize {
  static constexpr BuiltinOperator code = BuiltinOperator::QUANTIZE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 6;
  static constexpr OpTraits traits{.in_place = true, .quantizes = true, .any_rank = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorDescription& in = node.input(0);
    TensorDescription& out = node.output(0);
    out.shape = in.shape;
    if (in.type == TensorType::float32) {
      if (is_packed_integer(out.type) && out.quantization.per_channel()) {
        return output_violation(0, ErrorCode::invalid_quantization, "must have one scale, not one for each channel, in 4 bits");
      }
      if (detail::is_usable_by_channel(out)) return {};
      return output_violation(0, ErrorCode::invalid_quantization, detail::unusable_by_channel);
    }
    if (in.type == TensorType::int16 && out.type == TensorType::int16) return require_quantized_pair(node, true);
    return require_quantized_pair(node, false);
  }

  // From a quantization to itself nothing changes.
  static constexpr std::int64_t part_offset(const Options&, const NodeDescription& node, int) {
    const TensorDescription &in = node.input(0), &out = node.output(0);
    const bool same =
        in.type == out.type && in.quantization.scale == out.quantization.scale && in.quantization.zero_point == out.quantization.zero_point;
    return same && !in.quantization.per_channel() && !out.quantization.per_channel() ? 0 : -1;
  }

  struct Prepared {
    detail::Channels channels;
    Requantization requantization;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    if (node.input(0).type == TensorType::float32) {
      p.channels = detail::Channels::of(node.output(0));
      return p;
    }
    const auto r = requantization_of(node);
    if (!r) return r.error();
    p.requantization = *r;
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if constexpr (is_packed<typename Out::value_type>) {
      quantize_packed(run.prepared, in, out);
    } else {
      quantize_all(run, in, out);
    }
  }

  template <class T, class U> using Pair = Signature<Takes<T>, Gives<U>>;
  using Types = Signatures<Pair<float, std::int8_t>, Pair<float, std::uint8_t>, Pair<float, std::int16_t>, Pair<std::int8_t, std::int8_t>,
                           Pair<std::int8_t, std::uint8_t>, Pair<std::int8_t, std::int16_t>, Pair<std::uint8_t, std::int8_t>,
                           Pair<std::uint8_t, std::uint8_t>, Pair<std::uint8_t, std::int16_t>, Pair<std::int16_t, std::int8_t>,
                           Pair<std::int16_t, std::int16_t>, Pair<std::int16_t, std::int32_t>, Pair<std::int32_t, std::int8_t>,
                           Pair<std::int32_t, std::int16_t>, Pair<float, Int4Pair>, Pair<float, UInt4Pair>>;

 private:
  template <class Run, class In, class Out> static void quantize_all(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      if constexpr (std::is_same_v<typename In::value_type, float>) {
        p.channels.for_each_run(first, last, [&](std::int64_t at, std::int64_t count, std::int64_t channel) {
          using B = simd::Float32<A>;
          using V = simd::Int32<A>;
          // Beyond these bounds every zero point leaves the type's range.
          const B scale(p.channels.scale_of(channel)), lo(-70000.0f), hi(70000.0f);
          const V zero_point(p.channels.zero_point_of(channel));
          simd::map_wide<A>(in.data() + at, out.data() + at, count, [&](B x) {
            const B quotient = simd::divide(x, scale);
            const B bounded = simd::min(simd::select_less(lo, quotient, quotient, lo), hi);
            return simd::truncate_bounded(simd::round_half_away(bounded)) + zero_point;
          });
        });
      } else {
        requantize<A>(p.requantization, in.data() + first, out.data() + first, last - first, [](auto x) { return x; });
      }
    });
  }

  template <class In, class Out> static void quantize_packed(const Prepared& p, In in, Out out) {
    using R = PackedRange<typename Out::value_type>;
    for (std::int64_t i = 0; i < in.count(); ++i) {
      const float quotient = in[i] / p.channels.scale;
      const float bounded = !(quotient > -70000.0f) ? -70000.0f : quotient < 70000.0f ? quotient : 70000.0f;
      const std::int32_t y = static_cast<std::int32_t>(bounded < 0 ? bounded - 0.5f : bounded + 0.5f) + p.channels.zero_point;
      if (i % R::per_byte == 0) out[i / R::per_byte] = {};  // also what is left of the last byte
      put_packed(out.data(), i, y < R::lo ? R::lo : y > R::hi ? R::hi : y);
    }
  }
};

/// DEQUANTIZE: y = scale * (x - zero_point), by channel too; float16 and the float8 are widened
struct Dequantize {
  static constexpr BuiltinOperator code = BuiltinOperator::DEQUANTIZE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 9;
  static constexpr OpTraits traits{.dequantizes = true, .any_rank = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.output(0).type != TensorType::float32) return output_violation(0, ErrorCode::invalid_type, "must be float32");
    node.output(0).shape = node.input(0).shape;
    if (!is_integer(node) || detail::is_usable_by_channel(node.input(0))) return {};
    return input_violation(0, ErrorCode::invalid_quantization, detail::unusable_by_channel);
  }

  using Prepared = detail::Channels;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return is_integer(node) ? Prepared::of(node.input(0)) : Prepared{};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      if constexpr (std::is_same_v<typename In::value_type, Float16>) {
        simd::widen<A>(in.data() + first, out.data() + first, last - first);
      } else if constexpr (sizeof(typename In::value_type) == 1 && !std::is_integral_v<typename In::value_type>) {
        run.prepared.for_each_run(first, last, [&](std::int64_t at, std::int64_t count, std::int64_t channel) {
          const float scale = run.prepared.scale_of(channel);
          const std::int32_t zero_point = run.prepared.zero_point_of(channel);
          for (std::int64_t i = at; i < at + count; ++i) {
            if constexpr (is_packed<typename In::value_type>) {
              out[i] = scale * static_cast<float>(packed_at(in.data(), i) - zero_point);
            } else {
              out[i] = to_float(in[i]);
            }
          }
        });
      } else {
        run.prepared.for_each_run(first, last, [&](std::int64_t at, std::int64_t count, std::int64_t channel) {
          const simd::Float32<A> scale(run.prepared.scale_of(channel));
          const simd::Int32<A> zero_point(run.prepared.zero_point_of(channel));
          simd::map_wide<A>(in.data() + at, out.data() + at, count,
                            [&](simd::Int32<A> x) { return scale * simd::to_float<A>(x - zero_point); });
        });
      }
    });
  }

  using Types = Signatures<Signature<Takes<std::int8_t>, Gives<float>>, Signature<Takes<std::uint8_t>, Gives<float>>,
                           Signature<Takes<std::int16_t>, Gives<float>>, Signature<Takes<Float16>, Gives<float>>,
                           Signature<Takes<Int4Pair>, Gives<float>>, Signature<Takes<UInt4Pair>, Gives<float>>,
                           Signature<Takes<Int2Quad>, Gives<float>>, Signature<Takes<Float8E4M3>, Gives<float>>,
                           Signature<Takes<Float8E5M2>, Gives<float>>>;

 private:
  static constexpr bool is_integer(const NodeDescription& node) {
    return is_quantized_integer(node.input(0).type) || is_packed_integer(node.input(0).type);
  }
};

}  // namespace tfl
