#pragma once
// L2_NORMALIZATION and LOCAL_RESPONSE_NORMALIZATION along the last axis.

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/fixed_point.hpp"
#include "tfl/simd/map_wide.hpp"

namespace tfl {

/// L2_NORMALIZATION: y = x / max(sqrt(sum of x * x over the last axis), 1e-6); a scalar is a row of one element
struct L2Normalization {
  static constexpr BuiltinOperator code = BuiltinOperator::L2_NORMALIZATION;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 2;
  static constexpr std::array folds{Fold::rows, Fold::rows};
  static constexpr OpTraits traits{.in_place = true};

  struct Options {
    Activation activation = Activation::none;
    template <class Table> static constexpr Options read(const Table& table) {
      return {activation_from(static_cast<std::int64_t>(table.fused_activation_function()))};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (options.activation != Activation::none) return node_violation(ErrorCode::invalid_option, "must have no fused activation function");
    node.output(0).shape = node.input(0).shape;
    if (!is_quantized_integer(node.input(0).type)) return {};
    if (const Violation v = require_quantized_input(node, 0)) return v;
    const Quantization& out = node.output(0).quantization;
    const std::int32_t zero_point = node.output(0).type == TensorType::uint8 ? 128 : 0;
    if (out.scale != 1.0f / 128 || out.zero_point != zero_point) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have scale 1/128 and zero point {}", zero_point);
    }
    return {};
  }

  struct Prepared {
    std::int32_t zero_point = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).quantization.zero_point};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const std::int64_t count = in.extent(1);
    if (count == 0) return;
    run.executor.parallel_for(in.extent(0), count, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t r = first; r < last; ++r) {
        normalize<typename Run::Arch>(in.data() + r * count, out.data() + r * count, count, run.prepared.zero_point);
      }
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>>;

 private:
  template <class A> static void normalize(const float* x, float* y, std::int64_t count, std::int32_t) {
    using B = simd::Float32<A>;
    constexpr int n = simd::lanes<float, A>;
    B sums(0.0f);
    std::int64_t i = 0;
    for (; i + n <= count; i += n) {
      const B v = simd::load<A>(x + i);
      sums = simd::fma(v, v, sums);
    }
    float sum = simd::sum(sums);
    for (; i < count; ++i) sum += x[i] * x[i];
    const float norm = std::sqrt(sum);
    const B divisor(norm < 1e-6f ? 1e-6f : norm);
    simd::map_wide<A>(x, y, count, [&](B v) { return simd::divide(v, divisor); });
  }

  template <class A, class T> static void normalize(const T* x, T* y, std::int64_t count, std::int32_t zero_point) {
    using V = simd::Int32<A>;
    constexpr int n = simd::lanes<std::int32_t, A>;
    constexpr std::int64_t block = 1024 * n;  // a lane's sum of squares stays below 2^27
    std::int64_t sum = 0, i = 0;
    while (i + n <= count) {
      V sums(0);
      for (const std::int64_t end = i + block; i + n <= count && i < end; i += n) {
        const V v = simd::load_int32<A>(x + i) - V(zero_point);
        sums = sums + v * v;
      }
      std::int32_t lanes[n];
      simd::store(lanes, sums);
      for (const std::int32_t s : lanes) sum += s;
    }
    for (; i < count; ++i) sum += std::int64_t{x[i] - zero_point} * (x[i] - zero_point);
    Multiplier inverse = fixed_point::inverse_square_root(sum);
    // Where the 7 bits of the output's scale enter differs between the types, and with it the rounding.
    constexpr bool is_unsigned = std::numeric_limits<T>::min() == 0;
    if (!is_unsigned) inverse.shift += 7;
    if (inverse.shift < -31) inverse = {};  // rounds to 0
    const auto multiplier = simd::LaneMultipliers<A>::broadcast(inverse);
    const V zero_in(zero_point), zero_out(is_unsigned ? 128 : 0), factor(is_unsigned ? 128 : 1);
    simd::map_wide<A>(x, y, count, [&](V v) { return simd::multiply<A>((v - zero_in) * factor, multiplier) + zero_out; });
  }
};

/// LOCAL_RESPONSE_NORMALIZATION: y[c] = x[c] * (bias + alpha * sum of x[k] * x[k])^-beta over c - radius <= k < c + radius, as TFLite has
/// it
struct LocalResponseNormalization {
  static constexpr BuiltinOperator code = BuiltinOperator::LOCAL_RESPONSE_NORMALIZATION;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr std::array folds{Fold::rows, Fold::rows};

  struct Options {
    std::int32_t radius = 0;
    float bias = 0, alpha = 0, beta = 0;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.radius(), table.bias(), table.alpha(), table.beta()};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 4)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const Options& o = run.prepared;
    const std::int64_t depth = in.extent(1);
    run.executor.parallel_for(in.extent(0), depth * 20, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t row = first; row < last; ++row) {
        const float* const x = in.data() + row * depth;
        float* const y = out.data() + row * depth;
        for (std::int64_t c = 0; c < depth; ++c) {
          const std::int64_t begin = c > o.radius ? c - o.radius : 0, end = c + o.radius < depth ? c + o.radius : depth;
          float sum = 0;
          for (std::int64_t k = begin; k < end; ++k) sum += x[k] * x[k];
          y[c] = x[c] * static_cast<float>(std::pow(double{o.bias} + double{o.alpha} * double{sum}, -double{o.beta}));
        }
      }
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>>;
};

}  // namespace tfl
