#pragma once
// FAKE_QUANT: floats rounded to the 2^bits values of a quantized type. The range is moved so that 0 is one of them.

#include <cmath>
#include <cstdint>
#include <span>

#include "tfl/kernels/op.hpp"

namespace tfl {

struct FakeQuant {
  static constexpr BuiltinOperator code = BuiltinOperator::FAKE_QUANT;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 2;
  static constexpr OpTraits traits{.in_place = true};

  struct Options {
    float min = 0, max = 0;
    std::int32_t bits = 0;
    bool narrow_range = false;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.min(), table.max(), table.num_bits(), table.narrow_range()};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    node.output(0).type = TensorType::float32;  // whatever the file says, as in TFLite
    if (options.narrow_range) return node_violation(ErrorCode::invalid_option, "cannot use a narrow range, which is for weights only");
    if (options.bits < 2 || options.bits > 16) {
      return node_violation(ErrorCode::invalid_option, "must have 2 to 16 bits, not {}", options.bits);
    }
    if (!(options.min <= 0 && options.max >= 0 && options.min < options.max && options.max - options.min < 3e38f)) {
      return node_violation(ErrorCode::invalid_option, "must have a range that holds 0 and more");
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    float scale = 1, min = 0, max = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    const auto most = static_cast<float>((1 << options.bits) - 1);
    const float scale = (options.max - options.min) / most;
    if (!(scale > 0)) return node_violation(ErrorCode::invalid_option, "has a range too small for {} bits", options.bits);
    const float exact = 0.0f - options.min / scale;
    float zero_point = exact < 0 ? 0 : exact > most ? most : static_cast<float>(static_cast<std::int32_t>(exact));
    if (exact < most && exact - zero_point >= 0.5f) zero_point += 1;  // half away from 0
    return Prepared{scale, (0.0f - zero_point) * scale, (most - zero_point) * scale};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const Prepared& p = run.prepared;
    const float inverse = 1.0f / p.scale;
    run.executor.parallel_for(in.count(), 2, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        const float x = in[i] < p.min ? p.min : in[i] > p.max ? p.max : in[i];
        out[i] = std::round((x - p.min) * inverse) * p.scale + p.min;
      }
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>>;
};

}  // namespace tfl
