#pragma once
// SOFTMAX of int8 for microcontrollers: every exp is computed where it is needed, without tables. See compact.hpp.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/softmax.hpp"

namespace tfl {

template <> struct Compact<Softmax> {
  static constexpr bool exists = true;
  using Types = Signatures<Signature<Takes<std::int8_t>, Gives<std::int8_t>>>;

  struct Prepared {
    std::int32_t rows = 0, count = 0;
    detail::SoftmaxScaling scaling;
  };

  static constexpr bool takes(const Softmax::Prepared&, const NodeDescription& node) { return node.input(0).shape.last() > 0; }
  static constexpr Prepared prepare(const Softmax::Prepared& p, const NodeDescription& node, std::span<Multiplier>) {
    const Shape rows = fold(Fold::rows, node.input(0).shape);
    return {rows[0], rows[1], p.scaling};
  }

  template <class A> static TFL_ALWAYS_INLINE void eval(const Prepared& p, const CompactArguments& a) {
    const auto* x = a.input<std::int8_t>(0);
    auto* y = a.to<std::int8_t>();
    for (std::int32_t row = p.rows; row > 0; --row, x += p.count, y += p.count) {
      const std::int32_t most = detail::largest_integer(x, p.count);
      std::uint32_t sum = 0;  // 4096 equal elements are the limit of Q12; beyond it the sum stays there
      for (std::int32_t i = 0; i < p.count; ++i) {
        sum += static_cast<std::uint32_t>(rounding_divide_by_power_of_two(exp_of<A>(p.scaling, most - x[i]), 12));
        if (sum > 0x7fffffffu) sum = 0x7fffffffu;
      }
      const fixed_point::Reciprocal inverse = fixed_point::reciprocal(static_cast<std::int32_t>(sum), 12);
      const int exponent = inverse.shift + 31 - 8;
      for (std::int32_t i = 0; i < p.count; ++i) {
        const std::int32_t product = saturating_rounding_doubling_high_mul(inverse.mantissa, exp_of<A>(p.scaling, most - x[i]));
        const std::int32_t result = (exponent > 31 ? 0 : rounding_divide_by_power_of_two(product, exponent)) - 128;
        y[i] = static_cast<std::int8_t>(result > 127 ? 127 : result);
      }
    }
  }

 private:
  template <class A> static TFL_NOINLINE std::int32_t exp_of(const detail::SoftmaxScaling& scaling, std::int32_t difference) {
    return -difference >= scaling.least_difference ? fixed_point::exp_of_nonpositive<5>(multiply(-difference, scaling.multiplier)) : 0;
  }
};

}  // namespace tfl
