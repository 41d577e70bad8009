#pragma once
// The custom op DenseImageWarp: image[N, H, W, C], flow[N, H, W, 2] (y, x) -> at each place, the image at the place minus the flow,
// bilinear between pixels and held at the borders.

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"

namespace tfl {

struct DenseImageWarp {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "DenseImageWarp";
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (node.input(i).type != TensorType::float32) return input_violation(i, ErrorCode::invalid_type, "must be float32");
      if (const Violation v = require_rank(node, i, 4)) return v;
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape &in = node.input(0).shape, &flow = node.input(1).shape;
    if (in[1] < 2 || in[2] < 2) {
      return input_violation(0, ErrorCode::invalid_shape, "must have a height and a width of at least 2, not {} and {}", in[1], in[2]);
    }
    for (int i = 0; i < 4; ++i) {
      const std::int32_t wanted = i == 3 ? 2 : in[i];
      if (flow[i] != wanted) {
        return input_violation(1, ErrorCode::invalid_shape, "must have {} elements in dimension {}, not {}", wanted, i, flow[i]);
      }
    }
    node.output(0).shape = in;
    return {};
  }

  struct Prepared {
    std::int64_t height = 0, width = 0, channels = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    return Prepared{in[1], in[2], in[3]};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, In flow, Out out) {
    const Prepared& p = run.prepared;
    run.executor.parallel_for(flow.count() / 2, p.channels * 4, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        const std::int64_t x = i % p.width, y = i / p.width % p.height;
        const Place row = place_of(static_cast<float>(y) - flow[2 * i], p.height);
        const Place column = place_of(static_cast<float>(x) - flow[2 * i + 1], p.width);
        const float* const from = in.data() + ((i / p.width / p.height * p.height + row.at) * p.width + column.at) * p.channels;
        for (std::int64_t c = 0; c < p.channels; ++c) {
          const float* const below = from + p.width * p.channels;
          const float top = column.share * (from[c + p.channels] - from[c]) + from[c];
          const float bottom = column.share * (below[c + p.channels] - below[c]) + below[c];
          out[i * p.channels + c] = row.share * (bottom - top) + top;
        }
      }
    });
  }

  using Types = Signatures<Signature<Takes<float, float>, Gives<float>>>;

 private:
  /// The pixel before a position, and the share of the one behind it.
  struct Place {
    std::int64_t at;
    float share;
  };
  static Place place_of(float position, std::int64_t extent) {
    const float whole = std::floor(position), most = static_cast<float>(extent - 2);
    const std::int64_t at = whole > 0 ? (whole < most ? static_cast<std::int64_t>(whole) : extent - 2) : 0;  // NaN: 0
    const float share = position - static_cast<float>(at);
    return {at, share > 0 ? (share < 1 ? share : 1.0f) : 0.0f};
  }
};

}  // namespace tfl
