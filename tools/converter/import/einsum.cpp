// needs: exceptions
#include "tools/converter/import/einsum.hpp"

#include <algorithm>
#include <numeric>

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

/// An operand, an axis for each letter.
struct Labelled {
  Tensor* tensor = nullptr;
  std::string letters;

  std::int32_t size(char letter) const { return tensor->shape[letters.find(letter)]; }
};

bool has(const std::string& letters, char letter) { return letters.find(letter) != std::string::npos; }

/// The letters of each operand and of the result. Axes that "..." stands for become upper letters nobody uses, counted from the last one.
std::vector<std::string> parse(const std::string& equation, const Values& operands) {
  std::string text;
  for (const char c : equation) {
    if (c != ' ') text += c;
  }
  const auto refuse = [&](const std::string& why) { throw ImportError("its formula '" + equation + "' " + why); };
  const std::size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  std::vector<std::string> terms;
  for (std::size_t comma = left.find(','); comma != std::string::npos; comma = left.find(',')) {
    terms.push_back(left.substr(0, comma));
    left.erase(0, comma + 1);
  }
  terms.push_back(left);
  if (terms.size() != operands.size()) refuse("has " + std::to_string(terms.size()) + " operands, not " + std::to_string(operands.size()));
  if (arrow == std::string::npos) {
    // Without a result: every letter that stands once, sorted.
    std::string all, result;
    for (const std::string& term : terms) all += term;
    for (char c = 'a'; c <= 'z'; ++c) {
      if (std::count(all.begin(), all.end(), c) == 1) result += c;
    }
    terms.push_back((has(all, '.') ? "..." : "") + result);
  } else {
    terms.push_back(text.substr(arrow + 2));
  }
  constexpr const char* upper = "ABCDEFGH";
  std::size_t most = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    std::string& term = terms[i];
    const std::size_t dots = term.find("...");
    std::size_t hidden = most;
    if (i < operands.size()) {
      const std::size_t shown = term.size() - (dots == std::string::npos ? 0 : 3), rank = operands[i]->shape.size();
      if (shown > rank || (dots == std::string::npos && shown != rank)) refuse("does not fit the shape " + text_of(operands[i]->shape));
      hidden = rank - shown;
      most = std::max(most, hidden);
      if (hidden > 8) refuse("has too many axes");
    }
    if (dots != std::string::npos) term.replace(dots, 3, std::string(upper).substr(8 - hidden));
    for (const char c : term) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'H' && dots != std::string::npos);
      if (!letter || std::count(term.begin(), term.end(), c) != 1) refuse("is not supported: each axis needs a small letter of its own");
    }
  }
  for (const char c : terms.back()) {
    if (std::none_of(terms.begin(), terms.end() - 1, [c](const std::string& term) { return has(term, c); }))
      refuse("gives an axis that no operand has");
  }
  return terms;
}

/// The axes in this order; letters that the operand lacks are left out.
Labelled ordered(Emitter& emit, const Labelled& x, const std::string& wanted) {
  std::vector<std::int32_t> permutation;
  Labelled result;
  for (const char c : wanted) {
    if (!has(x.letters, c)) continue;
    permutation.push_back(static_cast<std::int32_t>(x.letters.find(c)));
    result.letters += c;
  }
  const bool same = std::is_sorted(permutation.begin(), permutation.end());
  result.tensor = same ? x.tensor : emit.transpose(x.tensor, permutation);
  return result;
}

/// Without the axes that `kept` does not name, summed up.
Labelled summed(Emitter& emit, const Labelled& x, const std::string& kept) {
  std::vector<std::int32_t> axes;
  Labelled result;
  for (std::size_t i = 0; i < x.letters.size(); ++i) {
    if (has(kept, x.letters[i])) {
      result.letters += x.letters[i];
    } else {
      axes.push_back(static_cast<std::int32_t>(i));
    }
  }
  result.tensor = axes.empty() ? x.tensor : emit.reduce(SUM, x.tensor, axes, false);
  return result;
}

/// The sizes of some axes as one; at most one may be unknown.
std::int32_t joined(const Shape& sizes) {
  const std::int64_t product = element_count(sizes);
  return product < 0 ? -1 : checked_dim(product);
}

Tensor* multiplied(Emitter& emit, Labelled a, Labelled b, const std::string& result) {
  std::string both, of_a, of_b, inner;
  for (const char c : a.letters) {
    const std::int32_t other = has(b.letters, c) ? b.size(c) : 0;
    if (!has(b.letters, c)) {
      of_a += c;
    } else if (has(result, c)) {
      both += c;
    } else {
      inner += c;
    }
    if (other > 0 && a.size(c) > 0 && a.size(c) != other) {
      throw ImportError("the axis '" + std::string(1, c) + "' has the sizes " + std::to_string(a.size(c)) + " and " +
                        std::to_string(other));
    }
  }
  for (const char c : b.letters) {
    if (!has(a.letters, c)) of_b += c;
  }
  // Letters in the result's order: it needs no turning where it can be had so.
  const auto as_in_result = [&result](std::string& letters) {
    std::sort(letters.begin(), letters.end(), [&](char x, char y) { return result.find(x) < result.find(y); });
  };
  as_in_result(both);
  as_in_result(of_a);
  as_in_result(of_b);
  a = ordered(emit, a, both + of_a + inner);
  b = ordered(emit, b, both + inner + of_b);
  const auto sizes = [](const Labelled& x, const std::string& letters) {
    Shape shape;
    for (const char c : letters) shape.push_back(x.size(c));
    return shape;
  };
  const auto as_matrices = [&](const Labelled& x, const std::string& rows, const std::string& columns) {
    if (rows.size() == 1 && columns.size() == 1) return x.tensor;
    Shape shape = sizes(x, both);
    shape.push_back(joined(sizes(x, rows)));
    shape.push_back(joined(sizes(x, columns)));
    return emit.reshape(x.tensor, shape);
  };
  Tensor *left = as_matrices(a, of_a, inner), *right = as_matrices(b, inner, of_b);
  Labelled product;
  product.letters = both + of_a + of_b;
  Shape shape;
  for (const char c : product.letters) shape.push_back(has(a.letters, c) ? a.size(c) : b.size(c));
  if (both.empty() && right->is_constant() && right->type == TensorType::float32) {
    product.tensor = emit.fully_connected(left, emit.transpose(right, {1, 0}), nullptr);
  } else {
    product.tensor = emit.batch_matmul(left, right);
  }
  if (of_a.size() != 1 || of_b.size() != 1) product.tensor = emit.reshape(product.tensor, shape);
  return ordered(emit, product, result).tensor;
}

}  // namespace

Tensor* emit_einsum(Emitter& emit, const std::string& equation, const Values& operands) {
  if (operands.empty() || operands.size() > 2) {
    throw ImportError("its formula '" + equation + "' has " + std::to_string(operands.size()) + " operands, supported are one and two",
                      "write it as products of two");
  }
  const std::vector<std::string> letters = parse(equation, operands);
  const std::string& result = letters.back();
  if (operands.size() == 1) return ordered(emit, summed(emit, {operands[0], letters[0]}, result), result).tensor;
  // What only one operand has and the result has not is summed before.
  const Labelled a = summed(emit, {operands[0], letters[0]}, letters[1] + result);
  const Labelled b = summed(emit, {operands[1], letters[1]}, letters[0] + result);
  return multiplied(emit, a, b, result);
}

}  // namespace tfl::converter
