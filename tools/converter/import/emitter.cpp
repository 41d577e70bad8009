// needs: exceptions
#include "tools/converter/import/emitter.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include "tools/converter/import/literal.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

std::string text_of(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + (shape[i] < 0 ? "?" : std::to_string(shape[i]));
  return text + "]";
}

std::int32_t checked_dim(std::int64_t size) {
  if (size < 0 || size > std::numeric_limits<std::int32_t>::max()) {
    throw ImportError("a dimension of size " + std::to_string(size) + " comes out, which no tensor can have");
  }
  return static_cast<std::int32_t>(size);
}

int checked_axis(std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    throw ImportError("axis " + std::to_string(axis) + " is out of range for a tensor of rank " + std::to_string(rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::int64_t element_count(std::span<const std::int32_t> shape) {
  std::int64_t result = 1;
  for (const std::int32_t d : shape) {
    if (d < 0) return -1;
    if (d != 0 && result > (std::int64_t{1} << 40) / d)
      throw ImportError("a tensor of the shape " + text_of({shape.begin(), shape.end()}) + " is too large");
    result *= d;
  }
  return result;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape result(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int32_t x = i + a.size() < rank ? 1 : a[i + a.size() - rank];
    const std::int32_t y = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    if (x >= 0 && y >= 0 && x != y && x != 1 && y != 1) {
      throw ImportError("the shapes " + text_of(a) + " and " + text_of(b) + " do not broadcast");
    }
    result[i] = x == 1 ? y : y == 1 || x == y ? x : std::max(x, y);
  }
  return result;
}

namespace {

std::int32_t window_output(std::int32_t size, std::int64_t taps, std::int64_t stride, std::int64_t dilation, bool same) {
  if (taps < 1 || stride < 1 || dilation < 1) throw ImportError("window sizes, strides and dilations must be positive");
  if (size < 0) return -1;
  const std::int64_t reach = (taps - 1) * dilation + 1;
  const std::int64_t starts = same ? size : size - reach + 1;
  if (starts < 1 && size != 0) {
    throw ImportError("a window of " + std::to_string(reach) + " does not fit into a size of " + std::to_string(size));
  }
  return checked_dim((std::max<std::int64_t>(starts, 0) + stride - 1) / stride);
}

Shape window_shape(const Tensor* x, std::int64_t taps_h, std::int64_t taps_w, const Window& w, std::int32_t channels) {
  Emitter::want_rank(x, 4);
  return {x->shape[0], window_output(x->shape[1], taps_h, w.stride_h, w.dilation_h, w.same),
          window_output(x->shape[2], taps_w, w.stride_w, w.dilation_w, w.same), channels};
}

Attributes window_attributes(const Window& w) {
  return {{"padding", w.same ? "SAME" : "VALID"}, {"stride_w", w.stride_w}, {"stride_h", w.stride_h}};
}

void want_channels(const Tensor* x, std::int32_t channels) {
  if (x->shape.back() >= 0 && x->shape.back() != channels) {
    throw ImportError("the weights are for " + std::to_string(channels) + " input channels, but the input has the shape " +
                      text_of(x->shape));
  }
}

}  // namespace

// ---- names and tensors

std::string Emitter::unique(const std::string& wanted) {
  std::string name = wanted;
  while (!names_.try_emplace(name, 0).second) name = wanted + "_" + std::to_string(++names_[wanted]);
  return name;
}

void Emitter::name_result(Tensor* tensor) {
  if (tensor != nullptr && tensor->producer != nullptr && tensor->producer->source_name == source_name_ && !graph_->is_input(tensor)) {
    tensor->name = unique(source_name_);
  }
}

Tensor* Emitter::input(const std::string& name, TensorType type, Shape shape) {
  return graph_->add_tensor(unique(name), type, std::move(shape));
}

Tensor* Emitter::floats(std::vector<float> values, Shape shape, std::string_view what) {
  if (element_count(shape) != static_cast<std::int64_t>(values.size())) {
    throw ImportError("a constant of the shape " + text_of(shape) + " has " + std::to_string(values.size()) + " elements");
  }
  return graph_->add_constant(unique(source_name_ + "/" + std::string(what)), std::move(shape), values);
}

Tensor* Emitter::integers(const std::vector<std::int32_t>& values) {
  return graph_->add_constant(unique(source_name_ + "/constant"), Shape{static_cast<std::int32_t>(values.size())}, values);
}

Tensor* Emitter::constant(const Literal& literal, std::string_view what) {
  return graph_->add_constant(unique(source_name_ + "/" + std::string(what)), literal);
}

Tensor* Emitter::add(Operation operation, Values inputs, TensorType type, Shape shape, Attributes attributes) {
  return add(std::move(operation), std::move(inputs), {{type, std::move(shape)}}, std::move(attributes)).front();
}

Values Emitter::add(Operation operation, Values inputs, std::vector<std::pair<TensorType, Shape>> outputs, Attributes attributes) {
  if (outputs.size() == 1) {
    if (const auto known = fold(operation, inputs, outputs[0].first, outputs[0].second, attributes)) return {constant(*known)};
  }
  std::string stem = source_name_ + "/" + std::string(operation.name());
  std::transform(stem.end() - static_cast<std::ptrdiff_t>(operation.name().size()), stem.end(),
                 stem.end() - static_cast<std::ptrdiff_t>(operation.name().size()),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  Values tensors;
  for (auto& [type, shape] : outputs) tensors.push_back(graph_->add_tensor(unique(stem), type, std::move(shape)));
  Node* node = graph_->append(std::move(operation), std::move(inputs), tensors, std::move(attributes));
  node->source_name = source_name_;
  node->source_type = source_type_;
  return tensors;
}

// ---- elementwise

Tensor* Emitter::binary(BuiltinOperator code, Tensor* a, Tensor* b) { return add(code, {a, b}, a->type, broadcast(a->shape, b->shape)); }

Tensor* Emitter::select(Tensor* condition, Tensor* a, Tensor* b) {
  return add(SELECT_V2, {condition, a, b}, a->type, broadcast(condition->shape, broadcast(a->shape, b->shape)));
}

Tensor* Emitter::cast(Tensor* x, TensorType type) { return x->type == type ? x : add(CAST, {x}, type, x->shape); }

Tensor* Emitter::leaky_relu(Tensor* x, float slope) {
  return add(LEAKY_RELU, {x}, x->type, x->shape, {{"alpha", static_cast<double>(slope)}});
}

Tensor* Emitter::gelu(Tensor* x, bool approximate) { return add(GELU, {x}, x->type, x->shape, {{"approximate", approximate}}); }

Tensor* Emitter::clamp(Tensor* x, float low, float high) {
  const float infinity = std::numeric_limits<float>::infinity();
  if (low == 0 && high == 6) return unary(RELU6, x);
  if (low == -1 && high == 1) return unary(RELU_N1_TO_1, x);
  if (low == 0 && high == infinity) return unary(RELU, x);
  if (low != -infinity) x = binary(MAXIMUM, x, low);
  if (high != infinity) x = binary(MINIMUM, x, high);
  return x;
}

Tensor* Emitter::scale_and_shift(Tensor* x, std::vector<float> scale, std::vector<float> offset, int axis) {
  const auto at = static_cast<std::size_t>(axis);
  const auto count = static_cast<std::int32_t>(scale.size());
  if (x->shape.at(at) >= 0 && x->shape[at] != count) {
    throw ImportError("there are " + std::to_string(count) + " factors for axis " + std::to_string(axis) + " of the shape " +
                      text_of(x->shape));
  }
  // Along the last axis one dimension is enough.
  Shape shape(x->shape.size() - at, 1);
  shape.front() = count;
  Tensor* scaled = binary(MUL, x, floats(std::move(scale), shape, "scale"));
  return binary(ADD, scaled, floats(std::move(offset), shape, "offset"));
}

// ---- windows

Tensor* Emitter::shape_of(Tensor* x, TensorType type) {
  std::vector<std::int64_t> sizes;
  for (const std::int32_t d : x->shape) sizes.push_back(d < 0 ? unknown_size : d);
  return constant(literal_of(type, {x->rank()}, sizes), "shape");
}

Shape Emitter::target_shape(const Tensor* sizes) {
  if (!sizes->is_constant()) throw ImportError("a shape is computed from data", "give it as a constant");
  Shape shape;
  for (const std::int64_t size : integers_of(*sizes)) shape.push_back(size == -1 || size == unknown_size ? -1 : checked_dim(size));
  return shape;
}

void Emitter::check_finished(Problems& problems) const {
  for (const auto& node : graph_->nodes()) {
    for (const Tensor* input : node->inputs()) {
      if (input == nullptr || !input->is_constant() || (input->type != TensorType::int32 && input->type != TensorType::int64) ||
          input->count() > 4096)
        continue;
      const std::vector<std::int64_t> values = integers_of(*input);
      if (std::find(values.begin(), values.end(), unknown_size) == values.end()) continue;
      problems.add(node->where(), "it computes with a size that is not known; give the inputs fixed sizes");
    }
  }
}

Tensor* Emitter::conv_bias(std::vector<float> bias, std::int32_t channels) {
  if (bias.empty()) bias.resize(static_cast<std::size_t>(channels));
  return floats(std::move(bias), {channels}, "bias");
}

Tensor* Emitter::conv_2d(Tensor* x, std::vector<float> weights, const Shape& s, std::vector<float> bias, const Window& window) {
  if (s.size() != 4) throw ImportError("the weights must have 4 dimensions, they have the shape " + text_of(s));
  return conv_2d(x, floats(std::move(weights), s, "weights"), conv_bias(std::move(bias), s[0]), window);
}

Tensor* Emitter::conv_2d(Tensor* x, Tensor* weights, Tensor* bias, const Window& window) {
  want_rank(weights, 4);
  want_rank(x, 4);
  const Shape& s = weights->shape;
  // Groups: the weights hold a part of the channels.
  if (s[3] < 1 || (x->shape[3] >= 0 && x->shape[3] % s[3] != 0)) want_channels(x, s[3]);
  Shape shape = window_shape(x, s[1], s[2], window, s[0]);
  Attributes attributes = window_attributes(window);
  attributes.set("dilation_w_factor", window.dilation_w);
  attributes.set("dilation_h_factor", window.dilation_h);
  return add(CONV_2D, {x, weights, bias}, x->type, std::move(shape), std::move(attributes));
}

Tensor* Emitter::depthwise_conv_2d(Tensor* x, std::vector<float> weights, const Shape& s, std::vector<float> bias, const Window& window) {
  if (s.size() != 4) throw ImportError("the weights must have 4 dimensions, they have the shape " + text_of(s));
  return depthwise_conv_2d(x, floats(std::move(weights), s, "weights"), conv_bias(std::move(bias), s[3]), window);
}

Tensor* Emitter::depthwise_conv_2d(Tensor* x, Tensor* weights, Tensor* bias, const Window& window) {
  want_rank(weights, 4);
  want_rank(x, 4);
  const Shape& s = weights->shape;
  const std::int32_t channels = known(x, 3, "DEPTHWISE_CONV_2D");
  if (channels == 0 || s[3] % channels != 0) want_channels(x, s[3]);
  Shape shape = window_shape(x, s[1], s[2], window, s[3]);
  Attributes attributes = window_attributes(window);
  attributes.set("depth_multiplier", s[3] / std::max(channels, 1));
  attributes.set("dilation_w_factor", window.dilation_w);
  attributes.set("dilation_h_factor", window.dilation_h);
  return add(DEPTHWISE_CONV_2D, {x, weights, bias}, x->type, std::move(shape), std::move(attributes));
}

Tensor* Emitter::transpose_conv(Tensor* x, std::vector<float> weights, const Shape& s, std::vector<float> bias, const Window& window,
                                std::int32_t height, std::int32_t width) {
  if (s.size() != 4) throw ImportError("the weights must have 4 dimensions, they have the shape " + text_of(s));
  want_rank(x, 4);
  want_channels(x, s[3]);
  // The operator wants the batch too; where it isn't known it is 1.
  Tensor* shape = integers({std::max(x->shape[0], 1), height, width, s[0]});
  Tensor* filter = floats(std::move(weights), s, "weights");
  Values inputs = {shape, filter, x};
  if (!bias.empty()) inputs.push_back(floats(std::move(bias), {s[0]}, "bias"));
  return add(TRANSPOSE_CONV, std::move(inputs), x->type, {x->shape[0], height, width, s[0]}, window_attributes(window));
}

Tensor* Emitter::conv_3d(Tensor* x, std::vector<float> weights, const Shape& s, std::vector<float> bias,
                         std::span<const std::int32_t> strides, std::span<const std::int32_t> dilations, bool same) {
  if (s.size() != 5) throw ImportError("the weights must have 5 dimensions, they have the shape " + text_of(s));
  want_rank(x, 5);
  want_channels(x, s[3]);
  Shape shape = {x->shape[0]};
  for (std::size_t i = 0; i < 3; ++i) shape.push_back(window_output(x->shape[i + 1], s[i], strides[i], dilations[i], same));
  shape.push_back(s[4]);
  Tensor* filter = floats(std::move(weights), s, "weights");
  return add(CONV_3D, {x, filter, conv_bias(std::move(bias), s[4])}, x->type, std::move(shape),
             {{"padding", same ? "SAME" : "VALID"},
              {"stride_d", strides[0]},
              {"stride_h", strides[1]},
              {"stride_w", strides[2]},
              {"dilation_d_factor", dilations[0]},
              {"dilation_h_factor", dilations[1]},
              {"dilation_w_factor", dilations[2]}});
}

Tensor* Emitter::pool(BuiltinOperator code, Tensor* x, std::int32_t height, std::int32_t width, const Window& window) {
  want_rank(x, 4);
  Attributes attributes = window_attributes(window);
  attributes.set("filter_width", width);
  attributes.set("filter_height", height);
  Shape shape = window_shape(x, height, width, window, x->shape[3]);
  return add(code, {x}, x->type, std::move(shape), std::move(attributes));
}

Tensor* Emitter::resize(BuiltinOperator code, Tensor* x, std::int32_t height, std::int32_t width, bool align_corners,
                        bool half_pixel_centers) {
  want_rank(x, 4);
  return add(code, {x, integers({height, width})}, x->type, {x->shape[0], height, width, x->shape[3]},
             {{"align_corners", align_corners}, {"half_pixel_centers", half_pixel_centers}});
}

// ---- products

Tensor* Emitter::fully_connected(Tensor* x, Tensor* weights, Tensor* bias) {
  if (weights->rank() != 2) throw ImportError("the weights must be a matrix, they have the shape " + text_of(weights->shape));
  if (x->rank() < 1) throw ImportError("the input is a scalar, a matrix product needs at least one dimension");
  want_channels(x, weights->shape[1]);
  Shape shape = x->shape;
  shape.back() = weights->shape[0];
  return add(FULLY_CONNECTED, {x, weights, bias}, x->type, std::move(shape), {{"keep_num_dims", x->rank() != 2}});
}

Tensor* Emitter::batch_matmul(Tensor* a, Tensor* b, bool transpose_a, bool transpose_b) {
  if (a->rank() < 2 || b->rank() < 2) {
    throw ImportError("the operands of a matrix product have the shapes " + text_of(a->shape) + " and " + text_of(b->shape));
  }
  Shape left = a->shape, right = b->shape;
  if (transpose_a) std::swap(left.end()[-1], left.end()[-2]);
  if (transpose_b) std::swap(right.end()[-1], right.end()[-2]);
  if (left.back() >= 0 && right.end()[-2] >= 0 && left.back() != right.end()[-2]) {
    throw ImportError("matrices of the shapes " + text_of(left) + " and " + text_of(right) + " can't be multiplied");
  }
  Shape shape = broadcast(Shape(left.begin(), left.end() - 2), Shape(right.begin(), right.end() - 2));
  shape.push_back(left.end()[-2]);
  shape.push_back(right.back());
  return add(BATCH_MATMUL, {a, b}, a->type, std::move(shape), {{"adj_x", transpose_a}, {"adj_y", transpose_b}});
}

// ---- shapes

Tensor* Emitter::reshape(Tensor* x, Shape shape) {
  const auto unknown = std::count(shape.begin(), shape.end(), -1);
  if (unknown > 1)
    throw ImportError("a shape of several unknown sizes, " + text_of(shape) + ", can't be reached by reshaping",
                      "give the inputs fixed sizes");
  Shape result = shape;
  const std::int64_t count = element_count(x->shape);
  if (unknown == 0 && count >= 0 && element_count(shape) != count) {
    throw ImportError("the shape " + text_of(x->shape) + " can't be reshaped to " + text_of(shape));
  }
  if (unknown == 1 && count >= 0) {
    const auto at = std::find(result.begin(), result.end(), -1);
    *at = 1;
    const std::int64_t rest = element_count(result);
    if (rest == 0 || count % rest != 0) throw ImportError("the shape " + text_of(x->shape) + " can't be reshaped to " + text_of(shape));
    *at = checked_dim(count / rest);
  }
  return add(RESHAPE, {x, integers(shape)}, x->type, std::move(result));
}

Tensor* Emitter::transpose(Tensor* x, const std::vector<std::int32_t>& permutation) {
  std::vector<std::int32_t> sorted = permutation, all(x->shape.size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  if (sorted != all) throw ImportError(text_of(permutation) + " is no order of the axes of the shape " + text_of(x->shape));
  if (permutation == all) return x;
  Shape shape;
  for (const std::int32_t axis : permutation) shape.push_back(x->shape[static_cast<std::size_t>(axis)]);
  return add(TRANSPOSE, {x, integers(permutation)}, x->type, std::move(shape));
}

Tensor* Emitter::expand_dims(Tensor* x, int axis) {
  Shape shape = x->shape;
  shape.insert(shape.begin() + axis, 1);
  return add(EXPAND_DIMS, {x, integers({axis})}, x->type, std::move(shape));
}

Tensor* Emitter::squeeze(Tensor* x, const std::vector<std::int32_t>& axes) {
  Shape shape;
  for (int i = 0; i < x->rank(); ++i) {
    const std::int32_t size = x->shape[static_cast<std::size_t>(i)];
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      shape.push_back(size);
    } else if (size != 1 && size != -1) {
      throw ImportError("axis " + std::to_string(i) + " of the shape " + text_of(x->shape) + " can't be dropped: its size is not 1");
    }
  }
  return add(SQUEEZE, {x}, x->type, std::move(shape), {{"squeeze_dims", std::vector<std::int64_t>(axes.begin(), axes.end())}});
}

Tensor* Emitter::concat(const Values& xs, int axis) {
  if (xs.empty()) throw ImportError("nothing to concatenate");
  if (xs.size() == 1) return xs.front();
  Shape shape = xs.front()->shape;
  const auto along = static_cast<std::size_t>(axis);
  std::int64_t total = 0;
  for (const Tensor* x : xs) {
    bool fits = x->shape.size() == shape.size() && x->type == xs.front()->type;
    for (std::size_t i = 0; fits && i < shape.size(); ++i) {
      if (i == along) continue;
      fits = shape[i] < 0 || x->shape[i] < 0 || shape[i] == x->shape[i];
      shape[i] = std::max(shape[i], x->shape[i]);
    }
    if (!fits) {
      throw ImportError("the shapes " + text_of(xs.front()->shape) + " and " + text_of(x->shape) + " can't be concatenated along axis " +
                        std::to_string(axis));
    }
    total = total < 0 || x->shape[along] < 0 ? -1 : total + x->shape[along];
  }
  shape[along] = total < 0 ? -1 : checked_dim(total);
  return add(CONCATENATION, xs, xs.front()->type, std::move(shape), {{"axis", axis}});
}

Tensor* Emitter::pack(const Values& xs, int axis) {
  if (xs.empty()) throw ImportError("nothing to stack");
  Shape shape = xs.front()->shape;
  for (const Tensor* x : xs) {
    if (x->rank() != xs.front()->rank() || x->type != xs.front()->type)
      throw ImportError("tensors of different ranks or types can't be stacked");
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] >= 0 && x->shape[i] >= 0 && shape[i] != x->shape[i]) {
        throw ImportError("tensors of the shapes " + text_of(shape) + " and " + text_of(x->shape) + " can't be stacked");
      }
      shape[i] = std::max(shape[i], x->shape[i]);
    }
  }
  shape.insert(shape.begin() + axis, static_cast<std::int32_t>(xs.size()));
  return add(PACK, xs, xs.front()->type, std::move(shape), {{"values_count", static_cast<std::int64_t>(xs.size())}, {"axis", axis}});
}

Values Emitter::unpack(Tensor* x, int axis) {
  const std::int32_t count = known(x, axis, "UNPACK");
  if (count > 65536) throw ImportError("an axis of size " + std::to_string(count) + " is too long to be taken apart");
  Shape shape = x->shape;
  shape.erase(shape.begin() + axis);
  return add(UNPACK, {x}, std::vector<std::pair<TensorType, Shape>>(static_cast<std::size_t>(count), {x->type, shape}),
             {{"num", count}, {"axis", axis}});
}

namespace {

Shape padded_shape(const Tensor* x, const std::vector<Border>& borders) {
  if (borders.size() != x->shape.size())
    throw ImportError("there are " + std::to_string(borders.size()) + " borders for the shape " + text_of(x->shape));
  Shape shape = x->shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (borders[i].before < 0 || borders[i].after < 0) throw ImportError("a border is negative: cropping is another operation");
    if (shape[i] >= 0) shape[i] = checked_dim(std::int64_t{shape[i]} + borders[i].before + borders[i].after);
  }
  return shape;
}

std::vector<std::int32_t> border_values(const std::vector<Border>& borders) {
  std::vector<std::int32_t> values;
  for (const Border& b : borders) values.insert(values.end(), {b.before, b.after});
  return values;
}

}  // namespace

