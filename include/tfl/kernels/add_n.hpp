#pragma once
// ADD_N: the sum of two or more tensors of one shape; integers wrap on overflow.

#include <cstdint>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"

namespace tfl {

struct AddN {
  static constexpr BuiltinOperator code = BuiltinOperator::ADD_N;
  static constexpr Arity inputs{2, any_number}, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).type = node.input(0).type;  // whatever the file says, as in TFLite
    for (int i = 0; i < node.input_count(); ++i) {
      if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_argument, "must not be absent");
      if (node.input(i).type != node.input(0).type) return input_violation(i, ErrorCode::invalid_type, "must have the type of input 0");
      if (!(node.input(i).shape == node.input(0).shape)) {
        return input_violation(i, ErrorCode::invalid_shape, "must have the shape of input 0");
      }
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class Inputs, class Out> static void eval(const Run& run, Inputs inputs, Out out) {
    run.executor.parallel_for(out.count(), inputs.size(), [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) out[i] = inputs[0][i];
      for (int k = 1; k < inputs.size(); ++k) {
        const auto* const more = inputs[k].data();
        for (std::int64_t i = first; i < last; ++i) out[i] = sum(out[i], more[i]);
      }
    });
  }

  using Types = Signatures<Signature<Takes<Many<float>>, Gives<float>>, Signature<Takes<Many<std::int32_t>>, Gives<std::int32_t>>>;

 private:
  template <class T> static T sum(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
    else
      return a + b;
  }
};

}  // namespace tfl
