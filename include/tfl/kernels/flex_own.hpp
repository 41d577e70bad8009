#pragma once
// TensorFlow's ops whose operands or sums no TensorFlow Lite op has as they stand: axes that are tensors, batch normalization, clamps by
// tensors, tests of floats.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/gather.hpp"
#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl::detail {

/// What all of them have: a name of TensorFlow's, given by the table in flex.hpp.
struct FlexOp {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr int max_version = 1;
  static constexpr bool is_flex = true;
};

/// An axis that the file gives as a tensor of one integer.
constexpr Violation require_axis_input(const NodeDescription& node, int input, int rank) {
  const TensorDescription& axis = node.input(input);
  if (axis.type != TensorType::int32 && axis.type != TensorType::int64)
    return input_violation(input, ErrorCode::invalid_type, "must be int32 or int64");
  if (axis.count() != 1) return input_violation(input, ErrorCode::invalid_shape, "must be one axis, not {}", axis.count());
  if (const Violation v = require_known(node, input)) return v;
  if (normalized_axis(axis.integers[0], rank) >= 0) return {};
  return input_violation(input, ErrorCode::invalid_value, "is {}, an axis that an input of {} dimensions does not have", axis.integers[0],
                         rank);
}

/// ConcatV2: parts, then the axis along which they stand side by side.
struct FlexConcat : FlexOp {
  static constexpr Arity inputs{2, any_number}, outputs = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const int parts = node.input_count() - 1;
    if (const Violation v = require_whole_bytes(node, 0)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape& first = node.input(0).shape;
    if (const Violation v = require_axis_input(node, parts, first.rank())) return v;
    const int axis = normalized_axis(node.input(parts).integers[0], first.rank());
    std::int64_t sum = 0;
    for (int i = 0; i < parts; ++i) {
      if (node.input(i).type != node.input(0).type) return input_violation(i, ErrorCode::invalid_type, "must have the type of input 0");
      if (const Violation v = require_rank(node, i, first.rank())) return v;
      const Shape& shape = node.input(i).shape;
      for (int d = 0; d < first.rank(); ++d) {
        if (d == axis || shape[d] == first[d]) continue;
        return input_violation(i, ErrorCode::invalid_shape, "must have dimension {} = {} as input 0, not {}", d, first[d], shape[d]);
      }
      sum += shape[axis];
    }
    if (sum > INT32_MAX) return output_violation(0, ErrorCode::invalid_shape, "would have {} elements in dimension {}", sum, axis);
    Shape out = first;
    out[axis] = static_cast<std::int32_t>(sum);
    node.output(0).shape = out;
    return {};
  }

  struct Prepared {
    std::int64_t outer = 0, row = 0;  // rows, and bytes of one
    std::int64_t element = 0;         // bytes
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& out = node.output(0).shape;
    const int axis = normalized_axis(node.input(node.input_count() - 1).integers[0], out.rank());
    const std::int64_t element = element_bytes(node.output(0).type);
    return Prepared{out.count(0, axis), out.count(axis, out.rank()) * element, element};
  }

  template <class Run, class Parts, class Out> static void eval(const Run& run, Parts parts, Out out) {
    const Prepared& p = run.prepared;
    if (p.outer == 0) return;
    std::int64_t at = 0;
    for (int i = 0; i + 1 < parts.size(); ++i) {
      const std::int64_t piece = parts[i].count() / p.outer * p.element;
      copy_rows<typename Run::Arch>(out.data() + at, p.row, parts[i].data(), piece, piece, p.outer);
      at += piece;
    }
  }

  using Types = Signatures<Signature<Takes<Many<AnyType>>, Gives<AnyType>>>;
};

/// GatherV2: as GATHER, with the axis as a third input.
struct FlexGather : FlexOp {
  static constexpr Arity inputs = 3, outputs = 1;

  struct Options {
    std::int64_t batch_dims = 0;
    template <class Custom> static Result<Options, Violation> read(const Custom& custom) {
      const std::int64_t batch_dims = custom.node_def().integer("batch_dims");
      if (batch_dims < -max_rank || batch_dims > max_rank)
        return node_violation(ErrorCode::invalid_option, "has batch_dims {}, more than the dimensions of any tensor", batch_dims);
      return Options{batch_dims};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_axis_input(node, 2, node.input(0).rank())) return v;
    return Gather::infer(gather_options(options, node), node);
  }

  using Prepared = Gather::Prepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier> m) {
    return Gather::prepare(gather_options(options, node), node, m);
  }

  template <class Run, class In, class Indices, class Axis, class Out>
  static Violation eval(const Run& run, In in, Indices indices, Axis, Out out) {
    return Gather::eval(run, in, indices, out);
  }

  template <class... X, class... I, class... Y>
  static Signatures<Signature<Takes<X, I, Unread>, Gives<Y>>...> with_axis(Signatures<Signature<Takes<X, I>, Gives<Y>>...>);
  using Types = decltype(with_axis(GatherSignatures{}));

 private:
  static constexpr Gather::Options gather_options(const Options& options, const NodeDescription& node) {
    return {static_cast<std::int32_t>(node.input(2).integers[0]), static_cast<std::int32_t>(options.batch_dims)};
  }
};

