#pragma once
// Checks of a file before anything else reads it. What passes here has a sound structure: indices, ranks, sizes, order.
// Rules of single ops (ranks, types, options) are their infer()'s.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/core/builtin_operator.hpp"
#include "tfl/core/memory.hpp"
#include "tfl/core/shape.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/strings.hpp"
#include "tfl/core/type.hpp"
#include "tfl/model/schema.hpp"
#include "tfl/model/sparse.hpp"
#include "tfl/model/structure.hpp"

namespace tfl {

static_assert(static_cast<int>(schema::BuiltinOperator::MAX) == static_cast<int>(BuiltinOperator::STABLEHLO_CASE));
static_assert(static_cast<int>(schema::TensorType::MAX) == tensor_type_count - 1);

namespace detail {

template <class T> std::size_t size_of(const flatbuffers::Vector<T>* vector) { return vector != nullptr ? vector->size() : 0; }
inline std::string_view text_of(const flatbuffers::String* string) {
  return string != nullptr ? std::string_view(string->c_str(), string->size()) : std::string_view();
}

/// Names come from the file: long ones are cut, bytes that a terminal would act on are replaced.
template <class Stream> void print_plain(Stream& stream, std::string_view name) {
  for (const char c : name.substr(0, 80)) stream << (static_cast<unsigned char>(c) < 32 || c == 127 ? '?' : c);
  if (name.size() > 80) stream << "...";
}
template <class Stream> void print_name(Stream& stream, std::string_view name) {
  stream << '\'';
  print_plain(stream, name);
  stream << '\'';
}

template <class Stream> void print_shape(Stream& stream, const Shape& shape) {
  stream << '[';
  for (int i = 0; i < shape.leading_ones(); ++i) stream << "1,";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) stream << ',';
    stream << shape[i];
  }
  stream << ']';
}

}  // namespace detail

/// The operator code that the file gives: files older than the wide field keep it in the narrow one.
inline std::int32_t operator_code(const schema::OperatorCode& code) {
  const auto narrow = static_cast<std::int32_t>(code.deprecated_builtin_code());
  const auto wide = static_cast<std::int32_t>(code.builtin_code());
  return narrow > wide ? narrow : wide;
}

class Verifier {
 public:
  Verifier(std::span<const std::byte> file, Allocator allocator) : file_(file), allocator_(allocator) {}

  /// The root table, or the first rule that the file breaks.
  Result<const schema::Model*> verify() {
    // Offsets between tables are 32 bits wide and signed; buffers may lie beyond.
    const std::size_t size = file_.size() < FLATBUFFERS_MAX_BUFFER_SIZE ? file_.size() : FLATBUFFERS_MAX_BUFFER_SIZE - 1;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(file_.data());
    if (size < 8) return broken("is only ") << file_.size() << " bytes long";
    if (!schema::ModelBufferHasIdentifier(bytes)) return broken("lacks the identifier TFL3 at byte 4: this is not a .tflite file");
    if (!detail::Structure(file_.first(size)).is_sound())
      return broken("has a damaged structure: an offset or a length points outside of the file");
    model_ = schema::GetModel(bytes);
    if (model_->version() != 3) return broken("has schema version ") << model_->version() << "; this library reads version 3";
    if (detail::size_of(model_->subgraphs()) == 0) return broken("has no subgraph");

    if (auto r = verify_operator_codes(); !r) return r.error();
    if (auto r = verify_buffers(); !r) return r.error();
    for (subgraph_ = 0; subgraph_ < static_cast<int>(model_->subgraphs()->size()); ++subgraph_) {
      if (auto r = verify_subgraph(*model_->subgraphs()->Get(static_cast<unsigned>(subgraph_))); !r) return r.error();
    }
    if (auto r = verify_signatures(); !r) return r.error();
    if (auto r = verify_metadata(); !r) return r.error();
    return model_;
  }

  /// The bytes of a buffer, inside or behind the flatbuffers part of the file. Requires verify() to have passed.
  static std::span<const std::byte> buffer_bytes(std::span<const std::byte> file, const schema::Model& model, std::uint32_t index) {
    const schema::Buffer* buffer = index < detail::size_of(model.buffers()) ? model.buffers()->Get(index) : nullptr;
    if (buffer == nullptr) return {};
    if (buffer->offset() > 1)
      return buffer->size() > 0 ? file.subspan(static_cast<std::size_t>(buffer->offset()), static_cast<std::size_t>(buffer->size()))
                                : std::span<const std::byte>();
    if (detail::size_of(buffer->data()) == 0) return {};  // an empty buffer has no address either: files may point anywhere
    return {reinterpret_cast<const std::byte*>(buffer->data()->data()), buffer->data()->size()};
  }

