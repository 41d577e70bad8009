#pragma once
// MicroInterpreter: runs any .tflite file whose ops were named, in the caller's memory and in a few kilobytes of code. No heap, no copy of
// the file; every table of the file is checked where it is read.
//
// What Interpreter has and this one lacks: fusion, packed weights, shapes that change, other subgraphs, strings, sparse constants. A model
// that needs one of these is refused. The arena holds everything: what was prepared lies at its end, tensors at its start.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/core/memory.hpp"
#include "tfl/core/parallel.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/runtime/micro_model.hpp"
#include "tfl/runtime/micro_registry.hpp"
#include "tfl/runtime/planner.hpp"
#include "tfl/simd/arch.hpp"

namespace tfl {

/// What MicroInterpreters of all registries share.
class MicroRunner : detail::MicroModel {
 public:
  int input_count() const { return static_cast<int>(inputs_.count); }
  int output_count() const { return static_cast<int>(outputs_.count); }
  /// Requires an index in range.
  TensorDescription input_description(int i) { return description_of(inputs_, i); }
  TensorDescription output_description(int i) { return description_of(outputs_, i); }

  /// Input i as elements of type T (std::byte gives the bytes of any type), to be filled before every invoke(), which consumes it.
  template <class T> Result<std::span<T>> input(int i) { return elements<T>(inputs_, i); }
  /// Output i, valid until the inputs are filled again.
  template <class T> Result<std::span<const T>> output(int i) {
    auto result = elements<T>(outputs_, i);
    if (!result) return result.error();
    return std::span<const T>(*result);
  }

  Result<void> invoke() {
    return invoke([](std::uint32_t, std::span<const std::byte>) {});
  }
  /// The same; after every node, observe(its number, bytes of its first output) is called.
  template <class Observer> Result<void> invoke(Observer observe) {
    tensor_ = -1;
    for (std::uint32_t i = 0; i < operators_.count; ++i) {
      const Operands operands = operands_of(i);
      bind(operands);
      problem_ = nodes_[i].eval(call_of(operands, i, nullptr));
      if (problem_) {
        node_ = static_cast<int>(i);
        return error();
      }
      if (operands.outputs.count != 0) {
        const Tensor& output = *pointers_[operands.inputs.count];
        observe(i,
                std::span<const std::byte>(output.data, output.data != nullptr ? static_cast<std::size_t>(output.description.bytes()) : 0));
      }
    }
    return {};
  }

  /// The least arena that does for this model.
  std::size_t arena_bytes() const { return align_up(least_, arena_alignment); }
  /// Variables as they are before the first invoke: zero bytes; int8 their zero point.
  void reset_variables() {
    for (std::uint32_t t = 0; t < tensors_.count; ++t) {
      TensorDescription d;
      read_tensor(t, d);
      if (d.is_variable) {
        std::memset(data_[t], d.type == TensorType::int8 ? d.quantization.zero_point & 0xff : 0, static_cast<std::size_t>(d.bytes()));
      }
    }
  }

 protected:
  Result<void> load(std::span<const std::byte> file, std::span<std::byte> arena, std::span<const MicroOpEntry> ops) {
    ops_ = ops;
    if (open(file, arena) && read_tensors() && read_uses() && read_nodes() && place()) return {};
    return error();
  }

 private:
  static constexpr int never = std::numeric_limits<int>::max();  // Allocation::first of what nobody has written

  struct Node {
    EvalFunction eval;
    void* prepared;
    Multiplier* multipliers;
    std::uint32_t multiplier_count;
    std::byte *scratch, *packed, *state;
  };

  // ---- Tensors

