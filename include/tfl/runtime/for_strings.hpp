#pragma once
// Ops that only move elements, on strings: the op moves the elements' numbers, and the strings follow.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tfl/core/memory.hpp"
#include "tfl/core/strings.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

/// Op for nodes whose elements are strings. Op must be one that copies elements without looking at them, in every signature of 4 bytes.
///
///     using Ops = OpRegistry<Gather, ForStrings<Gather>>;
template <class Op> struct ForStrings : Op {
  static constexpr bool for_strings = true;

  template <class A, class E> class Entry {
    using Plain = detail::Thunk<A, E, Op>;
    static constexpr int most_tensors = 32;

    /// The node with int32 in place of strings.
    struct Numbered {
      std::array<TensorDescription, most_tensors> descriptions;
      std::array<const TensorDescription*, most_tensors> inputs{};
      std::array<TensorDescription*, most_tensors> outputs{};
      std::int64_t numbers = 0, picks = 0;  // strings of the inputs and of the outputs

      NodeDescription describe(const NodeDescription& node) {
        std::size_t next = 0;
        const auto numbered = [&](const TensorDescription& from, std::int64_t& strings) {
          TensorDescription& to = descriptions[next++];
          to = from;
          if (from.type != TensorType::string) return &to;
          strings += from.count();
          to.type = TensorType::int32;
          to.is_constant = false;
          return &to;
        };
        for (int i = 0; i < node.input_count(); ++i) {
          if (node.has_input(i)) inputs[static_cast<std::size_t>(i)] = numbered(node.input(i), numbers);
        }
        for (int k = 0; k < node.output_count(); ++k) outputs[static_cast<std::size_t>(k)] = numbered(node.output(k), picks);
        return {{inputs.data(), static_cast<std::size_t>(node.input_count())},
                {outputs.data(), static_cast<std::size_t>(node.output_count())},
                node.version()};
      }
    };
    static std::size_t room(std::int64_t numbers) {
      return align_up(static_cast<std::size_t>(numbers) * sizeof(std::int32_t), arena_alignment);
    }

    static Violation infer(const void* options, const NodeDescription& node) {
      if (node.input_count() + node.output_count() > most_tensors)
        return node_violation(ErrorCode::unsupported_op, "has more than {} tensors, which is too many for strings", most_tensors);
      for (int k = 0; k < node.output_count(); ++k) {
        if (node.output(k).type != TensorType::string) return output_violation(k, ErrorCode::invalid_type, "must be string");
      }
      if (const Violation v = Plain::infer(options, node)) return v;
      return data_decides_shape();
    }
    static Needs needs(const void* options, const NodeDescription& node) {
      Numbered numbered;
      Needs needs = Plain::needs(options, numbered.describe(node));
      needs.scratch_bytes += static_cast<std::int64_t>(room(numbered.numbers) + room(numbered.picks));
      needs.packed_bytes = 0;
      return needs;
    }
    /// Leaves in the scratch memory, for each string of the outputs, its number among those of the inputs.
    static Violation measure(const NodeCall& call, const NodeDescription& node) {
      Numbered numbered;
      const NodeDescription described = numbered.describe(node);
      std::array<Tensor, most_tensors> tensors;
      std::array<Tensor*, most_tensors> inputs{}, outputs{};
      auto* number = reinterpret_cast<std::int32_t*>(call.scratch);
      auto* pick = reinterpret_cast<std::int32_t*>(call.scratch + room(numbered.numbers));
      std::int32_t next_number = 0;
      std::size_t next = 0;
      for (std::size_t i = 0; i < call.inputs.size(); ++i) {
        if (call.inputs[i] == nullptr) continue;
        Tensor& t = tensors[next++];
        inputs[i] = &t;
        t.description = described.input(static_cast<int>(i));
        t.data = call.inputs[i]->data;
        if (call.inputs[i]->description.type != TensorType::string) continue;
        t.data = reinterpret_cast<std::byte*>(number);
        for (std::int64_t k = 0; k < t.description.count(); ++k) *number++ = next_number++;
      }
      for (std::size_t k = 0; k < call.outputs.size(); ++k) {
        Tensor& t = tensors[next++];
        outputs[k] = &t;
        t.description = described.output(static_cast<int>(k));
        t.data = reinterpret_cast<std::byte*>(pick);
        pick += t.description.count();
      }
      NodeCall inner = call;
      inner.inputs = {inputs.data(), call.inputs.size()};
      inner.outputs = {outputs.data(), call.outputs.size()};
      inner.packed = nullptr;
      inner.scratch = call.scratch + room(numbered.numbers) + room(numbered.picks);
      EvalFunction eval = nullptr;
      PackFunction pack = nullptr;
      if (const Violation v = Plain::prepare(inner, described, eval, pack)) return v;
      if (const Violation v = eval(inner)) return v;
      for (std::size_t k = 0; k < call.outputs.size(); ++k) {
        const auto* picked = reinterpret_cast<const std::int32_t*>(outputs[k]->data);
        const std::int64_t count = outputs[k]->description.count();
        std::int64_t characters = 0;
        for (std::int64_t i = 0; i < count; ++i) characters += static_cast<std::int64_t>(string_at(call, picked[i]).size());
        TensorDescription& to = node.output(static_cast<int>(k));
        to.string_bytes = string_bytes_for(count, characters);
        if (to.string_bytes < 0) {
          to.string_bytes = 0;
          return output_violation(static_cast<int>(k), ErrorCode::invalid_shape, "would take more than 2^31 - 1 bytes");
        }
      }
      return {};
    }
    static Violation prepare(const NodeCall&, const NodeDescription&, EvalFunction& eval, PackFunction&) {
      eval = &write;
      return {};
    }
    static Violation write(const NodeCall& call) {
      std::int64_t numbers = 0;
      for (const Tensor* t : call.inputs) {
        if (t != nullptr && t->description.type == TensorType::string) numbers += t->description.count();
      }
      const auto* picked = reinterpret_cast<const std::int32_t*>(call.scratch + room(numbers));
      for (const Tensor* t : call.outputs) {
        const std::int64_t count = t->description.count();
        StringsWriter writer(t->data, count);
        for (std::int64_t i = 0; i < count; ++i) writer.add(string_at(call, *picked++));
      }
      return {};
    }
    static std::string_view string_at(const NodeCall& call, std::int64_t number) {
      for (const Tensor* t : call.inputs) {
        if (t == nullptr || t->description.type != TensorType::string) continue;
        if (number < t->description.count()) return Strings(detail::address(*t))[number];
        number -= t->description.count();
      }
      return {};
    }

   public:
    static constexpr OpEntry entry = [] {
      OpEntry e = Plain::entry;
      e.for_strings = true;
      e.traits = {};
      e.infer = &infer;
      e.needs = &needs;
      e.measure = &measure;
      e.prepare = &prepare;
      e.part_offset = nullptr;
      e.activation = nullptr;
      e.border = nullptr;
      e.take_border = nullptr;
      return e;
    }();
  };
};

}  // namespace tfl
