// needs: exceptions
// ONNX operators that slide a window, on channels-last tensors: convolutions, pooling, resizing.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

using Result = std::vector<OnnxValue>;

/// One spatial axis of a window.
struct Axis {
  std::int32_t taps = 1, stride = 1, dilation = 1, before = 0, after = 0;
  std::int64_t reach() const { return std::int64_t{taps - 1} * dilation + 1; }
};

std::int32_t small(std::int64_t value, std::string_view what) {
  if (value < 0 || value > (1 << 24))
    throw ImportError("'" + std::string(what) + "' holds " + std::to_string(value) + ", which makes no sense");
  return static_cast<std::int32_t>(value);
}

/// What SAME would put around an axis of a known size.
std::pair<std::int32_t, std::int32_t> same_borders(std::int32_t size, const Axis& axis) {
  const std::int64_t outputs = (std::int64_t{size} + axis.stride - 1) / axis.stride;
  const std::int64_t total = std::max<std::int64_t>((outputs - 1) * axis.stride + axis.reach() - size, 0);
  return {static_cast<std::int32_t>(total / 2), static_cast<std::int32_t>(total - total / 2)};
}

/// Kernel, strides, dilations and borders of every spatial axis. x is channels-last.
std::vector<Axis> axes_of(const OnnxCall& call, const Tensor* x, const std::vector<std::int32_t>& taps) {
  const std::size_t count = taps.size();
  const auto list = [&](std::string_view name, std::size_t size, std::int64_t otherwise) {
    std::vector<std::int64_t> values = call.attributes().integers(name, std::vector<std::int64_t>(size, otherwise));
    if (values.size() != size) throw ImportError("'" + std::string(name) + "' must hold " + std::to_string(size) + " numbers");
    return values;
  };
  const auto strides = list("strides", count, 1), dilations = list("dilations", count, 1), pads = list("pads", 2 * count, 0);
  const std::string automatic = call.attributes().text("auto_pad", "NOTSET");
  std::vector<Axis> axes(count);
  for (std::size_t i = 0; i < count; ++i) {
    Axis& axis = axes[i];
    axis.taps = taps[i];
    axis.stride = small(strides[i], "strides");
    axis.dilation = small(dilations[i], "dilations");
    if (axis.taps < 1 || axis.stride < 1 || axis.dilation < 1) throw ImportError("window sizes, strides and dilations must be positive");
    if (automatic == "NOTSET") {
      if (pads[i] < 0 || pads[i + count] < 0) throw ImportError("negative pads are not supported", "crop with Slice");
      axis.before = small(pads[i], "pads");
      axis.after = small(pads[i + count], "pads");
    } else if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const std::int32_t size = x->shape[i + 1];
      if (size < 0 && axis.stride != 1)
        throw ImportError("auto_pad needs the input's size, " + text_of(x->shape), "give the inputs fixed sizes");
      std::tie(axis.before, axis.after) = same_borders(std::max(size, 1), axis);
      if (size < 0) {
        axis.before = static_cast<std::int32_t>((axis.reach() - 1) / 2);
        axis.after = static_cast<std::int32_t>(axis.reach() - 1 - axis.before);
      }
      if (automatic == "SAME_LOWER") std::swap(axis.before, axis.after);
    } else if (automatic != "VALID") {
      throw ImportError("auto_pad '" + automatic + "' is not known");
    }
  }
  return axes;
}

bool is_same(const Tensor* x, const std::vector<Axis>& axes) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Axis& axis = axes[i];
    const std::int32_t size = x->shape[i + 1];
    if (size < 0 && axis.stride != 1) return false;
    const auto [before, after] = same_borders(size < 0 ? static_cast<std::int32_t>(axis.reach()) : size, axis);
    if (axis.before != before || axis.after != after) return false;
  }
  return true;
}

bool no_borders(const std::vector<Axis>& axes) {
  return std::all_of(axes.begin(), axes.end(), [](const Axis& a) { return a.before == 0 && a.after == 0; });
}

Tensor* pad_spatial(const OnnxCall& call, Tensor* x, const std::vector<Axis>& axes, std::optional<float> value = std::nullopt) {
  std::vector<Border> borders(x->shape.size());
  for (std::size_t i = 0; i < axes.size(); ++i) borders[i + 1] = {axes[i].before, axes[i].after};
  return call.emit.pad(x, borders, value);
}

