#pragma once
// Activation functions as ops: RELU and its kin, LEAKY_RELU, HARD_SWISH, LOGISTIC, TANH, ELU, GELU.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/requantize.hpp"
#include "tfl/kernels/table.hpp"
#include "tfl/kernels/unary.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/lut.hpp"
#include "tfl/simd/math.hpp"

namespace tfl {

/// RELU and its kin: y = min(max(x, Lo), Hi). Quantized numbers are rescaled to the output's quantization.
/// Hi = 1000 stands for no upper bound.
template <BuiltinOperator Code, int MaxVersion, int Lo, int Hi> struct Relu_ : detail::UnaryBase {
  static constexpr BuiltinOperator code = Code;
  static constexpr int max_version = MaxVersion;
  static constexpr bool is_bounded = Hi < 1000;
  static constexpr OpTraits traits{.in_place = true,
                                   .activation = Code == BuiltinOperator::RELU           ? Activation::relu
                                                 : Code == BuiltinOperator::RELU6        ? Activation::relu6
                                                 : Code == BuiltinOperator::RELU_N1_TO_1 ? Activation::relu_n1_to_1
                                                                                         : Activation::none};

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    return is_quantized_integer(node.input(0).type) ? require_quantized_pair(node, true) : Violation{};
  }

  using Prepared = Requantization;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    if (!is_quantized_integer(node.input(0).type)) return Prepared{};
    auto r = activation_requantization_of(node);
    if (!r) return r.error();
    const Quantization& out = node.output(0).quantization;
    const std::int64_t lo = detail::quantized_bound(Lo, out);
    if (lo > r->range.lo) r->range.lo = fixed_point::saturate(lo);
    if (is_bounded) {
      const std::int64_t hi = detail::quantized_bound(Hi, out);
      if (hi < r->range.hi) r->range.hi = fixed_point::saturate(hi);
    }
    return *r;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      if constexpr (std::is_same_v<typename In::value_type, float>) {
        using B = simd::Float32<A>;
        simd::map_wide<A>(in.data() + first, out.data() + first, last - first, [](B x) {
          // NaN stays NaN: neither comparison holds.
          const B raised = simd::select_less(x, B(static_cast<float>(Lo)), B(static_cast<float>(Lo)), x);
          if constexpr (is_bounded)
            return simd::select_less(B(static_cast<float>(Hi)), raised, B(static_cast<float>(Hi)), raised);
          else
            return raised;
        });
      } else {
        requantize<A>(run.prepared, in.data() + first, out.data() + first, last - first, [](auto x) { return x; });
      }
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>, Signature<Takes<std::int16_t>, Gives<std::int16_t>>>;
};

/// RELU: y = max(x, 0)
using Relu = Relu_<BuiltinOperator::RELU, 3, 0, 1000>;
/// RELU6: y = min(max(x, 0), 6)
using Relu6 = Relu_<BuiltinOperator::RELU6, 3, 0, 6>;
/// RELU_N1_TO_1: y = min(max(x, -1), 1)
using ReluN1To1 = Relu_<BuiltinOperator::RELU_N1_TO_1, 2, -1, 1>;
/// RELU_0_TO_1: y = min(max(x, 0), 1)
using Relu0To1 = Relu_<BuiltinOperator::RELU_0_TO_1, 1, 0, 1>;

/// LEAKY_RELU: y = x for x >= 0, else alpha * x. alpha may be negative, or above 1.
struct LeakyRelu : detail::UnaryBase {
  static constexpr BuiltinOperator code = BuiltinOperator::LEAKY_RELU;
  static constexpr int max_version = 2;

  struct Options {
    float alpha = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.alpha()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    if (options.alpha - options.alpha != 0) return node_violation(ErrorCode::invalid_option, "alpha must be finite");
    return is_quantized_integer(node.input(0).type) ? require_quantized_pair(node, true) : Violation{};
  }

