#pragma once
// Writes operators of .tflite into a graph and infers the shapes of their outputs: what the importers have in common.
//
// Unknown sizes are -1. What an operator can't take is thrown as ImportError, with the shape in the way.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/converter/import/import_error.hpp"
#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

using Shape = std::vector<std::int32_t>;
using Values = std::vector<Tensor*>;

/// "[1, ?, 8]"
std::string text_of(const Shape& shape);
/// A size that was computed in 64 bits. Throws where no tensor can have it.
std::int32_t checked_dim(std::int64_t size);
/// An axis that may count from the end, as one from the front. Throws where it is out of range.
int checked_axis(std::int64_t axis, int rank);
/// The number of elements, -1 where a size is not known. Throws where no memory could hold them.
std::int64_t element_count(std::span<const std::int32_t> shape);
/// The shape of an elementwise operation on both.
Shape broadcast(const Shape& a, const Shape& b);

/// The window of a convolution or pooling along height and width.
struct Window {
  std::int32_t stride_h = 1, stride_w = 1;
  std::int32_t dilation_h = 1, dilation_w = 1;
  bool same = false;  // padding "SAME"; else "VALID"
};

/// What lies around a tensor along one axis.
struct Border {
  std::int32_t before = 0, after = 0;
  friend bool operator==(const Border&, const Border&) = default;
};

class Emitter {
 public:
  explicit Emitter(Graph& graph) : graph_(&graph) {}

  Graph& graph() { return *graph_; }
  /// Names the source's node that the following operators come from.
  void from(std::string name, std::string type) {
    source_name_ = std::move(name);
    source_type_ = std::move(type);
  }
  const std::string& source_name() const { return source_name_; }
  /// `wanted`, or with a number behind it where the name is taken.
  std::string unique(const std::string& wanted);
  /// Gives a tensor that the present node wrote the name of that node.
  void name_result(Tensor* tensor);

  // ---- tensors

  Tensor* input(const std::string& name, TensorType type, Shape shape);
  Tensor* floats(std::vector<float> values, Shape shape, std::string_view what = "constant");
  Tensor* scalar(float value) { return floats({value}, {}); }
  /// A constant of rank 1.
  Tensor* integers(const std::vector<std::int32_t>& values);
  Tensor* constant(const Literal& literal, std::string_view what = "constant");

  /// Adds a node with one output of this type and shape.
  Tensor* add(Operation operation, Values inputs, TensorType type, Shape shape, Attributes attributes = {});
  /// Adds a node with several outputs.
  Values add(Operation operation, Values inputs, std::vector<std::pair<TensorType, Shape>> outputs, Attributes attributes = {});

  // ---- elementwise

  Tensor* unary(BuiltinOperator code, Tensor* x) { return add(code, {x}, x->type, x->shape); }
  Tensor* binary(BuiltinOperator code, Tensor* a, Tensor* b);
  Tensor* binary(BuiltinOperator code, Tensor* a, float b) { return binary(code, a, scalar(b)); }
  /// LESS, EQUAL and the like: the result is bool.
  Tensor* compare(BuiltinOperator code, Tensor* a, Tensor* b) {
    return add(code, {a, b}, TensorType::boolean, broadcast(a->shape, b->shape));
  }
  Tensor* select(Tensor* condition, Tensor* a, Tensor* b);
  Tensor* cast(Tensor* x, TensorType type);
  Tensor* leaky_relu(Tensor* x, float slope);
  /// `slope`: a constant of the shape of x without its batch, or one that broadcasts to it.
  Tensor* prelu(Tensor* x, Tensor* slope) { return add(BuiltinOperator::PRELU, {x, slope}, x->type, x->shape); }
  Tensor* gelu(Tensor* x, bool approximate);
  /// min(max(x, low), high) with infinities for bounds that are absent.
  Tensor* clamp(Tensor* x, float low, float high);
  /// x * scale + offset, with constants along one axis.
  Tensor* scale_and_shift(Tensor* x, std::vector<float> scale, std::vector<float> offset, int axis);

  // ---- windows: x is NHWC