/// The window of two spatial axes; x gets what SAME does not give.
Window window_2d(const OnnxCall& call, Tensor*& x, const std::vector<Axis>& axes) {
  Window window{axes[0].stride, axes[1].stride, axes[0].dilation, axes[1].dilation, false};
  if (no_borders(axes)) return window;
  window.same = is_same(x, axes);
  if (!window.same) x = pad_spatial(call, x, axes);
  return window;
}

/// Runs the body on x as NHWC; a value of one spatial axis gets a height of 1. The axes have two entries then.
template <class F> Result on_plane(const OnnxCall& call, const OnnxValue& value, std::vector<Axis> axes, Tensor* x, F&& body) {
  const int rank = value.rank();
  if (rank == 3) {
    axes.insert(axes.begin(), Axis{});
    x = call.emit.expand_dims(x, 1);
  }
  Tensor* y = body(x, axes);
  if (rank == 3) y = call.emit.squeeze(y, {1});
  return {{y, OnnxCall::channels_last_order(rank)}};
}

Tensor* bias_of(const OnnxCall& call, std::size_t i, std::int32_t channels) {
  if (!call.has(i)) return call.emit.conv_bias({}, channels);
  Tensor* bias = call.plain(i);
  if (bias->shape != Shape{channels})
    throw ImportError("the bias has the shape " + text_of(bias->shape) + ", there are " + std::to_string(channels) + " channels");
  return bias;
}

/// The spatial sizes of weights in ONNX' order.
std::vector<std::int32_t> taps_of(const OnnxCall& call, const Tensor* weights) {
  std::vector<std::int32_t> taps(weights->shape.begin() + 2, weights->shape.end());
  const std::vector<std::int64_t> stated = call.attributes().integers("kernel_shape");
  if (!stated.empty() && !std::equal(stated.begin(), stated.end(), taps.begin(), taps.end())) {
    throw ImportError("kernel_shape contradicts the weights' shape " + text_of(weights->shape));
  }
  return taps;
}

Result conv(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  Tensor* w = call.plain(1);
  const int rank = value.rank();
  if (rank < 3 || rank > 5 || w->rank() != rank || !w->is_static()) {
    throw ImportError("a convolution of the shape " + text_of(value.shape()) + " with weights of the shape " + text_of(w->shape) +
                      " is not supported");
  }
  const std::vector<Axis> axes = axes_of(call, x, taps_of(call, w));
  const std::int64_t groups = call.attributes().integer("group", 1);
  const std::int32_t outputs = w->shape[0], depth = w->shape[1], channels = x->shape.back();
  if (groups < 1 || (channels >= 0 && std::int64_t{depth} * groups != channels) || outputs % groups != 0) {
    throw ImportError("weights of the shape " + text_of(w->shape) + " in " + std::to_string(groups) + " groups don't fit the input " +
                      text_of(value.shape()));
  }
  if (rank == 5) {
    if (groups != 1) throw ImportError("CONV_3D has no groups");
    const bool same = is_same(x, axes);
    if (!same) x = pad_spatial(call, x, axes);
    const std::array<std::int32_t, 3> strides = {axes[0].stride, axes[1].stride, axes[2].stride};
    const std::array<std::int32_t, 3> dilations = {axes[0].dilation, axes[1].dilation, axes[2].dilation};
    const Tensor* filter = call.weights(w, {2, 3, 4, 1, 0});
    if (!filter->is_constant()) throw ImportError("the weights of a convolution over three axes must be constant");
    std::vector<float> bias;
    if (call.has(2)) bias = floats_of(call.constant(2, "B"));
    return {{call.emit.conv_3d(x, floats_of(*filter), filter->shape, bias, strides, dilations, same && !no_borders(axes)),
             OnnxCall::channels_last_order(5)}};
  }
  const bool line = rank == 3;
  return on_plane(call, value, axes, x, [&](Tensor* plane, const std::vector<Axis>& a) {
    const Window window = window_2d(call, plane, a);
    Tensor* bias = bias_of(call, 2, outputs);
    if (groups > 1 && groups == channels && depth == 1) {
      Tensor* filter = line ? call.weights(w, {1, 2, 0}, {1, 1, w->shape[2], outputs}) : call.weights(w, {1, 2, 3, 0});
      return call.emit.depthwise_conv_2d(plane, filter, bias, window);
    }
    Tensor* filter = line ? call.weights(w, {0, 2, 1}, {outputs, 1, w->shape[2], depth}) : call.weights(w, {0, 2, 3, 1});
    return call.emit.conv_2d(plane, filter, bias, window);
  });
}