  struct Prepared {
    float alpha = 0;
    Requantization positive;
    Multiplier negative;    // of |alpha|
    std::int32_t sign = 1;  // alpha's
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{.alpha = options.alpha, .positive = {}, .negative = {}, .sign = options.alpha < 0 ? -1 : 1};
    if (!is_quantized_integer(node.input(0).type)) return p;
    const auto positive = activation_requantization_of(node);
    if (!positive) return positive.error();
    const float magnitude = options.alpha < 0 ? -options.alpha : options.alpha;
    const float product = node.input(0).quantization.scale * magnitude;
    const float quotient = product / node.output(0).quantization.scale;
    const auto negative = multiplier_of_scales(double{quotient});
    if (!negative) return negative.error();
    p.positive = *positive;
    p.negative = *negative;
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      if constexpr (std::is_same_v<typename In::value_type, float>) {
        using B = simd::Float32<A>;
        const B alpha(p.alpha), zero(0.0f);
        simd::map_wide<A>(in.data() + first, out.data() + first, last - first,
                          [&](B x) { return simd::select_less(zero, x, x, x * alpha); });
      } else {
        using V = simd::Int32<A>;
        const auto positive = simd::LaneMultipliers<A>::broadcast(p.positive.multiplier);
        const auto negative = simd::LaneMultipliers<A>::broadcast(p.negative);
        const V zero_in(p.positive.zero_in), zero_out(p.positive.zero_out), zero(0), sign(p.sign);
        simd::map_wide<A>(in.data() + first, out.data() + first, last - first, [&](V stored) {
          const V x = stored - zero_in;
          return simd::select_less(x, zero, simd::multiply<A>(x, negative) * sign, simd::multiply<A>(x, positive)) + zero_out;
        });
      }
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>, Signature<Takes<std::int16_t>, Gives<std::int16_t>>>;
};

namespace detail {

/// HARD_SWISH of 8-bit numbers in TFLite's 16-bit fixed-point arithmetic.
struct HardSwishArithmetic {
  std::int32_t zero_in = 0, zero_out = 0;
  std::int16_t output_factor = 0, relu_factor = 0;
  std::int32_t output_shift = 0;  // to the right
  std::int32_t relu_shift = 0;    // to the left where positive

  static constexpr Result<HardSwishArithmetic, Violation> of(const NodeDescription& node) {
    const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
    const float fine_scale = (1.0f / 128.0f) * in.scale;
    const float output_quotient = fine_scale / out.scale;
    const float relu_quotient = fine_scale / (3.0f / 32768.0f);
    const Multiplier output = quantize_multiplier(output_quotient), relu = quantize_multiplier(relu_quotient);
    if (output.shift > 0 || output_quotient - output_quotient != 0) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have a scale of at least 1/128 of the input's");
    }
    return HardSwishArithmetic{in.zero_point, out.zero_point, narrow(output.mantissa), narrow(relu.mantissa), -output.shift, relu.shift};
  }

  /// From stored number to stored number, not yet clamped.
  TFL_ALWAYS_INLINE constexpr std::int32_t apply(std::int32_t stored) const {
    // 7 more fraction bits than the input, which fill 16 bits.
    const std::int32_t fine = (stored - zero_in) * 128;
    const std::int32_t scaled = rounding_high_mul(fine, output_factor);
    // (x + 3) / 6 with 15 fraction bits. The last bit of a shift to the left comes after the product: there its saturation counts.
    std::int32_t relu = fine;
    if (relu_shift > 0) relu = shift_left(relu, relu_shift - 1);
    relu = rounding_high_mul(relu, relu_factor);
    if (relu_shift > 0) relu = shift_left(relu, 1);
    if (relu_shift < 0) relu = rounding_divide_by_power_of_two(relu, -relu_shift);
    relu = (relu + 32768) >> 1;
    // Truncated, not rounded.
    const std::int32_t product = relu == -32768 && scaled == -32768 ? 32767 : relu * scaled / 32768;
    return rounding_divide_by_power_of_two(product, output_shift) + zero_out;
  }