  /// Checks all tensors. Constants and variables get their address, the others a block.
  bool read_tensors() {
    const std::size_t blocks = tensors_.count + operators_.count;
    data_ = keep<std::byte*>(tensors_.count);
    nodes_ = data_ != nullptr ? keep<Node>(operators_.count) : nullptr;
    blocks_ = nodes_ != nullptr ? reinterpret_cast<Allocation*>(borrow(blocks * sizeof(Allocation))) : nullptr;
    roots_ = blocks_ != nullptr ? reinterpret_cast<std::uint32_t*>(borrow(tensors_.count * sizeof(std::uint32_t))) : nullptr;
    if (roots_ == nullptr) return false;
    for (std::uint32_t t = 0; t < tensors_.count; ++t) {
      tensor_ = static_cast<int>(t);
      TensorDescription d;
      if (!read_tensor(t, d) || !verify_tensor(t, d)) return false;
      // What is larger than the arena, which sizes of 32 bits may not tell, is too large anyway.
      const auto most_bytes = static_cast<std::int64_t>(arena_size_) + 1, bytes = d.bytes() < most_bytes ? d.bytes() : most_bytes;
      std::construct_at(blocks_ + t, Allocation{.bytes = static_cast<std::size_t>(bytes), .first = never, .last = -1});
      roots_[t] = t;
      if (d.is_constant) {
        data_[t] = const_cast<std::byte*>(file_.address(constant_bytes(file_.table_in(tensors_, t)).at));
      } else if (d.is_variable) {
        data_[t] = keep(d.bytes(), arena_alignment);
        if (data_[t] == nullptr) return false;
      }
      if (d.is_constant || d.is_variable) {
        blocks_[t].bytes = 0;
        blocks_[t].first = -1;
      }
    }
    tensor_ = -1;
    reset_variables();
    return true;
  }

  /// Every index names a tensor. Notes who reads each tensor last.
  TFL_NOINLINE bool read_list(FileList list, int step, bool may_lack) {
    for (std::uint32_t k = 0; k < list.count; ++k) {
      const auto t = file_.at<std::int32_t>(list, k);
      if (may_lack && t == -1) continue;
      if (t < 0 || static_cast<std::uint32_t>(t) >= tensors_.count)
        return fail(ErrorCode::invalid_model, "names tensor {}, but there are {}", t, tensors_.count);
      if (step > blocks_[t].last) blocks_[t].last = step;
    }
    return true;
  }
  bool read_uses() {
    std::uint32_t operands = 0;
    for (std::uint32_t i = 0; i < operators_.count; ++i) {
      node_ = static_cast<int>(i);
      const Operands o = operands_of(i);
      if (file_.is_broken()) return broken();
      if (!read_list(o.inputs, node_, true) || !read_list(o.outputs, node_, false) || !read_list(o.intermediates, -1, true)) return false;
      if (o.count() > operands) operands = o.count();
    }
    node_ = -1;
    if (!read_list(inputs_, -1, false) || !read_list(outputs_, static_cast<int>(operators_.count), false)) return false;
    for (std::uint32_t k = 0; k < inputs_.count; ++k) {
      tensor_ = file_.at<std::int32_t>(inputs_, k);
      if (!begins(tensor_, -1)) return false;
    }
    tensor_ = -1;
    operands_ = keep<Tensor>(operands);
    pointers_ = operands_ != nullptr ? keep<Tensor*>(operands) : nullptr;
    descriptions_ = pointers_ != nullptr ? keep<TensorDescription*>(operands) : nullptr;
    for (std::uint32_t k = 0; descriptions_ != nullptr && k < operands; ++k) std::construct_at(operands_ + k);
    return descriptions_ != nullptr;
  }
  bool begins(std::int32_t tensor, int step) {
    if (blocks_[tensor].first != never)
      return fail(ErrorCode::invalid_model, "writes tensor {}, which is constant, variable, an input or written already", tensor);
    blocks_[tensor].first = step;
    return true;
  }

  // ---- Nodes

