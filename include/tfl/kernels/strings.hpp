#pragma once
// Ops on strings: EQUAL and NOT_EQUAL of strings, HASHTABLE_LOOKUP, SKIP_GRAM.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "tfl/core/strings.hpp"
#include "tfl/kernels/broadcast.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// Sets the bytes of a string output.
inline Violation set_string_bytes(const NodeDescription& node, int output, std::int64_t count, std::int64_t characters) {
  const std::int64_t bytes = string_bytes_for(count, characters);
  if (bytes < 0) return output_violation(output, ErrorCode::invalid_shape, "would take more than 2^31 - 1 bytes");
  node.output(output).string_bytes = bytes;
  return {};
}

/// a == b (or not) of strings that broadcast
template <BuiltinOperator Code, bool Equals> struct StringComparison {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 4;
  static constexpr bool for_strings = true;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (node.input(i).type != TensorType::string)
        return input_violation(i, ErrorCode::invalid_type, "must be string, as the other input");
    }
    if (node.output(0).type != TensorType::boolean) return output_violation(0, ErrorCode::invalid_type, "must be bool");
    return broadcast_shape<2>(node, node.output(0).shape);
  }

  struct Prepared {
    Shape shape;
    std::array<std::array<std::int32_t, max_rank>, 2> steps{};  // strings from one index to the next, of both inputs
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    p.shape = node.output(0).shape;
    for (int i = 0; i < 2; ++i) {
      std::int32_t step = 1;
      for (int axis = p.shape.rank() - 1; axis >= 0; --axis) {
        const std::int32_t extent = aligned_dimension(node.input(i).shape, axis, p.shape.rank());
        p.steps[static_cast<std::size_t>(i)][static_cast<std::size_t>(axis)] = extent == 1 ? 0 : step;
        step *= extent;
      }
    }
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In a, In b, Out out) {
    const Prepared& p = run.prepared;
    const Strings x(a.data()), y(b.data());
    for (std::int64_t i = 0; i < out.count(); ++i) {
      std::int64_t at_x = 0, at_y = 0, rest = i;
      for (int axis = p.shape.rank() - 1; axis >= 0; --axis) {
        const std::int64_t index = rest % p.shape[axis];
        rest /= p.shape[axis];
        at_x += index * p.steps[0][static_cast<std::size_t>(axis)];
        at_y += index * p.steps[1][static_cast<std::size_t>(axis)];
      }
      out[i] = (x[at_x] == y[at_y]) == Equals;
    }
  }

  using Types = Signatures<Signature<Takes<StringData, StringData>, Gives<Boolean>>>;
};

}  // namespace detail

/// EQUAL of strings
using EqualStrings = detail::StringComparison<BuiltinOperator::EQUAL, true>;
/// NOT_EQUAL of strings
using NotEqualStrings = detail::StringComparison<BuiltinOperator::NOT_EQUAL, false>;

/// HASHTABLE_LOOKUP: wanted[k], keys[n] (both int32, the keys sorted), values[n, ...] -> for each that is wanted the value with its key, or
/// zeros (an empty string), and whether there is one (uint8).
struct HashtableLookup {
  static constexpr BuiltinOperator code = BuiltinOperator::HASHTABLE_LOOKUP;
  static constexpr Arity inputs = 3, outputs = 2;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 2; ++i) {
      if (const Violation v = require_rank(node, i, 1)) return v;
      if (node.input(i).type != TensorType::int32) return input_violation(i, ErrorCode::invalid_type, "must be int32");
    }
    const bool strings = node.input(2).type == TensorType::string;
    if (const Violation v = require_rank_between(node, 2, 1, strings ? 1 : max_rank)) return v;
    if (node.input(2).shape[0] != node.input(1).shape[0])
      return input_violation(2, ErrorCode::invalid_shape, "must have one row for each of the {} keys", node.input(1).shape[0]);
    if (const Violation v = require_same_type(node, 0, 2)) return v;
    if (node.output(1).type != TensorType::uint8) return output_violation(1, ErrorCode::invalid_type, "must be uint8");
    node.output(0).shape = node.input(2).shape;
    node.output(0).shape[0] = node.input(0).shape[0];
    node.output(1).shape = node.input(0).shape;
    return strings ? data_decides_shape() : Violation{};
  }
  static Violation measure(const Options&, const NodeDescription& node, const InputData& inputs, std::byte*) {
    const auto* wanted = inputs.at<std::int32_t>(0);
    const Strings values(inputs.at<StringData>(2));
    std::int64_t characters = 0;
    for (std::int64_t i = 0; i < node.input(0).count(); ++i) {
      characters += static_cast<std::int64_t>(values[find(inputs.at<std::int32_t>(1), node.input(1).count(), wanted[i])].size());
    }
    return detail::set_string_bytes(node, 0, node.input(0).count(), characters);
  }

  struct Prepared {
    std::int64_t row_bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{bytes_of(node.input(2).type, node.input(2).shape.count(1, node.input(2).rank()))};
  }

  template <class Run, class Keys, class Values, class Out, class Hits>
  static void eval(const Run& run, Keys wanted, Keys keys, Values values, Out out, Hits hits) {
    if constexpr (std::is_same_v<typename Values::value_type, StringData>) {
      StringsWriter writer(out.data(), wanted.count());
      const Strings strings(values.data());
      for (std::int64_t i = 0; i < wanted.count(); ++i) {
        const std::int64_t row = find(keys.data(), keys.count(), wanted[i]);
        hits[i] = row >= 0 ? 1 : 0;
        writer.add(strings[row]);
      }
    } else {
      const auto bytes = static_cast<std::size_t>(run.prepared.row_bytes);
      const auto* from = reinterpret_cast<const std::byte*>(values.data());
      auto* to = reinterpret_cast<std::byte*>(out.data());
      for (std::int64_t i = 0; i < wanted.count(); ++i, to += bytes) {
        const std::int64_t row = find(keys.data(), keys.count(), wanted[i]);
        hits[i] = row >= 0 ? 1 : 0;
        if (row >= 0) {
          std::memcpy(to, from + row * run.prepared.row_bytes, bytes);
        } else {
          std::memset(to, 0, bytes);
        }
      }
    }
  }

  template <class T> using Of = Signature<Takes<std::int32_t, std::int32_t, T>, Gives<T, std::uint8_t>>;
  using Types = Signatures<Of<StringData>, Of<Raw<1>>, Of<Raw<2>>, Of<Raw<4>>, Of<Raw<8>>>;

 private:
  /// The position of a key, or -1.
  static std::int64_t find(const std::int32_t* keys, std::int64_t count, std::int32_t key) {
    std::int64_t first = 0, last = count;
    while (first < last) {
      const std::int64_t middle = (first + last) / 2;
      if (keys[middle] == key) return middle;
      if (keys[middle] < key) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return -1;
  }
};

