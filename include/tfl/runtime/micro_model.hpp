#pragma once
// What MicroInterpreter reads of a file, and the arena that it lives in. Every table is checked where it is read; tensors are read again
// whenever they are asked for, which saves the memory for their descriptions.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/model/checked_file.hpp"
#include "tfl/model/schema.hpp"
#include "tfl/runtime/errors.hpp"

namespace tfl::detail {

/// The first subgraph of a file, unverified; the base of MicroRunner.
class MicroModel {
 protected:
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
      print_plain(error, code == 0 ? std::string_view("?") : operator_name(code));
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
    print_name(error, file_.text(table, schema::Tensor::VT_NAME));
    error << ' ' << name_of(static_cast<TensorType>(file_.value<std::int8_t>(table, schema::Tensor::VT_TYPE, 0)));
    print_shape(error, d.shape);
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

  // ---- Nodes

  Operands operands_of(std::uint32_t node) {
    const std::uint32_t table = file_.table_in(operators_, node);
    return {table, file_.list(table, schema::Operator::VT_INPUTS, 4), file_.list(table, schema::Operator::VT_OUTPUTS, 4),
            file_.list(table, schema::Operator::VT_INTERMEDIATES, 4)};
  }
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

  CheckedFile file_;
  FileList codes_, buffers_, tensors_, inputs_, outputs_, operators_;
  std::byte* arena_ = const_cast<std::byte*>(no_bytes);
  std::size_t arena_size_ = 0, low_ = 0, high_ = 0, least_ = 0;
  Violation problem_;
  int node_ = -1, tensor_ = -1;

 private:
  static constexpr std::uint32_t most = 4096;  // tensors or nodes: the planner's time grows with their square

  std::uint32_t scales_read_ = 0;
};

}  // namespace tfl::detail
