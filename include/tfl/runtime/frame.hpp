#pragma once
// What an op gets that works on the interpreter itself: control flow, variables, hash tables.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/tensor.hpp"

namespace tfl {

class Resources;

/// A tensor at run time. `own` is set where the data lies outside of the arena: folded constants, dynamic outputs.
struct Tensor {
  TensorDescription description;
  std::byte* data = nullptr;
  Array<std::byte> own;
  bool is_dynamic = false;   // its shape is known only while running
  bool is_borrowed = false;  // an input of a called subgraph: whoever calls it lends the data
};

using TensorList = std::span<Tensor* const>;

/// A node and the interpreter around it. Besides its Options and infer(), which checks what needs neither data nor other subgraphs, an op
/// that works on a frame has two parts:
///
///   static Result<bool> outline(const Options&, Frame&);  before running: whether the outputs' shapes are known, and then sets them
///   static Result<void> run(const Options&, Frame&);      gives every output its contents
class Frame {
 public:
  /// The node's tensors; null where an input is absent.
  virtual TensorList inputs() const = 0;
  virtual TensorList outputs() const = 0;
  /// A rule that the node broke, as a sentence.
  virtual Error broken(const Violation& v) const = 0;

  /// Infers another subgraph of the model for inputs of these shapes and types, where it is not ready for them yet. The answer are its
  /// outputs: those that are not is_dynamic have their shapes.
  virtual Result<TensorList> infer(std::int32_t subgraph, TensorList inputs) = 0;
  /// Runs it. Its outputs stay until the next call; some may lie where an input lies.
  virtual Result<TensorList> call(std::int32_t subgraph, TensorList inputs) = 0;
  /// Copies one tensor each to the node's outputs, which may be where some of them lie.
  virtual Result<void> store(TensorList from) = 0;
  /// Memory for an output of this shape (`bytes` counts for strings only). The output must not be the source of its own contents.
  virtual Result<std::byte*> give(std::size_t output, const Shape& shape, std::int64_t bytes = 0) = 0;

  virtual Resources& resources() = 0;

  Result<void> fails(const Violation& v) const { return broken(v); }

 protected:
  ~Frame() = default;
};

class Subgraph;

/// Runs the nodes whose ops work on frames. Programs without such ops have none.
class Session {
 public:
  virtual ~Session() = default;
  virtual Result<bool> outline(Subgraph& subgraph, std::size_t node) = 0;
  virtual Result<void> run(Subgraph& subgraph, std::size_t node) = 0;
  /// Before an invoke: every call of a subgraph counts from here.
  virtual void begin() = 0;
  /// Variables as they are before the first invoke, in every subgraph.
  virtual void reset_variables() = 0;
};

/// Owns a session, which lies on the heap since interpreters move.
class SessionHandle {
 public:
  SessionHandle() = default;
  SessionHandle(Session* session, Allocator allocator, std::size_t bytes) : session_(session), allocator_(allocator), bytes_(bytes) {}
  SessionHandle(SessionHandle&& other) noexcept { *this = std::move(other); }
  SessionHandle& operator=(SessionHandle&& other) noexcept {
    std::swap(session_, other.session_);
    std::swap(allocator_, other.allocator_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SessionHandle() {
    if (session_ == nullptr) return;
    session_->~Session();
    allocator_.deallocate(allocator_.context, session_, bytes_);
  }
  Session* get() const { return session_; }

 private:
  Session* session_ = nullptr;
  Allocator allocator_{};
  std::size_t bytes_ = 0;
};

}  // namespace tfl
