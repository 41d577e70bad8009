#pragma once
// The kernel that a node of a generated model calls, picked by the compiler, and the typed views that it gets.

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tfl/core/tensor.hpp"
#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/signature.hpp"
#include "tfl/plan/model.hpp"

namespace tfl::plan {

/// Which extents of the kernels' views the compiler knows: the more, the faster and the larger the code.
enum class PlanExtents : std::uint8_t {
  dynamic,  // none: all nodes of a kind share one kernel
  filters,  // those of constants
  fixed,    // all: every node has a kernel of its own
};

namespace detail {

template <std::size_t N> constexpr std::int32_t index_at(const Indices<N>& indices, std::size_t position) {
  return position < N ? indices[position] : -1;
}

template <class Model> constexpr TensorType type_at(std::int32_t tensor) {
  return tensor < 0 ? TensorType::none : Model::tensors[tensor].type;
}

template <class T> inline constexpr bool is_many = false;
template <class T> inline constexpr bool is_many<Many<T>> = true;
template <class T> inline constexpr bool is_mutable = false;
template <class T> inline constexpr bool is_mutable<Mutable<T>> = true;
template <class T> inline constexpr bool is_mutable<Many<T>> = is_mutable<T>;

/// Whether the tensors at `position` (from there on, for Many) have the type that T stands for. Absent ones match anything.
template <class Model, class T, std::size_t N> constexpr bool matches(const Indices<N>& indices, std::size_t position) {
  const std::size_t end = is_many<T> ? N : position + 1;
  for (std::size_t i = position; i < end; ++i) {
    const std::int32_t t = index_at(indices, i);
    if (t >= 0 && !tfl::detail::ElementOf<T>::matches(type_at<Model>(t))) return false;
  }
  return true;
}

template <class Model, class Node, class S> struct Fits;
template <class Model, class Node, class... T, class... G> struct Fits<Model, Node, Signature<Takes<T...>, Gives<G...>>> {
  static constexpr bool value = [] {
    std::size_t i = 0, o = 0;
    bool fits = true;
    ((fits = fits && matches<Model, T>(Node::inputs, i++)), ...);
    ((fits = fits && matches<Model, G>(Node::outputs, o++)), ...);
    return fits;
  }();
};

struct NoSignature {};
template <class Model, class Node, class Types> struct Pick;
template <class Model, class Node> struct Pick<Model, Node, Signatures<>> { using type = NoSignature; };
template <class Model, class Node, class First, class... Rest> struct Pick<Model, Node, Signatures<First, Rest...>> {
  using type =
      typename std::conditional_t<Fits<Model, Node, First>::value, std::type_identity<First>, Pick<Model, Node, Signatures<Rest...>>>::type;
};
/// The first of the op's signatures that the node's types match.
template <class Model, class Node> using Picked = typename Pick<Model, Node, typename Node::Op::Types>::type;

// ---- Views

template <class Model, std::int32_t Tensor, Fold F, PlanExtents Policy> struct ExtentsOf {
  static constexpr Shape shape = fold(F, Model::tensors[Tensor].shape);
  static constexpr bool is_static =
      Policy == PlanExtents::fixed || (Policy == PlanExtents::filters && Model::tensors[Tensor].is_constant());
  template <std::size_t... Axis> static auto make(std::index_sequence<Axis...>) -> Extents<(is_static ? shape[Axis] : dynamic_extent)...>;
  using type = decltype(make(std::make_index_sequence<static_cast<std::size_t>(rank_of(F))>{}));
};

/// The tensor's first byte.
template <class Model, std::int32_t Tensor> std::byte* address(std::byte* arena) {
  constexpr std::int64_t at = Model::tensors[Tensor].arena_at, weights_at = Model::tensors[Tensor].weights_at;
  if constexpr (weights_at != nowhere) {
    // Kernels see constants as const elements only.
    return const_cast<std::byte*>(reinterpret_cast<const std::byte*>(Model::weights + weights_at));
  } else if constexpr (Model::tensors[Tensor].bytes() == 0) {
    return const_cast<std::byte*>(tfl::detail::no_bytes);
  } else {
    return arena + at;
  }
}

/// Where a ViewList finds its tensors.
template <std::size_t N> struct PlanSource {
  std::array<std::byte*, N + 1> data;
  std::array<std::int32_t, N + 1> counts;
  static constexpr int size() { return static_cast<int>(N); }
  template <class V> V get(int i) const {
    const auto k = static_cast<std::size_t>(i);
    return V(reinterpret_cast<typename V::value_type*>(data[k]), typename V::extents_type(Shape{counts[k]}));
  }
};

/// One argument of a kernel: position P of the node's inputs or outputs, which T of the signature stands for.
template <class Model, class T, std::int32_t Tensor, Fold F, bool Const, PlanExtents Policy> struct One {
  using Plain = typename tfl::detail::ElementOf<T>::type;
  using Element = std::conditional_t<Const && !is_mutable<T>, const Plain, Plain>;
  static auto view(std::byte* arena) {
    if constexpr (Tensor < 0) {
      return View<Element, DynamicExtents<rank_of(F)>>();
    } else {
      using E = typename ExtentsOf<Model, Tensor, F, Policy>::type;
      constexpr Shape shape = ExtentsOf<Model, Tensor, F, Policy>::shape;
      return View<Element, E>(reinterpret_cast<Element*>(address<Model, Tensor>(arena)), E(shape));
    }
  }
};

template <class Model, class T, const auto& List, std::size_t P, Fold F, bool Const, PlanExtents Policy> auto bind(std::byte* arena) {
  if constexpr (is_many<T>) {
    using Element = typename One<Model, T, -1, Fold::flat, Const, Policy>::Element;
    constexpr std::size_t count = List.size() > P ? List.size() - P : 0;
    PlanSource<count> source{};
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((source.data[I] = address<Model, List[P + I]>(arena),
        source.counts[I] = static_cast<std::int32_t>(Model::tensors[List[P + I]].shape.count())),
       ...);
    }
    (std::make_index_sequence<count>{});
    return ViewList<View<Element>, PlanSource<count>>(source);
  } else {
    return One<Model, T, index_at(List, P), F, Const, Policy>::view(arena);
  }
}

template <class Model, class Node, class S, PlanExtents Policy> struct Arguments;
template <class Model, class Node, class... T, class... G, PlanExtents Policy>
struct Arguments<Model, Node, Signature<Takes<T...>, Gives<G...>>, Policy> {
  template <std::size_t P> static constexpr Fold fold_at = tfl::detail::fold_of<typename Node::Op>(P);
  static constexpr std::make_index_sequence<sizeof...(T)> positions_in{};
  static constexpr std::make_index_sequence<sizeof...(G)> positions_out{};
  template <std::size_t P> static auto input(std::byte* arena) {
    return bind<Model, std::tuple_element_t<P, std::tuple<T...>>, Node::inputs, P, fold_at<P>, true, Policy>(arena);
  }
  template <std::size_t P> static auto output(std::byte* arena) {
    return bind<Model, std::tuple_element_t<P, std::tuple<G...>>, Node::outputs, P, fold_at<sizeof...(T) + P>, false, Policy>(arena);
  }
};

}  // namespace detail

