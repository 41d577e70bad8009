#pragma once
// Resource variables, shared by all subgraphs of an interpreter: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "tfl/kernels/op.hpp"
#include "tfl/runtime/frame.hpp"
#include "tfl/runtime/resources.hpp"

namespace tfl {

namespace detail {

constexpr Violation require_handle(const NodeDescription& node, int input) {
  if (node.input(input).type == TensorType::resource && node.input(input).count() == 1) return {};
  return input_violation(input, ErrorCode::invalid_type, "must be one resource");
}
inline std::int32_t handle_of(const Tensor& t) { return *reinterpret_cast<const std::int32_t*>(t.data); }

inline Result<ResourceVariable*> variable_of(Frame& frame) {
  ResourceVariable* variable = frame.resources().variable(handle_of(*frame.inputs()[0]));
  if (variable == nullptr) return frame.broken(input_violation(0, ErrorCode::invalid_value, "is the handle of no variable"));
  return variable;
}

/// A handle that a node gives out.
inline Result<bool> outline_handle(Frame& frame) {
  frame.outputs()[0]->description.shape = Shape{1};
  return true;
}
inline Result<void> give_handle(Frame& frame, std::int32_t handle) {
  if (handle < 0) return frame.fails(node_violation(ErrorCode::out_of_memory, "finds no memory for its resource"));
  const auto to = frame.give(0, Shape{1});
  if (!to) return to.error();
  std::memcpy(*to, &handle, sizeof handle);
  return {};
}

}  // namespace detail

/// VAR_HANDLE: -> the variable with the name in its options, as one resource.
struct VarHandle {
  static constexpr BuiltinOperator code = BuiltinOperator::VAR_HANDLE;
  static constexpr Arity inputs = 0, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::string_view container, name;  // in the file
    template <class Table> static Options read(const Table& table) {
      const auto text = [](const auto* s) { return s != nullptr ? std::string_view(s->c_str(), s->size()) : std::string_view(); };
      return {text(table.container()), text(table.shared_name())};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.output(0).type == TensorType::resource) return {};
    return output_violation(0, ErrorCode::invalid_type, "must be a resource");
  }
  static Result<bool> outline(const Options&, Frame& frame) { return detail::outline_handle(frame); }
  static Result<void> run(const Options& options, Frame& frame) {
    return detail::give_handle(frame, frame.resources().variable_handle(options.container, options.name));
  }
};

/// READ_VARIABLE: variable -> what was assigned last. Its shape is known only then.
struct ReadVariable {
  static constexpr BuiltinOperator code = BuiltinOperator::READ_VARIABLE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) { return detail::require_handle(node, 0); }
  static Result<bool> outline(const Options&, Frame&) { return false; }
  static Result<void> run(const Options&, Frame& frame) {
    const auto variable = detail::variable_of(frame);
    if (!variable) return variable.error();
    const TensorDescription& d = (*variable)->description;
    if (!d.present()) return frame.fails(input_violation(0, ErrorCode::invalid_value, "is a variable that nothing was assigned to yet"));
    if (d.type != frame.outputs()[0]->description.type)
      return frame.fails(output_violation(0, ErrorCode::invalid_type, "must have the type of what was assigned to the variable"));
    const auto to = frame.give(0, d.shape, d.string_bytes);
    if (!to) return to.error();
    if (d.bytes() > 0) std::memcpy(*to, (*variable)->bytes.data(), static_cast<std::size_t>(d.bytes()));
    return {};
  }
};

/// ASSIGN_VARIABLE: variable, value: the variable has the value's type, shape and elements from now on.
struct AssignVariable {
  static constexpr BuiltinOperator code = BuiltinOperator::ASSIGN_VARIABLE;
  static constexpr Arity inputs = 2, outputs = 0;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (!node.has_input(1)) return input_violation(1, ErrorCode::invalid_model, "must not be");
    return detail::require_handle(node, 0);
  }
  static Result<bool> outline(const Options&, Frame&) { return true; }
  static Result<void> run(const Options&, Frame& frame) {
    const auto variable = detail::variable_of(frame);
    if (!variable) return variable.error();
    const Tensor& value = *frame.inputs()[1];
    const auto bytes = static_cast<std::size_t>(value.description.bytes());
    Array<std::byte>& kept = (*variable)->bytes;
    if (kept.size() < bytes && !kept.allocate(frame.resources().allocator(), bytes)) {
      (*variable)->description = {};
      return frame.fails(node_violation(ErrorCode::out_of_memory, "finds no memory for {} bytes", value.description.bytes()));
    }
    if (bytes > 0) std::memcpy(kept.data(), value.data, bytes);
    TensorDescription& d = (*variable)->description;
    d.type = value.description.type;
    d.shape = value.description.shape;
    d.string_bytes = value.description.string_bytes;
    return {};
  }
};

}  // namespace tfl