 private:
  static constexpr std::int16_t narrow(std::int32_t mantissa) {
    return static_cast<std::int16_t>(mantissa >= std::numeric_limits<std::int32_t>::max() - (1 << 15) ? 32767
                                                                                                      : (mantissa + (1 << 15)) >> 16);
  }
  TFL_ALWAYS_INLINE static constexpr std::int32_t saturate(std::int64_t x) {
    return static_cast<std::int32_t>(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
  }
  TFL_ALWAYS_INLINE static constexpr std::int32_t shift_left(std::int32_t x, int amount) {
    return saturate(std::int64_t{x} * (std::int64_t{1} << (amount < 32 ? amount : 32)));
  }
  TFL_ALWAYS_INLINE static constexpr std::int32_t rounding_high_mul(std::int32_t a, std::int32_t b) {
    if (a == -32768 && b == -32768) return 32767;
    const std::int32_t product = a * b;
    return (product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / 32768;
  }
};

}  // namespace detail

/// HARD_SWISH: y = x * min(max(x + 3, 0), 6) / 6
struct HardSwish : detail::UnaryBase {
  static constexpr BuiltinOperator code = BuiltinOperator::HARD_SWISH;
  static constexpr int max_version = 1;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    return is_quantized_integer(node.input(0).type) ? require_quantized_pair(node, false) : Violation{};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.packed_bytes = bits_of(node.input(0).type) == 8 ? lut::entries_8 : 0};
  }

  using Prepared = detail::HardSwishArithmetic;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    if (!is_quantized_integer(node.input(0).type)) return Prepared{};
    return Prepared::of(node);
  }

  template <class Run, class In> static void pack(const Run& run, In, std::byte* packed) {
    using T = typename In::value_type;
    if constexpr (sizeof(T) == 1) {
      constexpr int lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
      for (int x = lo; x <= hi; ++x) {
        const std::int32_t y = run.prepared.apply(x);
        packed[static_cast<std::uint8_t>(x)] = static_cast<std::byte>(y < lo ? lo : y > hi ? hi : y);
      }
    }
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    if constexpr (sizeof(typename In::value_type) == 1) {
      detail::eval_table(run, in, out);
    } else {
      using B = simd::Float32<A>;
      run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
        simd::map_wide<A>(in.data() + first, out.data() + first, last - first,
                          [](B x) { return x * simd::min(simd::max(x + B(3.0f), B(0.0f)), B(6.0f)) * B(1.0f / 6.0f); });
      });
    }
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>>;
};

namespace detail {

struct LogisticFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::logistic(x); }
  static float real(float x) { return 1.0f / (1.0f + std::exp(-x)); }
};
struct TanhFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::tanh(x); }
  static float real(float x) { return std::tanh(x); }
};
struct EluFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::select_less(x, B(0.0f), simd::expm1(simd::min(x, B(0.0f))), x); }
  template <class T> static auto table_function(const TableScales&) {
    return [](float x) { return x < 0.0f ? std::expm1(x) : x; };
  }
};
struct GeluFunction {
  static constexpr std::int64_t cost = 2;
  // erfc keeps its precision where 1 + erf would cancel.
  template <class B> B operator()(B x) const { return B(0.5f) * x * simd::erfc(x * B(-0.70710678118654752f)); }
  static float real(float x) { return 0.5f * x * std::erfc(x * -0.70710678118654752f); }
};
struct GeluTanhFunction {
  static constexpr std::int64_t cost = 2;
  template <class B> B operator()(B x) const {
    return B(0.5f) * x * (B(1.0f) + simd::tanh(B(0.79788456080286536f) * (x + B(0.044715f) * x * x * x)));
  }
  static float real(float x) { return 0.5f * x * (1.0f + std::tanh(0.79788456080286536f * (x + lut::unfused(0.044715f * x * x * x)))); }
};

