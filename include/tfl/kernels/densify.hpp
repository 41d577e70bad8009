#pragma once
// DENSIFY: a sparse constant with all of its elements. The reader has filled them in already.

#include <cstdint>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

struct Densify {
  static constexpr BuiltinOperator code = BuiltinOperator::DENSIFY;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.is_view = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    if (!node.input(0).is_constant || !node.input(0).is_sparse) {
      return input_violation(0, ErrorCode::invalid_model, "must be a sparse constant");
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    std::int64_t bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).bytes()};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if (in.data() != out.data()) detail::copy_bytes<typename Run::Arch>(run.executor, out.data(), in.data(), run.prepared.bytes);
  }

  using Types = Signatures<Signature<Takes<AnyType>, Gives<AnyType>>>;
};

}  // namespace tfl
