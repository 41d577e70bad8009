#pragma once
// ATAN2: the angle of the point (x, y), from -pi to pi; input 0 is y, input 1 is x. As a builtin operator and as the custom op "atan2".

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

struct Atan2Base {
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(1).type != node.input(0).type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (!(node.input(1).shape == node.input(0).shape)) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the shape of input 0");
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In y, In x, Out out) {
    using T = typename In::value_type;
    run.executor.parallel_for(y.count(), 20, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        if constexpr (std::is_floating_point_v<T>) {
          out[i] = std::atan2(y[i], x[i]);
        } else if constexpr (std::is_same_v<T, Float16>) {
          out[i] = to_float16(std::atan2(to_float(y[i]), to_float(x[i])));
        } else {
          out[i] = to_bfloat16(std::atan2(to_float(y[i]), to_float(x[i])));
        }
      }
    });
  }

  template <class T> using Of = Signature<Takes<T, T>, Gives<T>>;
};

}  // namespace detail

struct Atan2 : detail::Atan2Base {
  static constexpr BuiltinOperator code = BuiltinOperator::ATAN2;
  using Types = Signatures<Of<float>, Of<double>, Of<Float16>, Of<BFloat16>>;
};

struct CustomAtan2 : detail::Atan2Base {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "atan2";
  using Types = Signatures<Of<float>, Of<double>>;
};

}  // namespace tfl
