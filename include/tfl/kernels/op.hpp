#pragma once
// The contract between an op and whoever runs it: the five parts of an op are written in the terms of this file.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tfl/core/builtin_operator.hpp"
#include "tfl/core/parallel.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/multiplier.hpp"

namespace tfl {

/// How many inputs or outputs a node of an op may have.
struct Arity {
  int least = 1, most = 1;
  constexpr Arity(int n) : least(n), most(n) {}  // NOLINT: a number is an arity
  constexpr Arity(int least_count, int most_count) : least(least_count), most(most_count) {}
  constexpr bool allows(int n) const { return n >= least && n <= most; }
};
inline constexpr int any_number = 1 << 30;

/// A subgraph that an op names only for what it computes.
struct Region {
  int nodes = -1;                                // -1: there is no such subgraph, or none is known (static plans)
  BuiltinOperator op = BuiltinOperator::CUSTOM;  // of the only node
};
/// Where regions are looked up.
struct Regions {
  const void* model = nullptr;
  Region (*find)(const void* model, std::int32_t subgraph) = nullptr;
};

/// A node as shape inference and preparation see it: descriptions of its inputs (absent ones have type none) and of its
/// outputs. Outputs come with the type and quantization that the model gives them; infer() sets their shapes.
class NodeDescription {
 public:
  constexpr NodeDescription(std::span<const TensorDescription* const> inputs, std::span<TensorDescription* const> outputs, int version = 1,
                            int workers = 1, std::span<const TensorDescription* const> intermediates = {}, bool packs = true,
                            Regions regions = {})
      : inputs_(inputs),
        outputs_(outputs),
        intermediates_(intermediates),
        version_(version),
        workers_(workers),
        packs_(packs),
        regions_(regions) {}

  constexpr int input_count() const { return static_cast<int>(inputs_.size()); }
  constexpr int output_count() const { return static_cast<int>(outputs_.size()); }
  constexpr bool has_input(int i) const { return i < input_count() && inputs_[static_cast<std::size_t>(i)] != nullptr; }
  /// The input, or a description of type none where it is absent.
  constexpr const TensorDescription& input(int i) const { return has_input(i) ? *inputs_[static_cast<std::size_t>(i)] : absent; }
  constexpr TensorDescription& output(int i) const { return *outputs_[static_cast<std::size_t>(i)]; }
  /// Tensors without data whose quantization an op's insides use (LSTM); type none where there are fewer.
  constexpr const TensorDescription& intermediate(int i) const {
    return i < static_cast<int>(intermediates_.size()) && intermediates_[static_cast<std::size_t>(i)] != nullptr
               ? *intermediates_[static_cast<std::size_t>(i)]
               : absent;
  }
  constexpr int version() const { return version_; }
  /// Threads that may run the kernel at once; scratch memory for each is the op's to ask for.
  constexpr int workers() const { return workers_; }
  /// Whether the input's data is known and may be kept in another layout, too: not where memory is dearer than time.
  constexpr bool packs(int i) const { return packs_ && input(i).is_constant; }
  constexpr Region region(std::int32_t subgraph) const {
    return regions_.find != nullptr ? regions_.find(regions_.model, subgraph) : Region{};
  }

 private:
  static constexpr TensorDescription absent{};
  std::span<const TensorDescription* const> inputs_;
  std::span<TensorDescription* const> outputs_;
  std::span<const TensorDescription* const> intermediates_;
  int version_, workers_;
  bool packs_;
  Regions regions_;
};

/// What a node wants from whoever plans memory.
struct Needs {
  std::int64_t multipliers = 0;    // per-channel multipliers that prepare() fills
  std::int64_t scratch_bytes = 0;  // memory of the arena while the kernel runs, contents undefined
  std::int64_t packed_bytes = 0;   // constants in the kernel's own layout, filled once by pack() and shared by all interpreters;
                                   // ask only where the constants' data is known (is_constant)
  std::int64_t state_bytes = 0;    // memory of the node's own that keeps its contents from one run to the next; zeros at first and when
                                   // variables are reset
};

/// The data of a node's inputs, for measure(): the optional part of an op whose outputs' shapes depend on more than known integers.
///
///   static Violation measure(const Options&, const NodeDescription& node, const InputData& inputs, std::byte* scratch);
///
/// Where data decides, infer() checks everything else and answers with data_decides_shape(). The runner then calls needs(), which may look
/// at the inputs only, and, when the data is there, measure(): it sets the outputs' shapes, and what it leaves in the scratch memory,
/// eval() finds there.
class InputData {
 public:
  using Address = const std::byte* (*)(const void* source, int input);
  constexpr InputData(const void* source, Address address) : source_(source), address_(address) {}
  /// The elements of a present input. T must be the type that its description tells, or of the same size.
  template <class T> const T* at(int input) const { return reinterpret_cast<const T*>(address_(source_, input)); }

