#pragma once
// Elementwise functions of one input: y[i] = f(x[i]). Each op is a functor and one line.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/kernels/half.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/requantize.hpp"
#include "tfl/kernels/table.hpp"
#include "tfl/quant/fixed_point.hpp"
#include "tfl/simd/math.hpp"

namespace tfl {

namespace detail {

/// What ops that keep type and shape have in common.
struct UnaryBase {
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr OpTraits traits{.in_place = true, .any_rank = true};

  using Options = NoOptions;

  static constexpr Violation infer_same(const NodeDescription& node) {
    if (!node.has_input(0)) return input_violation(0, ErrorCode::invalid_argument, "must not be absent");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }
};

/// y[i] = F(x[i]); functions of floats in the vector type of the architecture, tail and all.
template <class F, class Run, class In, class Out> void eval_unary(const Run& run, In in, Out out) {
  using A = typename Run::Arch;
  using T = typename In::value_type;
  run.executor.parallel_for(in.count(), F::cost, [&](std::int64_t first, std::int64_t last, int) {
    if constexpr (std::is_same_v<T, float>) {
      simd::map_wide<A>(in.data() + first, out.data() + first, last - first, [](auto x) { return F{}(x); });
    } else if constexpr (is_half<T>) {
      map_half<A>(in.data() + first, out.data() + first, last - first,
                  [](const float* x, float* y, std::int64_t count) { simd::map_wide<A>(x, y, count, [](auto v) { return F{}(v); }); });
    } else {
      simd::map<A>(in.data() + first, out.data() + first, last - first, [](auto x) { return F{}(x); });
    }
  });
}

}  // namespace detail

/// An op whose kernel is y[i] = F(x[i]); F takes a batch of any width. T: the element types it runs on.
template <BuiltinOperator Code, int MaxVersion, class F, class... T> struct Unary : detail::UnaryBase {
  static constexpr BuiltinOperator code = Code;
  static constexpr int max_version = MaxVersion;

  static constexpr Violation infer(const Options&, const NodeDescription& node) { return infer_same(node); }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) { detail::eval_unary<F>(run, in, out); }

  using Types = Signatures<Signature<Takes<T>, Gives<T>>...>;
};

/// An op that computes floats by F and quantized numbers through a table of F::real(x, least output).
/// Q: the quantized types it runs on. F::needs_nonnegative: a quantized input below 0 is an error.
template <BuiltinOperator Code, int MaxVersion, class F, class... Q> struct TabledUnary : detail::UnaryBase {
  static constexpr BuiltinOperator code = Code;
  static constexpr int max_version = MaxVersion;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    if (!is_quantized_integer(node.input(0).type)) return {};
    return require_quantized_pair(node, false);
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.packed_bytes = detail::table_bytes(node.input(0).type)};
  }

  using Prepared = detail::TableScales;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared::of(node);
  }

  template <class Run, class In> static void pack(const Run& run, In, std::byte* packed) {
    using T = typename In::value_type;
    if constexpr (sizeof(T) <= 2)
      detail::pack_table<typename Run::Arch, T>(run.prepared, F::template table_function<T>(run.prepared), packed);
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if constexpr (sizeof(typename In::value_type) <= 2) {
      detail::eval_table(run, in, out);
    } else {
      detail::eval_unary<F>(run, in, out);
    }
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<Q>, Gives<Q>>...>;
};

namespace detail {

struct NegFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return -x; }
};
struct AbsFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::abs(x); }
};
struct SquareFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return x * x; }
};
struct FloorFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::floor(x); }
};
struct CeilFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::ceil(x); }
};
struct RoundFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::round_half_even(x); }
};
struct SinFunction {
  static constexpr std::int64_t cost = 3;
  template <class B> B operator()(B x) const { return simd::sin(x); }
};
struct CosFunction {
  static constexpr std::int64_t cost = 3;
  template <class B> B operator()(B x) const { return simd::cos(x); }
};
struct SignFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const {
    using T = typename B::value_type;
    // NaN is neither below nor above 0 and stays itself.
    const B zero(T{0});
    return simd::select_less(x, zero, B(T(-1)), simd::select_less(zero, x, B(T{1}), x));
  }
};
struct SqrtFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::sqrt(x); }
};
struct RsqrtFunction {
  static constexpr std::int64_t cost = 2;
  template <class B> B operator()(B x) const { return simd::divide(B(1.0f), simd::sqrt(x)); }
};
struct ExpFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::exp(x); }
  template <class T> static auto table_function(const TableScales&) {
    return [](float x) { return std::exp(x); };
  }
};
struct LogFunction {
  static constexpr std::int64_t cost = 1;
  template <class B> B operator()(B x) const { return simd::log(x); }
  /// What has no logarithm becomes the least output.
  template <class T> static auto table_function(const TableScales& scales) {
    const float least = static_cast<float>(std::numeric_limits<T>::min() - scales.zero_out) * scales.scale_out;
    return [least](float x) { return x <= 0.0f ? least : std::log(x); };
  }
};

}  // namespace detail

