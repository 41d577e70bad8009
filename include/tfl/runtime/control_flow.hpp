#pragma once
// Ops that run other subgraphs of the model: IF, WHILE, CALL_ONCE, CALL, STABLEHLO_CASE, STABLEHLO_COMPOSITE.
// Outputs whose shapes follow from those of the inputs are planned as any other tensor; the rest gets its shape and memory while running.

#include <cstdint>
#include <span>

#include "tfl/kernels/op.hpp"
#include "tfl/runtime/frame.hpp"
#include "tfl/runtime/resources.hpp"

namespace tfl {

namespace detail {

constexpr Violation require_one_element(const NodeDescription& node, int input, TensorType type, const char* rule) {
  if (node.input(input).type == type && node.input(input).count() == 1) return {};
  return input_violation(input, ErrorCode::invalid_type, rule);
}

/// A subgraph whose outputs become the node's, one each.
inline Violation require_outputs(const Frame& frame, std::int32_t subgraph, TensorList found) {
  if (found.size() == frame.outputs().size()) return {};
  return node_violation(ErrorCode::invalid_model, "has {} outputs, but subgraph {} gives {}",
                        static_cast<std::int64_t>(frame.outputs().size()), subgraph, static_cast<std::int64_t>(found.size()));
}

/// Whether all outputs of the subgraph have shapes that are known for these inputs. Sets the node's, or compares with those that another
/// subgraph has set.
inline Result<bool> outline_call(Frame& frame, std::int32_t subgraph, TensorList inputs, bool is_first) {
  const auto found = frame.infer(subgraph, inputs);
  if (!found) return found.error();
  if (const Violation v = require_outputs(frame, subgraph, *found)) return frame.broken(v);
  bool known = true;
  for (std::size_t k = 0; k < found->size(); ++k) {
    const Tensor& from = *(*found)[k];
    TensorDescription& to = frame.outputs()[k]->description;
    if (is_first) to.shape = from.description.shape;
    if (!to.present()) to.type = from.description.type;  // the file leaves the output out
    known = known && !from.is_dynamic && to.shape == from.description.shape && to.type != TensorType::string;
  }
  return known;
}

inline Result<void> run_call(Frame& frame, std::int32_t subgraph, TensorList inputs) {
  const auto found = frame.call(subgraph, inputs);
  if (!found) return found.error();
  if (const Violation v = require_outputs(frame, subgraph, *found)) return frame.broken(v);
  return frame.store(*found);
}

/// One of several subgraphs runs, on the inputs from the second on.
inline Result<bool> outline_choice(Frame& frame, std::span<const std::int32_t> branches) {
  bool known = true;
  for (std::size_t b = 0; b < branches.size(); ++b) {
    const auto r = outline_call(frame, branches[b], frame.inputs().subspan(1), b == 0);
    if (!r) return r.error();
    known = known && *r;
  }
  return known;
}

}  // namespace detail

/// IF: condition (one bool), inputs... -> the outputs of one subgraph where it is true, of another one where it is false.
struct If {
  static constexpr BuiltinOperator code = BuiltinOperator::IF;
  static constexpr Arity inputs{1, any_number}, outputs{0, any_number};
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t branches[2] = {-1, -1};  // where true, where false
    template <class Table> static constexpr Options read(const Table& table) {
      return {{table.then_subgraph_index(), table.else_subgraph_index()}};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    return detail::require_one_element(node, 0, TensorType::boolean, "must be one bool");
  }
  static Result<bool> outline(const Options& options, Frame& frame) { return detail::outline_choice(frame, options.branches); }
  static Result<void> run(const Options& options, Frame& frame) {
    const bool condition = *frame.inputs()[0]->data != std::byte{0};
    return detail::run_call(frame, options.branches[condition ? 0 : 1], frame.inputs().subspan(1));
  }
};

/// STABLEHLO_CASE: index (one int32), inputs... -> the outputs of the subgraph with this index; of the last one where it is out of range.
struct StablehloCase {
  static constexpr BuiltinOperator code = BuiltinOperator::STABLEHLO_CASE;
  static constexpr Arity inputs{1, any_number}, outputs{0, any_number};
  static constexpr int max_version = 1;

