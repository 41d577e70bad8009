#include "tools/converter/evaluate/compare_runs.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tfl/quant/quantize.hpp"
#include "tools/common/seeded_inputs.hpp"
#include "tools/converter/evaluate/evaluator.hpp"

namespace tfl::converter {
namespace {

std::size_t element_size(const Tensor& tensor) { return static_cast<std::size_t>(std::max(8, bits_of(tensor.type)) / 8); }

/// What the integers of a quantized tensor can stand for.
std::optional<std::pair<float, float>> range_of(const Tensor& tensor) {
  const TensorQuantization& q = tensor.quantization;
  if (tensor.type == TensorType::float32 || q.scales.size() != 1 || q.zero_points.size() != 1) return std::nullopt;
  const auto [low, high] = quant::integer_range(tensor.type);
  const auto real = [&](std::int64_t value) { return q.scales[0] * static_cast<float>(value - q.zero_points[0]); };
  return std::pair(real(low), real(high));
}

/// Floats between -1 and 1 as floats in the range.
void stretch(Bytes& data, std::pair<float, float> range) {
  for (std::size_t at = 0; at + sizeof(float) <= data.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, data.data() + at, sizeof value);
    value = range.first + (value + 1) / 2 * (range.second - range.first);
    std::memcpy(data.data() + at, &value, sizeof value);
  }
}

}  // namespace

void Deviation::add(double wanted, double got) {
  const double d = got - wanted;
  largest = std::max(largest, std::fabs(d));
  squares += d * d;
  signal += wanted * wanted;
  ++count;
}

double Deviation::ratio() const { return squares > 0 ? 10 * std::log10(signal / squares) : 999; }

double real_value(const Tensor& tensor, std::span<const std::uint8_t> data, std::size_t i) {
  const auto at = [&]<class T>(T) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    return static_cast<double>(value);
  };
  const double scale = tensor.quantization.scales.size() == 1 ? static_cast<double>(tensor.quantization.scales[0]) : 1.0;
  const double zero = tensor.quantization.zero_points.size() == 1 ? static_cast<double>(tensor.quantization.zero_points[0]) : 0.0;
  switch (tensor.type) {
    case TensorType::float32: return at(float{});
    case TensorType::int8: return scale * (at(std::int8_t{}) - zero);
    case TensorType::uint8: return scale * (at(std::uint8_t{}) - zero);
    case TensorType::int16: return scale * (at(std::int16_t{}) - zero);
    case TensorType::int32: return at(std::int32_t{});
    case TensorType::int64: return at(std::int64_t{});
    default: return data[i];
  }
}

Bytes as_input(const Tensor& from, const Bytes& data, const Tensor& to) {
  if (from.type == to.type || from.type != TensorType::float32 || to.quantization.scales.size() != 1) return data;
  const std::size_t count = data.size() / sizeof(float), size = element_size(to);
  Bytes result(count * size);
  const quant::AffineParameters parameters{to.quantization.scales[0], static_cast<std::int32_t>(to.quantization.zero_points[0])};
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value =
        quant::quantize_value(static_cast<float>(real_value(from, data, i)), parameters, quant::integer_range(to.type));
    std::memcpy(result.data() + i * size, &value, size);
  }
  return result;
}

std::vector<OutputDeviation> compare_runs(const Model& source, const Model& result, const CompareOptions& options, Problems& problems) {
  const auto before = Evaluator::make(source, problems), after = Evaluator::make(result, problems);
  if (before == nullptr || after == nullptr) return {};
  const Graph &a = *source.graphs.front(), &b = *result.graphs.front();
  std::vector<OutputDeviation> deviations;
  for (const Tensor* output : a.outputs()) deviations.push_back({output->name});
  for (int run = 0; run < options.runs; ++run) {
    tools::SeededStream stream(static_cast<std::uint32_t>(run + 1));
    std::vector<Bytes> inputs, converted;
    for (std::size_t i = 0; i < a.inputs().size(); ++i) {
      inputs.emplace_back(before->input_bytes(i));
      stream.fill(a.inputs()[i]->type, std::as_writable_bytes(std::span(inputs.back())));
      if (a.inputs()[i]->type == TensorType::float32) {
        auto range = range_of(*b.inputs()[i]);
        if (!range && i < options.ranges.size()) range = options.ranges[i];
        if (range) stretch(inputs.back(), *range);
      }
      converted.push_back(as_input(*a.inputs()[i], inputs.back(), *b.inputs()[i]));
    }
    for (const std::string& error : {before->run(inputs), after->run(converted)}) {
      if (!error.empty()) return problems.add(error), std::vector<OutputDeviation>();
    }
    for (std::size_t o = 0; o < deviations.size(); ++o) {
      const Bytes want = before->output(o), got = after->output(o);
      for (std::size_t i = 0; i < want.size() / element_size(*a.outputs()[o]); ++i)
        deviations[o].deviation.add(real_value(*a.outputs()[o], want, i), real_value(*b.outputs()[o], got, i));
    }
    if (options.progress) options.progress(static_cast<std::size_t>(run + 1), static_cast<std::size_t>(options.runs));
  }
  return deviations;
}

}  // namespace tfl::converter
