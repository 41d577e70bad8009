#pragma once
// Custom ops of TensorFlow Text that models bring along: tftext:WhitespaceTokenizer and tftext:Ngrams. Where a node has more than one
// output, rows of different length lie one after the other, and int64 row splits tell where each begins.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/core/strings.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/strings.hpp"

namespace tfl {

namespace detail {

/// A character of UTF-8 and its bytes; 0xfffd where there is none.
struct Character {
  std::uint32_t code = 0xfffd;
  std::size_t bytes = 1;
};
inline Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) -> std::uint32_t { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc0 || lead >= 0xf8 || bytes > text.size()) return {};
  std::uint32_t code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};  // what fits fewer bytes is no character
  if (code < least[bytes] || code > 0x10ffff) return {};
  return {code, bytes};
}
/// Unicode's White_Space.
constexpr bool is_white_space(std::uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// Calls f with each token. What follows a byte that is no UTF-8 is left out, as in TensorFlow Text.
template <class F> void each_token(std::string_view text, F f) {
  std::size_t start = 0, at = 0;
  while (at < text.size()) {
    const Character c = first_character(text.substr(at));
    if (c.code == 0xfffd) break;
    if (is_white_space(c.code)) {
      if (at > start) f(text.substr(start, at - start));
      start = at + c.bytes;
    }
    at += c.bytes;
  }
  if (at > start) f(text.substr(start, at - start));
}

}  // namespace detail

/// tftext:WhitespaceTokenizer: strings -> their tokens: with one output in a further dimension, filled up with empty strings; with more as
/// rows with row splits for every dimension of the input.
struct WhitespaceTokenizer {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "tftext:WhitespaceTokenizer";
  static constexpr Arity inputs = 1, outputs{1, 1 + max_rank};
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::string) return input_violation(0, ErrorCode::invalid_type, "must be string");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape& in = node.input(0).shape;
    if (node.output_count() == 1) return require_one_more(node);
    if (node.output_count() != in.rank() + 1)
      return node_violation(ErrorCode::invalid_model, "has {} outputs, but must have 1 or {}", node.output_count(), in.rank() + 1);
    std::int64_t rows = 1;
    for (int d = 0; d < in.rank(); ++d) {
      if (node.output(1 + d).type != TensorType::int64) return output_violation(1 + d, ErrorCode::invalid_type, "must be int64");
      rows *= in[d];
      if (rows >= std::numeric_limits<std::int32_t>::max()) return input_violation(0, ErrorCode::invalid_shape, "has too many rows");
      node.output(1 + d).shape = Shape{static_cast<std::int32_t>(rows + 1)};
    }
    return data_decides_shape();
  }
  static Violation measure(const Options&, const NodeDescription& node, const InputData& inputs, std::byte*) {
    const Strings texts(inputs.at<StringData>(0));
    std::int64_t tokens = 0, characters = 0, most = 0;
    for (std::int64_t i = 0; i < node.input(0).count(); ++i) {
      const std::int64_t before = tokens;
      detail::each_token(texts[i], [&](std::string_view token) {
        ++tokens;
        characters += static_cast<std::int64_t>(token.size());
      });
      most = std::max(most, tokens - before);
    }
    Shape shape{static_cast<std::int32_t>(tokens)};
    if (node.output_count() == 1) {
      shape = node.input(0).shape;
      shape.push_back(static_cast<std::int32_t>(most));
    }
    if (shape.checked_count() < 0) return output_violation(0, ErrorCode::invalid_shape, "would have more than 2^31 - 1 strings");
    node.output(0).shape = shape;
    return detail::set_string_bytes(node, 0, shape.count(), characters);
  }

  struct Prepared {
    Shape shape;              // of the input
    std::int32_t padded = 0;  // tokens of each text, where they are filled up
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape, node.output_count() == 1 ? node.output(0).shape.last() : 0};
  }

  template <class Run, class In, class Out, class Splits> static void eval(const Run& run, In in, Out out, Splits splits) {
    const Strings texts(in.data());
    StringsWriter writer(out.data(), out.count());
    const Shape& shape = run.prepared.shape;
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < in.count(); ++i) {
      if (splits.size() > 0) splits[splits.size() - 1][i] = tokens;
      const std::int64_t before = tokens;
      detail::each_token(texts[i], [&](std::string_view token) {
        ++tokens;
        writer.add(token);
      });
      for (std::int64_t k = tokens - before; splits.size() == 0 && k < run.prepared.padded; ++k) writer.add({});
    }
    for (int d = 0; d < splits.size(); ++d) {
      const auto last = splits[d].count() - 1;
      if (d + 1 == splits.size()) {
        splits[d][last] = tokens;
      } else {
        for (std::int64_t i = 0; i <= last; ++i) splits[d][i] = i * shape[d + 1];
      }
    }
  }

  using Types = Signatures<Signature<Takes<StringData>, Gives<StringData, Many<std::int64_t>>>>;

 private:
  static constexpr Violation require_one_more(const NodeDescription& node) {
    if (const Violation v = require_rank_between(node, 0, 0, max_rank - 1)) return v;
    return data_decides_shape();
  }
};

/// tftext:Ngrams: tokens (and row splits) -> `width` neighbouring tokens of a row joined to one, for each place where they begin. Rows run
/// along the last dimension, or are those that the row splits tell.
struct Ngrams {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "tftext:Ngrams";
  static constexpr Arity inputs{1, 1 + max_rank}, outputs{1, 1 + max_rank};
  static constexpr int max_version = 1;