/// NEG: y = -x. Quantized integers are negated as they are stored, as TFLite has it.
using Neg =
    Unary<BuiltinOperator::NEG, 1, detail::NegFunction, float, std::int32_t, std::int64_t, std::int8_t, std::int16_t, Float16, BFloat16>;
/// SQUARE: y = x * x
using Square = Unary<BuiltinOperator::SQUARE, 1, detail::SquareFunction, float>;
/// FLOOR, CEIL, ROUND (half to even)
using Floor = Unary<BuiltinOperator::FLOOR, 1, detail::FloorFunction, float, Float16, BFloat16>;
using Ceil = Unary<BuiltinOperator::CEIL, 1, detail::CeilFunction, float>;
using Round = Unary<BuiltinOperator::ROUND, 1, detail::RoundFunction, float, Float16, BFloat16>;
/// SIN, COS of radians
using Sin = Unary<BuiltinOperator::SIN, 2, detail::SinFunction, float, Float16>;
using Cos = Unary<BuiltinOperator::COS, 2, detail::CosFunction, float, Float16>;
/// SIGN: -1, 0 or 1; NaN for NaN
using Sign = Unary<BuiltinOperator::SIGN, 2, detail::SignFunction, float, double, std::int32_t>;
/// EXP: y = e^x
using Exp = TabledUnary<BuiltinOperator::EXP, 2, detail::ExpFunction, std::int8_t, std::int16_t>;
/// LOG: y = ln x
using Log = TabledUnary<BuiltinOperator::LOG, 2, detail::LogFunction, std::int8_t, std::int16_t>;

/// ABS: y = |x|. Quantized numbers are rescaled to the output's quantization; int16 may have none.
struct Abs : detail::UnaryBase {
  static constexpr BuiltinOperator code = BuiltinOperator::ABS;
  static constexpr int max_version = 5;

  static constexpr bool is_rescaled(const NodeDescription& node) {
    return node.input(0).type == TensorType::int8 || (node.input(0).type == TensorType::int16 && node.input(0).quantization.present());
  }
  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    return is_rescaled(node) ? require_quantized_pair(node, true) : Violation{};
  }

  struct Prepared {
    Requantization requantization;
    bool rescaled = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    if (!is_rescaled(node)) return Prepared{};
    const auto r = activation_requantization_of(node);
    if (!r) return r.error();
    return Prepared{*r, true};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if constexpr (sizeof(typename In::value_type) <= 2) {
      if (run.prepared.rescaled) {
        run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
          requantize<typename Run::Arch>(run.prepared.requantization, in.data() + first, out.data() + first, last - first,
                                         [](auto x) { return simd::abs(x); });
        });
        return;
      }
    }
    detail::eval_unary<detail::AbsFunction>(run, in, out);
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::int16_t>, Gives<std::int16_t>>, Signature<Takes<std::int32_t>, Gives<std::int32_t>>>;
};

namespace detail {

/// Whether any element is below the zero point. Vectors of every width look at whole blocks, so that the answer comes without branches.
template <class A, class T> bool any_below(const T* x, std::int64_t count, std::int32_t zero_point) {
  using V = simd::Int32<A>;
  constexpr int n = simd::lanes<std::int32_t, A>;
  V least(std::numeric_limits<std::int32_t>::max());
  std::int64_t i = 0;
  for (; i + n <= count; i += n) least = simd::min(least, simd::load_int32<A>(x + i));
  std::int32_t lanes[n];
  simd::store(lanes, least);
  bool below = false;
  for (const std::int32_t v : lanes) below = below || v < zero_point;
  for (; i < count; ++i) below = below || x[i] < zero_point;
  return below;
}

/// What SQRT and RSQRT share: quantized inputs below 0 are errors that only running can find.
struct RootBase : UnaryBase {
  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = infer_same(node)) return v;
    return is_quantized_integer(node.input(0).type) ? require_quantized_pair(node, true) : Violation{};
  }
  template <class Run, class In> static Violation check(const Run& run, In in) {
    if (!any_below<typename Run::Arch>(in.data(), in.count(), run.prepared.zero_in)) return {};
    return input_violation(0, ErrorCode::invalid_value, "must not hold numbers below 0");
  }
  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<std::int8_t>, Gives<std::int8_t>>,
                           Signature<Takes<std::int16_t>, Gives<std::int16_t>>>;
};

}  // namespace detail

