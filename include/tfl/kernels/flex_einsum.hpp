#pragma once
// TensorFlow's Einsum: sums of products over named dimensions, of one tensor or two.

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// The dimensions of a tensor in an equation: a letter each, with "..." for as many as the letters leave.
struct EinsumTerm {
  static constexpr int none = -1;
  char letters[max_rank] = {};
  std::int8_t count = 0;
  std::int8_t ellipsis = none;  // letters before it
};

/// One name: its extent, and what a step along it means in each tensor.
struct EinsumLoop {
  std::int64_t extent = 1, steps[2] = {0, 0};
};

}  // namespace detail

/// FlexEinsum: "ij,jk->ik" of float32. Letters that the output lacks are summed over; a letter that a tensor has twice takes its diagonal.
/// What "..." stands for broadcasts.
struct FlexEinsum {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "FlexEinsum";
  static constexpr Arity inputs{1, 2}, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr bool is_flex = true;

  struct Options {
    detail::EinsumTerm terms[3];  // of the inputs, then of the output
    std::int8_t inputs = 0;
    template <class Custom> static Result<Options, Violation> read(const Custom& custom) {
      const auto def = custom.node_def();
      return parse(def.text("equation"));
    }
    static constexpr Result<Options, Violation> parse(std::string_view equation) {
      Options o;
      int term = 0;
      bool arrow = false;
      for (std::size_t i = 0; i < equation.size(); ++i) {
        const char c = equation[i];
        detail::EinsumTerm& t = o.terms[term];
        if (c == ' ') continue;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
          if (t.count == max_rank) return node_violation(ErrorCode::invalid_option, "names more than {} dimensions of a tensor", max_rank);
          t.letters[t.count++] = c;
        } else if (equation.substr(i, 3) == "..." && t.ellipsis == detail::EinsumTerm::none) {
          t.ellipsis = t.count;
          i += 2;
        } else if (c == ',' && term == 0) {
          term = 1;
        } else if (equation.substr(i, 2) == "->" && !arrow) {
          o.inputs = static_cast<std::int8_t>(term + 1);
          arrow = true;
          term = 2;
          ++i;
        } else {
          return node_violation(ErrorCode::invalid_option, "has an equation that cannot be read at character {}", static_cast<int>(i));
        }
      }
      if (!arrow) return node_violation(ErrorCode::invalid_option, "has an equation without ->");
      return o;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (int i = 0; i < node.input_count(); ++i) {
      if (node.input(i).type != TensorType::float32) return input_violation(i, ErrorCode::unsupported_type, "must be float32");
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    Prepared p;
    return plan(options, node, p, node.output(0).shape);
  }

  static constexpr int most_loops = 2 * max_rank;
  struct Prepared {
    detail::EinsumLoop kept[max_rank], summed[most_loops];
    int kept_count = 0, summed_count = 0;
    std::int64_t products = 1;  // of one output
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    Shape shape;
    if (const Violation v = plan(options, node, p, shape)) return v;
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In a, In b, Out out) {
    contract(run, a.data(), b ? b.data() : nullptr, out);
  }

  using Types = Signatures<Signature<Takes<float, float>, Gives<float>>>;

 private:
  /// A dimension of the equation once "..." is written out: those that it stands for are numbers, counted from the last.
  static constexpr int names_of(const detail::EinsumTerm& term, int rank, int* names) {
    const int covered = term.ellipsis == detail::EinsumTerm::none ? 0 : rank - term.count;
    int n = 0;
    for (int i = 0; i < term.count + covered; ++i) {
      const int inside = term.ellipsis == detail::EinsumTerm::none ? -1 : i - term.ellipsis;
      names[n++] = inside >= 0 && inside < covered ? covered - inside : term.letters[inside >= covered ? i - covered : i];
    }
    return n;
  }

