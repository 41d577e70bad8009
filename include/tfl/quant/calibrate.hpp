#pragma once
// From observed values to the range that a tensor is quantized for. For tools and tests; kernels don't need it.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tfl/quant/quantize.hpp"

namespace tfl::quant {

struct ValueRange {
  float min = 0;
  float max = 0;
  friend constexpr bool operator==(const ValueRange&, const ValueRange&) = default;
};

/// How a range follows from what was observed.
enum class Calibration : std::uint8_t {
  min_max,         // the smallest and largest value ever seen
  moving_average,  // each run's extremes pull the range a little: single outliers fade
  percentile,      // leaves out the outermost values
  entropy,         // the clipping at which the quantized histogram tells most of the real one (Kullback-Leibler)
  mse,             // the clipping with the least mean squared error
};

/// The extremes over all runs. NaN and infinities are counted, not used.
class RangeObserver {
 public:
  void add(std::span<const float> values) {
    ValueRange run{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
    for (const float v : values) {
      if (!std::isfinite(v)) {
        ++not_finite_;
        continue;
      }
      run.min = std::min(run.min, v);
      run.max = std::max(run.max, v);
    }
    if (run.min > run.max) return;
    if (runs_++ == 0) {
      extremes_ = average_ = run;
      return;
    }
    extremes_ = {std::min(extremes_.min, run.min), std::max(extremes_.max, run.max)};
    average_ = {average_.min + momentum * (run.min - average_.min), average_.max + momentum * (run.max - average_.max)};
  }

  std::int64_t runs() const { return runs_; }
  std::int64_t not_finite() const { return not_finite_; }
  ValueRange extremes() const { return extremes_; }
  ValueRange moving_average() const { return average_; }

 private:
  static constexpr float momentum = 0.01f;
  ValueRange extremes_, average_;
  std::int64_t runs_ = 0, not_finite_ = 0;
};

/// Counts of values in bins of one width over a range that is known before.
class Histogram {
 public:
  static constexpr std::size_t bins = 2048;

  explicit Histogram(ValueRange range) : range_(range), width_((double{range.max} - double{range.min}) / bins) {}

  void add(std::span<const float> values) {
    if (!(width_ > 0)) return;
    for (const float v : values) {
      if (!std::isfinite(v)) continue;
      const double place = (double{v} - double{range_.min}) / width_;
      const auto bin = static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(bins - 1)));
      ++counts_[bin];
      ++total_;
    }
  }

  ValueRange range() const { return range_; }
  std::int64_t total() const { return total_; }
  std::int64_t count(std::size_t bin) const { return counts_[bin]; }
  /// The value in the middle of a bin, and its lower border.
  double middle(std::size_t bin) const { return double{range_.min} + width_ * (static_cast<double>(bin) + 0.5); }
  double border(std::size_t bin) const { return double{range_.min} + width_ * static_cast<double>(bin); }

  /// Without the outermost values: `share` of them, a half at either end.
  ValueRange percentile(double share) const {
    if (total_ == 0 || !(width_ > 0)) return range_;
    const double left_out = static_cast<double>(total_) * share / 2;
    std::size_t first = 0, last = bins;
    for (double sum = 0; first + 1 < bins && (sum += static_cast<double>(counts_[first])) <= left_out;) ++first;
    for (double sum = 0; last > first + 1 && (sum += static_cast<double>(counts_[last - 1])) <= left_out;) --last;
    return {static_cast<float>(border(first)), static_cast<float>(border(last))};
  }

  /// The clipping, symmetric in share of the range, whose quantized values differ least from the real ones, in the mean of squares.
  ValueRange least_squares(TensorType type) const {
    return best_clipping([&](ValueRange clipped) {
      const AffineParameters p = choose_activation_parameters(clipped.min, clipped.max, type);
      double error = 0;
      for (std::size_t i = 0; i < bins; ++i) {
        if (counts_[i] == 0) continue;
        const double value = middle(i);
        const double back = double{dequantize_value(quantize_value(static_cast<float>(value), p, integer_range(type)), p)};
        error += static_cast<double>(counts_[i]) * (value - back) * (value - back);
      }
      return error;
    });
  }

  /// The clipping at which the counts, gathered into the type's levels and spread again, diverge least from the real counts, where what is
  /// clipped counts at the outermost levels.
  ValueRange least_divergence(TensorType type) const {
    const IntegerRange integers = integer_range(type);
    // More levels than bins tell nothing.
    const std::size_t levels = std::min<std::size_t>(static_cast<std::size_t>(integers.max - integers.min) + 1, 256);
    return best_clipping([&](ValueRange clipped) { return divergence(clipped, levels); });
  }

 private:
  template <class Cost> ValueRange best_clipping(Cost cost) const {
    if (total_ == 0 || !(width_ > 0)) return range_;
    constexpr int steps = 100;
    ValueRange best = range_;
    double least = cost(range_);
    for (int step = steps - 1; step >= steps / 10; --step) {
      const float share = static_cast<float>(step) / steps;
      const ValueRange clipped{range_.min * share, range_.max * share};
      if (const double c = cost(clipped); c < least) {
        least = c;
        best = clipped;
      }
    }
    return best;
  }

  double divergence(ValueRange clipped, std::size_t levels) const {
    const double low = std::min(0.0, double{clipped.min}), high = std::max(0.0, double{clipped.max});
    const auto first = static_cast<std::size_t>(std::clamp((low - double{range_.min}) / width_, 0.0, static_cast<double>(bins - 1)));
    const auto end = static_cast<std::size_t>(
        std::clamp(std::ceil((high - double{range_.min}) / width_), static_cast<double>(first + 1), static_cast<double>(bins)));
    std::array<double, bins> real{}, spread{};
    for (std::size_t i = 0; i < bins; ++i) real[std::clamp(i, first, end - 1)] += static_cast<double>(counts_[i]);
    const std::size_t used = end - first;
    for (std::size_t level = 0; level < levels; ++level) {
      const std::size_t begin = first + used * level / levels, stop = first + used * (level + 1) / levels;
      double sum = 0, filled = 0;
      for (std::size_t i = begin; i < stop; ++i) {
        // The clipped values are not in the quantized histogram: that is what clipping costs.
        sum += static_cast<double>(counts_[i]);
        filled += counts_[i] != 0 ? 1 : 0;
      }
      for (std::size_t i = begin; i < stop; ++i) spread[i] = counts_[i] != 0 ? sum / filled : 0;
    }
    double spread_total = 0, result = 0;
    for (std::size_t i = first; i < end; ++i) spread_total += spread[i];
    for (std::size_t i = first; i < end; ++i) {
      if (real[i] == 0) continue;
      const double p = real[i] / static_cast<double>(total_);
      const double q = spread_total > 0 ? spread[i] / spread_total : 0;
      result += p * std::log(p / std::max(q, 1e-9));
    }
    return result;
  }

  ValueRange range_;
  double width_;
  std::array<std::int64_t, bins> counts_{};
  std::int64_t total_ = 0;
};

}  // namespace tfl::quant
