#pragma once
// StaticPlan: a model that the compiler knows. Shapes, memory and prepared constants are checked and computed while compiling; invoke()
// is a straight line of calls to the kernels that the interpreter uses too.

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/parallel.hpp"
#include "tfl/core/status.hpp"
#include "tfl/plan/compact_call.hpp"
#include "tfl/plan/layout.hpp"
#include "tfl/plan/model.hpp"
#include "tfl/plan/typed_call.hpp"
#include "tfl/plan/verify.hpp"
#include "tfl/simd/arch.hpp"

namespace tfl {

using plan::PlanExtents;

/// Whose memory the arena is.
enum class PlanArena : std::uint8_t { member, callers };

/// Where constants in a kernel's own layout come from: laid out when the plan is constructed, or linked, as PackedConstants.
enum class PlanPacking : std::uint8_t { at_start, linked };

namespace plan {

/// The C++ type that programs see for a TensorType; std::byte where C++ has none.
template <TensorType Type> struct ElementTypeOf { using type = std::byte; };
template <> struct ElementTypeOf<TensorType::float32> { using type = float; };
template <> struct ElementTypeOf<TensorType::float64> { using type = double; };
template <> struct ElementTypeOf<TensorType::int8> { using type = std::int8_t; };
template <> struct ElementTypeOf<TensorType::uint8> { using type = std::uint8_t; };
template <> struct ElementTypeOf<TensorType::int16> { using type = std::int16_t; };
template <> struct ElementTypeOf<TensorType::uint16> { using type = std::uint16_t; };
template <> struct ElementTypeOf<TensorType::int32> { using type = std::int32_t; };
template <> struct ElementTypeOf<TensorType::uint32> { using type = std::uint32_t; };
template <> struct ElementTypeOf<TensorType::int64> { using type = std::int64_t; };
template <> struct ElementTypeOf<TensorType::uint64> { using type = std::uint64_t; };
template <> struct ElementTypeOf<TensorType::boolean> { using type = Boolean; };
template <> struct ElementTypeOf<TensorType::complex64> { using type = std::complex<float>; };

template <class Model, std::int32_t Tensor> using ElementType = typename ElementTypeOf<Model::tensors[Tensor].type>::type;
template <class Model, std::int32_t Tensor>
inline constexpr std::size_t element_count = static_cast<std::size_t>(Model::tensors[Tensor].bytes()) / sizeof(ElementType<Model, Tensor>);

/// The elements of an input (T is not const) or an output. Everything but the address is known to the compiler.
template <class T, class Model, std::int32_t Tensor> class PlanSpan : public std::span<T, element_count<Model, Tensor>> {
 public:
  constexpr explicit PlanSpan(T* elements) : std::span<T, element_count<Model, Tensor>>(elements, element_count<Model, Tensor>) {}
  static constexpr TensorType type = Model::tensors[Tensor].type;
  static constexpr Shape shape = Model::tensors[Tensor].shape;
  static constexpr Quantization quantization = Model::tensors[Tensor].quantization;
  static constexpr const char* name = Model::tensors[Tensor].name;
};

/// The packed constants of a model for one architecture. The build defines them for the plans that want them linked
/// (tfl_add_static_model(... PACKED)): what fits another processor, or another version of the model, has another name.
template <class Model, class Arch, std::size_t Bytes> struct PackedConstants { static const unsigned char bytes[]; };

/// Where a node's working memory and packed constants lie.
struct NodeMemory {
  std::size_t scratch_bytes = 0, scratch_at = 0;  // in the arena
  std::size_t packed_bytes = 0, packed_at = 0;
};

template <std::size_t N> struct PlanMemory {
  std::array<NodeMemory, N + 1> nodes{};
  std::size_t arena_bytes = 0, packed_bytes = 0;

  constexpr void add(std::size_t step, NodeMemory node) {
    node.packed_at = packed_bytes;
    packed_bytes = align_up(packed_bytes + node.packed_bytes, block_alignment);
    if (node.scratch_bytes > 0 && node.scratch_at + node.scratch_bytes > arena_bytes) arena_bytes = node.scratch_at + node.scratch_bytes;
    nodes[step] = node;
  }
};

namespace detail {

// A variable for each node: compilers bound the steps of one evaluation, and models have many nodes.
template <class Model, class Node, class Arch, std::size_t Step>
inline constexpr NodeMemory node_memory{static_cast<std::size_t>(needs<Model, Node, Arch>.scratch_bytes),
                                        static_cast<std::size_t>(scratch_offset<Model>(
                                            static_cast<int>(Step), needs<Model, Node, Arch>.scratch_bytes,
                                            runs_compact<Model, Node, Arch>() ? alignment_of<Model>() : std::int64_t{arena_alignment})),
                                        static_cast<std::size_t>(needs<Model, Node, Arch>.packed_bytes), 0};

template <class Model, class Arch, class... Node, std::size_t... Step>
constexpr auto plan_memory(Nodes<Node...>, std::index_sequence<Step...>) {
  static_assert(((needs<Model, Node, Arch>.state_bytes == 0) && ...),
                "tfl: an op of this model keeps memory of its own between runs, which static plans do not give; use the interpreter");
  PlanMemory<sizeof...(Node)> memory;
  memory.arena_bytes = static_cast<std::size_t>(tensors_end<Model>());
  (memory.add(Step, node_memory<Model, Node, Arch, Step>), ...);
  return memory;
}

template <class Model, class Node, class Arch, PlanExtents Policy>
using CallOf = std::conditional_t<runs_compact<Model, Node, Arch>(), CompactCall<Model, Node, Arch>, Call<Model, Node, Arch, Policy>>;

/// What StaticPlan knows of a model that passed verification.
template <bool Good, class Model, class Arch, PlanExtents Policy, class Nodes> struct Facts {
  // A header with a fault has been reported: nothing more is said about it.
  static constexpr std::size_t arena_bytes = 0, packed_bytes = 0;
};
template <class Model, class Arch, PlanExtents Policy, class... Node> struct Facts<true, Model, Arch, Policy, Nodes<Node...>> {
  static constexpr auto memory = plan_memory<Model, Arch>(Nodes<Node...>{}, std::index_sequence_for<Node...>{});
  static constexpr std::size_t arena_bytes = memory.arena_bytes, packed_bytes = memory.packed_bytes;
  static constexpr bool can_fail = (CallOf<Model, Node, Arch, Policy>::can_fail || ...);
};

/// Whether the header holds the tables that this architecture's kernels want: headers for microcontrollers do.
template <class Model, class Arch> constexpr bool has_tables() {
  if constexpr (simd::is_compact<Arch>) {
    return requires { Model::packed; };
  } else {
    return false;
  }
}

template <class Model> constexpr bool has_variables() {
  for (const Tensor& tensor : Model::tensors) {
    if (tensor.is_variable) return true;
  }
  return false;
}

}  // namespace detail
}  // namespace plan

/// A model from a header that tfl_codegen wrote, ready to run on one thread at a time.
///
/// Extents chooses between small code and fast code, Arena between memory inside of the plan and the caller's, Arch the processor
/// that the kernels are compiled for, Packing between a short start and none.
template <class Model, PlanExtents Extents = PlanExtents::dynamic, PlanArena ArenaOwner = PlanArena::member, class Arch = simd::NativeArch,
          PlanPacking Packing = PlanPacking::at_start>
class StaticPlan : private plan::Verify<Model> {
  using Nodes = typename Model::Nodes;
  using Facts = plan::detail::Facts<plan::verified<Model>, Model, Arch, Extents, Nodes>;
  static constexpr bool owns_arena = ArenaOwner == PlanArena::member;
  static_assert(plan::alignment_of<Model>() == std::int64_t{arena_alignment} || simd::is_compact<Arch>,
                "tfl: this header is for microcontrollers: its tensors lie too close together for the kernels of other processors");