/// Transposed convolution of one group.
Tensor* transpose_conv(const OnnxCall& call, Tensor* x, Tensor* filter, Tensor* bias, const std::vector<Axis>& a,
                       const std::vector<std::int64_t>& extra) {
  Emitter& e = call.emit;
  const Window window{a[0].stride, a[1].stride, 1, 1, false};
  std::array<std::int32_t, 2> size{}, full{};
  bool same = true, whole = true;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t in = Emitter::known(x, static_cast<int>(i) + 1, "TRANSPOSE_CONV");
    full[i] = checked_dim((in - 1) * a[i].stride + a[i].reach());
    size[i] = checked_dim(std::int64_t{full[i]} + extra[i] - a[i].before - a[i].after);
    whole = whole && a[i].before == 0 && size[i] == full[i];
    same = same && size[i] == in * a[i].stride && same_borders(size[i], a[i]).first == a[i].before;
    if (!same && std::int64_t{size[i]} + a[i].before > full[i])
      throw ImportError("its output_padding reaches beyond what TRANSPOSE_CONV gives", "leave output_padding out");
  }
  Tensor* shape = nullptr;
  const auto run = [&](bool is_same_padding, std::int32_t height, std::int32_t width) {
    shape = e.integers({std::max(x->shape[0], 1), height, width, filter->shape[0]});
    Values inputs = {shape, filter, x};
    if (bias != nullptr) inputs.push_back(bias);
    return e.add(TRANSPOSE_CONV, inputs, x->type, {x->shape[0], height, width, filter->shape[0]},
                 {{"padding", is_same_padding ? "SAME" : "VALID"}, {"stride_w", window.stride_w}, {"stride_h", window.stride_h}});
  };
  if (whole) return run(false, full[0], full[1]);
  if (same) return run(true, size[0], size[1]);
  return e.slice(run(false, full[0], full[1]), {0, a[0].before, a[1].before, 0}, {-1, size[0], size[1], -1});
}

Result conv_transpose(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  Tensor* w = call.plain(1);  // I, O / groups, H, W
  const int rank = value.rank();
  if (rank < 3 || rank > 4 || w->rank() != rank || !w->is_static())
    throw ImportError("a transposed convolution of the shape " + text_of(value.shape()) + " is not supported");
  std::vector<Axis> axes = axes_of(call, x, taps_of(call, w));
  std::vector<std::int64_t> extra = call.attributes().integers("output_padding", std::vector<std::int64_t>(axes.size(), 0));
  const std::vector<std::int64_t> wanted = call.attributes().integers("output_shape");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Axis& axis = axes[i];
    if (axis.dilation != 1) throw ImportError("a transposed convolution with a dilation has no operator");
    const std::string automatic = call.attributes().text("auto_pad", "NOTSET");
    if (wanted.size() != axes.size() && automatic == "NOTSET") continue;
    // The size is given, the borders follow from it.
    const std::int64_t in = Emitter::known(x, static_cast<int>(i) + 1, "TRANSPOSE_CONV");
    const std::int64_t size = wanted.size() == axes.size() ? wanted[i]
                              : automatic == "VALID"       ? (in - 1) * axis.stride + axis.reach()
                                                           : in * axis.stride;
    const std::int64_t total = std::max<std::int64_t>((in - 1) * axis.stride + axis.reach() + extra[i] - size, 0);
    axis.before = static_cast<std::int32_t>(automatic == "SAME_LOWER" ? total - total / 2 : total / 2);
    axis.after = static_cast<std::int32_t>(total - axis.before);
  }
  if (rank == 3) extra.insert(extra.begin(), 0);
  const std::int64_t groups = call.attributes().integer("group", 1);
  const std::int32_t inputs = w->shape[0], of_group = w->shape[1];
  if (groups < 1 || groups > 4096 || inputs % groups != 0 || (x->shape.back() >= 0 && x->shape.back() != inputs)) {
    throw ImportError("weights of the shape " + text_of(w->shape) + " in " + std::to_string(groups) + " groups don't fit the input " +
                      text_of(value.shape()));
  }
  const bool line = rank == 3;
  return on_plane(call, value, axes, x, [&](Tensor* plane, const std::vector<Axis>& a) {
    Tensor* filter = line ? call.weights(w, {1, 2, 0}, {of_group, 1, w->shape[2], inputs}) : call.weights(w, {1, 2, 3, 0});
    if (groups == 1) return transpose_conv(call, plane, filter, call.has(2) ? call.plain(2) : nullptr, a, extra);
    const auto part = static_cast<std::int32_t>(inputs / groups);
    const std::vector<std::int32_t> parts(static_cast<std::size_t>(groups), part);
    const Values planes = call.emit.split(plane, parts, 3);
    Values results;
    for (std::size_t g = 0; g < planes.size(); ++g) {
      Tensor* own = call.emit.floats(
          [&] {
            const std::vector<float> all = floats_of(*filter);
            std::vector<float> some;
            for (std::size_t at = g * static_cast<std::size_t>(part); at < all.size(); at += static_cast<std::size_t>(inputs)) {
              some.insert(some.end(), all.begin() + static_cast<std::ptrdiff_t>(at), all.begin() + static_cast<std::ptrdiff_t>(at) + part);
            }
            return some;
          }(),
          {filter->shape[0], filter->shape[1], filter->shape[2], part}, "weights");
      results.push_back(transpose_conv(call, planes[g], own, nullptr, a, extra));
    }
    Tensor* y = call.emit.concat(results, 3);
    return call.has(2) ? call.emit.binary(ADD, y, call.plain(2)) : y;
  });
}

