#pragma once
// CAST: numbers of one type as another. One copy of the code serves all pairs of types: the common ones are converted in vectors, the
// others block by block through int64 or double, which hold every type exactly.

#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/simd/float16.hpp"
#include "tfl/simd/map_wide.hpp"
#include "tfl/simd/math.hpp"

namespace tfl {

namespace detail {

/// A number truncated towards 0 and saturated; NaN becomes the largest integer.
template <class T> TFL_ALWAYS_INLINE constexpr T saturating_cast(double x) {
  constexpr T lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
  // hi + 1 is a power of two, exact as a double where hi may not be.
  constexpr double above = sizeof(T) == 8 ? 9223372036854775808.0 : static_cast<double>(hi) + 1;
  if (!(x < above)) return hi;
  return x < static_cast<double>(lo) ? lo : static_cast<T>(x);
}

/// Up to 256 numbers on their way from one type to another.
struct CastBlock {
  static constexpr std::int64_t size = 256;
  bool real = false;  // which of the two lists holds them
  std::int64_t integers[size];
  double reals[size];
};

template <class A, class T> void read_integers(const void* from, std::int64_t count, CastBlock& block) {
  const T* x = static_cast<const T*>(from);
  block.real = false;
  for (std::int64_t i = 0; i < count; ++i) block.integers[i] = static_cast<std::int64_t>(x[i]);
}
template <class A, class T> void read_reals(const void* from, std::int64_t count, CastBlock& block) {
  const T* x = static_cast<const T*>(from);
  block.real = true;
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<T, std::complex<float>>) {
      block.reals[i] = double{x[i].real()};
    } else if constexpr (std::is_floating_point_v<T>) {
      block.reals[i] = x[i];
    } else {
      block.reals[i] = double{to_float(x[i])};
    }
  }
}
// Blocks of integers that share bytes begin with a whole byte.
template <class P> void read_packed(const void* from, std::int64_t count, CastBlock& block) {
  block.real = false;
  for (std::int64_t i = 0; i < count; ++i) block.integers[i] = packed_at(static_cast<const P*>(from), i);
}
template <class P> void write_packed(const CastBlock& block, void* to, std::int64_t count) {
  constexpr int lo = PackedRange<P>::lo, hi = PackedRange<P>::hi;
  P* const y = static_cast<P*>(to);
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % PackedRange<P>::per_byte == 0) y[i / PackedRange<P>::per_byte] = {};
    const double x = block.reals[i];
    put_packed(y, i, !(x < double{hi}) ? hi : x < double{lo} ? lo : static_cast<int>(x));
  }
}
template <class A> void read_block(TensorType type, const void* from, std::int64_t count, CastBlock& block) {
  switch (type) {
    case TensorType::boolean: read_integers<A, std::uint8_t>(from, count, block); break;
    case TensorType::int8: read_integers<A, std::int8_t>(from, count, block); break;
    case TensorType::uint8: read_integers<A, std::uint8_t>(from, count, block); break;
    case TensorType::int16: read_integers<A, std::int16_t>(from, count, block); break;
    case TensorType::uint16: read_integers<A, std::uint16_t>(from, count, block); break;
    case TensorType::int32: read_integers<A, std::int32_t>(from, count, block); break;
    case TensorType::uint32: read_integers<A, std::uint32_t>(from, count, block); break;
    case TensorType::int64: read_integers<A, std::int64_t>(from, count, block); break;
    case TensorType::float16: read_reals<A, Float16>(from, count, block); break;
    case TensorType::bfloat16: read_reals<A, BFloat16>(from, count, block); break;
    case TensorType::float8_e4m3fn: read_reals<A, Float8E4M3>(from, count, block); break;
    case TensorType::float8_e5m2: read_reals<A, Float8E5M2>(from, count, block); break;
    case TensorType::float32: read_reals<A, float>(from, count, block); break;
    case TensorType::float64: read_reals<A, double>(from, count, block); break;
    case TensorType::int4: read_packed<Int4Pair>(from, count, block); break;
    case TensorType::uint4: read_packed<UInt4Pair>(from, count, block); break;
    case TensorType::int2: read_packed<Int2Quad>(from, count, block); break;
    default: read_reals<A, std::complex<float>>(from, count, block); break;
  }
  if (type != TensorType::boolean) return;
  for (std::int64_t i = 0; i < count; ++i) block.integers[i] = block.integers[i] != 0 ? 1 : 0;
}

