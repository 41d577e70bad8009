#pragma once
// Bytes of a model: mapped from a file, borrowed from the caller, or copied to aligned memory.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"

#if defined(__unix__) || defined(__APPLE__)
#define TFL_HAS_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#define TFL_HAS_MMAP 0
#include <cstdio>
#endif

namespace tfl {

/// Owns or borrows the bytes; they start at a multiple of 16.
class ModelBytes {
 public:
  ModelBytes() = default;
  ModelBytes(ModelBytes&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), copy_(std::move(other.copy_)), mapped_(std::exchange(other.mapped_, false)) {}
  ModelBytes& operator=(ModelBytes&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(copy_, other.copy_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~ModelBytes() {
#if TFL_HAS_MMAP
    if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
#endif
  }

  std::span<const std::byte> bytes() const { return bytes_; }

  /// The caller keeps the memory alive and unchanged; copied only where it isn't aligned to 16 bytes.
  static Result<ModelBytes> borrow(std::span<const std::byte> bytes, Allocator allocator) {
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % arena_alignment != 0) return copy(bytes, allocator);
    ModelBytes result;
    result.bytes_ = bytes;
    return result;
  }

  static Result<ModelBytes> copy(std::span<const std::byte> bytes, Allocator allocator) {
    ModelBytes result;
    if (!result.copy_.allocate(allocator, bytes.size())) {
      return Error(ErrorCode::out_of_memory, "model: no memory for a copy of ") << bytes.size() << " bytes";
    }
    if (!bytes.empty()) std::memcpy(result.copy_.data(), bytes.data(), bytes.size());
    result.bytes_ = result.copy_.span();
    return result;
  }

  /// Maps the file: its weights are read from disk when they are used, and shared by all processes that map it.
  static Result<ModelBytes> open(const char* path, Allocator allocator) {
#if TFL_HAS_MMAP
    static_cast<void>(allocator);
    const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not keep us waiting
    if (file < 0) return Error(ErrorCode::io, "model: cannot open '") << path << "': " << std::strerror(errno);
    struct stat status {};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(file);
      return Error(ErrorCode::io, "model: '") << path << "' is not a regular file";
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) {
      ::close(file);
      return Error(ErrorCode::invalid_model, "model: '") << path << "' is empty";
    }
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    ::close(file);
    if (mapped == MAP_FAILED) return Error(ErrorCode::io, "model: cannot map '") << path << "': " << std::strerror(errno);
    ModelBytes result;
    result.bytes_ = {static_cast<const std::byte*>(mapped), size};
    result.mapped_ = true;
    return result;
#else
    std::FILE* file = std::fopen(path, "rb");
    if (file == nullptr) return Error(ErrorCode::io, "model: cannot open '") << path << "'";
    std::fseek(file, 0, SEEK_END);
    const long size = std::ftell(file);
    std::fseek(file, 0, SEEK_SET);
    ModelBytes result;
    if (size <= 0 || !result.copy_.allocate(allocator, static_cast<std::size_t>(size)) ||
        std::fread(result.copy_.data(), 1, static_cast<std::size_t>(size), file) != static_cast<std::size_t>(size)) {
      std::fclose(file);
      return Error(ErrorCode::io, "model: cannot read '") << path << "'";
    }
    std::fclose(file);
    result.bytes_ = result.copy_.span();
    return result;
#endif
  }

 private:
  std::span<const std::byte> bytes_{};
  Array<std::byte> copy_{};
  bool mapped_ = false;
};

}  // namespace tfl