/// FusedBatchNorm: y = (x - mean) / sqrt(variance + epsilon) * scale + offset, channel by channel, where it is not being trained. The other
/// outputs are the mean and the variance, and again for those who would train it.
struct FlexBatchNorm : FlexOp {
  static constexpr Arity inputs = 5, outputs{1, 6};

  struct Options {
    float epsilon = 0;
    template <class Custom> static Result<Options, Violation> read(const Custom& custom) {
      const auto def = custom.node_def();
      const auto format = def.text("data_format");
      if (!format.empty() && format != "NHWC") return node_violation(ErrorCode::invalid_option, "must have the data_format NHWC");
      if (def.boolean("is_training", true))
        return node_violation(ErrorCode::invalid_option, "is made for training: is_training must be false");
      return Options{def.real("epsilon", 0.0001f)};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (!(options.epsilon >= 0)) return node_violation(ErrorCode::invalid_option, "must have an epsilon of at least 0");
    const Shape& in = node.input(0).shape;
    const std::int32_t channels = in.last();
    for (int i = 1; i < 5; ++i) {
      if (const Violation v = require_rank(node, i, 1)) return v;
      if (node.input(i).shape[0] == channels) continue;
      return input_violation(i, ErrorCode::invalid_shape, "must have one element for each of {} channels, not {}", channels,
                             node.input(i).shape[0]);
    }
    node.output(0).shape = in;
    for (int i = 1; i < node.output_count(); ++i) node.output(i).shape = Shape{i < 5 ? channels : 0};
    return {};
  }

  struct Prepared {
    std::int64_t channels = 0;
    float epsilon = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape.last(), options.epsilon};
  }

  template <class Run, class In, class Scale, class Offset, class Mean, class Variance, class Outs>
  static void eval(const Run& run, In in, Scale scale, Offset offset, Mean mean, Variance variance, Outs outs) {
    const std::int64_t channels = run.prepared.channels, rows = channels > 0 ? in.count() / channels : 0;
    run.executor.parallel_for(channels, 1 + rows, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t c = first; c < last; ++c) {
        const float factor = scale[c] / std::sqrt(variance[c] + run.prepared.epsilon);
        for (std::int64_t i = c; i < rows * channels; i += channels) outs[0][i] = (in[i] - mean[c]) * factor + offset[c];
      }
    });
    for (int i = 1; i < outs.size() && i < 5; ++i) {
      const float* const from = i % 2 == 1 ? mean.data() : variance.data();
      if (channels > 0) std::memcpy(outs[i].data(), from, static_cast<std::size_t>(channels) * sizeof(float));
    }
  }

  using Types = Signatures<Signature<Takes<float, float, float, float, float>, Gives<Many<float>>>>;
};

/// ClipByValue: no less than the second and no more than the third, each of one element or of all.
struct FlexClip : FlexOp {
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr OpTraits traits{};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    for (int i = 1; i < 3; ++i) {
      if (node.input(i).type != node.input(0).type) return input_violation(i, ErrorCode::invalid_type, "must have the type of input 0");
      if (node.input(i).count() == 1 || node.input(i).shape == node.input(0).shape) continue;
      return input_violation(i, ErrorCode::invalid_shape, "must have one element, or the shape of input 0");
    }
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Lo, class Hi, class Out> static void eval(const Run& run, In in, Lo lo, Hi hi, Out out) {
    const std::int64_t lo_step = lo.count() == 1 ? 0 : 1, hi_step = hi.count() == 1 ? 0 : 1;
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        const auto least = lo[i * lo_step], most = hi[i * hi_step];
        const auto x = in[i] < most ? in[i] : most;
        out[i] = x < least ? least : x;
      }
    });
  }

  template <class T> using Of = Signature<Takes<T, T, T>, Gives<T>>;
  using Types = Signatures<Of<float>, Of<double>, Of<std::int32_t>, Of<std::int64_t>>;
};

/// y = F(x), true or false.
template <class F> struct FlexTest : FlexOp {
  static constexpr Arity inputs = 1, outputs = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.output(0).type != TensorType::boolean) return output_violation(0, ErrorCode::invalid_type, "must be bool");
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    run.executor.parallel_for(in.count(), 1, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) out[i] = F::apply(in[i]);
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<Boolean>>, Signature<Takes<double>, Gives<Boolean>>>;
};
struct IsNanTest {
  template <class T> static bool apply(T x) { return std::isnan(x); }
};
struct IsInfTest {
  template <class T> static bool apply(T x) { return std::isinf(x); }
};
struct IsFiniteTest {
  template <class T> static bool apply(T x) { return std::isfinite(x); }
};

/// Size: how many elements the input has.
struct FlexSize : FlexOp {
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr OpTraits traits{.reads_shape_only = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).shape = Shape{};
    return {};
  }

  struct Prepared {
    std::int64_t count = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).count()};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In, Out out) {
    out[0] = static_cast<typename Out::value_type>(run.prepared.count);
  }

  using Types = Signatures<Signature<Takes<Unread>, Gives<std::int32_t>>, Signature<Takes<Unread>, Gives<std::int64_t>>>;
};

}  // namespace tfl::detail