  static constexpr Violation plan(const Options& options, const NodeDescription& node, Prepared& p, Shape& shape) {
    if (node.input_count() != options.inputs) {
      return node_violation(ErrorCode::invalid_option, "has an equation of {} inputs, but {} inputs", static_cast<int>(options.inputs),
                            node.input_count());
    }
    constexpr int most_names = 128;
    detail::EinsumLoop loops[most_names] = {};
    bool used[most_names] = {}, written[most_names] = {};
    int broadcast = 0;  // dimensions of the longest "..."
    for (int i = 0; i < options.inputs; ++i) {
      const detail::EinsumTerm& term = options.terms[i];
      const Shape& in = node.input(i).shape;
      if (term.ellipsis == detail::EinsumTerm::none ? in.rank() != term.count : in.rank() < term.count) {
        return input_violation(i, ErrorCode::invalid_shape, "has {} dimensions, the equation names {}", in.rank(),
                               static_cast<int>(term.count));
      }
      broadcast = in.rank() - term.count > broadcast ? in.rank() - term.count : broadcast;
      int names[max_rank] = {};
      const int n = names_of(term, in.rank(), names);
      for (int d = 0; d < n; ++d) {
        detail::EinsumLoop& loop = loops[names[d]];
        const bool repeats = names[d] <= max_rank && in[d] == 1 && used[names[d]];
        const bool grows = names[d] <= max_rank && loop.extent == 1;
        if (used[names[d]] && loop.extent != in[d] && !repeats && !grows) {
          return input_violation(i, ErrorCode::invalid_shape, "has {} elements in dimension {}, whose name stands for {}", in[d], d,
                                 loop.extent);
        }
        if (!repeats) loop.extent = in[d];
        if (names[d] > max_rank || in[d] != 1) loop.steps[i] += in.count(d + 1, in.rank());
        used[names[d]] = true;
      }
    }
    const detail::EinsumTerm& result = options.terms[2];
    const int rank = result.count + (result.ellipsis == detail::EinsumTerm::none ? 0 : broadcast);
    if (rank > max_rank) return node_violation(ErrorCode::invalid_option, "gives an output of {} dimensions, more than {}", rank, max_rank);
    int names[max_rank] = {};
    const int n = names_of(result, rank, names);
    Shape output;
    for (int d = 0; d < n; ++d) {
      if (!used[names[d]] || written[names[d]])
        return node_violation(ErrorCode::invalid_option, "has an output whose dimension {} no input has, or which comes twice", d);
      written[names[d]] = true;
      p.kept[p.kept_count++] = loops[names[d]];
      output.push_back(static_cast<std::int32_t>(loops[names[d]].extent));
    }
    for (int name = 0; name < most_names; ++name) {
      if (!used[name] || written[name]) continue;
      p.summed[p.summed_count++] = loops[name];
      if (loops[name].extent > 0 && p.products > std::numeric_limits<std::int32_t>::max() / loops[name].extent)
        return node_violation(ErrorCode::invalid_shape, "would add more than 2^31 - 1 products for one output");
      p.products *= loops[name].extent;
    }
    shape = output;
    return {};
  }

  template <class Run, class Out> static void contract(const Run& run, const float* a, const float* b, Out out) {
    const Prepared& p = run.prepared;
    run.executor.parallel_for(out.count(), 1 + p.products, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        std::int64_t at_a = 0, at_b = 0, rest = i;
        for (int k = p.kept_count - 1; k >= 0; --k) {
          const std::int64_t index = rest % p.kept[k].extent;
          rest /= p.kept[k].extent;
          at_a += index * p.kept[k].steps[0];
          at_b += index * p.kept[k].steps[1];
        }
        out[i] = sum(p, a, b, at_a, at_b);
      }
    });
  }

  /// All products of one output. The last of the summed dimensions is the inner loop.
  static float sum(const Prepared& p, const float* a, const float* b, std::int64_t at_a, std::int64_t at_b) {
    if (p.products == 0) return 0;
    const detail::EinsumLoop inner = p.summed_count > 0 ? p.summed[p.summed_count - 1] : detail::EinsumLoop{};
    std::int64_t places[most_loops] = {};
    float total = 0;
    for (;;) {
      for (std::int64_t k = 0; k < inner.extent; ++k) {
        const float x = a[at_a + k * inner.steps[0]];
        total += b != nullptr ? x * b[at_b + k * inner.steps[1]] : x;
      }
      int d = p.summed_count - 2;
      for (; d >= 0; --d) {
        at_a += p.summed[d].steps[0];
        at_b += p.summed[d].steps[1];
        if (++places[d] < p.summed[d].extent) break;
        at_a -= p.summed[d].extent * p.summed[d].steps[0];
        at_b -= p.summed[d].extent * p.summed[d].steps[1];
        places[d] = 0;
      }
      if (d < 0) return total;
    }
  }
};

}  // namespace tfl