 private:
  using Check = Result<void>;
  using Indices = flatbuffers::Vector<std::int32_t>;

  static Error broken(std::string_view what) { return Error(ErrorCode::invalid_model, "model: the file ") << what; }

  Error at_subgraph() const { return Error(ErrorCode::invalid_model, "model: subgraph ").at(subgraph_, -1) << subgraph_ << ": "; }
  Error at_node(unsigned node) const {
    const schema::SubGraph& subgraph = *model_->subgraphs()->Get(static_cast<unsigned>(subgraph_));
    const std::uint32_t opcode = subgraph.operators()->Get(node)->opcode_index();
    Error error = at_subgraph();
    error.at(subgraph_, static_cast<int>(node)) << "node " << node;
    if (opcode < detail::size_of(model_->operator_codes())) {
      const schema::OperatorCode& code = *model_->operator_codes()->Get(opcode);
      error << ' ' << name_of(static_cast<BuiltinOperator>(operator_code(code)));
    }
    return error << ": ";
  }
  Error at_tensor(unsigned tensor) const {
    const schema::SubGraph& subgraph = *model_->subgraphs()->Get(static_cast<unsigned>(subgraph_));
    Error error = at_subgraph();
    error.at(subgraph_, -1, static_cast<int>(tensor)) << "tensor " << tensor << ' ';
    detail::print_name(error, detail::text_of(subgraph.tensors()->Get(tensor)->name()));
    return error << ' ';
  }

  Check verify_operator_codes() {
    for (unsigned i = 0; i < detail::size_of(model_->operator_codes()); ++i) {
      const schema::OperatorCode* code = model_->operator_codes()->Get(i);
      const std::int32_t value = operator_code(*code);
      if (value < 0 || value > static_cast<int>(schema::BuiltinOperator::MAX)) {
        return broken("names operator code ") << value << ", which the schema does not have";
      }
      if (value == static_cast<int>(BuiltinOperator::CUSTOM) && detail::size_of(code->custom_code()) == 0) {
        return broken("has a custom operator without a name: operator code ") << i;
      }
      if (code->version() < 1) return broken("has operator code ") << i << " with version " << code->version();
    }
    return {};
  }

  Check verify_buffers() {
    for (unsigned i = 0; i < detail::size_of(model_->buffers()); ++i) {
      const schema::Buffer* buffer = model_->buffers()->Get(i);
      if (buffer->offset() <= 1) continue;
      if (buffer->offset() > file_.size() || buffer->size() > file_.size() - buffer->offset()) {
        return broken("has buffer ") << i << " at offset " << buffer->offset() << " with " << buffer->size()
                                     << " bytes, which ends outside of the file's " << file_.size();
      }
    }
    return {};
  }

  Check verify_subgraph(const schema::SubGraph& subgraph) {
    const std::size_t tensors = detail::size_of(subgraph.tensors());
    for (unsigned i = 0; i < tensors; ++i) {
      if (auto r = verify_tensor(i, *subgraph.tensors()->Get(i)); !r) return r;
    }
    for (const Indices* list : {subgraph.inputs(), subgraph.outputs()}) {
      if (auto r = read_more(detail::size_of(list) * sizeof(std::int32_t)); !r) return r;
      for (unsigned i = 0; i < detail::size_of(list); ++i) {
        if (list->Get(i) == -1 && list == subgraph.inputs()) continue;  // callers need not give what nobody reads
        if (list->Get(i) < 0 || static_cast<std::size_t>(list->Get(i)) >= tensors) {
          return at_subgraph() << (list == subgraph.inputs() ? "input " : "output ") << i << " is tensor " << list->Get(i)
                               << ", but there are " << tensors << " tensors";
        }
      }
    }
    const std::size_t nodes = detail::size_of(subgraph.operators());
    for (unsigned i = 0; i < nodes; ++i) {
      if (auto r = verify_node(i, *subgraph.operators()->Get(i), tensors); !r) return r;
    }
    return verify_producers(subgraph, tensors, nodes);
  }

