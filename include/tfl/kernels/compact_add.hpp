#pragma once
// ADD and SUB of int8 tensors of one shape for microcontrollers. See compact.hpp.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/compact.hpp"

namespace tfl {

namespace detail {

template <class Op, bool Subtract> struct CompactSum {
  static constexpr bool exists = true;
  using Types = Signatures<Signature<Takes<std::int8_t, std::int8_t>, Gives<std::int8_t>>>;
  using Way = CompactWay;
  static constexpr Way most_way = Way::any;

  struct Prepared {
    std::uint32_t count = 0;
    std::int16_t zero_a = 0, zero_b = 0;
    CompactOutput output;
    bool first_is_larger = false;
    Way way = Way::any;
    Multiplier smaller, out;
  };

  static constexpr bool takes(const typename Op::Prepared& p, const NodeDescription&) {
    return p.way == Op::Prepared::Way::quantized && p.quantized.left_shift == 20 && p.broadcast.is_elementwise();
  }
  static constexpr Prepared prepare(const typename Op::Prepared& p, const NodeDescription&, std::span<Multiplier>) {
    const PairQuantization& q = p.quantized;
    Multiplier by[2] = {q.first_is_larger ? q.scale_b : q.scale_a, q.scale_out};
    const Way way = CompactOutput::prepare(by, q.range);
    return {static_cast<std::uint32_t>(p.broadcast.count),
            static_cast<std::int16_t>(q.zero_a),
            static_cast<std::int16_t>(q.zero_b),
            {static_cast<std::int16_t>(q.zero_out), static_cast<std::int16_t>(q.range.lo), static_cast<std::int16_t>(q.range.hi)},
            q.first_is_larger,
            way,
            by[0],
            by[1]};
  }

  template <class A, Way W> static TFL_ALWAYS_INLINE void eval(const Prepared& p, const CompactArguments& a) {
    // x is the input of the larger scale. It is halved, which needs no rounding: a shift one less to the left does it.
    const int larger = p.first_is_larger ? 0 : 1;
    const auto *x = a.input<std::int8_t>(larger), *y = a.input<std::int8_t>(1 - larger);
    const std::int32_t zero_x = larger == 0 ? p.zero_a : p.zero_b, zero_y = larger == 0 ? p.zero_b : p.zero_a;
    const Multiplier smaller = p.smaller, out = p.out;
    auto* to = a.to<std::int8_t>();
    for (const std::int8_t* const end = to + p.count; to != end;) {
      const std::int32_t scaled_x = (*x++ - zero_x) * (1 << 19), shifted_y = (*y++ - zero_y) * (1 << 20);
      const std::int32_t scaled_y = W == Way::usual ? simd::multiply_doubled<A>(shifted_y, smaller) : multiply(shifted_y, smaller);
      std::int32_t sum = scaled_x + scaled_y;
      if constexpr (Subtract) sum = p.first_is_larger ? scaled_x - scaled_y : scaled_y - scaled_x;
      *to++ = p.output.template finish<A, W>(sum, out);
    }
  }
};

}  // namespace detail

template <> struct Compact<Add> : detail::CompactSum<Add, false> {};
template <> struct Compact<Sub> : detail::CompactSum<Sub, true> {};

}  // namespace tfl
