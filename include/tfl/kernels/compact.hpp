#pragma once
// Compact kernels: a second form of an op for microcontrollers (simd::is_compact architectures). Arithmetic in 32 bits, constants where
// they are, a Prepared of a few half-words that stays in flash, one entry for all nodes of a kind. Results are those of the op itself.
//
// Compact<Op>, a specialization beside the op, has
//   Types                                the signatures that it takes; inputs and outputs are plain pointers
//   Prepared, takes(), prepare()         from what the op has prepared: whether the sizes fit, and what the kernel reads
//   Way                                  optional: prepared.way picks one of several forms of the kernel, numbered from 0 to most_way
//   scratch_bytes<A>(prepared)           optional
//   multipliers(node)                    optional: how many, where that may be fewer than the op's own
//   eval<A, W>(prepared, arguments)
// Multipliers become the kernel's own: it may store them in another form.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/signature.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/simd/compact.hpp"

namespace tfl {

/// What a compact kernel gets besides its Prepared. Absent inputs are null.
struct CompactArguments {
  const std::byte* inputs[3];
  std::byte* output;
  std::byte* scratch;
  const Multiplier* multipliers;

  template <class T> const T* input(int i) const { return reinterpret_cast<const T*>(inputs[i]); }
  template <class T> T* to() const { return reinterpret_cast<T*>(output); }
};

/// Ops without a compact form.
template <class Op> struct Compact { static constexpr bool exists = false; };

/// The op by its compact kernel alone: nodes that are not for it are refused, and the kernels of other types need no room in the program.
template <class Op> struct CompactOnly : Op { using Types = Signatures<>; };
template <class Op> struct Compact<CompactOnly<Op>> : Compact<Op> {};

namespace detail {

template <class S> struct CompactTypes;
template <class... S> struct CompactTypes<Signatures<S...>> {
  static constexpr bool match(const NodeDescription& node) { return (CompactTypes<S>::match(node) || ...); }
};
template <class... T, class... G> struct CompactTypes<Signature<Takes<T...>, Gives<G...>>> {
  static constexpr bool match(const NodeDescription& node) {
    int i = 0, o = 0;
    bool all = node.input_count() <= static_cast<int>(sizeof...(T)) && node.output_count() == static_cast<int>(sizeof...(G));
    const auto input = [&](bool matches) { all = all && (matches || !node.input(i).present()) && !node.input(i).is_sparse, ++i; };
    (input(ElementOf<T>::matches(node.input(i).type)), ...);
    ((all = all && ElementOf<G>::matches(node.output(o++).type)), ...);
    return all;
  }
};

/// Fills what the op's compact kernel reads; false where the node's types or sizes are not for it.
template <class Op>
constexpr bool prepare_compact(const typename Op::Prepared& prepared, const NodeDescription& node, std::span<Multiplier> multipliers,
                               typename Compact<Op>::Prepared& to) {
  if (!CompactTypes<typename Compact<Op>::Types>::match(node) || !Compact<Op>::takes(prepared, node)) return false;
  to = Compact<Op>::prepare(prepared, node, multipliers);
  return true;
}
template <class A, class Op> constexpr std::int64_t compact_scratch_bytes(const typename Compact<Op>::Prepared& prepared) {
  if constexpr (requires { Compact<Op>::template scratch_bytes<A>(prepared); }) {
    return Compact<Op>::template scratch_bytes<A>(prepared);
  } else {
    return 0;
  }
}

/// How a kernel makes bytes of sums: the usual way in a few instructions, or any way; or 16 bits of 16 bits and bytes.
enum class CompactWay : std::uint8_t { usual, any, words };

/// The last step of convolutions: requantization and the activation's range.
struct CompactOutput {
  std::int16_t zero_point = 0, lo = 0, hi = 0;

  /// Whether the range is int8's and all shifts go to the right; if so, multipliers become doubled ones.
  static constexpr CompactWay prepare(std::span<Multiplier> multipliers, const Int32Range& range) {
    if (range.lo != -128 || range.hi != 127) return CompactWay::any;
    for (const Multiplier& m : multipliers) {
      if (m.mantissa < 0 || (m.mantissa > 0 && m.shift >= 0)) return CompactWay::any;
    }
    // 0 is as good as a multiplier that leaves nothing of any sum.
    for (Multiplier& m : multipliers) m = simd::doubled(m.mantissa != 0 ? m : Multiplier{1 << 30, -31});
    return CompactWay::usual;
  }

  template <class A, CompactWay Way> TFL_ALWAYS_INLINE std::int8_t finish(std::int32_t sum, Multiplier by) const {
    if constexpr (Way == CompactWay::usual) {
      return static_cast<std::int8_t>(simd::saturate_byte<A>(simd::multiply_doubled<A>(sum, by) + zero_point));
    } else {
      const auto y = static_cast<std::int32_t>(static_cast<std::uint32_t>(tfl::multiply(sum, by)) + static_cast<std::uint32_t>(zero_point));
      return static_cast<std::int8_t>(y < lo ? lo : y > hi ? hi : y);
    }
  }
};

/// The same for sums of 64 bits, to which products of 16 bits and bytes may add up. Multipliers stay as they are.
TFL_ALWAYS_INLINE std::int16_t finish_words(std::int64_t sum, const std::int64_t* bias, Multiplier by, const CompactOutput& output) {
  const std::int32_t y = multiply_wide(bias != nullptr ? wrapping_add(sum, *bias) : sum, by);
  return static_cast<std::int16_t>(y < output.lo ? output.lo : y > output.hi ? output.hi : y);
}

/// A sliding window in half-words.
struct CompactAxis {
  std::uint16_t input = 1, output = 1, filter = 1, stride = 1, dilation = 1, before = 0;

  static constexpr bool fits(const WindowAxis& a) {
    constexpr std::int64_t most = 0x7fff;
    return a.input <= most && a.output <= most && a.filter <= most && a.stride <= most && a.dilation <= most && a.before <= most &&
           a.before >= 0;
  }
  static constexpr CompactAxis of(const WindowAxis& a) {
    const auto narrow = [](std::int64_t value) { return static_cast<std::uint16_t>(value); };
    return {narrow(a.input), narrow(a.output), narrow(a.filter), narrow(a.stride), narrow(a.dilation), narrow(a.before)};
  }
  constexpr std::int32_t origin(std::int32_t position) const { return position * stride - before; }
  /// The taps first <= k < last of a window at `origin` that lie inside the input.
  constexpr std::int32_t first_tap(std::int32_t from) const {
    if (from >= 0) return 0;
    const std::int32_t k = (dilation - 1 - from) / dilation;
    return k < filter ? k : filter;
  }
  constexpr std::int32_t last_tap(std::int32_t from) const {
    if (from >= input) return 0;
    const std::int32_t k = (input - from + dilation - 1) / dilation;
    return k < filter ? k : filter;
  }
  /// The elements first <= i < last of the input under a window. Requires dilation 1.
  struct Inside {
    std::int32_t first, last;
  };
  constexpr Inside inside(std::int32_t position) const {
    const std::int32_t from = origin(position), to = from + filter;
    return {from > 0 ? from : 0, to < input ? to : input};
  }
};

constexpr bool fits_half_word(std::int64_t value) { return value >= 0 && value <= 0x7fff; }

}  // namespace detail
}  // namespace tfl