/// LOGISTIC and TANH: floats by F, 8 bits by a table, int16 by the table that both share.
template <BuiltinOperator Code, class F> struct Sigmoidal : UnaryBase {
  static constexpr BuiltinOperator code = Code;
  static constexpr int max_version = 3;
  static constexpr bool is_logistic = Code == BuiltinOperator::LOGISTIC;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    const TensorType type = node.input(0).type;
    if (!is_quantized_integer(type)) return {};
    if (const Violation v = require_quantized_pair(node, true)) return v;
    const float scale = node.output(0).quantization.scale;
    if (type == TensorType::int16 && (is_logistic ? scale != 1.0f / 32768 : exponent_of_power_of_two(scale) != -15)) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have the scale 1/32768");
    }
    if (type != TensorType::int16 && is_logistic && scale != 1.0f / 256) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have the scale 1/256");
    }
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.packed_bytes = bits_of(node.input(0).type) == 8 ? lut::entries_8 : 0};
  }

  struct Prepared : TableScales {
    lut::SigmoidScaling scaling;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{TableScales::of(node), {}};
    if (node.input(0).type == TensorType::int16) p.scaling = scaling_of(node.input(0).quantization.scale);
    return p;
  }

  template <class Run, class In> static void pack(const Run& run, In, std::byte* packed) {
    using T = typename In::value_type;
    if constexpr (sizeof(T) == 1)
      pack_table<typename Run::Arch, T>(
          run.prepared, [](float x) { return F::real(x); }, packed);
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if constexpr (sizeof(typename In::value_type) == 1) {
      eval_table(run, in, out);
    } else if constexpr (std::is_same_v<typename In::value_type, std::int16_t>) {
      const lut::SigmoidScaling scaling = run.prepared.scaling;
      run.executor.parallel_for(in.count(), 2, [&](std::int64_t first, std::int64_t last, int) {
        for (std::int64_t i = first; i < last; ++i) out[i] = is_logistic ? lut::logistic_16(in[i], scaling) : lut::tanh_16(in[i], scaling);
      });
    } else {
      eval_unary<F>(run, in, out);
    }
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>, Signature<Takes<std::int16_t>, Gives<std::int16_t>>,
                           Signature<Takes<Float16>, Gives<Float16>>, Signature<Takes<BFloat16>, Gives<BFloat16>>>;

 private:
  /// To steps of 1 / (3 * 4096); exact where the scale is 1/4096 (or 1/2048 for TANH), to 15 bits elsewhere.
  static constexpr lut::SigmoidScaling scaling_of(float scale) {
    const int left_shift = exponent_of_power_of_two(scale) + 12;
    if (left_shift == 0 || (left_shift == 1 && !is_logistic)) return {3 << left_shift, 0};
    double factor = double{scale} * 4096.0 * 3.0;
    std::int32_t shift = 0;
    while (factor <= 32767.0 / 2 && shift <= 30) {
      ++shift;
      factor *= 2;
    }
    return {factor < 2147483647.0 ? static_cast<std::int32_t>(factor) : std::numeric_limits<std::int32_t>::max(), shift};
  }
};

}  // namespace detail

/// LOGISTIC: y = 1 / (1 + e^-x)
using Logistic = detail::Sigmoidal<BuiltinOperator::LOGISTIC, detail::LogisticFunction>;
/// TANH: y = tanh x
using Tanh = detail::Sigmoidal<BuiltinOperator::TANH, detail::TanhFunction>;
/// ELU: y = x for x >= 0, else e^x - 1
using Elu = TabledUnary<BuiltinOperator::ELU, 1, detail::EluFunction, std::int8_t>;

/// GELU: y = x * (1 + erf(x / sqrt 2)) / 2, or with tanh in place of erf where the option `approximate` is set
struct Gelu : detail::UnaryBase {
  static constexpr BuiltinOperator code = BuiltinOperator::GELU;
  static constexpr int max_version = 3;

  struct Options {
    bool approximate = false;
    template <class Table> static constexpr Options read(const Table& table) { return {table.approximate()}; }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    return is_quantized_integer(node.input(0).type) ? require_quantized_pair(node, false) : Violation{};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.packed_bytes = detail::table_bytes(node.input(0).type)};
  }

  struct Prepared : detail::TableScales {
    bool approximate = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{detail::TableScales::of(node), options.approximate};
  }

  template <class Run, class In> static void pack(const Run& run, In, std::byte* packed) {
    using T = typename In::value_type;
    if constexpr (is_tabled<T>) {
      const bool approximate = run.prepared.approximate;
      const auto f = [approximate](float x) { return approximate ? detail::GeluTanhFunction::real(x) : detail::GeluFunction::real(x); };
      detail::pack_table<typename Run::Arch, T>(run.prepared, f, packed);
    }
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if constexpr (is_tabled<typename In::value_type>) {
      detail::eval_table(run, in, out);
    } else if (run.prepared.approximate) {
      detail::eval_unary<detail::GeluTanhFunction>(run, in, out);
    } else {
      detail::eval_unary<detail::GeluFunction>(run, in, out);
    }
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::uint8_t>, Gives<std::uint8_t>>, Signature<Takes<std::int16_t>, Gives<std::int16_t>>,
                           Signature<Takes<Float16>, Gives<Float16>>>;

 private:
  template <class T> static constexpr bool is_tabled = std::is_integral_v<T>;
};

}  // namespace tfl
