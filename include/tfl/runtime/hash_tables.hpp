#pragma once
// Hash tables from int64 to string or from string to int64, shared by all subgraphs of an interpreter: HASHTABLE, HASHTABLE_IMPORT,
// HASHTABLE_FIND, HASHTABLE_SIZE.

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "tfl/core/strings.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/runtime/frame.hpp"
#include "tfl/runtime/resources.hpp"
#include "tfl/runtime/variables.hpp"

namespace tfl {

namespace detail {

constexpr bool makes_table(TensorType key, TensorType value) {
  return (key == TensorType::int64 && value == TensorType::string) || (key == TensorType::string && value == TensorType::int64);
}

/// The table of input 0, if it has these types.
inline Result<HashTable*> table_of(Frame& frame) {
  HashTable* table = frame.resources().table(handle_of(*frame.inputs()[0]));
  if (table == nullptr) return frame.broken(input_violation(0, ErrorCode::invalid_value, "is the handle of no hash table"));
  return table;
}
inline Result<HashTable*> table_of(Frame& frame, TensorType key, TensorType value) {
  auto table = table_of(frame);
  if (table && ((*table)->key_type != key || (*table)->value_type != value))
    return frame.broken(input_violation(0, ErrorCode::invalid_type, "is a hash table of other types than the other tensors"));
  return table;
}
inline std::span<const std::byte> bytes_of_tensor(const Tensor& t) {
  return {t.data, t.data != nullptr ? static_cast<std::size_t>(t.description.bytes()) : 0};
}

}  // namespace detail

/// HASHTABLE: -> the table with the number in its options, as one resource.
struct Hashtable {
  static constexpr BuiltinOperator code = BuiltinOperator::HASHTABLE;
  static constexpr Arity inputs = 0, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t id = 0;
    TensorType key = TensorType::none, value = TensorType::none;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.table_id(), static_cast<TensorType>(table.key_dtype()), static_cast<TensorType>(table.value_dtype())};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (!detail::makes_table(options.key, options.value))
      return node_violation(ErrorCode::unsupported_type, "must map int64 to string or string to int64");
    if (node.output(0).type == TensorType::resource) return {};
    return output_violation(0, ErrorCode::invalid_type, "must be a resource");
  }
  static Result<bool> outline(const Options&, Frame& frame) { return detail::outline_handle(frame); }
  static Result<void> run(const Options& options, Frame& frame) {
    return detail::give_handle(frame, frame.resources().table_handle(options.id, options.key, options.value));
  }
};

/// HASHTABLE_IMPORT: table, keys, values of the same shape. Only the first import of a table counts.
struct HashtableImport {
  static constexpr BuiltinOperator code = BuiltinOperator::HASHTABLE_IMPORT;
  static constexpr Arity inputs = 3, outputs = 0;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_handle(node, 0)) return v;
    if (!detail::makes_table(node.input(1).type, node.input(2).type))
      return input_violation(1, ErrorCode::unsupported_type, "must be int64 with strings as values, or string with int64");
    if (!(node.input(1).shape == node.input(2).shape))
      return input_violation(2, ErrorCode::invalid_shape, "must have the shape of the keys");
    return {};
  }
  static Result<bool> outline(const Options&, Frame&) { return true; }
  static Result<void> run(const Options&, Frame& frame) {
    const Tensor &keys = *frame.inputs()[1], &values = *frame.inputs()[2];
    const auto table = detail::table_of(frame, keys.description.type, values.description.type);
    if (!table) return table.error();
    if ((*table)->imported()) return {};
    if (!(*table)->import(frame.resources().allocator(), detail::bytes_of_tensor(keys), detail::bytes_of_tensor(values),
                          static_cast<std::int32_t>(keys.description.count()))) {
      return frame.fails(node_violation(ErrorCode::out_of_memory, "finds no memory for its table"));
    }
    return {};
  }
};

/// HASHTABLE_FIND: table, keys, default (one value) -> for each key its value, or the default.
struct HashtableFind {
  static constexpr BuiltinOperator code = BuiltinOperator::HASHTABLE_FIND;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::require_handle(node, 0)) return v;
    if (!detail::makes_table(node.input(1).type, node.output(0).type))
      return input_violation(1, ErrorCode::unsupported_type, "must be int64 with strings as values, or string with int64");
    if (node.input(2).type != node.output(0).type) return input_violation(2, ErrorCode::invalid_type, "must have the type of the values");
    if (node.input(2).count() != 1) return input_violation(2, ErrorCode::invalid_shape, "must have one element");
    return {};
  }
  static Result<bool> outline(const Options&, Frame& frame) {
    frame.outputs()[0]->description.shape = frame.inputs()[1]->description.shape;
    return frame.outputs()[0]->description.type != TensorType::string;
  }
  static Result<void> run(const Options&, Frame& frame) {
    const Tensor &keys = *frame.inputs()[1], &fallback = *frame.inputs()[2];
    const auto found = detail::table_of(frame, keys.description.type, fallback.description.type);
    if (!found) return found.error();
    const HashTable& table = **found;
    if (!table.imported())
      return frame.fails(input_violation(0, ErrorCode::invalid_value, "is a hash table that nothing was imported to yet"));
    const auto count = static_cast<std::int32_t>(keys.description.count());
    if (fallback.description.type == TensorType::int64) {
      const auto to = frame.give(0, keys.description.shape);
      if (!to) return to.error();
      for (std::int32_t i = 0; i < count; ++i) {
        const std::int32_t at = table.find(keys.data, i);
        std::memcpy(*to + 8 * std::ptrdiff_t{i}, at >= 0 ? table.values() + 8 * std::ptrdiff_t{at} : fallback.data, 8);
      }
      return {};
    }
    const auto value = [&](std::int32_t i) {
      const std::int32_t at = table.find(keys.data, i);
      return at >= 0 ? Strings(table.values())[at] : Strings(fallback.data)[0];
    };
    std::int64_t characters = 0;
    for (std::int32_t i = 0; i < count; ++i) characters += static_cast<std::int64_t>(value(i).size());
    const auto to = frame.give(0, keys.description.shape, string_bytes_for(count, characters));
    if (!to) return to.error();
    StringsWriter writer(*to, count);
    for (std::int32_t i = 0; i < count; ++i) writer.add(value(i));
    return {};
  }
};

/// HASHTABLE_SIZE: table -> [1] int64, the number of its keys.
struct HashtableSize {
  static constexpr BuiltinOperator code = BuiltinOperator::HASHTABLE_SIZE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.output(0).type != TensorType::int64) return output_violation(0, ErrorCode::invalid_type, "must be int64");
    return detail::require_handle(node, 0);
  }
  static Result<bool> outline(const Options&, Frame& frame) {
    frame.outputs()[0]->description.shape = Shape{1};
    return true;
  }
  static Result<void> run(const Options&, Frame& frame) {
    const auto table = detail::table_of(frame);
    if (!table) return table.error();
    const auto to = frame.give(0, Shape{1});
    if (!to) return to.error();
    const std::int64_t size = (*table)->size();
    std::memcpy(*to, &size, sizeof size);
    return {};
  }
};

}  // namespace tfl
