#pragma once
// MicroInterpreter: runs any .tflite file whose ops were named, in the caller's memory and in a few kilobytes of code. No heap, no copy of
// the file; every table of the file is checked where it is read.
//
// What Interpreter has and this one lacks: fusion, packed weights, shapes that change, other subgraphs, strings, sparse constants. A model
// that needs one of these is refused. The arena holds everything: what was prepared lies at its end, tensors at its start.

#include <bit>
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
#include "tfl/model/checked_file.hpp"
#include "tfl/runtime/errors.hpp"
#include "tfl/runtime/micro_registry.hpp"
#include "tfl/runtime/planner.hpp"
#include "tfl/simd/arch.hpp"

namespace tfl {

/// What MicroInterpreters of all registries share.
class MicroRunner {
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
  static constexpr std::uint32_t most = 4096;                    // tensors or nodes: the planner's time grows with their square

  struct Node {
    EvalFunction eval;
    void* prepared;
    Multiplier* multipliers;
    std::uint32_t multiplier_count;
    std::byte *scratch, *packed, *state;
  };
  struct Operands {
    std::uint32_t node;  // the table
    FileList inputs, outputs, intermediates;
    std::uint32_t count() const { return inputs.count + outputs.count + intermediates.count; }
  };

  // ---- Errors: where, and which rule. The sentence is made at the end.

  TFL_NOINLINE bool fail(const Violation& problem) {
    problem_ = problem;
    return false;
  }
  /// Nothing that nobody will read is passed on.
  TFL_ALWAYS_INLINE bool fail(ErrorCode code, [[maybe_unused]] const char* rule, [[maybe_unused]] std::int64_t a = 0,
                              [[maybe_unused]] std::int64_t b = 0) {
#if TFL_ERROR_TEXT
    return fail(node_violation(code, rule, a, b));
#else
    return fail_silently(code);
#endif
  }
#if !TFL_ERROR_TEXT
  TFL_NOINLINE bool fail_silently(ErrorCode code) {
    problem_.code = code;
    return false;
  }
#endif
  bool broken() { return fail(ErrorCode::invalid_model, "has a damaged structure: an offset or a length points outside of the file"); }
  bool too_small(std::size_t bytes) {
    return fail(ErrorCode::out_of_memory, "needs more memory: the arena has {} bytes, of which {} are not enough here",
                static_cast<std::int64_t>(arena_size_), static_cast<std::int64_t>(bytes));
  }

  TFL_NOINLINE Error error() {
    Error error(problem_.code);
    error.at(0, node_, tensor_);
#if TFL_ERROR_TEXT
    if (node_ >= 0) {
      const auto i = static_cast<std::uint32_t>(node_);
      const std::uint32_t code = code_of(file_.table_in(operators_, i));
      error << "node " << node_ << ' ';
      detail::print_plain(error, code == 0 ? std::string_view("?") : operator_name(code));
      error << ": ";
      if (problem_.operand != Violation::Operand::node) {
        const bool in = problem_.operand == Violation::Operand::input;
        const FileList list = in ? operands_of(i).inputs : operands_of(i).outputs;
        const auto k = static_cast<std::uint32_t>(problem_.index);
        error << (in ? "input " : "output ") << problem_.index << ' ';
        if (k < list.count && file_.at<std::int32_t>(list, k) >= 0) {
          tensor_ = file_.at<std::int32_t>(list, k);
          print_tensor(error);
        } else {
          error << "is absent: ";
        }
      }
    } else if (tensor_ >= 0) {
      error << "model: tensor " << tensor_ << ' ';
      print_tensor(error);
    } else {
      error << "model: the file ";
    }
    print_rule(error, problem_);
#endif
    return error;
  }
#if TFL_ERROR_TEXT
  std::string_view operator_name(std::uint32_t code) {
    const BuiltinOperator builtin = builtin_of(code);
    return builtin == BuiltinOperator::CUSTOM ? file_.text(code, schema::OperatorCode::VT_CUSTOM_CODE) : std::string_view(name_of(builtin));
  }
  void print_tensor(Error& error) {
    const std::uint32_t table = file_.table_in(tensors_, static_cast<std::uint32_t>(tensor_));
    TensorDescription d;
    const FileList dims = file_.list(table, schema::Tensor::VT_SHAPE, 4);
    for (std::uint32_t i = 0; i < dims.count && i < max_rank; ++i) d.shape.push_back(file_.at<std::int32_t>(dims, i));
    detail::print_name(error, file_.text(table, schema::Tensor::VT_NAME));
    error << ' ' << name_of(static_cast<TensorType>(file_.value<std::int8_t>(table, schema::Tensor::VT_TYPE, 0)));
    detail::print_shape(error, d.shape);
    error << ": ";
  }
#endif

