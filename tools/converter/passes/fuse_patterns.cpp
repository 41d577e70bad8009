// fuse-patterns: operators that a source wrote as several: HARD_SWISH, GELU (by tanh), SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION,
// SQUARED_DIFFERENCE, LEAKY_RELU, RELU, RELU6 and RSQRT. Layer normalization, which .tflite has no operator for, becomes MEAN,
// SQUARED_DIFFERENCE, RSQRT and products: a division of everything by the roots of a few is a product with their inverses. Needs float
// tensors and constants of one element. Leaves the inner nodes to remove-dead-nodes, for others may read them.

#include <cmath>

#include "tools/converter/passes/match.hpp"
#include "tools/converter/passes/pass.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

const Node* made_by(const Tensor* tensor, B code) {
  return tensor != nullptr && tensor->producer != nullptr && tensor->producer->is(code) ? tensor->producer : nullptr;
}
/// As made_by, where the node does not clamp.
const Node* plainly_made_by(const Tensor* tensor, B code) {
  const Node* node = made_by(tensor, code);
  return node != nullptr && activation_of(*node) == "NONE" ? node : nullptr;
}
bool is_near(float a, float b) { return std::fabs(a - b) <= 1e-6f * std::fabs(b); }

/// The other input of a node that has this constant as one of its two, in either order.
Tensor* beside(const Node* node, float constant) {
  if (node == nullptr || node->inputs().size() != 2) return nullptr;
  for (std::size_t i = 0; i < 2; ++i) {
    if (const auto value = scalar_of(node->input(i)); value && is_near(*value, constant)) return node->input(1 - i);
  }
  return nullptr;
}

/// x of max(0, min(6, x + 3))
Tensor* shifted_relu6(const Tensor* tensor) {
  if (const Node* clamp = made_by(tensor, B::RELU6); clamp != nullptr) return beside(plainly_made_by(clamp->input(0), B::ADD), 3);
  const Node* sum = made_by(tensor, B::ADD);
  return sum != nullptr && activation_of(*sum) == "RELU6" ? beside(sum, 3) : nullptr;
}

/// The tensor of which this one is a sixth.
Tensor* sixfold(const Tensor* tensor) {
  if (Tensor* whole = beside(plainly_made_by(tensor, B::MUL), 1.0f / 6); whole != nullptr) return whole;
  const Node* quotient = plainly_made_by(tensor, B::DIV);
  if (quotient == nullptr) return nullptr;
  const auto divisor = scalar_of(quotient->input(1));
  return divisor && *divisor == 6 ? quotient->input(0) : nullptr;
}

/// x of x * relu6(x + 3), in either order; null where it is something else.
Tensor* times_own_relu6(const Node* product) {
  for (std::size_t i = 0; product != nullptr && i < 2; ++i) {
    Tensor* x = product->input(i);
    if (x != nullptr && shifted_relu6(product->input(1 - i)) == x) return x;
  }
  return nullptr;
}

Tensor* hard_swish(const Node& node) {
  if (const Tensor* whole = sixfold(node.output()); whole != nullptr) return times_own_relu6(plainly_made_by(whole, B::MUL));
  if (!node.is(B::MUL) || activation_of(node) != "NONE") return nullptr;
  for (std::size_t i = 0; i < 2; ++i) {
    Tensor* x = node.input(i);
    const Tensor* whole = sixfold(node.input(1 - i));
    if (x != nullptr && whole != nullptr && shifted_relu6(whole) == x) return x;
    // (x / 6) * relu6(x + 3)
    Tensor* of_sixth = sixfold(x);
    if (of_sixth != nullptr && shifted_relu6(node.input(1 - i)) == of_sixth) return of_sixth;
  }
  return nullptr;
}

/// The input of a reduction over the last axis that keeps it.
Tensor* reduced_last(const Tensor* tensor, B code) {
  const Node* node = made_by(tensor, code);
  if (node == nullptr || !node->attributes.boolean("keep_dims") || node->input(1) == nullptr) return nullptr;
  const std::vector<std::int64_t> axes = node->input(1)->integers();
  return axes.size() == 1 && (axes[0] == -1 || axes[0] == node->input(0)->rank() - 1) ? node->input(0) : nullptr;
}

