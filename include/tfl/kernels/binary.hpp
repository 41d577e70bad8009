#pragma once
// Elementwise arithmetic of two inputs that broadcast, with an activation on the way out and quantized types: ADD, SUB, MUL, DIV,
// SQUARED_DIFFERENCE. Integers wrap on overflow; division by an integer 0 is an error. binary_plain.hpp has the ops without either.

#include <algorithm>
#include <complex>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/binary_bytes.hpp"
#include "tfl/kernels/binary_plain.hpp"
#include "tfl/kernels/binary_quantized.hpp"
#include "tfl/kernels/broadcast.hpp"
#include "tfl/kernels/half.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/compare.hpp"

namespace tfl {

namespace detail {

// ---- Functions

struct AddBatches {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const { return x + y; }
};
struct SubBatches {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const { return x - y; }
};
struct MulBatches {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const { return x * y; }
};
struct DivBatches {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const { return simd::divide(x, y); }
};
/// (x - y)^2
struct SquaredDifferenceBatches {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const {
    const B difference = x - y;
    return difference * difference;
  }
};
/// The activation after the function.
template <class T, class F> struct Clamped {
  T lo, hi;
  explicit Clamped(const void* range)
      : lo(static_cast<const ActivationRange<T>*>(range)->lo), hi(static_cast<const ActivationRange<T>*>(range)->hi) {}
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const { return simd::clamp(F{}(x, y), B(lo), B(hi)); }
};

template <class T> struct DivideIntegers {
  ActivationRange<T> range;
  explicit DivideIntegers(const void* parameters) : range(*static_cast<const ActivationRange<T>*>(parameters)) {}
  TFL_ALWAYS_INLINE T operator()(T a, T b) const {
    const T quotient = truncating_quotient(a, b);
    return std::min(std::max(quotient, range.lo), range.hi);
  }
};
/// Without the recovery of infinities that std::complex makes.
struct MulComplex {
  explicit MulComplex(const void*) {}
  TFL_ALWAYS_INLINE std::complex<float> operator()(std::complex<float> a, std::complex<float> b) const {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }
};

/// The activation's range in the integers of T.
template <class T> constexpr ActivationRange<T> integer_activation_range(Activation activation) {
  constexpr T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  constexpr T minus_one = std::is_signed_v<T> ? static_cast<T>(-1) : T{0};
  switch (activation) {
    case Activation::relu: return {T{0}, most};
    case Activation::relu_n1_to_1: return {minus_one, T{1}};
    case Activation::relu6: return {T{0}, T{6}};
    default: return {least, most};
  }
}

}  // namespace detail

/// Options of the ops that may apply an activation to their output.
struct PairOptions {
  Activation activation = Activation::none;
  bool power_of_two_scales = false;  // int16: scales that are powers of two take a kernel of their own (ADD, SUB)

