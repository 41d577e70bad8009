// needs: exceptions
#include "tools/converter/import/onnx/call.hpp"

#include <algorithm>
#include <numeric>

#include "tools/converter/import/literal.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

Order identity(std::size_t rank) {
  Order order(rank);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

bool is_identity(const Order& order) { return std::is_sorted(order.begin(), order.end()); }

/// Whether a permutation of this shape moves axes of size 1 only.
bool moves_units_only(const Shape& shape, const Order& permutation) {
  std::int32_t last = -1;
  for (const std::int32_t axis : permutation) {
    if (shape[static_cast<std::size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

}  // namespace

Shape OnnxValue::shape() const {
  if (!joined.empty() || order.empty()) return joined.empty() ? tensor->shape : joined;
  Shape result(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) result[static_cast<std::size_t>(order[i])] = tensor->shape[i];
  return result;
}

const OnnxValue& OnnxCall::input(std::size_t i) const {
  if (!has(i)) throw ImportError("input " + std::to_string(i) + " is absent");
  return inputs[i];
}

Order OnnxCall::channels_last_order(int rank) {
  if (rank < 2) return {};
  Order order = {0};
  for (int axis = 2; axis < rank; ++axis) order.push_back(axis);
  order.push_back(1);
  return order;
}

Tensor* OnnxCall::in_order(const OnnxValue& value, Order order) const {
  const OnnxValue v = settled(value);
  const std::size_t rank = v.tensor->shape.size();
  const Order from = v.order.empty() ? identity(rank) : v.order;
  if (order.empty()) order = identity(rank);
  if (order.size() != rank) {
    throw ImportError("an input must have " + std::to_string(order.size()) + " dimensions, it has the shape " + text_of(v.shape()));
  }
  Order permutation;
  for (const std::int32_t axis : order) {
    permutation.push_back(static_cast<std::int32_t>(std::find(from.begin(), from.end(), axis) - from.begin()));
  }
  if (is_identity(permutation)) return v.tensor;
  Tensor*& known = reordered[{v.tensor, permutation}];
  if (known != nullptr) return known;
  const Shape& shape = v.tensor->shape;
  if (!v.is_constant() && moves_units_only(shape, permutation) && std::count(shape.begin(), shape.end(), -1) <= 1) {
    Shape result;
    for (const std::int32_t axis : permutation) result.push_back(shape[static_cast<std::size_t>(axis)]);
    return known = emit.reshape(v.tensor, result);
  }
  return known = emit.transpose(v.tensor, permutation);
}

OnnxValue OnnxCall::settled(const OnnxValue& value) const {
  if (value.joined.empty()) return value;
  OnnxValue source = value;
  source.joined.clear();
  return {emit.reshape(in_order(source, {}), value.joined)};
}

int OnnxCall::axis_in_tensor(const OnnxValue& value, int axis) {
  if (value.order.empty()) return axis;
  return static_cast<int>(std::find(value.order.begin(), value.order.end(), axis) - value.order.begin());
}

std::vector<std::int64_t> OnnxCall::integers(std::string_view attribute, std::size_t input_index) const {
  if (has(input_index)) return integers_of(constant(input_index, attribute));
  return attributes().integers(attribute);
}

const Tensor& OnnxCall::constant(std::size_t i, std::string_view what) const {
  const OnnxValue& value = input(i);
  if (!value.is_constant()) {
    throw ImportError(
        "its input '" + (i < node.inputs.size() ? node.inputs[i] : std::string()) + "' (" + std::string(what) + ") must be a constant",
        "fold the model first, or give its inputs fixed sizes");
  }
  return *plain(value);
}

std::pair<Values, Order> OnnxCall::aligned(const std::vector<OnnxValue>& values) const {
  int rank = 0;
  for (const OnnxValue& v : values) rank = std::max(rank, v.rank());
  Order target;
  for (const OnnxValue& v : values) {
    if (v.rank() == rank && !v.is_constant() && v.joined.empty() && target.empty()) target = v.order;
  }
  Values result;
  for (const OnnxValue& v : values) {
    if (target.empty()) {
      result.push_back(plain(v));
      continue;
    }
    OnnxValue whole = v;
    if (v.rank() < rank) {
      Shape shape(static_cast<std::size_t>(rank - v.rank()), 1);
      const Shape own = v.shape();
      shape.insert(shape.end(), own.begin(), own.end());
      whole = {emit.reshape(plain(v), shape)};
    }
    Tensor* tensor = in_order(whole, target);
    // Constants along the channels alone: one dimension says it all, and later passes look for that.
    if (tensor->is_constant() && tensor->rank() > 1) {
      Shape shape = tensor->shape;
      while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
      if (shape.size() < tensor->shape.size()) tensor = emit.reshape(tensor, shape);
    }
    result.push_back(tensor);
  }
  return {std::move(result), std::move(target)};
}

OnnxValue OnnxCall::reshaped(const OnnxValue& value, const Shape& target) const {
  const OnnxValue v = settled(value);
  if (v.order.empty() || is_identity(v.order)) return {emit.reshape(v.tensor, target)};
  const Shape from = v.shape();
  if (moves_units_only(v.tensor->shape, [&] {
        Order back(v.order.size());
        for (std::size_t i = 0; i < v.order.size(); ++i) back[static_cast<std::size_t>(v.order[i])] = static_cast<std::int32_t>(i);
        return back;
      }())) {
    return {emit.reshape(v.tensor, target)};
  }
  // Cuts both shapes into blocks of equal sizes; unknown sizes are equal to each other.
  struct Block {
    std::size_t from_begin, from_end, to_begin, to_end;
  };
  std::vector<Block> blocks;
  Shape to = target;
  if (const auto unknown = std::find(to.begin(), to.end(), -1);
      unknown != to.end() && std::find(from.begin(), from.end(), -1) == from.end()) {
    Shape others = to;
    others[static_cast<std::size_t>(unknown - to.begin())] = 1;
    const std::int64_t count = element_count(from), rest = element_count(others);
    if (rest > 0 && count % rest == 0) *unknown = checked_dim(count / rest);
  }
  bool cut = true;
  for (std::size_t i = 0, j = 0; cut && (i < from.size() || j < to.size());) {
    Block block{i, i, j, j};
    if (i < from.size() && j < to.size() && from[i] == to[j]) {
      ++i, ++j;
    } else {
      std::int64_t a = 1, b = 1;
      const auto take = [&cut](const Shape& shape, std::size_t& at, std::int64_t& product) {
        cut = at < shape.size() && shape[at] > 0 && product < (std::int64_t{1} << 40);
        if (cut) product *= shape[at++];
      };
      if (i < from.size()) take(from, i, a);
      if (cut && j < to.size()) take(to, j, b);
      while (cut && a != b) a < b ? take(from, i, a) : take(to, j, b);
    }
    block.from_end = i;
    block.to_end = j;
    blocks.push_back(block);
  }
  if (cut) {
    // In the tensor the axes of each block must lie side by side, ascending; axes of size 1 lie where they like.
    std::vector<std::size_t> block_of(from.size());
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      for (std::size_t i = blocks[b].from_begin; i < blocks[b].from_end; ++i) block_of[i] = b;
    }
    std::vector<std::size_t> sequence;
    std::vector<std::int32_t> last(blocks.size(), -1);
    bool fits = true;
    for (const std::int32_t axis : v.order) {
      const auto at = static_cast<std::size_t>(axis);
      if (from[at] == 1) continue;
      const std::size_t b = block_of[at];
      const bool begins = last[b] < 0;
      fits = fits && axis > last[b] && (begins || sequence.back() == b);
      if (begins) sequence.push_back(b);
      last[b] = axis;
    }
    if (fits) {
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        if (last[b] < 0) sequence.push_back(b);  // ones only
      }
      OnnxValue result;
      Shape shape;
      for (const std::size_t b : sequence) {
        for (std::size_t j = blocks[b].to_begin; j < blocks[b].to_end; ++j) {
          result.order.push_back(static_cast<std::int32_t>(j));
          shape.push_back(to[j]);
        }
      }
      result.tensor = emit.reshape(v.tensor, shape);
      if (is_identity(result.order)) result.order.clear();
      return result;
    }
  }
  // [N, C, H, W] to [N, C * H * W]: left to who reads it.
  if (to.size() == 2 && from.size() > 2 && to[0] == from[0] && v.order[0] == 0) {
    OnnxValue result = v;
    const std::int64_t size = element_count(std::span(from).subspan(1));
    result.joined = {to[0], size < 0 ? to[1] : checked_dim(size)};
    if (size > 0 && (to[1] < 0 || to[1] == size)) return result;
  }
  return {emit.reshape(plain(v), target)};
}

Tensor* OnnxCall::weights(Tensor* tensor, const Order& order, const Shape& shape) const {
  Node* producer = tensor->producer;
  if (producer == nullptr || !producer->is(DEQUANTIZE) || !producer->input(0)->is_constant()) {
    Tensor* result = emit.transpose(tensor, order);
    return shape.empty() ? result : emit.reshape(result, shape);
  }
  const Tensor& stored = *producer->input(0);
  Literal literal = permuted_literal(stored, order);
  Tensor* moved = emit.constant(literal, "weights");
  moved->quantization = stored.quantization;
  auto axis = static_cast<std::size_t>(std::find(order.begin(), order.end(), stored.quantization.axis) - order.begin());
  if (!shape.empty() && stored.quantization.scales.size() > 1) {
    // Joining axes of size 1 with the quantized one keeps it: it is the one of its size.
    axis =
        static_cast<std::size_t>(
            std::find(shape.rbegin(), shape.rend(), static_cast<std::int32_t>(stored.quantization.scales.size())).base() - shape.begin()) -
        1;
  }
  if (!shape.empty()) moved->shape = shape;
  moved->quantization.axis = static_cast<std::int32_t>(axis);
  return emit.add(DEQUANTIZE, {moved}, TensorType::float32, moved->shape);
}

OnnxValue without_axes(Tensor* tensor, const OnnxValue& value, const std::vector<std::int32_t>& gone) {
  OnnxValue result{tensor};
  for (const std::int32_t axis : value.order) {
    if (std::find(gone.begin(), gone.end(), axis) != gone.end()) continue;
    const auto before = std::count_if(gone.begin(), gone.end(), [axis](std::int32_t g) { return g < axis; });
    result.order.push_back(axis - static_cast<std::int32_t>(before));
  }
  if (std::is_sorted(result.order.begin(), result.order.end())) result.order.clear();
  return result;
}

const std::map<std::string_view, OnnxOperator>& onnx_operators() {
  static const auto table = [] {
    std::map<std::string_view, OnnxOperator> all;
    for (const auto& entries : {onnx_elementwise_operators(), onnx_window_operators(), onnx_shape_operators(), onnx_index_operators(),
                                onnx_matrix_operators(), onnx_recurrent_operators(), onnx_quantized_operators()}) {
      for (const OnnxOperatorEntry& entry : entries) all.emplace(entry.name, entry.run);
    }
    return all;
  }();
  return table;
}

OnnxOperator find_onnx_operator(std::string_view name) {
  const auto found = onnx_operators().find(name);
  return found == onnx_operators().end() ? nullptr : found->second;
}

}  // namespace tfl::converter
