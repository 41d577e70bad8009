#pragma once
// Elementwise functions of one float32 input: y[i] = f(x[i]). Each op is a functor and one line.

#include <cmath>
#include <cstdint>
#include <span>

#include "tfl/kernels/op.hpp"
#include "tfl/simd/batch.hpp"

namespace tfl {

/// An op whose kernel is y[i] = F(x[i]); F takes a batch of any width. T: the element types it runs on.
template <BuiltinOperator Code, int MaxVersion, class F, class... T>
struct Unary {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = MaxVersion;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out>
  static void eval(const Run& run, In in, Out out) {
    run.executor.parallel_for(in.count(), F::cost, [&](std::int64_t first, std::int64_t last, int) {
      simd::map<typename Run::Arch>(in.data() + first, out.data() + first, last - first, [](auto x) { return F{}(x); });
    });
  }

  using Types = Signatures<Signature<Takes<T>, Gives<T>>...>;
};

namespace detail {
struct NegFunction {
  static constexpr std::int64_t cost = 1;
  template <class B>
  B operator()(B x) const {
    return B(0) - x;
  }
};
struct SquareFunction {
  static constexpr std::int64_t cost = 1;
  template <class B>
  B operator()(B x) const {
    return x * x;
  }
};
}  // namespace detail

/// NEG: y = -x
using Neg = Unary<BuiltinOperator::NEG, 1, detail::NegFunction, float, std::int32_t, std::int64_t>;
/// SQUARE: y = x * x
using Square = Unary<BuiltinOperator::SQUARE, 1, detail::SquareFunction, float>;

}  // namespace tfl