  Check verify_tensor(unsigned index, const schema::Tensor& tensor) {
    const auto type = static_cast<int>(tensor.type());
    if (type < 0 || type >= tensor_type_count) return at_tensor(index) << "has type " << type << ", which the schema does not have";
    const std::size_t rank = detail::size_of(tensor.shape());
    for (const Indices* dims : {tensor.shape(), tensor.shape_signature()}) {
      if (auto r = read_more(detail::size_of(dims) * sizeof(std::int32_t)); !r) return r;
      if (detail::size_of(dims) == 0 || Shape::can_hold({dims->data(), dims->size()})) continue;
      return at_tensor(index) << "has " << detail::size_of(dims) << " dimensions; at most " << max_rank
                              << " are possible, beside leading ones";
    }
    const Shape shape = rank == 0 ? Shape{} : Shape::from({tensor.shape()->data(), rank});
    const std::int64_t count = shape.is_hollow() ? 0 : shape.checked_count();
    if (count < 0) {
      Error error = at_tensor(index) << "has shape ";
      detail::print_shape(error, shape);
      return error << ": a dimension is negative, or their product passes 2^31 - 1";
    }
    const std::size_t signature_rank = detail::size_of(tensor.shape_signature());
    if (signature_rank != 0 && signature_rank != rank) {
      return at_tensor(index) << "has " << rank << " dimensions, but a shape signature of " << signature_rank;
    }
    if (tensor.buffer() >= detail::size_of(model_->buffers()) && tensor.buffer() != 0) {
      return at_tensor(index) << "uses buffer " << tensor.buffer() << ", but there are " << detail::size_of(model_->buffers())
                              << " buffers";
    }
    if (tensor.external_buffer() != 0) {
      return at_tensor(index) << "keeps its data in external buffer " << tensor.external_buffer()
                              << ", a file of its own; convert the model with its weights inside";
    }
    const std::size_t held = buffer_bytes(file_, *model_, tensor.buffer()).size();
    std::int64_t stored = count;
    if (tensor.sparsity() != nullptr) {
      if (held == 0 && count != 0) return at_tensor(index) << "is sparse, but has no data";
      if (bits_of(static_cast<TensorType>(type)) % 8 != 0 || bits_of(static_cast<TensorType>(type)) == 0) {
        return at_tensor(index) << "is sparse, which " << name_of(static_cast<TensorType>(type)) << " cannot be";
      }
      detail::SparseLayout layout;
      if (const char* broken = layout.read(*tensor.sparsity(), shape)) return at_tensor(index) << "is sparse and " << broken;
      if (auto r = read_more(layout.bytes_read()); !r) return r;
      stored = layout.stored();
      if (auto r = fill_more(index, bytes_of(static_cast<TensorType>(type), count)); !r) return r;
    }
    if (held != 0 && bits_of(static_cast<TensorType>(type)) != 0) {
      const std::int64_t needed = bytes_of(static_cast<TensorType>(type), stored);
      if (static_cast<std::int64_t>(held) != needed) {
        Error error = at_tensor(index) << name_of(static_cast<TensorType>(type));
        detail::print_shape(error, shape);
        return error << " takes " << needed << " bytes, but its buffer " << tensor.buffer() << " holds " << held;
      }
    }
    if (tensor.type() == schema::TensorType::STRING) {
      if (auto r = read_more(held); !r) return r;
    }
    if (held != 0 && tensor.type() == schema::TensorType::STRING && !Strings::valid(buffer_bytes(file_, *model_, tensor.buffer()), count)) {
      Error error = at_tensor(index) << "string";
      detail::print_shape(error, shape);
      return error << " has damaged data in buffer " << tensor.buffer() << ": another number of strings, or one that ends outside of it";
    }
    if (tensor.is_variable() && held != 0) return at_tensor(index) << "is variable, but has constant data";
    return verify_quantization(index, tensor, shape);
  }

  // Tables may share what they point to: without a bound the time to verify grows with the square of the file's size.
  Check read_more(std::size_t bytes) {
    bytes_read_ += bytes;
    if (bytes_read_ / 16 <= file_.size() + (1 << 20)) return {};
    return broken("has tables that share lists so often that reading them takes more than 16 times its size");
  }
  // A few indices can stand for gigabytes, which the model holds as soon as it is read.
  Check fill_more(unsigned index, std::int64_t bytes) {
    bytes_filled_ += static_cast<std::uint64_t>(bytes);
    if (bytes_filled_ / 64 <= file_.size() + (1 << 20)) return {};
    return at_tensor(index) << "is sparse; with it all sparse tensors would take " << bytes_filled_
                            << " bytes, more than 64 times the file's " << file_.size();
  }