/// SKIP_GRAM: one string -> its word groups of ngram_size words (or of 1 to ngram_size), in which up to max_skip_size words in a row are
/// left out, joined by blanks.
struct SkipGram {
  static constexpr BuiltinOperator code = BuiltinOperator::SKIP_GRAM;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t size = 0, skip = 0;
    bool all_sizes = false;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.ngram_size(), table.max_skip_size(), table.include_all_ngrams()};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::string) return input_violation(0, ErrorCode::invalid_type, "must be string");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    return data_decides_shape();
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    const std::int64_t words = node.input(0).string_bytes / 2 + 2;
    return {.scratch_bytes = words * static_cast<std::int64_t>(sizeof(std::string_view) + sizeof(std::int32_t))};
  }
  static Violation measure(const Options& options, const NodeDescription& node, const InputData& inputs, std::byte* scratch) {
    std::int64_t count = 0, characters = 0;
    const Grams grams(options, Strings(inputs.at<StringData>(0))[0], node.input(0).string_bytes, scratch);
    const bool ended = grams.each([&](std::span<const std::int32_t> gram) {
      ++count;
      characters += static_cast<std::int64_t>(gram.size()) - 1;
      for (const std::int32_t word : gram) characters += static_cast<std::int64_t>(grams.word(word).size());
      return string_bytes_for(count, characters) >= 0;
    });
    if (!ended)
      return node_violation(ErrorCode::invalid_value, "would take more than 2^31 - 1 bytes, or too long, for its groups of words");
    node.output(0).shape = Shape{static_cast<std::int32_t>(count)};
    return detail::set_string_bytes(node, 0, count, characters);
  }

  struct Prepared {
    Options options;
    std::int64_t bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{options, node.input(0).string_bytes};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const Grams grams(run.prepared.options, Strings(in.data())[0], run.prepared.bytes, run.scratch);
    StringsWriter writer(out.data(), out.count());
    grams.each([&](std::span<const std::int32_t> gram) {
      for (std::size_t i = 0; i < gram.size(); ++i) {
        if (i > 0) writer.extend(" ");
        writer.extend(grams.word(gram[i]));
      }
      writer.end();
      return true;
    });
  }

  using Types = Signatures<Signature<Takes<StringData>, Gives<StringData>>>;

 private:
  class Grams {
   public:
    /// `bytes`: of the input tensor, which decide how much scratch there is.
    Grams(const Options& options, std::string_view text, std::int64_t bytes, std::byte* scratch)
        : options_(options),
          words_(reinterpret_cast<std::string_view*>(scratch)),
          chosen_(reinterpret_cast<std::int32_t*>(scratch + (bytes / 2 + 2) * static_cast<std::int64_t>(sizeof(std::string_view)))) {
      // As TFLite has it: a blank at the very start belongs to the first word.
      std::size_t first = 0;
      for (std::size_t i = 1; i < text.size(); ++i) {
        if (!is_space(text[i])) continue;
        if (i > first && !is_space(text[first])) words_[count_++] = text.substr(first, i - first);
        first = i + 1;
      }
      if (first < text.size()) words_[count_++] = text.substr(first);
    }
    std::string_view word(std::int32_t i) const { return words_[i]; }

    /// Calls f with each group's words until it answers false. False where it did, or where there are too many ways to go through.
    template <class F> bool each(F f) const {
      constexpr std::int64_t most_steps = 1 << 24;
      const std::int32_t size = options_.size;
      if (size < 0 || count_ < size) return true;
      // Depth first: chosen_[depth] is the last word tried there.
      for (std::int32_t i = 0; i < size; ++i) chosen_[i] = 0;
      std::int64_t steps = 0;
      for (std::int32_t depth = 1; depth >= 0;) {
        if (++steps > most_steps) return false;
        const bool deeper =
            depth < size && chosen_[depth] + 1 < count_ && (depth == 0 || chosen_[depth] - chosen_[depth - 1] <= options_.skip);
        if (deeper) {
          ++chosen_[depth++];
          if (depth < size) chosen_[depth] = chosen_[depth - 1];
          continue;
        }
        const bool counts = depth > 0 && (options_.all_sizes ? depth <= size : depth == size);
        if (counts && !f(std::span<const std::int32_t>(chosen_, static_cast<std::size_t>(depth)))) return false;
        --depth;
      }
      return true;
    }

   private:
    static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
    Options options_;
    std::string_view* words_;
    std::int32_t* chosen_;
    std::int32_t count_ = 0;
  };
};

}  // namespace tfl