/// x of the sum of x * x over the last axis, kept.
Tensor* sum_of_squares(const Tensor* tensor) {
  const Tensor* squared = reduced_last(tensor, B::SUM);
  if (const Node* square = made_by(squared, B::SQUARE); square != nullptr) return square->input(0);
  const Node* product = plainly_made_by(squared, B::MUL);
  return product != nullptr && product->input(0) == product->input(1) ? product->input(0) : nullptr;
}

/// x * rsqrt(max(sum(x * x), tiny)), or divided by the root.
Tensor* l2_normalized(const Node& node) {
  if ((!node.is(B::MUL) && !node.is(B::DIV)) || activation_of(node) != "NONE") return nullptr;
  const B root = node.is(B::MUL) ? B::RSQRT : B::SQRT;
  for (std::size_t i = 0; i < (node.is(B::MUL) ? 2u : 1u); ++i) {
    Tensor* x = node.input(i);
    const Node* inverse = made_by(node.input(1 - i), root);
    if (x == nullptr || inverse == nullptr) continue;
    const Tensor* sum = inverse->input(0);
    // The kernel has its own guard against nothing but zeros; only as small a one as that may be dropped.
    if (const Node* guard = made_by(sum, B::MAXIMUM); guard != nullptr) {
      for (std::size_t g = 0; g < 2; ++g) {
        if (const auto tiny = scalar_of(guard->input(g)); tiny && *tiny <= 1e-12f) sum = guard->input(1 - g);
      }
    }
    if (sum_of_squares(sum) == x) return x;
  }
  return nullptr;
}

/// A tensor as a number times the product of others, through MUL, SQUARE and cubes.
struct Product {
  double number = 1;
  std::vector<const Tensor*> factors{};

  explicit Product(const Tensor* tensor, int depth = 4) { take(tensor, depth); }
  bool is(double wanted, std::size_t count) const { return std::fabs(number - wanted) <= 1e-4 * wanted && factors.size() == count; }

 private:
  void take(const Tensor* tensor, int depth) {
    if (const auto value = scalar_of(tensor)) {
      number *= static_cast<double>(*value);
    } else if (const Node* node = depth > 0 ? plainly_made_by(tensor, B::MUL) : nullptr; node != nullptr) {
      take(node->input(0), depth - 1);
      take(node->input(1), depth - 1);
    } else if (const Node* square = made_by(tensor, B::SQUARE); square != nullptr) {
      factors.insert(factors.end(), 2, square->input(0));
    } else if (const Node* power = made_by(tensor, B::POW); power != nullptr && scalar_of(power->input(1)) == 3.0f) {
      factors.insert(factors.end(), 3, power->input(0));
    } else {
      factors.push_back(tensor);
    }
  }
};

/// x of x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
Tensor* gelu_by_tanh(const Node& node) {
  if (!node.is(B::MUL) || activation_of(node) != "NONE") return nullptr;
  const Product whole(node.output());
  if (!whole.is(0.5, 2)) return nullptr;
  for (std::size_t i = 0; i < 2; ++i) {
    const Tensor* x = whole.factors[i];
    const Node* tanh = made_by(beside(plainly_made_by(whole.factors[1 - i], B::ADD), 1), B::TANH);
    if (tanh == nullptr) continue;
    const Product inner(tanh->input(0));
    const Node* sum = inner.is(0.7978845608, 1) ? plainly_made_by(inner.factors[0], B::ADD) : nullptr;
    for (std::size_t k = 0; sum != nullptr && k < 2; ++k) {
      const Product cube(sum->input(1 - k));
      const bool is_cube = cube.is(0.044715, 3) && cube.factors[0] == x && cube.factors[1] == x && cube.factors[2] == x;
      if (sum->input(k) == x && is_cube) return sum->input(k);
    }
  }
  return nullptr;
}

/// x of exp(x) / sum(exp(x)), where the largest x may have been taken away first.
Tensor* softmax_of(const Node& node) {
  if (!node.is(B::DIV) || activation_of(node) != "NONE") return nullptr;
  const Node* exponential = made_by(node.input(0), B::EXP);
  if (exponential == nullptr || reduced_last(node.input(1), B::SUM) != node.input(0)) return nullptr;
  const Node* difference = plainly_made_by(exponential->input(0), B::SUB);
  const bool shifted = difference != nullptr && reduced_last(difference->input(1), B::REDUCE_MAX) == difference->input(0);
  return shifted ? difference->input(0) : exponential->input(0);
}