  Check verify_quantization(unsigned index, const schema::Tensor& tensor, const Shape& shape) {
    const schema::QuantizationParameters* q = tensor.quantization();
    if (q != nullptr && q->details_as_BlockwiseQuantization() != nullptr) {
      if (auto r = verify_blocks(index, *q->details_as_BlockwiseQuantization(), shape); !r) return r;
    }
    const std::size_t scales = q != nullptr ? detail::size_of(q->scale()) : 0;
    if (scales == 0) return {};
    if (auto r = read_more(scales * sizeof(float)); !r) return r;
    const std::size_t zero_points = detail::size_of(q->zero_point());
    if (zero_points != scales) return at_tensor(index) << "has " << scales << " scales, but " << zero_points << " zero points";
    // flatbuffers' own check knows only the alignment of lengths.
    if (reinterpret_cast<std::uintptr_t>(q->zero_point()->Data()) % alignof(std::int64_t) != 0)
      return at_tensor(index) << "keeps its zero points where 64-bit numbers cannot lie";
    for (unsigned i = 0; i < scales; ++i) {
      const float scale = q->scale()->Get(i);
      if (!std::isfinite(scale) || scale < 0) return at_tensor(index) << "has a scale that is negative or not finite, for channel " << i;
      const std::int64_t zero = q->zero_point()->Get(i);
      if (zero < std::numeric_limits<std::int32_t>::min() || zero > std::numeric_limits<std::int32_t>::max()) {
        return at_tensor(index) << "has zero point " << zero << ", which doesn't fit 32 bits";
      }
    }
    if (scales > 1) {
      if (shape.leading_ones() > 0) return at_tensor(index) << "is quantized by channel, with more than " << max_rank << " dimensions";
      const std::int32_t axis = q->quantized_dimension();
      if (axis < 0 || axis >= shape.rank()) {
        return at_tensor(index) << "is quantized along dimension " << axis << ", but has " << shape.rank() << " dimensions";
      }
      if (static_cast<std::size_t>(shape[axis]) != scales) {
        return at_tensor(index) << "has " << scales << " scales, but " << shape[axis] << " channels in dimension " << axis;
      }
    }
    return {};
  }

  /// Scales of blocks are another tensor's data.
  Check verify_blocks(unsigned index, const schema::BlockwiseQuantization& blocks, const Shape& shape) {
    const auto& tensors = *model_->subgraphs()->Get(static_cast<unsigned>(subgraph_))->tensors();
    if (blocks.block_size() < 1 || shape.last() % blocks.block_size() != 0) {
      return at_tensor(index) << "is quantized in blocks of " << blocks.block_size() << ", which do not divide its last dimension, "
                              << shape.last();
    }
    if (blocks.scales() < 0 || static_cast<std::size_t>(blocks.scales()) >= tensors.size()) {
      return at_tensor(index) << "has the scales of its blocks in tensor " << blocks.scales() << ", but there are " << tensors.size()
                              << " tensors";
    }
    const schema::Tensor& scales = *tensors.Get(static_cast<unsigned>(blocks.scales()));
    const std::size_t bytes = buffer_bytes(file_, *model_, scales.buffer()).size();
    if (scales.type() != schema::TensorType::FLOAT16 || scales.sparsity() != nullptr ||
        static_cast<std::int64_t>(bytes) != 2 * shape.count() / blocks.block_size()) {
      return at_tensor(index) << "has " << bytes << " bytes in the scales of its blocks; constant float16, one for each of "
                              << shape.count() / blocks.block_size() << " blocks, is needed";
    }
    return {};
  }

  Check verify_node(unsigned index, const schema::Operator& node, std::size_t tensors) {
    if (node.opcode_index() >= detail::size_of(model_->operator_codes())) {
      return at_node(index) << "uses operator code " << node.opcode_index() << ", but there are "
                            << detail::size_of(model_->operator_codes());
    }
    if (node.large_custom_options_offset() > 1) {
      return at_node(index) << "keeps its custom options behind the tables, which only files of more than 2 GB need; convert the model "
                               "with its options inside";
    }
    const Indices* lists[] = {node.inputs(), node.outputs(), node.intermediates()};
    const char* names[] = {"input ", "output ", "intermediate "};
    for (int kind = 0; kind < 3; ++kind) {
      if (auto r = read_more(detail::size_of(lists[kind]) * sizeof(std::int32_t)); !r) return r;
      for (unsigned i = 0; i < detail::size_of(lists[kind]); ++i) {
        const std::int32_t tensor = lists[kind]->Get(i);
        const bool absent = tensor == -1 && (kind != 1 || calls_subgraphs(node));  // other nodes have all their outputs
        if (!absent && (tensor < 0 || static_cast<std::size_t>(tensor) >= tensors)) {
          return at_node(index) << names[kind] << i << " is tensor " << tensor << ", but there are " << tensors << " tensors";
        }
      }
    }
    return {};
  }