/// SQRT: y = sqrt(x). The quotient of quantized results is truncated, as TFLite has it.
struct Sqrt : detail::RootBase {
  static constexpr BuiltinOperator code = BuiltinOperator::SQRT;
  static constexpr int max_version = 2;

  using Prepared = detail::TableScales;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared::of(node);
  }

  template <class Run, class In, class Out> static Violation eval(const Run& run, In in, Out out) {
    using A = typename Run::Arch;
    if constexpr (sizeof(typename In::value_type) <= 2) {
      if (const Violation v = check(run, in)) return v;
      using V = simd::Int32<A>;
      using F = simd::Float32<A>;
      const Prepared& p = run.prepared;
      run.executor.parallel_for(in.count(), 2, [&](std::int64_t first, std::int64_t last, int) {
        simd::map_wide<A>(in.data() + first, out.data() + first, last - first, [&](V x) {
          const F real = F(p.scale_in) * simd::to_float<A>(x - V(p.zero_in));
          const F quotient = simd::divide(simd::sqrt(simd::max(real, F(0.0f))), F(p.scale_out));  // below 0: the padding of the tail
          return simd::truncate_bounded(simd::min(quotient, F(1e6f))) + V(p.zero_out);
        });
      });
    } else {
      detail::eval_unary<detail::SqrtFunction>(run, in, out);
    }
    return {};
  }
};

/// RSQRT: y = 1 / sqrt(x); 0 becomes the largest quantized number.
struct Rsqrt : detail::RootBase {
  static constexpr BuiltinOperator code = BuiltinOperator::RSQRT;
  static constexpr int max_version = 3;

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.packed_bytes = detail::table_bytes(node.input(0).type)};
  }

  struct Prepared : detail::TableScales {};
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{detail::TableScales::of(node)};
  }

  template <class Run, class In> static void pack(const Run& run, In, std::byte* packed) {
    using T = typename In::value_type;
    const Prepared& p = run.prepared;
    if constexpr (sizeof(T) == 2) {
      const float most = 32767 * p.scale_out;
      detail::pack_table<typename Run::Arch, T>(
          p, [most](float x) { return x <= 0.0f ? most : 1.0f / std::sqrt(x); }, packed);
    } else if constexpr (sizeof(T) == 1) {
      const Multiplier scale = quantize_multiplier(1.0 / (static_cast<double>(std::sqrt(p.scale_in) * p.scale_out)));
      for (std::int32_t x = -128; x < 128; ++x)
        packed[static_cast<std::uint8_t>(x)] = static_cast<std::byte>(entry(x - p.zero_in, scale, p.zero_out));
    }
  }

  template <class Run, class In, class Out> static Violation eval(const Run& run, In in, Out out) {
    if constexpr (sizeof(typename In::value_type) <= 2) {
      if (const Violation v = check(run, in)) return v;
      detail::eval_table(run, in, out);
    } else {
      detail::eval_unary<detail::RsqrtFunction>(run, in, out);
    }
    return {};
  }

 private:
  static constexpr std::int8_t entry(std::int32_t x, Multiplier scale, std::int32_t zero_point) {
    if (x <= 0) return 127;
    constexpr int fraction_bits = 20;
    Multiplier inverse = fixed_point::inverse_square_root(x);
    inverse.shift += fraction_bits;
    const int shift = scale.shift - fraction_bits;
    if (shift < -31) return static_cast<std::int8_t>(zero_point);
    const std::int64_t y =
        std::int64_t{multiply(multiply(std::int32_t{1}, inverse), {scale.mantissa, shift < 30 ? shift : 30})} + zero_point;
    return static_cast<std::int8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
  }
};

}  // namespace tfl
