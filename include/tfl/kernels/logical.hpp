#pragma once
// LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT: booleans are bytes, every one but 0 is true, and what is written is 0 or 1.

#include <cstdint>
#include <span>

#include "tfl/kernels/broadcast.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/simd/batch.hpp"

namespace tfl {

namespace detail {

/// 0 or 1
template <class B> TFL_ALWAYS_INLINE B truth_of(B bytes) { return simd::min(bytes, B(std::uint8_t{1})); }

struct AndBytes {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const { return truth_of(simd::min(x, y)); }
};
struct OrBytes {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const { return truth_of(simd::max(x, y)); }
};
/// x == y as booleans
struct SameBytes {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const {
    const B a = truth_of(x), b = truth_of(y);
    return B(std::uint8_t{1}) - (simd::max(a, b) - simd::min(a, b));
  }
};
struct DifferentBytes {
  template <class B> TFL_ALWAYS_INLINE B operator()(B x, B y) const {
    const B a = truth_of(x), b = truth_of(y);
    return simd::max(a, b) - simd::min(a, b);
  }
};

/// F on booleans: a PairFunction.
template <class A, class F>
void run_booleans(const void* a, int step_a, const void* b, int step_b, void* out, std::int64_t count, const void*) {
  simd::map<A>(static_cast<const std::uint8_t*>(a), step_a, static_cast<const std::uint8_t*>(b), step_b, static_cast<std::uint8_t*>(out),
               count, [](auto x, auto y) { return F{}(x, y); });
}

}  // namespace detail

/// out = F(a, b) of booleans that broadcast
template <BuiltinOperator Code, class F> struct LogicalPair {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (node.input(i).type != TensorType::boolean) return input_violation(i, ErrorCode::invalid_type, "must be bool");
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    return broadcast_shape<2>(node, node.output(0).shape);
  }

  struct Prepared {
    Broadcast<2> broadcast;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{broadcast_of<2>(node)};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In a, In b, Out out) {
    run_pairs(run, run.prepared.broadcast, a, b, out, &detail::run_booleans<typename Run::Arch, F>, nullptr);
  }

  using Types = Signatures<Signature<Takes<Boolean, Boolean>, Gives<Boolean>>>;
};

/// LOGICAL_AND: a and b
using LogicalAnd = LogicalPair<BuiltinOperator::LOGICAL_AND, detail::AndBytes>;
/// LOGICAL_OR: a or b
using LogicalOr = LogicalPair<BuiltinOperator::LOGICAL_OR, detail::OrBytes>;

/// LOGICAL_NOT: not x
struct LogicalNot {
  static constexpr BuiltinOperator code = BuiltinOperator::LOGICAL_NOT;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::boolean) return input_violation(0, ErrorCode::invalid_type, "must be bool");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const auto* const bytes_in = reinterpret_cast<const std::uint8_t*>(in.data());
    auto* const bytes_out = reinterpret_cast<std::uint8_t*>(out.data());
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      simd::map<typename Run::Arch>(bytes_in + first, bytes_out + first, last - first, [](auto x) {
        using B = decltype(x);
        return B(std::uint8_t{1}) - detail::truth_of(x);
      });
    });
  }

  using Types = Signatures<Signature<Takes<Boolean>, Gives<Boolean>>>;
};

}  // namespace tfl