template <class A, class T> void write_integers(const CastBlock& block, void* to, std::int64_t count) {
  T* y = static_cast<T*>(to);
  if (block.real) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = saturating_cast<T>(block.reals[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i] = static_cast<T>(block.integers[i]);
  }
}
template <class A, class T> void write_reals(const CastBlock& block, void* to, std::int64_t count) {
  T* y = static_cast<T*>(to);
  if constexpr (std::is_same_v<T, double>) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = block.real ? block.reals[i] : static_cast<double>(block.integers[i]);
  } else {
    // Narrower types are reached through float, as TFLite has it.
    for (std::int64_t i = 0; i < count; ++i) {
      y[i] = rounded<T>(block.real ? static_cast<float>(block.reals[i]) : static_cast<float>(block.integers[i]));
    }
  }
}
template <class A> void write_block(TensorType type, const CastBlock& block, void* to, std::int64_t count) {
  switch (type) {
    case TensorType::boolean: {
      auto* y = static_cast<std::uint8_t*>(to);
      for (std::int64_t i = 0; i < count; ++i) y[i] = (block.real ? block.reals[i] != 0 : block.integers[i] != 0) ? 1 : 0;
      break;
    }
    case TensorType::int8: write_integers<A, std::int8_t>(block, to, count); break;
    case TensorType::uint8: write_integers<A, std::uint8_t>(block, to, count); break;
    case TensorType::int16: write_integers<A, std::int16_t>(block, to, count); break;
    case TensorType::uint16: write_integers<A, std::uint16_t>(block, to, count); break;
    case TensorType::int32: write_integers<A, std::int32_t>(block, to, count); break;
    case TensorType::uint32: write_integers<A, std::uint32_t>(block, to, count); break;
    case TensorType::int64: write_integers<A, std::int64_t>(block, to, count); break;
    case TensorType::float16: write_reals<A, Float16>(block, to, count); break;
    case TensorType::bfloat16: write_reals<A, BFloat16>(block, to, count); break;
    case TensorType::float8_e4m3fn: write_reals<A, Float8E4M3>(block, to, count); break;
    case TensorType::float8_e5m2: write_reals<A, Float8E5M2>(block, to, count); break;
    case TensorType::float32: write_reals<A, float>(block, to, count); break;
    case TensorType::float64: write_reals<A, double>(block, to, count); break;
    case TensorType::int4: write_packed<Int4Pair>(block, to, count); break;
    case TensorType::uint4: write_packed<UInt4Pair>(block, to, count); break;
    case TensorType::int2: write_packed<Int2Quad>(block, to, count); break;
    default: write_reals<A, std::complex<float>>(block, to, count); break;
  }
}

template <class A, class T> void float_to_integers(const float* x, T* y, std::int64_t count) {
  using B = simd::Float32<A>;
  using V = simd::Int32<A>;
  simd::map_wide<A>(x, y, count, [](B v) {
    // 2^31 isn't an int32: 2^31 - 128 is the last float below it, and what lies beyond becomes the largest integer.
    constexpr float hi = sizeof(T) == 4 ? 2147483520.0f : static_cast<float>(std::numeric_limits<T>::max());
    constexpr float lo = static_cast<float>(std::numeric_limits<T>::min());
    const B raised = simd::select_less(v, B(lo), B(lo), v);
    const V whole = simd::truncate_bounded(simd::select_less(raised, B(hi), raised, B(hi)));  // NaN becomes hi
    if constexpr (sizeof(T) < 4) {
      return whole;
    } else {
      return simd::select_less(v, B(2147483648.0f), whole, V(std::numeric_limits<std::int32_t>::max()));
    }
  });
}
template <class A, class T> void integers_to_float(const T* x, float* y, std::int64_t count) {
  simd::map_wide<A>(x, y, count, [](simd::Int32<A> v) { return simd::to_float<A>(v); });
}

/// The pairs that models hold most. False for others.
template <class A> bool cast_in_vectors(TensorType from, TensorType to, const void* x, void* y, std::int64_t count) {
  if (from == TensorType::float32) {
    const auto* v = static_cast<const float*>(x);
    switch (to) {
      case TensorType::int8: float_to_integers<A>(v, static_cast<std::int8_t*>(y), count); return true;
      case TensorType::uint8: float_to_integers<A>(v, static_cast<std::uint8_t*>(y), count); return true;
      case TensorType::int16: float_to_integers<A>(v, static_cast<std::int16_t*>(y), count); return true;
      case TensorType::int32: float_to_integers<A>(v, static_cast<std::int32_t*>(y), count); return true;
      default: return false;
    }
  }
  if (to != TensorType::float32) return false;
  auto* w = static_cast<float*>(y);
  switch (from) {
    case TensorType::int8: integers_to_float<A>(static_cast<const std::int8_t*>(x), w, count); return true;
    case TensorType::uint8: integers_to_float<A>(static_cast<const std::uint8_t*>(x), w, count); return true;
    case TensorType::int16: integers_to_float<A>(static_cast<const std::int16_t*>(x), w, count); return true;
    case TensorType::int32: integers_to_float<A>(static_cast<const std::int32_t*>(x), w, count); return true;
    case TensorType::float16: simd::widen<A>(static_cast<const Float16*>(x), w, count); return true;
    default: return false;
  }
}