  /// Describes the operands and gives them their data.
  void bind(const Operands& operands) {
    std::uint32_t next = 0;
    for (const FileList list : {operands.inputs, operands.outputs, operands.intermediates}) {
      for (std::uint32_t k = 0; k < list.count; ++k, ++next) {
        const auto t = file_.at<std::int32_t>(list, k);
        pointers_[next] = nullptr;
        descriptions_[next] = nullptr;
        if (t < 0) continue;
        read_tensor(static_cast<std::uint32_t>(t), operands_[next].description);
        operands_[next].data = data_[t];
        pointers_[next] = operands_ + next;
        descriptions_[next] = &operands_[next].description;
      }
    }
  }
  /// Of operands that are bound.
  NodeCall call_of(const Operands& operands, std::uint32_t i, const void* options) {
    const Node& node = nodes_[i];
    return {.inputs = {pointers_, operands.inputs.count},
            .outputs = {pointers_ + operands.inputs.count, operands.outputs.count},
            .options = options,
            .prepared = node.prepared,
            .multipliers = {node.multipliers, node.multiplier_count},
            .packed = node.packed,
            .scratch = node.scratch,
            .executor = &executor_,
            .state = node.state};
  }

  const MicroOpEntry* entry_of(std::uint32_t code) {
    const BuiltinOperator builtin = builtin_of(code);
    const std::string_view name =
        builtin == BuiltinOperator::CUSTOM ? file_.text(code, schema::OperatorCode::VT_CUSTOM_CODE) : std::string_view();
    for (const MicroOpEntry& e : ops_) {
      if (e.code == builtin && e.custom_name == name) return &e;
    }
    return nullptr;
  }

  bool read_nodes() {
    for (std::uint32_t i = 0; i < operators_.count; ++i) {
      node_ = static_cast<int>(i);
      const std::size_t low = low_;
      if (!read_node(i)) return false;
      low_ = low;
    }
    node_ = -1;
    return true;
  }

  bool read_node(std::uint32_t i) {
    const Operands operands = operands_of(i);
    const std::uint32_t code = code_of(operands.node);
    const MicroOpEntry* entry = code != 0 ? entry_of(code) : nullptr;
    const auto version = file_.value<std::int32_t>(code, schema::OperatorCode::VT_VERSION, 1);
    if (file_.is_broken()) return broken();
    if (entry == nullptr) return fail(ErrorCode::unsupported_op, "is an op that this program does not hold");
    if (version < 1 || version > entry->max_version)
      return fail(ErrorCode::unsupported_version, "has version {}; this program knows versions up to {}", version, entry->max_version);
    if (!entry->inputs.allows(static_cast<int>(operands.inputs.count)) || !entry->outputs.allows(static_cast<int>(operands.outputs.count)))
      return fail(ErrorCode::invalid_model, "has {} inputs and {} outputs, which its op does not take", operands.inputs.count,
                  operands.outputs.count);
    if (!check_operands(operands)) return false;

    bind(operands);
    const std::uint32_t in = operands.inputs.count, out = operands.outputs.count;
    const NodeDescription description({descriptions_, in}, {descriptions_ + in, out}, version, 1,
                                      {descriptions_ + in + out, operands.intermediates.count}, /*packs=*/false);
    std::byte* const options = borrow(entry->options_bytes);
    if (options == nullptr) return false;
    if (!options_have_addresses(operands.node)) return broken();
    const auto& source = *reinterpret_cast<const schema::Operator*>(file_.address(operands.node));
    if (!entry->is_sound(file_.bytes(), source)) return broken();
    if (const Violation v = entry->read(source, options)) return fail(v);
    if (const Violation v = entry->infer(options, description)) return fail(v);
    for (std::uint32_t k = 0; k < out; ++k) {
      TensorDescription said;
      read_tensor(static_cast<std::uint32_t>(file_.at<std::int32_t>(operands.outputs, k)), said);
      if (!(said.shape == descriptions_[in + k]->shape) || said.type != descriptions_[in + k]->type)
        return fail(
            output_violation(static_cast<int>(k), ErrorCode::invalid_shape, "has another shape or type in the file than its op gives"));
    }
    return prepare_node(i, *entry, operands, options, description);
  }

  /// What leads to the options: generated code reads it without looking.
  bool options_have_addresses(std::uint32_t node) {
    using Source = schema::Operator;
    for (const unsigned type : {Source::VT_BUILTIN_OPTIONS_TYPE, Source::VT_BUILTIN_OPTIONS_2_TYPE}) file_.field(node, type, 1);
    for (const unsigned table : {Source::VT_BUILTIN_OPTIONS, Source::VT_BUILTIN_OPTIONS_2}) file_.table(node, table);
    file_.list(node, Source::VT_CUSTOM_OPTIONS, 1);
    return !file_.is_broken();
  }