Tensor* Emitter::pad(Tensor* x, const std::vector<Border>& borders, std::optional<float> value) {
  Shape shape = padded_shape(x, borders);
  if (std::all_of(borders.begin(), borders.end(), [](const Border& b) { return b == Border{}; })) return x;
  Tensor* table = graph_->add_constant(unique(source_name_ + "/borders"), Shape{x->rank(), 2}, border_values(borders));
  if (value.value_or(0) == 0) return add(PAD, {x, table}, x->type, std::move(shape));
  if (x->type != TensorType::float32) throw ImportError("only float32 tensors can be padded with a value other than zero");
  return add(PADV2, {x, table, scalar(*value)}, x->type, std::move(shape));
}

Tensor* Emitter::mirror_pad(Tensor* x, const std::vector<Border>& borders, const char* mode) {
  Shape shape = padded_shape(x, borders);
  Tensor* table = graph_->add_constant(unique(source_name_ + "/borders"), Shape{x->rank(), 2}, border_values(borders));
  return add(MIRROR_PAD, {x, table}, x->type, std::move(shape), {{"mode", mode}});
}

Tensor* Emitter::slice(Tensor* x, const Shape& begin, const Shape& size) {
  if (begin.size() != x->shape.size() || size.size() != x->shape.size()) {
    throw ImportError("a slice of " + std::to_string(begin.size()) + " axes of the shape " + text_of(x->shape));
  }
  Shape shape = size;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (begin[i] < 0 || size[i] < -1 || (x->shape[i] >= 0 && std::int64_t{begin[i]} + std::max(size[i], 0) > x->shape[i])) {
      throw ImportError("the slice from " + text_of(begin) + " of size " + text_of(size) + " leaves the shape " + text_of(x->shape));
    }
    if (size[i] < 0 && x->shape[i] >= 0) shape[i] = x->shape[i] - begin[i];
  }
  return add(SLICE, {x, integers(begin), integers(size)}, x->type, std::move(shape));
}