template <class Model, class Node> inline constexpr bool has_kernel = !std::is_same_v<detail::Picked<Model, Node>, detail::NoSignature>;

/// What the compiler computes once for a node: the op's Prepared and its multipliers, read-only data of the program.
template <class Op, std::size_t Multipliers> struct Constants {
  std::array<Multiplier, Multipliers> multipliers{};
  typename Op::Prepared prepared{};
};

namespace detail {

template <class Model, class Node, class Arch> constexpr bool runs_compact();
template <class Model, class Node, class Arch> constexpr std::int64_t compact_scratch();

template <class Model, class Node, class Arch> constexpr Needs needs_of() {
  using Op = typename Node::Op;
  if constexpr (runs_compact<Model, Node, Arch>()) {
    return {.scratch_bytes = compact_scratch<Model, Node, Arch>()};
  } else if constexpr (simd::is_compact<Arch>) {
    return needs_of<Model, Node, simd::Plain<Arch>>();
  } else if constexpr (requires(const NodeDescription& node) { Op::template needs<Arch>(Node::options, node); }) {
    Described<Model, Node> described;
    return Op::template needs<Arch>(Node::options, described.node());
  } else {
    return {};
  }
}

template <class Model, class Node, class Arch>
using ConstantsFor = Constants<typename Node::Op, static_cast<std::size_t>(needs_of<Model, Node, Arch>().multipliers)>;

template <class Model, class Node, class Arch> constexpr Result<ConstantsFor<Model, Node, Arch>, Violation> try_constants_of() {
  using Op = typename Node::Op;
  ConstantsFor<Model, Node, Arch> constants;
  Described<Model, Node> described;
  const NodeDescription node = described.node();
  // Where infer() sets more than shapes, prepare() wants to see it.
  if (const Violation v = Op::infer(Node::options, node)) return v;
  const auto prepared = Op::prepare(Node::options, node, constants.multipliers);
  if (!prepared) return prepared.error();
  constants.prepared = *prepared;
  return constants;
}

}  // namespace detail

