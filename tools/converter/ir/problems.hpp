#pragma once
// What is wrong with a model: all of it at once, so that a user can mend a model in one go.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace tfl::converter {

struct Problem {
  std::string where;     // "node 'block1/conv' (tf.Conv2D)"; empty: the file as a whole
  std::string sentence;  // what is wrong and what to do
  /// "node 'block1/conv' (tf.Conv2D): ..."
  std::string text() const { return where.empty() ? sentence : where + ": " + sentence; }
};

/// Collects problems. A step that finds one goes on where it can, and its caller asks `any()` before it uses the result.
class Problems {
 public:
  void add(std::string where, std::string sentence) {
    ++count_;
    if (list_.size() < most_kept) list_.push_back({std::move(where), std::move(sentence)});
  }
  /// About the file as a whole.
  void add(std::string sentence) { add({}, std::move(sentence)); }
  /// Something that the user should know and that doesn't prevent a result.
  void warn(std::string where, std::string sentence) {
    if (warnings_.size() < most_kept) warnings_.push_back({std::move(where), std::move(sentence)});
  }

  bool any() const { return count_ != 0; }
  std::size_t count() const { return count_; }
  /// The first ones; a hostile file could have millions.
  const std::vector<Problem>& list() const { return list_; }
  const std::vector<Problem>& warnings() const { return warnings_; }
  /// One problem a line.
  std::string text() const {
    std::string result;
    for (const Problem& p : list_) result += p.text() + '\n';
    if (count_ > list_.size()) result += "... and " + std::to_string(count_ - list_.size()) + " more\n";
    return result;
  }

 private:
  static constexpr std::size_t most_kept = 200;
  std::vector<Problem> list_, warnings_;
  std::size_t count_ = 0;
};

}  // namespace tfl::converter