  template <class Table> static constexpr PairOptions read(const Table& table) {
    PairOptions options;
    if constexpr (requires { table.fused_activation_function(); }) {
      options.activation = activation_from(static_cast<std::int64_t>(table.fused_activation_function()));
    }
    if constexpr (requires { table.pot_scale_int16(); }) options.power_of_two_scales = table.pot_scale_int16();
    return options;
  }
};

/// An op of two inputs with an activation and quantized types. F says what it does:
///   prepare(options, node, prepared)  fills `quantized` and `way`, and returns the rule that the node breaks
///   function<A, T, O>(prepared)       the PairFunction for inputs of T and an output of O
///   parameters<T>(prepared)           what it is made from
///   check(b, prepared)                looks at the data of input 1; optional
///   packed_bytes<A>(node), pack<A, T>(prepared, packed), packed_function<A, T>(packed)
///                                     a faster way found once, null where there is none; optional
template <BuiltinOperator Code, int MaxVersion, class F, class T> struct Arithmetic {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = MaxVersion;
  static constexpr OpTraits traits{.in_place = true, .clamps = true, .any_rank = true};

  using Options = PairOptions;

  struct Prepared {
    Broadcast<2> broadcast;
    PairQuantization quantized;
    ActivationRange<float> real{0, 0};
    ActivationRange<std::int64_t> int64{0, 0};
    ActivationRange<std::int32_t> int32{0, 0};
    ActivationRange<std::uint32_t> uint32{0, 0};
    ActivationRange<std::int16_t> int16{0, 0};
    enum class Way : std::uint8_t { plain, quantized, power_of_two } way = Way::plain;

    template <class E> constexpr const void* range() const {
      if constexpr (std::is_same_v<E, float> || detail::is_half<E>) return &real;
      if constexpr (std::is_same_v<E, std::int64_t>) return &int64;
      if constexpr (std::is_same_v<E, std::int32_t>) return &int32;
      if constexpr (std::is_same_v<E, std::uint32_t>) return &uint32;
      if constexpr (std::is_same_v<E, std::int16_t>) return &int16;
      return nullptr;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::infer_pair(node)) return v;
    if (!is_clamp(options.activation)) {
      return node_violation(ErrorCode::invalid_option, "its fused activation {} is not one that this op can apply",
                            static_cast<std::int64_t>(options.activation));
    }
    Prepared ignored;
    return F::prepare(options, node, ignored);
  }

  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared prepared;
    if (const Violation v = F::prepare(options, node, prepared)) return v;
    prepared.broadcast = broadcast_of<2>(node);
    prepared.real = float_range(options.activation);
    prepared.int64 = detail::integer_activation_range<std::int64_t>(options.activation);
    prepared.int32 = detail::integer_activation_range<std::int32_t>(options.activation);
    prepared.uint32 = detail::integer_activation_range<std::uint32_t>(options.activation);
    prepared.int16 = detail::integer_activation_range<std::int16_t>(options.activation);
    return prepared;
  }

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    if constexpr (requires { F::template packed_bytes<Arch>(node); }) return {.packed_bytes = F::template packed_bytes<Arch>(node)};
    return {};
  }

  template <class Run, class In>
  requires requires(const NodeDescription& node) { F::template packed_bytes<typename Run::Arch>(node); }
  static void pack(const Run& run, In, In, std::byte* packed) {
    F::template pack<typename Run::Arch, typename In::value_type>(run.prepared, packed);
  }

  template <class Run, class In, class Out> static Violation eval(const Run& run, In a, In b, Out out) {
    using E = typename In::value_type;
    const Prepared& prepared = run.prepared;
    if constexpr (requires { F::template packed_function<typename Run::Arch, E>(run.packed); }) {
      if (const PairFunction function = F::template packed_function<typename Run::Arch, E>(run.packed)) {
        run_pairs(run, prepared.broadcast, a, b, out, function, run.packed, F::cost);
        return {};
      }
    }
    if constexpr (requires { F::template check<typename Run::Arch>(b, prepared); }) {
      if (const Violation v = F::template check<typename Run::Arch>(b, prepared)) return v;
    }
    const void* const parameters = prepared.way == Prepared::Way::plain ? prepared.template range<E>() : &prepared.quantized;
    run_pairs(run, prepared.broadcast, a, b, out, F::template function<typename Run::Arch, E, typename Out::value_type>(prepared),
              parameters, F::cost);
    return {};
  }

  using Types = T;
};

namespace detail {

/// Quantized sums and differences, and the types that both ops take.
template <class Plain, bool Subtract> struct SumFunction {
  static constexpr std::int64_t cost = 1;

  template <class Prepared>
  static constexpr Violation prepare(const PairOptions& options, const NodeDescription& node, Prepared& prepared) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    const TensorType type = node.input(0).type;
    if (!is_quantized_integer(type)) return {};
    const bool wide = type == TensorType::int16;
    if (wide && !Subtract && !node.input(0).quantization.present() && !node.output(0).quantization.present()) return {};  // plain integers
    if (wide && options.power_of_two_scales) {
      bool fits = false;
      if (const Violation v = prepare_power_of_two_sum(node, options.activation, prepared.quantized, fits)) return v;
      if (fits) {
        prepared.way = Prepared::Way::power_of_two;
        return {};
      }
    }
    prepared.way = Prepared::Way::quantized;
    if (const Violation v = prepare_sum(node, options.activation, prepared.quantized)) return v;
    return wide && !Subtract ? require_no_zero_points(node) : Violation{};
  }

  template <class A> static constexpr std::int64_t packed_bytes(const NodeDescription& node) {
    const bool proves = simd::has_byte_sum<A> && bits_of(node.input(0).type) == 8 && node.output(0).count() >= least_elements_to_prove;
    return proves ? static_cast<std::int64_t>(sizeof(ProvenByteSum)) : 0;
  }
  template <class A, class T, class Prepared> static void pack(const Prepared& prepared, std::byte* packed) {
    if constexpr (simd::has_byte_sum<A> && sizeof(T) == 1) {
      *reinterpret_cast<ProvenByteSum*>(packed) = prove_byte_sum<A, T, Subtract>(prepared.quantized);
    }
  }
  template <class A, class T> static PairFunction packed_function(const std::byte* packed) {
    if constexpr (simd::has_byte_sum<A> && sizeof(T) == 1) {
      if (packed != nullptr && reinterpret_cast<const ProvenByteSum*>(packed)->holds) return &run_byte_sum<A, T>;
    }
    return nullptr;
  }