Tensor* Emitter::strided_slice(Tensor* x, const std::vector<Range>& ranges) {
  if (ranges.size() != x->shape.size())
    throw ImportError("a slice of " + std::to_string(ranges.size()) + " axes of the shape " + text_of(x->shape));
  std::vector<std::int32_t> begin, end, stride;
  std::int64_t begin_mask = 0, end_mask = 0;
  Shape shape = x->shape;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Range& r = ranges[i];
    if (r.stride == 0) throw ImportError("a slice has the stride 0");
    const bool whole = !r.begin && !r.end && (r.stride == 1 || r.stride == -1);
    if (x->shape[i] >= 0) {
      const std::int64_t size = x->shape[i];
      const std::int64_t low = r.stride > 0 ? 0 : -1, high = r.stride > 0 ? size : size - 1;
      const auto place = [&](std::optional<std::int32_t> at, std::int64_t border) {
        return at ? std::clamp(*at < 0 ? *at + size : std::int64_t{*at}, low, high) : border;
      };
      const std::int64_t from = place(r.begin, r.stride > 0 ? 0 : size - 1), to = place(r.end, r.stride > 0 ? size : -1);
      const std::int64_t distance = r.stride > 0 ? to - from : from - to, step = std::abs(std::int64_t{r.stride});
      shape[i] = checked_dim(std::max<std::int64_t>(0, (distance + step - 1) / step));
    } else if (!whole) {
      // One element counted from either side has a known size whatever the axis has.
      const bool one = r.stride == 1 && r.begin && ((r.end && *r.end == std::int64_t{*r.begin} + 1) || (!r.end && *r.begin == -1));
      shape[i] = one ? 1 : -1;
    }
    begin.push_back(r.begin.value_or(0));
    end.push_back(r.end.value_or(0));
    stride.push_back(r.stride);
    if (!r.begin) begin_mask |= std::int64_t{1} << i;
    if (!r.end) end_mask |= std::int64_t{1} << i;
  }
  if (shape == x->shape && std::all_of(ranges.begin(), ranges.end(), [](const Range& r) { return r.stride == 1; }) && x->is_static())
    return x;
  return add(STRIDED_SLICE, {x, integers(begin), integers(end), integers(stride)}, x->type, std::move(shape),
             {{"begin_mask", begin_mask}, {"end_mask", end_mask}});
}

