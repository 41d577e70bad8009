#pragma once
// What can fail, and how it is told: Result<T>, Error (public) and Violation (what an op reports).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tfl/config.hpp"
#include "tfl/core/text.hpp"

namespace tfl {

enum class ErrorCode : std::uint8_t {
  ok,
  invalid_argument,      // the caller asked for something that isn't there: an index, a name, a type, a size
  invalid_model,         // the file is not a well-formed model
  invalid_shape,         // a tensor's shape breaks an op's rule
  invalid_type,          // a tensor's type breaks an op's rule
  invalid_quantization,  // scale, zero point or axis break an op's rule
  invalid_option,        // an op's option is out of its range
  invalid_value,         // a tensor's data breaks an op's rule (an index out of range, say)
  unknown_value,         // internal: the data of an input decides a shape, and it is not known before running
  unsupported_op,        // the op is not in the registry
  unsupported_type,      // the op has no kernel for these types
  unsupported_version,   // the op's version is newer than this library knows
  out_of_memory,         // the arena or the heap is too small
  io,                    // the operating system could not open or read a file
  cancelled,
};

/// A rule that a node broke, as an op reports it: no text is built until someone reads it, so that ops stay usable in
/// constant evaluation and on microcontrollers. Converts to true when a rule was broken.
struct Violation {
  enum class Operand : std::uint8_t { node, input, output };

  ErrorCode code = ErrorCode::ok;
  Operand operand = Operand::node;
  std::int16_t index = 0;      // of the input or output
  const char* rule = nullptr;  // a sentence's end; each "{}" stands for the next of the values
  std::int64_t values[3] = {};

  constexpr explicit operator bool() const { return code != ErrorCode::ok; }
};

namespace detail {
/// The text, where someone will read it: in messages, or in what the compiler says about a static plan.
constexpr const char* kept_text(const char* rule) { return TFL_ERROR_TEXT || std::is_constant_evaluated() ? rule : ""; }
}  // namespace detail

namespace detail {
// Violations are rare and their rules many: one copy of this is enough. Most rules have no values.
TFL_NOINLINE constexpr Violation make_violation(ErrorCode code, Violation::Operand operand, int index, const char* rule) {
  return {code, operand, static_cast<std::int16_t>(index), rule};
}
TFL_NOINLINE constexpr Violation make_violation(ErrorCode code, Violation::Operand operand, int index, const char* rule, std::int64_t a,
                                                std::int64_t b, std::int64_t c) {
  return {code, operand, static_cast<std::int16_t>(index), rule, {a, b, c}};
}
}  // namespace detail

/// Rules about the whole node, about input `index` and about output `index`.
constexpr Violation node_violation(ErrorCode code, const char* rule) {
  return detail::make_violation(code, Violation::Operand::node, 0, detail::kept_text(rule));
}
constexpr Violation node_violation(ErrorCode code, const char* rule, std::int64_t a, std::int64_t b = 0, std::int64_t c = 0) {
  return detail::make_violation(code, Violation::Operand::node, 0, detail::kept_text(rule), a, b, c);
}
constexpr Violation input_violation(int index, ErrorCode code, const char* rule) {
  return detail::make_violation(code, Violation::Operand::input, index, detail::kept_text(rule));
}
constexpr Violation input_violation(int index, ErrorCode code, const char* rule, std::int64_t a, std::int64_t b = 0, std::int64_t c = 0) {
  return detail::make_violation(code, Violation::Operand::input, index, detail::kept_text(rule), a, b, c);
}
constexpr Violation output_violation(int index, ErrorCode code, const char* rule) {
  return detail::make_violation(code, Violation::Operand::output, index, detail::kept_text(rule));
}
constexpr Violation output_violation(int index, ErrorCode code, const char* rule, std::int64_t a, std::int64_t b = 0, std::int64_t c = 0) {
  return detail::make_violation(code, Violation::Operand::output, index, detail::kept_text(rule), a, b, c);
}

/// What went wrong, where, in one sentence. Holds its text itself: no heap.
class Error {
 public:
  constexpr Error() = default;
  TFL_NOINLINE explicit Error(ErrorCode code) : code_(code) {}
  TFL_NOINLINE Error(ErrorCode code, std::string_view sentence) : code_(code) { text_ << sentence; }

