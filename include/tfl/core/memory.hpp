#pragma once
// Memory that can fail politely: an Allocator is two functions, an Array is an owned block that came from one.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "tfl/config.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tfl {

inline constexpr std::size_t arena_alignment = 16;  // of every tensor in an arena, and of the arena itself
inline constexpr std::size_t block_alignment = 64;  // of blocks from an Allocator: packed weights start on a cache line

constexpr std::size_t align_up(std::size_t bytes, std::size_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }

/// Whether a block can be that long: on 32 bits a tensor of 2^31 - 1 elements cannot, and its size must not be cut to a std::size_t.
constexpr bool is_addressable(std::int64_t bytes) {
  return bytes >= 0 && static_cast<std::uint64_t>(bytes) <= static_cast<std::uint64_t>(PTRDIFF_MAX);
}

/// Where blocks come from. allocate returns nullptr on failure; blocks are aligned to block_alignment.
struct Allocator {
  void* (*allocate)(void* context, std::size_t bytes) = nullptr;
  void (*deallocate)(void* context, void* block, std::size_t bytes) = nullptr;
  void* context = nullptr;
};

namespace detail {
/// Asks the system for all pages of a large block at once: a page fault for each would cost more than what is then written there.
inline void populate([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes) {
#if defined(__linux__) && defined(MADV_POPULATE_WRITE)
  constexpr std::size_t page = 4096, worthwhile = 64 * page;
  if (block == nullptr || bytes < worthwhile) return;
  const auto address = reinterpret_cast<std::uintptr_t>(block), first = align_up(address, page);
  static_cast<void>(::madvise(reinterpret_cast<void*>(first), (address + bytes - first) / page * page, MADV_POPULATE_WRITE));
#endif
}
}  // namespace detail

/// The heap.
inline Allocator heap_allocator() {
  return {[](void*, std::size_t bytes) -> void* {
            void* block = ::operator new (bytes, std::align_val_t{block_alignment}, std::nothrow);
            detail::populate(block, bytes);
            return block;
          },
          [](void*, void* block, std::size_t) { ::operator delete (block, std::align_val_t{block_alignment}); }, nullptr};
}

namespace detail {
/// A block for elements of so many bytes, behind which its allocator is kept: owners that only know their elements stay small, and there
/// are many of them. Null where memory lacks.
TFL_NOINLINE inline void* take_block(const Allocator& allocator, std::size_t count, std::size_t element_bytes) {
  if (count > (static_cast<std::size_t>(PTRDIFF_MAX) - 2 * sizeof(Allocator)) / element_bytes) return nullptr;
  const std::size_t bytes = align_up(count * element_bytes, alignof(Allocator));
  auto* block = static_cast<std::byte*>(allocator.allocate(allocator.context, bytes + sizeof(Allocator)));
  if (block != nullptr) std::construct_at(reinterpret_cast<Allocator*>(block + bytes), allocator);
  return block;
}
TFL_NOINLINE inline void give_block(void* block, std::size_t element_bytes) {
  const std::size_t bytes = align_up(element_bytes, alignof(Allocator));
  const Allocator allocator = *reinterpret_cast<const Allocator*>(static_cast<const std::byte*>(block) + bytes);
  allocator.deallocate(allocator.context, block, bytes + sizeof(Allocator));
}
}  // namespace detail

/// A fixed number of value-initialized elements in one block. Move-only. Empty until allocate() succeeds.
template <class T> class Array {
 public:
  Array() = default;
  Array(Array&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    if (this != &other) {
      reset();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~Array() { reset(); }

  /// Replaces the contents by `count` new elements; false (and empty) where memory lacks. count == 0 allocates nothing.
  [[nodiscard]] bool allocate(const Allocator& allocator, std::size_t count) {
    if (!take(allocator, count)) return false;
    std::uninitialized_value_construct_n(data_, count);
    return true;
  }
  /// As allocate(), for elements that the caller writes before reading them: their values are undefined.
  [[nodiscard]] bool allocate_to_fill(const Allocator& allocator, std::size_t count) requires std::is_trivially_default_constructible_v<T> {
    if (!take(allocator, count)) return false;
    std::uninitialized_default_construct_n(data_, count);
    return true;
  }
  void reset() {
    if (data_ == nullptr) return;
    std::destroy_n(data_, size_);
    detail::give_block(data_, size_ * sizeof(T));
    data_ = nullptr;
    size_ = 0;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  [[nodiscard]] bool take(const Allocator& allocator, std::size_t count) {
    reset();
    if (count == 0) return true;
    data_ = static_cast<T*>(detail::take_block(allocator, count, sizeof(T)));
    if (data_ != nullptr) size_ = count;
    return data_ != nullptr;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tfl