/// Kernel sizes of a pooling.
std::vector<std::int32_t> pool_taps(const OnnxCall& call, int rank) {
  std::vector<std::int32_t> taps;
  for (const std::int64_t k : call.attributes().integers("kernel_shape")) taps.push_back(small(k, "kernel_shape"));
  if (static_cast<int>(taps.size()) != rank - 2) throw ImportError("kernel_shape doesn't fit the input's rank of " + std::to_string(rank));
  return taps;
}

/// ceil_mode asks for windows that begin inside and end outside: a wider border behind.
void widen_for_ceil(const Tensor* x, std::vector<Axis>& axes) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    Axis& a = axes[i];
    const std::int64_t size = Emitter::known(x, static_cast<int>(i) + 1, "ceil_mode");
    const std::int64_t padded = size + a.before + a.after;
    std::int64_t outputs = (padded - a.reach() + a.stride - 1) / a.stride + 1;
    if ((outputs - 1) * a.stride >= size + a.before) --outputs;
    a.after = checked_dim(a.after + std::max<std::int64_t>((outputs - 1) * a.stride + a.reach() - padded, 0));
  }
}

bool never_negative(const Tensor* x) {
  return x->producer != nullptr && (x->producer->is(RELU) || x->producer->is(RELU6) || x->producer->is(LOGISTIC));
}

Result max_pool(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  if (value.rank() < 3 || value.rank() > 4) throw ImportError("pooling of the shape " + text_of(value.shape()) + " is not supported");
  std::vector<Axis> axes = axes_of(call, x, pool_taps(call, value.rank()));
  if (call.attributes().integer("ceil_mode") != 0) widen_for_ceil(x, axes);
  return on_plane(call, value, axes, x, [&](Tensor* plane, const std::vector<Axis>& a) {
    if (a[0].dilation != 1 || a[1].dilation != 1) throw ImportError("MAX_POOL_2D has no dilation");
    Window window{a[0].stride, a[1].stride, 1, 1, false};
    if (!no_borders(a)) {
      window.same = is_same(plane, a);
      // Zero is neutral only where nothing is below it.
      if (!window.same) plane = pad_spatial(call, plane, a, never_negative(plane) ? 0.0F : std::numeric_limits<float>::lowest());
    }
    return call.emit.pool(MAX_POOL_2D, plane, a[0].taps, a[1].taps, window);
  });
}

