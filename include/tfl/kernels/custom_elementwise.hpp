#pragma once
// Custom ops that work element by element: Sign, Table, NUMERIC_VERIFY.

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/lut.hpp"

namespace tfl {

/// Sign: -1, 0 or 1; NaN stays NaN
struct CustomSign {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "Sign";
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        using T = typename In::value_type;
        const T x = in[i];
        out[i] = x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x;
      }
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<double>, Gives<double>>>;
};

/// Table: input (int8 or int16), table[256 or 513] -> the table's entry for each element: by its bits for int8, from the least up and
/// between two of them for int16
struct Table {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "Table";
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    if (type != TensorType::int8 && type != TensorType::int16) return input_violation(0, ErrorCode::invalid_type, "must be int8 or int16");
    if (node.input(1).type != type) return input_violation(1, ErrorCode::invalid_type, "must have the type of input 0");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (type == TensorType::int16) {
      if (node.input(0).quantization.zero_point != 0)
        return input_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0");
      if (node.output(0).quantization.zero_point != 0)
        return output_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0");
    }
    const std::int32_t entries = type == TensorType::int8 ? 256 : 513;
    if (node.input(1).rank() != 1 || node.input(1).shape[0] != entries) {
      return input_violation(1, ErrorCode::invalid_shape, "must be a vector of {} entries", entries);
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, In table, Out out) {
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        if constexpr (sizeof(typename In::value_type) == 1)
          out[i] = table[static_cast<std::uint8_t>(in[i])];
        else
          out[i] = lut::at(table.data(), in[i]);
      }
    });
  }

  using Types = Signatures<Signature<Takes<std::int8_t, std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::int16_t, std::int16_t>, Gives<std::int16_t>>>;
};

/// NUMERIC_VERIFY: quantized input, float reference -> the difference of their real numbers. With log_if_failed, one larger than tolerance
/// times the scale is an error.
struct NumericVerify {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "NUMERIC_VERIFY";
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    float tolerance = 0;
    bool fails = false;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {custom.real("tolerance"), custom.boolean("log_if_failed")};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    if (!is_quantized_integer(type) && type != TensorType::float16) {
      return input_violation(0, ErrorCode::invalid_type, "must be int8, uint8, int16 or float16");
    }
    if (node.input(1).type != TensorType::float32) return input_violation(1, ErrorCode::invalid_type, "must be float32");
    if (node.input(1).count() != node.input(0).count()) {
      return input_violation(1, ErrorCode::invalid_shape, "must have the {} elements of input 0, not {}", node.input(0).count(),
                             node.input(1).count());
    }
    node.output(0).type = TensorType::float32;  // whatever the file says, as in TFLite
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    float scale = 0, most = 0;  // the largest difference
    std::int32_t zero_point = 0;
    bool fails = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Quantization& q = node.input(0).quantization;
    return Prepared{q.scale, options.tolerance * q.scale, q.zero_point, options.fails && options.tolerance >= 0.1f};
  }

  template <class Run, class In, class Reference, class Out> static Violation eval(const Run& run, In in, Reference reference, Out out) {
    const Prepared& p = run.prepared;
    for (std::int64_t i = 0; i < in.count(); ++i) {
      float real;
      if constexpr (std::is_same_v<typename In::value_type, Float16>)
        real = to_float(in[i]);
      else
        real = static_cast<float>(static_cast<double>(p.scale) * (in[i] - p.zero_point));
      out[i] = real - reference[i];
      if (p.fails && std::fabs(out[i]) > p.most) {
        return input_violation(0, ErrorCode::invalid_value, "differs from its reference by more than the tolerance, in element {}", i);
      }
    }
    return {};
  }

  template <class T> using Of = Signature<Takes<T, float>, Gives<float>>;
  using Types = Signatures<Of<std::int8_t>, Of<std::uint8_t>, Of<std::int16_t>, Of<Float16>>;
};

}  // namespace tfl
