#pragma once
// BITCAST: the same bytes as elements of another type. Elements that become smaller add a last dimension; elements that become larger
// use the last one up.

#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

struct Bitcast {
  static constexpr BuiltinOperator code = BuiltinOperator::BITCAST;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.is_view = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_whole_bytes(node, 0)) return v;
    const int from = detail::element_bytes(node.input(0).type), to = detail::element_bytes(node.output(0).type);
    if (to == 0) return output_violation(0, ErrorCode::unsupported_type, "must have elements of whole bytes");
    Shape shape = node.input(0).shape;
    if (from > to) {
      if (const Violation v = require_rank_between(node, 0, 0, max_rank - 1)) return v;
      shape.push_back(from / to);
    } else if (from < to) {
      if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
      if (shape.last() != to / from) {
        return input_violation(0, ErrorCode::invalid_shape,
                               "must have a last dimension of {}, which makes one element of the output; it is {}", to / from,
                               shape.last());
      }
      Shape shorter;
      for (int i = 0; i + 1 < shape.rank(); ++i) shorter.push_back(shape[i]);
      shape = shorter;
    }
    node.output(0).shape = shape;
    return {};
  }

  struct Prepared {
    std::int64_t bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.output(0).bytes()};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if (in.data() != out.data()) detail::copy_bytes<typename Run::Arch>(run.executor, out.data(), in.data(), run.prepared.bytes);
  }

  using Types = Signatures<Signature<Takes<AnyType>, Gives<AnyType>>>;
};

}  // namespace tfl
