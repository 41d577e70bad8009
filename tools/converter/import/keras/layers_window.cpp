// needs: exceptions
// Keras layers that slide a window: convolutions, pooling, padding, cropping, upsampling.
#include <algorithm>

#include "tools/converter/import/keras/layer.hpp"
#include "tools/converter/import/relayout.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

/// What a layer over one spatial dimension does with x [N, W, C]: the same as over [N, 1, W, C].
template <class F> Tensor* with_height(const KerasCall& call, Tensor* x, F&& body) {
  Emitter::want_rank(x, 3);
  return call.emit.squeeze(body(call.emit.expand_dims(x, 1)), {1});
}

struct Spatial {
  std::int32_t height = 1, width = 1;
};

/// The two sizes of an option; one dimension is the width.
Spatial sizes(const KerasCall& call, std::string_view key, int dims, std::int32_t otherwise) {
  const std::vector<std::int32_t> values = call.integers(key, static_cast<std::size_t>(dims), otherwise);
  return dims == 1 ? Spatial{1, values[0]} : Spatial{values[0], values[1]};
}

Window window_of(const KerasCall& call, int dims) {
  const Spatial strides = sizes(call, "strides", dims, 1), dilation = sizes(call, "dilation_rate", dims, 1);
  const std::string padding = call.text("padding", "valid");
  if (padding != "valid" && padding != "same" && padding != "causal") throw ImportError("the padding '" + padding + "' is not known");
  return {strides.height, strides.width, dilation.height, dilation.width, padding == "same"};
}

/// Zeros before the first step, for causal convolutions; x is [N, 1, W, C].
Tensor* pad_causal(const KerasCall& call, Tensor* x, std::int32_t taps, std::int32_t dilation) {
  if (call.text("padding", "valid") != "causal") return x;
  return call.emit.pad(x, {{}, {}, {checked_dim((std::int64_t{taps} - 1) * dilation), 0}, {}});
}

Shape shape_of(const Hdf5Array& array) {
  Shape shape;
  for (const std::int64_t d : array.shape) shape.push_back(checked_dim(d));
  return shape;
}

/// Weights with a height of 1 where the layer has one spatial dimension.
Hdf5Array window_weight(const KerasCall& call, std::string_view name, int position, int dims) {
  Hdf5Array weights = call.weight(name, position, dims + 2);
  if (dims == 1) weights.shape.insert(weights.shape.begin(), 1);
  return weights;
}

/// Weights HWIO.
Tensor* convolve(const KerasCall& call, Tensor* x, const Hdf5Array& weights, std::vector<float> bias, const Window& window) {
  const Shape s = shape_of(weights);
  x = pad_causal(call, x, s[1], window.dilation_w);
  if (x->rank() == 4 && x->shape[3] >= 0 && (s[2] == 0 || x->shape[3] % s[2] != 0)) {
    throw ImportError("the weights " + text_of(s) + " don't fit the input " + text_of(x->shape));
  }
  return call.emit.conv_2d(x, permuted(weights.values, s, {3, 0, 1, 2}), {s[3], s[0], s[1], s[2]}, std::move(bias), window);
}

/// Weights HWIM.
Tensor* convolve_depthwise(const KerasCall& call, Tensor* x, Hdf5Array weights, std::vector<float> bias, const Window& window) {
  const Shape s = shape_of(weights);
  x = pad_causal(call, x, s[1], window.dilation_w);
  return call.emit.depthwise_conv_2d(x, std::move(weights.values), {1, s[0], s[1], checked_dim(std::int64_t{s[2]} * s[3])}, std::move(bias),
                                     window);
}

/// Runs the body on the layer's input as NHWC, then the layer's activation.
template <class F> Values on_window(const KerasCall& call, int dims, F&& body) {
  Tensor* x = call.to_channels_last(call.input());
  x = dims == 1 ? with_height(call, x, body) : body(x);
  return {call.activate(call.from_channels_last(x))};
}

template <int Dims> Values conv(const KerasCall& call) {
  return on_window(call, Dims, [&](Tensor* x) {
    return convolve(call, x, window_weight(call, "kernel", 0, Dims), call.bias(1), window_of(call, Dims));
  });
}

template <int Dims> Values depthwise_conv(const KerasCall& call) {
  return on_window(call, Dims, [&](Tensor* x) {
    // Newer versions call it kernel.
    const std::string_view name = call.weights.find(call.path, "depthwise_kernel", 0, call.part) ? "depthwise_kernel" : "kernel";
    return convolve_depthwise(call, x, window_weight(call, name, 0, Dims), call.bias(1), window_of(call, Dims));
  });
}

template <int Dims> Values separable_conv(const KerasCall& call) {
  return on_window(call, Dims, [&](Tensor* x) {
    x = convolve_depthwise(call, x, window_weight(call, "depthwise_kernel", 0, Dims), {}, window_of(call, Dims));
    const Hdf5Array pointwise = window_weight(call, "pointwise_kernel", 1, Dims);
    const Shape s = shape_of(pointwise);
    return call.emit.conv_2d(x, permuted(pointwise.values, s, {3, 0, 1, 2}), {s[3], s[0], s[1], s[2]}, call.bias(2), {});
  });
}