 private:
  const void* source_;
  Address address_;
};

class Frame;

/// An op that works on the interpreter itself, on other subgraphs or on resources, instead of on views: see runtime/frame.hpp.
template <class O>
concept WorksOnFrame = requires(const typename O::Options& options, Frame& frame) {
  { O::outline(options, frame) } -> std::same_as<Result<bool>>;
  { O::run(options, frame) } -> std::same_as<Result<void>>;
};

/// Scratch memory of one thread begins share_step(bytes) bytes after that of the one before, far enough that no cache line is written by
/// both: a line that travels back and forth costs more than the work.
constexpr std::int64_t share_step(std::int64_t bytes) { return bytes > 0 ? bytes + 128 : 0; }
/// For the threads together.
constexpr std::int64_t shares_bytes(std::int64_t bytes, int workers) { return bytes > 0 ? (workers - 1) * share_step(bytes) + bytes : 0; }

/// What a kernel gets besides its views. A is the architecture, P the op's Prepared, E the executor.
template <class A, class P, class E> struct Run {
  using Arch = A;
  const P& prepared;
  std::span<const Multiplier> multipliers;
  const std::byte* packed;  // null where needs() asked for none
  std::byte* scratch;       // null where needs() asked for none
  E& executor;
  std::byte* state = nullptr;  // null where needs() asked for none
};

/// The element types that a kernel is compiled for, in the order of the op's inputs and outputs:
/// Signature<Takes<float, float, float>, Gives<float>>. Raw<N> stands for every type of N bytes, Many<T> (last in its list) for the
/// rest of the inputs or outputs. Present tensors must match; absent ones match anything.
template <class... T> struct Takes {};
template <class... T> struct Gives {};
template <class T, class G> struct Signature {};
template <class... S> struct Signatures {};
template <class T> struct Many {};
/// An input of any type that the kernel does not read, because infer() and prepare() have: axes, paddings.
struct Unread {};
/// A tensor of any type, seen as bytes (its view counts elements all the same): one kernel moves them all, and Prepared tells the size.
struct AnyType {};
/// An input that the kernel updates in place: its view's elements are not const. infer() must insist that the tensor is_variable.
template <class T> struct Mutable {};

/// For ops without options, and for ops that have nothing to prepare.
struct NoOptions {
  template <class Table> static constexpr NoOptions read(const Table&) { return {}; }
};
struct NothingPrepared {};

/// The views of an op's variable number of inputs or outputs, in order.
template <class V, class Source> class ViewList {
 public:
  using view_type = V;
  constexpr explicit ViewList(Source source) : source_(source) {}
  constexpr int size() const { return source_.size(); }
  constexpr V operator[](int i) const { return source_.template get<V>(i); }

 private:
  Source source_;
};

/// Facts about an op that the planner and the fusion of nodes use. An op states them as `static constexpr OpTraits traits{...}`;
/// without it all are false.
struct OpTraits {
  bool in_place = false;          // output 0 may overwrite an input of the same bytes: elementwise kernels
  bool is_view = false;           // output 0 is input 0's bytes under another shape: the kernel has nothing to do when they share memory
  bool reads_shape_only = false;  // outputs follow from the inputs' shapes alone
  bool has_side_effects = false;  // never folded, never skipped
  // Of ops with part_offset(options, node, k): the bytes from the start of the whole to part k, or -1 where part k does not lie there in
  // one piece and unchanged. The parts are the outputs of input `whole`, or the inputs of output 0.
  bool parts_are_inputs = false;
  std::int8_t whole = 0;
  bool clamps = false;                       // the last thing that happens to output 0 is Options::activation, whichever clamp it is
  Activation activation = Activation::none;  // the op is this clamp of input 0 and nothing else, where the quantization stays
  bool dequantizes = false;                  // output 0 is input 0's real numbers, rounded once
  bool quantizes = false;                    // output 0 is the integers nearest to input 0's real numbers
  bool any_rank = false;                     // shapes may have ones before the 8 dimensions that are held, see Shape
  bool any_extent = false;                   // shapes may be hollow, see Shape
};

/// Some rows of an image at a time: an optional side of ops whose output rows follow from a window of the rows of input 0 and from
/// constants. A chain of such ops runs band by band, so that the rows between two of them never leave the cache.
///
///   static constexpr bool row_window(const Options&, const NodeDescription&, WindowAxis& axis);  false where its kernel needs all rows
///   static constexpr WindowAxis& row_window(Prepared&);
///
/// The second one lets the runner narrow the op to a band: `output` rows out of `input` rows, `before` of padding above them. Neither the
/// layout of packed constants nor the scratch memory may depend on more than the whole image's window, which a band never passes.

/// Elements around the height and width of an image tensor, all of one value.
struct Border {
  std::int32_t top = 0, bottom = 0, left = 0, right = 0;
  bool is_zero = false;   // the value stands for 0
  bool is_least = false;  // nothing inside is smaller
  constexpr bool empty() const { return top == 0 && bottom == 0 && left == 0 && right == 0; }
};

// ---- Rules that many ops share. Each returns the violation, or nothing.

constexpr Violation require_rank(const NodeDescription& node, int input, int rank) {
  if (node.input(input).rank() == rank) return {};
  return input_violation(input, ErrorCode::invalid_shape, "must have {} dimensions, not {}", rank, node.input(input).rank());
}
constexpr Violation require_rank_between(const NodeDescription& node, int input, int least, int most) {
  const int rank = node.input(input).rank();
  if (rank >= least && rank <= most) return {};
  return input_violation(input, ErrorCode::invalid_shape, "must have {} to {} dimensions, not {}", least, most, rank);
}
/// A scale that a kernel can divide by, and a zero point in the type's range.
constexpr bool is_usable(const Quantization& q, TensorType type) {
  if (!(q.scale > 0) || !(q.scale < 1e30f)) return false;
  switch (type) {
    case TensorType::int8: return q.zero_point >= -128 && q.zero_point <= 127;
    case TensorType::uint8: return q.zero_point >= 0 && q.zero_point <= 255;
    case TensorType::int16: return q.zero_point >= -32768 && q.zero_point <= 32767;
    case TensorType::int4: return q.zero_point >= -8 && q.zero_point <= 7;
    case TensorType::uint4: return q.zero_point >= 0 && q.zero_point <= 15;
    case TensorType::int2: return q.zero_point >= -2 && q.zero_point <= 1;
    default: return true;
  }
}
constexpr Violation require_quantized_input(const NodeDescription& node, int i) {
  if (is_usable(node.input(i).quantization, node.input(i).type)) return {};
  return input_violation(i, ErrorCode::invalid_quantization, "must have a positive scale and a zero point in the range of its type");
}
constexpr Violation require_quantized_output(const NodeDescription& node, int i) {
  if (is_usable(node.output(i).quantization, node.output(i).type)) return {};
  return output_violation(i, ErrorCode::invalid_quantization, "must have a positive scale and a zero point in the range of its type");
}
constexpr Violation require_same_type(const NodeDescription& node, int output, int input) {
  if (node.output(output).type == node.input(input).type) return {};
  return output_violation(output, ErrorCode::invalid_type, "must have the type of input {}", input);
}
/// Inputs whose integers decide the output's shape: an error that means "not before running" until they are known.
constexpr Violation require_known(const NodeDescription& node, int input) {
  if (node.input(input).integers.known()) return {};
  return input_violation(input, ErrorCode::unknown_value, "must be known before running");
}
/// What infer() of an op with measure() ends with, when all its checks have passed.
constexpr Violation data_decides_shape() {
  return node_violation(ErrorCode::unknown_value, "gives an output whose shape only the inputs' data decides, while running");
}
/// A negative axis counts from the end; -1 where the axis is outside [-rank, rank).
constexpr int normalized_axis(std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) return -1;
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

/// The place of an axis among the dimensions that a shape holds; -1 for one of the leading ones, -2 outside of [-rank, rank).
constexpr int held_axis(std::int64_t axis, const Shape& shape) {
  const int place = normalized_axis(axis, shape.full_rank());
  if (place < 0) return -2;
  return place < shape.leading_ones() ? -1 : place - shape.leading_ones();
}

}  // namespace tfl
