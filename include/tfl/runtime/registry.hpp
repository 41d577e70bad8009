#pragma once
// OpRegistry<Ops...>: a constant table with one entry per op. The thunks here are the one place where untyped memory gets its type.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/parallel.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/signature.hpp"
#include "tfl/kernels/window.hpp"
#include "tfl/model/custom_options.hpp"
#include "tfl/model/graph.hpp"
#include "tfl/model/options.hpp"
#include "tfl/model/schema.hpp"
#include "tfl/runtime/frame.hpp"

namespace tfl {

/// One node, bound to its memory.
struct NodeCall {
  std::span<Tensor* const> inputs;  // null: absent
  std::span<Tensor* const> outputs;
  const void* options = nullptr;
  void* prepared = nullptr;
  std::span<Multiplier> multipliers;
  const std::byte* packed = nullptr;
  std::byte* scratch = nullptr;
  void* executor = nullptr;
  std::byte* state = nullptr;
};

using EvalFunction = Violation (*)(const NodeCall&);
using PackFunction = void (*)(const NodeCall&, std::byte* packed);

/// An op without its types: what the runtime calls.
struct OpEntry {
  BuiltinOperator code{};
  std::string_view custom_name;
  Arity inputs = 1, outputs = 1;
  int max_version = 1;
  OpTraits traits;
  bool for_strings = false;  // runs the nodes of this op that have a tensor of strings, and no others
  std::size_t options_bytes = 0, prepared_bytes = 0;
  Violation (*read)(const schema::Operator& node, void* options) = nullptr;
  Violation (*infer)(const void* options, const NodeDescription& node) = nullptr;
  Needs (*needs)(const void* options, const NodeDescription& node) = nullptr;
  /// Sets the outputs' shapes where the inputs' data decides them; null where infer() always can. See InputData.
  Violation (*measure)(const NodeCall& call, const NodeDescription& node) = nullptr;
  /// Fills call.prepared and call.multipliers, and picks the kernel for the node's types.
  Violation (*prepare)(const NodeCall& call, const NodeDescription& node, EvalFunction& eval, PackFunction& pack) = nullptr;

  // Of ops that work on frames, which have no needs, measure and prepare; see Frame.
  Result<bool> (*outline)(const void* options, Frame& frame) = nullptr;
  Result<void> (*run)(const void* options, Frame& frame) = nullptr;

  // What fusion asks; null where the op has no such side.
  std::int64_t (*part_offset)(const void* options, const NodeDescription& node, int k) = nullptr;  // see OpTraits
  Activation* (*activation)(void* options) = nullptr;                                              // of ops that clamp
  /// Whether the op only puts a border around input 0, and which.
  bool (*border)(const NodeCall& call, const NodeDescription& node, Border& border) = nullptr;
  /// Makes the op read input 0 as if it had this border, which it has now; false where it can't.
  bool (*take_border)(void* options, const NodeDescription& node, const Border& border) = nullptr;
  /// How output rows follow from rows of input 0; false where the kernel needs all of them. See op.hpp.
  bool (*row_window)(const void* options, const NodeDescription& node, WindowAxis& axis) = nullptr;
  WindowAxis& (*prepared_row_window)(void* prepared) = nullptr;

