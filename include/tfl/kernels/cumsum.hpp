#pragma once
// CUMSUM: input, axis -> running sums along the axis. Exclusive: without the element itself; reverse: from the end.

#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

struct Cumsum {
  static constexpr BuiltinOperator code = BuiltinOperator::CUMSUM;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.any_rank = true, .any_extent = true};

  struct Options {
    bool exclusive = false, reverse = false;
    template <class Table> static constexpr Options read(const Table& table) { return {table.exclusive(), table.reverse()}; }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = detail::read_axis(node, 1, node.input(0).shape.full_rank()).violation) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    std::int64_t outer = 0, extent = 0, inner = 0;
    bool exclusive = false, reverse = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    const int axis = held_axis(node.input(1).integers[0], in);
    if (in.count() == 0 || axis < 0) return Prepared{1, in.count() > 0 ? 1 : 0, in.count(), options.exclusive, options.reverse};
    return Prepared{in.count(0, axis), in[axis], in.count(axis + 1, in.rank()), options.exclusive, options.reverse};
  }

  template <class Run, class In, class Axis, class Out> static void eval(const Run& run, In in, Axis, Out out) {
    using T = typename In::value_type;
    const Prepared& p = run.prepared;
    if (p.extent == 0) return;
    const std::int64_t step = p.reverse ? -p.inner : p.inner;
    run.executor.parallel_for(p.outer, p.extent * p.inner, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t o = first; o < last; ++o) {
        const std::int64_t start = o * p.extent * p.inner + (p.reverse ? (p.extent - 1) * p.inner : 0);
        // Row by row, so that the inner loop has no chain of sums.
        for (std::int64_t i = 0; i < p.inner; ++i) out[start + i] = p.exclusive ? T{0} : in[start + i];
        for (std::int64_t k = 1, row = start + step; k < p.extent; ++k, row += step) {
          for (std::int64_t i = row; i < row + p.inner; ++i) out[i] = sum(out[i - step], in[p.exclusive ? i - step : i]);
        }
      }
    });
  }

  using Types = Signatures<Signature<Takes<float, Unread>, Gives<float>>, Signature<Takes<std::int32_t, Unread>, Gives<std::int32_t>>,
                           Signature<Takes<std::int64_t, Unread>, Gives<std::int64_t>>>;

 private:
  template <class T> static T sum(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
    } else {
      return a + b;
    }
  }
};

}  // namespace tfl