  /// weights: OHWI. A null bias is none; of constants it may be empty: zeros are written.
  Tensor* conv_2d(Tensor* x, Tensor* weights, Tensor* bias, const Window& window);
  Tensor* conv_2d(Tensor* x, std::vector<float> weights, const Shape& weights_shape, std::vector<float> bias, const Window& window);
  /// weights: 1HWO, O = channels * multiplier.
  Tensor* depthwise_conv_2d(Tensor* x, Tensor* weights, Tensor* bias, const Window& window);
  Tensor* depthwise_conv_2d(Tensor* x, std::vector<float> weights, const Shape& weights_shape, std::vector<float> bias,
                            const Window& window);
  /// weights: OHWI. height, width: of the result.
  Tensor* transpose_conv(Tensor* x, std::vector<float> weights, const Shape& weights_shape, std::vector<float> bias, const Window& window,
                         std::int32_t height, std::int32_t width);
  /// A bias, or zeros where it is empty.
  Tensor* conv_bias(std::vector<float> bias, std::int32_t channels);
  /// weights: DHWIO; x is NDHWC. Strides and dilations of depth, height, width.
  Tensor* conv_3d(Tensor* x, std::vector<float> weights, const Shape& weights_shape, std::vector<float> bias,
                  std::span<const std::int32_t> strides, std::span<const std::int32_t> dilations, bool same);
  Tensor* pool(BuiltinOperator code, Tensor* x, std::int32_t height, std::int32_t width, const Window& window);
  Tensor* resize(BuiltinOperator code, Tensor* x, std::int32_t height, std::int32_t width, bool align_corners, bool half_pixel_centers);

  // ---- products

  /// weights: [O, I]; x: [..., I]. A null bias is none.
  Tensor* fully_connected(Tensor* x, Tensor* weights, Tensor* bias);
  Tensor* batch_matmul(Tensor* a, Tensor* b, bool transpose_a = false, bool transpose_b = false);

  // ---- shapes

  /// `shape` may hold one -1.
  Tensor* reshape(Tensor* x, Shape shape);
  Tensor* transpose(Tensor* x, const std::vector<std::int32_t>& permutation);
  Tensor* expand_dims(Tensor* x, int axis);
  /// The axes count from the front and have size 1.
  Tensor* squeeze(Tensor* x, const std::vector<std::int32_t>& axes);
  Tensor* concat(const Values& xs, int axis);
  Tensor* pack(const Values& xs, int axis);
  Values unpack(Tensor* x, int axis);
  /// One border an axis. Negative ones are refused. Gives x itself where there is nothing to add.
  Tensor* pad(Tensor* x, const std::vector<Border>& borders, std::optional<float> value = std::nullopt);
  /// mode: "REFLECT" or "SYMMETRIC".
  Tensor* mirror_pad(Tensor* x, const std::vector<Border>& borders, const char* mode);
  /// Sizes of -1 go to the end.
  Tensor* slice(Tensor* x, const Shape& begin, const Shape& size);
  /// x[begin:end:stride] on every axis; an absent begin or end is the border.
  struct Range {
    std::optional<std::int32_t> begin, end;
    std::int32_t stride = 1;
  };
  Tensor* strided_slice(Tensor* x, const std::vector<Range>& ranges);
  Values split(Tensor* x, const std::vector<std::int32_t>& sizes, int axis);
  Tensor* gather(Tensor* x, Tensor* indices, int axis, int batch_dims = 0);
  Tensor* tile(Tensor* x, const std::vector<std::int32_t>& times);
  Tensor* reverse(Tensor* x, int axis);
  Tensor* reduce(BuiltinOperator code, Tensor* x, const std::vector<std::int32_t>& axes, bool keep_dims);
  Tensor* softmax(Tensor* x) { return add(BuiltinOperator::SOFTMAX, {x}, x->type, x->shape, {{"beta", 1.0}}); }
  /// Along any axis: moved to the end and back where it is not the last.
  Tensor* softmax(Tensor* x, int axis, bool logarithm = false);

  /// The shape of x as a constant, with unknown_size where it isn't known (literal.hpp).
  Tensor* shape_of(Tensor* x, TensorType type);
  /// A constant's integers as a shape: -1 where they are negative or not known. Throws where it is no constant.
  static Shape target_shape(const Tensor* sizes);
  /// Adds a problem for every node that would compute with unknown_size.
  void check_finished(Problems& problems) const;
  /// Every dimension of x but the batch as one.
  Tensor* flatten(Tensor* x);
  /// A known size. Throws, naming what it is needed for.
  static std::int32_t known(const Tensor* x, int axis, std::string_view needed_for);
  static void want_rank(const Tensor* x, int rank);

 private:
  Graph* graph_;
  std::string source_name_, source_type_;
  std::unordered_map<std::string, int> names_;
};

}  // namespace tfl::converter
