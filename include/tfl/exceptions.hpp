#pragma once
// For those who like exceptions: or_throw(result) gives the value or throws tfl::Exception. Nothing else in the library throws.

#include <utility>

#include "tfl/core/status.hpp"

#if defined(__cpp_exceptions)

#include <stdexcept>
#include <string>

namespace tfl {

/// Carries an Error; what() is its sentence.
class Exception : public std::runtime_error {
 public:
  explicit Exception(Error error) : std::runtime_error(std::string(error.message())), error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

template <class T> T or_throw(Result<T>&& result) {
  if (!result) throw Exception(result.error());
  return std::move(*result);
}
inline void or_throw(Result<void>&& result) {
  if (!result) throw Exception(result.error());
}

}  // namespace tfl

#endif