 public:
  /// Exact size of the arena: tensors and working memory.
  static constexpr std::size_t arena_bytes = Facts::arena_bytes;
  /// Constants that kernels want in a layout of their own: kept in the plan, linked, or in the header.
  static constexpr std::size_t packed_bytes = Facts::packed_bytes;
  static constexpr std::size_t input_count = Model::inputs.size(), output_count = Model::outputs.size();
  /// Whether construction has something to do. Without it a plan is a constant-initialized object.
  static constexpr bool packs_at_start = packed_bytes > 0 && Packing == PlanPacking::at_start && !plan::detail::has_tables<Model, Arch>();
  static constexpr bool has_start_up = packs_at_start || plan::detail::has_variables<Model>();

  /// Memory for tensors. Two plans that never run at once may share it: put their arenas into a union.
  struct Arena {
    // Vectors are read faster where they lie in one cache line.
    alignas(simd::is_compact<Arch> ? arena_alignment : block_alignment) std::array<std::byte, arena_bytes> bytes;
  };

  constexpr StaticPlan() requires(owns_arena && !has_start_up) {}
  StaticPlan() requires(owns_arena&& has_start_up) { start_up(Nodes{}); }
  /// Keeps the address of `arena`.
  constexpr explicit StaticPlan(Arena& arena) requires(!owns_arena && !has_start_up) : arena_(arena) {}
  explicit StaticPlan(Arena& arena) requires(!owns_arena && has_start_up) : arena_(arena) { start_up(Nodes{}); }

  /// Input I, to be filled before every invoke(), which consumes it.
  template <std::size_t I> auto input() {
    static_assert(I < input_count, "tfl: the model has fewer inputs");
    constexpr std::int32_t t = Model::inputs[I];
    return span<plan::ElementType<Model, t>, t>();
  }
  /// Output I, valid until the inputs are filled again.
  template <std::size_t I> auto output() {
    static_assert(I < output_count, "tfl: the model has fewer outputs");
    constexpr std::int32_t t = Model::outputs[I];
    return span<const plan::ElementType<Model, t>, t>();
  }