  struct Options {
    std::int32_t width = 0;
    std::string_view separator;  // in the file
    template <class Source> static Result<Options, Violation> read(const Source& options) {
      const std::int64_t width = options.integer("width");
      if (width < 1 || width > std::numeric_limits<std::int32_t>::max())
        return node_violation(ErrorCode::invalid_option, "has width {}, which must be positive", width);
      if (options.integer("axis") != -1) return node_violation(ErrorCode::invalid_option, "must have axis -1");
      if (options.text("reduction_type") != "STRING_JOIN")
        return node_violation(ErrorCode::invalid_option, "must have the reduction type STRING_JOIN");
      return Options{static_cast<std::int32_t>(width), options.text("string_separator")};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (node.input(0).type != TensorType::string) return input_violation(0, ErrorCode::invalid_type, "must be string");
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (node.input_count() != node.output_count())
      return node_violation(ErrorCode::invalid_model, "has {} inputs, but {} outputs", node.input_count(), node.output_count());
    for (int i = 1; i < node.input_count(); ++i) {
      if (node.input(i).type != TensorType::int64 || node.input(i).rank() != 1 || node.input(i).shape[0] < 1)
        return input_violation(i, ErrorCode::invalid_type, "must be a vector of int64, not empty");
      if (node.output(i).type != TensorType::int64) return output_violation(i, ErrorCode::invalid_type, "must be int64");
      node.output(i).shape = node.input(i).shape;
    }
    if (node.input_count() > 1) {
      if (const Violation v = require_rank(node, 0, 1)) return v;
    }
    return data_decides_shape();
  }
  static Violation measure(const Options& options, const NodeDescription& node, const InputData& inputs, std::byte*) {
    const Strings tokens(inputs.at<StringData>(0));
    const TensorDescription& in = node.input(0);
    const int last = node.input_count() - 1;
    const std::int64_t* splits = last > 0 ? inputs.at<std::int64_t>(last) : nullptr;
    const std::int64_t rows = last > 0 ? node.input(last).count() - 1 : in.count() / std::max(in.shape.last(), 1);
    for (std::int64_t r = 0; splits != nullptr && r <= rows; ++r) {
      const std::int64_t least = r > 0 ? splits[r - 1] : 0;
      if (splits[r] < least || splits[r] > in.count()) {
        return input_violation(last, ErrorCode::invalid_value, "must rise from 0 to at most {}, but element {} is {}", in.count(), r,
                               splits[r]);
      }
    }
    std::int64_t count = 0, characters = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t first = splits != nullptr ? splits[r] : r * in.shape.last();
      const std::int64_t end = splits != nullptr ? splits[r + 1] : first + in.shape.last();
      std::int64_t window = 0;  // characters of the tokens that are joined next
      for (std::int64_t i = first; i < end; ++i) {
        window += static_cast<std::int64_t>(tokens[i].size());
        if (i - first >= options.width) window -= static_cast<std::int64_t>(tokens[i - options.width].size());
        if (i - first + 1 < options.width) continue;
        ++count;
        characters += window + (options.width - 1) * static_cast<std::int64_t>(options.separator.size());
        if (string_bytes_for(count, characters) < 0)
          return output_violation(0, ErrorCode::invalid_shape, "would take more than 2^31 - 1 bytes");
      }
    }
    Shape shape{static_cast<std::int32_t>(count)};
    if (splits == nullptr) {
      shape = in.shape;
      shape[in.rank() - 1] = std::max(0, in.shape.last() - options.width + 1);
    }
    node.output(0).shape = shape;
    return detail::set_string_bytes(node, 0, count, characters);
  }

  struct Prepared {
    Options options;
    std::int32_t row = 0;  // tokens of a row, where there are no row splits
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{options, node.input(0).shape.last()};
  }

  template <class Run, class In, class Splits, class Out, class OutSplits>
  static void eval(const Run& run, In in, Splits splits, Out out, OutSplits out_splits) {
    const Options& options = run.prepared.options;
    const Strings tokens(in.data());
    StringsWriter writer(out.data(), out.count());
    const int last = splits.size() - 1;
    for (int d = 0; d < last; ++d) {
      for (std::int64_t i = 0; i < splits[d].count(); ++i) out_splits[d][i] = splits[d][i];
    }
    const std::int64_t rows = last >= 0 ? splits[last].count() - 1 : in.count() / std::max(run.prepared.row, 1);
    std::int64_t count = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      if (last >= 0) out_splits[last][r] = count;
      const std::int64_t first = last >= 0 ? splits[last][r] : r * run.prepared.row;
      const std::int64_t end = last >= 0 ? splits[last][r + 1] : first + run.prepared.row;
      for (std::int64_t i = first; i + options.width <= end; ++i, ++count) {
        for (std::int64_t k = 0; k < options.width; ++k) {
          if (k > 0) writer.extend(options.separator);
          writer.extend(tokens[i + k]);
        }
        writer.end();
      }
    }
    if (last >= 0) out_splits[last][rows] = count;
  }

  using Types = Signatures<Signature<Takes<StringData, Many<std::int64_t>>, Gives<StringData, Many<std::int64_t>>>>;
};

}  // namespace tfl