Result average_pool(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  if (value.rank() < 3 || value.rank() > 4) throw ImportError("pooling of the shape " + text_of(value.shape()) + " is not supported");
  const std::vector<Axis> stated = axes_of(call, x, pool_taps(call, value.rank()));
  std::vector<Axis> axes = stated;
  if (call.attributes().integer("ceil_mode") != 0) widen_for_ceil(x, axes);
  const bool count_borders = call.attributes().integer("count_include_pad") != 0;
  return on_plane(call, value, axes, x, [&](Tensor* plane, const std::vector<Axis>& a) {
    if (a[0].dilation != 1 || a[1].dilation != 1) throw ImportError("AVERAGE_POOL_2D has no dilation");
    Window window{a[0].stride, a[1].stride, 1, 1, false};
    const bool widened =
        !std::equal(axes.begin(), axes.end(), stated.begin(), [](const Axis& l, const Axis& r) { return l.after == r.after; });
    if (no_borders(a)) return call.emit.pool(AVERAGE_POOL_2D, plane, a[0].taps, a[1].taps, window);
    if (!count_borders && is_same(plane, a)) {
      window.same = true;  // AVERAGE_POOL_2D leaves the border out of its counts
      return call.emit.pool(AVERAGE_POOL_2D, plane, a[0].taps, a[1].taps, window);
    }
    const std::array<std::int32_t, 2> sizes = {plane->shape[1], plane->shape[2]};
    Tensor* y = call.emit.pool(AVERAGE_POOL_2D, pad_spatial(call, plane, a), a[0].taps, a[1].taps, window);
    if (count_borders && !widened) return y;
    // Elements that count, for each window: those of the input and, where borders count, of the stated borders.
    if (element_count(std::span(y->shape).subspan(1, 2)) > (1 << 24))
      throw ImportError("an average without its border over an image this large is not supported");
    std::array<std::vector<float>, 2> counts;
    for (std::size_t i = 0; i < 2; ++i) {
      if (sizes[i] < 0) throw ImportError("an average without its border needs the input's size", "give the inputs fixed sizes");
      const std::int32_t ahead = count_borders ? 0 : a[i].before;
      const Axis& own = value.rank() == 3 ? (i == 0 ? a[0] : stated[0]) : stated[i];
      const std::int32_t end = count_borders ? a[i].before + sizes[i] + own.after : a[i].before + sizes[i];
      for (std::int32_t o = 0; o < y->shape[i + 1]; ++o) {
        const std::int64_t begin = std::int64_t{o} * a[i].stride;
        counts[i].push_back(static_cast<float>(std::min<std::int64_t>(begin + a[i].taps, end) - std::max<std::int64_t>(begin, ahead)));
      }
    }
    std::vector<float> factors;
    for (const float rows : counts[0]) {
      for (const float columns : counts[1])
        factors.push_back(static_cast<float>(a[0].taps) * static_cast<float>(a[1].taps) / (rows * columns));
    }
    return call.emit.binary(MUL, y, call.emit.floats(std::move(factors), {1, y->shape[1], y->shape[2], 1}, "counts"));
  });
}

template <BuiltinOperator Code> Result global_pool(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  if (value.rank() < 3) throw ImportError("the shape " + text_of(value.shape()) + " has no axes to pool over");
  std::vector<std::int32_t> axes;
  for (int axis = 2; axis < value.rank(); ++axis) axes.push_back(OnnxCall::axis_in_tensor(value, axis));
  std::sort(axes.begin(), axes.end());
  return {{call.emit.reduce(Code, value.tensor, axes, true), value.order}};
}