Values Emitter::split(Tensor* x, const std::vector<std::int32_t>& sizes, int axis) {
  const std::int32_t size = known(x, axis, "SPLIT");
  if (std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) != size || sizes.empty() ||
      *std::min_element(sizes.begin(), sizes.end()) < 0) {
    throw ImportError("the parts " + text_of(sizes) + " don't make up axis " + std::to_string(axis) + " of the shape " + text_of(x->shape));
  }
  std::vector<std::pair<TensorType, Shape>> outputs;
  for (const std::int32_t part : sizes) {
    Shape shape = x->shape;
    shape[static_cast<std::size_t>(axis)] = part;
    outputs.emplace_back(x->type, std::move(shape));
  }
  Tensor* along = graph_->add_constant(unique(source_name_ + "/axis"), Shape{}, std::vector<std::int32_t>{axis});
  const auto count = static_cast<std::int64_t>(sizes.size());
  if (std::all_of(sizes.begin(), sizes.end(), [&](std::int32_t s) { return s == sizes.front(); })) {
    return add(SPLIT, {along, x}, std::move(outputs), {{"num_splits", count}});
  }
  return add(SPLIT_V, {x, integers(sizes), along}, std::move(outputs), {{"num_splits", count}});
}

Tensor* Emitter::gather(Tensor* x, Tensor* indices, int axis, int batch_dims) {
  Shape shape(x->shape.begin(), x->shape.begin() + axis);
  shape.insert(shape.end(), indices->shape.begin() + batch_dims, indices->shape.end());
  shape.insert(shape.end(), x->shape.begin() + axis + 1, x->shape.end());
  return add(GATHER, {x, indices}, x->type, std::move(shape), {{"axis", axis}, {"batch_dims", batch_dims}});
}

