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
    each(model.subgraphs(), [this](const auto& subgraph) {
      vector(subgraph.inputs());
      vector(subgraph.outputs());
      each(subgraph.tensors(), [this](const auto& tensor) {
        table(&tensor);
        vector(tensor.shape());
        if (const auto* q = tensor.quantization()) {
          table(q);
          vector(q->scale());
          vector(q->zero_point());
        }
      });
      each(subgraph.operators(), [this](const auto& node) {
        table(&node);
        vector(node.inputs());
        vector(node.outputs());
        vector(node.custom_options());
        table(node.builtin_options());
        table(node.builtin_options_2());
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
  template <class T> void vector(const flatbuffers::Vector<T>* list) {
    for (unsigned i = 0; list != nullptr && i < list->size() && i < 64; ++i) place(list->Data() + i * sizeof(T), sizeof(T));
  }
  void place(const std::uint8_t* at, unsigned width) {
    const auto offset = static_cast<std::size_t>(at - file_.data());
    if (offset + width <= file_.size()) list_.push_back({offset, width});
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