  struct Options {
    std::span<const std::int32_t> branches;  // in the file
    template <class Table> static Options read(const Table& table) {
      const auto* list = table.branch_subgraph_indices();
      if (list == nullptr) return {};
      return {{list->data(), list->size()}};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (options.branches.empty()) return node_violation(ErrorCode::invalid_option, "has no branches");
    return detail::require_one_element(node, 0, TensorType::int32, "must be one int32");
  }
  static Result<bool> outline(const Options& options, Frame& frame) { return detail::outline_choice(frame, options.branches); }
  static Result<void> run(const Options& options, Frame& frame) {
    const std::int32_t wanted = *reinterpret_cast<const std::int32_t*>(frame.inputs()[0]->data);
    const auto last = static_cast<std::int32_t>(options.branches.size() - 1);
    const std::int32_t branch = wanted < 0 || wanted > last ? last : wanted;
    return detail::run_call(frame, options.branches[static_cast<std::size_t>(branch)], frame.inputs().subspan(1));
  }
};

/// WHILE: inputs... -> what they are after a body has changed them for as long as a condition on them holds. Both are subgraphs.
struct While {
  static constexpr BuiltinOperator code = BuiltinOperator::WHILE;
  static constexpr Arity inputs{0, any_number}, outputs{0, any_number};
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t condition = -1, body = -1;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.cond_subgraph_index(), table.body_subgraph_index()};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input_count() != node.output_count())
      return node_violation(ErrorCode::invalid_model, "has {} inputs, but {} outputs", node.input_count(), node.output_count());
    for (int k = 0; k < node.input_count(); ++k) {
      if (!node.has_input(k)) return input_violation(k, ErrorCode::invalid_model, "must not be");
      if (!node.output(k).present()) node.output(k).type = node.input(k).type;  // the file leaves it out, the loop may need it
      if (const Violation v = require_same_type(node, k, k)) return v;
    }
    return {};
  }
  static Result<bool> outline(const Options& options, Frame& frame) {
    const auto condition = frame.infer(options.condition, frame.inputs());
    if (!condition) return condition.error();
    auto known = detail::outline_call(frame, options.body, frame.inputs(), true);
    if (!known || !*known) return known;
    for (std::size_t k = 0; k < frame.inputs().size(); ++k) {
      if (!(frame.inputs()[k]->description.shape == frame.outputs()[k]->description.shape)) return false;
    }
    return true;
  }
  static Result<void> run(const Options& options, Frame& frame) {
    if (auto r = frame.store(frame.inputs()); !r) return r;
    for (;;) {
      const auto condition = frame.call(options.condition, frame.outputs());
      if (!condition) return condition.error();
      // Of a condition that has grown with the loop's tensors the first element counts, as in TFLite.
      if (condition->size() != 1 || (*condition)[0]->description.type != TensorType::boolean || (*condition)[0]->description.count() < 1) {
        return frame.fails(
            node_violation(ErrorCode::invalid_model, "has a condition, subgraph {}, that does not give a bool", options.condition));
      }
      if (*(*condition)[0]->data == std::byte{0}) return {};
      if (auto r = detail::run_call(frame, options.body, frame.outputs()); !r) return r;
    }
  }
};

/// CALL_ONCE: runs a subgraph without inputs and outputs in the first invoke of an interpreter, to fill its variables and tables.
struct CallOnce {
  static constexpr BuiltinOperator code = BuiltinOperator::CALL_ONCE;
  static constexpr Arity inputs = 0, outputs = 0;
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t subgraph = -1;
    template <class Table> static constexpr Options read(const Table& table) { return {table.init_subgraph_index()}; }
  };

  static constexpr Violation infer(const Options&, const NodeDescription&) { return {}; }
  static Result<bool> outline(const Options& options, Frame& frame) { return detail::outline_call(frame, options.subgraph, {}, true); }
  static Result<void> run(const Options& options, Frame& frame) {
    if (!frame.resources().first_time(options.subgraph)) return {};
    auto r = detail::run_call(frame, options.subgraph, {});
    if (!r) frame.resources().not_done(options.subgraph);
    return r;
  }
};

/// A subgraph in place of a node.
template <BuiltinOperator Code> struct CallOf {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs{0, any_number}, outputs{0, any_number};
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t subgraph = -1;
    template <class Table> static constexpr Options read(const Table& table) {
      if constexpr (requires { table.decomposition_subgraph_index(); }) {
        return {table.decomposition_subgraph_index()};
      } else {
        return {static_cast<std::int32_t>(table.subgraph())};
      }
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription&) { return {}; }
  static Result<bool> outline(const Options& options, Frame& frame) {
    return detail::outline_call(frame, options.subgraph, frame.inputs(), true);
  }
  static Result<void> run(const Options& options, Frame& frame) { return detail::run_call(frame, options.subgraph, frame.inputs()); }
};

/// CALL: the outputs of a subgraph.
using Call = CallOf<BuiltinOperator::CALL>;
/// STABLEHLO_COMPOSITE: a named op that the model brings along as a subgraph.
using StablehloComposite = CallOf<BuiltinOperator::STABLEHLO_COMPOSITE>;

}  // namespace tfl