Tensor* Emitter::tile(Tensor* x, const std::vector<std::int32_t>& times) {
  if (times.size() != x->shape.size())
    throw ImportError("there are " + std::to_string(times.size()) + " repetitions for the shape " + text_of(x->shape));
  Shape shape = x->shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0) shape[i] = checked_dim(std::int64_t{shape[i]} * times[i]);
  }
  return add(TILE, {x, integers(times)}, x->type, std::move(shape));
}

Tensor* Emitter::reverse(Tensor* x, int axis) { return add(REVERSE_V2, {x, integers({axis})}, x->type, x->shape); }

Tensor* Emitter::reduce(BuiltinOperator code, Tensor* x, const std::vector<std::int32_t>& axes, bool keep_dims) {
  Shape shape;
  for (int i = 0; i < x->rank(); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      shape.push_back(x->shape[static_cast<std::size_t>(i)]);
    } else if (keep_dims) {
      shape.push_back(1);
    }
  }
  return add(code, {x, integers(axes)}, x->type, std::move(shape), {{"keep_dims", keep_dims}});
}

Tensor* Emitter::softmax(Tensor* x, int axis, bool logarithm) {
  const auto along_last = [&](Tensor* t) { return logarithm ? unary(LOG_SOFTMAX, t) : softmax(t); };
  if (axis == x->rank() - 1) return along_last(x);
  std::vector<std::int32_t> swapped(x->shape.size());
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[static_cast<std::size_t>(axis)], swapped.back());
  return transpose(along_last(transpose(x, swapped)), swapped);
}

Tensor* Emitter::flatten(Tensor* x) {
  if (x->rank() < 1) return reshape(x, {1, 1});
  const std::int64_t size = element_count(std::span(x->shape).subspan(1));
  if (size < 0 && x->shape[0] < 0)
    throw ImportError("a tensor of the shape " + text_of(x->shape) + " can't be flattened", "give the inputs fixed sizes");
  return reshape(x, size < 0 ? Shape{x->shape[0], -1} : Shape{-1, checked_dim(size)});
}

std::int32_t Emitter::known(const Tensor* x, int axis, std::string_view needed_for) {
  const std::int32_t size = x->shape.at(static_cast<std::size_t>(axis));
  if (size < 0) {
    throw ImportError(std::string(needed_for) + " needs the size of axis " + std::to_string(axis) + " of the shape " + text_of(x->shape),
                      "give the inputs fixed sizes");
  }
  return size;
}

void Emitter::want_rank(const Tensor* x, int rank) {
  if (x->rank() != rank)
    throw ImportError("the input must have " + std::to_string(rank) + " dimensions, it has the shape " + text_of(x->shape));
}

}  // namespace tfl::converter
