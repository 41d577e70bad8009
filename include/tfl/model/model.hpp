#pragma once
// Model: a verified .tflite file and its flat graph. Immutable; copies share the file.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/model/file.hpp"
#include "tfl/model/graph.hpp"
#include "tfl/model/reader.hpp"
#include "tfl/model/schema.hpp"
#include "tfl/model/verifier.hpp"

namespace tfl {

/// A name of a signature's input or output, and its tensor in the signature's subgraph.
struct SignatureEntry {
  std::string_view name;
  int tensor = -1;
};

class Model {
 public:
  Model() = default;

  /// Maps the file and verifies it. Weights are not copied.
  static Result<Model> from_file(const char* path, Allocator allocator = heap_allocator()) {
    auto bytes = ModelBytes::open(path, allocator);
    if (!bytes) return bytes.error();
    return make(std::move(*bytes), allocator);
  }
  /// Verifies a model that lies in memory, which the caller keeps alive and unchanged for as long as any copy of the Model
  /// lives; a constexpr array will do. Copied only where it does not start at a multiple of 16 bytes.
  static Result<Model> from_memory(std::span<const std::byte> file, Allocator allocator = heap_allocator()) {
    auto bytes = ModelBytes::borrow(file, allocator);
    if (!bytes) return bytes.error();
    return make(std::move(*bytes), allocator);
  }
  static Result<Model> from_memory(std::span<const std::uint8_t> file, Allocator allocator = heap_allocator()) {
    return from_memory(std::as_bytes(file), allocator);
  }
  /// As from_memory, but keeps a copy of its own.
  static Result<Model> from_copy(std::span<const std::byte> file, Allocator allocator = heap_allocator()) {
    auto bytes = ModelBytes::copy(file, allocator);
    if (!bytes) return bytes.error();
    return make(std::move(*bytes), allocator);
  }