  ErrorCode code() const { return code_; }
  /// The sentence; empty where TFL_NO_ERROR_TEXT compiled the texts away.
  std::string_view message() const { return text_.view(); }
  int subgraph() const { return subgraph_; }  ///< -1 where the error is not about one
  int node() const { return node_; }          ///< -1 where the error is not about one
  int tensor() const { return tensor_; }      ///< -1 where the error is not about one

  Error& at(int subgraph, int node, int tensor = -1) {
    subgraph_ = subgraph;
    node_ = node;
    tensor_ = tensor;
    return *this;
  }
  TFL_NOINLINE Error& operator<<(std::string_view part) {
    text_ << part;
    return *this;
  }
  Error& operator<<(const char* part) { return *this << std::string_view(part); }
  Error& operator<<(char c) {
    text_ << c;
    return *this;
  }
  template <class I>
  requires(std::is_integral_v<I>) Error& operator<<(I number) {
    text_ << number;
    return *this;
  }

 private:
  ErrorCode code_ = ErrorCode::ok;
  int subgraph_ = -1, node_ = -1, tensor_ = -1;
#if TFL_ERROR_TEXT
  Text<480> text_;
#else
  Text<0> text_;
#endif
};

/// A value or the reason why there is none. E is Error for callers of the library and Violation inside ops.
template <class T, class E = Error> class [[nodiscard]] Result {
 public:
  using value_type = T;

  constexpr Result(T value) : has_value_(true) { std::construct_at(&value_, std::move(value)); }  // NOLINT: a value is a result
  constexpr Result(const E& error) : has_value_(false) { std::construct_at(&error_, error); }     // NOLINT: so is an error
  constexpr Result(Result&& other) : has_value_(other.has_value_) {
    if (has_value_) {
      std::construct_at(&value_, std::move(other.value_));
    } else {
      std::construct_at(&error_, std::move(other.error_));
    }
  }
  constexpr Result& operator=(Result&& other) {
    if (this != &other) {
      destroy();
      has_value_ = other.has_value_;
      if (has_value_) {
        std::construct_at(&value_, std::move(other.value_));
      } else {
        std::construct_at(&error_, std::move(other.error_));
      }
    }
    return *this;
  }
  constexpr ~Result() { destroy(); }

  constexpr bool ok() const { return has_value_; }
  constexpr explicit operator bool() const { return has_value_; }
  /// Requires ok().
  constexpr T& value() & { return value_; }
  constexpr const T& value() const& { return value_; }
  constexpr T&& value() && { return std::move(value_); }
  constexpr T& operator*() & { return value_; }
  constexpr const T& operator*() const& { return value_; }
  constexpr T&& operator*() && { return std::move(value_); }
  constexpr T* operator->() { return &value_; }
  constexpr const T* operator->() const { return &value_; }
  /// Requires !ok().
  constexpr const E& error() const { return error_; }
  std::string_view message() const { return error_.message(); }

 private:
  constexpr void destroy() {
    if (has_value_) {
      value_.~T();
    } else {
      error_.~E();
    }
  }

  bool has_value_;
  union {
    T value_;
    E error_;
  };
};

/// Success, or the reason why not.
template <class E> class [[nodiscard]] Result<void, E> {
 public:
  constexpr Result() : nothing_() {}
  constexpr Result(const E& error) : error_(error), failed_(true) {}  // NOLINT: an error is a result

  constexpr bool ok() const { return !failed_; }
  constexpr explicit operator bool() const { return !failed_; }
  /// Requires !ok().
  constexpr const E& error() const { return error_; }
  /// Empty where ok().
  std::string_view message() const { return failed_ ? error_.message() : std::string_view(); }

 private:
  static_assert(std::is_trivially_copyable_v<E>);
  struct Nothing {};
  union {  // most checks pass: a sentence's room is not to be cleared for each
    Nothing nothing_;
    E error_;
  };
  bool failed_ = false;
};

}  // namespace tfl