struct Match {
  B code;
  std::vector<Tensor*> inputs{};
  Attributes attributes{};
  bool by_inverse_root = false;  // of the last input
};

/// x / sqrt(y), where y is spread out over x.
bool find_division_by_root(const Node& node, Match& match) {
  const Node* root = node.is(B::DIV) ? made_by(node.input(1), B::SQRT) : nullptr;
  if (root == nullptr) return false;
  Tensor *x = node.input(0), *y = root->input(0);
  if (scalar_of(x) == 1.0f && activation_of(node) == "NONE") return match = {B::RSQRT, {y}}, true;
  if (x->count() < 0 || y->count() < 0 || 2 * y->count() > x->count()) return false;
  return match = {B::MUL, {x, y}, node.attributes, true}, true;
}

bool find(const Node& node, Match& match) {
  if (Tensor* x = hard_swish(node); x != nullptr) return match = {B::HARD_SWISH, {x}}, true;
  if (Tensor* x = l2_normalized(node); x != nullptr) return match = {B::L2_NORMALIZATION, {x}}, true;
  if (Tensor* x = gelu_by_tanh(node); x != nullptr) return match = {B::GELU, {x}, {{"approximate", true}}}, true;
  if (Tensor* x = softmax_of(node); x != nullptr) return match = {B::SOFTMAX, {x}, {{"beta", 1.0}}}, true;
  if (find_division_by_root(node, match)) return true;
  const bool squares = node.is(B::SQUARE) || (node.is(B::MUL) && activation_of(node) == "NONE" && node.input(0) == node.input(1));
  if (const Node* difference = squares ? plainly_made_by(node.input(0), B::SUB) : nullptr; difference != nullptr)
    return match = {B::SQUARED_DIFFERENCE, {difference->input(0), difference->input(1)}}, true;
  if (const Node* softmax = node.is(B::LOG) ? made_by(node.input(0), B::SOFTMAX) : nullptr;
      softmax != nullptr && softmax->attributes.real("beta") == 1.0) {
    return match = {B::LOG_SOFTMAX, {softmax->input(0)}}, true;
  }
  if (node.is(B::MAXIMUM)) {
    for (std::size_t i = 0; i < 2; ++i) {
      Tensor* x = node.input(i);
      if (const auto zero = scalar_of(node.input(1 - i)); zero && *zero == 0) return match = {B::RELU, {x}}, true;
      const Node* product = plainly_made_by(node.input(1 - i), B::MUL);
      for (std::size_t k = 0; product != nullptr && k < 2; ++k) {
        const auto slope = scalar_of(product->input(k));
        if (slope && *slope > 0 && *slope < 1 && product->input(1 - k) == x)
          return match = {B::LEAKY_RELU, {x}, {{"alpha", static_cast<double>(*slope)}}}, true;
      }
    }
  }
  if (node.is(B::MINIMUM)) {
    if (const Node* relu = made_by(beside(&node, 6), B::RELU); relu != nullptr) return match = {B::RELU6, {relu->input(0)}}, true;
  }
  return false;
}

}  // namespace

bool fuse_patterns(Model& model) {
  bool changed = false;
  for (const auto& graph : model.graphs) {
    for (Node* node : nodes_of(*graph)) {
      Tensor* output = node->output();
      Match match{B::RELU};
      if (node->outputs().size() != 1 || output->type != TensorType::float32 || !find(*node, match)) continue;
      // What is of another shape was spread out on the way.
      if (match.code != B::SQUARED_DIFFERENCE && match.code != B::MUL && match.inputs[0]->shape != output->shape) continue;
      if (match.by_inverse_root) {
        Tensor*& y = match.inputs.back();
        Tensor* inverse = graph->add_tensor(output->name + "/rsqrt", y->type, y->shape);
        graph->insert_before(node, B::RSQRT, {y}, {inverse})->source_name = node->source_name;
        y = inverse;
      }
      node->operation = match.code;
      node->attributes = match.attributes;
      node->version = 0;
      graph->set_inputs(node, match.inputs);
      changed = true;
    }
  }
  return changed;
}

}  // namespace tfl::converter