/// The size that a resize asks for, of the two spatial axes.
std::array<std::int32_t, 2> resize_size(const OnnxCall& call, const Shape& shape, std::size_t scales_at, std::size_t sizes_at) {
  std::array<std::int32_t, 2> result{};
  const bool by_size = call.has(sizes_at) && call.input(sizes_at).tensor->count() > 0;
  const std::vector<std::int64_t> axes_given = call.attributes().integers("axes");
  std::vector<std::int64_t> axes = axes_given;
  for (std::int64_t axis = 0; axes_given.empty() && axis < 4; ++axis) axes.push_back(axis);
  std::vector<double> factors(4, 1);
  if (by_size) {
    const std::vector<std::int64_t> sizes = integers_of(call.constant(sizes_at, "sizes"));
    if (sizes.size() != axes.size()) throw ImportError("sizes must hold " + std::to_string(axes.size()) + " numbers");
    result = {shape[2], shape[3]};
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const int axis = checked_axis(axes[i], 4);
      if (axis < 2 && sizes[i] != shape[static_cast<std::size_t>(axis)] && sizes[i] != unknown_size)
        throw ImportError("only height and width can be resized");
      if (axis >= 2) result[static_cast<std::size_t>(axis) - 2] = checked_dim(sizes[i]);
    }
    return result;
  }
  std::vector<double> scales;
  if (call.has(scales_at)) {
    for (const float s : floats_of(call.constant(scales_at, "scales"))) scales.push_back(static_cast<double>(s));
  } else if (const auto* values = call.attributes().find<std::vector<double>>("scales")) {
    scales = *values;
  }
  if (scales.size() != axes.size()) throw ImportError("scales must hold " + std::to_string(axes.size()) + " numbers");
  for (std::size_t i = 0; i < axes.size(); ++i) factors[static_cast<std::size_t>(checked_axis(axes[i], 4))] = scales[i];
  if (factors[0] != 1 || factors[1] != 1) throw ImportError("only height and width can be resized");
  for (std::size_t i = 0; i < 2; ++i) {
    if (shape[i + 2] < 0) throw ImportError("the size of the shape " + text_of(shape) + " is needed", "give the inputs fixed sizes");
    const double size = std::floor(shape[i + 2] * factors[i + 2]);
    if (!(size >= 1 && size < 1e9)) throw ImportError("a scale of " + std::to_string(factors[i + 2]) + " makes no sense");
    result[i] = static_cast<std::int32_t>(size);
  }
  return result;
}

Result resize(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  const Shape shape = value.shape();
  if (shape.size() != 4) throw ImportError("only images can be resized, the input has the shape " + text_of(shape));
  const bool old = call.opset < 11 || call.node.op == "Upsample";
  const auto size = old ? resize_size(call, shape, 1, 99) : resize_size(call, shape, 2, 3);
  const std::string mode = call.attributes().text("mode", "nearest");
  const std::string coordinates = old ? "asymmetric" : call.attributes().text("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = old ? "floor" : call.attributes().text("nearest_mode", "round_prefer_floor");
  const bool half = coordinates == "half_pixel" || coordinates == "pytorch_half_pixel", corners = coordinates == "align_corners";
  if (!half && !corners && coordinates != "asymmetric")
    throw ImportError("the coordinates '" + coordinates + "' have no operator", "use half_pixel, align_corners or asymmetric");
  if (mode != "nearest" && mode != "linear" && mode != "bilinear")
    throw ImportError("the mode '" + mode + "' has no operator", "use nearest or linear");
  if (call.attributes().integer("antialias") != 0) throw ImportError("antialiasing has no operator", "use antialias=0");
  const bool nearest = mode == "nearest";
  if (nearest) {
    // Where sizes grow by whole factors, ways of rounding agree for half pixels and for asymmetric coordinates that round down.
    bool whole = true;
    for (std::size_t i = 0; i < 2; ++i) whole = whole && shape[i + 2] > 0 && size[i] % shape[i + 2] == 0;
    const bool fits = half      ? rounding == "round_prefer_ceil" || whole
                      : corners ? rounding.starts_with("round")
                                : rounding == "floor" || (whole && size[0] == shape[2] && size[1] == shape[3]);
    if (!fits)
      throw ImportError("the rounding '" + rounding + "' with the coordinates '" + coordinates + "' has no operator",
                        "use nearest_mode=floor with asymmetric coordinates");
  }
  Tensor* y =
      call.emit.resize(nearest ? RESIZE_NEAREST_NEIGHBOR : RESIZE_BILINEAR, call.channels_last(value), size[0], size[1], corners, half);
  return {{y, OnnxCall::channels_last_order(4)}};
}

}  // namespace

std::vector<OnnxOperatorEntry> onnx_window_operators() {
  return {{"Conv", conv},
          {"ConvTranspose", conv_transpose},
          {"MaxPool", max_pool},
          {"AveragePool", average_pool},
          {"GlobalAveragePool", global_pool<MEAN>},
          {"GlobalMaxPool", global_pool<REDUCE_MAX>},
          {"Resize", resize},
          {"Upsample", resize}};
}

}  // namespace tfl::converter
