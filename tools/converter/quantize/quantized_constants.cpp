#include "tools/converter/quantize/quantized_constants.hpp"

#include <algorithm>
#include <cmath>

#include "tfl/core/float16.hpp"

namespace tfl::converter {
namespace {

std::shared_ptr<const Bytes> packed_pairs(const std::vector<std::int8_t>& values) {
  auto data = std::make_shared<Bytes>((values.size() + 1) / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto nibble = static_cast<unsigned>(values[i]) & 15u;
    (*data)[i / 2] = static_cast<std::uint8_t>((*data)[i / 2] | (i % 2 == 0 ? nibble : nibble << 4));
  }
  return data;
}

quant::ChannelLayout layout_of(const Tensor& tensor, int axis) {
  return axis < 0 ? quant::ChannelLayout{1, 1, tensor.values<float>().size()} : quant::channel_layout(tensor.shape, axis);
}

}  // namespace

std::vector<float> weight_scales(const Tensor& tensor, TensorType type, int axis) {
  const quant::ChannelLayout layout = layout_of(tensor, axis);
  std::vector<float> scales(layout.channels);
  if (!quant::choose_weight_scales(tensor.values<float>(), layout, scales, type)) scales.clear();
  return scales;
}

void quantize_weights_in_place(Tensor& tensor, TensorType type, std::vector<float> scales, int axis) {
  const std::span<const float> values = tensor.values<float>();
  const quant::ChannelLayout layout = layout_of(tensor, scales.size() > 1 ? axis : -1);
  const quant::IntegerRange range = quant::symmetric_range(type);
  std::vector<std::int8_t> integers(values.size());
  for (std::size_t o = 0; o < layout.outer; ++o) {
    for (std::size_t c = 0; c < layout.channels; ++c) {
      for (std::size_t i = 0; i < layout.inner; ++i) {
        const std::size_t at = layout.index(o, c, i);
        // In float, as TensorFlow's converter divides: it decides where a quotient lies near a half.
        const float quotient = values[at] / scales[c];
        integers[at] = static_cast<std::int8_t>(quant::clamp(quant::round_half_away(double{quotient}), range));
      }
    }
  }
  tensor.data = type == TensorType::int4 ? packed_pairs(integers) : make_data(std::span<const std::int8_t>(integers));
  tensor.type = type;
  tensor.quantization = {};
  tensor.quantization.zero_points.assign(scales.size(), 0);
  tensor.quantization.axis = scales.size() > 1 ? axis : 0;
  tensor.quantization.scales = std::move(scales);
}

bool quantize_blocks_in_place(Tensor& tensor, std::int32_t block_size, Tensor& scales) {
  const std::span<const float> values = tensor.values<float>();
  const auto block = static_cast<std::size_t>(block_size);
  const quant::IntegerRange range = quant::symmetric_range(TensorType::int4);
  std::vector<std::int8_t> integers(values.size());
  std::vector<Float16> halves;
  for (std::size_t first = 0; first < values.size(); first += block) {
    float largest = 0;
    for (const float v : values.subspan(first, block)) largest = std::isfinite(v) ? std::max(largest, std::fabs(v)) : INFINITY;
    const Float16 half = to_float16(largest > 0 ? largest / static_cast<float>(range.max) : 1.0f);
    // Of what half precision makes of the scale: it may round to nothing or to infinity.
    const float scale = to_float(half);
    if (!std::isfinite(scale)) return false;
    for (std::size_t i = first; i < first + block; ++i) {
      const double quotient = scale > 0 ? static_cast<double>(values[i] / scale) : 0.0;
      integers[i] = static_cast<std::int8_t>(quant::clamp(quant::round_half_away(quotient), range));
    }
    halves.push_back(half);
  }
  std::vector<std::int32_t> shape = tensor.shape;
  shape.back() /= block_size;
  scales.type = TensorType::float16;
  scales.shape = std::move(shape);
  scales.data = make_data(std::span<const Float16>(halves));
  tensor.data = packed_pairs(integers);
  tensor.type = TensorType::int4;
  tensor.quantization = {};
  tensor.quantization.block_scales = &scales;
  tensor.quantization.block_size = block_size;
  return true;
}

void quantize_activation_in_place(Tensor& tensor, TensorType type, quant::AffineParameters parameters) {
  const std::span<const float> values = tensor.values<float>();
  const quant::IntegerRange range = quant::integer_range(type);
  std::vector<std::int16_t> integers(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    integers[i] = static_cast<std::int16_t>(quant::quantize_value(values[i], parameters, range));
  if (type == TensorType::int16) {
    tensor.data = make_data(std::span<const std::int16_t>(integers));
  } else {
    auto data = std::make_shared<Bytes>(integers.size());
    std::transform(integers.begin(), integers.end(), data->begin(), [](std::int16_t v) { return static_cast<std::uint8_t>(v); });
    tensor.data = data;
  }
  tensor.type = type;
  tensor.quantization = {};
  tensor.quantization.scales = {parameters.scale};
  tensor.quantization.zero_points = {parameters.zero_point};
}

std::pair<float, float> range_of(std::span<const float> values) {
  if (values.empty()) return {0.0f, 0.0f};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

}  // namespace tfl::converter