  // ---- The arena: what stays is taken from its end, what is only needed while loading from its start.

  void note_use() {
    const std::size_t used = low_ + arena_size_ - high_;
    if (used > least_) least_ = used;
  }
  /// Zero bytes that stay; null where memory lacks.
  TFL_NOINLINE std::byte* keep(std::int64_t bytes, std::size_t alignment) {
    const std::size_t room = high_ - low_;
    const std::size_t at = (high_ - static_cast<std::size_t>(bytes)) & ~(alignment - 1);
    if (bytes > static_cast<std::int64_t>(room) || at < low_) {
      too_small(room);
      return nullptr;
    }
    high_ = at;
    note_use();
    std::memset(arena_ + at, 0, static_cast<std::size_t>(bytes));
    return arena_ + at;
  }
  template <class T> T* keep(std::size_t count) {
    return reinterpret_cast<T*>(keep(static_cast<std::int64_t>(count) * static_cast<std::int64_t>(sizeof(T)), alignof(T)));
  }
  /// Bytes until low_ is set back.
  TFL_NOINLINE std::byte* borrow(std::size_t bytes) {
    const std::size_t room = high_ - low_, size = align_up(bytes, arena_alignment);
    if (size > room) {
      too_small(room);
      return nullptr;
    }
    std::byte* at = arena_ + low_;
    low_ += size;
    note_use();
    return at;
  }

  // ---- The file

  bool open(std::span<const std::byte> file, std::span<std::byte> arena) {
    const auto start = reinterpret_cast<std::uintptr_t>(arena.data());
    const std::size_t skip = align_up(start, arena_alignment) - start;
    if (arena.size() > skip) {
      arena_ = arena.data() + skip;
      arena_size_ = high_ = (arena.size() - skip) & ~(arena_alignment - 1);
    }
    if (reinterpret_cast<std::uintptr_t>(file.data()) % arena_alignment != 0)
      return fail(ErrorCode::invalid_argument, "does not start at a multiple of 16 bytes");
    if (file.size() < 8 || file.size() > std::numeric_limits<std::int32_t>::max() || std::memcmp(file.data() + 4, "TFL3", 4) != 0)
      return fail(ErrorCode::invalid_model, "lacks the identifier TFL3 at byte 4: this is not a .tflite file");
    file_ = CheckedFile(file);
    const std::uint32_t model = file_.root();
    if (file_.value<std::uint32_t>(model, schema::Model::VT_VERSION, 0) != 3)
      return fail(ErrorCode::invalid_model, "has a schema version that is not 3");
    codes_ = file_.list(model, schema::Model::VT_OPERATOR_CODES, 4);
    buffers_ = file_.list(model, schema::Model::VT_BUFFERS, 4);
    const FileList subgraphs = file_.list(model, schema::Model::VT_SUBGRAPHS, 4);
    if (subgraphs.count == 0) return fail(ErrorCode::invalid_model, "has no subgraph");
    const std::uint32_t subgraph = file_.table_in(subgraphs, 0);
    tensors_ = file_.list(subgraph, schema::SubGraph::VT_TENSORS, 4);
    inputs_ = file_.list(subgraph, schema::SubGraph::VT_INPUTS, 4);
    outputs_ = file_.list(subgraph, schema::SubGraph::VT_OUTPUTS, 4);
    operators_ = file_.list(subgraph, schema::SubGraph::VT_OPERATORS, 4);
    if (file_.is_broken()) return broken();
    if (tensors_.count > most || operators_.count > most)
      return fail(ErrorCode::invalid_model, "has {} tensors and {} nodes: at most 4096 are possible", tensors_.count, operators_.count);
    return true;
  }