  template <class A, class T, class O, class Prepared> static PairFunction function(const Prepared& prepared) {
    static_assert(std::is_same_v<T, O>);
    if constexpr (is_half<T>) {
      return &run_pairs_of_halves<A, T, T, &run_vectors<A, float, Clamped<float, Plain>>>;
    } else if constexpr (sizeof(T) == 1) {
      return quantized<A, T>(prepared.quantized);
    } else if constexpr (sizeof(T) == 2) {
      if (prepared.way == Prepared::Way::power_of_two) return &run_lanes<A, T, T, PowerOfTwoSumLanes<A, Subtract>>;
      if (prepared.way == Prepared::Way::quantized) return quantized<A, T>(prepared.quantized);
      return &run_lane_by_lane<A, T, Clamped<T, Plain>>;
    } else if constexpr (sizeof(T) == 8) {
      return &run_lane_by_lane<A, T, Clamped<T, Plain>>;
    } else {
      return &run_vectors<A, T, Clamped<T, Plain>>;
    }
  }

  using Types = Signatures<SameTypes<float>, SameTypes<std::int32_t>, SameTypes<std::int64_t>, SameTypes<std::int8_t>,
                           SameTypes<std::uint8_t>, SameTypes<std::int16_t>>;
  using TypesAndFloat16 = Signatures<SameTypes<float>, SameTypes<std::int32_t>, SameTypes<std::int64_t>, SameTypes<std::int8_t>,
                                     SameTypes<std::uint8_t>, SameTypes<std::int16_t>, SameTypes<Float16>>;

 private:
  template <class A, class T> static PairFunction quantized(const PairQuantization& q) {
    return q.first_is_larger ? &run_lanes<A, T, T, SumLanes<A, Subtract, true>> : &run_lanes<A, T, T, SumLanes<A, Subtract, false>>;
  }
};
using AddFunction = SumFunction<AddBatches, false>;
using SubFunction = SumFunction<SubBatches, true>;

struct MulFunction {
  static constexpr std::int64_t cost = 1;

  template <class Prepared>
  static constexpr Violation prepare(const PairOptions& options, const NodeDescription& node, Prepared& prepared) {
    const TensorType type = node.input(0).type, out = node.output(0).type;
    if (type == TensorType::int16 && (out == TensorType::int8 || out == TensorType::uint8)) {
      prepared.way = Prepared::Way::quantized;
      if (const Violation v = require_quantized_output(node, 0)) return v;
      prepared.quantized.zero_out = node.output(0).quantization.zero_point;
      prepared.quantized.range = quantized_range(options.activation, out, node.output(0).quantization);
      return {};
    }
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    if (type == TensorType::complex64 && options.activation != Activation::none) {
      return node_violation(ErrorCode::invalid_option, "complex numbers take no fused activation");
    }
    if (!is_quantized_integer(type)) return {};
    if (type == TensorType::int16 && !node.output(0).quantization.present()) return {};  // plain integers
    prepared.way = Prepared::Way::quantized;
    return prepare_product(node, options.activation, prepared.quantized);
  }

  template <class A> static constexpr std::int64_t packed_bytes(const NodeDescription& node) {
    const bool proves = simd::has_float_steps<A> && bits_of(node.input(0).type) == 8 && node.output(0).count() >= least_elements_to_prove;
    return proves ? static_cast<std::int64_t>(sizeof(ProvenByteProduct)) : 0;
  }
  template <class A, class T, class Prepared> static void pack(const Prepared& prepared, std::byte* packed) {
    if constexpr (simd::has_float_steps<A> && sizeof(T) == 1) {
      *reinterpret_cast<ProvenByteProduct*>(packed) = prove_byte_product<A>(prepared.quantized);
    }
  }
  template <class A, class T> static PairFunction packed_function(const std::byte* packed) {
    if constexpr (simd::has_float_steps<A> && sizeof(T) == 1) {
      if (packed != nullptr && reinterpret_cast<const ProvenByteProduct*>(packed)->holds) return &run_byte_product<A, T>;
    }
    return nullptr;
  }