  Model(const Model& other) : data_(other.data_) { retain(); }
  Model(Model&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  Model& operator=(Model other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~Model() { release(); }

  explicit operator bool() const { return data_ != nullptr; }
  /// None where the Model is empty.
  std::span<const GraphSubgraph> subgraphs() const {
    if (data_ == nullptr) return {};
    return data_->graph.subgraphs.span();
  }
  std::string_view description() const { return detail::text_of(data_->root->description()); }
  std::span<const std::byte> file() const { return data_->bytes.bytes(); }

  int signature_count() const { return data_ != nullptr ? static_cast<int>(detail::size_of(data_->root->signature_defs())) : 0; }
  /// The signature's name. Requires 0 <= i < signature_count().
  std::string_view signature_name(int i) const { return detail::text_of(signature(i).signature_key()); }
  /// The index of the signature, or -1.
  int find_signature(std::string_view name) const {
    for (int i = 0; i < signature_count(); ++i) {
      if (signature_name(i) == name) return i;
    }
    return -1;
  }
  int signature_subgraph(int i) const { return static_cast<int>(signature(i).subgraph_index()); }
  int signature_input_count(int i) const { return static_cast<int>(detail::size_of(signature(i).inputs())); }
  int signature_output_count(int i) const { return static_cast<int>(detail::size_of(signature(i).outputs())); }
  SignatureEntry signature_input(int i, int k) const { return named(*signature(i).inputs()->Get(static_cast<unsigned>(k))); }
  SignatureEntry signature_output(int i, int k) const { return named(*signature(i).outputs()->Get(static_cast<unsigned>(k))); }

  int metadata_count() const { return data_ != nullptr ? static_cast<int>(detail::size_of(data_->root->metadata())) : 0; }
  std::string_view metadata_name(int i) const { return detail::text_of(data_->root->metadata()->Get(static_cast<unsigned>(i))->name()); }
  std::span<const std::byte> metadata_bytes(int i) const {
    return Verifier::buffer_bytes(file(), *data_->root, data_->root->metadata()->Get(static_cast<unsigned>(i))->buffer());
  }
  /// The bytes under this name; empty where there are none.
  std::span<const std::byte> metadata(std::string_view name) const {
    for (int i = 0; i < metadata_count(); ++i) {
      if (metadata_name(i) == name) return metadata_bytes(i);
    }
    return {};
  }

  /// What constants of so many bytes add to `expected` below.
  static constexpr std::size_t packed_room(std::size_t bytes) {
    return align_up(sizeof(Packed), block_alignment) + align_up(bytes, block_alignment);
  }
  /// Constants in a kernel's own layout, made once by whoever asks first and shared by every interpreter of this model. `node` counts
  /// in the subgraph; `key` tells layouts of one node apart (the op's entry: one per architecture). `expected`: the packed_room()
  /// of this call and of those that are to follow, so that one block serves them all. Returns null where memory lacks.
  template <class Fill>
  const std::byte* packed(const void* key, int subgraph, int node, std::size_t bytes, std::size_t expected, Fill fill) const {
    const std::scoped_lock lock(data_->packed_mutex);
    const auto index =
        static_cast<std::size_t>(subgraphs()[static_cast<std::size_t>(subgraph)].nodes.data() + node - data_->graph.nodes.data());
    if (data_->packed.empty() && !data_->packed.allocate(data_->allocator, data_->graph.nodes.size())) return nullptr;
    for (const Packed* p = data_->packed[index]; p != nullptr; p = p->next) {
      if (p->key == key && p->bytes == bytes) return p->at;
    }
    void* room = data_->take(packed_room(bytes), expected);
    if (room == nullptr) return nullptr;
    auto* entry = std::construct_at(static_cast<Packed*>(room),
                                    Packed{key, static_cast<std::byte*>(room) + packed_room(0), bytes, data_->packed[index]});
    fill(entry->at);
    data_->packed[index] = entry;
    return entry->at;
  }

  Allocator allocator() const { return data_->allocator; }

 private:
  struct Packed {
    const void* key;
    std::byte* at;
    std::size_t bytes;
    Packed* next;
  };
  /// Memory that packed constants are cut from, until the model ends.
  struct Block {
    std::size_t bytes, used;
    Block* next;
  };
  struct Data {
    std::atomic<int> owners{1};
    Allocator allocator{};
    ModelBytes bytes;
    const schema::Model* root = nullptr;
    Graph graph;
    std::mutex packed_mutex;
    Array<Packed*> packed;  // one list a node
    Block* blocks = nullptr;

    /// `bytes`, a multiple of block_alignment, from the newest block or else from a new one of at least `expected`.
    void* take(std::size_t bytes, std::size_t expected) {
      const std::size_t head = align_up(sizeof(Block), block_alignment);
      if (blocks == nullptr || blocks->bytes - blocks->used < bytes) {
        std::size_t size = head + (bytes > expected ? bytes : expected);
        void* block = allocator.allocate(allocator.context, size);
        if (block == nullptr && size > head + bytes) {
          size = head + bytes;
          block = allocator.allocate(allocator.context, size);
        }
        if (block == nullptr) return nullptr;
        blocks = std::construct_at(static_cast<Block*>(block), Block{size, head, blocks});
      }
      std::byte* at = reinterpret_cast<std::byte*>(blocks) + blocks->used;
      blocks->used += bytes;
      return at;
    }
    ~Data() {
      while (blocks != nullptr) {
        Block* const last = std::exchange(blocks, blocks->next);
        allocator.deallocate(allocator.context, last, last->bytes);
      }
    }
  };

  static Result<Model> make(ModelBytes bytes, Allocator allocator) {
    auto root = Verifier(bytes.bytes(), allocator).verify();
    if (!root) return root.error();
    void* block = allocator.allocate(allocator.context, sizeof(Data));
    if (block == nullptr) return Error(ErrorCode::out_of_memory, "model: no memory for the model's tables");
    Model model;
    model.data_ = std::construct_at(static_cast<Data*>(block));
    model.data_->allocator = allocator;
    model.data_->bytes = std::move(bytes);
    model.data_->root = *root;
    if (auto r = model.data_->graph.read(model.data_->bytes.bytes(), **root, allocator); !r) return r.error();
    return model;
  }

  const schema::SignatureDef& signature(int i) const { return *data_->root->signature_defs()->Get(static_cast<unsigned>(i)); }
  static SignatureEntry named(const schema::TensorMap& map) { return {detail::text_of(map.name()), static_cast<int>(map.tensor_index())}; }

  void retain() const {
    if (data_ != nullptr) data_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  void release() {
    if (data_ == nullptr || data_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const Allocator allocator = data_->allocator;
    std::destroy_at(data_);
    allocator.deallocate(allocator.context, data_, sizeof(Data));
  }

  Data* data_ = nullptr;
};

}  // namespace tfl