  std::string_view name() const { return code == BuiltinOperator::CUSTOM ? custom_name : std::string_view(name_of(code)); }
};

namespace detail {

template <class T> inline constexpr bool is_signature = false;
template <class... T, class... G> inline constexpr bool is_signature<Signature<Takes<T...>, Gives<G...>>> = true;
template <class T> inline constexpr bool is_signatures = false;
template <class... S> inline constexpr bool is_signatures<Signatures<S...>> = (is_signature<S> && ...);

/// What Options::read gets: the schema's table of the code (void: it has none), or a custom op's bytes.
template <BuiltinOperator Code> struct OptionsSource : OptionsTable<Code> {};
template <> struct OptionsSource<BuiltinOperator::CUSTOM> { using type = CustomOptions; };

}  // namespace detail

// ---- The contract of an op, one concept per part, so that the compiler names the part that is missing.

template <class O>
concept HasCode = requires {
  { O::code } -> std::convertible_to<BuiltinOperator>;
  Arity(O::inputs);
  Arity(O::outputs);
  { O::max_version } -> std::convertible_to<int>;
}
&&(O::code != BuiltinOperator::CUSTOM || requires {
  { O::custom_name } -> std::convertible_to<std::string_view>;
});
template <class O>
concept HasOptions = requires {
  typename O::Options;
}
&&std::is_trivially_copyable_v<typename O::Options>;
template <class O>
concept HasInfer = requires(const typename O::Options& options, const NodeDescription& node) {
  { O::infer(options, node) } -> std::same_as<Violation>;
};
template <class O>
concept HasPrepared = requires(const typename O::Options& options, const NodeDescription& node, std::span<Multiplier> multipliers) {
  typename O::Prepared;
  { O::prepare(options, node, multipliers) } -> std::same_as<Result<typename O::Prepared, Violation>>;
}
&&std::is_trivially_copyable_v<typename O::Prepared>;
template <class O>
concept HasRead = std::is_void_v<typename detail::OptionsSource<O::code>::type> ||
    requires(const typename detail::OptionsSource<O::code>::type& source) {
  { O::Options::read(source) } -> std::convertible_to<Result<typename O::Options, Violation>>;
};
template <class O>
concept HasTypes = requires {
  typename O::Types;
}
&&detail::is_signatures<typename O::Types>;
template <class O>
concept OpLike = HasCode<O> && HasOptions<O> && HasRead<O> && HasInfer<O> &&(WorksOnFrame<O> || (HasPrepared<O> && HasTypes<O>));

namespace detail {

template <class O> inline constexpr bool is_for_strings = requires { requires O::for_strings; };
template <class O>
inline constexpr bool has_measure = requires(const typename O::Options& options, const NodeDescription& node, const InputData& inputs) {
  { O::measure(options, node, inputs, static_cast<std::byte*>(nullptr)) } -> std::same_as<Violation>;
};
template <class O> inline constexpr bool has_parts = requires(const typename O::Options& options, const NodeDescription& node) {
  { O::part_offset(options, node, 0) } -> std::same_as<std::int64_t>;
};
template <class O>
inline constexpr bool gives_border = requires(const typename O::Options& options, const NodeDescription& node, Border& border) {
  { O::border(options, node, static_cast<const std::byte*>(nullptr), border) } -> std::same_as<bool>;
};
template <class O>
inline constexpr bool takes_border = requires(typename O::Options& options, const NodeDescription& node, const Border& border) {
  { O::take_border(options, node, border) } -> std::same_as<bool>;
};

template <class O> inline constexpr bool has_row_window = false;
template <class O>
requires requires { typename O::Prepared; }
inline constexpr bool has_row_window<O> =
    requires(const typename O::Options& options, const NodeDescription& node, WindowAxis& axis, typename O::Prepared& prepared) {
  { O::row_window(options, node, axis) } -> std::same_as<bool>;
  { O::row_window(prepared) } -> std::same_as<WindowAxis&>;
};

/// Whether ops run some rows at a time where they can: loops without vectors wait for their sums, not for memory.
template <class Arch> inline constexpr bool runs_in_bands = !std::is_same_v<simd::Plain<Arch>, simd::Scalar>;

template <class O> constexpr std::string_view custom_name_of() {
  if constexpr (requires { O::custom_name; }) {
    return O::custom_name;
  } else {
    return {};
  }
}

// The address of a tensor's data for a kernel: a tensor without elements still isn't an absent one.
inline std::byte* address(const Tensor& t) { return t.data != nullptr ? t.data : const_cast<std::byte*>(no_bytes); }

/// Where a ViewList finds its tensors in the dynamic way.
struct TensorSource {
  std::span<Tensor* const> tensors;
  int size() const { return static_cast<int>(tensors.size()); }
  template <class V> V get(int i) const {
    const Tensor& t = *tensors[static_cast<std::size_t>(i)];
    using T = typename V::value_type;
    return V(reinterpret_cast<T*>(address(t)), typename V::extents_type(fold(Fold::flat, t.description.shape)));
  }
};

/// A tensor as a row of elements; no address where it is absent. Not inlined: it would be the better part of most thunks.
using FlatArgument = View<std::byte, DynamicExtents<1>>;
TFL_NOINLINE inline FlatArgument flat_argument(std::span<Tensor* const> tensors, std::size_t i) {
  if (i >= tensors.size() || tensors[i] == nullptr) return {};
  return FlatArgument(address(*tensors[i]), FlatArgument::extents_type(fold(Fold::flat, tensors[i]->description.shape)));
}

/// How one position of a signature is shown to the kernel.
template <class T, Fold F, bool Const> struct Argument {
  using Element = std::conditional_t<Const, const typename ElementOf<T>::type, typename ElementOf<T>::type>;
  using V = View<Element, DynamicExtents<rank_of(F)>>;
  static V bind(std::span<Tensor* const> tensors, std::size_t i) {
    if constexpr (F == Fold::flat) {
      const FlatArgument a = flat_argument(tensors, i);
      return V(reinterpret_cast<Element*>(a.data()), a.extents());
    } else {
      if (i >= tensors.size() || tensors[i] == nullptr) return V();
      return V(reinterpret_cast<Element*>(address(*tensors[i])), typename V::extents_type(fold(F, tensors[i]->description.shape)));
    }
  }
};
template <class T, Fold F> struct Argument<Mutable<T>, F, true> : Argument<T, F, false> {};
template <class T, Fold F, bool Const> struct Argument<Many<T>, F, Const> {
  using Element = typename Argument<T, Fold::flat, Const>::Element;
  static auto bind(std::span<Tensor* const> tensors, std::size_t i) {
    const std::size_t first = i < tensors.size() ? i : tensors.size();
    return ViewList<View<Element>, TensorSource>(TensorSource{tensors.subspan(first)});
  }
};

/// The types that one position of a signature stands for, one bit each.
using TypeSet = std::uint32_t;
static_assert(tensor_type_count < 32);
inline constexpr TypeSet every_type = (TypeSet{1} << tensor_type_count) - 1;
template <class T> constexpr TypeSet types_of() {
  TypeSet set = 0;
  for (int t = 0; t < tensor_type_count; ++t) set |= ElementOf<T>::matches(static_cast<TensorType>(t)) ? TypeSet{1} << t : 0;
  return set;
}
template <class T> inline constexpr bool is_many = false;
template <class T> inline constexpr bool is_many<Many<T>> = true;
/// A signature in numbers: how many inputs and outputs it has, whether the last one stands for all that follow, then the type sets of the
/// inputs and of the outputs. No pointers: they would cost more than what they point to.
template <class S> struct SignatureSets;
template <class... T, class... G> struct SignatureSets<Signature<Takes<T...>, Gives<G...>>> {
  static constexpr std::size_t size = 1 + sizeof...(T) + sizeof...(G);
  static constexpr TypeSet head =
      sizeof...(T) | sizeof...(G) << 8 | ((is_many<T> || ...) ? 1u << 16 : 0) | ((is_many<G> || ...) ? 1u << 17 : 0);
  static constexpr TypeSet* write(TypeSet* to) {
    *to++ = head;
    ((*to++ = types_of<T>()), ...);
    ((*to++ = types_of<G>()), ...);
    return to;
  }
};

inline bool matches(const TypeSet* sets, std::size_t count, bool repeats, std::span<Tensor* const> tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::size_t at = i < count || !repeats ? i : count - 1;
    if (at >= count || tensors[i] == nullptr) continue;
    const TensorType type = tensors[i]->description.type;
    const TypeSet wanted = type == TensorType::none ? every_type : TypeSet{1} << static_cast<int>(type);
    if ((sets[at] & wanted) != wanted) return false;
  }
  return true;
}
/// The first of `count` signatures that the node's types have; `count` where none does.
inline std::size_t find_signature(const TypeSet* sets, std::size_t count, const NodeCall& call) {
  for (std::size_t k = 0; k < count; ++k) {
    const TypeSet head = *sets++;
    const std::size_t takes = head & 0xff, gives = head >> 8 & 0xff;
    if (matches(sets, takes, (head >> 16 & 1) != 0, call.inputs) && matches(sets + takes, gives, (head >> 17 & 1) != 0, call.outputs))
      return k;
    sets += takes + gives;
  }
  return count;
}

/// An op's compact kernel behind a NodeCall.
template <class A, class Op> struct CompactThunk {
  using Kernel = Compact<Op>;
  using Prepared = typename Kernel::Prepared;

  /// The kernel, or null where the node is not for it. Overwrites the op's Prepared by the kernel's.
  static EvalFunction prepare(const typename Op::Prepared& prepared, const NodeCall& call, const NodeDescription& node) {
    Prepared compact;
    if (!prepare_compact<Op>(prepared, node, call.multipliers, compact)) return nullptr;
    std::construct_at(static_cast<Prepared*>(call.prepared), compact);
    if constexpr (requires { Kernel::most_way; }) {
      return pick(compact.way, std::make_integer_sequence<int, static_cast<int>(Kernel::most_way) + 1>{});
    } else {
      return &run<0>;
    }
  }

  static Needs needs(const typename Op::Options& options, const NodeDescription& node, Needs needs) {
    const auto prepared = Op::prepare(options, node, {});
    Prepared compact;
    if (!prepared || !prepare_compact<Op>(*prepared, node, {}, compact)) return needs;
    if constexpr (requires { Kernel::multipliers(node); }) needs.multipliers = Kernel::multipliers(node);
    return {.multipliers = needs.multipliers, .scratch_bytes = compact_scratch_bytes<A, Op>(compact)};
  }

 private:
  template <auto Way> static Violation run(const NodeCall& call) {
    CompactArguments arguments{{}, address(*call.outputs[0]), call.scratch, call.multipliers.data()};
    for (std::size_t i = 0; i < call.inputs.size(); ++i)
      arguments.inputs[i] = call.inputs[i] != nullptr ? address(*call.inputs[i]) : nullptr;
    const auto& prepared = *static_cast<const Prepared*>(call.prepared);
    if constexpr (requires { Kernel::most_way; }) {
      Kernel::template eval<A, Way>(prepared, arguments);
    } else {
      Kernel::template eval<A>(prepared, arguments);
    }
    return {};
  }
  template <class Way, int... W> static EvalFunction pick(Way way, std::integer_sequence<int, W...>) {
    EvalFunction result = nullptr;
    ((static_cast<int>(way) == W ? void(result = &run<static_cast<Way>(W)>) : void()), ...);
    return result;
  }
};

/// The parts of an op that depend on neither architecture nor executor.
template <class Op> struct CommonThunk {
  using Options = typename Op::Options;
  static_assert(alignof(Options) <= arena_alignment);

  static const Options& options_at(const void* bytes) { return *static_cast<const Options*>(bytes); }

  static Violation read(const schema::Operator& node, void* destination) {
    if constexpr (Op::code == BuiltinOperator::CUSTOM) {
      const auto* bytes = node.custom_options();
      return keep(
          Options::read(CustomOptions(bytes != nullptr ? std::span(bytes->data(), bytes->size()) : std::span<const std::uint8_t>())),
          destination);
    } else {
      using Table = typename OptionsTable<Op::code>::type;
      if constexpr (!std::is_void_v<Table>) {
        if (const Table* table = options_of<Table>(node); table != nullptr) return keep(Options::read(*table), destination);
      }
      return keep(Options{}, destination);
    }
  }

  static Violation infer(const void* options, const NodeDescription& node) { return Op::infer(options_at(options), node); }

 private:
  static Violation keep(Options options, void* destination) {
    std::construct_at(static_cast<Options*>(destination), options);
    return {};
  }
  static Violation keep(Result<Options, Violation> options, void* destination) {
    if (!options) return options.error();
    return keep(*options, destination);
  }
};

/// An op that works on frames.
template <class Op> struct FrameThunk : CommonThunk<Op> {
  using Common = CommonThunk<Op>;
  static constexpr OpEntry entry = [] {
    OpEntry e{.code = Op::code,
              .custom_name = custom_name_of<Op>(),
              .inputs = Op::inputs,
              .outputs = Op::outputs,
              .max_version = Op::max_version,
              .traits = traits_of<Op>(),
              .options_bytes = sizeof(typename Op::Options),
              .read = &Common::read,
              .infer = &Common::infer};
    e.outline = [](const void* options, Frame& frame) { return Op::outline(Common::options_at(options), frame); };
    e.run = [](const void* options, Frame& frame) { return Op::run(Common::options_at(options), frame); };
    return e;
  }();
};

/// One op compiled for one architecture and executor.
template <class Arch, class E, class Op> struct Thunk : CommonThunk<Op> {
  using A = simd::Plain<Arch>;
  static constexpr bool has_compact = simd::is_compact<Arch> && Compact<Op>::exists;
  using typename CommonThunk<Op>::Options;
  using CommonThunk<Op>::options_at, CommonThunk<Op>::read, CommonThunk<Op>::infer;
  using Prepared = typename Op::Prepared;
  static_assert(alignof(Prepared) <= arena_alignment);

  static Needs needs(const void* options, const NodeDescription& node) {
    Needs needs;
    if constexpr (requires { Op::template needs<A>(options_at(options), node); }) needs = Op::template needs<A>(options_at(options), node);
    if constexpr (has_compact) needs = CompactThunk<Arch, Op>::needs(options_at(options), node, needs);
    return needs;
  }

  static Violation no_kernel() { return node_violation(ErrorCode::unsupported_type, "has no kernel for these types"); }
  /// Whether the op's compact kernel is for the node's types.
  static bool compact_takes([[maybe_unused]] const NodeDescription& node) {
    if constexpr (has_compact) {
      return CompactTypes<typename Compact<Op>::Types>::match(node);
    } else {
      return false;
    }
  }
  static Violation prepare(const NodeCall& call, const NodeDescription& node, EvalFunction& eval, PackFunction& pack) {
    pack = nullptr;
    eval = Kernels<typename Op::Types>::find(call, pack);
    // First: prepare() may rely on the types.
    if (eval == nullptr && !compact_takes(node)) return no_kernel();
    auto prepared = Op::prepare(options_at(call.options), node, call.multipliers);
    if (!prepared) return prepared.error();
    std::construct_at(static_cast<Prepared*>(call.prepared), *prepared);
    if constexpr (has_compact) {
      static_assert(sizeof(typename Compact<Op>::Prepared) <= sizeof(Prepared) &&
                    alignof(typename Compact<Op>::Prepared) <= alignof(Prepared));
      if (const EvalFunction compact = CompactThunk<Arch, Op>::prepare(*prepared, call, node); compact != nullptr) {
        eval = compact;
        pack = nullptr;
      }
      if (eval == nullptr) return no_kernel();
    }
    return {};
  }

  static Violation measure(const NodeCall& call, const NodeDescription& node) {
    const InputData inputs(&call, [](const void* source, int input) -> const std::byte* {
      const Tensor* t = static_cast<const NodeCall*>(source)->inputs[static_cast<std::size_t>(input)];
      return t != nullptr ? address(*t) : nullptr;
    });
    return Op::measure(options_at(call.options), node, inputs, call.scratch);
  }

  // The border's value is input 2, where there is one.
  static bool border(const NodeCall& call, const NodeDescription& node, Border& border) {
    const Tensor* value = call.inputs.size() > 2 ? call.inputs[2] : nullptr;
    if (value != nullptr && !value->description.is_constant) return false;
    return Op::border(options_at(call.options), node, value != nullptr ? address(*value) : nullptr, border);
  }

  static constexpr OpEntry entry = [] {
    OpEntry e{Op::code,        custom_name_of<Op>(), Op::inputs, Op::outputs, Op::max_version, traits_of<Op>(), is_for_strings<Op>,
              sizeof(Options), sizeof(Prepared),     &read,      &infer,      &needs,          nullptr,         &prepare};
    if constexpr (has_measure<Op>) e.measure = &measure;
    if constexpr (has_parts<Op>) {
      e.part_offset = [](const void* options, const NodeDescription& node, int k) { return Op::part_offset(options_at(options), node, k); };
    }
    if constexpr (traits_of<Op>().clamps) {
      e.activation = [](void* options) -> Activation* { return &static_cast<Options*>(options)->activation; };
    }
    if constexpr (gives_border<Op>) e.border = &border;
    if constexpr (takes_border<Op>) {
      e.take_border = [](void* options, const NodeDescription& node, const Border& border) {
        return Op::take_border(*static_cast<Options*>(options), node, border);
      };
    }
    if constexpr (has_row_window<Op> && runs_in_bands<Arch> && !has_compact) {  // compact kernels have a Prepared of their own
      e.row_window = [](const void* options, const NodeDescription& node, WindowAxis& axis) {
        return Op::row_window(options_at(options), node, axis);
      };
      e.prepared_row_window = [](void* prepared) -> WindowAxis& { return Op::row_window(*static_cast<Prepared*>(prepared)); };
    }
    return e;
  }();

 private:
  template <class S, class = std::index_sequence<>, class = std::index_sequence<>> struct Typed;
  template <class... T, class... G, std::size_t... I, std::size_t... O>
  struct Typed<Signature<Takes<T...>, Gives<G...>>, std::index_sequence<I...>, std::index_sequence<O...>> {
    template <std::size_t P> using In = Argument<std::tuple_element_t<P, std::tuple<T...>>, fold_of<Op>(P), true>;
    template <std::size_t P> using Out = Argument<std::tuple_element_t<P, std::tuple<G...>>, fold_of<Op>(sizeof...(T) + P), false>;

    static EvalFunction kernel(PackFunction& packs) {
      if constexpr (can_pack) packs = &pack;
      return &eval;
    }
    static Run<A, Prepared, E> run(const NodeCall& call) {
      return {*static_cast<const Prepared*>(call.prepared),
              call.multipliers,
              call.packed,
              call.scratch,
              *static_cast<E*>(call.executor),
              call.state};
    }
    static Violation eval(const NodeCall& call) {
      const auto r = run(call);
      if constexpr (!requires { Op::eval(r, In<I>::bind(call.inputs, I)..., Out<O>::bind(call.outputs, O)...); }) {
        static_assert(is_signatures<Op>, "tfl: this op's eval() does not take `const Run&` and the views of one of its Types");
        return {};
      } else if constexpr (std::is_void_v<decltype(Op::eval(r, In<I>::bind(call.inputs, I)..., Out<O>::bind(call.outputs, O)...))>) {
        Op::eval(r, In<I>::bind(call.inputs, I)..., Out<O>::bind(call.outputs, O)...);
        return {};
      } else {
        return Op::eval(r, In<I>::bind(call.inputs, I)..., Out<O>::bind(call.outputs, O)...);
      }
    }
    static void pack(const NodeCall& call, std::byte* packed) { Op::pack(run(call), In<I>::bind(call.inputs, I)..., packed); }
    static constexpr bool can_pack = requires(const NodeCall& call, std::byte* packed) {
      Op::pack(run(call), In<I>::bind(call.inputs, I)..., packed);
    };
  };
  template <class S> struct Indexed;
  template <class... T, class... G> struct Indexed<Signature<Takes<T...>, Gives<G...>>> {
    using type = Typed<Signature<Takes<T...>, Gives<G...>>, std::index_sequence_for<T...>, std::index_sequence_for<G...>>;
  };

  template <class S> struct Kernels;
  template <class... S> struct Kernels<Signatures<S...>> {
    static constexpr auto sets = [] {
      std::array<TypeSet, (SignatureSets<S>::size + ... + 0)> sets{};
      [[maybe_unused]] TypeSet* to = sets.data();  // ops of no signature write nothing
      ((to = SignatureSets<S>::write(to)), ...);
      return sets;
    }();
    /// The kernel for the node's types, and what packs its weights; null where there is none.
    static EvalFunction find(const NodeCall& call, PackFunction& pack) {
      const std::size_t wanted = find_signature(sets.data(), sizeof...(S), call);
      EvalFunction eval = nullptr;
      std::size_t k = 0;
      (void)((k++ == wanted && (eval = Indexed<S>::type::kernel(pack), true)) || ...);
      return eval;
    }
  };
};

// Only the first part that lacks is told. What comes after it may well depend on it.
template <class O> struct CheckOp {
  static_assert(HasCode<O>,
                "tfl: this op lacks `static constexpr BuiltinOperator code` (and `custom_name` for CUSTOM), `Arity inputs, outputs` or "
                "`int max_version`");
  static constexpr bool code = HasCode<O>;
  static_assert(!code || HasOptions<O>, "tfl: this op lacks a trivially copyable `struct Options`");
  static constexpr bool options = code && HasOptions<O>;
  static_assert(!options || HasRead<O>, "tfl: this op's Options lack `static Options read(const Table&)`, which makes them from the model");
  static constexpr bool read = options && HasRead<O>;
  static_assert(!read || HasInfer<O>, "tfl: this op lacks `static constexpr Violation infer(const Options&, const NodeDescription&)`");
  static constexpr bool infer = read && HasInfer<O> && !WorksOnFrame<O>;
  static_assert(!infer || HasPrepared<O>,
                "tfl: this op lacks a trivially copyable `struct Prepared` and `prepare(const Options&, const NodeDescription&, "
                "std::span<Multiplier>)`");
  static constexpr bool prepared = infer && HasPrepared<O>;
  static_assert(
      !prepared || requires { typename O::Types; },
      "tfl: this op lacks `using Types = Signatures<Signature<Takes<...>, Gives<...>>, ...>`");
  static_assert(
      !prepared || !requires { typename O::Types; } || HasTypes<O>,
      "tfl: this op's Types must be Signatures<Signature<Takes<...>, Gives<...>>, ...>");
};

template <class A, class E, class Op> constexpr const OpEntry& entry_of() {
  if constexpr (requires { Op::template Entry<A, E>::entry; }) {  // an op that is made of another one
    return Op::template Entry<A, E>::entry;
  } else if constexpr (WorksOnFrame<Op>) {
    return FrameThunk<Op>::entry;
  } else {
    return Thunk<A, E, Op>::entry;
  }
}

// A faulty op has no table: only CheckOp speaks.
template <bool Ok, class A, class E, class... Ops> struct Table { static constexpr std::array<OpEntry, sizeof...(Ops)> entries{}; };
template <class A, class E, class... Ops> struct Table<true, A, E, Ops...> {
  static constexpr std::array<OpEntry, sizeof...(Ops)> entries{entry_of<A, E, Ops>()...};
};

}  // namespace detail