  /// Runs every node once. Returns nothing, or, where data decides whether a kernel can go on (an index out of range), the violation.
  auto invoke() {
    return invoke([](auto, std::span<const std::byte>) {});
  }
  /// The same; after every node, observe(std::integral_constant<std::size_t, STEP>, bytes of its first output) is called.
  template <class Observer> auto invoke(Observer observe) {
    SerialExecutor executor;
    return run(executor, observe, Nodes{}, std::make_index_sequence<Facts::memory.nodes.size() - 1>{});
  }

  /// The constants in the layout of this architecture's kernels.
  const std::byte* packed_constants() const {
    if constexpr (plan::detail::has_tables<Model, Arch>()) {
      static_assert(sizeof(Model::packed) >= packed_bytes, "tfl: the header's tables are not those that its nodes need");
      return reinterpret_cast<const std::byte*>(Model::packed);
    } else if constexpr (packed_bytes > 0 && !packs_at_start) {
      return reinterpret_cast<const std::byte*>(plan::PackedConstants<Model, Arch, packed_bytes>::bytes);
    } else {
      return packed_.data();
    }
  }

  /// Variables as they are before the first invoke: zero bytes; int8 their zero point, as in TensorFlow Lite.
  void reset_variables() { reset(std::make_integer_sequence<std::int32_t, plan::tensor_count<Model>>{}); }

 private:
  template <class T, std::int32_t Tensor> auto span() {
    return plan::PlanSpan<T, Model, Tensor>(reinterpret_cast<T*>(plan::detail::address<Model, Tensor>(arena_bytes_at(0))));
  }
  std::byte* arena_bytes_at(std::size_t offset) { return arena_.bytes.data() + offset; }

  template <class Node> using Call = plan::detail::CallOf<Model, Node, Arch, Extents>;

  template <class Node, std::size_t Step> auto call(SerialExecutor& executor) {
    constexpr plan::NodeMemory memory = Facts::memory.nodes[Step];
    if constexpr (plan::detail::runs_compact<Model, Node, Arch>()) {
      Call<Node>::template eval<memory.scratch_at>(arena_bytes_at(0));
    } else {
      const std::byte* packed = nullptr;
      std::byte* scratch = nullptr;
      if constexpr (memory.packed_bytes > 0) packed = packed_constants() + memory.packed_at;
      if constexpr (memory.scratch_bytes > 0) scratch = arena_bytes_at(memory.scratch_at);
      return Call<Node>::eval(arena_bytes_at(0), packed, scratch, executor);
    }
  }
  template <class Node, std::size_t Step, class Observer>
  bool succeeds([[maybe_unused]] Violation& violation, SerialExecutor& executor, Observer& observe) {
    if constexpr (Call<Node>::can_fail) {
      violation = call<Node, Step>(executor);
      if (violation) return false;
    } else {
      call<Node, Step>(executor);
    }
    if constexpr (Node::outputs.size() > 0) {
      constexpr std::int32_t t = Node::outputs[0];
      observe(std::integral_constant<std::size_t, Step>{}, std::span<const std::byte>(plan::detail::address<Model, t>(arena_bytes_at(0)),
                                                                                      static_cast<std::size_t>(Model::tensors[t].bytes())));
    }
    return true;
  }
  template <class Observer, class... Node, std::size_t... Step>
  auto run(SerialExecutor& executor, Observer& observe, plan::Nodes<Node...>, std::index_sequence<Step...>) {
    Violation violation;
    if constexpr (Facts::can_fail) {
      (void)(succeeds<Node, Step>(violation, executor, observe) && ...);
      return violation;
    } else {
      (succeeds<Node, Step>(violation, executor, observe), ...);
    }
  }

  template <class... Node> void start_up(plan::Nodes<Node...>) {
    SerialExecutor executor;
    std::size_t step = 0;
    (pack<Node>(executor, step++), ...);
    reset_variables();
  }
  template <class Node> void pack([[maybe_unused]] SerialExecutor& executor, [[maybe_unused]] std::size_t step) {
    if constexpr (packs_at_start && plan::needs<Model, Node, Arch>.packed_bytes > 0) {
      Call<Node>::pack(arena_bytes_at(0), packed_.data() + Facts::memory.nodes[step].packed_at, executor);
    }
  }

  template <std::int32_t... Tensor> void reset(std::integer_sequence<std::int32_t, Tensor...>) { (reset_one<Tensor>(), ...); }
  template <std::int32_t Tensor> void reset_one() {
    if constexpr (Model::tensors[Tensor].is_variable) {
      constexpr TensorType type = Model::tensors[Tensor].type;
      std::memset(plan::detail::address<Model, Tensor>(arena_bytes_at(0)),
                  type == TensorType::int8 ? Model::tensors[Tensor].quantization.zero_point & 0xff : 0,
                  static_cast<std::size_t>(Model::tensors[Tensor].bytes()));
    }
  }

  std::conditional_t<owns_arena, Arena, Arena&> arena_{};
  alignas(packs_at_start ? block_alignment : 1) std::array<std::byte, packs_at_start ? packed_bytes : 0> packed_{};
};

}  // namespace tfl