constexpr bool can_cast(TensorType type) {
  switch (type) {
    case TensorType::boolean:
    case TensorType::int8:
    case TensorType::uint8:
    case TensorType::int16:
    case TensorType::uint16:
    case TensorType::int32:
    case TensorType::uint32:
    case TensorType::int64:
    case TensorType::float16:
    case TensorType::bfloat16:
    case TensorType::float8_e4m3fn:
    case TensorType::float8_e5m2:
    case TensorType::float32:
    case TensorType::float64:
    case TensorType::complex64: return true;
    default: return false;
  }
}
/// What TFLite turns into integers of 2 and 4 bits.
constexpr bool becomes_packed(TensorType type) {
  return type == TensorType::float32 || type == TensorType::float8_e4m3fn || type == TensorType::float8_e5m2;
}
constexpr bool is_plain_integer(TensorType type) {
  switch (type) {
    case TensorType::int8:
    case TensorType::uint8:
    case TensorType::int16:
    case TensorType::uint16:
    case TensorType::int32:
    case TensorType::uint32:
    case TensorType::int64: return true;
    default: return false;
  }
}

}  // namespace detail

/// CAST: the same numbers in the output's type. Integers wrap; floats are truncated towards 0 and saturated, NaN becomes the largest
/// integer; a complex number loses its imaginary part; true is 1, and whatever isn't 0 is true. Integers of 2 and 4 bits become
/// anything, but only real numbers become them, and those saturate.
struct Cast {
  static constexpr BuiltinOperator code = BuiltinOperator::CAST;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 9;
  static constexpr OpTraits traits{.in_place = true, .any_rank = true};

  using Options = NoOptions;  // the tensors' types say the same

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorType from = node.input(0).type, to = node.output(0).type;
    node.output(0).shape = node.input(0).shape;
    if (!detail::can_cast(from) && !is_packed_integer(from)) {
      return input_violation(0, ErrorCode::unsupported_type, "has a type that CAST has no kernel for");
    }
    if (detail::becomes_packed(from) && is_packed_integer(to)) return {};
    if (!detail::can_cast(to)) return output_violation(0, ErrorCode::unsupported_type, "has a type that CAST has no kernel for");
    return {};
  }

  struct Prepared {
    TensorType from = TensorType::none, to = TensorType::none;
    bool copies = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const TensorType from = node.input(0).type, to = node.output(0).type;
    const bool integers_of_one_size = detail::is_plain_integer(from) && detail::is_plain_integer(to) && bits_of(from) == bits_of(to);
    return Prepared{from, to, (from == to && from != TensorType::boolean) || integers_of_one_size};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const Prepared& p = run.prepared;
    // Integers of 2 and 4 bits begin in the middle of bytes: threads do not share them.
    const bool whole = !is_packed_integer(p.from) && !is_packed_integer(p.to);
    run.executor.parallel_for(whole ? in.count() : 1, whole ? 1 : in.count(), [&](std::int64_t first, std::int64_t last, int) {
      if (whole) {
        convert<typename Run::Arch>(p, in.data(), out.data(), first, last);
      } else {
        convert<typename Run::Arch>(p, in.data(), out.data(), 0, in.count());
      }
    });
  }

  using Types = Signatures<Signature<Takes<AnyType>, Gives<AnyType>>>;

 private:
  /// Elements [first, last); where integers share bytes, first is 0.
  template <class A> static void convert(const Prepared& p, const std::byte* in, std::byte* out, std::int64_t first, std::int64_t last) {
    const auto at = [](auto* bytes, TensorType type, std::int64_t i) { return bytes + bytes_of(type, i); };
    if (p.copies) {
      const auto bytes = static_cast<std::size_t>(bytes_of(p.from, last) - bytes_of(p.from, first));
      if (in != out) std::memcpy(at(out, p.to, first), at(in, p.from, first), bytes);
      return;
    }
    if (detail::cast_in_vectors<A>(p.from, p.to, at(in, p.from, first), at(out, p.to, first), last - first)) return;
    detail::CastBlock block;
    for (std::int64_t i = first; i < last; i += detail::CastBlock::size) {
      const std::int64_t n = last - i < detail::CastBlock::size ? last - i : detail::CastBlock::size;
      detail::read_block<A>(p.from, at(in, p.from, i), n, block);
      detail::write_block<A>(p.to, block, at(out, p.to, i), n);
    }
  }
};

}  // namespace tfl