  bool calls_subgraphs(const schema::Operator& node) const {
    switch (static_cast<BuiltinOperator>(operator_code(*model_->operator_codes()->Get(node.opcode_index())))) {
      case BuiltinOperator::IF:
      case BuiltinOperator::WHILE:
      case BuiltinOperator::CALL:
      case BuiltinOperator::STABLEHLO_CASE:
      case BuiltinOperator::STABLEHLO_COMPOSITE: return true;
      default: return false;
    }
  }

  // Every tensor has at most one writer, and constants, variables and inputs have none; handles of resources that are inputs may have one,
  // as callers have no handles to give.
  Check verify_producers(const schema::SubGraph& subgraph, std::size_t tensors, std::size_t nodes) {
    Array<std::int32_t> producer;
    if (!producer.allocate(allocator_, tensors))
      return Error(ErrorCode::out_of_memory, "model: no memory to verify ") << tensors << " tensors";
    constexpr std::int32_t nobody = 0, caller = -1;
    for (unsigned i = 0; i < detail::size_of(subgraph.inputs()); ++i) {
      const std::int32_t tensor = subgraph.inputs()->Get(i);
      if (tensor < 0 || subgraph.tensors()->Get(static_cast<unsigned>(tensor))->type() == schema::TensorType::RESOURCE) continue;
      producer[static_cast<std::size_t>(tensor)] = caller;
    }
    for (unsigned n = 0; n < nodes; ++n) {
      const Indices* outputs = subgraph.operators()->Get(n)->outputs();
      for (unsigned i = 0; i < detail::size_of(outputs); ++i) {
        if (outputs->Get(i) < 0) continue;
        const auto tensor = static_cast<std::size_t>(outputs->Get(i));
        const schema::Tensor& description = *subgraph.tensors()->Get(static_cast<unsigned>(tensor));
        if (producer[tensor] == caller) return at_node(n) << "output " << i << " is tensor " << tensor << ", an input of the subgraph";
        if (producer[tensor] != nobody) {
          return at_node(n) << "output " << i << " is tensor " << tensor << ", which node " << producer[tensor] - 1 << " writes already";
        }
        if (!buffer_bytes(file_, *model_, description.buffer()).empty()) {
          return at_node(n) << "output " << i << " is tensor " << tensor << ", which has constant data";
        }
        if (description.is_variable()) return at_node(n) << "output " << i << " is tensor " << tensor << ", which is variable";
        producer[tensor] = static_cast<std::int32_t>(n) + 1;
      }
    }
    return {};
  }

  Check verify_signatures() {
    for (unsigned s = 0; s < detail::size_of(model_->signature_defs()); ++s) {
      const schema::SignatureDef& signature = *model_->signature_defs()->Get(s);
      if (signature.subgraph_index() >= model_->subgraphs()->size()) {
        return broken("has signature ") << s << " for subgraph " << signature.subgraph_index() << ", but there are "
                                        << model_->subgraphs()->size();
      }
      const std::size_t tensors = detail::size_of(model_->subgraphs()->Get(signature.subgraph_index())->tensors());
      for (const auto* list : {signature.inputs(), signature.outputs()}) {
        for (unsigned i = 0; i < detail::size_of(list); ++i) {
          if (list->Get(i)->tensor_index() >= tensors) {
            return broken("has signature ") << s << " that names tensor " << list->Get(i)->tensor_index() << ", but there are " << tensors;
          }
        }
      }
    }
    return {};
  }

  Check verify_metadata() {
    for (unsigned i = 0; i < detail::size_of(model_->metadata()); ++i) {
      if (model_->metadata()->Get(i)->buffer() >= detail::size_of(model_->buffers())) {
        return broken("has metadata ") << i << " in buffer " << model_->metadata()->Get(i)->buffer() << ", but there are "
                                       << detail::size_of(model_->buffers()) << " buffers";
      }
    }
    return {};
  }

  std::span<const std::byte> file_;
  Allocator allocator_;
  const schema::Model* model_ = nullptr;
  std::uint64_t bytes_read_ = 0, bytes_filled_ = 0;
  int subgraph_ = 0;
};

}  // namespace tfl