  /// What the file says about a tensor: checked once, by read_tensors(), and true from then on.
  TFL_NOINLINE bool read_tensor(std::uint32_t index, TensorDescription& d) {
    const std::uint32_t table = file_.table_in(tensors_, index);
    d = {};
    const FileList dims = file_.list(table, schema::Tensor::VT_SHAPE, 4);
    if (dims.count > max_rank) return fail(ErrorCode::invalid_shape, "has {} dimensions; at most 8 are possible", dims.count);
    bool empty = false;
    for (std::uint32_t i = 0; i < dims.count; ++i) {
      d.shape.push_back(file_.at<std::int32_t>(dims, i));
      empty = empty || d.shape.last() == 0;
    }
    d.type = static_cast<TensorType>(file_.value<std::int8_t>(table, schema::Tensor::VT_TYPE, 0));
    d.is_variable = file_.value<std::uint8_t>(table, schema::Tensor::VT_IS_VARIABLE, 0) != 0;
    const std::uint32_t quantization = file_.table(table, schema::Tensor::VT_QUANTIZATION);
    const FileList scales = file_.list(quantization, schema::QuantizationParameters::VT_SCALE, 4);
    const FileList zero_points = file_.list(quantization, schema::QuantizationParameters::VT_ZERO_POINT, 8);
    if (scales.count != 0 && scales.count == zero_points.count) {
      d.quantization.channel_scales = file_.span<float>(scales);
      d.quantization.channel_zero_points = file_.span<std::int64_t>(zero_points);
      d.quantization.scale = d.quantization.channel_scales[0];
      d.quantization.zero_point = static_cast<std::int32_t>(d.quantization.channel_zero_points[0]);
      d.quantization.axis = file_.value<std::int32_t>(quantization, schema::QuantizationParameters::VT_QUANTIZED_DIMENSION, 0);
    } else if (scales.count != 0) {
      return fail(ErrorCode::invalid_quantization, "has {} scales, but {} zero points", scales.count, zero_points.count);
    }
    const FileList bytes = constant_bytes(table);
    d.is_constant = bytes.count != 0;
    if (d.is_constant || empty) read_integers(bytes, d);
    return !file_.is_broken() || broken();
  }
  /// The data of a constant; none where the index is no buffer's, which verify_tensor() refuses.
  FileList constant_bytes(std::uint32_t tensor) {
    const std::uint32_t buffer = file_.value<std::uint32_t>(tensor, schema::Tensor::VT_BUFFER, 0);
    return buffer < buffers_.count ? file_.list(file_.table_in(buffers_, buffer), schema::Buffer::VT_DATA, 1) : FileList{};
  }
  template <class T> KnownIntegers integers(FileList bytes) const {
    return KnownIntegers(file_.span<T>({bytes.at, bytes.count / static_cast<std::uint32_t>(sizeof(T))}));
  }
  void read_integers(FileList bytes, TensorDescription& d) const {
    switch (d.type) {
      case TensorType::int8: d.integers = integers<std::int8_t>(bytes); break;
      case TensorType::int16: d.integers = integers<std::int16_t>(bytes); break;
      case TensorType::int32: d.integers = integers<std::int32_t>(bytes); break;
      case TensorType::int64: d.integers = integers<std::int64_t>(bytes); break;
      default: break;
    }
  }