  bool prepare_node(std::uint32_t i, const MicroOpEntry& entry, const Operands& operands, const std::byte* options,
                    const NodeDescription& description) {
    const Needs needs = entry.needs(options, description);
    const auto room = static_cast<std::int64_t>(arena_size_);
    if (needs.multipliers > room || needs.scratch_bytes > room) return too_small(arena_size_);
    Node& node = nodes_[i];
    node.multiplier_count = static_cast<std::uint32_t>(needs.multipliers);
    node.multipliers = keep<Multiplier>(node.multiplier_count);
    // An object's alignment divides its size.
    const std::size_t size = entry.prepared_bytes, alignment = size & (0 - size);
    node.prepared = node.multipliers != nullptr
                        ? keep(static_cast<std::int64_t>(size), alignment < arena_alignment ? alignment : arena_alignment)
                        : nullptr;
    node.state = node.prepared != nullptr && needs.state_bytes > 0 ? keep(needs.state_bytes, arena_alignment) : nullptr;
    if (node.prepared == nullptr || (node.state == nullptr && needs.state_bytes > 0)) return false;
    PackFunction pack = nullptr;
    const NodeCall call = call_of(operands, i, options);
    if (const Violation v = entry.prepare(call, description, node.eval, pack)) return fail(v);
    if (needs.packed_bytes > 0) {  // tables, and what else the op makes for itself
      node.packed = keep(needs.packed_bytes, arena_alignment);
      if (node.packed == nullptr) return false;
      if (pack != nullptr) pack(call, node.packed);
    }
    std::construct_at(blocks_ + tensors_.count + i,
                      Allocation{.bytes = static_cast<std::size_t>(needs.scratch_bytes), .first = node_, .last = node_});
    for (std::uint32_t k = 0; k < operands.outputs.count; ++k) {
      if (!begins(file_.at<std::int32_t>(operands.outputs, k), node_)) return false;
    }
    if ((entry.in_place || entry.is_view) && operands.outputs.count != 0) share_bytes(entry, operands);
    return true;
  }

  /// What a node reads is there.
  bool check_operands(const Operands& operands) {
    for (const FileList list : {operands.inputs, operands.outputs}) {
      for (std::uint32_t k = 0; k < list.count; ++k) {
        const auto t = file_.at<std::int32_t>(list, k);
        if (t < 0) continue;
        TensorDescription d;
        read_tensor(static_cast<std::uint32_t>(t), d);
        if (bits_of(d.type) == 0) return fail(ErrorCode::unsupported_type, "has tensor {}, of a type without a fixed size", t);
        if (list.at == operands.inputs.at && blocks_[t].first == never && blocks_[t].bytes != 0)
          return fail(ErrorCode::invalid_model, "reads tensor {} before any node writes it", t);
      }
    }
    return true;
  }

  /// Output 0 takes over the block of an input that it may overwrite or is a view of.
  void share_bytes(const MicroOpEntry& entry, const Operands& operands) {
    const auto t = static_cast<std::uint32_t>(file_.at<std::int32_t>(operands.outputs, 0));
    const TensorDescription& to = *descriptions_[operands.inputs.count];
    for (std::uint32_t k = 0; k < operands.inputs.count && (k == 0 || entry.in_place); ++k) {
      const auto from = file_.at<std::int32_t>(operands.inputs, k);
      if (from < 0 || data_[from] != nullptr) continue;
      Allocation& root = blocks_[roots_[from]];
      if (to.bytes() != descriptions_[k]->bytes() || bits_of(to.type) != bits_of(descriptions_[k]->type) || root.bytes == 0) continue;
      if (!entry.is_view && root.last > node_) continue;
      if (blocks_[t].last > root.last) root.last = blocks_[t].last;
      blocks_[t].bytes = 0;
      roots_[t] = roots_[from];
      return;
    }
  }

  // ---- Places

