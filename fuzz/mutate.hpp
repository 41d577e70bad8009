#pragma once
// Changes a model where it says something: an operator's code, an operand's number, a type, a dimension, a buffer, a scale, an option.

#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <vector>

#include "tfl/model/schema.hpp"

namespace tfl::fuzz {

/// Where a scalar lies in the file.
struct Place {
  std::size_t offset = 0;
  unsigned width = 0;
};

class Places {
 public:
  explicit Places(std::span<const std::uint8_t> file) : file_(file) {
    flatbuffers::Verifier verifier(file.data(), file.size());
    if (!schema::VerifyModelBuffer(verifier)) return;
    const schema::Model& model = *schema::GetModel(file.data());
    table(&model);
    each(model.operator_codes(), [this](const auto& code) { table(&code); });
    each(model.buffers(), [this](const auto& buffer) {
      table(&buffer);
      vector(buffer.data());
    });
    each(model.metadata(), [this](const auto& metadata) { table(&metadata); });
    each(model.signature_defs(), [this](const auto& signature) {
      table(&signature);
      each(signature.inputs(), [this](const auto& entry) { table(&entry); });
      each(signature.outputs(), [this](const auto& entry) { table(&entry); });
    });
    each(model.subgraphs(), [this](const auto& subgraph) {
      table(&subgraph);
      vector(subgraph.inputs());
      vector(subgraph.outputs());
      each(subgraph.tensors(), [this](const auto& t) { tensor(t); });
      each(subgraph.operators(), [this](const auto& node) {
        table(&node);
        vector(node.inputs());
        vector(node.outputs());
        vector(node.intermediates());
        vector(node.custom_options());
        // Of a kind that the schema lacks nothing is verified.
        const auto kind = static_cast<unsigned>(node.builtin_options_type()), kind_2 = static_cast<unsigned>(node.builtin_options_2_type());
        if (kind > 0 && kind <= static_cast<unsigned>(schema::BuiltinOptions::MAX)) options(node.builtin_options());
        if (kind_2 > 0 && kind_2 <= static_cast<unsigned>(schema::BuiltinOptions2::MAX)) options(node.builtin_options_2());
      });
    });
  }
  const std::vector<Place>& list() const { return list_; }

 private:
  template <class List, class Function> static void each(const List* list, Function function) {
    for (unsigned i = 0; list != nullptr && i < list->size(); ++i) function(*list->Get(i));
  }
  /// Every field that is written, as one byte and as four: their widths are not in the file.
  void table(const void* any) {
    if (any == nullptr) return;
    const auto& t = *static_cast<const flatbuffers::Table*>(any);
    const std::uint8_t* layout = t.GetVTable();
    const auto size = flatbuffers::ReadScalar<flatbuffers::voffset_t>(layout);
    for (flatbuffers::voffset_t field = 4; field + 1 < size; field = static_cast<flatbuffers::voffset_t>(field + 2)) {
      const std::uint8_t* at = t.GetAddressOf(field);
      if (at == nullptr) continue;
      place(at, 1);
      place(at, 4);
    }
  }
  void tensor(const schema::Tensor& t) {
    table(&t);
    vector(t.shape());
    vector(t.shape_signature());
    if (const auto* q = t.quantization()) {
      table(q);
      vector(q->scale());
      vector(q->zero_point());
      if (q->details_type() != schema::QuantizationDetails::NONE && q->details_type() <= schema::QuantizationDetails::MAX)
        table(q->details());
    }
    const auto* sparsity = t.sparsity();
    if (sparsity == nullptr) return;
    vector(sparsity->traversal_order());
    vector(sparsity->block_map());
    each(sparsity->dim_metadata(), [this](const auto& level) {
      table(&level);
      const auto known = [](schema::SparseIndexVector kind) {
        return kind != schema::SparseIndexVector::NONE && kind <= schema::SparseIndexVector::MAX;
      };
      if (known(level.array_segments_type())) options(level.array_segments());
      if (known(level.array_indices_type())) options(level.array_indices());
    });
  }
  /// A table of a kind that is not looked up: what its fields may lead to is taken for a short list.
  void options(const void* any) {
    table(any);
    if (any == nullptr) return;
    const auto& t = *static_cast<const flatbuffers::Table*>(any);
    const auto size = flatbuffers::ReadScalar<flatbuffers::voffset_t>(t.GetVTable());
    for (flatbuffers::voffset_t field = 4; field + 1 < size; field = static_cast<flatbuffers::voffset_t>(field + 2)) {
      const std::uint8_t* at = t.GetAddressOf(field);
      if (at == nullptr) continue;
      const auto offset = static_cast<std::size_t>(at - file_.data());
      if (offset + 4 > file_.size()) continue;
      const std::size_t list = offset + word(offset);
      if (list % 4 != 0 || list + 4 > file_.size() || word(list) > 16) continue;
      for (std::size_t i = 0; i < word(list); ++i) {
        for (const unsigned width : {1u, 4u, 8u}) place(file_.data() + list + 4 + i * width, width);
      }
    }
  }
  std::size_t word(std::size_t at) const {
    std::uint32_t w = 0;
    std::memcpy(&w, file_.data() + at, 4);
    return w;
  }
  template <class T> void vector(const flatbuffers::Vector<T>* list) {
    for (unsigned i = 0; list != nullptr && i < list->size() && i < 64; ++i) place(list->Data() + i * sizeof(T), sizeof(T));
  }
  void place(const std::uint8_t* at, unsigned width) {
    const auto offset = static_cast<std::size_t>(at - file_.data());
    if (offset <= file_.size() && width <= file_.size() - offset) list_.push_back({offset, width});
  }

  std::span<const std::uint8_t> file_;
  std::vector<Place> list_;
};

/// Changes one part of a well-formed file, or one byte of any other.
inline void change_part(std::span<std::uint8_t> file, std::uint32_t where, std::uint32_t what) {
  if (file.empty()) return;
  const Places places(file);
  if (places.list().empty()) {
    file[where % file.size()] = static_cast<std::uint8_t>(what);
    return;
  }
  const Place to = places.list()[where % places.list().size()];
  constexpr std::int64_t favourites[] = {0, 1, 2, 3, 4, 5, 8, -1, -2, 127, 128, 255, 65536, 2'147'483'647, -2'147'483'648, 0x7f800000};
  const std::uint32_t choice = what % 32;
  if (choice < std::size(favourites)) {
    std::memcpy(file.data() + to.offset, &favourites[choice], to.width);  // little endian
  } else if (choice < 26) {                                               // what stands elsewhere
    const Place from = places.list()[what / 32 % places.list().size()];
    std::memmove(file.data() + to.offset, file.data() + from.offset, to.width < from.width ? to.width : from.width);
  } else {
    file[to.offset + what / 32 % to.width] = static_cast<std::uint8_t>(what >> 16);
  }
}

}  // namespace tfl::fuzz