  bool verify_tensor(std::uint32_t index, const TensorDescription& d) {
    const std::uint32_t table = file_.table_in(tensors_, index);
    const auto type = static_cast<int>(d.type);
    if (type < 0 || type >= tensor_type_count) return fail(ErrorCode::invalid_type, "has type {}, which the schema does not have", type);
    if (d.shape.checked_count() < 0) return fail(ErrorCode::invalid_shape, "has a negative dimension, or their product passes 2^31 - 1");
    const std::uint32_t quantization = file_.table(table, schema::Tensor::VT_QUANTIZATION);
    if (file_.field(table, schema::Tensor::VT_SPARSITY, 4) != 0 ||
        file_.value<std::uint32_t>(table, schema::Tensor::VT_EXTERNAL_BUFFER, 0) != 0 ||
        file_.value<std::uint8_t>(quantization, schema::QuantizationParameters::VT_DETAILS_TYPE, 0) ==
            static_cast<std::uint8_t>(schema::QuantizationDetails::BlockwiseQuantization))
      return fail(ErrorCode::unsupported_type, "is sparse, quantized in blocks, or kept in a file of its own, which needs Interpreter");
    const std::uint32_t buffer = file_.value<std::uint32_t>(table, schema::Tensor::VT_BUFFER, 0);
    if (buffer != 0 && buffer >= buffers_.count)
      return fail(ErrorCode::invalid_model, "uses buffer {}, but there are {} buffers", buffer, buffers_.count);
    if (buffer < buffers_.count && file_.value<std::uint64_t>(file_.table_in(buffers_, buffer), schema::Buffer::VT_OFFSET, 0) > 1)
      return fail(ErrorCode::unsupported_type, "has its data behind the file's tables, which needs Interpreter");
    const FileList bytes = constant_bytes(table);
    if (bytes.count != 0) {
      const int bits = bits_of(d.type);
      if (bits == 0) return fail(ErrorCode::unsupported_type, "has data of a type without a fixed size, which needs Interpreter");
      if (d.is_variable) return fail(ErrorCode::invalid_model, "is variable, but has constant data");
      if (d.bytes() != std::int64_t{bytes.count})
        return fail(ErrorCode::invalid_model, "takes {} bytes, but its buffer holds {}", d.bytes(), bytes.count);
      const std::uint32_t alignment = bits >= 64 ? 8 : bits >= 16 ? static_cast<std::uint32_t>(bits) / 8 : 1;
      if (bytes.at % alignment != 0)
        return fail(ErrorCode::invalid_model, "has its data where its type cannot lie: align the file's buffers");
    }
    return verify_scales(d) && (!file_.is_broken() || broken());
  }
  bool verify_scales(const TensorDescription& d) {
    const Quantization& q = d.quantization;
    // Tensors may share their scales: without a bound the time to verify grows with the square of the file's size.
    scales_read_ += static_cast<std::uint32_t>(q.channel_scales.size());
    if (scales_read_ / 4 > file_.bytes().size()) return fail(ErrorCode::invalid_model, "shares its scales with too many others");
    for (std::size_t i = 0; i < q.channel_scales.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(q.channel_scales[i]);
      if (bits >= 0x7f800000u && bits != 0x80000000u)
        return fail(ErrorCode::invalid_quantization, "has a scale that is negative or not finite, for channel {}",
                    static_cast<std::int64_t>(i));
      if (q.channel_zero_points[i] != static_cast<std::int32_t>(q.channel_zero_points[i]))
        return fail(ErrorCode::invalid_quantization, "has zero point {}, which doesn't fit 32 bits", q.channel_zero_points[i]);
    }
    if (!q.per_channel()) return true;
    if (q.axis < 0 || q.axis >= d.rank() || static_cast<std::size_t>(d.shape[q.axis]) != q.channel_scales.size())
      return fail(ErrorCode::invalid_quantization, "has {} scales along dimension {}, which is not that long",
                  static_cast<std::int64_t>(q.channel_scales.size()), q.axis);
    return true;
  }

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

  Operands operands_of(std::uint32_t node) {
    const std::uint32_t table = file_.table_in(operators_, node);
    return {table, file_.list(table, schema::Operator::VT_INPUTS, 4), file_.list(table, schema::Operator::VT_OUTPUTS, 4),
            file_.list(table, schema::Operator::VT_INTERMEDIATES, 4)};
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

  std::uint32_t code_of(std::uint32_t node) {
    const std::uint32_t index = file_.value<std::uint32_t>(node, schema::Operator::VT_OPCODE_INDEX, 0);
    return index < codes_.count ? file_.table_in(codes_, index) : 0;
  }
  BuiltinOperator builtin_of(std::uint32_t code) {
    // Files older than the wide field keep the code in the narrow one.
    const std::int32_t narrow = file_.value<std::int8_t>(code, schema::OperatorCode::VT_DEPRECATED_BUILTIN_CODE, 0);
    const auto wide = file_.value<std::int32_t>(code, schema::OperatorCode::VT_BUILTIN_CODE, 0);
    return static_cast<BuiltinOperator>(narrow > wide ? narrow : wide);
  }

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

  CheckedFile file_;
  FileList codes_, buffers_, tensors_, inputs_, outputs_, operators_;
  std::span<const MicroOpEntry> ops_;
  std::byte* arena_ = const_cast<std::byte*>(detail::no_bytes);
  std::size_t arena_size_ = 0, low_ = 0, high_ = 0, least_ = 0;
  std::byte** data_ = nullptr;  // of each tensor; null: in the arena, not placed yet, or without elements
  Node* nodes_ = nullptr;
  Tensor* operands_ = nullptr;  // of the node that runs, with lists of their addresses
  Tensor** pointers_ = nullptr;
  TensorDescription** descriptions_ = nullptr;
  Allocation* blocks_ = nullptr;    // while loading: of each tensor, then of each node's working memory
  std::uint32_t* roots_ = nullptr;  // while loading: whose block a tensor lies in
  std::uint32_t scales_read_ = 0;
  Violation problem_;
  int node_ = -1, tensor_ = -1;
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
