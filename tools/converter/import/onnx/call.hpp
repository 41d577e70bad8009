#pragma once
// ONNX values while they become tensors: axes may lie in another order than ONNX says, so that convolutional trunks need no TRANSPOSE.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/converter/import/emitter.hpp"

namespace tfl::converter {

using Order = std::vector<std::int32_t>;

/// A value of an ONNX graph. Its tensor's axis i is the value's axis order[i]; an empty order is ONNX's own.
struct OnnxValue {
  Tensor* tensor = nullptr;  // null: an optional input that is absent
  Order order{};
  // A value whose last axes were joined while they lay in another order: tensor and order are those before it. A matrix product behind it
  // takes its weights in that order; everybody else transposes first.
  Shape joined{};
  bool failed = false;  // a problem prevented it

  bool present() const { return tensor != nullptr; }
  bool is_constant() const { return tensor != nullptr && tensor->is_constant(); }
  /// As ONNX sees it.
  Shape shape() const;
  int rank() const { return static_cast<int>(joined.empty() ? tensor->shape.size() : joined.size()); }
};

namespace onnx {
class GraphProto;
}

struct OnnxNode {
  std::string op, name;
  std::vector<std::string> inputs{}, outputs{};
  Attributes attributes{};
  std::vector<std::pair<std::string, onnx::GraphProto*>> graphs{};  // attributes too: branches and bodies of loops
};

/// Tensors that were put into another order, so that it happens once.
using Reordered = std::map<std::pair<const Tensor*, Order>, Tensor*>;

/// One node and its inputs.
struct OnnxCall {
  Emitter& emit;
  Reordered& reordered;
  const OnnxNode& node;
  std::int64_t opset;
  std::vector<OnnxValue> inputs;

  const Attributes& attributes() const { return node.attributes; }
  bool has(std::size_t i) const { return i < inputs.size() && inputs[i].present(); }
  /// Input i. Throws where it is absent.
  const OnnxValue& input(std::size_t i) const;
  /// The tensor of a value with its axes in this order (empty: ONNX's own).
  Tensor* in_order(const OnnxValue& value, Order order) const;
  Tensor* plain(const OnnxValue& value) const { return in_order(value, {}); }
  Tensor* plain(std::size_t i) const { return plain(input(i)); }
  /// Channels at the end.
  Tensor* channels_last(const OnnxValue& value) const { return in_order(value, channels_last_order(value.rank())); }
  static Order channels_last_order(int rank);

  /// The value without a pending join. Its order may be any.
  OnnxValue settled(const OnnxValue& value) const;
  /// Where a value's axis lies in its tensor.
  static int axis_in_tensor(const OnnxValue& value, int axis);
  /// An attribute that newer versions give as an input: a constant's integers. Empty where there is neither.
  std::vector<std::int64_t> integers(std::string_view attribute, std::size_t input_index) const;
  /// Input i as a constant. Throws where it is none, naming it.
  const Tensor& constant(std::size_t i, std::string_view what) const;
  /// Operands for an elementwise operator: in one order, which is given too.
  std::pair<Values, Order> aligned(const std::vector<OnnxValue>& values) const;
  /// A value as another shape, without moving data where the axes' order allows it.
  OnnxValue reshaped(const OnnxValue& value, const Shape& shape) const;
  /// A constant, or one behind a DEQUANTIZE, with its axes in another order and then this shape (empty: as it comes).
  Tensor* weights(Tensor* tensor, const Order& order, const Shape& shape = {}) const;
};

/// A tensor that lacks some axes of `value`, in whose order the others are.
OnnxValue without_axes(Tensor* tensor, const OnnxValue& value, const std::vector<std::int32_t>& gone);

using OnnxOperator = std::vector<OnnxValue> (*)(const OnnxCall& call);
struct OnnxOperatorEntry {
  std::string_view name;
  OnnxOperator run;
};

// The tables, one for each source.
std::vector<OnnxOperatorEntry> onnx_elementwise_operators();
std::vector<OnnxOperatorEntry> onnx_window_operators();
std::vector<OnnxOperatorEntry> onnx_shape_operators();
std::vector<OnnxOperatorEntry> onnx_matrix_operators();
std::vector<OnnxOperatorEntry> onnx_recurrent_operators();
std::vector<OnnxOperatorEntry> onnx_quantized_operators();
std::vector<OnnxOperatorEntry> onnx_index_operators();

/// All of them by name.
const std::map<std::string_view, OnnxOperator>& onnx_operators();
/// The operator of that name, or null.
OnnxOperator find_onnx_operator(std::string_view name);

}  // namespace tfl::converter
