#pragma once
// What survives from one invoke of an interpreter to the next besides variable tensors: resource variables and hash tables, which all
// subgraphs share. A tensor of type resource holds one int32: the handle.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/strings.hpp"
#include "tfl/core/tensor.hpp"

namespace tfl {

/// A variable that nodes read and assign by its handle.
struct ResourceVariable {
  std::string_view container, name;
  TensorDescription description;  // of what was assigned last; type none before the first time
  Array<std::byte> bytes;         // at least description.bytes()
};

/// A table that is filled once.
class HashTable {
 public:
  std::int32_t id = 0;
  TensorType key_type = TensorType::none, value_type = TensorType::none;

  std::int64_t size() const { return static_cast<std::int64_t>(order_.size()); }

  /// Copies keys and values. Of equal keys the first counts. False where memory lacks.
  [[nodiscard]] bool import(Allocator a, std::span<const std::byte> keys, std::span<const std::byte> values, std::int32_t count) {
    Array<std::int32_t> order;
    if (!keys_.allocate(a, keys.size()) || !values_.allocate(a, values.size()) || !order.allocate(a, static_cast<std::size_t>(count)))
      return false;
    if (!keys.empty()) std::memcpy(keys_.data(), keys.data(), keys.size());
    if (!values.empty()) std::memcpy(values_.data(), values.data(), values.size());
    for (std::int32_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
    std::sort(order.begin(), order.end(), [&](std::int32_t x, std::int32_t y) {
      const int c = compare(keys_.data(), x, keys_.data(), y);
      return c != 0 ? c < 0 : x < y;
    });
    const auto last = std::unique(order.begin(), order.end(),
                                  [&](std::int32_t x, std::int32_t y) { return compare(keys_.data(), x, keys_.data(), y) == 0; });
    const auto different = static_cast<std::size_t>(last - order.begin());
    if (!order_.allocate(a, different)) return false;
    std::copy(order.begin(), last, order_.begin());
    imported_ = true;
    return true;
  }
  bool imported() const { return imported_; }

  /// The position of the value for element `i` of a tensor of keys, or -1.
  std::int32_t find(const std::byte* keys, std::int32_t i) const {
    const auto* at = std::lower_bound(order_.begin(), order_.end(), i,
                                      [&](std::int32_t x, std::int32_t key) { return compare(keys_.data(), x, keys, key) < 0; });
    return at != order_.end() && compare(keys_.data(), *at, keys, i) == 0 ? *at : -1;
  }
  const std::byte* values() const { return values_.data(); }

 private:
  int compare(const std::byte* a, std::int32_t i, const std::byte* b, std::int32_t k) const {
    if (key_type == TensorType::string) return Strings(a)[i].compare(Strings(b)[k]);
    std::int64_t x = 0, y = 0;
    std::memcpy(&x, a + 8 * std::ptrdiff_t{i}, 8);
    std::memcpy(&y, b + 8 * std::ptrdiff_t{k}, 8);
    return x < y ? -1 : x > y ? 1 : 0;
  }

  Array<std::byte> keys_, values_;
  Array<std::int32_t> order_;  // positions of the different keys, sorted
  bool imported_ = false;
};

/// The resources of one interpreter. Handles count from 0 in each kind.
class Resources {
 public:
  explicit Resources(Allocator allocator) : allocator_(allocator) {}

  Allocator allocator() const { return allocator_; }

  /// The handle of the variable with this name, which is made where it is new; -1 where memory lacks. Keeps the views.
  std::int32_t variable_handle(std::string_view container, std::string_view name) {
    for (std::size_t i = 0; i < variables_.size(); ++i) {
      if (variables_[i].container == container && variables_[i].name == name) return static_cast<std::int32_t>(i);
    }
    if (!grow(variables_)) return -1;
    variables_[variables_.size() - 1].container = container;
    variables_[variables_.size() - 1].name = name;
    return static_cast<std::int32_t>(variables_.size() - 1);
  }
  /// Null where the handle is none.
  ResourceVariable* variable(std::int32_t handle) {
    return handle >= 0 && static_cast<std::size_t>(handle) < variables_.size() ? &variables_[static_cast<std::size_t>(handle)] : nullptr;
  }
  std::int32_t table_handle(std::int32_t id, TensorType key_type, TensorType value_type) {
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      const HashTable& t = tables_[i];
      if (t.id == id && t.key_type == key_type && t.value_type == value_type) return static_cast<std::int32_t>(i);
    }
    if (!grow(tables_)) return -1;
    HashTable& table = tables_[tables_.size() - 1];
    table.id = id;
    table.key_type = key_type;
    table.value_type = value_type;
    return static_cast<std::int32_t>(tables_.size() - 1);
  }
  HashTable* table(std::int32_t handle) {
    return handle >= 0 && static_cast<std::size_t>(handle) < tables_.size() ? &tables_[static_cast<std::size_t>(handle)] : nullptr;
  }

  /// Whether something that happens once, told apart by a number, is still to happen; false where memory lacks, too. Marks it as done.
  bool first_time(std::int32_t what) {
    for (const std::int32_t done : done_) {
      if (done == what) return false;
    }
    if (!grow(done_)) return false;
    done_[done_.size() - 1] = what;
    return true;
  }
  /// It failed and is to happen again.
  void not_done(std::int32_t what) {
    for (std::int32_t& done : done_) {
      if (done == what) done = -1;
    }
  }

  /// Everything as before the first invoke. Handles stay.
  void reset() {
    for (ResourceVariable& v : variables_) {
      v.description = {};
      v.bytes.reset();
    }
    for (HashTable& t : tables_) {
      HashTable empty;
      empty.id = t.id;
      empty.key_type = t.key_type;
      empty.value_type = t.value_type;
      t = std::move(empty);
    }
    done_.reset();
  }

 private:
  /// One element more at the end.
  template <class T> [[nodiscard]] bool grow(Array<T>& list) {
    Array<T> longer;
    if (!longer.allocate(allocator_, list.size() + 1)) return false;
    for (std::size_t i = 0; i < list.size(); ++i) longer[i] = std::move(list[i]);
    list = std::move(longer);
    return true;
  }

  Allocator allocator_;
  Array<ResourceVariable> variables_;
  Array<HashTable> tables_;
  Array<std::int32_t> done_;
};

}  // namespace tfl
