#pragma once
// The custom op aeq.hadamard_rotation: each run of hadamard_size elements times the orthonormal Hadamard matrix, which spreads outliers
// over all of them.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"

namespace tfl {

struct HadamardRotation {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "aeq.hadamard_rotation";
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.in_place = true};

  struct Options {
    std::int64_t size = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) { return {custom.integer("hadamard_size")}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank_between(node, 0, 2, 3)) return v;
    const std::int64_t n = options.size;
    if (n < 1 || n > (1 << 30) || (n & (n - 1)) != 0) {
      return node_violation(ErrorCode::invalid_option, "must have a hadamard_size that is a power of two, not {}", n);
    }
    if (node.input(0).shape.last() % n != 0) {
      return input_violation(0, ErrorCode::invalid_shape, "must have a last dimension that hadamard_size {} divides; it is {}", n,
                             node.input(0).shape.last());
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = Options;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return options;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const std::int64_t n = run.prepared.size;
    const float norm = 1.0f / std::sqrt(static_cast<float>(n));
    if (in.data() != out.data() && in.count() > 0) std::memcpy(out.data(), in.data(), static_cast<std::size_t>(in.count()) * sizeof(float));
    run.executor.parallel_for(in.count() / n, n * 4, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t run_of = first; run_of < last; ++run_of) {
        float* const x = out.data() + run_of * n;
        for (std::int64_t half = 1; half < n; half *= 2) {
          for (std::int64_t block = 0; block < n; block += 2 * half) {
            for (std::int64_t i = block; i < block + half; ++i) {
              const float a = x[i], b = x[i + half];
              x[i] = a + b;
              x[i + half] = a - b;
            }
          }
        }
        for (std::int64_t i = 0; i < n; ++i) x[i] *= norm;
      }
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>>;
};

}  // namespace tfl