template <class Model, class Node, class Arch> inline constexpr Needs needs = detail::needs_of<Model, Node, Arch>();
/// Requires a node that passed verification.
template <class Model, class Node, class Arch>
inline constexpr detail::ConstantsFor<Model, Node, Arch> constants = *detail::try_constants_of<Model, Node, Arch>();

/// One node's call: straight to the kernel.
template <class Model, class Node, class NodeArch, PlanExtents Policy> struct Call {
  using Op = typename Node::Op;
  static_assert(!WorksOnFrame<Op>, "tfl: this op runs other subgraphs or keeps resources, which only an interpreter can do");
  using Arch = simd::Plain<NodeArch>;
  template <PlanExtents P> using ArgumentsWith = detail::Arguments<Model, Node, detail::Picked<Model, Node>, P>;
  template <PlanExtents P>
  static constexpr bool takes = []<std::size_t... I, std::size_t... O>(std::index_sequence<I...>, std::index_sequence<O...>) {
    return requires(const Run<Arch, typename Op::Prepared, SerialExecutor>& run, std::byte* arena) {
      Op::eval(run, ArgumentsWith<P>::template input<I>(arena)..., ArgumentsWith<P>::template output<O>(arena)...);
    };
  }
  (ArgumentsWith<P>::positions_in, ArgumentsWith<P>::positions_out);
  // Some kernels take several inputs as one type of view: those see extents of no kind.
  using Args = ArgumentsWith<takes<Policy> ? Policy : PlanExtents::dynamic>;

  template <class E> static Run<Arch, typename Op::Prepared, E> run(const std::byte* packed, std::byte* scratch, E& executor) {
    return {constants<Model, Node, Arch>.prepared, constants<Model, Node, Arch>.multipliers, packed, scratch, executor};
  }

  /// What the op's eval returns: void, or a Violation where data may break a rule.
  template <class E> static auto eval(std::byte* arena, const std::byte* packed, std::byte* scratch, E& executor) {
    return [&]<std::size_t... I, std::size_t... O>(std::index_sequence<I...>, std::index_sequence<O...>) {
      return Op::eval(run(packed, scratch, executor), Args::template input<I>(arena)..., Args::template output<O>(arena)...);
    }
    (Args::positions_in, Args::positions_out);
  }
  static constexpr bool can_fail = !std::is_void_v<decltype(eval(static_cast<std::byte*>(nullptr), static_cast<const std::byte*>(nullptr),
                                                                 static_cast<std::byte*>(nullptr), std::declval<SerialExecutor&>()))>;

  /// Lays the node's constants out as its kernel reads them. Nothing in the arena is looked at.
  static void pack(std::byte* arena, std::byte* packed, SerialExecutor& executor) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      Op::pack(run(nullptr, nullptr, executor), Args::template input<I>(arena)..., packed);
    }
    (Args::positions_in);
  }
};

}  // namespace tfl::plan