/// The size of a transposed convolution's result.
std::int32_t transposed_size(std::int32_t size, std::int32_t taps, std::int32_t stride, std::int32_t dilation, bool same,
                             std::optional<std::int32_t> output_padding) {
  const std::int64_t reach = std::int64_t{taps - 1} * dilation + 1;
  if (!output_padding) return checked_dim(std::int64_t{size} * stride + (same ? 0 : std::max<std::int64_t>(reach - stride, 0)));
  return checked_dim((std::int64_t{size} - 1) * stride + reach - (same ? 2 * (reach / 2) : 0) + *output_padding);
}

template <int Dims> Values conv_transpose(const KerasCall& call) {
  return on_window(call, Dims, [&](Tensor* x) {
    const Hdf5Array weights = window_weight(call, "kernel", 0, Dims);  // HWOI
    const Shape s = shape_of(weights);
    const Window window = window_of(call, Dims);
    if (window.dilation_h != 1 || window.dilation_w != 1) {
      throw ImportError("a transposed convolution with a dilation has no operator", "use a dilation_rate of 1");
    }
    std::optional<std::int32_t> extra_h, extra_w;
    if (!call.config["output_padding"].is_null()) {
      const Spatial extra = sizes(call, "output_padding", Dims, 0);
      extra_h = extra.height;
      extra_w = extra.width;
      if (Dims == 1) extra_h.reset();
    }
    const std::int32_t height = transposed_size(Emitter::known(x, 1, "TRANSPOSE_CONV"), s[0], window.stride_h, 1, window.same, extra_h);
    const std::int32_t width = transposed_size(Emitter::known(x, 2, "TRANSPOSE_CONV"), s[1], window.stride_w, 1, window.same, extra_w);
    return call.emit.transpose_conv(x, permuted(weights.values, s, {2, 0, 1, 3}), {s[2], s[0], s[1], s[3]}, call.bias(1), window, height,
                                    width);
  });
}

Values conv_3d(const KerasCall& call) {
  Tensor* x = call.to_channels_last(call.input());
  const Hdf5Array weights = call.weight("kernel", 0, 5);
  x = call.emit.conv_3d(x, weights.values, shape_of(weights), call.bias(1), call.integers("strides", 3, 1),
                        call.integers("dilation_rate", 3, 1), call.text("padding", "valid") == "same");
  return {call.activate(call.from_channels_last(x))};
}

template <int Dims, BuiltinOperator Code> Values pool(const KerasCall& call) {
  return on_window(call, Dims, [&](Tensor* x) {
    const Spatial size = sizes(call, "pool_size", Dims, 2);
    Window window = window_of(call, Dims);
    if (call.config["strides"].is_null()) {
      window.stride_h = size.height;
      window.stride_w = size.width;
    }
    return call.emit.pool(Code, x, size.height, size.width, window);
  });
}

template <BuiltinOperator Code> Values global_pool(const KerasCall& call) {
  Tensor* x = call.input();
  std::vector<std::int32_t> axes;
  for (int i = call.channels_first() ? 2 : 1; i < x->rank() - (call.channels_first() ? 0 : 1); ++i) axes.push_back(i);
  if (axes.empty()) throw ImportError("the input " + text_of(x->shape) + " has no axis to pool over");
  return {call.emit.reduce(Code, x, axes, call.flag("keepdims", false))};
}

/// The two sizes at each side of `dims` axes: n, (n, n) or ((n, n), (n, n)).
std::vector<Border> borders(const KerasCall& call, std::string_view key, int dims) {
  std::vector<Border> result;
  const Json& value = call.config[key];
  const auto number = [](const Json& json) { return checked_dim(json.integer()); };
  const bool pairs = value.is_array() && !value.items().empty() && value.items().front().is_array();
  if (pairs) {
    for (const Json& pair : value.items()) {
      if (pair.items().size() != 2) throw ImportError("'" + std::string(key) + "' must hold two numbers for each axis");
      result.push_back({number(pair.items()[0]), number(pair.items()[1])});
    }
  } else if (dims == 1 && value.items().size() == 2) {
    result.push_back({number(value.items()[0]), number(value.items()[1])});
  } else {
    for (const std::int32_t both : call.integers(key, static_cast<std::size_t>(dims), 1)) result.push_back({both, both});
  }
  if (result.size() != static_cast<std::size_t>(dims))
    throw ImportError("'" + std::string(key) + "' doesn't fit a layer over " + std::to_string(dims) + " axes");
  return result;
}

template <int Dims> Values zero_padding(const KerasCall& call) {
  Tensor* x = call.input();
  Emitter::want_rank(x, Dims + 2);
  std::vector<Border> all(static_cast<std::size_t>(Dims) + 2);
  const std::vector<Border> spatial = borders(call, "padding", Dims);
  std::copy(spatial.begin(), spatial.end(), all.begin() + (call.channels_first() ? 2 : 1));
  return {call.emit.pad(x, all)};
}