  bool place() {
    const std::size_t count = tensors_.count + operators_.count;
    for (std::uint32_t t = 0; t < tensors_.count; ++t) {
      if (blocks_[t].first != never) continue;
      // Nobody writes it. Without elements, or where nobody reads it, nobody misses it.
      if (blocks_[t].bytes != 0 && blocks_[t].last >= 0) {
        tensor_ = static_cast<int>(t);
        return fail(ErrorCode::invalid_model, "has no data, and nobody writes it");
      }
      blocks_[t].bytes = 0;
    }
    auto* order = reinterpret_cast<std::uint32_t*>(borrow(2 * count * sizeof(std::uint32_t)));
    if (order == nullptr) return false;
    const std::size_t bytes = plan_arena({blocks_, count}, {order, count}, {order + count, count});
    if (bytes > high_) return too_small(high_);
    if (bytes + arena_size_ - high_ > least_) least_ = bytes + arena_size_ - high_;
    for (std::uint32_t t = 0; t < tensors_.count; ++t) {
      if (data_[t] == nullptr && blocks_[roots_[t]].bytes != 0) data_[t] = arena_ + blocks_[roots_[t]].offset;
    }
    for (std::uint32_t i = 0; i < operators_.count; ++i) {
      const Allocation& scratch = blocks_[tensors_.count + i];
      nodes_[i].scratch = scratch.bytes != 0 ? arena_ + scratch.offset : nullptr;
    }
    return true;
  }

  // ---- Inputs and outputs

  TensorDescription description_of(FileList list, int i) {
    TensorDescription d;
    read_tensor(static_cast<std::uint32_t>(file_.at<std::int32_t>(list, static_cast<std::uint32_t>(i))), d);
    return d;
  }
  template <class T> Result<std::span<T>> elements(FileList list, int i) {
    const char* const kind = list.at == inputs_.at ? "input " : "output ";
    if (i < 0 || static_cast<std::uint32_t>(i) >= list.count)
      return Error(ErrorCode::invalid_argument) << kind << i << " does not exist: the model has " << list.count;
    const TensorDescription d = description_of(list, i);
    auto* data = reinterpret_cast<T*>(data_[file_.at<std::int32_t>(list, static_cast<std::uint32_t>(i))]);
    std::size_t count = data != nullptr ? static_cast<std::size_t>(d.bytes()) : 0;
    if constexpr (!std::is_same_v<T, std::byte>) {
      if (d.type != tensor_type_of<T>)
        return Error(ErrorCode::invalid_argument) << kind << i << " holds " << name_of(d.type) << ", not " << name_of(tensor_type_of<T>);
      count = data != nullptr ? static_cast<std::size_t>(d.count()) : 0;
    }
    return std::span<T>(data, count);
  }

  std::span<const MicroOpEntry> ops_;
  std::byte** data_ = nullptr;  // of each tensor; null: in the arena, not placed yet, or without elements
  Node* nodes_ = nullptr;
  Tensor* operands_ = nullptr;  // of the node that runs, with lists of their addresses
  Tensor** pointers_ = nullptr;
  TensorDescription** descriptions_ = nullptr;
  Allocation* blocks_ = nullptr;    // while loading: of each tensor, then of each node's working memory
  std::uint32_t* roots_ = nullptr;  // while loading: whose block a tensor lies in
  SerialExecutor executor_;
};

/// Runs the first subgraph of a .tflite file with the ops of a registry, in an arena of the caller's.
template <class Ops, class Arch = simd::NativeArch> class MicroInterpreter : public MicroRunner {
 public:
  /// Checks the file, prepares every node, and plans the arena. The file and the arena stay the caller's, who keeps both for as long as the
  /// interpreter lives and does not change the file. The file starts at a multiple of 16 bytes.
  static Result<MicroInterpreter> create(std::span<const std::byte> file, std::span<std::byte> arena) {
    MicroInterpreter interpreter;
    if (auto r = interpreter.load(file, arena, detail::MicroTable<Arch, Ops>::entries); !r) return r.error();
    return interpreter;
  }

 private:
  MicroInterpreter() = default;
};

}  // namespace tfl
