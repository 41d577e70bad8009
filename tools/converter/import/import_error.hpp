#pragma once
// How readers say what they can't import.

#include <stdexcept>
#include <string>

namespace tfl::converter {

/// Why a file or one node of it can't be imported, in a sentence. Readers throw it; import() gathers it with the node at fault.
class ImportError : public std::runtime_error {
 public:
  /// `what`: the broken rule. `remedy`: what whoever made the model can do; may be empty.
  explicit ImportError(const std::string& what, std::string remedy = {}) : std::runtime_error(what), remedy_(std::move(remedy)) {}

  /// What is wrong and, where it is known, what to do.
  std::string sentence() const { return remedy_.empty() ? what() : what() + ("; " + remedy_); }

 private:
  std::string remedy_;
};

}  // namespace tfl::converter
