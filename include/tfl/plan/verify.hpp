#pragma once
// A generated header is not believed: the compiler runs the ops' own checks on it, node by node, and says which node breaks which rule.

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tfl/core/status.hpp"
#include "tfl/kernels/signature.hpp"
#include "tfl/plan/layout.hpp"
#include "tfl/plan/model.hpp"
#include "tfl/plan/typed_call.hpp"
#include "tfl/simd/arch.hpp"

namespace tfl::plan {

/// What is wrong with a node, or with the model.
enum class Fault : std::uint8_t {
  none,
  unknown_tensor,
  misplaced_tensor,
  never_written,
  written_twice,
  destroys_a_tensor,
  wrong_arity,
  wrong_version,
  breaks_a_rule,
  other_shape,
  no_kernel,
};

struct Verdict {
  Fault fault = Fault::none;
  std::int64_t tensor = -1;  // the one that it is about, where it is about one
  Violation violation{};     // of Fault::breaks_a_rule
};

namespace detail {

/// A tensor lies where it may: constants within the weights, everything else at a multiple of the arena's alignment.
template <class Model> constexpr bool lies_well(const Tensor& tensor) {
  if (tensor.shape.checked_count() < 0 || bits_of(tensor.type) == 0 || tensor.is_constant() == tensor.is_placed()) return false;
  constexpr std::int64_t alignment = alignment_of<Model>();
  if (alignment != 4 && alignment != 8 && alignment != 16) return false;
  if (bits_of(tensor.type) / 8 > alignment) return false;
  if (tensor.is_placed()) return tensor.arena_at >= 0 && tensor.arena_at % alignment == 0 && tensor.arena_at < (std::int64_t{1} << 40);
  constexpr auto all = static_cast<std::int64_t>(sizeof(Model::weights));
  return !tensor.is_variable && tensor.weights_at >= 0 && tensor.weights_at % alignment == 0 && tensor.weights_at <= all &&
         tensor.bytes() <= all - tensor.weights_at;
}

/// A part lies in its whole, which is of its type. What a node writes is no part of something that is written otherwise, and lies beside
/// all other parts, which fill the whole.
template <class Model> constexpr bool is_good_part(std::int32_t tensor, bool is_written) {
  const Tensor& part = Model::tensors[tensor];
  if (part.part_of == -1) return true;
  const std::int32_t index = whole_of<Model>(tensor);
  if (index < 0 || !part.is_placed() || part.is_variable) return false;
  const Tensor& whole = Model::tensors[index];
  if (!whole.is_placed() || whole.is_variable || whole.type != part.type) return false;
  if (part.arena_at < whole.arena_at || part.arena_at + part.bytes() > whole.arena_at + whole.bytes()) return false;
  if (!is_written) return true;
  for (const std::int32_t t : Model::inputs) {
    if (t == index) return false;
  }
  std::int64_t covered = 0;
  for (std::int32_t other = 0; other < tensor_count<Model>; ++other) {
    if (whole_of<Model>(other) != index) continue;
    const Tensor& o = Model::tensors[other];
    covered += o.bytes();
    if (other != tensor && overlap_in_bytes(part.arena_at, part.bytes(), o.arena_at, o.bytes())) return false;
  }
  return covered == whole.bytes();
}

/// The first of `indices` that is no tensor, or lies badly. -1 is a tensor that is absent, where `may_lack` allows it.
template <class Model, std::size_t N> constexpr Verdict check_tensors(const Indices<N>& indices, bool may_lack) {
  for (const std::int32_t t : indices) {
    if (may_lack && t == -1) continue;
    if (!in_range(t, tensor_count<Model>)) return {Fault::unknown_tensor, t};
    if (!lies_well<Model>(Model::tensors[t]) || !is_good_part<Model>(t, false)) return {Fault::misplaced_tensor, t};
  }
  return {};
}

/// Reads come after writes, nothing is written twice, and nobody writes over what is still needed.
template <class Model, class Node> constexpr Verdict check_order(int step) {
  for (const std::int32_t t : Node::inputs) {
    if (t >= 0 && !Model::tensors[t].is_constant() && lifetimes<Model>[static_cast<std::size_t>(t)].first >= step)
      return {Fault::never_written, t};
  }
  for (std::size_t i = 0; i < Node::outputs.size(); ++i) {
    const std::int32_t t = Node::outputs[i];
    if (!is_good_part<Model>(t, true)) return {Fault::misplaced_tensor, t};
    if (Model::tensors[t].is_constant() || lifetimes<Model>[static_cast<std::size_t>(t)].first != step) return {Fault::written_twice, t};
    for (std::size_t j = 0; j < i; ++j) {
      if (Node::outputs[j] == t) return {Fault::written_twice, t};
    }
    if (const std::int32_t destroyed = destroyed_tensor<Model, Node>(step, i); destroyed >= 0) return {Fault::destroys_a_tensor, destroyed};
  }
  return {};
}

template <class Model, class Node> constexpr Verdict check_node(int step) {
  using Op = typename Node::Op;
  if (const Verdict v = check_tensors<Model>(Node::inputs, true); v.fault != Fault::none) return v;
  if (const Verdict v = check_tensors<Model>(Node::outputs, false); v.fault != Fault::none) return v;
  for (const std::int32_t t : Node::intermediates) {
    if (t != -1 && !in_range(t, tensor_count<Model>)) return {Fault::unknown_tensor, t};
  }
  if (const Verdict v = check_order<Model, Node>(step); v.fault != Fault::none) return v;
  if (!Arity(Op::inputs).allows(static_cast<int>(Node::inputs.size())) ||
      !Arity(Op::outputs).allows(static_cast<int>(Node::outputs.size())))
    return {Fault::wrong_arity};
  if (Node::version < 1 || Node::version > Op::max_version) return {Fault::wrong_version};
  Described<Model, Node> described;
  const NodeDescription node = described.node();
  if (const Violation v = Op::infer(Node::options, node)) return {Fault::breaks_a_rule, -1, v};
  for (std::size_t i = 0; i < Node::outputs.size(); ++i) {
    const Tensor& said = Model::tensors[Node::outputs[i]];
    const TensorDescription& inferred = node.output(static_cast<int>(i));
    if (said.shape != inferred.shape || said.type != inferred.type) return {Fault::other_shape, Node::outputs[i]};
  }
  if (!has_kernel<Model, Node>) return {Fault::no_kernel};
  return {};
}

/// Inputs and variables are there from the beginning, so no node's check compares them with each other.
template <class Model> constexpr Verdict check_model() {
  if (const Verdict v = check_tensors<Model>(Model::inputs, false); v.fault != Fault::none) return v;
  if (const Verdict v = check_tensors<Model>(Model::outputs, false); v.fault != Fault::none) return v;
  for (const std::int32_t t : Model::inputs) {
    if (Model::tensors[t].is_constant()) return {Fault::misplaced_tensor, t};
  }
  for (std::int32_t t = 0; t < tensor_count<Model>; ++t) {
    if (Model::tensors[t].is_variable && !lies_well<Model>(Model::tensors[t])) return {Fault::misplaced_tensor, t};
    if (lifetimes<Model>[static_cast<std::size_t>(t)].first >= 0) continue;
    for (std::int32_t other = 0; other < t; ++other) {
      if (lifetimes<Model>[static_cast<std::size_t>(other)].first < 0 && collide<Model>(t, other)) return {Fault::destroys_a_tensor, t};
    }
  }
  for (const std::int32_t t : Model::outputs) {
    if (!Model::tensors[t].is_constant() &&
        lifetimes<Model>[static_cast<std::size_t>(t)].first > lifetimes<Model>[static_cast<std::size_t>(t)].last)
      return {Fault::never_written, t};
  }
  return {};
}

template <class Model, class Node, int Step> inline constexpr Verdict verdict_of_shapes = check_node<Model, Node>(Step);

/// Only a node whose shapes are good can be prepared.
template <class Model, class Node, int Step> constexpr Verdict check_preparation() {
  if constexpr (verdict_of_shapes<Model, Node, Step>.fault == Fault::none) {
    const auto prepared = try_constants_of<Model, Node, simd::Scalar>();
    if (!prepared) return {Fault::breaks_a_rule, -1, prepared.error()};
  }
  return verdict_of_shapes<Model, Node, Step>;
}
template <class Model, class Node, int Step> inline constexpr Verdict verdict_of_node = check_preparation<Model, Node, Step>();
template <class Model> inline constexpr Verdict verdict_of_model = check_model<Model>();

// Not constexpr: constant evaluation ends here, and the compiler prints the call that led here with its arguments.
void this_node_breaks_the_rule_of_its_op();

/// A rule's text as a template argument: g++ prints those with their values, clang++ prints those of functions.
struct RuleText {
  char text[160] = {};
  constexpr RuleText(const char* rule) {  // NOLINT: a text is a text
    for (std::size_t i = 0; i + 1 < std::size(text) && rule[i] != 0; ++i) text[i] = rule[i];
  }
};
template <class Node, RuleText Text, std::int64_t Value0, std::int64_t Value1, std::int64_t Value2>
constexpr bool explain(const char* rule, std::int64_t, std::int64_t, std::int64_t) {
  if (rule[0] != 0) this_node_breaks_the_rule_of_its_op();
  return rule[0] == 0;
}

/// One message for each fault. Where is the node, or the model; Tensor is the tensor's number in the header.
template <class Where, Fault F, std::int64_t Tensor> struct Report {
  static_assert(F != Fault::unknown_tensor, "tfl: this node names a tensor that the header does not have");
  static_assert(F != Fault::misplaced_tensor,
                "tfl: a tensor of this node lies neither within the weights nor at a multiple of the alignment in the arena, or in both");
  static_assert(F != Fault::never_written, "tfl: this node reads a tensor before any node writes it");
  static_assert(F != Fault::written_twice, "tfl: this node writes a tensor that is constant or written elsewhere too");
  static_assert(F != Fault::destroys_a_tensor, "tfl: this node's output overlaps a tensor that is still needed");
  static_assert(F != Fault::wrong_arity, "tfl: this node has more or fewer inputs or outputs than its op takes");
  static_assert(F != Fault::wrong_version, "tfl: this node's version is newer than this library knows");
  static_assert(F != Fault::other_shape, "tfl: the header gives an output of this node another shape or type than its op infers");
  static_assert(F != Fault::no_kernel, "tfl: this node's op has no kernel for these types");
};
/// A rule of the op itself: its text and its numbers stand in the call that the compiler prints.
template <class Model, class Node, int Step> struct RuleReport {
  static constexpr Violation violation = verdict_of_node<Model, Node, Step>.violation;
  static constexpr std::int64_t a = violation.values[0], b = violation.values[1], c = violation.values[2];
  static_assert(explain<Node, RuleText(violation.rule), a, b, c>(violation.rule, a, b, c));
};

// The first fault is told, and no other: what comes after may well follow from it. Whether there is one is worked out apart from the
// messages, because compilers don't use what stands beside a failed assertion.
template <class Model, class Nodes, class Steps> struct Verified;
template <class Model, class... Node, std::size_t... Step> struct Verified<Model, Nodes<Node...>, std::index_sequence<Step...>> {
  static constexpr std::size_t first_fault = [] {
    std::size_t good = 0;
    (void)((verdict_of_node<Model, Node, static_cast<int>(Step)>.fault == Fault::none && ++good > 0) && ...);
    return good;
  }();
  static constexpr bool nodes_are_good = first_fault == sizeof...(Node);
  static constexpr bool value = nodes_are_good && verdict_of_model<Model>.fault == Fault::none;

  template <bool Good, std::size_t Index> struct Pick {
    using type = Report<Model, verdict_of_model<Model>.fault, verdict_of_model<Model>.tensor>;
  };
  template <std::size_t Index> struct Pick<false, Index> {
    using At = std::tuple_element_t<Index, std::tuple<Node...>>;
    static constexpr Verdict verdict = verdict_of_node<Model, At, static_cast<int>(Index)>;
    using type = std::conditional_t<verdict.fault == Fault::breaks_a_rule, RuleReport<Model, At, static_cast<int>(Index)>,
                                    Report<At, verdict.fault, verdict.tensor>>;
  };
  using Told = typename Pick<nodes_are_good, first_fault>::type;
};
template <class Model, class... Node> Verified<Model, Nodes<Node...>, std::index_sequence_for<Node...>> verify(Nodes<Node...>);
template <class Model> using VerifiedModel = decltype(verify<Model>(typename Model::Nodes{}));

}  // namespace detail

/// Whether the header says what the ops say.
template <class Model> inline constexpr bool verified = detail::VerifiedModel<Model>::value;
/// Does not compile where it doesn't.
template <class Model> struct Verify : private detail::VerifiedModel<Model>::Told {};

}  // namespace tfl::plan