/// The ops that a program is made of. Only what is named here is compiled.
template <class... Ops> struct OpRegistry : private detail::CheckOp<Ops>... {
  static constexpr std::size_t size = sizeof...(Ops);

  /// The ops compiled for one architecture and executor.
  template <class A, Executor E> static constexpr std::span<const OpEntry> entries() {
    return detail::Table<(OpLike<Ops> && ...), A, E, Ops...>::entries;
  }
  /// The registry of these ops and more.
  template <class... More> using With = OpRegistry<Ops..., More...>;
};

namespace detail {
/// Whether an interpreter needs a session: where one of the ops works on frames, or the ops are not seen here.
template <class Ops> inline constexpr bool needs_session = true;
template <class... Ops> inline constexpr bool needs_session<OpRegistry<Ops...>> = (WorksOnFrame<Ops> || ...);
}  // namespace detail

/// The entry for this operator, or null. `strings`: for a node that has a tensor of strings.
inline const OpEntry* find_op(std::span<const OpEntry> entries, BuiltinOperator code, std::string_view custom_name, bool strings = false) {
  const OpEntry* any = nullptr;
  for (const OpEntry& e : entries) {
    if (e.code != code || (code == BuiltinOperator::CUSTOM && e.custom_name != custom_name)) continue;
    if (e.for_strings == strings) return &e;
    if (!e.for_strings) any = &e;
  }
  return any;
}
/// The entry for this node, or null.
inline const OpEntry* find_op(std::span<const OpEntry> entries, const GraphSubgraph& subgraph, const GraphNode& node) {
  bool strings = false;
  for (const std::span<const std::int32_t> list : {node.inputs, node.outputs}) {
    for (const std::int32_t t : list) {
      strings = strings || (t >= 0 && subgraph.tensors[static_cast<std::size_t>(t)].description.type == TensorType::string);
    }
  }
  return find_op(entries, node.code, node.custom_name, strings);
}

}  // namespace tfl
