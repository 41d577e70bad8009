#include "tools/converter/quantize/calibrate.hpp"

#include <memory>
#include <unordered_map>

#include "tools/converter/evaluate/evaluator.hpp"

namespace tfl::converter {
namespace {

using quant::Calibration;

struct Observed {
  quant::RangeObserver range{};
  std::vector<double> sums{};  // along the last axis
  std::int64_t rows = 0;
  std::unique_ptr<quant::Histogram> histogram{};
};

std::span<const float> floats(std::span<const std::byte> data) {
  return {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)};
}

void add_sums(Observed& observed, const Tensor& tensor, std::span<const float> values) {
  const std::vector<std::int32_t> shape = tensor.example_shape();
  const std::size_t channels = shape.empty() || shape.back() < 1 ? 1 : static_cast<std::size_t>(shape.back());
  observed.sums.resize(channels);
  for (std::size_t i = 0; i < values.size(); ++i) observed.sums[i % channels] += static_cast<double>(values[i]);
  observed.rows += static_cast<std::int64_t>(values.size() / channels);
}

quant::ValueRange range_by(const Observed& observed, const CalibrateOptions& options) {
  switch (options.method) {
    case Calibration::moving_average: return observed.range.moving_average();
    case Calibration::percentile: return observed.histogram->percentile(1 - options.percentile / 100);
    case Calibration::entropy: return observed.histogram->least_divergence(options.activations);
    case Calibration::mse: return observed.histogram->least_squares(options.activations);
    default: return observed.range.extremes();
  }
}

}  // namespace

bool calibrate(Model& model, const std::vector<std::vector<Bytes>>& samples, const CalibrateOptions& options, Problems& problems) {
  if (samples.empty()) return problems.add("calibration needs at least one sample"), false;
  const auto evaluator = Evaluator::make(model, problems);
  if (evaluator == nullptr) return false;
  std::unordered_map<const Tensor*, Observed> observed;
  const bool needs_histogram = options.method != Calibration::min_max && options.method != Calibration::moving_average;
  const std::size_t all = samples.size() * (needs_histogram ? 2 : 1);
  std::size_t done = 0;
  const auto run_all = [&](const Evaluator::Visitor& visit) {
    for (const auto& sample : samples) {
      if (const std::string error = evaluator->run(sample, visit); !error.empty()) return problems.add(error), false;
      if (options.progress) options.progress(++done, all);
    }
    return true;
  };
  if (!run_all([&](const Tensor& tensor, std::span<const std::byte> data) {
        if (tensor.type != TensorType::float32) return;
        observed[&tensor].range.add(floats(data));
        if (options.channel_means != nullptr) add_sums(observed[&tensor], tensor, floats(data));
      })) {
    return false;
  }
  if (needs_histogram) {
    // Bins need the range: hence a second time over the samples.
    for (auto& [tensor, o] : observed) o.histogram = std::make_unique<quant::Histogram>(o.range.extremes());
    if (!run_all([&](const Tensor& tensor, std::span<const std::byte> data) {
          if (tensor.type == TensorType::float32) observed.at(&tensor).histogram->add(floats(data));
        })) {
      return false;
    }
  }
  for (const auto& tensor : model.main().tensors()) {
    const auto found = observed.find(tensor.get());
    if (found == observed.end()) continue;
    if (options.channel_means != nullptr && found->second.rows > 0) {
      std::vector<double>& means = (*options.channel_means)[tensor->name] = found->second.sums;
      for (double& mean : means) mean /= static_cast<double>(found->second.rows);
    }
    if (options.keeps_ranges && !tensor->quantization.min.empty()) continue;
    if (found->second.range.not_finite() != 0)
      problems.warn("tensor '" + tensor->name + "'", "has values that are infinite or no numbers; its range leaves them out");
    if (found->second.range.runs() == 0) continue;
    const quant::ValueRange range = range_by(found->second, options);
    tensor->quantization.min = {range.min};
    tensor->quantization.max = {range.max};
  }
  return !problems.any();
}

}  // namespace tfl::converter