  template <class A, class T, class O, class Prepared> static PairFunction function(const Prepared& prepared) {
    if constexpr (!std::is_same_v<T, O>) {
      return &run_lanes<A, T, O, FractionMulLanes<A>>;
    } else if constexpr (is_half<T>) {
      return &run_pairs_of_halves<A, T, T, &run_vectors<A, float, Clamped<float, MulBatches>>>;
    } else if constexpr (std::is_same_v<T, std::complex<float>>) {
      return &run_scalars<A, T, MulComplex>;
    } else if constexpr (sizeof(T) == 1) {
      return &run_lanes<A, T, T, MulLanes<A>>;
    } else if constexpr (sizeof(T) == 2) {
      if (prepared.way == Prepared::Way::quantized) return &run_lanes<A, T, T, MulLanes<A>>;
      return &run_lane_by_lane<A, T, Clamped<T, MulBatches>>;
    } else if constexpr (sizeof(T) == 8 || std::is_unsigned_v<T>) {
      return &run_lane_by_lane<A, T, Clamped<T, MulBatches>>;
    } else {
      return &run_vectors<A, T, Clamped<T, MulBatches>>;
    }
  }

  template <class O> using FromInt16 = Signature<Takes<std::int16_t, std::int16_t>, Gives<O>>;
  using Types = Signatures<SameTypes<float>, SameTypes<std::int32_t>, SameTypes<std::int64_t>, SameTypes<std::int8_t>,
                           SameTypes<std::uint8_t>, SameTypes<std::int16_t>, FromInt16<std::int8_t>, FromInt16<std::uint8_t>,
                           SameTypes<std::uint32_t>, SameTypes<std::complex<float>>, SameTypes<Float16>>;
};

struct DivFunction {
  static constexpr std::int64_t cost = 4;

  template <class Prepared>
  static constexpr Violation prepare(const PairOptions& options, const NodeDescription& node, Prepared& prepared) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    if (!is_quantized_integer(node.input(0).type)) return {};
    prepared.way = Prepared::Way::quantized;
    return prepare_quotient(node, options.activation, prepared.quantized);
  }

  template <class A, class View, class Prepared> static Violation check(View b, const Prepared& prepared) {
    using T = typename View::value_type;
    if constexpr (std::is_integral_v<T>) {
      return require_no_zero<A>(b.data(), b.count(), static_cast<T>(sizeof(T) < 4 ? prepared.quantized.zero_b : 0));
    } else {
      return {};
    }
  }

  template <class A, class T, class O, class Prepared> static PairFunction function(const Prepared&) {
    if constexpr (std::is_same_v<T, float>) {
      return &run_vectors<A, T, Clamped<T, DivBatches>>;
    } else if constexpr (sizeof(T) == 4) {
      return &run_scalars<A, T, DivideIntegers<T>>;
    } else {
      return &run_divide_quantized<A, T>;
    }
  }

  using Types =
      Signatures<SameTypes<float>, SameTypes<std::int32_t>, SameTypes<std::int8_t>, SameTypes<std::uint8_t>, SameTypes<std::int16_t>>;
};

struct SquaredDifferenceFunction {
  static constexpr std::int64_t cost = 1;

  template <class Prepared>
  static constexpr Violation prepare(const PairOptions& options, const NodeDescription& node, Prepared& prepared) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    if (!is_quantized_integer(node.input(0).type)) return {};
    prepared.way = Prepared::Way::quantized;
    return prepare_squared_difference(node, options.activation, prepared.quantized);
  }

  template <class A, class T, class O, class Prepared> static PairFunction function(const Prepared&) {
    if constexpr (sizeof(T) < 4) {
      return &run_lanes<A, T, T, SquaredDifferenceLanes<A>>;
    } else {
      return &run_vectors<A, T, Clamped<T, SquaredDifferenceBatches>>;
    }
  }

  using Types = Signatures<SameTypes<float>, SameTypes<std::int32_t>, SameTypes<std::int8_t>, SameTypes<std::int16_t>>;
};

}  // namespace detail

/// ADD: a + b, then the fused activation
using Add = Arithmetic<BuiltinOperator::ADD, 6, detail::AddFunction, detail::AddFunction::TypesAndFloat16>;
/// SUB: a - b, then the fused activation
using Sub = Arithmetic<BuiltinOperator::SUB, 5, detail::SubFunction, detail::SubFunction::Types>;
/// MUL: a * b, then the fused activation
using Mul = Arithmetic<BuiltinOperator::MUL, 8, detail::MulFunction, detail::MulFunction::Types>;
/// DIV: a / b, integers towards zero, then the fused activation
using Div = Arithmetic<BuiltinOperator::DIV, 3, detail::DivFunction, detail::DivFunction::Types>;
/// SQUARED_DIFFERENCE: (a - b)^2
using SquaredDifference =
    Arithmetic<BuiltinOperator::SQUARED_DIFFERENCE, 2, detail::SquaredDifferenceFunction, detail::SquaredDifferenceFunction::Types>;

}  // namespace tfl

#include "tfl/kernels/compact_add.hpp"  // its form for microcontrollers