template <int Dims> Values cropping(const KerasCall& call) {
  Tensor* x = call.input();
  Emitter::want_rank(x, Dims + 2);
  std::vector<Emitter::Range> ranges(static_cast<std::size_t>(Dims) + 2);
  std::size_t axis = call.channels_first() ? 2 : 1;
  for (const Border& crop : borders(call, "cropping", Dims)) {
    if (crop.before > 0) ranges[axis].begin = crop.before;
    if (crop.after > 0) ranges[axis].end = -crop.after;
    ++axis;
  }
  return {call.emit.strided_slice(x, ranges)};
}

Values up_sampling_2d(const KerasCall& call) {
  Tensor* x = call.to_channels_last(call.input());
  Emitter::want_rank(x, 4);
  const std::vector<std::int32_t> factors = call.integers("size", 2, 2);
  const std::string method = call.text("interpolation", "nearest");
  if (method != "nearest" && method != "bilinear")
    throw ImportError("the interpolation '" + method + "' has no operator", "use nearest or bilinear");
  const std::int32_t height = checked_dim(std::int64_t{Emitter::known(x, 1, "UpSampling2D")} * factors[0]);
  const std::int32_t width = checked_dim(std::int64_t{Emitter::known(x, 2, "UpSampling2D")} * factors[1]);
  x = call.emit.resize(method == "nearest" ? RESIZE_NEAREST_NEIGHBOR : RESIZE_BILINEAR, x, height, width, false, true);
  return {call.from_channels_last(x)};
}

Values up_sampling_1d(const KerasCall& call) {
  return {with_height(call, call.input(), [&](Tensor* x) {
    const std::int32_t width = checked_dim(std::int64_t{Emitter::known(x, 2, "UpSampling1D")} * call.integers("size", 1, 2)[0]);
    return call.emit.resize(RESIZE_NEAREST_NEIGHBOR, x, 1, width, false, true);
  })};
}

Values resizing(const KerasCall& call) {
  Tensor* x = call.to_channels_last(call.input());
  const std::string method = call.text("interpolation", "bilinear");
  if ((method != "nearest" && method != "bilinear") || call.flag("crop_to_aspect_ratio", false) ||
      call.flag("pad_to_aspect_ratio", false)) {
    throw ImportError("this way of resizing (interpolation '" + method + "') has no operator",
                      "use nearest or bilinear, without keeping the aspect ratio");
  }
  x = call.emit.resize(method == "nearest" ? RESIZE_NEAREST_NEIGHBOR : RESIZE_BILINEAR, x, checked_dim(call.integers("height", 1, 1)[0]),
                       checked_dim(call.integers("width", 1, 1)[0]), false, true);
  return {call.from_channels_last(x)};
}

}  // namespace

std::vector<KerasLayerEntry> keras_window_layers() {
  std::vector<KerasLayerEntry> table = {
      {"Conv1D", conv<1>},
      {"Conv2D", conv<2>},
      {"Conv3D", conv_3d},
      {"Conv1DTranspose", conv_transpose<1>},
      {"Conv2DTranspose", conv_transpose<2>},
      {"DepthwiseConv1D", depthwise_conv<1>},
      {"DepthwiseConv2D", depthwise_conv<2>},
      {"SeparableConv1D", separable_conv<1>},
      {"SeparableConv2D", separable_conv<2>},
      {"AveragePooling1D", pool<1, AVERAGE_POOL_2D>},
      {"AveragePooling2D", pool<2, AVERAGE_POOL_2D>},
      {"MaxPooling1D", pool<1, MAX_POOL_2D>},
      {"MaxPooling2D", pool<2, MAX_POOL_2D>},
      {"GlobalAveragePooling1D", global_pool<MEAN>},
      {"GlobalAveragePooling2D", global_pool<MEAN>},
      {"GlobalAveragePooling3D", global_pool<MEAN>},
      {"GlobalMaxPooling1D", global_pool<REDUCE_MAX>},
      {"GlobalMaxPooling2D", global_pool<REDUCE_MAX>},
      {"GlobalMaxPooling3D", global_pool<REDUCE_MAX>},
      {"ZeroPadding1D", zero_padding<1>},
      {"ZeroPadding2D", zero_padding<2>},
      {"ZeroPadding3D", zero_padding<3>},
      {"Cropping1D", cropping<1>},
      {"Cropping2D", cropping<2>},
      {"Cropping3D", cropping<3>},
      {"UpSampling1D", up_sampling_1d},
      {"UpSampling2D", up_sampling_2d},
      {"Resizing", resizing},
  };
  // Older names.
  for (const auto& [old, now] : {std::pair{"Convolution1D", "Conv1D"}, std::pair{"Convolution2D", "Conv2D"},
                                 std::pair{"AvgPool2D", "AveragePooling2D"}, std::pair{"MaxPool2D", "MaxPooling2D"}}) {
    const auto entry = std::find_if(table.begin(), table.end(),
                                    [&, name = std::string_view(now)](const KerasLayerEntry& e) { return e.class_name == name; });
    table.push_back({old, entry->layer});
  }
  return table;
}

}  // namespace tfl::converter
